"""The command line: `cryoaniso`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ._version import VERSION
from .commands import NAMES
from .errors import Cancelled, CryoAnisoError

__all__ = ["build_parser", "main"]

USER_ERROR = 2
INTERRUPTED = 130


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
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The command line without the program's name; that of the process by default.

    Returns
    -------
    int
        0 when all went well, 2 for something the user can mend, 130 when interrupted.

    Examples
    --------
    >>> main(["analyze", "a.mrc", "b.mrc", "-o", "out"])
    2
    """
    try:
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
    except (KeyboardInterrupt, Cancelled):
        print("cryoaniso: stopped; nothing was written.", file=sys.stderr, flush=True)
        if argv is None:  # in a process of its own: don't wait for what the threads are at
            os._exit(INTERRUPTED)
        return INTERRUPTED
    except CryoAnisoError as error:
        print(f"cryoaniso: {error}", file=sys.stderr)
        return USER_ERROR
    except BrokenPipeError:  # whoever read the output has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
