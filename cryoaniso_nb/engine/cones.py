"""Angular histogram -> sums over the cones of any axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..geometry.shells import low_lattice
from ..results.types import AngularHistogram
from .blocks import ConeBlock, ConeSums, ranges, smallest_cone
from .execution import LOCAL, Execution
from .local import n_threads
from .tasks import map_tasks, on_cluster

__all__ = ["cone_sums"]

Floats = NDArray[np.float64]

AXES_OF_A_TASK = 400  # at most: bounds the time until a stop is heard


def cone_sums(
    histogram: AngularHistogram,
    axes: Floats,
    cone_half_angle: float,
    *,
    execution: Execution = LOCAL,
) -> ConeSums:
    """Sums over cones around any axes (the integrals of the paper's eq. 1).

    Parameters
    ----------
    histogram : AngularHistogram
        From `accumulate`.
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z).
    cone_half_angle : float
        Degrees.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    ConeSums
        For every axis and shell.

    Raises
    ------
    SettingsError
        When the cone is narrower than the histogram resolves.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for
    >>> from cryoaniso_nb.engine.blocks import count_histogram
    >>> counts = count_histogram((16, 16, 16), 1.0)
    >>> cone_sums(counts, axes_for(6), 17.0).n_eff.shape
    (6, 8)
    """
    if cone_half_angle < smallest_cone(histogram.nodes_per_face) - 1e-9:
        raise SettingsError(
            f"The cone's half-angle is {cone_half_angle:g} degrees, but this result holds directions only finely "
            f"enough for {smallest_cone(histogram.nodes_per_face):.3g} degrees; analyze the maps again with that angle."
        )
    clustered = on_cluster(execution)
    lattice = low_lattice(histogram.box, histogram.first_shell)
    block = ConeBlock(
        box=histogram.box,
        first_shell=histogram.first_shell,
        side=histogram.nodes_per_face,
        half_angle=float(np.deg2rad(cone_half_angle)),
        low=np.concatenate([histogram.low * lattice.weight, lattice.weight[None]]),
        nodes=histogram.nodes,
        totals=histogram.nodes[:, :, 3].sum(axis=1),
    )
    if clustered:
        from .cluster import broadcast_map, client_of, n_workers

        workers = n_workers(client_of(execution), execution)
    else:
        workers = n_threads(execution)
    rounds = math.ceil(len(axes) / (AXES_OF_A_TASK * workers))  # as many tasks for each worker
    blocks = [axes[start:stop] for start, stop in ranges(len(axes), workers * rounds)]
    if clustered:
        values = broadcast_map(block, blocks, histogram.nodes, "cones", execution)
    else:
        values = map_tasks(block, blocks, stage="cones", execution=execution)
    xy, xx, yy, n_eff = np.concatenate(values, axis=1)
    return ConeSums(xy, xx, yy, n_eff)
