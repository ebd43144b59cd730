"""Where a subcommand takes its analysis from: a saved one, or two half maps."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ._arguments import add_cones, cone_settings

if TYPE_CHECKING:
    from ..analysis import AnalysisResult
    from ..maps import HalfMaps

__all__ = ["add_inputs", "analyzed", "opened"]


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """A saved analysis, or two half maps with what decides the measures."""
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="the folder or result.npz of an analysis, or two half maps"
    )
    parser.add_argument("--mask", metavar="FILE|auto", help="soft mask on the half maps' box, or 'auto' to make one")
    parser.add_argument("--voxel-size", type=float, metavar="Å", help="voxel size, instead of the one in the headers")
    add_cones(parser)


def opened(args: argparse.Namespace) -> HalfMaps | None:
    """The half maps of the command line; None where a saved analysis was given."""
    from ..errors import SettingsError
    from ..maps import open_half_maps

    if len(args.inputs) == 1:
        return None
    if len(args.inputs) > 2:
        raise SettingsError(f"{len(args.inputs)} inputs were given, but it takes one result.npz or two half maps.")
    return open_half_maps(*args.inputs, mask=args.mask, voxel_size=args.voxel_size)


def analyzed(args: argparse.Namespace, maps: HalfMaps | None) -> AnalysisResult:
    """The analysis of the half maps, or the saved one."""
    from ..analysis import analyze, load_result
    from ..kernels import kernels_cached
    from ._terminal import say, shown_progress

    if maps is None:
        return load_result(args.inputs[0])
    if not kernels_cached():
        say("compiling the kernels, which takes some seconds the first time on a machine")
    with shown_progress() as progress:
        return analyze(maps, progress=progress, **cone_settings(args))
