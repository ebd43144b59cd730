"""An atlas: a survey over a range of EMDB entries, served by this machine, and what it tells of one map."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from emdb_server import EmdbServer, record, status

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import Cancelled, MapError, SettingsError
from cryoaniso_nb.inputs.emdb_cache import mark_passing
from cryoaniso_nb.surveys import pair as survey_pair
from cryoaniso_nb.surveys.pairs import entries_of

N = int(os.environ.get("CRYOANISO_ATLAS_ENTRIES", "20"))  # 200 is what a small atlas would have
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
