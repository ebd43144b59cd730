"""Boxes that take minutes, and clusters of processes: rows of the same table."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
from rich.table import Table

import cryoaniso_nb as ca
from cryoaniso_nb.engine import accumulate, cone_sums
from cryoaniso_nb.geometry.directions import axes_for


def written_pair(folder: str, side: int) -> tuple[str, str]:
    """Half maps in files, plane by plane: a common blob of white signal, and noise."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for _ in range(2))
    names = []
    for half in (1, 2):
        shared, own = np.random.default_rng(7), np.random.default_rng(half)
        names.append(str(Path(folder, f"half{half}.mrc")))
        with mrcfile.new_mmap(names[-1], shape=(side,) * 3, mrc_mode=2, overwrite=True) as mrc:
            for index, z in enumerate(x):
                blob = np.exp(-8 * (z**2 + y[:, None] ** 2 + x**2))
                signal = 2 * blob * shared.standard_normal((side, side), dtype=np.float32)
                mrc.data[index] = signal + own.standard_normal((side, side), dtype=np.float32)
            mrc.voxel_size = 1.1
    return names[0], names[1]


def cluster(table: Table, side: int = 512, repeats: int = 3) -> None:
    """Reading, histogram and cones by one and two worker processes of one thread each, taken in turn."""
    from distributed import Client, LocalCluster

    def work(maps: ca.HalfMaps, execution: ca.Execution) -> None:
        cone_sums(accumulate(maps, execution=execution), axes_for(1281), 17.0, execution=execution)

    with tempfile.TemporaryDirectory() as folder:
        maps = ca.open_half_maps(*written_pair(folder, side))
        rounds: dict[int, list[float]] = {1: [], 2: []}
        options = {"threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": "8GiB"}
        with (
            LocalCluster(n_workers=1, **options) as one,
            LocalCluster(n_workers=2, **options) as two,
            Client(one) as first,
            Client(two) as second,
        ):
            executions = {1: ca.Execution(first), 2: ca.Execution(second)}
            for execution in executions.values():
                work(maps, execution)
            for _ in range(repeats):
                for workers, execution in executions.items():
                    start = time.perf_counter()
                    work(maps, execution)
                    rounds[workers].append(time.perf_counter() - start)
    alone, both = (statistics.median(seconds) for seconds in rounds.values())
    ratio = statistics.median(a / b for a, b in zip(*rounds.values(), strict=True))
    beside = f"{ratio:.2f} x as fast as one worker ({alone:.2f} s)"
    table.add_row(f"{side}^3 from files: two workers, 1281 axes", f"{both:.2f} s", beside, "1.7 x")


def big(table: Table, process: Callable[..., tuple[float, float]]) -> None:
    """Whole processes on boxes that fill the memory, with and without a limit."""
    for side, limit, aim in ((768, "", "6144 MiB"), (1024, "", "12288 MiB"), (1024, "4GiB", "4096 MiB")):
        with tempfile.TemporaryDirectory() as folder:
            names = written_pair(folder, side)
            options = ["--memory-limit", limit] if limit else []
            seconds, peak = process(
                "-m", "cryoaniso_nb", "analyze", *names, *options, "--no-figure", "-o", str(Path(folder, "out"))
            )
        within = f" within {limit}" if limit else ""
        table.add_row(f"{side}^3: whole process{within}", f"{seconds:.0f} s", f"{peak:.0f} MiB peak", aim)
