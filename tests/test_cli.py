"""The command line, in this process and as a process of its own."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import AWAKE

import cryoaniso_nb as ca
from cryoaniso_nb.cli import build_parser, main
from cryoaniso_nb.commands import NAMES
from cryoaniso_nb.commands._terminal import watched

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "cryoaniso_nb"]


def save_pair(folder: Path, maps: ca.HalfMaps) -> list[str]:
    halves = enumerate((maps.half1, maps.half2), 1)
    return [str(ca.write_map(folder / f"half{i}.mrc", half, maps.voxel_size)) for i, half in halves]


@pytest.fixture
def pair(tmp_path: Path, small_pair: ca.HalfMaps) -> list[str]:
    return save_pair(tmp_path, small_pair)


def test_analyze_writes_what_the_function_returns(
    tmp_path: Path, pair: list[str], capsys: pytest.CaptureFixture[str], small_result: ca.AnalysisResult
) -> None:
    assert main(["analyze", *pair, "-o", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(small_result.summary()["headline"])
    assert "FSO = 0.5 (FSO resolution)" in shown.out
    assert str(tmp_path / "out") in shown.err
    assert "\x1b" not in shown.out + shown.err
    loaded = ca.load_result(tmp_path / "out" / "result.npz")
    np.testing.assert_allclose(loaded.fso.occupancy, small_result.fso.occupancy, atol=1e-6)
    hashes = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in pair]
    assert [item.sha256 for item in loaded.inputs] == hashes
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [item["sha256"] for item in summary["inputs"]] == hashes


def test_every_option_reaches_the_analysis(tmp_path: Path, pair: list[str]) -> None:
    mask = np.ones((48, 48, 48), dtype=np.float32)
    path = ca.write_map(tmp_path / "mask.mrc", mask, 2.0)
    options = ["--mask", str(path), "--voxel-size", "1.7", "--cone", "25", "--threshold", "0.3", "--axes", "81"]
    options += ["--scheduler", "synchronous", "--no-figure"]
    assert main(["analyze", *pair, *options, "-o", str(tmp_path / "out")]) == 0
    found = ca.load_result(tmp_path / "out" / "result.npz").settings
    assert (found.mask, found.voxel_size, found.cone_half_angle) == ("mask.mrc", 1.7, 25)
    assert (found.threshold, found.n_axes) == (0.3, 81)
    assert not (tmp_path / "out" / "figure.png").exists()


@pytest.mark.parametrize("name", ["aniso", "iso"])
def test_parity_reproduces_the_fso_of_xmipp(tmp_path: Path, reference: Path, name: str) -> None:
    halves = [str(reference / f"{name}_64_half{i}.mrc") for i in (1, 2)]
    assert main(["analyze", *halves, "--parity", "xmipp", "--no-figure", "-o", str(tmp_path / "out")]) == 0
    with open(tmp_path / "out" / "curves.csv", newline="") as ours:
        mine = {int(row["shell"]): float(row["fso"]) for row in csv.DictReader(ours)}
    with open(reference / f"{name}_64_xmipp_curves.csv", newline="") as theirs:
        table = list(csv.DictReader(theirs))
    by_shell = {round(float(row["frequency_per_angstrom"]) * 64 * 1.3): float(row["fso"]) for row in table}
    pairs = [(mine[shell], fso) for shell, fso in by_shell.items() if shell in mine]
    assert len(pairs) > 28
    np.testing.assert_allclose(*zip(*pairs, strict=True), atol=5.1e-7)


def test_a_mask_can_be_made_on_the_way(tmp_path: Path, shared_data: Path) -> None:
    halves = [str(shared_data / "microtubule_wedge_48" / f"half{i}.mrc") for i in (1, 2)]
    assert main(["analyze", *halves, "--mask", "auto", "--no-figure", "-o", str(tmp_path / "out")]) == 0
    assert ca.load_result(tmp_path / "out" / "result.npz").settings.mask == "auto"


def test_an_existing_folder_is_refused_before_any_work(
    tmp_path: Path, pair: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    analyze = ["analyze", *pair, "-o", str(tmp_path / "out"), "--no-figure"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    assert main(analyze) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "out" / "notes.txt").unlink()
    assert main(analyze) == 0
    assert main(analyze) == 2
    assert main([*analyze, "--overwrite"]) == 0


def test_the_demo_finds_what_it_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--box", "64", "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Resolution differs by direction:")
    assert "views are missing." in shown.splitlines()[0]
    (row,) = (line.split() for line in shown.splitlines() if line.startswith("worst direction"))
    truth, measured, interval = float(row[2]), float(row[4]), row[6].strip("()").split("-")
    assert measured == pytest.approx(truth, rel=0.15)
    assert float(interval[0]) <= truth <= float(interval[1])
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (out / "figure.png").exists()


@pytest.mark.parametrize("preset", ["isotropic", "missing-side-views", "missing-cone"])
def test_the_demo_has_other_presets(tmp_path: Path, preset: str) -> None:
    assert main(["demo", "--box", "32", "--preset", preset, "--no-figure", "-o", str(tmp_path / "demo")]) == 0


def test_a_preset_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--preset", "cubist", "-o", str(tmp_path / "demo")]) == 2
    line = capsys.readouterr().err.rstrip("\n").split("\n")[-1]
    assert line.startswith("cryoaniso: ")
    assert "cubist" in line
    assert not (tmp_path / "demo").exists()


def test_a_cluster_is_given_by_its_address(
    tmp_path: Path, pair: list[str], small_result: ca.AnalysisResult, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed = pytest.importorskip("distributed")
    from cryoaniso_nb.engine import cluster as engine

    out = tmp_path / "out"
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(protocol="tcp", **options) as cluster:
        address = cluster.scheduler_address
        try:
            assert main(["analyze", *pair, "--scheduler", address, "--no-figure", "-o", str(out)]) == 0
        finally:
            engine._connected.pop(address).close()
    found = ca.load_result(out / "result.npz")
    np.testing.assert_allclose(found.dfsc.values, small_result.dfsc.values, atol=1e-6)


def test_statistics_are_asked_for_on_the_command_line(tmp_path: Path, pair: list[str]) -> None:
    out = tmp_path / "out"
    options = ["--axes", "81", "--calibrate", "39", "--band", "49", "--no-figure", "--overwrite"]
    assert main(["analyze", *pair, *options, "-o", str(out)]) == 0
    rows = np.genfromtxt(out / "curves.csv", delimiter=",", names=True)
    assert {"p_calibrated", "fso_low", "fso_high", "fso_floor"} <= set(rows.dtype.names)
    known = np.isfinite(rows["fso_low"])
    assert known[5:].all()
    assert (rows["fso_low"][known] <= rows["fso_high"][known]).all()
    found = ca.load_result(out / "result.npz")
    np.testing.assert_allclose(rows["p_calibrated"], found.calibration.p_value, rtol=1e-8)
    directions = (out / "directional_resolution.csv").read_text().splitlines()
    assert directions[0] == "zenith,azimuth,resolution,flag,first_crossing,resolution_low,resolution_high"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--calibrate", "5"], ("5 replicates", "at least 19")),
        (["--calibrate", "-3"], ("-3 replicates", "at least 19")),
        (["--band", "5"], ("5 replicates", "at least 39")),
        (["--symmetry", "Q7"], ("Q7",)),
        (["--correct-mask"], ("no mask",)),
    ],
)
def test_statistics_that_can_not_be_are_refused_before_any_work(
    tmp_path: Path, pair: list[str], capsys: pytest.CaptureFixture[str], options: list[str], words: tuple[str, ...]
) -> None:
    assert main(["analyze", *pair, *options, "--no-figure", "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "transforming" not in error
    assert error.rstrip("\n").split("\n")[-1].startswith("cryoaniso: ")
    assert all(word in error for word in words)
    assert not (tmp_path / "out").exists()


# --- the parser --------------------------------------------------------------------------


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"cryoaniso {ca.__version__}\n"


@pytest.mark.parametrize("argv", [[], ["dance"], ["analyze"], ["analyze", "a", "b"], ["analyze", "a", "b", "-o"]])
def test_a_wrong_command_line_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage: cryoaniso" in capsys.readouterr().err


def test_a_number_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["analyze", "a", "b", "-o", "c", "--cone", "wide"])
    assert caught.value.code == 2
    assert "'wide'" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    text = capsys.readouterr().out
    for name in NAMES:
        assert name in text


# --- as a process ------------------------------------------------------------------------


def loaded_by(code: str) -> set[str]:
    found = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=ROOT,
    )
    return set(found.stdout.split("\n")[-2].split())


def test_the_parser_loads_no_library() -> None:
    loaded = loaded_by("from cryoaniso_nb.cli import build_parser; build_parser()")
    assert not loaded & {"numpy", "scipy", "numba", "dask", "rich", "matplotlib"}


def test_a_batch_run_loads_only_what_it_needs(tmp_path: Path, pair: list[str]) -> None:
    argv = ["analyze", *pair, "--no-figure", "-o", str(tmp_path / "out")]
    loaded = loaded_by(f"from cryoaniso_nb.cli import main; assert main({argv!r}) == 0")
    unwanted = {"matplotlib", "rich", "distributed", "bqplot", "skimage", "xarray", "pandas", "gemmi"}
    assert not loaded & unwanted


def test_errors_of_a_process_are_one_line(tmp_path: Path) -> None:
    argv = [*PROGRAM, "analyze", "none.mrc", "none.mrc", "-o", str(tmp_path / "out")]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert found.returncode == 2
    assert found.stderr == "cryoaniso: There is no file none.mrc; check the path.\n"
    assert found.stdout == ""


@pytest.mark.parametrize("until", ["half maps of", "transforming: "])
def test_ctrl_c_stops_at_once_and_leaves_nothing(tmp_path: Path, until: str) -> None:
    """Interrupted while it loads or transforms, and while it cuts thousands of cones."""
    rng = np.random.default_rng(0)
    halves = (rng.normal(size=(160, 160, 160)).astype(np.float32) for _ in range(2))
    pair = [str(ca.write_map(tmp_path / f"half{i}.mrc", half, 1.3)) for i, half in enumerate(halves, 1)]
    before = sorted(tmp_path.iterdir())
    argv = [*AWAKE, *PROGRAM, "analyze", *pair, "--axes", "5121", "-o", str(tmp_path / "new" / "out")]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(until):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("cryoaniso: stopped; nothing was written.\n")
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, pair: list[str]) -> None:
    argv = [*PROGRAM, "analyze", *pair, "--no-figure", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_a_terminal_sees_bars_and_a_table(tmp_path: Path, pair: list[str]) -> None:
    leader, follower = pty.openpty()
    argv = [*PROGRAM, "analyze", *pair, "--no-figure", "-o", str(tmp_path / "out")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(argv, stdin=follower, stdout=follower, stderr=follower, cwd=ROOT, env=environment)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # the other side has closed
        pass
    finally:
        os.close(leader)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert "\x1b[" in text
    assert "transforming" in text
    assert "Global FSC = 0.143" in text


def test_plain_progress_is_a_line_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with watched() as execution:
        for done in range(1, 101):
            execution.tell("transforming", done, 100)
    assert capsys.readouterr().err == "transforming: 100 of 100\n"
