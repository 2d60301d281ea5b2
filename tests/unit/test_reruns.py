"""Counterexamples on the kernel itself: what a run confirms, and what it takes away."""

from __future__ import annotations

import importlib.util
import math
import textwrap

import pytest

from stile_engine.check import check
from stile_engine.checking.reruns import with_runs
from stile_engine.proof.verdict import Obligation, Position, Range, Status, Witness
from stile_engine.trace.report import CheckRequest, KernelReport

PLACE = Range(Position(0, 0), Position(0, 1))
WITNESS = Witness(
    sizes={"N": 2}, output="out", index={"N": 1}, kernel=2.0, spec=3.0, seed=0, drawn="mixed", repro="x\n"
)


def report(*obligations: Obligation) -> KernelReport:
    return KernelReport("f", "triton", Status.REFUTED, PLACE, PLACE, "differs", obligations=obligations)


def wrong(witness: Witness = WITNESS, kind: str = "value") -> Obligation:
    return Obligation(kind, Status.REFUTED, PLACE, detail="differs", witness=witness)


def test_a_run_that_gives_the_same_confirms() -> None:
    told = with_runs(report(wrong()), lambda _: 2.0000001, "the interpreter")
    (found,) = told.obligations
    assert told.status is Status.REFUTED and found.witness is not None
    assert found.witness.run == "a run by the interpreter gives 2 there as well"
    assert found.witness.repro == "# a run by the interpreter gives 2 there as well\nx\n"


def test_a_run_that_gives_what_the_spec_says_takes_the_refutation_away() -> None:
    told = with_runs(report(wrong()), lambda _: 3.0, "the interpreter")
    assert told.status is Status.UNKNOWN and "does not hold for the kernel itself" in told.message
    both = with_runs(report(wrong(), wrong(WITNESS, "defined")), lambda _: 3.0, "the interpreter")
    assert both.status is Status.REFUTED, "the other obligation stands"


@pytest.mark.parametrize("number", [None, 7.0, math.nan])
def test_a_run_that_says_nothing_changes_nothing(number: float | None) -> None:
    assert with_runs(report(wrong()), lambda _: number, "the interpreter") == report(wrong())


def test_a_run_that_fails_changes_nothing() -> None:
    def fails(_: Witness) -> float:
        raise NotImplementedError

    assert with_runs(report(wrong()), fails, "the interpreter") == report(wrong())


def test_elements_that_are_never_written() -> None:
    gap = wrong(Witness(sizes={"N": 2}, output="out", index={"N": 1}, spec=3.0), "coverage")
    (found,) = with_runs(report(gap), lambda _: math.nan, "the interpreter").obligations
    assert found.witness is not None and found.witness.run == "a run by the interpreter writes nothing there"
    assert with_runs(report(gap), lambda _: 1.0, "the interpreter").status is Status.UNKNOWN


@pytest.mark.parametrize("kind", ["bounds", "race", "overflow"])
def test_a_kernel_that_may_leave_its_memory_is_not_run(kind: str) -> None:
    told = report(wrong(), Obligation(kind, Status.REFUTED, PLACE))
    assert with_runs(told, lambda _: pytest.fail("it was run"), "the interpreter") == told


# -- Triton ----------------------------------------------------------------------------------

HEAD = """
import triton
import triton.language as tl
from stile_engine import cdiv, dim, kernel
N, M = dim("N"), dim("M", multiple_of=8)
ONE = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"B": 16}, grid=(cdiv(N, 16),))

@triton.jit
def helper(x):
    return tl.sigmoid(x) + 0 * tl.sum(x, 0)
"""

KERNELS = {
    "one size": (
        """
        @kernel({"out_ptr": "sigmoid(X:N)"}, **ONE)
        @triton.jit
        def f(x_ptr, out_ptr, n, B: tl.constexpr):
            o = tl.program_id(0) * B + tl.arange(0, B)
            x = tl.load(x_ptr + o, mask=o < n, other=0.0)
            tl.device_print("x", x)
            tl.store(out_ptr + o, helper(x) + 1, mask=o < n)
        """,
        True,
    ),
    "strides, a number, several programs": (
        """
        @kernel({"out_ptr": "scalar(c) * X:N M"}, inputs={"x_ptr": "X:N M"}, scalars={"m": M},
                strides={"x_ptr": ("s", 1)}, grid=(N, M // 8))
        @triton.jit
        def f(x_ptr, out_ptr, c, m, s):
            i, o = tl.program_id(0), tl.program_id(1) * 8 + tl.arange(0, 8)
            x = tl.load(x_ptr + i * s + o)
            tl.store(out_ptr + i * m + o, tl.where(o > 8, 2 * x, c * x))
        """,
        True,
    ),
    "indices that are data": (
        """
        @kernel({"out_ptr": "gather[M](X:M, ids:N)"}, inputs={"x_ptr": "X:M", "ids_ptr": "ids:N"}, assume="ids in M",
                grid=(N,))
        @triton.jit
        def f(x_ptr, ids_ptr, out_ptr):
            i = tl.program_id(0)
            tl.store(out_ptr + i, tl.load(x_ptr + tl.load(ids_ptr + i)) + 1)
        """,
        False,
    ),
    "large sizes": (
        """
        BIG = dim("BIG", 1024)
        @kernel({"out_ptr": "X:BIG"}, inputs={"x_ptr": "X:BIG"}, grid=(1,))
        @triton.jit
        def f(x_ptr, out_ptr):
            o = tl.arange(0, 1024)
            tl.store(out_ptr + o, -tl.load(x_ptr + o))
        """,
        False,
    ),
}


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is for Linux")
@pytest.mark.parametrize("what", KERNELS)
def test_refuted_kernels_are_run_at_small_sizes(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    import triton.language as tl
    from triton.runtime.jit import JITFunction

    body, is_run = KERNELS[what]
    before = [dict(vars(place)) for place in (tl, tl.core, tl.tensor, tl.math)]
    call = JITFunction.__call__
    found = check(CheckRequest("/nowhere/reruns.py", HEAD + textwrap.dedent(body)))
    (kernel,) = found.kernels
    runs = [o.witness.run for o in kernel.obligations if o.witness is not None and o.kind == "value"]
    assert kernel.status is Status.REFUTED and runs, kernel.obligations
    assert ("gives" in (runs[0] or "")) == is_run
    assert "x" not in capsys.readouterr().out
    # What the interpreter changes in Triton is put back.
    assert JITFunction.__call__ is call
    for place, own in zip((tl, tl.core, tl.tensor, tl.math), before, strict=True):
        assert {n for n, v in vars(place).items() if own.get(n) is not v} <= {"semantic"}
