"""What an analysis can be asked for, listed once for every function that takes it."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeVar, cast

from .._version import VERSION
from ..engine.execution import LOCAL, Execution
from ..geometry.symmetry import group_name
from ..inputs.half_maps import HalfMaps
from ..results.types import Settings
from .parts import check_settings

if TYPE_CHECKING:
    from .result import AnalysisResult

__all__ = ["Call", "Options", "takes_options"]

REPLICATES = 199

_Asked = ParamSpec("_Asked")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an analysis is asked for.

    Attributes
    ----------
    cone_half_angle : float
        Degrees, 3 to 45.
    threshold : float
        chi: 0.143 for half maps, 0.5 for map to model.
    n_axes : int
        6, 21, 81, 321, 1281 or 5121.
    parity : {None, 'xmipp'}
        Reproduce that program: exact sums, equal weights, its table of the Bingham test.
    method : {'histogram', 'exact'}
        'exact' sums cones voxel by voxel: slower, and its result can't be recomputed with other cones.
    weighting : {'area', 'equal'}
        Weight of each axis in FSO.
    calibrate : int
        Replicates of the calibrated Bingham test (199); 0 leaves it out.
    band : bool or int
        Whether to bootstrap a band of FSO and resolutions (or with how many replicates).
    correct_mask : bool
        Whether to correct global and directional FSC for the mask.
    symmetry : str
        Point group of the map: C1, C4, D7, T, O, I, ... Every test is told.
    seed : int
        Of their random numbers.

    Examples
    --------
    >>> Options(n_axes=81).cone_half_angle
    17.0
    """

    cone_half_angle: float = 17.0
    threshold: float = 0.143
    n_axes: int = 321
    parity: Literal["xmipp"] | None = None
    method: Literal["histogram", "exact"] = "histogram"
    weighting: Literal["area", "equal"] = "area"
    calibrate: int = 0
    band: bool | int = False
    correct_mask: bool = False
    symmetry: str = "C1"
    seed: int = 0

    def settings(self, maps: HalfMaps) -> Settings:
        """The settings of a result, once all that is asked for is found to be possible.

        Parameters
        ----------
        maps : HalfMaps
            To be analyzed.

        Returns
        -------
        Settings
            What decides the measures.

        Raises
        ------
        SettingsError
            For what makes no sense, before the maps are transformed and not after.
        """
        exact = self.parity == "xmipp"
        settings = Settings(
            box=maps.box,
            voxel_size=float(maps.voxel_size),
            cone_half_angle=float(self.cone_half_angle),
            threshold=float(self.threshold),
            n_axes=self.n_axes,
            weighting="equal" if exact else self.weighting,
            parity=self.parity,
            method="exact" if exact else self.method,
            mask=maps.mask_label,
            version=VERSION,
            symmetry=group_name(self.symmetry),
        )
        check_settings(settings)
        if self.calibrate:
            from ..statistics.calibration import check_replicates

            check_replicates(self.calibrate)
        if self.band:
            from ..statistics.bands import check_band

            check_band(self._band)
        if self.correct_mask:
            from ..statistics.mask_correction import check_mask

            check_mask(maps)
        return settings

    def added(self, result: AnalysisResult, maps: HalfMaps, execution: Execution) -> Iterator[AnalysisResult]:
        """A result with one statistic more each time, as far as they are asked for.

        Parameters
        ----------
        result : AnalysisResult
            The plain analysis.
        maps : HalfMaps
            It is of these.
        execution : Execution
            Where to compute, what hears of progress, what stops it.

        Yields
        ------
        AnalysisResult
            Nothing when no statistic is asked for.
        """
        if self.correct_mask:
            result = result.with_mask_correction(maps, execution=execution)
            yield result
        if self.calibrate:
            result = result.with_calibration(self.calibrate, self.seed, execution=execution)
            yield result
        if self.band:
            yield result.with_band(self._band, self.seed, execution=execution)

    @property
    def _band(self) -> int:
        return REPLICATES if self.band is True else int(self.band)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Options):
    """Options, and how they are carried out.

    Attributes
    ----------
    execution : Execution
        Where to compute, what hears of progress, what stops it.
    """

    execution: Execution = LOCAL


def takes_options(
    call: Callable[_Asked, Call],
) -> Callable[[Callable[[HalfMaps, Call], _Found]], Callable[Concatenate[HalfMaps, _Asked], _Found]]:
    """Give a function of maps and a `Call` every option as an argument of its own.

    Signature, types and documentation are those of the options, which are written down once.

    Parameters
    ----------
    call : type
        `Call`; its constructor's arguments become those of the function.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> @takes_options(Call)
    ... def half_angle(maps, options):
    ...     return options.cone_half_angle
    >>> half_angle(None, cone_half_angle=20.0)
    20.0
    """
    asked = list(inspect.signature(call).parameters.values())
    names = [parameter.name for parameter in asked]

    def decorate(function: Callable[[HalfMaps, Call], _Found]) -> Callable[Concatenate[HalfMaps, _Asked], _Found]:
        name = getattr(function, "__name__", "")

        @functools.wraps(function)
        def called(maps: HalfMaps, *args: _Asked.args, **kwargs: _Asked.kwargs) -> _Found:
            unknown = [key for key in kwargs if key not in names]
            if unknown:
                close = difflib.get_close_matches(unknown[0], names, 1, 0.5)
                raise TypeError(
                    f"{name}() has no option {unknown[0]!r}; "
                    + (f"perhaps {close[0]} is meant." if close else f"there are {', '.join(names)}.")
                )
            return function(maps, call(*args, **kwargs))

        first, _ = inspect.signature(function).parameters.values()
        signature = inspect.signature(function).replace(parameters=[first, *asked])
        called.__signature__ = signature  # type: ignore[attr-defined]
        called.__doc__ = _listed(function.__doc__)
        return cast("Callable[Concatenate[HalfMaps, _Asked], _Found]", called)

    return decorate


def _listed(doc: str | None) -> str | None:
    """A docstring whose entry `options` is replaced by the options themselves."""
    before, entry, after = inspect.cleandoc(doc or "").partition("options : Call\n")
    if not entry:
        return doc
    rest = after.partition("\n\n")[2]
    return "\n".join([before.rstrip(), *map(_attributes, (Options, Call)), "", rest])


def _attributes(kind: type) -> str:
    """The attributes that a class documents."""
    entries = inspect.cleandoc(kind.__doc__ or "").partition("Attributes\n----------\n")[2]
    return entries.partition("\n\n")[0].rstrip()
