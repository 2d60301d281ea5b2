"""Sets of one variable that are a run of numbers, ``low <= name < high``: most domains of reductions are.

What is asked of two of them is a matter of their ends, and takes no set library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stile_engine.index import data
from stile_engine.index.affine import Affine


class Run(NamedTuple):
    name: str
    low: int
    high: int
    """Past the last one."""


def run_of(ranges: Mapping[str, tuple[Affine, Affine]]) -> Run | None:
    """The box as a run of at least two numbers; None where it is none, or has a variable of a kind of its own: sizes
    are at least 1, and of data something is declared."""
    if len(ranges) != 1:
        return None
    ((name, (low, high)),) = ranges.items()
    if low.terms or high.terms or high.constant - low.constant < 2 or not is_plain(name):
        return None
    return Run(name, low.constant, high.constant)


def is_plain(name: str) -> bool:
    return not name.startswith("#") and not data.is_token(name)


def met(one: Run, other: Run) -> Run:
    return Run(one.name, max(one.low, other.low), min(one.high, other.high))


def joined(one: Run, other: Run) -> Run | None:
    """What is in one of them, where that is a run."""
    if max(one.low, other.low) > min(one.high, other.high):
        return None
    return Run(one.name, min(one.low, other.low), max(one.high, other.high))


def without(one: Run, other: Run) -> Run | None:
    """What is in the first and not in the other, where that is a run, which may be empty."""
    if other.high <= one.low or one.high <= other.low:
        return one
    if other.low <= one.low:
        return Run(one.name, other.high, one.high)
    return Run(one.name, one.low, other.low) if one.high <= other.high else None


def is_inside(one: Run, other: Run) -> bool:
    return other.low <= one.low and one.high <= other.high


def moved(run: Run, expression: Affine) -> Run | bool | None:
    """The run where the expression stands for its variable: again a run, or everything (True) or nothing (False); None
    where it is none of these."""
    if not expression.terms:
        return run.low <= expression.constant < run.high
    if len(expression.terms) > 1:
        return None
    ((atom, coefficient),) = expression.terms
    if not isinstance(atom, str) or not is_plain(atom):
        return None
    if coefficient == 1:
        return Run(atom, run.low - expression.constant, run.high - expression.constant)
    if coefficient == -1:
        # low <= c - v < high for c - high < v <= c - low
        return Run(atom, expression.constant - run.high + 1, expression.constant - run.low + 1)
    return None
