"""STAR files as RELION writes them, read and written with gemmi: tables of text, turned to numbers on request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from gemmi import cif
from numpy.typing import NDArray

from ..results.fence import inside

__all__ = ["numbers", "read_star", "star_text"]

# relion_postprocess --locres puts such remarks between its tables; no STAR grammar knows them
_BARE = re.compile(rb"^[ \t]*kk= .*$", re.MULTILINE)


def read_star(path: Path) -> list[cif.Block]:
    """Read the blocks of a STAR file.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    list of gemmi.cif.Block
        In the file's order; ``block.find_values("_rlnAngleRot")`` finds a column, whether it
        stands in a loop or alone.

    Raises
    ------
    ValueError
        When it isn't a STAR file, with the reader's reason in one line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.star"
    ...     _ = path.write_text("data_fsc\\nloop_\\n_rlnResolution #1\\n0.1\\n kk= 3 ii= 2 jj= 1\\n")
    ...     [block.name for block in read_star(path)]
    ['fsc']
    """
    inside(path)
    try:
        data = path.read_bytes()
        return list(cif.read_string(_BARE.sub(b"", data) if b" kk= " in data else data))
    except (ValueError, RuntimeError, OSError) as error:
        lines = str(error).removeprefix("string:").splitlines() or [type(error).__name__]
        raise ValueError(lines[0][:120].rstrip(". ")) from error


def numbers(block: cif.Block, tag: str) -> NDArray[np.float64]:
    """A column as numbers.

    Parameters
    ----------
    block : gemmi.cif.Block
        From `read_star`.
    tag : str
        Its name, such as '_rlnAngleRot'.

    Returns
    -------
    ndarray, shape (N,)
        NaN for STAR's signs of an unknown value, ``.`` and ``?``; empty where there is no such column.

    Raises
    ------
    ValueError
        When a value is no number.

    Examples
    --------
    >>> block = cif.read_string("data_a\\nloop_\\n_x\\n1\\n?\\n").sole_block()
    >>> numbers(block, "_x").tolist()
    [1.0, nan]
    """
    values = block.find_values(tag)
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except ValueError:
        plain = ("nan" if cif.is_null(value) else cif.as_string(value) for value in values)
        return np.array([float(value) for value in plain], dtype=np.float64)


def star_text(tables: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """Tables as the text of a STAR file.

    Parameters
    ----------
    tables : mapping
        Name of each block -> name of each column -> its values.

    Returns
    -------
    str
        One loop a block.

    Examples
    --------
    >>> print(star_text({"optics": {"rlnOpticsGroup": ["1"]}}).strip())
    data_optics
    <BLANKLINE>
    loop_
    _rlnOpticsGroup
    1
    """
    document = cif.Document()
    for name, columns in tables.items():
        loop = document.add_new_block(name).init_loop("_", list(columns))
        loop.set_all_values([[cif.quote(value) for value in column] for column in columns.values()])
    return str(document.as_string())
