"""Even spherical harmonics against their definition and their symmetry."""

import numpy as np
import pytest
from scipy.special import sph_harm_y

from cryoaniso_nb.geometry.directions import angles, areas, axes_for
from cryoaniso_nb.geometry.harmonics import even_degrees, even_harmonics, invariant_harmonics
from cryoaniso_nb.geometry.symmetry import point_group


def _directions(number: int) -> np.ndarray:
    vectors = np.random.default_rng(0).standard_normal((number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_harmonics_are_those_of_scipy():
    directions = _directions(50)
    zenith, azimuth = np.arccos(directions[:, 2]), np.arctan2(directions[:, 1], directions[:, 0])
    columns = []
    for degree in (2, 4, 6, 8, 10, 12):
        for m in range(degree + 1):
            value = np.sqrt(4 * np.pi) * (-1) ** m * sph_harm_y(degree, m, zenith, azimuth)
            columns += [value.real] if m == 0 else [np.sqrt(2) * value.real, np.sqrt(2) * value.imag]
    assert np.allclose(even_harmonics(directions, 12), np.stack(columns, axis=1), atol=1e-11)


def test_harmonics_are_orthonormal_over_the_sphere():
    values = even_harmonics(axes_for(5121), 8)
    assert np.allclose(values.T @ (areas(5121)[:, None] * values), np.eye(values.shape[1]), atol=5e-3)


def test_poles_are_finite_and_antipodes_equal():
    directions = np.array([[0, 0, 1.0], [0, 0, -1.0], [1.0, 0, 0], [0, -1.0, 0]])
    assert np.isfinite(even_harmonics(directions, 20)).all()
    some = _directions(20)
    assert np.allclose(even_harmonics(some, 20), even_harmonics(-some, 20))
    assert angles(some)[0].size == 20


@pytest.mark.parametrize(
    ("group", "dimensions"),
    [
        ("C1", {2: 5, 4: 9}),
        ("C2", {2: 3, 4: 5}),
        ("D7", {2: 1, 4: 1, 8: 2}),
        ("O", {2: 0, 4: 1, 6: 1, 12: 2}),
        ("I", {6: 1, 10: 1}),
    ],
)
def test_as_many_invariants_as_group_theory_says(group, dimensions):
    columns, degrees = invariant_harmonics(group, 12)
    assert np.allclose(columns.T @ columns, np.eye(columns.shape[1]), atol=1e-9)
    for degree, number in dimensions.items():
        assert (degrees == degree).sum() == number
    some = _directions(30)
    before = even_harmonics(some, 12) @ columns
    for rotation in point_group(group):
        assert np.allclose(even_harmonics(some @ rotation.T, 12) @ columns, before, atol=1e-8)
    assert even_degrees(12).size == columns.shape[0]
