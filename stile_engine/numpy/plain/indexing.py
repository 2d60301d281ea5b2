"""Indexing with arrays of integers: reads that copy, writes, and the functions that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stile_engine.array.facts import fits, is_whole
from stile_engine.index.affine import Affine
from stile_engine.index.data_questions import range_within
from stile_engine.index.predicate import Predicate, conjunction, in_range
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import Size, SymbolicInteger
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import (
    OPERATIONS,
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
from stile_engine.numpy.plain.layout import lies_in_rows
from stile_engine.numpy.plain.storage import Buffer
from stile_engine.numpy.plain.structure import holds_symbolic
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import Axes, IndexNumber, Node, NoValue, Reindex, bounds, select
from stile_engine.term.expression import reduce as reduce_node
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
        self.leads_in_rows = together and self.at == 0 and all(lies_in_rows(a.store) for a in arrays.values())
        """Whether the result lies row after row in memory where the array does; NumPy puts indexed axes first."""
        self.numbers: dict[str, tuple[Node, Size]] = {}
        """Indices that depend on numbers, by the variable that stands for each; they lie inside the axis."""
        self.values = [self._indices(arrays[a], self.view.shape[a]) for a in self.axes]
        sizes = [self.view.shape[a] for a in self.kept]
        self.result: Shape = (*sizes[: self.at], *self.shape, *sizes[self.at :])

    def _indices(self, array: SymbolicArray, size: Size) -> Affine:
        """The elements of an index array, counted from the start of the axis."""
        match broadcast_to(array, self.shape).elements:
            case Integer(value):
                return from_start(value, ranges_of(self.shape), size)
            case Real(node) if isinstance(size, int) and is_whole(node) and fits(node, 0, size - 1):
                name = context.bound_variable()
                self.numbers[name] = (node, size)
                return Affine.variable(name)
        context.unsupported("an index array that is neither an input nor an expression of indices is not modelled")

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


def from_start(value: Affine, ranges: Axes, size: Size) -> Affine:
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


@dataclass(frozen=True, slots=True)
class _Run:
    """Places ``start``, ``start + 1`` … of a list of indices along which every index of the key is affine."""

    start: int
    length: int
    keys: dict[int, SymbolicArray]


MOST_RUNS = 64


def _runs(array: SymbolicArray, keys: list[Any]) -> list[_Run] | None:
    """A key whose indices are all lists of numbers, cut into affine runs; None for other keys."""
    lists = {i: _numbers(k) for i, k in enumerate(keys) if not isinstance(k, slice) and k is not None}
    if not all(isinstance(k, np.ndarray) for k in lists.values()):
        return None
    shapes = {k.shape for k in lists.values() if k is not None and k.shape}
    if len(shapes) != 1 or len(length := shapes.pop()) != 1:
        return None
    axes = dict(zip((i for i, k in enumerate(keys) if k is not None), range(array.ndim), strict=True))
    counted: dict[int, np.ndarray] = {}
    for i, given in lists.items():
        assert given is not None
        size = array.shape[axes[i]]
        if given.size and (given.min() < -size or given.max() >= size):
            wrong = next(int(g) for g in given if not -size <= g < size)
            raise IndexError(f"index {wrong} is out of bounds for axis {axes[i]} with size {size}")
        counted[i] = np.broadcast_to(np.where(given < 0, given + size, given), length)
    found: list[_Run] = []
    start = 0
    while start < length[0]:
        end = min(start + 2, length[0])
        while end < length[0] and all(c[end] - c[end - 1] == c[start + 1] - c[start] for c in counted.values()):
            end += 1
        affine = {i: _progression(c[start:end]) for i, c in counted.items()}
        found.append(_Run(start, end - start, affine))
        start = end
    return found


def _numbers(key: Any) -> np.ndarray | None:
    """An index that is a number or an array of them, as it stands in the text."""
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        return np.asarray(int(key))
    if isinstance(key, (list, np.ndarray)) and not holds_symbolic(key):
        found = np.asarray(key)
        return found if found.dtype.kind in "iu" or not found.size else None
    if isinstance(key, SymbolicArray) and isinstance(key.store, Buffer) and key.store.numbers is not None:
        return key.store.numbers
    if isinstance(key, SymbolicArray) and isinstance(key.size, SymbolicInteger):
        return None
    if isinstance(key, SymbolicArray) and key.ndim == 1 and key.dtype.kind in "iu" and key.size <= MOST_RUNS:
        match key.elements:
            case Integer(value) if not value.variables - {axis_name(0, 1)}:
                return np.array([value.substitute({axis_name(0, 1): Affine.of(i)}).constant for i in range(key.size)])
    return None


def _progression(numbers: np.ndarray) -> SymbolicArray:
    step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 0
    return fresh(Integer(axis_index(0, 1) * step + int(numbers[0])), (len(numbers),), np.dtype(np.int64))


def _with_keys(keys: list[Any], replaced: Mapping[int, Any]) -> tuple[Any, ...]:
    return tuple(replaced.get(i, k) for i, k in enumerate(keys))


def read_at(array: SymbolicArray, key: Any) -> SymbolicArray:
    """``array[key]`` where the key holds arrays of integers: a new array."""
    keys = expanded_keys(array, key)
    runs = _runs(array, keys)
    if runs is None or len(runs) == 1:
        return _read_affine(array, key if runs is None else _with_keys(keys, runs[0].keys))
    if not runs or len(runs) > MOST_RUNS:
        context.unsupported("an array read at a long list of indices without a pattern is not modelled")
    parts = [_read_affine(array, _with_keys(keys, run.keys)) for run in runs]
    along = Advanced(array, _with_keys(keys, runs[0].keys)).at
    return OPERATIONS["concatenate"](parts, along)  # type: ignore[no-any-return]


def _read_affine(array: SymbolicArray, key: Any) -> SymbolicArray:
    advanced = Advanced(array, key)
    view, rank = advanced.view, len(advanced.result)
    names = advanced.result_names()
    mapping = {axis_name(a, view.ndim): axis_index(advanced.place(a), rank) for a in advanced.kept}
    for axis, index in zip(advanced.axes, advanced.indices(names), strict=True):
        mapping[axis_name(axis, view.ndim)] = index
    made = fresh(_read(view, mapping, advanced), advanced.result, view.dtype, fits=True)
    if not (advanced.leads_in_rows and lies_in_rows(array.store)):
        made.store.strides = None
    return noted(made)


def _read(view: SymbolicArray, mapping: dict[str, Affine], advanced: Advanced) -> Elements:
    if advanced.numbers:
        return _read_by_numbers(view, mapping, advanced)
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


def _read_by_numbers(view: SymbolicArray, mapping: dict[str, Affine], advanced: Advanced) -> Elements:
    """The sum over all places of an axis of what stands at the one that is the index."""
    bound: Axes = {name: bounds(0, size) for name, (_, size) in advanced.numbers.items()}
    outer = ranges_of(advanced.result)
    ranges = {**outer, **bound}
    names = advanced.result_names()
    conditions: list[Predicate] = []
    for name, (node, _) in advanced.numbers.items():
        moved = Reindex(node, {v: e for v, e in names.items() if v in node.axes}, outer)
        conditions.append(compare_values(moved, "==", IndexNumber(Affine.variable(name), ranges)))
    for axis in advanced.axes:
        index = mapping[axis_name(axis, view.ndim)]
        if not index.variables & bound.keys():
            _must_lie_inside(index, outer, view.shape[axis])
    whole = as_node(view.elements, view.shape)
    body: Node = Reindex(whole, {v: e for v, e in mapping.items() if v in whole.axes}, ranges)
    return Real(reduce_node("sum", bound, body, conjunction(*conditions), ranges))


def within(index: Affine, ranges: Axes, size: Size, who: str) -> None:
    """Stop where an index is not known to lie in ``0 … size - 1``."""
    low, high = range_within(index, IndexSet.box(ranges))
    if low is None or low < 0 or high is None or high >= size:
        context.unsupported(f"{who} needs indices that are declared to lie in 0 … {size - 1}, as with assume='I in N'")


OPERATIONS["within"] = within


def _must_lie_inside(index: Affine, ranges: Axes, size: Size) -> None:
    low, high = range_within(index, IndexSet.box(ranges))
    if low is None or low < 0 or high is None or high >= size:
        context.unsupported(
            f"integers are read at an index that may leave 0 … {size - 1}: expected one that is declared to lie there"
        )


def write_at(target: SymbolicArray, key: Any, value: Any, reduction: str | None = None) -> None:
    """``target[key] = value`` where the key holds arrays of integers; with a reduction, repeats are combined."""
    keys = expanded_keys(target, key)
    runs = _runs(target, keys)
    if runs is None:
        _write_affine(target, key, value, reduction)
        return
    if len(runs) > MOST_RUNS:
        context.unsupported("a write to a long list of indices without a pattern is not modelled")
    if not runs:
        return
    advanced = Advanced(target, _with_keys(keys, runs[0].keys))
    source = as_array(value, target.dtype)
    # The axis of the list in the value, counted from the right; the list may be longer than this one run.
    back = len(advanced.result) - advanced.at
    several = source.ndim >= back and source.shape[-back] != 1
    for run in runs:
        part = source
        if several:
            cut = slice(run.start, run.start + run.length)
            part = view_at(source, (*(slice(None) for _ in range(source.ndim - back)), cut))
        _write_run(target, keys, run, part, reduction)


def _write_run(target: SymbolicArray, keys: list[Any], run: _Run, value: SymbolicArray, reduction: str | None) -> None:
    """In order, as NumPy writes: of places that repeat, the last one counts."""
    if len(run.keys) == 1 and reduction is None:
        ((number, index),) = run.keys.items()
        match index.elements:
            case Integer(places):
                first = places.substitute({axis_name(0, 1): Affine()}).constant
                step = places.coefficient(axis_name(0, 1))
                if step:
                    last = first + step * run.length
                    key = slice(first, last if last >= 0 else None, step)
                    write(view_at(target, _with_keys(keys, {number: key})), value)
                    return
                if run.length > 1:
                    context.unsupported("several writes to one place are not modelled")
                write(view_at(target, _with_keys(keys, {number: slice(first, first + 1)})), value)
                return
    _write_affine(target, _with_keys(keys, run.keys), value, reduction)


def _write_affine(target: SymbolicArray, key: Any, value: Any, reduction: str | None) -> None:
    advanced = Advanced(target, key)
    if advanced.numbers:
        context.unsupported("a write at an index that depends on numbers is not modelled")
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


def checked_item(key: Any, size: Size) -> Affine | None:
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
