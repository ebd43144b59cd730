"""What noise makes of occupancy: the chance that a cone passes, and the FSO expected of known dFSC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, nctdtr
from scipy.stats import chi2

__all__ = ["expected_occupancy", "noise_floor", "pass_probability"]

Floats = NDArray[np.float64]

LARGEST = 1 - 1e-9


def pass_probability(dfsc: Floats, n_eff: Floats, threshold: float) -> Floats:
    """Chance that the measured dFSC of a cone reaches the threshold, given the true one.

    A measured dFSC is the correlation R of 2 n_eff pairs of real numbers of known mean 0. Its
    Fisher transform is taken as that of pure noise (exact: (1 + R)/2 is Beta distributed)
    moved by the true value's and by Fisher's bias r/(4 n_eff). In cones of fewer than 6
    coefficients R's own distribution is integrated instead: given one half map,
    sqrt(2 n_eff - 1) R / sqrt(1 - R^2) is noncentral t.

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
    [0.35, 0.5, 1.0]
    """
    pairs = 2 * np.maximum(n_eff, 1.0)
    true = np.clip(dfsc, -LARGEST, LARGEST)
    shift = np.arctanh(threshold) - np.arctanh(true) - true / (2 * pairs)
    half = (pairs - 1) / 2
    chance = np.asarray(betaincc(half, half, (1 + np.tanh(shift)) / 2))
    thin = np.broadcast_to((n_eff > 0) & (n_eff < 6) & np.isfinite(true), chance.shape)
    if thin.any():
        chance = np.array(chance, copy=True)
        chance[thin] = _pass_thin(
            np.broadcast_to(true, thin.shape)[thin], np.broadcast_to(pairs, thin.shape)[thin], threshold
        )
    return np.asarray(np.where(n_eff > 0, chance, np.nan))


def _pass_thin(true: Floats, pairs: Floats, threshold: float) -> Floats:
    """The same from the noncentral t distribution, averaged over the power of one half map."""
    limit = threshold * np.sqrt((pairs - 1) / (1 - threshold**2))
    odds = true / np.sqrt(1 - true**2)
    points = (np.arange(24) + 0.5) / 24
    power = np.asarray(chi2.ppf(points[:, None], pairs), dtype=np.float64)
    below = nctdtr(np.broadcast_to(pairs - 1, power.shape), odds * np.sqrt(power), np.broadcast_to(limit, power.shape))
    return np.asarray(1 - below.mean(axis=0))


def expected_occupancy(dfsc: Floats, n_eff: Floats, areas: Floats, threshold: float) -> Floats:
    """Expected FSO of measured maps whose true dFSC is known (paper, eq. 2).

    Parameters
    ----------
    dfsc : ndarray, shape (A, S)
        True dFSC.
    n_eff : ndarray, shape (A, S)
        Effective coefficients in each cone.
    areas : ndarray, shape (A,)
        Share of the sphere of each axis.
    threshold : float
        chi.

    Returns
    -------
    ndarray, shape (S,)
        Mean share of axes that pass; NaN where no cone is measured.

    Examples
    --------
    >>> expected_occupancy(np.zeros((1, 2)), np.array([[4.25, 68.0]]), np.ones(1), 0.143).round(2).tolist()
    [0.35, 0.05]
    """
    chance = pass_probability(dfsc, n_eff, threshold)
    known = np.isfinite(chance)
    total = areas @ known
    passing = areas @ np.where(known, chance, 0.0)
    return np.asarray(np.divide(passing, total, out=np.full(total.shape, np.nan), where=total > 0))


def noise_floor(n_eff: Floats, areas: Floats, threshold: float) -> Floats:
    """Expected FSO of shells of pure noise.

    Parameters
    ----------
    n_eff : ndarray, shape (A, S)
        Effective coefficients in each cone.
    areas : ndarray, shape (A,)
        Share of the sphere of each axis.
    threshold : float
        chi.

    Returns
    -------
    ndarray, shape (S,)
        Share of axes that pass by luck; NaN where all cones are empty.

    Examples
    --------
    >>> noise_floor(np.array([[4.25, 68.0]]), np.ones(1), 0.143).round(2).tolist()
    [0.35, 0.05]
    """
    return expected_occupancy(np.zeros(n_eff.shape), n_eff, areas, threshold)
