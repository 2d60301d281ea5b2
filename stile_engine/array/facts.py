"""Simple facts about an expression as written, enough to settle guards that libraries put into kernels."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor, inf, isinf, lcm
from typing import TypeAlias

from stile_engine.array.sizes import unknowns
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
    NoValue,
    Power,
    Read,
    Reduce,
    Reindex,
    Restrict,
    Select,
)
from stile_engine.term.rounding import range_of_type
from stile_engine.term.signs import POSITIVE

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


def is_number_or_infinity(node: Node) -> bool:
    """Whether the form of the expression shows that it has a value everywhere, finite or not: NumPy's NaN, which
    is no value here, never comes of it. False means *not known*."""
    match node:
        case Infinity():
            return True
        case Select(_, chosen, other, _):
            return is_number_or_infinity(chosen) and is_number_or_infinity(other)
        case Apply("maximum" | "minimum", operands):
            return all(is_number_or_infinity(operand) for operand in operands)
        case Apply("neg" | "abs" | "exp" | "relu" | "sigmoid", (operand,)):
            return is_number_or_infinity(operand)
        case Apply("add" | "sub", (left, right)):
            first, second = is_surely_finite(left), is_surely_finite(right)
            return (first and is_number_or_infinity(right)) or (second and is_number_or_infinity(left))
        case Reduce("max" | "min", body=body):
            return is_number_or_infinity(body)
        case Reindex(body, _, _) | Restrict(body, _):
            return is_number_or_infinity(body)
        case Read():
            return True
        case _:
            return is_surely_finite(node)


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


Interval: TypeAlias = "tuple[Fraction | float, Fraction | float]"
"""Both ends count; only infinities are floats."""

_ANYTHING: Interval = (-inf, inf)
_KNOWN_RANGES: dict[str, Interval] = {
    "exp": (Fraction(0), inf),
    "exp2": (Fraction(0), inf),
    "sigmoid": (Fraction(0), Fraction(1)),
    "tanh": (Fraction(-1), Fraction(1)),
    "erf": (Fraction(-1), Fraction(1)),
    "sin": (Fraction(-1), Fraction(1)),
    "cos": (Fraction(-1), Fraction(1)),
    "sqrt": (Fraction(0), inf),
    "relu": (Fraction(0), inf),
}


def is_whole(node: Node) -> bool:
    """Whether the form of the expression shows that it is a whole number wherever it has a value."""
    match node:
        case Const(value):
            return value.denominator == 1
        case IndexNumber() | NoValue() | Apply("floor", _):
            return True
        case Select(_, chosen, other, _):
            return is_whole(chosen) and is_whole(other)
        case Reindex(body, _, _) | Restrict(body, _) | Reduce(body=body):
            return is_whole(body)
        case Apply("neg" | "abs" | "relu" | "add" | "sub" | "mul" | "maximum" | "minimum", operands):
            return all(is_whole(operand) for operand in operands)
        case Power(base, exponent):
            return exponent >= 0 and is_whole(base)
        case _:
            return False


def range_of(node: Node) -> Interval:
    """An interval that holds all values of the expression, read off its form."""
    match node:
        case Const(value):
            return value, value
        case NoValue():
            return Fraction(0), Fraction(0)  # there is none that could lie elsewhere
        case IndexNumber(index, ranges):
            found = index.extremes({**ranges, **unknowns()})
            return _ANYTHING if found is None else (Fraction(found[0]), Fraction(found[1]))
        case Select(_, chosen, NoValue(), _) | Select(_, NoValue(), chosen, _):
            own, type_ = range_of(chosen), range_of_type(node)
            return own if type_ is None else (max(own[0], Fraction(type_[0])), min(own[1], Fraction(type_[1])))
        case Select(_, chosen, other, _):
            first, second = range_of(chosen), range_of(other)
            return min(first[0], second[0]), max(first[1], second[1])
        case Reindex(body, _, _) | Restrict(body, _):
            return range_of(body)
        case Apply("neg", (operand,)):
            low, high = range_of(operand)
            return -high, -low
        case Apply("abs", (operand,)):
            low, high = range_of(operand)
            return max(Fraction(0), low, -high), max(-low, high)
        case Apply("floor", (operand,)):
            low, high = range_of(operand)
            return low if isinf(low) else Fraction(floor(low)), high if isinf(high) else Fraction(floor(high))
        case Apply("div", (operand, Const(value))) if value:
            return _combined("mul", range_of(operand), (1 / value, 1 / value))
        case Apply("sub", (x, Apply("mul", (Const(d), Apply("floor", (Apply("div", (y, Const(e))),)))))) if (
            x is y and d == e > 0
        ):
            return Fraction(0), d - 1 if d.denominator == 1 and is_whole(x) else d  # what x leaves, divided by d
        case Apply("add" | "sub" | "mul" | "maximum" | "minimum" as function, (left, right)):
            return _combined(function, range_of(left), range_of(right))
        case Apply(function, _):
            return _KNOWN_RANGES.get(function, _ANYTHING)
        case Reduce(reduction, bound, predicate, body, _):
            low, high = range_of(body)
            if reduction in ("sum", "prod"):
                count = _most(bound)
                if count is None:
                    return _ANYTHING
                if reduction == "prod":
                    return _repeated(low, high, count)
                return _times(min(Fraction(0), low), Fraction(count)), _times(max(Fraction(0), high), Fraction(count))
            if predicate == ALWAYS and all(is_nonempty(b) for b in bound.values()):
                return low, high
            return (-inf, high) if reduction == "max" else (low, inf)  # of nothing: -inf and inf
        case Power(base, exponent) if exponent >= 0:
            low, high = range_of(base)
            power = _repeated(low, high, exponent)
            return power if exponent % 2 else (Fraction(0), power[1])
        case _:
            return _ANYTHING


def _most(bound: Mapping[str, Bounds]) -> int | None:
    """How many points there are at most, at any sizes; None where that is not known."""
    total = 1
    for low, high in bound.values():
        found = (high - low).extremes(unknowns())
        if found is None:
            return None
        total *= max(found[1], 0)
    return total


_LONGEST = 4096
"""Bits of the greatest product that is worked out: no type holds as much."""


def _repeated(low: Fraction | float, high: Fraction | float, count: int) -> Interval:
    """Products of up to ``count`` numbers that lie between the two."""
    if isinf(low) or isinf(high):
        return _ANYTHING
    greatest = max(Fraction(1), abs(Fraction(low)), abs(Fraction(high)))
    if count * (greatest.numerator.bit_length() - greatest.denominator.bit_length() + 1) > _LONGEST:
        return _ANYTHING
    most = greatest**count
    return (Fraction(0) if low >= 0 else -most), most


def is_positive(node: Node) -> bool:
    """Whether the form of the expression shows that it is a positive number, given that inputs are finite."""
    match node:
        case Const(value):
            return value > 0
        case Constant():
            return True
        case Read(tensor, _, _):
            return tensor.signs == POSITIVE and not tensor.may_be_infinite
        case Apply("exp" | "exp2" | "sigmoid" | "softplus", (operand,)):
            return is_surely_finite(operand)
        case Apply("add" | "mul" | "div" | "maximum" | "minimum", operands):
            return all(is_positive(operand) for operand in operands)
        case Apply("sqrt" | "rsqrt", (operand,)):
            return is_positive(operand)
        case Reindex(body, _, _) | Restrict(body, _):
            return is_positive(body)
        case _:
            return False


def fits(node: Node, low: int, high: int) -> bool:
    """Whether the form of the expression shows that it lies between the two."""
    least, greatest = range_of(node)
    return low <= least and greatest <= high


def _times(left: Fraction | float, right: Fraction | float) -> Fraction | float:
    return Fraction(0) if not left or not right else left * right


def _combined(function: str, left: Interval, right: Interval) -> Interval:
    match function:
        case "add" | "sub":
            if function == "sub":
                right = (-right[1], -right[0])
            low = -inf if -inf in (left[0], right[0]) else left[0] + right[0]
            return low, inf if inf in (left[1], right[1]) else left[1] + right[1]
        case "mul":
            corners = [_times(a, b) for a in left for b in right]
            return min(corners), max(corners)
        case "maximum":
            return max(left[0], right[0]), max(left[1], right[1])
        case _:
            return min(left[0], right[0]), min(left[1], right[1])
