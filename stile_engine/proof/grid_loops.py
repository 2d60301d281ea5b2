"""Loops on grids: what is carried is computed round by round, all else for many rounds at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stile_engine.proof.evaluate import TooExpensive
from stile_engine.proof.grid_arithmetic import Coordinates, GridArithmetic
from stile_engine.term.expression import Carried, Node, Recurrence, children

_STRETCH = 64
"""Rounds for which what does not depend on the carries is computed at once."""

At = Mapping[str, Coordinates]


@dataclass(slots=True)
class Rounds:
    """The rounds of one loop: how many, and stretches of them as coordinates of the grid."""

    count: int = 0
    stretches: dict[tuple[int, int, int], Coordinates] = field(default_factory=dict)
    too_large: set[Node] = field(default_factory=set)
    """Expressions that fit into memory only for one round at a time."""


class Loops:
    """The loops of one evaluation. ``value`` evaluates a node, ``along`` makes coordinates of a range at a place."""

    def __init__(
        self,
        arithmetic: GridArithmetic,
        value: Callable[[Node, At], Any],
        single: Callable[[int], Coordinates],
        along: Callable[[int, int, int], Coordinates],
    ) -> None:
        self._arithmetic = arithmetic
        self._value, self._single, self._along = value, single, along
        self.rounds: dict[str, Rounds] = {}
        """By the name of the variable; empty as long as no loop was met."""
        self._after: dict[tuple[Any, ...], list[Any]] = {}
        self._free: dict[Node, bool] = {}

    def after(self, recurrence: Recurrence, number: int, round_: int, count: int, at: At) -> Any:
        """What is carried after ``round_`` of ``count`` rounds, at the coordinates of the carry's axes."""
        if round_ == 0:
            return self._value(recurrence.initial[number], at)
        rounds = self.rounds.setdefault(recurrence.variable, Rounds())
        rounds.count = max(rounds.count, count)
        key = (recurrence, number, *[at[v] for v in (*recurrence.axes[number], *recurrence.outer)])
        known = self._after.setdefault(key, [])
        inner = dict(at)
        # Earlier rounds first: a chain of calls from the last round to the first would be too deep.
        while len(known) < round_:
            inner[recurrence.variable] = self._single(len(known))
            known.append(self._value(recurrence.step[number], inner))
        return known[round_ - 1]

    def in_a_stretch(self, node: Node, at: At) -> Any:
        """The value of a node that varies with the round alone, taken from that for many rounds; else None."""
        if not self._is_free(node):
            return None
        for name in node.axes:
            rounds = self.rounds.get(name)
            if rounds is None or at[name].places or at[name].low != at[name].high or node in rounds.too_large:
                continue
            round_ = at[name].low
            if not 0 <= round_ < rounds.count:
                continue
            low = round_ - round_ % _STRETCH
            high = min(low + _STRETCH, rounds.count)
            taken = frozenset().union(*(at[v].places for v in node.axes))
            place = next(p for p in range(len(taken) + 1) if p not in taken)
            stretch = rounds.stretches.get((low, high, place))
            if stretch is None:
                stretch = rounds.stretches[low, high, place] = self._along(low, high, place)
            try:
                whole = self._value(node, {**at, name: stretch})
            except TooExpensive:
                rounds.too_large.add(node)
                return None
            return self._arithmetic.take(whole, place, round_ - low)
        return None

    def _is_free(self, node: Node) -> bool:
        """Whether nothing that is carried stands in it."""
        found = self._free.get(node)
        if found is None:
            found = self._free[node] = type(node) is not Carried and all(self._is_free(n) for n in children(node))
        return found
