"""The one file that knows Dask: half maps -> sums -> cones, on threads or a cluster.

`accumulate` passes over the volumes once: slabs along z are transformed in two dimensions,
blocks along y in the third, and reduced at once to an `AngularHistogram`. `cone_sums` turns
that into the sums of any set of cones, as often as wanted. `accumulate_exact` sums cones
voxel by voxel instead: slower, and the reference for the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import dask
import dask.local
import dask.threaded
import numpy as np
import scipy.fft
from dask.callbacks import Callback
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from . import kernels
from .directions import cube_nodes
from .errors import Cancelled, MapError, SettingsError
from .fourier import Box, coordinates, first_dense_shell, hermitian_weights, low_lattice, n_shells
from .results import AngularHistogram

__all__ = [
    "ConeSums",
    "Progress",
    "Volumes",
    "accumulate",
    "accumulate_exact",
    "cone_sums",
    "count_histogram",
    "map_tasks",
    "nodes_for",
    "smallest_cone",
]

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
Scheduler = Any  # "threads", "synchronous", "tcp://..." or a distributed.Client

# Functions, not names: for a name Dask looks whether a cluster is at hand, and so imports distributed (0.3 s)
_LOCAL = {"threads": dask.threaded.get, "synchronous": dask.local.get_sync}

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")

BLOCK_BYTES = 256 * 2**20  # of transforms a task reduces: bounds the time until a stop is heard
TILE_BYTES = 2**20  # of one tile within a task: stays in the processor's cache


class Volumes(Protocol):
    """What the engine reads of half maps."""

    half1: NDArray[Any]
    half2: NDArray[Any]
    mask: NDArray[np.float32] | None
    voxel_size: float


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


# --- running tasks -----------------------------------------------------------------------


class _Watch(Callback):  # type: ignore[misc]
    """Counts finished tasks and stops the run when asked, between tasks."""

    def __init__(self, names: set[str], stage: str, progress: Progress | None, cancel: threading.Event | None) -> None:
        super().__init__(pretask=self._before, posttask=self._after)
        self.names, self.stage, self.progress, self.cancel = names, stage, progress, cancel
        self.done = 0

    def _before(self, key: Any, _graph: Any, _state: Any) -> None:
        _stop_if(self.cancel)

    def _after(self, key: Any, _value: Any, _graph: Any, _state: Any, _worker: Any) -> None:
        if key in self.names:
            self.done += 1
            if self.progress is not None:
                self.progress(self.stage, self.done, len(self.names))


def _stop_if(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled("The run was stopped.")


def _client(scheduler: Scheduler) -> Any | None:
    """The distributed client meant by `scheduler`, None for a local one."""
    if scheduler in ("threads", "synchronous"):
        return None
    if isinstance(scheduler, str):
        if "://" not in scheduler:
            raise SettingsError(f"The scheduler is '{scheduler}', but it must be threads, synchronous or an address like tcp://host:8786.")
        try:
            from distributed import Client
        except ImportError as error:
            raise SettingsError(f"The scheduler {scheduler} needs the package distributed; install cryoaniso_nb[cluster].") from error
        try:
            return Client.current() if _is_current(scheduler) else Client(scheduler, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise SettingsError(f"No Dask scheduler answers at {scheduler} within 10 s; start one there, or use threads.") from error
    if hasattr(scheduler, "scatter") and hasattr(scheduler, "compute"):
        return scheduler
    raise SettingsError(f"The scheduler is {scheduler!r}, but it must be threads, synchronous, an address or a distributed.Client.")


def _is_current(address: str) -> bool:
    from distributed import Client

    try:
        return bool(Client.current().scheduler.address == address)
    except ValueError:
        return False


def _workers(scheduler: Scheduler, client: Any | None) -> int:
    if client is not None:
        return max(1, sum(client.nthreads().values()))
    if scheduler == "synchronous":
        return 1
    return int(dask.config.get("num_workers", None) or CPU_COUNT)


def _compute(
    outputs: Sequence[Any],
    watched: Sequence[Any],
    stage: str,
    scheduler: Scheduler,
    client: Any | None,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> list[Any]:
    """Values of Dask `outputs`; progress counts the `watched` ones among their tasks."""
    _stop_if(cancel)
    if client is None:
        with _Watch({d.key for d in watched}, stage, progress, cancel):
            return list(dask.compute(*outputs, scheduler=_LOCAL[scheduler], optimize_graph=False))
    futures = client.compute(list(outputs), optimize_graph=False)
    tracked = client.futures_of(list(outputs)) if hasattr(client, "futures_of") else futures
    total, done = len(futures), 0
    from distributed import wait

    try:
        while done < total:
            _stop_if(cancel)
            try:
                ready = wait(tracked, timeout=0.2, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            done += len(ready.done)
            tracked = list(ready.not_done)
            if progress is not None:
                progress(stage, done, total)
        return list(client.gather(futures))
    finally:
        client.cancel(futures)


def map_tasks(
    function: Callable[[_Item], _Value],
    items: Sequence[_Item],
    *,
    scheduler: Scheduler = "threads",
    stage: str = "",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[_Value]:
    """Call a function on each item, spread over the workers.

    Parameters
    ----------
    function : callable
        Should release the GIL for most of its time; must pickle for a cluster.
    items : sequence
        Arguments, one a call.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address, or a client.
    stage : str
        What is being done, for `progress`.
    progress : callable, optional
        Called with (stage, done, total), in the calling thread.
    cancel : threading.Event, optional
        Set it to stop between calls.

    Returns
    -------
    list
        The values, in the order of `items`.

    Raises
    ------
    Cancelled
        When `cancel` was set.
    SettingsError
        For an unknown scheduler.

    Examples
    --------
    >>> map_tasks(abs, [-1, 2])
    [1, 2]
    """
    client = _client(scheduler)
    task = dask.delayed(function, pure=False, traverse=False)
    calls = [task(dask.delayed(item, traverse=False) if client is None else item) for item in items]
    return _compute(calls, calls, stage, scheduler, client, progress, cancel)


# --- volumes -> angular histogram --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one box is cut into tasks."""

    box: Box
    slabs: tuple[tuple[int, int], ...]  # ranges of z
    blocks: tuple[tuple[int, int], ...]  # ranges of y

    @classmethod
    def of(cls, box: Box, workers: int) -> _Plan:
        nz, ny, nx = box
        both = 2 * nz * ny * (nx // 2 + 1) * 8
        parts = workers * max(1, -(-both // (BLOCK_BYTES * workers)))
        return cls(box, _ranges(nz, 2 * parts), _ranges(ny, parts))


def _ranges(size: int, parts: int) -> tuple[tuple[int, int], ...]:
    edges = np.linspace(0, size, min(parts, size) + 1).round().astype(int).tolist()
    return tuple(zip(edges[:-1], edges[1:], strict=True))


Pair = tuple[NDArray[Any], NDArray[Any]]


def _transform_slab(first: NDArray[Any], second: NDArray[Any], mask: NDArray[Any] | None, dtype: Any) -> Pair:
    """Transform a z slab of both halves along y and x."""
    planes = []
    for half in (first, second):
        slab = np.asarray(half, dtype=dtype)
        if mask is not None:
            slab = slab * mask
        planes.append(scipy.fft.rfft2(slab, axes=(1, 2)))
    return planes[0], planes[1]


def _cut(slab: Pair, start: int, stop: int) -> Pair:
    return slab[0][:, start:stop], slab[1][:, start:stop]


def _tiles(pieces: Sequence[Pair], nz: int) -> Any:
    """Finish the transform along z, a cache-sized tile at a time: (y offset, X, Y)."""
    rows, columns = pieces[0][0].shape[1:]
    step = max(1, TILE_BYTES // (nz * columns * pieces[0][0].itemsize))
    for y in range(0, rows, step):
        tile = [np.concatenate([piece[half][:, y : y + step] for piece in pieces]) for half in (0, 1)]
        yield y, *(scipy.fft.fft(t, axis=0, overwrite_x=True) for t in tile)


@dataclass(frozen=True, slots=True)
class _Partial:
    """Sums over some rows of the lattice; they add up in any order."""

    nodes: NDArray[np.float32]
    low: Floats
    sums: Floats

    def __add__(self, other: _Partial) -> _Partial:
        np.add(self.nodes, other.nodes, out=self.nodes)
        np.add(self.low, other.low, out=self.low)
        np.add(self.sums, other.sums, out=self.sums)
        return self


def _lattice(box: Box) -> tuple[NDArray[np.float32], ...]:
    z, y, x = (c.astype(np.float32) for c in coordinates(box))
    return z, y, x, (hermitian_weights(box) / 2).astype(np.float32)


def _reduce_block(pieces: Sequence[Pair], start: int, box: Box, side: int) -> _Partial:
    """Histogram of the rows from `start` on."""
    z, y, x, multiplicity = _lattice(box)
    first_shell, last = first_dense_shell(box), n_shells(box)
    lattice = low_lattice(box, first_shell)
    nodes = np.zeros((3 * side**2, last + 1 - first_shell, 4), dtype=np.float32)
    low = np.zeros((3, lattice.shell.size))
    sums = np.zeros((3, last + 1))
    iz, iy, ix = lattice.index
    order = np.argsort(iy, kind="stable")
    rows = iy[order]
    for offset, first, second in _tiles(pieces, box[0]):
        top = start + offset
        stop = top + first.shape[1]
        kernels.spread(first, second, z, y[top:stop], x, multiplicity, first_shell, last, side, nodes)
        inside = order[slice(*np.searchsorted(rows, (top, stop)))]
        if inside.size:
            place = (iz[inside], iy[inside] - top, ix[inside])
            low[:, inside] = _products(first[place], second[place])
        if top == 0:
            sums[:, 0] = _products(first[:1, 0, 0], second[:1, 0, 0])[:, 0]
    return _Partial(nodes, low, sums)


def _products(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    a, b = first.astype(np.complex128), second.astype(np.complex128)
    with np.errstate(invalid="ignore"):  # infinite voxels: refused later, by their power
        return np.stack([(a.conj() * b).real, (a.conj() * a).real, (b.conj() * b).real])


def _reduce_shells(pieces: Sequence[Pair], start: int, box: Box) -> Floats:
    """Sums over whole shells of the rows from `start` on."""
    z, y, x, multiplicity = _lattice(box)
    sums = np.zeros((3, n_shells(box) + 1))
    for offset, first, second in _tiles(pieces, box[0]):
        top = start + offset
        kernels.add_shells(first, second, z, y[top : top + first.shape[1]], x, 2 * multiplicity, sums)
    return sums


def _reduce_exact(
    pieces: Sequence[Pair], start: int, box: Box, axes: Floats, half_angle: float, limit: float
) -> tuple[Floats, Floats]:
    """Exact cone sums of the rows from `start` on, and their sums over whole shells."""
    z, y, x = coordinates(box)
    weight = hermitian_weights(box) / 2
    last = n_shells(box)
    cones = np.zeros((len(axes), 5, last + 1))
    sums = np.zeros((3, last + 1))
    for offset, first, second in _tiles(pieces, box[0]):
        rows = y[start + offset : start + offset + first.shape[1]]
        kx, ky, kz = x[None, None, :], rows[None, :, None], z[:, None, None]
        radius = np.sqrt(kz**2 + ky**2 + kx**2)
        shell = np.floor(radius + 0.5).astype(np.int64)
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


def _add(values: Sequence[Any]) -> Any:
    """Sum of partial sums (tuples element by element)."""
    total = values[0]
    for value in values[1:]:
        total = tuple(a + b for a, b in zip(total, value, strict=True)) if isinstance(total, tuple) else total + value
    return total


def _reduce_volumes(
    maps: Volumes,
    reduce: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    masked: bool = True,
    dtype: Any = np.float32,
    stage: str,
    scheduler: Scheduler,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> Any:
    """Run slabs -> blocks -> tree of sums on the scheduler."""
    client = _client(scheduler)
    box: Box = tuple(maps.half1.shape)  # type: ignore[assignment]
    plan = _Plan.of(box, _workers(scheduler, client))

    def source(volume: NDArray[Any] | None, start: int, stop: int) -> Any:
        if volume is None:
            return None
        slab = volume[start:stop]
        if client is None:
            return dask.delayed(slab, traverse=False, pure=False)
        return client.scatter(np.ascontiguousarray(slab), hash=False)

    mask = maps.mask if masked else None
    transform, cut, block, add = (dask.delayed(f, pure=False, traverse=False) for f in (_transform_slab, _cut, reduce, _gather))
    slabs = [transform(source(maps.half1, *r), source(maps.half2, *r), source(mask, *r), dtype) for r in plan.slabs]
    pieces = [dask.delayed([cut(slab, *rows) for slab in slabs]) for rows in plan.blocks]
    partial = [block(piece, rows[0], box, *arguments) for piece, rows in zip(pieces, plan.blocks, strict=True)]
    total = partial
    while len(total) > 1:
        total = [add(*total[i : i + 4]) for i in range(0, len(total), 4)]
    return _compute(total, [*slabs, *partial], stage, scheduler, client, progress, cancel)[0]


def _gather(*values: Any) -> Any:
    return _add(values)


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


def accumulate(
    maps: Volumes,
    *,
    nodes_per_face: int = 49,
    scheduler: Scheduler = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> AngularHistogram:
    """Pass over both half maps once and keep what every cone needs.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    nodes_per_face : int
        Fineness of the histogram, see `nodes_for`.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address, or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    AngularHistogram
        Of the masked half maps, with the sums of the unmasked ones beside.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> accumulate(SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)).n_shells
    8
    """
    box: Box = tuple(maps.half1.shape)  # type: ignore[assignment]
    common: dict[str, Any] = {"scheduler": scheduler, "progress": progress, "cancel": cancel}
    partial = _reduce_volumes(maps, _reduce_block, (box_side(nodes_per_face),), stage="transforming", **common)
    sums = _shell_sums(partial, box)
    _check_power(sums, "with the mask" if maps.mask is not None else "")
    unmasked = sums
    if maps.mask is not None:
        unmasked = _reduce_volumes(maps, _reduce_shells, (), masked=False, stage="transforming unmasked", **common)
    return AngularHistogram(
        box=box,
        voxel_size=maps.voxel_size,
        nodes_per_face=nodes_per_face,
        first_shell=first_dense_shell(box),
        nodes=partial.nodes,
        low=partial.low,
        shell_sums=sums,
        unmasked_sums=unmasked,
    )


def box_side(nodes_per_face: int) -> int:
    """Check a number of nodes along a face's side.

    Parameters
    ----------
    nodes_per_face : int
        At least 3.

    Returns
    -------
    int
        The same number.

    Raises
    ------
    SettingsError
        When it is too small.

    Examples
    --------
    >>> box_side(33)
    33
    """
    if nodes_per_face < 3:
        raise SettingsError(f"The histogram has {nodes_per_face} nodes a face, but at least 3 are needed.")
    return nodes_per_face


def _shell_sums(partial: _Partial, box: Box) -> Floats:
    """Sums over whole shells, from the coefficients and nodes that hold them."""
    first_shell = first_dense_shell(box)
    lattice = low_lattice(box, first_shell)
    sums = partial.sums.copy()
    for row, values in zip(sums, partial.low, strict=True):
        row[:first_shell] += 2 * np.bincount(lattice.shell, values * lattice.weight, first_shell)[:first_shell]
    sums[:, first_shell:] = 2 * partial.nodes[:, :, :3].sum(axis=0, dtype=np.float64).T
    return sums


def _check_power(sums: Floats, note: str) -> None:
    """Refuse half maps that hold no signal at all."""
    for number, row in ((1, sums[1]), (2, sums[2])):
        if not np.isfinite(row).all():
            raise MapError(f"Half map {number} holds NaN or infinite voxels; repair or export it again.")
        if row[1:].sum() <= 1e-10 * row[0] or not row.any():
            raise MapError(f"Half map {number} is constant {note}".rstrip() + "; choose the file that holds the half map (and a mask that overlaps it).")


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


# --- histogram -> cones ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ConeBlock:
    """Cone sums of one block of axes, picklable for a cluster."""

    box: Box
    first_shell: int
    side: int
    half_angle: float
    low: Floats
    nodes: NDArray[np.float32]
    totals: NDArray[np.float32]

    def __call__(self, axes: Floats) -> Floats:
        """Array (4, A, S): the three products and n_eff."""
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
        values[:, :, : self.first_shell - 1] = np.moveaxis(_with_n_eff(exact), 1, 0)[:, :, 1:]
        values[:3, :, self.first_shell - 1 :] = np.moveaxis(high[:, :, :3], 2, 0)
        values[3, :, self.first_shell - 1 :] = high[:, :, 3] * shape[:, None]
        return values


def _with_n_eff(exact: Floats) -> Floats:
    """(A, 5, S) sums with sum(w), sum(w^2) -> (A, 4, S) with n_eff."""
    weight, square = exact[:, 3], exact[:, 4]
    n_eff = np.divide(weight**2, square, out=np.zeros_like(weight), where=square > 0)
    return np.concatenate([exact[:, :3], n_eff[:, None]], axis=1)


def cone_sums(
    histogram: AngularHistogram,
    axes: Floats,
    cone_half_angle: float,
    *,
    scheduler: Scheduler = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
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
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address, or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    ConeSums
        For every axis and shell.

    Raises
    ------
    SettingsError
        When the cone is narrower than the histogram resolves.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> from cryoaniso_nb.directions import axes_for
    >>> counts = count_histogram((16, 16, 16), 1.0)
    >>> cone_sums(counts, axes_for(6), 17.0).n_eff.shape
    (6, 8)
    """
    if cone_half_angle < smallest_cone(histogram.nodes_per_face) - 1e-9:
        raise SettingsError(
            f"The cone's half-angle is {cone_half_angle:g} degrees, but this result holds directions only finely enough "
            f"for {smallest_cone(histogram.nodes_per_face):.3g} degrees; analyze the maps again with that angle."
        )
    client = _client(scheduler)
    lattice = low_lattice(histogram.box, histogram.first_shell)
    block = _ConeBlock(
        box=histogram.box,
        first_shell=histogram.first_shell,
        side=histogram.nodes_per_face,
        half_angle=float(np.deg2rad(cone_half_angle)),
        low=np.concatenate([histogram.low * lattice.weight, lattice.weight[None]]),
        nodes=histogram.nodes,
        totals=histogram.nodes[:, :, 3].sum(axis=1),
    )
    parts = max(_workers(scheduler, client), len(axes) // 321)
    blocks = [axes[start:stop] for start, stop in _ranges(len(axes), parts)]
    if client is None:
        values = map_tasks(block, blocks, scheduler=scheduler, stage="cones", progress=progress, cancel=cancel)
    else:
        shared = client.scatter(block, broadcast=True, hash=False)
        call = dask.delayed(_call, pure=False, traverse=False)
        tasks = [call(shared, axes_block) for axes_block in blocks]
        values = _compute(tasks, tasks, "cones", scheduler, client, progress, cancel)
    xy, xx, yy, n_eff = np.concatenate(values, axis=1)
    return ConeSums(xy, xx, yy, n_eff)


def _call(block: _ConeBlock, axes: Floats) -> Floats:
    return block(axes)


def accumulate_exact(
    maps: Volumes,
    axes: Floats,
    cone_half_angle: float,
    *,
    beyond_nyquist: bool = True,
    scheduler: Scheduler = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> tuple[ConeSums, Floats, Floats]:
    """Sum cones voxel by voxel in double precision: the reference for the histogram.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z).
    cone_half_angle : float
        Degrees.
    beyond_nyquist : bool
        Whether the last shell keeps its coefficients between Nyquist and half a shell
        more; the paper's program leaves them out.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address, or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    tuple
        The cones' sums, and the whole shells' sums (3, S + 1) with and without the mask.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> maps = SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)
    >>> accumulate_exact(maps, np.eye(3), 17.0)[0].xy.shape
    (3, 8)
    """
    half_angle = float(np.deg2rad(cone_half_angle))
    common: dict[str, Any] = {"dtype": np.float64, "scheduler": scheduler, "progress": progress, "cancel": cancel}
    limit = np.inf if beyond_nyquist else max(maps.half1.shape) / 2
    arguments = (np.array(axes), half_angle, limit)
    cones, sums = _reduce_volumes(maps, _reduce_exact, arguments, stage="summing voxels", **common)
    _check_power(sums, "with the mask" if maps.mask is not None else "")
    unmasked = sums
    if maps.mask is not None:
        unmasked = _reduce_volumes(maps, _reduce_shells, (), masked=False, stage="transforming unmasked", **common)
    xy, xx, yy, n_eff = np.moveaxis(_with_n_eff(cones)[:, :, 1:], 1, 0)
    return ConeSums(xy, xx, yy, n_eff), sums, unmasked
