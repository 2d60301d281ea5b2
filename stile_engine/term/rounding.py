"""Functions that round, and the sign, written with ``floor`` and comparisons of values."""

from __future__ import annotations

from stile_engine.index.predicate import Predicate, conjunction
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Apply,
    Node,
    NoValue,
    Select,
    add,
    apply,
    divide,
    multiply,
    negate,
    number,
    select,
    subtract,
)


def signum(x: Node) -> Node:
    """-1, 0 or 1."""
    below = select(compare_values(x, "<", ZERO), number(-1), ZERO, x.axes)
    return select(compare_values(x, ">", ZERO), ONE, below, x.axes)


def truncated(x: Node) -> Node:
    """Rounded towards zero, as a conversion to an integer does."""
    return select(compare_values(x, "<", ZERO), negate(floor(negate(x))), floor(x), x.axes)


def rounded(x: Node) -> Node:
    """To the nearest whole number; halves to the even one, as IEEE 754 has it."""
    shifted = add(x, divide(ONE, number(2)))
    up = floor(shifted)
    # A half lies between two whole numbers, of which ``up`` is the greater one: if that is odd, the other is taken.
    odd = subtract(up, multiply(number(2), floor(divide(up, number(2)))))
    return select(compare_values(shifted, "==", up), subtract(up, odd), up, x.axes)


def floor(x: Node) -> Node:
    return apply("floor", x)


def ceiling(x: Node) -> Node:
    return negate(floor(negate(x)))


def within(x: Node, low: int, high: int) -> Predicate:
    """``low <= x <= high``."""
    return conjunction(compare_values(x, ">=", number(low)), compare_values(x, "<=", number(high)))


def integer_range(dtype: str) -> tuple[int, int]:
    """The least and the greatest number of an integer type, ``int8`` … ``uint64``."""
    bits = int(dtype.removeprefix("uint").removeprefix("int"))
    return (0, 2**bits - 1) if dtype.startswith("uint") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def as_integer(x: Node, dtype: str) -> Node:
    """A real number converted to an integer type: truncated, and without a value where the type is too narrow."""
    low, high = integer_range(dtype)
    whole = truncated(x)
    return select(_fitting(x, low, high), whole, NoValue(f"{_TOO_WIDE}{dtype}"), x.axes)


def _fitting(x: Node, low: int, high: int) -> Predicate:
    # The number itself is compared: what lies less than 1 beyond the range is truncated into it.
    return conjunction(compare_values(x, ">", number(low - 1)), compare_values(x, "<", number(high + 1)))


def without_overflow(x: Node, dtype: str) -> Node:
    """A whole number, without a value where it leaves the range of its type."""
    return select(within(x, *integer_range(dtype)), x, NoValue(f"{_TOO_WIDE}{dtype}"), x.axes)


_TOO_WIDE = "a number that does not fit into "


def range_of_type(node: Node) -> tuple[int, int] | None:
    """The range of an integer type that the expression has no value outside of: that of a conversion to it or of a
    result in it. None for other expressions."""
    match node:
        case Select(
            fits,
            Select(below, Apply("neg", (Apply("floor", (Apply("neg", (y,)),)),)), Apply("floor", (x,)), _),
            NoValue(reason),
            _,
        ) if x is y and reason.startswith(_TOO_WIDE):
            low, high = integer_range(reason.removeprefix(_TOO_WIDE))
            is_checked = fits == _fitting(x, low, high) and below == compare_values(x, "<", ZERO)
            return (low, high) if is_checked else None
        case Select(fits, x, NoValue(reason), _) if reason.startswith(_TOO_WIDE):
            low, high = integer_range(reason.removeprefix(_TOO_WIDE))
            return (low, high) if fits == within(x, low, high) else None
    return None
