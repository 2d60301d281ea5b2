"""Sets as graphs of functions: whether some variables are determined by the others, and by which expression."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import islpy as isl

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.isl_limits import PARAM, SET, limited, whole_answer
from stile_engine.index.isl_reading import equations, from_aff, integer, without
from stile_engine.index.isl_writing import isl_name
from stile_engine.index.predicate import compare, conjunction
from stile_engine.index.sets import EMPTY, IndexSet
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


@limited
def _is_function(graph: IndexSet, names: tuple[str, ...]) -> bool:
    raw = graph.raw
    for name in names:
        raw = raw.move_dims(SET, 0, PARAM, raw.find_dim_by_name(PARAM, isl_name(name)), 1)
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
                dim = domain.raw.find_dim_by_name(PARAM, isl_name(name))
                named += dim >= 0 and not constraint.get_coefficient_val(PARAM, dim).is_zero()
            if named > 1:
                return True
    return whole_answer(False)


@lru_cache(maxsize=65536)
def exact_value(graph: IndexSet, name: str) -> tuple[Affine, int] | None:
    """``(e, d)`` with ``d * name == e`` at every tuple of the set, where its equations say so. Which of them
    is taken depends on the set alone."""
    if name not in graph.parameters:
        return None
    spend()
    plain = [(abs(own), rest.digest, rest if own < 0 else -rest) for own, rest, m in _equations(graph, name) if not m]
    if not plain:
        return None
    divisor, _, value = min(plain, key=lambda f: f[:2])
    return value, divisor


@limited
def _equations(graph: IndexSet, name: str) -> list[tuple[int, Affine, int]]:
    """``(c, e, m)`` for the equations ``c * name + e == 0`` that hold in the set, modulo m where m is not 0."""
    return equations(graph.raw, name)


def value_of(graph: IndexSet, name: str) -> Affine | None:
    """An expression that ``name`` equals at every tuple of the set, if one is found. Which one depends on the
    set alone, and on no other way in which it could be written."""
    return _value_of(graph, name)


@lru_cache(maxsize=65536)
def determined(domain: IndexSet, name: str) -> Affine | None:
    """The expression in other variables that ``name`` equals at every tuple of the set: by an equation, or
    between two bounds, as k is q // 4 where ``4*k <= q < 4*k + 4``."""
    value = domain.solve(name)
    if value is not None or domain.tokens or len(domain.variables) < 2 or name not in domain.variables:
        return value
    return value_of(domain, name) if is_function(domain, (name,)) else None


def lengths(domain: IndexSet, name: str) -> list[tuple[IndexSet, Affine]] | None:
    """How many values the variable has, as cases that are apart from one another; None where they are no run,
    nor one with a stride."""
    runs = domain.intervals(name)
    if runs is None:
        for own, rest, modulus in _equations(domain, name):
            if abs(own) == 1 and modulus > 1:
                # own * name + rest = modulus * whole: one value of each for one of the other
                whole = f"{name}/"
                runs = _linked(domain, name, own, rest, modulus, whole).intervals(whole)
                break
    if runs is None:
        return None
    found: list[tuple[IndexSet, Affine]] = []
    covered = EMPTY
    for condition, low, high in runs:
        if not condition.is_disjoint(covered):
            condition = condition - covered
        covered = covered | condition
        if condition is not EMPTY:
            found.append((condition, simplest(high - low + 1, condition)))
    return found


def simplest(expression: Affine, context: IndexSet) -> Affine:
    """An expression with the same value at every tuple of the set, which depends on its graph alone; as it is
    where it divides nothing."""
    if not any(isinstance(atom, FloorDiv) for atom, _ in expression.terms):
        return expression
    graph = with_values(context, [("?value", expression)])
    found = value_of(graph.project_out(context.variables - expression.variables), "?value")
    return expression if found is None else found


@lru_cache(maxsize=65536)
def _value_of(graph: IndexSet, name: str, modular: bool = True) -> Affine | None:
    if name not in graph.parameters:
        return None
    exact = exact_value(graph, name)
    if exact is not None:
        return _rounded(*exact)
    spend(2)
    found = _between_facets(graph, name)
    if found is not None or not modular:
        return found
    for own, rest, modulus in sorted(_equations(graph, name), key=lambda e: (abs(e[0]), e[2], e[1].digest)):
        if modulus < 2:
            continue
        # own * name + rest = modulus * whole
        whole = f"{name}/"
        quotients = _linked(graph, name, own, rest, modulus, whole)
        value = _value_of(quotients, whole, modular=False)
        if value is not None:
            return _rounded((value * modulus - rest) * (1 if own > 0 else -1), abs(own))
    return _at_most(graph, name)


def _linked(graph: IndexSet, name: str, own: int, rest: Affine, modulus: int, whole: str) -> IndexSet:
    total = Affine.variable(name) * own + rest
    return (graph & IndexSet.where(compare(total, "==", Affine.variable(whole) * modulus))).project_out([name])


def _rounded(numerator: Affine, divisor: int) -> Affine:
    """``numerator / divisor``, which is whole, with the constant rounded up to one that the divisor divides."""
    return (numerator - numerator.constant) // divisor + -(-numerator.constant // divisor)


def _between_facets(graph: IndexSet, name: str) -> Affine | None:
    """The greatest or the least value between the facets of the convex hull, rounded to a whole number."""
    candidates = {f.digest: f for f in _facets(graph, name)}
    ordered = sorted(candidates.values(), key=lambda f: (_weight(f), f.digest))
    for candidate in ordered:
        if graph.issubset(IndexSet.where(compare(Affine.variable(name), "==", candidate))):
            return candidate
    return None


@limited
def _at_most(graph: IndexSet, name: str) -> Affine | None:
    """The greatest value as isl writes it, where one of its pieces holds everywhere."""
    dim = graph.raw.find_dim_by_name(PARAM, isl_name(name))
    try:
        pieces = graph.raw.move_dims(SET, 0, PARAM, dim, 1).dim_max(0).get_pieces()
    except isl.Error:
        return None
    for _, expression in pieces:
        value = from_aff(expression)
        if value is not None and graph.issubset(IndexSet.where(compare(Affine.variable(name), "==", value))):
            return _short(value)
    return None


def _short(value: Affine) -> Affine:
    """With small coefficients in divisions: ``(3*k + 1) // 4`` is ``k - (k + 2) // 4``."""
    total = Affine((), value.constant)
    for atom, coefficient in value.terms:
        part = Affine(((atom, 1),))
        if isinstance(atom, FloorDiv):
            inner, d = _short(atom.numerator), atom.divisor
            other = d - 1 - inner
            # n // d = -((d - 1 - n) // d)
            part = min(inner // d, -(other // d), key=_coefficients)
        total = total + part * coefficient
    return total


def _coefficients(value: Affine) -> int:
    inside = [atom.numerator for atom, _ in value.terms if isinstance(atom, FloorDiv)]
    return sum(abs(c) for n in inside for _, c in n.terms)


def _weight(value: Affine) -> int:
    inside = [atom.numerator for atom, _ in value.terms if isinstance(atom, FloorDiv)]
    return sum(abs(n.constant) for n in inside) + sum(len(n.terms) for n in inside)


@limited
def _facets(graph: IndexSet, name: str) -> list[Affine]:
    dim = graph.raw.find_dim_by_name(PARAM, isl_name(name))  # the hull keeps the dims in place
    found: list[Affine] = []
    for constraint in graph.raw.remove_divs().convex_hull().get_constraints():
        own = integer(constraint.get_coefficient_val(PARAM, dim))
        if not own:
            continue
        rest = without(constraint, dim)
        # own * name + rest >= 0
        found.append(rest // -own if own < 0 else (own - 1 - rest) // own)
    return found
