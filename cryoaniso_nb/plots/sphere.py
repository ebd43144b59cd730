"""Directional resolution over the half sphere, on Matplotlib axes."""

from __future__ import annotations

from matplotlib.axes import Axes

from ..figures.sphere import resolution_picture, resolution_scale
from ..summary.verdict import Analysed
from .draw import draw_picture

__all__ = ["resolution_limits", "sphere_plot"]


def resolution_limits(*results: Analysed) -> tuple[float, float]:
    """Limits of the colour scale that suit several results together.

    Parameters
    ----------
    *results : AnalysisResult
        One or more.

    Returns
    -------
    tuple of float
        Resolutions in Å of the best and the worst colour, see `figures.resolution_scale`.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> best, worst = resolution_limits(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> best < worst
    True
    """
    scale = resolution_scale(*results)
    return 1 / scale.high, 1 / scale.low


def sphere_plot(
    result: Analysed,
    ax: Axes,
    *,
    projection: str = "polar",
    limits: tuple[float, float] | None = None,
    pixels: int = 240,
    colour_bar: bool = True,
) -> None:
    """Directional resolution over zenith (radius) and azimuth, smoothed with the cone's kernel.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    ax : Axes
        Plain axes; their frame is hidden.
    projection : {'polar', 'equal-area'}
        Radius proportional to zenith (the paper's Fig. 1), or equal areas.
    limits : tuple of float, optional
        Ends of the colour scale in Å; the 2nd and 98th percentile of reliable directions if not given.
    pixels : int
        Side of the picture.
    colour_bar : bool
        Whether to draw one.

    Raises
    ------
    SettingsError
        For another projection, or limits that are not two different resolutions.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> sphere_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> len(ax.images)
    1
    """
    scale = resolution_scale(result, limits=limits)
    draw_picture(resolution_picture(result, projection=projection, scale=scale, pixels=pixels), ax, bar=colour_bar)
