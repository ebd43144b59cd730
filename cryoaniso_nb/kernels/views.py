"""Compiled count of the views that sample each point of a sphere in Fourier space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._cache import compiled

__all__ = ["count_views"]

Singles = NDArray[np.float32]


@compiled(error_model="numpy")
def count_views(points: Singles, x: Singles, y: Singles, z: Singles, limit: np.float32) -> NDArray[np.int64]:
    """Count the views whose central plane passes near each point.

    Parameters
    ----------
    points : ndarray of float32, shape (P, 3)
        Unit vectors (x, y, z).
    x, y, z : ndarray of float32, shape (N,)
        The views, each a contiguous array: a loop over rows of three is four times slower.
    limit : float32
        Largest distance of the plane from the point.

    Returns
    -------
    ndarray of int64, shape (P,)
        Views v with abs(p . v) < limit.
    """
    counts = np.zeros(len(points), dtype=np.int64)
    for i in range(len(points)):
        a, b, c = points[i, 0], points[i, 1], points[i, 2]
        near = np.int32(0)
        for j in range(x.size):
            if abs(a * x[j] + b * y[j] + c * z[j]) < limit:
                near += np.int32(1)
        counts[i] = near
    return counts
