"""Maxima that have names of their own when they are written down: minima and absolute values."""

from __future__ import annotations

from fractions import Fraction

from stile_engine.term.atoms import MaxAtom, Mono, Poly, Rational, of_mono
from stile_engine.term.ring import is_relu, relu_argument


def as_minimum(m: Mono) -> MaxAtom | None:
    """-max(-f) is min(f): the maximum, if all that it is taken of is subtracted."""
    if not isinstance(m.atom, MaxAtom) or any(p.body.is_zero for p in m.atom.pieces):
        return None
    return m.atom if all(c < 0 for p in m.atom.pieces for _, c in p.body.terms) else None


def absolute_values(
    terms: list[tuple[Mono, Rational]],
) -> tuple[list[tuple[Rational, Poly]], list[tuple[Mono, Rational]]]:
    """2c * max(0, t) - c * t is c * |t|, for one product t: such pairs, and what is left."""
    left = dict(terms)
    found: list[tuple[Rational, Poly]] = []
    for m, c in terms:
        if not isinstance(m.atom, MaxAtom) or not is_relu(m.atom) or (single := relu_argument(m.atom).single) is None:
            continue
        own, sign = single
        factor = Fraction(c) / 2
        if left.get(own) == -factor * sign:
            del left[m], left[own]
            found.append((factor, of_mono(own, -sign if sign < 0 else sign)))
    return found, [t for t in terms if t[0] in left]
