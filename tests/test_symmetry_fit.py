"""Whether half maps have the point group that was told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.symmetry import point_group
from cryoaniso_nb.statistics.noise_harmonics import harmonic_moments
from cryoaniso_nb.statistics.symmetry_fit import WRONG_GROUP, group_misfit

BOX = 40


def _particle(group: str, seed: int) -> np.ndarray:
    """Blobs in solvent with a point group, about the voxel that Fourier transforms turn about."""
    random = np.random.default_rng(seed)
    points = random.normal(0, 4.5, (40, 3))
    volume = np.zeros((BOX,) * 3, dtype=np.float32)
    for rotation in point_group(group):
        x, y, z = (np.rint(points @ rotation.T).astype(int) + BOX // 2).clip(0, BOX - 1).T
        np.add.at(volume, (z, y, x), 1.0)
    return gaussian_filter(volume, 1.2)


def _halves(group: str, seed: int, noise: float = 0.02) -> ca.HalfMaps:
    random = np.random.default_rng([seed, 1])
    signal = _particle(group, seed)
    signal /= signal.std()
    halves = (signal + noise * random.standard_normal(signal.shape).astype(np.float32) for _ in range(2))
    return ca.open_half_maps(*halves, voxel_size=1.5)


@pytest.mark.parametrize("own", ["C2", "C4", "D2", "O"])
def test_the_own_group_and_those_within_it_fit(own: str) -> None:
    moments = harmonic_moments(ca.analyze(_halves(own, 3, noise=0.1 if own == "O" else 0.5), n_axes=21).histogram)
    assert group_misfit(moments, own) < WRONG_GROUP / 3
    assert group_misfit(moments, "C1") == 0
    if own != "C2":
        assert group_misfit(moments, "C2") < WRONG_GROUP / 3
    for other in {"C4", "D2", "D7", "O"} - {own}:
        inside = own == "O" and other in {"C4", "D2"}
        assert (group_misfit(moments, other) > WRONG_GROUP) != inside, other


def test_a_group_along_other_axes_does_not_fit() -> None:
    maps = _halves("C4", 5)
    turned = ca.open_half_maps(maps.half1.swapaxes(0, 2), maps.half2.swapaxes(0, 2), voxel_size=1.5)
    assert group_misfit(harmonic_moments(ca.analyze(turned, n_axes=21).histogram), "C4") > WRONG_GROUP
    tilt = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])  # about z: C4 stays
    middle = np.full(3, BOX // 2)
    same = (
        affine_transform(half, tilt.T[::-1, ::-1], middle - tilt.T[::-1, ::-1] @ middle, order=3)
        for half in (maps.half1, maps.half2)
    )
    result = ca.analyze(ca.open_half_maps(*same, voxel_size=1.5), n_axes=21)
    assert group_misfit(harmonic_moments(result.histogram), "C4") < WRONG_GROUP


def test_a_wrong_group_is_told_and_judged_by_no_test() -> None:
    result = ca.analyze(_halves("C1", 7), symmetry="D2")
    found = result.summary()["verdict"]
    assert (found["cause"], found["reason"]) == ("unknown", "wrong-symmetry")
    assert found["text"] == "The half maps don't have the point group D2 that was given: give the right one, or none."
    assert [w.code for w in result.warnings].count("symmetry") == 1

    mended = result.with_symmetry("C1")
    assert mended.summary()["verdict"]["reason"] != "wrong-symmetry"
    assert "symmetry" not in [w.code for w in mended.warnings]
    again = mended.with_symmetry("D7")
    assert [w.code for w in again.warnings].count("symmetry") == 1
    assert "symmetry" in [w.code for w in again.with_cones(cone_half_angle=25).warnings]


def test_few_strong_shells_say_nothing() -> None:
    result = ca.analyze(_halves("C1", 7, noise=30.0), n_axes=21, symmetry="D2")
    assert np.isnan(result.symmetry_misfit)
    assert "symmetry" not in [w.code for w in result.warnings]


def test_it_is_kept_in_files(tmp_path) -> None:
    result = ca.analyze(_halves("C1", 7), n_axes=21, symmetry="D2")
    loaded = ca.load_result(result.save(tmp_path / "r.npz"))
    assert loaded.symmetry_misfit == result.symmetry_misfit > WRONG_GROUP
