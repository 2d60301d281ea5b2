"""Products of roots as one root, so that sqrt(P) * sqrt(Q) and sqrt(P * Q) meet.

The normal form keeps roots of polynomials apart, since a product of polynomials is not seen to be
one once it is multiplied out. Here each monomial gets a single root: sqrt(a) * sqrt(b) = sqrt(a * b),
where both a and b are not negative, which the roots themselves need in order to have values.
"""

from __future__ import annotations

from fractions import Fraction

from stile_engine.term.atoms import ONE, Atom, Mono, Poly, PowerAtom, Rational, mono, of_atom, of_mono, ratio
from stile_engine.term.powers import raise_to
from stile_engine.term.ring import multiply, scale, total_of

_HALF = Fraction(1, 2)
_MOST_TERMS = 40


def join_roots(operand: Poly) -> Poly:
    """The same term with at most one root in each monomial, numbers aside."""
    if not any(len(_roots(m)) > 1 for m, _ in operand.terms):
        return operand
    parts = [scale(_joined(m), c) for m, c in operand.terms]
    return total_of(parts) if parts else operand


def _roots(m: Mono) -> list[tuple[Atom, Rational]]:
    return [
        (a, e)
        for a, e in m.factors
        if isinstance(e, Fraction) and e.denominator == 2 and not (isinstance(a, PowerAtom) and a.base.constant)
    ]


def _joined(m: Mono) -> Poly:
    roots = _roots(m)
    if len(roots) < 2:
        return of_mono(m)
    below = ONE
    kept: dict[Atom, Rational] = {a: e for a, e in m.factors if (a, e) not in roots}
    for atom, exponent in roots:
        base = atom.base if isinstance(atom, PowerAtom) else of_atom(atom)
        if len(below.terms) * len(base.terms) > _MOST_TERMS:
            return of_mono(m)
        # a ** (n + 1/2) = a ** n * sqrt(a)
        below = multiply(below, base)
        whole = ratio(Fraction(exponent) - _HALF)
        if whole:
            kept[atom] = whole
    result = of_mono(mono((), m.exponential)) if m.exponential is not None else ONE
    for atom, exponent in kept.items():
        base = atom.base if isinstance(atom, PowerAtom) else of_atom(atom)
        result = multiply(result, raise_to(base, exponent))
    return multiply(result, raise_to(below, _HALF))
