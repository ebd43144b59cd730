"""Values given per cone axis, drawn as pictures of the half sphere: pixels and directions.

Axes are lines (d and -d are one), so half a sphere shows them all. Both projections look
down on it from +z: the x axis of the map points right, the y axis up, the pole is the
centre and the equator the rim. ``polar`` has zenith as its radius (the paper's Fig. 1);
``equal-area`` is Lambert's, in which equal areas of the sphere take equal areas of paper.
Positions are in units of the disc's radius.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..geometry.cones import cone_weight
from ..geometry.directions import angles, unit_vectors

__all__ = [
    "PROJECTIONS",
    "directions_at",
    "pixel_directions",
    "pixel_positions",
    "positions_of",
    "sphere_classes",
    "sphere_raster",
]

Floats = NDArray[np.float64]

PROJECTIONS = ("polar", "equal-area")
ROWS_AT_ONCE = 8192  # pixels per block of the weight matrix: keeps the dense block small
LIVE_SIZE = 128  # pixels along a side; up to here, angles between pixels and axes are kept for other cones
WIDEST = 40.0  # degrees: the widest cone they are kept for


def positions_of(axes: NDArray[np.floating], projection: str = "polar") -> tuple[Floats, Floats]:
    """Where directions lie on the disc.

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z); one with z < 0 counts as its antipode.
    projection : {'polar', 'equal-area'}
        See the module.

    Returns
    -------
    tuple of ndarray, shape (A,)
        x and y, in disc radii (-1 to 1).

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> x, y = positions_of(unit_vectors([45.0], [90.0]))
    >>> float(x.round(6)[0]), float(y.round(6)[0])
    (0.0, 0.5)
    """
    _check(projection)
    zenith, azimuth = angles(np.atleast_2d(axes))
    turn = np.deg2rad(azimuth)
    radius = zenith / 90.0 if projection == "polar" else np.sqrt(2.0) * np.sin(np.deg2rad(zenith) / 2)
    return radius * np.cos(turn), radius * np.sin(turn)


def directions_at(
    x: NDArray[np.floating] | float, y: NDArray[np.floating] | float, projection: str = "polar"
) -> Floats:
    """Directions under points of the disc: the inverse of `positions_of`.

    Parameters
    ----------
    x, y : array_like
        Positions in disc radii, e.g. of a mouse click.
    projection : {'polar', 'equal-area'}
        See the module.

    Returns
    -------
    ndarray, shape (..., 3)
        Unit vectors (x, y, z) with z >= 0; NaN outside the disc.

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> directions_at(1.0, 0.0).round(6).tolist()
    [1.0, 0.0, 0.0]
    """
    _check(projection)
    x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    radius = np.hypot(x, y)
    inside = radius <= 1.0 + 1e-12
    reach = np.where(inside, np.minimum(radius, 1.0), np.nan)
    zenith = 90.0 * reach if projection == "polar" else np.rad2deg(2 * np.arcsin(reach / np.sqrt(2.0)))
    return unit_vectors(zenith, np.rad2deg(np.arctan2(y, x)))


@lru_cache(maxsize=8)
def pixel_positions(size: int) -> tuple[Floats, Floats]:
    """Centres of a raster's pixels, in disc radii; the first row is the top (y near +1).

    Parameters
    ----------
    size : int
        Pixels along a side.

    Returns
    -------
    tuple of ndarray, shape (size, size)
        x and y of each pixel, read-only.

    Examples
    --------
    >>> x, y = pixel_positions(4)
    >>> float(x[0, 0]), float(y[0, 0])
    (-0.75, 0.75)
    """
    line = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(line, line[::-1])
    x.flags.writeable = y.flags.writeable = False
    return x, y


@lru_cache(maxsize=8)
def pixel_directions(size: int, projection: str = "polar") -> Floats:
    """The direction under each pixel of a raster.

    Parameters
    ----------
    size : int
        Pixels along a side.
    projection : {'polar', 'equal-area'}
        See the module.

    Returns
    -------
    ndarray, shape (size, size, 3)
        Unit vectors, NaN outside the disc, read-only.

    Examples
    --------
    >>> pixel_directions(3)[1, 1].tolist()
    [0.0, 0.0, 1.0]
    """
    view = directions_at(*pixel_positions(size), projection)
    view.flags.writeable = False
    return view


def sphere_raster(
    values: NDArray[np.floating],
    axes: NDArray[np.floating],
    size: int,
    cone_half_angle: float,
    projection: str = "polar",
    *,
    least: float = 0.5,
) -> Floats:
    """Picture of one value per axis, smoothed with the cone's own kernel.

    Each pixel is the mean of the axes around it, weighted with exp(-((abs(cos t) - 1)/sigma)^2)
    within the cone's half-angle (paper, eq. 1). Where axes are few, the kernel widens to
    reach from one to the next. The weights are kept, so a second picture of the same axes
    takes milliseconds; small pictures of other cones don't start from scratch either.

    Parameters
    ----------
    values : ndarray, shape (A,)
        Any unit; NaN for unmeasured.
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z).
    size : int
        Pixels along a side.
    cone_half_angle : float
        Degrees.
    projection : {'polar', 'equal-area'}
        See the module.
    least : float
        Share of the weights that measured axes must have.

    Returns
    -------
    ndarray, shape (size, size)
        NaN outside the disc, and where measured axes weigh less than `least`.

    Raises
    ------
    SettingsError
        For another projection, or values that don't fit the axes.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for
    >>> picture = sphere_raster(np.full(321, 4.0), axes_for(321), 32, 17.0)
    >>> float(picture[16, 16]), bool(np.isnan(picture[0, 0]))
    (4.0, True)
    """
    _check(projection)
    values = np.asarray(values, dtype=np.float64)
    axes = np.ascontiguousarray(axes, dtype=np.float64)
    if values.shape != axes.shape[:1]:
        raise SettingsError(f"There are {values.size} values for {len(axes)} axes; give one value per axis.")
    weights, inside = _weights(axes.tobytes(), size, float(cone_half_angle), projection)
    measured = np.isfinite(values)
    known = weights @ measured.astype(np.float64)
    total = weights @ np.where(measured, values, 0.0)
    mean = np.divide(total, known, out=np.full(known.shape, np.nan), where=known >= least)
    picture = np.full(size * size, np.nan)
    picture[inside] = mean
    return picture.reshape(size, size)


def sphere_classes(
    classes: NDArray[np.integer],
    count: int,
    axes: NDArray[np.floating],
    size: int,
    cone_half_angle: float,
    projection: str = "polar",
) -> NDArray[np.uint8]:
    """Picture of the class that weighs most around each pixel, with the kernel of `sphere_raster`.

    Parameters
    ----------
    classes : ndarray of int, shape (A,)
        A class an axis, 0 to count - 1.
    count : int
        Number of classes.
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z).
    size : int
        Pixels along a side.
    cone_half_angle : float
        Degrees.
    projection : {'polar', 'equal-area'}
        See the module.

    Returns
    -------
    ndarray of uint8, shape (size, size)
        The class; `count` outside the disc.

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for
    >>> picture = sphere_classes((axes_for(321)[:, 2] > 0.7).astype(int), 2, axes_for(321), 32, 17.0)
    >>> int(picture[16, 16]), int(picture[16, 1]), int(picture[0, 0])
    (1, 0, 2)
    """
    _check(projection)
    axes = np.ascontiguousarray(axes, dtype=np.float64)
    weights, inside = _weights(axes.tobytes(), size, float(cone_half_angle), projection)
    shares = weights @ np.eye(count)[classes]
    picture = np.full(size * size, count, dtype=np.uint8)
    picture[inside] = shares.argmax(axis=1)
    return picture.reshape(size, size)


def _check(projection: str) -> None:
    if projection not in PROJECTIONS:
        raise SettingsError(f"The projection is {projection!r}, but it must be {' or '.join(map(repr, PROJECTIONS))}.")


def _reach(n_axes: int, cone_half_angle: float) -> float:
    """Half-angle of the kernel in degrees: the cone's, or enough to meet the next axes."""
    spacing = np.rad2deg(np.sqrt(2 * np.pi / n_axes))
    return float(max(cone_half_angle, 0.75 * spacing))


@lru_cache(maxsize=6)
def _weights(axes: bytes, size: int, cone_half_angle: float, projection: str) -> tuple[Any, NDArray[np.int64]]:
    """Sparse matrix (pixels inside the disc, axes) with rows that sum to 1, and those pixels."""
    from scipy.sparse import csr_array

    reach = _reach(len(axes) // 24, cone_half_angle)
    cosine, column, row, inside = _pairs(axes, size, max(reach, WIDEST) if size <= LIVE_SIZE else reach, projection)
    edge = np.float32(np.cos(np.deg2rad(reach)))
    near = cosine >= edge
    cosine, column, row = cosine[near], column[near], row[near]
    weight = cone_weight(cosine, reach).astype(np.float64)
    total = np.bincount(row, weights=weight, minlength=inside.size)
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=inside.size))])
    weight /= total[row]
    return csr_array((weight, column, start), shape=(inside.size, len(axes) // 24)), inside


@lru_cache(maxsize=4)
def _pairs(
    axes: bytes, size: int, reach: float, projection: str
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Cosine, axis and pixel of all pairs within reach, pixel by pixel, and the pixels inside the disc."""
    vectors = np.frombuffer(axes).reshape(-1, 3).astype(np.float32)
    pixels = pixel_directions(size, projection).reshape(-1, 3)
    inside = np.flatnonzero(np.isfinite(pixels[:, 0]))
    edge = np.float32(np.cos(np.deg2rad(reach)))
    parts = []
    for start in range(0, inside.size, ROWS_AT_ONCE):
        cosine = np.abs(pixels[inside[start : start + ROWS_AT_ONCE]].astype(np.float32) @ vectors.T)
        row, column = np.divmod(np.flatnonzero(cosine >= edge).astype(np.int32), np.int32(len(vectors)))
        parts.append((cosine[row, column], column, row + np.int32(start)))
    cosines, columns, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    return cosines, columns, rows, inside
