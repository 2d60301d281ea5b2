"""Simple facts about an expression as written, enough to settle guards that libraries put into kernels."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TypeAlias

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, conjunction, negate, substitute
from stile_engine.term.expression import (
    Apply,
    Bounds,
    Const,
    Constant,
    IndexNumber,
    Infinity,
    Node,
    Power,
    Read,
    Reduce,
    Reindex,
    Restrict,
    Select,
)

_FINITE_FROM_FINITE = frozenset(
    "add sub mul neg exp exp2 abs tanh sigmoid erf sin cos maximum minimum".split()
    + "relu floor silu gelu gelu_tanh softplus".split()
)


def affine_value(node: Node) -> tuple[Affine, int] | None:
    """``(numerator, denominator > 0)`` of a number that is an affine function of the indices."""
    match node:
        case Const(value):
            return Affine((), value.numerator), value.denominator
        case IndexNumber(index, _):
            return index, 1
        case Apply("neg", (operand,)):
            inner = affine_value(operand)
            return None if inner is None else (-inner[0], inner[1])
        case Apply("add" | "sub" | "mul" | "div" as function, (left, right)):
            first, second = affine_value(left), affine_value(right)
            if first is None or second is None:
                return None
            return _arithmetic(function, first, second)
        case _:
            return None


_MAXIMUM_CASES = 8

Case: TypeAlias = "tuple[Predicate, tuple[Affine, int]]"


def affine_cases(node: Node) -> list[Case] | None:
    """``affine_value`` of a number that predicates on the indices choose, as a mask of ones and zeros.

    The predicates exclude one another, and one of them holds.
    """
    whole = affine_value(node)
    if whole is not None:
        return [(ALWAYS, whole)]
    match node:
        case Select(predicate, chosen, other, _):
            first, second = affine_cases(chosen), affine_cases(other)
            if first is None or second is None or len(first) + len(second) > _MAXIMUM_CASES:
                return None
            return [
                *((conjunction(predicate, inner), value) for inner, value in first),
                *((conjunction(negate(predicate), inner), value) for inner, value in second),
            ]
        case Apply("add" | "sub" | "mul" | "div" as function, (left, right)):
            first, second = affine_cases(left), affine_cases(right)
            if first is None or second is None or len(first) * len(second) > _MAXIMUM_CASES:
                return None
            found: list[Case] = []
            for p, one in first:
                for q, other_value in second:
                    value = _arithmetic(function, one, other_value)
                    if value is None:
                        return None
                    found.append((conjunction(p, q), value))
            return found
        case Reindex(body, mapping, _):
            inside = affine_cases(body)
            if inside is None:
                return None
            return [(substitute(p, mapping), (value.substitute(mapping), scale)) for p, (value, scale) in inside]
        case _:
            return None


def _arithmetic(function: str, left: tuple[Affine, int], right: tuple[Affine, int]) -> tuple[Affine, int] | None:
    match function:
        case "add" | "sub":
            scale = lcm(left[1], right[1])
            first, second = left[0] * (scale // left[1]), right[0] * (scale // right[1])
            return (first + second if function == "add" else first - second), scale
        case "mul":
            if not (left[0].is_constant or right[0].is_constant):
                return None
            return left[0] * right[0], left[1] * right[1]
        case _:
            if not right[0].is_constant or right[0].constant == 0:
                return None
            sign = 1 if right[0].constant > 0 else -1
            return left[0] * (right[1] * sign), left[1] * abs(right[0].constant)


def rational_value(node: Node) -> Fraction | None:
    """The number, where the expression is a closed rational one."""
    found = affine_value(node)
    if found is None or not found[0].is_constant:
        return None
    return Fraction(found[0].constant, found[1])


def is_surely_finite(node: Node) -> bool:
    """Whether the expression has a finite value everywhere, given that inputs are finite.

    Reads and re-indexings are in range wherever a front end makes them. False means *not known*.
    """
    known: dict[int, bool] = {}
    stack = [node]
    while stack:
        current = stack[-1]
        if id(current) in known:
            stack.pop()
            continue
        parts = _parts(current)
        if parts is None:
            known[id(current)] = False
        elif waiting := [p for p in parts if id(p) not in known]:
            stack.extend(waiting)
            continue
        else:
            known[id(current)] = all(known[id(p)] for p in parts)
        stack.pop()
    return known[id(node)]


def _parts(node: Node) -> tuple[Node, ...] | None:
    """Expressions whose finiteness makes this one finite; None where nothing does."""
    match node:
        case Const() | Constant() | IndexNumber():
            return ()
        case Read(tensor, _, _):
            return None if tensor.may_be_infinite else ()
        case Apply("maximum", (Infinity(-1), operand)) | Apply("maximum", (operand, Infinity(-1))):
            return (operand,)
        case Apply("minimum", (Infinity(1), operand)) | Apply("minimum", (operand, Infinity(1))):
            return (operand,)
        case Apply("sqrt" | "log" | "rsqrt", (Const(value),)):
            return () if value > 0 else None
        case Apply("div", (operand, Const(value))):
            return (operand,) if value != 0 else None
        case Apply(function, operands):
            return operands if function in _FINITE_FROM_FINITE else None
        case Power(base, exponent):
            return (base,) if exponent >= 0 else None
        case Select(_, chosen, other, _):
            return (chosen, other)
        case Reduce(reduction, bound, predicate, body, _):
            empty = any(
                not (low.is_constant and high.is_constant and low.constant < high.constant)
                for low, high in bound.values()
            )
            if reduction in ("max", "min") and (empty or predicate != ALWAYS):
                return None
            return (body,)
        case Reindex(body, _, _) | Restrict(body, _):
            return (body,)
        case _:
            return None


def is_nonempty(found: Bounds) -> bool:
    low, high = found
    return low.is_constant and high.is_constant and low.constant < high.constant
