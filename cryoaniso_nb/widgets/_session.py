"""Live sessions: a run in a thread, its results published on the event loop of the notebook.

Widget callbacks may arrive on any thread (it depends on the ipykernel version), results
arrive on the run's. Both only leave a note here; traits of `SessionState`, and so of every
widget that observes it, change on one loop alone, see `_loop`.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Enum, HasTraits, Int, Unicode

from ..engine.execution import Execution, Scheduler
from ..errors import Cancelled, CryoAnisoError, ResultError
from ._kept import KeptStatistics
from ._loop import Loop, session_loop

__all__ = ["LiveSession", "SessionState", "Stream"]

_log = logging.getLogger(__name__)

REDRAW_INTERVAL = 0.2  # seconds between two results: at most 5 redraws a second
SELECTION_INTERVAL = 0.06  # seconds between two moves of a cursor
PROGRESS_INTERVAL = 0.1


Stream = Callable[[Execution], Iterable[Any]]
Extension = Callable[[Any, Execution], Any]

STATUSES = ("idle", "running", "done", "stopped", "failed", "closed")


class SessionState(HasTraits):
    """What all views of a session show; observe it, change it through the session."""

    #: Newest result drawn, None before the first.
    result = AnyTrait(None, allow_none=True)
    #: Second result to compare with.
    other = AnyTrait(None, allow_none=True)
    #: Where the run stands.
    status = Enum(STATUSES, "idle")
    #: (what is being done, steps done, steps in all).
    progress = AnyTrait(("", 0, 0))
    #: A sentence for the error panel, '' when all is well.
    error = Unicode("")
    #: What the error is about: 'run', 'files', 'cones', or a job's key.
    about = Unicode("")
    #: Where the run was started, '' for the top: its progress is shown there.
    place = Unicode("")
    #: Whether the result shown is of other inputs than those of the run.
    stale = Bool(False)
    #: Shell under the cursor, from 1.
    shell = Int(1)
    #: Selected direction (x, y, z), None for none.
    direction = AnyTrait(None, allow_none=True)
    #: Which Bingham curve was asked for, '' for the default.
    bingham = Unicode("")
    #: Of the half sphere, 'polar' or 'equal-area'.
    projection = Unicode("polar")
    #: Ends of the colours of directional resolution in Å, None for those of the results.
    limits = AnyTrait(None, allow_none=True)
    #: Ends of the colours of dFSC, None for 0 and 1.
    dfsc_limits = AnyTrait(None, allow_none=True)


@dataclass(slots=True)
class _Run:
    """One pass of a stream."""

    cancel: threading.Event = field(default_factory=threading.Event)
    future: Future[Any] = field(default_factory=Future)
    abandoned: bool = False
    extends: bool = False  # adds to a result that is shown already


class LiveSession:
    """A run, its newest result and the selection that views share.

    Parameters
    ----------
    stream : callable, optional
        ``(execution) -> iterable of results``, coarse to fine.
    result : optional
        A result to show at once.
    scheduler : str or distributed.Client
        Where to compute; progress and stopping are the session's own.

    Examples
    --------
    >>> session = LiveSession(lambda execution: [])
    >>> session.state.status
    'idle'
    """

    def __init__(self, stream: Stream | None = None, *, result: Any = None, scheduler: Scheduler = "threads") -> None:
        self._loop: Loop | None = session_loop()
        self.state = SessionState(result=result, status="idle" if result is None else "done")
        self._stream, self._scheduler = stream, scheduler
        self._executor = ThreadPoolExecutor(max_workers=3, thread_name_prefix="cryoaniso")
        self._lock = threading.RLock()
        self._turn = threading.RLock()  # of whoever changes the state: the loop, or a cell that starts or closes
        self._run: _Run | None = None
        self._latest: Any = result
        self._offered: Any = None
        self._drawn_at = self._selected_at = self._told_at = 0.0
        self._publish_due = self._selection_due = self._progress_due = False
        self._selection: dict[str, Any] = {}
        self._progress: tuple[str, int, int] = ("", 0, 0)
        self._wanted: dict[str, Any] = {}
        self._cut: Future[Any] | None = None
        self._jobs: dict[str, object] = {}
        self._traceback = ""
        self._on_close: list[Callable[[], None]] = []
        #: Calibrations, bands and mask corrections of these maps, also those of other cones.
        self.kept = KeptStatistics()
        self.kept.remember(result)
        if result is not None:
            self._choose_defaults(result)

    # --- from any thread ---------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return bool(self.state.status == "closed")

    @property
    def latest(self) -> Any:
        """Newest result, drawn or about to be; None before the first."""
        return self._latest

    @property
    def running(self) -> bool:
        """Whether a run is under way and not told to stop."""
        run = self._run
        return run is not None and not run.abandoned and not run.future.done()

    @property
    def can_run(self) -> bool:
        """Whether there is anything to run."""
        return self._stream is not None

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the session's loop, soon.

        Parameters
        ----------
        function : callable
            What to call.
        *arguments
            Its arguments.
        """
        if self._loop is None:
            with self._lock:
                self._guarded(function, *arguments)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the kernel is going away
            self._loop.call_soon_threadsafe(self._guarded, function, *arguments)

    def select(self, **changes: Any) -> None:
        """Change what is selected (shell, direction, bingham, limits, other), newest wins.

        Parameters
        ----------
        **changes
            Traits of `SessionState`.
        """
        with self._lock:
            self._selection.update(changes)
        self.post(self._plan_selection)

    def stop(self) -> None:
        """Stop the run; what it has found stays, marked partial."""
        run = self._run
        if run is not None and not run.future.done():
            run.cancel.set()
            run.abandoned = True  # whatever it still sends is not shown
            self.post(self._finish, run, "stopped")

    def recut(self, **settings: Any) -> None:
        """Recompute with other cones (cone_half_angle, threshold, axes); newest wins.

        Parameters
        ----------
        **settings
            Arguments of the result's `with_cones`.
        """
        with self._lock:
            self._wanted.update(settings)
        self.post(self._cut_next)

    def complain(self, text: str, about: str) -> None:
        """Show an error until what it is about is mended; on the loop.

        Parameters
        ----------
        text : str
            A sentence.
        about : str
            What it is about.
        """
        self.state.about = about
        self.state.error = text

    def mend(self, *about: str) -> None:
        """Take away the error about something that holds no longer.

        Parameters
        ----------
        *about : str
            As told to `complain`.
        """
        self.post(self._mend, about)

    def _mend(self, about: tuple[str, ...]) -> None:
        if self.state.about in about:
            self.state.error = self.state.about = ""

    def extend(self, function: Extension, place: str = "") -> None:
        """Add to the result shown, with progress and Stop; what fails leaves it as it was.

        Cutting other cones meanwhile ends it: what it would add belongs to the old ones.

        Parameters
        ----------
        function : callable
            ``(result, execution) -> result``, called in a thread.
        place : str
            Where it was asked for; its progress is shown there.
        """
        self.post(self._extend, function, place)

    def compute(self, key: str, function: Callable[[], Any], done: Callable[[Any], object]) -> None:
        """Compute something off the loop and hand it to `done` on it; newest of a key wins.

        Parameters
        ----------
        key : str
            Names the job.
        function : callable
            What to compute.
        done : callable
            Gets the value, unless a newer job of the same key was asked for.
        """
        token = object()
        with self._lock:
            self._jobs[key] = token

        def work() -> Any:
            return function() if self._jobs.get(key) is token else None

        def finished(future: Future[Any]) -> None:
            if not future.cancelled():
                self.post(self._job_done, key, token, future, done)

        self._submit(work).add_done_callback(finished)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the run (and any change of cones) and return the newest result.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        AnalysisResult
            A partial one if the run was stopped.

        Raises
        ------
        Exception
            Whatever ended the run.
        Cancelled
            When it was stopped before the first result.
        TimeoutError
            When it takes longer than `timeout`.
        """
        run = self._run
        if run is not None and not run.abandoned:
            run.future.result(timeout)
        while (cut := self._cut) is not None:
            cut.result(timeout)
            if self._cut is cut:
                break
        if self._latest is None:
            if run is not None:
                raise Cancelled("The run was stopped before its first result; start it again.")
            raise ResultError("This session has no result yet; choose maps and start it.")
        return self._latest

    def describe(self, error: BaseException) -> str:
        """An error for a panel; its traceback is kept and logged.

        Parameters
        ----------
        error : BaseException
            What was raised.

        Returns
        -------
        str
            One sentence.
        """
        self._traceback = "".join(traceback.format_exception(error))  # text: the error itself would hold on to maps
        expected = isinstance(error, (CryoAnisoError, Cancelled))
        _log.log(logging.INFO if expected else logging.ERROR, "%s", error, exc_info=None if expected else error)
        return sentence(error)

    @property
    def traceback(self) -> str:
        """Where the last error that was shown came from; '' if there was none."""
        return self._traceback

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call something when the session closes.

        Parameters
        ----------
        callback : callable
            Without arguments.
        """
        self._on_close.append(callback)

    # --- starting and ending, on the loop ------------------------------------------------

    def start(self, stream: Stream | None = None) -> None:
        """Start the run (again); a run under way is stopped.

        Parameters
        ----------
        stream : callable, optional
            Another stream than before.

        Raises
        ------
        ResultError
            When there is nothing to run.
        """
        with self._turn:
            self._start(stream or self._stream)

    def _start(self, stream: Stream | None) -> None:
        if stream is None:
            raise ResultError("This session only shows a result; give it maps to run on.")
        self._stream = stream
        if self._run is not None:
            self._run.cancel.set()
            self._run.abandoned = True
        run = self._run = _Run()
        self._wanted.clear()
        self.kept.clear()
        self._latest = self._offered = None
        self.state.error = self.state.about = self.state.place = ""
        self.state.stale = self.state.result is not None
        self.state.progress = ("starting", 0, 0)
        self.state.status = "running"
        if self._loop is None:
            self._work(run, self._stream)
        else:
            self._submit(self._work, run, self._stream)

    def _extend(self, function: Extension, place: str) -> None:
        base = self._latest
        if base is None:
            raise ResultError("There is no result yet to add to; analyze half maps first.")
        if self._cut is not None and not self._cut.done():  # its result is shown a moment before it ends
            self._cut.add_done_callback(lambda _cut: self.post(self._extend, function, place))
            return
        if self.running:
            raise ResultError("Something is being computed already; wait for it, or stop it first.")
        run = self._run = _Run(extends=True)

        def stream(execution: Execution) -> Iterable[Any]:
            yield function(base, execution)

        self.state.error = self.state.about = ""
        self.state.place = place
        self.state.progress = ("starting", 0, 0)
        self.state.status = "running"
        self._submit(self._work, run, stream)

    def show(self, result: Any) -> None:
        """Show a finished result instead of what there is; a run under way is stopped.

        Parameters
        ----------
        result : AnalysisResult
            What to show.
        """
        if self._run is not None:
            self._run.cancel.set()
            self._run.abandoned = True
        self._stream, self._run = None, None
        self._wanted.clear()
        self.kept.clear()
        self.state.error = self.state.about = ""
        self._offer(result)
        self.state.status = "done"

    def close(self) -> None:
        """Stop the run, let go of results and maps; a second call does nothing."""
        with self._turn:
            if not self.closed:
                self._close()

    def _close(self) -> None:
        if self._run is not None:
            self._run.cancel.set()
            self._run.abandoned = True
        self.state.status = "closed"
        callbacks, self._on_close = self._on_close, []
        for callback in callbacks:
            callback()
        self.state.unobserve_all()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.state.result = self.state.other = None
        self._latest = self._offered = self._stream = self._run = self._cut = None
        self._jobs.clear()
        self.kept.clear()

    # --- in the run's thread ---------------------------------------------------------------

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self._loop is None:
            future: Future[Any] = Future()
            try:
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)
            return future
        return self._executor.submit(function, *arguments)

    def _work(self, run: _Run, stream: Stream) -> None:
        def tell(stage: str, done: int, total: int) -> None:
            if not run.abandoned:
                self._progress = (stage, done, total)
                self.post(self._plan_progress)

        try:
            for result in stream(Execution(self._scheduler, progress=tell, cancel=run.cancel)):
                if run.cancel.is_set():
                    break
                self._offer(result)
            run.future.set_result(None)
        except Cancelled:
            run.future.set_result(None)
        except BaseException as error:
            if run.extends and isinstance(error, Exception):
                run.future.set_result(None)  # the result it was to add to still holds
            else:
                run.future.set_exception(error)
            if not run.abandoned:
                self.post(self._fail, run, error)
            return
        if not run.abandoned:
            self.post(self._finish, run, "stopped" if run.cancel.is_set() else "done")

    def _offer(self, result: Any) -> None:
        self.kept.remember(result)
        with self._lock:
            self._latest = self._offered = result
        self.post(self._plan_publish)

    # --- on the loop -------------------------------------------------------------------------

    def _guarded(self, function: Callable[..., object], *arguments: Any) -> None:
        with self._turn:
            if self.closed:
                return
            try:
                function(*arguments)
            except Exception as error:
                self.complain(self.describe(error), "")

    def _later(self, last: float, interval: float, function: Callable[[], None]) -> None:
        wait = last + interval - time.monotonic()
        if self._loop is None or wait <= 0:
            function()
        else:
            self._loop.call_later(wait, self._guarded, function)

    def _plan_publish(self) -> None:
        if not self._publish_due:
            self._publish_due = True
            self._later(self._drawn_at, REDRAW_INTERVAL, self._publish)

    def _publish(self) -> None:
        self._publish_due = False
        with self._lock:
            result, self._offered = self._offered, None
        if result is None:
            return
        self._prepare(result)
        self.state.result = result
        self.state.stale = False
        self._drawn_at = time.monotonic()  # counted from the end: a slow front end gets its pause

    def _prepare(self, result: Any) -> None:
        """Choose a shell anew where there are others than before."""
        before = self.state.result
        if before is None or before.fso.frequency.size != result.fso.frequency.size:
            self._choose_defaults(result)

    def _choose_defaults(self, result: Any) -> None:
        """Put the cursor where half of the directions pass."""
        frequency = result.fso.frequency
        middle = result.fso.middle.frequency
        near = int(abs(frequency - middle).argmin()) if middle == middle else frequency.size // 2
        self.state.shell = near + 1

    def _plan_selection(self) -> None:
        if not self._selection_due:
            self._selection_due = True
            self._later(self._selected_at, SELECTION_INTERVAL, self._apply_selection)

    def _apply_selection(self) -> None:
        self._selection_due = False
        with self._lock:
            changes, self._selection = self._selection, {}
        for name, value in changes.items():
            setattr(self.state, name, value)
        self._selected_at = time.monotonic()

    def _plan_progress(self) -> None:
        if not self._progress_due:
            self._progress_due = True
            self._later(self._told_at, PROGRESS_INTERVAL, self._apply_progress)

    def _apply_progress(self) -> None:
        self._progress_due = False
        if self.running:
            self.state.progress = self._progress
        self._told_at = time.monotonic()

    def _finish(self, run: _Run, status: str) -> None:
        if run is not self._run:
            return
        self._publish()  # the last is always drawn, at once
        self.state.status = status
        self._cut_next()

    def _fail(self, run: _Run, error: BaseException) -> None:
        if run is self._run:
            self._publish()
            self.complain(self.describe(error), "run")
            self.state.status = "done" if run.extends else "failed"

    def _cut_next(self) -> None:
        if self.running and self._run is not None and self._run.extends and self._wanted:
            self.stop()
        busy = self._cut is not None and not self._cut.done()
        base = self._latest
        if busy or self.running or base is None or not self._wanted:
            return
        with self._lock:
            settings, self._wanted = self._wanted, {}
        self._cut = self._submit(self._cut_cones, base, settings)
        self._cut.add_done_callback(lambda future: self.post(self._cut_done, future))

    def _cut_cones(self, base: Any, settings: dict[str, Any]) -> None:
        found = self.kept.restored(base.with_cones(**settings))
        with self._lock:
            if self._latest is base:  # else other maps came meanwhile
                self._offer(found)

    def _cut_done(self, future: Future[Any]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._mend(("cones",))
        else:
            self.complain(self.describe(error), "cones")
        self._cut_next()

    def _job_done(self, key: str, token: object, future: Future[Any], done: Callable[[Any], object]) -> None:
        if self._jobs.get(key) is token:
            del self._jobs[key]
            try:
                done(future.result())
            except Exception as error:
                self.complain(self.describe(error), key)


def sentence(error: BaseException) -> str:
    """An error in one sentence for the error panel.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        Its own sentence, or the kind of error and what it says.

    Examples
    --------
    >>> sentence(KeyError("a"))
    "Something failed (KeyError: 'a'); print(session.traceback) shows where."
    """
    if isinstance(error, (CryoAnisoError, Cancelled)):
        return str(error)
    return f"Something failed ({type(error).__name__}: {error}); print(session.traceback) shows where."
