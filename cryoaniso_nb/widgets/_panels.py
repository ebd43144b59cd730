"""Descriptions of figures as bqplot marks, each under its key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ..figures.palette import BINGHAM
from ..figures.parts import Axis, Band, Bars, Curve, Layers, Markers, Part, Picture, Plot, Text
from ..figures.ticks import ticks_within
from ._marks import AWAY, Raster, finite_pieces, lines, put, set_ticks
from ._pointer import Pointer
from ._tree import close_tree
from ._words import plot_in_words, values_in_words
from .colours import bar_html, legend_html, picture_indices, picture_png

__all__ = ["Panel", "PicturePanel", "PlotPanel", "framed", "row"]

Floats = NDArray[np.float64]

DASHES = {"solid": "solid", "dashed": "dashed", "dotted": "dotted", "dashdot": "dash_dotted"}
TICKS = {"font-size": "11px"}
MARGIN = {"top": 10, "bottom": 44, "left": 50, "right": 14}  # pixels around the axes, for their words
RIGHT = 60  # the same where there is a right axis
DARK, LIGHT = "#202020", "#ffffff"


class Panel:
    """A bqplot figure that shows descriptions, with its legend.

    Parameters
    ----------
    kinds : sequence of str
        CSS classes of the figure.
    margin : dict
        Pixels around the axes.
    layers : Layers
        What it may show. All marks are there from the start: a page that is given another list
        of marks before it has drawn the last one loses some.
    post : callable, optional
        Calls a function where widgets may change: `LiveSession.post`.
    """

    def __init__(
        self, kinds: Sequence[str], margin: dict[str, int], layers: Layers, post: Callable[..., object] | None = None
    ) -> None:
        self._post = post or (lambda function, *arguments: function(*arguments))
        self.x, self.y = bqplot.LinearScale(min=0.0, max=1.0), bqplot.LinearScale(min=0.0, max=1.0)
        self.marks = {key: self._made(kind) for key, kind in layers}
        self._order = list(self.marks)  # from the bottom to the top
        self.legend = ipywidgets.HTML()
        self.below: list[Any] = []  # marks of the view itself, under and over the parts
        self.above: list[Any] = []
        self.figure = bqplot.Figure(
            marks=[],
            axes=[],
            fig_margin=margin,
            animation_duration=0,
            display_toolbar=False,
            padding_x=0.0,
            padding_y=0.0,
        )
        self.figure.layout.min_width = "0"
        for kind in ("cryoaniso-figure", *kinds):
            self.figure.add_class(kind)
        self.hidden: set[str] = set()  # keys that were taken off in the legend
        self._parts: list[Part] = []
        self._named: list[Part] = []
        self.pointer = Pointer(self.figure, self.x, self.y)
        self.pointer.when("toggle", lambda said: self._post(self._toggle, str(said.get("key", ""))))
        self.legend.add_class(f"{self.pointer.target}-legend")

    @property
    def scales(self) -> dict[str, Any]:
        """The scales of all marks."""
        return {"x": self.x, "y": self.y}

    def _fit(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show this range, unless the page has zoomed into the same axis."""
        before, home = self.pointer.home, [*map(float, (*x, *y))]
        self.pointer.home = home
        shown = [self.x.min, self.x.max, self.y.min, self.y.max]
        if before[:2] == home[:2] and shown != before:
            return
        for scale, (low, high) in ((self.x, x), (self.y, y)):
            if (scale.min, scale.max) != (low, high):
                with scale.hold_sync():
                    scale.min, scale.max = low, high

    def _show_parts(self, parts: Iterable[Part]) -> None:
        """Put the parts on their marks; a mark whose part is missing is hidden."""
        self._parts = list(parts)
        shown = {part.key: part for part in self._parts if not self._is_hidden(part.key)}
        before = None
        for key, part in shown.items():
            if key not in self.marks:
                self.marks[key] = self._made(type(part))
                self._order.insert(0 if before is None else self._order.index(before) + 1, key)
            _put(self.marks[key], part)
            before = key
        for key, mark in self.marks.items():
            if key not in shown and mark.visible:
                mark.visible = False
        self.lay()

    def _is_hidden(self, key: str) -> bool:
        return any(key == off or key.startswith(f"{off}_past") for off in self.hidden)

    def _toggle(self, key: str) -> None:
        """Take a part off, or show it again."""
        self.hidden ^= {key}
        self._show_parts(self._parts)
        self._name(self._named)

    def lay(self) -> None:
        """Give the figure its marks."""
        marks = [*self.below, *(self.marks[key] for key in self._order), *self.above]
        if [id(mark) for mark in self.figure.marks] != [id(mark) for mark in marks]:
            self.figure.marks = marks

    def _made(self, kind: type[Part]) -> Any:
        mark = _mark(kind, self.scales)
        mark.visible = False
        return mark

    def _name(self, parts: Iterable[Part]) -> None:
        self._named = list(parts)
        text = legend_html(self._named, hidden=self.hidden)
        if self.legend.value != text:
            self.legend.value = text

    def close(self) -> None:
        """Close its widgets, also those that no view took into its tree."""
        for part in vars(self).values():
            for widget in part if isinstance(part, list) else part.values() if isinstance(part, dict) else [part]:
                if isinstance(widget, ipywidgets.Widget):
                    close_tree(widget)


class PlotPanel(Panel):
    """Curves on axes, as wide as the container.

    Parameters
    ----------
    layers : Layers
        What it may show.
    right : bool
        Whether there is room for a right axis.
    post : callable, optional
        Calls a function where widgets may change: `LiveSession.post`.
    """

    def __init__(self, layers: Layers, *, right: bool = False, post: Callable[..., object] | None = None) -> None:
        super().__init__(["cryoaniso-plot"], {**MARGIN, "right": RIGHT if right else MARGIN["right"]}, layers, post)
        self.plot: Plot | None = None
        self.x_axis = _axis(self.x, "bottom", "32px")
        self.y_axis = _axis(self.y, "left", "36px")
        self.right_axis = _axis(self.y, "right", "42px", label_color=BINGHAM)  # on the same scale: one zero
        self.figure.axes = [self.x_axis, self.y_axis, *([self.right_axis] if right else [])]
        self._words = {below: _label(self.scales, "start", 10 if below else -3) for below in (False, True)}
        self.above = [*self._words.values()]
        self.lay()
        for scale in (self.x, self.y):
            scale.observe(lambda _change: self._post(self._name_axes), names=["min", "max"])

    def _name_axes(self) -> None:
        """Ticks for the range shown."""
        if self.plot is None:
            return
        axes = ((self.x_axis, self.plot.x), (self.y_axis, self.plot.y), (self.right_axis, self.plot.right))
        for widget, axis in axes:
            if axis is not None:
                scale = self.x if widget is self.x_axis else self.y
                _name_axis(widget, ticks_within(axis, float(scale.min), float(scale.max)))

    def show(self, plot: Plot) -> None:
        """Draw a description.

        Parameters
        ----------
        plot : Plot
            What is shown.
        """
        self.plot = plot
        self._fit((plot.x.low, plot.x.high), (plot.y.low, plot.y.high))
        self._name_axes()
        self.pointer.description = plot_in_words(plot)
        self.pointer.say(*values_in_words(plot))
        self._show_parts(plot.parts)
        for below, mark in self._words.items():
            said = [part for part in plot.parts if isinstance(part, Curve) and part.text and part.below is below]
            x = plot.x.low + 0.01 * (plot.x.high - plot.x.low)
            _write(mark, [Text(x=x, y=float(part.y[0]), text=part.text) for part in said])
        self._name(plot.legend)


class PicturePanel(Panel):
    """An array in colours on equal axes, with a colour bar; keeps its shape in any container.

    Parameters
    ----------
    layers : Layers
        What it may show over it.
    disc : bool
        Whether it is a picture of the half sphere.
    clicked : callable, optional
        Told where it was clicked (x, y), on any thread.
    place : {'angstrom', 'length'}
        How a place on a picture of no half sphere is named.
    post : callable, optional
        Calls a function where widgets may change: `LiveSession.post`.
    """

    def __init__(
        self,
        layers: Layers,
        *,
        disc: bool = False,
        clicked: Callable[[float, float], object] | None = None,
        place: str = "length",
        post: Callable[..., object] | None = None,
    ) -> None:
        self._clicked = clicked or (lambda x, y: None)
        super().__init__(["cryoaniso-picture", "cryoaniso-disc" if disc else "cryoaniso-square"],
                         {"top": 0, "bottom": 0, "left": 0, "right": 0}, layers, post)  # fmt: skip
        self.place = place
        self.picture: Picture | None = None
        self.raster = Raster(self.scales, (0.0, 1.0, 0.0, 1.0), pixelated=not disc)
        self.below = [self.raster.mark]
        self.raster.mark.on_element_click(lambda _mark, said: self._tell(said["data"], "click_x", "click_y"))
        self._inside, self._outside = _label(self.scales, "middle", 4, LIGHT), _label(self.scales, "middle", 4)
        self.above = [self._inside, self._outside]
        self.lay()
        self.title = ipywidgets.HTML()
        self.bar = ipywidgets.HTML()
        self.bar.add_class("cryoaniso-scale")

    def show(self, picture: Picture) -> None:
        """Draw a description.

        Parameters
        ----------
        picture : Picture
            What is shown.
        """
        self.picture = picture
        left, right, bottom, top = picture.view
        self._fit((left, right), (bottom, top))
        self._keep_shape((right - left) / (top - bottom))
        indices = picture_indices(picture)
        self.raster.show(picture_png(indices, picture.colours), picture.extent)
        self.pointer.show(picture, indices, self.place)
        self.pointer.description = f"{picture.title}. {picture.scale.label}. {' '.join(picture.notes)}".strip()
        self._show_parts((*picture.curves, *picture.markers))
        _write(self._inside, [text for text in picture.texts if text.inside])
        _write(self._outside, [text for text in picture.texts if not text.inside])
        self._name(picture.legend)
        text = bar_html(picture.scale)
        if self.bar.value != text:
            self.bar.value = text

    def _made(self, kind: type[Part]) -> Any:
        mark = super()._made(kind)
        if kind is Markers:
            mark.on_element_click(lambda _mark, said: self._tell(said["data"], "x", "y"))
        return mark

    def _tell(self, place: dict[str, float], x: str, y: str) -> None:
        self._clicked(float(place[x]), float(place[y]))

    def _keep_shape(self, ratio: float) -> None:
        """One of the two has to move first: the page wants them in order at all times."""
        if (self.figure.min_aspect_ratio, self.figure.max_aspect_ratio) == (ratio, ratio):
            return
        with self.figure.hold_sync():
            self.figure.max_aspect_ratio = max(ratio, self.figure.min_aspect_ratio)
            self.figure.min_aspect_ratio = self.figure.max_aspect_ratio = ratio

    def close(self) -> None:
        """Close its widgets, also those that no view took into its tree."""
        super().close()
        self.raster.close()


def framed(panel: PicturePanel) -> ipywidgets.HBox:
    """A picture with its colour bar.

    Parameters
    ----------
    panel : PicturePanel
        The picture.

    Returns
    -------
    HBox
        As wide as the container.
    """
    box = ipywidgets.HBox([panel.figure, panel.bar, panel.pointer])
    box.add_class("cryoaniso-framed")
    return box


def row(panels: Sequence[PicturePanel]) -> ipywidgets.HBox:
    """Pictures side by side, under each other where there is no room, and one colour bar.

    Parameters
    ----------
    panels : sequence of PicturePanel
        On the same scale.

    Returns
    -------
    HBox
        As wide as the container.
    """
    cells = [ipywidgets.VBox([panel.title, panel.figure]) for panel in panels]
    for cell in cells:
        cell.add_class("cryoaniso-cell")
    side = ipywidgets.HBox(cells)
    side.add_class("cryoaniso-row")
    box = ipywidgets.HBox([side, panels[0].bar, *(panel.pointer for panel in panels)])
    box.add_class("cryoaniso-framed")
    return box


def _axis(scale: Any, side: str, offset: str, **traits: Any) -> Any:
    return bqplot.Axis(scale=scale, side=side, grid_lines="none", tick_style=TICKS, label_offset=offset,
                       tick_values=np.array([0.0]), **traits)  # fmt: skip


def _name_axis(widget: Any, axis: Axis) -> None:
    if widget.label != axis.label:
        widget.label = axis.label
    set_ticks(widget, axis.ticks, axis.texts)


def _label(scales: dict[str, Any], align: str, offset: int, colour: str = "#8c8c8c") -> Any:
    mark = bqplot.Label(x=np.zeros(1), y=np.full(1, AWAY), text=[""], scales=scales, colors=[colour], default_size=11,
                        align=align, font_weight="normal")  # fmt: skip
    mark.y_offset = offset
    return mark


def _write(mark: Any, texts: Sequence[Text]) -> None:
    """Put words where they belong; unchanged ones send nothing."""
    words = [text.text for text in texts] or [""]
    x, y = np.array([text.x for text in texts] or [0.0]), np.array([text.y for text in texts] or [AWAY])
    if list(mark.text) == words and np.array_equal(mark.x, x) and np.array_equal(mark.y, y):
        return
    with mark.hold_sync():
        mark.x, mark.y, mark.text = x, y, words


def _mark(kind: type[Part], scales: dict[str, Any]) -> Any:
    """A mark for a kind of part, without data and look."""
    if kind is Band:
        return lines(scales, DARK, stroke_width=0, fill="between")
    if kind is Bars:
        return lines(scales, DARK, stroke_width=0.5, fill="inside", close_path=True)
    if kind is Markers:
        return bqplot.Scatter(x=np.array([AWAY]), y=np.array([AWAY]), scales=scales)
    return lines(scales, DARK)


def _put(mark: Any, part: Part) -> None:
    """Give a mark a part's data and look, in one message."""
    if isinstance(part, Band):
        known = np.isfinite(part.low) & np.isfinite(part.high)
        if not known.any():
            put(mark, np.zeros(2), np.full(2, AWAY), visible=False)
            return
        put(mark, np.tile(part.x[known], (2, 1)), np.stack([part.low, part.high])[:, known], visible=True,
            fill_colors=[part.colour], fill_opacities=[part.opacity])  # fmt: skip
    elif isinstance(part, Bars):
        x = np.stack([part.left, part.left, part.right, part.right], axis=1)
        y = np.stack([np.zeros_like(part.height), part.height, part.height, np.zeros_like(part.height)], axis=1)
        put(mark, x, y, visible=True, fill_colors=list(part.colours), fill_opacities=[1.0] * len(part.colours))
    elif isinstance(part, Markers):
        x, y = (part.x, part.y) if part.x.size else (np.array([AWAY]), np.array([AWAY]))
        put(mark, x, y, visible=True, colors=[part.face], stroke=part.edge, default_size=_area(part),
            marker=part.shape, stroke_width=1.0 if part.size > 5 else 0.5)  # fmt: skip
    elif isinstance(part, Curve):
        x, y = finite_pieces(part.x, part.y)
        put(mark, x, y, visible=True, colors=[part.colour], stroke_width=part.width, line_style=DASHES[part.dash],
            opacities=[part.opacity] * max(1, len(np.atleast_2d(y))))  # fmt: skip


def _area(part: Markers) -> int:
    """What bqplot calls the size of a marker: the area that makes it so wide."""
    shares = {"circle": np.pi / 4, "cross": 5 / 9, "diamond": 0.5 / np.sqrt(3)}
    return int(np.rint(shares[part.shape] * part.size**2))
