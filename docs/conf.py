"""Settings of the documentation: `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import ast
import base64
import json
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from cryoaniso_nb import __version__  # noqa: E402

project = "cryoaniso_nb"
author = "cryoaniso_nb developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "commands",
    "documents",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are stored with their outputs, and executed by the tests
numpydoc_show_class_members = False
autodoc_typehints = "none"  # numpydoc sections tell them
autosummary_generate = True
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "studies", "README.md", "tutorials/_gallery.md"]
suppress_warnings = ["mystnb.unknown_mime_type"]  # widgets have no static picture
# No other site is asked for its index: the build works without a network.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

html_theme = "pydata_sphinx_theme"
html_title = f"cryoaniso_nb {release}"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}


def _notebooks() -> None:
    """The tutorials lie beside docs/, where Binder opens them: copied here for the build."""
    target = HERE / "tutorials"
    target.mkdir(exist_ok=True)
    for old in target.glob("*.ipynb"):
        old.unlink()
    for notebook in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, target / notebook.name)


CARD = """:::{{grid-item-card}} {title}
:img-top: tutorials/pictures/{name}.png
:link: tutorials/{name}
:link-type: doc
:::
"""


def _gallery() -> None:
    """A card for each tutorial that draws something, with its largest picture."""
    place = HERE / "tutorials" / "pictures"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    cards = []
    for path in sorted((HERE / "tutorials").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        drawn = [
            base64.b64decode("".join(output["data"]["image/png"]))
            for cell in cells
            for output in cell.get("outputs", ())
            if "image/png" in output.get("data", {})
        ]
        if drawn:
            (place / f"{path.stem}.png").write_bytes(max(drawn, key=len))
            title = re.sub(r"^#+ (\d+ )?", "", "".join(cells[0]["source"]).splitlines()[0])
            cards.append(CARD.format(title=title, name=path.stem))
    grid = "\n".join(["::::{grid} 2 2 3 4", ":gutter: 2", "", *cards, "::::", ""])
    (HERE / "tutorials" / "_gallery.md").write_text(grid, "utf-8")


ROOMS = {
    "analysis": "Analyze",
    "inputs": "Read and write",
    "measures": "Measure",
    "statistics": "Judge",
    "simulate": "Simulate",
    "plots": "Plot",
    "outputs": "Export and report",
    "surveys": "Survey",
    "widgets": "Explore",
    "results": "Results",
    "engine": "Where to compute",
    "errors": "Errors",
}
ABOUT = """API
===

``import cryoaniso_nb as ca``. Everything that users call stands here; what else a room hands on is
in its ``__init__.pyi``. Resolution is in Å, frequency in 1/Å, angles in degrees; volumes are indexed
(z, y, x), directions are unit vectors (x, y, z).
"""


def _api() -> None:
    """Every public name under the room it comes from, out of the stub that makes it public."""
    stub = ast.parse((HERE.parent / "cryoaniso_nb" / "__init__.pyi").read_text("utf-8"))
    rooms: dict[str, list[str]] = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            rooms.setdefault(node.module.split(".")[0], []).extend(alias.name for alias in node.names)
    lines = [ABOUT]
    for room in sorted(rooms, key=[*ROOMS].index):
        names = "\n".join(f"   cryoaniso_nb.{name}" for name in sorted(rooms[room], key=str.lower))
        title = ROOMS[room]
        lines.append(f"{title}\n{'-' * len(title)}\n\n.. autosummary::\n   :toctree: generated\n\n{names}\n")
    (HERE / "api.rst").write_text("\n".join(lines), "utf-8")


_notebooks()
_gallery()
_api()
