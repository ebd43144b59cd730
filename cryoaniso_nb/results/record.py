"""The base of the result types: frozen, checked, saved and loaded.

A file is one .npz: the arrays, and a JSON header for all else; never pickle. `schema` says
what the header of each type must hold, `archive` reads files that nobody vouches for.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .._version import VERSION
from ..errors import ResultError
from .archive import read_archive, write_archive
from .schema import FieldError, check, decode, encode, register, type_named

if TYPE_CHECKING:
    import pandas

__all__ = ["FILE_FORMAT", "RESULT_FILE", "ResolutionFlag", "Result"]

FILE_FORMAT = 2
FIRST_FORMAT = 1  # named modules of types, which are not looked at; crossings were the first ones
RESULT_FILE = "result.npz"  # in the folder of an analysis


class ResolutionFlag(IntEnum):
    """What is known of a threshold crossing."""

    CROSSED = 0
    NOT_CROSSED = 1
    NO_SIGNAL = 2
    UNMEASURED = 3

    @property
    def label(self) -> str:
        """The flag in words, as tables and files show it."""
        return _FLAG_LABELS[self]


_FLAG_LABELS = {
    ResolutionFlag.CROSSED: "crossed",
    ResolutionFlag.NOT_CROSSED: "reaches Nyquist",
    ResolutionFlag.NO_SIGNAL: "no signal",
    ResolutionFlag.UNMEASURED: "unmeasured",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of the result types: nothing in it can be changed, any result saves itself."""

    _former: ClassVar[tuple[tuple[str, str], ...]] = ()  # fields, and what in files of the first format stands for them

    def __init_subclass__(cls, **kwargs: Any) -> None:
        register(cls)  # slots=True makes each class twice; the last one stays

    def __post_init__(self) -> None:
        """Freeze arrays and mappings."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)
            elif isinstance(value, Mapping) and not isinstance(value, MappingProxyType):
                object.__setattr__(self, item.name, MappingProxyType(dict(value)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by way of the constructor, which freezes what unpickled arrays are not."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        plain = {name: dict(v) if isinstance(v, MappingProxyType) else v for name, v in fields.items()}
        return _rebuilt, (type(self), plain)

    def _renewed(self) -> Self:
        """A result of the first format, by today's rules as far as it holds what they need."""
        return self

    def _faults(self) -> Iterator[str]:
        """What in a loaded result can't be, besides the shapes that the annotations tell."""
        yield from ()

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

    def to_dataframe(self) -> pandas.DataFrame:
        """The one-dimensional arrays as columns: one row per shell, or per element.

        Returns
        -------
        pandas.DataFrame
            See `results.frames`.
        """
        from .frames import to_dataframe

        return to_dataframe(self)

    def _repr_html_(self) -> str:
        from .frames import html_of

        return html_of(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write this result to one .npz file (arrays and a JSON header, no pickle).

        Parameters
        ----------
        path : path
            Where to write.
        overwrite : bool
            Whether an existing file may be replaced, once the new one is whole.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        OutputError
            When the file exists, or the folder can't be written to.
        ResultError
            When a field doesn't hold what its type says, and so couldn't be read back.
        """
        arrays: dict[str, NDArray[Any]] = {}
        packed = encode(self, "", arrays)
        try:
            check(decode(packed, type(self), "", arrays))
        except FieldError as error:
            raise ResultError(f"This {type(self).__name__} can't be saved: {error}.") from error
        header = {"format": FILE_FORMAT, "version": VERSION, "result": packed}
        return write_archive(path, header, arrays, overwrite=overwrite)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Result:
        """Read back what `save` wrote, in this version or an older one.

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
            When the file is missing, damaged, or not a result of this program: every field is
            held against its type before anything is made of it.
        """
        header, arrays = read_archive(path)
        version = header.get("format")
        if type(version) is not int or not FIRST_FORMAT <= version <= FILE_FORMAT:
            raise ResultError(
                f"{path} has result format {version!r:.20}, this program reads formats "
                f"{FIRST_FORMAT} to {FILE_FORMAT}; update cryoaniso_nb or analyze the maps again."
            )
        packed = header.get("result")
        name = packed.get("$type") if isinstance(packed, dict) else None
        kind = type_named(name) if isinstance(name, str) else None
        if kind is None:
            raise ResultError(
                f"{path} holds a {name!r:.60}, which this version doesn't know; update cryoaniso_nb, "
                "or analyze the maps again."
            )
        try:
            result: Result = decode(packed, kind, "", arrays, strict=version > FIRST_FORMAT)
            check(result)
            return result if version > FIRST_FORMAT else result._renewed()
        except FieldError as error:
            raise ResultError(
                f"{path} is damaged or was changed: {error}; load another copy, or analyze the maps again."
            ) from error


def _rebuilt(kind: type[Result], fields: dict[str, Any]) -> Result:
    return kind(**fields)
