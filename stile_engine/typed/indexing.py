"""Integers that are data as indices of typed arrays: gather, scatter, ``.at[…]`` and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from stile_engine.errors import UsageError
from stile_engine.index.affine import Affine
from stile_engine.index.sizes import affine_of
from stile_engine.term.elements import element
from stile_engine.term.expression import ZERO, Axes, Node, Reindex, Restrict, Tensor
from stile_engine.term.facts import Fact, Offsets, paired
from stile_engine.term.scattering import Place, checked, scattered
from stile_engine.term.value import DimRange
from stile_engine.trace.location import Site, user_site
from stile_engine.typed import session
from stile_engine.typed.shape import DimLike, ShapeType, dim_range, dim_text

if TYPE_CHECKING:
    from stile_engine.typed.array import TypedArray

ArrayT = TypeVar("ArrayT", bound="TypedArray")


class RuntimeIndex:
    """An input of integers, used as an index. ``st`` are its dims; a slice of it keeps the whole's coordinates."""

    def __init__(self, tensor: Tensor, st: ShapeType, data: Any, site: Site | None) -> None:
        self._tensor = tensor
        self.st = st
        self.data = data
        self.site = site
        self._whole: RuntimeIndex = self

    @property
    def tensor(self) -> Tensor:
        return self._whole._tensor

    @property
    def name(self) -> str:
        return self.tensor.name

    def __repr__(self) -> str:
        return f"<index {self.name}: {self.st}>"

    def slice(self, dim: DimLike, start: Any, end: Any) -> RuntimeIndex:
        """The half-open slice of a dim, in coordinates of the whole dim."""
        wanted = dim_range(dim)
        found = self.st.find(wanted.name)
        if found is None:
            raise UsageError(f"the index {self.name} has dims {self.st}, and no {wanted.name}")
        low, high = affine_of(start), affine_of(end)
        axis = self.st.names.index(found.name)
        data = self.data
        if data is not None:
            offset = found.low.constant
            data = data[(slice(None),) * axis + (slice(low.constant - offset, high.constant - offset),)]
        made = RuntimeIndex(
            self._tensor, self.st.replaced(DimRange(found.name, low, high, found.extent)), data, self.site
        )
        made._whole = self._whole
        return made

    def at(self, *places: Affine) -> Affine:
        """The element at these indices of the whole input."""
        return element(self.tensor, places)

    @property
    def value(self) -> Affine:
        """The element at the index of each of its dims."""
        return self.at(*(Affine.variable(d) for d in self.tensor.dims))

    def learn(self, facts: Sequence[Fact]) -> None:
        """Facts that a later declaration adds; nothing may have been read yet."""
        own = self._whole
        kept = dict.fromkeys([*own._tensor.facts, *facts])
        own._tensor = replace(own._tensor, facts=tuple(sorted(kept, key=repr)))

    def pair(self, offsets: RuntimeIndex) -> None:
        """These are groups whose members begin at the offsets."""
        blocks, marks = self._whole, offsets._whole
        blocks._tensor, marks._tensor = paired(blocks._tensor, marks._tensor)


def _needs_index(index: Any, doing: str) -> RuntimeIndex:
    if not isinstance(index, RuntimeIndex):
        raise UsageError(f"{doing} needs an index made by runtime_index, not {type(index).__name__}")
    return index


def gather(array: ArrayT, dim: DimLike, index: Any) -> ArrayT:
    """The array read along a dim at the indices, whose dims come in its place."""
    site = user_site()
    idx = _needs_index(index, "gather")
    found = array._own(dim, site, "gather along")
    if found is None:
        return array.poison(array.st, site)
    if not found.is_whole:
        message = f"cannot gather from {dim_text(found)}: indices are those of the whole dim; gather from all of it"
        return array._violate("dim-mismatch", message, site)
    rest = array.st.without(found.name)
    for d in idx.st:
        other = rest.find(d.name)
        if other is not None and other != d:
            message = f"the index has {dim_text(d)}, the array has {dim_text(other)}: expected the same slice"
            return array._violate("dim-mismatch", message, site)
    dims: dict[str, DimRange] = {}
    for d in array.st:
        arriving = [a for a in idx.st if rest.find(a.name) is None]
        dims.update((a.name, a) for a in (arriving if d.name == found.name else [d]))
    st = ShapeType(dims.values())
    node: Node = array.node
    if found.name in node.axes:
        node = Reindex(node, {found.name: idx.value}, st.axes)
    numbers = None
    if array.has_data and idx.data is not None:
        numbers = lambda: array.library.gather(
            array.arr, _lows(array.st), found.name, idx.data, idx.st.names, _ranges(st)
        )
    return array.make(st, node, numbers, site, array.poisoned)


def scatter(array: ArrayT, dim: DimLike, index: Any, base: ArrayT | None, reduction: str | None = None) -> ArrayT:
    """``base`` (or 0) with the array's elements written along ``dim`` where the index says."""
    site = user_site()
    idx = _needs_index(index, "scatter")
    target = dim_range(dim)
    if not target.is_whole:
        return array._violate("dim-mismatch", f"cannot scatter into the slice {dim_text(target)}", site)
    if base is not None and base.st.find(target.name) != target:
        return array._violate("dim-mismatch", f"the base has dims {base.st}: expected the whole {target.name}", site)
    fixed = set() if base is None else set(base.st.names) - {target.name}
    moving = [d for d in idx.st if d.name not in fixed]
    for d in idx.st:
        if array.st.find(d.name) != d:
            message = f"the array has dims {array.st}, the index has {dim_text(d)}: expected it among them"
            return array._violate("dim-mismatch", message, site)
    gone = {d.name for d in moving}
    rest = [d for d in array.st if d.name not in gone]
    if not moving or any(d.name == target.name for d in rest):
        return array._violate("dim-mismatch", f"cannot scatter {array.st} along {target.name}", site)
    if base is None:
        dims: dict[str, DimRange] = {}
        for d in array.st:
            one = target if d.name in gone else d
            dims.setdefault(one.name, one)
        st = ShapeType(dims.values())
    else:
        st = base.st
        if {d.name for d in rest} - set(st.names) or any(st.find(d.name) != d for d in rest):
            return array._violate("dim-mismatch", f"the array has dims {array.st}, and the base {st}", site)
    renaming = {d.name: Affine.variable(f"${d.name}") for d in moving}
    bound: Axes = {f"${d.name}": (d.low, d.high) for d in moving}
    ranges: Axes = {**idx.st.axes, **st.axes, **bound}
    places = [Place(target.name, (target.low, target.high), idx.value.substitute(renaming))]
    body = array.node
    if renaming.keys() & body.axes.keys():
        body = Reindex(body, dict(renaming), ranges)
    node = scattered(bound, places, body, ZERO if base is None else base.node, ranges, reduction)
    numbers = None
    if array.has_data and idx.data is not None and (base is None or base.has_data):
        numbers = lambda: array.library.scatter(
            None if base is None else base.arr,
            _ranges(st),
            target.name,
            idx.data,
            idx.st.names,
            array.arr,
            _ranges(array.st),
            reduction,
        )
    poisoned = array.poisoned or (base is not None and base.poisoned)
    return array.make(st, checked(node, bound, places, ranges), numbers, site, poisoned)


def block(array: ArrayT, dim: DimLike, offsets: Any, number: Any) -> ArrayT:
    """The slice ``[offsets[g], offsets[g + 1])`` of a dim, whose bounds are data."""
    site = user_site()
    idx = _needs_index(offsets, "block_at")
    found = array._own(dim, site, "take a block of")
    if found is None:
        return array.poison(array.st, site)
    if not found.is_whole or len(idx.st) != 1:
        return array._violate("dim-mismatch", f"a block is taken of a whole dim, not of {dim_text(found)}", site)
    count = idx.tensor.shape[0]
    place = affine_of(number)
    groups = next((f.extent for f in idx.tensor.facts if isinstance(f, Offsets)), count - 1)
    if not place.is_constant or not groups.is_constant or not 0 <= place.constant < groups.constant:
        return array._violate("out-of-bounds", f"there is no block {number!r}: {idx.name} marks {groups} blocks", site)
    last = place + 1 == count  # offsets without an entry for the end
    low, high = idx.at(place), found.extent if last else idx.at(place + 1)
    numbers = None
    if array.has_data and idx.data is not None:
        low = Affine.of(int(idx.data[place.constant]))
        high = found.extent if last else Affine.of(int(idx.data[place.constant + 1]))
        axis = array.st.names.index(found.name)
        numbers = lambda: array.library.narrow(array.arr, axis, low.constant, high.constant)
    st = array.st.replaced(DimRange(found.name, low, high, found.extent))
    node = Restrict(array.node, {found.name: (low, high)})
    return array.make(st, node, numbers, site, array.poisoned)


class At:
    """``array.at[dim, index]``, to be read or written."""

    def __init__(self, array: TypedArray) -> None:
        self._array = array

    def __getitem__(self, key: Any) -> Indexed:
        if not isinstance(key, tuple) or len(key) != 2:
            raise UsageError("expected array.at[dim, index]")
        return Indexed(self._array, key[0], _needs_index(key[1], "at"))


class Indexed:
    """The elements of an array along a dim at the indices."""

    def __init__(self, array: TypedArray, dim: DimLike, index: RuntimeIndex) -> None:
        self._array, self._dim, self._index = array, dim, index

    def get(self) -> TypedArray:
        return gather(self._array, self._dim, self._index)

    def set(self, value: TypedArray) -> TypedArray:
        """A new array with the value there; no element may be written twice."""
        return scatter(value, self._dim, self._index, self._array)

    def add(self, value: TypedArray) -> TypedArray:
        """A new array with the value added there; repeats add up."""
        return scatter(value, self._dim, self._index, self._array, "sum")


def _lows(st: ShapeType) -> list[tuple[str, int]]:
    return [(d.name, d.low.constant) for d in st]


def _ranges(st: ShapeType) -> list[tuple[str, int, int]]:
    return [(d.name, d.low.constant, d.high.constant) for d in st]


def reading(tensor: Tensor, st: ShapeType, data: Any, site: Site | None) -> RuntimeIndex:
    """The input as an index. In a check of a kernel it holds no numbers."""
    current = session.active()
    if current is not None and not current.carries_data:
        data = None
    return RuntimeIndex(tensor, st, data, site)
