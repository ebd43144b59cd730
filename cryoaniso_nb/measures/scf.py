"""Sampling compensation factor: how evenly a set of views samples Fourier space.

After Baldwin & Lyumkis, Progress in Biophysics and Molecular Biology 2020
(doi 10.1016/j.pbiomolbio.2019.09.002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..results import Result
from ..symmetry import orbit, point_group
from .sampling import HasViews, view_array

__all__ = ["SCF", "TROUBLE", "scf"]

Floats = NDArray[np.float64]

TROUBLE = 0.81  # side views only give 8/pi^2; below it a map is expected to suffer
BLOCK = 2**24  # products of points and views at once


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
    points: Floats
    samples: NDArray[np.int64]
    warnings: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """One sentence in words."""
        judged = "even enough" if self.scf_star >= TROUBLE else "uneven: expect a map that suffers from it"
        return (
            f"SCF* {self.scf_star:.2f} (SCF {self.scf:.2f}, {100 * self.f0:.1f} % of Fourier space unsampled; "
            f"N = {self.n_views}, R = {self.radius:g}, {self.symmetry}): sampling is {judged}."
        )


def half_fibonacci(number: int) -> Floats:
    """Points spread evenly over the half sphere z > 0.

    Parameters
    ----------
    number : int
        How many.

    Returns
    -------
    ndarray, shape (number, 3)
        Unit vectors.

    Examples
    --------
    >>> half_fibonacci(10).shape
    (10, 3)
    """
    z = (np.arange(number) + 0.5) / number
    angle = np.pi * (1 + 5**0.5) * np.arange(number)
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)


def _unit_points(number: int, symmetry: str) -> Floats:
    """Even points of one asymmetric unit: the others have the same samples."""
    order = len(point_group(symmetry))
    if order == 1:
        return half_fibonacci(number)
    candidates = half_fibonacci(order * max(number // order, number // 5))
    general = np.array([0.31, 0.52, 0.79])  # no symmetry axis
    heights = np.abs(orbit(candidates, symmetry) @ general)
    return np.asarray(candidates[heights.argmax(axis=0) == 0])


def _counts(points: Floats, views: Floats, limit: float) -> NDArray[np.int64]:
    """Views whose plane passes within `limit` of each point (abs(p . v) < limit)."""
    step = max(1, BLOCK // len(points))
    single, count = points.astype(np.float32), np.zeros(len(points), dtype=np.int64)
    for start in range(0, len(views), step):
        distance = single @ views[start : start + step].astype(np.float32).T
        count += np.count_nonzero(np.abs(distance, out=distance) < np.float32(limit), axis=1)
    return count


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
    >>> result = scf(half_fibonacci(5000))
    >>> round(result.scf, 2), result.f0
    (0.99, 0.0)
    """
    if not radius >= 1:
        raise SettingsError(f"The Fourier radius is {radius:g}, but it must be at least 1 voxel.")
    if points < 100:
        raise SettingsError(f"The number of points is {points}, but at least 100 are needed.")
    directions = view_array(views)
    where = _unit_points(points, symmetry)
    samples = _counts(where, orbit(directions, symmetry).reshape(-1, 3), 0.5 / radius)
    mean, empty = float(samples.mean()), float(np.mean(samples == 0))
    factor = star = float("nan")
    if mean > 0:
        factor = 1 / (float(np.mean(1 / samples[samples > 0])) * mean)
        star = factor / (1 + empty / (1 - empty) * mean * factor / 2)
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
        warnings=tuple(getattr(views, "warnings", ())) + _doubts(mean, empty) + _grid(directions),
    )


def _doubts(mean: float, empty: float) -> tuple[str, ...]:
    notes = []
    if mean < 20:
        notes.append(
            f"Only {mean:.1f} views sample a point on average: chance lowers SCF; it means more with more particles."
        )
    if empty > 0:
        notes.append(
            "Some of Fourier space is unsampled: SCF* then depends on the number of particles and on the radius."
        )
    return tuple(notes)


def _grid(directions: Floats) -> tuple[str, ...]:
    """Doubt about views that lie on the grid of an angular search, of which many are the same."""
    different = len(np.unique(np.round(directions, 4), axis=0))
    if len(directions) < 1000 or different > len(directions) / 2:
        return ()
    return (
        f"Only {different} of {len(directions)} views differ, so they lie on the grid of a coarse angular search: "
        "that alone lowers SCF; take the poses of a finer search.",
    )
