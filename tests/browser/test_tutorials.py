"""Tutorials in JupyterLab, in a real browser: every cell runs, and the console is quiet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from lab_tools import ARTIFACTS, ROOT, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

# One with the explorer and one without; TUTORIALS="01 02 ..." looks at others.
NUMBERS = os.environ.get("TUTORIALS", "01 11").split()
DONE = """() => { const panel = window.jupyterapp.shell.currentWidget;
  const cells = [...panel.content.model.cells].filter(c => c.type === 'code' && c.sharedModel.getSource().trim());
  return cells.every((cell, i) => cell.executionCount === i + 1)
    && panel.sessionContext.session.kernel.status === 'idle'; }"""
CLEARED = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"


class Tutorial(Notebook):
    """A notebook of the project, opened as it is stored."""

    def __init__(self, page: Any, url: str, folder: Path, source: Path) -> None:
        self.page, self.path = page, folder / source.name
        shutil.copy(source, self.path)
        page.goto(f"{url}/doc/tree/{source.name}")
        self.wait_ready()


@pytest.mark.parametrize("number", NUMBERS)
def test_every_cell_runs_in_jupyterlab(number: str, page: Any, lab: tuple[str, Path]) -> None:
    (source,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    book = Tutorial(page, *lab, source)
    page.evaluate(CLEARED)
    book.run_all()
    page.wait_for_function(DONE, timeout=180_000)
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert page.locator(".jp-OutputArea-output img, .cryoaniso-explorer").count() > 0
    # bqplot draws figures once before they have a size, and says so
    errors = [text for text in page.said if "rror" in text and "A negative value is not valid" not in text]
    assert not errors
    page.set_viewport_size({"width": 1280, "height": 5000})
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"tutorial-{number}.png"))
