"""Poses against dFSC: agreement where both belong together, a warning for another hand or axis order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.directions import areas, axes_for, cube_nodes
from cryoaniso_nb.inputs.poses import read_poses
from cryoaniso_nb.measures.agreement import AS_GIVEN, INVERSE, PoseAgreement, pose_agreement
from cryoaniso_nb.measures.sampling import cone_sampling, view_histogram
from cryoaniso_nb.results.types import DirectionalFSC, Result

MIRRORED = "z mirrored (the other hand)"


def skew_views(number: int = 2000, seed: int = 0) -> np.ndarray:
    """Views around a direction and fewer around another one: no mirror plane or axis order leaves them alike."""
    rng = np.random.default_rng(seed)
    centers = np.array([[0.2, 0.5, 0.84], [0.85, -0.3, 0.43]])[(rng.random(number) < 0.3).astype(int)]
    views = centers + 0.25 * rng.normal(size=(number, 3))
    return np.asarray(views / np.linalg.norm(views, axis=1, keepdims=True))


def dfsc_of(views: np.ndarray, seed: int = 0, box: int = 48) -> DirectionalFSC:
    """dFSC measured on half maps whose SSNR is proportional to the sampling by `views`."""
    grid = cube_nodes(25)
    table = cone_sampling(view_histogram(views, grid), 8.0)
    from scipy.spatial import cKDTree

    tree = cKDTree(np.concatenate([grid, -grid]))

    def ssnr(shell: np.ndarray, direction: np.ndarray) -> np.ndarray:
        nearest = tree.query(direction)[1] % len(grid)
        return np.asarray(20 * np.exp(-shell / 5.0) * (table[nearest] + 0.02))

    return ca.analyze(ca.simulate_half_maps(box=box, voxel_size=2.0, ssnr=ssnr, seed=seed)).dfsc


@pytest.fixture(scope="module")
def dfsc() -> DirectionalFSC:
    return dfsc_of(skew_views())


def test_poses_of_the_same_map_agree(dfsc: DirectionalFSC) -> None:
    agreement = pose_agreement(skew_views(seed=1), dfsc)
    assert agreement.correlation > 0.7
    assert agreement.best == AS_GIVEN
    assert agreement.warnings == ()
    assert agreement.spread > 0.3


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (np.diag([1.0, 1, -1]), MIRRORED),
        (np.eye(3)[[2, 1, 0]], "(z, y, x) taken as (x, y, z)"),
        (np.eye(3)[[0, 2, 1]], "(z, y, x) taken as (y, z, x)"),
    ],
)
def test_changed_poses_are_warned_about_and_named(dfsc: DirectionalFSC, change: np.ndarray, name: str) -> None:
    agreement = pose_agreement(skew_views() @ change, dfsc)
    assert agreement.best == name
    assert agreement.best_correlation > agreement.correlation + 0.2
    assert "contradict" in agreement.warnings[0]
    assert name in agreement.warnings[0]


def test_of_subtomograms_nothing_is_said(dfsc: DirectionalFSC) -> None:
    poses = read_poses(skew_views() @ np.eye(3)[[2, 1, 0]])
    assert pose_agreement(poses, dfsc).warnings
    tomographic = pose_agreement(poses.replace(kind="subtomogram"), dfsc)
    assert np.isnan(tomographic.correlation)
    assert tomographic.warnings == ()


def test_opposite_views_are_no_contradiction(dfsc: DirectionalFSC) -> None:
    assert pose_agreement(-skew_views(), dfsc).best == AS_GIVEN


def test_rotations_read_the_other_way_round_are_found(dfsc: DirectionalFSC) -> None:
    views = skew_views()
    angle = np.random.default_rng(0).uniform(0, 360, len(views))
    rot, tilt = np.rad2deg(np.arctan2(views[:, 1], views[:, 0])), np.rad2deg(np.arccos(views[:, 2]))
    rotations = Rotation.from_euler("ZYZ", np.stack([rot, tilt, angle], axis=1), degrees=True).as_matrix()
    assert pose_agreement(read_poses(rotations.transpose(0, 2, 1)), dfsc).best == AS_GIVEN
    assert pose_agreement(read_poses(rotations), dfsc).best == INVERSE


def test_poses_of_another_map_are_warned_about(dfsc: DirectionalFSC) -> None:
    turn = Rotation.from_euler("xyz", [50, 33, 71], degrees=True).as_matrix()
    agreement = pose_agreement(skew_views() @ turn, dfsc)
    assert agreement.correlation < 0.5
    if agreement.correlation < 0.2:
        assert agreement.warnings


def made_dfsc(sampling: np.ndarray, n_eff: float, seed: int = 0) -> DirectionalFSC:
    """Cones of SSNR proportional to sampling, with the noise of so many coefficients."""
    ssnr = 3 * np.exp(-np.linspace(0, 4, 20)) * sampling[:, None]
    truth = ssnr / (1 + ssnr)
    noise = np.random.default_rng(seed).normal(size=truth.shape) * (1 - truth**2) / np.sqrt(2 * n_eff)
    return DirectionalFSC(
        frequency=np.arange(1, 21) / 80,
        axes=axes_for(321),
        areas=areas(321),
        values=np.clip(truth + noise, -1, 1),
        n_eff=np.full(truth.shape, n_eff),
        done=np.ones(321, dtype=bool),
    )


def test_expected_correlation_is_what_the_right_poses_show() -> None:
    views = skew_views()
    sampling = cone_sampling(view_histogram(views, axes_for(321)), 17.0)
    for n_eff in (200.0, 8.0, 2.0):
        found = [pose_agreement(views, made_dfsc(sampling, n_eff, seed)) for seed in range(6)]
        assert np.mean([a.correlation for a in found]) == pytest.approx(np.mean([a.expected for a in found]), abs=0.08)


def test_poses_that_noise_hides_are_not_accused_and_those_it_does_not_are() -> None:
    """Even cones and uneven poses: they don't belong together, which shows only where noise is low."""
    views = skew_views()
    clear, hidden = (pose_agreement(views, made_dfsc(np.ones(321), n_eff)) for n_eff in (200.0, 0.05))
    assert clear.expected > 0.9
    assert not clear.fits
    assert "don't explain the map" in clear.warnings[0]
    assert hidden.expected < 0.5
    assert hidden.fits
    assert hidden.warnings == ()


def test_even_views_warn_of_nothing(dfsc: DirectionalFSC) -> None:
    views = np.random.default_rng(0).normal(size=(5000, 3))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    isotropic = ca.analyze(ca.simulate_half_maps(box=48, preset="isotropic", seed=2)).dfsc
    assert pose_agreement(views, isotropic).warnings == ()


def test_nothing_can_be_said_without_signal(dfsc: DirectionalFSC) -> None:
    silent = dfsc.replace(values=np.zeros_like(dfsc.values))
    agreement = pose_agreement(skew_views(), silent)
    assert np.isnan(agreement.correlation)
    assert agreement.best == AS_GIVEN
    assert agreement.warnings == ()


def test_agreement_is_saved_and_loaded(dfsc: DirectionalFSC, tmp_path) -> None:  # type: ignore[no-untyped-def]
    agreement = pose_agreement(skew_views(200), dfsc)
    again = Result.load(agreement.save(tmp_path / "agreement.npz"))
    assert isinstance(again, PoseAgreement)
    assert again.correlations == agreement.correlations
