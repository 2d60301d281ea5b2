"""Other values for what a function finds in its module and its closure, while it is traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType, FunctionType
from typing import Any

from stile_engine.index.sizes import SymbolicInteger


@contextmanager
def symbols_replaced(function: Any, replacement: Callable[[SymbolicInteger], Any]) -> Iterator[None]:
    """Inside, the symbolic dims that the function names, and what was computed from them when its module ran,
    are their replacements. Functions of the same module see the same."""
    inner = _innermost(function)
    names = {} if inner is None else {n: v for n, v in inner.__globals__.items() if isinstance(v, SymbolicInteger)}
    cells = [] if inner is None else [(c, v) for c in inner.__closure__ or () if (v := _content(c)) is not None]
    given = [replacement(v) for v in names.values()]
    try:
        if inner is not None:
            inner.__globals__.update(zip(names, given, strict=True))
        for cell, value in cells:
            cell.cell_contents = replacement(value)
        yield
    finally:
        if inner is not None:
            inner.__globals__.update(names)
        for cell, value in cells:
            cell.cell_contents = value


def _innermost(function: Any) -> FunctionType | None:
    """The function below decorators, methods and partial applications."""
    while not isinstance(function, FunctionType):
        for name in ("__wrapped__", "__func__", "func", "__call__"):
            inner = getattr(function, name, None)
            if inner is not None and type(inner).__name__ != "method-wrapper":
                break
        else:
            return None
        function = inner
    return function


def _content(cell: CellType) -> SymbolicInteger | None:
    try:
        value = cell.cell_contents
    except ValueError:  # it holds nothing yet
        return None
    return value if isinstance(value, SymbolicInteger) else None
