"""Counterexamples: the smallest sizes at which the two differ, the nearest cause, and no search without an end."""

from __future__ import annotations

import json
import time

import pytest
from command_line import run as stile
from repro_runs import number, run, same

from stile_engine.command.batch import prove_lines
from stile_engine.index.dims import Dim
from stile_engine.pairs import prove
from stile_engine.proof.verdict import Status

N, M, TILED = Dim("N"), Dim("M"), Dim("N", multiple_of=64)

SMALLEST = {
    "the tail of a tiled sum": ("sum[N](X:N)", "sum[N](X:N where N < 64 * (size(N) // 64))", {"N": N}, {"N": 1}),
    "the odd tile": ("sum[N](X:N)", "sum[N](X:N where N < 128 * (size(N) // 128))", {"N": TILED}, {"N": 64}),
    "a fixed bound": ("sum[N](X:N)", "sum[N](X:N where N < 64)", {"N": N}, {"N": 65}),
    "a bound far out": ("where(N < 5000, X:N, 0)", "X:N", {"N": N}, {"N": 5001}),
    "one index in the middle": ("max[N where N != 100](X:N)", "max[N](X:N)", {"N": N}, {"N": 101}),
    "one index from the end": ("sum[N where N + 7 != size(N)](X:N)", "sum[N](X:N)", {"N": N}, {"N": 7}),
    "a number for a size": ("sum[N](X:N) / 3", "mean[N](X:N)", {"N": N}, {"N": 1}),
    "two sizes": ("(X:N M, Y:M where M != N -> N)", "(X:N M, Y:M -> N)", {"N": N, "M": M}, {"N": 1, "M": 1}),
    "inside a softmax": (
        "softmax[N where N < size(N) - 2](X:N) * 1",
        "where(N < size(N) - 2, exp(X:N) / sum[N](exp(X:N)), 0)",
        {"N": N},
        {"N": 1},  # the softmax of nothing
    ),
    "an element that has no value": ("at[N := N + 3](X:N) where N < 2", "X:N where N < 0", {"N": N}, {"N": 1}),
}


@pytest.mark.parametrize("title", SMALLEST)
def test_symbolic_sizes_are_refuted_at_the_smallest_that_fail(title: str) -> None:
    first, second, dims, sizes = SMALLEST[title]
    found = prove(first, second, dims)
    assert found.status is Status.REFUTED, found
    assert found.witness is not None and found.witness.sizes == sizes
    if found.witness.repro is not None:
        ((kernel, spec),) = run([found.witness.repro])
        assert same(kernel, number(found.witness.kernel)) and same(spec, number(found.witness.spec))
        assert not same(kernel, spec)


CAUSES = {
    "kernel is 2 × spec": ("2 * sum[Q](X:Q)", "sum[Q](X:Q)"),
    "kernel is (1/3) × spec": ("X:Q / 3", "X:Q"),
    "kernel is spec with the opposite sign": ("X:Q - Y:Q", "Y:Q - X:Q"),
    "kernel never visits 4 <= Q <= 5": ("sum[Q where Q < 4](exp(X:Q))", "sum[Q](exp(X:Q))"),
    "kernel also visits Q = 0": ("max[Q](X:Q)", "max[Q where Q > 0](X:Q)"),
    "kernel counts Q = 3 twice": ("sum[Q where Q < 4](X:Q) + sum[Q where Q >= 3](X:Q)", "sum[Q](X:Q)"),
    "kernel counts 2 <= Q <= 3 twice": ("sum[Q where Q < 4](X:Q) + sum[Q where Q >= 2](X:Q)", "sum[Q](X:Q)"),
    "kernel has X and Y swapped": ("X:Q / (Y:Q ** 2 + 1)", "Y:Q / (X:Q ** 2 + 1)"),
    "kernel reads X with Q and P swapped": ("at[Q := P](exp(X:Q P) where Q == P) * 1", None),
    "kernel has Y:Q with the opposite sign": ("X:Q - Y:Q + 1", "X:Q + Y:Q + 1"),
    "kernel lacks the term Y:Q": ("X:Q + 1", "X:Q + Y:Q + 1"),
    "kernel has 2 * Y:Q for 3 * Y:Q": ("X:Q + 2 * Y:Q", "X:Q + 3 * Y:Q"),
    "kernel adds sums of exponentials under different maxima: exp(m_old - m_new) is missing": (
        "sum[Q where Q < 3](exp(X:Q - max[Q where Q < 3](X:Q))) + sum[Q where Q >= 3](exp(X:Q - max[Q](X:Q)))",
        "sum[Q](exp(X:Q - max[Q](X:Q)))",
    ),
}


@pytest.mark.parametrize("cause", [c for c, (_, spec) in CAUSES.items() if spec is not None])
def test_the_nearest_cause_is_named(cause: str) -> None:
    first, second = CAUSES[cause]
    found = prove(first, second or "", {"Q": 6})
    assert found.status is Status.REFUTED
    assert [o.detail for o in found.obligations if o.kind == "value"] == [cause]


def test_indices_that_change_places_are_named() -> None:
    found = prove("(at[A := C](X:A B) -> C B) * 1", "at[B := C](at[A := B](X:A B)) * 1", {"A": 3, "B": 3, "C": 3})
    assert found.status is Status.REFUTED
    found = prove("sum[A](X:A B * Y:A)", "sum[B](X:B A * Y:B)", {"A": 3, "B": 3})
    assert found.status is Status.REFUTED


HOSTILE = " && ".join(f"!(({3 * k + 7} * A + {5 * k + 11} * B + {k + 3} * C) % {97 + 2 * k} == {k})" for k in range(7))


@pytest.mark.parametrize("size", [100, 1000, 100_000])
def test_sets_without_an_end_end(size: int) -> None:
    began = time.process_time()
    found = prove(
        f"sum[A](X:A B C where {HOSTILE})",
        f"sum[A](X:A B C where {HOSTILE} && A != 77)",
        {"A": size, "B": size, "C": size},
    )
    assert found.status in (Status.UNKNOWN, Status.REFUTED)
    assert time.process_time() - began < 60  # far above what it takes: the budget counts operations


def test_after_its_limit_the_set_library_answers_again() -> None:
    for _ in range(2):
        prove(f"sum[A](X:A where {HOSTILE.replace('B', 'A').replace('C', 'A')})", "X:A * 0", {"A": 10**6})
        assert prove("sum[A](X:A)", "sum[A where A < 3](X:A) + sum[A where A >= 3](X:A)", {"A": 9}).status == "proved"


def test_a_wide_product_of_symbolic_sizes_is_not_counted_one_by_one() -> None:
    found = prove("X:N + 0 * sum[N where N == 300](exp(X:N))", "X:N + sum[N where N == 300](exp(X:N))", {"N": N})
    assert found.status is Status.REFUTED
    assert found.witness is not None and found.witness.sizes == {"N": 301}


HARD = {
    "one index of many": ("sum[N where N != 777](exp(X:N))", "sum[N](exp(X:N))", {"N": 1000}),
    "one output of many": ("X:N * 2 where N != 3999", "X:N * 2", {"N": 4000}),
    "one sign": ("abs(X:N)", "maximum(X:N, -X:N / 2)", {"N": 5}),
    "large values": ("minimum(X:N, 100)", "X:N", {"N": 5}),
    "very large values": ("relu(X:N - 5000)", "0 * X:N", {"N": 5}),
    "one input far above another": ("maximum(X:N, Y:N - 500)", "X:N", {"N": 5}),
    "underflow": ("exp(X:N - 1000)", "0 * X:N", {"N": 3}),
    "a tiny term": ("X:N + 1e-30", "X:N", {"N": 3}),
    "streaming logsumexp without its rescaling": (
        "log(sum[N where N < 16](exp(X:N - max[N where N < 16](X:N)))"
        " + sum[N where N >= 16](exp(X:N - max[N](X:N)))) + max[N](X:N)",
        "logsumexp[N](X:N)",
        {"N": 32},
    ),
    "large sizes": ("(X:Q D, Y:K D where D != 9 -> Q K)", "(X:Q D, Y:K D -> Q K)", {"Q": 4096, "K": 4096, "D": 4096}),
    "zero only": ("X:N / X:N", "where(N < 9, 1, 0) * X:N ** 2 / X:N ** 2 + 0.001", {"N": 3}),
}


@pytest.mark.parametrize("title", HARD)
def test_what_only_some_inputs_show(title: str) -> None:
    first, second, dims = HARD[title]
    found = prove(first, second, dims)
    assert found.status is Status.REFUTED, found
    assert found.witness is not None and found.witness.repro is not None


def test_a_size_and_an_index_of_one_name_are_both_shown() -> None:
    found = prove("where(N < 5000, X:N, 0)", "X:N", {"N": N})
    assert found.witness is not None
    assert found.witness.places == {"N": 5000, "size(N)": 5001}


def test_a_proof_for_every_size_says_so() -> None:
    found = prove("sum[N](X:N)", "sum[N where N < 64](X:N) + sum[N where N >= 64](X:N)", {"N": TILED})
    assert found.status is Status.PROVED
    (value,) = (o for o in found.obligations if o.kind == "value")
    assert value.detail == "for every N that is a multiple of 64, with at most 2**30 elements in each tensor"


@pytest.mark.parametrize(
    ("size", "status"), [("N=64*k", "✓ proved"), ("N=k", "✗ refuted"), ("N=128", "✓ proved"), ("N=96", "✗ refuted")]
)
def test_sizes_on_the_command_line_may_be_symbolic(size: str, status: str) -> None:
    _, output, _ = stile("prove", "sum[N](X:N)", "sum[N where N < 64 * (size(N) // 64)](X:N)", "--dim", size)
    assert status in output


def test_sizes_in_a_batch_may_be_symbolic() -> None:
    def line(size: object) -> str:
        a, b = "sum[N](X:N)", "sum[N where N < 64 * (size(N) // 64)](X:N)"
        return json.dumps({"id": 1, "dims": {"N": size}, "a": a, "b": b})

    answers = [json.loads(x)["status"] for x in prove_lines(map(line, ["64*k", "k", 128, 96, "64*j", "0*k"]))]
    assert answers == ["proved", "refuted", "proved", "refuted", "error", "error"]


def test_what_is_not_modelled_is_still_refuted_by_numbers() -> None:
    first, second = "Y:N * where(N < 2, -inf, X:N)", "Y:N * where(N < 2, -inf, X:N + 1)"
    assert prove(first, second, {"N": 4}).status is Status.REFUTED
    assert prove(first, first.replace("Y:N *", "1 * Y:N *"), {"N": 4}).status is not Status.REFUTED
