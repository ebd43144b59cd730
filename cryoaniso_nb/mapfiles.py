"""MRC files, read lazily and written whole: the one place that touches map files.

Files are MRC2014/CCP4 (``.mrc``, ``.map``, gzip or bzip2 of either). Uncompressed ones are
memory-mapped, so opening them reads little more than their headers.
"""

from __future__ import annotations

import bz2
import gzip
import os
import threading
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import mrcfile.utils
import numpy as np
from numpy.typing import NDArray

from .errors import Cancelled, MapError, OutputError
from .writing import reason, written_whole

__all__ = ["SAME", "Header", "MapData", "Volume", "box_text", "checked_size", "read_map", "reason", "write_map"]

Volume = NDArray[Any]

SAME = 1e-3  # relative: voxel sizes closer than this are one size, rounded differently
CHUNK = 2**24  # bytes decompressed at a time

_HEADER_BYTES = 1024
_MODES = {0: "int8", 1: "int16", 2: "float32", 6: "uint16", 12: "float16"}
_COMPLEX_MODES = (3, 4)
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}


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
    warnings : tuple of str
        What is odd about the header.
    """

    data: Volume
    voxel_size: float
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)
    labels: tuple[str, ...] = ()
    name: str = ""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<MapData {self.name or 'array'}, box {box_text(self.data)}, {self.voxel_size:g} Å>"


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
    <MapData ...a.mrc, box 6 x 5 x 4, 1.2 Å>
    """
    header = Header.of(path)
    size = header.voxel_size() if voxel_size is None else checked_size(voxel_size)
    return header.map_data(header.voxels(), size)


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
    """Write a volume as MRC, whole or not at all.

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
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; allow overwriting or choose another name.")
    compression = {".gz": "gzip", ".bz2": "bzip2"}.get(target.suffix)
    with written_whole(target) as part, mrcfile.new(part, compression=compression, overwrite=True) as mrc:
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
    if volume.dtype.name not in _MODES.values():
        volume = volume.astype(np.float32)
    if not np.isfinite(volume).all():
        raise OutputError(f"The volume for {target} holds NaN or infinite voxels; replace them before writing.")
    return volume


# --- headers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself, checked; no voxel has been read."""

    path: Path
    fields: Any
    opener: Any | None  # of a compressed file
    order: tuple[int, int, int]  # file's array axes that hold z, y, x
    shape: tuple[int, ...]

    @classmethod
    def of(cls, source: str | os.PathLike[str]) -> Header:
        """Read and check a file's header.

        Parameters
        ----------
        source : path
            MRC file, also compressed.

        Returns
        -------
        Header
            Of one real volume.

        Raises
        ------
        MapError
            When it is none.
        """
        path = Path(source)
        if not path.exists():
            raise MapError(f"There is no file {path}; check the path.")
        if path.is_dir():
            raise MapError(f"{path} is a folder, not a map; give the MRC file in it.")
        try:
            with open(path, "rb") as stream:
                start = stream.read(212)
            opener = None if start[208:211] == b"MAP" else _OPENERS.get(start[:2])
            with warnings.catch_warnings():
                # Permissive, since old files carry odd machine stamps; what matters is checked below.
                warnings.simplefilter("ignore")
                with mrcfile.open(path, permissive=True, header_only=True) as mrc:
                    fields = mrc.header.copy()
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile) or error.errno is None:
                raise MapError(f"{path} is a damaged compressed file; copy it again.") from error
            raise MapError(f"Can't read {path}: {reason(error)}.") from error
        except (EOFError, zlib.error) as error:
            raise MapError(f"{path} is truncated: its compressed data end early; copy it again.") from error
        except ValueError as error:
            raise MapError(f"{path} is not an MRC file; give a map in MRC or CCP4 format.") from error
        if bytes(fields.map)[:3] != b"MAP":
            raise MapError(f"{path} is not an MRC file; give a map in MRC or CCP4 format.")
        return cls(path, fields, opener, _axis_order(path, fields), _shape(path, fields))

    def lengths(self) -> tuple[float, float, float]:
        """Voxel sizes along x, y, z in Å as the header has them; 0 where it has none."""
        cell, grid = self.fields.cella, (self.fields.mx, self.fields.my, self.fields.mz)
        pairs = zip((cell.x, cell.y, cell.z), grid, strict=True)
        x, y, z = (float(c) / int(m) if c > 0 and m > 0 and np.isfinite(c) else 0.0 for c, m in pairs)
        return x, y, z

    def voxel_size(self) -> float:
        """The size of cubic voxels.

        Returns
        -------
        float
            Å.

        Raises
        ------
        MapError
            When the header has none, or the voxels are no cubes.
        """
        sizes = self.lengths()
        if min(sizes) <= 0:
            raise MapError(f"{self.path} has no voxel size in its header; pass it in Å (voxel_size, --voxel-size).")
        if max(sizes) > min(sizes) * (1 + SAME):
            raise MapError(
                f"{self.path} has voxels of {sizes[0]:.5g} x {sizes[1]:.5g} x {sizes[2]:.5g} Å, "
                "but they must be cubic; resample the map, or pass the right size in Å (voxel_size, --voxel-size)."
            )
        # Headers hold lengths in single precision: 1.31 comes back as 1.3100000396
        return float(np.format_float_positional(np.float32(sum(sizes) / 3), precision=6, fractional=False))

    def voxels(self, cancel: threading.Event | None = None) -> Volume:
        """The data, (z, y, x); a lazy view of the file where it isn't compressed.

        Parameters
        ----------
        cancel : threading.Event, optional
            Set it to stop decompressing.

        Returns
        -------
        ndarray, shape (nz, ny, nx)
            In the file's own number type.

        Raises
        ------
        MapError
            When the file is truncated or damaged.
        Cancelled
            When `cancel` was set.
        """
        dtype = mrcfile.utils.data_dtype_from_header(self.fields)
        offset = _HEADER_BYTES + int(self.fields.nsymbt)
        needed = int(np.prod(self.shape, dtype=np.int64)) * dtype.itemsize
        if self.opener is not None:
            raw: Volume = self._decompress(dtype, offset, needed, cancel)
        else:
            held = self.path.stat().st_size - offset
            if held < needed:
                raise MapError(
                    f"{self.path} is truncated: its header promises {needed} bytes of voxels, "
                    f"the file holds {max(held, 0)}; copy it again."
                )
            raw = np.memmap(self.path, dtype=dtype, mode="r", offset=offset, shape=self.shape)
        return raw.reshape(self.shape[-3:]).transpose(self.order)

    def _decompress(self, dtype: np.dtype[Any], offset: int, needed: int, cancel: threading.Event | None) -> Volume:
        data = np.empty(self.shape, dtype=dtype)
        target, done = data.reshape(-1).view(np.uint8).data, 0
        assert self.opener is not None
        try:
            with self.opener(self.path, "rb") as stream:
                stream.read(offset)
                while done < needed and (got := stream.readinto(target[done : done + CHUNK])):
                    done += got
                    Cancelled.if_set(cancel)
                while done == needed and stream.read(CHUNK):  # to the end, where the checksum is
                    pass
        except (OSError, EOFError, zlib.error) as error:
            raise MapError(f"{self.path} is truncated or damaged: it can't be decompressed; copy it again.") from error
        if done < needed:
            raise MapError(
                f"{self.path} is truncated: its header promises {needed} bytes of voxels, "
                f"the file holds {done}; copy it again."
            )
        data.flags.writeable = False
        return data

    def map_data(self, data: Volume, voxel_size: float) -> MapData:
        """Voxels and header put together.

        Parameters
        ----------
        data : ndarray, shape (nz, ny, nx)
            From `voxels`.
        voxel_size : float
            Å.

        Returns
        -------
        MapData
            With what is odd about the header.
        """
        found = []
        if self.lengths() == (1.0, 1.0, 1.0) and voxel_size == 1.0:
            found.append(
                f"{self.path} has a voxel size of exactly 1 Å in its header, which often means unset: "
                "see that it is right, or pass the right one."
            )
        origin, held = self.fields.origin, self.fields.label[: max(int(self.fields.nlabl), 0)]
        start = (int(self.fields.nxstart), int(self.fields.nystart), int(self.fields.nzstart))
        by_axis = dict(zip((int(self.fields.mapc), int(self.fields.mapr), int(self.fields.maps)), start, strict=True))
        return MapData(
            data=data,
            voxel_size=voxel_size,
            origin=(float(origin.x), float(origin.y), float(origin.z)),
            start=(by_axis[1], by_axis[2], by_axis[3]) if set(by_axis) == {1, 2, 3} else start,
            labels=tuple(text.decode("ascii", "replace").strip() for text in held.tolist()),
            name=str(self.path),
            warnings=tuple(found),
        )


def _axis_order(path: Path, fields: Any) -> tuple[int, int, int]:
    """Which array axis (0: sections, 1: rows, 2: columns) holds z, y and x."""
    stored = (int(fields.maps), int(fields.mapr), int(fields.mapc))
    if stored == (0, 0, 0):  # old programs leave it unset
        return 0, 1, 2
    if sorted(stored) != [1, 2, 3]:
        raise MapError(
            f"{path} has the axis order {stored[::-1]} in its header, but it must be 1, 2, 3 in some order; "
            "export the map again."
        )
    return stored.index(3), stored.index(2), stored.index(1)


def _shape(path: Path, fields: Any) -> tuple[int, ...]:
    """The array's shape in the file; only one volume of a real mode passes."""
    nx, ny, nz, mz, mode = (int(v) for v in (fields.nx, fields.ny, fields.nz, fields.mz, fields.mode))
    if mode in _COMPLEX_MODES:
        raise MapError(f"{path} holds complex numbers (mode {mode}); give the half map itself, not its transform.")
    if mode not in _MODES:
        known = ", ".join(map(str, _MODES))
        raise MapError(f"{path} has mode {mode}, but a map has one of {known}; convert it to mode 2.")
    if min(nx, ny, nz) < 1:
        raise MapError(f"{path} has a box of {nx} x {ny} x {nz} voxels in its header; it is damaged, export it again.")
    if nz == 1:
        raise MapError(f"{path} holds one 2-D image of {nx} x {ny} pixels, not a volume; give a half map.")
    if int(fields.ispg) == 0 and mz == 1:
        raise MapError(f"{path} holds a stack of {nz} images of {nx} x {ny} pixels, not a volume; give a half map.")
    if mrcfile.utils.spacegroup_is_volume_stack(int(fields.ispg)):
        if mz < 1 or nz // mz != 1:
            raise MapError(f"{path} holds a stack of volumes ({nz} sections of {mz}); give one half map a file.")
        return mz, ny, nx
    return nz, ny, nx


def box_text(data: Volume) -> str:
    """The box as people write it, x first.

    Parameters
    ----------
    data : ndarray, shape (nz, ny, nx)
        A volume.

    Returns
    -------
    str
        Like '64 x 64 x 60'.

    Examples
    --------
    >>> box_text(np.zeros((2, 3, 4)))
    '4 x 3 x 2'
    """
    return " x ".join(str(n) for n in reversed(data.shape))


def checked_size(voxel_size: float) -> float:
    """A voxel size that is one.

    Parameters
    ----------
    voxel_size : float
        Å.

    Returns
    -------
    float
        The same.

    Raises
    ------
    MapError
        When it isn't positive and finite.

    Examples
    --------
    >>> checked_size(1.2)
    1.2
    """
    if not (np.isfinite(voxel_size) and voxel_size > 0):
        raise MapError(f"The voxel size is {voxel_size:g} Å, but it must be a positive number.")
    return float(voxel_size)
