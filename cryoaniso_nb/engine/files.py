"""Volumes that lie in files: where, so that a worker reads its own slabs, and how their pages are let go."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MapError

__all__ = ["FileVolume", "file_of", "forget", "held_bytes"]

HEADER_BYTES = 2**16  # looked at, of headers longer than that
FORGET_BYTES = 2**29  # smaller volumes may stay in memory: faulting their pages in again would cost more


@dataclass(frozen=True, slots=True)
class FileVolume:
    """An uncompressed volume in a file that other processes may see too.

    Attributes
    ----------
    path : str
        Absolute.
    offset : int
        Bytes before the first voxel.
    dtype : str
        Of the voxels, with its byte order.
    shape : tuple of int
        Voxels along (z, y, x), x fastest.
    size : int
        Bytes of the whole file.
    header : str
        SHA-256 of what comes before the voxels, as far as `HEADER_BYTES`.
    """

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    size: int
    header: str

    def is_here(self) -> bool:
        """Whether this process sees the same file under this path.

        Returns
        -------
        bool
            By its size and header.
        """
        try:
            return os.stat(self.path).st_size == self.size and _header(self.path, self.offset) == self.header
        except OSError:
            return False

    def open(self) -> NDArray[Any]:
        """The volume, mapped.

        Returns
        -------
        ndarray, shape (nz, ny, nx)
            In the file's own number type.

        Raises
        ------
        MapError
            When the file isn't the one that was meant.
        """
        if not self.is_here():
            raise MapError(f"A worker doesn't find {self.path} as it was; keep the file in place while it is read.")
        return np.memmap(self.path, np.dtype(self.dtype), "r", self.offset, self.shape)


def _header(path: str, offset: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read(min(offset, HEADER_BYTES))).hexdigest()


def file_of(volume: NDArray[Any]) -> FileVolume | None:
    """Where a memory-mapped volume lies.

    Parameters
    ----------
    volume : ndarray, shape (nz, ny, nx)
        Any array.

    Returns
    -------
    FileVolume or None
        None for arrays in memory, and for views that aren't the file's own order of voxels.

    Examples
    --------
    >>> file_of(np.zeros((2, 2, 2))) is None
    True
    """
    mapped = _mapped(volume)
    if mapped is None or mapped.filename is None or not volume.flags.c_contiguous:
        return None
    path = os.path.abspath(mapped.filename)
    offset = int(mapped.offset) + volume.ctypes.data - mapped.ctypes.data
    try:
        return FileVolume(path, offset, volume.dtype.str, volume.shape, os.stat(path).st_size, _header(path, offset))
    except OSError:  # gone since it was mapped
        return None


def held_bytes(volumes: Iterable[NDArray[Any] | None]) -> int:
    """What volumes take in memory; those of mapped files stay there until they are looked at.

    Parameters
    ----------
    volumes : iterable of ndarray or None
        Half maps and mask.

    Returns
    -------
    int
        Bytes.

    Examples
    --------
    >>> held_bytes([np.zeros((2, 2, 2)), None])
    64
    """
    return sum(volume.nbytes for volume in volumes if volume is not None and _mapped(volume) is None)


def _mapped(volume: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """The mapping that a volume is a view of."""
    base: Any = volume
    found = None
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and isinstance(base.base, mmap.mmap):
            found = base
        base = base.base
    return found


def forget(planes: NDArray[Any], whole: NDArray[Any]) -> None:
    """Let go of the pages that were read of a large mapped volume: the file still holds them.

    Parameters
    ----------
    planes : ndarray
        The part read, contiguous.
    whole : ndarray
        The volume that it is a part of.

    Examples
    --------
    >>> volume = np.zeros((2, 2, 2))
    >>> forget(volume[:1], volume)
    """
    mapped = _mapped(whole) if whole.nbytes >= FORGET_BYTES else None
    advise = getattr(mmap, "MADV_DONTNEED", None)
    if mapped is None or advise is None or not planes.flags.c_contiguous:
        return
    pages: Any = mapped.base  # begins at the page that holds the array's first byte
    first = planes.ctypes.data - mapped.ctypes.data + int(mapped.offset) % mmap.ALLOCATIONGRANULARITY
    start = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE
    stop = (first + planes.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if stop > start:
        pages.madvise(advise, start, stop - start)
