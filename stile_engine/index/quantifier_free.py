"""Exact sets as predicates without quantifiers: what the spec language can say.

Every Presburger set has such a form once floor divisions by constants are allowed; isl finds the
floors (``compute_divs``), so nothing is approximated here.
"""

from __future__ import annotations

import islpy as isl

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, conjunction, disjunction
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet, decoded_name
from stile_engine.index.work import spend

_PARAM = isl.dim_type.param
_DIV = isl.dim_type.div


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
            expression = _affine(constraint.get_aff())
            conditions.append(compare(expression, "==" if constraint.is_equality() else ">=", 0))
        parts.append(conjunction(*sorted(set(conditions), key=str)))
    return disjunction(*sorted(parts, key=str))


def _affine(aff: isl.Aff) -> Affine:
    """``denominator * aff``, which has whole coefficients; floors inside are exact."""
    denominator = aff.get_denominator_val()

    def whole(value: isl.Val) -> int:
        return int((value * denominator).to_python())

    total = Affine((), whole(aff.get_constant_val()))
    for dim in range(aff.dim(_PARAM)):
        if factor := whole(aff.get_coefficient_val(_PARAM, dim)):
            total = total + Affine.variable(decoded_name(str(aff.get_dim_name(_PARAM, dim)))) * factor
    for dim in range(aff.dim(_DIV)):
        if factor := whole(aff.get_coefficient_val(_DIV, dim)):
            inner = aff.get_div(dim)
            # the div is floor(inner), and inner = (whole numerator) / denominator
            total = total + _affine(inner) // int(inner.get_denominator_val().to_python()) * factor
    return total
