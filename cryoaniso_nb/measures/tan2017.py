"""The 3DFSC volume as its inventors define it (Tan et al. 2017, doi 10.1038/nmeth.4347)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.blocks import check_power
from ..engine.execution import LOCAL, Execution
from ..engine.tasks import map_tasks
from ..engine.volumes import Volumes
from ..errors import SettingsError
from ..geometry.directions import cube_faces
from ..geometry.shells import Box, coordinates, hermitian_weights, n_shells, shell_of
from ..kernels import volume as kernels_volume
from .fsc import correlation
from .threedfsc_volume import ThreeDFSC

__all__ = ["CONE", "cutoff_shell", "threedfsc_tan2017"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONE = 20.0  # degrees, that program's default
CUTOFF_LEVEL = 0.13  # where its global FSC must fall below
CUTOFF_MORE = 3  # shells it goes on for
TARGETS = 4096  # voxels a task works on


def cutoff_shell(fsc: Floats) -> int:
    """The last shell that the 3DFSC program computes: three past the first with abs(FSC) < 0.13.

    Parameters
    ----------
    fsc : ndarray, shape (S,)
        FSC of whole shells, 1 to Nyquist.

    Returns
    -------
    int
        At most S.

    Examples
    --------
    >>> cutoff_shell(np.array([1.0, 0.9, 0.1, 0.0, 0.0, 0.0, 0.0]))
    6
    """
    below = np.flatnonzero(np.abs(fsc) < CUTOFF_LEVEL)
    return int(min(below[0] + 1 + CUTOFF_MORE, fsc.size)) if below.size else int(fsc.size)


def threedfsc_tan2017(
    maps: Volumes,
    *,
    cone_half_angle: float = CONE,
    cutoff: bool = False,
    execution: Execution = LOCAL,
) -> ThreeDFSC:
    """The 3DFSC volume in the definition of Tan et al. 2017 (doi 10.1038/nmeth.4347).

    The value at a voxel is the FSC of the voxels of its shell within a hard double cone
    around it, all with weight 1; summed exactly, voxel by voxel.

    Parameters
    ----------
    maps : HalfMaps
        Two half maps (z, y, x); their mask is applied.
    cone_half_angle : float
        Degrees, 20 in that program.
    cutoff : bool
        Stop three shells past the first whose global abs(FSC) is below 0.13, as that program
        does. That hides anisotropy beyond, and makes the sphericity larger.
    execution : Execution
        What hears of progress, what stops it.

    Returns
    -------
    ThreeDFSC
        The whole volume, float32, `n_axes` 0.

    Raises
    ------
    SettingsError
        For a cone half-angle outside 3 to 45 degrees.
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> maps = SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)
    >>> threedfsc_tan2017(maps).volume[8, 8, 8:].round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if not 3 <= cone_half_angle <= 45:
        raise SettingsError(f"The cone's half-angle is {cone_half_angle:g} degrees, but it must lie between 3 and 45.")
    nz, ny, nx = maps.half1.shape
    box: Box = (nz, ny, nx)
    shell, order, starts, products = _sorted_products(maps, box)
    check_power(np.add.reduceat(products, starts[:-1], axis=0).T, "with the mask" if maps.mask is not None else "")
    fsc = correlation(*np.add.reduceat(products, starts[1:-1], axis=0).T) if len(starts) > 2 else np.empty(0)
    last = cutoff_shell(fsc) if cutoff else n_shells(box)
    half_angle = float(np.deg2rad(cone_half_angle))
    flat = np.zeros(shell.shape, dtype=np.float32).ravel()
    flat[order[: starts[1]]] = 1.0
    filled = _fill_shells(flat, shell.shape, order, starts, products, box, (fsc, last, half_angle), execution)
    half = flat.reshape(shell.shape)
    _symmetrise(half, box)
    return ThreeDFSC(
        volume=_whole(half, box),
        voxel_size=maps.voxel_size,
        definition="tan2017",
        cone_half_angle=cone_half_angle,
        n_axes=0,
        cutoff_shell=last,
        filled=filled / max(int(starts[last + 1] - starts[1]), 1),
    )


def _sorted_products(maps: Volumes, box: Box) -> tuple[NDArray[np.int16], Ints, Ints, Floats]:
    """Shell of each rfft coefficient; those up to Nyquist sorted by shell, where shells start, their products."""
    halves = []
    for volume in (maps.half1, maps.half2):
        data = np.asarray(volume, dtype=np.float32)
        halves.append(scipy.fft.rfftn(data if maps.mask is None else data * maps.mask, workers=-1))
    z, y, x = coordinates(box)
    shell = shell_of(np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)).astype(np.int16)
    last = n_shells(box)
    inside = np.flatnonzero(shell.ravel() <= last)
    order = inside[np.argsort(shell.ravel()[inside], kind="stable")]
    starts = np.searchsorted(shell.ravel()[order], np.arange(last + 2))
    first, second = (h.ravel()[order].astype(np.complex128) for h in halves)
    weight = hermitian_weights(box)[order % x.size]
    with np.errstate(invalid="ignore"):  # of half maps that are refused for it
        products = np.stack([(first.conj() * second).real, np.abs(first) ** 2, np.abs(second) ** 2], axis=1)
    return shell, order, starts, products * weight[:, None]


def _fill_shells(
    flat: NDArray[np.float32],
    shape: tuple[int, ...],
    order: Ints,
    starts: Ints,
    products: Floats,
    box: Box,
    settings: tuple[Floats, int, float],
    execution: Execution,
) -> int:
    """Set the values of all shells; returns how many voxels took the global FSC."""
    fsc, last, half_angle = settings
    z, y, x = coordinates(box)
    shells = {}
    for s in range(1, last + 1):
        iz, iy, ix = np.unravel_index(order[starts[s] : starts[s + 1]], shape)
        k = np.stack([x[ix], y[iy], z[iz]], axis=1)
        shells[s] = k / np.linalg.norm(k, axis=1, keepdims=True)
    # The outer shells cost most and come first; each is cut so that a stop is heard soon.
    tasks = [(s, i) for s in range(last, 0, -1) for i in range(0, len(shells[s]), TARGETS)]
    cells: dict[int, Any] = {}

    def fill(task: tuple[int, int]) -> int:
        s, start = task
        if s not in cells:  # two threads may both make it: the same
            cells[s] = _cells(shells[s], products[starts[s] : starts[s + 1]])
        values = np.empty(min(TARGETS, len(shells[s]) - start))
        direction, product, edges, centres, reach, totals = cells[s]
        targets = shells[s][start : start + TARGETS]
        kernels_volume.cone_correlations(targets, direction, product, edges, centres, reach, totals, half_angle, values)
        empty = ~np.isfinite(values)
        values[empty] = np.nan_to_num(fsc[s - 1])
        flat[order[starts[s] + start : starts[s] + start + values.size]] = np.clip(values, -1, 1)
        return int(empty.sum())

    return sum(map_tasks(fill, tasks, stage="3DFSC volume", execution=execution.on_this_machine()))


def _cells(direction: Floats, products: Floats) -> tuple[Floats, Floats, Ints, Floats, Floats, Floats]:
    """One shell's coefficients sorted into cells on three cube faces, antipodes together."""
    side = int(np.clip(np.sqrt(len(direction)) / 10, 2, 32))
    face, u, v = cube_faces(direction)
    i, j = (np.minimum(((c + 1) / 2 * side).astype(np.int64), side - 1) for c in (u, v))
    cell = (face * side + i) * side + j
    order = np.argsort(cell, kind="stable")
    first = np.unique(cell[order], return_index=True)[1]
    edges = np.append(first, len(order))
    sorted_direction = direction[order]
    upright = sorted_direction * np.sign(direction[order, face[order]])[:, None]
    centres = np.add.reduceat(upright, first, axis=0)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    cosine = np.einsum("ij,ij->i", upright, np.repeat(centres, np.diff(edges), axis=0))
    reach = np.arccos(np.clip(np.minimum.reduceat(cosine, first), -1, 1))
    totals = np.add.reduceat(products[order], first, axis=0)
    return sorted_direction, products[order], edges, centres, reach, totals


def _symmetrise(half: NDArray[np.float32], box: Box) -> None:
    """Make Friedel mates within the kx = 0 and kx = n/2 planes equal to the last bit."""
    for plane in (0, box[2] // 2) if box[2] % 2 == 0 else (0,):
        values = half[:, :, plane]
        mate = np.roll(values[::-1, ::-1], (1, 1), axis=(0, 1))
        half[:, :, plane] = 0.5 * (values + mate)


def _whole(half: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """The full volume with zero frequency at n // 2, from its rfft half."""
    nz, ny, nx = box
    z, y, x = (np.arange(n) for n in half.shape)
    inner = np.arange(1, (nx - 1) // 2 + 1)  # columns whose mate lies outside the half
    volume = np.empty(box, dtype=np.float32)
    volume[np.ix_((z + nz // 2) % nz, (y + ny // 2) % ny, (x + nx // 2) % nx)] = half
    volume[np.ix_((nz // 2 - z) % nz, (ny // 2 - y) % ny, nx // 2 - inner)] = half[:, :, inner]
    return volume
