"""Noise with a point group, and reconstructions from noisy projections."""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
import scipy.fft
import scipy.ndimage

from .groups import keeps_grid, rotations, symmetrized
from .molecules import splat

SHOT = 0.8  # voxels, standard deviation of a blob of shot noise


def white(n: int, group: str, random: np.random.Generator) -> np.ndarray:
    """Transform (rfftn) of white noise that has a point group: power n^3 a coefficient off the axes.

    Groups that keep the grid sum copies of a white map; for others random points are copied: nothing is interpolated.
    """
    if keeps_grid(group):
        return scipy.fft.rfftn(symmetrized(random.standard_normal((n,) * 3, dtype=np.float32), group))
    radius = np.sqrt(3) * n / 2
    wanted = 0.7 * 4 / 3 * np.pi * radius**3 / len(rotations(group))  # 0.7 points a voxel
    places = random.uniform(-radius, radius, (int(wanted * 6 / np.pi), 3))
    places = places[(places**2).sum(axis=1) < radius**2]
    weights = random.standard_normal(len(places), dtype=np.float32)
    volume = np.zeros((n,) * 3, dtype=np.float32)
    for rotation in rotations(group):
        copies = places @ rotation.T
        inside = ((copies >= -n / 2) & (copies < n / 2)).all(axis=1)  # others would be cut at the edge: not white
        splat(copies[inside], weights[inside], SHOT, 3, volume)
    f = np.abs(np.fft.fftfreq(n))
    line = sum(np.exp(-((2 * np.pi * SHOT * (f + m)) ** 2)) for m in (-2, -1, 0, 1, 2)).astype(np.float32)
    points_a_voxel = len(places) * len(rotations(group)) / (4 / 3 * np.pi * radius**3)
    spectrum = scipy.fft.rfftn(volume) / np.sqrt(line[:, None, None] * line[:, None] * line[: n // 2 + 1])
    return spectrum * np.float32(1 / np.sqrt(points_a_voxel * (2 * np.pi * SHOT**2) ** 3))


@numba.njit(cache=True, fastmath=True)
def _corner(rotation, u, v):
    """Place of an image coefficient in a half grid padded twice: whether it is mirrored, and its lower corner."""
    x = 2 * (rotation[0, 0] * u + rotation[0, 1] * v)
    y = 2 * (rotation[1, 0] * u + rotation[1, 1] * v)
    z = 2 * (rotation[2, 0] * u + rotation[2, 1] * v)
    mirrored = x < 0
    if mirrored:
        x, y, z = -x, -y, -z
    x0, y0, z0 = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    return mirrored, x0, y0, z0, x - x0, y - y0, z - z0


@numba.njit(cache=True, fastmath=True)
def _take_slices(padded, views, u, v, out):
    m = padded.shape[0]
    for r in range(views.shape[0]):
        for i in range(u.shape[0]):
            mirrored, x0, y0, z0, fx, fy, fz = _corner(views[r], u[i], v[i])
            value = 0j
            for a in range(2):
                for b in range(2):
                    row = padded[(z0 + a) % m, (y0 + b) % m]
                    w = (fz if a else 1 - fz) * (fy if b else 1 - fy)
                    value += w * ((1 - fx) * row[x0] + fx * row[x0 + 1])
            out[r, i] = value.conjugate() if mirrored else value


@numba.njit(cache=True, fastmath=True)
def _insert_slices(signal, noise, views, u, v, sums, weights, squares):
    """Trilinear insertion of two sets of slices: sums (2, m, m, m/2 + 1), weights and their squares (m, m, m/2 + 1)."""
    m = weights.shape[0]
    for r in range(views.shape[0]):
        for i in range(u.shape[0]):
            s, t = signal[r, i], noise[r, i]
            mirrored, x0, y0, z0, fx, fy, fz = _corner(views[r], u[i], v[i])
            if mirrored:
                s, t = s.conjugate(), t.conjugate()
            for a in range(2):
                iz = (z0 + a) % m
                for b in range(2):
                    iy = (y0 + b) % m
                    for c in range(2):
                        w = np.float32((fz if a else 1 - fz) * (fy if b else 1 - fy) * (fx if c else 1 - fx))
                        ix = x0 + c
                        sums[0, iz, iy, ix] += w * s
                        sums[1, iz, iy, ix] += w * t
                        weights[iz, iy, ix] += w
                        squares[iz, iy, ix] += w * w
                        if ix == 0:  # both halves of this plane are stored
                            jz, jy = (m - iz) % m, (m - iy) % m
                            sums[0, jz, jy, 0] += w * s.conjugate()
                            sums[1, jz, jy, 0] += w * t.conjugate()
                            weights[jz, jy, 0] += w
                            squares[jz, jy, 0] += w * w


@lru_cache(maxsize=4)
def _image_lattice(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients u, v of an image inside Nyquist, one of each Friedel pair."""
    v, u = np.meshgrid(np.arange(-n // 2, n // 2 + 1), np.arange(n // 2 + 1), indexing="ij")
    once = ((u > 0) | (v > 0)) & (u**2 + v**2 < (n / 2) ** 2)
    return u[once].astype(np.float64), v[once].astype(np.float64)


def _interpolation(n: int) -> np.ndarray:
    """What trilinear interpolation on the padded grid does to a map."""
    line = np.sinc((np.arange(n) - n // 2) / (2 * n)) ** 2
    return (line[:, None, None] * line[:, None] * line).astype(np.float32)


def padded_transform(volume: np.ndarray) -> np.ndarray:
    """Transform of a map padded twice, its centre at the origin, made ready for trilinear interpolation."""
    n = len(volume)
    large = np.zeros((2 * n,) * 3, dtype=np.float32)
    inner = (slice(n - n // 2, 2 * n - n // 2),) * 3
    large[inner] = volume / _interpolation(n)
    return scipy.fft.rfftn(np.fft.ifftshift(large))


def reconstruct(
    padded: np.ndarray, views: np.ndarray, group: str, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Direct Fourier inversion of projections: noise-free part, noise of images of unit noise, its power (rfftn).

    Slices are inserted with their symmetry copies into a grid padded twice and divided by the summed weights; nothing
    is regularized. What no slice reaches stays 0. Transformed back, cropped, corrected for the interpolation. The power
    is that of each grid point's weights, averaged over its neighbors, as cropping does; it leaves out that neighbors
    filled by the same slice have the same noise.
    """
    m = padded.shape[0]
    n = m // 2
    u, v = _image_lattice(n)
    signal = np.empty((len(views), len(u)), dtype=np.complex64)
    _take_slices(padded, views, u, v, signal)
    noise = random.standard_normal((len(views), 2 * len(u)), dtype=np.float32).view(np.complex64)
    sums = np.zeros((2, m, m, n + 1), dtype=np.complex64)
    weights, squares = np.zeros((2, m, m, n + 1), dtype=np.float32)
    for rotation in rotations(group):
        _insert_slices(signal, noise, rotation @ views, u, v, sums, weights, squares)
    sums[:, 0, 0, 0] = 0
    sums /= np.where(weights > 0, weights, np.inf)
    inner = (slice(n - n // 2, 2 * n - n // 2),) * 3
    clean, noisy = (np.fft.fftshift(scipy.fft.irfftn(part, s=(m,) * 3))[inner] / _interpolation(n) for part in sums)
    power = squares / np.where(weights > 0, weights, np.inf) ** 2
    power = scipy.ndimage.uniform_filter(power, 3, mode=("wrap", "wrap", "nearest"))
    return clean, noisy, np.concatenate([power[::2, ::2, ::2]])
