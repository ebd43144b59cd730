"""How far noise alone moves occupancy and resolution: floors, bands and intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc

__all__ = ["pass_probability"]

Floats = NDArray[np.float64]


def pass_probability(dfsc: Floats, n_eff: Floats, threshold: float) -> Floats:
    """Chance that the measured dFSC of a cone reaches the threshold, given the true one.

    A measured dFSC is the correlation of 2 n_eff pairs of real numbers of known mean 0. Its
    Fisher transform is taken as that of pure noise (exact: (1 + R)/2 is Beta distributed)
    moved by the true value's and by Fisher's bias r/(4 n_eff).

    Parameters
    ----------
    dfsc : ndarray
        True dFSC.
    n_eff : ndarray, same shape
        Effective number of independent complex coefficients in the cone.
    threshold : float
        chi.

    Returns
    -------
    ndarray
        0 to 1; NaN where `dfsc` is NaN or the cone is empty.

    Examples
    --------
    >>> pass_probability(np.array([0.0, 0.143, 0.9]), np.array([4.25, 70.0, 70.0]), 0.143).round(2).tolist()
    [0.34, 0.51, 1.0]
    """
    pairs = 2 * np.maximum(n_eff, 1.0)
    true = np.clip(dfsc, -1 + 1e-12, 1 - 1e-12)
    shift = np.arctanh(threshold) - np.arctanh(true) - true / (2 * pairs)
    half = (pairs - 1) / 2
    chance = betaincc(half, half, (1 + np.tanh(shift)) / 2)
    return np.asarray(np.where(n_eff > 0, chance, np.nan))
