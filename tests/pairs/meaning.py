"""What an expression is worth, by the definitions alone: every element, in floats or exactly.

Exact numbers are rationals as long as possible and intervals of rising precision after that; two
results that do not meet are certainly different. An element without a value is ``None``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from mpmath import iv, mp

from pairs.terms import Predicate, Ranges, Term, as_python, joined, names_in, ranges

Inputs = Callable[[str, tuple[int, ...]], Fraction]


class Unknown(Exception):
    """The present precision does not tell (a comparison within the width of an interval)."""


def infinite(x: Any) -> bool:
    return isinstance(x, float) and math.isinf(x)


class Floats:
    """Doubles; too large is unknown, not infinite."""

    def number(self, value: Fraction) -> Any:
        return float(value)

    def sign(self, x: Any) -> int:
        return (x > 0) - (x < 0)

    def function(self, name: str, x: Any) -> Any:
        try:
            return _FLOAT[name](x)
        except OverflowError:
            raise Unknown(name) from None

    def pi(self) -> Any:
        return math.pi


class Exact:
    """Rationals, then intervals of so many digits."""

    def __init__(self, digits: int) -> None:
        self.digits = digits

    def number(self, value: Fraction) -> Any:
        return value

    def sign(self, x: Any) -> int:
        if isinstance(x, Fraction | int | float):
            return (x > 0) - (x < 0)
        if x.a > 0 or x.b < 0:
            return 1 if x.a > 0 else -1
        raise Unknown("a sign")

    def interval(self, x: Any) -> Any:
        iv.dps = self.digits
        return iv.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else x

    def function(self, name: str, x: Any) -> Any:
        if x == 0 and isinstance(x, Fraction):
            known = {"exp": 1, "sin": 0, "cos": 1, "erf": 0, "sqrt": 0}
            if name in known:
                return Fraction(known[name])
        if isinstance(x, Fraction):
            if name == "log" and x == 1:
                return Fraction(0)
            if name == "sqrt":
                n, d = math.isqrt(x.numerator), math.isqrt(x.denominator)
                if n * n == x.numerator and d * d == x.denominator:
                    return Fraction(n, d)
            if name == "floor":
                return Fraction(math.floor(x))
        inside = self.interval(x)
        if name == "exp" and max(abs(inside.a), abs(inside.b)) > 10**5:
            raise Unknown("exp out of range")
        if name == "floor":
            low, high = math.floor(mp.mpf(inside.a)), math.floor(mp.mpf(inside.b))
            if low != high:
                raise Unknown("floor")
            return Fraction(low)
        if name == "erf":
            with mp.workdps(self.digits + 10):
                low, high = mp.erf(mp.mpf(inside.a)), mp.erf(mp.mpf(inside.b))
                slack = mp.mpf(10) ** -self.digits
                return iv.mpf([low - slack, high + slack])
        return getattr(iv, name)(inside)

    def pi(self) -> Any:
        iv.dps = self.digits
        return +iv.pi


_FLOAT: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "erf": math.erf,
    "floor": lambda x: float(math.floor(x)),
}

Arithmetic = Floats | Exact


class _Evaluator:
    def __init__(self, arithmetic: Arithmetic, inputs: Inputs, sizes: Mapping[str, int]) -> None:
        self.arithmetic, self.inputs, self.sizes = arithmetic, inputs, dict(sizes)
        self.known: dict[Term, tuple[Ranges, np.ndarray]] = {}
        self.names: dict[str, tuple[Ranges, np.ndarray]] = {}

    # numbers, one element at a time; None is no value

    def add(self, x: Any, y: Any) -> Any:
        if x is None or y is None:
            return None
        if infinite(x) or infinite(y):
            if infinite(x) and infinite(y) and x != y:
                return None
            return x if infinite(x) else y
        return self.mixed(lambda a, b: a + b, x, y)

    def multiply(self, x: Any, y: Any) -> Any:
        if x is None or y is None:
            return None
        if infinite(x) or infinite(y):
            signs = self.arithmetic.sign(x) * self.arithmetic.sign(y)
            return signs * math.inf if signs else None
        return self.mixed(lambda a, b: a * b, x, y)

    def divide(self, x: Any, y: Any) -> Any:
        if x is None or y is None or (infinite(x) and infinite(y)):
            return None
        if not infinite(y) and self.arithmetic.sign(y) == 0:
            return None
        if infinite(y):
            return self.arithmetic.number(Fraction(0))
        if infinite(x):
            return x * self.arithmetic.sign(y)
        return self.mixed(lambda a, b: a / b, x, y)

    def mixed(self, operation: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
        if isinstance(x, Fraction) and not isinstance(y, Fraction) and isinstance(self.arithmetic, Exact):
            x = self.arithmetic.interval(x)
        elif isinstance(y, Fraction) and not isinstance(x, Fraction) and isinstance(self.arithmetic, Exact):
            y = self.arithmetic.interval(y)
        return operation(x, y)

    def negate(self, x: Any) -> Any:
        return None if x is None else -x

    def greater(self, x: Any, y: Any) -> Any:
        if x is None or y is None:
            return None
        if infinite(x) or infinite(y):
            first, second = (x if infinite(x) else 0.0), (y if infinite(y) else 0.0)
            return x if first >= second else y
        if isinstance(self.arithmetic, Floats) or (isinstance(x, Fraction) and isinstance(y, Fraction)):
            return max(x, y)
        x, y = self.arithmetic.interval(x), self.arithmetic.interval(y)
        return iv.mpf([max(x.a, y.a), max(x.b, y.b)])

    def lesser(self, x: Any, y: Any) -> Any:
        return self.negate(self.greater(self.negate(x), self.negate(y)))

    def function(self, name: str, x: Any) -> Any:
        if x is None:
            return None
        one, zero = self.arithmetic.number(Fraction(1)), self.arithmetic.number(Fraction(0))
        two = self.arithmetic.number(Fraction(2))
        f = self.function
        match name:
            case "neg":
                return -x
            case "relu":
                return self.greater(x, zero)
            case "abs":
                return self.greater(x, -x)
            case "exp":
                if infinite(x):
                    return x if x > 0 else zero
                return self.arithmetic.function("exp", x)
            case "exp2":
                return f("exp", self.multiply(x, self.arithmetic.function("log", two)))
            case "log":
                if infinite(x):
                    return x if x > 0 else None
                sign = self.arithmetic.sign(x)
                if sign <= 0:
                    return None if sign else -math.inf
                return self.arithmetic.function("log", x)
            case "log2":
                return self.divide(f("log", x), self.arithmetic.function("log", two))
            case "sqrt":
                if infinite(x):
                    return x if x > 0 else None
                return None if self.arithmetic.sign(x) < 0 else self.arithmetic.function("sqrt", x)
            case "rsqrt":
                return self.divide(one, f("sqrt", x))
            case "sin" | "cos":
                return None if infinite(x) else self.arithmetic.function(name, x)
            case "erf" | "floor":
                if infinite(x):
                    return math.copysign(1, x) * one if name == "erf" else x
                return self.arithmetic.function(name, x)
            case "sigmoid":
                if infinite(x):
                    return one if x > 0 else zero
                return self.divide(one, self.add(one, f("exp", -x)))
            case "silu":
                return self.multiply(x, f("sigmoid", x))
            case "tanh":
                if infinite(x):
                    return one if x > 0 else -one
                return self.add(one, self.negate(self.divide(two, self.add(one, f("exp", self.multiply(two, x))))))
            case "softplus":
                return f("log", self.add(one, f("exp", x)))
            case "gelu":
                inner = f("erf", self.divide(x, f("sqrt", two)))
                return self.multiply(self.divide(x, two), self.add(one, inner))
            case "gelu_tanh":
                if infinite(x):
                    return x if x > 0 else None
                scale = f("sqrt", self.divide(two, self.arithmetic.pi()))
                cubic = self.multiply(self.arithmetic.number(Fraction(44715, 1000000)), self.power(x, 3))
                inner = f("tanh", self.multiply(scale, self.add(x, cubic)))
                return self.multiply(self.divide(x, two), self.add(one, inner))
        raise ValueError(name)

    def power(self, x: Any, exponent: int) -> Any:
        result = self.arithmetic.number(Fraction(1))
        if x is None:
            return None
        for _ in range(abs(exponent)):
            result = self.multiply(result, x)
        return result if exponent >= 0 else self.divide(self.arithmetic.number(Fraction(1)), result)

    # arrays: an object array with one axis for each dim

    def value(self, t: Term) -> tuple[Ranges, np.ndarray]:
        found = self.known.get(t)
        if found is None:
            found = self.compute(t)
            if not self.names:
                self.known[t] = found
        return found

    def compute(self, t: Term) -> tuple[Ranges, np.ndarray]:
        match t.head, t.data, t.inner:
            case "read", (label, _, _), _:
                own = ranges(t, self.sizes)
                return own, self.filled(own, lambda p: self.arithmetic.number(self.inputs(label, p)))
            case "number", (shown,), _:
                return {}, _scalar(self.number(shown))
            case "infinity", _, _:
                return {}, _scalar(math.inf)
            case "name", (name, _), _:
                return self.names[name]
            case "let", (name,), (value, body):
                outer = self.names
                self.names = {**outer, name: self.value(value)}
                try:
                    return self.value(body)
                finally:
                    self.names = outer
            case "unary", (name,), (operand,):
                own, array = self.value(operand)
                return own, _map1(lambda x: self.function(name, x), array)
            case "power", (exponent,), (base,):
                own, array = self.value(base)
                return own, _map1(lambda x: self.power(x, exponent), array)
            case "binary", (op,), (left, right):
                return self.combined(op, [self.value(left), self.value(right)])
            case "reduce", (name, dim, predicate), (body,):
                return self.reduced(name, dim, predicate, self.value(body))
            case "softmax", (dim, predicate), (body,):
                return self.softmax(dim, predicate, self.value(body))
            case "where", (predicate,), (chosen, other):
                return self.chosen(predicate, self.value(chosen), self.value(other))
            case "mask", (predicate,), (body,):
                zero = _scalar(self.arithmetic.number(Fraction(0)))
                return self.chosen(predicate, self.value(body), ({}, zero))
            case "contract", (name, right), operands:
                return self.contracted(name or "sum", right, [self.value(o) for o in operands])
            case "at", (dim, index), (body,):
                return self.reindexed(dim, index, self.value(body), ranges(t, self.sizes))
        raise ValueError(t.head)

    def number(self, shown: str) -> Any:
        if shown == "pi":
            return self.arithmetic.pi()
        if shown.startswith("size("):
            return self.arithmetic.number(Fraction(self.sizes[shown[5:-1]]))
        return self.arithmetic.number(Fraction(shown))

    def filled(self, own: Ranges, element: Callable[[tuple[int, ...]], Any]) -> np.ndarray:
        found = np.empty([high - low for low, high in own.values()], dtype=object)
        for place in itertools.product(*(range(low, high) for low, high in own.values())):
            found[tuple(p - low for p, (low, _) in zip(place, own.values(), strict=True))] = element(place)
        return found

    def spread(self, value: tuple[Ranges, np.ndarray], own: Ranges) -> np.ndarray:
        mine, array = value
        order = [d for d in own if d in mine]
        array = array.transpose([list(mine).index(d) for d in order])
        array = array.reshape([own[d][1] - own[d][0] if d in mine else 1 for d in own])
        return np.broadcast_to(array, [high - low for low, high in own.values()])

    def operation(self, op: str) -> Callable[[Any, Any], Any]:
        return {
            "+": self.add,
            "-": lambda x, y: self.add(x, self.negate(y)),
            "*": self.multiply,
            "/": self.divide,
            "maximum": self.greater,
            "minimum": self.lesser,
        }[op]

    def combined(self, op: str, parts: list[tuple[Ranges, np.ndarray]]) -> tuple[Ranges, np.ndarray]:
        own = joined([p[0] for p in parts])
        array = self.spread(parts[0], own)
        for part in parts[1:]:
            array = _map2(self.operation(op), array, self.spread(part, own))
        return own, array

    def holds(self, predicate: Predicate | None, own: Ranges) -> np.ndarray:
        if predicate is None:
            return np.ones([high - low for low, high in own.values()], dtype=bool)
        names = list(own)
        code = _compiled(as_python(predicate))
        found = np.empty([high - low for low, high in own.values()], dtype=bool)
        for place in itertools.product(*(range(high - low) for low, high in own.values())):
            at = {d: p + own[d][0] for d, p in zip(names, place, strict=True)}
            found[place] = bool(eval(code, {"__builtins__": {}}, at))
        return found

    def chosen(
        self, predicate: Predicate, first: tuple[Ranges, np.ndarray], second: tuple[Ranges, np.ndarray]
    ) -> tuple[Ranges, np.ndarray]:
        own = joined([first[0], second[0]])
        own = joined([own, {d: own.get(d, (0, self.sizes[d])) for d in sorted(names_in(as_python(predicate)))}])
        return own, np.where(self.holds(predicate, own), self.spread(first, own), self.spread(second, own))

    def reduced(
        self, name: str, dim: str, predicate: Predicate | None, body: tuple[Ranges, np.ndarray]
    ) -> tuple[Ranges, np.ndarray]:
        own = body[0]
        if predicate is not None:
            own = joined([own, {d: own.get(d, (0, self.sizes[d])) for d in sorted(names_in(as_python(predicate)))}])
        axis = list(own).index(dim)
        array = np.moveaxis(self.spread(body, own), axis, -1)
        inside = np.moveaxis(self.holds(predicate, own), axis, -1)
        rest = {d: r for d, r in own.items() if d != dim}
        found = np.empty([high - low for low, high in rest.values()], dtype=object)
        for place in np.ndindex(*found.shape):
            members = [x for x, yes in zip(array[place], inside[place], strict=True) if yes]
            found[place] = self.fold(name, members)
        return rest, found

    def fold(self, name: str, members: list[Any]) -> Any:
        zero, one = (self.arithmetic.number(Fraction(n)) for n in (0, 1))
        match name:
            case "sum":
                result: Any = zero
                for x in members:
                    result = self.add(result, x)
            case "prod":
                result = one
                for x in members:
                    result = self.multiply(result, x)
            case "max" | "min":
                result = -math.inf if name == "max" else math.inf
                for x in members:
                    result = self.greater(result, x) if name == "max" else self.lesser(result, x)
            case "mean":
                if not members:
                    return None
                result = self.divide(self.fold("sum", members), self.arithmetic.number(Fraction(len(members))))
            case "logsumexp":
                result = self.function("log", self.fold("sum", [self.function("exp", x) for x in members]))
            case _:
                raise ValueError(name)
        return result

    def softmax(
        self, dim: str, predicate: Predicate | None, body: tuple[Ranges, np.ndarray]
    ) -> tuple[Ranges, np.ndarray]:
        powers = (body[0], _map1(lambda x: self.function("exp", x), body[1]))
        below = self.reduced("sum", dim, predicate, powers)
        quotient = self.combined("/", [powers, below])
        if predicate is None:
            return {d: quotient[0][d] for d in body[0]}, self.spread(quotient, body[0])
        return self.chosen(predicate, quotient, ({}, _scalar(self.arithmetic.number(Fraction(0)))))

    def contracted(
        self, name: str, right: tuple[str, ...], parts: list[tuple[Ranges, np.ndarray]]
    ) -> tuple[Ranges, np.ndarray]:
        combine = {"sum": "*", "prod": "*", "max": "maximum", "min": "minimum"}.get(name, "*")
        own, array = self.combined(combine, parts)
        for dim in [d for d in own if d not in right]:
            own, array = self.reduced(name, dim, None, (own, array))
        final = {d: own.get(d, (0, self.sizes[d])) for d in right}
        return final, np.array(self.spread((own, array), final))

    def reindexed(
        self, dim: str, index: str, body: tuple[Ranges, np.ndarray], own: Ranges
    ) -> tuple[Ranges, np.ndarray]:
        code = _compiled(index)
        names = list(body[0])

        def element(place: tuple[int, ...]) -> Any:
            at = dict(zip(own, place, strict=True))
            at[dim] = eval(code, {"__builtins__": {}}, dict(at))
            position = []
            for d in names:
                low, high = body[0][d]
                if not low <= at[d] < high:
                    return None
                position.append(at[d] - low)
            return body[1][tuple(position)]

        return own, self.filled(own, element)


@lru_cache(maxsize=4096)
def _compiled(shown: str) -> Any:
    return compile(shown, "<index>", "eval")


def _scalar(value: Any) -> np.ndarray:
    found = np.empty((), dtype=object)
    found[()] = value
    return found


def _map1(f: Callable[[Any], Any], array: np.ndarray) -> np.ndarray:
    found = np.empty(array.shape, dtype=object)
    for place in np.ndindex(*array.shape):
        found[place] = f(array[place])
    return found


def _map2(f: Callable[[Any, Any], Any], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    found = np.empty(left.shape, dtype=object)
    for place in np.ndindex(*left.shape):
        found[place] = f(left[place], right[place])
    return found


# -- comparison ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """Input elements of one kind, the same every time."""

    kind: str
    seed: int

    def __call__(self, label: str, place: tuple[int, ...]) -> Fraction:
        draw = int.from_bytes(blake2b(repr((self.seed, label, place)).encode(), digest_size=4).digest(), "big")
        match self.kind:
            case "positive":
                return Fraction(draw % 31 + 1, 8)
            case "negative":
                return -Fraction(draw % 31 + 1, 8)
            case "small":
                return Fraction(draw % 3 - 1)
            case "large":
                return Fraction(draw % 81 - 40)
        return Fraction(draw % 49 - 24, 8)


KINDS = ("mixed", "positive", "negative", "small", "large")


def elements(t: Term, sizes: Mapping[str, int], inputs: Inputs, arithmetic: Arithmetic) -> tuple[Ranges, np.ndarray]:
    return _Evaluator(arithmetic, inputs, sizes).value(t)


@dataclass(frozen=True)
class Difference:
    """Where two expressions certainly differ. ``None`` stands for no value."""

    inputs: Draw
    place: dict[str, int]
    first: Any
    second: Any


def difference(
    left: Term, right: Term, sizes: Mapping[str, int], partial: bool = True, seeds: int = 2
) -> Difference | None:
    """A place at which the two certainly differ, found with floats and shown exactly; their dims must
    agree. ``partial``: a place at which only one of the two has a value does not count."""
    for inputs in (Draw(kind, seed) for seed in range(1, seeds + 1) for kind in KINDS):
        try:
            own, first = elements(left, sizes, inputs, Floats())
            theirs, second = elements(right, sizes, inputs, Floats())
        except Unknown:
            continue
        if own.keys() != theirs.keys():
            raise ValueError(f"dims differ: {sorted(own)} and {sorted(theirs)}")
        second = second.transpose([list(theirs).index(d) for d in own])
        for place in np.ndindex(*first.shape):
            if _near(first[place], second[place]) or (partial and (first[place] is None or second[place] is None)):
                continue
            found = _confirmed(left, right, sizes, inputs, own, place, partial)
            if found is not None:
                return found
            break
    if seeds > 2:
        # what floats absorb or underflow differs exactly
        own, first = elements(left, sizes, Draw("mixed", 1), Floats())
        if first.size:
            return _confirmed(left, right, sizes, Draw("mixed", 1), own, (0,) * first.ndim, partial)
    return None


def _confirmed(
    left: Term,
    right: Term,
    sizes: Mapping[str, int],
    inputs: Draw,
    own: Ranges,
    place: tuple[int, ...],
    partial: bool,
) -> Difference | None:
    for digits in (30, 120, 500):
        try:
            _, first = elements(left, sizes, inputs, Exact(digits))
            theirs, second = elements(right, sizes, inputs, Exact(digits))
        except Unknown:
            continue
        x, y = first[place], second.transpose([list(theirs).index(d) for d in own])[place]
        if x is None or y is None:
            if x is y or partial:
                return None
        elif not apart(x, y, Exact(digits)):
            continue
        at = {d: p + own[d][0] for d, p in zip(own, place, strict=True)}
        return Difference(inputs, at, x, y)
    return None


def _near(x: Any, y: Any) -> bool:
    if x is None or y is None:
        return x is y
    if infinite(x) or infinite(y):
        return bool(x == y)
    return abs(x - y) <= 1e-7 * max(abs(x), abs(y)) or max(abs(x), abs(y)) < 1e-12


def apart(x: Any, y: Any, arithmetic: Exact) -> bool:
    if infinite(x) or infinite(y):
        return not (infinite(x) and infinite(y) and x == y)
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x != y
    x, y = arithmetic.interval(x), arithmetic.interval(y)
    return bool(x.b < y.a or y.b < x.a)
