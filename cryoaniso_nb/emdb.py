"""Half maps, mask and metadata of an EMDB entry, downloaded once and kept in a cache."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import MapError
from .maps import HalfMaps, open_half_maps

__all__ = ["API", "FILES", "EmdbEntry", "EmdbFiles", "entry_number", "fetch_entry", "open_entry", "parse_entry"]

API = "https://www.ebi.ac.uk/emdb/api/entry"
FILES = "https://files.wwpdb.org/pub/emdb/structures"

Progress = Callable[[str, int, int], None]

_ID = re.compile(r"(?:emd[-_ ]?)?(\d{4,5})", re.IGNORECASE)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmdbEntry:
    """What EMDB says of an entry.

    Attributes
    ----------
    number : int
        N of EMD-N.
    title : str
        '' where there is none.
    half_maps : tuple of str
        Names of the half maps' files, sorted; empty where none were deposited.
    masks : tuple of str
        Names of the masks' files.
    voxel_size : float
        Å, NaN where not given.
    resolution : float
        Å, as deposited; NaN where not given.
    """

    number: int
    title: str = ""
    half_maps: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    voxel_size: float = math.nan
    resolution: float = math.nan

    @property
    def name(self) -> str:
        """The accession code, EMD-N."""
        return f"EMD-{self.number:04d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmdbFiles:
    """An entry's files on this machine.

    Attributes
    ----------
    entry : EmdbEntry
        What EMDB says of it.
    half1, half2 : path
        The half maps.
    mask : path or None
        The first mask, if one was deposited.
    """

    entry: EmdbEntry
    half1: Path
    half2: Path
    mask: Path | None = None


def entry_number(entry: str | int) -> int:
    """The number in an accession code.

    Parameters
    ----------
    entry : str or int
        'EMD-8731', 'emd_8731', '8731' or 8731.

    Returns
    -------
    int
        The number.

    Raises
    ------
    MapError
        For anything else.

    Examples
    --------
    >>> entry_number("EMD-8731")
    8731
    """
    found = _ID.fullmatch(f"{entry:04d}" if isinstance(entry, int) else str(entry).strip())
    if found is None:
        raise MapError(f"'{entry}' is not an EMDB code; give one of 4 or 5 digits, like EMD-8731.")
    return int(found.group(1))


def parse_entry(number: int, data: Mapping[str, Any]) -> EmdbEntry:
    """Read what EMDB's JSON holds of an entry; whatever is missing there stays empty.

    Parameters
    ----------
    number : int
        N of EMD-N.
    data : mapping
        The decoded JSON.

    Returns
    -------
    EmdbEntry
        Names of files and metadata.

    Raises
    ------
    MapError
        When a file's name isn't a plain one.

    Examples
    --------
    >>> halves = [{"file": f"emd_8731_half_map_{i}.map.gz"} for i in (1, 2)]
    >>> parse_entry(8731, {"interpretation": {"half_map_list": {"half_map": halves}}}).half_maps
    ('emd_8731_half_map_1.map.gz', 'emd_8731_half_map_2.map.gz')
    """
    title = _leaf(next(_walk(data, "admin", "title"), ""))
    return EmdbEntry(
        number=number,
        title=title if isinstance(title, str) else "",
        half_maps=tuple(sorted(_file_names(data, "half_map_list", "half_map"))),
        masks=tuple(_file_names(data, "segmentation_list", "segmentation")),
        voxel_size=_number(_walk(data, "map", "pixel_spacing", "x")),
        resolution=_number(
            _walk(
                data,
                "structure_determination_list",
                "structure_determination",
                "image_processing",
                "final_reconstruction",
                "resolution",
            )
        ),
    )


def _walk(data: Any, *keys: str) -> Iterator[Any]:
    """Every value at a path of keys; lists on the way are gone through, also missing ones."""
    if isinstance(data, list):
        for item in data:
            yield from _walk(item, *keys)
    elif not keys:
        if data is not None:
            yield data
    elif isinstance(data, Mapping):
        yield from _walk(data.get(keys[0]), *keys[1:])


def _leaf(value: Any) -> Any:
    """The value of a leaf that may carry its units."""
    return value.get("valueOf_") if isinstance(value, Mapping) else value


def _number(values: Iterator[Any]) -> float:
    """The first positive number among leaves, NaN if there is none."""
    for value in values:
        try:
            number = float(_leaf(value))
        except (TypeError, ValueError):
            continue
        if math.isfinite(number) and number > 0:
            return number
    return math.nan


def _file_names(data: Mapping[str, Any], group: str, item: str) -> list[str]:
    names = []
    for value in _walk(data, "interpretation", group, item, "file"):
        name = _leaf(value)
        if not isinstance(name, str) or not name:
            continue
        if not _FILE_NAME.fullmatch(name):  # it becomes part of a path on this machine
            raise MapError(f"EMDB names a file '{name[:80]}', which is no plain file name; fetch the maps by hand.")
        names.append(name)
    return names


def fetch_entry(
    entry: str | int,
    *,
    cache: str | os.PathLike[str] | None = None,
    api: str = API,
    files: str = FILES,
    progress: Progress | None = None,
) -> EmdbFiles:
    """Download half maps and mask of an entry, unless they are in the cache.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    cache : path, optional
        Folder to keep them in; by default that of the environment variable CRYOANISO_CACHE,
        or the user's cache.
    api, files : str
        Where EMDB answers and where its files lie, e.g. a mirror.
    progress : callable, optional
        Called with (file name, bytes done, bytes in all).

    Returns
    -------
    EmdbFiles
        Paths and metadata.

    Raises
    ------
    MapError
        When the code is wrong, EMDB can't be reached, or the entry has no half maps.

    Examples
    --------
    >>> fetch_entry("EMD-12")
    Traceback (most recent call last):
    cryoaniso_nb.errors.MapError: 'EMD-12' is not an EMDB code; give one of 4 or 5 digits, like EMD-8731.
    """
    number = entry_number(entry)
    folder = _cache(cache) / f"EMD-{number:04d}"
    record = _record(number, folder, api)
    if len(record.half_maps) < 2:
        raise MapError(f"{record.name} has no half maps in EMDB; ask its authors for them, or choose another entry.")
    base = f"{files.rstrip('/')}/{record.name}"
    first, second = (
        _download(f"{base}/other/{name}", folder, record.name, progress=progress) for name in record.half_maps[:2]
    )
    mask = None
    if record.masks:
        mask = _download(f"{base}/masks/{record.masks[0]}", folder, record.name, progress=progress)
    return EmdbFiles(entry=record, half1=first, half2=second, mask=mask)


def open_entry(entry: str | int, **options: Any) -> HalfMaps:
    """Half maps of an EMDB entry with its mask, ready to analyze.

    Parameters
    ----------
    entry : str or int
        Like 'EMD-8731'.
    **options
        Of `fetch_entry`.

    Returns
    -------
    HalfMaps
        Without a mask where none was deposited.

    Raises
    ------
    MapError
        As `fetch_entry` and `open_half_maps`.

    Examples
    --------
    >>> open_entry("8731a")
    Traceback (most recent call last):
    cryoaniso_nb.errors.MapError: '8731a' is not an EMDB code; give one of 4 or 5 digits, like EMD-8731.
    """
    found = fetch_entry(entry, **options)
    return open_half_maps(found.half1, found.half2, mask=found.mask)


# --- downloads ---------------------------------------------------------------------------


def _cache(cache: str | os.PathLike[str] | None) -> Path:
    import pooch

    return Path(cache or os.environ.get("CRYOANISO_CACHE") or pooch.os_cache("cryoaniso_nb"))


def _record(number: int, folder: Path, api: str) -> EmdbEntry:
    name = f"EMD-{number:04d}"
    path = _download(f"{api.rstrip('/')}/{name}", folder, name, file_name=f"{name}.json", is_entry=True)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, Mapping):
            raise ValueError("no mapping")
    except ValueError as error:
        path.unlink()  # so that the next try asks again
        raise MapError(f"EMDB's answer for {name} can't be read; try again later.") from error
    return parse_entry(number, data)


class _Bar:
    """What pooch expects of a progress bar, passed on to a callback."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress, self.total, self.done = name, progress, 0, 0

    def update(self, size: int) -> None:
        self.done = min(self.done + size, self.total) if self.total else self.done + size
        self.progress(self.name, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def _download(
    url: str,
    folder: Path,
    entry: str,
    *,
    file_name: str | None = None,
    is_entry: bool = False,
    progress: Progress | None = None,
) -> Path:
    import pooch

    name = file_name or url.rsplit("/", 1)[1]
    pooch.get_logger().setLevel("WARNING")  # it would print hashes, which EMDB doesn't publish
    bar = _Bar(name, progress) if progress is not None else False
    try:
        downloader = pooch.HTTPDownloader(progressbar=bar, timeout=60)
        return Path(pooch.retrieve(url, known_hash=None, fname=name, path=folder, downloader=downloader))
    except OSError as error:  # also what requests raises
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == 404 and is_entry:
            raise MapError(f"EMDB has no entry {entry}; check the code.") from error
        if status is not None:
            raise MapError(f"EMDB doesn't give {name} of {entry} (it answers {status}); try again later.") from error
        if isinstance(error, PermissionError) or getattr(error, "filename", None):
            reason = (error.strerror or str(error)).lower()
            raise MapError(
                f"Can't keep {name} in {folder}: {reason}; set CRYOANISO_CACHE to a folder you can write to."
            ) from error
        host = url.split("/")[2]
        raise MapError(f"Can't reach EMDB at {host}, and {name} isn't in the cache; check the network.") from error
