"""Places in a source text: what Python reports, and what an editor wants.

Python counts lines from 1 and columns in UTF-8 bytes; LSP counts lines from 0 and columns in UTF-16
code units. ``SourceMap`` is the one place that converts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from stile_engine.proof.verdict import Position, Range
from stile_engine.trace.location import Site

_NEWLINE = re.compile(r"\r\n|\r|\n")


class SourceMap:
    """The line table of one text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._starts = [0, *(m.end() for m in _NEWLINE.finditer(source))]
        self._ends = [*(m.start() for m in _NEWLINE.finditer(source)), len(source)]

    @property
    def line_count(self) -> int:
        return len(self._starts)

    def line(self, number: int) -> str:
        """The text of a line counted from 1, without its end; empty outside the text."""
        if not 1 <= number <= len(self._starts):
            return ""
        return self.source[self._starts[number - 1] : self._ends[number - 1]]

    def position(self, line: int, column: int) -> Position:
        """From a line counted from 1 and a column in UTF-8 bytes."""
        if line > len(self._starts):
            line, column = len(self._starts), len(self.line(len(self._starts)).encode(errors="replace"))
        line = max(line, 1)
        text = self.line(line)
        if text.isascii():
            return Position(line - 1, min(max(column, 0), len(text)))
        prefix = text.encode(errors="surrogatepass")[: max(column, 0)].decode(errors="ignore")
        return Position(line - 1, _utf16(prefix))

    def position_at(self, offset: int) -> Position:
        """From an offset in characters."""
        number = self._line_at(offset)
        return Position(number, _utf16(self.source[self._starts[number] : min(offset, self._ends[number])]))

    def offset(self, line: int, column: int) -> int:
        """The offset in characters of a line counted from 1 and a column in UTF-8 bytes."""
        text = self.line(line)
        characters = (
            column if text.isascii() else len(text.encode(errors="surrogatepass")[:column].decode(errors="ignore"))
        )
        return self._starts[line - 1] + min(characters, len(text))

    def range(self, site: Site) -> Range:
        """The range of a site; the text of its line where only the line is known."""
        if (site.lineno, site.col) == (site.end_lineno, site.end_col):
            return self.line_range(site.lineno)
        return Range(self.position(site.lineno, site.col), self.position(site.end_lineno, site.end_col))

    def range_of(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias) -> Range:
        end_line = node.lineno if node.end_lineno is None else node.end_lineno
        end_column = node.col_offset if node.end_col_offset is None else node.end_col_offset
        return Range(self.position(node.lineno, node.col_offset), self.position(end_line, end_column))

    def range_at(self, start: int, end: int) -> Range:
        """From offsets in characters."""
        return Range(self.position_at(start), self.position_at(end))

    def line_range(self, number: int) -> Range:
        """A line counted from 1, without the space around its text."""
        text = self.line(number)
        number = min(max(number, 1), len(self._starts))
        start = len(text) - len(text.lstrip())
        return Range(Position(number - 1, _utf16(text[:start])), Position(number - 1, _utf16(text.rstrip())))

    @property
    def start(self) -> Range:
        return Range(Position(0, 0), Position(0, 0))

    def _line_at(self, offset: int) -> int:
        low, high = 0, len(self._starts) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._starts[middle] <= offset:
                low = middle
            else:
                high = middle - 1
        return low


def _utf16(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def every_statement(*roots: ast.AST) -> Iterator[ast.stmt]:
    """The statements and those inside of them; expressions, most of a tree, are not looked at."""
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            if isinstance(inner := getattr(node, part, None), list):
                waiting += inner


def site_of(node: ast.expr | ast.stmt | ast.arg, path: str) -> Site:
    end_line = node.lineno if node.end_lineno is None else node.end_lineno
    end_column = node.col_offset if node.end_col_offset is None else node.end_col_offset
    return Site(path, node.lineno, end_line, node.col_offset, end_column)
