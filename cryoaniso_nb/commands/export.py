"""`cryoaniso export`: an analysis in the formats of other programs."""

from __future__ import annotations

import argparse
from typing import Any

from ._inputs import InputPath
from ._saved import add_results, load_results

__all__ = ["add_parser", "run"]

FORMATS = ("emdb-xml", "csv", "json", "netcdf", "chimerax", "xmipp", "methods")


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "export",
        help="FSC XML for EMDB, CSV, JSON, NetCDF, ChimeraX commands, Xmipp metadata, text for a methods section",
        description="Write an analysis in the format of another program.",
    )
    add_results(parser, many=False)
    parser.add_argument("--format", required=True, choices=FORMATS, help="what to write")
    parser.add_argument("-o", "--output", metavar="FOLDER", default=".", help="folder to write to (default: this one)")
    parser.add_argument("--map", type=InputPath, metavar="FILE", help="for chimerax: the map to show")
    parser.add_argument(
        "--threedfsc", type=InputPath, metavar="FILE", help="for chimerax: a 3DFSC volume to show beside it"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that an export wrote there")
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

    from ..errors import SettingsError
    from ..inputs.half_maps import read_map
    from ..outputs.exchange import write_export
    from ._terminal import show

    options: dict[str, Any] = {}
    if args.format == "chimerax":
        if args.map is not None:
            shown = read_map(args.map)
            start = tuple(n * shown.voxel_size for n in shown.start)
            options["origin"] = shown.origin if any(shown.origin) else start
            options["map_file"] = os.path.abspath(args.map)
        if args.threedfsc is not None:
            options["threedfsc_file"] = os.path.abspath(args.threedfsc)
    elif args.map is not None or args.threedfsc is not None:
        raise SettingsError(f"--map and --threedfsc go with --format chimerax, but the format is {args.format}.")
    (result,) = load_results([args.results])
    show("files", {}, (), write_export(result, args.format, args.output, overwrite=args.overwrite, **options))
    return 0
