"""Directional resolution, and its statistics over the sphere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import angles
from ..results.types import DirectionalFSC, DirectionalResolution, ResolutionFlag, Result
from .crossing import crossings, first_crossings

__all__ = [
    "THIN",
    "ResolutionStatistics",
    "directional_resolution",
    "resolution_statistics",
    "weighted_percentiles",
]

Floats = NDArray[np.float64]

THIN = 3.0  # effective coefficients below which a cone says little
FIRST_SHELL = 3  # where other programs start to look for the first crossing


def directional_resolution(
    dfsc: DirectionalFSC, threshold: float, *, parity: str | None = None
) -> DirectionalResolution:
    """Where each axis's dFSC falls below a threshold.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis.
    threshold : float
        chi.
    parity : {None, 'xmipp'}
        With 'xmipp', the first crossings from shell 3 on instead of the rule of `measures.crossing`.

    Returns
    -------
    DirectionalResolution
        One value per axis in Å, NaN with a flag where there is no crossing.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for, areas
    >>> values = np.tile([1.0, 1.0, 1.0, 0.0], (6, 1))
    >>> dfsc = DirectionalFSC(frequency=np.array([0.1, 0.2, 0.3, 0.4]), axes=axes_for(6), areas=areas(6), values=values,
    ...                       n_eff=np.ones((6, 4)), done=np.ones(6, dtype=bool))
    >>> directional_resolution(dfsc, 0.5).resolution.round(3).tolist()[0]
    2.857
    """
    first = first_crossings(dfsc.frequency, dfsc.values, threshold, start=FIRST_SHELL)
    by_rule = crossings(dfsc.frequency, dfsc.values, threshold, dfsc.n_eff)
    frequency, flag, shell = first if parity == "xmipp" else by_rule
    zenith, azimuth = angles(dfsc.axes)
    n_eff = np.where(shell > 0, dfsc.n_eff[np.arange(shell.size), np.maximum(shell - 1, 0)], np.nan)
    return DirectionalResolution(
        resolution=1 / frequency,
        zenith=zenith,
        azimuth=azimuth,
        flag=flag,
        areas=dfsc.areas,
        n_eff=n_eff,
        first_crossing=1 / first[0],
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

    Directions that reach Nyquist rank before all others, those without signal after them.

    Attributes
    ----------
    p5, p50, p95 : float
        Percentiles over all measured axes, p5 at the better end; NaN where `percentile_flags` says why.
    percentile_flags : tuple of ResolutionFlag
        Of the three: NOT_CROSSED among directions that reach Nyquist, NO_SIGNAL among those without signal.
    mean, sd : float
        Over the axes that cross the threshold.
    best, worst : float
        Smallest and largest resolution; NaN where the first reaches Nyquist, or the last holds no signal.
    best_axis, worst_axis : int
        First and last axis by rank; -1 if none is measured.
    n_crossed, n_not_crossed, n_no_signal : int
        Numbers of axes by flag.
    n_early : int
        Number of axes whose first crossing lies much earlier, see `DirectionalResolution.early`.
    """

    p5: float
    p50: float
    p95: float
    percentile_flags: tuple[ResolutionFlag, ResolutionFlag, ResolutionFlag]
    mean: float
    sd: float
    best: float
    worst: float
    best_axis: int
    worst_axis: int
    n_crossed: int
    n_not_crossed: int
    n_no_signal: int
    n_early: int


def resolution_statistics(directional: DirectionalResolution) -> ResolutionStatistics:
    """Mean, spread, percentiles, best and worst of directional resolution.

    Parameters
    ----------
    directional : DirectionalResolution
        One value per axis.

    Returns
    -------
    ResolutionStatistics
        NaN where no axis crosses.

    Examples
    --------
    >>> d = DirectionalResolution(resolution=np.array([3.0, 4.0]), zenith=np.zeros(2), azimuth=np.zeros(2),
    ...                           flag=np.zeros(2, dtype=np.int8), areas=np.full(2, 0.5), n_eff=np.ones(2),
    ...                           first_crossing=np.array([3.0, 9.0]))
    >>> resolution_statistics(d).mean, resolution_statistics(d).n_early
    (3.5, 1)
    """
    crossed, flag = directional.measured, directional.flag
    values, weights = directional.resolution[crossed], directional.areas[crossed]
    counts = np.bincount(flag, minlength=4)
    places = [_percentile(directional, share) for share in (0.05, 0.5, 0.95)]
    p5, p50, p95 = (value for value, _ in places)
    mean = float(np.average(values, weights=weights)) if values.size else float("nan")
    rank = np.select([crossed, flag == ResolutionFlag.NOT_CROSSED], [directional.resolution, 0.0], np.inf)
    known = np.flatnonzero(flag != ResolutionFlag.UNMEASURED)
    best = int(known[np.argmin(rank[known])]) if known.size else -1
    worst = int(known[np.argmax(rank[known])]) if known.size else -1
    return ResolutionStatistics(
        p5=p5,
        p50=p50,
        p95=p95,
        percentile_flags=(places[0][1], places[1][1], places[2][1]),
        mean=mean,
        sd=float(np.sqrt(np.average((values - mean) ** 2, weights=weights))) if values.size else float("nan"),
        best=float(directional.resolution[best]) if known.size else float("nan"),
        worst=float(directional.resolution[worst]) if known.size else float("nan"),
        best_axis=best,
        worst_axis=worst,
        n_crossed=int(counts[ResolutionFlag.CROSSED]),
        n_not_crossed=int(counts[ResolutionFlag.NOT_CROSSED]),
        n_no_signal=int(counts[ResolutionFlag.NO_SIGNAL]),
        n_early=int(directional.early.sum()),
    )


def _percentile(d: DirectionalResolution, share: float) -> tuple[float, ResolutionFlag]:
    """The resolution that a share of the measured sphere reaches, or why it is no number."""
    total = d.areas[d.flag != ResolutionFlag.UNMEASURED].sum()
    if not total > 0:
        return float("nan"), ResolutionFlag.UNMEASURED
    before = float(d.areas[d.flag == ResolutionFlag.NOT_CROSSED].sum() / total)
    after = float(d.areas[d.flag == ResolutionFlag.NO_SIGNAL].sum() / total)
    if share < before or before + after >= 1:
        return float("nan"), ResolutionFlag.NOT_CROSSED if share < before else ResolutionFlag.NO_SIGNAL
    if share > 1 - after:
        return float("nan"), ResolutionFlag.NO_SIGNAL
    place = 100 * (share - before) / (1 - before - after)
    (value,) = weighted_percentiles(d.resolution[d.measured], d.areas[d.measured], (place,))
    return value, ResolutionFlag.CROSSED
