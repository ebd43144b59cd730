"""Atomic models: density against structure factors summed atom by atom, placement, bad files."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

from cryoaniso_nb.errors import ModelError, SettingsError
from cryoaniso_nb.inputs.models import AtomicModel, model_density, read_model
from cryoaniso_nb.inputs.mrc import MapData, map_origin


def pdb(rows: list[tuple[str, float, float, float, float]]) -> str:
    lines = [
        f"ATOM  {i:5d}  {name:<3s} ALA A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00{b:6.2f}          {name[0]:>2s}"
        for i, (name, x, y, z, b) in enumerate(rows, 1)
    ]
    return "\n".join([*lines, "END\n"])


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def to(text: str, name: str = "model.pdb") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return to


def random_model(tmp_path: Path, size: float, number: int = 60) -> AtomicModel:
    rng = np.random.default_rng(5)
    rows = [
        (str(rng.choice(["C", "N", "O", "S"])), *rng.uniform(0.3 * size, 0.7 * size, 3), float(b))
        for b in rng.uniform(8, 90, number)
    ]
    path = tmp_path / "random.pdb"
    path.write_text(pdb(rows))
    return read_model(path)


def direct(model: AtomicModel, size: float, index: tuple[int, int, int]) -> complex:
    """Structure factor summed over atoms from form factors, in the map's sign of the exponent."""
    total = 0j
    s = np.array(index) / size
    for site in model.atoms.all():
        coefficients = site.atom.element.c4322.get_coefs()
        a, b = np.array(coefficients[:5]), np.array(coefficients[5:10])
        square = s @ s / 4
        factor = (a * np.exp(-b * square)).sum() * np.exp(-site.atom.b_iso * square)
        total += factor * np.exp(-2j * np.pi * (s @ np.array(site.atom.pos.tolist())))
    return total


@pytest.mark.parametrize(("box", "voxel"), [(24, 2.0), (25, 1.7), (48, 0.9)])
def test_density_has_the_atoms_structure_factors_up_to_nyquist(tmp_path: Path, box: int, voxel: float) -> None:
    model = random_model(tmp_path, box * voxel)
    transform = np.fft.rfftn(model_density(model, (box, box, box), voxel).astype(float)) * voxel**3
    top = (box - 1) // 2
    for index in [(0, 0, 0), (1, 2, 3), (4, -3, 2), (top, 0, 0), (2, -top + 1, 1), (0, 1, top)]:
        expected = direct(model, box * voxel, index)
        scale = abs(direct(model, box * voxel, (0, 0, 0)))
        assert transform[index[2], index[1], index[0]] == pytest.approx(expected, rel=5e-3, abs=1e-4 * scale), index


def test_boxes_need_not_be_cubes(tmp_path: Path) -> None:
    model = random_model(tmp_path, 40)
    transform = np.fft.rfftn(model_density(model, (20, 24, 31), 2.0).astype(float)) * 8
    s = (3, -2, 4)
    scale = np.array([31, 24, 20]) * 2.0
    shifted = sum(
        np.exp(-2j * np.pi * (np.array(s) / scale @ p)) for p in model.positions
    )  # the phase of like atoms, roughly
    assert np.angle(transform[s[2], s[1], s[0]] / shifted) == pytest.approx(0, abs=0.5)


def test_blur_lowers_to_one_over_e_at_its_resolution(tmp_path: Path) -> None:
    model = random_model(tmp_path, 40)
    sharp, blurred = (np.fft.rfftn(model_density(model, (20, 20, 20), 2.0, resolution=r)) for r in (None, 8.0))
    assert abs(blurred[0, 0, 5] / sharp[0, 0, 5]) == pytest.approx(np.exp(-1), rel=1e-3)  # 5/40 Å = 1/8 Å


def test_origin_moves_the_model_in_the_box(write) -> None:  # type: ignore[no-untyped-def]
    model = read_model(write(pdb([("C", 110, 208, 306, 20)])))
    density = model_density(model, (16, 16, 16), 1.0, origin=(100, 200, 300))
    assert np.unravel_index(density.argmax(), density.shape) == (6, 8, 10)
    centred = model_density(model, (16, 16, 16), 1.0, origin=None)
    assert np.unravel_index(centred.argmax(), centred.shape) == (8, 8, 8)


def test_header_origin_counts_before_start() -> None:
    data = np.zeros((2, 2, 2))
    assert map_origin(MapData(data=data, voxel_size=2.0, start=(1, 2, 3))) == (2, 4, 6)
    assert map_origin(MapData(data=data, voxel_size=2.0, start=(1, 2, 3), origin=(0, -5, 0))) == (0, -5, 0)


@pytest.mark.parametrize(
    ("origin", "words"), [((500.0, 0, 0), "All 2 atoms"), ((8.0, 0, 0), "1 of 2 atoms"), ((0, 0, -30.0), "All 2 atoms")]
)
def test_atoms_outside_the_box_are_an_error(write, origin: tuple[float, float, float], words: str) -> None:  # type: ignore[no-untyped-def]
    model = read_model(write(pdb([("C", 5, 5, 5, 20), ("C", 12, 5, 5, 20)])))
    with pytest.raises(ModelError, match=f"{words}.*outside the map's box"):
        model_density(model, (16, 16, 16), 1.0, origin=origin)


@pytest.mark.parametrize(
    "bad", [{"voxel_size": 0.0}, {"voxel_size": float("nan")}, {"voxel_size": 1.0, "resolution": -3.0}]
)
def test_bad_sizes(write, bad: dict[str, float]) -> None:  # type: ignore[no-untyped-def]
    model = read_model(write(pdb([("C", 5, 5, 5, 20)])))
    with pytest.raises(SettingsError, match="positive"):
        model_density(model, (16, 16, 16), **bad)  # type: ignore[arg-type]


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("", "m.cif", "can't be read"),
        ("garbage", "m.cif", "can't be read"),
        ("data_x\n_a.b c\n", "m.cif", "no atoms"),
        ("REMARK nothing\nEND\n", "m.pdb", "no atoms"),
    ],
)
def test_files_without_a_model(write, text: str, name: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match=words):
        read_model(write(text, name))


def test_missing_file() -> None:
    with pytest.raises(ModelError, match="no model file"):
        read_model("nowhere.cif")


def test_unknown_elements_are_named(write) -> None:  # type: ignore[no-untyped-def]
    text = pdb([("C", 5, 5, 5, 20), ("X", 7, 5, 5, 20)])
    with pytest.raises(ModelError, match=r"1 of 2 atoms.*atom X of ALA 2, chain A"):
        read_model(write(text))


def test_elements_beyond_the_table_are_refused(write) -> None:  # type: ignore[no-untyped-def]
    structure = gemmi.read_structure(str(write(pdb([("C", 5, 5, 5, 20)]))))
    structure[0][0][0][0].element = gemmi.Element("Og")
    path = write(structure.make_mmcif_document().as_string(), "m.cif")
    with pytest.raises(ModelError, match="no element with a known electron form factor"):
        read_model(path)


def test_assembly_that_is_not_there(write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match="no biological assembly"):
        read_model(write(pdb([("C", 5, 5, 5, 20)])), assembly=True)


def test_apoferritin_becomes_a_24mer(shared_data: Path) -> None:
    whole = read_model(shared_data / "7a4m.cif", assembly=True)
    part = read_model(shared_data / "7a4m.cif")
    assert (whole.copies, len(whole)) == (24, 24 * len(part))
    assert "24 copies" in part.warnings[0]
    assert whole.warnings == ()
    np.testing.assert_allclose(whole.center, 68.25, atol=0.01)
    with pytest.raises(ModelError, match="no assembly '7', only 1"):
        read_model(shared_data / "7a4m.cif", assembly="7")


def test_apoferritin_is_octahedral_in_the_maps_box(shared_data: Path) -> None:
    model = read_model(shared_data / "7a4m.cif", assembly=True)
    density = model_density(model, (48, 48, 48), 3.0, origin=None)
    turned = np.roll(np.rot90(density, axes=(1, 2)), 1, axis=1)  # by 90 degrees about z, through voxel n // 2
    assert np.corrcoef(density.ravel(), turned.ravel())[0, 1] > 0.999
    assert np.corrcoef(density.ravel(), np.roll(density, 2, axis=0).ravel())[0, 1] < 0.9
