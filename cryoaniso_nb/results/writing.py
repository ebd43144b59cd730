"""Outputs: files and folders that appear whole or not at all, and never at the cost of another.

The rules, for the command line and for Python alike:

- What exists is not replaced unless overwriting is allowed. Then a file is replaced whatever it
  holds, since its name was given in full; of a folder only what this program wrote there and
  nobody has changed since, and if it holds anything else nothing in it is touched.
- What the run reads is never replaced (`ownership.protected`).
- What was found when the output was asked for must still be there when it takes its name. If
  another one has appeared, that one stays, and the new one is kept beside it.
- Links are followed: the link stays, and what it points to is written. Character devices and
  pipes are written to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import OutputError
from . import system
from .ownership import MARK, current_run, file_list, is_listed, listed_files, not_ours
from .staging import Staging, identity, is_staged, keep_beside, staging
from .targets import StrPath, Target, file_target, folder_target, told

__all__ = ["add_files", "written_file", "written_folder"]


@contextlib.contextmanager
def written_file(path: StrPath, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary path that becomes `path` when the block ends well, and vanishes otherwise.

    In a folder that this program made, the file joins the list of what it wrote there.

    Parameters
    ----------
    path : path or Target
        File to write, a character device or a pipe. Its folder must exist.
    overwrite : bool
        Whether an existing file may be replaced; a `Target` has its own answer.

    Yields
    ------
    Path
        Write there; the name is that of `path`, with links followed.

    Raises
    ------
    OutputError
        When it exists, is an input of the run, is no file, or can't be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_file(f"{folder}/a.txt") as part:
    ...         _ = part.write_text("a")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    with told(path):
        target = file_target(path, overwrite=overwrite)
        if target.stream is not None:
            with tempfile.TemporaryDirectory() as folder:
                part = Path(folder) / target.place.name
                yield part
                with part.open("rb") as source, os.fdopen(os.dup(target.stream), "wb") as sink:
                    shutil.copyfileobj(source, sink)
            current_run().written.append(target.path)
            return
        parent = target.place.parent
        with staging(parent, target.place.name) as made:
            yield made.part
            _take_place(made, target)
        if listed_files(parent) is not None:
            _add_to_list(parent, [target.place.name])


@contextlib.contextmanager
def written_folder(path: StrPath, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends well, and vanishes otherwise.

    Parameters
    ----------
    path : path or Target
        Folder to make; folders above it are made too. An empty one counts as none.
    overwrite : bool
        Whether an existing one may be replaced that holds nothing but what this program
        wrote there; a `Target` has its own answer.

    Yields
    ------
    Path
        Write files there; they are listed in `MARK` with their hashes.

    Raises
    ------
    OutputError
        When it exists, holds an input of the run or what isn't this program's, or can't be
        written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with written_folder(f"{place}/out") as folder:
    ...         _ = (folder / "a.txt").write_text("a")
    ...     sorted(path.name for path in Path(place, "out").iterdir())
    ['.cryoaniso.json', 'a.txt']
    """
    with told(path):
        target = folder_target(path, overwrite=overwrite)
        parent = target.place.parent
        with _folders(parent), staging(parent, target.place.name) as made:
            made.part.mkdir()
            yield made.part
            names = sorted(path.name for path in made.part.iterdir())
            (made.part / MARK).write_text(file_list(made.part, names), encoding="ascii")
            _take_place(made, target)


def add_files(folder: StrPath, files: Mapping[str, bytes], *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write files into a folder that may hold others; each is whole or not there.

    Parameters
    ----------
    folder : path
        Made if it doesn't exist; what else it holds stays.
    files : mapping of str to bytes
        Name -> content.
    overwrite : bool
        Whether files of these names may be replaced that this program wrote there.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    OutputError
        When one exists, is an input of the run or isn't this program's, or can't be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place:
    ...     [path.name for path in add_files(place, {"a.txt": b"a"})]
    ['a.txt']
    """
    given = Path(folder)
    with told(given):
        if not os.path.lexists(os.path.realpath(given)):
            with written_folder(given) as new:
                for name, content in files.items():
                    (new / name).write_bytes(content)
            return tuple(given / name for name in files)
        if not given.is_dir():
            raise OutputError(f"{given} is a file, but files are to be written to a folder; choose a folder.")
        listed = listed_files(given)
        targets = [file_target(given / name, overwrite=overwrite) for name in files]
        for target in targets:
            name = target.path.name
            if target.before is not None and not is_listed(given, name, listed or {}):
                raise OutputError(
                    f"{target} isn't overwritten, since this program didn't write it or it has changed since; "
                    "move it away or choose another folder."
                )
        with contextlib.ExitStack() as stack:
            for target, content in zip(targets, files.values(), strict=True):
                stack.enter_context(written_file(target)).write_bytes(content)
        if listed is None:
            _add_to_list(given, files)
    return tuple(given / name for name in files)


def _add_to_list(folder: Path, names: Iterable[str]) -> None:
    """List files that were written one by one; without that they only are harder to replace."""
    with contextlib.suppress(OSError), staging(folder, MARK) as made:
        made.part.write_text(file_list(folder, names, listed_files(folder) or {}), encoding="ascii")
        made.part.replace(folder / MARK)


@contextlib.contextmanager
def _folders(folder: Path) -> Iterator[None]:
    """Make a folder and those above it, and remove them again where the block fails."""
    made: list[Path] = []
    try:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            with contextlib.suppress(FileExistsError):  # another run was quicker
                missing.mkdir()
                made.append(missing)
        yield
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


# --- the swap ----------------------------------------------------------------------------


class _ChangedError(Exception):
    """What is to be replaced isn't what it was when that was allowed."""


def _take_place(made: Staging, target: Target) -> None:
    """Give what was made its name, or keep it beside what has the name now."""
    part, place, run = made.part, target.place, current_run()
    # A run that puts back what it must not replace would be confused by a third one in between.
    with system.taking_turns(place.parent), system.undisturbed():
        try:
            if target.before is None:
                system.rename_new(part, place)
            else:
                _replace(made, target)
        except (FileExistsError, _ChangedError) as error:
            kept = keep_beside(part, place)
            shown = target.path.with_name(kept.name) if not target.path.is_symlink() else kept
            if not is_staged(place):
                run.written.append(shown)
            since = "appeared" if target.before is None else "changed"
            raise OutputError(
                f"{target} has {since} since this run began, and stays as it is; this run's result is in {shown}."
            ) from error
        if not is_staged(place):
            run.written.append(target.path)


def _replace(made: Staging, target: Target) -> None:
    part, place = made.part, target.place
    try:
        with contextlib.suppress(PermissionError):  # some file systems know no modes
            part.chmod(stat.S_IMODE(place.stat().st_mode) & 0o777)
        if part.is_dir() and target.listed is None:
            place.rmdir()
            system.rename_new(part, place)
            return
        made.note(made=identity(part), replaced=target.before)
        if system.exchange(part, place):  # what came out goes with the staging folder
            if not _is_as_before(part, target):
                system.exchange(part, place)
                raise _ChangedError
        elif part.is_dir():
            place.rename(made.old)
            if not _is_as_before(made.old, target):
                system.rename_new(made.old, place)
                raise _ChangedError
            system.rename_new(part, place)
        elif not _is_as_before(place, target):
            raise _ChangedError
        else:
            part.replace(place)
    except FileNotFoundError:  # what was to be replaced is gone
        system.rename_new(part, place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
            raise _ChangedError from error
        raise


def _is_as_before(path: Path, target: Target) -> bool:
    if identity(path) != target.before:
        return False
    if target.listed is None:
        return True
    return listed_files(path) == target.listed and not not_ours(path, target.listed)
