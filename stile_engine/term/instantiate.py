"""Expressions as written with free index variables replaced by numbers."""

from __future__ import annotations

from collections.abc import Mapping

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate
from stile_engine.index.predicate import substitute as substitute_predicate
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term import expression as written
from stile_engine.term.comparison import difference, differences
from stile_engine.term.expression import Axes, Bounds, Node, Recurrence


class Instantiation:
    """One assignment of numbers to free variables; what does not name them stays the same object."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = {name: Affine((), value) for name, value in values.items()}
        self._nodes: dict[int, Node] = {}
        self._recurrences: dict[int, Recurrence] = {}
        self._kept: list[object] = []  # what an id stands for must stay alive

    def __call__(self, node: Node) -> Node:
        if not self._concerns(node.axes):
            return node
        found = self._nodes.get(id(node))
        if found is None:
            found = self._nodes[id(node)] = self._build(node)
            self._kept.append(node)
        return found

    def _concerns(self, axes: Axes) -> bool:
        """Whether the variables or their ranges name one of ours."""
        return any(
            v in self._values or not (self._values.keys().isdisjoint(low.variables | high.variables))
            for v, (low, high) in axes.items()
        )

    def _index(self, expression: Affine) -> Affine:
        return expression.substitute(self._values)

    def _predicate(self, predicate: Predicate) -> Predicate:
        """With the values that it compares replaced as well: what a loop carries is told by its round."""
        mapping = dict(self._values)
        for compared in differences(predicate_variables(predicate)):
            moved = {v: self._index(e) for v, e in compared.mapping.items()}
            hidden = {v: e for v, e in self._values.items() if v not in moved}
            inner = self if len(hidden) == len(self._values) else Instantiation.of(hidden)
            mapping[compared.token] = difference(inner(compared.left), inner(compared.right), moved)
        return substitute_predicate(predicate, mapping)

    def _bounds(self, found: Bounds) -> Bounds:
        low, high = found
        if low.is_constant and high.is_constant:
            return found
        return (self._index(low), self._index(high))

    def _axes(self, axes: Axes) -> Axes:
        return {v: self._bounds(b) for v, b in axes.items() if v not in self._values}

    def _build(self, node: Node) -> Node:
        match node:
            case written.Read(tensor, index, ranges):
                return written.Read(tensor, tuple(self._index(i) for i in index), self._axes(ranges))
            case written.IndexNumber(index, ranges):
                return written.IndexNumber(self._index(index), self._axes(ranges))
            case written.Apply(function, operands):
                return written.Apply(function, tuple(self(o) for o in operands))
            case written.Power(base, exponent):
                return written.Power(self(base), exponent)
            case written.Select(predicate, chosen, other, ranges):
                condition = self._predicate(predicate)
                return written.Select(condition, self(chosen), self(other), self._axes(ranges))
            case written.Reduce(reduction, bound, predicate, body, ranges):
                condition = self._predicate(predicate)
                return written.Reduce(reduction, self._axes(bound), condition, self(body), self._axes(ranges))
            case written.Scatter(bound, predicate, body, base, ranges):
                condition = self._predicate(predicate)
                return written.Scatter(self._axes(bound), condition, self(body), self(base), self._axes(ranges))
            case written.Reindex(body, mapping, ranges):
                moved = {v: self._index(e) for v, e in mapping.items()}
                hidden = {v: e for v, e in self._values.items() if v not in mapping}
                # a variable that the mapping replaces is not ours inside the body
                inner = self(body) if len(hidden) == len(self._values) else Instantiation.of(hidden)(body)
                return written.Reindex(inner, moved, self._axes(ranges))
            case written.Restrict(body, ranges):
                return written.Restrict(self(body), self._axes(ranges))
            case written.Carried(recurrence, number, index, round_, ranges):
                return written.Carried(
                    self._recurrence(recurrence),
                    number,
                    tuple(self._index(i) for i in index),
                    self._index(round_),
                    self._axes(ranges),
                )
        raise TypeError(f"unknown expression {type(node).__name__}")

    @staticmethod
    def of(values: Mapping[str, Affine]) -> Instantiation:
        made = Instantiation({})
        made._values = dict(values)
        return made

    def _recurrence(self, recurrence: Recurrence) -> Recurrence:
        if not self._concerns(recurrence.outer):
            return recurrence
        found = self._recurrences.get(id(recurrence))
        if found is None:
            found = self._recurrences[id(recurrence)] = Recurrence(
                recurrence.variable,
                self._index(recurrence.rounds),
                tuple(self._axes(a) for a in recurrence.axes),
                tuple(self(n) for n in recurrence.initial),
                self._axes(recurrence.outer),
                recurrence.location,
            )
            self._kept.append(recurrence)
            found.step = tuple(self(n) for n in recurrence.step)
            found.invariant = tuple(None if n is None else self(n) for n in recurrence.invariant)
        return found
