"""`cryoaniso report`: one HTML page on an analysis, or comparing several."""

from __future__ import annotations

import argparse
from typing import Any

from ._inputs import InputPath
from ._saved import add_results, load_results

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "report",
        help="one self-contained HTML page on an analysis, or comparing several",
        description="Write figures, tables, warnings, settings and how to read them to one HTML file that needs no "
        "network. Several analyses give a comparison.",
    )
    add_results(parser, many=True)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="file to write (default: report.html)"
    )
    parser.add_argument("--label", action="append", metavar="TEXT", help="name of a result, one for each, in order")
    parser.add_argument(
        "--half-maps",
        nargs=2,
        type=InputPath,
        metavar=("HALF1", "HALF2"),
        help="add slices of the map and of its low-pass at FSO = 0.9",
    )
    parser.add_argument(
        "--fsc",
        action="append",
        default=[],
        type=InputPath,
        metavar="FILE",
        help="FSC of another program to draw over ours: star of RELION, text of cryoSPARC, 3DFSC or EMAN, XML of EMDB",
    )
    parser.add_argument(
        "--bingham",
        choices=("p_textbook", "p_published", "p_calibrated"),
        help="curve of the Bingham test to draw (default: calibrated where there is one, else textbook; "
        "the published one grows with anisotropy, the others fall)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
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
    from ..errors import SettingsError
    from ..inputs.fsc_curves import read_fsc
    from ..inputs.half_maps import open_half_maps
    from ..outputs.report import write_report
    from ..results.targets import file_target
    from ._terminal import show

    target = file_target(args.output, overwrite=args.overwrite)
    results = load_results(args.results)
    if args.half_maps and len(results) > 1:
        raise SettingsError(f"Slices are drawn for one analysis, but {len(results)} were given; leave out --half-maps.")
    maps = None
    if args.half_maps:
        maps = open_half_maps(*args.half_maps, voxel_size=results[0].settings.voxel_size)
        if tuple(maps.box) != tuple(results[0].settings.box):
            raise SettingsError(
                f"The half maps have a box of {'x'.join(map(str, maps.box))} but the analysis one of "
                f"{'x'.join(map(str, results[0].settings.box))}; give the maps that were analyzed."
            )
    first = results[0].settings
    curves = [c for path in args.fsc for c in read_fsc(path, box_length=max(first.box) * first.voxel_size)]
    page = write_report(results, target, maps=maps, labels=args.label, curves=curves, bingham=args.bingham)
    show("files", {}, (), [page])
    return 0
