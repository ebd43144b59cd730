"""Make the notebooks from their sources: `make notebooks`, or `python docs/make_notebooks.py 03` for some.

Each notebooks/*.py (jupytext, py:percent) becomes an .ipynb that holds the same cells and their outputs,
so that a forge and the documentation show pictures. Widgets keep their still picture alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def executed(source: Path) -> nbformat.NotebookNode:
    """The notebook of a source, run from top to bottom in an empty folder."""
    notebook = jupytext.read(source)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=240, resources={"metadata": {"path": folder}}).execute()
    notebook.metadata.pop("widgets", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same in every run
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.outputs if not _is_noise(output)]
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.data.pop(WIDGET, None)
    return notebook


def _is_noise(output: nbformat.NotebookNode) -> bool:
    """A widget without a picture, which shows nothing without a kernel."""
    data = output.get("data", {})
    return WIDGET in data and "image/png" not in data


def main(words: list[str]) -> None:
    """Run what was asked for, or all."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    for source in sorted(NOTEBOOKS.glob("*.py")):
        if words and not any(source.name.startswith(word) for word in words):
            continue
        start = time.perf_counter()
        notebook = executed(source)
        target = source.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        print(f"{target.name}: {time.perf_counter() - start:.0f} s, {target.stat().st_size / 1024:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
