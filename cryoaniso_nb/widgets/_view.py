"""What views have in common: their session, when they draw, axes in Å, lines without NaN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ._session import LiveSession

__all__ = [
    "Picture",
    "View",
    "angstrom_ticks",
    "close_tree",
    "figure",
    "finite_pieces",
    "legend",
    "lines",
    "put",
    "round_ticks",
    "set_ticks",
]

Floats = NDArray[np.float64]

ROUND = (
    100,
    50,
    30,
    20,
    15,
    12,
    10,
    9,
    8,
    7,
    6,
    5,
    4.5,
    4,
    3.5,
    3.2,
    3,
    2.8,
    2.6,
    2.4,
    2.2,
    2,
    1.8,
    1.6,
    1.5,
    1.4,
    1.3,
    1.2,
    1.1,
    1,
    0.9,
    0.8,
    0.7,
    0.6,
    0.5,
)
TICKS = {"font-size": "11px"}

STYLE = """<style>
.cryoaniso-explorer, .cryoaniso-view { color: var(--jp-ui-font-color1, inherit); }
.cryoaniso-view .widget-html-content, .cryoaniso-explorer .widget-html-content { line-height: normal; }
.cryoaniso-figure {
  --bq-content-font-color: var(--jp-ui-font-color1, #333);
  --bq-axislabel-fill: var(--jp-ui-font-color1, #333);
  --bq-axislabel-font: 12px sans-serif;
  --bq-axis-path-stroke: var(--jp-ui-font-color2, #777);
}
.cryoaniso-figure .tick text { fill: var(--jp-ui-font-color1, #333); font-size: 11px; }
.cryoaniso-disc text.label { pointer-events: none; paint-order: stroke; }
.cryoaniso-disc text.label[style*="255, 255, 255"] { stroke: #202020; stroke-width: 2.5px; stroke-linejoin: round; }
.cryoaniso-disc g:first-child > image { clip-path: circle(closest-side); }
.cryoaniso-summary table { font-size: 13px; }
</style>"""


class View(ipywidgets.VBox):  # type: ignore[misc]
    """A widget that shows a session, or a result alone.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show; several views may share a session.
    active : bool
        Whether to draw at once; set `active` later otherwise.
    """

    #: Parts of the state this view draws besides the result.
    watches: ClassVar[tuple[str, ...]] = ()

    def __init__(self, source: Any, *, active: bool = True, **kwargs: Any) -> None:
        self.session = source if isinstance(source, LiveSession) else LiveSession(result=source)
        self._active = active
        self._stale: set[str] = set()
        super().__init__(**kwargs)
        self.add_class("cryoaniso-view")
        self.children = [ipywidgets.HTML(STYLE, layout={"display": "none"}), *self.build()]
        self.session.state.observe(self._changed, names=["result", "other", *self.watches])
        self.session.on_close(self._let_go)
        self._draw({"result"})

    @property
    def state(self) -> Any:
        """The session's state."""
        return self.session.state

    @property
    def active(self) -> bool:
        """Whether the view draws; a hidden one catches up when it is shown."""
        return self._active

    @active.setter
    def active(self, value: bool) -> None:
        self._active = value
        if value and self._stale:
            self._draw(self._stale)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the children, once."""
        raise NotImplementedError

    def draw(self, result: Any) -> None:
        """Show a result."""
        raise NotImplementedError

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Show what changed in the selection alone."""

    def _changed(self, change: Any) -> None:
        self._draw({change["name"]})

    def _draw(self, names: set[str]) -> None:
        result = self.state.result
        if not self._active or result is None:
            self._stale |= names
            return
        self._stale = set()
        if names & {"result", "other"}:
            self.draw(result)
        else:
            self.draw_selection(result, names)

    def _let_go(self) -> None:
        for part in vars(self).values():
            for picture in part if isinstance(part, list) else [part]:
                if isinstance(picture, Picture):
                    picture.close()
        close_tree(self)


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget and all it is made of.

    Parameters
    ----------
    widget : Widget
        The root.
    """
    queue, seen = [widget], {id(widget)}
    for current in queue:
        for name in current.keys:
            for part in _widgets_in(getattr(current, name, None)):
                if id(part) not in seen:
                    seen.add(id(part))
                    queue.append(part)
    for part in queue:
        part.unobserve_all()
        part.close()


def _widgets_in(value: Any) -> Iterable[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _widgets_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _widgets_in(item)


def angstrom_ticks(low: float, high: float, count: int = 9) -> tuple[Floats, dict[str, str]]:
    """Ticks of a frequency axis, labelled in Å.

    Parameters
    ----------
    low, high : float
        Ends of the axis, 1/Å.
    count : int
        About how many ticks fit.

    Returns
    -------
    tuple
        Frequencies, and their labels by frequency.

    Examples
    --------
    >>> angstrom_ticks(0.0, 0.5)[1]["0.5"]
    '2'
    """
    gap = (high - low) / count
    ticks: list[float] = []
    labels: dict[str, str] = {}
    for resolution in reversed(ROUND):
        frequency = 1 / resolution
        if low < frequency <= high * (1 + 1e-9) and (not ticks or ticks[-1] - frequency >= gap):
            ticks.append(frequency)
            labels[_script_number(frequency)] = f"{resolution:g}"
    return np.array(ticks[::-1] or [high]), labels


def round_ticks(low: float, high: float, count: int = 5) -> Floats:
    """Round numbers within a range, for the ticks of an axis.

    Parameters
    ----------
    low, high : float
        The range.
    count : int
        About how many.

    Returns
    -------
    ndarray
        Multiples of 1, 2, 2.5 or 5 times a power of ten.

    Examples
    --------
    >>> round_ticks(-0.33, 0.33).tolist()
    [-0.2, 0.0, 0.2]
    """
    if not high > low:
        return np.array([low])
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return np.asarray(np.round(np.arange(first, last + 1) * step, 10) + 0.0)


def set_ticks(axis: bqplot.Axis, ticks: Floats, labels: dict[str, str] | None = None) -> None:
    """Give an axis ticks and their labels.

    Labels go first: bqplot draws new ticks a moment later, with the labels of that time.

    Parameters
    ----------
    axis : bqplot.Axis
        The axis.
    ticks : ndarray
        Where, in the scale's unit.
    labels : dict, optional
        Texts by tick; the numbers themselves otherwise.
    """
    if labels is None:
        labels = {_script_number(float(t)): f"{float(t):g}" for t in ticks}
    if axis.tick_values is None or not np.array_equal(axis.tick_values, ticks):
        axis.tick_labels = labels
        axis.tick_values = ticks


def _script_number(value: float) -> str:
    """A number as JavaScript writes it, which is how tick labels are looked up."""
    return str(int(value)) if value == int(value) else repr(value)


def finite_pieces(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A curve cut at its NaN into rows of equal length, as one Lines mark draws them.

    Parameters
    ----------
    x, y : ndarray, shape (S,)
        The curve.

    Returns
    -------
    tuple of ndarray
        (S',) each if one piece is enough, else (pieces, L) with last points repeated.

    Examples
    --------
    >>> finite_pieces(np.arange(5.0), np.array([np.nan, 1, 2, np.nan, 3]))[1].tolist()
    [[1.0, 2.0], [3.0, 3.0]]
    """
    good = np.flatnonzero(np.isfinite(y) & np.isfinite(x))
    if good.size == 0:
        return np.zeros(2), np.full(2, -1e3)  # far below the axis: bqplot wants some point
    runs = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
    if len(runs) == 1:
        return np.array(x[good]), np.array(y[good])
    longest = max(map(len, runs))
    index = np.array([np.pad(run, (0, longest - len(run)), mode="edge") for run in runs])
    return np.array(x[index]), np.array(y[index])


def put(mark: bqplot.Mark, x: NDArray[Any], y: NDArray[Any], **traits: Any) -> None:
    """Give a mark new data in one message.

    Parameters
    ----------
    mark : bqplot.Mark
        Lines or Scatter.
    x, y : ndarray
        Finite data.
    **traits
        Other traits that change with them.
    """
    with mark.hold_sync():
        mark.x = np.array(x, dtype=np.float64)
        mark.y = np.array(y, dtype=np.float64)
        for name, value in traits.items():
            setattr(mark, name, value)


def lines(scales: dict[str, Any], colour: str, **traits: Any) -> bqplot.Lines:
    """A Lines mark with finite first data.

    Parameters
    ----------
    scales : dict
        'x' and 'y'.
    colour : str
        CSS colour.
    **traits
        Of the mark.

    Returns
    -------
    bqplot.Lines
        Out of sight until it gets data.
    """
    options: dict[str, Any] = {"stroke_width": 1.5, **traits}
    return bqplot.Lines(x=np.zeros(2), y=np.full(2, -1e3), scales=scales, colors=[colour], **options)


def figure(marks: list[Any], axes: list[Any], height: int, **traits: Any) -> bqplot.Figure:
    """A figure as wide as its place.

    Parameters
    ----------
    marks, axes : list
        Its parts.
    height : int
        Pixels.
    **traits
        Of the figure.

    Returns
    -------
    bqplot.Figure
        Without animation and toolbar.
    """
    margin = traits.pop("fig_margin", {"top": 8, "bottom": 42, "left": 52, "right": 20})
    made = bqplot.Figure(
        marks=marks,
        axes=axes,
        fig_margin=margin,
        animation_duration=0,
        display_toolbar=False,
        padding_x=0.0,
        padding_y=0.0,
        **traits,
    )
    made.layout.height, made.layout.width, made.layout.min_width = f"{height}px", "100%", "0"
    made.add_class("cryoaniso-figure")
    return made


class Picture:
    """An Image mark that really redraws: it alternates between two images.

    Parameters
    ----------
    scales : dict
        'x' and 'y'.
    x, y : tuple of float
        Left and right, bottom and top.
    """

    def __init__(
        self, scales: dict[str, Any], x: tuple[float, float], y: tuple[float, float], pixelated: bool = True
    ) -> None:
        from .colours import map_png

        empty = map_png(np.full((1, 1), np.nan), 0.0, 1.0)
        self._images = [ipywidgets.Image(value=empty, format="png") for _ in range(2)]
        self.mark = bqplot.Image(
            image=self._images[0], scales=scales, x=np.array(x, float), y=np.array(y, float), pixelated=pixelated
        )

    def show(self, png: bytes) -> None:
        """Draw another picture.

        Parameters
        ----------
        png : bytes
            The file.
        """
        self._images.reverse()
        self._images[0].value = png
        self.mark.image = self._images[0]

    def close(self) -> None:
        """Close both images."""
        for image in self._images:
            close_tree(image)

    @property
    def png(self) -> bytes:
        """The picture drawn."""
        return bytes(self.mark.image.value)


def legend(entries: Iterable[tuple[str, str, str, str]]) -> str:
    """A line of HTML that names curves.

    Parameters
    ----------
    entries : iterable of (text, colour, style, explanation)
        Style is 'solid', 'dashed', 'dotted' or 'band'; the explanation shows on hover.

    Returns
    -------
    str
        HTML.
    """
    items = []
    for text, colour, style, explanation in entries:
        if style == "band":
            swatch = f"height:8px;background:{colour}55;border:1px solid {colour}"
        else:
            swatch = f"border-top:3px {style} {colour};height:0"
        items.append(
            f'<span title="{explanation}" style="white-space:nowrap;margin-right:14px">'
            f'<span style="display:inline-block;width:22px;vertical-align:middle;{swatch}"></span> {text}</span>'
        )
    return f'<div style="font-size:12px;line-height:18px">{"".join(items)}</div>'
