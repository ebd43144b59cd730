"""Headers of MRC files, and their voxels, memory-mapped or decompressed.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import mrcfile
import mrcfile.utils
import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, MapError
from ..geometry.shells import box_text
from ..results.fence import inside
from ..results.system import reason

__all__ = ["MODES", "SAME", "Header", "Volume", "capital", "checked_size"]

Volume = NDArray[Any]

SAME = 1e-3  # relative: voxel sizes closer than this are one size, rounded differently
CHUNK = 2**24  # bytes decompressed at a time
MOST_COMPRESSED = 1100  # times smaller a file can become with gzip
MODES = {0: "int8", 1: "int16", 2: "float32", 6: "uint16", 12: "float16"}

_HEADER_BYTES = 1024
_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
_COMPLEX_MODES = (3, 4)
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}


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
        path = inside(source)
        if not path.exists():
            raise MapError(f"There is no file {path}; check the path.")
        if path.is_dir():
            raise MapError(f"{path} is a folder, not a map; give the MRC file in it.")
        if not path.is_file():
            raise MapError(f"{path} is a pipe or a device, not a map; give a file.")
        try:
            with open(path, "rb") as stream:
                start = stream.read(212)
            opener: Any = None if start[208:211] == b"MAP" else _OPENERS.get(start[:2])
            if opener is not None:
                with opener(path, "rb") as stream:
                    start = stream.read(212)
            if start[208:211] != b"MAP":
                raise ValueError
            _refuse_long_header(path, start, path.stat().st_size * (1 if opener is None else MOST_COMPRESSED))
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
        except MapError:
            raise
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
                f"{self.path} has voxels of {sizes[2]:.5g} x {sizes[1]:.5g} x {sizes[0]:.5g} Å (z, y, x), "
                "but they must be cubic; resample the map, or pass the right size in Å (voxel_size, --voxel-size)."
            )
        # Headers hold lengths in single precision: 1.31 comes back as 1.3100000396
        return float(np.format_float_positional(np.float32(sum(sizes) / 3), precision=6, fractional=False))

    def extra_bytes(self) -> int:
        """Bytes of the file after the last voxel.

        Returns
        -------
        int
            0 where the file is compressed: its length isn't known before it is read.
        """
        return 0 if self.opener is not None else max(0, self.path.stat().st_size - sum(self._extent()))

    def _extent(self) -> tuple[int, int]:
        """Bytes before the voxels, and of them."""
        size = mrcfile.utils.data_dtype_from_header(self.fields).itemsize
        return _HEADER_BYTES + int(self.fields.nsymbt), int(np.prod(self.shape, dtype=np.int64)) * int(size)

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
        offset, needed = self._extent()
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


def _refuse_long_header(path: Path, start: bytes, held: int) -> None:
    """Before mrcfile reads an extended header: hold its length, in either byte order, against the file."""
    declared = min(int.from_bytes(start[92:96], order) for order in _ORDERS)
    if declared > held:
        raise MapError(
            f"{path} is truncated: its header promises an extended header of {declared} bytes, "
            f"the file can't hold more than {held}; copy it again."
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
    if mode not in MODES:
        known = ", ".join(map(str, MODES))
        raise MapError(f"{path} has mode {mode}, but a map has one of {known}; convert it to mode 2.")
    if min(nx, ny, nz) < 1:
        raise MapError(f"{path} has a box of {box_text((nz, ny, nx))} in its header; it is damaged, export it again.")
    if nz == 1:
        raise MapError(f"{path} holds one 2-D image of {ny} x {nx} pixels (y, x), not a volume; give a half map.")
    if int(fields.ispg) == 0 and mz == 1:
        raise MapError(
            f"{path} holds a stack of {nz} images of {ny} x {nx} pixels (y, x), not a volume; give a half map."
        )
    if mrcfile.utils.spacegroup_is_volume_stack(int(fields.ispg)):
        if mz < 1 or nz // mz != 1:
            raise MapError(f"{path} holds a stack of volumes ({nz} sections of {mz}); give one half map per file.")
        return mz, ny, nx
    return nz, ny, nx


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


def capital(name: str) -> str:
    """A name at the beginning of a sentence: "the ..." gets its capital, the name of a file stays.

    Parameters
    ----------
    name : str
        Of a file, or like 'the mask'.

    Returns
    -------
    str
        Its beginning mended.

    Examples
    --------
    >>> capital("the mask"), capital("mask.mrc")
    ('The mask', 'mask.mrc')
    """
    return name[:1].upper() + name[1:] if name.startswith("the ") else name
