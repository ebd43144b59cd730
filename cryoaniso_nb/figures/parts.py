"""What figures are made of: curves on two axes, and pictures on equal axes.

Plain data: whoever draws it adds nothing but ink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ResultError
from .palette import NOT_MEASURED, hexadecimal, rgb, scale_colours

__all__ = [
    "Axis",
    "Band",
    "Bars",
    "ColourScale",
    "Curve",
    "Layers",
    "Markers",
    "Part",
    "Picture",
    "Plot",
    "Region",
    "Text",
]

Floats = NDArray[np.float64]
Dash = Literal["solid", "dashed", "dotted", "dashdot"]

LEVELS = 240  # shades of a colour scale; regions take the next numbers
OUTSIDE = 255  # of a picture: nothing is drawn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """One axis.

    Attributes
    ----------
    label : str
        Quantity and unit.
    low, high : float
        Its ends.
    ticks : ndarray
        Places.
    texts : tuple of str
        What is written there; Å on an axis of frequency.
    """

    label: str
    low: float
    high: float
    ticks: Floats
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.ticks) != len(self.texts):
            raise ResultError(f"There are {len(self.ticks)} ticks and {len(self.texts)} texts; give one text a tick.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Something that is drawn: known by its key, named in the legend unless the label is empty.

    Attributes
    ----------
    key : str
        Unique within a figure.
    label : str
        Its name in the legend.
    note : str
        An explanation.
    """

    key: str
    label: str = ""
    note: str = ""


#: Keys and kinds of all that a figure may show, from the bottom to the top.
Layers = tuple[tuple[str, type[Part]], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve(Part):
    """A line.

    Attributes
    ----------
    x, y : ndarray, shape (N,)
        NaN breaks it.
    colour : str
        As in '#1a85e8'.
    width : float
        Pixels on the screen, points on paper.
    dash : {'solid', 'dashed', 'dotted', 'dashdot'}
        Its pattern.
    opacity : float
        0 to 1.
    text : str
        Written at its left end.
    below : bool
        Whether the text stands below the line.
    """

    x: Floats
    y: Floats
    colour: str
    width: float = 1.5
    dash: Dash = "solid"
    opacity: float = 1.0
    text: str = ""
    below: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band(Part):
    """An area between two curves.

    Attributes
    ----------
    x, low, high : ndarray, shape (N,)
        NaN leaves a gap.
    colour : str
        Of the fill.
    opacity : float
        0 to 1.
    """

    x: Floats
    low: Floats
    high: Floats
    colour: str
    opacity: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars(Part):
    """Bars that stand on zero.

    Attributes
    ----------
    left, right, height : ndarray, shape (N,)
        Of each.
    colours : tuple of str
        Of each.
    """

    left: Floats
    right: Floats
    height: Floats
    colours: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plot:
    """Curves on axes.

    Attributes
    ----------
    x, y : Axis
        Below and on the left.
    right : Axis or None
        Names other quantities at the right edge, on the scale of `y`: both have the same ends.
    parts : tuple of Part
        From the bottom to the top.
    notes : tuple of str
        Sentences beside the figure.
    top_first : bool
        Whether the legend begins with what lies on top.
    """

    x: Axis
    y: Axis
    parts: tuple[Part, ...]
    right: Axis | None = None
    notes: tuple[str, ...] = ()
    top_first: bool = False

    def __post_init__(self) -> None:
        if self.right is not None and (self.right.low, self.right.high) != (self.y.low, self.y.high):
            raise ResultError(
                f"The right axis runs from {self.right.low:g} to {self.right.high:g} and the left one from "
                f"{self.y.low:g} to {self.y.high:g}; give both the same ends."
            )
        _check_keys(self.parts)

    @property
    def legend(self) -> tuple[Part, ...]:
        """The parts that have a name."""
        return tuple(part for part in self.parts[:: -1 if self.top_first else 1] if part.label)

    def __getitem__(self, key: str) -> Part:
        return _find(self.parts, key)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColourScale:
    """What the colours of a picture stand for.

    Attributes
    ----------
    label : str
        Quantity and unit.
    palette : {'resolved', 'grey'}
        Dark violet (poor) to yellow (good), or black to white.
    low, high : float
        Values of the first and last colour.
    ticks : ndarray
        Places, in the unit of the values.
    texts : tuple of str
        What is written there.
    """

    label: str
    palette: str
    low: float
    high: float
    ticks: Floats
    texts: tuple[str, ...]

    def shades(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Numbers of the colours of values, 0 to LEVELS - 1.

        Parameters
        ----------
        values : ndarray
            Finite.

        Returns
        -------
        ndarray of uint8
            Values beyond the ends take the colours of the ends.
        """
        span = self.high - self.low if self.high > self.low else 1.0
        place = np.clip((values - self.low) / span, 0.0, 1.0)
        return np.asarray(np.rint(place * (LEVELS - 1)), dtype=np.uint8)

    def colours(self, values: NDArray[np.floating]) -> tuple[str, ...]:
        """Colours of values.

        Parameters
        ----------
        values : ndarray
            Finite.

        Returns
        -------
        tuple of str
            As in '#1a85e8'.
        """
        return tuple(hexadecimal(colour) for colour in scale_colours(self.palette, LEVELS)[self.shades(values)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region(Part):
    """Pixels that stand for something beside the scale.

    Attributes
    ----------
    colour : str
        Not one of the scale's.
    """

    colour: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Markers(Part):
    """Points.

    Attributes
    ----------
    x, y : ndarray, shape (N,)
        Where.
    shape : {'circle', 'cross', 'diamond'}
        A cross is upright.
    face, edge : str
        Colours.
    size : float
        Diameter in pixels on the screen, in points on paper.
    """

    x: Floats
    y: Floats
    shape: Literal["circle", "cross", "diamond"]
    face: str
    edge: str
    size: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Text:
    """Words in a picture.

    Attributes
    ----------
    x, y : float
        Where their middle is.
    text : str
        The words.
    inside : bool
        Whether they stand on the picture: white with a dark rim, readable on any colour.
    """

    x: float
    y: float
    text: str
    inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """An array in colours on equal axes, with lines, points and words on it.

    Attributes
    ----------
    values : ndarray, shape (rows, columns)
        First row on top; NaN where there is no value.
    classes : ndarray of uint8, shape (rows, columns)
        0 where `values` has a value, i + 1 in region i, OUTSIDE where nothing is drawn.
    scale : ColourScale
        The colours of the values.
    regions : tuple of Region
        What the other pixels stand for; in the legend if labeled.
    extent : tuple of float
        Left, right, bottom, top edge of the array.
    view : tuple of float
        Left, right, bottom, top of all that is shown.
    curves, markers, texts : tuple
        Drawn over it in this order.
    title : str
        Above it.
    notes : tuple of str
        Sentences beside it.
    disc : bool
        Whether the array is cut at the circle that fits into it.
    """

    values: Floats
    scale: ColourScale
    extent: tuple[float, float, float, float]
    view: tuple[float, float, float, float]
    classes: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.uint8))
    regions: tuple[Region, ...] = ()
    curves: tuple[Curve, ...] = ()
    markers: tuple[Markers, ...] = ()
    texts: tuple[Text, ...] = ()
    title: str = ""
    notes: tuple[str, ...] = ()
    disc: bool = False

    def __post_init__(self) -> None:
        _check_keys((*self.regions, *self.curves, *self.markers))
        if self.classes.size == 0:
            empty = np.where(np.isfinite(self.values), 0, OUTSIDE).astype(np.uint8)
            object.__setattr__(self, "classes", empty)

    @property
    def legend(self) -> tuple[Part, ...]:
        """The parts that have a name."""
        return tuple(part for part in (*self.curves, *self.markers, *self.regions) if part.label)

    @property
    def indices(self) -> NDArray[np.uint8]:
        """Number of each pixel's colour in `colours`, shape (rows, columns)."""
        known = (self.classes == 0) & np.isfinite(self.values)
        shades = self.scale.shades(np.where(known, self.values, self.scale.low))
        special = np.where(self.classes == OUTSIDE, OUTSIDE, LEVELS - 1 + self.classes)
        return np.where(known, shades, np.where(self.classes == 0, OUTSIDE, special)).astype(np.uint8)

    @property
    def colours(self) -> NDArray[np.uint8]:
        """The picture's colours, shape (256, 3); OUTSIDE is transparent."""
        table = np.tile(np.array(rgb(NOT_MEASURED), dtype=np.uint8), (OUTSIDE + 1, 1))
        table[:LEVELS] = scale_colours(self.scale.palette, LEVELS)
        for number, region in enumerate(self.regions):
            table[LEVELS + number] = rgb(region.colour)
        return table

    def __getitem__(self, key: str) -> Part:
        return _find((*self.regions, *self.curves, *self.markers), key)


def _check_keys(parts: tuple[Part, ...]) -> None:
    keys = [part.key for part in parts]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ResultError(f"Two parts of a figure have the key {twice[0]!r}; give each its own.")


def _find(parts: tuple[Part, ...], key: str) -> Part:
    found: Iterator[Part] = (part for part in parts if part.key == key)
    part = next(found, None)
    if part is None:
        raise KeyError(key)
    return part
