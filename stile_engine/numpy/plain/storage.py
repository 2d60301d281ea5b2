"""Memory as NumPy has it: buffers that hold elements, and views that read and write through them.

A view knows both directions: where in its parent each of its elements lies (*forward*), and which of its
elements, if any, lies at each place of the parent (*backward*). A write travels backward to the buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np

from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    ALWAYS,
    Predicate,
    compare,
    conjunction,
    disjunction,
    in_range,
    negate,
    substitute,
)
from stile_engine.numpy.plain.elements import (
    Elements,
    Integer,
    Real,
    Shape,
    Truth,
    as_node,
    axis_index,
    axis_name,
    ranges_of,
    reindex,
)
from stile_engine.term.expression import select

Strides: TypeAlias = tuple[int, ...]
"""In elements, for each axis."""


class Store(Protocol):
    """A place in memory with a shape. ``strides`` is None where the layout is NumPy's own choice."""

    shape: Shape
    dtype: np.dtype
    strides: Strides | None
    locked: str | None

    def read(self) -> Elements: ...

    def write(self, elements: Elements, where: Predicate) -> None:
        """Replace the elements where the predicate over the own axes holds."""


def row_major(shape: Shape) -> Strides:
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


class Buffer:
    """Memory of its own."""

    def __init__(self, shape: Shape, dtype: np.dtype, elements: Elements, strides: Strides | None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.strides = strides
        self.locked: str | None = None
        self._elements = elements

    def read(self) -> Elements:
        return self._elements

    def write(self, elements: Elements, where: Predicate) -> None:
        if self.locked is not None:
            raise UnsupportedError(self.locked)
        if where == ALWAYS:
            self._elements = elements
            return
        match self._elements, elements:
            case Truth(old), Truth(new):
                self._elements = Truth(disjunction(conjunction(where, new), conjunction(negate(where), old)))
            case Integer(), _:
                raise UnsupportedError("a write to a part of an integer array is not modelled")
            case old, new:
                chosen, other = as_node(new, self.shape), as_node(old, self.shape)
                self._elements = Real(select(where, chosen, other, ranges_of(self.shape)))


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
        self._forward = tuple(forward)
        self._backward = backward

    def read(self) -> Elements:
        return reindex(self.parent.read(), self._forward, self.shape)

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


def rearranged(parent: Store, axes: Sequence[int | None], strides: Strides | None) -> View:
    """The parent with its axes in another order; None is a new axis of size 1. Left-out axes must have size 1."""
    shape = tuple(1 if a is None else parent.shape[a] for a in axes)
    rank, parent_rank = len(axes), len(parent.shape)
    position = {a: axis for axis, a in enumerate(axes) if a is not None}
    forward = [axis_index(position[a], rank) if a in position else Affine() for a in range(parent_rank)]
    indices = tuple(Affine() if a is None else axis_index(a, parent_rank) for a in axes)
    return View(parent, shape, forward, Backward(ALWAYS, indices), strides)


def sliced(parent: Store, items: Sequence[int | tuple[int, int, int]]) -> View:
    """One item for each axis: an index, or ``(start, step, count)``; all of them inside the parent."""
    rank = sum(not isinstance(item, int) for item in items)
    parent_rank = len(items)
    shape: list[int] = []
    forward: list[Affine] = []
    conditions: list[Predicate] = []
    indices: list[Affine] = []
    strides: list[int] = []
    for axis, item in enumerate(items):
        place = axis_index(axis, parent_rank)
        if isinstance(item, int):
            forward.append(Affine.of(item))
            conditions.append(compare(place, "==", item) if parent.shape[axis] > 1 else ALWAYS)
            continue
        start, step, count = item
        forward.append(axis_index(len(shape), rank) * step + start)
        whole = start == 0 and step == 1 and count == parent.shape[axis]
        offset = place - start if step > 0 else start - place
        stride = abs(step)
        if not whole:
            conditions.append(in_range(offset, 0, (count - 1) * stride + 1 if count else 0))
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
    if parent_rank > rank or any(
        own not in (1, wanted) for own, wanted in zip(parent.shape, shape[rank - parent_rank :], strict=True)
    ):
        raise ValueError(f"could not broadcast an array of shape {parent.shape} to {shape}")
    forward = [
        Affine() if parent.shape[a] == 1 else axis_index(a + rank - parent_rank, rank) for a in range(parent_rank)
    ]
    same = tuple(parent.shape) == shape
    backward = Backward(ALWAYS, tuple(axis_index(a, rank) for a in range(rank))) if same else None
    strides: Strides | None = None
    if parent.strides is not None:
        kept = [0 if n == 1 else s for n, s in zip(parent.shape, parent.strides, strict=True)]
        strides = (*[0] * (rank - parent_rank), *kept)
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
    if parent.strides is None and len(parent.shape) > 1:
        # Whether the two share memory decides what a write to either would do.
        lock(parent, "a write where the memory layout decides whether reshape made a copy")
        copy.locked = _root(parent).locked
    return copy


def lock(store: Store, reason: str) -> None:
    _root(store).locked = reason


def _root(store: Store) -> Store:
    while isinstance(store, View):
        store = store.parent
    return store


def _groups(left: Shape, right: Shape) -> list[tuple[list[int], list[int]]]:
    """Axes of both shapes in the finest groups of equal product, from left to right."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        mine, theirs = [], []
        product_left = product_right = 1
        if i < len(left):
            mine.append(i)
            product_left *= left[i]
            i += 1
        if j < len(right):
            theirs.append(j)
            product_right *= right[j]
            j += 1
        while product_left != product_right:
            if product_left < product_right:
                mine.append(i)
                product_left *= left[i]
                i += 1
            else:
                theirs.append(j)
                product_right *= right[j]
                j += 1
        groups.append((mine, theirs))
    return groups


def _regrouped(source: Shape, target: Shape) -> list[Affine]:
    """For each axis of ``target`` its index, over the axes of ``source``, of the element at the same flat position."""
    if 0 in source:
        return [Affine() for _ in target]
    indices: list[Affine] = [Affine() for _ in target]
    for mine, theirs in _groups(source, target):
        mine = [a for a in mine if source[a] > 1]
        theirs = [a for a in theirs if target[a] > 1]
        flat = Affine()
        step = 1
        for axis in reversed(mine):
            flat = flat + axis_index(axis, len(source)) * step
            step *= source[axis]
        for position, axis in enumerate(reversed(theirs)):
            # the outermost axis of the group needs no remainder
            outermost = position == len(theirs) - 1
            indices[axis] = flat if outermost else flat % target[axis]
            flat = flat // target[axis]
    return indices


def _reshaped_strides(shape: Shape, strides: Strides, target: Shape) -> Strides | None:
    """Strides of the reshaped view; None where the elements do not lie evenly, and NumPy copies."""
    if 0 in shape:
        return row_major(target)
    found = [0] * len(target)
    for mine, theirs in _groups(shape, target):
        mine = [a for a in mine if shape[a] > 1]
        for outer, inner in pairwise(mine):
            if strides[outer] != strides[inner] * shape[inner]:
                return None
        step = strides[mine[-1]] if mine else 1
        for axis in reversed(theirs):
            found[axis] = step
            step *= max(target[axis], 1)
    return tuple(found)
