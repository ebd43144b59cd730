"""Outputs under faults: kills at any step, races of processes, full disks, closed streams, signals."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from processes import AWAKE

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import OutputError
from cryoaniso_nb.outputs.folder import write_analysis
from cryoaniso_nb.results import system
from cryoaniso_nb.results.ownership import MARK, listed_files, not_ours
from cryoaniso_nb.results.targets import StrPath, Target, folder_target
from cryoaniso_nb.results.writing import written_file, written_folder

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [*AWAKE, sys.executable, "-m", "cryoaniso_nb"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

PRELUDE = """
import os, sys, signal
from pathlib import Path
from cryoaniso_nb.errors import OutputError
from cryoaniso_nb.results import system
from cryoaniso_nb.results.targets import folder_target, file_target
from cryoaniso_nb.results.writing import written_file, written_folder
if sys.argv[1] == "portable":
    system._libc_renameat2 = lambda: None

def make(out, text, overwrite=False):
    with written_folder(out, overwrite=overwrite) as folder:
        for name in ("a", "b"):
            with written_file(folder / name) as part:
                part.write_text(text)

def put(path, text, overwrite=False):
    with written_file(path, overwrite=overwrite) as part:
        part.write_text(text)
"""


@contextmanager
def child(script: str, *arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A Python process that talks by lines; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str = "go") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def whole(out: Path) -> str | None:
    """The text that every file of a folder holds, which must be all there and ours."""
    listed = listed_files(out)
    assert listed is not None
    assert sorted(listed) == ["a", "b"]
    assert not_ours(out, listed) == ""
    (text,) = {(out / name).read_text() for name in listed}
    return text


both_ways = pytest.mark.parametrize("way", ["linux", "portable"])

# --- two runs, one name ------------------------------------------------------------------

RACE = """
kind, overwrite, me = sys.argv[2], sys.argv[3] == "overwrite", sys.argv[4]
while (name := sys.stdin.readline().strip()):
    ask, write = (folder_target, make) if kind == "folder" else (file_target, put)
    target = ask(name, overwrite=overwrite)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        write(target, me)
        print("won", flush=True)
    except OutputError as error:
        print(error, flush=True)
"""


@both_ways
@pytest.mark.parametrize("overwrite", ["new", "overwrite"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_of_runs_on_one_output_one_wins_and_the_others_say_where_theirs_is(
    tmp_path: Path, way: str, overwrite: str, kind: str
) -> None:
    read = whole if kind == "folder" else Path.read_text
    runs = ["0", "1", "2"]
    with (
        child(RACE, way, kind, overwrite, "0", cwd=tmp_path) as first,
        child(RACE, way, kind, overwrite, "1", cwd=tmp_path) as second,
        child(RACE, way, kind, overwrite, "2", cwd=tmp_path) as third,
    ):
        processes = first, second, third
        for turn in range(10):
            name = f"out{turn}"
            if overwrite == "overwrite":
                make(tmp_path / name, "old") if kind == "folder" else put(tmp_path / name, "old")
            for process in processes:
                tell(process, name)
            assert [said(process) for process in processes] == ["ready"] * 3
            for process in processes:
                tell(process)
            answers = [said(process) for process in processes]
            (winner,) = [run for run, answer in zip(runs, answers, strict=True) if answer == "won"]
            assert read(tmp_path / name) == winner
            for run, answer in zip(runs, answers, strict=True):
                if run != winner:
                    kept = answer.removesuffix(".").rsplit(" ", 1)[1]
                    assert kept in (f"{name}-2", f"{name}-3")
                    assert read(tmp_path / kept) == run
    assert names(tmp_path) == sorted(f"out{turn}{end}" for turn in range(10) for end in ("", "-2", "-3"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no exchange of names here")
def test_a_third_run_waits_while_a_second_puts_back_what_the_first_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the second takes the third's output for the first's, and each lands under another's name."""
    out = tmp_path / "out"
    make(out, "old")
    second, third = (folder_target(out, overwrite=True) for _ in range(2))
    make(out, "first", overwrite=True)
    errors: dict[str, str] = {}

    def run(target: Target, name: str) -> None:
        try:
            make(target, name)
        except OutputError as error:
            errors[name] = str(error)

    other = threading.Thread(target=run, args=(third, "third"))
    between, over = threading.Event(), threading.Event()
    exchange = system.exchange

    def slowly(part: Path, place: Path) -> bool:
        done = exchange(part, place)
        if threading.current_thread() is other:
            between.set()
            over.wait(30)
        elif not other.ident:
            other.start()
            between.wait(0.5)  # the third comes in between, if it can
        return done

    monkeypatch.setattr(system, "exchange", slowly)
    run(second, "second")
    over.set()
    other.join()
    assert whole(out) == "first"
    for name in ("second", "third"):
        kept = errors[name].removesuffix(".").rsplit(" ", 1)[1]
        assert whole(Path(kept)) == name
    assert names(tmp_path) == ["out", "out-2", "out-3"]


def make(out: StrPath | Target, text: str, overwrite: bool = False) -> None:
    with written_folder(out, overwrite=overwrite) as folder:
        for name in ("a", "b"):
            (folder / name).write_text(text)


def put(path: Path, text: str, overwrite: bool = False) -> None:
    with written_file(path, overwrite=overwrite) as part:
        part.write_text(text)


# --- kills -------------------------------------------------------------------------------

# Every audited call (open, mkdir, rename, remove, a call into the C library ...) is a step; a
# forked process is killed right before the first one, the next right before the second one ...
KILLS = """
import json
kind = sys.argv[2]
write, out, outcomes = (make if kind == "folder" else put), "place/out", []
for step in range(10_000):
    os.mkdir("place")
    if sys.argv[3] == "overwrite":
        write(out, "old")
    pid = os.fork()
    if pid == 0:
        left = step
        def count(event, _arguments):
            global left
            left -= 1
            if left == -1:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        try:
            write(out, "new", overwrite=True)
        finally:
            left = -1
            os._exit(0)  # reached only when there was no such step
    killed = os.waitpid(pid, 0)[1] == signal.SIGKILL
    state = lambda: {str(p): p.read_text() for p in sorted(Path("place").rglob("*")) if p.is_file()}
    after = state()
    put("place/next", "next")
    outcomes.append({"step": step, "after": after, "swept": state()})
    for path in sorted(Path("place").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    os.rmdir("place")
    if not killed:
        break
print(json.dumps(outcomes), flush=True)
"""


@both_ways
@pytest.mark.parametrize("overwrite", ["new", "overwrite"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_killed_at_any_step_the_output_is_whole_and_the_next_run_sweeps(
    tmp_path: Path, way: str, overwrite: str, kind: str
) -> None:
    with child(KILLS, way, kind, overwrite, cwd=tmp_path) as process:
        outcomes = json.loads(said(process))
    assert len(outcomes) > 10
    files = {"place/out"} if kind == "file" else {f"place/out/{name}" for name in (MARK, "a", "b")}
    seen = set()
    for outcome in outcomes:
        after = {path: text for path, text in outcome["after"].items() if "/.cryoaniso-" not in path}
        swept = outcome["swept"]
        assert swept.pop("place/next") == "next"
        if set(after) != files:  # nothing there yet; or, without an exchange, in between, and then put back
            assert not after, outcome
            assert way == "portable" or overwrite == "new", outcome
        if overwrite == "new":
            assert swept == after, outcome
        assert set(swept) in ((files,) if overwrite == "overwrite" else (files, set())), outcome
        texts = {text for path, text in swept.items() if not path.endswith(MARK)}
        assert len(texts) <= 1, outcome
        seen |= texts or {"nothing"}
    assert seen == {"new", "old" if overwrite == "overwrite" else "nothing"}


ALIVE = """
with written_folder("out") as folder:
    (folder / "a").write_text("half")
    print("ready", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""


def test_what_a_living_run_makes_is_not_swept(tmp_path: Path) -> None:
    with child(ALIVE, "linux", cwd=tmp_path) as process:
        assert said(process) == "ready"
        put(tmp_path / "next", "next")
        assert len(names(tmp_path)) == 2  # its hidden folder is still there
        tell(process)
        assert said(process) == "done"
    assert names(tmp_path) == ["next", "out"]


def test_what_a_killed_run_left_is_swept_and_foreign_folders_of_that_name_stay(tmp_path: Path) -> None:
    with child(ALIVE, "linux", cwd=tmp_path) as process:
        assert said(process) == "ready"
        process.kill()
        process.wait()
    (left,) = names(tmp_path)
    mine = tmp_path / ".cryoaniso-mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    elsewhere = tmp_path / ".cryoaniso-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "claim").write_text(json.dumps({"machine": ["another"], "locked": True, "name": "out"}))
    (tmp_path / ".cryoaniso-file").write_text("a file")
    (tmp_path / ".cryoaniso-link").symlink_to(mine)
    put(tmp_path / "next", "next")
    assert left not in names(tmp_path)
    kept = [".cryoaniso-elsewhere", ".cryoaniso-file", ".cryoaniso-link", ".cryoaniso-mine", "next"]
    assert names(tmp_path) == kept
    assert (mine / "notes.txt").read_text() == "mine"


# --- full disks --------------------------------------------------------------------------

FULL = """
import resource
import cryoaniso_nb as ca
import numpy as np
from cryoaniso_nb.outputs.folder import write_analysis
from cryoaniso_nb.outputs.report import write_report
from cryoaniso_nb.plots.figures import save_figure
maps = ca.simulate_half_maps(box=32, seed=0)
result = ca.load_result("result.npz")
writers = {
    "a.mrc": lambda path, **o: ca.write_map(path, maps.half1, 1.0, **o),
    "a.mrc.gz": lambda path, **o: ca.write_map(path, maps.half1, 1.0, **o),
    "a.png": lambda path, **o: save_figure(result, path, **o),
    "a.html": lambda path, **o: write_report(result, path, **o),
    "a.npz": lambda path, **o: result.save(path, **o),
    "out": lambda path, **o: write_analysis(result, path, **o),
}
os.mkdir("warm")  # compiling and font caches write files of their own
for name, write in writers.items():
    write(f"warm/{name}")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
for name, write in writers.items():
    try:
        write(name, overwrite=True)
        print(name, "WRITTEN", flush=True)
    except OutputError as error:
        print(error, flush=True)
"""


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    """A limit on the size of files, which fails every writer in the middle."""
    small_result.save(tmp_path / "result.npz")
    old = ["a.html", "a.mrc", "a.mrc.gz", "a.npz", "a.png"]
    for name in old:
        (tmp_path / name).write_text("old")
    with child(FULL, "linux", cwd=tmp_path) as process:
        out, _ = process.communicate(timeout=240)
    lines = out.splitlines()
    assert len(lines) == 6, out
    for line in lines:
        assert line.startswith("Can't write "), line
        assert "; " in line, line
    told = [line.removeprefix("Can't write ").split(":")[0] for line in lines]
    assert told == ["a.mrc", "a.mrc.gz", "a.png", "a.html", "a.npz", "out"]  # the names that were given
    assert names(tmp_path) == [*old, "result.npz", "warm"]
    assert {(tmp_path / name).read_text() for name in old} == {"old"}


# --- the command line --------------------------------------------------------------------

# The program with a command that loads no library: it writes a folder if there is an `-o`, prints
# a line, and can be told to signal itself at a moment of the writing.
TINY = """
import argparse
import cryoaniso_nb.cli as cli
from cryoaniso_nb.commands._terminal import say
from cryoaniso_nb.results import writing

def run(args):
    if args.output:
        make(args.output, "new", overwrite=args.overwrite)
    print("outcome \\u00c5")
    if args.output:
        say(f"written to {args.output} \\u00c5")
    return 0

def parser():
    made = argparse.ArgumentParser()
    made.add_argument("-o", "--output")
    made.add_argument("--overwrite", action="store_true")
    made.add_argument("--signal")
    made.add_argument("--moment")
    made.set_defaults(run=run, verbose=0, quiet=False, as_json=False)
    return made

def signalled(real, name):
    def then(*given):
        found = real(*given)
        os.kill(os.getpid(), signal.Signals[name])
        os.kill(os.getpid(), signal.Signals[name])
        return found
    return then

sys.argv = ["cryoaniso", *sys.argv[2:]]
cli.build_parser = parser
asked = parser().parse_args()
if asked.signal:
    setattr(writing, asked.moment, signalled(getattr(writing, asked.moment), asked.signal))
sys.exit(cli.main())
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("tiny") / "tiny.py"
    path.write_text(PRELUDE + TINY)
    return [*AWAKE, sys.executable, str(path), "linux"]


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory, small_result: ca.AnalysisResult) -> Path:
    out = tmp_path_factory.mktemp("analysis") / "an"
    return write_analysis(small_result, out, figure=False)


def ran(argv: list[str], shell: str = "PROGRAM", *, cwd: Path) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command in a shell, which may redirect them."""
    script = shell.replace("PROGRAM", shlex.join(argv))
    found = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT, timeout=120
    )
    return found.returncode, found.stdout, found.stderr


def test_a_volume_goes_through_a_pipe_to_a_device_and_behind_a_link(
    tmp_path: Path, analysis: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link.mrc").symlink_to("volume.mrc")
    assert main(["threedfsc", str(analysis), "-o", "link.mrc"]) == 0
    assert Path("link.mrc").is_symlink()
    os.mkfifo("pipe")
    with open("read", "wb") as read, subprocess.Popen(["cat", "pipe"], stdout=read):
        held = os.open("pipe", os.O_RDWR)  # so that there is a reader, whenever the other one comes
        assert main(["threedfsc", str(analysis), "-o", "pipe"]) == 0
        os.close(held)
    assert Path("read").read_bytes() == Path("volume.mrc").read_bytes()
    assert main(["threedfsc", str(analysis), "-o", "/dev/null", "--overwrite"]) == 0
    assert Path("/dev/null").is_char_device()
    assert names(tmp_path) == ["link.mrc", "pipe", "read", "volume.mrc"]


REDIRECTIONS = [
    "PROGRAM >&-",
    "PROGRAM 2>&-",
    "PROGRAM >&- 2>&-",
    "PROGRAM <&- >&- 2>&-",
    "PROGRAM > /dev/full",
    "PROGRAM 2> /dev/full",
    "PROGRAM > /dev/full 2>&1",
    "PROGRAM | true; exit ${PIPESTATUS[0]}",
]


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_streams_that_can_not_be_written_never_touch_a_result(
    tmp_path: Path, tiny: list[str], redirection: str
) -> None:
    code, out, err = ran([*tiny, "-o", "out"], redirection, cwd=tmp_path)
    assert code == 0
    assert whole(tmp_path / "out") == "new"
    assert names(tmp_path) == ["out"]
    told = ["written to out Å"]
    if redirection == "PROGRAM > /dev/full":
        told.append("cryoaniso: Can't print the outcome: no space left on device.")
    assert err.splitlines() == (told if "2>" not in redirection else [])
    assert out == ("outcome Å\n" if redirection in ("PROGRAM 2>&-", "PROGRAM 2> /dev/full") else "")


def test_a_command_of_many_libraries_runs_without_any_stream(tmp_path: Path, analysis: Path) -> None:
    """What libraries print or open doesn't get into the files either."""
    argv = [*PROGRAM, "metrics", str(analysis), "-o", "out"]
    assert ran(argv, "PROGRAM <&- >&- 2>&-", cwd=tmp_path) == (0, "", "")
    assert not_ours(tmp_path / "out", listed_files(tmp_path / "out") or {}) == ""
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["sphericity"] > 0


@pytest.mark.parametrize(
    ("redirection", "code", "words"),
    [
        ("PROGRAM > /dev/full", 1, "cryoaniso: Can't print the outcome: no space left on device.\n"),
        ("PROGRAM | true; exit ${PIPESTATUS[0]}", 1, ""),
        ("PROGRAM >&-", 0, ""),
    ],
)
def test_an_outcome_that_was_only_printed_and_is_lost_is_no_success(
    tmp_path: Path, tiny: list[str], redirection: str, code: int, words: str
) -> None:
    assert ran(tiny, redirection, cwd=tmp_path) == (code, "", words)


def test_letters_that_the_terminal_lacks_do_not_stop_a_run(tmp_path: Path, tiny: list[str]) -> None:
    found = ran([*tiny, "-o", "Å"], "PYTHONIOENCODING=ascii PROGRAM", cwd=tmp_path)
    assert found == (0, "outcome \\xc5\n", "written to \\xc5 \\xc5\n")
    assert names(tmp_path) == ["Å"]


def test_a_reader_that_reads_nothing_does_not_hold_up_the_result(tmp_path: Path, analysis: Path) -> None:
    """The folder is there although the printed outcome waits in a full pipe."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b" " * 65536)
    except BlockingIOError:
        os.set_blocking(writer, True)
    argv = [*PROGRAM, "metrics", str(analysis), "-o", "out"]
    process = subprocess.Popen(
        argv, stdout=writer, cwd=tmp_path, env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"}, stderr=subprocess.DEVNULL
    )
    try:
        os.close(writer)
        while process.poll() is None and not (tmp_path / "out").exists():
            time.sleep(0.02)
        assert "summary.json" in names(tmp_path / "out")
        assert process.poll() is None  # it waits for its reader
    finally:
        process.kill()
        process.wait()
        os.close(reader)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("until", ["half maps of", "transforming: "])
def test_other_signals_end_a_run_like_ctrl_c(tmp_path: Path, number: signal.Signals, until: str) -> None:
    rng = np.random.default_rng(0)
    halves = (rng.normal(size=(160, 160, 160)).astype(np.float32) for _ in range(2))
    pair = [str(ca.write_map(tmp_path / f"half{i}.mrc", half, 1.3)) for i, half in enumerate(halves, 1)]
    before = names(tmp_path)
    argv = [*PROGRAM, "analyze", *pair, "--axes", "5121", "-o", str(tmp_path / "new" / "out")]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(until):
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + number
    assert out == ""
    assert err.endswith("cryoaniso: stopped; nothing was written.\n")
    assert "Traceback" not in err
    assert names(tmp_path) == before


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("moment", ["_replace", "file_list"])
def test_a_signal_in_the_swap_waits_for_it_and_what_is_said_is_true(
    tmp_path: Path, tiny: list[str], name: str, moment: str
) -> None:
    """Two signals come, in the middle of the renames or just before them."""
    make(tmp_path / "out", "old")
    options = ["-o", "out", "--overwrite", "--signal", name, "--moment", moment]
    code, out, err = ran([*tiny, *options], cwd=tmp_path)
    told = "out had been written" if moment == "_replace" else "nothing was written"
    assert (code, out, err) == (128 + signal.Signals[name], "", f"cryoaniso: stopped; {told}.\n")
    assert whole(tmp_path / "out") == ("new" if moment == "_replace" else "old")
    assert names(tmp_path) == ["out"]


def test_a_run_under_nohup_goes_on(tmp_path: Path, tiny: list[str]) -> None:
    options = ["-o", "out", "--signal", "SIGHUP", "--moment", "file_list"]
    asleep = tiny[len(AWAKE) :]
    assert ran([*asleep, *options], "trap '' HUP; PROGRAM", cwd=tmp_path)[:2] == (0, "outcome Å\n")
    assert whole(tmp_path / "out") == "new"
