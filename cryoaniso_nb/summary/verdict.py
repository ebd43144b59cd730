"""The verdict in words. Every sentence about what was found is made here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import unit_vectors
from ..measures.fsc import global_crossing
from ..measures.resolution import resolution_statistics
from ..results.cautions import Caution
from ..results.types import (
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
from ..statistics.noise_evenness import NoiseEvenness
from ..statistics.regions import DirectionRegion, DirectionRegions
from ..statistics.spread import AngularSpread, angular_spread
from ..statistics.verdict import Verdict, model_verdict, verdict_of

__all__ = [
    "Analysed",
    "axis_angles",
    "axis_phrase",
    "axis_words",
    "crossing_text",
    "headline",
    "headline_sentences",
    "p_text",
    "percentile_texts",
    "region_words",
    "resolution_text",
    "verdict",
]

Floats = NDArray[np.float64]

WIDE_NOISE = 2.0  # with an interval of the noise beyond, "even" says too much
# Degrees beyond which a region holds most of the sphere, so that its middle says nothing.
UNTOLD: Mapping[str, float] = {"axis": 60.0, "several": 60.0, "girdle": 50.0}
NEAR = 10.0  # degrees from an axis of the map that is then named


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
    def warnings(self) -> tuple[Caution, ...]:
        """Warnings."""

    @property
    def partial(self) -> bool:
        """Whether axes are missing."""


def verdict(r: Analysed) -> Verdict:
    """The answer in numbers, see `statistics.verdict`.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    Verdict
        Cause, effect and tests.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> verdict(ca.analyze(ca.simulate_half_maps(box=64, preset="missing-cone", seed=0))).cause
    'views'
    """
    if getattr(r, "even_noise", None) is not None:
        return model_verdict(_spread(r).score, symmetry=r.settings.symmetry, partial=r.partial)
    chance = getattr(r, "chance", None)
    return verdict_of(
        r.global_fsc,
        getattr(r, "regions", None),
        getattr(r, "noise_evenness", None),
        dfsc_p_value=float("nan") if chance is None else float(chance.p_value),
        symmetry=r.settings.symmetry,
        symmetry_misfit=getattr(r, "symmetry_misfit", float("nan")),
        partial=r.partial,
    )


def headline(r: Analysed) -> str:
    """What an analysis found, in two or three sentences: by how much resolution differs, where, and why.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    str
        Plain text.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> headline(ca.analyze(ca.simulate_half_maps(box=64, preset="isotropic", seed=0)))
    'No significant anisotropy: ...'
    """
    return " ".join(headline_sentences(r))


def headline_sentences(r: Analysed) -> tuple[str, ...]:
    """The headline in pieces: what was found, then what it comes of.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    tuple of str
        One sentence or more.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=64, preset="isotropic", seed=0))
    >>> " ".join(headline_sentences(result)) == headline(result)
    True
    """
    if r.partial:
        return (f"First {int(r.dfsc.done.sum())} axes only: {_global(r)}.",)
    if getattr(r, "even_noise", None) is not None:
        return (_against_model(r),)
    found = verdict(r)
    if found.reason == "no-common-signal":
        return ("The half maps share no signal: are they a pair of one refinement, unshifted and of one hand?",)
    if found.reason == "wrong-symmetry":
        group = r.settings.symmetry
        return (f"The half maps don't have the point group {group} that was given: give the right one, or none.",)
    regions: DirectionRegions | None = getattr(r, "regions", None)
    return (_difference(r, found, regions), *_views(found, regions, getattr(r, "noise_evenness", None)))


def _difference(r: Analysed, found: Verdict, regions: DirectionRegions | None) -> str:
    """By how much resolution differs, and where."""
    if regions is None or not math.isfinite(found.effect_ratio):
        return f"By how much resolution differs by direction can't be told: {_global(r)}."
    if not found.differs and found.reason == "effect-unknown":
        up_to = f"up to {_ratio(found.effect_interval[1])} : 1 is possible"
        return f"By how much resolution differs by direction can't be told ({up_to}): {_global(r)}."
    if not found.differs:
        limit = f"a difference above {found.effect_interval[1]:.2f} : 1 is excluded"
        return f"No significant anisotropy: {_global(r)}; {limit}."
    best, worst = regions.best, regions.worst
    good = "Nyquist" if best.reaches_nyquist else f"{best.resolution:.3g} Å"
    low, high = worst.interval
    span = f" ({low:.3g}-{high:.3g})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"Resolution differs by direction: {good} best, {worst.resolution:.3g} Å worst{span}, {region_words(worst)}."


def _views(found: Verdict, regions: DirectionRegions | None, noise: NoiseEvenness | None) -> list[str]:
    """What the noise says of the views."""
    if found.cause == "views":
        stronger, p = _stronger(found.noise_ratio), p_text(found.noise_p_value)
        if found.differs and found.noise_sign == 1:
            return [f"Noise is {stronger} there ({p}): views are missing."]
        if found.differs and found.noise_sign == -1:
            return [f"Noise is weaker there ({p}), as a filter leaves it: views are uneven."]
        where = f" {axis_phrase(*noise.noisiest)}" if noise is not None else ""
        return [f"Noise is {stronger}{where} than elsewhere ({p}): views are uneven."]
    if found.reason == "filtered":
        return [
            "The half maps look filtered by their signal-to-noise ratio: whether views are uneven can't be told "
            "from them; give unfiltered half maps, or poses."
        ]
    if found.reason == "noise-unknown" or not math.isfinite(found.noise_p_value):
        return ["Whether views are uneven can't be told from these half maps' noise."]
    limit = found.noise_interval[1]
    even = f"noise is even (within {100 * (limit - 1):.0f} %)"
    if not limit <= WIDE_NOISE:
        even = f"no unevenness of the noise is found (up to {_ratio(limit)} : 1 is possible)"
    if found.cause == "particle":
        return [f"{even.capitalize()}: the difference is the particle's own, or its mask's."]
    return [f"{even.capitalize()}."]


def _stronger(ratio: float) -> str:
    """A ratio above 1 in words."""
    if not math.isfinite(ratio):
        return "stronger"
    return f"{ratio:.2g} times stronger" if ratio >= 1.15 else f"{100 * (ratio - 1):.0f} % stronger"


def _ratio(ratio: float) -> str:
    """A limit of a ratio: two digits, or all before the point."""
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def p_text(p: float) -> str:
    """A p-value in a sentence.

    Parameters
    ----------
    p : float
        0 to 1.

    Returns
    -------
    str
        Two digits, or below 0.001.

    Examples
    --------
    >>> p_text(0.0412), p_text(1e-9)
    ('p = 0.041', 'p ≤ 0.001')
    """
    return "p ≤ 0.001" if p <= 0.001 else f"p = {p:.2g}"


def _spread(r: Analysed) -> AngularSpread:
    """Spread of dFSC over directions around what a model's own power makes of it."""
    null = getattr(r, "even_noise", None)
    return angular_spread(
        r.dfsc,
        r.global_fsc,
        r.fso,
        cone_half_angle=r.settings.cone_half_angle,
        masked=r.settings.mask != "none",
        volume_ratio=getattr(getattr(r, "mask_kernel", None), "volume_ratio", None),
        expected=None if null is None else null.dfsc,
    )


def _against_model(r: Analysed) -> str:
    """A map against a model: dFSC over directions beside what the model's own power makes of it."""
    cause = verdict(r).cause
    if cause == "none":
        return f"Agreement with the model differs by direction no more than its own power explains: {_global(r)}."
    if cause == "unknown":
        return f"Whether agreement with the model differs by direction can't be told: {_global(r)}."
    times = f"{_spread(r).ratio:.1f} times as much as even noise and the model's own power would make it"
    return f"Agreement with the model differs by direction: dFSC varies {times}; {_global(r)}."


def _global(r: Analysed) -> str:
    chi = r.settings.threshold
    crossing = global_crossing(r.global_fsc, chi)
    if crossing.flag is ResolutionFlag.CROSSED:
        return f"global FSC {chi:g} at {crossing.resolution:.2f} Å"
    return f"global FSC {chi:g} {crossing_text(crossing, r.global_fsc.frequency)}"


def region_words(region: DirectionRegion) -> str:
    """Where a region lies.

    Parameters
    ----------
    region : DirectionRegion
        Worst or best.

    Returns
    -------
    str
        Words that follow a number.

    Examples
    --------
    >>> region = DirectionRegion(resolution=8.4, interval=(7.9, 9.0), reaches_nyquist=False, zenith=3.0, azimuth=0.0,
    ...                          region_degrees=30.0, kind="axis", share=0.1)
    >>> region_words(region)
    'around z within 30°'
    >>> region_words(region.replace(kind="girdle"))
    'in all directions near the equator (within 30°)'
    >>> region_words(region.replace(region_degrees=86.0))
    "in a direction that can't be told"
    """
    if region.region_degrees > UNTOLD[region.kind]:
        return "in a direction that can't be told"
    within = f"within {region.region_degrees:.0f}°"
    place = axis_phrase(region.zenith, region.azimuth)
    if region.kind == "girdle":
        across = place.removeprefix("around ")
        ring = "near the equator" if across == "z" else f"across {across}"
        return f"in all directions {ring} ({within})"
    if region.kind == "several":
        return f"in several directions, one of them {place} {within}"
    return f"{place} {within}"


def axis_phrase(zenith: float, azimuth: float) -> str:
    """A direction in a sentence: by the map's axis where one is near.

    Parameters
    ----------
    zenith, azimuth : float
        Degrees.

    Returns
    -------
    str
        'around z', or 'around zenith 74°, azimuth 144°'.

    Examples
    --------
    >>> axis_phrase(87.0, 92.0), axis_phrase(50.0, 30.0)
    ('around y', 'around zenith 50°, azimuth 30°')
    """
    to = axis_angles(zenith, azimuth)
    nearest = min(to, key=lambda name: to[name])
    return f"around {nearest}" if to[nearest] <= NEAR else f"around zenith {zenith:.0f}°, azimuth {azimuth:.0f}°"


def percentile_texts(r: Analysed) -> tuple[str, str, str]:
    """The 5, 50 and 95 % of directional resolution as tables show them.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    tuple of str
        See `resolution_text`.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> len(percentile_texts(ca.analyze(ca.simulate_half_maps(box=32, seed=0))))
    3
    """
    s, nyquist = resolution_statistics(r.directional_resolution), 1 / float(r.dfsc.frequency[-1])
    p5, p50, p95 = (
        resolution_text(value, flag, nyquist)
        for value, flag in zip((s.p5, s.p50, s.p95), s.percentile_flags, strict=True)
    )
    return p5, p50, p95


def resolution_text(value: float, flag: ResolutionFlag, nyquist: float) -> str:
    """Resolution along a direction as tables and readouts show it.

    Parameters
    ----------
    value : float
        Å.
    flag : ResolutionFlag
        Whether there is a value, and why not.
    nyquist : float
        Å.

    Returns
    -------
    str
        Å, or why there is no number.

    Examples
    --------
    >>> resolution_text(float("nan"), ResolutionFlag.NOT_CROSSED, 4.0)
    '<= 4.00 Å (Nyquist)'
    """
    if flag is ResolutionFlag.CROSSED:
        return f"{value:.2f} Å"
    return f"<= {nyquist:.2f} Å (Nyquist)" if flag is ResolutionFlag.NOT_CROSSED else flag.label


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
    return "below from the lowest shells on" if crossing.flag is ResolutionFlag.NO_SIGNAL else "not measured"
