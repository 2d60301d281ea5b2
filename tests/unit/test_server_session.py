"""The rules of the session, as pictures: one line for each moment, one word for each kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from stile_engine.incremental.module import read_module
from stile_engine.incremental.project import Project, SourceFile
from stile_engine.trace.report import (
    Diagnostic,
    KernelReport,
    Obligation,
    Position,
    Range,
    Report,
    Status,
    ValueInfo,
)
from stile_lsp import session
from stile_lsp.documents import UTF16, Document
from stile_lsp.outline import Outline, outline

TEXT = """from stile_engine import dim, kernel

SCALE = 2

def helper(x):
    return x * SCALE

@kernel("X:M")
def first(X):
    return helper(X)

@kernel("X:M")
def second(X):
    return X
"""


OTHER_FILES = Project("/k.py", (SourceFile("/helper.py", "0", read_module("patch()\n").chunks),))


class Film:
    """A document whose moments are written down as they pass."""

    def __init__(self, text: str = TEXT) -> None:
        self.document = Document("file:///k.py", 1, text)
        self.state = session.opened(self.document.uri, 1, outline(text))
        self.run = 0
        self.frames: list[str] = []
        self._note()

    def _note(self) -> None:
        self.frames.append(" ".join(f"{entry.name}:{entry.status}" for entry in self.state.entries))

    def edit(self, old: str, new: str) -> Film:
        """Replaces the one occurrence of ``old``."""
        from lsprotocol import types

        start = self.document.text.index(old)
        assert self.document.text.count(old) == 1
        first, last = self.document.index.position(start), self.document.index.position(start + len(old))
        change = types.TextDocumentContentChangePartial(
            types.Range(types.Position(first.line, first.character), types.Position(last.line, last.character)), new
        )
        self.document, edits = self.document.changed(self.document.version + 1, [change], UTF16)
        known = self.state.known
        found = outline(self.document.text, project=known.project if known else None, before=known)
        self.state = session.edited(self.state, self.document.version, found, edits)
        self._note()
        return self

    def queue(self, *select: str, afresh: bool = False) -> Film:
        self.run += 1
        self.state = session.queued(self.state, self.run, select, afresh=afresh)
        self._note()
        return self

    def start(self) -> Film:
        self.state = session.started(self.state, self.run)
        self._note()
        return self

    def finish(self, number: int | None = None, **statuses: str) -> Film:
        self.state = session.finished(self.state, number or self.run, report(self.document.text, **statuses))
        self._note()
        return self

    def step(self, change: Callable[[session.FileState], session.FileState]) -> Film:
        self.state = change(self.state)
        self._note()
        return self

    def show(self, expected: str) -> None:
        assert "\n".join(self.frames) == "\n".join(line.strip() for line in expected.strip().splitlines())


def report(text: str, **statuses: str) -> Report:
    found = outline(text)
    assert isinstance(found, Outline)
    kernels, diagnostics, values = [], [], []
    for kernel in found.kernels:
        if kernel.name not in statuses:
            continue
        status = Status(statuses[kernel.name])
        kernels.append(
            KernelReport(
                kernel.name,
                "numpy",
                status,
                kernel.range,
                kernel.name_range,
                obligations=(Obligation("value", status, kernel.name_range),),
            )
        )
        values.append(ValueInfo(kernel.name_range, kernel.name, "M", "M", "X:M"))
        if status is Status.REFUTED:
            diagnostics.append(Diagnostic("not-equal", "error", kernel.name_range, "different", kernel.name))
    return Report("/k.py", tuple(kernels), tuple(diagnostics), tuple(values))


def proved() -> Film:
    return Film().queue().start().finish(first="proved", second="proved")


def test_the_first_run() -> None:
    proved().show(
        """
        first:stale second:stale
        first:queued second:queued
        first:running second:running
        first:proved second:proved
        """
    )


def test_an_edit_makes_only_that_kernel_stale() -> None:
    film = proved()
    film.frames.clear()
    film.edit("return X\n", "return X + 1\n").queue().start().finish(first="proved", second="refuted").show(
        """
        first:proved second:stale
        first:proved second:queued
        first:proved second:running
        first:proved second:refuted
        """
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("SCALE = 2", "SCALE = 3", "first:stale second:proved"),
        ("x * SCALE", "x + SCALE", "first:stale second:proved"),
        ("SCALE = 2\n", "SCALE = 2  # two\n\n\n", "first:proved second:proved"),
        ("SCALE = 2", "SCALE = dim('M', 4)", "first:stale second:stale"),
        ("SCALE = 2\n", "SCALE = 2\nprint(SCALE)\n", "first:stale second:stale"),
        ("return helper(X)", "return  helper( X )", "first:proved second:proved"),
        ("return helper(X)", "return (helper(X)", "first:stale second:proved"),
        ("x * SCALE", "(x * SCALE", "first:stale second:proved"),
        ("def second", "def third", "first:proved third:stale"),
        ("from stile_engine import dim, kernel", "import stile_engine as s", ""),
    ],
)
def test_what_an_edit_leaves_standing(old: str, new: str, expected: str) -> None:
    film = proved()
    film.frames.clear()
    film.edit(old, new).show(expected)


def test_undo_brings_the_verdict_back() -> None:
    film = proved()
    film.frames.clear()
    film.edit("return X\n", "return X(\n").edit("return X(\n", "return X\n").show(
        """
        first:proved second:stale
        first:proved second:proved
        """
    )


def test_a_broken_kernel_is_never_green_and_the_other_stays() -> None:
    film = proved()
    film.frames.clear()
    film.edit("return X\n", "return (X\n").queue().start()
    syntax = Report("/k.py", diagnostics=(Diagnostic("python-syntax", "error", film.state.entries[1].range, "bad"),))
    film.step(lambda state: session.finished(state, film.run, syntax)).show(
        """
        first:proved second:stale
        first:proved second:queued
        first:proved second:running
        first:proved second:stale
        """
    )
    assert [d.code for d in film.state.file_diagnostics] == ["python-syntax"]


def test_what_a_kernel_needs_and_is_broken_keeps_it_from_being_green() -> None:
    """The engine checks what is left of a broken file; without the broken statement the text means something else."""
    film = proved()
    whole = report(film.document.text, first="proved", second="proved")
    film.frames.clear()
    film.edit("SCALE = 2", "SCALE = (").queue().start()
    syntax = Diagnostic("python-syntax", "error", Range(Position(2, 8), Position(2, 9)), "never closed")
    late = replace(whole, diagnostics=(syntax,))
    film.step(lambda state: session.finished(state, film.run, late)).edit("SCALE = (", "SCALE = 2").show(
        """
        first:stale second:proved
        first:queued second:proved
        first:running second:proved
        first:stale second:proved
        first:stale second:proved
        """
    )


def test_an_edit_ends_the_run_and_its_late_report_changes_nothing() -> None:
    film = proved().edit("return X\n", "return X + 1\n").queue().start()
    old_run, old_text = film.run, film.document.text
    film.edit("return X + 1\n", "return X + 2\n")
    before = film.state
    late = report(old_text, first="proved", second="proved")
    assert session.finished(film.state, old_run, late) is before
    film.queue()
    assert session.finished(film.state, old_run, late) == film.state
    assert session.kernel_done(film.state, old_run, late.kernels[1], (), ()) == film.state
    assert film.state.entries[1].status is Status.QUEUED


def test_cancelled_leaves_stale() -> None:
    film = proved()
    film.frames.clear()
    film.queue(afresh=True).start().step(session.cancelling).step(
        lambda state: session.cancelled(state, film.run)
    ).show(
        """
        first:queued second:queued
        first:running second:running
        first:running second:running
        first:stale second:stale
        """
    )
    assert film.state.is_settled


def test_one_kernel_alone() -> None:
    film = Film()
    film.frames.clear()
    film.queue("second", afresh=True).start().finish(second="proved").show(
        """
        first:stale second:queued
        first:stale second:running
        first:stale second:proved
        """
    )


def test_a_change_outside_of_the_text_makes_all_stale_until_the_next_run() -> None:
    film = proved()
    film.frames.clear()
    film.step(lambda state: session.reprojected(state, OTHER_FILES)).edit("return X\n", "return X # same\n")
    film.queue().start().finish(first="proved", second="proved").show(
        """
        first:stale second:stale
        first:stale second:stale
        first:queued second:queued
        first:running second:running
        first:proved second:proved
        """
    )


def test_kernels_come_in_one_by_one() -> None:
    film = Film().queue().start()
    film.frames.clear()
    whole = report(film.document.text, first="proved", second="refuted")
    film.step(lambda state: session.discovered(state, film.run, whole.kernels))
    film.step(lambda state: session.kernel_done(state, film.run, whole.kernels[0], (), ()))
    film.step(lambda state: session.finished(state, film.run, whole)).show(
        """
        first:running second:running
        first:proved second:running
        first:proved second:refuted
        """
    )


def test_old_results_move_with_the_text_and_are_marked() -> None:
    film = Film().queue().start().finish(first="proved", second="refuted")
    film.edit("SCALE = 2\n", "SCALE = 2\n\n\n").edit("return X\n", "return X + 1\n")
    entry = film.state.entries[1]
    assert entry.status is Status.STALE
    assert film.document.index.line(entry.name_range.start.line) == "def second(X):"
    assert entry.diagnostics and entry.edits


def test_two_kernels_of_one_name_are_told_apart() -> None:
    text = TEXT.replace("def second", "def first")
    film = Film(text).queue().start()
    film.frames.clear()
    film.state = session.finished(film.state, film.run, _numbered_report(text))
    film._note()
    film.edit("return helper(X)", "return helper(X) + 1").show(
        """
        first:proved first:refuted
        first:stale first:refuted
        """
    )


def _numbered_report(text: str) -> Report:
    whole = report(text, first="proved")
    first, second = whole.kernels
    worse = KernelReport(second.name, "numpy", Status.REFUTED, second.range, second.name_range)
    return Report("/k.py", (first, worse))


def test_a_question_about_another_spec_leaves_the_status() -> None:
    film = Film().queue().start().finish(first="proved", second="refuted")
    answer = KernelReport(
        "second", "numpy", Status.PROVED, film.state.entries[1].range, film.state.entries[1].name_range, spec="2 * X:M"
    )
    film.frames.clear()
    film.step(lambda state: session.answered_against(state, 1, answer))
    assert film.state.entries[1].against is answer
    film.edit("return X\n", "return X + 1\n").show(
        """
        first:proved second:refuted
        first:proved second:stale
        """
    )
    assert film.state.entries[1].against is None


def test_an_answer_for_an_older_version_is_dropped() -> None:
    film = proved().edit("return X\n", "return X + 1\n")
    answer = film.state.entries[0].result
    assert answer is not None
    assert session.answered_against(film.state, 1, answer) is film.state


def test_no_worker_no_verdict() -> None:
    film = proved()
    film.frames.clear()
    nothing = Report("/k.py", diagnostics=(Diagnostic("import-error", "error", _zero(), "no islpy"),))
    film.queue(afresh=True).step(
        lambda state: session.without_kernels(state, film.run, Status.ERROR, nothing, "no islpy")
    ).show(
        """
        first:queued second:queued
        first:error second:error
        """
    )


def _zero() -> Range:
    return Range(Position(0, 0), Position(0, 0))
