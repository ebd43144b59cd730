"""Colours that read on light and dark pages, and arrays as paletted PNG pictures."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "BT",
    "CHI",
    "CORRECTED",
    "FSC",
    "FSO",
    "LINE",
    "OTHER",
    "SELECTED",
    "ZONE",
    "grey_png",
    "map_png",
    "scale_png",
]

# Each has a contrast of 3 or more on white and on JupyterLab's dark grey, and keeps apart
# from its neighbours in the common kinds of colour blindness.
FSO = "#2f86d2"
BT = "#d0661b"
FSC = "#868686"
CHI = "#8d6bc9"
LINE = "#8c8c8c"
OTHER = "#1f9d68"
SELECTED = "#cf4fa0"
CORRECTED = "#a08a12"
ZONE = "#f0e442"  # a fill, as in the Matplotlib figures

TRANSPARENT = 255  # palette index of unmeasured pixels
MAX_SIDE = 384  # pixels of a picture's side: bounds what one redraw sends


@lru_cache(maxsize=4)
def _palette(name: str) -> bytes:
    from matplotlib import colormaps

    colours = (np.asarray(colormaps[name](np.linspace(0, 1, TRANSPARENT)))[:, :3] * 255).round().astype(np.uint8)
    return bytes(np.concatenate([colours, [[128, 128, 128]]]).astype(np.uint8))


def map_png(values: NDArray[np.floating], low: float, high: float, palette: str = "viridis") -> bytes:
    """A picture of an array, unmeasured pixels transparent.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        First row on top; NaN for unmeasured.
    low, high : float
        Values of the first and last colour.
    palette : str
        A matplotlib colour map.

    Returns
    -------
    bytes
        PNG with a palette.

    Examples
    --------
    >>> map_png(np.zeros((2, 2)), 0.0, 1.0)[:4]
    b'\\x89PNG'
    """
    span = high - low if high > low else 1.0
    with np.errstate(invalid="ignore"):
        level = np.clip((values - low) / span, 0.0, 1.0) * (TRANSPARENT - 1)
    index = np.where(np.isfinite(level), np.nan_to_num(level).round(), TRANSPARENT).astype(np.uint8)
    picture = Image.fromarray(index, mode=None)
    picture = picture.convert("L") if picture.mode != "L" else picture
    paletted = Image.frombytes("P", picture.size, picture.tobytes())
    paletted.putpalette(_palette(palette))
    buffer = io.BytesIO()
    paletted.save(buffer, format="PNG", transparency=TRANSPARENT, compress_level=1)
    return buffer.getvalue()


def grey_png(values: NDArray[np.floating], low: float, high: float) -> bytes:
    """A grey picture of a slice, made smaller if it is very large.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        First row on top.
    low, high : float
        Values of black and white.

    Returns
    -------
    bytes
        PNG.

    Examples
    --------
    >>> grey_png(np.zeros((2, 2)), 0.0, 1.0)[:4]
    b'\\x89PNG'
    """
    step = -(-max(values.shape) // MAX_SIDE)
    if step > 1:
        rows, columns = (n // step * step for n in values.shape)
        blocks = values[:rows, :columns].reshape(rows // step, step, columns // step, step)
        values = blocks.mean(axis=(1, 3))
    return map_png(values, low, high, "gray")


def scale_png(palette: str = "viridis") -> bytes:
    """The colour scale itself, one pixel wide, high values on top.

    Parameters
    ----------
    palette : str
        A matplotlib colour map.

    Returns
    -------
    bytes
        PNG.

    Examples
    --------
    >>> len(scale_png()) < 2000
    True
    """
    return map_png(np.linspace(1, 0, 200)[:, None], 0.0, 1.0, palette)
