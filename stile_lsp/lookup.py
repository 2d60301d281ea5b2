"""Finds what a report knows at a place of the present text."""

from __future__ import annotations

from collections.abc import Iterator

from stile_engine.trace.report import Position, Range, ValueInfo
from stile_lsp.documents import survivor
from stile_lsp.session import Entry, FileState


def holds(place: Range, position: Position) -> bool:
    """The end counts too: a cursor stands behind the last character of a word."""
    return place.start <= position <= place.end


def entry_at(state: FileState, position: Position) -> Entry | None:
    """The innermost kernel at the position; a whole line belongs to the kernel on it."""
    found = [e for e in state.entries if e.range.start.line <= position.line <= e.range.end.line]
    return max(found, key=lambda entry: entry.range.start, default=None)


def value_at(state: FileState, position: Position) -> tuple[ValueInfo, Range, Entry] | None:
    """The value of the smallest expression, or of the assigned name, at the position."""
    best: tuple[tuple[int, int, int], ValueInfo, Range, Entry] | None = None
    for entry in state.entries:
        for value in entry.values:
            for place in _places(value):
                now = survivor(place, entry.edits) if entry.edits else place
                if now is None or not holds(now, position):
                    continue
                # A position between two expressions belongs to the one that starts there.
                size = (
                    now.end.line - now.start.line,
                    now.end.character - now.start.character,
                    int(now.end == position),
                )
                if best is None or size < best[0]:
                    best = (size, value, now, entry)
    return None if best is None else best[1:]


def _places(value: ValueInfo) -> Iterator[Range]:
    yield value.range
    if value.name_range is not None:
        yield value.name_range
