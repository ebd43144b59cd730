"""Half maps by one name: in Python, on the command line, in the explorer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emdb_server import EmdbServer

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job of RELION with its point group."""
    made = ca.simulate_half_maps(box=32, voxel_size=2.0, preset="missing-cone", seed=1)
    folder = tmp_path / "Refine3D" / "job007"
    folder.mkdir(parents=True)
    for number, half in ((1, made.half1), (2, made.half2)):
        ca.write_map(folder / f"run_half{number}_class001_unfil.mrc", half, 2.0)
    (folder / "run_sampling.star").write_text("data_\n_rlnSymmetryGroup  C2\n")
    (folder / "run_data.star").touch()
    return folder


@pytest.fixture
def emdb(emdb_server: EmdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmdbServer:
    """The server, found by the environment."""
    monkeypatch.setenv("CRYOANISO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CRYOANISO_EMDB_API", f"{emdb_server.url}/api")
    monkeypatch.setenv("CRYOANISO_EMDB_FILES", f"{emdb_server.url}/structures")
    return emdb_server


def test_a_job_opens_with_what_it_tells(job: Path) -> None:
    for given in (job, job / "run_half2_class001_unfil.mrc"):
        found = ca.open_pair(given)
        assert [item.name for item in found.maps.inputs] == [f"run_half{n}_class001_unfil.mrc" for n in (1, 2)]
        assert (found.symmetry, found.poses) == ("C2", job / "run_data.star")
        assert found.told == (f"Found {job}/run_half1_class001_unfil.mrc and run_half2_class001_unfil.mrc.",)


def test_a_mask_that_is_found_is_used_unless_another_is_asked_for(job: Path) -> None:
    for number in (1, 2):
        (job / f"run_half{number}_class001_unfil.mrc").rename(job / f"apo_half{number}.mrc")
    ca.write_map(job / "apo_mask.mrc", np.ones((32,) * 3, np.float32), 2.0)
    assert ca.open_pair(job).maps.mask_label == "apo_mask.mrc"
    assert ca.open_pair(job, mask=None).maps.mask is None
    assert ca.open_pair(job, mask=np.full((32,) * 3, 0.5, np.float32)).maps.mask_label == "array"
    with pytest.raises(MapError, match="is no EMDB code, but cache is an option of EMDB"):
        ca.open_pair(job, cache=job)


def test_an_entry_opens_by_its_code(emdb: EmdbServer) -> None:
    found = ca.open_pair("EMD-8731")
    assert (found.name, found.symmetry, found.maps.mask_label) == ("EMD-8731", "C3", "emd_8731_msk_1.map")
    assert found.told == ("EMD-8731: A trimer, tilted.",)
    assert ca.open_pair("8731", mask=None).maps.mask is None


def test_the_explorer_takes_a_job_an_entry_and_a_folder_of_results(job: Path, emdb: EmdbServer, tmp_path: Path) -> None:
    explorer = ca.explore(job, n_axes=21)
    result = explorer.result()
    assert result.settings.symmetry == "C2"
    assert f"maps = ca.open_pair({str(job)!r}).maps" in explorer.code()
    explorer.close()
    explorer = ca.explore("EMD-8731", mask="none", n_axes=21)
    assert explorer.result().settings.mask == "none"
    assert "maps = ca.open_pair('EMD-8731', mask=None).maps" in explorer.code()
    explorer.close()
    ca.survey([job / "run_half1_class001_unfil.mrc"], tmp_path / "out")
    explorer = ca.explore(tmp_path / "out" / "run_class001_unfil")
    assert explorer.result().inputs[0].name == "run_half1_class001_unfil.mrc"
    explorer.close()
    with pytest.raises(MapError, match=r"explore was given one map \(a ndarray\)"):
        ca.explore(np.zeros((32, 32, 32)))


def test_the_file_panel_takes_an_entry(emdb: EmdbServer) -> None:
    async def cell() -> Any:
        explorer = ca.explore(n_axes=21)
        explorer.files.half1.value = "EMD-8731"
        explorer.files.go.click()
        while explorer.session.state.result is None or explorer.session.running:
            assert not explorer.session.state.error
            await asyncio.sleep(0.01)
        found = explorer.result()
        explorer.files.half1.value = ""
        explorer.files.go.click()
        while not explorer.session.state.error:
            await asyncio.sleep(0.01)
        explorer.close()
        return found

    found = asyncio.run(cell())
    assert found.settings.mask == "emd_8731_msk_1.map"
    assert found.settings.symmetry == "C3"
