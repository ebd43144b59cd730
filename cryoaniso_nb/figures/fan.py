"""The fan of dFSC over all directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import angles
from . import palette
from .curves import frequency_axis, threshold_line
from .parts import Axis, Band, Curve, Layers, Part, Plot
from .ticks import round_ticks

if TYPE_CHECKING:
    from ..summary.verdict import Analysed

__all__ = ["fan_plot", "spread_over_directions"]

Floats = NDArray[np.float64]

FAN: Layers = (
    ("extremes", Band),
    ("middle", Band),
    ("chi", Curve),
    ("fsc", Curve),
    ("mean", Curve),
    ("selected", Curve),
)
PERCENTILES = (5, 95)
LOWEST, FIRST, TOP = -0.6, -0.2, 1.04  # where the axis begins at most and at least, and where it ends


def spread_over_directions(values: Floats, areas: Floats) -> Floats:
    """Mean, 5 and 95 % percentiles, lowest and highest dFSC of each shell, weighted by area.

    Parameters
    ----------
    values : ndarray, shape (A, S)
        dFSC, NaN for unmeasured.
    areas : ndarray, shape (A,)
        Weights.

    Returns
    -------
    ndarray, shape (5, S)
        NaN where no direction is measured; percentiles as in `weighted_percentiles`.

    Examples
    --------
    >>> spread_over_directions(np.array([[0.0], [1.0]]), np.array([0.5, 0.5]))[:, 0].round(6).tolist()
    [0.5, 0.0, 1.0, 0.0, 1.0]
    """
    order = np.argsort(values, axis=0)  # NaN last
    ordered = np.take_along_axis(values, order, axis=0)
    measured = np.isfinite(ordered)
    weights = np.where(measured, areas[order], 0.0)
    total = weights.sum(axis=0)
    out = np.full((5, values.shape[1]), np.nan)
    known = np.flatnonzero(total > 0)
    if known.size == 0:
        return out
    ordered, measured, weights, total = ordered[:, known], measured[:, known], weights[:, known], total[known]
    column = np.arange(known.size)
    last = measured.sum(axis=0) - 1
    out[0, known] = (np.where(measured, ordered, 0.0) * weights).sum(axis=0) / total
    place = (np.cumsum(weights, axis=0) - weights / 2) / total
    for row, percent in enumerate(PERCENTILES, 1):
        above = np.minimum((np.where(measured, place, np.inf) < percent / 100).sum(axis=0), last)
        below = np.maximum(above - 1, 0)
        start, stop = place[below, column], place[above, column]
        part = np.divide(percent / 100 - start, stop - start, out=np.zeros(known.size), where=stop > start)
        low, high = ordered[below, column], ordered[above, column]
        out[row, known] = low + np.clip(part, 0.0, 1.0) * (high - low)
    out[3, known] = ordered[0]
    out[4, known] = ordered[last, column]
    return out


def fan_plot(result: Analysed, *, axis: int | None = None) -> Plot:
    """Spread of directional FSC: mean, 5-95 % of directions, lowest and highest, global FSC.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.
    axis : int, optional
        An axis whose own curve is shown too.

    Returns
    -------
    Plot
        On the frequency axis of `occupancy_plot`.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> fan_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).y.label
    'Directional FSC'
    """
    frequency, done = result.dfsc.frequency, result.dfsc.done
    top = float(frequency[-1])
    mean, low, high, least, most = spread_over_directions(result.dfsc.values[done], result.dfsc.areas[done])
    parts: list[Part] = [
        Band(key="extremes", label="all directions", note="Between the lowest and the highest dFSC of any direction.",
             x=frequency, low=least, high=most, colour=palette.FSO, opacity=0.13),
        Band(key="middle", label="5-95 %", note="Between these lie 90 % of the sphere.",
             x=frequency, low=low, high=high, colour=palette.FSO, opacity=0.28),
        threshold_line(top, result.fso.threshold, "dFSC that counts as signal."),
        Curve(key="fsc", label="global FSC", note="Fourier shell correlation of whole shells.", x=frequency,
              y=result.global_fsc.fsc, colour=palette.FSC),
        Curve(key="mean", label="mean dFSC", note="Mean dFSC, weighted by area.", x=frequency, y=mean,
              colour=palette.FSO, width=2.0),
    ]  # fmt: skip
    if axis is not None:
        parts.append(_direction(result, axis))
    bottom = float(np.clip(np.floor(np.nanmin(low, initial=0.0) / 0.1) * 0.1, LOWEST, FIRST))
    ticks, texts = round_ticks(bottom, 1.0, 6)
    return Plot(
        x=frequency_axis(top),
        y=Axis(label="Directional FSC", low=bottom, high=TOP, ticks=ticks, texts=texts),
        parts=tuple(parts),
        top_first=True,
    )


def _direction(result: Analysed, axis: int) -> Curve:
    zenith, azimuth = (float(angle[0]) for angle in angles(result.dfsc.axes[axis : axis + 1]))
    cone = f"{result.settings.cone_half_angle:g}°"
    return Curve(key="selected", label=f"zenith {zenith:.0f}°, azimuth {azimuth:.0f}°, cone ±{cone}",
                 note=f"dFSC in the cone of {cone} around the selected direction.", x=result.dfsc.frequency,
                 y=result.dfsc.values[axis], colour=palette.SELECTED, width=2.0)  # fmt: skip
