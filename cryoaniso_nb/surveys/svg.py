"""Descriptions of figures as SVG for a page: small, written in milliseconds, without Matplotlib."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..figures.parts import LEVELS, OUTSIDE, Axis, Band, Bars, ColourScale, Curve, Markers, Part, Picture, Plot

__all__ = ["legend_html", "picture_svg", "plot_svg", "svg_path"]

Floats = NDArray[np.float64]
Place = Callable[[float], float]

LEFT, RIGHT, TOP, BOTTOM = 52, 54, 8, 40  # pixels around a plot, for its labels
FONT = 12
DASHES = {"solid": "", "dashed": "6 4", "dotted": "1.5 3", "dashdot": "7 3 1.5 3"}
INK, DARK = "#444", "#202020"


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where data end up on the page."""

    x: Place
    y: Place


def _scale(low: float, high: float, start: float, stop: float) -> Place:
    span = high - low or 1.0
    return lambda value: start + (stop - start) * (value - low) / span


def svg_path(x: Iterable[float | None], y: Iterable[float | None]) -> str:
    """A line through points as the data of an SVG path; what isn't finite breaks it.

    Parameters
    ----------
    x, y : iterable of float or None
        On the page, in pixels.

    Returns
    -------
    str
        To a tenth of a pixel.

    Examples
    --------
    >>> svg_path([0, 1.25, None, 3], [0, 2, 2, 2])
    'M0 0L1.2 2M3 2'
    """
    parts, pen = [], "M"
    for across, down in zip(x, y, strict=True):
        if across is None or down is None or not (math.isfinite(across) and math.isfinite(down)):
            pen = "M"
            continue
        parts.append(f"{pen}{_short(across)} {_short(down)}")
        pen = "L"
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def plot_svg(plot: Plot, *, width: int = 640, height: int = 320, title: str = "") -> str:
    """Curves on axes.

    Parameters
    ----------
    plot : Plot
        What is shown.
    width, height : int
        Pixels at which text has its usual size; it scales with the page.
    title : str
        What the figure shows, for those who don't see it.

    Returns
    -------
    str
        One svg element.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import occupancy_plot
    >>> plot_svg(occupancy_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))))[:4]
    '<svg'
    """
    right = width - (RIGHT if plot.right is not None else 12)
    frame = _Frame(_scale(plot.x.low, plot.x.high, LEFT, right), _scale(plot.y.low, plot.y.high, height - BOTTOM, TOP))
    drawn = [_part(part, frame) for part in plot.parts]
    axes = [
        f'<path d="M{LEFT} {TOP}V{height - BOTTOM}H{right}" fill="none" stroke="{INK}"/>',
        *_ticks(plot.x, frame.x, lambda p: f'<path d="M{_short(p)} {height - BOTTOM}v4" stroke="{INK}"/>',
                lambda p: f'x="{_short(p)}" y="{height - BOTTOM + 17}" text-anchor="middle"'),
        *_ticks(plot.y, frame.y, lambda p: f'<path d="M{LEFT} {_short(p)}h-4" stroke="{INK}"/>',
                lambda p: f'x="{LEFT - 7}" y="{_short(p + 4)}" text-anchor="end"'),
        _text(plot.x.label, f'x="{(LEFT + right) / 2:.0f}" y="{height - 6}" text-anchor="middle"'),
        _upright(plot.y.label, 14, (TOP + height - BOTTOM) / 2),
    ]  # fmt: skip
    if plot.right is not None:
        axes += _ticks(plot.right, frame.y, lambda p: f'<path d="M{right} {_short(p)}h4" stroke="{INK}"/>',
                       lambda p: f'x="{right + 7}" y="{_short(p + 4)}"')  # fmt: skip
        axes.append(_upright(plot.right.label, width - 6, (TOP + height - BOTTOM) / 2))
    clip = f'<svg x="{LEFT}" y="{TOP - 4}" width="{right - LEFT}" height="{height - BOTTOM - TOP + 8}" '
    inside = clip + f'viewBox="{LEFT} {TOP - 4} {right - LEFT} {height - BOTTOM - TOP + 8}">{"".join(drawn)}</svg>'
    return _svg(width, height, title, inside + "".join(axes))


def _svg(width: float, height: float, title: str, content: str) -> str:
    named = f'role="img" aria-label="{html.escape(title, quote=True)}"' if title else 'aria-hidden="true"'
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="width:100%;max-width:{width:g}px;height:auto" {named} '
        f'font-family="inherit" font-size="{FONT}" fill="{INK}">{content}</svg>'
    )


def _text(text: str, place: str) -> str:
    return f"<text {place}>{html.escape(text)}</text>"


def _upright(text: str, x: float, y: float) -> str:
    return _text(text, f'transform="translate({_short(x)} {_short(y)}) rotate(-90)" text-anchor="middle"')


def _ticks(axis: Axis, place: Place, mark: Callable[[float], str], label: Callable[[float], str]) -> list[str]:
    return [
        mark(place(tick)) + _text(text, label(place(tick)))
        for tick, text in zip(axis.ticks.tolist(), axis.texts, strict=True)
    ]


def _part(part: Part, frame: _Frame) -> str:
    if isinstance(part, Band):
        return _band(part, frame)
    if isinstance(part, Bars):
        bars = zip(part.left.tolist(), part.right.tolist(), part.height.tolist(), part.colours, strict=True)
        return "".join(_bar(frame, *bar) for bar in bars if math.isfinite(bar[2]))
    if isinstance(part, Markers):
        points = zip(part.x.tolist(), part.y.tolist(), strict=True)
        return "".join(_marker(part, frame.x(x), frame.y(y)) for x, y in points if math.isfinite(x + y))
    assert isinstance(part, Curve)
    data = svg_path(map(frame.x, part.x.tolist()), map(frame.y, part.y.tolist()))
    dash = f' stroke-dasharray="{DASHES[part.dash]}"' if DASHES[part.dash] else ""
    faint = f' opacity="{part.opacity:g}"' if part.opacity < 1 else ""
    line = f'<path d="{data}" fill="none" stroke="{part.colour}" stroke-width="{part.width:g}"{dash}{faint}/>'
    if part.text:
        down = 13 if part.below else -4
        line += _text(part.text, f'x="{LEFT + 5}" y="{_short(frame.y(float(part.y[0])) + down)}"')
    return line


def _bar(frame: _Frame, left: float, right: float, height: float, colour: str) -> str:
    x, y = frame.x(left), frame.y(height)
    return (
        f'<rect x="{_short(x)}" y="{_short(y)}" width="{_short(frame.x(right) - x)}" '
        f'height="{_short(frame.y(0.0) - y)}" fill="{colour}" stroke="{DARK}" stroke-width=".5"/>'
    )


def _band(part: Band, frame: _Frame) -> str:
    """An area; where a value is missing it falls into pieces."""
    known = np.isfinite(part.x) & np.isfinite(part.low) & np.isfinite(part.high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    pieces = []
    for start, stop in edges.reshape(-1, 2):
        x = list(map(frame.x, part.x[start:stop].tolist()))
        there, back = (list(map(frame.y, side[start:stop].tolist())) for side in (part.low, part.high))
        pieces.append(svg_path([*x, *reversed(x)], [*there, *reversed(back)]) + "Z")
    return f'<path d="{"".join(pieces)}" fill="{part.colour}" opacity="{part.opacity:g}"/>'


def _marker(part: Markers, x: float, y: float) -> str:
    r = part.size / 2
    style = f'fill="{part.face}" stroke="{part.edge}"'
    if part.shape == "circle":
        return f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{_short(r)}" {style}/>'
    a = r / 3
    data = f"m0 {-r:.1f}l{0.6 * r:.1f} {r:.1f}l{-0.6 * r:.1f} {r:.1f}l{-0.6 * r:.1f} {-r:.1f}z"
    if part.shape == "cross":
        data = (
            f"m{-a:.1f} {-r:.1f}h{2 * a:.1f}v{r - a:.1f}h{r - a:.1f}v{2 * a:.1f}h{a - r:.1f}v{r - a:.1f}h{-2 * a:.1f}"
            f"v{a - r:.1f}h{a - r:.1f}v{-2 * a:.1f}h{r - a:.1f}z"
        )
    return f'<path transform="translate({_short(x)} {_short(y)})" d="{data}" {style}/>'


# --- pictures ----------------------------------------------------------------------------


def picture_svg(picture: Picture, *, side: int = 300, title: str = "") -> str:
    """An array in colours with its lines, points, words and colour bar.

    Parameters
    ----------
    picture : Picture
        What is shown.
    side : int
        Pixels.
    title : str
        What it shows, for those who don't see it.

    Returns
    -------
    str
        One svg element; the array is a small PNG in it.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import resolution_picture
    >>> picture_svg(resolution_picture(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), pixels=48))[:4]
    '<svg'
    """
    left, right, bottom, top = picture.view
    height = side * (top - bottom) / (right - left)
    frame = _Frame(_scale(left, right, 0, side), _scale(bottom, top, height, 0))
    x, y = frame.x(picture.extent[0]), frame.y(picture.extent[3])
    size = (frame.x(picture.extent[1]) - x, frame.y(picture.extent[2]) - y)
    cut = ' style="clip-path:circle(50%)"' if picture.disc else ""
    array = _image(picture.indices, picture.colours, (x, y), size, cut)
    drawn = [_part(part, frame) for part in (*picture.curves, *picture.markers)]
    words = [
        _text(text.text, f'x="{_short(frame.x(text.x))}" y="{_short(frame.y(text.y) + 4)}" text-anchor="middle"'
              + (f' fill="#fff" stroke="{DARK}" stroke-width="2.5" paint-order="stroke"' if text.inside else ""))
        for text in picture.texts
    ]  # fmt: skip
    bar = _colour_bar(picture.scale, picture, side + 16, height)
    return _svg(side + 90, height, title, array + "".join(drawn) + "".join(words) + bar)


def _colour_bar(scale: ColourScale, picture: Picture, x: float, height: float) -> str:
    top, bottom = 0.12 * height, 0.88 * height
    place = _scale(scale.low, scale.high, bottom, top)
    rows = np.arange(LEVELS - 1, -1, -1, dtype=np.uint8)[:, None]
    shown = _image(rows, picture.colours, (x, top), (12, bottom - top), "")
    ticks = _ticks(
        Axis(label="", low=scale.low, high=scale.high, ticks=scale.ticks, texts=scale.texts),
        place,
        lambda p: f'<path d="M{x + 12:g} {_short(p)}h4" stroke="{INK}"/>',
        lambda p: f'x="{x + 18:g}" y="{_short(p + 4)}"',
    )
    return shown + "".join(ticks) + _upright(scale.label, x + 62, height / 2)


def _image(
    indices: NDArray[np.uint8], colours: NDArray[np.uint8], place: Sequence[float], size: Sequence[float], more: str
) -> str:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(indices), mode="P")
    image.putpalette(colours.tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=OUTSIDE, optimize=True)
    data = base64.b64encode(stream.getvalue()).decode()
    x, y = map(_short, place)
    width, height = map(_short, size)
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none"{more} '
        f'href="data:image/png;base64,{data}"/>'
    )


def legend_html(parts: Sequence[Part]) -> str:
    """The names of parts, each with a piece of what it looks like.

    Parameters
    ----------
    parts : sequence of Part
        ``plot.legend`` or ``picture.legend``.

    Returns
    -------
    str
        Spans.

    Examples
    --------
    >>> from cryoaniso_nb.figures import Region
    >>> legend_html([Region(key="a", label="reaches Nyquist", colour="#ffffff")]).count("span")
    2
    """
    return " ".join(
        f'<span class="key"><svg width="22" height="14" aria-hidden="true">{_sample(part)}</svg> '
        f"{html.escape(part.label)}</span>"
        for part in parts
    )


def _sample(part: Part) -> str:
    if isinstance(part, Curve):
        dash = f' stroke-dasharray="{DASHES[part.dash]}"' if DASHES[part.dash] else ""
        return f'<path d="M0 7H22" stroke="{part.colour}" stroke-width="{part.width:g}"{dash}/>'
    if isinstance(part, Markers):
        return _marker(part, 11, 7)
    colour = part.colours[0] if isinstance(part, Bars) else part.colour  # type: ignore[attr-defined]
    faint = f' opacity="{part.opacity:g}"' if isinstance(part, Band) else ""
    return f'<rect x="3" y="2" width="16" height="10" fill="{colour}"{faint} stroke="{DARK}" stroke-width=".5"/>'
