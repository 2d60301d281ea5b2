"""``# stile: ignore[code] reason``: diagnostics that the user has seen and does not want to see again.

An ignore hides a diagnostic that begins on its line, and nothing else: a status stays what it is.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stile_engine.proof.verdict import Range
from stile_engine.trace.report import Diagnostic
from stile_engine.trace.source_map import SourceMap

_IGNORE = re.compile(r"#\s*stile:\s*ignore\[([\w\-, ]*)\]")


@dataclass(slots=True)
class Ignore:
    codes: frozenset[str]
    range: Range
    used: set[str] = field(default_factory=set)


class Ignores:
    """The ignores of one text, by the line, counted from 0, that they stand on."""

    def __init__(self, text: SourceMap) -> None:
        self._by_line: dict[int, Ignore] = {}
        if "stile:" not in text.source:
            return
        for line, column, comment in _comments(text):
            match = _IGNORE.search(comment)
            if match is None:
                continue
            start = text.offset(line, 0) + column + match.start()
            place = text.range_at(start, start + match.end() - match.start())
            codes = frozenset(c.strip() for c in match.group(1).split(",") if c.strip())
            self._by_line[line - 1] = Ignore(codes, place)

    def keep(self, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        """The diagnostics that no ignore speaks of."""
        kept: list[Diagnostic] = []
        for diagnostic in diagnostics:
            ignore = self._by_line.get(diagnostic.range.start.line)
            if ignore is not None and diagnostic.code in ignore.codes:
                ignore.used.add(diagnostic.code)
            else:
                kept.append(diagnostic)
        return tuple(kept)

    def unused(self, within: Sequence[Range] | None = None) -> tuple[Diagnostic, ...]:
        """A diagnostic for each code that was ignored without need. ``within``: only of ignores in these places,
        where the others may serve kernels that were not checked."""
        found: list[Diagnostic] = []
        for line, ignore in self._by_line.items():
            if within is not None and not any(place.start.line <= line <= place.end.line for place in within):
                continue
            idle = sorted(ignore.codes - ignore.used)
            if idle or not ignore.codes:
                what = ", ".join(idle) if idle else "nothing: name a code, as in ignore[not-proved]"
                message = f"this line needs no ignore of {what}" if idle else f"this ignores {what}"
                found.append(Diagnostic("unused-ignore", "warning", ignore.range, message))
        return tuple(found)


def _comments(text: SourceMap) -> list[tuple[int, int, str]]:
    """Line from 1, column in characters and text of each comment, as far as the text can be read."""
    found: list[tuple[int, int, str]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text.source).readline):
            if token.type == tokenize.COMMENT:
                found.append((token.start[0], token.start[1], token.string))
    except (tokenize.TokenError, SyntaxError):
        # Half-typed text: the comments up to there count.
        return found
    return found
