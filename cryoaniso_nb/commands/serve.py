"""`cryoaniso serve`: the explorer as a web page, for a lab."""

from __future__ import annotations

import argparse
from typing import Any

from ._inputs import InputPath

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "serve",
        help="the explorer as a web page for a lab, over one folder of maps",
        description="Serve the explorer as a web page until it is stopped (Ctrl-C). Visitors need the address that is "
        "printed, with its token; they can open and write files in FOLDER alone, and run no code. Each has a kernel of "
        "their own.",
    )
    parser.add_argument(
        "folder", type=InputPath, metavar="FOLDER", help="folder whose maps are shown; results are written there too"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen at; 0.0.0.0 for all of this machine (default: 127.0.0.1, this machine alone)",
    )
    parser.add_argument("--port", type=int, default=8866, metavar="N", help="default: 8866; 0 for any that is free")
    parser.add_argument("--visitors", type=int, default=4, metavar="N", help="at the same time, at most (default: 4)")
    parser.add_argument("--token", metavar="TEXT", help="what the address ends with (default: a new secret)")
    parser.add_argument("--emdb", action="store_true", help="let visitors fetch entries of EMDB into the cache")
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
    import os
    import secrets
    from importlib.util import find_spec
    from pathlib import Path

    from ..errors import SettingsError
    from ..inputs.emdb_cache import cache_folder
    from ..results.fence import FENCE
    from ._terminal import say, show

    folder = Path(os.path.realpath(args.folder))
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {args.folder}; give one that holds maps.")
    if args.visitors < 1:
        raise SettingsError(f"--visitors is {args.visitors}, but at least 1 must fit.")
    if find_spec("voila") is None:
        raise SettingsError("The package voila is missing; install cryoaniso_nb[serve].")
    from ._server import free_port, serve

    port = free_port(args.host, args.port)
    token = args.token or secrets.token_urlsafe(24)
    shown = [str(folder), *([str(cache_folder())] if args.emdb else [])]
    os.environ[FENCE] = os.pathsep.join(shown)
    address = f"http://{args.host}:{port}/?token={token}"
    show("server", {"address": address, "folder": str(folder), "visitors": args.visitors}, [address])
    say(f"{folder} is shown to up to {args.visitors} visitors at once; stop it with Ctrl-C")
    serve(folder, args.host, port, token=token, visitors=args.visitors)
    return 0
