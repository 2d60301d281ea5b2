"""What follows from declared data: which value a variable has, which numbers data may be, what holds for some data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import islpy as isl

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.declared import closed, united_cases, with_declared
from stile_engine.index.isl_limits import PARAM, SET, limited
from stile_engine.index.isl_reading import integer, limits_of, parameter_names, projected
from stile_engine.index.isl_writing import decoded_name, isl_name
from stile_engine.index.predicate import compare, conjunction, in_range
from stile_engine.index.sets import UNIVERSE, IndexSet, interned
from stile_engine.index.work import spend


@dataclass(frozen=True, slots=True)
class Place:
    """A variable that has one value at most: ``value``, where that is ``possible``. There ``known`` holds by what was
    declared of the data."""

    name: str
    value: Affine
    possible: IndexSet
    known: IndexSet

    def narrowed(self, domain: IndexSet) -> IndexSet:
        """The tuples of the other variables at which the domain has the value."""
        here = (domain & self.possible).substitute({self.name: self.value})
        # what is known holds only where the value is possible
        return here if self.known is UNIVERSE else here.given(self.known) & self.possible


def place_by_data(domain: IndexSet, name: str, among: Iterable[str] = ()) -> Place | None:
    """The one value of ``name`` by data that take each value once: ``I[k] == s`` says that k is the place of s;
    or by data that mark segments: ``off[g] <= t < off[g + 1]`` says that g is the group of t. Of several such t
    one that none of the variables ``among`` name is preferred."""
    for token in domain.tokens:
        datum = data.datum(token)
        value = domain.solve(token) if name in datum.variables else None
        found = None if value is None or name in value.variables else datum.preimage(value)
        split = None if found is None else _split(found.argument, name)
        if found is not None and split is not None and domain.issubset(IndexSet.where(found.inside)):
            sign, rest = split
            return Place(name, (found.place - rest) * sign, IndexSet.where(found.possible), UNIVERSE)
    for token in domain.tokens:
        datum = data.datum(token)
        marked = datum.segment() if name in datum.variables else None
        split = None if marked is None else _split(marked.argument, name)
        if marked is None or split is None:
            continue
        sign, rest = split
        # a variable may lie between them by constraints that say more
        plain = [Affine.variable(v) for v in sorted(domain.parameters) if not data.is_token(v)]
        members = dict.fromkeys([*_between(domain, token, marked.high), *plain])
        for member in sorted(members, key=lambda m: not m.variables.isdisjoint(among)):
            inside = conjunction(marked.inside, in_range(member, marked.low, marked.high))
            if name in member.variables or not domain.issubset(IndexSet.where(inside)):
                continue
            value = (marked.group(member) - rest) * sign
            known = IndexSet.where(inside).substitute({name: value})
            return Place(name, value, IndexSet.where(marked.is_member(member)), known)
    return None


def _split(argument: Affine, name: str) -> tuple[int, Affine] | None:
    """``(sign, rest)`` such that the argument is ``sign * name + rest``, where it has that form."""
    sign = argument.coefficient(name)
    rest = argument - Affine.variable(name) * sign
    return (sign, rest) if sign in (1, -1) and name not in rest.variables else None


@limited
def _between(domain: IndexSet, low: str, high: Affine) -> list[Affine]:
    """Expressions that the constraints say lie between the two, ``high`` not included; simple ones first."""
    raw = united_cases(domain.cases(data.tokens_of(domain.variables)), domain.raw)
    found = limits_of(raw, low, upper=True)
    for token in data.tokens_of(high.variables):
        if high == Affine.variable(token):
            found += [limit - 1 for limit in limits_of(raw, token, upper=False)]
    return list(dict.fromkeys(found))


@limited
def allows(domain: IndexSet, tokens: Iterable[str]) -> bool:
    """Whether at every tuple of the set the data may be what was declared of them."""
    raw = with_declared(domain.raw, tokens)
    return bool(domain.raw.is_subset(_without_tokens(raw)))


@limited
def without_data(domain: IndexSet) -> IndexSet:
    """The tuples of all that is no data for which some numbers that the data may be, as far as what was declared
    of them goes, lie in the set. What the facts imply stands in no set over data: so it is said here again."""
    if not domain.tokens:
        return domain
    spend(2)
    raw = with_declared(domain.raw, data.tokens_of(data.closure(domain.variables)))
    return interned(_without_tokens(raw))


def _without_tokens(raw: isl.Set) -> isl.Set:
    return projected(raw, [name for name in parameter_names(raw) if data.is_token(decoded_name(name))])


@limited
def allowed_values(domain: IndexSet, token: str) -> int | None:
    """How many values the token may have at the tuples of the set; None where that is not bounded."""
    raw = with_declared(domain.raw, [token])
    raw = projected(raw, [name for name in parameter_names(raw) if decoded_name(name) != token])
    values = raw.move_dims(SET, 0, PARAM, 0, raw.dim(PARAM))
    # isl counts what it finds between bounds: of a set without them it says 0
    return integer(values.count_val()) if values.is_bounded() else None


def range_within(expression: Affine, context: IndexSet) -> tuple[int | None, int | None]:
    """The least and the greatest value of the expression at the tuples of the set, given what was declared of
    the data; None where there is no bound."""
    value = "?range"
    named = IndexSet.where(compare(Affine.variable(value), "==", expression)) & context
    raw = closed(named.raw, data.tokens_of(named.variables | expression.variables))
    dim = raw.find_dim_by_name(PARAM, isl_name(value))
    if raw.is_empty() or dim < 0:
        return None, None
    moved = raw.move_dims(SET, 0, PARAM, dim, 1)
    found: list[int | None] = []
    for bound in (moved.dim_min_val(0), moved.dim_max_val(0)):
        found.append(None if bound.is_infty() or bound.is_neginfty() or bound.is_nan() else integer(bound))
    return found[0], found[1]


def declared_range(token: str) -> tuple[int | None, int | None]:
    """The least and the greatest integer that was declared for the data; None where there is no bound."""
    return range_within(Affine.variable(token), UNIVERSE)
