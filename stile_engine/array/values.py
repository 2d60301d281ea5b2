"""Arrays as values over named dims, which is what the editor shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stile_engine.array.arrays import Array, IntegerArray, RealArray, TruthArray, around, as_node
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.predicate import Predicate, substitute
from stile_engine.index.sizes import Size, render_sizes
from stile_engine.term.expression import Axes, Node, bounds
from stile_engine.term.expression_text import expression_text, predicate_text
from stile_engine.term.provenance import Label, Part, Provenance, axis_text, label, strands_of
from stile_engine.term.reindexing import reindex_node
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.recording import Shown


def parts_of(array: Array) -> tuple[Part, ...]:
    """What its elements are made of."""
    match array:
        case RealArray(node=node):
            return (node,)
        case IntegerArray(pieces=pieces):
            return tuple(part for piece in pieces for part in piece)
        case TruthArray(predicate=predicate):
            return (predicate,)
    return ()


def show(array: Array, dtype: str, dims: Mapping[str, Dim], provenance: Provenance, outer: Axes) -> Shown:
    """What is shown of an array whose axes are ``$0``, ``$1`` …, and which may name variables ``outer`` to it."""
    with around(outer):
        return _show(array, dtype, dims, provenance)


def _show(array: Array, dtype: str, dims: Mapping[str, Dim], provenance: Provenance) -> Shown:
    condition = array.predicate if isinstance(array, TruthArray) else None
    variables = [axis_variable(a) for a in range(len(array.shape))]
    return show_element(as_node(array), parts_of(array), variables, array.shape, dtype, dims, provenance, condition)


def show_element(
    node: Node,
    parts: Sequence[Part],
    variables: Sequence[str],
    shape: Sequence[Size],
    dtype: str,
    dims: Mapping[str, Dim],
    provenance: Provenance,
    condition: Predicate | None = None,
) -> Shown:
    """An array in coordinates of the dims that its axes run along; other axes are ``$0``, ``$1`` … from the left.

    ``node`` is the element over ``variables``, one for each axis, ``parts`` what it is made of; a truth value
    is shown as its ``condition``.
    """
    sizes = [Affine.of(size) for size in shape]
    own: Axes = {v: bounds(0, size) for v, size in zip(variables, sizes, strict=True)}
    touches = provenance.of_parts(parts)
    labels = [label(strands_of(touches, v, own)) for v in variables]
    extents = {name: dim.extent for name, dim in dims.items()}
    ranges: list[DimRange] = []
    mapping: dict[str, Affine] = {}
    for number, (variable, size, found) in enumerate(zip(variables, sizes, labels, strict=True)):
        place = _range(found, size, extents, {r.name for r in ranges})
        ranges.append(place or DimRange(axis_variable(number), Affine(), size, size))
        mapping[variable] = Affine.variable(ranges[-1].name) - ranges[-1].low
    value = Value(tuple(ranges), reindex_node(node, mapping, {r.name: bounds(r.low, r.high) for r in ranges}))
    if condition is None:
        written = lambda: expression_text(value.node, extents)
    else:
        written = lambda: predicate_text(substitute(condition, mapping))
    texts = tuple(
        axis_text(found, size, extents) or render_sizes(size) for found, size in zip(labels, sizes, strict=True)
    )
    return Shown(value, written, texts, dtype)


def _range(found: Label | None, size: Affine, extents: Mapping[str, Affine], taken: set[str]) -> DimRange | None:
    """The part of a dim that an axis walks through one by one."""
    if found is None:
        return None
    strand = found[0]
    extent = extents.get(strand.dim)
    if not strand.is_run or strand.step != 1 or extent is None or strand.dim in taken:
        return None
    if not strand.offset.is_constant or strand.offset.constant < 0:
        return None
    return DimRange(strand.dim, strand.offset, strand.offset + size, extent)
