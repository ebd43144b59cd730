"""Do poses explain a map's dFSC, or would they with another hand or axis order?

Where views are uneven, cones sampled more have the higher dFSC. The rank correlation of
sampling and dFSC over the cone axes is compared with that of the same views mirrored, with
their axes in another order, and with rotations read the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..results import DirectionalFSC, Result
from .sampling import HasViews, cone_sampling, view_array, view_histogram

__all__ = ["AS_GIVEN", "PoseAgreement", "pose_agreement"]

Floats = NDArray[np.float64]

AS_GIVEN = "as given"
INVERSE = "inverse rotations"
LOW, HIGH = 0.05, 0.95  # mean dFSC of the shells that tell directions apart
BETTER, GOOD = 0.2, 0.5  # a correlation higher by so much, and at least so high, is clearly better
SAME_SIZE = 0.03  # share by which image and box may differ: calibration of the magnification
UNEVEN = 0.2  # relative spread of sampling from which on it should show in dFSC


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PoseAgreement(Result):
    """Rank correlations of predicted sampling with dFSC over the cone axes.

    Attributes
    ----------
    correlation : float
        Of the poses as given; NaN where sampling or dFSC is the same everywhere.
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
    """

    correlation: float
    best: str
    best_correlation: float
    correlations: dict[str, float]
    spread: float
    sampling: Floats
    signal: Floats
    warnings: tuple[str, ...] = ()


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
        words.append(f"axes in the order ({', '.join(axes[i] for i in order)})")
    if mirrored:
        words.append(f"{mirrored[0]} mirrored (the other hand)" if order == (0, 1, 2) else f"{mirrored[0]} mirrored")
    return " and ".join(words) or AS_GIVEN


def _signal(dfsc: DirectionalFSC) -> Floats:
    """Mean dFSC of each axis over the shells where it is neither 1 nor noise."""
    measured = np.isfinite(dfsc.values)
    share = dfsc.areas[:, None] * measured
    total = share.sum(axis=0)
    filled = np.where(measured, dfsc.values, 0.0)
    mean = np.divide((share * filled).sum(axis=0), total, out=np.zeros(total.shape), where=total > 0)
    shells = (mean > LOW) & (mean < HIGH) & measured.all(axis=0)
    shells[:4] = False  # few coefficients
    if not shells.any():
        return np.full(len(filled), np.nan)
    return np.asarray(filled[:, shells].mean(axis=1))


def _rank_correlation(a: Floats, b: Floats, areas: Floats) -> float:
    x, y = (rankdata(values) for values in (a, b))
    x, y = x - np.average(x, weights=areas), y - np.average(y, weights=areas)
    norm = np.sqrt((areas @ x**2) * (areas @ y**2))
    return float(areas @ (x * y) / norm) if norm > 0 else float("nan")


def pose_agreement(
    poses: HasViews | NDArray[np.floating], dfsc: DirectionalFSC, *, symmetry: str = "C1", cone_half_angle: float = 17.0
) -> PoseAgreement:
    """Compare the sampling that poses predict with the dFSC of the map made from them.

    Parameters
    ----------
    poses : Poses or ndarray, shape (N, 3)
        Views, and rotations if known.
    dfsc : DirectionalFSC
        Of the half maps: ``result.dfsc``.
    symmetry : str
        Point group of the particle.
    cone_half_angle : float
        Degrees, as in the analysis of `dfsc`.

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
    >>> from cryoaniso_nb.directions import areas, axes_for
    >>> side_views = np.array([[np.cos(a), np.sin(a), 0] for a in np.linspace(0, 3, 60)])
    >>> values = np.clip(axes_for(81)[:, 2:] ** 2, 0.1, 0.9) * np.ones(8)
    >>> dfsc = DirectionalFSC(frequency=np.arange(1, 9) / 20, axes=axes_for(81), areas=areas(81), values=values,
    ...                       n_eff=np.full((81, 8), 50.0), done=np.ones(81, dtype=bool))
    >>> pose_agreement(side_views, dfsc).best
    'as given'
    """
    signal = _signal(dfsc)
    views = view_array(poses)

    def sampling_along(axes: Floats, directions: Floats) -> Floats:
        return cone_sampling(view_histogram(directions, axes, symmetry), cone_half_angle)

    # mirroring the views and leaving the axes is the same as mirroring the axes
    readings = {name: sampling_along(dfsc.axes @ matrix, views) for name, matrix in _readings().items()}
    rotations = getattr(poses, "rotations", None)
    if rotations is not None:
        readings[INVERSE] = sampling_along(dfsc.axes, rotations[:, :, 2])
    given = readings[AS_GIVEN]
    spread = float(np.sqrt(np.average((given - 1) ** 2, weights=dfsc.areas)))
    correlations = dict.fromkeys(readings, float("nan"))
    if np.isfinite(signal).all():
        correlations = {name: _rank_correlation(s, signal, dfsc.areas) for name, s in readings.items()}
    found = {name: value for name, value in correlations.items() if np.isfinite(value)}
    own = correlations[AS_GIVEN]
    best = max(found, key=lambda name: (round(found[name], 3), name == AS_GIVEN, -len(name))) if found else AS_GIVEN
    if best != AS_GIVEN and not (found[best] >= GOOD and found[best] - own >= BETTER):
        best = AS_GIVEN
    return PoseAgreement(
        correlation=own,
        best=best,
        best_correlation=correlations[best],
        correlations=correlations,
        spread=spread,
        sampling=given,
        signal=signal,
        warnings=_size_warnings(poses, dfsc) + _warnings(own, best, correlations[best], spread),
    )


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


def _warnings(own: float, best: str, correlation: float, spread: float) -> tuple[str, ...]:
    if best != AS_GIVEN:
        return (
            f"The poses contradict the map: sampling and dFSC over directions correlate with {own:.2f} only, "
            f"but {correlation:.2f} when read with {best}; check the map's hand and axis order, and that both belong "
            "to one refinement.",
        )
    if spread > UNEVEN and own < BETTER:
        return (
            f"The poses don't explain the map: sampling varies by {100 * spread:.0f} % over directions, but its rank "
            f"correlation with dFSC is only {own:.2f}; do they belong to one refinement?",
        )
    return ()
