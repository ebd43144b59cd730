"""One pair of a survey: opened, analyzed, written to its folder; done once for the same files and settings."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.result import AnalysisResult
from ..analysis.run import analyze
from ..engine.execution import Execution
from ..errors import Cancelled, CryoAnisoError, MapError, OutputError
from ..inputs.emdb import NoEntryError, NoHalfMapsError, fetch_emdb, fitting_mask
from ..inputs.emdb_cache import forget_passing, mark_passing
from ..inputs.half_maps import hash_files, open_half_maps
from ..outputs.folder import write_analysis
from ..results.cautions import Caution
from ..results.ownership import protected
from ..results.types import InputFile
from ..results.writing import written_folder
from ..summary.tables import json_ready, warning_items
from .columns import ABSENT, DONE, FAILED, NO_ENTRY, NO_HALF_MAPS
from .pair_page import pair_page
from .pairs import Pair

__all__ = ["KEPT", "Job", "curves_of", "kept_of", "survey_pair", "tidy"]

KEPT = "survey.json"  # what a survey keeps of a pair, in the pair's folder
FORMAT = 1
CURVE_POINTS = 64  # of the small curves in the index
ASK_AGAIN = 30 * 86_400.0  # seconds until EMDB is asked again for half maps that it didn't have
LARGEST_KEPT = 16 * 2**20  # bytes; ours have some 10 kB

_log = logging.getLogger("cryoaniso_nb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is done with one pair.

    Attributes
    ----------
    pair : Pair
        The pair.
    out : Path
        Folder of the survey.
    settings : dict
        Arguments of `analyze`.
    symmetry : str or None
        Point group where neither the pair nor its EMDB entry tells one.
    use_masks : bool
        Whether an EMDB entry's own mask is used.
    compact : bool
        Whether the result is kept without what other cones are cut from.
    keep_maps : bool
        Whether what is fetched from EMDB stays in the cache.
    fetch : dict
        Arguments of `fetch_emdb`.
    """

    pair: Pair
    out: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    symmetry: str | None = None
    use_masks: bool = True
    compact: bool = False
    keep_maps: bool = False
    fetch: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its results go."""
        return self.out / self.pair.folder

    def wanted(self) -> dict[str, Any]:
        """What decides the result besides the files, as plain data."""
        pair = self.pair
        asked = {**self.settings, "symmetry": pair.symmetry or self.symmetry, "voxel_size": pair.voxel_size}
        asked |= {"mask": "auto" if pair.mask == "auto" else None, "emdb": pair.emdb, "compact": self.compact}
        asked |= {"masks": self.use_masks} if pair.emdb is not None else {}
        return json.loads(json.dumps(asked))  # type: ignore[no-any-return]


def _files(pair: Pair) -> dict[str, Path]:
    """A pair's files by role, as far as they are known."""
    named = {"half1": pair.half1, "half2": pair.half2, "mask": pair.mask, "poses": pair.poses}
    return {role: path for role, path in named.items() if isinstance(path, Path)}


# --- what was done before ----------------------------------------------------------------


def kept_of(job: Job, *, unchanged: bool = True) -> dict[str, Any] | None:
    """What an earlier run kept of a pair, if it was the same pair.

    Parameters
    ----------
    job : Job
        The pair and its settings.
    unchanged : bool
        Whether to trust files whose size and time of change are as they were; otherwise, and
        where these differ, their SHA-256 decides.

    Returns
    -------
    dict or None
        What was kept; None where files or settings differ, or nothing was kept.
    """
    data = _read(job.folder / KEPT)
    if data is not None and data["status"] in ABSENT:
        fresh = time.time() - float(data["asked"]) < ASK_AGAIN and data["pair"].get("emdb") == job.pair.emdb
        return {**data, "name": job.pair.name, "folder": job.pair.folder, "before": True} if fresh else None
    if data is None or data["wanted"] != job.wanted() or not (job.folder / "result.npz").is_file():
        return None
    if job.pair.emdb is None:
        files = _files(job.pair)
        if set(files) != {held["role"] for held in data["files"]}:
            return None
        if not all(_is_same(held, files[held["role"]], unchanged) for held in data["files"]):
            return None
    pair = data["pair"] if job.pair.emdb is not None else _plain(job.pair, job.symmetry)
    return {**data, "name": job.pair.name, "folder": job.pair.folder, "pair": pair, "before": True}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > LARGEST_KEPT:
            return None
        data = json.loads(path.read_bytes())
        if data["format"] == FORMAT and data["status"] in ABSENT:
            return {**data, "asked": float(data["asked"]), "pair": dict(data["pair"])}
        known = data["format"] == FORMAT and data["status"] == DONE
        held = [{"role": str(item["role"]), "sha256": str(item["sha256"]), **item} for item in data["files"]]
        return {**data, "files": held} if known and isinstance(data["summary"], dict) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _is_same(held: Mapping[str, Any], path: Path, unchanged: bool) -> bool:
    try:
        if unchanged and held.get("path") == str(path.absolute()) and held.get("stamp") == _stamp(path):
            return True
        return bool(held.get("stamp", [0])[0] == path.stat().st_size and held["sha256"] == _digest(path))
    except (OSError, CryoAnisoError):
        return False


def _digest(path: Path) -> str:
    return hash_files([InputFile(role="", name=path.name)], [path])[0].sha256


# --- done now ----------------------------------------------------------------------------


def survey_pair(job: Job, execution: Execution) -> dict[str, Any]:
    """Analyze a pair and write its folder; what goes wrong is a reason, not an error.

    Parameters
    ----------
    job : Job
        The pair and its settings.
    execution : Execution
        Where to compute, what stops it.

    Returns
    -------
    dict
        What is kept of the pair: plain data, fit for JSON.

    Raises
    ------
    Cancelled
        When ``execution.cancel`` was set.
    """
    data = _tried(job, execution)
    tidy(job, failed=data["status"] == FAILED)
    return data


def tidy(job: Job, *, failed: bool = False) -> None:
    """Delete what was fetched for a pair that is finished; after `Cancelled` it stays for the next run.

    Parameters
    ----------
    job : Job
        The pair.
    failed : bool
        Whether it will be tried again: then a transfer that was cut stays too.
    """
    if job.pair.emdb is not None and not job.keep_maps:
        with contextlib.suppress(CryoAnisoError):  # the next run tries again
            forget_passing(job.pair.emdb, cache=job.fetch.get("cache"), whole=failed)


def _tried(job: Job, execution: Execution) -> dict[str, Any]:
    status = FAILED
    try:
        return kept_of(job, unchanged=False) or _done(job, execution)
    except Cancelled:
        raise
    except (NoHalfMapsError, NoEntryError) as error:
        status, reason = NO_HALF_MAPS if isinstance(error, NoHalfMapsError) else NO_ENTRY, str(error)
    except CryoAnisoError as error:
        reason = str(error)
    except MemoryError:
        reason = "There is not enough memory for it; survey it alone, on a machine with more."
    except Exception as error:  # a fault of ours must not end a survey of thousands
        _log.exception("the pair %s failed", job.pair.name)
        reason = f"Unexpected {type(error).__name__}: {error}"
    row = {
        "format": FORMAT,
        "name": job.pair.name,
        "folder": job.pair.folder,
        "status": status,
        "reason": reason,
        "pair": _plain(job.pair, job.symmetry),
    }
    if status in ABSENT:
        row["asked"] = time.time()
        _keep(job.folder, row)
    return row


def _keep(folder: Path, row: Mapping[str, Any]) -> None:
    """Note that there was nothing to analyze; results of an earlier run stay."""
    if (folder / "result.npz").exists():
        return
    with contextlib.suppress(OutputError), written_folder(folder, overwrite=True) as new:
        (new / KEPT).write_text(json.dumps(row, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _plain(pair: Pair, symmetry: str | None) -> dict[str, Any]:
    files = {role: str(path.absolute()) for role, path in _files(pair).items()}
    return {**files, "symmetry": pair.symmetry or symmetry, "voxel_size": pair.voxel_size, "emdb": pair.emdb}


def _done(job: Job, execution: Execution) -> dict[str, Any]:
    if job.pair.problem:
        raise MapError(job.pair.problem)
    pair = _with_maps(job, execution)
    files = _files(pair)
    with protected(files.values()):
        stamps = {role: _stamp_of(path) for role, path in files.items()}
        maps = open_half_maps(
            files["half1"], files["half2"], mask=pair.mask, voxel_size=pair.voxel_size, execution=execution
        )
        result = analyze(maps, execution=execution, **{**job.settings, "symmetry": pair.symmetry or "C1"})
        inputs = hash_files([InputFile(role=role, name=p.name) for role, p in files.items()], list(files.values()))
        changed = next((path for role, path in files.items() if _stamp_of(path) != stamps[role]), None)
        if changed is not None:
            raise MapError(f"{changed} has changed while it was read; survey it again once it is complete.")
        result = result.replace(inputs=tuple(item for item in inputs if item.role != "poses"))
        metrics, doubts = _metrics(result, pair)
        kept: dict[str, Any] = json_ready(
            {
                "format": FORMAT,
                "status": DONE,
                "name": pair.name,
                "folder": pair.folder,
                "wanted": job.wanted(),
                "files": [
                    {"role": i.role, "path": str(files[i.role].absolute()), "stamp": stamps[i.role], "sha256": i.sha256}
                    for i in inputs
                ],
                "pair": _plain(pair, None),
                "summary": result.summary(),
                "metrics": metrics,
                "curves": curves_of(result),
                "warnings": warning_items((*result.warnings, *pair.notes, *doubts)),
            }
        )
        _write(job, result, kept)
    return kept


def _with_maps(job: Job, execution: Execution) -> Pair:
    """The pair with its files, fetched from EMDB if need be."""
    pair = job.pair
    if pair.emdb is None:
        return replace(pair, symmetry=pair.symmetry or job.symmetry)
    if not job.keep_maps:
        mark_passing(pair.emdb, cache=job.fetch.get("cache"))
    found = fetch_emdb(pair.emdb, execution=execution, **job.fetch)
    mask, notes = pair.mask, pair.notes
    if mask is None and job.use_masks and found.mask is not None:
        mask, doubts = fitting_mask(found)
        notes += doubts
    symmetry = pair.symmetry or found.entry.symmetry or job.symmetry
    return replace(pair, half1=found.half1, half2=found.half2, mask=mask, symmetry=symmetry, notes=notes)


def _write(job: Job, result: AnalysisResult, kept: Mapping[str, Any]) -> None:
    def write_kept(path: Path) -> None:
        path.write_text(json.dumps(kept, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def write_page(path: Path) -> None:
        path.write_text(pair_page(result, kept), encoding="utf-8")

    write_analysis(
        _compact(result) if job.compact else result,
        job.folder,
        overwrite=True,
        figure=False,
        extra_files={"index.html": write_page, KEPT: write_kept},
    )


def _compact(result: AnalysisResult) -> AnalysisResult:
    """A seventh of the bytes: no histogram to cut other cones from, and single precision, which loads as double."""
    dfsc, noise = result.dfsc, result.noise
    return result.replace(
        histogram=None,
        dfsc=dfsc.replace(values=_single(dfsc.values), n_eff=_single(dfsc.n_eff)),
        noise=None if noise is None else noise.replace(values=_single(noise.values)),
    )


def _single(values: NDArray[np.float64]) -> Any:
    return values.astype(np.float32)


def _stamp_of(path: Path) -> list[int]:
    try:
        return _stamp(path)
    except OSError as error:
        raise MapError(f"Can't read {path}: {(error.strerror or str(error)).lower()}; check the path.") from error


def _metrics(result: AnalysisResult, pair: Pair) -> tuple[dict[str, float], list[Caution]]:
    """Further measures, and what odd poses gave instead of any."""
    shape = result.sphericity()
    found = {"sphericity": shape.value}
    if result.histogram is not None:
        ratio = result.cfar()
        found |= {"area_ratio": ratio.ratio, "area_ratio_5_95": ratio.robust}
    if pair.poses is None:
        return found, []
    from ..inputs.poses import read_poses
    from ..measures.sampling_compensation import scf

    try:
        poses = read_poses(pair.poses)
        sampling = scf(poses, symmetry=pair.symmetry or "C1")
    except CryoAnisoError as error:
        return found, [Caution("poses", f"There is no SCF: {error}")]
    found |= {"scf": sampling.scf, "scf_star": sampling.scf_star, "unsampled": sampling.f0, "n_views": len(poses)}
    doubts = dict.fromkeys((*poses.warnings, *sampling.warnings))
    return found, [Caution("poses", str(doubt)) for doubt in doubts]


def curves_of(result: AnalysisResult) -> dict[str, list[float | None]]:
    """FSO and FSC at a few shells, for a small picture.

    Parameters
    ----------
    result : AnalysisResult
        Of a map.

    Returns
    -------
    dict
        ``fso``, ``fsc``, and ``x``, the share of Nyquist.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> curves_of(ca.analyze(ca.simulate_half_maps(box=32, seed=0), n_axes=6))["x"][-1]
    1.0
    """
    shells = len(result.global_fsc.frequency)
    some = np.unique(np.linspace(0, shells - 1, min(shells, CURVE_POINTS)).round().astype(int))
    return {
        "x": ((some + 1) / shells).round(4).tolist(),
        "fso": result.fso.occupancy[some].round(3).tolist(),
        "fsc": result.global_fsc.fsc[some].round(3).tolist(),
    }
