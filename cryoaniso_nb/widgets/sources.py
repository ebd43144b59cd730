"""What an explorer runs on: maps, files, or a result; and the Python that does the same."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..analysis import iter_analysis, load_result
from ..analysis_result import AnalysisResult
from ..engine import Progress
from ..errors import MapError, SettingsError
from ..maps import HalfMaps, open_half_maps

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
    symmetry: str = "C1"  # of the statistics asked for

    def stream(self, progress: Progress, cancel: threading.Event) -> Iterator[AnalysisResult]:
        """Open the maps if need be and analyze them, coarse to fine.

        Parameters
        ----------
        progress : callable
            Called with (stage, done, total).
        cancel : threading.Event
            Stops the run.

        Yields
        ------
        AnalysisResult
            Partial ones, the last one whole.
        """
        progress("reading", 0, 1)
        if self.maps is None:
            self.maps = open_half_maps(
                self.half1, self.half2, mask=self.mask, voxel_size=self.voxel_size, cancel=cancel
            )
        progress("reading", 1, 1)
        yield from iter_analysis(self.maps, progress=progress, cancel=cancel, **self.settings)

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
        Half maps, paths, a result, or nothing.
    mask : object
        Path, array or 'auto'.
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
    if isinstance(first, (str, os.PathLike)) and second is None and os.fspath(first).endswith(".npz"):
        return Source(maps=maps, result_path=os.fspath(first), settings=settings), load_result(first)
    if isinstance(first, AnalysisResult):
        return Source(maps=maps, settings=settings), first
    if isinstance(first, HalfMaps):
        if second is not None or mask is not None:
            raise MapError("explore was given half maps and more maps beside them; give the mask to open_half_maps.")
        return Source(maps=first, settings=settings), None
    if second is None:
        raise MapError(f"explore was given one map ({_name(first)}), but it needs two half maps.")
    return Source(half1=first, half2=second, mask=mask, voxel_size=voxel_size, settings=settings), None


def _name(value: Any) -> str:
    return repr(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else f"a {type(value).__name__}"


def code(source: Source, result: AnalysisResult, bingham: str) -> str:
    """Python that reproduces what an explorer shows.

    Parameters
    ----------
    source : Source
        Where the result came from.
    result : AnalysisResult
        What is shown.
    bingham : str
        The Bingham curve drawn.

    Returns
    -------
    str
        A few lines of code.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> print(code(Source(result_path="run.npz"), result, "p_value").splitlines()[2])
    result = ca.load_result('run.npz').with_cones(cone_half_angle=17, threshold=0.143, axes=321)
    """
    s = result.settings
    lines = ["import cryoaniso_nb as ca", ""]
    cones = f"cone_half_angle={s.cone_half_angle:g}, threshold={s.threshold:g}"
    if source.result_path:
        lines.append(f"result = ca.load_result({source.result_path!r}).with_cones({cones}, axes={s.n_axes})")
    else:
        lines.append(_opening(source, result))
        more = "" if s.parity is None else f", parity={s.parity!r}"
        more += "" if s.method == "histogram" or s.parity else f", method={s.method!r}"
        more += "" if s.weighting == "area" or s.parity else f", weighting={s.weighting!r}"
        lines.append(f"result = ca.analyze(maps, {cones}, axes={s.n_axes}{more})")
    lines += _statistics(source, result)
    lines += [
        "onset, end = result.fso.transition_zone  # Å",
        f"low, high = result.bingham.range({bingham!r})  # Å",
        "result.save('result.npz')",
        f"ca.figure(result, bingham={bingham!r}).savefig('figure.png', dpi=300)",
    ]
    return "\n".join(lines)


def _statistics(source: Source, result: AnalysisResult) -> list[str]:
    """What was asked for besides, in code."""
    lines = []
    for name, found in (("calibration", result.calibration), ("band", result.band)):
        if found is not None:
            symmetry = found.symmetry or source.symmetry
            more = "" if symmetry == "C1" else f", symmetry={symmetry!r}"
            lines.append(f"result = result.with_{name}(n={found.n}, seed={found.seed}{more})")
    if result.mask_correction is not None:
        lines.append(f"result = result.with_mask_correction(maps, seed={result.mask_correction.seed})")
    return lines


def _opening(source: Source, result: AnalysisResult) -> str:
    if isinstance(source.half1, (str, os.PathLike)):
        names = [os.fspath(source.half1), os.fspath(source.half2)]
    else:
        names = [item.name for item in result.inputs if item.role in ("half1", "half2")]
    if len(names) != 2 or (source.maps is not None and source.maps.truth is not None):
        return "# maps: the HalfMaps that were explored"
    mask = source.mask if isinstance(source.mask, str) else result.settings.mask
    options = "" if mask in (None, "none", "array") else f", mask={os.fspath(mask)!r}"
    options += "" if source.voxel_size is None else f", voxel_size={source.voxel_size:g}"
    return f"maps = ca.open_half_maps({names[0]!r}, {names[1]!r}{options})"
