"""Sphericity of the 3DFSC volume: how close its surface at a threshold comes to a ball."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..engine.tasks import map_tasks
from ..errors import SettingsError
from ..results.types import Result
from .threedfsc_volume import ThreeDFSC

__all__ = ["THRESHOLDS", "Sphericity", "SphericityCurve", "region_sphericity", "sphericity", "sphericity_curve"]

Floats = NDArray[np.float64]

THRESHOLDS = (0.143, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BLUR = 1.0  # voxels
MARGIN = 5  # voxels around the region: the blur ends within


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Sphericity(Result):
    """Sphericity of a 3DFSC volume at one threshold.

    Attributes
    ----------
    value : float
        pi^(1/3) (6 volume)^(2/3) / area; NaN where no region reaches the threshold. Discrete
        balls give a little over 1: 1.033, 1.008 and 1.002 for radii of 8, 14 and 20 voxels.
    threshold : float
        FSC at the surface; 3DFSC takes 0.5.
    area, volume : float
        Of the region inside, in shells squared and cubed.
    limited : bool
        The region reaches the last shell that holds values (cut-off or Nyquist): what may lie
        beyond is hidden, and the sphericity can be larger than the map deserves.
    definition : str
        Of the volume: 'project' or 'tan2017'. Values of the two are not the same measure.
    """

    value: float
    threshold: float
    area: float
    volume: float
    limited: bool
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SphericityCurve(Result):
    """Sphericity of a 3DFSC volume over a range of thresholds.

    Attributes
    ----------
    thresholds, values : ndarray, shape (T,)
        FSC at the surface, and sphericity (NaN where no region reaches it).
    limited : ndarray of bool, shape (T,)
        Where the region reaches the last shell that holds values.
    definition : str
        Of the volume: 'project' or 'tan2017'.
    """

    thresholds: Annotated[Floats, "T"]
    values: Annotated[Floats, "T"]
    limited: Annotated[NDArray[np.bool_], "T"]
    definition: str


def region_sphericity(
    region: NDArray[np.bool_], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> tuple[float, float, float]:
    """Sphericity of a region of voxels, by the rule of the 3DFSC program.

    The region is padded and blurred (Gaussian, sigma 1 voxel); marching cubes at 0.5 gives
    its area, the number of blurred voxels of 0.5 and more its volume.

    Parameters
    ----------
    region : ndarray of bool, shape (nz, ny, nx)
        Voxels inside.
    spacing : tuple of float
        Size of a voxel along (z, y, x).

    Returns
    -------
    tuple of float
        Sphericity, area and volume; NaN for a region too small to have a surface.

    Examples
    --------
    >>> k = np.arange(-10, 11) ** 2
    >>> ball = k[:, None, None] + k[:, None] + k <= 64
    >>> round(region_sphericity(ball)[0], 3)
    1.033
    """
    from skimage.measure import marching_cubes, mesh_surface_area

    nan = float("nan")
    where = scipy.ndimage.find_objects(region.astype(np.int8))
    if not where:
        return nan, nan, nan
    padded = np.pad(region[where[0]], MARGIN).astype(np.float32)
    blurred = scipy.ndimage.gaussian_filter(padded, BLUR)
    inside = int((blurred >= 0.5).sum())
    if not inside:
        return nan, nan, nan
    vertices, faces, _, _ = marching_cubes(blurred, 0.5, spacing=spacing)  # type: ignore[no-untyped-call]
    area = float(mesh_surface_area(vertices, faces))  # type: ignore[no-untyped-call]
    volume = inside * float(np.prod(spacing))
    return float(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area), area, volume


def sphericity(threedfsc: ThreeDFSC, threshold: float = 0.5) -> Sphericity:
    """Sphericity of a 3DFSC volume (Tan et al. 2017, doi 10.1038/nmeth.4347).

    The region is that of the voxels at or above the threshold that are connected with zero
    frequency through others like them (6 neighbours).

    Parameters
    ----------
    threedfsc : ThreeDFSC
        In either definition. Only ``definition='tan2017'`` compares with published values.
    threshold : float
        FSC at the surface.

    Returns
    -------
    Sphericity
        With its area and volume, and whether the region is cut off.

    Raises
    ------
    SettingsError
        When the threshold isn't between 0 and 1, or `threedfsc` isn't such a volume.

    Examples
    --------
    >>> k = np.arange(-16, 17) ** 2
    >>> ball = (k[:, None, None] + k[:, None] + k <= 14**2).astype(np.float32)
    >>> volume = ThreeDFSC(volume=ball, voxel_size=1.0, definition="project", cone_half_angle=17.0, n_axes=321,
    ...                    cutoff_shell=16, filled=0.0)
    >>> round(sphericity(volume).value, 3)
    1.008
    """
    if not isinstance(threedfsc, ThreeDFSC):
        raise SettingsError(
            f"sphericity takes a ThreeDFSC volume, but was given {type(threedfsc).__name__}; "
            "call result.sphericity(...) on the result of an analysis, or give result.threedfsc()."
        )
    if not 0 < threshold < 1:
        raise SettingsError(
            f"The sphericity's threshold is {threshold:g}, but it must lie between 0 and 1 (3DFSC takes 0.5)."
        )
    volume = threedfsc.volume
    centre = tuple(n // 2 for n in volume.shape)
    labels, _ = scipy.ndimage.label(volume >= threshold)
    region = labels == labels[centre] if labels[centre] else np.zeros(volume.shape, dtype=np.bool_)
    longest = max(volume.shape)
    nz, ny, nx = (longest / n for n in volume.shape)
    value, area, size = region_sphericity(region, (nz, ny, nx))
    return Sphericity(
        value=value,
        threshold=threshold,
        area=area,
        volume=size,
        limited=_reaches(region, threedfsc.cutoff_shell),
        definition=threedfsc.definition,
    )


def _reaches(region: NDArray[np.bool_], shell: int) -> bool:
    """Whether a region has voxels in a shell."""
    longest = max(region.shape)
    squares = [((i - n // 2) * (longest / n)) ** 2 for i, n in zip(np.nonzero(region), region.shape, strict=True)]
    return bool(len(squares[0]) and np.max(sum(squares)) >= (shell - 0.5) ** 2)


def sphericity_curve(
    threedfsc: ThreeDFSC,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    execution: Execution = LOCAL,
) -> SphericityCurve:
    """Sphericity over a range of thresholds.

    Parameters
    ----------
    threedfsc : ThreeDFSC
        In either definition.
    thresholds : sequence of float
        FSC at the surface, each between 0 and 1.
    execution : Execution
        What hears of progress, what stops it.

    Returns
    -------
    SphericityCurve
        One value a threshold.

    Raises
    ------
    SettingsError
        When a threshold isn't between 0 and 1, or `threedfsc` isn't such a volume.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> k = np.arange(-16, 17) ** 2
    >>> fall = np.exp(-(k[:, None, None] + k[:, None] + k) / 100.0).astype(np.float32)
    >>> volume = ThreeDFSC(volume=fall, voxel_size=1.0, definition="project", cone_half_angle=17.0, n_axes=321,
    ...                    cutoff_shell=16, filled=0.0)
    >>> sphericity_curve(volume, (0.3, 0.5)).values.round(2).tolist()
    [1.02, 1.01]
    """

    def measure(threshold: float) -> Sphericity:
        return sphericity(threedfsc, threshold)

    results = map_tasks(measure, thresholds, stage="sphericity", execution=execution.on_this_machine())
    return SphericityCurve(
        thresholds=np.array(thresholds, dtype=np.float64),
        values=np.array([r.value for r in results]),
        limited=np.array([r.limited for r in results]),
        definition=threedfsc.definition,
    )
