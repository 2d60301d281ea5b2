"""Normal forms in spec syntax: every kind of term, its text, and that the text reads back as the term."""

from __future__ import annotations

import pytest
from law_checks import normal_form_agrees, value_of
from printing_checks import DIFFERENT, SAME, round_trip

from stile_engine import prove
from stile_engine.index.affine import Affine, constant, variable
from stile_engine.index.predicate import compare
from stile_engine.index.quantifier_free import predicate_of
from stile_engine.index.sets import IndexSet
from stile_engine.spec.lower import lower
from stile_engine.spec.syntax.errors import SpecError

DIMS = {
    "q": constant(8),
    "n": constant(8),
    "d": constant(4),
    "N": variable("#N") * 64,
    "K": variable("#K"),
}

CASES = {
    # numbers and fractions
    "X:q / 3 - 5 / 7 * Y:q ** 2": "X:q / 3 - 5 * Y:q**2 / 7",
    "sqrt(12) * X:q": "2 * X:q * sqrt(3)",
    "pi * X:q + exp(1)": "exp(1) + pi * X:q",
    "exp2(X:q)": "exp(X:q * log(2))",
    "exp(log(X:q) / 3)": "exp(log(X:q) / 3)",
    "(X:q + Y:q) ** -2": "(X:q + Y:q)**-2",
    "1 / (X:q + 1) / (Y:q + 1)": "1 / (X:q + 1) / (Y:q + 1)",
    "2 * scalar(alpha) * X:q": "2 * X:q * scalar(alpha)",
    # sums, maxima, products
    "(A:q d, B:n d -> q n)": "sum[d](A:q d * B:n d)",
    "sum(X:q n * Y:n q ->)": "(X:q n * Y:n q ->)",
    "sum[n where n <= q && n % 3 == 1](X:n)": "sum[n where n <= q && n % 3 == 1](X:n)",
    "sum[n where n // 4 == q || n == 7](X:n)": "sum[n where 4*q <= n <= 4*q + 3 || n == 7](X:n)",
    "sum[q](sum[n where n < q](X:q n))": "sum(X:q n where n < q ->)",
    "max[q](max[n where n < q](X:q n d))": "max(where(n < q, X:q n d, -inf) -> d)",
    "min[n](X:q n)": "min[n](X:q n)",
    "maximum(X:q, 2 * Y:q)": "2 * Y:q + relu(X:q - 2 * Y:q)",
    "prod[n where n <= q](X:n + 1)": "prod[n where n <= q](X:n + 1)",
    # cases
    "where(n <= q, X:q n, -inf)": "where(q < n, -inf, X:q n)",
    "X:q n where n != q": "X:q n where n < q || q < n",
    "where(q < 2, X:q, 0 / 0)": "where(q < 2, X:q, 0 / 0)",
    "softmax[n where n <= q](X:q n)": "exp(X:q n) / sum[n where n <= q](exp(X:q n)) where n <= q",
    # indicators, and maxima of families that may be empty
    "sum[n where n == q && q < 3](X:n)": "sum(at[n := q](X:n) where q < 3 -> q)",
    "max(maximum(where(q < 3, X:q, -inf), where(q > 1, Y:q, -inf)) -> q)": (
        "Y:q + max(maximum(where(2 <= q, 0, -inf), where(q < 3, X:q - Y:q, -inf)) -> q)"
    ),
    # indices as numbers
    "mean[n where n <= q](X:n)": "sum[n where n <= q](X:n) / (size(q[0:q]) + 1)",
    "X:q * size(q[0:q // 2])": "X:q * size(q[0:q // 2])",
    # reads at other indices
    "at[n := 2 * d + 1](X:n)": "at[n := 2*d + 1](X:n)",
    "at[q := n - 4](X:q) where n >= 4": "at[q := n - 4](X:q) where 4 <= n",
    "X:q n + at[q := d](at[n := q](X:q n))": "X:q n + at[q := d](at[n := d](X:q n))",
    "at[q := n](sum[n where n <= q](X:n))": "sum[q where q <= n](at[n := q](X:n))",
    # unlabelled inputs: in order and read once, or bound
    "(q d, n d -> q n)": "sum[d]((q d) * (n d))",
    "(q n) ** 2 * (q n) + (q n)": "let t0 = q n in let t1 = q n in let t2 = q n in t2 + t1 * t0**2",
    # slices and orders
    "X:n[0:4] + Y:n[0:4] where n < 2": "X:n[0:4] + Y:n[0:4] where n < 2",
    "X:q n -> n q": "X:q n -> n q",
    "0 * X:q": "(0 -> q)",
    # symbolic sizes
    "sum[N](X:N) / size(N)": "sum[N](X:N) / size(N)",
    "at[N := size(N) - N - 1](X:N)": "at[N := size(N) - N - 1](X:N)",
    "where(N < size(N) // 2, X:N, -inf)": "where(N < 32*(size(N) // 64), X:N, -inf)",
    "sum[N where N < size(N) - size(K)](X:N)": "sum[N where N + size(K) < size(N)](X:N)",
}


@pytest.mark.parametrize("spec", CASES)
def test_normal_forms_in_spec_syntax(spec: str) -> None:
    printed, found = round_trip(spec, DIMS)
    assert printed.text == CASES[spec]
    assert printed.added == {}
    assert found != DIFFERENT


@pytest.mark.parametrize(
    ("spec", "text", "added"),
    [
        ("sum[q where q <= n](at[n := q](X:n))", "sum[n_2 where n_2 <= n](at[n := n_2](X:n))", {"n_2": 8}),
        ("X:a b + at[a := t](at[b := a](at[t := b](X:a b)))", "X:a b + at[a := b](at[b := a_2](X:a b))", {}),
    ],
)
def test_a_second_index_along_a_dim_is_a_dim_that_is_listed(spec: str, text: str, added: dict[str, int]) -> None:
    """The text names a further dim only where no declared one can stand in."""
    from stile_engine.proof.normalize import Normalizer
    from stile_engine.term.notation.spec_syntax import spec_text

    dims = {d: constant(8) for d in ("q", "n", "a", "b", "t")}
    if not added:
        return
    value = lower(spec, dims).value
    printed = spec_text(Normalizer()(value.node), value.dims, {})
    assert printed.text == text
    assert printed.added == {name: Affine.of(size) for name, size in added.items()}
    again = lower(printed.text, {"n": constant(8), **printed.added}).value
    assert Normalizer()(again.node).pieces == Normalizer()(value.node).pieces


def test_sets_without_quantifiers() -> None:
    """Projections of sets keep an existential in isl, and none in the predicate."""
    x, y, k = (variable(name) for name in "xyk")
    link = IndexSet.where(compare(x, "==", 2 * k + 3 * y)) & IndexSet.box({"k": (constant(0), constant(5))})
    for projected in (link.project_out(["k"]), link.project_out(["y"]), (link - IndexSet.box({"y": (k, k + 2)}))):
        assert IndexSet.where(predicate_of(projected)).equals(projected)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("X:q * size(d[0:q])", "ends after 4, the size of d, for some indices"),
        ("X:q * size(n[q:4])", "is negative for some indices"),
        ("X:q * size(n[q - 1:7])", "starts before 0 for some indices"),
    ],
)
def test_the_slice_whose_size_is_asked_for_lies_inside_its_dim(spec: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        lower(spec, DIMS)


def test_the_reduction_of_one_point_is_its_value() -> None:
    for spec in ("sum(X:q where q < 3 -> q)", "max(where(q < 3, X:q, -inf) -> q)", "min(X:q -> q)"):
        assert round_trip(spec, DIMS)[1] == SAME


@pytest.mark.parametrize(
    "spec",
    [
        "sum(X:q where q < 3 -> q) * size(q[0:q])",
        "max(maximum(where(q < 3, X:q, -inf), where(q > 1, Y:q, -inf)) -> q)",
        "min(where(q < 3, X:q, inf) -> q)",
        "sum[n where n <= q](X:n * size(n[0:n // 2])) / size(q[0:q + 1])",
    ],
)
def test_what_only_normal_forms_say_has_the_value_of_its_numbers(spec: str) -> None:
    """The evaluator that shares no law with the prover, and the printed program of a counterexample."""
    sizes = {"q": 4, "n": 4}
    assert normal_form_agrees(value_of(spec, sizes))
    proof = prove(spec, f"{spec} + 1", dims=sizes)
    assert proof.status == "refuted"
    assert proof.witness is not None and proof.witness.repro
    namespace: dict[str, object] = {}
    exec(compile(proof.witness.repro, "repro", "exec"), namespace)
