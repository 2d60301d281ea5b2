"""Places in a source text: what Python reports, and what an editor wants.

Python counts lines from 1 and columns in UTF-8 bytes; LSP counts lines from 0 and columns in UTF-16
code units. ``SourceMap`` is the one place that converts.
"""

from __future__ import annotations

import ast
import linecache
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType, TracebackType

from stile_engine.proof.verdict import Position, Range

_NEWLINE = re.compile(r"\r\n|\r|\n")
_ENGINE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@dataclass(frozen=True, slots=True, order=True)
class SourceSpan:
    """A piece of a file as Python reports it: lines from 1, columns in UTF-8 bytes from 0, half-open."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


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

    def range(self, span: SourceSpan) -> Range:
        return Range(self.position(span.line, span.column), self.position(span.end_line, span.end_column))

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


def span_of_node(node: ast.expr | ast.stmt | ast.arg, path: str) -> SourceSpan:
    end_line = node.lineno if node.end_lineno is None else node.end_lineno
    end_column = node.col_offset if node.end_col_offset is None else node.end_col_offset
    return SourceSpan(path, node.lineno, node.col_offset, end_line, end_column)


@lru_cache(maxsize=256)
def _positions(code: CodeType) -> tuple[tuple[int | None, int | None, int | None, int | None], ...]:
    return tuple(code.co_positions())


def span_at(code: CodeType, instruction: int) -> SourceSpan | None:
    """The exact sub-expression that an instruction belongs to; None where the code carries no positions."""
    table = _positions(code)
    position = table[instruction // 2] if 0 <= instruction // 2 < len(table) else (None, None, None, None)
    line, end_line, column, end_column = position
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return SourceSpan(code.co_filename, line, column, end_line, end_column)


def is_user_file(path: str) -> bool:
    """Whether a frame of this file is the user's: not this package, no installed or frozen module."""
    if path.startswith(("<frozen", "<string", "<__array_function__")) or path.startswith(_ENGINE_FOLDER):
        return False
    parts = path.replace("\\", "/").split("/")
    return not ("site-packages" in parts or "dist-packages" in parts or path.startswith(_STANDARD_LIBRARY))


_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


def caller_span(skip: int = 1, path: str | None = None) -> SourceSpan | None:
    """Where the user's code is now: the innermost frame of ``path``, or of any of the user's files."""
    frame: FrameType | None = sys._getframe(skip)
    while frame is not None:
        name = frame.f_code.co_filename
        if name == path if path is not None else is_user_file(name):
            return span_at(frame.f_code, frame.f_lasti) or _whole_line(name, frame.f_lineno)
        frame = frame.f_back
    return None


def traceback_span(traceback: TracebackType | None, path: str) -> SourceSpan | None:
    """Where an exception left the file: the innermost frame of ``path``."""
    found: SourceSpan | None = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == path:
            found = span_at(code, traceback.tb_lasti) or _whole_line(path, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _whole_line(path: str, line: int) -> SourceSpan:
    text = next(islice(linecache.getlines(path), line - 1, None), "")
    stripped = text.strip()
    start = len(text[: len(text) - len(text.lstrip())].encode())
    return SourceSpan(path, line, start, line, start + len(stripped.encode()))
