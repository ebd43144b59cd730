"""Bias and variance of directional FSC against the cone's half-angle, on one's own maps.

One call: ``cone_study(maps_or_result, angles=(...)) -> ConeStudy``, with a recommendation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryoaniso_nb.engine.blocks import nodes_for, smallest_cone
from cryoaniso_nb.engine.cones import cone_sums
from cryoaniso_nb.engine.execution import LOCAL, Execution
from cryoaniso_nb.engine.volumes import accumulate
from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import areas as areas_for
from cryoaniso_nb.geometry.directions import axes_for
from cryoaniso_nb.geometry.shells import shell_frequencies
from cryoaniso_nb.measures.crossing import crossing
from cryoaniso_nb.measures.fsc import correlation
from cryoaniso_nb.results.types import AngularHistogram, Result
from cryoaniso_nb.statistics.noise_fields import MaskKernel, NoisePlan, ShellNoise, for_each_shell, mask_kernel

__all__ = ["ConeStudy", "cone_study"]

Floats = NDArray[np.float64]

ANGLES = (8.0, 10.0, 12.0, 14.0, 17.0, 20.0, 25.0, 30.0)
N_AXES = 321
SHELLS = 7  # around the global cut-off, where cones decide about passing
REPLICATES = 45


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConeStudy(Result):
    """Errors of dFSC in cones of several half-angles, near the global cut-off.

    Attributes
    ----------
    angles : ndarray, shape (W,)
        Half-angles in degrees.
    noise : ndarray, shape (W,)
        Standard deviation of dFSC by noise (narrow cones hold few coefficients).
    bias : ndarray, shape (W,)
        Root mean square over axes of what a cone of this angle blurs away; 0 where noise
        explains all differences between cones.
    total : ndarray, shape (W,)
        sqrt(noise^2 + bias^2).
    n_eff : ndarray, shape (W,)
        Mean number of effective coefficients in a cone.
    shells : tuple of int
        First and last shell looked at.
    recommended : float
        Half-angle of the smallest total error, in degrees.
    conclusion : str
        The recommendation in one sentence.
    """

    angles: Floats
    noise: Floats
    bias: Floats
    total: Floats
    n_eff: Floats
    shells: tuple[int, int]
    recommended: float
    conclusion: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _NoiseFsc:
    def __call__(self, noise: ShellNoise) -> Floats:
        return noise.noise_fsc()


def cone_study(
    source: Any,
    angles: Sequence[float] | None = None,
    *,
    threshold: float = 0.143,
    seed: int = 0,
    mask: MaskKernel | None = None,
    execution: Execution = LOCAL,
) -> ConeStudy:
    """See how the cone's half-angle trades noise against blur on given maps.

    Around the global cut-off, the noise of dFSC is drawn as for the calibration. The blur is
    the mean square difference between cones of this angle and the narrowest ones, less what
    noise makes of it, extrapolated to no cone at all (it grows with the angle's square).

    Parameters
    ----------
    source : HalfMaps, AnalysisResult or AngularHistogram
        Maps allow any angle; a result only those that its histogram resolves.
    angles : sequence of float, optional
        Half-angles in degrees, at least two; by default 8 to 30.
    threshold : float
        FSC at the cut-off.
    seed : int
        Of the noise.
    mask : MaskKernel, optional
        Of the maps behind a result; taken from maps themselves.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    ConeStudy
        Noise, bias and total error an angle, and a recommendation.

    Raises
    ------
    SettingsError
        When fewer than two angles are left, or one is outside 3 to 45 degrees.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> study = cone_study(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0), angles=(12, 17, 25))
    >>> bool((study.noise[0] > study.noise[2]) and (study.bias[2] > study.bias[0]))
    True
    """
    asked = sorted({float(a) for a in (ANGLES if angles is None else angles)})
    if len(asked) < 2 or asked[0] < 3 or asked[-1] > 45:
        raise SettingsError(f"The half-angles are {asked}, but it takes two or more between 3 and 45 degrees.")
    if hasattr(source, "half1"):
        mask = mask_kernel(source.mask)
        histogram: AngularHistogram | None = accumulate(source, nodes_per_face=nodes_for(asked[0]), execution=execution)
    else:
        histogram = source if isinstance(source, AngularHistogram) else source.histogram
    if histogram is None:
        raise SettingsError("This result holds no histogram to compute cones from; give the maps themselves.")
    resolved = [a for a in asked if a >= smallest_cone(histogram.nodes_per_face) - 1e-9]
    if len(resolved) < 2:
        raise SettingsError(
            f"The half-angles are {asked}, but this result resolves only those from "
            f"{smallest_cone(histogram.nodes_per_face):.3g} degrees on; give the maps themselves."
        )
    return _study(histogram, np.array(resolved), threshold, seed, mask, execution)


def _study(
    histogram: AngularHistogram,
    angles: Floats,
    threshold: float,
    seed: int,
    mask: MaskKernel | None,
    execution: Execution,
) -> ConeStudy:
    axes, areas = axes_for(N_AXES), areas_for(N_AXES)
    shells = _shells(histogram, threshold)
    place = np.array(shells) - 1
    values, noises, counts = [], [], []
    for angle in angles:
        sums = cone_sums(histogram, axes, float(angle), execution=execution)
        values.append(correlation(sums.xy, sums.xx, sums.yy)[:, place])
        counts.append(areas @ sums.n_eff[:, place].mean(axis=1))
        plan = NoisePlan(
            box=histogram.box,
            axes=axes,
            cone_half_angle=float(angle),
            shells=shells,
            replicates=REPLICATES,
            seed=seed,  # the same noise for every angle
            mask=mask,
            nodes_per_face=histogram.nodes_per_face,
        )
        drawn = for_each_shell(plan, _NoiseFsc(), stage=f"{angle:g} degrees", execution=execution)
        noises.append(np.stack(drawn, axis=1))
    # noise around a true FSC F is smaller by 1 - F^2
    damping = 1 - float(np.nanmean(np.clip(values[-1], 0, 1) ** 2))
    noise = np.array([damping * np.sqrt(_mean_square(n, areas)) for n in noises])
    bias = np.zeros(angles.size)
    for i in range(1, angles.size):
        # over several shells together: what directions have in common stays, noise averages out
        apart = _mean_square((values[i] - values[0]).mean(axis=1)[:, None, None], areas)
        by_noise = damping**2 * _mean_square((noises[i] - noises[0]).mean(axis=1)[:, None], areas)
        blur = 1 / (1 - (angles[0] / angles[i]) ** 2)
        bias[i] = np.sqrt(max(0.0, apart - by_noise)) * blur
    strength = np.sum(bias[1:] * angles[1:] ** 2) / np.sum(angles[1:] ** 4)  # bias = strength angle^2
    bias[0] = strength * angles[0] ** 2
    total = np.hypot(noise, bias)
    best = int(np.argmin(total))
    return ConeStudy(
        angles=angles,
        noise=noise,
        bias=bias,
        total=total,
        n_eff=np.array(counts),
        shells=(shells[0], shells[-1]),
        recommended=float(angles[best]),
        conclusion=_conclusion(angles, noise, bias, best),
    )


def _shells(histogram: AngularHistogram, threshold: float) -> tuple[int, ...]:
    """Shells around the global cut-off."""
    frequency = shell_frequencies(histogram.box, histogram.voxel_size)
    at = crossing(frequency, correlation(*histogram.shell_sums[:, 1:]), threshold)
    centre = int(np.searchsorted(frequency, at.frequency)) + 1 if np.isfinite(at.frequency) else frequency.size
    first = max(1, min(centre - SHELLS // 2, frequency.size - SHELLS + 1))
    return tuple(range(first, min(first + SHELLS, frequency.size + 1)))


def _mean_square(values: Floats, areas: Floats) -> float:
    """Mean over axes (by area), shells and replicates of (A, S, n)."""
    per_axis = np.nanmean(np.square(values), axis=(1, 2))
    known = np.isfinite(per_axis)
    return float(areas[known] @ per_axis[known] / areas[known].sum())


def _conclusion(angles: Floats, noise: Floats, bias: Floats, best: int) -> str:
    text = (
        f"A half-angle of {angles[best]:g} degrees has the smallest error of dFSC near the global cut-off "
        f"({noise[best]:.3f} by noise, {bias[best]:.3f} by blur)"
    )
    if best == angles.size - 1:
        return text + ": directions differ so little that wider cones would do as well."
    if best == 0:
        return text + ": directions differ so strongly that narrower cones may do even better."
    return text + "."
