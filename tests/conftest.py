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
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder shared/data beside {ROOT.name}")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(20231)


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
    from cryoaniso_nb.directions import areas, axes_for
    from cryoaniso_nb.measures.bingham import bingham
    from cryoaniso_nb.measures.crossing import first_crossing
    from cryoaniso_nb.measures.fso import fso
    from cryoaniso_nb.measures.resolution import directional_resolution
    from cryoaniso_nb.results import DirectionalFSC, GlobalFSC, Settings

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
        at_143, at_500 = (first_crossing(frequency, fsc, level) for level in (0.143, 0.5))
        thick = np.broadcast_to(0.17 * np.arange(1, shells + 1) ** 2, values.shape) if n_eff is None else n_eff
        dfsc = DirectionalFSC(
            frequency=frequency,
            axes=axes_for(n_axes),
            areas=share,
            values=values,
            n_eff=thick,
            done=np.ones(n_axes, dtype=bool),
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
            histogram=None,
            warnings=warnings,
        )

    return make


# Browser tests are counted: in CI one that was skipped for whatever reason is a failure.
_browser: dict[str, str] = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: their driver keeps an event loop running in the main thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note what became of each browser test."""
    report = yield
    if item.get_closest_marker("browser"):
        if report.skipped and not hasattr(report, "wasxfail"):
            _browser[item.nodeid] = "skipped"
        elif report.when == "call":
            _browser.setdefault(item.nodeid, "ran")
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run that skipped browser tests."""
    if IN_CI and "skipped" in _browser.values() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many browser tests ran."""
    if _browser:
        skipped = sum(outcome == "skipped" for outcome in _browser.values())
        terminalreporter.write_line(f"browser tests: {len(_browser) - skipped} ran, {skipped} skipped")
