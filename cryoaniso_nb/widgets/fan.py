"""The fan of dFSC over all directions, with the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np

from ..figures import palette
from ..figures.fan import FAN, fan_plot
from ..figures.parts import Band, Curve, Plot
from ._marks import lines, put
from ._panels import PlotPanel
from ._shown import selected_axis
from ._view import View

__all__ = ["FanView"]


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
        self.panel = PlotPanel(FAN, post=self.session.post)
        self.panel.pointer.when("click", lambda said: self.session.post(self._pick, said["x"], said["y"]))
        self.cursor = lines(self.panel.scales, palette.SELECTED, stroke_width=1, opacities=[0.7])
        self.panel.above.append(self.cursor)
        self.panel.lay()
        return [self.panel.legend, self.panel.figure, self.panel.pointer]

    def _pick(self, frequency: float, value: float) -> None:
        """Select the direction whose curve passes nearest to where it was clicked."""
        dfsc = None if self.state.result is None else self.state.result.dfsc
        if dfsc is None:
            return
        away = np.abs(dfsc.values[:, int(np.abs(dfsc.frequency - frequency).argmin())] - value)
        away[~dfsc.done] = np.nan
        if np.isfinite(away).any():
            self.session.select(direction=tuple(map(float, dfsc.axes[int(np.nanargmin(away))])))

    def draw(self, result: Any) -> None:
        """Show a result.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        plot = fan_plot(result, axis=selected_axis(self.state, result))
        self.panel.show(plot)
        self.panel.pointer.say(result.dfsc.frequency, _texts(plot))
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
            self.draw(result)
        else:
            self._draw_cursor(result)

    def _draw_cursor(self, result: Any) -> None:
        frequency = result.dfsc.frequency[min(self.state.shell, result.dfsc.frequency.size) - 1]
        put(self.cursor, np.full(2, frequency), np.array([self.panel.y.min, self.panel.y.max]))


def _texts(plot: Plot) -> list[str]:
    """What the curves are worth in each shell."""
    curves = [part for part in plot.parts[::-1] if isinstance(part, Curve) and part.label]
    bands = [part for part in plot.parts if isinstance(part, Band)]
    return [
        "\n".join(
            [f"{1 / frequency:.2f} Å, shell {shell + 1}"]
            + [f"{curve.label} {curve.y[shell]:.3f}" for curve in curves if np.isfinite(curve.y[shell])]
            + [f"{band.label} {band.low[shell]:.3f} to {band.high[shell]:.3f}" for band in bands
               if np.isfinite(band.low[shell])]
        )
        for shell, frequency in enumerate(curves[0].x)
    ]  # fmt: skip
