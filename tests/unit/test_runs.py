"""Runs of numbers, of which no set library is asked: the same sets as those that it makes, one object each."""

from __future__ import annotations

import islpy as isl
from hypothesis import given
from hypothesis import strategies as st

from stile_engine.index import sets
from stile_engine.index.affine import Affine
from stile_engine.index.isl_writing import isl_name, run_text
from stile_engine.index.predicate import in_range
from stile_engine.index.runs import Run
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet

X, Y = Affine.variable("x"), Affine.variable("y")

ENDS = st.tuples(st.integers(-9, 9), st.integers(-1, 12)).map(lambda e: (e[0], e[0] + e[1]))
MOVES = st.tuples(st.sampled_from([-3, -2, -1, 0, 1, 2]), st.integers(-6, 6), st.sampled_from([X, Y, X + Y, X // 2]))
BIG = st.integers(-(2**80), 2**80)


def run(low: int, high: int) -> IndexSet:
    return IndexSet.box({"x": (Affine.of(low), Affine.of(high))})


def told(low: int, high: int) -> IndexSet:
    """The same, by isl."""
    return IndexSet.where(in_range(X, low, high))


def members(found: IndexSet) -> set[int]:
    return {x for x in range(-40, 41) if found.contains({"x": x})}


@given(ENDS, ENDS)
def test_of_two_runs(one, other):
    mine, theirs = run(*one), run(*other)
    assert mine is told(*one)
    assert theirs is told(*other)
    a, b = set(range(*one)), set(range(*other))
    for found, expected in ((mine & theirs, a & b), (mine | theirs, a | b), (mine - theirs, a - b)):
        assert members(found) == expected
        # what isl is asked for comes to the same object
        points = [found.substitute({"x": Affine.of(x)}) for x in range(-40, 41)]
        assert all(p is UNIVERSE or p is EMPTY for p in points)
        again = EMPTY
        for x in sorted(expected):
            again = again | told(x, x + 1)
        assert again is found
    assert mine.issubset(theirs) is (a <= b)
    assert mine.is_disjoint(theirs) is a.isdisjoint(b)
    assert mine.count(["x"]) == len(a)
    assert mine.project_out(["x"]) is (UNIVERSE if a else EMPTY)
    assert mine.solve("x") == (Affine.of(one[0]) if len(a) == 1 else None)


@given(ENDS, MOVES)
def test_a_run_at_other_indices(ends, move):
    factor, offset, inner = move
    expression = inner * factor + offset
    found = run(*ends).substitute({"x": expression})
    assert found is IndexSet.where(in_range(expression, *ends))
    for x in range(-8, 9):
        for y in (-3, 0, 2):
            inside = ends[0] <= expression.evaluate({"x": x, "y": y}) < ends[1]
            at = found.substitute({"x": Affine.of(x), "y": Affine.of(y)})
            assert at is (UNIVERSE if inside else EMPTY)


@given(st.integers(-9, 9) | BIG, st.integers(2, 12) | st.integers(2, 2**70))
def test_isl_writes_a_run_as_it_is_written_here(low, length):
    text = run_text(Run("a b", low, low + length))
    name = isl_name("a b")
    raw = isl.Set(f"[{name}] -> {{ : {name} >= {low} and {name} < {low + length} }}")
    assert raw.coalesce().detect_equalities().remove_redundancies().drop_unused_params().to_str() == text


def test_sizes_and_single_numbers_are_no_runs():
    assert IndexSet.box({"#N": (Affine.of(-3), Affine.of(5))}) is IndexSet.where(in_range(Affine.variable("#N"), 1, 5))
    assert run(3, 4).solve("x") == Affine.of(3)
    assert sets.EMPTY is run(4, 4) is run(5, 2)
