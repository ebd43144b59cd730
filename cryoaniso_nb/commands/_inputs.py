"""Arguments that are paths of what a run reads."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Callable, Iterator

from ..errors import SettingsError
from ..results.system import reason

__all__ = ["InputPath", "given_inputs", "path_or"]


class InputPath(str):
    """A path on the command line that is read, so that nothing written may replace it."""

    __slots__ = ()


def path_or(*words: str) -> Callable[[str], str]:
    """The type of an argument that is one of some words, or else a path that is read."""
    return lambda text: text if text in words else InputPath(text)


def _refuse_unreadable(path: str) -> None:
    """Names that the system refuses, and pipes: reading waits for a writer, maybe for ever."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return  # not every input is a path, and each reader says what it misses
    except OSError as error:
        raise SettingsError(f"Can't read {path}: {reason(error)}.") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise SettingsError(f"{path} is a pipe or a device; write what comes from it to a file, and give that.")


def given_inputs(args: argparse.Namespace) -> Iterator[str]:
    """Every path of the command line that is read, and the result in it if it is a folder."""
    for value in vars(args).values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, InputPath):
                _refuse_unreadable(item)
                yield item
                if os.path.isdir(item):
                    from ..results.record import RESULT_FILE

                    yield os.path.join(item, RESULT_FILE)
