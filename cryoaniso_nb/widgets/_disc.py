"""The frame around a picture of the half sphere: rings of zenith, numbers of azimuth."""

from __future__ import annotations

from typing import Any

import bqplot
import numpy as np

from ..directions import unit_vectors
from ..measures.spheremap import positions_of
from . import colours
from ._view import lines, put

__all__ = ["BAR", "LEFT", "MARGIN", "REACH", "Frame", "round_ratio"]

REACH = 1.16  # of the plot, in disc radii: room for the azimuth's numbers
LEFT = REACH + 0.1  # the same on the left: numbers are wider than high, and cut off at the plot's edge
MARGIN = {"top": 8, "bottom": 8, "left": 4, "right": 52}  # pixels around the plot
BAR = 0.34  # of the plot, in disc radii: the colour bar and the gap before it


def round_ratio(height: int) -> float:
    """Aspect ratio of a figure in which the disc is round.

    Parameters
    ----------
    height : int
        Pixels of the figure, `MARGIN` included.

    Returns
    -------
    float
        Width over height.

    Examples
    --------
    >>> round(round_ratio(320), 2)
    1.31
    """
    plot = height - MARGIN["top"] - MARGIN["bottom"]
    return ((LEFT + REACH + BAR) / (2 * REACH) * plot + MARGIN["left"] + MARGIN["right"]) / height


class Frame:
    """Marks that name zenith and azimuth.

    Parameters
    ----------
    scales : dict
        'x' and 'y', in disc radii.
    """

    def __init__(self, scales: dict[str, Any]) -> None:
        self._drawn = ""
        self.rings = lines(scales, colours.LINE, stroke_width=1, opacities=[0.8])
        self.ring_labels = bqplot.Label(
            x=np.zeros(1),
            y=np.zeros(1),
            text=[""],
            scales=scales,
            colors=["#ffffff"],  # with a dark edge, see STYLE: readable on any colour
            default_size=11,
            align="middle",
            font_weight="normal",
        )
        self.ring_labels.y_offset = -4
        turn = np.deg2rad(np.arange(0, 360, 45))
        away = 1.11 + 0.02 * np.abs(np.cos(turn))
        self.azimuths = bqplot.Label(
            x=away * np.cos(turn),
            y=away * np.sin(turn) - 0.035,
            text=[f"{a}°" for a in range(0, 360, 45)],
            scales=scales,
            colors=[colours.LINE],
            default_size=11,
            align="middle",
            font_weight="normal",
        )

    @property
    def labels(self) -> list[bqplot.Mark]:
        """The numbers, to draw on top of everything."""
        return [self.ring_labels, self.azimuths]

    def draw(self, projection: str) -> None:
        """Put the rings where a projection wants them.

        Parameters
        ----------
        projection : str
            Of the disc.
        """
        if self._drawn == projection:
            return
        self._drawn = projection
        zeniths = np.array([30.0, 60.0, 90.0])
        radius = positions_of(unit_vectors(zeniths, 0.0), projection)[0]
        turn = np.linspace(0, 2 * np.pi, 91)
        put(self.rings, radius[:, None] * np.cos(turn), radius[:, None] * np.sin(turn))
        with self.ring_labels.hold_sync():
            angle = np.deg2rad(67.5)
            self.ring_labels.x, self.ring_labels.y = radius[:2] * np.cos(angle), radius[:2] * np.sin(angle)
            self.ring_labels.text = ["30°", "60°"]
