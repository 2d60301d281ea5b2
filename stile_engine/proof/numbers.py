"""The arithmetics of the evaluator: floats for the search here, exact intervals for the proof in ``intervals.py``.

An infinity is a float; a value that does not exist raises ``HasNoValue``; a question that the present
precision cannot answer raises ``Undecided``.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Protocol

INFINITY = math.inf


class HasNoValue(Exception):
    """The expression has no value at this point."""


class Undecided(Exception):
    """More digits are needed."""


class Arithmetic(Protocol):
    def rational(self, value: Fraction) -> Any: ...
    def constant(self, name: str) -> Any: ...
    def unary(self, name: str, x: Any) -> Any: ...
    def binary(self, name: str, x: Any, y: Any) -> Any: ...


def is_infinite(x: object) -> bool:
    return isinstance(x, float) and math.isinf(x)


class Floats:
    """IEEE double arithmetic without signed zero; overflow counts as not evaluated."""

    def rational(self, value: Fraction) -> float:
        try:
            return float(value)
        except OverflowError:
            raise Undecided("overflow") from None

    def constant(self, name: str) -> float:
        return {"pi": math.pi, "e": math.e}[name]

    def binary(self, name: str, x: float, y: float) -> float:
        match name:
            case "add" | "sub":
                y = -y if name == "sub" else y
                if math.isinf(x) and math.isinf(y) and x != y:
                    raise HasNoValue("∞ - ∞")
                return x + y
            case "mul":
                if (math.isinf(x) and y == 0) or (math.isinf(y) and x == 0):
                    raise HasNoValue("0 * ∞")
                return x * y
            case "div":
                if y == 0:
                    raise HasNoValue("division by zero")
                if math.isinf(x) and math.isinf(y):
                    raise HasNoValue("∞ / ∞")
                return x / y
            case "maximum":
                return max(x, y)
            case "minimum":
                return min(x, y)
        raise ValueError(name)

    def unary(self, name: str, x: float) -> float:
        try:
            return self._unary(name, x)
        except OverflowError:
            raise Undecided("overflow") from None

    def _unary(self, name: str, x: float) -> float:
        match name:
            case "neg":
                return -x
            case "exp":
                return math.exp(x) if x != -INFINITY else 0.0
            case "exp2":
                return math.exp(x * math.log(2)) if x != -INFINITY else 0.0
            case "log" | "log2":
                if x < 0:
                    raise HasNoValue("log of a negative number")
                if x == 0:
                    return -INFINITY
                return math.log(x) if name == "log" else math.log2(x)
            case "sqrt" | "rsqrt":
                if x < 0 or (name == "rsqrt" and x == 0):
                    raise HasNoValue(f"{name} of {'zero' if x == 0 else 'a negative number'}")
                return math.sqrt(x) if name == "sqrt" else 1 / math.sqrt(x)
            case "abs":
                return abs(x)
            case "relu":
                return max(x, 0.0)
            case "sin" | "cos":
                if math.isinf(x):
                    raise HasNoValue(f"{name} of an infinity")
                return math.sin(x) if name == "sin" else math.cos(x)
            case "tanh":
                return math.tanh(x)
            case "erf":
                return math.erf(x)
            case "sigmoid":
                return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
            case "softplus":
                return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
            case "floor":
                return float(math.floor(x)) if math.isfinite(x) else x
            case "silu":
                return self.binary("mul", x, self._unary("sigmoid", x))
            case "gelu":
                return self.binary("mul", x / 2, 1 + math.erf(x / math.sqrt(2)))
            case "gelu_tanh":
                inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
                return self.binary("mul", x / 2, 1 + math.tanh(inner))
        raise ValueError(name)


def order(arithmetic: Arithmetic, x: Any, y: Any) -> int:
    """-1, 0 or 1 as ``x`` is less than, equal to or greater than ``y``; infinities are numbers here."""
    if isinstance(x, float | int | Fraction) and isinstance(y, float | int | Fraction):
        return (x > y) - (x < y)
    if is_infinite(x) or is_infinite(y):
        left, right = (v if is_infinite(v) else 0.0 for v in (x, y))
        return (left > right) - (left < right)
    gap = arithmetic.binary("sub", x, y)
    if isinstance(gap, int | Fraction):
        return (gap > 0) - (gap < 0)
    if gap.a > 0:
        return 1
    if gap.b < 0:
        return -1
    raise Undecided("a comparison of two numbers that may be equal")
