"""Simulated half maps: what they promise about themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import rfftn

from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for
from cryoaniso_nb.geometry.shells import hermitian_weights, shell_index
from cryoaniso_nb.simulate.half_maps import (
    PRESETS,
    expected_histogram,
    preset_ssnr,
    sampling,
    simulate_half_maps,
    truth_of,
)

Z, X = np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]])


@pytest.mark.parametrize("preset", PRESETS)
def test_sampling_has_mean_one_over_the_sphere(preset: str) -> None:
    values = sampling(preset, axes_for(5121))
    assert values.min() > 0
    assert values @ areas(5121) == pytest.approx(1, abs=0.01)


def test_presets_lose_the_directions_that_their_names_say() -> None:
    """Side views alone fill z and starve the equator; top views the other way round."""
    assert sampling("missing-top-views", Z)[0] > 5 * sampling("missing-top-views", X)[0]
    assert sampling("missing-side-views", X)[0] > 5 * sampling("missing-side-views", Z)[0]
    forty, fifty = (np.array([[np.sin(a), 0, np.cos(a)]]) for a in np.deg2rad([40, 50]))
    assert sampling("missing-cone", forty)[0] < 0.15 < 0.7 < sampling("missing-cone", fifty)[0]
    assert sampling("isotropic", Z)[0] == pytest.approx(1)


def test_sampling_is_the_mean_view_density_on_the_perpendicular_great_circle() -> None:
    """Random views with the preset's density, counted near the circle perpendicular to a direction."""
    random = np.random.default_rng(1)
    views = random.standard_normal((2_000_000, 3), dtype=np.float32)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    tilt = np.rad2deg(np.arccos(np.abs(views[:, 2])))
    top = views[random.random(len(views)) < np.exp(-0.5 * (tilt / 20) ** 2)]
    for zenith in (90.0, 60.0, 45.0):
        d = np.array([[np.sin(np.deg2rad(zenith)), 0, np.cos(np.deg2rad(zenith))]])
        share = np.mean(np.abs(top @ d[0]) < 0.05) / 0.05
        assert sampling("missing-side-views", d)[0] == pytest.approx(0.92 * share + 0.08, rel=0.06)


def test_global_fsc_falls_to_threshold_at_the_same_shell_for_all_presets() -> None:
    box = (64, 64, 64)
    for preset in PRESETS:
        fsc = truth_of(box, 1.0, preset_ssnr(preset, box, cause="particle")).fsc
        assert np.flatnonzero(fsc < 0.143)[0] + 1 in (19, 20)
        uneven = truth_of(box, 1.0, preset_ssnr(preset, box)).fsc  # noise counts in full where views are missing
        assert np.flatnonzero(uneven < 0.143)[0] + 1 <= 20


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("cause", ["views", "particle"])
def test_halves_have_the_noise_that_the_cause_says(preset: str, cause: str) -> None:
    """Noise near z over noise near the equator, in the difference of the halves."""
    box = 48
    maps = simulate_half_maps(box=box, preset=preset, seed=5, cause=cause)  # type: ignore[arg-type]
    spectrum = np.abs(np.fft.fftn(np.asarray(maps.half1) - maps.half2)) ** 2
    z, y, x = np.meshgrid(*(np.fft.fftfreq(box) * box,) * 3, indexing="ij")
    radius = np.maximum(np.sqrt(x**2 + y**2 + z**2), 1e-9)
    cosine, shells = np.abs(z) / radius, (radius > 8) & (radius < 23)
    ratio = spectrum[shells & (cosine > 0.95)].mean() / spectrum[shells & (cosine < 0.1)].mean()
    poles, equator = (1 / sampling(preset, np.array([[np.sqrt(1 - c**2), 0, c] for c in line])) for line in (
        np.linspace(0.95, 1, 400), np.linspace(0, 0.1, 400)))  # fmt: skip
    truth = poles.mean() / equator.mean() if cause == "views" else 1.0
    assert ratio == pytest.approx(truth, rel=0.1)


def test_same_seed_same_maps_and_other_seed_other_maps() -> None:
    first, again, other = (simulate_half_maps(32, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.half1, again.half1)
    assert not np.allclose(first.half1, other.half1)
    assert not np.allclose(first.half1, first.half2)


@pytest.mark.parametrize("box", [33, (24, 32, 40)])
def test_odd_and_noncubic_boxes_keep_the_given_shape_and_expected_power(box: int | tuple[int, int, int]) -> None:
    """|X|^2 over a shell is 1 + a^2 and Re X*Y is a^2, in units of the noise."""
    maps = simulate_half_maps(box, 1.5, ssnr=lambda shell, direction: np.full(shell.size, 2.0), seed=1)
    shape = maps.half1.shape
    assert shape == ((33, 33, 33) if isinstance(box, int) else box)
    x, y = rfftn(maps.half1), rfftn(maps.half2)
    weights = np.broadcast_to(hermitian_weights(shape), x.shape) * (shell_index(shape) > 0)
    total = weights.sum() * np.prod(shape)
    assert (weights * np.abs(x) ** 2).sum() / total == pytest.approx(3, rel=0.05)
    assert (weights * (x.conj() * y).real).sum() / total == pytest.approx(2, rel=0.05)
    assert maps.truth is not None
    assert maps.truth.dfsc[np.isfinite(maps.truth.dfsc)] == pytest.approx(2 / 3)


def test_expected_histogram_counts_every_friedel_pair_once() -> None:
    box = (48, 48, 48)
    histogram = expected_histogram(box, 1.0, lambda shell, direction: np.zeros(shell.size))
    shells = np.bincount(shell_index(box).ravel(), np.broadcast_to(hermitian_weights(box), (48, 48, 25)).ravel())
    np.testing.assert_allclose(histogram.shell_sums[1], shells[:25])
    np.testing.assert_allclose(2 * histogram.nodes[:, :, 1].sum(axis=0), shells[histogram.first_shell : 25], rtol=1e-5)


def test_truth_of_a_steep_isotropic_map_is_a_step() -> None:
    truth = truth_of((64, 64, 64), 1.0, lambda shell, direction: np.where(shell < 20, 9.0, 0.0))
    assert truth.fso_ideal[3:19].tolist() == [1.0] * 16
    assert truth.fso_ideal[19:].tolist() == [0.0] * 13
    assert np.all(truth.fso_expected[24:] < 0.2)
    assert np.all((truth.resolution > 64 / 20) & (truth.resolution < 64 / 19))


def test_phantom_has_the_same_shell_statistics_and_a_shape() -> None:
    maps = simulate_half_maps(64, preset="isotropic", signal="phantom", seed=2)
    mean = maps.mean()
    centre = mean[16:48, 16:48, 16:48].var()
    corner = mean[:12, :12, :12].var()
    assert centre > 1.5 * corner
    x, y = rfftn(maps.half1), rfftn(maps.half2)
    shell = shell_index(maps.box) == 10
    fsc = (x.conj() * y).real[shell].sum() / np.sqrt((np.abs(x[shell]) ** 2).sum() * (np.abs(y[shell]) ** 2).sum())
    assert maps.truth is not None
    assert fsc == pytest.approx(maps.truth.fsc[9], abs=0.08)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"preset": "sideways"}, "sideways.*isotropic"),
        ({"box": 8}, r"8.*16"),
        ({"signal": "cat"}, "cat.*phantom"),
        ({"voxel_size": 0.0}, "0.0 Å"),
        ({"box": 16, "ssnr": lambda shell, direction: np.full(shell.size, -1.0)}, "negative"),
        ({"box": 16, "ssnr": lambda shell, direction: np.ones(3)}, "shape"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        simulate_half_maps(**arguments)  # type: ignore[arg-type]
