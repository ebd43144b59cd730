"""Tasks on this machine: a pool of threads for each map, and no Dask, which takes long to import."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import AbstractContextManager, ContextDecorator
from contextvars import copy_context
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..errors import SettingsError
from .execution import Execution, Scheduler

__all__ = ["ONE_BLAS_THREAD", "iter_here", "map_here", "n_threads"]

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")

POLL_SECONDS = 0.2  # between two looks at whether to stop
THREADS = "DASK_NUM_WORKERS"  # what Dask's own threads go by
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: "max 100000" or "200000 100000"


def n_threads(execution: Execution) -> int:
    """Threads that a local execution uses.

    Parameters
    ----------
    execution : Execution
        On this machine.

    Returns
    -------
    int
        1 for 'synchronous'; else what the environment variable DASK_NUM_WORKERS says, or the
        cores that this process may use.

    Raises
    ------
    SettingsError
        When the variable isn't a number of threads.

    Examples
    --------
    >>> n_threads(Execution("synchronous"))
    1
    """
    if execution.scheduler == "synchronous":
        return 1
    asked = os.environ.get(THREADS)
    if asked is None:
        return _cores()
    if not asked.strip().isdecimal() or int(asked) < 1:
        raise SettingsError(f"{THREADS} is '{asked}', but it must be a number of threads, 1 or more; unset it for all.")
    return int(asked)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text("ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one without a limit
        return cores


def map_here(
    function: Callable[[_Item], _Value], items: Sequence[_Item], execution: Execution, done: Callable[[int], None]
) -> list[_Value]:
    """Call a function on each item, on this machine's threads or the calling one alone.

    Parameters
    ----------
    function : callable
        Should release the GIL for most of its time.
    items : sequence
        Arguments, one per call.
    execution : Execution
        On this machine; what stops it.
    done : callable
        Called in the calling thread with the number of finished calls.

    Returns
    -------
    list
        The values, in the order of `items`.

    Raises
    ------
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> map_here(abs, [-1, 2], Execution("threads"), lambda count: None)
    [1, 2]
    """
    execution.raise_if_cancelled()
    threads = min(n_threads(execution), len(items))
    if threads <= 1:
        values = []
        for item in items:
            execution.raise_if_cancelled()
            values.append(function(item))
            done(len(values))
        return values

    def unless_cancelled(item: _Item) -> _Value:
        execution.raise_if_cancelled()  # a queue of short calls ends before the calling thread has looked
        return function(item)

    # A pool for each map: no thread is left behind for a fork to lose.
    with ThreadPoolExecutor(threads, thread_name_prefix="cryoaniso") as pool:
        futures = [pool.submit(unless_cancelled, item) for item in items]
        try:
            for count, future in enumerate(as_completed(futures), 1):
                execution.raise_if_cancelled()  # a task looks for itself while it runs
                future.result()  # raises what the call raised
                done(count)
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def iter_here(
    function: Callable[[_Item, Execution], _Value],
    items: Sequence[_Item],
    needs: Sequence[int],
    memory: int | None,
    execution: Execution,
) -> Iterator[tuple[int, _Value]]:
    """Call a function on each item, as many at once as memory allows.

    Parameters
    ----------
    function : callable
        Of an item and an execution of its own.
    items : sequence
        One a call.
    needs : sequence of int
        Bytes that each call takes.
    memory : int or None
        Bytes for all of them.
    execution : Execution
        On this machine; what stops it.

    Yields
    ------
    tuple of int and object
        Index of an item, and its value, as they are ready.

    Raises
    ------
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> sorted(iter_here(lambda item, execution: abs(item), [-1, 2], [1, 1], 2, Execution("threads")))
    [(0, 1), (1, 2)]
    """
    limit = n_threads(execution)
    if limit == 1:
        for index, item in enumerate(items):
            execution.raise_if_cancelled()
            yield index, function(item, replace(execution, scheduler="synchronous", progress=None))
        return
    most = max(needs, default=0)
    at_once = min(limit, len(items)) if not most or memory is None else min(limit, len(items), max(1, memory // most))
    where: Scheduler = "threads" if 2 * at_once <= limit else "synchronous"
    own = Execution(where, cancel=threading.Event(), memory_limit=execution.memory_limit)
    waiting = list(range(len(items)))
    running: dict[Future[_Value], int] = {}

    def fitting() -> int | None:
        left = math.inf if memory is None else memory - sum(needs[index] for index in running.values())
        return next((index for index in waiting if not running or needs[index] <= left), None)

    with ThreadPoolExecutor(limit, thread_name_prefix="cryoaniso-item") as pool:
        try:
            while waiting or running:
                execution.raise_if_cancelled()
                while len(running) < limit and (chosen := fitting()) is not None:
                    waiting.remove(chosen)
                    running[pool.submit(copy_context().run, function, items[chosen], own)] = chosen
                ready, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield running.pop(future), future.result()
        finally:
            if running and own.cancel is not None:
                own.cancel.set()  # leaving the pool waits for those at work


class _OneBlasThread(AbstractContextManager[None], ContextDecorator):
    """Inside, each linear algebra call keeps to its own thread: for tasks side by side, and for small products.

    Between small products the library's other threads wait by spinning, for three times the processor's time.
    The limit holds for the whole process: the first to enter sets it, the last to leave lifts it.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                _let_any_thread_limit()
                self._limit = _blas(_libraries_loaded()).limit(limits=1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _let_any_thread_limit()
                self._limit.restore_original_limits()
                _let_any_thread_limit()

    def __reduce__(self) -> str:
        return "ONE_BLAS_THREAD"  # each process has its own


LINEAR_ALGEBRA = ("numpy.linalg", "scipy.linalg", "scipy.linalg.cython_blas", "torch")  # bring libraries of their own


def _libraries_loaded() -> tuple[bool, ...]:
    return tuple(name in sys.modules for name in LINEAR_ALGEBRA)


@lru_cache(maxsize=2)
def _blas(_loaded: tuple[bool, ...]) -> Any:
    """The linear algebra libraries of this process: to look for them takes seconds beside a thread that computes."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _let_any_thread_limit() -> None:
    """Let any thread limit OpenBLAS: from threadpoolctl 3.8 on, only the first that did so may.

    Maps begin and end on different threads, and threadpoolctl ignores the others silently.
    """
    for library in _blas(_libraries_loaded()).lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


ONE_BLAS_THREAD = _OneBlasThread()
