"""Values on their way through the lowering: dims in order, a node, and the characters they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stile_engine.index.affine import Affine
from stile_engine.index.sizes import render_sizes
from stile_engine.spec.syntax.errors import SpecShapeError
from stile_engine.spec.syntax.tree import Syntax
from stile_engine.term.expression import Axes, Node
from stile_engine.term.value import DimRange


@dataclass(frozen=True, slots=True)
class Operand:
    """``node`` has, for each dim that it varies along, a free variable of that name on the dim's range."""

    dims: tuple[DimRange, ...]
    node: Node
    start: int
    end: int

    def dim(self, name: str) -> DimRange | None:
        return next((d for d in self.dims if d.name == name), None)


def at(place: Syntax, dims: Sequence[DimRange], node: Node) -> Operand:
    return Operand(tuple(dims), node, place.start, place.end)


def axes(dims: Iterable[DimRange]) -> Axes:
    return {d.name: (d.low, d.high) for d in dims}


def join(operands: Sequence[Operand]) -> tuple[DimRange, ...]:
    """The dims of several operands in order of first appearance.

    Raises ``SpecShapeError`` at an operand that has another slice of a dim than one before it.
    """
    found: dict[str, tuple[DimRange, Operand]] = {}
    for operand in operands:
        for dim in operand.dims:
            known, origin = found.setdefault(dim.name, (dim, operand))
            if known != dim:
                message = (
                    f"{describe(dim)} meets {describe(known)}: different slices of {dim.name} are different operands; "
                    "expected the same slice on both sides"
                )
                related = ((origin.start, origin.end, f"this has {describe(known)}"),)
                raise SpecShapeError(message, operand.start, operand.end, (str_range(known),), related)
    return tuple(dim for dim, _ in found.values())


def describe(dim: DimRange) -> str:
    return f"the whole {dim.name}" if dim.is_whole else f"the slice {str_range(dim)}"


def str_range(dim: DimRange) -> str:
    """The dim as it is written in a spec."""
    return dim.name if dim.is_whole else f"{dim.name}[{render_sizes(dim.low)}:{render_sizes(dim.high)}]"


def dim_names(dims: Sequence[DimRange]) -> str:
    return " ".join(str_range(d) for d in dims) if dims else "no dims"


def whole(name: str, extent: Affine) -> DimRange:
    return DimRange(name, Affine(), extent, extent)
