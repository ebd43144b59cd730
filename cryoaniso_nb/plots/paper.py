"""Several plots as one figure."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from ..figures.parts import Plot
from .draw import STYLE, draw_plot, new_figure

__all__ = ["plots_figure"]


def plots_figure(plots: Sequence[Plot], titles: Sequence[str], columns: int = 2) -> Figure:
    """Plots side by side, with one legend.

    Parameters
    ----------
    plots : sequence of Plot
        One or more.
    titles : sequence of str
        One a plot.
    columns : int
        Plots in a row.

    Returns
    -------
    Figure
        The legend is the first plot's.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import occupancy_plot
    >>> plot = occupancy_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> len(plots_figure([plot, plot], ["one", "two"]).axes)
    2
    """
    rows = -(-len(plots) // columns)
    with matplotlib.rc_context(STYLE):
        made = new_figure(4.6 * columns, 2.9 * rows + 0.5)
        axes = made.subplots(rows, columns, squeeze=False).ravel()
        named = [draw_plot(plot, ax) for plot, ax in zip(plots, axes, strict=False)]
        for ax, title in zip(axes, titles, strict=False):
            ax.set_title(title)
        for ax in axes[len(plots) :]:
            ax.remove()
        made.legend(handles=named[0], loc="outside lower center", ncols=4, frameon=False)
    return made
