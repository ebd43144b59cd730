"""An atlas: a survey over a range of EMDB entries, served by this machine, and what it tells of one map."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emdb_server import EmdbServer, cut, hang_up, record, status

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import Cancelled, MapError, ResultError, SettingsError
from cryoaniso_nb.inputs import download
from cryoaniso_nb.inputs.emdb_cache import mark_passing
from cryoaniso_nb.outputs.report import report_html
from cryoaniso_nb.statistics.standing import STANDINGS, standing
from cryoaniso_nb.summary.standing import standing_numbers, standing_sentence
from cryoaniso_nb.surveys import pair as survey_pair
from cryoaniso_nb.surveys.pairs import entries_of
from cryoaniso_nb.surveys.table import write_index

N = int(os.environ.get("CRYOANISO_ATLAS_ENTRIES", "12"))  # 200 is what a small atlas would have
FIRST = 9001
BARE, GAP = FIRST + 3, FIRST + 7  # an entry without half maps, and a number that isn't one
PRESETS = ("isotropic", "missing-top-views", "missing-side-views", "missing-cone")


@pytest.fixture(scope="module")
def made() -> list[ca.HalfMaps]:
    """Pairs whose anisotropy differs."""
    return [ca.simulate_half_maps(box=24, voxel_size=2.0, preset=preset, seed=seed)
            for seed in range(2) for preset in PRESETS]  # fmt: skip


@pytest.fixture
def emdb(
    made: list[ca.HalfMaps], emdb_server: EmdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> EmdbServer:
    """EMDB with N numbers from FIRST on."""
    for index in range(N):
        number = FIRST + index
        if number == BARE:
            emdb_server.put_record(record(number, interpretation={}), number)
        elif number != GAP:
            emdb_server.put_entry(number, made[index % len(made)])
    monkeypatch.setenv("CRYOANISO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CRYOANISO_EMDB_API", f"{emdb_server.url}/api")
    monkeypatch.setenv("CRYOANISO_EMDB_FILES", f"{emdb_server.url}/structures")
    return emdb_server


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the half maps that are analyzed."""
    done: list[str] = []
    analyze = survey_pair.analyze

    def counted(maps: ca.HalfMaps, **options: Any) -> ca.AnalysisResult:
        done.append(maps.inputs[0].name)
        return analyze(maps, **options)

    monkeypatch.setattr(survey_pair, "analyze", counted)
    return done


def test_a_range_is_surveyed_stopped_and_gone_on_with(
    emdb: EmdbServer, tmp_path: Path, analyses: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, cancel = tmp_path / "atlas", threading.Event()
    entries = f"{FIRST}-{FIRST + N - 1}"
    emdb.next(f"emd_{FIRST + 1}_half_map_1.map.gz", status(403))

    def stop(stage: str, done: int, _total: int) -> None:
        if stage == "pairs" and done > N // 2:
            cancel.set()

    with pytest.raises(Cancelled):
        ca.survey(entries_of([entries]), out, compact=True, execution=ca.Execution(progress=stop, cancel=cancel))
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*/result.npz")}
    assert N // 4 < len(finished) < N - 2
    assert main(["survey", "--emdb", entries, "-o", str(out), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pairs"], told["failed"]) == (N, 0)
    by_name = {row["name"]: row for row in told["rows"]}
    assert by_name[f"EMD-{BARE}"]["status"] == "no half maps"
    assert by_name[f"EMD-{GAP}"]["status"] == "no entry"
    assert sum(row["status"] == "done" for row in told["rows"]) == N - 2
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    assert not [path.name for path in (tmp_path / "cache").rglob("*.gz")]
    analyses.clear()
    emdb.requests.clear()
    assert main(["survey", "--emdb", entries, "-o", str(out), "-q"]) == 0
    assert f"{N - 2} of {N} pairs analyzed, 1 without half maps, 1 not in EMDB" in capsys.readouterr().out
    assert (analyses, emdb.requests) == ([], [])
    sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in out.iterdir() if folder.is_dir()]
    assert max(sizes) < 300_000


def test_lists_of_entries_are_understood(tmp_path: Path) -> None:
    listed = tmp_path / "numbers"
    listed.write_text("11000\n11002\n# no more\n11001-11002\n")
    found = entries_of([str(listed), "EMD-3061, 12000..12001", "11000"])
    assert [pair.emdb for pair in found] == [11000, 11002, 11001, 3061, 12000, 12001]
    with pytest.raises(MapError, match="holds '11k', which is no EMDB code like EMD-11638 or range"):
        entries_of(["11000,11k"])
    with pytest.raises(SettingsError, match="ends before it begins"):
        entries_of(["11003-11000"])


def test_what_a_killed_run_had_fetched_is_deleted_by_the_next(emdb_server: EmdbServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    options: dict[str, Any] = {"fetch": emdb_server.options(cache)}
    assert ca.survey("EMD-8731", tmp_path / "out", **options).failed == ()
    mark_passing(8731, cache=cache)
    ca.fetch_emdb(8731, **options["fetch"])
    ca.survey("EMD-8731", tmp_path / "out", **options)
    assert not list(cache.iterdir())
    ca.survey("EMD-8731", tmp_path / "other", **options, keep_maps=True)
    assert len(list(cache.rglob("*.gz"))) == 2


def test_a_download_that_was_cut_goes_on_in_the_next_run(
    emdb_server: EmdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "WAIT", 0.0)
    cache, name = tmp_path / "cache", "emd_8731_half_map_2.map.gz"
    options: dict[str, Any] = {"fetch": emdb_server.options(cache)}
    emdb_server.next(name, cut(), *[hang_up] * (download.TRIES - 1))
    first = ca.survey("EMD-8731", tmp_path / "out", **options)
    assert "Can't fetch" in first.rows[0]["reason"]
    emdb_server.requests.clear()
    assert ca.survey("EMD-8731", tmp_path / "out", **options).rows[0]["status"] == "done"
    (asked,) = [(path, part) for path, part in emdb_server.requests if path.endswith(".gz")]
    assert asked[0].endswith(name)
    assert asked[1].startswith("bytes=")
    assert not list(cache.iterdir())


def test_nothing_to_analyze_is_told_by_the_exit_code(emdb: EmdbServer, tmp_path: Path) -> None:
    assert main(["survey", "--emdb", f"{BARE},{GAP}", "-o", str(tmp_path / "out"), "-q"]) == 3
    assert main(["survey", "-o", str(tmp_path / "out"), "-q"]) == 2


def test_a_cluster_surveys_entries_too(emdb: EmdbServer, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as client:
        address = client.scheduler.address
        entries = f"{BARE - 2}-{BARE}"
        assert main(["survey", "--emdb", entries, "--scheduler", address, "-o", str(tmp_path / "out"), "-q"]) == 0
    found = ca.load_survey(tmp_path / "out")
    assert [row["status"] for row in found.rows] == ["done", "done", "no half maps"]


# --- where a map stands ------------------------------------------------------------------


def rows_of(n: int, **more: Any) -> list[dict[str, Any]]:
    """An atlas whose effect ratios are 1.00, 1.01, ... and whose sphericities fall alike."""
    return [
        {"name": str(i), "status": "done", "fsc_0.143_angstrom": 4.0, "symmetry": "C3", "effect_ratio": 1 + i / 100,
         "sphericity": 1 - i / 100, **more}
        for i in range(n)
    ]  # fmt: skip


def test_percentiles_count_the_less_anisotropic() -> None:
    numbers = {"fsc_0.143_angstrom": 4.2, "effect_ratio": 1.295, "sphericity": 0.9, "noise_ratio": float("nan")}
    found = standing(numbers, "C7", rows_of(40))
    assert found.percentiles["effect_ratio"] == 75  # 30 of 40 are smaller
    assert found.percentiles["sphericity"] == pytest.approx(100 * 10.5 / 40)  # 10 are larger, one is equal
    assert np.isnan(found.percentiles["noise_ratio"])
    assert np.isnan(found.percentiles["worst_over_median"])
    assert (found.n_alike, found.n_table) == (40, 40)


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({}, 25),
        ({"symmetry": "C5"}, 25),
        ({"symmetry": None}, 0),
        ({"symmetry": "C1"}, 0),
        ({"symmetry": "D3"}, 0),
        ({"symmetry": "helical"}, 0),
        ({"status": "failed"}, 0),
        ({"fsc_0.143_angstrom": 6.01}, 0),
        ({"fsc_0.143_angstrom": 5.99}, 25),
        ({"fsc_0.143_angstrom": 2.66}, 0),
        ({"fsc_0.143_angstrom": None}, 0),
        ({"fsc_0.143_angstrom": float("nan")}, 0),
    ],
)
def test_maps_like_it_are_near_in_resolution_and_symmetry(change: dict[str, Any], alike: int) -> None:
    found = standing({"fsc_0.143_angstrom": 4.0, "effect_ratio": 9.0}, "C3", rows_of(25, **change))
    assert found.n_alike == alike
    assert found.percentiles["effect_ratio"] == pytest.approx(100.0 if alike else float("nan"), nan_ok=True)


def test_too_few_are_told_and_no_number_is() -> None:
    found = standing({"fsc_0.143_angstrom": 4.0, "effect_ratio": 9.0}, "C3", rows_of(19))
    assert np.isnan(found.percentiles["effect_ratio"])
    assert "Too few maps like it (n = 19:" in standing_sentence(found)
    unknown = standing({"fsc_0.143_angstrom": float("nan")}, "C3", rows_of(40))
    assert "its global resolution isn't known" in standing_sentence(unknown)
    with pytest.raises(ResultError, match="has no column fsc_"):
        standing({}, "C3", [{"x": 1}], table="a.csv")


@pytest.fixture(scope="module")
def atlas(made: list[ca.HalfMaps], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A survey of eight simulated maps, and its table with each of them three times."""
    folder = tmp_path_factory.mktemp("atlas")
    (folder / "maps").mkdir()
    for number, maps in enumerate(made):
        for half in (1, 2):
            ca.write_map(folder / "maps" / f"m{number}_half{half}.mrc", (maps.half1, maps.half2)[half - 1], 2.0)
    found = ca.survey(folder / "maps", folder / "one")
    rows = [{**row, "name": f"{row['name']}-{again}"} for row in found.rows for again in range(3)]
    write_index(folder / "atlas", rows, {}, found.by)
    return folder


def test_a_map_has_the_numbers_that_the_table_has(atlas: Path) -> None:
    for row in ca.load_survey(atlas / "one").rows:
        numbers = standing_numbers(ca.load_survey(atlas / "one").result(row["name"]))
        for name in ("fsc_0.143_angstrom", *STANDINGS):
            assert numbers[name] == pytest.approx(row[name] if row[name] is not None else float("nan"), nan_ok=True)


def test_analyze_says_where_a_map_stands(atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps, out = atlas / "maps" / "m3_half1.mrc", tmp_path / "out"
    table = tmp_path / "mine.csv"
    table.write_bytes((atlas / "atlas" / "table.csv").read_bytes())
    assert main(["analyze", str(maps), "--against", str(table), "--no-figure", "-o", str(out), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)["standing"]
    assert told["maps"] == 24
    assert told["table"] == "mine.csv"
    result = ca.load_result(out)
    assert result.standing is not None
    if told["maps_like_it"] >= 20:
        assert 0 <= told["effect_ratio_percentile"] <= 100
    assert told["text"] in report_html(result)
    again = result.with_cones(threshold=0.2)
    assert again.standing is None
    assert again.dropped == {"standing": "with_standing(table)"}
    assert result.with_symmetry("C3").standing is None


def test_parquet_folders_and_data_frames_give_the_same(atlas: Path) -> None:
    pytest.importorskip("pyarrow")
    result = ca.load_survey(atlas / "one").result("m1")
    survey = ca.load_survey(atlas / "atlas")
    wanted = result.percentile_among(survey)
    assert wanted.table == "atlas"
    others = [ca.load_survey(atlas / "atlas" / "table.parquet"), survey.to_dataframe(), list(survey.rows)]
    for found in map(result.percentile_among, others):
        assert found.counts == wanted.counts
        assert found.percentiles == pytest.approx(wanted.percentiles, nan_ok=True)
    with pytest.raises(ResultError, match="must be read first"):
        result.percentile_among(str(atlas))


def test_another_table_is_refused(atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "other.csv"
    table.write_text("a,b\n1,2\n")
    halves = str(atlas / "maps" / "m0_half1.mrc")
    assert main(["analyze", halves, "--against", str(table), "-o", str(tmp_path / "out")]) == 2
    assert "is no table of a survey: it has no column 'name'" in capsys.readouterr().err
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    assert main(["analyze", halves, "--against", str(tmp_path / "x.parquet"), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
