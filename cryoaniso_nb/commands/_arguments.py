"""Options that several subcommands share."""

from __future__ import annotations

import argparse
import re
from typing import Any

from ._inputs import InputPath
from ._mask import add_mask

__all__ = [
    "add_cones",
    "add_half_maps",
    "add_output",
    "add_overwrite",
    "add_scheduler",
    "add_statistics",
    "cone_settings",
    "statistics_settings",
]


def add_half_maps(parser: argparse.ArgumentParser) -> None:
    """The two half maps, their mask and voxel size."""
    parser.add_argument(
        "half1",
        type=InputPath,
        help="first half map (.mrc, .map, also .gz or .bz2); alone, either half map, a job's folder of RELION or "
        "cryoSPARC, or an EMDB code like EMD-11638: what belongs to it is found or fetched, the mask too",
    )
    parser.add_argument("half2", type=InputPath, nargs="?", help="second half map")
    add_mask(parser)
    parser.add_argument(
        "--voxel-size", type=float, metavar="Å", help="voxel size, instead of the one in the files' headers"
    )


def add_cones(parser: argparse.ArgumentParser) -> None:
    """What decides the measures."""
    parser.add_argument(
        "--cone", type=float, default=17.0, metavar="DEGREES", help="half-angle of the cones, 3 to 45 (default: 17)"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.143,
        metavar="CHI",
        help="dFSC that counts as signal: 0.143 for half maps, 0.5 for map to model (default: 0.143)",
    )
    parser.add_argument(
        "--axes", type=int, default=321, metavar="N", help="cone axes: 6, 21, 81, 321, 1281 or 5121 (default: 321)"
    )
    parser.add_argument(
        "--parity", choices=("xmipp",), help="reproduce this program's conventions, with exact sums over voxels"
    )
    add_scheduler(parser)


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Where the work is done."""
    parser.add_argument(
        "--scheduler",
        default="threads",
        metavar="threads|synchronous|tcp://HOST:PORT",
        help="where to compute: this machine's threads, one thread, or a Dask cluster (default: threads)",
    )
    parser.add_argument(
        "--memory-limit",
        type=_bytes,
        metavar="SIZE",
        help="memory that this machine may use, like 8GiB: large boxes are read in more passes then "
        "(default: what is free)",
    )


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]*\.?[0-9]+) *([KMGT])(i?)B?", text.strip(), re.IGNORECASE)
    if found is None or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' must be a size of memory, like 8GiB or 500MiB")
    unit = 1024 if found[3] else 1000
    return int(float(found[1]) * unit ** (1 + "KMGT".index(found[2].upper())))


def add_statistics(parser: argparse.ArgumentParser) -> None:
    """The statistics that are asked for besides."""
    parser.add_argument(
        "--calibrate",
        type=int,
        nargs="?",
        const=199,
        default=0,
        metavar="N",
        help="Bingham test against N isotropic half maps of the same FSC, box and mask (199 if N is left out)",
    )
    parser.add_argument(
        "--band",
        type=int,
        nargs="?",
        const=199,
        default=0,
        metavar="N",
        help="noise floor and band of FSO, intervals of the resolutions, from N replicates (199 if left out)",
    )
    parser.add_argument(
        "--correct-mask", action="store_true", help="correct global and directional FSC for what the mask correlates"
    )
    parser.add_argument(
        "--symmetry",
        metavar="GROUP",
        help="point group of the map (default: that of the job or EMDB entry, else C1)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the random numbers of these statistics (default: 0)"
    )


def statistics_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `analyze` that `add_statistics` asks for."""
    return {
        "calibrate": args.calibrate,
        "band": args.band,
        "correct_mask": args.correct_mask,
        "symmetry": args.symmetry or "C1",
        "seed": args.seed,
    }


def add_output(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """The folder written, and what goes into it."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=default is None,
        default=default,
        help="folder to write" + (f" (default: {default})" if default else ""),
    )
    add_overwrite(parser)
    parser.add_argument("--no-figure", action="store_true", help="write no figures")


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Whether a folder that exists may be replaced."""
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the folder of an earlier run, if it holds nothing but what that run wrote, unchanged",
    )


def cone_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `analyze` that `add_cones` asks for."""
    return {
        "cone_half_angle": args.cone,
        "threshold": args.threshold,
        "n_axes": args.axes,
        "parity": args.parity,
    }
