"""Normal forms of random specs come back from their text as the same interned terms."""

from __future__ import annotations

from collections import Counter

from hypothesis import Phase, given, settings
from printing_checks import DIFFERENT, SAME, round_trip
from random_specs import SIZES, Tree, trees

from stile_engine import prove
from stile_engine.index.affine import constant
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.term.notation.naming import CannotSay

_EXAMPLES = settings.default.max_examples
_OPERATIONS = 40_000
_MOST_DIFFERENT = 0.01
"""Of some products and maxima the normal form of the text is another one, though an equal one."""


def test_normal_forms_read_back_as_the_same_terms() -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=3 * _EXAMPLES, phases=(Phase.generate,))
    @given(trees(depth=3), SIZES)
    def check(tree: Tree, sizes: dict[str, int]) -> None:
        dims = {d: constant(n) for d, n in sizes.items()}
        try:
            with budget(_OPERATIONS):
                printed, found = round_trip(str(tree), dims)
        except BudgetExceeded:
            return
        except CannotSay as error:
            assert "without a model" in str(error), f"{tree}: {error}"
            return
        counts[found] += 1
        if found == DIFFERENT:
            status = prove(str(tree), printed.text, dims={**sizes, **_sizes(printed.added)}).status
            assert status in ("proved", "assumed"), f"{tree} over {sizes}: {printed.text} is {status}"

    check()
    total = sum(counts.values())
    assert counts[SAME] > 0.95 * total
    assert counts[DIFFERENT] <= _MOST_DIFFERENT * total, counts


def _sizes(added: object) -> dict[str, int]:
    assert isinstance(added, dict)
    return {name: extent.constant for name, extent in added.items()}
