"""Bingham test of isotropy, shell by shell, in the conventions in use."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..results.types import FSO, Bingham, DirectionalFSC
from .fourier_shell_occupancy import zone_shells

__all__ = ["anisotropic_range", "bingham", "statistic"]

Floats = NDArray[np.float64]

SIGNIFICANCE = 0.05
DEGREES = 5  # of freedom, (k - 1)(k + 2)/2 for k = 3


def statistic(axes: Floats, passing: NDArray[np.bool_]) -> Floats:
    """The paper's B for the axes that pass, each counted with its antipode.

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors.
    passing : ndarray of bool, shape (A, ...)
        Which axes pass, e.g. in each shell.

    Returns
    -------
    ndarray, shape (...)
        B = 7.5 N (tr T^2 - 1/3), N twice the number of passing axes; 0 where none passes.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for
    >>> float(statistic(axes_for(321), np.ones(321, dtype=bool)).round(9))
    0.0
    """
    x, y, z = axes.T
    outer = np.stack([x * x, y * y, z * z, x * y, y * z, z * x])
    mask = passing.reshape(len(axes), -1).astype(np.float64)
    count = mask.sum(axis=0)
    moments = np.divide(outer @ mask, count, out=np.zeros((6, count.size)), where=count > 0)
    square = (moments[:3] ** 2).sum(axis=0) + 2 * (moments[3:] ** 2).sum(axis=0)
    value = np.where(count > 0, 7.5 * 2 * count * (square - 1 / 3), 0.0)
    return np.asarray(np.maximum(value, 0.0).reshape(passing.shape[1:]))


def anisotropic_range(curve: FSO, significant: NDArray[np.bool_]) -> tuple[float, float]:
    """Lowest and highest resolution of the run of significant shells in the transition zone.

    Parameters
    ----------
    curve : FSO
        Whose transition zone the run must overlap.
    significant : ndarray of bool, shape (S,)
        Shells where the test finds anisotropy.

    Returns
    -------
    tuple of float
        (low, high) in Å, of the run that shares most shells with the zone; NaN if none does.

    Examples
    --------
    >>> from cryoaniso_nb.results.types import Crossing, ResolutionFlag
    >>> cross = lambda level, f: Crossing(level=level, frequency=f, flag=ResolutionFlag.CROSSED)
    >>> f = np.array([0.1, 0.2, 0.25, 0.4])
    >>> fso = FSO(frequency=f, occupancy=f, threshold=0.143, onset=cross(0.9, 0.22), middle=cross(0.5, 0.25),
    ...           end=cross(0.1, 0.28))
    >>> anisotropic_range(fso, np.array([False, True, True, False]))
    (5.0, 4.0)
    """
    zone = zone_shells(curve)
    edges = np.diff(np.concatenate([[False], significant, [False]]).astype(np.int8))
    runs = zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    shared = [(min(stop, zone.stop) - max(start, zone.start), start, stop) for start, stop in runs]
    best = max(shared, default=(0, 0, 0), key=lambda run: run[0])
    if best[0] <= 0:
        return float("nan"), float("nan")
    return float(1 / curve.frequency[best[1]]), float(1 / curve.frequency[best[2] - 1])


def chi2_5_upper(x: Floats) -> Floats:
    """Upper tail of chi-squared with 5 degrees of freedom, the regularised gamma Q(5/2, x/2).

    In closed form, since scipy.special takes longer to import than an analysis of a small map.

    Parameters
    ----------
    x : ndarray
        0 or more.

    Returns
    -------
    ndarray
        Probabilities; NaN for NaN.

    Examples
    --------
    >>> chi2_5_upper(np.array([0.0, 11.0705])).round(4).tolist()
    [1.0, 0.05]
    """
    y = np.asarray(x, dtype=np.float64) / 2
    root = np.sqrt(y)
    tail = np.array([math.erfc(value) for value in root.ravel()]).reshape(y.shape)
    return np.asarray(tail + np.exp(-y) * root * (2 + 4 * y / 3) / math.sqrt(math.pi))


def _upper_5(y: Floats) -> Floats:
    """The regularised gamma Q(5, y)."""
    return np.exp(-y) * (1 + y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4))))


def bingham(dfsc: DirectionalFSC, curve: FSO, *, parity: str | None = None) -> Bingham:
    """Bingham test of the passing axes in each shell.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis.
    curve : FSO
        Its threshold decides which axes pass, its transition zone where ranges lie.
    parity : {None, 'xmipp'}
        With 'xmipp', `p_published` is that program's table: the regularised gamma function
        P(5, B) with B rounded to multiples of 1/2; unmeasured axes don't pass.

    Returns
    -------
    Bingham
        Statistic, textbook and published curves, and their anisotropic ranges. Ranges take
        shells with p_textbook < 0.05 and with p_published > 0.05, as the paper does.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for, areas
    >>> from cryoaniso_nb.measures.fourier_shell_occupancy import fso
    >>> values = np.where(axes_for(321)[:, 2:] > 0.5, 0.9, 0.0)
    >>> dfsc = DirectionalFSC(frequency=np.array([0.1]), axes=axes_for(321), areas=areas(321), values=values,
    ...                       n_eff=np.ones((321, 1)), done=np.ones(321, dtype=bool))
    >>> bool(bingham(dfsc, fso(dfsc, 0.143)).p_textbook[0] < 1e-6)
    True
    """
    done = dfsc.done
    values = dfsc.values[done]
    measured = np.isfinite(values)
    b = statistic(dfsc.axes[done], np.where(measured, values, -np.inf) >= curve.threshold)
    if parity == "xmipp":
        p_published = np.asarray(1 - _upper_5(np.floor(2 * b + 0.5) / 2), dtype=np.float64)
    else:
        b = np.where(measured.all(axis=0), b, np.nan)
        p_published = np.asarray(1 - chi2_5_upper(b), dtype=np.float64)
    p_textbook = np.asarray(chi2_5_upper(b / 2), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        ranges = {
            "p_textbook": anisotropic_range(curve, p_textbook < SIGNIFICANCE),
            "p_published": anisotropic_range(curve, p_published > SIGNIFICANCE),
        }
    return Bingham(
        frequency=dfsc.frequency,
        statistic=b,
        p_textbook=p_textbook,
        p_published=p_published,
        significance=SIGNIFICANCE,
        ranges=ranges,
    )
