"""How often two maps of one truth are told apart: size and coverage of `AnalysisResult.comparison`.

python -m docs.studies.comparing PAIRS SEED
"""

from __future__ import annotations

import sys

import numpy as np

import cryoaniso_nb as ca

PRESETS = ("isotropic", "missing-cone", "missing-side-views", "missing-top-views")


def analyzed(number: int, seed: int) -> ca.AnalysisResult:
    """One map of the pair with this number: box, preset, signal and mask go round."""
    box = (48, 64)[number % 2]
    signal = "phantom" if number % 5 else "noise"
    maps = ca.simulate_half_maps(box=box, preset=PRESETS[number // 2 % 4], signal=signal, seed=seed)
    if number % 3 == 0:
        mask = ca.soft_mask(ca.sphere_mask((box,) * 3, 0.36 * box), edge=5)
        maps = ca.open_half_maps(maps.half1, maps.half2, voxel_size=maps.voxel_size, mask=mask)
    return ca.analyze(maps)


def main(pairs: int, seed: int) -> None:
    """Print the rates."""
    rng = np.random.default_rng(seed)
    inside, somewhere, varying, scores = 0, 0, 0, []
    for number in range(pairs):
        first, second = (analyzed(number, int(rng.integers(2**31))) for _ in range(2))
        found = first.comparison(second)
        low, high = found.ratio_interval
        inside += low <= 1 <= high
        somewhere += found.finer_share > 0 or found.coarser_share > 0
        varying += found.varies
        scores.append(np.log(found.ratio) / (np.log(high / low) / 3.92))
    print(f"{pairs} pairs of one truth: the interval of the mean ratio holds 1 in {inside / pairs:.1%}")
    print(f"standard scores have a standard deviation of {np.std(scores):.2f}")
    print(
        f"some direction called different in {somewhere / pairs:.1%}, directions said to vary in {varying / pairs:.1%}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
