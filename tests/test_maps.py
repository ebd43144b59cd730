"""Map files: what goes in comes out, whatever the file's type, order and compression."""

from __future__ import annotations

import bz2
import gzip
import itertools
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryoaniso_nb.errors import MapError, OutputError
from cryoaniso_nb.inputs.half_maps import hash_inputs, open_half_maps, read_map, write_map
from cryoaniso_nb.results import system

SHAPE = (16, 18, 20)


def save(path: Path, data: NDArray[Any], voxel_size: float = 1.3, **header: Any) -> Path:
    """An MRC file written by mrcfile, with fields of its header changed."""
    compression = {".gz": "gzip", ".bz2": "bzip2"}.get(path.suffix)
    with mrcfile.new(path, compression=compression) as mrc:
        mrc.set_data(data)
        mrc.set_volume()
        mrc.voxel_size = voxel_size
        for name, value in header.items():
            setattr(mrc.header, name, value)
    return path


@pytest.fixture
def volume(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.normal(size=SHAPE).astype(np.float32)


@pytest.fixture
def pair(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    first, second = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    return save(tmp_path / "half1.mrc", first), save(tmp_path / "half2.mrc", second)


# --- reading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "dtype"), [(0, np.int8), (1, np.int16), (2, np.float32), (6, np.uint16), (12, np.float16)]
)
def test_every_real_mode_is_read_as_it_was_written(tmp_path: Path, mode: int, dtype: Any) -> None:
    data = (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 100).astype(dtype)
    path = save(tmp_path / "m.mrc", data)
    with mrcfile.open(path) as mrc:
        assert mrc.header.mode == mode
    found = read_map(path)
    assert found.data.dtype == dtype
    np.testing.assert_array_equal(found.data, data)


@pytest.mark.parametrize("name", ["a.mrc", "a.map", "a.mrc.gz", "a.map.gz", "a.mrc.bz2", "misnamed.mrc"])
def test_plain_and_compressed_files_hold_the_same_map(tmp_path: Path, name: str, volume: NDArray[np.float32]) -> None:
    path = save(tmp_path / name, volume)
    if name == "misnamed.mrc":  # compressed, but not by its name
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = read_map(path)
    np.testing.assert_array_equal(found.data, volume)
    assert found.voxel_size == 1.3
    assert not found.data.flags.writeable


def test_plain_files_stay_on_disk_until_read(pair: tuple[Path, Path]) -> None:
    maps = open_half_maps(*pair)
    assert isinstance(maps.half1, np.memmap)
    assert isinstance(maps.half2, np.memmap)


def test_opening_a_large_pair_reads_next_to_nothing(tmp_path: Path) -> None:
    """A sparse file of 512 MiB that no pass over its voxels could open within the memory limit."""
    with mrcfile.new_mmap(tmp_path / "a.mrc", shape=(512, 512, 512), mrc_mode=2) as mrc:
        mrc.set_volume()
        mrc.voxel_size = 1.1
    code = (
        "import resource, sys; from cryoaniso_nb.inputs.half_maps import open_half_maps\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "maps = open_half_maps(sys.argv[1], sys.argv[1])\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "assert maps.box == (512, 512, 512) and grown < 20 * 1024, grown"
    )
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.mrc"], check=True, timeout=60, cwd=Path(__file__).parents[1]
    )


def test_big_endian_files_are_read(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path = save(tmp_path / "b.mrc", volume.astype(">f4"))
    found = read_map(path)
    assert found.data.dtype.byteorder == ">"
    np.testing.assert_array_equal(found.data, volume)
    assert found.voxel_size == 1.3


def test_an_odd_machine_stamp_is_forgiven(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path = save(tmp_path / "s.mrc", volume, machst=[0, 0, 0, 0])
    np.testing.assert_array_equal(read_map(path).data, volume)


def test_extended_headers_are_skipped(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    for name in ("e.mrc", "e.mrc.gz"):
        path = save(tmp_path / name, volume)
        with mrcfile.open(path, "r+") as mrc:
            mrc.set_extended_header(np.full(2048, 7, dtype=np.int8).view("V1"))
        np.testing.assert_array_equal(read_map(path).data, volume)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_any_axis_order_becomes_z_y_x(tmp_path: Path, volume: NDArray[np.float32], order: tuple[int, int, int]) -> None:
    """`order` = (mapc, mapr, maps): which of x, y, z runs along columns, rows, sections."""
    mapc, mapr, maps = order
    stored = volume.transpose(3 - maps, 3 - mapr, 3 - mapc)  # array axes of (z, y, x) for z=3, y=2, x=1
    path = save(tmp_path / "o.mrc", np.ascontiguousarray(stored), mapc=mapc, mapr=mapr, maps=maps)
    with mrcfile.open(path, "r+") as mrc:  # the cell belongs to x, y, z, not to columns, rows, sections
        mrc.header.mx, mrc.header.my, mrc.header.mz = SHAPE[::-1]
        mrc.header.cella = tuple(1.3 * n for n in SHAPE[::-1])
        start = {1: 5, 2: 6, 3: 7}
        mrc.header.nxstart, mrc.header.nystart, mrc.header.nzstart = (start[axis] for axis in order)
    found = read_map(path)
    np.testing.assert_array_equal(found.data, volume)
    assert found.start == (5, 6, 7)
    assert isinstance(found.data.base, np.memmap)


def test_an_unset_axis_order_is_the_usual_one(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path = save(tmp_path / "o.mrc", volume, mapc=0, mapr=0, maps=0)
    np.testing.assert_array_equal(read_map(path).data, volume)


def test_a_volume_with_the_space_group_of_images_is_still_a_volume(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path = save(tmp_path / "v.mrc", volume, ispg=0)
    np.testing.assert_array_equal(read_map(path).data, volume)


def test_bytes_after_the_last_voxel_are_told(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path, other = save(tmp_path / "t.mrc", volume), save(tmp_path / "u.mrc", volume)
    assert read_map(path).warnings == ()
    path.write_bytes(path.read_bytes() + b"tail")
    found = read_map(path)
    np.testing.assert_array_equal(found.data, volume)
    assert [caution.code for caution in found.warnings] == ["longer-file"]
    assert "t.mrc holds 4 bytes after the last voxel" in found.warnings[0]
    for halves in ((path, other), (other, path)):  # whichever of the two it is
        assert "longer-file" in [caution.code for caution in open_half_maps(*halves).warnings]


def test_origin_labels_and_start_come_along(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path = save(tmp_path / "l.mrc", volume, origin=(1.0, -2.5, 3.0), nxstart=-4)
    with mrcfile.open(path, "r+") as mrc:
        mrc.add_label("a map")
    found = read_map(path)
    assert found.origin == (1.0, -2.5, 3.0)
    assert found.start == (-4, 0, 0)
    assert found.labels[-1] == "a map"


# --- voxel sizes -------------------------------------------------------------------------


def test_a_size_in_single_precision_is_shown_as_people_wrote_it(pair: tuple[Path, Path]) -> None:
    assert open_half_maps(*pair).voxel_size == 1.3


def test_the_given_voxel_size_overrides_the_headers(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    paths = save(tmp_path / "a.mrc", volume, 1.0), save(tmp_path / "b.mrc", volume, 0.0)
    maps = open_half_maps(*paths, voxel_size=2.5)
    assert maps.voxel_size == 2.5
    assert not any("1 Å" in text for text in maps.warnings)


def test_a_voxel_size_of_exactly_one_is_doubted_once(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    paths = save(tmp_path / "a.mrc", volume, 1.0), save(tmp_path / "b.mrc", volume, 1.0)
    assert sum("exactly 1 Å" in text for text in open_half_maps(*paths).warnings) == 1


def test_rounding_differences_between_headers_are_no_difference(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    paths = save(tmp_path / "a.mrc", volume, 1.3), save(tmp_path / "b.mrc", volume, 1.3005)
    assert open_half_maps(*paths).voxel_size == 1.3


# --- halves and masks --------------------------------------------------------------------


def test_arrays_are_taken_as_they_are(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=(2, *SHAPE))
    maps = open_half_maps(first, second, voxel_size=1.2)
    assert maps.half1 is first
    assert maps.inputs == ()
    assert maps.box == SHAPE
    np.testing.assert_allclose(maps.mean(), (first + second) / 2, atol=1e-6)


def test_the_mean_of_integer_maps_does_not_overflow() -> None:
    full = np.full((16, 16, 16), 120, dtype=np.int8)
    full[0, 0, 0] = 100
    assert open_half_maps(full, full, voxel_size=1.0).mean().max() == 120


def test_different_origins_are_warned_of(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    paths = save(tmp_path / "a.mrc", volume), save(tmp_path / "b.mrc", volume, origin=(5.0, 0.0, 0.0))
    (text,) = open_half_maps(*paths).warnings
    assert "(0, 0, 0)" in text
    assert "(0, 0, 5) (z, y, x)" in text


def test_halves_that_are_zero_outside_a_sphere_are_warned_of(rng: np.random.Generator) -> None:
    z, y, x = np.ogrid[-12:12, -12:12, -12:12]
    ball = z**2 + y**2 + x**2 < 12**2
    first, second = rng.normal(size=(2, 24, 24, 24))
    assert open_half_maps(first, second, voxel_size=1.1).warnings == ()
    (text,) = open_half_maps(first * ball, second * ball, voxel_size=1.1).warnings
    assert "zero in the corners" in text
    assert open_half_maps(first * ball, second, voxel_size=1.1).warnings == ()


def test_masks_from_files_and_arrays(pair: tuple[Path, Path], tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, dtype=np.int8)
    mask[4:8] = 1
    path = save(tmp_path / "mask.mrc", mask)
    maps = open_half_maps(*pair, mask=path)
    assert (maps.mask_label, maps.mask is not None) == ("mask.mrc", True)
    assert maps.mask is not None
    assert maps.mask.dtype == np.float32
    np.testing.assert_array_equal(maps.mask, mask)
    assert [item.role for item in maps.inputs] == ["half1", "half2", "mask"]
    assert open_half_maps(*pair, mask=mask).mask_label == "array"
    assert open_half_maps(*pair).mask_label == "none"


def test_mask_values_beyond_one_are_warned_of_and_used(pair: tuple[Path, Path]) -> None:
    maps = open_half_maps(*pair, mask=np.full(SHAPE, 2.0))
    assert maps.mask is not None
    assert maps.mask.max() == 2
    assert any("from 2 to 2" in text for text in maps.warnings)


def test_a_mask_with_other_voxels_is_warned_of(pair: tuple[Path, Path], tmp_path: Path) -> None:
    path = save(tmp_path / "mask.mrc", np.ones(SHAPE, np.float32), 2.6)
    (text,) = open_half_maps(*pair, mask=path).warnings
    assert "2.6 Å" in text
    assert "1.3 Å" in text


def test_hashes_are_those_of_the_files(pair: tuple[Path, Path]) -> None:
    import hashlib

    maps = open_half_maps(*pair)
    assert [item.sha256 for item in maps.inputs] == ["", ""]
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in pair]
    assert [item.sha256 for item in hash_inputs(maps)] == expected


def test_a_file_that_vanished_before_hashing_is_named(pair: tuple[Path, Path]) -> None:
    maps = open_half_maps(*pair)
    pair[1].unlink()
    with pytest.raises(MapError, match=r"half2\.mrc again"):
        hash_inputs(maps)


# --- writing -----------------------------------------------------------------------------


@given(
    st.tuples(*[st.integers(2, 9)] * 3),
    st.sampled_from([np.int8, np.int16, np.uint16, np.float16, np.float32]),
    st.floats(0.1, 20),
    st.sampled_from([".mrc", ".map", ".mrc.gz", ".map.bz2"]),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int, int], dtype: Any, voxel_size: float, suffix: str
) -> None:
    data = (np.arange(np.prod(shape)).reshape(shape) % 50).astype(dtype)
    path = write_map(tmp_path_factory.mktemp("w") / f"a{suffix}", data, voxel_size, origin=(1, 2, 3), labels=["x"])
    found = read_map(path)
    assert found.data.dtype == dtype
    np.testing.assert_array_equal(found.data, data)
    assert found.voxel_size == pytest.approx(voxel_size, rel=1e-5)
    assert found.origin == (1, 2, 3)
    assert found.labels == ("x",)
    if dtype is not np.float16:  # whose sums overflow in mrcfile's own check
        assert mrcfile.validate(path)


def test_doubles_are_written_as_floats_and_the_same_twice(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    first = write_map(tmp_path / "a.mrc", volume.astype(np.float64), 1.3)
    second = write_map(tmp_path / "b.mrc", volume, 1.3)
    assert first.read_bytes() == second.read_bytes()


def test_writing_like_another_map_takes_over_where_it_lies(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    model = read_map(save(tmp_path / "m.mrc", volume, origin=(1.0, 2.0, 3.0), nxstart=-4, nystart=-5, nzstart=-6))
    found = read_map(write_map(tmp_path / "n.mrc", volume, 1.3, like=model))
    assert (found.origin, found.start) == ((1.0, 2.0, 3.0), (-4, -5, -6))


def test_an_existing_file_stays_unless_overwriting_is_allowed(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    path = write_map(tmp_path / "a.mrc", volume, 1.3)
    with pytest.raises(OutputError, match="exists already"):
        write_map(path, volume * 2, 1.3)
    np.testing.assert_array_equal(read_map(path).data, volume)
    write_map(path, volume * 2, 1.3, overwrite=True)
    np.testing.assert_array_equal(read_map(path).data, volume * 2)
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.full((4, 4, 4), np.nan), "NaN"),
        (np.zeros((4, 4)), "2 dimensions"),
        (np.zeros((4, 4, 4), dtype=complex), "complex128"),
    ],
)
def test_what_is_no_map_is_not_written(tmp_path: Path, data: NDArray[Any], words: str) -> None:
    with pytest.raises(OutputError, match=words):
        write_map(tmp_path / "a.mrc", data, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(
    tmp_path: Path, volume: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(system, "rename_new", stop)
    with pytest.raises(KeyboardInterrupt):
        write_map(tmp_path / "a.mrc", volume, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, volume: NDArray[np.float32]) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        write_map(tmp_path / "none" / "a.mrc", volume, 1.0)


def test_real_foreign_maps_open(shared_data: Path) -> None:
    folder = shared_data / "microtubule_wedge_48"
    maps = open_half_maps(folder / "half1.mrc", folder / "half2.mrc", mask=folder / "mask.mrc")
    assert maps.box == (48, 48, 48)
    assert maps.voxel_size == pytest.approx(10.52)
    assert maps.warnings == ()


def test_bzip2_and_gzip_agree(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    """One half in each: both are decompressed at the same time."""
    first, second = tmp_path / "1.mrc.gz", tmp_path / "2.mrc.bz2"
    first.write_bytes(gzip.compress(pair[0].read_bytes()))
    second.write_bytes(bz2.compress(pair[1].read_bytes()))
    plain, packed = open_half_maps(*pair), open_half_maps(first, second)
    np.testing.assert_array_equal(packed.half1, plain.half1)
    np.testing.assert_array_equal(packed.half2, plain.half2)
