"""How often views sample each Fourier direction, in the cones of dFSC.

A projection along v fills the central plane perpendicular to v. Averaged over the cone of an
axis d with dFSC's own weight, the share of that plane depends on the angle between d and v
alone: a zonal kernel, tabulated once per cone. Tilting the stage by t turns each view into a
ring of views at the angle t around it, which averages the kernel over the ring. Values are
relative to evenly spread views, so their mean over the sphere is 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import PosesError, SettingsError
from ..geometry.cones import cone_weight
from ..geometry.directions import cube_faces, cube_nodes, golden_turns
from ..geometry.symmetry import orbit

__all__ = [
    "HasViews",
    "cone_sampling",
    "plane_kernel",
    "sampling_spread",
    "tilted_views",
    "view_array",
    "view_histogram",
]

Floats = NDArray[np.float64]

BINS = 1024  # of abs(cos) between an axis and a view
RING = 360  # points of a ring of views
MAX_TILT = 80.0
FACE = 65  # nodes along a side: 1.4 degrees apart
MANY = 4 * 3 * FACE**2  # views from which on they are counted at nodes


class HasViews(Protocol):
    """Poses, as far as measures need them."""

    @property
    def views(self) -> Floats:
        """Unit vectors (x, y, z), shape (N, 3)."""


def view_array(views: HasViews | NDArray[np.floating]) -> Floats:
    """Unit views of poses or of an array.

    Parameters
    ----------
    views : Poses or ndarray, shape (N, 3)
        Directions of the beam in the map's frame.

    Returns
    -------
    ndarray, shape (N, 3)
        Unit vectors.

    Raises
    ------
    PosesError
        When there are none, or they are no directions.

    Examples
    --------
    >>> view_array(np.array([[0.0, 0.0, 2.0]])).tolist()
    [[0.0, 0.0, 1.0]]
    """
    array = np.asarray(views if isinstance(views, np.ndarray) else views.views, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) == 0:
        raise PosesError(f"Views have shape {array.shape}, but an array (N, 3) with at least one view is needed.")
    length = np.linalg.norm(array, axis=1, keepdims=True)
    if not (np.isfinite(length).all() and (length > 0).all()):
        raise PosesError("Some views are zero or no numbers; leave them out.")
    return np.asarray(array / length)


@lru_cache(maxsize=16)
def plane_kernel(cone_half_angle: float) -> Floats:
    """Share of the plane perpendicular to a view inside an axis's cone, against their angle.

    Parameters
    ----------
    cone_half_angle : float
        Degrees, with dFSC's weight inside (paper, eq. 1).

    Returns
    -------
    ndarray, shape (BINS + 1,)
        Against abs(cos) between axis and view from 0 to 1; its mean over the sphere is 1.

    Examples
    --------
    >>> kernel = plane_kernel(17.0)
    >>> bool(kernel[0] > 3), float(kernel[-1])
    (True, 0.0)
    """
    nearness = np.linspace(0, 1, BINS + 1)
    angle = (np.arange(4000) + 0.5) / 4000 * np.pi / 2
    cosine = np.sqrt(1 - nearness**2)[:, None] * np.cos(angle)  # of plane directions to the axis
    kernel = cone_weight(cosine, cone_half_angle).mean(axis=1)
    kernel /= np.trapezoid(kernel, nearness)
    kernel.flags.writeable = False
    return np.asarray(kernel)


def view_histogram(views: HasViews | NDArray[np.floating], axes: Floats, symmetry: str = "C1") -> Floats:
    """How many views lie at each angle from each axis.

    Parameters
    ----------
    views : Poses or ndarray, shape (N, 3)
        Directions of the beam.
    axes : ndarray, shape (A, 3)
        Unit vectors.
    symmetry : str
        Point group; every view counts at all its copies.

    Returns
    -------
    ndarray, shape (A, BINS + 1)
        Against abs(cos), shared linearly among neighbouring bins; each row sums to 1. More than
        some 50,000 views, copies counted, are taken at the nearest of nodes 1.4 degrees apart.

    Examples
    --------
    >>> view_histogram(np.array([[0.0, 0, 1]]), np.array([[0.0, 0, 1]]))[0, -1]
    np.float64(1.0)
    """
    lines = np.asarray(axes, dtype=np.float64)
    copies, weights = _counted(orbit(view_array(views), symmetry).reshape(-1, 3))
    histogram = np.zeros((len(lines), BINS + 1))
    for row, line in zip(histogram, lines, strict=True):
        place = np.minimum(np.abs(copies @ line), 1.0) * BINS
        low = np.minimum(place.astype(np.int64), BINS - 1)
        part = place - low
        row += np.bincount(low, weights * (1 - part), BINS + 1) + np.bincount(low + 1, weights * part, BINS + 1)
    return np.asarray(histogram / weights.sum())


def _counted(views: Floats) -> tuple[Floats, Floats]:
    """Views and how often each counts: few as they are, many at the nearest nodes of a cube's faces."""
    if len(views) <= MANY:
        return views, np.ones(len(views))
    face, u, v = cube_faces(views)
    i, j = (np.rint((place + 1) * (FACE - 1) / 2).astype(np.int64) for place in (u, v))
    count = np.bincount((face * FACE + i) * FACE + j, minlength=3 * FACE**2)
    return cube_nodes(FACE)[count > 0], count[count > 0].astype(np.float64)


def _tilted_kernel(kernel: Floats, tilt: float) -> Floats:
    """A zonal kernel averaged over the ring of views at an angle around each view."""
    if tilt == 0:
        return kernel
    nearness = np.linspace(0, 1, BINS + 1)
    turn = (np.arange(RING) + 0.5) / RING * 2 * np.pi
    t = np.deg2rad(tilt)
    cosine = np.cos(t) * nearness[:, None] + np.sin(t) * np.sqrt(1 - nearness**2)[:, None] * np.cos(turn)
    return np.asarray(np.interp(np.abs(cosine), nearness, kernel).mean(axis=1))


def cone_sampling(histogram: Floats, cone_half_angle: float, tilt: float = 0.0) -> Floats:
    """Sampling of every axis's cone, relative to evenly spread views.

    Parameters
    ----------
    histogram : ndarray, shape (A, BINS + 1)
        From `view_histogram`.
    cone_half_angle : float
        Degrees.
    tilt : float
        Stage tilt in degrees, with particles at every angle in the specimen's plane.

    Returns
    -------
    ndarray, shape (A,)
        Not negative; the mean over the sphere is 1.

    Raises
    ------
    SettingsError
        For angles out of range.

    Examples
    --------
    >>> axes = np.array([[0.0, 0, 1], [1.0, 0, 0]])
    >>> top_views = view_histogram(np.array([[0.0, 0, 1]]), axes)
    >>> cone_sampling(top_views, 17.0).round(1).tolist(), cone_sampling(top_views, 17.0, tilt=60).round(1).tolist()
    ([0.0, 6.3], [0.0, 0.7])
    """
    if not 0 < cone_half_angle <= 45:
        raise SettingsError(f"The cone's half angle is {cone_half_angle:g} degrees, but it must lie between 0 and 45.")
    if not 0 <= tilt <= MAX_TILT:
        raise SettingsError(f"The stage tilt is {tilt:g} degrees, but it must lie between 0 and {MAX_TILT:g}.")
    return np.asarray(histogram @ _tilted_kernel(plane_kernel(float(cone_half_angle)), float(tilt)))


def sampling_spread(sampling: Floats, areas: Floats) -> float:
    """How much sampling varies over directions.

    Parameters
    ----------
    sampling : ndarray, shape (A,)
        From `cone_sampling`.
    areas : ndarray, shape (A,)
        Weight of each axis.

    Returns
    -------
    float
        Standard deviation over the sphere, relative to the mean.

    Examples
    --------
    >>> sampling_spread(np.array([0.5, 1.5]), np.array([0.5, 0.5]))
    0.5
    """
    return float(np.sqrt(np.average((sampling - 1) ** 2, weights=areas)))


def tilted_views(views: HasViews | NDArray[np.floating], tilt: float) -> Floats:
    """Views after tilting the stage, each at some angle in the plane.

    Parameters
    ----------
    views : Poses or ndarray, shape (N, 3)
        Directions of the beam without tilt.
    tilt : float
        Degrees.

    Returns
    -------
    ndarray, shape (N, 3)
        One view a particle, at the angle `tilt` from the one before; the angles around it
        follow the golden ratio, so that the result doesn't depend on chance.

    Examples
    --------
    >>> tilted_views(np.array([[0.0, 0, 1]]), 60)[0, 2].round(3)
    np.float64(0.5)
    """
    v = view_array(views)
    if tilt == 0:
        return v
    aside = np.eye(3)[np.abs(v).argmin(axis=1)]
    u = np.cross(v, aside)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    w = np.cross(v, u)
    around = golden_turns(len(v))[:, None]
    t = np.deg2rad(tilt)
    return np.asarray(np.cos(t) * v + np.sin(t) * (np.cos(around) * u + np.sin(around) * w))
