"""Cells and lines of tables, from the rows of studies."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .truth import lasting_crossing

Row = dict[str, Any]
FEW = 8  # other maps of a case that make a mean
Column = tuple[str, Callable[[list[Row]], str]]


def table(rows: Iterable[Row], keys: Sequence[str], columns: Sequence[Column], total: bool = True) -> str:
    """Markdown: a line for each combination of keys, in order of appearance, and one for all.

    Columns that nothing is known of are left out.
    """
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    lines = [[*keys, *(name for name, _ in columns)], ["---"] * (len(keys) + len(columns))]
    lines += [[*map(_word, key), *(f(members) for _, f in columns)] for key, members in groups.items()]
    if total and len(groups) > 1:
        everything = [row for members in groups.values() for row in members]
        lines.append(["all", *[""] * (len(keys) - 1), *(f(everything) for _, f in columns)])
    known = [i for i in range(len(lines[0])) if i < len(keys) or any(line[i] != "-" for line in lines[2:])]
    return "\n".join("| " + " | ".join(line[i] for i in known) + " |" for line in lines)


def binned(rows: Iterable[Row], name: str, edges: Sequence[float]) -> list[Row]:
    """Rows in the order of a column, with the bin it falls into under the column's name in words."""
    label = name.replace("_", " ")
    found = []
    for low, high in itertools.pairwise(edges):
        text = f"{low:g} to {high:g}" if np.isfinite(high) else f"from {low:g} on"
        found += [{**row, label: text} for row in rows if low <= row.get(name, np.nan) < high]
    return found


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def values(rows: list[Row], name: str) -> np.ndarray:
    """A column of numbers; NaN where a row lacks it."""
    return np.array([row.get(name, np.nan) for row in rows], dtype=float)


def count(rows: list[Row]) -> str:
    """Number of maps, with those that failed."""
    failed = sum("error" in row for row in rows)
    return f"{len(rows)}" + (f" ({failed} failed)" if failed else "")


def share(test: Callable[[Row], bool | None]) -> Callable[[list[Row]], str]:
    """Percentage of the maps that pass a test, of those where it gives an answer."""

    def cell(rows: list[Row]) -> str:
        answers = [answer for row in rows if "error" not in row and (answer := test(row)) is not None]
        return (
            f"{100 * np.mean(answers):.1f} %" + ("" if len(answers) == len(rows) else f" of {len(answers)}")
            if answers
            else "-"
        )

    return cell


def rejects(name: str) -> Callable[[Row], bool | None]:
    """Whether a p-value is 0.05 or less; None where there is none."""
    return lambda row: None if np.isnan(row.get(name, np.nan)) else bool(row[name] <= 0.05)


def near(name: str, limit: str | float) -> Callable[[Row], bool | None]:
    """Whether an angle is at most a limit, a number or a column; None where it isn't known."""

    def answer(row: Row) -> bool | None:
        largest = row[limit] if isinstance(limit, str) else limit
        return None if np.isnan(row[name]) else bool(row[name] <= largest)

    return answer


def blamed(*causes: str) -> Callable[[Row], bool]:
    """Whether the verdict names one of these causes."""
    return lambda row: row["cause"] in causes


def shells(name: str) -> Callable[[list[Row]], str]:
    """Share of shells of the transition zone that a test rejects."""

    def cell(rows: list[Row]) -> str:
        total = np.nansum(values(rows, "zone_shells"))
        return f"{100 * np.nansum(values(rows, name)) / total:.1f} %" if total else "-"

    return cell


def mean_of(name: str, text: str = "{:+.2f}", *, root: bool = False) -> Callable[[list[Row]], str]:
    """Mean of a column where it is known, or its root."""

    def cell(rows: list[Row]) -> str:
        known = values(rows, name)
        known = known[np.isfinite(known)]
        return text.format(np.sqrt(known.mean()) if root else known.mean()) if known.size else "-"

    return cell


def total_of(name: str) -> Callable[[list[Row]], str]:
    """Sum of a column."""
    return lambda rows: f"{np.nansum(values(rows, name)):.0f}"


def ratio_of(part: str, whole: str) -> Callable[[list[Row]], str]:
    """Percentage of one column's sum in another's."""

    def cell(rows: list[Row]) -> str:
        known = np.isfinite(values(rows, part))
        total = values(rows, whole)[known].sum()
        return f"{100 * values(rows, part)[known].sum() / total:.1f} %" if total else "-"

    return cell


def covers(interval: str, truth: str) -> Callable[[Row], bool | None]:
    """Whether an interval holds the truth; an end that isn't known is no limit; None where there is no interval."""

    def answer(row: Row) -> bool | None:
        low, high, true = (row.get(name, np.nan) for name in (f"{interval}_low", f"{interval}_high", truth))
        if (np.isnan(low) and np.isnan(high)) or np.isnan(true):
            return None
        return bool(np.nan_to_num(low, nan=-np.inf) <= true <= np.nan_to_num(high, nan=np.inf))

    return answer


def within(name: str, truth: str, factor: float) -> Callable[[Row], bool]:
    """Whether a number lies within a factor of the truth."""
    return lambda row: bool(1 / factor <= row[name] / row[truth] <= factor)


def beside_their_mean(rows: list[Row]) -> list[Row]:
    """Rows with the truth of FSO taken from the other maps of the same case: their mean.

    Behind masks and under symmetry the chance of passing depends on correlations that `Truth.fso_expected` estimates.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if "fso" in row:
            groups[row["label"]].append(row)
    found = []
    for members in groups.values():
        curves = np.array([row["fso"] for row in members], dtype=float)
        for i, row in enumerate(members if len(members) > FEW else ()):
            expected = np.delete(curves, i, axis=0).mean(axis=0)
            zone = (expected > 0.03) & (expected < 0.97) & np.isfinite(row["band_low"])
            inside = (np.array(row["band_low"]) <= expected) & (expected <= np.array(row["band_high"]))
            curve = np.r_[np.nan, expected]
            truth = {f"true_fso_{x}": lasting_crossing(curve, np.arange(curve.size), x)[0] for x in (0.9, 0.5, 0.1)}
            found.append({**row, **truth, "band_shells": int(zone.sum()), "band_covered": int((inside & zone).sum())})
    return found


def crossing_error(level: float) -> Callable[[list[Row]], str]:
    """Root mean square error in shells of a crossing of FSO."""

    def cell(rows: list[Row]) -> str:
        error = values(rows, f"fso_{level}") - values(rows, f"true_fso_{level}")
        known = np.isfinite(error)
        lost = int((np.isfinite(values(rows, f"true_fso_{level}")) & ~known).sum())
        return (
            f"{np.sqrt(np.mean(error[known] ** 2)):.2f}" + (f" ({lost} lost)" if lost else "") if known.any() else "-"
        )

    return cell


def late_onsets(factor: float) -> Callable[[list[Row]], str]:
    """Maps whose FSO = 0.9 lies at a resolution (Å) so many times that of the truth."""
    return lambda rows: f"{int((values(rows, 'true_fso_0.9') > factor * values(rows, 'fso_0.9')).sum())}"


def ratio_of_case(row: Row) -> tuple[str, float]:
    """'views', 'axial' or 'cubic', and the ratio of the case."""
    kind, ratio = (row["particle"] or row["views"]).split(":")
    return kind if row["particle"] else "views", float(ratio)


def smallest(rows: list[Row], test: Callable[[Row], bool | None], power: float = 0.8) -> str:
    """Smallest ratio that a test finds so often, interpolated in its logarithm; '> R' where the largest isn't."""
    rows = [row for row in rows if "error" not in row]
    if not rows:
        return "-"
    ratios = sorted({row["ratio"] for row in rows})
    found = [np.mean([bool(test(row)) for row in rows if row["ratio"] == ratio]) for ratio in ratios]
    rising = np.maximum.accumulate(found)
    if rising[-1] < power:
        return f"> {ratios[-1]:g}"
    if rising[0] >= power:
        return f"< {ratios[0]:g}"
    return f"{np.exp(np.interp(power, rising, np.log(ratios))):.2f}"
