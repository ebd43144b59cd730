"""`cryoaniso reproduce`: the paper's four maps, its numbers beside ours."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import add_overwrite, add_scheduler

if TYPE_CHECKING:
    from ..analysis.paper import Reproduction

__all__ = ["add_parser", "run"]

COLUMNS = ("map", "entry", "simulated", "measure", "published", "measured", "expected", "reason")


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "reproduce",
        help="the paper's four maps: its numbers beside ours",
        description="Measure the four maps of Vilas & Tagare (2023), fetched from EMDB (gigabytes, kept in the cache), "
        "and print the paper's numbers beside ours, with reasons for differences. Where EMDB can't be reached, and of "
        "the map that isn't there, a simulated stand-in is measured, which shares the published transition zone and "
        "nothing else, and is labelled so.",
    )
    parser.add_argument("--box", type=int, default=96, metavar="N", help="voxels a side of stand-ins (default: 96)")
    parser.add_argument("--stand-ins", action="store_true", help="don't ask EMDB: simulated stand-ins only")
    parser.add_argument("-o", "--output", metavar="OUT", help="folder for table, figure and summary.json")
    add_scheduler(parser)
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
    from ..analysis.paper import reproduce
    from ..results.targets import folder_target
    from ..results.writing import written_folder
    from ._terminal import say, show, watched

    target = folder_target(args.output, overwrite=args.overwrite) if args.output else None
    with watched(args.scheduler, args.memory_limit) as execution:
        found = reproduce(box=args.box, emdb=not args.stand_ins, execution=execution)
    if found.why:
        say(f"! {found.why}: simulated stand-ins are shown, not the deposited maps")
    numbers = {
        "stand_ins_because": found.why,
        "maps": [
            {"map": m.published.name, "entry": m.published.entry or None, "simulated": m.truth is not None,
             "because": m.why, "box_voxels": m.result.settings.box[0],
             "voxel_size_angstrom": m.result.settings.voxel_size, "mask": m.result.settings.mask}
            for m in found.maps
        ],
        "rows": found.rows(),
    }  # fmt: skip
    if target is not None:
        with written_folder(target) as folder:
            _write(folder, numbers, found)
    show("reproduction", numbers, _lines(found), [target] if target is not None else [])
    return 0


def _write(folder: Path, numbers: Mapping[str, Any], found: Reproduction) -> None:
    from ..outputs.folder import write_summary, write_table
    from ..plots.figures import save_figure

    write_summary(folder, "reproduction", numbers)
    write_table(folder / "paper.csv", COLUMNS, [[row[name] for name in COLUMNS] for row in numbers["rows"]])
    save_figure(found.figure(), folder / "paper.png")


def _lines(found: Reproduction) -> list[str]:
    lines = []
    for item in found.maps:
        lines += ["", item.title] + ([f"  {item.why}"] if item.why and item.why != found.why else [])
        lines.append(f"  {'':<24}{'paper':>8}{'here':>8}   why they differ")
        for row in item.rows():
            paper, here = (f"{v:.2f}" if math.isfinite(v) else "-" for v in (row["published"], row["measured"]))
            lines.append(f"  {row['measure']:<24}{paper:>8}{here:>8}   {row['reason']}".rstrip())
    return lines[1:]
