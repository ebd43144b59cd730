"""Bad input: one sentence that names what doesn't fit, exit code 2, nothing written.

Every case goes through the command line in this process, and through the Python functions.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import MapError, SettingsError

BOX = 20


class Workshop:
    """Makes half maps that are fine, and files that are not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(7)
        self.half1 = self.save("half1.mrc", self.noise())
        self.half2 = self.save("half2.mrc", self.noise())

    def noise(self, *shape: int) -> NDArray[np.float32]:
        return self.rng.normal(size=shape or (BOX,) * 3).astype(np.float32)

    def save(self, name: str, data: NDArray[Any], voxel_size: Any = 1.3, volume: bool = True, **header: Any) -> Path:
        path = self.folder / name
        with mrcfile.new(path, overwrite=True) as mrc:
            mrc.set_data(data)
            if volume:
                mrc.set_volume()
            mrc.voxel_size = voxel_size
            for key, value in header.items():
                setattr(mrc.header, key, value)
        return path

    def raw(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def inf_map(w: Workshop) -> Path:
    path = w.save("inf.mrc", w.noise())
    with mrcfile.mmap(path, "r+") as mrc:
        mrc.data[3, 4, 5] = np.inf
    return path


def nan_map(w: Workshop) -> Path:
    path = w.save("nan.mrc", w.noise())
    with mrcfile.mmap(path, "r+") as mrc:
        mrc.data[3, 4, 5] = np.nan
    return path


def pipe(w: Workshop) -> Path:
    os.mkfifo(w.folder / "pipe.mrc")
    return w.folder / "pipe.mrc"


# A second half map that is wrong, and words that its message must hold
MAPS: dict[str, tuple[Callable[[Workshop], Path], tuple[str, ...]]] = {
    "missing file": (lambda w: w.folder / "none.mrc", ("no file", "none.mrc")),
    "a folder": (lambda w: w.folder, ("is a folder",)),
    "not an MRC": (lambda w: w.raw("text.mrc", b"hello, this is no map\n" * 200), ("text.mrc", "not an MRC")),
    "too short for a header": (lambda w: w.raw("short.mrc", b"\0" * 100), ("short.mrc", "not an MRC")),
    "a pipe": (lambda w: pipe(w), ("is a pipe or a device",)),
    "an extended header beyond the file": (
        lambda w: w.raw("long.mrc", w.half1.read_bytes()[:92] + b"\xff\xff\xff\x7f" + w.half1.read_bytes()[96:]),
        ("long.mrc is truncated", "extended header of 2147483647 bytes"),
    ),
    "the same in gzip": (
        lambda w: w.raw(
            "long.mrc.gz", gzip.compress(w.half1.read_bytes()[:92] + b"\xff\xff\xff\x7f" + w.half1.read_bytes()[96:])
        ),
        ("long.mrc.gz is truncated", "extended header of 2147483647 bytes"),
    ),
    "an empty file": (lambda w: w.raw("empty.mrc", b""), ("empty.mrc", "not an MRC")),
    "truncated": (
        lambda w: w.raw("cut.mrc", w.half1.read_bytes()[:-5000]),
        ("cut.mrc is truncated", str(4 * BOX**3), str(4 * BOX**3 - 5000)),
    ),
    "truncated gzip": (
        lambda w: w.raw("cut.mrc.gz", gzip.compress(w.half1.read_bytes())[:-5000]),
        ("cut.mrc.gz is truncated",),
    ),
    "gzip truncated in its header": (
        lambda w: w.raw("cut.mrc.gz", gzip.compress(w.half1.read_bytes())[:40]),
        ("cut.mrc.gz",),
    ),
    "gzip of a truncated map": (
        lambda w: w.raw("cut.mrc.gz", gzip.compress(w.half1.read_bytes()[:-5000])),
        ("cut.mrc.gz is truncated", str(4 * BOX**3), str(4 * BOX**3 - 5000)),
    ),
    "damaged gzip": (
        lambda w: w.raw("bad.mrc.gz", gzip.compress(w.half1.read_bytes())[:-9000] + b"\xff" * 9000),
        ("bad.mrc.gz is truncated or damaged",),
    ),
    "gzip with a wrong checksum": (
        lambda w: w.raw("sum.mrc.gz", gzip.compress(w.half1.read_bytes())[:-8] + b"\0\0\0\0\0}\0\0"),
        ("sum.mrc.gz is truncated or damaged",),
    ),
    "2-D image": (lambda w: w.save("image.mrc", w.noise(BOX, BOX), volume=False), ("2-D image", "20 x 20")),
    "stack of images": (
        lambda w: w.save("stack.mrc", w.noise(), ispg=0, mz=1),
        ("stack of 20 images", "stack.mrc"),
    ),
    "stack of volumes": (
        lambda w: w.save("vols.mrc", w.noise(2, BOX, BOX, BOX), volume=False),
        ("stack of volumes", "40", "20"),
    ),
    "complex mode": (
        lambda w: w.save("fourier.mrc", w.noise().astype(np.complex64), volume=False),
        ("complex", "mode 4"),
    ),
    "unknown mode": (lambda w: w.save("odd.mrc", w.noise(), mode=7), ("mode 7",)),
    "invalid axis order": (lambda w: w.save("axes.mrc", w.noise(), mapc=1, mapr=1, maps=3), ("(1, 1, 3)",)),
    "negative box": (lambda w: w.save("neg.mrc", w.noise(), nx=-20), ("20 x 20 x -20 voxels (z, y, x)",)),
    "another box": (lambda w: w.save("box.mrc", w.noise(24, 24, 24)), ("20 x 20 x 20", "24 x 24 x 24")),
    "another voxel size": (lambda w: w.save("size.mrc", w.noise(), 1.4), ("1.3 Å", "1.4 Å")),
    "no voxel size": (lambda w: w.save("zero.mrc", w.noise(), 0.0), ("no voxel size", "--voxel-size")),
    "voxels that are no cubes": (
        lambda w: w.save("flat.mrc", w.noise(), (1.3, 1.3, 2.6)),
        ("2.6 x 1.3 x 1.3 Å (z, y, x)", "cubic"),
    ),
    "NaN": (nan_map, ("half map 2", "NaN or infinite")),
    "infinite": (inf_map, ("half map 2", "NaN or infinite")),
    "all zeros": (lambda w: w.save("zeros.mrc", np.zeros((BOX,) * 3, np.float32)), ("half map 2 is constant",)),
    "constant": (lambda w: w.save("ones.mrc", np.full((BOX,) * 3, 3.5, np.float32)), ("half map 2 is constant",)),
}

MASKS: dict[str, tuple[Callable[[Workshop], Path], tuple[str, ...]]] = {
    "missing": (lambda w: w.folder / "none.mrc", ("no file", "none.mrc")),
    "another box": (
        lambda w: w.save("mask.mrc", np.ones((24, 24, 24), np.float32)),
        ("mask.mrc", "24 x 24 x 24", "20 x 20 x 20"),
    ),
    "all zero": (lambda w: w.save("mask.mrc", np.zeros((BOX,) * 3, np.int8)), ("mask", "zero everywhere")),
    "NaN": (nan_map, ("mask", "NaN")),
}

SETTINGS: dict[str, tuple[list[str], dict[str, Any], tuple[str, ...]]] = {
    "cone too narrow": (["--cone", "2"], {"cone_half_angle": 2}, ("2 degrees", "between 3 and 45")),
    "cone too wide": (["--cone", "46"], {"cone_half_angle": 46}, ("46 degrees", "between 3 and 45")),
    "cone not a number": (["--cone", "nan"], {"cone_half_angle": float("nan")}, ("nan", "between 3 and 45")),
    "threshold 0": (["--threshold", "0"], {"threshold": 0}, ("threshold is 0", "between 0 and 1")),
    "threshold 1": (["--threshold", "1"], {"threshold": 1}, ("threshold is 1", "between 0 and 1")),
    "replicates": (["--calibrate", "1000000000"], {"calibrate": 10**9}, ("1000000000 replicates", "100000")),
    "replicates of the band": (["--band", "1000000000"], {"band": 10**9}, ("1000000000 replicates", "100000")),
    "axes": (["--axes", "300"], {"n_axes": 300}, ("300", "321")),
    "scheduler": (["--scheduler", "gpu"], {"execution": ca.Execution("gpu")}, ("gpu", "synchronous")),
}


def assert_one_sentence(text: str, words: tuple[str, ...]) -> None:
    for word in words:
        assert word.lower() in text.lower()
    assert "\n" not in text
    assert text.endswith((".", ")."))
    assert "Traceback" not in text


def check(workshop: Workshop, capsys: pytest.CaptureFixture[str], arguments: list[str], words: tuple[str, ...]) -> None:
    """One line on stderr, exit code 2, and the folder as it was."""
    before = sorted(workshop.folder.rglob("*"))
    code = main(["analyze", *arguments, "--no-figure", "-o", str(workshop.folder / "out")])
    shown = capsys.readouterr()
    *_, line = shown.err.rstrip("\n").split("\n")
    assert code == 2
    assert shown.out == ""
    assert line.startswith("cryoaniso: ")
    assert_one_sentence(line, words)
    assert sorted(workshop.folder.rglob("*")) == before


@pytest.mark.parametrize("case", MAPS)
def test_half_maps(workshop: Workshop, capsys: pytest.CaptureFixture[str], case: str) -> None:
    make, words = MAPS[case]
    bad = make(workshop)
    check(workshop, capsys, [str(workshop.half1), str(bad)], words)
    with pytest.raises(MapError) as caught:
        ca.analyze(ca.open_half_maps(workshop.half1, bad), n_axes=6)
    assert_one_sentence(str(caught.value), words)


@pytest.mark.parametrize("case", MASKS)
def test_masks(workshop: Workshop, capsys: pytest.CaptureFixture[str], case: str) -> None:
    make, words = MASKS[case]
    bad = make(workshop)
    check(workshop, capsys, [str(workshop.half1), str(workshop.half2), "--mask", str(bad)], words)
    with pytest.raises(MapError) as caught:
        ca.open_half_maps(workshop.half1, workshop.half2, mask=bad)
    assert_one_sentence(str(caught.value), words)


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(workshop: Workshop, capsys: pytest.CaptureFixture[str], case: str) -> None:
    options, settings, words = SETTINGS[case]
    check(workshop, capsys, [str(workshop.half1), str(workshop.half2), *options], words)
    maps = ca.open_half_maps(workshop.half1, workshop.half2)
    with pytest.raises(SettingsError) as caught:
        ca.analyze(maps, **settings)
    assert_one_sentence(str(caught.value), words)


def test_a_small_box(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(workshop.save(f"small{i}.mrc", workshop.noise(20, 15, 20))) for i in (1, 2)]
    check(workshop, capsys, paths, ("20 x 15 x 20", "at least 16"))


@pytest.mark.parametrize("size", ["0", "-1.2", "nan", "inf"])
def test_a_voxel_size_that_is_none(workshop: Workshop, capsys: pytest.CaptureFixture[str], size: str) -> None:
    arguments = [str(workshop.half1), str(workshop.half2), f"--voxel-size={size}"]
    check(workshop, capsys, arguments, ("voxel size", size))


def test_an_output_folder_that_can_not_be_written(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    for out in (workshop.half1, workshop.half1 / "out"):
        code = main(["analyze", str(workshop.half1), str(workshop.half2), "-o", str(out)])
        assert code == 2
        assert_one_sentence(capsys.readouterr().err.rstrip("\n"), ("half1.mrc", "is a file"))


def test_a_mask_that_misses_the_maps(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    mask = np.zeros((BOX,) * 3, np.float32)
    mask[:6, :6, :6] = 1
    hollow = workshop.noise()
    hollow[:6, :6, :6] = 0
    paths = [str(workshop.save(f"hollow{i}.mrc", hollow)) for i in (1, 2)]
    check(workshop, capsys, [*paths, "--mask", str(workshop.save("mask.mrc", mask))], ("constant", "mask"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 300 + ".mrc", ("Can't read aaa", "too long")),
        ("h\x1b[31m.mrc", ("There is no file h\\x1b[31m.mrc",)),
        ("h\r\u202e.mrc", ("There is no file h\\r\\u202e.mrc",)),
    ],
)
def test_names_that_no_system_has_or_that_steer_terminals(
    workshop: Workshop,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: tuple[str],
) -> None:
    monkeypatch.chdir(workshop.folder)
    check(workshop, capsys, [str(workshop.half1), name], words)


def test_atoms_without_coordinates_are_refused(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    line = "ATOM  {:5d}  CA  ALA A{:4d}    " + 24 * " " + "  1.00 40.00           C\n"
    model = workshop.raw("blank.pdb", "".join(line.format(i, i) for i in (1, 2)).encode() + b"END\n")
    assert main(["model", str(workshop.half1), str(model), "-o", str(workshop.folder / "out")]) == 2
    assert_one_sentence(capsys.readouterr().err.rstrip("\n").split("\n")[-1], ("2 atoms of blank.pdb", "blank"))


@pytest.mark.parametrize("case", ["NaN", "infinite", "constant", "all zeros"])
def test_volumes_of_tan2017_are_refused_too(workshop: Workshop, capsys: pytest.CaptureFixture[str], case: str) -> None:
    """They are computed from voxels, without an analysis that looks at them before."""
    make, words = MAPS[case]
    bad, out = make(workshop), workshop.folder / "out.mrc"
    argv = ["threedfsc", str(workshop.half1), str(bad), "--definition", "tan2017", "-o", str(out)]
    assert main(argv) == 2
    assert_one_sentence(capsys.readouterr().err.rstrip("\n").split("\n")[-1], words)
    assert not out.exists()


@pytest.mark.parametrize("options", [["--cone", "40"], ["--mask", "nope.mrc"], ["--voxel-size", "2"], ["--axes", "6"]])
def test_options_that_a_saved_analysis_ignores_are_refused(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    saved = ca.analyze(ca.open_half_maps(workshop.half1, workshop.half2), n_axes=21).save(workshop.folder / "r.npz")
    for command in (["metrics"], ["threedfsc", "-o", str(workshop.folder / "out.mrc")]):
        assert main([command[0], str(saved), *command[1:], *options]) == 2
        assert_one_sentence(capsys.readouterr().err.rstrip("\n"), (options[0], "has no effect on a saved analysis"))
    assert not (workshop.folder / "out.mrc").exists()


# --- arrays ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "options", "words"),
    [
        (np.ones((16, 16, 16)), np.ones((16, 16, 16)), {}, ("voxel_size",)),
        (np.ones((16, 16)), np.ones((16, 16, 16)), {"voxel_size": 1.2}, ("2 dimensions", "half map 1")),
        (np.ones((16, 16, 16), complex), np.ones((16, 16, 16)), {"voxel_size": 1.2}, ("complex128",)),
        (
            np.ones((16, 16, 16)),
            np.ones((16, 16, 17)),
            {"voxel_size": 1.2},
            ("16 x 16 x 16", "16 x 16 x 17 voxels (z, y, x)"),
        ),
        (
            np.ones((8, 16, 16)),
            np.ones((8, 16, 16)),
            {"voxel_size": 1.2},
            ("8 x 16 x 16 voxels (z, y, x)", "at least 16"),
        ),
        (
            np.ones((16, 16, 16)),
            np.ones((16, 16, 16)),
            {"voxel_size": 1.2, "mask": np.zeros((16, 16, 16))},
            ("zero everywhere",),
        ),
        (
            np.ones((16, 16, 16)),
            np.ones((16, 16, 16)),
            {"voxel_size": 1.2, "mask": np.ones((16, 16, 18))},
            ("16 x 16 x 18 voxels (z, y, x)", "16 x 16 x 16"),
        ),
    ],
)
def test_arrays(first: Any, second: Any, options: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(MapError) as caught:
        ca.open_half_maps(first, second, **options)
    assert_one_sentence(str(caught.value), words)


# --- warnings, not errors ----------------------------------------------------------------


def test_identical_halves_are_warned_of(workshop: Workshop) -> None:
    result = ca.analyze(ca.open_half_maps(workshop.half1, workshop.half1), n_axes=21)
    assert any("identical" in text and "FSC is 1 everywhere" in text for text in result.warnings)


def test_a_voxel_size_of_one_is_warned_of(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(workshop.save(f"one{i}.mrc", workshop.noise(), 1.0)) for i in (1, 2)]
    assert main(["analyze", *paths, "--no-figure", "--axes", "21", "-o", str(workshop.folder / "out")]) == 0
    assert "exactly 1 Å" in capsys.readouterr().out


def test_halves_masked_before_are_warned_of(workshop: Workshop) -> None:
    ball = sum(g**2 for g in np.ogrid[-10:10, -10:10, -10:10]) < 100
    paths = [workshop.save(f"ball{i}.mrc", workshop.noise() * ball) for i in (1, 2)]
    result = ca.analyze(ca.open_half_maps(*paths), n_axes=21)
    assert any("zero in the corners" in text for text in result.warnings)


def test_an_fsc_that_never_crosses_is_limited_by_nyquist(workshop: Workshop) -> None:
    signal = 5 * workshop.noise()
    paths = [workshop.save(f"good{i}.mrc", signal + workshop.noise()) for i in (1, 2)]
    result = ca.analyze(ca.open_half_maps(*paths), n_axes=21)
    assert any("limited by Nyquist" in text for text in result.warnings)
    assert np.isnan(result.global_fsc.at_143.resolution)


def test_thin_cones_are_warned_of(workshop: Workshop) -> None:
    maps = ca.open_half_maps(workshop.half1, workshop.half2)
    assert any("fewer than 3" in text for text in ca.analyze(maps, cone_half_angle=10).warnings)
    wide = ca.analyze(maps, cone_half_angle=40).warnings
    assert not any("up to shell" in text for text in wide)
