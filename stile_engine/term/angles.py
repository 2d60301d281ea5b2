"""Sines and cosines of sums of angles, in the sines and cosines of common parts.

sin(a + b) = sin a cos b + cos a sin b and cos(a + b) = cos a cos b - sin a sin b. Which parts an angle
is made of depends on the other angles of the same term: sin(2x) beside sin(x) is 2 sin(x) cos(x), alone
it stays. With cos**2 = 1 - sin**2 (see ``powers``) trigonometric polynomials in angles that are
linearly independent then have one form.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, lcm

from stile_engine.index.work import spend
from stile_engine.term.atoms import (
    ONE,
    UNIT,
    ZERO,
    Atom,
    ConstantAtom,
    FunctionAtom,
    Mono,
    Poly,
    Rational,
    of_mono,
    ratio,
)
from stile_engine.term.functions import named
from stile_engine.term.rewrite import transform
from stile_engine.term.ring import add, multiply, negate, scale, subtract
from stile_engine.term.walk import all_atoms

_MOST_PARTS = 12


def expand_angles(operand: Poly) -> Poly:
    """The same term with every sine and cosine written in common parts, at any depth."""
    angles = [a for a in all_atoms(operand) if isinstance(a, FunctionAtom) and a.name in ("sin", "cos")]
    if not angles:
        return operand
    units = _units(angles)
    if all(_is_plain(a.argument, units) for a in angles):
        return operand

    def change(atom: Atom) -> Poly | None:
        if not isinstance(atom, FunctionAtom) or atom.name not in ("sin", "cos"):
            return None
        if _is_plain(atom.argument, units):
            return None
        found = _sine_and_cosine(atom.argument, units)
        return None if found is None else found[0 if atom.name == "sin" else 1]

    return transform(operand, change)


def _units(angles: list[FunctionAtom]) -> dict[Mono, Fraction]:
    """For each monomial the greatest number of which all its coefficients in angles are multiples."""
    units: dict[Mono, Fraction] = {}
    for angle in angles:
        for m, c in angle.argument.terms:
            value = abs(Fraction(c))
            known = units.get(m)
            units[m] = value if known is None else _common(known, value)
    return units


def _common(x: Fraction, y: Fraction) -> Fraction:
    denominator = lcm(x.denominator, y.denominator)
    return Fraction(gcd(int(x * denominator), int(y * denominator)), denominator)


def _is_plain(argument: Poly, units: dict[Mono, Fraction]) -> bool:
    """Whether the angle is one common part."""
    return len(argument.terms) == 1 and abs(Fraction(argument.terms[0][1])) == units.get(argument.terms[0][0])


def _sine_and_cosine(argument: Poly, units: dict[Mono, Fraction]) -> tuple[Poly, Poly] | None:
    parts: list[tuple[Poly, int]] = []
    for m, c in argument.terms:
        if m not in units or _is_turn(m):
            parts.append((of_mono(m, c), 1))
            continue
        times = Fraction(c) / units[m]
        if times.denominator != 1:
            return None
        parts.append((of_mono(m, ratio(units[m])), int(times)))
    if sum(abs(n) for _, n in parts) > _MOST_PARTS:
        return None
    sine, cosine = ZERO, ONE
    for angle, count in parts:
        spend()
        own_sine, own_cosine = named("sin", angle), named("cos", angle)
        if count < 0:
            own_sine = negate(own_sine)
        for _ in range(abs(count)):
            sine, cosine = (
                add(multiply(sine, own_cosine), multiply(cosine, own_sine)),
                subtract(multiply(cosine, own_cosine), multiply(sine, own_sine)),
            )
    return sine, cosine


def _is_turn(m: Mono) -> bool:
    """pi: its multiples have values of their own."""
    return m is not UNIT and m.exponential is None and len(m.factors) == 1 and isinstance(m.factors[0][0], ConstantAtom)


def sine_of_turn(multiple: Rational) -> Poly | None:
    """sin(multiple * pi), where it is 0, a half or 1 in absolute value, or a root of 2 or 3 halved."""
    from stile_engine.term.powers import raise_to

    turn = Fraction(multiple) % 2
    sign = 1
    if turn >= 1:
        turn, sign = turn - 1, -1  # sin(x + pi) = -sin(x)
    if turn > Fraction(1, 2):
        turn = 1 - turn  # sin(pi - x) = sin(x)
    root: Callable[[int], Poly] = lambda n: raise_to(scale(ONE, n), Fraction(1, 2))
    values = {
        Fraction(0): ZERO,
        Fraction(1, 6): scale(ONE, Fraction(1, 2)),
        Fraction(1, 4): scale(root(2), Fraction(1, 2)),
        Fraction(1, 3): scale(root(3), Fraction(1, 2)),
        Fraction(1, 2): ONE,
    }
    return scale(values[turn], sign) if turn in values else None
