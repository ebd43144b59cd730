"""Point groups, their axes as RELION has them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation


@lru_cache
def rotations(name: str) -> np.ndarray:
    """Rotations (order, 3, 3) on columns (x, y, z), the identity first.

    Cn about z, Dn with a two-fold axis along x, O with four-fold axes along x, y and z.
    """
    matrices = np.asarray(Rotation.create_group(name).as_matrix())
    matrices[np.abs(matrices) < 1e-12] = 0
    matrices = matrices[np.argsort(-np.trace(matrices, axis1=1, axis2=2), kind="stable")]
    matrices.flags.writeable = False
    return matrices


def keeps_grid(name: str) -> bool:
    """Whether every rotation maps a cubic grid onto itself."""
    return bool(np.allclose(rotations(name), np.round(rotations(name))))


def symmetrized(volume: np.ndarray, name: str) -> np.ndarray:
    """Sum of a map's copies under a group that keeps the grid, divided by the root of its order.

    The centre is voxel n // 2 of an even box, copies wrap around: white noise keeps its variance.
    """
    group = np.round(rotations(name)).astype(int)
    if len(group) == 1:
        return volume
    xyz = volume.transpose(2, 1, 0)
    total = np.zeros_like(xyz)
    for rotation in group:
        copy = xyz.transpose(np.abs(rotation).argmax(axis=1))
        for axis in np.flatnonzero(rotation.sum(axis=1) < 0):
            copy = np.roll(np.flip(copy, axis), 1, axis)
        total += copy
    return np.ascontiguousarray(total.transpose(2, 1, 0)) / np.float32(np.sqrt(len(group)))
