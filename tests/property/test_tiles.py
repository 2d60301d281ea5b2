"""Sums of numbers of tiles, counted as indices: against enumeration, at many sizes."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import event, given
from hypothesis import strategies as st
from term_values import Bounded, PolyEvaluator

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, conjunction, in_range
from stile_engine.index.sets import IndexSet
from stile_engine.term.atoms import ONE, Poly, of_atom, read_atom
from stile_engine.term.expression import Tensor
from stile_engine.term.ring import add, indicator_of, multiply, of_affine, scale
from stile_engine.term.sums import sum_over
from stile_engine.term.tiles import counted_by_index

N, PLACE, T, Q = (Affine.variable(v) for v in ("#N", "i", "t", "q"))
X = of_atom(read_atom(Tensor("X", ("q",), (Affine((), 4),)), (Q,)))


def value(term: Poly, at: dict[str, int]) -> Fraction:
    found: Fraction = PolyEvaluator(Bounded(15), lambda _, index: Fraction(index[0] * 3 - 2, 7))(term, at)
    return found


@given(
    st.integers(1, 6),
    st.integers(-3, 3),
    st.integers(-4, 9),
    st.integers(-2, 2),
    st.sampled_from(["plain", "indicator", "scaled", "beside"]),
    st.booleans(),
)
def test_sums_of_numbers_of_tiles(tile: int, low: int, shift: int, slope: int, form: str, squared: bool) -> None:
    """``sum over i of (n + shift - i) // tile + …`` in its normal form and added up one by one."""
    length = (N + shift - PLACE + tile - 1) // tile
    domain = IndexSet.where(
        conjunction(in_range(PLACE, low, low + tile), compare(PLACE, "<", N + shift), compare(N, ">=", 1))
    )
    body = of_affine(length)
    if form == "indicator":
        body = multiply(body, indicator_of(IndexSet.where(compare(PLACE, ">=", low + 1))))
    elif form == "scaled":
        body = scale(multiply(body, multiply(X, X) if squared else X), Fraction(-3, 2))
    elif form == "beside":
        body = add(multiply(body, X), of_affine(PLACE * slope))
    event("counted" if counted_by_index(("i",), domain, body) is not None else "left")
    total = sum_over(("i",), domain, body)
    for n in range(1, 2 * tile + 12):
        at = {"#N": n, "q": 2}
        members = [i for i in range(low, low + tile) if i < n + shift]
        assert value(total, at) == sum((value(body, {**at, "i": i}) for i in members), Fraction(0)), (n, str(total))


@given(st.integers(2, 7), st.integers(-3, 3), st.integers(0, 5), st.booleans())
def test_tiles_and_places_in_them_are_one_run(tile: int, low: int, shift: int, tile_first: bool) -> None:
    bound = ("t", "i") if tile_first else ("i", "t")
    pairs = conjunction(
        in_range(PLACE, low, low + tile), compare(T, ">=", 0), compare(T * tile + PLACE, "<", N + shift + low)
    )
    total = sum_over(bound, IndexSet.where(conjunction(pairs, compare(N, ">=", 1))), ONE)
    for n in range(1, 3 * tile):
        assert value(total, {"#N": n}) == max(0, n + shift)


def test_the_number_of_elements_in_tiles_of_32() -> None:
    domain = IndexSet.where(conjunction(in_range(PLACE, 0, 32), compare(PLACE, "<", N), compare(N, ">=", 1)))
    total = sum_over(("i",), domain, of_affine((N - PLACE + 31) // 32))
    assert total is multiply(of_affine(N), indicator_of(IndexSet.where(compare(N, ">=", 1))))
