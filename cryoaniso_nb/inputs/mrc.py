"""MRC files, read lazily and written whole: the one place that touches map files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

from ..errors import MapError, OutputError
from ..geometry.shells import Box, box_text
from ..results.cautions import Caution
from ..results.writing import written_file
from .mrc_header import MODES, Header, Volume, capital, checked_size

__all__ = ["MapData", "checked_array", "map_data", "map_origin", "read_map", "write_map"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapData:
    """One map as read from a file.

    Attributes
    ----------
    data : ndarray, shape (nz, ny, nx)
        Real voxels in the file's own number type, read-only; memory-mapped where possible.
    voxel_size : float
        Å.
    origin : tuple of float
        (x, y, z) of the header's origin in Å.
    start : tuple of int
        (x, y, z) of the header's first voxel in the unit cell (nxstart, ...).
    labels : tuple of str
        The header's text labels.
    name : str
        The file as it was given.
    warnings : tuple of Caution
        What is odd about the header.
    """

    data: Volume
    voxel_size: float
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)
    labels: tuple[str, ...] = ()
    name: str = ""
    warnings: tuple[Caution, ...] = ()

    def __repr__(self) -> str:
        return f"<MapData {self.name or 'array'}, {box_text(self.box)} of {self.voxel_size:g} Å>"

    @property
    def box(self) -> Box:
        """Voxels along (z, y, x)."""
        nz, ny, nx = self.data.shape
        return int(nz), int(ny), int(nx)


def read_map(path: str | os.PathLike[str], voxel_size: float | None = None) -> MapData:
    """Read one map.

    Parameters
    ----------
    path : path
        MRC file, also compressed (gzip, bzip2), of a real mode (0, 1, 2, 6, 12).
    voxel_size : float, optional
        Å; overrides the header.

    Returns
    -------
    MapData
        Axes are (z, y, x) whatever their order in the file.

    Raises
    ------
    MapError
        When the file can't be read or holds no single real volume with cubic voxels.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_map(f"{folder}/a.mrc", np.ones((4, 5, 6)), 1.2)
    ...     read_map(path)
    <MapData ...a.mrc, 4 x 5 x 6 voxels (z, y, x) of 1.2 Å>
    """
    header = Header.of(path)
    size = header.voxel_size() if voxel_size is None else checked_size(voxel_size)
    return map_data(header, header.voxels(), size)


def map_origin(data: MapData) -> tuple[float, float, float]:
    """Where the first voxel of a map lies.

    Parameters
    ----------
    data : MapData
        The header's origin counts where it isn't zero, its nxstart, nystart, nzstart otherwise.

    Returns
    -------
    tuple of float
        (x, y, z) in Å.

    Examples
    --------
    >>> map_origin(MapData(data=np.zeros((2, 2, 2)), voxel_size=2.0, start=(-1, 0, 3)))
    (-2.0, 0.0, 6.0)
    """
    if any(data.origin):
        return data.origin
    x, y, z = (float(start * data.voxel_size) for start in data.start)
    return x, y, z


def write_map(
    path: str | os.PathLike[str],
    data: Volume,
    voxel_size: float,
    *,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    labels: Sequence[str] = (),
    overwrite: bool = False,
    like: MapData | None = None,
) -> Path:
    """Write a volume as MRC, atomically.

    Parameters
    ----------
    path : path
        Ends with .mrc or .map, and .gz or .bz2 to compress.
    data : ndarray, shape (nz, ny, nx)
        Finite and real; int8, int16, uint16 and float16 keep their type, others become float32.
    voxel_size : float
        Å.
    origin : tuple of float
        (x, y, z) in Å.
    labels : sequence of str
        Up to ten text labels of 80 ASCII characters for the header.
    overwrite : bool
        Whether an existing file may be replaced.
    like : MapData, optional
        Map whose origin and first voxel are taken over, so that both overlay in a viewer.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        When the file exists or can't be written, or the data aren't a finite real volume.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_map(write_map(f"{folder}/a.mrc.gz", np.ones((4, 4, 4)), 1.5, labels=["ones"])).labels
    ('ones',)
    """
    target = Path(path)
    volume = _writable(data, target)
    compression = {".gz": "gzip", ".bz2": "bzip2"}.get(target.suffix)
    with (
        written_file(path, overwrite=overwrite) as part,
        mrcfile.new(part, compression=compression, overwrite=True) as mrc,
    ):
        mrc.set_data(volume)
        mrc.voxel_size = float(voxel_size)
        mrc.nstart = like.start if like is not None else (0, 0, 0)
        mrc.header.origin = tuple(like.origin if like is not None else origin)
        mrc.header.label, mrc.header.nlabl = "", 0  # no time of writing: same input, same bytes
        for label in labels:
            mrc.add_label(label.encode("ascii", "replace").decode()[:80])
    return target


def _writable(data: Volume, target: Path) -> Volume:
    volume = np.asarray(data)
    if volume.ndim != 3 or volume.dtype.kind not in "biuf":
        raise OutputError(
            f"{target} needs a real volume, but the data have {volume.ndim} dimensions of type {volume.dtype}."
        )
    if volume.dtype.name not in MODES.values():
        volume = volume.astype(np.float32)
    if not np.isfinite(volume).all():
        raise OutputError(f"The volume for {target} holds NaN or infinite voxels; replace them before writing.")
    return volume


def map_data(header: Header, data: Volume, voxel_size: float) -> MapData:
    """Voxels and header put together.

    Parameters
    ----------
    header : Header
        What the file says of itself.
    data : ndarray, shape (nz, ny, nx)
        From ``header.voxels()``.
    voxel_size : float
        Å.

    Returns
    -------
    MapData
        With what is odd about the header.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     header = Header.of(write_map(f"{folder}/a.mrc", np.ones((4, 5, 6)), 1.2))
    ...     map_data(header, header.voxels(), 1.5).voxel_size
    1.5
    """
    found = []
    if header.lengths() == (1.0, 1.0, 1.0) and voxel_size == 1.0:
        found.append(
            Caution(
                "voxel-size",
                f"{header.path} has a voxel size of exactly 1 Å in its header, which often means unset: "
                "see that it is right, or pass the right one.",
            )
        )
    if extra := header.extra_bytes():
        found.append(
            Caution(
                "longer-file",
                f"{header.path} holds {extra} bytes after the last voxel that its header tells of, which aren't read: "
                "see that box and number type of the header are right.",
            )
        )
    origin, held = header.fields.origin, header.fields.label[: max(int(header.fields.nlabl), 0)]
    start = (int(header.fields.nxstart), int(header.fields.nystart), int(header.fields.nzstart))
    by_axis = dict(zip((int(header.fields.mapc), int(header.fields.mapr), int(header.fields.maps)), start, strict=True))
    return MapData(
        data=data,
        voxel_size=voxel_size,
        origin=(float(origin.x), float(origin.y), float(origin.z)),
        start=(by_axis[1], by_axis[2], by_axis[3]) if set(by_axis) == {1, 2, 3} else start,
        labels=tuple(text.decode("ascii", "replace").strip() for text in held.tolist()),
        name=str(header.path),
        warnings=tuple(found),
    )


def checked_array(source: Any, name: str) -> Volume:
    """An array that is a volume.

    Parameters
    ----------
    source : array-like
        Three axes (z, y, x) of real numbers.
    name : str
        What it is, in a sentence.

    Returns
    -------
    ndarray, shape (nz, ny, nx)
        The same.

    Raises
    ------
    MapError
        When it isn't one.

    Examples
    --------
    >>> checked_array(np.zeros((2, 2, 2)), "the map").shape
    (2, 2, 2)
    """
    array = np.asarray(source)
    if array.ndim != 3:
        raise MapError(f"{capital(name)} has {array.ndim} dimensions, but a map has 3 (z, y, x).")
    if array.dtype.kind not in "biuf":
        raise MapError(f"{capital(name)} holds {array.dtype} values, but a map holds real numbers.")
    return array
