"""`cryoaniso tilt`: which stage tilt would even out a data set's sampling."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._arguments import add_overwrite
from ._inputs import InputPath

if TYPE_CHECKING:
    from ..measures.tilt import TiltAdvice

__all__ = ["add_parser", "run"]

COLUMNS = ("tilt", "onset", "middle", "end", "worst_resolution", "worst_zenith", "worst_sampling", "scf_star", "f0")


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "tilt",
        help="advice on the stage tilt, from poses and half maps",
        description="From the poses of an untilted data set, predict how evenly Fourier space is sampled at stage "
        "tilts, and with the analysis of its half maps the Fourier shell occupancy; recommend a tilt.",
    )
    parser.add_argument("poses", type=InputPath, metavar="POSES", help="particles of an untilted data set (.star, .cs)")
    parser.add_argument(
        "--result", type=InputPath, metavar="OUT", help="folder or result.npz of the analysis of its half maps"
    )
    parser.add_argument("--symmetry", default="C1", metavar="GROUP", help="point group, e.g. C4, D7, O (default: C1)")
    parser.add_argument(
        "--tilts", type=float, nargs="+", metavar="DEGREES", help="tilts to predict, from 0 on (default: 0 5 ... 60)"
    )
    parser.add_argument(
        "--thickness-loss",
        action="store_true",
        help="let the signal fall as cos(tilt), for the longer path through ice",
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="folder to write table, prediction and figure to")
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
    from ..inputs.poses import read_poses
    from ..measures.tilt import TILTS, tilt_advice
    from ..results.targets import folder_target
    from ..results.writing import written_folder
    from ._saved import load_results
    from ._terminal import show

    target = folder_target(args.output, overwrite=args.overwrite) if args.output else None
    poses = read_poses(args.poses)
    result = load_results([args.result])[0] if args.result else None
    advice = tilt_advice(
        poses, result, symmetry=args.symmetry, tilts=args.tilts or TILTS, thickness_loss=args.thickness_loss
    )
    numbers = _numbers(advice)
    if target is not None:
        with written_folder(target) as folder:
            _write(folder, numbers, advice)
    show("tilt", numbers, _lines(advice), [target] if target is not None else [])
    return 0


def _rows(advice: TiltAdvice) -> list[tuple[float, ...]]:
    names = ("tilts", *COLUMNS[1:])
    return list(zip(*(getattr(advice, name).tolist() for name in names), strict=True))


def _lines(advice: TiltAdvice) -> list[str]:
    head = ["tilt", "FSO 0.9", "FSO 0.5", "FSO 0.1", "worst", "zenith", "sampling", "SCF*", "unsampled"]
    lines = ["".join(f"{name:>10}" for name in head)]
    lines += ["".join(f"{v:10.2f}" if math.isfinite(v) else f"{'-':>10}" for v in row) for row in _rows(advice)]
    lines += [
        "(resolutions in Å, angles in degrees; worst: the direction resolved or sampled least)",
        "",
        advice.advice,
    ]
    lines += [f"Assumed: {text}" for text in advice.assumptions]
    return lines + [f"! {warning}" for warning in advice.warnings]


def _numbers(advice: TiltAdvice) -> dict[str, Any]:
    from ..summary.tables import warning_items

    return {
        "advice": advice.advice,
        "recommended_degrees": advice.recommended,
        "symmetry": advice.symmetry,
        "n_views": advice.n_views,
        "thickness_loss": advice.thickness_loss,
        "assumptions": list(advice.assumptions),
        "warnings": warning_items(advice.warnings, "poses"),
        "tilts": [dict(zip(COLUMNS, row, strict=True)) for row in _rows(advice)],
    }


def _write(folder: Any, numbers: Mapping[str, Any], advice: TiltAdvice) -> None:
    from ..outputs.folder import write_summary, write_table
    from ..plots.figures import save_figure
    from ..plots.poses import tilt_figure

    write_summary(folder, "tilt", numbers)
    write_table(folder / "tilt.csv", COLUMNS, _rows(advice))
    if advice.has_maps:
        columns = ["frequency", *(f"fso_{tilt:g}" for tilt in advice.tilts)]
        write_table(folder / "occupancy.csv", columns, zip(advice.frequency, *advice.occupancy, strict=True))
    advice.save(folder / "tilt.npz")
    save_figure(tilt_figure(advice), folder / "tilt.png")
