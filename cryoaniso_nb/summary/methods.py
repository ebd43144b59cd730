"""A paragraph for the methods section of a paper, and the works it cites as BibTeX."""

from __future__ import annotations

import math
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from ..errors import ResultError
from ..geometry.shells import box_text
from ..measures.fsc import global_crossing
from ..measures.resolution import resolution_statistics
from ..results.types import Crossing, ResolutionFlag
from .verdict import Analysed, crossing_text, headline_sentences, p_text, percentile_texts, verdict

__all__ = ["bibtex", "methods_paragraph", "methods_text", "package_versions"]

PACKAGES = ("numpy", "scipy", "numba", "ducc0", "dask", "mrcfile")

_METHOD = """@article{vilas2023anisotropy,
  author  = {Vilas, Jose-Luis and Tagare, Hemant D.},
  title   = {New measures of anisotropy of cryo-{EM} maps},
  journal = {Nature Methods},
  year    = {2023},
  doi     = {10.1038/s41592-023-01874-3}
}"""
_MASK = """@article{chen2013overfitting,
  author  = {Chen, Shaoxia and McMullan, Greg and Faruqi, Abdul R. and Murshudov, Garib N. and Short, Judith M. and
             Scheres, Sjors H. W. and Henderson, Richard},
  title   = {High-resolution noise substitution to measure overfitting and validate resolution in {3D} structure
             determination by single particle electron cryomicroscopy},
  journal = {Ultramicroscopy},
  year    = {2013},
  doi     = {10.1016/j.ultramic.2013.06.004}
}"""
_PROGRAM = """@software{{cryoaniso_nb,
  title   = {{cryoaniso\\_nb: anisotropy of cryo-EM maps, in Jupyter}},
  author  = {{{{cryoaniso\\_nb developers}}}},
  version = {{{version}}}
}}"""


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers come from, as installed here.

    Returns
    -------
    dict
        'python', 'numpy', ...: those that are installed.

    Examples
    --------
    >>> list(package_versions())[:2]
    ['python', 'numpy']
    """
    return dict(_installed())


@cache  # reading the packages' metadata takes a tenth of a small pair's time in a survey
def _installed() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return tuple(found.items())


def bibtex(r: Analysed) -> str:
    """The works that the paragraph cites.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    str
        BibTeX entries: the method, the program, and the mask's correction if one was made.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> bibtex(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).count("@")
    2
    """
    entries = [_METHOD, _PROGRAM.format(version=r.settings.version)]
    if getattr(r, "mask_correction", None) is not None:
        entries.append(_MASK)
    return "\n\n".join(entries)


def methods_paragraph(r: Analysed) -> str:
    """What was done and found, as a paper's methods section says it.

    Parameters
    ----------
    r : Analysed
        An analysis, all axes done.

    Returns
    -------
    str
        One paragraph, without its references.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> methods_paragraph(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))[:57]
    'Directional resolution was measured from two half maps of'
    """
    parts = [_inputs(r), _cones(r), _whole(r), _spread(r), *headline_sentences(r), *_tests(r), *_more(r), _software(r)]
    return " ".join(part for part in parts if part)


def methods_text(r: Analysed) -> str:
    """The paragraph and its references, as a text file holds them.

    Parameters
    ----------
    r : Analysed
        An analysis, all axes done.

    Returns
    -------
    str
        `methods_paragraph`, an empty line, `bibtex`.

    Raises
    ------
    ResultError
        For a partial result.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> methods_text(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).splitlines()[2]
    '@article{vilas2023anisotropy,'
    """
    if r.partial:
        done, all_axes = int(r.dfsc.done.sum()), r.settings.n_axes
        raise ResultError(f"{done} of {all_axes} axes are done: a methods text takes them all; let the run end.")
    return f"{methods_paragraph(r)}\n\n{bibtex(r)}\n"


def _inputs(r: Analysed) -> str:
    s = r.settings
    what = "a map and a model" if any(item.role == "model" for item in r.inputs) else "two half maps"
    mask = "without a mask" if s.mask == "none" else f"within a mask ({s.mask})"
    group = "assuming no symmetry" if s.symmetry == "C1" else f"with point group {s.symmetry}"
    return (
        f"Directional resolution was measured from {what} of {box_text(s.box)} of {s.voxel_size:.4g} Å {mask}, "
        f"{group}, after Vilas & Tagare (2023)."
    )


def _cones(r: Analysed) -> str:
    s = r.settings
    return (
        f"Directional FSC was computed in cones with a half-angle of {s.cone_half_angle:g}° around {s.n_axes} axes "
        f"spread over the half sphere; the threshold was {s.threshold:g}."
    )


def _text(crossing: Crossing, r: Analysed) -> str:
    text = crossing_text(crossing, r.global_fsc.frequency)
    return f"at {text}" if crossing.flag is ResolutionFlag.CROSSED else f"({text})"


def _whole(r: Analysed) -> str:
    crossing = global_crossing(r.global_fsc, r.settings.threshold)
    onset, end = _text(r.fso.onset, r), _text(r.fso.end, r)
    return (
        f"The global FSC fell to {r.settings.threshold:g} {_text(crossing, r)}; the Fourier shell occupancy to 0.9 "
        f"{onset} and to 0.1 {end}."
    )


def _spread(r: Analysed) -> str:
    p5, p50, p95 = percentile_texts(r)
    statistics = resolution_statistics(r.directional_resolution)
    mean = ""
    if math.isfinite(statistics.mean) and math.isfinite(statistics.sd):
        mean = f"; mean {statistics.mean:.2f} ± {statistics.sd:.2f} Å"
    return f"Resolution over directions had a median of {p50} (5 to 95 %: {p5} to {p95}{mean})."


def _tests(r: Analysed) -> list[str]:
    found, sentences = verdict(r), []
    if math.isfinite(found.effect_ratio):
        low, high = found.effect_interval
        sentences.append(
            f"The ratio of the worst to the best region was {found.effect_ratio:.2f} (95 % interval {low:.2f} to "
            f"{high:.2f})."
        )
    if math.isfinite(found.noise_p_value) and math.isfinite(found.dfsc_p_value):
        sentences.append(
            "Evenness of the noise over directions was tested against evenly drawn views "
            f"({p_text(found.noise_p_value)}), and directional FSC against even noise on the same particle "
            f"({p_text(found.dfsc_p_value)})."
        )
    return sentences


def _more(r: Analysed) -> list[str]:
    sentences = []
    calibration, band = getattr(r, "calibration", None), getattr(r, "band", None)
    if calibration is not None and math.isfinite(calibration.map_p_value):
        sentences.append(
            f"The Bingham test was calibrated on {calibration.n_replicates} simulated isotropic pairs "
            f"({p_text(calibration.map_p_value)} for the whole map)."
        )
    if band is not None:
        sentences.append(f"The band of the occupancy is from {band.n_replicates} replicates.")
    if getattr(r, "mask_correction", None) is not None:
        sentences.append("FSC was corrected for the mask by noise substitution (Chen et al. 2013).")
    return sentences


def _software(r: Analysed) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in package_versions().items() if name != "python")
    return f"Software: cryoaniso_nb {r.settings.version} with {packages} on Python {platform.python_version()}."
