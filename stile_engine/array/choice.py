"""Arrays put together from arrays of one element type, by predicates on the indices."""

from __future__ import annotations

from collections.abc import Sequence

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    TruthArray,
    UnknownArray,
    as_node,
    axis,
    select_node,
)
from stile_engine.index.dims import Size
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, conjunction, disjunction, negate


def choose(cases: Sequence[tuple[Predicate, Array]], shape: Shape) -> Array:
    """The first case whose predicate holds; the last predicate must be ``ALWAYS``."""
    kept: list[tuple[Predicate, Array]] = []
    for predicate, case in cases:
        simple = integers.simplify(predicate, shape)
        if simple != NEVER:
            kept.append((simple, case))
        if simple == ALWAYS:
            break
    *first, (_, otherwise) = kept
    unknown = next((c for _, c in kept if isinstance(c, UnknownArray)), None)
    if unknown is not None:
        return UnknownArray(shape, unknown.reason, unknown.site)
    if isinstance(otherwise, IntegerArray):
        typed = [(p, c) for p, c in first if isinstance(c, IntegerArray)]
        return integers.choose(typed, otherwise, shape)
    if isinstance(otherwise, TruthArray):
        found = otherwise.predicate
        for predicate, case in reversed(first):
            if isinstance(case, TruthArray):
                found = disjunction(conjunction(predicate, case.predicate), conjunction(negate(predicate), found))
        return TruthArray(shape, integers.simplify(found, shape))
    node = as_node(otherwise)
    for predicate, case in reversed(first):
        node = select_node(predicate, as_node(case), node, shape)
    return RealArray(shape, node)


def join(parts: Sequence[Array], starts: Sequence[Size], along: int, shape: Shape) -> Array:
    """Parts that already have the whole shape, each counting from its start to the next one's.

    Halved again and again, so that many parts do not become one deep chain of choices.
    """
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    low = join(parts[:middle], starts[:middle], along, shape)
    high = join(parts[middle:], starts[middle:], along, shape)
    return choose([(compare(axis(along), "<", starts[middle]), low), (ALWAYS, high)], shape)
