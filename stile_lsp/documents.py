"""Open documents: their text, version and lines, and positions in all three encodings.

Lines end at ``\\n``, ``\\r\\n`` and ``\\r`` only, as the protocol says; form feeds and U+2028 are characters like
others. Inside the server every position is in UTF-16, like the reports of the engine; other encodings
exist only between the client and this module.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types

from stile_engine.trace.report import Position, Range

_LINE_END = re.compile(r"\r\n|\r|\n")

_NO_CHARACTER = re.compile("[\ud800-\udfff]")

UTF8, UTF16, UTF32 = "utf-8", "utf-16", "utf-32"


def _units(text: str, encoding: str) -> int:
    """The length of the text in code units of the encoding."""
    if encoding == UTF32 or text.isascii():
        return len(text)
    if encoding == UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(character > "\uffff" for character in text)


def _characters(line: str, units: int, encoding: str) -> int:
    """How many characters of the line make so many units; a position inside a character means its start."""
    if encoding == UTF32 or line.isascii():
        return min(units, len(line))
    total = 0
    for count, character in enumerate(line):
        width = _units(character, encoding)
        if total + width > units:
            return count
        total += width
    return len(line)


class LineIndex:
    """Converts between offsets in a text and positions."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        self._ends: list[int] = []
        for match in _LINE_END.finditer(text):
            self._ends.append(match.start())
            self._starts.append(match.end())
        self._ends.append(len(text))

    def line(self, number: int) -> str:
        """A line without its end; lines past the end are empty."""
        if not 0 <= number < len(self._starts):
            return ""
        return self.text[self._starts[number] : self._ends[number]]

    def lines(self, first: int, last: int) -> str:
        """The text from the start of one line to the end of another."""
        return self.text[self._starts[first] : self._ends[min(last, len(self._ends) - 1)]]

    def offset(self, position: Position, encoding: str = UTF16) -> int:
        """The offset; a column past the end of its line means that end, a line past the end the text's end."""
        if position.line >= len(self._starts):
            return len(self.text)
        if position.line < 0:
            return 0
        line = self.line(position.line)
        return self._starts[position.line] + _characters(line, max(position.character, 0), encoding)

    def position(self, offset: int, encoding: str = UTF16) -> Position:
        offset = max(0, min(offset, len(self.text)))
        number = bisect.bisect_right(self._starts, offset) - 1
        end = min(offset, self._ends[number])
        return Position(number, _units(self.text[self._starts[number] : end], encoding))

    def python_position(self, line: int, utf8_column: int) -> Position:
        """A position of Python's ``ast``: lines from one, columns in bytes of UTF-8."""
        text = self.line(line - 1)
        return Position(line - 1, _units(text[: _characters(text, utf8_column, UTF8)], UTF16))

    def convert(self, position: Position, source: str, target: str) -> Position:
        if source == target:
            return position
        line = self.line(position.line)
        count = _characters(line, max(position.character, 0), source)
        return Position(position.line, _units(line[:count], target))


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: ``[start, end)`` of the old text became ``[start, new_end)`` of the new; UTF-16."""

    start: Position
    end: Position
    new_end: Position


@dataclass(frozen=True)
class Document:
    uri: str
    version: int
    text: str

    @cached_property
    def index(self) -> LineIndex:
        return LineIndex(self.text)

    @cached_property
    def source(self) -> str:
        """The text as Python reads it: a byte order mark in front is white space, and half of a surrogate pair,
        which no file can hold, is the replacement character. All places stay what they are in UTF-16."""
        text = self.text
        if text.isascii():
            return text
        if text.startswith("\ufeff"):
            text = "\f" + text[1:]
        return _NO_CHARACTER.sub("\ufffd", text)

    def changed(
        self, version: int, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: str
    ) -> tuple[Document, tuple[Edit, ...]]:
        """The next document, and the edits that led to it, in order."""
        current = self
        edits: list[Edit] = []
        for change in changes:
            index = current.index
            if isinstance(change, types.TextDocumentContentChangePartial):
                first = index.offset(_position(change.range.start), encoding)
                last = max(first, index.offset(_position(change.range.end), encoding))
                text = current.text[:first] + change.text + current.text[last:]
                edit_end = first + len(change.text)
            else:
                first, last, text, edit_end = _difference(current.text, change.text)
            following = Document(current.uri, version, text)
            start, end = index.position(first), index.position(last)
            edits.append(Edit(start, end, following.index.position(edit_end)))
            current = following
        if not edits:
            return Document(current.uri, version, current.text), ()
        return current, tuple(edits)


def _position(position: types.Position) -> Position:
    return Position(position.line, position.character)


def _difference(old: str, new: str) -> tuple[int, int, str, int]:
    """A whole new text as the one edit between the common beginning and the common end."""
    shorter = min(len(old), len(new))
    first = _agreeing(shorter, lambda a, b: old[a:b] == new[a:b])
    ends = len(old), len(new)
    last = _agreeing(shorter - first, lambda a, b: old[ends[0] - b : ends[0] - a] == new[ends[1] - b : ends[1] - a])
    return first, ends[0] - last, new, ends[1] - last


def _agreeing(length: int, agrees: Callable[[int, int], bool]) -> int:
    """How many characters agree from the beginning on; whole parts are compared at once."""
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if agrees(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


class UnknownDocument(LookupError):
    """A message speaks of a document that is not open."""


class Documents:
    """The open documents by their URI, exactly as the client wrote it."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    @property
    def all(self) -> Sequence[Document]:
        return list(self._documents.values())

    def open(self, uri: str, version: int, text: str) -> Document:
        document = Document(uri, version, text)
        self._documents[uri] = document
        return document

    def close(self, uri: str) -> None:
        self._documents.pop(uri, None)

    def find(self, uri: str) -> Document | None:
        return self._documents.get(uri)

    def get(self, uri: str) -> Document:
        try:
            return self._documents[uri]
        except KeyError:
            raise UnknownDocument(uri) from None

    def change(
        self, uri: str, version: int, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: str
    ) -> tuple[Document, tuple[Edit, ...]]:
        """Messages come in order, so the change is the latest whatever its number says; the version never goes back.

        Raises:
            UnknownDocument: it is not open.
        """
        before = self.get(uri)
        document, edits = before.changed(max(version, before.version), changes, encoding)
        self._documents[uri] = document
        return document, edits


def shift_position(position: Position, edit: Edit) -> Position:
    """A position at or after the end of an edit moves with the text there; one inside goes to the edit's start."""
    if position < edit.start:
        return position
    if position < edit.end:
        return edit.start
    if position.line == edit.end.line:
        return Position(edit.new_end.line, edit.new_end.character + position.character - edit.end.character)
    return Position(position.line + edit.new_end.line - edit.end.line, position.character)


def _shift_end(position: Position, edit: Edit) -> Position:
    """Ends differ from starts in one point: text inserted exactly there is not part of the range."""
    if position <= edit.start:
        return position
    if position < edit.end:
        return edit.new_end
    return shift_position(position, edit)


def touches(found: Range, edit: Edit) -> bool:
    """Whether an edit changes the range or continues it, as a letter after a name does."""
    return edit.start <= found.end and edit.end >= found.start


def changes_inside(found: Range, edit: Edit) -> bool:
    """Whether an edit changes something inside the range; text before its start or after its end is outside."""
    if edit.start == edit.end:
        return found.start < edit.start < found.end
    return edit.start < found.end and edit.end > found.start


def shift(found: Range, edits: Sequence[Edit]) -> Range:
    """Where a range of an older text lies after the edits."""
    start, end = found.start, found.end
    for edit in edits:
        start, end = shift_position(start, edit), _shift_end(end, edit)
        if end < start:
            end = start
    return Range(start, end)


def chained(edits: Sequence[Edit], more: Iterable[Edit]) -> tuple[Edit, ...]:
    """One edit after another, where those that touch are one: typing in one place stays one edit.

    What none of them touches is moved as by all of them, and what one of them touches is touched.
    """
    found = list(edits)
    for edit in more:
        while found and edit.start <= found[-1].new_end and edit.end >= found[-1].start:
            edit = _joined(found.pop(), edit)
        found.append(edit)
    return tuple(found)


def _joined(first: Edit, second: Edit) -> Edit:
    back = Edit(first.start, first.new_end, first.end)
    return Edit(
        min(first.start, second.start),
        first.end if second.end <= first.new_end else shift_position(second.end, back),
        second.new_end if first.new_end <= second.end else shift_position(first.new_end, second),
    )


def survivor(found: Range, edits: Sequence[Edit]) -> Range | None:
    """Where a range lies after the edits, or None if one of them changed it."""
    for edit in edits:
        if touches(found, edit):
            return None
        found = shift(found, (edit,))
    return found
