"""A tiny evaluator of nodes at one point, by the definitions alone, for tests of the lowering."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from stile_engine.index.affine import Affine, constant
from stile_engine.index.predicate import evaluate as holds
from stile_engine.spec.lower import lower
from stile_engine.term import expression as nodes

Number = Fraction | float
Arrays = Mapping[str, np.ndarray]


class Undefined(ArithmeticError):
    """No value at this point."""


def infinite(x: Number) -> bool:
    return isinstance(x, float) and math.isinf(x)


def add(x: Number, y: Number) -> Number:
    if infinite(x) and infinite(y) and x != y:
        raise Undefined("inf - inf")
    return x + y


def multiply(x: Number, y: Number) -> Number:
    if (x == 0 and infinite(y)) or (y == 0 and infinite(x)):
        raise Undefined("0 * inf")
    return x * y


def divide(x: Number, y: Number) -> Number:
    if y == 0 or (infinite(x) and infinite(y)):
        raise Undefined("x / 0 or inf / inf")
    return Fraction(0) if infinite(y) else x / y


def exp(x: Number) -> Number:
    return math.inf if x > 700 else math.exp(x)


def log(x: Number) -> Number:
    if x < 0:
        raise Undefined("log of a negative")
    return -math.inf if x == 0 else math.log(x)


def sqrt(x: Number) -> Number:
    if x < 0:
        raise Undefined("root of a negative")
    return math.sqrt(x)


def sigmoid(x: Number) -> Number:
    return 0.0 if x < -700 else 1 / (1 + math.exp(-x))


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "add": add,
    "sub": lambda x, y: add(x, -y),
    "mul": multiply,
    "div": divide,
    "maximum": max,
    "minimum": min,
    "neg": lambda x: -x,
    "abs": abs,
    "exp": exp,
    "exp2": lambda x: 2.0 ** float(x),
    "log": log,
    "log2": lambda x: log(x) / math.log(2),
    "sqrt": sqrt,
    "rsqrt": lambda x: divide(Fraction(1), sqrt(x)),
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "erf": math.erf,
    "relu": lambda x: max(Fraction(0), x),
    "sigmoid": sigmoid,
    "silu": lambda x: multiply(x, sigmoid(x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * float(x) ** 3))) / 2,
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "floor": lambda x: Fraction(math.floor(x)),
}
EMPTY: dict[str, Number] = {"sum": Fraction(0), "prod": Fraction(1), "max": -math.inf, "min": math.inf}
COMBINE = {"sum": add, "prod": multiply, "max": max, "min": min}


def evaluate(node: nodes.Node, point: Mapping[str, int], arrays: Arrays) -> Number:
    """The element at a point. Raises ``Undefined`` where there is none."""
    for name, (low, high) in node.axes.items():
        assert low.constant <= point[name] < high.constant, f"{name} = {point[name]} is not on [{low}, {high})"
    match node:
        case nodes.Const(value=value):
            return value
        case nodes.Constant(name="pi"):
            return math.pi
        case nodes.Infinity(sign=sign):
            return sign * math.inf
        case nodes.NoValue(reason=reason):
            raise Undefined(reason)
        case nodes.Read(tensor=tensor, index=index):
            return arrays[tensor.name][tuple(i.evaluate(point) for i in index)]
        case nodes.Apply(function=function, operands=operands):
            return FUNCTIONS[function](*(evaluate(o, point, arrays) for o in operands))
        case nodes.Power(base=base, exponent=exponent):
            value = evaluate(base, point, arrays)
            return divide(Fraction(1), value**-exponent) if exponent < 0 else value**exponent
        case nodes.Select(predicate=predicate, chosen=chosen, other=other):
            return evaluate(chosen if holds(predicate, point) else other, point, arrays)
        case nodes.Reduce(reduction=reduction, bound=bound, predicate=predicate, body=body):
            total = EMPTY[reduction]
            for values in itertools.product(*(range(low.constant, high.constant) for low, high in bound.values())):
                inner = {**point, **dict(zip(bound, values, strict=True))}
                if holds(predicate, inner):
                    total = COMBINE[reduction](total, evaluate(body, inner, arrays))
            return total
        case nodes.Reindex(body=body, mapping=mapping):
            inner = {**point, **{name: index.evaluate(point) for name, index in mapping.items()}}
            for name in mapping:
                low, high = body.axes[name]
                if not low.constant <= inner[name] < high.constant:
                    raise Undefined("out of bounds")
            return evaluate(body, inner, arrays)
        case nodes.Restrict(body=body):
            return evaluate(body, point, arrays)
        case _:
            raise AssertionError(f"the lowering makes no {type(node).__name__} here")


def meaning(text: str, sizes: Mapping[str, int], arrays: Arrays) -> tuple[tuple[str, ...], np.ndarray]:
    """The dims of a spec and its elements on their ranges; None where an element has no value."""
    value = lower(text, {name: constant(size) for name, size in sizes.items()}).value
    own = value.axes
    assert all(own[name] == bounds for name, bounds in value.node.axes.items())
    ranges = [range(_integer(d.low), _integer(d.high)) for d in value.dims]
    found = np.empty([len(r) for r in ranges], dtype=object)
    for place in itertools.product(*(range(len(r)) for r in ranges)):
        point = {d.name: r[i] for d, r, i in zip(value.dims, ranges, place, strict=True)}
        try:
            found[place] = evaluate(value.node, point, arrays)
        except Undefined:
            found[place] = None
    return tuple(d.name for d in value.dims), found


def _integer(bound: Affine) -> int:
    assert bound.is_constant
    return bound.constant
