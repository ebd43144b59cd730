"""Worst and best direction as regions of the sphere, with intervals of angle and of resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import angles, areas, axes_for, unit_vectors
from ..measures.crossing import crossings
from ..results.types import DirectionalFSC, ResolutionFlag, Result
from ._resolution_field import COMMON_SD, FINEST, Curves, ResolutionField, fit_field, geometry

__all__ = ["DirectionRegion", "DirectionRegions", "direction_regions"]

Floats = NDArray[np.float64]
Kind = Literal["axis", "girdle", "several"]

DRAWS = 400
ALIKE = 1.64  # posterior standard deviations within which a direction isn't told from the extreme one
SMOOTH_ERROR = 0.1  # of the field's range: what a smooth field may be wrong by in a sharp trough
CAP = 13.0  # degrees: a cap whose own values contradict the field is taken from them alone ...
CONTRADICTION = 4.0  # ... at so many standard deviations
ZONAL = 0.8  # share of the field's variance that one axis explains when the field is zonal
LEAST_SHELLS = 3.0  # with a mean crossing before, there is no signal to speak of
LEAST_GAP = 1e-6  # between the second moments of a region that has a middle
BEST_KNOWN = 4.0  # degrees: half the distance of axes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionRegion(Result):
    """The region of the sphere where resolution is worst, or best.

    Attributes
    ----------
    resolution : float
        Å; NaN only without any signal.
    interval : tuple of float
        Holds it with 95 % probability, in Å, the better end first.
    reaches_nyquist : bool
        Whether signal lasts to Nyquist there, so that `resolution` is Nyquist's.
    zenith, azimuth : float
        Degrees: the middle of the region; of a girdle, its normal.
    region_degrees : float
        Within so many degrees of the middle (of the girdle) it lies with 95 % probability.
    kind : {'axis', 'girdle', 'several'}
        Around one axis, all around the sphere across an axis, or around several axes that a point
        group or chance make alike.
    share : float
        Of the sphere.
    """

    resolution: float
    interval: tuple[float, float]
    reaches_nyquist: bool
    zenith: float
    azimuth: float
    region_degrees: float
    kind: Kind
    share: float

    @property
    def flag(self) -> ResolutionFlag:
        """Whether `resolution` is a crossing, Nyquist, or NaN for want of signal."""
        if self.reaches_nyquist:
            return ResolutionFlag.NOT_CROSSED
        return ResolutionFlag.CROSSED if np.isfinite(self.resolution) else ResolutionFlag.NO_SIGNAL

    def marks(self, count: int = 6) -> Floats:
        """Directions that show where the region is.

        Parameters
        ----------
        count : int
            How many to spread around a girdle; any other region has one.

        Returns
        -------
        ndarray, shape (N, 3)
            Unit vectors (x, y, z); none without signal anywhere.
        """
        if not np.isfinite(self.zenith):
            return np.empty((0, 3))
        middle = unit_vectors(self.zenith, self.azimuth)
        if self.kind != "girdle":
            return middle[None]
        across = unit_vectors(90.0, self.azimuth + 90.0)
        turn = np.pi * np.arange(count)[:, None] / count
        return np.asarray(np.cos(turn) * across + np.sin(turn) * np.cross(middle, across))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionRegions(Result):
    """By how much resolution differs over directions.

    Attributes
    ----------
    worst, best : DirectionRegion
        Of directional resolution, after directions were pooled.
    effect_ratio : float
        Resolution of the worst region over that of the best; NaN where all directions reach Nyquist.
    effect_interval : tuple of float
        Holds that ratio with 95 % probability; an interval from 1 on is no difference, and its upper
        end the difference that is excluded.
    percentile_ratio : float
        The same of the 95th over the 5th percentile.
    symmetry : str
        Point group that was told.
    """

    worst: DirectionRegion
    best: DirectionRegion
    effect_ratio: float
    effect_interval: tuple[float, float]
    percentile_ratio: float
    symmetry: str


def direction_regions(
    dfsc: DirectionalFSC, threshold: float, *, symmetry: str = "C1", volume_ratio: float = 1.0
) -> DirectionRegions:
    """Worst and best region of directional resolution, and the effect between them.

    The extremes of many noisy axes are not the map's worst and best. A smooth field of the crossing
    is fitted to all curves at once (empirical Bayes, see `statistics._resolution_field`); its extremes,
    the directions that can't be told from them, and draws from its posterior give the rest. Intervals
    are from noise alone, conditional on the map.

    Parameters
    ----------
    dfsc : DirectionalFSC
        Of the maps, all axes done.
    threshold : float
        chi.
    symmetry : str
        Point group of the map.
    volume_ratio : float
        Of the mask, v = (sum m^2)^2 / (N sum m^4); 1 without one.

    Returns
    -------
    DirectionRegions
        NaN without any signal.

    Raises
    ------
    SettingsError
        For an unknown point group.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=64, preset="missing-cone", seed=0))
    >>> regions = direction_regions(r.dfsc, 0.143)
    >>> regions.worst.kind, regions.worst.zenith < 20, regions.best.kind
    ('axis', True, 'girdle')
    """
    n_axes = min(len(dfsc.axes), FINEST)
    share = areas(n_axes)
    curves = Curves.of(dfsc, threshold, n_axes)
    level, flag = _mean_crossing(curves, share)
    if flag in (ResolutionFlag.NO_SIGNAL, ResolutionFlag.UNMEASURED) or level < LEAST_SHELLS:
        return _nothing(symmetry)
    field = fit_field(curves, share, geometry(n_axes, dfsc.cone_half_angle, symmetry), float(volume_ratio))
    return _Found(field, curves, share, dfsc.frequency, axes_for(n_axes), symmetry).regions()


def _mean_crossing(curves: Curves, share: Floats, added: Floats | float = 0.0) -> tuple[float, int]:
    """Crossing of the mean curve in shells, and its flag."""
    weight = share[:, None] * curves.n_eff
    total = weight.sum(axis=0)
    mean = np.divide((weight * curves.values).sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
    shells = np.arange(1.0, total.size + 1)
    found, flag, _ = crossings(shells, (mean + added)[None], curves.threshold, shells**2)
    return (float(found[0]) if flag[0] == ResolutionFlag.CROSSED else shells[-1]), int(flag[0])


def _nothing(symmetry: str) -> DirectionRegions:
    nan = float("nan")
    none = DirectionRegion(
        resolution=nan, interval=(nan, nan), reaches_nyquist=False, zenith=nan, azimuth=nan, region_degrees=nan,
        kind="several", share=1.0,
    )  # fmt: skip
    return DirectionRegions(
        worst=none, best=none, effect_ratio=nan, effect_interval=(nan, nan), percentile_ratio=nan, symmetry=symmetry
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Extreme:
    """One end of the field: its axis, the axes like it, and ln k there with its interval."""

    sign: int  # 1: the worst, which has the smallest k
    axis: int
    alike: NDArray[np.bool_]
    value: float
    sd: float
    low: float
    high: float


class _Found:
    """The two ends of one field, and what lies between them."""

    def __init__(
        self, field: ResolutionField, curves: Curves, share: Floats, frequency: Floats, axes: Floats, symmetry: str
    ) -> None:
        self.field, self.curves, self.share = field, curves, share
        self.frequency, self.axes, self.symmetry = frequency, axes, symmetry
        self.drawn = field.draws(DRAWS)
        self.shift = self._level()
        self.width = float(np.ptp(field.log_shell))
        self.zonal = _zonal(field.log_shell - share @ field.log_shell, axes, share)

    def regions(self) -> DirectionRegions:
        """Both ends in Å."""
        low, high = self._extreme(1), self._extreme(-1)
        nyquist = math.log(self.frequency.size)
        # beyond Nyquist nothing is measured: a ratio is at least that, or unknown where the worst gets there
        effect = min(high.value, nyquist) - low.value if low.value < nyquist else float("nan")
        sd = float(np.hypot(low.sd, high.sd))
        difference = self.drawn[:, high.axis] - self.drawn[:, low.axis]
        told = self.field.log_shell[high.axis] - self.field.log_shell[low.axis] > ALIKE * difference.std()
        if told:
            interval = (float(np.maximum(effect - 1.96 * sd, 0.0)), effect + 1.96 * sd)
        else:
            widest = float(np.quantile(np.ptp(self.drawn, axis=1), 0.95))
            interval = (0.0 if np.isfinite(effect) else effect, float(np.maximum(widest, effect + 1.96 * sd)))
        p5, p95 = _percentiles(self.field.log_shell, self.share)
        return DirectionRegions(
            worst=self._region(low),
            best=self._region(high),
            effect_ratio=float(np.exp(np.maximum(effect, 0.0))),
            effect_interval=(float(np.exp(interval[0])), float(np.exp(interval[1]))),
            percentile_ratio=float(np.exp(p95 - p5)),
            symmetry=self.symmetry,
        )

    def _level(self) -> float:
        """How far the mean curve's own crossing lies from that of the logistics' mean, in ln k."""
        k = np.exp(self.field.log_shell)[:, None]
        shells = np.arange(1.0, self.curves.values.shape[1] + 1)
        offset = np.log(self.curves.threshold / (1 - self.curves.threshold))
        logit = np.clip(offset + self.field.slope[:, None] * (shells / k - 1), -30, 30)
        model = Curves(1 / (1 + np.exp(-logit)), self.curves.n_eff, self.curves.threshold)
        weight = self.share[:, None] * self.curves.n_eff
        total = np.maximum(weight.sum(axis=0), 1e-9)
        residual = (weight * (self.curves.values - model.values)).sum(axis=0) / total
        kernel = np.exp(-0.5 * ((shells - shells[:, None]) / np.maximum(1.5, 0.08 * shells)[:, None]) ** 2) * shells**2
        smooth = (kernel @ residual) / kernel.sum(axis=1)
        (own, own_flag), (fitted, flag) = (
            _mean_crossing(model, self.share, smooth), _mean_crossing(model, self.share),
        )  # fmt: skip
        if own_flag or flag:
            return 0.0
        return float(np.clip(np.log(own / fitted), -0.3, 0.3))

    def _extreme(self, sign: int) -> _Extreme:
        k, drawn = self.field.log_shell, self.drawn
        axis = int(np.argmin(sign * k))
        apart = (drawn - drawn[:, [axis]]).std(axis=0)
        alike = sign * (k - k[axis]) <= ALIKE * apart
        alike[axis] = True
        weight = self.share * alike
        smooth, sd = (k @ weight / weight.sum() + k[axis]) / 2, float(drawn[:, axis].std())
        # what the axes themselves say, wherever a smooth field can't tell them apart
        wide = sign * (k - k[axis]) <= np.maximum(ALIKE * apart, SMOOTH_ERROR * self.width)
        own, own_sd = self._own(np.flatnonzero(wide))
        v1 = sd**2 + (SMOOTH_ERROR * self.width) ** 2
        v2 = own_sd**2 + sd**2 + (0.3 * SMOOTH_ERROR * self.width) ** 2
        value, sd = (smooth / v1 + own / v2) / (1 / v1 + 1 / v2), max((1 / (1 / v1 + 1 / v2)) ** 0.5, sd)
        spot = self._contradiction(sign)
        if spot is not None and sign * (spot[1] - value) < 0:
            axis, value, sd = spot[0], spot[1], float(np.hypot(spot[2], 0.05))
            alike = self.field.geometry.angle[axis] <= CAP
        sd = float(np.sqrt(sd**2 + COMMON_SD**2 + (0.3 * self.shift) ** 2))
        value += self.shift
        extreme = float(sign * np.quantile((sign * drawn).min(axis=1), 0.1) + self.shift)
        low, high = value - 1.96 * sd, value + 1.96 * sd
        return _Extreme(sign, axis, alike, value, sd, min(low, extreme), max(high, extreme))

    def _own(self, chosen: NDArray[np.int64]) -> tuple[float, float]:
        """Mean of the values of some axes alone by generalised least squares, and its sd."""
        root = self.field.precision[chosen]
        weight = np.linalg.solve(self.field.geometry.covariance[np.ix_(chosen, chosen)], root)
        information = float(weight @ root)
        return float(weight @ (root * self.field.value[chosen]) / information), information**-0.5

    def _contradiction(self, sign: int) -> tuple[int, float, float] | None:
        """The cap whose own values lie furthest beyond the field: axis, value, sd; None if none does."""
        root, g = self.field.precision, self.field.geometry
        weight = (g.angle <= CAP) * root**2
        weight /= weight.sum(axis=1, keepdims=True)
        scaled = weight / root
        sd = np.sqrt(((scaled @ g.covariance) * scaled).sum(axis=1))
        beyond = sign * (weight @ (self.field.value - self.field.log_shell)) / sd
        axis = int(np.argmin(beyond))
        if beyond[axis] > -CONTRADICTION:
            return None
        return axis, float(weight[axis] @ self.field.value), float(sd[axis])

    def _region(self, end: _Extreme) -> DirectionRegion:
        per_shell = 1 / self.frequency[0]  # Å of shell 1
        nyquist = math.log(self.frequency.size)
        kind, centre = self._shape(end)
        zenith, azimuth = (float(a[0]) for a in angles(centre[None]))
        dark = end.sign > 0 and self._dark(end.axis)
        worse = float("nan") if dark else float(per_shell / np.exp(min(end.low, nyquist)))
        return DirectionRegion(
            resolution=float("nan") if dark else float(per_shell / np.exp(min(end.value, nyquist))),
            interval=(float(per_shell / np.exp(min(end.high, nyquist))), worse),
            reaches_nyquist=bool(end.value >= nyquist and not dark),
            zenith=zenith,
            azimuth=azimuth,
            region_degrees=self._spread(end, kind, centre),
            kind=kind,
            share=float(self.share[end.alike].sum()),
        )

    def _dark(self, axis: int) -> bool:
        """Whether the pooled curve around an axis holds no signal at all."""
        near = self.share * (self.field.geometry.angle[axis] <= CAP)
        return _mean_crossing(self.curves, near)[1] == ResolutionFlag.NO_SIGNAL

    def _shape(self, end: _Extreme) -> tuple[Kind, Floats]:
        """Axis, girdle or several; and its middle, or its normal."""
        pole, explained = self.zonal
        tilt = float(np.rad2deg(np.arccos(min(1.0, abs(float(pole @ self.axes[end.axis]))))))
        if explained >= ZONAL and tilt > 55:
            return "girdle", pole
        if explained >= ZONAL and tilt < 20:
            return "axis", pole
        together = _component(end.alike, end.axis, self.field.geometry.angle)
        if self.share[end.alike & ~together].sum() > 0.25 * self.share[end.alike].sum():
            return "several", self.axes[end.axis]
        weight = self.share * together
        spread, frame = np.linalg.eigh((self.axes.T * weight) @ self.axes)
        if spread[-1] - spread[-2] < LEAST_GAP * spread[-1]:  # of all directions, rounding alone would name one
            return "axis", self.axes[end.axis]
        return "axis", frame[:, -1]

    def _spread(self, end: _Extreme, kind: Kind, centre: Floats) -> float:
        """Angle to the middle, the girdle, or the nearest of several, that holds 95 % of the draws' extremes."""
        found = np.argmin(end.sign * self.drawn, axis=1)
        cosine = np.clip(np.abs(self.axes[found] @ centre), 0.0, 1.0)
        if kind == "girdle":
            away = np.rad2deg(np.arcsin(cosine))
        elif kind == "several":
            away = self.field.geometry.angle[found][:, end.alike].min(axis=1)
        else:
            away = np.rad2deg(np.arccos(cosine))
        return float(max(BEST_KNOWN, np.quantile(away, 0.95)))


def _percentiles(values: Floats, share: Floats) -> tuple[float, float]:
    order = np.argsort(values)
    place = np.cumsum(share[order]) - share[order] / 2
    low, high = np.interp((0.05, 0.95), place, values[order])
    return float(low), float(high)


def _zonal(values: Floats, axes: Floats, share: Floats) -> tuple[Floats, float]:
    """The axis around which a field is most alike, and the share of its variance that tilt from it explains."""
    total = float(share @ values**2)
    if total <= 0:
        return axes[0], 0.0
    t = (axes @ axes.T) ** 2
    design = np.stack([np.ones_like(t), t, t**2, t**3], axis=2)  # of the tilt from every axis
    matrix = np.einsum("aik,i,ail->akl", design, share, design, optimize=True)
    score = np.einsum("aik,i->ak", design, share * values)
    inverse = np.linalg.pinv(matrix, rcond=1e-10, hermitian=True)  # few axes lie at too few tilts for a cubic
    explained = np.einsum("ak,akl,al->a", score, inverse, score) / total
    best = int(np.argmax(explained))
    return axes[best], float(explained[best])


def _component(chosen: NDArray[np.bool_], start: int, angle: Floats) -> NDArray[np.bool_]:
    """The chosen axes that hang together with one of them by steps between neighbours."""
    step = 1.2 * np.sort(angle, axis=1)[:, 1:7].max()
    reached = np.zeros(chosen.size, dtype=bool)
    reached[start] = True
    while True:
        further = chosen & (angle[:, reached] <= step).any(axis=1) | reached
        if further.sum() == reached.sum():
            return reached
        reached = further
