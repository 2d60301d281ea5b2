"""Pairs made by sound rewrites and by mistakes: nothing that is unequal at some point is ever proved."""

from __future__ import annotations

import itertools
from collections import Counter
from unittest import mock

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from law_checks import KINDS, NO_VALUE, Numbers, indices, value_of, written_value
from random_specs import SIZES, Tree, everywhere, mutations, rewrites, spread, trees
from term_values import Bounded

from stile_engine.proof import refute
from stile_engine.proof.evaluate import Evaluator, TooExpensive
from stile_engine.proof.intervals import disjoint
from stile_engine.proof.numbers import Undecided
from stile_engine.proof.prove import Proof, prove_values
from stile_engine.proof.verdict import Status
from stile_engine.term.value import Value

_EXAMPLES = settings.default.max_examples
_PHASES = (Phase.generate,)  # a failure is reported as it was drawn: to shrink it takes minutes
_DIGITS = 40
_STEPS = 40_000


def blind(left: Value, right: Value, symmetric: bool = True) -> Proof:
    """The proof alone: the search for counterexamples always agrees."""
    with (
        mock.patch.object(refute, "search", lambda *_, **__: refute.Outcome(None, 1)),
        mock.patch.object(refute, "agrees", lambda *_, **__: refute.Outcome(None, 1)),
        mock.patch.object(refute, "confirm", lambda *_, **__: None),
    ):
        return prove_values(left, right, symmetric=symmetric)


def difference(left: Value, right: Value, defined: bool) -> str | None:
    """A point at which the two differ; ``defined``: also where only one of them has a value."""
    for kind, seed in itertools.product(KINDS, (1, 2)):
        evaluator = Evaluator(Bounded(_DIGITS), Numbers(kind, seed), {}, _STEPS)
        for at in itertools.islice(indices(left), 12):
            try:
                first = written_value(evaluator, left, at)
                second = written_value(evaluator, right, at)
            except (Undecided, TooExpensive):
                continue
            if first is NO_VALUE or second is NO_VALUE:
                if defined and first is not second:
                    return f"at {at} with {kind} inputs: {first} and {second}"
            elif disjoint(first, second):
                return f"at {at} with {kind} inputs: {first} and {second}"
    return None


def check(left: Tree, right: Tree, sizes: dict[str, int]) -> Status:
    first, second = value_of(str(left), sizes), value_of(str(right), sizes)
    return check_values(first, second, f"{left}   and   {right}   over {sizes}")


def check_values(first: Value, second: Value, story: str) -> Status:
    status = blind(first, second).status
    assert status is not Status.ERROR, story
    if status in (Status.PROVED, Status.ASSUMED):
        found = difference(first, second, status is Status.PROVED)
        assert found is None, f"{status}: {story}, but {found}"
    for kernel, spec in ((first, second), (second, first)):
        if blind(kernel, spec, symmetric=False).status is Status.PROVED:
            found = difference(spec, kernel, True)
            owed = found is not None and f": {NO_VALUE} and " not in found  # where the spec has a value
            assert not owed, f"as kernel and spec proved: {story}, but {found}"
    return status


@settings(max_examples=3 * _EXAMPLES, phases=_PHASES)
@given(trees(depth=3), SIZES, st.integers(0, 10**6))
def test_a_mistake_is_never_proved(tree: Tree, sizes: dict[str, int], pick: int) -> None:
    places = [(put, m) for sub, put in everywhere(tree) for m in mutations(sub)]
    if places:
        put, (_, wrong) = places[pick % len(places)]
        check(tree, put(wrong), sizes)


_RATES: Counter[tuple[str, bool]] = Counter()


@settings(max_examples=3 * _EXAMPLES, phases=_PHASES)
@given(trees(depth=3), SIZES, st.integers(0, 10**6))
def test_sound_rewrites_are_proved_or_left_open(tree: Tree, sizes: dict[str, int], pick: int) -> None:
    places = [(put, r) for sub, put in everywhere(tree) for r in rewrites(sub)]
    if places:
        put, (law, same) = places[pick % len(places)]
        status = check(tree, put(spread(same, same.dims)), sizes)
        _RATES[law, status in (Status.PROVED, Status.ASSUMED)] += 1


def test_most_sound_rewrites_are_proved() -> None:
    """Counted over the examples of the test above."""
    proved = sum(n for (_, yes), n in _RATES.items() if yes)
    total = sum(_RATES.values())
    laws = sorted({law for law, _ in _RATES})
    print("".join(f"\n{law:12} {_RATES[law, True]:4} of {_RATES[law, True] + _RATES[law, False]}" for law in laws))
    print(f"{'all':12} {proved:4} of {total}")
    if not total:
        pytest.skip("needs the whole file to run")
    assert proved >= 0.9 * total
