"""What the elements of a symbolic array are, as functions of its axis variables.

A real number (a node), an integer that depends on the indices alone (an affine expression), or a truth
value of the indices (a predicate). Axes are counted from the right, ``$-1`` being the last, because that
is how NumPy aligns operands: leading axes that an operand lacks need no renaming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, substitute
from stile_engine.index.sizes import Size
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Axes,
    IndexNumber,
    Node,
    Read,
    bounds,
    every_node,
    number,
    select,
)
from stile_engine.term.provenance import Part
from stile_engine.term.reindexing import reindex_node

Shape: TypeAlias = tuple[Size, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    node: Node


@dataclass(frozen=True, slots=True, eq=False)
class Integer:
    value: Affine


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    predicate: Predicate


Elements: TypeAlias = "Real | Integer | Truth"


def axis_name(axis: int, rank: int) -> str:
    return f"${axis - rank}"


def axis_index(axis: int, rank: int) -> Affine:
    return Affine.variable(axis_name(axis, rank))


def ranges_of(shape: Shape) -> Axes:
    return {axis_name(axis, len(shape)): bounds(0, size) for axis, size in enumerate(shape)}


def as_node(elements: Elements, shape: Shape) -> Node:
    """The elements as real numbers; a truth value counts as 1 or 0."""
    match elements:
        case Real(node):
            return node
        case Integer(value):
            return number(value.constant) if value.is_constant else IndexNumber(value, ranges_of(shape))
        case Truth(predicate):
            return select(predicate, ONE, ZERO, ranges_of(shape))


def part_of(elements: Elements) -> Part:
    """What decides which dims the elements run along."""
    match elements:
        case Real(node):
            return node
        case Integer(value):
            return value
        case Truth(predicate):
            return predicate


def reads_data(root: Node) -> bool:
    """Whether an input stands anywhere in the expression."""
    return any(isinstance(node, Read) for node in every_node(root))


def reindex(elements: Elements, indices: Sequence[Affine], shape: Shape) -> Elements:
    """The elements of an array of ``shape`` that reads the given one at ``indices`` (one for each of its axes).

    The indices must lie inside the array, at least wherever the result is looked at.
    """
    rank = len(indices)
    return substituted(elements, {axis_name(axis, rank): index for axis, index in enumerate(indices)}, ranges_of(shape))


def substituted(elements: Elements, mapping: Mapping[str, Affine], ranges: Axes) -> Elements:
    match elements:
        case Real(node):
            return Real(reindex_node(node, mapping, ranges))
        case Integer(value):
            return Integer(value.substitute(mapping))
        case Truth(predicate):
            return Truth(substitute(predicate, mapping))
