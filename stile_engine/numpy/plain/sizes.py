"""Sizes of arrays in a kernel of NumPy: numbers, or integers that stand for every size that a dim can have.

In a run each of them is a Python integer. What has another answer at one size than at another stops the trace.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed, same_size
from stile_engine.numpy.plain import context
from stile_engine.term.expression import IndexNumber, Node, number
from stile_engine.trace.location import is_user_file
from stile_engine.trace.questions import AS_TEXT


class PlainSize(SymbolicInteger):
    """A symbolic integer whose quotients and powers are numbers of the kernel, as those of an ``int`` are floats."""

    def _symbolic(self, affine: Affine) -> PlainSize:
        return PlainSize(affine)

    def __hash__(self) -> int:
        if is_user_file(sys._getframe(1).f_code.co_filename):
            context.unsupported("a symbolic size in a set or as a key, where sizes are told apart")
        return super().__hash__()

    def __repr__(self) -> str:
        _as_text(sys._getframe(1).f_code.co_filename)
        return super().__repr__()

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        _as_text(sys._getframe(1).f_code.co_filename)
        return format(super().__repr__(), form)

    def __add__(self, other: Any) -> Any:
        return _with_fraction("add", self, other, super().__add__(other))

    def __radd__(self, other: Any) -> Any:
        return _with_fraction("add", other, self, super().__radd__(other))

    def __sub__(self, other: Any) -> Any:
        return _with_fraction("subtract", self, other, super().__sub__(other))

    def __rsub__(self, other: Any) -> Any:
        return _with_fraction("subtract", other, self, super().__rsub__(other))

    def __mul__(self, other: Any) -> Any:
        return _with_fraction("multiply", self, other, super().__mul__(other))

    def __rmul__(self, other: Any) -> Any:
        return _with_fraction("multiply", other, self, super().__rmul__(other))

    def __truediv__(self, other: Any) -> Any:
        return _applied("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _applied("true_divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return _applied("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _applied("power", other, self)


def _as_text(asker: str) -> None:
    if is_user_file(asker):
        context.unsupported(AS_TEXT)


def _with_fraction(name: str, left: Any, right: Any, whole: Any) -> Any:
    """What the integers of the engine make of it; with a float a number of the kernel, as an ``int`` gives a float."""
    if whole is NotImplemented and any(isinstance(v, (float, np.floating)) for v in (left, right)):
        return _applied(name, left, right)
    return whole


def _applied(name: str, left: Any, right: Any) -> Any:
    from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray

    if any(isinstance(v, SymbolicArray) and v.shape for v in (left, right)):
        return NotImplemented
    return OPERATIONS[name](left, right)


def plain_size(value: SymbolicInteger | Affine) -> Size:
    affine = Affine.of(value)
    return affine.constant if affine.is_constant else PlainSize(affine)


def as_size(value: Any) -> Size:
    """An argument of the kernel that is a whole number."""
    return value if isinstance(value, SymbolicInteger) else operator.index(value)


def size_number(size: Size) -> Node:
    """The size as a real number."""
    return IndexNumber(size.affine, {}) if isinstance(size, SymbolicInteger) else number(size)


def is_symbolic(shape: Sequence[Size]) -> bool:
    return any(isinstance(size, SymbolicInteger) for size in shape)


def broadcast_shapes(shapes: Sequence[tuple[Size, ...]]) -> tuple[Size, ...]:
    """As ``np.broadcast_shapes``; two sizes meet only if they are equal at every size."""
    if not any(is_symbolic(shape) for shape in shapes):
        return tuple(np.broadcast_shapes(*shapes))
    found: list[Size] = []
    for back in range(max(len(shape) for shape in shapes), 0, -1):
        here: Size = 1
        for size in (shape[-back] for shape in shapes if len(shape) >= back):
            if is_fixed(here, 1):
                here = size
            elif not is_fixed(size, 1) and not same_size(size, here):
                context.unsupported(f"arrays of the sizes {here!r} and {size!r} meet, which fit at some sizes only")
        found.append(here)
    return tuple(found)


def exact_quotient(total: Size, part: Size) -> Size | None:
    """``total / part`` where that is a whole number at every size; None where it is not known to be one."""
    if not isinstance(part, SymbolicInteger):
        if not part:
            return None
        left = total % part
        return total // part if is_fixed(left, 0) else None
    affine = Affine.of(total)
    leading = part.affine.terms[0]
    factor, rest = divmod(dict(affine.terms).get(leading[0], 0), leading[1])
    return factor if not rest and part.affine * factor == affine else None


def slice_within(key: slice, size: Size) -> tuple[Size, int, Size]:
    """``(start, step, count)`` of a slice of an axis, as ``slice.indices`` has them."""
    step = 1 if key.step is None else operator.index(key.step)
    bounds = [None if b is None else as_size(b) for b in (key.start, key.stop)]
    if not is_symbolic([size, *(b for b in bounds if b is not None)]):
        low, high = (None if b is None else operator.index(b) for b in bounds)
        start, stop, step = slice(low, high, step).indices(operator.index(size))
        return start, step, len(range(start, stop, step))
    if not step:
        raise ValueError("slice step cannot be zero")
    lowest, highest = (0, size) if step > 0 else (-1, size - 1)
    ends: list[Size] = []
    for bound, default in zip(bounds, (lowest, highest) if step > 0 else (highest, lowest), strict=True):
        if bound is None:
            ends.append(default)
            continue
        counted = bound + size if bound < 0 else bound
        ends.append(lowest if counted < lowest else highest if counted > highest else counted)
    first, last = ends
    length = last - first if step > 0 else first - last
    stride = abs(step)
    return first, step, _rounded(length, stride)


def _rounded(length: Any, stride: int) -> Size:
    """How many steps fit into a length, which must not be negative at any size."""
    if length < 0:
        return 0
    found: Size = (length + stride - 1) // stride
    return found
