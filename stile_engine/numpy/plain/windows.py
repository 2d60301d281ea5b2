"""Diagonals, windows that slide, differences, norms, and sums that a list of indices gives."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, conjunction, in_range
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import (
    OPERATIONS,
    SymbolicArray,
    as_array,
    broadcast_to,
    fresh,
    noted,
    settled,
    view_at,
)
from stile_engine.numpy.plain.elements import Integer, Real, axis_index, axis_name, ranges_of, reindex
from stile_engine.numpy.plain.elementwise import operation
from stile_engine.numpy.plain.structure import normalized_axes, whole_shape
from stile_engine.term.expression import ONE, ZERO, Node, bounds, multiply, select
from stile_engine.term.expression import reduce as reduce_node
from stile_engine.term.reindexing import reindex_node


@operation("diagonal")
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> SymbolicArray:
    """NumPy gives a view that cannot be written to; here it is a new array, which cannot be told apart."""
    x = as_array(a)
    first, second = normalized_axes(axis1, x.ndim)[0], normalized_axes(axis2, x.ndim)[0]
    shift = operator.index(offset)
    down, right = max(-shift, 0), max(shift, 0)
    length = max(min(x.shape[first] - down, x.shape[second] - right), 0)
    kept = [i for i in range(x.ndim) if i not in (first, second)]
    shape = (*(x.shape[i] for i in kept), length)
    rank = len(shape)
    indices = [Affine()] * x.ndim
    for place, axis in enumerate(kept):
        indices[axis] = axis_index(place, rank)
    indices[first], indices[second] = axis_index(rank - 1, rank) + down, axis_index(rank - 1, rank) + right
    found = fresh(reindex(x.elements, indices, shape), shape, x.dtype, fits=True)
    found.store.locked = "a diagonal of an array is written to, which NumPy refuses"
    return noted(found)


@operation("trace")
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> SymbolicArray:
    return OPERATIONS["sum"](diagonal(a, offset, axis1, axis2), axis=-1)  # type: ignore[no-any-return]


@operation("diag")
def diag(v: Any, k: int = 0) -> SymbolicArray:
    x = as_array(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    shift = operator.index(k)
    size = x.shape[0] + abs(shift)
    row, column = axis_index(0, 2), axis_index(1, 2)
    indices = [row if shift >= 0 else column]
    here = conjunction(compare(column - row, "==", shift), in_range(indices[0], 0, x.shape[0]))
    moved = fresh(reindex(x.elements, indices, (size, size)), (size, size), x.dtype, fits=True)
    node = select(here, moved.node, ZERO, ranges_of((size, size)))
    return noted(fresh(Real(node), (size, size), x.dtype))


OPERATIONS["diagflat"] = lambda v, k=0: diag(OPERATIONS["ravel"](v), k)


@operation("lib.stride_tricks.sliding_window_view")
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> SymbolicArray:
    if writeable:
        context.unsupported("windows that are written to are not modelled")
    array = as_array(x)
    sizes = whole_shape(window_shape)
    axes = tuple(range(array.ndim)) if axis is None else normalized_axes(axis, array.ndim)
    if len(sizes) != len(axes):
        raise ValueError("Must provide matching length window_shape and axis")
    shape = list(array.shape)
    for along, size in zip(axes, sizes, strict=True):
        shape[along] -= size - 1
        if shape[along] < 1:
            raise ValueError("window shape cannot be larger than input array shape")
    whole = (*shape, *sizes)
    indices = [axis_index(i, len(whole)) for i in range(array.ndim)]
    for number, along in enumerate(axes):
        indices[along] = indices[along] + axis_index(array.ndim + number, len(whole))
    found = fresh(reindex(array.elements, indices, whole), whole, array.dtype, fits=True)
    found.store.locked = "windows that share memory are written to"
    return noted(found)


@operation("diff")
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> SymbolicArray:
    x = as_array(a)
    if operator.index(n) < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    (along,) = normalized_axes(axis, x.ndim)
    edge = tuple(1 if i == along else size for i, size in enumerate(x.shape))
    ends = [None if e is None else as_array(e) for e in (prepend, append)]
    first, last = (e if e is None or e.ndim else broadcast_to(e, edge) for e in ends)
    parts = [part for part in (first, x, last) if part is not None]
    if len(parts) > 1 and operator.index(n):
        x = OPERATIONS["concatenate"](parts, along)
    before = (slice(None),) * along
    for _ in range(operator.index(n)):
        x = OPERATIONS["subtract"](view_at(x, (*before, slice(1, None))), view_at(x, (*before, slice(None, -1))))
    return x


@operation("ptp")
def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
    x = as_array(a)
    high, low = (OPERATIONS[name](x, axis=axis, keepdims=keepdims) for name in ("max", "min"))
    return OPERATIONS["subtract"](high, low)  # type: ignore[no-any-return]


@operation("linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
    array = as_array(x)
    axes = tuple(range(array.ndim)) if axis is None else normalized_axes(axis, array.ndim)
    vector = len(axes) == 1
    sizes = OPERATIONS["absolute"](array)
    if ord in (None, "fro") or (vector and ord == 2):
        total = OPERATIONS["sum"](OPERATIONS["square"](array), axis=axes, keepdims=keepdims)
        return OPERATIONS["sqrt"](total)  # type: ignore[no-any-return]
    if vector and ord == 1:
        return OPERATIONS["sum"](sizes, axis=axes, keepdims=keepdims)  # type: ignore[no-any-return]
    if vector and ord in (np.inf, -np.inf):
        name = "max" if ord > 0 else "min"
        return OPERATIONS[name](sizes, axis=axes, keepdims=keepdims)  # type: ignore[no-any-return]
    context.unsupported(f"numpy.linalg.norm with ord={ord!r} of {len(axes)} axes is not modelled")


@operation("linalg.multi_dot")
def multi_dot(arrays: Any, out: Any = None) -> SymbolicArray:
    first, *others = arrays
    for other in others:
        first = OPERATIONS["dot"](first, other)
    return OPERATIONS["copy"](first) if out is None else OPERATIONS["positive"](first, out=out)  # type: ignore[no-any-return]


@operation("polyval")
def polyval(p: Any, x: Any) -> SymbolicArray:
    coefficients = as_array(p)
    found = OPERATIONS["zeros_like"](as_array(x))
    for number in range(coefficients.shape[0]):
        found = OPERATIONS["add"](OPERATIONS["multiply"](found, x), coefficients[number])
    return found  # type: ignore[no-any-return]


def _outer(name: str) -> None:
    @operation(f"{name}.outer")
    def function(a: Any, b: Any, **options: Any) -> SymbolicArray:
        left, right = as_array(a), as_array(b)
        wide = view_at(left, (..., *(None for _ in range(right.ndim))))
        return OPERATIONS[name](wide, right, **options)  # type: ignore[no-any-return]


for _name in (
    *("add", "subtract", "multiply", "divide", "true_divide", "maximum", "minimum"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
):
    _outer(_name)


@operation("bincount")
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> SymbolicArray:
    """How often each number stands in ``x``; its length is ``minlength`` only if no number is greater."""
    index = as_array(x)
    if index.ndim != 1:
        raise ValueError("object too deep for desired array")
    match index.elements:
        case Integer(value):
            pass
        case _:
            context.unsupported("numpy.bincount of numbers that are no index is not modelled")
    size = operator.index(minlength)
    OPERATIONS["within"](value, ranges_of(index.shape), size, "numpy.bincount")
    name = context.bound_variable()
    inner = {name: bounds(0, index.shape[0])}
    ranges = {**ranges_of((size,)), **inner}
    here = value.substitute({axis_name(0, 1): Affine.variable(name)})
    body: Node = ONE
    if weights is not None:
        body = reindex_node(as_array(weights).node, {axis_name(0, 1): Affine.variable(name)}, ranges)
    node = reduce_node("sum", inner, body, compare(here, "==", axis_index(0, 1)), ranges)
    return noted(fresh(Real(node), (size,), np.float64 if weights is not None else np.int64))


def _windows_of(x: SymbolicArray, v: SymbolicArray, mode: str, reverse: bool) -> SymbolicArray:
    """``sum of x[t + k] * v[k]`` over k, the kernel turned round for a convolution."""
    if x.ndim != 1 or v.ndim != 1:
        raise ValueError("object too deep for desired array")
    if x.shape[0] < v.shape[0]:
        context.unsupported("a convolution whose second operand is the longer one is not modelled")
    long, short = x.shape[0], v.shape[0]
    start = {"full": short - 1, "same": (short - 1) - (short - 1) // 2 if reverse else short // 2, "valid": 0}[mode]
    length = {"full": long + short - 1, "same": long, "valid": long - short + 1}[mode]
    name = context.bound_variable()
    inner = {name: bounds(0, short)}
    ranges = {**ranges_of((length,)), **inner}
    k = Affine.variable(name)
    place = axis_index(0, 1) + k - start
    left = reindex_node(x.node, {axis_name(0, 1): place}, ranges)
    right = reindex_node(v.node, {axis_name(0, 1): short - 1 - k if reverse else k}, ranges)
    node = reduce_node("sum", inner, multiply(left, right), in_range(place, 0, long), ranges)
    return settled(fresh(Real(node), (length,), np.result_type(x.dtype, v.dtype)))


@operation("convolve")
def convolve(a: Any, v: Any, mode: str = "full") -> SymbolicArray:
    return _windows_of(as_array(a), as_array(v), mode, True)


@operation("correlate")
def correlate(a: Any, v: Any, mode: str = "valid") -> SymbolicArray:
    return _windows_of(as_array(a), as_array(v), mode, False)
