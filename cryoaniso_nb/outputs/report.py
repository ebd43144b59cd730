"""One self-contained HTML page on one analysis, or comparing several."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from ..errors import ResultError
from ..plots.draw import STYLE
from ..plots.figures import comparison, figure, fsc_overlay, overview, slices_plot, threedfsc_plot
from ..results.ownership import protected
from ..results.targets import file_target
from ..results.types import ResolutionFlag, Result
from ..results.writing import written_file
from ..summary.conventions import BINGHAM_CURVES, shown_curve
from ..summary.methods import bibtex, methods_paragraph
from ..summary.next_steps import steps_html
from ..summary.standing import standing_sentence
from ..summary.tables import table_rows
from ..summary.verdict import headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..analysis.run import AnalysisResult
    from ..inputs.fsc_curves import ForeignFSC
    from ..inputs.half_maps import HalfMaps
    from ..measures.isosurface import Sphericity

__all__ = ["report_html", "write_report"]

CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; color: #1b1b1b; background: #fff;
       max-width: 60rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.headline { font-size: 1.1rem; border-left: 4px solid #0072b2; padding: .4rem .9rem; background: #f2f7fb; }
.warnings { border-left: 4px solid #e69f00; padding: .4rem .9rem; background: #fdf6e7; }
.warnings ul { margin: .2rem 0; padding-left: 1.2rem; }
figure { margin: 1.2rem 0; } figure img { width: 100%; height: auto; } figcaption { font-size: .92rem; color: #444; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; }
th { font-weight: 600; } tbody th { font-weight: 400; color: #333; }
code { font-size: .85em; overflow-wrap: anywhere; } dt { font-weight: 600; } dd { margin: 0 0 .6rem 0; }
.small { font-size: .88rem; color: #444; }
@media print { body { max-width: none; margin: 0; font-size: 10.5pt; } h2 { page-break-after: avoid; }
  figure, table, .headline, .warnings { page-break-inside: avoid; }
  .headline, .warnings { background: none; } @page { margin: 16mm; } }
"""

HOW_TO_READ = (
    (
        "Directional FSC (dFSC)",
        "The Fourier shell correlation of the half maps inside a cone around one direction. "
        "A direction and its opposite are the same.",
    ),
    (
        "Fourier shell occupancy (FSO)",
        "The share of directions whose dFSC reaches chi in a shell. It is 1 where every direction "
        "holds signal and 0 where none does; FSO = 0.5 is close to the global resolution.",
    ),
    (
        "Transition zone",
        "From FSO = 0.9 to FSO = 0.1. Before it the map is isotropic, inside it only some directions hold "
        "signal. Noise alone gives an isotropic map a narrow zone too, so its width is not yet anisotropy.",
    ),
    (
        "Bingham test",
        "Asks in each shell whether the directions that reach chi are spread evenly. The textbook p-value is "
        "small and the published curve is large where they are not; the axis says which one is drawn. Both take "
        "overlapping cones as independent and therefore call most isotropic maps anisotropic in the transition zone; "
        "only the calibrated p-value allows for that.",
    ),
    (
        "Directional resolution",
        "Where the dFSC of a direction first falls below chi, in Å. On the disc the centre looks along z, the rim "
        "lies in the xy plane. Bright is well resolved, white reaches Nyquist, black holds no signal; along a dark "
        "direction the map is smeared.",
    ),
    (
        "The sentence at the top",
        "Compares how far dFSC varies over directions in the transition zone with what noise alone would do, or "
        "rests on the calibrated test where there is one. Single best and worst directions are extremes of many "
        "noisy values; the 5 and 95 % points are steadier.",
    ),
)
CITATION = (
    "Vilas, J. L. & Tagare, H. D. New measures of anisotropy of cryo-EM maps. Nature Methods (2023). "
    "https://doi.org/10.1038/s41592-023-01874-3"
)


def write_report(
    results: AnalysisResult | Sequence[AnalysisResult],
    path: str | os.PathLike[str],
    *,
    maps: HalfMaps | None = None,
    labels: Sequence[str] | None = None,
    additions: Mapping[str, Result] | None = None,
    figures: Mapping[str, Figure] | None = None,
    curves: Sequence[ForeignFSC] = (),
    bingham: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a report: figures, tables, warnings, settings, how to read it, in one HTML file.

    Parameters
    ----------
    results : AnalysisResult or sequence of them
        One makes a report, several a comparison.
    path : path
        The file to write.
    maps : HalfMaps, optional
        Adds slices of the map, of its low-pass at FSO = 0.9, and of their difference (one result).
    labels : sequence of str, optional
        Names of the results; those of the input files if not given.
    additions : mapping of str to Result, optional
        Title -> another measure (sphericity, SCF, tilt advice), whose numbers are shown.
    figures : mapping of str to Figure, optional
        Caption -> another figure, e.g. of poses or tilt advice.
    curves : sequence of ForeignFSC
        FSC curves of other programs, drawn over those of the first result.
    bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Which curve of the test is drawn; the calibrated one if there is one, else the textbook one.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        When the file exists, or the folder can't be written to.
    ResultError
        When labels and results don't pair up.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), f"{folder}/report.html")
    ...     page.read_text(encoding="utf-8")[:15]
    '<!DOCTYPE html>'
    """
    with protected(maps.files if maps is not None else ()):
        target = file_target(path, overwrite=overwrite)
        page = report_html(
            results, maps=maps, labels=labels, additions=additions, figures=figures, curves=curves, bingham=bingham
        )
        with written_file(target) as part:
            part.write_text(page, encoding="utf-8")
    return Path(path)


def report_html(
    results: AnalysisResult | Sequence[AnalysisResult],
    *,
    maps: HalfMaps | None = None,
    labels: Sequence[str] | None = None,
    additions: Mapping[str, Result] | None = None,
    figures: Mapping[str, Figure] | None = None,
    curves: Sequence[ForeignFSC] = (),
    bingham: str | None = None,
) -> str:
    """The page that `write_report` writes; the same results give the same page.

    Parameters
    ----------
    results : AnalysisResult or sequence of them
        One makes a report, several a comparison.
    maps : HalfMaps, optional
        Adds slices (one result).
    labels : sequence of str, optional
        Names of the results.
    additions : mapping of str to Result, optional
        Title -> another measure.
    figures : mapping of str to Figure, optional
        Caption -> another figure, e.g. of poses or tilt advice.
    curves : sequence of ForeignFSC
        FSC curves of other programs, drawn over those of the first result.
    bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Which curve of the test is drawn; the calibrated one if there is one, else the textbook one.

    Returns
    -------
    str
        HTML that asks nothing of the network.

    Raises
    ------
    ResultError
        Without results, or when labels and results don't pair up.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> "How to read" in report_html(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    True
    """
    many = list(results) if isinstance(results, Sequence) else [results]
    if not many:
        raise ResultError("There is no result to report on; give at least one.")
    names = list(labels) if labels is not None else _names(many)
    if len(names) != len(many):
        raise ResultError(f"There are {len(many)} results and {len(names)} labels; give one label a result.")
    if len(many) == 1:
        title, body = f"Anisotropy of {names[0]}", _single(many[0], maps, bingham)
    else:
        title, body = "Anisotropy compared: " + ", ".join(names), _several(many, names, bingham)
    if curves:
        body += [
            "<h2>FSC of other programs</h2>",
            _drawn(fsc_overlay(many[0], curves, bingham=bingham), "FSC of other programs", ""),
        ]
    body += [_addition(name, result) for name, result in (additions or {}).items()]
    body += [_drawn(made, caption, caption) for caption, made in (figures or {}).items()]
    body += [_how_to_read(), _settings(many, names)]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _names(results: Sequence[AnalysisResult]) -> list[str]:
    names = []
    for number, result in enumerate(results, 1):
        first = next((i.name for i in result.inputs if i.role in ("half1", "map")), "")
        fallback = "a map" if len(results) == 1 else f"map {number}"
        names.append(Path(first).name or fallback)
    return [f"{n} ({i})" if names.count(n) > 1 else n for i, n in enumerate(names, 1)]


def _single(r: AnalysisResult, maps: HalfMaps | None, bingham: str | None) -> list[str]:
    body = [
        f'<p class="headline">{html.escape(headline(r))}</p>',
        _standing(r),
        _warnings(r),
        _next(r),
        _drawn(figure(r, bingham=bingham), f"Curves and sphere. {headline(r)}", _figure_caption(r, bingham)),
        "<h2>Numbers</h2>",
        _table(["", ""], table_rows(r), header=False),
        "<h2>Spread over directions</h2>",
        _drawn(
            overview(r),
            "Directional FSC and directional resolution",
            "Left: directional FSC of all axes. Right: directional resolution, weighted by the area that each axis "
            "stands for, in the colours of the sphere.",
        ),
        _drawn(
            threedfsc_plot(r),
            "Central slices of the 3DFSC",
            "Central slices of the 3DFSC, bright where it is well resolved; rings are resolutions in Å. An isotropic "
            "map gives round contours; a direction in which the line comes close to the centre is poorly resolved.",
        ),
    ]
    if r.histogram is not None:
        body += _area_ratios(r)
    body.append(f"<p>{html.escape(_sphericity_words(r))}</p>")
    if maps is not None:
        body += _map_slices(r, maps)
    return [*body, *_methods(r)]


def _standing(r: AnalysisResult) -> str:
    return "" if r.standing is None else f"<p>{html.escape(standing_sentence(r.standing))}</p>"


def _next(r: AnalysisResult) -> str:
    steps = steps_html(r)
    return f'<div class="steps"><h2>What now?</h2>{steps}</div>' if steps else ""


def _methods(r: AnalysisResult) -> list[str]:
    if r.partial:
        return []
    return [
        "<h2>Methods text</h2>",
        f"<p>{html.escape(methods_paragraph(r))}</p>",
        f"<details><summary>BibTeX</summary><pre>{html.escape(bibtex(r))}</pre></details>",
    ]


def _figure_caption(r: AnalysisResult, bingham: str | None) -> str:
    test = BINGHAM_CURVES[shown_curve(r.bingham, bingham)]
    zone = "The transition zone is shaded; past it few directions pass and the test (pale) tells little."
    cone = f"{r.settings.cone_half_angle:g}°"
    sphere = f"Right: directional resolution, smoothed with the cone of {cone}; bright is well resolved."
    return f"{zone} {test.label}: {test.note} {sphere}"


def _several(results: Sequence[AnalysisResult], names: Sequence[str], bingham: str | None) -> list[str]:
    items = "".join(
        f"<dt>{html.escape(n)}</dt><dd>{html.escape(headline(r))}</dd>" for n, r in zip(names, results, strict=True)
    )
    tables = [dict(table_rows(r)) | _compared(r) for r in results]
    order = list(dict.fromkeys(name for table in tables for name in table))
    rows = [(name, *(table.get(name, "") for table in tables)) for name in order]
    body = [
        f'<dl class="headline">{items}</dl>',
        _drawn(
            comparison(results, names),
            "FSO curves and spheres",
            "FSO (continuous) and global FSC (dashed) of each map, and directional resolution on one colour scale.",
        ),
        "<h2>Numbers</h2>",
        _table(["", *names], rows),
    ]
    for name, r in zip(names, results, strict=True):
        body += [
            f"<h2>{html.escape(name)}</h2>",
            _warnings(r),
            _drawn(figure(r, bingham=bingham), f"Curves and sphere of {name}", _figure_caption(r, bingham)),
            _drawn(threedfsc_plot(r), f"3DFSC of {name}", "Central slices of the 3DFSC."),
        ]
    return body


def _warnings(r: AnalysisResult) -> str:
    if not r.warnings:
        return ""
    items = "".join(f"<li>{html.escape(warning)}</li>" for warning in r.warnings)
    return f'<div class="warnings"><b>Warnings</b><ul>{items}</ul></div>'


def _area_ratios(r: AnalysisResult) -> list[str]:
    """Numbers comparable with cryoSPARC's orientation diagnostics."""
    rows = []
    curves = {"cFAR-like, cones": r.conical_curves("cone"), "Relative signal, tori": r.conical_curves("torus")}
    for name, found in curves.items():
        ratio, lasting = found.ratio("first"), found.ratio("lasting")
        worst = "; ".join(f"zenith {z:.0f}°, azimuth {a:.0f}° ({v:.2f})" for z, a, v in ratio.worst(3))
        values = [f"{v:.2f}" for v in (ratio.ratio, ratio.robust, lasting.ratio, lasting.robust)]
        rows.append((name, *values, worst))
    note = (
        "Comparable with cryoSPARC's cFAR and relative signal, which are closed, but not equal to them. "
        "There a cFAR below 0.5 suggests preferred orientation; one or two axes decide the smallest over "
        "largest, and a dip by noise alone ends an area; so look at the percentiles too, and at the ratios of "
        "areas that end only where the curve falls to stay."
    )
    if r.against_model:
        level = f"{r.settings.threshold:g}"
        note = f"Areas end at {level}, as dFSC against a model is judged; cFAR is of half maps. {note}"
    columns = [
        "Area under conical FSC",
        "smallest / largest",
        "5 % / 95 %",
        "smallest / largest, dips ignored",
        "5 % / 95 %, dips ignored",
        "smallest areas (over the median)",
    ]
    return ["<h2>Area ratios</h2>", _table(columns, rows), f'<p class="small">{html.escape(note)}</p>']


def _sphericity(r: AnalysisResult) -> Sphericity | None:
    """Of this project's 3DFSC; none where its surface doesn't close inside the volume."""
    found = r.sphericity()
    return found if np.isfinite(found.value) else None


def _sphericity_words(r: AnalysisResult) -> str:
    found = _sphericity(r)
    if found is None:
        return "The 3DFSC has no surface at 0.5, so there is no sphericity."
    limited = " Its surface reaches the last shell, which hides anisotropy." if found.limited else ""
    return (
        f"Sphericity {found.value:.3f}, of the surface at {found.threshold:g} of this project's 3DFSC; values printed "
        f"by the 3DFSC program are of another volume (cryoaniso threedfsc --definition tan2017).{limited}"
    )


def _compared(r: AnalysisResult) -> dict[str, str]:
    """Single numbers of a result for the table of several."""
    found = _sphericity(r)
    rows = {"Sphericity at 0.5 (this project's 3DFSC)": "no surface" if found is None else f"{found.value:.3f}"}
    if r.histogram is not None:
        ratio = r.cfar()
        rows["cFAR-like area ratio, smallest / largest"] = f"{ratio.ratio:.2f}"
        rows["cFAR-like area ratio, 5 % / 95 %"] = f"{ratio.robust:.2f}"
    return rows


def _map_slices(r: AnalysisResult, maps: HalfMaps) -> list[str]:
    """The map, its low-pass where directions begin to part, and what that takes away (paper, Fig. 2)."""
    if r.fso.onset.flag is not ResolutionFlag.CROSSED:
        return ["<h2>Map</h2>", "<p>FSO doesn't fall to 0.9 between two shells, so there is no low-pass to show.</p>"]
    from ..measures.filters import fso_cut_off, isotropic_filter

    low = isotropic_filter(maps, fso_cut_off(r.fso))
    worst = None if r.regions is None else r.regions.worst.marks(1)
    made = slices_plot(
        {"Mean map": maps.mean(), "Low-pass": low.filtered},
        differences={"Difference": np.abs(low.difference)},
        voxel_size=r.settings.voxel_size,
        direction=None if worst is None or not len(worst) else worst[0],
    )
    caption = (
        f"Central slices of the mean of the half maps, of its low-pass at {r.fso.onset.resolution:.2f} Å, where FSO = "
        "0.9, and, on a grey scale of its own, of what the low-pass takes away: blobs that stretch along one direction "
        "show anisotropy. The last column holds the worst direction, upwards."
    )
    return ["<h2>Map</h2>", _drawn(made, "Slices of the map, its low-pass and their difference", caption)]


def _addition(name: str, result: Result) -> str:
    """The single numbers and words of another measure."""
    rows = []
    for item in dataclasses.fields(result):
        value = getattr(result, item.name)
        if isinstance(value, (str, bool)) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            rows.append((item.name.replace("_", " "), "not measured" if shown == "nan" else shown))
    doubts = getattr(result, "warnings", ())
    rows += [("warning", str(doubt)) for doubt in doubts]
    return f"<h2>{html.escape(name)}</h2>{_table(['', ''], rows, header=False)}"


def _how_to_read() -> str:
    items = "".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in HOW_TO_READ)
    return f"<h2>How to read this</h2><dl>{items}</dl>"


def _settings(results: Sequence[AnalysisResult], names: Sequence[str]) -> str:
    rows: list[tuple[str, ...]] = []
    for name, r in zip(names, results, strict=True):
        for entry in r.inputs:
            digest = f"<code>{entry.sha256}</code>" if entry.sha256 else "not hashed"
            rows.append((html.escape(name), html.escape(entry.role), html.escape(entry.name), digest))
    files = _raw_table(["map", "role", "file", "SHA-256"], rows) if rows else "<p>The maps came as arrays.</p>"
    versions = ", ".join(sorted({r.settings.version or "unknown" for r in results}))
    return (
        f"<h2>Inputs, program, citation</h2>{files}"
        f'<p class="small">Analyzed with cryoaniso_nb {html.escape(versions)}. '
        f"Please cite the method: {html.escape(CITATION)}</p>"
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, header: bool = True) -> str:
    escaped = [[html.escape(str(cell)) for cell in row] for row in rows]
    return _raw_table([html.escape(c) for c in columns] if header else [], escaped)


def _raw_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{c}</th>' for c in columns)
    lines = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows
    )
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{lines}</tbody></table>"


def _drawn(made: Figure, alternative: str, caption: str) -> str:
    """A figure as an SVG inside the page; as an image of its own, so that ids don't clash."""
    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        made.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    data = base64.b64encode(stream.getvalue()).decode()
    text = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    source = f"data:image/svg+xml;base64,{data}"
    return f'<figure><img src="{source}" alt="{html.escape(alternative, quote=True)}">{text}</figure>'
