"""Even real spherical harmonics, and which of them a point group leaves as they are.

An axis and its antipode are the same, so only even degrees l occur. Columns are ordered by degree, within
one m = 0, then cos and sin of m = 1, 2, ..., l. Each has mean square 1 over the sphere.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .directions import axes_for
from .symmetry import point_group

__all__ = ["even_degrees", "even_harmonics", "invariant_harmonics"]

Floats = NDArray[np.float64]


def even_degrees(highest: int) -> NDArray[np.int64]:
    """Degree of each column of `even_harmonics`.

    Parameters
    ----------
    highest : int
        Highest degree, even.

    Returns
    -------
    ndarray of int, shape (C,)
        2 five times, 4 nine times, ...

    Examples
    --------
    >>> even_degrees(4).tolist()
    [2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4]
    """
    degrees = np.arange(2, highest + 1, 2)
    return np.repeat(degrees, 2 * degrees + 1)


def even_harmonics(directions: NDArray[np.floating], highest: int) -> Floats:
    """Real spherical harmonics of degrees 2, 4, ..., `highest`.

    Parameters
    ----------
    directions : ndarray, shape (N, 3)
        Unit vectors (x, y, z).
    highest : int
        Highest degree, even.

    Returns
    -------
    ndarray, shape (N, C)
        Orthogonal over the sphere, mean square 1, mean 0.

    Examples
    --------
    >>> even_harmonics(np.array([[0.0, 0.0, 1.0]]), 2).round(3).tolist()
    [[2.236, 0.0, 0.0, 0.0, 0.0]]
    """
    x, y, z = np.asarray(directions, dtype=np.float64).T
    first = {degree: degree * (degree - 1) // 2 - 1 for degree in range(2, highest + 1, 2)}  # column of m = 0
    result = np.empty((z.size, even_degrees(highest).size))
    real, imaginary = np.ones_like(z), np.zeros_like(z)  # (x + iy)^m
    top = 1.0
    for m in range(highest + 1):
        if m:
            real, imaginary = x * real - y * imaginary, x * imaginary + y * real
            top *= np.sqrt((2 * m + 1) / (2 * m))
        before, now = np.zeros_like(z), np.full_like(z, top)
        for degree in range(m, highest + 1):
            if degree > m:  # recursion over degrees of normalized Legendre functions over sin^m
                a = np.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
                b = np.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
                before, now = now, a * (z * now - b * before)
            if degree in first and m == 0:
                result[:, first[degree]] = now
            elif degree in first:
                column = first[degree] + 2 * m - 1
                np.multiply(now, np.sqrt(2) * real, out=result[:, column])
                np.multiply(now, np.sqrt(2) * imaginary, out=result[:, column + 1])
    return result


@lru_cache(maxsize=16)
def invariant_harmonics(symmetry: str, highest: int) -> tuple[Floats, NDArray[np.int64]]:
    """The combinations of harmonics that a point group leaves as they are.

    Parameters
    ----------
    symmetry : str
        Point group, see `point_group`.
    highest : int
        Highest degree, even.

    Returns
    -------
    tuple of ndarray
        Orthonormal columns (C, I), read-only, and the degree (I,) of each.

    Raises
    ------
    SettingsError
        For an unknown group.

    Examples
    --------
    >>> invariant_harmonics("O", 8)[1].tolist()
    [4, 6, 8]
    """
    degrees = even_degrees(highest)
    if symmetry.strip().upper() == "C1":
        columns, kept = np.eye(degrees.size), degrees
    else:
        group = point_group(symmetry)
        points = axes_for(321)
        values = even_harmonics(points, highest)
        mean = np.mean([even_harmonics(points @ rotation, highest) for rotation in group], axis=0)
        found = []
        for degree in np.unique(degrees):
            own = degrees == degree
            # averaging over the group projects on what it leaves as it is: eigenvalues 0 and 1
            projection = np.linalg.lstsq(values[:, own], mean[:, own], rcond=None)[0]
            vectors = _basis((projection + projection.T) / 2)
            block = np.zeros((degrees.size, vectors.shape[1]))
            block[own] = vectors
            found.append(block)
        columns = np.concatenate(found, axis=1)
        kept = degrees[np.abs(columns).argmax(axis=0)]
    columns.flags.writeable = kept.flags.writeable = False
    return columns, kept


def _basis(projection: Floats) -> Floats:
    """Orthonormal columns of the space that a matrix projects on, the same on every machine.

    Eigenvectors of equal eigenvalues are any basis, another one with every LAPACK, and random numbers that
    stand for coefficients would mean other fields.
    """
    rest, columns = projection.copy(), []
    for _ in range(round(float(np.trace(projection)))):
        chosen = rest[:, int(np.argmax(np.linalg.norm(rest, axis=0).round(6)))]
        columns.append(chosen / np.linalg.norm(chosen))
        rest -= np.outer(columns[-1], columns[-1] @ rest)
    return np.array(columns).T.reshape(len(projection), -1)
