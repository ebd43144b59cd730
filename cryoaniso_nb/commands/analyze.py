"""`cryoaniso analyze`: two half maps in, a folder of results out."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from ._arguments import (
    add_cones,
    add_half_maps,
    add_output,
    add_statistics,
    cone_settings,
    statistics_settings,
)
from ._inputs import InputPath

if TYPE_CHECKING:
    from ..inputs.half_maps import HalfMaps
    from ..results.types import InputFile

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
        description="Measure how the resolution of a map depends on direction, from its two half maps (files, a "
        "job, or an EMDB entry), and write "
        "curves.csv, directional_resolution.csv, summary.json, figure.png, figure.svg and result.npz to a folder.",
    )
    add_half_maps(parser)
    add_cones(parser)
    add_statistics(parser)
    add_output(parser)
    parser.add_argument(
        "--against",
        type=InputPath,
        metavar="TABLE",
        help="table of a survey (its folder, table.csv or .parquet): say where this map stands among those like it",
    )
    parser.add_argument(
        "--methods",
        action="store_true",
        help="also print a paragraph for a paper's methods section with its references as BibTeX, and keep it as "
        "methods.txt",
    )
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
    from ..geometry.shells import box_text
    from ..outputs.folder import write_analysis
    from ..results.ownership import protected
    from ..results.targets import folder_target
    from ._maps import opened_maps
    from ._terminal import print_summary, say, watched

    folder_target(args.output, overwrite=args.overwrite)  # before anything takes long
    others = None
    if args.against is not None:
        from ..surveys.table import read_table

        others = read_table(args.against)
    with watched(args.scheduler, args.memory_limit) as execution:
        maps, symmetry = opened_maps(args, execution)
        with protected(maps.files):
            target = folder_target(args.output, overwrite=args.overwrite)
        hashes = _Hashes(maps)
        say(f"half maps of {box_text(maps.box)} of {maps.voxel_size:g} Å, mask: {maps.mask_label}")
        if args.symmetry is None and symmetry is not None:
            args.symmetry = symmetry
            say(f"symmetry {symmetry}, as its source has it (its axes taken as RELION sets them)")
        from ..analysis.run import analyze
        from ..engine.forecast import forecast

        if execution.is_local and (expected := forecast(maps, execution)).is_worth_saying:
            say(f"this takes {expected}")
        result = analyze(maps, execution=execution, **cone_settings(args), **statistics_settings(args))
    result = result.replace(inputs=hashes.wait())
    if others is not None:
        result = result.with_standing(others, name=os.path.basename(os.path.normpath(args.against)))
    text = result.methods_text() if args.methods else ""
    files = {"methods.txt": lambda path: path.write_text(text, encoding="utf-8")} if text else {}
    out = write_analysis(result, target, figure=not args.no_figure, extra_files=files)
    print_summary(result, out, [text] if text else [])
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
        from ..inputs.half_maps import hash_inputs

        try:
            self._found = hash_inputs(self._maps)
        except Exception as error:
            self._error = error

    def wait(self) -> tuple[InputFile, ...]:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found
