"""Typed NumPy: ``import stile_engine.numpy as tnp``."""

from __future__ import annotations

from stile_engine.numpy import random
from stile_engine.numpy.binding import TypedNumpyArray, TypedResult, functions

abs = functions.abs
cos = functions.cos
einsum = functions.einsum
exp = functions.exp
full = functions.full
mask = functions.mask
maximum = functions.maximum
minimum = functions.minimum
relu = functions.relu
runtime_index = functions.runtime_index
sigmoid = functions.sigmoid
sin = functions.sin
sqrt = functions.sqrt
tensor = functions.tensor
zeros = functions.zeros

__all__ = [
    "TypedNumpyArray",
    "TypedResult",
    "abs",
    "cos",
    "einsum",
    "exp",
    "full",
    "mask",
    "maximum",
    "minimum",
    "random",
    "relu",
    "runtime_index",
    "sigmoid",
    "sin",
    "sqrt",
    "tensor",
    "zeros",
]
