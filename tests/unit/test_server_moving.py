"""Results that hold for another text are shown where their places are there, whatever edits lie between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lsprotocol import types

from stile_engine.trace.report import Diagnostic, KernelReport, Obligation, Position, Range, Report, Status
from stile_lsp import session
from stile_lsp.documents import Document, LineIndex, shift
from stile_lsp.outline import Outline, outline
from stile_lsp.session import FileState

TEXT = """from stile_engine import dim, kernel

M = dim("M", 8)


def helper(x):
    return x * 3


@kernel("2 * X:M")
def wrong(X):
    fox = '🦊'; tripled = helper(X)
    return tripled


@kernel("X:M")
def other(X):
    return X
"""


def place(text: str, words: str) -> Range:
    index, first = LineIndex(text), text.index(words)
    return Range(index.position(first), index.position(first + len(words)))


def under(text: str, found: Range) -> str:
    index = LineIndex(text)
    return text[index.offset(found.start) : index.offset(found.end)]


def read(text: str) -> Outline:
    found = outline(text, "/k.py")
    assert isinstance(found, Outline)
    return found


def verified(text: str) -> FileState:
    """A state in which ``wrong`` has squiggles in itself and in the function that it calls."""
    known = read(text)
    state = session.queued(session.opened("file:///k.py", 1, known), 1)
    reports, diagnostics = [], []
    for kernel in known.kernels:
        obligation = Obligation("value", Status.UNKNOWN, range=place(text, "x * 3"))
        status = Status.UNKNOWN if kernel.name == "wrong" else Status.PROVED
        reports.append(
            KernelReport(kernel.name, "numpy", status, kernel.range, kernel.name_range, obligations=(obligation,))
        )
    for words in ("tripled = helper(X)", "x * 3"):
        diagnostics.append(Diagnostic("not-proved", "warning", place(text, words), "why", "wrong"))
    return session.finished(state, 1, Report("/k.py", tuple(reports), tuple(diagnostics)))


def edited(state: FileState, before: str, after: str, version: int = 2) -> FileState:
    change = types.TextDocumentContentChangeWholeDocument(after)
    document, edits = Document("file:///k.py", 1, before).changed(version, [change], "utf-16")
    return session.edited(state, version, outline(document.text, "/k.py"), edits)


def diagnosed(state: FileState, text: str) -> list[str]:
    entry = next(entry for entry in state.entries if entry.name == "wrong")
    assert not entry.stale
    return [under(text, shift(found.range, entry.edits)) for found in entry.diagnostics]


@pytest.mark.parametrize(
    "changes",
    [
        [("", "# above\n\n")],
        [("from", "# first\nfrom"), ("    return X\n", "    return X\n\n# last\n")],
        [("def wrong(X):\n", "def wrong(X):\n    # inside\n")],
        [("x * 3", "x  *  3")],
        [("'🦊'; ", "'🦊' ;  ")],
        [("tripled = helper(X)", "tripled = (helper(\n        X))")],
        [("\n", "\r\n")],
        [("    ", "\t")],
    ],
)
def test_places_after_edits_that_change_no_kernel(changes: list[tuple[str, str]]) -> None:
    after = TEXT
    for old, new in changes:
        after = after.replace(old, new) if old else new + after
    state = edited(verified(TEXT), TEXT, after)
    if "(helper" in after:
        # The tokens are others: verified again, and until then old.
        assert next(e for e in state.entries if e.name == "wrong").stale
        return
    found = [words.replace(" ", "").replace("\t", "") for words in diagnosed(state, after)]
    assert found == ["tripled=helper(X)", "x*3"]


def test_places_after_an_undo() -> None:
    """An edit went through them, and what had been there was put back."""
    broken = TEXT.replace("tripled = helper(X)", "tr")
    gone = edited(verified(TEXT), TEXT, broken)
    assert all(entry.stale == (entry.name == "wrong") for entry in gone.entries)
    assert diagnosed(edited(gone, broken, TEXT, 3), TEXT) == ["tripled = helper(X)", "x * 3"]


def test_places_after_a_text_that_was_no_python() -> None:
    broken = TEXT.replace("return x * 3", "return (x * 3")
    state = edited(edited(verified(TEXT), TEXT, broken), broken, "# above\n" + TEXT, 3)
    assert diagnosed(state, "# above\n" + TEXT) == ["tripled = helper(X)", "x * 3"]


def test_places_after_many_edits() -> None:
    """They are brought up to date now and then, so that a result does not carry a day's edits."""
    state, text = verified(TEXT), TEXT
    for version in range(2, 60):
        after = f"# {version}\n" + text
        state = edited(state, text, after, version)
        text = after
        assert diagnosed(state, text) == ["tripled = helper(X)", "x * 3"]
        assert all(len(entry.edits) <= 17 for entry in state.entries)


def test_verdicts_name_lines_of_the_present_text() -> None:
    state = edited(verified(TEXT), TEXT, "# one\n# two\n" + TEXT)
    entry = next(entry for entry in state.entries if entry.name == "wrong")
    assert entry.shown is not None and entry.shown.obligations[0].range is not None
    assert entry.shown.obligations[0].range.start == Position(8, 11)


def test_a_place_that_lies_in_no_token_is_looked_for_again() -> None:
    """In a comment, which may have gone: better verified again than shown at a wrong place."""
    text = TEXT.replace("return tripled", "return tripled  # stile: ignore[race]")
    state = verified(text)
    diagnostic = Diagnostic("unused-ignore", "hint", place(text, "# stile: ignore[race]"), "unused", "wrong")
    entries = tuple(
        replace(e, diagnostics=(*e.diagnostics, diagnostic)) if e.name == "wrong" else e for e in state.entries
    )
    state = edited(replace(state, entries=entries), text, TEXT)
    assert {entry.name: entry.stale for entry in state.entries} == {"wrong": True, "other": False}
