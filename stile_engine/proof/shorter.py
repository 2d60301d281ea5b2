"""The same kernel and spec with fewer rounds in their loops.

A loop of a million rounds is proved at once and cannot be run. What can be run is the pair in which every number
that is made of the number of rounds is made of a small one instead: sizes, bounds, strides, divisors, constants.
It is another pair, and may be false where the long one is true. So it is worth something only together with the
prover's own opinion of it: whoever uses it asks for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import Predicate, rewritten, substitute
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term import expression as written
from stile_engine.term.expression import Axes, Bounds, Carried, Node, Recurrence, children, every_node
from stile_engine.term.instantiate import Instantiation
from stile_engine.term.value import DimRange, Value

_FEWER = (1, 2, 3)
_NEAR = 8
"""A number is made of the rounds if it lies within an eighth of their number from a multiple of it."""


class CannotBeShortened(Exception):
    """Something in the pair has no meaning with other sizes."""


def running_cost(values: Sequence[Value]) -> int:
    """About how many operations on arrays it takes to run all loops of known length."""
    known: dict[Recurrence, int] = {}

    def below(node: Node) -> Sequence[Node]:
        return () if isinstance(node, Carried) else children(node)

    def cost(roots: Sequence[Node], inside: frozenset[Recurrence]) -> int:
        total = 0
        for node in every_node(*roots, below=below):
            total += 1
            if isinstance(node, Carried) and node.recurrence not in inside:
                loop = node.recurrence
                if loop not in known:
                    known[loop] = _rounds(loop) * cost(loop.step, inside | {loop})
                    total += known[loop]
        return total

    return cost([v.node for v in values], frozenset())


def _rounds(loop: Recurrence) -> int:
    """The most rounds that the loop may have; 1 where that is not known."""
    limits = loop.rounds.extremes(loop.outer)
    return limits[1] if limits is not None else 1


def shorter(values: Sequence[Value]) -> Iterator[tuple[Value, ...]]:
    """The values with one, two and three rounds in the long loops, as far as they can be made."""
    loops = {n.recurrence for n in every_node(*(v.node for v in values)) if isinstance(n, Carried)}
    lengths = {r.rounds.constant for r in loops if r.rounds.is_constant}
    counts = sorted((n for n in lengths if n > _NEAR), reverse=True)
    if not counts:
        return
    for few in _FEWER:
        try:
            change = _Shortening(counts, few)
            yield tuple(change.value(v) for v in values)
        except (CannotBeShortened, RecursionError, ValueError, ZeroDivisionError):
            return


class _Shortening(Instantiation):
    """Every number made of one of ``counts`` is made of ``few``."""

    def __init__(self, counts: Sequence[int], few: int) -> None:
        super().__init__({})
        self._counts, self._few = counts, few
        self._tensors: dict[written.Tensor, written.Tensor] = {}

    def value(self, value: Value) -> Value:
        dims = tuple(
            DimRange(d.name, self._index(d.low), self._index(d.high), self._index(d.extent)) for d in value.dims
        )
        return Value(dims, self(value.node))

    def _number(self, number: int) -> int:
        for count in self._counts:
            number = self._with_fewer(number, count)
        return number

    def _with_fewer(self, number: int, count: int) -> int:
        if number < 0:
            return -self._with_fewer(-number, count)
        times = (number + count // 2) // count
        rest = number - times * count
        if times == 0 or abs(rest) * _NEAR > count:
            return number
        return self._with_fewer(times, count) * self._few + rest

    def _concerns(self, axes: Axes) -> bool:
        return True

    def _index(self, expression: Affine) -> Affine:
        if expression.variables and data.tokens_of(expression.variables):
            raise CannotBeShortened("data")
        total = Affine((), self._number(expression.constant))
        for atom, coefficient in expression.terms:
            if isinstance(atom, FloorDiv):
                part = self._index(atom.numerator) // self._number(atom.divisor)
            else:
                part = Affine.variable(atom)
            total = total + part * self._number(coefficient)
        return total

    def _predicate(self, predicate: Predicate) -> Predicate:
        if data.tokens_of(predicate_variables(predicate)):
            raise CannotBeShortened("data")
        return substitute(rewritten(predicate, self._index), {})  # decides comparisons of numbers

    def _bounds(self, found: Bounds) -> Bounds:
        return (self._index(found[0]), self._index(found[1]))

    def _build(self, node: Node) -> Node:
        match node:
            case written.Const(value):
                return written.Const(Fraction(self._number(value.numerator), self._number(value.denominator)))
            case written.Read(tensor, index, ranges):
                moved = tuple(self._index(i) for i in index)
                return written.Read(self._tensor(tensor), moved, self._axes(ranges))
            case written.Constant() | written.Infinity() | written.NoValue() | written.Unmodelled():
                return node
        return super()._build(node)

    def _tensor(self, tensor: written.Tensor) -> written.Tensor:
        if tensor.facts or tensor.integer:
            raise CannotBeShortened("declared facts")
        found = self._tensors.get(tensor)
        if found is None:
            shape = tuple(self._index(s) for s in tensor.shape)
            found = self._tensors[tensor] = replace(tensor, shape=shape)
        return found
