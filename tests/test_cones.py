"""The weight inside a cone is one rule, in arrays and in the compiled loops."""

import numpy as np
import pytest

from cryoaniso_nb.geometry.cones import cone_weight
from cryoaniso_nb.geometry.directions import cube_faces, cube_nodes, fibonacci_axes
from cryoaniso_nb.geometry.shells import shell_of
from cryoaniso_nb.kernels.histogram import add_cones, add_exact_cones


@pytest.mark.parametrize("half_angle", [5.0, 17.0, 40.0])
def test_the_weight_is_eq_1_of_the_paper(half_angle: float) -> None:
    edge = np.cos(np.deg2rad(half_angle))
    cosine = np.linspace(0, 1, 2001)
    sigma = (1 - edge) / 2
    expected = np.where(cosine >= edge, np.exp(-(((cosine - 1) / sigma) ** 2)), 0)
    np.testing.assert_allclose(cone_weight(cosine, half_angle), expected, rtol=1e-12)
    assert cone_weight(np.array([edge + 1e-15]), half_angle)[0] == pytest.approx(np.exp(-4))
    assert cone_weight(cosine.astype(np.float32), half_angle).dtype == np.float32


@pytest.mark.parametrize("half_angle", [8.0, 17.0, 30.0])
def test_compiled_loops_weigh_alike(half_angle: float) -> None:
    axes, points = fibonacci_axes(7), fibonacci_axes(500)
    weight = cone_weight(np.abs(axes @ points.T), half_angle)
    radians = float(np.deg2rad(half_angle))
    sums, shape = np.zeros((7, 500), dtype=np.float32), np.zeros(7)
    single = np.eye(500, dtype=np.float32)
    add_cones(axes.astype(np.float32), np.ascontiguousarray(points.T, dtype=np.float32), single,
              np.ones(500, dtype=np.float32), radians, sums, shape)  # fmt: skip
    inside = weight > 0.02  # at the very edge single precision decides
    np.testing.assert_allclose(sums[inside], weight[inside], rtol=3e-4)
    assert (sums[weight == 0] < 0.019).all()
    exact = np.zeros((7, 5, 500))
    add_exact_cones(axes, points, np.arange(500), np.ones((4, 500)), radians, exact)
    np.testing.assert_allclose(exact[:, 3], weight, rtol=1e-12)


def test_directions_meet_the_cube_where_its_nodes_are() -> None:
    nodes = cube_nodes(9)
    face, u, v = cube_faces(nodes)
    i, j = (np.rint((place + 1) * 4).astype(int) for place in (u, v))
    inner = (np.abs(u) < 0.999) & (np.abs(v) < 0.999)  # an edge belongs to two faces
    np.testing.assert_array_equal(((face * 9 + i) * 9 + j)[inner], np.flatnonzero(inner))
    again = cube_faces(-nodes)
    for one, other in zip((face, u, v), again, strict=True):
        np.testing.assert_allclose(one, other)


def test_a_half_belongs_to_the_outer_shell() -> None:
    assert shell_of(np.array([0.0, 0.5, 1.499, 1.5, 2.5])).tolist() == [0, 1, 1, 2, 3]
