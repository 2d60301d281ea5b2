"""Typed arrays while a kernel is checked: violations are recorded, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import stile_engine.numpy as tnp
from stile_engine import UnsupportedError, dim, scope
from stile_engine.errors import DimError
from stile_engine.trace.recording import Recorder
from stile_engine.typed.session import checking

M, N = dim("M", 4), dim("N", 6)


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    with scope():
        dim("M", 4)
        dim("N", 6)
        yield


def text_at(path: str, lineno: int, col: int, end_col: int) -> str:
    with open(path) as file:
        return file.read().splitlines()[lineno - 1].encode()[col:end_col].decode()


def test_a_violation_poisons_only_what_depends_on_it() -> None:
    recorder = Recorder()
    with checking(recorder):
        x, y = tnp.random.randn(M, N, name="X"), tnp.random.randn(M, name="Y")
        wrong = x + y
        tnp.exp(wrong * 2).sum(N).assert_equivalent("X:M N")
        (x * 2).assert_equivalent("2 * X:M N")
        y.sum(N)
    assert [v.code for v in recorder.violations] == ["dim-mismatch", "dim-mismatch"]
    assert [c.spec_text for c in recorder.claims] == ["2 * X:M N"]


def test_the_site_is_the_operation_to_the_column() -> None:
    recorder = Recorder()
    with checking(recorder):
        x, y = tnp.random.randn(M, N, name="X"), tnp.random.randn(M, name="Y")
        _ = 1 + tnp.exp((x - 1) * y)
    (violation,) = recorder.violations
    assert violation.site is not None
    site = violation.site
    assert text_at(site.path, site.lineno, site.col, site.end_col) == "(x - 1) * y"
    parts = [text_at(s.path, s.lineno, s.col, s.end_col) for s, _ in violation.related]
    assert parts == ["x - 1", 'tnp.random.randn(M, name="Y")']


def test_a_mistake_in_a_loop_is_one_mistake() -> None:
    recorder = Recorder()
    with checking(recorder):
        x = tnp.random.randn(M, N, name="X")
        for m in range(3):
            x + x.slice(M, m, m + 1)
    assert len(recorder.violations) == 1


def test_values_are_recorded_for_their_expressions() -> None:
    recorder = Recorder()
    with checking(recorder):
        x = tnp.random.randn(M, N, name="X")
        for m in range(0, M, 2):
            tile = x.slice(M, m, m + 2) * 3
    assert tile.poisoned is False
    found = {text_at(s.path, s.lineno, s.col, s.end_col): r for s, r in recorder.values.items()}
    assert found["x.slice(M, m, m + 2) * 3"].value.shape_type == "M[2:4] N"
    assert found["x.slice(M, m, m + 2) * 3"].count == 2
    assert found["x.slice(M, m, m + 2) * 3"].expr_type() == "X:M[2:4] N * 3"


def test_open_results_are_closed_at_the_end() -> None:
    recorder = Recorder()
    with checking(recorder):
        x = tnp.random.randn(M, N, name="X")
        result = tnp.TypedResult("X:M N")
        result.assign(x.slice(M, 0, 2))
    (coverage,) = recorder.coverage
    assert coverage.gap_point == {"M": 2, "N": 0}
    assert [c.actual.shape_type for c in recorder.claims] == ["M[0:2] N"]


def test_a_covered_result_is_one_claim_with_its_parts() -> None:
    recorder = Recorder()
    with checking(recorder):
        x = tnp.random.randn(M, N, name="X")
        result = tnp.TypedResult("X:M N")
        for m in range(M):
            result.assign(x.slice(M, m, m + 1))
        result.done()
    (claim,) = recorder.claims
    assert claim.actual.shape_type == "M N"
    assert [p.actual.shape_type for p in claim.parts] == ["M[0:1] N", "M[1:2] N", "M[2:3] N", "M[3:4] N"]


def test_a_tile_that_does_not_fit_is_the_only_thing_said_of_the_result() -> None:
    recorder = Recorder()
    with checking(recorder):
        x = tnp.random.randn(M, N, name="X")
        result = tnp.TypedResult("sum[N](X:M N)")
        result.assign(x)
        result.done()
    assert [v.code for v in recorder.violations] == ["unreduced-dim"]
    assert recorder.coverage == []


def test_a_poisoned_tile_leaves_the_others_checked() -> None:
    recorder = Recorder()
    with checking(recorder):
        x = tnp.random.randn(M, N, name="X")
        result = tnp.TypedResult("X:M N")
        result.assign(x.slice(M, 0, 2) + x.slice(M, 2, 4))
        result.assign(x.slice(M, 2, 4))
        result.done()
    assert len(recorder.violations) == 1
    assert recorder.coverage[0].complete
    assert [c.actual.shape_type for c in recorder.claims] == ["M[2:4] N"]


def test_kernels_hold_no_numbers_while_they_are_checked() -> None:
    with checking(Recorder()):
        x = tnp.random.randn(M, N, name="X")
        with pytest.raises(UnsupportedError):
            _ = x.arr
    with checking(Recorder(), carries_data=True):
        assert tnp.random.randn(M, N, name="X").arr.shape == (4, 6)


def test_two_inputs_cannot_share_a_name() -> None:
    with checking(Recorder()):
        for _ in range(2):
            tnp.random.randn(M, N, name="X")
        with pytest.raises(DimError, match="already made in line"):
            tnp.random.randn(M, N, name="X")


def test_inputs_count_from_zero_in_each_kernel() -> None:
    for _ in range(2):
        with checking(recorder := Recorder()):
            first, second = tnp.random.randn(M, N), tnp.random.randn(M, N)
            (first - second).assert_equivalent("M N - M N")
        (claim,) = recorder.claims
        assert str(claim.actual.node.operands[0].tensor.name) == "0"  # type: ignore[attr-defined]


def test_readings_of_literals_are_recorded() -> None:
    recorder = Recorder()
    with checking(recorder):
        tnp.random.randn(M, N, name="X") * 0.3333333333333333 + 0.5
    assert [(r.written, r.read) for r in recorder.readings.values()] == [("0.3333333333333333", "1 / 3")]
