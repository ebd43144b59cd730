"""The fan of dFSC over all directions, with the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ..directions import angles
from . import colours
from ._view import TICKS, View, angstrom_ticks, figure, finite_pieces, legend, lines, put, set_ticks
from .sphere import nearest_axis

__all__ = ["FanView", "fan"]

Floats = NDArray[np.float64]


def fan(values: Floats, areas: Floats) -> Floats:
    """Mean, 5 and 95 % percentiles, lowest and highest dFSC of each shell, weighted by area.

    Parameters
    ----------
    values : ndarray, shape (A, S)
        dFSC, NaN for unmeasured.
    areas : ndarray, shape (A,)
        Weights.

    Returns
    -------
    ndarray, shape (5, S)
        NaN where no direction is measured.

    Examples
    --------
    >>> fan(np.array([[0.0], [1.0]]), np.array([0.5, 0.5]))[:, 0].tolist()
    [0.5, 0.0, 1.0, 0.0, 1.0]
    """
    order = np.argsort(values, axis=0)  # NaN last
    ordered = np.take_along_axis(values, order, axis=0)
    measured = np.isfinite(ordered)
    weights = np.where(measured, areas[order], 0.0)
    total = weights.sum(axis=0)
    out = np.full((5, values.shape[1]), np.nan)
    known = total > 0
    if not known.any():
        return out
    ordered, weights, share = (
        ordered[:, known],
        weights[:, known],
        (np.cumsum(weights, axis=0) / np.where(total > 0, total, 1.0))[:, known],
    )
    out[0, known] = (np.nan_to_num(ordered) * weights).sum(axis=0) / total[known]
    for row, level in ((1, 0.05), (2, 0.95)):
        place = (share < level - 1e-12).sum(axis=0)
        out[row, known] = ordered[np.minimum(place, len(ordered) - 1), np.arange(ordered.shape[1])]
    out[3, known] = ordered[0]
    out[4, known] = ordered[measured.sum(axis=0)[known] - 1, np.arange(ordered.shape[1])]
    return out


class FanView(View):
    """Mean, band and extremes of dFSC against frequency.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    watches: ClassVar[tuple[str, ...]] = ("shell", "direction")

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the figure, once."""
        self.x = bqplot.LinearScale(min=0.0, max=1e-3)
        self.y = bqplot.LinearScale(min=-0.25, max=1.05)
        scales = {"x": self.x, "y": self.y}
        self.extremes = lines(scales, colours.FSO, stroke_width=1, opacities=[0.55] * 12)
        self.band = lines(
            scales, colours.FSO, stroke_width=0, fill="between", fill_colors=[colours.FSO], fill_opacities=[0.25]
        )
        self.mean = lines(scales, colours.FSO, stroke_width=2)
        self.fsc = lines(scales, colours.FSC)
        self.chi = lines(scales, colours.CHI, stroke_width=1, line_style="dash_dotted")
        self.selected = lines(scales, colours.SELECTED, stroke_width=2)
        self.cursor = lines(scales, colours.SELECTED, stroke_width=1, opacities=[0.7])
        self.x_axis = bqplot.Axis(
            scale=self.x, label="Resolution (Å)", grid_lines="none", tick_style=TICKS, label_offset="34px"
        )
        y_axis = bqplot.Axis(
            scale=self.y,
            side="left",
            label="dFSC",
            tick_style=TICKS,
            label_offset="36px",
            grid_lines="none",
            tick_values=np.array([-0.2, 0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            tick_format=".1f",
        )
        marks = [self.band, self.extremes, self.mean, self.fsc, self.chi, self.cursor, self.selected]
        self.figure = figure(
            marks, [self.x_axis, y_axis], 300, fig_margin={"top": 8, "bottom": 46, "left": 52, "right": 20}
        )
        self.legend = ipywidgets.HTML()
        return [self.legend, self.figure]

    def draw(self, result: Any) -> None:
        """Show a result.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        frequency = result.dfsc.frequency
        top = float(frequency[-1])
        if self.x.max != top:
            self.x.max = top
            set_ticks(self.x_axis, *angstrom_ticks(0.0, top, 8))
        done = result.dfsc.done
        mean, low, high, least, most = fan(result.dfsc.values[done], result.dfsc.areas[done])
        known = np.isfinite(mean)
        put(self.mean, *finite_pieces(frequency, mean))
        if known.any():
            put(self.band, np.tile(frequency[known], (2, 1)), np.stack([low, high])[:, known])
            put(self.extremes, np.tile(frequency[known], (2, 1)), np.stack([least, most])[:, known])
        put(self.fsc, *finite_pieces(frequency, result.global_fsc.fsc))
        put(self.chi, np.array([0.0, top]), np.full(2, result.settings.threshold))
        self._draw_direction(result)
        self._draw_cursor(result)

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Follow cursor and direction.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        if "direction" in names:
            self._draw_direction(result)
        if "shell" in names:
            self._draw_cursor(result)

    def _draw_cursor(self, result: Any) -> None:
        frequency = result.dfsc.frequency[min(self.state.shell, result.dfsc.frequency.size) - 1]
        put(self.cursor, np.full(2, frequency), np.array([-0.25, 1.05]))

    def _draw_direction(self, result: Any) -> None:
        entries = [
            ("mean dFSC", colours.FSO, "solid", "Mean over directions, weighted by area."),
            ("5–95 %", colours.FSO, "band", "Between these lie 90 % of the directions."),
            ("least, most", colours.FSO + "8c", "solid", "The lowest and highest dFSC of any direction."),
            ("FSC", colours.FSC, "solid", "Fourier shell correlation of whole shells."),
        ]
        if self.state.direction is None:
            put(self.selected, np.zeros(2), np.full(2, -1e3))
        else:
            axis = nearest_axis(result.dfsc.axes, self.state.direction)
            put(self.selected, *finite_pieces(result.dfsc.frequency, result.dfsc.values[axis]))
            zenith, azimuth = (float(a[0]) for a in angles(result.dfsc.axes[axis][None]))
            note = f"dFSC in the cone of {result.settings.cone_half_angle:g} degrees around the selected direction."
            entries.append(
                (
                    f"zenith {zenith:.0f}°, azimuth {azimuth:.0f}°, cone ±{result.settings.cone_half_angle:g}°",
                    colours.SELECTED,
                    "solid",
                    note,
                )
            )
        text = legend(entries)
        if self.legend.value != text:
            self.legend.value = text
