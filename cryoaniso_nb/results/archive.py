"""One file, many arrays: a .npz with a JSON header, read without trusting it.

Nothing is allocated that the file itself doesn't hold, and nothing in it is ever executed.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ResultError
from .fence import inside
from .writing import written_file

__all__ = ["read_archive", "write_archive"]

_log = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]

HEADER = "header"
HEADER_BYTES = 2**22  # thousands of times what a header takes
ENTRIES = 2**12
KINDS = "biuf"  # bool, int, unsigned int, float


def write_archive(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    *,
    overwrite: bool = False,
) -> Path:
    """Write arrays and a header to one file, atomically.

    Parameters
    ----------
    path : path
        Where to write.
    header : mapping
        What JSON can hold, and NaN.
    arrays : mapping
        By name; of numbers or bool.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        When the file exists, or the folder can't be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_archive(write_archive(f"{folder}/a.npz", {"answer": 42}, {}))
    ({'answer': 42}, {})
    """
    encoded = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with written_file(path, overwrite=overwrite) as part, part.open("wb") as stream:
        np.savez(stream, **{HEADER: encoded}, **arrays)  # type: ignore[arg-type]
    _log.debug("%s: %d arrays written", path, len(arrays))
    return Path(path)


def read_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """Read back what `write_archive` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    tuple
        Header and arrays, which can't be written to.

    Raises
    ------
    ResultError
        When the file is missing, or isn't one of these in every respect.

    Examples
    --------
    >>> read_archive("nowhere.npz")
    Traceback (most recent call last):
    cryoaniso_nb.errors.ResultError: There is no result file nowhere.npz; check the path.
    """
    source = inside(path)
    if not source.is_file():
        raise ResultError(f"There is no result file {source}; check the path.")
    try:
        with source.open("rb") as stream, zipfile.ZipFile(stream) as stored:
            arrays = _arrays(stored)
        header = json.loads(arrays.pop(HEADER).tobytes().decode())
        if not isinstance(header, dict):
            raise TypeError("the header is no mapping")
    except PermissionError as error:
        raise ResultError(f"{source} can't be read: permission denied; ask its owner.") from error
    except Exception as error:  # zipfile, numpy and json raise a dozen kinds for files that aren't what they seem
        raise ResultError(
            f"{source} is not a result file of cryoaniso_nb (or it is damaged); analyze the maps again."
        ) from error
    _log.debug("%s: %d arrays read", source, len(arrays))
    return header, arrays


def _arrays(stored: zipfile.ZipFile) -> Arrays:
    """Every array of a file; what is written here is never compressed, so there is no more in it than its size."""
    entries = stored.infolist()
    if len(entries) > ENTRIES or len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("too many entries, or two of one name")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("a compressed entry")
    arrays: Arrays = {}
    for entry in entries:
        name = entry.filename.removesuffix(".npy")
        if name == HEADER and entry.file_size > HEADER_BYTES:
            raise ValueError("a header beyond all measure")
        with stored.open(entry) as stream:
            arrays[name] = _array(stream)
    return arrays


def _array(stream: IO[bytes]) -> NDArray[Any]:
    """An array in the .npy format that NumPy writes for plain numbers."""
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of the .npy format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in KINDS or dtype.subdtype is not None or any(n < 0 for n in shape):
        raise ValueError("no plain numbers")
    values = np.frombuffer(stream.read(), dtype=dtype)  # of immutable bytes: read-only for good
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
