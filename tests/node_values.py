"""A plain evaluator of expression nodes at one index tuple, for differential tests: slow and obvious.

It shares no code with the engine's own readers of nodes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np

from stile_engine.index import data
from stile_engine.index import predicate as predicates
from stile_engine.term import expression as e
from stile_engine.term.comparison import Difference

UNARY = {
    "neg": lambda x: -x,
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "log": math.log,
    "log2": math.log2,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "erf": math.erf,
    "abs": abs,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "floor": math.floor,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
}
BINARY = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "maximum": max,
    "minimum": min,
}
START = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}
STEP = {"sum": BINARY["add"], "prod": BINARY["mul"], "max": max, "min": min}


class Unmodelled(Exception):
    """The value at this point needs an operation that has no model."""


def value_at(node: e.Node, point: Mapping[str, int], inputs: Mapping[str, np.ndarray]) -> float:
    """The number at ``point``. Raises ``Unmodelled``; an index out of range raises ``IndexError``."""
    return _at(node, dict(point), inputs, {})


def _at(node, point, inputs, known):
    key = (id(node), tuple(sorted((v, point[v]) for v in node.axes)))
    if key not in known:
        for variable, (low, high) in node.axes.items():
            if not low.evaluate(point) <= point[variable] < high.evaluate(point):
                raise IndexError(f"{variable} = {point[variable]} is outside [{low}, {high})")
        known[key] = _compute(node, point, inputs, known)
    return known[key]


def _compute(node, point, inputs, known):
    def at(inner, where=None):
        return _at(inner, point if where is None else where, inputs, known)

    def holds(predicate, where):
        return predicates.evaluate(predicate, with_signs(predicate, where, at))

    match node:
        case e.Const(value):
            return float(value)
        case e.Constant(name):
            return {"pi": math.pi, "e": math.e}[name]
        case e.Infinity(sign):
            return sign * math.inf
        case e.Read(tensor, index, _):
            position = tuple(i.evaluate(point) for i in index)
            if any(i < 0 for i in position):
                raise IndexError(f"{tensor.name}{position}")
            return float(inputs[tensor.name][position])
        case e.IndexNumber(index, _):
            return float(index.evaluate(point))
        case e.Apply(function, (operand,)):
            return UNARY[function](at(operand))
        case e.Apply(function, (left, right)):
            return BINARY[function](at(left), at(right))
        case e.Power(base, exponent):
            return at(base) ** exponent
        case e.Select(predicate, chosen, other, _):
            return at(chosen) if holds(predicate, point) else at(other)
        case e.Reduce(reduction, bound, predicate, body, _):
            total = START[reduction]
            names = list(bound)
            spans = [range(low.evaluate(point), high.evaluate(point)) for low, high in bound.values()]
            for indices in itertools.product(*spans):
                inner = {**point, **dict(zip(names, indices, strict=True))}
                if holds(predicate, inner):
                    total = STEP[reduction](total, at(body, inner))
            return total
        case e.Scatter(bound, predicate, body, base, _):
            spans = [range(low.evaluate(point), high.evaluate(point)) for low, high in bound.values()]
            inner = ({**point, **dict(zip(bound, indices, strict=True))} for indices in itertools.product(*spans))
            hits = [where for where in inner if holds(predicate, where)]
            assert len(hits) <= 1, "no value: written twice"
            return at(body, hits[0]) if hits else at(base)
        case e.Reindex(body, mapping, _):
            return at(body, {**point, **{v: i.evaluate(point) for v, i in mapping.items()}})
        case e.Restrict(body, _):
            return at(body)
        case e.Carried(recurrence, number, index, round_, _):
            own = dict(zip(recurrence.axes[number], (i.evaluate(point) for i in index), strict=True))
            passed = round_.evaluate(point)
            assert 0 <= passed <= recurrence.rounds.evaluate(point)
            if passed == 0:
                return at(recurrence.initial[number], {**point, **own})
            return at(recurrence.step[number], {**point, **own, recurrence.variable: passed - 1})
        case e.Unmodelled(reason, _):
            raise Unmodelled(reason)
        case _:
            raise AssertionError(f"no value: {node}")


def with_signs(predicate, point, at):
    """The point with what the predicate compares: the sign of each difference of two values."""
    found = dict(point)
    for name in predicates.variables(predicate):
        if isinstance(datum := data.known(name), Difference):
            own = {v: point[v] for v in datum.own_variables if v in point}
            where = {**own, **{v: i.evaluate(point) for v, i in datum.mapping.items()}}
            left, right = at(datum.left, where), at(datum.right, where)
            found[name] = (left > right) - (left < right)
    return found


def table(
    node: e.Node, shape: tuple[int, ...], inputs: Mapping[str, np.ndarray], sizes: Mapping[str, int] | None = None
) -> np.ndarray:
    """The whole array of a node over the axis variables ``$0 …``; ``sizes`` gives the unknowns of symbolic ones."""
    found = np.empty(shape)
    known: dict[object, float] = {}
    for index in np.ndindex(*shape):
        found[index] = _at(node, {f"${a}": i for a, i in enumerate(index)} | dict(sizes or {}), inputs, known)
    return found
