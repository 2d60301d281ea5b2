"""The parse tree: what was written, with the characters ``[start, end)`` of every part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Syntax:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name(Syntax):
    text: str


# Index expressions and predicates


@dataclass(frozen=True, slots=True)
class Integer(Syntax):
    value: int


@dataclass(frozen=True, slots=True)
class Index(Syntax):
    """The index along a dim, written as the dim's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Data(Syntax):
    """An element of a tensor that stands in a predicate or in an index: ``len:b``."""

    label: Name
    dims: tuple[DimRef, ...]


@dataclass(frozen=True, slots=True)
class Size(Syntax):
    """``size(d)``; also a number."""

    dim: DimRef


@dataclass(frozen=True, slots=True)
class IndexAt(Syntax):
    """``at[dim := index](e)`` in a predicate or in an index: ``at[b := b + 1](off:b)``."""

    dim: Name
    index: Condition
    operand: Condition


@dataclass(frozen=True, slots=True)
class IndexNegative(Syntax):
    operand: Condition


@dataclass(frozen=True, slots=True)
class IndexChain(Syntax):
    """Operands joined, from left to right, by ``+ -`` or by ``* // %``."""

    operators: tuple[str, ...]
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Syntax):
    """A chain: ``0 <= K < 4`` holds where each neighbouring pair does."""

    operators: tuple[str, ...]
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Conjunction(Syntax):
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Disjunction(Syntax):
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation(Syntax):
    operand: Condition


IndexExpression: TypeAlias = Integer | Index | Data | IndexAt | Size | IndexNegative | IndexChain
Condition: TypeAlias = IndexExpression | Comparison | Conjunction | Disjunction | Negation
"""Either sort; ``sorts.py`` has checked that the right one stands in each place."""


# Values


@dataclass(frozen=True, slots=True)
class DimRef(Syntax):
    """A whole dim, or the half-open slice ``[low, high)`` of it."""

    name: Name
    low: Condition | None
    high: Condition | None


@dataclass(frozen=True, slots=True)
class Arrow(Syntax):
    dims: tuple[DimRef, ...]


@dataclass(frozen=True, slots=True)
class Arguments(Syntax):
    """``(a, b, … -> dims)``, after a function or alone."""

    operands: tuple[Item, ...]
    arrow: Arrow | None


@dataclass(frozen=True, slots=True)
class Number(Syntax):
    """``written`` is the decimal in the source, ``value`` exactly that decimal."""

    written: str
    value: Fraction


@dataclass(frozen=True, slots=True)
class Infinite(Syntax):
    pass


@dataclass(frozen=True, slots=True)
class Pi(Syntax):
    pass


@dataclass(frozen=True, slots=True)
class Operand(Syntax):
    """A tensor, labelled or not; an unlabelled lone name may be one that ``let`` has bound."""

    label: Name | None
    dims: tuple[DimRef, ...]


@dataclass(frozen=True, slots=True)
class Sum(Syntax):
    operators: tuple[str, ...]
    operands: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Product(Syntax):
    operators: tuple[str, ...]
    operands: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Negative(Syntax):
    operand: Item


@dataclass(frozen=True, slots=True)
class Power(Syntax):
    base: Item
    exponent: int


@dataclass(frozen=True, slots=True)
class Masked(Syntax):
    """``body where predicate``."""

    body: Item
    predicate: Condition


@dataclass(frozen=True, slots=True)
class Choice(Syntax):
    """``where(predicate, chosen, other)``."""

    predicate: Condition
    chosen: Item
    other: Item


@dataclass(frozen=True, slots=True)
class Let(Syntax):
    name: Name
    value: Item
    body: Item


@dataclass(frozen=True, slots=True)
class Group(Syntax):
    """Parentheses that hold more than one plain operand: ``(a, b -> dims)``."""

    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Reduction(Syntax):
    """``sum[d where P](e)``, ``sum(a, b -> dims)``; the function may be ``softmax``."""

    function: Name
    dim: DimRef | None
    predicate: Condition | None
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Call(Syntax):
    function: Name
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Gather(Syntax):
    dim: DimRef
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Scatter(Syntax):
    dim: DimRef
    reduction: Name | None
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class At(Syntax):
    """``at[dim := index](e)``."""

    dim: Name
    index: Condition
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Zeros(Syntax):
    dims: tuple[DimRef, ...]


@dataclass(frozen=True, slots=True)
class Full(Syntax):
    dims: tuple[DimRef, ...]
    value: Item


@dataclass(frozen=True, slots=True)
class Scalar(Syntax):
    name: Name


Item: TypeAlias = (
    Number | Infinite | Pi | Operand | Sum | Product | Negative | Power | Masked | Choice | Let | Group
    | Reduction | Call | Gather | Scatter | At | Zeros | Full | Size | Scalar
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec(Syntax):
    """``start`` and ``end`` leave out the white space around; ``arrow`` fixes the order of the dims."""

    body: Item
    arrow: Arrow | None


def children(node: Syntax) -> Iterator[Syntax]:
    """The parts of a node from left to right."""
    for field in fields(node):
        part = getattr(node, field.name)
        if isinstance(part, Syntax):
            yield part
        elif isinstance(part, tuple):
            yield from (p for p in part if isinstance(p, Syntax))


def walk(root: Syntax) -> Iterator[tuple[Syntax, int]]:
    """Every node with its depth, parents first, from left to right; without recursion."""
    pending: list[tuple[Syntax, int]] = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        pending.extend((child, depth + 1) for child in reversed(tuple(children(node))))
