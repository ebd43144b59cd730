"""Noise on the shells of a box, as cones see it: the source of every null and band.

K independent noise fields F_i are drawn on the lattice of a shell, through the mask if there
is one. What cones need of any pair of half maps made of them are the sums of Re F_i* F_j:
K fields give K (K - 1)/2 pairs whose cross products are uncorrelated, so that 21 fields serve
for 199 replicates (`docs/statistics.md` shows that pairs do as well as separate draws).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.blocks import BLOCK_BYTES
from ..engine.execution import LOCAL, Execution
from ..engine.tasks import map_tasks
from ..errors import Cancelled
from ..geometry.directions import cube_nodes
from ..geometry.shells import Box, coordinates, first_dense_shell
from ..geometry.symmetry import group_name, point_group
from ..kernels.null import spread_products
from ..results.types import Result
from ._shell_lattice import (
    Lookup,
    asymmetric_unit,
    cone_weights,
    lookup_of,
    real_coefficients,
    shell_lattice,
    stabilisers,
)

__all__ = ["MaskKernel", "NoisePlan", "ShellNoise", "for_each_shell", "mask_kernel"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
_Value = TypeVar("_Value")

KERNEL_SIDE = 32  # coefficients of the mask's transform kept along each axis
REACHED = 0.9  # share of the power of a mask's transform within its reach


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MaskKernel(Result):
    """What the null needs of a mask: it correlates neighbouring coefficients.

    Attributes
    ----------
    box : tuple of int
        Voxels of the maps along (z, y, x).
    mask : ndarray of float32
        The mask at the resolution of the lowest 32 coefficients along each axis.
    volume_ratio : float
        v = (sum m^2)^2 / (N sum m^4), the share of the box that the mask leaves.
    """

    box: Box
    mask: Annotated[Singles, "Z", "Y", "X"]
    volume_ratio: float

    def _faults(self) -> Iterator[str]:
        if min(self.box) < 1 or self.mask.shape != tuple(min(side, KERNEL_SIDE) for side in self.box):
            yield f"a mask of {self.mask.shape} for a box of {self.box}"

    @property
    def reach(self) -> float:
        """Shells over which the mask spreads a coefficient: the ball that holds 90 % of its transform's power."""
        power = np.abs(scipy.fft.fftn(self.mask)) ** 2
        step = [max(self.box) / side for side in self.box]  # of each axis' frequencies, in shells
        z, y, x = (d * n * scipy.fft.fftfreq(n) for n, d in zip(self.mask.shape, step, strict=True))
        radius = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2).ravel()
        order = np.argsort(radius, kind="stable")
        inside = np.cumsum(power.ravel()[order])
        return float(radius[order][np.searchsorted(inside, REACHED * inside[-1])])


def mask_kernel(mask: NDArray[Any] | None) -> MaskKernel | None:
    """Reduce a mask to its low-frequency part.

    Parameters
    ----------
    mask : ndarray, shape (z, y, x), or None
        Soft mask, 0 to 1.

    Returns
    -------
    MaskKernel or None
        None without a mask.

    Examples
    --------
    >>> mask_kernel(np.ones((64, 64, 64), dtype=np.float32)).volume_ratio
    1.0
    """
    if mask is None:
        return None
    box: Box = mask.shape
    small: Box = tuple(min(side, KERNEL_SIDE) for side in box)  # type: ignore[assignment]
    part, square, fourth = _low_part(mask, box, small)
    reduced = scipy.fft.irfftn(part, s=small) * (np.prod(small) / np.prod(box))
    return MaskKernel(box=box, mask=reduced.astype(np.float32), volume_ratio=square**2 / (mask.size * fourth))


def _low_part(mask: NDArray[Any], box: Box, small: Box) -> tuple[NDArray[Any], float, float]:
    """The mask's low frequencies on the rfft lattice of `small`, and its sums of m^2 and m^4; some planes at a time."""
    z, y, x = _shared(box, small)
    low = np.empty((box[0], y.size, x.size), dtype=np.complex64)
    square = fourth = 0.0
    step = max(1, BLOCK_BYTES // (4 * box[1] * box[2]))
    for start in range(0, box[0], step):
        planes = np.asarray(mask[start : start + step], dtype=np.float32)
        low[start : start + step] = scipy.fft.rfft2(planes, workers=-1)[:, y % box[1]][:, :, x]
        squared = np.square(planes).ravel()
        square += float(squared.sum(dtype=np.float64))
        fourth += float(squared @ squared)
    result = np.zeros((small[0], small[1], small[2] // 2 + 1), dtype=np.complex64)
    result[np.ix_(z % small[0], y % small[1], x)] = scipy.fft.fft(low, axis=0)[z % box[0]]
    return result, square, fourth


def _shared(box: Box, target: Box) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Indices of the frequencies that the rfft lattices of two boxes share, along z, y and x."""
    rows = []
    for old, new in zip(box[:2], target[:2], strict=True):
        reach = min(old, new) // 2 if old != new else old  # leaves the smaller one's Nyquist out
        rows.append(np.arange(-(reach - 1), reach) if old != new else np.arange(old))
    return rows[0], rows[1], np.arange(min(box[2], target[2]) // 2 + (box[2] == target[2]))


def _resized(spectrum: NDArray[Any], box: Box, target: Box) -> NDArray[Any]:
    """The common low frequencies of an rfft lattice on one of another size."""
    result = np.zeros((target[0], target[1], target[2] // 2 + 1), dtype=spectrum.dtype)
    z, y, x = _shared(box, target)
    result[np.ix_(z % target[0], y % target[1], x)] = spectrum[np.ix_(z % box[0], y % box[1], x)]
    return result


@lru_cache(maxsize=1)
def _full_mask(kernel: MaskKernel, *, at_origin: bool = False) -> Singles:
    """The mask on the maps' grid again, without its high frequencies; its centre at index 0 if asked for."""
    small: Box = kernel.mask.shape
    spectrum = _resized(scipy.fft.rfftn(kernel.mask), small, kernel.box)
    full: Singles = scipy.fft.irfftn(spectrum, s=kernel.box, workers=-1)
    full *= np.float32(np.prod(kernel.box) / np.prod(small))
    return np.roll(full, [-(n // 2) for n in kernel.box], (0, 1, 2)) if at_origin else full


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NoisePlan:
    """What noise to draw, and the cones that look at it.

    Attributes
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    axes : ndarray, shape (A, 3)
        Cone axes.
    cone_half_angle : float
        Degrees.
    shells : tuple of int
        Shells to draw.
    replicates : int
        Number of pairs of fields, n.
    seed : int
        Of the random numbers: a shell's noise depends on it and on the shell alone.
    mask : MaskKernel or None
        Draw the noise through this mask.
    symmetry : str
        Point group of the maps: the noise has its symmetry.
    nodes_per_face : int
        Fineness of the direction nodes.
    signal : ndarray, shape (S,), or None
        a^2 of shells 1 to Nyquist: besides noise, draw signal of this spectrum through the mask.
    """

    box: Box
    axes: Floats
    cone_half_angle: float
    shells: tuple[int, ...]
    replicates: int
    seed: int = 0
    mask: MaskKernel | None = None
    symmetry: str = "C1"
    nodes_per_face: int = 49
    signal: Floats | None = None

    @property
    def rotations(self) -> Floats | None:
        """Matrices of the point group, shape (G, 3, 3); None for C1, which asks for nothing."""
        return None if group_name(self.symmetry) == "C1" else point_group(self.symmetry)

    @property
    def signals(self) -> int:
        """Number of signal fields; without a mask a pair of noise fields is all that half maps need."""
        return 0 if self.mask is None or self.signal is None else self.fields // 2

    @property
    def fields(self) -> int:
        """Number of fields K with K (K - 1)/2 >= n."""
        return max(2, int(np.ceil((1 + np.sqrt(1 + 8 * self.replicates)) / 2)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShellNoise:
    """Cone sums of the noise in one shell, for n pairs (first, second) of K fields.

    Attributes
    ----------
    shell : int
        Which shell.
    power : ndarray, shape (A, K)
        Sums of abs(F_i)^2 over each axis's cone.
    cross : ndarray, shape (A, n)
        Sums of Re F_i* F_j.
    first, second : ndarray of int, shape (n,)
        Fields i and j of each pair.
    whole_power : ndarray, shape (K,)
        The same over the whole shell.
    whole_cross : ndarray, shape (n,)
        The same over the whole shell.
    gram, whole_gram : ndarray, shape (A, n, 3, 3) and (n, 3, 3), or None
        Sums of Re F* F between the signal field of each pair and its two noise fields.
    """

    shell: int
    power: Floats
    cross: Floats
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    whole_power: Floats
    whole_cross: Floats
    gram: Floats | None = None
    whole_gram: Floats | None = None

    def noise_fsc(self) -> Floats:
        """dFSC of pure noise in each cone, shape (A, n)."""
        power = self.power[:, self.first] * self.power[:, self.second]
        return np.asarray(np.divide(self.cross, np.sqrt(power), out=np.full(power.shape, np.nan), where=power > 0))

    def isotropic_fsc(self, fsc: float) -> Floats:
        """dFSC of isotropic half maps whose FSC over the whole shell is exactly `fsc`.

        X = F_i and Y = fsc F_i + sqrt(1 - fsc^2) F_j, each of unit power over the shell, where
        F_j is first made orthogonal to F_i: the null is conditional on the measured FSC. With
        signal fields S it is X = a S + F_i and Y = a S + F_j, all three made orthogonal.

        Parameters
        ----------
        fsc : float
            Global FSC of the shell, -1 to 1.

        Returns
        -------
        ndarray, shape (A, n)
            NaN in empty cones.
        """
        if self.gram is not None and self.whole_gram is not None:
            return _fsc_with_signal(self.gram, self.whole_gram, fsc)
        rest = np.sqrt(max(0.0, 1 - fsc**2))
        gi, gj, gij = self.whole_power[self.first], self.whole_power[self.second], self.whole_cross
        slope = gij / gi
        norm = np.maximum(gj - gij * slope, 1e-6 * gj)  # with two coefficients per shell's fields may be parallel
        di, dj = self.power[:, self.first], self.power[:, self.second]
        xx = di / gi
        mixed = (self.cross - slope * di) / np.sqrt(gi * norm)
        other = (dj - 2 * slope * self.cross + slope**2 * di) / norm
        xy = fsc * xx + rest * mixed
        power = xx * (fsc**2 * xx + 2 * fsc * rest * mixed + rest**2 * other)
        root = np.sqrt(np.maximum(power, 0))
        return np.asarray(np.divide(xy, root, out=np.full(power.shape, np.nan), where=power > 0))


def _fsc_with_signal(gram: Floats, whole: Floats, fsc: float) -> Floats:
    """dFSC of sqrt(r) S + sqrt(1 - r) N1 and sqrt(r) S + sqrt(1 - r) N2, orthonormal over the shell, (A, n)."""
    scale = np.sqrt(np.einsum("nii->ni", whole))
    whole = whole / scale[:, :, None] / scale[:, None, :]
    basis = np.linalg.inv(np.linalg.cholesky(whole + 1e-6 * np.eye(3))) / scale[:, None, :]
    r, common = max(fsc, 0.0), min(fsc, 0.0)  # a negative FSC is common noise of opposite sign
    first = np.sqrt([r, 1 - r, 0.0]) @ basis
    second = np.array([np.sqrt(r), np.sqrt(1 - r) * common, np.sqrt((1 - r) * (1 - common**2))]) @ basis
    xy, xx, yy = (
        np.einsum("anij,ni,nj->an", gram, c, d, optimize=True)
        for c, d in ((first, second), (first, first), (second, second))
    )
    root = np.sqrt(np.maximum(xx * yy, 0))
    return np.asarray(np.divide(xy, root, out=np.full(root.shape, np.nan), where=root > 0))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _DrawField:
    """One noise map through the mask, at some coefficients."""

    kernel: MaskKernel
    lookup: Lookup
    seed: int
    cancel: threading.Event | None  # None on a cluster, where it can't be seen

    def __call__(self, number: int) -> NDArray[np.complex64]:
        random = np.random.default_rng([self.seed, 2**20 + number])
        noise = random.standard_normal(self.kernel.box, dtype=np.float32)
        Cancelled.if_set(self.cancel)
        noise *= _full_mask(self.kernel, at_origin=self.lookup.symmetric)
        spectrum = self.lookup(scipy.fft.rfftn(noise, overwrite_x=True))
        return np.asarray(spectrum / np.sqrt(np.mean(np.abs(spectrum) ** 2)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _DrawSignal:
    """One signal map through the mask, at some coefficients."""

    kernel: MaskKernel
    lookup: Lookup
    seed: int
    signal: Floats
    cancel: threading.Event | None  # None on a cluster, where it can't be seen

    def __call__(self, number: int) -> NDArray[np.complex64]:
        random = np.random.default_rng([self.seed, 2**21 + number])
        spectrum = scipy.fft.rfftn(random.standard_normal(self.kernel.box, dtype=np.float32))
        z, y, x = coordinates(self.kernel.box)
        amplitude = np.log(np.maximum(self.signal, 1e-9)) / 2
        for iz, kz in enumerate(z):
            Cancelled.if_set(self.cancel)
            radius = np.sqrt(kz**2 + y[:, None] ** 2 + x**2)
            spectrum[iz] *= np.exp(np.interp(radius, np.arange(1, amplitude.size + 1), amplitude)).astype(np.float32)
        spectrum[0, 0, 0] = 0  # the mean has no direction
        clean = scipy.fft.irfftn(spectrum, s=self.kernel.box, overwrite_x=True)
        Cancelled.if_set(self.cancel)
        clean *= _full_mask(self.kernel, at_origin=self.lookup.symmetric)
        return self.lookup(scipy.fft.rfftn(clean, overwrite_x=True))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Item:
    shell: int
    k: Singles
    drawn: list[NDArray[np.complex64]] | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _ShellTask:
    """Draw one shell, sum its cones, and hand them to `reduce`."""

    plan: NoisePlan
    node_weights: Singles | None
    reduce: Callable[[ShellNoise], Any]

    def __call__(self, item: _Item) -> Any:
        plan, fields = self.plan, self.plan.fields
        k = item.k
        if item.drawn is None:
            random = np.random.default_rng([plan.seed, item.shell])
            real, imag = random.standard_normal((2, len(k), fields), dtype=np.float32)
            imag[real_coefficients(k, plan.rotations)] = 0
        else:
            drawn = np.stack(item.drawn, axis=1)
            drawn /= np.sqrt(stabilisers(k, plan.rotations), dtype=np.float32)[:, None]  # orbits with fewer members
            real, imag = np.ascontiguousarray(drawn.real), np.ascontiguousarray(drawn.imag)
        rows, columns = np.triu_indices(real.shape[1])
        if item.shell >= first_dense_shell(plan.box) and self.node_weights is not None:
            products = np.zeros((3 * plan.nodes_per_face**2, rows.size), dtype=np.float32)
            spread_products(real, imag, k, plan.nodes_per_face, products)
            weights = self.node_weights
        else:
            products = real[:, rows] * real[:, columns] + imag[:, rows] * imag[:, columns]
            directions = k / np.linalg.norm(k, axis=1, keepdims=True)
            weights = cone_weights(plan.axes, directions, plan.cone_half_angle, plan.rotations)
        cones = (weights @ products).astype(np.float64)
        whole = products.sum(axis=0, dtype=np.float64)
        diagonal = np.flatnonzero((rows == columns) & (rows < fields))
        pairs = np.flatnonzero((rows < columns) & (columns < fields))[: plan.replicates]
        gram = whole_gram = None
        if plan.signals:
            members = np.stack([fields + np.arange(pairs.size) % plan.signals, rows[pairs], columns[pairs]], axis=1)
            place = np.zeros((real.shape[1],) * 2, dtype=np.int64)
            place[rows, columns] = place[columns, rows] = np.arange(rows.size)
            chosen = place[members[:, :, None], members[:, None, :]]
            gram, whole_gram = cones[:, chosen], whole[chosen]
        noise = ShellNoise(
            shell=item.shell,
            power=cones[:, diagonal],
            cross=cones[:, pairs],
            first=rows[pairs],
            second=columns[pairs],
            whole_power=whole[diagonal],
            whole_cross=whole[pairs],
            gram=gram,
            whole_gram=whole_gram,
        )
        return self.reduce(noise)


def for_each_shell(
    plan: NoisePlan,
    reduce: Callable[[ShellNoise], _Value],
    *,
    stage: str = "null",
    execution: Execution = LOCAL,
) -> list[_Value]:
    """Draw the noise of every shell of a plan and reduce it there and then.

    Parameters
    ----------
    plan : NoisePlan
        What to draw.
    reduce : callable
        Called with the `ShellNoise` of each shell; must pickle for a cluster.
    stage : str
        What is being done, for `progress`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    list
        One value per shell, in the order of ``plan.shells``.

    Raises
    ------
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> plan = NoisePlan(box=(32, 32, 32), axes=np.eye(3), cone_half_angle=17.0, shells=(8,), replicates=10)
    >>> for_each_shell(plan, lambda noise: noise.noise_fsc().shape)
    [(3, 10)]
    """
    if not plan.shells:
        return []
    execution.tell(stage, 0, len(plan.shells))
    _, k, shell = shell_lattice(plan.box, plan.shells, execution.cancel)
    domain = asymmetric_unit(k, plan.rotations)
    k, shell = k[domain], shell[domain]
    drawn: list[NDArray[np.complex64]] | None = None
    if plan.mask is not None:
        lookup = lookup_of(plan.box, k, plan.rotations)
        stop = execution.cancel if execution.is_local else None
        if execution.is_local:
            _full_mask(plan.mask, at_origin=lookup.symmetric)  # made once, before the threads ask for it
        draw = _DrawField(plan.mask, lookup, plan.seed, stop)
        drawn = map_tasks(draw, range(plan.fields), stage=f"{stage}: noise maps", execution=execution)
        if plan.signals and plan.signal is not None:
            signal = _DrawSignal(plan.mask, lookup, plan.seed, plan.signal, stop)
            drawn += map_tasks(signal, range(plan.signals), stage=f"{stage}: signal maps", execution=execution)
    items = []
    for s in plan.shells:
        part = slice(*np.searchsorted(shell, (s, s + 1)))
        items.append(_Item(s, k[part], None if drawn is None else [field[part] for field in drawn]))
    dense = max(plan.shells) >= first_dense_shell(plan.box)
    weights = (
        cone_weights(plan.axes, cube_nodes(plan.nodes_per_face), plan.cone_half_angle, plan.rotations)
        if dense
        else None
    )
    return map_tasks(_ShellTask(plan, weights, reduce), items, stage=stage, execution=execution)
