"""Area ratios against sums over voxels and known anisotropy; spread of dFSC against numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryoaniso_nb.analysis.run import analyze
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import ResultError, SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for, fibonacci_axes
from cryoaniso_nb.geometry.shells import (
    coordinates,
    first_dense_shell,
    hermitian_weights,
    shell_frequencies,
    shell_index,
)
from cryoaniso_nb.measures import area_ratio
from cryoaniso_nb.measures.area_ratio import cfar, hard_sums, relative_signal
from cryoaniso_nb.measures.dfsc_spread import dfsc_spread
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.outputs.report import write_report
from cryoaniso_nb.results.types import DirectionalFSC, InputFile, ResolutionFlag, Result
from cryoaniso_nb.simulate.half_maps import expected_histogram, preset_ssnr, simulate_half_maps

BOX = (64, 64, 64)
CONE = (float(np.cos(np.deg2rad(20))), 1.0)
TORUS = (0.0, float(np.sin(np.deg2rad(20))))


@pytest.fixture(scope="module")
def maps():
    return simulate_half_maps(box=BOX, preset="missing-cone", seed=1)


@pytest.fixture(scope="module")
def histogram(maps):
    return accumulate(maps)


def exact_sums(maps, axes, low, high):
    """Sums over every voxel: (4, A, S)."""
    first, second = np.fft.rfftn(maps.half1), np.fft.rfftn(maps.half2)
    shell = shell_index(maps.box)
    z, y, x = coordinates(maps.box)
    sums = np.zeros((4, len(axes), shell.max() + 1))
    for s in range(1, max(maps.box) // 2 + 1):
        iz, iy, ix = np.nonzero(shell == s)
        direction = np.stack([x[ix], y[iy], z[iz]], axis=1)
        cosine = np.abs(axes @ (direction / np.linalg.norm(direction, axis=1, keepdims=True)).T)
        inside = ((cosine >= low) & (cosine <= high + 1e-12)).astype(float)
        a, b = first[iz, iy, ix], second[iz, iy, ix]
        products = np.stack([(a.conj() * b).real, np.abs(a) ** 2, np.abs(b) ** 2, np.ones(a.size)])
        sums[:, :, s] = (products * hermitian_weights(maps.box)[ix] / 2) @ inside.T
    return sums[:, :, 1 : max(maps.box) // 2 + 1]


def test_fibonacci_axes_cover_the_half_sphere_evenly():
    axes = fibonacci_axes(256)
    assert np.allclose(np.linalg.norm(axes, axis=1), 1)
    assert (axes[:, 2] > 0).all()
    assert np.allclose(axes.T @ axes / 256, np.eye(3) / 3, atol=0.01)
    nearest = np.sort(np.abs(axes @ axes.T), axis=1)[:, -2]
    # The tightest pairs lie at the equator, where the spiral meets its antipodes.
    assert np.rad2deg(np.arccos(nearest)).min() > 4.5


@pytest.mark.parametrize("bounds", [CONE, TORUS])
def test_sums_are_exact_in_sparse_shells_and_close_in_dense_ones(maps, histogram, bounds):
    axes = fibonacci_axes(64)
    sums, exact = hard_sums(histogram, axes, *bounds), exact_sums(maps, axes, *bounds)
    sparse = first_dense_shell(BOX) - 1
    assert np.allclose(sums[:, :, :sparse], exact[:, :, :sparse], rtol=1e-5, atol=1e-6 * exact[1].max())
    curves, true = correlation(*sums[:3]), correlation(*exact[:3])
    error = (curves - true)[:, sparse:] * np.sqrt(2 * exact[3][:, sparse:])
    assert np.sqrt(np.mean(error**2)) < 0.25  # measured: 0.16 of the noise for the cone, 0.11 for the torus
    assert sums[3].sum() == pytest.approx(exact[3].sum(), rel=0.01)


def first_area(curve, start, level=0.143):
    """Written out: up to and including the first shell at or below the level."""
    total = 0.0
    for shell, value in enumerate(curve, 1):
        total += shell**2 * value
        if value <= level and shell >= start:
            break
    return max(total, 0.0)


def lasting_area(curve, start, level=0.143):
    """Written out: up to and including the shell from which on no run of shells lies above the level."""
    weighted = [shell**2 * (value - level) for shell, value in enumerate(curve, 1)]
    for end in range(start - 1, len(curve)):
        if all(sum(weighted[end : stop + 1]) <= 0 for stop in range(end, len(curve))):
            break
    return max(sum(shell**2 * value for shell, value in enumerate(curve[: end + 1], 1)), 0.0)


@pytest.mark.parametrize(("ending", "reference"), [("lasting", lasting_area), ("first", first_area)])
@pytest.mark.parametrize(("measure", "bounds"), [(cfar, CONE), (relative_signal, TORUS)])
def test_areas_and_ratio_follow_the_rule(maps, histogram, measure, bounds, ending, reference):
    result = measure(histogram, ending=ending)
    exact = correlation(*exact_sums(maps, result.axes, *bounds)[:3])
    whole = correlation(*histogram.shell_sums[:, 1:])
    curves = np.where(np.isfinite(exact), exact, whole)
    expected = np.array([reference(curve.tolist(), result.start_shell) for curve in curves])
    assert result.ending == ending
    assert result.ratio == pytest.approx(expected.min() / expected.max(), abs=0.01)
    low, high = np.percentile(expected, (5, 95))
    assert result.robust == pytest.approx(low / high, abs=0.02)
    assert np.sqrt(np.mean((result.area / expected - 1) ** 2)) < 0.05
    assert result.relative.max() == 1
    assert result.n_not_crossed == 0


def test_both_endings_are_one_where_curves_fall_once():
    quiet = expected_histogram(BOX, 1.0, preset_ssnr("missing-side-views", BOX))
    lasting, first = cfar(quiet, ending="lasting"), cfar(quiet)
    assert np.array_equal(lasting.area, first.area)
    assert np.array_equal(lasting.frequency, first.frequency)


def test_a_dip_that_comes_back_ends_no_area():
    def with_dip(shell, direction):
        dark = (shell == 8) & (np.abs(direction[:, 2]) > 0.9)
        return np.where(dark, 0.0, np.where(shell > 20, 0.01, 1.0))

    histogram = expected_histogram(BOX, 1.0, with_dip)
    lasting, first = cfar(histogram, ending="lasting"), cfar(histogram)
    assert lasting.ratio > 0.9
    assert first.ratio < 0.1
    assert lasting.frequency.min() == lasting.frequency.max() == pytest.approx(21 / 64)
    assert first.frequency.min() == pytest.approx(8 / 64)


def test_a_missing_cone_is_named_as_the_worst_direction(histogram):
    result = cfar(histogram)
    worst = result.worst(5)
    assert result.ratio < 0.2
    assert all(zenith < 45 for zenith, _, _ in worst)
    assert [share for *_, share in worst] == sorted(share for *_, share in worst)
    index = int(np.argmin(result.area))
    assert worst[0][:2] == (result.zenith[index], result.azimuth[index])
    assert 0 < worst[0][2] < 0.5


def test_expected_sums_of_an_isotropic_map_give_a_ratio_near_1():
    quiet = expected_histogram((48, 48, 48), 1.0, preset_ssnr("isotropic", (48, 48, 48)))
    assert cfar(quiet).ratio == pytest.approx(1, abs=0.02)
    assert relative_signal(quiet).ratio == pytest.approx(1, abs=0.01)


def test_noise_lowers_min_over_max_more_than_the_robust_ratio():
    result = cfar(accumulate(simulate_half_maps(box=64, preset="isotropic", seed=2)))
    assert result.ratio < result.robust
    assert result.robust > 0.5  # no concern for an isotropic map


def test_relative_signal_is_low_for_views_that_are_missing():
    missing_top = relative_signal(accumulate(simulate_half_maps(box=64, preset="missing-top-views", seed=3)))
    # Views from the top fill the plane perpendicular to z, which side views leave thin.
    assert missing_top.zenith[np.argmin(missing_top.area)] < 30
    assert missing_top.zenith[np.argmax(missing_top.area)] > 60
    missing_side = relative_signal(accumulate(simulate_half_maps(box=64, preset="missing-side-views", seed=3)))
    assert missing_side.zenith[np.argmin(missing_side.area)] > 60


def test_a_curve_that_never_falls_ends_at_nyquist_and_says_so():
    quiet = expected_histogram((32, 32, 32), 1.0, lambda shell, direction: np.full(shell.size, 9.0))
    result = cfar(quiet)
    assert result.n_not_crossed == 256
    assert np.isnan(result.frequency).all()
    assert (result.flag == ResolutionFlag.NOT_CROSSED).all()
    assert result.area[0] == pytest.approx(0.9 * (np.arange(1, 17) ** 2).sum(), rel=1e-3)


def test_axes_that_end_by_chance_are_counted():
    noise = expected_histogram((32, 32, 32), 1.0, lambda shell, direction: np.full(shell.size, 0.01))
    literal = cfar(noise, start_shell=1)
    assert literal.n_by_chance == 256  # every area ends in shell 1, with 0 to 2 coefficients
    assert literal.count.max() < 3
    assert cfar(noise).n_by_chance < 26
    assert (cfar(noise).start_shell, relative_signal(noise).start_shell) == (6, 3)
    assert cfar(expected_histogram((32, 32, 32), 1.0, lambda s, d: np.full(s.size, 9.0))).n_by_chance == 0


@pytest.mark.parametrize(("signal", "low"), [("noise", 0.6), ("phantom", 0.4)])
def test_a_ratio_of_lasting_areas_comes_near_the_truth(signal, low):
    # Measured over six seeds at 96^3: 0.77 of the truth (0.096), with a phantom 0.6; the first shell
    # below the level gives 0.44 and 0.04 of it, so that this test fails with it.
    box, preset = (96, 96, 96), "missing-side-views"
    truth = cfar(expected_histogram(box, 1.0, preset_ssnr(preset, box)))
    maps = [simulate_half_maps(box=box, preset=preset, seed=seed, signal=signal) for seed in range(3)]
    measured = [cfar(accumulate(pair), ending="lasting") for pair in maps]
    assert truth.ratio == pytest.approx(0.096, abs=0.001)
    assert low < np.median([m.ratio for m in measured]) / truth.ratio < 1.1
    assert np.median([m.robust for m in measured]) == pytest.approx(truth.robust, rel=0.15)
    assert all(m.ratio <= m.robust for m in measured)
    assert all(zenith < 35 for m in measured for zenith, _, _ in m.worst())


def test_bad_angle_and_saving(histogram, tmp_path):
    with pytest.raises(SettingsError, match="half-angle is 5 degrees"):
        cfar(histogram, cone_half_angle=5)
    with pytest.raises(SettingsError, match="half-angle is 60 degrees"):
        relative_signal(histogram, half_angle=60)
    with pytest.raises(SettingsError, match="ending is 'second', but it must be 'first' or 'lasting'"):
        cfar(histogram, ending="second")
    result = cfar(histogram)
    loaded = Result.load(result.save(tmp_path / "c.npz"))
    assert loaded.worst(3) == result.worst(3)


def test_a_result_has_the_ratios_and_the_functions_take_it():
    result = analyze(simulate_half_maps(box=32, preset="missing-cone", seed=0))
    assert np.array_equal(result.cfar(ending="lasting").area, cfar(result.histogram, ending="lasting").area)
    assert np.array_equal(result.relative_signal().area, relative_signal(result.histogram).area)
    for name, measure in (("cfar", cfar), ("relative_signal", relative_signal)):
        assert np.array_equal(measure(result).area, measure(result.histogram).area)
        with pytest.raises(SettingsError, match="a Settings was given"):
            measure(result.settings)
        with pytest.raises(ResultError, match="needs the angular histogram"):
            getattr(result.replace(histogram=None), name)()


def test_areas_against_a_model_end_at_its_threshold():
    result = analyze(simulate_half_maps(box=32, preset="missing-cone", seed=0), threshold=0.5)
    assert result.cfar().level == 0.143
    against_model = result.replace(inputs=(InputFile(role="model", name="m.cif"),))
    assert against_model.against_model
    assert not result.against_model
    assert (against_model.cfar().level, against_model.cfar(level=0.3).level) == (0.5, 0.3)


def test_spread_is_the_weighted_mean_and_sd_of_the_measured_axes():
    random = np.random.default_rng(0)
    values = random.uniform(-0.2, 1, (321, 20))
    values[random.random(values.shape) < 0.3] = np.nan
    values[:, 0] = np.nan
    dfsc = DirectionalFSC(
        frequency=shell_frequencies((40, 40, 40), 1.0),
        axes=axes_for(321),
        areas=areas(321),
        values=values,
        n_eff=np.ones((321, 20)),
        done=np.ones(321, dtype=bool),
    )
    spread = dfsc_spread(dfsc)
    assert np.isnan([spread.mean[0], spread.sd[0], spread.minimum[0], spread.maximum[0]]).all()
    assert spread.measured[0] == 0
    for s in range(1, 20):
        known = np.isfinite(values[:, s])
        mean = np.average(values[known, s], weights=areas(321)[known])
        variance = np.average((values[known, s] - mean) ** 2, weights=areas(321)[known])
        assert spread.mean[s] == pytest.approx(mean)
        assert spread.sd[s] == pytest.approx(np.sqrt(variance))
        assert spread.minimum[s] == values[known, s].min()
        assert spread.maximum[s] == values[known, s].max()
        assert spread.measured[s] == pytest.approx(areas(321)[known].sum())


def test_spread_of_an_isotropic_map_is_noise_alone():
    maps = simulate_half_maps(box=64, preset="isotropic", seed=4)
    sums = cone_sums(accumulate(maps), axes_for(321), 17.0)
    dfsc = DirectionalFSC(
        frequency=shell_frequencies(maps.box, 1.0),
        axes=axes_for(321),
        areas=areas(321),
        values=correlation(sums.xy, sums.xx, sums.yy),
        n_eff=sums.n_eff,
        done=np.ones(321, dtype=bool),
    )
    spread = dfsc_spread(dfsc)
    noise = 1 / np.sqrt(2 * sums.n_eff.mean(axis=0))
    last = slice(26, None)  # little signal left: sd of pure noise
    assert np.mean(spread.sd[last] / noise[last]) == pytest.approx(1, abs=0.1)


def test_sums_over_cones_are_made_once_for_all_endings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Report and metrics show two ratios of cones and two of tori: two passes over the histogram."""
    result = analyze(simulate_half_maps(box=32, preset="missing-cone", seed=0), n_axes=21)
    passes = []
    summed = area_ratio.hard_sums

    def counted(*arguments: Any) -> Any:
        passes.append(arguments)
        return summed(*arguments)

    monkeypatch.setattr(area_ratio, "hard_sums", counted)
    for kind, direct in (("cone", result.cfar), ("torus", result.relative_signal)):
        curves = result.conical_curves(kind)
        found = [curves.ratio(ending) for ending in ("first", "lasting")]
        assert len(passes) == 1
        for ratio in found:
            again = direct(ending=ratio.ending)
            np.testing.assert_array_equal(ratio.area, again.area)
            assert (ratio.ratio, ratio.robust, ratio.level) == (again.ratio, again.robust, again.level)
        passes.clear()
    write_report(result, tmp_path / "r.html")
    assert len(passes) == 2
