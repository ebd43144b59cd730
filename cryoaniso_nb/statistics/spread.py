"""How far directional FSC spreads over directions, against what noise alone explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..measures.fourier_shell_occupancy import zone_shells
from ..results.types import FSO, DirectionalFSC, GlobalFSC, ResolutionFlag, Result

__all__ = ["AngularSpread", "angular_spread"]

Floats = NDArray[np.float64]

FIRST_SHELL = 5  # cones of the shells before hold too few coefficients
FEW_COEFFICIENTS = 3.0
SHELLS_PAST_END = 1  # dFSC of the best directions may go on a little past FSO = 0.1
NOISE_SHELLS = 3  # at least so many, to measure the noise from
SILENT = 0.1  # global FSC below which a shell is taken as noise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AngularSpread(Result):
    """Variance of dFSC over directions in the transition zone.

    Attributes
    ----------
    ratio : float
        Variance over directions divided by that of noise alone, mean over the zone's shells;
        about 1 for an isotropic map, NaN where it can't be told.
    noise : float
        Variance of Fisher-transformed dFSC times 2 n_eff in shells of noise alone: 1 without a
        mask, more with one. NaN where no such shell is left and there is a mask.
    sd : float
        Standard deviation of `ratio` on isotropic maps.
    n_shells, n_noise_shells : int
        Shells that went into either.
    """

    ratio: float
    noise: float
    sd: float
    n_shells: int
    n_noise_shells: int

    @property
    def score(self) -> float:
        """How many standard deviations the spread exceeds that of an isotropic map."""
        return (self.ratio - 1) / self.sd


def angular_spread(
    dfsc: DirectionalFSC,
    curve: GlobalFSC,
    occupancy: FSO,
    *,
    cone_half_angle: float,
    masked: bool,
    volume_ratio: float | None = None,
    expected: Floats | None = None,
) -> AngularSpread:
    """Compare the spread of dFSC over directions with its noise.

    Under isotropy every direction has the FSC of its shell, and Fisher's transform of a measured
    dFSC has variance 1/(2 n_eff) around it, times a factor for the correlation that a mask
    brings. That factor is measured where there is no signal left, beyond the transition zone;
    overlap of the cones changes how well a variance is known, not the variance itself.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis.
    curve : GlobalFSC
        FSC of whole shells.
    occupancy : FSO
        Its transition zone says where to look.
    cone_half_angle : float
        Degrees; so many disjoint cones are independent.
    masked : bool
        Whether a mask was applied: without one the factor is 1 where it can't be measured.
    volume_ratio : float, optional
        Of the mask, v = (sum m^2)^2/(N sum m^4): where the factor can't be measured it is
        taken as v^(-2/3).
    expected : ndarray, shape (A, S), optional
        What each axis would have without anisotropy, instead of the FSC of its shell: of a map
        against a model `EvenNoise.dfsc`.

    Returns
    -------
    AngularSpread
        Ratio of the two, NaN where there is no transition zone or the noise is unknown.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=48, preset="isotropic", seed=0))
    >>> angular_spread(r.dfsc, r.global_fsc, r.fso, cone_half_angle=17.0, masked=False).score < 4
    True
    """
    squares = _standard_squares(dfsc, curve.fsc, expected)
    known = np.isfinite(squares)
    zone = np.zeros(squares.size, dtype=bool)
    zone[zone_shells(occupancy)] = True
    quiet = _noise_shells(curve, occupancy) & known
    zone &= known & ~quiet
    n, nan = int(zone.sum()), float("nan")
    n_noise = int(quiet.sum())
    cones = min(int(dfsc.done.sum()), 1 / (1 - np.cos(np.deg2rad(cone_half_angle))))
    noise, shells = _noise(squares[quiet], cones, masked, volume_ratio)
    if n == 0 or not np.isfinite(noise):
        return AngularSpread(ratio=nan, noise=noise, sd=nan, n_shells=n, n_noise_shells=n_noise)
    # A mask that multiplies the variance by v^(-2/3) correlates about v^(-1/3) neighbouring shells.
    sd = float(np.sqrt(2 * noise**0.5 / cones * (1 / n + (1 / shells if shells else 0.0))))
    return AngularSpread(
        ratio=float(squares[zone].mean()) / noise, noise=noise, sd=sd, n_shells=n, n_noise_shells=n_noise
    )


def _noise_shells(curve: GlobalFSC, occupancy: FSO) -> NDArray[np.bool_]:
    """Shells where no signal is left: beyond the transition zone and beyond the fall of the FSC."""
    quiet = np.zeros(curve.frequency.size, dtype=bool)
    loud = np.flatnonzero(np.nan_to_num(curve.fsc) >= SILENT)
    start = int(loud[-1]) + 1 if loud.size else 0
    if occupancy.end.flag is ResolutionFlag.CROSSED:  # a mask may lift the noise so that it isn't
        start = max(start, zone_shells(occupancy).stop)
    quiet[start + SHELLS_PAST_END :] = True
    return quiet


def _noise(squares: Floats, cones: float, masked: bool, volume_ratio: float | None) -> tuple[float, int]:
    """The factor of the noise's variance, and the number of shells it rests on (0: theory)."""
    if squares.size >= NOISE_SHELLS:
        measured = max(1.0, float(squares.mean()))
        if masked or measured > 1 + 3 * np.sqrt(2 / (cones * squares.size)):
            return measured, squares.size
        return 1.0, 0
    if masked and volume_ratio is not None:
        return volume_ratio ** (-2 / 3), 0
    return (float("nan") if masked else 1.0), 0


def _standard_squares(dfsc: DirectionalFSC, shells: Floats, expected: Floats | None) -> Floats:
    """Per shell, the mean over directions of (Fisher z - that expected)^2 over its variance without a mask.

    It is 1/(2 n_eff) for two half maps; of a model, which is given and not drawn, (1 - f^2/2)/(2 n_eff).
    """
    values, n_eff, areas = dfsc.values[dfsc.done], dfsc.n_eff[dfsc.done], dfsc.areas[dfsc.done]
    usable = np.isfinite(values) & (n_eff >= FEW_COEFFICIENTS)
    centre, given = np.broadcast_to(np.nan_to_num(shells), values.shape), 0.0
    if expected is not None:
        usable &= np.isfinite(expected[dfsc.done])
        centre, given = np.where(usable, expected[dfsc.done], 0.0), 0.5
    z, middle = (np.arctanh(np.clip(np.where(usable, f, 0.0), -0.999999, 0.999999)) for f in (values, centre))
    square = np.where(usable, (z - middle) ** 2 * 2 * np.where(usable, n_eff, 0.0) / (1 - given * centre**2), 0.0)
    total = areas @ usable
    mean = np.divide(areas @ square, total, out=np.full(total.shape, np.nan), where=total > 0.9 * areas.sum())
    mean[: FIRST_SHELL - 1] = np.nan
    mean[~np.isfinite(shells)] = np.nan
    return np.asarray(mean)
