"""The cone-angle study: noise falls and blur grows with the angle."""

from __future__ import annotations

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.measures.conestudy import ConeStudy, cone_study


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


def test_a_result_serves_only_the_angles_it_resolves() -> None:
    result = ca.analyze(ca.simulate_half_maps(32, seed=0))
    assert cone_study(result, angles=(5, 12, 20)).angles.tolist() == [12, 20]
    with pytest.raises(SettingsError, match="resolves only those from"):
        cone_study(result, angles=(5, 6))
    with pytest.raises(SettingsError, match="two or more"):
        cone_study(result, angles=(17,))
    exact = ca.analyze(ca.simulate_half_maps(24, seed=0), method="exact", axes=21)
    with pytest.raises(SettingsError, match="no histogram"):
        cone_study(exact)
