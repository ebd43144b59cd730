"""Directions on the half sphere: resolution, or dFSC of the cursor's shell."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np

from ..figures.parts import Picture
from ..figures.sphere import SPHERE, axis_text, resolution_picture, shell_picture
from ..geometry.directions import angles
from ..measures.spheremap import directions_at
from ._panels import PicturePanel, framed
from ._shown import selected_axis, shown_scale
from ._view import View

__all__ = ["PROJECTIONS", "SphereView"]

PIXELS = 96  # the page smooths it; cutting other cones draws it anew each time
PROJECTIONS = [("polar", "polar"), ("equal area", "equal-area")]
AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
PRESETS = (
    ("x", "Select the direction x"),
    ("y", "Select the direction y"),
    ("z", "Select the direction z"),
    ("worst", "Select the middle of the worst region"),
    ("best", "Select the middle of the best region"),
)
QUANTITIES = [("directional resolution", "resolution"), ("dFSC at the cursor", "dfsc")]


class SphereView(View):
    """Directional resolution over zenith and azimuth, or dFSC of one shell.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    beside : SphereView, optional
        Show the session's second result, as that view shows the first and on its colour scale.
    """

    watches: ClassVar[tuple[str, ...]] = ("shell", "direction", "projection", "limits", "dfsc_limits")
    projection: ipywidgets.Dropdown
    quantity: ipywidgets.Dropdown

    def __init__(self, source: Any, *, beside: SphereView | None = None, **kwargs: Any) -> None:
        self._beside = beside
        self._following = False
        super().__init__(source, **kwargs)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make figure and switches, once."""
        self.panel = PicturePanel(SPHERE, disc=True, clicked=self._pick, post=self.session.post)
        self.readout = ipywidgets.HTML()
        top = [self.panel.title]
        if self._beside is not None:
            self.projection, self.quantity = self._beside.projection, self._beside.quantity
            controls = []
        else:
            self.projection, self.quantity = (
                ipywidgets.Dropdown(description=name, options=options, value=first, layout={"width": width})
                for name, options, first, width in (
                    ("Projection", PROJECTIONS, "polar", "112px"),
                    ("Quantity", QUANTITIES, "resolution", "176px"),
                )
            )
            for choice in (self.projection, self.quantity):
                choice.add_class("cryoaniso-unnamed")  # the name is for those who don't see the choices
            wrap = {"flex_flow": "row wrap", "align_items": "center"}
            top.append(self.quantity)
            controls = [ipywidgets.HBox([self.projection, *self._range()], layout=wrap)]
        self.quantity.observe(lambda _change: self.session.post(self._redraw), names="value")
        self.projection.observe(lambda change: self.session.select(projection=change["new"]), names="value")
        head = ipywidgets.HBox(top, layout={"justify_content": "space-between", "flex_flow": "row wrap"})
        last = ipywidgets.HBox([self.readout, *(self._presets() if self._beside is None else [])],
                               layout={"flex_flow": "row wrap", "align_items": "center"})  # fmt: skip
        last.add_class("cryoaniso-presets")
        return [head, framed(self.panel), self.panel.legend, *controls, last]

    def _presets(self) -> list[ipywidgets.Widget]:
        """Buttons that select directions of note."""
        made = []
        for name, tip in PRESETS:
            button = ipywidgets.Button(description=name, tooltip=tip, layout={"width": "auto"})
            button.add_class(f"cryoaniso-to-{name}")
            button.on_click(lambda _button, name=name: self.session.post(self._go, name))
            made.append(button)
        return made

    def _go(self, name: str) -> None:
        result = self.state.result
        if name in AXES:
            self.session.select(direction=AXES[name])
        elif (regions := getattr(result, "regions", None)) is not None:
            marks = getattr(regions, name).marks(1)
            if len(marks):
                self.session.select(direction=tuple(map(float, marks[0])))

    def _range(self) -> list[ipywidgets.Widget]:
        """Inputs for the ends of the colour scale."""
        self.worst, self.best = (
            ipywidgets.BoundedFloatText(description=word, min=0.0, max=1e6, step=0.1,
                                        style={"description_width": "initial"}, layout={"width": width})
            for word, width in (("Colours", "112px"), ("to", "76px"))
        )  # fmt: skip
        self.auto = ipywidgets.Button(
            description="auto",
            tooltip="Colours from the 2nd to the 98th percentile of the reliable directions",
            layout={"width": "50px"},
        )
        self.auto.add_class("cryoaniso-auto")
        for end in (self.worst, self.best):
            end.observe(self._ranged, names="value")
        self.auto.on_click(lambda _button: self.session.select(**{self._kept: None}))
        return [self.worst, self.best, self.auto]

    # --- from the front end, on any thread ---------------------------------------------

    def _pick(self, x: float, y: float) -> None:
        direction = directions_at(x, y, self.state.projection)
        if np.isfinite(direction).all():
            self.session.select(direction=tuple(map(float, direction)))

    def _ranged(self, _change: Any) -> None:
        wanted = (float(self.worst.value), float(self.best.value))
        if not self._following and wanted[0] != wanted[1] and (min(wanted) > 0 or self._kept == "dfsc_limits"):
            self.session.select(**{self._kept: wanted})

    def _redraw(self) -> None:
        self._draw({"result"})

    # --- on the loop ----------------------------------------------------------------------

    @property
    def _kept(self) -> str:
        """Which part of the state holds the ends of the colours shown."""
        return "limits" if self.quantity.value == "resolution" else "dfsc_limits"

    def draw(self, result: Any) -> None:
        """Show a result (or the second one, on the first one's scale).

        Parameters
        ----------
        result : AnalysisResult
            The first result.
        """
        shown = result if self._beside is None else self.state.other
        if shown is None:
            return
        picture = self.picture(shown)
        self.panel.place = self.state.projection
        self.panel.show(picture)
        name = "" if self._beside is None else "Compared result: "
        self.panel.title.value = (
            f'<div style="font-size:12px;line-height:18px"><b>{html.escape(name + picture.title)}</b></div>'
        )
        self._show_range(picture)
        self._read(shown)

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Follow the cursor, the selected direction and the colours' range.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        if self.projection.value != self.state.projection:
            self.projection.value = self.state.projection
        if names - {"shell", "dfsc_limits"} or self.quantity.value == "dfsc":
            self.draw(result)

    def picture(self, shown: Any) -> Picture:
        """The description of what is shown of a result.

        Parameters
        ----------
        shown : AnalysisResult
            The first or the second.

        Returns
        -------
        Picture
            Of directional resolution, or of dFSC in the cursor's shell.
        """
        axis, projection = selected_axis(self.state, shown), self.state.projection
        if self.quantity.value == "resolution":
            scale = shown_scale(self.state)
            return resolution_picture(shown, projection=projection, scale=scale, pixels=PIXELS, axis=axis)
        return shell_picture(shown, self._shell(shown), projection=projection, pixels=PIXELS, axis=axis,
                             limits=self.state.dfsc_limits)  # fmt: skip

    def _shell(self, shown: Any) -> int:
        """The shell under the cursor; in a second result the one of that resolution."""
        frequency, first = shown.dfsc.frequency, self.state.result.dfsc.frequency
        shell = min(self.state.shell, first.size)
        return shell if shown is self.state.result else int(np.abs(frequency - first[shell - 1]).argmin()) + 1

    def _show_range(self, picture: Picture) -> None:
        """Write the ends of the colours into their inputs."""
        if self._beside is not None:
            return
        ends = (picture.scale.low, picture.scale.high)
        if self.quantity.value == "resolution":
            ends = (round(1 / ends[0], 2), round(1 / ends[1], 2))
        kept = getattr(self.state, self._kept)
        self._following = True
        self.worst.value, self.best.value = kept or ends
        self._following = False
        if self.auto.disabled != (kept is None):
            self.auto.disabled = kept is None

    def _read(self, shown: Any) -> None:
        axis = selected_axis(self.state, shown)
        if axis is None:
            text = "Click to select a direction"
        else:
            zenith, azimuth = (float(a[0]) for a in angles(shown.dfsc.axes[axis : axis + 1]))
            text = f"◆ zenith {zenith:.1f}°, azimuth {azimuth:.1f}°: {axis_text(shown, axis)}"
        self.readout.value = f'<span style="font-size:12px">{text}</span>'
