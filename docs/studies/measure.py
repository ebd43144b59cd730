"""What the analysis makes of a pair, beside the truth: one flat row of numbers a map."""

from __future__ import annotations

from typing import Any

import numpy as np

import cryoaniso_nb as ca

from .pairs import Case, Pair, make
from .truth import Truth

Row = dict[str, Any]
ALONE = ca.Execution("synchronous")
LEVELS = (0.9, 0.5, 0.1)


def open_pair(pair: Pair) -> ca.HalfMaps:
    """The pair as the package opens it, without its truth."""
    return ca.open_half_maps(pair.half1, pair.half2, mask=pair.mask, voxel_size=pair.voxel_size)


def analyze_pair(pair: Pair, seed: int, **more: Any) -> ca.AnalysisResult:
    """Analyze a pair with its symmetry told and all tests."""
    return ca.analyze(
        open_pair(pair),
        calibrate=99,
        symmetry=pair.group,
        seed=seed,
        correct_mask=pair.mask is not None,
        execution=ALONE,
        **more,
    )


def verdict_row(case: Case, seed: int) -> Row:
    """Make a pair, analyze it, compare everything with the truth."""
    pair = make(case, seed)
    return row_of(analyze_pair(pair, seed), pair.truth)


def row_of(result: Any, truth: Truth) -> Row:
    """Numbers of a result beside the truth. Shells and Å as named; NaN where unknown."""
    summary = result.summary()
    return {
        **_answers(result, summary, truth),
        **_directions(result, truth),
        **_extremes(result, truth),
        **_occupancy(result, truth),
        **_shell_tests(result),
    }


def _pair_of(values: Any) -> list[float]:
    """Two numbers; NaN for what isn't given."""
    if values is None:
        return [float("nan")] * 2
    return [float("nan") if value is None else float(value) for value in values]


def _answers(result: Any, summary: Row, truth: Truth) -> Row:
    """The three answers and their truths."""
    noise, regions, chance = result.noise_evenness, result.regions, result.chance
    calibration = result.calibration
    return {
        "cause": summary["verdict"]["cause"],
        "reason": summary["verdict"]["reason"],
        "effect_ratio": regions.effect_ratio,
        "effect_low": regions.effect_interval[0],
        "effect_high": regions.effect_interval[1],
        "true_effect": truth.region_effect,
        "true_percentile_effect": truth.percentile_effect,
        "noise_p_value": noise.p_value,
        "noise_ratio": noise.ratio,
        "noise_low": noise.interval[0],
        "noise_high": noise.interval[1],
        "noise_sign": noise.sign,
        "filtered": bool(noise.filtered),
        "true_noise_ratio": truth.noise_ratio,
        "dfsc_p_value": chance.p_value,
        "difference_p_value": chance.p_difference,
        "bingham_p_value": float("nan") if calibration is None else calibration.map_p_value,
    }


def shells_of(resolution: np.ndarray, truth: Truth) -> np.ndarray:
    """Å to shells."""
    return np.asarray(truth.box * truth.voxel_size / resolution)


def _directions(result: Any, truth: Truth) -> Row:
    """Errors of directional resolution over the axes, in shells, and coverage of its intervals."""
    found = result.directional_resolution
    measured = shells_of(np.asarray(found.resolution), truth)
    true = np.where(truth.state == "nyquist", truth.box / 2, truth.crossing)
    known = np.isfinite(true)
    reached = np.asarray(found.flag) == 1  # up to Nyquist
    measured = np.where(reached, truth.box / 2, measured)
    error = (measured - true)[known & np.isfinite(measured)]
    row = {
        "axes_known": int(known.sum()),
        "axes_lost": int((known & ~np.isfinite(measured)).sum()),
        "shells_bias": float(error.mean()) if error.size else float("nan"),
        "shells_square": float((error**2).mean()) if error.size else float("nan"),
    }
    band = getattr(result, "band", None)
    if band is not None:
        low, high = shells_of(band.resolution_low, truth), shells_of(band.resolution_high, truth)
        inside = (low <= true) & (true <= np.nan_to_num(high, nan=np.inf))
        row["axes_covered"] = int((inside & known).sum())
    return row


def _extremes(result: Any, truth: Truth) -> Row:
    """Worst and best region: resolution in Å, interval, angle in degrees to the true region."""
    row: Row = {}
    for name in ("worst", "best"):
        found, true = getattr(result.regions, name), getattr(truth, name)
        zenith, azimuth = np.deg2rad([found.zenith, found.azimuth])
        axis = np.array([np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)])
        angles = np.rad2deg(np.arccos(np.clip(np.abs(true.members @ axis), 0, 1)))
        row |= {
            name: found.resolution,
            f"{name}_low": min(found.interval),
            f"{name}_high": max(found.interval),
            f"{name}_angle": float(np.abs(90 - angles if found.kind == "girdle" else angles).min()),
            f"{name}_region": found.region_degrees,
            f"true_{name}": true.angstrom,
        }
    return row


def _occupancy(result: Any, truth: Truth) -> Row:
    """Crossings of FSO in shells, measured, expected with noise, ideal, and the band's intervals."""
    fso, band, row = result.fso, getattr(result, "band", None), {}
    for level, crossing, name in zip(LEVELS, (fso.onset, fso.middle, fso.end), ("onset", "middle", "end"), strict=True):
        row |= {
            f"fso_{level}": float(shells_of(crossing.resolution, truth)),
            f"true_fso_{level}": truth.fso_crossing(level),
            f"ideal_fso_{level}": truth.fso_crossing(level, expected=False),
        }
        if band is not None:
            low, high = _pair_of(getattr(band, name))
            row |= {
                f"fso_{level}_low": float(shells_of(low, truth)),
                f"fso_{level}_high": float(shells_of(high, truth)),
            }
    if band is not None:
        curves = {"fso": fso.occupancy, "band_low": band.low, "band_high": band.high}
        row |= {name: np.round(curve, 4).tolist() for name, curve in curves.items()}
    return row


def _shell_tests(result: Any) -> Row:
    """How many shells of the transition zone each p-value of the Bingham test rejects."""
    fso, bingham = result.fso, result.bingham
    if bingham.p_calibrated is None:
        return {}
    end = np.nan_to_num(fso.end.frequency, nan=np.inf)
    zone = (fso.frequency >= fso.onset.frequency) & (fso.frequency <= end) & np.isfinite(bingham.p_calibrated)
    return {
        "zone_shells": int(zone.sum()),
        "textbook_rejected": int((bingham.p_textbook[zone] < 0.05).sum()),
        "published_rejected": int((bingham.p_published[zone] > 0.95).sum()),
        "calibrated_rejected": int((bingham.p_calibrated[zone] <= 0.05).sum()),
    }
