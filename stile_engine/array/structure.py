"""Primitives that move elements: which element of the operand stands at an index of the result."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    Unreadable,
    axis,
    index_number,
    reindex,
)
from stile_engine.array.arrays import (
    integers as integer_array,
)
from stile_engine.array.choice import beside, choose, join, overlaid
from stile_engine.array.elementwise import is_float
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.array.reductions import read_at_number
from stile_engine.array.sizes import product
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, compare, conjunction, in_range
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed, same_size


@handles("iota")
def iota(operation: Operation, _machine: Machine) -> list[Array]:
    shape = operation.shape
    index = axis(int(operation.params["dimension"]))
    if is_float(operation.dtypes[0]):
        return [RealArray(shape, index_number(index, shape))]
    return [integer_array(shape, index)]


@handles("broadcast_in_dim")
def broadcast(operation: Operation, _machine: Machine) -> list[Array]:
    operand, shape = operation.inputs[0], operation.shape
    positions = operation.params["broadcast_dimensions"]
    indices: list[Affine] = []
    for source, target in enumerate(positions):
        if same_size(operand.shape[source], shape[target]):
            indices.append(axis(target))
        elif is_fixed(operand.shape[source], 1):
            indices.append(Affine())
        else:
            raise Unreadable("an array widened along an axis whose size may be 1")
    return [reindex(operand, indices, shape)]


@handles("transpose")
def transpose(operation: Operation, _machine: Machine) -> list[Array]:
    operand, permutation = operation.inputs[0], operation.params["permutation"]
    indices = [Affine()] * len(permutation)
    for target, source in enumerate(permutation):
        indices[source] = axis(target)
    return [reindex(operand, indices, operation.shape)]


@handles("squeeze", "reshape")
def reshape(operation: Operation, _machine: Machine) -> list[Array]:
    operand = operation.inputs[0]
    if operation.params.get("dimensions") is not None and operation.name == "reshape":
        raise Unreadable("a reshape that also transposes")
    return [reindex(operand, reshaped_indices(operand, operation.shape), operation.shape)]


def reshaped_indices(operand: Array, shape: Shape) -> list[Affine]:
    """Row-major: axes are split and merged within groups whose sizes have equal products.

    A symbolic size is compared as an expression, so groups are equal for all sizes or not at all.
    """
    try:
        return _reshaped_indices(operand, shape)
    except ValueError as error:
        raise Unreadable("a reshape that splits or merges axes at a symbolic size") from error


def _reshaped_indices(operand: Array, shape: Shape) -> list[Affine]:
    old, new = operand.shape, shape
    indices = [Affine()] * len(old)
    if any(is_fixed(size, 0) for size in old):
        return indices
    old_axes = [a for a, size in enumerate(old) if not is_fixed(size, 1)]
    new_axes = [a for a, size in enumerate(new) if not is_fixed(size, 1)]
    while old_axes:
        take_old, take_new = [old_axes.pop(0)], [new_axes.pop(0)]
        while not same_size(have := product([old[a] for a in take_old]), want := product([new[a] for a in take_new])):
            if have < want:
                take_old.append(old_axes.pop(0))
            else:
                take_new.append(new_axes.pop(0))
        if len(take_old) == len(take_new) == 1:
            indices[take_old[0]] = axis(take_new[0])
            continue
        flat = Affine()
        for a in take_new:
            flat = flat * new[a] + axis(a)
        for a in reversed(take_old[1:]):
            indices[a] = flat % old[a]
            flat = flat // old[a]
        indices[take_old[0]] = flat
    return indices


@handles("rev")
def reverse(operation: Operation, _machine: Machine) -> list[Array]:
    operand, shape = operation.inputs[0], operation.shape
    flipped = set(operation.params["dimensions"])
    indices = [shape[a] - 1 - axis(a) if a in flipped else axis(a) for a in range(len(shape))]
    return [reindex(operand, indices, shape)]


@handles("roll")
def roll(operation: Operation, _machine: Machine) -> list[Array]:
    """``y[i] = x[(i - shift) % n]`` along one axis."""
    operand, shift = operation.inputs
    along = int(operation.params["axis"])
    if operation.params.get("stride") is not None:
        raise Unreadable("a roll whose shift differs from row to row")
    size = operation.shape[along]
    if not isinstance(shift, IntegerArray) or isinstance(size, SymbolicInteger):
        raise Unreadable("a roll by a number that is data, or of a symbolic size")
    cases: list[tuple[Predicate, Array]] = []
    for predicate, value in shift.pieces:
        indices = [(axis(a) - value) % size if a == along else axis(a) for a in range(len(operation.shape))]
        cases.append((predicate, reindex(operand, indices, operation.shape)))
    return [choose(cases, operation.shape)]


@handles("slice")
def static_slice(operation: Operation, _machine: Machine) -> list[Array]:
    operand = operation.inputs[0]
    starts = operation.params["start_indices"]
    strides = operation.params["strides"] or (1,) * len(starts)
    return [_sliced(operand, starts, strides, operation.shape)]


def _sliced(operand: Array, starts: Sequence[Size], strides: Sequence[int], shape: Shape) -> Array:
    indices = [axis(a) * strides[a] + starts[a] for a in range(len(shape))]
    return reindex(operand, indices, shape)


@handles("split")
def split(operation: Operation, _machine: Machine) -> list[Array]:
    operand, along = operation.inputs[0], int(operation.params["axis"])
    found: list[Array] = []
    start: Size = 0
    for size, shape in zip(operation.params["sizes"], operation.shapes, strict=True):
        starts = [start if a == along else 0 for a in range(len(shape))]
        found.append(_sliced(operand, starts, (1,) * len(shape), shape))
        start += size
    return found


def _clamped_starts(starts: Sequence[Array], sizes: Shape, window: Shape) -> list[IntegerArray]:
    """A start index is clamped so that the window lies inside the operand."""
    found: list[IntegerArray] = []
    for start, size, length in zip(starts, sizes, window, strict=True):
        if not isinstance(start, IntegerArray):
            raise Unreadable("a slice that starts at an index that is data")
        low, high = (IntegerArray((), integers.always(Affine.of(value))) for value in (0, size - length))
        raised = integers.combine(start, low, (), integers.maximum)
        found.append(integers.combine(raised, high, (), integers.minimum))
    return found


@handles("dynamic_slice")
def dynamic_slice(operation: Operation, _machine: Machine) -> list[Array]:
    operand, *starts = operation.inputs
    shape = operation.shape
    by_number = [a for a, start in enumerate(starts) if isinstance(start, RealArray)]
    if len(by_number) == 1 and is_fixed(shape[by_number[0]], 1):
        return [_sliced_at_number(operand, starts, by_number[0], shape)]
    clamped = _clamped_starts(starts, operand.shape, shape)
    fixed = [start.constant for start in clamped]
    if all(start is not None for start in fixed):
        return [_sliced(operand, [start or 0 for start in fixed], (1,) * len(fixed), shape)]
    cases: list[tuple[Predicate, Array]] = []
    for combination in combinations(*(start.pieces for start in clamped)):
        condition = conjunction(*(predicate for predicate, _ in combination))
        indices = [axis(a) + start for a, (_, start) in enumerate(combination)]
        cases.append((condition, reindex(operand, indices, shape)))
    return [choose(cases, shape)]


def _sliced_at_number(operand: Array, starts: Sequence[Array], along: int, shape: Shape) -> Array:
    """One element along an axis, at an index that depends on numbers and lies in the axis."""
    index = starts[along]
    assert isinstance(index, RealArray)
    others = [s for a, s in enumerate(starts) if a != along]
    sizes = [tuple(n for a, n in enumerate(of) if a != along) for of in (operand.shape, shape)]
    clamped = iter(_clamped_starts(others, *sizes))
    rest: dict[int, Affine] = {}
    for a in range(len(shape)):
        if a != along:
            start = next(clamped)
            if len(start.pieces) != 1:
                raise Unreadable("a slice that starts at an index that may be clamped")
            rest[a] = axis(a) + start.pieces[0][1]
    wide = reindex(index, [], shape)
    assert isinstance(wide, RealArray)
    return read_at_number(operand, along, wide, rest, shape)


@handles("dynamic_update_slice")
def dynamic_update_slice(operation: Operation, _machine: Machine) -> list[Array]:
    operand, update, *starts = operation.inputs
    shape = operation.shape
    clamped = _clamped_starts(starts, shape, update.shape)
    fixed = [start.pieces[0][1] for start in clamped]
    if any(len(start.pieces) > 1 for start in clamped):
        raise Unreadable("an update that starts at an index that may be clamped")
    inside = conjunction(*(_within(a, fixed[a], update.shape[a], shape[a]) for a in range(len(shape))))
    moved = reindex(update, [axis(a) - fixed[a] for a in range(len(shape))], shape)
    return [overlaid(inside, moved, operand, shape)]


def _within(number: int, start: Affine, length: Size, size: Size) -> Predicate:
    return ALWAYS if same_size(length, size) else in_range(axis(number), start, start + length)


@handles("concatenate")
def concatenate(operation: Operation, _machine: Machine) -> list[Array]:
    along, shape = int(operation.params["dimension"]), operation.shape
    starts = [sum(p.shape[along] for p in operation.inputs[:k]) for k in range(len(operation.inputs))]
    parts = [
        reindex(part, [axis(a) - start if a == along else axis(a) for a in range(len(shape))], shape)
        for part, start in zip(operation.inputs, starts, strict=True)
    ]
    kept = [k for k, part in enumerate(operation.inputs) if not is_fixed(part.shape[along], 0)] or [0]
    beside([operation.inputs[k] for k in kept], along, shape)
    return [join([parts[k] for k in kept], [starts[k] for k in kept], along, shape)]


@handles("stack")
def stack(operation: Operation, _machine: Machine) -> list[Array]:
    along, shape = int(operation.params["axis"]), operation.shape
    return [stacked(operation.inputs, along, shape)]


def stacked(parts: Sequence[Array], along: int, shape: Shape) -> Array:
    """Parts of one shape, one after the other along a new axis."""
    indices = [axis(a) for a in range(len(shape)) if a != along]
    wide = [reindex(part, indices, shape) for part in parts]
    beside(wide, along, shape)
    return join(wide, range(len(wide)), along, shape)


@handles("tile")
def tile(operation: Operation, _machine: Machine) -> list[Array]:
    operand = operation.inputs[0]
    for along, count in enumerate(operation.params["reps"]):
        if not is_fixed(count, 1):
            operand = repeated(operand, along, count)
    return [operand]


def repeated(operand: Array, along: int, count: Size) -> Array:
    """The array so many times, one after the other along an axis."""
    size = operand.shape[along]
    shape = tuple(n * count if a == along else n for a, n in enumerate(operand.shape))
    if not isinstance(size, SymbolicInteger):
        indices = [axis(a) % max(size, 1) if a == along else axis(a) for a in range(len(shape))]
        return reindex(operand, indices, shape)
    if isinstance(count, SymbolicInteger) or count < 1:
        raise Unreadable("an axis of symbolic size repeated not at all, or a symbolic number of times")
    starts = [size * k for k in range(count)]
    parts = [
        reindex(operand, [axis(a) - start if a == along else axis(a) for a in range(len(shape))], shape)
        for start in starts
    ]
    return join(parts, starts, along, shape)


@handles("pad")
def pad(operation: Operation, _machine: Machine) -> list[Array]:
    operand, filler = operation.inputs
    shape = operation.shape
    conditions: list[Predicate] = []
    indices: list[Affine] = []
    for a, (low, _high, interior) in enumerate(operation.params["padding_config"]):
        offset = axis(a) - low
        index = offset // (interior + 1)
        indices.append(index)
        conditions.append(in_range(index, 0, operand.shape[a]))
        conditions.append(compare(offset % (interior + 1), "==", 0))
    background = reindex(filler, [], shape)
    inside = reindex(operand, indices, shape)
    return [choose([(conjunction(*conditions), inside), (ALWAYS, background)], shape)]
