"""`cryoaniso demo`: the whole chain on simulated half maps, whose anisotropy is known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import add_output, add_scheduler

if TYPE_CHECKING:
    from ..analysis.result import AnalysisResult
    from ..results.types import Truth

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
    from ..analysis.run import analyze
    from ..outputs.folder import write_analysis
    from ..results.targets import folder_target
    from ..simulate.half_maps import simulate_half_maps
    from ._terminal import print_summary, say, watched

    target = folder_target(args.output, overwrite=args.overwrite)
    say(f"simulating half maps: {args.preset}, box {args.box}, seed {args.seed}")
    maps = simulate_half_maps(box=args.box, voxel_size=args.voxel_size, preset=args.preset, seed=args.seed)
    with watched(args.scheduler, args.memory_limit) as execution:
        result = analyze(maps, execution=execution)

    def report(path: Path) -> None:
        from ..outputs.report import write_report

        write_report(result, path, maps=maps)

    out = write_analysis(
        result,
        target,
        figure=not args.no_figure,
        extra_files={} if args.no_figure else {"report.html": report},
    )
    more = []
    if maps.truth is not None:
        more = ["", *_beside_the_truth(result, maps.truth)]
    print_summary(result, out, more)
    return 0


def _beside_the_truth(result: AnalysisResult, truth: Truth) -> list[str]:
    """What was simulated beside what was measured, as lines of a table."""
    import numpy as np

    onset, end = truth.transition_zone_expected
    found, regions = result.fso.transition_zone, result.regions
    rows = [
        ("", "simulated", "measured"),
        ("FSO = 0.9", f"{onset:.2f} Å", f"{found[0]:.2f} Å"),
        ("FSO = 0.1", f"{end:.2f} Å", f"{found[1]:.2f} Å"),
    ]
    if regions is not None:
        known = truth.resolution[np.isfinite(truth.resolution)]
        for name, value, region in (
            ("best direction", known.min(), regions.best),
            ("worst direction", known.max(), regions.worst),
        ):
            low, high = region.interval
            rows.append((name, f"{value:.2f} Å", f"{region.resolution:.2f} Å ({low:.2f}-{high:.2f})"))
    return [f"{name:<18}{true:>12}   {measured}" for name, true, measured in rows]
