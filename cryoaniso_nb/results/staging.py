"""Hidden folders in which outputs are made before they take their names.

Each belongs to one process for as long as it lives, by a lock that the system lets go when
the process ends, however it ends. What a killed one leaves behind is told by that, and
removed by the next run that writes to the same place.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import system
from .ownership import listed_files, remove_ours

__all__ = ["Staging", "free_name", "identity", "is_staged", "keep_beside", "staging", "sweep"]

_PREFIX = ".cryoaniso-"
_CLAIM = "claim"  # locked while its process lives; says what the folder is for
_NEW, _OLD = "new", "old"
_TRIES = 1000

_log = logging.getLogger("cryoaniso_nb")


def identity(path: Path) -> list[int]:
    """What tells a file from another one, and from itself after a change.

    Parameters
    ----------
    path : path
        Not followed if it is a link.

    Returns
    -------
    list of int
        Device and inode, for a file also size and time of change.

    Raises
    ------
    OSError
        When there is none.

    Examples
    --------
    >>> identity(Path("/")) == identity(Path("/"))
    True
    """
    found = os.lstat(path)
    if stat.S_ISDIR(found.st_mode):
        return [found.st_dev, found.st_ino]
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]


def free_name(target: Path) -> Path:
    """A name like `target` that is free: itself, else with a number before the ending.

    Parameters
    ----------
    target : path
        What it should be called.

    Returns
    -------
    Path
        In the same folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "a.png").touch()
    ...     free_name(Path(folder, "a.png")).name
    'a-2.png'
    """
    path, number = target, 1
    while os.path.lexists(path):
        number += 1
        path = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return path


def is_staged(path: Path) -> bool:
    """Whether a path lies in a folder of `staging`, so that writing it is no output yet.

    Parameters
    ----------
    path : path
        Absolute.

    Returns
    -------
    bool
        By the names of the folders above it.

    Examples
    --------
    >>> is_staged(Path("/data/.cryoaniso-1234abcd/new/out/curves.csv"))
    True
    """
    return any(above.name.startswith(_PREFIX) for above in path.parents)


def keep_beside(part: Path, target: Path) -> Path:
    """Move a file or folder to a free name like that of `target`.

    Parameters
    ----------
    part : path
        What is kept.
    target : path
        The name it can't have.

    Returns
    -------
    Path
        Where it is now.

    Raises
    ------
    OSError
        When the system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "part").touch(), Path(folder, "a.png").touch()
    ...     keep_beside(Path(folder, "part"), Path(folder, "a.png")).name
    (None, None)
    'a-2.png'
    """
    for _ in range(_TRIES):
        path = free_name(target)
        with contextlib.suppress(FileExistsError):  # taken since
            system.rename_new(part, path)
            return path
    raise FileExistsError(f"no free name like {target}")


@dataclass(frozen=True, slots=True)
class Staging:
    """A hidden folder beside an output, of this process alone.

    Attributes
    ----------
    folder : path
        The folder.
    name : str
        Of the output.
    claim : int
        Descriptor of its claim, which is locked.
    locked : bool
        False where the file system knows no locks; then nothing is ever swept.
    """

    folder: Path
    name: str
    claim: int
    locked: bool

    @property
    def part(self) -> Path:
        """Where the output is made, and where an exchange puts what it replaces."""
        return self.folder / _NEW / self.name

    @property
    def old(self) -> Path:
        """Where the replaced one goes if the system has no exchange."""
        return self.folder / _OLD

    def note(self, **facts: Any) -> None:
        """Write down for whoever sweeps after a kill what this folder is for.

        Parameters
        ----------
        **facts
            What JSON can hold.
        """
        claim = {"machine": system.machine(), "locked": self.locked, "name": self.name, **facts}
        text = json.dumps(claim).encode()
        os.lseek(self.claim, 0, os.SEEK_SET)
        os.write(self.claim, text.ljust(os.fstat(self.claim).st_size))


@contextlib.contextmanager
def staging(parent: Path, name: str) -> Iterator[Staging]:
    """A hidden folder in `parent`, gone after the block together with what is left in it.

    Parameters
    ----------
    parent : path
        The output's folder, so that the output can be renamed into place.
    name : str
        The output's name.

    Yields
    ------
    Staging
        Nothing is at its `part` yet.

    Raises
    ------
    OSError
        When it can't be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with staging(Path(place), "out") as made:
    ...         made.part.mkdir()
    ...     list(Path(place).iterdir())
    []
    """
    made = _claimed(parent, name)
    try:
        made.note()
        made.part.parent.mkdir()
        yield made
    finally:
        with system.undisturbed():
            with contextlib.suppress(OSError):
                _clear(made.folder, _read(made.claim) or {"name": name})
            os.close(made.claim)  # first, since some systems keep open files
            with contextlib.suppress(OSError):
                (made.folder / _CLAIM).unlink()
                made.folder.rmdir()


def _claimed(parent: Path, name: str) -> Staging:
    for _ in range(_TRIES):
        folder = parent / f"{_PREFIX}{os.urandom(4).hex()}"
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue
        try:
            made = _lock(folder, name)
        except BaseException:
            _remove_claim(folder)
            raise
        if made is not None:
            return made
    raise FileExistsError(f"no free name in {parent}")


def _lock(folder: Path, name: str) -> Staging | None:
    """Claim a new folder; None when somebody swept it in the instant before the lock."""
    path = folder / _CLAIM
    try:
        claim = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError:
        return None
    try:
        made = Staging(folder, name, claim, system.lock(claim))
        if os.path.samestat(os.stat(path), os.fstat(claim)):
            return made
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(claim)
        raise
    os.close(claim)
    return None


def _remove_claim(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / _CLAIM).unlink(missing_ok=True)
        folder.rmdir()


def sweep(parent: Path) -> None:
    """Remove what killed runs of this user left in a folder; what isn't ours stays.

    Parameters
    ----------
    parent : path
        Where something is to be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     sweep(Path(place))
    """
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in list(entries):
            if entry.name.startswith(_PREFIX):
                with contextlib.suppress(OSError):  # BlockingIOError: its process lives
                    _sweep(Path(entry.path))


def _sweep(folder: Path) -> None:
    found = os.lstat(folder)
    if not (stat.S_ISDIR(found.st_mode) and system.is_mine(found)):
        return
    path = folder / _CLAIM
    try:
        claim = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        folder.rmdir()  # killed before it could claim it; does nothing unless it is empty
        return
    try:
        if not system.lock(claim) or not os.path.samestat(os.stat(path), os.fstat(claim)):
            return
        facts = _read(claim)
        if facts:
            if facts.get("locked") is not True or not set(facts.get("machine", ())) & set(system.machine()):
                return  # of another machine, whose locks may not be seen here
            _clear(folder, facts)
        path.unlink()
        folder.rmdir()
        _log.info("removed %s, which a killed run had left", folder)
    finally:
        os.close(claim)


def _read(claim: int) -> dict[str, Any]:
    """What a claim says; nothing where its process ended before it wrote that, and made nothing yet."""
    os.lseek(claim, 0, os.SEEK_SET)
    try:
        facts = json.loads(os.read(claim, 1 << 16))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


# --- what is left in one -----------------------------------------------------------------


def _clear(folder: Path, facts: dict[str, Any]) -> None:
    """Remove what was made there; put back or keep beside what had a name before."""
    target = folder.parent / os.path.basename(facts["name"])
    old, new = folder / _OLD, folder / _NEW
    swapped = os.path.lexists(target) and identity(target) == facts.get("made")
    if os.path.lexists(old) and not swapped:  # it ended between two renames
        with contextlib.suppress(OSError):
            target.rmdir()  # if it is empty, where the new one was about to be put
        with contextlib.suppress(FileExistsError):
            system.rename_new(old, target)
    for path in (new / target.name, old):
        if os.path.lexists(path) and not ((swapped or path != old) and _removed(path, facts)):
            _log.warning("%s, which came from %s, isn't this program's to remove", keep_beside(path, target), target)
    if new.is_dir():
        shutil.rmtree(new)


def _removed(path: Path, facts: dict[str, Any]) -> bool:
    """Remove what this program made or was told to replace; False for anything else."""
    here = identity(path)
    swapped = "made" in facts  # else nothing from elsewhere can be here
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        if swapped and here not in (facts["made"], facts.get("replaced")):
            return False
        path.unlink()
        return True
    if listed_files(path) is not None:
        return remove_ours(path)
    if swapped and here != facts["made"]:
        return False
    shutil.rmtree(path)
    return True
