"""`cryoaniso analyze`: two half maps in, a folder of results out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ._arguments import (
    add_cones,
    add_half_maps,
    add_output,
    add_statistics,
    cone_settings,
    statistics_settings,
)

if TYPE_CHECKING:
    from ..maps import HalfMaps
    from ..results import InputFile

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "analyze",
        help="FSC, Fourier shell occupancy, Bingham test and directional resolution of two half maps",
        description="Measure how the resolution of a map depends on direction, from its two half maps, and write "
        "curves.csv, directional_resolution.csv, summary.json, figure.png, figure.svg and result.npz to a folder.",
    )
    add_half_maps(parser)
    add_cones(parser)
    add_statistics(parser)
    add_output(parser)
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
    from ..export import check_output, write_analysis
    from ..maps import open_half_maps
    from ._terminal import print_summary, say, shown_progress

    check_output(args.output, overwrite=args.overwrite)
    if args.mask == "auto":
        say("making a mask from the mean of the half maps")
    maps = open_half_maps(args.half1, args.half2, mask=args.mask, voxel_size=args.voxel_size)
    hashes = _Hashes(maps)
    box = " x ".join(map(str, reversed(maps.box)))
    say(f"half maps of {box} voxels of {maps.voxel_size:g} Å, mask: {maps.mask_label}")
    from ..analysis import analyze
    from ..kernels import kernels_cached

    if not kernels_cached():
        say("compiling the kernels, which takes some seconds the first time on a machine")
    with shown_progress() as progress:
        result = analyze(maps, progress=progress, **cone_settings(args), **statistics_settings(args))
    result = result.replace(inputs=hashes.wait())
    out = write_analysis(result, args.output, overwrite=args.overwrite, figure=not args.no_figure)
    print_summary(result)
    say(f"written to {out}")
    return 0


class _Hashes:
    """SHA-256 of the inputs, computed beside the analysis (and beside its imports)."""

    def __init__(self, maps: HalfMaps) -> None:
        import threading

        self._maps = maps
        self._found: tuple[InputFile, ...] = ()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._hash, daemon=True)  # a stopped run doesn't wait for it
        self._thread.start()

    def _hash(self) -> None:
        from ..maps import hash_inputs

        try:
            self._found = hash_inputs(self._maps)
        except Exception as error:
            self._error = error

    def wait(self) -> tuple[InputFile, ...]:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found
