"""Tilt advice: exact on the model it assumes, and within 2 shells on reconstructed half maps."""

from __future__ import annotations

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import PosesError, SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for
from cryoaniso_nb.inputs.poses import SUBTOMOGRAM_WARNING, read_poses
from cryoaniso_nb.measures import sampling
from cryoaniso_nb.measures.agreement import pose_agreement
from cryoaniso_nb.measures.sampling import cone_sampling, view_histogram
from cryoaniso_nb.measures.sampling_compensation import scf
from cryoaniso_nb.measures.tilt import TiltAdvice, _by_occupancy, _curves, predicted_dfsc, shell_scale, tilt_advice
from cryoaniso_nb.results.types import DirectionalFSC, Result
from cryoaniso_nb.simulate.particles import random_views, simulate_from_model

VOXEL = 2.0
SHELLS = 40
FREQUENCY = np.arange(1, SHELLS + 1) / (2 * SHELLS * VOXEL)


def views_of(distribution: str, number: int = 3000) -> np.ndarray:
    return random_views(distribution, number, np.random.default_rng(3))


def made_dfsc(sampling: np.ndarray, noise: float = 0.0, fall: float = 6.0) -> DirectionalFSC:
    """dFSC of cones sampled so, with a B-factor like fall of SSNR and, if wanted, noise of cones."""
    scale = 30 * np.exp(-fall * (FREQUENCY / FREQUENCY[-1]) ** 2 * 1.5)
    values = predicted_dfsc(scale, sampling)
    n_eff = np.tile(0.17 * np.arange(1, SHELLS + 1) ** 2, (len(sampling), 1))
    rng = np.random.default_rng(0)
    values = values + noise * rng.normal(size=values.shape) / np.sqrt(2 * n_eff)
    return DirectionalFSC(
        frequency=FREQUENCY,
        axes=axes_for(321),
        areas=areas(321),
        values=np.clip(values, -1, 1),
        n_eff=n_eff,
        done=np.ones(321, dtype=bool),
    )


def sampling_of(views: np.ndarray, tilt: float = 0.0) -> np.ndarray:
    return cone_sampling(view_histogram(views, axes_for(321)), 17.0, tilt)


# --- the scale of a shell --------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["uniform", "side-views", "top-views"])
def test_scale_is_recovered_whatever_the_views(distribution: str) -> None:
    sampling = sampling_of(views_of(distribution))
    truth = 30 * np.exp(-9 * (FREQUENCY / FREQUENCY[-1]) ** 2)
    np.testing.assert_allclose(shell_scale(made_dfsc(sampling), sampling)[:25], truth[:25], rtol=1e-3)


def test_scale_goes_on_as_a_b_factor_where_noise_hides_it() -> None:
    sampling = sampling_of(views_of("uniform"))
    scale = shell_scale(made_dfsc(sampling, noise=1.0, fall=14.0), sampling)
    truth = 30 * np.exp(-21 * (FREQUENCY / FREQUENCY[-1]) ** 2)
    assert np.isfinite(scale).all()
    assert (np.diff(scale[-5:]) <= 0).all()
    np.testing.assert_allclose(np.log(scale[9:20]), np.log(truth[9:20]), atol=0.35)


def test_scale_of_noise_alone_is_unknown() -> None:
    sampling = np.ones(321)
    dfsc = made_dfsc(sampling)
    empty = dfsc.replace(values=np.zeros_like(dfsc.values))
    assert np.isnan(shell_scale(empty, sampling)).all()
    advice = tilt_advice(views_of("uniform"), empty, tilts=(0, 30))
    assert not advice.has_maps
    assert any("lost in noise" in note for note in advice.warnings)


def test_unmeasured_axes_are_left_out() -> None:
    sampling = sampling_of(views_of("side-views"))
    dfsc = made_dfsc(sampling)
    values = dfsc.values.copy()
    values[:197, 0] = np.nan
    partly = dfsc.replace(values=values)
    np.testing.assert_allclose(shell_scale(partly, sampling), shell_scale(dfsc, sampling), rtol=0.02)


def test_many_views_counted_at_nodes_sample_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    views, axes = views_of("side-views", 6000), axes_for(81)
    exact = [cone_sampling(view_histogram(views, axes, group), 17.0) for group in ("C1", "D2")]
    monkeypatch.setattr(sampling, "MANY", 5000)
    for group, known in zip(("C1", "D2"), exact, strict=True):
        histogram = view_histogram(views, axes, group)
        np.testing.assert_allclose(histogram.sum(axis=1), 1)
        np.testing.assert_allclose(cone_sampling(histogram, 17.0), known, atol=0.02)  # values of 0.6 to 4.4


# --- prediction ------------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["side-views", "top-views"])
def test_prediction_is_exact_on_its_own_model(distribution: str) -> None:
    views = views_of(distribution)
    before, after = (made_dfsc(sampling_of(views, t)) for t in (0.0, 40.0))
    advice = tilt_advice(views, before, tilts=(0, 40))
    same = tilt_advice(views, after, tilts=(0,))  # curves of `after` with another scale: only the frequency matters
    assert advice.frequency.size == same.frequency.size == SHELLS
    predicted = predicted_dfsc(shell_scale(before, advice.sampling[0]), advice.sampling[1])
    np.testing.assert_allclose(predicted[:, :25], after.values[:, :25], atol=2e-3)


def test_tilt_lifts_the_worst_direction_of_top_views() -> None:
    views = views_of("top-views")
    advice = tilt_advice(views, made_dfsc(sampling_of(views)))
    assert advice.worst_zenith[0] < 12
    assert (np.diff(advice.worst_sampling[:9]) > 0).all()
    assert 20 <= advice.recommended <= 60
    assert advice.advice.startswith(f"Tilt the stage by {advice.recommended:g} degrees")
    i = int(np.flatnonzero(advice.tilts == advice.recommended)[0])
    assert advice.onset[i] < 0.97 * advice.onset[0]
    assert advice.end[i] > advice.end[0]  # what the best directions pay
    assert ((advice.occupancy >= 0) & (advice.occupancy <= 1)).all()


def test_poses_that_contradict_the_map_advise_nothing() -> None:
    views = views_of("top-views")
    turned = made_dfsc(sampling_of(views[:, [2, 0, 1]]))
    unexplained = made_dfsc(sampling_of(views_of("side-views")))
    for dfsc in (turned, unexplained):
        agreement = pose_agreement(views, dfsc)
        assert not agreement.fits
        assert agreement.warnings
        advice = tilt_advice(views, dfsc)
        assert np.isnan(advice.recommended)
        assert f"directions {agreement.correlation:.2f}" in advice.advice
        assert "Tilt the stage" not in advice.advice
        assert not advice.has_maps
    assert pose_agreement(views, made_dfsc(sampling_of(views))).fits


def test_even_views_need_no_tilt_whatever_the_map_shows() -> None:
    advice = tilt_advice(views_of("uniform"), made_dfsc(sampling_of(views_of("top-views"))), tilts=(0, 30))
    assert advice.recommended == 0
    assert advice.advice == "No tilt is needed: sampling is even without it (it varies by 4 % over directions)."


def test_subtomograms_get_no_advice() -> None:
    views = views_of("top-views")
    poses = read_poses(views).replace(kind="subtomogram")
    for dfsc in (None, made_dfsc(sampling_of(views))):
        advice = tilt_advice(poses, dfsc, tilts=(0, 30))
        assert np.isnan(advice.recommended)
        assert "whole tilt series" in advice.advice
        assert not advice.has_maps


def test_scf_star_without_tilt_is_that_of_the_poses() -> None:
    views = views_of("side-views", 700)
    for symmetry in ("C1", "D2"):
        advice = tilt_advice(views, tilts=(0, 30), symmetry=symmetry)
        assert advice.scf_star[0] == scf(views, symmetry=symmetry).scf_star


def test_even_views_need_no_tilt() -> None:
    views = views_of("uniform")
    with_maps = tilt_advice(views, made_dfsc(sampling_of(views)), tilts=(0, 30, 60))
    without = tilt_advice(views, tilts=(0, 30, 60))
    assert with_maps.recommended == without.recommended == 0
    assert with_maps.advice.startswith("No tilt is needed")
    assert without.advice.startswith("No tilt is needed")
    assert not without.has_maps
    assert np.isnan(without.onset).all()


def test_without_maps_top_views_are_told_to_tilt() -> None:
    advice = tilt_advice(views_of("top-views"), tilts=(0, 15, 30, 45, 60))
    assert advice.recommended > 20
    assert "SCF*" in advice.advice
    assert advice.scf_star[0] < 0.5 < advice.scf_star.max()
    assert (np.diff(advice.f0) <= 0.02).all()


def test_thickness_costs_signal_and_is_said() -> None:
    views = views_of("top-views")
    dfsc = made_dfsc(sampling_of(views))
    free, paid = (tilt_advice(views, dfsc, tilts=(0, 60), thickness_loss=loss) for loss in (False, True))
    np.testing.assert_allclose(paid.sampling[1], free.sampling[1] * 0.5)
    np.testing.assert_array_equal(paid.occupancy[0], free.occupancy[0])
    assert paid.end[1] > free.end[1]
    assert "cos(tilt)" in paid.assumptions[-1]
    assert "no signal" in free.assumptions[-1]


def test_symmetry_is_applied() -> None:
    views = views_of("top-views")
    assert tilt_advice(views, tilts=(0,), symmetry="O").worst_sampling[0] > 0.2
    assert tilt_advice(views, tilts=(0,)).worst_sampling[0] < 0.05


def test_warnings_of_the_poses_are_kept() -> None:
    poses = read_poses(views_of("uniform")).replace(warnings=(SUBTOMOGRAM_WARNING,))
    assert SUBTOMOGRAM_WARNING in tilt_advice(poses, tilts=(0,)).warnings


def test_advice_is_saved_and_loaded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    views = views_of("top-views", 500)
    advice = tilt_advice(views, made_dfsc(sampling_of(views)), tilts=(0, 30))
    again = Result.load(advice.save(tmp_path / "tilt.npz"))
    assert isinstance(again, TiltAdvice)
    assert again.advice == advice.advice
    np.testing.assert_array_equal(again.occupancy, advice.occupancy)


@pytest.mark.parametrize("tilts", [(), (10, 20), (0, 95), (0, -5), (0, float("nan"))])
def test_bad_tilts(tilts: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="stage tilts"):
        tilt_advice(views_of("uniform", 10), tilts=tilts)


def test_other_bad_settings() -> None:
    with pytest.raises(SettingsError, match="threshold"):
        tilt_advice(views_of("uniform", 10), threshold=1.5)
    with pytest.raises(PosesError):
        tilt_advice(np.zeros((0, 3)))


# --- half maps reconstructed at 0 and 40 degrees ---------------------------------------------


def blob(box: int) -> np.ndarray:
    """Smoothed noise within a ball: a structure with signal at all frequencies."""
    noise = np.random.default_rng(1).normal(size=(box, box, box)).astype(np.float32)
    z, x = np.fft.fftfreq(box), np.fft.rfftfreq(box)
    radius = np.sqrt(z[:, None, None] ** 2 + z[:, None] ** 2 + x**2)
    smooth = np.fft.irfftn(np.fft.rfftn(noise) * np.exp(-14 * radius), s=noise.shape, axes=(0, 1, 2))
    c = (np.arange(box) - box // 2) / box
    inside = np.clip((0.3 - np.sqrt(c[:, None, None] ** 2 + c[:, None] ** 2 + c**2)) * 20, 0, 1)
    return np.asarray(smooth * inside, dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["side-views", "top-views"])
def test_transition_zone_at_40_degrees_is_predicted_from_0_within_two_shells(distribution: str) -> None:
    views, volume = views_of(distribution), blob(64)
    flat, tilted = (
        ca.analyze(simulate_from_model(volume, views, snr=0.1, tilt=t, voxel_size=VOXEL, seed=7)) for t in (0.0, 40.0)
    )
    advice = tilt_advice(views, flat.dfsc, tilts=(0, 40))
    for i, measured in enumerate((flat.fso, tilted.fso)):
        expected = np.array([*measured.transition_zone, measured.resolution])
        predicted = np.array([advice.onset[i], advice.end[i], advice.middle[i]])
        np.testing.assert_allclose(64 * VOXEL / predicted, 64 * VOXEL / expected, atol=2.0)
    if distribution == "top-views":  # the tilt must have changed something, or the test proves nothing
        assert 64 * VOXEL / tilted.fso.onset.resolution > 64 * VOXEL / flat.fso.onset.resolution + 2.5


# --- poses of something else ------------------------------------------------------------------


def test_poses_that_contradict_the_half_maps_are_warned_of() -> None:
    side, top = views_of("side-views"), views_of("top-views")
    own = made_dfsc(sampling_of(side))
    assert tilt_advice(side, own, tilts=(0, 30)).warnings == ()
    (warning,) = tilt_advice(top, own, tilts=(0, 30)).warnings
    assert "one refinement" in warning


def test_images_of_another_size_are_warned_of() -> None:
    dfsc = made_dfsc(sampling_of(views_of("side-views")))
    side = 2 * SHELLS * VOXEL
    poses = read_poses(views_of("side-views"))
    for size, pixel in ((80, VOXEL), (160, VOXEL / 2), (80, 1.01 * VOXEL)):
        assert tilt_advice(poses.replace(image_size=size, pixel_size=pixel), dfsc, tilts=(0,)).warnings == ()
    (warning,) = tilt_advice(poses.replace(image_size=256, pixel_size=1.2), dfsc, tilts=(0,)).warnings
    assert f"images are 307 Å wide (256 pixels of 1.2 Å), the map's box is {side:.0f} Å" in warning


def test_a_direction_without_signal_leaves_the_worst_resolution_unknown() -> None:
    true = np.repeat(np.array([[9.0, 4.0, 1.0, 0.5, 0.25, 0.1, 0.01, 0.001]]), 6, axis=0)
    sampled = np.ones((2, 6))
    sampled[1, 0] = 0.0
    dfsc = DirectionalFSC(
        frequency=np.arange(1, 9) / 20, axes=axes_for(6), areas=areas(6), values=true / (1 + true),
        n_eff=np.full((6, 8), 1e4), done=np.ones(6, dtype=bool),
    )  # fmt: skip
    found = _curves(dfsc, sampled, 0.143)
    assert np.isfinite(found["worst_resolution"][0])
    assert np.isnan(found["worst_resolution"][1])
    assert np.isfinite(found["best_resolution"]).all()


def test_the_smallest_tilt_with_most_of_the_gain_is_recommended() -> None:
    reach = np.array([0.10, 0.15, 0.185, 0.20])
    nothing = np.full(4, np.nan)
    curves = {"frequency": np.array([0.1, 0.2, 0.3]), "occupancy": np.tile([1.0, 0.9, 0.0], (4, 1))}
    curves |= {"onset": 1 / reach, "end": nothing, "worst_resolution": nothing}
    assert _by_occupancy(np.array([0.0, 10.0, 20.0, 30.0]), curves)[0] == 20.0
