"""FSO, FSC and the Bingham test against frequency, with a shell cursor to drag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np

from ..figures import palette
from ..figures.curves import OCCUPANCY, occupancy_plot
from ..summary.conventions import BINGHAM_CURVES, bingham_choices
from ._marks import Raster, lines, put
from ._panels import PlotPanel
from ._shown import shown_bingham
from ._view import View

__all__ = ["FSOView"]


class FSOView(View):
    """Fourier shell occupancy, FSC and the Bingham test of a result.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    watches: ClassVar[tuple[str, ...]] = ("shell", "bingham")

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make figure, legend and cursor controls, once."""
        self.panel = PlotPanel(OCCUPANCY, right=True, post=self.session.post)
        self.panel.pointer.when("escape", lambda _said: self.session.select(direction=None))
        self._make_cursor()
        self.readout = ipywidgets.HTML()
        self.slider = ipywidgets.IntSlider(
            description="Shell",
            min=1,
            max=2,
            value=1,
            continuous_update=True,
            layout={"width": "190px"},
            style={"description_width": "38px"},
        )
        self.slider.add_class("cryoaniso-shell")
        self.slider.observe(self._slid, names="value")
        self.angstrom = ipywidgets.BoundedFloatText(
            description="Å", min=0.01, max=1e5, step=0.1, layout={"width": "84px"}, style={"description_width": "12px"},
            tooltip="Resolution of the shell: the nearest one is taken",
        )  # fmt: skip
        self.angstrom.add_class("cryoaniso-angstrom")
        self.angstrom.observe(self._typed, names="value")
        self.choice = ipywidgets.Dropdown(
            description="Test", options=[""], layout={"width": "208px"}, style={"description_width": "34px"}
        )
        self.choice.observe(self._chosen, names="value")
        self._offering = False
        controls = ipywidgets.HBox([self.slider, self.angstrom, self.choice], layout={"flex_flow": "row wrap"})
        return [self.panel.legend, self.panel.figure, controls, self.readout, self.panel.pointer]

    def _make_cursor(self) -> None:
        scales = self.panel.scales
        self.cursor = lines(scales, palette.SELECTED, stroke_width=1.5)
        self.pad = Raster(scales, (0.0, 0.5, 0.0, 1.0))  # takes clicks anywhere in the plot
        self.pad.mark.on_element_click(self._clicked)
        self.handle = bqplot.Scatter(
            x=np.zeros(1),
            y=np.array([1.0]),
            scales=scales,
            colors=[palette.SELECTED],
            marker="rectangle",
            default_size=170,
            enable_move=True,
            restrict_x=True,
        )
        self.handle.on_drag(self._dragged)
        self.handle.on_drag_end(self._dragged)
        self.panel.above += [self.cursor, self.pad.mark, self.handle]
        self.panel.lay()

    # --- from the front end, on any thread ---------------------------------------------

    def _clicked(self, _mark: Any, content: Any) -> None:
        self._pick(float(content["data"]["click_x"]))

    def _dragged(self, _mark: Any, content: Any) -> None:
        self._pick(float(content["point"]["x"]))

    def _slid(self, change: Any) -> None:
        if change["new"] != self.state.shell:
            self.session.select(shell=change["new"])

    def _typed(self, change: Any) -> None:
        if not self._offering:
            self._pick(1 / change["new"])

    def _chosen(self, change: Any) -> None:
        if not self._offering and change["new"] != shown_bingham(self.state):
            self.session.select(bingham=change["new"])

    def _pick(self, frequency: float) -> None:
        result = self.state.result
        if result is not None and np.isfinite(frequency):
            self.session.select(shell=int(np.abs(result.fso.frequency - frequency).argmin()) + 1)

    # --- on the loop ----------------------------------------------------------------------

    def draw(self, result: Any) -> None:
        """Show a result.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        self._offer_curves(result)
        others = [] if self.state.other is None else [("compared", self.state.other)]
        stale = self.session.kept.stale(result)
        plot = occupancy_plot(result, bingham=shown_bingham(self.state), others=others, stale=stale)
        self.panel.show(plot)
        self.pad.mark.x, self.pad.mark.y = np.array([plot.x.low, plot.x.high]), np.array([plot.y.low, plot.y.high])
        shells, name = result.fso.frequency.size, shown_bingham(self.state)
        self.panel.pointer.say(
            result.fso.frequency, ["\n".join(_shell_words(result, shell + 1, name)) for shell in range(shells)]
        )
        if self.slider.max != shells:
            self.slider.max = shells
        self._draw_cursor(result)

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Move the cursor, or draw another Bingham curve.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        if "bingham" in names:
            self.draw(result)
        self._draw_cursor(result)

    def _offer_curves(self, result: Any) -> None:
        options = tuple((BINGHAM_CURVES[name].label, name) for name in bingham_choices(result.bingham))
        self._offering = True  # what follows is no wish
        if tuple(self.choice.options) != options:
            self.choice.options = options
        if self.choice.value != shown_bingham(self.state):
            self.choice.value = shown_bingham(self.state)
        self._offering = False

    def _draw_cursor(self, result: Any) -> None:
        shell = min(self.state.shell, result.fso.frequency.size)
        frequency = float(result.fso.frequency[shell - 1])
        put(self.cursor, np.full(2, frequency), np.array([0.0, 1.0]))
        put(self.handle, np.array([frequency]), np.array([1.0]))
        if self.slider.value != shell:
            self.slider.value = shell
        self._offering = True
        if self.angstrom.value != round(1 / frequency, 2):
            self.angstrom.value = round(1 / frequency, 2)
        self._offering = False
        name = shown_bingham(self.state)
        values = _shell_words(result, shell, name)
        self.readout.value = f'<span style="font-size:12px">{" · ".join(values)}</span>'

    def _let_go(self) -> None:
        self.pad.close()
        super()._let_go()


def _shell_words(result: Any, shell: int, test: str) -> list[str]:
    """Shell, resolution and values of the curves there."""
    return [
        f"shell {shell}",
        f"{1 / float(result.fso.frequency[shell - 1]):.2f} Å",
        f"FSO {_text(result.fso.occupancy[shell - 1])}",
        f"FSC {_text(result.global_fsc.fsc[shell - 1])}",
        f"{BINGHAM_CURVES[test].label} {_text(getattr(result.bingham, test)[shell - 1])}",
    ]


def _text(value: float) -> str:
    if not np.isfinite(value):
        return "not measured"
    return f"{value:.3f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
