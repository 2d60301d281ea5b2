"""Sums of products of arrays that broadcast, without making the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def einsum(factors: list[Array], axes: tuple[int, ...]) -> Array:
    """``(f * g * ...).sum(axes, keepdims=True)``; axes count from the last, as -1, -2, ..."""
    import numpy as np

    shape = np.broadcast_shapes(*(f.shape for f in factors))
    rank = len(shape)
    operands: list[Any] = []
    for f in factors:
        places = [rank - f.ndim + a for a, n in enumerate(f.shape) if n > 1]
        operands += [f.reshape([n for n in f.shape if n > 1]), places]
    gone = {rank + a for a in axes}
    used = {p for places in operands[1::2] for p in places}
    kept = [a for a in range(rank) if a not in gone and a in used]
    found = np.einsum(*operands, kept, optimize="greedy" if len(factors) > 2 else False)
    return np.asarray(found).reshape([1 if a in gone else shape[a] for a in range(rank)])
