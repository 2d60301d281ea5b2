"""Divisions of indices inside of ranges, against numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stile_engine.index.affine import Affine, quotient_and_remainder, settled
from stile_engine.index.predicate import compare, evaluate, in_range
from stile_engine.index.sets import IndexSet
from stile_engine.term.divisions import exact_on
from stile_engine.term.expression import bounds

NAMES = ("u", "v", "w")


@st.composite
def indices(draw: st.DrawFn) -> tuple[Affine, dict[str, tuple[int, int]]]:
    ranges = {}
    for name in NAMES:
        low = draw(st.integers(-4, 4))
        ranges[name] = (low, low + draw(st.integers(1, 6)))
    index = Affine((), draw(st.integers(-30, 30)))
    for name in NAMES:
        index = index + Affine.variable(name) * draw(st.sampled_from([0, 1, 2, 3, 4, 6, 8, 12, 24, -1, -4, -6]))
    if draw(st.booleans()):
        index = index // draw(st.sampled_from([2, 3, 4])) + Affine.variable("u") * draw(st.integers(-3, 3))
    return index, ranges


def points(ranges: dict[str, tuple[int, int]]) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{}]
    for name, (low, high) in ranges.items():
        found = [{**point, name: k} for point in found for k in range(low, high)]
    return found


@given(indices(), st.sampled_from([2, 3, 4, 6, 8, 12, 24, 48]))
@settings(max_examples=300, deadline=None)
def test_quotients_and_remainders(drawn: tuple[Affine, dict[str, tuple[int, int]]], divisor: int) -> None:
    index, ranges = drawn
    quotient, remainder = quotient_and_remainder(index, divisor, {n: bounds(*r) for n, r in ranges.items()})
    for point in points(ranges):
        expected = divmod(index.evaluate(point), divisor)
        assert (quotient.evaluate(point), remainder.evaluate(point)) == expected


@given(indices(), st.sampled_from([2, 4, 6, 24]), st.sampled_from([2, 3, 4]))
@settings(max_examples=300, deadline=None)
def test_settled_indices(drawn: tuple[Affine, dict[str, tuple[int, int]]], outer: int, inner: int) -> None:
    index, ranges = drawn
    index = (index // inner * 3 + index) // outer - index % inner
    found = settled(index, {n: bounds(*r) for n, r in ranges.items()})
    for point in points(ranges):
        assert found.evaluate(point) == index.evaluate(point)


@given(
    indices(), st.sampled_from([2, 3, 4]), st.sampled_from([1, 2, -3]), st.sampled_from([2, 3, 4]), st.integers(0, 3)
)
@settings(max_examples=300, deadline=None)
def test_exact_divisions(
    drawn: tuple[Affine, dict[str, tuple[int, int]]], divisor: int, factor: int, modulus: int, remainder: int
) -> None:
    """Where the domain fixes the remainder, a multiple of the divisor times the quotient has no division."""
    index, ranges = drawn
    whole = Affine.variable("u") * factor + index // divisor * (divisor * factor) - index // 5
    same = compare(index % modulus, "==", remainder)
    domain = IndexSet.box({n: bounds(*r) for n, r in ranges.items()}) & IndexSet.where(same)
    found = exact_on(whole, domain)
    for point in points(ranges):
        if evaluate(same, point):
            assert found.evaluate(point) == whole.evaluate(point)


def test_a_remainder_that_is_known_leaves_no_division() -> None:
    n, size = Affine.variable("n"), Affine.variable("#n")
    even = IndexSet.where(compare(n % 2, "==", 0)) & IndexSet.box({"n": (Affine(), size)})
    assert exact_on(n // 2 * 2, even) == n
    assert exact_on(n // 2 * 6 + 1, even) == n * 3 + 1
    assert exact_on(n // 2, even) == n // 2
    assert exact_on(n // 4 * 4, even) == n // 4 * 4
    second = IndexSet.where(in_range(n, Affine((), 8), Affine((), 16)))
    assert exact_on(n - (n + 8) // 16 * 16 + 8, second) == n - 8
    assert exact_on(n // 4, second) == n // 4


def test_what_ranges_leave_no_choice() -> None:
    u, v, w = (Affine.variable(n) for n in NAMES)
    ranges = {"u": bounds(0, 4), "v": bounds(0, 6), "w": bounds(0, 8)}
    assert quotient_and_remainder(w * 4 + u, 4, ranges) == (w, u)
    assert quotient_and_remainder(w * 24 + v * 4 + u, 48, ranges)[0] == w // 2
    assert settled((v * 4 + u) // 4 - u // 4, ranges) == v
    assert settled((u + 1) // 4, ranges) == (u + 1) // 4
