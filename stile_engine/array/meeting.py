"""Which elements an operation takes together, told to whoever reads the kernel.

The primitives know how they align their operands and nothing of source texts; the interpreter that calls
them knows the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from stile_engine.array.arrays import outer_ranges
from stile_engine.term.expression import Axes
from stile_engine.term.provenance import Part

Parts: TypeAlias = tuple[Part, ...]
Told: TypeAlias = Callable[[tuple[Parts, ...], Axes, frozenset[str], bool], None]
"""Called with what each operand is made of, over common variables; the ranges of these; those that are summed; and
whether the operands only come to stand beside each other."""

_told: ContextVar[Told | None] = ContextVar("_told", default=None)


@contextmanager
def telling(told: Told) -> Iterator[None]:
    token = _told.set(told)
    try:
        yield
    finally:
        _told.reset(token)


def meet(operands: Sequence[Parts], variables: Axes, summed: Sequence[str] = (), beside: bool = False) -> None:
    """The operands are taken together at each index of ``variables``; those outside of all arrays do not count."""
    told = _told.get()
    if told is not None and len(operands) > 1:
        outer = outer_ranges()
        own = {v: b for v, b in variables.items() if v not in outer} if outer else variables
        told(tuple(operands), own, frozenset(summed), beside)
