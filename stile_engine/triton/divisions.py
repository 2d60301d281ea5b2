"""``//`` and ``%`` of indices: by numbers, and by sizes where the kernel takes a program id apart."""

from __future__ import annotations

from typing import Literal

from stile_engine.array.arrays import Unreadable
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import ALWAYS, compare, conjunction
from stile_engine.triton import integers
from stile_engine.triton.grid import Grid, NeedsGroup, NeedsSplit
from stile_engine.triton.interpreter import Reader
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.values import Whole, whole


def quotient_and_remainder(
    reader: Reader, left: Whole, right: Whole, wanted: Literal["quotient", "remainder"]
) -> tuple[Whole | None, Whole | None]:
    """Rounded towards zero, as the machine has it. Of the two the one that is wanted may be None where it is not
    known, and the other always.

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
    if left.single is None:
        raise Unreadable("a division of a number of several cases by a size")
    if right.single is None or not right.single.is_of_sizes:
        return _by_group(reader, left, right, wanted)
    found = _by_sizes(reader, left, left.single, right.single)
    if found is None:
        wrapped = _wrapped(reader, left, right.single)
        if wrapped is None:
            raise Unreadable(f"a division of {left.single} by {right.single}")
        return None, wrapped
    return whole(shape, found[0], bits), whole(shape, found[1], bits)


def _by_sizes(
    reader: Reader, left: Whole, value: Polynomial, divisor: Polynomial
) -> tuple[Polynomial, Polynomial] | None:
    """``value = divisor * quotient + remainder`` with ``0 <= remainder < divisor``, where that can be seen.

    Below zero the machine rounds the other way: there only what comes out even is known.
    """
    monomial, leading = divisor.terms[0]
    coefficient = value.by_monomial.get(monomial, Affine())
    step = leading.constant
    quotient = Affine(
        tuple((a, c // step) for a, c in coefficient.terms if c % step == 0), coefficient.constant // step
    )
    remainder = value - Polynomial.of(quotient) * divisor
    up = not remainder.terms or integers.is_nonnegative(reader.context, left.shape, Polynomial.of(quotient))
    if up and _lies_below(reader, left, remainder, divisor):
        return Polynomial.of(quotient), remainder
    for name in reader.grid.extents.keys() - reader.grid.splits.keys():
        if remainder == Polynomial.of(Affine.variable(name)):
            raise NeedsSplit(name, divisor)
    return None


def _by_group(
    reader: Reader, left: Whole, right: Whole, wanted: Literal["quotient", "remainder"]
) -> tuple[Whole | None, Whole | None]:
    """A remainder divided by the length of its group of programs, which is shorter in the last group; or what the
    remainder and a number that is the same for all programs of the group come to, ``pid % length``.

    ``remainder = length * row + place``, and with ``turn`` the number that is added ``(remainder + turn) % length``
    is ``(place + turn) % length``: for each row every number below the length once, as the place is. So it takes the
    place's name, where all of the kernel adds the same.
    """
    assert left.single is not None
    grid, context = reader.grid, reader.context
    problem = "a division by a number that depends on the program or on the lane"
    numbers = [v.constant for _, v in right.pieces if v.constant is not None]
    if len(numbers) != 1 or left.shape:
        raise Unreadable(problem)
    for name, group in grid.groups.items():
        turn = left.single - Polynomial.of(Affine.variable(name))
        if not _same_in_group(grid, turn, {name, group.row, group.place}):
            continue
        least = whole((), group.lengths[0])
        for other in group.lengths[1:]:
            least = integers.combine(context, least, whole((), other), integers.minimum)
        if context.decide(integers.comparison(context, right, "==", least).predicate, ()) is not True:
            raise Unreadable(problem)
        if not integers.is_nonnegative(context, (), turn):
            raise Unreadable(problem)
        if wanted == "quotient":
            return None if turn.terms else whole((), grid.value(group.row), left.bits), None
        if grid.turns.setdefault(name, turn) != turn:
            raise Unreadable("the places of programs in their group are taken in two ways")
        return None, whole((), grid.value(group.place), left.bits)
    for name in grid.remainders():
        is_whole = name not in grid.splits and name not in grid.groups
        if is_whole and _same_in_group(grid, left.single - Polynomial.of(Affine.variable(name)), {name}):
            raise NeedsGroup(name, numbers[0])
    own = left.single.affine
    if own is None:
        raise Unreadable(problem)
    for name in grid.extents.keys() - grid.splits.keys():
        variable = Affine.variable(name)
        for atom, _ in own.terms:
            if isinstance(atom, FloorDiv) and own == variable % atom.divisor:
                raise NeedsSplit(name, Polynomial.of(atom.divisor))
    raise Unreadable(problem)


def _same_in_group(grid: Grid, value: Polynomial, inside: set[str]) -> bool:
    """Whether all programs that differ in these variables alone have the same value, in every round of a loop."""
    return value.indices <= grid.extents.keys() - inside


def _wrapped(reader: Reader, left: Whole, divisor: Polynomial) -> Whole | None:
    """``x % size`` of a number that is not negative: below the size it is x itself, and from there on some number
    below the size, which is not looked at any closer."""
    size = divisor.affine
    value = left.single
    if size is None or value is None or value.affine is None:
        return None
    if not integers.is_nonnegative(reader.context, left.shape, value):
        return None
    if reader.context.decide(compare(size, ">=", 1), ()) is not True:
        return None
    name = reader.some_number(size)
    return integers.make(
        reader.context,
        left.shape,
        [(compare(value.affine, "<", size), value), (ALWAYS, Polynomial.of(Affine.variable(name)))],
        left.bits,
    )


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
