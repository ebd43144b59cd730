"""Sphericity against balls, ellipsoids, and what 3DFSC printed for the reference maps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest

from cryoaniso_nb.analysis.run import analyze
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for
from cryoaniso_nb.geometry.shells import shell_frequencies
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.measures.isosurface import THRESHOLDS, region_sphericity, sphericity, sphericity_curve
from cryoaniso_nb.measures.tan2017 import threedfsc_tan2017
from cryoaniso_nb.measures.threedfsc_volume import ThreeDFSC, threedfsc
from cryoaniso_nb.results.types import DirectionalFSC, Result
from cryoaniso_nb.simulate.half_maps import simulate_half_maps

REFERENCE = Path(__file__).parent / "data" / "reference"
PRINTED = {"iso": 0.99031, "aniso": 0.90058}  # by 3DFSC


def radius(box, stretch=(1.0, 1.0, 1.0)):
    """Distance of every voxel from index n // 2, in units of 1/(longest side), axes (z, y, x) stretched."""
    longest = max(box)
    k = [(np.arange(n) - n // 2) * (longest / n) * s for n, s in zip(box, stretch, strict=True)]
    return np.sqrt(k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2)


def volume_of(values, cutoff_shell=None, definition="project"):
    return ThreeDFSC(
        volume=values.astype(np.float32),
        voxel_size=1.3,
        definition=definition,
        cone_half_angle=17.0,
        n_axes=321,
        cutoff_shell=max(values.shape) // 2 if cutoff_shell is None else cutoff_shell,
        filled=0.0,
    )


def reference_halves(kind):
    return [mrcfile.read(REFERENCE / f"{kind}_64_half{i}.mrc") for i in (1, 2)]


@pytest.mark.parametrize(("size", "expected"), [(8, 1.033), (14, 1.008), (20, 1.002)])
def test_discrete_balls(size, expected):
    value, area, volume = region_sphericity(radius((49, 49, 49)) <= size)
    assert round(value, 3) == expected
    assert area == pytest.approx(4 * np.pi * size**2, rel=0.05)
    assert volume == pytest.approx(4 / 3 * np.pi * size**3, rel=0.03)


def test_an_ellipsoid_has_its_analytic_sphericity():
    # Semi-axes 24, 24, 12: oblate, eccentricity e = sqrt(3)/2.
    a, c = 24.0, 12.0
    e = np.sqrt(1 - c**2 / a**2)
    surface = 2 * np.pi * a**2 * (1 + (1 - e**2) / e * np.arctanh(e))
    truth = np.pi ** (1 / 3) * (6 * 4 / 3 * np.pi * a**2 * c) ** (2 / 3) / surface
    value, area, _ = region_sphericity(radius((64, 64, 64), (2, 1, 1)) <= a)
    assert value == pytest.approx(truth, abs=0.01)
    assert area == pytest.approx(surface, rel=0.02)


@pytest.mark.parametrize("kind", PRINTED)
def test_3dfsc_s_own_volume_gives_the_value_it_printed(kind):
    with np.load(REFERENCE / f"{kind}_64_3dfsc_volume.npz") as stored:
        volume = volume_of(stored["volume"], definition="tan2017")
    assert sphericity(volume).value == pytest.approx(PRINTED[kind], abs=0.001)


@pytest.mark.parametrize("kind", PRINTED)
def test_tan2017_is_within_a_hundredth_of_the_printed_value(kind):
    first, second = reference_halves(kind)
    maps = SimpleNamespace(half1=first, half2=second, mask=None, voxel_size=1.3)
    result = sphericity(threedfsc_tan2017(maps, cutoff=True))
    assert result.value == pytest.approx(PRINTED[kind], abs=0.01)  # measured: 0.002 and 0.003
    assert result.definition == "tan2017"
    assert result.limited == (kind == "aniso")  # there its cut-off is the surface in places
    assert not sphericity(threedfsc_tan2017(maps)).limited


@pytest.mark.parametrize("kind", PRINTED)
def test_the_project_s_volume_comes_close_on_these_maps_and_says_what_it_is(kind):
    first, second = reference_halves(kind)
    histogram = accumulate(SimpleNamespace(half1=first, half2=second, mask=None, voxel_size=1.3))
    sums = cone_sums(histogram, axes_for(321), 17.0)
    dfsc = DirectionalFSC(
        frequency=shell_frequencies((64, 64, 64), 1.3),
        axes=axes_for(321),
        areas=areas(321),
        values=correlation(sums.xy, sums.xx, sums.yy),
        n_eff=sums.n_eff,
        done=np.ones(321, dtype=bool),
        box=(64, 64, 64),
        voxel_size=1.3,
    )
    fsc = correlation(*histogram.shell_sums[:, 1:])
    result = sphericity(threedfsc(dfsc, fsc))
    assert result.definition == "project"
    assert result.value == pytest.approx(PRINTED[kind], abs=0.01)


def test_islands_of_noise_do_not_count():
    values = np.where(radius((64, 64, 64)) <= 14, 0.9, 0.0)
    alone = sphericity(volume_of(values)).value
    values[4:12, 4:12, 4:12] = 0.9
    assert sphericity(volume_of(values)).value == alone


def test_a_curve_follows_the_surface_at_each_threshold():
    # Round at 0.5 and above, twice as long along z below.
    values = np.where(radius((64, 64, 64)) <= 12, 0.8, np.where(radius((64, 64, 64), (0.5, 1, 1)) <= 12, 0.3, 0.0))
    curve = sphericity_curve(volume_of(values), (0.2, 0.5, 0.9))
    assert curve.values[0] < 0.95
    assert curve.values[1] == pytest.approx(1.011, abs=0.01)
    assert np.isnan(curve.values[2])  # only zero frequency would be left
    assert sphericity(volume_of(values), 0.2).value == curve.values[0]
    assert len(sphericity_curve(volume_of(values)).values) == len(THRESHOLDS)


def test_a_region_that_reaches_the_last_shell_is_flagged():
    inside = volume_of(np.where(radius((48, 48, 48)) <= 12, 1.0, 0.0), cutoff_shell=20)
    assert not sphericity(inside).limited
    cut = volume_of(np.where(radius((48, 48, 48)) <= 20, 1.0, 0.0), cutoff_shell=20)
    assert sphericity(cut).limited
    assert sphericity_curve(cut, (0.5,)).limited.tolist() == [True]


def test_the_box_shape_does_not_change_the_sphericity():
    for box in ((48, 48, 48), (48, 40, 36), (41, 48, 33)):
        values = np.where(radius(box) <= 14, 1.0, 0.0)
        result = sphericity(volume_of(values))
        assert result.value == pytest.approx(1.008, abs=0.01)
        assert result.volume == pytest.approx(4 / 3 * np.pi * 14**3, rel=0.02)


def test_nothing_above_the_threshold_is_nan_not_a_number():
    result = sphericity(volume_of(np.zeros((32, 32, 32))))
    assert np.isnan(result.value)
    assert np.isnan(result.area)
    assert not result.limited


def test_threshold_out_of_range_and_saving(tmp_path):
    volume = volume_of(np.where(radius((32, 32, 32)) <= 8, 1.0, 0.0))
    with pytest.raises(SettingsError, match=r"threshold is 1\.5"):
        sphericity(volume, 1.5)
    result = sphericity(volume)
    assert Result.load(result.save(tmp_path / "s.npz")).value == result.value


def test_a_result_has_its_sphericity_and_the_function_says_so():
    result = analyze(simulate_half_maps(box=32, preset="missing-cone", seed=0))
    assert result.sphericity(0.4).value == sphericity(result.threedfsc(), 0.4).value
    for measure in (sphericity, sphericity_curve):
        with pytest.raises(SettingsError, match=r"given AnalysisResult; call result\.sphericity\("):
            measure(result)
