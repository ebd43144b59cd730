"""Any result as a pandas table, and as a small table of HTML."""

from __future__ import annotations

import dataclasses
import html
from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

    from .record import Result

__all__ = ["html_of", "to_dataframe"]


def to_dataframe(result: Result) -> pandas.DataFrame:
    """The one-dimensional arrays of a result as columns.

    Parameters
    ----------
    result : Result
        Of any type.

    Returns
    -------
    pandas.DataFrame
        One row per shell (the index) where the result has frequencies; else one per element of
        most of its arrays, or one row of numbers where there are none. Larger arrays and
        results inside are left out.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> to_dataframe(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).fso).columns.tolist()
    ['frequency', 'occupancy']
    """
    import pandas

    fields = {item.name: getattr(result, item.name) for item in dataclasses.fields(result)}
    lines = {name: value for name, value in fields.items() if isinstance(value, np.ndarray) and value.ndim == 1}
    if "frequency" in lines:
        length = lines["frequency"].size
        index = pandas.RangeIndex(1, length + 1, name="shell")
    elif lines:
        ((length, _),) = Counter(value.size for value in lines.values()).most_common(1)
        index = pandas.RangeIndex(length)
    else:
        return pandas.DataFrame([{name: value for name, value in fields.items() if _is_scalar(value)}])
    return pandas.DataFrame({name: value for name, value in lines.items() if value.size == length}, index=index)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str)) or value is None


def html_of(result: Result) -> str:
    """A table of a result's numbers, with the shapes of its arrays.

    Parameters
    ----------
    result : Result
        Of any type.

    Returns
    -------
    str
        A table that fits light and dark pages, everything escaped.

    Examples
    --------
    >>> from cryoaniso_nb.results.types import InputFile
    >>> "mask.mrc" in html_of(InputFile(role="mask", name="mask.mrc"))
    True
    """
    rows = []
    for item in dataclasses.fields(result):
        text = _text(getattr(result, item.name))
        if text is not None:
            rows.append(
                f'<tr><th scope="row" style="text-align:left">{item.name}</th><td>{html.escape(text)}</td></tr>'
            )
    body = "".join(rows)
    return f'<table style="color:inherit"><caption>{type(result).__name__}</caption>{body}</table>'


def _text(value: Any) -> str | None:
    """A value in a cell of a table; None for what has none."""
    if isinstance(value, np.ndarray):
        return f"array of {' x '.join(map(str, value.shape))}, {value.dtype}"
    if isinstance(value, IntEnum):
        return str(getattr(value, "label", value.name))
    if isinstance(value, float):
        return "unknown" if np.isnan(value) else f"{value:.5g}"
    if _is_scalar(value):
        return None if value is None else str(value)
    if isinstance(value, tuple):
        return ", ".join(_text(item) or "" for item in value)
    return repr(value) if dataclasses.is_dataclass(value) else None
