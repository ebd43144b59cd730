"""The base of the result types: frozen, and how they are saved and loaded.

A file is one .npz: the arrays, and a JSON header for all else; never pickle.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .errors import ResultError
from .writing import written_whole

__all__ = ["FILE_FORMAT", "ResolutionFlag", "Result"]

FILE_FORMAT = 1


class ResolutionFlag(IntEnum):
    """What is known of a threshold crossing."""

    CROSSED = 0
    NOT_CROSSED = 1
    BELOW_AT_START = 2
    UNMEASURED = 3

    @property
    def label(self) -> str:
        """The flag in words, as tables and files show it."""
        return _FLAG_LABELS[self]


_FLAG_LABELS = {
    ResolutionFlag.CROSSED: "crossed",
    ResolutionFlag.NOT_CROSSED: "not crossed",
    ResolutionFlag.BELOW_AT_START: "below at search start",
    ResolutionFlag.UNMEASURED: "unmeasured",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of the result types: arrays become read-only, any result saves itself."""

    _types: ClassVar[dict[str, type[Result]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        Result._types[cls.__name__] = cls  # slots=True makes each class twice; the last one stays

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)

    def __repr__(self) -> str:
        parts = []
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                parts.append(f"{item.name}: {'x'.join(map(str, value.shape))}")
            elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
                parts.append(f"{item.name}={value:.4g}" if isinstance(value, float) else f"{item.name}={value}")
        return f"<{type(self).__name__} {', '.join(parts)}>"

    def replace(self, **changes: Any) -> Self:
        """The same result with some fields exchanged."""
        return dataclasses.replace(self, **changes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write this result to one .npz file (arrays and a JSON header, no pickle).

        Parameters
        ----------
        path : path
            Where to write; an existing file is replaced once the new one is whole.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        OutputError
            When the folder can't be written to.
        """
        arrays: dict[str, NDArray[Any]] = {}
        header = {"format": FILE_FORMAT, "result": _pack(self, "", arrays)}
        encoded = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        target = Path(path)
        with written_whole(target) as part, part.open("wb") as stream:
            np.savez(stream, header=encoded, **arrays)  # type: ignore[arg-type]
        return target

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Result:
        """Read back what `save` wrote.

        Parameters
        ----------
        path : path
            A .npz file written by `save`.

        Returns
        -------
        Result
            The result, of the type that was saved.

        Raises
        ------
        ResultError
            When the file is missing, damaged, or not a result of this program.
        """
        source = Path(path)
        if not source.is_file():
            raise ResultError(f"There is no result file {source}; check the path.")
        try:
            with source.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            header = json.loads(arrays.pop("header").tobytes().decode())
            version = header["format"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
            raise ResultError(
                f"{source} is not a result file of cryoaniso_nb (or it is damaged); analyze the maps again."
            ) from error
        if version != FILE_FORMAT:
            raise ResultError(
                f"{source} has result format {version}, this program reads format {FILE_FORMAT}; "
                "update cryoaniso_nb or analyze the maps again."
            )
        result = _unpack(header["result"], arrays)
        if not isinstance(result, Result):
            raise ResultError(f"{source} holds no result; analyze the maps again.")
        return result


def _pack(value: Any, key: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[key] = value
        return {"$array": key}
    if isinstance(value, Result):
        fields = {
            f.name: _pack(getattr(value, f.name), f"{key}/{f.name}".lstrip("/"), arrays)
            for f in dataclasses.fields(value)
        }
        return {"$type": type(value).__name__, "$module": type(value).__module__, "fields": fields}
    if isinstance(value, ResolutionFlag):
        return {"$flag": int(value)}
    if isinstance(value, (tuple, list)):
        return {"$tuple": [_pack(item, f"{key}/{i}", arrays) for i, item in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"$dict": {name: _pack(item, f"{key}/{name}", arrays) for name, item in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a result can't hold {type(value).__name__}")


def _unpack(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$flag" in value:
        return ResolutionFlag(value["$flag"])
    if "$tuple" in value:
        return tuple(_unpack(item, arrays) for item in value["$tuple"])
    if "$dict" in value:
        return {name: _unpack(item, arrays) for name, item in value["$dict"].items()}
    module = value.get("$module", "")
    if value["$type"] not in Result._types and module.startswith(f"{__package__}."):
        import_module(module)  # a type of a measure that hasn't been used in this session
    kind = Result._types.get(value["$type"])
    if kind is None:
        raise ResultError(f"The file holds a {value['$type']}, which this version doesn't know; update cryoaniso_nb.")
    known = {f.name for f in dataclasses.fields(kind)}
    return kind(**{name: _unpack(item, arrays) for name, item in value["fields"].items() if name in known})
