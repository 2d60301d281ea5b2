"""Results that still hold for a text that has changed, brought to where their places are now.

While edits leave a result's places alone, shifting them is exact. Where an edit went through them (a comment inside,
an undo, a whole new text) their tokens tell where they are: a result holds only where all of them are the same.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from stile_engine.incremental.positions import NoPlace, Places
from stile_engine.trace.report import Location, Position, Range
from stile_lsp.outline import Outline

T = TypeVar("T")


def with_ranges(value: T, change: Callable[[Range], Range]) -> T:
    """Plain data of a report with every range in the file itself replaced; those in other files stay."""
    found: Any = value
    if isinstance(found, Range):
        found = change(found)
    elif isinstance(found, tuple):
        found = tuple(with_ranges(item, change) for item in found)
    elif (
        dataclasses.is_dataclass(found)
        and not isinstance(found, type)
        and not (isinstance(found, Location) and found.path is not None)
    ):
        changes = {}
        for name in _fields(type(found)):
            before = getattr(found, name)
            if (after := with_ranges(before, change)) is not before and after != before:
                changes[name] = after
        found = dataclasses.replace(found, **changes) if changes else found
    result: T = found
    return result


@functools.cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    """Those that can hold a range: texts and numbers, most of all there is, cannot."""
    plain = ("str", "int", "float", "bool", "Status", "dict[")
    return tuple(f.name for f in dataclasses.fields(kind) if not str(f.type).startswith(plain))


class Move:
    """From one text to another one that says the same, of a kernel and all that it depends on."""

    def __init__(self, name: str, old: Outline, old_place: Range, new: Outline, new_place: Range) -> None:
        self._old, self._new = _places(name, old, old_place), _places(name, new, new_place)

    def range(self, found: Range) -> Range:
        """Raises ``NoPlace`` where it lies in no token."""
        start = self._position(found.start, 0)
        # An end belongs to the last character before it, whatever comes after.
        end = self._position(found.end, 1 if found.end.character and found.end > found.start else 0)
        return Range(start, end)

    def _position(self, found: Position, before: int) -> Position:
        try:
            line, character = self._new.found(self._old.anchored(found.line, found.character - before))
        except IndexError:
            raise NoPlace from None
        return Position(line, character + before)


def _places(name: str, outline: Outline, place: Range) -> Places:
    reached = outline.reach(name, place).places
    return Places(outline.module, [statement for file, statement in reached if file == 0])
