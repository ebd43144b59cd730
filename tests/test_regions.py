"""Worst and best region against simulated truth, and what holds for any map."""

from __future__ import annotations

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.geometry.directions import axes_for, unit_vectors
from cryoaniso_nb.geometry.symmetry import point_group
from cryoaniso_nb.results.types import DirectionalFSC
from cryoaniso_nb.statistics._resolution_field import geometry
from cryoaniso_nb.statistics.regions import DirectionRegions, direction_regions

CHI = 0.143


def found(preset: str, seed: int, **options: object) -> tuple[DirectionRegions, ca.Truth]:
    maps = ca.simulate_half_maps(box=64, preset=preset, seed=seed, **options)  # type: ignore[arg-type]
    regions = ca.analyze(maps).regions
    assert regions is not None
    assert maps.truth is not None
    return regions, maps.truth


def from_axis(region: object, axis: tuple[float, float, float]) -> float:
    vector = unit_vectors(region.zenith, region.azimuth)  # type: ignore[attr-defined]
    return float(np.rad2deg(np.arccos(min(1.0, abs(vector @ np.array(axis))))))


@pytest.mark.parametrize("preset", ["missing-side-views", "missing-cone"])
@pytest.mark.parametrize("signal", ["noise", "phantom"])
def test_missing_views_are_found_where_they_lack(preset: str, signal: str) -> None:
    held = 0
    for seed in (51, 52, 53):
        regions, truth = found(preset, seed, signal=signal)
        worst = truth.resolution.max()
        assert regions.worst.kind == "axis"
        assert from_axis(regions.worst, (0, 0, 1)) < 20
        assert regions.worst.resolution == pytest.approx(worst, rel=0.2)  # 0.15 in nine of ten
        held += regions.worst.interval[0] <= worst <= regions.worst.interval[1]
        assert regions.best.kind == "girdle"
        assert from_axis(regions.best, (0, 0, 1)) < 20
        assert regions.effect_interval[0] > 1.3
    assert held >= 2


def test_missing_top_views_are_worst_around_the_equator() -> None:
    regions, truth = found("missing-top-views", 51)
    assert regions.worst.kind == "girdle"
    assert from_axis(regions.worst, (0, 0, 1)) < 20
    assert regions.best.kind == "axis"
    ratio = truth.resolution.max() / truth.resolution.min()
    assert regions.effect_interval[0] <= ratio <= regions.effect_interval[1]


def test_an_isotropic_map_excludes_a_difference() -> None:
    for seed in (51, 52, 53):
        regions, truth = found("isotropic", seed)
        assert regions.effect_interval[0] == 1.0
        assert regions.effect_interval[1] < 1.2
        assert regions.worst.resolution == pytest.approx(truth.resolution[0], rel=0.04)
        assert regions.best.resolution == pytest.approx(truth.resolution[0], rel=0.04)


def test_where_all_directions_are_alike_each_extreme_is_its_own_middle() -> None:
    """The second moments of a whole sphere have no largest axis but the one that rounding makes."""
    result = ca.analyze(ca.simulate_half_maps(box=40, voxel_size=1.5, preset="isotropic", seed=3), n_axes=81)
    worst, best = result.regions.worst, result.regions.best
    assert worst.share == best.share == pytest.approx(1.0)
    middles = [unit_vectors(region.zenith, region.azimuth) for region in (worst, best)]
    assert all(np.abs(result.dfsc.axes @ middle).max() > 1 - 1e-9 for middle in middles)
    assert abs(middles[0] @ middles[1]) < 0.99


def test_without_any_signal_nothing_is_claimed() -> None:
    random = np.random.default_rng(3)
    halves = random.standard_normal((2, 48, 48, 48)).astype(np.float32)
    regions = ca.analyze(ca.open_half_maps(*halves, voxel_size=1.0)).regions
    assert regions is not None
    assert np.isnan([regions.worst.resolution, regions.best.resolution, regions.effect_ratio]).all()


def logistic(k: np.ndarray, shells: int = 40, fall: float = 6.0) -> DirectionalFSC:
    """Noise-free dFSC with known crossings."""
    s = np.arange(1.0, shells + 1)
    logit = np.log(CHI / (1 - CHI)) - fall * (s / k[:, None] - 1)
    values = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    return DirectionalFSC(
        frequency=s / (2 * shells), axes=axes_for(321), areas=np.full(321, 1 / 321), values=values,
        n_eff=np.broadcast_to(0.17 * s**2, values.shape), done=np.ones(321, dtype=bool),
    )  # fmt: skip


def test_without_noise_the_field_is_the_truth() -> None:
    axes = axes_for(321)
    k = 20 * np.exp(0.2 * (1.5 * (axes @ np.array([0.6, 0.0, 0.8])) ** 2 - 0.5))
    regions = direction_regions(logistic(k), CHI)
    assert regions.best.resolution == pytest.approx(80 / k.max(), rel=0.04)  # a region, not one axis
    assert regions.worst.resolution == pytest.approx(80 / k.min(), rel=0.04)
    assert regions.best.kind == "axis"
    assert from_axis(regions.best, (0.6, 0.0, 0.8)) < 9
    assert regions.worst.kind == "girdle"


def test_directions_past_nyquist_are_said() -> None:
    k = np.where(np.abs(axes_for(321)[:, 2]) < 0.6, 60.0, 20.0)
    regions = direction_regions(logistic(k), CHI)
    assert regions.best.reaches_nyquist
    assert regions.best.resolution == 2.0
    assert not regions.worst.reaches_nyquist


def test_octahedral_extremes_are_several() -> None:
    axes = axes_for(321)
    k = 20 * np.exp(0.5 * ((axes**4).sum(axis=1) - 0.6))
    regions = direction_regions(logistic(k), CHI, symmetry="O")
    assert regions.best.kind == "several"
    best = unit_vectors(regions.best.zenith, regions.best.azimuth)
    assert np.abs(best).max() > np.cos(np.deg2rad(10))
    assert regions.symmetry == "O"


def test_a_dead_cone_has_no_resolution() -> None:
    dfsc = logistic(np.full(321, 20.0))
    values = np.where(np.abs(axes_for(321)[:, 2:]) > np.cos(np.deg2rad(40)), -0.01, dfsc.values)
    regions = direction_regions(dfsc.replace(values=values), CHI)
    assert np.isnan(regions.worst.resolution)
    assert regions.best.resolution == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("symmetry", ["C1", "C4", "D7", "O"])
def test_noise_of_symmetric_cones_is_as_simulated(symmetry: str) -> None:
    """Correlation of pooled noise along axes: white coefficients on the sphere, summed over the group's images."""
    from cryoaniso_nb.geometry.cones import cone_weight
    from cryoaniso_nb.geometry.directions import fibonacci_axes

    group, axes = point_group(symmetry), axes_for(81)
    points = fibonacci_axes(3000)
    weight = sum(cone_weight(np.abs(axes @ rotation @ points.T), 17.0) for rotation in group)
    expected = weight @ weight.T
    single = cone_weight(np.abs(axes @ points.T), 17.0)
    expected /= len(group) * (single**2).sum(axis=1).mean()
    covariance = geometry(81, 17.0, symmetry).covariance
    off = ~np.eye(81, dtype=bool)
    np.testing.assert_allclose(covariance[off], expected[off], atol=0.06 * len(group) ** 0.5)
    np.testing.assert_allclose(np.diag(covariance) / 1.05, np.diag(expected), rtol=0.1)


def test_partial_results_have_no_regions() -> None:
    maps = ca.simulate_half_maps(box=32, seed=0)
    partial, *_, last = ca.iter_analysis(maps)
    assert partial.regions is None
    assert last.regions is not None


def test_regions_are_saved(tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    again = ca.load_result(result.save(tmp_path / "r.npz"))
    assert again.regions is not None
    assert result.regions is not None
    assert again.regions.worst.interval == result.regions.worst.interval


@pytest.mark.parametrize("n_axes", [6, 21])
def test_few_axes_have_regions_too(n_axes: int) -> None:
    maps = ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)
    found = ca.analyze(maps, n_axes=n_axes).regions
    assert found is not None
    assert found.worst.zenith < 30
    assert 1 <= found.effect_interval[0] <= found.effect_ratio <= found.effect_interval[1]
