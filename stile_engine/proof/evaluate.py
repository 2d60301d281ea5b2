"""Evaluate an expression as written at one index tuple.

This reads the same nodes as the normal form but shares none of its laws, so it can contradict a
wrong law. A node's value is computed once for each tuple of its own free variables.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import product
from math import prod
from operator import itemgetter
from typing import Any

from stile_engine.index import data
from stile_engine.index.predicate import Always, And, Not, Or, Predicate
from stile_engine.index.predicate import evaluate as holds
from stile_engine.proof.contents import NoContents, integer
from stile_engine.proof.numbers import Arithmetic, HasNoValue, order
from stile_engine.term import expression as written
from stile_engine.term.comparison import Difference
from stile_engine.term.elements import Element
from stile_engine.term.expression import Node, Tensor
from stile_engine.term.signs import NEGATIVE, POSITIVE, ZERO_SIGN

Inputs = Callable[[Tensor, tuple[int, ...]], Fraction]
"""The value of an input element: the same for every call with the same arguments."""


class TooExpensive(Exception):
    """The evaluation took more steps than allowed."""


class NotEvaluated(Exception):
    """The expression holds something that is not modelled."""


_MOST_FACTORS = 4096
"""Of a power that is multiplied out."""


class _Indices(dict[str, int]):
    """Values of index variables; those of data variables are looked up in the inputs."""

    __slots__ = ("evaluator",)

    evaluator: Evaluator

    def __missing__(self, name: str) -> int:
        found = data.known(name)
        if found is None:
            raise KeyError(name)
        return self.evaluator.datum(found, self)


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
        self._known: dict[int, _Known] = {}
        self._plain: dict[int, tuple[str, ...]] = {}
        self._reached: dict[tuple[object, ...], int] = {}
        self.touched: dict[tuple[Tensor, tuple[int, ...]], Fraction] = {}
        self._running = False

    def _started(self, node: Node, index: Mapping[str, int]) -> Any:
        # Expressions may be thousands of nodes deep. The limit is put back: with a high one, code in C that
        # recurses (a JSON parser, say) would run off the end of the stack instead of raising an exception.
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, 100_000))
        self._running = True
        try:
            return self(node, self._indices(index))
        finally:
            self._running = False
            sys.setrecursionlimit(before)

    @property
    def reads(self) -> dict[Tensor, tuple[range, ...]]:
        """For each tensor the smallest box that holds all positions at which it was read."""
        found: dict[Tensor, list[tuple[int, ...]]] = {}
        for tensor, position in self.touched:
            found.setdefault(tensor, []).append(position)
        return {
            tensor: tuple(range(min(axis), max(axis) + 1) for axis in zip(*positions, strict=True))
            for tensor, positions in found.items()
        }

    @property
    def used(self) -> int:
        """Steps taken so far."""
        return self._allowed - self._steps

    def __call__(self, node: Node, index: Mapping[str, int]) -> Any:
        """The value; raises ``HasNoValue`` where there is none."""
        if not self._running:
            return self._started(node, index)
        while type(node) is written.Restrict:
            node = node.body  # the same value at the same index
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = _Known(node, _COMPUTE[type(node)])
        key = known.key(index)
        found = known.values.get(key, _UNSEEN)
        if found is not _UNSEEN:
            if isinstance(found, HasNoValue):
                raise found
            return found
        self._steps -= 1
        if self._steps < 0:
            raise TooExpensive
        try:
            value = known.compute(self, node, index)
        except HasNoValue as error:
            known.values[key] = error
            raise
        known.values[key] = value
        return value

    def _indices(self, index: Mapping[str, int]) -> _Indices:
        made = _Indices(index)
        made.evaluator = self
        return made

    def _at(self, index: Mapping[str, int]) -> Mapping[str, int]:
        return self._indices({**self._sizes, **index}) if self._sizes else index

    def datum(self, datum: data.Datum, index: Mapping[str, int]) -> int:
        """What a data variable holds at these indices."""
        match datum:
            case Element(tensor=tensor, arguments=arguments, inverse=False):
                position = tuple([a.evaluate(index) for a in arguments])
                return int(self._element(tensor, position))
            case Difference(left=left, right=right, mapping=mapping):
                inner = self._indices(index)
                for name, expression in mapping.items():
                    place = expression.evaluate(index)
                    low, high = (left if name in left.axes else right).axes[name]
                    if not low.evaluate(index) <= place < high.evaluate(index):
                        raise HasNoValue("read out of bounds")
                    inner[name] = place
                return order(self._arithmetic, self(left, inner), self(right, inner))
        raise NotEvaluated(f"the data variable {datum.token}")

    def _element(self, tensor: Tensor, position: tuple[int, ...]) -> Fraction:
        key = (tensor, position)
        found = self.touched.get(key)
        if found is None:
            for place, size in zip(position, tensor.shape, strict=True):
                if not 0 <= place < size.evaluate(self._sizes):
                    raise HasNoValue(f"{tensor.name} is read out of bounds")
            if tensor.integer:
                found = self._integer(tensor, position)
            else:
                found = _with_sign(self._inputs(tensor, position), tensor.signs)
            self.touched[key] = found
        return found

    def _integer(self, tensor: Tensor, position: tuple[int, ...]) -> Fraction:
        try:
            return Fraction(integer(tensor, position, getattr(self._inputs, "seed", 1), self._sizes))
        except NoContents as error:
            raise NotEvaluated(str(error)) from error

    def _const(self, node: written.Const, index: Mapping[str, int]) -> Any:
        return self._arithmetic.rational(node.value)

    def _constant(self, node: written.Constant, index: Mapping[str, int]) -> Any:
        return self._arithmetic.constant(node.name)

    def _infinity(self, node: written.Infinity, index: Mapping[str, int]) -> Any:
        return float("inf") if node.sign > 0 else float("-inf")

    def _no_value(self, node: written.NoValue, index: Mapping[str, int]) -> Any:
        raise HasNoValue(node.reason)

    def _unmodelled(self, node: written.Unmodelled, index: Mapping[str, int]) -> Any:
        raise NotEvaluated(node.reason)

    def _index_number(self, node: written.IndexNumber, index: Mapping[str, int]) -> Any:
        return self._arithmetic.rational(Fraction(node.index.evaluate(self._at(index))))

    def _apply(self, node: written.Apply, index: Mapping[str, int]) -> Any:
        operands = node.operands
        if len(operands) == 1:
            return self._arithmetic.unary(node.function, self(operands[0], index))
        left = self(operands[0], index)
        return self._arithmetic.binary(node.function, left, self(operands[1], index))

    def _restrict(self, node: written.Restrict, index: Mapping[str, int]) -> Any:
        return self(node.body, index)

    def _select(self, node: written.Select, index: Mapping[str, int]) -> Any:
        return self(node.chosen if _holds(node.predicate, self._at(index)) else node.other, index)

    def _reindex(self, node: written.Reindex, index: Mapping[str, int]) -> Any:
        environment = self._at(index)
        inner = self._indices(index)
        for name, expression in node.mapping.items():
            position = expression.evaluate(environment)
            low, high = node.body.axes[name]
            if not low.evaluate(environment) <= position < high.evaluate(environment):
                raise HasNoValue("read out of bounds")
            inner[name] = position
        return self(node.body, inner)

    def _read(self, node: written.Read, index: Mapping[str, int]) -> Any:
        tensor = node.tensor
        names = self._plain.get(id(node))
        if names is None:
            names = self._plain[id(node)] = _plain_variables(node)
        if names:
            position = tuple([index[name] for name in names])
        else:
            environment = self._at(index)
            position = tuple([p.evaluate(environment) for p in node.index])
        found = self.touched.get((tensor, position))
        if found is None:
            found = self._element(tensor, position)
        return self._arithmetic.rational(found)

    def _carried(self, node: written.Carried, index: Mapping[str, int]) -> Any:
        recurrence, number = node.recurrence, node.number
        environment = self._at(index)
        round_ = node.round.evaluate(environment)
        if not 0 <= round_ <= recurrence.rounds.evaluate(environment):
            raise HasNoValue("a round that the loop does not have")
        inner = self._indices(index)
        for (name, (low, high)), expression in zip(recurrence.axes[number].items(), node.index, strict=True):
            position = inner[name] = expression.evaluate(environment)
            if not low.evaluate(environment) <= position < high.evaluate(environment):
                raise HasNoValue("read out of bounds")
        if round_ == 0:
            return self(recurrence.initial[number], inner)
        # Earlier rounds first: an element is made of those of the round before, and a chain of calls
        # from the last round to the first would be too deep.
        known = (
            id(recurrence),
            number,
            *(inner[v] for v in recurrence.axes[number]),
            *(inner[v] for v in recurrence.outer),
        )
        for earlier in range(self._reached.get(known, 0), round_ - 1):
            self._reached[known] = earlier + 1
            inner[recurrence.variable] = earlier
            with suppress(HasNoValue):
                self(recurrence.step[number], inner)
        inner[recurrence.variable] = round_ - 1
        return self(recurrence.step[number], inner)

    def _power(self, node: written.Power, index: Mapping[str, int]) -> Any:
        if abs(node.exponent) > _MOST_FACTORS:
            raise TooExpensive
        base = self(node.base, index)
        one = self._arithmetic.rational(Fraction(1))
        result = one
        for _ in range(abs(node.exponent)):
            result = self._arithmetic.binary("mul", result, base)
        return result if node.exponent >= 0 else self._arithmetic.binary("div", one, result)

    def _reduce(self, node: written.Reduce, index: Mapping[str, int]) -> Any:
        arithmetic = self._arithmetic
        inner = self._indices(self._at(index))
        ranges = [range(low.evaluate(inner), high.evaluate(inner)) for low, high in node.bound.values()]
        if prod(map(len, ranges)) > self._steps:
            raise TooExpensive
        names = list(node.bound)
        function = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}[node.reduction]
        total: Any = {
            "sum": arithmetic.rational(Fraction(0)),
            "prod": arithmetic.rational(Fraction(1)),
            "max": float("-inf"),
            "min": float("inf"),
        }[node.reduction]
        always = isinstance(node.predicate, Always)
        for point in product(*ranges):
            for name, value in zip(names, point, strict=True):
                inner[name] = value
            self._steps -= 1
            if always or _holds(node.predicate, inner):
                total = arithmetic.binary(function, total, self(node.body, inner))
        return total

    def _scatter(self, node: written.Scatter, index: Mapping[str, int]) -> Any:
        inner = self._indices(self._at(index))
        ranges = [range(low.evaluate(inner), high.evaluate(inner)) for low, high in node.bound.values()]
        if prod(map(len, ranges)) > self._steps:
            raise TooExpensive
        found: list[Any] = []
        for point in product(*ranges):
            inner.update(zip(node.bound, point, strict=True))
            self._steps -= 1
            if _holds(node.predicate, inner):
                found.append(self(node.body, inner))
        if len(found) > 1:
            raise HasNoValue("several values are written to one place")
        return found[0] if found else self(node.base, index)


def _holds(predicate: Predicate, index: Mapping[str, int]) -> bool:
    """Whether it holds. A part without a value does not matter where the other parts decide."""
    if not data.any_known():
        return holds(predicate, index)
    match predicate:
        case Not(operand):
            return not _holds(operand, index)
        case And(operands) | Or(operands):
            deciding = isinstance(predicate, Or)
            failure: HasNoValue | None = None
            for operand in operands:
                try:
                    if _holds(operand, index) == deciding:
                        return deciding
                except HasNoValue as error:
                    failure = error
            if failure is not None:
                raise failure
            return not deciding
    return holds(predicate, index)


def _with_sign(value: Fraction, signs: int | None) -> Fraction:
    """The value made to have one of the declared signs."""
    if signs is None:
        return value
    if value == 0 and not signs & ZERO_SIGN:
        value = Fraction(1, 4)
    if value < 0 and not signs & NEGATIVE:
        value = -value
    if value > 0 and not signs & POSITIVE:
        value = -value if signs & NEGATIVE else Fraction(0)
    return value


def _plain_variables(node: written.Read) -> tuple[str, ...]:
    """The index variables of a read that names nothing but variables of its own; else nothing."""
    names: list[str] = []
    for index in node.index:
        if index.constant or len(index.terms) != 1:
            return ()
        atom, coefficient = index.terms[0]
        if coefficient != 1 or not isinstance(atom, str) or atom not in node.axes:
            return ()
        names.append(atom)
    return tuple(names)


def cost(root: Node, index: Container[str], limit: int, sizes: Mapping[str, int] | None = None) -> int:
    """About how many steps the value at one index takes: for each node the number of tuples of its
    variables that are not fixed from outside. Stops counting past the limit. ``sizes`` gives the
    unknowns of symbolic sizes."""
    total = 0
    known = sizes or {}
    seen: set[tuple[int, frozenset[str]]] = set()
    stack = [(root, frozenset(name for name in root.axes if name in index))]
    while stack and total <= limit:
        node, fixed = stack.pop()
        fixed = fixed.intersection(node.axes)
        if (id(node), fixed) in seen:
            continue
        seen.add((id(node), fixed))
        tuples = 1
        for name, (low, high) in node.axes.items():
            if name not in fixed and (high - low).variables <= known.keys():
                tuples *= max((high - low).evaluate(known), 0)
        total += tuples
        inside = fixed
        if isinstance(node, written.Reduce):
            inside = fixed.difference(node.bound)  # a bound variable may be called like a fixed one
        elif isinstance(node, written.Reindex):
            moving = {v for v, e in node.mapping.items() if not e.variables - known.keys() <= fixed}
            inside = fixed.union(node.mapping) - moving
        stack.extend((child, inside) for child in written.children(node))
    return total


_UNSEEN = object()

_COMPUTE: dict[type[Node], Callable[..., Any]] = {
    written.Const: Evaluator._const,
    written.Constant: Evaluator._constant,
    written.Infinity: Evaluator._infinity,
    written.NoValue: Evaluator._no_value,
    written.Unmodelled: Evaluator._unmodelled,
    written.IndexNumber: Evaluator._index_number,
    written.Apply: Evaluator._apply,
    written.Restrict: Evaluator._restrict,
    written.Select: Evaluator._select,
    written.Reindex: Evaluator._reindex,
    written.Read: Evaluator._read,
    written.Power: Evaluator._power,
    written.Reduce: Evaluator._reduce,
    written.Carried: Evaluator._carried,
    written.Scatter: Evaluator._scatter,
}


class _Known:
    """The values of one node so far, by the values of its own index variables."""

    __slots__ = ("compute", "key", "node", "values")

    def __init__(self, node: Node, compute: Callable[..., Any]) -> None:
        self.node = node  # kept alive: its id is a key
        self.compute = compute
        names = tuple(node.axes)
        self.key: Callable[[Mapping[str, int]], Any] = itemgetter(*names) if names else lambda _: ()
        self.values: dict[Any, Any] = {}
