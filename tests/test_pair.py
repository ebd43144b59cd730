"""Half maps that are no pair, and half maps that were filtered, are told so."""

import numpy as np
import pytest
import scipy.fft

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.shells import shell_index
from cryoaniso_nb.statistics.calibration import calibrated_bingham

SYNCHRONOUS = ca.Execution("synchronous")


def _codes(half1, half2):
    result = ca.analyze(ca.open_half_maps(half1, half2, voxel_size=1.0), execution=SYNCHRONOUS)
    return {warning.code: str(warning) for warning in result.warnings}


@pytest.fixture(scope="module")
def pair():
    maps = ca.simulate_half_maps(box=48, preset="missing-side-views", seed=0, signal="phantom")
    return maps.half1, maps.half2


def test_pairs_are_pairs(pair):
    assert "no-common-signal" not in _codes(*pair)
    for preset in ("isotropic", "missing-cone"):
        maps = ca.simulate_half_maps(box=32, preset=preset, seed=3)
        assert "no-common-signal" not in _codes(maps.half1, maps.half2)


def test_noise_and_other_maps_are_no_pair(pair):
    random = np.random.default_rng(0)
    noise = random.standard_normal((2, 48, 48, 48), dtype=np.float32)
    assert "are they a pair" in _codes(*noise)["no-common-signal"]
    other = ca.simulate_half_maps(box=48, preset="missing-side-views", seed=9, signal="phantom").half2
    assert "no-common-signal" in _codes(pair[0], other)


@pytest.mark.parametrize("change", ["mirrored", "shifted", "turned"])
def test_halves_that_do_not_lie_on_each_other_are_no_pair(change):
    maps = ca.simulate_half_maps(
        box=48, preset="isotropic", seed=1
    )  # mirrored, a phantom looks alike at low resolution
    half1, half2 = maps.half1, maps.half2
    changed = {
        "mirrored": half2[:, :, ::-1],
        "shifted": np.roll(half2, 8, axis=1),
        "turned": np.rot90(half2, axes=(0, 2)),
    }[change]
    assert "no-common-signal" in _codes(half1, np.ascontiguousarray(changed))


def test_a_negative_is_called_so(pair):
    assert "negative" in _codes(pair[0], -pair[1])["no-common-signal"]


def test_filtered_halves_are_called_so(pair):
    shell = np.minimum(shell_index((48, 48, 48)), 24)
    fsc = ca.analyze(ca.open_half_maps(*pair, voxel_size=1.0), execution=SYNCHRONOUS).global_fsc.fsc
    weight = np.r_[1.0, np.clip(fsc, 0.0, 1.0)][shell] * (shell < 24)
    filtered = [scipy.fft.irfftn(scipy.fft.rfftn(half) * weight, s=half.shape).astype(np.float32) for half in pair]
    assert "filtered-halves" in _codes(*filtered)
    assert "filtered-halves" not in _codes(*pair)


def test_no_range_of_shells_without_a_map_that_differs():
    result = ca.analyze(ca.simulate_half_maps(box=48, preset="missing-cone", seed=0), execution=SYNCHRONOUS)
    calibrated = result.with_calibration(99, execution=SYNCHRONOUS)
    assert np.isfinite(calibrated.bingham.range("p_calibrated")).all()
    by_chance = calibrated.calibration.replace(map_p_value=0.4)
    assert np.isnan(calibrated_bingham(result.bingham, result.fso, by_chance).range("p_calibrated")).all()
