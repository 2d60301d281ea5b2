"""A deterministic budget: operations are counted, never seconds.

The same text gets the same verdict on every machine, because what stops a proof is the number of
set and term operations that it took.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class BudgetExceeded(Exception):
    """The proof took more operations than its budget."""


@dataclass
class Meter:
    """Counts operations; raises ``BudgetExceeded`` past ``limit``."""

    spent: int = 0
    limit: int | None = None


_current = Meter()


def spend(operations: int = 1) -> None:
    meter = _current
    meter.spent += operations
    if meter.limit is not None and meter.spent > meter.limit:
        raise BudgetExceeded(f"more than {meter.limit} operations")


@contextmanager
def budget(limit: int | None) -> Iterator[Meter]:
    """Count the operations of a block; nested blocks also count towards the outer one, and may not take
    more than it has left."""
    global _current
    outer = _current
    if outer.limit is not None:
        left = max(outer.limit - outer.spent, 0)
        limit = left if limit is None else min(limit, left)
    inner = Meter(0, limit)
    _current = inner
    try:
        yield inner
    finally:
        _current = outer
        outer.spent += inner.spent
