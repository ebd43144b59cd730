"""Where a map stands among others like it: percentiles in the table of a survey.

Like it are maps whose global resolution (FSC = 0.143) is within a factor of 1.5 of its own, and
whose point group is of the same class: none, cyclic, dihedral or cubic.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ResultError
from ..geometry.symmetry import symmetry_class
from ..results.record import Result

__all__ = ["FEWEST", "RESOLUTION", "STANDINGS", "Standing", "badness", "counts_below", "standing"]

FACTOR = 1.5  # between resolutions of maps that are alike
FEWEST = 20  # maps that a percentile is told among
ROUNDED = 1e-6  # CSV has nine digits: a map that is in the table itself counts as equal
RESOLUTION = "fsc_0.143_angstrom"
STANDINGS: Mapping[str, int] = {  # column -> 1 where a greater value is worse, -1 where a smaller one is
    "effect_ratio": 1,
    "worst_over_median": 1,
    "noise_ratio": 1,
    "sphericity": -1,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Standing(Result):
    """Percentiles of a map's anisotropy among maps like it.

    Attributes
    ----------
    percentiles : mapping of str to float
        Column of the table -> share of the maps like it that are less anisotropic, 0 to 100; NaN
        where the map has no such number or fewer than 20 maps like it have one.
    counts : mapping of str to int
        Column -> maps like it that have that number.
    n_alike : int
        Maps like it.
    n_table : int
        Analyzed maps in the table.
    lowest, highest : float
        Å, the range of global resolutions that counts as like it.
    symmetry : str
        The map's point group.
    symmetry_class : str
        Class that counts as like it.
    table : str
        The table's name; '' for rows of no file.
    """

    percentiles: Mapping[str, float]
    counts: Mapping[str, int]
    n_alike: int
    n_table: int
    lowest: float
    highest: float
    symmetry: str
    symmetry_class: str
    table: str = ""

    @property
    def call(self) -> str:
        """The call that makes it again."""
        return "with_standing(table)"


def standing(
    numbers: Mapping[str, float], symmetry: str, rows: Iterable[Mapping[str, Any]], *, table: str = ""
) -> Standing:
    """Percentiles of a map among the rows of a survey that are like it.

    Parameters
    ----------
    numbers : mapping of str to float
        The map's, by column: its global resolution, and those of `STANDINGS`; NaN for unknown.
    symmetry : str
        Its point group.
    rows : iterable of mapping
        The survey's table.
    table : str
        Its name.

    Returns
    -------
    Standing
        NaN where too few maps are like it.

    Raises
    ------
    ResultError
        When the rows are of no survey.

    Examples
    --------
    >>> rows = [{"fsc_0.143_angstrom": 4.0, "effect_ratio": 1 + n / 30} for n in range(30)]
    >>> found = standing({"fsc_0.143_angstrom": 3.9, "effect_ratio": 1.81}, "C1", rows)
    >>> round(found.percentiles["effect_ratio"]), found.n_alike
    (83, 30)
    """
    done = [row for row in rows if row.get("status", "done") == "done"]
    if done and not any(RESOLUTION in row for row in done):
        raise ResultError(f"The table {table} has no column {RESOLUTION}; give the table.csv of a survey.")
    resolution = float(numbers.get(RESOLUTION, math.nan))
    lowest, highest, kind = resolution * FACTOR, resolution / FACTOR, symmetry_class(symmetry)
    alike = [row for row in done if _is_alike(row, lowest, highest, kind)]
    percentiles, counts = {}, {}
    for name, worse in STANDINGS.items():
        known = sorted(value for row in alike if (value := badness(row.get(name), worse)) is not None)
        own = badness(numbers.get(name), worse)
        counts[name] = len(known)
        percentiles[name] = math.nan
        if own is not None and len(known) >= FEWEST:
            better, equal = counts_below(known, own, ROUNDED)
            percentiles[name] = 100 * (better + equal / 2) / len(known)
    return Standing(
        percentiles=percentiles,
        counts=counts,
        n_alike=len(alike),
        n_table=len(done),
        lowest=lowest,
        highest=highest,
        symmetry=symmetry,
        symmetry_class=kind,
        table=table,
    )


def _is_alike(row: Mapping[str, Any], lowest: float, highest: float, kind: str) -> bool:
    resolution = badness(row.get(RESOLUTION), 1)
    group = row.get("symmetry")
    group = "C1" if group is None or group != group else str(group)  # as NaN in a data frame
    return resolution is not None and highest <= resolution <= lowest and symmetry_class(group) == kind


def badness(value: Any, worse: int) -> float | None:
    """A number of a table so that greater is worse.

    Parameters
    ----------
    value : object
        What the table holds.
    worse : int
        1 where a greater value is worse, -1 where a smaller one is.

    Returns
    -------
    float or None
        None for what is no number.

    Examples
    --------
    >>> badness(0.9, -1), badness(float("nan"), 1), badness("views", 1)
    (-0.9, None, None)
    """
    try:
        found = math.nan if value is None or isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        return None
    return worse * found if math.isfinite(found) else None


def counts_below(ordered: Sequence[float], value: float, within: float = 0.0) -> tuple[int, int]:
    """How many numbers are smaller, and how many are equal.

    Parameters
    ----------
    ordered : sequence of float
        Ascending.
    value : float
        A number.
    within : float
        Share of it by which equal numbers may differ.

    Returns
    -------
    tuple of int
        Smaller, equal.

    Examples
    --------
    >>> counts_below([1.0, 2.0, 2.0, 3.0], 2.0)
    (1, 2)
    """
    slack = within * abs(value)
    left = bisect_left(ordered, value - slack)
    return left, bisect_right(ordered, value + slack) - left
