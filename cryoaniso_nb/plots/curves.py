"""Curves of an analysis on Matplotlib axes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ..figures.curves import foreign_curves, occupancy_plot
from ..figures.distribution import BINS, distribution_plot
from ..figures.fan import fan_plot
from ..inputs.fsc_curves import ForeignFSC
from ..summary.verdict import Analysed
from .draw import draw_parts, draw_plot, legend_above

__all__ = ["dfsc_fan", "distribution", "fso_plot", "overlay_fsc"]


def fso_plot(result: Analysed, ax: Axes, *, bingham: str | None = None, legend: bool = True) -> None:
    """FSO, global FSC and the Bingham test against frequency, as in the paper's Fig. 1.

    Parameters
    ----------
    result : AnalysisResult
        An analysis; a calibration or band that it carries is drawn too.
    ax : Axes
        Where to draw; the Bingham test is read on the right.
    bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Which curve of the test; the calibrated one if there is one, else the textbook one.
    legend : bool
        Whether to name the curves, above the axes.

    Raises
    ------
    ResultError
        When the result has no such curve.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> fso_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> ax.get_ylabel()
    'FSO, FSC'
    """
    draw_plot(occupancy_plot(result, bingham=bingham), ax, columns=3 if legend else 0)


def overlay_fsc(ax: Axes, curves: Sequence[ForeignFSC]) -> None:
    """Draw FSC curves of other programs over `fso_plot` or `dfsc_fan`.

    Parameters
    ----------
    ax : Axes
        Whose x axis is in 1/Å.
    curves : sequence of ForeignFSC
        From `read_fsc`.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> overlay_fsc(ax, [ForeignFSC(program="RELION", label="masked", frequency=np.ones(2), fsc=np.ones(2))])
    >>> ax.lines[0].get_label()
    'RELION, masked'
    """
    above = ax.get_legend()
    before = [] if above is None else list(above.legend_handles)
    if above is not None:
        above.remove()
    added = draw_parts(foreign_curves(curves), ax)
    legend_above(ax, [*(handle for handle in before if handle is not None), *added], 2)


def dfsc_fan(result: Analysed, ax: Axes, *, axis: int | None = None) -> None:
    """Spread of directional FSC: mean, 5-95 % of directions, lowest and highest, global FSC.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    ax : Axes
        Where to draw.
    axis : int, optional
        An axis whose own curve is drawn too.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> dfsc_fan(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> ax.get_ylabel()
    'Directional FSC'
    """
    draw_plot(fan_plot(result, axis=axis), ax, columns=2)


def distribution(result: Analysed, ax: Axes, *, bins: int = BINS) -> None:
    """Histogram of directional resolution, weighted by area, in the colours of the sphere.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    ax : Axes
        Where to draw.
    bins : int
        Number of bars.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> distribution(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> ax.get_xlabel()
    'Directional resolution (Å)'
    """
    plot = distribution_plot(result, bins=bins)
    legend_above(ax, draw_plot(plot, ax), 2, "\n".join(plot.notes))
