"""Curves against frequency: FSO, FSC and the Bingham test of one map, and of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ResultError
from ..results.types import ResolutionFlag
from ..summary.conventions import BINGHAM_CURVES, shown_curve
from . import palette
from .parts import Axis, Band, Curve, Dash, Layers, Part, Plot
from .ticks import angstrom_ticks

if TYPE_CHECKING:
    from ..inputs.fsc_curves import ForeignFSC
    from ..summary.verdict import Analysed

__all__ = ["compared_plot", "foreign_curves", "frequency_axis", "occupancy_plot", "threshold_line"]

Floats = NDArray[np.float64]

OCCUPANCY: Layers = (
    ("zone", Band),
    ("stale_band", Band),
    ("band", Band),
    ("stale_floor", Curve),
    ("floor", Curve),
    ("levels", Curve),
    ("chi", Curve),
    ("fsc_unmasked", Curve),
    ("fsc", Curve),
    ("fsc_corrected", Curve),
    ("significance", Curve),
    ("stale_bingham", Curve),
    ("bingham_past", Curve),
    ("bingham", Curve),
    ("bingham_1", Curve),
    ("fso_1", Curve),
    ("stale_fso_corrected", Curve),
    ("fso_corrected", Curve),
    ("fso", Curve),
)
LEVELS = (0.9, 0.5, 0.1)
TOP = 1.04
LOWEST, FIRST = -0.3, -0.06  # where the axis begins at most and at least: FSC of noise scatters around 0
PAST = 3  # shells past the zone from which the test is drawn pale: few axes pass, so it tells little
FOREIGN_DASHES: tuple[Dash, ...] = ("solid", "dashed", "dashdot", "dotted")


def frequency_axis(top: float) -> Axis:
    """The axis of every curve: from zero to Nyquist, linear in frequency, named in Å.

    Parameters
    ----------
    top : float
        Nyquist in 1/Å.

    Returns
    -------
    Axis
        In 1/Å.

    Examples
    --------
    >>> frequency_axis(0.5).texts[-1]
    '2'
    """
    ticks, texts = angstrom_ticks(0.0, top, to_end=True)
    return Axis(label="Resolution (Å)", low=0.0, high=top, ticks=ticks, texts=texts)


def occupancy_plot(
    result: Analysed,
    *,
    bingham: str | None = None,
    others: Sequence[tuple[str, Analysed]] = (),
    foreign: Sequence[ForeignFSC] = (),
    stale: Mapping[str, Analysed] | None = None,
) -> Plot:
    """FSO, global FSC and the Bingham test against frequency, as in the paper's Fig. 1.

    Parameters
    ----------
    result : AnalysisResult
        An analysis; a calibration, band or mask correction that it carries is shown too.
    bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Which curve of the test; the calibrated one if there is one, else the textbook one.
    others : sequence of (str, AnalysisResult)
        Other maps, by name, whose FSO and test are laid over.
    foreign : sequence of ForeignFSC
        FSC curves of other programs.
    stale : mapping, optional
        Results of other cones, by the name of the statistic that they carry and this one lacks
        ('calibration', 'band', 'mask_correction'): drawn pale, and named stale.

    Returns
    -------
    Plot
        Both y axes have one scale.

    Raises
    ------
    ResultError
        When the result has no such curve.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> plot = occupancy_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> [part.label for part in plot.legend]
    ['FSO', 'Bingham p, textbook', 'FSC', 'transition zone']
    """
    name = shown_curve(result.bingham, bingham)
    top = float(result.fso.frequency[-1])
    curves = _correlations(result)
    low = _low_end([*(curve.y for curve in curves), *(other.global_fsc.fsc for _, other in others)])
    test = BINGHAM_CURVES[name]
    parts = [
        *_zone(result, low),
        *_stale(stale or {}),
        *_band(result),
        *_rules(top, result.fso.threshold),
        *curves,
        *foreign_curves(foreign),
        *_test(result, name),
        *(part for i, other in enumerate(others, 1) for part in _other(i, *other, name)),
        *_corrected_occupancy(result),
        Curve(key="fso", label="FSO", x=result.fso.frequency, y=result.fso.occupancy, colour=palette.FSO, width=2.5,
              note=f"Fourier shell occupancy: share of the sphere whose dFSC reaches {result.fso.threshold:g}."),
    ]  # fmt: skip
    quarters = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    return Plot(
        x=frequency_axis(top),
        y=_share_axis("FSO, FSC", low),
        right=Axis(label=f"{test.label} ({test.reading})", low=low, high=TOP, ticks=quarters,
                   texts=tuple(f"{q:g}" for q in quarters)),
        parts=tuple(parts),
        top_first=True,
    )  # fmt: skip


def _share_axis(label: str, low: float) -> Axis:
    ticks = np.array([0.0, *LEVELS[::-1], 1.0])
    return Axis(label=label, low=low, high=TOP, ticks=ticks, texts=tuple(f"{tick:g}" for tick in ticks))


def _low_end(curves: Sequence[Floats]) -> float:
    """Where the y axis begins: a little below zero, lower if a curve goes there."""
    least = min((float(np.nanmin(curve)) for curve in curves if np.isfinite(curve).any()), default=0.0)
    return float(np.clip(np.floor(least / 0.05) * 0.05, LOWEST, FIRST))


def _zone(result: Analysed, low: float) -> list[Part]:
    """The transition zone, from the lowest shell or to Nyquist where an end isn't reached."""
    onset, end = result.fso.onset, result.fso.end
    if onset.flag in (ResolutionFlag.NOT_CROSSED, ResolutionFlag.UNMEASURED):
        return []
    start = onset.frequency if onset.flag is ResolutionFlag.CROSSED else 0.0
    reached = end.flag is ResolutionFlag.CROSSED
    stop = end.frequency if reached else float(result.fso.frequency[-1])
    note = "From FSO = 0.9 to FSO = 0.1: some directions hold signal, some don't. Noise alone makes a narrow one."
    label = "transition zone" if reached else "transition zone (end not reached)"
    return [Band(key="zone", label=label, note=note, x=np.array([start, stop]), low=np.full(2, low),
                 high=np.full(2, TOP), colour=palette.ZONE, opacity=0.25)]  # fmt: skip


def _band(result: Analysed) -> list[Part]:
    """Band of FSO and its noise floor, where the result carries them."""
    band: Any = getattr(result, "band", None)
    if band is None:
        return []
    level = f"{100 * band.level:g} %"
    return [
        Band(key="band", label=f"FSO, {level} band", note=f"Holds the mean FSO of such maps in {level} of cases.",
             x=band.frequency, low=band.low, high=band.high, colour=palette.FSO, opacity=0.22),
        Curve(key="floor", label="FSO, noise alone", note="FSO of pure noise: what reaches χ by chance.",
              x=band.frequency, y=band.floor, colour=palette.FSO, dash="dotted"),
    ]  # fmt: skip


def _stale(results: Mapping[str, Analysed]) -> list[Part]:
    """Named curves and bands of other cones, pale."""
    found: list[Part] = []
    for name, old in results.items():
        cone = f"±{old.settings.cone_half_angle:g}°, χ {old.settings.threshold:.3g}, {old.settings.n_axes} axes"
        drawn = {"band": _band, "mask_correction": _corrected_occupancy}.get(name, _calibrated)(old)
        found += [
            replace(part, key=f"stale_{part.key}", label=f"{part.label} (stale)", note=f"Of other cones: {cone}.",
                    opacity=0.45 * part.opacity)
            for part in drawn if part.label and isinstance(part, (Band, Curve))
        ]  # fmt: skip
    return found


def _calibrated(result: Analysed) -> list[Part]:
    return _test(result, "p_calibrated")


def _rules(top: float, threshold: float) -> list[Part]:
    """Lines to read values by: 0.9, 0.5, 0.1 of FSO, and chi."""
    x = np.tile(np.array([0.0, top, np.nan]), len(LEVELS))
    note = "dFSC that counts as signal, and FSC at which global resolution is read."
    return [
        Curve(key="levels", x=x, y=np.repeat(np.array(LEVELS), 3), colour=palette.RULE, width=0.8, dash="dotted"),
        threshold_line(top, threshold, note),
    ]


def threshold_line(top: float, threshold: float, note: str) -> Curve:
    """The line at chi, with its name on it.

    Parameters
    ----------
    top : float
        Nyquist in 1/Å.
    threshold : float
        Chi.
    note : str
        What it stands for.

    Returns
    -------
    Curve
        Horizontal.

    Examples
    --------
    >>> threshold_line(0.5, 0.143, "").text
    'χ = 0.143'
    """
    return Curve(key="chi", note=note, x=np.array([0.0, top]), y=np.full(2, threshold), colour=palette.RULE, width=1.0,
                 dash="dashdot", text=f"χ = {threshold:.3g}")  # fmt: skip


def _correlations(result: Analysed) -> list[Curve]:
    """Global FSC, without and with mask, and corrected for the mask."""
    frequency, masked = result.fso.frequency, result.settings.mask != "none"
    curves = []
    if masked:
        curves.append(
            Curve(key="fsc_unmasked", label="FSC, unmasked", note="Fourier shell correlation without the mask.",
                  x=frequency, y=result.global_fsc.fsc_unmasked, colour=palette.FSC, dash="dotted")
        )  # fmt: skip
    curves.append(
        Curve(key="fsc", label="FSC, masked" if masked else "FSC", note="Fourier shell correlation of whole shells.",
              x=frequency, y=result.global_fsc.fsc, colour=palette.FSC)
    )  # fmt: skip
    correction: Any = getattr(result, "mask_correction", None)
    if correction is not None:
        curves.append(
            Curve(key="fsc_corrected", label="FSC, corrected for the mask", x=frequency, y=correction.corrected,
                  colour=palette.FSC, dash="dashdot", note="(t - n)/(1 - n), n from randomized phases.")
        )  # fmt: skip
    return curves


def _corrected_occupancy(result: Analysed) -> list[Part]:
    correction: Any = getattr(result, "mask_correction", None)
    if correction is None or correction.fso is None:
        return []
    return [Curve(key="fso_corrected", label="FSO, corrected for the mask", x=correction.fso.frequency,
                  y=correction.fso.occupancy, colour=palette.FSO, dash="dashdot", width=2.0,
                  note="FSO of the dFSC with what the mask alone correlates taken out.")]  # fmt: skip


def _test(result: Analysed, name: str) -> list[Part]:
    """The test's curve, pale past the zone, and the line at 0.05."""
    frequency, curve, words = result.bingham.frequency, getattr(result.bingham, name), BINGHAM_CURVES[name]
    past = frequency.size
    if result.fso.end.flag is ResolutionFlag.CROSSED:
        past = min(past, int(np.searchsorted(frequency, result.fso.end.frequency)) + PAST)
    shell = np.arange(frequency.size)
    significance = f"{result.bingham.significance:g}"
    return [
        Curve(key="significance", note=words.line, x=np.array([0.0, float(frequency[-1])]),
              y=np.full(2, result.bingham.significance), colour=palette.BINGHAM, width=0.8, opacity=0.8,
              text=significance if name == "p_published" else f"p = {significance}", below=True),
        Curve(key="bingham_past", note="Past the transition zone few directions pass, and the test tells little.",
              x=frequency, y=np.where(shell >= past - 1, curve, np.nan), colour=palette.BINGHAM, dash="dashed",
              width=1.0, opacity=0.4),
        Curve(key="bingham", label=words.label, note=words.note, x=frequency,
              y=np.where(shell < past, curve, np.nan), colour=palette.BINGHAM, dash="dashed"),
    ]  # fmt: skip


def _other(number: int, label: str, other: Analysed, name: str) -> list[Part]:
    """FSO and the same test of another map; that test only where the map has it."""
    colour = palette.OTHER if number == 1 else palette.SERIES[(number + 1) % len(palette.SERIES)]
    parts: list[Part] = []
    curve = getattr(other.bingham, name)
    if curve is not None:
        parts.append(
            Curve(key=f"bingham_{number}", label=f"{label}: {BINGHAM_CURVES[name].label}", x=other.bingham.frequency,
                  y=curve, colour=colour, dash="dashed", width=1.0)
        )  # fmt: skip
    parts.append(
        Curve(key=f"fso_{number}", label=f"{label}: FSO", x=other.fso.frequency, y=other.fso.occupancy, colour=colour,
              width=2.0)
    )  # fmt: skip
    return parts


def foreign_curves(curves: Sequence[ForeignFSC]) -> list[Part]:
    """FSC of other programs.

    Parameters
    ----------
    curves : sequence of ForeignFSC
        From `read_fsc`.

    Returns
    -------
    list of Part
        A curve each; local ones are thin, those of all places alike, with one name.

    Examples
    --------
    >>> foreign_curves([])
    []
    """
    colours = (palette.SELECTED, palette.OTHER, palette.FSC)
    local = Counter(_foreign_name(curve) for curve in curves if curve.place is not None)
    kinds: dict[str, int] = {}  # local curves of one kind look alike
    parts: list[Part] = []
    for curve in curves:
        name = _foreign_name(curve)
        kind = name if curve.place is not None else f"{len(parts)}"
        first = kind not in kinds
        i = kinds.setdefault(kind, len(kinds))
        said = f"{name}, {local[name]} places" if curve.place is not None else name
        parts.append(
            Curve(key=f"foreign_{len(parts)}", label=said if first else "", x=curve.frequency, y=curve.fsc,
                  width=1.5 if curve.place is None else 0.5, opacity=1.0 if curve.place is None else 0.5,
                  colour=colours[i % len(colours)], dash=FOREIGN_DASHES[i // len(colours) % len(FOREIGN_DASHES)])
        )  # fmt: skip
    return parts


def _foreign_name(curve: ForeignFSC) -> str:
    return f"{curve.program}, {curve.label}"


def compared_plot(results: Sequence[Analysed], labels: Sequence[str]) -> Plot:
    """FSO (continuous) and FSC (dashed) of several maps, over the widest range of frequencies.

    Parameters
    ----------
    results : sequence of AnalysisResult
        One or more.
    labels : sequence of str
        Their names.

    Returns
    -------
    Plot
        One colour a map.

    Raises
    ------
    ResultError
        When results and labels don't pair up.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> [part.label for part in compared_plot([r, r], ["untilted", "tilted"]).legend]
    ['untilted, FSC', 'untilted, FSO', 'tilted, FSC', 'tilted, FSO']
    """
    if not results or len(results) != len(labels):
        raise ResultError(f"There are {len(results)} results and {len(labels)} labels; give one label a result.")
    top = max(float(result.fso.frequency[-1]) for result in results)
    low = _low_end([result.global_fsc.fsc for result in results])
    parts: list[Part] = _rules(top, results[0].fso.threshold)[:1]
    for i, (result, label) in enumerate(zip(results, labels, strict=True)):
        colour = palette.SERIES[i % len(palette.SERIES)]
        parts += [
            Curve(key=f"fsc_{i}", label=f"{label}, FSC", x=result.fso.frequency, y=result.global_fsc.fsc,
                  colour=colour, width=1.0, dash="dashed"),
            Curve(key=f"fso_{i}", label=f"{label}, FSO", x=result.fso.frequency, y=result.fso.occupancy,
                  colour=colour, width=2.0),
        ]  # fmt: skip
    return Plot(x=frequency_axis(top), y=_share_axis("FSO, FSC", low), parts=tuple(parts))
