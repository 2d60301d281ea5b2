"""Sums of logarithms compared by what they are the logarithms of.

``c1 log a1 + c2 log a2 + … + r`` is zero if and only if ``a1**n1 * a2**n2 * … * exp(n * r)`` is 1, with
ni = n * ci whole: a logarithm that is finite has a positive argument, and exp is one to one.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm

from stile_engine.term.atoms import ONE, UNIT, FunctionAtom, Mono, Poly, Rational, mono, poly
from stile_engine.term.functions import exponential
from stile_engine.term.powers import raise_to
from stile_engine.term.ring import multiply, scale, subtract

_LARGEST_POWER = 12
_MOST_TERMS = 60


def zero_by_exponentiating(operand: Poly, is_zero: Callable[[Poly], bool]) -> bool:
    """Whether the term is zero because for each factor of logarithms the logarithms cancel."""
    groups: dict[Mono, dict[Poly, Rational]] = {}
    rest: dict[Mono, Rational] = {}
    for m, c in operand.terms:
        found = _log_of(m)
        if found is None:
            rest[m] = c
        else:
            cofactor, argument = found
            group = groups.setdefault(cofactor, {})
            group[argument] = group.get(argument, 0) + c
    if not groups or len(groups) > 6:
        return False
    for cofactor, logs in sorted(groups.items(), key=lambda item: (-len(item[0].factors), item[0].digest)):
        # what else has this factor belongs to the group
        own = {m: q for m in rest if (q := _quotient(m, cofactor)) is not None}
        addend = poly({q: rest[m] for m, q in own.items()})
        if not _cancels(logs, addend, is_zero):
            return False
        for m in own:
            del rest[m]
    return not rest or is_zero(poly(rest))


def _log_of(m: Mono) -> tuple[Mono, Poly] | None:
    """``(f, a)`` for f * log(a)."""
    logs = [a for a, e in m.factors if isinstance(a, FunctionAtom) and a.name == "log" and e == 1]
    # logarithms of numbers are numbers; they stay as factors
    logs = [a for a in logs if a.argument.constant is None]
    if len(logs) != 1:
        return None
    return mono(tuple(f for f in m.factors if f[0] is not logs[0]), m.exponential), logs[0].argument


def _quotient(m: Mono, cofactor: Mono) -> Mono | None:
    if cofactor is UNIT:
        return m
    if m.exponential is not cofactor.exponential:
        return None
    powers = dict(m.factors)
    for atom, exponent in cofactor.factors:
        if powers.pop(atom, None) != exponent:
            return None
    return mono(tuple(f for f in m.factors if f[0] in powers))


def _cancels(logs: dict[Poly, Rational], addend: Poly, is_zero: Callable[[Poly], bool]) -> bool:
    common = lcm(*(Fraction(c).denominator for c in logs.values()))
    powers = {a: int(Fraction(c) * common) for a, c in logs.items()}
    if sum(map(abs, powers.values())) > _LARGEST_POWER:
        return False
    above, below = exponential(scale(addend, common)), ONE
    for argument, power in powers.items():
        factor = raise_to(argument, abs(power))
        side = above if power > 0 else below
        if len(side.terms) * len(factor.terms) > _MOST_TERMS:
            return False
        if power > 0:
            above = multiply(above, factor)
        elif power < 0:
            below = multiply(below, factor)
    return is_zero(subtract(above, below))
