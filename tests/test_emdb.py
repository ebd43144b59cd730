"""EMDB entries: records of many shapes, downloads from a server on this machine with every fault, the cache."""

from __future__ import annotations

import gzip
import itertools
import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from emdb_server import EmdbServer, cut, drip, hang_up, instead, leads_to, record, status
from hypothesis import given
from hypothesis import strategies as st

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import Cancelled, MapError
from cryoaniso_nb.inputs import download, emdb
from cryoaniso_nb.inputs.emdb import fetch_emdb, open_emdb
from cryoaniso_nb.inputs.emdb_cache import cached_entries, forget_entry
from cryoaniso_nb.inputs.emdb_record import entry_number, parse_entry

MASK = "emd_8731_msk_1.map"
HALVES = ["emd_8731_half_map_1.map.gz", "emd_8731_half_map_2.map.gz"]


# --- records -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["EMD-8731", "emd-8731", "emd_8731", "EMD8731", " 8731 ", 8731])
def test_codes_are_understood_however_they_are_written(code: str | int) -> None:
    assert entry_number(code) == 8731


@pytest.mark.parametrize("code", ["", "EMD-123", "EMD-123456", "8731a", "PDB-1abc", "../8731", -8731, "EMD-87 31"])
def test_other_codes_are_refused(code: str | int) -> None:
    with pytest.raises(MapError, match="is not an EMDB code"):
        entry_number(code)


def test_a_full_record_is_read() -> None:
    entry = parse_entry(8731, record())
    assert entry.name == "EMD-8731"
    assert entry.title == "A trimer, tilted"
    assert entry.half_maps == tuple(HALVES)
    assert entry.masks == ("emd_8731_msk_1.map",)
    assert (entry.voxel_size, entry.resolution) == (1.31, 4.2)
    assert (entry.contour, entry.symmetry) == (0.021, "C3")


@pytest.mark.parametrize("group", ["helical", "C0", 7, "", None, {"valueOf_": "H"}])
def test_a_symmetry_that_is_no_point_group_stays_out(group: Any) -> None:
    final = {"final_reconstruction": {"applied_symmetry": {"point_group": group}}}
    steps = {"structure_determination": [{"image_processing": [final]}]}
    assert parse_entry(1234, record(structure_determination_list=steps)).symmetry == ""


def test_a_title_can_not_steer_a_terminal() -> None:
    assert parse_entry(1234, record(admin={"title": "a\x1b[2Jb\n"})).title == "a [2Jb "


def test_leaves_without_units_and_single_items_without_lists_are_read() -> None:
    entry = parse_entry(
        8731,
        record(
            map={"pixel_spacing": {"x": 1.31}},
            interpretation={"half_map_list": {"half_map": {"file": {"valueOf_": HALVES[0]}}}},
        ),
    )
    assert entry.voxel_size == 1.31
    assert entry.half_maps == (HALVES[0],)
    assert entry.masks == ()


def test_half_maps_are_in_order() -> None:
    halves = {"half_map_list": {"half_map": [{"file": name} for name in reversed(HALVES)]}}
    assert parse_entry(8731, record(interpretation=halves)).half_maps == tuple(HALVES)


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _nodes(item, (*path, key))


@given(st.sampled_from(list(_nodes(record()))[1:]), st.sampled_from([None, [], {}, "", 5, [None], "remove"]))
def test_anything_may_be_missing_or_odd(path: tuple[Any, ...], odd: Any) -> None:
    data = record()
    parent: Any = data
    for key in path[:-1]:
        parent = parent[key]
    if odd == "remove":
        del parent[path[-1]]
    else:
        parent[path[-1]] = odd
    entry = parse_entry(8731, data)
    assert set(entry.half_maps) <= set(HALVES)
    assert math.isnan(entry.voxel_size) or entry.voxel_size in (1.31, 5)
    assert math.isnan(entry.contour) or entry.contour in (0.021, 0.9, 5)
    assert entry.symmetry in ("C3", "")
    assert math.isnan(entry.resolution) or entry.resolution in (4.2, 5)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.map", ".hidden", "a b.map", "a?.map"])
def test_a_file_name_that_is_a_path_is_refused(name: str) -> None:
    halves = {"half_map_list": {"half_map": [{"file": name}]}}
    with pytest.raises(MapError, match="no plain file name"):
        parse_entry(8731, record(interpretation=halves))


# --- downloads ---------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "WAIT", 0.0)


@pytest.fixture
def options(emdb_server: EmdbServer, tmp_path: Path) -> dict[str, Any]:
    return emdb_server.options(tmp_path / "cache")


def left(options: dict[str, Any]) -> list[str]:
    """Names in the entry's folder of the cache."""
    folder = Path(options["cache"]) / "EMD-8731"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


WHOLE = sorted(["EMD-8731.json", *HALVES, MASK])


def test_an_entry_opens_with_its_mask(options: dict[str, Any]) -> None:
    maps = open_emdb("EMD-8731", **options)
    assert maps.voxel_size == 1.31
    assert maps.mask_label == MASK
    assert [item.name for item in maps.inputs] == [*HALVES, MASK]
    assert left(options) == WHOLE
    assert open_emdb(8731, mask=None, **options).mask is None


def test_nothing_is_fetched_twice(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    first = fetch_emdb(8731, **options)
    assert {path.name for path in first.fetched} == {*HALVES, MASK}
    asked = len(emdb_server.requests)
    assert asked == 4
    second = fetch_emdb(8731, **options)
    assert (second.half1, second.half2, second.mask, second.fetched) == (first.half1, first.half2, first.mask, ())
    assert len(emdb_server.requests) == asked


def test_what_is_cached_needs_no_network(options: dict[str, Any]) -> None:
    fetch_emdb(8731, **options)
    options.update(api="http://127.0.0.1:9/api", files="http://127.0.0.1:9/structures")
    assert fetch_emdb(8731, **options).half1.name == HALVES[0]


def test_cache_and_mirrors_come_from_the_environment(
    emdb_server: EmdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRYOANISO_CACHE", str(tmp_path / "there"))
    monkeypatch.setenv("CRYOANISO_EMDB_API", f"{emdb_server.url}/api/")
    monkeypatch.setenv("CRYOANISO_EMDB_FILES", f"{emdb_server.url}/nowhere {emdb_server.url}/structures/")
    assert fetch_emdb(8731).half1 == tmp_path / "there" / "EMD-8731" / HALVES[0]


def test_progress_counts_bytes(options: dict[str, Any]) -> None:
    calls: list[tuple[str, int, int]] = []
    found = fetch_emdb(8731, **options, execution=ca.Execution(progress=lambda *call: calls.append(call)))
    size = found.half1.stat().st_size
    assert calls[-1][0] == MASK
    assert (HALVES[0], size, size) in calls


def test_an_entry_without_a_mask_opens_without(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    halves = {"half_map_list": {"half_map": [{"file": name} for name in HALVES]}}
    emdb_server.put_record(record(interpretation=halves))
    assert fetch_emdb(8731, **options).mask is None
    assert open_emdb(8731, **options).mask_label == "none"


def test_a_mask_on_another_box_is_told_of_and_left_out(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    ca.write_map(emdb_server.path_of(MASK), np.ones((18, 18, 18), np.float32), 1.31, overwrite=True)
    maps = open_emdb(8731, **options)
    assert maps.mask is None
    assert "The mask of EMD-8731 has another box than its half maps, so it isn't used." in maps.warnings


@pytest.mark.parametrize("interpretation", [{}, {"half_map_list": {"half_map": [{"file": HALVES[0]}]}}])
def test_an_entry_without_half_maps_is_refused_and_asked_for_again_a_day_later(
    emdb_server: EmdbServer, options: dict[str, Any], interpretation: dict[str, Any]
) -> None:
    emdb_server.put_record(record(interpretation=interpretation))
    for _ in range(2):
        with pytest.raises(MapError, match=r"EMD-8731 has no half maps"):
            fetch_emdb(8731, **options)
    assert len(emdb_server.requests) == 1
    emdb_server.put_record(record())
    yesterday = time.time() - emdb.ASK_AGAIN - 60
    os.utime(options["cache"] / "EMD-8731" / "EMD-8731.json", (yesterday, yesterday))
    assert fetch_emdb(8731, **options).half1.name == HALVES[0]


def test_an_entry_that_is_not_there_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(MapError, match=r"EMDB has no entry EMD-9999; check the code\."):
        fetch_emdb(9999, **options)


def test_a_file_that_is_not_there_is_named(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    emdb_server.path_of(HALVES[1]).unlink()
    with pytest.raises(MapError, match=rf"There is no {HALVES[1]} of EMD-8731 at 127\.0\.0\.1:\d+\."):
        fetch_emdb(8731, **options)
    assert left(options) == ["EMD-8731.json", HALVES[0]]


def test_without_a_network_the_sentence_says_so(tmp_path: Path) -> None:
    sentence = r"Can't fetch EMDB's record of EMD-8731: 127\.0\.0\.1:9 can't be reached \(connection refused\); try"
    with pytest.raises(MapError, match=sentence):
        fetch_emdb(8731, cache=tmp_path, api="http://127.0.0.1:9/api")
    assert list((tmp_path / "EMD-8731").iterdir()) == []


def test_a_cache_that_can_not_be_written_is_named(options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MapError, match="CRYOANISO_CACHE"):
        fetch_emdb(8731, **{**options, "cache": tmp_path / "file"})


def test_old_codes_keep_their_zeros() -> None:
    assert entry_number(12) == entry_number("EMD-0012") == 12
    assert parse_entry(12, {}).name == "EMD-0012"


# --- faults ------------------------------------------------------------------------------


def test_a_server_in_trouble_is_asked_again(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    emdb_server.next("/EMD-8731", status(503), status(429))
    emdb_server.next(HALVES[0], status(500), hang_up)
    assert open_emdb(8731, **options).box == (16, 16, 16)


def test_a_server_in_lasting_trouble_is_given_up(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    emdb_server.next(HALVES[0], *[status(500)] * download.TRIES)
    with pytest.raises(MapError, match=rf"Can't fetch {HALVES[0]} of EMD-8731: 127.*answers 500; try again later"):
        fetch_emdb(8731, **options)
    assert left(options) == ["EMD-8731.json"]
    assert fetch_emdb(8731, **options).half1.exists()


def test_the_other_mirror_helps(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    options["files"] = [f"{emdb_server.url}/gone", options["files"]]
    assert open_emdb(8731, **options).box == (16, 16, 16)
    assert [path for path, _ in emdb_server.requests[1:3]] == [
        f"/gone/EMD-8731/other/{HALVES[0]}",
        f"/structures/EMD-8731/other/{HALVES[0]}",
    ]


def test_a_transfer_that_is_cut_goes_on(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    emdb_server.next(HALVES[0], cut(), cut(), cut(), cut(), cut())  # more often than tries without a byte
    found = fetch_emdb(8731, **options)
    assert found.half1.read_bytes() == emdb_server.path_of(HALVES[0]).read_bytes()
    asked = [
        int(span.removeprefix("bytes=").rstrip("-") or 0) for path, span in emdb_server.requests if HALVES[0] in path
    ]
    assert asked == sorted(set(asked))
    assert len(asked) == 6
    assert left(options) == WHOLE


def test_a_later_call_goes_on_where_one_was_cut(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    emdb_server.next(HALVES[0], cut(), *[cut(0.0)] * (download.TRIES - 1))
    with pytest.raises(MapError, match=r"cut the transfer at .* of .*; try again later"):
        fetch_emdb(8731, **options)
    assert left(options) == ["EMD-8731.json", f"{HALVES[0]}.part", f"{HALVES[0]}.part.tag"]
    assert [entry.is_whole for entry in cached_entries(options["cache"])] == [False]
    found = fetch_emdb(8731, **options)
    assert found.half1.read_bytes() == emdb_server.path_of(HALVES[0]).read_bytes()
    assert emdb_server.requests[-3][1].startswith("bytes=")
    assert left(options) == WHOLE


def test_a_file_that_changed_on_the_server_is_fetched_from_its_beginning(
    emdb_server: EmdbServer, options: dict[str, Any]
) -> None:
    content = emdb_server.path_of(HALVES[1]).read_bytes()
    emdb_server.next(HALVES[0], cut(), instead(content, etag='"2"'))
    assert fetch_emdb(8731, **options).half1.read_bytes() == content


def test_a_server_that_sends_another_part_is_asked_for_the_whole(
    emdb_server: EmdbServer, options: dict[str, Any]
) -> None:
    def wrong_part(handler: Any, content: bytes) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 7-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - 7))
        handler.end_headers()
        handler.wfile.write(content[7:])

    emdb_server.next(HALVES[0], cut(), wrong_part)
    assert fetch_emdb(8731, **options).half1.read_bytes() == emdb_server.path_of(HALVES[0]).read_bytes()


def spoiled(kind: str, content: bytes) -> bytes:
    """A half map as it must not enter the cache."""
    plain = gzip.decompress(content)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0x10
    return {
        "HTML": b"<!DOCTYPE html><title>busy</title>",
        "empty": b"",
        "cut": content[: len(content) // 2],
        "cut before packing": gzip.compress(plain[:-400]),
        "no checksum": content[:-8],
        "flipped": bytes(flipped),
        "something else packed": gzip.compress(b"hello" * 1000),
        "a bomb": gzip.compress(plain + bytes(2**26)),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["HTML", "empty", "cut", "cut before packing", "no checksum", "flipped", "something else packed", "a bomb"]
)
def test_a_spoiled_map_is_refused_deleted_and_asked_for_again(
    emdb_server: EmdbServer, options: dict[str, Any], kind: str
) -> None:
    emdb_server.next(HALVES[0], instead(spoiled(kind, emdb_server.path_of(HALVES[0]).read_bytes())))
    with pytest.raises(MapError, match="sent a file that is damaged or something else"):
        open_emdb(8731, **options)
    assert left(options) == ["EMD-8731.json"]
    assert open_emdb(8731, **options).box == (16, 16, 16)


def test_a_spoiled_map_is_taken_from_the_other_mirror(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    options["files"] = [options["files"], options["files"]]
    emdb_server.next(HALVES[0], instead(b"<html>"))
    assert open_emdb(8731, **options).box == (16, 16, 16)


@pytest.mark.parametrize(
    "answer", [b"<html>busy</html>", b"[1, 2]", b"\xff\xfe", b"", b"{}", b'{"a": ' + b"[" * 100_000]
)
def test_an_answer_that_is_no_record_is_asked_for_again(
    emdb_server: EmdbServer, options: dict[str, Any], answer: bytes
) -> None:
    emdb_server.put_record(answer)
    with pytest.raises(MapError, match=r"EMDB's record of EMD-8731: .* sent a file that is damaged or something else"):
        fetch_emdb(8731, **options)
    assert left(options) == []
    emdb_server.put_record(record())
    assert fetch_emdb(8731, **options).entry.resolution == 4.2


def test_a_length_that_is_not_kept_is_a_cut(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    def longer(handler: Any, content: bytes) -> None:
        instead(content, length=len(content) + 100)(handler, content)
        handler.close_connection = True

    emdb_server.next(HALVES[0], *[longer] * 20)
    with pytest.raises(MapError, match=r"cut the transfer at|answers 416"):
        fetch_emdb(8731, **options)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://x/"])
def test_a_redirect_to_another_scheme_is_not_followed(
    emdb_server: EmdbServer, options: dict[str, Any], place: str
) -> None:
    emdb_server.next(HALVES[0], leads_to(place))
    with pytest.raises(MapError, match=r"127\.0\.0\.1:\d+ (leads to \w+, which isn't followed|answers 302); try"):
        fetch_emdb(8731, **options)
    assert left(options) == ["EMD-8731.json"]


def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    request = download.urllib.request.Request("https://127.0.0.1/x")
    with pytest.raises(download._RefusedError, match="leads to http, which"):
        download._Redirects().redirect_request(request, None, 302, "", {}, "http://127.0.0.1/x")


def test_a_redirect_on_the_same_scheme_is_followed_but_not_in_circles(
    emdb_server: EmdbServer, options: dict[str, Any]
) -> None:
    place = f"{options['files']}/EMD-8731/other/{HALVES[0]}"
    emdb_server.next(HALVES[0], leads_to(place))
    assert fetch_emdb(8731, **options).half1.exists()
    emdb_server.next(MASK, *[leads_to(place.replace(f"other/{HALVES[0]}", f"masks/{MASK}"))] * 20)
    forget_entry(8731, cache=options["cache"])
    with pytest.raises(MapError, match="answers 302"):
        fetch_emdb(8731, **options)


@pytest.mark.parametrize("length", [None, 10])
def test_more_than_is_allowed_is_not_kept(
    emdb_server: EmdbServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, length: int | None
) -> None:
    monkeypatch.setattr(emdb, "MAP_LIMITS", download.Limits(largest=1000))

    def endless(handler: Any, content: bytes) -> None:  # without a length
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    if length is None:
        emdb_server.next(HALVES[0], endless)
    with pytest.raises(MapError, match=r"(sends more than the|but) 1\.0 kB"):
        fetch_emdb(8731, **options)
    assert left(options) == ["EMD-8731.json"]


def test_a_disk_without_room_is_told_of_before(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_emdb(8731, **options)
    (options["cache"] / "EMD-8731" / HALVES[0]).unlink()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _path: SimpleNamespace(free=5))
    with pytest.raises(MapError, match=r"needs .* kB, but .* has 5 B left; make room"):
        fetch_emdb(8731, **options)


def test_a_server_that_drips_is_given_up(
    emdb_server: EmdbServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emdb, "MAP_LIMITS", download.Limits(largest=10**9, silence=0.1, slowest=10**6))
    emdb_server.next(HALVES[0], drip(emdb_server))
    with pytest.raises(MapError, match="which is too slow"):
        fetch_emdb(8731, **options)


def test_a_server_that_falls_silent_is_given_up(
    emdb_server: EmdbServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emdb, "MAP_LIMITS", download.Limits(largest=10**9, silence=0.05))

    def silent(_handler: Any, _content: bytes) -> None:
        emdb_server.stopping.wait()

    emdb_server.next(HALVES[0], *[silent] * download.TRIES)
    with pytest.raises(MapError, match=r"can't be reached \(.*timed out\)"):
        fetch_emdb(8731, **options)


def test_stopping_keeps_what_came_for_the_next_call(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    cancel = threading.Event()

    def stop(_name: str, done: int, _total: int) -> None:
        if done > 100 and HALVES[0] in _name:
            cancel.set()

    emdb_server.next(HALVES[0], cut())
    with pytest.raises(Cancelled):
        fetch_emdb(8731, **options, execution=ca.Execution(progress=stop, cancel=cancel))
    assert f"{HALVES[0]}.part" in left(options)
    fetch_emdb(8731, **options)
    assert emdb_server.requests[2][1].startswith("bytes=")


def test_two_at_once_fetch_an_entry_once(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(fetch_emdb(8731, **options))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    counts = {path: len(list(same)) for path, same in itertools.groupby(sorted(p for p, _ in emdb_server.requests))}
    assert set(counts.values()) == {1}
    assert left(options) == WHOLE


# --- the cache ---------------------------------------------------------------------------


def test_a_file_spoiled_in_the_cache_is_fetched_again(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    found = fetch_emdb(8731, **options)
    good = found.half1.read_bytes()
    found.half1.write_bytes(good[: len(good) // 2])
    assert open_emdb(8731, **options).box == (16, 16, 16)
    assert found.half1.read_bytes() == good


def test_a_record_spoiled_in_the_cache_is_fetched_again(emdb_server: EmdbServer, options: dict[str, Any]) -> None:
    fetch_emdb(8731, **options)
    (options["cache"] / "EMD-8731" / "EMD-8731.json").write_bytes(b"<html>")
    assert fetch_emdb(8731, **options).entry.title == "A trimer, tilted"


def test_the_cache_is_listed_and_emptied(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRYOANISO_CACHE", str(options["cache"]))
    assert main(["cache"]) == 0
    assert "nothing is in the cache" in capsys.readouterr().out
    found = fetch_emdb(8731, **options)
    mine = found.half1.parent / "notes.txt"
    mine.write_text("mine")
    (options["cache"] / "EMD-8732x").mkdir()
    (entry,) = cached_entries()
    assert (entry.number, entry.title, entry.is_whole) == (8731, "A trimer, tilted", True)
    assert entry.size == sum((found.half1.parent / name).stat().st_size for name in WHOLE)
    assert main(["cache"]) == 0
    shown = capsys.readouterr().out
    assert "EMD-8731" in shown
    assert "A trimer, tilted" in shown
    assert str(options["cache"]) in shown
    assert main(["cache", "--remove", "EMD-8731"]) == 0
    assert mine.read_text() == "mine"
    assert left(options) == ["notes.txt"]
    mine.unlink()
    fetch_emdb(8731, **options)
    assert main(["cache", "--remove", "all"]) == 0
    assert [path.name for path in options["cache"].iterdir()] == ["EMD-8732x"]
    assert main(["cache", "--remove", "EMD-87"]) == 2
