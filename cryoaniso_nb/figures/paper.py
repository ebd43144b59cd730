"""A map of the paper: its measured curves with what was published of the deposited one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..summary.verdict import Analysed
from .curves import occupancy_plot
from .parts import Markers, Plot

__all__ = ["published_plot"]


def published_plot(result: Analysed, points: Sequence[tuple[float, float]]) -> Plot:
    """FSO, FSC and the published Bingham curve, as in the paper's Fig. 1, with the paper's points of FSO.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    points : sequence of tuple of float
        Å and FSO, as published.

    Returns
    -------
    Plot
        The points on top.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> plot = published_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), [(4.0, 0.5)])
    >>> plot.legend[0].label
    'published, deposited map'
    """
    plot = occupancy_plot(result, bingham="p_published")
    x, y = (np.array(values, float) for values in zip(*points, strict=True))
    mark = Markers(key="published", label="published, deposited map", x=1 / x, y=y, shape="circle", face="none",
                   edge="#202020", size=9.0)  # fmt: skip
    right = None if plot.right is None else replace(plot.right, label="Bingham test")  # fits a small panel
    return replace(plot, parts=(*plot.parts, mark), right=right)
