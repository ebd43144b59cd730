"""Statistics that were asked for, kept by the settings they are of.

Other cones need other statistics. What was computed for the old ones isn't lost: it comes back
with them, and until it was computed for the new ones it is shown as what it is, stale.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

from ..analysis.result import AnalysisResult
from ..engine.execution import Execution
from ..errors import ResultError

__all__ = ["KeptStatistics", "cones_words", "recomputed"]

STATISTICS = ("calibration", "band", "mask_correction")


def cones_words(settings: Any) -> str:
    """Which cones settings stand for.

    Parameters
    ----------
    settings : Settings
        Of a result.

    Returns
    -------
    str
        Half-angle, chi, number of axes, point group.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> cones_words(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).settings)
    'cone ±17°, χ = 0.143, 321 axes, C1'
    """
    s = settings
    return f"cone ±{s.cone_half_angle:g}°, χ = {s.threshold:.3g}, {s.n_axes} axes, {s.symmetry}"


class KeptStatistics:
    """Statistics of one pair of maps, by the settings they are of; safe on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_settings: dict[Hashable, AnalysisResult] = {}
        self._newest: dict[str, AnalysisResult] = {}

    def clear(self) -> None:
        """Forget all: other maps come."""
        with self._lock:
            self._by_settings.clear()
            self._newest.clear()

    def remember(self, result: Any) -> None:
        """Keep the statistics that a result carries.

        Parameters
        ----------
        result : object
            Nothing is kept of what is no analysis.
        """
        if not isinstance(result, AnalysisResult):
            return
        held = [name for name in STATISTICS if _holds(result, name)]
        if held:
            with self._lock:
                self._by_settings[_key(result)] = result
                self._newest.update(dict.fromkeys(held, result))

    def restored(self, result: Any) -> Any:
        """A result with the statistics that were computed for its settings before.

        Parameters
        ----------
        result : object
            Of other cones than those before.

        Returns
        -------
        object
            The same, or one that carries more.
        """
        if not isinstance(result, AnalysisResult):
            return result
        with self._lock:
            kept = self._by_settings.get(_key(result))
        return result if kept is None else result.with_statistics_of(kept)

    def stale(self, result: Any) -> dict[str, AnalysisResult]:
        """Results of other settings that carry what this one lacks.

        Parameters
        ----------
        result : object
            What is shown.

        Returns
        -------
        dict
            The newest result that carries each statistic, by its name.
        """
        if not isinstance(result, AnalysisResult):
            return {}
        with self._lock:
            return {name: old for name, old in self._newest.items() if not _holds(result, name)}


def recomputed(
    result: AnalysisResult, stale: dict[str, AnalysisResult], maps: Any, execution: Execution
) -> AnalysisResult:
    """The statistics that other cones had, for those of a result.

    Parameters
    ----------
    result : AnalysisResult
        With other cones.
    stale : dict
        Results that carry the statistics, by name: replicates, seed and level are theirs.
    maps : HalfMaps or None
        For the mask correction.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    AnalysisResult
        With all of them.

    Raises
    ------
    ResultError
        When the mask correction is asked for without the maps.
    """
    for name, old in stale.items():
        made = getattr(old, name)
        if name == "calibration":
            result = result.with_calibration(
                n_replicates=made.n_replicates, seed=made.seed, symmetry=made.symmetry, execution=execution
            )
        elif name == "band":
            result = result.with_band(
                n_replicates=made.n_replicates,
                seed=made.seed,
                level=made.level,
                symmetry=made.symmetry or None,
                execution=execution,
            )
        elif maps is None:
            raise ResultError("The correction for the mask needs the half maps; explore them, or give them as maps=.")
        else:
            result = result.with_mask_correction(maps, execution=execution)
    return result


def _holds(result: AnalysisResult, name: str) -> bool:
    """Whether a result carries a statistic in full: a mask correction also of its cones."""
    found = getattr(result, name)
    return found is not None and not (name == "mask_correction" and found.dfsc is None and found.corrected_from > 0)


def _key(result: AnalysisResult) -> Hashable:
    s = result.settings
    return s.cone_half_angle, s.threshold, s.n_axes, s.symmetry
