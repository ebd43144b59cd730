"""The one file that knows Dask: half maps -> sums -> cones, on threads or a cluster.

`accumulate` passes over the volumes once: slabs along z are transformed in two dimensions,
blocks along y in the third, and reduced at once to an `AngularHistogram`. `cone_sums` turns
that into the sums of any set of cones, as often as wanted. `accumulate_exact` sums cones
voxel by voxel instead: slower, and the reference for the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import dask
import dask.local
import dask.threaded
import numpy as np
from dask.callbacks import Callback
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from .blocks import (
    ConeBlock,
    ConeSums,
    Plan,
    add,
    check_power,
    count_histogram,
    cut,
    nodes_for,
    ranges,
    reduce_block,
    reduce_exact,
    reduce_shells,
    shell_sums,
    smallest_cone,
    transform_slab,
    with_n_eff,
)
from .errors import Cancelled, SettingsError
from .fourier import Box, first_dense_shell, low_lattice
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

_connected: dict[str, Any] = {}  # address -> the client of this process; distributed closes them at exit

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


class Volumes(Protocol):
    """What the engine reads of half maps."""

    @property
    def half1(self) -> NDArray[Any]:
        """First half map (z, y, x)."""

    @property
    def half2(self) -> NDArray[Any]:
        """Second half map (z, y, x)."""

    @property
    def mask(self) -> NDArray[Any] | None:
        """Mask (z, y, x) or None."""

    @property
    def voxel_size(self) -> float:
        """Voxel size in Å."""


# --- running tasks -----------------------------------------------------------------------


class _Watch(Callback):  # type: ignore[misc]
    """Counts finished tasks and stops the run when asked, between tasks."""

    def __init__(self, names: set[str], stage: str, progress: Progress | None, cancel: threading.Event | None) -> None:
        super().__init__(pretask=self._before, posttask=self._after)
        self.names, self.stage, self.progress, self.cancel = names, stage, progress, cancel
        self.done = 0

    def _before(self, key: Any, _graph: Any, _state: Any) -> None:
        Cancelled.if_set(self.cancel)

    def _after(self, key: Any, _value: Any, _graph: Any, _state: Any, _worker: Any) -> None:
        if key in self.names:
            self.done += 1
            if self.progress is not None:
                self.progress(self.stage, self.done, len(self.names))


def _client(scheduler: Scheduler) -> Any | None:
    """The distributed client meant by `scheduler`, None for a local one."""
    if scheduler in ("threads", "synchronous"):
        return None
    if isinstance(scheduler, str):
        if "://" not in scheduler:
            raise SettingsError(
                f"The scheduler is '{scheduler}', but it must be threads, synchronous or an address like tcp://host:8786."
            )
        try:
            from distributed import Client
        except ImportError as error:
            raise SettingsError(
                f"The scheduler {scheduler} needs the package distributed; install cryoaniso_nb[cluster]."
            ) from error
        try:
            if _is_current(scheduler):
                return Client.current()
            client = _connected.get(scheduler)
            if client is None or client.status != "running":
                client = _connected[scheduler] = Client(scheduler, timeout="10s", set_as_default=False)
            return client
        except (OSError, TimeoutError) as error:
            raise SettingsError(
                f"No Dask scheduler answers at {scheduler} within 10 s; start one there, or use threads."
            ) from error
    if hasattr(scheduler, "scatter") and hasattr(scheduler, "compute"):
        return scheduler
    raise SettingsError(
        f"The scheduler is {scheduler!r}, but it must be threads, synchronous, an address or a distributed.Client."
    )


def _is_current(address: str) -> bool:
    from distributed import Client

    try:
        return bool(Client.current().scheduler.address == address)
    except ValueError:
        return False


def _workers(scheduler: Scheduler, client: Any | None) -> int:
    if client is not None:
        return max(1, int(sum(client.nthreads().values())))
    if scheduler == "synchronous":
        return 1
    return int(dask.config.get("num_workers", None) or CPU_COUNT)


def _compute(
    outputs: Sequence[Any],
    watched: Sequence[Any],
    kept: Sequence[Any],
    stage: str,
    scheduler: Scheduler,
    client: Any | None,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> list[Any]:
    """Values of Dask `outputs`; progress counts the `watched` ones among their tasks.

    On a cluster watching a task keeps its value in memory: there only the `kept` ones count.
    """
    Cancelled.if_set(cancel)
    if client is None:
        graph = {key: task for output in outputs for key, task in output.__dask_graph__().items()}
        with _Watch({d.key for d in watched}, stage, progress, cancel):
            return list(_LOCAL[scheduler](graph, [d.key for d in outputs]))
    futures = client.compute([*outputs, *kept], optimize_graph=False)
    tracked, total, done = futures, len(futures), 0
    from distributed import wait

    try:
        while done < total:
            Cancelled.if_set(cancel)
            try:
                with client.as_current():  # `wait` asks for one
                    ready = wait(tracked, timeout=0.2, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            done += len(ready.done)
            tracked = list(ready.not_done)
            if progress is not None:
                progress(stage, done, total)
        return list(client.gather(futures[: len(outputs)]))
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
    return _compute(calls, calls, (), stage, scheduler, client, progress, cancel)


# --- volumes -> angular histogram --------------------------------------------------------


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
    box: Box = tuple(maps.half1.shape)
    plan = Plan.of(box, _workers(scheduler, client))

    def source(volume: NDArray[Any] | None, start: int, stop: int) -> Any:
        if volume is None:
            return None
        slab = volume[start:stop]
        if client is None:
            return dask.delayed(slab, traverse=False, pure=False)
        return client.scatter(np.ascontiguousarray(slab), hash=False)

    mask = maps.mask if masked else None
    stop = cancel if client is None else None  # between tasks alone on a cluster
    transform, part, block, total_of = (
        dask.delayed(f, pure=False, traverse=False) for f in (transform_slab, cut, reduce, add)
    )
    slabs = [
        transform(source(maps.half1, *r), source(maps.half2, *r), source(mask, *r), dtype, stop) for r in plan.slabs
    ]
    pieces = [dask.delayed([part(slab, *rows) for slab in slabs]) for rows in plan.blocks]
    partial = [block(piece, rows[0], box, stop, *arguments) for piece, rows in zip(pieces, plan.blocks, strict=True)]
    total = partial
    while len(total) > 1:
        total = [total_of(*total[i : i + 4]) for i in range(0, len(total), 4)]
    return _compute(total, [*slabs, *partial], partial, stage, scheduler, client, progress, cancel)[0]


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
    box: Box = tuple(maps.half1.shape)
    common: dict[str, Any] = {"scheduler": scheduler, "progress": progress, "cancel": cancel}
    partial = _reduce_volumes(maps, reduce_block, (nodes_per_face,), stage="transforming", **common)
    sums = shell_sums(partial, box)
    check_power(sums, "with the mask" if maps.mask is not None else "")
    unmasked = sums
    if maps.mask is not None:
        unmasked = _reduce_volumes(maps, reduce_shells, (), masked=False, stage="transforming unmasked", **common)
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


# --- histogram -> cones ------------------------------------------------------------------


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
            f"The cone's half-angle is {cone_half_angle:g} degrees, but this result holds directions only finely "
            f"enough for {smallest_cone(histogram.nodes_per_face):.3g} degrees; analyze the maps again with that angle."
        )
    client = _client(scheduler)
    lattice = low_lattice(histogram.box, histogram.first_shell)
    block = ConeBlock(
        box=histogram.box,
        first_shell=histogram.first_shell,
        side=histogram.nodes_per_face,
        half_angle=float(np.deg2rad(cone_half_angle)),
        low=np.concatenate([histogram.low * lattice.weight, lattice.weight[None]]),
        nodes=histogram.nodes,
        totals=histogram.nodes[:, :, 3].sum(axis=1),
    )
    parts = max(_workers(scheduler, client), len(axes) // 321)
    blocks = [axes[start:stop] for start, stop in ranges(len(axes), parts)]
    if client is None:
        values = map_tasks(block, blocks, scheduler=scheduler, stage="cones", progress=progress, cancel=cancel)
    else:
        shared = client.scatter(block, broadcast=True, hash=False)
        call = dask.delayed(_call, pure=False, traverse=False)
        tasks = [call(shared, axes_block) for axes_block in blocks]
        values = _compute(tasks, tasks, (), "cones", scheduler, client, progress, cancel)
    xy, xx, yy, n_eff = np.concatenate(values, axis=1)
    return ConeSums(xy, xx, yy, n_eff)


def _call(block: ConeBlock, axes: Floats) -> Floats:
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
    cones, sums = _reduce_volumes(maps, reduce_exact, arguments, stage="summing voxels", **common)
    check_power(sums, "with the mask" if maps.mask is not None else "")
    unmasked = sums
    if maps.mask is not None:
        unmasked = _reduce_volumes(maps, reduce_shells, (), masked=False, stage="transforming unmasked", **common)
    xy, xx, yy, n_eff = np.moveaxis(with_n_eff(cones)[:, :, 1:], 1, 0)
    return ConeSums(xy, xx, yy, n_eff), sums, unmasked
