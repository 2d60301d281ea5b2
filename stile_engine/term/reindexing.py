"""An expression at other indices."""

from __future__ import annotations

from collections.abc import Mapping

from stile_engine.index.affine import Affine
from stile_engine.term.expression import Axes, Carried, IndexNumber, Node, Read, Reindex


def reindex_node(node: Node, mapping: Mapping[str, Affine], ranges: Axes) -> Node:
    """``node`` with its variables replaced all at once.

    Every use here stays inside the ranges of the node's variables, so replacing twice is replacing by
    the composition: no intermediate index can be out of range.
    """
    used = {name: index for name, index in mapping.items() if name in node.axes}
    if all(index == Affine.variable(name) and ranges.get(name) == node.axes[name] for name, index in used.items()):
        return node
    match node:
        case Read(tensor, index, inner):
            return Read(tensor, tuple(i.substitute(used) for i in index), {**inner, **ranges})
        case Carried(recurrence, number, index, round_, inner) if not (used.keys() & recurrence.outer.keys()):
            moved = tuple(i.substitute(used) for i in index)
            return Carried(recurrence, number, moved, round_.substitute(used), {**inner, **ranges})
        case IndexNumber(index, inner):
            return IndexNumber(index.substitute(used), {**inner, **ranges})
        case Reindex(body, earlier, inner):
            composed = {name: index.substitute(used) for name, index in earlier.items()}
            composed.update({name: index for name, index in used.items() if name in body.axes and name not in earlier})
            return Reindex(body, composed, {**inner, **ranges})
        case _:
            return Reindex(node, used, ranges)
