"""The inverse of an affine map against all tuples, one by one."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from stile_engine.array.arrays import Unreadable
from stile_engine.array.inverse import invert
from stile_engine.index.affine import Affine
from stile_engine.index.sets import IndexSet

U, V, W = (Affine.variable(name) for name in "uvw")
NAMES = "uvw"


@st.composite
def _component(draw: st.DrawFn) -> Affine:
    total = Affine((), draw(st.integers(-3, 3)))
    for variable in (U, V, W):
        term = variable
        match draw(st.integers(0, 4)):
            case 0:
                term = variable // draw(st.integers(2, 3))
            case 1:
                term = variable % draw(st.integers(2, 3))
        total = total + term * draw(st.sampled_from((-6, -2, -1, 0, 0, 0, 1, 1, 2, 3, 6)))
    return total


@given(st.lists(_component(), min_size=1, max_size=3), st.tuples(*[st.integers(1, 4)] * 3))
def test_every_tuple_is_found_again(components: list[Affine], sizes: tuple[int, int, int]) -> None:
    values = [Affine.variable(f"e{d}") for d in range(len(components))]
    try:
        found = invert(list(zip(components, values, strict=True)), dict(zip(NAMES, sizes, strict=True)))
    except Unreadable:
        return
    images: dict[tuple[int, ...], tuple[int, ...]] = {}
    for point in product(*(range(size) for size in sizes)):
        at = dict(zip(NAMES, point, strict=True))
        image = tuple(c.evaluate(at) for c in components)
        assert image not in images, "two tuples have one image, and an inverse was given"
        images[image] = point
    condition = IndexSet.where(found.condition)
    lows = [min(i[d] for i in images) - 1 for d in range(len(components))]
    highs = [max(i[d] for i in images) + 1 for d in range(len(components))]
    for image in product(*(range(low, high + 1) for low, high in zip(lows, highs, strict=True))):
        at = {f"e{d}": value for d, value in enumerate(image)}
        named = {name: value for name, value in at.items() if name in condition.variables}
        holds = condition.contains(named) if named else not condition.is_empty
        assert holds == (image in images)
        if image in images:
            assert tuple(found.solution[name].evaluate(at) for name in NAMES) == images[image]


def test_flat_programs_are_told_apart() -> None:
    # the blocks of programs p = 3 i + j, of 4 by 4 elements
    p, r, s = (Affine.variable(name) for name in "prs")
    row, column = Affine.variable("row"), Affine.variable("column")
    found = invert([(p // 3 * 4 + r, row), (p % 3 * 4 + s, column)], {"p": 6, "r": 4, "s": 4})
    for a, b in product(range(8), range(12)):
        assert found.solution["p"].evaluate({"row": a, "column": b}) == a // 4 * 3 + b // 4


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7))
def test_a_flat_index_in_rows_of_another_length(blocks: int, length: int, row: int) -> None:
    """Blocks of one length over rows of another: element ``(e // row, e % row)`` is at ``e = length u + v``."""
    flat = U * length + V
    i, j = (Affine.variable(name) for name in "ij")
    found = invert([(flat // row, i), (flat % row, j)], {"u": blocks, "v": length})
    condition = IndexSet.where(found.condition)
    for u, v in product(range(blocks), range(length)):
        at = {"i": (u * length + v) // row, "j": (u * length + v) % row}
        assert {name: found.solution[name].evaluate(at) for name in "uv"} == {"u": u, "v": v}
        named = {name: value for name, value in at.items() if name in condition.variables}
        assert condition.contains(named) if named else not condition.is_empty
    beyond = {"i": blocks * length // row + 1, "j": 0}
    named = {name: value for name, value in beyond.items() if name in condition.variables}
    assert "i" not in condition.variables or not condition.contains(named)
