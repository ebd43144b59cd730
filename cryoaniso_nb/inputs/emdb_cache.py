"""What is kept of EMDB on this machine: a folder an entry, with its record and files."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MapError
from ..results.fence import inside
from ..results.system import reason
from .download import PART, TAG
from .emdb_record import EmdbEntry, entry_number, parse_entry

__all__ = [
    "CachedEntry",
    "cache_folder",
    "cached_entries",
    "forget_entry",
    "forget_passing",
    "known_record",
    "mark_passing",
    "read_record",
]

PASSING = ".passing"  # file beside an entry's others that are only there for a while

_FOLDER = re.compile(r"EMD-\d{4,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedEntry:
    """What the cache holds of an entry.

    Attributes
    ----------
    number : int
        N of EMD-N.
    title : str
        As EMDB has it; '' where that isn't known.
    size : int
        Bytes.
    is_whole : bool
        Whether nothing is missing or still coming.
    """

    number: int
    title: str
    size: int
    is_whole: bool


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Where entries are kept.

    Parameters
    ----------
    cache : path, optional
        A folder given for this once.

    Returns
    -------
    Path
        It, else that of CRYOANISO_CACHE, else one in the user's cache.

    Examples
    --------
    >>> cache_folder("here").name
    'here'
    """
    import platformdirs

    return inside(cache or os.environ.get("CRYOANISO_CACHE") or platformdirs.user_cache_dir("cryoaniso_nb"))


def cached_entries(cache: str | os.PathLike[str] | None = None) -> tuple[CachedEntry, ...]:
    """What the cache holds.

    Parameters
    ----------
    cache : path, optional
        Its folder, if not the usual one.

    Returns
    -------
    tuple of CachedEntry
        By number.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cached_entries(folder)
    ()
    """
    place = cache_folder(cache)
    folders = [path for path in place.iterdir() if _FOLDER.fullmatch(path.name)] if place.is_dir() else []
    found = []
    for folder in folders:
        if folder.is_symlink() or not folder.is_dir():
            continue
        number, files = entry_number(folder.name), _files_in(folder)
        record = known_record(number, folder / f"{folder.name}.json")
        names = {path.name for path in files}
        wanted = {*record.half_maps[:2], *record.masks[:1]} if record is not None else {""}
        found.append(
            CachedEntry(
                number=number,
                title=record.title if record is not None else "",
                size=sum(path.stat().st_size for path in files),
                is_whole=wanted <= names and not any(name.endswith(PART) for name in names),
            )
        )
    return tuple(sorted(found, key=lambda entry: entry.number))


def forget_entry(entry: str | int, *, cache: str | os.PathLike[str] | None = None) -> int:
    """Delete what the cache holds of an entry.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    cache : path, optional
        Its folder, if not the usual one.

    Returns
    -------
    int
        Bytes freed.

    Raises
    ------
    MapError
        When the code is wrong, or the files can't be deleted.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     forget_entry("EMD-8731", cache=folder)
    0
    """
    folder = cache_folder(cache) / f"EMD-{entry_number(entry):04d}"
    if folder.is_symlink() or not folder.is_dir():
        return 0
    freed = 0
    try:
        for path in _files_in(folder):
            freed += path.stat().st_size
            path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise MapError(f"Can't delete {folder}: {reason(error)}; delete it by hand.") from error
    return freed


def mark_passing(entry: str | int, *, cache: str | os.PathLike[str] | None = None) -> None:
    """Note that what will be fetched of an entry is for a while only; one that is there already stays.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    cache : path, optional
        Its folder, if not the usual one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mark_passing("EMD-8731", cache=folder)
    ...     [path.name for path in Path(folder, "EMD-8731").iterdir()]
    ['.passing']
    """
    folder = cache_folder(cache) / f"EMD-{entry_number(entry):04d}"
    with contextlib.suppress(OSError):  # fetching will say why
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            (folder / PASSING).touch()


def forget_passing(entry: str | int, *, cache: str | os.PathLike[str] | None = None, whole: bool = False) -> int:
    """Delete what the cache holds of an entry, if it was to be there for a while only.

    The note outlives a run that was killed, so that the next one tidies up after it.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    cache : path, optional
        Its folder, if not the usual one.
    whole : bool
        Only where no transfer was cut, so that one can go on.

    Returns
    -------
    int
        Bytes freed.

    Raises
    ------
    MapError
        When the files can't be deleted.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mark_passing("EMD-8731", cache=folder)
    ...     forget_passing("EMD-8731", cache=folder), list(Path(folder).iterdir())
    (0, [])
    """
    folder = cache_folder(cache) / f"EMD-{entry_number(entry):04d}"
    if not (folder / PASSING).is_file() or (whole and any(folder.glob(f"*{PART}"))):
        return 0
    return forget_entry(entry, cache=cache)


def _files_in(folder: Path) -> list[Path]:
    """An entry's plain files: its record, maps, and what is still coming."""
    known = (".json", ".map", ".mrc", ".gz", ".bz2", PART, TAG, PASSING)
    return [path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and path.name.endswith(known)]


# --- records -----------------------------------------------------------------------------


def known_record(number: int, path: Path) -> EmdbEntry | None:
    """The record in the cache; one that has been spoiled is deleted.

    Parameters
    ----------
    number : int
        N of EMD-N.
    path : Path
        Its file.

    Returns
    -------
    EmdbEntry or None
        None where there is none.

    Examples
    --------
    >>> known_record(8731, Path("nowhere")) is None
    True
    """
    if not path.is_file():
        return None
    try:
        return parse_entry(number, read_record(path))
    except MapError:
        path.unlink(missing_ok=True)
        return None


def read_record(path: Path) -> Mapping[str, Any]:
    """Decode EMDB's JSON of an entry.

    Parameters
    ----------
    path : Path
        Its file.

    Returns
    -------
    mapping
        Not empty.

    Raises
    ------
    MapError
        When it can't be read or holds something else.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.json")
    ...     _ = path.write_text('{"emdb_id": "EMD-8731"}')
    ...     dict(read_record(path))
    {'emdb_id': 'EMD-8731'}
    """
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MapError(f"{path} can't be read; delete it.") from error
    if not isinstance(data, Mapping) or not data:
        raise MapError(f"{path} holds no record of EMDB; delete it.")
    return data
