"""Maxima in terms of simpler ones, for two sides of which only one was written so.

``max(a * f)`` has no shorter form while the sign of ``a`` is not known, and tiles of it join in this form
only; a comparison may write it as ``relu(a) * max(f) - relu(-a) * min(f)``. Likewise the maximum of a
quadratic ``f**2 + b * f``, which the completed square gives by the greatest and the least f.
"""

from __future__ import annotations

from fractions import Fraction

from stile_engine.index.sets import UNIVERSE
from stile_engine.term.atoms import UNIT, Atom, MaxAtom, MaxPiece, Mono, Poly, of_mono, ratio
from stile_engine.term.extrema import Family, by_variant, greatest, least
from stile_engine.term.functions import absolute
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import add, multiply, negate, scale, subtract, total_of
from stile_engine.term.signs import NEGATIVE, POSITIVE, sign


def with_simpler_maxima(operand: Poly) -> Poly:
    """The same term; as it is where nothing of this kind is in it."""

    def change(atom: Atom) -> Poly | None:
        if not isinstance(atom, MaxAtom) or len(atom.pieces) != 1:
            return None
        (piece,) = atom.pieces
        coefficients = by_variant(piece.bound, piece.body)
        return _by_sign(piece, coefficients) or _by_square(piece, coefficients)

    return transform(operand, change)


def _by_sign(piece: MaxPiece, coefficients: dict[Mono, Poly]) -> Poly | None:
    """max(a * f) = max(a, 0) * max(f) - max(-a, 0) * min(f): one of the two is 0, and f has members."""
    first = next(iter(coefficients.values()))
    if first.constant is not None or UNIT in coefficients:
        return None
    mask = sign(first)
    if not (mask & POSITIVE and mask & NEGATIVE):
        return None
    rest: list[tuple[Mono, Fraction]] = []
    for inside, own in coefficients.items():
        times = Fraction(own.terms[0][1]) / Fraction(first.terms[0][1])
        if scale(first, ratio(times)) is not own:
            return None
        rest.append((inside, times))
    body = total_of([of_mono(inside, ratio(times)) for inside, times in rest])
    family = [Family(piece.bound, piece.domain, body)]
    rising, falling = _positive_part(first), _positive_part(negate(first))
    return subtract(multiply(rising, greatest(family)), multiply(falling, least(family)))


def _positive_part(operand: Poly) -> Poly:
    return greatest([Family((), UNIVERSE, operand), Family((), UNIVERSE, scale(operand, 0))])


def _by_square(piece: MaxPiece, coefficients: dict[Mono, Poly]) -> Poly | None:
    """max(a * f**2 + b * f) = a * max(|f + b / (2 * a)|)**2 - b**2 / (4 * a) for a number a > 0."""
    if len(coefficients) != 2:
        return None
    for simple in coefficients:
        (square,) = (m for m in coefficients if m is not simple)
        if multiply(of_mono(simple), of_mono(simple)) is not of_mono(square):
            continue
        a, b = coefficients[square].constant, coefficients[simple]
        if a is None or a <= 0:
            return None
        shift = scale(b, ratio(1 / (2 * Fraction(a))))
        largest = greatest([Family(piece.bound, piece.domain, absolute(add(of_mono(simple), shift)))])
        return scale(subtract(multiply(largest, largest), multiply(shift, shift)), a)
    return None
