"""Where the characters of a spec stand in the file: offsets in a string to ranges in the text."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from stile_engine.proof.verdict import Range
from stile_engine.trace.source_map import SourceMap

_PREFIX = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>'''|\"\"\"|'|\")")


def range_in_literal(node: ast.expr, start: int, end: int, text: SourceMap) -> Range:
    """The range of the characters ``[start, end)`` of a string that is written as ``node``.

    Exact for plain, triple-quoted and implicitly joined literals without escapes; else the whole expression.
    """
    whole = text.range_of(node)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return whole
    places = _places(node, text)
    if places is None or not places:
        return whole
    value = node.value
    start, end = max(0, min(start, len(value))), max(0, min(end, len(value)))
    if start >= len(value):
        # The error is at the end of the spec: its last character shows the place.
        start, end = len(value) - 1, len(value)
    if end <= start:
        end = start + 1
    return text.range_at(places[start], places[end - 1] + 1)


def _places(node: ast.Constant, text: SourceMap) -> list[int] | None:
    """For each character of the value its offset in the text; None if an escape breaks the correspondence."""
    first = text.offset(node.lineno, node.col_offset)
    last = text.offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    places: list[int] = []
    # Tokens inside parentheses may be on several lines: the added ones make every such piece one expression.
    piece = "(" + text.source[first:last] + ")"
    inside = SourceMap(piece)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(piece).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    for token in tokens:
        if token.type != tokenize.STRING:
            continue
        match = _PREFIX.match(token.string)
        if match is None or "f" in match["prefix"].lower():
            return None
        body = token.string[match.end() : len(token.string) - len(match["quote"])]
        if "\\" in body and "r" not in match["prefix"].lower():
            return None
        offset = first - 1 + inside.offset(token.start[0], 0) + token.start[1] + match.end()
        places.extend(range(offset, offset + len(body)))
    source = "".join(text.source[p] for p in places)
    return places if source.replace("\r\n", "\n") == node.value and len(places) == len(node.value) else None
