"""What an analysis found, in one sentence, a dict and tables."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry.shells import box_text
from ..measures.resolution import resolution_statistics
from ..results.types import Crossing, DirectionalResolution, ResolutionFlag
from ..statistics.noise_evenness import NoiseEvenness
from ..statistics.regions import DirectionRegion, DirectionRegions
from .conventions import BINGHAM_CURVES
from .next_steps import next_steps, steps_html
from .standing import standing_dict, standing_row
from .verdict import (
    Analysed,
    axis_angles,
    crossing_text,
    headline,
    p_text,
    percentile_texts,
    region_words,
    verdict,
)

__all__ = [
    "html_table",
    "interval_texts",
    "json_ready",
    "made_from",
    "summary_dict",
    "table_rows",
    "terminal_table",
    "warning_items",
]

Floats = NDArray[np.float64]

NOT_RECORDED = "not recorded"


def _crossings(r: Analysed) -> dict[str, Crossing]:
    return {
        "fsc_0.143": r.global_fsc.at_143,
        "fsc_0.5": r.global_fsc.at_500,
        "fso_0.9": r.fso.onset,
        "fso_0.5": r.fso.middle,
        "fso_0.1": r.fso.end,
    }


def summary_dict(r: Analysed) -> dict[str, Any]:
    """All numbers of an analysis as plain data, units in the keys.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    dict
        Strings, numbers (NaN for unknown, with a text beside it), lists and dicts; the
        headline comes first.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> summary_dict(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))["nyquist_angstrom"]
    2.0
    """
    settings = r.settings
    data: dict[str, Any] = {"headline": headline(r), "verdict": _verdict(r), "partial": r.partial}
    for name, crossing in _crossings(r).items():
        data[f"{name}_resolution_angstrom"] = crossing.resolution
        data[f"{name}_text"] = crossing_text(crossing, r.global_fsc.frequency)
    data["transition_zone_angstrom"] = list(r.fso.transition_zone)
    for name, (low, high) in r.bingham.ranges.items():
        data[f"bingham_{name}_range_angstrom"] = [low, high]
    data |= _added(r)
    data["directional_resolution"] = _directions(r)
    data["nyquist_angstrom"] = float(1 / r.global_fsc.frequency[-1])
    data["settings"] = {
        "box_voxels_zyx": list(settings.box),
        "voxel_size_angstrom": settings.voxel_size,
        "cone_half_angle_degrees": settings.cone_half_angle,
        "threshold": settings.threshold,
        "axes": settings.n_axes,
        "weighting": settings.weighting,
        "parity": settings.parity,
        "method": settings.method,
        "mask": settings.mask,
    }
    data["inputs"] = [{"role": i.role, "name": i.name, "sha256": i.sha256 or None} for i in r.inputs]
    data["version"] = settings.version
    data["warnings"] = warning_items(r.warnings)
    data["next_steps"] = [{"text": step.text, "command": step.command} for step in next_steps(r)]
    return data


def _verdict(r: Analysed) -> dict[str, Any]:
    """The verdict's numbers, and its words."""
    found = verdict(r)
    return {
        "cause": found.cause,
        "reason": found.reason,
        "effect_ratio": found.effect_ratio,
        "effect_interval": list(found.effect_interval),
        "noise_ratio": found.noise_ratio,
        "noise_interval": list(found.noise_interval),
        "noise_sign": found.noise_sign,
        "noise_p_value": found.noise_p_value,
        "dfsc_p_value": found.dfsc_p_value,
        "symmetry": found.symmetry,
        "text": headline(r),
    }


def _added(r: Analysed) -> dict[str, Any]:
    """What the analysis was asked for later: calibration, band, correction for the mask."""
    calibration, band = getattr(r, "calibration", None), getattr(r, "band", None)
    correction = getattr(r, "mask_correction", None)
    data: dict[str, Any] = {}
    if calibration is not None:
        data["calibration_map_p_value"] = calibration.map_p_value
        data["calibration_replicates"] = calibration.n_replicates
        data["calibration_seed"] = calibration.seed
        data["calibration_symmetry"] = calibration.symmetry
        data["calibration_knows_mask"] = calibration.masked
    if band is not None:
        data["band_level"] = band.level
        data["band_replicates"] = band.n_replicates
        data["band_seed"] = band.seed
        data["band_symmetry"] = band.symmetry or NOT_RECORDED
        texts = interval_texts(r)
        for name, interval in (("0.9", band.onset), ("0.5", band.middle), ("0.1", band.end)):
            data[f"fso_{name}_interval_angstrom"] = list(interval)
            data[f"fso_{name}_interval_text"] = texts[name]
    if correction is not None:
        data["fsc_corrected_0.143_resolution_angstrom"] = correction.at_143.resolution
        data["fsc_corrected_0.143_text"] = crossing_text(correction.at_143, r.global_fsc.frequency)
    if correction is not None and correction.fso is not None:
        data["transition_zone_corrected_angstrom"] = list(correction.fso.transition_zone)
    if (standing := getattr(r, "standing", None)) is not None:
        data["standing"] = standing_dict(standing)
    return data


def interval_texts(r: Analysed) -> dict[str, str]:
    """The intervals of a band in words, which say why an end has no number.

    Parameters
    ----------
    r : Analysed
        An analysis; without a band there are no words.

    Returns
    -------
    dict
        Level of FSO ('0.9', '0.5', '0.1') to words: Å from low to high frequency.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=0), band=49)
    >>> list(interval_texts(r))
    ['0.9', '0.5', '0.1']
    """
    band, curve = getattr(r, "band", None), r.fso
    if band is None:
        return {}
    known = band.frequency[np.isfinite(band.low)]
    return {
        "0.9": _interval_text(band.onset, curve.onset, known, band.frequency),
        "0.5": _interval_text(band.middle, curve.middle, known, band.frequency),
        "0.1": _interval_text(band.end, curve.end, known, band.frequency),
    }


def made_from(r: Analysed) -> dict[str, str]:
    """What the statistics of an analysis were drawn from, in words.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    dict
        'calibration' and 'band', as far as the analysis carries them.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> made_from(ca.analyze(ca.simulate_half_maps(box=32, seed=0), band=49))
    {'band': '49 replicates, seed 0, symmetry C1'}
    """
    calibration, band = getattr(r, "calibration", None), getattr(r, "band", None)
    words = {}
    if calibration is not None:
        group, mask = calibration.symmetry, ", with the mask" if calibration.masked else ""
        words["calibration"] = (
            f"{calibration.n_replicates} isotropic pairs of half maps, seed {calibration.seed}, symmetry {group}{mask}"
        )
    if band is not None:
        words["band"] = f"{band.n_replicates} replicates, seed {band.seed}, symmetry {band.symmetry or NOT_RECORDED}"
    return words


def _interval_text(interval: tuple[float, float], crossing: Crossing, known: Floats, frequency: Floats) -> str:
    """An interval in words; `known` are the frequencies that have a band."""
    if not known.size:
        return "unknown (no shell has a band)"
    if not any(map(math.isfinite, interval)):
        if crossing.flag is ResolutionFlag.NOT_CROSSED:
            return "not reached up to Nyquist"
        if crossing.flag is not ResolutionFlag.CROSSED or crossing.frequency < known[0]:
            return f"unknown (before the band starts at {1 / known[0]:.2f} Å)"
    low, high = interval
    start = f"{low:.2f} Å" if math.isfinite(low) else f"unknown (before the band starts at {1 / known[0]:.2f} Å)"
    return f"{start} to {f'{high:.2f} Å' if math.isfinite(high) else f'past Nyquist ({1 / frequency[-1]:.2f} Å)'}"


def _added_rows(r: Analysed) -> list[tuple[str, str]]:
    """The same in words."""
    band, correction = getattr(r, "band", None), getattr(r, "mask_correction", None)
    rows, made = [], made_from(r)
    calibration = getattr(r, "calibration", None)
    if calibration is not None and math.isfinite(calibration.map_p_value):
        rows.append(("Bingham test of the whole map, calibrated", f"p = {calibration.map_p_value:.2g}"))
    if "calibration" in made:
        rows.append(("Calibrated against", made["calibration"]))
    if band is not None:
        rows += [(f"FSO = {name}, {100 * band.level:g} % interval", words) for name, words in interval_texts(r).items()]
        rows.append(("Floor, band and intervals from", made["band"]))
    if correction is not None:
        frequency = r.global_fsc.frequency
        rows.append(("FSC = 0.143, corrected for the mask", crossing_text(correction.at_143, frequency)))
    if correction is not None and correction.fso is not None:
        ends = [crossing_text(c, frequency) for c in (correction.fso.onset, correction.fso.end)]
        rows.append(("Transition zone, corrected for the mask", " to ".join(ends)))
    if (standing := getattr(r, "standing", None)) is not None:
        rows.append(standing_row(standing))
    return rows


def _directions(r: Analysed) -> dict[str, Any]:
    d = r.directional_resolution
    s = resolution_statistics(d)
    data: dict[str, Any] = {
        "mean_angstrom": s.mean,
        "sd_angstrom": s.sd,
        "percentile_5_angstrom": s.p5,
        "percentile_50_angstrom": s.p50,
        "percentile_95_angstrom": s.p95,
        "axes_crossed": s.n_crossed,
        "axes_not_crossed": s.n_not_crossed,
        "axes_without_signal": s.n_no_signal,
        "axes_first_crossed_early": s.n_early,
    }
    regions: DirectionRegions | None = getattr(r, "regions", None)
    for name, index in (("best", s.best_axis), ("worst", s.worst_axis)):
        data[name] = _axis(d, index) if regions is None else _region(getattr(regions, name))
    return data


def _region(region: DirectionRegion) -> dict[str, Any]:
    """Worst or best region."""
    to = axis_angles(region.zenith, region.azimuth)
    return {
        "resolution_angstrom": region.resolution,
        "interval_angstrom": list(region.interval),
        "reaches_nyquist": region.reaches_nyquist,
        "zenith_degrees": region.zenith,
        "azimuth_degrees": region.azimuth,
        "region_degrees": region.region_degrees,
        "region_kind": region.kind,
        "region_share": region.share,
        **{f"angle_to_{axis}_degrees": angle for axis, angle in to.items()},
    }


def _axis(d: DirectionalResolution, index: int) -> dict[str, Any]:
    """One axis of an analysis that has no regions yet."""
    found, nan = index >= 0, float("nan")
    zenith, azimuth = (float(d.zenith[index]), float(d.azimuth[index])) if found else (nan, nan)
    to = axis_angles(zenith, azimuth)
    return {
        "resolution_angstrom": float(d.resolution[index]) if found else nan,
        "interval_angstrom": [nan, nan],
        "reaches_nyquist": bool(found and d.flag[index] == ResolutionFlag.NOT_CROSSED),
        "zenith_degrees": zenith,
        "azimuth_degrees": azimuth,
        "region_degrees": nan,
        "region_kind": "axis",
        "region_share": nan,
        **{f"angle_to_{axis}_degrees": angle for axis, angle in to.items()},
    }


def warning_items(warnings: Iterable[str], code: str = "other") -> list[dict[str, str]]:
    """Warnings as plain data.

    Parameters
    ----------
    warnings : iterable of str
        Sentences, some of which are `Caution` and carry their code.
    code : str
        That of the others.

    Returns
    -------
    list of dict
        ``code`` and ``text`` of each.

    Examples
    --------
    >>> warning_items(["Few views."], "poses")
    [{'code': 'poses', 'text': 'Few views.'}]
    """
    return [{"code": getattr(text, "code", code), "text": str(text)} for text in warnings]


def json_ready(value: Any) -> Any:
    """The same data with None for NaN and infinity, which JSON doesn't know.

    Parameters
    ----------
    value : dict, list, number or str
        E.g. of `summary_dict`.

    Returns
    -------
    dict, list, number, str or None
        Fit for `json.dumps` with ``allow_nan=False``.

    Examples
    --------
    >>> json_ready({"resolution_angstrom": float("nan")})
    {'resolution_angstrom': None}
    """
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table_rows(r: Analysed) -> list[tuple[str, str]]:
    """The rows of the tables: name and value in words.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    list of tuple
        (name, value), plain text.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> table_rows(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))[0][0]
    'Global FSC = 0.143'
    """
    text = {name: crossing_text(c, r.global_fsc.frequency) for name, c in _crossings(r).items()}
    rows = [
        ("Global FSC = 0.143", text["fsc_0.143"]),
        ("Global FSC = 0.5", text["fsc_0.5"]),
        ("FSO = 0.9 (onset of the transition zone)", text["fso_0.9"]),
        ("FSO = 0.5 (FSO resolution)", text["fso_0.5"]),
        ("FSO = 0.1 (end of the transition zone)", text["fso_0.1"]),
    ]
    for name, (low, high) in r.bingham.ranges.items():
        found = math.isfinite(low)
        rows.append((BINGHAM_CURVES[name].rule, f"{low:.2f} - {high:.2f} Å" if found else "no range"))
    return rows + _added_rows(r) + _direction_rows(r) + _settings_rows(r)


def _direction_rows(r: Analysed) -> list[tuple[str, str]]:
    d = r.directional_resolution
    s = resolution_statistics(d)
    rows = [("Directional resolution, 5 / 50 / 95 %", " / ".join(percentile_texts(r)))]
    if s.n_crossed:
        rows.append(("Directional resolution, mean ± sd", f"{s.mean:.2f} ± {s.sd:.2f} Å"))
    regions: DirectionRegions | None = getattr(r, "regions", None)
    if regions is not None:
        rows += [("Best region", _region_text(regions.best)), ("Worst region", _region_text(regions.worst))]
        if math.isfinite(regions.effect_ratio):
            rows.append(("Worst over best", _spanned(regions.effect_ratio, " : 1", regions.effect_interval)))
    noise: NoiseEvenness | None = getattr(r, "noise_evenness", None)
    if noise is not None and math.isfinite(noise.p_value):
        if math.isfinite(noise.ratio):  # not of filtered half maps
            rows.append(("Noise, noisiest over quietest", _spanned(noise.ratio, " : 1", noise.interval)))
        rows.append(("Evenness of the noise", f"{p_text(noise.p_value)} (small: views are uneven)"))
    ends = f"{s.n_not_crossed} reach Nyquist, {s.n_no_signal} without signal"
    early = f"; {s.n_early} first crossed much earlier" if s.n_early else ""
    rows.append(("Axes", f"{s.n_crossed} crossed, {ends}{early}"))
    return rows


def _region_text(region: DirectionRegion) -> str:
    if not math.isfinite(region.zenith):
        return "no signal"
    known = math.isfinite(region.resolution)
    value = _spanned(region.resolution, " Å", region.interval) if known else "no signal"
    return f"{'Nyquist, ' if region.reaches_nyquist else ''}{value}, {region_words(region)}"


def _spanned(value: float, unit: str, interval: tuple[float, float]) -> str:
    """A value with its interval, if that is known."""
    low, high = interval
    span = f" ({low:.2f}-{high:.2f})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{value:.2f}{unit}{span}"


def _settings_rows(r: Analysed) -> list[tuple[str, str]]:
    s = r.settings
    extras = f", {s.weighting} weights, {s.method} sums" + (f", parity {s.parity}" if s.parity else "")
    return [
        ("Maps", f"{box_text(s.box)} of {s.voxel_size:g} Å, mask: {s.mask}"),
        ("Symmetry", s.symmetry if s.symmetry != "C1" else "C1 assumed"),
        ("Settings", f"cones of {s.cone_half_angle:g}°, chi {s.threshold:g}, {s.n_axes} axes{extras}"),
    ]


def terminal_table(r: Analysed) -> Any:
    """Headline, numbers and warnings for a terminal.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    rich.console.Group
        Print it with a `rich.console.Console`.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> type(terminal_table(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))).__name__
    'Group'
    """
    from rich import box
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column("what", ratio=2)
    table.add_column("value", ratio=3)
    for name, value in table_rows(r):
        table.add_row(Text(name), Text(value))
    parts: list[RenderableType] = [Text(headline(r), style="bold"), table]
    parts += [Text(f"! {warning}", style="yellow") for warning in r.warnings]
    return Group(*parts)


def html_table(r: Analysed) -> str:
    """Headline, numbers and warnings as HTML that fits light and dark pages.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    str
        One div, everything escaped.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> html_table(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).startswith("<div")
    True
    """
    rows = "".join(
        "<tr>"
        f'<th scope="row" style="text-align:left;font-weight:normal;padding:2px 12px 2px 0">{html.escape(name)}</th>'
        f'<td style="text-align:left;padding:2px 0">{html.escape(value)}</td>'
        "</tr>"
        for name, value in table_rows(r)
    )
    items = "".join(f"<li>{html.escape(warning)}</li>" for warning in r.warnings)
    warnings = f'<p style="margin:0.5em 0 0">Warnings:</p><ul style="margin:0">{items}</ul>' if items else ""
    steps = steps_html(r)
    now = f'<p style="margin:0.5em 0 0">What now?</p>{steps}' if steps else ""
    return (
        '<div class="cryoaniso-summary" style="color:inherit;background:none">'
        f"<p><b>{html.escape(headline(r))}</b></p>"
        f'<table style="border-collapse:collapse;color:inherit">{rows}</table>{warnings}{now}</div>'
    )
