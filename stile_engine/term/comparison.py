"""Comparisons of values as they were written: ``X:N > 2 * Y:N`` in a predicate.

A comparison is a data variable that is -1, 0 or 1, the sign of ``left - right``, so that a predicate
over it is one like any other: ``left > right`` is ``token >= 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, in_range
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term.expression import Const, Node

_made: dict[tuple[object, object, tuple[tuple[str, Affine], ...]], Difference] = {}


class Difference(data.Datum):
    """The sign of ``left - right``, each read at the indices of ``mapping``."""

    __slots__ = ("left", "mapping", "right")

    left: Node
    right: Node
    mapping: dict[str, Affine]

    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        moved = {v: e.substitute(mapping) for v, e in self.mapping.items()}
        own = {v: e for v, e in mapping.items() if v in self.own_variables and v not in moved}
        return difference(self.left, self.right, {**moved, **own})

    @property
    def own_variables(self) -> frozenset[str]:
        """The index variables of the two sides, before ``mapping``."""
        return frozenset(self.left.axes) | frozenset(self.right.axes)

    def bounds(self) -> Predicate | None:
        return in_range(Affine.variable(self.token), -1, 2)

    def render(self, name: Callable[[str], str]) -> str:
        from stile_engine.term.expression_text import expression_text

        return f"sign({expression_text(self.left)} - {expression_text(self.right)})"


def difference(left: Node, right: Node, mapping: dict[str, Affine]) -> Affine:
    """The sign of ``left - right``, each read at the indices of ``mapping``, as an index expression."""
    key = (_identity(left), _identity(right), tuple(sorted(mapping.items())))
    found = _made.get(key)
    if found is None:
        found = Difference()
        found.left, found.right, found.mapping = left, right, mapping
        found.token = f"{data.MARK}sign({len(_made)})"
        own = found.own_variables - mapping.keys()
        found.variables = own.union(*(e.variables for e in mapping.values()))
        data.register(found)
        _made[key] = found
    return Affine.variable(found.token)


def _identity(side: Node) -> object:
    """Equal for one expression, and for equal numbers wherever they are written."""
    return ("number", side.value) if isinstance(side, Const) else id(side)


def compare_values(left: Node, operator: str, right: Node) -> Predicate:
    """``left operator right`` with one of ``< <= > >= == !=``; it has no value where a side has none."""
    return compare(difference(left, right, {}), operator, 0)


def differences(names: frozenset[str]) -> list[Difference]:
    """The comparisons of values among the variables."""
    return [d for t in data.tokens_of(names) if isinstance(d := data.datum(t), Difference)]


def compared(predicate: Predicate) -> tuple[Node, ...]:
    """The values that a predicate compares."""
    if not data.any_known():
        return ()
    return tuple(n for d in differences(predicate_variables(predicate)) for n in (d.left, d.right))
