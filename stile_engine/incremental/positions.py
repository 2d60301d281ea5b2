"""Places in a text as places in its tokens, so that they can be found again when comments and lines have moved."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence
from typing import Any

from stile_engine.incremental.module import ModuleText

_LINE_IN_WORDS = re.compile(r"\blines? \d|\.py[:\"]|:\d+:")


class NoPlace(LookupError):
    """A place that lies in no token of the statements that a result rests on."""


class Places:
    """Of one text and some of its statements, in the order in which a kernel reaches them."""

    def __init__(self, module: ModuleText, statements: Sequence[int]) -> None:
        self._module = module
        self._statements = tuple(statements)

    def layout(self) -> list[Any]:
        """What stays the same while no line and no column changes."""
        chunks = self._module.chunks
        return [[chunks[n].first, *(list(t) for t in chunks[n].facts.tokens)] for n in self._statements]

    def anchored(self, line: int, character: int) -> list[int]:
        """``[statement, token, lines, columns]`` of a position (UTF-16). Raises ``NoPlace``."""
        for order, number in enumerate(self._statements):
            chunk = self._module.chunks[number]
            if not chunk.first <= line <= chunk.last:
                continue
            tokens = chunk.facts.tokens
            where = line - chunk.first, _characters(self._module.lines[line], character)
            index = bisect.bisect_right(tokens, where, key=lambda token: token[:2]) - 1
            if index < 0 or where > tokens[index][2:]:
                continue
            first, column = tokens[index][:2]
            down = where[0] - first
            return [order, index, down, where[1] - (0 if down else column)]
        raise NoPlace

    def found(self, anchor: Sequence[int]) -> tuple[int, int]:
        """Line and character (UTF-16) of an anchor in this text."""
        order, index, down, right = anchor
        chunk = self._module.chunks[self._statements[order]]
        first, column = chunk.facts.tokens[index][:2]
        line = chunk.first + first + down
        return line, _units(self._module.lines[line], right + (0 if down else column))


def with_positions(data: Any, change: Callable[[Any], Any]) -> Any:
    """JSON data of a report with every position in the checked file replaced; those in others stay."""
    if isinstance(data, list):
        return [with_positions(item, change) for item in data]
    if not isinstance(data, dict):
        return data
    if data.keys() == {"line", "character"}:
        return change(data)
    if "at" in data and len(data) == 1:
        return change(data)
    return {name: with_positions(item, change) for name, item in data.items()}


def names_a_line(data: Any) -> bool:
    """Whether words of a result speak of lines, or it lies in another file: then it holds for this layout only."""
    if isinstance(data, str):
        return _LINE_IN_WORDS.search(data) is not None
    if isinstance(data, list):
        return any(names_a_line(item) for item in data)
    if isinstance(data, dict):
        other = "path" in data and "range" in data and data["path"] is not None
        return other or any(names_a_line(item) for item in data.values())
    return False


def _characters(line: str, units: int) -> int:
    """How many characters of a line make so many UTF-16 units."""
    if line.isascii():
        return units
    count = 0
    for index, character in enumerate(line):
        if count >= units:
            return index
        count += 2 if character > "\uffff" else 1
    return len(line) + max(units - count, 0)


def _units(line: str, characters: int) -> int:
    return characters + sum(character > "\uffff" for character in line[:characters])
