"""Directional resolution, and its statistics over the sphere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..directions import angles
from ..results import DirectionalFSC, DirectionalResolution, Result
from .crossing import first_crossings

__all__ = [
    "START_SHELL",
    "ResolutionStatistics",
    "directional_resolution",
    "resolution_statistics",
    "weighted_percentiles",
]

Floats = NDArray[np.float64]

START_SHELL = 3


def directional_resolution(dfsc: DirectionalFSC, threshold: float) -> DirectionalResolution:
    """Where each axis's dFSC first falls below a threshold.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis.
    threshold : float
        chi. The search starts at shell 3.

    Returns
    -------
    DirectionalResolution
        One value an axis in Å, NaN with a flag where there is no crossing.

    Examples
    --------
    >>> from cryoaniso_nb.directions import axes_for, areas
    >>> values = np.tile([1.0, 1.0, 1.0, 0.0], (6, 1))
    >>> dfsc = DirectionalFSC(frequency=np.array([0.1, 0.2, 0.3, 0.4]), axes=axes_for(6), areas=areas(6), values=values,
    ...                       n_eff=np.ones((6, 4)), done=np.ones(6, dtype=bool))
    >>> directional_resolution(dfsc, 0.5).resolution.round(3).tolist()[0]
    2.857
    """
    frequency, flag, shell = first_crossings(dfsc.frequency, dfsc.values, threshold, start=START_SHELL)
    zenith, azimuth = angles(dfsc.axes)
    n_eff = np.where(shell > 0, dfsc.n_eff[np.arange(shell.size), np.maximum(shell - 1, 0)], np.nan)
    return DirectionalResolution(
        resolution=1 / frequency, zenith=zenith, azimuth=azimuth, flag=flag, areas=dfsc.areas, n_eff=n_eff
    )


def weighted_percentiles(values: Floats, weights: Floats, percentiles: tuple[float, ...]) -> tuple[float, ...]:
    """Percentiles of weighted values, interpolated between their cumulative weights.

    Parameters
    ----------
    values, weights : ndarray, shape (N,)
        Values, and the share of the sphere each stands for.
    percentiles : tuple of float
        0 to 100.

    Returns
    -------
    tuple of float
        NaN if there are no values.

    Examples
    --------
    >>> weighted_percentiles(np.array([1.0, 2.0, 3.0]), np.ones(3), (50,))
    (2.0,)
    """
    if values.size == 0:
        return tuple(float("nan") for _ in percentiles)
    order = np.argsort(values)
    weight = weights[order]
    position = (np.cumsum(weight) - weight / 2) / weight.sum()
    return tuple(np.interp(np.asarray(percentiles) / 100, position, values[order]).tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ResolutionStatistics(Result):
    """Statistics of directional resolution, in Å and weighted by area.

    Attributes
    ----------
    mean, sd, p5, p50, p95 : float
        Over the axes that cross the threshold; p5 is the better end.
    best, worst : float
        Smallest and largest resolution.
    best_axis, worst_axis : int
        Their axes; -1 if no axis crosses.
    n_crossed, n_not_crossed, n_below_at_start : int
        Numbers of axes by flag.
    """

    mean: float
    sd: float
    p5: float
    p50: float
    p95: float
    best: float
    worst: float
    best_axis: int
    worst_axis: int
    n_crossed: int
    n_not_crossed: int
    n_below_at_start: int


def resolution_statistics(directional: DirectionalResolution) -> ResolutionStatistics:
    """Mean, spread, percentiles, best and worst of directional resolution.

    Parameters
    ----------
    directional : DirectionalResolution
        One value an axis.

    Returns
    -------
    ResolutionStatistics
        NaN where no axis crosses.

    Examples
    --------
    >>> d = DirectionalResolution(resolution=np.array([3.0, 4.0]), zenith=np.zeros(2), azimuth=np.zeros(2),
    ...                           flag=np.zeros(2, dtype=np.int8), areas=np.full(2, 0.5), n_eff=np.ones(2))
    >>> resolution_statistics(d).mean
    3.5
    """
    measured = directional.measured
    values, weights = directional.resolution[measured], directional.areas[measured]
    counts = np.bincount(directional.flag, minlength=4)
    where = np.flatnonzero(measured)
    p5, p50, p95 = weighted_percentiles(values, weights, (5, 50, 95))
    nan = float("nan")
    mean = float(np.average(values, weights=weights)) if values.size else nan
    return ResolutionStatistics(
        mean=mean,
        sd=float(np.sqrt(np.average((values - mean) ** 2, weights=weights))) if values.size else nan,
        p5=p5,
        p50=p50,
        p95=p95,
        best=float(values.min()) if values.size else nan,
        worst=float(values.max()) if values.size else nan,
        best_axis=int(where[np.argmin(values)]) if values.size else -1,
        worst_axis=int(where[np.argmax(values)]) if values.size else -1,
        n_crossed=int(counts[0]),
        n_not_crossed=int(counts[1]),
        n_below_at_start=int(counts[2]),
    )
