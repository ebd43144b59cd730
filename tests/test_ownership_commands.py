"""No one loses data, whatever is asked of the command line."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.cli import build_parser, main
from cryoaniso_nb.commands import NAMES
from cryoaniso_nb.commands._inputs import InputPath, given_inputs
from cryoaniso_nb.commands.simulate import VIEWS
from cryoaniso_nb.outputs.folder import write_analysis
from cryoaniso_nb.results.ownership import MARK
from cryoaniso_nb.simulate.particles import DISTRIBUTIONS


@pytest.fixture
def place(tmp_path: Path, small_pair: ca.HalfMaps, small_result: ca.AnalysisResult, monkeypatch: pytest.MonkeyPatch):
    """A working folder with half maps, a model, poses and an analysis."""
    monkeypatch.chdir(tmp_path)
    for name, half in (("h1.mrc", small_pair.half1), ("h2.mrc", small_pair.half2)):
        ca.write_map(name, half, small_pair.voxel_size)
    write_analysis(small_result, "an", figure=False)
    return tmp_path


@pytest.fixture
def refused(place: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., None]]:
    """Run a command that must refuse with these words, in one sentence, and change nothing."""

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    def run(argv: str, words: str) -> None:
        before = contents()
        assert main(argv.split()) == 2
        shown = capsys.readouterr()
        assert words in shown.err
        assert shown.err.startswith("cryoaniso: ")
        assert shown.err.count("\n") == 1
        assert shown.out == ""
        assert contents() == before

    return run


def test_half_maps_that_lie_in_the_output_folder_stay(refused: Callable[..., None], place: Path) -> None:
    """It deleted them, with exit code 0 and no word."""
    (place / "sim").mkdir()
    for name in ("h1.mrc", "h2.mrc"):
        shutil.copy(name, f"sim/{name}")
    Path("sim/summary.json").write_text("{}")
    for command in ("analyze", "filter"):
        refused(f"{command} sim/h1.mrc sim/h2.mrc -o sim --overwrite", "sim holds an input of this run (sim/h1.mrc)")
    for command in ("analyze", "filter"):
        refused(f"{command} h1.mrc h2.mrc -o sim --overwrite", "no list of what this program wrote there")


def test_half_maps_in_a_folder_of_ours_stay(refused: Callable[..., None], place: Path) -> None:
    """Those that `simulate` made are this program's and unchanged, and still inputs."""
    from cryoaniso_nb.results.writing import written_folder

    with written_folder("sim") as folder:
        for name in ("h1.mrc", "h2.mrc"):
            shutil.copy(name, folder / name)
    refused("analyze sim/h1.mrc sim/h2.mrc -o sim --overwrite", "sim holds an input of this run (sim/h1.mrc)")
    refused("analyze h1.mrc sim/h2.mrc -o sim --overwrite", "sim holds an input of this run (sim/h2.mrc)")


def test_a_folder_of_the_users_with_a_summary_stays(refused: Callable[..., None], place: Path) -> None:
    (place / "thesis").mkdir()
    for name in ("summary.json", "thesis.tex"):
        Path("thesis", name).write_text("{}")
    refused("analyze h1.mrc h2.mrc -o thesis --overwrite", "choose another folder, or delete it yourself")
    refused("demo -o thesis --overwrite", "no list of what this program wrote")
    refused("metrics an -o thesis --overwrite", "no list of what this program wrote")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("threedfsc h1.mrc h2.mrc -o h1.mrc --overwrite", "h1.mrc is an input of this run (h1.mrc)"),
        ("threedfsc h1.mrc h2.mrc -o h1.mrc", "h1.mrc is an input of this run"),
        ("threedfsc an -o an/result.npz --overwrite", "an/result.npz is an input of this run"),
        ("report an -o an/result.npz --overwrite", "an/result.npz is an input of this run"),
        ("report an/result.npz -o an/result.npz --overwrite", "an/result.npz is an input of this run"),
        ("report an -o an --overwrite", "an is a folder"),
        ("report an --half-maps h1.mrc h2.mrc -o h2.mrc --overwrite", "h2.mrc is an input"),
        ("report an --fsc an/curves.csv -o an/curves.csv --overwrite", "an/curves.csv is an input"),
        ("metrics an -o an --overwrite", "an is an input of this run (an)"),
        ("metrics an/result.npz -o an --overwrite", "an holds an input of this run (an/result.npz)"),
        ("filter h1.mrc h2.mrc --result an -o an --overwrite", "an is an input of this run"),
        ("filter h1.mrc h2.mrc --apply-to an/x.mrc --mask an/m.mrc -o an", "an exists already"),
        ("poses p.star --result an -o an --overwrite", "an is an input of this run"),
        ("tilt p.star --result an -o an --overwrite", "an is an input of this run"),
        ("model h1.mrc m.cif -o h1.mrc --overwrite", "h1.mrc is a file, but a folder is to be written"),
        ("analyze h1.mrc h2.mrc -o . --overwrite", ". holds an input of this run (h1.mrc)"),
        ("export an --format csv -o an", "an/curves.csv exists already"),
        ("export an --format csv -o h1.mrc", "h1.mrc is a file"),
    ],
)
def test_an_input_is_never_the_output(refused: Callable[..., None], argv: str, words: str) -> None:
    refused(argv, words)


def test_an_export_never_replaces_what_it_reads(refused: Callable[..., None], place: Path) -> None:
    Path("an/curves.csv").rename("an/fso.xmd")
    refused("export an --format xmipp -o an --overwrite", "an/fso.xmd isn't overwritten")
    shutil.copy("an/result.npz", "fso.xmd")
    refused("export fso.xmd --format xmipp --overwrite", "fso.xmd is an input of this run")


def test_a_report_beside_the_result_joins_the_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "an", "-o", "an/report.html"]) == 0
    assert main(["report", "an", "-o", "an/report.html", "--overwrite"]) == 0
    report = Path("an/report.html").read_text(encoding="utf-8")
    Path("an/report.html").write_text(report + "<!-- my notes -->", encoding="utf-8")
    assert main(["analyze", "h1.mrc", "h2.mrc", "-o", "an", "--overwrite", "--no-figure"]) == 2
    assert "report.html, changed since it was written" in capsys.readouterr().err
    Path("an/report.html").write_text(report, encoding="utf-8")
    assert main(["analyze", "h1.mrc", "h2.mrc", "-o", "an", "--overwrite", "--no-figure"]) == 0
    assert not Path("an/report.html").exists()


def test_an_export_becomes_part_of_the_folder(place: Path) -> None:
    assert main(["export", "an", "--format", "xmipp", "-o", "an"]) == 0
    assert main(["export", "an", "--format", "xmipp", "-o", "an", "--overwrite"]) == 0
    assert main(["analyze", "h1.mrc", "h2.mrc", "-o", "an", "--overwrite", "--no-figure"]) == 0
    assert not Path("an/fso.xmd").exists()
    assert Path("an", MARK).exists()


# --- every path that a command reads is known as one -------------------------------------

# Options whose value is a word or a number; all else that takes text is read as a path.
WORDS = {
    "command", "output", "parity", "scheduler", "symmetry", "label", "format", "definition", "kind",
    "preset", "bingham", "assembly", "mask_assembly", "save_mask", "remove", "rank_by", "memory_limit",
    "host", "token",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_that_takes_text_is_an_input_or_known_not_to_be(name: str) -> None:
    commands = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    for action in commands.choices[name]._actions:
        takes_text = action.nargs != 0 and action.type not in (int, float) and action.choices is None
        if takes_text and action.dest not in WORDS:
            made = action.type("some/file") if callable(action.type) else None
            assert isinstance(made, InputPath), f"{name}: {action.dest} takes a path and doesn't say so"


def test_inputs_are_found_among_the_arguments(place: Path) -> None:
    argv = "report an an/result.npz --half-maps h1.mrc h2.mrc -o r.html --label h1"
    args = build_parser().parse_args(argv.split(" "))
    assert list(given_inputs(args)) == ["an", "an/result.npz", "an/result.npz", "h1.mrc", "h2.mrc"]
    args = build_parser().parse_args(["analyze", "h1.mrc", "h2.mrc", "--mask", "auto", "-o", "auto"])
    assert list(given_inputs(args)) == ["h1.mrc", "h2.mrc"]


def test_the_words_for_views_are_those_of_the_simulation() -> None:
    assert VIEWS == DISTRIBUTIONS
