"""Point groups: closed, of the right order, with RELION's axes."""

from __future__ import annotations

import numpy as np
import pytest

from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.symmetry import orbit, point_group

ORDERS = {
    "C1": 1,
    "C4": 4,
    "C17": 17,
    "D1": 2,
    "D7": 14,
    "T": 12,
    "O": 24,
    "I": 60,
    "I1": 60,
    "I2": 60,
    "I3": 60,
    "I4": 60,
}

# Folds and axes that define each group in RELION.
AXES = {
    "C4": [(4, (0, 0, 1))],
    "D7": [(7, (0, 0, 1)), (2, (1, 0, 0))],
    "T": [(3, (0, 0, 1)), (2, (0, 0.816496, 0.577350))],
    "O": [(3, (0.5773502, 0.5773502, 0.5773502)), (4, (0, 0, 1))],
    "I1": [(2, (1, 0, 0)), (5, (0.85065081, 0, -0.52573111)), (3, (0.93417236, 0.35682208, 0))],
    "I2": [(2, (0, 0, 1)), (5, (0.52573111, 0, 0.85065081)), (3, (0, 0.35682208, 0.93417236))],
    "I": [(2, (0, 0, 1)), (5, (0.52573111, 0, 0.85065081)), (3, (0, 0.35682208, 0.93417236))],
    "I3": [(2, (-0.52573111, 0, 0.85065081)), (5, (0, 0, 1)), (3, (-0.49112348, 0.35682208, 0.79465447))],
    "I4": [
        (2, (0.52573111, 0, 0.85065081)),
        (5, (0.89442719, 0, 0.44721360)),
        (3, (0.49112348, 0.35682208, 0.79465447)),
    ],
}


def turn(fold: int, axis: tuple[float, float, float]) -> np.ndarray:
    """Rotation by 360/fold degrees about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = 2 * np.pi / fold
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def contains(group: np.ndarray, matrix: np.ndarray) -> bool:
    return bool(np.isclose(group, matrix, atol=1e-5).all(axis=(1, 2)).any())


@pytest.mark.parametrize("name", ORDERS)
def test_group_is_closed_and_of_its_order(name: str) -> None:
    group = point_group(name)
    assert len(group) == ORDERS[name]
    np.testing.assert_array_equal(group[0], np.eye(3))
    np.testing.assert_allclose(np.linalg.det(group), 1.0)
    np.testing.assert_allclose(group @ group.transpose(0, 2, 1), np.tile(np.eye(3), (len(group), 1, 1)), atol=1e-12)
    products = (group[:, None] @ group[None]).reshape(-1, 3, 3)
    distance = np.abs(products[:, None] - group[None]).max(axis=(2, 3))
    assert (distance.min(axis=1) < 1e-9).all()
    assert ((distance < 1e-6).sum(axis=1) == 1).all()


@pytest.mark.parametrize(("name", "fold", "axis"), [(n, f, a) for n, axes in AXES.items() for f, a in axes])
def test_group_has_relions_axes(name: str, fold: int, axis: tuple[float, float, float]) -> None:
    assert contains(point_group(name), turn(fold, axis))


@pytest.mark.parametrize(("one", "other"), [("I1", "I2"), ("I3", "I4"), ("I2", "I3")])
def test_icosahedral_settings_differ(one: str, other: str) -> None:
    group = point_group(other)
    assert not all(contains(group, matrix) for matrix in point_group(one))


def test_lower_case_and_blanks_are_accepted() -> None:
    np.testing.assert_array_equal(point_group(" d2 "), point_group("D2"))


def test_orbit_of_a_general_vector_has_as_many_members_as_the_group() -> None:
    vectors = np.array([[0.3, 0.5, 0.8], [1.0, -2.0, 0.1]])
    copies = orbit(vectors, "O")
    assert copies.shape == (24, 2, 3)
    np.testing.assert_array_equal(copies[0], vectors)
    assert len(np.unique(copies[:, 0].round(6), axis=0)) == 24
    np.testing.assert_allclose(np.linalg.norm(copies, axis=2), np.linalg.norm(vectors, axis=1)[None].repeat(24, 0))


@pytest.mark.parametrize("name", ["", "C0", "D", "X", "I5", "C100", "C-1", "O4", "C2v"])
def test_unknown_group_is_one_sentence(name: str) -> None:
    with pytest.raises(SettingsError, match="symmetry is"):
        point_group(name)
