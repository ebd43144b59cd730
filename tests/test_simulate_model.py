"""Half maps from simulated particles: right signal, right noise, anisotropy from poses, any scheduler."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

import cryoaniso_nb as ca
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.errors import Cancelled, MapError, ModelError, PosesError, SettingsError
from cryoaniso_nb.inputs.poses import read_poses
from cryoaniso_nb.simulate.particles import DISTRIBUTIONS, random_views, simulate_from_model


def three_balls(box: int = 32) -> np.ndarray:
    """Balls of unlike size at unlike places: no symmetry at all, so that a wrong hand or axis shows."""
    z, y, x = np.indices((box, box, box)) - box // 2
    volume = np.zeros((box, box, box))
    for (cx, cy, cz), radius in (((5, 1, -2), 3.0), ((-4, 4, 1), 2.0), ((0, -5, 5), 2.5)):
        volume += np.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / radius**2)
    return volume


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("box", [32, 33])
def test_without_noise_the_volume_comes_back(box: int) -> None:
    volume = three_balls(box)
    maps = simulate_from_model(volume, "uniform", particles=600, snr=1e6)
    for half in (maps.half1, maps.half2):
        assert correlation(half, volume) > 0.995
        assert float((half * volume).sum() / ((volume - volume.mean()) * volume).sum()) == pytest.approx(1, abs=0.05)
    for wrong in (volume[::-1, ::-1, ::-1], volume.transpose(2, 1, 0), volume[:, :, ::-1]):
        assert correlation(maps.half1, wrong) < 0.8


def test_a_projection_fills_the_plane_perpendicular_to_its_view() -> None:
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(32, 32, 32))
    views = np.tile([0.6, 0.0, 0.8], (40, 1)) + 1e-4 * rng.normal(size=(40, 3))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    maps = simulate_from_model(volume, views, snr=1e3)
    power = np.abs(np.fft.fftshift(np.fft.fftn(maps.half1))) ** 2
    z, y, x = np.indices(power.shape) - 16
    distance = np.abs(0.6 * x + 0.8 * z)
    ball = (x**2 + y**2 + z**2 < 15**2) & (x**2 + y**2 + z**2 > 25)
    assert power[ball & (distance > 3)].mean() < 0.01 * power[ball & (distance < 0.5)].mean()


def test_rotations_take_map_to_image_coordinates() -> None:
    """With a single known rotation the reconstruction holds the volume's own slice, not a turned one."""
    volume = three_balls()
    turn = Rotation.from_euler("ZYZ", [40, 65, 20], degrees=True).as_matrix().T
    poses = read_poses(np.stack([turn, turn @ Rotation.from_euler("x", 1e-3).as_matrix()]))
    maps = simulate_from_model(volume, poses.replace(half_set=np.array([1, 2], dtype=np.int8)), snr=1e6)
    mean, truth = np.fft.fftn(maps.half1), np.fft.fftn(volume - volume.mean())
    filled = np.abs(mean) > 0.3 * np.abs(truth)
    filled &= np.abs(truth) > 0.02 * np.abs(truth).max()
    assert filled.sum() > 50
    agreement = np.real(mean[filled].conj() @ truth[filled])
    assert agreement / np.sqrt((np.abs(mean[filled]) ** 2).sum() * (np.abs(truth[filled]) ** 2).sum()) > 0.75


def test_poses_of_the_maps_are_those_they_were_made_of() -> None:
    """So few particles that other poses, such as those before the tilt, give other maps."""
    volume = three_balls()
    maps = simulate_from_model(volume, "top-views", particles=12, snr=1e6, tilt=30, voxel_size=1.5)
    assert maps.poses is not None
    assert (len(maps.poses), maps.poses.image_size, maps.poses.pixel_size) == (12, 32, 1.5)
    again = simulate_from_model(volume, maps.poses, snr=1e6, voxel_size=1.5)
    assert again.poses is not None
    for a, b in ((maps.half1, again.half1), (maps.half2, again.half2)):
        assert correlation(a, b) > 0.999
    untilted = simulate_from_model(volume, "top-views", particles=12, snr=1e6)
    assert correlation(maps.half1, untilted.half1) < 0.99


@pytest.mark.parametrize("snr", [0.5, 0.1])
def test_noise_gives_the_expected_fsc(snr: float) -> None:
    """A white volume: each shell has the same signal, and a voxel N/(2 s) samples of it."""
    box, number = 48, 2000
    volume = np.random.default_rng(1).normal(size=(box, box, box))
    c = (np.arange(box) - box // 2) / box
    volume *= np.sqrt(c[:, None, None] ** 2 + c[:, None] ** 2 + c**2) < 0.3
    fsc = ca.analyze(simulate_from_model(volume, "uniform", particles=number, snr=snr)).global_fsc.fsc
    shells = np.arange(8, 20)
    # every shell holds the same share of a projection's variance per pixel: SSNR of a sample = 4/pi snr
    ssnr = 4 / np.pi * snr * (number / 2) / (2 * shells)
    expected = ssnr / (1 + ssnr)
    np.testing.assert_allclose(fsc[shells - 1], expected, atol=0.06)


def test_fsc_falls_with_noise_and_with_the_envelope() -> None:
    volume = np.random.default_rng(3).normal(size=(32, 32, 32)) * (three_balls() > 0.05)
    quiet, loud, blurred = (
        ca.analyze(simulate_from_model(volume, "uniform", 300, **settings)).global_fsc.fsc  # type: ignore[arg-type]
        for settings in ({"snr": 0.3}, {"snr": 0.01}, {"snr": 0.3, "b_factor": 300.0})
    )
    assert loud[4:10].mean() < quiet[4:10].mean() - 0.1
    assert blurred[6:12].mean() < quiet[6:12].mean() - 0.1


def test_anisotropy_follows_the_views() -> None:
    rng = np.random.default_rng(2)
    volume = rng.normal(size=(48, 48, 48)).astype(np.float32)
    result = ca.analyze(simulate_from_model(volume, "top-views", particles=800, snr=0.05))
    zenith = result.dfsc.zenith
    band = result.dfsc.values[:, 7:18].mean(axis=1)
    assert band[zenith > 75].mean() > band[zenith < 25].mean() + 0.2


def test_tilt_turns_views_by_its_angle() -> None:
    volume = np.random.default_rng(2).normal(size=(32, 32, 32))
    views = np.tile([[0.0, 0.0, 1.0]], (600, 1)) + 1e-3 * np.random.default_rng(0).normal(size=(600, 3))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    maps = simulate_from_model(volume, views, snr=100.0, tilt=50)
    power = np.abs(np.fft.fftshift(np.fft.fftn(maps.half1))) ** 2
    z, y, x = np.indices(power.shape) - 16
    radius = np.sqrt(x**2 + y**2 + z**2)
    rise = np.rad2deg(np.arcsin(np.abs(z) / np.maximum(radius, 1)))
    ring = (radius > 8) & (radius < 14)
    assert power[ring & (rise > 58)].mean() < 0.05 * power[ring & (rise < 45)].mean()  # planes rise by the tilt at most


def test_symmetry_fills_what_one_view_leaves_empty() -> None:
    views = np.tile([[0.0, 0.0, 1.0]], (60, 1)) + 1e-3 * np.random.default_rng(0).normal(size=(60, 3))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    maps = simulate_from_model(three_balls(), views, snr=1e3, symmetry="O")
    for turned in (np.rot90(maps.half1, axes=(1, 2)), maps.half1.transpose(2, 1, 0)[::-1]):
        shifted = max(
            correlation(np.roll(turned, shift, axis=axis), maps.half1) for shift in (0, 1) for axis in (0, 1, 2)
        )
        assert shifted > 0.95


@pytest.mark.parametrize("side", [16, 17])
def test_planes_that_hold_both_friedel_mates_hold_them_alike(side: int) -> None:
    from cryoaniso_nb.kernels.slices import add_particles

    rng = np.random.default_rng(0)
    source = np.fft.rfftn(rng.normal(size=(2 * side,) * 3)).astype(np.complex64)
    total = np.zeros((side, side, side // 2 + 1), dtype=np.complex64)
    weight = np.zeros(total.shape, dtype=np.float32)
    rotations = Rotation.random(20, rng=rng).as_matrix().astype(np.float32)
    add_particles(source, rotations, np.arange(20), np.eye(3, dtype=np.float32)[None], 2, 1.0, total, weight)
    mates = -np.arange(side) % side
    for column in (0, side // 2) if side % 2 == 0 else (0,):
        np.testing.assert_allclose(weight[mates][:, mates, column], weight[:, :, column], atol=1e-5)
        np.testing.assert_allclose(total[mates][:, mates, column].conj(), total[:, :, column], rtol=1e-3, atol=1e-2)


def test_half_sets_of_the_poses_are_kept() -> None:
    volume, views = three_balls(), random_views("uniform", 100, np.random.default_rng(0))
    labels = np.where(np.arange(100) < 90, 1, 2).astype(np.int8)
    maps = simulate_from_model(volume, read_poses(views).replace(half_set=labels), snr=1e6)
    assert correlation(maps.half1, volume) > correlation(maps.half2, volume) + 0.02


def test_same_seed_same_maps_on_any_scheduler() -> None:
    volume = three_balls()
    one = simulate_from_model(volume, "top-views", particles=100, seed=3)
    two = simulate_from_model(volume, "top-views", particles=100, seed=3, execution=Execution("synchronous"))
    other = simulate_from_model(volume, "top-views", particles=100, seed=4)
    np.testing.assert_allclose(one.half1, two.half1, atol=1e-6 * np.abs(one.half1).max())
    assert correlation(one.half1, other.half1) < 0.999


def test_progress_counts_and_cancel_stops() -> None:
    seen: list[tuple[str, int, int]] = []
    simulate_from_model(three_balls(), particles=20, execution=Execution(progress=lambda *step: seen.append(step)))
    assert seen[-1] == ("particles", 4, 4)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        simulate_from_model(three_balls(), particles=20, execution=Execution(cancel=stop))


def test_maps_say_what_they_are() -> None:
    maps = simulate_from_model(three_balls(), "side-views", particles=20, tilt=10, voxel_size=1.5)
    assert maps.voxel_size == 1.5
    assert "20 particles, side-views views, tilt 10" in maps.warnings[0]
    assert [entry.role for entry in maps.inputs] == ["half1", "half2"]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_distributions_are_what_they_say(distribution: str) -> None:
    views = random_views(distribution, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(views, axis=1), 1)
    height = np.abs(views[:, 2]).mean()
    low, high = {"uniform": (0.48, 0.52), "side-views": (0, 0.15), "top-views": (0.85, 1)}[distribution]
    assert low < height < high


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"poses": "sideways"}, "distribution of views"),
        ({"particles": 1}, "at least 2"),
        ({"snr": 0.0}, "signal-to-noise"),
        ({"snr": float("nan")}, "signal-to-noise"),
        ({"tilt": 90.0}, "stage tilt"),
        ({"b_factor": -1.0}, "B factor"),
        ({"symmetry": "X"}, "symmetry"),
        ({"box": 40}, "cube of 40"),
    ],
)
def test_bad_settings(bad: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(SettingsError, match=words):
        simulate_from_model(three_balls(), **bad)


@pytest.mark.parametrize(
    "volume", [np.zeros((16, 16)), np.zeros((16, 16, 17)), np.zeros((8, 8, 8)), np.ones((16, 16, 16))]
)
def test_bad_volumes(volume: np.ndarray) -> None:
    with pytest.raises((SettingsError, MapError)):
        simulate_from_model(volume, particles=4)


def test_missing_files() -> None:
    with pytest.raises(ModelError):
        simulate_from_model("nowhere.cif")
    with pytest.raises(PosesError):
        simulate_from_model(three_balls(), "nowhere.star")


@pytest.mark.slow
def test_model_from_atoms(shared_data: Path) -> None:
    maps = simulate_from_model(shared_data / "7l2i.cif", "uniform", particles=400, snr=0.1, box=48, voxel_size=3.6)
    result = ca.analyze(maps)
    assert result.global_fsc.fsc[2] > 0.9
    assert np.isfinite(result.global_fsc.at_143.resolution)
    with pytest.raises(ModelError, match="outside the map's box"):
        simulate_from_model(shared_data / "7l2i.cif", particles=4, box=32, voxel_size=2.0)


def test_unfiltered_halves_keep_the_noise_that_tells_of_views() -> None:
    """What `regularize` takes from the noise where signal ends is what the test of views needs."""
    random = np.random.default_rng(3)
    volume = np.zeros((40, 40, 40), dtype=np.float32)
    volume[tuple(random.integers(12, 28, (3, 120)))] = 1
    volume = gaussian_filter(volume, 1.0)
    damped, kept = (
        ca.analyze(simulate_from_model(volume, "top-views", particles=1200, snr=0.3, seed=1, regularize=regularize))
        for regularize in (True, False)
    )
    assert kept.noise_evenness.high_frequency_power > 0.5 > damped.noise_evenness.high_frequency_power
    assert kept.noise_evenness.p_value <= 0.05
    assert kept.noise_evenness.sign == 1
    assert "not regularized" in next(w for w in kept.warnings if w.code == "simulated")
