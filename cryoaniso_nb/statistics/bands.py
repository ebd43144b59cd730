"""How far noise alone moves occupancy and resolution: floor, bands and intervals.

For the analysis: ``band(dfsc, fso, settings, n_replicates=, seed=, level=, mask=,
symmetry=, nodes_per_face=, execution=) -> Band``, with `mask` the result's `MaskKernel`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..errors import SettingsError
from ..geometry.symmetry import group_name
from ..measures.crossing import crossing, crossings
from ..measures.expected_occupancy import noise_floor
from ..measures.fourier_shell_occupancy import END, ONSET, occupancy_curve
from ..results.types import FSO, DirectionalFSC, Frequencies, ResolutionFlag, Result, Settings
from .calibration import MOST_REPLICATES, calibrated_shells
from .noise_fields import MaskKernel, NoisePlan, ShellNoise, for_each_shell

__all__ = ["Band", "band", "check_band", "smoothing_matrix"]

Floats = NDArray[np.float64]

THIN = 3.0  # with fewer in the median cone, a handful of coefficients make up the whole shell
LARGEST = 1 - 1e-9


_log = logging.getLogger(__name__)


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
        Intervals of FSO = 0.9, 0.5 and 0.1 in Å, from low to high frequency: where the lower
        and the upper edge of the band cross the level, looked for in the shells that have a
        band. An end that may lie past Nyquist, or before those shells, is NaN.
    resolution : ndarray, shape (A,)
        Directional resolution of the smoothed dFSC in Å.
    resolution_low, resolution_high : ndarray, shape (A,)
        Interval of each axis's resolution in Å, from low to high frequency.
    n_eff_share : ndarray, shape (S,)
        Share of the cones' effective coefficients that mask and symmetry leave.
    level : float
        Of the band, 0.95.
    n_replicates, seed : int
        Number of replicates, and their seed.
    symmetry : str
        Point group of the noise; '' in files of versions that didn't record it.
    """

    _former = (("n_replicates", "n"),)

    frequency: Frequencies
    floor: Annotated[Floats, "S"]
    low: Annotated[Floats, "S"]
    high: Annotated[Floats, "S"]
    noise_free: Annotated[Floats, "S"]
    onset: tuple[float, float]
    middle: tuple[float, float]
    end: tuple[float, float]
    resolution: Annotated[Floats, "A"]
    resolution_low: Annotated[Floats, "A"]
    resolution_high: Annotated[Floats, "A"]
    n_eff_share: Annotated[Floats, "S"]
    level: float
    n_replicates: int
    seed: int
    symmetry: str = ""

    @property
    def call(self) -> str:
        """The method of a result that makes this again, with its arguments."""
        level = "" if self.level == 0.95 else f", level={self.level:g}"
        group = "" if self.symmetry in ("", "C1") else f", symmetry={self.symmetry!r}"
        return f"with_band(n_replicates={self.n_replicates}, seed={self.seed}{level}{group})"


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


def check_band(n_replicates: int, level: float = 0.95) -> None:
    """Refuse a band that its replicates can't give.

    Parameters
    ----------
    n_replicates : int
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
    if n_replicates < 39:
        raise SettingsError(f"The band has {n_replicates} replicates, but it takes at least 39 for its ends.")
    if n_replicates > MOST_REPLICATES:
        raise SettingsError(
            f"The band has {n_replicates} replicates, but more than {MOST_REPLICATES} tell nothing further; give fewer."
        )
    if not 0 < level < 1:
        raise SettingsError(f"The band's level is {level:g}, but it must lie between 0 and 1 (0.95).")


def band(
    dfsc: DirectionalFSC,
    curve: FSO,
    settings: Settings,
    *,
    n_replicates: int = 199,
    seed: int = 0,
    level: float = 0.95,
    mask: MaskKernel | None = None,
    symmetry: str = "C1",
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> Band:
    """Parametric bootstrap of FSO and directional resolution from the measured dFSC.

    The measured dFSC is smoothed along shells and its spread between directions is reduced to
    what noise doesn't explain; noise with the correlations of cones, box and mask is added
    `n_replicates` times.

    Parameters
    ----------
    dfsc : DirectionalFSC
        Of the maps, all axes done.
    curve : FSO
        Of the maps.
    settings : Settings
        Box and cone.
    n_replicates : int
        Number of replicates.
    seed : int
        Of the random numbers.
    level : float
        Probability that the band holds what it estimates.
    mask : MaskKernel, optional
        Of the mask that the maps were multiplied with.
    symmetry : str
        Point group of the maps, see `geometry.symmetry.point_group`: the noise has it too.
    nodes_per_face : int
        Fineness of the direction nodes.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    Band
        Floor, band, intervals.

    Raises
    ------
    SettingsError
        When `n_replicates` is under 39, or `level` not between 0 and 1.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.statistics.bands import band
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0))
    >>> b = band(r.dfsc, r.fso, r.settings, n_replicates=49)
    >>> known = np.isfinite(b.low)  # not in the first shells: their cones hold too little
    >>> bool((b.low <= r.fso.occupancy)[known].all() and (r.fso.occupancy <= b.high)[known].all())
    True
    """
    check_band(n_replicates, level)
    group = group_name(symmetry)
    shells = calibrated_shells(curve) or (dfsc.frequency.size,)
    _log.info("band: %d replicates of %d shells, seed %d, %s", n_replicates, len(shells), seed, group)
    plan = NoisePlan(
        box=settings.box,
        axes=dfsc.axes,
        cone_half_angle=settings.cone_half_angle,
        shells=shells,
        replicates=n_replicates,
        seed=seed + 1,  # other noise than the calibration's
        mask=mask,
        symmetry=group,
        nodes_per_face=nodes_per_face,
    )
    drawn = for_each_shell(plan, _FisherNoise(), stage="bootstrapping", execution=execution)
    share = _share(dfsc.n_eff, drawn, shells)
    noise = _everywhere(dfsc.n_eff, drawn, shells, seed)
    return _summarised(
        dfsc, curve, noise, share, level, execution, n_replicates=n_replicates, seed=seed, symmetry=group
    )


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
    execution: Execution,
    **made_from: Any,
) -> Band:
    areas, frequency, threshold = dfsc.areas / dfsc.areas.sum(), dfsc.frequency, curve.threshold
    measured = np.isfinite(dfsc.values)
    z = np.arctanh(np.clip(np.nan_to_num(dfsc.values.T), -LARGEST, LARGEST))  # (S, A)
    matrix = smoothing_matrix(frequency.size)
    smooth = matrix @ z
    smooth_noise = np.einsum("st,tan->san", matrix, noise, optimize=True)
    execution.raise_if_cancelled()
    # spread between axes that noise does not explain
    explained = np.mean(_between(np.moveaxis(smooth_noise, 1, 2), areas), axis=1)
    observed = _between(smooth, areas)
    keep = np.sqrt(np.clip(1 - explained / np.maximum(observed, 1e-300), 0, 1))
    mean = (smooth @ areas)[:, None]
    true = mean + keep[:, None] * (smooth - mean)

    execution.raise_if_cancelled()
    level_z = np.arctanh(threshold)
    total = areas @ measured
    pass_share = np.einsum("a,san->sn", areas, (true[:, :, None] + noise >= level_z) & measured.T[:, :, None])
    replicate = np.divide(pass_share, total[:, None], out=np.full(pass_share.shape, np.nan), where=total[:, None] > 0)
    enough = np.median(dfsc.n_eff * share, axis=0) >= THIN
    low, high = _bounds(curve.occupancy, replicate, enough, level)
    tail = (1 - level) / 2
    edges = (tail, 1 - tail)

    found = crossings(frequency, np.tanh(smooth.T), threshold, dfsc.n_eff)[0]
    bounds = np.empty((2, len(areas)))
    for axis in range(len(areas)):
        execution.raise_if_cancelled()
        moved = np.tanh(smooth[:, axis, None] + smooth_noise[:, axis]).T
        bounds[:, axis] = _quantiles(*crossings(frequency, moved, threshold, dfsc.n_eff[axis])[:2], edges)
    ideal = occupancy_curve(np.where(measured, np.tanh(true.T), np.nan), areas, threshold)
    return Band(
        frequency=frequency,
        floor=noise_floor(dfsc.n_eff * share, areas, threshold),
        low=low,
        high=high,
        noise_free=ideal,
        onset=_interval(frequency, low, high, ONSET),
        middle=_interval(frequency, low, high, 0.5),
        end=_interval(frequency, low, high, END),
        resolution=1 / found,
        resolution_low=1 / bounds[0],
        resolution_high=1 / bounds[1],
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


def _quantiles(values: Floats, flags: NDArray[np.int8], edges: tuple[float, float]) -> Floats:
    """Quantiles of crossing frequencies, NaN past Nyquist and without signal."""
    ranked = np.select([flags == ResolutionFlag.NOT_CROSSED, flags == ResolutionFlag.NO_SIGNAL], [np.inf, 0.0], values)
    result = np.quantile(ranked, edges, method="inverted_cdf")
    return np.where(np.isfinite(result) & (result > 0), result, np.nan)


def _interval(frequency: Floats, low: Floats, high: Floats, level: float) -> tuple[float, float]:
    """Where the edges of the band cross a level, in Å."""
    return crossing(frequency, low, level).resolution, crossing(frequency, high, level).resolution
