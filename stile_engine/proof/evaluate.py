"""Evaluate an expression as written at one index tuple.

This reads the same nodes as the normal form but shares none of its laws, so it can contradict a
wrong law. A node's value is computed once for each tuple of its own free variables.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from stile_engine.index.predicate import evaluate as holds
from stile_engine.proof.numbers import Arithmetic, HasNoValue
from stile_engine.term import expression as written
from stile_engine.term.expression import Node, Tensor

Inputs = Callable[[Tensor, tuple[int, ...]], Fraction]
"""The value of an input element: the same for every call with the same arguments."""


class TooExpensive(Exception):
    """The evaluation took more steps than allowed."""


class NotEvaluated(Exception):
    """The expression holds something that is not modelled."""


class Evaluator:
    """Values of nodes at index tuples, for one assignment of the inputs."""

    def __init__(
        self, arithmetic: Arithmetic, inputs: Inputs, sizes: Mapping[str, int] | None = None, steps: int = 400_000
    ) -> None:
        self._arithmetic = arithmetic
        self._inputs = inputs
        self._sizes = dict(sizes or {})
        self._steps = steps
        self._allowed = steps
        self._values: dict[tuple[object, ...], Any] = {}
        self._kept: dict[int, Node] = {}
        self.touched: dict[tuple[Tensor, tuple[int, ...]], Fraction] = {}
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 100_000))

    @property
    def used(self) -> int:
        """Steps taken so far."""
        return self._allowed - self._steps

    def __call__(self, node: Node, index: Mapping[str, int]) -> Any:
        """The value; raises ``HasNoValue`` where there is none."""
        key = (id(node), *(index[v] for v in node.axes))
        if key in self._values:
            found = self._values[key]
            if isinstance(found, HasNoValue):
                raise found
            return found
        self._steps -= 1
        if self._steps < 0:
            raise TooExpensive
        self._kept[id(node)] = node
        try:
            value = self._compute(node, index)
        except HasNoValue as error:
            self._values[key] = error
            raise
        self._values[key] = value
        return value

    def _compute(self, node: Node, index: Mapping[str, int]) -> Any:
        arithmetic = self._arithmetic
        match node:
            case written.Const(value):
                return arithmetic.rational(value)
            case written.Constant(name):
                return arithmetic.constant(name)
            case written.Infinity(sign):
                return float("inf") if sign > 0 else float("-inf")
            case written.NoValue(reason):
                raise HasNoValue(reason)
            case written.Unmodelled(reason):
                raise NotEvaluated(reason)
            case written.Read(tensor, position):
                return self._read(tensor, tuple(p.evaluate({**self._sizes, **index}) for p in position))
            case written.IndexNumber(position):
                return arithmetic.rational(Fraction(position.evaluate({**self._sizes, **index})))
            case written.Apply(function, (operand,)):
                return arithmetic.unary(function, self(operand, index))
            case written.Apply(function, (left, right)):
                return arithmetic.binary(function, self(left, index), self(right, index))
            case written.Power(base, exponent):
                return self._power(self(base, index), exponent)
            case written.Select(predicate, chosen, other):
                branch = chosen if holds(predicate, {**self._sizes, **index}) else other
                return self(branch, index)
            case written.Reduce():
                return self._reduce(node, index)
            case written.Reindex(body, mapping):
                environment = {**self._sizes, **index}
                inner = dict(index)
                for name, expression in mapping.items():
                    position = expression.evaluate(environment)
                    low, high = body.axes[name]
                    if not low.evaluate(environment) <= position < high.evaluate(environment):
                        raise HasNoValue("read out of bounds")
                    inner[name] = position
                return self(body, inner)
            case written.Restrict(body):
                return self(body, index)
        raise TypeError(f"unknown expression {type(node).__name__}")

    def _read(self, tensor: Tensor, position: tuple[int, ...]) -> Any:
        for place, size in zip(position, tensor.shape, strict=True):
            if not 0 <= place < size.evaluate(self._sizes):
                raise HasNoValue(f"{tensor.name} is read out of bounds")
        key = (tensor, position)
        found = self.touched.get(key)
        if found is None:
            found = self.touched[key] = self._inputs(tensor, position)
        return self._arithmetic.rational(found)

    def _power(self, base: Any, exponent: int) -> Any:
        result = self._arithmetic.rational(Fraction(1))
        for _ in range(abs(exponent)):
            result = self._arithmetic.binary("mul", result, base)
        return (
            result if exponent >= 0 else self._arithmetic.binary("div", self._arithmetic.rational(Fraction(1)), result)
        )

    def _reduce(self, node: written.Reduce, index: Mapping[str, int]) -> Any:
        arithmetic = self._arithmetic
        environment = {**self._sizes, **index}
        ranges = [range(low.evaluate(environment), high.evaluate(environment)) for low, high in node.bound.values()]
        names = list(node.bound)
        function = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}[node.reduction]
        total: Any = {
            "sum": arithmetic.rational(Fraction(0)),
            "prod": arithmetic.rational(Fraction(1)),
            "max": float("-inf"),
            "min": float("inf"),
        }[node.reduction]
        inner = dict(index)
        for point in product(*ranges):
            for name, value in zip(names, point, strict=True):
                inner[name] = environment[name] = value
            self._steps -= 1
            if holds(node.predicate, environment):
                total = arithmetic.binary(function, total, self(node.body, inner))
        return total
