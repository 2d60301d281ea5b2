"""Whether boxes cover an index space exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stile_engine.errors import StileError
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare, conjunction
from stile_engine.index.sets import IndexSet, describe, union

Box = Mapping[str, tuple[Affine, Affine]]
"""Half-open ranges of the index variables."""


@dataclass(frozen=True, slots=True)
class CoverResult:
    """What is missing and what is covered more than once, each as an exact set and one of its points.

    ``overlap_boxes`` are the numbers of all boxes at the overlap's point.
    """

    gap: str | None = None
    gap_point: dict[str, int] | None = None
    overlap: str | None = None
    overlap_point: dict[str, int] | None = None
    overlap_boxes: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        return self.gap is None and self.overlap is None


def check_cover(boxes: Sequence[Box], whole: Box) -> CoverResult:
    """Compare boxes inside ``whole`` with it: every element in exactly one of them."""
    space = IndexSet.box(whole)
    sets = [IndexSet.box(box) & space for box in boxes]
    if any(s.tokens for s in sets):
        return _check_blocks(sets, space)
    covered, twice = _merge(sets)
    missing = space - covered
    gap, gap_point = _witness(missing)
    overlap, overlap_point = _witness(twice)
    meeting: tuple[int, ...] = ()
    if overlap_point is not None:
        meeting = tuple(i for i, s in enumerate(sets) if s.contains(overlap_point))
    return CoverResult(gap, gap_point, overlap, overlap_point, meeting)


class CoverUnknown(StileError):
    """The bounds of boxes are data, and what is declared of these does not say whether all is covered."""

    code = "unsupported"


def _check_blocks(sets: Sequence[IndexSet], space: IndexSet) -> CoverResult:
    """Boxes whose bounds are data: one after the other, so that what is declared of the data applies soon."""
    missing = space
    for i, one in enumerate(sets):
        missing = missing - one
        for other in sets[:i]:
            if not one.is_disjoint(other):
                raise CoverUnknown("blocks whose bounds are data may overlap: declare how the bounds are sorted")
    if missing.tokens:
        raise CoverUnknown("blocks whose bounds are data may leave a gap: declare the first and the last bound")
    gap, gap_point = _witness(missing)
    return CoverResult(gap, gap_point)


def _merge(sets: Sequence[IndexSet]) -> tuple[IndexSet, IndexSet]:
    """The union, and the elements that lie in two sets or more: halves merged, so that n sets cost n unions."""
    if not sets:
        nothing = union(())
        return nothing, nothing
    if len(sets) == 1:
        return sets[0], union(())
    middle = len(sets) // 2
    left, left_twice = _merge(sets[:middle])
    right, right_twice = _merge(sets[middle:])
    return left | right, left_twice | right_twice | (left & right)


def _witness(found: IndexSet) -> tuple[str | None, dict[str, int] | None]:
    if found.is_empty:
        return None, None
    unknowns = sorted(v for v in found.variables if v.startswith("#"))
    sizes = IndexSet.where(conjunction(*(compare(Affine.variable(v), ">=", 1) for v in unknowns)))
    return describe(found.given(sizes)), found.sample() or {}
