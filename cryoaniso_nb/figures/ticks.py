"""Ticks: round numbers on an axis, and resolutions in Å on an axis of frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .parts import Axis

__all__ = ["angstrom_ticks", "round_ticks", "ticks_within"]

Floats = NDArray[np.float64]

# Resolutions that ticks name, the rounder ones first.
_ANGSTROMS = (
    (0.5, 1, 2, 3, 4, 5, 10, 20, 50, 100, 200),
    (1.5, 2.5, 6, 8, 30, 15, 40, 3.5, 25, 300, 500, 150, 70),
    (7, 12, 9, 4.5, 1.2, 1.8, 2.2, 2.8, 3.2, 5.5, 0.8, 0.6, 0.7, 0.9, 1.3, 1.4, 1.6, 1.7, 1.1, 1.9, 2.4),
)
_FINE = np.concatenate([np.arange(0.3, 5, 0.05), np.arange(5, 20, 0.25), np.arange(20, 100, 1.0)])
_GAP = 0.085  # of the axis, so that labels don't touch; more for long labels
_START = 0.05  # of an axis that begins at zero, where no label is needed


def angstrom_ticks(
    low: float, high: float, *, to_end: bool = False, gap: float = _GAP
) -> tuple[Floats, tuple[str, ...]]:
    """Ticks of a frequency axis, named in Å.

    Parameters
    ----------
    low, high : float
        Ends of the axis in 1/Å.
    to_end : bool
        Whether the high end, Nyquist, is named whatever its number.
    gap : float
        Smallest distance between ticks, in lengths of the axis.

    Returns
    -------
    places : ndarray
        Frequencies, ascending.
    texts : tuple of str
        Resolutions.

    Examples
    --------
    >>> angstrom_ticks(0.0, 0.4167, to_end=True)[1]
    ('20', '10', '7', '5', '4', '3.5', '3', '2.4')
    """
    span = high - low
    found: dict[float, str] = {high: f"{1 / high:.3g}"} if to_end else {}
    start = low + _START * span if low <= 0 else low
    for tier in _ANGSTROMS:
        _add(found, tier, (start, high), gap * span)
    if len(found) < 3:  # a narrow range, as of colours: finer steps
        _add(found, _FINE.tolist(), (start, high), 2 * gap * span)
    places = np.array(sorted(found))
    return places, tuple(found[float(place)] for place in places)


def _add(found: dict[float, str], resolutions: tuple[float, ...] | list[float], ends: tuple[float, float],
         gap: float) -> None:  # fmt: skip
    """Take those that lie within the ends and keep apart from what was found."""
    for resolution in resolutions:
        place, text = 1 / resolution, f"{resolution:g}"
        room = gap * (1.3 if len(text) > 3 or resolution >= 100 else 1.0)
        if ends[0] <= place <= ends[1] * (1 + 1e-9) and all(abs(place - other) >= room for other in found):
            found[place] = text


def round_ticks(low: float, high: float, count: int = 5) -> tuple[Floats, tuple[str, ...]]:
    """Round numbers within a range.

    Parameters
    ----------
    low, high : float
        The range.
    count : int
        About how many.

    Returns
    -------
    places : ndarray
        Multiples of 1, 2, 2.5 or 5 times a power of ten.
    texts : tuple of str
        The same in writing.

    Examples
    --------
    >>> round_ticks(-0.33, 0.33)[1]
    ('-0.2', '0', '0.2')
    """
    if not high > low:
        return np.array([low]), (f"{low:g}",)
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    places = np.asarray(np.round(np.arange(first, last + 1) * step, 10) + 0.0)
    return places, tuple(f"{place:g}" for place in places)


def ticks_within(axis: Axis, low: float, high: float) -> Axis:
    """An axis over a part of its range.

    Parameters
    ----------
    axis : Axis
        The whole one.
    low, high : float
        The part shown.

    Returns
    -------
    Axis
        The same if the part is all of it; else with ticks of its own, in Å where the whole one has such.

    Examples
    --------
    >>> places, texts = angstrom_ticks(0.0, 0.5)
    >>> whole = Axis(label="Resolution (Å)", low=0.0, high=0.5, ticks=places, texts=texts)
    >>> ticks_within(whole, 0.2, 0.3).texts
    ('5', '4.5', '4', '3.5')
    """
    if (low, high) == (axis.low, axis.high) or not high > low:
        return axis
    in_angstrom = axis.label.endswith("(Å)")
    ticks, texts = angstrom_ticks(low, high) if in_angstrom else round_ticks(low, high)
    return Axis(label=axis.label, low=low, high=high, ticks=ticks, texts=texts)
