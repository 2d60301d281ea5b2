"""Every law of the normal form against numbers: random expressions, normalised and as written.

The evaluator of terms (``term_values``) and the evaluator of expressions share no law with the prover.
"""

from __future__ import annotations

from hypothesis import Phase, event, given, settings
from law_checks import normal_form_agrees, value_of
from random_specs import SIZES, Tree, trees

from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.spec.syntax.errors import SpecError

_EXAMPLES = settings.default.max_examples
_PHASES = (Phase.generate,)  # a failure is reported as it was drawn: to shrink it takes minutes
_OPERATIONS = 20_000


def check(tree: Tree, sizes: dict[str, int]) -> None:
    try:
        value = value_of(str(tree), sizes)
    except SpecError as error:
        raise AssertionError(f"{tree}: {error}") from error
    try:
        with budget(_OPERATIONS):
            compared = normal_form_agrees(value)
    except BudgetExceeded:
        compared = 0
    except AssertionError as error:
        raise AssertionError(f"{tree} over {sizes}: {error}") from error
    event("compared" if compared else "never compared")


@settings(max_examples=5 * _EXAMPLES, phases=_PHASES)
@given(trees(depth=3), SIZES)
def test_the_normal_form_is_the_expression(tree: Tree, sizes: dict[str, int]) -> None:
    check(tree, sizes)


def test_a_family_binds_no_name_that_its_fixed_part_binds() -> None:
    """Which part is fixed goes by digests: these labels make it the one that has a binder inside."""
    inner = "maximum(logsumexp[B where B // 2 == 1](XB:B), maximum(XAB:A B, XA:A))"
    for outer in ("logsumexp", "max"):
        assert normal_form_agrees(value_of(f"{outer}[A]({inner})", {"A": 2, "B": 4}))
