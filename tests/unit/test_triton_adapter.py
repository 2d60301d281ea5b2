"""What Triton does not promise: names, signatures, messages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from stile_engine.check import check
from stile_engine.proof.verdict import Status
from stile_engine.trace.report import CheckRequest, Report

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is for Linux")

HEAD = """import triton
import triton.language as tl
from stile_engine import cdiv, dim, kernel
N = dim("N")
"""


def report(body: str, tmp_path: Path) -> Report:
    path = tmp_path / "kernels.py"
    return check(CheckRequest(str(path), HEAD + body))


def only(body: str, tmp_path: Path) -> tuple[Status, str]:
    (found,) = report(body, tmp_path).kernels
    return found.status, found.message


def kernel_of(lines: str, options: str = "", parameters: str = "x_ptr, out_ptr, n") -> str:
    indented = "\n".join(f"    {line}" for line in lines.strip().splitlines())
    return f"""
@kernel({{"out_ptr": "X:N"}}, inputs={{"x_ptr": "X:N"}}, scalars={{"n": N}}, grid=(cdiv(N, 16),){options})
@triton.jit
def copy({parameters}):
{indented}
"""


COPY = """
o = tl.program_id(0) * 16 + tl.arange(0, 16)
tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)
"""


def test_it_is_proved_from_the_text_alone(tmp_path: Path) -> None:
    """The buffer of an editor: there is no such file."""
    assert only(kernel_of(COPY), tmp_path)[0] is Status.PROVED


def test_a_missing_triton_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stile_engine.triton import adapter

    monkeypatch.setitem(sys.modules, "triton", None)
    with pytest.raises(ImportError, match="pip install 'triton"):
        adapter.require()


def test_what_the_compiler_refuses_is_told_at_its_place(tmp_path: Path) -> None:
    body = kernel_of("o = tl.arange(0, 15)\n" + COPY)
    (found,) = report(body, tmp_path).diagnostics
    assert found.code == "unsupported" and "power of 2" in found.message
    assert found.range.start.line == (HEAD + body).splitlines().index("    o = tl.arange(0, 15)")


def test_a_grid_is_needed(tmp_path: Path) -> None:
    status, message = only(kernel_of(COPY).replace("grid=(cdiv(N, 16),)", ""), tmp_path)
    assert status is not Status.PROVED and "grid=" in message


def test_a_parameter_without_a_value_is_named(tmp_path: Path) -> None:
    status, message = only(kernel_of(COPY, parameters="x_ptr, out_ptr, n, BLOCK: tl.constexpr"), tmp_path)
    assert status is not Status.PROVED and "BLOCK" in message and "consts=" in message


def test_grid_belongs_to_triton(tmp_path: Path) -> None:
    body = '@kernel("X:N", grid=(1,))\ndef plain(X):\n    return X\n'
    status, message = only(body, tmp_path)
    assert status is Status.UNSUPPORTED and "grid=" in message


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("tl.atomic_xchg(out_ptr + o, 1.0, mask=o < n)", "no sum"),
        ("k = tl.inline_asm_elementwise('mov.b32 $0, $1;', '=r,r', [o], tl.int32, True, 1)\nuse(k)", "inline assembly"),
        ("while n > 20:\n    n = n - 1\nuse(n)", "while"),
        ("tl.store(x_ptr + o, 0.0, mask=o < n)", "does not name as an output"),
    ],
)
def test_what_has_no_model_is_named(line: str, named: str, tmp_path: Path) -> None:
    status, message = only(
        kernel_of(COPY + line.replace("use(", "tl.store(out_ptr + o, o.to(tl.float32) + ")), tmp_path
    )
    assert status is Status.UNSUPPORTED and named in message, message


def test_an_unused_value_without_a_model_does_not_matter(tmp_path: Path) -> None:
    assert only(kernel_of(COPY + "z = tl.sort(o.to(tl.float32))"), tmp_path)[0] is Status.PROVED


def test_a_helper_in_another_function_is_read_at_its_call(tmp_path: Path) -> None:
    body = "@triton.jit\ndef twice(x):\n    return x + x\n" + kernel_of(
        "o = tl.program_id(0) * 16 + tl.arange(0, 16)\n"
        "x = tl.load(x_ptr + o, mask=o < n)\n"
        "tl.store(out_ptr + o, twice(x) - x, mask=o < n)"
    )
    assert only(body, tmp_path)[0] is Status.PROVED


def test_offsets_that_overflow_are_refuted(tmp_path: Path) -> None:
    body = (
        kernel_of(COPY)
        .replace("N)", "BIG)")
        .replace('"X:N', '"X:BIG')
        .replace("(N,", "(BIG,")
        .replace(": N}", ": BIG}")
    )
    body = 'BIG = dim("BIG", max=2**40)\n' + body
    (found,) = report(body, tmp_path).kernels
    overflow = [o for o in found.obligations if o.kind == "overflow"]
    assert found.status is Status.REFUTED and any(o.status is Status.REFUTED for o in overflow), found.obligations
    assert "does not fit into int32" in (overflow[0].detail or "")


def test_offsets_in_64_bits_do_not_overflow(tmp_path: Path) -> None:
    wide = COPY.replace("tl.program_id(0)", "tl.program_id(0).to(tl.int64)")
    body = (
        kernel_of(wide)
        .replace("N)", "BIG)")
        .replace('"X:N', '"X:BIG')
        .replace("(N,", "(BIG,")
        .replace(": N}", ": BIG}")
    )
    (found,) = report('BIG = dim("BIG", max=2**34)\n' + body, tmp_path).kernels
    assert found.status is Status.PROVED, found.obligations


DECORATED = """
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
@kernel({"out_ptr": "X:N"}, **A, consts={"BLOCK": 64})
@triton.autotune(configs=[triton.Config({"BLOCK": 64}), triton.Config({"BLOCK": 128})], key=["n"])
@triton.jit
def tuned(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)
@kernel({"out_ptr": "X:N"}, **A, consts={"BLOCK": 64, "EVEN": False})
@triton.heuristics({"EVEN": lambda a: a["n"] % a["BLOCK"] == 0})
@triton.jit
def heuristic(x_ptr, out_ptr, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if EVEN:
        tl.store(out_ptr + o, tl.load(x_ptr + o))
    else:
        tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)
@kernel({"out_ptr": "X:N + B:N"}, **{**A, "inputs": {"x_ptr": "X:N", "b_ptr": "B:N"}},
        consts={"BLOCK": 64, "c_ptr": None})
@triton.jit
def optional(x_ptr, b_ptr, c_ptr, out_ptr, n, BLOCK: tl.constexpr):
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    if c_ptr is not None:
        x = x * tl.load(c_ptr + o, mask=o < n)
    tl.store(out_ptr + o, x + tl.load(b_ptr + o, mask=o < n), mask=o < n)
"""


def test_configurations_that_are_given_are_proved(tmp_path: Path) -> None:
    """Of ``autotune`` and ``heuristics`` the constants that the declaration fixes count; a pointer may be None."""
    found = {k.name: k.status for k in report(DECORATED, tmp_path).kernels}
    assert found == dict.fromkeys(("tuned", "heuristic", "optional"), Status.PROVED)


def test_a_heuristic_that_does_not_hold_is_refuted(tmp_path: Path) -> None:
    wrong = DECORATED.replace('"EVEN": False', '"EVEN": True')
    found = {k.name: k.status for k in report(wrong, tmp_path).kernels}
    assert found["heuristic"] is Status.REFUTED
