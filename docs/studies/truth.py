"""What is known of a pair of half maps before anything is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft
from scipy.stats import norm

from .groups import rotations
from .lattice import CONE, axes321, cap_means, cone_sums, frequencies, shell_mean

CHI = 0.143
CAP = 12.0  # degrees, standard deviation of the Gaussian cap over which noise power and resolution are averaged


def lasting_crossing(curve: np.ndarray, weight: np.ndarray, level: float) -> tuple[float, str]:
    """Shell where a curve (index = shell) falls through a level for good, and 'crossed', 'nyquist' or 'none'.

    k* = argmax_k sum_{s <= k} w_s (f_s - level), then f is interpolated between k* and k* + 1: the crossing of the
    weighted non-increasing least-squares fit. NaN unless 'crossed'.
    """
    usable = np.isfinite(curve) & (weight > 0) & (np.arange(len(curve)) > 0)
    shell, f = np.flatnonzero(usable), curve[usable]
    total = np.cumsum(weight[usable] * (f - level))
    if not len(f) or total.max() < 0:
        return np.nan, "none"
    k = int(np.argmax(total))
    if k == len(f) - 1:
        return np.nan, "nyquist"
    return float(shell[k] + (shell[k + 1] - shell[k]) * (f[k] - level) / (f[k] - f[k + 1])), "crossed"


class Region(NamedTuple):
    """Worst or best directions of a map."""

    angstrom: float
    axis: np.ndarray  # (3,)
    members: np.ndarray  # (M, 3): all axes within a tenth of the map's range of it, such as a ring or an octahedron


@dataclass(frozen=True, eq=False)
class Truth:
    """Expected power of signal and noise in every cone; all curves have index = shell, entry 0 is unused.

    Attributes
    ----------
    box, voxel_size : int, float
        Voxels, Å.
    axes, areas : ndarray, shapes (321, 3) and (321,)
        Cone axes and the share of the sphere of each.
    signal, noise : ndarray, shape (321, box/2 + 1)
        Power of a coefficient in each cone, of the maps as they are analyzed: masked, filtered.
    n_eff : ndarray, shape (321, box/2 + 1)
        Independent coefficients in each cone, less what mask and symmetry take.
    shell_signal, shell_noise : ndarray, shape (box/2 + 1,)
        Power of a coefficient in whole shells.
    noise_caps : ndarray, shape (321,)
        Noise power over its mean, without the mask, in Gaussian caps around the axes.
    """

    box: int
    voxel_size: float
    axes: np.ndarray
    areas: np.ndarray
    signal: np.ndarray
    noise: np.ndarray
    n_eff: np.ndarray
    shell_signal: np.ndarray
    shell_noise: np.ndarray
    noise_caps: np.ndarray

    def angstrom(self, shell: np.ndarray | float) -> np.ndarray:
        """Resolution of a shell."""
        return np.asarray(self.box * self.voxel_size / np.asarray(shell))

    @cached_property
    def global_fsc(self) -> np.ndarray:
        """FSC of whole shells, (box/2 + 1,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.shell_signal / (self.shell_signal + self.shell_noise)

    @cached_property
    def dfsc(self) -> np.ndarray:
        """Directional FSC, (321, box/2 + 1): the ratio of expectations over the cone's voxels."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.signal / (self.signal + self.noise)

    @cached_property
    def _crossings(self) -> list[tuple[float, str]]:
        return [lasting_crossing(f, w, CHI) for f, w in zip(self.dfsc, np.nan_to_num(self.n_eff), strict=True)]

    @cached_property
    def crossing(self) -> np.ndarray:
        """Directional resolution in shells, (321,); NaN where there is none."""
        return np.array([shell for shell, _ in self._crossings])

    @cached_property
    def state(self) -> np.ndarray:
        """'crossed', 'nyquist' or 'none' for every axis."""
        return np.array([state for _, state in self._crossings])

    @cached_property
    def resolution(self) -> np.ndarray:
        """Directional resolution in Å; that of Nyquist where it is reached, NaN without signal."""
        return self.angstrom(np.where(self.state == "nyquist", self.box // 2, self.crossing))

    def _region(self, pick: Callable[[np.ndarray], np.intp]) -> Region:
        shell = self.box * self.voxel_size / self.resolution
        angle = np.rad2deg(np.arccos(np.clip(np.abs(self.axes @ self.axes.T), 0, 1)))
        weight = np.exp(-0.5 * (angle / CAP) ** 2) * self.areas * np.isfinite(shell)
        smooth = (weight @ np.nan_to_num(shell)) / weight.sum(axis=1)
        i = pick(smooth)
        members = self.axes[np.abs(smooth - smooth[i]) <= 0.1 * np.ptp(smooth)]
        return Region(float(self.angstrom(smooth[i])), self.axes[i], members)

    @cached_property
    def worst(self) -> Region:
        """Of the directional resolution averaged over caps."""
        return self._region(np.argmin)

    @cached_property
    def best(self) -> Region:
        """Of the directional resolution averaged over caps."""
        return self._region(np.argmax)

    @property
    def region_effect(self) -> float:
        """Worst over best region, of resolutions averaged over caps."""
        return self.worst.angstrom / self.best.angstrom

    @property
    def percentile_effect(self) -> float:
        """95th over 5th percentile of directional resolution, by area."""
        order = np.argsort(self.resolution)
        share = np.cumsum(self.areas[order]) - self.areas[order] / 2
        low, high = np.interp([0.05, 0.95], share, self.resolution[order])
        return float(high / low)

    @property
    def noise_ratio(self) -> float:
        """Noise power of the noisiest cap over that of the quietest."""
        return float(self.noise_caps.max() / self.noise_caps.min())

    @cached_property
    def fso_ideal(self) -> np.ndarray:
        """Fourier shell occupancy without noise."""
        return np.r_[np.nan, self.areas @ (self.dfsc >= CHI)[:, 1:]]

    @cached_property
    def fso_expected(self) -> np.ndarray:
        """Fourier shell occupancy with the noise of dFSC, from Fisher's z and n_eff."""
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.arctanh(np.clip(self.dfsc, 0, 0.999999)) - np.arctanh(CHI) + self.dfsc / (4 * self.n_eff)
            chance = norm.cdf(z * np.sqrt(np.maximum(2 * self.n_eff - 1, 0.1)))
            known = np.isfinite(chance)
            return np.asarray((self.areas @ np.nan_to_num(chance)) / (self.areas @ known))

    def fso_crossing(self, level: float, *, expected: bool = True) -> float:
        """Shell where FSO falls through a level for good."""
        curve = self.fso_expected if expected else self.fso_ideal
        return lasting_crossing(curve, np.arange(len(curve), dtype=float), level)[0]


# --- what mask and symmetry take ----------------------------------------------------------


def masked_power(power: np.ndarray, mask: np.ndarray | None, n: int) -> np.ndarray:
    """Expected power (rfftn) of stationary noise of a power a coefficient times a mask.

    Its covariance is that of the noise times the autocorrelation of the mask.
    """
    if mask is None:
        return power * np.float32(n**3)
    overlap = scipy.fft.irfftn(np.abs(scipy.fft.rfftn(mask)) ** 2, s=(n,) * 3)
    return np.asarray(scipy.fft.rfftn(scipy.fft.irfftn(power, s=(n,) * 3) * overlap).real)


@lru_cache(maxsize=8)
def symmetry_gain(n: int, group: str) -> np.ndarray:
    """Power (rfftn) of noise with a point group in a cubic box, over that far from its axes.

    A coefficient that a rotation leaves where it is, or moves by less than the width of the box's transform, is a sum
    of equal terms: m times the power on an m-fold axis.
    """
    radius, unit = frequencies(n)
    k = (unit * radius).reshape(3, -1).T
    total = np.zeros(len(k))
    for rotation in rotations(group):
        total += np.sinc(k @ (rotation.T - np.eye(3))).prod(axis=1)
    return np.maximum(total, 0.1).astype(np.float32).reshape(radius.shape)


@lru_cache
def _overlap_table() -> tuple[np.ndarray, np.ndarray]:
    """Overlap of the weights of two double cones, 1 at no angle between them."""
    points = np.random.default_rng(0).standard_normal((200000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cos_w = np.cos(np.deg2rad(CONE))

    def weights(axis: np.ndarray) -> np.ndarray:
        c = np.abs(points @ axis)
        return np.where(c >= cos_w, np.exp(-(((c - 1) / ((1 - cos_w) / 2)) ** 2)), 0)

    angle = np.linspace(0, np.pi / 2, 46)
    first = weights(np.array([0, 0, 1.0]))
    overlap = np.array([first @ weights(np.array([np.sin(a), 0, np.cos(a)])) for a in angle])
    return angle, overlap / overlap[0]


@lru_cache(maxsize=16)
def independent_share(group: str) -> np.ndarray:
    """Independent coefficients of each cone over those of a map without symmetry, (321,)."""
    axes = axes321()[0]
    total = np.zeros(len(axes))
    for rotation in rotations(group):
        angle = np.arccos(np.clip(np.abs((axes @ rotation.T * axes).sum(axis=1)), 0, 1))
        total += np.interp(angle, *_overlap_table())
    return 1 / total


def truth_of(
    signal: np.ndarray,
    noise: np.ndarray,
    bare: np.ndarray,
    box: int,
    voxel_size: float,
    group: str,
    mask: np.ndarray | None,
) -> Truth:
    """Truth from the expected power of signal and noise (rfftn) as analyzed, and of noise without the mask."""
    (in_signal, in_noise, size), n_eff = cone_sums([signal, noise, np.ones((1, 1, 1))], box)
    share = independent_share(group)[:, None]
    if mask is not None:
        m2 = mask.astype(np.float64) ** 2
        share = share * (m2.sum() ** 2 / (m2.size * (m2**2).sum())) ** (2 / 3)
    whole = [shell_mean(power, box) for power in (signal, noise)]
    caps = cap_means(bare, box, CAP)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Truth(box, voxel_size, *axes321(), in_signal / size, in_noise / size, n_eff * share, *whole, caps)
