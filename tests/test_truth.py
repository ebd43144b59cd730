"""The measured curves against the truth of simulated half maps (mean over seeds)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.measures.fourier_shell_occupancy import occupancy_curve, transition_zone
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.results.types import Truth
from cryoaniso_nb.simulate import half_maps as simulate

BOX = (64, 64, 64)
SEEDS = 8


@pytest.fixture(scope="module", params=["isotropic", "missing-top-views", "missing-side-views"])
def measured(request: pytest.FixtureRequest) -> tuple[Truth, list[np.ndarray]]:
    """Truth of a preset, and the cone sums (xy, xx, yy) of some seeds."""
    truth = simulate.truth_of(BOX, 1.0, simulate.preset_ssnr(request.param, BOX))
    sums = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "truth_of", lambda *_, **__: truth)  # once, not once a seed
        for seed in range(SEEDS):
            maps = ca.simulate_half_maps(BOX, preset=request.param, seed=seed)
            cones = cone_sums(accumulate(maps), truth.axes, 17.0)
            sums.append(np.stack([cones.xy, cones.xx, cones.yy]))
    return truth, sums


def test_mean_dfsc_is_snr_over_one_plus_snr_within_its_error(measured: tuple[Truth, list[np.ndarray]]) -> None:
    """Numerators and denominators averaged before dividing: chi-squared of the differences."""
    truth, sums = measured
    mean = correlation(*np.mean(sums, axis=0))
    known = np.isfinite(mean) & (truth.n_eff >= 3)
    sd = (1 - truth.dfsc**2) / np.sqrt(2 * truth.n_eff * SEEDS)
    deviation = np.where(known, (mean - truth.dfsc) / np.maximum(sd, 1e-6), np.nan)
    assert np.nanmean(deviation**2) == pytest.approx(1, abs=0.15)
    # no direction and no shell stands out: about 23 cones a shell and 29 shells are independent
    assert np.abs(np.nanmean(deviation[:, 4:], axis=0)).max() < 4.5 / np.sqrt(23)
    assert np.abs(np.nanmean(deviation, axis=1)).max() < 4.5 / np.sqrt(28)


def test_transition_zone_lies_within_a_shell_of_the_expected_one(measured: tuple[Truth, list[np.ndarray]]) -> None:
    truth, sums = measured
    curves = [occupancy_curve(correlation(*s), truth.areas, 0.143) for s in sums]
    expected = 1 / np.array(truth.transition_zone_expected)
    found = np.array([c.frequency for c in transition_zone(truth.frequency, np.mean(curves, axis=0))])
    np.testing.assert_allclose(64 * found, 64 * expected, atol=1)
    zone = (truth.fso_expected > 0.1) & (truth.fso_expected < 0.9)
    assert np.abs(np.mean(curves, axis=0) - truth.fso_expected)[zone].mean() < 0.04


def test_analysis_meets_the_truth_of_a_mild_and_a_strong_case() -> None:
    """The same by way of `analyze`, a single map: directional resolution points the right way."""
    maps = ca.simulate_half_maps(64, preset="missing-side-views", seed=5)
    assert maps.truth is not None
    result = ca.analyze(maps)
    crossed = result.directional_resolution.measured & np.isfinite(maps.truth.resolution)
    measured, true = result.directional_resolution.resolution[crossed], maps.truth.resolution[crossed]
    assert np.corrcoef(1 / measured, 1 / true)[0, 1] > 0.6
    exact = ca.analyze(dataclasses.replace(maps, truth=None), method="exact")
    np.testing.assert_allclose(exact.fso.occupancy, result.fso.occupancy, atol=0.03)
