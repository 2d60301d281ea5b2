"""Signs of canonical terms as data variables: what a comparison of values becomes.

The sign of a term is one opaque integer, -1, 0 or 1. That makes ``X > 0``, ``0 < 2*X`` and
``!(X <= 0)`` one condition, and complement and order laws of integers. NaN does not exist: all terms
are finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import combined
from stile_engine.index.predicate import Predicate, compare, disjunction, in_range
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import UNIT, Poly, ratio
from stile_engine.term.powers import primitive_part, without_positive
from stile_engine.term.ring import add, scale, substitute
from stile_engine.term.signs import NEGATIVE, POSITIVE, ZERO_SIGN, sign


class Sign(data.Datum):
    """-1, 0 or 1, like the term."""

    __slots__ = ("term",)

    term: Poly

    @property
    def height(self) -> int:
        return self.term.height

    @property
    def digest(self) -> str:
        return combined("sign", [self.term.digest])

    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        return sign_of(substitute(self.term, mapping))

    def bounds(self) -> Predicate | None:
        # signs that the form of the term shows
        mask = sign(self.term)
        value = Affine.variable(self.token)
        low = -1 if mask & NEGATIVE else 0 if mask & ZERO_SIGN else 1
        high = 1 if mask & POSITIVE else 0 if mask & ZERO_SIGN else -1
        return in_range(value, low, high + 1)

    def relations(self, others: Sequence[data.Datum]) -> list[Predicate]:
        found: list[Predicate] = []
        if sign(self.term) == NEGATIVE | POSITIVE:
            found.append(compare(Affine.variable(self.token), "!=", 0))
        signs = [other for other in others if isinstance(other, Sign)]
        if 1 < len(signs) <= _MOST_COMPARED:
            for other in signs:
                if other is not self:
                    found += _ordered(self, other)
        return found

    def reaches_zero(self, bound: tuple[str, ...], box: IndexSet) -> bool:
        from stile_engine.term.attained import is_attained  # which is about these signs

        return is_attained(self.term, bound, box)

    def reads(self) -> list[tuple[object, Affine]]:
        reads = sorted(self.term.reads, key=lambda r: r.digest)
        return [((read.tensor, False, axis), index) for read in reads for axis, index in enumerate(read.index)]

    def render(self, name: Callable[[str], str]) -> str:
        from stile_engine.term.printing import show

        return f"sign({show(self.term, {v: name(v) for v in self.term.variables})})"


_MOST_COMPARED = 8
"""Signs in one set that are compared with one another."""


def _ordered(first: Sign, second: Sign) -> list[Predicate]:
    """What the sign of ``t - c u`` says of the signs of t and u, for the c that takes their first terms away
    (of either sign), or 1."""
    found: list[Predicate] = []
    one, other = Affine.variable(first.token), Affine.variable(second.token)
    for factor in {Fraction(1), Fraction(-1), *_ratio(first.term, second.term)}:
        mask = sign(add(first.term, scale(second.term, ratio(-factor))))
        signed = other if factor > 0 else -other
        if mask == POSITIVE:
            # t > v: t is positive or v is negative
            found.append(disjunction(compare(one, "==", 1), compare(signed, "==", -1)))
        elif mask in (POSITIVE | ZERO_SIGN, ZERO_SIGN):
            found.append(compare(one, ">=", signed))
    return found


def _ratio(first: Poly, second: Poly) -> list[Fraction]:
    """The quotient of the coefficients of one term that both have, numbers apart."""
    known = dict(second.terms)
    return next(([Fraction(c) / known[m]] for m, c in first.terms if m is not UNIT and m in known), [])


def sign_given(operand: Poly, facts: Mapping[Poly, int]) -> int:
    """The signs that a finite term can have, as a mask, where the terms of ``facts`` have theirs.

    ``t = (t - c u) + c u``: of two numbers that are not negative the sum is not, and positive if one of them is.
    """
    mask = sign(operand, facts)
    for known, own in facts.items():
        for factor in _ratio(operand, known):
            signed = own if factor > 0 else _turned(own)
            rest = sign(add(operand, scale(known, ratio(-factor))))
            for strict in (POSITIVE, NEGATIVE):
                if not (signed | rest) & ~(strict | ZERO_SIGN):
                    mask &= strict if strict in (signed, rest) else strict | ZERO_SIGN
    return mask


def _turned(mask: int) -> int:
    """The signs of minus a number."""
    return (NEGATIVE if mask & POSITIVE else 0) | (mask & ZERO_SIGN) | (POSITIVE if mask & NEGATIVE else 0)


def sign_of(operand: Poly) -> Affine:
    """The sign of a finite term as an index expression: -1, 0, 1, or a token for it."""
    mask = sign(operand)
    for known, value in ((POSITIVE, 1), (ZERO_SIGN, 0), (NEGATIVE, -1)):
        if mask == known:
            return Affine((), value)
    # sign(c * P) = sign(c) * sign(P), and a positive factor of P does not change it
    coefficient, _, base = primitive_part(without_positive(operand), signed=True, invertible=False)
    made = Sign()
    made.term = base
    made.token = f"{data.MARK}sign:{base.digest}"
    while isinstance(other := data.known(made.token), Sign) and other.term is not base:
        made.token += "'"  # digests do not tell inputs of different sizes apart
    made.variables = base.variables
    data.register(made)
    return Affine.variable(made.token) * (1 if coefficient > 0 else -1)


def signs_within(context: IndexSet) -> dict[Poly, int]:
    """Signs of terms that hold at every index of the context, as masks."""
    found: dict[Poly, int] = {}
    for token in context.tokens:
        datum = data.datum(token)
        if not isinstance(datum, Sign):
            continue
        value = Affine.variable(token)
        mask = 0
        for number, bit in ((-1, NEGATIVE), (0, ZERO_SIGN), (1, POSITIVE)):
            if not context.is_disjoint(IndexSet.where(compare(value, "==", number))):
                mask |= bit
        if mask != NEGATIVE | ZERO_SIGN | POSITIVE:
            found[datum.term] = mask
    return found
