"""The files of an analysis: a folder of tables, numbers, figures and the result, all or nothing."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import OutputError
from .results import ResolutionFlag
from .summary import json_ready
from .writing import reason

if TYPE_CHECKING:
    from .analysis import AnalysisResult

__all__ = ["check_output", "output_folder", "write_analysis", "write_table"]

Writer = Callable[[Path], object]

_MARK = "summary.json"  # what tells a folder of ours from somebody's home
_PACKAGES = ("numpy", "scipy", "numba", "dask", "mrcfile")


def write_analysis(
    result: AnalysisResult,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    figure: bool = True,
    extra_files: Mapping[str, Writer] | None = None,
) -> Path:
    """Write curves, directions, summary, figure and result to a new folder.

    Everything goes to a temporary folder beside `out`, which takes its name once it is
    complete: whatever stops the writing leaves nothing behind.

    Parameters
    ----------
    result : AnalysisResult
        From `analyze`.
    out : path
        Folder to make; missing folders above it are made too.
    overwrite : bool
        Whether an existing folder of an earlier analysis may be replaced.
    figure : bool
        Whether to draw figure.png and figure.svg.
    extra_files : mapping of str to callable, optional
        File name -> function that is given the path and writes it.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        When the folder exists, isn't one of an analysis, or can't be written.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = write_analysis(result, f"{folder}/out", figure=False)
    ...     sorted(path.name for path in out.iterdir())
    ['curves.csv', 'directional_resolution.csv', 'result.npz', 'summary.json']
    """
    with output_folder(out, overwrite=overwrite) as folder:
        write_table(folder / "curves.csv", *_curves(result))
        write_table(folder / "directional_resolution.csv", *_directions(result))
        summary = {**result.summary(), "versions": _versions()}
        text = json.dumps(json_ready(summary), indent=2, allow_nan=False, ensure_ascii=False)
        (folder / _MARK).write_text(text + "\n", encoding="utf-8")
        result.save(folder / "result.npz")
        if figure:
            _draw(result, folder)
        for name, writer in (extra_files or {}).items():
            writer(folder / name)
    return Path(out)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file with a header row; what is NaN or None stays empty.

    Parameters
    ----------
    path : path
        Where to.
    columns : sequence of str
        The header row.
    rows : iterable of sequence
        Numbers and text, as many as there are columns.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(Path(folder, "t.csv"), ["shell", "fsc"], [(1, 0.5), (2, float("nan"))])
    ...     Path(folder, "t.csv").read_text().split()
    ['shell,fsc', '1,0.5', '2,']
    """
    with open(path, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows([_field(value) for value in row] for row in rows)


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):  # also numpy's float64
        return f"{value:.9g}" if math.isfinite(value) else ""
    return str(value)


def _curves(result: AnalysisResult) -> tuple[list[str], Iterable[Sequence[Any]]]:
    fsc, test = result.global_fsc, result.bingham
    columns: dict[str, Iterable[Any]] = {
        "shell": fsc.shell.tolist(),
        "frequency": fsc.frequency,
        "resolution": 1 / fsc.frequency,
        "fsc": fsc.fsc,
        "fsc_unmasked": fsc.fsc_unmasked,
        "fso": result.fso.occupancy,
        "bingham": test.statistic,
        "p_value": test.p_value,
        "published": test.published,
    }
    if test.calibrated is not None:
        columns["calibrated"] = test.calibrated
    if result.band is not None:
        columns |= {"fso_low": result.band.low, "fso_high": result.band.high, "fso_floor": result.band.floor}
    if result.mask_correction is not None:
        correction = result.mask_correction
        columns |= {"fsc_randomised": correction.randomised, "fsc_corrected": correction.corrected}
        columns["fso_corrected"] = correction.fso.occupancy
    return list(columns), zip(*columns.values(), strict=True)


def _directions(result: AnalysisResult) -> tuple[list[str], Iterable[Sequence[Any]]]:
    d = result.directional_resolution
    words = [ResolutionFlag(flag).label for flag in d.flag.tolist()]
    columns: dict[str, Iterable[Any]] = {
        "zenith": d.zenith,
        "azimuth": d.azimuth,
        "resolution": d.resolution,
        "flag": words,
    }
    if result.band is not None:
        band = result.band
        columns |= {"resolution_low": band.resolution_low, "resolution_high": band.resolution_high}
        columns["doubtful"] = ["yes" if doubt else "no" for doubt in band.doubtful.tolist()]
    return list(columns), zip(*columns.values(), strict=True)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _draw(result: AnalysisResult, folder: Path) -> None:
    from .plots import figure, save_figure

    drawn = figure(result)
    save_figure(drawn, folder / "figure.png", dpi=150)
    save_figure(drawn, folder / "figure.svg")


# --- all or nothing ----------------------------------------------------------------------


def check_output(out: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """See before a long run that its folder can be written; leaves nothing behind.

    Parameters
    ----------
    out : path
        Folder to make.
    overwrite : bool
        Whether an existing folder of an earlier analysis may be replaced.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    OutputError
        When it exists, isn't a folder of an analysis, or can't be written.

    Examples
    --------
    >>> check_output("not/there/yet").name
    'yet'
    """
    target = Path(out)
    if target.is_dir():
        if not overwrite:
            raise OutputError(f"{target} exists already; choose another folder or allow overwriting (--overwrite).")
        if not (target / _MARK).is_file() and any(target.iterdir()):
            raise OutputError(f"{target} holds other files than an analysis, so it isn't overwritten; choose another.")
    elif target.exists() or target.is_symlink():
        raise OutputError(f"{target} is a file, but a folder is to be written; choose another name.")
    above = target.absolute().parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise OutputError(f"Can't write {target}: {above} is a file, not a folder; choose another folder.")
    try:
        with tempfile.TemporaryDirectory(dir=above, prefix=f".{target.name}."):
            pass  # tried, since permissions alone don't tell for root or a read-only system
    except OSError as error:
        raise OutputError(f"Can't write {target}: {reason(error)}; choose a folder you can write to.") from error
    return target


@contextlib.contextmanager
def output_folder(out: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder that becomes `out` when the block ends well, and vanishes otherwise.

    Parameters
    ----------
    out : path
        Folder to make; missing folders above it are made too.
    overwrite : bool
        Whether an existing folder of an earlier analysis may be replaced.

    Yields
    ------
    Path
        Write there.

    Raises
    ------
    OutputError
        When `out` exists, isn't a folder of an analysis, or can't be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with output_folder(f"{place}/out") as folder:
    ...         _ = (folder / "a.txt").write_text("a")
    ...     [path.name for path in Path(place, "out").iterdir()]
    ['a.txt']
    """
    target = check_output(out, overwrite=overwrite)
    made: list[Path] = []
    try:
        missing = [folder for folder in target.absolute().parents if not folder.exists()]
        try:
            for folder in reversed(missing):
                folder.mkdir()
                made.append(folder)
            with tempfile.TemporaryDirectory(
                dir=target.absolute().parent, prefix=f".{target.name}.", ignore_cleanup_errors=True
            ) as beside:
                part = Path(beside) / f"{target.name}.part"
                part.mkdir()
                yield part
                _swap(part, target)
        except BaseException:
            for folder in reversed(made):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise
    except OSError as error:
        raise OutputError(f"Can't write {target}: {reason(error)}; choose a folder you can write to.") from error


def _swap(part: Path, target: Path) -> None:
    """Give `part` the name of `target`; what was there goes with the temporary folder."""
    if not target.exists():
        part.rename(target)
        return
    old = part.with_suffix(".old")
    target.rename(old)
    try:
        part.rename(target)
    except BaseException:
        old.rename(target)
        raise
