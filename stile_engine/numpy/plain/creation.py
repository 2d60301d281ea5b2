"""Arrays that the kernel makes itself. What ``empty`` gives has no value until it is written."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, compare
from stile_engine.index.sizes import Size, is_fixed
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array, fresh, noted
from stile_engine.numpy.plain.elements import Elements, Integer, Real, Truth, axis_index, ranges_of
from stile_engine.numpy.plain.elementwise import operation, reject
from stile_engine.numpy.plain.sizes import as_size, is_symbolic
from stile_engine.numpy.plain.structure import whole_shape
from stile_engine.term.expression import ONE, ZERO, IndexNumber, NoValue, add, multiply, number, select


def _constant(value: Any, dtype: np.dtype) -> Elements:
    if dtype.kind == "b":
        return Truth(ALWAYS if value else NEVER)
    if dtype.kind in "iu":
        if not float(value).is_integer():
            context.unsupported("a real number in an integer array, which truncates it")
        return Integer(Affine.of(int(value)))
    if dtype.kind == "f":
        return as_array(value, dtype).elements if not isinstance(value, (bool, int)) else Real(number(int(value)))
    context.unsupported(f"an array of {dtype} is not modelled")


def _filled(shape: Any, value: Any, dtype: Any) -> SymbolicArray:
    kind = np.dtype(dtype)
    return fresh(_constant(value, kind), whole_shape(shape), kind)


def _empty(shape: Any, dtype: Any) -> SymbolicArray:
    return fresh(Real(NoValue("never written")), whole_shape(shape), dtype)


def _full(shape: Any, fill_value: Any, dtype: Any) -> SymbolicArray:
    if isinstance(fill_value, (SymbolicArray, np.ndarray, list, tuple)):
        value = as_array(fill_value)
        result = _empty(shape, value.dtype if dtype is None else dtype)
        OPERATIONS["copyto"](result, value)
        return result
    return _filled(shape, fill_value, np.asarray(fill_value).dtype if dtype is None else dtype)


@operation("zeros")
def zeros(shape: Any, dtype: Any = float, order: str = "C") -> SymbolicArray:
    return noted(_filled(shape, 0, dtype))


@operation("ones")
def ones(shape: Any, dtype: Any = None, order: str = "C") -> SymbolicArray:
    return noted(_filled(shape, 1, float if dtype is None else dtype))


@operation("full")
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> SymbolicArray:
    return noted(_full(shape, fill_value, dtype))


@operation("empty")
def empty(shape: Any, dtype: Any = float, order: str = "C") -> SymbolicArray:
    return noted(_empty(shape, dtype))


def _like(name: str, make: Callable[..., SymbolicArray]) -> None:
    @operation(name)
    def function(a: Any, *rest: Any, dtype: Any = None, shape: Any = None, **options: Any) -> SymbolicArray:
        reject(name, {k: v for k, v in options.items() if k not in ("order", "subok", "fill_value")})
        x = as_array(a)
        given = list(rest)
        value = []
        if name == "full_like":
            value = [options["fill_value"] if "fill_value" in options else given.pop(0)]
        kind = given.pop(0) if given else dtype
        result = make(x.shape if shape is None else shape, *value, x.dtype if kind is None else kind)
        return noted(result)


_like("zeros_like", lambda shape, dtype: _filled(shape, 0, dtype))
_like("ones_like", lambda shape, dtype: _filled(shape, 1, dtype))
_like("full_like", _full)
_like("empty_like", _empty)


@operation("arange")
def arange(*bounds: Any, dtype: Any = None, **options: Any) -> SymbolicArray:
    start, stop, step = options.pop("start", 0), options.pop("stop", None), options.pop("step", 1)
    reject("arange", options)
    if len(bounds) == 1:
        stop = bounds[0]
    elif bounds:
        start, stop, *rest = bounds
        step = rest[0] if rest else step
    if not all(hasattr(b, "__index__") for b in (start, stop, step)):
        whole = [float(b) for b in (start, stop, step)]
        if not all(b.is_integer() for b in whole):
            context.unsupported("numpy.arange of numbers that are not whole is not modelled")
        dtype = float if dtype is None else dtype
        start, stop, step = (int(b) for b in whole)
    low, high, stride = as_size(start), as_size(stop), operator.index(step)
    count = _count(low, high, stride)
    value = Affine.of(low) if is_fixed(count, 0) or is_fixed(count, 1) else axis_index(0, 1) * stride + low
    kind = np.dtype(np.int64 if dtype is None else dtype)
    if kind.kind == "f":
        return noted(fresh(Real(IndexNumber(value, ranges_of((count,)))), (count,), kind))
    return fresh(Integer(value), (count,), kind)


def _count(low: Size, high: Size, stride: int) -> Size:
    if not is_symbolic((low, high)):
        return len(range(operator.index(low), operator.index(high), stride))
    if not stride:
        raise ZeroDivisionError("division by zero")
    length = high - low if stride > 0 else low - high
    if length < 0:
        return 0
    found: Size = (length + abs(stride) - 1) // abs(stride)
    return found


@operation("linspace")
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None) -> SymbolicArray:
    count = operator.index(num)
    if dtype is not None and np.dtype(dtype).kind != "f":
        context.unsupported("numpy.linspace of integers truncates, which is not modelled")
    divisor = max(count - 1 if endpoint else count, 1)
    low, high = as_array(start, np.dtype(float)), as_array(stop, np.dtype(float))
    if low.shape or high.shape:
        context.unsupported("numpy.linspace between arrays is not modelled")
    place = IndexNumber(axis_index(0, 1), ranges_of((count,))) if count > 1 else ZERO
    step = OPERATIONS["divide"](OPERATIONS["subtract"](high, low), divisor)
    node = add(low.node, multiply(place, step.node))
    return noted(fresh(Real(node), (count,), float if dtype is None else dtype))


@operation("eye")
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> SymbolicArray:
    shape = whole_shape((N, N if M is None else M))
    on = compare(axis_index(1, 2) - axis_index(0, 2), "==", operator.index(k))
    return noted(fresh(Real(select(on, ONE, ZERO, ranges_of(shape))), shape, dtype))


@operation("identity")
def identity(n: Any, dtype: Any = float) -> SymbolicArray:
    return eye(n, dtype=dtype)


@operation("tri")
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> SymbolicArray:
    shape = whole_shape((N, N if M is None else M))
    below = compare(axis_index(1, 2) - axis_index(0, 2), "<=", operator.index(k))
    if np.dtype(dtype).kind == "b":
        return fresh(Truth(below), shape, bool)
    return noted(fresh(Real(select(below, ONE, ZERO, ranges_of(shape))), shape, dtype))


@operation("indices")
def indices(dimensions: Any, **options: Any) -> tuple[SymbolicArray, ...]:
    reject("indices", options)
    shape = whole_shape(dimensions)
    return tuple(fresh(Integer(axis_index(a, len(shape))), shape, np.int64) for a in range(len(shape)))


@operation("meshgrid")
def meshgrid(*arrays: Any, indexing: str = "xy", sparse: bool = False, copy: bool = True) -> list[SymbolicArray]:
    parts = [as_array(a) for a in arrays]
    rank = len(parts)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    columns = [
        OPERATIONS["reshape"](part, tuple(-1 if i == axis else 1 for i in range(rank)))
        for part, axis in zip(parts, order, strict=True)
    ]
    if sparse:
        return [OPERATIONS["copy"](c, order="C") for c in columns] if copy else columns
    shape = tuple(parts[order.index(i)].size for i in range(rank))
    return [OPERATIONS["copy"](OPERATIONS["broadcast_to"](c, shape), order="C") for c in columns]
