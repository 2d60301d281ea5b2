"""Exact arithmetic for the evaluator: rationals as long as that goes, then intervals that hold the true value.

Loaded by the first search for a counterexample that needs it: mpmath is not needed for a proof.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import iv, mp

from stile_engine.proof.numbers import INFINITY, HasNoValue, Undecided, is_infinite

_LARGEST_EXPONENT = 10**300


def _small(value: Fraction) -> Any:
    """An int where the value is one: whole numbers are ten times faster than fractions."""
    return value.numerator if value.denominator == 1 else value


_WHOLE: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "maximum": max,
    "minimum": min,
}


class Exact:
    """Rationals (ints where they are whole) and intervals; ``digits`` sets the intervals' precision."""

    def __init__(self, digits: int) -> None:
        self.digits = digits
        iv.dps = digits
        mp.dps = digits + 10

    def rational(self, value: Fraction) -> Any:
        return _small(value)

    def constant(self, name: str) -> Any:
        return iv.pi if name == "pi" else iv.exp(iv.mpf(1))

    def interval(self, x: Any) -> Any:
        if isinstance(x, int | Fraction):
            return iv.mpf(x.numerator) / iv.mpf(x.denominator)
        return x

    def binary(self, name: str, x: Any, y: Any) -> Any:
        if type(x) is int and type(y) is int and name in _WHOLE:
            return _WHOLE[name](x, y)
        if is_infinite(x) or is_infinite(y):
            return self._with_infinity(name, x, y)
        if isinstance(x, int | Fraction) and isinstance(y, int | Fraction):
            return self._rational(name, x, y)
        if name == "div":
            if isinstance(y, int | Fraction) and y == 0:
                raise HasNoValue("division by zero")
            divisor = self.interval(y)
            if divisor.a <= 0 <= divisor.b:
                raise Undecided("a divisor that may be zero")
        if name == "mul" and (
            x == 0 if isinstance(x, int | Fraction) else y == 0 if isinstance(y, int | Fraction) else False
        ):
            return Fraction(0)
        x, y = self.interval(x), self.interval(y)
        match name:
            case "add":
                return x + y
            case "sub":
                return x - y
            case "mul":
                return x * y
            case "div":
                return x / y
            case "maximum":
                return iv.mpf([max(x.a, y.a), max(x.b, y.b)])
            case "minimum":
                return iv.mpf([min(x.a, y.a), min(x.b, y.b)])
        raise ValueError(name)

    @staticmethod
    def _rational(name: str, x: Any, y: Any) -> Any:
        match name:
            case "add":
                return x + y
            case "sub":
                return x - y
            case "mul":
                return x * y
            case "div":
                if y == 0:
                    raise HasNoValue("division by zero")
                return _small(Fraction(x) / y)
            case "maximum":
                return max(x, y)
            case "minimum":
                return min(x, y)
        raise ValueError(name)

    def sign(self, x: Any) -> int:
        if is_infinite(x):
            return 1 if x > 0 else -1
        if isinstance(x, int | Fraction):
            return (x > 0) - (x < 0)
        if x.a > 0:
            return 1
        if x.b < 0:
            return -1
        raise Undecided("a sign")

    def _with_infinity(self, name: str, x: Any, y: Any) -> Any:
        match name:
            case "add" | "sub":
                if name == "sub" and is_infinite(y):
                    y = -y
                if is_infinite(x) and is_infinite(y) and x != y:
                    raise HasNoValue("∞ - ∞")
                return x if is_infinite(x) else y
            case "mul":
                sign = self.sign(x) * self.sign(y)
                if sign == 0:
                    raise HasNoValue("0 * ∞")
                return sign * INFINITY
            case "div":
                if is_infinite(y):
                    if is_infinite(x):
                        raise HasNoValue("∞ / ∞")
                    return Fraction(0)
                sign = self.sign(y)
                if sign == 0:
                    raise HasNoValue("division by zero")
                return sign * x
            case "maximum" | "minimum":
                wins = INFINITY if name == "maximum" else -INFINITY
                if wins in (x, y):
                    return wins
                return y if is_infinite(x) else x
        raise ValueError(name)

    def unary(self, name: str, x: Any) -> Any:
        one = Fraction(1)
        match name:
            case "neg":
                return -x
            case "abs":
                return self.binary("maximum", x, -x)
            case "relu":
                return self.binary("maximum", x, Fraction(0))
            case "sigmoid":
                return self.binary("div", one, self.binary("add", one, self.unary("exp", -x)))
            case "silu":
                return self.binary("mul", x, self.unary("sigmoid", x))
            case "softplus":
                return self.unary("log", self.binary("add", one, self.unary("exp", x)))
            case "tanh":
                twice = self.binary("mul", Fraction(2), x)
                quotient = self.binary("div", Fraction(2), self.binary("add", one, self.unary("exp", twice)))
                return self.binary("sub", one, quotient)
            case "gelu":
                inner = self.unary("erf", self.binary("div", x, self.unary("sqrt", Fraction(2))))
                return self.binary("mul", self.binary("mul", x, Fraction(1, 2)), self.binary("add", one, inner))
            case "gelu_tanh":
                cubic = self.binary("mul", x, self.binary("mul", x, x))
                shifted = self.binary("add", x, self.binary("mul", Fraction(44715, 1000000), cubic))
                root = self.unary("sqrt", self.binary("div", Fraction(2), iv.pi))
                inner = self.unary("tanh", self.binary("mul", root, shifted))
                return self.binary("mul", self.binary("mul", x, Fraction(1, 2)), self.binary("add", one, inner))
            case "rsqrt":
                return self.binary("div", one, self.unary("sqrt", x))
            case "exp2":
                return self.unary("exp", self.binary("mul", x, iv.log(iv.mpf(2))))
            case "log2":
                return self.binary("div", self.unary("log", x), iv.log(iv.mpf(2)))
        return self._basic(name, x)

    def _basic(self, name: str, x: Any) -> Any:
        if is_infinite(x):
            return self._basic_infinite(name, x)
        match name:
            case "exp":
                if isinstance(x, int | Fraction) and x == 0:
                    return Fraction(1)
                argument = self.interval(x)
                if argument.b > _LARGEST_EXPONENT or argument.a < -_LARGEST_EXPONENT:
                    raise Undecided("an exponential too large to write down")
                return iv.exp(argument)
            case "log":
                sign = self.sign(x)
                if sign < 0:
                    raise HasNoValue("log of a negative number")
                if sign == 0:
                    return -INFINITY
                return Fraction(0) if isinstance(x, int | Fraction) and x == 1 else iv.log(self.interval(x))
            case "sqrt":
                if isinstance(x, int | Fraction):
                    if x < 0:
                        raise HasNoValue("sqrt of a negative number")
                    n, d = math.isqrt(x.numerator), math.isqrt(x.denominator)
                    if n * n == x.numerator and d * d == x.denominator:
                        return Fraction(n, d)
                elif x.b < 0:
                    raise HasNoValue("sqrt of a negative number")
                elif x.a < 0:
                    raise Undecided("a root of a number that may be negative")
                return iv.sqrt(self.interval(x))
            case "sin":
                return iv.sin(self.interval(x))
            case "cos":
                return iv.cos(self.interval(x))
            case "erf":
                box = self.interval(x)
                margin = mp.mpf(10) ** (-self.digits)
                return iv.mpf([mp.erf(mp.mpf(box.a)) - margin, mp.erf(mp.mpf(box.b)) + margin])
            case "floor":
                if isinstance(x, int | Fraction):
                    return Fraction(math.floor(x))
                low, high = mp.floor(mp.mpf(x.a)), mp.floor(mp.mpf(x.b))
                if low != high:
                    raise Undecided("a floor")
                return Fraction(int(low))
        raise ValueError(name)

    @staticmethod
    def _basic_infinite(name: str, x: float) -> Any:
        match name:
            case "exp":
                return x if x > 0 else Fraction(0)
            case "log" | "sqrt":
                if x < 0:
                    raise HasNoValue(f"{name} of -inf")
                return x
            case "erf":
                return Fraction(1 if x > 0 else -1)
            case "floor":
                return x
        raise HasNoValue(f"{name} of an infinity")


def disjoint(x: Any, y: Any) -> bool:
    """Whether two exact results certainly differ."""
    if is_infinite(x) or is_infinite(y):
        return not (is_infinite(x) and is_infinite(y) and x == y)
    if isinstance(x, int | Fraction) and isinstance(y, int | Fraction):
        return x != y
    exact = Exact(iv.dps)
    left, right = exact.interval(x), exact.interval(y)
    return bool(left.b < right.a or right.b < left.a)


def as_float(x: Any) -> float:
    """The nearest double; an infinity beyond all of them."""
    if not isinstance(x, float | int | Fraction):
        return float(mp.mpf(x.mid))
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf
