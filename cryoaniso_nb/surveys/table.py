"""A survey's rows as CSV, Parquet and HTML."""

from __future__ import annotations

import csv
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ResultError
from ..outputs.folder import table_text
from ..results.fence import inside
from ..results.writing import add_files
from .columns import COLUMNS
from .index_page import index_page, number_text

__all__ = ["TABLE_COLUMNS", "html_rows", "read_table", "write_index"]

Row = Mapping[str, Any]

TABLE_COLUMNS = ("rank", "percentile", *(column.name for column in COLUMNS), "ranked_by")
_NUMBERS = {"rank", "percentile", *(column.name for column in COLUMNS if column.digits >= 0)}
_TEXTS = {
    "rank": "1 is the worst of the column ranked by",
    "percentile": "share of the other pairs that are better, 0 to 100",
    **{column.name: column.text for column in COLUMNS},
    "ranked_by": "the column that rank and percentile are of",
}
_WHOLE = {"rank", *(column.name for column in COLUMNS if column.digits == 0)}


def write_index(
    folder: str | os.PathLike[str], rows: Sequence[Row], curves: Mapping[str, Mapping[str, Any]], by: str
) -> tuple[Path, ...]:
    """Write table.csv, index.html, and table.parquet where pyarrow is installed.

    Parameters
    ----------
    folder : path
        Of the survey; what else it holds stays.
    rows : sequence of mapping
        From `with_ranks`.
    curves : mapping of str to mapping
        Folder of a pair -> its small curves.
    by : str
        The column that pairs are ranked by.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    OutputError
        When they can't be written, or are not this program's.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     files = write_index(place, [{"name": "apo", "status": "failed"}], {}, "sphericity")
    ...     "table.csv" in [path.name for path in files]
    True
    """
    name = Path(folder).absolute().name
    files = {
        "table.csv": table_text(TABLE_COLUMNS, [[row.get(key) for key in TABLE_COLUMNS] for row in rows]).encode(),
        "index.html": index_page(rows, curves, by, f"Survey {name}").encode(),
    }
    parquet = _parquet(rows)
    if parquet is not None:
        files["table.parquet"] = parquet
    return add_files(folder, files, overwrite=True)


def read_table(place: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read back the rows that `write_index` wrote.

    Parameters
    ----------
    place : path
        Folder of the survey, or its table.csv or table.parquet under whatever name.

    Returns
    -------
    list of dict
        Rows; what is unknown is None.

    Raises
    ------
    ResultError
        When there is no table, or it can't be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = write_index(place, [{"name": "apo", "status": "failed", "rank": None}], {}, "sphericity")
    ...     read_table(place)[0]["name"]
    'apo'
    """
    path = inside(place)
    if path.suffix.lower() not in (".csv", ".parquet"):
        path /= "table.csv"
    if not path.is_file():
        raise ResultError(f"There is no table {path} of a survey; check the folder.")
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
        _check_columns(path, reader.fieldnames or ())
        return [{name: _value(name, row.get(name)) for name in TABLE_COLUMNS} for row in rows]
    except ResultError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise ResultError(f"{path} is no table of a survey, or it is damaged; run the survey again.") from error


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ResultError(
            f"Reading {path} needs the package pyarrow; install cryoaniso_nb[table], or give the survey's table.csv."
        ) from error
    try:
        found = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ResultError(f"{path} is no table of a survey, or it is damaged; run the survey again.") from error
    _check_columns(path, found.column_names)
    rows: list[dict[str, Any]] = found.to_pylist()
    return [{name: _whole(name, row.get(name)) for name in TABLE_COLUMNS} for row in rows]


def _check_columns(path: Path, found: Sequence[str]) -> None:
    missing = [name for name in ("name", "status") if name not in found]
    if missing:
        raise ResultError(f"{path} is no table of a survey: it has no column '{missing[0]}'; give another one.")


def _whole(name: str, value: Any) -> Any:
    return int(value) if name in _WHOLE and isinstance(value, float) and value.is_integer() else value


def _value(name: str, text: str | None) -> Any:
    if not text:
        return None
    if name not in _NUMBERS:
        return text
    return _whole(name, float(text))


def _parquet(rows: Sequence[Row]) -> bytes | None:
    """The table as Parquet, each column with its meaning; None without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return None
    fields, arrays = [], []
    for name in TABLE_COLUMNS:
        kind = pa.float64() if name in _NUMBERS else pa.string()
        fields.append(pa.field(name, kind, metadata={"description": _TEXTS[name]}))
        arrays.append(pa.array([row.get(name) for row in rows], type=kind, from_pandas=True))
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), stream)
    return stream.getvalue()


def html_rows(rows: Sequence[Row]) -> str:
    """The rows as a plain HTML table, for notebooks.

    Parameters
    ----------
    rows : sequence of mapping
        From `with_ranks`.

    Returns
    -------
    str
        Everything escaped; fits light and dark pages.

    Examples
    --------
    >>> "&lt;apo&gt;" in html_rows([{"name": "<apo>", "status": "failed", "reason": "no file"}])
    True
    """
    shown = [column for column in COLUMNS if column.heading]
    style = "text-align:left;padding:2px 10px 2px 0"
    head = "".join(
        f'<th style="{style}">{html.escape(text)}</th>'
        for text in ("Rank", *(c.heading.replace("<br>", " ") for c in shown))
    )
    lines = []
    for row in rows:
        cells = [number_text(row.get("rank"), 0)]
        for column in shown:
            value = row.get(column.name)
            if column.digits >= 0:
                cells.append(number_text(value, column.digits))
            else:
                cells.append(html.escape(str(value)) if value is not None else "–")
        if row.get("reason"):
            cells[2] = html.escape(f"{row.get('status')}: {row['reason']}")
        lines.append("<tr>" + "".join(f'<td style="{style}">{cell}</td>' for cell in cells) + "</tr>")
    return (
        '<div class="cryoaniso-survey" style="overflow-x:auto;color:inherit"><table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
