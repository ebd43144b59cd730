"""The figures of docs/statistics.md, from seeded maps and from the rows that studies left in a folder.

    python -m docs.studies.figures FOLDER

reads even_views.jsonl and smallest_effect.jsonl there, as far as they exist.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import cryoaniso_nb as ca

from .cone_angle import cone_study
from .runner import rows_of
from .tables import blamed, ratio_of_case, rejects, values

IMAGES = Path(__file__).parent.parent / "images"
BOX = 96
TESTS = {"noise_p_value": "noise", "dfsc_p_value": "dFSC"}


def draw_band() -> None:
    """FSO with band and floor, and the p-values of the Bingham test below, of an isotropic and an anisotropic map."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for column, preset in zip(axes.T, ("isotropic", "missing-side-views"), strict=True):
        maps = ca.simulate_half_maps(BOX, preset=preset, seed=1)
        result = ca.analyze(maps, band=199, calibrate=199)
        band, shell = result.band, np.arange(1, BOX // 2 + 1)
        top, bottom = column
        top.fill_between(shell, band.low, band.high, color="tab:blue", alpha=0.25, lw=0, label="95 % band")
        top.plot(shell, result.fso.occupancy, color="tab:blue", label="FSO")
        top.plot(shell, maps.truth.fso_expected, color="k", lw=1, label="truth, with noise")
        top.plot(shell, maps.truth.fso_ideal, color="k", lw=1, ls="--", label="truth, without noise")
        top.plot(shell, band.floor, color="gray", ls=":", label="floor of pure noise")
        top.set(title=preset, ylabel="FSO", ylim=(-0.03, 1.03))
        textbook = np.maximum(result.bingham.p_textbook, 1e-6)
        bottom.semilogy(shell, textbook, color="tab:red", lw=1, label="textbook p")
        bottom.semilogy(shell, result.bingham.p_calibrated, "o", ms=3, color="tab:green", label="calibrated p")
        bottom.axhline(0.05, color="gray", lw=0.8)
        bottom.set(xlabel="shell", ylabel="p", ylim=(8e-7, 1.5))
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


def draw_size(rows: list[dict[str, Any]]) -> None:
    """p-values of maps with even views, by mask."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    masks = ("none", "loose", "tight")
    for line, (name, title) in zip(figure.subplots(len(TESTS), 3, sharey=True), TESTS.items(), strict=True):
        for axis, mask in zip(line, masks, strict=True):
            p = values([row for row in rows if row["mask"] == mask], name)
            p = p[np.isfinite(p)]
            axis.hist(p, np.linspace(0, 1, 21), weights=np.full(p.size, 20 / max(p.size, 1)))
            axis.axhline(1, color="k", lw=0.8)
            axis.set(title=f"{title} test, mask {mask} (n = {p.size})", xlabel="p")
    figure.savefig(IMAGES / "statistics_size.png", dpi=110)


def draw_power(rows: list[dict[str, Any]]) -> None:
    """Share of maps found against the size of the effect, with and without a mask."""
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    columns = (
        ("views", "density of views", {"noise test": rejects("noise_p_value"), "dFSC test": rejects("dfsc_p_value")}),
        ("axial", "particle's cut-offs", {"verdict particle": blamed("particle"), "verdict views": blamed("views")}),
    )
    for column, (kind, title, tests) in zip(figure.subplots(2, 2, sharey=True).T, columns, strict=True):
        for axis, mask in zip(column, ("none", "tight"), strict=True):
            chosen = [row for row in rows if ratio_of_case(row)[0] == kind and row["mask"] == mask]
            for i, molecule in enumerate(
                dict.fromkeys(row["molecule"] for row in rows if row["molecule"] != "field-O")
            ):
                mine = [row for row in chosen if row["molecule"] == molecule]
                ratios = sorted({ratio_of_case(row)[1] for row in mine})
                for (name, test), style in zip(tests.items(), ("o-", "s:"), strict=True):
                    found = [[bool(test(row)) for row in mine if ratio_of_case(row)[1] == ratio] for ratio in ratios]
                    shares = [np.mean(maps) for maps in found]
                    axis.plot(ratios, shares, style, ms=3, color=f"C{i}", label=f"{molecule}, {name}")
            axis.axhline(0.8, color="gray", lw=0.8)
            axis.set(title=f"{title}, mask {mask}", xlabel="ratio", ylabel="share of maps", ylim=(-0.02, 1.02))
        if column[0].lines[1:]:
            column[0].legend(fontsize=6)
    figure.savefig(IMAGES / "statistics_power.png", dpi=110)


def main() -> None:
    """Draw what can be drawn."""
    folder = Path(sys.argv[1])
    draw_band()
    draw_cones()
    for name, draw in (("even_views", draw_size), ("smallest_effect", draw_power)):
        rows = [row for row in rows_of(folder / f"{name}.jsonl") if "error" not in row]
        if rows:
            draw(rows)


if __name__ == "__main__":
    main()
