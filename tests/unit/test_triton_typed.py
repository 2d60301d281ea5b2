"""Typed Triton: what slices are lowered to, where mistakes are told, and what a launch asks for."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stile_engine.check import check, discover
from stile_engine.proof.verdict import Position, Range, Status
from stile_engine.trace.report import CheckRequest, Report
from stile_lsp.outline import Outline, outline

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is for Linux")

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import triton
import triton.language as tl
import stile_engine.triton as ttl
from stile_engine import cdiv, dim
N, M = dim("N"), dim("M", multiple_of=16)
ROWS = dim("R", 8)
VECTOR = dict(inputs={"x_ptr": "X:N"}, out_shape=(N,), consts={"B": 16}, grid=lambda c: (cdiv(N, c["B"]),))
"""

COPY = """
@ttl.jit(spec="X:N", **VECTOR)
def f(x_ptr, out_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B
    ttl.store(out_ptr, ttl.load(x_ptr, N[i:i + B]), N[i:i + B])
"""


def report(body: str, **constants: int) -> Report:
    return check(CheckRequest("/nowhere/typed_triton.py", HEAD + textwrap.dedent(body), constants=dict(constants)))


def only(body: str, **constants: int) -> tuple[Status, str]:
    (found,) = report(body, **constants).kernels
    return found.status, found.message


def source_of(body: str, tmp_path: Path, name: str = "f") -> list[str]:
    """The lines of the plain Triton of a kernel."""
    path = tmp_path / "kernels.py"
    path.write_text(HEAD + textwrap.dedent(body) + f"\nprint({name}.source())\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_slices_become_addresses_and_masks(tmp_path: Path) -> None:
    body = """
    @ttl.jit(spec="X:N M", inputs={"x_ptr": "X:N M"}, out_shape=(N, M), consts={"B": 16, "C": 32}, grid=(1, 1))
    def f(x_ptr, out_ptr, B: tl.constexpr, C: tl.constexpr):
        i, j = tl.program_id(0), tl.program_id(1) * B
        x = ttl.load(x_ptr, N[i * C:(i + 1) * C], M[j:j + B], other=0.0)
        ttl.store(out_ptr, x, N[i * C:C * i + C], M[j:j + B])
    """
    lines = source_of(body, tmp_path)
    assert lines[:2] == [
        "@triton.jit",
        "def f(x_ptr, out_ptr, B: tl.constexpr, C: tl.constexpr, size_N, size_M):",
    ]
    rows = "(i * C + tl.arange(0, C))[:, None]"
    columns = "(j + tl.arange(0, B))[None, :]"
    # M is a multiple of 16, and so of the tile: no lane of a tile that begins in it lies outside.
    assert lines[3] == f"    x = tl.load(x_ptr + ({rows} * size_M + {columns}), mask={rows} < size_N, other=0.0)"
    assert lines[4] == f"    tl.store(out_ptr + ({rows} * size_M + {columns}), x, mask={rows} < size_N)"


def test_sizes_numbers_and_names_of_the_module(tmp_path: Path) -> None:
    body = """
    STEP = 4
    def make():
        half = 2
        @ttl.jit(spec="X:R", inputs={"x_ptr": "X:R"}, out_shape=(ROWS,), grid=(2,))
        def f(x_ptr, out_ptr):
            i = tl.program_id(0) * STEP
            for k in ttl.static_range(0, ROWS // STEP - 1):
                ttl.store(out_ptr, ttl.load(x_ptr, ROWS[i:i + 2 * half]) + k, ROWS[i:i + STEP])
        return f
    f = make()
    """
    lines = source_of(body, tmp_path)
    assert lines[2:4] == ["    i = tl.program_id(0) * 4", "    for k in tl.static_range(0, 8 // 4 - 1):"]
    assert lines[4].startswith(
        "        tl.store(out_ptr + (i + tl.arange(0, 4)), tl.load(x_ptr + (i + tl.arange(0, 4)))"
    )


def test_numbers_are_those_of_the_definition(tmp_path: Path) -> None:
    """What was proved is what is launched, whatever becomes of a name of the module in between."""
    body = """
    STEP, WIDE = 4, ROWS
    @ttl.jit(spec="X:R", inputs={"x_ptr": "X:R"}, out_shape=(ROWS,), grid=(2,))
    def f(x_ptr, out_ptr):
        i = tl.program_id(0) * STEP
        ttl.store(out_ptr, ttl.load(x_ptr, WIDE[i:i + STEP]), WIDE[i:i + STEP])
    STEP, WIDE = 8, N
    """
    assert source_of(body, tmp_path)[2] == "    i = tl.program_id(0) * 4"
    assert only(body)[0] is Status.PROVED


def test_a_kernel_is_found_and_proved_under_its_own_name() -> None:
    assert only(COPY) == (Status.PROVED, "for every N, with at most 2**30 elements in each tensor")
    for header in ("from stile_engine import triton as ttl", "import stile_engine.triton as ttl"):
        source = HEAD.replace("import stile_engine.triton as ttl", header) + COPY
        assert [k.name for k in discover(source, "k.py")] == ["f"]
        read = outline(source, "/nowhere/k.py")
        assert isinstance(read, Outline)
        outlined = read.kernels
        assert [k.name for k in outlined] == ["f"] and [s.text for s in outlined[0].specs] == ["X:N"]
    direct = HEAD.replace("import stile_engine.triton as ttl", "from stile_engine.triton import jit, load, store")
    assert [k.name for k in discover(direct + COPY.replace("ttl.jit", "jit"), "k.py")] == ["f"]
    plain = COPY.replace("@ttl.jit", "@jit").replace("ttl.", "")
    source = direct + plain
    assert check(CheckRequest("/nowhere/k.py", source)).kernels[0].status is Status.PROVED


def test_other_constants_are_other_kernels() -> None:
    fixed = COPY.replace("**VECTOR", '**{**VECTOR, "grid": (cdiv(N, 16),)}')
    assert only(fixed)[0] is Status.PROVED
    assert only(fixed, B=32)[0] is Status.PROVED  # half of the programs have nothing to do
    status, message = only(fixed, B=8)
    assert status is Status.REFUTED and "never written" in message
    assert only(COPY, B=8)[0] is Status.PROVED


WRONG = {
    "dims in another order": (
        'spec="X:N M", inputs={"x_ptr": "X:N M"}, out_shape=(N, M), grid=(N,)',
        "x = ttl.load(x_ptr, ⟦M[0:16]⟧, N[0:16])\n    ttl.store(out_ptr, x, N[0:16], M[0:16])",
        "dim-mismatch",
        "x_ptr has dims N M, and the slices here are of M N",
    ),
    "a dim too few": (
        'spec="X:N M", inputs={"x_ptr": "X:N M"}, out_shape=(N, M), grid=(N,)',
        "x = ⟦ttl.load(x_ptr, N[0:16])⟧\n    ttl.store(out_ptr, x, N[0:16], M[0:16])",
        "dim-mismatch",
        "x_ptr has dims N M, and the slices here are of N",
    ),
    "no pointer": (
        'spec="X:N", inputs={"x_ptr": "X:N"}, out_shape=(N,), grid=(N,)',
        "x = ttl.load(⟦N⟧, N[0:16])\n    ttl.store(out_ptr, x, N[0:16])",
        "spec-shape",
        "ttl.load takes a pointer of the kernel first: x_ptr, out_ptr",
    ),
    "no slice": (
        'spec="X:N", inputs={"x_ptr": "X:N"}, out_shape=(N,), grid=(N,)',
        "i = tl.program_id(0)\n    x = ttl.load(x_ptr, ⟦i⟧)\n    ttl.store(out_ptr, x, N[i:i + 1])",
        "unsupported",
        "expected a dim or a slice of one",
    ),
    "an option that there is not": (
        'spec="X:N", inputs={"x_ptr": "X:N"}, out_shape=(N,), grid=(N,)',
        "x = ttl.load(x_ptr, N[0:16], mask=⟦1⟧)\n    ttl.store(out_ptr, x, N[0:16])",
        "unsupported",
        "ttl.load has no option mask; it has other=",
    ),
    "a predicate over another dim": (
        'spec="X:N", inputs={"x_ptr": "X:N"}, out_shape=(N,), grid=(N,)',
        'x = ttl.mask(N[0:16], predicate=⟦"M <= N"⟧)\n    ttl.store(out_ptr, x, N[0:16])',
        "dim-mismatch",
        "names M, which is no dim of the mask",
    ),
    "an invariant of what no tile is known of": (
        'spec="X:N", inputs={"x_ptr": "X:N"}, out_shape=(N,), grid=(N,)',
        'x = tl.zeros((16,), tl.float32)\n    for k in ttl.range(0, N, 16, invariant={⟦"x"⟧: "X:N"}):\n'
        "        x += 1\n    ttl.store(out_ptr, x, N[0:16])",
        "unsupported",
        "nothing says which tile 'x' is before the loop",
    ),
    "what the compiler refuses": (
        'spec="X:N", inputs={"x_ptr": "X:N"}, out_shape=(N,), grid=(N,)',
        "x = ttl.load(x_ptr, ⟦N[0:15]⟧)\n    ttl.store(out_ptr, x, N[0:15])",
        "unsupported",
        "power of 2",
    ),
    "a load out of bounds": (
        'spec="X:M", inputs={"x_ptr": "X:M"}, out_shape=(M,), grid=(M // 16,)',
        "i = tl.program_id(0) * 16\n    x = 1.0 * ⟦ttl.load(x_ptr, M[i + 1:i + 17])⟧\n"
        "    ttl.store(out_ptr, x, M[i:i + 16])",
        "out-of-bounds",
        "reads x_ptr out of bounds",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_mistakes_are_told_at_their_place(what: str) -> None:
    options, lines, code, message = WRONG[what]
    marked = f"{HEAD}\n@ttl.jit({options})\ndef f(x_ptr, out_ptr):\n    {lines}\n"
    start, end = (marked.index(c) for c in "⟦⟧")
    source = marked.replace("⟦", "").replace("⟧", "")
    found = check(CheckRequest("/nowhere/typed_triton.py", source)).diagnostics
    place = Range(_position(source, start), _position(source, end - 1))
    assert [d.message for d in found if (d.code, d.range) == (code, place) and message in d.message], found


def _position(text: str, offset: int) -> Position:
    before = text[:offset]
    return Position(before.count("\n"), len(before.rpartition("\n")[2]))


def test_the_text_of_the_user_is_what_hovers_speak_of() -> None:
    source = HEAD + COPY.replace("ttl.load(x_ptr, N[i:i + B])", "x").replace(
        "    ttl.store", "    x = ttl.load(x_ptr, N[i:i + B], other=0.0)\n    ttl.store"
    )
    found = check(CheckRequest("/nowhere/typed_triton.py", source))
    (x,) = [v for v in found.values if v.name == "x"]
    assert x.dims == "N[16 * program.x:16 * program.x + 16]" and x.dtype == "float32"
    line = source.splitlines()[x.range.start.line]
    assert line[x.range.start.character : x.range.end.character] == "ttl.load(x_ptr, N[i:i + B], other=0.0)"


CLAIMS = """
@ttl.jit(spec="sum[N](X:M N)", inputs={"x_ptr": "X:M N"}, out_shape=(M,), consts={"B": 16}, grid=(M // 16,))
def f(x_ptr, out_ptr, B: tl.constexpr):
    m = tl.program_id(0) * B
    total = ttl.zeros(M[m:m + B])
    for k in ttl.range(0, N, B, invariant={"total": "CLAIM"}):
        total += tl.sum(ttl.load(x_ptr, M[m:m + B], N[k:k + B], other=0.0), 1)
    ttl.store(out_ptr, total, M[m:m + B])
"""


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        ("sum[N[0:k]](X:M N[0:k])", Status.PROVED),
        ("sum[N where N < k](X:M N)", Status.PROVED),
        ("sum[N where N < k](X:M N) + 0 * sum[N where N < B](X:M N)", Status.PROVED),
        ("sum[N where N <= k](X:M N)", Status.REFUTED),
        ("sum[N](X:M N)", Status.REFUTED),
        ("2 * sum[N where N < k](X:M N)", Status.REFUTED),
    ],
)
def test_invariants_are_proved_and_refuted(claim: str, status: Status) -> None:
    (found,) = report(CLAIMS.replace("CLAIM", claim)).kernels
    owed = [o for o in found.obligations if o.kind == "invariant"]
    assert found.status is status and owed, found.obligations
    if status is Status.PROVED:
        assert [o.status for o in owed] == [Status.PROVED, Status.PROVED]
    else:
        wrong = [o for o in owed if o.status is Status.REFUTED]
        assert wrong and all(o.witness is not None for o in wrong)


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("sum[N where N < k](X:M N) * X:M N", "has dims N, which the tile total lacks"),
        ("sum[N](", "invariant of total"),
    ],
)
def test_invariants_that_say_nothing(claim: str, message: str) -> None:
    status, found = only(CLAIMS.replace("CLAIM", claim))
    assert status is not Status.PROVED and message in found


LAUNCHES = """
import torch
S = dim("S", N)
TWICE = dict(inputs={"x_ptr": "X:N"}, out_shape=(N,), consts={"B": 16}, grid=(cdiv(N, 16),))

@ttl.jit(spec="2 * X:N", **TWICE)
def twice(x_ptr, out_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B
    ttl.store(out_ptr, 2 * ttl.load(x_ptr, N[i:i + B]), N[i:i + B])

@ttl.jit(spec="exp(Y:N)", inputs={"y_ptr": "Y:N"}, out_shape=(N,), consts={"B": 16}, grid=lambda c: (cdiv(N, c["B"]),))
def exponential(y_ptr, out_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B
    ttl.store(out_ptr, tl.exp(ttl.load(y_ptr, N[i:i + B])), N[i:i + B])

@ttl.jit(spec="3 * X:N", **TWICE)
def wrong(x_ptr, out_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B
    ttl.store(out_ptr, 2 * ttl.load(x_ptr, N[i:i + B]), N[i:i + B])

OUTER = dict(inputs={"x_ptr": "X:N", "y_ptr": "Y:S"}, out_shape=(N, S), consts={"B": 16})

@ttl.jit(spec="X:N + Y:S", **OUTER, grid=(cdiv(N, 16), cdiv(S, 16)))
def outer(x_ptr, y_ptr, out_ptr, B: tl.constexpr):
    i, j = tl.program_id(0) * B, tl.program_id(1) * B
    x = ttl.load(x_ptr, N[i:i + B])
    y = ttl.load(y_ptr, S[j:j + B])
    ttl.store(out_ptr, x[:, None] + y[None, :], N[i:i + B], S[j:j + B])

TABLE = {**TWICE, "inputs": {"w_ptr": "W:N", "ids_ptr": "ids:N"}}

@ttl.jit(spec="gather[N](W:N, ids:N)", **TABLE, assume="ids in N")
def rows(w_ptr, ids_ptr, out_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B
    w = ttl.load(w_ptr, N)
    ttl.store(out_ptr, ttl.gather(w, N, ttl.load(ids_ptr, N[i:i + B], other=0)), N[i:i + B])

def told(launch):
    try:
        return launch()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def main():
    x = torch.randn(37)
    y = twice[(3,)](x)
    print(torch.equal(y.arr, 2 * x), y)
    z = exponential[lambda c: (triton.cdiv(37, c["B"]),)](y, B=32)
    print(torch.allclose(z.arr, torch.exp(2 * x)), z.type.et)
    z.assert_equivalent("exp(2 * X:N)")
    print(told(lambda: z.assert_equivalent("exp(X:N)")))
    print(told(lambda: wrong[(3,)](x)))
    print(told(lambda: twice[(5,)](x, B=8)))
    print(told(lambda: twice[(2,)](x)))
    print(told(lambda: twice[(3,)](x[::2])))
    print(told(lambda: twice[(3,)](x, C=2)))
    print(told(lambda: twice[(3,)](x.reshape(37, 1))))
    print(told(lambda: twice[(3,)](x.to(torch.uint8))))
    print(told(lambda: outer[(3, 3)](x, x[:5])))
    print(told(lambda: rows[(3,)](x, torch.zeros(37, dtype=torch.int64))))

if __name__ == "__main__":
    main()
"""


def test_launches_on_the_cpu(tmp_path: Path) -> None:
    """Under Triton's interpreter: what is launched was proved, for the constants of the launch."""
    path = tmp_path / "launches.py"
    path.write_text(HEAD + LAUNCHES)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "True <N: 2 * X:N>"
    assert lines[1].startswith("True exp(") and "2 * X:N" in lines[1]
    assert "NotProvedError" in lines[2] and "is not equal to the spec 'exp(X:N)'" in lines[2]
    assert "NotProvedError: wrong is launched with B=16: refuted" in lines[3]
    assert "NotProvedError: twice is launched with B=8: refuted" in lines[4]
    assert "twice is proved on the grid (3,), and launched on (2,)" in lines[5]
    assert "not contiguous" in lines[6] and "no parameter C" in lines[7] and "x_ptr has 1 dims" in lines[8]
    assert "x_ptr is proved for real numbers, and the tensor has uint8" in lines[9]
    assert "S has the size of N, which is 37, and not 5" in lines[10]
    assert "ids_ptr is proved for int32 data, and the tensor has int64" in lines[11]
