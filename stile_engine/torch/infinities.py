"""Where an expression is minus infinity because of its indices alone, as masks make it."""

from __future__ import annotations

from collections.abc import Sequence

from stile_engine.array.arrays import RealArray, ranges_of
from stile_engine.array.facts import is_surely_finite
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, conjunction, disjunction, negate, substitute
from stile_engine.index.sets import IndexSet
from stile_engine.term.expression import Apply, Infinity, Node, Reindex, Restrict, Select
from stile_engine.trace.frontend import axis_variable


def minus_infinity(node: Node) -> Predicate | None:
    """Where the node is −∞, being finite elsewhere; None where that is not known."""
    match node:
        case Infinity(-1):
            return ALWAYS
        case _ if is_surely_finite(node):
            return NEVER
        case Select(predicate, chosen, other, _):
            first, second = minus_infinity(chosen), minus_infinity(other)
            if first is None or second is None:
                return None
            return disjunction(conjunction(predicate, first), conjunction(negate(predicate), second))
        case Apply("add", (left, right)):
            first, second = minus_infinity(left), minus_infinity(right)
            return None if first is None or second is None else disjunction(first, second)
        case Apply("sub", (left, right)) if is_surely_finite(right):
            return minus_infinity(left)
        case Reindex(body, mapping, _):
            inner = minus_infinity(body)
            return None if inner is None else substitute(inner, mapping)
        case Restrict(body, _):
            return minus_infinity(body)
        case _:
            return None


def has_finite_member(array: RealArray, along: Sequence[int]) -> bool:
    """Whether each row along the axes has an element that is finite; False means *not known*."""
    where = minus_infinity(array.node)
    if where is None:
        return False
    if where == NEVER:
        return all(array.shape[a] > 0 for a in along)
    box = IndexSet.box(ranges_of(array.shape))
    finite = box & IndexSet.where(negate(where))
    names = [axis_variable(a) for a in along]
    rows = {axis_variable(a): r for a, r in enumerate(ranges_of(array.shape).values()) if a not in along}
    return IndexSet.box(rows).issubset(finite.project_out(names))
