"""`cryoaniso threedfsc`: the 3DFSC volume as MRC, and its sphericity."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ._results import add_inputs, analyzed, opened

if TYPE_CHECKING:
    from ..inputs.half_maps import HalfMaps
    from ..measures.isosurface import SphericityCurve
    from ..measures.threedfsc_volume import ThreeDFSC

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "threedfsc",
        help="3DFSC volume (MRC) and its sphericity",
        description="Write the FSC around every direction and frequency as a volume, and print its sphericity. "
        "The volume's axes are spatial frequency; zero lies at index n//2.",
    )
    add_inputs(parser)
    parser.add_argument(
        "--definition",
        choices=("project", "tan2017"),
        default="project",
        help="project: mean of dFSC over the cones' axes; tan2017: hard cones of 20 degrees around every voxel, as "
        "the 3DFSC program has them, for numbers to compare with (needs the half maps; default: project)",
    )
    parser.add_argument(
        "--cutoff",
        action="store_true",
        help="with tan2017: stop three shells past the first with FSC below 0.13, as the 3DFSC program does; "
        "that hides anisotropy beyond",
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE.mrc", help="volume to write")
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
    from ..measures.isosurface import sphericity_curve
    from ..results.targets import file_target
    from ._terminal import show

    target = file_target(args.output, overwrite=args.overwrite)
    volume = _volume(args, opened(args))
    curve = sphericity_curve(volume)
    path = volume.write_mrc(target)
    numbers = {
        "definition": volume.definition,
        "thresholds": curve.thresholds.tolist(),
        "sphericity": curve.values.tolist(),
        "reaches_last_shell": curve.limited.tolist(),
        "labels": list(volume.labels),
    }
    show("threedfsc", numbers, _lines(volume, curve), [path])
    return 0


def _lines(volume: ThreeDFSC, curve: SphericityCurve) -> list[str]:
    lines = [*volume.labels, "", "threshold  sphericity"]
    for threshold, value, limited in zip(curve.thresholds, curve.values, curve.limited, strict=True):
        note = "  reaches the last shell: hides what lies beyond" if limited else ""
        lines.append(f"{threshold:9.3f}  {value:10.4f}{note}")
    if volume.definition == "project":
        lines += ["", "Only --definition tan2017 compares with sphericities printed by 3DFSC (threshold 0.5)."]
    return lines


def _volume(args: argparse.Namespace, maps: HalfMaps | None) -> ThreeDFSC:
    from ..errors import SettingsError
    from ..measures.tan2017 import threedfsc_tan2017
    from ._terminal import watched

    if args.definition == "tan2017":
        if maps is None:
            raise SettingsError(
                "The definition tan2017 is computed from voxels: give the two half maps, not a result.npz."
            )
        with watched() as execution:
            return threedfsc_tan2017(maps, cutoff=args.cutoff, execution=execution)
    if args.cutoff:
        raise SettingsError("--cutoff is a rule of --definition tan2017; give both, or leave it out.")
    result = analyzed(args, maps)
    with watched() as execution:
        return result.threedfsc(execution=execution)
