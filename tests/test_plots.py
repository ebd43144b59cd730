"""Figures hold the result's numbers, in every odd case, and the same bytes each time."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import cryoaniso_nb as ca
from cryoaniso_nb import plots
from cryoaniso_nb.directions import axes_for
from cryoaniso_nb.errors import OutputError, ResultError, SettingsError
from cryoaniso_nb.fscfiles import ForeignFSC
from cryoaniso_nb.plot_curves import angstrom_axis, overlay_fsc

Maker = Callable[..., ca.AnalysisResult]


def edge(at: np.ndarray | float, n_axes: int = 81, shells: int = 32) -> np.ndarray:
    shell = np.arange(1, shells + 1)
    return 1 / (1 + np.exp((shell - np.broadcast_to(at, n_axes)[:, None]) / 1.5))


def line(axes: object, label: str) -> np.ndarray:
    (found,) = [curve for curve in axes.lines if curve.get_label() == label]  # type: ignore[attr-defined]
    return np.asarray(found.get_ydata())


def test_curves_hold_the_numbers(small_result: ca.AnalysisResult) -> None:
    made = plots.figure(small_result)
    left, right, *others = made.axes
    np.testing.assert_array_equal(line(left, "FSO"), small_result.fso.occupancy)
    np.testing.assert_array_equal(line(left, "FSC"), small_result.global_fsc.fsc)
    (test,) = [ax for ax in others if "Bingham" in ax.get_ylabel()]
    drawn = line(test, "Bingham test, as published")
    np.testing.assert_array_equal(drawn, small_result.bingham.published[: drawn.size])
    assert right.images[0].get_array().shape == (240, 240)


def test_bingham_curve_is_chosen_by_name(small_result: ca.AnalysisResult) -> None:
    calibrated = small_result.with_calibration(n=39)
    for name, label in (
        ("p_value", "Bingham p, textbook\n(small: anisotropic)"),
        ("published", "Bingham test, as published\n(grows with anisotropy)"),
        ("calibrated", "Bingham p, calibrated\n(small: anisotropic)"),
    ):
        ax = Figure().add_subplot()
        plots.fso_plot(calibrated, ax, bingham=name)
        assert ax.figure.axes[1].get_ylabel() == label
    with pytest.raises(ResultError, match="calibrate it first"):
        plots.fso_plot(small_result, Figure().add_subplot(), bingham="calibrated")


def test_masked_maps_show_both_fsc(made_result: Maker) -> None:
    ax = Figure().add_subplot()
    result = made_result(edge(16.0), mask="m.mrc")
    plots.fso_plot(result, ax)
    np.testing.assert_array_equal(line(ax, "FSC, unmasked"), result.global_fsc.fsc_unmasked)


def test_a_band_is_drawn_when_there_is_one(small_result: ca.AnalysisResult) -> None:
    class Banded:
        band = type("B", (), {"low": np.zeros(24), "high": np.ones(24), "floor": np.full(24, 0.1), "level": 0.9})()

        def __getattr__(self, name: str) -> object:
            return getattr(small_result, name)

    ax = Figure().add_subplot()
    plots.fso_plot(Banded(), ax)  # type: ignore[arg-type]
    assert "FSO, 90 % band" in [c.get_label() for c in ax.collections]
    assert line(ax, "FSO, noise alone")[0] == 0.1


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


def test_sphere_shows_dark_directions_as_nothing(made_result: Maker) -> None:
    z = axes_for(321)[:, 2]
    result = made_result(edge(np.where(z > 0.8, -20.0, 16.0), 321))
    ax = Figure().add_subplot()
    plots.sphere_plot(result, ax, pixels=41)
    picture = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert np.isnan(picture[20, 20])
    assert np.isfinite(picture[20, 38])
    assert any("no signal" in text.get_text() for text in ax.texts)


def test_the_worst_is_marked_where_it_is(made_result: Maker) -> None:
    result = made_result(edge(10 + 8 * (1 - axes_for(321)[:, 2] ** 2), 321))
    for projection in ("polar", "equal-area"):
        ax = Figure().add_subplot()
        plots.sphere_plot(result, ax, projection=projection)
        (worst,) = [m for m in ax.lines if m.get_label() == "worst"]
        np.testing.assert_allclose(worst.get_xydata(), [[0, 0]], atol=1e-9)
    with pytest.raises(SettingsError, match="'mercator'"):
        plots.sphere_plot(result, Figure().add_subplot(), projection="mercator")


def test_compared_spheres_share_a_colour_scale(made_result: Maker) -> None:
    good, bad = made_result(edge(20.0)), made_result(edge(10 + 8 * axes_for(81)[:, 0] ** 2))
    made = plots.comparison([good, bad], ["good", "bad"])
    scales = {ax.images[0].get_clim() for ax in made.axes if ax.images}
    assert len(scales) == 1
    assert next(iter(scales)) == plots.resolution_limits(good, bad)
    with pytest.raises(ResultError, match="2 results and 1 labels"):
        plots.comparison([good, bad], ["good"])


@pytest.mark.parametrize("voxel_size", [0.3, 1.0, 3.7, 12.0])
def test_resolution_ticks_say_what_they_are_and_keep_apart(voxel_size: float) -> None:
    frequency = np.arange(1, 65) / (128 * voxel_size)
    ax = Figure().add_subplot()
    angstrom_axis(ax, frequency)
    places, labels = ax.get_xticks(), [float(t.get_text()) for t in ax.get_xticklabels()]
    np.testing.assert_allclose(1 / np.asarray(places), labels, rtol=0.01)
    assert np.diff(places).min() > 0.08 * frequency[-1]
    assert len(places) >= 4


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


def test_slices_are_drawn_with_a_contour() -> None:
    volume = np.zeros((12, 10, 8))
    volume[4:8, 3:7, 2:6] = 1
    made = plots.slices_plot({"map": volume, "other": volume}, voxel_size=2.0, contour=0.5)
    assert len(made.axes) == 6
    assert made.axes[0].images[0].get_array().shape == (10, 8)
    assert made.axes[0].images[0].get_extent() == [-8.0, 8.0, -10.0, 10.0]
    assert made.axes[0].collections
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
        result = ca.analyze(masked).with_calibration(n=39).with_band(n=39).with_mask_correction(masked)
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

    code = "import sys, cryoaniso_nb.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], timeout=60).returncode == 0
