"""Where a map stands among others, in words and as plain data."""

from __future__ import annotations

import math
from typing import Any

from ..measures.resolution import resolution_statistics
from ..statistics.standing import FEWEST, RESOLUTION, Standing
from .verdict import Analysed, verdict

__all__ = ["standing_dict", "standing_numbers", "standing_row", "standing_sentence"]

_WORDS = {
    "effect_ratio": "worst over best",
    "worst_over_median": "worst over median",
    "noise_ratio": "noise",
    "sphericity": "sphericity",
}
_CLASSES = {
    "C1": "no symmetry",
    "cyclic": "cyclic symmetry",
    "dihedral": "dihedral symmetry",
    "cubic": "cubic symmetry",
}


def standing_numbers(r: Analysed) -> dict[str, float]:
    """The numbers of a map that a survey's table has of others.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    dict
        Column -> number, NaN for unknown.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> list(standing_numbers(ca.analyze(ca.simulate_half_maps(box=32, seed=0))))[:2]
    ['fsc_0.143_angstrom', 'effect_ratio']
    """
    found, regions = verdict(r), getattr(r, "regions", None)
    worst = math.nan if regions is None else regions.worst.resolution
    return {
        RESOLUTION: r.global_fsc.at_143.resolution,
        "effect_ratio": found.effect_ratio,
        "worst_over_median": worst / resolution_statistics(r.directional_resolution).p50,
        "noise_ratio": found.noise_ratio,
        "sphericity": r.sphericity().value,  # type: ignore[attr-defined]
    }


def _like(found: Standing) -> str:
    return f"{found.highest:.2g} to {found.lowest:.2g} Å, {_CLASSES[found.symmetry_class]}"


def _shares(found: Standing) -> str:
    known = {name: value for name, value in found.percentiles.items() if math.isfinite(value)}
    return ", ".join(f"{value:.0f} % of them by {_WORDS[name]}" for name, value in known.items())


def standing_sentence(found: Standing) -> str:
    """Where a map stands, in one sentence.

    Parameters
    ----------
    found : Standing
        From `statistics.standing`.

    Returns
    -------
    str
        Which maps are like it, and how many of them are less anisotropic.

    Examples
    --------
    >>> from cryoaniso_nb.statistics.standing import standing
    >>> standing_sentence(standing({"fsc_0.143_angstrom": 4.0}, "C1", [], table="atlas.csv"))
    'Too few maps like it (n = 0: 2.7 to 6 Å, no symmetry) in atlas.csv to say where it stands.'
    """
    place = f" in {found.table}" if found.table else ""
    if not math.isfinite(found.lowest):
        return f"Where it stands among the maps{place} can't be told: its global resolution isn't known."
    if found.n_alike < FEWEST:
        return f"Too few maps like it (n = {found.n_alike}: {_like(found)}){place} to say where it stands."
    if not (shares := _shares(found)):
        return f"Where it stands among {found.n_alike} maps like it{place} can't be told: its numbers aren't known."
    return f"Of {found.n_alike} maps like it ({_like(found)}){place} it is more anisotropic than {shares}."


def standing_row(found: Standing) -> tuple[str, str]:
    """The same as a row of a table.

    Parameters
    ----------
    found : Standing
        From `statistics.standing`.

    Returns
    -------
    tuple of str
        What, and its value.

    Examples
    --------
    >>> from cryoaniso_nb.statistics.standing import standing
    >>> standing_row(standing({"fsc_0.143_angstrom": 4.0}, "C1", []))[0]
    'Among maps like it'
    """
    return "Among maps like it", standing_sentence(found)


def standing_dict(found: Standing) -> dict[str, Any]:
    """The same as plain data.

    Parameters
    ----------
    found : Standing
        From `statistics.standing`.

    Returns
    -------
    dict
        Units in the keys.

    Examples
    --------
    >>> from cryoaniso_nb.statistics.standing import standing
    >>> standing_dict(standing({"fsc_0.143_angstrom": 4.0}, "C1", []))["maps_like_it"]
    0
    """
    return {
        "text": standing_sentence(found),
        "table": found.table,
        "maps": found.n_table,
        "maps_like_it": found.n_alike,
        "resolution_range_angstrom": [found.highest, found.lowest],
        "symmetry_class": found.symmetry_class,
        **{f"{name}_percentile": value for name, value in found.percentiles.items()},
    }
