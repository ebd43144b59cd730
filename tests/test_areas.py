"""Areas of the cone axes against scipy's spherical Voronoi cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import SphericalVoronoi

from cryoaniso_nb.geometry.directions import LEVELS, areas, axes_for


@pytest.mark.parametrize("n_axes", LEVELS)
def test_areas_are_those_of_the_voronoi_cells(n_axes: int) -> None:
    axes = axes_for(n_axes)
    cells = SphericalVoronoi(np.concatenate([axes, -axes]), threshold=1e-9).calculate_areas()
    expected = (cells[:n_axes] + cells[n_axes:]) / (4 * np.pi)
    np.testing.assert_allclose(areas(n_axes), expected, rtol=1e-9)


def test_areas_need_no_slow_library() -> None:
    code = (
        "import sys; from cryoaniso_nb.geometry.directions import areas; areas(321); assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[1])
