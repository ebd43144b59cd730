"""The headline and the tables say what was measured, and no more."""

import dataclasses
import json
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.measures.resolution import resolution_statistics
from cryoaniso_nb.results.types import Crossing, InputFile
from cryoaniso_nb.statistics.spread import angular_spread
from cryoaniso_nb.summary.tables import html_table, json_ready, summary_dict, table_rows, terminal_table
from cryoaniso_nb.summary.verdict import (
    axis_angles,
    crossing_text,
    headline,
)
from cryoaniso_nb.widgets.statistics import statistics_words

Maker = Callable[..., ca.AnalysisResult]


def falling(edges: np.ndarray, shells: int = 32, width: float = 2.0) -> np.ndarray:
    """dFSC that falls through 0.143 at a known shell in each direction, shape (axes, shells)."""
    shell = np.arange(1, shells + 1)
    half = edges - width * np.log(1 / 0.143 - 1)  # where it is 0.5
    return 1 / (1 + np.exp((shell - half[:, None]) / width))


def along_z(good: float, bad: float) -> np.ndarray:
    """Shells of crossing: bad near z, good near the equator."""
    z = axes_for(321)[:, 2]
    return good + (bad - good) * z**2


def test_spread_is_one_under_pure_noise_around_the_shell(made_result: Maker, rng: np.random.Generator) -> None:
    shells, n_axes = 40, 1281
    n_eff = 0.17 * np.arange(1, shells + 1) ** 2
    truth = falling(np.full(1, 20.0), shells)
    z = np.arctanh(np.clip(truth, 0, 0.999)) + rng.normal(size=(n_axes, shells)) / np.sqrt(2 * n_eff)
    result = made_result(np.tanh(z))
    spread = angular_spread(result.dfsc, result.global_fsc, result.fso, cone_half_angle=17.0, masked=False)
    assert spread.ratio == pytest.approx(1, abs=0.1)
    doubled = np.tanh(np.arctanh(np.clip(truth, 0, 0.999)) + 2 * (z - np.arctanh(np.clip(truth, 0, 0.999))))
    wide = made_result(doubled)
    masked = angular_spread(wide.dfsc, wide.global_fsc, wide.fso, cone_half_angle=17.0, masked=True)
    assert masked.noise == pytest.approx(4, rel=0.1)
    assert masked.ratio == pytest.approx(1, abs=0.15)


def test_one_bad_early_shell_changes_nothing(made_result: Maker) -> None:
    values = falling(np.full(321, 16.0))
    values[7, 2] = -0.5  # shell 3 holds hardly two coefficients in a cone
    assert made_result(values).directional_resolution.measured.all()
    assert resolution_statistics(made_result(values).directional_resolution).n_no_signal == 0


def test_a_dip_that_comes_back_is_counted_and_changes_no_statistics(made_result: Maker) -> None:
    values = falling(along_z(good=20, bad=12))
    plain = made_result(values)
    values[7, 5] = -0.2  # shell 6, with a dozen coefficients in a cone
    result = made_result(values)
    np.testing.assert_array_equal(result.directional_resolution.resolution, plain.directional_resolution.resolution)
    assert result.directional_resolution.first_crossing[7] > 64 / 6
    assert result.summary()["directional_resolution"]["axes_first_crossed_early"] == 1
    assert dict(table_rows(result))["Axes"].endswith("; 1 first crossed much earlier")


def test_directions_that_reach_nyquist_are_the_best(made_result: Maker) -> None:
    values = falling(along_z(good=20, bad=12))
    reaching = axes_for(321)[:, 2] < 0.2
    values[reaching] = 0.9
    result = made_result(values)
    rows, found = dict(table_rows(result)), result.summary()["directional_resolution"]
    assert rows["Directional resolution, 5 / 50 / 95 %"].startswith("<= 2.00 Å (Nyquist) / 3.")
    assert found["best"]["reaches_nyquist"]
    assert np.isnan(found["percentile_5_angstrom"])


def test_onset_does_not_hang_on_a_thin_first_shell(made_result: Maker) -> None:
    values = falling(np.full(321, 16.0))
    values[:60, 0] = -0.9  # in shell 1 cones hold hardly a coefficient
    result = made_result(values)
    assert result.fso.occupancy[0] < 0.9
    onset, end = result.fso.transition_zone
    assert 64 / 17 < onset < 64 / 15
    assert onset > end


def test_later_measures_appear(small_result: ca.AnalysisResult) -> None:
    full = small_result.with_calibration(n_replicates=39).with_band(n_replicates=39)
    assert full.calibration is not None
    assert full.band is not None
    data, rows = summary_dict(full), dict(table_rows(full))
    assert data["calibration_map_p_value"] == full.calibration.map_p_value
    assert data["fso_0.9_interval_angstrom"] == list(full.band.onset)
    assert "FSO = 0.9, 95 % interval" in rows
    assert f"p = {full.calibration.map_p_value:.2g}" in rows["Bingham test of the whole map, calibrated"]
    variables = full.to_xarray()
    np.testing.assert_array_equal(variables["fso_low"].values, full.band.low)
    np.testing.assert_array_equal(variables["p_calibrated"].values, full.calibration.p_value)


def test_ends_of_intervals_without_a_number_say_why(small_result: ca.AnalysisResult) -> None:
    """Unknown below the shells that have a band is another thing than past Nyquist."""
    full = small_result.with_band(n_replicates=39)
    assert full.band is not None
    nan, start = float("nan"), 1 / full.band.frequency[np.isfinite(full.band.low)][0]
    before, past = f"unknown (before the band starts at {start:.2f} Å)", "past Nyquist (4.00 Å)"
    crossed = dataclasses.replace(full.fso.middle, frequency=0.9 * full.fso.frequency[-1])
    thin = dataclasses.replace(full.fso.middle, frequency=0.9 / start)
    never = Crossing(level=0.5, frequency=nan, flag=ca.ResolutionFlag.NOT_CROSSED)
    for interval, crossing, words in (
        ((10.0, 8.0), crossed, "10.00 Å to 8.00 Å"),
        ((nan, 8.0), crossed, f"{before} to 8.00 Å"),
        ((10.0, nan), crossed, f"10.00 Å to {past}"),
        ((nan, nan), crossed, f"{before} to {past}"),
        ((nan, nan), thin, before),
        ((nan, nan), never, "not reached up to Nyquist"),
    ):
        shown = full.replace(band=full.band.replace(middle=interval), fso=full.fso.replace(middle=crossing))
        assert dict(table_rows(shown))["FSO = 0.5, 95 % interval"] == words
        assert summary_dict(shown)["fso_0.5_interval_text"] == words
        assert f"FSO = 0.5 at {crossing_text(crossing, full.fso.frequency)}, interval {words};" in " ".join(
            statistics_words(shown)
        )


def test_statistics_say_how_they_were_made(small_result: ca.AnalysisResult) -> None:
    full = small_result.with_calibration(n_replicates=39, seed=3).with_band(n_replicates=49, seed=4, symmetry="c2")
    data, rows = summary_dict(full), dict(table_rows(full))
    assert (data["calibration_symmetry"], data["band_symmetry"]) == ("C1", "C2")
    assert rows["Calibrated against"] == "39 isotropic pairs of half maps, seed 3, symmetry C1"
    assert rows["Floor, band and intervals from"] == "49 replicates, seed 4, symmetry C2"
    assert "(49 replicates, seed 4, symmetry C2)" in " ".join(statistics_words(full))
    assert full.band is not None
    older = full.replace(band=full.band.replace(symmetry=""))
    assert summary_dict(older)["band_symmetry"] == "not recorded"
    assert "symmetry not recorded" in dict(table_rows(older))["Floor, band and intervals from"]


def test_nothing_crossing_is_said_in_words(made_result: Maker) -> None:
    result = made_result(np.full((81, 32), 0.9))
    data = summary_dict(result)
    assert np.isnan(data["fsc_0.143_resolution_angstrom"])
    assert data["fsc_0.143_text"] == "not crossed (<= Nyquist 2.00 Å)"
    assert np.isnan(data["directional_resolution"]["mean_angstrom"])
    assert data["verdict"]["cause"] == "unknown"
    assert ("FSO = 0.9 (onset of the transition zone)", "not crossed (<= Nyquist 2.00 Å)") in table_rows(result)


def test_partial_results_say_so(small_pair: ca.HalfMaps) -> None:
    first = next(iter(ca.iter_analysis(small_pair)))
    assert headline(first).startswith("First 6 axes only: ")


def test_summary_is_plain_and_becomes_json(small_result: ca.AnalysisResult) -> None:
    data = json_ready(small_result.summary())
    text = json.dumps(data, allow_nan=False)
    assert json.loads(text)["settings"]["voxel_size_angstrom"] == 2.0
    assert next(iter(data)) == "headline"
    resolution = data["directional_resolution"]
    order = [resolution[k] for k in ("percentile_5_angstrom", "percentile_50_angstrom", "percentile_95_angstrom")]
    assert order == sorted(order)
    assert json_ready([float("inf"), (1, float("nan"))]) == [None, [1, None]]


def test_angles_to_the_axes() -> None:
    angle = axis_angles(45.0, 90.0)
    assert angle["x"] == pytest.approx(90)
    assert angle["y"] == pytest.approx(45)
    assert angle["z"] == pytest.approx(45)


def test_terminal_table_shows_everything(small_result: ca.AnalysisResult) -> None:
    console = Console(width=110, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(terminal_table(small_result))
    text = capture.get()
    for word in ("Global FSC = 0.143", "FSO = 0.1", "textbook", "as published", "5 / 50 / 95 %", "Best region"):
        assert word in text
    assert "No mask was given" in text


class Tags(HTMLParser):
    """Counts what opens and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_escaped_and_balanced(made_result: Maker) -> None:
    names = (InputFile(role="half1", name="<script>alert(1)</script>.mrc"),)
    result = made_result(falling(along_z(20, 8)), mask="<b>.mrc", warnings=("a < b & c",), inputs=names)
    text = html_table(result)
    parser = Tags()
    parser.feed(text)
    assert parser.open == []
    assert "&lt;b&gt;.mrc" in text
    assert "a &lt; b &amp; c" in text
    assert "<script" not in text
    assert result._repr_html_() == text
