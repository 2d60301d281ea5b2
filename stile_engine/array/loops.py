"""Loops whose body is read once, for a round that is a variable.

Real carries become a ``Recurrence``, which the prover solves by induction or unrolls. Integer carries
must be affine in the round. What does not fit ends in ``Unreadable``, and the caller reads the loop
round by round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    TruthArray,
    UnknownArray,
    Unreadable,
    around,
    as_node,
    axis,
    decide,
    outer_ranges,
    ranges_of,
    reindex,
)
from stile_engine.array.choice import choose
from stile_engine.array.sizes import same_shape
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, AtLeastZero, Predicate, compare
from stile_engine.term.expression import Carried, Node, Recurrence, Unmodelled, bounds, every_node
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.location import Site

_NOT_AFFINE = "a loop that carries an integer that is not affine in its round"

Body = Callable[[Sequence[Array], Affine], list[Array]]
"""The carries and the round to the carries after it, followed by what the round puts out."""


def integer_steps(initial: Sequence[Array], first_round: Callable[[frozenset[int]], Sequence[Array]]) -> dict[int, int]:
    """How much each integer carry grows in a round, as round 0 shows it. ``first_round`` gives the carries after
    it, of which only those with the given numbers are looked at."""
    asked = frozenset(k for k, a in enumerate(initial) if not isinstance(a, RealArray))
    if not asked:
        return {}
    after = first_round(asked)
    found: dict[int, int] = {}
    for k, start in enumerate(initial):
        first = after[k]
        if isinstance(start, RealArray):
            continue
        if not isinstance(start, IntegerArray) or not isinstance(first, IntegerArray):
            raise Unreadable("a loop that carries truth values, or integers that are data")
        if len(start.pieces) != 1 or len(first.pieces) != 1:
            raise Unreadable(_NOT_AFFINE)
        difference = first.pieces[0][1] - start.pieces[0][1]
        if not difference.is_constant:
            raise Unreadable(_NOT_AFFINE)
        found[k] = difference.constant
    return found


def at_round(start: Array, delta: int | None, round_: Affine) -> Array:
    """An integer carry before a round. A real one is not known here."""
    if not isinstance(start, IntegerArray) or delta is None:
        return UnknownArray(start.shape, "a loop whose end depends on data", None)
    return IntegerArray(start.shape, integers.always(start.pieces[0][1] + round_ * delta))


class Rolled:
    """One loop, read for a generic round."""

    def __init__(
        self,
        variable: str,
        rounds: Affine,
        initial: Sequence[Array],
        deltas: Mapping[int, int],
        body: Body,
        site: Site | None,
    ) -> None:
        """``rounds`` may be negative where the caller looks at the result only if it is not. ``deltas``:
        what each integer carry grows by in a round, to be checked here."""
        self.variable, self.rounds = variable, rounds
        self._initial, self._deltas = list(initial), deltas
        self._real = [k for k, array in enumerate(initial) if isinstance(array, RealArray)]
        self._recurrence = self._declared(site)
        with around({variable: bounds(0, rounds)}):
            round_ = Affine.variable(variable)
            before = [self._before(k, round_) for k in range(len(initial))]
            results = body(before, round_)
            self._outputs = results[len(initial) :]
            self._close(results[: len(initial)])

    def _declared(self, site: Site | None) -> Recurrence:
        axes = tuple(
            {axis_variable(a): bounds(0, size) for a, size in enumerate(self._initial[k].shape)} for k in self._real
        )
        initial = tuple(as_node(self._initial[k]) for k in self._real)
        return Recurrence(self.variable, self.rounds, axes, initial, dict(outer_ranges()), site)

    def _before(self, k: int, round_: Affine) -> Array:
        start = self._initial[k]
        if k not in self._real:
            return at_round(start, self._deltas[k], round_)
        index = tuple(axis(a) for a in range(len(start.shape)))
        node = Carried(self._recurrence, self._real.index(k), index, round_, ranges_of(start.shape))
        return RealArray(start.shape, node)

    def _close(self, after: Sequence[Array]) -> None:
        """The body's results are the carries of the next round; integers must be what was assumed of them."""
        steps: list[Node] = []
        for k, array in enumerate(after):
            if not same_shape(array.shape, self._initial[k].shape):
                raise Unreadable("a loop that changes the shape of what it carries")
            if k in self._real:
                steps.append(as_node(array))
                continue
            expected = self._before(k, Affine.variable(self.variable) + 1)
            if not isinstance(array, IntegerArray) or not isinstance(expected, IntegerArray):
                raise Unreadable("a loop that carries integers that are data")
            equal = integers.comparison(array, "==", expected, array.shape)
            if decide(equal.predicate, array.shape) is not True:
                raise Unreadable(_NOT_AFFINE)
        self._recurrence.step = tuple(steps)
        for output in self._outputs:
            if isinstance(output, UnknownArray):
                raise Unreadable(output.reason)
        for node in every_node(*steps, *(as_node(o) for o in self._outputs)):
            if isinstance(node, Unmodelled):
                raise Unreadable(node.reason)

    # -- results ---------------------------------------------------------------------------

    def carries(self, rounds: Affine | None = None) -> list[Array]:
        """The carries after the last round, or after so many of them."""
        return [self._before(k, self.rounds if rounds is None else rounds) for k in range(len(self._initial))]

    def stacked(self, shapes: Sequence[Shape], backwards: bool) -> list[Array]:
        """What the rounds put out, one after the other along a new first axis."""
        found: list[Array] = []
        for array, shape in zip(self._outputs, shapes, strict=True):
            round_ = self.rounds - 1 - axis(0) if backwards else axis(0)
            indices = [axis(a + 1) for a in range(len(array.shape))]
            found.append(reindex(array, indices, shape, {self.variable: round_}))
        return found


def rounds_while(condition: Array, variable: str) -> tuple[Predicate, Affine]:
    """``(some, rounds)``: the loop runs ``rounds`` times where ``some`` holds, else not at all.

    ``condition`` is the loop's own, over its round ``variable``.
    """
    if not isinstance(condition, TruthArray):
        raise Unreadable("a loop whose end depends on data")
    match condition.predicate:
        case AtLeastZero(expression):
            slope = expression.coefficient(variable)
            if slope < 0 and not expression.mentions_in_floor(variable):
                # rest + slope * t >= 0 for t <= rest // -slope
                rest = expression - Affine.variable(variable) * slope
                return compare(rest, ">=", 0), rest // -slope + 1
    raise Unreadable("a loop whose end is not an affine bound on its round")


def where_some(some: Predicate, after: Sequence[Array], before: Sequence[Array]) -> list[Array]:
    """The carries after a loop that may run no round at all."""
    return [choose([(some, a), (ALWAYS, b)], b.shape) for a, b in zip(after, before, strict=True)]
