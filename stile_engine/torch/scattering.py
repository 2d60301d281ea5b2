"""Operations that write to places which index arrays choose."""

from __future__ import annotations

from collections.abc import Sequence

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    TruthArray,
    UnknownArray,
    Unreadable,
    axis,
    ranges_of,
    regions,
    reindex,
)
from stile_engine.array.reductions import require_index
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, disjunction, in_range, substitute
from stile_engine.index.sizes import Size, is_fixed
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Axes,
    IndexNumber,
    Node,
    Scatter,
    apply,
    bounds,
    divide,
    reduce,
    select,
)
from stile_engine.term.reindexing import reindex_node
from stile_engine.term.scattering import COMBINED
from stile_engine.torch import algebra
from stile_engine.torch.call import Call, Results, models
from stile_engine.torch.pointwise import in_type, truth_of
from stile_engine.torch.structure import wrapped
from stile_engine.trace.frontend import axis_variable

_REDUCTIONS = {"sum": "sum", "add": "sum", "prod": "prod", "multiply": "prod", "amax": "max", "amin": "min"}


class _Writes:
    """Writes to an operand: ``bound`` runs over those of them that may land on one element, and ``hits`` holds
    for those that do, at each element of the operand."""

    def __init__(self, operand: Array) -> None:
        self.operand = operand
        self.shape: Shape = operand.shape
        self.bound: Axes = {}
        self.conditions: list[Predicate] = []

    def over(self, size: Size) -> Affine:
        name = algebra.bound_variable()
        self.bound[name] = bounds(0, size)
        return Affine.variable(name)

    def hit(self, index: IntegerArray | RealArray, places: Sequence[Affine], along: int) -> None:
        """The index, read at ``places``, is the element's own along an axis."""
        mapping = {axis_variable(a): place for a, place in enumerate(places)}
        if isinstance(index, RealArray):
            here = IndexNumber(axis(along), self.ranges)
            self.conditions.append(compare_values(reindex_node(index.node, mapping, self.ranges), "==", here))
            return
        self.conditions.append(
            disjunction(
                *(
                    conjunction(substitute(region, mapping), compare(value.substitute(mapping), "==", axis(along)))
                    for region, value in regions(index.pieces)
                )
            )
        )

    @property
    def ranges(self) -> Axes:
        return {**ranges_of(self.shape), **self.bound}

    def body(self, source: Array, places: Sequence[Affine]) -> Node:
        mapping = {axis_variable(a): place for a, place in enumerate(places)}
        return reindex_node(algebra.real(source).node, mapping, self.ranges)

    def result(self, body: Node, kind: str | None, include: bool = True, same: bool = False) -> RealArray:
        """``kind``: how all that lands on an element is combined; None where at most one write does.
        ``include``: the element itself is combined with them. ``same``: all writes are of one number."""
        base, hits, ranges = algebra.real(self.operand).node, conjunction(*self.conditions), self.ranges
        if kind is None and same:
            return self._made(select(self._some(hits), body, base, ranges_of(self.shape)))
        if kind is None:
            return self._made(Scatter(self.bound, hits, body, base, ranges))
        outer = ranges_of(self.shape)
        if kind == "mean":
            total = reduce("sum", self.bound, body, hits, ranges)
            count = reduce("sum", self.bound, ONE, hits, ranges)
            if include:
                return self._made(divide(apply("add", base, total), apply("add", ONE, count)))
            return self._made(select(self._some(hits), divide(total, count), base, outer))
        found = reduce(kind, self.bound, body, hits, ranges)
        if include:
            return self._made(apply(COMBINED[kind], base, found))
        return self._made(select(self._some(hits), found, base, outer))

    def _some(self, hits: Predicate) -> Predicate:
        """Whether there is a write at all."""
        single = {v: low for v, (low, high) in self.bound.items() if high - low == Affine((), 1)}
        if len(single) == len(self.bound):
            return substitute(hits, single)
        return compare_values(
            reduce("max", self.bound, select(hits, ONE, ZERO, self.ranges), ranges=self.ranges), ">", ZERO
        )

    def _made(self, node: Node) -> RealArray:
        return RealArray(self.shape, node)


def _indices(array: Array, size: Size, what: str) -> IntegerArray | RealArray:
    """Places along an axis of this size: integers, or numbers that certainly are such places."""
    if isinstance(array, RealArray):
        require_index(array, size)
        return array
    return wrapped(array, size, what)


@models("index_add", "index_copy", "index_reduce", "index_fill")
def at_rows(call: Call) -> Results:
    """Slices of the source along ``dim`` go to the places that a vector of indices gives."""
    operand = call.array("self")
    rank = len(operand.shape)
    if not rank:
        raise Unreadable("an index into a single number")
    along = int(call.given["dim"]) % rank
    index = _indices(call.array("index"), operand.shape[along], call.name)
    writes = _Writes(operand)
    here = writes.over(index.shape[0] if index.shape else 1)
    writes.hit(index, [here][: len(index.shape)], along)
    places = [here if a == along else axis(a) for a in range(rank)]
    if call.name == "index_fill":
        return writes.result(writes.body(call.array("value"), []), None, same=True)
    source = call.array("source")
    alpha = call.given.get("alpha", 1)
    if alpha != 1:
        source = algebra.times(call.machine.array(alpha), source)
    kind = "sum" if call.name == "index_add" else None
    if call.name == "index_reduce":
        kind = _kind(call)
    include = call.name != "index_reduce" or bool(call.given.get("include_self", True))
    return writes.result(writes.body(source, places), kind, include)


def _kind(call: Call) -> str | None:
    name = call.given.get("reduce")
    if name is None:
        return None
    found = "mean" if name == "mean" else _REDUCTIONS.get(str(name))
    if found is None:
        raise Unreadable(f"{call.name} by {name}")
    return found


@models("scatter", "scatter_add", "scatter_reduce")
def at_elements(call: Call) -> Results:
    """Each element of the source goes to the place along ``dim`` that the index has where it stands."""
    operand = call.array("self")
    rank = len(operand.shape)
    if not rank:
        raise Unreadable("an index into a single number")
    along = int(call.given["dim"]) % rank
    index = _indices(call.array("index"), operand.shape[along], call.name)
    writes = _Writes(operand)
    here = writes.over(index.shape[along])
    places = [here if a == along else axis(a) for a in range(rank)]
    # the other axes of the index may be shorter than those of the operand
    writes.conditions += [
        in_range(axis(a), 0, index.shape[a]) for a in range(rank) if a != along and index.shape[a] < operand.shape[a]
    ]
    writes.hit(index, places, along)
    kind = "sum" if call.name == "scatter_add" else _kind(call)
    include = bool(call.given.get("include_self", True))
    if call.given.get("src") is None:
        value = writes.body(in_type(call.array("value"), call.dtype), [])
        return writes.result(value, kind, include, same=kind is None)
    # of the source only the part as large as the index is read
    return writes.result(writes.body(call.array("src"), places), kind, include)


@models("index_put")
def put(call: Call) -> Results:
    """``x[i, j, …] = values``: the index arrays broadcast to one shape, which stands in place of their axes."""
    operand, values = call.array("self"), in_type(call.array("values"), call.dtype)
    given = [None if i is None else call.machine.array(i) for i in call.given["indices"]]
    unknown = next((i for i in given if isinstance(i, UnknownArray)), None)
    if unknown is not None:
        raise algebra.UnknownOperand(unknown)
    if any(isinstance(i, TruthArray) for i in given):
        return _at_mask(call, operand, given, values)
    given += [None] * (len(operand.shape) - len(given))
    used = [a for a, i in enumerate(given) if i is not None]
    arrays = [_indices(i, operand.shape[a], "an assignment") for a, i in enumerate(given) if i is not None]
    common = algebra.common_shape(i.shape for i in arrays)
    first = used[0] if used == list(range(used[0], used[-1] + 1)) else 0
    free = [a for a in range(len(operand.shape)) if a not in used]
    shape = (*(operand.shape[a] for a in free[:first]), *common, *(operand.shape[a] for a in free[first:]))
    writes = _Writes(operand)
    batch = [writes.over(size) for size in common]
    for a, index in zip(used, arrays, strict=True):
        wide = algebra.broadcast(index, common)
        assert isinstance(wide, (IntegerArray, RealArray))
        writes.hit(wide, batch, a)
    places = [*(axis(a) for a in free[:first]), *batch, *(axis(a) for a in free[first:])]
    accumulate = bool(call.given.get("accumulate"))
    one = all(is_fixed(size, 1) for size in values.shape)
    body = writes.body(algebra.broadcast(values, shape), places)
    return writes.result(body, "sum" if accumulate else None, same=one and not accumulate)


def _at_mask(call: Call, operand: Array, given: Sequence[Array | None], values: Array) -> Array:
    """``x[…, mask] = number``: the mask stands for as many axes as it has."""
    masks = [(k, i) for k, i in enumerate(given) if i is not None]
    if len(masks) != 1 or call.given.get("accumulate") or any(not is_fixed(size, 1) for size in values.shape):
        raise Unreadable("a write of several numbers, or by several arrays, to the places of a mask")
    number, mask = masks[0]
    shape = call.shape
    wide = reindex(mask, [axis(number + a) for a in range(len(mask.shape))], shape)
    own = in_type(operand, call.dtype)
    value = reindex(values, [Affine()] * len(values.shape), ())
    if isinstance(own, RealArray) or isinstance(value, RealArray):
        own, value = algebra.real(own), algebra.real(value)
    return algebra.chosen(truth_of(wide), value, own)
