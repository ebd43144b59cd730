"""The verdict's numbers and its sentences."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.results.types import InputFile
from cryoaniso_nb.statistics.noise_evenness import NoiseEvenness
from cryoaniso_nb.statistics.regions import DirectionRegion, DirectionRegions
from cryoaniso_nb.statistics.verdict import model_verdict, share_signal, verdict_of
from cryoaniso_nb.summary.tables import html_table, json_ready, summary_dict, table_rows
from cryoaniso_nb.summary.verdict import headline, region_words, verdict

NAN = float("nan")


def region(resolution: float, low: float, high: float, zenith: float = 2.0, **more: object) -> DirectionRegion:
    fields = {"reaches_nyquist": False, "azimuth": 0.0, "region_degrees": 30.0, "kind": "axis", "share": 0.1} | more
    return DirectionRegion(resolution=resolution, interval=(low, high), zenith=zenith, **fields)  # type: ignore[arg-type]


def regions(ratio: float, low: float, high: float, **best: object) -> DirectionRegions:
    return DirectionRegions(
        worst=region(8.4, 7.9, 9.0),
        best=region(4.3, 4.2, 4.4, zenith=90.0, **best),
        effect_ratio=ratio,
        effect_interval=(low, high),
        percentile_ratio=ratio,
        symmetry="C1",
    )


def noise(p: float, ratio: float = 3.1, correlation: float = -0.9, power: float = 1.0) -> NoiseEvenness:
    return NoiseEvenness(
        p_value=p,
        ratio=ratio,
        interval=(0.9 * ratio, 1.08 * ratio),
        noisiest=(3.0, 0.0),
        quietest=(90.0, 0.0),
        resolution_correlation=correlation,
        degree_excess=np.ones(3),
        equivalent_views=1000.0,
        independent_share=1.0,
        correlated_shells=0,
        high_frequency_power=power,
        coefficients=np.zeros(44),
    )


LARGE, SMALL = regions(1.95, 1.8, 2.1), regions(1.03, 1.0, 1.12)


@pytest.fixture
def told(small_result: ca.AnalysisResult) -> Callable[..., ca.AnalysisResult]:
    """The result with another effect and other noise."""

    def make(effect: DirectionRegions | None, evenness: NoiseEvenness | None) -> ca.AnalysisResult:
        return small_result.replace(regions=effect, noise_evenness=evenness)

    return make


@pytest.mark.parametrize(
    ("effect", "evenness", "cause", "reason"),
    [
        (LARGE, noise(1e-6), "views", ""),
        (SMALL, noise(1e-6), "views", ""),
        (LARGE, noise(0.6, 1.0), "particle", ""),
        (SMALL, noise(0.6, 1.0), "none", ""),
        (regions(1.4, 1.0, 1.9), noise(0.6, 1.0), "none", ""),
        (regions(1.03, 1.01, 1.05), noise(0.6, 1.0), "particle", ""),
        (LARGE, noise(1e-6, power=0.001), "unknown", "filtered"),
        (SMALL, noise(1e-6, power=0.001), "none", ""),
        (LARGE, noise(NAN), "unknown", "noise-unknown"),
        (LARGE, None, "unknown", "noise-unknown"),
        (None, noise(0.6), "unknown", "effect-unknown"),
        (regions(NAN, NAN, NAN), noise(0.6), "unknown", "effect-unknown"),
    ],
)
def test_three_answers_make_a_cause(
    small_result: ca.AnalysisResult,
    effect: DirectionRegions | None,
    evenness: NoiseEvenness | None,
    cause: str,
    reason: str,
) -> None:
    found = verdict_of(small_result.global_fsc, effect, evenness)
    assert (found.cause, found.reason) == (cause, reason)


def test_chance_in_dfsc_is_told_and_decides_nothing(small_result: ca.AnalysisResult) -> None:
    found = verdict_of(small_result.global_fsc, SMALL, noise(0.6, 1.0), dfsc_p_value=0.001)
    assert (found.cause, found.dfsc_p_value) == ("none", 0.001)


def test_a_partial_result_is_not_judged(small_pair: ca.HalfMaps) -> None:
    first = next(iter(ca.iter_analysis(small_pair)))
    assert verdict(first).reason == "partial"
    assert headline(first).startswith("First 6 axes only: global FSC 0.143 at")


def test_missing_views_are_a_sentence_with_numbers(told: Callable[..., ca.AnalysisResult]) -> None:
    assert headline(told(LARGE, noise(1e-6))) == (
        "Resolution differs by direction: 4.3 Å best, 8.4 Å worst (7.9-9), around z within 30°. "
        "Noise is 3.1 times stronger there (p ≤ 0.001): views are missing."
    )


def test_the_particle_s_own_difference_is_told_from_views(told: Callable[..., ca.AnalysisResult]) -> None:
    text = headline(told(LARGE, noise(0.6, 1.0)))
    assert text.endswith("Noise is even (within 8 %): the difference is the particle's own, or its mask's.")


def test_no_difference_says_what_is_excluded(told: Callable[..., ca.AnalysisResult]) -> None:
    text = headline(told(SMALL, noise(0.6, 1.0)))
    assert text.startswith("No significant anisotropy: global FSC 0.143 at")
    assert "a difference above 1.12 : 1 is excluded. Noise is even (within 8 %)." in text


def test_uneven_views_without_a_difference_are_named(told: Callable[..., ca.AnalysisResult]) -> None:
    text = headline(told(SMALL, noise(0.004, 1.4)))
    assert text.endswith("Noise is 1.4 times stronger around z than elsewhere (p = 0.004): views are uneven.")


def test_filtered_halves_can_t_tell(told: Callable[..., ca.AnalysisResult]) -> None:
    assert "whether views are uneven can't be told" in headline(told(LARGE, noise(0.2, power=0.001)))


def test_nyquist_is_the_best(told: Callable[..., ca.AnalysisResult]) -> None:
    assert "Nyquist best" in headline(told(regions(1.95, 1.8, 2.1, reaches_nyquist=True), noise(1e-6)))


@pytest.mark.parametrize(
    ("kind", "zenith", "azimuth", "words"),
    [
        ("axis", 4.0, 0.0, "around z within 30°"),
        ("axis", 40.0, 20.0, "around zenith 40°, azimuth 20° within 30°"),
        ("girdle", 4.0, 0.0, "in all directions near the equator (within 30°)"),
        ("girdle", 88.0, 2.0, "in all directions across x (within 30°)"),
        ("several", 90.0, 90.0, "in several directions, one of them around y within 30°"),
    ],
)
def test_regions_are_named_by_the_axes_of_the_map(kind: str, zenith: float, azimuth: float, words: str) -> None:
    assert region_words(region(8.0, 7.0, 9.0, zenith, azimuth=azimuth, kind=kind)) == words


def test_noise_and_unrelated_halves_are_no_pair(rng: np.random.Generator) -> None:
    noise_maps = rng.standard_normal((2, 48, 48, 48))
    assert not share_signal(ca.fsc(*noise_maps))
    maps = ca.simulate_half_maps(box=48, preset="isotropic", seed=0)
    assert share_signal(ca.fsc(maps.half1, maps.half2))
    assert not share_signal(ca.fsc(maps.half1, -np.asarray(maps.half2)))
    text = headline(ca.analyze(ca.open_half_maps(*noise_maps, voxel_size=1.0)))
    assert text.startswith("The half maps share no signal")


def test_the_summary_keeps_the_contract(told: Callable[..., ca.AnalysisResult]) -> None:
    data = json.loads(json.dumps(json_ready(summary_dict(told(LARGE, noise(1e-6)))), allow_nan=False))
    found = data["verdict"]
    assert found["cause"] == "views"
    assert (found["effect_ratio"], found["effect_interval"]) == (1.95, [1.8, 2.1])
    assert (found["noise_ratio"], found["noise_sign"], found["noise_p_value"]) == (3.1, 1, 1e-6)
    assert found["dfsc_p_value"] is None or 0 <= found["dfsc_p_value"] <= 1
    assert found["symmetry"] == "C1"
    assert found["text"] == data["headline"]
    worst = data["directional_resolution"]["worst"]
    assert worst["resolution_angstrom"] == 8.4
    assert worst["interval_angstrom"] == [7.9, 9.0]
    assert (worst["zenith_degrees"], worst["azimuth_degrees"], worst["region_degrees"]) == (2.0, 0.0, 30.0)


def test_tables_show_regions_and_noise(told: Callable[..., ca.AnalysisResult]) -> None:
    result = told(LARGE, noise(1e-6))
    rows = dict(table_rows(result))
    assert rows["Worst region"] == "8.40 Å (7.90-9.00), around z within 30°"
    assert rows["Worst over best"] == "1.95 : 1 (1.80-2.10)"
    assert rows["Symmetry"] == "C1 assumed"
    assert "views are uneven" in rows["Evenness of the noise"]
    assert "views are missing" in html_table(result)


def test_a_model_is_judged_by_its_own_power() -> None:
    assert [model_verdict(score).cause for score in (0.0, 3.5, 9.0, NAN)] == ["none", "unknown", "views", "unknown"]


def test_a_verdict_is_saved_and_loaded(told: Callable[..., ca.AnalysisResult], tmp_path: object) -> None:
    result = told(LARGE, noise(1e-6)).replace(inputs=(InputFile(role="half1", name="a.mrc"),))
    loaded = ca.load_result(result.save(f"{tmp_path}/r.npz"))
    assert headline(loaded) == headline(result)


@pytest.mark.parametrize(("misfit", "reason"), [(0.3, "wrong-symmetry"), (0.01, ""), (NAN, "")])
def test_nothing_is_concluded_from_tests_told_a_wrong_group(
    small_result: ca.AnalysisResult, misfit: float, reason: str
) -> None:
    assert verdict_of(small_result.global_fsc, LARGE, noise(1e-6), symmetry_misfit=misfit).reason == reason


def test_an_interval_that_excludes_nothing_is_no_verdict(told: Callable[..., ca.AnalysisResult]) -> None:
    vague = told(regions(5.0, 1.0, 105.0), noise(0.6, 1.0))
    assert (verdict(vague).cause, verdict(vague).reason) == ("unknown", "effect-unknown")
    assert "can't be told (up to 1e+02 : 1 is possible)" not in headline(vague)
    assert "can't be told (up to 105 : 1 is possible)" in headline(vague)


def test_small_and_unknown_noise_ratios_read_as_such(told: Callable[..., ca.AnalysisResult]) -> None:
    assert "Noise is 3 % stronger around z than elsewhere (p = 0.024)" in headline(told(SMALL, noise(0.024, 1.03)))
    wide = noise(0.3, 1.4).replace(interval=(1.0, 48.43))
    assert headline(told(SMALL, wide)).endswith("No unevenness of the noise is found (up to 48 : 1 is possible).")


@pytest.mark.parametrize(
    ("kind", "degrees", "words"),
    [
        ("axis", 59.0, "around z within 59°"),
        ("axis", 86.0, "in a direction that can't be told"),
        ("several", 86.0, "in a direction that can't be told"),
        ("girdle", 55.0, "in a direction that can't be told"),
        ("girdle", 45.0, "in all directions near the equator (within 45°)"),
    ],
)
def test_a_region_of_most_of_the_sphere_names_no_direction(kind: str, degrees: float, words: str) -> None:
    assert region_words(region(8.4, 7.9, 9.0, kind=kind, region_degrees=degrees)) == words
