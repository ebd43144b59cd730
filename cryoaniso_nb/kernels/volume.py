"""Compiled loops of the 3DFSC volume: values on cube-face nodes -> voxels, and hard cones.

All release the GIL and are cached on disk.
"""
# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._cache import compiled

__all__ = ["cone_correlations", "fill_block", "fill_volume"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


@compiled(fastmath={"contract"}, error_model="numpy", inline="always")
def _cell(table, base, side, i, j, u, v, shell):  # type: ignore[no-untyped-def]
    """Bilinear value within a cell of one cube face."""
    one = np.float32(1.0)
    node = base + i * side + j
    low = (one - v) * table[node, shell] + v * table[node + 1, shell]
    high = (one - v) * table[node + side, shell] + v * table[node + side + 1, shell]
    return (one - u) * low + u * high


@compiled(fastmath={"contract"}, error_model="numpy", inline="always")
def _value(table, side, kx, ky, kz, shell):  # type: ignore[no-untyped-def]
    """Value of a shell in one direction; the same, bit for bit, in the opposite one."""
    scale = np.float32(0.5 * (side - 1))
    if abs(kx) >= abs(ky) and abs(kx) >= abs(kz):
        face, ratio = 0, scale / kx
        u, v = ky * ratio + scale, kz * ratio + scale
    elif abs(ky) >= abs(kz):
        face, ratio = 1, scale / ky
        u, v = kz * ratio + scale, kx * ratio + scale
    else:
        face, ratio = 2, scale / kz
        u, v = kx * ratio + scale, ky * ratio + scale
    i, j = min(int(u), side - 2), min(int(v), side - 2)
    return _cell(table, face * side * side, side, i, j, u - np.float32(i), v - np.float32(j), shell)


@compiled(fastmath={"contract"}, error_model="numpy", inline="always")
def _voxel(table, side, kx, ky, kz, shell, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Value of a voxel; on Nyquist planes (n* true) the mean of the two directions it stands for.

    Frequencies -n/2 and n/2 are one there, so a voxel and its Friedel mate share both.
    """
    value = _value(table, side, kx, ky, kz, shell)
    if nx or ny or nz:
        mate = _value(table, side, kx if nx else -kx, ky if ny else -ky, kz if nz else -kz, shell)
        value = np.float32(0.5) * (value + mate)
    return value


@compiled(error_model="numpy")
def fill_block(table: Singles, side: int, z: Singles, y: Singles, x: Singles, nyquist: float, out: Singles) -> None:
    """Values of the voxels at the given frequencies.

    Parameters
    ----------
    table : ndarray of float32, shape (3 side^2, S + 1)
        Values per node (order of `directions.cube_nodes`) and shell 0 to Nyquist.
    side : int
        Nodes along a face's side.
    z, y, x : ndarray of float32, shapes (Z,), (Y,), (X,)
        Frequencies in units of 1/(longest side).
    nyquist : float
        -longest/2: the frequency that stands for both ends of an even side.
    out : ndarray of float32, shape (Z, Y, X)
        Set: 1 at zero frequency, 0 beyond the Nyquist shell.
    """
    high = np.float32((table.shape[1] - 0.5) ** 2)
    edge = np.float32(nyquist + 0.25)  # the next frequency is half a shell or more away
    for iz in range(z.size):
        for iy in range(y.size):
            plane = z[iz] * z[iz] + y[iy] * y[iy]
            for ix in range(x.size):
                square = plane + x[ix] * x[ix]
                if square >= high:
                    out[iz, iy, ix] = 0.0
                elif square == 0:
                    out[iz, iy, ix] = 1.0
                else:
                    shell = int(np.sqrt(square) + np.float32(0.5))
                    out[iz, iy, ix] = _voxel(
                        table, side, x[ix], y[iy], z[iz], shell, x[ix] <= edge, y[iy] <= edge, z[iz] <= edge
                    )


@compiled(error_model="numpy")
def fill_volume(
    table: Singles,
    side: int,
    z: Singles,
    y: Singles,
    x: Singles,
    nyquist: float,
    start: int,
    stop: int,
    volume: Singles,
) -> None:
    """Values of the voxels of some z planes with x frequency >= 0, and of their Friedel mates.

    Every voxel of a zeroed volume is written at most once, so ranges of planes may run side by side.

    Parameters
    ----------
    table : ndarray of float32, shape (3 side^2, S + 1)
        Values per node (order of `directions.cube_nodes`) and shell 0 to Nyquist.
    side : int
        Nodes along a face's side.
    z, y, x : ndarray of float32, shapes (nz,), (ny,), (nx,)
        Frequencies in units of 1/(longest side), ascending, zero at index n // 2.
    nyquist : float
        -longest/2: the frequency that stands for both ends of an even side.
    start, stop : int
        Range of z planes.
    volume : ndarray of float32, shape (nz, ny, nx)
        Set within the Nyquist shell, left alone beyond.
    """
    last = table.shape[1] - 1
    edge = np.float32(nyquist + 0.25)  # the next frequency is half a shell or more away
    high = np.float32((last + 0.5) ** 2)
    nz, ny, nx = z.size, y.size, x.size
    cx = nx // 2
    for iz in range(start, stop):
        mz = (2 * (nz // 2) - iz) % nz
        for iy in range(ny):
            my = (2 * (ny // 2) - iy) % ny
            plane = z[iz] * z[iz] + y[iy] * y[iy]
            if plane >= high:
                continue
            y_edge, z_edge = y[iy] <= edge, z[iz] <= edge
            if x[0] <= edge and plane + x[0] * x[0] < high:
                shell = int(np.sqrt(plane + x[0] * x[0]) + np.float32(0.5))
                volume[iz, iy, 0] = _voxel(table, side, x[0], y[iy], z[iz], shell, True, y_edge, z_edge)
            for ix in range(cx, nx):
                square = plane + x[ix] * x[ix]
                if square >= high:
                    break
                if square == 0:
                    volume[iz, iy, ix] = 1.0
                    continue
                shell = int(np.sqrt(square) + np.float32(0.5))
                if y_edge or z_edge:
                    value = _voxel(table, side, x[ix], y[iy], z[iz], shell, False, y_edge, z_edge)
                else:
                    value = _value(table, side, x[ix], y[iy], z[iz], shell)
                volume[iz, iy, ix] = value
                if ix > cx:
                    volume[mz, my, 2 * cx - ix] = value


@compiled(fastmath={"contract"}, error_model="numpy")
def cone_correlations(
    targets: Floats,
    directions: Floats,
    products: Floats,
    edges: Ints,
    centres: Floats,
    reach: Floats,
    totals: Floats,
    half_angle: float,
    values: Floats,
) -> None:
    """FSC of one shell within a hard double cone around each target direction.

    Coefficients are sorted into cells: those of cells wholly inside the cone are added as a
    sum, and only those of cells on its edge one by one.

    Parameters
    ----------
    targets : ndarray, shape (T, 3)
        Unit vectors (x, y, z).
    directions : ndarray, shape (M, 3)
        Unit vectors of the shell's coefficients, cell by cell.
    products : ndarray, shape (M, 3)
        Re X*Y, abs(X)^2, abs(Y)^2 times multiplicity.
    edges : ndarray of int, shape (C + 1,)
        Where each cell starts.
    centres : ndarray, shape (C, 3)
        A unit vector within each cell.
    reach : ndarray, shape (C,)
        Largest angle of a coefficient to its cell's centre (antipodes are one), radians.
    totals : ndarray, shape (C, 3)
        Sum of the products of each cell.
    half_angle : float
        Of the cone, radians.
    values : ndarray, shape (T,)
        Set; NaN where a cone holds no power.
    """
    limit = np.cos(half_angle)
    cells = centres.shape[0]
    inner, outer = np.empty(cells), np.empty(cells)
    for c in range(cells):
        slack = reach[c] + 1e-9
        inner[c] = np.cos(half_angle - slack) if slack < half_angle else 2.0
        outer[c] = np.cos(half_angle + slack) if half_angle + slack < 0.5 * np.pi else -1.0
    for t in range(targets.shape[0]):
        tx, ty, tz = targets[t, 0], targets[t, 1], targets[t, 2]
        xy, xx, yy = 0.0, 0.0, 0.0
        for c in range(cells):
            cosine = abs(tx * centres[c, 0] + ty * centres[c, 1] + tz * centres[c, 2])
            if cosine < outer[c]:
                continue
            if cosine >= inner[c]:
                xy += totals[c, 0]
                xx += totals[c, 1]
                yy += totals[c, 2]
                continue
            for i in range(edges[c], edges[c + 1]):
                if abs(tx * directions[i, 0] + ty * directions[i, 1] + tz * directions[i, 2]) >= limit:
                    xy += products[i, 0]
                    xx += products[i, 1]
                    yy += products[i, 2]
        power = xx * yy
        values[t] = xy / np.sqrt(power) if power > 0 else np.nan
