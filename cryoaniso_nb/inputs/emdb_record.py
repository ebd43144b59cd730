"""What EMDB says of an entry, read from its JSON: any part of it may be missing or odd."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import MapError, SettingsError
from ..geometry.symmetry import group_name

__all__ = ["EmdbEntry", "entry_number", "is_entry_code", "parse_entry"]

_ID = re.compile(r"(?:emd[-_ ]?)?(\d{4,5})", re.IGNORECASE)
_FINAL = (
    "structure_determination_list",
    "structure_determination",
    "image_processing",
    "final_reconstruction",
)
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
    contour : float
        Level of the map's surface that its authors recommend; NaN where not given.
    symmetry : str
        Point group that was imposed; '' where none is given, or no point group (a helix).
    """

    number: int
    title: str = ""
    half_maps: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    voxel_size: float = math.nan
    resolution: float = math.nan
    contour: float = math.nan
    symmetry: str = ""

    @property
    def name(self) -> str:
        """The accession code, EMD-N."""
        return f"EMD-{self.number:04d}"


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


def is_entry_code(text: str) -> bool:
    """Whether a text is an accession code.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    bool
        True for what `entry_number` understands.

    Examples
    --------
    >>> is_entry_code("EMD-8731"), is_entry_code("half1.mrc")
    (True, False)
    """
    return _ID.fullmatch(text.strip()) is not None


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
    final = list(_walk(data, *_FINAL))
    contours = list(_walk(data, "map", "contour_list", "contour"))
    contours.sort(key=lambda contour: not (isinstance(contour, Mapping) and contour.get("primary")))
    return EmdbEntry(
        number=number,
        title="".join(c if c.isprintable() else " " for c in title) if isinstance(title, str) else "",
        half_maps=tuple(sorted(_file_names(data, "half_map_list", "half_map"))),
        masks=tuple(_file_names(data, "segmentation_list", "segmentation")),
        voxel_size=_positive(_walk(data, "map", "pixel_spacing", "x")),
        resolution=_positive(_walk(final, "resolution")),
        contour=next(_numbers(_walk(contours, "level")), math.nan),
        symmetry=_symmetry(_walk(final, "applied_symmetry", "point_group")),
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


def _numbers(values: Iterator[Any]) -> Iterator[float]:
    """The finite numbers among leaves."""
    for value in values:
        try:
            number = float(_leaf(value))
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            yield number


def _positive(values: Iterator[Any]) -> float:
    return next((number for number in _numbers(values) if number > 0), math.nan)


def _symmetry(values: Iterator[Any]) -> str:
    for value in values:
        name = _leaf(value)
        if isinstance(name, str):
            with contextlib.suppress(SettingsError):
                return group_name(name)
    return ""


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
