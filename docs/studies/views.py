"""Distributions of views: their density, the sampling of Fourier space that they give, and views drawn from them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from .groups import rotations
from .lattice import frequencies

VIEWS = ("uniform", "side", "top", "cone30", "mild")
Axis = tuple[float, float, float]
FINE = (np.arange(20000) + 0.5) / 20000


def view_density(views: str, cosine: np.ndarray) -> np.ndarray:
    """Density of views against |cos| of their tilt from the axis, to a factor.

    'side': within 8 degrees of the equator, 5 % even. 'top': within 20 degrees of the axis, 8 % even. 'cone30': up to
    60 degrees from the axis, 4 % even, which leaves a cone of 30 degrees almost empty. 'mild': 1.5 : 1 from axis to
    equator; 'mild:R': R : 1 (sampling (R + 1)/2 : R).
    """
    kind, _, ratio = views.partition(":")
    if kind == "uniform":
        return np.ones_like(cosine)
    if kind == "mild":
        return 1 + (float(ratio or 1.5) - 1) * cosine**2
    shapes = {
        "side": (lambda tilt: np.exp(-0.5 * ((tilt - 90) / 8) ** 2), 0.05),
        "top": (lambda tilt: np.exp(-0.5 * (tilt / 20) ** 2), 0.08),
        "cone30": (lambda tilt: 1 / (1 + np.exp(np.clip(tilt - 60, -50, 50))), 0.04),
    }
    if kind not in shapes:
        raise ValueError(f"no views {views}: they must be one of {', '.join(VIEWS)} or mild:RATIO")
    shape, even = shapes[kind]
    mean = shape(np.rad2deg(np.arccos(FINE))).mean()
    return (1 - even) * shape(np.rad2deg(np.arccos(np.clip(cosine, 0, 1)))) / mean + even


@lru_cache(maxsize=32)
def _sampling_table(views: str) -> tuple[np.ndarray, np.ndarray]:
    """|cos| of a Fourier direction to the axis, and its sampling: the mean density of views perpendicular to it."""
    grid = np.sin(np.linspace(0, np.pi / 2, 721))
    turn = (np.arange(2000) + 0.5) / 2000 * np.pi / 2
    circle = view_density(views, np.sqrt(1 - grid**2)[:, None] * np.cos(turn)).mean(axis=1)
    return grid, circle / np.interp(FINE, grid, circle).mean()


def sampling(views: str, direction: np.ndarray, axis: Axis, group: str) -> np.ndarray:
    """Sampling of Fourier directions (N, 3), mean 1 over the sphere; views are copied by the point group."""
    grid, table = _sampling_table(views)
    images = np.unique(np.round(rotations(group) @ np.asarray(axis), 9), axis=0)
    return np.mean([np.interp(np.abs(direction @ image), grid, table) for image in images], axis=0)


@lru_cache(maxsize=16)
def noise_power(n: int, views: str, axis: Axis, group: str) -> np.ndarray:
    """Power of the noise of a reconstruction, 1 / sampling, on an rfftn array."""
    unit = frequencies(n)[1]
    if views == "uniform":
        return np.ones(unit.shape[1:], dtype=np.float32)
    power = 1 / sampling(views, unit.reshape(3, -1).T, axis, group).reshape(unit.shape[1:])
    power[0, 0, 0] = 1
    return power.astype(np.float32)


def draw_views(views: str, count: int, axis: Axis, random: np.random.Generator) -> np.ndarray:
    """Rotations (count, 3, 3) from image to molecule; the third column is the view."""
    chance = np.cumsum(view_density(views, FINE))
    cosine = np.interp(random.random(count), np.r_[0, chance] / chance[-1], np.linspace(0, 1, FINE.size + 1))
    cosine *= random.choice([-1, 1], count)
    azimuth, turn = random.uniform(0, 2 * np.pi, (2, count))
    tilt = Rotation.from_euler("ZYZ", np.c_[azimuth, np.arccos(cosine), turn])
    return np.asarray((Rotation.align_vectors([axis], [[0, 0, 1.0]])[0] * tilt).as_matrix())
