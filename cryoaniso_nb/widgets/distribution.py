"""How directional resolution is distributed over the sphere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ..measures.fsc import global_crossing
from ..measures.resolution import resolution_statistics, weighted_percentiles
from . import colours
from ._view import TICKS, View, figure, lines, put, round_ticks, set_ticks
from .sphere import nearest_axis

__all__ = ["DistributionView", "distribution"]

Floats = NDArray[np.float64]

BINS = 24


def distribution(resolution: Floats, areas: Floats, bins: int = BINS) -> tuple[Floats, Floats]:
    """Histogram of directional resolution, weighted by area; the last bin holds what lies beyond.

    Parameters
    ----------
    resolution : ndarray, shape (A,)
        Å, NaN for unmeasured.
    areas : ndarray, shape (A,)
        Share of the sphere an axis.
    bins : int
        Number of bins.

    Returns
    -------
    tuple of ndarray
        Edges (bins + 1,) in Å and the share of the sphere in each bin in % (bins,).

    Examples
    --------
    >>> edges, share = distribution(np.array([3.0, 4.0, np.nan]), np.array([0.5, 0.3, 0.2]), 2)
    >>> share.tolist()
    [50.0, 30.0]
    """
    known = np.isfinite(resolution)
    if not known.any():
        return np.linspace(0.0, 1.0, bins + 1), np.zeros(bins)
    low, high = float(resolution[known].min()), float(resolution[known].max())
    high = min(high, weighted_percentiles(resolution[known], areas[known], (98.0,))[0] * 1.05)
    if high - low < 0.02 * low:
        low, high = low * 0.98, high * 1.02
    share, edges = np.histogram(np.minimum(resolution[known], high), bins=bins, range=(low, high), weights=areas[known])
    return edges, 100 * share


class DistributionView(View):
    """Area-weighted histogram of directional resolution.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    watches: ClassVar[tuple[str, ...]] = ("direction",)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the figure, once."""
        self.x, self.y = bqplot.LinearScale(min=0.0, max=1.0), bqplot.LinearScale(min=0.0, max=1.0)
        scales = {"x": self.x, "y": self.y}
        self.bars = lines(
            scales, colours.FSO, stroke_width=1, fill="bottom", fill_colors=[colours.FSO], fill_opacities=[0.45]
        )
        self.fsc = lines(scales, colours.FSC, stroke_width=1.5, line_style="dashed")
        self.selected = lines(scales, colours.SELECTED, stroke_width=2)
        self.x_axis = bqplot.Axis(
            scale=self.x,
            label="Directional resolution (Å)",
            grid_lines="none",
            tick_style=TICKS,
            label_offset="34px",
            tick_values=np.array([0.0, 1.0]),
        )
        self.y_axis = bqplot.Axis(
            scale=self.y,
            side="left",
            label="Share of directions (%)",
            grid_lines="none",
            tick_style=TICKS,
            label_offset="36px",
            tick_values=np.array([0.0, 1.0]),
        )
        self.figure = figure(
            [self.bars, self.fsc, self.selected],
            [self.x_axis, self.y_axis],
            300,
            fig_margin={"top": 8, "bottom": 46, "left": 52, "right": 20},
        )
        self.caption = ipywidgets.HTML()
        return [self.caption, self.figure]

    def draw(self, result: Any) -> None:
        """Show a result.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        directional = result.directional_resolution
        edges, share = distribution(directional.resolution, directional.areas)
        with self.x.hold_sync():
            self.x.min, self.x.max = float(edges[0]), float(edges[-1])
        self.y.max = max(1.0, float(share.max()) * 1.08)
        set_ticks(self.x_axis, round_ticks(self.x.min, self.x.max, 6))
        set_ticks(self.y_axis, round_ticks(0.0, self.y.max))
        put(self.bars, np.repeat(edges, 2)[1:-1], np.repeat(share, 2))
        chi = result.settings.threshold
        self._vertical(self.fsc, global_crossing(result.global_fsc, chi).resolution)
        self._draw_direction(result)
        s = resolution_statistics(directional)
        beyond = "; the last bar holds all beyond" if s.worst > edges[-1] else ""
        text = (
            "No direction crosses chi."
            if s.n_crossed == 0
            else f"<b>{s.mean:.2f} ± {s.sd:.2f} Å</b> (mean ± sd over the sphere); "
            f"5 % {s.p5:.2f}, median {s.p50:.2f}, 95 % {s.p95:.2f} Å"
        )
        text += f"{beyond}; dashed: FSC = {chi:g}" if s.n_crossed else ""
        self.caption.value = f'<div style="font-size:12px;line-height:18px">{text}</div>'

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Follow the selected direction.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        self._draw_direction(result)

    def _draw_direction(self, result: Any) -> None:
        value = np.nan
        if self.state.direction is not None:
            value = result.directional_resolution.resolution[nearest_axis(result.dfsc.axes, self.state.direction)]
        self._vertical(self.selected, float(value))

    def _vertical(self, mark: bqplot.Lines, x: float) -> None:
        inside = np.isfinite(x) and self.x.min <= x <= self.x.max
        put(mark, np.full(2, x if inside else 0.0), np.array([0.0, self.y.max]) if inside else np.full(2, -1e3))
