"""The work of one task: slabs and blocks of volumes, blocks of cones. Pure functions, no Dask.

Partial sums add up in any order, so that a result doesn't depend on how a box is cut.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, MapError
from ..geometry.directions import cube_nodes
from ..geometry.shells import Box, coordinates, first_dense_shell, hermitian_weights, low_lattice, n_shells, shell_of
from ..results.types import AngularHistogram
from .transforms import fft

__all__ = [
    "Block",
    "ConeBlock",
    "ConeSums",
    "Partial",
    "Plan",
    "add",
    "check_power",
    "count_histogram",
    "cut",
    "nodes_for",
    "ranges",
    "reduce_block",
    "reduce_exact",
    "reduce_shells",
    "shell_sums",
    "smallest_cone",
    "transform_slab",
    "with_n_eff",
]

Floats = NDArray[np.float64]
Pair = tuple[NDArray[Any], NDArray[Any]]
Stop = threading.Event | None  # looked at within a task

BLOCK_BYTES = 256 * 2**20  # of transforms a task reduces: bounds the time until a stop is heard
TILE_BYTES = 2**20  # of one tile within a task: stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class ConeSums:
    """Sums over the cones of a set of axes, in shells 1 to Nyquist.

    Attributes
    ----------
    xy, xx, yy : ndarray, shape (A, S)
        Weighted sums of Re X*Y, abs(X)^2 and abs(Y)^2; one per Friedel pair.
    n_eff : ndarray, shape (A, S)
        Effective number of independent coefficients, (sum w)^2 / sum w^2.
    """

    xy: Floats
    xx: Floats
    yy: Floats
    n_eff: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """How one box is cut into tasks."""

    box: Box
    slabs: tuple[tuple[int, int], ...]  # ranges of z
    blocks: tuple[tuple[int, int], ...]  # ranges of y

    @classmethod
    def of(cls, box: Box, workers: int, least: int = 1) -> Plan:
        """As many slabs as blocks, at least one a worker: large arrays cost fewer page faults."""
        nz, ny, nx = box
        both = 2 * nz * ny * (nx // 2 + 1) * 8
        parts = workers * math.ceil(max(both / BLOCK_BYTES, least) / workers)
        return cls(box, ranges(nz, parts), ranges(ny, parts))


@dataclass(frozen=True, slots=True)
class Block:
    """One of the reductions below with its settings: of pieces and their rows, a partial sum."""

    reduce: Callable[..., Any]
    box: Box
    stop: Stop
    arguments: tuple[Any, ...]

    def __call__(self, pieces: Sequence[Pair], rows: slice) -> Any:
        """The partial sum of some rows along y."""
        return self.reduce(pieces, rows, self.box, self.stop, *self.arguments)

    @staticmethod
    def load() -> None:
        """Import the compiled kernels, which takes longer than anything else in a new process."""
        from ..kernels.histogram import load

        load()


def ranges(size: int, parts: int) -> tuple[tuple[int, int], ...]:
    """Cut 0..size into at most `parts` ranges of nearly one length."""
    edges = np.linspace(0, size, min(parts, size) + 1).round().astype(int).tolist()
    return tuple(pairwise(edges))


ALL_ROWS = slice(0, None, 1)


def transform_slab(
    first: NDArray[Any],
    second: NDArray[Any],
    mask: NDArray[Any] | None,
    dtype: Any,
    stop: Stop = None,
    out: Pair | None = None,
    rows: slice = ALL_ROWS,
) -> Pair:
    """Transform a z slab of both halves along y and x, some planes at a time.

    Of the transform's rows along y, `rows` are kept: from its start on, in its steps.
    """
    depth, height, width = first.shape
    if out is None:
        shape, kind = (depth, len(range(height)[rows]), width // 2 + 1), np.result_type(dtype, np.complex64)
        out = np.empty(shape, kind), np.empty(shape, kind)
    step = min(depth, max(1, TILE_BYTES // (height * width * np.dtype(dtype).itemsize)))
    transform = _transform_of(rows, (step, height, width), dtype)
    # Buffers are made once: where memory goes back to the system at once, as in Dask's workers, fresh ones
    # for every tile take three times as long as the transforms.
    tile = np.empty((step, height, width), dtype=dtype)
    for half, spectrum in zip((first, second), out, strict=True):
        for start in range(0, depth, step):
            Cancelled.if_set(stop)
            planes = slice(start, min(start + step, depth))
            values = tile[: planes.stop - start]
            values[:] = half[planes]
            if mask is not None:
                values *= mask[planes]
            transform(values, spectrum[planes])
    return out


def _transform_of(rows: slice, tile: Box, dtype: Any) -> Callable[[NDArray[Any], NDArray[Any]], Any]:
    """What transforms planes, at most a tile of them, and keeps every `rows.step`-th row along y.

    These are the transform of planes folded into `rows.step` parts, which are added with the phases of
    the first row: no more work than their share of all rows.
    """
    parts, first = rows.step, rows.start
    depth, height, width = tile
    kind = np.result_type(dtype, np.complex64)
    if parts == 1:
        return lambda planes, out: fft.r2c(planes, axes=(1, 2), out=out)
    if height % parts:  # parts of differing length can't be folded
        whole = np.empty((depth, height, width // 2 + 1), dtype=kind)

        def chosen(planes: NDArray[Any], out: NDArray[Any]) -> None:
            out[:] = fft.r2c(planes, axes=(1, 2), out=whole[: len(planes)])[:, rows]

        return chosen
    turns = np.exp(-2j * np.pi * first * np.arange(parts) / parts)
    weights = turns.real[None] if 2 * first % parts == 0 else np.stack([turns.real, turns.imag])
    weights = weights.astype(dtype)
    phase = np.exp(-2j * np.pi * first * np.arange(height // parts) / height).astype(kind)[:, None]
    sums = np.empty((depth, len(weights), height // parts, width), dtype=dtype)
    lines = np.empty((depth, len(weights), height // parts, width // 2 + 1), dtype=kind)

    def folded(planes: NDArray[Any], out: NDArray[Any]) -> None:
        count = len(planes)
        flat = sums[:count].reshape(count, len(weights), -1)
        np.matmul(weights, planes.reshape(count, parts, -1), out=flat)
        held = fft.r2c(sums[:count], axes=(3,), out=lines[:count])
        total = held[:, 0]
        if len(weights) == 2:
            held[:, 1] *= kind.type(1j)
            total += held[:, 1]
        total *= phase
        fft.c2c(total, axes=(1,), out=out)

    return folded


def cut(slab: Pair, start: int, stop: int, box: Box) -> Pair:
    """Rows of a slab without a copy, and without the columns that lie beyond the Nyquist shell in all of them."""
    columns = _columns(box, np.arange(start, stop))
    return slab[0][:, start:stop, columns], slab[1][:, start:stop, columns]


def _columns(box: Box, rows: NDArray[np.int64]) -> slice:
    """Those that hold coefficients up to the Nyquist shell, in some rows."""
    _, y, x = coordinates(box)
    edge = (n_shells(box) + 0.5) ** 2
    return slice(0, int(np.searchsorted(x**2, edge - (y[rows] ** 2).min(), side="right")))


def _tiles(
    pieces: Sequence[Pair], rows: slice, box: Box, stop: Stop
) -> Iterator[tuple[NDArray[np.int64], slice, NDArray[Any], NDArray[Any]]]:
    """Finish the transform along z, a cache-sized tile at a time: (rows, columns, X, Y).

    Columns whose coefficients all lie beyond the Nyquist shell, a fifth of them, are left out.
    """
    held = np.arange(box[1])[rows]
    height, width = pieces[0][0].shape[1:]
    step = min(height, max(1, TILE_BYTES // (box[0] * width * pieces[0][0].itemsize)))
    # Allocated once: a tile's fresh memory would cost more than its transform.
    buffers = np.empty((2, box[0] * step * width), dtype=pieces[0][0].dtype)
    for top in range(0, height, step):
        Cancelled.if_set(stop)
        some = held[top : top + step]
        columns = _columns(box, some)
        shape = box[0], some.size, columns.stop
        part = (slice(None), slice(top, top + step), columns)
        tile = [buffer[: math.prod(shape)].reshape(shape) for buffer in buffers]
        for half, out in enumerate(tile):
            np.concatenate([piece[half][part] for piece in pieces], out=out)
            fft.c2c(out, axes=(0,), out=out)
        yield some, columns, tile[0], tile[1]


@dataclass(frozen=True, slots=True)
class Partial:
    """Sums over some rows of the lattice; they add up in any order."""

    nodes: NDArray[np.float32]
    low: Floats
    sums: Floats

    def __add__(self, other: Partial) -> Partial:
        return Partial(self.nodes + other.nodes, self.low + other.low, self.sums + other.sums)


def _lattice(box: Box) -> tuple[NDArray[np.float32], ...]:
    z, y, x = (c.astype(np.float32) for c in coordinates(box))
    return z, y, x, (hermitian_weights(box) / 2).astype(np.float32)


def reduce_block(pieces: Sequence[Pair], rows: slice, box: Box, stop: Stop, side: int) -> Partial:
    """Histogram of some rows along y."""
    from ..kernels import histogram as kernels

    z, y, x, multiplicity = _lattice(box)
    first_shell, last = first_dense_shell(box), n_shells(box)
    lattice = low_lattice(box, first_shell)
    nodes = np.zeros((3 * side**2, last + 1 - first_shell, 4), dtype=np.float32)
    low = np.zeros((3, lattice.shell.size))
    sums = np.zeros((3, last + 1))
    iz, iy, ix = lattice.index
    near = np.unique(iy)
    for some, columns, first, second in _tiles(pieces, rows, box, stop):
        kernels.spread(first, second, z, y[some], x[columns], multiplicity[columns], first_shell, last, side, nodes)
        for row in np.flatnonzero(np.isin(some, near)):
            inside = np.flatnonzero(iy == some[row])
            place = (iz[inside], row, ix[inside])
            low[:, inside] = _products(first[place], second[place])
        if some[0] == 0:
            sums[:, 0] = _products(first[:1, 0, 0], second[:1, 0, 0])[:, 0]
    return Partial(nodes, low, sums)


def _products(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    a, b = first.astype(np.complex128), second.astype(np.complex128)
    with np.errstate(invalid="ignore"):  # infinite voxels: refused later, by their power
        return np.stack([(a.conj() * b).real, (a.conj() * a).real, (b.conj() * b).real])


def reduce_shells(pieces: Sequence[Pair], rows: slice, box: Box, stop: Stop) -> Floats:
    """Sums over whole shells of some rows along y."""
    from ..kernels import histogram as kernels

    z, y, x, multiplicity = _lattice(box)
    sums = np.zeros((3, n_shells(box) + 1))
    for some, columns, first, second in _tiles(pieces, rows, box, stop):
        kernels.add_shells(first, second, z, y[some], x[columns], 2 * multiplicity[columns], sums)
    return sums


def reduce_exact(
    pieces: Sequence[Pair], rows: slice, box: Box, stop: Stop, axes: Floats, half_angle: float, limit: float
) -> tuple[Floats, Floats]:
    """Exact cone sums of some rows along y, and their sums over whole shells."""
    from ..kernels import histogram as kernels

    z, y, x = coordinates(box)
    weight = hermitian_weights(box) / 2
    last = n_shells(box)
    cones = np.zeros((len(axes), 5, last + 1))
    sums = np.zeros((3, last + 1))
    for some, columns, first, second in _tiles(pieces, rows, box, stop):
        kx, ky, kz = x[None, None, columns], y[None, some, None], z[:, None, None]
        radius = np.sqrt(kz**2 + ky**2 + kx**2)
        shell = shell_of(radius)
        counted = ((shell <= last) & (radius <= limit)).nonzero()
        products = _products(first[counted], second[counted]) * weight[counted[2]]
        for row, product in zip(sums, products, strict=True):
            row += 2 * np.bincount(shell[counted], product, last + 1)
        with np.errstate(invalid="ignore"):
            direction = np.stack([(k / radius)[counted] for k in (kx, ky, kz)], axis=1)
        kernels.add_exact_cones(
            axes, direction, shell[counted], np.concatenate([products, weight[counted[2]][None]]), half_angle, cones
        )
    return cones, sums


def add(*values: Any) -> Any:
    """Sum of partial sums (tuples element by element)."""
    total = values[0]
    for value in values[1:]:
        total = tuple(a + b for a, b in zip(total, value, strict=True)) if isinstance(total, tuple) else total + value
    return total


def nodes_for(cone_half_angle: float) -> int:
    """Nodes along a face's side that keep the histogram's error well below dFSC's noise.

    Parameters
    ----------
    cone_half_angle : float
        Degrees.

    Returns
    -------
    int
        49 for 10 degrees and more, finer in proportion below.

    Examples
    --------
    >>> nodes_for(17.0)
    49
    """
    return max(49, 2 * int(np.ceil(48 * 10.0 / cone_half_angle / 2)) + 1)


def smallest_cone(nodes_per_face: int) -> float:
    """The narrowest cone half-angle, in degrees, that a histogram serves.

    Parameters
    ----------
    nodes_per_face : int
        Nodes along a face's side.

    Returns
    -------
    float
        Degrees.

    Examples
    --------
    >>> smallest_cone(49)
    10.0
    """
    return 48 * 10.0 / (nodes_per_face - 1)


def shell_sums(partial: Partial, box: Box) -> Floats:
    """Sums over whole shells, from the coefficients and nodes that hold them."""
    first_shell = first_dense_shell(box)
    lattice = low_lattice(box, first_shell)
    sums = partial.sums.copy()
    for row, values in zip(sums, partial.low, strict=True):
        row[:first_shell] += 2 * np.bincount(lattice.shell, values * lattice.weight, first_shell)[:first_shell]
    nodes = partial.nodes.reshape(len(partial.nodes), -1)  # summed whole: three times as fast as three of four columns
    sums[:, first_shell:] = 2 * nodes.sum(axis=0, dtype=np.float64).reshape(-1, 4).T[:3]
    return sums


def check_power(sums: Floats, note: str) -> None:
    """Refuse half maps that hold no signal at all."""
    for number, row in ((1, sums[1]), (2, sums[2])):
        if not np.isfinite(row).all():
            raise MapError(f"Half map {number} holds NaN or infinite voxels; repair or export it again.")
        if row[1:].sum() <= 1e-10 * row[0] or not row.any():
            raise MapError(
                f"Half map {number} is constant {note}".rstrip()
                + "; choose the file that holds the half map (and a mask that overlaps it)."
            )


def count_histogram(box: Box, voxel_size: float, nodes_per_face: int = 49) -> AngularHistogram:
    """A histogram that holds only the counts of coefficients, for expectations.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    nodes_per_face : int
        Nodes along a face's side.

    Returns
    -------
    AngularHistogram
        Products are 0, ``nodes[..., 3]`` counts Friedel pairs.

    Examples
    --------
    >>> count_histogram((16, 16, 16), 1.0).nodes.shape
    (7203, 0, 4)
    """
    from ..kernels import histogram as kernels

    nz, ny, nx = box
    first_shell, last = first_dense_shell(box), n_shells(box)
    z, y, x, multiplicity = _lattice(box)
    nodes = np.zeros((3 * nodes_per_face**2, last + 1 - first_shell, 4), dtype=np.float32)
    empty = np.zeros((1, ny, nx // 2 + 1), dtype=np.complex64)
    for i in range(nz):
        kernels.spread(empty, empty, z[i : i + 1], y, x, multiplicity, first_shell, last, nodes_per_face, nodes)
    blank = np.zeros((3, last + 1))
    return AngularHistogram(
        box=box,
        voxel_size=voxel_size,
        nodes_per_face=nodes_per_face,
        first_shell=first_shell,
        nodes=nodes,
        low=np.zeros((3, low_lattice(box, first_shell).shell.size)),
        shell_sums=blank,
        unmasked_sums=blank,
    )


@dataclass(frozen=True, slots=True, repr=False)  # Dask names tasks by it: milliseconds for arrays
class ConeBlock:
    """Cone sums of one block of axes, picklable for a cluster."""

    box: Box
    first_shell: int
    side: int
    half_angle: float
    low: Floats
    nodes: NDArray[np.float32]
    totals: NDArray[np.float32]

    @property
    def token(self) -> str:
        """What tells it from others of the same histogram."""
        return f"{self.half_angle:.9g}"

    def __call__(self, axes: Floats) -> Floats:
        """Array (4, A, S): the three products and n_eff."""
        from ..kernels import histogram as kernels

        lattice = low_lattice(self.box, self.first_shell)
        exact = np.zeros((len(axes), 5, self.first_shell))
        kernels.add_exact_cones(axes, lattice.direction, lattice.shell, self.low, self.half_angle, exact)
        nodes = self.nodes.reshape(len(self.nodes), -1)
        sums = np.zeros((len(axes), nodes.shape[1]), dtype=np.float32)
        shape = np.zeros(len(axes))
        directions = np.ascontiguousarray(cube_nodes(self.side).T, dtype=np.float32)
        kernels.add_cones(axes.astype(np.float32), directions, nodes, self.totals, self.half_angle, sums, shape)
        high = sums.reshape(len(axes), -1, 4).astype(np.float64)
        values = np.empty((4, len(axes), self.first_shell - 1 + high.shape[1]))
        values[:, :, : self.first_shell - 1] = np.moveaxis(with_n_eff(exact), 1, 0)[:, :, 1:]
        values[:3, :, self.first_shell - 1 :] = np.moveaxis(high[:, :, :3], 2, 0)
        values[3, :, self.first_shell - 1 :] = high[:, :, 3] * shape[:, None]
        return values


def with_n_eff(exact: Floats) -> Floats:
    """(A, 5, S) sums with sum(w), sum(w^2) -> (A, 4, S) with n_eff."""
    weight, square = exact[:, 3], exact[:, 4]
    n_eff = np.divide(weight**2, square, out=np.zeros_like(weight), where=square > 0)
    return np.concatenate([exact[:, :3], n_eff[:, None]], axis=1)
