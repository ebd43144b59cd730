"""`cryoaniso demo`: the whole chain on simulated half maps, whose anisotropy is known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ._arguments import add_output, add_scheduler

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "demo",
        help="simulate anisotropic half maps and analyze them",
        description="Simulate two half maps that lack views, and write what analyze writes, and a report.",
    )
    parser.add_argument("--box", type=int, default=128, metavar="N", help="voxels a side (default: 128)")
    parser.add_argument("--voxel-size", type=float, default=1.0, metavar="Å", help="voxel size (default: 1)")
    parser.add_argument(
        "--preset",
        default="missing-top-views",
        help="isotropic, missing-top-views, missing-side-views or missing-cone (default: missing-top-views)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random numbers (default: 0)")
    add_scheduler(parser)
    add_output(parser, default="cryoaniso-demo")
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
    from ..analysis import analyze
    from ..export import check_output, write_analysis
    from ..kernels import kernels_cached
    from ..simulate import simulate_half_maps
    from ._terminal import print_summary, say, shown_progress

    check_output(args.output, overwrite=args.overwrite)
    say(f"simulating half maps: {args.preset}, box {args.box}, seed {args.seed}")
    if not kernels_cached():
        say("compiling the kernels, which takes some seconds the first time on a machine")
    maps = simulate_half_maps(box=args.box, voxel_size=args.voxel_size, preset=args.preset, seed=args.seed)
    with shown_progress() as progress:
        result = analyze(maps, scheduler=args.scheduler, progress=progress)

    def report(path: Path) -> None:
        from ..report import write_report

        write_report(result, path, maps=maps)

    out = write_analysis(
        result,
        args.output,
        overwrite=args.overwrite,
        figure=not args.no_figure,
        extra_files={} if args.no_figure else {"report.html": report},
    )
    print_summary(result)
    if maps.truth is not None:
        onset, end = maps.truth.transition_zone_expected
        print(f"\nSimulated with a transition zone of {onset:.2f} - {end:.2f} Å.")
    say(f"written to {out}")
    return 0
