"""The paper's maps: stand-ins have the published zones, and deposited maps are taken where EMDB answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from emdb_server import EmdbServer

import cryoaniso_nb as ca
from cryoaniso_nb.analysis.paper import PAPER, PublishedMap, ReproducedMap, stand_in
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.inputs.emdb import emdb_silence
from cryoaniso_nb.simulate.zones import zone_ssnr


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("published", PAPER, ids=lambda published: published.name)
def test_a_stand_in_has_the_published_zone(published: PublishedMap) -> None:
    truth = stand_in(published, 64).truth
    assert truth is not None
    assert truth.transition_zone_ideal == pytest.approx(published.zone, rel=0.07)
    assert not np.isnan(truth.resolution).all()
    height = np.abs(truth.axes[:, 2])
    if published.bingham is not None:  # z is worst
        assert truth.resolution[height > 0.9].mean() > 1.1 * truth.resolution[height < 0.3].mean()


def test_a_zone_that_can_not_be_is_refused() -> None:
    for zone in ((4.0, 5.0), (6.0, 2.0), (float("inf"), 5.0)):
        with pytest.raises(SettingsError, match="must end at no larger a value than it begins, and above Nyquist"):
            zone_ssnr(zone, 64, 1.0)
    with pytest.raises(SettingsError, match="The box is 16, but a stand-in needs 32 voxels or more"):
        ca.reproduce(box=16, emdb=False)


def test_differences_have_their_reasons(small_result: ca.AnalysisResult) -> None:
    onset, middle = small_result.fso.onset.resolution, small_result.fso.resolution
    published = PublishedMap(name="x", entry="EMD-8731", symmetry="C1", global_fsc=2 * middle, zone=(onset, 0.5),
                             middle=1.04 * middle, bingham=None, sphericity=0.1, voxel_size=1.0)  # fmt: skip
    reasons = {row["measure"]: row["reason"] for row in ReproducedMap(published=published, result=small_result).rows()}
    assert reasons["FSO = 0.9, Å"] == reasons["FSO = 0.5, Å"] == ""
    assert reasons["FSO = 0.1, Å"].endswith("mask here: none, the paper names none")
    assert reasons["Bingham test to, Å"] == "the paper gives none"
    assert "Tan et al." in reasons["sphericity"]


def test_without_an_answer_that_is_soon_known(silent: str) -> None:
    assert "can't be reached (" in emdb_silence(silent, seconds=0.2)


def test_without_a_network_stand_ins_are_shown_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("CRYOANISO_EMDB_API", address)  # nobody listens there any more
    out = tmp_path / "out"
    assert main(["reproduce", "--box", "32", "-o", str(out)]) == 0
    shown = capsys.readouterr()
    assert "can't be reached" in shown.err
    assert "simulated stand-ins are shown, not the deposited maps" in shown.err
    assert shown.out.count("(simulated stand-in)") == 4
    assert (out / "paper.png").stat().st_size > 10_000
    assert main(["reproduce", "--box", "32", "--stand-ins", "-o", str(out)]) == 2


def test_a_map_that_emdb_has_is_the_deposited_one(emdb_server: EmdbServer, tmp_path: Path) -> None:
    maps = stand_in(PAPER[1], 48)
    emdb_server.put_entry(10621, maps)
    found = ca.reproduce(box=32, fetch=emdb_server.options(tmp_path / "cache"))
    assert found.why == ""
    ferritin, cmg, untilted, tilted = found.maps
    assert cmg.truth is None
    assert cmg.title == "CMG + AND-1, EMD-10621"
    assert cmg.result.fso.transition_zone == pytest.approx(ca.analyze(maps).fso.transition_zone, rel=1e-3)
    assert "EMDB has no entry EMD-11638" in ferritin.why
    assert untilted.why == "its half maps are not in EMDB"
    assert tilted.truth is None  # noise of the fixture, which has no crossing
    assert {row["reason"] for row in tilted.rows() if row["measure"] == "FSO = 0.9, Å"} == {"not reached in this map"}
    json.dumps(found.rows())
