"""Which of two maps resolves more finely, where, and whether beyond noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import angles, areas, axes_for
from ..results.types import DirectionalFSC, Result
from ._resolution_field import COMMON_SD, FINEST, Curves, fit_field, geometry

__all__ = ["FINEST", "FoundField", "MapComparison", "compare_fields", "found_field"]

Floats = NDArray[np.float64]

DRAWS = 1000
LEAST_SHARE = 0.03  # of the sphere, that of a cone: smaller spots are chance more often than not
CHANCE = 0.05  # that some direction of two maps alike is called different


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MapComparison(Result):
    """The second map's resolution beside the first's, direction by direction.

    Ratios are of the first map's resolution in Å over the second's: above 1 the second resolves
    more finely. Intervals are from noise alone, with 95 % probability.

    Attributes
    ----------
    ratio : float
        Mean over the sphere (geometric).
    ratio_interval : tuple of float
        Holds it.
    finer_share, coarser_share : float
        Shares of the sphere where the second map is finer, and coarser, beyond noise.
    finer_ratio, coarser_ratio : float
        The largest ratio there, of the coarser map's resolution over the finer's; NaN where there is none.
    finer_zenith, finer_azimuth, coarser_zenith, coarser_azimuth : float
        Its direction, in degrees.
    largest : float
        Ratio that no direction exceeds, either way, with 95 % probability.
    varies : bool
        Whether directions differ in it beyond noise.
    nyquist : bool
        Whether signal of either map lasts to Nyquist somewhere: ratios are limited by it.
    """

    ratio: float
    ratio_interval: tuple[float, float]
    finer_share: float
    finer_ratio: float
    finer_zenith: float
    finer_azimuth: float
    coarser_share: float
    coarser_ratio: float
    coarser_zenith: float
    coarser_azimuth: float
    largest: float
    varies: bool
    nyquist: bool


@dataclass(frozen=True, slots=True, eq=False)
class FoundField:
    """Logarithm of the frequency (1/Å) up to which directions hold signal, and draws from its posterior."""

    mean: Floats
    draws: Floats
    at_nyquist: bool


def found_field(
    dfsc: DirectionalFSC, threshold: float, n_axes: int, *, symmetry: str, volume_ratio: float, seed: int
) -> FoundField:
    """The smooth field of directional resolution of one map.

    Parameters
    ----------
    dfsc : DirectionalFSC
        Of the map, all axes done.
    threshold : float
        chi.
    n_axes : int
        Of the level that both maps have.
    symmetry : str
        Point group.
    volume_ratio : float
        Of the mask; 1 without one.
    seed : int
        Of the draws: another one for each map.

    Returns
    -------
    FoundField
        Of the first `n_axes` axes.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> dfsc = ca.analyze(ca.simulate_half_maps(box=48, seed=0), n_axes=81).dfsc
    >>> found_field(dfsc, 0.143, 81, symmetry="C1", volume_ratio=1.0, seed=0).mean.shape
    (81,)
    """
    curves = Curves.of(dfsc, threshold, n_axes)
    field = fit_field(curves, areas(n_axes), geometry(n_axes, dfsc.cone_half_angle, symmetry), volume_ratio)
    shell, nyquist = np.log(dfsc.frequency[0]), np.log(dfsc.frequency[-1])
    mean, draws = field.log_shell + shell, field.draws(DRAWS, seed) + shell
    return FoundField(np.minimum(mean, nyquist), np.minimum(draws, nyquist), bool((mean >= nyquist).any()))


def compare_fields(first: FoundField, second: FoundField) -> MapComparison:
    """Hold two maps against each other.

    Parameters
    ----------
    first, second : FoundField
        Of the same axes.

    Returns
    -------
    MapComparison
        Of the second map beside the first.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> dfsc = ca.analyze(ca.simulate_half_maps(box=48, seed=0), n_axes=81).dfsc
    >>> fields = [found_field(dfsc, 0.143, 81, symmetry="C1", volume_ratio=1.0, seed=seed) for seed in (0, 1)]
    >>> compare_fields(*fields).ratio
    1.0
    """
    share = areas(first.mean.size)
    gain, drawn = second.mean - first.mean, second.draws - first.draws
    scatter = drawn - drawn.mean(axis=0)
    total, total_sd = float(share @ gain), float(np.hypot((scatter @ share).std(), np.sqrt(2) * COMMON_SD))
    sd = np.sqrt(scatter.var(axis=0) + 2 * COMMON_SD**2)
    wide = _simultaneous(scatter, sd)
    pattern = scatter - (scatter @ share)[:, None]
    pattern_sd = np.maximum(pattern.std(axis=0), 1e-9)
    varies = np.abs(gain - total) > _simultaneous(pattern, pattern_sd) * pattern_sd
    finer, coarser = _place(gain, gain > wide * sd, share), _place(-gain, gain < -wide * sd, share)
    return MapComparison(
        ratio=float(np.exp(total)),
        ratio_interval=(float(np.exp(total - 1.96 * total_sd)), float(np.exp(total + 1.96 * total_sd))),
        finer_share=finer[0],
        finer_ratio=finer[1],
        finer_zenith=finer[2],
        finer_azimuth=finer[3],
        coarser_share=coarser[0],
        coarser_ratio=coarser[1],
        coarser_zenith=coarser[2],
        coarser_azimuth=coarser[3],
        largest=float(np.exp((np.abs(gain) + wide * sd).max())),
        varies=bool(share[varies].sum() >= LEAST_SHARE),
        nyquist=first.at_nyquist or second.at_nyquist,
    )


def _simultaneous(scatter: Floats, sd: Floats) -> float:
    """Standard deviations that no direction exceeds by chance, but for `CHANCE`."""
    return max(1.96, float(np.quantile(np.abs(scatter / sd).max(axis=1), 1 - CHANCE)))


def _place(gain: Floats, told: NDArray[np.bool_], share: Floats) -> tuple[float, float, float, float]:
    """Share of the sphere, and the largest ratio with its direction; NaN where there is none."""
    if share[told].sum() < LEAST_SHARE:
        nan = float("nan")
        return 0.0, nan, nan, nan
    best = int(np.flatnonzero(told)[np.argmax(gain[told])])
    zenith, azimuth = (float(a[0]) for a in angles(axes_for(gain.size)[best][None]))
    return float(share[told].sum()), float(np.exp(gain[best])), zenith, azimuth
