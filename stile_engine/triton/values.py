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
    regions,
    reindex,
)
from stile_engine.array.arrays import by_pieces as pieced
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, substitute, variables
from stile_engine.term.expression import Node, NoValue
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.recording import NOT_MODELLED
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.ttir.tree import Type

if TYPE_CHECKING:
    from stile_engine.triton.memory import Memory

UNTOLD = "untold."
"""How variables for integers begin of which only a range is known. No value and no store may depend on them."""

_UNTOLD_NUMBER = NOT_MODELLED + "a number of which only a range is known (a remainder by a size)"

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
        return regions(self.pieces)


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """A block of addresses: elements of ``memory``, ``offset`` elements after its first one.

    ``steps`` are the offsets that were added one after the other, each in its own integer type.
    """

    shape: Shape
    memory: Memory
    offset: Whole
    steps: tuple[Whole, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Descriptor:
    """A tensor as ``tl.make_tensor_descriptor`` describes it, a scalar: its first element, sizes and strides, and
    what lies outside of it."""

    base: Pointer
    sizes: tuple[Whole, ...]
    strides: tuple[Whole, ...]
    outside: Node
    shape: Shape = ()


Value: TypeAlias = "Array | Whole | Pointer | Descriptor"

_DTYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}


def dtype_of(kind: Type) -> str:
    """The name of an element type as the rest of the engine has it."""
    if kind.element in _DTYPES:
        return _DTYPES[kind.element]
    if kind.element == "i1":
        return "bool"
    return f"int{kind.width}" if kind.is_integer else kind.element


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
    if isinstance(value, Descriptor):
        raise Unreadable("a block of tensor descriptors")
    return reindex(value, indices, shape)


def _moved_whole(value: Whole, indices: Sequence[Affine], shape: Shape) -> Whole:
    mapping = {axis_variable(a): index for a, index in enumerate(indices)}
    if not value.shape:
        return Whole(shape, value.pieces, value.bits)
    return Whole(shape, substituted(value.pieces, mapping), value.bits)


def renamed(value: Value, other: Callable[[str], Affine | None]) -> Value:
    """The value with other variables, where there are others."""
    if isinstance(value, TruthArray):
        used = variables(value.predicate)
    elif isinstance(value, Whole | Pointer):
        blocks = (value,) if isinstance(value, Whole) else (value.offset, *value.steps)
        used = frozenset().union(*(variables(p) | v.variables() for block in blocks for p, v in block.pieces))
    else:
        return value
    mapping = {name: found for name in sorted(used) if (found := other(name)) is not None}
    if not mapping:
        return value
    if isinstance(value, TruthArray):
        return truth(value.shape, substitute(value.predicate, mapping))
    if isinstance(value, Whole):
        return Whole(value.shape, substituted(value.pieces, mapping), value.bits)
    offset, *steps = (Whole(b.shape, substituted(b.pieces, mapping), b.bits) for b in blocks)
    return Pointer(value.shape, value.memory, offset, tuple(steps))


def substituted(pieces: Pieces, mapping: Mapping[str, Affine]) -> Pieces:
    return tuple((substitute(p, mapping), v.substitute(mapping)) for p, v in pieces)


def real_node(value: Value) -> Node:
    """An element as a real number."""
    if isinstance(value, Pointer | Descriptor):
        raise Unreadable("a pointer used as a number")
    if isinstance(value, Whole):
        return by_pieces(value, lambda v: _number(v, value.shape))
    return as_node(value)


def _number(value: Polynomial, shape: Shape) -> Node:
    if any(name.startswith(UNTOLD) for name in value.variables()):
        return NoValue(_UNTOLD_NUMBER)
    return index_number(_affine(value), shape)


def _affine(value: Polynomial) -> Affine:
    if value.affine is None:
        raise Unreadable("a product of sizes used as a real number")
    return value.affine


def by_pieces(value: Whole, build: Callable[[Polynomial], Node]) -> Node:
    """A node chosen by the piece that a lane falls into."""
    return pieced(value.pieces, value.shape, build)


def real(shape: Shape, node: Node) -> RealArray:
    return RealArray(shape, node)


def truth(shape: Shape, predicate: Predicate) -> TruthArray:
    return TruthArray(shape, predicate)


def lanes(shape: Shape) -> list[Affine]:
    return [axis(a) for a in range(len(shape))]
