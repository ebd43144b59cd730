"""What an analysis gives: every measure of one pair of half maps, and what can be made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ..engine.cones import cone_sums
from ..engine.execution import LOCAL, Execution
from ..engine.local import ONE_BLAS_THREAD
from ..errors import ResultError
from ..geometry.directions import axes_for
from ..geometry.shells import n_shells
from ..geometry.symmetry import group_name
from ..measures.bingham_test import bingham
from ..measures.crossing import crossing
from ..measures.fourier_shell_occupancy import fso
from ..measures.fsc import global_crossing
from ..measures.resolution import directional_resolution
from ..results.cautions import Caution
from ..results.types import (
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
from .parts import Source, check_settings, cone_warnings, directional_fsc, filter_warnings, symmetry_warnings
from .with_measures import WithMeasures
from .with_statistics import WithStatistics

if TYPE_CHECKING:  # loaded when asked for: a plain analysis starts faster without
    import pandas
    import xarray

    from ..plots.accessor import Plots
    from ..statistics.bands import Band
    from ..statistics.calibration import Calibration
    from ..statistics.chance import ChanceTest
    from ..statistics.even_noise import EvenNoise
    from ..statistics.mask_correction import MaskCorrection
    from ..statistics.noise_evenness import NoiseEvenness
    from ..statistics.noise_fields import MaskKernel
    from ..statistics.noise_harmonics import NoiseHarmonics
    from ..statistics.regions import DirectionRegions
    from ..statistics.standing import Standing
    from ..summary.next_steps import NextStep

__all__ = ["AnalysisResult", "measured"]

Floats = NDArray[np.float64]

_CROSSINGS = ("at_143", "at_500")
_OF_CONES = ("calibration", "band", "standing")  # what hangs on cones, threshold and point group


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AnalysisResult(WithStatistics, WithMeasures, Result):
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
        Directional FSC, one curve per axis.
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
    noise : NoiseHarmonics or None
        Noise of the half maps without their mask, over directions; None after exact sums or against a model.
    noise_evenness : NoiseEvenness or None
        Whether that noise is even, that is, whether the views are; None in a partial result too.
    symmetry_misfit : float
        How far the maps are from the point group told, see `statistics.symmetry_fit.group_misfit`; NaN if unknown.
    chance : ChanceTest or None
        Whether dFSC differs over directions by more than chance; None where `noise` is.
    regions : DirectionRegions or None
        Worst and best region of directional resolution and the effect between them; None in a partial result.
    calibration : Calibration or None
        Monte Carlo null of the Bingham test, once asked for.
    band : Band or None
        Noise floor, band of FSO and intervals of resolutions, once asked for.
    mask_correction : MaskCorrection or None
        FSC corrected for the mask's own correlation, once asked for.
    even_noise : EvenNoise or None
        Of a map against a model, the dFSC that the model's power would give under even noise.
    standing : Standing or None
        Percentiles among maps like it in the table of a survey, once asked for.
    dropped : mapping
        Statistics that no longer held when the cones were changed (or are of an older version's
        rules), and the calls that make them again.
    map_warnings, warnings : tuple of Caution
        What was odd about the maps alone, and all warnings.
    """

    settings: Settings
    inputs: tuple[InputFile, ...]
    global_fsc: Annotated[GlobalFSC, "S"]
    dfsc: Annotated[DirectionalFSC, "A", "S"]
    fso: Annotated[FSO, "S"]
    bingham: Annotated[Bingham, "S"]
    directional_resolution: Annotated[DirectionalResolution, "A"]
    histogram: Annotated[AngularHistogram, "S"] | None
    mask_kernel: MaskKernel | None = None
    noise: Annotated[NoiseHarmonics, "S"] | None = None
    noise_evenness: NoiseEvenness | None = None
    chance: ChanceTest | None = None
    regions: DirectionRegions | None = None
    symmetry_misfit: float = float("nan")
    calibration: Annotated[Calibration, "S"] | None = None
    band: Annotated[Band, "A", "S"] | None = None
    mask_correction: Annotated[MaskCorrection, "A", "S"] | None = None
    even_noise: Annotated[EvenNoise, "A", "S"] | None = None
    standing: Standing | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    map_warnings: tuple[Caution, ...] = ()
    warnings: tuple[Caution, ...] = ()

    def _renewed(self) -> AnalysisResult:
        curve = self.global_fsc
        crossings = {name: crossing(curve.frequency, curve.fsc, getattr(curve, name).level) for name in _CROSSINGS}
        s = self.settings
        dfsc = self.dfsc.replace(cone_half_angle=s.cone_half_angle, box=s.box, voxel_size=s.voxel_size)
        again = measured(s, self._source(), dfsc, curve.replace(**crossings))
        if self.against_model and self.histogram is not None:
            again = again.with_even_noise()
        made = {name: getattr(self, name) for name in ("calibration", "band", "mask_correction", "standing")}
        return again._without({name: found.call for name, found in made.items() if found is not None})

    def _faults(self) -> Iterator[str]:
        parts = [part for part in (self.histogram, self.mask_kernel) if part is not None]
        if any(part.box != self.settings.box for part in parts):
            yield f"parts of another box than {self.settings.box}"
        if self.dfsc.done.size != self.settings.n_axes:
            yield f"{self.dfsc.done.size} axes instead of {self.settings.n_axes}"
        if self.dfsc.frequency.size != n_shells(self.settings.box):
            yield f"{self.dfsc.frequency.size} shells in a box of {self.settings.box}"

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
        n_axes: int | None = None,
        *,
        execution: Execution = LOCAL,
    ) -> AnalysisResult:
        """Recompute with other cones from what this result holds, without the maps.

        Parameters
        ----------
        cone_half_angle : float, optional
            Degrees.
        threshold : float, optional
            chi.
        n_axes : int, optional
            Number of cone axes.
        execution : Execution
            Where to compute.

        Returns
        -------
        AnalysisResult
            As if analyzed with these settings; a setting that isn't given stays. Calibration and
            band are of the old cones and are left out; `dropped` and a warning name them. A mask
            correction stays for whole shells, and for cones of the same half-angle.

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
        old = self.settings
        settings = old.replace(
            cone_half_angle=self.settings.cone_half_angle if cone_half_angle is None else float(cone_half_angle),
            threshold=self.settings.threshold if threshold is None else float(threshold),
            n_axes=self.settings.n_axes if n_axes is None else n_axes,
        )
        check_settings(settings)
        same_angle = settings.cone_half_angle == old.cone_half_angle
        if same_angle and (settings.threshold, settings.n_axes) == (old.threshold, old.n_axes):
            return self
        if self.histogram is None:
            raise ResultError(
                "This result came from exact sums and holds no histogram to compute cones from; "
                "analyze the maps with method='histogram'."
            )
        dfsc = self.dfsc
        if not same_angle or settings.n_axes != old.n_axes:
            sums = cone_sums(self.histogram, axes_for(settings.n_axes), settings.cone_half_angle, execution=execution)
            dfsc = directional_fsc(settings, sums, settings.n_axes)
        result = measured(settings, self._source(), dfsc, self.global_fsc)
        if self.against_model:
            result = result.with_even_noise(execution=execution)
        dropped = dict(self.dropped)
        dropped |= {name: s.call for name in _OF_CONES if (s := getattr(self, name)) is not None}
        correction = self.mask_correction
        if correction is not None:
            correction = correction.recut(self.dfsc, dfsc, settings.threshold if same_angle else None)
            dropped |= {} if correction.dfsc is not None else {"mask_correction": correction.call}
        return result.replace(mask_correction=correction)._without(dropped)

    def _source(self) -> Source:
        return Source(
            self.histogram,
            self.inputs,
            self.map_warnings,
            self.mask_kernel,
            self.noise,
            self.chance,
            self.symmetry_misfit,
        )

    @ONE_BLAS_THREAD
    def with_symmetry(self, symmetry: str) -> AnalysisResult:
        """Tell the tests the point group of the map.

        Parameters
        ----------
        symmetry : str
            Point group: C1, C4, D7, T, O, I, ...

        Returns
        -------
        AnalysisResult
            As if analyzed with it. Calibration and band of another group are left out; `dropped` and a
            warning name them.

        Raises
        ------
        SettingsError
            For an unknown point group.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).with_symmetry("D7").noise_evenness.symmetry
        'D7'
        """
        settings = self.settings.replace(symmetry=group_name(symmetry))
        statistics = {name: getattr(self, name) for name in _OF_CONES}
        other = {name: s.call for name, s in statistics.items() if s is not None and s.symmetry != settings.symmetry}
        tests: dict[str, Any] = {
            "noise_evenness": _evenness(settings, self.noise, self.dfsc),
            "regions": _regions(settings, self.mask_kernel, self.dfsc),
        }
        notes = [w for w in self.warnings if w.code != "symmetry" or w in self.map_warnings]
        if self.histogram is not None:
            from ..statistics.chance import chance_test
            from ..statistics.noise_harmonics import harmonic_moments
            from ..statistics.symmetry_fit import group_misfit

            moments = harmonic_moments(self.histogram)
            tests["symmetry_misfit"] = misfit = group_misfit(moments, settings.symmetry)
            notes += symmetry_warnings(settings.symmetry, misfit)
            if self.chance is not None:
                tests["chance"] = chance_test(moments, settings.symmetry, noise=self.noise)
        result = self.replace(settings=settings, warnings=tuple(notes), **tests, **dict.fromkeys(other))
        return result._without({**self.dropped, **other})

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
        from ..summary.tables import summary_dict

        return summary_dict(self)

    def next_steps(self, out: str = "OUT") -> tuple[NextStep, ...]:
        """What to do next, made from the verdict and the warnings.

        Parameters
        ----------
        out : str
            Folder or result.npz that the result was written to, as commands name it.

        Returns
        -------
        tuple of NextStep
            One to four, each a sentence and a command; none for a partial result.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).next_steps()[0].command
        'cryoaniso analyze half1.mrc half2.mrc --mask auto -o again'
        """
        from ..summary.next_steps import next_steps

        return next_steps(self, out)

    def methods_text(self) -> str:
        """A paragraph for a paper: numbers, settings and versions, with its references as BibTeX.

        Returns
        -------
        str
            Text.

        Raises
        ------
        ResultError
            For a partial result.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> "in cones with a half-angle of 17°" in ca.analyze(ca.simulate_half_maps(box=32, seed=0)).methods_text()
        True
        """
        from ..summary.methods import methods_text

        return methods_text(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """Every curve over shells as a table; ``result.directional_resolution`` has one over axes.

        Returns
        -------
        pandas.DataFrame
            One row per shell.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).to_dataframe().index.name
        'shell'
        """
        from ..summary.dataset import curve_table

        return curve_table(self)

    def to_xarray(self, direction: tuple[float, float] | None = None) -> xarray.Dataset:
        """The curves and directions as an `xarray.Dataset` with units.

        Parameters
        ----------
        direction : tuple of float, optional
            (zenith, azimuth) in degrees: only the nearest axis.

        Returns
        -------
        xarray.Dataset
            Dimensions shell and axis; shell alone for one direction.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
        >>> float(result.to_xarray(direction=(0, 0)).zenith)
        0.0
        """
        from ..summary.dataset import to_xarray

        return to_xarray(self, direction)

    @property
    def plot(self) -> Plots:
        """Figures of this result: ``result.plot.fso()``, ``.sphere()``, ``.fan()``, ...

        Returns
        -------
        Plots
            Each of its functions draws on `ax`, or on a figure of its own, and returns the axes.
        """
        from ..plots.accessor import Plots

        return Plots(self)

    def _repr_html_(self) -> str:
        from ..summary.tables import html_table

        return html_table(self)


@ONE_BLAS_THREAD
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
    resolution = directional_resolution(dfsc, settings.threshold, parity=settings.parity)
    evenness = _evenness(settings, source.noise, dfsc)
    notes = (
        *cone_warnings(settings, curve, dfsc, resolution, source.mask_kernel),
        *filter_warnings(evenness),
        *symmetry_warnings(settings.symmetry, source.symmetry_misfit),
    )
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
        noise=source.noise,
        noise_evenness=evenness,
        chance=source.chance,
        symmetry_misfit=source.symmetry_misfit,
        regions=_regions(settings, source.mask_kernel, dfsc),
        map_warnings=source.map_warnings,
        warnings=(*source.map_warnings, *notes),
    )


def _regions(settings: Settings, mask: MaskKernel | None, dfsc: DirectionalFSC) -> DirectionRegions | None:
    if not dfsc.done.all():
        return None
    from ..statistics.regions import direction_regions

    ratio = 1.0 if mask is None else mask.volume_ratio
    return direction_regions(dfsc, settings.threshold, symmetry=settings.symmetry, volume_ratio=ratio)


def _evenness(settings: Settings, noise: NoiseHarmonics | None, dfsc: DirectionalFSC) -> NoiseEvenness | None:
    if noise is None or not dfsc.done.all():
        return None
    from ..statistics.noise_evenness import noise_evenness

    return noise_evenness(noise, settings.symmetry, dfsc=dfsc)
