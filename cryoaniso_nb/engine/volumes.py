"""Half maps -> sums over all of Fourier space, on threads or a cluster.

`accumulate` passes over the volumes once: slabs along z are transformed in two dimensions,
blocks along y in the third, and reduced at once to an `AngularHistogram`, which gives the sums
of any set of cones as often as wanted. `accumulate_exact` sums cones voxel by voxel instead:
slower, and the reference for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..geometry.shells import Box, first_dense_shell
from ..results.types import AngularHistogram
from .blocks import (
    Block,
    ConeSums,
    Partial,
    check_power,
    reduce_block,
    reduce_exact,
    reduce_shells,
    shell_sums,
    with_n_eff,
)
from .execution import LOCAL, Execution
from .slabs import reduce_here
from .tasks import logged, on_cluster

__all__ = ["Volumes", "accumulate", "accumulate_both", "accumulate_exact"]

Floats = NDArray[np.float64]


class Volumes(Protocol):
    """What the engine reads of half maps."""

    @property
    def half1(self) -> NDArray[Any]:
        """First half map (z, y, x)."""

    @property
    def half2(self) -> NDArray[Any]:
        """Second half map (z, y, x)."""

    @property
    def mask(self) -> NDArray[Any] | None:
        """Mask (z, y, x) or None."""

    @property
    def voxel_size(self) -> float:
        """Voxel size in Å."""


def _reduce_volumes(
    maps: Volumes,
    reduce: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    masked: bool = True,
    dtype: Any = np.float32,
    stage: str,
    execution: Execution,
) -> Any:
    """Run slabs -> blocks -> sums where the execution says."""
    box: Box = tuple(maps.half1.shape)
    volumes = (maps.half1, maps.half2, maps.mask if masked else None)
    with logged(stage, execution):
        if on_cluster(execution):
            from .cluster import reduce_on_cluster

            return reduce_on_cluster(volumes, dtype, Block(reduce, box, None, arguments), stage, execution)
        return reduce_here(volumes, dtype, Block(reduce, box, execution.cancel, arguments), stage, execution)


def accumulate(
    maps: Volumes,
    *,
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> AngularHistogram:
    """Pass over both half maps once and keep what every cone needs.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    nodes_per_face : int
        Fineness of the histogram, see `nodes_for`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    AngularHistogram
        Of the masked half maps, with the sums of the unmasked ones beside.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> accumulate(SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)).n_shells
    8
    """
    return accumulate_both(maps, nodes_per_face=nodes_per_face, execution=execution)[0]


def accumulate_both(
    maps: Volumes,
    *,
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> tuple[AngularHistogram, AngularHistogram]:
    """Angular histograms of the masked half maps and of the unmasked ones, whose noise is free of the mask.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    nodes_per_face : int
        Fineness of the histograms, see `nodes_for`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    tuple of AngularHistogram
        Twice the same one without a mask.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> masked, unmasked = accumulate_both(SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0))
    >>> masked is unmasked
    True
    """
    box: Box = tuple(maps.half1.shape)
    partial = _reduce_volumes(maps, reduce_block, (nodes_per_face,), stage="transforming", execution=execution)
    sums = shell_sums(partial, box)
    check_power(sums, "with the mask" if maps.mask is not None else "")
    if maps.mask is None:
        histogram = _histogram(maps, nodes_per_face, partial, sums, sums)
        return histogram, histogram
    bare = _reduce_volumes(
        maps, reduce_block, (nodes_per_face,), masked=False, stage="transforming unmasked", execution=execution
    )
    unmasked = shell_sums(bare, box)
    return (
        _histogram(maps, nodes_per_face, partial, sums, unmasked),
        _histogram(maps, nodes_per_face, bare, unmasked, unmasked),
    )


def _histogram(
    maps: Volumes, nodes_per_face: int, partial: Partial, sums: Floats, unmasked: Floats
) -> AngularHistogram:
    box: Box = tuple(maps.half1.shape)
    return AngularHistogram(
        box=box,
        voxel_size=maps.voxel_size,
        nodes_per_face=nodes_per_face,
        first_shell=first_dense_shell(box),
        nodes=partial.nodes,
        low=partial.low,
        shell_sums=sums,
        unmasked_sums=unmasked,
    )


def accumulate_exact(
    maps: Volumes,
    axes: Floats,
    cone_half_angle: float,
    *,
    beyond_nyquist: bool = True,
    execution: Execution = LOCAL,
) -> tuple[ConeSums, Floats, Floats]:
    """Sum cones voxel by voxel in double precision: the reference for the histogram.

    Parameters
    ----------
    maps : Volumes
        Two half maps (z, y, x), their mask or None, voxel size in Å.
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z).
    cone_half_angle : float
        Degrees.
    beyond_nyquist : bool
        Whether the last shell keeps its coefficients between Nyquist and half a shell
        more; the paper's program leaves them out.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    tuple
        The cones' sums, and the whole shells' sums (3, S + 1) with and without the mask.

    Raises
    ------
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> maps = SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0)
    >>> accumulate_exact(maps, np.eye(3), 17.0)[0].xy.shape
    (3, 8)
    """
    half_angle = float(np.deg2rad(cone_half_angle))
    common: dict[str, Any] = {"dtype": np.float64, "execution": execution}
    limit = np.inf if beyond_nyquist else max(maps.half1.shape) / 2
    arguments = (np.array(axes), half_angle, limit)
    cones, sums = _reduce_volumes(maps, reduce_exact, arguments, stage="summing voxels", **common)
    check_power(sums, "with the mask" if maps.mask is not None else "")
    unmasked = sums
    if maps.mask is not None:
        unmasked = _reduce_volumes(maps, reduce_shells, (), masked=False, stage="transforming unmasked", **common)
    xy, xx, yy, n_eff = np.moveaxis(with_n_eff(cones)[:, :, 1:], 1, 0)
    return ConeSums(xy, xx, yy, n_eff), sums, unmasked
