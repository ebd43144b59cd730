"""What must hold for any half maps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.measures.fsc import correlation

ALONE = Execution("synchronous")

SEEDS = st.integers(0, 2**31)
SIDES = st.integers(16, 30)


def halves(seed, box):
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(box)
    return [np.float32(common + rng.uniform(0.2, 2) * rng.standard_normal(box)) for _ in range(2)]


def cones(first, second, axes, cone=17.0):
    maps = SimpleNamespace(half1=first, half2=second, mask=None, voxel_size=1.0)
    return cone_sums(accumulate(maps, execution=ALONE), axes, cone, execution=ALONE)


def dfsc(first, second, axes):
    sums = cones(first, second, axes)
    return correlation(sums.xy, sums.xx, sums.yy)


@settings(max_examples=15)
@given(SEEDS, SIDES, SIDES, SIDES)
def test_dfsc_is_a_correlation_and_unknown_only_where_no_coefficient_is(seed, nz, ny, nx):
    sums = cones(*halves(seed, (nz, ny, nx)), axes_for(81), 25.0)
    values = correlation(sums.xy, sums.xx, sums.yy)
    known = np.isfinite(values)
    assert np.abs(values[known]).max() <= 1
    np.testing.assert_array_equal(known, sums.n_eff > 0)


@settings(max_examples=15)
@given(SEEDS, SIDES, st.floats(0.01, 1000))
def test_swapping_and_scaling_the_halves_changes_nothing(seed, side, scale):
    first, second = halves(seed, (side,) * 3)
    expected = dfsc(first, second, axes_for(21))
    np.testing.assert_allclose(dfsc(second, first, axes_for(21)), expected, atol=1e-5)
    np.testing.assert_allclose(dfsc(first * np.float32(scale), second, axes_for(21)), expected, atol=1e-5)


@settings(max_examples=12)
@given(SEEDS, SIDES, st.permutations([0, 1, 2]))
def test_permuting_the_axes_of_the_maps_permutes_dfsc(seed, side, order):
    first, second = halves(seed, (side,) * 3)
    axes = axes_for(81)
    turned = axes[:, ::-1][:, order][:, ::-1]  # maps are (z, y, x), directions (x, y, z)
    expected = dfsc(first, second, axes)
    found = dfsc(first.transpose(order), second.transpose(order), turned)
    # At an even box's edge a coefficient stands for both signs of its frequency: look below Nyquist.
    np.testing.assert_allclose(found[:, : side // 2 - 1], expected[:, : side // 2 - 1], atol=2e-5)


@settings(max_examples=8)
@given(SEEDS)
def test_an_axis_and_its_antipode_are_the_same(seed):
    first, second = halves(seed, (24, 24, 24))
    axes = Rotation.random(12, random_state=seed).as_matrix()[:, 0]
    np.testing.assert_allclose(dfsc(first, second, axes), dfsc(first, second, -axes), atol=1e-6)


@settings(max_examples=8)
@given(SEEDS, st.integers(1, 4))
def test_shifting_both_halves_together_changes_nothing(seed, shift):
    first, second = halves(seed, (24, 24, 24))
    moved = (np.roll(h, shift, axis=(0, 2)) for h in (first, second))
    np.testing.assert_allclose(dfsc(*moved, axes_for(21)), dfsc(first, second, axes_for(21)), atol=1e-5)
