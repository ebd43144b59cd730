"""Where a subcommand takes its analysis from: a saved one, or two half maps."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ._arguments import add_cones, cone_settings
from ._inputs import InputPath
from ._mask import add_mask, opened_with_mask

if TYPE_CHECKING:
    from ..analysis.run import AnalysisResult
    from ..inputs.half_maps import HalfMaps

__all__ = ["add_inputs", "analyzed", "opened"]


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """A saved analysis, or two half maps with what decides the measures."""
    parser.add_argument(
        "inputs",
        nargs="+",
        type=InputPath,
        metavar="INPUT",
        help="the folder or result.npz of an analysis, or two half maps",
    )
    add_mask(parser)
    parser.add_argument("--voxel-size", type=float, metavar="Å", help="voxel size, instead of the one in the headers")
    add_cones(parser)


def opened(args: argparse.Namespace) -> HalfMaps | None:
    """The half maps of the command line; None where a saved analysis was given."""
    from ..errors import SettingsError

    if len(args.inputs) == 1:
        return None
    if len(args.inputs) > 2:
        raise SettingsError(f"{len(args.inputs)} inputs were given, but it takes one result.npz or two half maps.")
    return opened_with_mask(args, *args.inputs)


NO_SETTINGS = ("inputs", "help", "scheduler", "memory_limit")  # what doesn't change a result


def _refuse_settings(args: argparse.Namespace) -> None:
    """A saved analysis has its settings: others would be ignored."""
    from ..errors import SettingsError

    parser = argparse.ArgumentParser()
    add_inputs(parser)
    for action in parser._actions:
        if (
            action.dest in ("inputs", "help", "scheduler", "memory_limit")
            or getattr(args, action.dest) == action.default
        ):
            continue
        raise SettingsError(
            f"{action.option_strings[-1]} has no effect on a saved analysis, {args.inputs[0]}: "
            "give the two half maps instead of it, or leave the option out."
        )


def analyzed(args: argparse.Namespace, maps: HalfMaps | None) -> AnalysisResult:
    """The analysis of the half maps, or the saved one."""
    from ..analysis.run import analyze, load_result
    from ._terminal import watched

    if maps is None:
        _refuse_settings(args)
        return load_result(args.inputs[0])
    with watched(args.scheduler, args.memory_limit) as execution:
        return analyze(maps, execution=execution, **cone_settings(args))
