"""The explorer and the Matplotlib figures show the same numbers, ticks, colours and names."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

import cryoaniso_nb as ca
from cryoaniso_nb.figures.parts import OUTSIDE, Band, Curve, Markers, Region
from cryoaniso_nb.figures.slices import grey_scale
from cryoaniso_nb.figures.sphere import resolution_scale
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.inputs.poses import read_poses, view_density
from cryoaniso_nb.measures.tilt import tilt_advice
from cryoaniso_nb.plots import figures as plots
from cryoaniso_nb.plots.poses import tilt_figure, views_figure
from cryoaniso_nb.widgets import DistributionView, FanView, FSOView, MapSlicesView, SphereView, ThreeDFSCView
from cryoaniso_nb.widgets._panels import PicturePanel, PlotPanel
from cryoaniso_nb.widgets.sphere import PIXELS

pytestmark = pytest.mark.timeout(120)

DASHES = {"-": "solid"}
SHAPES = {"o": "circle", "P": "cross", "d": "diamond"}


@pytest.fixture(scope="module")
def rich(small_pair: Any) -> ca.AnalysisResult:
    """A result that carries all there is to draw."""
    mask = sphere_mask(small_pair.box, 16.0, edge=4)
    masked = ca.open_half_maps(small_pair.half1, small_pair.half2, mask=mask, voxel_size=2.0)
    return ca.analyze(masked).with_calibration(n_replicates=39).with_band(n_replicates=39).with_mask_correction(masked)


def rows(x: Any, y: Any) -> list[list[tuple[float, float]]]:
    """The pieces of a line as points, without gaps and without repeated last points."""
    pieces: list[list[tuple[float, float]]] = []
    for line_x, line_y in zip(np.atleast_2d(x), np.atleast_2d(y), strict=True):
        known = np.isfinite(line_x) & np.isfinite(line_y)
        for piece in np.split(np.arange(len(line_x)), np.flatnonzero(~known)):
            points = [(float(line_x[i]), float(line_y[i])) for i in piece if known[i]]
            while len(points) > 1 and points[-1] == points[-2]:
                points.pop()
            if points:
                pieces.append(points)
    return pieces


def on_paper(axes: Any) -> dict[str, Any]:
    """Artists by key."""
    found: dict[str, Any] = {}
    for artist in (*axes.lines, *axes.collections, *axes.patches):
        if artist.get_gid():
            found.setdefault(artist.get_gid(), []).append(artist)
    return found


def on_screen(panel: Any) -> dict[str, Any]:
    """Marks that are seen, by key."""
    return {key: mark for key, mark in panel.marks.items() if mark.visible}


def compare_parts(axes: Any, panel: Any) -> None:
    """Each part is drawn with the same data and colours, in the same order, and nothing else is."""
    over = {artist.get_gid(): artist.get_zorder() for artist in (*axes.patches, *axes.collections, *axes.lines)}
    keys = {id(mark): key for key, mark in panel.marks.items() if key in over}
    drawn = [keys[id(mark)] for mark in panel.figure.marks if id(mark) in keys]
    assert drawn == sorted(drawn, key=lambda key: over[key])
    paper, screen = on_paper(axes), on_screen(panel)
    empty = {key for key, mark in screen.items() if np.max(mark.y) <= -1e3}  # bqplot wants a point
    assert set(paper) >= set(screen) - empty
    for key in set(paper) - (set(screen) - empty):
        assert all(not np.isfinite(np.asarray(a.get_ydata(), dtype=float)).any() for a in paper[key]), key
    for key in set(screen) - empty:
        mark, artists = screen[key], paper[key]
        if isinstance(artists[0], Line2D):
            (line,) = artists
            assert rows(line.get_xdata(), line.get_ydata()) == rows(mark.x, mark.y), key
            if line.get_marker() in SHAPES:
                assert width_of(mark) == pytest.approx(line.get_markersize() / 0.65, abs=0.5)
                assert SHAPES[line.get_marker()] == mark.marker
                assert to_hex(line.get_markerfacecolor()) == mark.colors[0]
                assert to_hex(line.get_markeredgecolor()) == mark.stroke
            else:
                assert to_hex(line.get_color()) == mark.colors[0]
                assert (line.get_linestyle() == "-") == (mark.line_style == "solid"), key
        elif isinstance(artists[0], PolyCollection):
            (band,) = artists
            assert to_hex(band.get_facecolor()[0]) == mark.fill_colors[0]
            assert band.get_alpha() == mark.fill_opacities[0]
            drawn = {tuple(point) for path in band.get_paths() for point in path.vertices.tolist()}
            assert {(float(x), float(y)) for x, y in zip(mark.x.ravel(), mark.y.ravel(), strict=True)} <= drawn, key
        else:
            assert all(isinstance(bar, Rectangle) for bar in artists)
            for bar, x, y, colour in zip(artists, mark.x, mark.y, mark.fill_colors, strict=True):
                assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx((x.min(), x.max()))
                assert (bar.get_height(), to_hex(bar.get_facecolor())) == (y.max(), colour)


ENTRY = r"([^<]*)</(?:span|button)>"  # of a legend


def width_of(mark: Any) -> float:
    """Of a marker in pixels, as d3 draws one of that area."""
    area = mark.default_size
    return float({"circle": 2 * np.sqrt(area / np.pi), "cross": 3 * np.sqrt(area / 5),
                  "diamond": 2 * np.sqrt(area / (2 * np.tan(np.pi / 6)))}[mark.marker])  # fmt: skip


def samples(panel: Any) -> dict[str, dict[str, str]]:
    """What the legend on the screen draws beside each name."""
    found = re.findall(rf"<svg[^>]*><\w+ ([^>]*)/></svg> {ENTRY}", panel.legend.value)
    return {html.unescape(name): dict(re.findall(r'([\w-]+)="([^"]*)"', said)) for said, name in found}


def compare_samples(panel: Any, parts: Any) -> None:
    """The legend's samples look as the marks do."""
    shown = samples(panel)
    dashes = {"solid": None, "dashed": "10,10", "dotted": "2,10", "dash_dotted": "10,5,2,5"}  # of bqplot
    for part in parts:
        sample, mark = shown[part.label], panel.marks.get(part.key)
        if isinstance(part, Curve):
            assert (sample["stroke"], float(sample["stroke-width"])) == (mark.colors[0], mark.stroke_width)
            assert (sample.get("stroke-dasharray"), float(sample["opacity"])) == (
                dashes[mark.line_style],
                mark.opacities[0],
            )
        elif isinstance(part, Band):
            assert (sample["fill"], float(sample["opacity"])) == (mark.fill_colors[0], mark.fill_opacities[0])
        elif isinstance(part, Markers):
            assert (sample["fill"], sample["stroke"]) == (mark.colors[0], mark.stroke)
        elif isinstance(part, Region):
            assert sample["fill"] == part.colour


def names(panel: Any) -> list[str]:
    """What the legend on the screen says."""
    return [html.unescape(text).strip() for text in re.findall(rf"</svg> {ENTRY}", panel.legend.value)]


def compare_plots(axes: Any, panel: PlotPanel, *, named: Any = None) -> None:
    """Parts, ends, ticks, words and legend are the same."""
    compare_parts(axes, panel)
    assert axes.get_xlim() == (panel.x.min, panel.x.max)
    assert axes.get_ylim() == (panel.y.min, panel.y.max)
    for drawn, shown in ((axes.xaxis, panel.x_axis), (axes.yaxis, panel.y_axis)):
        assert drawn.get_label_text() == shown.label
        np.testing.assert_array_equal(drawn.get_ticklocs(), shown.tick_values)
        assert [t.get_text() for t in drawn.get_ticklabels()] == list(shown.tick_labels.values())
    legend = named or axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == names(panel)
    assert panel.plot is not None
    compare_samples(panel, panel.plot.legend)
    words = {text.get_text() for text in axes.texts}
    assert words == {word for mark in panel._words.values() for word in mark.text if word}


def compare_pictures(axes: Any, panel: PicturePanel, bar: Any = None) -> None:
    """Pixels, lines, points, words and colour scale are the same."""
    compare_parts(axes, panel)
    (image,) = axes.images
    png = np.asarray(Image.open(io.BytesIO(panel.raster.png)).convert("RGBA"))
    drawn = np.asarray(image.get_array())
    seen = drawn[..., 3] > 0
    np.testing.assert_array_equal(png[..., 3] > 0, seen)
    np.testing.assert_array_equal(png[seen], drawn[seen])
    left, right, bottom, top = image.get_extent()
    assert [left, right] == panel.raster.mark.x.tolist()
    assert [bottom, top] == panel.raster.mark.y.tolist()
    assert axes.get_xlim() == (panel.x.min, panel.x.max)
    assert axes.get_ylim() == (panel.y.min, panel.y.max)
    words = {(t.get_text(), *t.get_position()) for t in axes.texts}
    marks = (panel._inside, panel._outside)
    assert words == {w for mark in marks for w in zip(mark.text, mark.x, mark.y, strict=True) if w[0]}
    if axes.get_legend() is not None:
        assert [text.get_text() for text in axes.get_legend().get_texts()] == names(panel)
        assert panel.picture is not None
        compare_samples(panel, panel.picture.legend)
    if bar is not None:
        ticks = re.findall(r'style="top:([\d.]+)%">([^<]*)<', panel.bar.value)
        low, high = bar.get_ylim()
        assert [text for _, text in ticks] == [t.get_text() for t in bar.get_yticklabels()]
        places = [high - float(place) / 100 * (high - low) for place, _ in ticks]
        np.testing.assert_allclose(places, bar.get_yticks(), atol=1e-4 * (high - low))
        assert html.escape(bar.get_ylabel()) in panel.bar.value


@pytest.mark.parametrize("bingham", ["", "p_textbook", "p_published", "p_calibrated"])
def test_curves(rich: ca.AnalysisResult, bingham: str) -> None:
    view = FSOView(rich)
    view.session.select(bingham=bingham)
    ax = Figure().add_subplot()
    plots.fso_plot(rich, ax, bingham=bingham or None)
    compare_plots(ax, view.panel)
    assert {"band", "floor", "fsc_corrected", "fso_corrected", "fsc_unmasked", "zone"} <= set(on_screen(view.panel))
    (right,) = ax.child_axes
    assert right.get_ylabel() == view.panel.right_axis.label
    np.testing.assert_array_equal(right.get_yticks(), view.panel.right_axis.tick_values)
    assert view.panel.right_axis.scale is view.panel.y_axis.scale, "one zero"
    view.session.close()


def test_the_figure_and_the_report_show_the_explorers_curves(rich: ca.AnalysisResult) -> None:
    view = FSOView(rich)
    made = plots.figure(rich)
    compare_plots(made.axes[0], view.panel, named=made.legends[0])
    view.session.close()


def test_fan(small_result: ca.AnalysisResult) -> None:
    view = FanView(small_result)
    view.session.select(direction=tuple(small_result.dfsc.axes[40]))
    ax = Figure().add_subplot()
    plots.dfsc_fan(small_result, ax, axis=40)
    compare_plots(ax, view.panel)
    view.session.close()


def test_distribution(small_result: ca.AnalysisResult) -> None:
    view = DistributionView(small_result)
    ax = Figure().add_subplot()
    plots.distribution(small_result, ax)
    compare_plots(ax, view.panel)
    assert ax.get_legend().get_title().get_text() in html.unescape(view.caption.value)
    view.session.close()


@pytest.mark.parametrize("projection", ["polar", "equal-area"])
@pytest.mark.parametrize("limits", [None, (5.0, 12.0)])
def test_sphere(small_result: ca.AnalysisResult, projection: str, limits: Any) -> None:
    view = SphereView(small_result)
    view.projection.value = projection
    view.session.select(limits=limits)
    ax = Figure().add_subplot()
    plots.sphere_plot(small_result, ax, projection=projection, limits=limits, pixels=PIXELS)
    compare_pictures(ax, view.panel, ax.figure.axes[1])
    view.session.close()


def test_threedfsc(small_result: ca.AnalysisResult) -> None:
    view = ThreeDFSCView(small_result)
    made = plots.threedfsc_plot(small_result)
    for ax, panel in zip(made.axes, view.panels, strict=False):
        compare_pictures(ax, panel, made.axes[-1])
        assert ax.get_title() in html.unescape(panel.title.value)
    view.session.close()


def test_cuts(small_result: ca.AnalysisResult, small_pair: Any) -> None:
    view = MapSlicesView(small_result, small_pair)
    view.session.select(direction=tuple(small_result.dfsc.axes[40]))
    mean = view.volumes["Map"]
    unit = float(mean.std())
    scale = grey_scale(mean, limits=tuple(unit * end for end in view.contrast.value))
    assert scale.low == pytest.approx(grey_scale(mean).low, abs=0.06 * unit), "the slider moves in steps"
    made = plots.slices_plot({"Map": mean}, voxel_size=2.0, direction=small_result.dfsc.axes[40], scale=scale)
    for ax, panel in zip(made.axes, view.panels, strict=False):
        compare_pictures(ax, panel)
    assert panel.title.value.count("◆") == 1
    view.session.close()


def test_poses_and_tilt(small_result: ca.AnalysisResult, tmp_path: Any) -> None:
    rng = np.random.default_rng(5)
    path = tmp_path / "top.star"
    path.write_text(
        "data_particles\n\nloop_\n_rlnAngleRot #1\n_rlnAngleTilt #2\n_rlnAnglePsi #3\n"
        + "".join(f"{turn:.2f} {tilt:.2f} 0.0\n" for turn, tilt in rng.uniform((0, 0), (360, 25), (400, 2)))
    )
    made = ca.explore(small_result)
    view = made.poses
    view.path.value = str(path)
    view.go.click()
    poses = read_poses(path)
    advice = tilt_advice(poses, small_result.dfsc, threshold=0.143)
    drawn = tilt_figure(advice)
    panels = [view.predicted, view.sampled] if advice.has_maps else [view.sampled]
    for ax, panel in zip(drawn.axes, panels, strict=True):
        compare_plots(ax, panel)
    shown = views_figure(view_density(poses))
    compare_parts(shown.axes[0], view.views)
    assert shown.axes[1].get_ylabel() in view.views.bar.value
    made.close()


def test_two_maps_have_the_colours_of_both(small_result: ca.AnalysisResult) -> None:
    other = small_result.with_cones(cone_half_angle=30)
    made = ca.explore(small_result, compare=other)
    scale = resolution_scale(small_result, other)
    for sphere in (made.sphere, made.other_sphere):
        assert (sphere.panel.picture.scale.low, sphere.panel.picture.scale.high) == (scale.low, scale.high)
    drawn = plots.comparison([small_result, other], ["one", "other"])
    ticks = [text.get_text() for text in drawn.axes[-1].get_yticklabels()]
    assert ticks == list(scale.texts)
    made.close()


def test_a_page_s_picture_is_transparent_where_nothing_is(small_result: ca.AnalysisResult) -> None:
    view = SphereView(small_result)
    picture = view.panel.picture
    png = np.asarray(Image.open(io.BytesIO(view.panel.raster.png)).convert("RGBA"))
    np.testing.assert_array_equal(png[..., 3] == 0, picture.indices == OUTSIDE)
    view.session.close()
