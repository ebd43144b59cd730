"""Pieces of an analysis: checked settings, dFSC from sums, sentences of warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .directions import LEVELS, areas, axes_for
from .engine import ConeSums
from .errors import SettingsError
from .fourier import shell_frequencies
from .measures.fsc import correlation, global_crossing
from .results import (
    AngularHistogram,
    DirectionalFSC,
    DirectionalResolution,
    GlobalFSC,
    InputFile,
    ResolutionFlag,
    Settings,
)

if TYPE_CHECKING:
    from .measures.noisefields import MaskKernel

__all__ = ["Source", "check_settings", "cone_warnings", "directional_fsc", "sum_warnings"]

Floats = NDArray[np.float64]

CONE_RANGE = (3.0, 45.0)  # degrees
THIN = 3.0  # effective coefficients below which a cone says little
FIRST_JUDGED_SHELL = 5  # nearly all cones of the shells before are thin


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a result keeps of where it came from."""

    histogram: AngularHistogram | None
    inputs: tuple[InputFile, ...]
    map_warnings: tuple[str, ...]
    mask_kernel: MaskKernel | None


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
    low, high = CONE_RANGE
    if not low <= settings.cone_half_angle <= high:
        raise SettingsError(
            f"The cone's half-angle is {settings.cone_half_angle:g} degrees, "
            f"but it must lie between {low:g} and {high:g}."
        )
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
        frequency=frequency, axes=axes_for(n_axes), areas=share, values=values, n_eff=n_eff, done=done
    )


def sum_warnings(settings: Settings, curve: GlobalFSC) -> list[str]:
    """What whole shells tell whatever the threshold: identical halves, no mask.

    Parameters
    ----------
    settings : Settings
        Whether there is a mask.
    curve : GlobalFSC
        FSC of whole shells.

    Returns
    -------
    list of str
        Sentences.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> sum_warnings(r.settings, r.global_fsc)[0][:17]
    'No mask was given'
    """
    warnings = []
    if _identical(curve):
        warnings.append(
            "The half maps are identical (FSC is 1 everywhere): give the two maps of independent half sets."
        )
    if settings.mask == "none":
        warnings.append(
            "No mask was given: the solvent's noise lowers every FSC (a soft mask, or mask='auto', raises it)."
        )
    return warnings


def _identical(curve: GlobalFSC) -> bool:
    return bool(np.nanmin(curve.fsc) > 1 - 1e-9)


def cone_warnings(
    settings: Settings, curve: GlobalFSC, dfsc: DirectionalFSC, resolution: DirectionalResolution
) -> list[str]:
    """What hangs on threshold and cones: FSC that never falls, cones of too few coefficients to tell."""
    warnings = []
    if global_crossing(curve, settings.threshold).flag is ResolutionFlag.NOT_CROSSED and not _identical(curve):
        nyquist = 1 / curve.frequency[-1]
        warnings.append(
            f"The FSC never falls below {settings.threshold:g}: "
            f"the resolution is limited by Nyquist ({nyquist:.2f} Å), not measured."
        )
    thin = np.flatnonzero((dfsc.n_eff[dfsc.done, FIRST_JUDGED_SHELL - 1 :] < THIN).any(axis=0)) + FIRST_JUDGED_SHELL
    if thin.size:
        warnings.append(
            f"Some cones of {settings.cone_half_angle:g} degrees hold fewer than {THIN:g} effective coefficients "
            f"up to shell {thin.max()} ({1 / dfsc.frequency[thin.max() - 1]:.1f} Å): dFSC there is mostly chance; "
            "wider cones hold more."
        )
    crossing = int((resolution.n_eff < THIN).sum())
    if crossing:
        warnings.append(
            f"In {crossing} of {resolution.n_eff.size} directions the threshold is crossed where "
            f"the cone holds fewer than {THIN:g} effective coefficients: their resolution is uncertain."
        )
    return warnings
