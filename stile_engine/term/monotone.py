"""Monotone functions of a maximum: ``max f(t) = f(max t)`` where f rises, ``f(min t)`` where it falls.

The families are not all empty and their bodies finite, as for all of ``extrema.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from stile_engine.index.sets import UNIVERSE
from stile_engine.term.atoms import (
    ZERO,
    FunctionAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    Rational,
    mono,
    of_atom,
    of_mono,
    poly,
    ratio,
)
from stile_engine.term.ring import add, multiply, negate, scale, subtract

if TYPE_CHECKING:
    from stile_engine.term.extrema import Family

_MOST_PIECES = 64


def through_monotone(families: list[Family]) -> Poly | None:
    """The maximum with a monotone function of it outside, if the families show one."""
    return _through_wrapper(families) or _through_minimum(families) or _through_logarithms(families)


def _through_wrapper(families: list[Family]) -> Poly | None:
    """max(c * F(f)) = c * F(max f) for c > 0 and F increasing; min for c < 0 or F decreasing."""
    from stile_engine.term.extrema import Family, greatest, least

    inner: list[Family] = []
    shape: tuple[object, ...] | None = None
    coefficient: Rational = 0
    for family in families:
        single = family.body.single
        if single is None:
            return None
        m, c = single
        found = _wrapper(m)
        if found is None:
            return None
        kind, argument = found
        if shape is None:
            shape, coefficient = kind, c
        elif shape != kind or coefficient != c:
            return None
        inner.append(Family(family.bound, family.domain, argument))
    if shape is None:
        return None
    name = shape[0]
    increasing = True
    if name == "power":
        increasing = shape[1] > 0  # type: ignore[operator]
    rising = (coefficient > 0) == increasing
    extreme = greatest(inner) if rising else least(inner)
    return scale(_wrap(shape, extreme), coefficient)


def _through_minimum(families: list[Family]) -> Poly | None:
    """max over v of min(f(v), c) = min(max over v of f(v), c), where c does not vary with v."""
    from stile_engine.term.extrema import Family, _nested, greatest, least

    if len(families) != 1 or not families[0].bound:
        return None
    (family,) = families
    names = frozenset(family.bound)
    fixed = poly({m: c for m, c in family.body.terms if not m.variables & names})
    nested = _nested(negate(subtract(family.body, fixed)))
    if nested is None:
        return None
    atom, coefficient, rest = nested
    if any(p.bound or p.domain is not UNIVERSE for p in atom.pieces):
        return None
    # -(c * max(p_i) + rest) = min(-c * p_i - rest)
    members = [negate(add(rest, scale(p.body, coefficient))) for p in atom.pieces]
    varying = [m for m in members if m.variables & names]
    if len(varying) != 1:
        return None
    outside = [Family((), UNIVERSE, m) for m in members if not m.variables & names]
    outside.append(Family((), UNIVERSE, greatest([Family(family.bound, family.domain, varying[0])])))
    return add(fixed, least(outside))


def _through_logarithms(families: list[Family]) -> Poly | None:
    """max(f) = log(max(exp f)), where f is a logarithm and more: x + log(1 + exp(-x)) is log(exp(x) + 1)."""
    from stile_engine.term.extrema import Family, greatest
    from stile_engine.term.functions import exponential, logarithm

    if len(families) != 1 or not families[0].bound:
        return None
    (family,) = families
    logs = [
        c
        for m, c in family.body.terms
        if isinstance(m.atom, FunctionAtom) and m.atom.name == "log" and m.atom.argument.constant is None
    ]
    if not logs or len(family.body.terms) < 2 or any(c != 1 for c in logs):
        return None
    return logarithm(greatest([Family(family.bound, family.domain, exponential(family.body))]))


def _wrapper(m: Mono) -> tuple[tuple[object, ...], Poly] | None:
    """``m`` as a monotone function of one term."""
    from stile_engine.term.functions import absolute, exponential
    from stile_engine.term.signs import is_positive

    if not m.factors:
        # exp is increasing; 1 = exp(0)
        return ("exp",), m.exponential if m.exponential is not None else ZERO
    if m.factors and all(isinstance(e, int) and e > 0 and e % 2 == 0 for _, e in m.factors):
        # t ** 2 = |t| ** 2, and squares are increasing on what is not negative
        half = scale(m.exponential, Fraction(1, 2)) if m.exponential is not None else None
        root = of_mono(mono(tuple((a, ratio(Fraction(e) / 2)) for a, e in m.factors), half))
        return ("power", 2), absolute(root)
    if len(m.factors) != 1:
        return None
    atom, exponent = m.factors[0]
    if m.exponential is not None:
        if not isinstance(atom, PowerAtom) or atom.base.constant is not None:
            return None
        # exp(a) * P ** e = (exp(a / e) * P) ** e
        base = multiply(atom.base, exponential(scale(m.exponential, ratio(1 / Fraction(exponent)))))
        return (("power", exponent), base) if is_positive(base) else None
    if isinstance(atom, FunctionAtom) and exponent == 1 and atom.name in ("log", "erf", "floor", "trunc"):
        return (atom.name,), atom.argument
    if isinstance(atom, PowerAtom) and atom.base.constant is None:
        # x ** e is increasing for e > 0 and decreasing for e < 0, on positive x
        if isinstance(exponent, int) and not is_positive(atom.base):
            return None
        return ("power", exponent), atom.base
    if isinstance(exponent, int) and exponent > 1 and exponent % 2:
        return ("power", exponent), of_atom(atom)  # odd powers are increasing everywhere
    if not isinstance(exponent, int) or exponent < 0:
        base = of_atom(atom)
        if isinstance(exponent, int) and not is_positive(base):
            return None
        if isinstance(atom, PowerAtom):
            return None
        return ("power", exponent), base
    return None


def _wrap(shape: tuple[object, ...], argument: Poly) -> Poly:
    from stile_engine.term.functions import exponential, named
    from stile_engine.term.powers import raise_to

    if shape[0] == "exp":
        return exponential(argument)
    if shape[0] == "power":
        return raise_to(argument, shape[1])  # type: ignore[arg-type]
    return named(str(shape[0]), argument)


# -- piecewise linear functions ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """``slope * t + offset`` where every ``s * t + a`` of ``where`` is at least 0."""

    slope: Fraction
    offset: Poly
    where: tuple[tuple[Fraction, Poly], ...] = ()


class _NotLinear(Exception):
    """The term is no piecewise linear function of the one argument."""


def through_pieces(family: Family) -> Poly | None:
    """max over v of f(t(v)) = f(max t) for a continuous f that is linear on pieces and rises on each.

    f is made of t, what does not vary with v, sums and maxima, with numbers as slopes. Of a maximum
    each member is a piece, where it is the greatest; a piece that has no width does not count.
    """
    from stile_engine.term.extrema import Family, greatest, least

    if not family.bound:
        return None
    names = frozenset(family.bound)
    body = family.body
    # without a minimum inside, the maxima flatten by themselves
    if not any(_is_maximum(m) and c < 0 and m.variables & names for m, c in _all_terms(body)):
        return None
    inner = _argument(body, names)
    if inner is None:
        return None
    function = _Pieces(inner, names)
    try:
        direction = _direction(function.lines(body))
        if not direction:
            return None
        moved = [Family(family.bound, family.domain, inner)]
        return function.at(body, greatest(moved) if direction > 0 else least(moved))
    except _NotLinear:
        return None


def _is_maximum(m: Mono) -> bool:
    return isinstance(m.atom, MaxAtom) and all(not p.bound and p.domain is UNIVERSE for p in m.atom.pieces)


def _all_terms(operand: Poly) -> Iterator[tuple[Mono, Rational]]:
    """The terms, and those of the members of maxima."""
    for m, c in operand.terms:
        yield m, c
        if _is_maximum(m):
            for member in _members(m):
                yield from _all_terms(member)


def _members(m: Mono) -> list[Poly]:
    assert isinstance(m.atom, MaxAtom)
    return [p.body for p in m.atom.pieces]


def _argument(body: Poly, names: frozenset[str]) -> Poly | None:
    """What varies, outside of maxima: the same up to a number wherever it stands."""
    own = poly({m: c for m, c in body.terms if m.variables & names and not _is_maximum(m)})
    if own.terms:
        return scale(own, ratio(1 / Fraction(own.terms[0][1])))
    for m, _ in body.terms:
        if _is_maximum(m) and m.variables & names:
            for member in _members(m):
                found = _argument(member, names)
                if found is not None:
                    return found
    return None


class _Pieces:
    """A term as a function of ``inner``."""

    def __init__(self, inner: Poly, names: frozenset[str]) -> None:
        self._inner, self._names = inner, names

    def _parts(self, operand: Poly) -> tuple[Fraction, Poly, list[tuple[Mono, Rational]]]:
        """``(s, a, maxima)`` with operand = s * inner + a + maxima; raises ``_NotLinear``."""
        fixed: dict[Mono, Rational] = {}
        plain: dict[Mono, Rational] = {}
        maxima: list[tuple[Mono, Rational]] = []
        for m, c in operand.terms:
            if not m.variables & self._names:
                fixed[m] = c
            elif _is_maximum(m):
                maxima.append((m, c))
            else:
                plain[m] = c
        varying = poly(plain)
        if not varying.terms:
            return Fraction(0), poly(fixed), maxima
        slope = Fraction(varying.terms[0][1]) / Fraction(self._inner.terms[0][1])
        if scale(self._inner, ratio(slope)) is not varying:
            raise _NotLinear
        return slope, poly(fixed), maxima

    def lines(self, operand: Poly) -> list[_Line]:
        slope, fixed, maxima = self._parts(operand)
        found = [_Line(slope, fixed)]
        for m, c in maxima:
            choices = self._greatest(_members(m))
            if len(found) * len(choices) > _MOST_PIECES:
                raise _NotLinear
            number = Fraction(c)
            found = [
                _Line(x.slope + number * y.slope, add(x.offset, scale(y.offset, c)), x.where + y.where)
                for x in found
                for y in choices
            ]
        return found

    def _greatest(self, members: list[Poly]) -> list[_Line]:
        options = [self.lines(p) for p in members]
        if prod(map(len, options)) * len(members) > _MOST_PIECES:
            raise _NotLinear
        found: list[_Line] = []
        for combination in product(*options):
            shared = tuple(w for line in combination for w in line.where)
            for best in combination:
                wins = tuple(
                    (best.slope - other.slope, subtract(best.offset, other.offset))
                    for other in combination
                    if other is not best
                )
                found.append(_Line(best.slope, best.offset, shared + wins))
        return found

    def at(self, operand: Poly, value: Poly) -> Poly:
        """The function where its argument has this value."""
        from stile_engine.term.extrema import Family, greatest

        slope, total, maxima = self._parts(operand)
        total = add(total, scale(value, ratio(slope)))
        for m, c in maxima:
            members = [Family((), UNIVERSE, self.at(p, value)) for p in _members(m)]
            total = add(total, scale(greatest(members), c))
        return total


def _direction(lines: list[_Line]) -> int:
    """1 if every piece with a width rises or is level, -1 if every one falls or is level, else 0."""
    found = 0
    for line in lines:
        way = (line.slope > 0) - (line.slope < 0)
        if not way or way == found or not _has_width(line):
            continue
        if found:
            return 0
        found = way
    return found or 1


def _has_width(line: _Line) -> bool:
    """Whether the piece may hold on more than one value of t: False only if that is shown."""
    from stile_engine.term.signs import NONNEGATIVE, POSITIVE, sign

    upward = [(s, a) for s, a in line.where if s > 0]
    downward = [(-s, a) for s, a in line.where if s < 0]
    if any(not s and not sign(a) & NONNEGATIVE for s, a in line.where):
        return False
    for up, a in upward:
        for down, b in downward:
            # t >= -a / up and t <= b / down
            if not sign(add(scale(a, ratio(1 / up)), scale(b, ratio(1 / down)))) & POSITIVE:
                return False
    return True
