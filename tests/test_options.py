"""Options of an analysis: listed once, and found in every function that takes them."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.analysis.options import Call, Options

FUNCTIONS = (ca.analyze, ca.iter_analysis)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_option_is_an_argument_with_its_default_and_a_word_on_it(function: object) -> None:
    first, *rest = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    assert first.name == "maps"
    assert [(p.name, p.default, p.kind) for p in rest] == [
        (f.name, f.default, inspect.Parameter.KEYWORD_ONLY) for f in dataclasses.fields(Call)
    ]
    doc = inspect.getdoc(function)
    assert doc is not None
    parameters = doc.partition("Parameters\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split(" : ")[0] for line in parameters if " : " in line and not line.startswith(" ")] == [
        p.name for p in (first, *rest)
    ]
    assert "options : Call" not in doc


def test_what_is_asked_for_is_done(small_pair: ca.HalfMaps) -> None:
    result = ca.analyze(small_pair, cone_half_angle=20, n_axes=21, threshold=0.3, weighting="equal")
    s = result.settings
    assert (s.cone_half_angle, s.n_axes, s.threshold, s.weighting) == (20.0, 21, 0.3, "equal")
    *_, last = ca.iter_analysis(small_pair, cone_half_angle=20, n_axes=21, threshold=0.3, weighting="equal")
    np.testing.assert_allclose(last.fso.occupancy, result.fso.occupancy)
    assert ca.analyze(maps=small_pair, n_axes=6).settings.n_axes == 6


@pytest.mark.parametrize(
    ("name", "words"),
    [("axes", "no option 'axes'; perhaps n_axes is meant"), ("xyz", "'xyz'; there are cone_half_angle")],
)
def test_an_option_that_there_is_not_is_named_with_the_one_that_may_be_meant(
    small_pair: ca.HalfMaps, name: str, words: str
) -> None:
    for function in FUNCTIONS:
        with pytest.raises(TypeError, match=rf"{function.__name__}\(\) has {words}|{words}"):
            function(small_pair, **{name: 3})


def test_options_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().n_axes = 6  # type: ignore[misc]


@pytest.mark.slow
def test_type_checkers_know_every_option(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    code = """\
import cryoaniso_nb as ca

maps = ca.simulate_half_maps(box=32)
ca.analyze(maps, cone_half_angle=20, band=True)
ca.analyze(maps, cones=20)
ca.analyze(maps, n_axes="many")
ca.iter_analysis(maps, parity="eman")
"""
    (tmp_path / "user.py").write_text(code)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--follow-imports=silent", "--ignore-missing-imports",
         "--cache-dir", str(tmp_path / "cache"), str(tmp_path / "user.py")],
        capture_output=True, text=True, timeout=250, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    lines = [line.split(":")[1] for line in run.stdout.splitlines() if ": error:" in line]
    assert lines == ["5", "6", "7"], run.stdout
