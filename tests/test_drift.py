"""Numbers of today's program against recorded ones: no number changes unnoticed.

``make record BECAUSE="words of the changelog"`` writes new numbers into ``data/recorded_numbers.json``. Tolerances are
in that file too; they are above what other versions of the libraries and other machines change.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from real_data import ROOT, real_data_folder

import cryoaniso_nb as ca

RECORDED = Path(__file__).parent / "data" / "recorded_numbers.json"
REFERENCE = RECORDED.parent / "reference"
CHANGELOG = ROOT / "CHANGELOG.md"

Numbers = dict[str, Any]


def numbers_of(value: Any, name: str = "") -> Numbers:
    """Numbers, flags and codes in a result, by their place; arrays as mean and sd of what is known, and its share."""
    if isinstance(value, np.ndarray):
        known = value[np.isfinite(value)].astype(float) if value.dtype.kind in "biuf" else np.zeros(0)
        found = {"known": known.size / max(value.size, 1)}
        if known.size:
            found |= {"mean": known.mean(), "sd": known.std()}
        return {f"{name}.{key}": float(part) for key, part in found.items()}
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        parts = [numbers_of(part, f"{name}.{key}".lstrip(".")) for key, part in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [numbers_of(part, f"{name}.{i}") for i, part in enumerate(value)]
    elif isinstance(value, (bool, int, type(None), np.bool_, np.integer)):
        return {name: None if value is None else int(value)}
    elif isinstance(value, (float, np.floating)):
        return {name: float(value) if math.isfinite(value) else str(float(value))}
    elif isinstance(value, str) and " " not in value:
        return {name: value}
    else:  # sentences, which hold numbers that are here already
        return {}
    return {key: part for some in parts for key, part in some.items()}


def numbers_of_analysis(result: ca.AnalysisResult, **more: Any) -> Numbers:
    """What a user reads, and the curves and tests behind it."""
    summary = result.summary()
    summary["warnings"] = [{"code": entry["code"]} for entry in summary["warnings"]]
    for key in ("inputs", "version"):
        del summary[key]
    parts = ("global_fsc", "dfsc", "fso", "bingham", "directional_resolution", "calibration", "band", "mask_correction")
    return numbers_of({"summary": summary, **{part: getattr(result, part) for part in parts}, **more})


# --- inputs ------------------------------------------------------------------------------

HALVES = "half1.mrc", "half2.mrc"


def isotropic(_: Path) -> Numbers:
    maps = ca.simulate_half_maps(box=40, voxel_size=1.5, preset="isotropic", seed=3)
    return numbers_of_analysis(ca.analyze(maps, n_axes=81, calibrate=39, band=39, seed=1), truth=maps.truth)


def missing_top_views(_: Path) -> Numbers:
    maps = ca.simulate_half_maps(box=48, voxel_size=2.0, preset="missing-top-views", seed=1)
    result = ca.analyze(maps, cone_half_angle=20)
    more = {"cfar": result.cfar(), "signal": result.relative_signal(), "sphericity": result.sphericity()}
    return numbers_of_analysis(result, **more)


def particle_with_symmetry(_: Path) -> Numbers:
    made = ca.simulate_half_maps(box=45, preset="missing-cone", seed=2, cause="particle")
    halves = (sum(np.rot90(half, turn, (1, 2)) for turn in range(4)) / 4 for half in (made.half1, made.half2))
    maps = ca.open_half_maps(*halves, voxel_size=1.0)
    return numbers_of_analysis(ca.analyze(maps, symmetry="C4", calibrate=39, n_axes=81, threshold=0.2))


def three_sides_and_a_mask(_: Path) -> Numbers:
    made = ca.simulate_half_maps(box=(36, 40, 44), preset="missing-side-views", seed=5)
    mask = ca.soft_mask(ca.sphere_mask((36, 40, 44), 10.0), edge=4)
    maps = ca.open_half_maps(made.half1, made.half2, mask=mask, voxel_size=1.2)
    return numbers_of_analysis(ca.analyze(maps, correct_mask=True, n_axes=81))


def anisotropic_reference(_: Path) -> Numbers:
    maps = ca.open_half_maps(REFERENCE / "aniso_64_half1.mrc", REFERENCE / "aniso_64_half2.mrc")
    return numbers_of_analysis(ca.analyze(maps, parity="xmipp"))


def isotropic_reference(_: Path) -> Numbers:
    maps = ca.open_half_maps(REFERENCE / "iso_64_half1.mrc", REFERENCE / "iso_64_half2.mrc", mask="auto")
    return numbers_of_analysis(ca.analyze(maps, method="exact", n_axes=81), mask=maps.mask)


def volumes_and_filters(_: Path) -> Numbers:
    maps = ca.open_half_maps(REFERENCE / "aniso_64_half1.mrc", REFERENCE / "aniso_64_half2.mrc")
    result = ca.analyze(maps, n_axes=81)
    ours = result.threedfsc()
    theirs = result.threedfsc("tan2017", maps=maps)
    return numbers_of(
        {
            "project": ours.volume,
            "project sphericity": ca.sphericity(ours),
            "tan2017": theirs.volume,
            "tan2017 sphericity": ca.sphericity(theirs),
            "anisotropic": ca.anisotropic_filter(maps, ours),
            "isotropic": ca.isotropic_filter(maps, 0.2),
        }
    )


def views_and_tilt(_: Path) -> Numbers:
    views = np.random.default_rng(8).normal(size=(3000, 3)) * (1, 1, 0.25)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    result = ca.analyze(ca.simulate_half_maps(box=40, preset="missing-top-views", seed=6), n_axes=81)
    advice = ca.tilt_advice(views, result)
    return numbers_of({"scf": ca.scf(views), "advice": advice, "agreement": ca.pose_agreement(views, result)})


def microtubule(data: Path) -> Numbers:
    folder = data / "microtubule_wedge_48"
    maps = ca.open_half_maps(*(folder / name for name in HALVES), mask="auto")
    return numbers_of_analysis(ca.analyze(maps), mask=maps.mask)


def ribosome(data: Path) -> Numbers:
    folder = data / "real" / "ribosome_32"
    maps = ca.open_half_maps(*(folder / name for name in HALVES), mask=folder / "sphere.mrc")
    return numbers_of_analysis(ca.analyze(maps, correct_mask=True, calibrate=39, n_axes=81))


def map_and_model(data: Path) -> Numbers:
    folder = data / "real"
    result = ca.analyze_against_model(folder / "3j06_box.ccp4", folder / "3j06.pdb", n_axes=81)
    return numbers_of_analysis(result, even_noise=result.even_noise)


def relion_views(data: Path) -> Numbers:
    poses = ca.read_poses(data / "betagal_relion_tutorial_particles.star")
    return numbers_of({"scf": ca.scf(poses, symmetry="D2"), "views": poses.views})


def cryosparc_views(data: Path) -> Numbers:
    poses = ca.read_poses(data / "t20s_EMPIAR10025_J209_it000_particles.cs")
    return numbers_of({"scf": ca.scf(poses, symmetry="D7"), "views": poses.views})


SYNTHETIC: tuple[Callable[[Path], Numbers], ...] = (
    isotropic,
    missing_top_views,
    particle_with_symmetry,
    three_sides_and_a_mask,
    anisotropic_reference,
    isotropic_reference,
    volumes_and_filters,
    views_and_tilt,
)
REAL = (microtubule, ribosome, map_and_model, relion_views, cryosparc_views)


# --- comparison --------------------------------------------------------------------------


def changes(case: str, recorded: Numbers, today: Numbers, tolerances: Mapping[str, tuple[float, float]]) -> list[str]:
    """What differs by more than its tolerance: relative and absolute, of the first pattern that fits."""
    said = []
    for name in [*recorded, *(name for name in today if name not in recorded)]:
        old, new = (numbers.get(name, "nothing") for numbers in (recorded, today))
        relative, absolute = next(found for pattern, found in tolerances.items() if fnmatch(f"{case}.{name}", pattern))
        same = old == new
        if not same and isinstance(old, (int, float)) and isinstance(new, (int, float)):
            same = math.isclose(old, new, rel_tol=relative, abs_tol=absolute)
        if not same:
            said.append(f"{name}: {old} was recorded, it is {new}")
    return said


def compare(case: Callable[[Path], Numbers]) -> None:
    known = json.loads(RECORDED.read_text(encoding="utf-8"))
    found = changes(case.__name__, known["numbers"][case.__name__], case(real_data_folder()), known["tolerances"])
    if found:
        pytest.fail(
            f"{len(found)} numbers of '{case.__name__}' changed. If they were meant to: a line in CHANGELOG.md, then "
            'make record BECAUSE="words of that line".\n' + "\n".join(found[:20])
        )


@pytest.mark.parametrize("case", SYNTHETIC, ids=lambda case: case.__name__)
def test_numbers_are_those_recorded(case: Callable[[Path], Numbers]) -> None:
    compare(case)


@pytest.mark.parametrize("case", REAL, ids=lambda case: case.__name__)
def test_numbers_of_real_data_are_those_recorded(case: Callable[[Path], Numbers], shared_data: Path) -> None:
    compare(case)


def test_every_input_is_recorded_and_the_changelog_says_why_numbers_changed() -> None:
    known = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert list(known["numbers"]) == [case.__name__ for case in (*SYNTHETIC, *REAL)]
    assert all(len(numbers) >= 10 for numbers in known["numbers"].values())
    assert known["because"] in CHANGELOG.read_text(encoding="utf-8")


def test_a_changed_number_a_new_one_and_one_that_is_gone_are_told() -> None:
    old: Numbers = {"a": 1.0, "b": 0.001, "c": "views", "d": 3, "e": None}
    tolerances = {"*.b": (0.0, 0.01), "*": (1e-3, 0.0)}
    assert changes("x", old, {**old, "a": 1.0005, "b": 0.009}, tolerances) == []
    assert len(changes("x", old, {**old, "a": 1.002, "b": 0.02, "c": "", "d": 4, "e": 0.0}, tolerances)) == 5
    assert changes("x", {"a": 1.0}, {"f": 1.0}, tolerances) == [
        "a: 1.0 was recorded, it is nothing",
        "f: nothing was recorded, it is 1.0",
    ]


# --- renewal -----------------------------------------------------------------------------


def renew(because: str) -> None:
    """Write the numbers that changed; those of real data stay where these are not at hand."""
    if not because.strip() or because not in CHANGELOG.read_text(encoding="utf-8"):
        sys.exit("Changed numbers are a line in CHANGELOG.md: write it, then give its words as BECAUSE.")
    known = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.is_file() else {}
    tolerances = known.get("tolerances", {"*": [1e-3, 1e-6]})
    written: dict[str, Numbers] = {}
    for case in (*SYNTHETIC, *REAL):
        recorded = known.get("numbers", {}).get(case.__name__, {})
        if case in REAL and not real_data_folder().is_dir():
            written[case.__name__] = recorded
            continue
        today = {
            name: float(f"{value:.7g}") if isinstance(value, float) else value
            for name, value in case(real_data_folder()).items()
        }
        found = changes(case.__name__, recorded, today, tolerances)
        written[case.__name__] = today if found else recorded
        print(f"{case.__name__}: {len(found)} of {len(today)} numbers changed")
    document = {"because": because, "tolerances": tolerances, "numbers": written}
    RECORDED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew(sys.argv[1] if len(sys.argv) > 1 else "")
