"""Two maps side by side, in a sentence."""

from __future__ import annotations

import math

from ..statistics.comparison import MapComparison
from .verdict import axis_phrase

__all__ = ["comparison_text"]


def comparison_text(found: MapComparison, first: str = "the first map", second: str = "the second map") -> str:
    """Which map resolves more finely, where, and whether beyond noise.

    Parameters
    ----------
    found : MapComparison
        Of the second beside the first.
    first, second : str
        What they are called.

    Returns
    -------
    str
        One sentence, or two.

    Examples
    --------
    >>> nan = float("nan")
    >>> alike = MapComparison(
    ...     ratio=1.01, ratio_interval=(0.98, 1.04), finer_share=0.0, finer_ratio=nan, finer_zenith=nan,
    ...     finer_azimuth=nan, coarser_share=0.0, coarser_ratio=nan, coarser_zenith=nan, coarser_azimuth=nan,
    ...     largest=1.2, varies=False, nyquist=False,
    ... )
    >>> print(comparison_text(alike, "apo", "bound"))
    No difference between apo and bound beyond noise: more than 1.04 : 1 on average is excluded, and more than 1.2 : 1
    along any direction.
    """
    text = _difference(found, first, second)
    if found.nyquist:
        text += " Signal lasts to Nyquist in some directions: the ratio is limited there."
    return text[:1].upper() + text[1:]


def _difference(found: MapComparison, first: str, second: str) -> str:
    low, high = found.ratio_interval
    here = _at(found.finer_ratio, found.finer_zenith, found.finer_azimuth)
    there = _at(found.coarser_ratio, found.coarser_zenith, found.coarser_azimuth)
    if found.finer_share > 0 and found.coarser_share > 0:
        return f"{second} resolves more finely {here}, {first} {there}; {_mean(found, first, second)}."
    for share, place, name, ratio, interval in (
        (found.finer_share, here, second, found.ratio, (low, high)),
        (found.coarser_share, there, first, 1 / found.ratio, (1 / high, 1 / low)),
    ):
        if share > 0 and interval[0] > 1:
            where = f", most {place}" if found.varies else ", in all directions alike as far as noise lets one tell"
            return f"{name} resolves more finely: {_ratio(ratio)} on average ({_range(interval)}){where}."
        if share > 0:
            return f"{name} resolves more finely {place}; {_mean(found, first, second)}."
    if not low <= 1 <= high:
        return f"{_mean(found, first, second)}; no single direction differs beyond noise."
    excluded = max(high, 1 / low)
    return (
        f"no difference between {first} and {second} beyond noise: more than {_ratio(excluded)} on average is "
        f"excluded, and more than {_ratio(found.largest)} along any direction."
    )


def _mean(found: MapComparison, first: str, second: str) -> str:
    low, high = found.ratio_interval
    if low <= 1 <= high:
        return "on average neither does, beyond noise"
    if low > 1:
        return f"on average {second} resolves more finely, {_ratio(found.ratio)} ({_range((low, high))})"
    return f"on average {first} resolves more finely, {_ratio(1 / found.ratio)} ({_range((1 / high, 1 / low))})"


def _at(ratio: float, zenith: float, azimuth: float) -> str:
    return f"{axis_phrase(zenith, azimuth)} ({_ratio(ratio)})" if math.isfinite(ratio) else ""


def _ratio(value: float) -> str:
    return f"{value:.3g} : 1"


def _range(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3g}-{interval[1]:.3g}"
