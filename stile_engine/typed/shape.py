"""Shape types: which dims an array has, in axis order, and which slice of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.errors import DimError, UsageError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim, DimSlice, named_sizes
from stile_engine.index.predicate import compare
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import render_sizes
from stile_engine.term.expression import Axes, Node
from stile_engine.term.expression_text import expression_text
from stile_engine.term.value import DimRange, Value

DimLike: TypeAlias = "Dim | DimSlice | DimRange"


class ShapeType(tuple[DimRange, ...]):
    """The dims of an array in axis order, each whole or sliced. Prints as in a spec: ``q[0:16] d``."""

    __slots__ = ()

    def __str__(self) -> str:
        return " ".join(dim_text(d) for d in self) if self else "a scalar"

    __repr__ = __str__

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(d.name for d in self)

    @property
    def axes(self) -> Axes:
        return {d.name: (d.low, d.high) for d in self}

    @property
    def extents(self) -> dict[str, Affine]:
        return {d.name: d.extent for d in self}

    def find(self, name: str) -> DimRange | None:
        return next((d for d in self if d.name == name), None)

    def without(self, name: str) -> ShapeType:
        return ShapeType(d for d in self if d.name != name)

    def replaced(self, dim: DimRange) -> ShapeType:
        return ShapeType(dim if d.name == dim.name else d for d in self)


@dataclass(frozen=True, slots=True)
class ExprType:
    """The expression so far. Its text is made when somebody asks for it."""

    node: Node
    extents: Mapping[str, Affine]

    def __str__(self) -> str:
        return expression_text(self.node, self.extents)

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Type:
    """What a typed array is: its shape type and its expression type."""

    st: ShapeType
    et: ExprType

    @property
    def value(self) -> Value:
        return Value(tuple(self.st), self.et.node)

    def __str__(self) -> str:
        return f"{self.st}: {self.et}"


def smallest_below_zero(size: Affine) -> str | None:
    """The smallest sizes at which the expression of sizes is negative, as text; None where there is no choice."""
    if size.is_constant:
        return None
    sample = IndexSet.where(compare(size, "<", 0)).sample()
    return ", ".join(f"{name} = {value}" for name, value in named_sizes(sample or {}).items()) or None


def dim_text(dim: DimRange) -> str:
    return dim.name if dim.is_whole else f"{dim.name}[{render_sizes(dim.low)}:{render_sizes(dim.high)}]"


def dim_range(dim: DimLike) -> DimRange:
    """A whole dim or a slice of one as a range in coordinates of the whole dim."""
    match dim:
        case DimRange():
            return dim
        case DimSlice():
            return DimRange(dim.name, dim.low, dim.high, dim.dim.extent)
        case Dim():
            return DimRange(dim.name, Affine(), dim.extent, dim.extent)
    raise UsageError(f"expected a dim or a slice of one, such as K or K[0:16], not {dim!r}")


def shape_of(dims: Iterable[DimLike]) -> ShapeType:
    """The shape type with these dims. Raises ``DimError`` if one stands twice."""
    found = ShapeType(dim_range(d) for d in dims)
    for position, dim in enumerate(found):
        if dim.name in found.names[:position]:
            raise DimError(f"the dim {dim.name} stands twice in {found}; an array has each dim at most once")
    return found


def size_of(dim: DimRange) -> Affine:
    return dim.high - dim.low


_DIM = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[\s*(\d*)\s*:\s*(\d*)\s*\])?")


@dataclass(frozen=True, slots=True)
class EinsumDim:
    """A dim in an einsum string; ``bounds`` is None where no slice is written."""

    name: str
    bounds: tuple[int | None, int | None] | None

    def agrees(self, dim: DimRange) -> bool:
        if self.name != dim.name:
            return False
        if self.bounds is None:
            return True
        low, high = self.bounds
        return dim.low == Affine.of(low or 0) and dim.high == (dim.extent if high is None else Affine.of(high))


def parse_einsum(text: str) -> tuple[tuple[tuple[EinsumDim, ...], ...], tuple[EinsumDim, ...]]:
    """``"M N, N K -> M K"`` as the dims of each operand and of the result. Raises ``UsageError``."""
    if text.count("->") != 1:
        raise UsageError(f'an einsum string has one arrow, as in "M N, N K -> M K", not {text!r}')
    left, right = text.split("->")
    return tuple(_einsum_dims(part, text) for part in left.split(",")), _einsum_dims(right, text)


def _einsum_dims(part: str, text: str) -> tuple[EinsumDim, ...]:
    found: list[EinsumDim] = []
    position = 0
    part = part.strip()
    while position < len(part):
        match = _DIM.match(part, position)
        if match is None:
            raise UsageError(f"{part[position:].strip()!r} in the einsum string {text!r} is no dim")
        name, low, high = match.groups()
        bounds = None if low is None else (int(low) if low else None, int(high) if high else None)
        found.append(EinsumDim(name, bounds))
        position = match.end()
    return tuple(found)
