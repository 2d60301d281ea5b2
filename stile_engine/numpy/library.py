"""NumPy's part of typed arrays: numbers only, no rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stile_engine.errors import UsageError
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import Always, And, AtLeastZero, EqualsZero, Never, Not, Or, Predicate

_FUNCTIONS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
}
_REDUCTIONS: dict[str, Any] = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod, "mean": np.mean}


class NumpyLibrary:
    """``typed.library.Library`` on NumPy arrays."""

    name = "numpy"

    def shape(self, data: Any) -> tuple[int, ...]:
        return tuple(np.shape(data))

    def narrow(self, data: Any, axis: int, low: int, high: int) -> Any:
        return data[(slice(None),) * axis + (slice(low, high),)]

    def repeat(self, data: Any, count: int) -> Any:
        data = np.asarray(data)
        return np.broadcast_to(data[None], (count, *data.shape))

    def transpose(self, data: Any, order: Sequence[int]) -> Any:
        return np.transpose(data, tuple(order))

    def reduce(self, reduction: str, data: Any, axis: int) -> Any:
        return _REDUCTIONS[reduction](data, axis=axis)

    def apply(self, function: str, operands: Sequence[Any]) -> Any:
        # exp(-inf), x / 0 and the like are answers here, and the prover speaks about them
        with np.errstate(all="ignore"):
            return _FUNCTIONS[function](*operands)

    def contract(self, operands: Sequence[tuple[Any, Sequence[int]]], result: Sequence[int]) -> Any:
        return np.einsum(*(part for data, axes in operands for part in (data, list(axes))), list(result), optimize=True)

    def select(self, predicate: Predicate, ranges: Sequence[tuple[str, int, int]], chosen: Any, other: Any) -> Any:
        grids = np.meshgrid(*(np.arange(low, high) for _, low, high in ranges), indexing="ij", sparse=True)
        holds = _holds(predicate, {name: g for (name, _, _), g in zip(ranges, grids, strict=True)})
        shape = tuple(high - low for _, low, high in ranges)
        return np.where(np.broadcast_to(holds, shape), chosen, other)

    def full(self, shape: Sequence[int], value: float) -> Any:
        return np.full(tuple(shape), value)

    def cast(self, data: Any, dtype: Any) -> Any:
        return data.astype(np.dtype(dtype)) if dtype != "bfloat16" else data.astype(np.float32)

    def is_floating(self, dtype: Any) -> bool:
        if dtype == "bfloat16":
            return True
        try:
            return bool(np.issubdtype(np.dtype(dtype), np.floating))
        except TypeError as error:
            raise UsageError(f"{dtype!r} is no element type") from error

    def gather(
        self,
        data: Any,
        dims: Sequence[tuple[str, int]],
        dim: str,
        index: Any,
        index_dims: Sequence[str],
        result: Sequence[tuple[str, int, int]],
    ) -> Any:
        order = [name for name, _, _ in result]
        grids = {name: _along(np.arange(low, high), [name], order) for name, low, high in result}
        places = [_along(np.asarray(index), index_dims, order) if n == dim else grids[n] - low for n, low in dims]
        shape = tuple(high - low for _, low, high in result)
        return data[tuple(np.broadcast_to(p, shape) for p in places)]

    def scatter(
        self,
        base: Any,
        result: Sequence[tuple[str, int, int]],
        dim: str,
        index: Any,
        index_dims: Sequence[str],
        data: Any,
        dims: Sequence[tuple[str, int, int]],
        reduction: str | None,
    ) -> Any:
        shape = tuple(high - low for _, low, high in result)
        out = np.zeros(shape, data.dtype) if base is None else np.array(base)
        order = [name for name, _, _ in dims]
        grids = {name: _along(np.arange(low, high), [name], order) for name, low, high in dims}
        own = _along(np.asarray(index), index_dims, order)
        source = tuple(np.broadcast_to(own if n == dim else grids[n] - low, data.shape) for n, low, _ in result)
        if reduction == "sum":
            np.add.at(out, source, data)
        else:
            out[source] = data
        return out

    def write(self, target: Any, box: Sequence[tuple[int, int]], data: Any) -> Any:
        target[tuple(slice(low, high) for low, high in box)] = data
        return target


def _along(values: Any, names: Sequence[str], order: Sequence[str]) -> Any:
    """The array with its named axes at their places among ``order``, and axes of size 1 for the others."""
    kept = [n for n in order if n in names]
    moved = np.transpose(values, [list(names).index(n) for n in kept])
    shape = iter(moved.shape)
    return moved.reshape([next(shape) if n in names else 1 for n in order])


def _index(expression: Affine, grids: dict[str, Any]) -> Any:
    total: Any = expression.constant
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv):
            total = total + coefficient * (_index(atom.numerator, grids) // atom.divisor)
        else:
            total = total + coefficient * grids[atom]
    return total


def _holds(predicate: Predicate, grids: dict[str, Any]) -> Any:
    match predicate:
        case Always():
            return np.True_
        case Never():
            return np.False_
        case AtLeastZero(expression):
            return _index(expression, grids) >= 0
        case EqualsZero(expression):
            return _index(expression, grids) == 0
        case Not(operand):
            return np.logical_not(_holds(operand, grids))
        case And(operands):
            return np.logical_and.reduce(np.broadcast_arrays(*(_holds(o, grids) for o in operands)))
        case Or(operands):
            return np.logical_or.reduce(np.broadcast_arrays(*(_holds(o, grids) for o in operands)))
