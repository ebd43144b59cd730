"""Bias of the mask correction inside cones, where each cone's true dFSC falls below 0.143.

    python docs/studies/mask_correction.py

Prints found minus true dFSC, in the two shells around the true crossing of every cone, for the
masked halves, corrected by one draw of random phases, and as the package corrects them.
"""

from __future__ import annotations

import argparse
import dataclasses
from types import SimpleNamespace

import numpy as np
from scipy.fft import irfftn, rfftn

import cryoaniso_nb as ca
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.geometry.shells import shell_index
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.statistics.mask_correction import corrected_fsc

CASES = (  # box, preset, radius and edge of the spherical mask
    (64, "isotropic", 20, 6),
    (64, "isotropic", 12, 3),
    (64, "isotropic", 12, 0),
    (64, "missing-side-views", 16, 6),
    (64, "missing-top-views", 16, 6),
    (96, "isotropic", 24, 6),
)


def one_draw(maps: ca.HalfMaps, result: ca.AnalysisResult, first_shell: int, seed: int) -> np.ndarray:
    """FSC of the masked halves in every cone, with one draw of random phases from a shell on."""
    rng = np.random.default_rng(seed)
    beyond = shell_index(maps.box) >= first_shell
    halves = []
    for half in (maps.half1, maps.half2):
        before, noise = rfftn(half), rfftn(rng.standard_normal(maps.box))
        turned = np.where(beyond, np.abs(before) * noise / np.abs(noise), before)
        halves.append((irfftn(turned, s=maps.box) * maps.mask).astype(np.float32))
    pair = SimpleNamespace(half1=halves[0], half2=halves[1], mask=None, voxel_size=maps.voxel_size)
    sums = cone_sums(accumulate(pair), result.dfsc.axes, result.settings.cone_half_angle)
    return correlation(sums.xy, sums.xx, sums.yy)


def bias(values: np.ndarray, truth: np.ndarray, first_shell: int) -> float:
    """Mean of found minus true dFSC around the true crossing of each axis."""
    crossing = (truth < 0.143).argmax(axis=1)
    used = crossing >= first_shell
    pairs = [(values - truth)[used, crossing[used] + step] for step in (-1, 0)]
    return float(np.mean(pairs))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, default=8, help="maps of each case (default: 8)")
    parser.add_argument("--first-seed", type=int, default=0)
    args = parser.parse_args()
    print("| box | views | mask's radius, edge | masked | one draw | corrected |")
    print("| --- | --- | --- | --- | --- | --- |")
    for box, preset, radius, edge in CASES:
        rows = []
        for seed in range(args.first_seed, args.first_seed + args.maps):
            maps = ca.simulate_half_maps(box=box, preset=preset, seed=seed)
            maps = dataclasses.replace(maps, mask=ca.sphere_mask(maps.box, radius, edge=edge))
            result = ca.analyze(maps, correct_mask=True)
            fix = result.mask_correction
            assert fix is not None
            assert maps.truth is not None
            drawn = one_draw(maps, result, fix.randomised_from, seed + 10**6)
            curves = (
                result.dfsc.values,
                corrected_fsc(result.dfsc.values, drawn, fix.corrected_from),
                fix.dfsc.values,
            )
            rows.append([bias(values, maps.truth.dfsc, fix.corrected_from) for values in curves])
        numbers = " | ".join(f"{value:+.3f}" for value in np.mean(rows, axis=0))
        print(f"| {box} | {preset} | {radius}, {edge} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
