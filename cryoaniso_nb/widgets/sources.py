"""What an explorer runs on: maps, files, or a result; and the Python that does the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..analysis.result import AnalysisResult
from ..analysis.run import iter_analysis, load_result
from ..engine.execution import Execution
from ..errors import MapError, SettingsError
from ..inputs.half_maps import HalfMaps, open_half_maps
from ..inputs.opening import FOUND, open_pair
from ..results.record import RESULT_FILE

__all__ = ["Source", "code", "source_of"]


@dataclass(slots=True, eq=False)
class Source:
    """Maps (perhaps still files) and the settings to analyze them with."""

    half1: Any = None
    half2: Any = None
    mask: Any = None
    voxel_size: float | None = None
    maps: HalfMaps | None = None
    result_path: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    symmetry: str | None = None  # as a job or an EMDB entry tells it

    def stream(self, execution: Execution) -> Iterator[AnalysisResult]:
        """Open the maps if need be and analyze them, coarse to fine.

        Parameters
        ----------
        execution : Execution
            Where to compute, what hears of progress, what stops it.

        Yields
        ------
        AnalysisResult
            Partial ones, the last one whole.
        """
        execution.tell("reading", 0, 1)
        if self.maps is None and self.half2 is None:
            mask = FOUND if self.mask is None else None if self.mask == "none" else self.mask
            found = open_pair(self.half1, mask=mask, voxel_size=self.voxel_size, execution=execution)
            self.maps, self.symmetry = found.maps, found.symmetry
        elif self.maps is None:
            self.maps = open_half_maps(
                self.half1, self.half2, mask=self.mask, voxel_size=self.voxel_size, execution=execution
            )
        execution.tell("reading", 1, 1)
        told = {} if self.symmetry is None else {"symmetry": self.symmetry}
        yield from iter_analysis(self.maps, execution=execution, **{**told, **self.settings})

    def forget(self) -> None:
        """Let go of the maps."""
        self.maps = self.half1 = self.half2 = self.mask = None


def source_of(
    first: Any, second: Any, mask: Any, voxel_size: float | None, maps: Any, settings: dict[str, Any]
) -> tuple[Source, AnalysisResult | None]:
    """Sort out what `explore` was given.

    Parameters
    ----------
    first, second : object
        Half maps, paths, a result, or nothing; alone also one half map, a job's folder or an
        EMDB code.
    mask : object
        Path, array, 'auto', or 'none' to leave out one that is found.
    voxel_size : float or None
        Å.
    maps : HalfMaps or None
        The maps of a result.
    settings : dict
        For `iter_analysis`.

    Returns
    -------
    tuple
        The source, and the result if there is one already.

    Raises
    ------
    MapError
        For half an input.
    SettingsError
        For something else altogether.
    """
    if maps is not None and not isinstance(maps, HalfMaps):
        raise SettingsError(f"maps is a {type(maps).__name__}, but it must be half maps from open_half_maps.")
    if first is None:
        return Source(maps=maps, settings=settings), None
    if isinstance(first, (str, os.PathLike)) and second is None and _is_result(first):
        return Source(maps=maps, result_path=os.fspath(first), settings=settings), load_result(first)
    if isinstance(first, AnalysisResult):
        return Source(maps=maps, settings=settings), first
    if isinstance(first, HalfMaps):
        if second is not None or mask is not None:
            raise MapError("explore was given half maps and more maps beside them; give the mask to open_half_maps.")
        return Source(maps=first, settings=settings), None
    if second is None and not isinstance(first, (str, os.PathLike)):
        raise MapError(f"explore was given one map (a {type(first).__name__}), but it needs two half maps.")
    return Source(half1=first, half2=second, mask=mask, voxel_size=voxel_size, settings=settings), None


def _is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a saved result, or of the folder of one."""
    return os.fspath(path).endswith(".npz") or os.path.isfile(os.path.join(path, RESULT_FILE))


def code(source: Source, result: AnalysisResult, drawn: dict[str, Any]) -> str:
    """Python that reproduces what an explorer shows.

    Parameters
    ----------
    source : Source
        Where the result came from.
    result : AnalysisResult
        What is shown.
    drawn : dict
        Arguments of `figure`: how it looks on the screen.

    Returns
    -------
    str
        A few lines of code.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> print(code(Source(result_path="run.npz"), result, {"bingham": "p_textbook"}).splitlines()[2])
    result = ca.load_result('run.npz').with_cones(cone_half_angle=17, threshold=0.143, n_axes=321)
    """
    s = result.settings
    lines = ["import cryoaniso_nb as ca", ""]
    cones = f"cone_half_angle={s.cone_half_angle:g}, threshold={s.threshold:g}"
    if source.result_path:
        lines.append(f"result = ca.load_result({source.result_path!r}).with_cones({cones}, n_axes={s.n_axes})")
    else:
        lines.append(_opening(source, result))
        more = "" if s.parity is None else f", parity={s.parity!r}"
        more += "" if s.method == "histogram" or s.parity else f", method={s.method!r}"
        more += "" if s.weighting == "area" or s.parity else f", weighting={s.weighting!r}"
        lines.append(f"result = ca.analyze(maps, {cones}, n_axes={s.n_axes}{more})")
    lines += _statistics(result)
    options = ", ".join(f"{name}={value!r}" for name, value in drawn.items())
    lines += [
        "onset, end = result.fso.transition_zone  # Å",
        f"low, high = result.bingham.range({drawn['bingham']!r})  # Å",
        "result.save('result.npz')",
        f"ca.figure(result, {options}).savefig('figure.png', dpi=300)",
    ]
    return "\n".join(lines)


def _statistics(result: AnalysisResult) -> list[str]:
    """What was asked for besides, in code."""
    made = (result.calibration, result.band, result.mask_correction)
    return [f"result = result.{found.call}" for found in made if found is not None]


def _opening(source: Source, result: AnalysisResult) -> str:
    size = "" if source.voxel_size is None else f", voxel_size={source.voxel_size:g}"
    if isinstance(source.half1, (str, os.PathLike)) and source.half2 is None:
        choice = "" if source.mask is None else ", mask=None" if source.mask == "none" else f", mask={source.mask!r}"
        return f"maps = ca.open_pair({os.fspath(source.half1)!r}{choice}{size}).maps"
    if isinstance(source.half1, (str, os.PathLike)):
        names = [os.fspath(source.half1), os.fspath(source.half2)]
    else:
        names = [item.name for item in result.inputs if item.role in ("half1", "half2")]
    if len(names) != 2 or (source.maps is not None and source.maps.truth is not None):
        return "# maps: the HalfMaps that were explored"
    mask = source.mask if isinstance(source.mask, str) else result.settings.mask
    options = "" if mask in (None, "none", "array") else f", mask={os.fspath(mask)!r}"
    return f"maps = ca.open_half_maps({names[0]!r}, {names[1]!r}{options}{size})"
