# Everything needs only Python >= 3.11 and make; what a target needs is installed into .venv once.
# CONSTRAINTS=constraints.txt installs the exact versions that CI and Binder use.

PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(if $(shell $(p) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(p))))
VENV ?= .venv
CONSTRAINTS ?=
OUT ?= demo
BECAUSE ?=
PYTEST_ARGS ?=

IPYKERNEL6 := ipykernel==6.31.0 nest-asyncio==1.6.0
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PIN := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
SOURCES := $(wildcard cryoaniso_nb benchmarks docs tests notebooks)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-oldest test-ipykernel6 lint format lab bench docs notebooks map screenshots record pins binder-check wheel clean

help: ## Say what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.stamp-run ## Simulate an anisotropic pair, analyse it; tables, figures and report go to OUT=demo
	$(BIN)/cryoaniso demo --overwrite -o $(OUT)

test: $(VENV)/.stamp-test ## Run all tests; PYTEST_ARGS="-k name" for some of them
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-oldest: .venv-oldest/.stamp-oldest ## Run the tests on the oldest supported versions, without a browser and the slow ones
	.venv-oldest/bin/python -m pytest -m "not browser and not slow" tests $(PYTEST_ARGS)

test-ipykernel6: $(VENV)/ipykernel6/.stamp ## Run the tests of the explorer in a kernel with ipykernel 6
	CRYOANISO_KERNEL_PATH=$(abspath $(VENV))/ipykernel6 CRYOANISO_IPYKERNEL=6. \
		$(BIN)/python -m pytest tests/test_kernel.py $(PYTEST_ARGS)

lint: $(VENV)/.stamp-lint ## Check style, types, layers and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/numpydoc lint $$(find cryoaniso_nb -name '*.py' -not -name '_*')
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

format: $(VENV)/.stamp-lint ## Format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: $(VENV)/.stamp-lab ## Open the quickstart notebook in JupyterLab
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/01_quickstart.ipynb

bench: $(VENV)/.stamp-run ## Measure speed and memory, print a table
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

docs: $(VENV)/.stamp-docs ## Build the documentation into docs/_build/html, warnings as errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

notebooks: $(VENV)/.stamp-test ## Run the notebooks' sources and keep cells and outputs; NOTEBOOKS="03 04" for some
	$(BIN)/python docs/make_notebooks.py $(NOTEBOOKS)

map: $(VENV)/.stamp-lint ## Draw the rooms of the code from their imports
	$(BIN)/python docs/make_map.py

screenshots: $(VENV)/.stamp-test ## Make the README's pictures (needs Chromium)
	$(BIN)/python docs/make_screenshots.py

record: $(VENV)/.stamp-test ## Record numbers that were meant to change; BECAUSE="words of the changelog's line"
	$(BIN)/python tests/test_drift.py "$(BECAUSE)"

pins: $(VENV)/.stamp-test $(VENV)/.stamp-lint ## Write the versions in .venv to constraints.txt, for CI and Binder
	{ echo '# The versions that CI and Binder install, on Python 3.11; renewed by `make pins`.'; \
	  $(BIN)/python -m pip freeze --exclude-editable | grep -v -e ' @ ' -e '^#' -e '^-'; } > constraints.tmp
	mv constraints.tmp constraints.txt

binder-check: ## Do what Binder does, in a fresh environment
	PYTHON=$(PYTHON) binder/check

wheel: $(VENV)/.stamp-release ## Build wheel and source into dist/ and check them
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist
	$(BIN)/python -m twine check --strict dist/*

clean: ## Remove environments, caches and outputs
	rm -rf .venv .venv-oldest build dist artifacts docs/_build docs/generated docs/tutorials docs/api.rst $(OUT)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is made anew when what is to be installed changes; the package itself is installed
# in place, so that editing it needs no new installation.
$(VENV)/.stamp-run: EXTRAS =
$(VENV)/.stamp-test: EXTRAS = [test]
$(VENV)/.stamp-lint: EXTRAS = [lint]
$(VENV)/.stamp-lab: EXTRAS = [lab]
$(VENV)/.stamp-release: EXTRAS = [release]
$(VENV)/.stamp-docs: EXTRAS = [docs]
$(VENV)/.stamp-%: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing cryoaniso_nb$(EXTRAS) into $(VENV) ..."
	@$(PIP) $(PIN) --editable '.$(EXTRAS)'
	@touch $@

# Ipykernel 6 lies beside the newest one that is installed, and needs little else.
$(VENV)/ipykernel6/.stamp: Makefile | $(VENV)/.stamp-test
	@rm -rf $(@D)
	@$(PIP) --no-deps --target $(@D) $(IPYKERNEL6)
	@touch $@

.venv-oldest/.stamp-oldest: pyproject.toml constraints-oldest.txt
	@$(call make-venv,.venv-oldest)
	@echo "Installing the oldest supported versions into .venv-oldest ..."
	@.venv-oldest/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint constraints-oldest.txt --editable '.[test]'
	@touch $@

$(BIN)/python:
	@$(call make-venv,$(VENV))

define make-venv
	test -n "$(PYTHON)" || { echo "cryoaniso_nb needs Python 3.11 or newer: none found, set PYTHON=/path/to/python3" >&2; exit 1; }; \
	$(PYTHON) -m venv $(1) || { rm -rf $(1); echo "$(PYTHON) can't make virtual environments: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
endef
