"""What a claimed invariant of a loop owes, as two statements like any other.

*Base*: before round 0 it says what the carry is. *Step*: where it says so before round t, it says what the
carry is before round t + 1, for every round that is run. Each is a pair of expressions as written, so that a
claim that does not hold is refuted at a round and an index, with inputs. That the claim helps to solve the
loop is another matter (``induction.py``), and rests on nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stile_engine.index.affine import Affine
from stile_engine.term import expression as written
from stile_engine.term.expression import Axes, Carried, Node, Recurrence, bounds, every_node
from stile_engine.term.instantiate import Instantiation
from stile_engine.term.value import DimRange, Value


@dataclass(frozen=True, slots=True)
class Owed:
    """``actual`` is what the loop computes, ``claimed`` what the invariant says of it."""

    code: str
    """``invariant-base`` or ``invariant-step``."""
    carry: int
    loop: Recurrence
    actual: Value
    claimed: Value


def owed(root: Node) -> Iterator[Owed]:
    """The statements of all invariants that are claimed of loops in the expression."""
    seen: set[int] = set()
    for node in every_node(root):
        if isinstance(node, Carried) and id(node.recurrence) not in seen:
            seen.add(id(node.recurrence))
            yield from of_recurrence(node.recurrence)


def of_recurrence(recurrence: Recurrence) -> Iterator[Owed]:
    """Base and step of each carry that something is claimed of."""
    claims = {k: claim for k, claim in enumerate(recurrence.invariant) if claim is not None}
    round_ = Affine.variable(recurrence.variable)
    rounds = {recurrence.variable: bounds(0, recurrence.rounds)}
    before = {k: _Moved({recurrence.variable: round_}, rounds)(claim) for k, claim in claims.items()}
    for k, claim in claims.items():
        around = {**recurrence.outer, **recurrence.axes[k]}
        first = _Moved({recurrence.variable: Affine()}, {})(claim)
        yield Owed("invariant-base", k, recurrence, _value(around, recurrence.initial[k]), _value(around, first))
        after = _Moved({recurrence.variable: round_ + 1}, rounds)(claim)
        step = _WithClaims(recurrence, before, rounds)(recurrence.step[k])
        inside = {**around, **rounds}
        yield Owed("invariant-step", k, recurrence, _value(inside, step), _value(inside, after))


def _value(axes: Axes, node: Node) -> Value:
    return Value(tuple(DimRange(v, low, high, high) for v, (low, high) in axes.items()), node)


class _Moved(Instantiation):
    """An expression at another round: the replacement names variables with these ranges."""

    def __init__(self, values: Mapping[str, Affine], ranges: Axes) -> None:
        super().__init__({})
        self._values = dict(values)
        self._ranges = ranges

    def _axes(self, axes: Axes) -> Axes:
        found = super()._axes(axes)
        return {**found, **self._ranges} if not self._values.keys().isdisjoint(axes) else found


class _WithClaims(_Moved):
    """The body of a loop with what is claimed of its carries in their place."""

    def __init__(self, recurrence: Recurrence, claims: Mapping[int, Node], rounds: Axes) -> None:
        super().__init__({recurrence.variable: Affine.variable(recurrence.variable)}, rounds)
        self._recurrence_of_claims, self._claims = recurrence, claims

    def _build(self, node: Node) -> Node:
        match node:
            case Carried(recurrence, number, index, round_, ranges) if (
                recurrence is self._recurrence_of_claims and number in self._claims
            ):
                claim = self._claims[number]
                mapping = dict(zip(recurrence.axes[number], index, strict=True))
                if round_ != Affine.variable(recurrence.variable):
                    raise ValueError("a body that names its carry at another round")
                moved = {v: i for v, i in mapping.items() if v in claim.axes and i != Affine.variable(v)}
                return written.Reindex(claim, moved, self._axes(ranges)) if moved else claim
        return super()._build(node)
