"""Descriptions of figures as Matplotlib artists, each with its key as gid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch
from matplotlib.patheffects import withStroke

from ..figures import palette
from ..figures.parts import LEVELS, OUTSIDE, Band, Bars, Curve, Markers, Part, Picture, Plot

__all__ = ["STYLE", "colour_bar", "draw_parts", "draw_picture", "draw_plot", "legend_above", "new_figure"]

STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.5,
    "legend.fontsize": 9.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "svg.hashsalt": "cryoaniso_nb",
    "savefig.dpi": 200,
}
DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (5, 3)), "dotted": (0, (1, 2)), "dashdot": (0, (6, 2, 1, 2))}
SHAPES = {"circle": "o", "cross": "P", "diamond": "d"}
DARK = "#202020"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, not known to pyplot.

    Parameters
    ----------
    width, height : float
        Inches.

    Returns
    -------
    Figure
        With a layout that keeps its parts apart.

    Examples
    --------
    >>> float(new_figure(7.2, 3.6).get_figwidth())
    7.2
    """
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def draw_plot(plot: Plot, ax: Axes, *, columns: int = 0) -> list[Artist]:
    """Draw curves on axes.

    Parameters
    ----------
    plot : Plot
        What is shown.
    ax : Axes
        Where; its ends and ticks become the plot's.
    columns : int
        Of a legend above the axes; none with 0.

    Returns
    -------
    list of Artist
        What belongs in a legend.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import fan_plot
    >>> ax = Figure().add_subplot()
    >>> len(draw_plot(fan_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))), ax))
    4
    """
    named = draw_parts(plot.parts, ax)[:: -1 if plot.top_first else 1]
    for axis, place, limits in ((plot.x, ax.xaxis, ax.set_xlim), (plot.y, ax.yaxis, ax.set_ylim)):
        limits(axis.low, axis.high)
        place.set_ticks(axis.ticks, axis.texts)
        place.set_label_text(axis.label)
    if plot.right is not None:
        other = ax.secondary_yaxis("right")
        other.set_yticks(plot.right.ticks, plot.right.texts)
        other.set_ylabel(plot.right.label, color=palette.BINGHAM)
        other.tick_params(axis="y", colors=palette.BINGHAM)
    if columns:
        legend_above(ax, named, columns)
    return named


def draw_parts(parts: Sequence[Part], ax: Axes) -> list[Artist]:
    """Draw parts, from the bottom to the top.

    Parameters
    ----------
    parts : sequence of Part
        Of a plot or a picture.
    ax : Axes
        Where.

    Returns
    -------
    list of Artist
        Those that have a name.

    Examples
    --------
    >>> from cryoaniso_nb.figures.frame import cone_outline
    >>> x, y = cone_outline(np.array([0.0, 0, 1]), 20.0, "polar")
    >>> len(draw_parts([Curve(key="cone", label="cone", x=x, y=y, colour="#000000")], Figure().add_subplot()))
    1
    """
    drawn = [_drawn(part, ax, 1 + 0.01 * height) for height, part in enumerate(parts)]
    return [artist for artist, part in zip(drawn, parts, strict=True) if part.label]


def _drawn(part: Part, ax: Axes, height: float) -> Artist:
    """One part as an artist that knows its key and name."""
    common: dict[str, Any] = {"label": part.label or "_", "zorder": height, "gid": part.key}
    if isinstance(part, Band):
        return ax.fill_between(part.x, part.low, part.high, color=part.colour, alpha=part.opacity, lw=0, **common)
    if isinstance(part, Bars):
        return _bars(part, ax, common)
    if isinstance(part, Markers):
        (points,) = ax.plot(part.x, part.y, SHAPES[part.shape], ms=part.size * 0.65, mfc=part.face, mec=part.edge,
                            mew=1.0 if part.size > 5 else 0.5, ls="none", clip_on=False, **common)  # fmt: skip
        return points
    assert isinstance(part, Curve)
    if part.text:
        halo = [withStroke(linewidth=2.5, foreground="white")]
        ax.annotate(part.text, (0.01, part.y[0]), xycoords=("axes fraction", "data"), color=DARK, fontsize=9, zorder=3,
                    va="top" if part.below else "bottom", xytext=(0, -1 if part.below else 0),
                    textcoords="offset points", path_effects=halo)  # fmt: skip
    (line,) = ax.plot(part.x, part.y, color=part.colour, lw=part.width * 0.8, ls=DASHES[part.dash], alpha=part.opacity,
                      **common)  # fmt: skip
    return line


def _bars(part: Bars, ax: Axes, common: dict[str, Any]) -> Artist:
    drawn = ax.bar(part.left, part.height, part.right - part.left, align="edge", color=part.colours, edgecolor=DARK,
                   linewidth=0.5, zorder=common["zorder"], label=common["label"])  # fmt: skip
    for bar in drawn:
        bar.set_gid(part.key)
    return Patch(facecolor=part.colours[0], edgecolor=DARK, lw=0.5, label=part.label)


def legend_above(ax: Axes, handles: Iterable[Artist], columns: int, title: str | None = None) -> None:
    """A legend over the axes, where it hides no curve.

    Parameters
    ----------
    ax : Axes
        Below it.
    handles : iterable of Artist
        What is named.
    columns : int
        How many.
    title : str, optional
        Its first line.

    Examples
    --------
    >>> ax = Figure().add_subplot()
    >>> legend_above(ax, ax.plot([0, 1], [0, 1], label="line"), 1)
    """
    ax.legend(handles=list(handles), loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False,
              title=title, handlelength=2.2, columnspacing=1.0, borderaxespad=0, labelspacing=0.3,
              alignment="left")  # fmt: skip


def draw_picture(
    picture: Picture, ax: Axes, *, bar: bool = True, columns: int = 2, title: bool = False
) -> list[Artist]:
    """Draw an array in colours, with lines, points and words on it.

    Parameters
    ----------
    picture : Picture
        What is shown.
    ax : Axes
        Where; its frame is hidden.
    bar : bool
        Whether to draw a colour bar beside it.
    columns : int
        Of a legend below; none with 0.
    title : bool
        Whether to write the picture's title above it.

    Returns
    -------
    list of Artist
        What belongs in a legend.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import resolution_picture
    >>> ax = Figure().add_subplot()
    >>> _ = draw_picture(resolution_picture(ca.analyze(ca.simulate_half_maps(box=32, seed=0))), ax)
    >>> len(ax.images)
    1
    """
    colours = np.concatenate([picture.colours, np.full((OUTSIDE + 1, 1), 255, dtype=np.uint8)], axis=1)
    colours[OUTSIDE, 3] = 0
    image = ax.imshow(colours[picture.indices], extent=picture.extent, interpolation="nearest", gid="picture", zorder=0)
    if picture.disc:
        image.set_clip_path(Circle((0, 0), picture.extent[1], transform=ax.transData))
    named = draw_parts((*picture.curves, *picture.markers), ax)
    named += [Patch(facecolor=region.colour, edgecolor=DARK, lw=0.5, label=region.label, gid=region.key)
              for region in picture.regions if region.label]  # fmt: skip
    for text in picture.texts:
        written = ax.text(text.x, text.y, text.text, fontsize=9, ha="center", va="center", zorder=3)
        if text.inside:
            written.set(color="white", path_effects=[withStroke(linewidth=2, foreground=DARK)])
    ax.set_xlim(*picture.view[:2])
    ax.set_ylim(*picture.view[2:])
    ax.set_aspect("equal")
    ax.set_axis_off()
    if title:
        ax.set_title(picture.title)
    if bar:
        colour_bar(picture, [ax])
    if columns and named:
        ax.legend(handles=named, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=columns, frameon=False,
                  handletextpad=0.4, handlelength=1.2, columnspacing=1.2, borderaxespad=0,
                  labelspacing=0.3)  # fmt: skip
    return named


def colour_bar(picture: Picture, axes: Sequence[Axes]) -> None:
    """The colours of a picture's values, beside the axes that show them.

    Parameters
    ----------
    picture : Picture
        Whose scale it is.
    axes : sequence of Axes
        Of one figure.

    Examples
    --------
    >>> from cryoaniso_nb.figures import map_pictures
    >>> made = new_figure(3.0, 3.0)
    >>> ax = made.add_subplot()
    >>> colour_bar(map_pictures(np.zeros((8, 8, 8)), 1.0, (4, 4, 4))[0], [ax])
    >>> len(made.axes)
    2
    """
    scale, owner = picture.scale, axes[0].figure
    if owner is None:
        return
    colours = ListedColormap(picture.colours[:LEVELS] / 255)
    shown = matplotlib.cm.ScalarMappable(Normalize(scale.low, scale.high), colours)
    bar = owner.colorbar(shown, ax=list(axes), shrink=0.8, pad=0.02)
    bar.set_ticks(scale.ticks.tolist(), labels=list(scale.texts))
    bar.set_label(scale.label)
    bar.ax.minorticks_off()
