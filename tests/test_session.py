"""Live sessions: what runs, what is published when, and how it ends; with a fake slow generator."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.errors import Cancelled, MapError, ResultError
from cryoaniso_nb.widgets import LiveSession

pytestmark = pytest.mark.timeout(60)


class Fake:
    """As much of a result as a session needs."""

    def __init__(self, name: Any, *, partial: bool = False, gate: threading.Event | None = None) -> None:
        self.name, self.partial, self.histogram, self.gate = name, partial, object(), gate
        self.fso = SimpleNamespace(frequency=np.arange(1, 9) / 16, middle=SimpleNamespace(frequency=0.26))

    def with_cones(self, **settings: Any) -> Fake:
        """Another one, after its gate opens."""
        if self.gate is not None:
            assert self.gate.wait(20)
        return Fake(settings, gate=self.gate)


def in_loop(body: Callable[[], Any]) -> None:
    """Run a coroutine function as a cell of a notebook would be."""
    asyncio.run(asyncio.wait_for(body(), 30))


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until a condition holds."""
    while not condition():
        await asyncio.sleep(0.005)


def test_results_are_published_in_order_and_the_last_is_always_drawn() -> None:
    async def body() -> None:
        seen = []
        session = LiveSession(lambda execution: iter([Fake(i) for i in range(50)]))
        session.state.observe(lambda change: seen.append(change["new"].name), names="result")
        session.start()
        await until(lambda: session.state.status == "done")
        assert seen == sorted(seen)
        assert seen[-1] == 49
        assert len(seen) < 50, "redraws are throttled"
        session.close()

    in_loop(body)


def test_at_most_five_redraws_a_second() -> None:
    async def body() -> None:
        loop, times, go = asyncio.get_running_loop(), [], threading.Event()

        def stream(execution: Execution) -> Iterator[Fake]:
            number = 0
            while not go.wait(0.01):
                yield Fake(number)
                number += 1

        session = LiveSession(stream)
        session.state.observe(lambda change: times.append(loop.time()), names="result")
        session.start()
        await until(lambda: len(times) >= 4)
        assert np.diff(times).min() > 0.19
        go.set()
        await until(lambda: session.state.status == "done")
        session.close()

    in_loop(body)


def test_traits_change_on_the_loop_of_the_session_alone() -> None:
    async def body() -> None:
        main, threads = threading.get_ident(), set()
        session = LiveSession(lambda execution: iter([execution.tell("reading", 1, 2), Fake(1)][1:]))
        session.state.observe(lambda change: threads.add(threading.get_ident()))
        session.start()
        await until(lambda: session.state.status == "done")
        callback = threading.Thread(target=lambda: (session.select(shell=7), session.recut(n_axes=81)))
        callback.start()
        await until(lambda: session.state.shell == 7 and session.state.result.name == {"n_axes": 81})
        callback.join()
        assert threads == {main}
        session.close()

    in_loop(body)


def test_stop_is_heard_within_half_a_second_and_keeps_the_partial_result() -> None:
    async def body() -> None:
        stuck, release = threading.Event(), threading.Event()

        def stream(execution: Execution) -> Iterator[Fake]:
            yield Fake("coarse", partial=True)
            stuck.set()
            release.wait(20)  # a stage that doesn't look at cancel
            yield Fake("late")

        session = LiveSession(stream)
        session.start()
        await until(lambda: stuck.is_set() and session.state.result is not None)
        loop = asyncio.get_running_loop()
        pressed = loop.time()
        threading.Thread(target=session.stop).start()
        await until(lambda: session.state.status == "stopped")
        assert loop.time() - pressed < 0.5
        release.set()
        assert session.result(10).name == "coarse"
        assert session.result(10).partial
        await asyncio.sleep(0)
        assert session.state.result.name == "coarse", "what comes after Stop is not shown"
        session.close()

    in_loop(body)


def test_stopped_before_the_first_result_says_so() -> None:
    async def body() -> None:
        def stream(execution: Execution) -> Iterator[Fake]:
            execution.cancel.wait(20)
            raise Cancelled("The run was stopped.")
            yield

        session = LiveSession(stream)
        session.start()
        session.stop()
        await until(lambda: session.state.status == "stopped")
        assert session.state.error == ""
        with pytest.raises(Cancelled, match="before its first result"):
            session.result()
        session.close()

    in_loop(body)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MapError("Half map 1 is missing; check the path."), "Half map 1 is missing"),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh"),
    ],
)
def test_an_error_shows_as_a_sentence_and_result_raises_it(error: Exception, words: str) -> None:
    async def body() -> None:
        def stream(execution: Execution) -> Iterator[Fake]:
            raise error
            yield

        session = LiveSession(stream)
        session.start()
        await until(lambda: session.state.status == "failed")
        assert words in session.state.error
        with pytest.raises(type(error)):
            session.result()
        session.close()

    in_loop(body)


def test_dragging_a_slider_computes_the_newest_and_skips_between() -> None:
    async def body() -> None:
        gate = threading.Event()
        session = LiveSession(result=Fake("first", gate=gate))
        for angle in range(100):
            session.recut(cone_half_angle=angle)
        await asyncio.sleep(0)
        gate.set()
        computed = []
        session.state.observe(lambda change: computed.append(change["new"].name["cone_half_angle"]), names="result")
        await until(lambda: bool(computed) and computed[-1] == 99)
        assert len(computed) <= 2
        session.close()

    in_loop(body)


def test_only_the_newest_job_of_a_key_arrives() -> None:
    async def body() -> None:
        got, gate = [], threading.Event()
        session = LiveSession(result=Fake(1))
        session.compute("slice", lambda: (gate.wait(20), "old")[1], got.append)
        session.compute("slice", lambda: "new", got.append)
        gate.set()
        await until(lambda: bool(got))
        session.compute("other", lambda: "last", got.append)
        await until(lambda: "last" in got)
        assert got == ["new", "last"]
        session.close()

    in_loop(body)


def test_a_broken_observer_shows_in_the_error_panel() -> None:
    async def body() -> None:
        session = LiveSession(lambda execution: iter([Fake(1)]))
        session.state.observe(lambda change: 1 / 0, names="result")
        session.start()
        await until(lambda: "division" in session.state.error)
        session.close()

    in_loop(body)


def test_closing_stops_the_run_and_lets_go_of_the_result() -> None:
    async def body() -> None:
        heard, started = threading.Event(), threading.Event()

        def stream(execution: Execution) -> Iterator[Fake]:
            yield Fake(1)
            started.set()
            if execution.cancel.wait(20):
                heard.set()

        session = LiveSession(stream)
        session.start()
        await until(lambda: started.is_set() and session.state.result is not None)
        reference = weakref.ref(session.state.result)
        session.close()
        session.close()
        await until(heard.is_set)
        gc.collect()
        await until(lambda: gc.collect() >= 0 and reference() is None)
        assert session.state.status == "closed"

    in_loop(body)


def test_a_second_start_replaces_the_first_run() -> None:
    async def body() -> None:
        release = threading.Event()

        def slow(execution: Execution) -> Iterator[Fake]:
            release.wait(20)
            yield Fake("slow")

        session = LiveSession(slow)
        session.start()
        session.start(lambda execution: iter([Fake("quick")]))
        await until(lambda: session.state.status == "done")
        release.set()
        assert session.result(10).name == "quick"
        session.close()

    in_loop(body)


def test_without_a_loop_everything_happens_at_once() -> None:
    session = LiveSession(lambda execution: iter([Fake(1, partial=True), Fake(2)]))
    session.start()
    assert session.state.status == "done"
    assert session.state.result.name == session.result().name == 2
    session.recut(n_axes=6)
    assert session.state.result.name == {"n_axes": 6}
    session.close()


def test_a_session_without_anything_says_what_to_do() -> None:
    session = LiveSession()
    with pytest.raises(ResultError, match="choose maps"):
        session.result()
    with pytest.raises(ResultError, match="give it maps"):
        session.start()


def test_an_extension_can_be_stopped_and_leaves_the_result() -> None:
    async def body() -> None:
        session, begun, heard = LiveSession(result=Fake("plain")), threading.Event(), threading.Event()

        def slow(result: Any, execution: Execution) -> Any:
            begun.set()
            execution.tell("replicates", 1, 9)
            assert execution.cancel.wait(20)
            heard.set()
            raise Cancelled("stopped")

        session.extend(slow)
        await until(lambda: begun.is_set() and session.state.progress[0] == "replicates")
        assert session.state.status == "running"
        session.stop()
        await until(lambda: heard.is_set() and session.state.status == "stopped")
        assert session.result(5).name == "plain"
        session.extend(lambda result, execution: Fake(result.name + " and more"))
        await until(lambda: session.state.status == "done")
        assert session.state.result.name == session.result(5).name == "plain and more"
        session.close()

    in_loop(body)


def test_an_extension_that_fails_is_told_and_loses_nothing() -> None:
    async def body() -> None:
        session = LiveSession(result=Fake("plain"))

        def wrong(result: Any, execution: Execution) -> Any:
            raise MapError("The mask is gone.")

        session.extend(wrong)
        await until(lambda: session.state.error != "")
        assert session.state.error == "The mask is gone."
        assert session.state.status == "done"
        assert session.result(5).name == "plain"
        session.close()

    in_loop(body)


def test_other_cones_end_an_extension() -> None:
    async def body() -> None:
        session, begun = LiveSession(result=Fake("plain")), threading.Event()

        def slow(result: Any, execution: Execution) -> Any:
            begun.set()
            assert execution.cancel.wait(20)
            return Fake("of the old cones")

        session.extend(slow)
        await until(begun.is_set)
        session.recut(cone_half_angle=25.0)
        await until(lambda: session.state.result.name == {"cone_half_angle": 25.0})
        await until(lambda: session.state.status != "running")
        assert session.latest.name == {"cone_half_angle": 25.0}
        session.close()

    in_loop(body)


def test_cones_wished_for_in_one_run_are_not_cut_in_the_next() -> None:
    async def body() -> None:
        release = threading.Event()

        def slow(execution: Execution) -> Iterator[Fake]:
            release.wait(20)
            yield Fake("slow")

        session = LiveSession(slow)
        session.start()
        session.recut(cone_half_angle=30.0)
        await asyncio.sleep(0.01)
        session.start(lambda execution: iter([Fake("quick")]))
        await until(lambda: session.state.status == "done")
        release.set()
        await asyncio.sleep(0.05)
        assert session.result(10).name == "quick"
        session.close()

    in_loop(body)


def test_cones_cut_for_a_map_do_not_replace_another_that_came_meanwhile() -> None:
    async def body() -> None:
        cutting, release = threading.Event(), threading.Event()

        class Slow(Fake):
            def with_cones(self, **settings: Any) -> Fake:
                cutting.set()
                release.wait(20)
                return super().with_cones(**settings)

        session = LiveSession(result=Slow("first"))
        session.recut(cone_half_angle=30.0)
        await until(cutting.is_set)
        session.show(Fake("second"))
        release.set()
        await until(lambda: session.state.result.name == "second")
        assert session.result(10).name == "second"
        await until(lambda: session._cut is not None and session._cut.done())
        assert session.latest.name == "second"
        session.close()

    in_loop(body)
