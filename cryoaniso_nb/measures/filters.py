"""Filters that follow an analysis: low-pass at the onset of anisotropy, and by the 3DFSC volume.

A map is transformed slab by slab, and only the frequencies that pass are kept, so memory
holds that part of one complex transform beside the filtered map and the difference, while an
input from a file stays memory-mapped: 1.2 GB at 512^3, of which each result is 0.54 GB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..engine.tasks import map_tasks
from ..errors import MapError, SettingsError
from ..geometry.shells import Box, box_text, coordinates
from ..inputs.half_maps import HalfMaps
from ..results.types import Result
from .cutoff import cut_off_caution, fso_cut_off
from .threedfsc_volume import ThreeDFSC

__all__ = [
    "EDGE_WIDTH",
    "Filtered",
    "anisotropic_filter",
    "cut_off_caution",
    "figure_of_merit",
    "fso_cut_off",
    "isotropic_filter",
    "raised_cosine",
]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Factor = Callable[[NDArray[np.int64]], Singles]  # rows of y (fft order) -> factor (nz, rows, columns)

EDGE_WIDTH = 4.0  # shells
BLOCK_BYTES = 2**24  # of a slab, a thread holds a few of them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Filtered(Result):
    """A filtered map, and what the filter took away (paper, Fig. 2).

    Attributes
    ----------
    filtered : ndarray of float32, shape (nz, ny, nx)
        The map after the filter.
    difference : ndarray of float32, shape (nz, ny, nx)
        abs(original - filtered).
    voxel_size : float
        Å.
    kind : str
        'isotropic' (low-pass) or 'anisotropic' (by the 3DFSC volume).
    cut_off : float
        1/Å, where the low-pass has half amplitude; NaN for the anisotropic filter.
    edge_width : float
        Of the low-pass, in shells; NaN for the anisotropic filter.
    """

    filtered: Annotated[Singles, "nz", "ny", "nx"]
    difference: Annotated[Singles, "nz", "ny", "nx"]
    voxel_size: float
    kind: str
    cut_off: float
    edge_width: float

    @property
    def description(self) -> str:
        """What the filter was, in words."""
        if self.kind == "isotropic":
            return f"low-pass at {1 / self.cut_off:.2f} Å, raised cosine of {self.edge_width:g} shells"
        return "filtered by the 3DFSC volume F, amplitude sqrt(2F/(1+F))"

    @property
    def labels(self) -> tuple[str, ...]:
        """The same for the header of an MRC file, which holds ASCII only."""
        return (f"cryoaniso_nb: {self.description.replace('Å', 'A')}",)


def raised_cosine(shell: NDArray[Any], cut_off: float, width: float) -> Floats:
    """Low-pass amplitude with a raised-cosine edge: 1/2 at the cut-off, 1 and 0 half a width away.

    Parameters
    ----------
    shell : ndarray
        Radius in shells.
    cut_off : float
        In shells.
    width : float
        Of the edge, in shells; 0 for a hard edge.

    Returns
    -------
    ndarray
        0 to 1.

    Examples
    --------
    >>> raised_cosine(np.array([8.0, 10.0, 12.0]), 10.0, 4.0).round(6).tolist()
    [1.0, 0.5, 0.0]
    """
    if width <= 0:
        return np.where(shell <= cut_off, 1.0, 0.0)
    position = np.clip((shell - cut_off) / width + 0.5, 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * position))


def figure_of_merit(fsc: NDArray[Any]) -> NDArray[Any]:
    """Amplitude that a coefficient of the full map deserves: sqrt(2F/(1+F)), F clipped to 0..1.

    Parameters
    ----------
    fsc : ndarray
        FSC of half maps.

    Returns
    -------
    ndarray
        0 to 1, of the same type.

    Examples
    --------
    >>> figure_of_merit(np.array([-0.1, 0.0, 1.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    clipped = np.clip(fsc, 0, 1)
    return np.asarray(np.sqrt(2 * clipped / (1 + clipped)))


def isotropic_filter(
    source: HalfMaps | NDArray[Any],
    cut_off: float,
    *,
    voxel_size: float | None = None,
    edge_width: float = EDGE_WIDTH,
    execution: Execution = LOCAL,
) -> Filtered:
    """Low-pass a map, the same in all directions (paper, Fig. 2; doi 10.1038/s41592-023-01874-3).

    Parameters
    ----------
    source : HalfMaps or ndarray, shape (nz, ny, nx)
        Half maps (their mean is filtered, without the mask), or one map.
    cut_off : float
        1/Å, e.g. `fso_cut_off(result.fso)`.
    voxel_size : float, optional
        Å; needed for an array.
    edge_width : float
        Of the raised-cosine edge, in shells.
    execution : Execution
        What hears of progress, what stops it.

    Returns
    -------
    Filtered
        The map after the filter and abs(original - filtered).

    Raises
    ------
    SettingsError
        When the cut-off isn't between 0 and Nyquist, or the edge is negative.
    MapError
        For an array without voxel size.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> bool(isotropic_filter(noise, 0.2, voxel_size=1.0).filtered.std() < noise.std())
    True
    """
    volume = _Volume.of(source, voxel_size)
    nyquist = 0.5 / volume.voxel_size
    if not 0 < cut_off <= nyquist * (1 + 1e-6):
        raise SettingsError(
            f"The cut-off is {cut_off:g} 1/Å, but it must lie between 0 and Nyquist, "
            f"{nyquist:g} 1/Å ({1 / nyquist:.2f} Å)."
        )
    if not edge_width >= 0:
        raise SettingsError(f"The edge of the filter is {edge_width:g} shells wide, but its width must be 0 or more.")
    box = volume.box
    centre = cut_off * max(box) * volume.voxel_size
    z, y, x = coordinates(box)
    band = centre + edge_width / 2

    def factor(rows: NDArray[np.int64]) -> Singles:
        columns = x[x <= band]
        radius = np.sqrt(z[:, None, None] ** 2 + y[rows][:, None] ** 2 + columns**2)
        return raised_cosine(radius, centre, edge_width).astype(np.float32)

    return _filtered(volume, factor, band, "isotropic", cut_off, edge_width, execution)


def anisotropic_filter(
    source: HalfMaps | NDArray[Any],
    threedfsc: ThreeDFSC,
    *,
    voxel_size: float | None = None,
    execution: Execution = LOCAL,
) -> Filtered:
    """Filter a map by the 3DFSC volume: each direction as far as it is resolved.

    The amplitude is sqrt(2F/(1+F)). It takes away noise, and can't bring back what a
    direction lacks.

    Parameters
    ----------
    source : HalfMaps or ndarray, shape (nz, ny, nx)
        Half maps (their mean is filtered, without the mask), or one map on the same box.
    threedfsc : ThreeDFSC
        Of the same half maps.
    voxel_size : float, optional
        Å; needed for an array.
    execution : Execution
        What hears of progress, what stops it.

    Returns
    -------
    Filtered
        The map after the filter and abs(original - filtered).

    Raises
    ------
    MapError
        When box or voxel size of map and 3DFSC differ, or an array has no voxel size.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> one = ThreeDFSC(volume=np.ones((16, 16, 16), np.float32), voxel_size=1.0, definition="project",
    ...                 cone_half_angle=17.0, n_axes=321, cutoff_shell=8, filled=0.0)
    >>> noise = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> bool(anisotropic_filter(noise, one, voxel_size=1.0).difference.max() < 1e-5)
    True
    """
    volume = _Volume.of(source, voxel_size)
    box: tuple[int, ...] = threedfsc.volume.shape
    if volume.box != box:
        raise MapError(
            f"The map has a box of {box_text(volume.box)}, the 3DFSC volume one of {box_text(box)}; "
            "give a map on the box of the half maps."
        )
    if abs(volume.voxel_size - threedfsc.voxel_size) > 1e-3 * threedfsc.voxel_size:
        raise MapError(
            f"The map has voxels of {volume.voxel_size:g} Å, the 3DFSC volume of {threedfsc.voxel_size:g} Å; "
            "give a map with the voxel size of the half maps."
        )
    nz, ny, nx = volume.box
    planes = (np.arange(nz) + nz // 2) % nz
    columns = (np.arange(nx // 2 + 1) + nx // 2) % nx

    def factor(rows: NDArray[np.int64]) -> Singles:
        block = threedfsc.volume[np.ix_(planes, (rows + ny // 2) % ny, columns)]
        return figure_of_merit(block).astype(np.float32, copy=False)

    nan = float("nan")
    return _filtered(volume, factor, np.inf, "anisotropic", nan, nan, execution)


# --- slabs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Volume:
    """One map, read slab by slab: an array, or the mean of two."""

    halves: tuple[NDArray[Any], ...]
    voxel_size: float

    @classmethod
    def of(cls, source: HalfMaps | NDArray[Any], voxel_size: float | None) -> _Volume:
        if isinstance(source, np.ndarray):
            if source.ndim != 3:
                raise MapError(f"The map has {source.ndim} dimensions, but it must have 3 (z, y, x).")
            if voxel_size is None or not voxel_size > 0:
                raise MapError(f"The map is an array with a voxel size of {voxel_size}; pass voxel_size in Å.")
            return cls((source,), float(voxel_size))
        return cls((source.half1, source.half2), source.voxel_size if voxel_size is None else float(voxel_size))

    @property
    def box(self) -> Box:
        nz, ny, nx = self.halves[0].shape
        return int(nz), int(ny), int(nx)

    def slab(self, start: int, stop: int) -> Singles:
        parts = [np.asarray(half[start:stop], dtype=np.float32) for half in self.halves]
        if len(parts) == 1:
            return parts[0]
        return np.asarray((parts[0] + parts[1]) * np.float32(0.5))


def _filtered(
    volume: _Volume,
    factor: Factor,
    band: float,
    kind: str,
    cut_off: float,
    edge_width: float,
    execution: Execution,
) -> Filtered:
    here = execution.on_this_machine()  # tasks write into shared arrays
    result = _multiply(volume, factor, band, here)
    difference = np.empty_like(result)

    def compare(bounds: tuple[int, int]) -> None:
        part = slice(*bounds)
        np.abs(volume.slab(*bounds) - result[part], out=difference[part])

    map_tasks(compare, _slabs(volume.box), stage="difference", execution=here)
    return Filtered(
        filtered=result,
        difference=difference,
        voxel_size=volume.voxel_size,
        kind=kind,
        cut_off=cut_off,
        edge_width=edge_width,
    )


def _slabs(box: Box) -> list[tuple[int, int]]:
    nz, ny, nx = box
    step = max(1, BLOCK_BYTES // (4 * ny * nx))
    return [(start, min(start + step, nz)) for start in range(0, nz, step)]


def _multiply(volume: _Volume, factor: Factor, band: float, execution: Execution) -> Singles:
    """The map with its transform multiplied by a factor; frequencies beyond `band` become 0.

    Only rows and columns within the band are kept between the three passes: planes along x
    and y, the filter and lines along z, planes back.
    """
    box = volume.box
    _, y, x = coordinates(box)
    rows, columns = np.flatnonzero(np.abs(y) <= band), int((x <= band).sum())
    spectrum = np.empty((box[0], rows.size, columns), dtype=np.complex64)
    result = np.empty(box, dtype=np.float32)

    def forward(bounds: tuple[int, int]) -> None:
        spectrum[slice(*bounds)] = scipy.fft.rfft2(volume.slab(*bounds))[:, rows, :columns]

    def apply(bounds: tuple[int, int]) -> None:
        part = slice(*bounds)
        lines = scipy.fft.fft(spectrum[:, part], axis=0)
        lines *= factor(rows[part])
        spectrum[:, part] = scipy.fft.ifft(lines, axis=0, overwrite_x=True)

    def backward(bounds: tuple[int, int]) -> None:
        planes = np.zeros((bounds[1] - bounds[0], box[1], box[2] // 2 + 1), dtype=np.complex64)
        planes[:, rows, :columns] = spectrum[slice(*bounds)]
        result[slice(*bounds)] = scipy.fft.irfft2(planes, s=box[1:], overwrite_x=True)

    step = max(1, BLOCK_BYTES // (8 * box[0] * columns))
    blocks = [(start, min(start + step, rows.size)) for start in range(0, rows.size, step)]
    for task, items in ((forward, _slabs(box)), (apply, blocks), (backward, _slabs(box))):
        map_tasks(task, items, stage="filtering", execution=execution)
    return result
