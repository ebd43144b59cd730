"""Measure the engine beside the bare transforms, and whole processes beside recorded ones."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import scipy.fft
from rich.console import Console
from rich.table import Table

import cryoaniso_nb as ca
from benchmarks import large
from cryoaniso_nb.measures.threedfsc_volume import central_slices

# Xmipp's C++ FSO at 256^3, 2 threads, FSO alone, on a machine of this kind: median wall time and peak memory.
XMIPP_SECONDS, XMIPP_MIB = 3.95, 618.0

console = Console(width=110)


def timed(function: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def pair(side: int) -> ca.HalfMaps:
    """Half maps in memory: common signal falling off, and noise."""
    rng = np.random.default_rng(side)
    signal = scipy.fft.rfftn(rng.standard_normal((side,) * 3, dtype=np.float32), workers=-1)
    z, y, x = (f(side) for f in (np.fft.fftfreq, np.fft.fftfreq, np.fft.rfftfreq))
    squares = (2 * z[:, None, None]) ** 2 + y[:, None] ** 2 + x**2
    signal *= (2 * np.exp(-20 * squares)).astype(np.float32)
    common = scipy.fft.irfftn(signal, s=(side,) * 3, workers=-1)
    del signal, squares
    halves = [common + rng.standard_normal(common.shape, dtype=np.float32) for _ in range(2)]
    return ca.open_half_maps(*halves, voxel_size=1.0)


def compared(one: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Median seconds of both, taken in turn, and the median of their ratios."""
    one(), other()
    rounds = [(timed(one), timed(other)) for _ in range(repeats)]
    first, second = (statistics.median(t) for t in zip(*rounds, strict=True))
    return first, second, statistics.median(b / a for a, b in rounds)


# The peak of a child starts at that of the process it is started from: so from a small one.
LAUNCHER = """
import os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def process(*arguments: str) -> tuple[float, float]:
    """Wall seconds and peak MiB of a whole Python process."""
    command = [sys.executable, *arguments]
    run = subprocess.run([sys.executable, "-c", LAUNCHER, *command], capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {run.returncode}")
    seconds, peak = (float(word) for word in run.stdout.split())
    return seconds, peak


def engine(table: Table, side: int, repeats: int) -> None:
    """The analysis of arrays in memory beside two bare transforms on the same threads."""
    maps = pair(side)
    threads = os.cpu_count()

    def transforms() -> None:
        scipy.fft.rfftn(maps.half1, workers=threads)
        scipy.fft.rfftn(maps.half2, workers=threads)

    bare, full, ratio = compared(transforms, lambda: ca.analyze(maps), repeats)
    table.add_row(f"{side}^3: two bare rfftn", f"{bare:.3f} s", "", "")
    table.add_row(f"{side}^3: FSO + BT + DR, 321 axes", f"{full:.3f} s", f"{ratio:.2f} x rfftn", "2.0 x")
    result = ca.analyze(maps)
    cut = statistics.median(
        timed(lambda: result.with_cones(cone_half_angle=20.0, threshold=0.5)) for _ in range(repeats)
    )
    table.add_row(f"{side}^3: re-cut to other cones", f"{cut:.3f} s", f"{cut / bare:.2f} x rfftn", "0.15 s")
    chi = statistics.median(timed(lambda: result.with_cones(threshold=0.3)) for _ in range(repeats))
    table.add_row(f"{side}^3: other threshold, same cones", f"{chi:.3f} s", f"{chi / bare:.2f} x rfftn", "0.15 s")
    first = timed(lambda: next(iter(ca.iter_analysis(maps))))
    table.add_row(f"{side}^3: first partial result (6 axes)", f"{first:.3f} s", f"{first / bare:.2f} x rfftn", "")
    volume = statistics.median(timed(result.threedfsc) for _ in range(3))
    table.add_row(f"{side}^3: 3DFSC volume", f"{volume:.3f} s", f"{volume / full:.2f} x analysis", "3 x")
    slices = timed(lambda: central_slices(result.dfsc, result.global_fsc.fsc))
    table.add_row(f"{side}^3: 3DFSC central slices", f"{slices:.3f} s", "", "")


def slider(table: Table, side: int, repeats: int) -> None:
    """A step of the explorer's cone and threshold sliders: other cones, drawn by every view in sight."""
    explorer = ca.explore(ca.analyze(pair(side)))
    try:
        steps = {"cone_half_angle": (20.0, 21.0), "threshold": (0.2, 0.25), "axes": (321, 1281)}
        for name, values in steps.items():

            def step(value: float, name: str = name) -> None:
                explorer.session.recut(**{name: value})
                drawn = explorer.session.state.result
                if getattr(drawn.settings, "n_axes" if name == "axes" else name) != value:
                    raise SystemExit(f"the explorer did not draw {name} = {value}")

            for value in values:
                seconds = []
                for _ in range(repeats):
                    step(values[0] if value != values[0] else values[1])
                    seconds.append(timed(partial(step, value)))
                label = f"{name.replace('_', ' ')} to {value:g}"
                table.add_row(f"{side}^3: explorer, {label}", f"{statistics.median(seconds):.3f} s", "", "0.15 s")
    finally:
        explorer.close()


def statistics_rows(table: Table, side: int) -> None:
    """The statistics that are asked for besides."""
    result = ca.analyze(pair(side))
    seconds = timed(lambda: result.with_calibration(n_replicates=199))
    table.add_row(f"{side}^3: calibrated Bingham test, 199 replicates", f"{seconds:.1f} s", "", "30 s")
    seconds = timed(lambda: result.with_band(n_replicates=199))
    table.add_row(f"{side}^3: band, 199 replicates", f"{seconds:.1f} s", "", "")


def processes(table: Table, side: int, repeats: int) -> None:
    """Whole processes from files, kernels cached, beside Xmipp's recorded time."""
    maps = pair(side)
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / f"half{i}.mrc") for i in (1, 2)]
        for name, half in zip(names, (maps.half1, maps.half2), strict=True):
            ca.write_map(name, half, 1.5)
        for label, options in (("--no-figure", ["--no-figure"]), ("with the figure", [])):
            arguments = (
                "-m",
                "cryoaniso_nb",
                "analyze",
                *names,
                *options,
                "--overwrite",
                "-o",
                str(Path(folder) / "out"),
            )
            process(*arguments)
            runs = [process(*arguments) for _ in range(repeats)]
            seconds, peak = statistics.median(r[0] for r in runs), max(r[1] for r in runs)
            beside = f"{seconds / XMIPP_SECONDS:.2f} x Xmipp's {XMIPP_SECONDS} s" if side == 256 else ""
            table.add_row(f"{side}^3: cold process, {label}", f"{seconds:.2f} s", beside, "0.33 x" if beside else "")
            memory = f"{peak / XMIPP_MIB:.2f} x Xmipp's {XMIPP_MIB:.0f} MiB" if side == 256 else ""
            table.add_row(f"{side}^3: peak memory, {label}", f"{peak:.0f} MiB", memory, "")


def surveys(table: Table, pairs: int = 100, side: int = 64) -> None:
    """Many small pairs from files in one survey, beside a bare loop over the same ones."""
    rng = np.random.default_rng(0)
    presets = ("isotropic", "missing-cone", "missing-side-views", "missing-top-views")
    made = [ca.simulate_half_maps(box=side, voxel_size=1.5, preset=preset, seed=1) for preset in presets]
    with tempfile.TemporaryDirectory() as folder:
        names = [[f"{folder}/maps/p{number}_half{half}.mrc" for half in (1, 2)] for number in range(pairs)]
        Path(folder, "maps").mkdir()
        for number, files in enumerate(names):
            maps = made[number % len(made)]
            for name, half in zip(files, (maps.half1, maps.half2), strict=True):
                noise = 0.3 * np.std(half) * rng.standard_normal(half.shape, dtype=np.float32)
                ca.write_map(name, half + noise, 1.5)

        def loop() -> None:
            for files in names:
                ca.analyze(ca.open_half_maps(*files))

        ca.survey(names[0][0], f"{folder}/warm")  # what is imported, compiled and cached once
        bare = timed(loop)
        whole = timed(lambda: ca.survey(f"{folder}/maps", f"{folder}/out"))
        again = timed(lambda: ca.survey(f"{folder}/maps", f"{folder}/out"))
        size = Path(folder, "out", "index.html").stat().st_size / 1e3
    label = f"{pairs} pairs of {side}^3"
    table.add_row(f"{label}: analyze in a loop, nothing written", f"{bare:.1f} s", "", "")
    beside = f"{whole / bare:.2f} x the loop"
    table.add_row(f"{label}: survey, folders, table and pages", f"{whole:.1f} s", beside, "30 s")
    table.add_row(f"{label}: survey again, nothing to do", f"{again:.2f} s", f"index of {size:.0f} kB", "")


def growth(table: Table, sides: tuple[int, ...]) -> None:
    """From small boxes to large ones; memory of a process of its own, the maps included."""
    for side in sides:
        maps = pair(side)
        ca.analyze(maps)
        seconds = min(timed(lambda maps=maps: ca.analyze(maps)) for _ in range(3))
        del maps
        _, peak = process("-c", f"from benchmarks.__main__ import pair, ca; ca.analyze(pair({side}))")
        target = "8192 MiB" if side == 512 else ""
        table.add_row(f"{side}^3: analysis", f"{seconds:.3f} s", f"{peak:.0f} MiB peak, with the maps", target)


def main() -> None:
    """Run what was asked for and print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="box of the main rows (256)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of each ratio (7)")
    parser.add_argument("--quick", action="store_true", help="leave out growth and statistics")
    parser.add_argument("--big", action="store_true", help="boxes of 768 and 1024 alone (some minutes, 8 GiB of disk)")
    options = parser.parse_args()
    table = Table(
        "what",
        "measured",
        "beside",
        "aim",
        title=f"{os.cpu_count()} threads, load {os.getloadavg()[0]:.1f} at the start",
    )
    with console.status("measuring ..."):
        if options.big:
            large.big(table, process)
            console.print(table)
            return
        engine(table, options.side, options.repeats)
        slider(table, options.side, options.repeats)
        processes(table, options.side, max(3, options.repeats // 2))
        if not options.quick:
            surveys(table)
            growth(table, (64, 128, 256, 512))
            statistics_rows(table, options.side)
            large.cluster(table)
    console.print(table)


if __name__ == "__main__":
    main()
