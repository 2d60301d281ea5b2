"""Arrays without numbers: a shape, and the element as a function of the axis variables ``$0 …``.

An element is a real number (a ``Node``), an integer that depends on the indices alone (exact, piecewise
affine), or a truth value of the indices. Anything else is *unknown*, with the reason and the place where
the model ended; it may be computed and thrown away without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from stile_engine.array.sizes import unknowns
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, conjunction, disjunction, negate, substitute, variables
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import Size
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Axes,
    IndexNumber,
    Node,
    Unmodelled,
    bounds,
    number,
    select,
)
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.location import Site

T = TypeVar("T")

Shape: TypeAlias = tuple[Size, ...]


Pieces: TypeAlias = tuple[tuple[Predicate, Affine], ...]
"""The first predicate that holds gives the number; the last predicate is ``ALWAYS``."""


@dataclass(frozen=True, slots=True, eq=False)
class RealArray:
    shape: Shape
    node: Node


@dataclass(frozen=True, slots=True, eq=False)
class IntegerArray:
    shape: Shape
    pieces: Pieces

    @property
    def constant(self) -> int | None:
        """The number, where every element is the same one."""
        if len(self.pieces) == 1 and self.pieces[0][1].is_constant:
            return self.pieces[0][1].constant
        return None


@dataclass(frozen=True, slots=True, eq=False)
class TruthArray:
    shape: Shape
    predicate: Predicate


@dataclass(frozen=True, slots=True, eq=False)
class UnknownArray:
    shape: Shape
    reason: str
    site: Site | None


Array: TypeAlias = "RealArray | IntegerArray | TruthArray | UnknownArray"


class Unreadable(Exception):
    """An operation, or this use of it, has no model; the message names the construct."""


_around: ContextVar[Axes | None] = ContextVar("_around", default=None)


@contextmanager
def around(ranges: Axes, instead_of: Collection[str] = ()) -> Iterator[Axes]:
    """While the body of a loop is read, its round and whatever else stands outside is a variable of
    every array, except for those that it replaces. Gives the ranges of all of them."""
    kept = {name: own for name, own in outer_ranges().items() if name not in instead_of}
    token = _around.set({**kept, **ranges})
    try:
        yield outer_ranges()
    finally:
        _around.reset(token)


def outer_ranges() -> Axes:
    """Ranges of the variables that stand outside of all arrays."""
    return _around.get() or {}


def ranges_of(shape: Shape) -> Axes:
    return {**(_around.get() or {}), **{axis_variable(axis): bounds(0, size) for axis, size in enumerate(shape)}}


def axis(number: int) -> Affine:
    return Affine.variable(axis_variable(number))


def integers(shape: Shape, value: Affine) -> IntegerArray:
    return IntegerArray(shape, ((ALWAYS, value),))


# -- reading an array at other indices -----------------------------------------------------


def reindex(
    array: Array,
    indices: Sequence[Affine],
    shape: Shape,
    outside: Mapping[str, Affine] | None = None,
) -> Array:
    """The array of ``shape`` whose element is ``array[indices]``, with indices over the new axis variables;
    ``outside`` replaces variables that stand outside of the array."""
    mapping = {axis_variable(number): index for number, index in enumerate(indices)}
    mapping.update(outside or {})
    match array:
        case RealArray():
            return RealArray(shape, reindex_node(array.node, mapping, ranges_of(shape)))
        case IntegerArray():
            pieces = tuple((substitute(p, mapping), value.substitute(mapping)) for p, value in array.pieces)
            return IntegerArray(shape, prune(pieces, shape))
        case TruthArray():
            return TruthArray(shape, substitute(array.predicate, mapping))
        case UnknownArray():
            return UnknownArray(shape, array.reason, array.site)


# -- deciding predicates -------------------------------------------------------------------


def decide(predicate: Predicate, shape: Shape) -> bool | None:
    """Whether the predicate holds at every index of the shape (True), at none (False), or at some."""
    box = _indices(shape, predicate)
    holds = IndexSet.where(predicate)
    if box.issubset(holds):
        return True
    return False if (box & holds).is_empty else None


def _indices(shape: Shape, *predicates: Predicate) -> IndexSet:
    """All indices of the shape, at all values that the unknowns which matter can have."""
    ranges = ranges_of(shape)
    if sizes := unknowns():
        named = frozenset().union(*map(variables, predicates))
        named |= {v for low, high in ranges.values() for v in low.variables | high.variables}
        ranges.update({name: own for name, own in sizes.items() if name in named})
    return IndexSet.box(ranges)


def prune(pieces: Pieces, shape: Shape) -> Pieces:
    """The same integers without the pieces that no index reaches."""
    if len(pieces) == 1:
        return pieces
    rest = _indices(shape, *(predicate for predicate, _ in pieces))
    kept: list[tuple[Predicate, Affine]] = []
    for predicate, value in pieces:
        here = IndexSet.where(predicate)
        if (rest & here).is_empty:
            continue
        if kept and kept[-1][1] == value:
            kept[-1] = (disjunction(kept[-1][0], predicate), value)
        else:
            kept.append((predicate, value))
        rest = rest - here
        if rest.is_empty:
            break
    if not kept:  # an array without elements: any number will do
        return (pieces[-1],)
    kept[-1] = (ALWAYS, kept[-1][1])
    return tuple(kept)


def regions(pieces: Iterable[tuple[Predicate, T]]) -> list[tuple[Predicate, T]]:
    """The pieces with predicates that exclude one another."""
    found: list[tuple[Predicate, T]] = []
    earlier: list[Predicate] = []
    for predicate, value in pieces:
        found.append((conjunction(predicate, *(negate(e) for e in earlier)), value))
        earlier.append(predicate)
    return found


# -- conversions ---------------------------------------------------------------------------


def select_node(predicate: Predicate, chosen: Node, other: Node, shape: Shape) -> Node:
    return select(predicate, chosen, other, ranges_of(shape))


def by_pieces(pieces: Sequence[tuple[Predicate, T]], shape: Shape, build: Callable[[T], Node]) -> Node:
    """A node chosen by the piece that an index falls into."""
    node = build(pieces[-1][1])
    for predicate, value in reversed(pieces[:-1]):
        node = select_node(predicate, build(value), node, shape)
    return node


def as_node(array: Array) -> Node:
    """The element as a real number."""
    match array:
        case RealArray():
            return array.node
        case IntegerArray():
            return by_pieces(array.pieces, array.shape, lambda value: index_number(value, array.shape))
        case TruthArray():
            return select_node(array.predicate, ONE, ZERO, array.shape)
        case UnknownArray():
            return Unmodelled(array.reason, array.site)


def index_number(value: Affine, shape: Shape) -> Node:
    return number(value.constant) if value.is_constant else IndexNumber(value, ranges_of(shape))
