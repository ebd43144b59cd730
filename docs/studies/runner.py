"""Runs the cases of a study over a pool of processes, and goes on where an earlier run stopped.

One line of JSON a map goes to the output file as soon as it is done: the case, the seed, and what was found. What is
there already isn't computed again. All cases are run with a few seeds, then with the next few: a study that is stopped
early holds all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Job = Callable[[Any, int], Row]
Tables = Callable[[list[Row]], dict[str, str]]
BLOCK = 4  # maps of one case in a task: what doesn't depend on the seed is computed once for them


def rows_of(path: Path) -> list[Row]:
    """Rows of an output file, the last one of each map; a last line cut short is left out."""
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[row["label"], row["seed"]] = row
    return list(rows.values())


def _one(job: Job, case: Any, seed: int) -> Row:
    start = time.perf_counter()
    try:
        found = job(case, seed)
    except Exception:  # a map that can't be analyzed is counted, not lost
        found = {"error": traceback.format_exc(limit=-3)}
    return {"label": case.label, **asdict(case), "seed": seed, **found, "seconds": time.perf_counter() - start}


def _some(job: Job, case: Any, seeds: list[int]) -> list[Row]:
    return [_one(job, case, seed) for seed in seeds]


def run(job: Job, cases: Sequence[Any], seeds: Sequence[int], out: Path, jobs: int, minutes: float) -> None:
    """Run what is missing; start nothing after so many minutes."""
    end = time.monotonic() + 60 * minutes
    done = {(row["label"], row["seed"]) for row in rows_of(out) if "error" not in row}
    todo = [
        (case, missing)
        for block in (seeds[i : i + BLOCK] for i in range(0, len(seeds), BLOCK))
        for case in cases
        if (missing := [seed for seed in block if (case.label, seed) not in done])
    ]
    total, count = sum(len(missing) for _, missing in todo), 0
    print(f"{total} maps to do, {len(done)} done, {jobs} processes", flush=True)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    queue, running = iter(todo), set[Future[list[Row]]]()
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    with out.open("a") as file:
        while True:
            while len(running) < jobs + 1 and time.monotonic() < end and (item := next(queue, None)) is not None:
                running.add(pool.submit(_some, job, *item))
            if not running:
                break
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            rows = [row for future in finished for row in future.result()]
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            count += len(rows)
            if count % 100 < len(rows):
                print(f"{count} of {total}", flush=True)
    pool.shutdown()


def main(job: Job, cases: Sequence[Any], tables: Tables, maps: int, first_seed: int) -> None:
    """Command line of a study: run, then print its tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--maps", type=int, default=maps, help="a case")
    parser.add_argument("--first-seed", type=int, default=first_seed)
    parser.add_argument("--minutes", type=float, default=1e6, help="start no map after so many minutes")
    parser.add_argument("--only", default="", help="cases whose label holds all of these words")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="only print the tables of what is there")
    options = parser.parse_args()
    words = options.only.split()
    chosen = [case for case in cases if all(word in case.label for word in words)]
    if not options.table:
        seeds = range(options.first_seed, options.first_seed + options.maps)
        run(job, chosen, seeds, options.out, options.jobs, options.minutes)
    for name, text in tables(rows_of(options.out)).items():
        print(f"\n{name}\n\n{text}")
