"""Colours, the same in every figure.

Line colours have a contrast of 3 or more on white and on JupyterLab's dark pages, and keep
apart from each other in the common kinds of colour blindness. A colour stands for a quantity,
a dash for a variant of it. On the colour scale bright is well resolved.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BINGHAM",
    "FSC",
    "FSO",
    "NOT_MEASURED",
    "NO_SIGNAL",
    "NYQUIST",
    "OTHER",
    "RULE",
    "SELECTED",
    "SERIES",
    "ZONE",
    "hexadecimal",
    "scale_colours",
]

FSO = "#1a85e8"
FSC = "#8e8e8e"
BINGHAM = "#c97012"
OTHER = "#2f8049"  # a second map
SELECTED = "#a851a6"  # cursor, selected direction
SERIES = (FSO, BINGHAM, OTHER, SELECTED, FSC)  # several maps, tilts, programs
RULE = "#8c8c8c"  # lines to read values by
ZONE = "#f0e442"  # a fill

# Neither is a colour of the scale: beyond its bright end, below its dark one, and beside it.
NYQUIST, NO_SIGNAL, NOT_MEASURED = "#ffffff", "#000000", "#9a9a9a"

# The scale from poor to good, dark violet to yellow: rises in lightness, also for the colour-blind.
_STOPS = (
    "#440154", "#48186a", "#472d7b", "#424086", "#3b528b", "#33638d", "#2c728e", "#26828e", "#21918c",
    "#1fa088", "#28ae80", "#3fbc73", "#5ec962", "#84d44b", "#addc30", "#d8e219", "#fde725",
)  # fmt: skip


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour, 0 to 255.

    Parameters
    ----------
    colour : str
        As in '#1a85e8'.

    Returns
    -------
    tuple of int
        Three.

    Examples
    --------
    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hexadecimal(colour: NDArray[np.integer]) -> str:
    """A colour as text.

    Parameters
    ----------
    colour : ndarray of int, shape (3,)
        Red, green, blue, 0 to 255.

    Returns
    -------
    str
        As in '#1a85e8'.

    Examples
    --------
    >>> hexadecimal(np.array([255, 128, 0]))
    '#ff8000'
    """
    return "#" + "".join(f"{int(part):02x}" for part in colour)


@lru_cache(maxsize=8)
def scale_colours(name: str, count: int) -> NDArray[np.uint8]:
    """Colours of a scale, from its low end to its high one.

    Parameters
    ----------
    name : {'resolved', 'grey'}
        Dark violet to yellow, or black to white.
    count : int
        How many.

    Returns
    -------
    ndarray of uint8, shape (count, 3)
        Red, green, blue; read-only.

    Examples
    --------
    >>> scale_colours("grey", 3).tolist()
    [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    """
    stops = np.array([rgb(stop) for stop in (_STOPS if name == "resolved" else ("#000000", "#ffffff"))])
    place = np.linspace(0, len(stops) - 1, count)
    found = np.stack([np.interp(place, np.arange(len(stops)), stops[:, part]) for part in range(3)], axis=1)
    colours: NDArray[np.uint8] = np.rint(found).astype(np.uint8)
    colours.flags.writeable = False
    return colours
