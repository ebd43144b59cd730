"""Chance in dFSC: noise alone, and noise with a particle of its own."""

import numpy as np
import pytest
import scipy.fft

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.harmonics import even_harmonics
from cryoaniso_nb.geometry.shells import coordinates, shell_index
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.simulate.half_maps import sampling
from cryoaniso_nb.statistics.chance import chance_test
from cryoaniso_nb.statistics.noise_harmonics import correlation_harmonics, harmonic_moments

pytestmark = pytest.mark.slow  # error rates, which no version of a dependency changes

BOX = (48, 48, 48)
SYNCHRONOUS = ca.Execution("synchronous")


def _unit():
    z, y, x = coordinates(BOX)
    k = np.stack(np.broadcast_arrays(x, y[:, None], z[:, None, None]), axis=-1)
    return k / np.maximum(np.linalg.norm(k, axis=-1, keepdims=True), 1e-9)


def _test(halves, mask=None):
    return ca.analyze(ca.open_half_maps(*halves, voxel_size=1.0, mask=mask), execution=SYNCHRONOUS).chance


def _field(seed, signal=1.0, noise=1.0):
    """A featureless signal that fills the box, and noise; powers relative to those that fall alike everywhere."""
    random = np.random.default_rng(seed)
    fall = np.sqrt(0.1669 * np.exp(6 * (1 - np.maximum(shell_index(BOX), 1) / 14.4)) * signal)
    parts = [scipy.fft.rfftn(random.standard_normal(BOX)) for _ in range(3)]
    return [scipy.fft.irfftn(parts[0] * fall + part * np.sqrt(noise), s=BOX).astype(np.float32) for part in parts[1:]]


def _elongated(seed, noise=1.0):
    """A rod of blobs along x, whose cut-off differs over directions too."""
    random = np.random.default_rng(seed)
    rod = np.zeros(BOX, dtype=np.float32)
    rod[20:28, 20:28, 10:38] = random.standard_normal((8, 8, 28))
    fall = np.exp(-0.16 * shell_index(BOX) * (1 + 0.3 * _unit()[..., 0] ** 2))
    halves = [
        60 * fall * scipy.fft.rfftn(rod) + np.sqrt(noise) * scipy.fft.rfftn(random.standard_normal(BOX))
        for _ in range(2)
    ]
    return [scipy.fft.irfftn(half, s=BOX).astype(np.float32) for half in halves]


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_level_is_kept_where_directions_are_alike(masked):
    mask = sphere_mask(BOX, 15.0) if masked else None
    tests = [_test(_field(seed), mask) for seed in range(24)]
    for name in ("p_value", "p_difference"):
        p = np.array([getattr(test, name) for test in tests])
        assert (p <= 0.05).sum() <= 5  # 1.2 expected
        assert 0.33 < np.nanmean(p) < 0.72


def test_a_particle_of_its_own_differs_but_keeps_the_level_once_told():
    tests = [_test(_elongated(seed)) for seed in range(20)]
    assert (np.array([test.p_difference for test in tests]) <= 0.05).sum() >= 14
    assert (np.array([test.p_value for test in tests]) <= 0.05).sum() <= 4  # 1 expected


def test_directions_that_differ_a_little_are_found():
    tilt = 1 + 0.5 * (_unit()[..., 2] ** 2 - 1 / 3)
    found = [_test(_field(seed, signal=tilt)) for seed in range(10)]
    assert sum(test.p_difference <= 0.05 for test in found) >= 8
    assert np.mean([test.degree_excess[0] for test in found]) > 2


def test_uneven_noise_is_more_than_chance_and_particle():
    uneven = 1 / sampling("missing-side-views", _unit().reshape(-1, 3)).reshape(48, 48, 25)
    for halves in (_field(0, noise=uneven), _elongated(0, noise=uneven)):
        test = _test(halves)
        assert test.p_value <= 0.01


def test_harmonics_of_dfsc_are_those_of_the_truth():
    direction = _unit().reshape(-1, 3)
    change = 0.2 * even_harmonics(direction, 2)[:, 0].reshape(48, 48, 25)
    total = 0
    for seed in range(12):
        result = ca.analyze(ca.open_half_maps(*_field(seed, signal=1 + change), voxel_size=1.0), execution=SYNCHRONOUS)
        values = correlation_harmonics(harmonic_moments(result.histogram))[8:16]
        fsc = result.global_fsc.fsc[8:16]
        expected = 0.2 * fsc / (1 + fsc)
        total = total + np.stack([values[:, 0] - expected, values[:, 3]]) / 12
    assert np.abs(total).max() < 0.04
    assert expected.max() > 0.05


def test_few_shells_tell_nothing():
    maps = ca.simulate_half_maps(box=20, seed=0)
    test = chance_test(harmonic_moments(ca.analyze(maps, execution=SYNCHRONOUS).histogram))
    assert np.isnan(test.p_value)
    assert test.last_shell == 0
