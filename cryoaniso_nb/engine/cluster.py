"""The one file that knows Dask: tasks on the workers of a `distributed.Client`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import dask
import numpy as np
from distributed import Client, wait
from numpy.typing import NDArray

from ..errors import SettingsError
from .blocks import Pair, Plan, add, cut, transform_slab
from .execution import Execution
from .local import ONE_BLAS_THREAD, POLL_SECONDS

__all__ = ["broadcast_map", "client_of", "iter_on_cluster", "map_on_cluster", "n_workers", "reduce_on_cluster"]

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")

_connected: dict[str, Any] = {}  # address -> the client of this process; distributed closes them at exit


def client_of(execution: Execution) -> Any:
    """The client that is meant.

    Parameters
    ----------
    execution : Execution
        With an address or a client as its scheduler.

    Returns
    -------
    distributed.Client
        That given, the current one of that address, or a new one.

    Raises
    ------
    SettingsError
        When no scheduler answers there, or it is neither address nor client.
    """
    scheduler = execution.scheduler
    if not isinstance(scheduler, str):
        if hasattr(scheduler, "scatter") and hasattr(scheduler, "compute"):
            return scheduler
        raise SettingsError(
            f"The scheduler is {scheduler!r}, but it must be threads, synchronous, an address or a distributed.Client."
        )
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


def _is_current(address: str) -> bool:
    try:
        return bool(Client.current().scheduler.address == address)
    except ValueError:
        return False


def n_workers(client: Any) -> int:
    """Threads of all workers together, at least 1."""
    return max(1, int(sum(client.nthreads().values())))


def _compute(client: Any, outputs: Sequence[Any], kept: Sequence[Any], stage: str, execution: Execution) -> list[Any]:
    """Values of Dask `outputs`; progress counts them and the `kept` ones among their tasks.

    Watching a task keeps its value in memory on its worker.
    """
    execution.raise_if_cancelled()
    futures = client.compute([*outputs, *kept], optimize_graph=False)
    tracked, total, done = futures, len(futures), 0
    try:
        while done < total:
            execution.raise_if_cancelled()
            try:
                with client.as_current():  # `wait` asks for one
                    ready = wait(tracked, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            done += len(ready.done)
            tracked = list(ready.not_done)
            execution.tell(stage, done, total)
        return list(client.gather(futures[: len(outputs)]))
    finally:
        client.cancel(futures)


@dataclass(frozen=True, slots=True)
class _Alone:
    """A call whose linear algebra keeps to the worker's thread."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        with ONE_BLAS_THREAD:
            return self.function(*arguments)


def map_on_cluster(
    function: Callable[[_Item], _Value], items: Sequence[_Item], stage: str, execution: Execution
) -> list[_Value]:
    """Call a function, which must pickle, on each item.

    Parameters
    ----------
    function : callable
        Of one argument.
    items : sequence
        Arguments, one per call.
    stage : str
        What is being done, for `progress`.
    execution : Execution
        On a cluster.

    Returns
    -------
    list
        The values, in the order of `items`.
    """
    client = client_of(execution)
    task = dask.delayed(_Alone(function), pure=False, traverse=False)
    calls = [task(item) for item in items]
    return _compute(client, calls, (), stage, execution)


def iter_on_cluster(
    function: Callable[[_Item, Execution], _Value], items: Sequence[_Item], execution: Execution
) -> Iterator[tuple[int, _Value]]:
    """Call a function, which must pickle, on each item; values come as they are ready.

    Only a few tasks are sent ahead of the workers, so that thousands of items cost the
    scheduler nothing.

    Parameters
    ----------
    function : callable
        Of an item and an execution.
    items : sequence
        One a call.
    execution : Execution
        On a cluster.

    Yields
    ------
    tuple of int and object
        Index of an item, and its value.
    """
    client = client_of(execution)
    call, own = _Alone(function), Execution("synchronous")
    waiting = iter(range(len(items)))
    running: dict[Any, int] = {}
    try:
        while True:
            execution.raise_if_cancelled()
            for index in islice(waiting, max(0, 2 * n_workers(client) - len(running))):
                running[client.submit(call, items[index], own, pure=False)] = index
            if not running:
                return
            try:
                with client.as_current():
                    ready = wait(list(running), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            for future in ready.done:
                yield running.pop(future), future.result()
    finally:
        client.cancel(list(running))


def broadcast_map(function: Any, items: Sequence[Any], stage: str, execution: Execution) -> list[Any]:
    """The same with a large function, which is sent to every worker once."""
    client = client_of(execution)
    shared = client.scatter(function, broadcast=True, hash=False)
    call = dask.delayed(_call, pure=False, traverse=False)
    tasks = [call(shared, item) for item in items]
    return _compute(client, tasks, (), stage, execution)


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


def reduce_on_cluster(
    volumes: Sequence[NDArray[Any] | None],
    dtype: Any,
    block: Callable[[Sequence[Pair], int], Any],
    stage: str,
    execution: Execution,
) -> Any:
    """Slabs -> blocks -> a tree of sums.

    Parameters
    ----------
    volumes : sequence of ndarray or None, length 3
        Half maps and mask.
    dtype : dtype
        Real type to compute in.
    block : callable
        Of pieces and first row, gives a partial sum; must pickle.
    stage : str
        What is being done, for `progress`.
    execution : Execution
        On a cluster.

    Returns
    -------
    object
        The sum of all blocks.
    """
    client = client_of(execution)
    shape = volumes[0].shape  # type: ignore[union-attr]
    plan = Plan.of(shape, n_workers(client))

    def source(volume: NDArray[Any] | None, start: int, stop: int) -> Any:
        return None if volume is None else client.scatter(np.ascontiguousarray(volume[start:stop]), hash=False)

    transform, part, reduce, total_of = (
        dask.delayed(f, pure=False, traverse=False) for f in (transform_slab, cut, block, add)
    )
    slabs = [transform(*(source(v, *r) for v in volumes), dtype) for r in plan.slabs]
    pieces = [dask.delayed([part(slab, *rows) for slab in slabs]) for rows in plan.blocks]
    partial = [reduce(piece, rows[0]) for piece, rows in zip(pieces, plan.blocks, strict=True)]
    total = partial
    while len(total) > 1:
        total = [total_of(*total[i : i + 4]) for i in range(0, len(total), 4)]
    return _compute(client, total, partial, stage, execution)[0]
