"""Half maps -> sums -> cones, on threads or a cluster.

`accumulate` passes over the volumes once: slabs along z are transformed in two dimensions,
blocks along y in the third, and reduced at once to an `AngularHistogram`. `cone_sums` turns
that into the sums of any set of cones, as often as wanted. `accumulate_exact` sums cones
voxel by voxel instead: slower, and the reference for the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..geometry.shells import Box, first_dense_shell, low_lattice
from ..results.types import AngularHistogram
from .blocks import (
    Block,
    ConeBlock,
    ConeSums,
    Partial,
    Plan,
    add,
    check_power,
    count_histogram,
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
from .execution import LOCAL, Execution
from .local import ONE_BLAS_THREAD, iter_here, map_here, n_threads

__all__ = [
    "ConeSums",
    "Volumes",
    "accumulate",
    "accumulate_both",
    "accumulate_exact",
    "cone_sums",
    "count_histogram",
    "iter_tasks",
    "map_tasks",
    "nodes_for",
    "smallest_cone",
]

Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)

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


def _check(execution: Execution) -> bool:
    """Whether tasks run on a cluster, which needs Dask."""
    scheduler = execution.scheduler
    if execution.is_local:
        return False
    if isinstance(scheduler, str) and "://" not in scheduler:
        raise SettingsError(
            f"The scheduler is '{scheduler}', but it must be threads, synchronous or an address like tcp://host:8786."
        )
    if find_spec("distributed") is None:
        raise SettingsError(f"The scheduler {scheduler} needs the package distributed; install cryoaniso_nb[cluster].")
    return True


@contextmanager
def _logged(stage: str, execution: Execution) -> Iterator[None]:
    """Log what a stage took once it is done."""
    start = time.perf_counter()
    yield
    if _log.isEnabledFor(logging.INFO):
        where = f"{n_threads(execution)} threads" if execution.is_local else execution.scheduler
        _log.info("%s: %.3f s on %s", stage or "tasks", time.perf_counter() - start, where)


def map_tasks(
    function: Callable[[_Item], _Value],
    items: Sequence[_Item],
    *,
    stage: str = "",
    execution: Execution = LOCAL,
) -> list[_Value]:
    """Call a function on each item, spread over the workers.

    Parameters
    ----------
    function : callable
        Should release the GIL for most of its time; must pickle for a cluster.
    items : sequence
        Arguments, one per call.
    stage : str
        What is being done, for `progress`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    list
        The values, in the order of `items`.

    Raises
    ------
    Cancelled
        When ``execution.cancel`` was set.
    SettingsError
        For an unknown scheduler.

    Examples
    --------
    >>> map_tasks(abs, [-1, 2])
    [1, 2]
    """
    with _logged(stage, execution):
        if _check(execution):
            from .cluster import map_on_cluster

            return map_on_cluster(function, items, stage, execution)
        with ONE_BLAS_THREAD:
            return map_here(function, items, execution, lambda done: execution.tell(stage, done, len(items)))


def iter_tasks(
    function: Callable[[_Item, Execution], _Value],
    items: Sequence[_Item],
    *,
    needs: Sequence[int] = (),
    memory: int | None = None,
    execution: Execution = LOCAL,
) -> Iterator[tuple[int, _Value]]:
    """Call a function on each item, as many at once as memory allows; values come as they are ready.

    Parameters
    ----------
    function : callable
        Called with an item and an `Execution` of its own; must pickle for a cluster. On this
        machine it hears there when to stop, and computes on one thread unless memory lets but
        one item, or few, be at work.
    items : sequence
        Started in this order, except that one too big for what is left of the memory lets
        smaller ones go before.
    needs : sequence of int
        Bytes that each call takes; not looked at on a cluster.
    memory : int, optional
        Bytes for all calls that run at once; one call alone may take more.
    execution : Execution
        Where to compute, what stops it. On stopping, calls at work are waited for.

    Yields
    ------
    tuple of int and object
        Index of an item, and its value.

    Raises
    ------
    Cancelled
        When ``execution.cancel`` was set.
    SettingsError
        For an unknown scheduler.

    Examples
    --------
    >>> sorted(iter_tasks(lambda item, execution: abs(item), [-1, 2]))
    [(0, 1), (1, 2)]
    """
    if _check(execution):
        from .cluster import iter_on_cluster

        yield from iter_on_cluster(function, items, execution)
        return
    with ONE_BLAS_THREAD:
        yield from iter_here(function, items, needs or [0] * len(items), memory, execution)


# --- volumes -> angular histogram --------------------------------------------------------


def _reduce_volumes(
    maps: Volumes,
    reduce: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    masked: bool = True,
    dtype: Any = np.float32,
    stage: str,
    execution: Execution,
) -> Any:
    """Run slabs -> blocks -> sums where the execution says."""
    box: Box = tuple(maps.half1.shape)
    volumes = (maps.half1, maps.half2, maps.mask if masked else None)
    with _logged(stage, execution):
        if _check(execution):
            from .cluster import reduce_on_cluster

            return reduce_on_cluster(volumes, dtype, Block(reduce, box, None, arguments), stage, execution)
        return _reduce_here(volumes, box, dtype, Block(reduce, box, execution.cancel, arguments), stage, execution)


def _reduce_here(
    volumes: tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None],
    box: Box,
    dtype: Any,
    block: Block,
    stage: str,
    execution: Execution,
) -> Any:
    """The same in this process, which holds the spectra of both halves in one array."""
    plan = Plan.of(box, n_threads(execution))
    spectra = np.empty((2, *box[:2], box[2] // 2 + 1), dtype=np.result_type(dtype, np.complex64))
    total = len(plan.slabs) + len(plan.blocks)

    def transform(planes: tuple[int, int]) -> None:
        part = slice(*planes)
        first, second, mask = (None if v is None else v[part] for v in volumes)
        transform_slab(first, second, mask, dtype, execution.cancel, out=(spectra[0, part], spectra[1, part]))  # type: ignore[arg-type]

    def reduce(rows: tuple[int, int]) -> Any:
        return block([(spectra[0][:, slice(*rows)], spectra[1][:, slice(*rows)])], rows[0])

    # The kernels are loaded beside the first transforms, which leave the other cores alone.
    loading = threading.Thread(target=block.load, daemon=True)
    loading.start()
    map_here(transform, plan.slabs, execution, lambda done: execution.tell(stage, done, total))
    loading.join()
    partial = map_here(
        reduce, plan.blocks, execution, lambda done: execution.tell(stage, len(plan.slabs) + done, total)
    )
    return add(*partial)


def accumulate(
    maps: Volumes,
    *,
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> AngularHistogram:
    """Pass over both half maps once and keep what every cone needs.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    nodes_per_face : int
        Fineness of the histogram, see `nodes_for`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    AngularHistogram
        Of the masked half maps, with the sums of the unmasked ones beside.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> accumulate(SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)).n_shells
    8
    """
    return accumulate_both(maps, nodes_per_face=nodes_per_face, execution=execution)[0]


def accumulate_both(
    maps: Volumes,
    *,
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> tuple[AngularHistogram, AngularHistogram]:
    """Angular histograms of the masked half maps and of the unmasked ones, whose noise is free of the mask.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    nodes_per_face : int
        Fineness of the histograms, see `nodes_for`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    tuple of AngularHistogram
        Twice the same one without a mask.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> masked, unmasked = accumulate_both(SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0))
    >>> masked is unmasked
    True
    """
    box: Box = tuple(maps.half1.shape)
    partial = _reduce_volumes(maps, reduce_block, (nodes_per_face,), stage="transforming", execution=execution)
    sums = shell_sums(partial, box)
    check_power(sums, "with the mask" if maps.mask is not None else "")
    if maps.mask is None:
        histogram = _histogram(maps, nodes_per_face, partial, sums, sums)
        return histogram, histogram
    bare = _reduce_volumes(
        maps, reduce_block, (nodes_per_face,), masked=False, stage="transforming unmasked", execution=execution
    )
    unmasked = shell_sums(bare, box)
    return (
        _histogram(maps, nodes_per_face, partial, sums, unmasked),
        _histogram(maps, nodes_per_face, bare, unmasked, unmasked),
    )


def _histogram(
    maps: Volumes, nodes_per_face: int, partial: Partial, sums: Floats, unmasked: Floats
) -> AngularHistogram:
    box: Box = tuple(maps.half1.shape)
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
    execution: Execution = LOCAL,
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
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    ConeSums
        For every axis and shell.

    Raises
    ------
    SettingsError
        When the cone is narrower than the histogram resolves.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for
    >>> counts = count_histogram((16, 16, 16), 1.0)
    >>> cone_sums(counts, axes_for(6), 17.0).n_eff.shape
    (6, 8)
    """
    if cone_half_angle < smallest_cone(histogram.nodes_per_face) - 1e-9:
        raise SettingsError(
            f"The cone's half-angle is {cone_half_angle:g} degrees, but this result holds directions only finely "
            f"enough for {smallest_cone(histogram.nodes_per_face):.3g} degrees; analyze the maps again with that angle."
        )
    clustered = _check(execution)
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
    if clustered:
        from .cluster import broadcast_map, client_of, n_workers

        workers = n_workers(client_of(execution))
    else:
        workers = n_threads(execution)
    blocks = [axes[start:stop] for start, stop in ranges(len(axes), max(workers, len(axes) // 321))]
    if clustered:
        values = broadcast_map(block, blocks, "cones", execution)
    else:
        values = map_tasks(block, blocks, stage="cones", execution=execution)
    xy, xx, yy, n_eff = np.concatenate(values, axis=1)
    return ConeSums(xy, xx, yy, n_eff)


def accumulate_exact(
    maps: Volumes,
    axes: Floats,
    cone_half_angle: float,
    *,
    beyond_nyquist: bool = True,
    execution: Execution = LOCAL,
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
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    tuple
        The cones' sums, and the whole shells' sums (3, S + 1) with and without the mask.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> maps = SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)
    >>> accumulate_exact(maps, np.eye(3), 17.0)[0].xy.shape
    (3, 8)
    """
    half_angle = float(np.deg2rad(cone_half_angle))
    common: dict[str, Any] = {"dtype": np.float64, "execution": execution}
    limit = np.inf if beyond_nyquist else max(maps.half1.shape) / 2
    arguments = (np.array(axes), half_angle, limit)
    cones, sums = _reduce_volumes(maps, reduce_exact, arguments, stage="summing voxels", **common)
    check_power(sums, "with the mask" if maps.mask is not None else "")
    unmasked = sums
    if maps.mask is not None:
        unmasked = _reduce_volumes(maps, reduce_shells, (), masked=False, stage="transforming unmasked", **common)
    xy, xx, yy, n_eff = np.moveaxis(with_n_eff(cones)[:, :, 1:], 1, 0)
    return ConeSums(xy, xx, yy, n_eff), sums, unmasked
