"""Evenness of the noise: views and nothing else, against noise whose power over directions is known."""

import dataclasses

import numpy as np
import pytest
import scipy.fft

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.harmonics import even_degrees, even_harmonics
from cryoaniso_nb.geometry.shells import coordinates, shell_index
from cryoaniso_nb.geometry.symmetry import point_group
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.simulate.half_maps import sampling
from cryoaniso_nb.statistics.noise_evenness import noise_evenness
from cryoaniso_nb.statistics.noise_harmonics import HIGHEST_DEGREE, NoiseHarmonics, harmonic_moments, noise_harmonics

pytestmark = pytest.mark.slow  # error rates, which no version of a dependency changes

BOX = (48, 48, 48)
SYNCHRONOUS = ca.Execution("synchronous")


def _directions(box=BOX):
    z, y, x = coordinates(box)
    k = np.stack(np.broadcast_arrays(x, y[:, None], z[:, None, None]), axis=-1)
    return k / np.maximum(np.linalg.norm(k, axis=-1, keepdims=True), 1e-9)


def _halves(seed, noise_power=1.0, symmetry=None):
    """A blob of a signal that is the same in both halves, and noise of the wanted power at each coefficient."""
    random = np.random.default_rng(seed)
    group = np.rint(point_group(symmetry or "C1")).astype(int)
    halves = []
    for part in range(3):
        white = random.standard_normal(BOX, dtype=np.float32)
        if part == 0:
            white *= 20 * sphere_mask(BOX, 8.0)
        white = sum(_turned(white, rotation) for rotation in group) / np.sqrt(len(group))
        fall = np.exp(-0.15 * shell_index(BOX)) if part == 0 else np.sqrt(noise_power)
        halves.append(scipy.fft.irfftn(scipy.fft.rfftn(white) * fall, s=BOX).astype(np.float32))
    signal, *noises = halves
    return [signal + noise for noise in noises]


def _turned(volume, rotation):
    """A rotation of the grid about voxel n // 2."""
    xyz = volume.transpose(2, 1, 0)
    image = xyz.transpose(np.abs(rotation).argmax(axis=1))
    for axis in np.flatnonzero(rotation.sum(axis=1) < 0):
        image = np.roll(np.flip(image, axis), 1, axis)
    return image.transpose(2, 1, 0)


def _analyzed(halves, **settings):
    maps = ca.open_half_maps(*halves, voxel_size=1.0, mask=settings.pop("mask", None))
    return ca.analyze(maps, execution=SYNCHRONOUS, **settings)


def _synthetic(seed, scatter=0.0, quadrupole=0.0, shells=32):
    """Harmonics as they'd be drawn: chance in every shell, and what evenly drawn views have in common over shells."""
    degrees = even_degrees(HIGHEST_DEGREE)
    legendre = np.array([np.polynomial.legendre.legval(0, np.eye(HIGHEST_DEGREE + 1)[d]) for d in degrees])
    random = np.random.default_rng(seed)
    count = 2 * np.pi * np.arange(1, shells + 1.0) ** 2
    common = random.standard_normal(degrees.size) * legendre * np.sqrt(scatter)
    common[0] += quadrupole
    values = common + random.standard_normal((shells, degrees.size)) / np.sqrt(count)[:, None]
    fsc = 1 / (1 + np.exp((np.arange(1, shells + 1) - shells / 2) / 2))
    return NoiseHarmonics(count=count, fsc=fsc, power=np.ones(shells), values=values)


def test_moments_are_those_of_the_noise_that_was_put_in():
    power = 1 + 0.4 * even_harmonics(_directions().reshape(-1, 3), 2)[:, 0].reshape(48, 48, 25) / np.sqrt(5)
    noise = _analyzed(_halves(0, power)).noise
    mean = noise.count[8:] @ noise.values[8:] / noise.count[8:].sum()
    assert mean[0] == pytest.approx(0.4 / np.sqrt(5), abs=0.02)
    assert np.abs(mean[1:]).max() < 0.03
    assert np.median(noise.power[8:]) / 48**3 == pytest.approx(1.0, rel=0.02)


def test_noise_does_not_see_signal_nor_scale():
    one, two = _halves(3)
    plain = _analyzed([one, two]).noise
    scaled = _analyzed([one, 7 * two]).noise
    used = plain.fsc < 0.98
    assert np.allclose(scaled.values[used], plain.values[used], atol=2e-4)


@pytest.mark.parametrize("scatter", [0.0, 1 / 3000], ids=["noise alone", "3000 views"])
def test_level_is_kept_for_even_noise_and_for_evenly_drawn_views(scatter):
    p = np.array([noise_evenness(_synthetic(seed, scatter), seed=seed).p_value for seed in range(200)])
    assert 2 <= (p <= 0.05).sum() <= 19  # 10 expected; binomial bounds
    assert 0.42 < p.mean() < 0.58


def test_views_count_as_views_and_not_as_unevenness():
    views = [noise_evenness(_synthetic(seed, 1 / 500)).equivalent_views for seed in range(20)]
    assert 400 < np.median(views) < 640
    assert noise_evenness(_synthetic(0, 1 / 500, quadrupole=0.15)).p_value <= 0.002


@pytest.mark.parametrize("kind", ["plain", "masked before", "masked"])
def test_even_noise_is_rarely_called_uneven(kind):
    ball = sphere_mask(BOX, 15.0)
    p = []
    for seed in range(30):
        halves = _halves(seed)
        mask = None
        if kind == "masked before":
            halves = [half * ball for half in halves]
        elif kind == "masked":
            mask = ball
        p.append(_analyzed(halves, mask=mask).noise_evenness.p_value)
    assert (np.array(p) <= 0.05).sum() <= 5  # 1.5 expected
    assert 0.35 < np.mean(p) < 0.75


def test_missing_views_are_found_with_their_sign_place_and_size():
    relative = 1 / sampling("missing-side-views", _directions().reshape(-1, 3)).reshape(48, 48, 25)
    test = _analyzed(_halves(1, relative)).noise_evenness
    assert test.p_value <= 0.001
    assert test.sign == 1
    assert not test.filtered
    assert test.noisiest[0] < 15  # z is sampled least
    assert test.quietest[0] > 60
    cosine = np.cos(np.deg2rad(np.arange(0, 90.5)))
    true = 1 / sampling("missing-side-views", np.stack([0 * cosine, np.sqrt(1 - cosine**2), cosine], axis=1))
    low, high = test.interval
    assert low > 3
    assert low < test.ratio < high
    assert test.ratio < true.max() / true.min()  # caps see less than the extremes


def test_half_maps_filtered_by_their_signal_are_recognized_and_still_tell_the_side():
    relative = 1 / sampling("missing-side-views", _directions().reshape(-1, 3)).reshape(48, 48, 25)
    shell = np.maximum(shell_index(BOX), 1)
    ssnr = 0.1669 * np.exp(6 * (1 - shell / 14.4))
    wiener = ssnr / (ssnr + relative)
    halves = [
        scipy.fft.irfftn(scipy.fft.rfftn(half) * wiener, s=BOX).astype(np.float32) for half in _halves(1, relative)
    ]
    test = _analyzed(halves).noise_evenness
    assert test.filtered
    assert np.isnan(test.ratio)
    assert test.p_value <= 0.05


def test_level_is_kept_on_symmetric_maps_that_are_told_to_be():
    plain, told = [], []
    for seed in range(20):
        result = _analyzed(_halves(seed, symmetry="D2"))
        plain.append(result.noise_evenness.p_value)
        told.append(result.with_symmetry("d2").noise_evenness.p_value)
    assert (np.array(told) <= 0.05).sum() <= 4
    assert 0.35 < np.nanmean(told) < 0.7
    assert (np.array(plain) <= 0.05).sum() > (np.array(told) <= 0.05).sum()


def test_what_cannot_be_told_is_unknown():
    small = ca.analyze(ca.simulate_half_maps(box=24, seed=0), execution=SYNCHRONOUS)
    assert np.isnan(small.noise_evenness.p_value)
    assert np.isnan(small.noise_evenness.ratio)
    exact = ca.analyze(ca.simulate_half_maps(box=24, seed=0), method="exact", n_axes=21, execution=SYNCHRONOUS)
    assert exact.noise_evenness is None


def test_cut_and_saved_results_keep_the_noise(tmp_path):
    result = _analyzed(_halves(0), symmetry="c4")
    again = ca.load_result(result.save(tmp_path / "r.npz"))
    assert again.settings.symmetry == again.noise_evenness.symmetry == "C4"
    assert again.with_cones(threshold=0.5).noise_evenness.p_value == result.noise_evenness.p_value
    assert dataclasses.asdict(again.noise_evenness)["ratio"] == result.noise_evenness.ratio
    assert again.noise_evenness.noise_power(np.eye(3)).shape == (3,)


def test_harmonics_of_a_histogram_are_sums_over_its_coefficients():
    halves = _halves(2)
    histogram = _analyzed(halves).histogram
    noise = noise_harmonics(harmonic_moments(histogram))
    one, two = (scipy.fft.rfftn(half.astype(np.float64)) for half in halves)
    shell, weight = shell_index(BOX), np.full(one.shape, 2.0)
    weight[:, :, 0] = weight[:, :, -1] = 1.0
    for number in (9, 20):
        own = shell == number
        scale = [np.sqrt((weight * np.abs(x) ** 2)[own].sum()) for x in (one, two)]
        power = np.abs(one / scale[0] - two / scale[1])[own] ** 2
        harmonics = even_harmonics(_directions()[own], HIGHEST_DEGREE)
        relative = power / np.average(power, weights=weight[own])
        expected = (weight[own] * (relative - 1)) @ harmonics / weight[own].sum()
        assert np.allclose(noise.values[number - 1], expected, atol=1e-6)
