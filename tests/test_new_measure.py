"""The worked example of a measure: truth first, then maps whose truth is known, then files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.results.record import Result
from docs.examples.new_measure import axis_lead


def test_the_lead_of_a_known_dfsc(small_result: ca.AnalysisResult) -> None:
    cosine = np.abs(axes_for(321)[:, 2])
    values = np.where(cosine > 0.7, 0.8, 0.3)[:, None] * np.ones(small_result.dfsc.frequency.size)
    dfsc = small_result.dfsc.replace(values=values)
    np.testing.assert_allclose(axis_lead(dfsc).lead, 0.5)
    np.testing.assert_allclose(axis_lead(dfsc, zenith=90).lead < 0, True)


@pytest.mark.parametrize(("preset", "sign"), [("missing-side-views", -1), ("missing-top-views", 1)])
def test_simulated_views_are_seen(preset: str, sign: int) -> None:
    maps = ca.simulate_half_maps(box=64, preset=preset, seed=3)
    result = ca.analyze(maps)
    zone = (1 / result.dfsc.frequency < maps.truth.resolution.max()) & (result.global_fsc.fsc > 0.1)
    assert sign * np.nanmean(axis_lead(result).lead[zone]) > 0.05


def test_unmeasured_directions_are_unknown(small_result: ca.AnalysisResult) -> None:
    values = np.array(small_result.dfsc.values)
    values[:, 0] = np.nan
    assert np.isnan(axis_lead(small_result.dfsc.replace(values=values)).lead[0])


def test_it_is_saved_loaded_and_shown(small_result: ca.AnalysisResult, tmp_path: Path) -> None:
    found = axis_lead(small_result, zenith=30.0)
    loaded = Result.load(found.save(tmp_path / "lead.npz"))
    np.testing.assert_array_equal(loaded.lead, found.lead)  # type: ignore[attr-defined]
    assert found.to_dataframe().columns.tolist() == ["frequency", "lead"]


def test_a_senseless_axis_is_refused(small_result: ca.AnalysisResult) -> None:
    with pytest.raises(SettingsError, match="The zenith is 200 degrees"):
        axis_lead(small_result, zenith=200)
