"""The 3DFSC volume against direct sums, and Tan et al.'s definition against that program's output."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import Cancelled, ResultError, SettingsError
from cryoaniso_nb.geometry.directions import areas, axes_for
from cryoaniso_nb.geometry.shells import n_shells, shell_frequencies
from cryoaniso_nb.kernels import volume as kernels_volume
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.measures.tan2017 import _cells, cutoff_shell, threedfsc_tan2017
from cryoaniso_nb.measures.threedfsc_volume import central_slices, centred_coordinates, node_table, threedfsc
from cryoaniso_nb.results.types import DirectionalFSC, Result

REFERENCE = Path(__file__).parent / "data" / "reference"
BOXES = [(32, 32, 32), (31, 31, 31), (24, 33, 40), (41, 20, 30), (30, 30, 17)]


def directional(box, n_axes=321, cone=17.0, seed=0, values=None):
    """A DirectionalFSC whose values look like measured ones: smooth, plus noise of 1/sqrt(2 n_eff)."""
    directions = axes_for(n_axes)
    shell = np.arange(1, n_shells(box) + 1)
    n_eff = np.broadcast_to(0.17 * (cone / 17) ** 2 * shell**2, (n_axes, shell.size))
    if values is None:
        tilt = 0.4 + directions[:, 2:] ** 2
        smooth = 1 / (1 + np.exp((shell / shell.size - 0.6 * tilt) * 8))
        values = smooth + np.random.default_rng(seed).standard_normal(smooth.shape) / np.sqrt(2 * n_eff)
    return DirectionalFSC(
        frequency=shell_frequencies(box, 1.3),
        axes=directions,
        areas=areas(n_axes),
        values=np.clip(values, -1, 1),
        n_eff=n_eff,
        done=np.ones(n_axes, dtype=bool),
        cone_half_angle=cone,
        box=box,
        voxel_size=1.3,
    )


def measured(maps, cone=17.0, n_axes=321):
    histogram = accumulate(maps)
    sums = cone_sums(histogram, axes_for(n_axes), cone)
    values = correlation(sums.xy, sums.xx, sums.yy)
    return directional(maps.half1.shape, n_axes, cone, values=values).replace(n_eff=sums.n_eff)


def noisy_halves(box, seed=0):
    random = np.random.default_rng(seed)
    signal = random.standard_normal(box, dtype=np.float32)
    halves = [signal + random.standard_normal(box, dtype=np.float32) for _ in range(2)]
    return SimpleNamespace(half1=halves[0], half2=halves[1], mask=None, voxel_size=1.3)


def mirrored(volume):
    """The value at -k, index by index."""
    return volume[np.ix_(*[(2 * (n // 2) - np.arange(n)) % n for n in volume.shape])]


def lattice(box):
    """Shell and unit vector (x, y, z) of every voxel of a centred volume."""
    z, y, x = centred_coordinates(box)
    k = np.stack(np.broadcast_arrays(x, y[:, None], z[:, None, None]), axis=-1)
    square = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2  # in single precision, as the shells are decided
    k = k.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return (np.sqrt(square) + np.float32(0.5)).astype(int), k / np.linalg.norm(k, axis=-1, keepdims=True)


def direct(dfsc, fsc, cone, shell, direction):
    """The definition, axis by axis."""
    edge = np.cos(np.deg2rad(cone))
    cosine = np.abs(direction @ dfsc.axes.T)
    weight = np.where(cosine >= edge, np.exp(-(((cosine - 1) / ((1 - edge) / 2)) ** 2)), 0.0)
    values = dfsc.values[:, shell - 1].T
    finite = np.isfinite(values)
    total = (weight * finite).sum(axis=1)
    mean = (weight * np.where(finite, values, 0)).sum(axis=1) / np.where(total > 0, total, 1)
    return np.where(total > 0, mean, fsc[shell - 1])


def off_edges(box):
    """Voxels that are not on a plane where -n/2 stands for n/2 too."""
    keep = np.ones(box, dtype=bool)
    for axis, n in enumerate(box):
        if n % 2 == 0:
            np.moveaxis(keep, axis, 0)[0] = False
    return keep


# --- this project's definition -----------------------------------------------------------


@pytest.mark.parametrize("box", [*BOXES, (96, 96, 96)])
def test_interpolation_stays_within_5_percent_of_the_noise_of_dfsc(box):
    dfsc = directional(box)
    fsc = dfsc.values.mean(axis=0)
    volume = threedfsc(dfsc, fsc).volume
    shell, direction = lattice(box)
    inside = np.flatnonzero(((shell >= 1) & (shell <= n_shells(box)) & off_edges(box)).ravel())
    picked = np.random.default_rng(1).choice(inside, min(4000, inside.size), replace=False)
    shells = shell.ravel()[picked]
    error = volume.ravel()[picked] - direct(dfsc, fsc, 17.0, shells, direction.reshape(-1, 3)[picked])
    relative = error * np.sqrt(2 * dfsc.n_eff[0, shells - 1])
    assert np.sqrt(np.mean(relative**2)) < 0.05
    assert np.sqrt(np.mean(relative**2)) < 0.01  # measured: 0.003 to 0.007


def test_interpolation_error_on_measured_half_maps():
    maps = noisy_halves((64, 64, 64))
    dfsc = measured(maps)
    fsc = np.linspace(1, 0, 32)
    shell, direction = lattice((64, 64, 64))
    picked = np.flatnonzero(((shell >= 5) & (shell <= 32) & off_edges((64, 64, 64))).ravel())[::23]
    shells = shell.ravel()[picked]
    error = threedfsc(dfsc, fsc).volume.ravel()[picked]
    error = error - direct(dfsc, fsc, 17.0, shells, direction.reshape(-1, 3)[picked])
    assert np.sqrt(np.mean(error**2 * 2 * 0.17 * shells**2)) < 0.006


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.integers(16, 37)] * 3), st.sampled_from([21, 81, 321]), st.integers(0, 5))
def test_friedel_symmetry_zero_frequency_and_bounds_hold_for_any_box(box, axes, seed):
    dfsc = directional(box, axes, seed=seed)
    holes = np.random.default_rng(seed).random(dfsc.values.shape) < 0.2
    dfsc = dfsc.replace(values=np.where(holes, np.nan, dfsc.values))
    volume = threedfsc(dfsc, np.full(n_shells(box), 0.25)).volume
    assert volume.shape == box
    assert volume.dtype == np.float32
    assert np.isfinite(volume).all()
    assert np.array_equal(volume, mirrored(volume))
    assert volume[tuple(n // 2 for n in box)] == 1
    shell, _ = lattice(box)
    assert not volume[shell > n_shells(box)].any()
    assert np.abs(volume).max() <= 1


def test_constant_dfsc_gives_a_constant_ball():
    for box in BOXES:
        dfsc = directional(box, values=np.full((321, n_shells(box)), 0.375))
        volume = threedfsc(dfsc, np.zeros(n_shells(box))).volume
        shell, _ = lattice(box)
        inside = (shell >= 1) & (shell <= n_shells(box))
        assert np.allclose(volume[inside], 0.375, atol=1e-6)


def test_each_axis_of_the_map_is_the_same_axis_of_the_volume():
    # dFSC falls along one axis only; the volume must be small there and nowhere else.
    for axis, name in enumerate("xyz"):
        values = np.where(np.abs(axes_for(321)[:, axis : axis + 1]) > 0.9, 0.1, 0.9) * np.ones((1, 16))
        dfsc = directional((32, 32, 32), values=values)
        slices = central_slices(dfsc, np.ones(16))
        volume = threedfsc(dfsc, np.ones(16)).volume
        along = {"x": volume[16, 16, 28], "y": volume[16, 28, 16], "z": volume[28, 16, 16]}
        assert [key for key, value in along.items() if value < 0.3] == [name]
        assert (slices.xy[16, 28] < 0.3) == (name == "x")
        assert (slices.yz[16, 28] < 0.3) == (name == "y")
        assert (slices.xz[28, 16] < 0.3) == (name == "z")


def test_unmeasured_voxels_take_the_global_fsc_of_their_shell():
    values = np.full((6, 16), 0.9)
    fsc = np.linspace(0.8, 0.05, 16)
    result = threedfsc(directional((32, 32, 32), 6, values=values), fsc)
    _, measured_nodes = node_table(directional((32, 32, 32), 6, values=values), fsc, 49)
    assert 0.5 < result.filled < 0.9  # 6 cones of 17 degrees cover 26 % of the sphere
    assert abs(measured_nodes.mean() - 0.26) < 0.05
    shell, direction = lattice((32, 32, 32))
    far = (np.abs(direction @ axes_for(6).T).max(axis=-1) < np.cos(np.deg2rad(20))) & (shell >= 1) & (shell <= 16)
    far &= off_edges((32, 32, 32))
    assert far.sum() > 1000
    assert np.allclose(result.volume[far], fsc[shell[far] - 1], atol=1e-6)


def test_partial_results_use_the_axes_that_are_done():
    full = directional((32, 32, 32))
    values = np.where(np.arange(321)[:, None] < 81, full.values, np.nan)
    partial = full.replace(values=values, done=np.arange(321) < 81)
    coarse = directional((32, 32, 32), 81, values=full.values[:81])
    expected = threedfsc(coarse, np.zeros(16))
    got = threedfsc(partial, np.zeros(16))
    assert got.n_axes == 81
    assert np.array_equal(got.volume, expected.volume)


@pytest.mark.parametrize("box", BOXES)
def test_central_slices_are_those_of_the_volume(box):
    dfsc = directional(box)
    volume = threedfsc(dfsc, np.zeros(n_shells(box))).volume
    slices = central_slices(dfsc, np.zeros(n_shells(box)))
    z, y, x = (n // 2 for n in box)
    assert np.array_equal(slices.xy, volume[z])
    assert np.array_equal(slices.xz, volume[:, y])
    assert np.array_equal(slices.yz, volume[:, :, x])
    for axis, n in zip((slices.z, slices.y, slices.x), box, strict=True):
        assert axis == pytest.approx((np.arange(n) - n // 2) / (n * 1.3), rel=1e-6)


def test_shells_of_another_box_are_refused():
    with pytest.raises(ResultError, match="has 16 shells, but a box"):
        threedfsc(directional((32, 32, 32)).replace(box=(64, 64, 64)), np.zeros(16))
    with pytest.raises(ResultError, match="doesn't say the box"):
        threedfsc(directional((32, 32, 32)).replace(box=(0, 0, 0)), np.zeros(16))


def test_a_set_cancel_event_stops_the_run():
    import threading

    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        threedfsc(directional((32, 32, 32)), np.zeros(16), execution=Execution(cancel=stop))
    with pytest.raises(Cancelled):
        threedfsc_tan2017(noisy_halves((16, 16, 16)), execution=Execution(cancel=stop))


def test_volume_costs_less_than_three_analyses():
    maps = noisy_halves((128, 128, 128))
    dfsc = measured(maps)
    threedfsc(dfsc, np.zeros(64))
    analysis, volume = [], []
    for _ in range(3):
        start = time.perf_counter()
        measured(maps)
        middle = time.perf_counter()
        threedfsc(dfsc, np.zeros(64))
        analysis.append(middle - start)
        volume.append(time.perf_counter() - middle)
    assert min(volume) < 3 * min(analysis)  # measured: 0.3 to 0.5 times


def test_mrc_file_has_voxel_size_and_labels(tmp_path):
    result = threedfsc(directional((24, 33, 40)), np.zeros(20))
    path = result.write_mrc(tmp_path / "fsc.mrc")
    with mrcfile.open(path) as mrc:
        assert mrcfile.validate(path)
        assert np.array_equal(mrc.data, result.volume)
        assert float(mrc.voxel_size.x) == pytest.approx(1.3)
        labels = [label.decode() for label in mrc.header.label[: mrc.header.nlabl]]
    assert labels == list(result.labels)
    assert "spatial frequency" in labels[1]
    assert max(map(len, labels)) <= 80


def test_result_saves_and_loads(tmp_path):
    result = threedfsc(directional((16, 16, 16)), np.zeros(8))
    loaded = Result.load(result.save(tmp_path / "r.npz"))
    assert np.array_equal(loaded.volume, result.volume)
    assert loaded.labels == result.labels


# --- the definition of Tan et al. 2017 ---------------------------------------------------


def brute_force(maps, cone=20.0):
    """Every voxel against every other of its shell, on the full lattice."""
    box = maps.half1.shape
    first, second = np.fft.fftn(maps.half1), np.fft.fftn(maps.half2)
    products = np.stack([(first.conj() * second).real, np.abs(first) ** 2, np.abs(second) ** 2], axis=-1)
    shell, direction = (np.fft.ifftshift(a, axes=(0, 1, 2)) for a in lattice(box))
    out = np.zeros(box)
    out[0, 0, 0] = 1
    for s in range(1, n_shells(box) + 1):
        members = shell == s
        inside = np.abs(direction[members] @ direction[members].T) >= np.cos(np.deg2rad(cone))
        xy, xx, yy = (inside @ products[members]).T
        out[members] = xy / np.sqrt(xx * yy)
    return np.fft.fftshift(out), np.fft.fftshift(shell)


@pytest.mark.parametrize("box", [(17, 17, 17), (16, 16, 16), (15, 21, 18), (20, 18, 16)])
def test_tan2017_is_the_exact_sum_over_voxels(box):
    maps = noisy_halves(box, seed=3)
    result = threedfsc_tan2017(maps)
    expected, shell = brute_force(maps)
    # Frequencies -n/2 of even sides belong to two directions: any choice is right there.
    clean = shell < np.floor(min(box) / 2 * max(box) / min(box)) if any(n % 2 == 0 for n in box) else shell <= max(box)
    assert np.abs(result.volume - expected)[clean].max() < 2e-6
    assert np.array_equal(result.volume, mirrored(result.volume))
    assert result.volume[tuple(n // 2 for n in box)] == 1
    assert not result.volume[shell > n_shells(box)].any()


def test_tan2017_applies_the_mask():
    maps = noisy_halves((17, 17, 17))
    mask = np.zeros((17, 17, 17), dtype=np.float32)
    mask[4:12, 4:12, 4:12] = 1
    masked = SimpleNamespace(half1=maps.half1 * mask, half2=maps.half2 * mask, mask=None, voxel_size=1.3)
    maps.mask = mask
    assert np.array_equal(threedfsc_tan2017(maps).volume, threedfsc_tan2017(masked).volume)


def reference(kind):
    halves = [mrcfile.read(REFERENCE / f"{kind}_64_half{i}.mrc") for i in (1, 2)]
    maps = SimpleNamespace(half1=halves[0], half2=halves[1], mask=None, voxel_size=1.3)
    with np.load(REFERENCE / f"{kind}_64_3dfsc_volume.npz") as stored:
        return maps, stored["volume"].astype(np.float64)


@pytest.mark.parametrize(("kind", "last", "rms"), [("iso", 20, 0.036), ("aniso", 13, 0.042)])
def test_tan2017_agrees_with_3dfsc_as_far_as_its_padding_allows(kind, last, rms):
    maps, expected = reference(kind)
    result = threedfsc_tan2017(maps, cutoff=True)
    assert result.cutoff_shell == last
    volume = result.volume[1:, 1:, 1:]  # its volume leaves out the frequency -n/2
    shell, _ = lattice((63, 63, 63))
    inside = (shell <= last) & (expected != 0)
    assert not expected[shell > last].any()
    difference = (volume - expected)[inside]
    assert np.sqrt(np.mean(difference**2)) < rms
    assert abs(np.mean(difference)) < 0.01
    assert np.corrcoef(volume[inside], expected[inside])[0, 1] > 0.99


@pytest.mark.parametrize(("kind", "last"), [("iso", 20), ("aniso", 13)])
def test_with_its_padding_of_x_3dfsc_is_reproduced_to_its_own_rounding(kind, last):
    """That program transforms maps padded by 2 along x and takes the columns as if they weren't."""
    maps, expected = reference(kind)
    first, second = (np.fft.fftn(np.pad(h, ((0, 0), (0, 0), (0, 2)))) for h in (maps.half1, maps.half2))
    products = np.stack([(first.conj() * second).real, np.abs(first) ** 2, np.abs(second) ** 2], axis=-1)
    index = np.arange(-31, 32)
    products = np.ascontiguousarray(products[np.ix_(index, index, index)])
    shell, direction = lattice((63, 63, 63))
    for s in range(1, last + 1):
        members = shell == s
        targets = np.ascontiguousarray(direction[members])
        values = np.empty(len(targets))
        cells = _cells(targets, products[members])
        kernels_volume.cone_correlations(targets, *cells, np.deg2rad(20.0), values)
        assert np.abs(values - expected[members]).max() < 3e-4  # the file holds float16


def test_cut_off_rule():
    fsc = np.array([1.0, 0.9, 0.5, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0])
    assert cutoff_shell(fsc) == 7
    assert cutoff_shell(np.ones(9)) == 9
    maps, _ = reference("iso")
    cut = threedfsc_tan2017(maps, cutoff=True)
    shell, _ = lattice((64, 64, 64))
    assert not cut.volume[shell > cut.cutoff_shell].any()
    assert threedfsc_tan2017(maps).cutoff_shell == 32


def test_tan2017_labels_and_bad_cone():
    result = threedfsc_tan2017(noisy_halves((16, 16, 16)))
    assert result.definition == "tan2017"
    assert "Tan et al. 2017" in result.labels[0]
    with pytest.raises(SettingsError, match="half-angle is 60"):
        threedfsc_tan2017(noisy_halves((16, 16, 16)), cone_half_angle=60)
