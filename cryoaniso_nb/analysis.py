"""Half maps in, every measure out: `analyze`, `iter_analysis` and what they return."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._version import VERSION
from .directions import LEVELS, areas, axes_for, levels_up_to
from .engine import ConeSums, Progress, accumulate, accumulate_exact, cone_sums, nodes_for
from .errors import ResultError, SettingsError
from .fourier import shell_frequencies
from .maps import HalfMaps
from .measures.bingham import bingham
from .measures.fsc import correlation, global_fsc
from .measures.fso import fso
from .measures.resolution import directional_resolution
from .results import (
    FSO,
    AngularHistogram,
    Bingham,
    DirectionalFSC,
    DirectionalResolution,
    GlobalFSC,
    InputFile,
    ResolutionFlag,
    Result,
    Settings,
)

__all__ = ["AnalysisResult", "analyze", "iter_analysis", "load_result"]

Floats = NDArray[np.float64]

CONE_RANGE = (3.0, 45.0)  # degrees
THIN = 3.0  # effective coefficients below which a cone says little
FIRST_JUDGED_SHELL = 5  # nearly all cones of the shells before are thin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AnalysisResult(Result):
    """Everything measured on one pair of half maps.

    Attributes
    ----------
    settings : Settings
        What was asked for, on which box.
    inputs : tuple of InputFile
        The files, as far as there were any.
    global_fsc : GlobalFSC
        FSC of whole shells.
    dfsc : DirectionalFSC
        Directional FSC, one curve an axis.
    fso : FSO
        Fourier shell occupancy and transition zone.
    bingham : Bingham
        Tests of isotropy.
    directional_resolution : DirectionalResolution
        Resolution along every axis.
    histogram : AngularHistogram or None
        What `with_cones` works from; None after exact sums.
    map_warnings, warnings : tuple of str
        What was odd about the maps alone, and all there is to be careful about.
    """

    settings: Settings
    inputs: tuple[InputFile, ...]
    global_fsc: GlobalFSC
    dfsc: DirectionalFSC
    fso: FSO
    bingham: Bingham
    directional_resolution: DirectionalResolution
    histogram: AngularHistogram | None
    map_warnings: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether some axes are still to be done."""
        return not bool(self.dfsc.done.all())

    def __repr__(self) -> str:
        onset, end = self.fso.transition_zone
        state = f"partial, {int(self.dfsc.done.sum())} of {self.dfsc.done.size} axes, " if self.partial else ""
        box = "x".join(map(str, self.settings.box))
        return f"<AnalysisResult {state}box {box}, FSC 0.143 at {self.global_fsc.at_143.resolution:.2f} Å, transition zone {onset:.2f}-{end:.2f} Å>"

    def with_cones(
        self,
        cone_half_angle: float | None = None,
        threshold: float | None = None,
        axes: int | None = None,
        *,
        scheduler: Any = "threads",
    ) -> AnalysisResult:
        """Cut other cones from what this result holds, without the maps.

        Parameters
        ----------
        cone_half_angle : float, optional
            Degrees.
        threshold : float, optional
            chi.
        axes : int, optional
            Number of cone axes.
        scheduler : str or distributed.Client
            Where to compute.

        Returns
        -------
        AnalysisResult
            As if analyzed with these settings; what is not given stays.

        Raises
        ------
        ResultError
            When this result came from exact sums and holds no histogram.
        SettingsError
            For settings out of range, or a cone narrower than the histogram resolves.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> maps = ca.simulate_half_maps(box=32, seed=0)
        >>> ca.analyze(maps).with_cones(threshold=0.5).settings.threshold
        0.5
        """
        settings = self.settings.replace(
            cone_half_angle=self.settings.cone_half_angle if cone_half_angle is None else float(cone_half_angle),
            threshold=self.settings.threshold if threshold is None else float(threshold),
            n_axes=self.settings.n_axes if axes is None else axes,
        )
        check_settings(settings)
        if self.histogram is None:
            raise ResultError("This result came from exact sums and holds no histogram to cut cones from; analyze the maps with method='histogram'.")
        source = _Source(self.histogram, self.inputs, self.map_warnings)
        if settings.cone_half_angle == self.settings.cone_half_angle and settings.n_axes == self.settings.n_axes:
            return _measure(settings, source, self.dfsc, self.global_fsc)
        sums = cone_sums(self.histogram, axes_for(settings.n_axes), settings.cone_half_angle, scheduler=scheduler)
        return _measure(settings, source, _directional(settings, sums, settings.n_axes), self.global_fsc)

    def summary(self) -> dict[str, Any]:
        """All numbers of the analysis as a plain dict with units in its keys.

        Returns
        -------
        dict
            Strings, numbers (NaN for unknown), lists and dicts only; `headline` comes first.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> list(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).summary())[0]
        'headline'
        """
        from .summary import summary_dict

        return summary_dict(self)

    def to_xarray(self) -> Any:
        """The curves and directions as an `xarray.Dataset` with units.

        Returns
        -------
        xarray.Dataset
            Dimensions shell and axis.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> "fso" in ca.analyze(ca.simulate_half_maps(box=32, seed=0)).to_xarray()
        True
        """
        from .xarrays import to_xarray

        return to_xarray(self)

    def _repr_html_(self) -> str:
        from .summary import html_table

        return html_table(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """What a result keeps of where it came from."""

    histogram: AngularHistogram | None
    inputs: tuple[InputFile, ...]
    map_warnings: tuple[str, ...]


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
        raise SettingsError(f"The cone's half-angle is {settings.cone_half_angle:g} degrees, but it must lie between {low:g} and {high:g}.")
    if not 0 < settings.threshold < 1:
        raise SettingsError(f"The threshold is {settings.threshold:g}, but it must lie between 0 and 1 (0.143 for half maps).")
    if settings.n_axes not in LEVELS:
        raise SettingsError(f"The number of axes is {settings.n_axes}, but it must be one of {', '.join(map(str, LEVELS))}.")
    for name, value, allowed in (
        ("parity", settings.parity, (None, "xmipp")),
        ("method", settings.method, ("histogram", "exact")),
        ("weighting", settings.weighting, ("area", "equal")),
    ):
        if value not in allowed:
            raise SettingsError(f"The {name} is {value!r}, but it must be {' or '.join(map(repr, allowed))}.")


def iter_analysis(
    maps: HalfMaps,
    *,
    cone_half_angle: float = 17.0,
    threshold: float = 0.143,
    axes: int = 321,
    parity: str | None = None,
    method: str = "histogram",
    weighting: str = "area",
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
    scheduler : str or distributed.Client
        'threads', 'synchronous', an address like 'tcp://host:8786', or a client.
    progress : callable, optional
        Called with (stage, done, total).
    cancel : threading.Event, optional
        Set it to stop.

    Yields
    ------
    AnalysisResult
        Levels 6, 21, 81, ... up to `axes`; the last one is the result.

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
    return _levels(maps, settings, levels_up_to(axes), scheduler, progress, cancel)


def analyze(
    maps: HalfMaps,
    *,
    cone_half_angle: float = 17.0,
    threshold: float = 0.143,
    axes: int = 321,
    parity: str | None = None,
    method: str = "histogram",
    weighting: str = "area",
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
    (result,) = _levels(maps, settings, (axes,), scheduler, progress, cancel)
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


def _levels(
    maps: HalfMaps,
    settings: Settings,
    levels: tuple[int, ...],
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
    source = _Source(histogram, maps.inputs, (*maps.warnings, *_sum_warnings(settings, curve)))
    for level in levels:
        if histogram is not None:
            done = len(sums.xy)
            sums = _joined(sums, cone_sums(histogram, axes[done:level], settings.cone_half_angle, **common))
        yield _measure(settings, source, _directional(settings, sums, level), curve)


def _no_sums(shells: int) -> ConeSums:
    return ConeSums(*(np.empty((0, shells)) for _ in range(4)))


def _joined(first: ConeSums, second: ConeSums) -> ConeSums:
    return ConeSums(*(np.concatenate([getattr(first, n), getattr(second, n)]) for n in ("xy", "xx", "yy", "n_eff")))


def _directional(settings: Settings, sums: ConeSums, level: int) -> DirectionalFSC:
    """dFSC of the first `level` axes; the rest NaN."""
    n_axes, frequency = settings.n_axes, shell_frequencies(settings.box, settings.voxel_size)
    values = np.full((n_axes, frequency.size), np.nan)
    n_eff = np.full((n_axes, frequency.size), np.nan)
    values[:level] = correlation(sums.xy[:level], sums.xx[:level], sums.yy[:level])
    n_eff[:level] = sums.n_eff[:level]
    share = np.zeros(n_axes)
    share[:level] = areas(level) if settings.weighting == "area" else 1 / level
    done = np.arange(n_axes) < level
    return DirectionalFSC(frequency=frequency, axes=axes_for(n_axes), areas=share, values=values, n_eff=n_eff, done=done)


def _measure(settings: Settings, source: _Source, dfsc: DirectionalFSC, curve: GlobalFSC) -> AnalysisResult:
    occupancy = fso(dfsc, settings.threshold, parity=settings.parity)
    resolution = directional_resolution(dfsc, settings.threshold)
    return AnalysisResult(
        settings=settings,
        inputs=source.inputs,
        global_fsc=curve,
        dfsc=dfsc,
        fso=occupancy,
        bingham=bingham(dfsc, occupancy, parity=settings.parity),
        directional_resolution=resolution,
        histogram=source.histogram,
        map_warnings=source.map_warnings,
        warnings=(*source.map_warnings, *_cone_warnings(settings, dfsc, resolution)),
    )


def _sum_warnings(settings: Settings, curve: GlobalFSC) -> list[str]:
    """What whole shells tell: identical halves, no mask, no crossing."""
    warnings = []
    if np.nanmin(curve.fsc) > 1 - 1e-9:
        warnings.append("The half maps are identical (FSC is 1 everywhere): give the two maps of independent half sets.")
    elif curve.at_143.flag is ResolutionFlag.NOT_CROSSED:
        nyquist = 1 / curve.frequency[-1]
        warnings.append(f"The FSC never falls below 0.143: the resolution is limited by Nyquist ({nyquist:.2f} Å), not measured.")
    if settings.mask == "none":
        warnings.append("No mask was given: the solvent's noise lowers every FSC (a soft mask, or mask='auto', raises it).")
    return warnings


def _cone_warnings(settings: Settings, dfsc: DirectionalFSC, resolution: DirectionalResolution) -> list[str]:
    """Cones that hold too few coefficients to tell."""
    warnings = []
    thin = np.flatnonzero((dfsc.n_eff[dfsc.done, FIRST_JUDGED_SHELL - 1 :] < THIN).any(axis=0)) + FIRST_JUDGED_SHELL
    if thin.size:
        warnings.append(
            f"Some cones of {settings.cone_half_angle:g} degrees hold fewer than {THIN:g} effective coefficients up to shell "
            f"{thin.max()} ({1 / dfsc.frequency[thin.max() - 1]:.1f} Å): dFSC there is mostly chance; wider cones hold more."
        )
    crossing = int((resolution.n_eff < THIN).sum())
    if crossing:
        warnings.append(f"In {crossing} of {resolution.n_eff.size} directions the threshold is crossed where the cone holds fewer than {THIN:g} effective coefficients: their resolution is uncertain.")
    return warnings


def load_result(path: str | os.PathLike[str]) -> AnalysisResult:
    """Read an analysis saved with ``result.save``.

    Parameters
    ----------
    path : path
        A result.npz.

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
    result = Result.load(path)
    if not isinstance(result, AnalysisResult):
        raise ResultError(f"{path} holds a {type(result).__name__}, not an analysis; give a result.npz written by analyze.")
    return result
