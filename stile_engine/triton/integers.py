"""Integer arithmetic of a kernel, exact, on polynomials chosen by predicates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from stile_engine.array.arrays import Shape, TruthArray, Unreadable
from stile_engine.index.affine import Affine, FloorDiv, settled
from stile_engine.index.predicate import (
    ALWAYS,
    NEVER,
    Predicate,
    compare,
    conjunction,
    disjunction,
    in_range,
    negate,
)
from stile_engine.triton.context import Context, numeric
from stile_engine.triton.polynomials import ONE, Monomial, Polynomial
from stile_engine.triton.values import Pieces, Whole, truth

MOST_PIECES = 16

Rule = Callable[[Polynomial, Polynomial], Pieces]


def make(context: Context, shape: Shape, pieces: Sequence[tuple[Predicate, Polynomial]], bits: int) -> Whole:
    """The integers without the pieces that no lane of any program falls into."""
    if len(pieces) == 1:
        return Whole(shape, ((ALWAYS, pieces[0][1]),), bits)
    kept: list[tuple[Predicate, Polynomial]] = []
    earlier: Predicate = NEVER
    for predicate, value in pieces:
        own = conjunction(predicate, negate(earlier))
        if own != ALWAYS and context.never(own, shape):
            continue
        if kept and kept[-1][1] == value:
            kept[-1] = (disjunction(kept[-1][0], predicate), value)
        else:
            kept.append((predicate, value))
        earlier = disjunction(earlier, predicate)
    if not kept:
        kept = [pieces[-1]]
    if len(kept) > MOST_PIECES:
        raise Unreadable("an integer expression with too many cases")
    kept[-1] = (ALWAYS, kept[-1][1])
    return Whole(shape, tuple(kept), bits)


def combine(context: Context, left: Whole, right: Whole, rule: Rule) -> Whole:
    """Elementwise, for blocks of one shape."""
    shape, bits = left.shape or right.shape, max(left.bits, right.bits)
    # The first pair, in this order, whose predicates hold is made of the two first matches.
    found: list[tuple[Predicate, Polynomial]] = []
    for left_predicate, left_value in left.pieces:
        for right_predicate, right_value in right.pieces:
            for predicate, value in rule(left_value, right_value):
                found.append((conjunction(left_predicate, right_predicate, predicate), value))
    return make(context, shape, found, bits)


def always(value: Polynomial) -> Pieces:
    return ((ALWAYS, value),)


def add(left: Polynomial, right: Polynomial) -> Pieces:
    return always(left + right)


def subtract(left: Polynomial, right: Polynomial) -> Pieces:
    return always(left - right)


def multiply(left: Polynomial, right: Polynomial) -> Pieces:
    return always(left * right)


def holds(left: Polynomial, operator: str, right: Polynomial) -> Predicate:
    """The comparison as a predicate."""
    difference = left - right
    if difference.affine is not None:
        return compare(difference.affine, operator, 0)
    raise Unreadable(f"a comparison with a product of sizes ({difference} {operator} 0)")


def maximum(left: Polynomial, right: Polynomial) -> Pieces:
    return ((holds(left, ">=", right), left), (ALWAYS, right))


def minimum(left: Polynomial, right: Polynomial) -> Pieces:
    return ((holds(left, "<=", right), left), (ALWAYS, right))


def comparison(context: Context, left: Whole, operator: str, right: Whole) -> TruthArray:
    cases = [
        conjunction(first, second, holds(a, operator, b))
        for first, a in left.regions()
        for second, b in right.regions()
    ]
    shape = left.shape or right.shape
    return truth(shape, context.simplify(disjunction(*cases), shape))


def choose(context: Context, predicate: Predicate, chosen: Whole, other: Whole) -> Whole:
    found = [(conjunction(predicate, p), v) for p, v in chosen.pieces]
    return make(context, chosen.shape, [*found, *other.pieces], max(chosen.bits, other.bits))


# -- division by a constant ------------------------------------------------------------------


def floor_quotient(value: Polynomial, divisor: int) -> Polynomial:
    """Parts that the divisor divides leave the quotient exactly; what is left must be affine."""
    if divisor == 1:
        return value
    whole: dict[Monomial, Affine] = {}
    rest = Polynomial()
    for monomial, coefficient in value.terms:
        if monomial == ONE:
            rest = rest + Polynomial(((monomial, coefficient),))
            continue
        outside, inside = Affine(), Affine()
        for atom, factor in coefficient.terms:
            quotient, remainder = divmod(factor, divisor)
            outside = outside + (Affine(((atom, quotient),)) if quotient else Affine())
            inside = inside + (Affine(((atom, remainder),)) if remainder else Affine())
        quotient, remainder = divmod(coefficient.constant, divisor)
        outside, inside = outside + quotient, inside + remainder
        if outside.terms or outside.constant:
            whole[monomial] = outside
        if inside.terms or inside.constant:
            rest = rest + Polynomial(((monomial, inside),))
    left = rest.affine
    if left is None:
        raise Unreadable(f"a division of a product of sizes by {divisor}")
    total = Polynomial.of(left // divisor)
    for monomial, outside in whole.items():
        total = total + Polynomial(((monomial, outside),))
    return total


def truncated_quotient(context: Context, shape: Shape, value: Polynomial, divisor: int) -> Pieces:
    """Division of the machine, rounded towards zero."""
    if divisor == 0:
        raise Unreadable("a division by zero")
    up = _settled(context, shape, floor_quotient(value, abs(divisor)))
    up = up if divisor > 0 else -up
    if is_nonnegative(context, shape, value):
        return always(up)
    down = -floor_quotient(-value, abs(divisor))
    down = down if divisor > 0 else -down
    return ((holds(value, ">=", Polynomial()), up), (ALWAYS, down))


def _settled(context: Context, shape: Shape, value: Polynomial) -> Polynomial:
    """Without the divisions that have one result in the ranges of the variables."""
    own = value.affine
    if own is None or not any(isinstance(atom, FloorDiv) for atom, _ in own.terms):
        return value
    return Polynomial.of(settled(own, numeric(context.ranges(shape))))


def is_nonnegative(context: Context, shape: Shape, value: Polynomial) -> bool:
    found = value.affine
    if found is not None:
        return context.decide(compare(found, ">=", 0), shape) is True
    # A sum of products of sizes and indices, none of which is negative.
    factors = [c for _, c in value.terms] + [Affine(((atom, 1),)) for m, _ in value.terms for atom in m]
    return all(context.decide(compare(f, ">=", 0), shape) is True for f in factors)


# -- bits, and numbers without a sign ----------------------------------------------------------


def unsigned(context: Context, value: Whole) -> Whole:
    """The numbers that the same bits are without a sign: modulo ``2**bits``."""
    modulus = 1 << value.bits

    def read(number: Polynomial) -> Polynomial:
        if is_nonnegative(context, value.shape, number) and not _reaches(context, value.shape, number, modulus):
            return number
        return number - floor_quotient(number, modulus) * Polynomial.of(modulus)

    return Whole(value.shape, tuple((p, read(v)) for p, v in value.pieces), value.bits)


def signed(context: Context, value: Whole) -> Whole:
    """The numbers with a sign that have the bits of these, which lie from 0 to below ``2**bits``."""
    half = 1 << (value.bits - 1)

    def read(number: Polynomial, _: Polynomial) -> Pieces:
        if not _reaches(context, value.shape, number, half):
            return always(number)
        return ((holds(number, "<", Polynomial.of(half)), number), (ALWAYS, number - Polynomial.of(2 * half)))

    return combine(context, value, value, read)


def _reaches(context: Context, shape: Shape, value: Polynomial, limit: int) -> bool:
    """Whether a number that is affine may be as large as that. Of products of sizes it is asked where they must fit."""
    return value.affine is not None and context.decide(compare(value.affine, "<", limit), shape) is not True


def with_mask(value: Polynomial, mask: int) -> Polynomial:
    """``value & mask`` in two's complement of any width: each run of ones from bit ``low`` to below ``high`` is
    ``value mod 2**high - value mod 2**low``, of either sign; of a negative mask what its complement leaves."""
    if mask < 0:
        return value - with_mask(value, ~mask)
    total, low = Polynomial(), 0
    while mask >> low:
        if not mask >> low & 1:
            low += 1
            continue
        high = low
        while mask >> high & 1:
            high += 1
        total = total + _modulo(value, 1 << high) - _modulo(value, 1 << low)
        low = high
    return total


def _modulo(value: Polynomial, modulus: int) -> Polynomial:
    return Polynomial() if modulus == 1 else value - floor_quotient(value, modulus) * Polynomial.of(modulus)


def bitwise(context: Context, operation: str, left: Whole, right: Whole) -> Whole:
    """``and``, ``or`` and ``xor``, of which two follow from the first: ``a | b = a + b - (a & b)``, and ``a ^ b`` is
    ``a + b - 2 (a & b)``. Raises ``Unreadable`` unless one is a constant, or no bit can be set in both."""

    def rule(a: Polynomial, b: Polynomial) -> Pieces:
        both = _common_bits(context, left.shape or right.shape, a, b)
        match operation:
            case "and":
                return always(both)
            case "or":
                return always(a + b - both)
            case _:
                return always(a + b - both * Polynomial.of(2))

    return combine(context, left, right, rule)


def _common_bits(context: Context, shape: Shape, left: Polynomial, right: Polynomial) -> Polynomial:
    for value, mask in ((left, right.constant), (right, left.constant)):
        if mask is not None:
            return _settled(context, shape, with_mask(value, mask))
    for high, low in ((left, right), (right, left)):
        # Multiples of a power of two, and numbers below it.
        unit = math.gcd(*(c for _, own in high.terms for c in (*(factor for _, factor in own.terms), own.constant)))
        places = Affine((), unit & -unit)
        if low.affine is not None and context.decide(in_range(low.affine, 0, places), shape) is True:
            return Polynomial()
    raise Unreadable("bits of integers that are no constants")
