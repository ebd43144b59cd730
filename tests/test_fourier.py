"""Shells and Hermitian weights of the half lattice, against the full transform."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from cryoaniso_nb.geometry.shells import (
    first_dense_shell,
    hermitian_weights,
    low_lattice,
    n_shells,
    shell_frequencies,
    shell_index,
)

BOXES = [(16, 16, 16), (17, 17, 17), (16, 18, 21), (20, 16, 24)]


def full_index(box):
    z, y, x = (np.fft.fftfreq(n, 1 / max(box)) for n in box)
    return np.floor(np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) + 0.5).astype(int)


@pytest.mark.parametrize("box", BOXES)
def test_sums_over_the_half_lattice_equal_those_over_the_full_transform(box, rng):
    first, second = rng.standard_normal((2, *box))
    full = (scipy.fft.fftn(first).conj() * scipy.fft.fftn(second)).real
    half = (scipy.fft.rfftn(first).conj() * scipy.fft.rfftn(second)).real * hermitian_weights(box)
    n = full_index(box).max() + 1
    expected = np.bincount(full_index(box).ravel(), full.ravel(), n)
    found = np.bincount(shell_index(box).ravel(), half.ravel(), n)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(full).sum())


@pytest.mark.parametrize("box", BOXES)
def test_weights_count_every_voxel_once(box):
    assert (hermitian_weights(box) * np.ones(box[:2] + (box[2] // 2 + 1,))).sum() == np.prod(box)


@pytest.mark.parametrize("box", BOXES)
def test_low_lattice_holds_each_friedel_pair_of_its_shells_once(box):
    lattice = low_lattice(box, 5)
    shells = full_index(box)
    for shell in range(1, 5):
        assert lattice.weight[lattice.shell == shell].sum() == (shells == shell).sum() / 2
    np.testing.assert_array_equal(shell_index(box)[lattice.index], lattice.shell)
    np.testing.assert_allclose(np.linalg.norm(lattice.direction, axis=1), 1)


def test_directions_of_the_low_lattice_are_xyz():
    lattice = low_lattice((16, 16, 16), 3)
    z, y, x = lattice.index
    place = (z == 0) & (y == 0) & (x == 2)
    np.testing.assert_allclose(lattice.direction[place], [[1, 0, 0]])


def test_frequencies_end_at_nyquist_of_the_longest_side():
    frequency = shell_frequencies((64, 80, 100), 1.5)
    assert frequency.size == n_shells((64, 80, 100)) == 50
    assert frequency[-1] == pytest.approx(1 / 3)


def test_dense_shells_start_where_a_shell_holds_enough():
    assert first_dense_shell((256, 256, 256)) == 24
    assert first_dense_shell((32, 32, 32)) == 17
    assert first_dense_shell((64, 64, 128)) > 24
