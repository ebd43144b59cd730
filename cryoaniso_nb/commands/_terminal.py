"""What subcommands show: progress, the summary table, plain words.

Without a terminal everything is plain lines and rich isn't loaded, which keeps a batch job
quick to start and its log readable.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..analysis.run import AnalysisResult
    from ..engine.execution import Execution

__all__ = ["MANNER", "STOP", "Manner", "print_summary", "printable", "say", "show", "watched"]

PLAIN_SECONDS = 5.0  # between two plain lines of one stage

# Set by a signal that ends the process, besides the exception that it raises: one that is raised within a callback
# of the interpreter (a finalizer, say) is lost.
STOP = threading.Event()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command speaks: whether it tells what goes on, and its outcome in JSON."""

    quiet: bool = False
    as_json: bool = False


MANNER: ContextVar[Manner] = ContextVar("manner", default=Manner())  # noqa: B039 - it is frozen


def say(text: str) -> None:
    """One line about what goes on; on stderr, so that stdout holds only the outcome."""
    if not MANNER.get().quiet:
        print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Text whose control characters are shown as escapes: a file's name must not steer a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def show(
    kind: str, numbers: Mapping[str, Any], lines: Iterable[str], files: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """The outcome, on stdout: lines, or one document with --json; then where the files are."""
    paths = [os.fspath(path) for path in files]
    if MANNER.get().as_json:
        from ..summary.document import document_text

        print(document_text(kind, {**numbers, "files": paths}), end="")
    else:
        for line in lines:
            print(line)
    for path in paths:
        say(f"written to {path}")


@contextmanager
def watched(scheduler: str = "threads", memory_limit: int | None = None) -> Iterator[Execution]:
    """An execution whose progress is shown: bars on a terminal, plain lines without one and under -v."""
    from ..engine.execution import Execution

    if MANNER.get().quiet:
        yield Execution(scheduler, cancel=STOP, memory_limit=memory_limit)
        return
    if not sys.stderr.isatty() or logging.getLogger("cryoaniso_nb").isEnabledFor(logging.INFO):
        yield Execution(scheduler, progress=_PlainProgress(), cancel=STOP, memory_limit=memory_limit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, tuple[object, int]] = {}

        def progress(stage: str, done: int, total: int) -> None:
            task, before = tasks.get(stage, (None, 0))
            if task is None or done < before:  # a stage that runs again gets a new bar
                task = bars.add_task(stage, total=total)
            tasks[stage] = (task, done)
            bars.update(task, completed=done, total=total)  # type: ignore[arg-type]

        yield Execution(scheduler, progress=progress, cancel=STOP, memory_limit=memory_limit)


class _PlainProgress:
    """A line when a stage is done, and now and then while it takes long."""

    def __init__(self) -> None:
        self.said = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self.said >= PLAIN_SECONDS:
            say(f"{stage}: {done} of {total}")
            self.said = now


def print_summary(result: AnalysisResult, out: str | os.PathLike[str], more: Sequence[str] = ()) -> None:
    """The headline, the table and the warnings, on stdout, and where the files are."""
    more = [*_step_lines(result, out), *more]
    if sys.stdout.isatty() and not MANNER.get().as_json:
        from rich.console import Console

        from ..summary.tables import terminal_table

        Console().print(terminal_table(result))
        show("analysis", {}, more, [out])
    else:
        show("analysis", result.summary(), [*_summary_lines(result), *more], [out])


def _step_lines(result: AnalysisResult, out: str | os.PathLike[str]) -> list[str]:
    steps = result.next_steps(os.fspath(out))
    lines = [
        f"{number}. {step.text}" + (f"\n   {step.command}" if step.command else "")
        for number, step in enumerate(steps, 1)
    ]
    return ["", "What now?", *lines, ""] if lines else []


def _summary_lines(result: AnalysisResult) -> list[str]:
    from ..summary.tables import table_rows
    from ..summary.verdict import headline

    rows = table_rows(result)
    width = max(len(name) for name, _ in rows)
    lines = [headline(result), "", *(f"{name:<{width}}  {value}" for name, value in rows)]
    if result.warnings:
        lines += ["", *(f"! {warning}" for warning in result.warnings)]
    return lines
