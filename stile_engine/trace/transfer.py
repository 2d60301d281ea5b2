"""Values as plain data, so that another process can prove what was claimed of them; and back from data that
is not trusted.

A sender (``sending.py``) writes each expression, index expression, predicate and input once, in an order in which
everything stands after its parts, and names it by its number from then on. The receiver (``receiving.py``) builds
them with the same constructors that front ends use, so that whatever the data say, the expressions keep their
invariants. Here is what both follow: what is written of a thing are its fields, as their declared types say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from typing import Any, Final

from stile_engine.index import data
from stile_engine.index import predicate as predicates
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term import expression as nodes
from stile_engine.term import facts
from stile_engine.trace.location import Site

Plain = Any
"""JSON."""

MAX_NAME: Final = 10_000
MAX_INTEGER: Final = 1 << 8192
"""Denominators of floats are below this, and so is what is computed from them while a kernel is read."""


class TransferError(ValueError):
    """A value that cannot be sent, or data that describe none."""


def named(*kinds: type) -> Mapping[str, type]:
    return {kind.__name__: kind for kind in kinds}


NODES = named(
    nodes.Apply,
    nodes.Carried,
    nodes.Const,
    nodes.Constant,
    nodes.IndexNumber,
    nodes.Infinity,
    nodes.NoValue,
    nodes.Power,
    nodes.Read,
    nodes.Reduce,
    nodes.Reindex,
    nodes.Restrict,
    nodes.Scatter,
    nodes.Select,
    nodes.Unmodelled,
)
PREDICATES = named(
    predicates.Always,
    predicates.Never,
    predicates.AtLeastZero,
    predicates.EqualsZero,
    predicates.Not,
    predicates.And,
    predicates.Or,
)
FACTS = named(
    facts.Bound, facts.Link, facts.Unique, facts.Permutation, facts.Sorted, facts.Blocks, facts.Offsets, facts.Signs
)

_SET_LATER = frozenset({"step", "invariant"})
"""Fields of a loop, which may lead back to what it carries: they are told last."""


# -- what is not trusted ----------------------------------------------------------------


def integer(plain: Plain) -> int:
    if type(plain) is not int or abs(plain) > MAX_INTEGER:
        raise TransferError(f"expected an integer, got {type(plain).__name__}")
    return plain


def count(plain: Plain) -> int:
    if type(plain) is not int or plain < 0:
        raise TransferError("expected the number of something that was sent before")
    return plain


def truth(plain: Plain) -> bool:
    if type(plain) is not bool:
        raise TransferError(f"expected true or false, got {type(plain).__name__}")
    return plain


def name_in(plain: Plain) -> str:
    # A data variable is never sent by its name: what it stands for must be known here too.
    if type(plain) is not str or len(plain) > MAX_NAME or data.is_token(plain):
        raise TransferError(f"expected a name, got {plain!r:.60}")
    return plain


def list_in(plain: Plain) -> list[Plain]:
    if type(plain) is not list:
        raise TransferError(f"expected a list, got {type(plain).__name__}")
    return plain


def mapping_in(plain: Plain) -> dict[str, Plain]:
    if type(plain) is not dict:
        raise TransferError(f"expected an object, got {type(plain).__name__}")
    return plain


def _fraction(plain: Plain) -> Fraction:
    numerator, denominator = list_in(plain)
    return Fraction(integer(numerator), integer(denominator))


def _location(plain: Plain) -> Site | None:
    if plain is None:
        return None
    path, *numbers = list_in(plain)
    if type(path) is not str or len(numbers) != 4:
        raise TransferError("expected a place in a source")
    return Site(path, *(integer(n) for n in numbers))


# -- fields ----------------------------------------------------------------------------


def _no_names(_: object) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class _Field:
    """How what has one declared type is written by a sender and read by a receiver, and the index variables that it
    names by itself."""

    write: Callable[[Any, Any], Plain]
    read: Callable[[Any, Plain], Any]
    names: Callable[[Any], Iterable[str]] = _no_names


def _as_it_is(read: Callable[[Plain], Any]) -> _Field:
    return _Field(lambda _, found: found, lambda _, plain: read(plain))


def _part(name: str, names: Callable[[Any], Iterable[str]] = _no_names) -> _Field:
    """What both sides have a method for."""
    call = lambda side, given: getattr(side, name)(given)
    return _Field(call, call, names)


_FIELDS: Mapping[str, _Field] = {
    "str": _as_it_is(name_in),
    "int": _as_it_is(integer),
    "bool": _as_it_is(truth),
    "Fraction": _Field(lambda _, found: [found.numerator, found.denominator], lambda _, plain: _fraction(plain)),
    "object": _Field(lambda _, found: _site(found), lambda _, plain: _location(plain)),
    "Node": _part("node"),
    "Affine": _part("affine", lambda found: found.variables),
    "Bounds": _part("bounds", lambda found: found[0].variables | found[1].variables),
    "Predicate": _part("predicate", predicate_variables),
    "Tensor": _part("tensor"),
    "Fact": _part("fact"),
    "Recurrence": _part("recurrence", lambda found: names_in(found)),
}


@cache
def fields_of(kind: Any) -> tuple[tuple[str, _Field], ...]:
    """The fields that are sent, each with its name."""
    return tuple((f.name, _field(str(f.type))) for f in fields(kind) if f.init and f.name not in _SET_LATER)


@cache
def _field(declared: str) -> _Field:
    if declared == "Axes":
        return _field("dict[str, Bounds]")
    if declared.endswith(" | None"):
        return _optional(_field(declared.removesuffix(" | None")))
    if declared.startswith("tuple[") and declared.endswith(", ...]"):
        return _sequence(_field(declared.removeprefix("tuple[").removesuffix(", ...]")))
    if declared.startswith("dict[str, "):
        return _dictionary(_field(declared.removeprefix("dict[str, ").removesuffix("]")))
    return _FIELDS[declared]


def _optional(part: _Field) -> _Field:
    return _Field(
        lambda sender, found: None if found is None else part.write(sender, found),
        lambda receiver, plain: None if plain is None else part.read(receiver, plain),
        lambda found: () if found is None else part.names(found),
    )


def _sequence(part: _Field) -> _Field:
    return _Field(
        lambda sender, found: [part.write(sender, item) for item in found],
        lambda receiver, plain: tuple(part.read(receiver, item) for item in list_in(plain)),
        lambda found: (name for item in found for name in part.names(item)),
    )


def _dictionary(part: _Field) -> _Field:
    return _Field(
        lambda sender, found: {key: part.write(sender, item) for key, item in found.items()},
        lambda receiver, plain: {name_in(key): part.read(receiver, item) for key, item in mapping_in(plain).items()},
        lambda found: (name for item in found.values() for name in part.names(item)),
    )


def names_in(thing: object) -> Iterator[str]:
    """All variables of the index expressions that stand in the thing itself."""
    kind: Any = type(thing)
    for name, field in fields_of(kind):
        yield from field.names(getattr(thing, name))


def _site(location: object) -> Plain:
    if not isinstance(location, Site):
        return None
    return [location.path, location.lineno, location.end_lineno, location.col, location.end_col]
