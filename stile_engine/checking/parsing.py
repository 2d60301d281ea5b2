"""A text that may be half typed, as the statements that can be read and the places that cannot."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

from stile_engine.proof.verdict import Range
from stile_engine.trace.source_map import SourceMap

_JOINED_BLOCKS = 8
_NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
_CONTINUES = re.compile(r"(elif|else|except|finally|case)\b|[)\]}]")
_COMPOUND = re.compile(r"(@|(async|def|class|if|for|while|with|try|match)\b)")
_DEFINES = re.compile(r"@|(async\s+)?def\b|class\b")
_TARGETS = re.compile(r"\s*([\w\s,.*\[\]'\"]+?)\s*(?::[^=]*)?(?:[-+*/@%&|^]|//|\*\*|>>|<<)?=(?!=)")
_LOOP_TARGETS = re.compile(r"\s*(?:async\s+)?for\s+(.+?)\s+in\b")
_WORD = re.compile(r"[^\W\d]\w*")
_BINDS = re.compile(r"^\s*(?:async\s+def|def|class)\s+(\w+)|^(\w+)\s*(?::[^=]*)?=(?!=)|^\s*import\s+(\w+)|\bas\s+(\w+)")


@dataclass(frozen=True, slots=True)
class BrokenPart:
    """A top-level statement that is no Python: lines from ``first`` to ``last``, counted from 1, both included."""

    first: int
    last: int
    range: Range
    message: str
    names: frozenset[str]
    """What the statement would have bound, as far as one can tell."""


@dataclass(frozen=True, slots=True)
class ParsedText:
    """``source`` has the lines of the broken parts emptied, so all other places stay what they were."""

    source: str
    tree: ast.Module
    map: SourceMap
    broken: tuple[BrokenPart, ...]


@lru_cache(maxsize=2)
def parse_text(source: str) -> ParsedText:
    """The statements of the text without those that are not Python yet."""
    whole = SourceMap(source)
    try:
        return ParsedText(source, _parse(source), whole, ())
    except _NOT_PYTHON as error:
        everything = _part(1, whole.line_count, error, whole)
    broken: list[BrokenPart] = []
    blocks = _blocks(source)
    while blocks:
        problem, taken = _readable(source, blocks)
        if problem is not None:
            first, last = _at_fault(source, *blocks[0], problem)
            broken.append(_part(first, last, problem, whole))
        blocks = blocks[taken:]
    kept = source
    for part in broken:
        kept = _without(kept, part.first, part.last)
    try:
        return ParsedText(kept, _parse(kept), whole, tuple(broken))
    except _NOT_PYTHON:
        return ParsedText("", ast.Module([], []), whole, (everything,))


def _readable(source: str, blocks: list[tuple[int, int]]) -> tuple[Exception | None, int]:
    """What is wrong with the first block, and how many blocks it is made of.

    A string over several lines may look like several statements: then a few together can be read.
    """
    first: Exception | None = None
    for count in range(1, min(_JOINED_BLOCKS, len(blocks)) + 1):
        try:
            _parse(_only(source, blocks[0][0], blocks[count - 1][1]))
        except _NOT_PYTHON as error:
            first = first or error
        else:
            return None, count
    return first, 1


def _at_fault(source: str, first: int, last: int, error: Exception) -> tuple[int, int]:
    """The lines of a block that are no Python: a simple statement that can be read by itself is not among them."""
    line = getattr(error, "lineno", None)
    if not isinstance(line, int) or not first < line <= last or _COMPOUND.match(_lines(source)[first - 1]):
        return first, last
    try:
        _parse(_only(source, first, line - 1))
    except _NOT_PYTHON:
        return first, last
    return line, last


def _part(first: int, last: int, error: Exception, text: SourceMap) -> BrokenPart:
    message = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
    return BrokenPart(first, last, _place(error, text), message, _names(text, first, last))


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _place(error: Exception, text: SourceMap) -> Range:
    if not isinstance(error, SyntaxError) or error.lineno is None:
        return text.line_range(1)
    line = min(max(error.lineno, 1), text.line_count)
    # SyntaxError counts columns in characters from 1, not in bytes.
    start = text.offset(line, 0) + max((error.offset or 1) - 1, 0)
    end_line = min(max(error.end_lineno or line, line), text.line_count)
    end = text.offset(end_line, 0) + max((error.end_offset or 0) - 1, 0)
    limit = text.offset(line, 0) + len(text.line(line))
    start = min(start, limit)
    if end <= start:
        end = min(start + 1, limit)
    if end <= start:
        return text.line_range(line)
    return text.range_at(start, end)


def _lines(source: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", source)


def _blocks(source: str) -> list[tuple[int, int]]:
    """Top-level statements by their looks: a line that begins at the margin begins one."""
    lines = _lines(source)
    starts = [
        number
        for number, line in enumerate(lines, 1)
        if line and not line[0].isspace() and line[0] != "#" and not _CONTINUES.match(line)
    ]
    # A decorator belongs to what follows it.
    merged: list[int] = []
    for number in starts:
        # A lone @ is one that is being typed.
        if merged and re.match(r"@\s*\S", lines[merged[-1] - 1]) and _only_decorator(lines, merged[-1], number):
            continue
        merged.append(number)
    ends = [*(number - 1 for number in merged[1:]), len(lines)]
    for number, first in enumerate(merged):
        while ends[number] > first and not lines[ends[number] - 1].strip():
            ends[number] -= 1
    return list(zip(merged, ends, strict=True))


def _only_decorator(lines: list[str], first: int, following: int) -> bool:
    return not any(re.match(r"(async\s+def|def|class)\b", line) for line in lines[first - 1 : following - 1])


def _only(source: str, first: int, last: int) -> str:
    """The lines of one part, at their places."""
    lines = _lines(source)
    return "\n" * (first - 1) + "\n".join(lines[first - 1 : last])


def _without(source: str, first: int, last: int) -> str:
    text = SourceMap(source)
    start, end = text.offset(first, 0), text.offset(last, 0) + len(text.line(last))
    return source[:start] + re.sub(r"[^\r\n]+", "", source[start:end]) + source[end:]


def _names(text: SourceMap, first: int, last: int) -> frozenset[str]:
    found: set[str] = set()
    # What a definition assigns in its body is its own.
    own_scope = _DEFINES.match(text.line(first)) is not None
    for number in range(first, last + 1):
        for match in _BINDS.finditer(text.line(number)):
            found.update(name for name in match.groups() if name)
        if not own_scope:
            for pattern in (_TARGETS, _LOOP_TARGETS):
                if (targets := pattern.match(text.line(number))) is not None:
                    found.update(_WORD.findall(targets.group(1)))
    return frozenset(found)
