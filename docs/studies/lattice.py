"""Fourier coefficients, axes, and plain sums over the voxels of cones and shells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from scipy.spatial import SphericalVoronoi

CONE = 17.0  # degrees


@dataclass(frozen=True)
class Lattice:
    """Coefficients of shells 1 to n/2, one of each Friedel pair."""

    index: np.ndarray  # flat, into an rfftn array
    shell: np.ndarray
    direction: np.ndarray  # (N, 3), x, y, z


@lru_cache(maxsize=8)
def frequencies(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Radius in 1/box and unit vectors (3, ...: x, y, z) of every coefficient of an rfftn array."""
    f, half = np.fft.fftfreq(n, 1 / n), np.arange(n // 2 + 1.0)
    k = np.stack(np.broadcast_arrays(half, f[:, None], f[:, None, None]))
    radius = np.sqrt((k**2).sum(axis=0))
    return radius, (k / np.maximum(radius, 1e-9)).astype(np.float32)


@lru_cache(maxsize=8)
def shells(n: int) -> np.ndarray:
    """Shell of every coefficient of an rfftn array; n/2 also beyond."""
    return np.minimum(np.floor(frequencies(n)[0] + 0.5).astype(int), n // 2)


@lru_cache(maxsize=8)
def lattice(n: int) -> Lattice:
    """The lattice of a cubic box."""
    radius, unit = frequencies(n)
    shell = np.floor(radius + 0.5).astype(int)
    x, y, z = np.round(unit * radius).astype(int)
    once = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    index = np.flatnonzero((once & (shell >= 1) & (shell <= n // 2)).ravel())
    return Lattice(index, shell.ravel()[index], np.ascontiguousarray(unit.reshape(3, -1)[:, index].T))


@lru_cache(maxsize=1)
def axes321() -> tuple[np.ndarray, np.ndarray]:
    """Icosahedron with a vertex at +z bisected three times, modulo antipodes, and the areas of their cells."""
    zenith, azimuth = np.arctan(2.0), np.deg2rad(36 + 72 * np.arange(5))
    ring = np.c_[np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.full(5, np.cos(zenith))]
    points = np.concatenate([[[0, 0, 1.0]], ring])
    points = np.concatenate([points, -points])
    for _ in range(3):
        distance = np.linalg.norm(points[:, None] - points[None], axis=2)
        i, j = np.nonzero(np.triu(distance < 1.25 * np.sort(distance, axis=1)[:, 1].max(), 1))
        middle = points[i] + points[j]
        points = np.concatenate([points, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
    x, y, z = np.where(np.abs(points) < 1e-9, 0, points).T
    upper = (z > 0) | ((z == 0) & ((y > 0) | ((y == 0) & (x > 0))))
    areas = SphericalVoronoi(points, threshold=1e-9).calculate_areas()[upper]
    return points[upper], areas / areas.sum()


@numba.njit(cache=True, fastmath=True)
def _add_cones(axes, direction, shell, values, cos_w, sigma, out, squares):
    for a in range(axes.shape[0]):
        ax, ay, az = axes[a]
        for i in range(direction.shape[0]):
            c = abs(ax * direction[i, 0] + ay * direction[i, 1] + az * direction[i, 2])
            if c >= cos_w:
                d = (c - 1) / sigma
                w = np.exp(-d * d)
                s = shell[i]
                for v in range(values.shape[0]):
                    out[v, a, s] += w * values[v, i]
                squares[0, a, s] += w
                squares[1, a, s] += w * w


@numba.njit(cache=True, fastmath=True)
def _add_caps(axes, direction, values, sigma, out):
    least = np.cos(3 * sigma)
    for a in range(axes.shape[0]):
        total, weight = 0.0, 0.0
        for i in range(direction.shape[0]):
            c = abs(axes[a, 0] * direction[i, 0] + axes[a, 1] * direction[i, 1] + axes[a, 2] * direction[i, 2])
            if c >= least:
                angle = np.arccos(min(c, 1.0))
                w = np.exp(-0.5 * (angle / sigma) ** 2)
                total += w * values[i]
                weight += w
        out[a] = total / weight


def cap_means(array: np.ndarray, n: int, sigma: float) -> np.ndarray:
    """Means of an rfftn array, over its shells' means, in Gaussian caps around 321 axes; shells from n/8 on.

    `sigma` is in degrees.
    """
    grid, mean = lattice(n), shell_mean(array, n)
    used = grid.shell >= n // 8
    values = (_values(array, n) / mean[grid.shell])[used]
    out = np.zeros(len(axes321()[0]))
    _add_caps(axes321()[0], grid.direction[used], values, np.deg2rad(sigma), out)
    return out


def _values(array: np.ndarray, n: int) -> np.ndarray:
    return np.broadcast_to(array, frequencies(n)[0].shape).ravel()[lattice(n).index].astype(np.float64)


def cone_sums(arrays: list[np.ndarray], n: int, half_angle: float = CONE) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of rfftn arrays in the cones of 321 axes, (len, 321, n/2 + 1), and n_eff (321, n/2 + 1)."""
    grid, axes = lattice(n), axes321()[0]
    out, squares = np.zeros((len(arrays), len(axes), n // 2 + 1)), np.zeros((2, len(axes), n // 2 + 1))
    cos_w = np.cos(np.deg2rad(half_angle))
    data = np.stack([_values(array, n) for array in arrays])
    _add_cones(axes, grid.direction, grid.shell, data, cos_w, (1 - cos_w) / 2, out, squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        return out, squares[0] ** 2 / squares[1]


def shell_mean(array: np.ndarray, n: int) -> np.ndarray:
    """Mean of an rfftn array in every shell, (n/2 + 1,); 0 in shell 0."""
    shell = lattice(n).shell
    count = np.maximum(np.bincount(shell, minlength=n // 2 + 1), 1)
    return np.bincount(shell, _values(array, n), n // 2 + 1) / count
