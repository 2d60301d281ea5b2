"""Affine index expressions with integer coefficients, ``//`` and ``%`` by positive constants.

An ``Affine`` is the only thing that may stand in an index position. It is immutable, hashable
and kept in a normal form (sorted terms, no zero coefficients), so equality is structural.
``e % d`` is kept as ``e - d * (e // d)``: the only non-linear atom is ``FloorDiv``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

from stile_engine.index import data
from stile_engine.index.names import combined, is_bound

_NOTHING: frozenset[str] = frozenset()

Atom: TypeAlias = "str | FloorDiv"


class HasAffine(Protocol):
    """A symbolic integer: something that stands for an affine expression."""

    @property
    def affine(self) -> Affine: ...


AffineLike: TypeAlias = "Affine | int | HasAffine"


@dataclass(frozen=True, slots=True)
class FloorDiv:
    """``numerator // divisor`` rounded towards minus infinity; ``divisor > 1``."""

    numerator: Affine
    divisor: int

    def __str__(self) -> str:
        return f"({self.numerator}) // {self.divisor}"


def _atom_key(atom: Atom) -> tuple[int, str]:
    return (0, atom) if isinstance(atom, str) else (1, str(atom))


class Affine:
    """``sum(coefficient * atom) + constant``; build with ``variable``, ``constant`` and operators.

    Written out instead of a frozen dataclass: long kernels make millions of them. Nothing is ever changed in one.
    """

    __slots__ = ("_digest", "_hash", "_variables", "constant", "terms")
    __match_args__ = ("terms", "constant")

    def __init__(self, terms: tuple[tuple[Atom, int], ...] = (), constant: int = 0) -> None:
        self.terms: Final = terms
        self.constant: Final = constant

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not Affine:
            return NotImplemented
        return self.constant == other.constant and self.terms == other.terms

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash((self.terms, self.constant))
            return self._hash

    @staticmethod
    def of(value: AffineLike) -> Affine:
        if type(value) is Affine:
            return value
        if type(value) is int:
            return _number(value)
        symbolic: Affine | None = getattr(value, "affine", None)
        return Affine((), int(value)) if symbolic is None else symbolic  # type: ignore[arg-type]

    @staticmethod
    def variable(name: str) -> Affine:
        # What a data variable varies with is known only once it is registered.
        return Affine(((name, 1),), 0) if data.is_token(name) else _plain_variable(name)

    @property
    def is_constant(self) -> bool:
        return not self.terms

    @property
    def variables(self) -> frozenset[str]:
        """All that the value varies with: what a data variable is read at is among them."""
        try:
            return self._variables
        except AttributeError:
            found: set[str] = set()
            for atom, _ in self.terms:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    found |= atom.numerator.variables
            self._variables: frozenset[str] = data.closure(frozenset(found)) if found else _NOTHING
            return self._variables

    @property
    def digest(self) -> str:
        """Orders expressions by structure, with the names of bound variables last."""
        try:
            return self._digest
        except AttributeError:
            self._digest: str = self._made_digest()
            return self._digest

    def _made_digest(self) -> str:
        shapes, names, parts = [str(self.constant)], list[str](), list[str]()
        for atom, coefficient in self.terms:
            if isinstance(atom, FloorDiv):
                shapes.append(f"{coefficient}*//{atom.divisor}")
                parts.append(atom.numerator.digest)
            elif is_bound(atom):
                shapes.append(f"{coefficient}*?")
                names.append(atom)
            elif data.is_token(atom):
                shapes.append(f"{coefficient}*@")
                parts.append(data.datum(atom).digest)
            else:
                shapes.append(f"{coefficient}*{atom}")
        return combined("|".join(shapes), parts, names)

    def coefficient(self, name: str) -> int:
        """The coefficient of the plain variable (not inside a floor division)."""
        for atom, coefficient in self.terms:
            if atom == name:
                return coefficient
        return 0

    def mentions_in_floor(self, name: str) -> bool:
        return any(isinstance(a, FloorDiv) and name in a.numerator.variables for a, _ in self.terms)

    def __add__(self, other: AffineLike) -> Affine:
        if type(other) is not Affine:
            other = Affine.of(other)
        if not other.terms:
            return Affine(self.terms, self.constant + other.constant) if other.constant else self
        if not self.terms:
            return Affine(other.terms, self.constant + other.constant)
        total: dict[Atom, int] = dict(self.terms)
        for atom, coefficient in other.terms:
            total[atom] = total.get(atom, 0) + coefficient
        return _make(total, self.constant + other.constant)

    __radd__ = __add__

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: AffineLike) -> Affine:
        if type(other) is int:
            return Affine(self.terms, self.constant - other) if other else self
        other = Affine.of(other)
        if not other.terms:
            return Affine(self.terms, self.constant - other.constant) if other.constant else self
        total: dict[Atom, int] = dict(self.terms)
        for atom, coefficient in other.terms:
            total[atom] = total.get(atom, 0) - coefficient
        return _make(total, self.constant - other.constant)

    def __rsub__(self, other: AffineLike) -> Affine:
        return Affine.of(other) - self

    def __mul__(self, other: AffineLike) -> Affine:
        if type(other) is int:
            factor = other
        else:
            other = Affine.of(other)
            if not self.terms:
                self, other = other, self
            if other.terms:
                raise ValueError(f"the product ({self}) * ({other}) of two index expressions is not affine")
            factor = other.constant
        if factor == 1:
            return self
        if factor == 0:
            return Affine()
        return Affine(tuple((a, c * factor) for a, c in self.terms), self.constant * factor)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: AffineLike) -> Affine:
        divisor = _positive(divisor)
        if divisor == 1:
            return self
        # (d*a + b) // d = a + b // d: parts divisible by d leave the floor exactly.
        outside: dict[Atom, int] = {}
        inside: dict[Atom, int] = {}
        for atom, coefficient in self.terms:
            quotient, remainder = divmod(coefficient, divisor)
            if quotient:
                outside[atom] = quotient
            if remainder:
                inside[atom] = remainder
        quotient, remainder = divmod(self.constant, divisor)
        if inside:
            numerator = _make(inside, remainder)
            outside[FloorDiv(numerator, divisor)] = outside.get(FloorDiv(numerator, divisor), 0) + 1
        return _make(outside, quotient)

    def __mod__(self, divisor: AffineLike) -> Affine:
        divisor = _positive(divisor)
        return self - (self // divisor) * divisor

    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        """Replace variables simultaneously."""
        if self.variables.isdisjoint(mapping):
            return self
        if data.any_known():
            mapping = data.extended(mapping, (a for a, _ in self.terms if isinstance(a, str)))
        total: dict[Atom, int] = {}
        constant = self.constant
        for atom, coefficient in self.terms:
            if isinstance(atom, str):
                part = mapping.get(atom)
                if part is None:
                    total[atom] = total.get(atom, 0) + coefficient
                    continue
            else:
                part = atom.numerator.substitute(mapping) // atom.divisor
            constant += part.constant * coefficient
            for other, factor in part.terms:
                total[other] = total.get(other, 0) + factor * coefficient
        return _make(total, constant)

    def extremes(self, ranges: Mapping[str, tuple[Affine, Affine]]) -> tuple[int, int] | None:
        """Numbers between which, both included, the value lies where each variable is in its half-open
        range; None where some range is empty or unknown. A range may end at other variables, as axes do that
        have a symbolic size: then the ends are as far out as those can be."""
        low = high = self.constant
        for atom, coefficient in self.terms:
            if isinstance(atom, str):
                own = _numbers(ranges.get(atom), ranges)
                if own is None or own[0] >= own[1]:
                    return None
                least, greatest = own[0], own[1] - 1
            else:
                inner = atom.numerator.extremes(ranges)
                if inner is None:
                    return None
                least, greatest = inner[0] // atom.divisor, inner[1] // atom.divisor
            if coefficient < 0:
                least, greatest = greatest, least
            low += coefficient * least
            high += coefficient * greatest
        if len(self.terms) > 1 and any(isinstance(atom, FloorDiv) for atom, _ in self.terms):
            low, high = self._narrowed(low, high, ranges)
        return low, high

    def _narrowed(self, low: int, high: int, ranges: Mapping[str, tuple[Affine, Affine]]) -> tuple[int, int]:
        """The interval, narrowed by ``d * (e // d) = e - r`` with ``0 <= r < d``: of ``n - 15 * n // 16`` the two parts
        do not vary apart."""
        scale = math.lcm(*(atom.divisor for atom, _ in self.terms if isinstance(atom, FloorDiv)))
        whole = Affine((), self.constant * scale)
        below = above = 0  # what the remainders take away at most, and at least
        for atom, coefficient in self.terms:
            if isinstance(atom, str):
                whole = whole + Affine(((atom, coefficient * scale),))
                continue
            factor = coefficient * (scale // atom.divisor)
            whole = whole + atom.numerator * factor
            below += max(factor, 0) * (atom.divisor - 1)
            above += max(-factor, 0) * (atom.divisor - 1)
        limits = whole.extremes(ranges)
        if limits is None:
            return low, high
        return max(low, -((below - limits[0]) // scale)), min(high, (limits[1] + above) // scale)

    def evaluate(self, environment: Mapping[str, int]) -> int:
        total = self.constant
        for atom, coefficient in self.terms:
            if isinstance(atom, str):
                total += coefficient * environment[atom]
            else:
                total += coefficient * (atom.numerator.evaluate(environment) // atom.divisor)
        return total

    def render(self, name: Callable[[str], str] = str) -> str:
        """The text, in spec syntax and valid as Python, with variables renamed by ``name``.

        ``name`` is asked for data variables too; without it, or with one that leaves them as they are,
        the text tells any two expressions apart.
        """
        parts: list[str] = []
        for atom, coefficient in self.terms:
            text = name(atom) if isinstance(atom, str) else f"({atom.numerator.render(name)}) // {atom.divisor}"
            if not isinstance(atom, str) and coefficient not in (1, -1):
                text = f"({text})"
            sign = "-" if coefficient < 0 else "+"
            magnitude = abs(coefficient)
            parts.append(f"{sign} {text}" if magnitude == 1 else f"{sign} {magnitude} * {text}")
        if self.constant or not parts:
            parts.append(f"{'-' if self.constant < 0 else '+'} {abs(self.constant)}")
        text = " ".join(parts)
        return text[2:] if text.startswith("+ ") else "-" + text[2:]

    def __str__(self) -> str:
        return self.render()

    __repr__ = __str__


def _numbers(own: tuple[Affine, Affine] | None, ranges: Mapping[str, tuple[Affine, Affine]]) -> tuple[int, int] | None:
    """A half-open range between numbers that holds the given one."""
    if own is None:
        return None
    low, high = own
    if not low.terms and not high.terms:
        return low.constant, high.constant
    least, greatest = low.extremes(ranges), high.extremes(ranges)
    return None if least is None or greatest is None else (least[0], greatest[1])


def _positive(divisor: AffineLike) -> int:
    value = Affine.of(divisor)
    if not value.is_constant or value.constant <= 0:
        raise ValueError(f"an index can be divided only by a positive constant, not by {value}")
    return value.constant


@lru_cache(maxsize=4096)
def _number(value: int) -> Affine:
    return Affine((), value)


@lru_cache(maxsize=4096)
def _plain_variable(name: str) -> Affine:
    """The same object each time: it knows its hash, and is compared by identity."""
    return Affine(((name, 1),), 0)


def _make(total: Mapping[Atom, int], constant: int) -> Affine:
    kept = [(a, c) for a, c in total.items() if c]
    if len(kept) > 1:
        if all(type(a) is str for a, _ in kept):
            kept.sort()  # no two have one name, so no more than names is compared
        else:
            kept.sort(key=lambda item: _atom_key(item[0]))
    return Affine(tuple(kept), constant)


def variable(name: str) -> Affine:
    return Affine.variable(name)


def constant(value: int) -> Affine:
    return Affine((), value)


def quotient_and_remainder(
    index: Affine, divisor: int, ranges: Mapping[str, tuple[Affine, Affine]]
) -> tuple[Affine, Affine]:
    """``(index // divisor, index % divisor)``, without a division where the ranges leave no choice."""
    outside, inside = _by_terms(index, divisor)
    limits = inside.extremes(ranges)
    if limits is not None and limits[0] // divisor == limits[1] // divisor:
        carry = limits[0] // divisor
        return outside + carry, inside - carry * divisor
    for step in sorted({c for _, c in inside.terms if c > 1 and divisor % c == 0}, reverse=True):
        # (s*a + b) // (s*d) = a // d, and the remainder is s*(a % d) + b, where 0 <= b < s
        whole, rest = _by_terms(inside, step)
        limits = rest.extremes(ranges)
        if limits is not None and limits[0] >= 0 and limits[1] < step:
            quotient, remainder = quotient_and_remainder(whole, divisor // step, ranges)
            return outside + quotient, remainder * step + rest
    return index // divisor, index % divisor


def _by_terms(index: Affine, divisor: int) -> tuple[Affine, Affine]:
    """``index = divisor * whole + rest``, term by term."""
    whole, rest = Affine((), index.constant // divisor), Affine((), index.constant % divisor)
    for atom, coefficient in index.terms:
        quotient, remainder = divmod(coefficient, divisor)
        whole = whole + Affine(((atom, quotient),) if quotient else ())
        rest = rest + Affine(((atom, remainder),) if remainder else ())
    return whole, rest


def settled(index: Affine, ranges: Mapping[str, tuple[Affine, Affine]]) -> Affine:
    """The index without the divisions that have one result, or a simpler form, inside the ranges."""
    if not any(isinstance(atom, FloorDiv) for atom, _ in index.terms):
        return index
    total = Affine((), index.constant)
    for atom, coefficient in index.terms:
        if isinstance(atom, FloorDiv):
            part = quotient_and_remainder(settled(atom.numerator, ranges), atom.divisor, ranges)[0]
        else:
            part = Affine.variable(atom)
        total = total + part * coefficient
    return total


def surely_in_range(index: Affine, low: Affine, high: Affine, ranges: Mapping[str, tuple[Affine, Affine]]) -> bool:
    """Whether ``low <= index < high`` follows from the ranges of the variables, one at a time: a cheap test
    that says yes to most indices, and no to what only a set can decide."""
    if not low.terms and not high.terms:
        limits = index.extremes(ranges)
        return limits is not None and low.constant <= limits[0] and limits[1] < high.constant
    above = (index - low).extremes(ranges)
    if above is None or above[0] < 0:
        return False
    below = (high - index).extremes(ranges)
    return below is not None and below[0] > 0
