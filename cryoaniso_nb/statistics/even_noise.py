"""The dFSC that a map has with its model when noise is the same in all directions.

A molecule has more power along some directions than along others, so that its dFSC differs by
direction even where the noise doesn't. With X = b Y + N, where Y is the model, b is the same in a
shell and N noise of the same power in all directions, dFSC^2/(1 - dFSC^2) of a cone is
proportional to the model's power in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..engine.cones import cone_sums
from ..engine.execution import LOCAL, Execution
from ..results.types import AngularHistogram, DirectionalFSC, GlobalFSC, Result

__all__ = ["EvenNoise", "even_noise", "expected_dfsc"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EvenNoise(Result):
    """What a model's own power makes of dFSC, were the noise even.

    Attributes
    ----------
    power : ndarray, shape (A, S)
        The model's mean power in each cone, over that of all directions; NaN in empty cones.
    dfsc : ndarray, shape (A, S)
        dFSC expected of it.
    """

    power: Annotated[Floats, "A", "S"]
    dfsc: Annotated[Floats, "A", "S"]


def expected_dfsc(fsc: Floats, power: Floats) -> Floats:
    """dFSC with a model under even noise.

    Parameters
    ----------
    fsc : ndarray, shape (S,)
        FSC of whole shells; below 0 it counts as 0.
    power : ndarray, shape (A, S)
        The model's power in each cone, over its mean.

    Returns
    -------
    ndarray, shape (A, S)
        f^2/(1 - f^2) of each is that of the whole shell times `power`.

    Examples
    --------
    >>> expected_dfsc(np.array([0.6]), np.array([[1.0], [4.0], [0.0]])).round(4).tolist()
    [[0.6], [0.8321], [0.0]]
    """
    square = np.square(np.clip(np.nan_to_num(fsc), 0.0, 1.0))
    share = square * power
    rest = share + 1 - square
    return np.asarray(np.sqrt(np.divide(share, rest, out=np.full(share.shape, np.nan), where=rest > 0)))


def even_noise(
    histogram: AngularHistogram,
    dfsc: DirectionalFSC,
    curve: GlobalFSC,
    cone_half_angle: float,
    *,
    execution: Execution = LOCAL,
) -> EvenNoise:
    """Find the model's power in every cone, and the dFSC that even noise would give.

    Parameters
    ----------
    histogram : AngularHistogram
        Of a map, and of the model's density in the place of the second half map.
    dfsc : DirectionalFSC
        Its axes and their areas.
    curve : GlobalFSC
        FSC of whole shells.
    cone_half_angle : float
        Degrees.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    EvenNoise
        Of the same axes.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=0))
    >>> null = even_noise(r.histogram, r.dfsc, r.global_fsc, 17.0)
    >>> bool(np.nanmean(abs(null.power[:, 10:] - 1)) < 0.2)
    True
    """
    sums = cone_sums(histogram, dfsc.axes, cone_half_angle, execution=execution)
    ones = histogram.replace(nodes=histogram.nodes[:, :, [3, 3, 3, 3]], low=np.ones_like(histogram.low))
    weight = cone_sums(ones, dfsc.axes, cone_half_angle, execution=execution).yy
    mean = np.divide(sums.yy, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
    known = np.isfinite(mean)
    total = dfsc.areas @ known
    whole = np.divide(dfsc.areas @ np.where(known, mean, 0), total, out=np.full(total.shape, np.nan), where=total > 0)
    power = np.divide(mean, whole, out=np.full(mean.shape, np.nan), where=whole > 0)
    return EvenNoise(power=power, dfsc=expected_dfsc(curve.fsc, power))
