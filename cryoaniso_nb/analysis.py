"""Half maps in, every measure out: `analyze` and `iter_analysis`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._version import VERSION
from .analysis_parts import Source, check_settings, directional_fsc, sum_warnings
from .analysis_result import AnalysisResult, measured
from .directions import axes_for, levels_up_to
from .engine import ConeSums, Progress, accumulate, accumulate_exact, cone_sums, nodes_for
from .errors import ResultError
from .fourier import shell_frequencies
from .maps import HalfMaps
from .measures.fsc import global_fsc
from .results import AngularHistogram, Result, Settings

if TYPE_CHECKING:
    from .measures.noisefields import MaskKernel

__all__ = ["AnalysisResult", "analyze", "iter_analysis", "load_result"]


def iter_analysis(
    maps: HalfMaps,
    *,
    cone_half_angle: float = 17.0,
    threshold: float = 0.143,
    axes: int = 321,
    parity: str | None = None,
    method: str = "histogram",
    weighting: str = "area",
    calibrate: int = 0,
    band: bool | int = False,
    correct_mask: bool = False,
    symmetry: str = "C1",
    seed: int = 0,
    scheduler: Any = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[AnalysisResult]:
    """Analyze half maps, coarse to fine: each level of axes gives a better result.

    Parameters
    ----------
    maps : HalfMaps
        From `open_half_maps` or `simulate_half_maps`.
    cone_half_angle : float
        Degrees, 3 to 45.
    threshold : float
        chi: 0.143 for half maps, 0.5 for map to model.
    axes : int
        6, 21, 81, 321, 1281 or 5121.
    parity : {None, 'xmipp'}
        Reproduce that program: exact sums, equal weights, its table of the Bingham test.
    method : {'histogram', 'exact'}
        'exact' sums cones voxel by voxel: slower, and its result can't be cut again.
    weighting : {'area', 'equal'}
        Weight of each axis in FSO.
    calibrate : int
        Replicates of the calibrated Bingham test (199); 0 leaves it out.
    band : bool or int
        Whether to bootstrap a band of FSO and resolutions (or with how many replicates).
    correct_mask : bool
        Whether to correct global and directional FSC for the mask.
    symmetry : str
        Point group of the map, for `calibrate` and `band`.
    seed : int
        Of their random numbers.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address like 'tcp://host:8786', or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Yields
    ------
    AnalysisResult
        Levels 6, 21, 81, ... up to `axes`, then what was asked for besides; the last one is
        the result.

    Raises
    ------
    SettingsError
        For settings out of range.
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> [int(r.dfsc.done.sum()) for r in ca.iter_analysis(maps, axes=81)]
    [6, 21, 81]
    """
    settings = _settings(maps, cone_half_angle, threshold, axes, parity, method, weighting)
    extras = _Extras(calibrate, 199 if band is True else int(band), correct_mask, symmetry, seed)
    extras.check(maps)
    return _levels(maps, settings, levels_up_to(axes), extras, scheduler, progress, cancel)


def analyze(
    maps: HalfMaps,
    *,
    cone_half_angle: float = 17.0,
    threshold: float = 0.143,
    axes: int = 321,
    parity: str | None = None,
    method: str = "histogram",
    weighting: str = "area",
    calibrate: int = 0,
    band: bool | int = False,
    correct_mask: bool = False,
    symmetry: str = "C1",
    seed: int = 0,
    scheduler: Any = "threads",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> AnalysisResult:
    """Analyze half maps: global and directional FSC, FSO, Bingham test, directional resolution.

    After Vilas & Tagare, Nature Methods 2023, doi 10.1038/s41592-023-01874-3.

    Parameters
    ----------
    maps : HalfMaps
        From `open_half_maps` or `simulate_half_maps`.
    cone_half_angle : float
        Degrees, 3 to 45.
    threshold : float
        chi: 0.143 for half maps, 0.5 for map to model.
    axes : int
        6, 21, 81, 321, 1281 or 5121.
    parity : {None, 'xmipp'}
        Reproduce that program: exact sums, equal weights, its table of the Bingham test.
    method : {'histogram', 'exact'}
        'exact' sums cones voxel by voxel: slower, and its result can't be cut again.
    weighting : {'area', 'equal'}
        Weight of each axis in FSO.
    calibrate : int
        Replicates of the calibrated Bingham test (199); 0 leaves it out.
    band : bool or int
        Whether to bootstrap a band of FSO and resolutions (or with how many replicates).
    correct_mask : bool
        Whether to correct global and directional FSC for the mask.
    symmetry : str
        Point group of the map, for `calibrate` and `band`.
    seed : int
        Of their random numbers.
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address like 'tcp://host:8786', or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    AnalysisResult
        Frozen; save it, cut it again with other cones, plot it.

    Raises
    ------
    SettingsError
        For settings out of range.
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When `cancel` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> result.fso.occupancy.shape
    (16,)
    """
    settings = _settings(maps, cone_half_angle, threshold, axes, parity, method, weighting)
    extras = _Extras(calibrate, 199 if band is True else int(band), correct_mask, symmetry, seed)
    extras.check(maps)
    *_, result = _levels(maps, settings, (axes,), extras, scheduler, progress, cancel)
    return result


def _settings(
    maps: HalfMaps, cone_half_angle: float, threshold: float, axes: int, parity: str | None, method: str, weighting: str
) -> Settings:
    settings = Settings(
        box=maps.box,
        voxel_size=float(maps.voxel_size),
        cone_half_angle=float(cone_half_angle),
        threshold=float(threshold),
        n_axes=axes,
        weighting="equal" if parity == "xmipp" else weighting,
        parity=parity,
        method="exact" if parity == "xmipp" else method,
        mask=maps.mask_label,
        version=VERSION,
    )
    check_settings(settings)
    return settings


@dataclass(frozen=True, slots=True)
class _Extras:
    """The statistics asked for besides the plain analysis."""

    calibrate: int
    band: int
    correct_mask: bool
    symmetry: str
    seed: int

    def check(self, maps: HalfMaps) -> None:
        """Refuse what can't be done before the maps are transformed, not after."""
        if self.calibrate:
            from .measures.calibration import check_replicates

            check_replicates(self.calibrate)
        if self.band:
            from .measures.bands import check_band

            check_band(self.band)
        if self.correct_mask:
            from .measures.maskcorrection import check_mask

            check_mask(maps)
        if self.symmetry.upper() != "C1":
            from .symmetry import point_group

            point_group(self.symmetry)

    def added(self, result: AnalysisResult, maps: HalfMaps, common: dict[str, Any]) -> Iterator[AnalysisResult]:
        """The result with one statistic more each time."""
        if self.correct_mask:
            result = result.with_mask_correction(maps, self.seed, **common)
            yield result
        if self.calibrate:
            result = result.with_calibration(self.calibrate, self.seed, symmetry=self.symmetry, **common)
            yield result
        if self.band:
            yield result.with_band(self.band, self.seed, symmetry=self.symmetry, **common)


def _kernel(maps: HalfMaps) -> MaskKernel | None:
    if maps.mask is None:
        return None
    from .measures.noisefields import mask_kernel

    return mask_kernel(maps.mask)


def _levels(
    maps: HalfMaps,
    settings: Settings,
    levels: tuple[int, ...],
    extras: _Extras,
    scheduler: Any,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> Iterator[AnalysisResult]:
    common: dict[str, Any] = {"scheduler": scheduler, "progress": progress, "cancel": cancel}
    axes = axes_for(settings.n_axes)
    frequency = shell_frequencies(settings.box, settings.voxel_size)
    histogram: AngularHistogram | None = None
    if settings.method == "exact":
        sums, whole, unmasked = accumulate_exact(
            maps, axes, settings.cone_half_angle, beyond_nyquist=settings.parity != "xmipp", **common
        )
    else:
        histogram = accumulate(maps, nodes_per_face=nodes_for(settings.cone_half_angle), **common)
        whole, unmasked = histogram.shell_sums, histogram.unmasked_sums
        sums = _no_sums(len(frequency))
    curve = global_fsc(frequency, whole, unmasked)
    source = Source(histogram, maps.inputs, (*maps.warnings, *sum_warnings(settings, curve)), _kernel(maps))
    for level in levels:
        if histogram is not None:
            done = len(sums.xy)
            sums = _joined(sums, cone_sums(histogram, axes[done:level], settings.cone_half_angle, **common))
        result = measured(settings, source, directional_fsc(settings, sums, level), curve)
        yield result
    yield from extras.added(result, maps, common)


def _no_sums(shells: int) -> ConeSums:
    return ConeSums(*(np.empty((0, shells)) for _ in range(4)))


def _joined(first: ConeSums, second: ConeSums) -> ConeSums:
    return ConeSums(*(np.concatenate([getattr(first, n), getattr(second, n)]) for n in ("xy", "xx", "yy", "n_eff")))


def load_result(path: str | os.PathLike[str]) -> AnalysisResult:
    """Read an analysis saved with ``result.save``.

    Parameters
    ----------
    path : path
        A result.npz, or the folder that ``cryoaniso analyze`` wrote it to.

    Returns
    -------
    AnalysisResult
        As it was saved; `with_cones` still works.

    Raises
    ------
    ResultError
        When the file is missing, damaged, or holds something else.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ca.load_result(result.save(f"{folder}/r.npz")).settings.n_axes
    321
    """
    result = Result.load(os.path.join(path, "result.npz") if os.path.isdir(path) else path)
    if not isinstance(result, AnalysisResult):
        raise ResultError(
            f"{path} holds a {type(result).__name__}, not an analysis; give a result.npz written by analyze."
        )
    return result
