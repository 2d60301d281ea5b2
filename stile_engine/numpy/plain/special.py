"""Functions of ``scipy.special``, by their definitions on real numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array
from stile_engine.numpy.plain.elements import Elements, Real, Shape, as_node
from stile_engine.numpy.plain.elementwise import operation, pointwise, real_type, reject
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Node,
    add,
    apply,
    divide,
    multiply,
    negate,
    number,
    select,
    subtract,
)

PREFIX = "scipy.special."


def _pointwise(name: str, build: Callable[..., Node], arity: int = 1) -> None:
    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        return Real(build(*(as_node(e, shape) for e in elements))), real_type(dtype)

    @operation(PREFIX + name)
    def function(*values: Any, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        if len(values) != arity:
            raise TypeError(f"scipy.special.{name} takes {arity} arrays")
        return pointwise(values, compute, out, where)


def _entropy(x: Node) -> Node:
    # -x log(x), which is 0 at 0; below it SciPy has -inf, which is no value here
    return negate(_times_log(x, x))


def _times_log(x: Node, y: Node) -> Node:
    product = multiply(x, apply("log", y))
    return select(compare_values(x, "==", ZERO), ZERO, product, {**y.axes, **x.axes})


_pointwise("expit", lambda x: apply("sigmoid", x))
_pointwise("log_expit", lambda x: negate(apply("softplus", negate(x))))
_pointwise("logit", lambda x: apply("log", divide(x, subtract(ONE, x))))
_pointwise("erf", lambda x: apply("erf", x))
_pointwise("erfc", lambda x: subtract(ONE, apply("erf", x)))
_pointwise("xlogy", _times_log, 2)
_pointwise("xlog1py", lambda x, y: _times_log(x, add(ONE, y)), 2)
_pointwise("entr", _entropy)
_pointwise("rel_entr", lambda x, y: _times_log(x, divide(x, y)), 2)
_pointwise("kl_div", lambda x, y: add(subtract(_times_log(x, divide(x, y)), x), y), 2)
_pointwise("ndtr", lambda x: divide(add(ONE, apply("erf", divide(x, apply("sqrt", number(2))))), number(2)))
_pointwise("softplus", lambda x: apply("softplus", x))
_pointwise("exprel", lambda x: divide(subtract(apply("exp", x), ONE), x))


def _exponentials(x: SymbolicArray) -> SymbolicArray:
    return OPERATIONS["exp"](x)  # type: ignore[no-any-return]


@operation(PREFIX + "softmax")
def softmax(x: Any, axis: Any = None) -> SymbolicArray:
    powers = _exponentials(as_array(x))
    return OPERATIONS["true_divide"](powers, OPERATIONS["sum"](powers, axis=axis, keepdims=True))  # type: ignore[no-any-return]


@operation(PREFIX + "log_softmax")
def log_softmax(x: Any, axis: Any = None) -> SymbolicArray:
    return OPERATIONS["subtract"](x, logsumexp(x, axis, keepdims=True))  # type: ignore[no-any-return]


@operation(PREFIX + "logsumexp")
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> SymbolicArray:
    if return_sign:
        context.unsupported("scipy.special.logsumexp with return_sign is not modelled")
    powers = _exponentials(as_array(a))
    if b is not None:
        powers = OPERATIONS["multiply"](powers, b)
    return OPERATIONS["log"](OPERATIONS["sum"](powers, axis=axis, keepdims=keepdims))  # type: ignore[no-any-return]
