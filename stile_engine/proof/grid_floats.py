"""Plain floating point on grids: fast, and good enough to find where two expressions may differ.

NaN stands for no value. What overflows may look like an infinity or like no value: nothing that is found
here counts before it is confirmed.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stile_engine.proof.contraction import einsum
from stile_engine.proof.grid_arithmetic import part_at, without_leading

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@lru_cache(maxsize=1)
def functions() -> dict[str, Any]:
    """The functions of one argument, on arrays."""
    import numpy as np

    erf = np.vectorize(math.erf, otypes=[float])

    def sigmoid(x: Array) -> Array:
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1.0, e) / (1.0 + e)

    return {
        "neg": np.negative,
        "exp": np.exp,
        "exp2": np.exp2,
        "log": np.log,
        "log2": np.log2,
        "sqrt": np.sqrt,
        "rsqrt": lambda x: np.where(x == 0, np.nan, 1.0 / np.sqrt(x)),
        "sin": np.sin,
        "cos": np.cos,
        "tanh": np.tanh,
        "erf": erf,
        "abs": np.abs,
        "relu": lambda x: np.maximum(x, 0.0),
        "sigmoid": sigmoid,
        "silu": lambda x: x * sigmoid(x),
        "gelu": lambda x: x / 2 * (1.0 + erf(x / math.sqrt(2))),
        "gelu_tanh": lambda x: x / 2 * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
        "softplus": lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
        "floor": np.floor,
    }


class GridFloats:
    """Arrays of float64."""

    def __init__(self) -> None:
        import numpy

        self._np = numpy
        self._functions = functions()
        self._binary = {
            "add": numpy.add,
            "sub": numpy.subtract,
            "mul": numpy.multiply,
            "maximum": numpy.maximum,
            "minimum": numpy.minimum,
        }
        self._reductions = {
            "sum": (numpy.add, 0.0),
            "prod": (numpy.multiply, 1.0),
            "max": (numpy.maximum, -math.inf),
            "min": (numpy.minimum, math.inf),
        }

    def exact(self, values: Array) -> Array:
        return values

    def rational(self, numerator: int, denominator: int) -> Array:
        try:
            return self._np.array(numerator / denominator)
        except OverflowError:
            return self._np.array(math.copysign(math.inf, numerator))

    def constant(self, name: str) -> Array:
        return self._np.array({"pi": math.pi, "e": math.e}[name])

    def no_value(self) -> Array:
        return self._np.array(math.nan)

    def shape(self, x: Array) -> tuple[int, ...]:
        shape: tuple[int, ...] = x.shape
        return shape

    def take(self, x: Array, place: int, index: int) -> Array:
        return part_at(x, place, index)

    def spread(self, x: Array, shape: tuple[int, ...]) -> Array:
        return self._np.broadcast_to(without_leading(x, len(shape)), shape)

    def where(self, mask: Array, x: Array, y: Array) -> Array:
        return self._np.where(mask, x, y)

    def unary(self, name: str, x: Array) -> Array:
        found: Array = self._np.asarray(self._functions[name](x))
        return found

    def binary(self, name: str, x: Array, y: Array) -> Array:
        if name != "div":
            found = self._binary[name](x, y)
        elif y.all():
            found = x / y
        else:
            found = self._np.where(y == 0, math.nan, x / y)  # x / 0 has no value, for every x
        return found if found.shape else self._np.asarray(found)  # of numbers NumPy makes numbers

    def reduce(self, name: str, x: Array, mask: Array | None, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
        function, neutral = self._reductions[name]
        whole = x if mask is None else self._np.where(mask, x, neutral)
        if whole.shape != shape:
            whole = self._np.broadcast_to(whole, shape)
        found: Array = function.reduce(whole, axis=axes, keepdims=True)
        return found

    def contract(self, factors: list[Array], mask: Array | None, axes: tuple[int, ...]) -> Array | None:
        if mask is not None:
            # The body counts only where the mask holds: as a product only if every factor is finite elsewhere.
            if not all(self._np.isfinite(f).all() for f in factors):
                return None
            factors = [*factors, mask.astype(float)]
        return einsum(factors, axes)
