"""Integer and truth arithmetic on arrays that depend on indices alone, exact and piecewise affine."""

from __future__ import annotations

from collections.abc import Callable

from stile_engine.array.arrays import (
    IntegerArray,
    Pieces,
    Shape,
    TruthArray,
    Unreadable,
    decide,
    prune,
    ranges_of,
    regions,
)
from stile_engine.array.sizes import unknowns
from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    ALWAYS,
    Predicate,
    compare,
    conjunction,
    disjunction,
    in_range,
    negate,
    variables,
)
from stile_engine.term.rounding import integer_range

LARGEST_NUMBER_OF_PIECES = 32


def make(pieces: Pieces, shape: Shape) -> IntegerArray:
    pieces = prune(pieces, shape)
    if len(pieces) > LARGEST_NUMBER_OF_PIECES:
        raise Unreadable("an integer expression with too many cases")
    return IntegerArray(shape, pieces)


def combine(
    left: IntegerArray,
    right: IntegerArray,
    shape: Shape,
    operation: Callable[[Affine, Affine], Pieces],
) -> IntegerArray:
    """Elementwise; ``operation`` gives the pieces for one pair of pieces."""
    # First match is kept: the first pair, in this order, whose predicates hold is made of the two first matches.
    found: list[tuple[Predicate, Affine]] = []
    for left_predicate, left_value in left.pieces:
        for right_predicate, right_value in right.pieces:
            for predicate, value in operation(left_value, right_value):
                found.append((conjunction(left_predicate, right_predicate, predicate), value))
    return make(tuple(found), shape)


def always(value: Affine) -> Pieces:
    return ((ALWAYS, value),)


def add(left: Affine, right: Affine) -> Pieces:
    return always(left + right)


def subtract(left: Affine, right: Affine) -> Pieces:
    return always(left - right)


def multiply(left: Affine, right: Affine) -> Pieces:
    if not (left.is_constant or right.is_constant):
        raise Unreadable("the product of two index arrays")
    return always(left * right)


def maximum(left: Affine, right: Affine) -> Pieces:
    return ((compare(left, ">=", right), left), (ALWAYS, right))


def minimum(left: Affine, right: Affine) -> Pieces:
    return ((compare(left, "<=", right), left), (ALWAYS, right))


def truncated_quotient(left: Affine, right: Affine) -> Pieces:
    """Division of the machine: rounded towards zero."""
    if not right.is_constant or right.constant == 0:
        raise Unreadable("integer division by something other than a constant")
    divisor = abs(right.constant)
    positive, negative = left // divisor, -((-left) // divisor)
    if right.constant < 0:
        positive, negative = -positive, -negative
    return ((compare(left, ">=", 0), positive), (ALWAYS, negative))


def by_sizes(left: IntegerArray, right: IntegerArray, shape: Shape, remainder: bool) -> IntegerArray:
    """The truncated quotient by a size that is symbolic, or what remains of it, where the size goes into the dividend
    a few times at most."""
    size = right.pieces[0][1]
    positive = decide(compare(size, ">", 0), shape)
    if len(right.pieces) != 1 or positive is not True:
        raise Unreadable("integer division by something that may not be positive")

    def cases(value: Affine) -> Pieces:
        found: list[tuple[Predicate, Affine]] = []
        for times in range(_MOST_TIMES):
            for sign, magnitude in ((1, value), (-1, -value)):
                here = in_range(magnitude, size * times, size * (times + 1))
                found.append((here, value - size * (sign * times) if remainder else Affine((), sign * times)))
        if decide(disjunction(*(p for p, _ in found)), shape) is not True:
            raise Unreadable("integer division by a symbolic size that may go into the dividend many times")
        return (*found[:-1], (ALWAYS, found[-1][1]))

    return map_pieces(left, shape, cases)


_MOST_TIMES = 4


def truncated_remainder(left: Affine, right: Affine) -> Pieces:
    """The remainder of the truncated quotient; it has the sign of the dividend."""
    return tuple((predicate, left - quotient * right) for predicate, quotient in truncated_quotient(left, right))


def sign(value: Affine) -> Pieces:
    return (
        (compare(value, ">", 0), Affine((), 1)),
        (compare(value, "==", 0), Affine()),
        (ALWAYS, Affine((), -1)),
    )


def magnitude(value: Affine) -> Pieces:
    return ((compare(value, ">=", 0), value), (ALWAYS, -value))


def shift_left(left: Affine, right: Affine) -> Pieces:
    if not right.is_constant or not 0 <= right.constant < 64:
        raise Unreadable("a shift by something other than a constant")
    return always(left * (1 << right.constant))


def shift_right(left: Affine, right: Affine) -> Pieces:
    # An arithmetic shift rounds towards minus infinity.
    if not right.is_constant or not 0 <= right.constant < 64:
        raise Unreadable("a shift by something other than a constant")
    return always(left // (1 << right.constant))


def map_pieces(operand: IntegerArray, shape: Shape, operation: Callable[[Affine], Pieces]) -> IntegerArray:
    found: list[tuple[Predicate, Affine]] = []
    for predicate, value in operand.pieces:
        found.extend((conjunction(predicate, inner), result) for inner, result in operation(value))
    return make(tuple(found), shape)


def comparison(left: IntegerArray, operator: str, right: IntegerArray, shape: Shape) -> TruthArray:
    cases = [
        conjunction(left_region, right_region, compare(left_value, operator, right_value))
        for left_region, left_value in regions(left.pieces)
        for right_region, right_value in regions(right.pieces)
    ]
    return TruthArray(shape, simplify(disjunction(*cases), shape))


def simplify(predicate: Predicate, shape: Shape) -> Predicate:
    """``ALWAYS`` or ``NEVER`` where the shape leaves no choice."""
    decided = decide(predicate, shape)
    if decided is None:
        return predicate
    return ALWAYS if decided else negate(ALWAYS)


def choose(cases: list[tuple[Predicate, IntegerArray]], otherwise: IntegerArray, shape: Shape) -> IntegerArray:
    found: list[tuple[Predicate, Affine]] = []
    for predicate, array in cases:
        found.extend((conjunction(predicate, inner), value) for inner, value in array.pieces)
    found.extend(otherwise.pieces)
    return make(tuple(found), shape)


def check_width(array: IntegerArray, dtype: str) -> None:
    """Raise where an element may leave the range of its type: the machine would wrap around."""
    low, high = integer_range(dtype)
    for _, value in array.pieces:
        if not value.constant and len(value.terms) == 1 and value.terms[0][1] == 1 and _is_data(value.terms[0][0]):
            continue  # an element of an input, as it is
        found = value.extremes({**ranges_of(array.shape), **unknowns()})
        if found is None and decide(in_range(value, low, high + 1), array.shape):
            continue
        if found is None or found[0] < low or found[1] > high:
            hint = "; declare how large the data are, as with assume='I in N'" if _data_in(value) else ""
            raise Unreadable(f"an integer that may not fit into {dtype}{hint}")


def _is_data(atom: object) -> bool:
    return isinstance(atom, str) and data.is_token(atom)


def reads_data(array: IntegerArray) -> bool:
    return any(_data_in(value) or data.tokens_of(variables(predicate)) for predicate, value in array.pieces)


def _data_in(value: Affine) -> bool:
    return bool(data.tokens_of(value.variables))
