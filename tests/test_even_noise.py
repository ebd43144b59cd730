"""Map against model: what the model's own power explains, and where it ends."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.analysis.against_model import analyze_against_model
from cryoaniso_nb.errors import ModelError, ResultError
from cryoaniso_nb.inputs.models import AtomicModel, model_density, read_model
from cryoaniso_nb.simulate.half_maps import sampling
from cryoaniso_nb.statistics.even_noise import expected_dfsc
from cryoaniso_nb.statistics.spread import angular_spread
from cryoaniso_nb.summary.verdict import headline, verdict

pytestmark = pytest.mark.slow  # error rates, which no version of a dependency changes

BOX, VOXEL = 48, 3.0


def atoms_at(positions: np.ndarray) -> AtomicModel:
    model, residue, chain = gemmi.Model(1), gemmi.Residue(), gemmi.Chain("A")
    for position in positions:
        atom = gemmi.Atom()
        atom.element, atom.b_iso, atom.pos = gemmi.Element("C"), 60.0, gemmi.Position(*position)
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    return AtomicModel("helices", model, positions)


@pytest.fixture(scope="module")
def rods() -> AtomicModel:
    """Parallel rods along x, like a bundle of helices: power differs by direction."""
    rng = np.random.default_rng(5)
    middle = BOX * VOXEL / 2
    rods = [
        np.column_stack([rng.uniform(-35, 35, 150), rng.normal(y, 2, 150), rng.normal(z, 2, 150)])
        for y, z in ((-10, -10), (0, 2), (10, -4), (-6, 11), (8, 9))
    ]
    return atoms_at(np.concatenate(rods) + middle)


def observed(model: AtomicModel, seed: int, preset: str = "isotropic") -> np.ndarray:
    """The model's density with noise that makes FSC = 0.5 at half Nyquist, even or as a preset's views leave it."""
    density = model_density(model, (BOX, BOX, BOX), VOXEL)
    spectrum = np.fft.fftn(density)
    k = np.fft.fftfreq(BOX) * BOX
    z, y, x = np.meshgrid(k, k, k, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    shell = np.rint(radius).astype(int)
    power = np.bincount(shell.ravel(), (np.abs(spectrum) ** 2).ravel()) / np.bincount(shell.ravel())
    ssnr = np.clip(np.exp(3.6 * (1 - (np.arange(power.size) / (BOX / 4)) ** 2)) / 3, 1e-4, 1e3)
    noise = power[shell] / ssnr[shell]
    if preset != "isotropic":
        directions = np.stack([x, y, z], axis=-1).reshape(-1, 3) / np.maximum(radius, 1e-9).reshape(-1, 1)
        noise /= np.maximum(sampling(preset, directions).reshape(radius.shape), 1e-3)
    white = np.fft.fftn(np.random.default_rng(seed).normal(size=density.shape)) / BOX**1.5
    return np.asarray(density + np.fft.ifftn(white * np.sqrt(noise)).real, dtype=np.float32)


def test_power_is_that_of_the_models_transform(rods: AtomicModel) -> None:
    """Summed voxel by voxel with the weight of a cone."""
    result = analyze_against_model(observed(rods, 0), rods, voxel_size=VOXEL, n_axes=21)
    power = np.abs(np.fft.fftn(model_density(rods, (BOX, BOX, BOX), VOXEL))) ** 2
    k = np.fft.fftfreq(BOX) * BOX
    z, y, x = np.meshgrid(k, k, k, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    edge = np.cos(np.deg2rad(17))
    shells, found = (6, 10, 14), []
    for shell in shells:
        ring = (radius >= shell - 0.5) & (radius < shell + 0.5)
        unit = np.stack([x[ring], y[ring], z[ring]]) / radius[ring]
        cosine = np.abs(result.dfsc.axes @ unit)
        weight = np.where(cosine >= edge, np.exp(-(((cosine - 1) / ((1 - edge) / 2)) ** 2)), 0)
        mean = weight @ power[ring] / weight.sum(axis=1)
        found.append(mean / (result.dfsc.areas @ mean))
    assert result.even_noise is not None
    expected = np.array(found).T
    assert expected.std() > 0.5
    np.testing.assert_allclose(result.even_noise.power[:, np.array(shells) - 1], expected, rtol=1e-3)


def test_expected_dfsc_is_met_on_average(rods: AtomicModel) -> None:
    results = [analyze_against_model(observed(rods, seed), rods, voxel_size=VOXEL, n_axes=81) for seed in range(12)]
    found = np.mean([r.dfsc.values for r in results], axis=0)
    expected = np.mean([r.even_noise.dfsc for r in results if r.even_noise is not None], axis=0)
    zone = slice(7, 14)
    assert expected[:, zone].std() > 0.1  # directions differ, by the model's own power
    difference = (found - expected)[:, zone]
    assert abs(difference.mean()) < 0.01
    assert np.corrcoef(found[:, zone].ravel(), expected[:, zone].ravel())[0, 1] > 0.95
    assert difference.std() < 1.2 * np.sqrt(np.mean(1 / (2 * results[0].dfsc.n_eff[:, zone] * 12)))


def test_limits_of_the_expected_dfsc() -> None:
    fsc, power = np.array([1.0, 0.0, -0.2, 0.5]), np.array([[0.0, 1.0, 1.0, 1.0], [1.0, 2.0, 0.5, np.nan]])
    values = expected_dfsc(fsc, power)
    np.testing.assert_allclose(values[0, 1:], [0, 0, 0.5])
    assert values[1, 0] == 1
    assert np.isnan([values[0, 0], values[1, 3]]).all()  # no power under a perfect FSC; an empty cone


def test_even_noise_is_not_called_anisotropy_and_uneven_noise_is(rods: AtomicModel) -> None:
    for seed in range(6):
        result = analyze_against_model(observed(rods, seed), rods, voxel_size=VOXEL)
        assert verdict(result).cause == "none"
        assert "no more than its own power explains" in headline(result)
        naive = angular_spread(result.dfsc, result.global_fsc, result.fso, cone_half_angle=17.0, masked=False)
        assert naive.score > 8  # what a null of a featureless field would say
    for preset in ("missing-side-views", "missing-cone", "missing-top-views"):
        uneven = analyze_against_model(observed(rods, 0, preset), rods, voxel_size=VOXEL)
        assert verdict(uneven).cause == "views"
        assert headline(uneven).startswith("Agreement with the model differs by direction: dFSC varies")


def test_it_follows_other_cones_and_is_saved(rods: AtomicModel, tmp_path: Path) -> None:
    result = analyze_against_model(observed(rods, 0), rods, voxel_size=VOXEL, n_axes=81)
    other = result.with_cones(25.0, n_axes=21)
    direct = analyze_against_model(observed(rods, 0), rods, voxel_size=VOXEL, n_axes=21, cone_half_angle=25.0)
    assert other.even_noise is not None
    assert direct.even_noise is not None
    np.testing.assert_allclose(other.even_noise.dfsc, direct.even_noise.dfsc, atol=2e-3)
    loaded = ca.load_result(result.save(tmp_path / "r.npz"))
    np.testing.assert_array_equal(loaded.even_noise.dfsc, result.even_noise.dfsc)


def test_the_null_of_half_maps_is_refused(rods: AtomicModel) -> None:
    result = analyze_against_model(observed(rods, 0), rods, voxel_size=VOXEL, n_axes=21)
    with pytest.raises(ResultError, match="judged by the model's own power"):
        result.with_calibration(n_replicates=19)


# --- a part of what the map shows --------------------------------------------------------


def test_a_small_fragment_in_place_is_compared_and_one_elsewhere_refused() -> None:
    """8 atoms beside 400 others: their FSC with the whole map is below 0.1 at low resolution."""
    rng = np.random.default_rng(0)
    others, few = rng.normal([57, 72, 72], 9, (400, 3)), rng.normal([87, 72, 72], 4, (8, 3))
    volume = model_density(atoms_at(np.concatenate([others, few])), (BOX, BOX, BOX), VOXEL)
    fragment = atoms_at(few)
    result = analyze_against_model(volume, fragment, voxel_size=VOXEL, n_axes=21)
    assert np.nanmean(result.global_fsc.fsc[1:6]) < 0.1
    (said,) = [warning for warning in result.warnings if "hardly agrees" in warning]
    assert "if it is a part of what the map shows" in said
    masked = analyze_against_model(volume, fragment, voxel_size=VOXEL, mask=fragment, n_axes=21)
    assert np.nanmean(masked.global_fsc.fsc[1:6]) > np.nanmean(result.global_fsc.fsc[1:6]) + 0.1
    with pytest.raises(ModelError, match=r"don't overlap.*at the atoms lies only"):
        analyze_against_model(volume, atoms_at(few + [0, 0, 40]), voxel_size=VOXEL, n_axes=21)


def test_a_fragment_of_a_real_model_in_its_crop(shared_data: Path) -> None:
    folder = shared_data / "real"
    whole = read_model(folder / "3j06.pdb")
    chosen = whole.atoms.clone()
    for chain in chosen:
        for index in reversed(range(len(chain))):
            if not 83 <= chain[index].seqid.num < 86:
                del chain[index]
    fragment = AtomicModel("residues 83-85", chosen, np.array([site.atom.pos.tolist() for site in chosen.all()]))
    result = analyze_against_model(folder / "3j06_box.ccp4", fragment, n_axes=21)
    assert any("if it is a part of what the map shows" in warning for warning in result.warnings)
    agreeing = analyze_against_model(folder / "3j06_box.ccp4", folder / "3j06.pdb", n_axes=21)
    assert not any("hardly agrees" in warning for warning in agreeing.warnings)
