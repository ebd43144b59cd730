"""`cryoaniso poses`: what a set of views samples, and whether it fits the map."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..measures.agreement import PoseAgreement
    from ..measures.scf import SCF
    from ..poses import Poses, ViewDensity

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
    parser.add_argument("poses", metavar="POSES", help="particles of a 3D refinement (.star, .cs)")
    parser.add_argument("--result", metavar="OUT", help="folder or result.npz of the map's analysis, to compare with")
    parser.add_argument("--symmetry", default="C1", metavar="GROUP", help="point group, e.g. C4, D7, O (default: C1)")
    parser.add_argument(
        "--radius", type=float, default=50.0, metavar="R", help="Fourier radius of SCF in voxels (default: 50)"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="folder to write numbers, density of views and figure to")
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
    from ..export import check_output, output_folder
    from ..measures.agreement import pose_agreement
    from ..measures.scf import scf
    from ..poses import read_poses, view_density
    from ._saved import load_results
    from ._terminal import say

    if args.output:
        check_output(args.output, overwrite=args.overwrite)
    poses = read_poses(args.poses)
    sampling = scf(poses, symmetry=args.symmetry, radius=args.radius)
    agreement = None
    if args.result:
        result = load_results([args.result])[0]
        agreement = pose_agreement(
            poses, result.dfsc, symmetry=args.symmetry, cone_half_angle=result.settings.cone_half_angle
        )
    print("\n".join(_lines(poses, sampling, agreement)))
    if args.output:
        with output_folder(args.output, overwrite=args.overwrite) as folder:
            _write(folder, poses, sampling, agreement, view_density(poses, symmetry=args.symmetry))
        say(f"written to {args.output}")
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
        lines.append(f"rank correlation of sampling with dFSC over directions: {agreement.correlation:.2f}")
        warnings += agreement.warnings
    return lines + [f"! {warning}" for warning in warnings]


def _write(folder: Any, poses: Poses, sampling: SCF, agreement: PoseAgreement | None, density: ViewDensity) -> None:
    import json

    from ..directions import angles
    from ..export import write_table
    from ..plot_poses import views_figure
    from ..plots import save_figure
    from ..summary import json_ready

    numbers: dict[str, Any] = {
        "source": poses.source,
        "kind": poses.kind,
        "n_views": len(poses),
        "second_moment": list(poses.second_moment),
        "symmetry": sampling.symmetry,
        "radius": sampling.radius,
        "scf": sampling.scf,
        "scf_star": sampling.scf_star,
        "unsampled": sampling.f0,
        "mean_samples": sampling.mean_samples,
        "warnings": list(dict.fromkeys((*poses.warnings, *sampling.warnings))),
    }
    if agreement is not None:
        numbers["agreement"] = {
            "correlation": agreement.correlation,
            "best": agreement.best,
            "correlations": agreement.correlations,
            "warnings": list(agreement.warnings),
        }
    text = json.dumps(json_ready(numbers), indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    rows = zip(*angles(density.axes), density.density, strict=True)
    write_table(folder / "view_density.csv", ["zenith", "azimuth", "density"], rows)
    save_figure(views_figure(density, sampling), folder / "views.png")
