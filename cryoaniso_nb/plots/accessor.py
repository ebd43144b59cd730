"""`result.plot`: single panels, on axes of the user's own or on a figure made for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..summary.verdict import Analysed
from .curves import dfsc_fan, distribution, fso_plot
from .draw import STYLE, new_figure
from .sphere import sphere_plot

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Plots"]


class Plots:
    """Panels of one result; each function returns the axes that it drew on.

    Parameters
    ----------
    result : AnalysisResult
        What is drawn.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> result.plot.fso().get_ylabel()[:3]
    'FSO'
    """

    def __init__(self, result: Analysed) -> None:
        self._result = result

    def _on(self, ax: Axes | None, draw: Callable[..., Any], size: tuple[float, float], **options: Any) -> Axes:
        with matplotlib.rc_context(STYLE):
            target = new_figure(*size).add_subplot() if ax is None else ax
            draw(self._result, target, **options)
        return target

    def fso(self, ax: Axes | None = None, *, bingham: str | None = None, legend: bool = True) -> Axes:
        """FSC, FSO and a curve of the Bingham test.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure otherwise.
        bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
            Which curve of the test; the calibrated one if there is one, else the textbook one.
        legend : bool
            Whether to add a legend.

        Returns
        -------
        Axes
            Those of FSC and FSO.
        """
        return self._on(ax, fso_plot, (4.8, 3.4), bingham=bingham, legend=legend)

    def fan(self, ax: Axes | None = None, *, axis: int | None = None) -> Axes:
        """Directional FSC: its mean, middle 90 % and extremes over directions.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure otherwise.
        axis : int, optional
            One direction to draw besides.

        Returns
        -------
        Axes
            What was drawn on.
        """
        return self._on(ax, dfsc_fan, (4.8, 3.4), axis=axis)

    def distribution(self, ax: Axes | None = None) -> Axes:
        """Directional resolution as a histogram weighted by area.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        Axes
            What was drawn on.
        """
        return self._on(ax, distribution, (4.8, 3.4))

    def sphere(self, ax: Axes | None = None) -> Axes:
        """Directional resolution over zenith and azimuth.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        Axes
            What was drawn on.
        """
        return self._on(ax, sphere_plot, (4.2, 4.2))

    def overview(self) -> Figure:
        """Curves, sphere, fan and distribution in one figure.

        Returns
        -------
        Figure
            As a report shows it.
        """
        from .figures import overview

        return overview(self._result)
