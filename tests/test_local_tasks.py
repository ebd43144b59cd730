"""Tasks on this machine's threads: how many, how they end, and what they leave behind."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info

import cryoaniso_nb as ca
from cryoaniso_nb.engine import local
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.local import ONE_BLAS_THREAD, map_here, n_threads
from cryoaniso_nb.engine.tasks import map_tasks
from cryoaniso_nb.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("quota", "expected"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("", 8)])
def test_a_container_gets_as_many_threads_as_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    monkeypatch.delenv("DASK_NUM_WORKERS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(local, "QUOTA", tmp_path / "cpu.max")
    assert n_threads(Execution()) == expected


@pytest.mark.parametrize("asked", ["0", "-2", "many", "1.5", ""])
def test_a_senseless_number_of_threads_is_a_sentence(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("DASK_NUM_WORKERS", asked)
    with pytest.raises(SettingsError, match=f"DASK_NUM_WORKERS is '{asked}'"):
        n_threads(Execution())


def test_the_first_error_ends_the_map_and_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_NUM_WORKERS", "2")
    started: list[int] = []
    never = threading.Event()

    def fail(i: int) -> None:
        started.append(i)
        if i == 0:
            raise ZeroDivisionError
        never.wait(0.05)  # so long that all of them can't be over before the first error is seen

    with pytest.raises(ZeroDivisionError):
        map_here(fail, range(1000), Execution(), lambda done: None)
    assert len(started) < 1000


def blas() -> set[int]:
    """Threads of each library of linear algebra."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("name", ["noise_harmonics.harmonic_moments", "regions.direction_regions"])
def test_an_analysis_keeps_small_products_to_one_thread(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Threads that wait by spinning took three times the processor's time of all else."""
    home, called = name.split(".")
    module = importlib.import_module(f"cryoaniso_nb.statistics.{home}")
    compute, seen = getattr(module, called), []

    def watched(*args: Any, **options: Any) -> Any:
        seen.append(blas())
        return compute(*args, **options)

    monkeypatch.setattr(module, called, watched)
    before = blas()
    result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    result.with_symmetry("C3")
    assert seen == [{1}, {1}]
    assert blas() == before


def test_linear_algebra_keeps_to_one_thread_while_any_map_runs() -> None:
    before = blas()
    assert set().union(*map_tasks(lambda _: blas(), range(4))) == {1}
    assert blas() == before
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with ONE_BLAS_THREAD:
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(30)
    map_tasks(abs, [1, 2])
    assert blas() == {1}, "another map goes on"
    leave.set()
    thread.join()
    assert blas() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_can_analyze_too() -> None:
    code = (
        "import os, warnings; warnings.simplefilter('ignore'); import cryoaniso_nb as ca\n"
        "maps = ca.simulate_half_maps(box=32, seed=0); ca.analyze(maps)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    ca.analyze(maps); os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout == "7\n", done.stderr


def test_an_analysis_on_threads_imports_neither_dask_nor_scipy_fft() -> None:
    code = (
        "import sys, numpy as np; import cryoaniso_nb as ca\n"
        "a, b = np.random.default_rng(0).standard_normal((2, 24, 24, 24))\n"
        "ca.analyze(ca.open_half_maps(a, b, voxel_size=1.0))\n"
        "print(sorted({'dask', 'distributed', 'scipy.fft', 'scipy.special', 'scipy.stats'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr or done.stdout
