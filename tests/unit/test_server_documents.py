"""Lines, columns and edits, held to a slow and obvious model."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from stile_engine.trace.report import Position, Range
from stile_lsp.documents import UTF8, UTF16, UTF32, Document, Edit, LineIndex, chained, shift, survivor

ALPHABET = "ab \t\n\r\x0c\u2028\x85é漢🦊\u0301\ufeff"

texts = st.text(alphabet=ALPHABET, max_size=30)
encodings = st.sampled_from([UTF8, UTF16, UTF32])


def slow_position(text: str, offset: int, encoding: str) -> Position:
    """Walks from the start: a line ends at CR LF, CR or LF and at nothing else."""
    line, start, at = 0, 0, 0
    while at < offset:
        if text[at] == "\r" and text[at + 1 : at + 2] == "\n":
            if at + 2 > offset:
                break  # between the two the position is the line's end
            at += 2
            line, start = line + 1, at
        elif text[at] in "\r\n":
            at += 1
            line, start = line + 1, at
        else:
            at += 1
    part = text[start:at]
    width = {UTF8: len(part.encode()), UTF16: len(part.encode("utf-16-le")) // 2, UTF32: len(part)}[encoding]
    return Position(line, width)


@given(texts, st.data(), encodings)
def test_positions_agree_with_the_model(text: str, data: st.DataObject, encoding: str) -> None:
    offset = data.draw(st.integers(0, len(text)))
    assert LineIndex(text).position(offset, encoding) == slow_position(text, offset, encoding)


@given(texts, st.data(), encodings)
def test_offsets_invert_positions(text: str, data: st.DataObject, encoding: str) -> None:
    offset = data.draw(st.integers(0, len(text)))
    if text[max(offset - 1, 0) : offset + 1] == "\r\n":
        return  # inside a line end there is no position
    index = LineIndex(text)
    assert index.offset(index.position(offset, encoding), encoding) == offset


@given(texts, st.data(), encodings)
def test_changes_agree_with_slicing(text: str, data: st.DataObject, encoding: str) -> None:
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, len(text)))
    new = data.draw(texts)
    index = LineIndex(text)
    start, end = index.position(first, encoding), index.position(last, encoding)
    place = types.Range(types.Position(start.line, start.character), types.Position(end.line, end.character))
    change = types.TextDocumentContentChangePartial(place, new)
    changed, edits = Document("u", 1, text).changed(2, [change], encoding)
    first, last = index.offset(start, encoding), index.offset(end, encoding)
    assert changed.text == text[:first] + new + text[last:]
    assert changed.version == 2
    assert changed.index.offset(edits[0].new_end) >= changed.index.offset(edits[0].start)


@given(texts, texts)
def test_a_whole_new_text_is_one_edit(old: str, new: str) -> None:
    changed, edits = Document("u", 1, old).changed(2, [types.TextDocumentContentChangeWholeDocument(new)], UTF16)
    assert changed.text == new
    assert len(edits) == 1


LETTERS = st.text(alphabet="ab\n🦊", max_size=20)


@given(LETTERS, st.data(), LETTERS)
def test_a_range_moves_with_its_text(text: str, data: st.DataObject, new: str) -> None:
    """A marked word that an edit does not touch is found at the shifted range."""
    words = text + "<word>" + data.draw(LETTERS)
    at = words.index("<word>")
    index = LineIndex(words)
    marked = Range(index.position(at), index.position(at + 6))
    first = data.draw(st.integers(0, len(words)))
    last = data.draw(st.integers(first, len(words)))
    if first <= at + 6 and last >= at:
        return
    start, end = index.position(first), index.position(last)
    place = types.Range(types.Position(start.line, start.character), types.Position(end.line, end.character))
    changed, edits = Document("u", 1, words).changed(2, [types.TextDocumentContentChangePartial(place, new)], UTF16)
    moved = survivor(marked, edits)
    assert moved is not None and moved == shift(marked, edits)
    after = changed.index
    assert changed.text[after.offset(moved.start) : after.offset(moved.end)] == "<word>"


@given(LETTERS, st.data())
def test_chained_edits_move_what_they_leave_alone_as_one_after_the_other(text: str, data: st.DataObject) -> None:
    """Also what they touch is the same."""
    ranges = [Range(a, b) for a in map(LineIndex(text).position, range(len(text) + 1)) for b in _later(text, a)]
    edits: list[Edit] = []
    document = Document("u", 1, text)
    for version in range(2, 2 + data.draw(st.integers(1, 6))):
        index = document.index
        first = data.draw(st.integers(0, len(document.text)))
        start, end = index.position(first), index.position(data.draw(st.integers(first, len(document.text))))
        place = types.Range(types.Position(start.line, start.character), types.Position(end.line, end.character))
        event = types.TextDocumentContentChangePartial(place, data.draw(LETTERS))
        document, more = document.changed(version, [event], UTF16)
        edits += more
    for found in ranges:
        assert survivor(found, chained((), edits)) == survivor(found, edits)


def _later(text: str, start: Position) -> list[Position]:
    return [place for place in map(LineIndex(text).position, range(len(text) + 1)) if place >= start]


def test_typing_in_one_place_is_one_edit() -> None:
    def typed(column: int) -> Edit:
        return Edit(Position(3, column), Position(3, column), Position(3, column + 1))

    edits: tuple[Edit, ...] = ()
    for column in range(5, 105):
        edits = chained(edits, (typed(column),))
    assert edits == (Edit(Position(3, 5), Position(3, 5), Position(3, 105)),)
    elsewhere = Edit(Position(9, 0), Position(10, 0), Position(9, 0))
    assert chained(edits, (elsewhere,)) == (*edits, elsewhere)


@pytest.mark.parametrize(
    "text", ["a = 1\n\x0c\nb = 2", "x = '\u2028'\ny = 1", "é = 1; z = 2", "s = '🦊'; t = 3", "if 1:\r\n\tq = 4\r\n"]
)
def test_python_positions(text: str) -> None:
    """Every name that ``ast`` reports is found at the converted position."""
    index = LineIndex(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            offset = index.offset(index.python_position(node.lineno, node.col_offset))
            assert text[offset : offset + len(node.id)] == node.id


def test_places_outside_of_the_text_are_clamped() -> None:
    index = LineIndex("ab\r\ncd")
    assert index.offset(Position(0, 99)) == 2
    assert index.offset(Position(9, 0)) == 6
    assert index.line(9) == ""
