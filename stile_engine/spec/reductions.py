"""Contractions, reductions and softmax as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce as fold

from stile_engine.index.predicate import ALWAYS, Predicate
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Axes,
    Node,
    Restrict,
    apply,
    divide,
    multiply,
    reduce,
    select,
)

OWN_OPERATION = {"sum": "mul", "prod": "mul", "max": "maximum", "min": "minimum"}
"""What combines the operands of ``R(a, b -> dims)``; mean and logsumexp have one operand."""


def combine(function: str, nodes: Sequence[Node]) -> Node:
    """The operands of a contraction, or of a reduction without a bracket, at one index."""
    if function in ("sum", "prod"):
        return fold(multiply, nodes)
    return fold(lambda left, right: apply(OWN_OPERATION[function], left, right), nodes)


def reduced(function: str, bound: Axes, body: Node, predicate: Predicate = ALWAYS, ranges: Axes | None = None) -> Node:
    """``function`` of the body over the bound ranges where the predicate holds.

    ``bound`` may be narrower than the body's own range. With nothing bound and no predicate it is the
    reduction of the one point that there is.
    """
    narrow = {v: b for v, b in bound.items() if v in body.axes and body.axes[v] != b}
    if narrow:
        body = Restrict(body, narrow)
    match function:
        case "mean":
            # The divisor counts the points, so that the mean of nothing is 0/0 and has no value.
            return divide(_reduce("sum", bound, body, predicate, ranges), _reduce("sum", bound, ONE, predicate, ranges))
        case "logsumexp":
            return apply("log", _reduce("sum", bound, apply("exp", body), predicate, ranges))
        case _:
            return _reduce(function, bound, body, predicate, ranges)


def softmax(bound: Axes, body: Node, predicate: Predicate, ranges: Axes) -> Node:
    """``exp(e) / sum(exp(e))`` where the predicate holds, else 0; ``bound`` is the body's own range.

    A row in which no point satisfies the predicate has no value at any index: there the 0 is 0 / 0,
    zero divided by the number of points.
    """
    weight = apply("exp", body)
    quotient = divide(weight, _reduce("sum", bound, weight, predicate, ranges))
    if predicate == ALWAYS:
        return quotient
    elsewhere = divide(ZERO, _reduce("sum", bound, ONE, predicate, ranges))
    return select(predicate, quotient, elsewhere, {**ranges, **bound})


def _reduce(function: str, bound: Axes, body: Node, predicate: Predicate, ranges: Axes | None) -> Node:
    if not bound and predicate == ALWAYS:
        return body
    return reduce(function, bound, body, predicate, ranges)
