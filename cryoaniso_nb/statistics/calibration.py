"""Calibrated Bingham test: p-values against isotropic half maps of the same FSC, box, mask and cone.

For the analysis: ``kernel = mask_kernel(maps.mask)`` is kept in the result (`MaskKernel`);
``calibrate(dfsc, fso, bingham, global_fsc, settings, n_replicates=, seed=, mask=kernel,
symmetry=, nodes_per_face=, execution=) -> Calibration``;
``calibrated_bingham(bingham, fso, calibration) -> Bingham`` with `calibrated` and its range.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..errors import SettingsError
from ..geometry.symmetry import group_name
from ..measures.bingham_test import anisotropic_range, statistic
from ..measures.crossing import last_shells
from ..measures.fourier_shell_occupancy import END, ONSET, zone_shells
from ..results.types import FSO, Bingham, DirectionalFSC, Frequencies, GlobalFSC, Result, Settings
from .noise_fields import MaskKernel, NoisePlan, ShellNoise, for_each_shell

__all__ = [
    "Calibration",
    "calibrate",
    "calibrated_bingham",
    "calibrated_shells",
    "check_replicates",
    "monte_carlo_p",
    "signal_to_noise",
]

Floats = NDArray[np.float64]

MOST_REPLICATES = 100_000
MARGIN = 5  # shells tested on either side of the transition zone


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Calibration(Result):
    """Monte Carlo null of the Bingham test.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    p_value : ndarray, shape (S,)
        Share of isotropic half maps with as large a statistic: small means anisotropic. NaN
        in shells that weren't tested, far from the transition zone.
    null_median, null_high : ndarray, shape (S,)
        Median and 95 % point of the statistic on isotropic half maps.
    map_p_value : float
        One test of the whole map, corrected for its many shells; NaN when FSO never falls to 0.9.
    map_shell : int
        The shell where the statistic stands out most; 0 if there is none.
    n_replicates, seed : int
        Number of replicates, and their seed.
    masked : bool
        Whether the replicates were drawn through the mask.
    symmetry : str
        Point group of the replicates.
    """

    _former = (("n_replicates", "n"),)

    frequency: Frequencies
    p_value: Annotated[Floats, "S"]
    null_median: Annotated[Floats, "S"]
    null_high: Annotated[Floats, "S"]
    map_p_value: float
    map_shell: int
    n_replicates: int
    seed: int
    masked: bool = False
    symmetry: str = "C1"

    @property
    def call(self) -> str:
        """The method of a result that makes this again, with its arguments."""
        group = "" if self.symmetry == "C1" else f", symmetry={self.symmetry!r}"
        return f"with_calibration(n_replicates={self.n_replicates}, seed={self.seed}{group})"


def calibrated_shells(curve: FSO) -> tuple[int, ...]:
    """Shells that the calibration covers: the transition zone and some beside it.

    Parameters
    ----------
    curve : FSO
        Its zone may be a step, or reach past Nyquist.

    Returns
    -------
    tuple of int
        Shell numbers; empty when FSO never falls to 0.9.

    Examples
    --------
    >>> from cryoaniso_nb.measures.fourier_shell_occupancy import transition_zone
    >>> f = np.arange(1, 21) / 20
    >>> occupancy = np.where(f < 0.6, 1.0, 0.0)
    >>> onset, end = transition_zone(f, occupancy)
    >>> calibrated_shells(FSO(frequency=f, occupancy=occupancy, threshold=0.143, onset=onset, middle=onset, end=end))
    (6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
    """
    zone = zone_shells(curve)
    if zone.start >= zone.stop:
        return ()
    margin = max(MARGIN, (zone.stop - zone.start) // 3)
    return tuple(range(max(1, zone.start + 1 - margin), min(curve.frequency.size, zone.stop + margin) + 1))


def check_replicates(n_replicates: int) -> None:
    """Refuse a number of replicates that can't reach p = 0.05.

    Parameters
    ----------
    n_replicates : int
        Number of replicates.

    Raises
    ------
    SettingsError
        For fewer than 19, or more than 100000.

    Examples
    --------
    >>> check_replicates(199)
    """
    if n_replicates < 19:
        raise SettingsError(
            f"The calibration has {n_replicates} replicates, but it takes at least 19 to reach p = 0.05."
        )
    if n_replicates > MOST_REPLICATES:
        raise SettingsError(
            f"The calibration has {n_replicates} replicates, but more than {MOST_REPLICATES} tell nothing "
            "further; give fewer."
        )


def monte_carlo_p(value: Floats, null: Floats) -> Floats:
    """Monte Carlo p-value (1 + #{null >= value}) / (1 + n); ties count against the value.

    Parameters
    ----------
    value : ndarray, shape (...)
        Observed statistics; NaN gives NaN.
    null : ndarray, shape (..., n)
        Statistics of the replicates, NaN ones are left out.

    Returns
    -------
    ndarray, shape (...)
        Between 1/(1 + n) and 1.

    Examples
    --------
    >>> monte_carlo_p(np.array([3.0, 0.0]), np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])).tolist()
    [0.5, 1.0]
    """
    usable = np.isfinite(null)
    # equal sums in another order may differ in their last digits
    reached = usable & (null >= value[..., None] - 1e-9 * np.maximum(1.0, np.abs(value[..., None])))
    p = (1 + reached.sum(axis=-1)) / (1 + usable.sum(axis=-1))
    return np.asarray(np.where(np.isfinite(value) & usable.any(axis=-1), p, np.nan))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Statistic:
    """Bingham statistic and occupancy of every isotropic replicate of a shell."""

    axes: Floats
    areas: Floats
    threshold: float
    fsc: dict[int, float]

    def __call__(self, noise: ShellNoise) -> tuple[Floats, Floats]:
        values = noise.isotropic_fsc(self.fsc[noise.shell])
        passing = values >= self.threshold
        occupancy = self.areas @ passing
        return np.where(np.isfinite(values).all(axis=0), statistic(self.axes, passing), np.nan), occupancy


def calibrate(
    dfsc: DirectionalFSC,
    curve: FSO,
    bingham: Bingham,
    global_fsc: GlobalFSC,
    settings: Settings,
    *,
    n_replicates: int = 199,
    seed: int = 0,
    mask: MaskKernel | None = None,
    symmetry: str = "C1",
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> Calibration:
    """Draw isotropic half maps shell by shell and compare their Bingham statistic.

    Parameters
    ----------
    dfsc : DirectionalFSC
        Of the maps, all axes done.
    curve : FSO
        Its threshold and transition zone.
    bingham : Bingham
        The observed statistic.
    global_fsc : GlobalFSC
        Each replicate has exactly this FSC in every shell. The one without the mask tells how
        strong the signal is that the mask spreads over shells.
    settings : Settings
        Box and cone.
    n_replicates : int
        Number of replicates.
    seed : int
        Of the random numbers.
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
    Calibration
        p-values of the shells in and near the transition zone, and of the whole map.

    Raises
    ------
    SettingsError
        When `n_replicates` is under 19, too few for a p-value of 0.05.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.statistics.calibration import calibrate
    >>> r = ca.analyze(ca.simulate_half_maps(box=48, preset="missing-side-views", seed=0))
    >>> test = calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99)
    >>> test.map_p_value < 0.05
    True
    """
    check_replicates(n_replicates)
    group = group_name(symmetry)
    shells = tuple(s for s in calibrated_shells(curve) if np.isfinite(global_fsc.fsc[s - 1]))
    _log.info("calibration: %d replicates of %d shells, seed %d, %s", n_replicates, len(shells), seed, group)
    plan = NoisePlan(
        box=settings.box,
        axes=dfsc.axes,
        cone_half_angle=settings.cone_half_angle,
        shells=shells,
        replicates=n_replicates,
        seed=seed,
        mask=mask,
        symmetry=group,
        nodes_per_face=nodes_per_face,
        signal=signal_to_noise(global_fsc.fsc_unmasked),
    )
    reduce = _Statistic(
        dfsc.axes, dfsc.areas, curve.threshold, {s: float(np.clip(global_fsc.fsc[s - 1], -1, 1)) for s in shells}
    )
    drawn = for_each_shell(plan, reduce, stage="calibrating", execution=execution)
    blank = np.full(dfsc.frequency.size, np.nan)
    p_value, median, high = blank.copy(), blank.copy(), blank.copy()
    map_p, map_shell = float("nan"), 0
    if shells:
        place = np.array(shells) - 1
        null = np.stack([b for b, _ in drawn])
        p_value[place] = monte_carlo_p(bingham.statistic[place], null)
        usable = np.isfinite(null).any(axis=1)
        median[place[usable]] = np.nanmedian(null[usable], axis=1)
        high[place[usable]] = np.nanquantile(null[usable], 0.95, axis=1)
        map_p, map_shell = _map_test(curve, bingham.statistic, place, null, np.stack([share for _, share in drawn]))
    return Calibration(
        frequency=dfsc.frequency,
        p_value=p_value,
        null_median=median,
        null_high=high,
        map_p_value=map_p,
        map_shell=map_shell,
        n_replicates=n_replicates,
        seed=seed,
        masked=mask is not None,
        symmetry=group,
    )


def signal_to_noise(fsc: Floats) -> Floats:
    """Spectral signal-to-noise ratio a^2 of half maps.

    Parameters
    ----------
    fsc : ndarray, shape (S,)
        FSC of whole shells; NaN counts as 0.

    Returns
    -------
    ndarray, shape (S,)
        FSC / (1 - FSC), 0 where the FSC is negative.

    Examples
    --------
    >>> signal_to_noise(np.array([0.5, -0.1])).tolist()
    [1.0, 0.0]
    """
    ratio = np.clip(np.nan_to_num(fsc), 0.0, 1 - 1e-6)
    return np.asarray(ratio / (1 - ratio))


def _map_test(
    curve: FSO, statistic: Floats, place: NDArray[np.int64], null: Floats, occupancy: Floats
) -> tuple[float, int]:
    """p-value of the largest statistic in the zone, each shell's divided by its mean.

    Every replicate is treated as the map is: its own occupancy decides where its zone lies.
    """
    zone = zone_shells(curve)
    usable = np.isfinite(statistic[place]) & np.isfinite(null).all(axis=1)
    inside = (place >= zone.start) & (place < zone.stop) & usable
    if not inside.any():
        return float("nan"), 0
    every = np.column_stack([statistic[place], null])
    mean = every.mean(axis=1, keepdims=True)
    ratio = np.divide(every, mean, out=np.zeros_like(every), where=mean > 0)
    zones = np.column_stack([inside, _zones(occupancy, place) & usable[:, None]])
    top = np.where(zones, ratio, 0.0).max(axis=0)
    shell = int(place[np.argmax(np.where(inside, ratio[:, 0], -1.0))]) + 1
    return float(monte_carlo_p(top[:1], top[None, 1:])[0]), shell if top[0] > 0 else 0


def _zones(occupancy: Floats, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Shells in and beside the transition zone of each replicate, by the rule of the map's own."""
    row = np.arange(len(occupancy))[:, None]
    weights = np.asarray(place + 1.0, dtype=np.float64)  # each shell by its number, as in `crossing`
    onset, end = (last_shells(occupancy.T, level, weights) for level in (ONSET, END))
    return np.asarray((onset < len(occupancy)) & (row >= onset - 1) & ((row <= end) | (end == 0)))


def calibrated_bingham(bingham: Bingham, curve: FSO, calibration: Calibration) -> Bingham:
    """The Bingham test with its calibrated curve and range.

    Parameters
    ----------
    bingham : Bingham
        Without them.
    curve : FSO
        Whose transition zone the range must overlap.
    calibration : Calibration
        Of the same maps.

    Returns
    -------
    Bingham
        `p_calibrated` is the p-value per shell, ``range("p_calibrated")`` the shells at or below 0.05. There is
        no range where the test of the whole map doesn't reject: of many shells some are below by chance.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.statistics.calibration import calibrate
    >>> r = ca.analyze(ca.simulate_half_maps(box=48, preset="missing-cone", seed=0))
    >>> test = calibrate(r.dfsc, r.fso, r.bingham, r.global_fsc, r.settings, n_replicates=99)
    >>> low, high = calibrated_bingham(r.bingham, r.fso, test).range("p_calibrated")
    >>> low > high
    True
    """
    with np.errstate(invalid="ignore"):
        shells = (calibration.p_value <= bingham.significance) & (calibration.map_p_value <= bingham.significance)
        found = anisotropic_range(curve, shells)
    return bingham.replace(p_calibrated=calibration.p_value, ranges={**bingham.ranges, "p_calibrated": found})
