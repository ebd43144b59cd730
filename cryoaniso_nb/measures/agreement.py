"""Do poses explain a map's dFSC, or would they with another hand or axis order?

Where views are uneven, cones sampled more have the higher dFSC. The rank correlation of
sampling and dFSC over the cone axes is compared with that of the same views mirrored, with
their axes in another order, and with rotations read the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..inputs.poses import SINGLE
from ..results.types import DirectionalFSC, Measured, Result
from .sampling import HasViews, cone_sampling, sampling_spread, view_array, view_histogram

__all__ = ["AS_GIVEN", "UNEVEN", "PoseAgreement", "pose_agreement"]

Floats = NDArray[np.float64]

AS_GIVEN = "as given"
INVERSE = "inverse rotations"
LOW, HIGH = 0.05, 0.95  # mean dFSC of the shells that tell directions apart
BETTER, GOOD = 0.2, 0.5  # a correlation higher by so much, and at least so high, is clearly better
SAME_SIZE = 0.03  # share by which image and box may differ: calibration of the magnification
UNEVEN = 0.2  # relative spread of sampling from which on it should show in dFSC
PLAIN = 0.8  # expected correlation from which on its absence tells


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PoseAgreement(Result):
    """Rank correlations of predicted sampling with dFSC over the cone axes.

    Attributes
    ----------
    correlation : float
        Of the poses as given; NaN where sampling or dFSC is the same everywhere, and of subtomograms.
    best : str
        The reading of the poses that fits best, 'as given' if no other is clearly better.
    best_correlation : float
        Its correlation.
    correlations : mapping
        Of every reading that was tried.
    spread : float
        Standard deviation of sampling over the sphere, relative to its mean.
    sampling, signal : ndarray, shape (A,)
        Predicted sampling, and mean dFSC over the shells compared.
    warnings : tuple of str
        What to mend, in words.
    expected : float
        The correlation that sampling and noise let expect of a particle with the same power in all
        directions: low where noise hides what the views do. NaN where nothing can be compared.
    """

    correlation: float
    best: str
    best_correlation: float
    correlations: dict[str, float]
    spread: float
    sampling: Annotated[Floats, "A"]
    signal: Annotated[Floats, "A"]
    warnings: tuple[str, ...] = ()
    expected: float = float("nan")

    @property
    def fits(self) -> bool:
        """Whether the poses may be those of the map: no other reading fits clearly better, and unevenness shows."""
        return self.best == AS_GIVEN and self.explains

    @property
    def explains(self) -> bool:
        """Whether sampling shows in dFSC, as far as it should: it is uneven, and noise doesn't hide it."""
        return not (self.spread > UNEVEN and self.expected >= PLAIN and self.correlation < BETTER)


def _readings() -> dict[str, Floats]:
    """Signed permutations of (x, y, z), up to the sign of all: 24, the identity first."""
    matrices = {}
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=2):
            matrix = np.zeros((3, 3))
            matrix[np.arange(3), order] = (*signs, 1)
            matrices[_name(order, signs)] = matrix
    return matrices


def _name(order: tuple[int, ...], signs: tuple[int, ...]) -> str:
    axes = "xyz"
    # a sign pattern and its opposite are one; name it by the fewest mirrored axes
    mirrored = [axes[i] for i, sign in enumerate((*signs, 1)) if sign < 0]
    if len(mirrored) == 2:
        mirrored = [axis for axis in axes if axis not in mirrored]
    words = []
    if order != (0, 1, 2):
        words.append(f"(z, y, x) taken as ({', '.join(axes[i] for i in reversed(order))})")
    if mirrored:
        words.append(f"{mirrored[0]} mirrored (the other hand)" if order == (0, 1, 2) else f"{mirrored[0]} mirrored")
    return " and ".join(words) or AS_GIVEN


def _signal(dfsc: DirectionalFSC, sampling: Floats) -> tuple[Floats, float]:
    """Mean dFSC of each axis over the shells where it is neither 1 nor noise, and its expected correlation.

    SSNR is proportional to sampling in each shell; dFSC has the variance (1 - f^2)^2/(2 n_eff).
    """
    measured = np.isfinite(dfsc.values)
    share = dfsc.areas[:, None] * measured
    total = share.sum(axis=0)
    filled = np.where(measured, dfsc.values, 0.0)
    mean = np.divide((share * filled).sum(axis=0), total, out=np.zeros(total.shape), where=total > 0)
    shells = (mean > LOW) & (mean < HIGH) & measured.all(axis=0)
    shells[:4] = False  # few coefficients
    if not shells.any():
        return np.full(len(filled), np.nan), float("nan")
    c, n_eff, areas = mean[shells] / (1 - mean[shells]), dfsc.n_eff[:, shells], dfsc.areas
    ssnr = c * sampling[:, None]
    predicted = (ssnr / (1 + ssnr)).mean(axis=1)
    explained = np.average((predicted - np.average(predicted, weights=areas)) ** 2, weights=areas)
    variance = (1 - mean[shells] ** 2) ** 2 / (2 * np.maximum(n_eff, 1.0))
    noise = np.average(variance.sum(axis=1), weights=areas) / shells.sum() ** 2
    return np.asarray(filled[:, shells].mean(axis=1)), float(np.sqrt(explained / (explained + noise)))


def _rank_correlation(a: Floats, b: Floats, areas: Floats) -> float:
    x, y = (rankdata(values) for values in (a, b))
    x, y = x - np.average(x, weights=areas), y - np.average(y, weights=areas)
    norm = np.sqrt((areas @ x**2) * (areas @ y**2))
    return float(areas @ (x * y) / norm) if norm > 0 else float("nan")


def pose_agreement(
    poses: HasViews | NDArray[np.floating], result: Measured | DirectionalFSC, *, symmetry: str = "C1"
) -> PoseAgreement:
    """Compare the sampling that poses predict with the dFSC of the map made from them.

    Parameters
    ----------
    poses : Poses or ndarray, shape (N, 3)
        Views, and rotations if known.
    result : AnalysisResult or DirectionalFSC
        Of the half maps.
    symmetry : str
        Point group of the particle.

    Returns
    -------
    PoseAgreement
        With a warning where another hand, axis order or the inverse rotations fit clearly
        better, where uneven views don't show in dFSC at all, or where the images
        differ in size from the map's box.

    Raises
    ------
    PosesError
        When there are no views.
    SettingsError
        For an unknown point group or a cone out of range.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import areas, axes_for
    >>> side_views = np.array([[np.cos(a), np.sin(a), 0] for a in np.linspace(0, 3, 60)])
    >>> values = np.clip(axes_for(81)[:, 2:] ** 2, 0.1, 0.9) * np.ones(8)
    >>> dfsc = DirectionalFSC(frequency=np.arange(1, 9) / 20, axes=axes_for(81), areas=areas(81), values=values,
    ...                       n_eff=np.full((81, 8), 50.0), done=np.ones(81, dtype=bool))
    >>> pose_agreement(side_views, dfsc).best
    'as given'
    """
    dfsc = result if isinstance(result, DirectionalFSC) else result.dfsc
    views = view_array(poses)

    def sampling_along(axes: Floats, directions: Floats) -> Floats:
        return cone_sampling(view_histogram(directions, axes, symmetry), dfsc.cone_half_angle)

    # mirroring the views and leaving the axes is the same as mirroring the axes
    readings = {name: sampling_along(dfsc.axes @ matrix, views) for name, matrix in _readings().items()}
    rotations = getattr(poses, "rotations", None)
    if rotations is not None:
        readings[INVERSE] = sampling_along(dfsc.axes, rotations[:, :, 2])
    given = readings[AS_GIVEN]
    spread = sampling_spread(given, dfsc.areas)
    signal, expected = _signal(dfsc, given)
    correlations = dict.fromkeys(readings, float("nan"))
    single = getattr(poses, "kind", SINGLE) == SINGLE  # else a pose samples more than one central plane
    if single and np.isfinite(signal).all():
        correlations = {name: _rank_correlation(s, signal, dfsc.areas) for name, s in readings.items()}
    found = {name: value for name, value in correlations.items() if np.isfinite(value)}
    own = correlations[AS_GIVEN]
    best = max(found, key=lambda name: (round(found[name], 3), name == AS_GIVEN, -len(name))) if found else AS_GIVEN
    if best != AS_GIVEN and not (found[best] >= GOOD and found[best] - own >= BETTER):
        best = AS_GIVEN
    agreement = PoseAgreement(
        correlation=own,
        best=best,
        best_correlation=correlations[best],
        correlations=correlations,
        spread=spread,
        sampling=given,
        signal=signal,
        expected=expected,
    )
    return agreement.replace(warnings=_size_warnings(poses, dfsc) + (_warnings(agreement) if single else ()))


def _size_warnings(poses: HasViews | NDArray[np.floating], dfsc: DirectionalFSC) -> tuple[str, ...]:
    """Doubt about images of another size in Å than the map's box, where the poses' file tells it."""
    size, pixel = getattr(poses, "image_size", 0), getattr(poses, "pixel_size", float("nan"))
    side = 1 / float(dfsc.frequency[0])
    if not size * pixel > 0 or abs(size * pixel / side - 1) < SAME_SIZE:
        return ()
    return (
        f"The particles' images are {size * pixel:.0f} Å wide ({size} pixels of {pixel:.4g} Å), the map's box is "
        f"{side:.0f} Å: unless one of them was cropped or padded, they belong to different particles.",
    )


def _warnings(agreement: PoseAgreement) -> tuple[str, ...]:
    own = f"{agreement.correlation:.2f}"
    if agreement.best != AS_GIVEN:
        return (
            f"The poses contradict the map: sampling and dFSC over directions correlate with {own} only, but "
            f"{agreement.best_correlation:.2f} when read with {agreement.best}; check the map's hand and axis order, "
            "and that both belong to one refinement.",
        )
    if not agreement.explains:
        return (
            f"The poses don't explain the map: sampling varies by {100 * agreement.spread:.0f} % over directions, but "
            f"its rank correlation with dFSC is only {own}; do they belong to one refinement?",
        )
    return ()
