"""Tiles and places in them counted as the indices that they are.

A loop over tiles leaves counts such as "how many tiles have a place i", ``(n - i + 31) // 32``: summed over the 32
places they are n, which shows only once tile and place are one index again.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from stile_engine.index.affine import Affine
from stile_engine.index.graphs import lengths
from stile_engine.index.predicate import compare, in_range
from stile_engine.index.sets import IndexSet
from stile_engine.term import binding
from stile_engine.term.atoms import Atom, IndexAtom, Mono, Poly, Rational, SumAtom, mono, poly


def one_index(name: str, other: str, domain: IndexSet) -> tuple[str, IndexSet] | None:
    """``k = c * name + other - low`` in the place of both, where ``low <= other < low + c`` in the domain.

    The map from the pairs to k is one to one, with the inverse ``k // c``, ``low + k % c``. None where it does not
    make the domain one run of k in each of some cases whose ends have no divisions by that variable.
    """
    low, high = domain.limits(other)
    if low is None or high is None or high == low:
        return None
    count = high - low + 1
    (merged,) = binding.fresh()
    index = Affine.variable(merged)
    found = domain.substitute({name: index // count, other: index % count + low})
    cases = lengths(found, merged)
    if cases is None or any(length.mentions_in_floor(v) for _, length in cases for v in length.variables):
        return None
    return merged, found


def _is_indicator(atom: Atom) -> bool:
    return isinstance(atom, SumAtom) and atom.operation == "sum" and not atom.bound


@dataclass(frozen=True, slots=True)
class Counted:
    """``coefficient * sum(rest)`` over the variables in the domain, and the terms that are left."""

    coefficient: Rational
    bound: tuple[str, ...]
    domain: IndexSet
    rest: Mono
    left: Poly


def counted_by_index(bound: tuple[str, ...], domain: IndexSet, body: Poly) -> Counted | None:
    """``sum_i a(i) r = sum of r over {(i, t) : 0 <= t < a(i)}`` for whole numbers a that are not negative and r that
    does not name i: where a is a number of tiles, the pairs are one run of indices."""
    parts_of: dict[Mono, dict[IndexAtom, Rational]] = {}
    terms_of: dict[Mono, set[Mono]] = {}
    for m, c in body.terms:
        own = [a for a, e in m.factors if isinstance(a, IndexAtom) and e == 1 and not a.variables.isdisjoint(bound)]
        if len(own) == 1:
            rest = mono(tuple(f for f in m.factors if f[0] is not own[0]), m.exponential)
            parts_of.setdefault(rest, {})[own[0]] = c
            terms_of.setdefault(rest, set()).add(m)
    for rest, parts in parts_of.items():
        leading = next((a for a in parts if any(a.index.mentions_in_floor(v) for v in bound)), None)
        names = [v for v in bound if any(v in a.variables for a in parts)]
        if leading is None or len(names) != 1:
            continue
        # sum over D of [P] f is the sum over D and P of f
        inside = [f for f in rest.factors if f[1] == 1 and _is_indicator(f[0]) and names[0] in f[0].variables]
        plain = mono(tuple(f for f in rest.factors if f not in inside), rest.exponential)
        narrowed = domain
        for found, _ in inside:
            assert isinstance(found, SumAtom)
            narrowed = narrowed & found.domain
        if names[0] in plain.variables:
            continue
        whole = {a: Fraction(c) / Fraction(parts[leading]) for a, c in parts.items()}
        if any(c.denominator != 1 for c in whole.values()):
            continue
        length = Affine()
        for atom, factor in whole.items():
            length = length + atom.index * int(factor)
        if not narrowed.issubset(IndexSet.where(compare(length, ">=", 0))):
            continue
        (tile,) = binding.fresh()
        merged = one_index(tile, names[0], narrowed & IndexSet.where(in_range(Affine.variable(tile), 0, length)))
        if merged is None:
            continue
        left = poly({m: c for m, c in body.terms if m not in terms_of[rest]})
        others = (merged[0], *(b for b in bound if b != names[0]))
        return Counted(parts[leading], others, merged[1], plain, left)
    return None
