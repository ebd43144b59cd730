"""Mask correction of whole shells and inside cones."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.fft import irfftn, rfftn

import cryoaniso_nb as ca
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.shells import shell_index
from cryoaniso_nb.inputs.half_maps import HalfMaps
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.statistics.mask_correction import MaskCorrection, corrected_fsc, mask_correction

BOX = (64, 64, 64)


def strong_then_nothing(shell: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Strong low shells that a sharp mask spreads into shells where there is no signal."""
    return np.asarray(3000 * np.exp(-((shell / 5.0) ** 2)))


def sharp_mask() -> np.ndarray:
    z, y, x = np.indices(BOX) - 32
    return (np.sqrt((z / 1.4) ** 2 + y**2 + x**2) < 11).astype(np.float32)


@pytest.fixture(scope="module")
def case() -> tuple[HalfMaps, ca.AnalysisResult, MaskCorrection]:
    maps = ca.simulate_half_maps(BOX, ssnr=strong_then_nothing, seed=3)
    maps = dataclasses.replace(maps, mask=sharp_mask())
    r = ca.analyze(maps)
    return maps, r, mask_correction(maps, r.dfsc, r.fso, r.global_fsc, r.settings)


def randomised(half: np.ndarray, first_shell: int, rng: np.random.Generator) -> np.ndarray:
    """A map of the same amplitudes, its phases from a shell on those of white noise."""
    before, noise = rfftn(half), rfftn(rng.standard_normal(half.shape))
    turned = np.abs(before) * noise / np.abs(noise)
    return np.asarray(irfftn(np.where(shell_index(half.shape) >= first_shell, turned, before), s=half.shape))


def cone_products(first: np.ndarray, second: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the products over whole shells (3, S) and over cones (3, A, S)."""
    pair = SimpleNamespace(half1=first.astype(np.float32), half2=second.astype(np.float32), mask=None, voxel_size=1.0)
    histogram = accumulate(pair)
    cones = cone_sums(histogram, axes, 17.0)
    return histogram.shell_sums[:, 1:], np.stack([cones.xy, cones.xx, cones.yy])


@pytest.mark.parametrize("box", [(32, 32, 32), (27, 30, 32)])
def test_correction_is_the_mean_over_random_phases(box: tuple[int, int, int]) -> None:
    maps = ca.simulate_half_maps(box, ssnr=lambda shell, direction: 30 * np.exp(-((shell / 4.0) ** 2)), seed=2)
    z, y, x = (np.arange(n) - n // 2 for n in box)
    ball = ((z[:, None, None] / 1.5) ** 2 + y[:, None] ** 2 + x**2 < 36).astype(np.float32)
    maps = dataclasses.replace(maps, mask=ball)
    r = ca.analyze(maps, n_axes=21)
    fix = mask_correction(maps, r.dfsc, r.fso, r.global_fsc, r.settings)
    rng = np.random.default_rng(0)
    whole, cones = np.zeros((3, 16)), np.zeros((3, 21, 16))
    for _ in range(80):
        halves = (randomised(half, fix.randomised_from, rng) * ball for half in (maps.half1, maps.half2))
        shells, sums = cone_products(*halves, r.dfsc.axes)
        whole += shells
        cones += sums
    shells = slice(fix.randomised_from - 1, None)
    np.testing.assert_allclose(fix.randomised[shells], correlation(*whole)[shells], atol=0.04)
    n = fix.directional_randomised[:, fix.randomised_from + 1 :]
    difference = n - correlation(*cones)[:, fix.randomised_from + 1 :]
    assert n.max() > 0.3
    assert abs(np.nanmean(difference)) < 0.01
    assert np.sqrt(np.nanmean(difference**2)) < 0.06


@pytest.mark.parametrize("radius", [14, 10])
def test_corrected_cones_are_unbiased_where_they_cross(radius: int) -> None:
    """With one draw of random phases they lie 0.03 to 0.06 too low."""
    wrong = []
    for seed in range(3):
        maps = ca.simulate_half_maps(BOX, preset="isotropic", seed=seed)
        maps = dataclasses.replace(maps, mask=ca.sphere_mask(BOX, radius, edge=3))
        fix = ca.analyze(maps, correct_mask=True).mask_correction
        assert fix is not None
        assert maps.truth is not None
        for truth, found in zip(maps.truth.dfsc, fix.dfsc.values, strict=True):
            crossing = int(np.flatnonzero(truth < 0.143)[0])
            assert crossing >= fix.corrected_from
            wrong += (found - truth)[crossing - 1 : crossing + 1].tolist()
    assert abs(np.mean(wrong)) < 0.025


def test_tight_mask_inflates_dfsc_and_the_correction_brings_it_back(
    case: tuple[HalfMaps, ca.AnalysisResult, MaskCorrection],
) -> None:
    """Shells 18-28 hold no signal: the truth is 0 in every cone."""
    maps, r, fix = case
    assert maps.truth is not None
    shells = slice(17, 28)
    assert np.abs(maps.truth.dfsc[:, shells]).max() < 0.02
    inflated, corrected = r.dfsc.values[:, shells], fix.dfsc.values[:, shells]
    assert inflated.mean() > 0.1
    assert abs(corrected.mean()) < 0.35 * inflated.mean()
    # within its band: the noise of t and of n, with the coefficients that the mask leaves
    share = 0.1
    sd = np.sqrt(2 / (2 * r.dfsc.n_eff[:, shells] * share))
    assert np.mean(np.abs(corrected) < 2 * sd) > 0.9
    assert fix.fso.occupancy[shells].mean() < r.fso.occupancy[shells].mean() - 0.1


def test_curves_stand_together(case: tuple[HalfMaps, ca.AnalysisResult, MaskCorrection]) -> None:
    _, r, fix = case
    first = int(np.flatnonzero(r.global_fsc.fsc_unmasked < 0.8)[0]) + 1
    assert (fix.randomised_from, fix.corrected_from) == (first, first + 2)
    np.testing.assert_array_equal(fix.masked, r.global_fsc.fsc)
    np.testing.assert_array_equal(fix.unmasked, r.global_fsc.fsc_unmasked)
    np.testing.assert_array_equal(fix.corrected[: first + 1], r.global_fsc.fsc[: first + 1])
    after = slice(first + 1, None)
    t, n = fix.masked[after], fix.randomised[after]
    np.testing.assert_allclose(fix.corrected[after], np.clip((t - n) / (1 - n), -1, 1))
    assert np.isnan(fix.randomised[: first - 1]).all()
    assert np.isnan(fix.directional_randomised[:, : first - 1]).all()


def test_wide_soft_mask_changes_little() -> None:
    z, y, x = np.indices((48, 48, 48)) - 24
    mask = (0.5 * (1 - np.tanh((np.sqrt(z**2 + y**2 + x**2) - 17) / 3))).astype(np.float32)
    maps = dataclasses.replace(ca.simulate_half_maps(48, preset="isotropic", seed=1), mask=mask)
    r = ca.analyze(maps)
    fix = mask_correction(maps, r.dfsc, r.fso, r.global_fsc, r.settings)
    assert np.abs(fix.corrected - fix.masked)[fix.corrected_from :].mean() < 0.03


def test_nothing_to_correct_where_the_fsc_stays_high() -> None:
    maps = ca.simulate_half_maps(32, ssnr=lambda shell, direction: np.full(shell.size, 50.0))
    maps = dataclasses.replace(maps, mask=np.ones(maps.box, dtype=np.float32))
    r = ca.analyze(maps)
    fix = mask_correction(maps, r.dfsc, r.fso, r.global_fsc, r.settings)
    assert (fix.randomised_from, fix.corrected_from) == (0, 0)
    np.testing.assert_array_equal(fix.corrected, fix.masked)
    np.testing.assert_array_equal(fix.dfsc.values, r.dfsc.values)


def test_formula() -> None:
    np.testing.assert_allclose(
        corrected_fsc(np.array([0.9, 0.5, 0.5]), np.array([np.nan, 0.0, 0.2]), 2), [0.9, 0.5, 0.375]
    )
    assert np.isnan(corrected_fsc(np.array([0.5]), np.array([1.0]), 1)).all()


def test_maps_without_mask_are_refused() -> None:
    maps = ca.simulate_half_maps(32, seed=0)
    r = ca.analyze(maps)
    with pytest.raises(SettingsError, match="no mask"):
        mask_correction(maps, r.dfsc, r.fso, r.global_fsc, r.settings)
