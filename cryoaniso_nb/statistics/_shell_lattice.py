"""Coefficients of shells, the cones around axes, and what a point group makes of both."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled
from ..geometry.cones import cone_weight
from ..geometry.shells import Box, coordinates, n_shells, shell_of

__all__ = [
    "Lookup",
    "asymmetric_unit",
    "cone_weights",
    "lookup_of",
    "real_coefficients",
    "shell_lattice",
    "stabilisers",
]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def shell_lattice(
    box: Box, shells: tuple[int, ...], cancel: threading.Event | None = None
) -> tuple[NDArray[np.int32], Singles, NDArray[np.int32]]:
    """One coefficient per Friedel pair of some shells.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    shells : tuple of int
        Which shells.
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    tuple of ndarray
        Index into the flattened rfft lattice (M,), frequency (x, y, z) in units of
        1/(longest side) (M, 3), and shell (M,); sorted by shell.

    Raises
    ------
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> index, k, shell = shell_lattice((32, 32, 32), (5, 6))
    >>> len(index), int((shell == 5).sum())
    (400, 175)
    """
    z, y, x = coordinates(box)
    wanted = np.zeros(int(2 * n_shells(box)) + 2, dtype=bool)
    wanted[list(shells)] = True
    high = max(shells) + 0.5
    columns = x[x < high]
    found_index, found_k, found_shell = [], [], []
    for iz, kz in enumerate(z):
        if abs(kz) >= high:
            continue
        Cancelled.if_set(cancel)
        shell = shell_of(np.sqrt(kz**2 + y[:, None] ** 2 + columns**2)).astype(np.int32)
        keep = wanted[np.minimum(shell, wanted.size - 1)]
        keep[:, 0] &= (y > 0) | ((y == 0) & (kz > 0)) | ((2 * np.abs(y) == max(box)) & (kz >= 0))
        iy, ix = np.nonzero(keep)
        found_index.append(((iz * y.size + iy) * x.size + ix).astype(np.int32))
        found_k.append(np.stack([columns[ix], y[iy], np.full(ix.size, kz)], axis=1).astype(np.float32))
        found_shell.append(shell[iy, ix])
    shell = np.concatenate(found_shell)
    order = np.argsort(shell, kind="stable")
    return np.concatenate(found_index)[order], np.concatenate(found_k)[order], shell[order]


def cone_weights(axes: Floats, directions: Floats, cone_half_angle: float, rotations: Floats | None = None) -> Singles:
    """Weight of each direction in each axis's double cone (paper, eq. 1).

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors.
    directions : ndarray, shape (N, 3)
        Unit vectors.
    cone_half_angle : float
        Degrees.
    rotations : ndarray, shape (G, 3, 3), optional
        Sum over the images of each direction under these.

    Returns
    -------
    ndarray of float32, shape (A, N)
        exp(-((abs(cos t) - 1)/sigma)^2) inside the cone, 0 outside.

    Examples
    --------
    >>> cone_weights(np.eye(3), np.eye(3), 17.0).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    edge = np.float32(np.cos(np.deg2rad(cone_half_angle)))
    total = np.zeros((len(axes), len(directions)), dtype=np.float32)
    points = directions.astype(np.float32).T
    for rotation in np.eye(3)[None] if rotations is None else rotations:
        cosine = np.abs((axes @ rotation).astype(np.float32) @ points)
        near = cosine >= edge  # most lie outside
        total[near] += cone_weight(cosine[near], cone_half_angle)
    return total


def asymmetric_unit(k: Singles, rotations: Floats | None) -> NDArray[np.bool_]:
    """One member of each orbit of coefficients under a point group (with Friedel)."""
    if rotations is None or len(rotations) == 1:
        return np.ones(len(k), dtype=bool)
    generic = np.array([0.8479831, 0.1935721, 0.4932873])
    own = np.abs(k @ generic)
    images = np.abs(k @ np.einsum("gij,i->jg", rotations, generic))
    return np.asarray(own >= images.max(axis=1) - 1e-4)


def real_coefficients(k: Singles, rotations: Floats | None) -> NDArray[np.bool_]:
    """Coefficients that a two-fold axis takes to their own Friedel mate: a symmetric map's are real.

    Their orbit has half as many members as others, and each has half the degrees of freedom:
    without their imaginary part they count in a cone as they do in a symmetric map.
    """
    real = np.zeros(len(k), dtype=bool)
    for rotation in () if rotations is None else rotations:
        if np.isclose(np.trace(rotation), -1):
            real |= np.abs(k @ (rotation + np.eye(3))).max(axis=1) < 1e-3  # perpendicular to the axis
    return real


def stabilisers(k: Singles, rotations: Floats | None) -> NDArray[np.int64]:
    """How many rotations take a coefficient to itself or to its Friedel mate."""
    count = np.zeros(len(k), dtype=np.int64)
    for rotation in np.eye(3)[None] if rotations is None else rotations:
        image = k @ rotation
        count += np.minimum(np.abs(image - k).max(axis=1), np.abs(image + k).max(axis=1)) < 1e-3
    return count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lookup:
    """Coefficients of a symmetrised map from the rfft of one that isn't: sums over their images.

    Masks have the symmetry of the map, so that the copies of a masked map are the masked copies.
    Images beside the lattice are taken from its nearest point.
    """

    index: NDArray[np.int32]
    mate: NDArray[np.bool_]

    @property
    def symmetric(self) -> bool:
        """Whether there is a point group, whose axes meet in the centre of the box."""
        return len(self.index) > 1

    def __call__(self, spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
        flat = spectrum.ravel()
        total = np.zeros(self.index.shape[1], dtype=np.complex64)
        for index, mate in zip(self.index, self.mate, strict=True):
            value = flat[index]
            total += np.where(mate, value.conj(), value)
        return total


def lookup_of(box: Box, k: Singles, rotations: Floats | None) -> Lookup:
    """Where the images of coefficients are in a flattened rfft lattice, and which are Friedel mates there."""
    steps = np.array([box[2], box[1], box[0]]) / max(box)
    indices, mates = [], []
    for rotation in np.eye(3)[None] if rotations is None else rotations:
        x, y, z = np.rint((k @ rotation) * steps).astype(np.int64).T
        mate = x < 0
        sign = np.where(mate, -1, 1)
        row = (sign * z) % box[0] * box[1] + (sign * y) % box[1]
        indices.append((row * (box[2] // 2 + 1) + np.minimum(sign * x, box[2] // 2)).astype(np.int32))
        mates.append(mate)
    return Lookup(np.stack(indices), np.stack(mates))
