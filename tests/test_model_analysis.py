"""Map against model: agreement in place, errors out of place, anisotropy where the map has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryoaniso_nb.analysis.against_model import analyze_against_model
from cryoaniso_nb.errors import MapError, ModelError
from cryoaniso_nb.inputs.half_maps import HalfMaps, write_map
from cryoaniso_nb.inputs.models import AtomicModel, model_density, read_model
from cryoaniso_nb.inputs.mrc import MapData
from cryoaniso_nb.measures.fsc import global_crossing
from cryoaniso_nb.summary.verdict import headline

BOX, VOXEL = 48, 2.0


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(4)
    lines = []
    for i in range(1, 400):
        x, y, z = rng.normal(48, 9, 3)
        lines.append(f"ATOM  {i:5d}  CA  ALA A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 40.00           C")
    path = tmp_path_factory.mktemp("model") / "chance.pdb"
    path.write_text("\n".join([*lines, "END\n"]))
    return path


@pytest.fixture(scope="module")
def model(model_file: Path) -> AtomicModel:
    return read_model(model_file)


def observed(model: AtomicModel, level: float = 0.3, *, missing_cone: float = 0.0) -> np.ndarray:
    """The model's density with white noise, and without what lies near the z axis of Fourier space."""
    density = model_density(model, (BOX, BOX, BOX), VOXEL)
    noise = level * density.std() * np.random.default_rng(0).normal(size=density.shape)
    if missing_cone:
        z, x = np.fft.fftfreq(BOX), np.fft.rfftfreq(BOX)
        kz, ky, kx = np.meshgrid(z, z, x, indexing="ij")
        near = np.abs(kz) > np.cos(np.deg2rad(missing_cone)) * np.sqrt(kx**2 + ky**2 + kz**2) + 1e-9
        density = np.fft.irfftn(np.where(near, 0, np.fft.rfftn(density)), s=density.shape, axes=(0, 1, 2))
    return np.asarray(density + noise, dtype=np.float32)


def test_a_model_agrees_with_its_own_density(model: AtomicModel) -> None:
    result = analyze_against_model(observed(model, 0.01), model, voxel_size=VOXEL)
    assert result.settings.threshold == 0.5
    assert (result.global_fsc.fsc[:15] > 0.95).all()
    assert result.fso.occupancy[5] == pytest.approx(1)


def test_noise_lowers_fsc_as_expected(model: AtomicModel) -> None:
    """FSC of S + N with S is sqrt(P/(P + noise)) in each shell."""
    level = 1.0
    density = model_density(model, (BOX, BOX, BOX), VOXEL)
    power = np.abs(np.fft.fftn(density)) ** 2
    f = np.fft.fftfreq(BOX, 1 / BOX)
    shell = np.floor(np.sqrt(f[:, None, None] ** 2 + f[:, None] ** 2 + f**2) + 0.5).astype(int).ravel()
    mean = np.bincount(shell, power.ravel()) / np.bincount(shell)
    noise = (level * density.std()) ** 2 * BOX**3
    expected = np.sqrt(mean / (mean + noise))[8:20]
    fsc = analyze_against_model(observed(model, level), model, voxel_size=VOXEL).global_fsc.fsc[7:19]
    np.testing.assert_allclose(fsc, expected, atol=0.05)


def test_a_cone_missing_in_the_map_is_found(model: AtomicModel) -> None:
    result = analyze_against_model(observed(model, 0.05, missing_cone=35), model, voxel_size=VOXEL)
    zenith = result.dfsc.zenith
    values = result.dfsc.values[:, 9:14].mean(axis=1)
    assert values[zenith < 10].mean() < 0.3
    assert values[zenith > 65].mean() > 0.9


def test_headline_and_warnings_name_the_threshold_in_use(model: AtomicModel) -> None:
    result = analyze_against_model(observed(model, 3.0), model, voxel_size=VOXEL, n_axes=81)
    assert result.against_model
    assert result.global_fsc.at_500.resolution > 4.1
    assert f"FSC 0.5 at {result.global_fsc.at_500.resolution:.2f} Å" in repr(result)
    clear = analyze_against_model(observed(model, 0.3), model, voxel_size=VOXEL, n_axes=81)
    assert any(warning.startswith("The FSC never falls below 0.5: ") for warning in clear.warnings)
    assert "global FSC 0.5 not crossed" in headline(clear)
    other = clear.with_cones(threshold=0.99)
    assert not any("never falls" in warning for warning in other.warnings)
    crossing = global_crossing(clear.global_fsc, 0.99)
    assert f"FSC 0.99 at {crossing.resolution:.2f} Å" in repr(other)
    assert "0.143" not in " ".join([headline(result), headline(clear), *result.warnings, *clear.warnings])


def test_doubt_about_the_fit_stays_with_other_cones(model: AtomicModel) -> None:
    partly = observed(model, 0.0) + np.roll(observed(model, 0.0), 20, axis=2) * 2.2
    result = analyze_against_model(partly, model, voxel_size=VOXEL, n_axes=81)
    assert any("hardly agrees" in warning for warning in result.warnings)
    assert any("hardly agrees" in warning for warning in result.with_cones(20.0).warnings)


def test_map_file_with_origin_is_respected(model: AtomicModel, model_file: Path, tmp_path: Path) -> None:
    volume = model_density(model, (BOX, BOX, BOX), VOXEL, origin=(4.0, -6.0, 2.0))
    path = write_map(tmp_path / "map.mrc", volume, VOXEL, origin=(4.0, -6.0, 2.0))
    result = analyze_against_model(path, model_file)
    assert (result.global_fsc.fsc[:12] > 0.95).all()
    assert [(entry.role, entry.name) for entry in result.inputs] == [("map", "map.mrc"), ("model", "chance.pdb")]
    try:
        wrong = analyze_against_model(path, model, origin=(0.0, 0.0, 0.0), n_axes=6).global_fsc.fsc[8]
    except ModelError:  # says that they don't overlap
        wrong = 0.0
    assert wrong < 0.5


def test_nxstart_counts_where_the_origin_is_zero(model: AtomicModel) -> None:
    volume = model_density(model, (BOX, BOX, BOX), VOXEL, origin=(-8.0, 6.0, 0.0))
    data = MapData(data=volume, voxel_size=VOXEL, start=(-4, 3, 0), name="m.mrc")
    assert (analyze_against_model(data, model, n_axes=6).global_fsc.fsc[:12] > 0.95).all()


def test_mean_of_half_maps_and_their_mask_are_used(model: AtomicModel) -> None:
    volume = observed(model, 0.2)
    mask = np.ones_like(volume)
    maps = HalfMaps(half1=volume, half2=volume, voxel_size=VOXEL, mask=mask, mask_label="mask.mrc")
    result = analyze_against_model(maps, model, n_axes=6)
    assert result.settings.mask == "mask.mrc"
    plain = analyze_against_model(volume, model, voxel_size=VOXEL, n_axes=6)
    np.testing.assert_allclose(result.global_fsc.fsc, plain.global_fsc.fsc, atol=1e-6)


def test_model_outside_the_box(model: AtomicModel) -> None:
    with pytest.raises(ModelError, match="outside the map's box"):
        analyze_against_model(observed(model), model, voxel_size=VOXEL, origin=(60.0, 0.0, 0.0))


def test_model_inside_the_box_but_elsewhere(model: AtomicModel) -> None:
    shifted = np.roll(np.random.default_rng(9).normal(size=(BOX, BOX, BOX)), 5)
    with pytest.raises(ModelError, match="don't overlap"):
        analyze_against_model(shifted.astype(np.float32), model, voxel_size=VOXEL)


@pytest.mark.parametrize("volume", [np.zeros((4, 4)), np.zeros((16, 16, 16), dtype=complex)])
def test_bad_arrays(model: AtomicModel, volume: np.ndarray) -> None:
    with pytest.raises(MapError):
        analyze_against_model(volume, model, voxel_size=VOXEL)


def test_array_without_voxel_size(model: AtomicModel) -> None:
    with pytest.raises(MapError, match="voxel_size"):
        analyze_against_model(observed(model), model)


@pytest.mark.slow
def test_apoferritin_24mer_in_a_box(shared_data: Path) -> None:
    """7a4m has a 1 x 1 x 1 cell and one chain: the map's box and the assembly count."""
    whole = read_model(shared_data / "7a4m.cif", assembly=True)
    volume = model_density(whole, (56, 56, 56), 2.5)
    noisy = volume + 0.5 * volume.std() * np.random.default_rng(0).normal(size=volume.shape)
    result = analyze_against_model(noisy, shared_data / "7a4m.cif", voxel_size=2.5, assembly=True, n_axes=81)
    assert (result.global_fsc.fsc[:12] > 0.9).all()
    lone = analyze_against_model(noisy, shared_data / "7a4m.cif", voxel_size=2.5, n_axes=81)
    assert lone.global_fsc.fsc[10] < 0.5
    assert any("24 copies" in warning for warning in lone.warnings)
