"""The one file that knows Dask: tasks on the workers of a `distributed.Client`."""

from __future__ import annotations

import logging
import math
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, TypeVar
from uuid import uuid4

import dask
import numpy as np
from distributed import CancelledError, Client, wait
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker
from numpy.typing import NDArray

from ..errors import SettingsError
from .blocks import Block, Plan, add, cut, transform_slab
from .execution import Execution
from .files import FileVolume, file_of
from .local import ONE_BLAS_THREAD, POLL_SECONDS
from .slabs import spectra_bytes, sum_rows

__all__ = ["broadcast_map", "client_of", "iter_on_cluster", "map_on_cluster", "n_workers", "reduce_on_cluster"]

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")

NO_WORKER_SECONDS = 10.0  # until a cluster without workers is given up
TRIES = 4  # of what is lost with workers
SENT_BYTES = 32 * 2**20  # of one volume's planes that are sent at once
TASK_SHARE = 0.4  # of a worker's memory limit that the spectra of its tasks may take
CONNECT_SECONDS = 6.0  # until a scheduler that doesn't answer is given up
READING = 0.06  # of a worker's time for a whole map: to read and fold it

_log = logging.getLogger(__name__)
_sent: dict[tuple[int, str, str], Any] = {}  # what workers keep: (its owner, client, token) -> future
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
            client = _connected[scheduler] = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        return client
    except (OSError, TimeoutError) as error:
        raise SettingsError(
            f"No Dask scheduler answers at {scheduler} within {CONNECT_SECONDS:g} s; start one there, or use threads."
        ) from error


def _is_current(address: str) -> bool:
    try:
        return bool(Client.current().scheduler.address == address)
    except ValueError:
        return False


def n_workers(client: Any, execution: Execution) -> int:
    """Threads of all workers together.

    Parameters
    ----------
    client : distributed.Client
        Of a running cluster.
    execution : Execution
        What stops the waiting for workers.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    SettingsError
        When no worker joins within 10 s.
    Cancelled
        When ``execution.cancel`` was set.
    """
    began = time.monotonic()
    while not (threads := _threads(client)):
        execution.raise_if_cancelled()
        if time.monotonic() - began > NO_WORKER_SECONDS:
            raise SettingsError(
                f"The Dask scheduler at {_address(client)} has no workers; start some there (dask worker "
                f"{_address(client)}), or use threads."
            )
        time.sleep(POLL_SECONDS)
    return threads


def _threads(client: Any) -> int:
    with _told_when_lost(client):
        return int(sum(client.nthreads().values()))


def _address(client: Any) -> str:
    return str(getattr(client.scheduler, "address", "its address"))


class _LostError(Exception):
    """Data that went with a worker and that no task makes again: what was sent to it."""


def _compute(
    client: Any,
    outputs: Sequence[Any],
    stage: str,
    execution: Execution,
    *,
    kept: Sequence[Any] = (),
    sent: Sequence[Any] = (),
) -> list[Any]:
    """Values of Dask `outputs`; progress counts them and the `kept` ones among their tasks.

    Watching a task keeps its value in memory on its worker. Tasks wait forever for what was `sent` and lost.
    """
    execution.raise_if_cancelled()
    futures = client.compute([*outputs, *kept], optimize_graph=False)
    wanted = futures[: len(outputs)]
    tracked = futures
    try:
        with _told_when_lost(client):
            while tracked:
                execution.raise_if_cancelled()
                ready = _wait(client, tracked, execution)
                if not ready and any(future.status in ("lost", "cancelled") for future in (*tracked, *sent)):
                    raise _LostError("sent data")
                tracked = [future for future in tracked if future not in ready]
                execution.tell(stage, len(futures) - len(tracked), len(futures))
            return list(client.gather(wanted))
    except BaseException:
        if client.status == "running":
            client.cancel(wanted)  # those alone: the scheduler fails at futures that others of them need
        raise


def _wait(client: Any, futures: Sequence[Any], execution: Execution) -> set[Any]:
    """Those that are ready within a moment; an error when scheduler or workers are gone."""
    try:
        with client.as_current():  # `wait` asks for one
            return set(wait(futures, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        if client.status == "running":
            n_workers(client, execution)
        else:
            raise CommClosedError from None
        return set()


@contextmanager
def _told_when_lost(client: Any) -> Iterator[None]:
    """One sentence when the scheduler goes; `_LostError` when a worker took something with it."""
    try:
        yield
    except (CommClosedError, CancelledError, KilledWorker, OSError) as error:
        if client.status != "running":
            raise SettingsError(
                f"The Dask scheduler at {_address(client)} was lost while it computed; start it again, or use threads."
            ) from error
        if isinstance(error, OSError) and not isinstance(error, CommClosedError):
            raise  # of a task itself
        raise _LostError(str(error)) from error


def _again_when_lost(client: Any, call: Callable[[], list[Any]]) -> list[Any]:
    """Do it again when workers took data with them: what was sent, not made, is gone."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except _LostError as error:
            _log.warning("a worker was lost, what it held is computed again: %s", error)
    with _told_when_given_up(client):
        return call()


@contextmanager
def _told_when_given_up(client: Any) -> Iterator[None]:
    """One sentence when workers are lost again and again."""
    try:
        yield
    except _LostError as error:
        raise SettingsError(
            f"Workers of the Dask scheduler at {_address(client)} were lost several times while they computed; "
            "give them more memory, or use threads."
        ) from error


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
    n_workers(client, execution)

    def attempt() -> list[Any]:
        call = _task(_Alone(function), stage or getattr(function, "__name__", "task"))
        return _compute(client, [call(item) for item in items], stage, execution)

    return _again_when_lost(client, attempt)


def _task(function: Callable[..., Any], words: str) -> Callable[..., Any]:
    """Makes tasks of a function, with keys that a dashboard groups by these words."""
    task = dask.delayed(function, pure=False, traverse=False)
    names = (f"{'-'.join(words.split())}-{uuid4().hex}-{index}" for index in count())
    return lambda *arguments: task(*arguments, dask_key_name=next(names))


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
            for index in islice(waiting, max(0, 2 * n_workers(client, execution) - len(running))):
                running[client.submit(call, items[index], own, pure=False)] = index
            if not running:
                return
            with _told_when_given_up(client), _told_when_lost(client):
                done = _wait(client, list(running), execution)
                ready = [(running.pop(future), future.result()) for future in done]
            yield from ready
    finally:
        if client.status == "running":
            client.cancel(list(running))


def broadcast_map(function: Any, items: Sequence[Any], owner: Any, stage: str, execution: Execution) -> list[Any]:
    """The same with a large function, which is sent to every worker once.

    Parameters
    ----------
    function : callable
        Of one argument.
    items : sequence
        Arguments, one per call.
    owner : ndarray
        What most of its data are: while it lives, the workers keep the function for
        the next call with an equal one.
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

    def attempt() -> list[Any]:
        call, shared = _task(_call, stage), _sent_once(client, function, owner)
        return _compute(client, [call(shared, item) for item in items], stage, execution, sent=[shared])

    return _again_when_lost(client, attempt)


def _sent_once(client: Any, function: Any, owner: Any) -> Any:
    key = id(owner), client.id, function.token
    future = _sent.get(key)
    if future is None:
        weakref.finalize(owner, _sent.pop, key, None)
    if future is None or future.status != "finished":
        with _told_when_lost(client):
            future = _sent[key] = client.scatter(function, broadcast=True, hash=False)
    return future


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


def reduce_on_cluster(
    volumes: Sequence[NDArray[Any] | None],
    dtype: Any,
    block: Block,
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
    block : Block
        Of pieces and their rows, gives a partial sum.
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

    def attempt() -> list[Any]:
        workers = n_workers(client, execution)
        files = _seen_by_all(client, volumes)
        sent: list[Any] = []
        if files is not None:
            tasks = _file_tasks(client, files, workers, dtype, block)
        else:
            tasks = _sent_tasks(client, volumes, workers, dtype, block, sent)
        total, add_blocks = tasks, _task(add, "add blocks")
        while len(total) > 1:
            total = [add_blocks(*total[i : i + 4]) for i in range(0, len(total), 4)]
        return _compute(client, total, stage, execution, kept=tasks, sent=sent)

    return _again_when_lost(client, attempt)[0]


def _file_tasks(client: Any, files: Sequence[FileVolume | None], workers: int, dtype: Any, block: Block) -> list[Any]:
    """Each worker reads the volumes whole and takes its share of rows: nothing passes between workers."""
    height = block.box[1]
    with _told_when_lost(client):
        room = TASK_SHARE * float(client.run_on_scheduler(_memory_of_a_thread))
    least = min(height, max(1, math.ceil(spectra_bytes(block.box, dtype) / room)))
    fitting = [parts for parts in range(least, height + 1) if height % parts == 0]
    # rounds of tasks, each of which reads everything
    parts = min(fitting, key=lambda parts: math.ceil(parts / workers) * (1 / parts + READING))
    call = _task(_sum_of_files, "read and sum rows")
    return [call(files, dtype, block, slice(number, height, parts)) for number in range(parts)]


def _memory_of_a_thread(dask_scheduler: Any) -> float:
    """Of the worker that has least of it; runs on the scheduler."""
    return min(((w.memory_limit or math.inf) / w.nthreads for w in dask_scheduler.workers.values()), default=math.inf)


def _sum_of_files(files: Sequence[FileVolume | None], dtype: Any, block: Block, rows: slice) -> Any:
    return sum_rows([None if file is None else file.open() for file in files], dtype, block, rows)


def _sent_tasks(
    client: Any,
    volumes: Sequence[NDArray[Any] | None],
    workers: int,
    dtype: Any,
    block: Block,
    kept: list[Any],
) -> list[Any]:
    """Slabs are sent, transformed where they arrive, and cut into rows that pass between workers.

    What was sent is added to `kept`.
    """
    most = max(volume.nbytes for volume in volumes if volume is not None)
    plan = Plan.of(block.box, workers, math.ceil(most / SENT_BYTES))

    def sent(volume: NDArray[Any] | None, start: int, stop: int) -> Any:
        if volume is None:
            return None
        kept.append(client.scatter(np.ascontiguousarray(volume[start:stop]), hash=False))
        return kept[-1]

    transform, part, reduce = (
        _task(transform_slab, "transform slab"), _task(cut, "cut slab"), _task(block, "sum rows"),
    )  # fmt: skip
    with _told_when_lost(client):
        slabs = [transform(*(sent(volume, *planes) for volume in volumes), dtype) for planes in plan.slabs]
    pieces = [dask.delayed([part(slab, *rows, block.box) for slab in slabs]) for rows in plan.blocks]
    return [reduce(piece, slice(*rows)) for piece, rows in zip(pieces, plan.blocks, strict=True)]


def _seen_by_all(client: Any, volumes: Sequence[NDArray[Any] | None]) -> list[FileVolume | None] | None:
    """The files of the volumes, if every worker sees them all."""
    files = [None if volume is None else file_of(volume) for volume in volumes]
    if any(volume is not None and file is None for volume, file in zip(volumes, files, strict=True)):
        return None
    with _told_when_lost(client):
        answers = client.run(_sees, files, on_error="return")
    seen = bool(answers) and all(answer is True for answer in answers.values())
    _log.info("workers %s", "read the files themselves" if seen else "don't see the files: slabs are sent")
    return files if seen else None


def _sees(files: Sequence[FileVolume | None]) -> bool:
    return all(file is None or file.is_here() for file in files)
