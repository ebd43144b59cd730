"""FSC and directional FSC of plain arrays, for method developers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine.blocks import nodes_for
from ..engine.cones import cone_sums
from ..engine.execution import LOCAL, Execution
from ..engine.volumes import accumulate, accumulate_exact
from ..errors import SettingsError
from ..geometry.directions import areas, axes_for
from ..geometry.shells import shell_frequencies
from ..inputs.half_maps import HalfMaps, open_half_maps
from ..measures.fsc import correlation, global_fsc
from ..results.types import DirectionalFSC, GlobalFSC
from .parts import check_cone

__all__ = ["directional_fsc", "fsc"]

Floats = NDArray[np.float64]


def _pair(half1: ArrayLike, half2: ArrayLike, mask: ArrayLike | None, voxel_size: float) -> HalfMaps:
    masked = None if mask is None else np.asarray(mask)
    return open_half_maps(np.asarray(half1), np.asarray(half2), mask=masked, voxel_size=voxel_size)


def fsc(
    half1: ArrayLike,
    half2: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    voxel_size: float = 1.0,
    execution: Execution = LOCAL,
) -> GlobalFSC:
    """FSC of whole shells of two volumes.

    Parameters
    ----------
    half1, half2 : array_like, shape (nz, ny, nx)
        Real volumes; any box, cubic or not.
    mask : array_like, shape (nz, ny, nx), optional
        0 to 1, multiplied with both.
    voxel_size : float
        Å.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    GlobalFSC
        Arrays `frequency` (1/Å), `fsc` and `fsc_unmasked`, one value per shell from 1 to Nyquist.

    Raises
    ------
    MapError
        When the boxes don't fit, or a volume is constant or holds NaN.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> ca.fsc(maps.half1, maps.half2).fsc.shape
    (16,)
    """
    maps = _pair(half1, half2, mask, voxel_size)
    histogram = accumulate(maps, execution=execution)
    frequency = shell_frequencies(maps.box, maps.voxel_size)
    return global_fsc(frequency, histogram.shell_sums, histogram.unmasked_sums)


def directional_fsc(
    half1: ArrayLike,
    half2: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    voxel_size: float = 1.0,
    cone_half_angle: float = 17.0,
    axes: ArrayLike | int = 321,
    exact: bool = False,
    execution: Execution = LOCAL,
) -> DirectionalFSC:
    """Directional FSC of two volumes (eq. 1 of Vilas & Tagare, doi 10.1038/s41592-023-01874-3).

    Parameters
    ----------
    half1, half2 : array_like, shape (nz, ny, nx)
        Real volumes; any box, cubic or not.
    mask : array_like, shape (nz, ny, nx), optional
        0 to 1, multiplied with both.
    voxel_size : float
        Å.
    cone_half_angle : float
        Degrees, 3 to 45.
    axes : int or array_like, shape (A, 3)
        Number of nested axes (6, 21, 81, 321, 1281 or 5121), or any directions (x, y, z),
        which then count equally; they need not have unit length.
    exact : bool
        Sum voxel by voxel in double precision, which is slower, instead of over direction nodes.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    DirectionalFSC
        Arrays `values` and `n_eff`, shape (A, S); `frequency` in 1/Å, shells 1 to Nyquist.

    Raises
    ------
    MapError
        When the boxes don't fit, or a volume is constant or holds NaN.
    SettingsError
        For a cone or axes that make no sense.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> ca.directional_fsc(maps.half1, maps.half2, axes=[[0, 0, 1], [1, 0, 0]]).values.shape
    (2, 16)
    """
    check_cone(cone_half_angle)
    directions, share = _axes(axes)
    maps = _pair(half1, half2, mask, voxel_size)
    if exact:
        sums, _, _ = accumulate_exact(maps, directions, cone_half_angle, execution=execution)
    else:
        histogram = accumulate(maps, nodes_per_face=nodes_for(cone_half_angle), execution=execution)
        sums = cone_sums(histogram, directions, cone_half_angle, execution=execution)
    return DirectionalFSC(
        frequency=shell_frequencies(maps.box, maps.voxel_size),
        axes=directions,
        areas=share,
        values=correlation(sums.xy, sums.xx, sums.yy),
        n_eff=sums.n_eff,
        done=np.ones(len(directions), dtype=bool),
        cone_half_angle=float(cone_half_angle),
        box=maps.box,
        voxel_size=float(maps.voxel_size),
    )


def _axes(axes: Any) -> tuple[Floats, Floats]:
    """Unit vectors and their shares of the sphere."""
    if isinstance(axes, (int, np.integer)):
        return axes_for(int(axes)), areas(int(axes))
    given = np.atleast_2d(np.asarray(axes, dtype=np.float64))
    if given.ndim != 2 or given.shape[1] != 3 or not len(given):
        raise SettingsError(f"The axes have the shape {given.shape}, but they must be (A, 3): one (x, y, z) per row.")
    length = np.linalg.norm(given, axis=1, keepdims=True)
    if not (np.isfinite(length).all() and (length > 0).all()):
        row = int(np.flatnonzero(~(np.isfinite(length[:, 0]) & (length[:, 0] > 0)))[0])
        raise SettingsError(f"Axis {row} is {given[row].tolist()}, but a direction needs a finite length above 0.")
    return given / length, np.full(len(given), 1 / len(given))
