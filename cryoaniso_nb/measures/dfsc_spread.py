"""Mean and spread of dFSC over the sphere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..results.types import DirectionalFSC, Frequencies, Result

__all__ = ["DirectionalSpread", "dfsc_spread"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionalSpread(Result):
    """dFSC over the sphere in each shell, weighted by area.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    mean, sd, minimum, maximum : ndarray, shape (S,)
        Of dFSC over the measured axes; NaN where none is.
    measured : ndarray, shape (S,)
        Share of the sphere that is measured.
    """

    frequency: Frequencies
    mean: Annotated[Floats, "S"]
    sd: Annotated[Floats, "S"]
    minimum: Annotated[Floats, "S"]
    maximum: Annotated[Floats, "S"]
    measured: Annotated[Floats, "S"]


def dfsc_spread(dfsc: DirectionalFSC) -> DirectionalSpread:
    """Mean and spread of dFSC over the sphere, shell by shell.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis, with its share of the sphere.

    Returns
    -------
    DirectionalSpread
        Weighted by area; unmeasured axes are left out.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import areas, axes_for
    >>> values = np.array([[0.2], [0.4], [0.2], [0.4], [0.2], [0.4]])
    >>> dfsc = DirectionalFSC(frequency=np.array([0.1]), axes=axes_for(6), areas=areas(6), values=values,
    ...                       n_eff=np.ones((6, 1)), done=np.ones(6, dtype=bool))
    >>> spread = dfsc_spread(dfsc)
    >>> spread.mean.round(6).tolist(), spread.sd.round(6).tolist()
    ([0.3], [0.1])
    """
    values, finite = dfsc.values, np.isfinite(dfsc.values)
    share = dfsc.areas @ finite
    some = share > 0

    def average(quantity: Floats) -> Floats:
        total: Floats = dfsc.areas @ np.where(finite, quantity, 0.0)
        total[~some] = np.nan
        return np.asarray(total / np.where(some, share, 1.0))

    mean = average(values)
    total = dfsc.areas.sum()
    return DirectionalSpread(
        frequency=dfsc.frequency,
        mean=mean,
        sd=np.sqrt(average((values - mean) ** 2)),
        minimum=np.where(some, np.min(np.where(finite, values, np.inf), axis=0), np.nan),
        maximum=np.where(some, np.max(np.where(finite, values, -np.inf), axis=0), np.nan),
        measured=share / total if total > 0 else share,
    )
