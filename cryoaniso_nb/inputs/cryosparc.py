"""Columns of cryoSPARC .cs files: numpy's format, and the compressed stream of newer versions.

The stream starts with the bytes 95 'CSDAT', a little-endian 32-bit length and a JSON header
(`length`, `dtype`, `compression`, `compressed_fields`); each column follows as a 32-bit length
and its bytes, which are one LZ4 block where the header says so; strings come last.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import PosesError
from ..results.fence import inside

__all__ = ["Columns", "read_columns"]

_NUMPY, _STREAM = b"\x93NUMPY", b"\x95CSDAT"


@dataclass(frozen=True, slots=True)
class Columns:
    """Some columns of a .cs file.

    Attributes
    ----------
    names : tuple of str
        All columns of the file.
    values : dict
        Name -> array, of the columns asked for that are present.
    """

    names: tuple[str, ...]
    values: dict[str, NDArray[Any]]


def read_columns(path: Path, wanted: tuple[str, ...]) -> Columns:
    """Read some columns of a .cs file.

    Parameters
    ----------
    path : Path
        An existing file.
    wanted : tuple of str
        Names such as 'alignments3D/pose'; absent ones are passed over.

    Returns
    -------
    Columns
        The columns found, and the names of all.

    Raises
    ------
    PosesError
        When the file is damaged or no .cs file, or when its compression needs the package lz4.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "p.cs"
    ...     with path.open("wb") as file:
    ...         np.save(file, np.zeros(2, dtype=[("uid", "<u8"), ("a/b", "<f4", (3,))]))
    ...     read_columns(path, ("a/b",)).values["a/b"].shape
    (2, 3)
    """
    inside(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(_NUMPY))
            if start == _STREAM:
                return _read_stream(file, path.name, wanted)
            if start != _NUMPY:
                raise PosesError(
                    f"{path.name} doesn't begin like a cryoSPARC .cs file; is it damaged, or another file renamed?"
                )
            file.seek(0)
            table = np.load(file, allow_pickle=False)
    except PosesError:
        raise
    except (OSError, ValueError, EOFError, KeyError, TypeError, struct.error) as error:
        raise PosesError(f"{path.name} can't be read as a cryoSPARC .cs file; is it damaged or cut off?") from error
    names = table.dtype.names or ()
    return Columns(names, {name: table[name] for name in wanted if name in names})


def _read_stream(file: BinaryIO, source: str, wanted: tuple[str, ...]) -> Columns:
    header = json.loads(_exactly(file, _length(file)))
    rows, packed = int(header["length"]), set(header["compressed_fields"])
    values = {}
    for name, kind, *shape in header["dtype"] if rows else ():
        size = _length(file)
        if name not in wanted:
            file.seek(size, 1)
            continue
        dtype = np.dtype((kind, tuple(shape[0]))) if shape else np.dtype(kind)
        if dtype.hasobject:
            raise PosesError(f"Column {name} of {source} holds text where numbers are expected.")
        data = _exactly(file, size)
        raw = _unpacked(data, rows * dtype.itemsize, source) if name in packed else data
        values[name] = np.frombuffer(raw, dtype=dtype.base).reshape((rows, *dtype.shape))
    return Columns(tuple(field[0] for field in header["dtype"]), values)


def _length(file: BinaryIO) -> int:
    return int(struct.unpack("<I", file.read(4))[0])


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _unpacked(data: bytes, size: int, source: str) -> bytes:
    try:
        import lz4.block  # type: ignore[import-untyped]
    except ImportError as error:
        raise PosesError(
            f"{source} is in cryoSPARC's compressed format, which needs the package lz4; install cryoaniso_nb[poses]."
        ) from error
    try:
        return bytes(lz4.block.decompress(data, uncompressed_size=size))
    except lz4.block.LZ4BlockError as error:
        raise ValueError(str(error)) from error
