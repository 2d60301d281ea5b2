"""Elements in the order of their values: sorting, and the greatest or least few.

The element at place ``k`` is the one that ``k`` others come before: those that are smaller (larger), and of equal
ones those that stand further left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    Unreadable,
    axis,
    index_number,
    ranges_of,
    select_node,
)
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.array.reductions import bound_variable, place_of, real_operand
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, disjunction
from stile_engine.index.sizes import is_fixed
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import ONE, Axes, IndexNumber, Node, add, apply, bounds, multiply, number, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable


@dataclass(frozen=True, slots=True)
class Order:
    """The elements of ``keys`` along an axis, from the least to the greatest or the other way round."""

    keys: RealArray
    along: int
    descending: bool = False

    def values(self, count: int | None = None) -> RealArray:
        """The keys in order, or the first so many of them."""
        shape = self._shape(count)
        size = self.keys.shape[self.along]
        found = self._of(self.keys.node, shape)
        # at either end stands an extremum
        place = axis(self.along)
        ends = [("min", 0), ("max", size - 1)] if not self.descending else [("max", 0), ("min", size - 1)]
        for kind, end in ends:
            found = select_node(compare(place, "==", end), self._extreme(kind, shape), found, shape)
        return RealArray(shape, found)

    def places(self, count: int | None = None) -> RealArray:
        """Where the keys in order come from, as numbers."""
        shape = self._shape(count)
        size = self.keys.shape[self.along]
        if is_fixed(shape[self.along], 1):
            first = place_of(self.keys, self.along, self.descending)
            rest = {axis_variable(a - (a > self.along)): axis(a) for a in range(len(shape)) if a != self.along}
            return RealArray(shape, reindex_node(first.node, rest, ranges_of(shape)))
        name = bound_variable()
        ranges = {**ranges_of(shape), name: bounds(0, size)}
        here = IndexNumber(Affine.variable(name), ranges)
        found = reduce("min", {name: bounds(0, size)}, here, self._stands(name, ranges), ranges)
        # There is such a place: the bound changes nothing, and shows that it is an index.
        return RealArray(shape, apply("minimum", found, index_number(Affine.of(size) - 1, shape)))

    def carried(self, payload: Array) -> RealArray:
        """Another array of the same shape, moved along with the keys."""
        if isinstance(payload, IntegerArray):
            return self._integers(payload)
        return RealArray(self.keys.shape, self._of(real_operand(payload, "a sort").node, self.keys.shape))

    def _integers(self, payload: IntegerArray) -> RealArray:
        """Integers that count along the axis: those at the places that the keys come from."""
        own = axis_variable(self.along)
        if len(payload.pieces) == 1:
            value = payload.pieces[0][1]
            step = value.coefficient(own)
            rest = value - Affine.variable(own) * step
            if own not in rest.variables:
                there = multiply(number(step), self.places().node)
                shift = index_number(rest, payload.shape)
                return RealArray(
                    payload.shape, self.places().node if (step, rest) == (1, Affine()) else add(there, shift)
                )
        raise Unreadable("a sort that carries integers that do not count along its axis")

    # -- expressions -----------------------------------------------------------------------

    def _shape(self, count: int | None) -> Shape:
        sizes = self.keys.shape
        return tuple(count if count is not None and a == self.along else n for a, n in enumerate(sizes))

    def _moved(self, node: Node, name: str, ranges: Axes) -> Node:
        """An element of an array of the keys' shape, at a bound variable along the axis."""
        return reindex_node(node, {axis_variable(self.along): Affine.variable(name)}, ranges)

    def _stands(self, name: str, ranges: Mapping[str, tuple[Affine, Affine]]) -> Predicate:
        """Whether the key at ``name`` comes to stand at the place that is the axis' own index."""
        other = bound_variable()
        size = self.keys.shape[self.along]
        inner = {**ranges, other: bounds(0, size)}
        mine, theirs = (self._moved(self.keys.node, v, inner) for v in (name, other))
        # No element is held against itself: that is settled without looking at its value.
        another = compare(Affine.variable(other), "!=", Affine.variable(name))
        further_left = compare(Affine.variable(other), "<", Affine.variable(name))
        smaller = compare_values(theirs, ">" if self.descending else "<", mine)
        before = disjunction(
            conjunction(another, smaller), conjunction(further_left, compare_values(theirs, "==", mine))
        )
        rank = reduce("sum", {other: bounds(0, size)}, ONE, before, inner)
        return compare_values(rank, "==", IndexNumber(axis(self.along), dict(ranges)))

    def _of(self, node: Node, shape: Shape) -> Node:
        """The element of an array of the keys' shape that comes to stand at each place."""
        name = bound_variable()
        bound = {name: bounds(0, self.keys.shape[self.along])}
        ranges = {**ranges_of(shape), **bound}
        return reduce("sum", bound, self._moved(node, name, ranges), self._stands(name, ranges), ranges)

    def _extreme(self, kind: str, shape: Shape) -> Node:
        name = bound_variable()
        bound = {name: bounds(0, self.keys.shape[self.along])}
        return reduce(kind, bound, self._moved(self.keys.node, name, {**ranges_of(shape), **bound}))


@handles("sort")
def sort(operation: Operation, _machine: Machine) -> list[Array]:
    keys, *others = operation.inputs
    if int(operation.params["num_keys"]) != 1:
        raise Unreadable("a sort by several keys")
    order = Order(real_operand(keys, "sort"), int(operation.params["dimension"]))
    return [order.values(), *(order.carried(other) for other in others)]


@handles("top_k")
def greatest_few(operation: Operation, _machine: Machine) -> list[Array]:
    keys = real_operand(operation.inputs[0], "top_k")
    order = Order(keys, int(operation.params["axis"]) % len(keys.shape), descending=True)
    count = int(operation.params["k"])
    return [order.values(count), order.places(count)]
