"""Memory as NumPy has it: buffers that hold elements, and views that read and write through them.

A view knows both directions: where in its parent each of its elements lies (*forward*), and which of its
elements, if any, lies at each place of the parent (*backward*). A write travels backward to the buffer.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np

from stile_engine.array.sizes import same_shape
from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.data_questions import declared_range
from stile_engine.index.predicate import (
    ALWAYS,
    NEVER,
    Predicate,
    compare,
    conjunction,
    disjunction,
    in_range,
    negate,
    substitute,
)
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed, same_size
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.elements import (
    Elements,
    Real,
    Shape,
    Truth,
    as_node,
    axis_index,
    axis_name,
    ranges_of,
    reindex,
)
from stile_engine.numpy.plain.sizes import is_symbolic
from stile_engine.term.boxes import Box, Overlay, box_of
from stile_engine.term.expression import select
from stile_engine.trace.location import Site

Strides: TypeAlias = tuple[Size, ...]
"""In elements, for each axis."""


class Store(Protocol):
    """A place in memory with a shape. ``strides`` is None where the layout is NumPy's own choice."""

    shape: Shape
    dtype: np.dtype
    strides: Strides | None
    locked: str | None

    def read(self, region: Box | None = None) -> Elements:
        """The elements, right inside the region (everywhere, where it is None)."""

    def write(self, elements: Elements, where: Predicate) -> None:
        """Replace the elements where the predicate over the own axes holds."""


def row_major(shape: Shape) -> Strides | None:
    """None where a stride is a product of two symbolic sizes."""
    strides: list[Size] = []
    step: Size = 1
    for following in reversed((*shape[1:], 1) if shape else ()):
        if len([s for s in (step, following) if isinstance(s, SymbolicInteger)]) == 2:
            return None
        step = step * (1 if is_fixed(following, 0) else following)
        strides.append(step)
    return tuple(reversed(strides))


def is_row_major(store: Store) -> bool:
    """Whether the elements are known to lie one after the other."""
    wanted = row_major(store.shape)
    return store.strides is not None and wanted is not None and same_shape(store.strides, wanted)


class Buffer:
    """Memory of its own. Writes to boxes are kept apart until they are read, so that a loop over tiles
    makes a shallow expression and reads back what it has just written without the rest."""

    def __init__(self, shape: Shape, dtype: np.dtype, elements: Elements, strides: Strides | None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.strides = strides
        self.locked: str | None = None
        self.numbers: np.ndarray | None = None
        """What the memory holds, where that was written as numbers into the text and never changed."""
        self.written: Site | None = None
        """Where the latest write stands."""
        self._elements = elements
        self._written = Overlay()
        self.state = object()
        """Another object after every write."""

    def read(self, region: Box | None = None) -> Elements:
        if not self._written.parts:
            return self._elements
        region = whole_box(self.shape) if region is None else region
        if not self._written.meets(region):
            return self._elements
        return Real(self._written.over(as_node(self._elements, self.shape), region, ranges_of(self.shape)))

    def write(self, elements: Elements, where: Predicate) -> None:
        if self.locked is not None:
            context.unsupported(self.locked)
        if where == NEVER:
            return
        self.numbers = None
        self.state = object()
        if where == ALWAYS:
            self._elements = elements
            self._written = Overlay()
            return
        match self._elements, elements:
            case Truth(old), Truth(new):
                self._elements = Truth(disjunction(conjunction(where, new), conjunction(negate(where), old)))
                return
        box = None if is_symbolic(self.shape) else box_of(where, whole_box(self.shape))
        if box is not None:
            self._written = self._written.written(box, as_node(elements, self.shape))
            return
        before = as_node(self.read(), self.shape)
        self._elements = Real(select(where, as_node(elements, self.shape), before, ranges_of(self.shape)))
        self._written = Overlay()


@dataclass(frozen=True, slots=True)
class Backward:
    """``where`` the parent's element belongs to the view, over the parent's axes, and at which of its indices."""

    where: Predicate
    indices: tuple[Affine, ...]


class View:
    """A part of another store in another arrangement. ``backward`` is None for views that repeat elements."""

    def __init__(
        self,
        parent: Store,
        shape: Shape,
        forward: Sequence[Affine],
        backward: Backward | None,
        strides: Strides | None,
    ) -> None:
        self.parent = parent
        self.shape = shape
        self.dtype = parent.dtype
        self.strides = strides
        self.locked: str | None = None
        self.written: Site | None = None
        """Where the latest write stands."""
        self._forward = tuple(forward)
        self._backward = backward
        self._root = root(parent)
        self._read: tuple[object, Elements] | None = None
        """The elements of the whole, and of which state of the memory."""

    def read(self, region: Box | None = None) -> Elements:
        if region is not None:
            return self._elements(region)
        state = self._root.state
        if self._read is None or self._read[0] is not state:
            self._read = (state, self._elements(None))
        return self._read[1]

    def _elements(self, region: Box | None) -> Elements:
        if any(is_fixed(n, 0) or isinstance(n, SymbolicInteger) for n in (*self.shape, *self.parent.shape)):
            return reindex(self.parent.read(), self._forward, self.shape)
        own = whole_box(self.shape) if region is None else region
        rank = len(self._forward)
        beneath = {axis_name(a, rank): interval(index, own) for a, index in enumerate(self._forward)}
        is_whole = beneath == whole_box(self.parent.shape)
        return reindex(self.parent.read(None if is_whole else beneath), self._forward, self.shape)

    def is_same_place(self, other: Store) -> bool:
        return isinstance(other, View) and other.parent is self.parent and other._forward == self._forward

    def write(self, elements: Elements, where: Predicate) -> None:
        if self._backward is None:
            raise ValueError("assignment destination is read-only")
        back = self._backward
        rank = len(self.shape)
        mapping = {axis_name(axis, rank): index for axis, index in enumerate(back.indices)}
        inside = substitute(where, mapping)
        moved = reindex(elements, back.indices, self.parent.shape)
        self.parent.write(moved, conjunction(back.where, inside))


def whole_box(shape: Shape) -> Box:
    return {axis_name(a, len(shape)): (0, operator.index(n)) for a, n in enumerate(shape)}


def interval(expression: Affine, ranges: Box) -> tuple[int, int]:
    """A half-open interval that holds all values of the expression over half-open ranges."""
    low = high = expression.constant
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv):
            inner = interval(atom.numerator, ranges)
            least, greatest = inner[0] // atom.divisor, (inner[1] - 1) // atom.divisor
        elif data.is_token(atom):
            least, greatest = data_range(atom)
        else:
            least, greatest = ranges[atom][0], ranges[atom][1] - 1
        low += coefficient * (least if coefficient > 0 else greatest)
        high += coefficient * (greatest if coefficient > 0 else least)
    return low, high + 1


_INTEGERS = (-(2**63), 2**63 - 1)


def data_range(token: str) -> tuple[int, int]:
    """The least and the greatest integer that the element may be: as declared, else those of 64 bits."""
    low, high = declared_range(token)
    return _INTEGERS[0] if low is None else low, _INTEGERS[1] if high is None else high


def rearranged(parent: Store, axes: Sequence[int | None], strides: Strides | None) -> View:
    """The parent with its axes in another order; None is a new axis of size 1. Left-out axes must have size 1."""
    shape = tuple(1 if a is None else parent.shape[a] for a in axes)
    rank, parent_rank = len(axes), len(parent.shape)
    position = {a: axis for axis, a in enumerate(axes) if a is not None}
    forward = [axis_index(position[a], rank) if a in position else Affine() for a in range(parent_rank)]
    indices = tuple(Affine() if a is None else axis_index(a, parent_rank) for a in axes)
    return View(parent, shape, forward, Backward(ALWAYS, indices), strides)


def sliced(parent: Store, items: Sequence[int | Affine | SymbolicInteger | tuple[Size, int, Size]]) -> View:
    """One item for each axis: an index, which data may give, or ``(start, step, count)``; all inside the parent."""
    rank = sum(isinstance(item, tuple) for item in items)
    parent_rank = len(items)
    shape: list[Size] = []
    forward: list[Affine] = []
    conditions: list[Predicate] = []
    indices: list[Affine] = []
    strides: list[Size] = []
    for axis, item in enumerate(items):
        place = axis_index(axis, parent_rank)
        if not isinstance(item, tuple):
            forward.append(Affine.of(item))
            conditions.append(compare(place, "==", item) if not is_fixed(parent.shape[axis], 1) else ALWAYS)
            continue
        start, step, count = item
        forward.append(axis_index(len(shape), rank) * step + start)
        whole = is_fixed(start, 0) and step == 1 and same_size(count, parent.shape[axis])
        offset = place - start if step > 0 else start - place
        stride = abs(step)
        if not whole:
            conditions.append(in_range(offset, 0, (count - 1) * stride + 1))
            if stride > 1:
                conditions.append(compare(offset % stride, "==", 0))
        indices.append(offset // stride)
        if parent.strides is not None:
            strides.append(parent.strides[axis] * step)
        shape.append(count)
    return View(
        parent,
        tuple(shape),
        forward,
        Backward(conjunction(*conditions), tuple(indices)),
        None if parent.strides is None else tuple(strides),
    )


def broadcast(parent: Store, shape: Shape) -> View:
    """The parent repeated to a larger shape; it cannot be written to. Raises ``ValueError`` if it does not fit."""
    rank, parent_rank = len(shape), len(parent.shape)
    kept = [is_fixed(own, 1) for own in parent.shape]
    wanted = shape[rank - parent_rank :]
    if parent_rank > rank or not all(
        one or same_size(own, n) for one, own, n in zip(kept, parent.shape, wanted, strict=True)
    ):
        raise ValueError(f"could not broadcast an array of shape {parent.shape} to {shape}")
    forward = [Affine() if one else axis_index(a + rank - parent_rank, rank) for a, one in enumerate(kept)]
    same = same_shape(parent.shape, shape)
    backward = Backward(ALWAYS, tuple(axis_index(a, rank) for a in range(rank))) if same else None
    strides: Strides | None = None
    if parent.strides is not None:
        steps = [0 if one else s for one, s in zip(kept, parent.strides, strict=True)]
        strides = (*[0] * (rank - parent_rank), *steps)
    return View(parent, shape, forward, backward, strides)


def reshaped(parent: Store, shape: Shape) -> Store:
    """The elements in row-major order in another shape: a view where NumPy makes one, else a copy."""
    strides = None if parent.strides is None else _reshaped_strides(parent.shape, parent.strides, shape)
    view = View(
        parent,
        shape,
        _regrouped(shape, parent.shape),
        Backward(ALWAYS, tuple(_regrouped(parent.shape, shape))),
        strides,
    )
    if strides is not None:
        return view
    copy = Buffer(shape, parent.dtype, view.read(), row_major(shape))
    if (parent.strides is None and len(parent.shape) > 1) or is_symbolic(parent.shape):
        share_unknown_memory(parent, copy)
    return copy


def share_unknown_memory(original: Store, copy: Store) -> None:
    """Whether the two share memory is NumPy's choice, and would decide what a write to either does."""
    root(original).locked = root(copy).locked = "a write where the memory layout decides whether a copy was made"


def root(store: Store) -> Buffer:
    """The memory that a view looks at."""
    while isinstance(store, View):
        store = store.parent
    assert isinstance(store, Buffer)
    return store


def _groups(left: Shape, right: Shape) -> list[tuple[list[int], list[int]]]:
    """Axes of both shapes in the finest groups of equal product, from left to right."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        mine, theirs = [], []
        product_left: Size = 1
        product_right: Size = 1
        if i < len(left):
            mine.append(i)
            product_left = product_left * left[i]
            i += 1
        if j < len(right):
            theirs.append(j)
            product_right = product_right * right[j]
            j += 1
        while not same_size(product_left, product_right):
            if is_fixed(product_left, 1) or (not is_fixed(product_right, 1) and product_left < product_right):
                mine.append(i)
                product_left = product_left * left[i]
                i += 1
            else:
                theirs.append(j)
                product_right = product_right * right[j]
                j += 1
        groups.append((mine, theirs))
    return groups


def _regrouped(source: Shape, target: Shape) -> list[Affine]:
    """For each axis of ``target`` its index, over the axes of ``source``, of the element at the same flat position."""
    if any(is_fixed(n, 0) for n in source):
        return [Affine() for _ in target]
    try:
        return _regrouped_affine(source, target)
    except ValueError:
        context.unsupported("a reshape that splits or merges axes at a symbolic size is not modelled")


def _regrouped_affine(source: Shape, target: Shape) -> list[Affine]:
    indices: list[Affine] = [Affine() for _ in target]
    for mine, theirs in _groups(source, target):
        mine = [a for a in mine if not is_fixed(source[a], 1)]
        theirs = [a for a in theirs if not is_fixed(target[a], 1)]
        flat = Affine()
        step: Size = 1
        for axis in reversed(mine):
            flat = flat + axis_index(axis, len(source)) * step
            step = step * source[axis] if axis != mine[0] else step
        for position, axis in enumerate(reversed(theirs)):
            # the outermost axis of the group needs no remainder
            outermost = position == len(theirs) - 1
            indices[axis] = flat if outermost else flat % target[axis]
            flat = flat if outermost else flat // target[axis]
    return indices


def _reshaped_strides(shape: Shape, strides: Strides, target: Shape) -> Strides | None:
    """Strides of the reshaped view; None where the elements do not lie evenly, and NumPy copies."""
    if any(is_fixed(n, 0) for n in shape):
        return row_major(target)
    found: list[Size] = [0] * len(target)
    for mine, theirs in _groups(shape, target):
        mine = [a for a in mine if not is_fixed(shape[a], 1)]
        for outer, inner in pairwise(mine):
            if not same_size(strides[outer], strides[inner] * shape[inner]):
                return None
        step = strides[mine[-1]] if mine else 1
        for axis in reversed(theirs):
            found[axis] = step
            step = step * target[axis] if axis != theirs[0] else step
    return tuple(found)
