"""Whether the noise of half maps is even over directions, that is, whether the views are.

Noise power in a direction of Fourier space goes with one over how often views sampled it. It is seen in the
difference of the half maps, which holds no signal: whatever the particle is like, even views leave even noise.

The null is *views drawn evenly*, not *noise exactly even*. N views drawn by chance leave a noise whose harmonic
of degree l has variance P_l(0)^2 / N, the same in every shell: a projection fills a central section, and P_l(0)
is what averaging over a great circle makes of a harmonic. 2000 views in a box of 64 voxels have five times the
quadrupole that the noise of noise alone explains. Neither N nor the number of independent coefficients need be
known, both are taken from the map itself:

- how a harmonic varies from shell to shell gives the variance of its mean, with all correlations that a mask, a
  window, or the interpolation of a reconstruction left between neighboring coefficients and shells;
- what harmonics of high degree have in common over the shells beyond that gives 1/N.

The test asks whether degrees 2, 2 to 4, or 2 to 6 hold more than both explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import angles, areas, axes_for
from ..geometry.harmonics import even_degrees, even_harmonics, invariant_harmonics
from ..results.types import DirectionalFSC, Result
from ._pooled import TESTED, Chance, Shells, chance_of, even_views_test, view_scatter
from .noise_harmonics import HIGHEST_DEGREE, NoiseHarmonics

__all__ = ["NoiseEvenness", "noise_evenness"]

Floats = NDArray[np.float64]

FIRST_SHELL = 8  # shells before have fewer coefficients than there are harmonics
FEWEST_SHELLS = 6
CAP = 12.0  # degrees, standard deviation of the Gaussian cap that noise power is averaged over
LEAST_POWER = 0.02  # of its mean: what caps hold at least, whatever truncated harmonics say
SMOOTH_DEGREE = 8  # of the field that ratio and regions are read from
DRAWS = 400
SYSTEMATIC = 0.08  # of the logarithm of the ratio: what a field of degree 8 misses of steep noise (simulations)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NoiseEvenness(Result):
    """Noise power over directions, and whether views drawn evenly explain it.

    Attributes
    ----------
    p_value : float
        Of views drawn evenly: small means that they were not. NaN where it can't be told (a small box,
        identical halves).
    ratio : float
        Noise power in the noisiest region over that in the quietest, averaged over caps of 12 degrees and
        over shells, with chance shrunk away; 1 is even.
    interval : tuple of float
        Holds that ratio with 95 % probability.
    noisiest, quietest : tuple of float
        (zenith, azimuth) of the two regions' middles in degrees.
    resolution_correlation : float
        Correlation over directions of noise power with dFSC: near -1 where noise is stronger in
        directions of lower dFSC, as missing views make it; near 1 where it is weaker there, as a filter in
        the direction of missing views makes it. NaN when the noise is perfectly even or dFSC unknown.
    degree_excess : ndarray, shape (3,)
        Power of degrees 2, 4 and 6 over what chance explains, 1 on average for even views; NaN for degrees
        that the point group doesn't leave.
    equivalent_views : float
        The number of evenly drawn views with as much scatter at high degrees; infinite where there is none.
    independent_share : float
        Independent coefficients over all, lowered by masks, windows, symmetry and interpolation.
    correlated_shells : int
        Over how many shells neighbors are correlated.
    high_frequency_power : float
        Noise power of the shells past FSC = 0.1 over that of the shells before FSC = 0.5: near 1 or above for
        a reconstruction as it comes, far below 1 where a filter took away what holds no signal. NaN if unknown.
    coefficients : ndarray, shape (44,)
        Even harmonics to degree 8 of the logarithm of noise power, shrunk; see `noise_power`.
    symmetry : str
        Point group that the test was told.
    """

    p_value: float
    ratio: float
    interval: tuple[float, float]
    noisiest: tuple[float, float]
    quietest: tuple[float, float]
    resolution_correlation: float
    degree_excess: Annotated[Floats, 3]
    equivalent_views: float
    independent_share: float
    correlated_shells: int
    high_frequency_power: float
    coefficients: Annotated[Floats, 44]
    symmetry: str = "C1"

    @property
    def sign(self) -> int:
        """1: more noise where dFSC is lower; -1: less; 0: neither, or unknown."""
        if not abs(self.resolution_correlation) > 0.5:
            return 0
        return -1 if self.resolution_correlation > 0 else 1

    @property
    def filtered(self) -> bool:
        """Whether the half maps look filtered by their signal-to-noise ratio: noise falls where signal ends."""
        return self.high_frequency_power < 0.05

    def noise_power(self, directions: NDArray[np.floating]) -> Floats:
        """Noise power around directions over its mean.

        Parameters
        ----------
        directions : ndarray, shape (N, 3)
            Unit vectors (x, y, z).

        Returns
        -------
        ndarray, shape (N,)
            1 at its geometric mean.
        """
        return np.asarray(np.exp(even_harmonics(directions, SMOOTH_DEGREE) @ self.coefficients))


def noise_evenness(
    noise: NoiseHarmonics, symmetry: str = "C1", *, dfsc: DirectionalFSC | None = None, seed: int = 0
) -> NoiseEvenness:
    """Test whether the noise over directions is that of evenly drawn views.

    Parameters
    ----------
    noise : NoiseHarmonics
        Of the half maps, best without a mask; halves masked before are fine.
    symmetry : str
        Point group of the map: the noise has it too.
    dfsc : DirectionalFSC, optional
        Of the maps; tells on which side of resolution the noise is.
    seed : int
        Of the random numbers.

    Returns
    -------
    NoiseEvenness
        p-value, effect and where it is.

    Raises
    ------
    SettingsError
        For an unknown point group.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.statistics.noise_harmonics import harmonic_moments, noise_harmonics
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=0))
    >>> test = noise_evenness(noise_harmonics(harmonic_moments(result.histogram)))
    >>> test.p_value > 0.05, test.ratio < 1.1
    (True, True)
    """
    basis, degrees = invariant_harmonics(symmetry, HIGHEST_DEGREE)
    used = noise.usable(FIRST_SHELL)
    blank = NoiseEvenness(
        p_value=float("nan"),
        ratio=float("nan"),
        interval=(float("nan"), float("nan")),
        noisiest=(float("nan"), float("nan")),
        quietest=(float("nan"), float("nan")),
        resolution_correlation=float("nan"),
        degree_excess=np.full(len(TESTED), np.nan),
        equivalent_views=float("nan"),
        independent_share=float("nan"),
        correlated_shells=0,
        high_frequency_power=_high_frequency_power(noise),
        coefficients=np.full(even_degrees(SMOOTH_DEGREE).size, np.nan),
        symmetry=symmetry.strip().upper(),
    )
    if used.sum() < FEWEST_SHELLS:
        return blank
    shells = Shells(noise.count[used], noise.fsc[used], noise.values[used] @ basis)
    # A Wiener filter S / (S + N) changes what is left of uneven noise by 2 FSC - 1: its sign turns at FSC = 0.5
    courses = [np.ones(shells.fsc.size), 2 * shells.fsc - 1] if blank.filtered else [np.ones(shells.fsc.size)]
    random = np.random.default_rng(seed)
    tried = []
    for course in courses:
        chance = chance_of(shells, course, degrees)
        if chance is not None:
            tried.append((*even_views_test(chance, degrees, random), chance))
    if not tried:
        return blank
    p_value, excess, chance = min(tried, key=lambda one: (one[0], -np.nansum(one[1])))
    views = float(view_scatter(chance.mean, chance.variance, degrees, TESTED[-1]))
    field = _field(chance, degrees, basis, random)
    if blank.filtered:  # a first-order estimate of noise before the filter finds a direction, not a size
        field |= {"ratio": float("nan"), "interval": (float("nan"), float("nan"))}
    result = blank.replace(
        p_value=min(1.0, p_value * len(tried)),
        degree_excess=excess,
        equivalent_views=1 / views if views > 0 else float("inf"),
        independent_share=min(1.0, float(1 / (chance.variance[0] * chance.count))),
        correlated_shells=chance.lag,
        **field,
    )
    if dfsc is None:
        return result
    return result.replace(resolution_correlation=_correlation(result.noise_power(dfsc.axes), dfsc, noise.fsc))


def _high_frequency_power(noise: NoiseHarmonics) -> float:
    """Noise power past FSC = 0.1 over that before FSC = 0.5, both medians over shells."""
    shell = np.arange(1, noise.fsc.size + 1)
    fsc = np.nan_to_num(noise.fsc, nan=1.0)
    strong, weak = np.flatnonzero(fsc >= 0.5), np.flatnonzero(fsc < 0.1)
    strong = strong[shell[strong] >= 3]
    past = weak[weak > strong.max()] if strong.size else weak[:0]
    if not strong.size or past.size < 3:
        return float("nan")
    before = float(np.median(noise.power[strong[strong.size // 2 :]]))
    return float(np.median(noise.power[past])) / before if before > 0 else float("nan")


# --- the effect --------------------------------------------------------------------------


def _field(chance: Chance, degrees: NDArray[np.int64], basis: Floats, random: np.random.Generator) -> dict[str, Any]:
    """Logarithm of noise power in caps as a smooth field, the ratio of its extremes, and where they are."""
    axes, share = axes_for(321), areas(321)
    cap = np.exp(-degrees * (degrees + 1.0) * np.deg2rad(CAP) ** 2 / 2)
    power = np.maximum(1 + even_harmonics(axes, HIGHEST_DEGREE) @ (basis @ (cap * chance.mean)), LEAST_POWER)
    smooth = degrees <= SMOOTH_DEGREE
    degrees, basis = degrees[smooth], basis[: even_degrees(SMOOTH_DEGREE).size, smooth]
    harmonics = even_harmonics(axes, SMOOTH_DEGREE) @ basis
    weighted = share[:, None] * harmonics
    mean = np.linalg.solve(weighted.T @ harmonics, weighted.T @ (np.log(power) - share @ np.log(power)))
    # relative to the power in a cap, chance is the same everywhere; the harmonics' variance is that of its square
    variance = (chance.variance[smooth] * cap[smooth] ** 2) / (share @ np.square(power / (share @ power)))
    _, place, number = np.unique(degrees, return_inverse=True, return_counts=True)
    signal = np.maximum(np.bincount(place, np.square(mean) - variance) / number, 0.0)[place]
    shrunk = signal / (signal + variance)
    estimate = shrunk * mean
    field = harmonics @ estimate
    ends = [int(field.argmax()), int(field.argmin())]
    # each degree's own power is uncertain too: what the interval draws is at least one standard error of it
    least = np.sqrt(2 / number)[place] * variance
    spread = np.sqrt(np.maximum(shrunk, least / (least + variance)) * variance)
    drawn = random.standard_normal((DRAWS, degrees.size))
    # from below, these two regions must differ; from above, no others may differ more
    own = (estimate + np.sqrt(variance) * drawn) @ (harmonics[ends[0]] - harmonics[ends[1]])
    any_two = np.ptp((estimate + spread * drawn) @ harmonics.T, axis=1)
    zenith, azimuth = angles(axes[ends])
    return {
        "ratio": float(np.exp(np.ptp(field))),
        "interval": (
            float(np.exp(max(0.0, np.quantile(own, 0.025) - SYSTEMATIC * np.ptp(field)))),
            float(np.exp(np.quantile(any_two, 0.975) + SYSTEMATIC * np.ptp(field))),
        ),
        "noisiest": (float(zenith[0]), float(azimuth[0])),
        "quietest": (float(zenith[1]), float(azimuth[1])),
        "coefficients": basis @ estimate,
    }


def _correlation(power: Floats, dfsc: DirectionalFSC, fsc: Floats) -> float:
    """Correlation of noise power with Fisher's z of dFSC, pooled over the shells where the FSC falls."""
    with np.errstate(invalid="ignore"):
        zone = (
            (fsc > 0.1) & (fsc < 0.9) & np.isfinite(dfsc.values).all(axis=0) & (np.arange(fsc.size) + 1 >= FIRST_SHELL)
        )
    if not zone.any():
        return float("nan")
    n_eff = dfsc.n_eff[:, zone]
    z = np.arctanh(np.clip(dfsc.values[:, zone], -0.999, 0.999))
    pooled = ((z - dfsc.areas @ z) * n_eff).sum(axis=1) / n_eff.sum(axis=1)
    centered = [values - dfsc.areas @ values for values in (pooled, np.log(power))]
    sizes = [float(np.sqrt(dfsc.areas @ np.square(values))) for values in centered]
    if not min(sizes) > 1e-9:
        return float("nan")
    return float(dfsc.areas @ (centered[0] * centered[1]) / (sizes[0] * sizes[1]))
