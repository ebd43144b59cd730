"""One sentence about an analysis: isotropic or not, from where on, and the worst direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .directions import unit_vectors
from .measures.fsc import global_crossing
from .measures.resolution import START_SHELL, ResolutionStatistics, resolution_statistics
from .measures.spread import AngularSpread, angular_spread
from .results import (
    FSO,
    Bingham,
    Crossing,
    DirectionalFSC,
    DirectionalResolution,
    GlobalFSC,
    InputFile,
    ResolutionFlag,
    Settings,
)

__all__ = [
    "Analysed",
    "Verdict",
    "axis_angles",
    "axis_words",
    "crossing_text",
    "dark_axes",
    "dipping_axes",
    "headline",
    "map_p_value",
    "map_verdict",
    "worst_axis",
]

Floats = NDArray[np.float64]

CLEAR, HINT = 4.0, 3.0  # standard deviations of the spread
SLIGHT = 1.1  # 95th to 5th percentile of directional resolution below which anisotropy is slight
SIGNIFICANT = 0.05
FEW_COEFFICIENTS = 3.0  # a crossing in a cone with fewer may be chance


class Analysed(Protocol):
    """What a summary reads of an `AnalysisResult`."""

    @property
    def settings(self) -> Settings:
        """What was asked for."""

    @property
    def inputs(self) -> tuple[InputFile, ...]:
        """The files."""

    @property
    def global_fsc(self) -> GlobalFSC:
        """FSC of whole shells."""

    @property
    def dfsc(self) -> DirectionalFSC:
        """FSC of every direction."""

    @property
    def fso(self) -> FSO:
        """Fourier shell occupancy."""

    @property
    def bingham(self) -> Bingham:
        """Tests of isotropy."""

    @property
    def directional_resolution(self) -> DirectionalResolution:
        """Resolution along every axis."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to be careful about."""

    @property
    def partial(self) -> bool:
        """Whether axes are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the map is anisotropic, and what that rests on.

    Attributes
    ----------
    word : str
        'isotropic', 'slightly anisotropic', 'anisotropic', 'undecided' or 'unknown'.
    reason : str
        What it rests on, in words.
    spread : AngularSpread
        Spread of dFSC over directions against noise.
    """

    word: str
    reason: str
    spread: AngularSpread


def map_verdict(r: Analysed) -> Verdict:
    """Whether directions differ by more than noise explains.

    Neither the width of the transition zone nor the textbook Bingham test can tell: noise alone
    gives an isotropic map a transition zone, and that test rejects most isotropic maps because
    the cones overlap. So the rule is, in this order:

    1. With a calibrated test of the whole map, its p-value decides (anisotropic at 0.05 or below).
    2. A map with directions that hold no signal anywhere up to FSO = 0.5 is anisotropic. They may
       be too few (below 10 %) to bring FSO down to 0.9, so that the next rule doesn't see them.
    3. Otherwise the variance of dFSC over directions in the transition zone is compared with that
       of noise alone (`measures.spread`): beyond 4 standard deviations is anisotropic, below 3 is
       isotropic as far as the noise lets one see, between is undecided. On isotropic simulations
       the ratio lies at 0.9-1.15.
    4. A map whose directions differ beyond noise, but whose middle 90 % of directions lie within
       10 % of each other in resolution, is called slightly anisotropic.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    Verdict
        A word and its reason.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> map_verdict(ca.analyze(ca.simulate_half_maps(box=64, preset="missing-cone", seed=0))).word
    'anisotropic'
    """
    spread = angular_spread(
        r.dfsc,
        r.global_fsc,
        r.fso,
        cone_half_angle=r.settings.cone_half_angle,
        masked=r.settings.mask != "none",
        volume_ratio=getattr(getattr(r, "mask_kernel", None), "volume_ratio", None),
    )
    p = map_p_value(r)
    if math.isfinite(p):
        reason = f"calibrated test of the whole map, p = {p:.2g}"
        return Verdict(word=_degree(r) if p <= SIGNIFICANT else "isotropic", reason=reason, spread=spread)
    dark = dark_axes(r)
    if dark.size:
        share = 100 * float(r.dfsc.areas[dark].sum())
        reason = f"{share:.1f} % of directions hold no signal"
        return Verdict(word="anisotropic", reason=reason, spread=spread)
    if not math.isfinite(spread.ratio):
        if r.fso.onset.flag is ResolutionFlag.NOT_CROSSED:
            reason = "every direction holds signal up to Nyquist, so nothing shows where they would part"
        else:
            reason = "a mask was applied and no shell without signal is left to measure the noise from"
        return Verdict(word="unknown", reason=reason, spread=spread)
    reason = f"dFSC varies over directions {spread.ratio:.1f} times as much as noise alone would make it"
    if spread.score < HINT:
        return Verdict(word="isotropic", reason=reason, spread=spread)
    return Verdict(word=_degree(r) if spread.score > CLEAR else "undecided", reason=reason, spread=spread)


def map_p_value(r: Analysed) -> float:
    """p-value of the calibrated test of the whole map.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    float
        NaN unless the analysis has been calibrated.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> map_p_value(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    nan
    """
    calibration = getattr(r, "calibration", None)
    value = getattr(calibration, "map_p_value", None)
    return float(value) if value is not None else float("nan")


def _degree(r: Analysed) -> str:
    s = resolution_statistics(r.directional_resolution)
    slight = s.n_below_at_start == 0 and s.n_not_crossed == 0 and s.p95 / s.p5 < SLIGHT
    return "slightly anisotropic" if slight else "anisotropic"


def headline(r: Analysed) -> str:
    """One sentence: isotropic or not, from which resolution on, and the worst direction.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    str
        Plain text; angles are those between lines, 0 to 90 degrees.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> headline(ca.analyze(ca.simulate_half_maps(box=64, preset="isotropic", seed=0)))
    'Isotropic as far as noise lets one see...'
    """
    verdict = map_verdict(r)
    s = resolution_statistics(r.directional_resolution)
    span = f"{s.p5:.2f}-{s.p95:.2f} Å in the middle 90 % of directions" if s.n_crossed else "no direction crosses chi"
    start = f"first {int(r.dfsc.done.sum())} axes only: " if r.partial else ""
    worst = _extremes(r, s)
    if verdict.word == "isotropic":
        found = f"Isotropic as far as noise lets one see ({verdict.reason}): {_global(r)}"
        text = f"{found}, directions differ ({span}) no more than noise explains."
    elif verdict.word == "unknown":
        text = f"Isotropy can't be judged ({verdict.reason}): {_global(r)}; {worst}."
    elif verdict.word == "undecided":
        found = f"Undecided ({verdict.reason}, too little to be sure): {_global(r)}"
        text = f"{found}; {worst}; calibrate the Bingham test to know."
    else:
        text = f"{verdict.word.capitalize()} {_onset(r)} ({verdict.reason}): {worst}."
    return start[:1].upper() + start[1:] + text if start else text


def _global(r: Analysed) -> str:
    chi = r.settings.threshold
    crossing = global_crossing(r.global_fsc, chi)
    if crossing.flag is ResolutionFlag.CROSSED:
        return f"global FSC {chi:g} at {crossing.resolution:.2f} Å"
    return f"global FSC {chi:g} {crossing_text(crossing, r.global_fsc.frequency)}"


def _onset(r: Analysed) -> str:
    if dark_axes(r).size:
        return "from the lowest shells on"
    if r.fso.onset.flag is ResolutionFlag.CROSSED:
        return f"from {r.fso.onset.resolution:.2f} Å on"
    return "from the lowest shells on" if r.fso.onset.flag is ResolutionFlag.BELOW_AT_START else "near Nyquist"


def _extremes(r: Analysed, s: ResolutionStatistics) -> str:
    """Worst and best direction in words; directions without any crossing come first."""
    d = r.directional_resolution
    index, dark = worst_axis(r), dark_axes(r).size
    if index < 0:
        return "no direction falls below chi before Nyquist"
    value = f"{d.resolution[index]:.2f} Å"
    if dark:
        value = f"no signal above chi, as in {dark} of {d.flag.size} axes"
    text = f"the worst direction ({value}) lies {axis_words(d.zenith[index], d.azimuth[index])}"
    if s.n_not_crossed:
        share = 100 * float(d.areas[d.flag == ResolutionFlag.NOT_CROSSED].sum())
        return f"{text}, {share:.0f} % of directions reach Nyquist ({1 / r.dfsc.frequency[-1]:.2f} Å)"
    if s.best_axis < 0:
        return text
    return f"{text}, the best ({s.best:.2f} Å) {axis_words(d.zenith[s.best_axis], d.azimuth[s.best_axis])}"


def dark_axes(r: Analysed) -> NDArray[np.int64]:
    """Axes without signal: below chi at the start, and on average up to where FSO = 0.5.

    An axis that is below chi in the first shell looked at but not on average got there by
    chance, since cones of that shell hold few coefficients.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    ndarray of int
        Indices, the lowest average dFSC first.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> dark_axes(ca.analyze(ca.simulate_half_maps(box=48, preset="isotropic", seed=0))).size
    0
    """
    dark = np.flatnonzero(r.directional_resolution.flag == ResolutionFlag.BELOW_AT_START)
    mean = _mean_up_to_middle(r, dark, np.full(dark.size, START_SHELL))
    below = mean < r.fso.threshold
    return np.asarray(dark[below][np.argsort(mean[below])])


def dipping_axes(r: Analysed) -> NDArray[np.int64]:
    """Axes whose first crossing is an early dip.

    It lies before the transition zone, and from there to where FSO = 0.5 the curve lies above
    chi on average. Noise, or a shell in which the particle itself is faint in that direction,
    makes such dips long before the curve falls to stay.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    ndarray of int
        Indices, ascending.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> dipping_axes(ca.analyze(ca.simulate_half_maps(box=48, preset="missing-cone", seed=0))).size
    0
    """
    d = r.directional_resolution
    onset = r.fso.onset.frequency if r.fso.onset.flag is ResolutionFlag.CROSSED else np.inf
    crossed = np.flatnonzero(d.measured & (1 / d.resolution < onset))
    first_below = np.searchsorted(r.dfsc.frequency, 1 / d.resolution[crossed]) + 1
    mean = _mean_up_to_middle(r, crossed, first_below)
    return np.asarray(crossed[np.isfinite(mean) & (mean >= r.fso.threshold)])


def _mean_up_to_middle(r: Analysed, axes: NDArray[np.int64], start: NDArray[np.int64]) -> Floats:
    """Mean dFSC, weighted by n_eff, of each axis from a shell to before FSO = 0.5; inf without shells."""
    stop = r.dfsc.frequency.size + 1
    if r.fso.middle.flag is ResolutionFlag.CROSSED:
        stop = max(int(np.searchsorted(r.fso.frequency, r.fso.middle.frequency)), START_SHELL) + 1
    shell = np.arange(1, r.dfsc.frequency.size + 1)
    values = r.dfsc.values[axes]
    reach = (shell >= start[:, None]) & (shell < stop) & np.isfinite(values)
    weight = np.where(reach, np.nan_to_num(r.dfsc.n_eff[axes]), 0.0)
    total = weight.sum(axis=1)
    sums = (weight * np.nan_to_num(values)).sum(axis=1)
    return np.asarray(np.divide(sums, total, out=np.full(len(axes), np.inf), where=total > 0))


def worst_axis(r: Analysed) -> int:
    """The axis of lowest resolution, not counting those that may be chance.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    int
        The darkest of the axes without signal, else the lowest crossing in a cone of at least 3
        effective coefficients that is not a mere dip; -1 if no axis falls below chi.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> 0 <= worst_axis(ca.analyze(ca.simulate_half_maps(box=48, preset="missing-cone", seed=0))) < 321
    True
    """
    dark = dark_axes(r)
    if dark.size:
        return int(dark[0])
    d = r.directional_resolution
    sure = d.measured & (np.nan_to_num(d.n_eff) >= FEW_COEFFICIENTS)
    sure[dipping_axes(r)] = False
    if not sure.any():
        return resolution_statistics(d).worst_axis
    return int(np.argmax(np.where(sure, np.nan_to_num(d.resolution), -np.inf)))


def axis_words(zenith: float, azimuth: float) -> str:
    """A direction by its angle to the nearest axis of the map, and by zenith and azimuth.

    Parameters
    ----------
    zenith, azimuth : float
        Degrees.

    Returns
    -------
    str
        Words.

    Examples
    --------
    >>> axis_words(12.0, 90.0)
    '12° from the z axis (zenith 12°, azimuth 90°)'
    """
    to = axis_angles(zenith, azimuth)
    nearest = min(to, key=lambda name: to[name])
    return f"{to[nearest]:.0f}° from the {nearest} axis (zenith {zenith:.0f}°, azimuth {azimuth:.0f}°)"


def axis_angles(zenith: float, azimuth: float) -> dict[str, float]:
    """Angles between a direction and the map's x, y and z axes.

    Parameters
    ----------
    zenith, azimuth : float
        Degrees.

    Returns
    -------
    dict
        'x', 'y', 'z': 0 to 90 degrees.

    Examples
    --------
    >>> {k: round(v, 6) for k, v in axis_angles(90.0, 0.0).items()}
    {'x': 0.0, 'y': 90.0, 'z': 90.0}
    """
    cosine: NDArray[np.float64] = np.clip(np.abs(unit_vectors(zenith, azimuth)), 0.0, 1.0)
    return dict(zip("xyz", np.rad2deg(np.arccos(cosine)).tolist(), strict=True))


def crossing_text(crossing: Crossing, frequency: NDArray[np.floating]) -> str:
    """A crossing as tables show it.

    Parameters
    ----------
    crossing : Crossing
        Of a curve.
    frequency : ndarray, shape (S,)
        1/Å, to name Nyquist.

    Returns
    -------
    str
        Å, or why there is no number.

    Examples
    --------
    >>> crossing_text(Crossing(level=0.143, frequency=float("nan"), flag=ResolutionFlag.NOT_CROSSED), np.array([0.25]))
    'not crossed (<= Nyquist 4.00 Å)'
    """
    if crossing.flag is ResolutionFlag.CROSSED:
        return f"{crossing.resolution:.2f} Å"
    if crossing.flag is ResolutionFlag.NOT_CROSSED:
        return f"not crossed (<= Nyquist {1 / frequency[-1]:.2f} Å)"
    return "below from the first shell on" if crossing.flag is ResolutionFlag.BELOW_AT_START else "not measured"
