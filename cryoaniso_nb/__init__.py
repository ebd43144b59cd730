"""Jupyter toolkit for the anisotropy of cryo-EM maps.

Directional FSC, Fourier shell occupancy, Bingham test and directional resolution of two
half maps, after Vilas & Tagare, Nature Methods 2023 (doi 10.1038/s41592-023-01874-3).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _version

if TYPE_CHECKING:
    from .analysis import AnalysisResult, analyze, iter_analysis, load_result
    from .errors import CryoAnisoError
    from .maps import HalfMaps, open_half_maps, read_map, write_map
    from .results import ResolutionFlag
    from .simulate import simulate_half_maps

__version__ = _version.VERSION

# Public names and where they live: loaded on first use, so that importing the package
# brings in neither widgets nor plots nor a cluster.
_HOMES = {
    "AnalysisResult": "analysis",
    "CryoAnisoError": "errors",
    "HalfMaps": "maps",
    "ResolutionFlag": "results",
    "analyze": "analysis",
    "iter_analysis": "analysis",
    "load_result": "analysis",
    "open_half_maps": "maps",
    "read_map": "maps",
    "simulate_half_maps": "simulate",
    "write_map": "maps",
}

__all__ = [
    "AnalysisResult",
    "CryoAnisoError",
    "HalfMaps",
    "ResolutionFlag",
    "__version__",
    "analyze",
    "iter_analysis",
    "load_result",
    "open_half_maps",
    "read_map",
    "simulate_half_maps",
    "write_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
