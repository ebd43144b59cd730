"""How far noise alone moves occupancy and resolution: floor, bands and intervals.

For the analysis: ``band(dfsc, fso, settings, n=, seed=, level=, mask=, rotations=,
symmetry=, nodes_per_face=, scheduler=, progress=, cancel=) -> Band``, with `mask` the result's `MaskKernel`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, nctdtr
from scipy.stats import chi2

from ..engine import Progress
from ..errors import Cancelled, SettingsError
from ..results import FSO, DirectionalFSC, Result, Settings
from .calibration import calibrated_shells
from .crossing import first_crossings
from .fso import END, ONSET, occupancy_curve
from .noisefields import MaskKernel, NoisePlan, ShellNoise, for_each_shell
from .resolution import START_SHELL

__all__ = ["Band", "band", "check_band", "noise_floor", "pass_probability", "smoothing_matrix"]

Floats = NDArray[np.float64]

THIN = 3.0  # with fewer in the median cone, a handful of coefficients make up the whole shell
FEW = 10.0  # effective coefficients: with fewer, noise alone passes 0.143 in one cone of five
LARGEST = 1 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Band(Result):
    """What noise does to FSO and to directional resolution.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    floor : ndarray, shape (S,)
        Expected FSO of pure noise: what passes by luck alone.
    low, high : ndarray, shape (S,)
        Band of FSO; with probability `level` it holds the mean FSO that such maps give. NaN in
        the first shells, where the median cone holds fewer than 3 effective coefficients.
    noise_free : ndarray, shape (S,)
        Estimate of FSO without noise, which widens the fall of the measured one.
    onset, middle, end : tuple of float
        Intervals of FSO = 0.9, 0.5 and 0.1 in Å, from low to high frequency: where the band
        around the crossing holds the level. The crossing is looked for in the shells that have
        a band. An end that may lie past Nyquist, or before those shells, is NaN.
    resolution : ndarray, shape (A,)
        Directional resolution of the smoothed dFSC in Å.
    resolution_low, resolution_high : ndarray, shape (A,)
        Interval of each axis's resolution in Å, from low to high frequency.
    doubtful : ndarray of bool, shape (A,)
        Axes whose first crossing lies outside that interval (noise made it), or whose cone
        holds too few effective coefficients at the crossing to tell.
    n_eff_share : ndarray, shape (S,)
        Share of the cones' effective coefficients that mask and symmetry leave.
    level : float
        Of the band, 0.95.
    n, seed : int
        Number of replicates, and their seed.
    symmetry : str
        Point group of the noise; '' in files of versions that didn't record it.
    """

    frequency: Floats
    floor: Floats
    low: Floats
    high: Floats
    noise_free: Floats
    onset: tuple[float, float]
    middle: tuple[float, float]
    end: tuple[float, float]
    resolution: Floats
    resolution_low: Floats
    resolution_high: Floats
    doubtful: NDArray[np.bool_]
    n_eff_share: Floats
    level: float
    n: int
    seed: int
    symmetry: str = ""


def pass_probability(dfsc: Floats, n_eff: Floats, threshold: float) -> Floats:
    """Chance that the measured dFSC of a cone reaches the threshold, given the true one.

    A measured dFSC is the correlation R of 2 n_eff pairs of real numbers of known mean 0. Its
    Fisher transform is taken as that of pure noise (exact: (1 + R)/2 is Beta distributed)
    moved by the true value's and by Fisher's bias r/(4 n_eff). In cones of fewer than 6
    coefficients R's own distribution is integrated instead: given one half map,
    sqrt(2 n_eff - 1) R / sqrt(1 - R^2) is noncentral t.

    Parameters
    ----------
    dfsc : ndarray
        True dFSC.
    n_eff : ndarray, same shape
        Effective number of independent complex coefficients in the cone.
    threshold : float
        chi.

    Returns
    -------
    ndarray
        0 to 1; NaN where `dfsc` is NaN or the cone is empty.

    Examples
    --------
    >>> pass_probability(np.array([0.0, 0.143, 0.9]), np.array([4.25, 70.0, 70.0]), 0.143).round(2).tolist()
    [0.35, 0.5, 1.0]
    """
    pairs = 2 * np.maximum(n_eff, 1.0)
    true = np.clip(dfsc, -LARGEST, LARGEST)
    shift = np.arctanh(threshold) - np.arctanh(true) - true / (2 * pairs)
    half = (pairs - 1) / 2
    chance = np.asarray(betaincc(half, half, (1 + np.tanh(shift)) / 2))
    thin = np.broadcast_to((n_eff > 0) & (n_eff < 6) & np.isfinite(true), chance.shape)
    if thin.any():
        chance = np.array(chance, copy=True)
        chance[thin] = _pass_thin(
            np.broadcast_to(true, thin.shape)[thin], np.broadcast_to(pairs, thin.shape)[thin], threshold
        )
    return np.asarray(np.where(n_eff > 0, chance, np.nan))


def _pass_thin(true: Floats, pairs: Floats, threshold: float) -> Floats:
    """The same from the noncentral t distribution, averaged over the power of one half map."""
    limit = threshold * np.sqrt((pairs - 1) / (1 - threshold**2))
    odds = true / np.sqrt(1 - true**2)
    points = (np.arange(24) + 0.5) / 24
    power = np.asarray(chi2.ppf(points[:, None], pairs), dtype=np.float64)
    below = nctdtr(np.broadcast_to(pairs - 1, power.shape), odds * np.sqrt(power), np.broadcast_to(limit, power.shape))
    return np.asarray(1 - below.mean(axis=0))


def noise_floor(n_eff: Floats, areas: Floats, threshold: float) -> Floats:
    """Expected FSO of shells of pure noise.

    Parameters
    ----------
    n_eff : ndarray, shape (A, S)
        Effective coefficients in each cone.
    areas : ndarray, shape (A,)
        Share of the sphere of each axis.
    threshold : float
        chi.

    Returns
    -------
    ndarray, shape (S,)
        Share of axes that pass by luck; NaN where all cones are empty.

    Examples
    --------
    >>> noise_floor(np.array([[4.25, 68.0]]), np.ones(1), 0.143).round(2).tolist()
    [0.35, 0.05]
    """
    chance = pass_probability(np.zeros(n_eff.shape), n_eff, threshold)
    total = areas @ (n_eff > 0)
    passing = areas @ np.nan_to_num(chance)
    return np.asarray(np.divide(passing, total, out=np.full(total.shape, np.nan), where=total > 0))


def smoothing_matrix(shells: int) -> Floats:
    """Local linear regression along shells, as a matrix on curves.

    Parameters
    ----------
    shells : int
        Number of shells, S.

    Returns
    -------
    ndarray, shape (S, S)
        Rows sum to 1 and reproduce straight lines. The Gaussian weights have an sd of 1.5
        shells, or of 3 % of the shells where that is more.

    Examples
    --------
    >>> bool(np.allclose(smoothing_matrix(24) @ np.arange(24.0), np.arange(24.0)))
    True
    """
    width = max(1.5, 0.03 * shells)
    step = np.arange(shells)[None, :] - np.arange(shells)[:, None].astype(np.float64)
    weight = np.exp(-0.5 * (step / width) ** 2)
    s0, s1, s2 = (np.sum(weight * step**p, axis=1, keepdims=True) for p in (0, 1, 2))
    return np.asarray(weight * (s2 - s1 * step) / (s0 * s2 - s1**2))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _FisherNoise:
    """Fisher transform of pure noise in every cone, (A, n)."""

    def __call__(self, noise: ShellNoise) -> NDArray[np.float32]:
        value = np.clip(np.nan_to_num(noise.noise_fsc()), -LARGEST, LARGEST)
        return np.asarray(np.arctanh(value), dtype=np.float32)


def check_band(n: int, level: float = 0.95) -> None:
    """Refuse a band that its replicates can't give.

    Parameters
    ----------
    n : int
        Number of replicates.
    level : float
        Probability that the band holds what it estimates.

    Raises
    ------
    SettingsError
        For fewer than 39 replicates, or a level outside 0 to 1.

    Examples
    --------
    >>> check_band(199, 0.95)
    """
    if n < 39:
        raise SettingsError(f"The band has {n} replicates, but it takes at least 39 for its ends.")
    if not 0 < level < 1:
        raise SettingsError(f"The band's level is {level:g}, but it must lie between 0 and 1 (0.95).")


def band(
    dfsc: DirectionalFSC,
    curve: FSO,
    settings: Settings,
    *,
    n: int = 199,
    seed: int = 0,
    level: float = 0.95,
    mask: MaskKernel | None = None,
    rotations: Floats | None = None,
    symmetry: str = "C1",
    nodes_per_face: int = 49,
    scheduler: Any = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Band:
    """Parametric bootstrap of FSO and directional resolution from the measured dFSC.

    The measured dFSC is smoothed along shells and its spread between directions is reduced to
    what noise doesn't explain; noise with the correlations of cones, box and mask is added
    n times.

    Parameters
    ----------
    dfsc : DirectionalFSC
        Of the maps, all axes done.
    curve : FSO
        Of the maps.
    settings : Settings
        Box and cone.
    n : int
        Number of replicates.
    seed : int
        Of the random numbers.
    level : float
        Probability that the band holds what it estimates.
    mask : MaskKernel, optional
        Of the mask that the maps were multiplied with.
    rotations : ndarray, shape (G, 3, 3), optional
        Point group of the maps, acting on (x, y, z).
    symmetry : str
        Its name.
    nodes_per_face : int
        Fineness of the direction nodes.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address, or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    Band
        Floor, band, intervals.

    Raises
    ------
    SettingsError
        When `n` is under 39, or `level` not between 0 and 1.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.measures.bands import band
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0))
    >>> b = band(r.dfsc, r.fso, r.settings, n=49)
    >>> known = np.isfinite(b.low)  # not in the first shells: their cones hold too little
    >>> bool((b.low <= r.fso.occupancy)[known].all() and (r.fso.occupancy <= b.high)[known].all())
    True
    """
    check_band(n, level)
    shells = calibrated_shells(curve) or (dfsc.frequency.size,)
    plan = NoisePlan(
        box=settings.box,
        axes=dfsc.axes,
        cone_half_angle=settings.cone_half_angle,
        shells=shells,
        replicates=n,
        seed=seed + 1,  # other noise than the calibration's
        mask=mask,
        rotations=rotations,
        nodes_per_face=nodes_per_face,
    )
    drawn = for_each_shell(
        plan, _FisherNoise(), stage="bootstrapping", scheduler=scheduler, progress=progress, cancel=cancel
    )
    share = _share(dfsc.n_eff, drawn, shells)
    noise = _everywhere(dfsc.n_eff, drawn, shells, seed)
    return _summarised(dfsc, curve, noise, share, level, cancel, n=n, seed=seed, symmetry=symmetry)


def _share(n_eff: Floats, drawn: list[NDArray[np.float32]], shells: tuple[int, ...]) -> Floats:
    """Share of n_eff left by mask and symmetry: from the variance of the drawn noise."""
    place = np.array(shells) - 1
    variance = np.array([np.mean(np.square(z), dtype=np.float64) for z in drawn])
    expected = np.array([np.mean(1 / np.maximum(2 * n_eff[:, p] - 2, 0.8)) for p in place])
    share = np.minimum(1.0, expected / variance)
    smooth = np.convolve(np.pad(share, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return np.interp(np.arange(n_eff.shape[1]), place, smooth)


def _everywhere(
    n_eff: Floats, drawn: list[NDArray[np.float32]], shells: tuple[int, ...], seed: int
) -> NDArray[np.float32]:
    """Noise (S, A, n) of all shells; those far from the zone borrow, rescaled and reshuffled."""
    random = np.random.default_rng([seed, 1])
    count = n_eff.shape[1]
    noise = np.empty((count, *drawn[0].shape), dtype=np.float32)
    for s in range(1, count + 1):
        source = min(max(s, shells[0]), shells[-1])
        values = drawn[shells.index(source)]
        if source != s:
            scale = np.sqrt(np.maximum(n_eff[:, source - 1], 1) / np.maximum(n_eff[:, s - 1], 1))
            values = values[:, random.permutation(values.shape[1])] * scale[:, None].astype(np.float32)
        noise[s - 1] = values
    return noise


def _between(values: Floats, areas: Floats) -> Floats:
    """Variance between axes (..., A) -> (...)."""
    mean = values @ areas
    return np.square(values - mean[..., None]) @ areas


def _summarised(
    dfsc: DirectionalFSC,
    curve: FSO,
    noise: NDArray[np.float32],
    share: Floats,
    level: float,
    cancel: threading.Event | None,
    **made_from: Any,
) -> Band:
    areas, frequency, threshold = dfsc.areas / dfsc.areas.sum(), dfsc.frequency, curve.threshold
    measured = np.isfinite(dfsc.values)
    z = np.arctanh(np.clip(np.nan_to_num(dfsc.values.T), -LARGEST, LARGEST))  # (S, A)
    matrix = smoothing_matrix(frequency.size)
    smooth = matrix @ z
    smooth_noise = np.einsum("st,tan->san", matrix, noise, optimize=True)
    Cancelled.if_set(cancel)
    # spread between axes that noise does not explain
    explained = np.mean(_between(np.moveaxis(smooth_noise, 1, 2), areas), axis=1)
    observed = _between(smooth, areas)
    keep = np.sqrt(np.clip(1 - explained / np.maximum(observed, 1e-300), 0, 1))
    mean = (smooth @ areas)[:, None]
    true = mean + keep[:, None] * (smooth - mean)

    Cancelled.if_set(cancel)
    level_z = np.arctanh(threshold)
    total = areas @ measured
    pass_share = np.einsum("a,san->sn", areas, (true[:, :, None] + noise >= level_z) & measured.T[:, :, None])
    replicate = np.divide(pass_share, total[:, None], out=np.full(pass_share.shape, np.nan), where=total[:, None] > 0)
    enough = np.median(dfsc.n_eff * share, axis=0) >= THIN
    low, high = _bounds(curve.occupancy, replicate, enough, level)
    tail = (1 - level) / 2
    edges = (tail, 1 - tail)

    crossing = first_crossings(frequency, np.tanh(smooth.T), threshold, start=START_SHELL)[0]
    bounds = np.empty((2, len(areas)))
    for axis in range(len(areas)):
        Cancelled.if_set(cancel)
        moved = np.tanh(smooth[:, axis, None] + smooth_noise[:, axis]).T
        bounds[:, axis] = _quantiles(first_crossings(frequency, moved, threshold, start=START_SHELL)[0], edges)
    first, _, shell = first_crossings(frequency, dfsc.values, threshold, start=START_SHELL)
    place = np.maximum(shell - 1, 0)
    few = (shell > 0) & ((dfsc.n_eff * share)[np.arange(shell.size), place] < FEW)
    with np.errstate(invalid="ignore"):
        outside = (first < bounds[0]) | (first > bounds[1])
    ideal = occupancy_curve(np.where(measured, np.tanh(true.T), np.nan), areas, threshold)
    return Band(
        frequency=frequency,
        floor=noise_floor(dfsc.n_eff * share, areas, threshold),
        low=low,
        high=high,
        noise_free=ideal,
        onset=_interval(curve, low, high, ONSET),
        middle=_interval(curve, low, high, 0.5),
        end=_interval(curve, low, high, END),
        resolution=1 / crossing,
        resolution_low=1 / bounds[0],
        resolution_high=1 / bounds[1],
        doubtful=few | outside,
        n_eff_share=share,
        level=level,
        **made_from,
    )


def _bounds(occupancy: Floats, replicate: Floats, enough: NDArray[np.bool_], level: float) -> tuple[Floats, Floats]:
    """Band of FSO: the replicates moved so that their mean is the measured curve; NaN in thin shells."""
    angle = np.arcsin(np.sqrt(np.clip(replicate, 0, 1)))  # nearly the same variance at any FSO
    centre = np.arcsin(np.sqrt(np.clip(replicate.mean(axis=1), 0, 1)))
    moved = np.arcsin(np.sqrt(np.clip(occupancy, 0, 1)))[:, None] + angle - centre[:, None]
    tail = (1 - level) / 2
    low, high = np.quantile(np.sin(np.clip(moved, 0, np.pi / 2)) ** 2, (tail, 1 - tail), axis=1)
    low, high = np.minimum(low, occupancy), np.maximum(high, occupancy)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def _quantiles(values: Floats, edges: tuple[float, float]) -> Floats:
    """Quantiles of crossing frequencies; where not crossed counts as past Nyquist, NaN."""
    result = np.quantile(np.where(np.isfinite(values), values, np.inf), edges, method="inverted_cdf")
    return np.where(np.isfinite(result), result, np.nan)


def _interval(curve: FSO, low: Floats, high: Floats, level: float) -> tuple[float, float]:
    """Where the band around the first crossing of a level holds that level, in Å.

    The band holds the mean curve at its crossing as often as anywhere else; the first crossing
    of a noisy curve lies before that of its mean, and quantiles of crossings are biased alike.
    """
    frequency, occupancy = curve.frequency, np.where(np.isfinite(low), curve.occupancy, np.nan)
    risen = np.flatnonzero(occupancy >= ONSET)  # as the transition zone does
    start = int(risen[0]) + 1 if risen.size else 1
    crossing = first_crossings(frequency, occupancy[None], level, start=start)[0][0]
    if not np.isfinite(crossing):
        return float("nan"), float("nan")
    above = np.flatnonzero((frequency <= crossing) & (low >= level))
    begin = first_crossings(frequency, low[None], level, start=int(above[-1]) + 1)[0][0] if above.size else np.nan
    below = np.flatnonzero((frequency >= crossing) & (high < level))
    stop = np.nan
    if below.size:
        before = int(np.flatnonzero((frequency <= crossing) & (high >= level))[-1])
        stop = first_crossings(frequency, high[None], level, start=before + 1)[0][0]
    return float(1 / begin), float(1 / stop)
