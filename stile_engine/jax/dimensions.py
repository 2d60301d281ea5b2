"""Symbolic sizes as JAX has them, ``64*N`` in the shape of an array, and as the engine has them.

Every symbolic dim is one dimension variable of ``jax.export.symbolic_shape``. The expressions that JAX makes
of them are read from their text, which is what ``symbolic_shape`` itself reads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Number
from typing import Any

from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim, unknowns_of
from stile_engine.index.sizes import Size, SymbolicInteger, quotient, size_of, whole_number
from stile_engine.trace.questions import AS_A_NUMBER, Questions, answering
from stile_engine.trace.reflection import stands_in

_OPERATIONS = frozenset({"floordiv", "mod", "max", "min", "non_negative"})
"""Functions in the text of a dimension expression; a dim of such a name needs another one there."""


class Dimensions:
    """The symbolic dims of one kernel in one scope of dimension variables."""

    def __init__(self, dims: Mapping[str, Dim]) -> None:
        names = {symbol: symbol.removeprefix("#") for symbol in unknowns_of(dims.values())}
        self._names = {f"{name}_" if name in _OPERATIONS else name: symbol for symbol, name in names.items()}
        self._variables: dict[str, Any] = {}
        self._read: dict[str, Size] = {}
        self._scope: Any = None

    def __bool__(self) -> bool:
        return bool(self._names)

    def of(self, value: Any) -> Any:
        """A dim, or an expression of dims, for JAX; everything else is left as it is."""
        match value:
            case Dim():
                return self._expression(value.extent) if value.concrete is None else value.concrete
            case SymbolicInteger(affine=affine):
                return self._expression(affine)
            case _:
                return value

    def _expression(self, affine: Affine) -> Any:
        if not self._variables:
            self._variables = self._declared()
        found: Any = affine.constant
        for atom, coefficient in affine.terms:
            if isinstance(atom, str):
                found = found + self._variables[atom] * coefficient
            else:
                found = found + (self._expression(atom.numerator) // atom.divisor) * coefficient
        return found

    def _declared(self) -> dict[str, Any]:
        from jax import export

        # A scope of its own: JAX keeps what it traced by shape, and sizes of different scopes are different.
        variables = export.symbolic_shape(", ".join(self._names))
        return dict(zip(self._names.values(), variables, strict=True))

    @contextmanager
    def asked(self, questions: Questions) -> Iterator[None]:
        """Inside, what code asks of JAX's sizes is answered or noted. JAX itself says of two sizes that may be
        equal that they are not, and of one that may be 0 that it is true."""
        if not self:
            yield
            return
        self._variables = self._variables or self._declared()
        variable = next(iter(self._variables.values()))
        kind, self._scope = type(variable), variable.scope
        stands_in(kind, AS_A_NUMBER)
        with answering(kind, self._comparable, questions):
            yield

    def _comparable(self, value: Any) -> Size | None:
        # Where JAX looks up what it traced before, it also meets the sizes of other kernels.
        if is_dimension(value) and value.scope is not self._scope:
            return None
        if isinstance(value, Number):
            return whole_number(value)
        return self.size(value) if is_dimension(value) else None

    def size(self, value: Any) -> Size:
        """A size of JAX's. Raises ``UnsupportedError`` for one that is not affine in the symbolic sizes."""
        if isinstance(value, int):
            return int(value)
        if not is_dimension(value):
            raise UnsupportedError(f"a size of type {type(value).__name__}")
        text = str(value)
        if text not in self._read:
            self._read[text] = size_of(self._parsed(ast.parse(text.replace("^", "**"), mode="eval").body, text))
        return self._read[text]

    def _parsed(self, node: ast.expr, text: str) -> Affine:
        match node:
            case ast.Constant(value=int(number)):
                return Affine((), number)
            case ast.Name(id=name) if name in self._names:
                return Affine.variable(self._names[name])
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._parsed(operand, text)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as operator, right=right):
                first, second = self._parsed(left, text), self._parsed(right, text)
                if isinstance(operator, ast.Add):
                    return first + second
                if isinstance(operator, ast.Sub):
                    return first - second
                if first.is_constant or second.is_constant:
                    return first * second
            case ast.Call(func=ast.Name(id="floordiv" | "mod" as operation), args=[left, right]):
                first, second = self._parsed(left, text), self._parsed(right, text)
                found = quotient(first, second)
                if operation == "floordiv":
                    return found
                if found.is_constant or second.is_constant:
                    return first - found * second
            case ast.Call(func=ast.Name(id="max" | "min" as operation), args=[left, right]):
                return self._larger(self._parsed(left, text), self._parsed(right, text), operation == "max")
        raise UnsupportedError(f"the size {text}, which is not affine in the symbolic sizes,")

    def _larger(self, left: Affine, right: Affine, larger: bool) -> Affine:
        # undecided comparisons raise: such a size has a case for each answer
        first = bool(size_of(left) >= size_of(right))
        return left if first is larger else right

    def sizes(self, value: Any) -> Any:
        """A parameter of an equation with JAX's sizes replaced, in tuples and lists as well."""
        if is_dimension(value):
            return self.size(value)
        if type(value) in (tuple, list) and any(is_dimension(v) or type(v) in (tuple, list) for v in value):
            return type(value)(self.sizes(v) for v in value)
        return value


def is_dimension(value: Any) -> bool:
    """Whether this is a size of JAX's that is no number. Their class is not public, this attribute is its mark."""
    return getattr(value, "dimension_as_value", None) is not None


_current: ContextVar[Dimensions | None] = ContextVar("_current", default=None)
_NONE = Dimensions({})


@contextmanager
def within(dimensions: Dimensions) -> Iterator[None]:
    """While a kernel is traced and read, its sizes are made of these dims."""
    token = _current.set(dimensions)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Dimensions:
    return _current.get() or _NONE


def shape_of(shape: Sequence[Any]) -> tuple[Size, ...]:
    return tuple(current().size(size) for size in shape)
