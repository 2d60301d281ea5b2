"""Loops solved by induction, or unrolled, against the same loops run round by round on numbers."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st
from law_checks import normal_form_agrees

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, compare
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof import induction
from stile_engine.term import expression as e
from stile_engine.term.expression import Carried, Node, Recurrence, Tensor, bounds
from stile_engine.term.value import DimRange, Value

_EXAMPLES = settings.default.max_examples
_PHASES = (Phase.generate,)
_TILE = 2
_ROUND, _ROW, _LANE = "round.1", "q", "h"
_T, _Q, _H = (Affine.variable(v) for v in (_ROUND, _ROW, _LANE))


class Loop:
    """A loop of two carries over rows ``q``, reading tiles of X:q k."""

    def __init__(self, rounds: int, rows: int, initial: tuple[Node, Node]) -> None:
        self.rounds, self.rows = rounds, rows
        self.tensor = Tensor("X", ("q", "k"), (Affine((), rows), Affine((), rounds * _TILE)))
        self.row: e.Axes = {_ROW: bounds(0, rows)}
        self.ranges: e.Axes = {**self.row, _ROUND: bounds(0, rounds), _LANE: bounds(0, _TILE)}
        self.recurrence = Recurrence(_ROUND, Affine((), rounds), (self.row, self.row), initial, {})

    def carried(self, number: int, round_: Affine = _T) -> Node:
        return Carried(self.recurrence, number, (_Q,), round_, self.ranges)

    def tile(self, reduction: str, predicate: Predicate, function: str | None) -> Node:
        body: Node = e.Read(self.tensor, (_Q, _T * _TILE + _H), self.ranges)
        if function is not None:
            body = e.apply(function, body)
        return e.reduce(reduction, {_LANE: bounds(0, _TILE)}, body, predicate, self.ranges)

    def close(self, first: Node, second: Node) -> Value:
        self.recurrence.step = (first, second)
        last = self.carried(1, Affine((), self.rounds))
        return Value((DimRange(_ROW, Affine(), Affine((), self.rows), Affine((), self.rows)),), last)


_PREDICATES = st.sampled_from(
    [
        ALWAYS,
        compare(_T * _TILE + _H, "<=", _Q),
        compare(_T * _TILE + _H, ">", _Q),
        compare(_T * _TILE + _H, "<=", _Q + 2),
        compare(_H, "==", 0),
        compare(_T, ">=", 1),
    ]
)
_ROW_PREDICATES = st.sampled_from(
    [compare(_T, "==", 0), compare(_T, "<=", _Q), compare(_T, "==", _Q), compare(_Q % 2, "==", 0), compare(_T, ">=", 2)]
)
_INITIAL = st.sampled_from([e.ZERO, e.ONE, e.NEGATIVE_INFINITY, e.POSITIVE_INFINITY, e.number(Fraction(-3, 2))])


@st.composite
def steps(draw: st.DrawFn, loop: Loop, numbers: tuple[int, ...], depth: int) -> Node:
    """An expression over the carries ``numbers`` and tiles."""
    leaf = depth == 0 or draw(st.integers(0, 3)) == 0
    if leaf:
        kind = draw(st.integers(0, 4))
        if kind < 2:
            return loop.carried(draw(st.sampled_from(numbers)))
        if kind < 4:
            reduction = draw(st.sampled_from(["sum", "max", "min"]))
            return loop.tile(reduction, draw(_PREDICATES), draw(st.sampled_from([None, "exp", "neg"])))
        return draw(st.sampled_from([e.ZERO, e.ONE, e.IndexNumber(_T, loop.ranges), e.number(Fraction(1, 2))]))
    first = draw(steps(loop, numbers, depth - 1))
    second = draw(steps(loop, numbers, depth - 1))
    match draw(st.integers(0, 6)):
        case 0 | 1:
            return e.add(first, second)
        case 2:
            return e.apply("maximum", first, second)
        case 3:
            return e.apply("minimum", first, second)
        case 4:
            return e.multiply(first, second)
        case 5:
            return e.subtract(first, second)
        case _:
            return e.select(draw(_ROW_PREDICATES), first, second, loop.ranges)


@st.composite
def usual_steps(draw: st.DrawFn, loop: Loop) -> tuple[Node, Node]:
    """A running maximum with a sum that is rescaled by it, in the forms in which kernels write it."""
    mask = draw(_PREDICATES)
    before = loop.carried(0)
    now = e.apply("maximum", before, loop.tile("max", mask, None))
    shifted = e.subtract(e.Read(loop.tensor, (_Q, _T * _TILE + _H), loop.ranges), now)
    weights = e.reduce("sum", {_LANE: bounds(0, _TILE)}, e.apply("exp", shifted), mask, loop.ranges)
    scale = e.apply("exp", e.subtract(before, now))
    if draw(st.booleans()):
        scale = draw(st.sampled_from([e.ONE, e.apply("exp", e.subtract(now, before)), e.number(2)]))
    return now, e.add(e.multiply(loop.carried(1), scale), weights)


@st.composite
def loops(draw: st.DrawFn) -> Value:
    loop = Loop(draw(st.integers(1, 4)), draw(st.integers(1, 4)), (draw(_INITIAL), draw(_INITIAL)))
    if draw(st.integers(0, 3)) == 0:
        return loop.close(*draw(usual_steps(loop)))
    return loop.close(draw(steps(loop, (0,), 2)), draw(steps(loop, (0, 1), 2)))


def _check(value: Value) -> None:
    solved = 0
    by_induction = induction._Loop.by_induction

    def counted(loop: induction._Loop) -> object:
        nonlocal solved
        found = by_induction(loop)
        solved += found is not None
        return found

    induction._Loop.by_induction = counted  # type: ignore[method-assign, assignment]
    try:
        with budget(40_000):
            compared = normal_form_agrees(value)
    except BudgetExceeded:
        compared = 0
    finally:
        induction._Loop.by_induction = by_induction  # type: ignore[method-assign]
    event(f"{'by induction' if solved else 'unrolled'}, {'compared' if compared else 'never compared'}")


@settings(max_examples=2 * _EXAMPLES, phases=_PHASES)
@given(loops())
def test_a_loop_has_computed_what_its_rounds_compute(value: Value) -> None:
    _check(value)
