"""The engine on a cluster of real processes, some of which die."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

import cloudpickle
import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.engine import blocks, cluster, volumes
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.tasks import iter_tasks, map_tasks
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import Cancelled, SettingsError
from cryoaniso_nb.geometry.directions import axes_for

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(
    int(distributed.__version__.split(".")[0]) < 2025, reason="older schedulers don't tell that sent data were lost"
)

BOX = (64, 60, 56)


@pytest.fixture(scope="module", autouse=True)
def _functions_go_by_value() -> Iterator[None]:
    """Workers can't import this file."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def client() -> Iterator[object]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as processes,
        distributed.Client(processes) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> ca.HalfMaps:
    folder = tmp_path_factory.mktemp("pair")
    signal_, *noise = np.random.default_rng(4).standard_normal((3, *BOX)).astype(np.float32)
    paths = [ca.write_map(folder / f"half{i}.mrc", signal_ + n, 1.0) for i, n in enumerate(noise, 1)]
    return ca.open_half_maps(*paths, mask=ca.sphere_mask(BOX, 20.0, 6.0))


@pytest.fixture(scope="module")
def expected(pair: ca.HalfMaps) -> ca.AngularHistogram:
    return accumulate(pair)


def same(found: ca.AngularHistogram, expected: ca.AngularHistogram) -> None:
    np.testing.assert_allclose(found.nodes, expected.nodes, atol=1e-6 * float(expected.nodes.max()))
    np.testing.assert_allclose(found.low, expected.low, atol=1e-6 * float(np.abs(expected.low).max()))
    np.testing.assert_allclose(found.shell_sums, expected.shell_sums, rtol=1e-6)


def die_once(marker: Path) -> None:
    """The first call that gets here takes its process with it."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_read_the_files_themselves(client: object, pair: ca.HalfMaps, expected: ca.AngularHistogram) -> None:
    in_file = ca.open_half_maps(*pair.files[:2])
    files = cluster._seen_by_all(client, (in_file.half1, in_file.half2, None))
    assert files is not None
    assert [file.path for file in files if file is not None] == [str(path) for path in pair.files[:2]]
    same(accumulate(in_file, execution=ca.Execution(client)), accumulate(in_file))  # type: ignore[arg-type]


def test_a_dashboard_shows_what_is_done(client: object, pair: ca.HalfMaps) -> None:
    cone_sums(accumulate(pair, execution=ca.Execution(client)), axes_for(6), 17.0, execution=ca.Execution(client))  # type: ignore[arg-type]
    groups = client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.task_prefixes))  # type: ignore[attr-defined]
    assert {"read-and-sum-rows", "add-blocks", "transform-slab", "cut-slab", "sum-rows", "cones"} <= groups


def test_slabs_are_sent_where_workers_do_not_see_the_files(
    client: object, pair: ca.HalfMaps, expected: ca.AngularHistogram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SENT_BYTES", 200_000)  # many slabs
    assert cluster._seen_by_all(client, (pair.half1, pair.half2, pair.mask)) is None  # the mask is in memory
    same(accumulate(pair, execution=ca.Execution(client)), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("sent", [False, True])
def test_killing_a_worker_changes_the_time_alone(
    sent: bool, client: object, pair: ca.HalfMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = pair if sent else ca.open_half_maps(*pair.files[:2])
    whole = accumulate(maps)

    def deadly(*arguments: object, marker: Path = tmp_path / "died") -> object:
        die_once(marker)
        return blocks.reduce_block(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(volumes, "reduce_block", deadly)
    same(accumulate(maps, execution=ca.Execution(client)), whole)  # type: ignore[arg-type]
    assert (tmp_path / "died").exists()


def test_cones_and_lists_outlive_a_worker(client: object, expected: ca.AngularHistogram, tmp_path: Path) -> None:
    execution = ca.Execution(client)  # type: ignore[arg-type]
    sums = cone_sums(expected, axes_for(81), 17.0, execution=execution)
    np.testing.assert_allclose(sums.xy, cone_sums(expected, axes_for(81), 17.0).xy, rtol=1e-6, atol=1e-3)
    pids = client.run(os.getpid)  # type: ignore[attr-defined]
    for pid in pids.values():  # what the workers were sent is gone with them
        os.kill(pid, signal.SIGKILL)
    again = cone_sums(expected, axes_for(81), 17.0, execution=execution)
    np.testing.assert_array_equal(again.xy, sums.xy)

    def squared(value: int, marker: Path) -> int:
        die_once(marker)
        return value**2

    assert map_tasks(partial(squared, marker=tmp_path / "a"), range(5), execution=execution) == [0, 1, 4, 9, 16]
    found = dict(iter_tasks(lambda v, _: squared(v, tmp_path / "b"), range(5), execution=execution))
    assert found == {i: i**2 for i in range(5)}


def test_the_example_for_slurm_runs(pair: ca.HalfMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two local workers in the place of a job's tasks."""

    class Runner(distributed.LocalCluster):  # type: ignore[misc]
        n_workers = 2

        def __init__(self, worker_options: dict[str, int]) -> None:
            threads = worker_options["nthreads"]
            super().__init__(n_workers=2, threads_per_worker=threads, processes=False, dashboard_address=":0")

    monkeypatch.setitem(sys.modules, "dask_jobqueue", ModuleType("dask_jobqueue"))
    module = ModuleType("dask_jobqueue.slurm")
    module.SLURMRunner = Runner  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dask_jobqueue.slurm", module)
    script = Path(__file__).parents[1] / "docs" / "examples" / "slurm_job.py"
    files = [str(path) for path in pair.files[:2]]
    monkeypatch.setattr(sys, "argv", [str(script), *files, str(tmp_path / "result.npz")])
    runpy.run_path(str(script), run_name="__main__")
    found = ca.load_result(tmp_path / "result.npz")
    here = ca.analyze(ca.open_half_maps(*files))
    np.testing.assert_allclose(found.dfsc.values, here.dfsc.values, atol=1e-5)


def test_an_error_of_a_task_is_its_own(client: object, tmp_path: Path) -> None:
    """Not taken for a lost worker, whose task would be tried again."""
    execution = ca.Execution(client)  # type: ignore[arg-type]

    def opened(path: Path) -> bytes:
        with (tmp_path / "tries").open("a") as tries:
            tries.write("x")
        return path.read_bytes()

    with pytest.raises(FileNotFoundError):
        map_tasks(opened, [tmp_path / "none"], execution=execution)
    with pytest.raises(FileNotFoundError):
        list(iter_tasks(lambda path, _: opened(path), [tmp_path / "none"], execution=execution))
    assert (tmp_path / "tries").read_text() == "xx"


def test_a_task_that_kills_every_worker_is_one_sentence(client: object, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = ca.Execution(client)  # type: ignore[arg-type]

    def allow(failures: int, dask_scheduler: object = None) -> int:
        before = dask_scheduler.allowed_failures  # type: ignore[attr-defined]
        dask_scheduler.allowed_failures = failures  # type: ignore[attr-defined]
        return int(before)

    usual = client.run_on_scheduler(allow, 0)  # type: ignore[attr-defined]
    monkeypatch.setattr(cluster, "TRIES", 1)
    try:
        for run in (
            lambda: map_tasks(lambda _: os.kill(os.getpid(), signal.SIGKILL), [1], execution=execution),
            lambda: list(iter_tasks(lambda *_: os.kill(os.getpid(), signal.SIGKILL), [1], execution=execution)),
        ):
            with pytest.raises(SettingsError, match="were lost several times while they computed"):
                run()
    finally:
        client.run_on_scheduler(allow, usual)  # type: ignore[attr-defined]


def test_waiting_for_workers_can_be_stopped() -> None:
    cancel = threading.Event()
    with scheduler() as address:
        threading.Timer(0.5, cancel.set).start()
        with pytest.raises(Cancelled):
            map_tasks(abs, [1], execution=ca.Execution(address, cancel=cancel))


# --- schedulers --------------------------------------------------------------------------

SCHEDULER = """
import asyncio, os, signal, sys
from distributed import Scheduler, Worker
from cryoaniso_nb.engine import blocks

def deadly(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as found:
        if sys.argv[1:] == ["deadly"]:
            blocks.reduce_block = deadly
            await Worker(found.address, nthreads=1, dashboard=False)
        print(found.address, flush=True)
        await found.finished()

asyncio.run(main())
"""


@contextmanager
def scheduler(*arguments: str) -> Iterator[str]:
    """The address of a scheduler in a process of its own, without workers, or with one that ends the process."""
    command = [sys.executable, "-c", SCHEDULER, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.kill()


def said_on(address: str, pair: ca.HalfMaps, out: Path) -> list[str]:
    """What an analysis there says but for its progress."""
    command = [sys.executable, "-m", "cryoaniso_nb", "analyze", *map(str, pair.files[:2]), "-o", str(out)]
    run = subprocess.run([*command, "--scheduler", address, "--quiet"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 2
    assert not out.exists()
    return run.stderr.splitlines()


def test_a_scheduler_without_workers_is_told(pair: ca.HalfMaps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "NO_WORKER_SECONDS", 0.2)
    with scheduler() as address, pytest.raises(SettingsError, match=f"{address} has no workers; start some there"):
        accumulate(pair, execution=ca.Execution(address))


def test_a_scheduler_that_dies_is_one_sentence(pair: ca.HalfMaps, tmp_path: Path) -> None:
    with scheduler("deadly") as address:
        said = said_on(address, pair, tmp_path / "out")
    assert said == [
        f"cryoaniso: The Dask scheduler at {address} was lost while it computed; start it again, or use threads."
    ]
