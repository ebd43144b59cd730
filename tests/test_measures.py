"""Crossings, FSO, Bingham test and directional resolution on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from cryoaniso_nb.directions import areas, axes_for
from cryoaniso_nb.errors import ResultError
from cryoaniso_nb.measures.bingham import anisotropic_range, bingham, statistic
from cryoaniso_nb.measures.crossing import first_crossing, first_crossings
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.measures.fso import fso, occupancy_curve, zone_shells
from cryoaniso_nb.measures.resolution import directional_resolution, resolution_statistics, weighted_percentiles
from cryoaniso_nb.results import DirectionalFSC, ResolutionFlag


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


# --- crossings


def test_crossing_is_interpolated_in_frequency():
    crossing = first_crossing(np.array([0.1, 0.2, 0.4]), np.array([1.0, 0.6, 0.2]), 0.5)
    assert crossing.frequency == pytest.approx(0.25)
    assert crossing.resolution == pytest.approx(4.0)
    assert crossing.flag is ResolutionFlag.CROSSED


def test_curve_that_never_falls_is_not_crossed_and_carries_no_number():
    crossing = first_crossing(np.array([0.1, 0.2]), np.array([1.0, 0.6]), 0.5)
    assert crossing.flag is ResolutionFlag.NOT_CROSSED
    assert np.isnan(crossing.frequency)
    assert np.isnan(crossing.resolution)


def test_curve_below_at_the_start_is_flagged_so():
    f, flag, shell = first_crossings(np.arange(1.0, 5), np.array([[0.9, 0.9, 0.1, 0.9]]), 0.5, start=3)
    assert flag[0] == ResolutionFlag.BELOW_AT_START
    assert np.isnan(f[0])
    assert shell[0] == 0


def test_a_value_equal_to_the_level_is_not_below():
    crossing = first_crossing(np.arange(1.0, 4), np.array([1.0, 0.5, 0.4]), 0.5)
    assert crossing.frequency == pytest.approx(2.0)


def test_unmeasured_shells_are_passed_over():
    curve = np.array([np.nan, 1.0, np.nan, 0.0])
    assert first_crossing(np.arange(1.0, 5), curve, 0.5).frequency == pytest.approx(3.0)
    assert first_crossing(np.arange(1.0, 5), np.full(4, np.nan), 0.5).flag is ResolutionFlag.UNMEASURED


# --- FSC and FSO


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
    np.testing.assert_allclose(b.p_value, chi2.sf(b.statistic / 2, 5))
    np.testing.assert_allclose(b.published, chi2.cdf(b.statistic, 5))
    assert b.p_value[1] < 1e-6
    assert b.published[1] > 1 - 1e-6


def test_bingham_is_unknown_where_an_axis_is_unmeasured():
    values = np.ones((321, 2))
    values[5, 0] = np.nan
    b = bingham(directional(values), fso(directional(values), 0.143))
    assert np.isnan(b.statistic[0])
    assert np.isnan(b.p_value[0])
    assert b.statistic[1] == pytest.approx(0, abs=1e-9)


def test_range_is_the_run_that_shares_most_with_the_zone():
    occupancy = np.array([1, 1, 0.85, 0.5, 0.3, 0.05, 0, 0, 0, 0])
    curve = fso(directional((np.arange(321)[:, None] < 321 * occupancy).astype(float)), 0.143)
    significant = np.array([0, 0, 1, 0, 1, 1, 1, 0, 0, 1], dtype=bool)
    assert anisotropic_range(curve, significant) == pytest.approx((100 / 5, 100 / 7))
    assert np.isnan(anisotropic_range(curve, np.zeros(10, dtype=bool))).all()


def test_unknown_curve_is_refused_by_name():
    b = bingham(directional(np.ones((21, 2))), fso(directional(np.ones((21, 2))), 0.143))
    with pytest.raises(ResultError, match="'calibrated', only p_value, published"):
        b.range("calibrated")


# --- directional resolution


def test_directional_resolution_and_its_statistics():
    values = np.ones((6, 6))
    values[0, 4:] = 0.0  # crosses between shells 4 and 5
    values[1, 3:] = 0.0
    values[2, 2:] = 0.0  # below at shell 3
    d = directional_resolution(directional(values), 0.5)
    np.testing.assert_allclose(d.resolution[:2], [100 / 4.5, 100 / 3.5])
    assert d.flag.tolist() == [0, 0, 2, 1, 1, 1]
    assert np.isnan(d.resolution[2:]).all()
    s = resolution_statistics(d)
    assert (s.best_axis, s.worst_axis) == (0, 1)
    assert (s.n_crossed, s.n_not_crossed, s.n_below_at_start) == (2, 3, 1)
    assert s.mean == pytest.approx((100 / 4.5 + 100 / 3.5) / 2)


def test_statistics_of_nothing_are_unknown():
    s = resolution_statistics(directional_resolution(directional(np.ones((6, 5))), 0.5))
    assert np.isnan([s.mean, s.sd, s.p5, s.best, s.worst]).all()
    assert s.best_axis == -1


def test_percentiles_follow_the_weights(rng):
    values = rng.random(2000)
    assert weighted_percentiles(values, np.ones(2000), (5, 50, 95)) == pytest.approx(
        np.quantile(values, [0.05, 0.5, 0.95]), abs=2e-3
    )
    heavy = np.where(values < 0.2, 9.0, 1.0)
    assert weighted_percentiles(values, heavy, (50,))[0] < 0.2
