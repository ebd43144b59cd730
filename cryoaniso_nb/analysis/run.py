"""Half maps in, every measure out: `analyze` and `iter_analysis`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..engine.blocks import ConeSums, nodes_for
from ..engine.cones import cone_sums
from ..engine.local import ONE_BLAS_THREAD
from ..engine.volumes import accumulate_both, accumulate_exact
from ..errors import ResultError
from ..geometry.directions import axes_for, levels_up_to
from ..geometry.shells import shell_frequencies
from ..inputs.half_maps import HalfMaps
from ..measures.fsc import global_fsc
from ..results.record import RESULT_FILE
from ..results.types import AngularHistogram, Result, Settings
from .options import Call, takes_options
from .parts import Source, directional_fsc, pair_warnings, sum_warnings
from .result import AnalysisResult, measured

if TYPE_CHECKING:
    from ..statistics.chance import ChanceTest
    from ..statistics.noise_fields import MaskKernel
    from ..statistics.noise_harmonics import NoiseHarmonics

__all__ = ["AnalysisResult", "analyze", "iter_analysis", "load_result"]


_log = logging.getLogger(__name__)


@takes_options(Call)
def iter_analysis(maps: HalfMaps, options: Call) -> Iterator[AnalysisResult]:
    """Analyze half maps, coarse to fine: each level of axes gives a better result.

    Parameters
    ----------
    maps : HalfMaps
        From `open_half_maps` or `simulate_half_maps`.
    options : Call
        Each option is an argument of its own, see `Options`.

    Yields
    ------
    AnalysisResult
        Levels 6, 21, 81, ... up to `n_axes`, then what was asked for besides; the last one is
        the result.

    Raises
    ------
    SettingsError
        For settings out of range.
    MapError
        For NaN, infinite or constant half maps.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> [int(r.dfsc.done.sum()) for r in ca.iter_analysis(maps, n_axes=81)]
    [6, 21, 81]
    """
    return _levels(maps, options.settings(maps), levels_up_to(options.n_axes), options)


@takes_options(Call)
def analyze(maps: HalfMaps, options: Call) -> AnalysisResult:
    """Analyze half maps: global and directional FSC, FSO, Bingham test, directional resolution.

    After Vilas & Tagare, Nature Methods 2023, doi 10.1038/s41592-023-01874-3.

    Parameters
    ----------
    maps : HalfMaps
        From `open_half_maps` or `simulate_half_maps`.
    options : Call
        Each option is an argument of its own, see `Options`.

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
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> result.fso.occupancy.shape
    (16,)
    """
    *_, result = _levels(maps, options.settings(maps), (options.n_axes,), options)
    return result


def _kernel(maps: HalfMaps) -> MaskKernel | None:
    if maps.mask is None:
        return None
    from ..statistics.noise_fields import mask_kernel

    return mask_kernel(maps.mask)


def _is_model(maps: HalfMaps) -> bool:
    return any(item.role == "model" for item in maps.inputs)


@ONE_BLAS_THREAD
def _patterns(
    maps: HalfMaps, settings: Settings, masked: AngularHistogram, bare: AngularHistogram
) -> tuple[NoiseHarmonics | None, ChanceTest | None, float]:
    """Noise over directions, the test of dFSC, and how far from the point group told: none depends on cones."""
    from ..statistics.chance import chance_test
    from ..statistics.noise_harmonics import harmonic_moments, noise_harmonics
    from ..statistics.symmetry_fit import group_misfit

    moments = harmonic_moments(masked)
    misfit = group_misfit(moments, settings.symmetry)
    if _is_model(maps):
        return None, None, misfit  # the difference of a map and a model is no noise
    noise = noise_harmonics(moments if bare is masked else harmonic_moments(bare))
    return noise, chance_test(moments, settings.symmetry, noise=noise), misfit


def _levels(maps: HalfMaps, settings: Settings, levels: tuple[int, ...], options: Call) -> Iterator[AnalysisResult]:
    execution = options.execution
    axes = axes_for(settings.n_axes)
    frequency = shell_frequencies(settings.box, settings.voxel_size)
    histogram: AngularHistogram | None = None
    patterns: tuple[NoiseHarmonics | None, ChanceTest | None, float] = None, None, float("nan")
    _log.info("box %s, %g Å, %s", settings.box, settings.voxel_size, settings)
    if settings.method == "exact":
        sums, whole, unmasked = accumulate_exact(
            maps, axes, settings.cone_half_angle, beyond_nyquist=settings.parity != "xmipp", execution=execution
        )
    else:
        histogram, bare = accumulate_both(maps, nodes_per_face=nodes_for(settings.cone_half_angle), execution=execution)
        patterns = _patterns(maps, settings, histogram, bare)
        side, dense = histogram.nodes_per_face, histogram.first_shell
        _log.info("angular histogram: %d x %d nodes a face, single coefficients below shell %d", side, side, dense)
        whole, unmasked = histogram.shell_sums, histogram.unmasked_sums
        sums = _no_sums(len(frequency))
    curve = global_fsc(frequency, whole, unmasked)
    notes = (*maps.warnings, *sum_warnings(settings, curve), *([] if _is_model(maps) else pair_warnings(curve)))
    source = Source(histogram, maps.inputs, notes, _kernel(maps), *patterns)
    for level in levels:
        if histogram is not None:
            done = len(sums.xy)
            sums = _joined(sums, cone_sums(histogram, axes[done:level], settings.cone_half_angle, execution=execution))
        result = measured(settings, source, directional_fsc(settings, sums, level), curve)
        _log.info("%d axes: %r", level, result)
        yield result
    for warning in result.warnings:
        _log.info("warning: %s", warning)
    yield from options.added(result, maps, execution)


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
    result = Result.load(os.path.join(path, RESULT_FILE) if os.path.isdir(path) else path)
    if not isinstance(result, AnalysisResult):
        raise ResultError(
            f"{path} holds a {type(result).__name__}, not an analysis; give a result.npz written by analyze."
        )
    return result
