"""Families over the indices that they read: against numbers, and one form however the variables are chosen."""

from __future__ import annotations

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st
from law_checks import normal_form_agrees, value_of

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, compare, conjunction
from stile_engine.index.predicate import substitute as substitute_predicate
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.normalize import Normalizer
from stile_engine.term import expression as e
from stile_engine.term.expression import Node, Tensor, bounds
from stile_engine.term.value import DimRange, Value

_EXAMPLES = settings.default.max_examples
_PHASES = (Phase.generate,)
_LENGTH = 12
_Q, _K = Affine.variable("q"), Affine.variable("k")
_ROWS = {"q": bounds(0, 2)}

_INDICES = st.sampled_from(
    (
        *(_K, _K, _K + 1, -_K + 11, _K * 2, _K * 2 + 1, _K * 3 + _Q, _K // 2, _K // 4, _K % 4, _K % 2, _K % 3),
        *(_K // 3 + _Q, _K + _Q, _K - _Q + 1, (_K + 5) % _LENGTH, _K // 2 * 2, (_K // 4) * 4 + 3 - _K % 4),
    )
)
_HALVES = (ALWAYS, ALWAYS, compare(_K % 2, "==", 0), compare(_K % 2, "==", 1), compare(_K % 4, "==", 1))
_PARTS = (compare(_K, "<=", _Q + 5), compare(_K, "<", 8), compare(_K // 4, "==", _Q), compare(_K, ">", 3))
_PREDICATES = st.sampled_from((*_HALVES, *_PARTS, compare(_K % 3, "!=", 0)))

# the variable k as an expression in others, one to one
_WRITINGS: list[tuple[dict[str, tuple[Affine, Affine]], Affine]] = []
_A, _B, _C = (Affine.variable(v) for v in "abc")
for value, sizes in (
    (_A * 4 + _B, {"a": 3, "b": 4}),
    (_B * 3 + _A, {"a": 3, "b": 4}),
    (_A, {"a": 12}),
    (-_A + 11, {"a": 12}),
    ((_A + 7) % 12, {"a": 12}),
    (_A * 2 + _B, {"a": 6, "b": 2}),
    (-_A * 2 + 11 - _B, {"a": 6, "b": 2}),
    (_A * 6 + _B * 2 + _C, {"a": 2, "b": 3, "c": 2}),
    (_A // 4 * 4 + (_A + 1) % 4, {"a": 12}),
):
    _WRITINGS.append(({v: bounds(0, n) for v, n in sizes.items()}, value))


class Drawn:
    """``reduction over k of a product of reads``, with ``k`` an expression in the bound variables."""

    def __init__(self, reduction: str, reads: list[tuple[str, tuple[Affine, ...]]], numbered: bool, where: Predicate):
        self.reduction, self.reads, self.numbered, self.where = reduction, reads, numbered, where

    def value(self, bound: e.Axes, k: Affine) -> Value:
        ranges = {**_ROWS, **bound}
        mapping = {"k": k}
        body: Node = e.ONE
        for name, index in self.reads:
            size = Affine((), 40)
            tensor = Tensor(name, tuple("ij"[: len(index)]), (size,) * len(index))
            body = e.multiply(body, e.Read(tensor, tuple(i.substitute(mapping) + 2 for i in index), ranges))
        if self.numbered:
            body = e.multiply(body, e.IndexNumber(k, ranges))
        where = substitute_predicate(self.where, mapping)
        node = e.reduce(self.reduction, bound, body, where, ranges)
        return Value((DimRange("q", Affine(), Affine((), 2), Affine((), 2)),), node)


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    reads = [
        (name, tuple(draw(_INDICES) for _ in range(draw(st.sampled_from([1, 1, 2])))))
        for name in ("X", "Y", "Z")[: draw(st.integers(1, 3))]
    ]
    reads = [(f"{name}{len(index)}", index) for name, index in reads]
    if draw(st.integers(0, 3)) == 0:
        reads.append((reads[0][0], tuple(draw(_INDICES) for _ in reads[0][1])))
    where = conjunction(draw(_PREDICATES), draw(_PREDICATES))
    return Drawn(draw(st.sampled_from(["sum", "sum", "max"])), reads, draw(st.integers(0, 4)) == 0, where)


@settings(max_examples=3 * _EXAMPLES, phases=_PHASES)
@given(drawn(), st.sampled_from(_WRITINGS))
def test_the_elements_are_the_same(family: Drawn, writing: tuple[e.Axes, Affine]) -> None:
    value = family.value(*writing)
    try:
        with budget(40_000):
            normal_form_agrees(value)
    except BudgetExceeded:
        event("over the budget")


@settings(max_examples=3 * _EXAMPLES, phases=_PHASES)
@given(drawn(), st.sampled_from(_WRITINGS), st.sampled_from(_WRITINGS))
def test_the_form_does_not_depend_on_the_variables(
    family: Drawn, one: tuple[e.Axes, Affine], other: tuple[e.Axes, Affine]
) -> None:
    forms = []
    for writing in (one, other):
        try:
            with budget(40_000):
                forms.append([(p.guard, p.value) for p in Normalizer()(family.value(*writing).node).pieces])
        except BudgetExceeded:
            event("over the budget")
            return
    event("one form" if forms[0] == forms[1] else "two forms")


def _form(text: str, sizes: dict[str, int]) -> object:
    return [(p.guard, p.value) for p in Normalizer()(value_of(text, sizes).node).pieces]


WRITINGS = [
    ("sum[K where K % 2 == 0](X:K)", "sum[A](at[K := 2 * A](X:K))"),
    ("sum[K](X:K)", "sum[B](at[K := 2 * B](X:K) + at[K := 2 * B + 1](X:K))"),
    ("sum[K](X:K * at[C := K // 4](U:C))", "sum[C](U:C * sum[D](at[K := 4 * C + D](X:K)))"),
    ("sum[K](X:K * at[D := K % 4](V:D))", "sum[D](V:D * sum[C](at[K := 4 * C + D](X:K)))"),
    ("sum[K](at[C := K // 4](at[D := K % 4](Z:C D)))", "sum[C](sum[D](Z:C D))"),
    ("sum[K](at[C := K // 4](U:C))", "4 * sum[C](U:C)"),
    ("sum[K](at[D := K % 4](V:D)**2)", "96 * sum[D](V:D**2)"),
    ("sum[K](X:K * at[K := 383 - K](Y:K))", "sum[K](at[K := 383 - K](X:K) * Y:K)"),
    ("max[A](at[K := 2 * A](X:K))", "max[K where K % 2 == 0](X:K)"),
    ("max[K](at[C := K // 4](U:C))", "max[C](U:C)"),
    ("max[A](max[E](at[K := A + E](X:K)))", "max[K where K < 223](X:K)"),
]


@pytest.mark.parametrize(("one", "other"), WRITINGS)
def test_one_family_in_two_writings(one: str, other: str) -> None:
    sizes = {"K": 384, "A": 192, "B": 192, "C": 96, "D": 4, "E": 32}
    assert _form(one, sizes) == _form(other, sizes)
