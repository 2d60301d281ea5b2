"""Canonical terms evaluated at one point by their meaning alone, to hold every law against numbers.

Nothing of the laws is used: a sum is added up over the points of its domain, a power is multiplied out,
a root is a root. Numbers are exact rationals as long as possible, then intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from stile_engine.index.affine import Affine
from stile_engine.index.sets import IndexSet
from stile_engine.proof.intervals import Exact
from stile_engine.proof.numbers import HasNoValue, Undecided, is_infinite
from stile_engine.term.atoms import (
    Atom,
    ConstantAtom,
    FunctionAtom,
    IndexAtom,
    MaxAtom,
    Mono,
    Poly,
    PowerAtom,
    ReadAtom,
    SumAtom,
)
from stile_engine.term.expression import Tensor
from stile_engine.term.guarded import Condition

Inputs = Callable[[Tensor, tuple[int, ...]], Fraction]
_MOST_POINTS = 2000


class Bounded(Exact):
    """Exact arithmetic that gives up on exponentials too large to be written down."""

    def _basic(self, name: str, x: Any) -> Any:
        if name == "exp" and not is_infinite(x):
            size = self.interval(x)
            if size.b > 10**5 or size.a < -(10**5):
                raise Undecided("an exponential out of range")
        return super()._basic(name, x)


class PolyEvaluator:
    """The value of a canonical term at given indices; raises ``HasNoValue`` where it has none."""

    def __init__(self, arithmetic: Exact, inputs: Inputs) -> None:
        self._arithmetic = arithmetic
        self._inputs = inputs

    def __call__(self, operand: Poly, at: Mapping[str, int]) -> Any:
        total: Any = Fraction(0)
        for m, c in operand.terms:
            total = self._binary("add", total, self._binary("mul", Fraction(c), self._mono(m, at)))
        return total

    def _binary(self, name: str, x: Any, y: Any) -> Any:
        return self._arithmetic.binary(name, x, y)

    def _mono(self, m: Mono, at: Mapping[str, int]) -> Any:
        # a sum over nothing is 0 whatever stands beside it: what left the sum was never evaluated
        for atom, exponent in m.factors:
            is_sum = isinstance(atom, SumAtom) and atom.operation == "sum" and exponent > 0
            if is_sum and not _points(atom.domain, atom.bound, at):  # type: ignore[attr-defined]
                return Fraction(0)
        value: Any = Fraction(1)
        for atom, exponent in m.factors:
            value = self._binary("mul", value, self._power(self._atom(atom, at), Fraction(exponent)))
        if m.exponential is not None:
            value = self._binary("mul", value, self._arithmetic.unary("exp", self(m.exponential, at)))
        return value

    def _power(self, base: Any, exponent: Fraction) -> Any:
        if exponent.denominator == 2:
            base, exponent = self._arithmetic.unary("sqrt", base), exponent * 2
        elif exponent.denominator > 2:
            if self._arithmetic.sign(base) < 0:
                raise HasNoValue("a root of a negative number")
            logarithm = self._binary("mul", exponent, self._arithmetic.unary("log", base))
            return self._arithmetic.unary("exp", logarithm)
        value: Any = Fraction(1)
        for _ in range(abs(exponent.numerator)):
            value = self._binary("mul", value, base)
        return value if exponent > 0 else self._binary("div", Fraction(1), value)

    def _atom(self, atom: Atom, at: Mapping[str, int]) -> Any:
        match atom:
            case ReadAtom():
                return self._arithmetic.rational(self._inputs(atom.tensor, tuple(i.evaluate(at) for i in atom.index)))
            case IndexAtom():
                return Fraction(atom.index.evaluate(at))
            case ConstantAtom():
                return self._arithmetic.constant(atom.name)
            case PowerAtom():
                return self(atom.base, at)
            case FunctionAtom():
                value = self(atom.argument, at)
                if atom.name == "trunc":
                    raise Undecided("trunc is no function of the spec language")
                found = self._arithmetic.unary(atom.name, value)
                if is_infinite(found):
                    raise HasNoValue("log of zero is no finite term")
                return found
            case SumAtom():
                name, total = ("add", Fraction(0)) if atom.operation == "sum" else ("mul", Fraction(1))
                for point in _points(atom.domain, atom.bound, at):
                    total = self._binary(name, total, self(atom.body, {**at, **point}))
                return total
            case MaxAtom():
                values = [
                    self(piece.body, {**at, **point})
                    for piece in atom.pieces
                    for point in _points(piece.domain, piece.bound, at)
                ]
                if not values:
                    raise HasNoValue("the greatest of nothing is no finite term")
                best = values[0]
                for value in values[1:]:
                    best = self._binary("maximum", best, value)
                return best
        raise TypeError(type(atom).__name__)

    def holds(self, condition: Condition, at: Mapping[str, int]) -> bool:
        """Whether the condition holds at these indices (in every row of its bound variables)."""
        for point in _points(condition.domain, condition.bound, at):
            try:
                sign = self._arithmetic.sign(self(condition.body, {**at, **point}))
            except HasNoValue:
                return False
            if not {"nonzero": sign != 0, "nonnegative": sign >= 0}.get(condition.kind, sign > 0):
                return False
        return True


def _points(domain: IndexSet, bound: tuple[str, ...], at: Mapping[str, int]) -> list[dict[str, int]]:
    here = domain.substitute({v: Affine((), x) for v, x in at.items() if v not in bound})
    assert here.variables <= set(bound), f"{here.variables} are not all bound"
    if here.is_empty:
        return []
    assert here.variables == set(bound), "a bound variable has no range"
    found = here.points(_MOST_POINTS)
    assert found is not None, "an infinite domain"
    return found
