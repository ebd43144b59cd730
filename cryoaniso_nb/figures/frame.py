"""The frame of a picture of the half sphere: rim, rings of zenith, names of axes, outlines of cones."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import unit_vectors
from ..measures.spheremap import positions_of
from . import palette
from .parts import Curve, Text

__all__ = ["VIEW", "cone_outline", "frame_curves", "frame_texts"]

Floats = NDArray[np.float64]

VIEW = (-1.38, 1.38, -1.22, 1.22)  # of the plot in disc radii: room for the words around the rim
RINGS = (30.0, 60.0)


@lru_cache(maxsize=4)
def _circle(points: int) -> Floats:
    turn = np.linspace(0, 2 * np.pi, points)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _ring(zenith: float, projection: str) -> float:
    return float(positions_of(unit_vectors(zenith, 0.0)[None], projection)[0][0])


@lru_cache(maxsize=4)
def frame_curves(projection: str) -> tuple[Curve, ...]:
    """Rim, and rings of zenith: light on dark, so that they are seen on every colour.

    Parameters
    ----------
    projection : {'polar', 'equal-area'}
        Of the disc.

    Returns
    -------
    tuple of Curve
        In disc radii.

    Examples
    --------
    >>> [curve.key for curve in frame_curves("polar")]
    ['rings_edge', 'rings', 'rim']
    """
    x, y = _circle(121).T
    inner = [_ring(zenith, projection) for zenith in RINGS]
    rings = [np.concatenate([np.append(radius * line, np.nan) for radius in inner]) for line in (x, y)]
    return (
        Curve(key="rings_edge", x=rings[0], y=rings[1], colour="#202020", width=2.0, opacity=0.35),
        Curve(key="rings", x=rings[0], y=rings[1], colour="#ffffff", width=0.8, opacity=0.9),
        Curve(key="rim", x=x, y=y, colour=palette.RULE, width=1.5),
    )


@lru_cache(maxsize=4)
def frame_texts(projection: str) -> tuple[Text, ...]:
    """The map's axes, angles of azimuth around the rim, and of zenith at the rings.

    Parameters
    ----------
    projection : {'polar', 'equal-area'}
        Of the disc.

    Returns
    -------
    tuple of Text
        In disc radii.

    Examples
    --------
    >>> [text.text for text in frame_texts("polar")][:3]
    ['x 0°', '45°', 'y 90°']
    """
    names = {0: "x 0°", 90: "y 90°"}
    around = []
    for azimuth in range(0, 360, 45):
        turn = np.deg2rad(azimuth)
        away = 1.15 + 0.06 * abs(np.cos(turn))  # words are wider than high
        around.append(Text(x=float(away * np.cos(turn)), y=float(away * np.sin(turn)),
                           text=names.get(azimuth, f"{azimuth}°")))  # fmt: skip
    aside = np.deg2rad(-67.5)
    rings = [
        Text(x=float(radius * np.cos(aside)), y=float(radius * np.sin(aside)), text=f"{zenith:g}°", inside=True)
        for zenith, radius in ((zenith, _ring(zenith, projection)) for zenith in RINGS)
    ]
    return (*around, *rings, Text(x=-0.07, y=-0.07, text="z", inside=True))


def cone_outline(vector: Floats, half_angle: float, projection: str) -> tuple[Floats, Floats]:
    """The rim of a cone (and of its antipode) on the disc.

    Parameters
    ----------
    vector : ndarray, shape (3,)
        The cone's axis.
    half_angle : float
        Degrees.
    projection : {'polar', 'equal-area'}
        Of the disc.

    Returns
    -------
    tuple of ndarray
        x and y in disc radii; NaN where the line leaves the disc to come back on the other side.

    Examples
    --------
    >>> x, y = cone_outline(np.array([0.0, 0, 1]), 45.0, "polar")
    >>> bool(np.allclose(np.hypot(x, y), 0.5))
    True
    """
    side = np.cross(vector, (1.0, 0, 0) if abs(vector[0]) < 0.8 else (0.0, 1, 0))
    side /= np.linalg.norm(side)
    up = np.cross(vector, side)
    angle = np.deg2rad(half_angle)
    rim = np.cos(angle) * vector + np.sin(angle) * (_circle(73) @ np.stack([side, up]))
    x, y = positions_of(rim, projection)
    jumps = np.flatnonzero(np.hypot(np.diff(x), np.diff(y)) > 0.7) + 1
    return np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)
