"""Whether half maps have the point group that was told."""

from __future__ import annotations

import numpy as np

from ..geometry.harmonics import even_degrees, invariant_harmonics
from .noise_harmonics import HIGHEST_DEGREE, Moments

__all__ = ["WRONG_GROUP", "group_misfit"]

DEGREE = 8
FIRST_SHELL = 4
STRONG_FSC = 0.8  # shells that are nearly all signal
FEWEST_SHELLS = 4
WRONG_GROUP = 0.05  # see docs/statistics.md


def group_misfit(of: Moments, symmetry: str) -> float:
    """Power by direction that breaks a point group, over that which keeps it.

    The signal's power in each shell is spread over even harmonics. A map with the group has only those
    that the group leaves as they are; of any other map, all hold about as much. Noise is subtracted.

    Parameters
    ----------
    of : Moments
        Of half maps.
    symmetry : str
        Point group.

    Returns
    -------
    float
        Mean power of harmonics to degree 8 that the group changes over that of those it leaves: near 0 for
        the right group. 0 for C1, NaN where fewer than 4 shells have FSC > 0.8.

    Raises
    ------
    SettingsError
        For an unknown point group.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.statistics import harmonic_moments
    >>> result = ca.analyze(ca.simulate_half_maps(box=64, preset="isotropic", seed=0))
    >>> group_misfit(harmonic_moments(result.histogram), "D2") > WRONG_GROUP
    True
    """
    low = even_degrees(HIGHEST_DEGREE) <= DEGREE
    basis, degrees = invariant_harmonics(symmetry, HIGHEST_DEGREE)
    kept = basis[low][:, degrees <= DEGREE]
    changed = int(low.sum()) - kept.shape[1]
    if not changed:
        return 0.0
    fsc = np.nan_to_num(of.fsc)
    used = (fsc > STRONG_FSC) & (np.arange(1, fsc.size + 1) >= FIRST_SHELL)
    if used.sum() < FEWEST_SHELLS:
        return float("nan")
    count = of.sums[3, used]
    values = of.moments[0, used][:, low] / of.sums[0, used, None] - of.moments[3, used][:, low] / count[:, None]
    noise = 1 / fsc[used] - 1  # over signal
    chance = float(((noise + noise**2 / 2) / count).sum())  # in one harmonic
    same = float(np.square(values @ kept).sum())
    other = float(np.square(values).sum()) - same
    if not same > kept.shape[1] * chance:
        return float("nan")
    return float(max(other / changed - chance, 0.0) / (same / kept.shape[1] - chance))
