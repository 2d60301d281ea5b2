"""``//`` and ``%`` of indices: by numbers, and by sizes where the kernel takes a program id apart."""

from __future__ import annotations

from stile_engine.array.arrays import Unreadable
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, conjunction
from stile_engine.triton import integers
from stile_engine.triton.grid import NeedsSplit
from stile_engine.triton.interpreter import Reader
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.values import Whole, whole


def quotient_and_remainder(reader: Reader, left: Whole, right: Whole) -> tuple[Whole, Whole | None]:
    """Rounded towards zero, as the machine has it. The remainder is None where it is not known.

    Raises ``Unreadable`` where neither is known, ``NeedsSplit`` where a program id is to be taken apart.
    """
    shape, bits = left.shape or right.shape, max(left.bits, right.bits)
    divisor = right.constant
    context = reader.context
    if divisor is not None:
        if divisor == 0:
            raise Unreadable("a division by zero")
        quotient = integers.combine(
            context,
            left,
            whole(shape, divisor, bits),
            lambda a, _: integers.truncated_quotient(context, shape, a, divisor),
        )
        product = integers.combine(context, quotient, whole(shape, divisor, bits), integers.multiply)
        return quotient, integers.combine(context, left, product, integers.subtract)
    if left.single is None or right.single is None or not right.single.is_of_sizes:
        raise Unreadable("a division by a number that depends on the program or on the lane")
    found = _by_sizes(reader, left, left.single, right.single)
    if found is None:
        raise Unreadable(f"a division of {left.single} by {right.single}")
    return whole(shape, found[0], bits), whole(shape, found[1], bits)


def _by_sizes(
    reader: Reader, left: Whole, value: Polynomial, divisor: Polynomial
) -> tuple[Polynomial, Polynomial] | None:
    """``value = divisor * quotient + remainder`` with ``0 <= remainder < divisor``, where that can be seen."""
    monomial, leading = divisor.terms[0]
    coefficient = value.by_monomial.get(monomial, Affine())
    step = leading.constant
    quotient = Affine(
        tuple((a, c // step) for a, c in coefficient.terms if c % step == 0), coefficient.constant // step
    )
    remainder = value - Polynomial.of(quotient) * divisor
    if _lies_below(reader, left, remainder, divisor):
        return Polynomial.of(quotient), remainder
    for name in reader.grid.extents.keys() - reader.grid.splits.keys():
        if remainder == Polynomial.of(Affine.variable(name)):
            raise NeedsSplit(name, divisor)
    return None


def _lies_below(reader: Reader, left: Whole, remainder: Polynomial, divisor: Polynomial) -> bool:
    own = remainder.affine
    if own is None:
        return False
    if not own.terms and own.constant == 0:
        return True
    for name, extent in reader.grid.extents.items():
        if own == Affine.variable(name) and extent == divisor:
            return True
    limit = divisor.affine
    if limit is None:
        return False
    inside = conjunction(compare(own, ">=", 0), compare(own, "<", limit))
    return reader.context.decide(inside, left.shape) is True
