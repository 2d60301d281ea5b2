"""What the server reads from a text without running it."""

from __future__ import annotations

import pytest

from stile_engine.trace.report import Position, Range, Status
from stile_lsp.outline import Outline, SyntaxProblem, outline
from stile_lsp.static_check import static_report

HEAD = "from stile_engine import dim, kernel\n"


def parsed(text: str) -> Outline:
    found = outline(text)
    assert isinstance(found, Outline), found
    return found


def under(text: str, place: Range) -> str:
    lines = text.split("\n")
    assert place.start.line == place.end.line
    return lines[place.start.line][place.start.character : place.end.character]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "@kernel('X:M')\ndef f(X): ...\n",
        "from stile_engine import kernel as k\n@k('X:M')\nasync def f(X): ...\n",
        "import stile_engine\n@stile_engine.kernel('X:M')\ndef f(X): ...\n",
        "import stile_engine as s\n@s.kernel('X:M', typed=True)\n@other\ndef f(X): ...\n",
        HEAD + "class A:\n    @kernel('X:M')\n    def f(self, X): ...\n",
        HEAD + "def make():\n    @kernel('X:M')\n    def f(X): ...\n    return f\n",
    ],
)
def test_kernels_are_found(text: str) -> None:
    [kernel] = parsed(text).kernels
    assert under(text, kernel.name_range) == "f"
    assert text.split("\n")[kernel.range.start.line].lstrip().startswith("@")
    [spec] = kernel.specs
    assert spec.text == "X:M" and spec.exact


@pytest.mark.parametrize(
    "text",
    [
        "def f(X): ...\n",
        "from elsewhere import kernel\n@kernel('X:M')\ndef f(X): ...\n",
        HEAD + "@other.kernel('X:M')\ndef f(X): ...\n",
        HEAD + 'x = """\n@kernel(\'X:M\')\ndef f(X): ...\n"""\n',
    ],
)
def test_what_is_no_kernel(text: str) -> None:
    assert parsed(text).kernels == ()


def test_names_and_specs_after_characters_outside_of_the_basic_plane() -> None:
    text = HEAD + "@kernel('X:M  # 🦊')\ndef f(X): x = '🦊'\n"
    [kernel] = parsed(text).kernels
    assert kernel.range.end == Position(2, len("def f(X): x = ''") + 2)


def test_specs_in_tuples_and_dicts() -> None:
    text = HEAD + "@kernel(('X:M', 'Y:M'))\ndef f(): ...\n@kernel({'o': 'Z:M'}, inputs={'a': 'no'})\ndef g(): ...\n"
    assert [[spec.text for spec in kernel.specs] for kernel in parsed(text).kernels] == [["X:M", "Y:M"], ["Z:M"]]


@pytest.mark.parametrize("text", ["def f(:\n", "x = (\n", "x = '''\n", "\x00", "if 1:\nx", "(" * 10_000])
def test_what_is_no_python(text: str) -> None:
    found = outline(text)
    assert isinstance(found, SyntaxProblem)
    assert found.message and found.range.start <= found.range.end


def fingerprints(text: str) -> dict[str, str]:
    found = parsed(text)
    return {kernel.name: found.fingerprint(kernel.name, kernel.range) for kernel in found.kernels}


BASE = (
    HEAD
    + "A = 1\nB = A\ndef helper(): return B\n@kernel('X:M')\ndef f(X): return helper()\n"
    + "@kernel('X:M')\ndef g(X): return X\nclass C:\n    SIZE = 3\n"
)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("A = 1", "A = 2", "f"),
        ("B = A", "B = A + 1", "f"),
        ("return B", "return B + 1", "f"),
        ("return X\n", "return C.SIZE\n", "g"),
        ("SIZE = 3", "SIZE = 4", ""),
        ("A = 1", "A = 1  # one", ""),
        ("A = 1\n", "A = 1\nunused = 7\n", ""),
        ("A = 1\n", "A = 1\nA += 1\n", "f g"),
        ("A = 1\n", "A = 1\nregister(A)\n", "f g"),
        ("A = 1\n", "A = 1\nif A:\n    pass\n", "f g"),
        ("A = 1\n", "A = 1\nfrom math import *\n", "f g"),
        ("A = 1\n", "A = 1\n@register\ndef other(): ...\n", "f g"),
        ("A = 1\n", "A = 1\nB = 3\n", "f"),
        ("kernel('X:M')\ndef g", "kernel('X:M + B:M')\ndef g", "g"),
    ],
)
def test_what_a_fingerprint_depends_on(old: str, new: str, changed: str) -> None:
    before, after = fingerprints(BASE), fingerprints(BASE.replace(old, new, 1))
    assert {name for name in before if before[name] != after[name]} == set(changed.split())


def test_the_order_of_two_bindings_counts() -> None:
    text = HEAD + "A = 1\nA = 2\n@kernel('X:M')\ndef f(X): return A\n"
    assert fingerprints(text) != fingerprints(text.replace("A = 1\nA = 2", "A = 2\nA = 1"))


def test_specs_are_checked_without_running_anything() -> None:
    text = HEAD + "@kernel('2 * * X:M')\ndef f(X): ...\n@kernel('X:M')\ndef g(X): ...\nboom()\n"
    report = static_report(outline(text), "/k.py")
    assert [(k.name, k.status) for k in report.kernels] == [("f", Status.ERROR), ("g", Status.UNKNOWN)]
    [problem] = report.diagnostics
    assert problem.code == "spec-syntax" and under(text, problem.range) == "*"


def test_a_broken_text_without_running_anything() -> None:
    report = static_report(outline("x = (\n"), "/k.py")
    assert [d.code for d in report.diagnostics] == ["python-syntax"]
    assert report.kernels == ()
