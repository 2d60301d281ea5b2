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
    ranges_of,
    select_node,
)
from stile_engine.array.meeting import meet
from stile_engine.array.values import parts_of
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, conjunction, disjunction, negate
from stile_engine.index.sizes import Size
from stile_engine.trace.frontend import axis_variable


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


def overlaid(inside: Predicate, new: Array, old: Array, shape: Shape) -> Array:
    """``old`` with ``new`` written over it where the predicate holds; both have the shape."""
    meet([parts_of(old), parts_of(new)], ranges_of(shape), beside=True)
    return choose([(inside, new), (ALWAYS, old)], shape)


def beside(parts: Sequence[Array], along: int, shape: Shape) -> None:
    """The parts come to stand one after the other along an axis: their other axes are those of the result."""
    others = {v: b for v, b in ranges_of(shape).items() if v != axis_variable(along)}
    meet([parts_of(part) for part in parts], others, beside=True)


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
