"""Functions that rearrange, join and repeat elements."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stile_engine.array.sizes import same_shape
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, in_range
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed, same_size
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import (
    OPERATIONS,
    SymbolicArray,
    as_array,
    broadcast_to,
    fresh,
    meet,
    noted,
    view_at,
)
from stile_engine.numpy.plain.elements import (
    Elements,
    Integer,
    Real,
    Shape,
    Truth,
    as_node,
    axis_index,
    ranges_of,
    reindex,
)
from stile_engine.numpy.plain.elementwise import operation, reject, write_result
from stile_engine.numpy.plain.sizes import as_size, exact_quotient, is_symbolic
from stile_engine.numpy.plain.storage import Buffer, is_row_major, rearranged, reshaped, share_unknown_memory
from stile_engine.term.expression import ZERO, Node, select


def normalized_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the left, once each. Raises ``np.exceptions.AxisError`` as NumPy does."""
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    found = []
    for one in given:
        number = operator.index(one)
        if not -rank <= number < rank:
            raise np.exceptions.AxisError(number, rank)
        found.append(number % rank)
    if len(set(found)) != len(found):
        raise ValueError("duplicate value in 'axis'")
    return tuple(found)


def whole_shape(shape: Any) -> Shape:
    return tuple(as_size(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,)))


# Views


def permuted(x: SymbolicArray, layout: Sequence[int | None]) -> SymbolicArray:
    """The axes in another order, None for a new one; axes left out have size 1."""
    if x.scalar and not layout:
        return x
    strides = x.store.strides
    moved = None if strides is None else tuple(0 if a is None else strides[a] for a in layout)
    return noted(SymbolicArray(rearranged(x.store, layout, moved)))


@operation("transpose", "permute_dims")
def transpose(a: Any, axes: Any = None) -> SymbolicArray:
    x = as_array(a)
    order = tuple(reversed(range(x.ndim))) if axes is None else normalized_axes(axes, x.ndim)
    if len(order) != x.ndim:
        raise ValueError("axes don't match array")
    return permuted(x, order)


@operation("swapaxes")
def swapaxes(a: Any, axis1: int, axis2: int) -> SymbolicArray:
    x = as_array(a)
    first, second = normalized_axes(axis1, x.ndim)[0], normalized_axes(axis2, x.ndim)[0]
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return permuted(x, order)


@operation("matrix_transpose")
def matrix_transpose(x: Any) -> SymbolicArray:
    return swapaxes(x, -1, -2)


@operation("moveaxis")
def moveaxis(a: Any, source: Any, destination: Any) -> SymbolicArray:
    x = as_array(a)
    sources, targets = normalized_axes(source, x.ndim), normalized_axes(destination, x.ndim)
    order = [i for i in range(x.ndim) if i not in sources]
    for target, moved in sorted(zip(targets, sources, strict=True)):
        order.insert(target, moved)
    return permuted(x, order)


@operation("expand_dims")
def expand_dims(a: Any, axis: Any) -> SymbolicArray:
    x = as_array(a)
    new = normalized_axes(axis, x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1))
    old = iter(range(x.ndim))
    return permuted(x, [None if i in new else next(old) for i in range(x.ndim + len(new))])


@operation("squeeze")
def squeeze(a: Any, axis: Any = None) -> SymbolicArray:
    x = as_array(a)
    gone = tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else normalized_axes(axis, x.ndim)
    if any(x.shape[i] != 1 for i in gone):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return permuted(x, [i for i in range(x.ndim) if i not in gone])


@operation("reshape")
def reshape(a: Any, shape: Any = None, order: str = "C", **options: Any) -> SymbolicArray:
    reject("reshape", {k: v for k, v in options.items() if k != "newshape"})
    x = as_array(a)
    wanted = list(whole_shape(options.get("newshape") if shape is None else shape))
    if order == "F":  # with all axes in the opposite order, before and after, also where it is a view
        turned = reshape(permuted(x, range(x.ndim)[::-1]), tuple(wanted[::-1]))
        return permuted(turned, range(turned.ndim)[::-1])
    if order != "C":
        context.unsupported(f"reshape in the order {order!r} is not modelled")
    if wanted.count(-1) == 1:
        known: Size = 1
        for n in wanted:
            known = known * n if n != -1 else known
        rest = exact_quotient(x.size, known)
        if rest is None and is_symbolic([x.size, known]):
            context.unsupported(f"reshape of an array of {x.size!r} elements into parts of {known!r} is not modelled")
        if rest is None:
            raise ValueError(f"cannot reshape array of size {x.size} into shape {tuple(wanted)}")
        wanted[wanted.index(-1)] = rest
    target = tuple(wanted)
    total: Size = 1
    for n in target:
        total = total * n
    if total != x.size or any(n < 0 for n in target):
        raise ValueError(f"cannot reshape array of size {x.size} into shape {target}")
    if same_shape(target, x.shape):
        return permuted(x, range(x.ndim))
    front = 0
    while front < min(x.ndim, len(target)) and same_size(x.shape[front], target[front]):
        front += 1
    back = 1
    while back <= min(x.ndim, len(target)) - front and same_size(x.shape[-back], target[-back]):
        back += 1
    return noted(SymbolicArray(reshaped(x.store, target)))


@operation("ravel")
def ravel(a: Any, order: str = "C") -> SymbolicArray:
    return reshape(a, (0,), order) if is_fixed(as_array(a).size, 0) else reshape(a, (-1,), order)


@operation("flatten")
def flatten(a: SymbolicArray, order: str = "C") -> SymbolicArray:
    return reshape(copy(a, order="C"), (-1,), order)


@operation("broadcast_to")
def broadcast_to_shape(array: Any, shape: Any) -> SymbolicArray:
    return noted(broadcast_to(as_array(array), whole_shape(shape)))


@operation("atleast_1d")
def atleast_1d(a: Any) -> SymbolicArray:
    x = as_array(a)
    return x if x.ndim else permuted(x, [None])


@operation("atleast_2d")
def atleast_2d(a: Any) -> SymbolicArray:
    x = as_array(a)
    return x if x.ndim >= 2 else permuted(x, [None, *range(x.ndim)] if x.ndim else [None, None])


@operation("split")
def split(a: Any, indices_or_sections: Any, axis: int = 0) -> list[SymbolicArray]:
    x = as_array(a)
    (along,) = normalized_axes(axis, x.ndim)
    size = x.shape[along]
    if isinstance(indices_or_sections, (list, tuple)):
        cuts = [operator.index(i) for i in indices_or_sections]
    else:
        count = operator.index(indices_or_sections)
        if size % count:
            raise ValueError("array split does not result in an equal division")
        cuts = [size // count * i for i in range(1, count)]
    edges = zip([None, *cuts], [*cuts, None], strict=True)
    return [view_at(x, (slice(None),) * along + (slice(low, high),)) for low, high in edges]


# New arrays


@operation("ascontiguousarray")
def ascontiguousarray(a: Any, dtype: Any = None) -> SymbolicArray:
    x = asarray(a, dtype)
    if is_row_major(x.store):
        return x
    made = copy(x, order="C")
    if x.store.strides is None:
        share_unknown_memory(x.store, made.store)
    return made


@operation("copy")
def copy(a: Any, order: str = "K", **options: Any) -> SymbolicArray:
    reject("copy", {k: v for k, v in options.items() if k != "subok"})
    x = as_array(a)
    made = fresh(x.elements, x.shape, x.dtype, fits=True)
    if isinstance(x.store, Buffer) and isinstance(made.store, Buffer):
        made.store.numbers = x.store.numbers
    made.scalar = x.scalar
    return noted(made)


def choose(predicate: Predicate, chosen: Elements, other: Elements, shape: Shape) -> Elements:
    match chosen, other:
        case Truth(), Truth():
            context.unsupported("joining arrays of truth values is not modelled")
        case Integer(first), Integer(second) if first == second:
            return chosen
    return Real(select(predicate, as_node(chosen, shape), as_node(other, shape), ranges_of(shape)))


@operation("concatenate", "concat")
def concatenate(arrays: Any, axis: Any = 0, out: Any = None, dtype: Any = None, **options: Any) -> SymbolicArray:
    reject("concatenate", options)
    parts = [as_array(a) for a in arrays]
    if axis is None:
        parts, axis = [ravel(p) for p in parts], 0
    rank = parts[0].ndim
    (along,) = normalized_axes(axis, rank)
    for part in parts:
        same = part.ndim == rank and all(part.shape[i] == parts[0].shape[i] for i in range(rank) if i != along)
        if not same:
            raise ValueError("all the input array dimensions except for the concatenation axis must match exactly")
    parts = [p for p in parts if not is_fixed(p.shape[along], 0)] or parts[:1]
    ends: list[Size] = []
    for part in parts:
        ends.append((ends[-1] if ends else 0) + part.shape[along])
    shape = tuple(ends[-1] if i == along else n for i, n in enumerate(parts[0].shape))
    place = axis_index(along, rank)

    def join(first: int, last: int) -> Elements:
        """The parts from ``first`` to ``last``, in halves, so that many parts nest only a little."""
        if first == last:
            start = ends[first] - parts[first].shape[along]
            indices = [axis_index(i, rank) - (start if i == along else 0) for i in range(rank)]
            return reindex(parts[first].elements, indices, shape)
        middle = (first + last) // 2
        return choose(compare(place, "<", ends[middle]), join(first, middle), join(middle + 1, last), shape)

    others = {v: b for i, (v, b) in enumerate(ranges_of(shape).items()) if i != along}
    meet([p.elements for p in parts], others, beside=True)
    result_type = np.result_type(*(p.dtype for p in parts)) if dtype is None else np.dtype(dtype)
    result = fresh(join(0, len(parts) - 1), shape, result_type)
    return write_result(out, result) if out is not None else noted(result)


@operation("stack")
def stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> SymbolicArray:
    reject("stack", options)
    parts = [as_array(a) for a in arrays]
    if any(p.shape != parts[0].shape for p in parts):
        raise ValueError("all input arrays must have the same shape")
    return concatenate([expand_dims(p, axis) for p in parts], axis, out)


@operation("vstack")
def vstack(arrays: Any) -> SymbolicArray:
    return concatenate([atleast_2d(a) for a in arrays], 0)


@operation("hstack")
def hstack(arrays: Any) -> SymbolicArray:
    parts = [atleast_1d(a) for a in arrays]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1)


def _moved(name: str, x: SymbolicArray, along: int, size: Size, index: Callable[[Affine], Affine]) -> SymbolicArray:
    """The array that reads ``x`` at another index along one axis."""
    shape = tuple(size if i == along else n for i, n in enumerate(x.shape))
    indices = [axis_index(i, x.ndim) for i in range(x.ndim)]
    indices[along] = index(indices[along])
    return noted(fresh(reindex(x.elements, indices, shape), shape, x.dtype, fits=True))


@operation("repeat")
def repeat(a: Any, repeats: Any, axis: Any = None) -> SymbolicArray:
    x = as_array(a)
    if axis is None:
        x, axis = ravel(x), 0
    (along,) = normalized_axes(axis, x.ndim)
    if isinstance(repeats, (list, tuple, np.ndarray)) and np.ndim(repeats):
        return _repeated_each(x, along, [operator.index(n) for n in repeats])
    count = operator.index(repeats)
    if count < 1:
        context.unsupported("numpy.repeat with no repeats is not modelled")
    return _moved("repeat", x, along, x.shape[along] * count, lambda i: i // count)


def _repeated_each(x: SymbolicArray, along: int, counts: list[int]) -> SymbolicArray:
    """Each element along the axis as often as its own count says; one count stands for all."""
    size = x.shape[along]
    if any(n < 0 for n in counts):
        raise ValueError("repeats may not contain negative values.")
    if not isinstance(size, int) or not any(counts):
        context.unsupported("numpy.repeat of nothing, or of a symbolic size by several counts, is not modelled")
    if len(counts) not in (1, size):
        raise ValueError(f"operands could not be broadcast together with shape ({size},) ({len(counts)},)")
    before = (slice(None),) * along
    places = [i for i, n in enumerate(counts * size if len(counts) == 1 else counts) for _ in range(n)]
    return concatenate([view_at(x, (*before, slice(i, i + 1))) for i in places], along)


@operation("tile")
def tile(a: Any, reps: Any) -> SymbolicArray:
    x = as_array(a)
    counts = whole_shape(reps)
    counts = (1,) * (x.ndim - len(counts)) + counts
    while x.ndim < len(counts):
        x = expand_dims(x, 0)
    for along, count in enumerate(counts):
        size = x.shape[along]
        if count < 1 or size == 0:
            context.unsupported("numpy.tile of nothing is not modelled")
        if isinstance(size, SymbolicInteger):
            x = concatenate([x] * operator.index(count), along) if count > 1 else x
        elif count > 1:
            x = _moved("tile", x, along, size * count, lambda i, size=size: i % size)  # type: ignore[misc]
    return copy(x)


@operation("roll")
def roll(a: Any, shift: Any, axis: Any = None) -> SymbolicArray:
    x = as_array(a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    if isinstance(axis, (tuple, list)) or isinstance(shift, (tuple, list)):
        axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,)
        pairs = np.broadcast_shapes((len(axes),), (len(shifts),))[0]
        if not pairs:
            return copy(x)
        for number in range(pairs):  # one axis may be named twice
            x = roll(x, shifts[number % len(shifts)], axes[number % len(axes)])
        return x
    (along,) = normalized_axes(axis, x.ndim)
    size = x.shape[along]
    if isinstance(size, SymbolicInteger):
        return _rolled(x, along, size, as_size(shift))
    return _moved("roll", x, along, size, lambda i: (i - operator.index(shift)) % max(size, 1))


def _rolled(x: SymbolicArray, along: int, size: SymbolicInteger, shift: Size) -> SymbolicArray:
    """Where the size is symbolic: the last elements come first, as two slices."""
    if abs(shift) > size:
        context.unsupported("numpy.roll by more than the symbolic size is not modelled")
    cut = size - shift if shift >= 0 else -shift
    lead = (slice(None),) * along
    return concatenate([view_at(x, (*lead, slice(cut, None))), view_at(x, (*lead, slice(None, cut)))], along)


@operation("flip")
def flip(a: Any, axis: Any = None) -> SymbolicArray:
    x = as_array(a)
    axes = tuple(range(x.ndim)) if axis is None else normalized_axes(axis, x.ndim)
    return view_at(x, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim)))


@operation("pad")
def pad(a: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> SymbolicArray:
    if mode != "constant":
        context.unsupported(f"numpy.pad with the mode {mode!r} is not modelled")
    x = as_array(a)
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    for along, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        size = x.shape[along]
        shape = tuple(n + before + after if i == along else n for i, n in enumerate(x.shape))
        place = axis_index(along, x.ndim)
        indices = [axis_index(i, x.ndim) - (before if i == along else 0) for i in range(x.ndim)]
        filler = as_array(constant_values, x.dtype)
        if filler.shape:
            context.unsupported("numpy.pad with several constants is not modelled")
        elements = choose(
            in_range(place, before, before + size), reindex(x.elements, indices, shape), filler.elements, shape
        )
        x = fresh(elements, shape, x.dtype)
    return copy(x)


def _triangle(name: str, operator_text: str) -> None:
    @operation(name)
    def function(m: Any, k: int = 0) -> SymbolicArray:
        x = as_array(m)
        if x.ndim < 2:
            context.unsupported(f"numpy.{name} of a one-dimensional array is not modelled")
        row, column = axis_index(x.ndim - 2, x.ndim), axis_index(x.ndim - 1, x.ndim)
        kept = compare(column - row, operator_text, operator.index(k))
        match x.elements:
            case Truth(predicate):
                return fresh(Truth(conjunction(kept, predicate)), x.shape, x.dtype)
        node: Node = select(kept, x.node, ZERO, ranges_of(x.shape))
        return noted(fresh(Real(node), x.shape, x.dtype))


_triangle("tril", "<=")
_triangle("triu", ">=")


def holds_symbolic(value: Any) -> bool:
    """Whether a traced array stands in the value, or in a list inside it."""
    if isinstance(value, (list, tuple)):
        return any(holds_symbolic(item) for item in value)
    if isinstance(value, dict):
        return any(holds_symbolic(item) for item in value.values())
    return isinstance(value, (SymbolicArray, SymbolicInteger))


@operation("array")
def array(
    a: Any, dtype: Any = None, copy: bool | None = True, order: str | None = None, ndmin: int = 0, **options: Any
) -> SymbolicArray:
    reject("array", {k: v for k, v in options.items() if k != "subok"})
    given = _as_given(a)
    if dtype is not None and np.dtype(dtype) != given.dtype:
        found = OPERATIONS["astype"](given, dtype, order=order or "K")
    elif copy or order == "F":
        found = OPERATIONS["copy"](given, order=order or "K")
        if not copy and given.ndim > 1:
            share_unknown_memory(given.store, found.store)
    else:
        found = ascontiguousarray(given) if order == "C" else given
    missing = max(operator.index(ndmin) - found.ndim, 0)
    return permuted(found, [*(None,) * missing, *range(found.ndim)]) if missing else found


@operation("asarray", "asanyarray")
def asarray(a: Any, dtype: Any = None, order: str | None = None, copy: bool | None = None) -> SymbolicArray:
    return array(a, dtype, copy, order)


def _as_given(a: Any) -> SymbolicArray:
    if isinstance(a, (list, tuple)):
        return stack([array(item) for item in a]) if holds_symbolic(a) else as_array(np.array(a))
    return as_array(a)
