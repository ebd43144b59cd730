"""A smooth field of directional resolution, fitted to all dFSC curves at once.

Along one axis dFSC is taken as logistic in s/k near its crossing k. The field x of 1 - sqrt(k0/k), in
harmonics up to degree 12, has a Gaussian prior whose power falls with degree; the field's amplitude is
estimated with it (empirical Bayes). Each axis gives one value and its variance, by a Gauss-Newton step
from the field so far; values of overlapping cones, and of cones that a point group maps onto each other,
are correlated. That is a smoothing spline on the sphere with a known noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..geometry.cones import cone_weight
from ..geometry.directions import axes_for, fibonacci_axes
from ..geometry.harmonics import even_harmonics, invariant_harmonics
from ..geometry.symmetry import point_group
from ..measures.crossing import crossings
from ..results.types import DirectionalFSC

__all__ = ["COMMON_SD", "FINEST", "Curves", "Geometry", "ResolutionField", "fit_field", "geometry"]

Floats = NDArray[np.float64]

FINEST = 321  # axes of the fit: finer levels hold little that these don't
COMMON_SD = 0.01  # of ln k: of the level of all directions together
POWER = -0.5  # x = ((k/k0)^POWER - 1)/POWER: sharp troughs of k count for less than in ln k
SMOOTHNESS = 1.7  # prior power of degree l: (l (l + 1))^-SMOOTHNESS a harmonic
AMPLITUDES = np.array([0.002, 0.007, 0.015, 0.03, 0.06, 0.1, 0.16, 0.25, 0.4, 0.6, 0.9])  # of the field, sd of x
SCALE = 0.1  # of their Cauchy prior
NUGGET = 0.05  # share of an axis's variance that its neighbours don't have
REACH = 0.6  # of its crossing: shells to either side that an axis looks at
LEAST_REACH = 5.0  # shells
SLOPE_SD, AXIS_SLOPE_SD = 0.3, 0.1  # relative spread of slopes over the sphere, and of an axis about its surroundings
POOL, SLOPE_POOL = 25.0, 30.0  # degrees around an axis: for the first crossing, for the slope
REDUNDANCY = 7.0  # axes of a level of 321 that share an independent value
ITERATIONS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What is fitted: dFSC and effective coefficients (A, S), zeros where unmeasured, and the threshold."""

    values: Floats
    n_eff: Floats
    threshold: float

    @classmethod
    def of(cls, dfsc: DirectionalFSC, threshold: float, n_axes: int) -> Curves:
        """Those of the first axes."""
        known = np.isfinite(dfsc.values[:n_axes]) & (dfsc.n_eff[:n_axes] > 0)
        values, n_eff = (np.where(known, part[:n_axes], 0.0) for part in (dfsc.values, dfsc.n_eff))
        return cls(values, n_eff, float(threshold))


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What hangs on axes, cone and point group alone.

    Attributes
    ----------
    basis, degrees : ndarray, shape (A, C) and (C,)
        Harmonics that the group leaves as they are, the constant first.
    covariance, precision : ndarray, shape (A, A)
        Of the values along the axes, in units of the variance of one cone without a group; its inverse.
    angle : ndarray, shape (A, A)
        Degrees between axes.
    """

    basis: Floats
    degrees: NDArray[np.int64]
    covariance: Floats
    precision: Floats
    angle: Floats


@lru_cache(maxsize=4)
def geometry(n_axes: int, cone_half_angle: float, symmetry: str) -> Geometry:
    """Basis and noise of the field on one of the levels of axes.

    Parameters
    ----------
    n_axes : int
        6, 21, 81 or 321.
    cone_half_angle : float
        Degrees.
    symmetry : str
        Point group.

    Returns
    -------
    Geometry
        Arrays of `n_axes` axes.

    Examples
    --------
    >>> geometry(21, 17.0, "C1").basis.shape
    (21, 15)
    """
    axes = axes_for(n_axes)
    highest = {6: 2, 21: 4, 81: 10}.get(n_axes, 12)
    invariant, degrees = invariant_harmonics(symmetry, highest)
    basis = np.concatenate([np.ones((n_axes, 1)), even_harmonics(axes, highest) @ invariant], axis=1)
    table, overlap = _cone_overlap(cone_half_angle)
    covariance = np.zeros((n_axes, n_axes))
    for rotation in point_group(symmetry):
        cosine = np.clip(np.abs(axes @ rotation @ axes.T), 0.0, 1.0)
        covariance += np.interp(np.arccos(cosine), table, overlap)
    covariance = (covariance + covariance.T) / 2
    covariance += NUGGET * np.diag(np.diag(covariance))
    angle = np.rad2deg(np.arccos(np.clip(np.abs(axes @ axes.T), 0.0, 1.0)))
    precision = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
    return Geometry(basis, np.concatenate([[0], degrees]), covariance, precision, angle)


def _cone_overlap(cone_half_angle: float) -> tuple[Floats, Floats]:
    """Angles between two axes (radians), and the correlation of the noise in their cones."""
    points = fibonacci_axes(6000)
    table = np.linspace(0.0, np.pi / 2, 91)
    axes = np.stack([np.sin(table), np.zeros_like(table), np.cos(table)], axis=1)
    weight = cone_weight(np.abs(axes @ points.T), cone_half_angle)
    return table, (weight @ weight[0]) / np.sqrt((weight**2).sum(axis=1) * (weight[0] ** 2).sum())


@dataclass(frozen=True, slots=True, eq=False)
class ResolutionField:
    """The field, and what its uncertainty rests on.

    Attributes
    ----------
    log_shell : ndarray, shape (A,)
        ln of the crossing along each axis, in shells.
    value, precision : ndarray, shape (A,)
        The value of ln k of each axis alone, and the square root of its precision, before correlations.
    slope : ndarray, shape (A,)
        d logit dFSC / d ln s at the crossing, negative.
    reference : float
        k0, shells.
    chance : ndarray, shape (P,)
        Probability of each amplitude of the prior.
    means, factors : ndarray, shape (P, C) and (P, C, C)
        Posterior of the coefficients given the amplitude: mean, and F with covariance F F^T.
    geometry : Geometry
        Of the axes.
    """

    log_shell: Floats
    value: Floats
    precision: Floats
    slope: Floats
    reference: float
    chance: Floats
    means: Floats
    factors: Floats
    geometry: Geometry

    def draws(self, n: int, seed: int = 0) -> Floats:
        """Fields of ln k drawn from the posterior, (n, A)."""
        random = np.random.default_rng(seed)
        which = random.choice(self.chance.size, n, p=self.chance)
        normal = random.standard_normal((n, self.means.shape[1]))
        coefficients = self.means[which]
        for one in np.unique(which):
            coefficients[which == one] += normal[which == one] @ self.factors[one].T
        return _log_shell(coefficients @ self.geometry.basis.T, self.reference)


def _log_shell(x: Floats, reference: float) -> Floats:
    return np.asarray(np.log(np.maximum(1 + POWER * x, 1e-3)) / POWER + np.log(reference))


def fit_field(curves: Curves, areas: Floats, shape: Geometry, coefficients_share: float) -> ResolutionField:
    """Fit the field.

    Parameters
    ----------
    curves : Curves
        dFSC of every axis.
    areas : ndarray, shape (A,)
        Share of the sphere of each axis.
    shape : Geometry
        Of the axes.
    coefficients_share : float
        Share of the coefficients that a mask leaves independent: its volume ratio, 1 without one.

    Returns
    -------
    ResolutionField
        In shells.
    """
    at = _pilot(curves, shape)
    reference = float(np.exp(np.average(at, weights=areas)))
    slope = np.full(at.size, -5.0)
    fewer = coefficients_share ** (-1 / 3)  # a mask correlates shells besides what it does within them
    for turn in range(ITERATIONS):
        local = _Step.of(curves, at, slope)
        slope = local.slopes(slope, reference, shape)
        value, precision = local.values(slope)
        excess = local.excess if turn > 1 else 1.0
        inflated = max(1.0, excess * fewer, fewer**3)
        scale = np.exp(POWER * at) / reference**POWER  # dx / d ln k
        x = (scale - 1) / POWER + scale * (np.clip(value, -1.0, np.log(1.5 * curves.values.shape[1])) - at)
        root = np.sqrt(np.maximum(precision / scale**2 / inflated, 1e-6))
        chance, means, lower = _posterior(x, root, shape)
        at = np.clip(_log_shell(shape.basis @ (chance @ means), reference), 0.0, np.log(1.4 * curves.values.shape[1]))
    factors = _prior_sd(shape)[:, :, None] * np.linalg.inv(lower).transpose(0, 2, 1)
    return ResolutionField(at, value, root * scale, slope, reference, chance, means, factors, shape)


def _pilot(curves: Curves, shape: Geometry) -> Floats:
    """ln of the crossing of the dFSC pooled around each axis."""
    near = (shape.angle <= POOL).astype(np.float64)
    weight = near @ curves.n_eff
    pooled = np.divide(
        near @ (curves.n_eff * curves.values), weight, out=np.full(weight.shape, np.nan), where=weight > 0
    )
    shells = np.arange(1.0, weight.shape[1] + 1)
    found, flag, _ = crossings(shells, pooled, curves.threshold, weight)
    return np.asarray(np.log(np.select([flag == 0, flag == 1], [found, shells[-1]], 1.5)))


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One Gauss-Newton step of every axis's logistic in ln k and slope, at the shells near its crossing."""

    at: Floats
    a11: Floats
    a12: Floats
    a22: Floats
    b1: Floats
    b2: Floats
    kernel: Floats
    weight: Floats
    jacobians: tuple[Floats, Floats]
    excess: float  # squared residuals over what n_eff lets expect

    @classmethod
    def of(cls, curves: Curves, at: Floats, slope: Floats) -> _Step:
        k = np.exp(at)[:, None]
        last = min(curves.values.shape[1], int(np.ceil(k.max() * (1 + REACH) + LEAST_REACH)))
        values, n_eff = curves.values[:, :last], curves.n_eff[:, :last]
        s = np.arange(1.0, last + 1)
        kernel = (1 - np.minimum(np.abs(s - k) / np.maximum(LEAST_REACH, REACH * k), 1.0) ** 3) ** 3
        logit = np.log(curves.threshold / (1 - curves.threshold)) + slope[:, None] * (s / k - 1)
        f = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
        rise = f * (1 - f)
        weight = 2 * n_eff / (1 - np.minimum(f, 0.98) ** 2) ** 2
        residual = values - f
        j1, j2 = -slope[:, None] * (s / k) * rise, rise * (s / k - 1)
        w = kernel * weight
        judged = kernel * ((n_eff > 2) & (f < 0.9))
        excess = float((weight * residual**2 * judged).sum() / max(judged.sum(), 1e-9))
        return cls(
            at=at,
            a11=(w * j1 * j1).sum(axis=1),
            a12=(w * j1 * j2).sum(axis=1),
            a22=(w * j2 * j2).sum(axis=1),
            b1=(w * j1 * residual).sum(axis=1),
            b2=(w * j2 * residual).sum(axis=1),
            kernel=kernel,
            weight=weight,
            jacobians=(j1, j2),
            excess=excess,
        )

    def slopes(self, slope: Floats, reference: float, shape: Geometry) -> Floats:
        """Slopes pooled around each axis, drawn towards what the whole sphere tells."""
        share = self.a12 / (self.a11 + 1e-3)
        score, information = self.b2 - share * self.b1, self.a22 - share * self.a12
        relative = np.sqrt(np.exp(self.at) / reference)  # between a shift and a stretch of the curve
        total = max(float(information.sum()), 1e-9)
        common = (slope / relative * information).sum() / total + np.clip((score / relative).sum() / total, -2, 2)
        expected = np.clip(common, -20.0, -1.2) * relative
        near, prior = (shape.angle <= SLOPE_POOL) / REDUNDANCY, 1 / (SLOPE_SD * expected) ** 2
        pooled = slope + (near @ score + prior * (expected - slope)) / (near @ information + prior)
        return np.asarray(np.clip(pooled, 2.5 * expected, 0.3 * expected))

    def values(self, slope: Floats) -> tuple[Floats, Floats]:
        """ln k of each axis alone, and its precision; its slope is known to 10 %."""
        prior = 1 / (AXIS_SLOPE_SD * slope) ** 2
        share = self.a12 / (self.a22 + prior)
        information, score = self.a11 - share * self.a12, self.b1 - share * self.b2
        gradient = self.jacobians[0] - share[:, None] * self.jacobians[1]
        variance = (self.kernel**2 * self.weight * gradient**2).sum(axis=1) + share**2 * prior
        value = self.at + np.clip(score / np.maximum(information, 1e-12), -1.0, 1.0)
        return value, information**2 / np.maximum(variance, 1e-12)


def _prior_sd(shape: Geometry) -> Floats:
    """Of each coefficient, for each amplitude, (P, C)."""
    degrees = shape.degrees
    power = np.where(degrees > 0, (np.maximum(degrees, 1) * (degrees + 1.0)) ** -SMOOTHNESS, 0.0)
    for degree in np.unique(degrees[1:]):  # a group leaves fewer harmonics of a degree, not less power
        power[degrees == degree] *= (2 * degree + 1) / (degrees == degree).sum()
    variance = AMPLITUDES[:, None] ** 2 * power / max(power.sum(), 1e-300)
    variance[:, 0] = 25.0
    return np.asarray(np.sqrt(variance))


def _posterior(x: Floats, root: Floats, shape: Geometry) -> tuple[Floats, Floats, Floats]:
    """Chance of each amplitude of the prior; mean of the coefficients, and Cholesky factor, given it."""
    sd = _prior_sd(shape)
    design = root[:, None] * shape.basis
    weighted = shape.precision @ design
    information, score = design.T @ weighted, weighted.T @ (root * x)
    matrix = sd[:, :, None] * information * sd[:, None, :] + np.eye(shape.degrees.size)
    lower = np.linalg.cholesky(matrix)
    half = np.linalg.solve(lower, (sd * score)[:, :, None])[:, :, 0]
    evidence = 0.5 * (half**2).sum(axis=1) - np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    evidence += np.log(np.gradient(AMPLITUDES)) - np.log1p((AMPLITUDES / SCALE) ** 2)
    chance = np.exp(evidence - evidence.max())
    means = sd * np.linalg.solve(lower.transpose(0, 2, 1), half[:, :, None])[:, :, 0]
    return np.asarray(chance / chance.sum()), means, np.asarray(lower, dtype=np.float64)
