"""Guarded values: for each index, a finite term, an infinity, no value, or something unmodelled.

Guards are relative to the box of the value's axes, disjoint, and together cover it. Conditions say
where a *finite term* has a value: a divisor that is not zero, a root's argument that is not
negative. They were read off the expression as written, before any law.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.term.atoms import Poly


@dataclass(frozen=True, slots=True)
class Infinite:
    sign: int


@dataclass(frozen=True, slots=True)
class Missing:
    """No value, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """A value that no term can state here; a proof that meets it ends unknown or unsupported."""

    reason: str
    location: object = None
    supported: bool = False
    """True where the construct itself is modelled and only this case of it cannot be decided."""


NEGATIVE_INFINITY = Infinite(-1)
POSITIVE_INFINITY = Infinite(1)

Element: TypeAlias = Poly | Infinite | Missing | Unmodelled


@dataclass(frozen=True, slots=True)
class Piece:
    guard: IndexSet
    value: Element


@dataclass(frozen=True, slots=True)
class Condition:
    """``kind`` of ``body`` for all values of ``bound``, at the indices of ``domain``.

    kind: ``nonzero``, ``nonnegative``, ``positive``, or ``logarithm``: not negative, and the term is
    right where it is positive (where it is zero there may be a value, but the term does not state it).
    """

    kind: str
    bound: tuple[str, ...]
    domain: IndexSet
    body: Poly
    source: str = ""
    exact: bool = True
    """False: perhaps more than is needed for a value, so that it may be owed and never be relied on."""

    def within(self, guard: IndexSet) -> Condition:
        return replace(self, domain=self.domain & guard)


@dataclass(frozen=True, slots=True)
class Guarded:
    pieces: tuple[Piece, ...]
    conditions: tuple[Condition, ...] = ()


def everywhere(value: Element) -> Guarded:
    return Guarded((Piece(UNIVERSE, value),))


def gather(pieces: Iterable[tuple[IndexSet, Element]], box: IndexSet) -> tuple[Piece, ...]:
    """Pieces with equal values joined, guards simplified inside the box, empty ones dropped."""
    merged: dict[Element, IndexSet] = {}
    for guard, value in pieces:
        if guard is EMPTY:
            continue
        merged[value] = merged[value] | guard if value in merged else guard
    if len(merged) == 1:
        return (Piece(UNIVERSE, next(iter(merged))),)
    found = []
    for value, guard in merged.items():
        simple = guard.given(box)
        if simple is not EMPTY:
            found.append(Piece(simple, value))
    if len(found) == 1:
        return (Piece(UNIVERSE, found[0].value),)
    return tuple(found)


def merge_conditions(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Conditions on one term joined; those over nothing dropped."""
    merged: dict[tuple[str, tuple[str, ...], Poly, bool], Condition] = {}
    for c in conditions:
        if c.domain is EMPTY:
            continue
        key = (c.kind, c.bound, c.body, c.exact)
        known = merged.get(key)
        if known is None:
            merged[key] = c
        elif known.domain is not c.domain:
            merged[key] = replace(known, domain=known.domain | c.domain)
    return tuple(merged.values())
