"""The columns of a survey's table: one line each, here and nowhere else.

A column says where its number stands in what is kept of a pair (`run.Kept`): the analysis's
``summary()`` under ``summary``, further measures under ``metrics``, the pair itself under ``pair``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import SettingsError
from ..statistics.standing import badness, counts_below

__all__ = [
    "ABSENT",
    "COLUMNS",
    "DONE",
    "FAILED",
    "RANKED",
    "Column",
    "column_named",
    "counts_text",
    "row_of",
    "with_ranks",
]

Data = Mapping[str, Any]

DONE, FAILED = "done", "failed"
NO_HALF_MAPS, NO_ENTRY = "no half maps", "no entry"
ABSENT: Mapping[str, str] = {NO_HALF_MAPS: "without half maps", NO_ENTRY: "not in EMDB"}  # nothing to do, no fault


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
        In CSV, Parquet and Python; ends with the unit.
    value : callable
        What it holds, from what is kept of a pair; None for unknown.
    text : str
        What it means, one phrase.
    heading : str
        In the HTML table, ``<br>`` ends a line; '' leaves it out there.
    digits : int
        After the point in the HTML table; -1 for text.
    worse : int
        1 where a greater value is worse, -1 where a smaller one is, 0 where neither is.
    """

    name: str
    value: Callable[[Data], Any]
    text: str
    heading: str = ""
    digits: int = -1
    worse: int = 0


def _at(*path: str | int) -> Callable[[Data], Any]:
    """What stands at a path of keys; None where there is nothing."""

    def value(data: Data) -> Any:
        found: Any = data
        for key in path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return None if isinstance(found, float) and not math.isfinite(found) else found

    return value


def _ratio(above: Callable[[Data], Any], below: Callable[[Data], Any]) -> Callable[[Data], Any]:
    def value(data: Data) -> Any:
        first, second = above(data), below(data)
        return first / second if first is not None and second else None

    return value


def _count(*path: str) -> Callable[[Data], Any]:
    find = _at(*path)

    def value(data: Data) -> Any:
        found = find(data)
        return None if found is None else len(found)

    return value


def _joined(key: str, part: str, between: str) -> Callable[[Data], Any]:
    """One part of every item of a list."""
    return lambda data: between.join(dict.fromkeys(str(item[part]) for item in data.get(key) or ())) or None


def _summary(*path: str | int) -> Callable[[Data], Any]:
    return _at("summary", *path)


def _crossing(name: str) -> Callable[[Data], Any]:
    return _summary(f"{name}_resolution_angstrom")


def _direction(*path: str | int) -> Callable[[Data], Any]:
    return _at("summary", "directional_resolution", *path)


_P5, _P50, _P95 = (_direction(f"percentile_{share}_angstrom") for share in (5, 50, 95))
_BEST, _WORST = partial(_direction, "best"), partial(_direction, "worst")

# fmt: off
COLUMNS: tuple[Column, ...] = (
    Column("name", _at("name"), "the pair", "Pair"),
    Column("status", _at("status"), "done, failed, or, of an EMDB entry: no half maps, no entry"),
    Column("cause", _summary("verdict", "cause"), "views, particle, none or unknown", "Cause"),
    Column("effect_ratio", _summary("verdict", "effect_ratio"), "worst over best region", "Worst /<br>best", 2, 1),
    Column("effect_low", _summary("verdict", "effect_interval", 0), "its 95 % interval, lower end", "", 2),
    Column("effect_high", _summary("verdict", "effect_interval", 1), "its 95 % interval, upper end", "", 2),
    Column("noise_ratio", _summary("verdict", "noise_ratio"), "noise, noisiest over quietest", "Noise<br>ratio", 2, 1),
    Column("noise_p_value", _summary("verdict", "noise_p_value"), "p-value of even views", "", 4),
    Column("dfsc_p_value", _summary("verdict", "dfsc_p_value"), "p-value of chance in dFSC", "", 4),
    Column("verdict", _summary("verdict", "text"), "the verdict in words"),
    Column("fsc_0.143_angstrom", _crossing("fsc_0.143"), "global FSC = 0.143", "FSC 0.143<br>Å", 2, 1),
    Column("fso_0.9_angstrom", _crossing("fso_0.9"), "onset of the transition zone", "FSO 0.9<br>Å", 2, 1),
    Column("fso_0.5_angstrom", _crossing("fso_0.5"), "FSO resolution", "", 2, 1),
    Column("fso_0.1_angstrom", _crossing("fso_0.1"), "end of the transition zone", "FSO 0.1<br>Å", 2, 1),
    Column("best_angstrom", _BEST("resolution_angstrom"), "best region", "Best<br>Å", 2, 1),
    Column("best_low_angstrom", _BEST("interval_angstrom", 0), "its 95 % interval, lower end", "", 2),
    Column("best_high_angstrom", _BEST("interval_angstrom", 1), "its 95 % interval, upper end", "", 2),
    Column("direction_p5_angstrom", _P5, "directional resolution, 5th percentile", "", 2, 1),
    Column("direction_p50_angstrom", _P50, "directional resolution, median", "Median<br>Å", 2, 1),
    Column("direction_p95_angstrom", _P95, "directional resolution, 95th percentile", "", 2, 1),
    Column("worst_angstrom", _WORST("resolution_angstrom"), "worst region", "Worst<br>Å", 2, 1),
    Column("worst_low_angstrom", _WORST("interval_angstrom", 0), "its 95 % interval, lower end", "", 2),
    Column("worst_high_angstrom", _WORST("interval_angstrom", 1), "its 95 % interval, upper end", "", 2),
    Column("worst_zenith_degrees", _WORST("zenith_degrees"), "worst region, angle to z", "", 1),
    Column("worst_azimuth_degrees", _WORST("azimuth_degrees"), "worst region, azimuth", "", 1),
    Column("worst_region_degrees", _WORST("region_degrees"), "worst region, half-width", "", 1),
    Column("worst_kind", _WORST("region_kind"), "worst region, its shape"),
    Column("worst_over_median", _ratio(_WORST("resolution_angstrom"), _P50), "worst region over median", "", 2, 1),
    Column("direction_ratio", _ratio(_P95, _P5), "95th over 5th percentile", "", 2, 1),
    Column("sphericity", _at("metrics", "sphericity"), "sphericity of the 3DFSC at 0.5", "Sphericity", 3, -1),
    Column("area_ratio", _at("metrics", "area_ratio"), "area ratio, smallest over largest", "cFAR-like", 2, -1),
    Column("area_ratio_5_95", _at("metrics", "area_ratio_5_95"), "area ratio, 5th over 95th percentile", "", 2, -1),
    Column("scf_star", _at("metrics", "scf_star"), "SCF* of the poses", "SCF*", 2, -1),
    Column("scf", _at("metrics", "scf"), "SCF of the poses", "", 2, -1),
    Column("unsampled", _at("metrics", "unsampled"), "share of Fourier space that no view samples", "", 3, 1),
    Column("n_views", _at("metrics", "n_views"), "number of poses", "", 0),
    Column("symmetry", _at("pair", "symmetry"), "point group; empty: C1 assumed", "Symmetry"),
    Column("mask", _summary("settings", "mask"), "mask used", "Mask"),
    Column("box_voxels", _summary("settings", "box_voxels_zyx", 2), "voxels along x", "Box", 0),
    Column("voxel_size_angstrom", _summary("settings", "voxel_size_angstrom"), "voxel size", "Voxel<br>Å", 3),
    Column("nyquist_angstrom", _summary("nyquist_angstrom"), "resolution limit of the voxels", "", 2),
    Column("n_warnings", _count("warnings"), "number of warnings", "Warnings", 0, 1),
    Column("warning_codes", _joined("warnings", "code", " "), "what to be careful about, for programs"),
    Column("warnings", _joined("warnings", "text", " | "), "what to be careful about, in words"),
    Column("reason", _at("reason"), "why the pair was not analyzed"),
    Column("half1", _at("pair", "half1"), "first half map"),
    Column("half2", _at("pair", "half2"), "second half map"),
    Column("mask_file", _at("pair", "mask"), "mask's file"),
    Column("poses", _at("pair", "poses"), "particles' file"),
    Column("folder", _at("folder"), "folder of the results"),
    Column("version", _summary("version"), "of cryoaniso_nb"),
)
# fmt: on
RANKED = "effect_ratio"  # what pairs are ranked by unless told otherwise


def column_named(name: str) -> Column:
    """A column to rank by.

    Parameters
    ----------
    name : str
        One whose values are better or worse.

    Returns
    -------
    Column
        The column.

    Raises
    ------
    SettingsError
        When there is none of that name, or neither end of it is worse.

    Examples
    --------
    >>> column_named("sphericity").worse
    -1
    """
    found = next((column for column in COLUMNS if column.name == name and column.worse), None)
    if found is None:
        known = ", ".join(column.name for column in COLUMNS if column.worse)
        raise SettingsError(f"Pairs can't be ranked by '{name[:40]}'; it must be one of {known}.")
    return found


def row_of(data: Data) -> dict[str, Any]:
    """The row of a pair.

    Parameters
    ----------
    data : mapping
        What is kept of the pair.

    Returns
    -------
    dict
        Name of a column -> number, text or None.

    Examples
    --------
    >>> row_of({"name": "apo", "status": "failed", "reason": "no file"})["reason"]
    'no file'
    """
    return {column.name: column.value(data) for column in COLUMNS}


def with_ranks(rows: Sequence[Mapping[str, Any]], by: str = RANKED) -> list[dict[str, Any]]:
    """Rows with their rank and percentile among all that have a number.

    Parameters
    ----------
    rows : sequence of mapping
        From `row_of`.
    by : str
        The column.

    Returns
    -------
    list of dict
        The same with ``rank`` (1 is the worst; equal values share one), ``percentile`` (share of
        the others that are better, 0 to 100; None where there are none) and ``ranked_by``;
        pairs that were not analyzed last.

    Raises
    ------
    SettingsError
        For a column that can't be ranked by.

    Examples
    --------
    >>> rows = [{"status": "done", "sphericity": value} for value in (0.9, 0.5, None)]
    >>> [(row["rank"], row["percentile"]) for row in with_ranks(rows, "sphericity")]
    [(2, 0.0), (1, 100.0), (None, None)]
    """
    column = column_named(by)
    bad = [badness(row.get(by), column.worse) for row in rows]
    known = sorted(value for value in bad if value is not None)
    ranked = []
    for row, value in zip(rows, bad, strict=True):
        rank = percentile = None
        if value is not None:
            better, equal = counts_below(known, value)
            rank = len(known) - better - equal + 1
            percentile = 100 * (better + (equal - 1) / 2) / (len(known) - 1) if len(known) > 1 else None
        ranked.append({**row, "rank": rank, "percentile": percentile, "ranked_by": by})
    return sorted(ranked, key=lambda row: row.get("status") != DONE)


def counts_text(rows: Sequence[Mapping[str, Any]], of: int | None = None) -> str:
    """How many pairs were analyzed, and what became of the others.

    Parameters
    ----------
    rows : sequence of mapping
        With their ``status``.
    of : int, optional
        Pairs in all, if not as many as rows.

    Returns
    -------
    str
        A phrase.

    Examples
    --------
    >>> counts_text([{"status": "done"}, {"status": "failed"}, {"status": "no half maps"}])
    '1 of 3 pairs analyzed, 1 without half maps, 1 failed'
    """
    count = Counter(row.get("status") for row in rows)
    others = [f"{count[status]} {words}" for status, words in (*ABSENT.items(), (FAILED, FAILED)) if count[status]]
    return ", ".join([f"{count[DONE]} of {len(rows) if of is None else of} pairs analyzed", *others])
