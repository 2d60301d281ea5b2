"""Exact sets as predicates without quantifiers: what the spec language can say.

Every Presburger set has such a form once floor divisions by constants are allowed; isl finds the
floors (``compute_divs``), so nothing is approximated here.
"""

from __future__ import annotations

from stile_engine.index.isl_reading import scaled
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, conjunction, disjunction
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.index.work import spend


def predicate_of(index_set: IndexSet) -> Predicate:
    """A predicate that holds at exactly the tuples of the set: a disjunction of conjunctions."""
    if index_set is UNIVERSE:
        return ALWAYS
    if index_set is EMPTY:
        return NEVER
    spend(4)
    parts = []
    for basic in index_set.raw.compute_divs().get_basic_sets():
        conditions = []
        for constraint in basic.get_constraints():
            expression = scaled(constraint.get_aff())
            conditions.append(compare(expression, "==" if constraint.is_equality() else ">=", 0))
        parts.append(conjunction(*sorted(set(conditions), key=str)))
    return disjunction(*sorted(parts, key=str))
