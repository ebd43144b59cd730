"""Marks of bqplot that hold finite data, and axes that name what they are told to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ._tree import close_tree

__all__ = ["Raster", "finite_pieces", "lines", "put", "set_ticks"]

Floats = NDArray[np.float64]


def _transparent() -> bytes:
    """A PNG of one transparent pixel."""
    buffer = io.BytesIO()
    Image.new("LA", (1, 1)).save(buffer, format="PNG")
    return buffer.getvalue()


AWAY = -1e3  # far below any axis: bqplot wants some point
EMPTY = _transparent()


def set_ticks(axis: bqplot.Axis, ticks: Floats, texts: Sequence[str]) -> None:
    """Give an axis ticks and what is written there.

    Texts go first: bqplot draws new ticks a moment later, with the texts of that time.

    Parameters
    ----------
    axis : bqplot.Axis
        The axis.
    ticks : ndarray
        Where, in the scale's unit.
    texts : sequence of str
        One a tick.
    """
    labels = {_script_number(float(tick)): text for tick, text in zip(ticks, texts, strict=True)}
    if axis.tick_values is None or not np.array_equal(axis.tick_values, ticks) or axis.tick_labels != labels:
        axis.tick_labels = labels
        axis.tick_values = np.array(ticks, dtype=np.float64)


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
        return np.zeros(2), np.full(2, AWAY)
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
    return bqplot.Lines(x=np.zeros(2), y=np.full(2, AWAY), scales=scales, colors=[colour], **options)


class Raster:
    """An Image mark that really redraws: it alternates between two images.

    Parameters
    ----------
    scales : dict
        'x' and 'y'.
    extent : tuple of float
        Left, right, bottom, top.
    pixelated : bool
        Whether pixels keep their edges when the page enlarges them.
    """

    def __init__(
        self, scales: dict[str, Any], extent: tuple[float, float, float, float], *, pixelated: bool = True
    ) -> None:
        self._images = [ipywidgets.Image(value=EMPTY, format="png") for _ in range(2)]
        self.mark = bqplot.Image(
            image=self._images[0], scales=scales, x=np.array(extent[:2]), y=np.array(extent[2:]), pixelated=pixelated
        )

    def show(self, png: bytes, extent: tuple[float, float, float, float]) -> None:
        """Draw another picture, unless it is the same.

        Parameters
        ----------
        png : bytes
            The file.
        extent : tuple of float
            Left, right, bottom, top.
        """
        x, y = np.array(extent[:2]), np.array(extent[2:])
        with self.mark.hold_sync():
            if not (np.array_equal(self.mark.x, x) and np.array_equal(self.mark.y, y)):
                self.mark.x, self.mark.y = x, y
            if png != self.png:
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
