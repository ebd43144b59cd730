"""Compiled loop of simulated particles: central slices out of one transform, noise, into another.

Releases the GIL and is cached on disk.
"""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._cache import compiled

__all__ = ["add_particles"]

Complex = NDArray[np.complexfloating[Any, Any]]
Singles = NDArray[np.float32]


@compiled(error_model="numpy", inline="always")
def _interpolated(source, side, x, y, z):  # type: ignore[no-untyped-def]
    """Trilinear value of an rfft lattice (z, y, x) at a frequency in its own units."""
    flipped = x < 0
    if flipped:
        x, y, z = -x, -y, -z
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
    last = source.shape[2] - 1
    value = np.complex64(0)
    for dz in range(2):
        wz = fz if dz else np.float32(1) - fz
        for dy in range(2):
            wzy = wz * (fy if dy else np.float32(1) - fy)
            row = source[(iz + dz) % side, (iy + dy) % side]
            value += wzy * ((np.float32(1) - fx) * row[ix] + fx * row[min(ix + 1, last)])
    return np.conj(value) if flipped else value


@compiled(error_model="numpy", inline="always")
def _spread(total, weight, side, x, y, z, value):  # type: ignore[no-untyped-def]
    """Add a coefficient to its 8 neighbours on an rfft lattice, and to their Friedel mates."""
    if x < 0:
        x, y, z = -x, -y, -z
        value = np.conj(value)
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
    last = total.shape[2] - 1
    for dz in range(2):
        wz = fz if dz else np.float32(1) - fz
        jz = (iz + dz) % side
        for dy in range(2):
            wzy = wz * (fy if dy else np.float32(1) - fy)
            jy = (iy + dy) % side
            for dx in range(2):
                jx = ix + dx
                if jx > last:
                    continue
                w = wzy * (fx if dx else np.float32(1) - fx)
                total[jz, jy, jx] += w * value
                weight[jz, jy, jx] += w
                if jx == 0 or 2 * jx == side:  # planes that hold both members of a pair
                    total[-jz % side, -jy % side, jx] += w * np.conj(value)
                    weight[-jz % side, -jy % side, jx] += w


@compiled(error_model="numpy")
def add_particles(
    source: Complex,
    rotations: Singles,
    seeds: NDArray[np.int64],
    group: Singles,
    padding: int,
    noise: float,
    total: Complex,
    weight: Singles,
) -> None:
    """Take noisy central slices out of one transform and insert them into another.

    Parameters
    ----------
    source : ndarray of complex64, shape (padding n, padding n, padding n // 2 + 1)
        Transform of the padded density, its centre at index 0.
    rotations : ndarray of float32, shape (N, 3, 3)
        ``r_image = M r_map``.
    seeds : ndarray of int, shape (N,)
        Seed of each particle's noise.
    group : ndarray of float32, shape (G, 3, 3)
        Symmetry copies at which each slice is inserted.
    padding : int
        Samples of `source` per 1/box.
    noise : float
        Standard deviation of the noise's real and imaginary part.
    total : ndarray of complex64, shape (n, n, n // 2 + 1)
        Added to in place: coefficients times interpolation weight.
    weight : ndarray of float32, same shape
        Added to in place: interpolation weights.
    """
    side = total.shape[0]
    radius = side // 2
    for i in range(rotations.shape[0]):
        np.random.seed(seeds[i])  # noqa: NPY002  # numba's own state, one a thread
        m = rotations[i]
        for h in range(radius + 1):
            for k in range(-radius, radius + 1):
                if h * h + k * k > radius * radius or (h == 0 and k < 0):
                    continue
                x = h * m[0, 0] + k * m[1, 0]
                y = h * m[0, 1] + k * m[1, 1]
                z = h * m[0, 2] + k * m[1, 2]
                value = _interpolated(source, padding * side, padding * x, padding * y, padding * z)
                real = np.random.normal(0.0, noise)  # noqa: NPY002
                imaginary = np.random.normal(0.0, noise)  # noqa: NPY002
                value += np.complex64(complex(real, imaginary))
                for g in range(group.shape[0]):
                    r = group[g]
                    _spread(
                        total,
                        weight,
                        side,
                        r[0, 0] * x + r[0, 1] * y + r[0, 2] * z,
                        r[1, 0] * x + r[1, 1] * y + r[1, 2] * z,
                        r[2, 0] * x + r[2, 1] * y + r[2, 2] * z,
                        value,
                    )
