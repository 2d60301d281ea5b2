"""Numbers and arrays that reach a trace as data: literals and captured constants."""

from __future__ import annotations

from typing import Any

from stile_engine.array.arrays import (
    Array,
    RealArray,
    TruthArray,
    UnknownArray,
    axis,
    index_number,
    integers,
    unlabelled,
)
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER
from stile_engine.term.expression import Node
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Recorder

_BITS = {"float64": 64, "float32": 32, "float16": 16}


def read_constant(value: Any, dtype: str, recorder: Recorder, site: Site | None) -> Array:
    """An array of numbers: one and the same, or an affine function of the indices. Else it is unknown."""
    import numpy as np

    data = np.asarray(value)
    shape = data.shape
    # Of an array without elements any number tells the truth.
    first = data.flat[0] if data.size else data.dtype.type(0)
    uniform = data.size <= 1 or bool(np.all(data == first))
    if data.dtype == np.bool_:
        if uniform:
            return TruthArray(shape, unlabelled(shape), ALWAYS if first else NEVER)
        return UnknownArray(shape, unlabelled(shape), "a constant array of truth values", site)
    if np.issubdtype(data.dtype, np.integer):
        index = Affine((), int(first)) if uniform else _affine(data)
        if index is None:
            return UnknownArray(shape, unlabelled(shape), "a constant array of integers that is not affine", site)
        return integers(shape, index)
    if uniform:
        return RealArray(shape, unlabelled(shape), read_number(first, dtype, recorder, site))
    floats = data.astype(np.float64) if data.dtype.kind in "fV" else None
    if floats is not None and np.all(np.isfinite(floats)) and np.all(floats == np.round(floats)):
        index = _affine(floats)
        if index is not None:
            return RealArray(shape, unlabelled(shape), index_number(index, shape))
    return UnknownArray(shape, unlabelled(shape), "a constant array of different numbers", site)


def read_number(value: Any, dtype: str, recorder: Recorder, site: Site | None) -> Node:
    """A float literal as the exact number that was meant; readings are noted."""
    number = float(value)
    bits = _BITS.get(dtype)
    if bits is None:
        number, bits = _shortest_in(value, number), 64
    return recorder.literal(number, bits, site).node


def _shortest_in(value: Any, number: float) -> float:
    """The double with the fewest digits that rounds to the value in its own, narrower type."""
    import numpy as np

    kind = np.asarray(value).dtype
    for digits in range(1, 17):
        candidate = float(f"{number:.{digits}g}")
        if np.asarray(candidate).astype(kind) == value:
            return candidate
    return number


def _affine(data: Any) -> Affine | None:
    """The affine function of the indices that the array tabulates, if it is one; integers as numbers."""
    import numpy as np

    origin = int(data.flat[0])
    steps = [
        int(data[tuple(1 if b == a else 0 for b in range(data.ndim))]) - origin if data.shape[a] > 1 else 0
        for a in range(data.ndim)
    ]
    expected = np.full(data.shape, origin, dtype=object)
    for a, step in enumerate(steps):
        along = [1] * data.ndim
        along[a] = data.shape[a]
        expected = expected + (np.arange(data.shape[a], dtype=object) * step).reshape(along)
    if not np.all(expected == data):
        return None
    found = Affine((), origin)
    for a, step in enumerate(steps):
        found = found + axis(a) * step
    return found
