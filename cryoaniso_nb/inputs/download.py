"""Files fetched over HTTP, whole and checked or not at all: the one place that uses the network.

A transfer that is cut goes on where it was, in the same call or a later one; what doesn't pass
its check is deleted. Only http and https are followed, and never from https to http.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from io import BufferedRandom
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._version import VERSION
from ..engine.execution import Execution
from ..errors import MapError
from ..results.system import lock, reason

__all__ = ["PART", "TAG", "Limits", "NotThereError", "fetch_file", "silence_of", "size_text"]

CHUNK = 2**20  # bytes read at a time
PART, TAG = ".part", ".part.tag"  # what came so far, and what tells whether the server's file is still the same
TRIES = 4  # in a row that get no further
WAIT = 1.0  # seconds before the second try; doubles with each
REDIRECTS = 5
LOOK = 0.2  # seconds between two looks at another process's download
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
MISSING = frozenset({404, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a transfer may take.

    Attributes
    ----------
    largest : int
        Bytes.
    silence : float
        Seconds without a byte before a try is given up.
    slowest : float
        Bytes per second; below it, on the average of more than `silence`, all is given up.
    """

    largest: int
    silence: float = 30.0
    slowest: float = 4096.0


class NotThereError(MapError):
    """The servers say that there is no such file."""


class _CutError(Exception):
    """A try that may go on: what came so far is good."""


class _RefusedError(Exception):
    """What one server gives is no use."""


class _MissingError(_RefusedError):
    """One server has no such file."""


def fetch_file(
    urls: Sequence[str],
    target: Path,
    *,
    what: str,
    limits: Limits,
    check: Callable[[Path], None],
    execution: Execution,
) -> Path:
    """Fetch one file from the first of several places that has it.

    Parameters
    ----------
    urls : sequence of str
        The same file on different servers, in order of preference.
    target : Path
        Where to; nothing is fetched if it is there. Its folder is made.
    what : str
        What it is, for messages.
    limits : Limits
        On size and time.
    check : callable
        Given the path of what came; raises `MapError` when that isn't what it should be.
    execution : Execution
        What hears of progress (name, bytes done, bytes in all), and what stops it.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    NotThereError
        When every server says that there is no such file.
    MapError
        When no server gives it whole, or it can't be kept.
    Cancelled
        When ``execution.cancel`` was set; what came so far is kept for the next call.

    Examples
    --------
    >>> fetch_file(["ftp://a.org/b"], Path("b"), what="b", limits=Limits(largest=1), check=print, execution=Execution())
    Traceback (most recent call last):
    cryoaniso_nb.errors.MapError: Can't fetch b: a.org is asked by ftp, which isn't followed; try again later.
    """
    if target.is_file():
        return target
    failures: list[tuple[str, Exception]] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, execution) as tag:
            if target.is_file():  # another process has fetched it meanwhile
                return target
            for url in urls:
                try:
                    _Transfer(url, target, tag, limits, execution).run(check)
                    return target
                except (_RefusedError, _CutError) as error:
                    failures.append((urlsplit(url).netloc, error))
    except OSError as error:
        raise MapError(
            f"Can't keep {target.name} in {target.parent}: {reason(error)}; "
            "make room, or set CRYOANISO_CACHE to a folder you can write to."
        ) from error
    last = failures[-1][1]
    if all(isinstance(error, _MissingError) for _, error in failures):
        raise NotThereError(f"There is no {what} at {' and '.join(host for host, _ in failures)}.") from last
    reasons = ", ".join(f"{host} {error}" for host, error in failures)
    raise MapError(f"Can't fetch {what}: {reasons}; try again later.") from last


def silence_of(url: str, seconds: float) -> str:
    """Why a server can't be asked, found out within a few seconds.

    Parameters
    ----------
    url : str
        What to ask for; an error is an answer too.
    seconds : float
        How long to wait, looking up its name included.

    Returns
    -------
    str
        A reason, or '' when it answers.

    Examples
    --------
    >>> silence_of("ftp://a.org/b", 1.0)
    "is asked by ftp, which isn't followed"
    """
    found: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with _opened(url, {"User-Agent": f"cryoaniso_nb/{VERSION}"}, seconds):
                found.put("")
        except urllib.error.HTTPError as error:
            error.close()
            found.put("")
        except (OSError, http.client.HTTPException, _RefusedError) as error:
            why = error.reason if isinstance(error, urllib.error.URLError) else error
            found.put(reason(why) if isinstance(why, OSError) else str(why))

    threading.Thread(target=ask, daemon=True).start()  # looking up a name can't be given a time
    try:
        return found.get(timeout=seconds)
    except queue.Empty:
        return f"no answer within {seconds:g} s"


@contextlib.contextmanager
def _alone(target: Path, execution: Execution) -> Iterator[BufferedRandom]:
    """Only one process at a time fetches one file; others wait for it."""
    path = target.with_name(target.name + TAG)
    while True:
        with open(path, "a+b") as tag:
            execution.raise_if_cancelled()
            try:
                lock(tag.fileno())
            except BlockingIOError:
                execution.tell(f"waiting for another download of {target.name}", 0, 0)
                time.sleep(LOOK)
                continue
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(tag.fileno())):
                continue  # the other one was done and has removed it
            try:
                yield tag
            finally:
                if not target.with_name(target.name + PART).exists():
                    with contextlib.suppress(OSError):
                        path.unlink()
            return


class _Transfer:
    """One file from one server."""

    def __init__(self, url: str, target: Path, tag: BufferedRandom, limits: Limits, execution: Execution) -> None:
        self.url, self.target, self.tag, self.limits, self.execution = url, target, tag, limits, execution
        self.part = target.with_name(target.name + PART)
        self.began, self.came, self.reached = time.monotonic(), 0, 0

    def run(self, check: Callable[[Path], None]) -> None:
        """Try until it is whole and checked."""
        failed = furthest = 0
        while True:
            try:
                self._try()
                break
            except _CutError:
                failed = failed + 1 if self.reached <= furthest else 1
                furthest = max(furthest, self.reached)
                if failed >= TRIES:
                    raise
                self._pause(WAIT * 2 ** (failed - 1))
            except _RefusedError:
                self._forget()
                raise
        try:
            check(self.part)
        except MapError as error:
            self._forget()
            raise _RefusedError("sent a file that is damaged or something else") from error
        os.replace(self.part, self.target)

    def _pause(self, seconds: float) -> None:
        cancel = self.execution.cancel
        if cancel is None:
            time.sleep(seconds)
        else:
            cancel.wait(seconds)

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)

    def _try(self) -> None:
        self.execution.raise_if_cancelled()
        held = self.part.stat().st_size if self.part.exists() else 0
        self.tag.seek(0)
        known = self.tag.read(1024).decode("ascii", "replace")
        headers = {"User-Agent": f"cryoaniso_nb/{VERSION}", "Accept-Encoding": "identity"}
        if held and known:
            headers |= {"Range": f"bytes={held}-", "If-Range": known}
        try:
            answer = _opened(self.url, headers, self.limits.silence)
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                self._start(error.code, error.headers, held)
            raise _RefusedError(f"answers {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            why = error.reason if isinstance(error, urllib.error.URLError) else error
            words = reason(why) if isinstance(why, OSError) else str(why)
            raise _CutError(f"can't be reached ({words})") from error
        with answer:
            start, total = self._start(answer.status, answer.headers, held)
            with open(self.part, "r+b" if start else "wb") as stream:
                stream.truncate(start)
                stream.seek(start)
                self._note(answer.headers)
                self._receive(answer, stream, start, total)

    def _start(self, code: int, headers: Message, held: int) -> tuple[int, int | None]:
        """Where what is coming belongs, and how long the whole is."""
        length = headers.get("Content-Length", "")
        if code in MISSING:
            raise _MissingError(f"answers {code}")
        if code in RETRIED or code == 416:
            if code == 416:
                self._forget()
            raise _CutError(f"answers {code}")
        start, total = 0, int(length) if length.isdigit() else None
        if code == 206:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", ""))
            if found is None or int(found[1]) != held:
                self._forget()
                raise _CutError("sends another part than was asked for")
            start, total = held, int(found[3])
        elif code != 200:
            raise _RefusedError(f"answers {code}")
        if total is not None:
            self._check_room(total, total - start)
        return start, total

    def _check_room(self, total: int, coming: int) -> None:
        if total > self.limits.largest:
            raise _RefusedError(f"offers {size_text(total)}, but {size_text(self.limits.largest)} are the most allowed")
        free = shutil.disk_usage(self.target.parent).free
        if coming > free:
            raise MapError(
                f"{self.target.name} needs {size_text(coming)}, but {self.target.parent} has {size_text(free)} left; "
                "make room, or set CRYOANISO_CACHE to a folder elsewhere."
            )

    def _note(self, headers: Message) -> None:
        """Keep what tells whether the server's file is still the same; weak tags don't."""
        etag = headers.get("ETag", "")
        known = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
        self.tag.truncate(0)
        self.tag.write(known.encode("ascii", "replace")[:1024])
        self.tag.flush()

    def _receive(self, answer: Any, stream: Any, start: int, total: int | None) -> None:
        done = start
        while data := self._next(answer):
            stream.write(data)
            done += len(data)
            self.came, self.reached = self.came + len(data), done
            if done > self.limits.largest:
                raise _RefusedError(f"sends more than the {size_text(self.limits.largest)} allowed")
            self.execution.tell(self.target.name, done, total or 0)
            self.execution.raise_if_cancelled()
            took = time.monotonic() - self.began
            if took > self.limits.silence and self.came < self.limits.slowest * took:
                raise _RefusedError(f"sent {size_text(self.came)} in {took:.0f} s, which is too slow")
        if total is not None and done < total:
            raise _CutError(f"cut the transfer at {size_text(done)} of {size_text(total)}")

    def _next(self, answer: Any) -> bytes:
        """What has come; one byte is enough, so that a slow server is noticed."""
        try:
            return answer.read1(CHUNK)  # type: ignore[no-any-return]
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _CutError(f"cut the transfer after {size_text(self.came)}") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few, none to another scheme but from http to https."""

    max_redirections = REDIRECTS
    max_repeats = 2

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if fp is not None:
            fp.close()  # or all that the server sends along would be read
        _check_scheme(newurl, "leads to", allowed={"https", urlsplit(req.full_url).scheme})
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str, verb: str, allowed: set[str]) -> None:
    scheme = urlsplit(url).scheme
    if scheme not in {"http", "https"} & allowed:
        raise _RefusedError(f"{verb} {scheme or 'no scheme'}, which isn't followed")


def _opened(url: str, headers: dict[str, str], timeout: float) -> Any:
    _check_scheme(url, "is asked by", allowed={"http", "https"})
    request = urllib.request.Request(url, headers=headers)
    return urllib.request.build_opener(_Redirects).open(request, timeout=timeout)


def size_text(size: float) -> str:
    """A number of bytes for people.

    Parameters
    ----------
    size : float
        Bytes.

    Returns
    -------
    str
        In decimal units, as disks are sold.

    Examples
    --------
    >>> size_text(1_234_000), size_text(12)
    ('1.2 MB', '12 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
