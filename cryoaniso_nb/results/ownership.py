"""Whose a file is: what this program wrote into a folder, and what the run at hand reads.

A folder of ours holds a list (`MARK`) of the files written there with their SHA-256. Only
what is on the list and still has its hash is ever removed; all else belongs to the user.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import OutputError

__all__ = [
    "MARK",
    "Run",
    "current_run",
    "file_list",
    "is_listed",
    "listed_files",
    "not_ours",
    "protected",
    "refuse_inputs",
    "remove_ours",
]

MARK = ".cryoaniso.json"

_FORMAT = 1
_LARGEST_LIST = 1 << 20  # bytes; ours hold a few hundred
_NAMED = 3  # files that a sentence names


# --- what the run reads ------------------------------------------------------------------


@dataclasses.dataclass
class Run:
    """What one run reads and what it has written so far."""

    inputs: tuple[Path, ...] = ()
    written: list[Path] = dataclasses.field(default_factory=list)


_RUN: ContextVar[Run] = ContextVar("run")


def current_run() -> Run:
    """The run that this code is part of.

    Returns
    -------
    Run
        An empty one outside of `protected`.

    Examples
    --------
    >>> current_run().inputs
    ()
    """
    return _RUN.get(None) or Run()


@contextlib.contextmanager
def protected(inputs: Iterable[str | os.PathLike[str]], written: list[Path] | None = None) -> Iterator[Run]:
    """While the block runs, nothing written may replace these files or a folder that holds one.

    Parameters
    ----------
    inputs : iterable of path
        Files or folders that are read; those that don't exist protect nothing.
    written : list of Path, optional
        Gets each output that is complete.

    Yields
    ------
    Run
        With these inputs and those of a block around this one.

    Examples
    --------
    >>> with protected(["half1.mrc"]) as run:
    ...     len(run.inputs), run.written
    (1, [])
    """
    around = current_run()
    run = Run(inputs=(*around.inputs, *map(Path, inputs)), written=around.written if written is None else written)
    token = _RUN.set(run)
    try:
        yield run
    finally:
        _RUN.reset(token)


def refuse_inputs(target: Path) -> None:
    """Refuse to write where something lies that the run reads.

    Files are compared by what they are, not by name: links and other spellings of a path
    make no difference.

    Parameters
    ----------
    target : path
        File or folder that would be replaced.

    Raises
    ------
    OutputError
        When it is an input, or holds one.

    Examples
    --------
    >>> with protected(["."]):
    ...     refuse_inputs(Path.cwd())
    Traceback (most recent call last):
    cryoaniso_nb.errors.OutputError: ... is an input of this run (.), so it isn't replaced; choose another name.
    """
    here = _identity(target)
    if here is None:
        return
    inside = {_identity(path) for path in target.iterdir()} if target.is_dir() else set()
    for given in current_run().inputs:
        place = Path(os.path.realpath(given))
        read = _identity(place)
        if read is None:
            continue
        if read == here:
            raise OutputError(f"{target} is an input of this run ({given}), so it isn't replaced; choose another name.")
        if read in inside or here in map(_identity, place.parents):
            raise OutputError(
                f"{target} holds an input of this run ({given}), so it isn't replaced; choose another folder."
            )


def _identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


# --- what was written --------------------------------------------------------------------


def file_list(folder: Path, names: Iterable[str], listed: Mapping[str, str] = MappingProxyType({})) -> str:
    """The list of a folder's own files, with their hashes as they are now.

    Parameters
    ----------
    folder : path
        Where the files are.
    names : iterable of str
        The files.
    listed : mapping of str to str
        What is on its list already.

    Returns
    -------
    str
        What belongs into `MARK`.

    Raises
    ------
    OutputError
        When one of them isn't a plain file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "a.txt").write_text("a")
    ...     _ = Path(place, MARK).write_text(file_list(Path(place), ["a.txt"]))
    ...     sorted(listed_files(Path(place)))
    ['a.txt']
    """
    files = dict(listed)
    for name in names:
        digest = _digest(folder / name)
        if digest is None:
            raise OutputError(
                f"{name} is no plain file, but a folder of results holds nothing else; write it elsewhere."
            )
        files[name] = digest
    made = {"format": _FORMAT, "written_by": "cryoaniso_nb", "sha256": dict(sorted(files.items()))}
    return json.dumps(made, indent=1) + "\n"


def listed_files(folder: Path) -> dict[str, str] | None:
    """The files that this program wrote into a folder, by its list.

    Parameters
    ----------
    folder : path
        Any folder.

    Returns
    -------
    dict of str to str, or None
        Name -> SHA-256; None without a list, or with one that can't be ours.

    Examples
    --------
    >>> listed_files(Path("/")) is None
    True
    """
    mark = folder / MARK
    try:
        found = os.lstat(mark)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_LIST:
            return None
        listed: Any = json.loads(mark.read_bytes())
        files = listed["sha256"] if listed["format"] == _FORMAT else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(files, dict):
        return None
    plain = all(isinstance(value, str) and _is_plain(name) for name, value in files.items())
    return files if plain else None


def _is_plain(name: str) -> bool:
    """Whether it can only mean something in its own folder."""
    return name not in ("", ".", "..", MARK) and not any(mark in name for mark in "/\\\0")


def _digest(path: Path) -> str | None:
    """SHA-256 of a plain file; None for anything else."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def is_listed(folder: Path, name: str, listed: Mapping[str, str]) -> bool:
    """Whether a file is on the list and unchanged since.

    Parameters
    ----------
    folder : path
        Where it is.
    name : str
        The file.
    listed : mapping of str to str
        The list.

    Returns
    -------
    bool
        False also where there is no such file.

    Examples
    --------
    >>> is_listed(Path("/"), "a.txt", {})
    False
    """
    return name in listed and _digest(folder / name) == listed[name]


def not_ours(folder: Path, listed: Mapping[str, str]) -> str:
    """What keeps a folder from being removed, as part of a sentence.

    Parameters
    ----------
    folder : path
        One that has a list.
    listed : mapping of str to str
        The list.

    Returns
    -------
    str
        Names of files that aren't on the list or have changed since; '' where all are ours.

    Raises
    ------
    OSError
        When the folder can't be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "notes.txt").write_text("mine")
    ...     not_ours(Path(place), {})
    "notes.txt, which this program didn't write there"
    """
    present = sorted(entry.name for entry in os.scandir(folder) if entry.name != MARK)
    foreign = [name for name in present if name not in listed]
    changed = [name for name in present if name in listed and not is_listed(folder, name, listed)]
    parts = []
    if foreign:
        parts.append(f"{_some(foreign)}, which this program didn't write there")
    if changed:
        parts.append(f"{_some(changed)}, changed since {'they were' if len(changed) > 1 else 'it was'} written")
    return ", and ".join(parts)


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def remove_ours(folder: Path) -> bool:
    """Remove the files of a folder that are ours and unchanged, and the folder if that was all.

    Parameters
    ----------
    folder : path
        One with a list; without it nothing is removed.

    Returns
    -------
    bool
        Whether the folder is gone.

    Raises
    ------
    OSError
        When the system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = Path(place, "out")
    ...     folder.mkdir()
    ...     _ = (folder / MARK).write_text(file_list(folder, []))
    ...     remove_ours(folder)
    True
    """
    listed = listed_files(folder)
    if listed is None:
        return False
    for name in listed:
        if is_listed(folder, name, listed):
            (folder / name).unlink()
    if [entry.name for entry in os.scandir(folder)] != [MARK]:
        return False
    (folder / MARK).unlink()
    folder.rmdir()
    return True
