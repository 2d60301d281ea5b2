"""What was declared of data, as isl sets: bounds of each by itself, and facts with their alternatives."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import islpy as isl

from stile_engine.index import data
from stile_engine.index.cases import Case, cases_of, united
from stile_engine.index.isl_limits import whole_answer
from stile_engine.index.isl_reading import parameter_names, projected
from stile_engine.index.isl_writing import decoded_name, raw_of
from stile_engine.index.predicate import Predicate
from stile_engine.index.predicate import variables as predicate_variables


def given_data(raw: isl.Set, names: frozenset[str], cases: list[Case] | None) -> isl.Set | None:
    """The set without what was declared of its data anyway, with the equations that follow from it; None
    where nothing was declared."""
    # what data are read at may be data of which something was declared
    tokens = data.tokens_of(data.closure(names))
    bounds, relations = _declared(tokens)
    if bounds is None and not relations:
        return None
    known = united_cases(declared_cases(raw, tokens) if cases is None else cases, raw)
    if known.is_empty():
        return known
    if relations:
        known = projected(known, [name for name in parameter_names(known) if decoded_name(name) not in names])
        raw = raw.intersect(isl.Set.from_basic_set(known.affine_hull()))
    return raw if bounds is None else raw.intersect(bounds).gist(bounds)


def declared_cases(raw: isl.Set, tokens: tuple[str, ...]) -> list[Case]:
    """The set in cases, with what was declared of the data."""
    bounds, facts = _declared(tokens)
    return cases_of(raw if bounds is None else raw.intersect(bounds), facts)


def closed(raw: isl.Set, tokens: tuple[str, ...]) -> isl.Set:
    """The set with what follows from the declared facts one by one."""
    return united_cases(declared_cases(raw, tokens), raw)


def united_cases(cases: list[Case], raw: isl.Set) -> isl.Set:
    """The cases as one set, ``raw`` being one that they are parts of."""
    found = united(cases)
    return raw.subtract(raw) if found is None else found


def with_declared(raw: isl.Set, tokens: Iterable[str]) -> isl.Set:
    """The set with all that was declared of these data."""
    bounds, relations = _declared(tuple(sorted(tokens)))
    if bounds is not None:
        raw = raw.intersect(bounds)
    for alternatives in relations:
        fact = alternatives[0]
        for one in alternatives[1:]:
            fact = fact.union(one)
        raw = raw.intersect(fact)
    return raw


@lru_cache(maxsize=65536)
def _declared(tokens: tuple[str, ...]) -> tuple[isl.Set | None, tuple[tuple[isl.Set, ...], ...]]:
    """What was declared of the data: bounds of each by itself, and all else, each fact as its convex alternatives."""
    found = [data.datum(t) for t in tokens]
    bounds: isl.Set | None = None
    for predicate in dict.fromkeys(b for b in (d.bounds() for d in found) if b is not None):
        own = _of_predicate(predicate)
        bounds = own if bounds is None else bounds.intersect(own)
    relations = [_of_predicate(r) for r in dict.fromkeys(r for d in found for r in d.relations(found))]
    for one in found:
        for members, predicate in one.excluded(found):
            never = members.raw.intersect(raw_of(predicate, (one.token,)))
            relations.append(never.complement())
    relations = [r for r in relations if not r.plain_is_universe()]
    return whole_answer(
        (bounds, tuple(tuple(isl.Set.from_basic_set(p) for p in r.get_basic_sets()) for r in relations))
    )


def _of_predicate(predicate: Predicate) -> isl.Set:
    return raw_of(predicate, tuple(sorted(predicate_variables(predicate))))
