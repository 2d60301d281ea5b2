"""Sorting, and what is read off the order of the elements."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from stile_engine.array.arrays import RealArray
from stile_engine.array.ordering import Order
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array, fresh, noted, plain_node
from stile_engine.numpy.plain.elements import Real, axis_index, ranges_of
from stile_engine.numpy.plain.elementwise import operation, reject, write
from stile_engine.numpy.plain.structure import normalized_axes, ravel
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable


def _ordered(name: str, a: Any, axis: Any) -> tuple[SymbolicArray, Order]:
    x = as_array(a)
    if axis is None:
        x, axis = ravel(x), 0
    if x.dtype.kind != "f":
        context.unsupported(f"numpy.{name} of integers or truth values is not modelled")
    (along,) = normalized_axes(axis, x.ndim)
    return x, Order(RealArray(x.shape, plain_node(x)), along)


def _made(found: RealArray, dtype: Any) -> SymbolicArray:
    rank = len(found.shape)
    mapping = {axis_variable(a): axis_index(a, rank) for a in range(rank)}
    node = reindex_node(found.node, mapping, ranges_of(found.shape))
    return noted(fresh(Real(node), found.shape, dtype))


@operation("sort")
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> SymbolicArray:
    reject("sort", {"order": order})
    x, found = _ordered("sort", a, axis)
    return _made(found.values(), x.dtype)


@operation("argsort")
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> SymbolicArray:
    """Of equal elements the one that stands further left comes first, which NumPy promises of a stable sort only."""
    reject("argsort", {"order": order})
    _, found = _ordered("argsort", a, axis)
    return _made(found.places(), np.dtype(np.int64))


@operation("sort_in_place")
def sort_in_place(target: SymbolicArray, axis: Any = -1, kind: Any = None, order: Any = None) -> None:
    write(target, sort(target, axis, kind, order))


@operation("median")
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    reject("median", {"out": out, "overwrite_input": overwrite_input or None})
    x = as_array(a)
    if axis is not None and not isinstance(axis, int):
        context.unsupported("numpy.median over several axes is not modelled")
    ordered = sort(x, axis)
    (along,) = normalized_axes(0 if axis is None else axis, ordered.ndim)
    size = operator.index(ordered.shape[along])
    middle = slice((size - 1) // 2, size // 2 + 1)
    lead = (slice(None),) * along
    found = OPERATIONS["mean"](ordered[(*lead, middle)], axis=along, keepdims=keepdims)
    if axis is None and keepdims:
        context.unsupported("numpy.median of all axes with keepdims is not modelled")
    return found
