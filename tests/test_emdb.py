"""EMDB entries: records of many shapes, and downloads from a server on this machine."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cryoaniso_nb as ca
from cryoaniso_nb.emdb import entry_number, fetch_entry, open_entry, parse_entry
from cryoaniso_nb.errors import MapError

HALVES = ["emd_8731_half_map_1.map.gz", "emd_8731_half_map_2.map.gz"]


def record(**changes: Any) -> dict[str, Any]:
    """A record of the shape EMDB gives."""
    return {
        "emdb_id": "EMD-8731",
        "admin": {"title": "A trimer, tilted"},
        "map": {"file": "emd_8731.map.gz", "pixel_spacing": {"x": {"units": "Å", "valueOf_": "1.31"}}},
        "structure_determination_list": {
            "structure_determination": [
                {
                    "image_processing": [
                        {
                            "final_reconstruction": {
                                "resolution": {"valueOf_": "4.2", "units": "Å", "res_type": "BY AUTHOR"}
                            }
                        }
                    ]
                }
            ]
        },
        "interpretation": {
            "half_map_list": {"half_map": [{"file": name} for name in HALVES]},
            "segmentation_list": {"segmentation": [{"file": "emd_8731_msk_1.map"}]},
        },
        **changes,
    }


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
    assert math.isnan(entry.resolution) or entry.resolution in (4.2, 5)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.map", ".hidden", "a b.map", "a?.map"])
def test_a_file_name_that_is_a_path_is_refused(name: str) -> None:
    halves = {"half_map_list": {"half_map": [{"file": name}]}}
    with pytest.raises(MapError, match="no plain file name"):
        parse_entry(8731, record(interpretation=halves))


# --- downloads ---------------------------------------------------------------------------


class Server:
    """EMDB's two hosts as one folder on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                super().do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def put(self, data: dict[str, Any] | bytes) -> None:
        (self.folder / "api").mkdir(exist_ok=True)
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        (self.folder / "api" / "EMD-8731").write_bytes(content)

    def options(self, cache: Path) -> dict[str, Any]:
        return {"cache": cache, "api": f"{self.url}/api", "files": f"{self.url}/structures"}


@pytest.fixture
def server(tmp_path: Path, rng: np.random.Generator) -> Iterator[Server]:
    folder = tmp_path / "server"
    entry = folder / "structures" / "EMD-8731"
    (entry / "other").mkdir(parents=True)
    (entry / "masks").mkdir()
    for name in HALVES:
        ca.write_map(entry / "other" / name, rng.normal(size=(16, 16, 16)).astype(np.float32), 1.31)
    ca.write_map(entry / "masks" / "emd_8731_msk_1.map", np.ones((16, 16, 16), np.float32), 1.31)
    made = Server(folder)
    made.put(record())
    yield made
    made.close()


def test_an_entry_opens_with_its_mask(server: Server, tmp_path: Path) -> None:
    maps = open_entry("EMD-8731", **server.options(tmp_path / "cache"))
    assert maps.voxel_size == 1.31
    assert maps.mask_label == "emd_8731_msk_1.map"
    assert [item.name for item in maps.inputs] == [*HALVES, "emd_8731_msk_1.map"]


def test_nothing_is_fetched_twice(server: Server, tmp_path: Path) -> None:
    first = fetch_entry(8731, **server.options(tmp_path / "cache"))
    asked = len(server.requests)
    assert asked == 4
    assert fetch_entry(8731, **server.options(tmp_path / "cache")) == first
    assert len(server.requests) == asked


def test_what_is_cached_needs_no_network(server: Server, tmp_path: Path) -> None:
    options = server.options(tmp_path / "cache")
    fetch_entry(8731, **options)
    options.update(api="http://127.0.0.1:9/api", files="http://127.0.0.1:9/structures")
    assert fetch_entry(8731, **options).half1.name == HALVES[0]


def test_the_cache_folder_comes_from_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRYOANISO_CACHE", str(tmp_path / "there"))
    options = server.options(tmp_path)
    del options["cache"]
    assert fetch_entry(8731, **options).half1 == tmp_path / "there" / "EMD-8731" / HALVES[0]


def test_progress_counts_bytes(server: Server, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    found = fetch_entry(8731, **server.options(tmp_path / "cache"), progress=lambda *call: calls.append(call))
    size = found.half1.stat().st_size
    assert calls[-1][0] == "emd_8731_msk_1.map"
    assert (HALVES[0], size, size) in calls


def test_an_entry_without_a_mask_opens_without(server: Server, tmp_path: Path) -> None:
    halves = {"half_map_list": {"half_map": [{"file": name} for name in HALVES]}}
    server.put(record(interpretation=halves))
    assert fetch_entry(8731, **server.options(tmp_path / "cache")).mask is None


@pytest.mark.parametrize("interpretation", [{}, {"half_map_list": {"half_map": [{"file": HALVES[0]}]}}])
def test_an_entry_without_half_maps_is_refused(server: Server, tmp_path: Path, interpretation: dict[str, Any]) -> None:
    server.put(record(interpretation=interpretation))
    with pytest.raises(MapError, match=r"EMD-8731 has no half maps"):
        fetch_entry(8731, **server.options(tmp_path / "cache"))


def test_an_entry_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"EMDB has no entry EMD-9999; check the code\."):
        fetch_entry(9999, **server.options(tmp_path / "cache"))


def test_a_file_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    (server.folder / "structures" / "EMD-8731" / "other" / HALVES[1]).unlink()
    with pytest.raises(MapError, match=f"doesn't give {HALVES[1]} of EMD-8731"):
        fetch_entry(8731, **server.options(tmp_path / "cache"))


def test_without_a_network_the_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"Can't reach EMDB at 127\.0\.0\.1:9"):
        fetch_entry(8731, cache=tmp_path, api="http://127.0.0.1:9/api")


@pytest.mark.parametrize("answer", [b"<html>busy</html>", b"[1, 2]", b"\xff\xfe"])
def test_an_answer_that_is_no_record_is_asked_for_again(server: Server, tmp_path: Path, answer: bytes) -> None:
    server.put(answer)
    options = server.options(tmp_path / "cache")
    with pytest.raises(MapError, match="answer for EMD-8731 can't be read"):
        fetch_entry(8731, **options)
    server.put(record())
    assert fetch_entry(8731, **options).entry.resolution == 4.2


def test_a_cache_that_can_not_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MapError, match="CRYOANISO_CACHE"):
        fetch_entry(8731, **server.options(tmp_path / "file"))


def test_a_file_cut_short_by_the_server_is_refused_when_opened(server: Server, tmp_path: Path) -> None:
    path = server.folder / "structures" / "EMD-8731" / "other" / HALVES[0]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-400]))
    with pytest.raises(MapError, match="is truncated"):
        open_entry(8731, **server.options(tmp_path / "cache"))


def test_old_codes_keep_their_zeros() -> None:
    assert entry_number(12) == entry_number("EMD-0012") == 12
    assert parse_entry(12, {}).name == "EMD-0012"
