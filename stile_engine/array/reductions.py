"""Primitives that combine elements: reductions, contractions and running sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    RealArray,
    Shape,
    TruthArray,
    Unreadable,
    as_node,
    axis,
    index_number,
    ranges_of,
)
from stile_engine.array.elementwise import is_float, is_index, is_integer, must_fit
from stile_engine.array.facts import fits, is_whole
from stile_engine.array.meeting import meet
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, negate, substitute
from stile_engine.index.sizes import Size
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    ZERO,
    Axes,
    IndexNumber,
    Node,
    apply,
    bounds,
    multiply,
    reduce,
)
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable

_REDUCTIONS = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod"}
_CUMULATIVE_LOGARITHM = "cumlogsumexp"
_CUMULATIVE = {"cumsum": "sum", "cummax": "max", "cummin": "min", "cumprod": "prod"}

_fresh = count()


def bound_variable() -> str:
    # A new name for each reduction, which no dim can have: no substitution can ever capture it.
    return f"$r{next(_fresh)}"


def real_operand(operand: Array, name: str) -> RealArray:
    if not isinstance(operand, RealArray):
        raise Unreadable(f"{name} of integers or truth values")
    return operand


def _renamed(operand: RealArray, targets: Mapping[int, Affine], bound: Axes, shape: Shape) -> Node:
    mapping = {axis_variable(source): index for source, index in targets.items()}
    return reindex_node(operand.node, mapping, {**ranges_of(shape), **bound})


@handles(*_REDUCTIONS)
def reduction(operation: Operation, _machine: Machine) -> list[Array]:
    operand = _summed(operation)
    reduced = set(operation.params["axes"])
    bound: Axes = {}
    targets: dict[int, Affine] = {}
    kept = 0
    for source, size in enumerate(operand.shape):
        if source in reduced:
            name = bound_variable()
            bound[name] = bounds(0, size)
            targets[source] = Affine.variable(name)
        else:
            targets[source] = axis(kept)
            kept += 1
    body = _renamed(operand, targets, bound, operation.shape)
    node = reduce(_REDUCTIONS[operation.name], bound, body) if bound else body
    must_fit(node, operation.dtypes[0])
    return [RealArray(operation.shape, node)]


def _summed(operation: Operation) -> RealArray:
    """Numbers; integers that depend on the indices, and truth values as ones and zeros, are numbers as well."""
    operand = operation.inputs[0]
    if isinstance(operand, RealArray) or not is_integer(operation.dtypes[0]):
        return real_operand(operand, operation.name)
    return RealArray(operand.shape, as_node(operand))


@handles("reduce_or", "reduce_and")
def quantifier(operation: Operation, machine: Machine) -> list[Array]:
    """Some element is true if the greatest of their ones and zeros is 1, and all are if the least is."""
    (operand,) = operation.inputs
    if not isinstance(operand, TruthArray):
        raise Unreadable(f"{operation.name} of integers")
    if operand.predicate in (ALWAYS, NEVER) and all(operand.shape):
        return [TruthArray(operation.shape, operand.predicate)]
    marks = RealArray(operand.shape, as_node(operand))
    name = "reduce_max" if operation.name == "reduce_or" else "reduce_min"
    (found,) = reduction(replace(operation, name=name, inputs=[marks], dtypes=["float32"]), machine)
    return [TruthArray(operation.shape, compare_values(as_node(found), ">", ZERO))]


@handles("dot_general")
def contraction(operation: Operation, _machine: Machine) -> list[Array]:
    left, right = (real_operand(i, "a product") for i in operation.inputs)
    if not is_float(operation.dtypes[0]) and not (is_whole(left.node) and is_whole(right.node)):
        raise Unreadable("a product of real numbers in integers, which truncates them")
    (left_summed, right_summed), (left_batch, right_batch) = operation.params["dimension_numbers"]
    shape = operation.shape
    bound: Axes = {}
    left_targets: dict[int, Affine] = {}
    right_targets: dict[int, Affine] = {}
    for first, second in zip(left_summed, right_summed, strict=True):
        name = bound_variable()
        bound[name] = bounds(0, left.shape[first])
        left_targets[first] = right_targets[second] = Affine.variable(name)
    places = iter(range(len(shape)))
    for first, second in zip(left_batch, right_batch, strict=True):
        left_targets[first] = right_targets[second] = axis(next(places))
    for operand, targets in ((left, left_targets), (right, right_targets)):
        for free in range(len(operand.shape)):
            if free not in targets:
                targets[free] = axis(next(places))
    factors = _renamed(left, left_targets, bound, shape), _renamed(right, right_targets, bound, shape)
    meet([(f,) for f in factors], {**ranges_of(shape), **bound}, list(bound))
    body = multiply(*factors)
    return [RealArray(shape, reduce("sum", bound, body) if bound else body)]


@handles(*_CUMULATIVE, _CUMULATIVE_LOGARITHM)
def cumulative(operation: Operation, _machine: Machine) -> list[Array]:
    operand = _summed(operation)
    along = int(operation.params["axis"])
    name = bound_variable()
    bound = {name: bounds(0, operand.shape[along])}
    targets = {a: Affine.variable(name) if a == along else axis(a) for a in range(len(operand.shape))}
    direction = ">=" if operation.params["reverse"] else "<="
    upto: Predicate = compare(Affine.variable(name), direction, axis(along))
    body = _renamed(operand, targets, bound, operation.shape)
    ranges = ranges_of(operation.shape)
    if operation.name == _CUMULATIVE_LOGARITHM:
        node = apply("log", reduce("sum", bound, apply("exp", body), upto, ranges))
    else:
        node = reduce(_CUMULATIVE[operation.name], bound, body, upto, ranges)
        must_fit(node, operation.dtypes[0])
    return [RealArray(operation.shape, node)]


MOST_CONDITIONS = 8


@handles("argmax", "argmin")
def place_of_extremum(operation: Operation, _machine: Machine) -> list[Array]:
    operand = operation.inputs[0]
    (along,) = operation.params["axes"]
    greatest = operation.name == "argmax"
    if isinstance(operand, TruthArray):
        return [_first_condition(operand, int(along), greatest, operation.shape)]
    return [place_of(real_operand(operand, operation.name), int(along), greatest)]


def place_of(operand: RealArray, along: int, greatest: bool) -> RealArray:
    """The first place along an axis at which the greatest (or least) element stands, as a number.

    The least of all ``k`` with ``x[k] = max x``. There is one, so that no bound on the result changes it; the
    bound shows that it is an index.
    """
    shape = (*operand.shape[:along], *operand.shape[along + 1 :])
    inner, outer = bound_variable(), bound_variable()
    size = operand.shape[along]
    rest = {a: axis(a if a < along else a - 1) for a in range(len(operand.shape)) if a != along}
    at = [{**rest, along: Affine.variable(name)} for name in (inner, outer)]
    body = _renamed(operand, at[0], {inner: bounds(0, size)}, shape)
    extreme = reduce("max" if greatest else "min", {inner: bounds(0, size)}, body)
    own = _renamed(operand, at[1], {outer: bounds(0, size)}, shape)
    ranges = {**ranges_of(shape), outer: bounds(0, size)}
    number_of = IndexNumber(Affine.variable(outer), ranges)
    first = reduce("min", {outer: bounds(0, size)}, number_of, compare_values(own, "==", extreme), ranges)
    last = index_number(Affine.of(size) - 1, shape)
    return RealArray(shape, apply("minimum", first, last))


def _first_condition(operand: TruthArray, along: int, greatest: bool, shape: Shape) -> Array:
    """The first place at which a condition holds; 0 where none does."""
    size = operand.shape[along]
    if not isinstance(size, int) or size > MOST_CONDITIONS:
        raise Unreadable("the first of many conditions that holds")
    pieces: list[tuple[Predicate, Affine]] = []
    for k in range(size):
        mapping = {axis_variable(a): axis(a if a < along else a - 1) for a in range(len(operand.shape)) if a != along}
        here = substitute(operand.predicate, {**mapping, axis_variable(along): Affine((), k)})
        pieces.append((here if greatest else negate(here), Affine((), k)))
    return integers.make((*pieces, (ALWAYS, Affine())), shape)


def require_index(index: RealArray, size: Size) -> None:
    """Raise where the numbers may be no indices of an axis of this size."""
    whole = is_whole(index.node) or is_index(index.node)
    if not isinstance(size, int) or not whole or not fits(index.node, 0, size - 1):
        raise Unreadable("an index that is data")


def read_at_number(operand: Array, along: int, index: RealArray, rest: Mapping[int, Affine], shape: Shape) -> Array:
    """``operand[…, index, …]`` for an index that depends on data and certainly lies in the axis; ``rest`` has the
    places along the other axes. The one element whose place is the index."""
    size = operand.shape[along]
    require_index(index, size)
    name = bound_variable()
    bound = {name: bounds(0, size)}
    found = reindex_node(
        as_node(operand),
        {axis_variable(a): place for a, place in {**rest, along: Affine.variable(name)}.items()},
        {**ranges_of(shape), **bound},
    )
    ranges = {**ranges_of(shape), **bound}
    here = compare_values(index.node, "==", IndexNumber(Affine.variable(name), ranges))
    return RealArray(shape, reduce("sum", bound, found, here, ranges))
