"""Expressions that come to one normal form have one value: many small ones, sorted by their form.

Two expressions that meet in one form were led there by laws. Whatever law is wrong, sooner or later
two expressions with different values meet.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from law_checks import value_of
from test_equality import check_values

from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.normalize import Normalizer

_EXAMPLES = 6 * settings.default.max_examples
_OPERATIONS = 20_000

POINTWISE = (
    "log({}) exp({}) sqrt({}) abs({}) relu({}) (-{}) (1/{}) ({})**2 rsqrt({}) sigmoid({}) tanh({}) ({})**-2 ({})**3"
)
PARTIAL = "log({}) log({}) exp({}) sqrt({}) (1/{}) ({})**2 (-{})"
ARITHMETIC = "({}+{}) ({}-{}) ({}*{}) ({}/{})"
CONDITIONS = ("B <= A", "B < A", "A % 2 == B", "B == 1", "A < 2", "A + B < 3")
REDUCED = [f"{r}[B where {p}](({{}} -> A B))" for r in ("sum", "max", "min", "prod", "mean") for p in CONDITIONS]
MASKED = [f"where({p}, {{}}, {other})" for p in CONDITIONS for other in ("0", "-inf")]

KINDS = {
    "pointwise": (
        ["X:A", "X:A", "Y:A", "1", "2"],
        POINTWISE.split(),
        [*ARITHMETIC.split(), "maximum({},{})", "minimum({},{})"],
        {"A": 1},
    ),
    "partial functions": (["X:A", "X:A", "Y:A", "2"], PARTIAL.split(), ARITHMETIC.split(), {"A": 1}),
    "reductions and masks": (
        ["X:A B", "X:A B", "Y:A", "Z:B", "1"],
        [*REDUCED, *MASKED, "exp({})", "abs({})", "(1/{})", "({})**2", "relu({})"],
        [*ARITHMETIC.split(), "maximum({},{})"],
        {"A": 3, "B": 2},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_one_form_has_one_value(kind: str) -> None:
    leaves, unary, binary, sizes = KINDS[kind]
    random = Random(11)

    def drawn(depth: int) -> str:
        if depth == 0 or random.random() < 0.12:
            return random.choice(leaves)
        if random.random() < 0.5:
            return random.choice(unary).replace("{}", drawn(depth - 1))
        return random.choice(binary).format(drawn(depth - 1), drawn(depth - 1))

    met: dict[object, list[str]] = {}
    compared = 0
    for _ in range(_EXAMPLES):
        text = f"({drawn(random.choice((2, 3, 3, 4)))} -> {' '.join(sizes)})"
        value = value_of(text, sizes)
        try:
            with budget(_OPERATIONS):
                form = Normalizer()(value.node)
        except BudgetExceeded:
            continue
        others = met.setdefault(tuple(p.value for p in form.pieces), [])
        for other in random.sample(others, min(2, len(others))):
            if other != text:
                check_values(value, value_of(other, sizes), f"{text}   and   {other}")
                compared += 1
        others.append(text)
    assert compared > _EXAMPLES // 20
