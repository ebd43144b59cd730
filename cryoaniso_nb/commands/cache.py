"""`cryoaniso cache`: what was fetched from EMDB, and how to be rid of it."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "cache",
        help="EMDB entries kept on this machine: list or delete them",
        description="List what was fetched from EMDB, with sizes, or delete it. The folder is that of the "
        "environment variable CRYOANISO_CACHE, or one in the user's cache.",
    )
    parser.add_argument("--remove", nargs="+", metavar="EMD-N|all", help="delete these entries, or all")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Parameters
    ----------
    args : argparse.Namespace
        The parsed command line.

    Returns
    -------
    int
        The exit code.
    """
    from ..inputs.download import size_text
    from ..inputs.emdb_cache import cache_folder, cached_entries, forget_entry
    from ..inputs.emdb_record import entry_number
    from ._terminal import say, show

    freed = None
    if args.remove:
        everything = args.remove == ["all"]
        numbers = [e.number for e in cached_entries()] if everything else [entry_number(e) for e in args.remove]
        freed = sum(forget_entry(number) for number in numbers)
        say(f"{size_text(freed)} freed in {cache_folder()}")
    entries = cached_entries()
    lines = [
        f"EMD-{e.number:04d}  {size_text(e.size):>9}  {e.title}{'' if e.is_whole else '  (not all of it)'}"
        for e in entries
    ]
    total = f"{size_text(sum(entry.size for entry in entries))} in" if entries else "nothing is in the cache,"
    listed = [{"entry": f"EMD-{e.number:04d}", "title": e.title, "bytes": e.size, "whole": e.is_whole} for e in entries]
    numbers_of = {"folder": str(cache_folder()), "entries": listed}
    found = numbers_of if freed is None else {**numbers_of, "freed_bytes": freed}
    show("cache", found, [*lines, f"{total} {cache_folder()}"] if freed is None else [])
    return 0
