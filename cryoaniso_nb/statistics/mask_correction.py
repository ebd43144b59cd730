"""Mask correction of global and directional FSC by high-resolution noise substitution.

With random phases beyond a shell, what masked halves still have in common is what the mask
spreads from the shells before. Its mean over all random phases needs no drawing: of the masked
halves M (L + R), L below the shell and R beyond, the random R1 and R2 have nothing in common
on average, so that the mean of X* Y is that of the masked L alone, and the mean power of M R
is the power of R convolved with that of M. One draw instead is itself noise: in cones it takes
0.05 too much from dFSC where that is small, since n is then subtracted with its own scatter.

For the analysis: ``mask_correction(maps, dfsc, fso, global_fsc, settings, nodes_per_face=,
execution=) -> MaskCorrection``; needs the volumes, so it belongs to `analyze`.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.cones import cone_sums
from ..engine.execution import LOCAL, Execution
from ..engine.volumes import Volumes, accumulate
from ..errors import Cancelled, SettingsError
from ..geometry.shells import Box, coordinates
from ..measures.crossing import crossing
from ..measures.fourier_shell_occupancy import fso
from ..measures.fsc import correlation
from ..results.types import FSO, Crossing, DirectionalFSC, Frequencies, GlobalFSC, Result, Settings

__all__ = ["MaskCorrection", "check_mask", "corrected_fsc", "mask_correction"]

Floats = NDArray[np.float64]

RANDOMISE_BELOW = 0.8  # of the unmasked FSC
SKIP = 2  # shells after the first randomised one that are not corrected


_log = logging.getLogger(__name__)


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
        FSC of whole shells: t, without the mask, n of the phase-randomised halves (its mean
        over all random phases), and (t - n)/(1 - n).
    at_143 : Crossing
        Of `corrected`, at 0.143.
    directional_randomised : ndarray, shape (A, S), or None
        n in each cone, likewise; NaN before `randomised_from`.
    dfsc : DirectionalFSC or None
        Corrected directional FSC.
    fso : FSO or None
        Of the corrected directional FSC.

    What hangs on cones is None in a result whose cones were changed afterwards.
    """

    frequency: Frequencies
    randomised_from: int
    corrected_from: int
    masked: Annotated[Floats, "S"]
    unmasked: Annotated[Floats, "S"]
    randomised: Annotated[Floats, "S"]
    corrected: Annotated[Floats, "S"]
    at_143: Crossing
    directional_randomised: Annotated[Floats, "A", "S"] | None
    dfsc: Annotated[DirectionalFSC, "A", "S"] | None
    fso: Annotated[FSO, "S"] | None

    @property
    def call(self) -> str:
        """The method of a result that makes this again."""
        return "with_mask_correction(maps)"

    def recut(self, before: DirectionalFSC, after: DirectionalFSC, threshold: float | None) -> MaskCorrection:
        """What still holds for other cones.

        Parameters
        ----------
        before, after : DirectionalFSC
            Of the masked maps, as corrected and now.
        threshold : float or None
            chi; None where the half-angle of the cones has changed.

        Returns
        -------
        MaskCorrection
            Whole shells as they are. Cones where they are the same ones, or the first of them
            (levels of axes nest); None otherwise.
        """
        kept = len(after.axes)
        if threshold is None or self.dfsc is None or self.directional_randomised is None or kept > len(before.axes):
            return self.replace(directional_randomised=None, dfsc=None, fso=None)
        corrected = after.replace(values=self.dfsc.values[:kept])
        randomised = self.directional_randomised[:kept]
        return self.replace(directional_randomised=randomised, dfsc=corrected, fso=fso(corrected, threshold))


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
    >>> from cryoaniso_nb.simulate.half_maps import simulate_half_maps
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
    nodes_per_face: int = 49,
    execution: Execution = LOCAL,
) -> MaskCorrection:
    """Correct whole shells and every cone by the mean FSC of phase-randomised masked halves.

    Phases are random from the first shell where the unmasked FSC is below 0.8; shells from
    two later on are corrected.

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
    nodes_per_face : int
        Fineness of the direction nodes.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    MaskCorrection
        Masked, unmasked, randomised and corrected curves, and the corrected cones.

    Raises
    ------
    SettingsError
        When the maps have no mask.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import dataclasses
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.inputs.masks import sphere_mask
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
    whole, cones = np.full(dfsc.frequency.size, np.nan), np.full(dfsc.values.shape, np.nan)
    _log.info("mask correction: random phases from shell %d on (0: none)", first)
    if first:
        low, high = _split(maps, mask, first, execution)
        shells, sums = np.zeros((3, *whole.shape)), np.zeros((3, *cones.shape))
        for volumes, in_common in ((low, 1.0), (high, 0.0)):
            histogram = accumulate(volumes, nodes_per_face=nodes_per_face, execution=execution)
            found = cone_sums(histogram, dfsc.axes, settings.cone_half_angle, execution=execution)
            shells += np.array([[in_common], [1], [1]]) * histogram.shell_sums[:, 1:]
            sums += np.stack([in_common * found.xy, found.xx, found.yy])
        whole, cones = correlation(*shells), correlation(*sums)
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
        at_143=crossing(dfsc.frequency, corrected, 0.143),
        directional_randomised=cones,
        dfsc=directional,
        fso=fso(directional, curve.threshold),
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """Volumes for the engine, masked already."""

    half1: NDArray[Any]
    half2: NDArray[Any]
    voxel_size: float
    mask: None = None


def _split(maps: Volumes, mask: NDArray[Any], first: int, execution: Execution) -> tuple[_Pair, _Pair]:
    """The masked halves below a shell, and volumes with the mean power that their masked random rest has."""
    kernel = np.abs(scipy.fft.rfftn(np.asarray(mask, dtype=np.float32), workers=-1)) ** 2
    box: Box = mask.shape
    own = scipy.fft.irfftn(kernel, s=box, workers=-1) / np.float32(mask.size)  # the mask's autocorrelation
    low: list[NDArray[Any]] = []
    high: list[NDArray[Any]] = []
    for half in (maps.half1, maps.half2):
        execution.raise_if_cancelled()
        spectrum = scipy.fft.rfftn(np.asarray(half, dtype=np.float32), workers=-1)
        power = _take_beyond(spectrum, first, box, execution.cancel)
        below = scipy.fft.irfftn(spectrum, s=box, workers=-1, overwrite_x=True)
        below *= mask
        low.append(below)
        execution.raise_if_cancelled()
        # The mean power of the mask times the random rest: their powers convolved
        shared = scipy.fft.irfftn(power, s=box, workers=-1, overwrite_x=True)
        shared *= own
        spread = scipy.fft.rfftn(shared, workers=-1, overwrite_x=True).real
        execution.raise_if_cancelled()
        amplitude = np.sqrt(np.maximum(spread, 0)).astype(np.complex64)
        high.append(scipy.fft.irfftn(amplitude, s=box, workers=-1, overwrite_x=True))
    return _Pair(low[0], low[1], maps.voxel_size), _Pair(high[0], high[1], maps.voxel_size)


def _take_beyond(spectrum: NDArray[Any], first: int, box: Box, cancel: threading.Event | None) -> NDArray[Any]:
    """Power of a transform from a shell on; the transform itself is set to 0 there."""
    power = np.zeros_like(spectrum)
    z, y, x = (c.astype(np.float32) for c in coordinates(box))
    for kz, plane, taken in zip(z, spectrum, power, strict=True):
        Cancelled.if_set(cancel)
        beyond = kz**2 + y[:, None] ** 2 + x**2 >= (first - 0.5) ** 2
        np.multiply(plane.real**2 + plane.imag**2, beyond, out=taken.real)
        plane *= ~beyond
    return power
