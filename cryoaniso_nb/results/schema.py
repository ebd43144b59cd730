"""What a field of a result may hold, and whether it does: one reading of the types' annotations.

An array's annotation says its type and its shape, ``Annotated[NDArray[np.float64], "A", "S"]``:
a number is a length, a name a length that the result has once (``"S+1"`` is one more), an
`IntEnum` lists the values allowed, and a function says what is wrong with the array. A result
inside another shares the names it is annotated with: ``Annotated[DirectionalFSC, "A", "S"]``.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cautions import CODES, Caution
from .table import HOMES

__all__ = ["FieldError", "ascending", "check", "decode", "encode", "hints_of", "register", "type_named"]

INT_LIMIT = 2**63

_DIMENSION = re.compile(r"([A-Za-z]\w*)([+-]\d+)?")
_types: dict[str, type] = {}  # of types defined elsewhere, e.g. in a notebook, by name


class FieldError(ValueError):
    """A field that doesn't hold what its type says, as part of a sentence."""


# --- types and their fields ----------------------------------------------------------------


def type_named(name: str) -> type | None:
    """The result type of that name.

    Parameters
    ----------
    name : str
        As in a file.

    Returns
    -------
    type or None
        None for an unknown name.

    Examples
    --------
    >>> type_named("Crossing").__name__, type_named("os.system")
    ('Crossing', None)
    """
    if name not in HOMES:
        return _types.get(name)
    package = __name__.split(".")[0]
    found: type = getattr(import_module(f"{package}.{HOMES[name]}"), name)
    return found


def register(kind: type) -> None:
    """Make a type loadable that the table doesn't list.

    Parameters
    ----------
    kind : type
        A result type of the user's own.
    """
    _types[kind.__name__] = kind


class _Names(dict[str, Any]):
    """Names in annotations that their module imports for type checkers alone: left for later."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        super().__init__()
        self.scope = scope

    def __contains__(self, name: object) -> bool:
        return name in HOMES and name not in self.scope

    def __missing__(self, name: str) -> Any:
        if name in self:
            return typing.ForwardRef(name)
        raise KeyError(name)


@cache
def hints_of(kind: Any) -> Mapping[str, Any]:
    """Types of the fields of a result.

    Parameters
    ----------
    kind : type
        A result type.

    Returns
    -------
    mapping
        Name to type, shapes included.

    Examples
    --------
    >>> hints_of(type_named("GlobalFSC"))["fsc"].__metadata__
    ('S',)
    """
    scope: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        scope |= vars(sys.modules[base.__module__])
    fields = types.SimpleNamespace(__annotations__={item.name: item.type for item in dataclasses.fields(kind)})
    return types.MappingProxyType(typing.get_type_hints(fields, scope, _Names(scope), include_extras=True))


def _is_result(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _annotation(hint: Any) -> tuple[Any, ...]:
    return tuple(hint.__metadata__) if typing.get_origin(hint) is typing.Annotated else ()


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotation, and the annotation."""
    kind, more = hint, _annotation(hint)
    if more:
        kind = typing.get_args(hint)[0]
    if isinstance(kind, typing.ForwardRef):
        kind = type_named(kind.__forward_arg__)
    alias: Any = typing.get_origin(kind)
    if hasattr(alias, "__value__"):  # `NDArray` is a `type` statement's from NumPy 2.5 on
        kind = alias.__value__[typing.get_args(kind)]
    return kind, more


def _options(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type there is."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


# --- to JSON and back -------------------------------------------------------------------------


def encode(value: Any, place: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """A value as JSON; arrays go into `arrays`, under the place where they stand.

    Parameters
    ----------
    value : object
        A result, or what a field of one holds.
    place : str
        Where it stands, '' for the whole.
    arrays : dict
        Filled.

    Returns
    -------
    object
        What JSON can hold.

    Raises
    ------
    TypeError
        For something that no result holds.
    """

    def inside(name: object) -> str:
        return f"{place}/{name}".lstrip("/")

    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"$array": place}
    if _is_result(type(value)):
        fields = {f.name: encode(getattr(value, f.name), inside(f.name), arrays) for f in dataclasses.fields(value)}
        return {"$type": type(value).__name__, "fields": fields}
    if isinstance(value, IntEnum):
        return {"$flag": int(value)}
    if isinstance(value, Caution):
        return {"$caution": [value.code, str(value)]}
    if isinstance(value, (tuple, list)):
        return {"$tuple": [encode(item, inside(i), arrays) for i, item in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"$dict": {name: encode(item, inside(name), arrays) for name, item in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a result can't hold {type(value).__name__}")


def decode(value: Any, hint: Any, place: str, arrays: Mapping[str, NDArray[Any]], *, strict: bool = True) -> Any:
    """The inverse of `encode`, for a place where only `hint` may stand.

    Parameters
    ----------
    value : object
        From JSON.
    hint : type
        What may stand here.
    place : str
        Where it stands.
    arrays : mapping
        Arrays by name.
    strict : bool
        Whether a field that the type doesn't have is a fault.

    Returns
    -------
    object
        A result, or what a field of one holds.

    Raises
    ------
    FieldError
        When something else stands here.
    """
    options = _options(hint)
    if value is None:
        if type(None) in options:
            return None
        raise FieldError(f"{place} is missing")
    options = tuple(option for option in options if option is not type(None))
    if len(options) > 1:
        return _first_that_fits(value, options, place, arrays, strict)
    kind, more = _bare(options[0])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if _is_result(kind):
        return _decode_result(value, kind, place, arrays, strict)
    if origin is np.ndarray:
        return _decode_array(value, arguments, more, place, arrays)
    if origin is tuple:
        items = _content(value, "$tuple", list, place)
        hints = [arguments[0]] * len(items) if arguments[1:] == (...,) else arguments
        if len(hints) != len(items):
            raise FieldError(f"{place} has {len(items)} values instead of {len(hints)}")
        return tuple(decode(item, hints[i], f"{place}/{i}", arrays, strict=strict) for i, item in enumerate(items))
    if origin in (dict, Mapping):
        named = _content(value, "$dict", dict, place)
        return {name: decode(v, arguments[1], f"{place}/{name}", arrays, strict=strict) for name, v in named.items()}
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        number = _content(value, "$flag", int, place)
        if number not in list(kind):
            raise FieldError(f"{place} is {number}, which is no {kind.__name__}")
        return kind(number)
    if kind is Caution:
        return _decode_caution(value, place)
    return _decode_scalar(value, kind, origin, arguments, place)


def _first_that_fits(
    value: Any, options: tuple[Any, ...], place: str, arrays: Mapping[str, NDArray[Any]], strict: bool
) -> Any:
    for option in options:
        try:
            return decode(value, option, place, arrays, strict=strict)
        except FieldError as error:
            last = error
    raise last


def _content(value: Any, key: str, kind: type, place: str) -> Any:
    if not isinstance(value, dict) or set(value) != {key} or type(value[key]) is not kind:
        raise FieldError(f"{place} is not a {key[1:]}")
    return value[key]


def _decode_result(value: Any, kind: type, place: str, arrays: Mapping[str, NDArray[Any]], strict: bool) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("fields"), dict):
        raise FieldError(f"{place or 'the whole'} is not a {kind.__name__}")
    if value.get("$type") != kind.__name__:
        raise FieldError(f"{place or 'the whole'} is a {str(value.get('$type'))[:40]} instead of a {kind.__name__}")
    given: dict[str, Any] = value["fields"]
    if not strict:
        former: tuple[tuple[str, str], ...] = kind._former  # type: ignore[attr-defined]
        given = {new: given[old] for new, old in former if old in given} | given
    hints = hints_of(kind)
    unknown = given.keys() - hints.keys()
    if unknown and strict:
        raise FieldError(f"{kind.__name__} has no field {min(unknown)[:40]!r}")
    needed = {f.name for f in dataclasses.fields(kind) if _needed(f)}
    if missing := needed - given.keys():
        raise FieldError(f"{kind.__name__} lacks its field {min(missing)!r}")
    return kind(
        **{
            name: decode(given[name], hint, f"{place}/{name}".lstrip("/"), arrays, strict=strict)
            for name, hint in hints.items()
            if name in given
        }
    )


def _needed(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _decode_array(
    value: Any, arguments: tuple[Any, ...], shape: tuple[Any, ...], place: str, arrays: Mapping[str, NDArray[Any]]
) -> NDArray[Any]:
    name = _content(value, "$array", str, place)
    if name not in arrays:
        raise FieldError(f"the array {place} is missing")
    array = arrays[name]
    wanted = np.dtype(typing.get_args(arguments[1])[0])
    if array.dtype != wanted:
        # Older files may hold a narrower type of the same kind, other machines another byte order.
        if array.dtype.kind != wanted.kind or not np.can_cast(array.dtype, wanted, "safe"):
            raise FieldError(f"{place} holds {array.dtype}, not {wanted}")
        array = array.astype(wanted)
    return array


def _decode_caution(value: Any, place: str) -> Caution:
    if isinstance(value, str):
        return Caution("other", value)  # of a version that had no codes
    pair = _content(value, "$caution", list, place)
    if len(pair) != 2 or not all(isinstance(item, str) for item in pair):
        raise FieldError(f"{place} is not a code and a text")
    code, text = pair
    return Caution(code if code in CODES else "other", text)


def _decode_scalar(value: Any, kind: Any, origin: Any, arguments: tuple[Any, ...], place: str) -> Any:
    if origin is typing.Literal:
        if not any(value == option and type(value) is type(option) for option in arguments):
            raise FieldError(f"{place} is {value!r:.40}, not one of {', '.join(map(repr, arguments))}")
        return value
    if kind is float and type(value) is int:
        kind = int  # JSON has but one kind of number
        if abs(value) < INT_LIMIT:
            return float(value)
    if type(value) is not kind or (kind is int and abs(value) >= INT_LIMIT):
        raise FieldError(f"{place} is {value!r:.40}, not a {getattr(kind, '__name__', kind)}")
    return value


# --- shapes ------------------------------------------------------------------------------------


def check(result: Any, place: str = "") -> dict[str, int]:
    """Hold the shapes of a result's arrays against what its type says, and each other.

    Parameters
    ----------
    result : Result
        Its fields are of the right types.
    place : str
        Where it stands.

    Returns
    -------
    dict
        Lengths by name, e.g. {'A': 321, 'S': 64}.

    Raises
    ------
    FieldError
        Naming the first field that doesn't fit.
    """
    sizes: dict[str, int] = {}
    kind: Any = type(result)
    for name, hint in hints_of(kind).items():
        value, here = getattr(result, name), f"{place}/{name}".lstrip("/")
        shape = next((more for option in _options(hint) if (more := _annotation(option))), ())
        for part, where in _parts(value, here):
            inner = check(part, where)
            for size in shape:
                if size in inner:  # not where it is a length of fields that are None
                    _bind(sizes, size, inner[size], where)
        if isinstance(value, np.ndarray):
            _check_array(value, shape, sizes, here)
    for fault in result._faults():
        raise FieldError(f"{place or type(result).__name__}: {fault}")
    return sizes


def ascending(values: NDArray[Any]) -> str:
    """Whether values are positive and increase, as frequencies do.

    Parameters
    ----------
    values : ndarray, shape (N,)
        Of numbers.

    Returns
    -------
    str
        What is wrong, '' if nothing is.

    Examples
    --------
    >>> ascending(np.array([0.1, 0.2])), ascending(np.array([0.1, np.nan]))
    ('', "doesn't increase from above 0")
    """
    fine = np.isfinite(values).all() and (np.diff(values, prepend=0.0) > 0).all()
    return "" if fine else "doesn't increase from above 0"


def _parts(value: Any, place: str) -> Iterator[tuple[Any, str]]:
    """The results in a field."""
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _parts(item, f"{place}/{i}")
    elif _is_result(type(value)):
        yield value, place


def _check_array(array: NDArray[Any], annotation: tuple[Any, ...], sizes: dict[str, int], place: str) -> None:
    lengths = [item for item in annotation if isinstance(item, (int, str))]
    if lengths or array.ndim == 0:
        if array.ndim != len(lengths):
            raise FieldError(f"{place} has {array.ndim} dimensions instead of {len(lengths)}")
        for wanted, length in zip(lengths, array.shape, strict=True):
            _bind(sizes, wanted, length, place)
    for rule in annotation:
        if isinstance(rule, type) and issubclass(rule, IntEnum):
            if not np.isin(array, list(rule)).all():
                raise FieldError(f"{place} holds values that are no {rule.__name__}")
        elif callable(rule) and (fault := rule(array)):
            raise FieldError(f"{place} {fault}")


def _bind(sizes: dict[str, int], wanted: int | str, length: int, place: str) -> None:
    """Note a length, or hold it against the one noted."""
    if isinstance(wanted, int):
        if length != wanted:
            raise FieldError(f"{place} has the length {length} instead of {wanted}")
        return
    found = _DIMENSION.fullmatch(wanted)
    if found is None:
        raise TypeError(f"{wanted!r} is no length")
    name, own = found[1], length - int(found[2] or 0)
    if own < 0 or sizes.setdefault(name, own) != own:
        raise FieldError(f"{place} has the length {length}, but {wanted} is {sizes.get(name, 0) + int(found[2] or 0)}")
