"""The files of an analysis: a folder of tables, numbers, figures and the result, all or nothing."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..results.record import RESULT_FILE
from ..results.types import ResolutionFlag
from ..results.writing import written_folder
from ..summary.document import document_text
from ..summary.methods import package_versions

if TYPE_CHECKING:
    from ..analysis.run import AnalysisResult

__all__ = ["table_text", "write_analysis", "write_summary", "write_table"]

Writer = Callable[[Path], object]


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
    complete: whatever stops the writing leaves nothing behind. A list in it says what was
    written, so that overwriting can tell that from files of yours.

    Parameters
    ----------
    result : AnalysisResult
        From `analyze`.
    out : path
        Folder to make; missing folders above it are made too.
    overwrite : bool
        Whether an existing folder may be replaced that holds nothing but what this program
        wrote there, unchanged.
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
        When the folder exists, holds other files or an input of the run, or can't be written.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = write_analysis(result, f"{folder}/out", figure=False)
    ...     sorted(path.name for path in out.iterdir())
    ['.cryoaniso.json', 'curves.csv', 'directional_resolution.csv', 'result.npz', 'summary.json']
    """
    with written_folder(out, overwrite=overwrite) as folder:
        write_table(folder / "curves.csv", *_curves(result))
        write_table(folder / "directional_resolution.csv", *_directions(result))
        summary = {**result.summary(), "versions": package_versions()}
        write_summary(folder, "analysis", summary)
        result.save(folder / RESULT_FILE)
        if figure:
            _draw(result, folder)
        for name, writer in (extra_files or {}).items():
            writer(folder / name)
    return Path(out)


def write_summary(folder: Path, kind: str, numbers: Mapping[str, Any]) -> None:
    """Write summary.json: the numbers as the schema describes them.

    Parameters
    ----------
    folder : path
        Where to.
    kind : str
        One of the schema's kinds.
    numbers : mapping
        Units in the keys.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_summary(Path(folder), "filter", {"filter": "isotropic"})
    ...     Path(folder, "summary.json").read_text().splitlines()[2]
    '  "kind": "filter",'
    """
    (folder / "summary.json").write_text(document_text(kind, numbers), encoding="utf-8")


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
    path.write_text(table_text(columns, rows), encoding="utf-8", newline="")


def table_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file as text, as `write_table` writes it.

    Parameters
    ----------
    columns : sequence of str
        The header row.
    rows : iterable of sequence
        Numbers and text, as many as there are columns.

    Returns
    -------
    str
        One line per row.

    Examples
    --------
    >>> table_text(["shell", "fsc"], [(1, None)])
    'shell,fsc\\n1,\\n'
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(columns)
    table.writerows([_field(value) for value in row] for row in rows)
    return stream.getvalue()


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
        "p_textbook": test.p_textbook,
        "p_published": test.p_published,
    }
    if test.p_calibrated is not None:
        columns["p_calibrated"] = test.p_calibrated
    if result.band is not None:
        columns |= {"fso_low": result.band.low, "fso_high": result.band.high, "fso_floor": result.band.floor}
    if result.mask_correction is not None:
        correction = result.mask_correction
        columns |= {"fsc_randomised": correction.randomised, "fsc_corrected": correction.corrected}
        if correction.fso is not None:
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
        "first_crossing": d.first_crossing,
    }
    if result.band is not None:
        band = result.band
        columns |= {"resolution_low": band.resolution_low, "resolution_high": band.resolution_high}
    return list(columns), zip(*columns.values(), strict=True)


def _draw(result: AnalysisResult, folder: Path) -> None:
    from ..plots.figures import figure, save_figure

    drawn = figure(result)
    save_figure(drawn, folder / "figure.png", dpi=150)
    save_figure(drawn, folder / "figure.svg")
