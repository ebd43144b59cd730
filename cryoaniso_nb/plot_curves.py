"""Curves of an analysis on matplotlib axes.

Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from .errors import ResultError
from .fscfiles import ForeignFSC
from .headline import Analysed
from .measures.fsc import global_crossing
from .measures.resolution import resolution_statistics, weighted_percentiles
from .results import ResolutionFlag

__all__ = ["angstrom_axis", "dfsc_fan", "distribution", "fso_plot", "overlay_fsc"]

Floats = NDArray[np.float64]

BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, "#56B4E9")
GREY, ZONE = "#555555", "#F0E442"
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.5,
    "legend.fontsize": 9.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "svg.hashsalt": "cryoaniso_nb",
    "savefig.dpi": 200,
}
BINGHAM_LABELS = {
    "published": "Bingham test, as published",
    "p_value": "Bingham p, textbook",
    "calibrated": "Bingham p, calibrated",
}
# Labels of the resolution axis, the rounder ones first.
ANGSTROMS = (
    (1, 2, 3, 4, 5, 10, 20, 50, 100, 200),
    (1.5, 2.5, 3.5, 6, 8, 30, 15, 40, 25, 300, 500, 150, 70),
    (7, 12, 9, 4.5, 1.2, 1.8, 2.2, 2.8, 3.2, 5.5, 1.3, 1.4, 1.6, 1.7, 1.1, 1.9, 2.4, 2.6, 3.7, 0.9, 0.8, 0.7, 0.6, 0.5),
)
TICK_GAP = 0.085  # of the axis' length, so that labels don't touch; more for long labels


def angstrom_axis(ax: Axes, frequency: Floats) -> None:
    """Label a frequency axis in Å, linear in frequency.

    Parameters
    ----------
    ax : Axes
        Whose x axis is in 1/Å.
    frequency : ndarray, shape (S,)
        Shells 1 to Nyquist.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> angstrom_axis(ax, np.arange(1, 33) / 64)
    >>> [label.get_text() for label in ax.get_xticklabels()][-1]
    '2'
    """
    top = float(frequency[-1])
    ax.set_xlim(0, top)
    ticks: list[float] = []
    for value in (v for tier in ANGSTROMS for v in tier if 1 / v <= top * 1.0001):
        place, gap = 1 / value, TICK_GAP * top * (1.3 if value >= 100 else 1.0)
        if place > 0.06 * top and all(abs(place - other) >= gap for other in ticks):
            ticks.append(place)
    ticks.sort()
    ax.set_xticks(ticks, [f"{1 / t:.3g}" for t in ticks])
    ax.set_xlabel("Resolution (Å)")


def fso_plot(result: Analysed, ax: Axes, *, bingham: str | None = None, legend: bool = True) -> None:
    """FSO, global FSC and the Bingham test against frequency, as in the paper's Fig. 1.

    Parameters
    ----------
    result : AnalysisResult
        An analysis; a calibration or band that it carries is drawn too.
    ax : Axes
        Where to draw; the Bingham test gets an axis of its own on the right.
    bingham : {'published', 'p_value', 'calibrated'}, optional
        Which curve of the test; the calibrated one if there is one, else the published one.
    legend : bool
        Whether to name the curves, above the axes.

    Raises
    ------
    ResultError
        When the result has no such curve.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> fso_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> ax.get_ylabel()
    'FSO, FSC'
    """
    name = bingham or ("calibrated" if result.bingham.calibrated is not None else "published")
    curve = getattr(result.bingham, name, None) if name in BINGHAM_LABELS else None
    if curve is None:
        advice = "take 'published' or 'p_value', or calibrate it first"
        raise ResultError(f"This result has no Bingham curve {name!r}; {advice}.")
    frequency = result.fso.frequency
    zone = _shade_zone(result, ax)
    handles = [] if zone is None else [zone]
    for level in (0.9, 0.5, 0.1):
        ax.axhline(level, color=GREY, lw=0.6, ls=(0, (1, 2)), zorder=1)
    ax.axhline(result.fso.threshold, color=GREEN, lw=0.8, ls="-.", zorder=1)
    handles += _extras(result, ax)
    if result.settings.mask != "none":
        handles += ax.plot(frequency, result.global_fsc.fsc_unmasked, color=GREY, lw=1.0, ls=":", label="FSC, unmasked")
    label = "FSC, masked" if result.settings.mask != "none" else "FSC"
    handles += ax.plot(frequency, result.global_fsc.fsc, color=GREY, lw=1.3, label=label)
    corrected = getattr(getattr(result, "mask_correction", None), "corrected", None)
    if corrected is not None:
        handles += ax.plot(frequency, corrected, color=PURPLE, lw=1.2, label="FSC, corrected for the mask")
    handles += ax.plot(frequency, result.fso.occupancy, color=BLUE, lw=2.0, label="FSO")
    ax.set_ylim(-0.06, 1.04)
    ax.set_ylabel("FSO, FSC")
    angstrom_axis(ax, frequency)
    ax.annotate(f"χ = {result.fso.threshold:g}", (0.01, result.fso.threshold), xycoords=("axes fraction", "data"),
                color=GREEN, va="bottom", fontsize=9)  # fmt: skip
    handles += _bingham_axis(result, ax, curve, name)
    if legend:
        _legend_above(ax, handles, 3)


def _legend_above(ax: Axes, handles: Sequence[Any] | None, columns: int, title: str | None = None) -> None:
    """A legend over the axes, where it hides no curve."""
    shown = list(handles) if handles is not None else ax.get_legend_handles_labels()[0]
    ax.legend(handles=shown, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, title=title,
              handlelength=1.8, columnspacing=1.0, borderaxespad=0, labelspacing=0.3, alignment="left")  # fmt: skip


def _bingham_axis(result: Analysed, ax: Axes, curve: Floats, name: str) -> list[Any]:
    """The test on an axis of its own; pale past the zone, where few axes pass and it tells little."""
    frequency = result.bingham.frequency
    other = ax.twinx()
    past = frequency.size
    if result.fso.end.flag is ResolutionFlag.CROSSED:
        past = int(np.searchsorted(frequency, result.fso.end.frequency)) + 3
    lines = other.plot(frequency[:past], curve[:past], color=VERMILION, lw=1.3, ls="--", label=BINGHAM_LABELS[name])
    other.plot(frequency[past - 1 :], curve[past - 1 :], color=VERMILION, lw=0.8, ls="--", alpha=0.3)
    other.axhline(0.05, color=VERMILION, lw=0.6, ls=(0, (1, 3)))
    other.set_ylim(-0.06, 1.04)
    other.annotate("0.05", (0.01, 0.05), xycoords=("axes fraction", "data"), color=VERMILION, va="bottom", fontsize=9)
    sense = "grows with anisotropy" if name == "published" else "small: anisotropic"
    other.set_ylabel(f"{BINGHAM_LABELS[name]}\n({sense})", color=VERMILION)
    other.tick_params(axis="y", colors=VERMILION)
    return list(lines)


def _shade_zone(result: Analysed, ax: Axes) -> Any:
    """Shade the transition zone; an end that isn't reached runs to the axis' end."""
    onset, end = result.fso.onset, result.fso.end
    if onset.flag in (ResolutionFlag.NOT_CROSSED, ResolutionFlag.UNMEASURED):
        return None
    start = onset.frequency if onset.flag is ResolutionFlag.CROSSED else 0.0
    reached = end.flag is ResolutionFlag.CROSSED
    stop = end.frequency if reached else float(result.fso.frequency[-1])
    label = "transition zone" if reached else "transition zone (end not reached)"
    return ax.axvspan(start, stop, color=ZONE, alpha=0.3, lw=0, zorder=0, label=label)


def _extras(result: Analysed, ax: Axes) -> list[Any]:
    """A band around FSO and its noise floor, where the result carries them."""
    handles: list[Any] = []
    band = getattr(result, "band", None)
    low, high = getattr(band, "low", None), getattr(band, "high", None)
    if low is not None and high is not None:
        text = f"FSO, {100 * getattr(band, 'level', 0.95):.0f} % band"
        handles.append(ax.fill_between(result.fso.frequency, low, high, color=BLUE, alpha=0.2, lw=0, label=text))
    floor = getattr(band, "floor", None)
    if floor is not None:
        handles += ax.plot(result.fso.frequency, floor, color=BLUE, lw=1.0, ls=":", label="FSO, noise alone")
    return handles


def overlay_fsc(ax: Axes, curves: Sequence[ForeignFSC]) -> None:
    """Draw FSC curves of other programs over `fso_plot` or `dfsc_fan`.

    Parameters
    ----------
    ax : Axes
        Whose x axis is in 1/Å.
    curves : sequence of ForeignFSC
        From `read_fsc`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> overlay_fsc(ax, [ForeignFSC(program="RELION", label="masked", frequency=np.ones(2), fsc=np.ones(2))])
    >>> ax.lines[0].get_label()
    'RELION, masked'
    """
    styles = ("-", "--", "-.", ":")
    for i, curve in enumerate(curves):
        label = f"{curve.program}, {curve.label}"
        colour = (PURPLE, ORANGE, "#56B4E9", GREEN)[i % 4]
        ax.plot(curve.frequency, curve.fsc, color=colour, lw=1.2, ls=styles[i // 4 % 4], label=label)
    above = ax.get_legend()
    if above is not None:
        above.remove()
    other = [twin for twin in ax.figure.axes if twin is not ax and twin.bbox.bounds == ax.bbox.bounds]
    handles = [h for shown in (ax, *other) for h in shown.get_legend_handles_labels()[0]]
    _legend_above(ax, handles, 2)


def dfsc_fan(result: Analysed, ax: Axes, *, axis: int | None = None) -> None:
    """Spread of directional FSC: mean, 5-95 % of directions, lowest and highest, global FSC.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    ax : Axes
        Where to draw.
    axis : int, optional
        An axis whose own curve is drawn too.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> dfsc_fan(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> ax.get_ylabel()
    'Directional FSC'
    """
    frequency, done = result.dfsc.frequency, result.dfsc.done
    values, areas = result.dfsc.values[done], result.dfsc.areas[done]
    bands = np.full((5, frequency.size), np.nan)
    for s in range(frequency.size):
        known = np.isfinite(values[:, s])
        if known.any():
            column, weight = values[known, s], areas[known]
            bands[:, s] = (column.min(), *weighted_percentiles(column, weight, (5, 95)), column.max(),
                           np.average(column, weights=weight))  # fmt: skip
    ax.fill_between(frequency, bands[0], bands[3], color=BLUE, alpha=0.12, lw=0, label="lowest to highest")
    ax.fill_between(frequency, bands[1], bands[2], color=BLUE, alpha=0.28, lw=0, label="5-95 % of directions")
    ax.plot(frequency, bands[4], color=BLUE, lw=1.6, label="mean over directions")
    ax.plot(frequency, result.global_fsc.fsc, color="black", lw=1.2, ls="--", label="global FSC")
    if axis is not None:
        ax.plot(frequency, result.dfsc.values[axis], color=VERMILION, lw=1.3, label="this direction")
    ax.axhline(result.fso.threshold, color=GREEN, lw=0.8, ls="-.", label=f"χ = {result.fso.threshold:g}")
    ax.set_ylim(min(-0.2, float(np.nanmin(bands[1])) if np.isfinite(bands[1]).any() else -0.2), 1.04)
    ax.set_ylabel("Directional FSC")
    angstrom_axis(ax, frequency)
    _legend_above(ax, None, 2)


def distribution(result: Analysed, ax: Axes, *, bins: int = 30) -> None:
    """Histogram of directional resolution, weighted by area.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    ax : Axes
        Where to draw.
    bins : int
        Number of bars.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> distribution(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> ax.get_xlabel()
    'Directional resolution (Å)'
    """
    d = result.directional_resolution
    s = resolution_statistics(d)
    ax.set_xlabel("Directional resolution (Å)")
    ax.set_ylabel("Share of the sphere (%)")
    if not s.n_crossed:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.text(0.5, 0.5, "no direction crosses χ", transform=ax.transAxes, ha="center", va="center")
        return
    values, weights = d.resolution[d.measured], d.areas[d.measured]
    top = max(weighted_percentiles(values, weights, (98,))[0] * 1.02, s.best * 1.02)
    span = (s.best * 0.99, top)
    ax.hist(np.clip(values, None, top), bins=bins, range=span, weights=100 * weights, color=BLUE, alpha=0.75)
    for value, style, name in ((s.p5, ":", "5 %"), (s.p50, "-", "median"), (s.p95, ":", "95 %")):
        ax.axvline(value, color="black", lw=1.1, ls=style, label=f"{name}: {value:.2f} Å")
    chi = result.settings.threshold
    crossing = global_crossing(result.global_fsc, chi)
    if crossing.flag is ResolutionFlag.CROSSED:
        label = f"FSC {chi:g}: {crossing.resolution:.2f} Å"
        ax.axvline(crossing.resolution, color=VERMILION, lw=1.3, ls="--", label=label)
    missing = 100 * float(d.areas[d.flag != ResolutionFlag.CROSSED].sum())
    beyond = 100 * float(weights[values > top].sum())
    notes = [f"{missing:.1f} % without a crossing"] if missing > 0 else []
    if beyond > 0:
        notes.append(f"last bar: {beyond:.1f} % lie beyond")
    _legend_above(ax, None, 2, "\n".join(notes) or None)
