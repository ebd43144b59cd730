"""The figures of docs/statistics.md, from seeded maps and the tables of calibration.py.

python docs/studies/figures.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import cryoaniso_nb as ca
from cryoaniso_nb.measures.bands import band
from cryoaniso_nb.measures.calibration import calibrate
from cryoaniso_nb.measures.conestudy import cone_study

HERE = Path(__file__).parent
IMAGES = HERE.parent / "images"
BOX = 96


def draw_band() -> None:
    """FSO with band and floor, and the three p-values below, of an isotropic and an anisotropic map."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for column, preset in zip(axes.T, ("isotropic", "missing-side-views"), strict=True):
        maps = ca.simulate_half_maps(BOX, preset=preset, seed=1)
        r = ca.analyze(maps)
        b = band(r.dfsc, r.fso, r.settings)
        test = calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings)
        shell = np.arange(1, BOX // 2 + 1)
        top, bottom = column
        top.fill_between(shell, b.low, b.high, color="tab:blue", alpha=0.25, lw=0, label="95 % band")
        top.plot(shell, r.fso.occupancy, color="tab:blue", label="FSO")
        top.plot(shell, maps.truth.fso_expected, color="k", lw=1, label="truth, with noise")
        top.plot(shell, maps.truth.fso_ideal, color="k", lw=1, ls="--", label="truth, without noise")
        top.plot(shell, b.noise_free, color="tab:orange", lw=1, label="estimate without noise")
        top.plot(shell, b.floor, color="gray", ls=":", label="floor of pure noise")
        top.set(title=preset, ylabel="FSO", ylim=(-0.03, 1.03))
        bottom.semilogy(shell, np.maximum(r.bingham.p_value, 1e-6), color="tab:red", lw=1, label="textbook p")
        bottom.semilogy(shell, test.p_value, "o", ms=3, color="tab:green", label="calibrated p")
        bottom.axhline(0.05, color="gray", lw=0.8)
        bottom.set(xlabel="shell", ylabel="p", ylim=(8e-7, 1.5))
        bottom.text(0.02, 0.08, f"map-level p = {test.map_p_value:.3f}", transform=bottom.transAxes)
    axes[0, 0].legend(fontsize=7)
    axes[1, 0].legend(fontsize=7)
    figure.savefig(IMAGES / "statistics_band.png", dpi=110)


def draw_cones() -> None:
    """Noise and blur against the half-angle."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axis, preset in zip(figure.subplots(1, 2, sharey=True), ("isotropic", "missing-cone"), strict=True):
        study = cone_study(ca.simulate_half_maps(128, preset=preset, seed=1))
        axis.plot(study.angles, study.noise, "o-", ms=3, label="noise")
        axis.plot(study.angles, study.bias, "o-", ms=3, label="blur")
        axis.plot(study.angles, study.total, "k--", lw=1, label="both")
        axis.axvline(study.recommended, color="gray", lw=0.8)
        axis.set(title=preset, xlabel="half-angle (degrees)", ylabel="error of dFSC")
        axis.legend(fontsize=7)
    figure.savefig(IMAGES / "statistics_cones.png", dpi=110)


def draw_calibration() -> None:
    """p-values of isotropic maps, all cases together."""
    cases = [case for path in sorted(HERE.glob("calibration*.json")) for case in json.loads(path.read_text())]
    cases = [case for case in cases if case["ratio"] == 1]
    if not cases:
        return
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    titles = {"textbook": "textbook p, shells", "calibrated": "calibrated p, shells", "map": "calibrated p, maps"}
    for axis, (name, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        counts = np.sum([case[name] for case in cases], axis=0)
        axis.bar(np.arange(20) / 20, counts / counts.sum() * 20, width=0.05, align="edge")
        axis.axhline(1, color="k", lw=0.8)
        axis.set(title=f"{title} (n = {counts.sum()})", xlabel="p", ylabel="density")
    figure.savefig(IMAGES / "statistics_calibration.png", dpi=110)


if __name__ == "__main__":
    draw_band()
    draw_cones()
    draw_calibration()
