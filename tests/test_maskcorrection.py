"""Mask correction of whole shells and inside cones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.fft import rfftn

import cryoaniso_nb as ca
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.fourier import shell_index
from cryoaniso_nb.maps import HalfMaps
from cryoaniso_nb.measures.maskcorrection import MaskCorrection, corrected_fsc, mask_correction, randomise_phases

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


def test_phases_change_beyond_the_shell_only_and_amplitudes_nowhere() -> None:
    half = np.random.default_rng(0).standard_normal((24, 25, 26)).astype(np.float32)
    before, after = rfftn(half), rfftn(randomise_phases(half, 6, seed=1))
    inside = shell_index(half.shape) < 6
    np.testing.assert_allclose(after[inside], before[inside], rtol=1e-3, atol=0.02)
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-2, atol=1.0)
    outside = ~inside
    cosine = (after.conj() * before).real[outside].sum() / (np.abs(before[outside]) ** 2).sum()
    assert abs(cosine) < 0.05


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
