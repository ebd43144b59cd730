"""The event loop that sessions publish on; the one file that knows asyncio.

Where a kernel has subshells (ipykernel 7), messages from the page arrive while a cell runs. The
kernel's own loop then stands still, so sessions turn on a loop in a thread of their own.
Elsewhere they turn on the loop of the cell that made them, and a script has none.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from asyncio import AbstractEventLoop as Loop
from collections.abc import Iterable
from typing import Any

__all__ = ["Loop", "answer_on_subshells", "session_loop"]


def session_loop() -> Loop | None:
    """The loop for a session that is made now.

    Returns
    -------
    asyncio.AbstractEventLoop or None
        None in a script: everything happens at once, in the calling thread.

    Examples
    --------
    >>> session_loop() is None
    True
    """
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return _own_loop() if _has_subshells() else running


def answer_on_subshells(widgets: Iterable[Any]) -> None:
    """Have messages from the page handled on the subshell that the page chose.

    Ipykernel 7.4 sends them to the shell that last published something of the widget instead:
    for a widget made in a cell that is the main one, which waits for cells.

    Parameters
    ----------
    widgets : iterable of Widget
        All that a page may send something from.
    """
    for widget in widgets:
        comm: Any = getattr(widget, "comm", None)
        if hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = _as_asked


def _as_asked(_data: Any, asked: str | None) -> str | None:
    return asked


def _has_subshells() -> bool:
    """Whether this process is a kernel that can answer while a cell runs."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    return "kernel subshells" in getattr(kernel, "kernel_info", {}).get("supported_features", ())


@functools.cache
def _own_loop() -> Loop:
    """A loop in a thread, for all sessions of the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="cryoaniso sessions", daemon=True).start()
    return loop
