"""The engine against sums over voxels, on any scheduler and chunking."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.fft

from cryoaniso_nb.engine import blocks, local
from cryoaniso_nb.engine.blocks import nodes_for, smallest_cone
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.tasks import map_tasks
from cryoaniso_nb.engine.volumes import accumulate, accumulate_exact
from cryoaniso_nb.errors import Cancelled, MapError, SettingsError
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.geometry.shells import n_shells, shell_index
from cryoaniso_nb.measures.fsc import correlation

BOXES = [(64, 64, 64), (100, 100, 100), (127, 127, 127), (60, 80, 100)]


def pair(box, seed=0, mask=None):
    """Half maps whose signal is anisotropic, as the engine takes them."""
    rng = np.random.default_rng(seed)
    z = np.fft.fftfreq(box[0], 1 / max(box))[:, None, None]
    radius = shell_index(box) + np.abs(z)
    amplitude = 1.2 * np.exp(-((radius / (0.3 * max(box))) ** 2))
    signal = scipy.fft.irfftn(scipy.fft.rfftn(rng.standard_normal(box)) * amplitude, s=box)
    first, second = (np.float32(signal + 0.6 * rng.standard_normal(box)) for _ in range(2))
    return SimpleNamespace(half1=first, half2=second, mask=mask, voxel_size=1.0)


def dfsc(sums):
    return correlation(sums.xy, sums.xx, sums.yy)


@pytest.fixture(scope="module", params=BOXES, ids=lambda box: "x".join(map(str, box)))
def both(request):
    maps = pair(request.param)
    histogram = accumulate(maps)
    exact, sums, _ = accumulate_exact(maps, axes_for(321), 17.0)
    return maps, histogram, exact, sums


def test_histogram_gives_dfsc_within_a_twentieth_of_its_noise(both):
    _, histogram, exact, _ = both
    fast = cone_sums(histogram, axes_for(321), 17.0)
    difference = np.nan_to_num(dfsc(fast) - dfsc(exact))
    noise = 1 / np.sqrt(2 * exact.n_eff.mean(axis=0))
    assert (np.sqrt((difference**2).mean(axis=0)) < 0.05 * noise).all()


def test_low_shells_are_exact(both):
    _, histogram, exact, _ = both
    fast = cone_sums(histogram, axes_for(321), 17.0)
    low = slice(0, histogram.first_shell - 1)
    np.testing.assert_allclose(dfsc(fast)[:, low], dfsc(exact)[:, low], atol=1e-5)  # single precision
    np.testing.assert_allclose(fast.n_eff[:, low], exact.n_eff[:, low], rtol=1e-9)


def test_effective_counts_agree_in_dense_shells(both):
    _, histogram, exact, _ = both
    fast = cone_sums(histogram, axes_for(321), 17.0)
    high = slice(histogram.first_shell - 1, None)
    ratio = fast.n_eff[:, high] / exact.n_eff[:, high]
    assert abs(ratio.mean() - 1) < 0.02
    assert ratio.std() < 0.06


def test_global_fsc_equals_that_of_the_full_transform(both):
    maps, histogram, _, sums = both
    box = maps.half1.shape
    first, second = (scipy.fft.fftn(h.astype(np.float64)) for h in (maps.half1, maps.half2))
    z, y, x = (np.fft.fftfreq(n, 1 / max(box)) for n in box)
    shell = np.floor(np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) + 0.5).astype(int).ravel()
    products = ((first.conj() * second).real, np.abs(first) ** 2, np.abs(second) ** 2)
    full = correlation(*(np.bincount(shell, p.ravel())[1 : n_shells(box) + 1] for p in products))
    np.testing.assert_allclose(correlation(*histogram.shell_sums[:, 1:]), full, atol=1e-6)
    np.testing.assert_allclose(correlation(*sums[:, 1:]), full, atol=1e-12)


@pytest.mark.parametrize("cone", [10.0, 25.0, 45.0])
def test_other_cones_from_the_same_histogram(cone):
    maps = pair((80, 80, 80))
    exact, _, _ = accumulate_exact(maps, axes_for(81), cone)
    fast = cone_sums(accumulate(maps), axes_for(81), cone)
    difference = np.nan_to_num(dfsc(fast) - dfsc(exact))
    assert (np.sqrt((difference**2).mean(axis=0)) < 0.05 / np.sqrt(2 * exact.n_eff.mean(axis=0))).all()


def test_narrow_cones_get_a_finer_histogram():
    maps = pair((64, 64, 64))
    exact, _, _ = accumulate_exact(maps, axes_for(81), 5.0)
    histogram = accumulate(maps, nodes_per_face=nodes_for(5.0))
    fast = cone_sums(histogram, axes_for(81), 5.0)
    high = slice(histogram.first_shell - 1, None)
    difference = (dfsc(fast) - dfsc(exact))[:, high]
    assert np.sqrt((difference**2).mean()) < 0.06 * (1 / np.sqrt(2 * exact.n_eff[:, high])).mean()


def test_cone_narrower_than_the_histogram_resolves_is_refused():
    histogram = accumulate(pair((32, 32, 32)))
    assert smallest_cone(histogram.nodes_per_face) == 10.0
    with pytest.raises(SettingsError, match=r"half-angle is 5 degrees.* for 10 degrees; analyze the maps again"):
        cone_sums(histogram, axes_for(6), 5.0)


@pytest.mark.parametrize("block_bytes", [2**14, 2**17, 2**30])
@pytest.mark.parametrize("tile_bytes", [1, 2**22])
def test_any_chunking_gives_the_same_dfsc(monkeypatch, block_bytes, tile_bytes):
    maps = pair((40, 36, 48))
    expected = dfsc(cone_sums(accumulate(maps, execution=Execution("synchronous")), axes_for(81), 17.0))
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(blocks, "TILE_BYTES", tile_bytes)
    found = dfsc(cone_sums(accumulate(maps), axes_for(81), 17.0))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.filterwarnings("default")  # an error inside distributed's loop thread would keep it from closing
def test_a_cluster_gives_the_same_dfsc():
    distributed = pytest.importorskip("distributed")
    maps = pair((40, 40, 40), mask=np.full((40, 40, 40), 0.5, dtype=np.float32))
    expected = dfsc(cone_sums(accumulate(maps), axes_for(81), 17.0))
    exact, _, _ = accumulate_exact(maps, axes_for(21), 17.0)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        seen = []
        histogram = accumulate(maps, execution=Execution(client, progress=lambda *a: seen.append(a)))
        np.testing.assert_allclose(
            dfsc(cone_sums(histogram, axes_for(81), 17.0, execution=Execution(client))), expected, atol=1e-6
        )
        again, _, _ = accumulate_exact(maps, axes_for(21), 17.0, execution=Execution(client.scheduler.address))
        np.testing.assert_allclose(dfsc(again), dfsc(exact), atol=1e-12)
        assert map_tasks(abs, [-1, 2], execution=Execution(client)) == [1, 2]
        assert seen[-1][1] == seen[-1][2] > 1
        stopped = threading.Event()
        stopped.set()
        with pytest.raises(Cancelled):
            accumulate(maps, execution=Execution(client, cancel=stopped))


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_a_run_stops_between_tasks(scheduler):
    stop = threading.Event()
    started = []

    def work(item):
        started.append(item)
        stop.set()
        return item

    with pytest.raises(Cancelled):
        map_tasks(work, list(range(100)), execution=Execution(scheduler, cancel=stop))
    assert len(started) <= local.n_threads(Execution(scheduler))  # those at work when it was set


def test_progress_counts_every_task_in_the_calling_thread():
    seen = []
    watched = Execution(progress=lambda *a: seen.append((*a, threading.current_thread())))
    map_tasks(abs, [1, 2, 3], stage="counting", execution=watched)
    assert [s[:3] for s in seen] == [("counting", n, 3) for n in (1, 2, 3)]
    assert {s[3] for s in seen} == {threading.current_thread()}


def test_an_error_in_a_task_is_raised():
    with pytest.raises(ZeroDivisionError):
        map_tasks(lambda x: 1 / x, [1, 0])


@pytest.mark.parametrize(("scheduler", "words"), [("processes", "must be threads, synchronous"), (3, "is 3, but")])
def test_unknown_schedulers_are_refused(scheduler, words):
    with pytest.raises(SettingsError, match=words):
        map_tasks(abs, [1], execution=Execution(scheduler))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_half_map_with_nan_or_infinite_voxels_is_named(bad):
    maps = pair((32, 32, 32))
    maps.half2[3, 4, 5] = bad
    with pytest.raises(MapError, match="Half map 2 holds NaN or infinite voxels"), np.errstate(invalid="ignore"):
        accumulate(maps)


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_a_constant_half_map_is_named(value):
    maps = pair((32, 32, 32))
    maps.half1[:] = value
    with pytest.raises(MapError, match="Half map 1 is constant"):
        accumulate(maps)
    with pytest.raises(MapError, match="Half map 1 is constant"):
        accumulate_exact(maps, axes_for(6), 17.0)


def test_the_mask_multiplies_both_halves_and_the_unmasked_sums_stay():
    maps = pair((32, 32, 32))
    mask = np.zeros((32, 32, 32), dtype=np.float32)
    mask[8:24, 8:24, 8:24] = 1
    masked = SimpleNamespace(half1=maps.half1 * mask, half2=maps.half2 * mask, mask=None, voxel_size=1.0)
    expected = accumulate(masked)
    maps.mask = mask
    found = accumulate(maps)
    np.testing.assert_allclose(found.shell_sums, expected.shell_sums, rtol=1e-6)
    maps.mask = None
    np.testing.assert_allclose(found.unmasked_sums, accumulate(maps).shell_sums, rtol=1e-5)
