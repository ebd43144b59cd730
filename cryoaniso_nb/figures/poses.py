"""What a stage tilt would do: predicted FSO, and sampling against tilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..measures.sampling_compensation import TROUBLE
from . import palette
from .curves import TOP, frequency_axis
from .parts import Axis, Curve, Layers, Part, Plot
from .ticks import round_ticks

if TYPE_CHECKING:
    from ..measures.tilt import TiltAdvice

__all__ = ["predicted_plot", "tilt_plot"]

PREDICTED: Layers = (
    ("levels", Curve),
    ("untilted", Curve),
    ("half", Curve),
    ("highest", Curve),
    ("recommended", Curve),
)
TILT: Layers = (("trouble", Curve), ("worst", Curve), ("scf_star", Curve), ("recommended", Curve))
TILT_COLOURS = (palette.FSC, palette.OTHER, palette.SELECTED)  # untilted, half-way, highest


def predicted_plot(advice: TiltAdvice) -> Plot:
    """Predicted FSO without tilt, at half of the highest tilt, at the highest, and as recommended.

    Parameters
    ----------
    advice : TiltAdvice
        With half maps.

    Returns
    -------
    Plot
        On the frequency axis of the other curves.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.measures.tilt import tilt_advice
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0))
    >>> top_views = np.tile([0.0, 0.0, 1.0], (50, 1))
    >>> predicted_plot(tilt_advice(top_views, r.dfsc, threshold=0.143)).y.label
    'Predicted FSO'
    """
    top = float(advice.frequency[-1])
    parts: list[Part] = [
        Curve(key="levels", x=np.array([0, top, np.nan, 0, top]), y=np.array([0.9, 0.9, np.nan, 0.1, 0.1]),
              colour=palette.RULE, width=0.8, dash="dotted")
    ]  # fmt: skip
    recommended = np.flatnonzero(advice.tilts == advice.recommended)
    usual = {0: "untilted", len(advice.tilts) // 2: "half", len(advice.tilts) - 1: "highest"}
    for colour, (index, key) in zip(TILT_COLOURS, usual.items(), strict=False):
        if index not in recommended:
            parts.append(_predicted(advice, index, key, colour, 1.5, ""))
    parts += [_predicted(advice, int(i), "recommended", palette.FSO, 2.5, " (recommended)") for i in recommended[:1]]
    ticks = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    return Plot(
        x=frequency_axis(top),
        y=Axis(label="Predicted FSO", low=-0.02, high=TOP, ticks=ticks, texts=tuple(f"{tick:g}" for tick in ticks)),
        parts=tuple(parts),
    )


def _predicted(advice: TiltAdvice, index: int, key: str, colour: str, width: float, more: str) -> Curve:
    return Curve(key=key, label=f"{advice.tilts[index]:g}°{more}", note="Predicted FSO at this stage tilt.",
                 x=advice.frequency, y=advice.occupancy[index], colour=colour, width=width)  # fmt: skip


def tilt_plot(advice: TiltAdvice) -> Plot:
    """Sampling of the worst direction, and SCF*, against stage tilt.

    Parameters
    ----------
    advice : TiltAdvice
        With half maps or without.

    Returns
    -------
    Plot
        In degrees; 1 is even sampling.

    Examples
    --------
    >>> from cryoaniso_nb.measures.tilt import tilt_advice
    >>> tilt_plot(tilt_advice(np.eye(3), tilts=(0, 30))).x.label
    'Stage tilt (degrees)'
    """
    last = max(float(advice.tilts[-1]), 1.0)
    top = max(1.05, 1.05 * float(np.nanmax(advice.worst_sampling, initial=1.0)))
    tilts = np.asarray(advice.tilts, dtype=np.float64)
    parts: list[Part] = [
        Curve(key="trouble", note="Below it SCF* suggests trouble.", x=np.array([0.0, last]), y=np.full(2, TROUBLE),
              colour=palette.FSO, width=0.8, dash="dotted", text=f"SCF* = {TROUBLE:g}"),
        Curve(key="worst", label="worst direction", note="Views that sample the least sampled direction, 1 = even.",
              x=tilts, y=np.asarray(advice.worst_sampling, dtype=np.float64), colour=palette.BINGHAM, width=2.0),
        Curve(key="scf_star", label="SCF*", note=f"Sampling compensation factor; below {TROUBLE:g} expect trouble.",
              x=tilts, y=np.asarray(advice.scf_star, dtype=np.float64), colour=palette.FSO, width=2.0),
    ]  # fmt: skip
    if np.isfinite(advice.recommended):
        parts.append(
            Curve(key="recommended", label="recommended", note="The tilt that the advice names.",
                  x=np.full(2, float(advice.recommended)), y=np.array([0.0, top]), colour=palette.SELECTED,
                  dash="dashed")
        )  # fmt: skip
    x_ticks, x_texts = round_ticks(0.0, last, 6)
    y_ticks, y_texts = round_ticks(0.0, top)
    return Plot(
        x=Axis(label="Stage tilt (degrees)", low=0.0, high=last, ticks=x_ticks, texts=x_texts),
        y=Axis(label="Sampling (1 = even)", low=0.0, high=top, ticks=y_ticks, texts=y_texts),
        parts=tuple(parts),
    )
