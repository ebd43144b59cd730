"""What is told when something goes wrong, and of what goes on: errors, logs, tracebacks, exit codes."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cryoaniso_nb as ca
from cryoaniso_nb import cli
from cryoaniso_nb.commands import metrics
from cryoaniso_nb.errors import Cancelled, CryoAnisoError
from cryoaniso_nb.widgets import LiveSession


@pytest.fixture
def saved(tmp_path: Path, small_result: ca.AnalysisResult) -> str:
    return str(small_result.save(tmp_path / "r.npz"))


# --- stopping is no fault --------------------------------------------------------------------


def test_stopping_is_neither_an_error_of_the_user_nor_a_bad_value() -> None:
    assert not issubclass(Cancelled, (CryoAnisoError, ValueError))
    assert issubclass(CryoAnisoError, ValueError)


# --- the log ---------------------------------------------------------------------------------


def test_nothing_is_said_until_somebody_listens() -> None:
    code = "import cryoaniso_nb as ca; ca.analyze(ca.simulate_half_maps(box=32, seed=0), n_axes=6)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[1]
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_stages_and_decisions_are_logged(small_pair: ca.HalfMaps, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cryoaniso_nb"):
        ca.analyze(small_pair, n_axes=21, calibrate=19, seed=5)
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert all(record.name.startswith("cryoaniso_nb.") for record in caplog.records)
    for words in (
        r"transforming: \d\.\d+ s on \d+ threads",
        "cones: ",
        "nodes a face",
        "calibration: 19 replicates of",
    ):
        assert re.search(words, text), words
    assert "seed 5, C1" in text
    assert "warning: No mask was given" in text


def test_v_says_what_is_done_on_stderr_and_leaves_stdout_alone(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["metrics", saved]) == 0
    quiet = capsys.readouterr()
    assert "cryoaniso_nb." not in quiet.err
    assert cli.main(["metrics", saved, "-vv"]) == 0
    loud = capsys.readouterr()
    assert loud.out == quiet.out
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} cryoaniso_nb\.results\.archive: .*arrays read$", loud.err, re.MULTILINE)
    assert cli.main(["-vv", "metrics", saved]) == 0
    assert "arrays read" in capsys.readouterr().err
    assert cli.main(["metrics", saved]) == 0
    assert "cryoaniso_nb." not in capsys.readouterr().err  # the next run in this process is silent again


# --- errors at the command line --------------------------------------------------------------


def test_vv_shows_where_an_error_of_the_user_came_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "none.npz")
    assert cli.main(["metrics", missing]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert cli.main(["metrics", missing, "-vv"]) == 2
    said = capsys.readouterr().err
    assert "Traceback (most recent call last):" in said
    assert said.rstrip().splitlines()[-1].startswith("cryoaniso: ")


def test_an_unexpected_error_is_one_sentence_that_names_a_log_with_the_traceback(
    saved: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the sky\nfell")

    monkeypatch.setattr(metrics, "analyzed", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.main(["metrics", saved]) == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    found = re.fullmatch(
        r"cryoaniso: Something failed that should not have \(RuntimeError: the sky fell\); "
        r"please report it, with (.+\.log)\.\n",
        said,
    )
    assert found is not None
    log = Path(found[1]).read_text(encoding="utf-8")
    assert "in broken" in log
    assert ca.__version__ in log
    assert saved in log
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert cli.main(["metrics", saved]) == 70
    assert "with what -vv prints" in capsys.readouterr().err


def test_lack_of_memory_is_a_sentence(
    saved: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def large(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(metrics, "analyzed", large)
    assert cli.main(["metrics", saved]) == 2
    said = capsys.readouterr().err
    assert said == (
        "cryoaniso: There isn't enough memory (Unable to allocate 9 TiB); take a smaller box, or a larger machine.\n"
    )


# --- errors in views -------------------------------------------------------------------------


def test_an_error_panel_keeps_its_promise_of_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Whether the run itself failed, or what was to add to it, or something beside it."""

    def failing(*_: object) -> None:
        raise KeyError("lost")

    def stream(_execution: object) -> object:
        failing()
        yield

    def of_a_run() -> LiveSession:
        session = LiveSession(stream)
        session.start()
        return session

    def of_an_extension() -> LiveSession:
        session = LiveSession(result=small)
        session.extend(failing)
        return session

    def of_a_job() -> LiveSession:
        session = LiveSession(result=small)
        session.compute("job", failing, lambda value: None)
        return session

    small = ca.analyze(ca.simulate_half_maps(box=32, seed=0), n_axes=6)
    for make in (of_a_run, of_an_extension, of_a_job):
        caplog.clear()
        session = make()
        assert "Something failed (KeyError: 'lost'); print(session.traceback)" in session.state.error
        assert "in failing" in session.traceback
        assert session.traceback.rstrip().endswith("KeyError: 'lost'")
        (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
        assert record.exc_info is not None
        session.close()
