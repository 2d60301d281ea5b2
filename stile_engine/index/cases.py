"""Convex cases of a set, each with what facts about data say there.

A fact is a list of convex alternatives, one of which holds: ``i < j`` or ``I[j] <= I[i]``. Where only one of them meets
a case, the case is narrowed to it; a fact that leaves a choice stays open, and is tried again on the parts that the
case is cut into. With all facts at once the number of cases would be exponential in the number of data: so an empty
set may be missed, and never made up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import islpy as isl

from stile_engine.index.work import spend

Fact: TypeAlias = "tuple[isl.Set, ...]"

MOST_CASES = 6
"""Sets of more cases are not searched for what follows from facts."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A set that is not empty, and the facts that leave a choice in it."""

    raw: isl.Set
    open: tuple[Fact, ...]

    def __and__(self, other: isl.Set) -> list[Case]:
        return cases_of(self.raw.intersect(other), self.open)

    def is_inside(self, other: isl.Set) -> bool:
        """Whether the whole case lies in the set, by what the facts say."""
        if self.raw.is_subset(other):
            return True
        left = self.raw.subtract(other).coalesce() if self.open else None
        return left is not None and not cases_of(left, self.open)

    def meets(self, other: isl.Set) -> bool:
        both = self.raw.intersect(other)
        return not both.is_empty() and (not self.open or bool(cases_of(both, self.open)))


def cases_of(raw: isl.Set, facts: tuple[Fact, ...]) -> list[Case]:
    """The cases of the set; none where it is empty."""
    if not facts or raw.n_basic_set() > MOST_CASES:
        return [] if raw.is_empty() else [Case(raw, facts)]
    found = (_narrowed(isl.Set.from_basic_set(part), facts) for part in raw.get_basic_sets())
    return [case for case in found if case is not None]


def _narrowed(raw: isl.Set, facts: tuple[Fact, ...]) -> Case | None:
    """One convex case with the facts of which it leaves one alternative each; None where it is empty."""
    if raw.is_empty():
        return None
    waiting = facts
    while waiting:
        left: list[Fact] = []
        for fact in waiting:
            spend()
            possible: list[tuple[int, isl.Set]] = []
            for number, alternative in enumerate(fact):
                narrower = raw.intersect(alternative)
                if not narrower.is_empty():
                    possible.append((number, narrower))
                    if len(possible) > 1:
                        break
            if not possible:
                return None
            if len(possible) == 1:
                raw = possible[0][1]
            else:
                # parts of the case most often leave the same two: they are tried first there
                (one, _), (other, _) = possible
                rest = (a for number, a in enumerate(fact) if number not in (one, other))
                left.append((fact[one], fact[other], *rest))
        if len(left) == len(waiting):
            break
        waiting = tuple(left)
    return Case(raw, waiting)


def united(cases: Iterable[Case]) -> isl.Set | None:
    """All cases as one set; None where there are none."""
    total: isl.Set | None = None
    for case in cases:
        total = case.raw if total is None else total.union(case.raw)
    return total
