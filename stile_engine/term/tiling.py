"""One expression out of many that each hold on a box of the index space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stile_engine.index.affine import Affine, variable
from stile_engine.index.predicate import compare, conjunction, in_range
from stile_engine.term.expression import Axes, Node, select


@dataclass(frozen=True, slots=True)
class Tile:
    """``node``, in use on ``box``, with its axes on the ranges of the whole space."""

    box: Axes
    node: Node


def join(tiles: Sequence[Tile], region: Axes, whole: Axes, otherwise: Node) -> Node:
    """The tiles as one expression over the ranges ``whole``, right inside ``region``.

    Of tiles that overlap the later counts; what is in none of them is ``otherwise``. The region is cut
    in halves as long as no tile is cut through, so that the depth grows with the logarithm of their number.
    """
    if not tiles:
        return otherwise
    for name in region:
        cut = _cut(tiles, name)
        if cut is not None:
            low, high = region[name]
            at = Affine.of(cut)
            below = [t for t in tiles if t.box[name][1].constant <= cut]
            above = [t for t in tiles if t.box[name][0].constant >= cut]
            return select(
                compare(variable(name), "<", cut),
                join(below, {**region, name: (low, at)}, whole, otherwise),
                join(above, {**region, name: (at, high)}, whole, otherwise),
                whole,
            )
    last = tiles[-1]
    inside = conjunction(*(in_range(variable(v), *b) for v, b in last.box.items() if b != region[v]))
    if not any(b != region[v] for v, b in last.box.items()):
        return last.node
    return select(inside, last.node, join(tiles[:-1], region, whole, otherwise), whole)


def _cut(tiles: Sequence[Tile], name: str) -> int | None:
    """An index along the variable that separates the tiles, as near the middle one as there is."""
    if len(tiles) < 2 or not all(low.is_constant and high.is_constant for low, high in (t.box[name] for t in tiles)):
        return None
    ordered = sorted((low.constant, high.constant) for low, high in (t.box[name] for t in tiles))
    found: list[tuple[int, int]] = []
    reach = ordered[0][1]
    for position, (low, high) in enumerate(ordered):
        if position and low >= reach:
            found.append((abs(2 * position - len(ordered)), low))
        reach = max(reach, high)
    return min(found)[1] if found else None
