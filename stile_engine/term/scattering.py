"""Arrays that are written at indices that data give, as expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, conjunction
from stile_engine.term.expression import (
    ZERO,
    Axes,
    Bounds,
    IndexNumber,
    Node,
    Reindex,
    Scatter,
    add,
    apply,
    multiply,
    reduce,
)

COMBINED = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}
"""The function that joins what is written to one place with what stands there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Along the target's ``variable``, which has these bounds, the value goes to ``index``."""

    variable: str
    bounds: Bounds
    index: Affine


def scattered(
    bound: Axes, places: Sequence[Place], body: Node, base: Node, ranges: Mapping[str, Bounds], reduction: str | None
) -> Node:
    """``base``, with ``body`` written to the places for every value of the bound variables.

    Without a ``reduction`` a place is written once at most; with one, all that is written there and the base are
    combined. ``ranges`` are those of every variable that is named.
    """
    predicate = conjunction(*(compare(Affine.variable(p.variable), "==", p.index) for p in places))
    if reduction is None:
        return Scatter(bound, predicate, body, base, dict(ranges))
    outer = {v: b for v, b in ranges.items() if v not in bound}
    return apply(COMBINED[reduction], base, reduce(reduction, bound, body, predicate, outer))


def checked(node: Node, bound: Axes, places: Sequence[Place], ranges: Mapping[str, Bounds]) -> Node:
    """The same value where all places lie in the target; none elsewhere, whatever is written there."""
    for place in places:
        along = IndexNumber(Affine.variable(place.variable), {place.variable: place.bounds})
        here = Reindex(along, {place.variable: place.index}, dict(ranges))
        node = add(node, multiply(ZERO, reduce("sum", bound, here)))
    return node
