"""Primitives that combine elements: reductions, contractions and running sums."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from stile_engine.array.arrays import Array, Origin, RealArray, Shape, Unreadable, axis, ranges_of, reindex_node
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare
from stile_engine.term.expression import Axes, Node, bounds, multiply, reduce
from stile_engine.trace.frontend import axis_variable

_REDUCTIONS = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod"}
_CUMULATIVE = {"cumsum": "sum", "cummax": "max", "cummin": "min", "cumprod": "prod"}

_fresh = count()


def _bound_variable() -> str:
    # A new name for each reduction, which no dim can have: no substitution can ever capture it.
    return f"$r{next(_fresh)}"


def _real(operand: Array, name: str) -> RealArray:
    if not isinstance(operand, RealArray):
        raise Unreadable(f"{name} of integers or truth values")
    return operand


def _renamed(operand: RealArray, targets: Mapping[int, Affine], bound: Axes, shape: Shape) -> Node:
    mapping = {axis_variable(source): index for source, index in targets.items()}
    return reindex_node(operand.node, mapping, {**ranges_of(shape), **bound})


@handles(*_REDUCTIONS)
def reduction(operation: Operation, _machine: Machine) -> list[Array]:
    operand = _real(operation.inputs[0], operation.name)
    reduced = set(operation.params["axes"])
    bound: Axes = {}
    targets: dict[int, Affine] = {}
    kept = 0
    for source, size in enumerate(operand.shape):
        if source in reduced:
            name = _bound_variable()
            bound[name] = bounds(0, size)
            targets[source] = Affine.variable(name)
        else:
            targets[source] = axis(kept)
            kept += 1
    body = _renamed(operand, targets, bound, operation.shape)
    origins = tuple(o for a, o in enumerate(operand.origins) if a not in reduced)
    node = reduce(_REDUCTIONS[operation.name], bound, body) if bound else body
    return [RealArray(operation.shape, origins, node)]


@handles("dot_general")
def contraction(operation: Operation, _machine: Machine) -> list[Array]:
    left, right = (_real(i, "a product") for i in operation.inputs)
    (left_summed, right_summed), (left_batch, right_batch) = operation.params["dimension_numbers"]
    shape = operation.shape
    bound: Axes = {}
    left_targets: dict[int, Affine] = {}
    right_targets: dict[int, Affine] = {}
    origins: list[Origin | None] = []
    for first, second in zip(left_summed, right_summed, strict=True):
        name = _bound_variable()
        bound[name] = bounds(0, left.shape[first])
        left_targets[first] = right_targets[second] = Affine.variable(name)
    for first, second in zip(left_batch, right_batch, strict=True):
        left_targets[first] = right_targets[second] = axis(len(origins))
        agree = right.origins[second] in (None, left.origins[first])
        origins.append(left.origins[first] if agree else None)
    for operand, targets in ((left, left_targets), (right, right_targets)):
        for free in range(len(operand.shape)):
            if free not in targets:
                targets[free] = axis(len(origins))
                origins.append(operand.origins[free])
    body = multiply(_renamed(left, left_targets, bound, shape), _renamed(right, right_targets, bound, shape))
    return [RealArray(shape, tuple(origins), reduce("sum", bound, body) if bound else body)]


@handles(*_CUMULATIVE)
def cumulative(operation: Operation, _machine: Machine) -> list[Array]:
    operand = _real(operation.inputs[0], operation.name)
    along = int(operation.params["axis"])
    name = _bound_variable()
    bound = {name: bounds(0, operand.shape[along])}
    targets = {a: Affine.variable(name) if a == along else axis(a) for a in range(len(operand.shape))}
    direction = ">=" if operation.params["reverse"] else "<="
    upto: Predicate = compare(Affine.variable(name), direction, axis(along))
    body = _renamed(operand, targets, bound, operation.shape)
    node = reduce(_CUMULATIVE[operation.name], bound, body, upto, ranges_of(operation.shape))
    return [RealArray(operation.shape, operand.origins, node)]
