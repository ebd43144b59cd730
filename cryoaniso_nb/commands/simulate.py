"""`cryoaniso simulate`: half maps reconstructed from noisy projections of a model."""

from __future__ import annotations

import argparse
from typing import Any

from ._arguments import add_overwrite, add_scheduler
from ._inputs import InputPath, path_or

__all__ = ["VIEWS", "add_parser", "run"]

VIEWS = ("uniform", "side-views", "top-views")  # as in simulate/particles.py, which isn't loaded for the parser


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "simulate",
        help="half maps from noisy projections of an atomic model, at given poses",
        description="Project an atomic model at poses of a file or at views drawn from a distribution, add noise to "
        "each projection, reconstruct two half maps and write half1.mrc, half2.mrc, the poses used (poses.star) and "
        "summary.json to a folder.",
    )
    parser.add_argument("model", type=InputPath, metavar="MODEL", help="atomic model (.cif, .pdb, also .gz)")
    parser.add_argument(
        "--poses",
        type=path_or(*VIEWS),
        default=VIEWS[0],
        metavar="POSES",
        help=f"poses (.star, .cs), or {', '.join(VIEWS[:-1])} or {VIEWS[-1]} (default: {VIEWS[0]})",
    )
    parser.add_argument("--particles", type=int, metavar="N", help="particles to draw (default: all poses, or 5000)")
    parser.add_argument(
        "--snr", type=float, default=0.05, metavar="RATIO", help="signal to noise of a projection (default: 0.05)"
    )
    parser.add_argument("--tilt", type=float, default=0.0, metavar="DEGREES", help="stage tilt (default: 0)")
    parser.add_argument("--box", type=int, default=96, metavar="N", help="voxels a side (default: 96)")
    parser.add_argument("--voxel-size", type=float, default=2.0, metavar="Å", help="voxel size (default: 2)")
    parser.add_argument("--symmetry", default="C1", metavar="GROUP", help="point group (default: C1)")
    parser.add_argument(
        "--assembly", nargs="?", const=True, default=False, metavar="NAME", help="build the biological assembly"
    )
    parser.add_argument(
        "--b-factor", type=float, default=0.0, metavar="Å2", help="envelope of projections (default: 0)"
    )
    parser.add_argument(
        "--unfiltered",
        dest="regularize",
        action="store_false",
        help="do not damp noise where it exceeds signal: half maps like the unfiltered ones of a refinement",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of views, half sets and noise (default: 0)")
    add_scheduler(parser)
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="folder to write")
    add_overwrite(parser)
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
    from ..inputs.half_maps import write_map
    from ..inputs.relion import write_poses
    from ..outputs.folder import write_summary
    from ..results.targets import folder_target
    from ..results.writing import written_folder
    from ..simulate.particles import simulate_from_model
    from ..summary.tables import warning_items
    from ._terminal import show, watched

    target = folder_target(args.output, overwrite=args.overwrite)
    names = ["particles", "snr", "tilt", "box", "voxel_size", "symmetry", "assembly", "b_factor", "regularize", "seed"]
    settings = {name: getattr(args, name) for name in names}
    with watched(args.scheduler, args.memory_limit) as execution:
        maps = simulate_from_model(args.model, args.poses, execution=execution, **settings)
    numbers = {"model": args.model, "poses": args.poses, **settings, "warnings": warning_items(maps.warnings)}
    with written_folder(target) as folder:
        for name, half in (("half1", maps.half1), ("half2", maps.half2)):
            write_map(folder / f"{name}.mrc", half, maps.voxel_size, labels=("cryoaniso_nb: simulated half map",))
        assert maps.poses is not None
        write_poses(folder / "poses.star", maps.poses)
        write_summary(folder, "simulation", numbers)
    show("simulation", numbers, maps.warnings, [target])
    return 0
