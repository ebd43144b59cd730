"""analyze and its result: parity, re-cutting, partial results, saving, settings, warnings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.errors import Cancelled, ResultError, SettingsError
from cryoaniso_nb.geometry.directions import areas
from cryoaniso_nb.measures.fourier_shell_occupancy import occupancy_curve


@pytest.fixture(scope="module", params=["iso", "aniso"])
def recorded(request):
    from pathlib import Path

    folder = Path(__file__).parent / "data" / "reference"
    name = request.param
    maps = ca.open_half_maps(folder / f"{name}_64_half1.mrc", folder / f"{name}_64_half2.mrc")
    return maps, np.genfromtxt(folder / f"{name}_64_xmipp_curves.csv", delimiter=",", names=True)


def test_parity_reproduces_xmipp_fso_to_the_printed_digits_in_every_shell(recorded):
    maps, curves = recorded
    result = ca.analyze(maps, parity="xmipp")
    assert result.fso.occupancy.size == curves.size == 32
    np.testing.assert_array_equal(np.round(result.fso.occupancy, 6), np.round(curves["fso"], 6))


def test_parity_reproduces_xmipp_bingham_table(recorded):
    maps, curves = recorded
    result = ca.analyze(maps, parity="xmipp")
    # Its table is printed to 5 digits and ends at 0.99998; B rounds to a half.
    expected = curves["bingham_table_value"][:-1]
    np.testing.assert_allclose(np.minimum(result.bingham.p_published[:-1], 0.99998), expected, atol=1e-5)


def test_default_engine_keeps_the_transition_zone_within_a_tenth_of_a_shell(recorded):
    maps, _ = recorded
    fast, exact = ca.analyze(maps), ca.analyze(maps, method="exact")
    step = fast.fso.frequency[0]
    for name in ("onset", "middle", "end"):
        assert getattr(fast.fso, name).frequency == pytest.approx(getattr(exact.fso, name).frequency, abs=0.1 * step)


@pytest.mark.parametrize("box", [64, 100, 127, (60, 80, 100)], ids=str)
def test_transition_zone_of_histogram_and_exact_sums_agree(box):
    maps = ca.simulate_half_maps(box=box, preset="missing-cone", seed=3)
    fast, exact = ca.analyze(maps), ca.analyze(maps, method="exact")
    step = fast.fso.frequency[0]
    for name in ("onset", "end"):
        assert getattr(fast.fso, name).frequency == pytest.approx(getattr(exact.fso, name).frequency, abs=0.1 * step)


def test_partial_results_refine_to_the_result(small_pair, small_result):
    *partial, last = ca.iter_analysis(small_pair)
    assert [int(r.dfsc.done.sum()) for r in partial] == [6, 21, 81]
    assert all(r.partial for r in partial)
    assert not last.partial
    np.testing.assert_allclose(last.dfsc.values, small_result.dfsc.values, atol=1e-6)
    for r in partial:
        n = int(r.dfsc.done.sum())
        assert r.dfsc.values.shape == (321, 24)
        assert np.isnan(r.dfsc.values[n:]).all()
        np.testing.assert_allclose(r.dfsc.areas[:n], areas(n))
        np.testing.assert_allclose(r.dfsc.values[:n], last.dfsc.values[:n], atol=1e-6)
        assert set(np.unique(r.directional_resolution.flag[n:])) == {ca.ResolutionFlag.UNMEASURED}


@pytest.mark.parametrize(
    "change", [{"cone_half_angle": 20.0}, {"threshold": 0.5}, {"n_axes": 81}, {"cone_half_angle": 25.0, "n_axes": 1281}]
)
def test_recutting_equals_a_new_analysis_also_after_save_and_load(small_pair, small_result, tmp_path, change):
    fresh = ca.analyze(small_pair, **change)
    loaded = ca.load_result(small_result.save(tmp_path / "r.npz"))
    for source in (small_result, loaded):
        cut = source.with_cones(**change)
        np.testing.assert_allclose(cut.dfsc.values, fresh.dfsc.values, atol=1e-6)
        np.testing.assert_allclose(cut.fso.occupancy, fresh.fso.occupancy, atol=5e-3)
        assert cut.settings.n_axes == fresh.settings.n_axes
        assert cut.warnings == fresh.warnings


def test_loaded_result_is_the_saved_one(small_result, tmp_path):
    loaded = ca.load_result(small_result.save(tmp_path / "r.npz"))
    np.testing.assert_array_equal(loaded.dfsc.values, small_result.dfsc.values)
    np.testing.assert_array_equal(loaded.directional_resolution.flag, small_result.directional_resolution.flag)
    assert loaded.fso.onset.flag is small_result.fso.onset.flag
    assert loaded.bingham.ranges.keys() == small_result.bingham.ranges.keys()
    assert loaded.summary() == small_result.summary() or str(loaded.summary()) == str(small_result.summary())


def test_statistics_are_added_saved_and_loaded(small_pair, tmp_path):
    *_, result = ca.iter_analysis(small_pair, n_axes=81, calibrate=39, band=49)
    loaded = ca.load_result(result.save(tmp_path / "r.npz"))
    assert loaded.calibration.n_replicates == 39
    np.testing.assert_array_equal(loaded.band.low, result.band.low)
    np.testing.assert_array_equal(loaded.bingham.p_calibrated, result.calibration.p_value)
    np.testing.assert_array_equal(loaded.bingham.range("p_calibrated"), result.bingham.range("p_calibrated"))


def test_what_is_no_result_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ResultError, match="There is no result file"):
        ca.load_result(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not a result")
    with pytest.raises(ResultError, match="is not a result file"):
        ca.load_result(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(ResultError, match="is not a result file"):
        ca.load_result(tmp_path / "other.npz")


def test_truncated_result_file_is_refused(small_result, tmp_path):
    path = small_result.save(tmp_path / "r.npz")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ResultError, match="is not a result file"):
        ca.load_result(path)


def test_results_can_not_be_changed(small_result):
    with pytest.raises(AttributeError):
        small_result.fso.threshold = 0.5
    with pytest.raises(ValueError, match="read-only"):
        small_result.fso.occupancy[0] = 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cone_half_angle": 2.0}, "2 degrees, but it must lie between 3 and 45"),
        ({"cone_half_angle": 46.0}, "46 degrees, but it must lie between 3 and 45"),
        ({"threshold": 0.0}, "threshold is 0, but it must lie between 0 and 1"),
        ({"threshold": 1.0}, "threshold is 1, but it must lie between 0 and 1"),
        ({"n_axes": 300}, "number of axes is 300"),
        ({"parity": "relion"}, "parity is 'relion', but it must be None or 'xmipp'"),
        ({"method": "fast"}, "method is 'fast'"),
        ({"weighting": "none"}, "weighting is 'none'"),
    ],
)
def test_senseless_settings_are_refused_at_the_call(small_pair, settings, words):
    with pytest.raises(SettingsError, match=words):
        ca.analyze(small_pair, **settings)
    with pytest.raises(SettingsError, match=words):
        ca.iter_analysis(small_pair, **settings)


def test_exact_result_can_not_be_recut(small_pair):
    result = ca.analyze(small_pair, n_axes=6, method="exact")
    with pytest.raises(ResultError, match="holds no histogram"):
        result.with_cones(threshold=0.5)


def test_a_set_event_stops_the_run(small_pair):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        ca.analyze(small_pair, execution=Execution(cancel=stop))


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_schedulers_give_the_same_result(small_pair, small_result, scheduler):
    result = ca.analyze(small_pair, execution=Execution(scheduler))
    np.testing.assert_allclose(result.dfsc.values, small_result.dfsc.values, atol=1e-6)
    sure = np.abs(small_result.dfsc.values - 0.143) > 1e-6
    assert (
        occupancy_curve(np.where(sure, result.dfsc.values, np.nan), areas(321), 0.143)
        == occupancy_curve(np.where(sure, small_result.dfsc.values, np.nan), areas(321), 0.143)
    ).all()


# --- warnings


def test_identical_halves_are_warned_about(rng):
    half = rng.standard_normal((32, 32, 32)).astype(np.float32)
    result = ca.analyze(ca.open_half_maps(half, half.copy(), voxel_size=1.5))
    assert any("half maps are identical" in w for w in result.warnings)


def test_fsc_that_never_crosses_is_limited_by_nyquist(rng):
    signal = rng.standard_normal((32, 32, 32))
    halves = [np.float32(signal + 0.3 * rng.standard_normal(signal.shape)) for _ in range(2)]
    result = ca.analyze(ca.open_half_maps(*halves, voxel_size=1.5))
    assert any("limited by Nyquist (3.00 Å)" in w for w in result.warnings)
    assert np.isnan(result.global_fsc.at_143.resolution)


def test_missing_mask_and_thin_cones_are_warned_about(small_result):
    assert any("No mask was given" in w for w in small_result.warnings)
    assert any("fewer than 3 effective coefficients up to shell 5" in w for w in small_result.warnings)
    narrow = ca.analyze(ca.simulate_half_maps(box=48, seed=1), cone_half_angle=8.0, n_axes=21)
    assert any("Some cones of 8 degrees" in w and "up to shell 1" in w for w in narrow.warnings)


def test_partial_result_is_not_calibrated(small_pair):
    first = next(iter(ca.iter_analysis(small_pair)))
    with pytest.raises(ResultError, match="partial \\(6 of 321 axes\\) and can't be calibrated"):
        first.with_calibration()


def test_a_curve_that_was_not_asked_for_says_how_to_get_it(small_result: ca.AnalysisResult) -> None:
    with pytest.raises(ResultError, match=r"no Bingham curve 'p_calibrated'.*calibrate=199"):
        small_result.bingham.range("p_calibrated")


def test_a_folder_of_an_analysis_is_loaded_like_its_file(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    small_result.save(tmp_path / "result.npz")
    np.testing.assert_array_equal(ca.load_result(tmp_path).dfsc.values, small_result.dfsc.values)


def test_a_resolution_that_was_not_reached_is_no_nan_in_the_repr(made_result: Callable[..., ca.AnalysisResult]) -> None:
    text = repr(made_result(np.full((21, 32), 0.9)))
    assert "nan" not in text
    assert "FSC 0.143 not crossed" in text


# --- statistics when cones change ------------------------------------------------------------


@pytest.fixture(scope="module")
def masked_maps() -> ca.HalfMaps:
    made = ca.simulate_half_maps(box=24, preset="missing-cone", seed=0)
    return ca.open_half_maps(made.half1, made.half2, mask=ca.sphere_mask(made.box, 8.0), voxel_size=1.5)


@pytest.fixture(scope="module")
def with_all(masked_maps: ca.HalfMaps) -> ca.AnalysisResult:
    return ca.analyze(masked_maps, n_axes=21, calibrate=19, band=39, correct_mask=True, symmetry="C2", seed=3)


def test_cones_that_stay_the_same_change_nothing(with_all: ca.AnalysisResult) -> None:
    assert with_all.with_cones() is with_all
    assert with_all.with_cones(cone_half_angle=17, threshold=0.143, n_axes=21) is with_all


@pytest.mark.parametrize("change", [{"threshold": 0.3}, {"n_axes": 6}, {"cone_half_angle": 25.0}, {"n_axes": 81}])
def test_what_holds_for_other_cones_no_longer_is_named_and_made_again_by_its_call(
    with_all: ca.AnalysisResult, masked_maps: ca.HalfMaps, change: dict[str, Any]
) -> None:
    cut = with_all.with_cones(**change)
    fresh = ca.analyze(masked_maps, **{"n_axes": 21, **change})
    assert cut.calibration is None
    assert cut.band is None
    assert cut.bingham.p_calibrated is None
    assert cut.dropped["calibration"] == "with_calibration(n_replicates=19, seed=3, symmetry='C2')"
    assert cut.dropped["band"] == "with_band(n_replicates=39, seed=3, symmetry='C2')"
    assert cut.warnings[:-1] == fresh.warnings
    assert all(call in cut.warnings[-1] for call in cut.dropped.values())
    again = cut
    for call in cut.dropped.values():
        again = eval(f"again.{call}", {"again": again, "maps": masked_maps})
    assert again.warnings == fresh.warnings
    assert not again.dropped
    asked = ca.analyze(masked_maps, **{"n_axes": 21, **change}, calibrate=19, band=39, symmetry="C2", seed=3)
    np.testing.assert_array_equal(again.calibration.p_value, asked.calibration.p_value)
    np.testing.assert_allclose(again.band.low, asked.band.low)


@pytest.mark.parametrize(
    ("change", "kept"),
    [({"threshold": 0.3}, True), ({"n_axes": 6}, True), ({"cone_half_angle": 25.0}, False), ({"n_axes": 81}, False)],
)
def test_mask_correction_stays_where_it_holds(
    with_all: ca.AnalysisResult, masked_maps: ca.HalfMaps, change: dict[str, Any], kept: bool
) -> None:
    cut = with_all.with_cones(**change)
    found = cut.mask_correction
    fresh = ca.analyze(masked_maps, **{"n_axes": 21, **change}, correct_mask=True).mask_correction
    np.testing.assert_allclose(found.corrected, fresh.corrected, atol=1e-6)
    assert ("mask_correction" in cut.dropped) is not kept
    if kept:
        np.testing.assert_allclose(found.dfsc.values, fresh.dfsc.values, atol=1e-6)
        np.testing.assert_allclose(found.dfsc.areas, fresh.dfsc.areas)
        np.testing.assert_allclose(found.fso.occupancy, fresh.fso.occupancy, atol=1e-6)
        assert found.fso.threshold == fresh.fso.threshold
    else:
        assert found.dfsc is found.fso is found.directional_randomised is None
        assert "mask correction of cones" in cut.warnings[-1]
        assert "fso_corrected" not in cut.to_xarray()
        assert "fsc_corrected" in cut.to_xarray()
        assert "transition_zone_corrected_angstrom" not in cut.summary()
    assert "fsc_corrected_0.143_resolution_angstrom" in cut.summary()


def test_dropped_statistics_stay_named_over_several_changes(with_all: ca.AnalysisResult, tmp_path: Path) -> None:
    cut = with_all.with_cones(threshold=0.3).with_cones(cone_half_angle=30.0)
    assert set(cut.dropped) == {"calibration", "band", "mask_correction"}
    assert sum(warning.startswith("Dropped") for warning in cut.warnings) == 1
    loaded = ca.load_result(cut.save(tmp_path / "r.npz"))
    assert loaded.dropped == cut.dropped
