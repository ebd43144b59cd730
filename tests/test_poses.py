"""Reading poses: RELION 3.0, 3.1 and 5, cryoSPARC, arrays, and what is wrong with bad files."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryoaniso_nb.errors import OutputError, PosesError, SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for
from cryoaniso_nb.inputs.poses import Poses, poses_from_angles, read_poses, view_density
from cryoaniso_nb.inputs.relion import write_poses
from cryoaniso_nb.results.types import Result

ANGLES = np.array([[10.0, 70.0, 5.0], [-120.0, 30.0, 90.0], [45.0, 110.0, -60.0]])


def relion_matrix(rot: float, tilt: float, psi: float) -> np.ndarray:
    """Turn about z by rot, about y by tilt, about z by psi, each of the coordinate frame."""
    (cr, ct, cp), (sr, st, sp) = np.cos(np.deg2rad([rot, tilt, psi])), np.sin(np.deg2rad([rot, tilt, psi]))
    first = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    second = np.array([[ct, 0, -st], [0, 1, 0], [st, 0, ct]])
    third = np.array([[cp, sp, 0], [-sp, cp, 0], [0, 0, 1]])
    return third @ second @ first


def star_block(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "\n".join(f"_{column} #{i + 1}" for i, column in enumerate(columns))
    body = "\n".join("\t".join(map(str, row)) for row in rows)
    return f"\ndata_{name}\n\nloop_\n{head}\n{body}\n\n"


OPTICS = star_block("optics", ["rlnOpticsGroup", "rlnVoltage"], [[1, 300.0]])
NAMES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]


@pytest.fixture
def star(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str, name: str = "run_data.star") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "before"), [("particles", OPTICS), ("", ""), ("images", "")], ids=["3.1", "3.0 unnamed", "3.0 images"]
)
def test_relion_angles_become_views(star, name: str, before: str) -> None:  # type: ignore[no-untyped-def]
    poses = read_poses(
        star(before + star_block(name, [*NAMES, "rlnRandomSubset"], [[*a, 1 + i % 2] for i, a in enumerate(ANGLES)]))
    )
    rot, tilt = np.deg2rad(ANGLES[:, :2]).T
    expected = np.stack([np.sin(tilt) * np.cos(rot), np.sin(tilt) * np.sin(rot), np.cos(tilt)], axis=1)
    np.testing.assert_allclose(poses.views, expected, atol=1e-12)
    assert poses.rotations is not None
    np.testing.assert_allclose(poses.rotations, [relion_matrix(*a) for a in ANGLES], atol=1e-12)
    assert poses.half_set.tolist() == [1, 2, 1]
    assert (poses.kind, poses.source, poses.warnings) == ("single-particle", "run_data.star", ())


def test_without_psi_views_are_known_and_rotations_are_not(star) -> None:  # type: ignore[no-untyped-def]
    poses = read_poses(star(star_block("particles", NAMES[:2], ANGLES[:, :2].tolist())))
    assert poses.rotations is None
    assert len(poses) == 3
    assert not poses.half_set.any()


def test_subtomogram_angles_are_composed_subtomogram_first(star) -> None:  # type: ignore[no-untyped-def]
    outer = ANGLES[::-1] + 7.0
    names = [*NAMES, "rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi"]
    poses = read_poses(star(OPTICS + star_block("particles", names, np.hstack([ANGLES, outer]).tolist())))
    expected = [relion_matrix(*o) @ relion_matrix(*a) for o, a in zip(outer, ANGLES, strict=True)]
    np.testing.assert_allclose(poses.rotations, expected, atol=1e-12)
    np.testing.assert_allclose(poses.views, np.array(expected)[:, 2], atol=1e-12)
    assert poses.kind == "subtomogram"
    assert "tilt series" in poses.warnings[0]


def cs_table(rotvec: np.ndarray, split: Sequence[int]) -> np.ndarray:
    kind = [("uid", "<u8"), ("alignments3D/pose", "<f4", (3,)), ("alignments3D/split", "<u4"), ("blob/path", "S9")]
    table = np.zeros(len(rotvec), dtype=kind)
    table["alignments3D/pose"], table["alignments3D/split"] = rotvec, split
    return table


def save_cs(path: Path, table: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.save(file, table)
    return path


def save_stream(path: Path, table: np.ndarray, *, cut: int | None = None) -> Path:
    """cryoSPARC's compressed stream, written from its description."""
    import lz4.block

    fields, body = [], b""
    for name in ("uid", "alignments3D/pose", "alignments3D/split"):
        column = np.ascontiguousarray(table[name])
        fields.append([name, column.dtype.str, *([list(column.shape[1:])] if column.ndim > 1 else [])])
        raw = column.tobytes()
        packed = raw if name == "uid" else lz4.block.compress(raw, store_size=False)
        body += struct.pack("<I", len(packed)) + packed
    header = json.dumps(
        {
            "length": len(table),
            "dtype": fields,
            "compression": "lz4",
            "compressed_fields": ["alignments3D/pose", "alignments3D/split"],
        }
    ).encode()
    data = b"\x95CSDAT" + struct.pack("<I", len(header)) + header + body + b"strings\0"
    path.write_bytes(data[:cut])
    return path


@pytest.mark.parametrize("save", [save_cs, save_stream])
def test_cryosparc_rotation_vectors_become_views(tmp_path: Path, save) -> None:  # type: ignore[no-untyped-def]
    rotvec = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    poses = read_poses(save(tmp_path / "p.cs", cs_table(rotvec, [i % 2 for i in range(50)])))
    matrices = Rotation.from_rotvec(rotvec).as_matrix()
    np.testing.assert_allclose(poses.views, matrices[:, :, 2], atol=1e-6)
    assert poses.rotations is not None
    np.testing.assert_allclose(poses.rotations, matrices.transpose(0, 2, 1), atol=1e-6)
    assert set(poses.half_set.tolist()) == {1, 2}


def test_size_of_the_images_is_read_where_the_file_tells(tmp_path: Path, star) -> None:  # type: ignore[no-untyped-def]
    table = star_block("particles", NAMES, ANGLES.tolist())
    names = ["rlnOpticsGroup", "rlnImageSize", "rlnImagePixelSize"]
    same = read_poses(star(star_block("optics", names, [[1, 256, 1.1], [2, 256, 1.105]]) + table))
    assert same.image_size == 256
    assert same.pixel_size == pytest.approx(1.1025)
    other = read_poses(star(star_block("optics", names, [[1, 256, 1.1], [2, 200, 1.4]]) + table))
    assert other.image_size == 0
    assert np.isnan(other.pixel_size)
    assert read_poses(save_cs(tmp_path / "p.cs", cs_table(ANGLES, [0, 0, 0]))).image_size == 0


def test_a_single_split_value_means_no_half_sets(tmp_path: Path) -> None:
    poses = read_poses(save_cs(tmp_path / "p.cs", cs_table(ANGLES, [0, 0, 0])))
    assert not poses.half_set.any()


def test_arrays_of_views_and_of_rotations_agree() -> None:
    rotations = Rotation.random(20, rng=np.random.default_rng(1)).as_matrix()
    np.testing.assert_allclose(read_poses(rotations).views, read_poses(rotations[:, 2]).views)
    poses = read_poses(rotations)
    assert read_poses(poses) is poses


def test_poses_are_saved_and_loaded(tmp_path: Path) -> None:
    poses = read_poses(np.eye(3))
    again = Result.load(poses.save(tmp_path / "poses.npz"))
    assert isinstance(again, Poses)
    np.testing.assert_array_equal(again.views, poses.views)


def test_particles_without_angles_are_left_out_and_counted() -> None:
    poses = poses_from_angles(np.array([0.0, np.nan, 50.0]), np.array([10.0, 20.0, 30.0]), half_set=np.array([1, 2, 2]))
    assert len(poses) == 2
    assert poses.half_set.tolist() == [1, 2]
    assert "1 of 3" in poses.warnings[0]


def test_written_poses_are_read_again(tmp_path: Path) -> None:
    rotations = np.concatenate([Rotation.random(50, rng=np.random.default_rng(2)).as_matrix(), [np.eye(3)]])
    poses = read_poses(rotations).replace(half_set=np.array([1, 2, 0] * 17, dtype=np.int8))
    again = read_poses(write_poses(tmp_path / "a.star", poses.replace(image_size=64, pixel_size=1.25)))
    np.testing.assert_allclose(again.rotations, rotations, atol=1e-7)
    np.testing.assert_array_equal(again.half_set, poses.half_set)
    assert (again.image_size, again.pixel_size) == (64, 1.25)
    views = read_poses(write_poses(tmp_path / "b.star", read_poses(rotations[:, 2])))
    np.testing.assert_allclose(views.views, rotations[:, 2], atol=1e-7)
    assert views.rotations is None
    assert not views.half_set.any()


def test_poses_are_not_written_over_or_as_something_else(tmp_path: Path) -> None:
    poses = read_poses(np.eye(3))
    write_poses(tmp_path / "a.star", poses)
    with pytest.raises(OutputError, match="exists already"):
        write_poses(tmp_path / "a.star", poses)
    write_poses(tmp_path / "a.star", poses, overwrite=True)
    with pytest.raises(OutputError, match="doesn't end with"):
        write_poses(tmp_path / "a.cs", poses)
    with pytest.raises(PosesError, match="subtomograms"):
        write_poses(tmp_path / "b.star", poses.replace(kind="subtomogram"))


# --- real files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number", "moment", "tolerance"),
    [
        ("betagal_relion_tutorial_particles.star", 4501, (0.30, 0.34, 0.35), 0.005),
        ("hiv_capsid_relion5_tutorial_run_data.star", 9053, (0.32, 0.33, 0.35), 0.005),
        ("t20s_EMPIAR10025_J209_it000_particles.cs", 11764, (0.04, 0.12, 0.84), 0.005),
    ],
)
def test_real_files_have_their_known_second_moments(
    name: str, number: int, moment: tuple[float, ...], tolerance: float, shared_data: Path
) -> None:
    poses = read_poses(shared_data / name)
    assert len(poses) == number
    np.testing.assert_allclose(poses.second_moment, moment, atol=tolerance)


def test_a_quoted_value_and_a_missing_one_are_read(star) -> None:  # type: ignore[no-untyped-def]
    rows = [["'10.0'", 70.0, 5.0, 1], ["?", 30.0, 90.0, 2], [45.0, 110.0, -60.0, "."]]
    poses = read_poses(star(star_block("particles", [*NAMES, "rlnRandomSubset"], rows)))
    assert poses.rotations is not None
    np.testing.assert_allclose(poses.rotations[0], relion_matrix(10, 70, 5), atol=1e-12)
    assert poses.half_set.tolist() == [1, 0]
    assert "1 of 3" in poses.warnings[0]


def test_real_half_sets_and_kinds(shared_data: Path) -> None:
    hiv = read_poses(shared_data / "hiv_capsid_relion5_tutorial_run_data.star")
    assert hiv.kind == "subtomogram"
    assert set(hiv.half_set.tolist()) == {1, 2}
    assert not read_poses(shared_data / "betagal_relion_tutorial_particles.star").half_set.any()
    assert set(read_poses(shared_data / "t20s_EMPIAR10025_J209_it000_particles.cs").half_set.tolist()) == {1, 2}


# --- bad input -------------------------------------------------------------------------------


def sentence(error: pytest.ExceptionInfo[PosesError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


def test_missing_file() -> None:
    with pytest.raises(PosesError) as error:
        read_poses("nowhere.star")
    assert "no poses file" in sentence(error)


@pytest.mark.parametrize("name", ["p.star", "p.cs"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(PosesError) as error:
        read_poses(tmp_path / name)
    assert "is empty" in sentence(error)


def test_unknown_ending(star) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PosesError) as error:
        read_poses(star("1 2 3", "angles.txt"))
    assert "neither" in sentence(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OPTICS, "no columns rlnAngleRot"),
        (
            OPTICS + star_block("particles", ["rlnCoordinateX", "rlnCoordinateY"], [[1.0, 2.0], [3.0, 4.0]]),
            "no columns rlnAngleRot",
        ),
        ("just some text\nand more\n", "can't be read as a STAR file"),
        ("data_\n\n_rlnVoltage 300\n", "no table of particles"),
        (star_block("particles", NAMES, [[1.0, 2.0]]), "Wrong number of values"),
        (star_block("particles", NAMES, []), "holds no particles"),
        (star_block("particles", NAMES, [["a", "b", "c"], ["d", "e", "f"]]), "something else than numbers"),
        (star_block("particles", NAMES, [[0.0, 0.0, 0.0]] * 4), "same view"),
    ],
    ids=["only optics", "no angles", "no star file", "no table", "cut row", "no rows", "text", "all zero"],
)
def test_star_files_without_poses(star, text: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PosesError) as error:
        read_poses(star(text))
    assert words in sentence(error)


def test_cs_file_without_poses_names_what_it_has(tmp_path: Path) -> None:
    table = np.zeros(3, dtype=[("uid", "<u8"), ("alignments2D/pose", "<f4")])
    with pytest.raises(PosesError) as error:
        read_poses(save_cs(tmp_path / "p.cs", table))
    assert "alignments2D, uid" in sentence(error)


@pytest.mark.parametrize("content", [b"\x93NUMPY\x01\x00", b"hello world", b"\x95CSDAT\x10\x00\x00\x00{", b"\x95CSDAT"])
def test_damaged_cs_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.cs").write_bytes(content)
    with pytest.raises(PosesError) as error:
        read_poses(tmp_path / "p.cs")
    assert "p.cs" in sentence(error)


def test_cut_off_stream(tmp_path: Path) -> None:
    table = cs_table(np.random.default_rng(0).normal(size=(50, 3)), [i % 2 for i in range(50)])
    with pytest.raises(PosesError) as error:
        read_poses(save_stream(tmp_path / "p.cs", table, cut=700))
    assert "cut off" in sentence(error)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "p.cs").open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(PosesError):
        read_poses(tmp_path / "p.cs")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.ones((4, 3)),
        np.zeros((4, 2)),
        np.ones((2, 3, 3)),
        -np.eye(3)[None].repeat(2, 0),
        np.array(["a"]),
    ],
    ids=["empty", "not unit", "wrong shape", "not rotations", "mirrored", "text"],
)
def test_bad_arrays(array: np.ndarray) -> None:
    with pytest.raises(PosesError) as error:
        read_poses(array)
    sentence(error)


def test_all_nan_angles() -> None:
    with pytest.raises(PosesError, match="None of the 2"):
        poses_from_angles(np.full(2, np.nan), np.zeros(2))


# --- density of views ------------------------------------------------------------------------


def fibonacci(number: int) -> np.ndarray:
    z = 1 - (2 * np.arange(number) + 1) / number
    angle = np.pi * (1 + 5**0.5) * np.arange(number)
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)


def test_even_views_have_density_one() -> None:
    density = view_density(read_poses(fibonacci(40000)))
    np.testing.assert_allclose(density.density, 1.0, atol=0.12)
    assert np.average(density.density, weights=areas(321)) == pytest.approx(1.0)


def test_one_view_lies_at_its_axis_and_its_copies() -> None:
    axes = axes_for(81)
    density = view_density(read_poses(np.array([axes[40], -axes[40]])), n_axes=81)
    assert density.density.argmax() == 40
    assert (density.density > 0).sum() == 1
    symmetric = view_density(read_poses(np.array([axes[40], -axes[40]])), n_axes=81, symmetry="c2")
    turned = axes[40] * [-1, -1, 1]
    assert symmetric.density[np.abs(axes @ turned).argmax()] > 0
    assert symmetric.symmetry == "C2"


def test_unknown_symmetry_is_refused() -> None:
    with pytest.raises(SettingsError):
        view_density(read_poses(np.eye(3)), symmetry="Z9")
