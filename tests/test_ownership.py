"""No one loses data: what may be replaced, what never, and what happens when two want one name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cryoaniso_nb.errors import OutputError
from cryoaniso_nb.results import system
from cryoaniso_nb.results.ownership import MARK, current_run, file_list, listed_files, protected
from cryoaniso_nb.results.staging import free_name
from cryoaniso_nb.results.targets import file_target, folder_target
from cryoaniso_nb.results.writing import add_files, written_file, written_folder


@pytest.fixture(params=["linux", "portable"], autouse=True)
def with_and_without_the_calls_of_linux(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds with renames that Linux alone has, and with what every system has."""
    if request.param == "portable":
        monkeypatch.setattr(system, "_libc_renameat2", lambda: None)
    elif system._libc_renameat2() is None:
        pytest.skip("the C library has no renameat2")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(out: Path, overwrite: bool = False, **files: str) -> Path:
    with written_folder(out, overwrite=overwrite) as folder:
        for name, text in files.items():
            (folder / f"{name}.txt").write_text(text)
    return out


def put(path: Path, text: str = "new", overwrite: bool = False) -> Path:
    with written_file(path, overwrite=overwrite) as part:
        part.write_text(text)
    return path


def tree(folder: Path) -> dict[str, str | None]:
    """Every path under a folder with what it holds, to see that nothing has changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else None
        found[str(path.relative_to(folder))] = kind
    return found


@pytest.fixture
def unchanged(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Call it once all is set up: whatever the test does from then on may change nothing."""
    before: list[dict[str, str | None]] = []
    yield lambda: before.append(tree(tmp_path))
    assert before
    assert tree(tmp_path) == before[-1]


# --- folders: the list of what was written -----------------------------------------------


def test_a_folder_lists_what_was_written_with_its_hash(tmp_path: Path) -> None:
    out = make(tmp_path / "deep" / "out", a="1", b="2")
    assert names(out) == [MARK, "a.txt", "b.txt"]
    listed = json.loads((out / MARK).read_text())["sha256"]
    assert listed == {f"{n}.txt": hashlib.sha256(t.encode()).hexdigest() for n, t in (("a", "1"), ("b", "2"))}
    assert names(out.parent) == ["out"]


def test_an_existing_folder_needs_overwrite(tmp_path: Path, unchanged: Callable[[], None]) -> None:
    out = make(tmp_path / "out", a="1")
    unchanged()
    for ask in (folder_target, make):
        with pytest.raises(OutputError, match=r"out exists already; choose another folder, or .*--overwrite"):
            ask(out)


def test_own_unchanged_files_are_replaced(tmp_path: Path) -> None:
    out = make(tmp_path / "out", a="1", b="2")
    (out / "b.txt").unlink()  # what is gone can't be lost
    make(out, overwrite=True, c="3")
    assert names(out) == [MARK, "c.txt"]
    assert names(tmp_path) == ["out"]


def test_a_foreign_file_keeps_the_folder_and_is_named(tmp_path: Path, unchanged: Callable[[], None]) -> None:
    out = make(tmp_path / "out", a="1")
    (out / "thesis.tex").write_text("years")
    unchanged()
    for ask in (folder_target, make):
        with pytest.raises(OutputError, match=r"thesis\.tex, which this program didn't write there; move that away"):
            ask(out, overwrite=True)


def test_a_changed_file_keeps_the_folder_and_is_named(tmp_path: Path, unchanged: Callable[[], None]) -> None:
    out = make(tmp_path / "out", a="1", b="2")
    (out / "b.txt").write_text("3")  # as long as before
    unchanged()
    with pytest.raises(OutputError, match=r"b\.txt, changed since it was written"):
        make(out, overwrite=True)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "hidden", "own name, other kind"])
def test_whatever_else_lies_there_keeps_the_folder(tmp_path: Path, unchanged: Callable[[], None], kind: str) -> None:
    out = make(tmp_path / "out", a="1")
    stranger = out / "stranger"
    if kind == "folder":
        stranger.mkdir()
    elif kind == "link":
        stranger.symlink_to(out / "a.txt")
    elif kind == "pipe":
        os.mkfifo(stranger)
    elif kind == "hidden":
        stranger = out / ".stranger"
        stranger.touch()
    else:  # a link to a copy of what was written has the right hash, and is none of ours
        stranger = out / "a.txt"
        stranger.rename(tmp_path / "copy")
        stranger.symlink_to(tmp_path / "copy")
    unchanged()
    with pytest.raises(OutputError, match=stranger.name):
        make(out, overwrite=True)


def test_many_strangers_are_counted(tmp_path: Path) -> None:
    out = make(tmp_path / "out")
    for i in range(5):
        (out / f"n{i}").touch()
    with pytest.raises(OutputError, match="n0, n1, n2 and 2 more, which"):
        make(out, overwrite=True)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"format": 1}', '{"format": 2, "sha256": {}}', "link", "huge"])
def test_a_folder_without_a_list_of_ours_is_never_overwritten(
    tmp_path: Path, unchanged: Callable[[], None], text: str | None
) -> None:
    """One of an older version, or of the user's with a summary.json in it."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.json").write_text("{}")
    if text == "link":
        (tmp_path / "list").write_text(file_list(out, ["summary.json"]))
        (out / MARK).symlink_to(tmp_path / "list")
    elif text == "huge":
        (out / MARK).write_text(file_list(out, ["summary.json"]) + " " * (1 << 20))
    elif text is not None:
        (out / MARK).write_text(text)
    unchanged()
    with pytest.raises(OutputError, match=r"no list of what this program wrote.*choose another folder, or delete it"):
        make(out, overwrite=True)


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "a/b", "..", "", "a\\b", MARK])
def test_a_list_can_not_point_outside_its_folder(tmp_path: Path, unchanged: Callable[[], None], name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "precious").write_text("data")
    digest = hashlib.sha256(b"data").hexdigest()
    (out / MARK).write_text(json.dumps({"format": 1, "sha256": {name: digest}}))
    unchanged()
    assert listed_files(out) is None
    with pytest.raises(OutputError, match="has no list"):
        make(out, overwrite=True)


def test_an_empty_folder_counts_as_none_and_keeps_its_mode(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    make(out, a="1")
    assert names(out) == [MARK, "a.txt"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    make(out, overwrite=True, a="2")
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_a_new_folder_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert make(tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_working_folder_is_not_replaced_under_ones_feet(
    tmp_path: Path, unchanged: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    unchanged()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=r"\. is the folder you are in.*choose a folder in it, like out\."):
        folder_target(".")


def test_a_mount_point_is_told_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    with pytest.raises(OutputError, match=r"is a mount point.*choose a folder in it"):
        folder_target(tmp_path)


def test_a_file_where_a_folder_goes_is_named(tmp_path: Path, unchanged: Callable[[], None]) -> None:
    (tmp_path / "file").touch()
    unchanged()
    with pytest.raises(OutputError, match="is a file, but a folder"):
        folder_target(tmp_path / "file", overwrite=True)
    with pytest.raises(OutputError, match="is a file, not a folder"):
        folder_target(tmp_path / "file" / "out")


def test_a_folder_in_a_folder_of_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="sub is no plain file"), written_folder(tmp_path / "out") as folder:
        (folder / "sub").mkdir()
    assert names(tmp_path) == []


# --- single files ------------------------------------------------------------------------


def test_an_existing_file_needs_overwrite(tmp_path: Path, unchanged: Callable[[], None]) -> None:
    path = put(tmp_path / "a.txt", "old")
    unchanged()
    for ask in (file_target, put):
        with pytest.raises(OutputError, match=r"a\.txt exists already; choose another name, or .*--overwrite"):
            ask(path)


def test_a_file_named_in_full_is_replaced_when_allowed_and_keeps_its_mode(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "old")
    path.chmod(0o640)
    put(path, "new", overwrite=True)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["a.txt"]


def test_a_file_protected_against_writing_stays(tmp_path: Path, unchanged: Callable[[], None]) -> None:
    path = put(tmp_path / "a.txt", "old")
    path.chmod(0o444)
    unchanged()
    with pytest.raises(OutputError, match="protected against writing"):
        put(path, overwrite=True)


def test_a_file_fails_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "old")

    def stopped() -> None:
        with written_file(path, overwrite=True) as part:
            part.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert tree(tmp_path) == {"a.txt": "old"}


@pytest.mark.parametrize("kind", ["folder", "missing folder", "socket", "too long"])
def test_what_is_no_place_for_a_file_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path
    words = "is a folder, but a file is to be written"
    if kind == "missing folder":
        path, words = tmp_path / "none" / "a.txt", "there is no folder"
    elif kind == "socket":
        import socket

        path, words = tmp_path / "s", "is a socket"
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "too long":
        path, words = tmp_path / ("n" * 256), "name too long; choose a shorter name"
    with pytest.raises(OutputError, match=words):
        file_target(path, overwrite=True)
    with pytest.raises(OutputError, match=words):
        put(path, overwrite=True)


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    put(tmp_path / ("n" * 255))
    make(tmp_path / ("m" * 255), a="1")
    assert len(names(tmp_path)) == 2


def test_names_that_are_not_unicode_are_written(tmp_path: Path) -> None:
    out = tmp_path / os.fsdecode(b"\xff\xfe")
    for _ in range(2):
        make(out, overwrite=True, a="1")
    (out / os.fsdecode(b"\xfd")).touch()
    with pytest.raises(OutputError, match="which this program didn't write"):
        make(out, overwrite=True)


# --- links, devices and pipes ------------------------------------------------------------


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for link, target in (("f", "disk/a.txt"), ("d", "disk/out")):
        (tmp_path / link).symlink_to(target)
    for overwrite in (False, True):  # first they point to nothing yet
        put(tmp_path / "f", "1", overwrite=overwrite)
        make(tmp_path / "d", overwrite=overwrite, a="1")
    with pytest.raises(OutputError, match="f exists already"):
        put(tmp_path / "f")
    assert os.readlink(tmp_path / "f") == "disk/a.txt"
    assert os.readlink(tmp_path / "d") == "disk/out"
    assert names(tmp_path / "disk") == ["a.txt", "out"]
    assert names(tmp_path) == ["d", "disk", "f"]


def test_devices_are_written_to_and_stay(tmp_path: Path) -> None:
    before = os.stat(os.devnull)
    put(Path(os.devnull))
    put(Path(os.devnull), overwrite=True)
    after = os.stat(os.devnull)
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_ino, before.st_rdev) == (after.st_ino, after.st_rdev)
    with pytest.raises(OutputError, match="is a file, but a folder"):
        folder_target(os.devnull, overwrite=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_device_is_told() -> None:
    with pytest.raises(OutputError, match="no space left on device; make room"):
        put(Path("/dev/full"))


def test_a_block_device_is_never_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = put(tmp_path / "sda")
    real = os.stat

    def as_block_device(name: Any, **options: Any) -> os.stat_result:
        found = real(name, **options)
        return os.stat_result((stat.S_IFBLK | 0o660, *found[1:])) if Path(name) == path else found

    monkeypatch.setattr(os, "stat", as_block_device)
    with pytest.raises(OutputError, match="is a block device"):
        put(path, overwrite=True)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        target = file_target(pipe)
        put(target, "through")  # type: ignore[arg-type]
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs descriptors as files")
def test_a_pipe_without_a_name_is_written_to() -> None:
    """What a shell's `>(...)` and /dev/stdout in front of a pipe are."""
    reader, writer = os.pipe()
    put(Path(f"/proc/self/fd/{writer}"), "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    os.close(writer)


def test_a_pipe_that_nobody_reads_does_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for ask in (file_target, put):
        with pytest.raises(OutputError, match="Nobody reads the pipe"):
            ask(pipe)


def test_a_reader_that_has_gone_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    target = file_target(pipe)
    os.close(reader)
    with pytest.raises(OutputError, match="broken pipe; what read it has ended"):
        put(target)  # type: ignore[arg-type]


# --- inputs ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["itself", "hard link", "link", "other spelling"])
def test_an_input_is_never_replaced(tmp_path: Path, unchanged: Callable[[], None], way: str) -> None:
    given = put(tmp_path / "half1.mrc", "voxels")
    output = given
    if way == "hard link":
        output = tmp_path / "other.mrc"
        os.link(given, output)
    elif way == "link":
        output = tmp_path / "other.mrc"
        output.symlink_to(given)
    elif way == "other spelling":
        (tmp_path / "x").mkdir()
        output = tmp_path / "x" / ".." / "half1.mrc"
    unchanged()
    with protected([given]):
        for ask in (file_target, put):
            with pytest.raises(OutputError, match=r"is an input of this run \(.*half1\.mrc\)"):
                ask(output, overwrite=True)


@pytest.mark.parametrize(
    "way", ["in it", "deeper", "through a link", "deeper through a link", "hard link in it", "is one"]
)
def test_a_folder_with_an_input_is_never_replaced(tmp_path: Path, unchanged: Callable[[], None], way: str) -> None:
    out = make(tmp_path / "out", half1="voxels")
    given = out / "half1.txt"
    words = "holds an input of this run"
    if "deeper" in way:
        (out / "sub").mkdir()
        given = given.rename(out / "sub" / "half1.txt")
    if "through a link" in way:
        (tmp_path / "link").symlink_to(given)
        given = tmp_path / "link"
    elif way == "hard link in it":
        given = tmp_path / "half1.mrc"
        os.link(out / "half1.txt", given)
    elif way == "is one":
        given, words = out, "is an input of this run"
    unchanged()
    with protected([given]):
        for ask in (folder_target, make):
            with pytest.raises(OutputError, match=words):
                ask(out, overwrite=True)


def test_a_file_beside_the_inputs_may_be_replaced(tmp_path: Path) -> None:
    out = make(tmp_path / "an", result="1", report="2")
    with protected([out, out / "result.txt", tmp_path / "missing"]):
        put(out / "report.txt", "3", overwrite=True)
        put(out / "new.txt")
    assert (out / "report.txt").read_text() == "3"
    assert (out / "result.txt").read_text() == "1"


def test_blocks_of_inputs_add_up_and_end() -> None:
    with protected(["a"]), protected(["b"]):
        assert [str(path) for path in current_run().inputs] == ["a", "b"]
    assert current_run().inputs == ()


def test_a_run_knows_what_it_has_written(tmp_path: Path) -> None:
    with protected([]) as run:
        with written_folder(tmp_path / "out") as folder:
            put(folder / "a.txt")  # part of the folder, not an output of its own
            assert run.written == []
        put(tmp_path / "b.txt")
    assert run.written == [tmp_path / "out", tmp_path / "b.txt"]


# --- what happens between asking and writing ---------------------------------------------


def test_a_folder_that_appears_meanwhile_stays_and_the_result_is_kept_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for overwrite in (False, True):
        target = folder_target(out, overwrite=overwrite)
        other = make(out, a="other run")
        with pytest.raises(OutputError, match=r"out has appeared.*this run's result is in .*out-2\."):
            make(target, a="this run")  # type: ignore[arg-type]
        assert tree(other)["a.txt"] == "other run"
        assert tree(tmp_path / "out-2")["a.txt"] == "this run"
        for path in (out, tmp_path / "out-2"):
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
    assert names(tmp_path) == []


def test_a_file_that_appears_meanwhile_stays_and_the_result_is_kept_beside_it(tmp_path: Path) -> None:
    target = file_target(tmp_path / "a.txt", overwrite=True)
    put(tmp_path / "a.txt", "other")
    put(tmp_path / "a-2.txt", "another")
    with pytest.raises(OutputError, match=r"a\.txt has appeared.*this run's result is in .*a-3\.txt"):
        put(target, "this")  # type: ignore[arg-type]
    assert tree(tmp_path) == {"a.txt": "other", "a-2.txt": "another", "a-3.txt": "this"}


@pytest.mark.parametrize("what", ["written anew", "replaced", "grown"])
def test_a_file_that_changes_meanwhile_stays(tmp_path: Path, what: str) -> None:
    path = put(tmp_path / "a.txt", "old")
    target = file_target(path, overwrite=True)
    if what == "replaced":
        put(path, "new", overwrite=True)
    else:
        with path.open("a" if what == "grown" else "r+") as stream:
            stream.write("mew")
        os.utime(path, ns=(1, 1))
    before = path.read_text()
    with pytest.raises(OutputError, match=r"has changed since this run began"):
        put(target, "this")  # type: ignore[arg-type]
    assert tree(tmp_path) == {"a.txt": before, "a-2.txt": "this"}


@pytest.mark.parametrize("what", ["a foreign file", "a changed file", "another run's folder"])
def test_a_folder_that_changes_meanwhile_stays(tmp_path: Path, what: str) -> None:
    out = make(tmp_path / "out", a="old")
    target = folder_target(out, overwrite=True)
    if what == "a foreign file":
        (out / "notes.txt").write_text("mine")
    elif what == "a changed file":
        (out / "a.txt").write_text("mew")
    else:
        make(out, overwrite=True, b="other run")
    before = tree(out)
    with pytest.raises(OutputError, match=r"out has changed since.*is in .*out-2"):
        make(target, a="this run")  # type: ignore[arg-type]
    assert tree(out) == before
    assert tree(tmp_path / "out-2")["a.txt"] == "this run"
    assert names(tmp_path) == ["out", "out-2"]


def test_an_empty_folder_that_fills_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    target = folder_target(out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="out has changed"):
        make(target, a="this run")  # type: ignore[arg-type]
    assert names(tmp_path) == ["out", "out-2"]
    assert names(out) == ["notes.txt"]


def test_what_is_gone_meanwhile_is_written_anew(tmp_path: Path) -> None:
    out, file, empty = make(tmp_path / "out", a="1"), put(tmp_path / "b.txt"), tmp_path / "empty"
    empty.mkdir()
    targets = folder_target(out, overwrite=True), file_target(file, overwrite=True), folder_target(empty)
    (out / "a.txt").unlink()
    (out / MARK).unlink()
    out.rmdir()
    file.unlink()
    empty.rmdir()
    make(targets[0], a="2")  # type: ignore[arg-type]
    put(targets[1], "3")  # type: ignore[arg-type]
    make(targets[2], a="4")  # type: ignore[arg-type]
    assert names(tmp_path) == ["b.txt", "empty", "out"]


def test_a_change_in_the_instant_of_the_swap_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign file that lands in the old folder when it has all but been moved away."""
    out = make(tmp_path / "out", a="old")
    exchange, rename = system.exchange, Path.rename

    def add(path: Path) -> None:
        if path == out and not (out / "notes.txt").exists() and (out / "a.txt").read_text() == "old":
            (out / "notes.txt").write_text("mine")

    monkeypatch.setattr(system, "exchange", lambda a, b: (add(Path(b)), exchange(a, b))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (add(self), rename(self, to))[1])
    with pytest.raises(OutputError, match="out has changed"):
        make(out, overwrite=True, a="new")
    assert tree(out)["notes.txt"] == "mine"
    assert tree(out)["a.txt"] == "old"
    assert tree(tmp_path / "out-2")["a.txt"] == "new"


@pytest.mark.parametrize("step", ["exchange", "rename_new", "rename", "list"])
def test_a_swap_that_fails_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    out = make(tmp_path / "out", a="old")
    before = tree(tmp_path)
    failed = []

    def fail(*_: Any, **__: Any) -> None:
        if not failed:
            failed.append(step)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        for owner, name in ((system, "exchange"), (system, "rename_new"), (Path, "rename")):
            if name == step:
                real = getattr(owner, name)
                patch.setattr(owner, name, lambda *given, real=real: (fail(), real(*given))[1])
        if step == "list":
            patch.setattr("cryoaniso_nb.results.writing.file_list", fail)
        with contextlib.suppress(OutputError):
            make(out, overwrite=True, a="new")
    if failed:
        assert tree(tmp_path) == before
    else:  # the step belongs to the other way of swapping
        assert tree(out)["a.txt"] == "new"


# --- files added to a folder that holds others -------------------------------------------


def test_files_join_others_and_are_listed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert [path.name for path in add_files(tmp_path, {"a": b"1", "b": b"2"})] == ["a", "b"]
    add_files(tmp_path, {"c": b"3"})
    assert sorted(listed_files(tmp_path) or {}) == ["a", "b", "c"]
    assert names(tmp_path) == [MARK, "a", "b", "c", "notes.txt"]
    with pytest.raises(OutputError, match=r"notes\.txt, which this program didn't write"):
        make(tmp_path, overwrite=True)


def test_a_file_written_into_a_folder_of_ours_joins_its_list(tmp_path: Path) -> None:
    out = make(tmp_path / "out", a="1")
    put(out / "b.txt", "2")
    put(out / "b.txt", "3", overwrite=True)
    assert sorted(listed_files(out) or {}) == ["a.txt", "b.txt"]
    make(out, overwrite=True, c="4")
    assert names(out) == [MARK, "c.txt"]


def test_added_files_replace_only_own_unchanged_ones(tmp_path: Path) -> None:
    add_files(tmp_path / "new" / "folder", {"a": b"1"})
    folder = tmp_path / "new" / "folder"
    with pytest.raises(OutputError, match="a exists already"):
        add_files(folder, {"a": b"2"})
    add_files(folder, {"a": b"2"}, overwrite=True)
    (folder / "b").write_text("mine")
    with pytest.raises(OutputError, match="b isn't overwritten, since this program didn't write it"):
        add_files(folder, {"a": b"3", "b": b"3"}, overwrite=True)
    (folder / "a").write_text("mine too")
    with pytest.raises(OutputError, match="a isn't overwritten"):
        add_files(folder, {"a": b"3"}, overwrite=True)
    assert tree(folder) | {MARK: None} == {MARK: None, "a": "mine too", "b": "mine"}
    with pytest.raises(OutputError, match="is a file, but files are to be written to a folder"):
        add_files(folder / "a", {"c": b""})


def test_free_names_are_numbered_before_the_ending(tmp_path: Path) -> None:
    for expected in ("a.tar.gz", "a.tar-2.gz", "a.tar-3.gz"):
        path = free_name(tmp_path / "a.tar.gz")
        assert path.name == expected
        path.symlink_to("nowhere")  # a link that leads nowhere takes a name too


# --- the renames -------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["file", "folder", "full folder", "link"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_rename_to_a_new_name_never_replaces(tmp_path: Path, kind: str, there: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir() if kind == "folder" else source.touch()
    if there == "link":
        target.symlink_to("nowhere")
    elif there == "file":
        target.write_text("data")
    else:
        target.mkdir()
        if there == "full folder":
            (target / "x").touch()
    before = tree(tmp_path)
    with pytest.raises(FileExistsError):
        system.rename_new(source, target)
    assert tree(tmp_path) == before
    system.rename_new(source, tmp_path / "free")
    assert not source.exists()
    assert (tmp_path / "free").is_dir() == (kind == "folder")


def test_without_hard_links_a_new_name_is_still_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", none)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(FileExistsError):
        system.rename_new(tmp_path / "a", tmp_path / "b")
    system.rename_new(tmp_path / "a", tmp_path / "c")
    assert tree(tmp_path) == {"b": "b", "c": "a"}
