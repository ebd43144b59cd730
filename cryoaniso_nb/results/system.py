"""What not every system can do; the one file with calls that only POSIX or Linux has.

Linux is tested. Elsewhere each call falls back on what Python has everywhere, or says that
it can't: what is left then is safe, and less convenient.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import fcntl

__all__ = [
    "exchange",
    "is_mine",
    "lock",
    "machine",
    "open_stream",
    "reason",
    "rename_new",
    "stop_signals",
    "taking_turns",
    "undisturbed",
]

StrPath = str | os.PathLike[str]

_AT_FDCWD = -100  # paths are relative to the working folder
_NOREPLACE, _EXCHANGE = 1, 2
# What kernels, file systems and sandboxes answer that don't know the call or its flags.
_UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def reason(error: OSError) -> str:
    """Why the system refused, as part of a sentence.

    Parameters
    ----------
    error : OSError
        What was raised.

    Returns
    -------
    str
        Like 'permission denied'.

    Examples
    --------
    >>> reason(OSError(13, "Permission denied"))
    'permission denied'
    """
    return (error.strerror or str(error) or type(error).__name__).lower()


def rename_new(source: StrPath, target: StrPath) -> None:
    """Rename a file or folder to a name that is free; never replaces anything.

    Parameters
    ----------
    source, target : path
        On the same file system.

    Raises
    ------
    FileExistsError
        When there is something of that name, whatever it is.
    OSError
        When the system refuses.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a", "b"):
    ...         _ = pathlib.Path(folder, name).write_text(name)
    ...     rename_new(f"{folder}/a", f"{folder}/b")
    Traceback (most recent call last):
    FileExistsError: ...
    """
    if _renameat2(source, target, _NOREPLACE):
        return
    if os.name == "nt":
        os.rename(source, target)  # replaces nothing there
    elif os.path.isdir(source):
        _rename_folder(source, target)
    else:
        _rename_file(source, target)


def _rename_folder(source: StrPath, target: StrPath) -> None:
    os.mkdir(target)  # takes the name, or finds it taken
    try:
        os.rename(source, target)  # replaces an empty folder only
    except OSError as error:
        with contextlib.suppress(OSError):
            os.rmdir(target)
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target)) from error
        raise


def _rename_file(source: StrPath, target: StrPath) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            os.replace(source, target)
        except OSError:
            os.unlink(target)
            raise
    else:
        os.unlink(source)


def exchange(first: StrPath, second: StrPath) -> bool:
    """Exchange the names of two files or folders in one step.

    Parameters
    ----------
    first, second : path
        On the same file system.

    Returns
    -------
    bool
        False where the system can't; nothing has changed then.

    Raises
    ------
    OSError
        When one of them is missing, or the system refuses.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     a, b = (pathlib.Path(folder, name) for name in "ab")
    ...     _ = a.write_text("a"), b.write_text("b")
    ...     exchange(a, b) == (a.read_text() == "b")
    True
    """
    return _renameat2(first, second, _EXCHANGE)


def _renameat2(source: StrPath, target: StrPath, flag: int) -> bool:
    call = _libc_renameat2()
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNKNOWN:
        return False
    raise OSError(code, os.strerror(code), os.fspath(source), None, os.fspath(target))


@functools.cache
def _libc_renameat2() -> Callable[..., int] | None:
    """The function of the C library; Python has none for it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # an old C library
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    call.restype = ctypes.c_int
    return call


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Take the lock of an open file; the system gives it back when this process ends, however it ends.

    Parameters
    ----------
    descriptor : int
        Of a file that is open for writing, or of a folder.
    wait : bool
        Whether to wait for whoever holds it.

    Returns
    -------
    bool
        False where the system or its file system knows no such locks.

    Raises
    ------
    BlockingIOError
        When another process holds it and `wait` is False.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     lock(file.fileno()) in (True, False)
    True
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


@contextlib.contextmanager
def taking_turns(folder: StrPath) -> Iterator[None]:
    """Let the block run in one thread of one process at a time, for each folder.

    Where the system or its file system knows no such locks, nothing is waited for.

    Parameters
    ----------
    folder : path
        Folder whose names the block changes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, taking_turns(folder):
    ...     pass
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # Windows opens no folders
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            lock(descriptor, wait=True)
        yield


def is_mine(found: os.stat_result) -> bool:
    """Whether a file belongs to the user of this process.

    Parameters
    ----------
    found : os.stat_result
        Of `os.lstat`.

    Returns
    -------
    bool
        True where the system knows no owners.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     is_mine(os.lstat(file.name))
    True
    """
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def machine() -> list[str]:
    """What tells this machine from others that see the same disks.

    Returns
    -------
    list of str
        Its name, which containers have for themselves, and on Linux the running kernel's
        number, which they share.

    Examples
    --------
    >>> machine() == machine()
    True
    """
    with contextlib.suppress(OSError):
        return [platform.node(), Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()]
    return [platform.node()]


def open_stream(path: StrPath) -> int:
    """Open a character device or a pipe for writing, without waiting for its reader.

    Parameters
    ----------
    path : path
        Such as /dev/null.

    Returns
    -------
    int
        A descriptor; writing to it does wait.

    Raises
    ------
    OSError
        ENXIO for a pipe that nobody reads.

    Examples
    --------
    >>> os.close(open_stream(os.devnull))
    """
    descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    if sys.platform != "win32":
        os.set_blocking(descriptor, True)
    return descriptor


# --- signals -----------------------------------------------------------------------------


def stop_signals() -> tuple[signal.Signals, ...]:
    """What asks a process to end: Ctrl-C, `kill`, a terminal that closes.

    Returns
    -------
    tuple of signal.Signals
        Those that the system has.

    Examples
    --------
    >>> signal.SIGINT in stop_signals()
    True
    """
    return tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let signals that end the process wait until the block has ended.

    For a few renames that belong together. Outside the main thread nothing is to be done,
    since Python handles signals in the main thread only.

    Examples
    --------
    >>> with undisturbed():
    ...     pass
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: Any) -> None:
        came.append(number)

    handlers = {}
    for number in stop_signals():
        handler = signal.getsignal(number)
        if handler not in (None, signal.SIG_IGN):  # None: not Python's, so it couldn't be put back
            handlers[number] = handler
            signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
