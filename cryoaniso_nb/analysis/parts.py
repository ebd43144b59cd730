"""Pieces of an analysis: checked settings, dFSC from sums, sentences of warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..engine.blocks import ConeSums
from ..errors import SettingsError
from ..geometry.directions import LEVELS, areas, axes_for
from ..geometry.shells import shell_frequencies
from ..measures.fsc import SHARED_FSC, correlation, global_crossing, low_fsc
from ..measures.resolution import THIN
from ..results.cautions import Caution
from ..results.types import (
    AngularHistogram,
    DirectionalFSC,
    DirectionalResolution,
    GlobalFSC,
    InputFile,
    ResolutionFlag,
    Settings,
)
from ..statistics.symmetry_fit import WRONG_GROUP

if TYPE_CHECKING:
    from ..statistics.chance import ChanceTest
    from ..statistics.noise_evenness import NoiseEvenness
    from ..statistics.noise_fields import MaskKernel
    from ..statistics.noise_harmonics import NoiseHarmonics

__all__ = [
    "Source",
    "check_cone",
    "check_settings",
    "cone_warnings",
    "directional_fsc",
    "filter_warnings",
    "pair_warnings",
    "sum_warnings",
    "symmetry_warnings",
]

Floats = NDArray[np.float64]

CONE_RANGE = (3.0, 45.0)  # degrees
INDEPENDENT = 12.0  # coefficients in a cone at the resolution, below which dFSC scatters by more than 0.2
FIRST_JUDGED_SHELL = 5  # nearly all cones of the shells before are thin


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a result keeps of where it came from."""

    histogram: AngularHistogram | None
    inputs: tuple[InputFile, ...]
    map_warnings: tuple[Caution, ...]
    mask_kernel: MaskKernel | None
    noise: NoiseHarmonics | None = None
    chance: ChanceTest | None = None
    symmetry_misfit: float = float("nan")


def check_cone(cone_half_angle: float) -> None:
    """Refuse a cone that is too narrow or too wide to mean a direction.

    Parameters
    ----------
    cone_half_angle : float
        Degrees.

    Raises
    ------
    SettingsError
        Outside 3 to 45 degrees.

    Examples
    --------
    >>> check_cone(17.0)
    """
    low, high = CONE_RANGE
    if not low <= cone_half_angle <= high:
        raise SettingsError(
            f"The cone's half-angle is {cone_half_angle:g} degrees, but it must lie between {low:g} and {high:g}."
        )


def check_settings(settings: Settings) -> None:
    """Refuse settings that make no sense.

    Parameters
    ----------
    settings : Settings
        All of them.

    Raises
    ------
    SettingsError
        Naming the value and what it may be.

    Examples
    --------
    >>> check_settings(Settings(box=(32, 32, 32), voxel_size=1.0, cone_half_angle=17.0, threshold=0.143, n_axes=321))
    """
    check_cone(settings.cone_half_angle)
    if not 0 < settings.threshold < 1:
        raise SettingsError(
            f"The threshold is {settings.threshold:g}, but it must lie between 0 and 1 (0.143 for half maps)."
        )
    if settings.n_axes not in LEVELS:
        raise SettingsError(
            f"The number of axes is {settings.n_axes}, but it must be one of {', '.join(map(str, LEVELS))}."
        )
    for name, value, allowed in (
        ("parity", settings.parity, (None, "xmipp")),
        ("method", settings.method, ("histogram", "exact")),
        ("weighting", settings.weighting, ("area", "equal")),
    ):
        if value not in allowed:
            raise SettingsError(f"The {name} is {value!r}, but it must be {' or '.join(map(repr, allowed))}.")


def directional_fsc(settings: Settings, sums: ConeSums, level: int) -> DirectionalFSC:
    """dFSC of the first `level` axes; the rest NaN.

    Parameters
    ----------
    settings : Settings
        Number of axes and their weighting.
    sums : ConeSums
        Of at least `level` axes.
    level : int
        Number of axes done.

    Returns
    -------
    DirectionalFSC
        Of all axes of the settings.

    Examples
    --------
    >>> s = Settings(box=(16, 16, 16), voxel_size=1.0, cone_half_angle=17.0, threshold=0.143, n_axes=21)
    >>> directional_fsc(s, ConeSums(*(np.ones((6, 8)) for _ in range(4))), 6).values.shape
    (21, 8)
    """
    n_axes, frequency = settings.n_axes, shell_frequencies(settings.box, settings.voxel_size)
    values = np.full((n_axes, frequency.size), np.nan)
    n_eff = np.full((n_axes, frequency.size), np.nan)
    values[:level] = correlation(sums.xy[:level], sums.xx[:level], sums.yy[:level])
    n_eff[:level] = sums.n_eff[:level]
    share = np.zeros(n_axes)
    share[:level] = areas(level) if settings.weighting == "area" else 1 / level
    done = np.arange(n_axes) < level
    return DirectionalFSC(
        frequency=frequency,
        axes=axes_for(n_axes),
        areas=share,
        values=values,
        n_eff=n_eff,
        done=done,
        cone_half_angle=settings.cone_half_angle,
        box=settings.box,
        voxel_size=settings.voxel_size,
    )


def sum_warnings(settings: Settings, curve: GlobalFSC) -> list[Caution]:
    """What whole shells tell whatever the threshold: identical halves, no mask.

    Parameters
    ----------
    settings : Settings
        Whether there is a mask.
    curve : GlobalFSC
        FSC of whole shells.

    Returns
    -------
    list of Caution
        Sentences with their codes.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> sum_warnings(r.settings, r.global_fsc)[0][:17]
    'No mask was given'
    """
    warnings: list[Caution] = []
    if _identical(curve):
        warnings.append(
            Caution(
                "identical-halves",
                "The half maps are identical (FSC is 1 everywhere): give the two maps of independent half sets.",
            )
        )
    if settings.mask == "none":
        warnings.append(
            Caution(
                "no-mask",
                "No mask was given: the solvent's noise lowers every FSC (a soft mask, or mask='auto', raises it).",
            )
        )
    return warnings


def _identical(curve: GlobalFSC) -> bool:
    return bool(np.nanmin(curve.fsc) > 1 - 1e-9)


def pair_warnings(curve: GlobalFSC) -> list[Caution]:
    """Whether two half maps are a pair at all: real ones share nearly all signal at low resolution.

    Half maps of different particles, or one of which is mirrored, shifted or inverted, agree in the first
    shells at most, where an FSC says little more than that both are blobs.

    Parameters
    ----------
    curve : GlobalFSC
        FSC of whole shells.

    Returns
    -------
    list of Caution
        At most one.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> one, other = (ca.simulate_half_maps(box=32, seed=seed) for seed in (0, 1))
    >>> pair_warnings(ca.analyze(ca.open_half_maps(one.half1, other.half2, voxel_size=1.0)).global_fsc)[0].code
    'no-common-signal'
    """
    shared, first, last = low_fsc(curve)
    if shared >= SHARED_FSC:
        return []
    where = f"their FSC is {shared:.2f} on average between {first:.0f} and {last:.0f} Å"
    if shared < -SHARED_FSC:
        text = f"One half map is the other's negative ({where}): invert the contrast of one of them."
    else:
        text = (
            f"The half maps share hardly any signal ({where}): are they a pair, of the same particle, "
            "hand, origin and contrast?"
        )
    return [Caution("no-common-signal", text)]


def filter_warnings(evenness: NoiseEvenness | None) -> list[Caution]:
    """Whether the half maps were filtered by their signal-to-noise ratio, which hides what views did to noise.

    Parameters
    ----------
    evenness : NoiseEvenness or None
        Of the half maps.

    Returns
    -------
    list of Caution
        At most one.

    Examples
    --------
    >>> filter_warnings(None)
    []
    """
    if evenness is None or not evenness.filtered:
        return []
    text = (
        f"The half maps look filtered: their noise past the resolution is {evenness.high_frequency_power:.2g} times "
        "that before. How uneven the noise of the reconstruction was can't be measured in them; "
        "give unfiltered half maps, or the poses."
    )
    return [Caution("filtered-halves", text)]


def symmetry_warnings(symmetry: str, misfit: float) -> list[Caution]:
    """Whether the half maps lack the point group that was told.

    Parameters
    ----------
    symmetry : str
        Point group.
    misfit : float
        See `statistics.symmetry_fit.group_misfit`.

    Returns
    -------
    list of Caution
        At most one.

    Examples
    --------
    >>> symmetry_warnings("D2", 0.6)[0].code, symmetry_warnings("D2", 0.001)
    ('symmetry', [])
    """
    if not misfit > WRONG_GROUP:
        return []
    text = (
        f"The half maps don't have the point group {symmetry} that was given: power by direction that it forbids is "
        f"{misfit:.2g} times what it allows (below {WRONG_GROUP:g} where a group holds). Its axes may lie otherwise, "
        "or the mask may break it; give the group that the maps were refined with, or none."
    )
    return [Caution("symmetry", text)]


def cone_warnings(
    settings: Settings,
    curve: GlobalFSC,
    dfsc: DirectionalFSC,
    resolution: DirectionalResolution,
    mask: MaskKernel | None = None,
) -> list[Caution]:
    """What hangs on threshold and cones: FSC that never falls, cones of too few coefficients to tell."""
    warnings: list[Caution] = []
    crossing = global_crossing(curve, settings.threshold)
    if crossing.flag is ResolutionFlag.NOT_CROSSED and not _identical(curve):
        nyquist = 1 / curve.frequency[-1]
        warnings.append(
            Caution(
                "nyquist",
                f"The FSC never falls below {settings.threshold:g}: "
                f"the resolution is limited by Nyquist ({nyquist:.2f} Å), not measured.",
            )
        )
    thin = np.flatnonzero((dfsc.n_eff[dfsc.done, FIRST_JUDGED_SHELL - 1 :] < THIN).any(axis=0)) + FIRST_JUDGED_SHELL
    if thin.size:
        warnings.append(
            Caution(
                "thin-cones",
                f"Some cones of {settings.cone_half_angle:g} degrees hold fewer than {THIN:g} effective coefficients "
                f"up to shell {thin.max()} ({1 / dfsc.frequency[thin.max() - 1]:.1f} Å): dFSC there is mostly chance; "
                "wider cones hold more.",
            )
        )
    if mask is not None and crossing.flag is ResolutionFlag.CROSSED:
        warnings += _tight_mask(settings, dfsc, mask, crossing.frequency)
    uncertain = int((resolution.n_eff < THIN).sum())
    if uncertain:
        warnings.append(
            Caution(
                "thin-crossings",
                f"In {uncertain} of {resolution.n_eff.size} directions the threshold is crossed where "
                f"the cone holds fewer than {THIN:g} effective coefficients: their resolution is uncertain.",
            )
        )
    return warnings


def _tight_mask(settings: Settings, dfsc: DirectionalFSC, mask: MaskKernel, frequency: float) -> list[Caution]:
    """Doubt about a mask that leaves a cone too few independent coefficients where the FSC ends.

    A mask that keeps the share v of the box lifts the variance of dFSC by v^(-2/3).
    """
    shell = int(np.argmin(np.abs(dfsc.frequency - frequency)))
    share = mask.volume_ratio ** (2 / 3)
    left = float(np.nanmedian(dfsc.n_eff[dfsc.done, shell])) * share
    if shell + 1 < FIRST_JUDGED_SHELL or not (left < INDEPENDENT and share < 0.5):
        return []
    text = (
        f"The mask spreads every coefficient over {2 * mask.reach:.0f} shells, and the FSC ends at shell {shell + 1}: "
        f"it leaves about {left:.0f} independent coefficients in a cone of {settings.cone_half_angle:g} degrees there, "
        f"so that dFSC scatters by {1 / np.sqrt(2 * left):.2f} and differing directions may look alike; "
        "compare with a wider mask or none, or take wider cones."
    )
    return [Caution("tight-mask", text)]
