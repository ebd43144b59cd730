"""How directional resolution is distributed over the sphere."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np

from ..figures.distribution import DISTRIBUTION, distribution_plot
from ..figures.parts import Bars, Plot
from ..figures.sphere import MEASURED, NO_SIGNAL, NYQUIST, direction_classes
from ._panels import PlotPanel
from ._shown import selected_axis, shown_scale
from ._view import View

__all__ = ["DistributionView"]

ENDS = {"no_signal": NO_SIGNAL, "nyquist": NYQUIST}  # bars beyond the crossings


class DistributionView(View):
    """Area-weighted histogram of directional resolution, in the colours of the sphere.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    watches: ClassVar[tuple[str, ...]] = ("direction", "limits")

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the figure, once."""
        self.panel = PlotPanel(DISTRIBUTION, post=self.session.post)
        self.panel.pointer.when("click", lambda said: self.session.post(self._pick, said["x"]))
        self.caption = ipywidgets.HTML()
        words = ipywidgets.HBox([self.caption, self.panel.legend])
        words.add_class("cryoaniso-beside")
        return [words, self.panel.figure, self.panel.pointer]

    def _pick(self, frequency: float) -> None:
        """Select the direction of the resolution that was clicked, or one beyond the ends."""
        result, plot = self.state.result, self.panel.plot
        if result is None or plot is None:
            return
        classes, d = direction_classes(result), result.directional_resolution
        wanted = MEASURED
        for part in plot.parts:
            if isinstance(part, Bars) and part.key in ENDS and part.left[0] <= frequency <= part.right[0]:
                wanted = ENDS[part.key]
        away = np.where(classes == wanted, np.abs(1 / d.resolution - frequency) if wanted == MEASURED else 0.0, np.inf)
        if np.isfinite(away).any():
            self.session.select(direction=tuple(map(float, result.dfsc.axes[int(away.argmin())])))

    def draw(self, result: Any) -> None:
        """Show a result.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        plot = distribution_plot(result, scale=shown_scale(self.state), axis=selected_axis(self.state, result))
        self.panel.show(plot)
        self.panel.pointer.say(*_texts(plot))
        notes = html.escape(" ".join(plot.notes))
        self.caption.value = f'<div style="font-size:12px;line-height:18px">{notes}</div>'

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Follow the selected direction and the colours' range.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        self.draw(result)


def _texts(plot: Plot) -> tuple[list[float], list[str]]:
    """Middles of the bars, and what each stands for."""
    places, texts = [], []
    for part in plot.parts:
        if isinstance(part, Bars):
            for left, right, height in zip(part.left, part.right, part.height, strict=True):
                places.append(float(left + right) / 2)
                span = f"{1 / left:.2f} to {1 / right:.2f} Å: {height:.1f} %"
                texts.append(f"{part.label} of the sphere" if part.label else f"{span} of the sphere")
    return places, texts
