"""Boxes larger than memory: passes over volumes that stay in their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.engine import files, memory, slabs
from cryoaniso_nb.engine.memory import passes_within
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import MapError, SettingsError


def _pair_of_files(folder: Path, box: tuple[int, int, int]) -> ca.HalfMaps:
    half1, half2 = np.random.default_rng(4).standard_normal((2, *box)).astype(np.float32)
    half2 += half1
    paths = [ca.write_map(folder / name, half, 1.0) for name, half in (("a.mrc", half1), ("b.mrc", half2))]
    return ca.open_half_maps(*paths)


@pytest.mark.parametrize("box", [(60, 51, 56), (64, 70, 48)])
def test_any_number_of_passes_gives_the_same_sums(box: tuple[int, int, int], tmp_path: Path, monkeypatch) -> None:
    maps = _pair_of_files(tmp_path, box)
    whole = accumulate(maps)
    asked: list[int] = []

    def passes(spectra: int, held: int, execution: ca.Execution) -> int:
        asked.append(held)
        return 3

    steps: list[tuple[str, int, int]] = []
    monkeypatch.setattr(slabs, "passes_within", passes)
    parted = accumulate(maps, execution=ca.Execution(progress=lambda *step: steps.append(step)))
    np.testing.assert_allclose(parted.nodes, whole.nodes, rtol=1e-4, atol=1e-5 * float(whole.nodes.max()))
    np.testing.assert_allclose(parted.low, whole.low, rtol=1e-5, atol=1e-5 * float(np.abs(whole.low).max()))
    np.testing.assert_allclose(parted.shell_sums, whole.shell_sums, rtol=1e-6)
    assert asked == [0]  # what stays in files takes no memory
    done, totals = [step[1] for step in steps], {step[2] for step in steps}
    assert done == sorted(done)
    assert totals == {done[-1]}


def test_passes_follow_the_memory_limit() -> None:
    spectra, gib = 8 * 2**30, 2**30
    counts = [passes_within(spectra, 0, ca.Execution(memory_limit=limit * gib)) for limit in (12, 5, 3, 2)]
    assert counts == [1, 2, 3, 5]
    assert passes_within(spectra, 8 * gib, ca.Execution(memory_limit=12 * gib)) == 3
    with pytest.raises(SettingsError, match=r"memory limit is 0.25 GiB, but these half maps need at least 0.4"):
        passes_within(spectra, 0, ca.Execution(memory_limit=gib // 4))


def test_what_is_free_counts_without_a_limit(monkeypatch) -> None:
    spectra, gib = 8 * 2**30, 2**30
    for free, passes in ((None, 1), (20 * gib, 1), (8 * gib, 2), (2 * gib, 5)):
        monkeypatch.setattr(memory, "available_memory", lambda free=free: free)
        assert passes_within(spectra, 0, ca.Execution()) == passes


def test_a_volume_in_a_file_is_known_as_such(tmp_path: Path) -> None:
    maps = _pair_of_files(tmp_path, (20, 22, 24))
    found = files.file_of(maps.half1)
    assert found is not None
    assert (found.path, found.offset, found.shape) == (str(tmp_path / "a.mrc"), 1024, (20, 22, 24))
    np.testing.assert_array_equal(found.open(), maps.half1)
    inner = files.file_of(np.asarray(maps.half1[5:9]))
    assert inner is not None
    np.testing.assert_array_equal(inner.open(), maps.half1[5:9])
    assert files.file_of(maps.half1.transpose()) is None
    assert files.file_of(np.array(maps.half1)) is None


@pytest.mark.parametrize("change", ["header", "length", "gone"])
def test_another_file_in_its_place_is_not_read(change: str, tmp_path: Path) -> None:
    found = files.file_of(_pair_of_files(tmp_path, (20, 22, 24)).half1)
    assert found is not None
    path = tmp_path / "a.mrc"
    content = path.read_bytes()
    path.unlink()
    if change != "gone":
        path.write_bytes(content[:8] + b"x" + content[9:] if change == "header" else content + b"\0")
    assert not found.is_here()
    with pytest.raises(MapError, match=r"doesn't find .*a.mrc as it was"):
        found.open()


def test_pages_of_large_mapped_volumes_are_let_go(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "FORGET_BYTES", 0)
    maps = _pair_of_files(tmp_path, (40, 128, 128))
    before = accumulate(maps)  # lets go while it reads

    def resident() -> int:
        lines = Path("/proc/self/smaps").read_text().split("a.mrc\n")[1].splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))

    assert float(maps.half1.sum()) != 0  # reads all of it
    assert resident() >= maps.half1.nbytes // 1024
    files.forget(maps.half1[:20], maps.half1)
    assert resident() < 0.6 * maps.half1.nbytes / 1024
    np.testing.assert_array_equal(accumulate(maps).nodes, before.nodes)
