"""Jupyter toolkit for the anisotropy of cryo-EM maps.

Directional FSC, Fourier shell occupancy, Bingham test and directional resolution of two
half maps, after Vilas & Tagare, Nature Methods 2023 (doi 10.1038/s41592-023-01874-3).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _version

if TYPE_CHECKING:
    from . import widgets as views
    from .analysis import analyze, iter_analysis, load_result
    from .analysis_result import AnalysisResult
    from .emdb import fetch_entry, open_entry
    from .errors import CryoAnisoError
    from .exchange import write_export
    from .filters import anisotropic_filter, fso_cut_off, isotropic_filter
    from .mapfiles import read_map, write_map
    from .maps import HalfMaps, open_half_maps
    from .masks import auto_mask, soft_mask, sphere_mask
    from .measures.agreement import pose_agreement
    from .measures.cfar import cfar, relative_signal
    from .measures.conestudy import cone_study
    from .measures.scf import scf
    from .measures.sphericity import sphericity, sphericity_curve
    from .measures.tilt import tilt_advice
    from .model_analysis import analyze_against_model
    from .models import model_density, read_model
    from .plots import figure
    from .poses import read_poses, view_density
    from .record import ResolutionFlag
    from .report import write_report
    from .simulate import simulate_half_maps
    from .simulate_model import simulate_from_model
    from .widgets import explore

__version__ = _version.VERSION

# Public names and where they live: loaded on first use, so that importing the package
# brings in neither widgets nor plots nor a cluster.
_HOMES = {
    "AnalysisResult": "analysis_result",
    "CryoAnisoError": "errors",
    "HalfMaps": "maps",
    "ResolutionFlag": "record",
    "analyze": "analysis",
    "analyze_against_model": "model_analysis",
    "anisotropic_filter": "filters",
    "auto_mask": "masks",
    "cfar": "measures.cfar",
    "cone_study": "measures.conestudy",
    "explore": "widgets",
    "fetch_entry": "emdb",
    "figure": "plots",
    "fso_cut_off": "filters",
    "isotropic_filter": "filters",
    "iter_analysis": "analysis",
    "load_result": "analysis",
    "model_density": "models",
    "open_entry": "emdb",
    "open_half_maps": "maps",
    "pose_agreement": "measures.agreement",
    "read_map": "mapfiles",
    "read_model": "models",
    "read_poses": "poses",
    "relative_signal": "measures.cfar",
    "scf": "measures.scf",
    "simulate_from_model": "simulate_model",
    "simulate_half_maps": "simulate",
    "soft_mask": "masks",
    "sphere_mask": "masks",
    "sphericity": "measures.sphericity",
    "sphericity_curve": "measures.sphericity",
    "tilt_advice": "measures.tilt",
    "view_density": "poses",
    "write_export": "exchange",
    "write_map": "mapfiles",
    "write_report": "report",
}

__all__ = [
    "AnalysisResult",
    "CryoAnisoError",
    "HalfMaps",
    "ResolutionFlag",
    "__version__",
    "analyze",
    "analyze_against_model",
    "anisotropic_filter",
    "auto_mask",
    "cfar",
    "cone_study",
    "explore",
    "fetch_entry",
    "figure",
    "fso_cut_off",
    "isotropic_filter",
    "iter_analysis",
    "load_result",
    "model_density",
    "open_entry",
    "open_half_maps",
    "pose_agreement",
    "read_map",
    "read_model",
    "read_poses",
    "relative_signal",
    "scf",
    "simulate_from_model",
    "simulate_half_maps",
    "soft_mask",
    "sphere_mask",
    "sphericity",
    "sphericity_curve",
    "tilt_advice",
    "view_density",
    "views",
    "write_export",
    "write_map",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "views":
        value: Any = import_module(f"{__name__}.widgets")
    elif name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
