"""What tilting the stage would do to a map: sampling, FSO and the worst direction at each tilt.

From the views of an untilted data set the sampling of every cone follows for any tilt; with
the half maps' dFSC, so does the signal-to-noise ratio, which is proportional to sampling in
each shell: SSNR(s, d) = c(s) x sampling(d). c(s) is taken from the area mean of dFSC, fitted
by a B factor where that is lost in noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..geometry.directions import angles, axes_for
from ..geometry.directions import areas as areas_for
from ..inputs.poses import SINGLE
from ..results.types import DirectionalFSC, Frequencies, Measured, ResolutionFlag, Result
from .agreement import UNEVEN, PoseAgreement, pose_agreement
from .crossing import crossing, crossings
from .expected_occupancy import expected_occupancy
from .fourier_shell_occupancy import ONSET, transition_zone
from .sampling import (
    MAX_TILT,
    HasViews,
    cone_sampling,
    sampling_spread,
    tilted_views,
    view_array,
    view_histogram,
)
from .sampling_compensation import SCF, TROUBLE, scf

__all__ = ["TILTS", "TiltAdvice", "predicted_dfsc", "shell_scale", "tilt_advice"]

Floats = NDArray[np.float64]

TILTS = tuple(range(0, 61, 5))
GAIN = 0.03  # share by which FSO must stay above 0.9 to higher frequencies for a tilt to be worth it
MOST = 0.8  # of the best tilt's gain: the smallest tilt that gives so much is recommended
SURE = 3.0  # standard errors the mean dFSC must stand above 0 to be used
FIRST_FIT_SHELL = 5

ASSUMPTIONS = (
    "The poses are those of untilted images, and particles lie at every angle in the specimen's plane.",
    "Number of particles, their alignment and their quality stay the same at every tilt.",
    "The signal-to-noise ratio of a cone is proportional to the views that sample it.",
)
THICKNESS = "The path through the ice grows as 1/cos(tilt), and the signal-to-noise ratio falls as cos(tilt)."
NO_THICKNESS = "The longer path through the ice costs no signal."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TiltAdvice(Result):
    """Prediction for a series of stage tilts (T of them), and a recommendation.

    Attributes
    ----------
    tilts : ndarray, shape (T,)
        Degrees.
    axes, areas : ndarray, shapes (A, 3) and (A,)
        Cone axes, and their share of the sphere.
    sampling : ndarray, shape (T, A)
        Sampling of each cone, relative to evenly spread untilted views.
    scf, scf_star, f0 : ndarray, shape (T,)
        Sampling compensation factors and the unsampled share.
    worst_axis : ndarray of int, shape (T,)
        The axis sampled least.
    worst_zenith, worst_azimuth : ndarray, shape (T,)
        Its angles in degrees.
    worst_sampling : ndarray, shape (T,)
        Its sampling.
    frequency : ndarray, shape (S,)
        1/Å; empty without half maps, as all that follows.
    occupancy : ndarray, shape (T, S)
        FSO as it would be measured, noise included.
    onset, middle, end : ndarray, shape (T,)
        Å where FSO falls to 0.9, 0.5 and 0.1; NaN where it doesn't.
    worst_resolution, best_resolution : ndarray, shape (T,)
        Å of the worst and the best direction; NaN where one lies below the threshold from the
        start, or doesn't fall below it.
    recommended : float
        Degrees; NaN where nothing can be recommended.
    advice : str
        One sentence.
    assumptions : tuple of str
        What the prediction rests on.
    symmetry : str
        Point group applied.
    n_views : int
        Particles.
    thickness_loss : bool
        Whether the path through the ice costs signal.
    warnings : tuple of str
        What makes the prediction doubtful.
    """

    tilts: Annotated[Floats, "T"]
    axes: Annotated[Floats, "A", 3]
    areas: Annotated[Floats, "A"]
    sampling: Annotated[Floats, "T", "A"]
    scf: Annotated[Floats, "T"]
    scf_star: Annotated[Floats, "T"]
    f0: Annotated[Floats, "T"]
    worst_axis: Annotated[NDArray[np.int64], "T"]
    worst_zenith: Annotated[Floats, "T"]
    worst_azimuth: Annotated[Floats, "T"]
    worst_sampling: Annotated[Floats, "T"]
    frequency: Frequencies
    occupancy: Annotated[Floats, "T", "S"]
    onset: Annotated[Floats, "T"]
    middle: Annotated[Floats, "T"]
    end: Annotated[Floats, "T"]
    worst_resolution: Annotated[Floats, "T"]
    best_resolution: Annotated[Floats, "T"]
    recommended: float
    advice: str
    assumptions: tuple[str, ...]
    symmetry: str
    n_views: int
    thickness_loss: bool
    warnings: tuple[str, ...] = ()

    @property
    def has_maps(self) -> bool:
        """Whether FSO was predicted, not sampling alone."""
        return self.frequency.size > 0


def shell_scale(dfsc: DirectionalFSC, sampling: Floats) -> Floats:
    """c(s) of SSNR = c(s) x sampling(d): what the area mean of dFSC tells.

    Parameters
    ----------
    dfsc : DirectionalFSC
        Of the half maps.
    sampling : ndarray, shape (A,)
        Of the same axes, at the tilt the maps were collected at.

    Returns
    -------
    ndarray, shape (S,)
        Positive; beyond the last shell whose mean dFSC stands clear of noise, the
        continuation of a line through the logarithm of c against the square of frequency.
        NaN everywhere if no shell does.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for, areas
    >>> true, even = np.array([[9.0, 4.0, 1.0, 0.5, 0.25, 0.1]]), np.ones(6)
    >>> dfsc = DirectionalFSC(frequency=np.arange(1, 7) / 20, axes=axes_for(6), areas=areas(6),
    ...                       values=np.repeat(true / (1 + true), 6, axis=0), n_eff=np.full((6, 6), 1e4),
    ...                       done=np.ones(6, dtype=bool))
    >>> shell_scale(dfsc, even).round(2).tolist()
    [9.0, 4.0, 1.0, 0.5, 0.25, 0.1]
    """
    measured = np.isfinite(dfsc.values)
    share = np.where(measured, dfsc.areas[:, None], 0.0)
    total = share.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(measured, dfsc.values, 0.0)
        mean = (share * mean).sum(axis=0) / total
        counted = np.where(measured, np.maximum(dfsc.n_eff, 1.0), np.nan)
    # cones overlap: the mean over the sphere rests on about this many independent coefficients
    disjoint = 23.0 * np.nanmean(np.where(measured, counted, 0.0), axis=0)
    sure = (mean > SURE / np.sqrt(2 * np.maximum(disjoint, 1.0))) & (total > 0)
    scale = np.full(mean.shape, np.nan)
    start = min(FIRST_FIT_SHELL - 1, sure.size)  # the few coefficients of the shells before are no reason to stop
    last = start + (int(np.argmin(sure[start:])) if not sure[start:].all() else sure.size - start)
    if last <= start or not (total[:last] > 0).all():
        return scale
    scale[:last] = _solved(np.clip(mean[:last], 1e-6, 1 - 1e-6), share[:, :last] / total[:last], sampling)
    if last < scale.size:
        scale[last:] = _continued(dfsc.frequency, scale, last)
    return scale


def _solved(mean: Floats, share: Floats, sampling: Floats) -> Floats:
    """c of each shell such that the mean of c x/(1 + c x) over axes is the measured one (bisection in log c)."""
    low, high = np.full(mean.shape, -20.0), np.full(mean.shape, 20.0)
    reachable = (share * (sampling > 0)[:, None]).sum(axis=0)
    target = np.minimum(mean, reachable * (1 - 1e-6))
    for _ in range(60):
        middle = (low + high) / 2
        ssnr = np.exp(middle) * sampling[:, None]
        below = (share * (ssnr / (1 + ssnr))).sum(axis=0) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(np.exp((low + high) / 2))


def _continued(frequency: Floats, scale: Floats, last: int) -> Floats:
    first = max(last - 8, FIRST_FIT_SHELL - 1)
    x, y = frequency[first:last] ** 2, np.log(scale[first:last])
    slope = min(float(np.polyfit(x, y, 1)[0]), 0.0) if x.size > 2 else 0.0
    return np.asarray(np.exp(y[-1] + slope * (frequency[last:] ** 2 - x[-1])))


def predicted_dfsc(scale: Floats, sampling: Floats) -> Floats:
    """The dFSC that a sampling gives.

    Parameters
    ----------
    scale : ndarray, shape (S,)
        c(s), from `shell_scale`.
    sampling : ndarray, shape (A,)
        Of each axis.

    Returns
    -------
    ndarray, shape (A, S)
        SSNR / (1 + SSNR).

    Examples
    --------
    >>> predicted_dfsc(np.array([1.0]), np.array([1.0, 3.0])).tolist()
    [[0.5], [0.75]]
    """
    ssnr = sampling[:, None] * scale
    return np.asarray(ssnr / (1 + ssnr))


def tilt_advice(
    views: HasViews | NDArray[np.floating],
    result: Measured | DirectionalFSC | None = None,
    *,
    symmetry: str = "C1",
    threshold: float | None = None,
    tilts: Sequence[float] = TILTS,
    thickness_loss: bool = False,
    agreement: PoseAgreement | None = None,
) -> TiltAdvice:
    """Predict sampling, and with half maps the FSO, at stage tilts, and recommend one.

    Parameters
    ----------
    views : Poses or ndarray, shape (N, 3)
        Poses of an untilted data set.
    result : AnalysisResult or DirectionalFSC, optional
        Of the half maps made from it.
    symmetry : str
        Point group of the particle.
    threshold : float, optional
        chi of FSO; that of `result`, or 0.143.
    tilts : sequence of float
        Degrees, 0 to 80; the first one must be 0.
    thickness_loss : bool
        Let the signal-to-noise ratio fall as cos(tilt), for the longer path through the ice.
    agreement : PoseAgreement, optional
        Of these poses with `result`, where it is known already; else it is found here.

    Returns
    -------
    TiltAdvice
        Curves for one plot, one sentence of advice, and what is assumed. No tilt is recommended
        where sampling is even, where the poses contradict the half maps (`measures.agreement`),
        which then predict nothing, and for subtomograms.

    Raises
    ------
    SettingsError
        For tilts or a cone out of range, or an unknown point group.
    PosesError
        When there are no views.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import unit_vectors
    >>> top_views = unit_vectors(np.linspace(0, 40, 200), np.linspace(0, 7000, 200))
    >>> tilt_advice(top_views, tilts=(0, 30, 60)).worst_sampling.round(1).tolist()
    [0.0, 0.0, 0.8]
    """
    series = np.asarray(tilts, dtype=np.float64)
    if series.ndim != 1 or series.size == 0 or series[0] != 0 or not ((series >= 0) & (series <= MAX_TILT)).all():
        raise SettingsError(
            f"The stage tilts are {list(tilts)}, but they must start with 0 and lie between 0 and {MAX_TILT:g} degrees."
        )
    dfsc, chi, cone = _given(result, threshold)
    if not 0 < chi < 1:
        raise SettingsError(f"The threshold is {chi:g}, but it must lie between 0 and 1.")
    directions = view_array(views)
    axes, areas = (axes_for(321), areas_for(321)) if dfsc is None else (dfsc.axes, dfsc.areas)
    histogram = view_histogram(directions, axes, symmetry)
    loss = np.cos(np.deg2rad(series)) if thickness_loss else np.ones(series.size)
    sampling = np.stack([cone_sampling(histogram, cone, t) for t in series]) * loss[:, None]
    untilted = scf(views, symmetry=symmetry)
    factors = [untilted, *(scf(tilted_views(directions, t), symmetry=symmetry) for t in series[1:])]
    worst = sampling.argmin(axis=1)
    zenith, azimuth = angles(axes[worst])
    common = {
        "tilts": series,
        "axes": axes,
        "areas": areas,
        "sampling": sampling,
        "scf": np.array([f.scf for f in factors]),
        "scf_star": np.array([f.scf_star for f in factors]),
        "f0": np.array([f.f0 for f in factors]),
        "worst_axis": worst.astype(np.int64),
        "worst_zenith": zenith,
        "worst_azimuth": azimuth,
        "worst_sampling": sampling[np.arange(len(worst)), worst],
        "assumptions": (*ASSUMPTIONS, THICKNESS if thickness_loss else NO_THICKNESS),
        "symmetry": symmetry.strip().upper(),
        "n_views": len(directions),
        "thickness_loss": thickness_loss,
    }
    curves, notes = _no_curves(series.size), tuple(getattr(views, "warnings", ()))
    silence = _silence(untilted, sampling_spread(sampling[0] / loss[0], areas))
    if dfsc is not None and untilted.kind == SINGLE:
        if agreement is None:
            agreement = pose_agreement(views, dfsc, symmetry=symmetry)
        notes += agreement.warnings
        if not agreement.fits:
            silence = (float("nan"), _misfit(agreement))
        else:
            curves = _curves(dfsc, sampling, chi)
            if not np.isfinite(curves["occupancy"]).any():
                notes = (*notes, "The half maps' FSC is lost in noise in every shell: only sampling is predicted.")
                curves = _no_curves(series.size)
    recommended, advice = silence or _recommendation(series, curves, untilted, common["scf_star"])
    return TiltAdvice(**common, **curves, recommended=recommended, advice=advice, warnings=notes)  # type: ignore[arg-type]


def _given(
    result: Measured | DirectionalFSC | None, threshold: float | None
) -> tuple[DirectionalFSC | None, float, float]:
    """Directional FSC, threshold and cone that are meant."""
    if result is None or isinstance(result, DirectionalFSC):
        dfsc, chi = result, 0.143
    else:
        dfsc, chi = result.dfsc, result.settings.threshold
    return dfsc, chi if threshold is None else threshold, 17.0 if dfsc is None else dfsc.cone_half_angle


def _silence(untilted: SCF, spread: float) -> tuple[float, str] | None:
    """Why no tilt is to be advised whatever the half maps show, if so."""
    if untilted.kind != SINGLE:
        return float("nan"), f"No tilt can be recommended: {untilted.doubt}."
    if spread <= UNEVEN:
        return (
            0.0,
            f"No tilt is needed: sampling is even without it (it varies by {100 * spread:.0f} % over directions).",
        )
    return None


def _misfit(agreement: PoseAgreement) -> str:
    return (
        "No tilt is recommended: the poses don't fit the map (rank correlation of sampling with dFSC over directions "
        f"{agreement.correlation:.2f}), so what they predict can't be relied on."
    )


def _no_curves(number: int) -> dict[str, Floats]:
    unknown = np.full(number, np.nan)
    names = ("onset", "middle", "end", "worst_resolution", "best_resolution")
    return {"frequency": np.empty(0), "occupancy": np.empty((number, 0)), **dict.fromkeys(names, unknown)}


def _curves(dfsc: DirectionalFSC, sampling: Floats, threshold: float) -> dict[str, Floats]:
    """FSO, its crossings and the extreme directional resolutions at every tilt."""
    scale = shell_scale(dfsc, sampling[0])
    f = dfsc.frequency
    rows: dict[str, list[float]] = {n: [] for n in ("onset", "middle", "end", "worst_resolution", "best_resolution")}
    occupancy = np.empty((len(sampling), f.size))
    for row, sampled in zip(occupancy, sampling, strict=True):
        predicted = predicted_dfsc(scale, sampled)
        row[:] = expected_occupancy(predicted, dfsc.n_eff, dfsc.areas, threshold)
        onset, end = transition_zone(f, row)
        rows["onset"].append(onset.resolution)
        rows["middle"].append(crossing(f, row, 0.5).resolution)
        rows["end"].append(end.resolution)
        at, flag, _ = crossings(f, predicted, threshold, dfsc.n_eff)
        known = 1 / at[flag == ResolutionFlag.CROSSED]
        lost = known.size == 0 or (flag == ResolutionFlag.NO_SIGNAL).any()
        rows["worst_resolution"].append(float("nan") if lost else float(known.max()))
        beyond = known.size == 0 or (flag == ResolutionFlag.NOT_CROSSED).any()
        rows["best_resolution"].append(float("nan") if beyond else float(known.min()))
    return {"frequency": f, "occupancy": occupancy, **{name: np.array(values) for name, values in rows.items()}}


def _recommendation(tilts: Floats, curves: dict[str, Floats], untilted: SCF, scf_star: Floats) -> tuple[float, str]:
    if curves["frequency"].size:
        return _by_occupancy(tilts, curves)
    if untilted.doubt:
        return float("nan"), f"No tilt can be recommended: {untilted.doubt}."
    return _by_sampling(tilts, scf_star)


def _by_occupancy(tilts: Floats, curves: dict[str, Floats]) -> tuple[float, str]:
    """The smallest tilt that brings most of what the best one would."""
    last = np.nanargmax(np.where(np.isfinite(curves["occupancy"]), np.arange(curves["frequency"].size), -1), axis=1)
    full = curves["occupancy"][np.arange(tilts.size), last] >= ONSET
    reach = np.where(np.isfinite(curves["onset"]), 1 / curves["onset"], np.where(full, curves["frequency"][-1], 0.0))
    best = reach.max()
    if best <= reach[0] * (1 + GAIN):
        onset = curves["onset"][0]
        if not np.isfinite(onset):
            return (
                0.0,
                "No tilt is recommended: FSO starts below 0.9 or stays above it up to Nyquist, whatever the tilt.",
            )
        return 0.0, f"No tilt is needed: FSO falls to 0.9 at {onset:.2f} Å without it and hardly later at any tilt."
    i = int(np.argmax(reach >= reach[0] + MOST * (best - reach[0])))
    clauses = [
        f"{words} {curves[name][i]:.2f} Å instead of {_before(curves[name][0])}"
        for name, words in (
            ("onset", "FSO would fall to 0.9 at"),
            ("end", "to 0.1 at"),
            ("worst_resolution", "the worst direction would reach"),
        )
        if np.isfinite(curves[name][i]) and f"{curves[name][i]:.2f}" != f"{curves[name][0]:.2f}"
    ]
    if not np.isfinite(curves["onset"][i]):
        clauses.insert(0, f"FSO would stay above 0.9 up to Nyquist instead of {_before(curves['onset'][0])}")
    return float(tilts[i]), f"Tilt the stage by {tilts[i]:g} degrees: {', '.join(clauses)}."


def _before(value: float) -> str:
    return f"{value:.2f} Å" if np.isfinite(value) else "none at all"


def _by_sampling(tilts: Floats, scf_star: Floats) -> tuple[float, str]:
    """The smallest tilt with sampling good enough, else the best one."""
    if scf_star[0] >= TROUBLE:
        return 0.0, f"No tilt is needed: sampling is even enough without it (SCF* {scf_star[0]:.2f})."
    enough = np.flatnonzero(scf_star >= TROUBLE)
    i = int(enough[0]) if enough.size else int(scf_star.argmax())
    if i == 0:
        return (
            0.0,
            f"No tilt up to {tilts.max():g} degrees makes sampling more even than it is (SCF* {scf_star[0]:.2f}).",
        )
    short = "" if enough.size else f", still below {TROUBLE:g}"
    rise = f"SCF* would rise from {scf_star[0]:.2f} to {scf_star[i]:.2f}{short}"
    return float(tilts[i]), f"Tilt the stage by {tilts[i]:g} degrees: {rise}."
