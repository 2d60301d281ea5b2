"""The report as JSON, and back from JSON that is not trusted.

The process that writes a report has run user code, so the reader takes nothing on faith: every field is
checked against its declared type, unknown fields and wrong types are errors, and the number of
elements and characters is bounded. The codec is derived once from the dataclasses of
``trace.report``; a field added there is encoded and checked with no change here.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast

from stile_engine.trace.report import CheckRequest

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_TEXT = 4 << 20
"""Characters in one string."""

MAX_ITEMS = 200_000
"""Elements of one list or object."""

MAX_INTEGER = 1 << 256
"""Sizes and indices are exact integers, but nothing real needs more than this."""

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

T = TypeVar("T")


class CodecError(ValueError):
    """Data that does not have the declared shape; the text names the place."""


_Decoder: TypeAlias = Callable[[object, str], Any]
_Encoder: TypeAlias = Callable[[Any], Json]


def encode(value: object) -> Json:
    """Plain JSON for any dataclass of ``trace.report``. Numbers that JSON lacks become strings."""
    return _encode_any(value)


def decode(kind: type[T], data: object) -> T:
    """The inverse of ``encode``.

    Raises:
        CodecError: the data is not exactly of this kind.
    """
    reader: Any = kind
    return cast(T, _decoder(reader)(data, kind.__name__))


def encode_request(request: CheckRequest) -> Json:
    return encode(request)


def decode_request(data: object) -> CheckRequest:
    """A request comes from the client, so its text may be as long as a frame."""
    if not isinstance(data, dict) or not isinstance(data.get("source"), str):
        return decode(CheckRequest, data)
    return dataclasses.replace(decode(CheckRequest, {**data, "source": ""}), source=data["source"])


def finite(number: float) -> Json:
    """The number, or one of the strings "nan", "inf", "-inf"."""
    if math.isfinite(number):
        return number
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"


@cache
def _encoder(kind: Any) -> _Encoder:
    if dataclasses.is_dataclass(kind):
        names = tuple(f.name for f in dataclasses.fields(kind))

        def encode_object(value: Any) -> Json:
            return {name: _encode_any(getattr(value, name)) for name in names}

        return encode_object
    if issubclass(kind, StrEnum):
        return str
    if issubclass(kind, (tuple, list)):
        return lambda value: [_encode_any(item) for item in value]
    if issubclass(kind, dict):
        return lambda value: {str(key): _encode_any(item) for key, item in value.items()}
    if issubclass(kind, float):
        return lambda value: finite(float(value))
    if kind in (bool, int, str, type(None)):
        return lambda value: cast(Json, value)
    raise CodecError(f"a {kind.__name__} has no JSON form")


def _encode_any(value: object) -> Json:
    if value is None or type(value) is str:
        return value
    kind: Any = type(value)
    return _encoder(kind)(value)


@cache
def _decoder(kind: Any) -> _Decoder:
    """A function that checks one value of the declared type and builds it."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(kind))
    if origin is tuple:
        item, ellipsis = typing.get_args(kind)
        if ellipsis is not Ellipsis:
            raise TypeError(f"only tuples of one kind can be read, not {kind}")
        return _sequence(_decoder(item))
    if origin is dict:
        key, item = typing.get_args(kind)
        if key is not str:
            raise TypeError(f"only string keys can be read, not {kind}")
        return _mapping(_decoder(item))
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enumeration(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    raise TypeError(f"no reader for {kind}")


def _text(data: object, where: str) -> str:
    if type(data) is not str:
        raise CodecError(f"{where}: expected a string, got {type(data).__name__}")
    if len(data) > MAX_TEXT:
        raise CodecError(f"{where}: a string of {len(data)} characters; at most {MAX_TEXT} are read")
    return data


def _integer(data: object, where: str) -> int:
    if type(data) is not int:
        raise CodecError(f"{where}: expected an integer, got {type(data).__name__}")
    if abs(data) > MAX_INTEGER:
        raise CodecError(f"{where}: the integer is too large")
    return data


def _number(data: object, where: str) -> float:
    if type(data) is float:
        return data
    if type(data) is int:
        return float(_integer(data, where))
    if type(data) is str and data in _NON_FINITE:
        return _NON_FINITE[data]
    raise CodecError(f"{where}: expected a number, got {type(data).__name__}")


def _truth(data: object, where: str) -> bool:
    if type(data) is not bool:
        raise CodecError(f"{where}: expected true or false, got {type(data).__name__}")
    return data


def _nothing(data: object, where: str) -> None:
    if data is not None:
        raise CodecError(f"{where}: expected null, got {type(data).__name__}")


_SCALARS: dict[Any, _Decoder] = {str: _text, int: _integer, float: _number, bool: _truth, type(None): _nothing}


def _union(members: tuple[Any, ...]) -> _Decoder:
    readers = [_decoder(member) for member in members]
    # A number that JSON lacks stays the string that it was written as, where the type allows a string.
    readers.sort(key=lambda reader: reader is _number)

    def read(data: object, where: str) -> Any:
        problems = []
        for reader in readers:
            try:
                return reader(data, where)
            except CodecError as problem:
                problems.append(str(problem))
        raise CodecError(problems[0] if len(problems) == 1 else " or ".join(problems[:4]))

    return read


def _sequence(reader: _Decoder) -> _Decoder:
    def read(data: object, where: str) -> tuple[Any, ...]:
        if type(data) is not list:
            raise CodecError(f"{where}: expected a list, got {type(data).__name__}")
        if len(data) > MAX_ITEMS:
            raise CodecError(f"{where}: {len(data)} elements; at most {MAX_ITEMS} are read")
        return tuple(reader(item, where) for item in data)

    return read


def _mapping(reader: _Decoder) -> _Decoder:
    def read(data: object, where: str) -> dict[str, Any]:
        if type(data) is not dict:
            raise CodecError(f"{where}: expected an object, got {type(data).__name__}")
        if len(data) > MAX_ITEMS:
            raise CodecError(f"{where}: {len(data)} entries; at most {MAX_ITEMS} are read")
        return {_text(key, where): reader(item, f"{where}[{key!r:.40}]") for key, item in data.items()}

    return read


def _enumeration(kind: type[StrEnum]) -> _Decoder:
    members = {str(member): member for member in kind}

    def read(data: object, where: str) -> StrEnum:
        if type(data) is not str or data not in members:
            raise CodecError(f"{where}: {data!r:.60} is not one of {', '.join(members)}")
        return members[data]

    return read


def _dataclass(kind: type) -> _Decoder:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    readers = {f.name: (_decoder(hints[f.name]), f"{kind.__name__}.{f.name}") for f in fields}
    required = [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]

    def read(data: object, where: str) -> Any:
        if type(data) is not dict:
            raise CodecError(f"{where}: expected an object, got {type(data).__name__}")
        arguments = {}
        for name, item in data.items():
            known = readers.get(name)
            if known is None:
                raise CodecError(f"{where}: unknown field {name!r:.60}")
            reader, place = known
            arguments[name] = reader(item, place)
        for name in required:
            if name not in arguments:
                raise CodecError(f"{where}: the field {name} is missing")
        return kind(**arguments)

    return read
