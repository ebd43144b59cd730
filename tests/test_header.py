"""What stands at the top of the explorer: of which maps, warnings, errors, and what no longer holds."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError
from cryoaniso_nb.inputs.mrc import write_map
from cryoaniso_nb.summary.verdict import headline_sentences
from cryoaniso_nb.widgets import explore


@pytest.fixture
def files(small_pair: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Half maps on the disk."""

    names = (tmp_path / "a_half1.mrc", tmp_path / "a_half2.mrc")
    for path, half in zip(names, (small_pair.half1, small_pair.half2), strict=True):
        write_map(path, half, voxel_size=small_pair.voxel_size)
    return names


@pytest.fixture
def explorer(files: tuple[Path, Path]) -> Iterator[Any]:
    """Of two files; no loop runs here: everything happens at once."""
    made = explore(*files, n_axes=81)
    yield made
    made.close()


def test_maps_and_warnings_are_in_sight(explorer: Any) -> None:
    result, bar = explorer.result(), explorer.run_bar
    z = result.settings.box[0]
    assert "a_half1.mrc and a_half2.mrc" in bar.about.value
    assert f"{z}³ voxels of {result.settings.voxel_size:.4g} Å · no mask · C1" in bar.about.value
    assert result.warnings
    assert f"▲ {len(result.warnings)} warning" in bar.badge.value
    for warning in result.warnings:
        assert html.escape(str(warning)) in bar.badge.value
    first, *more = headline_sentences(result)
    assert f"<b>{html.escape(first)}</b>" in bar.headline.value
    assert html.escape(" ".join(more)) in bar.headline.value


def test_a_failed_run_dims_what_the_maps_before_gave(explorer: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    assert "cryoaniso-stale" not in explorer.body._dom_classes
    explorer.files.half1.value = str(tmp_path / "nowhere.mrc")
    explorer.files.half2.value = str(files[1])
    explorer.files.go.click()
    assert explorer.session.state.status == "failed"
    with pytest.raises(MapError, match=r"nowhere\.mrc"):
        explorer.result()
    assert {"cryoaniso-stale", "cryoaniso-unusable"} <= set(explorer.body._dom_classes)
    assert "cryoaniso-stale" in explorer.run_bar.headline._dom_classes
    assert "Of the maps before:" in explorer.run_bar.about.value
    explorer.export.export("result")
    assert "nothing to write" in explorer.export.message.value

    assert "nowhere.mrc" in explorer.run_bar.error.value
    explorer.files.half1.value = str(files[0])
    assert explorer.run_bar.error.value == "", "the path is being mended"
    explorer.files.go.click()
    assert explorer.session.state.status == "done"
    assert not {"cryoaniso-stale", "cryoaniso-unusable"} & set(explorer.body._dom_classes)
    assert "before" not in explorer.run_bar.about.value


def test_an_error_stays_until_what_it_is_about_is_mended(explorer: Any) -> None:
    explorer.poses.go.click()
    assert "no poses file" in explorer.session.state.error
    explorer.cones.cone.value = 25.0
    assert explorer.result().settings.cone_half_angle == 25
    assert "no poses file" in explorer.session.state.error, "other cones are no poses"
    explorer.poses.path.value = "views.star"
    assert explorer.session.state.error == ""

    explorer.session.recut(n_axes=7)
    assert "axes" in explorer.session.state.error
    explorer.poses.path.value = "other.star"
    assert explorer.session.state.error != "", "poses are no cones"
    explorer.session.recut(n_axes=21)
    assert explorer.session.state.error == ""


def test_progress_is_where_the_button_was_pressed(explorer: Any) -> None:
    seen = []

    def look(_change: Any) -> None:
        here, top = explorer.statistics.progress, explorer.run_bar.progress
        if explorer.session.state.status == "running":
            seen.append((here.bar.layout.visibility, top.bar.layout.visibility))

    explorer.session.state.observe(look, names="progress")
    explorer.statistics.n.value = 39
    explorer.statistics.band.click()
    assert set(seen[1:]) == {("visible", "hidden")}
    seen.clear()
    explorer.run_bar.stop.click()
    assert set(seen[1:]) == {("hidden", "visible")}
    assert isinstance(explorer.result(), ca.AnalysisResult)
    assert explorer.run_bar.bar.layout.visibility == "hidden", "the bar gives way"
