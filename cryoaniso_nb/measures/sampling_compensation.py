"""Sampling compensation factor: how evenly a set of views samples Fourier space.

After Baldwin & Lyumkis, Progress in Biophysics and Molecular Biology 2020
(doi 10.1016/j.pbiomolbio.2019.09.002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from ..errors import SettingsError
from ..geometry.directions import fibonacci_axes
from ..geometry.symmetry import orbit, point_group
from ..inputs.poses import SINGLE
from ..kernels.views import count_views
from ..results.types import Result
from .sampling import HasViews, view_array

__all__ = ["SCF", "TROUBLE", "scf"]

Floats = NDArray[np.float64]

TROUBLE = 0.81  # side views only give 8/pi^2; below it a map is expected to suffer
UNSAMPLED = 0.03  # share of Fourier space from which on SCF* hangs on the number of views
MANY = 1000  # views among which chance makes hardly two the same
FEW = 20.0  # views that sample a point, on average, below which chance shows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SCF(Result):
    """Sampling compensation factor of a set of views.

    Attributes
    ----------
    scf : float
        1 for even sampling; 8/pi^2 = 0.81 for side views only. Points without any sample are left out.
    scf_star : float
        The same, lowered for them; it depends on `n_views` and `radius` when `f0` > 0.
    f0 : float
        Share of Fourier points without any sample.
    mean_samples : float
        Views that sample a point, on average.
    n_views : int
        N, particles.
    symmetry : str
        Point group applied; it multiplies the views by its order.
    radius : float
        R, the Fourier radius in voxels at which sampling is counted.
    points : ndarray, shape (P, 3)
        Unit vectors spread evenly over the half sphere, with symmetry over one asymmetric unit of it.
    samples : ndarray of int, shape (P,)
        Views within half a voxel of each point's central plane.
    kind : str
        'single-particle' or 'subtomogram'.
    n_distinct : int
        Views that differ by more than 0.006 degrees; 0 where it isn't known.
    warnings : tuple of str
        What makes these numbers doubtful.
    """

    scf: float
    scf_star: float
    f0: float
    mean_samples: float
    n_views: int
    symmetry: str
    radius: float
    points: Annotated[Floats, "P", 3]
    samples: Annotated[NDArray[np.int64], "P"]
    kind: str = SINGLE
    n_distinct: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def doubt(self) -> str:
        """Why SCF* can't tell here whether sampling is even, and what to do; empty where it can."""
        if self.kind != SINGLE:
            return (
                "each pose is a whole tilt series and not one projection; "
                "see by the half maps how resolution and noise differ by direction"
            )
        star = self.scf_star
        if not star <= 1 + 1e-9 or (star >= TROUBLE and self.f0 > UNSAMPLED):
            return (
                f"so few views leave {100 * self.f0:.0f} % of Fourier space unsampled, where SCF* means little; "
                "take all particles, or a smaller radius"
            )
        if star < TROUBLE and self.on_grid:
            return (
                f"only {self.n_distinct} of the views differ, as on the grid of a coarse angular search, which alone "
                "lowers SCF; take the poses of a finer search"
            )
        chance = _even_by_chance(self.mean_samples)
        if TROUBLE * chance <= star < TROUBLE and self.mean_samples < FEW:
            return (
                f"evenly spread views of this number give about {chance:.2f} by chance alone; "
                "take all particles, or a smaller radius"
            )
        return ""

    @property
    def on_grid(self) -> bool:
        """Whether many views are the same, as on the grid of an angular search."""
        return self.n_views >= MANY and 0 < self.n_distinct <= self.n_views / 2

    @property
    def verdict(self) -> str:
        """One sentence in words."""
        judged = "sampling is even enough" if self.scf_star >= TROUBLE else "sampling is uneven: expect a map to suffer"
        if self.doubt:
            judged = f"no verdict, since {self.doubt}"
        return (
            f"SCF* {self.scf_star:.2f} (SCF {self.scf:.2f}, {100 * self.f0:.1f} % of Fourier space unsampled; "
            f"N = {self.n_views}, R = {self.radius:g}, {self.symmetry}): {judged}."
        )


def _even_by_chance(mean: float) -> float:
    """SCF* of evenly spread views that sample a point `mean` times on average, and each by chance (Poisson)."""
    count = np.arange(1, int(mean + 12 * np.sqrt(mean) + 20))
    share = poisson.pmf(count, mean)
    return _scf_star(float(share.sum() / ((share / count).sum() * mean)), float(np.exp(-mean)), mean)


def _scf_star(factor: float, empty: float, mean: float) -> float:
    return factor / (1 + empty / (1 - empty) * mean * factor / 2)


def _unit_points(number: int, symmetry: str) -> Floats:
    """Even points of one asymmetric unit: the others have the same samples."""
    order = len(point_group(symmetry))
    if order == 1:
        return fibonacci_axes(number, clockwise=False)
    candidates = fibonacci_axes(order * max(number // order, number // 5), clockwise=False)
    general = np.array([0.31, 0.52, 0.79])  # no symmetry axis
    heights = np.abs(orbit(candidates, symmetry) @ general)
    return np.asarray(candidates[heights.argmax(axis=0) == 0])


def scf(
    views: HasViews | NDArray[np.floating], *, symmetry: str = "C1", radius: float = 50.0, points: int = 5000
) -> SCF:
    """Sampling compensation factor of views.

    Over points p of the half sphere, S(p) is the number of views v with abs(p . v) R < 0.5;
    SCF = 1 / (mean of 1/S over points with S > 0 times mean of S over all points), f0 the share
    of points with S = 0, and SCF* = SCF / (1 + f0/(1 - f0) mean(S) SCF / 2).

    Parameters
    ----------
    views : Poses or ndarray, shape (N, 3)
        Directions of the beam in the map's frame.
    symmetry : str
        Point group of the particle.
    radius : float
        R, Fourier radius in voxels.
    points : int
        Points on the half sphere; with symmetry at least a fifth of them in an asymmetric unit.

    Returns
    -------
    SCF
        All three numbers with N and R, and the samples of every point.

    Raises
    ------
    SettingsError
        For a radius below 1, fewer than 100 points, or an unknown point group.
    PosesError
        When there are no views.

    Examples
    --------
    >>> result = scf(fibonacci_axes(5000))
    >>> round(result.scf, 2), result.f0
    (0.99, 0.0)
    """
    if not radius >= 1:
        raise SettingsError(f"The Fourier radius is {radius:g}, but it must be at least 1 voxel.")
    if points < 100:
        raise SettingsError(f"The number of points is {points}, but at least 100 are needed.")
    directions = view_array(views)
    where = _unit_points(points, symmetry)
    x, y, z = orbit(directions, symmetry).reshape(-1, 3).T.astype(np.float32, order="C")
    samples = count_views(where.astype(np.float32), x, y, z, np.float32(0.5 / radius))
    mean, empty = float(samples.mean()), float(np.mean(samples == 0))
    factor = star = float("nan")
    if mean > 0:
        factor = 1 / (float(np.mean(1 / samples[samples > 0])) * mean)
        star = _scf_star(factor, empty, mean)
    return SCF(
        scf=factor,
        scf_star=star,
        f0=empty,
        mean_samples=mean,
        n_views=len(directions),
        symmetry=symmetry.strip().upper(),
        radius=float(radius),
        points=where,
        samples=samples,
        kind=getattr(views, "kind", SINGLE),
        n_distinct=_distinct(directions),
        warnings=tuple(getattr(views, "warnings", ())) + _doubts(mean, empty),
    )


def _distinct(directions: Floats) -> int:
    """Views that differ in the fourth digit."""
    x, y, z = np.rint((directions.T + 1) * 1e4).astype(np.int64)
    return int(np.unique((x * 20001 + y) * 20001 + z).size)


def _doubts(mean: float, empty: float) -> tuple[str, ...]:
    notes = []
    if mean < FEW:
        notes.append(
            f"Only {mean:.1f} views sample a point on average: chance lowers SCF; it means more with more particles."
        )
    if empty > 0:
        notes.append(
            "Some of Fourier space is unsampled: SCF* then depends on the number of particles and on the radius."
        )
    return tuple(notes)
