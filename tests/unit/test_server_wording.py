"""The texts of verdicts, and texts of strangers shown as text."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from stile_engine.trace.report import Assumption, KernelReport, Obligation, Position, Range, Status, ValueInfo, Witness
from stile_lsp.features.hover import kernel_text, value_text
from stile_lsp.latex import words
from stile_lsp.markdown import block, code, plain
from stile_lsp.session import Entry
from stile_lsp.wording import verdict

PLACE = Range(Position(20, 0), Position(20, 5))


def kernel(status: Status, **more: Any) -> KernelReport:
    return KernelReport("k", "numpy", status, PLACE, PLACE, **more)


def obligation(status: Status, **more: Any) -> tuple[Obligation, ...]:
    return (Obligation("shape", Status.PROVED, PLACE), Obligation("value", status, PLACE, **more))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (kernel(Status.PROVED, prove_milliseconds=9.1), "✓ proved in 9 ms"),
        (kernel(Status.PROVED, prove_milliseconds=0.2), "✓ proved in 1 ms"),
        (kernel(Status.PROVED, prove_milliseconds=2345.0), "✓ proved in 2.3 s"),
        (
            kernel(Status.PROVED, prove_milliseconds=9.0, assumptions=(Assumption("x > 0", "user"),)),
            "✓ proved given 1 fact in 9 ms",
        ),
        (
            kernel(Status.ASSUMED, assumptions=(Assumption("a", "divisor"), Assumption("b", "literal"))),
            "⚠ proved under 2 assumptions",
        ),
        (kernel(Status.ASSUMED, assumptions=(Assumption("a", "divisor"),)), "⚠ proved under 1 assumption"),
        (
            kernel(Status.REFUTED, obligations=obligation(Status.REFUTED, witness=Witness(index={"q": 0, "d": 3}))),
            "✗ refuted at q=0, d=3",
        ),
        (kernel(Status.REFUTED, obligations=obligation(Status.REFUTED)), "✗ refuted"),
        (kernel(Status.UNKNOWN, obligations=obligation(Status.UNKNOWN)), "? unknown: line 21"),
        (kernel(Status.UNSUPPORTED, obligations=obligation(Status.UNSUPPORTED)), "⊘ unsupported: line 21"),
        (kernel(Status.TIMEOUT, trace_milliseconds=10_012.0), "⏱ timeout after 10 s"),
        (kernel(Status.CRASHED), "✗ crashed"),
        (kernel(Status.ERROR), "! error"),
    ],
)
def test_lens_texts(found: KernelReport, text: str) -> None:
    assert verdict(found.status, found) == text


@pytest.mark.parametrize("status", [Status.STALE, Status.QUEUED, Status.RUNNING])
def test_no_verdict_while_there_is_none(status: Status) -> None:
    assert verdict(status, kernel(Status.PROVED)) == f"… {status}"


EVIL = "[click](command:rm) <img src=x onerror=y> `code` **bold** ``` \n# title"


def test_plain_text_is_literal() -> None:
    text = plain(EVIL)
    for mark in "[]()<>`*#":
        assert all(before == "\\" for before, at in pairwise(text) if at == mark)


def test_code_keeps_its_backquotes_inside() -> None:
    assert code("a`b") == "``a`b``"
    assert code("`a`") == "`` `a` ``"
    assert block("x\n````\ny").startswith("`````")


def test_hovers_show_texts_of_kernels_as_text() -> None:
    value = ValueInfo(PLACE, "k", EVIL, EVIL, EVIL, EVIL, EVIL, PLACE)
    entry = Entry(EVIL, PLACE, PLACE, stale=False, result=kernel(Status.ERROR, message=EVIL))
    for text in (value_text(value, True), kernel_text(entry)):
        outside = outside_of_code(text)
        assert "](" not in outside and "<img" not in outside.replace("\\<", "")


def outside_of_code(text: str) -> str:
    """A reader of Markdown reduced to what matters here: fenced and inline code drops out."""
    lines, fence = [], ""
    for line in text.split("\n"):
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            if line.strip() == fence:
                fence = ""
        elif len(ticks) >= 3 and "`" not in line[len(ticks) :]:
            fence = ticks
        else:
            lines.append(line)
    assert not fence
    rest, kept = "\n".join(lines), ""
    while "`" in rest:
        before, _, after = rest.partition("`")
        if before.endswith("\\"):
            kept, rest = kept + before + "`", after
            continue
        run = "`" * (1 + len(after) - len(after.lstrip("`")))
        inside, closing, rest = after[len(run) - 1 :].partition(run)
        assert closing, f"unclosed code: {inside!r}"
        kept += before
    return kept + rest


def test_words_in_latex() -> None:
    assert words("A_x 100% {1}\\n") == r"\text{A\_x 100\% \{1\}\textbackslash{}n}"
    assert words("one\ntwo") == r"\text{one} \\ \text{two}"
