"""The plainest reading of expressions: every element on its own, in floating point, with Python loops.

It shares no code with the prover and none with its evaluator. Slow, and meant for small sizes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np

from stile_engine.index.predicate import evaluate as holds
from stile_engine.term.expression import (
    Apply,
    Const,
    Constant,
    IndexNumber,
    Infinity,
    Node,
    NoValue,
    Power,
    Read,
    Reduce,
    Reindex,
    Restrict,
    Select,
)

_UNARY = {
    "neg": lambda x: -x,
    "exp": np.exp,
    "exp2": np.exp2,
    "log": np.log,
    "log2": np.log2,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "erf": math.erf,
    "abs": abs,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "floor": np.floor,
}
_BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: np.divide(a, b),
    "maximum": max,
    "minimum": min,
}
_START = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}
_STEP = {"sum": _BINARY["add"], "prod": _BINARY["mul"], "max": max, "min": min}


class Missing(Exception):
    """The element has no value."""


def element(node: Node, at: Mapping[str, int], inputs: Mapping[str, np.ndarray]) -> float:
    """The element at an index; raises ``Missing`` where there is none."""
    for name, (low, high) in node.axes.items():
        if not low.evaluate(at) <= at[name] < high.evaluate(at):
            raise Missing(f"{name}={at[name]} lies outside")
    match node:
        case Const(value):
            return float(value)
        case Constant(name):
            return {"pi": math.pi, "e": math.e}[name]
        case Infinity(sign):
            return sign * math.inf
        case NoValue(reason):
            raise Missing(reason)
        case Read(tensor, index):
            position = tuple(i.evaluate(at) for i in index)
            array = inputs[tensor.name]
            if any(not 0 <= i < n for i, n in zip(position, array.shape, strict=True)):
                raise Missing("out of bounds")
            return float(array[position])
        case IndexNumber(index):
            return float(index.evaluate(at))
        case Apply(function, (operand,)):
            return float(_UNARY[function](np.float64(element(operand, at, inputs))))
        case Apply(function, (left, right)):
            return float(
                _BINARY[function](np.float64(element(left, at, inputs)), np.float64(element(right, at, inputs)))
            )
        case Power(base, exponent):
            return element(base, at, inputs) ** exponent
        case Select(predicate, chosen, other):
            return element(chosen if holds(predicate, at) else other, at, inputs)
        case Reduce(reduction, bound, predicate, body):
            total = _START[reduction]
            ranges = [range(low.evaluate(at), high.evaluate(at)) for low, high in bound.values()]
            for point in itertools.product(*ranges):
                inner = {**at, **dict(zip(bound, point, strict=True))}
                if holds(predicate, inner):
                    total = float(_STEP[reduction](total, element(body, inner, inputs)))
            return total
        case Reindex(body, mapping):
            return element(body, {**at, **{v: e.evaluate(at) for v, e in mapping.items()}}, inputs)
        case Restrict(body):
            return element(body, at, inputs)
    raise NotImplementedError(type(node).__name__)
