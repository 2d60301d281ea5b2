"""Kernels whose dims have equal sizes, looked at where they have different ones."""

from __future__ import annotations

from stile_engine.check import check
from stile_engine.checking.other_sizes import told_apart
from stile_engine.index.dims import dim, resized
from stile_engine.index.registry import scope
from stile_engine.trace.report import CheckRequest, Report

HEAD = """
import numpy as np
from stile_engine import dim, kernel
Q, N, D = dim("Q", 8), dim("N", 8), dim("D", 3)
"""


def checked(spec: str, parameters: str, body: str, head: str = HEAD) -> Report:
    lines = "\n".join("    " + line for line in body.strip().split("\n"))
    return check(CheckRequest("kernels.py", f"{head}\n@kernel({spec!r})\ndef f({parameters}):\n{lines}\n"))


def hints(report: Report) -> list[str]:
    assert report.kernels[0].status == "proved"
    return [d.message for d in report.diagnostics if d.code == "dim-mismatch" and "equal sizes" in d.message]


def test_a_size_of_the_wrong_axis_is_told() -> None:
    (message,) = hints(checked("mean[N](X:Q N)", "X", "return X.sum(axis=1) / X.shape[0]"))
    assert "with N = 16 it differs from its spec" in message


def test_the_size_of_the_right_axis_is_not() -> None:
    assert hints(checked("mean[N](X:Q N)", "X", "return X.sum(axis=1) / X.shape[1]")) == []


def test_sizes_that_are_written_into_the_kernel_are_its_own() -> None:
    assert hints(checked("X:Q N", "X", "out = np.zeros((8, 8))\nout[:] = X\nreturn out")) == []


def test_dims_of_the_module_have_the_other_sizes_as_well() -> None:
    body = "return np.concatenate([X[:, j : j + T] for j in range(0, N, T)], axis=1)"
    assert hints(checked("X:Q N", "X", body, HEAD + "T = N // 2\n")) == []
    wrong = "return X.sum(axis=1) / (2 * T)"
    assert len(hints(checked("mean[N](X:Q N)", "X", wrong, HEAD + "T = Q // 2\n"))) == 1


def test_a_module_that_insists_on_its_sizes_says_nothing() -> None:
    head = HEAD + "assert N == 8\n"
    assert hints(checked("mean[N](X:Q N)", "X", "return X.sum(axis=1) / X.shape[1]", head)) == []


def test_dims_of_different_sizes_are_not_looked_at_again() -> None:
    assert told_apart({"M": 4, "N": 6, "every tensor": "<= 2**30 elements"}) == {}


def test_other_sizes_are_multiples_that_nothing_else_has() -> None:
    assert told_apart({"a": 8, "b": 8, "c": 16, "d": 8}) == {"b": 24, "d": 32}
    assert told_apart({"a": 1, "b": 1}) == {}
    assert told_apart({"a": 4096, "b": 4096}) == {}


def test_only_declarations_inside_are_resized() -> None:
    with scope(clear=True), resized({"N": 24}):
        assert (int(dim("N", 8)), int(dim("M", 8))) == (24, 8)
        assert dim("N").concrete is None
    with scope(clear=True):
        assert int(dim("N", 8)) == 8
