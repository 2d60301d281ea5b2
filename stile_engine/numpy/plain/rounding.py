"""Functions with cases: signs, rounding, finiteness, choices among several arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stile_engine.array.facts import is_number_or_infinity
from stile_engine.index.predicate import NEVER, Predicate, disjunction, negate
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array, settled
from stile_engine.numpy.plain.elements import Elements, Real, Shape, Truth, as_node
from stile_engine.numpy.plain.elementwise import operation, pointwise, real_type, reject
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    Node,
    add,
    apply,
    divide,
    number,
    subtract,
)
from stile_engine.term.expression import (
    negate as opposite,
)
from stile_engine.term.rounding import rounded, signum, truncated


def _function(name: str, build: Callable[[Node], Node], keeps_integers: bool, *aliases: str) -> None:
    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        if keeps_integers and dtype.kind in "iu" and name != "sign":
            return elements[0], dtype
        found = Real(build(as_node(elements[0], shape)))
        return found, dtype if keeps_integers and dtype.kind in "iu" else real_type(dtype)

    @operation(name, *aliases)
    def function(x: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        return pointwise((x,), compute, out, where)


def _exponentials(combine: Callable[[Node, Node], Node]) -> Callable[[Node], Node]:
    return lambda x: divide(combine(apply("exp", x), apply("exp", opposite(x))), number(2))


_function("sign", signum, True)
_function("rint", rounded, True)
_function("trunc", truncated, True, "fix")
_function("sinh", _exponentials(subtract), False)
_function("cosh", _exponentials(add), False)
_function("tan", lambda x: divide(apply("sin", x), apply("cos", x)), False)


@operation("round", "around", "round_")
def round_(a: Any, decimals: int = 0, out: Any = None) -> SymbolicArray:
    if decimals != 0:
        context.unsupported("rounding to a number of decimals is not modelled")
    return OPERATIONS["rint"](a, out=out)  # type: ignore[no-any-return]


def _finiteness(name: str, build: Callable[[Node], Predicate]) -> None:
    def compute(elements: list[Elements], shape: Shape, _dtype: np.dtype) -> tuple[Elements, Any]:
        node = as_node(elements[0], shape)
        if not is_number_or_infinity(node):
            # NaN is no value: what a test of it says cannot be told apart from having none.
            context.unsupported(f"numpy.{name} of data that may be NaN is not modelled")
        return Truth(build(node)), bool

    @operation(name)
    def function(x: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        return pointwise((x,), compute, out, where)


def _is(infinity: Node) -> Callable[[Node], Predicate]:
    return lambda x: compare_values(x, "==", infinity)


def _infinite(x: Node) -> Predicate:
    return disjunction(compare_values(x, "==", NEGATIVE_INFINITY), compare_values(x, "==", POSITIVE_INFINITY))


_finiteness("isinf", _infinite)
_finiteness("isneginf", _is(NEGATIVE_INFINITY))
_finiteness("isposinf", _is(POSITIVE_INFINITY))
_finiteness("isfinite", lambda x: negate(_infinite(x)))
_finiteness("isnan", lambda _x: NEVER)


@operation("select")
def select(condlist: Any, choicelist: Any, default: Any = 0) -> SymbolicArray:
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    found = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        found = OPERATIONS["where"](condition, choice, found)
    return as_array(found)


@operation("piecewise")
def piecewise(x: Any, condlist: Any, funclist: Any, *arguments: Any, **options: Any) -> SymbolicArray:
    """Each function is given all of ``x``: NumPy gives it the part where its condition holds, so that functions
    of single elements, and no others, do the same. They meet that part as a selection."""
    operand = as_array(x)
    conditions = [as_array(c) for c in (condlist if isinstance(condlist, (list, tuple)) else [condlist])]
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise ValueError(f"with {len(conditions)} condition(s), {len(conditions)} or {len(conditions) + 1} functions")
    result = OPERATIONS["zeros_like"](operand)
    if len(functions) == len(conditions) + 1:
        covered = conditions[0]
        for condition in conditions[1:]:
            covered = OPERATIONS["logical_or"](covered, condition)
        conditions.append(OPERATIONS["logical_not"](covered))
    for condition, function in zip(conditions, functions, strict=True):
        value = function(operand[condition], *arguments, **options) if callable(function) else function
        result[condition] = value
    return settled(result)


@operation("count_nonzero")
def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
    x = as_array(a)
    holds = x if x.dtype.kind == "b" else OPERATIONS["not_equal"](x, 0)
    return OPERATIONS["sum"](holds, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]


@operation("heaviside")
def heaviside(x: Any, at_zero: Any) -> SymbolicArray:
    above = OPERATIONS["where"](OPERATIONS["greater"](x, 0), 1.0, 0.0)
    return OPERATIONS["where"](OPERATIONS["equal"](x, 0), at_zero, above)  # type: ignore[no-any-return]


@operation("hypot")
def hypot(x: Any, y: Any) -> SymbolicArray:
    return OPERATIONS["sqrt"](OPERATIONS["add"](OPERATIONS["square"](x), OPERATIONS["square"](y)))  # type: ignore[no-any-return]
