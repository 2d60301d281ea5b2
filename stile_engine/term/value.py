"""An array as the prover sees it: dims with ranges, and the element as an expression over them."""

from __future__ import annotations

from dataclasses import dataclass

from stile_engine.index.affine import Affine
from stile_engine.term.expression import Axes, Node


@dataclass(frozen=True, slots=True)
class DimRange:
    """A whole dim, or the slice ``[low, high)`` of it, in coordinates of the whole dim."""

    name: str
    low: Affine
    high: Affine
    extent: Affine

    @property
    def is_whole(self) -> bool:
        return self.low == Affine() and self.high == self.extent

    def __str__(self) -> str:
        return self.name if self.is_whole else f"{self.name}[{self.low}:{self.high}]"


@dataclass(frozen=True, slots=True)
class Value:
    """``node`` has one free variable for each dim that it depends on, named like the dim."""

    dims: tuple[DimRange, ...]
    node: Node

    @property
    def axes(self) -> Axes:
        return {d.name: (d.low, d.high) for d in self.dims}

    @property
    def shape_type(self) -> str:
        return " ".join(str(d) for d in self.dims)
