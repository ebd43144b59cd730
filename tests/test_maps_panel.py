"""Several maps in one explorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError
from cryoaniso_nb.widgets import explore


@pytest.fixture(scope="module")
def results() -> dict[str, ca.AnalysisResult]:
    presets = {"even": "isotropic", "cone": "missing-cone", "top": "missing-top-views"}
    return {
        name: ca.analyze(ca.simulate_half_maps(box=48, preset=preset, signal="phantom", seed=1), n_axes=81)  # type: ignore[arg-type]
        for name, preset in presets.items()
    }


def test_each_map_has_a_row_and_is_shown_by_its_name(results: dict[str, ca.AnalysisResult]) -> None:
    made = explore(results)
    panel = made.maps
    assert [button.description for button in panel.names] == ["even", "cone", "top"]
    assert made.session.state.result is results["even"]
    for numbers in panel.numbers:
        assert "<svg" in numbers.value
    assert "no difference found" in panel.numbers[0].value
    panel.names[1].click()
    assert made.session.state.result is results["cone"]
    assert [button.button_style for button in panel.names] == ["", "primary", ""]
    made.close()


def test_sliders_cut_the_selected_map_the_one_beside_and_those_selected_later(
    results: dict[str, ca.AnalysisResult],
) -> None:
    made = explore(results)
    panel, state = made.maps, made.session.state
    assert panel.overlays[0].disabled
    panel.overlays[2].value = True
    assert state.other is results["top"]
    assert "even" in panel.comparison.value
    assert "top" in panel.comparison.value
    made.cones.cone.value = 25.0
    assert state.result.settings.cone_half_angle == 25
    assert state.other.settings.cone_half_angle == 25
    panel.names[1].click()
    assert state.result.settings.cone_half_angle == 25
    assert state.result.regions.worst.zenith < 30  # the map with the missing cone
    panel.names[2].click()  # what is beside can't be selected too
    assert state.other is None
    assert panel.comparison.value == ""
    assert not any(button.value for button in panel.overlays)
    made.close()


def test_a_map_without_a_result_is_analyzed_when_it_is_chosen(
    results: dict[str, ca.AnalysisResult], tmp_path: Path
) -> None:
    maps = ca.simulate_half_maps(box=48, preset="missing-cone", signal="phantom", seed=2)
    paths = tuple(ca.write_map(tmp_path / f"c_half{i}.mrc", h, 1.0) for i, h in enumerate((maps.half1, maps.half2), 1))
    saved = results["even"].save(tmp_path / "even.npz")
    made = explore([saved, paths, paths[0]], n_axes=81)
    panel = made.maps
    assert [button.description for button in panel.names] == ["even.npz", "c_half1.mrc", "c_half1.mrc (3)"]
    assert "not analyzed yet" in panel.numbers[1].value
    assert panel.overlays[1].disabled
    panel.names[1].click()
    assert made.session.state.status == "done"
    assert "<svg" in panel.numbers[1].value
    assert "c_half1.mrc" in made.code()
    panel.names[0].click()
    assert not panel.overlays[1].disabled
    panel.names[2].click()  # one half map alone: the other is found
    assert made.session.state.status == "done", made.session.state.error
    assert "open_pair" in made.code()
    made.close()


def test_a_list_is_sorted_out_at_once(results: dict[str, ca.AnalysisResult]) -> None:
    with pytest.raises(MapError, match="a list without maps"):
        explore([])
    with pytest.raises(MapError, match="several maps and more beside them"):
        explore([results["even"]], results["cone"])
    with pytest.raises(MapError, match="needs two half maps"):
        explore([3])


def test_one_map_has_no_table(results: dict[str, ca.AnalysisResult]) -> None:
    made: Any = explore(results["even"])
    assert made.maps is None
    made.close()
