"""Where an output may go: asked before a long run, and remembered until it takes its name."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import OutputError
from . import system
from .fence import inside
from .ownership import MARK, listed_files, not_ours, refuse_inputs
from .staging import identity, is_staged, staging, sweep
from .system import reason

__all__ = ["Target", "file_target", "folder_target", "told"]

StrPath = str | os.PathLike[str]

_ALLOW = "or allow overwriting (--overwrite, in Python overwrite=True)"
_ADVICE = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "make room, or choose a folder on another disk",
    errno.EDQUOT: "make room, or choose a folder on another disk",
    errno.EFBIG: "allow larger files (ulimit -f), or choose a folder on another disk",
    errno.EPIPE: "what read it has ended",
}


@dataclass(frozen=True, eq=False)  # no slots: it is weakly referred to
class Target(os.PathLike[str]):
    """An output that was asked for, and what was at its place then.

    It stands for its path wherever one is taken, and carries along what may be replaced.

    Attributes
    ----------
    path : path
        As it was given.
    place : path
        The same, absolute and with links followed.
    before : list of int, optional
        What was there (`staging.identity`); None where nothing was.
    listed : mapping of str to str, optional
        The list of the folder that may be replaced.
    stream : int, optional
        Descriptor of the device or pipe that is written to.
    """

    path: Path
    place: Path
    before: list[int] | None = None
    listed: dict[str, str] | None = None
    stream: int | None = field(default=None, repr=False)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return os.fspath(self.path)


def file_target(path: StrPath, *, overwrite: bool = False) -> Target:
    """See before a long run that a file can be written; leaves nothing behind.

    Parameters
    ----------
    path : path or Target
        File to write, a character device or a pipe. Its folder must exist.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Target
        What to give as path to whatever writes the file.

    Raises
    ------
    OutputError
        When it exists, is an input of the run, is no file, or can't be written.

    Examples
    --------
    >>> file_target(os.devnull).path.name
    'null'
    """
    if isinstance(path, Target):
        return path
    with told(path):
        target = _asked_file(inside(path), overwrite)
        if target.stream is None:
            _try(target.place.parent, target)
        return target


def folder_target(path: StrPath, *, overwrite: bool = False) -> Target:
    """See before a long run that a folder can be written; leaves nothing behind.

    Parameters
    ----------
    path : path or Target
        Folder to make; folders above it are made too. An empty one counts as none.
    overwrite : bool
        Whether an existing one may be replaced that holds nothing but what this program
        wrote there.

    Returns
    -------
    Target
        What to give as path to whatever writes the folder.

    Raises
    ------
    OutputError
        When it exists, holds an input of the run or what isn't this program's, or can't be
        written.

    Examples
    --------
    >>> folder_target("not/there/yet").path.name
    'yet'
    """
    if isinstance(path, Target):
        return path
    with told(path):
        target = _asked_folder(inside(path), overwrite)
        above = target.place.parent
        while not above.exists() and above != above.parent:
            above = above.parent
        if not above.is_dir():
            raise OutputError(f"Can't write {target}: {above} is a file, not a folder; choose another folder.")
        _try(above, target)
        return target


def _asked_file(given: Path, overwrite: bool) -> Target:
    try:
        found = given.stat()
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISREG(found.st_mode):
        return _asked_stream(given, found.st_mode)
    place = Path(os.path.realpath(given))
    if not place.parent.is_dir():
        raise OutputError(f"Can't write {given}: there is no folder {given.parent}; choose a folder you can write to.")
    if found is None:
        return Target(given, place)
    refuse_inputs(given)
    if not overwrite:
        raise OutputError(f"{given} exists already; choose another name, {_ALLOW}.")
    if not found.st_mode & 0o222:
        raise OutputError(f"{given} is protected against writing; choose another name, or allow writing to it.")
    return Target(given, place, before=identity(place))


def _asked_stream(given: Path, mode: int) -> Target:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFBLK: "block device", stat.S_IFSOCK: "socket"}
    kind = kinds.get(stat.S_IFMT(mode))
    if kind is not None:
        raise OutputError(f"{given} is a {kind}, but a file is to be written; choose another name.")
    try:
        stream = system.open_stream(given)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise OutputError(f"Nobody reads the pipe {given}; start what reads it first, or give a file.") from error
    target = Target(given, given, stream=stream)
    weakref.finalize(target, os.close, stream)
    return target


def _asked_folder(given: Path, overwrite: bool) -> Target:
    place = Path(os.path.realpath(given))
    if not os.path.lexists(place):
        return Target(given, place)
    if not place.is_dir():
        raise OutputError(f"{given} is a file, but a folder is to be written; choose another name.")
    refuse_inputs(given)
    listed = _replaceable(given, overwrite) if any(place.iterdir()) else None
    held = "a mount point" if os.path.ismount(place) else "the folder you are in"
    if os.path.ismount(place) or os.path.samefile(place, "."):
        raise OutputError(f"{given} is {held}, which can't be replaced; choose a folder in it, like {given / 'out'}.")
    return Target(given, place, before=identity(place), listed=listed)


def _replaceable(given: Path, overwrite: bool) -> dict[str, str]:
    """The list of a folder that may be replaced."""
    if not overwrite:
        raise OutputError(f"{given} exists already; choose another folder, {_ALLOW}.")
    listed = listed_files(given)
    if listed is None:
        raise OutputError(
            f"{given} isn't overwritten, since it has no list of what this program wrote there ({MARK}); "
            "choose another folder, or delete it yourself."
        )
    others = not_ours(given, listed)
    if others:
        raise OutputError(
            f"{given} isn't overwritten, since it holds {others}; move that away or choose another folder."
        )
    return listed


def _try(folder: Path, target: Target) -> None:
    """Write there and remove it again, since permissions alone don't tell; sweep on the way."""
    if is_staged(target.place):
        return
    sweep(folder)
    with staging(folder, target.place.name):
        pass


@contextlib.contextmanager
def told(target: StrPath) -> Iterator[None]:
    """Errors of the system as a sentence."""
    try:
        yield
    except OSError as error:
        if is_staged(Path(os.path.abspath(target))):  # a part of an output, whose name says more
            raise
        advice = _ADVICE.get(error.errno or 0, "choose a folder you can write to")
        raise OutputError(f"Can't write {os.fspath(target)}: {reason(error)}; {advice}.") from error
