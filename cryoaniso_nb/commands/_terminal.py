"""What subcommands show: progress, the summary table, plain words.

Without a terminal everything is plain lines and rich isn't loaded, which keeps a batch job
quick to start and its log readable.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..analysis import AnalysisResult
    from ..engine import Progress

__all__ = ["print_summary", "say", "shown_progress"]

PLAIN_SECONDS = 5.0  # between two plain lines of one stage


def say(text: str) -> None:
    """One line about what goes on; on stderr, so that stdout holds only the outcome."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A progress callback: bars on a terminal, plain lines without one."""
    if not sys.stderr.isatty():
        yield _PlainProgress()
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

        yield progress


class _PlainProgress:
    """A line when a stage is done, and now and then while it takes long."""

    def __init__(self) -> None:
        self.said = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self.said >= PLAIN_SECONDS:
            say(f"{stage}: {done} of {total}")
            self.said = now


def print_summary(result: AnalysisResult) -> None:
    """The headline, the table and the warnings, on stdout."""
    if sys.stdout.isatty():
        from rich.console import Console

        from ..summary import terminal_table

        Console().print(terminal_table(result))
        return
    from ..headline import headline
    from ..summary import table_rows

    rows = table_rows(result)
    width = max(len(name) for name, _ in rows)
    lines = [headline(result), "", *(f"{name:<{width}}  {value}" for name, value in rows)]
    if result.warnings:
        lines += ["", *(f"! {warning}" for warning in result.warnings)]
    print("\n".join(lines))
