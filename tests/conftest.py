"""Fixtures that several test files share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
from emdb_server import EmdbServer
from real_data import reads_real_data, real_data_folder

if TYPE_CHECKING:
    from cryoaniso_nb import AnalysisResult, HalfMaps

os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")  # else jupyter_core warns, and warnings are errors

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

# The same examples in every run; a slow machine is no failure.
hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None)
hypothesis.settings.load_profile("seeded")


def find_chromium() -> str | None:
    """The path of a Chromium, CHROMIUM in the environment first."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one the test is skipped, or fails in CI."""
    path = find_chromium()
    if path is None:
        message = "no Chromium found: install Debian's chromium, or set CHROMIUM to its path"
        pytest.fail(message) if IN_CI else pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where tests leave screenshots for people to look at; git ignores it."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def reference() -> Path:
    """Recorded outputs of Xmipp FSO and 3DFSC; README.md there says how they were made."""
    return Path(__file__).parent / "data" / "reference"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Foreign files beside the checkout; tests that read them are skipped without it."""
    folder = real_data_folder()
    if not folder.is_dir():
        pytest.skip(f"no folder shared/data beside {ROOT.name}")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(20231)


@pytest.fixture
def emdb_server(tmp_path: Path, rng: np.random.Generator) -> Iterator[Any]:
    """A server on 127.0.0.1 that has EMD-8731, half maps and mask of 16 voxels a side."""
    import cryoaniso_nb as ca

    server = EmdbServer(tmp_path / "server")
    halves = rng.normal(size=(2, 16, 16, 16)).astype(np.float32)
    server.put_entry(8731, ca.open_half_maps(*halves, voxel_size=1.31), np.ones((16, 16, 16)))
    yield server
    server.close()


@pytest.fixture(scope="session")
def small_pair() -> HalfMaps:
    """Simulated half maps of box 48, top views missing."""
    import cryoaniso_nb as ca

    return ca.simulate_half_maps(box=48, voxel_size=2.0, preset="missing-top-views", seed=1)


@pytest.fixture(scope="session")
def small_result(small_pair: HalfMaps) -> AnalysisResult:
    """The analysis of `small_pair` with default settings."""
    import cryoaniso_nb as ca

    return ca.analyze(small_pair)


@pytest.fixture(scope="session")
def made_result() -> Callable[..., AnalysisResult]:
    """Builds an analysis by hand from dFSC, shape (axes, shells): what it holds is known."""
    from cryoaniso_nb import AnalysisResult
    from cryoaniso_nb.geometry.directions import areas, axes_for
    from cryoaniso_nb.measures.bingham_test import bingham
    from cryoaniso_nb.measures.crossing import crossing
    from cryoaniso_nb.measures.fourier_shell_occupancy import fso
    from cryoaniso_nb.measures.resolution import directional_resolution
    from cryoaniso_nb.results.types import DirectionalFSC, GlobalFSC, Settings
    from cryoaniso_nb.statistics.regions import direction_regions

    def make(
        values: np.ndarray,
        *,
        voxel_size: float = 1.0,
        mask: str = "none",
        n_eff: np.ndarray | None = None,
        warnings: tuple[str, ...] = (),
        inputs: tuple[Any, ...] = (),
    ) -> AnalysisResult:
        n_axes, shells = values.shape
        box, share = 2 * shells, areas(n_axes)
        frequency = np.arange(1, shells + 1) / (box * voxel_size)
        known = np.isfinite(values)
        total = share @ known
        fsc = np.divide(share @ np.where(known, values, 0), total, out=np.full(shells, np.nan), where=total > 0)
        at_143, at_500 = (crossing(frequency, fsc, level) for level in (0.143, 0.5))
        thick = np.broadcast_to(0.17 * np.arange(1, shells + 1) ** 2, values.shape) if n_eff is None else n_eff
        dfsc = DirectionalFSC(
            frequency=frequency,
            axes=axes_for(n_axes),
            areas=share,
            values=values,
            n_eff=thick,
            done=np.ones(n_axes, dtype=bool),
            box=(box, box, box),
            voxel_size=voxel_size,
        )
        occupancy = fso(dfsc, 0.143)
        return AnalysisResult(
            settings=Settings(
                box=(box, box, box),
                voxel_size=voxel_size,
                cone_half_angle=17.0,
                threshold=0.143,
                n_axes=n_axes,
                mask=mask,
                version="0",
            ),
            inputs=inputs,
            global_fsc=GlobalFSC(frequency=frequency, fsc=fsc, fsc_unmasked=0.9 * fsc, at_143=at_143, at_500=at_500),
            dfsc=dfsc,
            fso=occupancy,
            bingham=bingham(dfsc, occupancy),
            directional_resolution=directional_resolution(dfsc, 0.143),
            regions=direction_regions(dfsc, 0.143) if n_axes > 6 else None,
            histogram=None,
            warnings=warnings,
        )

    return make


# Tests of two kinds are counted, since they may be skipped where a machine lacks what they need. In CI a browser
# test that was skipped for whatever reason is a failure, and so is one of real data where the data are.
_counted: dict[str, dict[str, str]] = {"browser": {}, "real data": {}}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: their driver keeps an event loop running in the main thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note what became of each test that is counted."""
    report = yield
    kinds = {"browser": item.get_closest_marker("browser") is not None, "real data": reads_real_data(item)}
    for kind in (kind for kind, counts in kinds.items() if counts):
        if report.skipped and not hasattr(report, "wasxfail"):
            _counted[kind][item.nodeid] = "skipped"
        elif report.when == "call":
            _counted[kind].setdefault(item.nodeid, "ran")
    return report


def skipped(kind: str) -> int:
    """How many tests of a kind were skipped."""
    return list(_counted[kind].values()).count("skipped")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run that skipped tests which could have run."""
    left_out = skipped("browser") or (real_data_folder().is_dir() and skipped("real data"))
    if IN_CI and left_out and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each kind ran."""
    for kind, outcomes in _counted.items():
        if outcomes:
            count = skipped(kind)
            terminalreporter.write_line(f"{kind} tests: {len(outcomes) - count} ran, {count} skipped")
