"""The calibrated Bingham test holds its level, has power, and knows mask and symmetry."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, kstest

import cryoaniso_nb as ca
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.errors import Cancelled, SettingsError
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.geometry.shells import hermitian_weights, n_shells, shell_index
from cryoaniso_nb.inputs.half_maps import HalfMaps
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.measures.crossing import crossing
from cryoaniso_nb.measures.fourier_shell_occupancy import transition_zone, zone_shells
from cryoaniso_nb.results.types import FSO, Result
from cryoaniso_nb.simulate import half_maps as simulate
from cryoaniso_nb.statistics._shell_lattice import cone_weights, shell_lattice
from cryoaniso_nb.statistics.bands import band
from cryoaniso_nb.statistics.calibration import (
    Calibration,
    _map_test,
    _zones,
    calibrate,
    calibrated_bingham,
    calibrated_shells,
    monte_carlo_p,
    signal_to_noise,
)
from cryoaniso_nb.statistics.noise_fields import (
    MaskKernel,
    NoisePlan,
    ShellNoise,
    _full_mask,
    for_each_shell,
    mask_kernel,
)

pytestmark = pytest.mark.slow  # error rates, which no version of a dependency changes

ALONE = Execution("synchronous")
Draw = tuple[ca.AnalysisResult, Calibration]


def tilted_ssnr(box: int, ratio: float) -> simulate.Ssnr:
    """a^2 that falls to the threshold `ratio` times earlier along z than along x and y."""
    cutoff = 0.6 * n_shells((box, box, box))

    def ssnr(shell: np.ndarray, direction: np.ndarray) -> np.ndarray:
        k = shell * np.sqrt(1 + (ratio**2 - 1) * direction[:, 2] ** 2) / cutoff
        return np.asarray(0.143 / 0.857 * np.exp(6 * (1 - k**2)))

    return ssnr


def calibrated_map(maps: HalfMaps, kernel: MaskKernel | None, seed: int) -> Draw:
    r = ca.analyze(maps, execution=ALONE)
    test = calibrate(
        r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99, seed=seed, mask=kernel, execution=ALONE
    )
    return r, test


def many(box: int, ratio: float, count: int, mask: np.ndarray | None = None) -> list[Draw]:
    kernel = mask_kernel(mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "truth_of", lambda *_, **__: None)
        draws = []
        for seed in range(count):
            maps = ca.simulate_half_maps(box, seed=1000 + seed, ssnr=tilted_ssnr(box, ratio))
            draws.append(calibrated_map(dataclasses.replace(maps, mask=mask), kernel, seed))
    return draws


def zone_values(draws: list[Draw], curve: str) -> np.ndarray:
    """Values of a curve in the transition zones."""
    values = []
    for r, test in draws:
        end = np.nan_to_num(r.fso.end.frequency, nan=np.inf)  # thin cones pass by luck up to Nyquist
        inside = (r.fso.frequency >= r.fso.onset.frequency) & (r.fso.frequency <= end)
        inside &= np.isfinite(test.p_value)
        values.extend((test.p_value if curve == "p_calibrated" else r.bingham.p_textbook)[inside])
    return np.array(values)


def between(count: int, trials: int, chance: float = 0.05) -> bool:
    """Whether a count is within the central 99.8 % of a binomial distribution."""
    return bool(binom.ppf(0.001, trials, chance) <= count <= binom.ppf(0.999, trials, chance))


def d2_symmetrised(half: np.ndarray) -> np.ndarray:
    """Sum of a map's four copies under D2 about voxel n // 2; its noise keeps its variance."""
    even = 1 - len(half) % 2
    copies = [np.roll(np.flip(half, turn), (even,) * len(turn), turn) for turn in ((), (0, 1), (1, 2), (0, 2))]
    return np.asarray(np.sum(copies, axis=0) / 2, dtype=half.dtype)


@pytest.fixture(scope="module")
def isotropic() -> list[Draw]:
    """100 seeded isotropic maps."""
    return many(32, 1.0, 100)


def test_level_holds_in_the_transition_zone_where_the_textbook_test_fails(isotropic: list[Draw]) -> None:
    p = zone_values(isotropic, "p_calibrated")
    assert p.size > 150
    assert between(int(np.sum(p <= 0.05)), p.size)
    assert kstest(p, "uniform").pvalue > 0.001
    assert np.mean(zone_values(isotropic, "p_textbook") < 0.05) > 0.3


def test_map_level_test_holds_its_level(isotropic: list[Draw]) -> None:
    p = np.array([test.map_p_value for _, test in isotropic])
    assert np.isfinite(p).all()
    assert between(int(np.sum(p <= 0.05)), p.size)
    assert kstest(p, "uniform").pvalue > 0.001


def test_level_holds_behind_a_tight_mask_only_if_the_null_knows_it() -> None:
    mask = sphere_mask((32, 32, 32), 10, edge=3)
    masked = many(32, 1.0, 20, mask)
    p = zone_values(masked, "p_calibrated")
    assert p.size > 50
    assert np.mean(p <= 0.05) < 0.12  # the mask ties neighbouring shells: no binomial bound
    assert between(int(np.sum([test.map_p_value <= 0.05 for _, test in masked])), len(masked))
    blind = [
        calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99, seed=i, execution=ALONE)
        for i, (r, _) in enumerate(masked)
    ]
    assert sum(test.map_p_value <= 0.05 for test in blind) > len(masked) / 2


def test_cutoffs_that_differ_by_half_are_found() -> None:
    draws = many(48, 1.5, 20)
    assert sum(test.map_p_value <= 0.05 for _, test in draws) >= 19
    r, test = draws[0]
    low, high = calibrated_bingham(r.bingham, r.fso, test).range("p_calibrated")
    assert low >= high > 0


def test_fields_pairs_give_the_null_of_separate_draws() -> None:
    """Statistics of paired fields against half maps simulated one by one, at a voxel's level."""
    shell, fsc, axes = 9, 0.2, axes_for(81)
    plan = NoisePlan(box=(32, 32, 32), axes=axes, cone_half_angle=17.0, shells=(shell,), replicates=400, seed=5)
    (paired,) = for_each_shell(plan, lambda noise: noise.isotropic_fsc(fsc), execution=ALONE)
    _, k, _ = shell_lattice(plan.box, plan.shells)
    weights = cone_weights(axes, k / np.linalg.norm(k, axis=1, keepdims=True), 17.0)
    random = np.random.default_rng(6)
    separate = np.empty((len(axes), 400))
    for i in range(400):
        s, n1, n2 = random.standard_normal((3, len(k), 2))
        a = np.sqrt(fsc / (1 - fsc))
        x, y = a * s + n1, a * s + n2
        xy, xx, yy = ((weights @ (p * q).sum(axis=1)) for p, q in ((x, y), (x, x), (y, y)))
        separate[:, i] = xy / np.sqrt(xx * yy)
    # the paired null is conditional on the shell's FSC, which takes 1 part in (disjoint cones) off the variance
    assert paired.mean() == pytest.approx(separate.mean(), abs=0.01)
    assert paired.std() == pytest.approx(separate.std(), rel=0.05)
    passing = [np.sort((v >= 0.143).mean(axis=0)) for v in (paired, separate)]
    assert passing[0].mean() == pytest.approx(passing[1].mean(), abs=0.02)


def test_replicates_have_exactly_the_global_fsc_asked_for() -> None:
    """A cone as wide as the sphere is the whole shell."""
    plan = NoisePlan(box=(24, 24, 24), axes=np.eye(3), cone_half_angle=17.0, shells=(7,), replicates=10)

    def whole(noise: ShellNoise) -> ShellNoise:
        return dataclasses.replace(noise, power=noise.whole_power[None], cross=noise.whole_cross[None])

    (shell,) = for_each_shell(plan, whole, execution=ALONE)
    for fsc in (-0.05, 0.0, 0.143, 0.9):
        np.testing.assert_allclose(shell.isotropic_fsc(fsc), fsc, atol=1e-6)
    kernel = mask_kernel(sphere_mask((24, 24, 24), 7))
    (masked,) = for_each_shell(dataclasses.replace(plan, mask=kernel, signal=np.ones(12)), lambda noise: noise)
    assert masked.whole_gram is not None
    masked = dataclasses.replace(masked, gram=masked.whole_gram[None])
    for fsc in (-0.05, 0.0, 0.143, 0.9):
        np.testing.assert_allclose(masked.isotropic_fsc(fsc), fsc, atol=1e-4)


def test_node_sums_agree_with_sums_over_coefficients(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryoaniso_nb.statistics import noise_fields

    plan = NoisePlan(box=(64, 64, 64), axes=axes_for(81), cone_half_angle=17.0, shells=(26,), replicates=45)
    (nodes,) = for_each_shell(plan, lambda noise: noise.noise_fsc(), execution=ALONE)
    monkeypatch.setattr(noise_fields, "first_dense_shell", lambda box: 99)
    (exact,) = for_each_shell(plan, lambda noise: noise.noise_fsc(), execution=ALONE)
    assert np.std(nodes - exact) < 0.06 * np.std(exact)


@pytest.mark.parametrize("box", [(32, 32, 32), (33, 33, 33), (24, 32, 28)])
def test_shell_lattice_holds_each_friedel_pair_once(box: tuple[int, int, int]) -> None:
    shells = tuple(range(3, n_shells(box) - 2))
    index, _, shell = shell_lattice(box, shells)
    full = np.bincount(
        shell_index(box).ravel(), np.broadcast_to(hermitian_weights(box), shell_index(box).shape).ravel()
    )
    assert len(np.unique(index)) == len(index)
    np.testing.assert_array_equal(shell_index(box).ravel()[index], shell)
    np.testing.assert_allclose(np.bincount(shell)[3:], full[3 : shells[-1] + 1] / 2, atol=1)


def test_mask_kernel_keeps_the_mask_and_its_volume_ratio() -> None:
    mask = sphere_mask((48, 40, 44), 12, edge=6)
    kernel = mask_kernel(mask)
    assert kernel is not None
    assert kernel.volume_ratio == pytest.approx(
        float((mask**2).sum()) ** 2 / (mask.size * float((mask**4).sum())), rel=1e-4
    )
    again = _full_mask(kernel)
    assert again.shape == mask.shape
    assert np.sqrt(np.mean((again - mask) ** 2)) < 0.02
    assert mask_kernel(None) is None


def test_symmetric_noise_is_the_same_along_equivalent_axes() -> None:
    axes = np.concatenate([np.array([[0.6, 0.0, 0.8]]), np.array([[0.0, 0.6, 0.8]]), np.array([[0.0, 0.0, 1.0]])])
    plan = NoisePlan(box=(32, 32, 32), axes=axes, cone_half_angle=17.0, shells=(10,), replicates=45, symmetry="C4")
    (c4,) = for_each_shell(plan, lambda noise: noise.noise_fsc(), execution=ALONE)
    np.testing.assert_allclose(c4[0], c4[1], atol=1e-5)
    (c1,) = for_each_shell(dataclasses.replace(plan, symmetry="C1"), lambda n: n.noise_fsc(), execution=ALONE)
    # on the four-fold axis the cone holds copies: noise doubles; off it nothing changes
    assert np.std(c4[2]) / np.std(c1[2]) == pytest.approx(2, rel=0.35)
    assert np.std(c4[0]) / np.std(c1[0]) == pytest.approx(1, rel=0.35)


@pytest.mark.parametrize(("box", "masked"), [(24, False), (24, True), (25, True)])
def test_symmetric_noise_is_that_of_symmetrised_maps(box: int, masked: bool) -> None:
    """Across two-fold axes a symmetric map's coefficients are real, behind a mask nearly so: that makes more noise."""
    mask = sphere_mask((box,) * 3, 7, edge=3) if masked else np.ones((box,) * 3)
    shell, axes = 8, axes_for(81)
    index, k, _ = shell_lattice((box,) * 3, (shell,))
    weights = cone_weights(axes, k / np.linalg.norm(k, axis=1, keepdims=True), 17.0)
    random, separate = np.random.default_rng(0), np.empty((300, len(axes)))
    for i in range(300):
        halves = random.standard_normal((2, box, box, box))
        x, y = (np.fft.rfftn(d2_symmetrised(half) * mask).ravel()[index] for half in halves)
        separate[i] = (weights @ (x.conj() * y).real) / np.sqrt((weights @ np.abs(x) ** 2) * (weights @ np.abs(y) ** 2))
    plan = NoisePlan(
        box=(box,) * 3, axes=axes, cone_half_angle=17.0, shells=(shell,), replicates=400, symmetry="D2",
        mask=mask_kernel(mask) if masked else None,
    )  # fmt: skip
    (drawn,) = for_each_shell(plan, lambda noise: noise.noise_fsc(), execution=ALONE)
    print(np.std(drawn) / np.std(separate))
    assert np.std(drawn) == pytest.approx(np.std(separate), rel=0.04)


def test_signal_spreads_through_the_mask_in_the_null_too() -> None:
    """Steep spectra: a shell's signal comes from stronger shells below it, which hold fewer coefficients."""
    box, shells, mask = (32, 32, 32), (9, 10, 11), sphere_mask((32, 32, 32), 8, edge=3)
    variances: dict[str, list[np.ndarray]] = {"maps": [], "with signal": [], "noise alone": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "truth_of", lambda *_, **__: None)
        for seed in range(40):
            maps = ca.simulate_half_maps(box, seed=seed, ssnr=lambda shell, _: np.exp(1.4 * (9.0 - shell)))
            r = ca.analyze(dataclasses.replace(maps, mask=mask), execution=ALONE)
            fsc, areas = r.global_fsc.fsc, r.dfsc.areas

            def spread(values: np.ndarray, areas: np.ndarray = areas) -> np.ndarray:
                return np.asarray(areas @ np.square(values - areas @ values))

            variances["maps"].append(spread(r.dfsc.values[:, np.array(shells) - 1]))
            plan = NoisePlan(
                box=box, axes=r.dfsc.axes, cone_half_angle=17.0, shells=shells, replicates=45, seed=seed,
                mask=mask_kernel(mask), signal=signal_to_noise(r.global_fsc.fsc_unmasked),
            )  # fmt: skip
            for name, made in (("with signal", plan), ("noise alone", dataclasses.replace(plan, signal=None))):
                null = for_each_shell(
                    made,
                    lambda noise, fsc=fsc, spread=spread: spread(noise.isotropic_fsc(fsc[noise.shell - 1])).mean(),
                    execution=ALONE,
                )
                variances[name].append(np.array(null))
    mean = {name: np.mean(values, axis=0) for name, values in variances.items()}
    np.testing.assert_allclose(mean["with signal"] / mean["maps"], 1, atol=0.15)
    assert (mean["noise alone"] / mean["maps"])[:2].max() < 0.8


def test_symmetrised_maps_are_tested_fairly() -> None:
    """Two-fold maps: about the level with the group, above it without."""
    fair, unfair = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "truth_of", lambda *_, **__: None)
        for seed in range(30):
            maps = ca.simulate_half_maps(32, seed=seed, ssnr=tilted_ssnr(32, 1.0))
            halves = [d2_symmetrised(half) for half in (maps.half1, maps.half2)]
            r = ca.analyze(HalfMaps(half1=halves[0], half2=halves[1], voxel_size=1.0), execution=ALONE)
            for symmetry, found in (("D2", fair), ("C1", unfair)):
                test = calibrate(
                    r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99, seed=seed, symmetry=symmetry,
                    execution=ALONE,
                )  # fmt: skip
                found.extend(zone_values([(r, test)], "p_calibrated"))
    assert between(int(np.sum(np.array(fair) <= 0.05)), len(fair))
    assert np.mean(np.array(unfair) <= 0.05) > np.mean(np.array(fair) <= 0.05)


def test_p_values_count_ties_against_anisotropy_and_leave_nan_alone() -> None:
    null = np.array([[0.0, 1.0, 2.0, np.nan], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(monte_carlo_p(np.array([2.0, 0.0, np.nan]), null), [0.5, 1.0, np.nan])


def test_same_seed_same_p_values_on_threads_and_alone(isotropic: list[Draw]) -> None:
    r, test = isotropic[0]
    again = calibrate(
        r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99, seed=0, execution=Execution("threads")
    )
    np.testing.assert_array_equal(again.p_value, test.p_value)
    assert again.map_p_value == test.map_p_value


def test_a_map_without_transition_zone_has_no_p_value() -> None:
    maps = ca.simulate_half_maps(32, ssnr=lambda shell, direction: np.full(shell.size, 50.0))
    r, test = calibrated_map(maps, None, 0)
    assert calibrated_shells(r.fso) == ()
    assert np.isnan(test.map_p_value)
    assert np.isnan(test.p_value).all()
    assert np.isnan(calibrated_bingham(r.bingham, r.fso, test).range("p_calibrated")).all()


def test_a_step_has_a_p_value() -> None:
    """Signal that ends within a shell: the zone is one or two shells."""
    maps = ca.simulate_half_maps(48, ssnr=lambda shell, direction: np.where(shell < 18, 50.0, 0.0))
    _, test = calibrated_map(maps, None, 0)
    assert 0 < test.map_p_value <= 1


def test_calibration_survives_saving(isotropic: list[Draw], tmp_path: Path) -> None:
    test = isotropic[0][1]
    again = Result.load(test.save(tmp_path / "c.npz"))
    assert isinstance(again, Calibration)
    np.testing.assert_array_equal(again.p_value, test.p_value)
    kernel = mask_kernel(sphere_mask((32, 32, 32), 8))
    assert kernel is not None
    assert isinstance(Result.load(kernel.save(tmp_path / "k.npz")), MaskKernel)


def test_too_few_replicates_are_refused(isotropic: list[Draw]) -> None:
    r, _ = isotropic[0]
    with pytest.raises(SettingsError, match=r"5 replicates.*19"):
        calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=5)


def test_progress_is_told_and_stop_is_heard(isotropic: list[Draw]) -> None:
    r, _ = isotropic[0]
    kernel = mask_kernel(sphere_mask((32, 32, 32), 10))
    told: list[tuple[str, int, int]] = []
    watched = Execution(progress=lambda *step: told.append(step))
    calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99, mask=kernel, execution=watched)
    assert {stage for stage, _, _ in told} == {"calibrating: noise maps", "calibrating: signal maps", "calibrating"}
    assert told[-1][1] == told[-1][2]
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99, execution=Execution(cancel=stop))


def test_the_point_group_is_one_name_that_is_computed_with_and_recorded(isotropic: list[Draw]) -> None:
    """The replicates of O are others than those of C1, also when calibrate is called by itself."""
    r, plain = isotropic[0]
    parts = (r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings)
    test = calibrate(*parts, n_replicates=99, symmetry=" o")
    assert (test.symmetry, plain.symmetry) == ("O", "C1")
    assert test.call == "with_calibration(n_replicates=99, seed=0, symmetry='O')"
    known = plain.null_median > 10  # where noise decides about passing
    assert known.sum() >= 3
    # cubic noise has no l = 2, which is what the statistic looks at (but for what the axes lack of the group)
    assert (test.null_median[known] < plain.null_median[known] / 5).all()
    same = r.with_calibration(n_replicates=99, symmetry="O").calibration
    assert same is not None
    np.testing.assert_array_equal(same.p_value, test.p_value)
    with pytest.raises(SettingsError, match="symmetry is 'Q3'"):
        calibrate(*parts, n_replicates=99, symmetry="Q3")
    with pytest.raises(SettingsError, match="symmetry is 'Q3'"):
        band(r.dfsc, r.fso, r.settings, symmetry="Q3")


def test_replicates_are_judged_in_their_own_zones() -> None:
    """A replicate that stands out where its own FSO falls counts, wherever the map's falls."""
    frequency, place = np.arange(1.0, 13) / 24, np.arange(12)
    occupancy = np.interp(place, [2, 5], [1.0, 0.0])
    crossings = [crossing(frequency, occupancy, level) for level in (0.9, 0.5, 0.1)]
    curve = FSO(
        frequency=frequency, occupancy=occupancy, threshold=0.143, onset=crossings[0], middle=crossings[1],
        end=crossings[2],
    )  # fmt: skip
    statistic, null = np.ones(12), np.ones((12, 39))
    statistic[3] = 3.0
    null[9, :8] = 50.0
    late = np.repeat(np.interp(place, [7, 10], [1.0, 0.0])[:, None], 39, axis=1)
    assert _map_test(curve, statistic, place, null, late) == (pytest.approx(9 / 40), 4)
    early = np.repeat(occupancy[:, None], 39, axis=1)
    assert _map_test(curve, statistic, place, null, early) == (pytest.approx(1 / 40), 4)


def test_zones_of_replicates_are_those_a_map_of_their_occupancy_would_have(rng: np.random.Generator) -> None:
    """Also where noise lets FSO dip before its fall, and rise after."""
    place = np.arange(24)
    frequency = (place + 1) / 48
    fall = np.interp(place, [8, 15], [1.0, 0.0])[:, None]
    occupancy = np.clip(fall + 0.15 * rng.standard_normal((24, 200)), 0, 1)
    occupancy[:, :3] = np.array([1.0, 0.0, 0.5])  # never falls, never rises, falls to half
    for found, curve in zip(_zones(occupancy, place).T, occupancy.T, strict=True):
        onset, end = transition_zone(frequency, curve)
        zone = zone_shells(
            FSO(frequency=frequency, occupancy=curve, threshold=0.143, onset=onset, middle=onset, end=end)
        )
        assert np.flatnonzero(found).tolist() == list(range(zone.start, zone.stop))


def test_a_wide_zone_is_tested_with_a_third_of_it_on_either_side() -> None:
    frequency = np.arange(1.0, 101) / 200
    occupancy = np.interp(np.arange(100), [30, 63], [1.0, 0.0])
    onset, end = transition_zone(frequency, occupancy)
    curve = FSO(frequency=frequency, occupancy=occupancy, threshold=0.143, onset=onset, middle=onset, end=end)
    zone = zone_shells(curve)
    margin = (zone.stop - zone.start) // 3
    assert margin > 8
    assert calibrated_shells(curve) == tuple(range(zone.start + 1 - margin, zone.stop + margin + 1))
