"""What an analysis gives: every measure of one pair of half maps, and what can be made of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .analysis_parts import Source, check_settings, cone_warnings, directional_fsc
from .directions import axes_for
from .engine import Progress, cone_sums, nodes_for
from .errors import ResultError, SettingsError
from .measures.bingham import bingham
from .measures.fsc import global_crossing
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
    Result,
    Settings,
)

if TYPE_CHECKING:  # loaded when asked for: a plain analysis starts faster without
    from .maps import HalfMaps
    from .measures.bands import Band
    from .measures.calibration import Calibration
    from .measures.cfar import AreaRatio
    from .measures.maskcorrection import MaskCorrection
    from .measures.noisefields import MaskKernel
    from .measures.sphericity import Sphericity
    from .measures.threedfsc import ThreeDFSC

__all__ = ["AnalysisResult", "measured"]

Floats = NDArray[np.float64]


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
    mask_kernel : MaskKernel or None
        What the statistics need of the mask; None without one.
    calibration : Calibration or None
        Monte Carlo null of the Bingham test, once asked for.
    band : Band or None
        Noise floor, band of FSO and intervals of resolutions, once asked for.
    mask_correction : MaskCorrection or None
        FSC corrected for the mask's own correlation, once asked for.
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
    mask_kernel: MaskKernel | None = None
    calibration: Calibration | None = None
    band: Band | None = None
    mask_correction: MaskCorrection | None = None
    map_warnings: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether some axes are still to be done."""
        return not bool(self.dfsc.done.all())

    @property
    def against_model(self) -> bool:
        """Whether a map was compared with an atomic model, not two half maps with each other."""
        return any(item.role == "model" for item in self.inputs)

    def __repr__(self) -> str:
        state = f"partial, {int(self.dfsc.done.sum())} of {self.dfsc.done.size} axes, " if self.partial else ""
        box = "x".join(map(str, self.settings.box))
        chi, zone = self.settings.threshold, self.fso.transition_zone
        crossing = global_crossing(self.global_fsc, chi).resolution
        fsc = f"at {crossing:.2f} Å" if np.isfinite(crossing) else "not crossed"
        onset, end = (f"{value:.2f} Å" if np.isfinite(value) else "not crossed" for value in zone)
        return f"<AnalysisResult {state}box {box}, FSC {chi:g} {fsc}, transition zone {onset} to {end}>"

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
            raise ResultError(
                "This result came from exact sums and holds no histogram to cut cones from; "
                "analyze the maps with method='histogram'."
            )
        source = Source(self.histogram, self.inputs, self.map_warnings, self.mask_kernel)
        if settings.cone_half_angle == self.settings.cone_half_angle and settings.n_axes == self.settings.n_axes:
            return measured(settings, source, self.dfsc, self.global_fsc)
        sums = cone_sums(self.histogram, axes_for(settings.n_axes), settings.cone_half_angle, scheduler=scheduler)
        return measured(settings, source, directional_fsc(settings, sums, settings.n_axes), self.global_fsc)

    def with_calibration(
        self,
        n: int = 199,
        seed: int = 0,
        *,
        symmetry: str = "C1",
        scheduler: Any = "threads",
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> AnalysisResult:
        """Calibrate the Bingham test against isotropic half maps of the same FSC, box and mask.

        Parameters
        ----------
        n : int
            Number of replicates, at least 19.
        seed : int
            Of the random numbers.
        symmetry : str
            Point group of the map: C1, C4, D7, T, O, I, ...
        scheduler : str or distributed.Client
            Where to compute.
        progress : callable, optional
            Called with (stage, done, total).
        cancel : threading.Event, optional
            Set it to stop.

        Returns
        -------
        AnalysisResult
            With `calibration`, and the calibrated curve and range in `bingham`.

        Raises
        ------
        ResultError
            When this result is partial.
        SettingsError
            For too few replicates or an unknown point group.
        Cancelled
            When `cancel` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)).with_calibration(n=39)
        >>> r.calibration.n
        39
        """
        from .measures.calibration import calibrate, calibrated_bingham

        self._whole("calibrated")
        calibration = calibrate(
            self.dfsc,
            self.fso,
            self.bingham,
            self.global_fsc,
            self.settings,
            n=n,
            seed=seed,
            mask=self.mask_kernel,
            **_group(symmetry),
            nodes_per_face=nodes_for(self.settings.cone_half_angle),
            scheduler=scheduler,
            progress=progress,
            cancel=cancel,
        )
        return self.replace(calibration=calibration, bingham=calibrated_bingham(self.bingham, self.fso, calibration))

    def with_band(
        self,
        n: int = 199,
        seed: int = 0,
        *,
        level: float = 0.95,
        symmetry: str = "C1",
        scheduler: Any = "threads",
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> AnalysisResult:
        """Say how far noise moves FSO and the resolutions: floor, band and intervals.

        Parameters
        ----------
        n : int
            Number of bootstrap replicates, at least 39.
        seed : int
            Of the random numbers.
        level : float
            Probability that the band holds what it estimates.
        symmetry : str
            Point group of the map: C1, C4, D7, T, O, I, ...
        scheduler : str or distributed.Client
            Where to compute.
        progress : callable, optional
            Called with (stage, done, total).
        cancel : threading.Event, optional
            Set it to stop.

        Returns
        -------
        AnalysisResult
            With `band`.

        Raises
        ------
        ResultError
            When this result is partial.
        SettingsError
            For too few replicates, a level outside 0 to 1, or an unknown point group.
        Cancelled
            When `cancel` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)).with_band(n=39)
        >>> r.band.low.shape
        (16,)
        """
        from .measures.bands import band

        self._whole("given a band")
        return self.replace(
            band=band(
                self.dfsc,
                self.fso,
                self.settings,
                n=n,
                seed=seed,
                level=level,
                mask=self.mask_kernel,
                **_group(symmetry),
                nodes_per_face=nodes_for(self.settings.cone_half_angle),
                scheduler=scheduler,
                progress=progress,
                cancel=cancel,
            )
        )

    def with_mask_correction(
        self,
        maps: HalfMaps,
        seed: int = 0,
        *,
        scheduler: Any = "threads",
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> AnalysisResult:
        """Take out what the mask alone correlates, in whole shells and in every cone.

        Parameters
        ----------
        maps : HalfMaps
            The maps of this result, with their mask.
        seed : int
            Of the random phases.
        scheduler : str or distributed.Client
            Where to compute.
        progress : callable, optional
            Called with (stage, done, total).
        cancel : threading.Event, optional
            Set it to stop.

        Returns
        -------
        AnalysisResult
            With `mask_correction`.

        Raises
        ------
        ResultError
            When this result is partial, or `maps` have another box.
        SettingsError
            When there is no mask.
        Cancelled
            When `cancel` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> from cryoaniso_nb.masks import sphere_mask
        >>> maps = ca.simulate_half_maps(box=32, seed=0)
        >>> maps = ca.open_half_maps(maps.half1, maps.half2, mask=sphere_mask((32, 32, 32), 10.0), voxel_size=1.0)
        >>> ca.analyze(maps).with_mask_correction(maps).mask_correction.corrected.shape
        (16,)
        """
        from .measures.maskcorrection import mask_correction

        self._whole("corrected")
        if maps.box != self.settings.box:
            raise ResultError(
                f"The maps have the box {maps.box}, but this result is of {self.settings.box}; "
                "give the maps it was made of."
            )
        correction = mask_correction(
            maps,
            self.dfsc,
            self.fso,
            self.global_fsc,
            self.settings,
            seed=seed,
            nodes_per_face=nodes_for(self.settings.cone_half_angle),
            scheduler=scheduler,
            progress=progress,
            cancel=cancel,
        )
        return self.replace(mask_correction=correction)

    def threedfsc(
        self,
        definition: str = "project",
        *,
        maps: HalfMaps | None = None,
        cutoff: bool = False,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> ThreeDFSC:
        """The 3DFSC volume: FSC as a function of direction and frequency.

        Parameters
        ----------
        definition : {'project', 'tan2017'}
            From this result's dFSC, or hard 20 degree cones over the voxels of `maps` as the
            3DFSC program does (doi 10.1038/nmeth.4347).
        maps : HalfMaps, optional
            The maps of this result, for 'tan2017'.
        cutoff : bool
            For 'tan2017': stop three shells past abs(FSC) < 0.13, as that program does.
        progress : callable, optional
            Called with (stage, done, total).
        cancel : threading.Event, optional
            Set it to stop.

        Returns
        -------
        ThreeDFSC
            The volume, with `write_mrc`.

        Raises
        ------
        SettingsError
            For an unknown definition, or 'tan2017' without maps.
        Cancelled
            When `cancel` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).threedfsc().volume.shape
        (32, 32, 32)
        """
        if definition == "project":
            from .measures.threedfsc import threedfsc

            s = self.settings
            return threedfsc(
                self.dfsc, self.global_fsc.fsc, s.box, s.voxel_size, s.cone_half_angle, progress=progress, cancel=cancel
            )
        if definition != "tan2017":
            raise SettingsError(f"The definition is {definition!r}, but it must be 'project' or 'tan2017'.")
        if maps is None:
            raise SettingsError("The definition 'tan2017' sums over voxels: give the half maps as maps=.")
        from .measures.tan2017 import threedfsc_tan2017

        return threedfsc_tan2017(maps, cutoff=cutoff, progress=progress, cancel=cancel)

    def sphericity(self, threshold: float = 0.5) -> Sphericity:
        """Sphericity of this result's 3DFSC volume, see `measures.sphericity`.

        Parameters
        ----------
        threshold : float
            FSC at the surface.

        Returns
        -------
        Sphericity
            Of the definition 'project'; for published values take that of
            ``result.threedfsc("tan2017", maps=maps)``.

        Raises
        ------
        SettingsError
            When the threshold isn't between 0 and 1.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).sphericity().value < 1
        True
        """
        from .measures.sphericity import sphericity

        return sphericity(self.threedfsc(), threshold)

    def cfar(self, **settings: Any) -> AreaRatio:
        """Area ratio of conical FSC curves, comparable with cryoSPARC's cFAR; see `measures.cfar`.

        Parameters
        ----------
        **settings : dict
            Of `measures.cfar.cfar`: axes, cone_half_angle, level, ending, start_shell. The level
            is 0.143 unless given, against a model its threshold.

        Returns
        -------
        AreaRatio
            The ratio, a robust one, and the areas with their axes.

        Raises
        ------
        ResultError
            When this result came from exact sums and holds no histogram.
        SettingsError
            For settings out of range.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)).cfar().ratio < 0.5
        True
        """
        from .measures.cfar import cfar

        return cfar(self._summed(), **{**self._level(), **settings})

    def relative_signal(self, **settings: Any) -> AreaRatio:
        """Signal per view direction, comparable with cryoSPARC's; see `measures.cfar`.

        Parameters
        ----------
        **settings : dict
            Of `measures.cfar.relative_signal`: axes, half_angle, level, ending, start_shell. The
            level is 0.143 unless given, against a model its threshold.

        Returns
        -------
        AreaRatio
            Its `relative` is the signal of each view over the largest.

        Raises
        ------
        ResultError
            When this result came from exact sums and holds no histogram.
        SettingsError
            For settings out of range.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).relative_signal().kind
        'torus'
        """
        from .measures.cfar import relative_signal

        return relative_signal(self._summed(), **{**self._level(), **settings})

    def _level(self) -> dict[str, float]:
        return {"level": self.settings.threshold} if self.against_model else {}

    def _summed(self) -> AngularHistogram:
        if self.histogram is None:
            raise ResultError(
                "The area ratio needs the angular histogram, which an analysis with exact sums lacks; "
                "analyze the maps with method='histogram'."
            )
        return self.histogram

    def _whole(self, what: str) -> None:
        if self.partial:
            raise ResultError(
                f"This result is partial ({int(self.dfsc.done.sum())} of {self.dfsc.done.size} axes) "
                f"and can't be {what}; finish the analysis first."
            )

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


def _group(symmetry: str) -> dict[str, Any]:
    """Rotations and name of a point group."""
    name = symmetry.strip().upper()
    if name == "C1":
        return {"rotations": None, "symmetry": name}
    from .symmetry import point_group

    return {"rotations": point_group(symmetry), "symmetry": name}


def measured(settings: Settings, source: Source, dfsc: DirectionalFSC, curve: GlobalFSC) -> AnalysisResult:
    """Every measure of a directional FSC, as one result.

    Parameters
    ----------
    settings : Settings
        What was asked for.
    source : Source
        What the result keeps of where it came from.
    dfsc : DirectionalFSC
        Perhaps not of all axes yet.
    curve : GlobalFSC
        FSC of whole shells.

    Returns
    -------
    AnalysisResult
        With warnings that hang on threshold and cones.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> source = Source(r.histogram, r.inputs, r.map_warnings, None)
    >>> measured(r.settings, source, r.dfsc, r.global_fsc).partial
    False
    """
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
        mask_kernel=source.mask_kernel,
        map_warnings=source.map_warnings,
        warnings=(*source.map_warnings, *cone_warnings(settings, curve, dfsc, resolution)),
    )
