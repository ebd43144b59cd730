"""The weight inside a cone, the one rule of every directional sum (paper, eq. 1)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["cone_weight"]

Real = TypeVar("Real", np.float32, np.float64)


def cone_weight(cosine: NDArray[Real], half_angle: float) -> NDArray[Real]:
    """Weight of directions in a double cone; the compiled loops of `kernels.histogram` hold the same.

    Parameters
    ----------
    cosine : ndarray of float32 or float64
        Absolute cosines of the angles to the cone's axis.
    half_angle : float
        Of the cone, in degrees.

    Returns
    -------
    ndarray
        exp(-((cos t - 1)/sigma)^2) with sigma = (1 - cos W)/2 inside the cone, exp(-4) at its
        edge, and 0 outside; in the precision of `cosine` (doi 10.1038/s41592-023-01874-3).

    Examples
    --------
    >>> edge = np.cos(np.deg2rad(17.0))
    >>> cone_weight(np.array([1.0, edge + 1e-12, 0.5]), 17.0).round(4).tolist()
    [1.0, 0.0183, 0.0]
    """
    edge = cosine.dtype.type(np.cos(np.deg2rad(half_angle)))
    inside = cosine >= edge
    weight = np.zeros_like(cosine)
    weight[inside] = np.exp(-np.square((cosine[inside] - 1) * (2 / (1 - edge))))
    return weight
