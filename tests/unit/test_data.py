"""Data as indices, predicates over data, declared facts: equations that hold, and ones that tempt a prover.

Of a false one it is asked that it is refuted with a confirmed counterexample, and that it is not proved where
evaluation is switched off.
"""

from __future__ import annotations

from unittest import mock

import pytest

from stile_engine import prove
from stile_engine.proof import refute
from stile_engine.proof.verdict import Status
from stile_engine.spec.lower import SpecError

SIZES = {"E": 3, "D": 2, "F": 2, "T": 6, "S": 8, "N": 5, "K": 4, "q": 3, "n": 6, "b": 2, "P": 3, "B": 2, "G": 4, "A": 3}

Case = tuple[str, str, tuple[str, ...]]

TRUE: dict[str, Case] = {
    "embedding": ("gather[E](2 * W:E D F, eid:T)", "2 * gather[E](W:E D F, eid:T)", ()),
    "a gather out of a sum": (
        "(X:T D, gather[E](W:E D F, eid:T) -> T F)",
        "gather[E]((X:T D, W:E D F -> E T F), eid:T)",
        (),
    ),
    "gather of its own dim": ("gather[K](X:K, I:K) + gather[K](X:K, I:K)", "2 * gather[K](X:K, I:K)", ()),
    "at is gather": ("at[K := I:T](X:K)", "gather[K](X:K, I:T)", ()),
    "at an offset": (
        "at[K := I:T + 1](X:K)",
        "gather[K](at[K := K + 1](X:K) where K < 3, I:T)",
        ("I:T < 3", "I:T >= 0"),
    ),
    "one-hot product": ("sum[K](X:K where K == I:T)", "gather[K](X:K, I:T)", ("I in K",)),
    "round trip": ("gather[K](scatter[K](X:K, I:K), I:K)", "X:K", ("I permutation of K",)),
    "round trip back": ("scatter[K](gather[K](X:K, I:K), I:K)", "X:K", ("I permutation of K",)),
    "round trip of unique places": ("gather[S](scatter[S](X:T, pos:T, C:S), pos:T)", "X:T", ("pos unique", "pos in S")),
    "two permutations": (
        "gather[K](gather[K](scatter[K](scatter[K](X:K, I:K), J:K), J:K), I:K)",
        "X:K",
        ("I permutation of K", "J permutation of K"),
    ),
    "a permutation keeps a sum": ("sum[K](exp(gather[K](X:K, I:K)))", "sum[K](exp(X:K))", ("I permutation of K",)),
    "a permutation keeps a maximum": ("max[K](gather[K](X:K, I:K))", "max[K](X:K)", ("I permutation of K",)),
    "a permutation hits every place": ("sum[T](scatter[T, sum](1 + 0 * X:T, I:T))", "6", ("I permutation of T",)),
    "unique places need no sum": ("scatter[S, sum](X:T, pos:T)", "scatter[S](X:T, pos:T)", ("pos unique",)),
    "repeats add up": (
        "scatter[S, sum](X:T, pos:T) + scatter[S, sum](Y:T, pos:T)",
        "scatter[S, sum](X:T + Y:T, pos:T)",
        (),
    ),
    "a scatter in two halves": (
        "scatter[S, sum](X:T where T < 2, pos:T) + scatter[S, sum](X:T where T >= 2, pos:T)",
        "scatter[S, sum](X:T, pos:T)",
        (),
    ),
    "what is scattered is summed": ("sum[S](scatter[S, sum](X:T, pos:T))", "sum[T](X:T)", ("pos in S",)),
    "scatter is transposed gather": (
        "sum[S](scatter[S, sum](X:T, pos:T) * Y:S)",
        "sum[T](X:T * gather[S](Y:S, pos:T))",
        ("pos in S",),
    ),
    "cache": ("scatter[S](Kp:T D, pos:T, cache:S D)", "scatter[S](Kp:T D, pos:T, cache:S D)", ("pos unique",)),
    "cache at new places": (
        "gather[S](scatter[S](Kp:T D, pos:T, cache:S D), pos:T)",
        "Kp:T D",
        ("pos unique", "pos in S"),
    ),
    "cache elsewhere": (
        "scatter[S](Kp:T D, pos:T, cache:S D) where S < 2",
        "cache:S D where S < 2",
        ("pos unique", "pos:T >= 2", "pos in S"),
    ),
    "experts one by one": (
        "sum[E](W:E D where eid:T == E)",
        "gather[E](W:E D, eid:T)",
        ("eid in E",),
    ),
    "ragged softmax": (
        "softmax[n where n < len:b](S:b n)",
        "(exp(S:b n) where n < len:b) / sum[n where n < len:b](exp(S:b n))",
        ("len:b >= 1",),
    ),
    "ragged softmax with its maximum": (
        "softmax[n where n < len:b](S:b n)",
        "let m = max[n where n < len:b](S:b n) in "
        "(exp(S:b n - m) where n < len:b) / sum[n where n < len:b](exp(S:b n - m))",
        ("len:b >= 1",),
    ),
    "segments": (
        "softmax[n where seg:q == segk:n](S:q n) where seg:q == segk:n",
        "let m = max[n where seg:q == segk:n](S:q n) in "
        "(exp(S:q n - m) / sum[n where seg:q == segk:n](exp(S:q n - m)) where seg:q == segk:n)",
        (),
    ),
    "a full length masks nothing": ("sum[n where n < len:b](S:b n)", "sum[n](S:b n)", ("len:b == 6",)),
    "lengths that are ordered": (
        "sum[n where n < lo:b](S:b n) + sum[n where lo:b <= n < hi:b](S:b n)",
        "sum[n where n < hi:b](S:b n)",
        ("lo:b <= hi:b",),
    ),
    "linked from both sides": ("sum[n where lo:n == hi:n](X:n)", "sum[n](X:n)", ("lo:n <= hi:n", "hi:n <= lo:n")),
    "relu by a comparison": ("where(X:N > 0, X:N, 0)", "relu(X:N)", ()),
    "relu by the other one": ("where(X:N >= 0, X:N, 0)", "relu(X:N)", ()),
    "one condition": ("where(0 < 2 * X:N, Y:N, 0)", "where(!(X:N <= 0), Y:N, 0)", ()),
    "complement": ("where(X:N > 0, Y:N, 0) + where(X:N <= 0, Y:N, 0)", "Y:N", ()),
    "three cases": (
        "where(X:N > 0, Y:N, 0) + where(X:N == 0, Y:N, 0) + where(X:N < 0, Y:N, 0)",
        "Y:N",
        (),
    ),
    "maximum by a comparison": ("where(X:N > Y:N, X:N, Y:N)", "maximum(X:N, Y:N)", ()),
    "where it is zero": ("where(X:N == 0, 0, X:N)", "X:N", ()),
    "positive": ("abs(X:N) + sqrt(X:N ** 2)", "2 * X:N", ("X positive",)),
    "nonnegative": ("relu(X:N)", "X:N", ("X nonnegative",)),
    "a positive factor": ("max[n](X:b * S:b n)", "X:b * max[n](S:b n)", ("X positive",)),
    "a positive comparison": ("where(X:N > 0, Y:N, 0)", "Y:N", ("X:N > 0",)),
    "divided by nonzero": ("X:N / X:N", "1 + 0 * X:N", ("X nonzero",)),
    "pages": (
        "at[P := page:n // 2](K:P B D) where n < 6",
        "at[P := page:n // 2](K:P B D)",
        ("page:n < 6", "page:n >= 0"),
    ),
}

FALSE: dict[str, Case] = {
    "gather of its own dim as constant": ("gather[K](X:K, I:K)", "X:K", ("I in K",)),
    "gather of its own dim as constant in a sum": ("sum[K](gather[K](X:K, I:K))", "sum[K](X:K)", ("I in K",)),
    "gathered row as invariant": ("sum[T](gather[K](X:K, I:T))", "6 * sum[K](X:K)", ("I in K",)),
    "gather out of a maximum": ("max[T](gather[K](X:K, I:T))", "max[K](X:K)", ("I in K",)),
    "round trip without a permutation": ("gather[K](scatter[K, sum](X:K, I:K), I:K)", "X:K", ("I in K",)),
    "the wrong permutation": (
        "gather[K](scatter[K](X:K, I:K), J:K)",
        "X:K",
        ("I permutation of K", "J permutation of K"),
    ),
    "a permutation twice": ("gather[K](gather[K](X:K, I:K), I:K)", "X:K", ("I permutation of K",)),
    "a permutation out of a product": (
        "sum[K](gather[K](X:K, I:K) * Y:K)",
        "sum[K](X:K * Y:K)",
        ("I permutation of K",),
    ),
    "part of a permutation": (
        "sum[K where K < 2](gather[K](X:K, I:K))",
        "sum[K where K < 2](X:K)",
        ("I permutation of K",),
    ),
    "overwritten instead of added": ("scatter[S](X:T, pos:T)", "scatter[S, sum](X:T, pos:T)", ("pos in S",)),
    "added to the base": (
        "scatter[S, sum](X:T, pos:T, C:S)",
        "scatter[S](X:T, pos:T, C:S)",
        ("pos unique", "pos in S"),
    ),
    "the base is lost": ("scatter[S](X:T, pos:T)", "scatter[S](X:T, pos:T, C:S)", ("pos unique", "pos in S")),
    "off by one place": ("at[K := I:T](X:K)", "at[K := I:T + 1](X:K)", ("I:T < 3", "I:T >= 0")),
    "ragged length off by one": (
        "sum[n where n < len:b](S:b n)",
        "sum[n where n <= len:b](S:b n)",
        ("len:b < 6", "len:b >= 0"),
    ),
    "ragged length as full": ("sum[n where n < len:b](S:b n)", "sum[n](S:b n)", ("len:b >= 1", "len:b <= 6")),
    "length of another row": (
        "sum[n where n < len:b](S:b n)",
        "sum[n where n < len:B](S:b n) where b == B",
        ("len:b >= 0",),
    ),
    "lengths out of order": (
        "sum[n where n < lo:b](S:b n) + sum[n where lo:b <= n < hi:b](S:b n)",
        "sum[n where n < hi:b](S:b n)",
        ("lo:b <= 6", "hi:b <= 6", "lo:b >= 0", "hi:b >= 0"),
    ),
    "comparison turned round": ("where(X:N <= 0, X:N, 0)", "relu(X:N)", ()),
    "comparison with another number": ("where(X:N > 1, X:N, 0)", "where(X:N > 0, X:N, 0)", ()),
    "equality as order": ("where(X:N > 0, Y:N, 0)", "where(X:N >= 0, Y:N, 0)", ()),
    "signs are forgotten": ("abs(X:N)", "X:N", ()),
    "sorted is not the identity": ("gather[K](X:K, I:K)", "X:K", ("I sorted", "I in K")),
    "unique is no permutation": ("sum[T](gather[S](X:S, pos:T))", "sum[S](X:S)", ("pos unique", "pos in S")),
    "segments ignored": (
        "sum[n where seg:q == segk:n](S:q n)",
        "sum[n where seg:q >= segk:n](S:q n)",
        (),
    ),
}


SETS_DIFFER = frozenset({"length of another row"})
"""False because dims differ: there is nothing to evaluate."""


@pytest.mark.parametrize("name", TRUE)
def test_true(name: str) -> None:
    left, right, facts = TRUE[name]
    for actual, spec in ((left, right), (right, left)):
        found = prove(actual, spec, dims=SIZES, assume=facts)
        assert found.status is Status.PROVED, (found.obligations, found.difference)


@pytest.mark.parametrize("name", FALSE)
def test_false(name: str) -> None:
    left, right, facts = FALSE[name]
    found = prove(left, right, dims=SIZES, assume=facts)
    assert found.status not in (Status.PROVED, Status.ASSUMED)
    assert found.status is Status.REFUTED, found.obligations
    assert found.witness is not None or name in SETS_DIFFER


@pytest.mark.parametrize("name", FALSE)
def test_false_without_evaluation(name: str) -> None:
    left, right, facts = FALSE[name]
    with mock.patch.object(refute, "search", lambda *_a, **_k: refute.Outcome(None, 20)):
        found = prove(left, right, dims=SIZES, assume=facts, details=False)
    assert found.status not in (Status.PROVED, Status.ASSUMED)


@pytest.mark.parametrize(
    "facts",
    [
        ("len:b <= 3", "len:b >= 5"),
        ("len:b <= b", "len:b > 2 * b"),
        ("lo:b < hi:b", "hi:b <= lo:b"),
        ("I permutation of K", "I:K >= 1"),
        ("X positive", "X:b < 0"),
        ("pos unique", "pos in B"),
    ],
)
def test_contradicting_facts_are_an_error(facts: tuple[str, ...]) -> None:
    text = (
        "sum[n where lo:b <= n < hi:b && n < len:b](S:b n) + X:b + sum[K](at[K := I:K](Y:K))"
        " + sum[T](at[B := pos:T](Z:B))"
    )
    assert prove(text, text, dims=SIZES).status is Status.PROVED
    found = prove(text, text, dims=SIZES, assume=facts)
    assert found.status is Status.ERROR
    assert "contradict" in (found.obligations[0].detail or "")


@pytest.mark.parametrize("bound", ["pos:T <= 2", "pos:T >= 2"])
def test_unique_data_without_end_contradict_nothing(bound: str) -> None:
    text = "scatter[S](X:T, pos:T, C:S)"
    assert prove(text, text, dims=SIZES, assume=("pos unique", bound)).status is Status.PROVED


def test_linked_inputs_are_made_up_together() -> None:
    found = prove("gather[K](X:K, I:n)", "gather[K](X:K, J:n)", dims=SIZES, assume=("I:n <= J:n", "J:n <= I:n"))
    assert found.status is not Status.REFUTED


def test_facts_that_nothing_was_found_to_satisfy_prove_nothing() -> None:
    facts = ("I sorted", "I:K != K", "I unique", "I in K")  # only the identity is sorted and without repeats
    found = prove("gather[K](X:K, I:K)", "gather[K](X:K, I:K)", dims=SIZES, assume=facts)
    assert found.status is Status.UNKNOWN
    assert any("no contents of I" in (o.detail or "") for o in found.obligations)


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("J in K", "no label of the spec"),
        ("I in Z", "not a dim"),
        ("S unique", "not integer data"),
        ("I permutation of T", "has size"),
        ("I is nice", "expected 'I in D'"),
        ("len:T < 3", "expected len:b"),
        ("X:K > 1", "comparison with 0"),
    ],
)
def test_facts_that_say_nothing(fact: str, message: str) -> None:
    text = "gather[K](X:K, I:K) + sum[n where n < len:b](S:b n)"
    with pytest.raises(SpecError) as caught:
        prove(text, text, dims=SIZES, assume=(fact,))
    assert message in caught.value.message
