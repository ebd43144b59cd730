"""Half maps and mask of an EMDB entry, fetched once and kept in a cache.

The cache is the folder of the environment variable CRYOANISO_CACHE, or one in the user's cache.
A site with a mirror of its own names it in CRYOANISO_EMDB_API and CRYOANISO_EMDB_FILES (several
addresses with spaces between).
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mrcfile.utils
import numpy as np

from ..engine.execution import LOCAL, Execution
from ..errors import MapError
from ..results.cautions import Caution
from .download import Limits, NotThereError, fetch_file, silence_of
from .emdb_cache import cache_folder, known_record, read_record
from .emdb_record import EmdbEntry, entry_number, parse_entry
from .half_maps import HalfMaps, open_half_maps
from .mask_choice import MaskSource
from .mrc_header import CHUNK, Header

__all__ = [
    "API",
    "FILES",
    "EmdbFiles",
    "NoEntryError",
    "NoHalfMapsError",
    "emdb_silence",
    "fetch_emdb",
    "fitting_mask",
    "open_emdb",
]

API = "https://www.ebi.ac.uk/emdb/api/entry"
FILES = ("https://files.wwpdb.org/pub/emdb/structures", "https://ftp.ebi.ac.uk/pub/databases/emdb/structures")

RECORD_LIMITS = Limits(largest=64 * 10**6)
MAP_LIMITS = Limits(largest=64 * 10**9)
PATIENCE = 5.0  # seconds to find out whether EMDB answers at all
ASK_AGAIN = 86_400.0  # seconds until an entry that had no half maps is asked for again


class NoEntryError(MapError):
    """EMDB has no such entry."""


class NoHalfMapsError(MapError):
    """An entry has no half maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmdbFiles:
    """An entry's files on this machine.

    Attributes
    ----------
    entry : EmdbEntry
        What EMDB says of it.
    half1, half2 : Path
        The half maps.
    mask : Path or None
        The first mask, if one was deposited.
    fetched : tuple of Path
        Those of them that were not in the cache before.
    """

    entry: EmdbEntry
    half1: Path
    half2: Path
    mask: Path | None = None
    fetched: tuple[Path, ...] = ()


def fetch_emdb(
    entry: str | int,
    *,
    cache: str | os.PathLike[str] | None = None,
    api: str | None = None,
    files: str | Sequence[str] | None = None,
    execution: Execution = LOCAL,
) -> EmdbFiles:
    """Download half maps and mask of an entry, unless they are in the cache.

    Files are checked to their end before they count; a transfer that was cut goes on.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    cache : path, optional
        Folder to keep them in; by default that of the environment variable CRYOANISO_CACHE,
        or the user's cache.
    api : str, optional
        Where EMDB answers; by default that of CRYOANISO_EMDB_API, or EMDB itself.
    files : str or sequence of str, optional
        Where its files lie, the preferred place first; by default those of
        CRYOANISO_EMDB_FILES, or the wwPDB and EMBL-EBI.
    execution : Execution
        What hears of progress (file name, bytes done, bytes in all), and what stops it.

    Returns
    -------
    EmdbFiles
        Paths and metadata.

    Raises
    ------
    MapError
        When the code is wrong, EMDB can't be reached, or the entry has no half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> fetch_emdb("EMD-12")
    Traceback (most recent call last):
    cryoaniso_nb.errors.MapError: 'EMD-12' is not an EMDB code; give one of 4 or 5 digits, like EMD-8731.
    """
    number = entry_number(entry)
    folder = cache_folder(cache) / f"EMD-{number:04d}"
    record = _record(number, folder, api, execution)
    if len(record.half_maps) < 2:
        raise NoHalfMapsError(
            f"{record.name} has no half maps in EMDB; ask its authors for them, or choose another entry."
        )
    places = _places(files)
    fetched: list[Path] = []

    def fetch(kind: str, name: str) -> Path:
        target = folder / name
        if not target.is_file():
            fetch_file(
                [f"{place}/{record.name}/{kind}/{name}" for place in places],
                target,
                what=f"{name} of {record.name}",
                limits=MAP_LIMITS,
                check=_check_map,
                execution=execution,
            )
            fetched.append(target)
        return target

    first, second = (fetch("other", name) for name in record.half_maps[:2])
    mask = fetch("masks", record.masks[0]) if record.masks else None
    return EmdbFiles(entry=record, half1=first, half2=second, mask=mask, fetched=tuple(fetched))


def open_emdb(
    entry: str | int,
    *,
    mask: MaskSource | None = "deposited",
    voxel_size: float | None = None,
    cache: str | os.PathLike[str] | None = None,
    api: str | None = None,
    files: str | Sequence[str] | None = None,
    execution: Execution = LOCAL,
) -> HalfMaps:
    """Half maps of an EMDB entry with its mask, ready to analyze.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    mask : 'deposited', path, ndarray, AtomicModel, 'auto' or None
        The entry's own mask where it has one on the half maps' box, another one as
        `open_half_maps` takes it, or none.
    voxel_size : float, optional
        Å; overrides headers.
    cache, api, files
        As `fetch_emdb` takes them.
    execution : Execution
        What hears of progress, and what stops it.

    Returns
    -------
    HalfMaps
        Without a mask where none was deposited.

    Raises
    ------
    MapError
        As `fetch_emdb` and `open_half_maps`.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> open_emdb("8731a")
    Traceback (most recent call last):
    cryoaniso_nb.errors.MapError: '8731a' is not an EMDB code; give one of 4 or 5 digits, like EMD-8731.
    """
    options: dict[str, Any] = {"cache": cache, "api": api, "files": files, "execution": execution}
    found = fetch_emdb(entry, **options)
    try:
        return _opened(found, mask, voxel_size, execution)
    except MapError:
        damaged = [path for path in (found.half1, found.half2, found.mask) if path is not None and not _is_whole(path)]
        if not damaged:
            raise
    for path in damaged:  # spoiled since it was fetched
        path.unlink(missing_ok=True)
    return _opened(fetch_emdb(entry, **options), mask, voxel_size, execution)


def _opened(found: EmdbFiles, mask: MaskSource | None, voxel_size: float | None, execution: Execution) -> HalfMaps:
    notes: tuple[Caution, ...] = ()
    if isinstance(mask, str) and mask == "deposited":
        mask, notes = fitting_mask(found)
    maps = open_half_maps(found.half1, found.half2, mask=mask, voxel_size=voxel_size, execution=execution)
    return replace(maps, warnings=(*maps.warnings, *notes))


def fitting_mask(found: EmdbFiles) -> tuple[Path | None, tuple[Caution, ...]]:
    """The entry's mask if it lies on the half maps' box, and what is to be said.

    Parameters
    ----------
    found : EmdbFiles
        From `fetch_emdb`.

    Returns
    -------
    tuple
        The mask or None, and sentences.

    Raises
    ------
    MapError
        When a header can't be read.
    """
    if found.mask is None or Header.of(found.mask).shape == Header.of(found.half1).shape:
        return found.mask, ()
    text = f"The mask of {found.entry.name} has another box than its half maps, so it isn't used."
    return None, (Caution("mask-unused", text),)


# --- what is fetched ---------------------------------------------------------------------


def _places(files: str | Sequence[str] | None) -> list[str]:
    given = files if files is not None else os.environ.get("CRYOANISO_EMDB_FILES", "").split() or FILES
    return [place.rstrip("/") for place in ([given] if isinstance(given, str) else given)]


def _address(name: str, api: str | None) -> str:
    base = api or os.environ.get("CRYOANISO_EMDB_API") or API
    return f"{base.rstrip('/')}/{name}"


def emdb_silence(api: str | None = None, seconds: float = PATIENCE) -> str:
    """Why EMDB can't be asked, found out within a few seconds.

    Parameters
    ----------
    api : str, optional
        As `fetch_emdb` takes it.
    seconds : float
        How long to wait.

    Returns
    -------
    str
        A clause, or '' when it answers.

    Examples
    --------
    >>> emdb_silence("ftp://a.org")
    "EMDB (a.org) can't be reached (is asked by ftp, which isn't followed)"
    """
    url = _address("EMD-8731", api)
    why = silence_of(url, seconds)
    return f"EMDB ({urlsplit(url).netloc}) can't be reached ({why})" if why else ""


def _record(number: int, folder: Path, api: str | None, execution: Execution) -> EmdbEntry:
    name = f"EMD-{number:04d}"
    path = folder / f"{name}.json"
    known = known_record(number, path)
    if known is not None:
        if len(known.half_maps) > 1 or time.time() - path.stat().st_mtime < ASK_AGAIN:
            return known
        path.unlink()  # half maps may have been deposited since
    try:
        fetch_file(
            [_address(name, api)],
            path,
            what=f"EMDB's record of {name}",
            limits=RECORD_LIMITS,
            check=_check_record,
            execution=execution,
        )
    except NotThereError as error:
        raise NoEntryError(f"EMDB has no entry {name}; check the code.") from error
    return parse_entry(number, read_record(path))


def _check_record(path: Path) -> None:
    read_record(path)


def _check_map(path: Path) -> None:
    """Read a map to its end, where the checksum of compressed data is, without keeping it."""
    header = Header.of(path)
    if header.opener is None:
        header.voxels()
        return
    voxel = mrcfile.utils.data_dtype_from_header(header.fields).itemsize
    expected = 1024 + int(header.fields.nsymbt) + int(np.prod(header.shape, dtype=np.int64)) * voxel
    done = 0
    try:
        with header.opener(path, "rb") as stream:
            while done <= expected + CHUNK and (data := stream.read(CHUNK)):
                done += len(data)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise MapError(f"{path} can't be decompressed; fetch it again.") from error
    if not expected <= done <= expected + CHUNK:
        raise MapError(f"{path} holds {done} bytes, but its header promises {expected}; fetch it again.")


def _is_whole(path: Path) -> bool:
    try:
        _check_map(path)
    except MapError:
        return False
    return True
