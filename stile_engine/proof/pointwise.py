"""Pointwise functions on guarded values: where a value exists first, laws only there.

Arithmetic with infinities is IEEE's without rounding and without signed zero. ∞ - ∞, 0 * ∞, ∞ / ∞,
x / 0, roots and logs of negatives have no value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from stile_engine.index.sets import EMPTY, IndexSet
from stile_engine.term import functions
from stile_engine.term.atoms import ONE, ZERO, Poly, SumAtom, constant
from stile_engine.term.context import specialise
from stile_engine.term.expression import Axes
from stile_engine.term.guarded import (
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    Condition,
    Element,
    Infinite,
    Missing,
    Unmodelled,
)
from stile_engine.term.powers import raise_to, reciprocal, without_positive
from stile_engine.term.ring import add, multiply, negate, power, subtract
from stile_engine.term.signs import NEGATIVE, POSITIVE, ZERO_SIGN, sign
from stile_engine.term.walk import atoms_of

Cases = Iterable[tuple[IndexSet, Element]]


@dataclass
class Scope:
    """Where a pointwise function is applied: the axes of the result, and the conditions it leaves."""

    axes: Axes
    conditions: list[Condition] = field(default_factory=list)
    zeros: frozenset[Poly] = frozenset()
    """Terms that are taken to be zero where a logarithm is taken of them."""

    @cached_property
    def box(self) -> IndexSet:
        """All indices of the result; most functions never ask for it."""
        return IndexSet.box(self.axes)

    def require(self, kind: str, guard: IndexSet, body: Poly) -> None:
        self.conditions.append(Condition(kind, (), guard & self.box, body))


def unary(name: str, value: Element, guard: IndexSet, scope: Scope) -> Cases:
    match value:
        case Missing() | Unmodelled():
            return [(guard, value)]
        case Infinite(sign=direction):
            return [(guard, _unary_infinite(name, direction))]
    match name:
        case "log" | "log2":
            return _partial(
                value, guard, scope, "logarithm", lambda p: functions.unary(name, p), NEGATIVE_INFINITY, name
            )
        case "rsqrt":
            missing = Missing("1 / sqrt of zero")
            return _partial(value, guard, scope, "positive", lambda p: functions.unary(name, p), missing, name)
        case "sqrt":
            return _partial(value, guard, scope, "nonnegative", lambda p: functions.unary(name, p), ZERO, name)
    return [(guard, functions.unary(name, value))]


def _unary_infinite(name: str, direction: int) -> Element:
    up = direction > 0
    match name:
        case "neg":
            return NEGATIVE_INFINITY if up else POSITIVE_INFINITY
        case "exp" | "exp2" | "relu" | "softplus":
            return POSITIVE_INFINITY if up else ZERO
        case "log" | "log2" | "sqrt":
            return POSITIVE_INFINITY if up else Missing(f"{name} of -inf")
        case "rsqrt":
            return ZERO if up else Missing("rsqrt of -inf")
        case "abs":
            return POSITIVE_INFINITY
        case "sigmoid":
            return ONE if up else ZERO
        case "tanh" | "erf":
            return ONE if up else constant(-1)
        case "silu" | "gelu" | "gelu_tanh":
            return POSITIVE_INFINITY if up else Missing(f"{name} of -inf is -inf * 0")
        case "floor":
            return POSITIVE_INFINITY if up else NEGATIVE_INFINITY
        case "sin" | "cos":
            return Missing(f"{name} of an infinity")
    raise ValueError(f"unknown function {name!r}")


def _partial(value: Poly, guard: IndexSet, scope: Scope, need: str, law, at_zero: Element, name: str) -> Cases:  # type: ignore[no-untyped-def]
    """A function with a value only for positive (or not negative) arguments."""
    found: list[tuple[IndexSet, Element]] = []
    for part, term in by_emptiness(value, guard, scope.box):
        mask = sign(term, None, part & scope.box)
        if mask == ZERO_SIGN:
            found.append((part, at_zero))
            continue
        if mask == NEGATIVE:
            found.append((part, Missing(f"{name} of a negative number")))
            continue
        lacking = mask & NEGATIVE if need == "nonnegative" else mask & (NEGATIVE | ZERO_SIGN)
        if lacking and need == "logarithm" and scope.zeros and without_positive(term) in scope.zeros:
            found.append((part, at_zero))
            continue
        if lacking:
            scope.require(need, part, term)
        try:
            found.append((part, law(term)))
        except ValueError:
            # the law met a number that is certainly not positive; where it may be zero, inputs decide
            reason = f"{name} of a number that is zero or negative"
            found.append((part, Unmodelled(reason, supported=True) if mask & ZERO_SIGN else Missing(reason)))
    return found


def by_emptiness(value: Poly, guard: IndexSet, box: IndexSet) -> list[tuple[IndexSet, Poly]]:
    """The guard split by whether the sums of the term run over nothing there."""
    parts = [(guard, value)]
    for atom in list(atoms_of(value)):
        if not isinstance(atom, SumAtom) or atom.operation != "sum":
            continue
        rows = atom.domain.project_out(atom.bound)
        following: list[tuple[IndexSet, Poly]] = []
        for part, term in parts:
            inside = part & box
            if inside.issubset(rows):
                following.append((part, term if atom.bound else specialise(term, inside)))
                continue
            for sub in (inside & rows, inside - rows):
                if sub is not EMPTY:
                    following.append((sub, specialise(term, sub)))
        parts = following
    return parts


def binary(name: str, left: Element, right: Element, guard: IndexSet, scope: Scope) -> Cases:
    if type(left) is Poly and type(right) is Poly:
        match name:
            case "add":
                return [(guard, add(left, right))]
            case "sub":
                return [(guard, subtract(left, right))]
            case "mul":
                return [(guard, multiply(left, right))]
            case "div":
                return divide(left, right, guard, scope)
            case "maximum":
                return [(guard, functions.maximum(left, right))]
            case "minimum":
                return [(guard, functions.minimum(left, right))]
    for value in (left, right):
        if isinstance(value, Missing):
            return [(guard, value)]
    for value in (left, right):
        if isinstance(value, Unmodelled):
            return [(guard, value)]
    match name:
        case "sub":
            flipped = Infinite(-right.sign) if isinstance(right, Infinite) else negate(right)  # type: ignore[arg-type]
            return [(guard, _add_infinite(left, flipped))]
        case "add":
            return [(guard, _add_infinite(left, right))]
        case "mul":
            return _multiply_infinite(left, right, guard, scope)
        case "div":
            return _divide_infinite(left, right, guard, scope)
        case "maximum" | "minimum":
            return [(guard, _extreme_infinite(left, right, 1 if name == "maximum" else -1))]
    raise ValueError(f"unknown function {name!r}")


def _add_infinite(left: Element, right: Element) -> Element:
    if isinstance(left, Infinite) and isinstance(right, Infinite):
        return left if left.sign == right.sign else Missing("∞ - ∞")
    return left if isinstance(left, Infinite) else right


def _extreme_infinite(left: Element, right: Element, direction: int) -> Element:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Infinite):
            return one if one.sign == direction else other
    raise AssertionError("one of the two is infinite")


def _multiply_infinite(left: Element, right: Element, guard: IndexSet, scope: Scope) -> Cases:
    if isinstance(left, Infinite) and isinstance(right, Infinite):
        return [(guard, Infinite(left.sign * right.sign))]
    infinity, finite = (left, right) if isinstance(left, Infinite) else (right, left)
    assert isinstance(infinity, Infinite) and isinstance(finite, Poly)
    found: list[tuple[IndexSet, Element]] = []
    for part, term in by_emptiness(finite, guard, scope.box):
        mask = sign(term, None, part & scope.box)
        if mask == POSITIVE:
            found.append((part, infinity))
        elif mask == NEGATIVE:
            found.append((part, Infinite(-infinity.sign)))
        elif mask == ZERO_SIGN:
            found.append((part, Missing("0 * ∞")))
        else:
            found.append((part, Unmodelled("∞ times a number of unknown sign", supported=True)))
    return found


def _divide_infinite(left: Element, right: Element, guard: IndexSet, scope: Scope) -> Cases:
    if isinstance(right, Infinite):
        return [(guard, Missing("∞ / ∞") if isinstance(left, Infinite) else ZERO)]
    assert isinstance(right, Poly)
    found: list[tuple[IndexSet, Element]] = []
    for part, inverse in divide(ONE, right, guard, scope):
        if isinstance(inverse, Poly):
            found.extend(_multiply_infinite(left, inverse, part, scope))
        else:
            found.append((part, inverse))
    return found


def divide(left: Poly, right: Poly, guard: IndexSet, scope: Scope) -> Cases:
    found: list[tuple[IndexSet, Element]] = []
    for part, divisor in by_emptiness(right, guard, scope.box):
        mask = sign(divisor, None, part & scope.box)
        if mask == ZERO_SIGN:
            found.append((part, Missing("division by zero")))
            continue
        if mask & ZERO_SIGN:
            scope.require("nonzero", part, divisor)
        numerator = left if part is guard else specialise(left, part & scope.box)
        found.append((part, multiply(numerator, reciprocal(divisor))))
    return found


def whole_power(base: Element, exponent: int, guard: IndexSet, scope: Scope) -> Cases:
    if exponent == 0:
        return [(guard, ONE)] if isinstance(base, Poly | Infinite) else [(guard, base)]
    if isinstance(base, Poly) and exponent > 0:
        return [(guard, power(base, exponent))]
    if isinstance(base, Poly):
        return [
            (part, raise_to(inverse, -exponent) if isinstance(inverse, Poly) else inverse)
            for part, inverse in divide(ONE, base, guard, scope)
        ]
    if isinstance(base, Infinite):
        if exponent < 0:
            return [(guard, ZERO)]
        return [(guard, Infinite(base.sign**exponent))]
    return [(guard, base)]
