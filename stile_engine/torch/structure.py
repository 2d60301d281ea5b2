"""Operations that copy elements to other places. Those that only look at memory otherwise have no model: they are
views, and ``storage.py`` reads through them."""

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
    decide,
    integers,
    reindex,
)
from stile_engine.array.choice import beside, choose, join
from stile_engine.array.integers import comparison, make
from stile_engine.array.reductions import read_at_number
from stile_engine.array.structure import reshaped_indices
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, compare, conjunction, in_range
from stile_engine.index.sizes import Size
from stile_engine.torch import algebra
from stile_engine.torch.call import Call, Results, models
from stile_engine.torch.pointwise import in_type


def _unified(parts: Sequence[Array], dtype: str) -> list[Array]:
    found = [in_type(p, dtype) for p in parts]
    unknown = next((p for p in found if isinstance(p, UnknownArray)), None)
    if unknown is not None:
        raise algebra.UnknownOperand(unknown)
    if any(isinstance(p, RealArray) for p in found):
        return [algebra.real(p) for p in found]
    return found


@models("cat")
def concatenation(call: Call) -> Results:
    given = [p for p in call.given["tensors"] if tuple(p.shape) != (0,)]
    shape = call.shape
    along = int(call.given.get("dim", 0)) % len(shape)
    parts = [p for p in _unified([call.machine.array(t) for t in given], call.dtype) if p.shape[along] > 0]
    if not parts:
        return reindex(call.machine.array(given[0]), [axis(a) for a in range(len(shape))], shape)
    beside(parts, along, shape)
    starts = [sum(p.shape[along] for p in parts[:k]) for k in range(len(parts))]
    moved = [
        reindex(p, [axis(a) - s if a == along else axis(a) for a in range(len(shape))], shape)
        for p, s in zip(parts, starts, strict=True)
    ]
    return join(moved, starts, along, shape)


@models("stack")
def stack(call: Call) -> Results:
    parts = _unified([call.machine.array(t) for t in call.given["tensors"]], call.dtype)
    shape = call.shape
    along = int(call.given.get("dim", 0)) % len(shape)
    wide = [algebra.with_axis(p, along) for p in parts]
    spread = [algebra.broadcast(p, shape) for p in wide]
    beside(spread, along, shape)
    return join(spread, range(len(spread)), along, shape)


@models("flip")
def flip(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    flipped = {d % len(shape) for d in call.given["dims"]}
    indices = [shape[a] - 1 - axis(a) if a in flipped else axis(a) for a in range(len(shape))]
    return reindex(operand, indices, shape)


@models("roll")
def roll(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    shifts = [int(s) for s in _listed(call.given["shifts"])]
    dims = [int(d) % len(shape) for d in _listed(call.given.get("dims") or [])]
    if not dims:
        flat = _flattened(operand)
        return _reshaped(_rolled(flat, {0: shifts[0]}), shape)
    total: dict[int, int] = {}
    for d, s in zip(dims, shifts, strict=True):
        total[d] = total.get(d, 0) + s
    return _rolled(operand, total)


def _listed(value: object) -> list[int]:
    return [value] if isinstance(value, int) else list(value)  # type: ignore[call-overload]


def _rolled(operand: Array, shifts: dict[int, int]) -> Array:
    """Two pieces along each axis, so that every index is one step further along the dim."""
    found = operand
    for d, shift in shifts.items():
        size = operand.shape[d]
        if not size or not shift % size:
            continue
        by = shift % size
        rank = range(len(operand.shape))
        late = reindex(found, [axis(a) - by if a == d else axis(a) for a in rank], operand.shape)
        early = reindex(found, [axis(a) + (size - by) if a == d else axis(a) for a in rank], operand.shape)
        found = choose([(compare(axis(d), "<", by), early), (ALWAYS, late)], operand.shape)
    return found


def _flattened(operand: Array) -> Array:
    total = algebra.element_count(operand.shape, range(len(operand.shape)))
    return _reshaped(operand, (total,))


def _reshaped(operand: Array, shape: Shape) -> Array:
    return reindex(operand, reshaped_indices(operand, shape), shape)


@models("_unsafe_view")
def reshape(call: Call) -> Results:
    return _reshaped(call.array("self"), call.shape)


@models("repeat")
def repeat(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    lead = len(shape) - len(operand.shape)
    indices = [axis(lead + a) % n if n > 1 else Affine() for a, n in enumerate(operand.shape)]
    whole = [
        axis(lead + a) if shape[lead + a] == n else i
        for a, (n, i) in enumerate(zip(operand.shape, indices, strict=True))
    ]
    return reindex(operand, whole, shape)


@models("constant_pad_nd")
def constant_pad(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    value = in_type(call.machine.array(call.given.get("value", 0)), call.dtype)
    starts = _padding_starts(call.given["pad"], len(shape))
    conditions: list[Predicate] = []
    indices: list[Affine] = []
    for a, (low, high) in enumerate(starts):
        indices.append(axis(a) - low)
        if low > 0 or high > 0:
            conditions.append(in_range(axis(a) - low, 0, operand.shape[a]))
    inside = reindex(operand, indices, shape)
    if isinstance(inside, RealArray):
        value = algebra.real(value)
    return choose([(conjunction(*conditions), inside), (ALWAYS, algebra.broadcast(value, shape))], shape)


def _padding_starts(pad: Sequence[int], rank: int) -> list[tuple[int, int]]:
    """``(before, after)`` for each axis; PyTorch lists them from the last axis on."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    return [(0, 0)] * (rank - len(pairs)) + list(reversed(pairs))


def _edge_padded(call: Call, reflect: bool) -> Array:
    operand, shape = call.array("self"), call.shape
    rank = len(shape)
    found: Array = operand
    for a, (low, _high) in enumerate(_padding_starts(call.given["padding"], rank)):
        size = operand.shape[a]
        if shape[a] == size:
            continue
        wide = tuple(shape[b] if b <= a else operand.shape[b] for b in range(rank))
        here = axis(a) - low
        before = -here if reflect else Affine()
        after = 2 * (size - 1) - here if reflect else Affine((), size - 1)

        def at(index: Affine, source: Array = found, a: int = a, wide: Shape = wide) -> Array:
            indices = [index if b == a else axis(b) for b in range(rank)]
            return reindex(source, indices, wide)

        cases = [(compare(here, "<", 0), at(before)), (compare(here, ">=", size), at(after)), (ALWAYS, at(here))]
        found = choose(cases, wide)
    return found


@models("reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
def reflection_pad(call: Call) -> Results:
    return _edge_padded(call, reflect=True)


@models("replication_pad1d", "replication_pad2d", "replication_pad3d")
def replication_pad(call: Call) -> Results:
    return _edge_padded(call, reflect=False)


@models("diag_embed")
def diagonal_matrix(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    given = call.given
    if (given.get("offset", 0), given.get("dim1", -2), given.get("dim2", -1)) != (0, -2, -1):
        raise Unreadable("diag_embed of another diagonal")
    rank = len(shape)
    moved = reindex(operand, [axis(a) for a in range(rank - 1)], shape)
    nothing = algebra.converted(integers((), Affine()), call.dtype)
    if isinstance(moved, RealArray):
        nothing = algebra.real(nothing)
    on_it = compare(axis(rank - 2), "==", axis(rank - 1))
    return choose([(on_it, moved), (ALWAYS, algebra.broadcast(nothing, shape))], shape)


@models("pixel_shuffle")
def pixel_shuffle(call: Call) -> Results:
    operand, factor, shape = call.array("self"), int(call.given["upscale_factor"]), call.shape
    rank = len(shape)
    *lead, channel, row, column = (axis(a) for a in range(rank))
    inner = channel * (factor * factor) + (row % factor) * factor + column % factor
    return reindex(operand, [*lead, inner, row // factor, column // factor], shape)


@models("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d")
def nearest(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    scales = [v for n, v in call.given.items() if n.startswith("scale") and v is not None]
    indices = [axis(0), axis(1)]
    for a in range(2, len(shape)):
        old, new = operand.shape[a], shape[a]
        if scales and new % old:
            raise Unreadable("an enlargement by a factor that is not whole")
        indices.append((axis(a) * old) // new)
    return reindex(operand, indices, shape)


@models("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
def linear_interpolation(call: Call) -> Results:
    """Along each axis of space a mean of two neighbours: place ``p`` of the result lies at ``(p + 1/2) * n/m - 1/2``
    of the operand (not before its first element), or at ``p * (n - 1)/(m - 1)`` where the corners are aligned."""
    found, shape = call.array("self"), call.shape
    scales = [v for n, v in call.given.items() if n.startswith("scale") and v is not None]
    listed = call.given.get("scale_factors")
    scales = list(listed) if listed else scales
    for a in range(2, len(shape)):
        old, new = found.shape[a], shape[a]
        if scales and not call.given["align_corners"] and old * scales[(a - 2) % len(scales)] != new:
            raise Unreadable("an enlargement whose factor is not that of the sizes")
        if old == new:
            continue
        if call.given["align_corners"]:
            place, unit = axis(a) * (old - 1), max(new - 1, 1)
        else:
            place, unit = (2 * axis(a) + 1) * old - new, 2 * new
        found = _between(found, a, place, unit, (*shape[: a + 1], *found.shape[a + 1 :]))
    return found


def _between(operand: Array, along: int, place: Affine, unit: int, shape: Shape) -> Array:
    """The operand at ``max(place / unit, 0)`` along an axis, linear between its elements."""
    last = operand.shape[along] - 1

    def at(index: Affine) -> Array:
        return reindex(operand, [index if a == along else axis(a) for a in range(len(shape))], shape)

    below = compare(place, "<", 0)
    beyond = compare(place // unit, ">=", last)
    weight = algebra.over(integers(shape, place % unit), integers(shape, Affine((), unit)))
    inside = algebra.add(
        algebra.times(algebra.minus(algebra.of_number(1), weight), at(place // unit)),
        algebra.times(weight, at(place // unit + 1)),
    )
    return choose([(below, at(Affine())), (beyond, at(Affine((), last))), (ALWAYS, inside)], shape)


@models("pixel_unshuffle")
def pixel_unshuffle(call: Call) -> Results:
    operand, factor, shape = call.array("self"), int(call.given["downscale_factor"]), call.shape
    *lead, channel, row, column = (axis(a) for a in range(len(shape)))
    inner = channel % (factor * factor)
    places = [row * factor + inner // factor, column * factor + inner % factor]
    return reindex(operand, [*lead, channel // (factor * factor), *places], shape)


@models("channel_shuffle")
def channel_shuffle(call: Call) -> Results:
    operand, groups, shape = call.array("self"), int(call.given["groups"]), call.shape
    each = shape[1] // groups
    source = (axis(1) % groups) * each + axis(1) // groups
    return reindex(operand, [axis(0), source, *(axis(a) for a in range(2, len(shape)))], shape)


# -- indices that are arrays ---------------------------------------------------------------


def wrapped(index: Array, size: Size, what: str) -> IntegerArray:
    """An index array counted from 0. Raises where it may leave the axis: PyTorch would raise as well."""
    if isinstance(index, UnknownArray):
        raise algebra.UnknownOperand(index)
    if isinstance(index, TruthArray):
        raise Unreadable(f"{what} by a mask, whose result has a size that depends on it")
    if not isinstance(index, IntegerArray):
        raise Unreadable(f"{what} by numbers that are data")
    shape = index.shape
    below = comparison(index, "<", integers(shape, Affine()), shape)
    pieces = []
    for predicate, value in index.pieces:
        pieces.append((conjunction(predicate, below.predicate), value + size))
        pieces.append((predicate, value))
    pieces[-1] = (ALWAYS, pieces[-1][1])
    found = make(tuple(pieces), shape)
    if decide(_inside(found, size), shape) is not True:
        raise Unreadable(f"{what} by an index that may be out of range: declare its range, as with assume='I in N'")
    return found


def _inside(index: IntegerArray, size: Size) -> Predicate:
    """Where ``0 <= index < size``."""
    low = comparison(index, ">=", integers(index.shape, Affine()), index.shape)
    high = comparison(index, "<", integers(index.shape, Affine.of(size)), index.shape)
    return conjunction(low.predicate, high.predicate)


@models("index_select")
def index_select(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    along = int(call.given["dim"]) % len(shape)
    given = call.array("index")
    if isinstance(given, RealArray):
        rest = {a: axis(a) for a in range(len(shape)) if a != along}
        wide_number = reindex(given, [axis(along)], shape)
        assert isinstance(wide_number, RealArray)
        return read_at_number(operand, along, wide_number, rest, shape)
    index = wrapped(given, operand.shape[along], "index_select")
    wide = reindex(index, [axis(along)], shape)
    return _read(operand, along, wide, shape)


def _read(operand: Array, along: int, index: Array, shape: Shape) -> Array:
    assert isinstance(index, IntegerArray)
    rest = [axis(a) for a in range(len(operand.shape)) if a != along]
    return algebra.at_integer(operand, along, index, shape, rest)


@models("gather")
def gather(call: Call) -> Results:
    operand, shape = call.array("self"), call.shape
    along = int(call.given["dim"]) % max(len(shape), 1)
    given = call.array("index")
    if isinstance(given, RealArray):
        rest = {a: axis(a) for a in range(len(shape)) if a != along}
        return read_at_number(operand, along, given, rest, shape)
    index = wrapped(given, operand.shape[along], "gather")
    return _read(operand, along, index, shape)


@models("embedding")
def embedding(call: Call) -> Results:
    weight, shape = call.array("weight"), call.shape
    index = wrapped(call.array("indices"), weight.shape[0], "embedding")
    rank = len(shape)
    wide = reindex(index, [axis(a) for a in range(rank - 1)], shape)
    assert isinstance(wide, IntegerArray)
    return algebra.at_integer(weight, 0, wide, shape, [axis(rank - 1)])


@models("index")
def index_by_arrays(call: Call) -> Results:
    """Advanced indexing: the index arrays broadcast to one shape, which replaces their axes."""
    operand, shape = call.array("self"), call.shape
    given = list(call.given["indices"])
    given += [None] * (len(operand.shape) - len(given))
    used = [a for a, i in enumerate(given) if i is not None]
    if len(used) == 1 and isinstance(number := call.machine.array(given[used[0]]), RealArray):
        return _index_by_number(operand, used[0], number, shape)
    arrays = [wrapped(call.machine.array(given[a]), operand.shape[a], "indexing") for a in used]
    common = algebra.common_shape(i.shape for i in arrays)
    together = used == list(range(used[0], used[-1] + 1))
    first = used[0] if together else 0
    place = [axis(first + a) for a in range(len(common))]
    free = iter([axis(a) for a in range(len(shape)) if not first <= a < first + len(common)])
    rest = [None if a in used else next(free) for a in range(len(operand.shape))]
    cases: list[tuple[Predicate, list[Affine | None]]] = [(ALWAYS, list(rest))]
    for a, index in zip(used, arrays, strict=True):
        wide = algebra.broadcast(index, common)
        moved = reindex(wide, place, shape)
        assert isinstance(moved, IntegerArray)
        cases = [
            (conjunction(outer, predicate), [*chosen[:a], value, *chosen[a + 1 :]])
            for outer, chosen in cases
            for predicate, value in moved.pieces
        ]
    read = [(predicate, reindex(operand, [i for i in chosen if i is not None], shape)) for predicate, chosen in cases]
    return choose(read, shape)


def _index_by_number(operand: Array, along: int, index: RealArray, shape: Shape) -> Array:
    """``x[…, index, …]`` with one index array, which stands in place of its axis."""
    own = len(index.shape)
    place = [axis(along + a) for a in range(own)]
    rest = {a: axis(a if a < along else a + own - 1) for a in range(len(operand.shape)) if a != along}
    wide = reindex(index, place, shape)
    assert isinstance(wide, RealArray)
    return read_at_number(operand, along, wide, rest, shape)
