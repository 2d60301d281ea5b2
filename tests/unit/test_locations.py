"""Messages stand at the expression that they speak of, to the column, on every front end.

Each text holds one mistake, and the characters between ``⟦`` and ``⟧`` are where it must be reported.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from stile_engine.check import check
from stile_engine.proof.verdict import Position, Range
from stile_engine.trace.location import is_user_file
from stile_engine.trace.report import CheckRequest, Diagnostic

FRAMEWORKS = {"numpy": "import numpy as np", "jax": "import jax.numpy as np", "torch": "import torch as np"}
WITHOUT_A_MODEL = {"numpy": "np.partition(x, 1)", "jax": "np.nextafter(x, x)", "torch": "np.linalg.cholesky(x)"}

HEADER = """
from functools import wraps
from stile_engine import dim, kernel
{imported}
M, K = dim("M", 8), dim("K", 8)
SPEC = "X:M K * S:M"
"""

MISMATCHES = {
    "several lines": """
        @kernel(SPEC)
        def f(X, S):
            return 1 * (
                ⟦X
                * S⟧
            )
        """,
    "a continued line": """
        @kernel(SPEC)
        def f(X, S):
            return X - X + (⟦X * \\
                S⟧)
        """,
    "after letters of several bytes": """
        @kernel(SPEC)
        def f(X, S):
            ä = "𝔸ö"; return 0 + ⟦X * S⟧
        """,
    "chained calls": """
        @kernel(SPEC)
        def f(X, S):
            return ⟦np.exp(X).reshape(64).reshape(8, 8).__mul__(S)⟧.reshape(8, 8)
        """,
    "a comprehension": """
        @kernel(SPEC)
        def f(X, S):
            return sum([⟦x * S⟧ for x in (X, X)]) / 2
        """,
    "a lambda": """
        @kernel(SPEC)
        def f(X, S):
            return (lambda x: ⟦x * S⟧)(X)
        """,
    "a decorated helper": """
        def twice(f):
            @wraps(f)
            def inner(*args):
                return 2 * f(*args)
            return inner

        @twice
        def product(x, s):
            return ⟦x * s⟧

        @kernel(SPEC)
        def f(X, S):
            return product(X, S) / 2
        """,
    "a helper in a helper": """
        def product(x, s):
            return (⟦x
                    * s⟧)

        @kernel(SPEC)
        def f(X, S):
            def outer(a):
                return product(a, S)
            return outer(X)
        """,
    "an operand of a call": """
        @kernel(SPEC)
        def f(X, S):
            return np.where(⟦X > S⟧, X, 0.0)
        """,
    "a call with operands over several lines": """
        @kernel(SPEC)
        def f(X, S):
            y = ⟦np.add(
                X,
                S,
            )⟧
            return y
        """,
    "a conditional expression": """
        @kernel(SPEC)
        def f(X, S, scaled=True):
            return (⟦X * S⟧ if scaled else X) + 0
        """,
    "a method of a class": """
        class Scale:
            def __init__(self, s):
                self.s = s

            def __call__(self, x):
                return ⟦x * self.s⟧

        @kernel(SPEC)
        def f(X, S):
            return Scale(S)(X)
        """,
}


def case(text: str, framework: str) -> tuple[str, Range]:
    """The source without its brackets, and the range that they enclose (in UTF-16 units, as LSP counts)."""
    source = HEADER.format(imported=FRAMEWORKS[framework]) + textwrap.dedent(text)
    opening = source.index("⟦")
    source = source.replace("⟦", "", 1)
    closing = source.index("⟧")
    source = source.replace("⟧", "", 1)
    return source, Range(position(source, opening), position(source, closing))


def position(source: str, offset: int) -> Position:
    before = source[:offset].split("\n")
    return Position(len(before) - 1, len(before[-1].encode("utf-16-le")) // 2)


def diagnostics(source: str, path: str, code: str) -> list[Diagnostic]:
    return [d for d in check(CheckRequest(path, source)).diagnostics if d.code == code]


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
@pytest.mark.parametrize("name", sorted(MISMATCHES))
def test_a_mismatch_stands_at_its_operation(name: str, framework: str) -> None:
    source, place = case(MISMATCHES[name], framework)
    found = diagnostics(source, "/nowhere/k.py", "dim-mismatch")
    assert [(d.severity, d.range) for d in found] == [("error", place)]


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_the_operands_are_related(framework: str) -> None:
    source, place = case(MISMATCHES["several lines"], framework)
    (found,) = diagnostics(source, "/nowhere/k.py", "dim-mismatch")
    x, s = (r.location for r in found.related if "along" in r.message)
    assert (x.path, s.path) == (None, None)
    assert (x.range.start, s.range.end) == (place.start, place.end)
    assert [r.message for r in found.related][:2] == ["this runs along K, from X", "this runs along M, from S"]


UNMODELLED = """
        def helper(x):
            return ({call}
                    + 1)

        @kernel("X:M K")
        def f(X):
            return helper(X)
        """


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_what_has_no_model_is_named_where_it_stands(framework: str) -> None:
    source, place = case(UNMODELLED.format(call=f"⟦{WITHOUT_A_MODEL[framework]}⟧"), framework)
    found = diagnostics(source, "/nowhere/k.py", "unsupported")
    assert [d.range for d in found] == [place]


# -- helpers in other files ----------------------------------------------------------------

HELPERS = """
{imported}

def product(x, s):
    return (x
            * s)

def unmodelled(x):
    return 1 + {call}

def broken(x):
    raise KeyError("nothing")
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    before = list(sys.path)
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path[:] = before
    sys.modules.pop("helpers_elsewhere", None)


def from_elsewhere(project: Path, framework: str, body: str, source: str = HELPERS) -> tuple[Diagnostic, Range, str]:
    """The message about a kernel that calls a helper, the place of that call, and the helper's text."""
    sys.modules.pop("helpers_elsewhere", None)
    helpers = source.format(imported=FRAMEWORKS[framework], call=WITHOUT_A_MODEL[framework])
    (project / "helpers_elsewhere.py").write_text(helpers)
    text = f"""
        import helpers_elsewhere

        @kernel(SPEC)
        def f(X, S):
            y = ⟦{body}⟧
            return y
        """
    source, place = case(text, framework)
    path = project / "kernels.py"
    path.write_text(source)
    found = [d for d in check(CheckRequest(str(path), source)).diagnostics if d.code != "not-equal"]
    assert len(found) == 1
    return found[0], place, helpers


def under(text: str, place: Range) -> str:
    lines = text.split("\n")[place.start.line : place.end.line + 1]
    lines[-1] = lines[-1][: place.end.character]
    lines[0] = lines[0][place.start.character :]
    return "\n".join(lines)


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
@pytest.mark.parametrize(
    ("body", "code", "inside"),
    [
        ("helpers_elsewhere.product(X, S)", "dim-mismatch", "x\n            * s"),
        ("helpers_elsewhere.unmodelled(X)", "unsupported", None),
        ("helpers_elsewhere.broken(X)", "exception", 'raise KeyError("nothing")'),
    ],
)
def test_helpers_in_other_files_are_followed(
    project: Path, framework: str, body: str, code: str, inside: str | None
) -> None:
    found, place, helpers = from_elsewhere(project, framework, body)
    assert (found.code, found.range) == (code, place)
    there = [r.location for r in found.related if r.location.path is not None]
    assert [location.path for location in there] == [str(project / "helpers_elsewhere.py")]
    assert under(helpers, there[0].range) == (inside or WITHOUT_A_MODEL[framework])


def test_a_compiled_helper_in_another_file_is_followed(project: Path) -> None:
    source = "import jax\n" + HELPERS.replace("def product", "@jax.jit\ndef product")
    found, place, helpers = from_elsewhere(project, "jax", "helpers_elsewhere.product(X, S)", source)
    assert (found.code, found.range) == ("dim-mismatch", place)
    (there,) = (r.location for r in found.related if r.location.path is not None)
    assert under(helpers, there.range) == "x\n            * s"


def test_a_file_is_resolved_once_however_many_there_are(monkeypatch):
    """A framework has thousands of files, and each check asks about all of them."""
    names = [f"/nowhere/file_{number}.py" for number in range(5000)]
    assert all(map(is_user_file, names))

    def resolve(path, *arguments):
        raise AssertionError(f"{path} is resolved again")

    monkeypatch.setattr(Path, "resolve", resolve)
    assert all(map(is_user_file, names))
