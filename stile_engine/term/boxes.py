"""Boxes of the index space, and memory that was written box by box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from stile_engine.index.predicate import And, AtLeastZero, EqualsZero, Predicate
from stile_engine.term.expression import Axes, Node, bounds
from stile_engine.term.tiling import Tile, join

Box: TypeAlias = Mapping[str, tuple[int, int]]
"""A half-open range of numbers for each index variable."""


def box_of(predicate: Predicate, whole: Box) -> Box | None:
    """The box inside ``whole`` on which the predicate holds, if it is a conjunction of bounds on single variables."""
    box = {name: list(ends) for name, ends in whole.items()}
    for part in predicate.operands if isinstance(predicate, And) else (predicate,):
        match part:
            case AtLeastZero(expression) | EqualsZero(expression) if len(expression.terms) == 1:
                (atom, coefficient), offset = expression.terms[0], expression.constant
                if not isinstance(atom, str) or atom not in box or abs(coefficient) != 1:
                    return None
                ends = box[atom]
                if isinstance(part, EqualsZero) or coefficient == 1:
                    ends[0] = max(ends[0], -offset * coefficient)
                if isinstance(part, EqualsZero) or coefficient == -1:
                    ends[1] = min(ends[1], offset * -coefficient + 1)
            case _:
                return None
    return {name: (low, high) for name, (low, high) in box.items()}


@dataclass(frozen=True, slots=True)
class Overlay:
    """What was written on boxes, the latest last. It is kept apart until it is read, so that a loop over tiles makes
    a shallow expression and reads back what it has just written without the rest."""

    parts: tuple[tuple[Box, Node], ...] = ()

    def written(self, box: Box, node: Node) -> Overlay:
        """With ``node`` on the box; what lies inside of it is gone."""
        return Overlay((*(part for part in self.parts if not _inside(part[0], box)), (box, node)))

    def meets(self, region: Box) -> bool:
        return any(_meet(box, region) for box, _ in self.parts)

    def over(self, node: Node, region: Box, whole: Axes) -> Node:
        """The parts over ``node``, with its axes on the ranges ``whole``; right inside the region."""
        tiles = [Tile(_axes(_common(box, region)), part) for box, part in self.parts if _meet(box, region)]
        return join(tiles, _axes(region), whole, node)


def _axes(box: Box) -> Axes:
    return {name: bounds(low, high) for name, (low, high) in box.items()}


def _meet(left: Box, right: Box) -> bool:
    return all(low < high for low, high in _common(left, right).values())


def _common(left: Box, right: Box) -> Box:
    return {name: (max(low, right[name][0]), min(high, right[name][1])) for name, (low, high) in left.items()}


def _inside(inner: Box, outer: Box) -> bool:
    return all(outer[name][0] <= low and high <= outer[name][1] for name, (low, high) in inner.items())
