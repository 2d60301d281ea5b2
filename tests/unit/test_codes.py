"""Each code has a page, and what the page shows is what users get: its example is checked, in a worker."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stile_engine.trace.codes import SEVERITIES
from stile_engine.trace.report import CheckRequest
from stile_engine.worker.client import CheckSession
from stile_engine.worker.messages import Limits
from stile_engine.worker.sandbox import mechanisms

ROOT = Path(__file__).parents[2]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "codes").glob("*.md")}

NOT_REPORTED = "This version does not report it yet."
WITHOUT_EXAMPLE = {"internal-error"}
"""A known way to bring one about would have been mended."""

ALSO = {"undefined-value": ("not-equal",)}
"""Examples that are wrong in two ways. In the others one mistake gives one code."""

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = re.compile(r"(?<=kernel )-?[\d.e+-]+(?=,)|(?<=spec )-?[\d.e+-]+(?=\))|(?<=after )\d+(?= s)")


def example(page: str) -> tuple[str, str] | None:
    """The page's kernel and the message that it shows for it."""
    blocks = {language: body for language, body in reversed(_FENCE.findall(page))}
    return (blocks["python"], blocks["text"].strip()) if "python" in blocks else None


def without_numbers(text: str) -> str:
    """Which random inputs a counterexample has, and how long the limit is, is not what a page promises."""
    return _VARYING.sub("#", text)


EXAMPLES = {code: found for code, page in PAGES.items() if (found := example(page)) is not None}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert set(PAGES) == set(SEVERITIES)


@pytest.mark.parametrize("code", sorted(SEVERITIES))
def test_a_page_starts_with_its_code_and_severity(code: str) -> None:
    assert PAGES[code].startswith(f"# {code}\n\n*{SEVERITIES[code]}* · ")


@pytest.mark.parametrize("code", sorted(SEVERITIES))
def test_a_page_shows_an_example_or_says_why_not(code: str) -> None:
    page = PAGES[code]
    if code in EXAMPLES:
        assert NOT_REPORTED not in page and "\n## What to do\n" in page
    else:
        assert (NOT_REPORTED in page) is (code not in WITHOUT_EXAMPLE)


@pytest.mark.parametrize("code", sorted(SEVERITIES))
def test_links_between_pages_lead_somewhere(code: str) -> None:
    assert [target for target in re.findall(r"\]\(([\w-]+)\.md\)", PAGES[code]) if target not in PAGES] == []


@pytest.fixture(scope="module")
def worker() -> Iterator[CheckSession]:
    with CheckSession(sys.executable) as session:
        yield session


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_the_example_gives_the_message(worker: CheckSession, code: str, tmp_path: Path) -> None:
    if code == "sandbox" and not mechanisms().landlock:
        pytest.skip("this kernel has no Landlock")
    source, message = EXAMPLES[code]
    wall = 1.0 if code == "timeout" else 30.0
    result = worker.check(CheckRequest(str(tmp_path / "example.py"), source), Limits(wall=wall))
    found = {(d.code, d.severity, without_numbers(d.message)) for d in result.report.diagnostics}
    expected = without_numbers(message)
    assert any(d[:2] == (code, SEVERITIES[code]) and expected in d[2] for d in found), found
    assert {d[0] for d in found} <= {code, *ALSO.get(code, ())}, found


def codes_in_sources() -> Iterator[tuple[str, str]]:
    """Where a diagnostic, an exception or a violation is given its code in so many words."""
    for path in sorted([*(ROOT / "stile_engine").rglob("*.py"), *(ROOT / "stile_lsp").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for value in _code_values(node):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value, f"{path.relative_to(ROOT)}:{value.lineno}"


def _code_values(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=[ast.Name(id="code")], value=value) | ast.keyword(arg="code", value=value):
            return [value]
        case ast.Call(func=ast.Name(id="Diagnostic" | "Violation"), args=[first, *_]):
            return [first]
        case ast.Call(func=ast.Attribute(attr="diagnose" | "violate" | "_violate" | "_broken_rule"), args=[first, *_]):
            return [first]
        case ast.Call(func=ast.Attribute(attr="_settle" | "_stop"), args=[_, second, *_]):
            return [second]
    return []


def test_no_source_speaks_of_a_code_without_a_page() -> None:
    found = list(codes_in_sources())
    assert len({code for code, _ in found}) > 10
    assert [f"{place}: {code}" for code, place in found if code not in SEVERITIES] == []


def test_what_a_page_calls_unreported_is_not_reported() -> None:
    unreported = {code for code, page in PAGES.items() if NOT_REPORTED in page}
    assert unreported and {code for code, _ in codes_in_sources()} & unreported == set()
