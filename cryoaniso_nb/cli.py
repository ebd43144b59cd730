"""The command line: `cryoaniso`."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ._version import VERSION
from .commands import NAMES
from .commands._inputs import given_inputs
from .commands._streams import Lenient, lenient_streams, standard_descriptors
from .commands._terminal import MANNER, STOP, Manner, printable
from .errors import Cancelled, CryoAnisoError
from .results.ownership import protected
from .results.system import reason, stop_signals

__all__ = ["build_parser", "main"]

UNREAD = 1
USER_ERROR = 2
SIGNALLED = 128
PROGRAM_FAULT = 70  # as sysexits.h has it


def build_parser() -> argparse.ArgumentParser:
    """The parser with every subcommand.

    Returns
    -------
    argparse.ArgumentParser
        Its namespaces carry the chosen command's function as `run`.

    Examples
    --------
    >>> build_parser().parse_args(["demo", "--box", "64"]).box
    64
    """
    parser = argparse.ArgumentParser(
        prog="cryoaniso",
        description="Anisotropy of cryo-EM maps from half maps: directional FSC, Fourier shell occupancy, "
        "Bingham test, directional resolution (Vilas & Tagare, Nature Methods 2023).",
    )
    parser.add_argument("--version", action="version", version=f"cryoaniso {VERSION}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in NAMES:
        import_module(f".commands.{name}", __package__).add_parser(subparsers)
    _add_manner(parser, verbose=0, quiet=False, as_json=False)
    for command in subparsers.choices.values():
        _add_manner(command, verbose=argparse.SUPPRESS, quiet=argparse.SUPPRESS, as_json=argparse.SUPPRESS)
    return parser


def _add_manner(parser: argparse.ArgumentParser, *, verbose: Any, quiet: Any, as_json: Any) -> None:
    """How a command speaks; before its name or after."""
    words = "say on stderr what is done and decided; twice: everything, with tracebacks"
    parser.add_argument("-v", "--verbose", action="count", default=verbose, help=words)
    words = "say nothing on stderr of what goes on"
    parser.add_argument("-q", "--quiet", action="store_true", default=quiet, help=words)
    words = "print the outcome as one JSON document"
    parser.add_argument("--json", action="store_true", dest="as_json", default=as_json, help=words)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The command line without the program's name; that of the process by default.

    Returns
    -------
    int
        0 when all went well, 1 when what was to be read went unread, 2 for something the user
        can mend, 70 for a fault of the program (whose traceback goes to a log file that is
        named), 130 when interrupted, 128 and the signal's number when ended by another one.

    Examples
    --------
    >>> main(["analyze", "a.mrc", "b.mrc", "-o", "out"])
    2
    """
    if argv is not None:
        with lenient_streams() as (out, _):
            return _run(argv, out)
    _end_on_signals()
    _settle_environment()
    with standard_descriptors(), lenient_streams() as (out, _):
        code = _run(sys.argv[1:], out)
    if code > SIGNALLED:  # don't wait for what the threads are at
        os._exit(code)
    return code


def _run(argv: Sequence[str], out: Lenient) -> int:
    written: list[Path] = []
    manner = Manner()
    try:
        args = build_parser().parse_args(argv)
        manner = Manner(quiet=args.quiet, as_json=args.as_json)
        token = MANNER.set(manner)
        try:
            with protected(given_inputs(args), written), _spoken(args.verbose):
                code: int = args.run(args)
        finally:
            MANNER.reset(token)
        out.flush()
        Cancelled.if_set(STOP)
    except (KeyboardInterrupt, Cancelled):
        return _ended(_stopped(written), SIGNALLED + _stopped_by, manner)
    except CryoAnisoError as error:
        return _ended(str(error), USER_ERROR, manner)
    except MemoryError as error:
        detail = f" ({error})" if str(error) else ""
        return _ended(
            f"There isn't enough memory{detail}; take a smaller box, or a larger machine.", USER_ERROR, manner
        )
    except OSError as error:
        if error.filename is None:
            return _ended(_fault(error, argv), PROGRAM_FAULT, manner)
        return _ended(f"Can't use {os.fsdecode(error.filename)}: {reason(error)}.", USER_ERROR, manner)
    except Exception as error:
        if STOP.is_set():  # in a library's initialization, say, which makes another error of it
            return _ended(_stopped(written), SIGNALLED + _stopped_by, manner)
        return _ended(_fault(error, argv), PROGRAM_FAULT, manner)
    if out.error is None:
        return code
    if not isinstance(out.error, BrokenPipeError):  # whoever read it may go, e.g. `| head`
        print(f"cryoaniso: Can't print the outcome: {reason(out.error)}.", file=sys.stderr)
    return code if written else UNREAD


def _stopped(written: Sequence[Path]) -> str:
    """What there is of the outputs of a run that was stopped."""
    before = f"{' and '.join(map(str, written))} had been written" if written else "nothing was written"
    return f"stopped; {before}."


def _ended(sentence: str, code: int, manner: Manner) -> int:
    """Say why there is no outcome: on stderr, and with --json as a document too."""
    print(f"cryoaniso: {printable(sentence)}", file=sys.stderr, flush=True)
    if manner.as_json:
        from .summary.document import document_text

        print(document_text("error", {"message": sentence, "exit_code": code}), end="", flush=True)
    return code


_stopped_by: int = signal.SIGINT


def _end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process as Ctrl-C does; what ignores them, like nohup, stays."""
    numbers = [n for n in stop_signals() if signal.getsignal(n) in (signal.SIG_DFL, signal.default_int_handler)]

    def end(number: int, _frame: object) -> None:
        global _stopped_by
        _stopped_by = number
        STOP.set()
        if number != signal.SIGINT:  # the first one counts: what follows must not disturb the tidying up
            for other in numbers:
                signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, end)
    told = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if isinstance(lost.exc_value, KeyboardInterrupt) else told(lost)


def _settle_environment() -> None:
    """Leave out what libraries would stumble over: a command shows no windows and has threads of its own."""
    os.environ["MPLBACKEND"] = "agg"
    # scipy 1.18 has a ducc0 of its own, which dies of an empty value and of OpenMP's lists (4,2) too
    for name in ("NUMBA_NUM_THREADS", "NUMBA_DISABLE_JIT", "OMP_NUM_THREADS", "DUCC0_NUM_THREADS"):
        if name in os.environ and not os.environ[name].strip().isdecimal():
            del os.environ[name]
    if os.environ.get("NUMBA_NUM_THREADS", "1").strip("0 ") == "":
        del os.environ["NUMBA_NUM_THREADS"]


@contextmanager
def _spoken(verbosity: int) -> Iterator[None]:
    """What the package logs, on stderr: nothing, what is done and decided (1), or everything (2)."""
    if not verbosity:
        yield
        return
    logger, handler = logging.getLogger(__package__), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(name)s: %(message)s", datefmt="%H:%M:%S"))
    before = logger.level
    logger.setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield
    except Exception:
        logger.debug("stopped by an error", exc_info=True)
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _fault(error: Exception, argv: Sequence[str]) -> str:
    """A sentence on an error that nobody expected; all that is known of it goes to a file."""
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    said = f"Something failed that should not have ({' '.join(words.split())[:300]})"
    told = [
        f"cryoaniso_nb {VERSION}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {list(argv)!r}",
        "".join(traceback.format_exception(error)),
    ]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="cryoaniso-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as log:
            log.write("\n".join(told))
    except OSError:
        return f"{said}; please report it, with what -vv prints."
    return f"{said}; please report it, with {log.name}."


if __name__ == "__main__":
    sys.exit(main())
