"""The page of one pair of a survey: verdict, curves, numbers, files."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ..analysis.result import AnalysisResult
from ..figures import Part, occupancy_plot, resolution_picture
from ..summary.tables import table_rows
from ..summary.verdict import headline
from .columns import COLUMNS
from .svg import legend_html, picture_svg, plot_svg

__all__ = ["pair_page"]

PIXELS = 160  # of the sphere: enough at its size on the page
FILES = {
    "curves.csv": "curves",
    "directional_resolution.csv": "resolution of every direction",
    "summary.json": "all numbers",
    "result.npz": "the result, for cryoaniso and Python",
}

CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 68rem; margin: 1.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 1.8rem; }
a { color: #0b5cad; } code { font-size: .85em; overflow-wrap: anywhere; }
.headline { font-size: 1.08rem; border-left: 4px solid #0072b2; padding: .4rem .9rem; background: #f2f7fb; }
.warnings { border-left: 4px solid #e69f00; padding: .4rem .9rem; background: #fdf6e7; }
.warnings ul { margin: .2rem 0; padding-left: 1.2rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2rem; } figure { margin: .8rem 0; flex: 1 1 20rem; }
figure:first-child { flex: 1.6 1 28rem; } figcaption { font-size: .9rem; color: #444; }
.key { display: inline-block; margin-right: 1rem; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #ddd; }
th { font-weight: 400; color: #333; width: 45%; }
"""


def pair_page(result: AnalysisResult, kept: Mapping[str, Any]) -> str:
    """The page as HTML that asks nothing of the network, some 40 kB.

    Parameters
    ----------
    result : AnalysisResult
        The pair's analysis.
    kept : mapping
        What the survey keeps of the pair.

    Returns
    -------
    str
        HTML; names are escaped.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> "&lt;apo&gt;" in pair_page(result, {"name": "<apo>", "folder": "apo", "files": [], "warnings": []})
    True
    """
    name, sentence = html.escape(str(kept["name"])), html.escape(headline(result))
    warnings = "".join(f"<li>{html.escape(str(item['text']))}</li>" for item in kept["warnings"])
    links = ", ".join(f'<a href="{file}">{file}</a> ({text})' for file, text in FILES.items())
    files = [
        (str(item["role"]), f"<code>{html.escape(str(item['path']))}<br>{html.escape(str(item['sha256']))}</code>")
        for item in kept["files"]
    ]
    body = [
        f'<p><a href="../index.html">All pairs</a></p>\n<h1>{name}</h1>\n<p class="headline"><b>{sentence}</b></p>',
        f'<div class="warnings">Warnings<ul>{warnings}</ul></div>' if warnings else "",
        f'<div class="figures">{_curves(result)}{_sphere(result)}</div>',
        "<h2>Numbers</h2>",
        _table([(html.escape(what), html.escape(value)) for what, value in [*table_rows(result), *_more(kept)]]),
        f"<h2>Files</h2>\n<p>{links}</p>",
        _table(files),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{CSS}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _figure(drawn: str, legend: Sequence[Part]) -> str:
    return f"<figure>{drawn}<figcaption>{legend_html(legend)}</figcaption></figure>"


def _curves(result: AnalysisResult) -> str:
    plot = occupancy_plot(result)
    return _figure(plot_svg(plot, title="FSO, FSC and Bingham test"), plot.legend)


def _sphere(result: AnalysisResult) -> str:
    picture = resolution_picture(result, pixels=PIXELS)
    return _figure(picture_svg(picture, title=picture.title), picture.legend)


def _more(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Measures that the survey has beside the analysis."""
    measured = set(kept.get("metrics", {}))
    found = [(column, column.value(kept)) for column in COLUMNS if column.name in measured]
    return [(c.text[:1].upper() + c.text[1:], f"{value:.{c.digits}f}") for c, value in found if value is not None]


def _table(rows: list[tuple[str, str]]) -> str:
    lines = "".join(f'<tr><th scope="row">{what}</th><td>{value}</td></tr>' for what, value in rows)
    return f"<table><tbody>{lines}</tbody></table>"
