"""JupyterLab and Chromium as fixtures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests and docs/make_screenshots.py share lab_tools

from lab_tools import FLAGS, Notebook, jupyterlab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[tuple[str, Path]]:
    """Address and folder of a running JupyterLab."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page 1280 px wide; what its console says is in `page.said`."""
    context = browser.new_context(viewport={"width": 1280, "height": 1200})
    made = context.new_page()
    made.said = []
    made.on("console", lambda m: made.said.append(m.text) if m.type in ("error", "warning") else None)
    made.on("pageerror", lambda e: made.said.append(str(e)))
    made.set_default_timeout(30_000)
    yield made
    context.close()


@pytest.fixture
def notebook(page: Any, lab: tuple[str, Path], request: pytest.FixtureRequest) -> Callable[..., Notebook]:
    """Opens a notebook of given cells."""
    url, folder = lab

    def open_it(cells: list[str], suffix: str = "", place: str = "doc") -> Notebook:
        return Notebook(page, url, folder, request.node.name + suffix, cells, place)

    return open_it
