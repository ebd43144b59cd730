"""Poses of particles: views and rotations read from RELION and cryoSPARC files, or from arrays.

One convention for all: a rotation M takes map coordinates to image coordinates,
``r_image = M r_map``, so that the view, the beam's direction in the map, is M's third row.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..errors import PosesError
from ..geometry.directions import areas as areas_for
from ..geometry.directions import axes_for
from ..geometry.symmetry import orbit
from ..results.fence import inside
from ..results.types import Result
from .cryosparc import read_columns

__all__ = [
    "SINGLE",
    "SUBTOMOGRAM_WARNING",
    "Poses",
    "ViewDensity",
    "checked",
    "image_of",
    "poses_from_angles",
    "read_poses",
    "relion_matrices",
    "view_density",
]

Floats = NDArray[np.float64]

_CS_POSE, _CS_SPLIT = "alignments3D/pose", "alignments3D/split"
_CS_SHAPE, _CS_PIXEL = "blob/shape", "blob/psize_A"

SINGLE = "single-particle"  # the kind of poses of which each is one projection
SUBTOMOGRAM_WARNING = (
    "These are poses of subtomograms: each row is a whole tilt series, so measures that count every pose as one "
    "projection (SCF, tilt advice) are not meant for them."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Poses(Result):
    """Where each particle was seen from.

    Attributes
    ----------
    views : ndarray, shape (N, 3)
        Unit vectors (x, y, z): the direction of the beam in the map's frame.
    rotations : ndarray, shape (N, 3, 3), or None
        ``r_image = M r_map``; the third row is the view. None where in-plane angles are unknown.
    half_set : ndarray of int8, shape (N,)
        1 or 2, 0 where unknown.
    kind : str
        'single-particle' or 'subtomogram'.
    source : str
        File name, or 'arrays'.
    warnings : tuple of str
        What a user should know of these poses.
    image_size : int
        Pixels along a side of the particles' images, 0 where the file doesn't say.
    pixel_size : float
        Å, NaN where the file doesn't say.
    """

    views: Annotated[Floats, "N", 3]
    rotations: Annotated[Floats, "N", 3, 3] | None
    half_set: Annotated[NDArray[np.int8], "N"]
    kind: str
    source: str
    warnings: tuple[str, ...] = ()
    image_size: int = 0
    pixel_size: float = float("nan")

    def __len__(self) -> int:
        return len(self.views)

    @property
    def second_moment(self) -> tuple[float, float, float]:
        """Eigenvalues of the mean of v v^T, ascending: all 1/3 for views spread evenly."""
        low, middle, high = np.linalg.eigvalsh(self.views.T @ self.views / len(self.views)).tolist()
        return low, middle, high


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ViewDensity(Result):
    """Density of view directions over the half sphere (a view and its opposite are one).

    Attributes
    ----------
    axes : ndarray, shape (A, 3)
        Nested axes, see `directions.axes_for`.
    density : ndarray, shape (A,)
        Views nearest to each axis, relative to what evenly spread views would give (mean 1).
    n_views : int
        Particles counted.
    symmetry : str
        Point group applied.
    """

    axes: Annotated[Floats, "A", 3]
    density: Annotated[Floats, "A"]
    n_views: int
    symmetry: str


def relion_matrices(rot: Floats, tilt: Floats, psi: Floats) -> Floats:
    """RELION's rotation matrices.

    Parameters
    ----------
    rot, tilt, psi : ndarray, shape (N,)
        Degrees.

    Returns
    -------
    ndarray, shape (N, 3, 3)
        The third row is (sin t cos r, sin t sin r, cos t).

    Examples
    --------
    >>> relion_matrices(*np.array([[0.0], [90.0], [0.0]]))[0, 2].round(6).tolist()
    [1.0, 0.0, 0.0]
    """
    angles = np.stack([rot, tilt, psi], axis=1)
    return np.asarray(Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().transpose(0, 2, 1))


def poses_from_angles(
    rot: NDArray[np.floating],
    tilt: NDArray[np.floating],
    psi: NDArray[np.floating] | None = None,
    *,
    half_set: NDArray[np.integer] | None = None,
    source: str = "arrays",
) -> Poses:
    """Poses given by RELION's Euler angles.

    Parameters
    ----------
    rot, tilt : ndarray, shape (N,)
        rlnAngleRot and rlnAngleTilt, degrees.
    psi : ndarray, shape (N,), optional
        rlnAnglePsi, degrees; without it rotations are unknown, views are not.
    half_set : ndarray of int, shape (N,), optional
        1 or 2.
    source : str
        Name shown for these poses.

    Returns
    -------
    Poses
        Particles with angles that are no numbers are left out, with a warning.

    Raises
    ------
    PosesError
        When there are no particles, or all have the same view.

    Examples
    --------
    >>> poses_from_angles(np.array([0.0, 90.0]), np.array([0.0, 90.0])).views.round(6).tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    r, t = np.asarray(rot, dtype=np.float64), np.asarray(tilt, dtype=np.float64)
    p = np.zeros_like(r) if psi is None else np.asarray(psi, dtype=np.float64)
    if not r.shape == t.shape == p.shape or r.ndim != 1:
        raise PosesError(
            f"Angles rot, tilt and psi have shapes {r.shape}, {t.shape}, {p.shape}; give lists of the same length."
        )
    matrices = np.full((r.size, 3, 3), np.nan)
    finite = np.isfinite(r + t + p)
    if finite.any():
        matrices[finite] = relion_matrices(r[finite], t[finite], p[finite])
    return checked(matrices, source, half_set=half_set, in_plane=psi is not None)


def checked(
    matrices: Floats,
    source: str,
    *,
    half_set: NDArray[Any] | None = None,
    kind: str = SINGLE,
    in_plane: bool = True,
    warnings: tuple[str, ...] = (),
) -> Poses:
    """Poses of the usable particles of a source.

    Parameters
    ----------
    matrices : ndarray, shape (N, 3, 3)
        Rotations, NaN for particles without one.
    source : str
        Name shown for these poses.
    half_set : ndarray, shape (N,), optional
        1 or 2; anything else is unknown.
    kind : str
        'single-particle' or 'subtomogram'.
    in_plane : bool
        Whether more than the third rows is known.
    warnings : tuple of str
        What a user should know of these poses.

    Returns
    -------
    Poses
        A warning counts the particles left out.

    Raises
    ------
    PosesError
        When there are no usable particles, or all have the same view.

    Examples
    --------
    >>> len(checked(np.stack([np.eye(3), np.full((3, 3), np.nan)]), "two"))
    1
    """
    if len(matrices) == 0:
        raise PosesError(f"{source} holds no particles; give the particles of a finished 3D refinement.")
    good = np.isfinite(matrices).all(axis=(1, 2))
    notes = list(warnings)
    if not good.any():
        raise PosesError(
            f"None of the {len(matrices)} particles in {source} has angles that are numbers; refine them first."
        )
    if not good.all():
        notes.append(f"{(~good).sum()} of {good.size} particles in {source} have no usable angles and are left out.")
    kept = matrices[good]
    views = kept[:, 2, :] / np.linalg.norm(kept[:, 2, :], axis=1, keepdims=True)
    if len(views) > 1 and np.ptp(views, axis=0).max() < 1e-6:
        raise PosesError(
            f"All {len(views)} particles in {source} have the same view, as before any 3D refinement; "
            "give the particles of a finished one."
        )
    halves = np.zeros(len(matrices)) if half_set is None else np.asarray(half_set)
    if halves.shape != (len(matrices),):
        raise PosesError(
            f"There are {len(matrices)} poses in {source}, but {halves.size} half-set labels; give one per particle."
        )
    halves = np.where(np.isin(halves, (1, 2)), halves, 0).astype(np.int8)[good]
    return Poses(
        views=views,
        rotations=kept if in_plane else None,
        half_set=halves,
        kind=kind,
        source=source,
        warnings=tuple(notes),
    )


def read_poses(source: str | os.PathLike[str] | NDArray[Any] | Poses) -> Poses:
    """Read the poses of particles.

    Parameters
    ----------
    source : path, ndarray or Poses
        A RELION .star file (3.0, 3.1 or later, 5 with subtomograms), a cryoSPARC .cs file, or
        an array: unit views (N, 3), or rotations (N, 3, 3) with ``r_image = M r_map``.

    Returns
    -------
    Poses
        Views in the map's frame. Of subtomograms, the subtomogram's and the particle's
        rotations are composed, and the view is the beam's direction in the untilted image.

    Raises
    ------
    PosesError
        When the file is missing, empty, unreadable, or has no columns of angles.

    Examples
    --------
    >>> read_poses(np.eye(3)).views.shape
    (3, 3)
    """
    if isinstance(source, Poses):
        return source
    if not isinstance(source, (str, os.PathLike)):
        return _from_array(np.asarray(source))
    path = Path(source)
    if not inside(path).is_file():
        raise PosesError(f"There is no poses file {path}; check the path.")
    if path.stat().st_size == 0:
        raise PosesError(f"The poses file {path.name} is empty; give the particles of a finished 3D refinement.")
    if path.suffix.lower() == ".star":
        from .relion import read_relion_poses

        return read_relion_poses(path)
    if path.suffix.lower() == ".cs":
        return _from_cryosparc(path)
    raise PosesError(f"{path.name} is neither a .star nor a .cs file; give a RELION or cryoSPARC particles file.")


def _from_array(array: NDArray[Any]) -> Poses:
    if array.dtype.kind not in "fiu":
        raise PosesError(f"Poses given as an array must be numbers, but these are of type {array.dtype}.")
    values = array.astype(np.float64)
    if values.ndim == 2 and values.shape[1] == 3:
        if len(values) and not np.allclose(
            np.linalg.norm(values, axis=1)[np.isfinite(values).all(axis=1)], 1.0, atol=1e-3
        ):
            raise PosesError(
                "Poses given as an (N, 3) array must be unit vectors (x, y, z); for Euler angles use poses_from_angles."
            )
        matrices = np.zeros((len(values), 3, 3))
        matrices[:, 2, :] = values
        return checked(matrices, "arrays", in_plane=False)
    if values.ndim == 3 and values.shape[1:] == (3, 3):
        product = values @ values.transpose(0, 2, 1)
        finite = np.isfinite(values).all(axis=(1, 2))
        if not np.allclose(product[finite], np.eye(3), atol=1e-3) or (np.linalg.det(values[finite]) < 0).any():
            raise PosesError("Poses given as an (N, 3, 3) array must be rotation matrices, but some of these are not.")
        return checked(values, "arrays")
    raise PosesError(f"Poses given as an array must have shape (N, 3) or (N, 3, 3), but this has {values.shape}.")


def image_of(size: NDArray[Any], pixel: NDArray[Any]) -> dict[str, Any]:
    """Size of the images where all particles have the same.

    Parameters
    ----------
    size, pixel : ndarray
        Pixels along a side, and their size in Å, as numbers or text.

    Returns
    -------
    dict
        `image_size` and `pixel_size` of `Poses`, or nothing.

    Examples
    --------
    >>> image_of(np.array(["256"]), np.array(["1.5"]))
    {'image_size': 256, 'pixel_size': 1.5}
    """
    try:
        sizes, pixels = np.asarray(size, dtype=np.float64), np.asarray(pixel, dtype=np.float64)
    except (TypeError, ValueError):
        return {}
    if not sizes.size or np.ptp(sizes) != 0 or not (pixels > 0).all() or np.ptp(pixels) > 0.01 * pixels.max():
        return {}
    return {"image_size": int(sizes.flat[0]), "pixel_size": float(np.median(pixels))}


def _from_cryosparc(path: Path) -> Poses:
    columns = read_columns(path, (_CS_POSE, _CS_SPLIT, _CS_SHAPE, _CS_PIXEL))
    if _CS_POSE not in columns.values:
        known = ", ".join(sorted({name.split("/")[0] for name in columns.names})) or "none"
        raise PosesError(
            f"{path.name} has no column {_CS_POSE} (its groups of columns: {known}); "
            "give the particles of a 3D refinement, not a passthrough or 2D file."
        )
    vectors = np.asarray(columns.values[_CS_POSE], dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[1] != 3:
        raise PosesError(f"Column {_CS_POSE} of {path.name} has shape {vectors.shape}, but (N, 3) is expected.")
    finite = np.isfinite(vectors).all(axis=1)
    matrices = np.full((len(vectors), 3, 3), np.nan)
    if finite.any():  # cryoSPARC's matrix takes image to map coordinates: its third column is the view
        matrices[finite] = Rotation.from_rotvec(vectors[finite]).as_matrix().transpose(0, 2, 1)
    split = columns.values.get(_CS_SPLIT)
    halves = split.astype(np.int64) + 1 if split is not None and np.unique(split).size == 2 else None
    shape, pixel = columns.values.get(_CS_SHAPE), columns.values.get(_CS_PIXEL)
    image = {} if shape is None or pixel is None else image_of(shape, pixel)
    return checked(matrices, path.name, half_set=halves).replace(**image)


def view_density(poses: Poses, n_axes: int = 321, symmetry: str = "C1") -> ViewDensity:
    """Density of view directions on the nested axes, for plotting over the half sphere.

    Parameters
    ----------
    poses : Poses
        From `read_poses`.
    n_axes : int
        6, 21, 81, 321, 1281 or 5121; each view counts at its nearest axis.
    symmetry : str
        Point group of the particle; every view counts at all its copies.

    Returns
    -------
    ViewDensity
        1 everywhere for views spread evenly.

    Raises
    ------
    SettingsError
        For an unknown point group or number of axes.

    Examples
    --------
    >>> density = view_density(read_poses(np.eye(3)), n_axes=6)
    >>> float((density.density * areas_for(6)).sum().round(6))
    1.0
    """
    lines, share = axes_for(n_axes), areas_for(n_axes)
    copies = orbit(poses.views, symmetry).reshape(-1, 3)
    _, nearest = cKDTree(np.concatenate([lines, -lines])).query(copies)
    count = np.bincount(nearest % n_axes, minlength=n_axes)
    return ViewDensity(
        axes=lines, density=count / len(copies) / share, n_views=len(poses), symmetry=symmetry.strip().upper()
    )
