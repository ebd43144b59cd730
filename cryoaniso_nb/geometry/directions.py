"""Nested cone axes, their areas, angles, and the nodes of the angular histogram."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

__all__ = [
    "LEVELS",
    "angles",
    "areas",
    "axes_for",
    "cube_faces",
    "cube_nodes",
    "fibonacci_axes",
    "golden_turns",
    "levels_up_to",
    "nearest_axis",
    "unit_vectors",
]

Floats = NDArray[np.float64]

LEVELS = (6, 21, 81, 321, 1281, 5121)


def _half(points: Floats) -> Floats:
    """The point of each antipodal pair with z > 0 (on the equator: azimuth in [0, 180))."""
    clean = np.where(np.abs(points) < 1e-12, 0.0, points)
    x, y, z = clean.T
    flip = (z < 0) | ((z == 0) & ((y < 0) | ((y == 0) & (x < 0))))
    return np.where(flip[:, None], -clean, clean) + 0.0


def _icosahedron() -> tuple[Floats, NDArray[np.int64]]:
    zenith = np.arctan(2.0)
    upper = [
        (np.sin(zenith) * np.cos(a), np.sin(zenith) * np.sin(a), np.cos(zenith))
        for a in np.deg2rad(36 + 72 * np.arange(5))
    ]
    top = [(0.0, 0.0, 1.0), *upper]
    vertices = np.array([*top, *(-np.array(top))])
    distance = np.linalg.norm(vertices[:, None] - vertices[None], axis=2)
    near = np.isclose(distance, np.sort(distance[0])[1], atol=1e-6)
    faces = [
        (i, j, k)
        for i in range(12)
        for j in range(i + 1, 12)
        if near[i, j]
        for k in range(j + 1, 12)
        if near[i, k] and near[j, k]
    ]
    return vertices, np.array(faces)


@lru_cache(maxsize=1)
def _mesh(level: int) -> tuple[Floats, NDArray[np.int64]]:
    vertices, faces = _icosahedron()
    for _ in range(level):
        vertices, faces = _bisect(vertices, faces)
    return vertices, faces


def _bisect(vertices: Floats, faces: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    middle = vertices[unique].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    a, b, c = faces.T
    ab, bc, ca = (len(vertices) + inverse.ravel()).reshape(3, -1)
    split = np.concatenate([np.stack(f, axis=1) for f in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))])
    return np.concatenate([vertices, middle]), split


@lru_cache(maxsize=len(LEVELS))
def axes_for(n_axes: int) -> Floats:
    """Cone axes: an icosahedron with a vertex at +z, its edges bisected, modulo antipodes.

    Levels nest: the first 6, 21, 81, ... of them cover the sphere evenly on their own.
    321 of them are those of the paper's program.

    Parameters
    ----------
    n_axes : int
        6, 21, 81, 321, 1281 or 5121.

    Returns
    -------
    ndarray, shape (n_axes, 3)
        Unit vectors (x, y, z) with z >= 0, read-only.

    Raises
    ------
    SettingsError
        For any other number.

    Examples
    --------
    >>> axes_for(321).shape
    (321, 3)
    """
    if n_axes not in LEVELS:
        raise SettingsError(f"The number of axes is {n_axes}, but it must be one of {', '.join(map(str, LEVELS))}.")
    vertices, _ = _mesh(LEVELS.index(n_axes))
    half = _half(vertices)
    _, first = np.unique(np.round(half, 9), axis=0, return_index=True)
    axes = half[np.sort(first)]
    axes.flags.writeable = False
    return axes


def levels_up_to(n_axes: int) -> tuple[int, ...]:
    """The nested levels up to `n_axes`, coarse to fine.

    Parameters
    ----------
    n_axes : int
        One of `LEVELS`.

    Returns
    -------
    tuple of int
        Numbers of axes, the last one `n_axes`.

    Examples
    --------
    >>> levels_up_to(81)
    (6, 21, 81)
    """
    return tuple(level for level in LEVELS if level <= n_axes)


@lru_cache(maxsize=len(LEVELS))
def areas(n_axes: int) -> Floats:
    """Share of the sphere that each axis of a level stands for (spherical Voronoi cells).

    Parameters
    ----------
    n_axes : int
        One of `LEVELS`.

    Returns
    -------
    ndarray, shape (n_axes,)
        Positive, sums to 1, read-only.

    Examples
    --------
    >>> float(areas(6).round(4)[0])
    0.1667
    """
    axes = axes_for(n_axes)
    vertices, faces = _mesh(LEVELS.index(n_axes))
    owner = _axis_of(vertices, axes)
    corners = vertices[faces]
    # A cell's border runs through the circumcentres of the triangles around its vertex and the
    # middles of their edges. (scipy.spatial gives the same, but takes 0.15 s to load.)
    centre = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    centre *= np.sign((centre * corners[:, 0]).sum(axis=1, keepdims=True))
    share = np.zeros(n_axes)
    for i, j in ((0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2)):
        middle = _unit(corners[:, i] + corners[:, j])
        share += np.bincount(owner[faces[:, i]], _triangle_areas(corners[:, i], middle, centre), n_axes)
    share /= share.sum()
    share.flags.writeable = False
    return share


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _axis_of(vertices: Floats, axes: Floats) -> NDArray[np.int64]:
    """Which axis each vertex of the whole sphere belongs to."""
    rounded = np.round(np.concatenate([axes, _half(vertices)]), 9)
    _, first, inverse = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()[len(axes) :]]


def _triangle_areas(a: Floats, b: Floats, c: Floats) -> Floats:
    """Areas of spherical triangles (van Oosterom & Strackee, doi 10.1109/TBME.1983.325207)."""
    volume = np.abs((a * np.cross(b, c)).sum(axis=1))
    cosines = (a * b).sum(axis=1) + (b * c).sum(axis=1) + (c * a).sum(axis=1)
    return np.asarray(2 * np.arctan2(volume, 1 + cosines))


def angles(axes: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Zenith and azimuth of axes.

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z).

    Returns
    -------
    tuple of ndarray
        Zenith (angle to +z, 0-90) and azimuth (atan2(y, x), 0-360; in [0, 180) on the
        equator), in degrees. An axis and its antipode give the same angles.

    Examples
    --------
    >>> zenith, azimuth = angles(np.array([[0.0, -1.0, 0.0]]))
    >>> float(zenith[0]), float(azimuth[0])
    (90.0, 90.0)
    """
    x, y, z = _half(np.asarray(axes, dtype=np.float64)).T
    zenith = np.rad2deg(np.arccos(np.clip(z, -1.0, 1.0)))
    azimuth = np.rad2deg(np.arctan2(y, x)) % 360.0
    return zenith, np.where(zenith < 1e-6, 0.0, azimuth)


def unit_vectors(zenith: NDArray[np.floating] | float, azimuth: NDArray[np.floating] | float) -> Floats:
    """Unit vectors of directions given by their angles.

    Parameters
    ----------
    zenith, azimuth : array_like
        Degrees.

    Returns
    -------
    ndarray, shape (..., 3)
        (x, y, z).

    Examples
    --------
    >>> unit_vectors(90.0, 0.0).round(6).tolist()
    [1.0, 0.0, 0.0]
    """
    z, a = np.broadcast_arrays(np.deg2rad(zenith), np.deg2rad(azimuth))
    return np.stack([np.sin(z) * np.cos(a), np.sin(z) * np.sin(a), np.cos(z)], axis=-1)


def nearest_axis(axes: NDArray[np.floating], direction: NDArray[np.floating] | tuple[float, ...]) -> int:
    """The axis nearest to a direction, or to its antipode.

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors.
    direction : array_like, shape (3,)
        Unit vector.

    Returns
    -------
    int
        Its index.

    Examples
    --------
    >>> nearest_axis(np.eye(3), (0.0, 0.1, -0.99))
    2
    """
    return int(np.abs(axes @ np.asarray(direction, dtype=np.float64)).argmax())


def golden_turns(count: int) -> Floats:
    """Angles that follow the golden ratio, so that any first few of them lie evenly around.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    ndarray, shape (count,)
        Radians, from zero.

    Examples
    --------
    >>> np.rad2deg(golden_turns(3) % (2 * np.pi)).round(1).tolist()
    [0.0, 222.5, 85.0]
    """
    return np.asarray(np.pi * (1 + 5**0.5) * np.arange(count))


def fibonacci_axes(count: int, *, clockwise: bool = True) -> Floats:
    """Axes spread evenly over the half sphere along a golden spiral.

    Parameters
    ----------
    count : int
        How many.
    clockwise : bool
        How it turns, seen from +z.

    Returns
    -------
    ndarray, shape (count, 3)
        Unit vectors (x, y, z) with z > 0.

    Examples
    --------
    >>> fibonacci_axes(256).mean(axis=0).round(2).tolist()
    [0.0, 0.0, 0.5]
    """
    z = (np.arange(count) + 0.5) / count
    radius, turn = np.sqrt(1 - z**2), golden_turns(count) * (-1 if clockwise else 1)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def cube_faces(directions: NDArray[np.floating]) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Where directions meet the faces of a cube, antipodes together.

    Parameters
    ----------
    directions : ndarray, shape (N, 3)
        Vectors (x, y, z), not zero.

    Returns
    -------
    face : ndarray of int, shape (N,)
        Axis of the largest component.
    u, v : ndarray, shape (N,)
        The two others in cyclic order over that one, -1 to 1: the order of `cube_nodes`.

    Examples
    --------
    >>> face, u, v = cube_faces(np.array([[1.0, 2.0, -0.5]]))
    >>> int(face[0]), float(u[0]), float(v[0])
    (1, -0.25, 0.5)
    """
    rows = np.arange(len(directions))
    face = np.abs(directions).argmax(axis=1)
    major = directions[rows, face]
    u, v = (directions[rows, (face + turn) % 3] / major for turn in (1, 2))
    return face, u, v


@lru_cache(maxsize=4)
def cube_nodes(nodes_per_face: int) -> Floats:
    """Directions of the histogram's nodes on the x, y and z faces of a cube.

    Node ``(face * n + i) * n + j`` lies where the face's own component is 1 and the two
    others, in cyclic order (y, z), (z, x), (x, y), are ``2 i/(n-1) - 1`` and ``2 j/(n-1) - 1``.

    Parameters
    ----------
    nodes_per_face : int
        Nodes along a face's side, n.

    Returns
    -------
    ndarray, shape (3 n^2, 3)
        Unit vectors (x, y, z), read-only.

    Examples
    --------
    >>> cube_nodes(3).shape
    (27, 3)
    """
    line = np.linspace(-1.0, 1.0, nodes_per_face)
    u, v = (g.ravel() for g in np.meshgrid(line, line, indexing="ij"))
    one = np.ones_like(u)
    points = np.concatenate([np.stack(c, axis=1) for c in ((one, u, v), (v, one, u), (u, v, one))])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points.flags.writeable = False
    return points
