"""Compiled loops of the Monte Carlo null: noise fields -> their products per direction node."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._cache import compiled

__all__ = ["spread_products"]

Singles = NDArray[np.float32]


@compiled(fastmath={"contract"}, error_model="numpy", inline="always")
def _cell(k0, k1, k2, side):  # type: ignore[no-untyped-def]
    """Node at the corner of a direction's cell, and the position within the cell."""
    a0, a1, a2 = abs(k0), abs(k1), abs(k2)
    if a0 >= a1 and a0 >= a2:
        face, major, p, q = 0, k0, k1, k2
    elif a1 >= a2:
        face, major, p, q = 1, k1, k2, k0
    else:
        face, major, p, q = 2, k2, k0, k1
    scale = 0.5 * (side - 1)
    u = p / major * scale + scale
    v = q / major * scale + scale
    i = min(int(u), side - 2)
    j = min(int(v), side - 2)
    return (face * side + i) * side + j, np.float32(u - i), np.float32(v - j)


@compiled(fastmath={"contract"}, error_model="numpy")
def spread_products(real: Singles, imag: Singles, k: Singles, side: int, nodes: Singles) -> None:
    """Add the products of all pairs of noise fields to the nodes around each coefficient.

    Parameters
    ----------
    real, imag : ndarray of float32, shape (M, K)
        K fields at M coefficients.
    k : ndarray of float32, shape (M, 3)
        Frequencies (x, y, z) of the coefficients, not zero.
    side : int
        Nodes along a face's side, in the order of `directions.cube_nodes`.
    nodes : ndarray of float32, shape (3 side^2, K (K + 1) / 2)
        Added to in place: Re F_i* F_j for i <= j, in the order of `numpy.triu_indices`.
    """
    count, fields = real.shape
    one = np.float32(1.0)
    products = np.empty(nodes.shape[1], dtype=np.float32)
    for m in range(count):
        base, u, v = _cell(k[m, 0], k[m, 1], k[m, 2], side)
        place = 0
        for i in range(fields):
            a, b = real[m, i], imag[m, i]
            for j in range(i, fields):
                products[place + j - i] = a * real[m, j] + b * imag[m, j]
            place += fields - i
        w00, w01, w10, w11 = (one - u) * (one - v), (one - u) * v, u * (one - v), u * v
        n00, n01, n10, n11 = nodes[base], nodes[base + 1], nodes[base + side], nodes[base + side + 1]
        for p in range(products.size):
            value = products[p]
            n00[p] += w00 * value
            n01[p] += w01 * value
            n10[p] += w10 * value
            n11[p] += w11 * value
