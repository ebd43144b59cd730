"""SCF: its limits for many views, and the cones' sampling against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoaniso_nb.errors import PosesError, SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for, fibonacci_axes
from cryoaniso_nb.geometry.symmetry import orbit
from cryoaniso_nb.inputs.poses import SUBTOMOGRAM_WARNING, read_poses
from cryoaniso_nb.measures.sampling import cone_sampling, plane_kernel, tilted_views, view_array, view_histogram
from cryoaniso_nb.measures.sampling_compensation import SCF, _even_by_chance, scf
from cryoaniso_nb.results.types import Result

N = 10_000


def ring(z: np.ndarray, seed: int = 0) -> np.ndarray:
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, z.size)
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)


def uniform(number: int = N, seed: int = 0) -> np.ndarray:
    return ring(np.random.default_rng(seed + 1).uniform(-1, 1, number), seed)


def cone(half_angle: float, number: int = N) -> np.ndarray:
    return ring(np.random.default_rng(2).uniform(np.cos(np.deg2rad(half_angle)), 1, number))


# --- limits of section 10 at N = 10,000 and R = 50 -------------------------------------------


def test_uniform_views_give_one() -> None:
    result = scf(uniform())
    assert result.scf == pytest.approx(1, abs=0.015)
    assert (result.f0, result.scf_star) == (0, result.scf)
    assert (result.n_views, result.radius) == (N, 50)


def test_side_views_give_eight_over_pi_squared() -> None:
    result = scf(ring(np.zeros(N)))
    assert result.scf == pytest.approx(8 / np.pi**2, abs=0.015)
    assert result.f0 == 0


@pytest.mark.parametrize("half_angle", [10, 30, 45, 60, 80])
def test_cone_of_top_views_leaves_a_cone_unsampled(half_angle: float) -> None:
    result = scf(cone(half_angle))
    assert result.f0 == pytest.approx(1 - np.sin(np.deg2rad(half_angle)), abs=0.015)
    assert result.scf_star < result.scf
    assert "unsampled" in result.verdict


def test_formula_of_the_unsampled_correction() -> None:
    result = scf(cone(30))
    s, f0 = result.samples, np.mean(result.samples == 0)
    factor = 1 / (np.mean(1 / s[s > 0]) * s.mean())
    assert result.scf == pytest.approx(factor)
    assert result.scf_star == pytest.approx(factor / (1 + f0 / (1 - f0) * s.mean() * factor / 2))


def test_scf_star_falls_with_the_number_of_particles_when_a_part_is_unsampled() -> None:
    assert scf(cone(45, 20_000)).scf_star < 0.7 * scf(cone(45, 5000)).scf_star


def test_samples_are_those_counted_one_by_one() -> None:
    views = uniform(300)
    result = scf(views, radius=20, points=150)
    expected = [(np.abs(views @ p) * 20 < 0.5).sum() for p in result.points]
    np.testing.assert_array_equal(result.samples, expected)


def test_symmetry_counts_every_copy() -> None:
    views = view_array(uniform(3000) * [1, 1, 3])
    symmetric, expanded = scf(views, symmetry="D2"), scf(orbit(views, "D2").reshape(-1, 3))
    assert symmetric.n_views == 3000
    assert symmetric.mean_samples == pytest.approx(expanded.mean_samples, rel=0.01)
    assert symmetric.scf == pytest.approx(expanded.scf, abs=0.01)
    assert scf(views, symmetry="O").scf > expanded.scf + 0.1


def test_opposite_views_are_the_same() -> None:
    views = cone(30, 1000)
    sign = np.where(np.arange(1000) % 2, 1, -1)[:, None]
    np.testing.assert_array_equal(scf(views).samples, scf(views * sign).samples)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(min_value=1, max_value=400), st.integers(min_value=0, max_value=5), st.sampled_from([10.0, 25.0, 50.0])
)
def test_numbers_stay_in_range(number: int, seed: int, radius: float) -> None:
    result = scf(uniform(number, seed), radius=radius, points=200)
    assert 0 <= result.f0 <= 1
    if result.mean_samples > 0:
        assert 0 < result.scf_star <= result.scf


def test_no_sample_at_all_is_nan_not_a_number() -> None:
    result = scf(np.array([[0.0, 0.0, 1.0]]), radius=1e6, points=100)
    assert np.isnan([result.scf, result.scf_star]).all()
    assert result.f0 == 1


def test_subtomogram_poses_carry_their_warning() -> None:
    poses = read_poses(uniform(2000)).replace(kind="subtomogram", warnings=(SUBTOMOGRAM_WARNING,))
    assert SUBTOMOGRAM_WARNING in scf(poses).warnings


@pytest.mark.parametrize(
    ("views", "words"),
    [
        (uniform(5), "leave 95 % of Fourier space unsampled"),  # SCF* 1.9
        (uniform(100), "leave 36 % of Fourier space unsampled"),  # SCF* 0.94
        (uniform(300), "by chance alone"),
        (uniform(5000), "sampling is even enough"),
        (cone(20, 300), "sampling is uneven"),
        (cone(20, 5000), "sampling is uneven"),
    ],
)
def test_no_verdict_where_so_few_views_cannot_tell(views: np.ndarray, words: str) -> None:
    result = scf(views)
    assert words in result.verdict
    assert ("no verdict" in result.verdict) == bool(result.doubt) == (not words.startswith("sampling"))


def test_chance_is_what_evenly_spread_views_give() -> None:
    for number in (100, 300, 1000, 3000):
        result = scf(uniform(number))
        assert _even_by_chance(result.mean_samples) == pytest.approx(result.scf_star, abs=0.02)


def test_subtomograms_get_no_verdict_and_are_told_what_to_do() -> None:
    verdict = scf(read_poses(uniform(2000)).replace(kind="subtomogram")).verdict
    assert "no verdict, since each pose is a whole tilt series" in verdict
    assert "half maps" in verdict


def test_few_views_are_warned_about() -> None:
    assert any("chance" in note for note in scf(uniform(100)).warnings)


def test_result_is_saved_and_loaded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = scf(uniform(500), points=200)
    again = Result.load(result.save(tmp_path / "scf.npz"))
    assert isinstance(again, SCF)
    assert again.verdict == result.verdict


@pytest.mark.parametrize("bad", [{"radius": 0.5}, {"radius": float("nan")}, {"points": 3}, {"symmetry": "Q"}])
def test_bad_settings(bad: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(SettingsError):
        scf(uniform(10), **bad)


@pytest.mark.parametrize("views", [np.zeros((0, 3)), np.zeros((3, 3)), np.full((2, 3), np.nan), np.ones(3)])
def test_bad_views(views: np.ndarray) -> None:
    with pytest.raises(PosesError):
        scf(views)


# --- sampling of cones -----------------------------------------------------------------------


def brute_force(views: np.ndarray, axis: np.ndarray, half_angle: float) -> float:
    """Share of random directions of central planes in the cone, with its weight."""
    rng = np.random.default_rng(0)
    points = np.cross(views, rng.normal(size=views.shape))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    even = uniform(len(views), 3)
    edge = np.cos(np.deg2rad(half_angle))

    def total(p: np.ndarray) -> float:
        c = np.abs(p @ axis)
        return float(np.where(c >= edge, np.exp(-(((c - 1) / ((1 - edge) / 2)) ** 2)), 0).sum())

    return total(points) / total(even)


@pytest.mark.parametrize("tilt", [0.0, 25.0, 55.0])
@pytest.mark.parametrize("axis", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.6, 0.0, 0.8)])
def test_cone_sampling_is_the_share_of_central_planes(tilt: float, axis: tuple[float, ...]) -> None:
    views = cone(40, 4000)
    line = np.array(axis)
    predicted = cone_sampling(view_histogram(views, line[None]), 17, tilt)[0]
    many = tilted_views(np.tile(views, (100, 1)), tilt)
    assert predicted == pytest.approx(brute_force(many, line, 17), rel=0.04, abs=0.01)


@pytest.mark.parametrize("tilt", [0.0, 30.0])
def test_mean_sampling_over_the_sphere_is_one(tilt: float) -> None:
    sampling = cone_sampling(view_histogram(cone(20, 3000), axes_for(1281)), 17, tilt)
    assert np.average(sampling, weights=areas(1281)) == pytest.approx(1, abs=0.01)


def test_even_views_sample_evenly_at_any_tilt() -> None:
    histogram = view_histogram(fibonacci_axes(20_000), axes_for(81))
    for tilt in (0.0, 40.0):
        np.testing.assert_allclose(cone_sampling(histogram, 17, tilt), 1, atol=0.02)


def test_kernel_reaches_no_further_than_the_cone() -> None:
    kernel = plane_kernel(17.0)
    nearness = np.linspace(0, 1, kernel.size)
    assert not kernel[nearness > np.sin(np.deg2rad(17)) + 1e-3].any()


def test_tilted_views_stand_at_the_tilt_from_their_views() -> None:
    views = view_array(uniform(500))
    tilted = tilted_views(views, 35)
    np.testing.assert_allclose(np.rad2deg(np.arccos((views * tilted).sum(axis=1))), 35, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(tilted, axis=1), 1)


@pytest.mark.parametrize(("cone_angle", "tilt"), [(0, 0), (60, 0), (17, -1), (17, 89), (float("nan"), 0)])
def test_angles_out_of_range(cone_angle: float, tilt: float) -> None:
    with pytest.raises(SettingsError):
        cone_sampling(view_histogram(uniform(5), axes_for(6)), cone_angle, tilt)


def test_views_on_the_grid_of_a_search_are_doubted() -> None:
    views = uniform(2000)
    on_grid = views[np.random.default_rng(3).integers(0, 500, 2000)]
    result = scf(on_grid)
    assert result.n_distinct == len(np.unique(on_grid, axis=0))
    assert "no verdict, since only 4" in result.verdict
    assert "grid of a coarse angular search" in result.verdict
    assert "grid" not in scf(views).verdict
