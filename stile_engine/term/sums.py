"""Sums and products over exact domains."""

from __future__ import annotations

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.data_questions import place_by_data
from stile_engine.index.graphs import determined, lengths
from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.index.work import spend
from stile_engine.term import binding
from stile_engine.term.atoms import (
    ONE,
    UNIT,
    ZERO,
    Mono,
    Poly,
    Rational,
    SumAtom,
    constant,
    mono,
    of_atom,
    of_mono,
    poly,
    sum_atom,
)
from stile_engine.term.attained import at_the_first_place
from stile_engine.term.fibres import by_multiplicity
from stile_engine.term.known import along_permutation, fixed_by, members_of_group
from stile_engine.term.ring import (
    add,
    indicator_of,
    multiply,
    of_affine,
    rational,
    scale,
    substitute,
    subtract,
    total_of,
)
from stile_engine.term.tiles import counted_by_index, one_index

_sums: dict[tuple[object, ...], Poly] = {}
_open: set[tuple[object, ...]] = set()
"""The sums that are being made."""


def sum_over(bound: tuple[str, ...], domain: IndexSet, body: Poly) -> Poly:
    """The sum of ``body`` over all values of ``bound`` in ``domain``; 0 where there is none.

    The domain may name free variables: the sum then varies with them. ``body`` must be finite on
    the domain.
    """
    if domain is EMPTY or not body.terms:
        return ZERO
    key = (bound, domain, body)
    found = _sums.get(key)
    if found is None:
        spend()
        if key in _open:
            # laws that undo one another led back here: it is right as it stands
            return total_of([scale(_as_it_stands(bound, domain, m), c) for m, c in body.terms])
        _open.add(key)
        try:
            counted = counted_by_index(bound, domain, body)
            if counted is not None:
                number = scale(sum_over(counted.bound, counted.domain, of_mono(counted.rest)), counted.coefficient)
                found = _sums[key] = add(number, sum_over(bound, domain, counted.left))
                return found
            # sum(a*f + b*g) = a*sum(f) + b*sum(g): all terms are finite
            found = total_of([scale(_sum_mono(bound, domain, m), c) for m, c in body.terms])
        finally:
            _open.remove(key)
        _sums[key] = found
    return found


def _as_it_stands(bound: tuple[str, ...], domain: IndexSet, m: Mono) -> Poly:
    outside, inside = split(m, bound)
    if not bound:
        return multiply(indicator_of(domain), of_mono(outside))
    family = binding.named(bound, domain, of_mono(inside))
    return multiply(of_mono(outside), of_atom(sum_atom("sum", *family)))


def _sum_mono(bound: tuple[str, ...], domain: IndexSet, m: Mono) -> Poly:
    if data.any_known():
        simpler = fixed_by(of_mono(m), domain, bound)
        if simpler.single is None or simpler.single[0] is not m:
            return sum_over(bound, domain, simpler)
    outside, inside = split(m, bound)
    if not bound:
        return multiply(indicator_of(domain), of_mono(outside))
    # sum(a * f) = a * sum(f): a does not vary with the bound variables (the domain stays behind)
    return multiply(of_mono(outside), _sum_variant(bound, domain, inside))


def split(m: Mono, bound: tuple[str, ...]) -> tuple[Mono, Mono]:
    """The factors that do not name a bound variable, and those that do."""
    if m.variables.isdisjoint(bound):
        return m, UNIT
    outside = tuple(f for f in m.factors if f[0].variables.isdisjoint(bound))
    inside = m.factors if not outside else tuple(f for f in m.factors if f not in outside)
    fixed, moving = None, m.exponential
    if moving is not None:
        # exp(a + b) = exp(a) * exp(b)
        fixed_terms = {t: c for t, c in moving.terms if t.variables.isdisjoint(bound)}
        if fixed_terms:
            fixed = poly(fixed_terms)
            moving_terms = {t: c for t, c in moving.terms if t not in fixed_terms}
            moving = poly(moving_terms) if moving_terms else None
    if not outside and fixed is None:
        return UNIT, m
    return mono(outside, fixed), mono(inside, moving)


def _sum_variant(bound: tuple[str, ...], domain: IndexSet, m: Mono) -> Poly:
    flattened = _flatten(bound, domain, m)
    if flattened is not None:
        return flattened
    for name in bound:
        value = determined(domain, name)
        if value is not None and name not in value.variables:
            # sum over {v = e} of f(v) = f(e) where the rest of the domain holds
            rest = tuple(b for b in bound if b != name)
            mapping = {name: value}
            return sum_over(rest, domain.substitute(mapping), substitute(of_mono(m), mapping))
    for name in bound if domain.tokens else ():
        place = place_by_data(domain, name, bound)
        if place is not None and name not in place.value.variables:
            # sum over {k : I[k] == s} of f(k) = f(place of s), for data that take each value once
            rest = tuple(b for b in bound if b != name)
            return sum_over(rest, place.narrowed(domain), substitute(of_mono(m), {name: place.value}))
        grouped = members_of_group(name, domain, of_mono(m))
        if grouped is not None:
            return sum_over(bound, *grouped)
    for name in bound if domain.tokens else ():
        first = at_the_first_place(name, domain, m)
        if first is not None:
            # sum over the one v that is the least index with a property, of what the property says of v
            return sum_over(tuple(b for b in bound if b != name), *first)
    for name in bound if data.any_known() else ():
        moved = along_permutation(name, domain, of_mono(m))
        if moved is not None:
            return sum_over(bound, *moved)
    for name in bound:
        if name not in m.variables:
            counted = _count_out(name, bound, domain, m)
            if counted is not None:
                return counted
    parts = _components(bound, domain, m)
    if parts is not None:
        result = ONE
        for names, part_domain, part in parts:
            result = multiply(result, _sum_mono(names, part_domain, part))
        return result
    fewer = by_multiplicity(bound, domain, m)
    if fewer is not None:
        return fewer
    names, canonical_domain, body = binding.canonical(bound, domain, of_mono(m))
    single = body.single
    if single is None or single[1] != 1 or single[0] is not split(single[0], names)[1]:
        return sum_over(names, canonical_domain, body)  # the shift brought new laws to bear
    return of_atom(sum_atom("sum", names, canonical_domain, body))


def _flatten(bound: tuple[str, ...], domain: IndexSet, m: Mono) -> Poly | None:
    """sum_i f(i) * (sum_j g(i, j)) ** n is one sum over i and n copies of j."""
    nested = [
        (a, e) for a, e in m.factors if isinstance(a, SumAtom) and a.operation == "sum" and isinstance(e, int) and e > 0
    ]
    if not nested:
        return None
    inner = tuple(f for f in m.factors if f not in nested)
    body = of_mono(mono(inner, m.exponential))
    names = bound
    for atom, exponent in nested:
        for _ in range(int(exponent)):
            renaming = binding.rename_apart(atom.bound)
            names += tuple(e.render() for e in renaming.values())
            domain = domain & atom.domain.substitute(renaming)
            body = multiply(body, substitute(atom.body, renaming))
    return sum_over(names, domain, body)


def _count_out(name: str, bound: tuple[str, ...], domain: IndexSet, m: Mono) -> Poly | None:
    """Sum over a variable that the body does not name: times the number of its values."""
    rest = tuple(b for b in bound if b != name)
    if any(name in data.datum(t).variables for t in domain.tokens):
        return None  # how many there are depends on what the data hold
    own = domain.project_out([v for v in domain.variables if v != name])
    others = domain.project_out([name])
    if (own & others).issubset(domain):
        number = own.count([name])
        if number is not None:
            return scale(sum_over(rest, others, of_mono(m)), number)
    if not rest and m is UNIT and domain.variables == {name}:
        number = domain.count([name])
        return None if number is None else constant(number)
    cases = lengths(domain, name)
    if cases is None:
        return None
    for other in rest:
        if other not in m.variables and any(length.mentions_in_floor(other) for _, length in cases):
            merged = one_index(name, other, domain)
            if merged is not None:
                return sum_over((merged[0], *(b for b in rest if b != other)), merged[1], of_mono(m))
    total = ZERO
    for condition, length in cases:
        count = of_affine(length)
        if rest:
            total = add(total, sum_over(rest, condition, multiply(of_mono(m), count)))
        else:
            total = add(total, multiply(multiply(indicator_of(condition), of_mono(m)), count))
    return total


def _components(
    bound: tuple[str, ...], domain: IndexSet, m: Mono
) -> list[tuple[tuple[str, ...], IndexSet, Mono]] | None:
    """sum_{i,j} f(i) * g(j) = sum_i f * sum_j g, if the domain is a product as well."""
    if len(bound) < 2:
        return None
    group: dict[str, int] = {b: i for i, b in enumerate(bound)}

    def join(names: frozenset[str]) -> None:
        ids = {group[n] for n in names if n in group}
        if len(ids) > 1:
            target = min(ids)
            for n, g in group.items():
                if g in ids:
                    group[n] = target

    for token in domain.tokens:
        join(data.datum(token).variables)
    for atom, _ in m.factors:
        join(atom.variables)
    if m.exponential is not None:
        for term, _ in m.exponential.terms:
            join(term.variables)
    parts: list[tuple[tuple[str, ...], IndexSet, Mono]] = []
    ids = sorted(set(group.values()))
    if len(ids) < 2:
        return None
    product: IndexSet | None = None
    for i in ids:
        names = tuple(b for b in bound if group[b] == i)
        part_domain = domain.project_out([b for b in bound if group[b] != i])
        product = part_domain if product is None else product & part_domain
        parts.append((names, part_domain, split(m, names)[1]))
    assert product is not None
    return parts if product.issubset(domain) else None


def product_over(bound: tuple[str, ...], domain: IndexSet, body: Poly, exponent: Rational) -> Poly:
    """``prod(body ** exponent)`` over the domain; 1 where there is none. The domain may name free
    variables only if the body is a product of powers and exponentials."""
    from stile_engine.term.functions import exponential
    from stile_engine.term.powers import raise_to

    if domain is EMPTY:
        return ONE
    if not isinstance(exponent, int):
        # prod(f ** e) = prod(f) ** e: only the product is known not to be negative, not its parts
        return raise_to(product_over(bound, domain, body, 1), exponent)
    for name in bound:
        value = determined(domain, name)
        if value is not None and name not in value.variables:
            # prod over {v = e} of f(v) = f(e) where the rest of the domain holds, 1 elsewhere
            rest = tuple(b for b in bound if b != name)
            mapping = {name: value}
            return product_over(rest, domain.substitute(mapping), substitute(body, mapping), exponent)
    single = body.single
    if single is None or not bound:
        if not bound:
            # prod over {() : P} of f = f where P, 1 elsewhere
            inside = indicator_of(domain)
            return add(multiply(inside, raise_to(body, exponent)), subtract(ONE, inside))
        return _product_atom(bound, domain, body, exponent)
    m, coefficient = single
    result = ONE
    if coefficient != 1:
        number = domain.count(bound)
        if number is None:
            return _product_atom(bound, domain, body, exponent)
        result = raise_to(rational(coefficient), exponent * number)
    if m.exponential is not None:
        # prod exp(f) = exp(sum f)
        result = multiply(result, exponential(scale(sum_over(bound, domain, m.exponential), exponent)))
    for atom, power in m.factors:
        if not (atom.variables & frozenset(bound)):
            number = domain.count(bound)
            if number is not None:
                result = multiply(result, raise_to(of_atom(atom), power * exponent * number))
                continue
        result = multiply(result, _product_atom(bound, domain, of_atom(atom), power * exponent))
    return result


def _product_atom(bound: tuple[str, ...], domain: IndexSet, body: Poly, exponent: Rational) -> Poly:
    from stile_engine.term.powers import raise_to

    points = domain.points(1) if len(domain.variables) == len(bound) else None
    if points is not None and len(points) == 1:
        return raise_to(substitute(body, {v: Affine((), points[0][v]) for v in bound}), exponent)
    names, canonical_domain, canonical_body = binding.canonical(bound, domain, body)
    return raise_to(of_atom(sum_atom("prod", names, canonical_domain, canonical_body)), exponent)
