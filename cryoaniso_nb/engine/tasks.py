"""Tasks on this machine's threads or on a cluster, whichever an execution asks for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

from ..errors import SettingsError
from .execution import LOCAL, Execution
from .local import ONE_BLAS_THREAD, iter_here, map_here, n_threads

__all__ = ["iter_tasks", "logged", "map_tasks", "on_cluster"]

_log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def on_cluster(execution: Execution) -> bool:
    """Whether tasks run on a cluster, which needs Dask.

    Parameters
    ----------
    execution : Execution
        Its scheduler.

    Returns
    -------
    bool
        False for this machine.

    Raises
    ------
    SettingsError
        For an unknown scheduler, or where the package is missing.
    """
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
def logged(stage: str, execution: Execution) -> Iterator[None]:
    """Log what a stage took once it is done.

    Parameters
    ----------
    stage : str
        What is being done.
    execution : Execution
        Where.

    Yields
    ------
    None
        While it is done.
    """
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
    with logged(stage, execution):
        if on_cluster(execution):
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
    if on_cluster(execution):
        from .cluster import iter_on_cluster

        yield from iter_on_cluster(function, items, execution)
        return
    with ONE_BLAS_THREAD:
        yield from iter_here(function, items, needs or [0] * len(items), memory, execution)
