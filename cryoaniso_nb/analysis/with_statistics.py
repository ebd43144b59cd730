"""What an analysis can be given later: statistics that take time, one method each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from ..engine.blocks import nodes_for
from ..engine.execution import LOCAL, Execution
from ..errors import ResultError
from ..results.cautions import Caution

if TYPE_CHECKING:  # loaded when asked for: a plain analysis starts faster without
    from ..inputs.half_maps import HalfMaps
    from ..results.types import (
        FSO,
        AngularHistogram,
        Bingham,
        DirectionalFSC,
        DirectionalResolution,
        GlobalFSC,
        InputFile,
        Settings,
    )
    from ..statistics.mask_correction import MaskCorrection
    from ..statistics.noise_fields import MaskKernel
    from ..statistics.standing import Standing

__all__ = ["WithStatistics"]

_STATISTICS = {
    "calibration": "the calibrated test",
    "band": "the band of FSO",
    "mask_correction": "the mask correction",
    "standing": "the percentiles among other maps",
}
_DROPPED = "Dropped, since they hold no longer for these cones or by today's rules:"


class WithStatistics:
    """Methods of `AnalysisResult` that add a statistic."""

    __slots__ = ()

    if TYPE_CHECKING:
        settings: Settings
        global_fsc: GlobalFSC
        dfsc: DirectionalFSC
        fso: FSO
        bingham: Bingham
        directional_resolution: DirectionalResolution
        inputs: tuple[InputFile, ...]
        mask_kernel: MaskKernel | None
        calibration: Any
        band: Any
        mask_correction: MaskCorrection | None
        standing: Standing | None
        dropped: Mapping[str, str]
        warnings: tuple[Caution, ...]

        @property
        def partial(self) -> bool:
            """Whether some axes are still to be done."""

        @property
        def against_model(self) -> bool:
            """Whether a map was compared with an atomic model."""

        def replace(self, **changes: Any) -> Self:
            """The same with some fields exchanged."""

        def _summed(self, what: str = ...) -> AngularHistogram: ...

    def with_calibration(
        self,
        n_replicates: int = 199,
        seed: int = 0,
        *,
        symmetry: str | None = None,
        execution: Execution = LOCAL,
    ) -> Self:
        """Calibrate the Bingham test against isotropic half maps of the same FSC, box and mask.

        Parameters
        ----------
        n_replicates : int
            Number of replicates, at least 19.
        seed : int
            Of the random numbers.
        symmetry : str, optional
            Point group of the map; that of the settings unless given.
        execution : Execution
            Where to compute, what hears of progress, what stops it.

        Returns
        -------
        AnalysisResult
            With `calibration`, and the calibrated curve and range in `bingham`.

        Raises
        ------
        ResultError
            When this result is partial, or of a map against a model.
        SettingsError
            For too few replicates or an unknown point group.
        Cancelled
            When ``execution.cancel`` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0))
        >>> r.with_calibration(n_replicates=39).calibration.n_replicates
        39
        """
        from ..statistics.calibration import calibrate, calibrated_bingham

        self._whole("calibrated")
        if self.against_model:
            raise ResultError(
                "The calibrated test is of two half maps; a map against a model is judged by the model's own power "
                "in each direction (even_noise)."
            )
        calibration = calibrate(
            self.dfsc,
            self.fso,
            self.bingham,
            self.global_fsc,
            self.settings,
            n_replicates=n_replicates,
            seed=seed,
            mask=self.mask_kernel,
            symmetry=symmetry or self.settings.symmetry,
            nodes_per_face=nodes_for(self.settings.cone_half_angle),
            execution=execution,
        )
        return self._with(
            "calibration", calibration=calibration, bingham=calibrated_bingham(self.bingham, self.fso, calibration)
        )

    def with_even_noise(self, *, execution: Execution = LOCAL) -> Self:
        """Find the dFSC that the model's power in each cone would give under even noise.

        Parameters
        ----------
        execution : Execution
            Where to compute, what hears of progress, what stops it.

        Returns
        -------
        AnalysisResult
            With `even_noise`.

        Raises
        ------
        ResultError
            When this result is of two half maps, or holds no histogram.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> ca.analyze(ca.simulate_half_maps(box=32, seed=0)).with_even_noise()
        Traceback (most recent call last):
        ...
        cryoaniso_nb.errors.ResultError: This result is of two half maps: only a model's own power is known.
        """
        from ..statistics.even_noise import even_noise

        if not self.against_model:
            raise ResultError("This result is of two half maps: only a model's own power is known.")
        found = even_noise(
            self._summed("The model's power"),
            self.dfsc,
            self.global_fsc,
            self.settings.cone_half_angle,
            execution=execution,
        )
        return self.replace(even_noise=found)

    def with_band(
        self,
        n_replicates: int = 199,
        seed: int = 0,
        *,
        level: float = 0.95,
        symmetry: str | None = None,
        execution: Execution = LOCAL,
    ) -> Self:
        """Say how far noise moves FSO and the resolutions: floor, band and intervals.

        Parameters
        ----------
        n_replicates : int
            Number of bootstrap replicates, at least 39.
        seed : int
            Of the random numbers.
        level : float
            Probability that the band holds what it estimates.
        symmetry : str, optional
            Point group of the map; that of the settings unless given.
        execution : Execution
            Where to compute, what hears of progress, what stops it.

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
            When ``execution.cancel`` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)).with_band(n_replicates=39)
        >>> r.band.low.shape
        (16,)
        """
        from ..statistics.bands import band

        self._whole("given a band")
        return self._with(
            "band",
            band=band(
                self.dfsc,
                self.fso,
                self.settings,
                n_replicates=n_replicates,
                seed=seed,
                level=level,
                mask=self.mask_kernel,
                symmetry=symmetry or self.settings.symmetry,
                nodes_per_face=nodes_for(self.settings.cone_half_angle),
                execution=execution,
            ),
        )

    def with_mask_correction(
        self,
        maps: HalfMaps,
        *,
        execution: Execution = LOCAL,
    ) -> Self:
        """Take out what the mask alone correlates, in whole shells and in every cone.

        Parameters
        ----------
        maps : HalfMaps
            The maps of this result, with their mask.
        execution : Execution
            Where to compute, what hears of progress, what stops it.

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
            When ``execution.cancel`` was set.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> from cryoaniso_nb.inputs.masks import sphere_mask
        >>> maps = ca.simulate_half_maps(box=32, seed=0)
        >>> maps = ca.open_half_maps(maps.half1, maps.half2, mask=sphere_mask((32, 32, 32), 10.0), voxel_size=1.0)
        >>> ca.analyze(maps).with_mask_correction(maps).mask_correction.corrected.shape
        (16,)
        """
        from ..statistics.mask_correction import mask_correction

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
            nodes_per_face=nodes_for(self.settings.cone_half_angle),
            execution=execution,
        )
        return self._with("mask_correction", mask_correction=correction)

    def with_statistics_of(self, other: Self) -> Self:
        """Take over the statistics of another result of the same maps and settings.

        Parameters
        ----------
        other : AnalysisResult
            Say, one kept from before the cones were changed to and fro.

        Returns
        -------
        AnalysisResult
            With those that this one lacks.

        Raises
        ------
        ResultError
            When box, cones, chi, axes or point group differ.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0)).with_band(n_replicates=39)
        >>> again = r.with_cones(threshold=0.5).with_cones(threshold=0.143)
        >>> again.band is None, again.with_statistics_of(r).band is None
        (True, False)
        """
        for name in ("box", "voxel_size", "cone_half_angle", "threshold", "n_axes", "symmetry"):
            mine, theirs = (getattr(result.settings, name) for result in (self, other))
            if mine != theirs:
                raise ResultError(
                    f"The statistics are of {name} {theirs}, but this result has {mine}; compute them again."
                )
        found = {name: getattr(other, name) for name in _STATISTICS if getattr(self, name) is None}
        if self.mask_correction is not None and self.mask_correction.dfsc is None:
            found["mask_correction"] = other.mask_correction or self.mask_correction
        found = {name: statistic for name, statistic in found.items() if statistic is not None}
        changes: dict[str, Any] = dict(found)
        if "calibration" in found:
            from ..statistics.calibration import calibrated_bingham

            changes["bingham"] = calibrated_bingham(self.bingham, self.fso, found["calibration"])
        missing = {key: call for key, call in self.dropped.items() if key not in found}
        return self.replace(**changes)._without(missing)

    def percentile_among(self, table: Any, *, name: str = "") -> Standing:
        """Where this map stands among maps like it: near its resolution, of its class of point groups.

        Parameters
        ----------
        table : Survey, DataFrame or iterable of mapping
            A survey's table, as ``ca.load_survey("atlas.parquet")`` reads it.
        name : str
            What to call it; a survey's folder unless given.

        Returns
        -------
        Standing
            Percentiles of effect ratio, worst over median direction, noise ratio and sphericity; NaN
            where fewer than 20 maps are like it.

        Raises
        ------
        ResultError
            When this result is partial or of a map against a model, or the table is no survey's.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
        >>> like_it = {"fsc_0.143_angstrom": r.global_fsc.at_143.resolution}
        >>> rows = [{**like_it, "sphericity": 0.97 + n / 1000} for n in range(30)]
        >>> round(r.percentile_among(rows).percentiles["sphericity"])
        100
        """
        from ..statistics.standing import standing
        from ..summary.standing import standing_numbers

        self._whole("compared with other maps")
        if self.against_model:
            raise ResultError("A map against a model can't be compared with pairs of half maps; analyze its half maps.")
        if isinstance(table, (str, os.PathLike)):
            raise ResultError(f"The table {os.fspath(table)} must be read first: load_survey({os.fspath(table)!r}).")
        rows = getattr(table, "rows", table)
        if hasattr(table, "to_dict"):  # a data frame
            rows = table.to_dict("records")
        where = name or str(getattr(getattr(table, "folder", None), "name", ""))
        return standing(standing_numbers(self), self.settings.symmetry, rows, table=where)

    def with_standing(self, table: Any, *, name: str = "") -> Self:
        """The same with its percentiles among maps like it, see `percentile_among`.

        Parameters
        ----------
        table : Survey, DataFrame or iterable of mapping
            A survey's table.
        name : str
            What to call it.

        Returns
        -------
        AnalysisResult
            With `standing`: a sentence in its tables, its report and ``summary()["standing"]``.

        Raises
        ------
        ResultError
            When this result is partial, or the table is no survey's.

        Examples
        --------
        >>> import cryoaniso_nb as ca
        >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0)).with_standing([], name="atlas.csv")
        >>> r.summary()["standing"]["text"]
        'Too few maps like it (n = 0: ...) in atlas.csv to say where it stands.'
        """
        return self._with("standing", standing=self.percentile_among(table, name=name))

    def _without(self, dropped: Mapping[str, str]) -> Self:
        """The same with another list of dropped statistics, and the warning that names them."""
        warnings = [w for w in self.warnings if w.code != "statistics-dropped"]
        if dropped:
            names = [_STATISTICS[name] for name in dropped]
            if "mask_correction" in dropped and self.mask_correction is not None:
                names[list(dropped).index("mask_correction")] += " of cones"
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            again = ", ".join(dropped.values())
            warnings.append(Caution("statistics-dropped", f"{_DROPPED} {listed}; compute again with {again}."))
        return self.replace(dropped=dropped, warnings=tuple(warnings))

    def _with(self, name: str, **changes: Any) -> Self:
        """The same with a statistic, which is missing no longer."""
        return self.replace(**changes)._without({key: call for key, call in self.dropped.items() if key != name})

    def _whole(self, what: str) -> None:
        if self.partial:
            raise ResultError(
                f"This result is partial ({int(self.dfsc.done.sum())} of {self.dfsc.done.size} axes) "
                f"and can't be {what}; finish the analysis first."
            )
