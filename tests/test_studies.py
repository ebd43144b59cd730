"""The simulations behind docs/statistics.md, against plain sums and by independent rules."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cryoaniso_nb.geometry import areas, axes_for, point_group
from docs.studies import even_views, intervals, page, presets, runner, smallest_effect, tables, uneven_views
from docs.studies.groups import rotations
from docs.studies.lattice import axes321
from docs.studies.measure import verdict_row
from docs.studies.molecules import density
from docs.studies.pairs import Case, every, make, plain_sums
from docs.studies.truth import lasting_crossing

BOX = 32


def close_to_truth(case: Case, maps: int = 12) -> float:
    """Mean over axes and shells of measured minus true dFSC, sums of many maps against expectations."""
    pairs = [make(case, seed) for seed in range(maps)]
    xy, xx, yy = np.sum([plain_sums(pair) for pair in pairs], axis=0)[:, :, 4:]
    return float(np.mean(xy / np.sqrt(xx * yy) - pairs[0].truth.dfsc[:, 4:]))


@pytest.mark.parametrize("group", ["C1", "C4", "D2", "D7", "O"])
def test_point_groups_are_those_of_the_package(group: str) -> None:
    ours, theirs = (np.round(g, 6).reshape(-1, 9) for g in (rotations(group), point_group(group)))
    assert {tuple(row) for row in ours + 0.0} == {tuple(row) for row in theirs + 0.0}


def test_axes_and_areas_are_those_of_the_package() -> None:
    axes, share = axes321()
    nearest = np.abs(axes @ axes_for(321).T).argmax(axis=1)
    assert sorted(nearest) == list(range(321))
    np.testing.assert_allclose(share, areas(321)[nearest], rtol=1e-6)


def test_molecules_have_their_symmetry() -> None:
    volume, _, group = density("syn-C4", BOX)
    turned = np.roll(np.flip(volume.transpose(0, 2, 1), axis=2), 1, axis=2)
    assert group == "C4"
    np.testing.assert_allclose(turned, volume, atol=1e-3 * volume.max())


@pytest.mark.parametrize(
    "case",
    [
        Case(molecule="syn-C1", box=BOX, views="top"),
        Case(molecule="syn-C2", box=BOX, views="side", mask="loose"),
        Case(molecule="syn-D2", box=BOX, views="cone30", before=True, wiener=True),
        Case(molecule="syn-C1", box=BOX, views="top", method="projections", n_views=400),
    ],
    ids=["top", "masked", "wiener", "projections"],
)
def test_truth_is_what_many_maps_give(case: Case) -> None:
    assert abs(close_to_truth(case)) < 0.02


def test_truth_knows_where_views_are_missing() -> None:
    truth = make(Case(molecule="syn-C1", box=BOX, views="cone30"), 0).truth
    assert truth.worst.axis[2] > 0.9
    assert truth.noise_ratio > 3
    assert make(Case(molecule="syn-C1", box=BOX), 0).truth.noise_ratio == pytest.approx(1)


def test_a_curve_that_comes_back_crosses_where_it_stays_below() -> None:
    curve = np.array([np.nan, 0.9, 0.1, 0.8, 0.7, 0.2, 0.1, 0.0])
    shell, state = lasting_crossing(curve, np.ones(8), 0.143)
    assert state == "crossed"
    assert shell == pytest.approx(5 + (0.2 - 0.143) / 0.1)
    assert lasting_crossing(np.full(8, 0.9), np.ones(8), 0.143)[1] == "nyquist"
    assert lasting_crossing(np.zeros(8), np.ones(8), 0.143)[1] == "none"


def job(case: Case, seed: int) -> dict[str, float]:
    """A job for the runner; one of its maps fails."""
    if seed == 2:
        raise ValueError("no such map")
    return {"seed_squared": seed**2}


def test_runner_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, cases = tmp_path / "rows.jsonl", every(molecule=("syn-C1", "syn-C2"), box=BOX)
    runner.run(job, cases, range(2), out, jobs=1, minutes=1)
    with out.open("a") as file:
        file.write('{"label": "cut sh')
    with out.open("a") as file:
        file.write("\n")
    runner.run(job, cases, range(3), out, jobs=1, minutes=1)
    rows = runner.rows_of(out)
    assert sorted((row["seed"], row.get("seed_squared")) for row in rows) == [
        *[(0, 0)] * 2,
        *[(1, 1)] * 2,
        *[(2, None)] * 2,
    ]
    assert all("no such map" in row["error"] for row in rows if row["seed"] == 2)
    assert "2 maps to do, 4 done" in capsys.readouterr().out
    assert tables.count(rows) == "6 (2 failed)"


def test_coverage_of_fso_is_that_of_the_mean_of_other_maps() -> None:
    low, high = [0.5, 0.4, 0.0], [1.0, 0.6, 0.3]
    rows = [{"label": "a", "fso": [0.9, 0.5, 0.1], "band_low": low, "band_high": high} for _ in range(12)]
    rows[0] = {**rows[0], "band_low": [0.95, 0.4, 0.0]}
    first, second = tables.beside_their_mean(rows)[:2]
    assert (first["band_covered"], first["band_shells"]) == (2, 3)
    assert (second["band_covered"], second["true_fso_0.5"]) == (3, pytest.approx(2.0))


def test_page_takes_the_tables_that_were_made() -> None:
    text = "before\n<!-- one -->\nold\n<!-- end -->\nbetween\n<!-- two -->\nkept\n<!-- end -->\n"
    assert page.filled(text, {"one": "| new |"}) == text.replace("old", "| new |")
    names = set(re.findall(r"<!-- ([\w-]+) -->", page.PAGE.read_text())) - {"end"}
    words = {
        "molecule": "m",
        "method": "a",
        "mask": "none",
        "views": "mild:2",
        "particle": "",
        "preset": "p",
        "signal": "s",
    }
    row = {**words, "before": False, "wiener": False, "box": 8, "error": "no map"}
    assert names <= {name for tables in page.STUDIES.values() for name in tables([row])}


def test_tables_count_and_interpolate() -> None:
    rows = [{"ratio": r, "p": p} for r, ps in ((1.1, (0.5, 0.5)), (1.21, (0.01, 0.01))) for p in ps]
    assert tables.smallest(rows, tables.rejects("p"), power=0.5) == f"{1.1 * 1.1**0.5:.2f}"
    assert tables.smallest(rows[:2], tables.rejects("p")) == "> 1.1"
    assert tables.share(tables.rejects("p"))(rows) == "50.0 %"
    bins = tables.binned([{"a_b": 0.5}, {"a_b": 0.05}, {"a_b": 2.0}], "a_b", (0.0, 0.1, 1.0))
    assert [(row["a_b"], row["a b"]) for row in bins] == [(0.05, "0 to 0.1"), (0.5, "0.1 to 1")]
    assert tables.near("p", 0.1)(rows[0]) is False
    assert tables.near("p", "ratio")(rows[0]) is True
    assert tables.near("p", 0.1)({"p": float("nan")}) is None
    text = tables.table(rows, ("ratio",), [("maps", tables.count), ("unknown", tables.mean_of("q"))])
    assert text.splitlines()[0] == "| ratio | maps |"
    hit = {"x_low": 1.0, "x_high": float("nan"), "t": 5.0}
    assert tables.covers("x", "t")(hit) is True
    assert tables.covers("x", "t")({**hit, "x_low": 6.0}) is False
    assert tables.covers("x", "t")({"t": 5.0}) is None
    assert json.loads(json.dumps(hit))["t"] == 5.0


@pytest.mark.slow
def test_rows_put_the_analysis_beside_the_truth() -> None:
    row = verdict_row(Case(molecule="syn-C2", box=48, views="cone30", mask="loose"), 0)
    assert row["axes_known"] == 321
    assert abs(row["shells_bias"]) < 4
    assert row["true_worst"] > 1.1 * row["true_best"]
    assert row["noise_p_value"] <= 0.05
    assert row["cause"] == "views"
    assert row["true_noise_ratio"] > 2
    preset = presets.job(presets.Preset(preset="missing-cone", signal="noise", box=BOX), 0)
    assert abs(preset["fso_0.9"] - preset["true_fso_0.9"]) < 4
    assert len(preset["fso"]) == len(preset["band_low"]) == BOX // 2
    for study in (even_views, uneven_views, smallest_effect, intervals, presets):
        labels = [case.label for case in study.CASES]
        assert len(set(labels)) == len(labels)
