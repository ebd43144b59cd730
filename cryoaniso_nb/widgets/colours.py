"""Pictures as paletted PNG, swatches of legends, colour bars: descriptions in HTML and bytes."""

from __future__ import annotations

import html
import io
from collections.abc import Container, Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..figures.palette import scale_colours
from ..figures.parts import OUTSIDE, Band, Bars, ColourScale, Curve, Markers, Part, Picture, Region

__all__ = ["DASHES", "bar_html", "legend_html", "picture_indices", "picture_png"]

MAX_SIDE = 384  # pixels of a picture's side: bounds what one redraw sends
DASHES = {"solid": "", "dashed": "10,10", "dotted": "2,10", "dashdot": "10,5,2,5"}  # bqplot's, in pixels
STOPS = 17  # of a colour bar


def picture_indices(picture: Picture) -> NDArray[np.uint8]:
    """Numbers of the colours of a picture's pixels; of means over blocks of pixels where it is too large.

    Parameters
    ----------
    picture : Picture
        What is shown.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)
        As in `Picture.indices`.

    Examples
    --------
    >>> from cryoaniso_nb.figures import map_pictures
    >>> picture_indices(map_pictures(np.zeros((8, 8, 800)), 1.0, (4, 4, 4))[0]).shape
    (2, 266)
    """
    step = -(-max(picture.values.shape) // MAX_SIDE)
    if step == 1:
        return picture.indices
    if picture.regions:
        return picture.indices[::step, ::step]
    rows, columns = (side // step * step for side in picture.values.shape)
    blocks = picture.values[:rows, :columns].reshape(rows // step, step, columns // step, step)
    values = blocks.mean(axis=(1, 3))
    return np.where(np.isfinite(values), picture.scale.shades(np.nan_to_num(values)), OUTSIDE).astype(np.uint8)


def picture_png(indices: NDArray[np.uint8], colours: NDArray[np.uint8]) -> bytes:
    """A picture as a PNG, transparent where nothing is drawn.

    Parameters
    ----------
    indices : ndarray of uint8, shape (rows, columns)
        Number of each pixel's colour.
    colours : ndarray of uint8, shape (256, 3)
        The colours.

    Returns
    -------
    bytes
        PNG with a palette.

    Examples
    --------
    >>> picture_png(np.zeros((8, 8), dtype=np.uint8), np.zeros((256, 3), dtype=np.uint8))[:4]
    b'\\x89PNG'
    """
    rows, columns = indices.shape
    paletted = Image.frombytes("P", (columns, rows), np.ascontiguousarray(indices).tobytes())
    paletted.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    paletted.save(buffer, format="PNG", transparency=OUTSIDE, compress_level=1)
    return buffer.getvalue()


def legend_html(parts: Iterable[Part], *, hidden: Container[str] = ()) -> str:
    """A line of HTML that names parts, each with a sample drawn as it is; notes show on hover.

    Parameters
    ----------
    parts : iterable of Part
        With labels.
    hidden : container of str
        Keys of those that were taken off the figure.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> line = Curve(key="fso", label="FSO", x=np.zeros(2), y=np.zeros(2), colour="#1a85e8")
    >>> "#1a85e8" in legend_html([line])
    True
    """
    entries = []
    for part in parts:
        words = f"{_swatch(part)} {html.escape(part.label)}"
        note = html.escape(part.note, quote=True)
        if isinstance(part, Region):  # pixels of the picture itself
            entries.append(f'<span title="{note}" class="cryoaniso-entry">{words}</span>')
        else:
            entries.append(
                f'<button type="button" title="{note} Click to hide or show it." class="cryoaniso-entry" '
                f'data-key="{part.key}" aria-pressed="{str(part.key not in hidden).lower()}">{words}</button>'
            )
    return f'<div class="cryoaniso-legend">{"".join(entries)}</div>'


def _swatch(part: Part) -> str:
    """A sample of a part, as SVG."""
    if isinstance(part, Curve):
        dash = f' stroke-dasharray="{DASHES[part.dash]}"' if DASHES[part.dash] else ""
        return _svg(32, f'<line x1="0" x2="32" y1="6" y2="6" stroke="{part.colour}" stroke-width="{part.width:g}" '
                        f'opacity="{part.opacity:g}"{dash}/>')  # fmt: skip
    if isinstance(part, Band):
        return _svg(22, f'<rect width="22" height="12" fill="{part.colour}" opacity="{part.opacity:g}"/>')
    if isinstance(part, Markers):
        return _svg(14, _shape(part))
    colour = part.colours[0] if isinstance(part, Bars) else part.colour if isinstance(part, Region) else "none"
    return _svg(14, f'<rect x="0.5" y="0.5" width="13" height="11" fill="{colour}" stroke="#8c8c8c"/>')


def _svg(width: int, content: str) -> str:
    return f'<svg width="{width}" height="12" viewBox="0 0 {width} 12" aria-hidden="true">{content}</svg>'


def _shape(part: Markers) -> str:
    r = min(part.size, 11.0) / 2
    style = f'fill="{part.face}" stroke="{part.edge}" stroke-width="1"'
    if part.shape == "circle":
        return f'<circle cx="7" cy="6" r="{r - 0.5:g}" {style}/>'
    if part.shape == "diamond":
        return f'<path d="M7,{6 - r:g}L{7 + r:g},6L7,{6 + r:g}L{7 - r:g},6Z" {style}/>'
    a, b = r / 3, r
    arms = f"M{-a:g},{-b:g}H{a:g}V{-a:g}H{b:g}V{a:g}H{a:g}V{b:g}H{-a:g}V{a:g}H{-b:g}V{-a:g}H{-a:g}Z"
    return f'<path transform="translate(7,6)" d="{arms}" {style}/>'


def bar_html(scale: ColourScale) -> str:
    """A colour bar with its ticks and label, as high as its place.

    Parameters
    ----------
    scale : ColourScale
        Its values and colours, the high end on top.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> scale = ColourScale(label="dFSC", palette="resolved", low=0.0, high=1.0, ticks=np.array([0.5]), texts=("0.5",))
    >>> "top:50.00%" in bar_html(scale)
    True
    """
    stops = ",".join("rgb({},{},{})".format(*colour) for colour in scale_colours(scale.palette, STOPS)[::-1].tolist())
    places = 100 * (scale.high - scale.ticks) / (scale.high - scale.low)
    ticks = "".join(
        f'<span class="cryoaniso-tick" style="top:{place:.2f}%">{html.escape(text)}</span>'
        for place, text in zip(places, scale.texts, strict=True)
    )
    return (
        f'<div class="cryoaniso-bar"><div class="cryoaniso-colours" style="background:linear-gradient({stops})"></div>'
        f'<div class="cryoaniso-ticks">{ticks}</div>'
        f'<div class="cryoaniso-bar-label">{html.escape(scale.label)}</div></div>'
    )
