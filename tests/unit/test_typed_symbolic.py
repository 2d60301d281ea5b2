"""Typed arrays over dims without a size: slices and coverage for every size, mistakes at the smallest one."""

from __future__ import annotations

import pytest

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest, KernelReport

HEAD = """
import stile_engine.numpy as tnp
from stile_engine import dim, kernel
N, M, D = dim("N", multiple_of=64), dim("M"), dim("D", 4)
"""


def checked(spec: str, body: str) -> KernelReport:
    lines = "\n".join("    " + line for line in body.strip().split("\n"))
    source = f"{HEAD}\n@kernel({spec!r}, typed=True)\ndef f(X):\n{lines}\n"
    return check(CheckRequest("kernels.py", source)).kernels[0]


@pytest.mark.parametrize(
    ("spec", "body"),
    [
        ("sum[N](X:N D)", "return X.slice(N, 0, 16).sum(N) + X.slice(N, 16, N).sum(N)"),
        ("sum[N](X:N D)", "return X.slice(N, 0, N // 2).sum(N) + X.slice(N, N // 2, N).sum(N)"),
        ("X:N D", "return X.slice(N, 0, N)"),
    ],
)
def test_slices_of_every_size(spec, body):
    found = checked(spec, body)
    assert (found.status, found.message) == (
        "proved",
        "for every N that is a multiple of 64, with at most 2**30 elements in each tensor",
    )


def tiles(first: str, second: str) -> str:
    return f"""
r = tnp.TypedResult("2 * X:N D")
r.assign(X.slice(N, {first}) * 2)
r.assign(X.slice(N, {second}) * 2)
r.done()
return r
"""


def test_two_tiles_that_cover_every_size():
    assert checked("2 * X:N D", tiles("0, 16", "16, N")).status == "proved"


def test_a_gap_is_told_at_the_smallest_size():
    found = checked("2 * X:N D", tiles("0, 16", "32, N"))
    (witness,) = [o.witness for o in found.obligations if o.witness is not None]
    assert found.status == "refuted"
    assert (witness.sizes, witness.index) == ({"N": 64}, {"N": 16, "D": 0})
    assert "#" not in (witness.set or "")


@pytest.mark.parametrize(("first", "last"), [("0", "M // 2"), ("1", "M"), ("0", "M + 1"), ("2", "1")])
def test_slices_that_some_sizes_do_not_have(first, last):
    found = checked("sum[M](X:M D)", f"return X.slice(M, {first}, {last}).sum(M)")
    assert found.status == "refuted"
    assert ("where M = 1" in found.message) == (first in "01" and last in ("M // 2", "M"))


def test_a_python_loop_over_every_size_is_not_modelled():
    body = "for j in range(0, N, 64):\n    X = X * 2\nreturn X"
    found = checked("2 * X:N D", body)
    assert found.status == "unsupported"
    assert "declare the dim with a size" in found.message
