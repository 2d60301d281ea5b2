"""Stretches of a program whose declarations belong together, and questions about single expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import wraps
from types import TracebackType
from typing import Any, NoReturn

from stile_engine.errors import UnsupportedError, UsageError
from stile_engine.index.registry import scope
from stile_engine.proof.verdict import Status
from stile_engine.term.expression import ONE, ZERO, select
from stile_engine.term.value import Value
from stile_engine.trace.recording import Claim
from stile_engine.typed.array import TypedArray
from stile_engine.typed.claims import misfit, prove_claim, restricted, spec_value
from stile_engine.typed.predicates import parse_predicate
from stile_engine.typed.shape import DimLike, ExprType, ShapeType, Type, shape_of


class _Verified:
    """``@verified``, ``@verified(clear=True)`` and ``with verified():`` in one."""

    def __init__(self, clear: bool) -> None:
        self._clear = clear
        self._open: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        inner = scope(self._clear)
        inner.__enter__()
        self._open.append(inner)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.pop().__exit__(kind, error, traceback)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def inside(*arguments: Any, **options: Any) -> Any:
            with self:
                return function(*arguments, **options)

        return inside


def verified(function: Callable[..., Any] | None = None, *, hardware: Any = None, clear: bool = False) -> Any:
    """What is declared inside ends with it; a decorator, with or without arguments, and a context manager.

    Raises ``UnsupportedError`` for ``hardware``: rounding errors are not analysed yet.
    """
    if hardware is not None:
        raise UnsupportedError("verified(hardware=…): rounding errors are not analysed yet")
    found = _Verified(clear)
    return found if function is None else found(function)


def expr_simplifies(array: TypedArray | Type, spec: str) -> bool:
    """Whether the expression of a typed array is proved equal to a spec, on the array's own ranges."""
    kind = array.type if isinstance(array, TypedArray) else array
    if not isinstance(kind, Type):
        raise UsageError(f"expected a typed array, not {array!r}")
    wanted = spec_value(spec)
    # The order of dims is part of the shape type, and this question is about the expression alone.
    ordered = ShapeType(d for w in wanted.dims if (d := kind.st.find(w.name)) is not None)
    if len(ordered) != len(kind.st) or misfit(ordered, ShapeType(wanted.dims)) is not None:
        return False
    claim = Claim(Value(tuple(ordered), kind.et.node), restricted(wanted, ordered), None, spec)
    return prove_claim(claim).status is Status.PROVED


def mask_expr(dims: Iterable[DimLike], predicate: str) -> ExprType:
    """The expression that is 1 where the predicate over the dims holds and 0 elsewhere."""
    st = shape_of(dims)
    return ExprType(select(parse_predicate(predicate, st), ONE, ZERO, st.axes), st.extents)


def runtime_scalar(name: str, max_value: int, min_value: int = 0) -> NoReturn:
    """An integer in ``[min_value, max_value)`` that is known at run time only. Not modelled yet."""
    raise UnsupportedError(f"the run-time integer {name} in [{min_value}, {max_value}) is not modelled yet")
