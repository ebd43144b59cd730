"""Cone axes, areas, angles and histogram nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import LEVELS, angles, areas, axes_for, cube_nodes, levels_up_to, unit_vectors


@pytest.mark.parametrize("n_axes", LEVELS[:5])
def test_axes_are_unit_vectors_in_one_half_space_with_an_isotropic_second_moment(n_axes):
    axes = axes_for(n_axes)
    assert axes.shape == (n_axes, 3)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1, atol=1e-12)
    assert axes[:, 2].min() >= 0
    np.testing.assert_allclose(axes.T @ axes / n_axes, np.eye(3) / 3, atol=1e-12)


def test_levels_nest_so_that_their_order_is_coarse_to_fine():
    for level in LEVELS[:5]:
        np.testing.assert_allclose(axes_for(1281)[:level], axes_for(level)[: min(level, 1281)], atol=1e-12)


def test_no_axis_stands_twice_and_neighbours_are_as_far_as_the_reference_says():
    cosine = np.abs(axes_for(321) @ axes_for(321).T)
    np.fill_diagonal(cosine, 0)
    nearest = np.rad2deg(np.arccos(cosine.max(axis=1)))
    assert 7.5 < nearest.min() < nearest.max() < 9.2


def test_icosahedron_stands_as_in_the_reference_program():
    zenith, azimuth = angles(axes_for(6))
    np.testing.assert_allclose(np.sort(zenith), [0, *[63.434949] * 5], atol=1e-5)
    np.testing.assert_allclose(np.sort(azimuth[zenith > 1]), 36 + 72 * np.arange(5), atol=1e-9)


def test_twenty_axes_of_321_lie_on_the_equator_with_azimuth_below_180():
    zenith, azimuth = angles(axes_for(321))
    equator = np.isclose(zenith, 90)
    assert equator.sum() == 20
    assert azimuth[equator].max() < 180


@pytest.mark.parametrize("n_axes", LEVELS[:4])
def test_areas_are_shares_of_the_sphere(n_axes):
    share = areas(n_axes)
    assert share.sum() == pytest.approx(1)
    assert 0.85 / n_axes < share.min() <= share.max() < 1.2 / n_axes


def test_unknown_number_of_axes_is_refused_with_the_choices():
    with pytest.raises(SettingsError, match=r"100, but it must be one of 6, 21, 81, 321"):
        axes_for(100)


def test_levels_up_to_end_with_the_number_asked_for():
    assert levels_up_to(321) == (6, 21, 81, 321)


@given(st.floats(0.5, 89.5), st.floats(0, 359.5))
def test_angles_and_unit_vectors_are_inverse(zenith, azimuth):
    vector = unit_vectors(zenith, azimuth)[None]
    for axis in (vector, -vector):
        z, a = angles(axis)
        assert z[0] == pytest.approx(zenith, abs=1e-6)
        assert a[0] == pytest.approx(azimuth, abs=1e-6)


def test_cube_nodes_are_unit_vectors_that_cover_every_axis():
    nodes = cube_nodes(33)
    np.testing.assert_allclose(np.linalg.norm(nodes, axis=1), 1)
    nearest = np.abs(axes_for(1281) @ nodes.T).max(axis=1)
    assert np.rad2deg(np.arccos(np.minimum(nearest, 1))).max() < 2.6
