"""Half maps reconstructed from simulated particles: their anisotropy comes from poses, as in life.

Each particle of either half set is a central slice of the model's transform with white noise
of its own; slices are inserted into the transform of their half map with trilinear weights,
which divide the sum, with the noise-to-signal ratio of the shell added as maximum a
posteriori reconstructions do, or without it. There is no CTF, and poses are exact.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..engine.tasks import map_tasks
from ..errors import SettingsError
from ..geometry.shells import shell_index
from ..geometry.symmetry import point_group
from ..inputs.half_maps import HalfMaps
from ..inputs.models import AtomicModel, model_density, read_model
from ..inputs.poses import SINGLE, Poses, read_poses
from ..kernels import slices as kernels_slices
from ..results.cautions import Caution
from ..results.types import InputFile

__all__ = ["DISTRIBUTIONS", "random_views", "simulate_from_model"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

DISTRIBUTIONS = ("uniform", "side-views", "top-views")
SPREAD = {"side-views": 8.0, "top-views": 20.0}  # degrees, of the angle to the equator or to z
PADDING = 2  # of the density before its transform is cut into slices
DEFAULT_PARTICLES = 5000
TASKS_PER_HALF = 2
STRONGEST = 10.0  # noise is damped to a tenth of itself at most, so that it still hides what leaks from other shells
LEAST_WEIGHT = 1e-3  # of the shell's mean, where nothing else keeps few samples from counting without bound


def random_views(distribution: str, number: int, rng: np.random.Generator) -> Floats:
    """Draw views from a named distribution.

    Parameters
    ----------
    distribution : {'uniform', 'side-views', 'top-views'}
        Even; near the equator (spread 8 degrees); near z (spread 20 degrees).
    number : int
        How many.
    rng : Generator
        Source of chance.

    Returns
    -------
    ndarray, shape (number, 3)
        Unit vectors (x, y, z).

    Raises
    ------
    SettingsError
        For an unknown distribution.

    Examples
    --------
    >>> random_views("uniform", 4, np.random.default_rng(0)).shape
    (4, 3)
    """
    if distribution not in DISTRIBUTIONS:
        raise SettingsError(
            f"The distribution of views is '{distribution}', but it must be {', '.join(DISTRIBUTIONS)} or poses."
        )
    if distribution == "uniform":
        height = rng.uniform(-1, 1, number)
    elif distribution == "side-views":
        height = np.sin(np.deg2rad(rng.normal(0, SPREAD[distribution], number)))
    else:
        spread = np.deg2rad(SPREAD[distribution])
        height = np.cos(np.hypot(*rng.normal(0, spread, (2, number))))
    around = rng.uniform(0, 2 * np.pi, number)
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(around), ring * np.sin(around), height], axis=1)


def _frames(views: Floats, rng: np.random.Generator) -> Floats:
    """Rotations with given views and chance in-plane angles."""
    aside = np.cross(views, np.eye(3)[np.abs(views).argmin(axis=1)])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    across = np.cross(views, aside)
    angle = rng.uniform(0, 2 * np.pi, (len(views), 1))
    first = np.cos(angle) * aside + np.sin(angle) * across
    return np.stack([first, np.cross(views, first), views], axis=1)


def _tilted(rotations: Floats, tilt: float, rng: np.random.Generator) -> Floats:
    """Rotations after a stage tilt about an axis at a chance angle to each particle's own."""
    angle, t = rng.uniform(0, 2 * np.pi, len(rotations)), np.deg2rad(tilt)
    c, s, zero = np.cos(angle), np.sin(angle), np.zeros(len(rotations))
    turn = np.stack([np.stack([c, s, zero], 1), np.stack([-s, c, zero], 1), np.tile([0.0, 0, 1], (len(c), 1))], axis=1)
    stage = np.array([[1, 0, 0], [0, np.cos(t), -np.sin(t)], [0, np.sin(t), np.cos(t)]])
    return np.asarray(turn.transpose(0, 2, 1) @ stage @ turn @ rotations)


def _particles(
    poses: Poses | str | os.PathLike[str] | NDArray[Any], number: int | None, tilt: float, rng: np.random.Generator
) -> Poses:
    """The poses of the particles, each in one half set, after the stage tilt."""
    named = isinstance(poses, str) and poses in DISTRIBUTIONS
    if isinstance(poses, str) and not named and not poses.lower().endswith((".star", ".cs")):
        random_views(poses, 0, rng)  # says which names there are
    if named:
        views = random_views(str(poses), number if number is not None else DEFAULT_PARTICLES, rng)
        rotations, labels, source = _frames(views, rng), np.zeros(len(views), dtype=np.int8), f"{poses} views"
    else:
        known = read_poses(poses)
        rotations = known.rotations if known.rotations is not None else _frames(known.views, rng)
        labels, source = known.half_set, f"poses of {known.source}"
        if number is not None:
            chosen = rng.choice(len(rotations), number, replace=number > len(rotations))
            rotations, labels = rotations[chosen], labels[chosen]
    if tilt:
        rotations = _tilted(rotations, tilt, rng)
    if not (labels > 0).all() or (labels == 1).all() or (labels == 2).all():
        labels = rng.permutation(np.arange(len(rotations)) % 2 + 1)
    return Poses(
        views=rotations[:, 2], rotations=rotations, half_set=labels.astype(np.int8), kind=SINGLE, source=source
    )


def _check(box: int, particles: int | None, snr: float, tilt: float, b_factor: float) -> None:
    if not 16 <= box <= 1024:
        raise SettingsError(f"The box is {box} voxels, but it must lie between 16 and 1024.")
    if particles is not None and particles < 2:
        raise SettingsError(f"The number of particles is {particles}, but at least 2 are needed, one per half map.")
    if not (np.isfinite(snr) and snr > 0):
        raise SettingsError(f"The signal-to-noise ratio is {snr:g}, but it must be positive.")
    if not 0 <= tilt <= 80:
        raise SettingsError(f"The stage tilt is {tilt:g} degrees, but it must lie between 0 and 80.")
    if not (np.isfinite(b_factor) and b_factor >= 0):
        raise SettingsError(f"The B factor is {b_factor:g} Å^2, but it must not be negative.")


def _density(
    model: AtomicModel | str | os.PathLike[str] | NDArray[Any],
    box: int | None,
    voxel_size: float,
    assembly: bool | str,
) -> tuple[Singles, str, tuple[Caution, ...]]:
    if isinstance(model, np.ndarray):
        if model.ndim != 3 or len(set(model.shape)) != 1 or (box is not None and model.shape[0] != box):
            raise SettingsError(
                f"The volume has shape {model.shape}, but a cube of {box or 'equal'} voxels a side is needed."
            )
        return model.astype(np.float32), "array", ()
    atoms = model if isinstance(model, AtomicModel) else read_model(model, assembly=assembly)
    side = 96 if box is None else box
    density = model_density(atoms, (side, side, side), voxel_size, origin=None)
    return density, atoms.name, atoms.warnings


def _ramp(side: int, padding: int) -> Floats:
    """Real-space fall of trilinear interpolation between frequencies, along one axis."""
    return np.asarray(np.sinc((np.arange(side) - side // 2) / (side * padding)) ** 2)


def _over_ramp(volume: Singles, padding: int, least: float = 0.0) -> Singles:
    r = _ramp(volume.shape[0], padding)
    return np.asarray(volume / np.maximum(r[:, None, None] * r[:, None] * r, least), dtype=np.float32)


def _source(density: Singles, voxel_size: float, b_factor: float) -> NDArray[np.complex64]:
    """Transform of the padded density, the box's centre at the origin, with the envelope applied."""
    side = density.shape[0]
    wide = side * PADDING
    padded = np.zeros((wide,) * 3, dtype=np.float32)
    start = wide // 2 - side // 2
    inner = slice(start, start + side)
    padded[inner, inner, inner] = _over_ramp(density - density.mean(), PADDING)
    source = scipy.fft.rfftn(scipy.fft.ifftshift(padded), workers=-1)
    if b_factor:
        f, fx = scipy.fft.fftfreq(wide, voxel_size), scipy.fft.rfftfreq(wide, voxel_size)
        for i, fz in enumerate(f):
            source[i] *= np.exp(-b_factor / 4 * (fz**2 + f[:, None] ** 2 + fx**2)).astype(np.float32)
    return np.asarray(source, dtype=np.complex64)


def _shell_power(source: NDArray[np.complex64]) -> Floats:
    """Mean power of shells 0 to Nyquist of the unpadded box."""
    coarse = source[::PADDING, ::PADDING, ::PADDING]
    side = coarse.shape[0]
    shell = shell_index((side, side, side)).ravel()
    power = np.abs(coarse).astype(np.float64).ravel() ** 2
    last = side // 2
    total = np.bincount(shell, power, last + 1)[: last + 1]
    return np.asarray(total / np.bincount(shell, minlength=last + 1)[: last + 1])


def _insert(
    item: tuple[Singles, NDArray[np.int64]], source: NDArray[np.complex64], group: Singles, noise: float, side: int
) -> tuple[NDArray[np.complex64], Singles]:
    """Sum of some particles' slices, and of their weights."""
    total = np.zeros((side, side, side // 2 + 1), dtype=np.complex64)
    weight = np.zeros(total.shape, dtype=np.float32)
    kernels_slices.add_particles(source, item[0], item[1], group, PADDING, noise, total, weight)
    return total, weight


def _reconstructed(total: NDArray[np.complex64], weight: Singles, ratio: Floats | None) -> Singles:
    """A half map from sums of slices; `ratio`, if regularized, is noise over signal of a sample in each shell."""
    side = total.shape[0]
    shells = side // 2 + 1
    shell = np.minimum(shell_index((side, side, side)), shells - 1)
    sampled = np.bincount(shell.ravel(), weight.ravel(), shells) / np.bincount(shell.ravel(), minlength=shells)
    sampled = np.maximum(sampled, 1e-6)
    added = (LEAST_WEIGHT * sampled if ratio is None else np.minimum(ratio, STRONGEST * sampled))[shell]
    volume = scipy.fft.irfftn(total / (weight + added).astype(np.float32), s=(side,) * 3, workers=-1)
    return _over_ramp(np.asarray(scipy.fft.fftshift(volume), dtype=np.float32), 1, least=0.5)


def simulate_from_model(
    model: AtomicModel | str | os.PathLike[str] | NDArray[Any],
    poses: Poses | str | os.PathLike[str] | NDArray[Any] = "uniform",
    particles: int | None = None,
    snr: float = 0.05,
    tilt: float = 0.0,
    *,
    box: int | None = None,
    voxel_size: float = 2.0,
    symmetry: str = "C1",
    assembly: bool | str = False,
    b_factor: float = 0.0,
    regularize: bool = True,
    seed: int = 0,
    execution: Execution = LOCAL,
) -> HalfMaps:
    """Half maps reconstructed from noisy projections of a model at given poses.

    Parameters
    ----------
    model : path, AtomicModel or ndarray
        mmCIF or PDB file, centred in the box; or a cubic density (z, y, x).
    poses : Poses, path, ndarray or str
        Poses (see `read_poses`; their half sets are kept), or a distribution of views:
        'uniform', 'side-views' or 'top-views'.
    particles : int, optional
        How many to draw, in both halves together; all poses, or 5000 of a distribution.
    snr : float
        Variance of a projection over that of its noise, over all pixels of the box.
    tilt : float
        Stage tilt in degrees, about an axis at a chance angle to each particle.
    box : int, optional
        Voxels a side; 96 for an atomic model, an array's own.
    voxel_size : float
        Å.
    symmetry : str
        Point group: every particle is inserted at all its copies.
    assembly : bool or str
        For a path: build the biological assembly.
    b_factor : float
        Å^2, envelope of the projections: exp(-B s^2/4).
    regularize : bool
        Whether noise is damped where it exceeds signal, as in the half maps that a refinement shows; without,
        they are as its unfiltered ones, whose noise tells of the views.
    seed : int
        Of views, half sets and noise.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    HalfMaps
        The same for the same seed, whatever the scheduler; its warnings say it is simulated,
        its `poses` are those used, after the tilt.

    Raises
    ------
    SettingsError
        For settings out of range.
    ModelError, PosesError
        When model or poses can't be read, or the model doesn't fit into the box.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> ball = np.zeros((32, 32, 32))
    >>> ball[12:20, 12:20, 12:20] = 1
    >>> maps = simulate_from_model(ball, "top-views", particles=40, snr=1.0)
    >>> maps.box
    (32, 32, 32)
    """
    density, name, notes = _density(model, box, voxel_size, assembly)
    side = density.shape[0]
    _check(side, particles, snr, tilt, b_factor)
    rng = np.random.default_rng(seed)
    chosen = _particles(poses, particles, tilt, rng)
    group = point_group(symmetry)
    source = _source(density, voxel_size, b_factor)
    power = _shell_power(source)
    variance = float((2 * np.pi * np.arange(power.size) * power)[1:].sum()) / side**4
    if not variance > 0:
        raise SettingsError("The model's density is constant: there is nothing to project.")
    noise_power = side**2 * variance / snr
    assert chosen.rotations is not None
    parts = [
        part
        for half in (1, 2)
        for part in np.array_split(chosen.rotations[chosen.half_set == half].astype(np.float32), TASKS_PER_HALF)
    ]
    items = [(part, rng.integers(0, 2**31, len(part))) for part in parts]
    insert = partial(
        _insert, source=source, group=group.astype(np.float32), noise=float(np.sqrt(noise_power / 2)), side=side
    )
    sums = map_tasks(insert, items, stage="particles", execution=execution)
    ratio = noise_power / np.maximum(power, power[1:].max() * 1e-12) if regularize else None
    halves = []
    for first in range(0, len(sums), TASKS_PER_HALF):
        total, weight = (sum(values) for values in zip(*sums[first : first + TASKS_PER_HALF], strict=True))
        halves.append(_reconstructed(np.asarray(total), np.asarray(weight), ratio))
    said = (
        f"Simulated from {name}: {len(chosen)} particles, {chosen.source}, tilt {tilt:g} degrees, SNR {snr:g}, "
        f"{symmetry}{'' if regularize else ', not regularized'}."
    )
    return HalfMaps(
        half1=halves[0],
        half2=halves[1],
        voxel_size=float(voxel_size),
        inputs=tuple(InputFile(role=role, name=f"simulated from {name}") for role in ("half1", "half2")),
        warnings=(Caution("simulated", said), *notes),
        poses=chosen.replace(image_size=side, pixel_size=float(voxel_size)),
    )
