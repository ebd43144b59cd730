"""Views without a browser: what is on the marks, what is sent, what is linked to what."""

from __future__ import annotations

import asyncio
import gc
import html
import io
import json
import os
import re
import struct
import weakref
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError, ResultError, SettingsError
from cryoaniso_nb.geometry.directions import nearest_axis
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.measures.tilt import tilt_advice
from cryoaniso_nb.widgets import (
    FanView,
    FSOView,
    LiveSession,
    MapSlicesView,
    SphereView,
    SummaryView,
    ThreeDFSCView,
    explore,
)

pytestmark = pytest.mark.timeout(120)

WIDGETS = ipywidgets.widgets.widget._instances


@pytest.fixture
def explorer(small_pair: Any) -> Iterator[Any]:
    """A finished explorer on a small pair (no loop runs here: everything happens at once)."""
    made = explore(small_pair)
    yield made
    made.close()


@pytest.fixture
def session(small_result: Any) -> Iterator[LiveSession]:
    """A session that shows a result."""
    made = LiveSession(result=small_result)
    yield made
    made.close()


def sent(widget: Any, action: Callable[[], object]) -> list[dict[str, Any]]:
    """The updates a widget sends to the page during an action."""
    messages: list[dict[str, Any]] = []
    original = widget.comm.send

    def record(data: Any = None, *args: Any, **kwargs: Any) -> Any:
        if data.get("method") == "update":
            messages.append(data["state"])
        return original(data, *args, **kwargs)

    widget.comm.send = record
    try:
        action()
    finally:
        widget.comm.send = original
    return messages


def click(mark: Any, **data: float) -> None:
    """What a page sends when a mark is clicked."""
    mark._handle_custom_msgs(mark, {"event": "element_click", "data": data})


# --- the marks hold the result's numbers ---------------------------------------------------


def test_a_second_result_of_another_box_shows_the_cursors_resolution(small_result: Any) -> None:
    other = ca.analyze(ca.simulate_half_maps(box=72, voxel_size=2.0, seed=3))
    session = LiveSession(result=small_result)
    session.state.other = other
    first = SphereView(session)
    beside = SphereView(session, beside=first)
    session.state.shell, first.quantity.value = 12, "dfsc"
    assert "dFSC in shell 12 (8.00 Å)" in first.panel.title.value
    assert "Compared result: dFSC in shell 18 (8.00 Å)" in beside.panel.title.value
    assert beside.panel.marks["passing"].x.size == (other.dfsc.values[:, 17] >= 0.143).sum()


def test_curves_are_the_results_arrays(session: LiveSession, small_result: Any) -> None:
    view = FSOView(session)
    frequency, marks = small_result.fso.frequency, view.panel.marks
    for key, curve in (("fso", small_result.fso.occupancy), ("fsc", small_result.global_fsc.fsc)):
        known = np.isfinite(curve)
        np.testing.assert_array_equal(marks[key].x, frequency[known])
        np.testing.assert_array_equal(marks[key].y, curve[known])
    assert marks["fso"].y.dtype == np.float64
    onset, end = small_result.fso.onset.frequency, small_result.fso.end.frequency
    assert [marks["zone"].x.min(), marks["zone"].x.max()] == [onset, end]
    assert not marks["fsc_unmasked"].visible


def test_a_gap_in_a_curve_is_a_gap_on_the_page(made_result: Any) -> None:
    values = np.full((6, 8), 0.9)
    values[:, 3] = np.nan
    view = FSOView(made_result(values))
    assert view.panel.marks["fso"].y.shape == (2, 4)
    assert np.isfinite(view.panel.marks["fso"].y).all()
    view.session.close()


def test_bingham_curves_are_chosen_by_name(session: LiveSession, small_result: Any) -> None:
    view = FSOView(session)
    assert view.choice.value == "p_textbook"
    view.choice.value = "p_published"
    drawn = np.concatenate([np.ravel(view.panel.marks[key].y) for key in ("bingham", "bingham_past")])
    published = small_result.bingham.p_published
    assert set(published[np.isfinite(published)]) <= set(drawn)
    assert view.panel.right_axis.label == "Bingham test, as published (grows with anisotropy)"
    assert "above 0.05 the paper calls" in view.panel.legend.value
    assert "Bingham test, as published" in view.readout.value


def test_a_part_that_goes_is_hidden_and_keeps_its_place(session: LiveSession, small_result: Any) -> None:
    view = FSOView(session)
    session.select(other=small_result)
    order = [id(mark) for mark in view.panel.figure.marks]
    names = {id(mark): key for key, mark in view.panel.marks.items()}
    drawn = [names[number] for number in order if number in names]
    assert drawn.index("zone") < drawn.index("fso_1") < drawn.index("fso"), "from the bottom to the top"
    session.select(other=None)
    assert not view.panel.marks["fso_1"].visible
    assert [id(mark) for mark in view.panel.figure.marks] == order
    session.select(other=small_result)
    assert view.panel.marks["fso_1"].visible


def test_the_fan_follows_the_selected_direction(session: LiveSession, small_result: Any) -> None:
    view = FanView(session)
    assert not view.panel.marks["selected"].visible
    session.select(direction=tuple(small_result.dfsc.axes[40]))
    curve = small_result.dfsc.values[40]
    np.testing.assert_array_equal(np.unique(view.panel.marks["selected"].y), np.unique(curve[np.isfinite(curve)]))
    session.select(direction=None)
    assert not view.panel.marks["selected"].visible


def test_a_range_of_colours_holds_for_sphere_and_histogram(explorer: Any) -> None:
    sphere, bars = explorer.sphere, explorer.distribution
    before = (sphere.worst.value, sphere.best.value)
    assert before[0] > before[1], "from poor to good, as the colours"
    assert sphere.auto.disabled
    sphere.worst.value = 20.0
    scale = sphere.panel.picture.scale
    assert (scale.low, scale.high) == (1 / 20, 1 / before[1])
    assert bars.panel.plot["bars"].colours == scale.colours(
        (bars.panel.plot["bars"].left + bars.panel.plot["bars"].right) / 2
    )
    explorer.session.recut(cone_half_angle=25)
    assert sphere.panel.picture.scale.low == 1 / 20, "kept for other cones"
    sphere.quantity.value = "dfsc"
    assert (sphere.worst.value, sphere.best.value) == (0.0, 1.0)
    sphere.best.value = 0.4
    assert sphere.panel.picture.scale.high == 0.4
    sphere.quantity.value = "resolution"
    assert sphere.worst.value == 20.0
    sphere.auto.click()
    assert explorer.session.state.limits is None
    assert sphere.worst.value < 20.0


# --- messages -----------------------------------------------------------------------------


def test_one_message_a_mark_an_update(explorer: Any) -> None:
    marks = {
        "fso": explorer.curves.panel.marks["fso"],
        "bingham": explorer.curves.panel.marks["bingham"],
        "fan": explorer.fan.panel.marks["mean"],
        "bars": explorer.distribution.panel.marks["bars"],
        "sphere": explorer.sphere.panel.raster.mark,
    }
    for angle, (name, mark) in enumerate(marks.items(), 20):
        messages = sent(mark, lambda angle=angle: explorer.session.recut(cone_half_angle=angle))
        assert len(messages) == 1, name
    fsc = sent(explorer.curves.panel.marks["fsc"], lambda: explorer.session.recut(cone_half_angle=30))
    assert fsc == [], "the global FSC doesn't depend on cones"


def test_one_redraw_sends_little(explorer: Any) -> None:
    total, seen, todo = 0, set(), [explorer.model_id]
    while todo:  # what a page needs to draw it: other tests' widgets are still about
        widget = WIDGETS[todo.pop()]
        seen.add(widget.model_id)
        state, _, buffers = ipywidgets.widgets.widget._remove_buffers(widget.get_state())
        todo += set(re.findall(r"IPY_MODEL_(\w+)", repr(state))) - seen - set(todo)
        total += len(repr(state)) + sum(memoryview(b).nbytes for b in buffers)
    assert len(seen) > 200, "the whole explorer"
    assert total < 3_000_000, "all widgets together, as a saved notebook carries them"


def test_hidden_panes_compute_nothing_until_shown(explorer: Any) -> None:
    assert explorer.threedfsc.slices is None
    explorer.tabs.selected_index = 2
    assert explorer.threedfsc.slices is not None
    assert explorer.fan.active is False


# --- links ----------------------------------------------------------------------------------


def test_a_click_on_the_sphere_selects_everywhere(explorer: Any) -> None:
    click(explorer.sphere.panel.raster.mark, click_x=0.0, click_y=0.5)
    result = explorer.result()
    axis = nearest_axis(result.dfsc.axes, explorer.session.state.direction)
    assert result.dfsc.zenith[axis] == pytest.approx(45, abs=6)
    assert result.dfsc.azimuth[axis] == pytest.approx(90, abs=8)
    assert "zenith" in explorer.fan.panel.legend.value
    assert explorer.sphere.panel.marks["selected"].x.size == 1
    click(explorer.sphere.panel.raster.mark, click_x=1.0, click_y=1.0)  # outside of the disc
    assert nearest_axis(result.dfsc.axes, explorer.session.state.direction) == axis


def test_dragging_the_cursor_moves_it_in_every_view(explorer: Any) -> None:
    frequency = explorer.result().fso.frequency
    handle = explorer.curves.handle
    handle._handle_custom_msgs(
        handle, {"event": "drag", "point": {"x": float(frequency[14]) + 1e-4, "y": 1}, "index": 0}
    )
    assert explorer.session.state.shell == 15
    assert explorer.curves.slider.value == 15
    assert explorer.fan.cursor.x[0] == frequency[14]
    explorer.curves.slider.value = 9
    assert explorer.curves.cursor.x[0] == frequency[8]


def test_sliders_recut_without_the_maps(explorer: Any) -> None:
    explorer.source.maps = None  # would fail if they were read again
    explorer.cones.cone.value = 25.0
    explorer.cones.chi.value = 0.5
    explorer.cones.axes.value = 81
    result = explorer.result()
    assert (result.settings.cone_half_angle, result.settings.threshold, result.settings.n_axes) == (25.0, 0.5, 81)
    assert explorer.curves.panel.marks["chi"].y[0] == 0.5
    np.testing.assert_array_equal(explorer.curves.panel.marks["fso"].y[-3:], result.fso.occupancy[-3:])


def test_two_views_share_a_session_and_a_third_does_not(session: LiveSession, small_result: Any) -> None:
    first, second, third = FSOView(session), FanView(session), FSOView(small_result)
    before = float(third.cursor.x[0])
    session.select(shell=5)
    assert first.cursor.x[0] == second.cursor.x[0] == small_result.fso.frequency[4]
    assert third.cursor.x[0] == before
    third.session.close()


def test_a_second_result_is_overlaid_on_one_colour_scale(explorer: Any) -> None:
    other = explorer.result().with_cones(cone_half_angle=30)
    explorer.compare(other)
    marks = explorer.curves.panel.marks
    np.testing.assert_array_equal(marks["fso_1"].y[-3:], other.fso.occupancy[-3:])
    assert marks["fso_1"].visible
    assert explorer.other_sphere in explorer.top.children
    assert explorer.other_sphere.panel.bar.value == explorer.sphere.panel.bar.value
    explorer.compare(None)
    assert explorer.other_sphere not in explorer.top.children
    with pytest.raises(ResultError, match="can't be compared"):
        explorer.compare(3)  # type: ignore[arg-type]


# --- statistics -----------------------------------------------------------------------------


def test_statistics_are_asked_for_and_drawn(explorer: Any) -> None:
    plain = explorer.result()
    explorer.tabs.selected_index = 1
    view, curves = explorer.statistics, explorer.curves
    assert "Not calibrated yet" in view.page.value
    view.n.value, view.seed.value = 39, 3
    view.calibrate.click()
    result = explorer.result()
    assert (result.calibration.n_replicates, result.calibration.seed) == (39, 3)
    known = np.isfinite(result.bingham.p_calibrated)
    marks = curves.panel.marks
    assert curves.choice.value == "p_calibrated"
    drawn = np.concatenate([np.ravel(marks[key].y) for key in ("bingham", "bingham_past")])
    assert set(result.bingham.p_calibrated[known]) <= set(drawn)
    assert f"p = {result.calibration.map_p_value:.2g}" in view.page.value
    view.symmetry.value = "C2"
    view.band.click()
    band = explorer.result().band
    np.testing.assert_array_equal(marks["band"].y, np.stack([band.low, band.high])[:, np.isfinite(band.low)])
    np.testing.assert_array_equal(np.unique(marks["floor"].y), np.unique(band.floor[np.isfinite(band.floor)]))
    assert marks["band"].visible
    assert marks["floor"].visible
    assert "FSO, noise alone" in curves.panel.legend.value
    assert explorer.result().calibration is result.calibration, "one doesn't take the other away"
    assert f"{band.middle[0]:.2f} Å" in view.page.value
    assert "with_calibration(n_replicates=39, seed=3)" in explorer.code()
    assert "with_band(n_replicates=39, seed=3, symmetry='C2')" in explorer.code(), (
        "each with the point group it was asked for"
    )
    assert [name for _, name in curves.choice.options] == ["p_calibrated", "p_textbook", "p_published"]
    assert explorer.session.state.status == "done"
    assert view.correct.disabled, "there is no mask"
    for name in ("p_published", "p_calibrated"):
        curves.choice.value = name
    assert explorer.session.state.bingham == "p_calibrated", "asked for"
    explorer.session.recut(cone_half_angle=plain.settings.cone_half_angle + 5)
    assert not marks["band"].visible, "other cones, other statistics"
    assert curves.choice.value == "p_textbook"
    assert explorer.session.state.error == ""
    assert "p_calibrated" not in explorer.code()


def test_no_dots_but_those_of_passing_directions_lie_on_the_sphere() -> None:
    result = ca.analyze(ca.simulate_half_maps(box=48, preset="isotropic", seed=0))
    assert result.directional_resolution.early.sum() > 10, "every thin curve dips somewhere"
    view = SphereView(result)
    assert not view.panel.marks["passing"].visible
    view.session.close()


def test_the_mask_is_corrected_for(small_pair: Any) -> None:
    mask = sphere_mask(small_pair.box, 14.0, edge=3)
    made = explore(small_pair.half1, small_pair.half2, mask=mask, voxel_size=2.0)
    made.tabs.selected_index = 1
    marks = made.curves.panel.marks
    assert not marks["fso_corrected"].visible
    made.statistics.correct.click()
    correction = made.result().mask_correction
    known = np.isfinite(correction.corrected)
    np.testing.assert_array_equal(np.unique(marks["fsc_corrected"].y), np.unique(correction.corrected[known]))
    assert marks["fso_corrected"].visible
    assert "Corrected for the mask" in made.statistics.page.value
    made.close()


def test_a_wrong_symmetry_is_told_and_nothing_is_lost(explorer: Any) -> None:
    explorer.tabs.selected_index = 1
    before = explorer.result()
    explorer.statistics.symmetry.value = "X9"
    explorer.statistics.band.click()
    assert "X9" in explorer.run_bar.error.value
    assert explorer.result() is before


# --- poses and tilt ---------------------------------------------------------------------------


def top_views(path: Any) -> Any:
    """A star file of 400 views within 25 degrees of z."""
    rng = np.random.default_rng(5)
    rows = zip(rng.uniform(-180, 180, 400), rng.uniform(0, 25, 400), rng.uniform(-180, 180, 400), strict=True)
    names = "".join(f"_rlnAngle{name} #{i}\n" for i, name in enumerate(("Rot", "Tilt", "Psi"), 1))
    body = "\n".join(f"{a:.3f} {b:.3f} {c:.3f}" for a, b, c in rows)
    path.write_text(f"data_particles\n\nloop_\n{names}{body}\n")
    return path


def test_poses_show_views_sampling_and_advice(explorer: Any, tmp_path: Any) -> None:
    explorer.tabs.selected_index = 4
    view = explorer.poses
    view.path.value = str(top_views(tmp_path / "top.star"))
    view.go.click()
    assert explorer.session.state.error == ""
    poses = ca.read_poses(tmp_path / "top.star")
    result = explorer.result()
    advice = tilt_advice(poses, result)
    np.testing.assert_array_equal(view.sampled.marks["scf_star"].y, advice.scf_star)
    np.testing.assert_array_equal(view.sampled.marks["worst"].x, advice.tilts)
    assert advice.advice.split(";")[0].split("<")[0] in html.unescape(view.words.value)
    assert "N = 400, R = 50, C1" in view.words.value
    picture = np.asarray(Image.open(io.BytesIO(view.views.raster.png)).convert("RGBA")).astype(int)
    pole, rim = picture[48, 48, :3], picture[48, 90, :3]
    assert pole.sum() > rim.sum() + 200, "top views: bright at the pole, dark at the rim"
    assert len(view.plots.children) == (3 if advice.has_maps else 2)
    before = view.views.raster.png
    view.projection.value = "equal-area"
    assert view.views.raster.png != before


def cs_file(path: Any, *, packed: bool) -> Any:
    """A cryoSPARC file of 400 views within 25 degrees of z, plain or as the compressed stream."""
    rng = np.random.default_rng(6)
    inward = Rotation.from_euler(  # image to map: the third column is the view
        "ZYZ", np.stack([rng.uniform(-180, 180, 400), rng.uniform(0, 25, 400), rng.uniform(-180, 180, 400)], 1), True
    )
    kind = [("alignments3D/pose", "<f4", (3,)), ("alignments3D/split", "<u4"), ("blob/shape", "<u4", (2,))]
    table = np.zeros(400, dtype=[*kind, ("blob/psize_A", "<f4")])
    table["alignments3D/pose"], table["alignments3D/split"] = inward.as_rotvec(), np.arange(400) % 2
    table["blob/shape"], table["blob/psize_A"] = 300, 1.5
    if not packed:
        with path.open("wb") as file:
            np.save(file, table)
        return path
    block = pytest.importorskip("lz4.block")
    names = table.dtype.names
    fields = [[n, table[n].dtype.str, *([list(table[n].shape[1:])] if table[n].ndim > 1 else [])] for n in names]
    header = {"length": 400, "dtype": fields, "compression": "lz4", "compressed_fields": list(names)}
    parts = [json.dumps(header).encode()]
    parts += [block.compress(np.ascontiguousarray(table[n]).tobytes(), store_size=False) for n in names]
    path.write_bytes(b"\x95CSDAT" + b"".join(struct.pack("<I", len(part)) + part for part in parts))
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_cryosparc_poses_show_too(explorer: Any, tmp_path: Any, packed: bool) -> None:
    explorer.tabs.selected_index = 4
    view = explorer.poses
    view.path.value = str(cs_file(tmp_path / "particles.cs", packed=packed))
    view.go.click()
    assert explorer.session.state.error == ""
    assert (view.poses.image_size, view.poses.pixel_size) == (300, 1.5)
    assert view.poses.views[:, 2].min() > np.cos(np.deg2rad(25.01))
    np.testing.assert_array_equal(view.sampled.marks["scf_star"].y, view.advice.scf_star)
    words = html.unescape(view.words.value)
    assert "particles.cs: 400 single-particle poses, half sets known." in words
    assert words.count("images are 450 Å wide (300 pixels of 1.5 Å)") == 1, "said once, though two measures say it"
    picture = np.asarray(Image.open(io.BytesIO(view.views.raster.png)).convert("RGBA")).astype(int)
    assert picture[48, 48, :3].sum() > picture[48, 90, :3].sum() + 200


def test_a_missing_poses_file_is_told_in_a_sentence(explorer: Any, tmp_path: Any) -> None:
    view = explorer.poses
    view.go.click()
    assert "no poses file yet" in explorer.run_bar.error.value
    view.path.value = str(tmp_path / "none.star")
    view.go.click()
    assert "none.star" in explorer.run_bar.error.value
    assert view.advice is None


# --- slices, summary, export, code -------------------------------------------------------------


def test_cuts_show_map_filtered_and_difference(explorer: Any, small_pair: Any) -> None:
    explorer.tabs.selected_index = 3
    view = explorer.slices
    mean, filtered, difference = view.volumes.values()
    np.testing.assert_allclose(difference, np.abs(mean - filtered), atol=1e-5)
    assert [view.point[name].max for name in "zyx"] == [side - 1 for side in small_pair.box]
    before = [panel.raster.png for panel in view.panels]
    view.point["z"].value = 3
    after = [panel.raster.png for panel in view.panels]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True, True], "the cut across z alone"
    assert "z = -42.0 Å" in view.panels[0].title.value
    assert -42.0 in view.panels[1].marks["cross"].y, "the cross moves in the others"
    low, high = view.contrast.value
    view.contrast.value = (low, high / 2)
    assert view.panels[0].raster.png != after[0]
    view.shown.value = "Difference"
    assert view.panels[0].picture.scale.low == 0, "a scale of its own"
    assert view.panels[0].picture.indices.max() > 200


def test_a_click_on_a_cut_moves_the_others(explorer: Any) -> None:
    explorer.tabs.selected_index = 3
    view = explorer.slices
    click(view.panels[0].raster.mark, click_x=10.0, click_y=-20.0)  # Å from the centre, x and y
    assert [view.point[name].value for name in "xyz"] == [24 + 5, 24 - 10, 24]
    assert [panel.picture.title for panel in view.panels[:3]] == ["z = 0.0 Å", "y = -20.0 Å", "x = 10.0 Å"]


def test_a_selected_direction_gets_a_cut_of_its_own(explorer: Any) -> None:
    explorer.tabs.selected_index = 3
    view = explorer.slices
    assert view.panels[3].figure.layout.display == "none"
    click(explorer.sphere.panel.raster.mark, click_x=0.0, click_y=0.5)
    assert view.panels[3].figure.layout.display is None
    assert "along ◆" in view.panels[3].title.value
    first = view.panels[3].raster.png
    click(explorer.sphere.panel.raster.mark, click_x=0.5, click_y=0.0)
    assert view.panels[3].raster.png != first


def test_map_slices_without_maps_say_why(small_result: Any) -> None:
    view = MapSlicesView(small_result)
    assert "no maps here" in view.caption.value
    view.session.close()


def test_3dfsc_planes_follow_the_selected_direction(session: LiveSession, small_result: Any) -> None:
    view = ThreeDFSCView(session)
    x, y = (np.atleast_2d(view.panels[0].marks["contour"].__getattribute__(name)) for name in "xy")
    assert np.hypot(x, y).max() <= 0.25, "within Nyquist"
    assert not view.panels[0].marks["selected"].visible
    session.select(direction=(0.0, 0.0, 1.0))
    axis = nearest_axis(small_result.dfsc.axes, (0.0, 0.0, 1.0))
    np.testing.assert_allclose(view.panels[1].marks["selected"].y, [-0.25, 0.25], rtol=1e-3)
    assert small_result.dfsc.axes[axis, 2] > 0.999


def test_summary_is_the_command_lines_table(session: LiveSession, small_result: Any) -> None:
    assert SummaryView(session).page.value == small_result._repr_html_()


def test_exports_are_written_and_never_overwrite(explorer: Any, tmp_path: Any) -> None:
    explorer.export.folder.value = str(tmp_path)
    for kind in ("png", "svg", "tables", "report", "result", "result"):
        explorer.export.buttons[kind].click()
        assert "Wrote" in explorer.export.message.value, explorer.export.message.value
    assert {path.name for path in tmp_path.iterdir()} == {
        "anisotropy.png", "anisotropy.svg", "anisotropy", "anisotropy.html", "anisotropy.npz",
        "anisotropy-2.npz",
    }  # fmt: skip
    assert "<html" in (tmp_path / "anisotropy.html").read_text(encoding="utf-8")
    assert ca.load_result(tmp_path / "anisotropy.npz").settings.n_axes == 321
    explorer.export.folder.value = str(tmp_path / "missing")
    explorer.export.buttons["png"].click()
    assert "no folder" in explorer.export.message.value


def test_the_code_reproduces_the_view(small_result: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = explore(str(small_result.save(tmp_path / "run.npz")))
    made.session.recut(cone_half_angle=22.5)
    made.sphere.projection.value = "equal-area"
    made.sphere.worst.value = 20.0
    assert "projection='equal-area', limits=(20.0, " in made.code()
    names: dict[str, Any] = {}
    exec(made.code(), names)
    np.testing.assert_array_equal(names["result"].fso.occupancy, made.result().fso.occupancy)
    assert (tmp_path / "figure.png").exists()
    made.close()


# --- opening, closing, failing ----------------------------------------------------------------


def test_files_are_chosen_in_the_widget(small_pair: Any, small_result: Any, tmp_path: Any) -> None:
    for name, half in (("a.mrc", small_pair.half1), ("b.mrc", small_pair.half2)):
        ca.write_map(tmp_path / name, half, small_pair.voxel_size)
    made = explore()
    assert made.body.layout.display == "none"
    made.files.half1.value = str(tmp_path / "a.mrc")
    made.files.go.click()
    assert "say which half it is" in made.run_bar.error.value
    made.files.half2.value = str(tmp_path / "b.mrc")
    made.files.go.click()
    assert made.session.state.status == "done", made.session.state.error
    assert made.body.layout.display is None
    np.testing.assert_allclose(made.result().fso.occupancy, small_result.fso.occupancy, atol=0.02)
    assert "a.mrc" in made.code()
    assert made.files.layout.display == "none"  # it has done its work
    made.other_maps.click()
    assert made.files.layout.display is None
    made.close()


def test_half_maps_nearby_are_offered(small_pair: Any, tmp_path: Any, monkeypatch: Any) -> None:
    for name in ("x_half1.mrc", "x_half2.mrc", "alone_half1.mrc", "sub/y_half_A.mrc", "sub/y_half_B.mrc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        ca.write_map(tmp_path / name, small_pair.half1, small_pair.voxel_size)
    monkeypatch.chdir(tmp_path)
    made = explore()
    assert made.files.half1.options == ("x_half1.mrc", os.path.join("sub", "y_half_A.mrc"))
    made.close()


def test_what_was_exported_and_code_go_to_the_browser(small_result: Any, tmp_path: Any) -> None:
    made = explore(small_result)
    sent: list[tuple[dict[str, str], Any]] = []
    made.export.page.send = lambda message, buffers=None: sent.append((message, buffers))
    made.export.folder.value = str(tmp_path)
    assert made.export.download.layout.display == "none"
    for kind in ("png", "tables"):
        made.export.export(kind)
        made.export.download.click()
    assert [message["download"] for message, _ in sent] == ["anisotropy.png", "anisotropy.zip"]
    assert sent[0][1][0] == (tmp_path / "anisotropy.png").read_bytes()
    with zipfile.ZipFile(io.BytesIO(sent[1][1][0])) as archive:
        assert "anisotropy/curves.csv" in archive.namelist()
    made.export.code_button.click()
    made.export.copy_button.click()
    assert sent[-1][0] == {"copy": made.code()}
    (tmp_path / "anisotropy.png").unlink()
    made.export._last = tmp_path / "anisotropy.png"
    made.export.download.click()
    assert "anisotropy.png again: no such file" in made.export.message.value
    made.close()


def test_a_missing_file_shows_in_the_error_panel(tmp_path: Any) -> None:
    made = explore(str(tmp_path / "none1.mrc"), str(tmp_path / "none2.mrc"))
    assert "none1.mrc" in made.run_bar.error.value
    assert made.run_bar.error.layout.display is None
    with pytest.raises(MapError, match=r"none1\.mrc"):
        made.session.result()
    made.close()


def test_wrong_arguments_are_refused_at_once(small_pair: Any) -> None:
    with pytest.raises(MapError, match="two half maps"):
        explore(small_pair.half1)
    with pytest.raises(SettingsError, match="number of axes is 100"):
        explore(small_pair, n_axes=100)
    with pytest.raises(SettingsError, match="maps is a str"):
        explore("a", "b", maps="c")


def test_closing_frees_every_widget_and_the_result(small_pair: Any) -> None:
    before = set(WIDGETS)
    made = explore(small_pair)
    made.tabs.selected_index = 2
    reference = weakref.ref(made.result().dfsc.values)
    made.close()
    assert set(WIDGETS) == before
    gc.collect()
    assert reference() is None


def test_two_explorers_do_not_disturb_each_other(small_pair: Any, small_result: Any) -> None:
    first, second = explore(small_pair), explore(small_result)
    first.session.select(shell=4)
    first.cones.cone.value = 30.0
    assert second.session.state.shell != 4
    assert second.result() is small_result
    first.close()
    second.session.select(shell=6)
    assert second.curves.cursor.x[0] == small_result.fso.frequency[5]
    second.close()


def test_a_page_without_front_end_gets_a_figure(explorer: Any) -> None:
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert len(bundle["image/png"]) < 400_000


def test_a_partial_result_is_marked(small_pair: Any) -> None:
    async def body() -> None:
        made = explore(next(iter(ca.iter_analysis(small_pair))))
        assert "partial: 6 of 321" in made.run_bar.headline.value
        made.close()

    asyncio.run(body())
