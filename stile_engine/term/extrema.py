"""The greatest value of finitely many families, with shift and scale taken out.

Everything with a maximum is one node: ``max[k](f)``, ``maximum(a, b)``, ``relu``, ``abs`` (as
``2 * max(0, x) - x``) and minima (as ``-max(-x)``). Lattice laws then need no rules of their own:
nested maxima flatten, equal families merge, dominated ones go.

All functions here are for families that are not all empty and whose bodies are finite; the caller
splits off the indices at which that is not so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.data_questions import place_by_data
from stile_engine.index.existence import some
from stile_engine.index.graphs import determined
from stile_engine.index.names import binder_number, bound_names
from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.index.work import spend
from stile_engine.term import binding
from stile_engine.term.atoms import (
    ONE,
    UNIT,
    ZERO,
    Atom,
    MaxAtom,
    MaxPiece,
    Mono,
    Poly,
    Rational,
    SumAtom,
    constant,
    max_atom,
    mono,
    of_atom,
    of_mono,
    poly,
    ratio,
)
from stile_engine.term.known import along_permutation, fixed_by, members_of_group
from stile_engine.term.monotone import through_monotone, through_pieces
from stile_engine.term.ring import (
    _as_poly,
    add,
    multiply,
    negate,
    normalise,
    scale,
    substitute,
    subtract,
    total_of,
)

_MOST_FAMILIES = 64
_MOST_BASES = 8
_greatest: dict[tuple[object, ...], Poly] = {}


@dataclass(frozen=True, slots=True)
class Family:
    """``body`` for all values of ``bound`` in ``domain``."""

    bound: tuple[str, ...]
    domain: IndexSet
    body: Poly


@dataclass(frozen=True, slots=True)
class _Split:
    """A family as ``fixed + body``: only ``body`` varies with the bound variables."""

    fixed: Poly
    bound: tuple[str, ...]
    domain: IndexSet
    body: Poly


def greatest(families: list[Family]) -> Poly:
    """max over all families; at least one is not empty."""
    key = tuple((f.bound, f.domain, f.body) for f in families)
    found = _greatest.get(key)
    if found is None:
        spend(len(families))
        found = _greatest[key] = _build(families)
    return found


def least(families: list[Family]) -> Poly:
    """min(f) = -max(-f)."""
    return negate(greatest([Family(f.bound, f.domain, negate(f.body)) for f in families]))


def _build(families: list[Family]) -> Poly:
    if data.any_known():
        families = [Family(f.bound, f.domain, fixed_by(f.body, f.domain, f.bound)) for f in families]
    families = [r for f in families for r in [_reduce_bound(f)] if r.domain is not EMPTY]
    if not families:
        raise ValueError("the greatest of nothing is -inf, which is no finite term")
    if len(families) == 1:
        pulled = through_pieces(families[0])
        if pulled is not None:
            return pulled
    else:
        # max(g * f, g * h) = g * max(f, h), while f and h are whole
        factor, bodies = _factor_of(tuple((ZERO, f.bound, f.body) for f in families))
        if factor.constant is None:
            return multiply(
                factor, greatest([Family(f.bound, f.domain, b) for f, b in zip(families, bodies, strict=True)])
            )
    splits = [_split(f) for f in _flatten(families)]
    splits = _drop_dominated(_merge(splits))
    if len(splits) == 1 and not splits[0].bound:
        return splits[0].fixed
    if len(splits) == 1 and splits[0].fixed.terms:
        # max(a + f) = a + max(f): a does not vary with the bound variables
        s = splits[0]
        return add(s.fixed, greatest([Family(s.bound, s.domain, s.body)]))
    common = _common_addend(splits)
    if common.terms:
        # max(a + f, a + g) = a + max(f, g)
        rest = [Family(s.bound, s.domain, subtract(add(s.fixed, s.body), common)) for s in splits]
        return add(common, greatest(rest))
    pulled = through_monotone([Family(s.bound, s.domain, add(s.fixed, s.body)) for s in splits])
    if pulled is not None:
        return pulled
    base = _choose_base(splits)
    shifted = [_Split(subtract(s.fixed, base), s.bound, s.domain, s.body) for s in splits]
    if base.terms and any(_nested(add(s.fixed, s.body)) for s in shifted):
        # a maximum that the base had with a minus stands in the others with a plus: it flattens now
        return add(base, greatest([Family(s.bound, s.domain, add(s.fixed, s.body)) for s in shifted]))
    factor, scaled = _take_factor(shifted)
    if factor is not ONE:
        return add(base, multiply(factor, greatest([Family(s.bound, s.domain, add(s.fixed, s.body)) for s in scaled])))
    pieces = tuple(_piece(s) for s in scaled)
    return add(base, of_atom(max_atom(pieces)))


def _piece(split: _Split) -> MaxPiece:
    """The family under names that neither its fixed part binds inside nor anything outside has."""
    bound, domain, body = split.bound, split.domain, split.body
    height = split.fixed.height
    if bound and height >= binder_number(bound):
        taken = data.without(split.fixed.variables | domain.variables | body.variables, bound)
        names = bound
        while names == bound or not taken.isdisjoint(names):
            height += 1
            names = bound_names(height, len(bound))
        renaming = {v: Affine.variable(n) for v, n in zip(bound, names, strict=True)}
        bound, domain, body = names, domain.substitute(renaming), substitute(body, renaming)
    return MaxPiece(bound, domain, add(split.fixed, body))


def _along_data(name: str, domain: IndexSet, body: Poly) -> tuple[IndexSet, Poly] | None:
    return along_permutation(name, domain, body) or members_of_group(name, domain, body)


def _reduce_bound(family: Family) -> Family:
    """Without variables that the domain fixes or the body does not name."""
    bound, domain, body = family.bound, family.domain, family.body
    changed = True
    while changed and bound:
        changed = False
        for name in bound:
            value = determined(domain, name)
            place = place_by_data(domain, name, bound) if value is None and domain.tokens else None
            if place is not None and name not in place.value.variables:
                # data that take each value once fix the variable too
                domain, body = place.narrowed(domain), substitute(body, {name: place.value})
            elif value is not None and name not in value.variables:
                mapping = {name: value}
                domain, body = domain.substitute(mapping), substitute(body, mapping)
            elif name not in body.variables:
                # max over v of f = f where some v is in the domain
                domain = domain.project_out([name])
            elif data.any_known() and (moved := _along_data(name, domain, body)) is not None:
                domain, body = moved
                changed = True
                break
            else:
                continue
            bound = tuple(b for b in bound if b != name)
            changed = True
            break
    return Family(bound, domain, body)


def _flatten(families: list[Family]) -> list[Family]:
    """max(a + c * max(f), b) = max(a + c * f, b) for c > 0."""
    done: list[Family] = []
    waiting = list(reversed(families))
    while waiting:
        family = waiting.pop()
        nested = _nested(family.body)
        if nested is None or len(done) + len(waiting) + len(nested[0].pieces) > _MOST_FAMILIES:
            done.append(family)
            continue
        atom, coefficient, rest = nested
        if len(families) == 1 and not (atom.variables & frozenset(family.bound)):
            done.append(family)  # an addend of the only family: it leaves by the shift
            continue
        for piece in atom.pieces:
            names, inner_domain, inner_body = piece.bound, piece.domain, piece.body
            taken = rest.variables | family.domain.variables | frozenset(family.bound)
            if not taken.isdisjoint(names) or rest.height >= binder_number(names):
                # no name is both bound inside the rest and bound by the family
                renaming = binding.rename_apart(names)
                names = tuple(e.render() for e in renaming.values())
                inner_domain, inner_body = inner_domain.substitute(renaming), substitute(inner_body, renaming)
            body = add(rest, scale(inner_body, coefficient))
            domain = family.domain & inner_domain
            if domain is not EMPTY:
                waiting.append(_reduce_bound(Family(family.bound + names, domain, body)))
    return done


def _nested(body: Poly) -> tuple[MaxAtom, Rational, Poly] | None:
    for m, c in body.terms:
        if c > 0 and isinstance(m.atom, MaxAtom):
            return m.atom, c, subtract(body, of_mono(m, c))
    return None


def _split(family: Family) -> _Split:
    if not family.bound:
        return _Split(family.body, (), family.domain, ZERO)
    names = frozenset(family.bound)
    # max(a + f) = a + max(f): a does not vary with the bound variables, and is finite
    still = {m: c for m, c in family.body.terms if m.variables.isdisjoint(names)}
    fixed, moving = ZERO, family.body
    if still:
        fixed = poly(still)
        moving = poly({m: c for m, c in family.body.terms if m not in still})
    bound, domain, body = binding.canonical(family.bound, family.domain, moving, distinct=False)
    if any(m.variables.isdisjoint(bound) for m, _ in body.terms):
        again = _split(Family(bound, domain, body))
        return _Split(add(fixed, again.fixed), again.bound, again.domain, again.body)
    return _Split(fixed, bound, domain, body)


def _merge(splits: list[_Split]) -> list[_Split]:
    """max over D and over E of one body is max over their union (overlap does not matter)."""
    merged: dict[tuple[Poly, tuple[str, ...], Poly], IndexSet] = {}
    for s in splits:
        key = (s.fixed, s.bound, s.body)
        merged[key] = merged[key] | s.domain if key in merged else s.domain
    if len(merged) == len(splits) or all(len(bound) < 2 for _, bound, _ in merged):
        return [_Split(fixed, bound, domain, body) for (fixed, bound, body), domain in merged.items()]
    # the order of several variables goes by the domain too, which may be another one now
    again = [_split(Family(bound, domain, add(fixed, body))) for (fixed, bound, body), domain in merged.items()]
    return _merge(again)


def without_smaller(families: list[Family], context: IndexSet) -> list[Family]:
    """The families without the single values that others reach wherever the context has an index: 0 beside |f(v)|, or
    beside v + 1, where some v is in the domain. Whether one is, only the context says."""
    if all(f.bound for f in families) or not any(f.bound for f in families):
        return families
    inside = [_split(Family(f.bound, f.domain & context, f.body)) for f in families]
    kept = _drop_dominated(inside)
    return [f for f, s in zip(families, inside, strict=True) if s.bound or any(k is s for k in kept)]


def _drop_dominated(splits: list[_Split]) -> list[_Split]:
    from stile_engine.term.signs import is_nonnegative

    kept = list(splits)
    if not 1 < len(kept) <= 16:
        return kept
    for s in splits:
        for other in kept:
            if other is s or s not in kept:
                continue
            if s.bound == other.bound and s.body is other.body:
                smaller = s.domain.issubset(other.domain) and is_nonnegative(subtract(other.fixed, s.fixed))
            elif not s.bound and s.domain.issubset(some(other.domain, other.bound)):
                # any member of the other family that is at least this value
                apart = subtract(add(other.fixed, other.body), s.fixed)
                smaller = is_nonnegative(apart) or bool(
                    other.domain.tokens and is_nonnegative(apart, within=other.domain)
                )
            elif not other.bound and s.domain.project_out(s.bound).issubset(other.domain):
                smaller = is_nonnegative(subtract(other.fixed, add(s.fixed, s.body)))
            else:
                smaller = False
            if smaller:
                kept.remove(s)
                break
        if s in kept and not s.bound and _is_below_a_pair(s, [k for k in kept if k is not s]):
            kept.remove(s)
    return kept


def _is_below_a_pair(small: _Split, others: list[_Split]) -> bool:
    """max(f, g) >= (f + g) / 2: one of f and -f is at least 0."""
    from stile_engine.term.signs import is_nonnegative

    for k, first in enumerate(others):
        for second in others[k + 1 :]:
            if first.bound != second.bound:
                continue
            parts = [first.fixed, first.body, second.fixed, second.body]
            both = total_of(parts)
            if len(both.terms) == sum(len(p.terms) for p in parts):
                continue  # only opposites are worth a look: something of the two must have cancelled
            if not small.domain.issubset((first.domain & second.domain).project_out(first.bound)):
                continue
            if is_nonnegative(subtract(both, scale(small.fixed, 2))):
                return True
    return False


def _common_addend(splits: list[_Split]) -> Poly:
    """The terms that all families share."""
    if len(splits) < 2:
        return ZERO
    first, *others = splits
    shared = dict(first.fixed.terms)
    for s in others:
        own = dict(s.fixed.terms)
        shared = {m: c for m, c in shared.items() if own.get(m) == c}
    return poly(shared)


def _choose_base(splits: list[_Split]) -> Poly:
    """The addend to take out: the one that leaves the least families, whatever they came with."""
    from stile_engine.term.powers import by_distance

    candidates: dict[Poly, None] = {}
    for s in splits:
        candidates[s.fixed] = None
    if len(candidates) == 1:
        return next(iter(candidates))
    options = sorted(candidates, key=lambda p: p.digest)
    if len(options) > _MOST_BASES:
        return by_distance(options)
    best: tuple[tuple[int, int, list[str]], Poly] | None = None
    for option in options:
        moved = [_Split(subtract(s.fixed, option), s.bound, s.domain, s.body) for s in splits]
        # a maximum that the option has with a minus stands in the others with a plus, and flattens there
        minima = sum(c < 0 and isinstance(m.atom, MaxAtom) for s in moved for m, c in s.fixed.terms)
        # relu(x) is preferred to relu(-x) whatever x is, so that the choice depends on names as little as may be
        falling = sum(c < 0 for s in moved for _, c in s.fixed.terms)
        key = (minima, falling, _shape(moved))
        if best is None or key < best[0]:
            best = (key, option)
    assert best is not None
    return best[1]


def _shape(splits: list[_Split]) -> list[str]:
    """What the families look like once a positive number is taken out: it must not matter."""
    from stile_engine.term.powers import content

    bodies = [add(s.fixed, s.body) for s in splits]
    nonzero = [Fraction(content(b)) for b in bodies if b.terms]
    divisor = min(nonzero) if nonzero else Fraction(1)
    return sorted(scale(b, ratio(1 / divisor)).digest + s.domain.digest for b, s in zip(bodies, splits, strict=True))


# -- scale -------------------------------------------------------------------------------------


def _take_factor(splits: list[_Split]) -> tuple[Poly, list[_Split]]:
    """``(g, families)`` with all bodies = g * families, g free of bound variables and g >= 0:
    max(g * f) = g * max(f), since the families are not all empty and f is finite."""
    factor, bodies = _factor_of(tuple((s.fixed, s.bound, s.body) for s in splits))
    if factor is ONE:
        return ONE, splits
    return factor, [_split(Family(s.bound, s.domain, b)) for s, b in zip(splits, bodies, strict=True)]


_Bodies = tuple[tuple[Poly, tuple[str, ...], Poly], ...]


@lru_cache(maxsize=65536)
def _factor_of(parts: _Bodies) -> tuple[Poly, tuple[Poly, ...]]:
    """The common factor and the quotients; it does not depend on the domains, so that the many
    tiles of one reduction share the work."""
    common = _common_coefficient(parts)
    if common is not None and common[0] is not ONE:
        return common
    from stile_engine.term.powers import content

    divisor = content(*(part for fixed, _, body in parts for part in (fixed, body))) or 1
    if divisor == 1:
        return ONE, ()
    inverse = ratio(1 / Fraction(divisor))
    return constant(divisor), tuple(scale(add(fixed, body), inverse) for fixed, _, body in parts)


def _common_coefficient(parts: _Bodies) -> tuple[Poly, tuple[Poly, ...]] | None:
    """A polynomial g of known sign with every body = g * (terms in the bound variables)."""
    from stile_engine.term.signs import NEGATIVE, POSITIVE, sign

    if all(not bound for _, bound, _ in parts):
        # max(g * max(f), g * max(h)): the maxima over bound variables are what varies
        grouped = [_by_maximum(add(fixed, body)) for fixed, _, body in parts]
        if all(m is UNIT for group in grouped for m in group):
            return _common_monomial(parts)
    else:
        grouped = [by_variant(bound, fixed, body) for fixed, bound, body in parts]
    coefficients = [g for group in grouped for g in group.values()]
    if not coefficients or all(g.constant is not None for g in coefficients):
        return None
    first = _monic(coefficients[0])
    if any(_monic(g) is not first for g in coefficients[1:]):
        return _common_monomial(parts)
    mask = sign(first)
    if mask & NEGATIVE and mask & POSITIVE:
        return _common_monomial(parts)
    factor = negate(first) if mask & NEGATIVE else first
    quotients: list[Poly] = []
    for group in grouped:
        quotient: Poly = ZERO
        for variant, g in group.items():
            lead = Fraction(g.terms[0][1]) / Fraction(factor.terms[0][1])
            quotient = add(quotient, of_mono(variant, ratio(lead)))
        quotients.append(quotient)
    return factor, tuple(quotients)


def _monic(operand: Poly) -> Poly:
    return scale(operand, ratio(1 / Fraction(operand.terms[0][1])))


def by_variant(bound: tuple[str, ...], *parts: Poly) -> dict[Mono, Poly]:
    """The sum of the parts as products that vary with the bound variables, each with the term that stands before it."""
    from stile_engine.term.sums import split

    groups: dict[Mono, Poly] = {}
    for m, c in (term for part in parts for term in part.terms):
        outside, inside = split(m, bound)
        part = of_mono(outside, c)
        groups[inside] = add(groups[inside], part) if inside in groups else part
    return groups


def _by_maximum(operand: Poly) -> dict[Mono, Poly]:
    """The coefficients of the maxima over bound variables."""
    groups: dict[Mono, Poly] = {}
    for m, c in operand.terms:
        maxima = tuple(
            (a, e) for a, e in m.factors if isinstance(a, MaxAtom) and e == 1 and any(p.bound for p in a.pieces)
        )
        inside = mono(maxima)
        outside = of_mono(mono(tuple(f for f in m.factors if f not in maxima), m.exponential), c)
        groups[inside] = add(groups[inside], outside) if inside in groups else outside
    return groups


def _common_monomial(parts: _Bodies) -> tuple[Poly, tuple[Poly, ...]] | None:
    """A monomial without bound variables, known not to be negative, that divides all terms."""
    from stile_engine.term.functions import exponential
    from stile_engine.term.powers import _atom_power
    from stile_engine.term.signs import is_nonnegative
    from stile_engine.term.sums import split

    least: dict[Atom, Rational] | None = None
    exponentials: set[Poly | None] = set()
    for fixed, bound, body in parts:
        for m, _ in (*fixed.terms, *body.terms):
            outside, _inside = split(m, bound)
            powers = dict(outside.factors)
            exponentials.add(outside.exponential)
            if least is None:
                least = powers
            else:
                least = {a: min(e, powers[a]) for a, e in least.items() if a in powers and (e > 0) == (powers[a] > 0)}
    if least is None:
        return None
    factor, taken = ONE, dict[Atom, Rational]()
    indicators: list[Atom] = []
    for atom, exponent in sorted(least.items(), key=lambda item: item[0].digest):
        if isinstance(atom, SumAtom) and not atom.bound:
            # max([P] * f, [P] * g) = [P] * max(f, g): an indicator has no inverse, so it is left out instead
            factor = multiply(factor, of_atom(atom))
            indicators.append(atom)
            continue
        if isinstance(exponent, int) and exponent % 2 and not is_nonnegative(of_atom(atom)):
            exponent -= 1  # an even power is not negative, whatever the factor
        if exponent:
            factor = multiply(factor, _atom_power(atom, exponent))
            taken[atom] = exponent
    common = next(iter(exponentials)) if len(exponentials) == 1 else None
    if common is not None:
        factor = multiply(factor, exponential(common))
    if factor is ONE:
        return None
    inverse = exponential(negate(common)) if common is not None else ONE
    taken |= dict.fromkeys(indicators, 1)
    return factor, tuple(multiply(_divided(add(fixed, body), taken), inverse) for fixed, _, body in parts)


def _divided(operand: Poly, by: dict[Atom, Rational]) -> Poly:
    """Each term with these powers taken away: what a power of a polynomial leaves is one power again."""
    parts = [
        scale(_as_poly(normalise({a: ratio(e - by.get(a, 0)) for a, e in m.factors}, m.exponential)), c)
        for m, c in operand.terms
    ]
    return total_of(parts) if parts else operand
