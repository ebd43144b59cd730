"""Mask correction of global and directional FSC by high-resolution noise substitution.

For the analysis: ``mask_correction(maps, dfsc, fso, global_fsc, settings, seed=, nodes_per_face=,
scheduler=, progress=, cancel=) -> MaskCorrection``; needs the volumes, so it belongs to `analyze`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine import Progress, Volumes, accumulate, cone_sums
from ..errors import Cancelled, SettingsError
from ..fourier import Box, coordinates
from ..results import FSO, Crossing, DirectionalFSC, GlobalFSC, Result, Settings
from .crossing import first_crossing
from .fsc import correlation
from .fso import fso

__all__ = ["MaskCorrection", "check_mask", "corrected_fsc", "mask_correction", "randomise_phases"]

Floats = NDArray[np.float64]

RANDOMISE_BELOW = 0.8  # of the unmasked FSC
SKIP = 2  # shells after the first randomised one that are not corrected


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MaskCorrection(Result):
    """FSC with what the mask alone correlates taken out, over whole shells and in each cone.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    randomised_from : int
        First shell with random phases; 0 if the unmasked FSC never falls below 0.8.
    corrected_from : int
        First corrected shell, two later; 0 likewise.
    masked, unmasked, randomised, corrected : ndarray, shape (S,)
        FSC of whole shells: t, without the mask, n of the phase-randomised halves, and
        (t - n)/(1 - n).
    at_143 : Crossing
        Of `corrected`, at 0.143.
    directional_randomised : ndarray, shape (A, S)
        n in each cone; NaN before `randomised_from`.
    dfsc : DirectionalFSC
        Corrected directional FSC.
    fso : FSO
        Of the corrected directional FSC.
    seed : int
        Of the random phases.
    """

    frequency: Floats
    randomised_from: int
    corrected_from: int
    masked: Floats
    unmasked: Floats
    randomised: Floats
    corrected: Floats
    at_143: Crossing
    directional_randomised: Floats
    dfsc: DirectionalFSC
    fso: FSO
    seed: int


def corrected_fsc(masked: Floats, randomised: Floats, first_shell: int) -> Floats:
    """Take out of an FSC what a mask alone correlates: (t - n)/(1 - n).

    Parameters
    ----------
    masked, randomised : ndarray, shape (..., S)
        FSC t of the masked halves, and n of the phase-randomised masked halves.
    first_shell : int
        First shell to correct; before it t stays. 0 corrects none.

    Returns
    -------
    ndarray, shape (..., S)
        Within -1 to 1; NaN where n is 1 or t unmeasured.

    Examples
    --------
    >>> corrected_fsc(np.array([1.0, 0.5]), np.array([0.5, 0.2]), 2).round(6).tolist()
    [1.0, 0.375]
    """
    value = np.array(masked, dtype=np.float64)
    if first_shell > 0:
        t, n = masked[..., first_shell - 1 :], randomised[..., first_shell - 1 :]
        with np.errstate(invalid="ignore"):
            ratio = np.divide(t - n, 1 - n, out=np.full(t.shape, np.nan), where=n < 1)
        value[..., first_shell - 1 :] = np.clip(ratio, -1, 1)
    return value


def randomise_phases(
    half: NDArray[Any], first_shell: int, seed: int, cancel: threading.Event | None = None
) -> NDArray[np.float32]:
    """Replace the phases of a map from a shell on by random ones.

    Parameters
    ----------
    half : ndarray, shape (z, y, x)
        Half map without mask.
    first_shell : int
        First shell with random phases.
    seed : int
        Of the phases.
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        A real map of the same amplitudes.

    Raises
    ------
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> half = np.random.default_rng(0).standard_normal((16, 16, 16))
    >>> other = randomise_phases(half, 1, seed=1)
    >>> bool(np.isclose(np.linalg.norm(other), np.linalg.norm(half), rtol=1e-4))
    True
    """
    box: Box = half.shape
    spectrum = scipy.fft.rfftn(np.asarray(half, dtype=np.float32), workers=-1)
    Cancelled.if_set(cancel)
    noise = np.random.default_rng(seed).standard_normal(box, dtype=np.float32)
    Cancelled.if_set(cancel)
    phases = scipy.fft.rfftn(noise, workers=-1, overwrite_x=True)  # of a real map, so Friedel's law holds
    z, y, x = (c.astype(np.float32) for c in coordinates(box))
    limit = (first_shell - 0.5) ** 2
    for iz, kz in enumerate(z):
        Cancelled.if_set(cancel)
        high = kz**2 + y[:, None] ** 2 + x**2 >= limit
        size = np.abs(phases[iz])
        turned = np.abs(spectrum[iz]) * phases[iz] / np.where(size > 0, size, 1)
        spectrum[iz] = np.where(high, turned, spectrum[iz])
    return np.asarray(scipy.fft.irfftn(spectrum, s=box, workers=-1, overwrite_x=True), dtype=np.float32)


def check_mask(maps: Volumes) -> NDArray[Any]:
    """The mask of the maps; maps without one are refused.

    Parameters
    ----------
    maps : HalfMaps
        The maps to correct.

    Returns
    -------
    ndarray, shape (z, y, x)
        Their mask.

    Raises
    ------
    SettingsError
        When there is no mask.

    Examples
    --------
    >>> from cryoaniso_nb.simulate import simulate_half_maps
    >>> check_mask(simulate_half_maps(box=32, seed=0))
    Traceback (most recent call last):
    ...
    cryoaniso_nb.errors.SettingsError: The maps have no mask, so there is nothing to correct; open them with a mask.
    """
    if maps.mask is None:
        raise SettingsError("The maps have no mask, so there is nothing to correct; open them with a mask.")
    return maps.mask


def mask_correction(
    maps: Volumes,
    dfsc: DirectionalFSC,
    curve: FSO,
    global_fsc: GlobalFSC,
    settings: Settings,
    *,
    seed: int = 0,
    nodes_per_face: int = 49,
    scheduler: Any = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> MaskCorrection:
    """Randomise the phases of each half once, and correct every cone.

    Phases are random from the first shell where the unmasked FSC is below 0.8; shells from
    two later on are corrected. A corrected cone carries the noise of t and of n.

    Parameters
    ----------
    maps : Volumes
        The half maps and their mask.
    dfsc : DirectionalFSC
        Of the masked maps, all axes done.
    curve : FSO
        Its threshold.
    global_fsc : GlobalFSC
        With and without the mask.
    settings : Settings
        Cone.
    seed : int
        Of the random phases.
    nodes_per_face : int
        Fineness of the direction nodes.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address, or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    MaskCorrection
        Masked, unmasked, randomised and corrected curves, and the corrected cones.

    Raises
    ------
    SettingsError
        When the maps have no mask.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> import dataclasses
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.masks import sphere_mask
    >>> maps = ca.simulate_half_maps(box=32, preset="isotropic", seed=0)
    >>> maps = dataclasses.replace(maps, mask=sphere_mask(maps.box, 10, edge=3))
    >>> r = ca.analyze(maps)
    >>> fix = mask_correction(maps, r.dfsc, r.fso, r.global_fsc, r.settings)
    >>> fix.corrected_from - fix.randomised_from
    2
    """
    mask = check_mask(maps)
    below = np.flatnonzero(global_fsc.fsc_unmasked < RANDOMISE_BELOW)
    first = int(below[0]) + 1 if below.size else 0
    empty = np.full(dfsc.values.shape, np.nan)
    whole, cones = np.full(dfsc.frequency.size, np.nan), empty
    if first:
        common: dict[str, Any] = {"scheduler": scheduler, "progress": progress, "cancel": cancel}
        halves = [
            randomise_phases(half, first, 2 * seed + i, cancel) for i, half in enumerate((maps.half1, maps.half2))
        ]
        for half in halves:  # masked here, not in `accumulate`, which would transform the unmasked halves too
            half *= mask
        random = SimpleNamespace(half1=halves[0], half2=halves[1], mask=None, voxel_size=maps.voxel_size)
        histogram = accumulate(random, nodes_per_face=nodes_per_face, **common)
        sums = cone_sums(histogram, dfsc.axes, settings.cone_half_angle, **common)
        whole = correlation(*histogram.shell_sums[:, 1:])
        cones = correlation(sums.xy, sums.xx, sums.yy)
        whole[: first - 1], cones[:, : first - 1] = np.nan, np.nan
    start = first + SKIP if first else 0
    corrected = corrected_fsc(global_fsc.fsc, whole, start)
    directional = dfsc.replace(values=corrected_fsc(dfsc.values, cones, start))
    return MaskCorrection(
        frequency=dfsc.frequency,
        randomised_from=first,
        corrected_from=start,
        masked=global_fsc.fsc,
        unmasked=global_fsc.fsc_unmasked,
        randomised=whole,
        corrected=corrected,
        at_143=first_crossing(dfsc.frequency, corrected, 0.143),
        directional_randomised=cones,
        dfsc=directional,
        fso=fso(directional, curve.threshold),
        seed=seed,
    )
