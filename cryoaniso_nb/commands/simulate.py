"""`cryoaniso simulate`: half maps reconstructed from noisy projections of a model."""

from __future__ import annotations

import argparse
from typing import Any

from ._arguments import add_scheduler

__all__ = ["add_parser", "run"]


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
        "each projection, reconstruct two half maps and write half1.mrc, half2.mrc and summary.json to a folder.",
    )
    parser.add_argument("model", metavar="MODEL", help="atomic model (.cif, .pdb, also .gz)")
    parser.add_argument(
        "--poses", default="uniform", metavar="POSES",
        help="poses (.star, .cs), or uniform, side-views or top-views (default: uniform)",
    )  # fmt: skip
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
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of views, half sets and noise (default: 0)")
    add_scheduler(parser)
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="folder to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder of an earlier run")
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
    import json

    from ..export import check_output, output_folder
    from ..maps import write_map
    from ..simulate_model import simulate_from_model
    from ._terminal import say, shown_progress

    check_output(args.output, overwrite=args.overwrite)
    settings = {
        name: getattr(args, name)
        for name in ("particles", "snr", "tilt", "box", "voxel_size", "symmetry", "assembly", "b_factor", "seed")
    }
    with shown_progress() as progress:
        maps = simulate_from_model(args.model, args.poses, scheduler=args.scheduler, progress=progress, **settings)
    with output_folder(args.output, overwrite=args.overwrite) as folder:
        for name, half in (("half1", maps.half1), ("half2", maps.half2)):
            write_map(folder / f"{name}.mrc", half, maps.voxel_size, labels=("cryoaniso_nb: simulated half map",))
        summary = {"model": args.model, "poses": args.poses, **settings, "notes": list(maps.warnings)}
        (folder / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(maps.warnings))
    say(f"written to {args.output}")
    return 0
