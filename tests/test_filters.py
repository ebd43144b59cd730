"""Filters against whole-volume transforms; where the difference has direction, and where not."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoaniso_nb.analysis.run import analyze
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import Cancelled, MapError, ResultError, SettingsError
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.inputs.half_maps import HalfMaps
from cryoaniso_nb.measures import filters
from cryoaniso_nb.measures.filters import (
    anisotropic_filter,
    cut_off_caution,
    figure_of_merit,
    fso_cut_off,
    isotropic_filter,
    raised_cosine,
)
from cryoaniso_nb.measures.fourier_shell_occupancy import fso
from cryoaniso_nb.measures.threedfsc_volume import ThreeDFSC, threedfsc
from cryoaniso_nb.results.types import Result
from cryoaniso_nb.simulate.half_maps import simulate_half_maps

BOXES = [(32, 32, 32), (31, 33, 35), (24, 40, 30), (17, 20, 32)]


def noise(box, seed=0):
    return np.random.default_rng(seed).standard_normal(box, dtype=np.float32)


def radius(box):
    longest = max(box)
    z, y, x = (np.fft.fftfreq(n, 1 / longest) for n in box)
    return np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)


def volume_of(values, voxel_size=1.0):
    return ThreeDFSC(
        volume=values.astype(np.float32),
        voxel_size=voxel_size,
        definition="project",
        cone_half_angle=17.0,
        n_axes=321,
        cutoff_shell=max(values.shape) // 2,
        filled=0.0,
    )


# --- against transforms of the whole volume ----------------------------------------------


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize(("cut_off", "width"), [(0.3, 4.0), (0.12, 0.0), (0.5, 2.0), (0.02, 8.0)])
def test_low_pass_is_the_filter_of_the_whole_transform(box, cut_off, width):
    data = noise(box)
    result = isotropic_filter(data, cut_off / 1.3, voxel_size=1.3, edge_width=width)
    expected = np.fft.ifftn(np.fft.fftn(data) * raised_cosine(radius(box), cut_off * max(box), width)).real
    assert np.abs(result.filtered - expected).max() < 5e-6
    assert np.abs(result.difference - np.abs(data - expected)).max() < 5e-6
    assert result.filtered.dtype == result.difference.dtype == np.float32


@pytest.mark.parametrize("box", BOXES)
def test_anisotropic_filter_is_that_of_the_whole_transform(box):
    values = np.random.default_rng(1).uniform(-0.3, 1, box)
    mirrored = values[np.ix_(*[(2 * (n // 2) - np.arange(n)) % n for n in box])]
    volume = volume_of((values + mirrored) / 2)
    data = noise(box)
    expected = np.fft.ifftn(np.fft.fftn(data) * np.fft.ifftshift(figure_of_merit(volume.volume)))
    assert np.abs(expected.imag).max() < 1e-6
    assert np.abs(anisotropic_filter(data, volume, voxel_size=1.0).filtered - expected.real).max() < 5e-6


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.integers(16, 30)] * 3), st.floats(0.05, 0.5), st.sampled_from([2**10, 2**13, 2**24]))
def test_the_size_of_slabs_changes_nothing(box, cut_off, block):
    data = noise(box)
    whole = isotropic_filter(data, cut_off, voxel_size=1.0).filtered
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "BLOCK_BYTES", block)
        assert np.abs(isotropic_filter(data, cut_off, voxel_size=1.0).filtered - whole).max() < 1e-6


def test_half_maps_are_filtered_as_their_mean_without_the_mask():
    first, second = noise((20, 22, 24)), noise((20, 22, 24), 1)
    maps = HalfMaps(half1=first, half2=second, voxel_size=1.5, mask=np.zeros((20, 22, 24), np.float32))
    mean = isotropic_filter((first + second) / 2, 0.2, voxel_size=1.5)
    result = isotropic_filter(maps, 0.2)
    assert np.abs(result.filtered - mean.filtered).max() < 1e-6
    assert result.voxel_size == 1.5


def test_integer_and_memory_mapped_maps_are_read_as_they_are(tmp_path):
    data = np.random.default_rng(0).integers(-100, 100, (20, 20, 20)).astype(np.int16)
    np.save(tmp_path / "map.npy", data)
    mapped = np.load(tmp_path / "map.npy", mmap_mode="r")
    expected = isotropic_filter(data.astype(np.float32), 0.25, voxel_size=1.0)
    assert np.array_equal(isotropic_filter(mapped, 0.25, voxel_size=1.0).filtered, expected.filtered)


def test_raised_cosine_is_half_at_the_cut_off_and_falls_within_its_width():
    shell = np.linspace(0, 20, 2001)
    amplitude = raised_cosine(shell, 10.0, 4.0)
    assert (amplitude[shell <= 8] == 1).all()
    assert np.abs(amplitude[shell >= 12]).max() < 1e-15
    assert amplitude[1000] == pytest.approx(0.5)
    assert (np.diff(amplitude) <= 0).all()
    assert raised_cosine(np.array([9.9, 10.0, 10.1]), 10.0, 0.0).tolist() == [1, 1, 0]


def test_figure_of_merit_by_hand():
    assert figure_of_merit(np.array([-1.0, 0.0, 0.143, 0.5, 1.0])) == pytest.approx(
        [0, 0, np.sqrt(0.286 / 1.143), np.sqrt(2 / 3), 1]
    )


# --- what an analysis decides ------------------------------------------------------------


@pytest.fixture(scope="module")
def analyzed():
    made = {}
    for preset in ("isotropic", "missing-side-views"):
        # Even noise, so that the power of a direction tells how much signal it has.
        maps = simulate_half_maps(box=64, voxel_size=1.2, preset=preset, seed=5, cause="particle")
        made[preset] = (maps, analyze(maps))
    return made


def power_by_direction(volume, shells):
    """Mean power of a map in 17 degree cones around 321 axes, over its mean."""
    sums = cone_sums(
        accumulate(SimpleNamespace(half1=volume, half2=volume, mask=None, voxel_size=1.2)), axes_for(321), 17
    )
    power = sums.xx[:, shells].sum(axis=1) / sums.n_eff[:, shells].sum(axis=1)
    return power / power.mean(), np.sqrt(1 / sums.n_eff[:, shells].sum(axis=1).mean())


def test_the_difference_of_an_isotropic_map_contains_no_direction(analyzed):
    maps, result = analyzed["isotropic"]
    cut_off = fso_cut_off(result.fso)
    removed = isotropic_filter(maps, cut_off)
    shells = slice(int(cut_off * 64 * 1.2) + 3, 32)
    for volume in (removed.difference, maps.mean() - removed.filtered):
        power, expected = power_by_direction(volume, shells)
        assert power.std() < 1.5 * expected
        slope = np.polyfit(axes_for(321)[:, 2] ** 2, power, 1)[0]
        assert abs(slope) < 3 * expected


def test_the_difference_of_an_anisotropic_map_does(analyzed):
    maps, result = analyzed["missing-side-views"]
    cut_off = fso_cut_off(result.fso)
    removed = isotropic_filter(maps, cut_off)
    shells = slice(int(cut_off * 64 * 1.2) + 3, 32)
    power, expected = power_by_direction(maps.mean() - removed.filtered, shells)
    assert power.std() > 3 * expected
    # Views from the top fill the directions near the equator: what is removed lies there.
    assert np.polyfit(axes_for(321)[:, 2] ** 2, power, 1)[0] < -5 * expected


def test_the_anisotropic_filter_keeps_each_direction_as_far_as_it_is_resolved(analyzed):
    maps, result = analyzed["missing-side-views"]
    volume = threedfsc(result.dfsc, result.global_fsc.fsc)
    filtered = anisotropic_filter(maps, volume)
    power, _ = power_by_direction(filtered.filtered, slice(12, 20))
    zenith = result.dfsc.zenith
    assert power[zenith > 70].mean() > 3 * power[zenith < 20].mean()
    assert filtered.kind == "anisotropic"
    assert np.isnan(filtered.cut_off)


def test_cut_off_is_the_onset_of_the_transition_zone(analyzed):
    _, result = analyzed["missing-side-views"]
    assert fso_cut_off(result.fso) == result.fso.onset.frequency
    assert fso_cut_off(result.fso, 0.5) == result.fso.middle.frequency


def test_a_cut_off_among_thin_cones_is_cautioned(analyzed):
    _, result = analyzed["missing-side-views"]
    assert cut_off_caution(result.dfsc, result.dfsc.frequency[11]) == ""
    caution = cut_off_caution(result.dfsc, result.dfsc.frequency[4])
    assert "shell 5" in caution
    assert "about 5 coefficients" in caution


def test_fso_that_never_falls_is_an_error_in_words(analyzed):
    _, result = analyzed["isotropic"]
    high = result.dfsc.replace(values=np.full_like(result.dfsc.values, 0.9))
    with pytest.raises(ResultError, match=r"FSO never falls below 0\.9 up to Nyquist \(2\.40 Å\)"):
        fso_cut_off(fso(high, 0.143))
    low = result.dfsc.replace(values=np.zeros_like(result.dfsc.values))
    with pytest.raises(ResultError, match=r"below 0\.9 from the lowest shells"):
        fso_cut_off(fso(low, 0.143))


# --- bad input ---------------------------------------------------------------------------


def test_settings_out_of_range():
    data = noise((16, 16, 16))
    with pytest.raises(SettingsError, match=r"cut-off is 0\.6 1/Å, but it must lie between 0 and Nyquist, 0\.5"):
        isotropic_filter(data, 0.6, voxel_size=1.0)
    with pytest.raises(SettingsError, match="cut-off is nan"):
        isotropic_filter(data, float("nan"), voxel_size=1.0)
    with pytest.raises(SettingsError, match="-1 shells wide"):
        isotropic_filter(data, 0.2, voxel_size=1.0, edge_width=-1)
    with pytest.raises(MapError, match="pass voxel_size"):
        isotropic_filter(data, 0.2)
    with pytest.raises(MapError, match="2 dimensions"):
        isotropic_filter(data[0], 0.2, voxel_size=1.0)


def test_a_3dfsc_of_another_map_is_refused():
    volume = volume_of(np.ones((16, 16, 18)))
    with pytest.raises(MapError, match="box of 16 x 16 x 16 voxels, the 3DFSC volume one of 16 x 16 x 18 voxels"):
        anisotropic_filter(noise((16, 16, 16)), volume, voxel_size=1.0)
    with pytest.raises(MapError, match=r"voxels of 2 Å, the 3DFSC volume of 1 Å"):
        anisotropic_filter(noise((16, 16, 18)), volume, voxel_size=2.0)


def test_cancel_progress_labels_and_saving(tmp_path):
    stop, seen = threading.Event(), []
    data = noise((16, 16, 16))
    result = isotropic_filter(data, 0.2, voxel_size=1.0, execution=Execution(progress=lambda *step: seen.append(step)))
    assert {stage for stage, _, _ in seen} == {"filtering", "difference"}
    assert result.labels == ("cryoaniso_nb: low-pass at 5.00 A, raised cosine of 4 shells",)
    loaded = Result.load(result.save(tmp_path / "f.npz"))
    assert np.array_equal(loaded.difference, result.difference)
    stop.set()
    with pytest.raises(Cancelled):
        isotropic_filter(data, 0.2, voxel_size=1.0, execution=Execution(cancel=stop))
