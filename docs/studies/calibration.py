"""Size and power of the Bingham tests on simulated half maps with a known answer.

    python docs/studies/calibration.py --boxes 48 64 --power-maps 60
    python docs/studies/calibration.py --boxes 96 --power-maps 0 --name calibration_96
    python docs/studies/calibration.py --boxes 48 64 --profiles steep --masks yes --maps 200 \\
        --first-seed 50000000 --power-maps 0 --name fresh_seeds
    python docs/studies/calibration.py --boxes 96 --profiles slow --masks no --maps 100 \\
        --first-seed 60000000 --power-maps 0 --name fresh_seeds

Each map has its own null with its own seed. One line a case goes to calibration.csv (or the
name given) beside this file, the histograms of all p-values to calibration.json, as soon as the case is done.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from pathlib import Path

import numpy as np

import cryoaniso_nb as ca
from cryoaniso_nb import simulate
from cryoaniso_nb.fourier import n_shells
from cryoaniso_nb.measures.calibration import calibrate
from cryoaniso_nb.measures.noisefields import mask_kernel

HERE = Path(__file__).parent
ODDS = 0.143 / 0.857
MAPS = {48: 100, 64: 90, 96: 60}  # a case; there are four a box


def ssnr_of(profile: str, ratio: float, box: int):
    """a^2 falling to FSC 0.143 at 0.55 Nyquist along x and y, and `ratio` times earlier along z."""
    cutoff = 0.55 * n_shells((box, box, box))

    def ssnr(shell, direction):
        k = shell * np.sqrt(1 + (ratio**2 - 1) * direction[:, 2] ** 2) / cutoff
        if profile == "slow":
            return ODDS * np.exp(6 * (1 - k))
        return np.maximum(ODDS * np.exp(8 * (1 - k**2)), 0.01 * ODDS)

    return ssnr


def soft_ellipsoid(box: int, stretch: float = 1.3) -> np.ndarray:
    """A soft mask that keeps about 11 % of the box, a ball with ``stretch=1``."""
    z, y, x = np.indices((box, box, box)) - box // 2
    radius = np.sqrt((z / stretch) ** 2 + y**2 + x**2)
    return (0.5 * (1 - np.tanh((radius - 0.27 * box) / 1.5))).astype(np.float32)


def run(case: dict, maps: int, first_seed: int) -> tuple[dict, dict]:
    """Rejected shares of one case, and histograms of its p-values."""
    box, masked = case["box"], case["mask"]
    mask = soft_ellipsoid(box) if masked else None
    kernel = mask_kernel(mask)
    zone, textbook, published, whole, owner = [], [], [], [], []
    start = time.perf_counter()
    for seed in range(first_seed, first_seed + maps):
        halves = simulate.simulate_half_maps(box, 1.0, seed=seed, ssnr=ssnr_of(case["profile"], case["ratio"], box))
        r = ca.analyze(dataclasses.replace(halves, mask=mask), scheduler="synchronous")
        test = calibrate(
            r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n=199, seed=seed, mask=kernel, scheduler="synchronous"
        )
        f = r.fso.frequency
        end = np.nan_to_num(r.fso.end.frequency, nan=np.inf)  # where luck alone passes 10 % of the cones there is none
        inside = (f >= r.fso.onset.frequency) & (f <= end) & np.isfinite(test.p_value)
        zone.extend(test.p_value[inside])
        textbook.extend(r.bingham.p_value[inside])
        published.extend(r.bingham.published[inside])
        whole.append(test.map_p_value)
        owner.extend([seed - first_seed] * int(inside.sum()))
    zone, textbook, published, whole, owner = map(np.array, (zone, textbook, published, whole, owner))
    excess = np.bincount(owner, (zone <= 0.05) - (zone <= 0.05).mean(), maps)  # shells of one map are not independent
    row = {
        **case,
        "maps": maps,
        "shells": zone.size,
        "textbook_rejected": round(float((textbook < 0.05).mean()), 4),
        "published_above_0.95": round(float((published > 0.95).mean()), 4),
        "calibrated_rejected": round(float((zone <= 0.05).mean()), 4),
        "calibrated_rejected_se": round(float(np.sqrt((excess**2).sum()) / zone.size), 4),
        "map_test_rejected": round(float((whole <= 0.05).mean()), 4),
        "seconds": round(time.perf_counter() - start, 1),
    }
    bins = np.linspace(0, 1, 21)
    counts = {
        name: np.histogram(p, bins)[0].tolist()
        for name, p in (("calibrated", zone - 1e-9), ("textbook", textbook), ("map", whole - 1e-9))
    }
    return row, {**case, **counts}


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, nargs="+", default=[48, 64, 96])
    parser.add_argument("--profiles", nargs="+", choices=("slow", "steep"), default=["slow", "steep"])
    parser.add_argument("--masks", nargs="+", choices=("no", "yes"), default=["no", "yes"])
    parser.add_argument("--maps", type=int, help="isotropic maps a case, instead of 100, 90 and 60 by box")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--name", default="calibration")
    parser.add_argument("--power-maps", type=int, default=60)
    options = parser.parse_args()
    simulate.truth_of = lambda *_, **__: None  # the truth is known here and not asked for
    sizes = [
        ({"box": box, "profile": profile, "mask": mask, "ratio": 1.0}, options.maps or MAPS[box])
        for box in options.boxes
        for profile in ("slow", "steep")
        for mask in (False, True)
    ]
    power = [
        ({"box": 64, "profile": "steep", "mask": mask, "ratio": ratio}, options.power_maps)
        for ratio in (1.1, 1.5)
        for mask in (False, True)
        if options.power_maps
    ]
    for number, (case, maps) in enumerate(sizes + power):  # a case's seeds don't depend on which others are run
        if case["profile"] in options.profiles and ("no", "yes")[case["mask"]] in options.masks:
            row, counts = run(case, maps, options.first_seed + 100_000 * case["box"] + 10_000 * number)
            print(row, flush=True)
            keep(HERE / options.name, row, ("box", "profile", "mask", "ratio"), counts)


def keep(path: Path, row: dict, names: tuple[str, ...], counts: dict | None = None) -> None:
    """Add a case, told by these columns, to the files, in place of an earlier run of it; the others stay."""

    def key(case: dict) -> list[str]:
        return [str(case[name]) for name in names]

    table, histograms = path.with_suffix(".csv"), path.with_suffix(".json")
    rows = list(csv.DictReader(table.open())) if table.exists() else []
    places = [key(other) for other in rows]
    place = places.index(key(row)) if key(row) in places else len(rows)
    rows[place : place + 1] = [row]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerows(rows)
    if counts is not None:
        found = json.loads(histograms.read_text()) if histograms.exists() else []
        found[place : place + 1] = [counts]
        histograms.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
