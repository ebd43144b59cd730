"""Soft masks: made from the maps themselves, an atomic model, a binary volume, or a sphere."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.blocks import BLOCK_BYTES
from ..engine.execution import LOCAL, Execution
from ..errors import MapError, ModelError

if TYPE_CHECKING:
    from .models import AtomicModel

__all__ = ["FillsBoxError", "NoParticleError", "auto_mask", "model_mask", "soft_mask", "sphere_mask"]

Mask = NDArray[np.float32]

LOW_PASS = 15.0  # Å: coarse enough to drown the noise, fine enough to follow the particle
NOISE_SD = 3.0  # how far above the solvent the particle must stand to be called one
SMALLEST = 1e-4  # share of the box; what is smaller is noise


class NoParticleError(MapError):
    """Nothing stands out from the noise, so there is nothing to make a mask of."""

    def __init__(self) -> None:
        super().__init__(
            "No particle stands out from the noise in the mean map, so no mask can be made; give a mask file."
        )


class FillsBoxError(MapError):
    """The particle leaves no solvent, so there is nothing to mask away."""

    def __init__(self) -> None:
        super().__init__("The particle fills nearly the whole box, so a mask would change nothing; go without one.")


_log = logging.getLogger(__name__)


class MeanMap(Protocol):
    """What `auto_mask` reads of half maps."""

    @property
    def voxel_size(self) -> float:
        """Å."""

    def mean(self) -> NDArray[np.float32]:
        """The mean of both halves."""


def auto_mask(maps: MeanMap, *, low_pass: float = LOW_PASS, execution: Execution = LOCAL) -> Mask:
    """Make a soft mask around the particle from the mean of the half maps.

    The mean map is low-passed and sampled coarsely; Otsu's threshold parts particle from
    solvent; the largest connected part is kept, its holes filled, widened by a third of
    `low_pass` (at least 3 voxels) and given a cosine edge of half of it (at least 6 voxels).

    Parameters
    ----------
    maps : HalfMaps
        Anything with a voxel size in Å and a `mean()`.
    low_pass : float
        Å; raised to three voxels where those are longer.
    execution : Execution
        What stops it.

    Returns
    -------
    ndarray of float32, shape (nz, ny, nx)
        0 to 1.

    Raises
    ------
    MapError
        When nothing stands out from the noise, or fills the whole box.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> ball = sphere_mask((32, 32, 32), 8.0)
    >>> mask = auto_mask(SimpleNamespace(voxel_size=5.0, mean=lambda: ball))
    >>> float(mask[16, 16, 16]), float(mask[0, 0, 0])
    (1.0, 0.0)
    """
    from scipy import ndimage

    volume = maps.mean()
    if not np.isfinite(volume.sum(dtype=np.float64)):
        raise MapError(
            "The half maps hold NaN or infinite voxels, so no mask can be made; repair or export them again."
        )
    voxel = float(maps.voxel_size)
    low_pass = max(low_pass, 3 * voxel)
    shape = volume.shape
    coarse = _coarse(volume, voxel, low_pass, execution)
    del volume  # of a large box it takes gigabytes
    spacing = [n * voxel / m for n, m in zip(shape, coarse.shape, strict=True)]
    threshold = _threshold(coarse)
    inside = ndimage.binary_fill_holes(_largest(coarse > threshold))
    _log.info(
        "automatic mask: low-pass %g Å, threshold %.3g, %.1f %% of the box", low_pass, threshold, 100 * inside.mean()
    )
    if inside.mean() > 0.9:
        raise FillsBoxError
    outside = ndimage.distance_transform_edt(~inside, sampling=spacing)
    signed = (outside - ndimage.distance_transform_edt(inside, sampling=spacing)).astype(np.float32)
    execution.raise_if_cancelled()
    margin, edge = _margins(low_pass, voxel)
    return _refined(signed, shape, margin, edge, execution)


def _margins(low_pass: float, voxel: float) -> tuple[float, float]:
    """How far a mask goes beyond what it is made of, and the width of its edge after that, in Å."""
    return max(low_pass / 3, 3 * voxel), max(low_pass / 2, 6 * voxel)


def model_mask(
    model: AtomicModel, box: tuple[int, int, int], voxel_size: float, *, origin: tuple[float, float, float]
) -> Mask:
    """A soft mask around the atoms of a model.

    Parameters
    ----------
    model : AtomicModel
        Fitted into the map; see `read_model`.
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    origin : tuple of float
        (x, y, z) of the first voxel in Å, see `map_origin`.

    Returns
    -------
    ndarray of float32, shape `box`
        1 up to 5 Å (at least 3 voxels) from the nearest atom, 0 from 7.5 Å (at least 6 voxels) on
        after that, as `auto_mask` has them.

    Raises
    ------
    ModelError
        When all atoms lie outside the box.

    Examples
    --------
    >>> from cryoaniso_nb.inputs.models import AtomicModel
    >>> import gemmi
    >>> one = AtomicModel("one", gemmi.Model(1), np.array([[40.0, 20.0, 30.0]]))
    >>> mask = model_mask(one, (32, 32, 32), 2.0, origin=(0.0, 0.0, 0.0))
    >>> mask[15, 10, 20], mask[15, 10, 31]
    (np.float32(1.0), np.float32(0.0))
    """
    index = np.rint((model.positions - origin) / voxel_size).astype(np.int64)[:, ::-1]
    inside = ((index >= 0) & (index < box)).all(axis=1)
    if not inside.any():
        raise ModelError(
            f"All {len(model)} atoms of {model.name} lie outside the map's box, so they make no mask; "
            "fit the model into this map, or check the map's origin and voxel size."
        )
    atoms = np.zeros(box, dtype=bool)
    atoms[tuple(index[inside].T)] = True
    margin, edge = _margins(LOW_PASS, voxel_size)
    return soft_mask(atoms, edge=edge / voxel_size, extend=margin / voxel_size)


def soft_mask(binary: NDArray[Any], edge: float = 6.0, extend: float = 0.0) -> Mask:
    """Give a binary volume a soft edge.

    Parameters
    ----------
    binary : ndarray, shape (nz, ny, nx)
        True (or at least 0.5) inside.
    edge : float
        Width of the cosine edge in voxels, outside of what is inside.
    extend : float
        Voxels to widen the inside by first.

    Returns
    -------
    ndarray of float32, shape (nz, ny, nx)
        1 inside, 0 from ``extend + edge`` voxels on.

    Raises
    ------
    MapError
        When nothing is inside, or a width is negative.

    Examples
    --------
    >>> cube = np.zeros((9, 9, 9))
    >>> cube[4, 4, 4] = 1
    >>> soft_mask(cube, edge=2.0)[4, 4, 3:7].round(2).tolist()
    [0.5, 1.0, 0.5, 0.0]
    """
    from scipy import ndimage

    inside = np.asarray(binary) >= 0.5
    if not inside.any():
        raise MapError(
            "The binary volume is zero everywhere, so there is nothing to make a mask of; lower its threshold."
        )
    if edge < 0 or extend < 0:
        raise MapError(f"The mask's edge is {edge:g} and its extension {extend:g} voxels, but neither may be negative.")
    # Only near the inside are distances wanted: a transform of the whole box takes ten times longer
    reach = int(np.ceil(edge + extend)) + 1
    near = tuple(
        slice(max(part.start - reach, 0), part.stop + reach) for part in ndimage.find_objects(inside.astype(np.int8))[0]
    )
    mask = np.zeros(inside.shape, dtype=np.float32)
    mask[near] = _cosine(ndimage.distance_transform_edt(~inside[near]).astype(np.float32) - np.float32(extend), edge)
    return mask


def sphere_mask(box: tuple[int, int, int], radius: float, edge: float = 6.0) -> Mask:
    """A ball with a soft edge around the box's centre.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    radius : float
        Voxels; 1 up to there.
    edge : float
        Width of the cosine edge in voxels.

    Returns
    -------
    ndarray of float32, shape `box`
        Centred on index n // 2.

    Raises
    ------
    MapError
        When radius or edge is negative.

    Examples
    --------
    >>> sphere_mask((8, 8, 8), 2.0, edge=2.0)[4, 4].round(2).tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    if radius < 0 or edge < 0:
        raise MapError(f"The sphere's radius is {radius:g} and its edge {edge:g} voxels, but neither may be negative.")
    z, y, x = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in box)]
    distance = np.sqrt((z**2 + y**2 + x**2).astype(np.float32))
    return _cosine(distance - np.float32(radius), edge)


def _cosine(beyond: NDArray[np.float32], edge: float) -> Mask:
    """1 where `beyond` <= 0, falling to 0 at `edge` as half a cosine."""
    if edge == 0:
        return (beyond <= 0).astype(np.float32)
    phase = np.clip(beyond, 0, edge)
    phase *= np.float32(np.pi / edge)
    np.cos(phase, out=phase)
    phase += 1
    phase *= np.float32(0.5)
    return np.asarray(np.clip(phase, 0, 1, out=phase), dtype=np.float32)


def _coarse(volume: NDArray[np.float32], voxel: float, low_pass: float, execution: Execution) -> NDArray[np.float32]:
    """Low-pass with a raised-cosine edge, sampled at a third of `low_pass`."""
    shape = tuple(min(n, max(8, int(np.ceil(3 * n * voxel / low_pass)))) for n in volume.shape)
    # Each axis is cut to the frequencies that the coarse grid carries as soon as it is transformed
    kept = [np.round(scipy.fft.fftfreq(m) * m).astype(int) % n for n, m in zip(volume.shape, shape, strict=True)]
    planes = np.empty((volume.shape[0], shape[1], shape[2] // 2 + 1), dtype=np.complex64)
    step = max(1, BLOCK_BYTES // volume[0].nbytes)
    for start in range(0, volume.shape[0], step):
        execution.raise_if_cancelled()
        part: NDArray[Any] = scipy.fft.rfft(volume[start : start + step], axis=2, workers=-1)[:, :, : planes.shape[2]]
        planes[start : start + step] = np.take(scipy.fft.fft(part, axis=1, workers=-1), kept[1], axis=1)
    execution.raise_if_cancelled()
    spectrum = np.take(scipy.fft.fft(planes, axis=0, workers=-1), kept[0], axis=0)
    parts = (scipy.fft.fftfreq(shape[0]), scipy.fft.fftfreq(shape[1]), scipy.fft.rfftfreq(shape[2]))
    lengths = [n * voxel / m for n, m in zip(volume.shape, shape, strict=True)]
    z, y, x = (part / length for part, length in zip(parts, lengths, strict=True))
    frequency = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    ramp = np.clip((frequency * low_pass - 0.8) / 0.4, 0, 1)
    coarse = scipy.fft.irfftn(spectrum * (0.5 + 0.5 * np.cos(np.pi * ramp)), s=shape, workers=-1)
    return np.asarray(coarse, dtype=np.float32)


def _threshold(coarse: NDArray[np.float32]) -> float:
    """Otsu's threshold, refused where it lies within the solvent's noise."""
    from skimage.filters import threshold_otsu

    if np.ptp(coarse) == 0:
        raise MapError("The half maps are constant, so no mask can be made; choose the files that hold the half maps.")
    level = float(threshold_otsu(coarse))  # type: ignore[no-untyped-call]
    solvent = coarse[coarse < level]
    middle = float(np.median(solvent))
    # From the median deviation, since dark rings around the particle would inflate a plain one
    sd = 1.4826 * float(np.median(np.abs(solvent - middle)))
    if level < middle + NOISE_SD * sd:
        raise NoParticleError
    return level


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    labels, _ = ndimage.label(inside)
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max(initial=0) < SMALLEST * inside.size:
        raise NoParticleError
    return np.asarray(labels == sizes.argmax() + 1)


def _refined(
    signed: NDArray[np.float32], shape: tuple[int, ...], margin: float, edge: float, execution: Execution
) -> Mask:
    """A mask from distances on a coarse periodic grid, which are interpolated linearly, some planes at a time."""
    fine = signed
    for axis in (1, 2):
        fine = np.moveaxis(np.tensordot(_between(signed.shape[axis], shape[axis]), fine, (1, axis)), 0, axis)
    along_z = _between(signed.shape[0], shape[0])
    mask = np.empty(shape, dtype=np.float32)
    step = max(1, BLOCK_BYTES // mask[0].nbytes)
    for start in range(0, shape[0], step):
        execution.raise_if_cancelled()
        planes = np.tensordot(along_z[start : start + step], fine, (1, 0))
        mask[start : start + step] = _cosine(planes - np.float32(margin), edge)
    return mask


def _between(m: int, n: int) -> NDArray[np.float32]:
    """Matrix (n, m) of linear interpolation on a periodic grid."""
    if m == n:
        return np.eye(n, dtype=np.float32)
    place = np.arange(n) * m / n
    left, share = place.astype(int), (place % 1).astype(np.float32)
    matrix = np.zeros((n, m), dtype=np.float32)
    np.add.at(matrix, (np.arange(n), left), 1 - share)
    np.add.at(matrix, (np.arange(n), (left + 1) % m), share)
    return matrix
