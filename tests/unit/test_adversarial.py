"""Equations that a prover is tempted to accept, each beside a true one of the same kind.

No false equation may be proved, nor assumed, also where every random point agrees. Of a true one
whose values exist at the same inputs on both sides, *proved* is asked; *assumed* where an input
decides whether there is a value on one side only.
"""

from __future__ import annotations

from unittest import mock

import pytest
from adversarial_classes import CLASSES, REFUSED
from adversarial_classes import SIZES as CLASS_SIZES

from stile_engine.index.affine import constant
from stile_engine.proof import refute
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.proof.verdict import Status
from stile_engine.spec.lower import SpecError, lower

SIZES = {"Q": 4, "K": 6, "N": 4, "D": 3, "O": 1, "A": 2, "B": 1}

FALSE = {
    "a binder inside a family's fixed part": (
        "logsumexp[Q](maximum(logsumexp[N where N // 2 == 1](Y:N), maximum(X:Q N, Z:Q)))",
        "max[Q](maximum(logsumexp[N where N // 2 == 1](Y:N), maximum(X:Q N, Z:Q)))",
    ),
    "a total beside a maximum over a part": (
        "maximum(Z:Q, log(sum[K](exp(Y:K))) + max[K where K < 2](X:Q K))",
        "maximum(Z:Q, log(sum[K where K < 2](exp(Y:K))) + max[K where K < 2](X:Q K))",
    ),
    "root of what is at most zero": ("sqrt(-X:Q ** 2)", "sqrt(0 * X:Q - 1)"),
    "log of a root of what is at most zero": ("log(sqrt(-X:Q ** 2))", "sqrt(-sqrt(X:Q))"),
    "sign-unknown factor out of max": ("max[K](X:Q * Y:Q K)", "X:Q * max[K](Y:Q K)"),
    "negative factor out of max": ("max[K](-2 * Y:Q K)", "-2 * max[K](Y:Q K)"),
    "odd power out of max": ("max[K](X:Q ** 3 * Y:Q K)", "X:Q ** 3 * max[K](Y:Q K)"),
    "positive factor out of an empty max": ("max[K where K < Q](2 * Y:Q K) + 1", "2 * max[K where K < Q](Y:Q K)"),
    "factor that may be zero out of an empty max": (
        "max[K where K < Q](X:Q ** 2 * Y:Q K)",
        "X:Q ** 2 * max[K where K < Q](Y:Q K)",
    ),
    "equal sums counted once": ("2 * sum[K](X:Q K) + 2 * sum[K](X:Q K)", "2 * sum[K](X:Q K)"),
    "equal sums taken away once": ("Y:Q - sum[K](X:Q K) - sum[K](X:Q K)", "Y:Q - sum[K](X:Q K)"),
    "overlapping tiles as a union": ("sum[K where K < 4](X:Q K) + sum[K where K >= 2](X:Q K)", "sum[K](X:Q K)"),
    "a gap between tiles": ("sum[K where K < 2](X:Q K) + sum[K where K > 2](X:Q K)", "sum[K](X:Q K)"),
    "implied bound dropped": ("sum[K where K <= Q](X:K)", "sum[K where K <= Q + 1](X:K)"),
    "prefix sum as invariant": ("sum[N](sum[K where K <= N](X:K))", "4 * sum[K](X:K)"),
    "prefix sum out of a sum": (
        "sum[N](Y:N * sum[K where K <= N](X:K))",
        "sum[N](Y:N) * sum[K](X:K)",
    ),
    "count as invariant": ("sum[N](Y:N * sum[K where K <= N]((1 -> N K)))", "4 * sum[N](Y:N)"),
    "prefix maximum as invariant": ("max[N](max[K where K <= N](X:K) - Y:N)", "max[K](X:K) - min[N](Y:N)"),
    "underflow": ("exp(X:Q - 1000)", "0 * X:Q"),
    "absorption": ("X:Q + 1e-30", "X:Q"),
    "absorption of a large number": ("X:Q + 1e30 - 1e30 + 1", "X:Q"),
    "a literal beside a rational": ("X:Q * 0.3333333", "X:Q / 3"),
    "slice lost on the reduced dim": ("sum[K[0:4]](X:Q K[0:4])", "sum[K](X:Q K)"),
    "slice moved on the reduced dim": ("sum[K[0:4]](X:Q K[0:4])", "sum[K[2:6]](X:Q K[2:6])"),
    "slice lost in softmax": (
        "sum[K[0:4]](softmax[K[0:4]](X:Q K[0:4]) * Y:Q K[0:4])",
        "sum[K](softmax[K](X:Q K) * Y:Q K)",
    ),
    "slice of a mean": ("mean[K[0:4]](X:Q K[0:4])", "mean[K](X:Q K)"),
    "mean over the whole divisor": ("mean[K where K < 3](X:Q K)", "sum[K where K < 3](X:Q K) / 6"),
    "transposed dims": ("(X:Q D, Y:N D -> Q N)", "at[Q := N](at[N := Q]((X:Q D, Y:N D -> Q N)))"),
    "transposed square": ("X:Q N - at[Q := N](at[N := 0](X:Q N))", "0 * X:Q N"),
    "one dim for another of its size": ("sum[N](X:Q * Y:N)", "sum[N](X:N * Y:N)"),
    "the diagonal for the product": ("sum[N](X:N * Y:N)", "sum[N](X:N) * sum[N](Y:N)"),
    "square of a sum": ("sum[K](X:Q K) ** 2", "sum[K](X:Q K ** 2)"),
    "a nested sum that captures": ("sum[K](X:K * sum[K](X:K))", "sum[K](X:K * X:K)"),
    "reading at a shifted index": ("sum[K where K < 5](at[K := K + 1](X:K))", "sum[K](X:K)"),
    "a shift that leaves the range": ("at[K := K + 1](X:K)", "X:K"),
    "a strided sum": ("sum[K where K % 2 == 0](X:K)", "sum[K where K % 2 == 1](X:K)"),
    "a strided sum by reindexing": ("sum[D](at[K := 2 * D](X:K))", "sum[K where K % 2 == 1](X:K)"),
    "modulo as identity": ("sum[K where K % 6 == 1](X:K)", "sum[K](X:K) / 6"),
    "sqrt of a square": ("sqrt(X:Q ** 2)", "X:Q"),
    "root of a square of a sum": ("sqrt((X:Q + Y:Q) ** 2)", "abs(X:Q) + abs(Y:Q)"),
    "log of a product of negatives": ("exp(log(X:Q ** 2) / 2)", "X:Q"),
    "a root that hides a sign": ("sqrt(X:Q ** 2 * Y:Q ** 2)", "X:Q * Y:Q"),
    "relu of a sum": ("relu(X:Q + Y:Q)", "relu(X:Q) + relu(Y:Q)"),
    "abs of a sum": ("abs(X:Q + Y:Q)", "abs(X:Q) + abs(Y:Q)"),
    "maximum distributes over plus": ("maximum(X:Q + Y:Q, Z:Q)", "maximum(X:Q, Z:Q) + Y:Q"),
    "min of max": ("minimum(maximum(X:Q, Y:Q), Z:Q)", "maximum(minimum(X:Q, Y:Q), Z:Q)"),
    "order of max and min": ("max[K](min[N](X:K N))", "min[N](max[K](X:K N))"),
    "max of a product": ("max[K](X:K * Y:K)", "max[K](X:K) * max[K](Y:K)"),
    "decreasing function through max": ("max[K](exp(-X:K))", "exp(-max[K](X:K))"),
    "even function through max": ("max[K](X:K ** 2)", "max[K](X:K) ** 2"),
    "sum of exponentials": ("exp(X:Q) + exp(Y:Q)", "exp(X:Q + Y:Q)"),
    "product of sums of exponentials": ("sum[K](exp(X:K)) * sum[K](exp(Y:K))", "sum[K](exp(X:K + Y:K))"),
    "softmax scaled": ("softmax[K](2 * X:Q K)", "softmax[K](X:Q K)"),
    "softmax over the wrong dim": ("softmax[N](X:Q N)", "softmax[Q](X:Q N)"),
    "softmax after the mask": (
        "softmax[K](X:Q K) where K <= Q",
        "softmax[K where K <= Q](X:Q K)",
    ),
    "mask as multiplication inside exp": ("sum[K](exp(X:Q K where K <= Q))", "sum[K where K <= Q](exp(X:Q K))"),
    "variance without the square": ("mean[K](X:K ** 2) - mean[K](X:K) ** 2", "mean[K](X:K ** 2) - mean[K](X:K)"),
    "a Gram matrix transposed on one side": (
        "sum[N]((X:N D, at[D := 0](X:N D) -> N D))",
        "sum[N](X:N D * X:N D)",
    ),
    "product over the wrong count": ("prod[K where K < 3](2 * X:K)", "16 * prod[K where K < 3](X:K)"),
    "product of nothing": ("prod[K where K < 0](X:K)", "0 * sum[K](X:K)"),
    "sum of nothing": ("sum[K where K < 0](X:K)", "1 + 0 * sum[K](X:K)"),
    "a root of a product split": (
        "abs(sqrt(prod[K](X:K)) * prod[K where K < 2](X:K))",
        "sqrt(prod[K](X:K)) * prod[K where K < 2](X:K)",
    ),
    "a root of logs split": (
        "abs(exp(sum[K](log(X:K * Y:K)) / 2) * prod[K](X:K))",
        "exp(sum[K](log(X:K * Y:K)) / 2) * prod[K](X:K)",
    ),
    "the sign of a fraction below a root": (
        "abs(sqrt(1 / X:Q + 1) - 1 / sqrt(1 / X:Q + 1))",
        "sqrt(1 / X:Q + 1) - 1 / sqrt(1 / X:Q + 1)",
    ),
    "a divisor that only some rows have": (
        "sum[B where A <= B](X:A B / relu(Z:A B)) + relu(-at[B := 0](Z:A B))",
        "sum[B where A <= B]((X:A B + X:A B * exp(W:A B)) / ((1 + exp(W:A B)) * relu(Z:A B)))",
    ),
    "a dim of size 1 counted twice": ("sum[O](X:Q O) * 2", "sum[O](X:Q O)"),
    "sigmoid is not odd": ("sigmoid(-X:Q)", "-sigmoid(X:Q)"),
    "tanh of a double": ("tanh(2 * X:Q)", "2 * tanh(X:Q)"),
    "Pythagoras with two angles": ("sin(X:Q) ** 2 + cos(Y:Q) ** 2", "1 + 0 * X:Q * Y:Q"),
    "cos is even, sin is not": ("sin(-X:Q)", "sin(X:Q)"),
    "gelu by tanh": ("gelu(X:Q)", "gelu_tanh(X:Q)"),
    "floor through a sum": ("floor(X:Q + Y:Q)", "floor(X:Q) + floor(Y:Q)"),
    "no value against a number": ("where(Q < 2, X:Q / 0, X:Q)", "X:Q"),
    "0 * inf": ("0 * where(Q < 2, -inf, X:Q)", "0 * X:Q"),
    "inf - inf": ("where(Q < 1, -inf, X:Q) - where(Q < 1, -inf, X:Q)", "0 * X:Q"),
    "empty softmax row": ("sum[K](softmax[K where K < Q](X:Q K))", "1 + 0 * sum[K](X:Q K)"),
    "mean of nothing": ("mean[K where K < Q](X:Q K) * 0", "0 * sum[K](X:Q K)"),
    "division by zero at one index": ("X:Q * sum[K where K < Q]((1 -> Q K)) / sum[K where K < Q]((1 -> Q K))", "X:Q"),
}

# values that exist at different inputs: proved would be wrong; assumed, with the condition, is right
ONLY_ASSUMED = {
    "cancelled fraction": ("X:Q * Y:Q / Y:Q", "X:Q"),
    "square of a root": ("sqrt(X:Q) ** 2", "X:Q"),
    "exp of log": ("exp(log(X:Q))", "X:Q"),
    "log of a product": ("log(X:Q * Y:Q)", "log(X:Q) + log(Y:Q)"),
    "log of a square": ("log(X:Q ** 2)", "2 * log(X:Q)"),
    "root of a product": ("sqrt(X:Q * Y:Q)", "sqrt(X:Q) * sqrt(Y:Q)"),
    "zero times a fraction": ("0 / X:Q", "0 * X:Q"),
    "difference of fractions": ("1 / X:Q - 1 / X:Q", "0 * X:Q"),
    "difference of logs": ("log(X:Q) - log(X:Q)", "0 * X:Q"),
    "difference of logs against the argument": ("log(X:Q) - log(X:Q)", "exp(log(X:Q)) - X:Q"),
    "a divisor beside a log": ("exp(2 * log(X:Q)) / X:Q", "exp(log(X:Q))"),
    "power zero of a fraction": ("(1 / X:Q) ** 0", "X:Q ** 0"),
    "a denominator only in empty rows": ("sum[K where K < Q](X:K) / Y:Q", "sum[K where K < Q](X:K / Y:Q)"),
}

TRUE = {
    "square out of max": ("max[K](X:Q ** 2 * Y:Q K)", "X:Q ** 2 * max[K](Y:Q K)"),
    "exp out of max": ("max[K](exp(X:Q) * Y:Q K)", "exp(X:Q) * max[K](Y:Q K)"),
    "negative factor turns max into min": ("max[K](-2 * Y:Q K)", "-2 * min[K](Y:Q K)"),
    "overlapping tiles in a max": (
        "maximum(max[K where K < 4](X:Q K), max[K where K >= 2](X:Q K))",
        "max[K](X:Q K)",
    ),
    "overlap counted twice": (
        "sum[K where K < 4](X:Q K) + sum[K where K >= 2](X:Q K)",
        "sum[K](X:Q K) + sum[K where 2 <= K && K < 4](X:Q K)",
    ),
    "prefix sums exchanged": (
        "sum[N](sum[K where K <= N](X:K))",
        "sum[K](X:K * sum[N where K <= N]((1 -> N K)))",
    ),
    "triangle from both sides": (
        "sum[N](Y:N * sum[K where K <= N](X:K))",
        "sum[K](X:K * sum[N where K <= N](Y:N))",
    ),
    "a strided sum by reindexing": ("sum[D](at[K := 2 * D](X:K))", "sum[K where K % 2 == 0](X:K)"),
    "even and odd": ("sum[K where K % 2 == 0](X:K) + sum[K where K % 2 == 1](X:K)", "sum[K](X:K)"),
    "slices that meet": ("sum[K[0:4]](X:Q K[0:4]) + sum[K[4:6]](X:Q K[4:6])", "sum[K](X:Q K)"),
    "a shift inside the range": ("sum[K where K < 5](at[K := K + 1](X:K))", "sum[K where K >= 1](X:K)"),
    "reversal": ("sum[K](at[K := 5 - K](X:K) * Y:K)", "sum[K](X:K * at[K := 5 - K](Y:K))"),
    "root of a square": ("sqrt(X:Q ** 2)", "abs(X:Q)"),
    "root of squares": ("sqrt(X:Q ** 2 * Y:Q ** 2)", "abs(X:Q * Y:Q)"),
    "abs as maximum": ("abs(X:Q)", "maximum(X:Q, -X:Q)"),
    "relu and its mirror": ("relu(X:Q) - relu(-X:Q)", "X:Q"),
    "product of relu and its mirror": ("relu(X:Q) * relu(-X:Q)", "0 * X:Q"),
    "maximum and minimum": ("maximum(X:Q, Y:Q) + minimum(X:Q, Y:Q)", "X:Q + Y:Q"),
    "square of a sum": ("sum[K](X:Q K) ** 2", "sum[K](X:Q K * sum[K](X:Q K))"),
    "Gram expansion": (
        "sum[D]((X:Q D - Y:D) ** 2)",
        "sum[D](X:Q D ** 2) - 2 * sum[D](X:Q D * Y:D) + sum[D](Y:D ** 2)",
    ),
    "variance": ("mean[K]((X:K - mean[K](X:K)) ** 2)", "mean[K](X:K ** 2) - mean[K](X:K) ** 2"),
    "softmax shift": ("softmax[K](X:Q K)", "softmax[K](X:Q K - max[K](X:Q K))"),
    "softmax mask by -inf": ("softmax[K](where(K <= Q, X:Q K, -inf))", "softmax[K where K <= Q](X:Q K)"),
    "online max": (
        "maximum(max[K where K < 3](X:K), max[K where K >= 3](X:K))",
        "max[K](X:K)",
    ),
    "masks that complement": ("where(K <= Q, X:Q K, 0) + where(K > Q, X:Q K, 0)", "X:Q K"),
    "a mask is no multiplication": ("where(Q < 2, X:Q, 0)", "where(Q >= 2, 0, X:Q)"),
    "masked division by zero": (
        "where(Q > 0, X:Q / sum[K where K < Q]((1 -> Q K)), 0)",
        "where(Q <= 0, 0, X:Q / sum[K where K < Q]((1 -> Q K)))",
    ),
    "size 1": ("sum[O](X:Q O)", "max[O](X:Q O)"),
    "sigmoid mirrored": ("sigmoid(-X:Q)", "1 - sigmoid(X:Q)"),
    "tanh by sigmoid": ("tanh(X:Q)", "2 * sigmoid(2 * X:Q) - 1"),
    "Pythagoras": ("sin(X:Q) ** 2 + cos(X:Q) ** 2", "1 + 0 * X:Q"),
    "order of maxima": ("max[K](max[N](X:K N))", "max[N](max[K](X:K N))"),
    "monotone through max": ("max[K](exp(X:K))", "exp(max[K](X:K))"),
    "product of exponentials": ("prod[K](exp(X:K))", "exp(sum[K](X:K))"),
    "maximum with a reciprocal": ("maximum(-2 * X:Q, 1 / relu(Y:Q))", "-minimum(2 * X:Q, -1 / relu(Y:Q))"),
    "reciprocal of a reciprocal": ("1 / (1 / (relu(X:Q) * (1 + X:Q)))", "1 / (1 / (relu(X:Q) + X:Q * relu(X:Q)))"),
    "fractions": ("X:Q / Y:Q + Z:Q / Y:Q", "(X:Q + Z:Q) / Y:Q"),
    "fractions with two divisors": ("X:Q / Y:Q + Z:Q / W:Q", "(X:Q * W:Q + Z:Q * Y:Q) / (Y:Q * W:Q)"),
    "empty row of a sum": ("sum[K where K < Q](X:K)", "where(Q == 0, 0, sum[K where K < Q](X:K))"),
    "empty maxima": ("max[K where K < Q](X:K)", "where(Q == 0, -inf, max[K where K < Q](X:K))"),
    "logs that go to -inf together": ("log(X:Q) + Y:Q", "Y:Q + log(X:Q)"),
    "twice a log": ("log(X:Q) + log(X:Q)", "2 * log(X:Q)"),
    "log of a scaled number": ("log(3 * X:Q)", "log(X:Q) + log(3)"),
}


def prove(first: str, second: str, symmetric: bool = True, **sizes: int) -> Proof:
    dims = {d: constant(n) for d, n in {**SIZES, **sizes}.items()}
    return prove_values(lower(first, dims).value, lower(second, dims).value, symmetric=symmetric)


def blind(first: str, second: str, symmetric: bool = True) -> Proof:
    with (
        mock.patch.object(refute, "search", lambda *_, **__: refute.Outcome(None, 1)),
        mock.patch.object(refute, "agrees", lambda *_, **__: refute.Outcome(None, 1)),
        mock.patch.object(refute, "confirm", lambda *_, **__: None),
    ):
        return prove(first, second, symmetric)


SHOWN_PROVED = (Status.PROVED, Status.ASSUMED)


@pytest.mark.parametrize("title", FALSE)
def test_a_false_equation_is_not_proved(title: str) -> None:
    first, second = FALSE[title]
    for left, right in ((first, second), (second, first)):
        assert prove(left, right).status not in SHOWN_PROVED
        assert blind(left, right).status not in SHOWN_PROVED


@pytest.mark.parametrize("title", FALSE)
def test_a_false_equation_is_no_error_of_the_prover(title: str) -> None:
    assert prove(*FALSE[title]).status in (Status.REFUTED, Status.UNKNOWN)


@pytest.mark.parametrize("title", ONLY_ASSUMED)
def test_values_that_exist_at_different_inputs_are_never_simply_proved(title: str) -> None:
    first, second = ONLY_ASSUMED[title]
    for left, right in ((first, second), (second, first)):
        assert blind(left, right).status is not Status.PROVED
        assert prove(left, right).status in (Status.ASSUMED, Status.UNKNOWN, Status.REFUTED)


@pytest.mark.parametrize("title", TRUE)
def test_a_true_equation_of_the_same_kind_is_proved(title: str) -> None:
    first, second = TRUE[title]
    assert prove(first, second).status is Status.PROVED
    assert prove(second, first).status is Status.PROVED


@pytest.mark.parametrize("title", TRUE)
def test_other_sizes_do_not_change_that(title: str) -> None:
    first, second = TRUE[title]
    for sizes in ({"Q": 5, "K": 6, "N": 5}, {"Q": 2, "K": 6, "N": 3}):
        assert prove(first, second, **sizes).status is Status.PROVED


def test_what_a_spec_has_at_zero_is_owed_there_too() -> None:
    """exp(log(0)) is 0: a kernel that divides by zero there has no value where its spec has one."""
    assert blind("X:Q * X:Q / X:Q", "exp(log(X:Q))", symmetric=False).status is not Status.PROVED
    assert blind("X:Q", "exp(log(X:Q))", symmetric=False).status is not Status.REFUTED


MEMBERS = [(name, i) for name, members in CLASSES.items() for i in range(len(members))]


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_no_member_of_a_class_is_believed(name: str, member: int) -> None:
    first, second = CLASSES[name][member]
    for left, right in ((first, second), (second, first)):
        assert blind(left, right).status not in SHOWN_PROVED
        assert prove(left, right).status in (Status.REFUTED, Status.UNKNOWN)


def test_nearly_every_member_is_refuted() -> None:
    """With a witness, or by dims that differ."""
    opened = [CLASSES[n][i] for n, i in MEMBERS if prove(*CLASSES[n][i]).status is not Status.REFUTED]
    assert len(opened) <= 0.03 * len(MEMBERS), opened


def test_every_class_has_several_members() -> None:
    assert all(len(members) >= 4 for members in CLASSES.values())
    assert all(len(texts) >= 3 for texts in REFUSED.values())


@pytest.mark.parametrize("text", [t for texts in REFUSED.values() for t in texts])
def test_what_is_no_spec_is_refused_with_its_characters(text: str) -> None:
    dims = {d: constant(n) for d, n in CLASS_SIZES.items()}
    with pytest.raises(SpecError) as caught:
        lower(text, dims)
    assert 0 <= caught.value.start < len(text) + 1 and caught.value.end <= len(text) + 1
