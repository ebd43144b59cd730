"""The answer in numbers: by how much resolution differs, whether views are uneven, whether it is chance.

Three questions are kept apart. The *effect* is how much resolution differs over directions, with an
interval from noise alone. *Views* are judged by the noise, which holds no signal and so says nothing of
the particle. *Chance* is judged by what evenly spread noise makes of the same particle's dFSC.
Words for it are made in `summary.verdict`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..measures.fsc import SHARED_FSC, low_fsc
from ..results.types import GlobalFSC, Result
from .noise_evenness import NoiseEvenness
from .regions import DirectionRegions
from .symmetry_fit import WRONG_GROUP

__all__ = ["Cause", "Reason", "Verdict", "model_verdict", "share_signal", "verdict_of"]

Cause = Literal["views", "particle", "none", "unknown"]
Reason = Literal["", "no-common-signal", "wrong-symmetry", "filtered", "noise-unknown", "effect-unknown", "partial"]

SIGNIFICANT = 0.05
USELESS_LIMIT = 2.0  # an interval of the effect from 1 to beyond excludes nothing of interest
CLEAR, HINT = 4.0, 3.0  # standard deviations of the spread of dFSC with a model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Verdict(Result):
    """What can be said of a map's anisotropy, in numbers.

    Attributes
    ----------
    cause : {'views', 'particle', 'none', 'unknown'}
        Uneven views; the particle's own power or its mask, with even views; no difference found; or it
        can't be told.
    reason : str
        Why it can't be told, '' otherwise: 'no-common-signal', 'wrong-symmetry', 'filtered',
        'noise-unknown', 'effect-unknown' or 'partial'.
    effect_ratio : float
        Resolution of the worst region over that of the best.
    effect_interval : tuple of float
        Holds that ratio with 95 % probability, as far as noise goes.
    noise_ratio : float
        Noise power in the noisiest region over the quietest.
    noise_interval : tuple of float
        Of that ratio.
    noise_sign : int
        1 where there is more noise in directions of lower resolution, -1 where less, 0 for neither.
    noise_p_value : float
        Of evenly drawn views: small means uneven.
    dfsc_p_value : float
        Of even noise on this particle: small means that dFSC differs by more than chance.
    symmetry : str
        Point group that the tests were told.
    """

    cause: Cause
    reason: Reason
    effect_ratio: float
    effect_interval: tuple[float, float]
    noise_ratio: float
    noise_interval: tuple[float, float]
    noise_sign: int
    noise_p_value: float
    dfsc_p_value: float
    symmetry: str

    @property
    def differs(self) -> bool:
        """Whether resolution differs by more than noise explains."""
        return self.effect_interval[0] > 1

    @property
    def views_uneven(self) -> bool:
        """Whether the noise is less even than evenly drawn views leave it."""
        return self.noise_p_value <= SIGNIFICANT


def share_signal(curve: GlobalFSC) -> bool:
    """Whether two half maps share more than an envelope, so that they can be a pair.

    Parameters
    ----------
    curve : GlobalFSC
        FSC of whole shells.

    Returns
    -------
    bool
        False where the lowest shells agree too little for that, see `measures.fsc.low_fsc`.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> import numpy as np
    >>> a, b = np.random.default_rng(0).standard_normal((2, 32, 32, 32))
    >>> share_signal(ca.fsc(a, b)), share_signal(ca.fsc(a, a + b))
    (False, True)
    """
    return low_fsc(curve)[0] >= SHARED_FSC


def verdict_of(
    curve: GlobalFSC,
    effect: DirectionRegions | None,
    noise: NoiseEvenness | None,
    *,
    dfsc_p_value: float = float("nan"),
    symmetry: str = "C1",
    symmetry_misfit: float = float("nan"),
    partial: bool = False,
) -> Verdict:
    """Weigh the three answers.

    Views decide first: uneven noise means uneven views, whether or not resolution has come to differ yet.
    Without that, a difference beyond noise is the particle's own. Half maps that look filtered by their
    signal-to-noise ratio have lost the evidence about views. The test of chance in dFSC is told beside, and
    decides nothing: the effect's interval says as much, in Å.

    Parameters
    ----------
    curve : GlobalFSC
        FSC of whole shells.
    effect : DirectionRegions or None
        Worst and best region.
    noise : NoiseEvenness or None
        Noise over directions.
    dfsc_p_value : float
        Of the test of chance in dFSC, NaN where it wasn't made.
    symmetry : str
        Point group that the tests were told.
    symmetry_misfit : float
        See `symmetry_fit.group_misfit`: nothing is concluded from tests that were told a wrong group.
    partial : bool
        Whether directions are missing.

    Returns
    -------
    Verdict
        NaN for what isn't known.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> verdict_of(r.global_fsc, None, None).cause
    'unknown'
    """
    nan = float("nan")
    cause, reason = _cause(curve, effect, noise, symmetry_misfit, partial)
    return Verdict(
        cause=cause,
        reason=reason,
        effect_ratio=nan if effect is None else effect.effect_ratio,
        effect_interval=(nan, nan) if effect is None else effect.effect_interval,
        noise_ratio=nan if noise is None else noise.ratio,
        noise_interval=(nan, nan) if noise is None else noise.interval,
        noise_sign=0 if noise is None else noise.sign,
        noise_p_value=nan if noise is None else noise.p_value,
        dfsc_p_value=dfsc_p_value,
        symmetry=symmetry,
    )


def model_verdict(score: float, *, symmetry: str = "C1", partial: bool = False) -> Verdict:
    """The verdict on a map against its model, by the spread of dFSC around what even noise makes of the model.

    Parameters
    ----------
    score : float
        Standard deviations by which the spread exceeds that of even noise, see `AngularSpread.score`.
    symmetry : str
        Point group.
    partial : bool
        Whether directions are missing.

    Returns
    -------
    Verdict
        'views' beyond 4 standard deviations, 'none' below 3.

    Examples
    --------
    >>> model_verdict(9.0).cause, model_verdict(0.5).cause
    ('views', 'none')
    """
    nan = float("nan")
    cause: Cause = "unknown"
    if not partial and score < HINT:
        cause = "none"
    elif not partial and score > CLEAR:
        cause = "views"
    return Verdict(
        cause=cause,
        reason="partial" if partial else "effect-unknown" if cause == "unknown" else "",
        effect_ratio=nan,
        effect_interval=(nan, nan),
        noise_ratio=nan,
        noise_interval=(nan, nan),
        noise_sign=0,
        noise_p_value=nan,
        dfsc_p_value=nan,
        symmetry=symmetry,
    )


def _cause(
    curve: GlobalFSC, effect: DirectionRegions | None, noise: NoiseEvenness | None, misfit: float, partial: bool
) -> tuple[Cause, Reason]:
    if partial:
        return "unknown", "partial"
    if not share_signal(curve):
        return "unknown", "no-common-signal"
    if misfit > WRONG_GROUP:
        return "unknown", "wrong-symmetry"
    known, filtered = noise is not None and math.isfinite(noise.p_value), noise is not None and noise.filtered
    if noise is not None and noise.p_value <= SIGNIFICANT and not filtered:
        return "views", ""
    if effect is None or not math.isfinite(effect.effect_interval[0]):
        return "unknown", "effect-unknown"
    if not effect.effect_interval[0] > 1:
        return ("none", "") if effect.effect_interval[1] <= USELESS_LIMIT else ("unknown", "effect-unknown")
    if filtered:
        return "unknown", "filtered"
    return ("particle", "") if known else ("unknown", "noise-unknown")
