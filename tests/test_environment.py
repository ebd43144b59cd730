"""What the environment of a process may hold: odd variables, no home to write to, signals that get lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import AWAKE

ROOT = Path(__file__).resolve().parents[1]


def ran(argv: list[str], cwd: Path, **variables: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout, done.stderr


TRANSFORM = """
import os
before = dict(os.environ)
import numpy as np
from cryoaniso_nb.engine.transforms import fft
print(fft.r2c(np.ones((4, 4), np.float32))[0, 0].real, dict(os.environ) == before)
"""


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "DUCC0_NUM_THREADS"])
@pytest.mark.parametrize("value", ["", "4,2", "many", "-3", "2"])
def test_transforms_take_any_number_of_threads(name: str, value: str, tmp_path: Path) -> None:
    """An empty value, OpenMP's list for nested regions, words; and variables stay as they were."""
    assert ran([sys.executable, "-c", TRANSFORM], tmp_path, **{name: value}) == (0, "16.0 True\n", "")


def test_a_command_runs_whatever_libraries_are_told(tmp_path: Path) -> None:
    """A backend that matplotlib doesn't have, threads that numba refuses; no folder of one's own can be written."""
    nowhere = "/proc/nowhere"  # not even root makes folders there
    odd = {"MPLBACKEND": "foo", "NUMBA_NUM_THREADS": "0", "NUMBA_DISABLE_JIT": "foo", "OMP_NUM_THREADS": ""}
    homes = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "MPLCONFIGDIR": nowhere, "TMPDIR": nowhere}
    argv = [sys.executable, "-m", "cryoaniso_nb", "demo", "--box", "32", "-q", "-o", "out"]
    code, _, err = ran(argv, tmp_path, **odd, **homes)
    assert code == 0, err
    assert "Traceback" not in err  # but matplotlib says that it has no place for its fonts
    assert (tmp_path / "out" / "figure.png").stat().st_size > 10_000


UNWRITABLE = """
from numba.core import caching
caching.CacheImpl._locator_classes = []  # what numba is left with where nothing can be written
from cryoaniso_nb.kernels import histogram, null, slices, views, volume
from cryoaniso_nb.kernels._cache import compiled
print(compiled()(lambda x: x + 1)(1))
"""


def test_kernels_run_where_no_cache_can_be_written(tmp_path: Path) -> None:
    assert ran([sys.executable, "-c", UNWRITABLE], tmp_path) == (0, "2\n", "")


KERNEL = """
from cryoaniso_nb.kernels._cache import compiled

@compiled()
def more(x):
    return x + 1

more(1)
print(sum(more.stats.cache_hits.values()))
"""


def test_a_damaged_cache_of_kernels_is_made_anew(tmp_path: Path) -> None:
    """Compiled, kept, damaged in either file and kept anew; a folder in place of the index only keeps it from that."""
    (tmp_path / "kernel.py").write_text(KERNEL)
    run = [sys.executable, "kernel.py"]
    assert ran(run, tmp_path) == (0, "0\n", "")
    for kind, length in (("nbi", 50), ("nbc", 0)):
        (path,) = (tmp_path / "__pycache__").glob(f"*.{kind}")
        path.write_bytes(path.read_bytes()[:length])
        assert ran(run, tmp_path) == (0, "0\n", "")
        assert ran(run, tmp_path) == (0, "1\n", "")
    (path,) = (tmp_path / "__pycache__").glob("*.nbi")
    path.unlink()
    path.mkdir()
    assert ran(run, tmp_path) == (0, "0\n", "")


# The program with a command whose first signal comes while a finalizer runs, where exceptions are lost.
LOST = """
import argparse, os, signal, sys
import cryoaniso_nb.cli as cli
from cryoaniso_nb.commands._terminal import watched

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.Signals[sys.argv[1]])
        for _ in range(10):
            pass

def run(args):
    Finalized()
    if sys.argv[2] == "error":
        raise ImportError("initialization failed")
    if sys.argv[2] == "work":
        with watched() as execution:
            execution.raise_if_cancelled()
    print("outcome")
    return 0

parsed = argparse.Namespace(run=run, verbose=0, quiet=False, as_json=False)
cli.build_parser = lambda: argparse.Namespace(parse_args=lambda argv: parsed)
sys.exit(cli.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("then", ["work", "error", "nothing"])
def test_a_signal_in_a_finalizer_still_ends_the_run(tmp_path: Path, number: signal.Signals, then: str) -> None:
    code, _, err = ran([*AWAKE, sys.executable, "-c", LOST, number.name, then], tmp_path)
    assert (code, err) == (128 + number, "cryoaniso: stopped; nothing was written.\n")
