"""FSC and directional FSC of plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.inputs.half_maps import HalfMaps


@pytest.mark.parametrize("shape", [(24, 24, 24), (25, 25, 25), (20, 26, 31)])
def test_fsc_is_that_of_the_whole_transform(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(3)
    a, b = random.standard_normal((2, *shape))
    b += a
    x, y = np.fft.fftn(a), np.fft.fftn(b)
    longest = max(shape)
    k = np.sqrt(sum(g**2 for g in np.meshgrid(*(np.fft.fftfreq(n) * longest for n in shape), indexing="ij")))
    shell = np.round(k).astype(int)
    found = ca.fsc(a, b, voxel_size=1.7)
    for s in range(1, found.fsc.size + 1):
        inside = shell == s
        truth = (x[inside].conj() * y[inside]).real.sum()
        truth /= np.sqrt((abs(x[inside]) ** 2).sum() * (abs(y[inside]) ** 2).sum())
        assert found.fsc[s - 1] == pytest.approx(truth, abs=2e-6)
        assert found.frequency[s - 1] == pytest.approx(s / (longest * 1.7))


def test_directional_fsc_is_that_of_an_analysis(small_pair: HalfMaps, small_result: ca.AnalysisResult) -> None:
    found = ca.directional_fsc(small_pair.half1, small_pair.half2, voxel_size=small_pair.voxel_size)
    np.testing.assert_allclose(found.values, small_result.dfsc.values, atol=1e-6)
    np.testing.assert_allclose(found.n_eff, small_result.dfsc.n_eff, rtol=1e-5)
    np.testing.assert_array_equal(found.areas, small_result.dfsc.areas)


def test_any_axes_may_be_asked_for(small_pair: HalfMaps, small_result: ca.AnalysisResult) -> None:
    wanted = -3.0 * axes_for(21)[[4, 2]]  # length and sign don't matter
    found = ca.directional_fsc(small_pair.half1, small_pair.half2, voxel_size=2.0, axes=wanted)
    np.testing.assert_allclose(found.values, small_result.dfsc.values[[4, 2]], atol=1e-5)
    assert found.areas.tolist() == [0.5, 0.5]


def test_exact_sums_agree_with_those_over_nodes(small_pair: HalfMaps) -> None:
    nodes = ca.directional_fsc(small_pair.half1, small_pair.half2, axes=6)
    exact = ca.directional_fsc(small_pair.half1, small_pair.half2, axes=6, exact=True)
    assert not np.array_equal(nodes.values, exact.values)
    np.testing.assert_allclose(nodes.values[:, 4:], exact.values[:, 4:], atol=0.02)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ([[0, 0, 0]], "Axis 0"),
        ([[0, 0, 1], [np.nan, 0, 1]], "Axis 1"),
        ([[0, 1]], r"\(1, 2\)"),
        (np.empty((0, 3)), r"\(0, 3\)"),
        (300, "300"),
    ],
)
def test_senseless_axes_are_refused(small_pair: HalfMaps, axes: object, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ca.directional_fsc(small_pair.half1, small_pair.half2, axes=axes)  # type: ignore[arg-type]


def test_a_senseless_cone_is_refused_before_any_work() -> None:
    with pytest.raises(SettingsError, match="60"):
        ca.directional_fsc(np.zeros(3), np.zeros(3), cone_half_angle=60.0)
