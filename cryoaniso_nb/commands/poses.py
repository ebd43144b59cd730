"""`cryoaniso poses`: what a set of views samples, and whether it fits the map."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._arguments import add_overwrite
from ._inputs import InputPath

if TYPE_CHECKING:
    from ..inputs.poses import Poses, ViewDensity
    from ..measures.agreement import PoseAgreement
    from ..measures.sampling_compensation import SCF

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "poses",
        help="sampling of Fourier space by particle poses: SCF, SCF*, density of views",
        description="Read the poses of a RELION .star or cryoSPARC .cs file and tell how evenly they sample Fourier "
        "space; with an analysis of the map made from them, also whether they explain its anisotropy. "
        "SCF* below 0.81 suggests trouble.",
    )
    parser.add_argument("poses", type=InputPath, metavar="POSES", help="particles of a 3D refinement (.star, .cs)")
    parser.add_argument(
        "--result", type=InputPath, metavar="OUT", help="folder or result.npz of the map's analysis, to compare with"
    )
    parser.add_argument("--symmetry", default="C1", metavar="GROUP", help="point group, e.g. C4, D7, O (default: C1)")
    parser.add_argument(
        "--radius", type=float, default=50.0, metavar="R", help="Fourier radius of SCF in voxels (default: 50)"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="folder to write numbers, density of views and figure to")
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
    from ..inputs.poses import read_poses, view_density
    from ..measures.agreement import pose_agreement
    from ..measures.sampling_compensation import scf
    from ..results.targets import folder_target
    from ..results.writing import written_folder
    from ._saved import load_results
    from ._terminal import show

    target = folder_target(args.output, overwrite=args.overwrite) if args.output else None
    poses = read_poses(args.poses)
    sampling = scf(poses, symmetry=args.symmetry, radius=args.radius)
    agreement = None
    if args.result:
        agreement = pose_agreement(poses, load_results([args.result])[0], symmetry=args.symmetry)
    numbers = _numbers(poses, sampling, agreement)
    if target is not None:
        with written_folder(target) as folder:
            _write(folder, numbers, sampling, view_density(poses, symmetry=args.symmetry))
    show("poses", numbers, _lines(poses, sampling, agreement), [target] if target is not None else [])
    return 0


def _lines(poses: Poses, sampling: SCF, agreement: PoseAgreement | None) -> list[str]:
    halves = [int((poses.half_set == i).sum()) for i in (1, 2)]
    known = f"half sets of {halves[0]} and {halves[1]}" if sum(halves) else "half sets unknown"
    low, middle, high = poses.second_moment
    lines = [
        f"{poses.source}: {len(poses)} {poses.kind} poses, {known}",
        f"second moment of views (even: 0.333 each): {low:.3f} {middle:.3f} {high:.3f}",
        sampling.verdict,
    ]
    warnings = list(dict.fromkeys((*poses.warnings, *sampling.warnings)))
    if agreement is not None:
        if math.isfinite(agreement.correlation):
            lines.append(f"rank correlation of sampling with dFSC over directions: {agreement.correlation:.2f}")
        warnings += agreement.warnings
    return lines + [f"! {warning}" for warning in warnings]


def _numbers(poses: Poses, sampling: SCF, agreement: PoseAgreement | None) -> dict[str, Any]:
    from ..summary.tables import warning_items

    numbers: dict[str, Any] = {
        "source": poses.source,
        "pose_kind": poses.kind,
        "n_views": len(poses),
        "second_moment": list(poses.second_moment),
        "symmetry": sampling.symmetry,
        "radius": sampling.radius,
        "scf": sampling.scf,
        "scf_star": sampling.scf_star,
        "unsampled": sampling.f0,
        "mean_samples": sampling.mean_samples,
        "verdict": sampling.verdict,
        "warnings": warning_items(dict.fromkeys((*poses.warnings, *sampling.warnings)), "poses"),
    }
    if agreement is not None:
        numbers["agreement"] = {
            "correlation": agreement.correlation,
            "best": agreement.best,
            "correlations": agreement.correlations,
            "warnings": warning_items(agreement.warnings, "poses"),
        }
    return numbers


def _write(folder: Any, numbers: Mapping[str, Any], sampling: SCF, density: ViewDensity) -> None:
    from ..geometry.directions import angles
    from ..outputs.folder import write_summary, write_table
    from ..plots.figures import save_figure
    from ..plots.poses import views_figure

    write_summary(folder, "poses", numbers)
    rows = zip(*angles(density.axes), density.density, strict=True)
    write_table(folder / "view_density.csv", ["zenith", "azimuth", "density"], rows)
    save_figure(views_figure(density, sampling), folder / "views.png")
