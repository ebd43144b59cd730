"""Where curves fall below a level, by one rule; and where they first do, as the literature counts it.

The rule: a curve's non-increasing least-squares fit falls through the level after shell
k* = argmax over k of sum_{s <= k} w_s (f_s - level), w being what each shell's value rests on.
For a curve that falls once that is its first crossing; of a noisy one a dip counts only as far
as the shells beyond it don't make it good, so there is no shell to start the search at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..results.types import Crossing, ResolutionFlag

__all__ = ["crossing", "crossings", "first_crossings", "last_shells"]

Floats = NDArray[np.float64]
Shells = NDArray[np.int64]


def last_shells(curves: Floats, level: float, weights: Floats) -> Shells:
    """The shell after which each curve's non-increasing fit lies below a level.

    Parameters
    ----------
    curves : ndarray, shape (A, S)
        One curve per row; NaN counts for nothing.
    level : float
        The level.
    weights : ndarray, shape (S,) or (A, S)
        Of each value; NaN counts as 0.

    Returns
    -------
    ndarray of int, shape (A,)
        1 to S; 0 where the fit lies below from the first shell on, S where it never does. Of
        several it is the last.

    Examples
    --------
    >>> last_shells(np.array([[1.0, 0.1, 0.9, 0.0], [0.1, 0.2, 0.1, 0.0]]), 0.5, np.ones(4)).tolist()
    [3, 0]
    """
    measured = np.isfinite(curves)
    gain = np.where(measured, np.nan_to_num(weights) * (np.where(measured, curves, 0.0) - level), 0.0)
    total = np.concatenate([np.zeros((len(curves), 1)), np.cumsum(gain, axis=1)], axis=1)
    return np.asarray(curves.shape[1] - np.argmax(total[:, ::-1], axis=1), dtype=np.int64)


def crossings(
    frequency: Floats, curves: Floats, level: float, weights: Floats
) -> tuple[Floats, NDArray[np.int8], Shells]:
    """Where each of many curves falls below a level, by the rule of this module.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    curves : ndarray, shape (A, S)
        One curve per row; shells where it is NaN are passed over.
    level : float
        A curve counts as below where it is less than this.
    weights : ndarray, shape (S,) or (A, S)
        What each value rests on, such as the coefficients in its cone; NaN counts as 0.

    Returns
    -------
    frequency : ndarray, shape (A,)
        1/Å, interpolated linearly between the measured shells around the fall; NaN where not CROSSED.
    flag : ndarray of int8, shape (A,)
        A `ResolutionFlag` a curve.
    shell : ndarray of int, shape (A,)
        The first shell of the fall below the level; 0 where not CROSSED.

    Examples
    --------
    >>> f, flag, shell = crossings(np.arange(1.0, 5.0), np.array([[1.0, 0.1, 0.9, 0.0]]), 0.45, np.ones(4))
    >>> float(f[0]), int(shell[0])
    (3.5, 4)
    """
    used = np.where(np.nan_to_num(np.broadcast_to(weights, curves.shape)) > 0, curves, np.nan)
    return _interpolated(frequency, used, level, last_shells(used, level, weights), 0)


def crossing(frequency: Floats, curve: Floats, level: float, *, first: bool = False) -> Crossing:
    """Where one curve of whole shells falls below a level: FSC, or FSO.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    curve : ndarray, shape (S,)
        May hold NaN. Each shell is weighted by its number.
    level : float
        The level.
    first : bool
        Take the first crossing instead of the rule's, for parity with other programs.

    Returns
    -------
    Crossing
        Frequency in 1/Å and a flag; its `first` is the curve's first crossing.

    Examples
    --------
    >>> found = crossing(np.arange(1.0, 5.0), np.array([1.0, 0.4, 0.9, 0.0]), 0.45)
    >>> round(found.frequency, 6), round(found.first, 6)
    (3.5, 1.916667)
    """
    earliest = first_crossings(frequency, curve[None], level)
    found = earliest if first else crossings(frequency, curve[None], level, np.arange(1.0, curve.size + 1))
    flag = ResolutionFlag(int(found[1][0]))
    return Crossing(level=level, frequency=float(found[0][0]), flag=flag, first=float(earliest[0][0]))


def first_crossings(
    frequency: Floats, curves: Floats, level: float, *, start: int = 1
) -> tuple[Floats, NDArray[np.int8], Shells]:
    """Where each of many curves first falls below a level, as other programs count it.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    curves : ndarray, shape (A, S)
        One curve per row; shells where it is NaN are passed over.
    level : float
        A curve counts as below where it is less than this.
    start : int
        First shell looked at.

    Returns
    -------
    frequency : ndarray, shape (A,)
        1/Å, interpolated linearly; NaN where not CROSSED.
    flag : ndarray of int8, shape (A,)
        A `ResolutionFlag` a curve; NO_SIGNAL where it is below in the first shell looked at.
    shell : ndarray of int, shape (A,)
        The first shell below the level; 0 where not CROSSED.

    Examples
    --------
    >>> f, flag, shell = first_crossings(np.arange(1.0, 4.0), np.array([[1.0, 0.5, 0.0]]), 0.25)
    >>> float(f[0]), int(shell[0])
    (2.5, 3)
    """
    values = np.atleast_2d(curves)[:, start - 1 :]
    below = np.isfinite(values) & (np.where(np.isfinite(values), values, np.inf) < level)
    before = np.where(below.any(axis=1), np.argmax(below, axis=1), values.shape[1])
    return _interpolated(frequency[start - 1 :], values, level, before.astype(np.int64), start - 1)


def _interpolated(
    frequency: Floats, values: Floats, level: float, shells: Shells, skipped: int
) -> tuple[Floats, NDArray[np.int8], Shells]:
    """Crossings between the last measured one of the first `shells` shells and the next measured one."""
    rows, size = np.arange(len(values)), frequency.size
    measured = np.isfinite(values)
    place = np.arange(size)
    last = np.maximum.accumulate(np.where(measured, place, -1), axis=1)
    following = np.minimum.accumulate(np.where(measured, place, size)[:, ::-1], axis=1)[:, ::-1]
    before = np.where(shells > 0, last[rows, np.maximum(shells - 1, 0)], -1)
    after = np.where(shells < size, following[rows, np.minimum(shells, size - 1)], size)

    flag = np.full(len(values), ResolutionFlag.CROSSED, dtype=np.int8)
    flag[after == size] = ResolutionFlag.NOT_CROSSED
    flag[before < 0] = ResolutionFlag.NO_SIGNAL
    flag[~measured.any(axis=1)] = ResolutionFlag.UNMEASURED
    crossed = np.flatnonzero(flag == ResolutionFlag.CROSSED)
    i, j = before[crossed], after[crossed]
    high, low = values[crossed, i], values[crossed, j]
    found, first_below = np.full(len(values), np.nan), np.zeros(len(values), dtype=np.int64)
    found[crossed] = frequency[i] + (high - level) / (high - low) * (frequency[j] - frequency[i])
    first_below[crossed] = j + 1 + skipped
    return found, flag, first_below
