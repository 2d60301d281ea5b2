"""The verdict: what each status means, and that it depends on nothing but the two values."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from unittest import mock

import pytest
from test_adversarial import FALSE, TRUE, blind, prove
from test_corpus import FALSE as FALSE_PAIRS
from test_corpus import TRUE as TRUE_PAIRS
from test_corpus import Pair, proof

from stile_engine import pairs
from stile_engine.index.affine import constant
from stile_engine.index.dims import Dim
from stile_engine.proof import prove as proving
from stile_engine.proof.prove import prove_values
from stile_engine.proof.verdict import Status
from stile_engine.spec.lower import lower

_PROGRAM = """
import json, sys
from stile_engine.index.affine import constant
from stile_engine.proof.prove import prove_values
from stile_engine.spec.lower import lower
for first, second, sizes in json.load(sys.stdin):
    dims = {d: constant(n) for d, n in sizes.items()}
    p = prove_values(lower(first, dims).value, lower(second, dims).value, symmetric=True)
    w = p.witness
    print(json.dumps([p.status, p.normal_form, p.spec_normal_form, p.difference, [a.text for a in p.assumptions],
                      [o.detail for o in p.obligations], w and [w.index, w.kernel, w.spec, w.repro]]))
"""
SIZES = {"Q": 4, "K": 6, "N": 4, "D": 3, "O": 1, "A": 2, "B": 1}


def answers(questions: list[tuple[str, str, dict[str, int]]], seed: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(questions),
        env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_same_answer_in_every_process() -> None:
    questions = [(p.first, p.second, dict(p.sizes)) for p in [*TRUE_PAIRS, *FALSE_PAIRS][::3]]
    questions += [(a, b, SIZES) for a, b in [*TRUE.values(), *FALSE.values()]]
    first = answers(questions, "0")
    assert len(first) == len(questions)
    assert answers(questions, "12345") == first


def test_what_was_proved_before_does_not_change_the_answer() -> None:
    """Terms are shared in a process: the order of questions must not show in the verdicts."""
    questions = [(a, b, sizes) for sizes in (SIZES, {**SIZES, "Q": 7, "N": 5}) for a, b in TRUE.values()]
    forward = [json.loads(line)[0] for line in answers(questions, "0")]
    backward = [json.loads(line)[0] for line in answers(questions[::-1], "0")]
    assert forward == backward[::-1]


def renamed(text: str, names: dict[str, str]) -> str:
    return re.sub(r"[A-Za-z_]\w*", lambda m: names.get(m.group(), m.group()), text)


def changed(pair: Pair) -> Pair:
    """Every dim and every label under another name, the two sides exchanged."""
    names = {d: f"{d.lower()}_dim" for d, _ in pair.sizes}
    labels = set(re.findall(r"([A-Za-z_]\w*):", pair.first + pair.second)) - names.keys()
    names |= {label: f"in_{label}" for label in labels}
    sizes = tuple((names[d], n) for d, n in pair.sizes)
    return Pair(pair.name, sizes, renamed(pair.second, names), renamed(pair.first, names), pair.equal, pair.kind)


@pytest.mark.parametrize("equal", [True, False])
def test_names_and_sides_do_not_matter(equal: bool) -> None:
    for pair in TRUE_PAIRS if equal else FALSE_PAIRS:
        if " -> " in pair.first or " -> " in pair.second or ":" not in pair.first:
            continue
        assert proof(changed(pair)).status is proof(pair).status, pair.name


def value(text: str, **sizes: int) -> proving.Value:
    return lower(text, {d: constant(n) for d, n in {**SIZES, **sizes}.items()}).value


def test_nothing_is_owed_where_the_spec_has_no_value() -> None:
    spec, kernel = "where(Q < 1, X:Q / 0, X:Q)", "X:Q"
    assert prove(kernel, spec, symmetric=False).status is Status.PROVED
    assert prove(kernel, spec).status is Status.REFUTED
    assert prove(spec, kernel, symmetric=False).status is Status.REFUTED


def test_the_conditions_of_the_spec_may_be_used() -> None:
    assert prove("X:Q", "sqrt(X:Q) ** 2", symmetric=False).status is Status.PROVED
    assert prove("X:Q", "X:Q * Y:Q / Y:Q", symmetric=False).status is Status.PROVED
    assert prove("X:Q * Y:Q / Y:Q", "X:Q", symmetric=False).status is Status.ASSUMED
    assert prove("abs(X:Q)", "sqrt(X:Q) ** 2", symmetric=False).status is Status.PROVED
    assert prove("abs(X:Q)", "X:Q", symmetric=False).status is Status.REFUTED


def test_an_assumption_says_what_it_needs() -> None:
    found = prove("X:Q * Y:Q / Y:Q", "X:Q")
    assert found.status is Status.ASSUMED
    assert [a.text for a in found.assumptions] == ["Y:Q is not zero"]


def test_a_refutation_shows_where_and_why() -> None:
    found = prove("sum[K where K < 5](X:Q K)", "sum[K](X:Q K)")
    assert found.status is Status.REFUTED and found.witness is not None
    assert found.witness.kernel != found.witness.spec and found.witness.repro
    value_detail = next(o.detail for o in found.obligations if o.kind == "value")
    assert value_detail is not None and "never visits" in value_detail
    assert "2 × spec" in str(prove("2 * X:Q", "X:Q").obligations[0].detail)
    assert "opposite sign" in str(prove("-X:Q", "X:Q").obligations[0].detail)


def test_other_dims_or_slices_are_refuted_by_shape() -> None:
    found = prove("X:Q", "X:N")
    assert found.status is Status.REFUTED and found.obligations[0].kind == "shape"
    assert prove("X:Q[0:2]", "X:Q").status is Status.REFUTED


def test_the_same_label_with_other_dims_is_another_input() -> None:
    assert prove("sum[N](X:Q N)", "sum[N](at[Q := N](at[N := Q](X:Q N)))").status not in (Status.PROVED, Status.ASSUMED)
    assert prove("(X:Q -> Q N) + Y:Q N", "X:Q N + Y:Q N").status is Status.REFUTED


def test_a_proof_over_budget_is_unknown() -> None:
    with mock.patch.object(proving, "_OPERATIONS", 10):
        found = prove_values(value("sum[K](X:Q K * Y:Q K) ** 2"), value("sum[K](X:Q K * Y:Q K) ** 2 * 1"))
    assert found.status is Status.UNKNOWN


def test_a_wrong_law_is_an_error_and_never_green() -> None:
    """The independent evaluator has the last word over every proof, at large sizes and symbolic ones as well."""
    wrong = [
        ("X:Q + 1", "X:Q", {"Q": 4}),
        ("(X:Q D, Y:K D -> Q K)", "2 * (X:Q D, Y:K D -> Q K)", {"Q": 4096, "K": 4096, "D": 4096}),
        ("softmax[K](X:Q K)", "softmax[K where K < 60000](X:Q K)", {"Q": 1000, "K": 65536}),
        ("sum[N](X:N where N >= 2)", "sum[N](X:N)", {"N": Dim("N")}),
    ]
    with (
        mock.patch.object(proving, "are_equal", lambda *_, **__: True),
        mock.patch.object(proving, "_different_forms", lambda *_: []),
    ):
        for first, second, sizes in wrong:
            assert pairs.prove(first, second, sizes).status is Status.ERROR, first


def test_what_is_not_modelled_is_not_proved() -> None:
    assert blind("X:Q * where(Q < 2, -inf, 0)", "Y:Q * where(Q < 2, -inf, 0)").status is Status.UNKNOWN


def test_towers_of_exponentials_end() -> None:
    """Their values are too large to write down: the search leaves such points alone."""
    dims = {"N": constant(3)}
    first, second = (lower(text, dims).value for text in ("exp(exp(exp(exp(X:N))))", "exp(exp(exp(X:N)))"))
    assert prove_values(first, second).status is Status.REFUTED


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("X:Q ** 1000000", "X:Q ** 2"),
        ("X:Q ** 100002", "X:Q * X:Q ** 100000"),
        ("2 ** 3000000000 * X:Q", "X:Q"),
        ("(2 ** 30000) ** 30000 * X:Q", "X:Q"),
        ("X:Q / (1 / 3) ** 3000000000", "X:Q"),
    ],
)
def test_high_powers_end(left: str, right: str) -> None:
    """Nobody writes them; half of a number that is being typed is enough. They had gone on up to the deadline."""
    assert prove(left, right).status is Status.UNKNOWN


def test_a_high_power_is_one_power() -> None:
    assert prove("X:Q ** 100001", "X:Q * X:Q ** 100000").status is Status.PROVED
