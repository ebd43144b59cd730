"""The page of a survey: a table that sorts, with a small curve and a link for every pair."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .columns import COLUMNS, DONE, Column, column_named, counts_text

__all__ = ["curves_style", "index_page", "number_text", "small_curves"]

WIDTH, HEIGHT = 120, 32  # of a small curve

CSS = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, "Helvetica Neue", Arial, sans-serif; color: #1b1b1b; background: #fff;
  margin: 1.5rem auto; padding: 0 1.2rem; max-width: 1500px; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
p { margin: .3rem 0; max-width: 60rem; } a { color: #0b5cad; }
label { font-weight: 600; } input { font: inherit; padding: .15rem .4rem; width: 16rem; max-width: 60vw; }
.scroll { overflow-x: auto; margin-top: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid #e2e2e2; text-align: right; white-space: nowrap; }
td.t, th.t { text-align: left; }
td.p { white-space: normal; min-width: 14rem; max-width: 24rem; overflow-wrap: anywhere; }
td.p small { display: block; color: #595959; font-size: .8rem; line-height: 1.25; }
thead th { position: sticky; top: 0; background: #f4f6f8; border-bottom: 2px solid #c9d1d9; vertical-align: bottom;
  padding: 0; }
thead th span { display: block; padding: .35rem .5rem; }
th button { font: inherit; font-weight: 600; border: 0; background: none; padding: .35rem .5rem; width: 100%;
  text-align: inherit; cursor: pointer; color: inherit; }
th button:hover, th button:focus-visible { background: #e3e9ef; }
th[aria-sort=ascending] button::after { content: " \\2191"; color: #0b5cad; }
th[aria-sort=descending] button::after { content: " \\2193"; color: #0b5cad; }
tbody tr:hover { background: #f7fafc; } tr.f td { background: #fdf1ee; }
svg { display: block; }
dl { columns: 24rem; font-size: .88rem; } dt { font-weight: 600; } dd { margin: 0 0 .3rem; }
@media print { .scroll { overflow: visible; } input, label { display: none; } table { font-size: .7rem; } }
"""

# Sorts by what a cell shows: numbers as numbers, what is unknown at the end in both directions.
SCRIPT = """
const table = document.querySelector("table"), body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
const value = (row, i) => { const t = row.cells[i].textContent.trim(); const n = parseFloat(t);
  return t === "\\u2013" || t === "" ? null : heads[i].classList.contains("t") ? t.toLowerCase() : n; };
function sort(i) {
  const up = heads[i].getAttribute("aria-sort") !== "ascending";
  heads.forEach(h => h.removeAttribute("aria-sort"));
  heads[i].setAttribute("aria-sort", up ? "ascending" : "descending");
  const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, {numeric: true});
  const rows = [...body.rows].map(r => [value(r, i), r]);
  rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null) : (up ? 1 : -1) * compare(a, b));
  body.append(...rows.map(r => r[1]));
}
heads.forEach((h, i) => h.querySelector("button")?.addEventListener("click", () => sort(i)));
document.querySelector("input").addEventListener("input", e => {
  const words = e.target.value.toLowerCase().split(/\\s+/);
  for (const row of body.rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(w => text.includes(w));
  }
});
"""


def index_page(rows: Sequence[Mapping[str, Any]], curves: Mapping[str, Mapping[str, Any]], by: str, title: str) -> str:
    """The page as HTML that asks nothing of the network.

    Parameters
    ----------
    rows : sequence of mapping
        From `with_ranks`.
    curves : mapping of str to mapping
        Folder -> its small curves: ``x``, ``fso`` and ``fsc``.
    by : str
        The column that pairs are ranked by.
    title : str
        Of the page.

    Returns
    -------
    str
        HTML; names and reasons are escaped.

    Examples
    --------
    >>> rows = [{"name": "<apo>", "folder": "apo", "status": "done", "rank": 1, "percentile": None}]
    >>> "&lt;apo&gt;" in index_page(rows, {}, "effect_ratio", "Survey")
    True
    """
    shown = [column for column in COLUMNS if column.heading]
    ranked = column_named(by)
    order = "largest" if ranked.worse > 0 else "smallest"
    note = (
        f"Rank 1 has the {order} {ranked.name} ({ranked.text}); the percentile is the share of the others that are "
        "better. Curves: FSO (blue) and FSC (gray, dashed), 0 to 1, from zero frequency to Nyquist. "
        "A click on a heading sorts."
    )
    body = "\n".join(_row(row, curves.get(str(row.get("folder")), {}), shown) for row in rows)
    meanings = "".join(f"<dt>{_lines(column.heading, ' ')}</dt><dd>{html.escape(column.text)}</dd>" for column in shown)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{CSS}{curves_style()}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n"
        f'<p>{html.escape(counts_text(rows))}. <a href="table.csv">table.csv</a> has them all, with more columns.</p>\n'
        f"<p>{html.escape(note)}</p>\n"
        '<p><label for="find">Show only rows with</label> <input id="find" type="search"></p>\n'
        f'<div class="scroll"><table><thead><tr>{_heads(shown)}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n'
        f"<h2>Columns</h2>\n<dl>{meanings}</dl>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _heads(shown: Sequence[Column]) -> str:
    cells = [_head("Rank", False), _head("Percentile", False)]
    for column in shown:
        cells.append(_head(column.heading, column.digits < 0))
        if column.name == "name":
            cells.append('<th scope="col" class="t"><span>FSO, FSC</span></th>')
    return "".join(cells)


def _head(text: str, is_text: bool) -> str:
    kind = ' class="t"' if is_text else ""
    return f'<th scope="col"{kind}><button type="button">{_lines(text)}</button></th>'


def _lines(heading: str, end: str = "<br>") -> str:
    return end.join(html.escape(line) for line in heading.split("<br>"))


def _path_text(path: str) -> str:
    """A path that breaks after its slashes."""
    return html.escape(path).replace("/", "/<wbr>")


def _row(row: Mapping[str, Any], curves: Mapping[str, Any], shown: Sequence[Column]) -> str:
    cells = [f"<td>{number_text(row.get('rank'), 0)}</td><td>{number_text(row.get('percentile'), 0)}</td>"]
    failed = row.get("status") != DONE
    for column in shown:
        value = row.get(column.name)
        if column.name == "name":
            name = html.escape(str(value))
            link = f'<a href="{html.escape(quote(str(row.get("folder")), safe=""))}/index.html">{name}</a>'
            below = html.escape(str(row.get("reason"))) if failed else _path_text(str(row.get("half1") or ""))
            cells.append(f'<td class="t p">{name if failed else link}<small>{below}</small></td>')
            cells.append(f"<td>{small_curves(curves) if curves else ''}</td>")
        elif column.digits < 0:
            cells.append(f'<td class="t">{html.escape(str(value)) if value is not None else "–"}</td>')
        else:
            cells.append(f"<td>{number_text(value, column.digits)}</td>")
    return f"<tr{' class=f' if failed else ''}>{''.join(cells)}</tr>"


def number_text(value: Any, digits: int) -> str:
    """A number as the page shows it.

    Parameters
    ----------
    value : object
        A number, or None for unknown.
    digits : int
        After the point.

    Returns
    -------
    str
        A dash for unknown.

    Examples
    --------
    >>> number_text(3.14159, 2), number_text(None, 2)
    ('3.14', '–')
    """
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return f"{value:.{digits}f}" if known else "–"


def curves_style(within: str = "") -> str:
    """How `small_curves` look.

    Parameters
    ----------
    within : str
        A selector of what they are in, where a page holds more.

    Returns
    -------
    str
        Rules of a style sheet.

    Examples
    --------
    >>> curves_style(".maps")[:20]
    '.maps .a {fill:none;'
    """
    looks = {
        "a": "fill:none;stroke:#1a85e8;stroke-width:1.5",
        "b": "fill:none;stroke:#767676;stroke-width:1;stroke-dasharray:3 2",
        "c": "stroke:#d0d0d0",
    }
    return " ".join(f"{within} .{kind} {{{look}}}".strip() for kind, look in looks.items())


def small_curves(curves: Mapping[str, Any]) -> str:
    """FSO and FSC in a few bytes of SVG.

    Parameters
    ----------
    curves : mapping
        ``x`` from 0 to 1, ``fso`` and ``fsc``.

    Returns
    -------
    str
        A picture, of the looks that `curves_style` gives.

    Examples
    --------
    >>> small_curves({"x": [0.5, 1.0], "fso": [1.0, 0.0]})[:11]
    '<svg width='
    """
    drawn = "".join(
        f'<path class="{kind}" d="{_path(curves.get("x", ()), curves.get(name, ()))}"/>'
        for name, kind in (("fsc", "b"), ("fso", "a"))
    )
    size = f'width="{WIDTH}" height="{HEIGHT + 2}" viewBox="0 -1 {WIDTH} {HEIGHT + 2}"'
    return f'<svg {size} aria-hidden="true"><path class="c" d="M0 {HEIGHT}H{WIDTH}"/>{drawn}</svg>'


def _path(x: Sequence[Any], y: Sequence[Any]) -> str:
    parts, pen = [], "M"
    for place, value in zip(x, y, strict=False):
        if not all(isinstance(n, (int, float)) and math.isfinite(n) for n in (place, value)):
            pen = "M"
            continue
        height = HEIGHT * (1 - min(1.0, max(0.0, value)))
        parts.append(f"{pen}{WIDTH * place:.0f} {height:.1f}")
        pen = "L"
    return "".join(parts)
