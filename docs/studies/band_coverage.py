"""How often the band of FSO and its intervals hold what simulated half maps give on average.

    python docs/studies/band_coverage.py

One line for each box and preset goes to band_coverage.csv (or the name given) beside this file as
soon as it is done. An end of an interval that isn't known (NaN) counts as without limit.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

import cryoaniso_nb as ca
from cryoaniso_nb import simulate
from cryoaniso_nb.measures.bands import Band, band
from cryoaniso_nb.measures.crossing import first_crossing
from cryoaniso_nb.results import Truth

HERE = Path(__file__).parent
FIRST_SHELL = 5  # below it there is no band


def between(interval: tuple[float, float], truth: float) -> bool:
    """Whether an interval in Å, from low to high frequency, holds a value."""
    return bool(np.nan_to_num(interval[0], nan=np.inf) >= truth >= np.nan_to_num(interval[1]))


def covered(found: Band, truth: Truth) -> dict[str, float]:
    """Shares of one map: shells whose band, and ends and axes whose interval holds the truth."""
    expected = truth.fso_expected
    zone = (expected > 0.03) & (expected < 0.97) & (np.arange(1, expected.size + 1) >= FIRST_SHELL)
    onset, end = truth.transition_zone_expected
    middle = first_crossing(truth.frequency, expected, 0.5, start=FIRST_SHELL).resolution
    low, high = 1 / found.resolution_low, np.nan_to_num(1 / found.resolution_high, nan=np.inf)
    return {
        "shells": float(zone.sum()),
        "band_hits": float(((found.low <= expected) & (expected <= found.high))[zone].sum()),
        "fso_0.9": between(found.onset, onset),
        "fso_0.5": between(found.middle, middle),
        "fso_0.1": between(found.end, end),
        "resolution": float(np.mean((low <= 1 / truth.resolution) & (1 / truth.resolution <= high))),
        "unknown_ends": float(np.isnan([found.onset, found.middle, found.end]).sum()),
    }


def run(box: int, preset: str, maps: int, first_seed: int, n: int) -> dict[str, object]:
    """Shares over all maps of one box and preset."""
    start = time.perf_counter()
    truth = simulate.truth_of((box,) * 3, 1.0, simulate.preset_ssnr(preset, (box,) * 3))
    original, simulate.truth_of = simulate.truth_of, lambda *_, **__: truth  # made once, not once a map
    rows = []
    for seed in range(first_seed, first_seed + maps):
        r = ca.analyze(ca.simulate_half_maps(box, preset=preset, seed=seed), scheduler="synchronous")
        rows.append(covered(band(r.dfsc, r.fso, r.settings, n=n, seed=seed, scheduler="synchronous"), truth))
    simulate.truth_of = original
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    share = table["band_hits"].sum() / table["shells"].sum()
    error = np.sqrt(np.sum((table["band_hits"] - share * table["shells"]) ** 2)) / table["shells"].sum()
    return {
        "box": box,
        "preset": preset,
        "maps": maps,
        "shells": int(table["shells"].sum()),
        "band": round(float(share), 4),
        "band_se": round(float(error), 4),
        **{name: round(float(table[name].mean()), 4) for name in ("fso_0.9", "fso_0.5", "fso_0.1", "resolution")},
        "unknown_ends": int(table["unknown_ends"].sum()),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    """Run all boxes and presets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, nargs="+", default=[48, 64, 96])
    parser.add_argument("--presets", nargs="+", default=["isotropic", "missing-top-views", "missing-side-views"])
    parser.add_argument("--maps", type=int, default=60, help="for each box and preset")
    parser.add_argument("--replicates", type=int, default=99)
    parser.add_argument("--first-seed", type=int, default=70_000_000)
    parser.add_argument("--name", default="band_coverage")
    options = parser.parse_args()
    rows = []
    for number, (box, preset) in enumerate((b, p) for b in options.boxes for p in options.presets):
        rows.append(run(box, preset, options.maps, options.first_seed + 1000 * number, options.replicates))
        print(rows[-1], flush=True)
        with (HERE / f"{options.name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
