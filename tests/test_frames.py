"""Results as tables of pandas, HTML and xarray, and their figures one by one."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import cryoaniso_nb as ca
from cryoaniso_nb.results.types import InputFile


def test_a_result_over_shells_is_a_table_over_shells(small_result: ca.AnalysisResult) -> None:
    table = small_result.fso.to_dataframe()
    assert table.index.name == "shell"
    assert table.index[0] == 1
    np.testing.assert_array_equal(table["occupancy"], small_result.fso.occupancy)


def test_directions_are_a_table_over_axes(small_result: ca.AnalysisResult) -> None:
    table = small_result.directional_resolution.to_dataframe()
    assert len(table) == 321
    np.testing.assert_array_equal(table["resolution"], small_result.directional_resolution.resolution)


def test_numbers_alone_are_one_row() -> None:
    assert InputFile(role="mask", name="m.mrc").to_dataframe().to_dict("records") == [
        {"role": "mask", "name": "m.mrc", "sha256": ""}
    ]


def test_an_analysis_gives_all_its_curves(small_result: ca.AnalysisResult) -> None:
    table = small_result.to_dataframe()
    assert {"frequency", "resolution", "fsc", "fso", "p_textbook"} <= set(table.columns)
    assert not {"zenith", "component"} & set(table.columns)
    np.testing.assert_array_equal(table["fsc"], small_result.global_fsc.fsc)
    banded = small_result.with_band(n_replicates=39).to_dataframe()
    assert {"fso_low", "fso_high"} <= set(banded.columns)


def test_every_result_shows_itself_escaped(small_result: ca.AnalysisResult) -> None:
    assert "array of 24, float64" in small_result.fso._repr_html_()
    shown = InputFile(role="mask", name="<script>")._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "cryoaniso-summary" in small_result._repr_html_()


@pytest.mark.parametrize(("zenith", "azimuth"), [(0.0, 0.0), (63.4, 36.0), (90.0, 190.0)])
def test_a_dataset_of_one_direction(small_result: ca.AnalysisResult, zenith: float, azimuth: float) -> None:
    one = small_result.to_xarray(direction=(zenith, azimuth))
    assert set(one.dfsc.dims) == {"shell"}
    angle = np.deg2rad([zenith, azimuth])
    wanted = [np.sin(angle[0]) * np.cos(angle[1]), np.sin(angle[0]) * np.sin(angle[1]), np.cos(angle[0])]
    cosine = abs(small_result.dfsc.axes @ wanted)
    np.testing.assert_array_equal(one.dfsc, small_result.dfsc.values[cosine.argmax()])


@pytest.mark.parametrize("name", ["fso", "fan", "distribution", "sphere"])
def test_panels_are_drawn_on_the_axes_given_or_on_new_ones(small_result: ca.AnalysisResult, name: str) -> None:
    ax = Figure().add_subplot()
    assert getattr(small_result.plot, name)(ax) is ax
    assert ax.has_data() or ax.images
    made = getattr(small_result.plot, name)()
    assert isinstance(made, Axes)
    assert made is not ax


def test_the_overview_is_a_figure(small_result: ca.AnalysisResult) -> None:
    assert isinstance(small_result.plot.overview(), Figure)
