"""How a new array lies in memory, as far as NumPy says so.

A reshape of an array is a view or a copy by its layout, and a write to either then reaches the other or not. A new
array is row-major where all that it was made of is, and no other order was asked for. Otherwise the order is NumPy's
choice (it mostly keeps that of the operands): the strides are not known, and a write that they decide is unsupported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from stile_engine.index.sizes import is_fixed
from stile_engine.numpy.plain.array import SymbolicArray
from stile_engine.numpy.plain.storage import Buffer, Store, is_row_major

_ROW_MAJOR = frozenset("reshape ravel flatten ascontiguousarray outer tensordot repeat".split())
"""Row-major whatever the operands are."""

_PRODUCTS = frozenset(("matmul", "dot", "inner"))
"""Row-major in the last two axes; NumPy chooses the order of the others."""

_OWN_ORDER = frozenset(("einsum",))
"""Not row-major even where all operands are."""


def lies_in_rows(store: Store, leading: int | None = None) -> bool:
    """Whether NumPy makes a row-major array of one that lies like this, looking at the first axes only if told so.

    Strides that fall from axis to axis, of either sign, do: the array need not be contiguous. Axes of size 1
    have no say.
    """
    if leading is None and is_row_major(store):
        return True
    if store.strides is None:
        return False
    axes = [s for n, s in zip(store.shape[:leading], store.strides[:leading], strict=True) if not is_fixed(n, 1)]
    steps = [abs(s) for s in axes if isinstance(s, int)]
    return len(steps) == len(axes) and 0 not in steps and all(a >= b for a, b in pairwise(steps))


def settle_layout(name: str, result: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Forget the strides of the arrays that an operation has made where they are NumPy's choice."""
    for made in result if isinstance(result, (tuple, list)) else (result,):
        if not isinstance(made, SymbolicArray) or made.ndim < 2 or not isinstance(made.store, Buffer):
            continue
        order = options.get("order") or next((a for a in arguments if isinstance(a, str) and a in "FAK"), None)
        if order == "C" or (name in _ROW_MAJOR and order is None):
            continue
        operands = list(_arrays((*arguments, *options.values())))
        if any(operand.store is made.store for operand in operands):
            continue
        if order == "F" or name in _OWN_ORDER or not all(_keeps_rows(name, operand) for operand in operands):
            made.store.strides = None


def _keeps_rows(name: str, operand: SymbolicArray) -> bool:
    if name in _PRODUCTS:
        return operand.ndim < 4 or lies_in_rows(operand.store, operand.ndim - 2)
    return operand.ndim < 2 or lies_in_rows(operand.store)


def _arrays(values: Any) -> Iterator[SymbolicArray]:
    for value in values:
        if isinstance(value, SymbolicArray):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _arrays(value)
