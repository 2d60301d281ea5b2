"""Indexing with arrays of integers: reads that copy, writes, and the functions that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import in_range
from stile_engine.index.sets import IndexSet, range_within
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import (
    OPERATIONS,
    Origin,
    SymbolicArray,
    as_array,
    broadcast_to,
    common_shape,
    expanded_keys,
    fresh,
    noted,
    view_at,
)
from stile_engine.numpy.plain.elements import (
    Elements,
    Integer,
    Real,
    Shape,
    as_node,
    axis_index,
    axis_name,
    ranges_of,
    substituted,
)
from stile_engine.numpy.plain.elementwise import operation, reject, write
from stile_engine.term.expression import Axes, Node, NoValue, Reindex, bounds, select
from stile_engine.term.scattering import Place, checked, scattered


class Advanced:
    """Which axes of an array are indexed by arrays of integers, and where the axes of the result come from.

    ``view`` is the array after its slices, one axis for each key. The index arrays are broadcast to ``shape``,
    whose axes stand at ``at`` in the result; all other axes keep their order.
    """

    def __init__(self, array: SymbolicArray, key: Any) -> None:
        keys = expanded_keys(array, key)
        arrays = {i: _index_array(k) for i, k in enumerate(keys) if not isinstance(k, slice) and k is not None}
        self.view = view_at(array, tuple(slice(None) if i in arrays else k for i, k in enumerate(keys)))
        self.axes = sorted(arrays)
        self.shape: Shape = common_shape(list(arrays.values()))
        self.kept = [a for a in range(self.view.ndim) if a not in arrays]
        together = self.axes == list(range(self.axes[0], self.axes[-1] + 1))
        self.at = self.axes[0] if together else 0
        self.values = [_indices_of(arrays[a], self.shape, self.view.shape[a]) for a in self.axes]
        sizes = [self.view.shape[a] for a in self.kept]
        self.result: Shape = (*sizes[: self.at], *self.shape, *sizes[self.at :])

    def place(self, axis: int) -> int:
        """The axis of the result that a kept axis of the view becomes."""
        number = self.kept.index(axis)
        return number if number < self.at else number + len(self.shape)

    def indices(self, renaming: dict[str, Affine]) -> list[Affine]:
        """The index along each indexed axis, over the variables that stand for the axes of ``shape``."""
        return [value.substitute(renaming) for value in self.values]

    def result_names(self) -> dict[str, Affine]:
        rank, own = len(self.result), len(self.shape)
        return {axis_name(a, own): axis_index(self.at + a, rank) for a in range(own)}


def _index_array(key: Any) -> SymbolicArray:
    found = as_array(key)
    if found.dtype.kind == "b":
        context.unsupported("an array read at a boolean mask has a size that is not known")
    if found.dtype.kind not in "iu":
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    return found


def _indices_of(array: SymbolicArray, shape: Shape, size: int) -> Affine:
    """The elements of an index array, counted from the start of the axis."""
    match broadcast_to(array, shape).elements:
        case Integer(value):
            return from_start(value, ranges_of(shape), size)
    context.unsupported("an index array that is neither an input nor an expression of indices is not modelled")


def from_start(value: Affine, ranges: Axes, size: int) -> Affine:
    """The index, with one that counts from the end counted from the start."""
    low, high = range_within(value, IndexSet.box(ranges))
    if low is not None and low >= 0:
        return value
    if low is not None and low >= -size and high is not None and high < 0:
        return value + size
    context.unsupported(
        f"NumPy counts the negative ones of these indices from the end: expected indices that are declared to lie in "
        f"0 … {size - 1}, as with assume='I in N'"
    )


def read_at(array: SymbolicArray, key: Any) -> SymbolicArray:
    """``array[key]`` where the key holds arrays of integers: a new array."""
    advanced = Advanced(array, key)
    view, rank = advanced.view, len(advanced.result)
    names = advanced.result_names()
    mapping = {axis_name(a, view.ndim): axis_index(advanced.place(a), rank) for a in advanced.kept}
    for axis, index in zip(advanced.axes, advanced.indices(names), strict=True):
        mapping[axis_name(axis, view.ndim)] = index
    elements = _read(view, mapping, advanced)
    origins: list[Origin | None] = [None] * rank
    for axis in advanced.kept:
        origins[advanced.place(axis)] = view.origins[axis]
    return noted(fresh(elements, advanced.result, view.dtype, tuple(origins), fits=True))


def _read(view: SymbolicArray, mapping: dict[str, Affine], advanced: Advanced) -> Elements:
    ranges = ranges_of(advanced.result)
    found = view.elements
    if not isinstance(found, Real):
        for axis in advanced.axes:
            _must_lie_inside(mapping[axis_name(axis, view.ndim)], ranges, view.shape[axis])
        return substituted(found, mapping, ranges)
    used = {v: e for v, e in mapping.items() if v in found.node.axes}
    node: Node = Reindex(found.node, used, ranges) if used else found.node
    for axis in advanced.axes:
        name = axis_name(axis, view.ndim)
        if name not in used:
            inside = in_range(mapping[name], 0, view.shape[axis])
            node = select(inside, node, NoValue("read out of bounds"), ranges)
    return Real(node)


def _must_lie_inside(index: Affine, ranges: Axes, size: int) -> None:
    low, high = range_within(index, IndexSet.box(ranges))
    if low is None or low < 0 or high is None or high >= size:
        context.unsupported(
            f"integers are read at an index that may leave 0 … {size - 1}: expected one that is declared to lie there"
        )


def write_at(target: SymbolicArray, key: Any, value: Any, reduction: str | None = None) -> None:
    """``target[key] = value`` where the key holds arrays of integers; with a reduction, repeats are combined."""
    advanced = Advanced(target, key)
    view, rank = advanced.view, len(advanced.result)
    source = as_array(value, target.dtype)
    if view.dtype.kind != "f":
        context.unsupported("a write to an integer array at indices that data give is not modelled")
    written = as_node(broadcast_to(source, advanced.result).elements, advanced.result)
    own = len(advanced.shape)
    bound: Axes = {f"$w{a}": bounds(0, n) for a, n in enumerate(advanced.shape)}
    names = {axis_name(a, own): Affine.variable(f"$w{a}") for a in range(own)}
    ranges = {**ranges_of(view.shape), **bound}
    to_target = {axis_name(advanced.place(a), rank): axis_index(a, view.ndim) for a in advanced.kept}
    to_bound = {axis_name(advanced.at + a, rank): Affine.variable(f"$w{a}") for a in range(own)}
    mapping = {v: e for v, e in {**to_target, **to_bound}.items() if v in written.axes}
    body: Node = Reindex(written, mapping, ranges) if mapping else written
    places = [
        Place(axis_name(axis, view.ndim), bounds(0, view.shape[axis]), index)
        for axis, index in zip(advanced.axes, advanced.indices(names), strict=True)
    ]
    node = scattered(bound, places, body, view.node, ranges, reduction)
    write(view, fresh(Real(checked(node, bound, places, ranges)), view.shape, view.dtype))


OPERATIONS["read_at"] = read_at
OPERATIONS["write_at"] = write_at


@operation("take")
def take(a: Any, indices: Any, axis: int | None = None, **options: Any) -> SymbolicArray:
    if options.pop("mode", "raise") != "raise":
        context.unsupported("numpy.take is modelled with mode='raise' only")
    reject("take", options)
    array = as_array(a)
    if axis is None:
        array, axis = OPERATIONS["ravel"](array), 0
    axis = axis + array.ndim if axis < 0 else axis
    index = as_array(indices)
    return read_at(array, (*(slice(None) for _ in range(axis)), index))


@operation("take_along_axis")
def take_along_axis(arr: Any, indices: Any, axis: int = -1) -> SymbolicArray:
    array, index = as_array(arr), as_array(indices)
    return read_at(array, _along(array, index, axis))


def _along(array: SymbolicArray, index: SymbolicArray, axis: int) -> tuple[Any, ...]:
    if array.ndim != index.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = axis + array.ndim if axis < 0 else axis
    keys: list[Any] = []
    for a in range(array.ndim):
        if a == axis:
            keys.append(index)
            continue
        own = fresh(Integer(axis_index(0, 1)), (array.shape[a],), np.dtype(np.int64))
        shape = tuple(array.shape[a] if b == a else 1 for b in range(array.ndim))
        keys.append(OPERATIONS["reshape"](own, shape))
    return tuple(keys)


def _at(name: str, reduction: str) -> None:
    @operation(name)
    def function(a: Any, indices: Any, b: Any) -> None:
        write_at(as_array(a), indices, b, reduction)


for _name, _reduction in {
    "add.at": "sum",
    "multiply.at": "prod",
    "maximum.at": "max",
    "minimum.at": "min",
}.items():
    _at(_name, _reduction)


def checked_item(key: Any, size: int) -> Affine | None:
    """A single index that data give, where the key is one: it lies inside the axis."""
    if not isinstance(key, SymbolicArray) or key.shape:
        return None
    match key.elements:
        case Integer(value) if not value.is_constant:
            index = from_start(value, {}, size)
            _must_lie_inside(index, {}, size)
            return index
    return None


OPERATIONS["checked_item"] = checked_item
