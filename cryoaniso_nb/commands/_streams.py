"""Standard output and error that can't stop a run: closed, full, or read by nobody any more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["Lenient", "lenient_streams", "standard_descriptors"]


class Lenient:
    """A text stream that swallows what can't be written, and keeps the first error.

    Parameters
    ----------
    stream : text stream
        What it writes to; all else is asked of it too.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write, unless that failed before."""
        if self.error is None:
            try:
                return self.stream.write(text)
            except OSError as error:
                self.error = error
        return len(text)

    def flush(self) -> None:
        """Flush, unless writing failed before."""
        if self.error is None:
            try:
                self.stream.flush()
            except OSError as error:
                self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def lenient_streams() -> Iterator[tuple[Lenient, Lenient]]:
    """Make standard output and error lenient while the block runs.

    Yields
    ------
    tuple of Lenient
        Standard output and standard error.
    """
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # Python has None for a closed one
        out, err = Lenient(before[0] or nowhere), Lenient(before[1] or nowhere)
        sys.stdout, sys.stderr = out, err
        try:
            yield out, err
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before


@contextlib.contextmanager
def standard_descriptors() -> Iterator[None]:
    """Keep the descriptors 0 to 2 for what they are meant for, in a process of its own.

    Where one is closed, the next file opened would get its number, and whatever is printed
    would end up in that file. After the block those that failed lead nowhere, so that Python
    has nothing to complain of when it ends; a letter that can't be shown is no error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream in streams:
            try:
                stream.flush()
            except OSError:
                with contextlib.suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
