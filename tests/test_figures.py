"""What figures show is the truth about a result: values, ticks, colours, one meaning for each."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2lab

import cryoaniso_nb as ca
from cryoaniso_nb.errors import ResultError, SettingsError
from cryoaniso_nb.figures import palette
from cryoaniso_nb.figures.curves import OCCUPANCY, compared_plot, occupancy_plot
from cryoaniso_nb.figures.distribution import DISTRIBUTION, distribution_plot
from cryoaniso_nb.figures.fan import FAN, fan_plot, spread_over_directions
from cryoaniso_nb.figures.parts import Axis, Bars, ColourScale, Curve, Markers, Plot
from cryoaniso_nb.figures.slices import CUT, THREEDFSC, cut_along, grey_scale, map_pictures, threedfsc_pictures
from cryoaniso_nb.figures.sphere import (
    MEASURED,
    NO_SIGNAL,
    NOT_MEASURED,
    NYQUIST,
    SPHERE,
    direction_classes,
    resolution_picture,
    resolution_scale,
    shell_picture,
)
from cryoaniso_nb.figures.ticks import angstrom_ticks
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.measures.resolution import weighted_percentiles
from cryoaniso_nb.summary.conventions import shown_curve

Maker = Callable[..., ca.AnalysisResult]


def edge(at: np.ndarray | float, n_axes: int = 321, shells: int = 32) -> np.ndarray:
    """dFSC that falls through 0.5 at a shell, one per axis."""
    shell = np.arange(1, shells + 1)
    return 1 / (1 + np.exp((shell - np.broadcast_to(at, n_axes)[:, None]) / 1.5))


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    part = np.array(palette.rgb(colour)) / 255
    return float(np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira & Fernandes 2009, severity 1 (doi 10.1109/TVCG.2009.113), on linear RGB.
VISIONS = {
    "all": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def seen(colours: np.ndarray, vision: str) -> np.ndarray:
    """CIELAB of colours (N, 3), 0 to 255, as seen with one kind of cones missing."""
    part = colours / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.asarray(VISIONS[vision]).T, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(back[None])[0])


# --- colours ------------------------------------------------------------------------------


@pytest.mark.parametrize("vision", VISIONS)
def test_lines_keep_apart_for_every_eye(vision: str) -> None:
    lab = seen(np.array([palette.rgb(colour) for colour in palette.SERIES]), vision)
    apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2)]
    assert min(apart) > 18


def test_lines_are_seen_on_light_and_dark_pages() -> None:
    for colour in (*palette.SERIES, palette.RULE):
        for page in ("#ffffff", "#111111", "#212121"):  # JupyterLab's
            assert contrast(colour, page) > 3, (colour, page)


@pytest.mark.parametrize("vision", VISIONS)
def test_the_scale_rises_in_lightness_and_its_regions_are_none_of_its_colours(vision: str) -> None:
    scale = palette.scale_colours("resolved", 64)
    lab = seen(scale.astype(float), vision)
    assert np.diff(lab[:, 0]).min() > 0, "bright is well resolved"
    for colour in (palette.NYQUIST, palette.NO_SIGNAL):
        away = np.linalg.norm(lab - seen(np.array([palette.rgb(colour)], dtype=float), vision), axis=1)
        assert away.min() > 18, colour
    lightness = seen(np.array([palette.rgb(c) for c in (palette.NO_SIGNAL, palette.NYQUIST)], dtype=float), vision)
    assert lightness[0, 0] < lab[0, 0]
    assert lightness[1, 0] > lab[-1, 0], "no signal is darker than the scale, Nyquist brighter"


def at_pole_and_rim(picture: Any) -> tuple[float, float]:
    """Lightness at the pole (z) and at the rim (x) of a picture of the half sphere, as drawn."""
    colours = picture.colours[picture.indices]
    side = len(colours)
    pole, rim = colours[side // 2, side // 2], colours[side // 2, side - 4]
    lab = rgb2lab(np.stack([pole, rim])[None] / 255)[0]
    return float(lab[0, 0]), float(lab[1, 0])


def test_bright_is_well_resolved_in_every_picture(made_result: Maker) -> None:
    good_along_z = made_result(edge(10 + 12 * axes_for(321)[:, 2] ** 2))
    good_in_the_plane = made_result(edge(22 - 12 * axes_for(321)[:, 2] ** 2))
    for result, sign in ((good_along_z, 1), (good_in_the_plane, -1)):
        for picture in (resolution_picture(result, pixels=65), shell_picture(result, 16, pixels=65)):
            pole, rim = at_pole_and_rim(picture)
            assert sign * (pole - rim) > 20
        _, xz, _ = threedfsc_pictures(result)  # x to the right, z up
        colours = rgb2lab(xz.colours[xz.indices] / 255)[..., 0]
        middle = len(colours) // 2
        up, right = colours[middle - 16, middle], colours[middle, middle + 16]
        assert sign * (up - right) > 20


def test_resolution_is_shown_in_frequency_and_named_in_angstrom(made_result: Maker) -> None:
    result = made_result(edge(10 + 12 * axes_for(321)[:, 2] ** 2), voxel_size=1.3)
    scale = resolution_scale(result)
    for place, text in zip(scale.ticks, scale.texts, strict=True):
        assert float(text) == pytest.approx(1 / place, rel=0.006)
    d = result.directional_resolution
    low, high = weighted_percentiles(1 / d.resolution, d.areas, (2, 98))
    assert (scale.low, scale.high) == (low, high)


def test_limits_are_of_reliable_directions_and_keep_apart(made_result: Maker) -> None:
    at = np.full(321, 20.0)
    at[:30] = 4.0
    n_eff = np.where(np.arange(321)[:, None] < 30, 1.0, 100.0) * np.ones((321, 32))
    scale = resolution_scale(made_result(edge(at), n_eff=n_eff))
    assert scale.low > 18 / 64, "30 directions of one coefficient each set no limit"
    assert scale.high == pytest.approx(1.1 * scale.low), "an even map doesn't use the whole scale"


def test_a_range_can_be_asked_for(made_result: Maker) -> None:
    result = made_result(edge(10 + 12 * axes_for(321)[:, 2] ** 2))
    for limits in ((3.0, 8.0), (8.0, 3.0)):
        scale = resolution_scale(result, limits=limits)
        assert (scale.low, scale.high) == (1 / 8, 1 / 3)
    with pytest.raises(SettingsError, match="two different resolutions"):
        resolution_scale(result, limits=(3.0, 3.0))
    with pytest.raises(SettingsError, match="from 0 to 3"):
        resolution_scale(result, limits=(0.0, 3.0))
    assert shell_picture(result, 9, limits=(0.5, 0.1)).scale.low == 0.1


# --- directions that have no number ---------------------------------------------------------


def test_nyquist_no_signal_and_unmeasured_look_different_and_are_named(made_result: Maker) -> None:
    axes = axes_for(321)
    at = np.where(axes[:, 2] > 0.85, -40.0, np.where(axes[:, 0] > 0.8, 90.0, 16.0))
    values = edge(at)
    values[axes[:, 2] > 0.85] = -0.1
    values[axes[:, 0] < -0.8] = np.nan
    result = made_result(values)
    classes = direction_classes(result)
    assert {int(c) for c in classes} == {MEASURED, NYQUIST, NO_SIGNAL, NOT_MEASURED}
    picture = resolution_picture(result, pixels=121)
    drawn = picture.colours[picture.indices]
    assert palette.hexadecimal(drawn[60, 60]) == palette.NO_SIGNAL, "the pole"
    assert palette.hexadecimal(drawn[60, 116]) == palette.NYQUIST, "along x"
    assert palette.hexadecimal(drawn[60, 4]) == palette.NOT_MEASURED
    assert drawn[4, 60].tolist() in palette.scale_colours("resolved", 240).tolist(), "along y: a number"
    named = {part.key: part.label for part in picture.legend}
    for key, number in (("nyquist", NYQUIST), ("no_signal", NO_SIGNAL), ("not_measured", NOT_MEASURED)):
        share = 100 * result.dfsc.areas[classes == number].sum()
        assert f"({share:.1f} %)" in named[key]


def test_what_is_not_there_is_not_in_the_legend(made_result: Maker) -> None:
    picture = resolution_picture(made_result(edge(16.0)), pixels=32)
    assert {part.key for part in picture.legend} == {"worst", "best"}


def test_directions_that_are_not_done_are_not_measured(small_pair: Any) -> None:
    partial = next(iter(ca.iter_analysis(small_pair)))
    classes = direction_classes(partial)
    assert (classes[~partial.dfsc.done] == NOT_MEASURED).all()
    assert (classes[partial.dfsc.done] != NOT_MEASURED).any()
    resolution_picture(partial, pixels=32)


def test_the_worst_and_the_best_are_where_they_are(made_result: Maker) -> None:
    result = made_result(edge(10 + 8 * (1 - axes_for(321)[:, 2] ** 2)))
    for projection in ("polar", "equal-area"):
        picture = resolution_picture(result, projection=projection, pixels=32)
        worst = picture["worst"]
        assert isinstance(worst, Markers)
        np.testing.assert_allclose([worst.x[0], worst.y[0]], 0, atol=1e-9)
        assert result.regions is not None
        assert worst.label == f"worst, {result.regions.worst.resolution:.2f} Å"
        best = picture["best"]
        assert isinstance(best, Markers)
        assert best.label == f"best, {result.regions.best.resolution:.2f} Å, all around"
        np.testing.assert_allclose(np.hypot(best.x, best.y), 1, atol=1e-9)
    with pytest.raises(SettingsError, match="'mercator'"):
        resolution_picture(result, projection="mercator")


def test_a_shell_shows_the_directions_that_fso_counts(small_result: Any) -> None:
    picture = shell_picture(small_result, 12, pixels=32)
    passing = small_result.dfsc.values[:, 11] >= 0.143
    dots = picture["passing"]
    assert isinstance(dots, Markers)
    assert dots.x.size == passing.sum()
    assert small_result.dfsc.areas[passing].sum() == pytest.approx(small_result.fso.occupancy[11])


def test_the_axes_of_the_map_are_named_on_the_sphere(made_result: Maker) -> None:
    texts = {text.text: (text.x, text.y) for text in resolution_picture(made_result(edge(16.0)), pixels=32).texts}
    assert texts["x 0°"][0] > 1
    assert texts["y 90°"][1] > 1
    assert np.hypot(*texts["z"]) < 0.15
    assert np.hypot(*texts["30°"]) == pytest.approx(1 / 3)


# --- curves ---------------------------------------------------------------------------------


def test_curves_are_the_results_numbers(small_result: Any) -> None:
    plot = occupancy_plot(small_result)
    for key, values in (("fso", small_result.fso.occupancy), ("fsc", small_result.global_fsc.fsc)):
        curve = plot[key]
        assert isinstance(curve, Curve)
        np.testing.assert_array_equal(curve.y, values)
        np.testing.assert_array_equal(curve.x, small_result.fso.frequency)
    zone: Any = plot["zone"]
    assert zone.x.tolist() == [small_result.fso.onset.frequency, small_result.fso.end.frequency]
    with pytest.raises(KeyError):
        plot["band"]


def test_the_test_shown_falls_with_anisotropy_unless_asked_otherwise(small_result: Any) -> None:
    plain, calibrated = small_result, small_result.with_calibration(n_replicates=39)
    assert shown_curve(plain.bingham) == "p_textbook"
    assert shown_curve(calibrated.bingham) == "p_calibrated"
    for result, name, words in (
        (plain, None, "Bingham p, textbook (small: anisotropic)"),
        (calibrated, None, "Bingham p, calibrated (small: anisotropic)"),
        (calibrated, "p_textbook", "Bingham p, textbook (small: anisotropic)"),
        (calibrated, "p_published", "Bingham test, as published (grows with anisotropy)"),
    ):
        plot = occupancy_plot(result, bingham=name)
        assert plot.right is not None
        assert plot.right.label == words
        curve, past, line = (plot[key] for key in ("bingham", "bingham_past", "significance"))
        assert isinstance(curve, Curve)
        assert isinstance(past, Curve)
        values = getattr(result.bingham, name or shown_curve(result.bingham))
        drawn = np.where(np.isfinite(curve.y), curve.y, past.y)
        np.testing.assert_array_equal(drawn, values)
        assert isinstance(line, Curve)
        assert line.y.tolist() == [0.05, 0.05]
        assert line.text == ("0.05" if name == "p_published" else "p = 0.05")
    with pytest.raises(ResultError, match="calibrate it first"):
        occupancy_plot(plain, bingham="p_calibrated")
    with pytest.raises(ResultError, match="'p_nonsense'"):
        occupancy_plot(calibrated, bingham="p_nonsense")


def test_the_test_is_pale_past_the_zone(small_result: Any) -> None:
    plot = occupancy_plot(small_result)
    strong: Any = plot["bingham"]
    pale: Any = plot["bingham_past"]
    last = strong.x[np.isfinite(strong.y)].max()
    end = small_result.fso.end.frequency
    step = small_result.fso.frequency[0]
    assert end < last <= end + 3 * step
    assert pale.x[np.isfinite(pale.y)].min() == last, "one goes on where the other ends"
    assert pale.opacity < strong.opacity


def test_curves_below_zero_are_seen(made_result: Maker) -> None:
    values = edge(16.0, 81)
    for lowest, low in ((0.0, -0.06), (-0.12, -0.15), (-0.9, -0.3)):
        values[:, -1] = lowest
        assert occupancy_plot(made_result(values)).y.low == pytest.approx(low)


def test_the_default_test_falls_where_directions_differ(made_result: Maker) -> None:
    uneven = made_result(edge(8 + 16 * axes_for(321)[:, 2] ** 2))
    even = made_result(edge(16.0))
    zone = slice(10, 20)
    low: Any = occupancy_plot(uneven)["bingham"]
    high: Any = occupancy_plot(even)["bingham"]
    assert np.nanmax(low.y[zone]) < 0.05
    assert np.nanmin(high.y[:14]) > 0.05


def test_both_y_axes_share_their_zero(small_result: Any) -> None:
    plot = occupancy_plot(small_result)
    assert plot.right is not None
    assert (plot.right.low, plot.right.high) == (plot.y.low, plot.y.high)
    assert 0.0 in plot.right.ticks
    with pytest.raises(ResultError, match="same ends"):
        Plot(x=plot.x, y=plot.y, parts=(), right=Axis(label="p", low=0, high=1, ticks=np.zeros(1), texts=("0",)))


def test_curves_and_fan_have_one_frequency_axis_through_to_nyquist(small_result: Any) -> None:
    one, other = occupancy_plot(small_result).x, fan_plot(small_result).x
    assert (one.low, one.high, one.texts, one.label) == (other.low, other.high, other.texts, other.label)
    np.testing.assert_array_equal(one.ticks, other.ticks)
    assert one.ticks[-1] == one.high == small_result.fso.frequency[-1]
    assert one.label == "Resolution (Å)"


@given(voxel=st.floats(0.25, 20), start=st.sampled_from([0.0, 0.2, 0.5, 0.8]))
def test_ticks_say_what_they_are_and_keep_apart(voxel: float, start: float) -> None:
    top = 1 / (2 * voxel)
    places, texts = angstrom_ticks(start * top, top, to_end=start == 0)
    np.testing.assert_allclose(1 / places, [float(text) for text in texts], rtol=0.006)
    assert len(set(texts)) == len(texts)
    assert len(places) >= 3
    span = top - start * top
    assert np.diff(places).min() > 0.08 * span
    assert (places >= start * top).all()
    assert (places <= top * (1 + 1e-8)).all()


def test_masked_maps_show_both_fsc(made_result: Maker) -> None:
    result = made_result(edge(16.0), mask="m.mrc")
    plot = occupancy_plot(result)
    unmasked: Any = plot["fsc_unmasked"]
    np.testing.assert_array_equal(unmasked.y, result.global_fsc.fsc_unmasked)
    assert plot["fsc"].label == "FSC, masked"


def test_a_band_and_other_maps_are_laid_over(small_result: Any) -> None:
    banded = small_result.with_band(n_replicates=39)
    plot = occupancy_plot(banded, others=[("tilted", small_result)])
    band, floor, other = (plot[key] for key in ("band", "floor", "fso_1"))
    np.testing.assert_array_equal(band.low, banded.band.low)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(floor.y, banded.band.floor)  # type: ignore[attr-defined]
    assert band.label == "FSO, 95 % band"
    assert other.label == "tilted: FSO"
    assert len({part.key for part in plot.parts}) == len(plot.parts)


def test_compared_maps_reach_to_the_finest_nyquist(made_result: Maker) -> None:
    coarse, fine = made_result(edge(16.0), voxel_size=2.0), made_result(edge(16.0), voxel_size=1.0)
    plot = compared_plot([coarse, fine], ["coarse", "fine"])
    assert plot.x.high == fine.fso.frequency[-1]
    with pytest.raises(ResultError, match="2 results and 1 labels"):
        compared_plot([coarse, fine], ["coarse"])


@given(st.integers(0, 2**32 - 1))
def test_the_fan_is_what_weighted_percentiles_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(21, 6))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 0] = np.nan
    values[1:, 1] = np.nan
    weights = rng.random(21) + 0.01
    found = spread_over_directions(values, weights)
    assert np.isnan(found[:, 0]).all()
    for shell in range(1, 6):
        known = np.isfinite(values[:, shell])
        if not known.any():
            continue
        column, weight = values[known, shell], weights[known]
        expected = (np.average(column, weights=weight), *weighted_percentiles(column, weight, (5, 95)), column.min(),
                    column.max())  # fmt: skip
        np.testing.assert_allclose(found[:, shell], expected, atol=1e-12)


def test_the_fan_shows_the_selected_direction(small_result: Any) -> None:
    curve: Any = fan_plot(small_result, axis=40)["selected"]
    np.testing.assert_array_equal(curve.y, small_result.dfsc.values[40])
    assert f"cone ±{small_result.settings.cone_half_angle:g}°" in curve.label


def test_figures_show_what_their_layers_name_in_that_order(small_result: Any) -> None:
    rich = small_result.with_band(n_replicates=39).with_calibration(n_replicates=39)
    three = threedfsc_pictures(rich, axis=3)[0]
    cut = map_pictures(np.zeros((8, 8, 8)), 1.0, (4, 4, 4), contour=0.5)[0]
    sphere, shell = resolution_picture(rich, pixels=32, axis=3), shell_picture(rich, 5, pixels=32, axis=3)
    for layers, parts in (
        (OCCUPANCY, occupancy_plot(rich, others=[("other", rich)]).parts),
        (FAN, fan_plot(rich, axis=3).parts),
        (DISTRIBUTION, distribution_plot(rich, axis=3).parts),
        (SPHERE, (*sphere.curves, *sphere.markers)),
        (SPHERE, (*shell.curves, *shell.markers)),
        (THREEDFSC, (*three.curves, *three.markers)),
        (CUT, cut.curves),
    ):
        kinds, shown = dict(layers), [part.key for part in parts]
        assert shown == [key for key, _ in layers if key in shown]
        assert all(isinstance(part, kinds[part.key]) for part in parts)


# --- histogram --------------------------------------------------------------------------------


def test_bars_hold_the_whole_sphere(made_result: Maker) -> None:
    axes = axes_for(321)
    at = np.where(axes[:, 2] > 0.85, -40.0, np.where(axes[:, 0] > 0.8, 90.0, 12 + 6 * axes[:, 1] ** 2))
    values = edge(at)
    values[axes[:, 2] > 0.85] = -0.1
    plot = distribution_plot(made_result(values))
    bars = [part for part in plot.parts if isinstance(part, Bars)]
    assert {bar.key for bar in bars} == {"bars", "nyquist", "no_signal"}
    assert sum(bar.height.sum() for bar in bars) == pytest.approx(100)
    assert all(plot.x.low <= bar.left.min() and bar.right.max() <= plot.x.high for bar in bars)
    assert plot["no_signal"].colours == (palette.NO_SIGNAL,)  # type: ignore[attr-defined]
    middle = next(bar for bar in bars if bar.key == "bars")
    ends = [next(bar for bar in bars if bar.key == key) for key in ("no_signal", "nyquist")]
    assert ends[0].right[0] <= middle.left[0], "the worst lies on the left"
    assert ends[1].left[0] >= middle.right[-1]


def test_bars_have_the_colours_of_the_sphere(made_result: Maker) -> None:
    result = made_result(edge(10 + 12 * axes_for(321)[:, 2] ** 2))
    scale = resolution_scale(result, limits=(3.0, 5.0))
    bars: Any = distribution_plot(result, scale=scale)["bars"]
    assert bars.colours == scale.colours((bars.left + bars.right) / 2)
    assert len(set(bars.colours)) > 10
    light = [luminance(colour) for colour in bars.colours]
    assert light == sorted(light)


def test_a_map_without_any_crossing_has_a_histogram_too(made_result: Maker) -> None:
    for values in (np.full((81, 16), 0.95), np.full((81, 16), -0.1), np.full((81, 16), np.nan)):
        plot = distribution_plot(made_result(values))
        assert plot.notes == ("No direction crosses χ.",)
        assert plot.x.low < plot.x.high


# --- planes -----------------------------------------------------------------------------------


def test_rings_are_resolutions(small_result: Any) -> None:
    for picture, names in zip(threedfsc_pictures(small_result), ("xy", "xz", "yz"), strict=True):
        ring: Any = picture["rings"]
        radii = sorted({round(float(r), 6) for r in np.hypot(ring.x, ring.y) if np.isfinite(r)})
        written = {text.text: np.hypot(text.x, text.y) for text in picture.texts if text.inside}
        assert sorted(round(float(r), 6) for r in written.values()) == radii
        for text, radius in written.items():
            assert float(text) == pytest.approx(1 / radius, rel=0.006)
        assert max(written.values()) == pytest.approx(small_result.dfsc.frequency[-1])
        outside = {text.text: (text.x, text.y) for text in picture.texts if not text.inside}
        assert set(outside) == set(names), "named as on the sphere"
        assert outside[names[0]][1] == 0
        assert outside[names[1]][0] == 0


def test_the_contour_lies_where_dfsc_falls_to_chi(made_result: Maker) -> None:
    result = made_result(edge(16.0))  # the same in all directions: a circle
    for picture in threedfsc_pictures(result):
        line: Any = picture["contour"]
        known = np.isfinite(line.x)
        radius = np.hypot(line.x[known], line.y[known])
        truth = 1 / result.directional_resolution.resolution[0]
        assert np.abs(radius - truth).max() < 0.6 / 64, "within the shell's width"
        corner = picture.values[0, 0]
        assert np.isnan(corner), "nothing beyond Nyquist"


def test_the_selected_direction_is_projected_on_each_plane(small_result: Any) -> None:
    vector, nyquist = small_result.dfsc.axes[50], small_result.dfsc.frequency[-1]
    for picture, kept in zip(threedfsc_pictures(small_result, axis=50), ([0, 1], [0, 2], [1, 2]), strict=True):
        ends: Any = picture["direction"]
        np.testing.assert_allclose([ends.x[1], ends.y[1]], nyquist * vector[kept])


def sloped(shape: tuple[int, int, int]) -> np.ndarray:
    z, y, x = np.indices(shape)
    return 1.0 * x + 100.0 * y + 10_000.0 * z


def test_three_cuts_hold_the_point_and_a_cross_marks_it() -> None:
    shape, point, voxel = (10, 12, 14), (3, 7, 9), 2.0
    volume = sloped(shape)
    pictures = map_pictures(volume, voxel, point)
    for picture, (across, up) in zip(pictures, ((2, 1), (2, 0), (1, 0)), strict=True):
        cross: Any = picture["cross"]
        x, y = (point[across] - shape[across] // 2) * voxel, (point[up] - shape[up] // 2) * voxel
        assert {x, y} <= set(cross.x.tolist()) | set(cross.y.tolist())
        left, _, _, top = picture.extent
        column, row = int((x - left) / voxel), int((top - y) / voxel)
        assert picture.values[row, column] == volume[point]
    assert [picture.title for picture in pictures] == ["z = -4.0 Å", "y = 2.0 Å", "x = 4.0 Å"]
    with pytest.raises(ResultError, match="outside of the volume"):
        map_pictures(volume, voxel, (10, 0, 0))


@given(st.floats(0, 90), st.floats(0, 360))
def test_a_cut_holds_its_direction(zenith: float, azimuth: float) -> None:
    turn = np.deg2rad([zenith, azimuth])
    vector = np.array([np.sin(turn[0]) * np.cos(turn[1]), np.sin(turn[0]) * np.sin(turn[1]), np.cos(turn[0])])
    volume, point = sloped((15, 15, 15)), (7, 7, 7)
    plane = cut_along(volume, vector, point)
    assert plane[7, 7] == pytest.approx(volume[point])
    slope = vector @ [1.0, 100.0, 10_000.0]
    for step in (-4, 3):  # upwards along the direction, a voxel a pixel
        assert plane[7 + step, 7] == pytest.approx(volume[point] + step * slope, rel=1e-9, abs=1e-6)
    aside = plane[7, 8] - plane[7, 7]
    assert abs(aside) <= np.linalg.norm([1.0, 100.0, 10_000.0]) + 1e-6


def test_the_difference_has_a_grey_scale_of_its_own() -> None:
    rng = np.random.default_rng(3)
    volume = rng.normal(size=(20, 20, 20)) * 5
    difference = np.abs(rng.normal(size=(20, 20, 20))) * 0.01
    density, own = grey_scale(volume), grey_scale(difference, "Difference", from_zero=True)
    assert own.low == 0
    assert own.high < 0.05 < density.high
    picture = map_pictures(difference, 1.0, (10, 10, 10), scale=own)[0]
    assert picture.indices.max() > 200, "not black"


def test_a_length_is_drawn_to_scale() -> None:
    picture = map_pictures(np.zeros((40, 40, 40)), 1.5, (20, 20, 20))[0]
    bar: Any = picture["length"]
    (text,) = [text.text for text in picture.texts if text.inside]
    assert text == f"{bar.x[1] - bar.x[0]:g} Å"
    assert text == "10 Å"


# --- parts ------------------------------------------------------------------------------------


def test_a_description_refuses_what_does_not_fit() -> None:
    line = Curve(key="a", x=np.zeros(2), y=np.zeros(2), colour="#000000")
    axis = Axis(label="", low=0, high=1, ticks=np.zeros(1), texts=("0",))
    with pytest.raises(ResultError, match="the key 'a'"):
        Plot(x=axis, y=axis, parts=(line, line))
    with pytest.raises(ResultError, match="1 ticks and 2 texts"):
        Axis(label="", low=0, high=1, ticks=np.zeros(1), texts=("0", "1"))


def test_values_beyond_the_scale_take_the_colours_of_its_ends() -> None:
    scale = ColourScale(label="", palette="resolved", low=1.0, high=2.0, ticks=np.ones(1), texts=("1",))
    assert scale.colours(np.array([-5.0, 1.0])) == ("#440154", "#440154")
    assert scale.colours(np.array([2.0, 9.0])) == ("#fde725", "#fde725")


def test_descriptions_load_no_drawing_library() -> None:
    code = (
        "import sys, cryoaniso_nb as ca; from cryoaniso_nb import figures as f;"
        "r = ca.analyze(ca.simulate_half_maps(box=32, seed=0));"
        "f.occupancy_plot(r), f.fan_plot(r), f.distribution_plot(r), f.resolution_picture(r), f.threedfsc_pictures(r);"
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'bqplot', 'ipywidgets')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], timeout=120).returncode == 0
