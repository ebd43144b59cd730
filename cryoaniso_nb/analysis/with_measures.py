"""What follows from an analysis at once: volumes and single numbers, one method each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from ..engine.execution import LOCAL, Execution
from ..engine.local import ONE_BLAS_THREAD
from ..errors import ResultError, SettingsError

if TYPE_CHECKING:  # loaded when asked for: a plain analysis starts faster without
    from ..inputs.half_maps import HalfMaps
    from ..measures.area_ratio import AreaRatio, ConicalCurves
    from ..measures.isosurface import Sphericity
    from ..measures.threedfsc_volume import ThreeDFSC
    from ..results.types import AngularHistogram, DirectionalFSC, GlobalFSC, Settings
    from ..statistics.comparison import MapComparison
    from ..statistics.noise_fields import MaskKernel
    from ..statistics.regions import DirectionRegions

__all__ = ["WithMeasures"]


class WithMeasures:
    """Methods of `AnalysisResult` that measure what it holds."""

    __slots__ = ()

    if TYPE_CHECKING:
        settings: Settings
        global_fsc: GlobalFSC
        mask_kernel: MaskKernel | None
        regions: DirectionRegions | None
        dfsc: DirectionalFSC
        histogram: AngularHistogram | None

        @property
        def against_model(self) -> bool:
            """Whether a map was compared with an atomic model."""

    @ONE_BLAS_THREAD
    def comparison(self, other: Any) -> MapComparison:
        """Whether another map resolves more finely, direction by direction, and beyond noise.

        Boxes and voxel sizes may differ; their axes must be the same directions of the particle.

        Parameters
        ----------
        other : AnalysisResult
            With the same cone and threshold.

        Returns
        -------
        MapComparison
            Of the other map beside this one: ratios above 1 are in its favour.

        Raises
        ------
        SettingsError
            When cone or threshold differ.
        ResultError
            When a result is partial, or a map holds no signal.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> good, bad = (
        ...     ca.analyze(ca.simulate_half_maps(box=48, preset=preset, signal="phantom", seed=0))
        ...     for preset in ("isotropic", "missing-cone")
        ... )
        >>> found = bad.comparison(good)
        >>> found.finer_share > 0, found.finer_zenith < 30
        (True, True)
        """
        from ..statistics.comparison import FINEST, compare_fields, found_field

        for name, unit in (("cone_half_angle", " degrees"), ("threshold", "")):
            mine, its = (getattr(result.settings, name) for result in (self, other))
            if mine != its:
                raise SettingsError(
                    f"The {name.replace('_', ' ')} is {mine:g}{unit} for one map and {its:g}{unit} for the other; "
                    "cut one of them again (with_cones)."
                )
        n_axes = min(self.settings.n_axes, other.settings.n_axes, FINEST)
        fields = []
        for seed, result in enumerate((self, other)):
            if not result.dfsc.done.all():
                raise ResultError("A partial result can't be compared; wait for all its directions.")
            if result.regions is None or not math.isfinite(result.regions.best.resolution):
                raise ResultError("One of the maps holds no signal, so that they can't be compared.")
            ratio = 1.0 if result.mask_kernel is None else result.mask_kernel.volume_ratio
            s = result.settings
            fields.append(
                found_field(result.dfsc, s.threshold, n_axes, symmetry=s.symmetry, volume_ratio=ratio, seed=seed)
            )
        return compare_fields(*fields)

    def comparison_text(self, other: Any, first: str = "the first map", second: str = "the second map") -> str:
        """The same in a sentence.

        Parameters
        ----------
        other : AnalysisResult
            With the same cone and threshold.
        first, second : str
            What this map and the other are called.

        Returns
        -------
        str
            Which map is better, where, and whether beyond noise.

        Raises
        ------
        SettingsError
            When cone or threshold differ.
        ResultError
            When a result is partial, or a map holds no signal.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> a, b = (ca.analyze(ca.simulate_half_maps(box=48, preset="isotropic", seed=seed)) for seed in (0, 1))
        >>> a.comparison_text(b, "A", "B")[:30]
        'No difference between A and B '
        """
        from ..summary.comparison import comparison_text

        return comparison_text(self.comparison(other), first, second)

    def threedfsc(
        self,
        definition: str = "project",
        *,
        maps: HalfMaps | None = None,
        cutoff: bool = False,
        execution: Execution = LOCAL,
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
        execution : Execution
            What hears of progress, what stops it.

        Returns
        -------
        ThreeDFSC
            The volume, with `write_mrc`.

        Raises
        ------
        SettingsError
            For an unknown definition, or 'tan2017' without maps.
        Cancelled
            When ``execution.cancel`` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).threedfsc().volume.shape
        (32, 32, 32)
        """
        if definition == "project":
            from ..measures.threedfsc_volume import threedfsc

            return threedfsc(self.dfsc, self.global_fsc.fsc, execution=execution)
        if definition != "tan2017":
            raise SettingsError(f"The definition is {definition!r}, but it must be 'project' or 'tan2017'.")
        if maps is None:
            raise SettingsError("The definition 'tan2017' sums over voxels: give the half maps as maps=.")
        from ..measures.tan2017 import threedfsc_tan2017

        return threedfsc_tan2017(maps, cutoff=cutoff, execution=execution)

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
        from ..measures.isosurface import sphericity

        return sphericity(self.threedfsc(), threshold)

    def cfar(self, **settings: Any) -> AreaRatio:
        """Area ratio of conical FSC curves, comparable with cryoSPARC's cFAR; see `measures.area_ratio`.

        Parameters
        ----------
        **settings : dict
            Of `measures.area_ratio.cfar`: axes, cone_half_angle, level, ending, start_shell. The level
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
        from ..measures.area_ratio import cfar

        return cfar(self, **{**self._level(), **settings})

    def relative_signal(self, **settings: Any) -> AreaRatio:
        """Signal per view direction, comparable with cryoSPARC's; see `measures.area_ratio`.

        Parameters
        ----------
        **settings : dict
            Of `measures.area_ratio.relative_signal`: axes, half_angle, level, ending, start_shell. The
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
        from ..measures.area_ratio import relative_signal

        return relative_signal(self, **{**self._level(), **settings})

    def conical_curves(self, kind: Literal["cone", "torus"] = "cone", **settings: Any) -> ConicalCurves:
        """FSC in hard cones or tori, from which both kinds of area ratios follow at no cost.

        Parameters
        ----------
        kind : {'cone', 'torus'}
            As of `cfar`, or of `relative_signal`.
        **settings : dict
            Of `measures.area_ratio.conical_curves`: axes, half_angle, level.

        Returns
        -------
        ConicalCurves
            Its ``ratio("first")`` and ``ratio("lasting")`` are those of `cfar` or `relative_signal`.

        Raises
        ------
        ResultError
            When this result came from exact sums and holds no histogram.
        SettingsError
            For settings out of range.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).conical_curves().values.shape
        (256, 16)
        """
        from ..measures.area_ratio import conical_curves

        return conical_curves(self, kind, **{**self._level(), **settings})

    def _level(self) -> dict[str, float]:
        return {"level": self.settings.threshold} if self.against_model else {}

    def _summed(self, what: str = "The area ratio") -> AngularHistogram:
        if self.histogram is None:
            raise ResultError(
                f"{what} needs the angular histogram, which an analysis with exact sums lacks; "
                "analyze the maps with method='histogram'."
            )
        return self.histogram
