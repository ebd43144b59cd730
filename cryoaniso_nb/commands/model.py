"""`cryoaniso model`: a map against an atomic model, direction by direction."""

from __future__ import annotations

import argparse
from typing import Any

from ._arguments import add_output, add_scheduler
from ._inputs import InputPath
from ._mask import add_mask, mask_source

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "model",
        help="directional FSC between a map and an atomic model, FSO at 0.5",
        description="Compare a map with an atomic model fitted into it (electron form factors, B factors): "
        "FSC, directional FSC and Fourier shell occupancy at 0.5.",
    )
    parser.add_argument("map", type=InputPath, metavar="MAP", help="map (.mrc, .map, also .gz or .bz2)")
    parser.add_argument(
        "model", type=InputPath, metavar="MODEL", help="model fitted into the map (.cif, .pdb, also .gz)"
    )
    add_mask(parser, saved=False)
    parser.add_argument("--voxel-size", type=float, metavar="Å", help="voxel size, instead of the header's")
    parser.add_argument(
        "--assembly", nargs="?", const=True, default=False, metavar="NAME",
        help="build the biological assembly: the file's first one, or this one",
    )  # fmt: skip
    parser.add_argument("--resolution", type=float, metavar="Å", help="blur the model's density to this resolution")
    parser.add_argument(
        "--cone", type=float, default=17.0, metavar="DEGREES", help="half-angle of the cones (default: 17)"
    )
    parser.add_argument("--threshold", type=float, default=0.5, metavar="CHI", help="dFSC that counts (default: 0.5)")
    parser.add_argument("--axes", type=int, default=321, metavar="N", help="cone axes (default: 321)")
    add_scheduler(parser)
    add_output(parser)
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
    from ..analysis.against_model import analyze_against_model
    from ..inputs.half_maps import hash_files
    from ..outputs.folder import write_analysis
    from ..results.targets import folder_target
    from ._terminal import print_summary, watched

    target = folder_target(args.output, overwrite=args.overwrite)
    mask = mask_source(args)
    with watched(args.scheduler, args.memory_limit) as execution:
        result = analyze_against_model(
            args.map,
            args.model,
            mask=mask,
            voxel_size=args.voxel_size,
            assembly=args.assembly,
            resolution=args.resolution,
            threshold=args.threshold,
            cone_half_angle=args.cone,
            n_axes=args.axes,
            execution=execution,
        )
    files = {"map": args.map, "model": args.model, "mask": mask}
    result = result.replace(inputs=hash_files(result.inputs, [files[item.role] for item in result.inputs]))
    out = write_analysis(result, target, figure=not args.no_figure)
    print_summary(result, out)
    return 0
