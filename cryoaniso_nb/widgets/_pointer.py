"""Mouse and keyboard on a figure: values on hover, zoom and reset in the page, clicks and keys told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from ..figures.parts import LEVELS, Picture

__all__ = ["Pointer"]


class Pointer(anywidget.AnyWidget):
    """What the pointer finds on one bqplot figure.

    Parameters
    ----------
    figure, x, y : Widget
        The figure, and the scales of its axes.
    picture : bool
        Whether the figure keeps its shape when it is zoomed.
    """

    _esm = Path(__file__).with_name("pointer.js")

    #: CSS class of the figure, and of its legend with '-legend' behind.
    target = traitlets.Unicode().tag(sync=True)
    #: Model ids of the scales, which the page moves by itself.
    x_scale = traitlets.Unicode().tag(sync=True)
    y_scale = traitlets.Unicode().tag(sync=True)
    #: Left, right, bottom, top of the whole figure.
    home = traitlets.List(traitlets.Float()).tag(sync=True)
    #: Of curves: {'x': places, 'text': what is said at the nearest}.
    spots = traitlets.Dict().tag(sync=True)
    #: Of pictures: what the shades in `pixels` stand for.
    grid = traitlets.Dict().tag(sync=True)
    pixels = traitlets.Bytes().tag(sync=True)
    #: What the figure shows, for those who don't see it.
    description = traitlets.Unicode().tag(sync=True)
    #: Whether clicks are told, and Escape.
    clicks = traitlets.Bool(False).tag(sync=True)
    leads = traitlets.Bool(False).tag(sync=True)

    def __init__(self, figure: Any, x: Any, y: Any) -> None:
        target = f"cryoaniso-at-{figure.model_id}"
        super().__init__(target=target, x_scale=x.model_id, y_scale=y.model_id, layout={"display": "none"})
        figure.add_class(target)
        self._heard: dict[str, list[Callable[[dict[str, Any]], object]]] = {}
        self.on_msg(self._hear)

    def when(self, event: str, callback: Callable[[dict[str, Any]], object]) -> None:
        """Call something, on any thread, when the page tells of an event.

        Parameters
        ----------
        event : {'click', 'toggle', 'escape'}
            What happened.
        callback : callable
            Gets what the page said: x and y of a click, key of an entry of the legend.
        """
        self._heard.setdefault(event, []).append(callback)
        if event == "click":
            self.clicks = True
        if event == "escape":
            self.leads = True

    def _hear(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        for callback in self._heard.get(content.get("event", ""), ()):
            callback(content)

    def say(self, x: Sequence[float], texts: Sequence[str]) -> None:
        """Values of curves.

        Parameters
        ----------
        x : sequence of float
            Where, on the axis.
        texts : sequence of str
            What is said there.
        """
        spots = {"x": [float(place) for place in x], "text": list(texts)}
        if spots != self.spots:
            self.spots = spots

    def show(self, picture: Picture, indices: NDArray[np.uint8], place: str) -> None:
        """Values of a picture.

        Parameters
        ----------
        picture : Picture
            What is drawn.
        indices : ndarray of uint8
            Its shades, as drawn.
        place : {'polar', 'equal-area', 'angstrom', 'length'}
            How a place is named.
        """
        scale = picture.scale
        grid = {
            "rows": indices.shape[0],
            "columns": indices.shape[1],
            "extent": [float(end) for end in picture.extent],
            "low": float(scale.low),
            "high": float(scale.high),
            "levels": LEVELS,
            "inverse": scale.label.endswith("(Å)"),
            "label": scale.label.split(" (")[0],
            "regions": [region.label.split(" (")[0] or region.key.replace("_", " ") for region in picture.regions],
            "place": place,
        }
        pixels = indices.tobytes()
        with self.hold_sync():
            if grid != self.grid:
                self.grid = grid
            if pixels != self.pixels:
                self.pixels = pixels
