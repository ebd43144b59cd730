"""Surveys: many pairs in one run, gone on with after an interruption, failures as rows."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emdb_server import EmdbServer, record
from hypothesis import given
from hypothesis import strategies as st
from processes import AWAKE

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import Cancelled, MapError, OutputError, ResultError, SettingsError
from cryoaniso_nb.surveys import pair as survey_pair
from cryoaniso_nb.surveys.columns import COLUMNS, with_ranks
from cryoaniso_nb.surveys.index_page import index_page
from cryoaniso_nb.surveys.pairs import pairs_of, read_manifest
from cryoaniso_nb.surveys.run import iter_survey, plan_survey
from cryoaniso_nb.surveys.table import TABLE_COLUMNS

PRESETS = ("isotropic", "missing-cone", "missing-side-views")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs of box 32, whose anisotropy differs."""
    folder = tmp_path_factory.mktemp("maps")
    for preset in PRESETS:
        maps = ca.simulate_half_maps(box=32, voxel_size=2.0, preset=preset, seed=3)
        for number, half in ((1, maps.half1), (2, maps.half2)):
            ca.write_map(folder / f"{preset}_half{number}.mrc", half, 2.0)
    return folder


@pytest.fixture
def maps(made: Path, tmp_path: Path) -> Path:
    """The same files, to spoil."""
    return Path(shutil.copytree(made, tmp_path / "maps"))


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the half maps that are analyzed."""
    done: list[str] = []
    analyze = survey_pair.analyze

    def counted(half_maps: ca.HalfMaps, **options: Any) -> ca.AnalysisResult:
        done.append(half_maps.inputs[0].name)
        return analyze(half_maps, **options)

    monkeypatch.setattr(survey_pair, "analyze", counted)
    return done


def table(out: Path) -> list[dict[str, str]]:
    with open(out / "table.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


# --- what is surveyed --------------------------------------------------------------------


def test_a_manifest_gives_its_pairs(tmp_path: Path) -> None:
    (tmp_path / "b_half1.mrc").touch()
    (tmp_path / "b_half2.mrc").touch()
    path = tmp_path / "pairs.csv"
    path.write_text(
        "\ufeffName, Half1, half2, mask, Voxel Size, symmetry, poses\n"
        "# a comment\n"
        'one,x/1.mrc,/y/2.mrc,m.mrc,"1,25",D7,p.star\n'
        "\n"
        ",b_half2.mrc,,AUTO,,,\n"
        "entry,EMD-8731,,none,1.3,,\n"
        ",,,,,,\n",
        encoding="utf-8",
    )
    one, two, entry = read_manifest(path)
    assert (one.name, one.half1, one.half2) == ("one", tmp_path / "x/1.mrc", Path("/y/2.mrc"))
    assert (one.mask, one.voxel_size, one.symmetry) == (tmp_path / "m.mrc", 1.25, "D7")
    assert one.poses == tmp_path / "p.star"
    assert (two.name, two.half1, two.half2) == ("b", tmp_path / "b_half1.mrc", tmp_path / "b_half2.mrc")
    assert (two.mask, two.voxel_size, two.symmetry, two.poses) == ("auto", None, None, None)
    assert (entry.name, entry.emdb, entry.half1, entry.mask, entry.voxel_size) == ("entry", 8731, None, None, 1.3)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_are_told_from_the_header(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(separator.join(["half1", "half2", "name"]) + "\n" + separator.join(["1", "2", "x"]) + "\n")
    assert [pair.name for pair in read_manifest(path)] == ["x"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("half1,half2\n", "has a header row, but no pair"),
        ("half2\na\n", "no column 'half1'"),
        ("half1,voxelsize\na,1\n", "an unknown column 'voxelsize'"),
        ("half1,half1\na,b\n", "a column twice"),
        ("half1,half2\n,b\n", r"Row 2 of .* has no half1"),
        ("half1,half2\na,b,c\n", r"Row 2 of .* has 3 fields, but the header row 2"),
        ("half1,half2,voxel_size\na,b,wide\n", r"Row 2 of .* voxel size 'wide'"),
        ("half1,half2,voxel_size\na,b,-1\n", "voxel size '-1'"),
        ("half1,half2,voxel_size\na,b,inf\n", "voxel size 'inf'"),
        ("half1\nEMD-8731..8740\n", "holds a range of EMDB codes"),
    ],
)
def test_a_manifest_that_can_not_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises((MapError, SettingsError), match=words):
        read_manifest(path)


def test_a_manifest_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes("name,half1\nAmöbe,a\n".encode("latin-1"))
    with pytest.raises(MapError, match="no text in UTF-8"):
        read_manifest(tmp_path / "pairs.csv")


def test_lists_codes_and_ranges_of_emdb_are_understood(tmp_path: Path) -> None:
    listed = tmp_path / "entries.txt"
    listed.write_text("EMD-8731, 11638\n# no more\nemd_0012 # old\n")
    found = pairs_of([listed, "EMD-20001..20003", "EMD-30001"])
    assert [pair.emdb for pair in found] == [8731, 11638, 12, 20001, 20002, 20003, 30001]
    assert found[2].name == found[2].folder == "EMD-0012"
    listed.write_text("EMD-8731\nhalf1.mrc\n")
    with pytest.raises(MapError, match=r"Line 2 of .* holds 'half1.mrc', which is no EMDB code"):
        pairs_of(listed)
    with pytest.raises(SettingsError, match="ends before it begins"):
        pairs_of("EMD-20003..20001")


def test_folders_given_together_tell_their_pairs_apart(made: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        shutil.copytree(made, tmp_path / name)
    names = [pair.name for pair in pairs_of([tmp_path / "first", tmp_path / "second"])]
    assert names[0] == "first/isotropic"
    assert names[3] == "second/isotropic"


@pytest.mark.parametrize("source", ["nowhere", "nowhere.csv", "EMD-1"])
def test_a_source_that_is_not_there_is_named(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MapError, match=f"There is no file {source}"):
        pairs_of(source)


def test_a_folder_without_half_maps_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(MapError, match="There are no half maps in"):
        pairs_of(tmp_path)


def test_names_become_folders_whatever_they_hold(tmp_path: Path) -> None:
    names = ["../../x", "a/b", "a_b", "A_b", "CON", "nul.txt", "x" * 300, "ä\x00\x1b[2J<b>", "..", " ", "日本"]
    path = tmp_path / "pairs.csv"
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["name", "half1", "half2"], *([name, "1", "2"] for name in names if name != " ")])
    folders = [pair.folder for pair in pairs_of(path)]
    assert len({folder.casefold() for folder in folders}) == len(names) - 1
    for folder in folders:
        assert 0 < len(folder.encode()) <= 130
        (tmp_path / "out" / folder).mkdir(parents=True)
        assert (tmp_path / "out" / folder).resolve().parent == tmp_path / "out"
    assert {"CON", "nul.txt"}.isdisjoint(folders)


def test_two_pairs_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("name,half1,half2\nx,1,2\nx,3,4\n")
    with pytest.raises(MapError, match="The pairs 1 and 2 are both called 'x'"):
        pairs_of(tmp_path / "pairs.csv")


# --- what comes out ----------------------------------------------------------------------


def test_a_survey_holds_what_analyses_alone_give(maps: Path, tmp_path: Path) -> None:
    found = ca.survey(maps, tmp_path / "out")
    assert len(found) == 3
    assert found.failed == ()
    for row in found.rows:
        half1, half2 = (maps / f"{row['name']}_half{number}.mrc" for number in (1, 2))
        alone = ca.analyze(ca.open_half_maps(half1, half2))
        np.testing.assert_allclose(found.result(row["name"]).dfsc.values, alone.dfsc.values, atol=1e-6)
        assert row["fso_0.5_angstrom"] == pytest.approx(alone.fso.middle.resolution)
        assert row["sphericity"] == pytest.approx(alone.sphericity().value)
        assert row["area_ratio"] == pytest.approx(alone.cfar().ratio)
        files = {path.name for path in (tmp_path / "out" / row["folder"]).iterdir()}
        assert {"result.npz", "summary.json", "curves.csv", "directional_resolution.csv", "index.html"} <= files
    by_name = {row["name"]: row for row in found.rows}
    assert by_name["isotropic"]["rank"] == 3
    assert by_name["isotropic"]["percentile"] == 0
    rows = table(tmp_path / "out")
    assert [row["name"] for row in rows] == [row["name"] for row in found.rows]
    assert float(rows[0]["fso_0.5_angstrom"]) == pytest.approx(found.rows[0]["fso_0.5_angstrom"])


def test_parquet_and_data_frame_hold_the_same_as_csv(maps: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (maps / "lost_half1.mrc").write_bytes(b"no map")
    (maps / "lost_half2.mrc").write_bytes(b"no map")
    found = ca.survey(maps, tmp_path / "out")
    stored = parquet.read_table(tmp_path / "out" / "table.parquet")
    assert tuple(stored.column_names) == TABLE_COLUMNS
    assert stored.schema.field("sphericity").metadata[b"description"]
    for mine, theirs in zip(found.rows, stored.to_pylist(), strict=True):
        assert {key: value for key, value in mine.items() if value is not None} == {
            key: value for key, value in theirs.items() if value is not None
        }
    frame = found.to_dataframe()
    assert frame.loc["isotropic", "sphericity"] == found.rows[0]["sphericity"]


def test_poses_masks_and_symmetry_of_a_manifest_reach_the_table(maps: Path, tmp_path: Path, shared_data: Path) -> None:
    ca.write_map(maps / "mask.mrc", np.ones((32, 32, 32), np.float32), 2.0)
    poses = shared_data / "betagal_relion_tutorial_particles.star"
    (maps / "pairs.csv").write_text(f"name,half1,mask,symmetry,poses\nx,isotropic_half1.mrc,mask.mrc,D2,{poses}\n")
    (row,) = ca.survey(maps / "pairs.csv", tmp_path / "out").rows
    assert (row["mask"], row["symmetry"], row["n_views"]) == ("mask.mrc", "D2", 4501)
    assert row["scf_star"] == pytest.approx(ca.scf(ca.read_poses(poses), symmetry="D2").scf_star)
    assert row["mask_file"] == str(maps / "mask.mrc")
    empty = {column.name for column in COLUMNS if row[column.name] is None}
    assert empty <= {"reason", "dfsc_p_value"}, f"columns that found nothing: {empty}"  # no zone, no test of chance


def test_poses_that_can_not_be_read_are_a_warning(maps: Path, tmp_path: Path) -> None:
    (maps / "pairs.csv").write_text("half1,poses\nisotropic_half1.mrc,nowhere.star\n")
    (row,) = ca.survey(maps / "pairs.csv", tmp_path / "out").rows
    assert row["status"] == "failed"  # the manifest promised them
    assert "nowhere.star" in row["reason"]
    (maps / "nowhere.star").write_text("no star")
    (row,) = ca.survey(maps / "pairs.csv", tmp_path / "out").rows
    assert row["status"] == "done"
    assert row["scf"] is None
    assert "There is no SCF: " in row["warnings"]


def test_a_pair_that_fails_is_a_row_at_the_end(maps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = maps / "isotropic_half2.mrc"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    (maps / "pairs.csv").write_text(
        "name,half1\nlost,lost_half1.mrc\nalone,isotropic_half1.mrc\nfine,missing-cone_half1.mrc\n"
    )
    out = tmp_path / "out"
    assert main(["survey", str(maps / "pairs.csv"), "-o", str(out)]) == 3
    shown = capsys.readouterr()
    assert "1 of 3 pairs analyzed, 2 failed" in shown.out
    assert "! lost: " in shown.err
    rows = table(out)
    assert [(row["name"], row["status"]) for row in rows] == [("fine", "done"), ("lost", "failed"), ("alone", "failed")]
    assert "truncated" in rows[2]["reason"]
    assert rows[2]["rank"] == ""
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["fine"]
    assert "is truncated" in (out / "index.html").read_text(encoding="utf-8")
    with pytest.raises(ResultError, match=r"The pair 'alone' was not analyzed: .*truncated"):
        ca.survey(maps / "pairs.csv", out).result("alone")


def test_what_nobody_foresaw_is_a_reason_too(
    maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(survey_pair, "analyze", lambda *_args, **_options: {}["x"])
    found = ca.survey(maps, tmp_path / "out")
    assert {row["reason"] for row in found.rows} == {"Unexpected KeyError: 'x'"}
    assert "Traceback" in caplog.text


def test_maps_that_change_while_they_are_read_are_told_of(
    maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze = survey_pair.analyze

    def slow(half_maps: ca.HalfMaps, **options: Any) -> ca.AnalysisResult:
        found = analyze(half_maps, **options)
        os.utime(half_maps.files[1], (1, 1))
        return found

    monkeypatch.setattr(survey_pair, "analyze", slow)
    found = ca.survey([maps / "isotropic_half1.mrc"], tmp_path / "out")
    assert "isotropic_half2.mrc has changed while it was read" in found.rows[0]["reason"]


def test_what_exists_and_is_not_ours_stays(maps: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "isotropic").mkdir(parents=True)
    (out / "isotropic" / "thesis.txt").write_text("mine")
    found = ca.survey(maps, out)
    assert [row["name"] for row in found.failed] == ["isotropic"]
    assert "isn't overwritten" in found.failed[0]["reason"]
    assert (out / "isotropic" / "thesis.txt").read_text() == "mine"
    (out / "table.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"table\.csv isn't overwritten"):
        ca.survey(maps, out)
    assert (out / "table.csv").read_text() == "mine"


def test_settings_are_refused_before_any_work(maps: Path, tmp_path: Path, analyses: list[str]) -> None:
    for settings, words in (
        ({"cone_half_angle": 90.0}, "half-angle is 90"),
        ({"n_axes": 5}, "number of axes is 5"),
        ({"axis": 21}, "survey knows no setting 'axis'"),
        ({"symmetry": "Q3"}, "Q3"),
        ({"mask": "tight"}, "mask is 'tight'"),
        ({"rank_by": "beauty"}, "can't be ranked by 'beauty'"),
    ):
        with pytest.raises(SettingsError, match=words):
            ca.survey(maps, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()
    assert analyses == []


def test_masks_are_made_where_asked_for(maps: Path, tmp_path: Path) -> None:
    z, y, x = np.ogrid[-16:16, -16:16, -16:16]
    particle = 9 * np.exp(-(z**2 + y**2 + x**2) / 40)
    for number in (1, 2):
        noise = np.random.default_rng(number).normal(size=(32, 32, 32))
        ca.write_map(maps / f"blob_half{number}.mrc", (particle + noise).astype(np.float32), 2.0)
    found = ca.survey([maps / "blob_half1.mrc"], tmp_path / "auto", mask="auto")
    assert found.rows[0]["mask"] == "auto"
    ca.write_map(maps / "isotropic_mask.mrc", np.ones((32, 32, 32), np.float32), 2.0)
    found = ca.survey([maps / "isotropic_half1.mrc"], tmp_path / "out")
    assert found.rows[0]["mask"] == "isotropic_mask.mrc"
    found = ca.survey([maps / "isotropic_half1.mrc"], tmp_path / "out", mask="none")
    assert found.rows[0]["mask"] == "none"


def test_compact_results_are_small_and_load(maps: Path, tmp_path: Path) -> None:
    whole = ca.survey([maps / "isotropic_half1.mrc"], tmp_path / "whole")
    small = ca.survey([maps / "isotropic_half1.mrc"], tmp_path / "small", compact=True)
    sizes = [(found.folder / "isotropic" / "result.npz").stat().st_size for found in (whole, small)]
    assert sizes[1] < 0.4 * sizes[0]
    assert small.result("isotropic").fso.middle.resolution == whole.result("isotropic").fso.middle.resolution
    assert small.rows[0]["area_ratio"] == whole.rows[0]["area_ratio"]
    one, other = (found.result("isotropic") for found in (small, whole))
    assert one.dfsc.values.dtype == np.float64
    np.testing.assert_allclose(one.dfsc.values, other.dfsc.values, rtol=1e-6)
    assert one.summary()["verdict"] == other.summary()["verdict"]
    told = [found.with_symmetry("C3").summary()["verdict"]["noise_ratio"] for found in (one, other)]
    assert told[0] == pytest.approx(told[1], rel=1e-4)


def test_a_table_is_read_back_as_it_was(maps: Path, tmp_path: Path) -> None:
    (maps / "lost_half1.mrc").write_bytes(b"no map")
    (maps / "lost_half2.mrc").write_bytes(b"no map")
    found = ca.survey(maps, tmp_path / "out", rank_by="sphericity")
    again = ca.load_survey(tmp_path / "out")
    assert (again.by, len(again), len(again.failed)) == ("sphericity", 4, 1)
    for mine, theirs in zip(found.rows, again.rows, strict=True):
        assert {k: v for k, v in mine.items() if isinstance(v, str)} == {
            k: v for k, v in theirs.items() if isinstance(v, str)
        }
        numbers = {k: v for k, v in mine.items() if isinstance(v, (int, float))}
        assert {k: theirs[k] for k in numbers} == pytest.approx(numbers, rel=1e-8)
    assert again.result("isotropic").settings.n_axes == 321
    (tmp_path / "out" / "table.csv").write_text("name,rank\nx,first\n")
    with pytest.raises(ResultError, match="is no table of a survey"):
        ca.load_survey(tmp_path / "out")


# --- going on ----------------------------------------------------------------------------


def test_nothing_that_finished_is_done_again(maps: Path, tmp_path: Path, analyses: list[str]) -> None:
    out = tmp_path / "out"
    first = ca.survey(maps, out)
    assert len(analyses) == 3
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*")}
    again = ca.survey(maps, out)
    assert len(analyses) == 3
    assert again.rows == first.rows
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/*")} == before


def test_files_that_were_touched_or_moved_are_the_same_by_their_hash(
    maps: Path, tmp_path: Path, analyses: list[str]
) -> None:
    out = tmp_path / "out"
    ca.survey(maps, out)
    for path in maps.iterdir():
        os.utime(path, (1, 1))
    moved = maps.rename(tmp_path / "elsewhere")
    again = ca.survey(moved, out)
    assert len(analyses) == 3
    assert again.rows[0]["half1"] == str(moved / "isotropic_half1.mrc")


def test_a_changed_file_or_setting_is_done_again_and_nothing_else(
    maps: Path, tmp_path: Path, analyses: list[str]
) -> None:
    out = tmp_path / "out"
    ca.survey(maps, out)
    analyses.clear()
    shutil.copy(maps / "missing-cone_half1.mrc", maps / "isotropic_half1.mrc")  # as long as the one before
    shutil.copy(maps / "missing-cone_half2.mrc", maps / "isotropic_half2.mrc")
    changed = ca.survey(maps, out)
    assert analyses == ["isotropic_half1.mrc"]
    by_name = {row["name"]: row for row in changed.rows}
    assert by_name["isotropic"]["sphericity"] == by_name["missing-cone"]["sphericity"]
    analyses.clear()
    ca.survey(maps, out, threshold=0.3)
    assert len(analyses) == 3
    analyses.clear()
    ca.survey(maps, out, threshold=0.3, symmetry="C2")
    assert len(analyses) == 3


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 1}', b"\xff", b"[" * 100_000])
def test_a_spoiled_record_is_made_again(maps: Path, tmp_path: Path, analyses: list[str], content: bytes) -> None:
    out = tmp_path / "out"
    source = [maps / "isotropic_half1.mrc"]
    ca.survey(source, out)
    kept = out / "isotropic" / survey_pair.KEPT
    kept.write_bytes(content)
    (row,) = ca.survey(source, out).rows
    # The folder holds a file that isn't as it was written: it is left alone, and the row says why.
    assert row["status"] == "failed"
    assert "survey.json, changed since it was written" in row["reason"]
    shutil.rmtree(out / "isotropic")
    assert ca.survey(source, out).rows[0]["status"] == "done"


def test_failed_pairs_are_tried_again(maps: Path, tmp_path: Path, analyses: list[str]) -> None:
    good = (maps / "isotropic_half1.mrc").read_bytes()
    (maps / "isotropic_half1.mrc").write_bytes(good[:3000])
    assert len(ca.survey(maps, tmp_path / "out").failed) == 1
    (maps / "isotropic_half1.mrc").write_bytes(good)
    analyses.clear()
    assert ca.survey(maps, tmp_path / "out").failed == ()
    assert analyses == ["isotropic_half1.mrc"]


def test_stopping_keeps_what_is_finished(maps: Path, tmp_path: Path, analyses: list[str]) -> None:
    cancel = threading.Event()

    def stop(_stage: str, done: int, _total: int) -> None:
        if done:
            cancel.set()

    execution = ca.Execution("synchronous", progress=stop, cancel=cancel)
    with pytest.raises(Cancelled):
        ca.survey(maps, tmp_path / "out", execution=execution)
    assert [row["status"] for row in table(tmp_path / "out")] == ["done"]
    assert len(analyses) == 1
    assert len(ca.survey(maps, tmp_path / "out")) == 3
    assert len(analyses) == 3


def run_until(arguments: list[str], ready: Callable[[], bool], number: int) -> int:
    """Send a signal to a process once something is there."""
    process = subprocess.Popen([*AWAKE, sys.executable, "-m", "cryoaniso_nb", *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    process.send_signal(number)
    return process.wait(timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_killed_survey_goes_on_where_it_was(
    maps: Path, tmp_path: Path, analyses: list[str], number: int, code: int
) -> None:
    for name in ("more", "still", "yet", "again", "last"):
        for half in (1, 2):
            shutil.copy(maps / f"isotropic_half{half}.mrc", maps / f"{name}_half{half}.mrc")
    out = tmp_path / "out"
    arguments = ["survey", str(maps), "-o", str(out), "--scheduler", "synchronous", "--axes", "5121"]
    assert run_until(arguments, lambda: any(out.glob("*/result.npz")), number) == code
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*/result.npz")}
    assert 0 < len(finished) < 8
    for folder in out.glob("*/result.npz"):  # whole or not there
        ca.load_result(folder)
    assert main(arguments) == 0
    assert len(analyses) == 8 - len(finished)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert not [path.name for path in out.iterdir() if path.name.startswith(".cryoaniso-")]


# --- many at once ------------------------------------------------------------------------


def test_a_cluster_gives_the_same_table(maps: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here = ca.survey(maps, tmp_path / "here")
    with distributed.Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as client:
        there = ca.survey(maps, tmp_path / "there", execution=ca.Execution(client))
    for mine, theirs in zip(here.rows, there.rows, strict=True):
        assert mine["name"] == theirs["name"]
        assert mine["sphericity"] == pytest.approx(theirs["sphericity"], abs=1e-6)
        assert mine["rank"] == theirs["rank"]


def test_rows_come_as_they_are_finished(maps: Path, tmp_path: Path) -> None:
    plan = plan_survey(maps, tmp_path / "out")
    seen = [len(found) for found in iter_survey(plan, execution=ca.Execution("synchronous"))]
    assert seen == [1, 2, 3, 3]
    assert [len(found) for found in iter_survey(plan)] == [3]


# --- ranks -------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.sampled_from([0.5, 0.7, 0.7, 0.9]), st.floats(0, 1)), max_size=12))
def test_ranks_count_the_worse_and_percentiles_the_better(values: list[float | None]) -> None:
    ranked = with_ranks([{"status": "done", "sphericity": value} for value in values], "sphericity")
    known = [value for value in values if value is not None]
    for row, value in zip(ranked, values, strict=True):
        if value is None:
            assert (row["rank"], row["percentile"]) == (None, None)
            continue
        assert row["rank"] == 1 + sum(other < value for other in known)  # a smaller sphericity is worse
        others = len(known) - 1
        equal = known.count(value) - 1
        better = sum(other > value for other in known)
        assert row["percentile"] == (pytest.approx(100 * (better + equal / 2) / others) if others else None)


def test_a_greater_ratio_is_worse_and_nan_has_no_rank() -> None:
    rows = [{"status": "done", "effect_ratio": value} for value in (1.1, 2.0, float("nan"), None)]
    assert [row["rank"] for row in with_ranks(rows)] == [2, 1, None, None]


# --- the page ----------------------------------------------------------------------------


class Page(HTMLParser):
    """Tags, links and sources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_the_page_links_to_every_pair_and_asks_nothing_of_the_network(maps: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (maps / "pairs.csv").write_text("name,half1\nä <b>&amp,isotropic_half1.mrc\n../x,missing-cone_half1.mrc\n", "utf-8")
    found = ca.survey(maps / "pairs.csv", out)
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    from urllib.parse import unquote

    pages = [link for link in page.links if link.endswith("index.html")]
    assert len(pages) == 2
    for link in page.links:
        assert (out / unquote(link)).is_file()
    assert "b" not in page.tags
    assert page.tags.count("svg") == 2
    for row in found.rows:
        single = Page((out / row["folder"] / "index.html").read_text(encoding="utf-8"))
        assert single.tags.count("b") == 1  # the sentence at the top, not the pair's name
        for link in single.links:
            assert link.startswith("data:") or (out / row["folder"] / unquote(link)).is_file()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "</small><img src=x onerror=y>", "'\"><svg onload=z>"])
def test_names_paths_and_reasons_are_text(text: str) -> None:
    row = {"name": text, "folder": text, "status": "failed", "reason": text, "half1": text, "mask": text}
    page = Page(index_page([row, {**row, "status": "done"}], {}, "sphericity", text))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert page.tags.count("svg") == 0


def test_the_page_of_500_pairs_is_small() -> None:
    x = np.arange(1, 65) / 64
    rng = np.random.default_rng(0)
    rows, curves = [], {}
    for number in range(500):
        name = f"project-{number}/Refine3D/job{number:03d}"
        row: dict[str, Any] = {column.name: 1000 * rng.random() for column in COLUMNS if column.digits >= 0}
        row |= {"name": name, "folder": name, "status": "done", "cause": "particle", "mask": "mask.mrc"}
        row |= {"half1": f"/data/facility/2026/{name}/run_half1_class001_unfil.mrc", "rank": 1, "percentile": 50.0}
        rows.append(row)
        curves[name] = {"x": x.tolist(), "fso": rng.random(64).tolist(), "fsc": rng.random(64).tolist()}
    assert len(index_page(rows, curves, "sphericity", "x").encode()) < 2 * 10**6


# --- EMDB --------------------------------------------------------------------------------


def test_entries_of_emdb_are_surveyed_and_not_fetched_again(
    emdb_server: EmdbServer, tmp_path: Path, analyses: list[str]
) -> None:
    for number, preset in ((8001, "isotropic"), (8002, "missing-cone")):
        emdb_server.put_entry(number, ca.simulate_half_maps(box=32, voxel_size=2.0, preset=preset, seed=1))
    emdb_server.put_record(record(8003, interpretation={}), 8003)
    options = {"fetch": emdb_server.options(tmp_path / "cache"), "compact": True}
    found = ca.survey("EMD-8001..8004", tmp_path / "out", **options)
    assert [(row["name"], row["status"]) for row in found.rows] == [
        ("EMD-8001", "done"),
        ("EMD-8002", "done"),
        ("EMD-8003", "no half maps"),
        ("EMD-8004", "no entry"),
    ]
    assert found.failed == ()
    assert found.rows[0]["symmetry"] == "C3"
    assert found.rows[0]["half1"].endswith("emd_8001_half_map_1.map.gz")
    assert "EMD-8003 has no half maps" in found.rows[2]["reason"]
    assert "no entry EMD-8004" in found.rows[3]["reason"]
    assert not list((tmp_path / "cache").iterdir())
    asked = len(emdb_server.requests)
    assert len([path for path, _ in emdb_server.requests if path.endswith(".gz")]) == 4
    again = ca.survey("EMD-8001..8004", tmp_path / "out", **options)
    assert again.rows[0]["half1"] == found.rows[0]["half1"]
    assert len(emdb_server.requests) == asked  # nor is what isn't there asked for again
    assert [row["status"] for row in again.rows] == [row["status"] for row in found.rows]
    assert len(analyses) == 2


def test_maps_that_were_in_the_cache_before_stay(emdb_server: EmdbServer, tmp_path: Path) -> None:
    options = emdb_server.options(tmp_path / "cache")
    ca.fetch_emdb(8731, **options)
    found = ca.survey("EMD-8731", tmp_path / "out", fetch=options)
    assert found.rows[0]["status"] == "done"
    assert len(list((tmp_path / "cache").rglob("*.gz"))) == 2


def test_one_entry_is_analyzed_by_its_code(
    emdb_server: EmdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRYOANISO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CRYOANISO_EMDB_API", f"{emdb_server.url}/api")
    monkeypatch.setenv("CRYOANISO_EMDB_FILES", f"{emdb_server.url}/structures")
    assert main(["analyze", "EMD-8731", "--no-figure", "-o", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().err
    assert "EMD-8731: A trimer, tilted" in shown
    assert "symmetry C3" in shown
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"]["mask"] == "emd_8731_msk_1.map"
    assert summary["inputs"][0]["name"] == "emd_8731_half_map_1.map.gz"
    assert main(["analyze", "EMD-9999", "-o", str(tmp_path / "other")]) == 2


def test_one_half_or_a_job_is_enough(maps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ca.write_map(maps / "isotropic_mask.mrc", np.ones((32, 32, 32), np.float32), 2.0)
    options = ["--no-figure", "--overwrite", "-o", str(tmp_path / "out")]
    assert main(["analyze", str(maps / "isotropic_half2.mrc"), *options]) == 0
    assert "mask: isotropic_mask.mrc (--mask none leaves it out)" in capsys.readouterr().err
    found = ca.load_result(tmp_path / "out")
    assert [item.name for item in found.inputs] == ["isotropic_half1.mrc", "isotropic_half2.mrc", "isotropic_mask.mrc"]
    assert main(["analyze", str(maps / "isotropic_half2.mrc"), "--mask", "none", *options]) == 0
    assert ca.load_result(tmp_path / "out").settings.mask == "none"
    assert main(["analyze", str(maps), *options]) == 2
    assert "holds 3 pairs of half maps" in capsys.readouterr().err
    assert main(["filter", str(maps / "isotropic_half1.mrc"), "-o", str(tmp_path / "filtered")]) == 0
