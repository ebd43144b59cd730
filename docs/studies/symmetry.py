"""Size of the calibrated test on isotropic maps with a point group, told the group and not.

    python docs/studies/symmetry.py

Maps of white signal and noise are made symmetric by averaging their copies under a group of the
grid, so that they stay isotropic. One line a case goes to symmetry.csv (or the name given)
beside this file as soon as the case is done.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
from calibration import keep, soft_ellipsoid, ssnr_of
from scipy.stats import kstest

import cryoaniso_nb as ca
from cryoaniso_nb import simulate
from cryoaniso_nb.measures.calibration import Calibration, calibrate
from cryoaniso_nb.measures.noisefields import mask_kernel
from cryoaniso_nb.symmetry import point_group

HERE = Path(__file__).parent
GROUPS = ("C2", "D2", "O")


def symmetrised(half: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sum of a periodic map's copies under rotations that permute and flip axes; the noise keeps its variance."""
    total = np.zeros(half.shape, dtype=np.float64)
    for rotation in np.rint(group).astype(int)[:, ::-1, ::-1]:  # on (z, y, x)
        source = np.abs(rotation).argmax(axis=1)
        copy = half.transpose(source)
        for axis in np.flatnonzero(rotation.sum(axis=1) < 0):
            copy = np.roll(np.flip(copy, axis), 1, axis)
        total += copy
    return (total / np.sqrt(len(group))).astype(np.float32)


def in_zone(r: ca.AnalysisResult, test: Calibration) -> np.ndarray:
    """Shells of the transition zone that were tested."""
    f, end = r.fso.frequency, np.nan_to_num(r.fso.end.frequency, nan=np.inf)
    return (f >= r.fso.onset.frequency) & (f <= end) & np.isfinite(test.p_value)


def run(box: int, name: str, masked: bool, maps: int, first_seed: int) -> dict[str, object]:
    """Rejected shares of one box and group."""
    start = time.perf_counter()
    group = point_group(name)
    mask = soft_ellipsoid(box, stretch=1.0) if masked else None
    found: dict[str, list[float]] = {key: [] for key in ("textbook", "told", "untold", "map_told", "map_untold")}
    for seed in range(first_seed, first_seed + maps):
        halves = simulate.simulate_half_maps(box, 1.0, seed=seed, ssnr=ssnr_of("slow", 1.0, box))
        halves = dataclasses.replace(
            halves, half1=symmetrised(halves.half1, group), half2=symmetrised(halves.half2, group), mask=mask
        )
        r = ca.analyze(halves, scheduler="synchronous")
        for key, rotations in (("told", group), ("untold", None)):
            test = calibrate(
                r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n=199, seed=seed, mask=mask_kernel(mask),
                rotations=rotations, symmetry=name, scheduler="synchronous",
            )  # fmt: skip
            inside = in_zone(r, test)
            found[key].extend(test.p_value[inside])
            found[f"map_{key}"].append(test.map_p_value)
            if key == "told":
                found["textbook"].extend(r.bingham.p_value[inside])
    shares = {key: round(float((np.array(p) <= 0.05).mean()), 4) for key, p in found.items()}
    return {
        "box": box,
        "group": name,
        "mask": masked,
        "maps": maps,
        "shells": len(found["told"]),
        **{f"{key}_rejected": share for key, share in shares.items()},
        "told_mean_p": round(float(np.mean(found["told"])), 4),
        "untold_mean_p": round(float(np.mean(found["untold"])), 4),
        "map_told_uniform_p": round(float(kstest(found["map_told"], "uniform").pvalue), 4),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, nargs="+", default=[48])
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--masks", nargs="+", choices=("no", "yes"), default=["no", "yes"])
    parser.add_argument("--maps", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=90_000_000)
    parser.add_argument("--name", default="symmetry")
    options = parser.parse_args()
    simulate.truth_of = lambda *_, **__: None  # the truth is known here and not asked for
    for box in options.boxes:
        for group in options.groups:
            for masked in (mask == "yes" for mask in options.masks):
                first = options.first_seed + 1000 * (2 * GROUPS.index(group) + masked)
                row = run(box, group, masked, options.maps, first)
                print(row, flush=True)
                keep(HERE / options.name, row, ("box", "group", "mask"))


if __name__ == "__main__":
    main()
