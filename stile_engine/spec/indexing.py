"""``scatter`` as nodes."""

from __future__ import annotations

from collections.abc import Mapping

from stile_engine.index.affine import Affine
from stile_engine.spec.operand import Operand, at, axes, dim_names, str_range
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecShapeError, SpecUnsupported
from stile_engine.term.expression import ZERO, Axes, Node, Reindex
from stile_engine.term.scattering import COMBINED, Place, checked
from stile_engine.term.scattering import scattered as scatter_node
from stile_engine.term.value import DimRange


def scattered(
    node: tree.Scatter,
    source: Operand,
    place: Affine,
    index_dims: tuple[DimRange, ...],
    target: DimRange,
    base: Operand | None,
) -> Operand:
    """``base`` with the elements of ``source`` written to ``place`` along ``target``.

    The dims of the index are written over, but for those that the base has too: these pair by name.
    """
    reduction = node.reduction
    fixed = frozenset() if base is None else {d.name for d in base.dims} - {target.name}
    if base is not None and base.dim(target.name) != target:
        message = f"the base has {dim_names(base.dims)}: expected the whole {target.name} among them"
        raise SpecShapeError(message, base.start, base.end, (target.name,))
    moving = tuple(d for d in index_dims if d.name not in fixed)
    for dim in index_dims:
        own = source.dim(dim.name)
        if own is not None and own != dim:
            message = f"the index runs over {dim.name}, the source has {str_range(own)}: expected the same slice"
            raise SpecShapeError(message, source.start, source.end, (str_range(dim),))
    if not moving:
        raise SpecShapeError("all dims of the index are dims of the base: nothing is scattered", node.start, node.end)
    gone = {d.name for d in moving}
    rest = [d for d in source.dims if d.name not in gone]
    if any(d.name == target.name for d in rest):
        message = f"the source has {target.name} itself: expected the dims of the index in its place"
        raise SpecShapeError(message, source.start, source.end)
    dims = _dims(node, source, target, base, gone)
    # the index may have the very dim that is written to: what is summed over has names of its own
    renaming = {d.name: Affine.variable(f"${d.name}") for d in moving}
    bound: Axes = {f"${d.name}": (d.low, d.high) for d in moving}
    ranges: Axes = {**axes(index_dims), **axes(dims), **bound}
    places = [Place(target.name, (target.low, target.high), place.substitute(renaming))]
    if reduction is not None and reduction.text not in COMBINED:
        message = f"scatter[{target.name}, {reduction.text}] is not modelled: expected sum, prod, max or min"
        raise SpecUnsupported(message, reduction.start, reduction.end)
    body = _renamed(source.node, renaming, ranges)
    base_node: Node = ZERO if base is None else base.node
    made = scatter_node(bound, places, body, base_node, ranges, None if reduction is None else reduction.text)
    return at(node, dims, checked(made, bound, places, ranges))


def _renamed(node: Node, renaming: Mapping[str, Affine], ranges: Axes) -> Node:
    return Reindex(node, dict(renaming), ranges) if renaming.keys() & node.axes.keys() else node


def _dims(
    node: tree.Scatter, source: Operand, target: DimRange, base: Operand | None, gone: set[str]
) -> tuple[DimRange, ...]:
    if base is not None:
        known = {d.name: d for d in base.dims}
    else:
        known = {}
        for dim in source.dims:
            for one in [target] if dim.name in gone else [dim]:
                known.setdefault(one.name, one)
        known.setdefault(target.name, target)
        return tuple(known.values())
    for dim in source.dims:
        if dim.name not in gone and known.setdefault(dim.name, dim) != dim:
            message = f"the source has {str_range(dim)}, the base {str_range(known[dim.name])}: expected the same slice"
            raise SpecShapeError(message, node.start, node.end)
    return tuple(known.values())
