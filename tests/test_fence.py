"""A shared server shows one folder: nothing outside it is read, written, or even told to exist."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import OutsideError, SettingsError
from cryoaniso_nb.inputs.discovery import find_pairs, pair_of
from cryoaniso_nb.inputs.emdb_cache import cache_folder
from cryoaniso_nb.inputs.fsc_curves import read_fsc
from cryoaniso_nb.results.fence import FENCE, inside
from cryoaniso_nb.surveys.pairs import pairs_of


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder that is shown, and one beside it with a like name."""
    shown, other = tmp_path / "maps", tmp_path / "maps-of-others"
    for folder in (shown, other):
        folder.mkdir()
        for half in (1, 2):
            noise = np.random.default_rng(half).standard_normal((16, 16, 16))
            ca.write_map(folder / f"a_half{half}.mrc", noise, 1.5)
    (shown / "link_half1.mrc").symlink_to(other / "a_half1.mrc")
    (shown / "folder").symlink_to(other)
    monkeypatch.chdir(shown)
    monkeypatch.setenv(FENCE, str(shown))
    return shown, other


WAYS = (
    "{other}/a_half1.mrc",
    "../maps-of-others/a_half1.mrc",
    "{shown}/../maps-of-others/a_half1.mrc",
    "link_half1.mrc",
    "folder/a_half1.mrc",
    "{other}/not-there.mrc",
    "/etc/passwd",
    "/proc/self/environ",
)


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_out(way: str, places: tuple[Path, Path]) -> None:
    shown, other = places
    path = way.format(shown=shown, other=other)
    said = f"lies outside {shown}, the folder that is shown here"
    readers: tuple[Callable[[str], object], ...] = (
        ca.read_map, ca.load_result, ca.read_poses, ca.read_model, read_fsc, ca.load_survey, pair_of, find_pairs,
        pairs_of, lambda p: ca.open_half_maps("a_half1.mrc", p), lambda p: ca.open_pair(p),
        lambda p: ca.open_half_maps("a_half1.mrc", "a_half2.mrc", mask=p),
    )  # fmt: skip
    for read in readers:
        with pytest.raises(OutsideError, match=said):
            read(path)


def test_nothing_is_written_outside(places: tuple[Path, Path]) -> None:
    _, other = places
    result = ca.analyze(ca.open_half_maps("a_half1.mrc", "a_half2.mrc"), n_axes=6)
    before = sorted(os.listdir(other))
    for path in (other / "r.npz", "../maps-of-others/r.npz", "folder/r.npz", "../r.npz"):
        with pytest.raises(OutsideError):
            result.save(path)
        with pytest.raises(OutsideError):
            ca.write_map(path, np.zeros((2, 2, 2)), 1.0)
    assert sorted(os.listdir(other)) == before
    assert result.save("r.npz").is_file()


def test_what_lies_inside_is_open(places: tuple[Path, Path]) -> None:
    shown, _ = places
    assert [pair.half1.name for pair in find_pairs(".")] == ["a_half1.mrc"]
    assert ca.open_half_maps(shown / "a_half1.mrc", "a_half2.mrc").box == (16, 16, 16)


def test_the_cache_is_open_where_it_was_allowed(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shown, other = places
    with pytest.raises(OutsideError):
        cache_folder(other)
    monkeypatch.setenv(FENCE, f"{shown}{os.pathsep}{other}")
    assert cache_folder(other) == other
    with pytest.raises(OutsideError, match=f"outside {shown},"):
        inside("/etc/passwd")


@pytest.mark.parametrize("fence", ["", os.pathsep, "/no/such/folder"])
def test_a_fence_around_nothing_shuts_everything(
    fence: str, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FENCE, fence)
    with pytest.raises(OutsideError):
        ca.read_map("a_half1.mrc")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nowhere"], "There is no folder nowhere"),
        ([".", "--visitors", "0"], "--visitors is 0, but at least 1"),
        ([".", "--port", "70000"], "--port is 70000, but it must lie"),
        ([".", "--host", "192.0.2.1"], "Can't listen at 192.0.2.1:8866"),
    ],
)
def test_a_server_that_cannot_start_says_why(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FENCE, str(tmp_path))  # what the command sets is undone
    assert main(["serve", *options]) == 2
    assert words in capsys.readouterr().err


def test_two_servers_cannot_have_one_port(tmp_path: Path) -> None:
    import socket

    from cryoaniso_nb.commands._server import free_port

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError, match="another program has it"):
        free_port("127.0.0.1", taken.getsockname()[1])
