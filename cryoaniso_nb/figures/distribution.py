"""How directional resolution is distributed over the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..measures.fsc import global_crossing
from ..measures.resolution import resolution_statistics
from ..results.types import ResolutionFlag
from . import palette
from .parts import Axis, Bars, ColourScale, Curve, Dash, Layers, Part, Plot
from .sphere import MEASURED, NO_SIGNAL, NYQUIST, direction_classes, resolution_scale
from .ticks import angstrom_ticks, round_ticks

if TYPE_CHECKING:
    from ..summary.verdict import Analysed

__all__ = ["distribution_plot"]

Floats = NDArray[np.float64]

DISTRIBUTION: Layers = (
    ("bars", Bars),
    ("no_signal", Bars),
    ("nyquist", Bars),
    ("p5", Curve),
    ("p50", Curve),
    ("p95", Curve),
    ("fsc", Curve),
    ("selected", Curve),
)
BINS = 24
PERCENTILES: tuple[tuple[str, str, Dash], ...] = (
    ("p5", "best 5 %", "dotted"),
    ("p50", "median", "solid"),
    ("p95", "worst 5 %", "dotted"),
)


def distribution_plot(
    result: Analysed, *, scale: ColourScale | None = None, axis: int | None = None, bins: int = BINS
) -> Plot:
    """Histogram of directional resolution, weighted by area, in the colours of the sphere.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.
    scale : ColourScale, optional
        The sphere's; that of `resolution_scale` if not given.
    axis : int, optional
        A selected axis, whose resolution is marked.
    bins : int
        Number of bars between the worst and the best crossing.

    Returns
    -------
    Plot
        Linear in 1/Å and named in Å, as the other curves; the share of the sphere that reaches
        Nyquist and that without signal have bars of their own at the ends.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> plot = distribution_plot(ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=0)))
    >>> plot.x.label
    'Directional resolution (Å)'
    """
    d, classes = result.directional_resolution, direction_classes(result)
    known = classes == MEASURED
    low, high = _range(1 / d.resolution[known], float(result.dfsc.frequency[-1]), bool((classes == NYQUIST).any()))
    step = (high - low) / bins
    share, edges = np.histogram(1 / d.resolution[known], bins=bins, range=(low, high), weights=100 * d.areas[known])
    scale = scale or resolution_scale(result)
    bars: list[Part] = [
        Bars(key="bars", note="Share of the sphere in each step, in the colours of the sphere.", left=edges[:-1],
             right=edges[1:], height=share, colours=scale.colours((edges[:-1] + edges[1:]) / 2))
    ]  # fmt: skip
    ends = (
        ("no_signal", NO_SIGNAL, palette.NO_SIGNAL, "no signal", low - 2 * step),
        ("nyquist", NYQUIST, palette.NYQUIST, "reaches Nyquist", high + step / 2),
    )
    for key, number, colour, label, left in ends:
        part = 100 * float(d.areas[classes == number].sum())
        if part > 0:
            bars.append(
                Bars(key=key, label=f"{label} ({part:.1f} %)", left=np.array([left]),
                     right=np.array([left + 1.5 * step]), height=np.array([part]), colours=(colour,))
            )  # fmt: skip
            low, high = min(low, left - step), max(high, left + 2.5 * step)
    tallest = max([float(bar.height.max()) for bar in bars if isinstance(bar, Bars)], default=0.0)
    top = max(1.0, 1.06 * tallest)
    ticks, texts = angstrom_ticks(low, high)
    shares, words = round_ticks(0.0, top)
    return Plot(
        x=Axis(label="Directional resolution (Å)", low=low, high=high, ticks=ticks, texts=texts),
        y=Axis(label="Share of the sphere (%)", low=0.0, high=top, ticks=shares, texts=words),
        parts=(*bars, *_lines(result, axis, top)),
        notes=_notes(result),
    )


def _range(values: Floats, nyquist: float, reaches: bool) -> tuple[float, float]:
    """From the worst to the best crossing, at least 4 % apart; to Nyquist where directions reach it."""
    low, high = (float(values.min()), float(values.max())) if values.size else (nyquist / 2, nyquist)
    high = nyquist if reaches else high
    if high < 1.04 * low:
        low, high = 0.98 * low, 1.02 * high
    return low, high


def _lines(result: Analysed, axis: int | None, top: float) -> list[Part]:
    """Percentiles, the global FSC's crossing, the selected direction."""
    found: list[Part] = []
    s, chi = resolution_statistics(result.directional_resolution), result.settings.threshold
    named = zip(PERCENTILES, (s.p5, s.p50, s.p95), s.percentile_flags, strict=True)
    for (key, words, dash), value, flag in named:
        if flag is ResolutionFlag.CROSSED:
            found.append(_vertical(key, value, top, palette.RULE, dash, words))
    crossing = global_crossing(result.global_fsc, chi)
    if crossing.flag is ResolutionFlag.CROSSED:
        found.append(_vertical("fsc", crossing.resolution, top, palette.FSC, "dashed", f"global FSC = {chi:g}"))
    if axis is not None and np.isfinite(result.directional_resolution.resolution[axis]):
        value = float(result.directional_resolution.resolution[axis])
        found.append(_vertical("selected", value, top, palette.SELECTED, "solid", "selected direction", 2.0))
    return found


def _vertical(
    key: str, resolution: float, top: float, colour: str, dash: Dash, words: str, width: float = 1.5
) -> Curve:
    return Curve(key=key, label=f"{words}: {resolution:.2f} Å", x=np.full(2, 1 / resolution), y=np.array([0.0, top]),
                 colour=colour, dash=dash, width=width)  # fmt: skip


def _notes(result: Analysed) -> tuple[str, ...]:
    s = resolution_statistics(result.directional_resolution)
    if not s.n_crossed:
        return ("No direction crosses χ.",)
    return (f"{s.mean:.2f} ± {s.sd:.2f} Å (mean ± sd over the sphere)",)
