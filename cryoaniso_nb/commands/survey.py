"""`cryoaniso survey`: many pairs of half maps in one run, one table."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ._arguments import add_cones, add_statistics, cone_settings, statistics_settings
from ._inputs import InputPath

if TYPE_CHECKING:
    from ..surveys.run import Survey

__all__ = ["SOME_FAILED", "add_parser", "run"]

SOME_FAILED = 3
WORST = 5  # pairs that are printed


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "survey",
        help="many pairs of half maps in one run: a folder each, one table, one page",
        description="Analyze many pairs of half maps, as many at once as memory allows, and write a folder of results "
        "for each, table.csv, table.parquet (with pyarrow) and index.html. Run again after an interruption it goes on "
        "where it was; a pair is done again only if its files or settings have changed. The exit code is 3 when some "
        "pairs failed or none could be analyzed: they are rows of the table too, with the reason. EMDB entries "
        "without half maps are rows, and no failures.",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        type=InputPath,
        metavar="SOURCE",
        help="a manifest (.csv with the columns name, half1, half2, mask, voxel_size, symmetry, poses), a folder of "
        "jobs of RELION or cryoSPARC or of files named by half, a text file of EMDB codes, a code (EMD-11638) or a "
        "range (EMD-11000..11999)",
    )
    parser.add_argument(
        "--emdb",
        type=InputPath,
        action="append",
        default=[],
        metavar="RANGE",
        help="entries of EMDB: codes, numbers and ranges (11000-11999,EMD-3061), or a text file of them; only results "
        "are kept, as with --compact",
    )
    parser.add_argument(
        "--mask",
        choices=("found", "auto", "none"),
        default="found",
        help="masks as given and found, one made for each pair without, or none at all (default: found)",
    )
    parser.add_argument("--rank-by", metavar="COLUMN", help="column of the table to rank by")
    parser.add_argument(
        "--compact",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="keep small results, which other cones can't be cut from (default: with --emdb)",
    )
    parser.add_argument(
        "--keep-maps", action="store_true", help="keep what is fetched from EMDB in the cache, once it is analyzed"
    )
    add_cones(parser)
    add_statistics(parser)
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="folder to write, or to go on with")
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
    from contextlib import closing

    from ..errors import Cancelled
    from ..results.ownership import current_run, protected
    from ..surveys.columns import DONE, RANKED, counts_text
    from ..surveys.pairs import entries_of
    from ..surveys.run import iter_survey, plan_survey
    from ._terminal import say, show, watched

    plan = plan_survey(
        [*args.sources, *entries_of(args.emdb)],
        args.output,
        mask=args.mask,
        symmetry=args.symmetry,
        rank_by=args.rank_by or RANKED,
        compact=bool(args.emdb) if args.compact is None else args.compact,
        keep_maps=args.keep_maps,
        **cone_settings(args),
        **{name: value for name, value in statistics_settings(args).items() if name != "symmetry"},
    )
    say(f"{len(plan.jobs)} pairs of half maps")
    done = None
    try:
        with (
            protected((), written=[]),  # the folder counts as one output, not each pair's
            watched(args.scheduler, args.memory_limit) as execution,
            closing(iter_survey(plan, execution=execution)) as steps,
        ):
            for step in steps:
                done = step
    except (KeyboardInterrupt, Cancelled):
        current_run().written.append(plan.jobs[0].out)
        say(f"{counts_text(() if done is None else done.rows, len(plan.jobs))}; the same command goes on from there")
        raise
    assert done is not None
    for row in done.failed:
        say(f"! {row['name']}: {row['reason']}")
    numbers = {
        "folder": str(done.folder),
        "ranked_by": done.by,
        "pairs": len(done),
        "failed": len(done.failed),
        "rows": list(done.rows),
    }
    show("survey", numbers, _lines(done), [done.folder])
    return SOME_FAILED if done.failed or not any(row["status"] == DONE for row in done.rows) else 0


def _lines(done: Survey) -> list[str]:
    from ..surveys.columns import counts_text

    ranked = sorted((row for row in done.rows if row["rank"] is not None), key=lambda row: row["rank"])
    worst = [f"{row['rank']}. {row['name']}: {row['cause']}, {done.by} {row[done.by]:.3g}" for row in ranked[:WORST]]
    return [counts_text(done.rows), *worst]
