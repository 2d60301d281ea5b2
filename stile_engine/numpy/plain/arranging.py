"""Functions that NumPy itself writes with others: by slices, transposes and products."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from stile_engine.array.sizes import same_shape
from stile_engine.index.predicate import compare
from stile_engine.index.sizes import is_fixed
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array, broadcast_to, view_at
from stile_engine.numpy.plain.elements import axis_index
from stile_engine.numpy.plain.elementwise import operation, write
from stile_engine.numpy.plain.structure import (
    atleast_1d,
    concatenate,
    expand_dims,
    flip,
    normalized_axes,
    permuted,
    ravel,
    reshape,
)


@operation("column_stack")
def column_stack(tup: Any) -> SymbolicArray:
    parts = [atleast_1d(a) for a in tup]
    return concatenate([expand_dims(p, 1) if p.ndim == 1 else p for p in parts], 1)


@operation("dstack")
def dstack(tup: Any) -> SymbolicArray:
    parts = []
    for part in (atleast_1d(a) for a in tup):
        rows = expand_dims(part, 0) if part.ndim == 1 else part
        parts.append(expand_dims(rows, 2) if rows.ndim == 2 else rows)
    return concatenate(parts, 2)


@operation("append")
def append(arr: Any, values: Any, axis: Any = None) -> SymbolicArray:
    return concatenate([as_array(arr), as_array(values)], axis)


@operation("delete")
def delete(arr: Any, obj: Any, axis: Any = None) -> SymbolicArray:
    x = as_array(arr)
    if axis is None:
        x, axis = ravel(x), 0
    (along,) = normalized_axes(axis, x.ndim)
    size = x.shape[along]
    if not isinstance(obj, (int, np.integer)) or isinstance(obj, bool) or not isinstance(size, int):
        context.unsupported("numpy.delete is modelled for one place that is a number")
    if not -size <= obj < size:
        raise IndexError(f"index {obj} is out of bounds for axis {along} with size {size}")
    place, before = int(obj) % size, (slice(None),) * along
    parts = [view_at(x, (*before, slice(None, place))), view_at(x, (*before, slice(place + 1, None)))]
    return concatenate(parts, along)


@operation("rot90")
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> SymbolicArray:
    x = as_array(m)
    first, second = normalized_axes(tuple(axes), x.ndim)
    exchanged = list(range(x.ndim))
    exchanged[first], exchanged[second] = second, first
    match operator.index(k) % 4:
        case 0:
            return view_at(x, ...)
        case 1:
            return permuted(flip(x, second), exchanged)
        case 2:
            return flip(flip(x, first), second)
    return flip(permuted(x, exchanged), second)


@operation("kron")
def kron(a: Any, b: Any) -> SymbolicArray:
    """Element ``[i p + k, j q + l]`` is ``a[i, j] b[k, l]``."""
    left, right = as_array(a), as_array(b)
    if left.ndim != right.ndim:
        context.unsupported("numpy.kron of arrays with different numbers of axes is not modelled")
    for axis in range(left.ndim):
        left, right = expand_dims(left, 2 * axis + 1), expand_dims(right, 2 * axis)
    product = OPERATIONS["multiply"](left, right)
    merged = tuple(product.shape[2 * i] * product.shape[2 * i + 1] for i in range(product.ndim // 2))
    return reshape(product, merged)


@operation("cross")
def cross(a: Any, b: Any, axis: int = -1) -> SymbolicArray:
    left, right = as_array(a), as_array(b)
    if left.ndim != right.ndim or any(not is_fixed(x.shape[axis], 3) for x in (left, right)):
        context.unsupported("numpy.cross is modelled for vectors of three numbers in arrays of one shape")
    (along,) = normalized_axes(axis, left.ndim)

    def part(x: SymbolicArray, place: int) -> SymbolicArray:
        return view_at(x, (*(slice(None),) * along, place % 3))

    def component(place: int) -> SymbolicArray:
        first = OPERATIONS["multiply"](part(left, place + 1), part(right, place + 2))
        second = OPERATIONS["multiply"](part(left, place + 2), part(right, place + 1))
        return OPERATIONS["subtract"](first, second)  # type: ignore[no-any-return]

    last = OPERATIONS["stack"]([component(i) for i in range(3)], -1)  # in memory the numbers of a vector lie together
    return OPERATIONS["moveaxis"](last, -1, along)  # type: ignore[no-any-return]


@operation("average")
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> SymbolicArray:
    if returned:
        context.unsupported("numpy.average that also returns the sum of the weights is not modelled")
    if weights is None:
        return OPERATIONS["mean"](a, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
    x, w = as_array(a), as_array(weights)
    if w.ndim == x.ndim and not same_shape(w.shape, x.shape):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    if w.ndim != x.ndim:
        if axis is None or isinstance(axis, tuple) or w.ndim != 1:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        (along,) = normalized_axes(axis, x.ndim)
        if not same_shape(w.shape, (x.shape[along],)):
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        for missing in range(x.ndim):
            w = w if missing == along else expand_dims(w, missing)
    w = broadcast_to(w, x.shape)
    total = OPERATIONS["sum"](OPERATIONS["multiply"](x, w), axis=axis, keepdims=keepdims)
    scale = OPERATIONS["sum"](w, axis=axis, keepdims=keepdims)
    return OPERATIONS["divide"](total, scale)  # type: ignore[no-any-return]


@operation("fill_diagonal")
def fill_diagonal(a: SymbolicArray, val: Any, wrap: bool = False) -> None:
    """In place, on the square that starts in the first corner."""
    if not isinstance(a, SymbolicArray) or a.ndim != 2 or wrap or as_array(val).ndim:
        context.unsupported("numpy.fill_diagonal is modelled for one number in an array of two axes, without wrap")
    rows, columns = a.shape
    if not isinstance(rows, int) or not isinstance(columns, int):
        context.unsupported("numpy.fill_diagonal of an array of a symbolic size is not modelled")
    side = min(rows, columns)
    corner = view_at(a, (slice(0, side), slice(0, side)))
    write(corner, as_array(val, a.dtype), "unsafe", compare(axis_index(0, 2), "==", axis_index(1, 2)))
