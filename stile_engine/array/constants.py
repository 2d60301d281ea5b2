"""Numbers and arrays that reach a trace as data: literals and captured constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stile_engine.array.arrays import (
    Array,
    RealArray,
    TruthArray,
    UnknownArray,
    axis,
    index_number,
    integers,
    reindex,
)
from stile_engine.array.choice import choose, join
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, conjunction, disjunction
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
            return TruthArray(shape, ALWAYS if first else NEVER)
        where = where_true(data)
        if where is None:
            return UnknownArray(shape, "a constant array of truth values without a pattern", site)
        return TruthArray(shape, where)
    if np.issubdtype(data.dtype, np.integer):
        index = Affine((), int(first)) if uniform else _affine(data)
        if index is None and (found := _of_few_values(data, lambda v: integers((), Affine((), int(v))))) is not None:
            return found
        if index is None:
            return UnknownArray(shape, "a constant array of integers that is not affine", site)
        return integers(shape, index)
    if uniform:
        return RealArray(shape, read_number(first, dtype, recorder, site))
    floats = data.astype(np.float64) if data.dtype.kind in "fV" else None
    if floats is not None and np.all(np.isfinite(floats)) and np.all(floats == np.round(floats)):
        index = _affine(floats)
        if index is not None:
            return RealArray(shape, index_number(index, shape))
    few = _of_few_values(data, lambda v: RealArray((), read_number(v, dtype, recorder, site)))
    if few is not None:
        return few
    return UnknownArray(shape, "a constant array of different numbers", site)


LARGEST_TABLE = 64
"""Elements of a constant array without a pattern that are written out one by one."""


def _of_few_values(data: Any, element: Callable[[Any], Array]) -> Array | None:
    """An array of two numbers in a pattern, or one that is small."""
    import numpy as np

    shape = data.shape
    values: Any = np.unique(data) if data.size <= 1 << 20 else ()
    if len(values) == 2 and (where := where_true(data == values[0])) is not None:
        low, high = (reindex(element(v), [], shape) for v in values)
        return choose([(where, low), (ALWAYS, high)], shape)
    return _table(data, element) if data.size <= LARGEST_TABLE else None


def _table(data: Any, element: Callable[[Any], Array]) -> Array:
    if not data.ndim:
        return element(data[()])
    shape, rank = data.shape, data.ndim
    inner = [_table(part, element) for part in data]
    wide = [reindex(part, [axis(a) for a in range(1, rank)], shape) for part in inner]
    return join(wide, range(len(wide)), 0, shape)


def where_true(data: Any) -> Predicate | None:
    """The pattern of an array of truth values along one axis, or along the diagonals of two; None for others."""
    import numpy as np

    varying = [a for a in range(data.ndim) if not np.all(data == data.take([0], axis=a))]
    core = data[tuple(slice(None) if a in varying else 0 for a in range(data.ndim))]
    if len(varying) == 1:
        return _runs(core, axis(varying[0]), 0)
    if len(varying) == 2:
        rows, columns = core.shape
        distance = np.subtract.outer(np.arange(rows), np.arange(columns))
        along = np.array([core[distance == d].any() for d in range(1 - columns, rows)])
        if np.array_equal(along[distance + columns - 1], core):
            return _runs(along, axis(varying[0]) - axis(varying[1]), columns - 1)
    return None


def _runs(data: Any, index: Affine, offset: int) -> Predicate | None:
    """Where the index, counted from ``-offset``, lies in a run of truth values."""
    edges = [k for k in range(1, len(data)) if data[k] != data[k - 1]]
    if len(edges) > _LARGEST_NUMBER_OF_EDGES:
        return None
    starts = [0, *edges]
    ends = [*edges, len(data)]
    inside = [
        conjunction(
            *([compare(index, ">=", start - offset)] if start else []),
            *([compare(index, "<", end - offset)] if end < len(data) else []),
        )
        for start, end in zip(starts, ends, strict=True)
        if data[start]
    ]
    return disjunction(*inside)


_LARGEST_NUMBER_OF_EDGES = 16


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
