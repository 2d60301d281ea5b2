"""Extrema that are attained: where ``g(u) = max g`` holds for some ``u``, and what stands at the first such place."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.existence import some
from stile_engine.index.predicate import compare
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.atoms import UNIT, ZERO, MaxAtom, MaxPiece, Mono, Poly, of_mono, ratio
from stile_engine.term.order import Sign
from stile_engine.term.rewrite import replace_everywhere
from stile_engine.term.ring import add, of_affine, scale, substitute, subtract

_MOST_BOUND = 3


def is_attained(term: Poly, bound: tuple[str, ...], box: IndexSet) -> bool:
    """Whether the term is 0 for some values of ``bound`` in the box, whatever the other variables are: it is
    ``c * (b(u) - max b)`` where the maximum runs over a part of the box that is never empty."""
    term = _without_exponentials(term)
    if len(bound) > _MOST_BOUND:
        return False
    for m, c in term.terms:
        atom = m.atom
        if not isinstance(atom, MaxAtom) or len(atom.pieces) != 1 or not atom.variables.isdisjoint(bound):
            continue
        (piece,) = atom.pieces
        rest = subtract(term, scale(of_mono(m), c))
        for mapping in _pairings(piece, bound, rest):
            if rest is not scale(substitute(piece.body, mapping), ratio(-c)):
                continue
            own = piece.domain.substitute(mapping)
            if not own.tokens and own.issubset(box) and own.project_out(bound) is UNIVERSE:
                return True
    return False


def _pairings(piece: MaxPiece, bound: tuple[str, ...], term: Poly) -> Iterator[dict[str, Affine]]:
    """Ways in which the variables of the maximum may be ``bound``: in any order, and a single one shifted so that
    both read an input at one index."""
    if len(piece.bound) != len(bound):
        return
    for order in permutations(bound):
        yield {v: Affine.variable(u) for v, u in zip(piece.bound, order, strict=True)}
    if len(bound) != 1:
        return
    ((inner,), (outer,)) = piece.bound, bound
    shifts: dict[Affine, None] = {}
    for mine in piece.body.reads:
        for theirs in term.reads:
            for index, other in zip(mine.index, theirs.index, strict=False):
                shift = (other - Affine.variable(outer)) - (index - Affine.variable(inner))
                if mine.tensor == theirs.tensor and shift.variables.isdisjoint((inner, outer)):
                    shifts[shift] = None
    for shift in shifts:
        yield {inner: Affine.variable(outer) + shift}


def at_the_first_place(name: str, domain: IndexSet, m: Mono) -> tuple[IndexSet, Poly] | None:
    """Of a sum over the one ``v`` that is the least (greatest) index with a property: the domain and the body without
    ``v``. None where the body needs more of it than the property says.

    ``sum over {v : v = min of i over A} of f(v) = f(v*)``, where v* lies in A, so that ``g(v*) = m`` if A says so.
    A is not empty, and all of it lies in the rest of the domain.
    """
    for token in domain.tokens:
        datum = data.datum(token)
        if not isinstance(datum, Sign) or name not in datum.variables:
            continue
        if not domain.issubset(IndexSet.where(compare(Affine.variable(token), "==", 0))):
            continue
        family = _least_of(datum.term, name)
        if family is None:
            continue
        around = domain.project_out([token])
        if any(name in data.datum(t).variables for t in around.tokens):
            continue  # another condition on data at v
        others = around.project_out([name])
        if not (family & others).issubset(around) or not others.issubset(some(family, (name,))):
            continue
        body = of_mono(m)
        for inner in family.tokens:
            if family.issubset(IndexSet.where(compare(Affine.variable(inner), "==", 0))):
                equation = data.datum(inner)
                body = _replaced(body, equation.term, name) if isinstance(equation, Sign) else body
        if name not in body.variables:
            return others, body
    return None


def _least_of(term: Poly, name: str) -> IndexSet | None:
    """The set A over ``name`` where ``term = 0`` says that it is the least, or the greatest, index in A."""
    own = of_affine(Affine.variable(name))
    (variable, _) = own.terms[0]
    factor = dict(term.terms).get(variable)
    if factor is None:
        return None
    rest = subtract(term, scale(own, factor))
    if name in rest.variables:
        return None
    for m, c in rest.terms:
        atom = m.atom
        if not isinstance(atom, MaxAtom) or len(atom.pieces) != 1 or len(atom.pieces[0].bound) != 1:
            continue
        (piece,) = atom.pieces
        place = Affine.variable(name)
        value = add(scale(substitute(piece.body, {piece.bound[0]: place}), c), subtract(rest, scale(of_mono(m), c)))
        # v = -(c * b(i) + r) / factor is i + shift, so the greatest b is that of one i
        shift = dict(subtract(scale(value, ratio(Fraction(-1) / factor)), own).terms)
        number = shift.pop(UNIT, 0)
        if not shift and isinstance(number, int):
            return piece.domain.substitute({piece.bound[0]: place - number})
    return None


def _replaced(body: Poly, equation: Poly, name: str) -> Poly:
    """The body where the equation is 0, with what varies with ``name`` replaced by what does not."""
    equation = _without_exponentials(equation)
    moving = [(m, c) for m, c in equation.terms if name in m.variables]
    if len(moving) != 1 or moving[0][0].atom is None:
        return body
    (m, c) = moving[0]
    assert m.atom is not None
    rest = subtract(equation, scale(of_mono(m), c))
    return replace_everywhere(body, m.atom, scale(rest, ratio(Fraction(-1) / c)))


def _without_exponentials(term: Poly) -> Poly:
    """A term that is 0 where the given one is: ``p - q`` of ``c * (exp(p) - exp(q))``."""
    while len(term.terms) == 2:
        (first, one), (second, other) = term.terms
        pure = all(not m.factors for m in (first, second))
        if one != -other or not pure:
            break
        term = subtract(first.exponential or ZERO, second.exponential or ZERO)
    return term
