"""What to do next, and the text for a methods section: made from the verdict, with commands that exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from test_verdict import LARGE, SMALL, noise, regions

import cryoaniso_nb as ca
from cryoaniso_nb.cli import build_parser, main
from cryoaniso_nb.errors import ResultError
from cryoaniso_nb.results.cautions import Caution
from cryoaniso_nb.results.types import InputFile
from cryoaniso_nb.summary.methods import bibtex, methods_paragraph, methods_text
from cryoaniso_nb.summary.next_steps import next_steps, steps_html

FILES = (InputFile(role="half1", name="run_half1 a.mrc"), InputFile(role="half2", name="run_half2 a.mrc"))
MASK = InputFile(role="mask", name="mask.mrc")


def changed(r: ca.AnalysisResult, *codes: str, mask: str = "mask.mrc", **more: object) -> ca.AnalysisResult:
    settings = r.settings.replace(mask=mask)
    warnings = tuple(Caution(code, f"about {code}") for code in codes)
    return r.replace(**{"settings": settings, "inputs": (*FILES, MASK), "warnings": warnings, **more})


CASES = [
    ((), {"regions": LARGE, "noise_evenness": noise(1e-6)}, ["--correct-mask", "tilt", "filter", "--symmetry"]),
    ((), {"regions": SMALL, "noise_evenness": noise(0.6, 1.0)}, ["--correct-mask", "--symmetry", "export"]),
    (("no-mask",), {"mask": "none", "regions": SMALL, "noise_evenness": noise(0.6, 1.0)}, ["--mask auto"]),
    (("tight-mask",), {"regions": SMALL, "noise_evenness": noise(0.6, 1.0)}, ["--mask auto"]),
    (("filtered-halves",), {"regions": LARGE, "noise_evenness": noise(0.6, power=0.01)}, ["analyze", "", "poses"]),
    (("identical-halves", "no-mask"), {"regions": LARGE, "noise_evenness": None}, ["analyze"]),
    ((), {"regions": LARGE, "noise_evenness": noise(1e-6), "symmetry_misfit": 0.4}, ["--symmetry C1"]),
]


@pytest.mark.parametrize(("codes", "more", "words"), CASES)
def test_steps_follow_verdict_and_warnings(
    small_result: ca.AnalysisResult, codes: tuple[str, ...], more: dict[str, object], words: list[str]
) -> None:
    r = changed(small_result, *codes, **more)  # type: ignore[arg-type]
    if "symmetry_misfit" in more:
        r = r.replace(settings=r.settings.replace(symmetry="D2"))
    steps = next_steps(r, "my results")
    assert 1 <= len(steps) <= 4
    for step, word in zip(steps, words, strict=False):
        assert word in step.command
    parser = build_parser()
    for step in steps:
        if step.command:
            program, *arguments = shlex.split(step.command)
            assert program == "cryoaniso"
            assert parser.parse_args(arguments).run
    if codes[:1] == ("identical-halves",) or "symmetry_misfit" in more:
        assert len(steps) == 1
    assert steps_html(r).count("<li>") == len(steps)


def test_files_and_folders_are_quoted(small_result: ca.AnalysisResult) -> None:
    r = changed(small_result, regions=LARGE, noise_evenness=noise(1e-6))
    commands = [step.command for step in next_steps(r, "my results")]
    assert "'run_half1 a.mrc' 'run_half2 a.mrc' --mask mask.mrc" in commands[0]
    assert commands[1].endswith("--result 'my results'")


def test_worst_region_bounds_what_to_build(small_result: ca.AnalysisResult) -> None:
    r = changed(small_result, regions=LARGE, noise_evenness=noise(0.6, 1.0))
    assert any(step.text.startswith("Build no detail finer than 8.4 Å around z within 30°;") for step in next_steps(r))
    vague = changed(small_result, regions=regions(1.1, 1.0, 1.3), noise_evenness=noise(0.6, 1.0))
    assert not any("Build no" in step.text for step in next_steps(vague))


def test_noise_has_one_step_alone() -> None:
    a, b = np.random.default_rng(5).standard_normal((2, 32, 32, 32))
    (step,) = ca.analyze(ca.open_half_maps(a, b, voxel_size=1.0)).next_steps()
    assert "half maps of one refinement" in step.text


def test_partial_results_have_neither(small_pair: ca.HalfMaps) -> None:
    first = next(iter(ca.iter_analysis(small_pair)))
    assert (first.next_steps(), steps_html(first)) == ((), "")
    with pytest.raises(ResultError, match=r"^6 of 321 axes are done: a methods text takes them all"):
        first.methods_text()


def test_methods_text_says_what_was_done(small_result: ca.AnalysisResult) -> None:
    r = small_result.with_calibration(n_replicates=19)
    text = methods_paragraph(r)
    assert f"{r.settings.n_axes} axes" in text
    assert f"half-angle of {r.settings.cone_half_angle:g}°" in text
    assert "calibrated on 19 simulated isotropic pairs" in text
    assert not re.search(r"\bnan\b|None|\binf\b|voxels voxels|  ", text)
    assert f"numpy {np.__version__}" in text
    assert methods_text(r) == f"{text}\n\n{bibtex(r)}\n"
    assert re.findall(r"@\w+\{(\w+),", bibtex(r)) == ["vilas2023anisotropy", "cryoaniso_nb"]
    assert bibtex(r).count("{") == bibtex(r).count("}")
    corrected = r.replace(mask_correction=object())
    assert "chen2013overfitting" in bibtex(corrected)


def test_command_line_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps, out = ca.simulate_half_maps(box=32, preset="missing-cone", seed=0), tmp_path / "out"
    halves = [str(tmp_path / f"half{number}.mrc") for number in (1, 2)]
    for path, volume in zip(halves, (maps.half1, maps.half2), strict=True):
        mrcfile.write(path, volume, voxel_size=1.0)
    assert main(["analyze", *halves, "-o", str(out), "--no-figure", "--methods"]) == 0
    printed = capsys.readouterr().out
    assert "What now?\n1. Give a mask" in printed
    assert "@article{vilas2023anisotropy," in printed
    assert (out / "methods.txt").read_text(encoding="utf-8") == ca.load_result(out).methods_text()
    steps = json.loads((out / "summary.json").read_text(encoding="utf-8"))["next_steps"]
    assert steps[0]["command"].startswith("cryoaniso analyze half1.mrc half2.mrc --mask auto")
    assert main(["export", str(out), "--format", "methods", "-o", str(tmp_path / "text")]) == 0
    assert (tmp_path / "text" / "methods.txt").read_text(encoding="utf-8") == ca.load_result(out).methods_text()
