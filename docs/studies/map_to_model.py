"""Verdicts on maps against their models: noise even in all directions, and as missing views leave it.

    python docs/studies/map_to_model.py 7l2i.cif 7a4m.cif 3j06.pdb

A map is its model's density with noise whose power in each shell sets the FSC (0.5 at 0.45 of
Nyquist). Prints the verdicts and the spread of dFSC, over even noise and the model's own power
and, for comparison, over noise alone.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from scipy.fft import fftn, ifftn

import cryoaniso_nb as ca
from cryoaniso_nb.inputs.models import AtomicModel
from cryoaniso_nb.simulate.half_maps import sampling
from cryoaniso_nb.statistics.spread import angular_spread
from cryoaniso_nb.summary.verdict import verdict

VIEWS = ("isotropic", "missing-side-views", "missing-cone", "missing-top-views")
CUTOFF = 0.45  # of Nyquist


def observed(model: AtomicModel, box: int, voxel: float, views: str, seed: int) -> np.ndarray:
    """The model's density in the box's middle, with noise."""
    density = ca.model_density(model, (box, box, box), voxel, origin=None)
    spectrum = fftn(density)
    k = np.fft.fftfreq(box) * box
    z, y, x = np.meshgrid(k, k, k, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    shell = np.rint(radius).astype(int)
    power = np.bincount(shell.ravel(), (np.abs(spectrum) ** 2).ravel()) / np.bincount(shell.ravel())
    ssnr = np.clip(np.exp(3.6 * (1 - (np.arange(power.size) / (CUTOFF * box / 2)) ** 2)) / 3, 1e-4, 1e3)
    noise = (power / ssnr)[shell]
    if views != "isotropic":
        directions = np.stack([x, y, z], axis=-1).reshape(-1, 3) / np.maximum(radius, 1e-9).reshape(-1, 1)
        noise /= np.maximum(sampling(views, directions).reshape(radius.shape), 1e-3)
    white = fftn(np.random.default_rng(seed).normal(size=density.shape)) / box**1.5
    return (density + ifftn(white * np.sqrt(noise)).real).astype(np.float32)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="mmCIF or PDB files")
    parser.add_argument("--maps", type=int, default=6, help="maps of each case (default: 6)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--voxel-size", type=float, default=3.0)
    args = parser.parse_args()
    print("| model | noise | verdicts | spread, own power known | spread, not known |")
    print("| --- | --- | --- | --- | --- |")
    for path in args.models:
        model = ca.read_model(path)
        origin = tuple((model.center - args.box // 2 * args.voxel_size).tolist())
        for views in VIEWS:
            words, known, naive = Counter(), [], []
            for seed in range(args.first_seed, args.first_seed + args.maps):
                volume = observed(model, args.box, args.voxel_size, views, seed)
                r = ca.analyze_against_model(volume, model, voxel_size=args.voxel_size, origin=origin)
                words[verdict(r).cause] += 1
                null = angular_spread(
                    r.dfsc, r.global_fsc, r.fso, cone_half_angle=17.0, masked=False, expected=r.even_noise.dfsc
                )
                known.append(null.ratio)
                plain = angular_spread(r.dfsc, r.global_fsc, r.fso, cone_half_angle=17.0, masked=False)
                naive.append(plain.ratio)
            said = ", ".join(f"{count} {word}" for word, count in words.items())
            print(f"| {model.name} | {views} | {said} | {np.mean(known):.2f} | {np.mean(naive):.2f} |", flush=True)


if __name__ == "__main__":
    main()
