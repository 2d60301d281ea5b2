"""What an editor shows inside of Triton kernels, and where messages stand in them, to the column."""

from __future__ import annotations

import importlib.util
import textwrap

import pytest

from stile_engine.check import check
from stile_engine.proof.verdict import Position, Range
from stile_engine.trace.report import CheckRequest, Report, ValueInfo

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is for Linux")

HEAD = """
import triton
import triton.language as tl
from stile_engine import cdiv, dim, kernel
M, N, K = dim("M"), dim("N"), dim("K")
ONE = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"B": 16}, grid=(cdiv(N, 16),))
"""

MATMUL = """
@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, inputs={"a_ptr": "A:M K", "b_ptr": "B:K N"},
        scalars={"m": M, "n": N, "k": K}, strides={"a_ptr": ("s", 1)}, grid=(cdiv(M, 16), cdiv(N, 16)))
@triton.jit
def matmul(a_ptr, b_ptr, c_ptr, m, n, k, s):
    rows = tl.program_id(0) * 16 + tl.arange(0, 16)
    columns = tl.program_id(1) * 16 + tl.arange(0, 16)
    acc = tl.zeros((16, 16), tl.float32)
    for start in range(0, k, 16):
        inner = start + tl.arange(0, 16)
        places = rows[:, None] * s + inner[None, :]
        a = tl.load(a_ptr + places, mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0)
        b_ptrs = b_ptr + inner[:, None] * n + columns[None, :]
        b = tl.load(b_ptrs, mask=(inner[:, None] < k) & (columns[None, :] < n), other=0.0)
        acc = tl.dot(a, b, acc)
    inside = (rows[:, None] < m) & (columns[None, :] < n)
    result = acc
    tl.store(c_ptr + rows[:, None] * n + columns[None, :], result, mask=inside)
"""


def report(body: str) -> tuple[str, Report]:
    source = HEAD + textwrap.dedent(body)
    return source, check(CheckRequest("/nowhere/triton_kernel.py", source))


def part(source: str, place: Range | None) -> str:
    assert place is not None and place.start.line == place.end.line
    return source.splitlines()[place.start.line][place.start.character : place.end.character]


def infos(body: str) -> dict[str, ValueInfo]:
    """By the name that is assigned, and by the text of the expression."""
    source, found = report(body)
    assert [str(k.status) for k in found.kernels] == ["proved"], found.diagnostics
    known: dict[str, ValueInfo] = {}
    for info in found.values:
        if info.range.start.line == info.range.end.line:
            known[part(source, info.range)] = info
    known.update({i.name: i for i in found.values if i.name is not None})
    return known


def test_blocks_are_shown_over_the_dims_that_they_are_read_along() -> None:
    found = infos(MATMUL)
    assert found["a"].dims == "M[16 * program.x:16 * program.x + 16] K[16 * round.1:16 * round.1 + 16]"
    assert found["b"].dims == "K[16 * round.1:16 * round.1 + 16] N[16 * program.y:16 * program.y + 16]"
    assert found["acc"].dims == "M[16 * program.x:16 * program.x + 16] N[16 * program.y:16 * program.y + 16]"
    assert {found[name].dtype for name in ("a", "b", "acc")} == {"float32"}
    assert found["a"].expr_type.startswith("(A[$0 + 16 * program.x, $1 + 16 * round.1] where ")


def test_integers_pointers_and_truth_values() -> None:
    found = infos(MATMUL)
    assert (found["rows"].dims, found["rows"].dtype) == ("16", "int32")
    assert found["rows"].expr_type == "$0 + 16 * program.x"
    assert found["start"].expr_type == "16 * round.1" and found["start"].dims == "scalar"
    assert found["inside"].dtype == "bool" and "M" in found["inside"].expr_type
    assert found["b_ptrs"].dtype == "pointer to float32"
    assert found["b_ptrs"].dims == found["b"].dims
    assert found["b_ptrs"].expr_type == "address of B[$0 + 16 * round.1, $1 + 16 * program.y]"
    assert found["places"].dims == "16 16" and "s" in found["places"].expr_type
    assert found["k"].expr_type == "K"


def test_names_after_a_loop_hold_what_the_loop_computed() -> None:
    source, found = report(MATMUL)
    normal = {(part(source, i.range), i.name): i.normal_form for i in found.values if i.name == "result"}
    assert normal["acc", "result"] is not None
    # No round is left in it: the sum is over the whole of K.
    assert "round" not in (normal["acc", "result"] or "") and "K" in (normal["acc", "result"] or "")
    inside = next(i for i in found.values if part(source, i.range) == "tl.dot(a, b, acc)")
    assert "round" in (inside.normal_form or "")


def test_every_part_of_an_expression_has_its_own_value() -> None:
    found = infos(
        """
        @kernel({"out_ptr": "6 * X:N + 1"}, **ONE)
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            x = tl.load(x_ptr + o, mask=o < n)
            y = x * 2 + x * 4 + 1
            tl.store(out_ptr + o, y, mask=o < n)
        """
    )
    assert "6·X" in (found["x * 2 + x * 4"].normal_form or "")
    assert "2·X" in (found["x * 2"].normal_form or "")
    assert found["y"].normal_form == found["x * 2 + x * 4 + 1"].normal_form
    assert "tl.store(out_ptr + o, y, mask=o < n)" not in found


def test_helper_functions_are_shown_inside_and_at_their_calls() -> None:
    found = infos(
        """
        @triton.jit
        def doubled(v):
            w = v * 0.5
            return w * 4.0

        def made():
            @kernel({"out_ptr": "2 * X:N"}, **ONE)
            @triton.jit
            def f(x_ptr, out_ptr, n, B: tl.constexpr):
                o = tl.program_id(0) * B + tl.arange(0, B)
                x = tl.load(x_ptr + o, mask=o < n)
                y = doubled(x)
                tl.store(out_ptr + o, y, mask=o < n)
            return f

        f = made()
        """
    )
    assert found["w"].dims == found["x"].dims == "N[16 * program.x:16 * program.x + 16]"
    assert "2·X" in (found["y"].normal_form or "") and "/ 2 otherwise" in (found["w"].normal_form or "")


def test_a_helper_that_returns_a_name_tells_nothing_wrong_at_its_call() -> None:
    found = infos(
        """
        @triton.jit
        def same(v):
            w = v * 3.0
            z = tl.maximum(w, 0.0)
            return v

        @kernel({"out_ptr": "X:N"}, **ONE)
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            y = same(tl.load(x_ptr + o, mask=o < n))
            tl.store(out_ptr + o, y, mask=o < n)
        """
    )
    assert "same(tl.load(x_ptr + o, mask=o < n))" not in found and "y" not in found


PLACES = {
    "a load out of bounds": """
        @kernel({"out_ptr": "X:N"}, **ONE)
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            x = 1.0 * ⟦tl.load(x_ptr + o)⟧ + 0.0
            tl.store(out_ptr + o, x, mask=o < n)
        """,
    "an operation without a model, inside of a sum": """
        @kernel({"out_ptr": "X:N"}, **ONE)
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            x = tl.load(x_ptr + o, mask=o < n)
            tl.store(out_ptr + o, ⟦tl.fma(x, x, x).to(tl.int32, bitcast=True)⟧.to(tl.float32) + x, mask=o < n)
        """,
    "a load in a helper of an indented kernel": """
        @triton.jit
        def read(p, o):
            return 2.0 * ⟦tl.load(p + o)⟧

        def made():
            @kernel({"out_ptr": "2 * X:N"}, **ONE)
            @triton.jit
            def f(x_ptr, out_ptr, n, B: tl.constexpr):
                o = tl.program_id(0) * B + tl.arange(0, B)
                tl.store(out_ptr + o, read(x_ptr, o), mask=o < n)
            return f

        f = made()
        """,
    "what the compiler refuses, in a helper": """
        @triton.jit
        def read(p, o):
            return tl.load(p + o) + ⟦tl.arange(0, 15)⟧

        @kernel({"out_ptr": "2 * X:N"}, **ONE)
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            tl.store(out_ptr + o, read(x_ptr, o), mask=o < n)
        """,
    "what the compiler refuses, in an indented kernel": """
        def made():
            @kernel({"out_ptr": "2 * X:N"}, **ONE)
            @triton.jit
            def f(x_ptr, out_ptr, n, B: tl.constexpr):
                o = tl.program_id(0) * B + ⟦tl.arange(0, 15)⟧
                tl.store(out_ptr + o, 1.0, mask=o < n)
            return f

        f = made()
        """,
    "a loop": """
        N = dim("N", 32)
        @kernel({"out_ptr": "X:N"}, **{**ONE, "scalars": {"n": N}, "grid": (2,)})
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            k = o
            ⟦for i in range(0, 8192)⟧:
                k = k * 3
            tl.store(out_ptr + o, k.to(tl.float32), mask=o < n)
        """,
}


@pytest.mark.parametrize("what", PLACES)
def test_messages_stand_at_their_expressions(what: str) -> None:
    marked = HEAD + textwrap.dedent(PLACES[what])
    start, end = (_position(marked, marked.index(c)) for c in "⟦⟧")
    end = Position(end.line, end.character - 1)
    source = marked.replace("⟦", "").replace("⟧", "")
    found = check(CheckRequest("/nowhere/triton_kernel.py", source))
    assert Range(start, end) in [d.range for d in found.diagnostics], [(d.range, d.message) for d in found.diagnostics]


def _position(text: str, offset: int) -> Position:
    before = text[:offset]
    return Position(before.count("\n"), len(before.rpartition("\n")[2]))
