"""What is plainly true of an expression: finite everywhere, positive, its mask never empty."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from fractions import Fraction

from pairs.terms import IllFormed, Predicate, Term, as_python, dims_of, names_in, ranges

Sizes = Mapping[str, int]
_TOTAL = frozenset("neg exp exp2 sin cos tanh erf abs relu sigmoid silu gelu gelu_tanh softplus floor".split())


def finite(t: Term, sizes: Sizes) -> bool:
    """Whether it is shown that every element is a finite number, for all finite inputs."""
    known = dict(sizes)
    match t.head, t.data, t.inner:
        case "read" | "number" | "name", _, _:
            return True
        case "infinity", _, _:
            return False
        case "binary", ("/",), (left, right):
            return finite(left, sizes) and positive(right, sizes)
        case "unary", ("sqrt",), (operand,):
            return nonnegative(operand, sizes)
        case "unary", ("log" | "log2" | "rsqrt",), (operand,):
            return positive(operand, sizes)
        case "unary", (name,), (operand,):
            return name in _TOTAL and finite(operand, sizes)
        case "power", (exponent,), (base,):
            return positive(base, sizes) if exponent < 0 else finite(base, sizes)
        case "reduce", (name, dim, predicate), (body,):
            return finite(body, sizes) and (name in ("sum", "prod") or nonempty(predicate, dim, body, sizes))
        case "softmax", (dim, predicate), (body,):
            return finite(body, sizes) and nonempty(predicate, dim, body, sizes)
        case "contract", (name, _), operands:
            return name in ("", "sum", "max") and all(finite(o, sizes) for o in operands)
        case "at", (dim, index), (body,):
            return finite(body, sizes) and in_range(dim, index, body, sizes)
        case "let", _, _:
            return False
    try:
        ranges(t, known)
    except IllFormed:
        return False
    return all(finite(i, sizes) for i in t.inner)


def positive(t: Term, sizes: Sizes) -> bool:
    match t.head, t.data, t.inner:
        case "number", (shown,), _:
            return shown == "pi" or shown.startswith("size(") or Fraction(shown) > 0
        case "unary", ("exp" | "exp2" | "sigmoid" | "softplus",), (operand,):
            return finite(operand, sizes)
        case "unary", ("sqrt" | "rsqrt",), (operand,):
            return positive(operand, sizes)
        case "binary", ("*" | "/" | "minimum",), (left, right):
            return positive(left, sizes) and positive(right, sizes)
        case "binary", ("+",), (left, right):
            one = positive(left, sizes) and nonnegative(right, sizes)
            return one or (nonnegative(left, sizes) and positive(right, sizes))
        case "binary", ("maximum",), (left, right):
            one = positive(left, sizes) and finite(right, sizes)
            return one or (finite(left, sizes) and positive(right, sizes))
        case "power", _, (base,):
            return positive(base, sizes)
        case "reduce", (_, dim, predicate), (body,) if t.data[0] in ("sum", "max", "min", "mean"):
            return positive(body, sizes) and nonempty(predicate, dim, body, sizes)
        case "softmax", (_, None), (body,):
            return finite(body, sizes)
        case "contract", ("", _), operands:
            return all(positive(o, sizes) for o in operands)
    return False


def nonnegative(t: Term, sizes: Sizes) -> bool:
    if positive(t, sizes):
        return True
    match t.head, t.data, t.inner:
        case "number", _, _:
            return True
        case "unary", ("abs" | "relu",), (operand,):
            return finite(operand, sizes)
        case "unary", ("sqrt",), (operand,):
            return nonnegative(operand, sizes)
        case "binary", ("*",), (left, right) if left == right:
            return finite(left, sizes)
        case "binary", ("*" | "+" | "minimum",), (left, right):
            return nonnegative(left, sizes) and nonnegative(right, sizes)
        case "binary", ("/",), (left, right):
            return nonnegative(left, sizes) and positive(right, sizes)
        case "power", (exponent,), (base,) if exponent >= 0:
            return finite(base, sizes) and (exponent % 2 == 0 or nonnegative(base, sizes))
        case "reduce", ("sum", _, _), (body,):
            return nonnegative(body, sizes)
        case "reduce", ("max" | "min" | "mean", dim, predicate), (body,):
            return nonnegative(body, sizes) and nonempty(predicate, dim, body, sizes)
        case "softmax", (dim, predicate), (body,):
            return finite(body, sizes) and nonempty(predicate, dim, body, sizes)
        case "mask", _, (body,):
            return nonnegative(body, sizes)
    return False


def nonempty(predicate: Predicate | None, dim: str, body: Term, sizes: Sizes) -> bool:
    """Whether the mask leaves something of ``dim`` in every row."""
    if predicate is None:
        return True
    own = ranges(body, dict(sizes))
    others = sorted(dims_of(predicate) - {dim})
    code = compile(as_python(predicate), "<predicate>", "eval")

    def values(d: str) -> range:
        return range(*own.get(d, (0, sizes[d])))

    return all(
        any(eval(code, {"__builtins__": {}}, {**dict(zip(others, row, strict=True)), dim: k}) for k in values(dim))
        for row in itertools.product(*(values(d) for d in others))
    )


def in_range(dim: str, index: str, body: Term, sizes: Sizes) -> bool:
    own = ranges(body, dict(sizes))
    names = sorted(names_in(index))
    code = compile(index, "<index>", "eval")
    low, high = own[dim]
    rows = itertools.product(*(range(*(own[d] if d in own and d != dim else (0, sizes[d]))) for d in names))
    return all(low <= eval(code, {"__builtins__": {}}, dict(zip(names, row, strict=True))) < high for row in rows)
