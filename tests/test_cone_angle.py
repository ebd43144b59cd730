"""The cone-angle study: noise falls and blur grows with the angle."""

from __future__ import annotations

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.simulate.half_maps import truth_of
from docs.studies.cone_angle import ConeStudy, cone_study


def ridged(shell: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """SSNR that alternates between directions 36 degrees apart: wide cones blur it."""
    zenith = np.arccos(np.clip(np.abs(direction[:, 2]), 0, 1))
    return np.asarray(0.2 * (1 + np.cos(10 * zenith)))


@pytest.fixture(scope="module")
def study() -> ConeStudy:
    return cone_study(ca.simulate_half_maps(96, ssnr=ridged, seed=0), angles=(10, 14, 17, 24, 32))


def test_noise_is_that_of_the_effective_coefficients(study: ConeStudy) -> None:
    # dFSC of noise: 1/sqrt(2 n_eff), less (1 - F^2) where there is signal
    np.testing.assert_allclose(study.noise * np.sqrt(2 * study.n_eff), 0.96, atol=0.12)
    assert np.all(np.diff(study.noise) < 0)


def test_blur_of_a_ridged_map_grows_and_a_cone_between_is_recommended(study: ConeStudy) -> None:
    assert study.bias[-1] > 2 * study.bias[1]
    assert study.recommended < 32
    assert f"{study.recommended:g} degrees" in study.conclusion


def test_isotropic_maps_favour_wide_cones_and_say_so() -> None:
    result = ca.analyze(ca.simulate_half_maps(48, preset="isotropic", seed=2))
    study = cone_study(result, angles=(12, 17, 30))
    assert study.recommended == 30
    assert study.bias[-1] < study.noise[0] / 3
    assert "as well" in study.conclusion


def test_noise_is_damped_by_the_signal_and_blur_is_what_remains_of_the_truth() -> None:
    box, angles = (48, 48, 48), (12.0, 17.0, 30.0)

    def strong(shell: np.ndarray, direction: np.ndarray) -> np.ndarray:
        return 3 + 30 * ridged(shell, direction)

    study = cone_study(ca.simulate_half_maps(box, ssnr=strong, seed=0), angles=angles)
    shells = slice(study.shells[0] - 1, study.shells[1])
    truth = [truth_of(box, 1.0, strong, cone_half_angle=angle) for angle in angles]
    damped = [1 - np.mean(t.dfsc[:, shells] ** 2) for t in truth]
    np.testing.assert_allclose(study.noise * np.sqrt(2 * study.n_eff), damped, atol=0.03)
    for bias, angle, t in zip(study.bias[1:], angles[1:], truth[1:], strict=True):
        apart = (t.dfsc - truth[0].dfsc)[:, shells].mean(axis=1)
        assert bias == pytest.approx(np.sqrt(t.areas @ apart**2) / (1 - (12 / angle) ** 2), rel=0.15)


def test_a_result_serves_only_the_angles_it_resolves() -> None:
    result = ca.analyze(ca.simulate_half_maps(32, seed=0))
    assert cone_study(result, angles=(5, 12, 20)).angles.tolist() == [12, 20]
    with pytest.raises(SettingsError, match="resolves only those from"):
        cone_study(result, angles=(5, 6))
    with pytest.raises(SettingsError, match="two or more"):
        cone_study(result, angles=(17,))
    exact = ca.analyze(ca.simulate_half_maps(24, seed=0), method="exact", n_axes=21)
    with pytest.raises(SettingsError, match="no histogram"):
        cone_study(exact)
