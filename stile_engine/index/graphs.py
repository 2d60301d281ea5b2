"""Sets as graphs of functions: whether some variables are determined by the others, and by which expression."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import islpy as isl

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, conjunction
from stile_engine.index.sets import (
    _PARAM,
    _SET,
    IndexSet,
    _dim_name,
    _from_aff,
    _integer,
    _isl_name,
    _limited,
    decoded_name,
)
from stile_engine.index.work import spend


def with_values(domain: IndexSet, values: Iterable[tuple[str, Affine]]) -> IndexSet:
    """The tuples of the set together with variables that equal these expressions."""
    equal = [compare(Affine.variable(name), "==", value) for name, value in values]
    return domain & IndexSet.where(conjunction(*equal)) if equal else domain


@lru_cache(maxsize=65536)
def is_function(graph: IndexSet, names: tuple[str, ...]) -> bool:
    """Whether at most one tuple of ``names`` belongs to each tuple of the other variables."""
    names = tuple(n for n in names if n in graph.parameters)
    if not names:
        return True
    spend(2)
    return _is_function(graph, names)


@_limited
def _is_function(graph: IndexSet, names: tuple[str, ...]) -> bool:
    raw = graph.raw
    for name in names:
        raw = raw.move_dims(_SET, 0, _PARAM, raw.find_dim_by_name(_PARAM, _isl_name(name)), 1)
    return bool(isl.Map.from_range(raw).is_single_valued())


@lru_cache(maxsize=65536)
def are_coupled(domain: IndexSet, names: tuple[str, ...]) -> bool:
    """Whether a constraint of the set names two of the variables; True also where that is not plain to see."""
    spend()
    for part in domain.raw.get_basic_sets():
        for constraint in part.get_constraints():
            if constraint.dim(isl.dim_type.div) and part.dim(isl.dim_type.div):
                return True
            named = 0
            for name in names:
                dim = domain.raw.find_dim_by_name(_PARAM, _isl_name(name))
                named += dim >= 0 and not constraint.get_coefficient_val(_PARAM, dim).is_zero()
            if named > 1:
                return True
    return False


@lru_cache(maxsize=65536)
def exact_value(graph: IndexSet, name: str) -> tuple[Affine, int] | None:
    """``(e, d)`` with ``d * name == e`` at every tuple of the set, where its equations say so. Which of them
    is taken depends on the set alone."""
    if name not in graph.parameters:
        return None
    spend()
    return _exact_value(graph, name)


@_limited
def _exact_value(graph: IndexSet, name: str) -> tuple[Affine, int] | None:
    hull = graph.raw.affine_hull()
    own = graph.raw.find_dim_by_name(_PARAM, _isl_name(name))  # the hull keeps the dims in place
    found: list[tuple[int, str, Affine]] = []
    for constraint in hull.get_constraints() if own >= 0 else ():
        divisions = range(constraint.dim(isl.dim_type.div))
        if not constraint.is_equality() or any(
            not constraint.get_coefficient_val(isl.dim_type.div, d).is_zero() for d in divisions
        ):
            continue
        coefficient = _integer(constraint.get_coefficient_val(_PARAM, own))
        if not coefficient:
            continue
        rest = Affine((), _integer(constraint.get_constant_val()))
        for dim in range(constraint.dim(_PARAM)):
            factor = _integer(constraint.get_coefficient_val(_PARAM, dim))
            if dim != own and factor:
                rest = rest + Affine.variable(decoded_name(_dim_name(constraint, dim))) * factor
        # coefficient * name + rest = 0
        value = -rest if coefficient > 0 else rest
        found.append((abs(coefficient), value.digest, value))
    if not found:
        return None
    divisor, _, value = min(found, key=lambda f: f[:2])
    return value, divisor


@lru_cache(maxsize=65536)
def value_of(graph: IndexSet, name: str) -> Affine | None:
    """An expression that ``name`` equals at every tuple of the set, if one is found. Which one depends on the
    set alone, and on no other way in which it could be written."""
    exact = exact_value(graph, name)
    if exact is not None:
        numerator, divisor = exact
        # d divides the numerator, so that it may be rounded up to a constant that d divides
        whole = -(-numerator.constant // divisor)
        return (numerator - numerator.constant) // divisor + whole
    spend(2)
    return _extreme(graph, name)


@_limited
def _extreme(graph: IndexSet, name: str) -> Affine | None:
    raw = graph.raw
    dim = raw.find_dim_by_name(_PARAM, _isl_name(name))
    if dim < 0:
        return None
    try:
        pieces = raw.move_dims(_SET, 0, _PARAM, dim, 1).dim_max(0).get_pieces()
    except isl.Error:
        return None
    for _, expression in pieces:
        value = _from_aff(expression)
        if value is not None and graph.issubset(IndexSet.where(compare(Affine.variable(name), "==", value))):
            return value
    return None
