"""Compiled loops: Fourier coefficients -> angular histogram, histogram -> cones.

All release the GIL and are cached on disk; the first call on a machine compiles for some seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._cache import compiled

__all__ = ["add_cones", "add_exact_cones", "add_shells", "load", "spread"]

Complex = NDArray[np.complexfloating[Any, Any]]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@compiled(fastmath={"contract"}, error_model="numpy", inline="always")
def _add_node(nodes, place, weight, xy, xx, yy, count):  # type: ignore[no-untyped-def]
    nodes[place] += weight * xy
    nodes[place + np.uint64(1)] += weight * xx
    nodes[place + np.uint64(2)] += weight * yy
    nodes[place + np.uint64(3)] += weight * count


@compiled(fastmath={"contract"}, error_model="numpy", inline="always")
def _share(nodes, place, step_u, step_v, u, v, xy, xx, yy, count):  # type: ignore[no-untyped-def]
    both = u * v
    _add_node(nodes, place, np.float32(1.0) - u - v + both, xy, xx, yy, count)
    _add_node(nodes, place + step_v, v - both, xy, xx, yy, count)
    _add_node(nodes, place + step_u, u - both, xy, xx, yy, count)
    _add_node(nodes, place + step_u + step_v, both, xy, xx, yy, count)


@compiled(fastmath={"contract"}, error_model="numpy")
def spread(
    first: Complex,
    second: Complex,
    z: Singles,
    y: Singles,
    x: Singles,
    multiplicity: Singles,
    first_shell: int,
    last_shell: int,
    side: int,
    nodes: Singles,
) -> None:
    """Share the products of two transforms among the nodes of the angular histogram.

    Each coefficient of shells `first_shell` to `last_shell` falls in a cell of the cube face
    of its largest component and is shared bilinearly among the cell's four nodes.

    Parameters
    ----------
    first, second : ndarray of complex64, shape (Z, Y, X)
        Part of the two rfft lattices.
    z, y, x : ndarray of float32, shapes (Z,), (Y,), (X,)
        Frequencies in units of 1/(longest side); x >= 0.
    multiplicity : ndarray of float32, shape (X,)
        Weight of each x column: 1 per Friedel pair, 1/2 where both members are listed.
    first_shell, last_shell : int
        Range of shells, inclusive.
    side : int
        Nodes along a face's side.
    nodes : ndarray of float32, shape (3 side^2, last_shell - first_shell + 1, 4)
        Added to in place: Re X*Y, abs(X)^2, abs(Y)^2, count.
    """
    low = np.float32((first_shell - 0.5) ** 2)
    high = np.float32((last_shell + 0.5) ** 2)
    half = np.float32(0.5)
    scale = np.float32(0.5 * (side - 1))
    top = side - 2
    # Places in the flat histogram are unsigned: no check for negative ones in the innermost loop.
    flat = nodes.ravel()
    four = np.uint64(4)
    step_v = four * np.uint64(last_shell - first_shell + 1)
    step_u = step_v * np.uint64(side)
    for iz in range(z.size):
        kz = z[iz]
        for iy in range(y.size):
            ky = y[iy]
            plane = kz * kz + ky * ky
            if plane >= high:
                continue
            # Up to kx = bound the row lies on the y or z face, at a fixed position along the other.
            on_y = abs(ky) >= abs(kz)
            major, minor = (ky, kz) if on_y else (kz, ky)
            bound = abs(major)
            inverse = scale / major if bound > 0 else np.float32(0.0)
            fixed = minor * inverse + scale
            cell = min(int(fixed), top)
            fixed -= np.float32(cell)
            if on_y:  # u along z is fixed, v along x runs
                start, running, resting = np.uint64((side + cell) * side) * step_v, step_v, step_u
            else:  # v along y is fixed, u along x runs
                start, running, resting = np.uint64(2 * side * side + cell) * step_v, step_u, step_v
            for ix in range(x.size):
                kx = x[ix]
                square = plane + kx * kx
                if square < low:
                    continue
                if square >= high:
                    break
                shell = four * np.uint64(int(np.sqrt(square) + half) - first_shell)
                a = first[iz, iy, ix]
                b = second[iz, iy, ix]
                count = multiplicity[ix]
                xy = (a.real * b.real + a.imag * b.imag) * count
                xx = (a.real * a.real + a.imag * a.imag) * count
                yy = (b.real * b.real + b.imag * b.imag) * count
                if kx < bound:
                    run = kx * inverse + scale
                    j = min(int(run), top)
                    place = start + np.uint64(j) * running + shell
                    _share(flat, place, resting, running, fixed, run - np.float32(j), xy, xx, yy, count)
                else:  # face x: u along y, v along z
                    ratio = scale / kx
                    u = ky * ratio + scale
                    v = kz * ratio + scale
                    i = min(int(u), top)
                    j = min(int(v), top)
                    place = np.uint64(i * side + j) * step_v + shell
                    _share(flat, place, step_u, step_v, u - np.float32(i), v - np.float32(j), xy, xx, yy, count)


@compiled(error_model="numpy")
def add_shells(
    first: Complex,
    second: Complex,
    z: Singles,
    y: Singles,
    x: Singles,
    multiplicity: Singles,
    sums: Floats,
) -> None:
    """Add the products of two transforms to the sums over whole shells.

    Parameters
    ----------
    first, second : ndarray of complex, shape (Z, Y, X)
        Part of the two rfft lattices.
    z, y, x : ndarray of float32, shapes (Z,), (Y,), (X,)
        Frequencies in units of 1/(longest side).
    multiplicity : ndarray of float32, shape (X,)
        Weight of each x column.
    sums : ndarray, shape (3, S + 1)
        Added to in place: Re X*Y, abs(X)^2, abs(Y)^2 of shells 0 to Nyquist.
    """
    last = sums.shape[1] - 1
    for iz in range(z.size):
        for iy in range(y.size):
            plane = z[iz] * z[iz] + y[iy] * y[iy]
            for ix in range(x.size):
                shell = int(np.sqrt(plane + x[ix] * x[ix]) + np.float32(0.5))
                if shell > last:
                    break
                a = first[iz, iy, ix]
                b = second[iz, iy, ix]
                m = np.float64(multiplicity[ix])
                sums[0, shell] += m * (a.real * b.real + a.imag * b.imag)
                sums[1, shell] += m * (a.real * a.real + a.imag * a.imag)
                sums[2, shell] += m * (b.real * b.real + b.imag * b.imag)


@compiled(fastmath={"contract"}, error_model="numpy")
def add_cones(
    axes: Singles, directions: Singles, nodes: Singles, totals: Singles, half_angle: float, sums: Singles, shape: Floats
) -> None:
    """Weighted sums over the nodes inside each axis's double cone (paper, eq. 1).

    Parameters
    ----------
    axes : ndarray of float32, shape (A, 3)
        Unit vectors.
    directions : ndarray of float32, shape (3, N)
        Unit vectors of the nodes.
    nodes : ndarray of float32, shape (N, C)
        What to sum, contiguous.
    totals : ndarray of float32, shape (N,)
        Count of coefficients at each node over all shells.
    half_angle : float
        Of the cone, radians.
    sums : ndarray of float32, shape (A, C)
        Added to in place.
    shape : ndarray, shape (A,)
        Set to sum(w) / sum(w^2), the effective share of the cone's weighted count.
    """
    edge = np.float32(np.cos(half_angle))
    width = np.float32(2.0 / (1.0 - np.cos(half_angle)))
    one = np.float32(1.0)
    for ia in range(axes.shape[0]):
        ax, ay, az = axes[ia, 0], axes[ia, 1], axes[ia, 2]
        total = 0.0
        square = 0.0
        row = sums[ia]
        for i in range(directions.shape[1]):
            cosine = abs(ax * directions[0, i] + ay * directions[1, i] + az * directions[2, i])
            if cosine >= edge:
                t = (cosine - one) * width
                w = np.float32(np.exp(-t * t))
                total += w * totals[i]
                square += w * w * totals[i]
                source = nodes[i]
                for c in range(source.size):
                    row[c] += w * source[c]
        shape[ia] = total / square if square > 0 else 0.0


@compiled(error_model="numpy")
def add_exact_cones(
    axes: Floats, directions: Floats, shells: NDArray[np.int64], products: Floats, half_angle: float, sums: Floats
) -> None:
    """Weighted sums over single coefficients inside each axis's double cone (paper, eq. 1).

    Parameters
    ----------
    axes : ndarray, shape (A, 3)
        Unit vectors.
    directions : ndarray, shape (M, 3)
        Unit vectors of the coefficients.
    shells : ndarray of int, shape (M,)
        Shell of each coefficient, as the last axis of `sums` counts them.
    products : ndarray, shape (4, M)
        Re X*Y, abs(X)^2, abs(Y)^2 times multiplicity, and the multiplicity.
    half_angle : float
        Of the cone, radians.
    sums : ndarray, shape (A, 5, S)
        Added to in place: the three products, sum(w) and sum(w^2).
    """
    edge = np.cos(half_angle)
    width = 2.0 / (1.0 - edge)
    x, y, z = np.ascontiguousarray(directions.T)
    cosines = np.empty(shells.size)
    for ia in range(axes.shape[0]):
        ax, ay, az = axes[ia, 0], axes[ia, 1], axes[ia, 2]
        for i in range(shells.size):  # a loop of its own, without a branch: several at once
            cosines[i] = abs(ax * x[i] + ay * y[i] + az * z[i])
        for i in range(shells.size):
            if cosines[i] >= edge:
                t = (cosines[i] - 1.0) * width
                w = np.exp(-t * t)
                s = shells[i]
                sums[ia, 0, s] += w * products[0, i]
                sums[ia, 1, s] += w * products[1, i]
                sums[ia, 2, s] += w * products[2, i]
                sums[ia, 3, s] += w * products[3, i]
                sums[ia, 4, s] += w * w * products[3, i]


def load() -> None:
    """Load the kernels of a plain analysis from their cache, or compile them, before they are needed.

    Examples
    --------
    >>> load()
    """
    lines, spectrum = np.empty(0, np.float32), np.empty((0, 0, 0), np.complex64)
    spread(spectrum, spectrum, lines, lines, lines, lines, 1, 1, 2, np.empty((12, 1, 4), np.float32))
    add_cones(np.empty((0, 3), np.float32), np.empty((3, 0), np.float32), np.empty((0, 1), np.float32), lines, 0.3,
              np.empty((0, 1), np.float32), np.empty(0))  # fmt: skip
    add_exact_cones(np.empty((0, 3)), np.empty((0, 3)), np.empty(0, np.int64), np.empty((4, 0)), 0.3,
                    np.empty((0, 5, 1)))  # fmt: skip
