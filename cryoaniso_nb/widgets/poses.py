"""Poses and stage tilt: where views lie, what they sample, which tilt would help."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import ipywidgets

from ..figures.poses import PREDICTED, TILT, predicted_plot, tilt_plot
from ..figures.sphere import SPHERE, views_picture
from ..inputs.poses import Poses, ViewDensity, read_poses, view_density
from ..measures.agreement import PoseAgreement, pose_agreement
from ..measures.sampling_compensation import SCF, scf
from ..measures.tilt import TiltAdvice, tilt_advice
from ._panels import PicturePanel, PlotPanel, framed
from ._tree import close_tree
from ._view import View
from .sphere import PROJECTIONS

__all__ = ["PosesView"]

PIXELS = 96


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
        self.path.observe(lambda _change: self.session.mend("poses", "tilt"), names="value")
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
        self.projection = ipywidgets.Dropdown(
            description="Projection", options=PROJECTIONS, value="polar", layout={"width": "150px"}
        )
        self.projection.add_class("cryoaniso-unnamed")
        self.projection.observe(lambda _change: self.session.post(self._draw_views), names="value")
        inputs = ipywidgets.HBox(
            [self.path, self.symmetry, self.thickness, self.go],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.words = ipywidgets.HTML(layout={"width": "100%"})
        self.words.value = _paragraphs(["Give the particles of a refinement to see where they were seen from."])
        self.views = PicturePanel(SPHERE, disc=True, post=self.session.post)
        self.predicted, self.sampled = (PlotPanel(kind, post=self.session.post) for kind in (PREDICTED, TILT))
        self._panes = [
            ipywidgets.VBox(parts, layout={"flex": flex, "min_width": "0"})
            for parts, flex in (
                ([self.views.title, framed(self.views), self.projection], "1.1 1 260px"),
                ([self.predicted.legend, self.predicted.figure, self.predicted.pointer], "1.05 1 260px"),
                ([self.sampled.legend, self.sampled.figure, self.sampled.pointer], "1 1 260px"),
            )
        ]
        self.plots = ipywidgets.HBox(layout={"width": "100%", "flex_flow": "row wrap"})
        return [inputs, self.words, self.plots]

    # --- on the loop ----------------------------------------------------------------------

    def _read(self) -> None:
        path, symmetry = self.path.value.strip(), self.symmetry.value.strip() or "C1"
        if not path:
            self.session.complain("There is no poses file yet; give a RELION .star or a cryoSPARC .cs file.", "poses")
            return
        self.session.mend("poses", "tilt")
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
        for pane in self._panes:  # some may never have been shown
            close_tree(pane)
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
            if math.isfinite(correlation):
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
        picture = views_picture(self.density, projection=self.projection.value, pixels=PIXELS)
        self.views.show(picture)
        self.views.title.value = (
            f'<div style="font-size:12px;line-height:18px"><b>{html.escape(picture.title)}</b></div>'
        )

    def _draw_advice(self) -> None:
        advice = self.advice
        if advice is None:
            self.plots.children = self._panes[:1]
            return
        self.plots.children = self._panes if advice.has_maps else [self._panes[0], self._panes[2]]
        self.sampled.show(tilt_plot(advice))
        if advice.has_maps:
            self.predicted.show(predicted_plot(advice))

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
        agreement = pose_agreement(poses, result, symmetry=symmetry)
    return poses, view_density(poses, symmetry=symmetry), scf(poses, symmetry=symmetry), agreement


def _advised(poses: Poses, symmetry: str, loss: bool, result: Any, agreement: PoseAgreement | None) -> TiltAdvice:
    return tilt_advice(poses, result, symmetry=symmetry, thickness_loss=loss, agreement=agreement)


def _paragraphs(sentences: list[str], warnings: list[str] | None = None, *, bold: bool = False) -> str:
    """Plain sentences as HTML, the first one bold, warnings with a mark before them."""
    rows = [html.escape(text) for text in sentences]
    if bold and rows:
        rows[0] = f"<b>{rows[0]}</b>"
    rows += [f"<b>▲</b> {html.escape(text)}" for text in warnings or []]
    return f'<div style="font-size:13px;line-height:19px;white-space:normal">{"<br>".join(rows)}</div>'
