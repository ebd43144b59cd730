"""The folder of an analysis: complete, strict and repeatable, or not there."""

from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import OutputError
from cryoaniso_nb.outputs.folder import write_analysis, write_table
from cryoaniso_nb.results.cautions import CODES
from cryoaniso_nb.results.ownership import MARK
from cryoaniso_nb.results.targets import folder_target
from cryoaniso_nb.results.types import ResolutionFlag

FILES = {"curves.csv", "directional_resolution.csv", "summary.json", "figure.png", "figure.svg", "result.npz", MARK}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def column(path: Path, name: str) -> list[float]:
    return [float(row[name]) if row[name] else float("nan") for row in rows(path)]


def test_all_files_are_there_and_nothing_beside_them(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    out = write_analysis(small_result, tmp_path / "deep" / "out")
    assert {path.name for path in out.iterdir()} == FILES
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (out / "figure.svg").read_text()


def test_curves_hold_what_the_result_holds(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    path = write_analysis(small_result, tmp_path / "out", figure=False) / "curves.csv"
    header = path.read_text().split("\n")[0]
    assert header == "shell,frequency,resolution,fsc,fsc_unmasked,fso,bingham,p_textbook,p_published"
    r = small_result
    expected = {
        "shell": np.arange(1, 25),
        "frequency": r.fso.frequency,
        "resolution": 1 / r.fso.frequency,
        "fsc": r.global_fsc.fsc,
        "fsc_unmasked": r.global_fsc.fsc_unmasked,
        "fso": r.fso.occupancy,
        "bingham": r.bingham.statistic,
        "p_textbook": r.bingham.p_textbook,
        "p_published": r.bingham.p_published,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(column(path, name), values, rtol=1e-8, err_msg=name)
    assert np.isnan(r.bingham.statistic[0])  # and its field is empty, not "nan"
    assert rows(path)[0]["bingham"] == ""


def test_directions_hold_what_the_result_holds(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    path = write_analysis(small_result, tmp_path / "out", figure=False) / "directional_resolution.csv"
    d = small_result.directional_resolution
    found = rows(path)
    assert list(found[0]) == ["zenith", "azimuth", "resolution", "flag", "first_crossing"]
    assert [row["flag"] for row in found] == [ResolutionFlag(f).label for f in d.flag.tolist()]
    np.testing.assert_allclose(column(path, "resolution"), d.resolution, rtol=1e-8)
    np.testing.assert_allclose(column(path, "zenith"), d.zenith, atol=1e-6)
    crossed = np.array([row["resolution"] != "" for row in found])
    np.testing.assert_array_equal(crossed, d.measured)


def test_a_calibrated_curve_gets_its_column(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    values = np.linspace(0, 1, 24)
    result = small_result.replace(bingham=small_result.bingham.replace(p_calibrated=values))
    path = write_analysis(result, tmp_path / "out", figure=False) / "curves.csv"
    np.testing.assert_allclose(column(path, "p_calibrated"), values, rtol=1e-8)


def test_the_summary_is_strict_json(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    unknown = small_result.fso.end.replace(frequency=float("nan"), flag=ResolutionFlag.NOT_CROSSED)
    result = small_result.replace(fso=small_result.fso.replace(end=unknown))
    text = (write_analysis(result, tmp_path / "out", figure=False) / "summary.json").read_text()

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    summary = json.loads(text, parse_constant=refuse)
    assert list(summary)[:4] == ["schema", "kind", "version", "headline"]
    assert summary["fso_0.1_resolution_angstrom"] is None
    assert summary["settings"]["cone_half_angle_degrees"] == 17
    assert [w["text"] for w in summary["warnings"]] == list(small_result.warnings)
    assert all(w["code"] in CODES for w in summary["warnings"])
    assert summary["versions"]["numpy"] == np.__version__
    assert summary["version"] == ca.__version__


def test_the_saved_result_can_be_cut_again(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    out = write_analysis(small_result, tmp_path / "out", figure=False)
    loaded = ca.load_result(out / "result.npz")
    again = loaded.with_cones(cone_half_angle=25)
    np.testing.assert_allclose(again.dfsc.values, small_result.with_cones(cone_half_angle=25).dfsc.values)


def test_the_same_result_gives_the_same_bytes(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    first, second = (write_analysis(small_result, tmp_path / name) for name in ("a", "b"))
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_extra_files_are_part_of_the_folder(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    extra = {"note.txt": lambda path: path.write_text("hello")}
    out = write_analysis(small_result, tmp_path / "out", figure=False, extra_files=extra)
    assert (out / "note.txt").read_text() == "hello"


def test_tables_quote_what_needs_it(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ["a", "b"], [("x,y", None), (np.float64(0.1), np.float64("inf"))])
    assert (tmp_path / "t.csv").read_text() == 'a,b\n"x,y",\n0.1,\n'


# --- all or nothing ----------------------------------------------------------------------


def stopped(*_: Any) -> None:
    raise KeyboardInterrupt


def test_whatever_stops_the_writing_leaves_nothing(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_analysis(small_result, tmp_path / "new" / "out", figure=False, extra_files={"x": stopped})
    assert list(tmp_path.iterdir()) == []


def test_overwriting_keeps_the_old_folder_until_the_new_one_is_whole(
    tmp_path: Path, small_result: ca.AnalysisResult
) -> None:
    out = write_analysis(small_result, tmp_path / "out", figure=False, extra_files={"old": Path.touch})
    with pytest.raises(KeyboardInterrupt):
        write_analysis(small_result, out, overwrite=True, figure=False, extra_files={"x": stopped})
    assert (out / "old").exists()
    write_analysis(small_result, out, overwrite=True, figure=False)
    assert not (out / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)  # root, who runs many a CI, may write anywhere
    with pytest.raises(OutputError, match="out: permission denied; choose a folder"):
        folder_target(tmp_path / "out")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that takes no folders")
def test_a_folder_that_takes_none_is_named_before_the_run() -> None:
    with pytest.raises(OutputError, match="choose a folder you can write to"):
        folder_target("/proc/out")
