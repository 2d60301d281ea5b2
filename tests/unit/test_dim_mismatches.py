"""When dims that meet in plain code are worth a message, and how loud it is."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from kernel_files import expectations

from stile_engine.check import check
from stile_engine.trace.report import CheckRequest, Report

HEADER = """
import numpy as np
from stile_engine import dim, kernel
M, K, N, T = dim("M", 8), dim("K", 8), dim("N", 6), dim("T", 12)
"""


def report(body: str) -> Report:
    return check(CheckRequest("/nowhere/k.py", HEADER + textwrap.dedent(body)))


def told(body: str) -> tuple[str, list[tuple[str, str]]]:
    """The verdict, and severity and message of what is said of dims."""
    found = report(body)
    (one,) = found.kernels
    return one.status.value, [(d.severity, d.message) for d in found.diagnostics if d.code == "dim-mismatch"]


def severities(body: str) -> tuple[str, list[str]]:
    status, found = told(body)
    return status, [severity for severity, _ in found]


def test_an_error_where_the_proof_has_failed() -> None:
    body = """
    @kernel("X:M K * S:M")
    def f(X, S):
        return X * S
    """
    found = report(body)
    mismatch, refutation = found.diagnostics
    assert (mismatch.code, mismatch.severity) == ("dim-mismatch", "error")
    assert mismatch.message.startswith("X runs along K where S runs along M: both have 8 elements")
    # the refutation names its nearest cause
    assert refutation.code == "not-equal"
    assert [r.location.range for r in refutation.related] == [mismatch.range]
    assert refutation.related[0].message == f"the nearest cause: {mismatch.message}"


def test_the_cause_leads_to_the_wrong_result() -> None:
    body = """
    @kernel("X:M K * S:M")
    def f(X, S):
        y = X * S
        return y + 0
    """
    mismatch, refutation = report(body).diagnostics
    assert [r.message for r in mismatch.related][-1] == "the result that is wrong"
    assert mismatch.related[-1].location.range == refutation.range


def test_a_warning_where_nothing_is_settled() -> None:
    body = """
    @kernel("X:M K * S:M")
    def f(X, S):
        return np.partition(X * S, 1)
    """
    assert severities(body) == ("unsupported", ["warning"])


def test_a_hint_where_the_proof_succeeds() -> None:
    body = """
    @kernel("sum[M](X:M) + sum[K](Y:K)")
    def f(X, Y):
        return (X + Y).sum()
    """
    status, ((severity, message),) = told(body)
    assert (status, severity) == ("proved", "hint")
    assert message.endswith("the kernel is proved as it is")


def test_what_the_spec_aligns_is_meant() -> None:
    body = """
    @kernel("X:M K + at[M := K](S:M)")
    def f(X, S):
        return X + S
    """
    assert told(body) == ("proved", [])
    wrong = body.replace("X + S", "X - S")
    assert told(wrong) == ("refuted", [])


@pytest.mark.parametrize(
    "spec",
    ["at[T := T + 1](X:T) - X:T where T < 11", "(X:T - at[T := T + 1](X:T)) where T < 11"],
)
def test_shifts_of_the_spec_are_meant(spec: str) -> None:
    body = f"""
    @kernel("{spec}")
    def f(X):
        out = np.zeros_like(X)
        out[:-1] = X[1:] - X[:-1]
        return out
    """
    assert severities(body)[1] == []


def test_sums_of_tiles_are_no_mismatch() -> None:
    body = """
    @kernel("sum[T](X:T * Y:T)")
    def f(X, Y):
        lanes = np.zeros(4, np.float32)
        for t in range(0, 12, 4):
            lanes = lanes + X[t : t + 4] * Y[t : t + 4]
        return lanes.sum()
    """
    assert told(body) == ("proved", [])
    # a mistake elsewhere does not make them one
    status, found = told(body.replace("lanes.sum()", "2 * lanes.sum()"))
    assert status == "refuted" and all(severity == "hint" for severity, _ in found)


def test_tiles_that_do_not_fit_are_an_error_in_a_product() -> None:
    body = """
    @kernel("sum[T](X:T * Y:T)")
    def f(X, Y):
        lanes = np.zeros(4, np.float32)
        for t in range(0, 8, 4):
            lanes = lanes + X[t : t + 4] * Y[t + 4 : t + 8]
        return lanes.sum()
    """
    status, found = told(body)
    assert (status, found[0][0]) == ("refuted", "error")
    assert "T[0:4] where Y[t + 4 : t + 8] runs along T[4:8]: these are different parts of T" in found[0][1]


def test_other_places_are_hints_beside_other_dims() -> None:
    body = """
    @kernel("X:M K * S:M")
    def f(X, S):
        mixed = X[:, :4] * X[:, 4:]
        return X * S + 0 * mixed.sum()
    """
    status, found = told(body)
    assert status == "refuted"
    assert sorted(severity for severity, _ in found) == ["error", "hint"]


def test_results_over_other_dims() -> None:
    body = """
    @kernel("exp(X:M K)")
    def f(X):
        return np.exp(X).T
    """
    status, ((severity, message),) = told(body)
    assert (status, severity) == ("refuted", "error")
    assert message.startswith("the result runs along K where the spec has M, M where the spec has K")


def test_constants_and_positions_fit_anything() -> None:
    body = """
    @kernel("where(K <= M, X:M K, 0) + 1")
    def f(X):
        position = np.arange(8)
        return np.where(position[None, :] <= position[:, None], X, np.zeros((8, 8))) + np.ones((8, 8))
    """
    assert told(body) == ("proved", [])


def test_heads_and_groups_fit_other_dims() -> None:
    body = """
    H, E, G = dim("H", 4), dim("E", 32), dim("G", 2)

    @kernel("X:M E * at[H := E // 8](S:H) * at[K := E % 8](W:K)")
    def f(X, S, W):
        heads = X.reshape(8, 4, 8) * S[:, None] * W
        return heads.reshape(8, 32)
    """
    assert told(body) == ("proved", [])


def test_a_hint_can_be_silenced_and_the_silence_is_used() -> None:
    body = """
    @kernel("sum[M](X:M) + sum[K](Y:K)")
    def f(X, Y):
        return (X + Y).sum()  # stile: ignore[dim-mismatch] summed anyway
    """
    found = report(body)
    assert [k.status.value for k in found.kernels] == ["proved"] and found.diagnostics == ()


def test_hints_in_the_kernels_of_the_repository() -> None:
    """Each is written down beside its line, and ``test_samples`` finds no other."""
    root = Path(__file__).parents[2]
    right = hints = 0
    for path in [*(root / "samples").glob("*.py"), *(root / "tests" / "kernels").glob("*.py")]:
        verdicts, diagnostics = expectations(path.read_text())
        right += sum(v.what == "proved" for v in verdicts)
        hints += sum(d.what == "hint[dim-mismatch]" for d in diagnostics)
    assert right >= 200 and hints <= right // 40
