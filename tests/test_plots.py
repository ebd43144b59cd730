"""Figures hold the result's numbers, in every odd case, and the same bytes each time."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import cryoaniso_nb as ca
from cryoaniso_nb.errors import OutputError, ResultError
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.inputs.fsc_curves import ForeignFSC
from cryoaniso_nb.plots import figures as plots
from cryoaniso_nb.plots.curves import overlay_fsc

Maker = Callable[..., ca.AnalysisResult]


def edge(at: np.ndarray | float, n_axes: int = 81, shells: int = 32) -> np.ndarray:
    shell = np.arange(1, shells + 1)
    return 1 / (1 + np.exp((shell - np.broadcast_to(at, n_axes)[:, None]) / 1.5))


def line(axes: object, label: str) -> np.ndarray:
    (found,) = [curve for curve in axes.lines if curve.get_label() == label]  # type: ignore[attr-defined]
    return np.asarray(found.get_ydata())


def test_curves_hold_the_numbers(small_result: ca.AnalysisResult) -> None:
    made = plots.figure(small_result)
    left, right = made.axes[:2]
    np.testing.assert_array_equal(line(left, "FSO"), small_result.fso.occupancy)
    np.testing.assert_array_equal(line(left, "FSC"), small_result.global_fsc.fsc)
    drawn = line(left, "Bingham p, textbook")
    known = np.isfinite(drawn)
    np.testing.assert_array_equal(drawn[known], small_result.bingham.p_textbook[known])
    assert right.images[0].get_array().shape == (240, 240, 4)


def test_bingham_curve_is_chosen_by_name(small_result: ca.AnalysisResult) -> None:
    ax = Figure().add_subplot()
    plots.fso_plot(small_result, ax, bingham="p_published")
    (right,) = ax.child_axes
    assert right.get_ylabel() == "Bingham test, as published (grows with anisotropy)"
    with pytest.raises(ResultError, match="calibrate it first"):
        plots.fso_plot(small_result, Figure().add_subplot(), bingham="p_calibrated")


def test_masked_maps_show_both_fsc(made_result: Maker) -> None:
    ax = Figure().add_subplot()
    result = made_result(edge(16.0), mask="m.mrc")
    plots.fso_plot(result, ax)
    np.testing.assert_array_equal(line(ax, "FSC, unmasked"), result.global_fsc.fsc_unmasked)


@pytest.mark.parametrize(
    "values",
    [
        np.full((81, 32), 0.95),
        np.zeros((81, 32)),
        np.full((81, 32), np.nan),
        edge(np.where(axes_for(81)[:, 2] > 0.8, -20.0, 16.0)),
        edge(np.where(axes_for(81)[:, 2] > 0.8, 60.0, 16.0)),
    ],
    ids=["never crossing", "no signal", "unmeasured", "dark cone", "bright cone"],
)
def test_odd_results_are_drawn(made_result: Maker, values: np.ndarray, tmp_path: Path) -> None:
    result = made_result(values)
    plots.save_figure(result, tmp_path / "a.png")
    plots.save_figure(plots.overview(result), tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_size > 10_000


def test_compared_spheres_share_a_colour_scale(made_result: Maker) -> None:
    good, bad = made_result(edge(20.0)), made_result(edge(10 + 8 * axes_for(81)[:, 0] ** 2))
    made = plots.comparison([good, bad], ["good", "bad"])
    low, high = made.axes[-1].get_ylim()  # of the one colour bar, in 1/Å
    assert (1 / high, 1 / low) == pytest.approx(plots.resolution_limits(good, bad))
    with pytest.raises(ResultError, match="2 results and 1 labels"):
        plots.comparison([good, bad], ["good"])


def test_distribution_is_weighted_by_area(made_result: Maker) -> None:
    result = made_result(edge(10 + 6 * axes_for(81)[:, 2] ** 2))
    ax = Figure().add_subplot()
    plots.distribution(result, ax)
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(100)


def test_foreign_curves_are_overlaid(small_result: ca.AnalysisResult) -> None:
    ax = Figure().add_subplot()
    plots.fso_plot(small_result, ax)
    foreign = ForeignFSC(program="RELION", label="masked", frequency=np.array([0.1, 0.2]), fsc=np.array([1.0, 0.2]))
    overlay_fsc(ax, [foreign])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "RELION, masked" in names
    assert "FSO" in names
    assert any("Bingham" in name for name in names)


def test_local_curves_are_drawn_alike_under_one_name() -> None:
    x, y = np.array([0.1, 0.2]), np.array([1.0, 0.2])
    curves = [
        ForeignFSC(program="RELION", label=label, frequency=x, fsc=y, place=(0, 0, number))
        for number in range(5)
        for label in ("masked", "unmasked")
    ]
    ax = Figure().add_subplot()
    overlay_fsc(ax, [*curves, ForeignFSC(program="RELION", label="masked", frequency=x, fsc=y)])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["RELION, masked, 5 places", "RELION, unmasked, 5 places", "RELION, masked"]
    masked, unmasked, whole = ({(line.get_color(), line.get_linewidth()) for line in lines}
                               for lines in (ax.lines[:10:2], ax.lines[1:10:2], ax.lines[10:]))  # fmt: skip
    assert len(masked) == len(unmasked) == 1
    assert len(masked | unmasked | whole) == 3


def test_slices_are_drawn_with_a_contour() -> None:
    volume = np.zeros((12, 10, 8))
    volume[4:8, 3:7, 2:6] = 1
    made = plots.slices_plot({"map": volume, "other": volume}, voxel_size=2.0, contour=0.5)
    assert len(made.axes) == 6 + 2, "three cuts and a grey scale each"
    assert made.axes[0].images[0].get_array().shape == (10, 8, 4)
    assert made.axes[0].images[0].get_extent() == [-9.0, 7.0, -11.0, 9.0], "Å from the centre, voxel n // 2"
    (contour,) = [drawn for drawn in made.axes[0].lines if drawn.get_gid() == "contour"]
    assert np.nanmax(contour.get_xdata()) > np.nanmin(contour.get_xdata())
    with pytest.raises(ResultError):
        plots.slices_plot({})


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_same_result_same_bytes(small_result: ca.AnalysisResult, tmp_path: Path, ending: str) -> None:
    first = plots.save_figure(small_result, tmp_path / f"a.{ending}").read_bytes()
    assert plots.save_figure(small_result, tmp_path / f"b.{ending}").read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a.{ending}", f"b.{ending}"]


def test_bad_places_are_told_in_words(small_result: ca.AnalysisResult, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.png, \.svg or \.pdf"):
        plots.save_figure(small_result, tmp_path / "a.bmp")
    with pytest.raises(OutputError, match="choose a folder"):
        plots.save_figure(small_result, tmp_path / "missing" / "a.png")


@pytest.mark.parametrize("full", [False, True])
def test_text_does_not_overlap(small_pair: ca.HalfMaps, small_result: ca.AnalysisResult, full: bool) -> None:
    result = small_result
    if full:
        mask = np.ones(small_pair.box, dtype=np.float32)
        mask[:, :6] = 0
        masked = ca.open_half_maps(small_pair.half1, small_pair.half2, mask=mask, voxel_size=2.0)
        result = (
            ca.analyze(masked).with_calibration(n_replicates=39).with_band(n_replicates=39).with_mask_correction(masked)
        )
    made = plots.figure(result)
    made.canvas.draw()
    renderer = made.canvas.get_renderer()  # type: ignore[attr-defined]
    texts = [t for ax in made.axes for t in (*ax.texts, *(ax.get_yticklabels() if ax.axison else ()), ax.yaxis.label)]
    texts += [*made.axes[0].get_xticklabels(), made.axes[0].xaxis.label]  # its twin shares them
    texts += [t for legend in made.legends for t in legend.get_texts()]
    shown = [t for t in texts if t.get_text()]
    boxes = [t.get_window_extent(renderer).padded(-1) for t in shown]
    width, height = made.canvas.get_width_height()
    for box, text in zip(boxes, shown, strict=True):
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside or text.get_text() in ("−0.2", "1.2"), text  # ticks beyond the axis aren't drawn
    assert min(t.get_fontsize() for t in shown) >= 9
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert not one.overlaps(other), (one, other)


def test_pyplot_is_not_loaded() -> None:
    import subprocess

    code = "import sys, cryoaniso_nb.plots.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], timeout=60).returncode == 0
