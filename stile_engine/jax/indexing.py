"""Gather and scatter whose indices are affine in the index variables: fancy indexing and ``.at[…]``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    Pieces,
    RealArray,
    Shape,
    Unreadable,
    as_node,
    axis,
    decide,
    ranges_of,
    regions,
    reindex,
    select_node,
)
from stile_engine.array.choice import choose, overlaid
from stile_engine.array.inverse import Equation, invert
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.array.reductions import read_at_number
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    Predicate,
    compare,
    conjunction,
    disjunction,
    substitute,
)
from stile_engine.index.sizes import Size, is_fixed, same_size
from stile_engine.term.expression import Axes, IndexNumber, Node, Reindex, Scatter, Select, apply, bounds, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.term.scattering import COMBINED
from stile_engine.trace.frontend import axis_variable


def _component(indices: Array, component: int, batch: list[Affine], shape: Shape) -> IntegerArray:
    """One coordinate of the index vectors, over the axis variables of ``shape``."""
    found = reindex(indices, [*batch, Affine((), component)], shape)
    if not isinstance(found, IntegerArray):
        raise Unreadable("an index that is data")
    return found


def _is_inside(start: IntegerArray, last: Size, shape: Shape) -> bool:
    """Whether ``0 <= start <= last`` everywhere."""
    low = integers.comparison(start, ">=", _fixed(0, shape), shape)
    high = integers.comparison(start, "<=", _fixed(last, shape), shape)
    return decide(conjunction(low.predicate, high.predicate), shape) is True


def _fixed(value: Size, shape: Shape) -> IntegerArray:
    return IntegerArray(shape, integers.always(Affine.of(value)))


@handles("gather")
def gather(operation: Operation, _machine: Machine) -> list[Array]:
    operand, indices = operation.inputs
    shape = operation.shape
    numbers = operation.params["dimension_numbers"]
    window: Shape = tuple(operation.params["slice_sizes"])
    batch_axes = [a for a in range(len(shape)) if a not in numbers.offset_dims]
    batch = [axis(a) for a in batch_axes]
    batching = dict(zip(_batching(numbers, "operand"), _batching(numbers, "start_indices"), strict=True))
    offsets = iter(numbers.offset_dims)
    if isinstance(indices, RealArray):
        return [_gather_by_number(operation, operand, indices, batch, batching)]

    cases: list[Pieces] = []
    for dim in range(len(operand.shape)):
        target = None if dim in numbers.collapsed_slice_dims or dim in batching else next(offsets)
        within = Affine() if target is None else axis(target)
        if dim in batching:
            cases.append(integers.always(batch[batching[dim]]))
            continue
        if dim not in numbers.start_index_map:
            cases.append(integers.always(within))
            continue
        start = _component(indices, numbers.start_index_map.index(dim), batch, shape)
        last = operand.shape[dim] - window[dim]
        if not _is_inside(start, last, shape):
            if "CLIP" not in str(operation.params["mode"]).upper():
                raise Unreadable("an index that may be out of range")
            raised = integers.combine(start, _fixed(0, shape), shape, integers.maximum)
            start = integers.combine(raised, _fixed(last, shape), shape, integers.minimum)
        cases.append(tuple((predicate, value + within) for predicate, value in start.pieces))
    chosen = [
        (
            conjunction(*(predicate for predicate, _ in combination)),
            reindex(operand, [value for _, value in combination], shape),
        )
        for combination in product(*cases)
    ]
    return [choose(chosen, shape)]


def _gather_by_number(
    operation: Operation, operand: Array, indices: RealArray, batch: list[Affine], batching: dict[int, int]
) -> Array:
    """A gather of single elements along one axis, at an index that depends on numbers; along others the index may be
    one that does not."""
    numbers, shape = operation.params["dimension_numbers"], operation.shape
    window: Shape = tuple(operation.params["slice_sizes"])
    offsets = iter(numbers.offset_dims)
    rest: dict[int, Affine] = {}
    by_number: list[tuple[int, RealArray]] = []
    for dim in range(len(operand.shape)):
        target = None if dim in numbers.collapsed_slice_dims or dim in batching else next(offsets)
        if dim not in numbers.start_index_map:
            rest[dim] = batch[batching[dim]] if dim in batching else Affine() if target is None else axis(target)
            continue
        index = _at_component(indices, batch, numbers.start_index_map.index(dim), shape)
        if isinstance(index.node, IndexNumber):
            start = IntegerArray(shape, integers.always(index.node.index))
            if not _is_inside(start, operand.shape[dim] - window[dim], shape):
                raise Unreadable("an index that may be out of range")
            rest[dim] = index.node.index + (Affine() if target is None else axis(target))
        elif window[dim] == 1:
            by_number.append((dim, index))
    if len(by_number) != 1:
        raise Unreadable("an index that is data")
    ((along, number),) = by_number
    return read_at_number(operand, along, number, rest, shape)


def _at_component(indices: RealArray, batch: list[Affine], component: int, shape: Shape) -> RealArray:
    """One of the indices that stand side by side: what was put together from several parts is taken apart again."""
    found = reindex(indices, [*batch, Affine((), component)], shape)
    assert isinstance(found, RealArray)
    node = found.node
    while isinstance(node, Reindex) and isinstance(body := node.body, Select):
        here = decide(substitute(body.predicate, node.mapping), shape)
        if here is None:
            break
        node = reindex_node(body.chosen if here else body.other, node.mapping, ranges_of(shape))
    return RealArray(shape, node)


def _batching(numbers: Any, side: str) -> tuple[int, ...]:
    return tuple(getattr(numbers, f"{side}_batching_dims", ()))


_COMBINE: dict[str, Callable[[Node, Node], Node]] = {
    "scatter-add": lambda old, new: apply("add", old, new),
    "scatter-mul": lambda old, new: apply("mul", old, new),
    "scatter-min": lambda old, new: apply("minimum", old, new),
    "scatter-max": lambda old, new: apply("maximum", old, new),
    "scatter-sub": lambda old, new: apply("sub", old, new),
}


@handles("scatter", *_COMBINE, *(name.replace("-", "_") for name in _COMBINE))
def scatter(operation: Operation, _machine: Machine) -> list[Array]:
    operand, indices, updates = operation.inputs
    if operation.name == "scatter" and operation.params.get("update_jaxpr") is not None:
        # `.at[…].apply(f)`: the update itself counts for nothing
        raise Unreadable("an update by a function of what stands there")
    if isinstance(indices, IntegerArray) and integers.reads_data(indices):
        return [_scatter_by_data(operation, operand, indices, updates)]
    try:
        return [_scatter_affine(operation, operand, indices, updates)]
    except _NoInverse:
        if not isinstance(indices, IntegerArray):
            raise
        return [_scatter_by_data(operation, operand, indices, updates)]


class _NoInverse(Unreadable):
    """Several updates may land on one element."""


def _scatter_affine(operation: Operation, operand: Array, indices: Array, updates: Array) -> Array:
    shape = operation.shape
    numbers = operation.params["dimension_numbers"]
    batch_sizes = indices.shape[:-1]
    batching = dict(zip(_batching(numbers, "operand"), _batching(numbers, "scatter_indices"), strict=True))
    window_axes = iter(numbers.update_window_dims)
    scatter_axes = [a for a in range(len(updates.shape)) if a not in numbers.update_window_dims]

    # Element = start(update) + place in the window: which update and which place?
    update_index = [Affine()] * len(updates.shape)
    sizes: dict[str, Size] = {f"$b{number}": size for number, size in enumerate(batch_sizes)}
    renamed = {axis_variable(number): Affine.variable(name) for number, name in enumerate(sizes)}
    equations: list[Equation] = []
    for dim in range(len(shape)):
        target = None if dim in numbers.inserted_window_dims or dim in batching else next(window_axes)
        length = 1 if target is None else updates.shape[target]
        if dim in batching:
            equations.append((Affine.variable(f"$b{batching[dim]}"), axis(dim)))
            continue
        start = _start(indices, numbers.scatter_dims_to_operand_dims, dim, batch_sizes, shape[dim] - length)
        if target is not None and same_size(length, shape[dim]):
            update_index[target] = axis(dim)
            continue
        within = Affine()
        if target is not None:
            sizes[f"$w{target}"] = length
            within = update_index[target] = Affine.variable(f"$w{target}")
        equations.append((start.substitute(renamed) + within, axis(dim)))
    try:
        inverse = invert(equations, sizes)
    except Unreadable as problem:
        raise _NoInverse(str(problem)) from None
    for number, scatter_axis in enumerate(scatter_axes):
        update_index[scatter_axis] = Affine.variable(f"$b{number}")

    inside = inverse.condition
    update_index = [index.substitute(inverse.solution) for index in update_index]
    moved = reindex(updates, update_index, shape)
    name = operation.name.replace("_", "-")
    if name in _COMBINE:
        if not isinstance(operand, RealArray):
            raise Unreadable(f"{name} of integers")
        changed = _COMBINE[name](operand.node, as_node(moved))
        return RealArray(shape, select_node(inside, changed, operand.node, shape))
    return overlaid(inside, moved, operand, shape)


_REDUCTIONS = {
    "scatter": None,
    "scatter-add": "sum",
    "scatter-mul": "prod",
    "scatter-min": "min",
    "scatter-max": "max",
}


def _scatter_by_data(operation: Operation, operand: Array, indices: IntegerArray, updates: Array) -> Array:
    """Updates that land where data say: for every element of the operand, those that hit it."""
    name = operation.name.replace("_", "-")
    if name not in _REDUCTIONS or not isinstance(operand, RealArray):
        raise Unreadable(f"{name} of these operands at indices that are data")
    shape = operation.shape
    numbers = operation.params["dimension_numbers"]
    window_axes = iter(numbers.update_window_dims)
    scatter_axes = [a for a in range(len(updates.shape)) if a not in numbers.update_window_dims]
    batching = dict(zip(_batching(numbers, "operand"), _batching(numbers, "scatter_indices"), strict=True))
    bound: Axes = {}
    place: dict[int, Affine] = {}
    for update_axis in range(len(updates.shape)):
        variable = f"$w{update_axis}"
        bound[variable] = bounds(0, updates.shape[update_axis])
        place[update_axis] = Affine.variable(variable)
    batch = [place[a] for a in scatter_axes]
    hits: list[Predicate] = []
    for dim in range(len(shape)):
        target = None if dim in numbers.inserted_window_dims or dim in batching else next(window_axes)
        length = 1 if target is None else updates.shape[target]
        if dim in batching:
            hits.append(compare(axis(dim), "==", batch[batching[dim]]))
            continue
        if dim not in numbers.scatter_dims_to_operand_dims:
            if target is None or not same_size(updates.shape[target], shape[dim]):
                raise Unreadable("an update of a part of an axis")
            del bound[f"$w{target}"]
            place[target] = axis(dim)
            continue
        component = numbers.scatter_dims_to_operand_dims.index(dim)
        own = [axis(a) for a in range(len(indices.shape) - 1)]
        start = _component(indices, component, own, indices.shape[:-1])
        drops = "DROP" in str(operation.params.get("mode", "")).upper() and is_fixed(length, 1)
        # what would land outside is dropped: it hits no element
        if not drops and not _is_inside(start, shape[dim] - length, indices.shape[:-1]):
            raise Unreadable("an update that may be out of range")
        within = Affine() if target is None else place[target]
        moved = {axis_variable(a): index for a, index in enumerate(batch)}
        hits.append(
            disjunction(
                *(
                    conjunction(substitute(region, moved), compare(axis(dim), "==", value.substitute(moved) + within))
                    for region, value in regions(start.pieces)
                )
            )
        )
    ranges = {**ranges_of(shape), **bound}
    names = {axis_variable(a): index for a, index in place.items()}
    body = reindex_node(as_node(updates), names, ranges)
    predicate = conjunction(*hits)
    reduction = _REDUCTIONS[name]
    if reduction is None:
        node: Node = Scatter(bound, predicate, body, operand.node, ranges)
    else:
        outer = {v: b for v, b in ranges.items() if v not in bound}
        node = apply(COMBINED[reduction], operand.node, reduce(reduction, bound, body, predicate, outer))
    return RealArray(shape, node)


def _start(indices: Array, scattered: tuple[int, ...], dim: int, batch_sizes: Shape, last: Size) -> Affine:
    """The start of a window along a dim of the operand, over the axes of the index array."""
    if dim not in scattered:
        return Affine()
    batch = [axis(a) for a in range(len(batch_sizes))]
    start = _component(indices, scattered.index(dim), batch, batch_sizes)
    if len(start.pieces) != 1:
        raise _NoInverse("an update at indices that are not affine")
    if not _is_inside(start, last, batch_sizes):
        raise Unreadable("an update that may be out of range")
    value = start.pieces[0][1]
    # An axis of size 1 has the one index 0.
    return value.substitute({axis_variable(a): Affine() for a, size in enumerate(batch_sizes) if is_fixed(size, 1)})
