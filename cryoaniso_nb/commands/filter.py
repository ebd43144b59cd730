"""`cryoaniso filter`: low-pass at the onset of anisotropy, or filter by the 3DFSC volume."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._arguments import add_cones, add_half_maps, add_overwrite, cone_settings
from ._inputs import InputPath, path_or

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..analysis.run import AnalysisResult
    from ..inputs.half_maps import HalfMaps
    from ..inputs.mrc import MapData
    from ..measures.filters import Filtered

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "filter",
        help="low-pass a map where anisotropy begins, or filter it by the 3DFSC",
        description="Filter a map and write it and abs(original - filtered) as MRC to a folder. An isotropic filter "
        "is a low-pass where FSO falls to 0.9: up to there the map is resolved in nearly all directions.",
    )
    add_half_maps(parser)
    add_cones(parser)
    parser.add_argument(
        "--apply-to",
        type=path_or("mean", "halves"),
        default="mean",
        metavar="mean|halves|FILE",
        help="what is filtered: the mean of the half maps, each of them, or a full map (default: mean)",
    )
    parser.add_argument(
        "--kind",
        choices=("isotropic", "anisotropic"),
        default="isotropic",
        help="low-pass, or amplitudes sqrt(2F/(1+F)) from the 3DFSC volume F (default: isotropic)",
    )
    parser.add_argument("--resolution", type=float, metavar="Å", help="low-pass here instead of where FSO = 0.9")
    parser.add_argument(
        "--edge", type=float, default=4.0, metavar="SHELLS", help="width of the low-pass's raised cosine (default: 4)"
    )
    parser.add_argument(
        "--result",
        type=InputPath,
        metavar="OUT",
        help="folder or result.npz of an analysis of these maps, to save the time",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder to write")
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
    from ..errors import SettingsError
    from ..inputs.mrc import write_map
    from ..outputs.folder import write_summary
    from ..results.ownership import protected
    from ..results.targets import folder_target
    from ..results.writing import written_folder
    from ._maps import opened_maps
    from ._terminal import show, watched

    folder_target(args.output, overwrite=args.overwrite)  # before anything takes long
    if args.resolution is not None and args.kind == "anisotropic":
        raise SettingsError("--resolution is for the isotropic filter; leave it out, or --kind anisotropic.")
    if args.resolution is not None and not args.resolution > 0:
        raise SettingsError(f"The resolution is {args.resolution:g} Å, but it must be positive.")
    with watched(args.scheduler, args.memory_limit) as execution:
        maps, _ = opened_maps(args, execution)
    with protected(maps.files):
        target = folder_target(args.output, overwrite=args.overwrite)
    apply, numbers = _filter(args, maps)
    summary = {**numbers, "applied_to": args.apply_to}
    with written_folder(target) as folder:
        for name, source, like in _sources(args, maps):
            filtered = apply(source, like.voxel_size)
            labels = (*like.labels[:9], *filtered.labels)
            for kind, data in (("filtered", filtered.filtered), ("difference", filtered.difference)):
                write_map(folder / f"{name}_{kind}.mrc", data, like.voxel_size, labels=labels, like=like)
        write_summary(folder, "filter", summary)
    show("filter", summary, [filtered.description], [target])
    return 0


def _filter(
    args: argparse.Namespace, maps: HalfMaps
) -> tuple[Callable[[Any, float], Filtered], dict[str, str | float]]:
    """The filter that was asked for, and what it is in numbers."""
    from ..measures.filters import anisotropic_filter, cut_off_caution, fso_cut_off, isotropic_filter
    from ._terminal import say, watched

    if args.kind == "anisotropic":
        result = _analysis(args, maps)
        volume = result.threedfsc()

        def by_3dfsc(source: Any, voxel_size: float) -> Filtered:
            with watched() as execution:
                return anisotropic_filter(source, volume, voxel_size=voxel_size, execution=execution)

        return by_3dfsc, {"filter": "anisotropic", "cone_half_angle_degrees": result.settings.cone_half_angle}
    if args.resolution is not None:
        cut_off = 1 / args.resolution
    else:
        result = _analysis(args, maps)
        cut_off = fso_cut_off(result.fso)
        caution = cut_off_caution(result.dfsc, cut_off)
        if caution:
            say(f"! {caution}")

    def low_pass(source: Any, voxel_size: float) -> Filtered:
        with watched() as execution:
            return isotropic_filter(source, cut_off, voxel_size=voxel_size, edge_width=args.edge, execution=execution)

    return low_pass, {"filter": "isotropic", "cut_off_angstrom": 1 / cut_off, "edge_width_shells": args.edge}


def _analysis(args: argparse.Namespace, maps: HalfMaps) -> AnalysisResult:
    from ..analysis.run import analyze, load_result
    from ..errors import ResultError
    from ._terminal import watched

    if args.result is None:
        with watched(args.scheduler, args.memory_limit) as execution:
            return analyze(maps, execution=execution, **cone_settings(args))
    result = load_result(args.result)
    if tuple(result.settings.box) != maps.box or abs(result.settings.voxel_size - maps.voxel_size) > 1e-3:
        raise ResultError(
            f"{args.result} analyzes a box of {result.settings.box} at {result.settings.voxel_size:g} Å, but the half "
            f"maps have {maps.box} at {maps.voxel_size:g} Å; give the analysis of these half maps, or none."
        )
    return result


def _sources(args: argparse.Namespace, maps: HalfMaps) -> Iterator[tuple[str, Any, MapData]]:
    """(name, what to filter, the map whose header is kept)."""
    from pathlib import Path

    from ..inputs.mrc import map_data, read_map
    from ..inputs.mrc_header import Header

    first, second = (
        map_data(Header.of(path), half, maps.voxel_size)
        for path, half in zip(maps.files, (maps.half1, maps.half2), strict=False)  # a mask may follow
    )
    if args.apply_to == "mean":
        yield "mean", maps, first
    elif args.apply_to == "halves":
        yield "half1", maps.half1, first
        yield "half2", maps.half2, second
    else:
        full = read_map(args.apply_to, args.voxel_size)
        yield Path(args.apply_to).name.split(".")[0], full.data, full
