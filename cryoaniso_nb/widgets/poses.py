"""Poses and stage tilt: where views lie, what they sample, which tilt would help."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np

from ..measures.agreement import PoseAgreement, pose_agreement
from ..measures.scf import SCF, TROUBLE, scf
from ..measures.spheremap import sphere_raster
from ..measures.tilt import TiltAdvice, tilt_advice
from ..poses import Poses, ViewDensity, read_poses, view_density
from . import colours
from ._disc import BAR, LEFT, REACH, Frame, round_ratio
from ._disc import MARGIN as DISC_MARGIN
from ._view import (
    TICKS,
    Picture,
    View,
    angstrom_ticks,
    close_tree,
    figure,
    finite_pieces,
    legend,
    lines,
    put,
    round_ticks,
    set_ticks,
)

__all__ = ["PosesView"]

PIXELS = 96
SMOOTHING = 10.0  # degrees, half-angle of the kernel views are smoothed with, as in views_figure
HEIGHT = 270
PALETTE = "cividis"
PROJECTIONS = [("polar (zenith)", "polar"), ("equal area", "equal-area")]
TILT_COLOURS = ("#868686", "#1f9d68", "#8d6bc9", "#2f86d2")  # untilted, half-way, highest, recommended
MARGIN = {"top": 8, "bottom": 46, "left": 52, "right": 16}


class PosesView(View):
    """View directions of a poses file, sampling numbers, and advice on the stage tilt.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        Its dFSC turns sampling into predicted FSO.
    """

    def __init__(self, source: Any, **kwargs: Any) -> None:
        self.poses: Poses | None = None
        self.density: ViewDensity | None = None
        self.sampling: SCF | None = None
        self.agreement: PoseAgreement | None = None
        self.advice: TiltAdvice | None = None
        super().__init__(source, **kwargs)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make inputs, sphere and plots, once."""
        style = {"description_width": "initial"}
        self.path = ipywidgets.Text(
            description="Poses", placeholder="run_data.star or particles.cs", style=style, layout={"width": "400px"}
        )
        self.symmetry = ipywidgets.Text(value="C1", description="Symmetry", style=style, layout={"width": "130px"})
        self.thickness = ipywidgets.Checkbox(
            value=False,
            description="thicker ice costs signal",
            indent=False,
            tooltip="Let the signal fall as cos(tilt), for the longer path through the ice",
            layout={"width": "180px"},
        )
        self.go = ipywidgets.Button(description="Read", tooltip="Read the poses and advise on the stage tilt")
        self.go.layout.width = "80px"
        self.go.add_class("cryoaniso-poses")
        self.go.on_click(lambda _button: self.session.post(self._read))
        self.projection = ipywidgets.Dropdown(options=PROJECTIONS, value="polar", layout={"width": "150px"})
        self.projection.observe(lambda _change: self.session.post(self._draw_views), names="value")
        inputs = ipywidgets.HBox(
            [self.path, self.symmetry, self.thickness, self.go],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.words = ipywidgets.HTML(layout={"width": "100%"})
        self.words.value = _paragraphs(["Give the particles of a refinement to see where they were seen from."])
        self.occupancy_legend, self.tilt_legend = ipywidgets.HTML(), ipywidgets.HTML()
        self._panels = [
            ipywidgets.VBox(parts, layout={"flex": flex, "min_width": "0"})
            for parts, flex in (
                ([self._sphere(), self.projection], "1.1 1 0"),
                ([self.occupancy_legend, self._occupancy()], "1.05 1 0"),
                ([self.tilt_legend, self._tilts()], "1 1 0"),
            )
        ]
        self.plots = ipywidgets.HBox(layout={"width": "100%"})
        return [inputs, self.words, self.plots]

    def _sphere(self) -> bqplot.Figure:
        x, y = bqplot.LinearScale(min=-LEFT, max=REACH + BAR), bqplot.LinearScale(min=-REACH, max=REACH)
        self.colour = bqplot.LinearScale(min=0.0, max=2.0)
        flat = {"x": x, "y": y}
        self.picture = Picture(flat, (-1.0, 1.0), (-1.0, 1.0), pixelated=False)
        self.bar = Picture({"x": x, "y": self.colour}, (REACH + 0.2, REACH + BAR), (0.0, 2.0), pixelated=False)
        self.bar.show(colours.scale_png(PALETTE))
        self.frame = Frame(flat)
        self.colour_axis = bqplot.Axis(
            scale=self.colour,
            side="right",
            label="Views (1 = even)",
            tick_style=TICKS,
            label_offset="38px",
            grid_lines="none",
            tick_values=np.array([0.0, 1.0, 2.0]),
        )
        marks = [self.picture.mark, self.bar.mark, self.frame.rings, *self.frame.labels]
        made = figure(marks, [self.colour_axis], HEIGHT, fig_margin=dict(DISC_MARGIN))
        made.add_class("cryoaniso-disc")
        made.max_aspect_ratio = max(made.max_aspect_ratio, round_ratio(HEIGHT))
        made.min_aspect_ratio = round_ratio(HEIGHT)
        made.max_aspect_ratio = round_ratio(HEIGHT)
        return made

    def _occupancy(self) -> bqplot.Figure:
        self.x = bqplot.LinearScale(min=0.0, max=1e-3)
        scales = {"x": self.x, "y": bqplot.LinearScale(min=0.0, max=1.05)}
        self.levels = lines(scales, colours.LINE, stroke_width=1, opacities=[0.45] * 2)
        self.predicted = [lines(scales, colour, stroke_width=1.5) for colour in TILT_COLOURS]
        self.predicted[-1].stroke_width = 2.5
        self.x_axis = bqplot.Axis(
            scale=self.x, label="Resolution (Å)", grid_lines="none", tick_style=TICKS, label_offset="34px"
        )
        y_axis = bqplot.Axis(
            scale=scales["y"],
            side="left",
            label="Predicted FSO",
            tick_style=TICKS,
            label_offset="36px",
            tick_values=np.array([0, 0.1, 0.5, 0.9, 1.0]),
            tick_format=".1f",
            grid_lines="none",
        )
        return figure([self.levels, *self.predicted], [self.x_axis, y_axis], HEIGHT - 20, fig_margin=dict(MARGIN))

    def _tilts(self) -> bqplot.Figure:
        self.tilt_scale = bqplot.LinearScale(min=0.0, max=60.0)
        self.even_scale = bqplot.LinearScale(min=0.0, max=1.05)
        scales = {"x": self.tilt_scale, "y": self.even_scale}
        self.worst = lines(scales, colours.BT, stroke_width=2)
        self.star = lines(scales, colours.FSO, stroke_width=2)
        self.trouble = lines(scales, colours.FSO, stroke_width=1, line_style="dotted")
        self.recommended = lines(scales, colours.SELECTED, stroke_width=1.5, line_style="dashed")
        self.tilt_axis = bqplot.Axis(
            scale=self.tilt_scale, label="Stage tilt (°)", grid_lines="none", tick_style=TICKS, label_offset="34px"
        )
        self.even_axis = bqplot.Axis(
            scale=self.even_scale,
            side="left",
            label="Sampling (1 = even)",
            grid_lines="none",
            tick_style=TICKS,
            label_offset="36px",
        )
        marks = [self.trouble, self.recommended, self.worst, self.star]
        return figure(marks, [self.tilt_axis, self.even_axis], HEIGHT - 20, fig_margin=dict(MARGIN))

    # --- on the loop ----------------------------------------------------------------------

    def _read(self) -> None:
        path, symmetry = self.path.value.strip(), self.symmetry.value.strip() or "C1"
        if not path:
            self.state.error = "There is no poses file yet; give a RELION .star or a cryoSPARC .cs file."
            return
        self.state.error = ""
        self.words.value = _paragraphs(["Reading …"])
        result, loss = self._whole_result(), bool(self.thickness.value)

        def sampled(found: Any) -> None:
            if self._useless(found):
                return
            self.poses, self.density, self.sampling, self.agreement = found
            self.advice = None
            self._show(waiting=True)
            poses, _, _, agreement = found
            self.session.compute("tilt", _caught(lambda: _advised(poses, symmetry, loss, result, agreement)), advised)

        def advised(found: Any) -> None:
            if not self._useless(found):
                self.advice = found
                self._show(waiting=False)

        self.session.compute("poses", _caught(lambda: _sampled(path, symmetry, result)), sampled)

    def _let_go(self) -> None:
        for panel in self._panels:  # some may never have been shown
            close_tree(panel)
        super()._let_go()

    def _whole_result(self) -> Any:
        result = self.state.result
        return None if result is None or result.partial else result

    def _useless(self, found: Any) -> bool:
        """Whether there is nothing to show: None comes of a job that a newer one replaced."""
        if isinstance(found, Exception):
            self.words.value = ""
            raise found  # the session puts it into the error panel
        return found is None

    def _show(self, *, waiting: bool) -> None:
        if self.poses is None or self.sampling is None:
            return
        sentences = [] if self.advice is None else [self.advice.advice]
        sentences += ["Predicting what stage tilts would do …"] if waiting else []
        halves = "" if not self.poses.half_set.any() else ", half sets known"
        sentences += [f"{self.poses.source}: {len(self.poses)} {self.poses.kind} poses{halves}.", self.sampling.verdict]
        warnings = [*self.poses.warnings, *self.sampling.warnings]
        if self.agreement is not None:
            correlation = self.agreement.correlation
            sentences.append(f"Rank correlation of sampling with dFSC over directions: {correlation:.2f}.")
            warnings += self.agreement.warnings
        if self.advice is not None:
            warnings += self.advice.warnings
            sentences.append("Assumed: " + " ".join(self.advice.assumptions))
        self.words.value = _paragraphs(sentences, list(dict.fromkeys(warnings)), bold=self.advice is not None)
        self._draw_views()
        self._draw_advice()

    def _draw_views(self) -> None:
        if self.density is None:
            return
        self.frame.draw(self.projection.value)
        values = sphere_raster(self.density.density, self.density.axes, PIXELS, SMOOTHING, self.projection.value)
        top = max(2.0, float(np.nanmax(values)))
        self.picture.show(colours.map_png(values, 0.0, top, PALETTE))
        if self.colour.max != top:
            self.colour.max = top
            self.bar.mark.y = np.array([0.0, top])
        set_ticks(self.colour_axis, round_ticks(0.0, top))

    def _draw_advice(self) -> None:
        advice = self.advice
        if advice is None:
            self.plots.children = self._panels[:1]
            return
        self.plots.children = self._panels if advice.has_maps else [self._panels[0], self._panels[2]]
        top = max(1.05, 1.05 * float(np.nanmax(advice.worst_sampling, initial=1.0)))
        last = max(float(advice.tilts[-1]), 1.0)
        self.even_scale.max, self.tilt_scale.max = top, last
        set_ticks(self.even_axis, round_ticks(0.0, top))
        set_ticks(self.tilt_axis, round_ticks(0.0, last, 6))
        put(self.worst, *finite_pieces(advice.tilts, advice.worst_sampling))
        put(self.star, *finite_pieces(advice.tilts, advice.scf_star))
        put(self.trouble, np.array([0.0, last]), np.full(2, TROUBLE))
        known = math.isfinite(advice.recommended)
        put(self.recommended, np.full(2, advice.recommended if known else -1e3), np.array([0.0, top]))
        entries = [
            ("worst direction", colours.BT, "solid", "Views that sample the least sampled direction, 1 = even."),
            ("SCF*", colours.FSO, "solid", f"Sampling compensation factor; below {TROUBLE:g} (dotted) expect trouble."),
        ]
        if known:
            entries.append(("recommended", colours.SELECTED, "dashed", "The tilt that the sentence above advises."))
        self.tilt_legend.value = legend(entries)
        if advice.has_maps:
            self._draw_predicted(advice)

    def _draw_predicted(self, advice: TiltAdvice) -> None:
        top = float(advice.frequency[-1])
        self.x.max = top
        set_ticks(self.x_axis, *angstrom_ticks(0.0, top, 7))
        put(self.levels, np.array([[0.0, top]] * 2), np.array([[0.9, 0.9], [0.1, 0.1]]))
        best = np.flatnonzero(advice.tilts == advice.recommended)
        usual = (0, len(advice.tilts) // 2, len(advice.tilts) - 1)
        chosen = [None if i in best else i for i in usual] + [int(best[0]) if best.size else None]
        entries = []
        for mark, colour, index in zip(self.predicted, TILT_COLOURS, chosen, strict=True):
            mark.visible = index is not None
            if index is not None:
                put(mark, *finite_pieces(advice.frequency, advice.occupancy[index]))
                name = f"{advice.tilts[index]:g}°" + (" (recommended)" if index in best else "")
                entries.append((name, colour, "solid", "Predicted FSO at this stage tilt."))
        self.occupancy_legend.value = legend(entries)

    def draw(self, result: Any) -> None:
        """Nothing: advice is computed on demand, for the result of that time.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """


def _caught(function: Any) -> Any:
    """The function, but its error is its value."""

    def call() -> Any:
        try:
            return function()
        except Exception as error:
            return error

    return call


def _sampled(path: str, symmetry: str, result: Any) -> tuple[Poses, ViewDensity, SCF, PoseAgreement | None]:
    poses = read_poses(path)
    agreement = None
    if result is not None:
        cone = result.settings.cone_half_angle
        agreement = pose_agreement(poses, result.dfsc, symmetry=symmetry, cone_half_angle=cone)
    return poses, view_density(poses, symmetry=symmetry), scf(poses, symmetry=symmetry), agreement


def _advised(poses: Poses, symmetry: str, loss: bool, result: Any, agreement: PoseAgreement | None) -> TiltAdvice:
    settings: dict[str, Any] = {}
    if result is not None:
        settings = {
            "dfsc": result.dfsc,
            "threshold": result.settings.threshold,
            "cone_half_angle": result.settings.cone_half_angle,
            "agreement": agreement,
        }
    return tilt_advice(poses, symmetry=symmetry, thickness_loss=loss, **settings)


def _paragraphs(sentences: list[str], warnings: list[str] | None = None, *, bold: bool = False) -> str:
    """Plain sentences as HTML, the first one bold, warnings with a mark before them."""
    rows = [html.escape(text) for text in sentences]
    if bold and rows:
        rows[0] = f"<b>{rows[0]}</b>"
    rows += [f'<span style="color:{colours.BT}">▲</span> {html.escape(text)}' for text in warnings or []]
    return f'<div style="font-size:13px;line-height:19px;white-space:normal">{"<br>".join(rows)}</div>'
