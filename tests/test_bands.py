"""Noise floor, band of FSO and intervals of directional resolution."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.measures.expected_occupancy import noise_floor, pass_probability
from cryoaniso_nb.results.types import ResolutionFlag, Result, Truth
from cryoaniso_nb.simulate import half_maps as simulate
from cryoaniso_nb.statistics.bands import Band, _quantiles, band, smoothing_matrix
from cryoaniso_nb.statistics.noise_fields import mask_kernel

pytestmark = pytest.mark.slow  # error rates, which no version of a dependency changes

BOX = (48, 48, 48)
Draw = tuple[Truth, ca.AnalysisResult, Band]


@pytest.mark.parametrize("pairs", [1, 2, 4, 12, 40])
@pytest.mark.parametrize("true", [0.0, 0.143, 0.6])
def test_pass_probability_is_that_of_simulated_cones(pairs: int, true: float) -> None:
    random = np.random.default_rng(pairs)
    a = np.sqrt(true / (1 - true))
    s, n1, n2 = random.standard_normal((3, 20_000, 2 * pairs))
    x, y = a * s + n1, a * s + n2
    measured = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    chance = pass_probability(np.array([true]), np.array([float(pairs)]), 0.143)[0]
    assert np.mean(measured >= 0.143) == pytest.approx(chance, abs=0.02)


def test_pass_probability_gives_the_known_chances_of_noise() -> None:
    """34 % at shell 5, 20 % at 10, 5 % at 20, 0.6 % at 30: cones hold 0.170 s^2 coefficients."""
    n_eff = 0.170 * np.array([5.0, 10.0, 20.0, 30.0]) ** 2
    np.testing.assert_allclose(pass_probability(np.zeros(4), n_eff, 0.143), [0.34, 0.20, 0.05, 0.006], atol=0.015)
    assert np.isnan(pass_probability(np.zeros(1), np.zeros(1), 0.143)).all()


def test_floor_is_the_mean_occupancy_of_noise() -> None:
    curves, floor = [], None
    for seed in range(10):
        random = np.random.default_rng(seed)
        halves = random.standard_normal((2, 32, 32, 32), dtype=np.float32)
        r = ca.analyze(ca.open_half_maps(*halves, voxel_size=2.0))
        curves.append(r.fso.occupancy)
        floor = noise_floor(r.dfsc.n_eff, r.dfsc.areas, 0.143)
    assert floor is not None
    np.testing.assert_allclose(np.mean(curves, axis=0)[4:].mean(), floor[4:].mean(), atol=0.03)
    assert floor[4] > floor[9] > floor[15]


def test_smoothing_keeps_straight_lines_and_reduces_noise() -> None:
    matrix = smoothing_matrix(64)
    np.testing.assert_allclose(matrix @ np.arange(64.0), np.arange(64.0), atol=1e-9)
    assert np.square(matrix[20:40]).sum(axis=1).max() < 0.2


@pytest.fixture(scope="module")
def draws() -> list[Draw]:
    """Bands of some maps of three kinds."""
    found = []
    for preset in ("isotropic", "missing-side-views", "missing-top-views"):
        truth = simulate.truth_of(BOX, 1.0, simulate.preset_ssnr(preset, BOX))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(simulate, "truth_of", lambda *_, truth=truth, **__: truth)
            for seed in range(8):
                r = ca.analyze(ca.simulate_half_maps(BOX, preset=preset, seed=seed))
                found.append((truth, r, band(r.dfsc, r.fso, r.settings, n_replicates=99, seed=seed)))
    return found


def test_band_covers_the_expected_occupancy(draws: list[Draw]) -> None:
    """From shell 5 on, where cones hold 3 coefficients, in all shells that aren't full or empty."""
    hits = []
    for truth, _, b in draws:
        zone = (truth.fso_expected > 0.03) & (truth.fso_expected < 0.97) & (np.arange(1, 25) >= 5)
        hits.extend(((b.low <= truth.fso_expected) & (truth.fso_expected <= b.high))[zone])
    assert 0.90 <= np.mean(hits) <= 0.97
    assert all((b.high - b.low)[8:20].mean() < 0.3 for _, _, b in draws)


def test_interval_of_directional_resolution_covers_the_truth(draws: list[Draw]) -> None:
    hits = []
    for truth, _, b in draws:
        end = np.nan_to_num(1 / b.resolution_high, nan=np.inf)
        hits.append(np.mean((1 / b.resolution_low <= 1 / truth.resolution) & (1 / truth.resolution <= end)))
    assert 0.88 <= np.mean(hits) <= 0.99


def test_ends_of_the_zone_are_inside_their_intervals(draws: list[Draw]) -> None:
    """The intervals of FSO = 0.9 and 0.1 hold those of the expected curve, and have two ends."""
    middle = [b.middle[0] >= r.fso.resolution >= b.middle[1] for _, r, b in draws[:8]]
    assert all(middle)
    ends = np.array([[b.onset, b.end] for _, _, b in draws])  # (maps, onset or end, bounds)
    truth = np.array([truth.transition_zone_expected for truth, _, _ in draws])
    assert np.isfinite(ends).mean() > 0.95
    hits = (np.nan_to_num(ends[..., 0], nan=np.inf) >= truth) & (truth >= np.nan_to_num(ends[..., 1]))
    assert hits.mean(axis=0).min() >= 0.85
    assert np.median(1 / ends[..., 1] - 1 / ends[..., 0]) < 0.1


def test_first_shells_have_no_band(draws: list[Draw]) -> None:
    """Up to shell 4 the median cone of this box holds fewer than 3 coefficients."""
    for _, _, b in draws:
        assert np.isnan(b.low[:4]).all()
        assert np.isnan(b.high[:4]).all()
        assert np.isfinite([b.low[4:], b.high[4:]]).all()


def test_occupancy_without_noise_is_steeper_and_nearer_the_ideal_step(draws: list[Draw]) -> None:
    """Noise widens the step of an isotropic map; the estimate takes most of it back."""
    left = []
    for truth, r, b in draws[:8]:
        zone = (truth.fso_expected > 0.03) & (truth.fso_expected < 0.97) & (np.arange(1, 25) >= 5)
        measured = np.abs(r.fso.occupancy - truth.fso_ideal)[zone].mean()
        corrected = np.abs(b.noise_free - truth.fso_ideal)[zone].mean()
        assert corrected < measured
        left.append(corrected)
    assert np.mean(left) < 0.045, "0.065 where the spread between directions isn't shrunk"


def test_mask_widens_floor_and_band() -> None:
    mask = sphere_mask(BOX, 12, edge=4)
    maps = ca.simulate_half_maps(BOX, preset="isotropic", seed=0)
    bare = ca.analyze(maps)
    r = ca.analyze(ca.open_half_maps(maps.half1, maps.half2, mask=mask, voxel_size=1.0))
    free = band(bare.dfsc, bare.fso, bare.settings, n_replicates=49)
    masked = band(r.dfsc, r.fso, r.settings, n_replicates=49, mask=mask_kernel(mask))
    assert np.all(free.n_eff_share > 0.85)
    assert np.all(masked.n_eff_share < 0.6)
    assert masked.floor[20] > 1.5 * free.floor[20]


def test_band_is_made_for_maps_that_never_fall() -> None:
    r = ca.analyze(ca.simulate_half_maps(32, ssnr=lambda shell, direction: np.full(shell.size, 50.0)))
    b = band(r.dfsc, r.fso, r.settings, n_replicates=49)
    assert np.isnan(b.middle).all()
    assert not np.isfinite(b.resolution).any()


def test_band_keeps_its_point_group_in_files(draws: list[Draw], tmp_path: Path) -> None:
    _, r, _ = draws[0]
    found = r.with_band(n_replicates=39, symmetry=" d2").band
    assert found is not None
    again = Result.load(found.save(tmp_path / "band.npz"))
    assert isinstance(again, Band)
    assert again.symmetry == "D2"
    assert (again.n_replicates, again.seed) == (39, 0)
    with np.load(tmp_path / "band.npz") as stored:
        arrays = dict(stored)
    header = json.loads(arrays.pop("header").tobytes())
    del header["result"]["fields"]["symmetry"]  # as versions wrote that didn't record it
    np.savez(tmp_path / "old.npz", header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)
    old = Result.load(tmp_path / "old.npz")
    assert isinstance(old, Band)
    assert old.symmetry == ""
    np.testing.assert_array_equal(old.low, found.low)


def test_quantiles_rank_directions_without_signal_first_and_those_that_reach_nyquist_last() -> None:
    values, flags = np.array([np.nan, 0.1, 0.2, np.nan]), np.array([2, 0, 0, 1], dtype=np.int8)
    assert flags.tolist() == [ResolutionFlag.NO_SIGNAL, 0, 0, ResolutionFlag.NOT_CROSSED]
    np.testing.assert_array_equal(_quantiles(values, flags, (0.3, 0.7)), [0.1, 0.2])
    np.testing.assert_array_equal(_quantiles(values, flags, (0.1, 0.9)), [np.nan, np.nan])
    np.testing.assert_array_equal(_quantiles(values[:3], flags[:3], (0.1, 0.9)), [np.nan, 0.2])
    np.testing.assert_array_equal(_quantiles(values[1:], flags[1:], (0.1, 0.9)), [0.1, np.nan])


def test_bad_settings_are_refused(draws: list[Draw]) -> None:
    _, r, _ = draws[0]
    with pytest.raises(SettingsError, match=r"10 replicates.*39"):
        band(r.dfsc, r.fso, r.settings, n_replicates=10)
    with pytest.raises(SettingsError, match=r"level is 2"):
        band(r.dfsc, r.fso, r.settings, level=2)
