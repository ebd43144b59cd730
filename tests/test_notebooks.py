"""Every notebook runs from top to bottom, and its two files hold the same cells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")]

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"


def test_there_is_a_quickstart() -> None:
    assert ROOT / "notebooks" / "01_quickstart.py" in NOTEBOOKS


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_source_and_notebook_hold_the_same_cells(source: Path) -> None:
    import jupytext
    import nbformat

    text = jupytext.read(source)
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert [(c.cell_type, c.source) for c in text.cells] == [(c.cell_type, c.source) for c in notebook.cells]
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_with_its_outputs(source: Path) -> None:
    """A forge and the documentation show them: `make notebooks` makes them anew."""
    import nbformat

    path = source.with_suffix(".ipynb")
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run from top to bottom"
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    said = "".join(output.get("text", "") for output in outputs)
    assert not re.search(r"/tmp/|/home/|/root/|\bnan\b", said)
    assert "widgets" not in notebook.metadata
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_goals_an_exercise_and_asserts(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    for part in ("You will", "## Exercise", "<details><summary>Solution</summary>", "assert "):
        assert part in text, part


@pytest.mark.slow
@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nbmake does for `pytest --nbmake`, and what the outputs must hold besides."""
    import os

    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert float(notebook.cells.pop().outputs[0].text) < 1.5, "GiB; Binder gives 2"
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not any(o.output_type == "error" for o in outputs)
    if source.stem == "01_quickstart":
        pictures = [o for o in outputs if "image/png" in o.get("data", {})]
        assert any("application/vnd.jupyter.widget-view+json" in o.data for o in pictures), (
            "the explorer's still picture"
        )
        assert len(pictures) >= 2, "and the figure"
        nbformat.write(notebook, tmp_path / "done.ipynb")
        assert (tmp_path / "done.ipynb").stat().st_size < 5_000_000
