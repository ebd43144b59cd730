"""Tasks side by side: as many as memory allows, values as they are ready, stopping in the middle."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from cryoaniso_nb.engine import memory
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.local import THREADS
from cryoaniso_nb.engine.tasks import iter_tasks, map_tasks
from cryoaniso_nb.errors import Cancelled


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "4")


class Crowd:
    """Counts who is at work; each waits until as many are there as are to be seen at once."""

    def __init__(self, expected: int) -> None:
        self.lock, self.full = threading.Lock(), threading.Event()
        self.expected, self.here, self.most = expected, 0, 0
        self.schedulers: set[Any] = set()

    def __call__(self, need: int, execution: Execution) -> int:
        with self.lock:
            self.here += need
            self.most = max(self.most, self.here)
            self.schedulers.add(execution.scheduler)
            if self.here >= self.expected:
                self.full.set()
        assert self.full.wait(20)
        with self.lock:
            self.here -= need
        return need


def test_every_item_gives_its_value_once() -> None:
    found = list(iter_tasks(lambda item, _execution: item**2, range(50)))
    assert sorted(found) == [(index, index**2) for index in range(50)]


def test_without_a_limit_all_workers_are_used() -> None:
    crowd = Crowd(4)
    assert len(list(iter_tasks(crowd, [1] * 12))) == 12
    assert crowd.most == 4
    assert crowd.schedulers == {"synchronous"}


def test_no_more_than_the_memory_is_taken_at_once() -> None:
    needs = [3, 3, 3, 3, 1, 1]
    crowd = Crowd(7)
    list(iter_tasks(crowd, needs, needs=needs, memory=7))
    assert crowd.most == 7  # 3 + 3 + 1: the last one passed those that had to wait


def test_one_that_needs_too_much_works_alone_with_all_threads() -> None:
    crowd = Crowd(9)
    list(iter_tasks(crowd, [9, 9], needs=[9, 9], memory=4))
    assert crowd.most == 9
    assert crowd.schedulers == {"threads"}


def test_values_come_before_the_others_are_ready() -> None:
    release = threading.Event()

    def work(item: int, _execution: Execution) -> int:
        if item == 0:
            assert release.wait(20)
        return item

    steps = iter_tasks(work, range(4))
    assert {next(steps)[0] for _ in range(3)} == {1, 2, 3}
    release.set()
    assert next(steps) == (0, 0)


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_an_error_is_raised_and_the_rest_is_left(scheduler: str) -> None:
    done: list[int] = []

    def work(item: int, _execution: Execution) -> None:
        done.append(item)
        if item == 1:
            raise KeyError("x")

    with pytest.raises(KeyError):
        list(iter_tasks(work, range(1000), execution=Execution(scheduler)))
    assert len(done) < 1000


def test_who_is_at_work_hears_of_stopping_and_is_waited_for() -> None:
    cancel, started, ended = threading.Event(), threading.Barrier(5), []

    def work(item: int, execution: Execution) -> None:
        started.wait(20)
        assert execution.cancel is not None
        assert execution.cancel.wait(20)
        ended.append(item)

    threading.Thread(target=lambda: (started.wait(20), cancel.set())).start()
    with pytest.raises(Cancelled):
        list(iter_tasks(work, range(8), execution=Execution(cancel=cancel)))
    assert len(ended) == 4


def test_closing_the_generator_stops_who_is_at_work() -> None:
    ended = []

    def work(item: int, execution: Execution) -> int:
        if item:
            assert execution.cancel is not None
            ended.append(execution.cancel.wait(20))
        return item

    steps = iter_tasks(work, range(4))
    assert next(steps) == (0, 0)
    steps.close()
    assert ended == [True, True, True]


def test_a_run_that_was_stopped_leaves_nothing_that_stops_the_next_one() -> None:
    def work(item: int, execution: Execution) -> Any:
        return map_tasks(abs, [item] * 20, execution=execution)

    for _ in range(5):
        cancel = threading.Event()
        steps = iter_tasks(work, range(40), execution=Execution(cancel=cancel))
        next(steps)
        cancel.set()
        with pytest.raises(Cancelled):
            list(steps)
        assert map_tasks(abs, [-1, 2]) == [1, 2]


def test_memory_is_what_a_container_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 100 kB\nMemAvailable:   2000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", meminfo)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available_memory() == 2000 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("600000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 100000\n")
    assert memory.available_memory() == 500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() == 2000 * 1024
    meminfo.write_text("nonsense")
    assert memory.available_memory() is None


def test_the_context_of_the_caller_is_that_of_the_calls() -> None:
    name: ContextVar[str] = ContextVar("name")
    name.set("survey")
    assert {value for _, value in iter_tasks(lambda _item, _execution: name.get(), range(8))} == {"survey"}


def test_a_cluster_gives_values_as_they_are_ready() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as client:
        found = list(iter_tasks(_squared, range(20), execution=Execution(client)))
        assert sorted(found) == [(index, index**2) for index in range(20)]
        cancel = threading.Event()
        steps = iter_tasks(_squared, range(1000), execution=Execution(client, cancel=cancel))
        next(steps)
        cancel.set()
        with pytest.raises(Cancelled):
            list(steps)


def _squared(item: int, _execution: Execution) -> int:
    return item**2
