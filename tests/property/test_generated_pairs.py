"""Pairs made at random, of which it is known without the prover whether they are equal.

``benchmarks/generated_pairs.py`` does the same for as many as wanted, and can be resumed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import pytest
from judged_pairs import Outcome, judged
from pairs.drawn import pair
from pairs.families import FAMILIES
from pairs.meaning import Draw, Exact, Floats, difference, elements
from pairs.terms import compare, exp, greatest, read, spread, total, unary

_COUNT = {"quick": 1_000, "full": 20_000}.get(os.environ.get("HYPOTHESIS_PROFILE", "quick"), 1_000)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    yield [o for chunk in judged(range(_COUNT), os.cpu_count() or 1) for o in chunk]


@pytest.mark.timeout(1500)
def test_nothing_false_is_believed_and_nothing_crashes(outcomes: list[Outcome]) -> None:
    assert len(outcomes) == _COUNT
    assert not [(o.number, o.problem) for o in outcomes if o.problem]


def test_nearly_all_is_decided(outcomes: list[Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    true, false = ([o for o in outcomes if o.equal is equal] for equal in (True, False))
    open_ones = Counter((o.kind, "true" if o.equal else "false", o.status) for o in outcomes if not o.settled)
    with capsys.disabled():
        for (kind, truth, status), n in sorted(open_ones.items()):
            print(f"\n{kind}: {n} {truth} {status}", end="")
    assert sum(o.settled for o in true) >= 0.97 * len(true)
    assert sum(o.settled for o in false) >= 0.97 * len(false)


def test_every_family_and_both_truths_are_drawn(outcomes: list[Outcome]) -> None:
    assert {(o.kind, o.equal) for o in outcomes} == {(k, e) for k in FAMILIES for e in (True, False)}


def test_what_is_called_equal_agrees_with_numbers() -> None:
    """The generator by itself, without the prover: its rewrites against its own evaluator."""
    wrong = []
    for number in range(300):
        p = pair(number)
        found = difference(p.first, p.second, p.sizes, partial=False)
        if p.equal is (found is not None):
            wrong.append((number, p.laws, found))
    assert not wrong


def test_the_same_number_gives_the_same_pair() -> None:
    first, second = pair(7), pair(7)
    assert (str(first.first), str(first.second)) == (str(second.first), str(second.second))


def test_the_evaluator_by_hand() -> None:
    """Values that are known without any program."""
    x = read("X", "Q K")
    sizes = {"Q": 2, "K": 3}

    def inputs(label: str, place: tuple[int, ...]) -> Fraction:
        return Fraction(10 * place[0] + place[-1])

    def found(t: object) -> list[object]:
        return list(elements(t, sizes, inputs, Exact(30))[1].ravel())  # type: ignore[arg-type]

    assert found(total("K", x)) == [3, 33]
    assert found(total("K", x, compare("K", "<=", "Q"))) == [0, 21]
    assert found(greatest("K", x, compare("K", "<", "Q"))) == [float("-inf"), 10]
    assert found(spread(total("K", x), "K Q")) == [3, 33] * 3
    assert found(1 / total("K", x, compare("K", "<", "Q"))) == [None, Fraction(1, 10)]
    assert found(unary("abs", 5 - total("K", x))) == [2, 28]
    near = elements(exp(x), sizes, Draw("mixed", 1), Floats())[1]
    exact = elements(exp(x), sizes, Draw("mixed", 1), Exact(30))[1]
    assert all(
        abs(float(e.mid) - n) < 1e-9 * n for e, n in zip(exact.ravel(), near.ravel(), strict=True) if hasattr(e, "mid")
    )
