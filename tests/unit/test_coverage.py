"""Exact coverage of an index space by boxes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from stile_engine.index.affine import Affine
from stile_engine.index.coverage import check_cover


def box(**ranges: tuple[int, int]) -> dict[str, tuple[Affine, Affine]]:
    return {name: (Affine.of(low), Affine.of(high)) for name, (low, high) in ranges.items()}


def test_exact_cover() -> None:
    assert check_cover([box(q=(0, 4)), box(q=(4, 8))], box(q=(0, 8))).complete


def test_gap_with_its_first_point() -> None:
    found = check_cover([box(q=(0, 4)), box(q=(5, 8))], box(q=(0, 8)))
    assert found.gap == "q = 4"
    assert found.gap_point == {"q": 4}
    assert found.overlap is None


def test_overlap_names_its_boxes() -> None:
    found = check_cover([box(q=(0, 4)), box(q=(6, 8)), box(q=(3, 6))], box(q=(0, 8)))
    assert found.gap is None
    assert found.overlap_point == {"q": 3}
    assert found.overlap_boxes == (0, 2)


def test_nothing_written() -> None:
    assert check_cover([], box(q=(0, 8))).gap_point == {"q": 0}


def test_scalars() -> None:
    assert check_cover([{}], {}).complete
    assert check_cover([], {}).gap_point == {}
    assert check_cover([{}, {}], {}).overlap_boxes == (0, 1)


def test_dims_are_taken_together() -> None:
    """Each dim alone is covered, the corners are not."""
    found = check_cover([box(a=(0, 4), b=(0, 4)), box(a=(4, 8), b=(4, 8))], box(a=(0, 8), b=(0, 8)))
    assert found.gap_point == {"a": 0, "b": 4}


def test_symbolic_sizes() -> None:
    size = Affine.variable("#N") * 64
    half = Affine.variable("#N") * 32
    whole = {"N": (Affine(), size)}
    assert check_cover([{"N": (Affine(), half)}, {"N": (half, size)}], whole).complete
    assert check_cover([{"N": (Affine(), half)}, {"N": (half + 1, size)}], whole).gap is not None


def test_many_tiles() -> None:
    tiles = [box(a=(i, i + 8), b=(j, j + 8)) for i in range(0, 128, 8) for j in range(0, 128, 8)]
    whole = box(a=(0, 128), b=(0, 128))
    assert check_cover(tiles, whole).complete
    assert check_cover(tiles[:100] + tiles[101:], whole).gap_point == {"a": 48, "b": 32}


_interval = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda r: r[0] < r[1])


@given(st.lists(st.tuples(_interval, _interval), max_size=6))
def test_agrees_with_counting(rectangles: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    counts = {p: 0 for p in itertools.product(range(4), repeat=2)}
    for rows, columns in rectangles:
        for p in itertools.product(range(*rows), range(*columns)):
            counts[p] += 1
    found = check_cover([box(a=r, b=c) for r, c in rectangles], box(a=(0, 4), b=(0, 4)))
    assert (found.gap is None) == (0 not in counts.values())
    assert (found.overlap is None) == all(n < 2 for n in counts.values())
    if found.gap_point is not None:
        assert counts[found.gap_point["a"], found.gap_point["b"]] == 0
    if found.overlap_point is not None:
        assert counts[found.overlap_point["a"], found.overlap_point["b"]] == len(found.overlap_boxes) > 1
