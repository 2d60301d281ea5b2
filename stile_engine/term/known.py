"""Data that a domain fixes: where ``I[t] == g``, ``X[I[t]]`` is ``X[g]``."""

from __future__ import annotations

from collections.abc import Iterable

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import Poly
from stile_engine.term.ring import substitute

_MOST_ROUNDS = 8


def fixed_by(operand: Poly, domain: IndexSet, bound: Iterable[str] = ()) -> Poly:
    """The term with its data replaced by what they equal everywhere in the domain. Data that vary with a
    ``bound`` variable are replaced by others that do not; else an expression without data is wanted."""
    names = frozenset(bound)
    for _ in range(_MOST_ROUNDS):
        mapping = {}
        for token in data.tokens_of(operand.variables):
            value = domain.solve(token)
            if value is not None and _is_simpler(token, value, names):
                mapping[token] = value
                break  # what follows may read at it
        if not mapping:
            break
        operand = substitute(operand, mapping)
    return operand


def along_permutation(name: str, domain: IndexSet, body: Poly) -> tuple[IndexSet, Poly] | None:
    """The family over the values of a permutation instead of its places: f(I[k]) for all k is f(s) for all s.

    None unless the variable stands in nothing but the permutation then: the change is one to one either way.
    """
    for token in data.tokens_of(body.variables):
        if name not in data.datum(token).variables:
            continue
        own = Affine.variable(name)
        found = data.datum(token).preimage(own)
        if found is None or found.argument != own or not domain.issubset(IndexSet.where(found.inside)):
            continue
        mapping = {name: found.place}
        moved = substitute(body, mapping)
        narrowed = domain.substitute(mapping) & IndexSet.where(found.possible)
        gone = data.tokens_of(found.place.variables)
        if not frozenset(gone) & (moved.variables | narrowed.variables):
            return narrowed, moved
    return None


def members_of_group(name: str, domain: IndexSet, body: Poly) -> tuple[IndexSet, Poly] | None:
    """A family over the members of one group, ``{t : G[t] == g}``, as one over the segment that they are:
    ``{t : off[g] <= t < off[g + 1]}``. None for other domains."""
    for token in data.tokens_of(domain.tokens):
        if name not in data.datum(token).variables:
            continue
        number = domain.solve(token)
        if number is None or name in data.closure(number.variables):
            continue
        found = data.datum(token).group(number)
        if found is None or not domain.issubset(IndexSet.where(found.inside)):
            continue
        coefficient = found.member.coefficient(name)
        if coefficient in (1, -1) and name not in (found.member - Affine.variable(name) * coefficient).variables:
            mapping = {token: number}
            return domain.substitute(mapping) & IndexSet.where(found.among), substitute(body, mapping)
    return None


def over_segments(bound: Iterable[str], domain: IndexSet, body: Poly) -> tuple[IndexSet, Poly]:
    """The same for each of the bound variables that runs over the members of a group."""
    for name in bound:
        domain, body = members_of_group(name, domain, body) or (domain, body)
    return domain, body


def _is_simpler(token: str, value: Affine, bound: frozenset[str]) -> bool:
    others = data.tokens_of(value.variables)
    if not others:
        return True
    varies = not bound.isdisjoint(data.datum(token).variables)
    if varies != (not bound.isdisjoint(value.variables)):
        return varies
    return all(other < token for other in others)
