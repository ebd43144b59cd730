"""Which mask half maps get: automatic with its ways out, of a model, of a file; and how it is written."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import MapError, ModelError
from cryoaniso_nb.inputs.half_maps import HalfMaps, with_mask
from cryoaniso_nb.inputs.models import AtomicModel
from cryoaniso_nb.statistics.noise_fields import mask_kernel

BOX = (32, 36, 40)
VOXEL = 4.0
ATOMS = np.array([[60.0, 70.0, 80.0], [84.0, 70.0, 80.0]])  # (x, y, z) from the first voxel


def ball_and_noise(noise: float, rng: np.random.Generator, radius: float = 8.0) -> HalfMaps:
    """A ball in a box of 48 voxels of 3 Å."""
    ball = ca.sphere_mask((48, 48, 48), radius, edge=1)
    halves = (ball + noise * rng.standard_normal((2, 48, 48, 48))).astype(np.float32)
    return ca.open_half_maps(halves[0], halves[1], voxel_size=3.0)


def model_at(origin: tuple[float, float, float]) -> AtomicModel:
    return AtomicModel("two atoms", gemmi.Model(1), ATOMS + origin)


def pdb(path: Path, origin: tuple[float, float, float]) -> Path:
    lines = [
        f"ATOM  {i:5d}  CA  ALA A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           C"
        for i, (x, y, z) in enumerate(ATOMS + origin, 1)
    ]
    path.write_text("\n".join([*lines, "END\n"]))
    return path


@pytest.fixture
def half_files(tmp_path: Path, rng: np.random.Generator) -> list[str]:
    """Half maps of noise whose first voxel lies at (-20, 8, 100) Å."""
    names = []
    for name in ("half1", "half2"):
        noise = rng.standard_normal(BOX).astype(np.float32)
        names.append(str(ca.write_map(tmp_path / f"{name}.mrc", noise, VOXEL, origin=(-20, 8, 100))))
    return names


# --- automatic ---------------------------------------------------------------------------


def test_a_clear_particle_needs_no_word(rng: np.random.Generator) -> None:
    masked = with_mask(ball_and_noise(0.5, rng), "auto")
    assert (masked.mask_label, masked.warnings) == ("auto", ())


def test_a_particle_lost_in_noise_is_looked_for_at_lower_resolution(rng: np.random.Generator) -> None:
    maps = ball_and_noise(2.5, rng)
    with pytest.raises(MapError, match="stands out"):
        ca.auto_mask(maps)
    masked = with_mask(maps, "auto")
    assert masked.mask_label == "auto"
    assert masked.mask is not None
    ball = ca.sphere_mask(maps.box, 8.0, edge=0) > 0
    assert masked.mask[ball].mean() > 0.95
    assert masked.mask.mean() < 0.15
    (said,) = masked.warnings
    assert "at 15 Å: the automatic mask was made from the mean map at 30 Å" in said


def test_noise_alone_gets_a_sphere_and_is_told() -> None:
    maps = ca.simulate_half_maps(box=48, voxel_size=2.0, preset="isotropic", signal="noise", seed=3)
    masked = with_mask(maps, "auto")
    assert masked.mask is not None
    np.testing.assert_array_equal(masked.mask, ca.sphere_mask(maps.box, 20, 4))
    assert "a sphere of 40 Å with a soft edge is used" in masked.warnings[-1]
    result = ca.analyze(masked, n_axes=6)
    assert result.settings.mask == "auto"
    assert masked.warnings[-1] in result.warnings


def test_a_particle_that_fills_the_box_gets_no_mask_and_is_told(rng: np.random.Generator) -> None:
    density = np.ones((48, 48, 48), dtype=np.float32)
    density[:, :2] = 0
    maps = ca.open_half_maps(density, density + 0.01 * rng.standard_normal(density.shape), voxel_size=5.0)
    masked = with_mask(maps, "auto")
    assert (masked.mask, masked.mask_label) == (None, "none")
    assert "fills nearly the whole box" in masked.warnings[-1]


def test_what_is_wrong_with_the_maps_stays_an_error() -> None:
    flat = np.ones((16, 16, 16), dtype=np.float32)
    with pytest.raises(MapError, match="constant"):
        ca.open_half_maps(flat, flat, mask="auto", voxel_size=1.0)


# --- of a model --------------------------------------------------------------------------


def test_a_models_mask_goes_as_far_as_it_says() -> None:
    """1 up to 12 Å (3 voxels) from an atom, 0 from 36 Å on (6 voxels of edge more)."""
    mask = ca.model_mask(model_at((0, 0, 0)), BOX, VOXEL, origin=(0.0, 0.0, 0.0))
    z, y, x = np.indices(BOX) * VOXEL
    places = np.rint(ATOMS / VOXEL) * VOXEL
    distance = np.min([np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) for a, b, c in places], axis=0)
    assert (mask[distance <= 12] == 1).all()
    assert (mask[distance >= 36] == 0).all()
    between = (distance > 12.1) & (distance < 35.9)
    np.testing.assert_allclose(mask[between], 0.5 + 0.5 * np.cos(np.pi * (distance[between] - 12) / 24), atol=1e-5)


def test_a_models_mask_lies_by_the_maps_origin(half_files: list[str], tmp_path: Path) -> None:
    expected = ca.model_mask(model_at((0, 0, 0)), BOX, VOXEL, origin=(0.0, 0.0, 0.0))
    path = pdb(tmp_path / "model.pdb", (-20, 8, 100))
    maps = ca.open_half_maps(*half_files, mask=path)
    assert maps.mask is not None
    np.testing.assert_array_equal(maps.mask, expected)
    assert maps.mask_label == "model.pdb"
    assert [(item.role, item.name) for item in maps.inputs][2] == ("mask", "model.pdb")
    given = ca.open_half_maps(*half_files, mask=model_at((0, 0, 0)), origin=(0, 0, 0))
    np.testing.assert_array_equal(given.mask, expected)


def test_a_model_elsewhere_is_refused(half_files: list[str]) -> None:
    with pytest.raises(ModelError, match="All 2 atoms of two atoms lie outside"):
        ca.open_half_maps(*half_files, mask=model_at((1e4, 0, 0)))


def test_a_real_models_mask_covers_the_density_at_its_atoms(shared_data: Path) -> None:
    folder = shared_data / "real"
    data = ca.read_map(folder / "3j06_box.ccp4")
    maps = ca.open_half_maps(data.data, data.data, mask=folder / "3j06.pdb", voxel_size=data.voxel_size)
    assert maps.mask is not None
    assert maps.mask[data.data > np.percentile(data.data, 99)].mean() > 0.95
    assert 0.1 < maps.mask.mean() < 0.6


# --- on the command line -----------------------------------------------------------------


def test_the_mask_is_written_and_gives_the_same_again(
    half_files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, mask = str(pdb(tmp_path / "model.pdb", (-20, 8, 100))), str(tmp_path / "mask.mrc")
    common = ["analyze", *half_files, "--axes", "21", "--no-figure", "-o"]
    assert main([*common, str(tmp_path / "a"), "--mask-from", model, "--save-mask", mask]) == 0
    assert f"mask written to {mask}" in capsys.readouterr().err
    written = ca.read_map(mask)
    assert (written.voxel_size, written.origin) == (VOXEL, (-20, 8, 100))
    assert main([*common, str(tmp_path / "b"), "--mask", mask]) == 0
    first, second = (ca.load_result(tmp_path / name) for name in ("a", "b"))
    np.testing.assert_array_equal(first.dfsc.values, second.dfsc.values)
    assert [(item.role, item.name) for item in first.inputs][2] == ("mask", "model.pdb")
    assert len(first.inputs[2].sha256) == 64
    assert main([*common, str(tmp_path / "c"), "--mask-from", model, "--save-mask", mask]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--save-mask", "m.mrc"], "There is no mask to write to m.mrc: give --mask or --mask-from."),
        (["--mask-from", "mask.mrc"], "takes an atomic model"),
        (["--mask-assembly"], "goes with --mask-from"),
        (["--mask-from", "nowhere.cif"], "no model file"),
    ],
)
def test_mask_options_that_do_not_fit_are_told_in_words(
    half_files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["analyze", *half_files, "-o", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert not (tmp_path / "out").exists()


# --- too tight ---------------------------------------------------------------------------


def test_reach_of_a_mask_is_that_of_its_transform() -> None:
    ball = ca.sphere_mask((64, 64, 64), 14, edge=8)
    power = np.abs(np.fft.fftn(ball)) ** 2
    k = np.fft.fftfreq(64) * 64
    radius = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    kernel = mask_kernel(ball)
    assert kernel is not None
    within = power[radius <= kernel.reach].sum() / power.sum()
    assert within == pytest.approx(0.9, abs=0.05)
    padded = mask_kernel(np.pad(ball, 32))
    assert padded is not None
    assert padded.reach == pytest.approx(2 * kernel.reach, rel=0.3)
    whole = mask_kernel(np.ones((16, 16, 16), dtype=np.float32))
    assert whole is not None
    assert whole.reach == 0


def test_a_tight_mask_of_a_small_box_is_warned_of() -> None:
    """dFSC of pure noise scatters in such cones as the warning says."""
    maps = ca.simulate_half_maps(box=32, preset="isotropic", seed=0)
    tight = ca.analyze(with_mask(maps, ca.sphere_mask(maps.box, 6, edge=4)))
    (said,) = [warning for warning in tight.warnings if "independent coefficients" in warning]
    wide = ca.analyze(with_mask(maps, ca.sphere_mask(maps.box, 13, edge=3)))
    assert not any("independent coefficients" in warning for warning in wide.warnings)
    assert not any("independent coefficients" in warning for warning in ca.analyze(maps).warnings)
    shell = int(said.split("ends at shell ")[1].split(":")[0])
    scatter = float(said.split("scatters by ")[1].split(" ")[0])
    noise = []
    for seed in range(12):
        pair = ca.simulate_half_maps(box=32, ssnr=lambda shell, direction: np.zeros(shell.size), seed=seed)
        masked = with_mask(pair, ca.sphere_mask(maps.box, 6, edge=4))
        noise.append(ca.analyze(masked).dfsc.values[:, shell - 1])
    assert np.std(noise) == pytest.approx(scatter, rel=0.25)


def test_the_sphere_that_hid_a_missing_cone_is_warned_of(shared_data: Path) -> None:
    folder = shared_data / "real" / "ribosome_32"
    halves = folder / "half1.mrc", folder / "half2.mrc"
    masked = ca.analyze(ca.open_half_maps(*halves, mask=folder / "sphere.mrc"))
    assert any("differing directions may look alike" in warning for warning in masked.warnings)
    assert not any("look alike" in warning for warning in ca.analyze(ca.open_half_maps(*halves)).warnings)
