"""Memory as PyTorch has it: storages that hold elements, and tensors that are strided windows on them.

A window is a size and a stride for each axis and an offset, all in elements. Its affine map tells in both
directions: which place of the storage an element of the window has (*forward*), and which element of the
window, if any, lies at a place (*backward*). All kinds of views are this one mechanism.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from stile_engine.array.arrays import (
    Array,
    RealArray,
    Unreadable,
    axis,
    ranges_of,
    reindex,
)
from stile_engine.array.choice import choose
from stile_engine.index.affine import Affine, quotient_and_remainder
from stile_engine.index.predicate import (
    ALWAYS,
    Predicate,
    compare,
    conjunction,
    in_range,
)
from stile_engine.term.boxes import Box, Overlay, box_of
from stile_engine.trace.frontend import axis_variable

Shape: TypeAlias = tuple[int, ...]
"""A tensor that is traced has numbers for sizes."""


@dataclass(frozen=True, slots=True)
class Window:
    """Where the elements of a tensor lie in its storage."""

    sizes: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def count(self) -> int:
        return prod(self.sizes)

    @property
    def last(self) -> int:
        """The last place."""
        return self.offset + sum((n - 1) * s for n, s in zip(self.sizes, self.strides, strict=True))

    def places(self) -> set[int]:
        found = {self.offset}
        for size, stride in zip(self.sizes, self.strides, strict=True):
            found = {place + k * stride for place in found for k in range(size)}
        return found

    @property
    def is_dense(self) -> bool:
        """Whether the elements fill a run of the storage without gaps, each place once."""
        expected = 1
        for stride, size in sorted((s, n) for s, n in zip(self.strides, self.sizes, strict=True) if n != 1):
            if stride != expected:
                return False
            expected *= size
        return True


def overlap(written: Window, other: Window) -> bool:
    """Whether the windows share a place and are not one and the same."""
    if written == other or not written.count or not other.count:
        return False
    if max(written.offset, other.offset) > min(written.last, other.last):
        return False
    if max(written.count, other.count) > _MOST_PLACES:
        return True
    return not written.places().isdisjoint(other.places())


_MOST_PLACES = 1 << 16


class Storage:
    """Elements at the places of ``base``, a dense window. Writes to boxes are kept apart until they are read, so
    that a loop over tiles makes a shallow expression and reads back what it has just written without the rest."""

    def __init__(self, base: Window, elements: Array, dtype: str, locked: str | None = None) -> None:
        self.base = base
        self.dtype = dtype
        self.locked = locked
        """Why nothing may be written here."""
        self._elements = elements
        self._written = Overlay()
        self._known: dict[Window, Array] = {}

    def read(self, window: Window) -> Array:
        known = self._known.get(window)
        if known is None:
            known = self._known[window] = self._read(window)
        return known

    def _read(self, window: Window) -> Array:
        if window == self.base:
            return self._joined(_whole(self.base))
        indices = forward(window, self.base)
        region = dict(_whole(self.base))
        for name, index in zip(region, indices, strict=True):
            found = index.extremes(ranges_of(window.sizes)) if window.count else None
            if found is not None:
                region[name] = (found[0], found[1] + 1)
        elements = self._joined(region)
        return reindex(elements, indices, window.sizes)

    def _joined(self, region: Box) -> Array:
        """The elements, right inside the region."""
        if not isinstance(self._elements, RealArray) or not self._written.meets(region):
            return self._elements
        sizes = self.base.sizes
        return RealArray(sizes, self._written.over(self._elements.node, region, ranges_of(sizes)))

    def write(self, window: Window, elements: Array) -> None:
        """Raises ``Unreadable`` where the storage is locked or elements of the window share a place."""
        if self.locked is not None:
            raise Unreadable(self.locked)
        if not window.count:
            return
        self._known = {}
        if window == self.base:
            self._elements, self._written = elements, Overlay()
            return
        where, indices = backward(window, self.base)
        sizes = self.base.sizes
        if where == ALWAYS:
            self._elements, self._written = reindex(elements, indices, sizes), Overlay()
            return
        moved = reindex(elements, indices, sizes)
        box = box_of(where, _whole(self.base))
        if box is not None and isinstance(moved, RealArray) and isinstance(self._elements, RealArray):
            self._written = self._written.written(box, moved.node)
            return
        before = self._joined(_whole(self.base))
        self._elements = choose([(where, moved), (ALWAYS, before)], sizes)
        self._written = Overlay()


def _whole(base: Window) -> Box:
    return {axis_variable(a): (0, n) for a, n in enumerate(base.sizes)}


def forward(window: Window, base: Window) -> tuple[Affine, ...]:
    """For each axis of the base the index at which an element of the window lies."""
    found = [Affine()] * len(base.sizes)
    if not window.count:
        return tuple(found)
    place = Affine((), window.offset - base.offset)
    for a, (size, stride) in enumerate(zip(window.sizes, window.strides, strict=True)):
        if size > 1:
            place = place + axis(a) * stride
    ranges = ranges_of(window.sizes)
    for a in sorted((a for a, n in enumerate(base.sizes) if n > 1), key=lambda a: -base.strides[a]):
        found[a], place = quotient_and_remainder(place, base.strides[a], ranges)
    return tuple(found)


def backward(window: Window, base: Window) -> tuple[Predicate, tuple[Affine, ...]]:
    """Where a place of the base belongs to the window, and at which of its indices.

    Raises ``Unreadable`` where elements of the window may share a place.
    """
    walking = [a for a, n in enumerate(window.sizes) if n > 1]
    indices = [Affine()] * len(window.sizes)
    conditions: list[Predicate] = []
    owners: dict[int, list[int]] = {}
    for number, index in enumerate(forward(window, base)):
        for atom, _ in index.terms:
            if isinstance(atom, str):
                owners.setdefault(int(atom.removeprefix("$")), []).append(number)
            else:
                owners.setdefault(-1, []).append(number)
    if all(len(owners.get(a, ())) == 1 for a in walking) and -1 not in owners:
        # Each axis of the window walks along one axis of the base.
        for number, index in enumerate(forward(window, base)):
            steps = {int(str(atom).removeprefix("$")): step for atom, step in index.terms}
            size = base.sizes[number]
            place = axis(number) - index.constant
            conditions.append(_unravelled(place, steps, window.sizes, size, base.sizes, indices))
    else:
        place = Affine((), base.offset - window.offset)
        for number, (size, stride) in enumerate(zip(base.sizes, base.strides, strict=True)):
            if size > 1:
                place = place + axis(number) * stride
        steps = {a: window.strides[a] for a in walking}
        conditions.append(_unravelled(place, steps, window.sizes, base.count, base.sizes, indices))
    return conjunction(*conditions), tuple(indices)


def _unravelled(
    place: Affine, steps: dict[int, int], sizes: Shape, count: int, base: Shape, indices: list[Affine]
) -> Predicate:
    """Fills in the indices of the axes with these steps at a place, of ``count`` places; where there is one."""
    order = sorted(steps, key=lambda a: -steps[a])
    reach = [1] * (len(order) + 1)
    for position in reversed(range(len(order))):
        a = order[position]
        if steps[a] < reach[position + 1]:
            raise Unreadable("a write to a tensor in which several elements share a place")
        reach[position] = reach[position + 1] + (sizes[a] - 1) * steps[a]
    whole = reach[0] == count and place.constant == 0
    conditions = [ALWAYS if whole else in_range(place, 0, reach[0])]
    ranges = ranges_of(base)
    for position, a in enumerate(order):
        # inside the first condition the place is not negative
        indices[a], place = (
            quotient_and_remainder(place, steps[a], ranges) if whole else (place // steps[a], place % steps[a])
        )
        if reach[position + 1] < steps[a]:
            conditions.append(compare(place, "<", reach[position + 1]))
    return conjunction(*conditions)
