"""Integers of a kernel: polynomials in sizes and strides whose coefficients are affine in indices.

An address such as ``row * stride + column`` is not affine when the stride is symbolic, but it is linear in the
indices once sizes and strides are told apart from them: ``{stride: row, 1: column}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from stile_engine.array.arrays import Unreadable
from stile_engine.index.affine import Affine, Atom, FloorDiv

Monomial: TypeAlias = tuple[Atom, ...]
"""A product of sizes and strides, sorted; the empty one is 1."""

ONE: Monomial = ()


def is_size(atom: Atom) -> bool:
    """Whether the value is the same for all programs of a launch: an unknown size or stride, or a quotient of them."""
    if isinstance(atom, FloorDiv):
        return all(name.startswith("#") for name in atom.numerator.variables)
    return atom.startswith("#")


def _rewritten(quotient: FloorDiv) -> Affine | None:
    """A quotient of sizes that is one rounded up in disguise, written as that; None for others.

    ``-(-N // d)``, which affine expressions keep as ``N - ((d - 1) N) // d``, is ``(N + d - 1) // d``.
    """
    numerator, divisor = quotient.numerator, quotient.divisor
    if numerator.constant or not all(2 * factor > divisor for _, factor in numerator.terms):
        return None
    # (c a) // d = a + ((c - d) a) // d, and x // d = -((-x + d - 1) // d)
    whole = Affine(tuple((atom, 1) for atom, _ in numerator.terms))
    left = Affine(tuple((atom, divisor - factor) for atom, factor in numerator.terms))
    return whole - (left + (divisor - 1)) // divisor


def _key(atom: Atom) -> tuple[int, str]:
    return (0, atom) if isinstance(atom, str) else (1, str(atom))


@dataclass(frozen=True)
class Polynomial:
    """The sum of ``monomial * coefficient``; a coefficient names no size, and is not zero."""

    terms: tuple[tuple[Monomial, Affine], ...] = ()

    @staticmethod
    def of(value: Affine | int) -> Polynomial:
        value = Affine.of(value)
        if any(isinstance(atom, FloorDiv) and is_size(atom) and _rewritten(atom) for atom, _ in value.terms):
            total = Affine((), value.constant)
            for atom, coefficient in value.terms:
                own = Affine(((atom, 1),))
                if isinstance(atom, FloorDiv) and is_size(atom):
                    own = _rewritten(atom) or own
                total = total + own * coefficient
            value = total
        indices = Affine((), value.constant)
        found: dict[Monomial, Affine] = {}
        for atom, coefficient in value.terms:
            if is_size(atom):
                found[(atom,)] = Affine((), coefficient)
            else:
                indices = indices + Affine(((atom, coefficient),))
        return _make({**found, ONE: indices})

    @cached_property
    def by_monomial(self) -> Mapping[Monomial, Affine]:
        return dict(self.terms)

    @cached_property
    def affine(self) -> Affine | None:
        """The same as one affine expression, where it is one."""
        total = Affine()
        for monomial, coefficient in self.terms:
            if monomial == ONE:
                total = total + coefficient
            elif len(monomial) == 1 and coefficient.is_constant:
                total = total + Affine(((monomial[0], coefficient.constant),))
            else:
                return None
        return total

    def sizes_times(self, monomial: Monomial) -> Affine:
        """The sum of the sizes, with their factors, that stand here times ``monomial``."""
        total = Affine()
        for own, coefficient in self.terms:
            if len(own) == len(monomial) + 1 and coefficient.is_constant:
                rest = without(own, monomial)
                if rest is not None:
                    total = total + Affine(((rest[0], coefficient.constant),))
        return total

    @property
    def constant(self) -> int | None:
        if not self.terms:
            return 0
        return (
            self.terms[0][1].constant if self.is_of_sizes and self.terms[0][0] == ONE and len(self.terms) == 1 else None
        )

    @cached_property
    def is_of_sizes(self) -> bool:
        """Whether it names no index: the same number for all programs and lanes."""
        return all(coefficient.is_constant for _, coefficient in self.terms)

    @cached_property
    def indices(self) -> frozenset[str]:
        """The variables of the coefficients."""
        return frozenset().union(*(c.variables for _, c in self.terms))

    def __add__(self, other: Polynomial) -> Polynomial:
        total = dict(self.terms)
        for monomial, coefficient in other.terms:
            total[monomial] = total.get(monomial, Affine()) + coefficient
        return _make(total)

    def __neg__(self) -> Polynomial:
        return Polynomial(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        """Raises ``Unreadable`` for a product of two indices."""
        total: dict[Monomial, Affine] = {}
        for left, first in self.terms:
            for right, second in other.terms:
                if not (first.is_constant or second.is_constant):
                    raise Unreadable("a product of two numbers that both depend on the program or on the lane")
                monomial = tuple(sorted((*left, *right), key=_key))
                total[monomial] = total.get(monomial, Affine()) + first * second
        return _make(total)

    def variables(self) -> frozenset[str]:
        parts = [c.variables for _, c in self.terms]
        return frozenset().union(*parts, *(Affine(((a, 1),)).variables for m, _ in self.terms for a in m))

    def substitute(self, mapping: Mapping[str, Affine]) -> Polynomial:
        """Indices, or sizes, replaced by expressions, all at once."""
        total = Polynomial()
        for monomial, coefficient in self.terms:
            part = Polynomial.of(coefficient.substitute(mapping))
            for atom in monomial:
                part = part * Polynomial.of(Affine(((atom, 1),)).substitute(mapping))
            total = total + part
        return total

    def evaluate(self, environment: Mapping[str, int]) -> int:
        total = 0
        for monomial, coefficient in self.terms:
            part = coefficient.evaluate(environment)
            for atom in monomial:
                part *= Affine(((atom, 1),)).evaluate(environment)
            total += part
        return total

    def extremes(self, ranges: Mapping[str, tuple[Affine, Affine]]) -> tuple[int, int] | None:
        """Numbers between which, both included, the value lies; None where there are none known."""
        low = high = 0
        for monomial, coefficient in self.terms:
            found = coefficient.extremes(ranges)
            for atom in monomial:
                factor = Affine(((atom, 1),)).extremes(ranges)
                if found is None or factor is None:
                    return None
                corners = [a * b for a in found for b in factor]
                found = min(corners), max(corners)
            if found is None:
                return None
            low, high = low + found[0], high + found[1]
        return low, high

    def __str__(self) -> str:
        parts = [
            " * ".join(
                [*(Affine(((a, 1),)).render(_shown) for a in m), f"({c.render(_shown)})"] if m else [c.render(_shown)]
            )
            for m, c in self.terms
        ]
        return " + ".join(parts) or "0"


def _shown(name: str) -> str:
    return name.removeprefix("#")


def _make(total: Mapping[Monomial, Affine]) -> Polynomial:
    kept = [(m, c) for m, c in total.items() if c.terms or c.constant]
    kept.sort(key=lambda item: (-len(item[0]), [_key(a) for a in item[0]]))
    return Polynomial(tuple(kept))


def without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """The quotient of two products; None where there is none."""
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def rounded_up(quotient: FloorDiv) -> str | None:
    """The size of which the quotient is no more than a part, rounded up: ``(n + d - 1) // d <= n`` for n >= 1."""
    numerator = quotient.numerator
    if len(numerator.terms) != 1 or not 0 <= numerator.constant < quotient.divisor:
        return None
    (atom, factor), *_ = numerator.terms
    return atom if factor == 1 and isinstance(atom, str) else None


def product(factors: list[Polynomial]) -> Polynomial:
    total = Polynomial.of(1)
    for factor in factors:
        total = total * factor
    return total
