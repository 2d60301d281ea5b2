"""Exact sets against enumeration: every operation at every point of a small box."""

from __future__ import annotations

import itertools
import subprocess
import sys

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stile_engine.index import isl_limits, sets
from stile_engine.index.affine import Affine, constant, variable
from stile_engine.index.predicate import (
    ALWAYS,
    NEVER,
    Predicate,
    compare,
    conjunction,
    disjunction,
    in_range,
    negate,
)
from stile_engine.index.predicate import evaluate as holds
from stile_engine.index.predicate import substitute as replaced
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet, union

NAMES = ("a", "b", "k_1")
LOW, HIGH = -1, 5
POINTS = [dict(zip(NAMES, p, strict=True)) for p in itertools.product(range(LOW, HIGH), repeat=len(NAMES))]
BOX = IndexSet.box({n: (constant(LOW), constant(HIGH)) for n in NAMES})


@st.composite
def affines(draw: st.DrawFn) -> Affine:
    total = constant(draw(st.integers(-3, 4)))
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        atom = variable(name)
        form = draw(st.integers(0, 3))
        if form == 1:
            atom = (atom + draw(st.integers(-2, 2))) // draw(st.integers(2, 3))
        elif form == 2:
            atom = atom % draw(st.integers(2, 3))
        total = total + atom * draw(st.sampled_from([-2, -1, 1, 1, 2]))
    return total


@st.composite
def predicates(draw: st.DrawFn, depth: int = 2) -> Predicate:
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        operator = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
        return compare(draw(affines()), operator, draw(affines()))
    form = draw(st.integers(0, 2))
    first = draw(predicates(depth - 1))
    if form == 0:
        return negate(first)
    join = conjunction if form == 1 else disjunction
    return join(first, draw(predicates(depth - 1)))


def members(one: IndexSet) -> set[tuple[int, ...]]:
    inside = (one & BOX).points(10_000)
    assert inside is not None
    return {tuple(p[n] for n in NAMES) for p in inside}


def brute(predicate: Predicate) -> set[tuple[int, ...]]:
    return {tuple(p[n] for n in NAMES) for p in POINTS if holds(predicate, p)}


@given(predicates())
def test_a_predicate_and_its_set_have_the_same_points(p: Predicate) -> None:
    found = IndexSet.where(p)
    assert members(found) == brute(p)
    assert all(found.contains(point) == holds(p, point) for point in POINTS[::17])
    assert (found & BOX).is_empty == (not brute(p))


@given(predicates(), predicates())
def test_the_algebra_of_sets(p: Predicate, q: Predicate) -> None:
    first, second = IndexSet.where(p), IndexSet.where(q)
    one, two = brute(p), brute(q)
    assert members(first & second) == one & two
    assert members(first | second) == one | two
    assert members(first - second) == one - two
    assert members(union([first, second, EMPTY])) == one | two
    assert (first & BOX).is_disjoint(second) == (not one & two)
    assert (first & BOX).issubset(second) == (one <= two)
    assert (first & BOX).equals(second & BOX) == (one == two)
    if one == two:
        assert (first & BOX) is (second & BOX) or (first & BOX).equals(second & BOX)


@given(predicates(), predicates())
def test_simplified_inside_a_context(p: Predicate, q: Predicate) -> None:
    context = IndexSet.where(q) & BOX
    if context is EMPTY:
        return
    simple = IndexSet.where(p).given(context)
    assert members(simple & context) == brute(p) & brute(q)


@given(st.lists(predicates(0), min_size=1, max_size=3), predicates(), st.sets(st.sampled_from(NAMES)))
def test_what_a_set_says_of_some_variables(parts: list[Predicate], q: Predicate, names: set[str]) -> None:
    for one in (IndexSet.where(conjunction(*parts)), IndexSet.where(q), IndexSet.where(conjunction(*parts, q))):
        about = one.about(frozenset(names))
        assert members(one) <= members(about)
        others = set(NAMES) - names
        assert one.project_out(others).equals(about.project_out(others))


@given(predicates(), predicates())
def test_what_is_remembered_of_sets_is_true(p: Predicate, q: Predicate) -> None:
    one, other = IndexSet.where(p), IndexSet.where(q)
    both, rest, either = one & other, one - other, one | other
    assert members(both & one) == members(other & both) == members(both)
    assert members(rest & one) == members(rest) and not members(rest & other)
    assert members(either & one) == members(one)
    assert both.issubset(one) and rest.issubset(one) and one.issubset(either) and rest.is_disjoint(other)
    assert one.is_disjoint(other) == (both is EMPTY) and one.issubset(other) == (rest is EMPTY)


@given(predicates(), st.sampled_from(NAMES))
def test_projection(p: Predicate, name: str) -> None:
    found = (IndexSet.where(p) & BOX).project_out([name])
    place = NAMES.index(name)
    wanted = {(*m[:place], *m[place + 1 :]) for m in brute(p)}
    rest = [n for n in NAMES if n != name]
    assert {tuple(m[n] for n in rest) for m in POINTS if found.contains(m)} == wanted


@given(predicates(), st.dictionaries(st.sampled_from(NAMES), affines(), max_size=2))
def test_substitution_is_simultaneous(p: Predicate, mapping: dict[str, Affine]) -> None:
    found = IndexSet.where(p).substitute(mapping)
    for point in POINTS[::5]:
        moved = {**point, **{v: e.evaluate(point) for v, e in mapping.items()}}
        assert found.contains(point) == holds(p, moved) == holds(replaced(p, mapping), point)


@given(predicates(), st.sampled_from(NAMES))
def test_a_solved_variable_has_its_value_everywhere(p: Predicate, name: str) -> None:
    one = IndexSet.where(p) & BOX
    value = one.solve(name)
    if value is not None:
        for m in members(one):
            point = dict(zip(NAMES, m, strict=True))
            assert value.evaluate(point) == point[name]


@given(predicates())
def test_counting(p: Predicate) -> None:
    one = IndexSet.where(p) & BOX
    number = one.count(NAMES)
    assert number == len(brute(p))
    assert (IndexSet.where(p)).count(["a"]) is None or IndexSet.where(p).variables <= {"a"}


def test_a_set_without_end_has_no_count() -> None:
    a = Affine.variable("a")
    upwards, below = IndexSet.where(compare(a, ">=", 3)), IndexSet.where(in_range(a, 0, 2))
    assert upwards.count(["a"]) is None
    assert (upwards | below).count(["a"]) is None
    assert below.count(["a"]) == 2


@given(predicates(), st.sampled_from(NAMES))
def test_runs_cover_the_set_and_nothing_else(p: Predicate, name: str) -> None:
    one = IndexSet.where(p) & BOX
    cases = one.intervals(name)
    if cases is None:
        return
    wanted = brute(p)
    for point in POINTS:
        inside = any(
            condition.contains(point) and low.evaluate(point) <= point[name] <= high.evaluate(point)
            for condition, low, high in cases
        )
        assert inside == (tuple(point[n] for n in NAMES) in wanted)


@given(predicates())
def test_a_sample_is_a_member(p: Predicate) -> None:
    one = IndexSet.where(p) & BOX
    point = one.sample()
    assert (point is None) == one.is_empty
    assert point is None or tuple(point[n] for n in NAMES) in brute(p)


@settings(max_examples=200)
@given(affines(), st.integers(1, 4), st.dictionaries(st.sampled_from(NAMES), affines(), max_size=3))
def test_index_arithmetic(e: Affine, divisor: int, mapping: dict[str, Affine]) -> None:
    for point in POINTS[::7]:
        value = e.evaluate(point)
        assert (e // divisor).evaluate(point) == value // divisor
        assert (e % divisor).evaluate(point) == value % divisor
        assert (e * divisor + 3 - e).evaluate(point) == value * divisor + 3 - value
        moved = {**point, **{v: x.evaluate(point) for v, x in mapping.items()}}
        assert e.substitute(mapping).evaluate(point) == e.evaluate(moved)


def test_names_never_clash() -> None:
    """Any text may be the name of a dim: isl sees another name for each."""
    names = ["a", "va", "a_", "a_5f_", "a.b", "é", "%1_0", "~3", "#N", "a b"]
    box = IndexSet.box({n: (constant(i), constant(i + 1)) for i, n in enumerate(names, start=1)})
    assert box.sample() == {n: i for i, n in enumerate(names, start=1)}


def test_a_size_is_at_least_one() -> None:
    size = variable("#N")
    assert IndexSet.where(compare(size, "<=", 0)) is EMPTY
    tiles = IndexSet.where(in_range(variable("k"), 0, size))
    assert not tiles.is_empty and tiles.count(["k"]) is None


def test_everything_and_nothing() -> None:
    assert IndexSet.where(ALWAYS) is UNIVERSE and IndexSet.where(NEVER) is EMPTY
    assert IndexSet.box({}) is UNIVERSE and IndexSet.box({"a": (constant(3), constant(3))}) is EMPTY
    a = IndexSet.where(compare(variable("a"), ">=", 0))
    assert a & EMPTY is EMPTY and a | EMPTY is a and a - a is EMPTY and a & UNIVERSE is a
    assert (a | IndexSet.where(compare(variable("a"), "<", 0))).equals(UNIVERSE)
    assert UNIVERSE.count([]) == 1 and EMPTY.count(["a"]) == 0 and UNIVERSE.count(["a"]) is None


def test_the_text_of_a_set_is_the_same_in_every_process() -> None:
    program = (
        "from stile_engine.index.sets import IndexSet, describe\n"
        "from stile_engine.index.affine import variable as v\n"
        "from stile_engine.index.predicate import *\n"
        "p = disjunction(compare(v('a'), '<', v('b') // 2), compare(v('k') % 3, '==', 1), compare(v('b'), '>=', 4))\n"
        "print(IndexSet.where(p).digest, describe(IndexSet.where(p)))\n"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(texts) == 1 and texts.pop().strip()


def test_numbers_beyond_the_machine_word() -> None:
    """A comparison with the ends of a 64-bit type's range has a constant that no machine word holds."""
    x = variable("x")
    inside = IndexSet.where(in_range(x, -(2**63), 2**63))
    assert IndexSet.box({"x": (Affine.of(-5), Affine.of(5))}).issubset(inside)
    assert IndexSet.where(compare(x * 2**64, ">=", 2**65)).equals(IndexSet.where(compare(x, ">=", 2)))


def test_a_bound_of_a_box_may_name_another_of_its_variables() -> None:
    i, j = Affine.variable("i"), Affine.variable("j")
    box = IndexSet.box({"i": (Affine(), Affine((), 4)), "j": (Affine(), i + 1)})
    assert box.equals(IndexSet.where(conjunction(in_range(i, 0, 4), in_range(j, 0, i + 1))))
    assert len(box.points(100) or ()) == 1 + 2 + 3 + 4


def test_sets_that_are_not_compared_at_once_are_two_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that takes isl long is compared with no other: each later set of these variables would wait for it."""

    def written_twice(a: Affine, b: Affine) -> tuple[IndexSet, IndexSet]:
        either = disjunction(compare(a, ">=", 0), compare(b, ">=", 0))
        apart = disjunction(compare(a, ">=", 0), conjunction(compare(a, "<", 0), compare(b, ">=", 0)))
        return IndexSet.where(either), IndexSet.where(apart)

    one, same = written_twice(Affine.variable("at_once.a"), Affine.variable("at_once.b"))
    assert one is same
    monkeypatch.setattr(isl_limits, "_FEW", 1)
    one, same = written_twice(Affine.variable("later.a"), Affine.variable("later.b"))
    assert one is not same and one.equals(same) and same.equals(one)


def test_comparisons_in_vain_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no set over some variables can be compared at once, each new one had tried it with another."""
    tried: list[None] = []

    def given_up(_: object) -> None:
        tried.append(None)

    monkeypatch.setattr(sets, "at_once", given_up)
    a, b = variable("vain.a"), variable("vain.b")
    for low in range(150):
        IndexSet.where(disjunction(compare(a, ">=", low), compare(b, ">=", low)))
    assert 0 < len(tried) <= 64


def _answers(prefix: str) -> list[str]:
    """What sets over variables of their own say, without the prefix of these."""
    a, b, n = (variable(prefix + name) for name in "abn")
    slanted = conjunction(compare(a * 3 + b, "<=", n), in_range(a, 0, 20), compare(b, ">=", a // 4), in_range(b, 0, 30))
    far = conjunction(compare(a, ">=", 3), compare(b, "<", n // 5))
    cases = disjunction(far, conjunction(compare(b, "==", a * 2), compare(a, "<", n)))
    one, two = IndexSet.where(slanted), IndexSet.where(cases)
    found: list[object] = []
    for made in (one, two, one & two, one | two, one - two, two - one, one.given(two), two.given(one)):
        found += [made, made.project_out([f"{prefix}a"]), made.about(frozenset([f"{prefix}a"]))]
        found += [made.substitute({f"{prefix}a": n - 3}), made.substitute({f"{prefix}a": b // 3})]
        found += [made.solve(f"{prefix}a"), made.limits(f"{prefix}a"), made.issubset(one), made.is_disjoint(two)]
    texts = [f.text if isinstance(f, IndexSet) else str(f) for f in found]
    return [text.replace(f"v{prefix}", "v").replace(prefix, "") for text in texts]


def _alike(text: str, other: str) -> bool:
    """Sets may be written in another order of their cases."""
    return text == other or (text[0] == other[0] == "[" and isl.Set(text).is_equal(isl.Set(other)))


def test_a_limit_that_fires_anywhere_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its limit isl gives parts of answers, or none: nothing of it is remembered for the next attempt."""
    monkeypatch.setattr(isl_limits, "_TIERS", ((10**6, 0),))
    expected = _answers("free")
    for steps in [*range(1, 60, 7), *range(60, 4_000, 61)]:
        monkeypatch.setattr(isl_limits, "_TIERS", ((steps, 0), (10**6, 0)))
        found = _answers(f"within{steps}steps")
        assert all(map(_alike, found, expected)), (steps, found, expected)
