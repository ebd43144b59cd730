"""Whether dFSC differs over directions by more than chance, pooled over the shells where the FSC falls.

dFSC differs for three reasons: noise, the particle, whose own power differs over directions, and the views.
Two nulls keep them apart.

*Noise alone*: in every shell all directions have the same signal and noise. Fisher's z = atanh(dFSC) is tested for
a pattern of degree 2, 4 or 6 that stays over the shells and goes as z does when the signal-to-noise ratio differs,
F/(1 + F). Every particle that isn't round has one, so this says that directions differ, and not why.

*Noise and the particle*: dFSC is what each direction's own signal power S, as the map holds it, and even noise N
make of it, S/(S + N). S cancels: what z has beyond that is the noise's alone, so it is tested in the difference
of the half maps, in the shells where the FSC falls, and without the mask, which changes nothing of the question.
Molecules with even views keep the level of this test whatever their shape. Drawn views differ by chance as in
`noise_evenness`, the test of all shells, which has more to go by.

Neither draws half maps: variance, with what mask and symmetry leave of it, is found from shell to shell. The
Bingham test with its calibrated null (`calibration`) is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..geometry.harmonics import invariant_harmonics
from ..geometry.symmetry import group_name
from ..results.types import Result
from ._pooled import Shells, chance_of, difference_test, even_views_test
from .noise_harmonics import HIGHEST_DEGREE, Moments, NoiseHarmonics, correlation_harmonics, noise_harmonics

__all__ = ["ChanceTest", "chance_test"]

Floats = NDArray[np.float64]

FIRST_SHELL = 6
FEWEST_SHELLS = 7
LOWEST_FSC = 0.05  # the shells end with the last one above


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ChanceTest(Result):
    """Whether dFSC differs over directions by more than chance.

    Attributes
    ----------
    p_value : float
        Of noise that is even and the particle as it is: small means that dFSC differs by more than chance and
        the particle's own power explain. NaN where too few shells are left.
    p_difference : float
        Of noise alone: small means that dFSC differs, be it by the particle itself. NaN as above.
    degree_excess : ndarray, shape (3,)
        Power of degrees 2, 4 and 6 of Fisher's z over that of noise alone, 1 by chance.
    first_shell, last_shell : int
        The shells that were pooled; 0 if none.
    symmetry : str
        Point group that the test was told.
    """

    p_value: float
    p_difference: float
    degree_excess: Annotated[Floats, 3]
    first_shell: int
    last_shell: int
    symmetry: str = "C1"


def chance_test(of: Moments, symmetry: str = "C1", *, noise: NoiseHarmonics | None = None, seed: int = 0) -> ChanceTest:
    """Test whether dFSC differs over directions by more than chance.

    Parameters
    ----------
    of : Moments
        Of the half maps with their mask.
    symmetry : str
        Point group of the map.
    noise : NoiseHarmonics, optional
        Of the half maps without their mask, where there is one.
    seed : int
        Of the random numbers.

    Returns
    -------
    ChanceTest
        Both p-values.

    Raises
    ------
    SettingsError
        For an unknown point group.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.statistics.noise_harmonics import harmonic_moments
    >>> result = ca.analyze(ca.simulate_half_maps(box=48, preset="missing-side-views", seed=0))
    >>> test = chance_test(harmonic_moments(result.histogram))
    >>> test.p_difference < 0.01, test.p_value < 0.01
    (True, True)
    """
    basis, degrees = invariant_harmonics(symmetry, HIGHEST_DEGREE)
    masked, curves = noise_harmonics(of), correlation_harmonics(of)
    unmasked = masked if noise is None else noise
    blank = ChanceTest(
        p_value=float("nan"),
        p_difference=float("nan"),
        degree_excess=np.full(3, np.nan),
        first_shell=0,
        last_shell=0,
        symmetry=group_name(symmetry),
    )
    audible = np.flatnonzero(np.nan_to_num(masked.fsc) > LOWEST_FSC)
    zone = masked.usable(FIRST_SHELL) & np.isfinite(unmasked.values).all(axis=1)
    zone[audible.max() + 1 if audible.size else 0 :] = False
    if zone.sum() < FEWEST_SHELLS:
        return blank
    random = np.random.default_rng(seed)
    told, alone = (Shells(n.count[zone], n.fsc[zone], n.values[zone] @ basis) for n in (unmasked, masked))
    chance = chance_of(told, np.ones(told.fsc.size), degrees)
    p_difference, excess = _difference(alone, curves[zone] @ basis, degrees, random)
    pooled = np.flatnonzero(zone) + 1
    return blank.replace(
        p_value=float("nan") if chance is None else even_views_test(chance, degrees, random)[0],
        p_difference=p_difference,
        degree_excess=excess,
        first_shell=int(pooled[0]),
        last_shell=int(pooled[-1]),
    )


def _difference(
    shells: Shells, curves: Floats, degrees: NDArray[np.int64], random: np.random.Generator
) -> tuple[float, Floats]:
    """p-value of noise alone, and the excess of each tested degree; NaN where shells are too correlated to tell."""
    fsc = np.maximum(shells.fsc, 1e-3)
    course = fsc / (1 + fsc)  # what z shows of a change in the logarithm of S/N
    by_noise = chance_of(shells, course, degrees)
    own = chance_of(Shells(shells.count, shells.fsc, curves), course, degrees)
    if by_noise is None or own is None:
        return float("nan"), np.full(3, np.nan)
    # z has half the variance of the relative power of noise. A mask spreads strong shells of few coefficients
    # over those above, so that signal that is alike in all directions varies more: then z itself tells how much
    variance = by_noise.variance / 2
    if own.measured:
        variance = np.maximum(variance, own.variance)
    return difference_test(own.with_mean(own.mean, variance), degrees, random)
