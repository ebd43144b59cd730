"""Pictures of the half sphere: positions, directions, smoothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import angles, axes_for, unit_vectors
from cryoaniso_nb.measures import spheremap
from cryoaniso_nb.measures.spheremap import (
    PROJECTIONS,
    directions_at,
    pixel_directions,
    positions_of,
    sphere_raster,
)


@pytest.mark.parametrize("projection", PROJECTIONS)
@given(zenith=st.floats(0.1, 89.9), azimuth=st.floats(0, 359.9))
def test_direction_and_position_are_inverse(projection: str, zenith: float, azimuth: float) -> None:
    vector = unit_vectors(zenith, azimuth)
    x, y = positions_of(vector, projection)
    np.testing.assert_allclose(directions_at(x, y, projection)[0], vector, atol=1e-9)


def test_antipodes_share_a_position() -> None:
    axes = axes_for(81)
    inner = axes[axes[:, 2] > 1e-6]
    np.testing.assert_allclose(positions_of(inner), positions_of(-inner))


def test_outside_the_disc_is_nan() -> None:
    assert np.isnan(directions_at(0.8, 0.8)).all()


def test_equal_area_keeps_areas() -> None:
    view = pixel_directions(400, "equal-area")
    zenith = angles(view[np.isfinite(view[..., 0])])[0]
    assert np.mean(zenith < 60) == pytest.approx(0.5, abs=0.005)  # half of the hemisphere lies within 60 degrees


@pytest.mark.parametrize("projection", ["polar", "equal-area"])
@pytest.mark.parametrize("n_axes", [6, 21, 81, 321])
def test_a_constant_fills_the_disc(projection: str, n_axes: int) -> None:
    picture = sphere_raster(np.full(n_axes, 3.5), axes_for(n_axes), 50, 17.0, projection)
    inside = np.isfinite(pixel_directions(50)[..., 0])
    np.testing.assert_allclose(picture[inside], 3.5)
    assert np.isnan(picture[~inside]).all()


def test_smoothing_follows_the_kernel() -> None:
    axes = axes_for(321)
    values = np.arange(321.0)
    picture = sphere_raster(values, axes, 61, 17.0)
    direction = pixel_directions(61)[20, 35]
    cosine = np.abs(axes @ direction)
    edge = np.cos(np.deg2rad(17))
    weight = np.where(cosine >= edge, np.exp(-(((cosine - 1) / ((1 - edge) / 2)) ** 2)), 0)
    assert picture[20, 35] == pytest.approx(np.average(values, weights=weight), rel=1e-4)


def test_top_of_the_picture_is_plus_y() -> None:
    axes = axes_for(321)
    picture = sphere_raster(axes[:, 1] ** 3, axes, 61, 17.0)
    assert picture[8, 30] > 0.3
    assert picture[52, 30] < -0.3
    right = sphere_raster(np.abs(axes[:, 0]), axes, 61, 17.0)
    assert right[30, 58] > 0.9
    assert right[3, 30] < 0.2


def test_unmeasured_regions_stay_empty() -> None:
    axes = axes_for(321)
    values = np.where(angles(axes)[0] < 35, np.nan, 4.0)
    picture = sphere_raster(values, axes, 61, 17.0)
    assert np.isnan(picture[30, 30])
    assert picture[30, 58] == pytest.approx(4.0)


def test_second_picture_uses_the_weights_of_the_first() -> None:
    axes = axes_for(321)
    sphere_raster(np.ones(321), axes, 300, 17.0)
    before = spheremap._weights.cache_info()
    sphere_raster(np.arange(321.0), axes.copy(), 300, 17.0)
    after = spheremap._weights.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (1, 0)


def test_wrong_input_is_told_in_words() -> None:
    with pytest.raises(SettingsError, match="3 values for 6 axes"):
        sphere_raster(np.ones(3), axes_for(6), 10, 17.0)
    with pytest.raises(SettingsError, match="'mercator'"):
        positions_of(axes_for(6), "mercator")
