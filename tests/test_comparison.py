"""Two maps side by side, against what they were simulated with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import ResultError, SettingsError
from cryoaniso_nb.geometry.directions import areas
from cryoaniso_nb.results.record import Result
from cryoaniso_nb.statistics.comparison import MapComparison
from cryoaniso_nb.summary.comparison import comparison_text
from cryoaniso_nb.widgets import explore


def analyzed(preset: str, seed: int, **options: object) -> tuple[ca.AnalysisResult, ca.Truth]:
    maps = ca.simulate_half_maps(box=48, preset=preset, signal="phantom", seed=seed)  # type: ignore[arg-type]
    assert maps.truth is not None
    return ca.analyze(maps, **options), maps.truth  # type: ignore[arg-type]


@pytest.mark.slow
def test_maps_with_one_truth_seldom_differ() -> None:
    wrong = outside = 0
    for pair in range(8):
        preset = ("isotropic", "missing-cone", "missing-side-views", "missing-top-views")[pair % 4]
        first, second = (analyzed(preset, 700 + 2 * pair + k)[0] for k in (0, 1))
        found = first.comparison(second)
        low, high = found.ratio_interval
        outside += not low <= 1 <= high
        wrong += found.finer_share > 0 or found.coarser_share > 0
    assert outside <= 2
    assert wrong <= 1


def test_a_missing_cone_is_where_the_other_map_is_finer() -> None:
    (bad, lacking), (good, whole) = analyzed("missing-cone", 81), analyzed("isotropic", 82)
    found = bad.comparison(good)
    assert found.varies
    assert found.finer_share > 0.02
    assert found.finer_zenith < 25  # the cone lies around z
    low, high = found.ratio_interval
    assert low <= np.exp(areas(321) @ np.log(lacking.resolution / whole.resolution)) <= high
    text = bad.comparison_text(good, "A", "B")
    assert text.startswith("B resolves more finely")
    assert "around z" in text
    turned = good.comparison(bad)  # the other way round it says the same
    assert turned.ratio == pytest.approx(1 / found.ratio, rel=1e-6)
    assert turned.coarser_zenith == pytest.approx(found.finer_zenith, abs=20)
    assert good.comparison_text(bad, "B", "A").startswith("B resolves more finely")


def test_a_binned_map_is_compared_in_angstrom() -> None:
    """The same frequencies in half the box: nothing is lost but what lies beyond its Nyquist."""
    maps = ca.simulate_half_maps(box=64, preset="isotropic", signal="phantom", voxel_size=1.5, seed=5)
    halves = []
    for half in (maps.half1, maps.half2):
        spectrum = np.fft.fftshift(np.fft.fftn(half))
        halves.append(np.fft.ifftn(np.fft.ifftshift(spectrum[8:-8, 8:-8, 8:-8])).real)
    small = ca.analyze(ca.open_half_maps(*halves, voxel_size=1.5 * 64 / 48))
    found = ca.analyze(maps).comparison(small)
    assert found.ratio == pytest.approx(1, abs=0.02)
    assert not found.varies


def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    result, _ = analyzed("isotropic", 1, n_axes=81)
    with pytest.raises(SettingsError, match=r"cone half angle is 17 degrees for one map and 25 degrees"):
        result.comparison(result.with_cones(cone_half_angle=25))
    with pytest.raises(SettingsError, match=r"threshold is 0\.143 for one map and 0\.5"):
        result.comparison(result.with_cones(threshold=0.5))
    noise = np.random.default_rng(0).standard_normal((2, 48, 48, 48)).astype(np.float32)
    with pytest.raises(ResultError, match="no signal"):
        result.comparison(ca.analyze(ca.open_half_maps(*noise, voxel_size=1.0), n_axes=81))
    saved = Result.load(result.comparison(result).save(tmp_path / "c.npz"))
    assert isinstance(saved, MapComparison)
    assert saved.ratio == 1


NAN = float("nan")
ALIKE = {
    "ratio": 1.0, "ratio_interval": (0.97, 1.03), "finer_share": 0.0, "finer_ratio": NAN, "finer_zenith": NAN,
    "finer_azimuth": NAN, "coarser_share": 0.0, "coarser_ratio": NAN, "coarser_zenith": NAN, "coarser_azimuth": NAN,
    "largest": 1.3, "varies": False, "nyquist": False,
}  # fmt: skip
FINER = {"finer_share": 0.2, "finer_ratio": 1.4, "finer_zenith": 2.0, "finer_azimuth": 0.0}
COARSER = {"coarser_share": 0.2, "coarser_ratio": 1.2, "coarser_zenith": 90.0, "coarser_azimuth": 0.0}
FAR = {"ratio": 1.2, "ratio_interval": (1.1, 1.3)}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "No difference between A and B beyond noise: more than 1.03 : 1 on average is excluded, and more than "
             "1.3 : 1 along any direction."),
        ({**FINER, "varies": True}, "B resolves more finely around z (1.4 : 1); on average neither does, beyond "
                                    "noise."),
        ({**FINER, **FAR, "varies": True}, "B resolves more finely: 1.2 : 1 on average (1.1-1.3), most around z "
                                           "(1.4 : 1)."),
        ({**FINER, **FAR}, "B resolves more finely: 1.2 : 1 on average (1.1-1.3), in all directions alike as far as "
                           "noise lets one tell."),
        ({**COARSER, "ratio": 0.8, "ratio_interval": (0.75, 0.9), "varies": True},
         "A resolves more finely: 1.25 : 1 on average (1.11-1.33), most around x (1.2 : 1)."),
        ({**FINER, **COARSER, **FAR}, "B resolves more finely around z (1.4 : 1), A around x (1.2 : 1); on average B "
                                      "resolves more finely, 1.2 : 1 (1.1-1.3)."),
        (FAR, "On average B resolves more finely, 1.2 : 1 (1.1-1.3); no single direction differs beyond noise."),
        ({"nyquist": True}, "No difference between A and B beyond noise: more than 1.03 : 1 on average is excluded, "
                            "and more than 1.3 : 1 along any direction. Signal lasts to Nyquist in some directions: "
                            "the ratio is limited there."),
    ],
)  # fmt: skip
def test_every_outcome_has_its_sentence(changes: dict[str, object], text: str) -> None:
    assert comparison_text(MapComparison(**{**ALIKE, **changes}), "A", "B") == text  # type: ignore[arg-type]


def test_the_explorer_says_it(small_result: ca.AnalysisResult) -> None:
    made = explore(small_result)
    assert made.compare_panel.verdict.value == ""
    made.compare(small_result)
    assert "No difference between this map and the other beyond noise" in made.compare_panel.verdict.value
    made.compare(None)
    assert made.compare_panel.verdict.value == ""
    made.close()
