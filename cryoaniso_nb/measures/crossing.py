"""Where curves first fall below a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..results import Crossing, ResolutionFlag

__all__ = ["first_crossing", "first_crossings"]

Floats = NDArray[np.float64]


def first_crossings(
    frequency: Floats, curves: Floats, level: float, *, start: int = 1
) -> tuple[Floats, NDArray[np.int8], NDArray[np.int64]]:
    """First downward crossing of a level by each of many curves.

    Shells where a curve is NaN are passed over; the crossing is interpolated linearly in
    frequency between the measured shells around it.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    curves : ndarray, shape (A, S)
        One curve a row.
    level : float
        A curve counts as below where it is less than this.
    start : int
        First shell looked at.

    Returns
    -------
    frequency : ndarray, shape (A,)
        1/Å; NaN where not crossed.
    flag : ndarray of int8, shape (A,)
        A `ResolutionFlag` a curve.
    shell : ndarray of int, shape (A,)
        The first shell below the level; 0 where not crossed.

    Examples
    --------
    >>> f, flag, shell = first_crossings(np.arange(1.0, 4.0), np.array([[1.0, 0.5, 0.0]]), 0.25)
    >>> float(f[0]), int(shell[0])
    (2.5, 3)
    """
    values = np.atleast_2d(curves)[:, start - 1 :]
    f = frequency[start - 1 :]
    measured = np.isfinite(values)
    below = measured & (np.where(measured, values, np.inf) < level)
    first = np.argmax(below, axis=1)
    crosses = below[np.arange(len(values)), first]
    position = np.where(measured, np.arange(f.size), -1)
    last = np.maximum.accumulate(position, axis=1)
    before = np.where(first > 0, last[np.arange(len(values)), np.maximum(first - 1, 0)], -1)

    flag = np.full(len(values), ResolutionFlag.NOT_CROSSED, dtype=np.int8)
    flag[~measured.any(axis=1)] = ResolutionFlag.UNMEASURED
    flag[crosses] = ResolutionFlag.CROSSED
    flag[crosses & (before < 0)] = ResolutionFlag.BELOW_AT_START

    result = np.full(len(values), np.nan)
    rows = np.flatnonzero(flag == ResolutionFlag.CROSSED)
    i, j = before[rows], first[rows]
    high, low = values[rows, i], values[rows, j]
    result[rows] = f[i] + (high - level) / (high - low) * (f[j] - f[i])
    return result, flag, np.where(flag == ResolutionFlag.CROSSED, first + start, 0)


def first_crossing(frequency: Floats, curve: Floats, level: float, *, start: int = 1) -> Crossing:
    """First downward crossing of a level by one curve.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    curve : ndarray, shape (S,)
        May hold NaN.
    level : float
        The level.
    start : int
        First shell looked at.

    Returns
    -------
    Crossing
        Frequency in 1/Å and a flag.

    Examples
    --------
    >>> first_crossing(np.arange(1.0, 4.0), np.array([1.0, 0.5, 0.0]), 0.25).frequency
    2.5
    """
    if start > frequency.size:
        return Crossing(level=level, frequency=float("nan"), flag=ResolutionFlag.NOT_CROSSED)
    f, flag, _ = first_crossings(frequency, curve[None], level, start=start)
    return Crossing(level=level, frequency=float(f[0]), flag=ResolutionFlag(int(flag[0])))
