"""What scripts rely on: --json, --quiet, one schema for every document, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.cli import build_parser, main
from cryoaniso_nb.commands import NAMES
from cryoaniso_nb.summary.document import SCHEMA_NUMBER, document, schema

VALIDATOR = jsonschema.Draft202012Validator(schema())
ATOM = "ATOM  {:5d}  CA  GLY A{:4d}    {:8.3f}{:8.3f}{:8.3f}  1.00 20.00           C"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half maps, a mask, poses, a model in them, and an analysis."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    atoms = rng.normal(0, 8, size=(60, 3)) + 32
    lines = [ATOM.format(number, number, *place) for number, place in enumerate(atoms, 1)]
    (folder / "model.pdb").write_text("\n".join([*lines, "END"]) + "\n")
    options = ["--box", "32", "--voxel-size", "2", "--particles", "200", "--snr", "1", "--quiet"]
    assert main(["simulate", str(folder / "model.pdb"), *options, "-o", str(folder / "sim")]) == 0
    halves = [str(folder / "sim" / f"half{number}.mrc") for number in (1, 2)]
    ca.write_map(folder / "mask.mrc", np.ones((32, 32, 32), np.float32), 2.0)
    assert main(["analyze", *halves, "--no-figure", "-q", "-o", str(folder / "analysis")]) == 0
    return folder


def arguments(name: str, place: Path, out: Path) -> list[str]:
    halves = [str(place / "sim" / f"half{number}.mrc") for number in (1, 2)]
    poses, result, model = str(place / "sim" / "poses.star"), str(place / "analysis"), str(place / "model.pdb")
    return {
        "analyze": ["analyze", *halves, "--calibrate", "39", "--band", "49", "--mask", str(place / "mask.mrc"),
                    "--correct-mask", "--no-figure", "-o", str(out)],
        "demo": ["demo", "--box", "32", "--no-figure", "-o", str(out)],
        "threedfsc": ["threedfsc", result, "-o", f"{out}.mrc"],
        "filter": ["filter", *halves, "--resolution", "8", "-o", str(out)],
        "metrics": ["metrics", result, "-o", str(out)],
        "report": ["report", result, "-o", f"{out}.html"],
        "export": ["export", result, "--format", "csv", "-o", str(out)],
        "poses": ["poses", poses, "--result", result, "-o", str(out)],
        "tilt": ["tilt", poses, "--result", result, "--tilts", "0", "30", "-o", str(out)],
        "model": ["model", halves[0], model, "--no-figure", "-o", str(out)],
        "simulate": ["simulate", model, "--box", "32", "--voxel-size", "2", "--particles", "50", "-o", str(out)],
        "survey": ["survey", halves[0], "-o", str(out)],
        "reproduce": ["reproduce", "--stand-ins", "--box", "32", "-o", str(out)],
        "cache": ["cache"],
    }[name]  # fmt: skip


def check(data: Any) -> None:
    """Raise with every fault of a document."""
    faults = [f"{list(fault.path)}: {fault.message[:200]}" for fault in VALIDATOR.iter_errors(data)]
    kind = data.get("kind")
    if faults and kind in schema()["$defs"]:  # say which key, not that none of the kinds fits
        one = jsonschema.Draft202012Validator({**schema()["$defs"][kind], "$defs": schema()["$defs"]})
        faults += [f"{list(fault.path)}: {fault.message[:200]}" for fault in one.iter_errors(data)]
    assert not faults, "\n".join(faults)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema"]["const"] == SCHEMA_NUMBER


def test_every_key_of_the_schema_says_what_it_means() -> None:
    def keys(described: dict[str, Any], path: str) -> list[str]:
        found = []
        for key, value in described.get("properties", {}).items():
            if not {"description", "const", "$ref"} & value.keys() and "properties" not in value:
                found.append(f"{path}.{key}")
            found += keys(value, f"{path}.{key}") + keys(value.get("items", {}), f"{path}.{key}[]")
        return found

    assert [key for kind, described in schema()["$defs"].items() for key in keys(described, kind)] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "serve"])  # which ends only when told to
def test_json_is_one_document_that_fits_the_schema(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CRYOANISO_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    assert main([*arguments(name, place, out), "--json", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    data = json.loads(shown.out)
    check(data)
    assert data["schema"] == SCHEMA_NUMBER
    for path in data["files"]:
        assert Path(path).exists()
    written = list(out.rglob("summary.json"))
    for path in written:
        stored = json.loads(path.read_text(encoding="utf-8"))
        check(stored)
        if name != "survey":
            versions = {"versions", "files"}
            assert {k: v for k, v in stored.items() if k not in versions} == {
                k: v for k, v in data.items() if k not in versions
            }
    assert written or name in ("threedfsc", "report", "export", "cache")


@pytest.mark.parametrize("name", ["analyze", "metrics", "survey"])
def test_quiet_leaves_the_outcome(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main([*arguments(name, place, tmp_path / "a"), "-q"]) == 0
    quiet = capsys.readouterr()
    assert main(arguments(name, place, tmp_path / "b")) == 0
    loud = capsys.readouterr()
    assert quiet.err == ""
    assert loud.err
    assert quiet.out.replace(str(tmp_path / "a"), str(tmp_path / "b")) == loud.out  # steps name the folder


def test_every_command_has_the_options() -> None:
    for name in NAMES:
        with pytest.raises(SystemExit):
            build_parser().parse_args([name, "--json", "--quiet", "-v", "--no-such-option"])
    parsed = build_parser().parse_args(["cache", "--json", "-q", "-vv"])
    assert (parsed.as_json, parsed.quiet, parsed.verbose) == (True, True, 2)
    parsed = build_parser().parse_args(["--json", "-q", "cache"])
    assert (parsed.as_json, parsed.quiet, parsed.verbose) == (True, True, 0)


def test_a_new_key_must_be_described(small_result: ca.AnalysisResult) -> None:
    check(document("analysis", small_result.summary()))
    with pytest.raises(AssertionError, match="'surprise' was unexpected"):
        check(document("analysis", {**small_result.summary(), "surprise": 1}))
    with pytest.raises(AssertionError, match="'nyquist_angstrom' is a required property"):
        check(document("analysis", {k: v for k, v in small_result.summary().items() if k != "nyquist_angstrom"}))


def test_the_json_that_is_exported_holds_the_same_document(place: Path, tmp_path: Path) -> None:
    assert main(["export", str(place / "analysis"), "--format", "json", "-o", str(tmp_path), "-q"]) == 0
    check(json.loads((tmp_path / "analysis.json").read_text(encoding="utf-8"))["summary"])


# --- exit codes --------------------------------------------------------------------------


def test_an_error_is_a_document_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "nowhere1.mrc", "nowhere2.mrc", "-o", str(tmp_path / "out"), "--json"]) == 2
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    check(data)
    assert data["exit_code"] == 2
    assert shown.err == f"cryoaniso: {data['message']}\n"


def fails_with(error: BaseException) -> Callable[..., int]:
    def run(_args: Any) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ca.CryoAnisoError("No."), 2),
        (MemoryError("8 GiB"), 2),
        (KeyError("x"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes_are_stable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    from cryoaniso_nb.commands import cache

    monkeypatch.setattr(cache, "run", fails_with(error))
    assert main(["cache", "--json"]) == code
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    check(data)
    assert data["exit_code"] == code
    assert shown.err.startswith("cryoaniso: ")


def test_some_that_failed_are_told_by_code_and_rows(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "pairs.csv"
    manifest.write_text(f"name,half1,half2\ngood,{place}/sim/half1.mrc,{place}/sim/half2.mrc\nlost,a_half1.mrc,b.mrc\n")
    assert main(["survey", str(manifest), "-o", str(tmp_path / "out"), "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    check(data)
    assert (data["pairs"], data["failed"]) == (2, 1)
    assert [row["status"] for row in data["rows"]] == ["done", "failed"]
