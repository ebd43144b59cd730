"""Crossings, FSO, Bingham test and directional resolution on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

import cryoaniso_nb as ca
from cryoaniso_nb.errors import ResultError
from cryoaniso_nb.geometry.directions import areas, axes_for
from cryoaniso_nb.measures.bingham_test import anisotropic_range, bingham, statistic
from cryoaniso_nb.measures.fourier_shell_occupancy import fso, occupancy_curve, zone_shells
from cryoaniso_nb.measures.fsc import correlation, global_crossing, global_fsc
from cryoaniso_nb.measures.resolution import directional_resolution, resolution_statistics, weighted_percentiles
from cryoaniso_nb.results.types import DirectionalFSC, ResolutionFlag


def directional(values, frequency=None):
    n_axes, shells = values.shape
    return DirectionalFSC(
        frequency=np.arange(1.0, shells + 1) / 100 if frequency is None else frequency,
        axes=axes_for(n_axes),
        areas=areas(n_axes),
        values=values,
        n_eff=np.full(values.shape, 50.0),
        done=np.ones(n_axes, dtype=bool),
    )


# --- FSC and FSO


def test_global_fsc_keeps_both_curves_and_both_levels():
    sums = np.array([[0, 10.0, 3.0, 0.0], [0, 10.0, 10.0, 10.0], [0, 10.0, 10.0, 10.0]])
    bare = sums * np.array([[0.5], [1.0], [1.0]])
    found = global_fsc(np.array([0.1, 0.2, 0.3]), sums, bare)
    np.testing.assert_allclose(found.fsc, [1.0, 0.3, 0.0])
    np.testing.assert_allclose(found.fsc_unmasked, [0.5, 0.15, 0.0])
    assert found.at_500.frequency == pytest.approx(0.1 + 0.1 * 0.5 / 0.7)
    assert found.at_143.frequency == pytest.approx(0.2 + 0.1 * 0.157 / 0.3)
    assert global_crossing(found, 0.5) is found.at_500


def test_correlation_without_power_is_unknown():
    assert np.isnan(correlation(np.zeros(1), np.zeros(1), np.ones(1)))[0]


def test_occupancy_is_the_area_of_passing_axes():
    share = areas(321)
    values = np.where(axes_for(321)[:, 2:] > 0.5, 1.0, 0.0)
    assert fso(directional(values), 0.143).occupancy[0] == pytest.approx(share[axes_for(321)[:, 2] > 0.5].sum())
    assert fso(directional(values), 0.143).occupancy[0] == pytest.approx(0.5, abs=0.02)  # a cap of 60 degrees


def test_unmeasured_axes_are_left_out_of_the_share():
    values = np.array([[1.0], [np.nan], [0.0]])
    assert occupancy_curve(values, np.array([0.5, 0.25, 0.25]), 0.143)[0] == pytest.approx(2 / 3)
    assert np.isnan(occupancy_curve(np.full((3, 1), np.nan), np.ones(3), 0.143))[0]


def test_value_at_the_threshold_passes():
    assert occupancy_curve(np.array([[0.143]]), np.ones(1), 0.143)[0] == 1.0


def test_transition_zone_end_is_sought_after_the_onset():
    occupancy = np.array([1.0, 0.95, 0.5, 0.05, 0.0])
    passing = np.arange(321)[:, None] < 321 * occupancy
    curve = fso(directional(passing.astype(float)), 0.143)
    onset, end = curve.transition_zone
    assert 100 / 3 < onset < 50
    assert 25 < end < 100 / 3
    assert zone_shells(curve) == slice(1, 4)


def test_zone_without_end_reaches_nyquist():
    curve = fso(directional(np.where(np.arange(321)[:, None] < [321, 150, 120], 1.0, 0.0)), 0.143)
    assert np.isnan(curve.end.resolution)
    assert zone_shells(curve) == slice(0, 3)


def test_isotropic_curve_has_no_zone():
    curve = fso(directional(np.ones((21, 4))), 0.143)
    assert curve.onset.flag is ResolutionFlag.NOT_CROSSED
    assert zone_shells(curve) == slice(4, 4)


# --- Bingham


def test_statistic_counts_each_axis_twice_as_the_paper_does(rng):
    passing = rng.random(321) < 0.3
    points = np.concatenate([axes_for(321)[passing], -axes_for(321)[passing]])
    scatter = points.T @ points / len(points)
    expected = 7.5 * len(points) * (np.trace(scatter @ scatter) - 1 / 3)
    assert statistic(axes_for(321), passing) == pytest.approx(expected)


def test_half_the_statistic_is_chi_squared_for_independent_axes(rng):
    samples = rng.standard_normal((4000, 200, 3))
    samples /= np.linalg.norm(samples, axis=2, keepdims=True)
    b = np.array([statistic(s, np.ones(200, dtype=bool)) for s in samples])
    assert np.mean(b / 2 > chi2.ppf(0.95, 5)) == pytest.approx(0.05, abs=0.012)
    assert np.mean(b > chi2.ppf(0.95, 5)) > 0.3  # B itself is not


def test_the_three_curves_are_told_apart():
    b = bingham(
        directional(np.where(axes_for(321)[:, 2:] > [0.0, 0.5], 0.9, 0.0)), fso(directional(np.ones((321, 2))), 0.143)
    )
    np.testing.assert_allclose(b.p_textbook, chi2.sf(b.statistic / 2, 5))
    np.testing.assert_allclose(b.p_published, chi2.cdf(b.statistic, 5))
    assert b.p_textbook[1] < 1e-6
    assert b.p_published[1] > 1 - 1e-6


def test_bingham_is_unknown_where_an_axis_is_unmeasured():
    values = np.ones((321, 2))
    values[5, 0] = np.nan
    b = bingham(directional(values), fso(directional(values), 0.143))
    assert np.isnan(b.statistic[0])
    assert np.isnan(b.p_textbook[0])
    assert b.statistic[1] == pytest.approx(0, abs=1e-9)


def test_range_is_the_run_that_shares_most_with_the_zone():
    occupancy = np.array([1, 1, 0.85, 0.5, 0.3, 0.05, 0, 0, 0, 0])
    curve = fso(directional((np.arange(321)[:, None] < 321 * occupancy).astype(float)), 0.143)
    significant = np.array([0, 0, 1, 0, 1, 1, 1, 0, 0, 1], dtype=bool)
    assert anisotropic_range(curve, significant) == pytest.approx((100 / 5, 100 / 7))
    assert np.isnan(anisotropic_range(curve, np.zeros(10, dtype=bool))).all()


def test_a_longer_run_outside_the_zone_is_no_range():
    occupancy = np.array([1, 1, 0.85, 0.5, 0.3, 0.05, 0, 0, 0, 0])
    curve = fso(directional((np.arange(321)[:, None] < 321 * occupancy).astype(float)), 0.143)
    significant = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 1], dtype=bool)
    assert anisotropic_range(curve, significant) == pytest.approx((100 / 3, 100 / 4))
    significant[2:4] = False
    assert np.isnan(anisotropic_range(curve, significant)).all()


def test_unknown_curve_is_refused_by_name():
    b = bingham(directional(np.ones((21, 2))), fso(directional(np.ones((21, 2))), 0.143))
    with pytest.raises(ResultError, match="'p_calibrated', only p_textbook, p_published"):
        b.range("p_calibrated")


# --- directional resolution


def test_directional_resolution_and_its_statistics():
    values = np.ones((6, 6))
    values[0, 4:] = 0.0  # crosses between shells 4 and 5
    values[1, 3:] = 0.0
    values[2] = 0.0
    d = directional_resolution(directional(values), 0.5)
    np.testing.assert_allclose(d.resolution[:2], [100 / 4.5, 100 / 3.5])
    assert d.flag.tolist() == [0, 0, 2, 1, 1, 1]
    assert np.isnan(d.resolution[2:]).all()
    s = resolution_statistics(d)
    assert s.best_axis in (3, 4, 5), "directions that reach Nyquist are the best"
    assert s.worst_axis == 2, "one without signal is the worst"
    assert np.isnan([s.best, s.worst]).all()
    assert (s.n_crossed, s.n_not_crossed, s.n_no_signal) == (2, 3, 1)
    assert s.mean == pytest.approx((100 / 4.5 + 100 / 3.5) / 2)


def test_coefficients_and_spread_are_those_of_the_crossings():
    values = np.ones((6, 6))
    values[0, 4:] = values[1, 3:] = 0.0
    made = directional(values)
    share = np.array([0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
    made = made.replace(n_eff=np.tile(np.arange(1.0, 7), (6, 1)), areas=share)
    d = directional_resolution(made, 0.5)
    assert d.n_eff[:2].tolist() == [5.0, 4.0], "of the first shell below"
    assert np.isnan(d.n_eff[2:]).all()
    s = resolution_statistics(d)
    a, b = 100 / 4.5, 100 / 3.5
    assert s.mean == pytest.approx((2 * a + b) / 3)
    assert s.sd == pytest.approx((b - a) * np.sqrt(2) / 3)


def test_percentiles_count_directions_without_a_number():
    values = np.ones((321, 8))
    for axis in range(321):
        values[axis, 3 + axis % 4 :] = 0.0
    values[:30] = 1.0  # 9 % reach Nyquist
    values[300:] = 0.0  # 7 % hold no signal
    s = resolution_statistics(directional_resolution(directional(values), 0.5))
    assert s.percentile_flags == (ResolutionFlag.NOT_CROSSED, ResolutionFlag.CROSSED, ResolutionFlag.NO_SIGNAL)
    assert np.isnan([s.p5, s.p95]).all()
    assert 100 / 6.5 <= s.p50 <= 100 / 3.5


def test_first_crossing_stays_beside_the_rule():
    values = np.ones((6, 12))
    values[:, 10:] = 0.0
    values[0, 4] = 0.0  # a dip in shell 5
    d = directional_resolution(directional(values), 0.5)
    np.testing.assert_allclose(d.resolution, 100 / 10.5)
    np.testing.assert_allclose(d.first_crossing, [100 / 4.5, *[100 / 10.5] * 5])
    assert d.early.tolist() == [True, *[False] * 5]
    assert resolution_statistics(d).n_early == 1
    parity = directional_resolution(directional(values), 0.5, parity="xmipp")
    np.testing.assert_array_equal(parity.resolution, d.first_crossing)


def test_the_rule_has_no_bias_where_the_first_crossing_has():
    """Missing side views at 96^3: error in shells against the truth, of every axis."""
    maps = ca.simulate_half_maps(96, preset="missing-side-views", seed=41, signal="phantom")
    d = ca.analyze(maps).directional_resolution
    assert maps.truth is not None
    true = 96 / maps.truth.resolution
    error, first = 96 / d.resolution - true, 96 / d.first_crossing - true
    assert d.measured.all()
    assert abs(error.mean()) < 0.3
    assert np.sqrt(np.mean(error**2)) < 2.3
    assert np.nanmean(first) < -2


def test_statistics_of_nothing_are_unknown():
    s = resolution_statistics(directional_resolution(directional(np.ones((6, 5))), 0.5))
    assert np.isnan([s.mean, s.sd, s.p5, s.best, s.worst]).all()
    assert s.percentile_flags == (ResolutionFlag.NOT_CROSSED,) * 3
    unmeasured = resolution_statistics(directional_resolution(directional(np.full((6, 5), np.nan)), 0.5))
    assert (unmeasured.best_axis, unmeasured.worst_axis) == (-1, -1)


def test_percentiles_follow_the_weights(rng):
    values = rng.random(2000)
    assert weighted_percentiles(values, np.ones(2000), (5, 50, 95)) == pytest.approx(
        np.quantile(values, [0.05, 0.5, 0.95]), abs=2e-3
    )
    heavy = np.where(values < 0.2, 9.0, 1.0)
    assert weighted_percentiles(values, heavy, (50,))[0] < 0.2
