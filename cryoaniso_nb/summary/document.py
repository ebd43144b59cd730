"""What commands write as summary.json and print with ``--json``: one document, described by one schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from .._version import VERSION
from .tables import json_ready

__all__ = ["SCHEMA_NUMBER", "document", "document_text", "schema"]

# Raised when a key goes or comes to mean something else; a new key alone doesn't raise it.
SCHEMA_NUMBER = 1


def document(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of one kind with what tells a program how to read them.

    Parameters
    ----------
    kind : str
        'analysis', 'metrics', ...: one of the schema's.
    data : mapping
        The numbers, units in the keys.

    Returns
    -------
    dict
        Fit for JSON: NaN and infinity are None. ``schema``, ``kind`` and ``version`` come first.

    Examples
    --------
    >>> document("filter", {"cut_off_angstrom": float("nan")})["cut_off_angstrom"] is None
    True
    """
    ready: dict[str, Any] = json_ready({"schema": SCHEMA_NUMBER, "kind": kind, "version": VERSION, **data})
    return ready


def document_text(kind: str, data: Mapping[str, Any]) -> str:
    """The same as the text of a file.

    Parameters
    ----------
    kind : str
        One of the schema's.
    data : mapping
        The numbers.

    Returns
    -------
    str
        JSON, in UTF-8, with a line break at the end.

    Examples
    --------
    >>> document_text("cache", {"entries": []}).splitlines()[1]
    '  "schema": 1,'
    """
    return json.dumps(document(kind, data), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of every document.

    Returns
    -------
    dict
        Each key with its type and meaning.

    Examples
    --------
    >>> schema()["properties"]["schema"]["const"]
    1
    """
    text = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
