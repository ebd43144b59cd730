"""Poses in RELION's particles files (3.0, 3.1 or later, 5 with subtomograms)."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from gemmi import cif
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..errors import OutputError, PosesError
from ..results.writing import written_file
from .poses import SINGLE, SUBTOMOGRAM_WARNING, Poses, checked, image_of, relion_matrices
from .star import numbers, read_star, star_text

__all__ = ["read_relion_poses", "write_poses"]

Floats = NDArray[np.float64]

_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_SUBTOMOGRAM_ANGLES = ("rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi")


def read_relion_poses(path: Path) -> Poses:
    """Poses of a particles file.

    Parameters
    ----------
    path : Path
        An existing STAR file.

    Returns
    -------
    Poses
        Of the first table with angles.

    Raises
    ------
    PosesError
        When the file is damaged, or has no columns of angles.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.star"
    ...     _ = path.write_text("data_\\nloop_\\n_rlnAngleRot #1\\n_rlnAngleTilt #2\\n0 0\\n0 90\\n")
    ...     read_relion_poses(path).views.round(6).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    try:
        blocks = read_star(path)
    except ValueError as error:
        raise PosesError(f"{path.name} can't be read as a STAR file ({error}); is it damaged?") from error
    for block in blocks:
        if _has(block, *_ANGLES[:2]):
            return _from_block(block, path.name).replace(**_star_image(blocks))
    tables = [block.name.strip() for block in blocks if any(item.loop and item.loop.length() for item in block)]
    if not tables:
        raise PosesError(f"{path.name} holds no table of particles; give the run_data.star of a 3D refinement.")
    raise PosesError(
        f"{path.name} has no columns rlnAngleRot and rlnAngleTilt in its tables {', '.join(map(repr, tables))}; "
        "give the run_data.star of a 3D refinement."
    )


def _has(block: cif.Block, *names: str) -> bool:
    return all(block.find_values("_" + name) for name in names)


def _star_image(blocks: list[cif.Block]) -> dict[str, Any]:
    """Size of the images, from the table of optics groups."""
    for block in blocks:
        if _has(block, "rlnImageSize", "rlnImagePixelSize"):
            size, pixel = (block.find_values(tag) for tag in ("_rlnImageSize", "_rlnImagePixelSize"))
            return image_of(np.array(size), np.array(pixel))
    return {}


def _column(block: cif.Block, name: str, source: str) -> Floats:
    try:
        return numbers(block, "_" + name)
    except ValueError as error:
        raise PosesError(
            f"Column {name} of {source} holds something else than numbers; is the file damaged?"
        ) from error


def _from_block(block: cif.Block, source: str) -> Poses:
    rot = _column(block, _ANGLES[0], source)
    in_plane, subtomogram = _has(block, _ANGLES[2]), _has(block, *_SUBTOMOGRAM_ANGLES)
    angles = [rot, _column(block, _ANGLES[1], source)]
    angles.append(_column(block, _ANGLES[2], source) if in_plane else np.zeros_like(rot))
    outer = [_column(block, name, source) for name in _SUBTOMOGRAM_ANGLES] if subtomogram else []
    finite = np.isfinite(sum([*angles, *outer]))
    matrices = np.full((rot.size, 3, 3), np.nan)
    if finite.any():
        matrices[finite] = relion_matrices(*(a[finite] for a in angles))
        if subtomogram:  # both take the inner frame to the outer one: map -> subtomogram -> tomogram
            matrices[finite] = relion_matrices(*(a[finite] for a in outer)) @ matrices[finite]
    tomographic = subtomogram or _has(block, "rlnTomoName")
    return checked(
        matrices,
        source,
        half_set=_column(block, "rlnRandomSubset", source) if _has(block, "rlnRandomSubset") else None,
        kind="subtomogram" if tomographic else SINGLE,
        in_plane=in_plane,
        warnings=(SUBTOMOGRAM_WARNING,) if tomographic else (),
    )


def write_poses(path: str | os.PathLike[str], poses: Poses, *, overwrite: bool = False) -> Path:
    """Write poses as a RELION 3.1 particles file.

    Parameters
    ----------
    path : path
        Ends with .star.
    poses : Poses
        Single particles, with their half sets, angles and the size of their images as far as known.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        The file written; `read_poses` reads it.

    Raises
    ------
    OutputError
        When the file exists or can't be written.
    PosesError
        For poses of subtomograms, which take two rotations each.

    Examples
    --------
    >>> import tempfile
    >>> from cryoaniso_nb.inputs.poses import read_poses
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_poses(write_poses(f"{folder}/a.star", read_poses(np.eye(3)))).views.round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    target = Path(path)
    if target.suffix.lower() != ".star":
        raise OutputError(f"Poses are written as a STAR file, but {target.name} doesn't end with .star; rename it.")
    if poses.kind != SINGLE:
        raise PosesError(f"{poses.source} holds poses of subtomograms, but only those of single particles are written.")
    optics: dict[str, list[str]] = {"rlnOpticsGroup": ["1"]}
    if poses.image_size:
        optics |= {"rlnImageSize": [str(poses.image_size)], "rlnImagePixelSize": [f"{poses.pixel_size:g}"]}
    angles = _relion_angles(poses)
    table = {name: [f"{v:.6f}" for v in column] for name, column in zip(_ANGLES, angles, strict=False)}
    if poses.half_set.any():
        table["rlnRandomSubset"] = [str(half) for half in poses.half_set]
    table["rlnOpticsGroup"] = ["1"] * len(poses)
    with written_file(path, overwrite=overwrite) as part:
        part.write_text(star_text({"optics": optics, "particles": table}), encoding="utf-8")
    return target


def _relion_angles(poses: Poses) -> list[Floats]:
    """rot and tilt, and psi where rotations are known, in degrees."""
    x, y, z = poses.views.T
    if poses.rotations is None:
        return [np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arccos(np.clip(z, -1, 1)))]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # views along z: any share of the angle between rot and psi will do
        rotations = poses.rotations.transpose(0, 2, 1).copy()  # older SciPy takes no read-only array
        angles = Rotation.from_matrix(rotations).as_euler("ZYZ", degrees=True)
    return list(angles.T)
