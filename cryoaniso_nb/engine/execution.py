"""How a computation is carried out: where, who hears of its progress, what stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, Protocol

from ..errors import Cancelled

__all__ = ["LOCAL", "Cluster", "Execution", "Progress", "Scheduler"]

Progress = Callable[[str, int, int], None]


class Cluster(Protocol):
    """What is needed of a ``distributed.Client``."""

    def compute(self, collections: Any, /, **options: Any) -> Any:
        """Start tasks."""

    def scatter(self, data: Any, /, **options: Any) -> Any:
        """Send data to the workers."""


Scheduler = Literal["threads", "synchronous"] | str | Cluster


@dataclass(frozen=True, slots=True)
class Execution:
    """Where to compute, what to tell of progress, and when to stop: nothing of it changes a result.

    Attributes
    ----------
    scheduler : {'threads', 'synchronous'}, str or distributed.Client
        This machine's threads, the calling thread alone, a Dask scheduler's address like
        'tcp://host:8786', or a client.
    progress : callable, optional
        Called with (stage, done, total), in the calling thread.
    cancel : threading.Event, optional
        Set it to stop; `Cancelled` is raised soon after.
    memory_limit : int, optional
        Bytes that an analysis on this machine may take. Unless given, what is free counts.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> seen = []
    >>> watched = ca.Execution("synchronous", progress=lambda *step: seen.append(step))
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0), execution=watched)
    >>> seen[-1]
    ('cones', 1, 1)
    """

    scheduler: Scheduler = "threads"
    _: KW_ONLY
    progress: Progress | None = None
    cancel: threading.Event | None = None
    memory_limit: int | None = None

    @property
    def is_local(self) -> bool:
        """Whether tasks run in this process: they share its memory and see `cancel` while they run."""
        return self.scheduler in ("threads", "synchronous")

    def on_this_machine(self) -> Execution:
        """The same without a cluster, for tasks that write into shared arrays.

        Returns
        -------
        Execution
            On threads where it was on a cluster.
        """
        return self if self.is_local else replace(self, scheduler="threads")

    def tell(self, stage: str, done: int, total: int) -> None:
        """Report progress, if anyone listens.

        Parameters
        ----------
        stage : str
            What is being done.
        done, total : int
            Steps.
        """
        if self.progress is not None:
            self.progress(stage, done, total)

    def raise_if_cancelled(self) -> None:
        """Give up when told to stop.

        Raises
        ------
        Cancelled
            When `cancel` is set.
        """
        Cancelled.if_set(self.cancel)


LOCAL = Execution()  # the default everywhere
