"""FSO, FSC and the Bingham test against frequency, with a shell cursor to drag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np

from . import colours
from ._view import TICKS, Picture, View, angstrom_ticks, figure, finite_pieces, legend, lines, put, set_ticks

__all__ = ["BINGHAM_CURVES", "FSOView"]

# name -> (label on the axis, one line of explanation)
BINGHAM_CURVES = {
    "p_value": (
        "BT textbook p-value",
        "Chance of so large a Bingham statistic if directions were independent and isotropic: small means anisotropic.",
    ),
    "published": (
        "BT as published",
        "The curve of the 2023 paper: it grows with anisotropy, above 0.05 it calls a shell anisotropic.",
    ),
    "calibrated": (
        "BT calibrated p-value",
        "P-value against simulated isotropic half maps of the same FSC, mask and cones: small means anisotropic.",
    ),
}

LEVELS = (0.9, 0.5, 0.1)


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
        self.x = bqplot.LinearScale(min=0.0, max=1e-3)
        self.y = bqplot.LinearScale(min=0.0, max=1.05)
        self.p = bqplot.LinearScale(min=0.0, max=1.05)
        left, right = {"x": self.x, "y": self.y}, {"x": self.x, "y": self.p}
        self.zone = bqplot.Lines(
            x=np.zeros(4),
            y=np.full(4, -1e3),
            scales=left,
            colors=[colours.ZONE],
            fill="inside",
            fill_opacities=[0.24],
            stroke_width=0,
        )
        self.band = lines(
            left, colours.FSO, stroke_width=0, fill="between", fill_colors=[colours.FSO], fill_opacities=[0.3]
        )
        self.floor = lines(left, colours.FSO, stroke_width=1.5, line_style="dotted")
        self.corrected_fso = lines(left, colours.CORRECTED, stroke_width=2)
        self.corrected_fsc = lines(left, colours.CORRECTED, stroke_width=1.5, line_style="dash_dotted")
        self.levels = lines(left, colours.LINE, stroke_width=1, opacities=[0.45] * 3)
        self.chi = lines(left, colours.CHI, stroke_width=1, line_style="dash_dotted")
        self.fsc = lines(left, colours.FSC)
        self.fsc_unmasked = lines(left, colours.FSC, stroke_width=1, opacities=[0.7] * 12)
        self.bt = lines(right, colours.BT, line_style="dashed")
        self.fso = lines(left, colours.FSO, stroke_width=2.5)
        self.other_bt = lines(right, colours.OTHER, line_style="dashed")
        self.other_fso = lines(left, colours.OTHER, stroke_width=2.5)
        self.cursor = lines(left, colours.SELECTED, stroke_width=1.5)
        self.pad = Picture(left, (0.0, 0.5), (0.0, 1.05))  # takes clicks anywhere in the plot
        self.pad.mark.on_element_click(self._clicked)
        self.handle = bqplot.Scatter(
            x=np.zeros(1),
            y=np.array([1.0]),
            scales=left,
            colors=[colours.SELECTED],
            marker="rectangle",
            default_size=170,
            enable_move=True,
            restrict_x=True,
        )
        self.handle.on_drag(self._dragged)
        self.handle.on_drag_end(self._dragged)
        self.x_axis = bqplot.Axis(
            scale=self.x, label="Resolution (Å)", grid_lines="none", tick_style=TICKS, label_offset="34px"
        )
        y_axis = bqplot.Axis(
            scale=self.y,
            side="left",
            label="FSO, FSC",
            tick_style=TICKS,
            label_offset="36px",
            tick_values=np.array([0, 0.1, 0.5, 0.9, 1.0]),
            tick_format=".1f",
            grid_lines="none",
        )
        self.p_axis = bqplot.Axis(
            scale=self.p,
            side="right",
            label=BINGHAM_CURVES["p_value"][0],
            tick_style=TICKS,
            label_offset="40px",
            tick_values=np.array([0, 0.05, 0.25, 0.5, 0.75, 1.0]),
            grid_lines="none",
            label_color=colours.BT,
        )
        marks = [
            self.zone,
            self.band,
            self.levels,
            self.chi,
            self.floor,
            self.fsc_unmasked,
            self.fsc,
            self.other_bt,
            self.bt,
            self.corrected_fsc,
            self.corrected_fso,
            self.other_fso,
            self.fso,
            self.cursor,
            self.pad.mark,
            self.handle,
        ]
        self.figure = figure(
            marks,
            [self.x_axis, y_axis, self.p_axis],
            320,
            fig_margin={"top": 12, "bottom": 46, "left": 52, "right": 58},
        )
        self.legend = ipywidgets.HTML()
        self.readout = ipywidgets.HTML()
        self.slider = ipywidgets.IntSlider(
            description="Shell",
            min=1,
            max=2,
            value=1,
            continuous_update=True,
            layout={"width": "260px"},
            style={"description_width": "38px"},
        )
        self.slider.add_class("cryoaniso-shell")
        self.slider.observe(self._slid, names="value")
        self.choice = ipywidgets.Dropdown(
            description="Test",
            options=[(BINGHAM_CURVES[name][0], name) for name in ("p_value", "published")],
            layout={"width": "230px"},
            style={"description_width": "34px"},
        )
        self.choice.observe(lambda change: self.session.select(bingham=change["new"]), names="value")
        controls = ipywidgets.HBox([self.slider, self.choice], layout={"flex_flow": "row wrap"})
        return [self.legend, self.figure, controls, self.readout]

    # --- from the front end, on any thread ---------------------------------------------

    def _clicked(self, _mark: Any, content: Any) -> None:
        self._pick(float(content["data"]["click_x"]))

    def _dragged(self, _mark: Any, content: Any) -> None:
        self._pick(float(content["point"]["x"]))

    def _slid(self, change: Any) -> None:
        if change["new"] != self.state.shell:
            self.session.select(shell=change["new"])

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
        frequency = result.fso.frequency
        self._fit_axis(float(frequency[-1]), frequency.size)
        top = self.x.max
        put(self.fso, *finite_pieces(frequency, result.fso.occupancy))
        put(self.fsc, *finite_pieces(frequency, result.global_fsc.fsc))
        masked = result.settings.mask != "none"
        put(self.fsc_unmasked, *finite_pieces(frequency, result.global_fsc.fsc_unmasked), visible=masked)
        put(self.chi, np.array([0, top]), np.full(2, result.settings.threshold))
        put(self.zone, *self._zone(result, top))
        other = self.state.other
        for mark in (self.other_fso, self.other_bt):
            mark.visible = other is not None
        if other is not None:
            put(self.other_fso, *finite_pieces(other.fso.frequency, other.fso.occupancy))
        self._draw_statistics(result)
        self._offer_curves(result)
        self._draw_test(result)
        self._draw_cursor(result)
        self._draw_legend(result, masked)

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
            self._offer_curves(result)
            self._draw_test(result)
            self._draw_legend(result, result.settings.mask != "none")
        self._draw_cursor(result)

    def _fit_axis(self, top: float, shells: int) -> None:
        if self.x.max != top:
            self.x.max = top
            set_ticks(self.x_axis, *angstrom_ticks(0.0, top))
            self.pad.mark.x = np.array([0.0, top])
            x = np.tile(np.array([0.0, top]), (3, 1))
            put(self.levels, x, np.repeat(np.array(LEVELS)[:, None], 2, axis=1))
        if self.slider.max != shells:
            self.slider.max = shells

    def _draw_statistics(self, result: Any) -> None:
        """Band and floor, and the curves corrected for the mask, as far as the result carries them."""
        band, correction = result.band, result.mask_correction
        if band is not None:
            known = np.isfinite(band.low) & np.isfinite(band.high)
            put(self.band, band.frequency[known], np.stack([band.low[known], band.high[known]]), visible=True)
            put(self.floor, *finite_pieces(band.frequency, band.floor), visible=True)
        if correction is not None:
            put(self.corrected_fsc, *finite_pieces(correction.frequency, correction.corrected), visible=True)
            put(self.corrected_fso, *finite_pieces(correction.fso.frequency, correction.fso.occupancy), visible=True)
        for carried, marks in (
            (band, (self.band, self.floor)),
            (correction, (self.corrected_fsc, self.corrected_fso)),
        ):
            for mark in marks:
                if carried is None and mark.visible:
                    mark.visible = False

    def _zone(self, result: Any, top: float) -> tuple[Any, Any]:
        """Corners of the transition zone; to Nyquist where it doesn't end."""
        onset, end = result.fso.onset.frequency, result.fso.end.frequency
        if not np.isfinite(onset):
            return np.zeros(4), np.full(4, -1e3)
        end = end if np.isfinite(end) else top
        return np.array([onset, end, end, onset]), np.array([0.0, 0.0, 1.0, 1.0])

    def _offer_curves(self, result: Any) -> None:
        names = ["p_value", "published"] + (["calibrated"] if result.bingham.calibrated is not None else [])
        options = tuple((BINGHAM_CURVES[name][0], name) for name in names)
        if tuple(self.choice.options) != options:
            self.choice.options = options
        if self.state.bingham in names and self.choice.value != self.state.bingham:
            self.choice.value = self.state.bingham

    def _curve(self, result: Any) -> Any:
        curve = getattr(result.bingham, self.state.bingham)
        return np.full(result.fso.frequency.size, np.nan) if curve is None else curve

    def _draw_test(self, result: Any) -> None:
        put(self.bt, *finite_pieces(result.bingham.frequency, self._curve(result)))
        if self.state.other is not None:
            put(self.other_bt, *finite_pieces(self.state.other.bingham.frequency, self._curve(self.state.other)))
        label = BINGHAM_CURVES[self.state.bingham][0]
        if self.p_axis.label != label:
            self.p_axis.label = label

    def _draw_cursor(self, result: Any) -> None:
        shell = min(self.state.shell, result.fso.frequency.size)
        frequency = float(result.fso.frequency[shell - 1])
        put(self.cursor, np.full(2, frequency), np.array([0.0, 1.0]))
        put(self.handle, np.array([frequency]), np.array([1.0]))
        if self.slider.value != shell:
            self.slider.value = shell
        values = [
            f"shell {shell}",
            f"{1 / frequency:.2f} Å",
            f"FSO {_text(result.fso.occupancy[shell - 1])}",
            f"FSC {_text(result.global_fsc.fsc[shell - 1])}",
            f"{BINGHAM_CURVES[self.state.bingham][0]} {_text(self._curve(result)[shell - 1])}",
        ]
        self.readout.value = f'<span style="font-size:12px">{" · ".join(values)}</span>'

    def _draw_legend(self, result: Any, masked: bool) -> None:
        name, note = BINGHAM_CURVES[self.state.bingham]
        entries = [
            ("FSO", colours.FSO, "solid", "Fourier shell occupancy: share of directions whose dFSC reaches chi."),
            (
                "transition zone",
                colours.ZONE,
                "band",
                "From FSO = 0.9 to FSO = 0.1: some directions hold signal, some don't.",
            ),
            ("FSC (masked)" if masked else "FSC", colours.FSC, "solid", "Fourier shell correlation of whole shells."),
        ]
        if masked:
            entries.append(("FSC unmasked", colours.FSC + "99", "solid", "The same without the mask."))
        entries += [
            (name, colours.BT, "dashed", note),
            (f"chi = {result.settings.threshold:.3g}", colours.CHI, "dashed", "dFSC that counts as signal."),
        ]
        if result.band is not None:
            level = f"{100 * result.band.level:g} %"
            entries.append(
                (f"{level} band", colours.FSO, "band", f"Holds the mean FSO of such maps in {level} of cases.")
            )
            entries.append(("noise floor", colours.FSO, "dotted", "FSO of pure noise: what passes chi by luck alone."))
        if result.mask_correction is not None:
            entries += [
                (
                    "FSO, mask-corrected",
                    colours.CORRECTED,
                    "solid",
                    "FSO with what the mask alone correlates taken out.",
                ),
                ("FSC, mask-corrected", colours.CORRECTED, "dashed", "(t - n)/(1 - n) with randomised phases."),
            ]
        if self.state.other is not None:
            entries.append(("compared: FSO, BT", colours.OTHER, "solid", "The second result."))
        self.legend.value = legend(entries)


def _text(value: float) -> str:
    if not np.isfinite(value):
        return "not measured"
    return f"{value:.3f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
