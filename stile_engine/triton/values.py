"""What the values of a kernel are: blocks of real numbers and truth values as everywhere, integers, and pointers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from stile_engine.array.arrays import (
    Array,
    RealArray,
    Shape,
    TruthArray,
    Unreadable,
    as_node,
    axis,
    index_number,
    reindex,
    select_node,
)
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, conjunction, negate, substitute
from stile_engine.term.expression import Node
from stile_engine.trace.frontend import axis_variable
from stile_engine.triton.polynomials import Polynomial

if TYPE_CHECKING:
    from stile_engine.triton.memory import Memory

Pieces: TypeAlias = tuple[tuple[Predicate, Polynomial], ...]
"""The first predicate that holds gives the number; the last one is ``ALWAYS``."""


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A block of integers of ``bits`` bits (a scalar has no shape), as numbers without an end: whether they fit
    is asked where it matters (``overflow.py``)."""

    shape: Shape
    pieces: Pieces
    bits: int = 32

    @property
    def single(self) -> Polynomial | None:
        return self.pieces[0][1] if len(self.pieces) == 1 else None

    @property
    def constant(self) -> int | None:
        return None if self.single is None else self.single.constant

    def regions(self) -> list[tuple[Predicate, Polynomial]]:
        """The pieces with predicates that exclude one another."""
        found: list[tuple[Predicate, Polynomial]] = []
        earlier: list[Predicate] = []
        for predicate, value in self.pieces:
            found.append((conjunction(predicate, *(negate(e) for e in earlier)), value))
            earlier.append(predicate)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """A block of addresses: elements of ``memory``, ``offset`` elements after its first one.

    ``steps`` are the offsets that were added one after the other, each in its own integer type.
    """

    shape: Shape
    memory: Memory
    offset: Whole
    steps: tuple[Whole, ...] = ()


Value: TypeAlias = "Array | Whole | Pointer"


def whole(shape: Shape, value: Affine | int | Polynomial, bits: int = 32) -> Whole:
    found = value if isinstance(value, Polynomial) else Polynomial.of(value)
    return Whole(shape, ((ALWAYS, found),), bits)


def moved(value: Value, indices: Sequence[Affine], shape: Shape) -> Value:
    """The block of ``shape`` whose element is ``value[indices]``, with indices over the new axes."""
    if isinstance(value, Pointer):
        offset = _moved_whole(value.offset, indices, shape)
        return Pointer(shape, value.memory, offset, tuple(_moved_whole(s, indices, shape) for s in value.steps))
    if isinstance(value, Whole):
        return _moved_whole(value, indices, shape)
    return reindex(value, indices, shape)


def _moved_whole(value: Whole, indices: Sequence[Affine], shape: Shape) -> Whole:
    mapping = {axis_variable(a): index for a, index in enumerate(indices)}
    if not value.shape:
        return Whole(shape, value.pieces, value.bits)
    return Whole(shape, substituted(value.pieces, mapping), value.bits)


def substituted(pieces: Pieces, mapping: Mapping[str, Affine]) -> Pieces:
    return tuple((substitute(p, mapping), v.substitute(mapping)) for p, v in pieces)


def real_node(value: Value) -> Node:
    """An element as a real number."""
    if isinstance(value, Pointer):
        raise Unreadable("a pointer used as a number")
    if isinstance(value, Whole):
        return by_pieces(value, lambda v: index_number(_affine(v), value.shape))
    return as_node(value)


def _affine(value: Polynomial) -> Affine:
    if value.affine is None:
        raise Unreadable("a product of sizes used as a real number")
    return value.affine


def by_pieces(value: Whole, build: Callable[[Polynomial], Node]) -> Node:
    """A node chosen by the piece that a lane falls into."""
    node = build(value.pieces[-1][1])
    for predicate, polynomial in reversed(value.pieces[:-1]):
        node = select_node(predicate, build(polynomial), node, value.shape)
    return node


def real(shape: Shape, node: Node) -> RealArray:
    return RealArray(shape, node)


def truth(shape: Shape, predicate: Predicate) -> TruthArray:
    return TruthArray(shape, predicate)


def lanes(shape: Shape) -> list[Affine]:
    return [axis(a) for a in range(len(shape))]
