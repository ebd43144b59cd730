"""The rule of the crossing against an isotonic fit, and first crossings, on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import isotonic_regression

from cryoaniso_nb.measures.crossing import crossing, crossings, first_crossings, last_shells
from cryoaniso_nb.results.types import ResolutionFlag


def test_crossing_is_interpolated_in_frequency():
    found = crossing(np.array([0.1, 0.2, 0.4]), np.array([1.0, 0.6, 0.2]), 0.5)
    assert found.frequency == found.first == pytest.approx(0.25)
    assert found.resolution == pytest.approx(4.0)
    assert found.flag is ResolutionFlag.CROSSED


def test_curve_that_never_falls_is_not_crossed_and_carries_no_number():
    found = crossing(np.array([0.1, 0.2]), np.array([1.0, 0.6]), 0.5)
    assert found.flag is ResolutionFlag.NOT_CROSSED
    assert np.isnan([found.frequency, found.resolution, found.first]).all()


def test_curve_without_any_sum_above_the_level_has_no_signal():
    found = crossing(np.arange(1.0, 5), np.array([0.4, 0.55, 0.3, 0.1]), 0.5)
    assert found.flag is ResolutionFlag.CROSSED, "0.4 in one coefficient and 0.55 in two: just signal"
    found = crossing(np.arange(1.0, 5), np.array([0.4, 0.54, 0.3, 0.1]), 0.5)
    assert found.flag is ResolutionFlag.NO_SIGNAL
    assert np.isnan([found.frequency, found.first]).all()


def test_a_value_equal_to_the_level_is_not_below():
    curve = np.array([1.0, 0.5, 0.4])
    assert crossing(np.arange(1.0, 4), curve, 0.5).frequency == pytest.approx(2.0)
    assert last_shells(curve[None], 0.5, np.ones(3)).tolist() == [2]
    assert crossings(np.arange(1.0, 4), curve[None], 0.5, np.ones(3))[2].tolist() == [3]


def test_unmeasured_shells_are_passed_over():
    curve = np.array([np.nan, 1.0, np.nan, 0.0])
    assert crossing(np.arange(1.0, 5), curve, 0.5).frequency == pytest.approx(3.0)
    assert crossing(np.arange(1.0, 5), np.full(4, np.nan), 0.5).flag is ResolutionFlag.UNMEASURED


def test_a_shell_without_weight_counts_for_nothing():
    f, flag, shell = crossings(
        np.arange(1.0, 5), np.array([[1.0, 0.9, -1.0, 0.0]]), 0.5, np.array([1.0, 1.0, 0.0, 1.0])
    )
    assert flag[0] == ResolutionFlag.CROSSED
    assert f[0] == pytest.approx(2 + 2 * 0.4 / 0.9)
    assert shell[0] == 4


def test_a_dip_counts_as_far_as_the_shells_beyond_do_not_make_it_good():
    f = np.arange(1.0, 6)
    dip = np.array([1.0, 0.3, 0.9, 0.9, 0.0])
    assert crossing(f, dip, 0.5).frequency == pytest.approx(4 + 4 / 9)
    assert crossing(f, dip, 0.5).first == pytest.approx(1 + 5 / 7)
    lasting = np.array([1.0, -2.0, 0.9, 0.9, 0.0])
    assert crossing(f, lasting, 0.5).frequency == crossing(f, lasting, 0.5).first


def test_first_crossings_start_where_they_are_told():
    f, flag, shell = first_crossings(
        np.arange(1.0, 5), np.array([[0.9, 0.9, 0.1, 0.9], [0.1, 0.9, 0.9, 0.4]]), 0.5, start=3
    )
    assert flag.tolist() == [ResolutionFlag.NO_SIGNAL, ResolutionFlag.CROSSED]
    assert np.isnan(f[0])
    assert f[1] == pytest.approx(3.8)
    assert shell.tolist() == [0, 4]


def isotonic(curve: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The non-increasing weighted least-squares fit of a curve, by another program."""
    return isotonic_regression(curve, weights=weights, increasing=False).x


@given(
    curve=arrays(float, st.integers(3, 30), elements=st.floats(-1, 1)),
    seed=st.integers(0, 2**16),
    level=st.sampled_from([0.1, 0.143, 0.5, 0.9]),
)
def test_the_rule_is_where_the_isotonic_fit_falls(curve: np.ndarray, seed: int, level: float) -> None:
    weights = np.random.default_rng(seed).uniform(0.1, 5.0, curve.size)
    fit = isotonic(curve, weights)
    assume(np.abs(fit - level).min() > 1e-9)
    assert last_shells(curve[None], level, weights)[0] == int((fit >= level).sum())
    f, flag, shell = crossings(np.arange(1.0, curve.size + 1), curve[None], level, weights)
    if flag[0] == ResolutionFlag.CROSSED:
        assert curve[shell[0] - 2] >= level > curve[shell[0] - 1]
        assert shell[0] - 1 <= f[0] <= shell[0]


@given(arrays(float, st.integers(3, 30), elements=st.floats(0, 1)))
def test_the_crossings_of_an_occupancy_are_in_order(occupancy: np.ndarray) -> None:
    f = np.arange(1.0, occupancy.size + 1)
    rank = {ResolutionFlag.NO_SIGNAL: 0.0, ResolutionFlag.NOT_CROSSED: np.inf}
    at = [rank.get(c.flag, c.frequency) for c in (crossing(f, occupancy, level) for level in (0.9, 0.5, 0.1))]
    assert at == sorted(at)


@given(st.lists(st.floats(0.001, 0.2), min_size=3, max_size=20))
def test_a_curve_that_falls_once_crosses_where_it_first_does(steps: list[float]) -> None:
    curve = 1 - np.cumsum(steps)
    found = crossing(np.arange(1.0, curve.size + 1), curve, 0.5)
    assert found.frequency == found.first or np.isnan([found.frequency, found.first]).all()
