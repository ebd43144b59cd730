"""What the repository promises around the code: metadata, pins, layers, the built wheel."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cryoaniso_nb"


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def requirements(project: dict) -> dict[str, Requirement]:
    """Every dependency of the package and of its extras, but those of docs, lint and release alone."""
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + [
        line for name, group in extras.items() if name not in ("docs", "lint", "release") for line in group
    ]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in found if r.name != "cryoaniso_nb"}


def pins(name: str) -> dict[str, Version]:
    """The exact versions in a constraints file; anything else in it is an error."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(len(r.specifier) == 1 and str(r.specifier).startswith("==") and not r.url for r in found)
    return {canonicalize_name(r.name): Version(str(r.specifier).removeprefix("==")) for r in found}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Top-level names of the absolute imports in a file, wherever they stand, with their lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0], node.lineno


def test_every_imported_package_is_a_declared_dependency(requirements: dict[str, Requirement]) -> None:
    homes = importlib.metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in PACKAGE.rglob("*.py")
        for name, line in imports(path)
        if name not in sys.stdlib_module_names
        and name != "cryoaniso_nb"
        and not {canonicalize_name(home) for home in homes.get(name, [name])} & requirements.keys()
    }
    assert not undeclared


def test_the_pinned_versions_fit_the_dependencies(requirements: dict[str, Requirement]) -> None:
    pinned = pins("constraints.txt")
    missing = requirements.keys() - pinned.keys()
    assert not missing
    unfit = {name: str(pinned[name]) for name, r in requirements.items() if pinned[name] not in r.specifier}
    assert not unfit


def test_the_oldest_versions_are_the_lower_bounds(project: dict, requirements: dict[str, Requirement]) -> None:
    lower = {
        name: Version(specifier.version)
        for name, r in requirements.items()
        for specifier in r.specifier
        if specifier.operator == ">="
    }
    oldest = pins("constraints-oldest.txt")
    run = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert run <= oldest.keys()
    assert {name: v for name, v in oldest.items() if name in lower} == {
        name: v for name, v in lower.items() if name in oldest
    }


def test_every_dependency_has_a_lower_bound(requirements: dict[str, Requirement]) -> None:
    assert not [name for name, r in requirements.items() if ">=" not in str(r.specifier)]


def test_the_conda_recipe_says_what_pyproject_says(project: dict) -> None:
    """Names that differ on conda-forge are translated here."""
    yaml = pytest.importorskip("yaml")
    recipe = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text("utf-8"))
    renamed = {"matplotlib": "matplotlib-base"}
    wanted = {
        f"{renamed.get(needed.name, needed.name)} {needed.specifier}"
        for needed in map(Requirement, project["dependencies"])
    }
    python, *others = recipe["requirements"]["run"]
    found = {
        f"{name} {Requirement(f'{name}{bounds}').specifier}" for name, bounds in (text.split(" ") for text in others)
    }
    assert found == wanted
    assert python == "python >=${{ python_min }}"
    assert project["requires-python"] == f">={recipe['context']['python_min']}"
    assert recipe["context"]["version"] == importlib.metadata.version("cryoaniso_nb")
    (command,) = (f"{name} = {target}" for name, target in project["scripts"].items())
    assert recipe["build"]["python"]["entry_points"] == [command]


def test_only_one_file_knows_asyncio() -> None:
    users = {p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py") if "asyncio" in dict(imports(p))}
    assert users <= {"widgets/_loop.py"}


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_no_widgets_plots_or_cluster() -> None:
    loaded = run_python("import sys, cryoaniso_nb; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert "cryoaniso_nb" in loaded
    assert not {"bqplot", "ipywidgets", "matplotlib", "distributed", "pandas", "xarray"} & set(loaded)


def test_every_public_name_is_there() -> None:
    assert run_python("import cryoaniso_nb as ca; [getattr(ca, name) for name in ca.__all__]; print('all')") == "all\n"


def test_the_version_is_told_in_one_voice() -> None:
    import cryoaniso_nb

    version = cryoaniso_nb.__version__
    assert importlib.metadata.version("cryoaniso_nb") == version
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_map_of_the_code_is_complete() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    places = {path.name for path in PACKAGE.glob("*.py")} | {f"{path.parent.name}/" for path in PACKAGE.glob("*/*.py")}
    assert not {place for place in places - {"__init__.py"} if f"`{place}`" not in guide}


def test_files_named_in_the_documents_exist() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    broken = {
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    }
    assert not broken


def readme_blocks(language: str) -> list[str]:
    """Fenced code of one language in the README."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_containers_take_the_steps_that_are_tried_without_them() -> None:
    """Nothing builds images here: `binder/check` runs these lines in an empty environment."""
    tried = (ROOT / "binder" / "check").read_text(encoding="utf-8")
    dockerfile = (ROOT / "containers" / "Dockerfile").read_text(encoding="utf-8")
    apptainer = (ROOT / "containers" / "cryoaniso.def").read_text(encoding="utf-8")
    steps = [
        line.removeprefix("RUN ")
        for line in dockerfile.splitlines()
        if line.startswith("RUN ") and "useradd" not in line
    ]
    assert steps == ["pip install --quiet --requirement binder/requirements.txt", "binder/postBuild"]
    for step in steps:
        assert f"\n{step}\n" in tried
        assert f"\n    {step}\n" in apptainer
    python = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip().replace("-", ":")
    assert f"FROM {python}-slim" in dockerfile
    assert f"From: {python}-slim" in apptainer
    assert 'ENTRYPOINT ["binder/start"]' in dockerfile
    kernels = (ROOT / "binder" / "environment").read_text(encoding="utf-8").splitlines()[-1]
    assert kernels in apptainer


def test_the_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cryoaniso_nb as ca

    monkeypatch.chdir(tmp_path)
    maps = ca.simulate_half_maps(box=32, voxel_size=2.0, seed=3)
    ca.write_map("half1.mrc", maps.half1, 2.0)
    ca.write_map("half2.mrc", maps.half2, 2.0)
    ca.write_map("mask.mrc", ca.sphere_mask((32, 32, 32), 12.0), 2.0)
    blocks = readme_blocks("python")
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_the_commands_in_the_readme_exist() -> None:
    from cryoaniso_nb.cli import main

    used = {
        m for block in readme_blocks("sh") for m in re.findall(r"^(?:make|cryoaniso) [a-z0-9-]+", block, re.MULTILINE)
    }
    assert {"make demo", "make test", "make lab", "cryoaniso analyze"} <= used
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for program, name in (line.split() for line in sorted(used)):
        if program == "make":
            assert name in targets
        else:
            with pytest.raises(SystemExit) as stop:
                main([name, "--help"])
            assert stop.value.code == 0


@pytest.mark.slow
def test_the_built_wheel_runs_outside_the_checkout(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"HOME": str(tmp_path)}

    def call(*command: str | Path) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")

    # A new environment that sees this one's packages, but not the package installed in place here.
    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    (site,) = place.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    pip = ("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed")
    call(sys.executable, *pip, wheel)

    where = call(python, "-c", "import cryoaniso_nb; print(cryoaniso_nb.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    assert (site / "cryoaniso_nb" / "py.typed").exists()
    shown = call(place / "bin" / "cryoaniso", "demo", "--box", "32", "--no-figure", "-o", "out")
    assert "FSO = 0.5" in shown
    assert {"curves.csv", "directional_resolution.csv", "summary.json", "result.npz"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
