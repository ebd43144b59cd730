"""Directional resolution, regions and FSO on the package's own simulated maps, beside their truth.

python -m docs.studies.presets --jobs 16 --maps 20 --out presets.jsonl
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import cryoaniso_nb as ca
from cryoaniso_nb.simulate import preset_ssnr

from . import page
from .lattice import cap_means, frequencies
from .measure import ALONE, row_of
from .runner import main
from .truth import CAP, Truth

PRESETS = ("isotropic", "missing-top-views", "missing-side-views", "missing-cone")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Arguments of `simulate_half_maps`."""

    preset: str
    signal: str
    box: int

    @property
    def label(self) -> str:
        """As text."""
        return f"box={self.box} preset={self.preset} signal={self.signal}"


def truth_of(maps: ca.HalfMaps, preset: str, box: int) -> Truth:
    """The package's truth in the form of the studies: dFSC as signal, 1 - dFSC as noise.

    Noise goes as one over the preset's sampling.
    """
    known = maps.truth
    dfsc = np.c_[np.full(len(known.axes), np.nan), known.dfsc]
    n_eff = np.c_[np.full(len(known.axes), np.nan), known.n_eff]
    whole = np.nansum(dfsc * n_eff, axis=0) / np.maximum(np.nansum(n_eff, axis=0), 1e-9)
    unit = frequencies(box)[1]
    noise = preset_ssnr(preset, (box,) * 3).noise(unit.reshape(3, -1).T).reshape(unit.shape[1:])
    caps = cap_means(noise.astype(np.float32), box, CAP)
    return Truth(box, maps.voxel_size, known.axes, known.areas, dfsc, 1 - dfsc, n_eff, whole, 1 - whole, caps)


def job(case: Preset, seed: int) -> dict[str, Any]:
    """Simulate, analyze, compare."""
    maps = ca.simulate_half_maps(case.box, preset=case.preset, signal=case.signal, seed=seed)
    result = ca.analyze(maps, calibrate=99, band=99, seed=seed, execution=ALONE)
    return row_of(result, truth_of(maps, case.preset, case.box))


CASES = tuple(
    Preset(preset=preset, signal=signal, box=box)
    for box in (64, 96, 128)
    for preset in PRESETS
    for signal in ("noise", "phantom")
)

if __name__ == "__main__":
    main(job, CASES, page.presets, maps=20, first_seed=3_000_000)
