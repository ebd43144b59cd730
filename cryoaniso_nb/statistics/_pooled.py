"""Harmonics pooled over shells: what they have in common, what chance makes of it, and the test of more.

Shells are taken together along a *course*, the known way in which what is looked for goes from shell to shell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .noise_harmonics import HIGHEST_DEGREE

__all__ = ["TESTED", "Chance", "Shells", "chance_of", "difference_test", "even_views_test", "view_scatter"]

Floats = NDArray[np.float64]

TESTED = (2, 4, 6)  # degrees; those above tell how many views there are
LARGEST_LAG = 8  # shells that a mask correlates, at most; a tighter one leaves too little to tell
SMALLEST_CORRELATION = 0.04
TOO_CORRELATED = 0.2
LEAST_INDEPENDENT = 0.25  # sets of shells, beyond what trends along the shells take
REPLICATES = 999


# --- what chance does --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Shells:
    """The shells that are used: coefficients, FSC, and harmonics (S, C)."""

    count: Floats
    fsc: Floats
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """Mean of each harmonic over shells, its variance and how well that is known, and the reach of correlations."""

    mean: Floats
    variance: Floats
    freedom: float
    count: float
    lag: int
    measured: bool  # or are shells taken to be correlated farther than that

    def with_mean(self, mean: Floats, variance: Floats) -> Chance:
        """The same knowledge of chance for the mean of something else."""
        return replace(self, mean=mean, variance=variance)


def chance_of(shells: Shells, course: Floats, degrees: NDArray[np.int64]) -> Chance | None:
    """Means over shells along a course, and their variance from what varies from shell to shell.

    Where correlations reach farther than can be measured, shells that near count as wholly correlated. None
    where nothing varies.
    """
    largest = min(LARGEST_LAG, shells.count.size // 4)
    found = _covariance(shells, course, largest).mean(axis=1)
    if not found[0] > 0:
        return None
    share = shells.count * course
    share = share / (share @ course)
    # of each lag's covariance in the variance of the mean
    reach = np.array([(2 if d else 1) * np.sum(_pairs(share / np.sqrt(shells.count), d)) for d in range(largest + 1)])
    measured = bool(found[-1 - largest // 2 :].mean() < TOO_CORRELATED * found[0])
    if measured:
        least = max(SMALLEST_CORRELATION, 2 / np.sqrt(shells.values.size))  # fewer harmonics leave chance in it
        lag = min(largest, int(np.argmax(np.append(found[1:] < least * found[0], True))))
        each = reach[: lag + 1] @ _covariance(shells, course, lag)
    else:
        lag, each = largest, np.abs(reach).sum() * _covariance(shells, course, 0)[0]
    variance = _smooth(np.maximum(each, 0.0), degrees)
    independent = max(np.sum(np.abs(share)) ** 2 / np.sum(share**2) / (2 * lag + 1) - 2, LEAST_INDEPENDENT)
    if not variance.min() > 0:
        return None
    mean, freedom = share @ shells.values, float(degrees.size * independent)
    return Chance(mean, variance, freedom, float(shells.count @ course**2), lag, measured)


def _pairs(values: Floats, lag: int) -> Floats:
    """Products of neighbors `lag` apart along the first dimension."""
    return np.asarray(values[: len(values) - lag] * values[lag:])


def _covariance(shells: Shells, course: Floats, largest: int) -> Floats:
    """Covariance along shells of sqrt(count) times each harmonic, lags 0 to `largest`: (lags, C).

    What goes with a constant or with the FSC is taken out of each harmonic first, and accounted for: the
    covariance is unbiased where it depends on the lag alone. Shells weigh as they do in the mean.
    """
    root = np.sqrt(shells.count)
    trends = root[:, None] * np.stack([np.ones(root.size), shells.fsc, course], axis=1)
    smooth, size, _ = np.linalg.svd(trends, full_matrices=False)
    smooth = smooth[:, size > 1e-6 * size[0]]
    rest = np.eye(root.size) - smooth @ smooth.T
    white, weight = rest @ (shells.values * root[:, None]), root * course
    found = np.array([_pairs(white * weight[:, None], d).sum(axis=0) for d in range(largest + 1)])
    matrix = np.empty((largest + 1, largest + 1))
    for column in range(largest + 1):
        band = np.eye(root.size, k=column) + (np.eye(root.size, k=-column) if column else 0.0)
        expected = rest @ band @ rest
        for row in range(largest + 1):
            matrix[row, column] = np.sum(_pairs(weight, row) * np.diagonal(expected, row))
    return np.asarray(np.linalg.solve(matrix, found))


def _smooth(each: Floats, degrees: NDArray[np.int64]) -> Floats:
    """Variance as v exp(-k l (l + 1)), by least squares: coefficients correlated at close range blur high degrees."""
    x = degrees * (degrees + 1.0)
    slopes = np.linspace(0.0, 0.01, 201)
    shape = np.exp(-np.outer(slopes, x))
    size = shape @ each / np.square(shape).sum(axis=1)
    best = int(np.argmin(np.square(each - size[:, None] * shape).sum(axis=1)))
    return np.asarray(size[best] * shape[best])


# --- the test ----------------------------------------------------------------------------


def _great_circle(degrees: NDArray[np.int64]) -> Floats:
    """P_l(0)^2: what averaging over a great circle leaves of a harmonic's power."""
    value, result = 1.0, {0: 1.0}
    for degree in range(2, HIGHEST_DEGREE + 1, 2):
        value *= (degree - 1) / degree
        result[degree] = value**2
    return np.array([result[int(degree)] for degree in degrees])


def view_scatter(mean: Floats, variance: Floats, degrees: NDArray[np.int64], above: int) -> Floats:
    """1/N of the views from the degrees above some degree, shape of the leading dimensions; may be negative."""
    high = degrees > above
    kept = _great_circle(degrees[high])
    excess = np.square(mean[..., high]) - variance[..., high]
    return np.asarray(excess @ kept / (kept @ kept))


def _score(power: Floats, degrees: NDArray[np.int64], top: int) -> Floats | None:
    """Standard score of the mean power of the degrees up to `top`; power has mean 1 by chance."""
    low = degrees <= top
    if not low.any():
        return None
    width = 2 / (9 * np.count_nonzero(low))  # Wilson and Hilferty: the cube root of chi-squared is nearly normal
    return np.asarray((np.cbrt(power[..., low].mean(axis=-1)) - 1 + width) / np.sqrt(width))


def _largest(scores: list[Floats | None]) -> Floats:
    return np.asarray(np.max([score for score in scores if score is not None], axis=0))


def _beyond_views(mean: Floats, variance: Floats, degrees: NDArray[np.int64]) -> Floats:
    """Largest of the scores of degrees 2, 2 to 4 and 2 to 6, each against the degrees above them."""
    kept, scores = _great_circle(degrees), []
    for top in TESTED:
        scatter = view_scatter(mean, variance, degrees, top)[..., None] * kept
        expected = np.maximum(variance + scatter, variance / 2)
        scores.append(_score(np.square(mean) / expected, degrees, top))
    return _largest(scores)


def _beyond_noise(mean: Floats, variance: Floats, degrees: NDArray[np.int64]) -> Floats:
    """The same against noise alone."""
    power = np.square(mean) / variance
    return _largest([_score(power, degrees, top) for top in TESTED])


def even_views_test(chance: Chance, degrees: NDArray[np.int64], random: np.random.Generator) -> tuple[float, Floats]:
    """p-value by parametric bootstrap of evenly drawn views, and the excess of each tested degree."""
    scatter = max(0.0, float(view_scatter(chance.mean, chance.variance, degrees, TESTED[-1])))
    return _bootstrap(_beyond_views, chance, chance.variance + scatter * _great_circle(degrees), degrees, random)


def difference_test(chance: Chance, degrees: NDArray[np.int64], random: np.random.Generator) -> tuple[float, Floats]:
    """p-value against noise alone, and the excess of each tested degree."""
    return _bootstrap(_beyond_noise, chance, chance.variance, degrees, random)


def _bootstrap(
    statistic: Callable[[Floats, Floats, NDArray[np.int64]], Floats],
    chance: Chance,
    explained: Floats,
    degrees: NDArray[np.int64],
    random: np.random.Generator,
) -> tuple[float, Floats]:
    drawn = random.standard_normal((REPLICATES, degrees.size)) * np.sqrt(explained)
    known = chance.variance * (random.chisquare(chance.freedom, (REPLICATES, 1)) / chance.freedom)
    reached = statistic(drawn, known, degrees) >= statistic(chance.mean, chance.variance, degrees)
    power = np.square(chance.mean) / explained
    present = [degrees == degree for degree in TESTED]
    excess = np.array([power[own].mean() if own.any() else np.nan for own in present])
    return float((1 + reached.sum()) / (1 + REPLICATES)), excess
