"""Shells, Hermitian weights and lattices of real maps' Fourier transforms.

Frequencies are counted in units of 1/(longest side), so that shell s of a cubic box holds
the voxels with round(abs(k)) = s; the Nyquist shell is half the longest side, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box",
    "LowLattice",
    "box_text",
    "coordinates",
    "first_dense_shell",
    "hermitian_weights",
    "low_lattice",
    "n_shells",
    "shell_frequencies",
    "shell_index",
    "shell_of",
]

Floats = NDArray[np.float64]
Box = tuple[int, int, int]

# Shells with fewer coefficients than this are kept one by one: there the histogram's
# interpolation error would be seen beside the noise of so few (a cubic box: shells 1-23).
DENSE = 3500


def box_text(box: tuple[int, ...]) -> str:
    """A box in words; its order of axes is that of all messages.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    str
        The order is said where the sides differ.

    Examples
    --------
    >>> box_text((64, 64, 64)), box_text((60, 64, 64))
    ('64 x 64 x 64 voxels', '60 x 64 x 64 voxels (z, y, x)')
    """
    return f"{' x '.join(map(str, box))} voxels{' (z, y, x)' if len(set(box)) > 1 else ''}"


def n_shells(box: Box) -> int:
    """Number of the Nyquist shell.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    int
        Half the longest side, rounded down.

    Examples
    --------
    >>> n_shells((64, 64, 101))
    50
    """
    return max(box) // 2


def shell_frequencies(box: Box, voxel_size: float) -> Floats:
    """Frequencies of shells 1 to Nyquist.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.

    Returns
    -------
    ndarray, shape (S,)
        1/Å.

    Examples
    --------
    >>> shell_frequencies((16, 16, 16), 2.0)[-1]
    np.float64(0.25)
    """
    return np.arange(1, n_shells(box) + 1) / (max(box) * voxel_size)


def shell_of(radius: NDArray[np.floating]) -> NDArray[np.int64]:
    """The shell that a frequency belongs to.

    Parameters
    ----------
    radius : ndarray
        Frequencies in units of 1/(longest side).

    Returns
    -------
    ndarray of int
        round(abs(k)), a half upwards.

    Examples
    --------
    >>> shell_of(np.array([0.49, 0.5, 1.5])).tolist()
    [0, 1, 2]
    """
    return np.asarray(np.floor(radius + 0.5), dtype=np.int64)


def coordinates(box: Box) -> tuple[Floats, Floats, Floats]:
    """Frequencies along z, y and the half axis x of the rfft lattice.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    tuple of ndarray
        (nz,), (ny,) and (nx // 2 + 1,), in units of 1/(longest side).

    Examples
    --------
    >>> coordinates((4, 4, 4))[2]
    array([0., 1., 2.])
    """
    longest = max(box)
    nz, ny, nx = box
    z, y, x = np.fft.fftfreq(nz, 1 / longest), np.fft.fftfreq(ny, 1 / longest), np.fft.rfftfreq(nx, 1 / longest)
    return z.astype(np.float64), y.astype(np.float64), x.astype(np.float64)


def shell_index(box: Box) -> NDArray[np.int64]:
    """Shell of every coefficient of the rfft lattice.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    ndarray of int, shape (nz, ny, nx // 2 + 1)
        round(abs(k)); corners reach beyond the Nyquist shell.

    Examples
    --------
    >>> int(shell_index((16, 16, 16))[3, 4, 0])
    5
    """
    z, y, x = coordinates(box)
    radius = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    return shell_of(radius)


def hermitian_weights(box: Box) -> Floats:
    """How often each rfft coefficient stands in the full transform.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    ndarray, shape (nx // 2 + 1,)
        2, but 1 where kx = 0 and, for even nx, kx = nx / 2; broadcasts along x.

    Examples
    --------
    >>> hermitian_weights((4, 4, 4))
    array([1., 2., 1.])
    """
    nx = box[2]
    weights = np.full(nx // 2 + 1, 2.0)
    weights[0] = 1.0
    if nx % 2 == 0:
        weights[-1] = 1.0
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class LowLattice:
    """Coefficients of the sparse low shells, on the rfft lattice.

    Attributes
    ----------
    index : tuple of ndarray of int, each shape (M,)
        Positions (z, y, x) in the rfft array.
    shell : ndarray of int, shape (M,)
        1 to first_shell - 1.
    direction : ndarray, shape (M, 3)
        Unit vectors (x, y, z).
    weight : ndarray, shape (M,)
        1 per Friedel pair: 1, but 1/2 where both members of a pair are listed.
    """

    index: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    shell: NDArray[np.int64]
    direction: Floats
    weight: Floats


@lru_cache(maxsize=8)
def low_lattice(box: Box, first_shell: int) -> LowLattice:
    """The coefficients of shells 1 to ``first_shell - 1``, in a fixed order.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    first_shell : int
        The first shell left out.

    Returns
    -------
    LowLattice
        Sorted by z, then y, then x.

    Examples
    --------
    >>> int((low_lattice((16, 16, 16), 2).weight).sum())
    9
    """
    z, y, x = coordinates(box)
    near = [np.flatnonzero(np.abs(c) < first_shell) for c in (z, y, x)]
    iz, iy, ix = (g.ravel() for g in np.meshgrid(*near, indexing="ij"))
    radius = np.sqrt(z[iz] ** 2 + y[iy] ** 2 + x[ix] ** 2)
    shell = shell_of(radius)
    keep = (shell >= 1) & (shell < first_shell)
    iz, iy, ix, shell, radius = iz[keep], iy[keep], ix[keep], shell[keep], radius[keep]
    direction = np.stack([x[ix], y[iy], z[iz]], axis=1) / radius[:, None]
    return LowLattice((iz, iy, ix), shell, direction, hermitian_weights(box)[ix] / 2)


@lru_cache(maxsize=8)
def first_dense_shell(box: Box) -> int:
    """The first shell with so many coefficients that the angular histogram serves.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    int
        24 for cubic boxes; at most one past the Nyquist shell.

    Examples
    --------
    >>> first_dense_shell((128, 128, 128))
    24
    """
    shells = n_shells(box)
    density = np.prod([side / max(box) for side in box])
    return int(min(np.ceil(np.sqrt(DENSE / (2 * np.pi * density))), shells + 1))
