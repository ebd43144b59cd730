"""Map files with any change of bytes give a map or one sentence. CRYOANISO_FUZZ=100 for a hundred times as many."""

from __future__ import annotations

import bz2
import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cryoaniso_nb as ca
from cryoaniso_nb.errors import CryoAnisoError

ROUNDS = int(os.environ.get("CRYOANISO_FUZZ", "1"))
fuzz = settings(max_examples=150 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PACKED = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}
ODD = [0, 1, 2, 3, 4, 7, 12, 16, 17, -1, 255, 2**15, 2**24, 2**30, 2**31 - 1, -(2**31)]
FLOATS = [0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 20.8]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    halves = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    return ca.write_map(tmp_path_factory.mktemp("whole") / "a.mrc", halves, 1.3).read_bytes()


@fuzz
@given(data=st.data())
def test_any_change_of_a_map_gives_a_map_or_a_sentence(whole: bytes, data: st.DataObject, tmp_path: Path) -> None:
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        how = data.draw(st.sampled_from(["word", "float", "byte", "end", "more"]), label="how")
        if how in ("word", "float"):
            value = data.draw(st.sampled_from(ODD if how == "word" else FLOATS), label="value")
            struct.pack_into("<i" if how == "word" else "<f", raw, 4 * data.draw(st.integers(0, 55)), value)
        elif how == "byte":
            raw[data.draw(st.integers(0, 1100), label="place")] = data.draw(st.integers(0, 255), label="byte")
        elif how == "end":
            del raw[data.draw(st.integers(1200, len(whole)), label="place") :]
            raw.extend(bytes(max(0, 1200 - len(raw))))
        else:
            raw.extend(bytes(data.draw(st.integers(1, 5000), label="more")))
    packed = PACKED[data.draw(st.sampled_from(sorted(PACKED)), label="packed")](bytes(raw))
    path = tmp_path / "a.mrc"
    path.write_bytes(packed)
    said = "."
    tracemalloc.start()
    try:
        found = ca.read_map(path)
        assert min(found.data.shape) > 0
        assert found.data.nbytes <= len(raw)
        assert found.voxel_size > 0
        ca.open_half_maps(path, path)
    except CryoAnisoError as error:
        said = str(error)
    except MemoryError:
        pass  # a size that only a compressed file's end could refute: a sentence at the command line
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "\n" not in said
    assert said.endswith((".", ")."))
    assert peak < 2**26 or len(packed) < len(raw)  # only of a compressed file the size isn't known before
