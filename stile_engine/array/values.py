"""Arrays as values over named dims, which is what the editor shows."""

from __future__ import annotations

from stile_engine.array.arrays import Array, as_node, reindex_node
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.term.expression import Node, bounds
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import axis_variable


def to_value(array: Array, dims: dict[str, Dim]) -> Value:
    """The array in coordinates of the dims that its axes run along; other axes keep their own variables."""
    ranges: list[DimRange] = []
    mapping: dict[str, Affine] = {}
    used: set[str] = set()
    for number, size in enumerate(array.shape):
        origin = array.origins[number]
        if origin is None or origin.name in used or origin.name not in dims:
            name = axis_variable(number)
            ranges.append(DimRange(name, Affine(), Affine.of(size), Affine.of(size)))
            continue
        used.add(origin.name)
        low = Affine((), origin.offset)
        ranges.append(DimRange(origin.name, low, low + size, dims[origin.name].extent))
        mapping[axis_variable(number)] = Affine.variable(origin.name) - low
    node: Node = as_node(array)
    if mapping:
        node = reindex_node(node, mapping, {r.name: bounds(r.low, r.high) for r in ranges})
    return Value(tuple(ranges), node)
