"""Statistics are kept by the settings they are of: sliders make them stale, never lose them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import ResultError
from cryoaniso_nb.inputs.masks import sphere_mask
from cryoaniso_nb.widgets import LiveSession
from cryoaniso_nb.widgets.curves import FSOView
from cryoaniso_nb.widgets.statistics import StaleLine, StatisticsView

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def maps() -> ca.HalfMaps:
    plain = ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)
    return ca.open_half_maps(plain.half1, plain.half2, mask=sphere_mask((32, 32, 32), 11.0), voxel_size=1.0)


@pytest.fixture(scope="module")
def measured(maps: ca.HalfMaps) -> ca.AnalysisResult:
    result = ca.analyze(maps, n_axes=81)
    return result.with_calibration(n_replicates=39).with_band(n_replicates=39).with_mask_correction(maps)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_statistics_come_back_with_their_cones_and_one_click_renews_them(
    maps: ca.HalfMaps, measured: ca.AnalysisResult
) -> None:
    async def body() -> None:
        session = LiveSession(result=measured)
        line, view = StaleLine(session, lambda: maps), StatisticsView(session, lambda: maps)
        curves = FSOView(session)
        drawn = [curves.panel.marks[f"stale_{key}"] for key in ("band", "floor", "bingham", "fso_corrected")]
        assert line.layout.display == "none"
        assert not any(mark.visible for mark in drawn)

        def angle() -> float:
            return float(session.state.result.settings.cone_half_angle)

        session.recut(cone_half_angle=25.0)
        await until(lambda: angle() == 25.0)
        assert session.state.result.band is None
        assert set(session.kept.stale(session.state.result)) == {"calibration", "band", "mask_correction"}
        assert line.layout.display is None
        assert "stale: calibration, band, mask correction" in line.words.value
        assert "Stale, of cone ±17°, χ = 0.143, 81 axes, C1" in view.page.value
        assert all(mark.visible for mark in drawn), "the old curves are there, pale"
        assert curves.panel.legend.value.count("(stale)") == 4
        assert f"p = {measured.calibration.map_p_value:.2g}" in view.page.value

        # to and fro: what was computed is there again, and equal
        session.recut(cone_half_angle=17.0)
        await until(lambda: angle() == 17.0)
        back = session.state.result
        assert back.calibration is measured.calibration
        assert back.band is measured.band
        assert np.array_equal(back.mask_correction.dfsc.values, measured.mask_correction.dfsc.values, equal_nan=True)
        assert np.array_equal(back.bingham.p_calibrated, measured.bingham.p_calibrated, equal_nan=True)
        assert not back.dropped
        assert line.layout.display == "none"
        assert "Stale" not in view.page.value
        assert not any(mark.visible for mark in drawn)

        # one click computes all of them for the new cones, with the replicates and seed of the old ones
        session.recut(threshold=0.3)
        await until(lambda: session.state.result.settings.threshold == 0.3)
        line.button.click()
        await until(lambda: session.state.status == "done" and session.state.result.band is not None)
        renewed = session.state.result
        assert renewed.calibration.n_replicates == 39
        assert renewed.mask_correction.dfsc is not None
        assert not session.kept.stale(renewed)
        assert line.layout.display == "none"
        # other maps forget them
        session.show(measured.with_cones(n_axes=21))
        assert not session.kept.stale(session.latest)
        session.close()

    asyncio.run(asyncio.wait_for(body(), 60))


def test_statistics_of_other_settings_are_refused(measured: ca.AnalysisResult) -> None:
    with pytest.raises(ResultError, match=r"threshold 0\.143, but this result has 0\.5"):
        measured.with_cones(threshold=0.5).with_statistics_of(measured)
