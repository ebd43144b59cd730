"""Directions on the half sphere: resolution, or dFSC of the cursor's shell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ..directions import angles
from ..headline import dipping_axes, worst_axis
from ..measures.resolution import resolution_statistics
from ..measures.spheremap import directions_at, positions_of, sphere_raster
from ..plot_sphere import COLOURS, resolution_limits
from . import colours
from ._disc import BAR, LEFT, MARGIN, REACH, Frame, round_ratio
from ._view import TICKS, Picture, View, figure, lines, put, round_ticks, set_ticks

__all__ = ["SphereView", "nearest_axis"]

Floats = NDArray[np.float64]

PIXELS = 88  # the page smooths it; cutting other cones draws it anew each time
PROJECTIONS = [("polar (zenith)", "polar"), ("equal area", "equal-area")]
QUANTITIES = [("directional resolution", "resolution"), ("dFSC at the cursor", "dfsc")]
FIGURE_HEIGHT = 320  # pixels
FIGURE_HEIGHT_BESIDE = 258  # what is left of it where two spheres share the width


def nearest_axis(axes: Floats, direction: Any) -> int:
    """The axis nearest to a direction, or its antipode.

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors.
    direction : array_like, shape (3,)
        Unit vector.

    Returns
    -------
    int
        Its index.

    Examples
    --------
    >>> nearest_axis(np.eye(3), (0.0, 0.1, -0.99))
    2
    """
    return int(np.abs(axes @ np.asarray(direction, dtype=np.float64)).argmax())


class SphereView(View):
    """Directional resolution over zenith and azimuth, or dFSC of one shell.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    beside : SphereView, optional
        Show the session's second result, as that view shows the first and on its colour scale.
    """

    watches: ClassVar[tuple[str, ...]] = ("shell", "direction")

    def __init__(self, source: Any, *, beside: SphereView | None = None, **kwargs: Any) -> None:
        self._beside = beside
        self._shown: tuple[float, float] = (0.0, 1.0)
        super().__init__(source, **kwargs)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make figure and switches, once."""
        x = bqplot.LinearScale(min=-LEFT, max=REACH + BAR)
        y = bqplot.LinearScale(min=-REACH, max=REACH)
        self.colour = bqplot.LinearScale(min=0.0, max=1.0)
        flat = {"x": x, "y": y}
        self.picture = Picture(flat, (-1.0, 1.0), (-1.0, 1.0), pixelated=False)
        self.picture.mark.on_element_click(self._clicked)
        self.bar = Picture({"x": x, "y": self.colour}, (REACH + 0.2, REACH + BAR), (0.0, 1.0), pixelated=False)
        self.bar.show(colours.scale_png(COLOURS))
        self.frame = Frame(flat)
        self.passing = self._points(flat, "circle", ["#ffffff"], 9)
        self.cone = lines(flat, colours.SELECTED, stroke_width=2)
        self.best = self._points(flat, "circle", ["#202020"], 110, fill=False, stroke="#202020", stroke_width=2.5)
        self.worst = self._points(flat, "cross", ["#ffffff"], 130, stroke="#202020", stroke_width=1)
        self.chosen = self._points(flat, "diamond", [colours.SELECTED], 90, stroke="#ffffff", stroke_width=1)
        for mark in (self.passing, self.best, self.worst):
            mark.on_element_click(self._point_clicked)
        self.colour_axis = bqplot.Axis(
            scale=self.colour,
            side="right",
            label="Resolution (Å)",
            tick_style=TICKS,
            label_offset="38px",
            grid_lines="none",
            tick_values=np.array([0.0, 1.0]),
        )
        marks = [
            self.picture.mark,
            self.bar.mark,
            self.frame.rings,
            self.passing,
            *self.frame.labels,
            self.cone,
            self.best,
            self.worst,
            self.chosen,
        ]
        self.figure = figure(marks, [self.colour_axis], FIGURE_HEIGHT, fig_margin=dict(MARGIN))
        self.figure.add_class("cryoaniso-disc")
        self.title = ipywidgets.HTML()
        self.keep_round()
        if self._beside is None:
            self.projection = ipywidgets.Dropdown(options=PROJECTIONS, value="polar", layout={"width": "150px"})
            self.quantity = ipywidgets.Dropdown(options=QUANTITIES, value="resolution", layout={"width": "170px"})
        else:
            self.projection, self.quantity = self._beside.projection, self._beside.quantity
        for choice in (self.projection, self.quantity):
            choice.observe(lambda change: self.session.post(self._redraw), names="value")
        self.readout = ipywidgets.HTML()
        parts = (
            []
            if self._beside is not None
            else [ipywidgets.HBox([self.quantity, self.projection], layout={"flex_flow": "row wrap"})]
        )
        return [self.title, self.figure, *parts, self.readout]

    def _points(self, scales: Any, marker: str, fills: list[str], size: int, **traits: Any) -> bqplot.Scatter:
        return bqplot.Scatter(
            x=np.array([-9.0]),
            y=np.array([-9.0]),
            scales=scales,
            marker=marker,
            colors=fills,
            default_size=size,
            **traits,
        )

    def keep_round(self) -> None:
        """Set the figure's shape so that the disc is round: its margins are as wide in any size."""
        height = FIGURE_HEIGHT if self.state.other is None else FIGURE_HEIGHT_BESIDE
        ratio = round_ratio(height)
        self.title.layout.min_height = None if self.state.other is None else "54px"  # three lines: discs side by side
        with self.figure.hold_sync():  # one of them has to move first: both together are always in order
            self.figure.max_aspect_ratio, self.figure.min_aspect_ratio = (
                max(ratio, self.figure.min_aspect_ratio),
                min(ratio, self.figure.max_aspect_ratio),
            )
            self.figure.max_aspect_ratio = self.figure.min_aspect_ratio = ratio

    # --- from the front end, on any thread ---------------------------------------------

    def _clicked(self, _mark: Any, content: Any) -> None:
        self._pick(content["data"]["click_x"], content["data"]["click_y"])

    def _point_clicked(self, _mark: Any, content: Any) -> None:
        self._pick(content["data"]["x"], content["data"]["y"])

    def _pick(self, x: float, y: float) -> None:
        direction = directions_at(float(x), float(y), self.projection.value)
        if np.isfinite(direction).all():
            self.session.select(direction=tuple(map(float, direction)))

    def _redraw(self) -> None:
        self._draw({"result"})

    # --- on the loop ----------------------------------------------------------------------

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
        self.keep_round()
        self.frame.draw(self.projection.value)
        self._draw_values(result, shown)
        self._draw_direction(shown)

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Follow the cursor and the selected direction.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        shown = result if self._beside is None else self.state.other
        if shown is None:
            return
        if "shell" in names and self.quantity.value == "dfsc":
            self._draw_values(result, shown)
        if "direction" in names:
            self._draw_direction(shown)

    def values(self, result: Any) -> Floats:
        """What the sphere shows of a result: one number an axis.

        Parameters
        ----------
        result : AnalysisResult
            With directions.

        Returns
        -------
        ndarray, shape (A,)
            Å, or dFSC.
        """
        if self.quantity.value == "resolution":
            return np.asarray(result.directional_resolution.resolution)
        return np.asarray(result.dfsc.values[:, self._shell(result) - 1])

    def _shell(self, shown: Any) -> int:
        """The shell under the cursor; in a second result the one of that resolution."""
        frequency, first = shown.dfsc.frequency, self.state.result.dfsc.frequency
        shell = min(self.state.shell, first.size)
        return shell if shown is self.state.result else int(np.abs(frequency - first[shell - 1]).argmin()) + 1

    def _draw_values(self, first: Any, shown: Any) -> None:
        resolution = self.quantity.value == "resolution"
        values, done = self.values(shown), shown.dfsc.done
        low, high = self.limits(first)
        picture = sphere_raster(
            values[done], shown.dfsc.axes[done], PIXELS, shown.settings.cone_half_angle, self.projection.value
        )
        self.picture.show(colours.map_png(picture, low, high, COLOURS))
        if (low, high) != self._shown:
            self._shown = (low, high)
            with self.colour.hold_sync():
                self.colour.min, self.colour.max = low, high
            self.bar.mark.y = np.array([low, high])
            set_ticks(self.colour_axis, round_ticks(low, high))
        label = "Resolution (Å)" if resolution else "dFSC"
        if self.colour_axis.label != label:
            self.colour_axis.label = label
        passing = _doubtful(shown) if resolution else done & (np.nan_to_num(values, nan=-1) >= shown.settings.threshold)
        self._place(self.passing, shown.dfsc.axes[passing])
        self._draw_extremes(shown, resolution)
        self.title.value = (
            f'<div style="font-size:12px;line-height:18px">{self._caption(shown, resolution, passing)}</div>'
        )

    def limits(self, first: Any) -> tuple[float, float]:
        """Ends of the colour scale, over both results; 2nd and 98th percentile for resolution.

        Parameters
        ----------
        first : AnalysisResult
            The first result.

        Returns
        -------
        tuple of float
            Low and high, in Å or dFSC.
        """
        if self.quantity.value != "resolution":
            return 0.0, 1.0
        return resolution_limits(*[r for r in (first, self.state.other) if r is not None])

    def _draw_extremes(self, shown: Any, resolution: bool) -> None:
        best = resolution_statistics(shown.directional_resolution).best_axis
        for mark, axis in ((self.best, best), (self.worst, worst_axis(shown))):
            self._place(mark, shown.dfsc.axes[axis : axis + 1] if resolution and axis >= 0 else np.empty((0, 3)))

    def _caption(self, shown: Any, resolution: bool, passing: NDArray[np.bool_]) -> str:
        name = "" if self._beside is None else "Compared result: "
        if not resolution:
            shell = self._shell(shown)
            return (
                f"{name}<b>dFSC in shell {shell}</b> ({1 / shown.dfsc.frequency[shell - 1]:.2f} Å); "
                f"dots: the {int(passing.sum())} of {int(shown.dfsc.done.sum())} directions that pass chi"
            )
        s = resolution_statistics(shown.directional_resolution)
        if s.n_crossed == 0:
            return f"{name}<b>Directional resolution</b>: no direction crosses chi"
        worst = worst_axis(shown)
        low = "none falls below chi" if worst < 0 else f"worst (+) {_resolution_text(shown, worst)}"
        text = f"{name}<b>Directional resolution</b>: best (○) {s.best:.2f} Å, {low}"
        left_out = s.n_not_crossed + s.n_below_at_start
        text += f"; {left_out} without a crossing (blank)" if left_out else ""
        doubtful = int(passing.sum())
        why = "that a dip set, which comes back" if shown.band is None else "that noise may have set"
        return text + (f"; dots: {doubtful} {why}" if doubtful else "")

    def _place(self, mark: bqplot.Scatter, axes: Floats) -> None:
        if len(axes) == 0:
            put(mark, np.array([-9.0]), np.array([-9.0]))
        else:
            put(mark, *positions_of(axes, self.projection.value))

    def _draw_direction(self, shown: Any) -> None:
        direction = self.state.direction
        if direction is None:
            self._place(self.chosen, np.empty((0, 3)))
            put(self.cone, np.zeros(2), np.full(2, -1e3))
            self.readout.value = '<span style="font-size:12px">Click the sphere to select a direction.</span>'
            return
        axis = nearest_axis(shown.dfsc.axes, direction)
        vector = shown.dfsc.axes[axis]
        self._place(self.chosen, vector[None])
        put(self.cone, *cone_outline(vector, shown.settings.cone_half_angle, self.projection.value))
        zenith, azimuth = (float(a[0]) for a in angles(vector[None]))
        text = f"◆ zenith {zenith:.1f}°, azimuth {azimuth:.1f}°: {_resolution_text(shown, axis)}"
        self.readout.value = f'<span style="font-size:12px">{text}</span>'


def _doubtful(result: Any) -> NDArray[np.bool_]:
    """Axes whose resolution noise may have set; before a band was asked for, those with an early dip."""
    if result.band is not None:
        return np.asarray(result.band.doubtful & result.directional_resolution.measured)
    doubtful = np.zeros(len(result.dfsc.axes), dtype=bool)
    doubtful[dipping_axes(result)] = True
    return doubtful


def _resolution_text(result: Any, axis: int) -> str:
    from ..results import ResolutionFlag

    flag = ResolutionFlag(int(result.directional_resolution.flag[axis]))
    if flag is ResolutionFlag.CROSSED:
        return f"{result.directional_resolution.resolution[axis]:.2f} Å"
    return f"{flag.label} (≤ Nyquist)" if flag is ResolutionFlag.NOT_CROSSED else flag.label


@lru_cache(maxsize=2)
def _circle(points: int) -> Floats:
    turn = np.linspace(0, 2 * np.pi, points)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def cone_outline(vector: Floats, half_angle: float, projection: str) -> tuple[Floats, Floats]:
    """The rim of a cone (and of its antipode) on the disc, in finite pieces.

    Parameters
    ----------
    vector : ndarray, shape (3,)
        The cone's axis.
    half_angle : float
        Degrees.
    projection : str
        Of the disc.

    Returns
    -------
    tuple of ndarray
        x and y.

    Examples
    --------
    >>> x, y = cone_outline(np.array([0.0, 0, 1]), 45.0, "polar")
    >>> bool(np.allclose(np.hypot(x, y), 0.5))
    True
    """
    side = np.cross(vector, (1.0, 0, 0) if abs(vector[0]) < 0.8 else (0.0, 1, 0))
    side /= np.linalg.norm(side)
    up = np.cross(vector, side)
    angle = np.deg2rad(half_angle)
    rim = np.cos(angle) * vector + np.sin(angle) * (_circle(73) @ np.stack([side, up]))
    x, y = positions_of(rim, projection)
    jumps = np.flatnonzero(np.hypot(np.diff(x), np.diff(y)) > 0.7) + 1
    if jumps.size == 0:
        return x, y
    pieces = [piece for piece in np.split(np.arange(len(x)), jumps) if len(piece)]
    longest = max(map(len, pieces))
    index = np.array([np.pad(piece, (0, longest - len(piece)), mode="edge") for piece in pieces])
    return x[index], y[index]
