"""What a typed kernel claims of the carries of its loops: a call of a helper that does nothing marks where, and is
given the places of the tile and the numbers that the claim speaks of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stile_engine.array.arrays import RealArray, outer_ranges, ranges_of
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.index.predicate import conjunction, in_range
from stile_engine.spec.indices import Indices
from stile_engine.spec.lower import SpecError, lower
from stile_engine.spec.syntax import parse
from stile_engine.spec.syntax.tree import DimRef, Spec, Syntax, children
from stile_engine.term import expression as written
from stile_engine.term.expression import Carried, Node, bounds
from stile_engine.term.instantiate import Instantiation
from stile_engine.term.reindexing import reindex_node
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.frontend import TraceError, axis_variable
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Claim
from stile_engine.triton.adapter import CLAIM
from stile_engine.triton.interpreter import Environment, Reader, controls
from stile_engine.triton.operations import as_whole
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.ttir.tree import Operation

_LARGEST = 2**31
"""Integers of a kernel that a claim names are below it."""


@dataclass(frozen=True)
class Claimed:
    """``name`` is claimed to be ``spec`` before each round of a loop; ``tile`` are the dims that it is sliced by.
    ``symbols`` are the integers of the kernel that the spec names. The operands of the mark are where the slices
    begin, and then these."""

    name: str
    spec: str
    tile: tuple[Dim, ...]
    symbols: tuple[str, ...]
    fixed: tuple[int | None, ...]
    """Of these places the numbers that are known when the kernel is compiled: they are no operands."""
    site: Site


@controls("tt.call")
def call(operation: Operation, environment: Environment, reader: Reader) -> None:
    marked = re.search(rf"{CLAIM}_(\d+)", " ".join(operation.words))
    if marked is None:
        raise reader.unsupported("a helper function that the compiler does not put in place", operation)
    if reader.silent:
        return
    claimed = reader.claims[int(marked[1])]
    operands = iter([as_whole(environment[name]).single for name in operation.operands])
    places = [Affine((), n) if n is not None else _affine(next(operands, None)) for n in claimed.fixed]
    known = [p for p in places if p is not None]
    if len(known) < len(places) or next(operands, None) is not None:
        raise TraceError(
            f"the place of the tile of {claimed.name} is no affine expression of program ids and rounds", claimed.site
        )
    value = _carry(claimed, environment, reader)
    node, dims = _claim(claimed, known, value, reader)
    match value.node:
        case Carried(recurrence, number) if recurrence.variable == reader.carried.round:
            claims = list(recurrence.invariant or (None,) * len(recurrence.initial))
            claims[number] = node
            recurrence.invariant = tuple(claims)
        case _:
            # The loop is read round by round: it is a claim of this one.
            reader.recorder.claim(Claim(Value(dims, value.node), Value(dims, node), claimed.site, claimed.spec))


def _affine(value: Polynomial | None) -> Affine | None:
    return None if value is None else value.affine


def _carry(claimed: Claimed, environment: Environment, reader: Reader) -> RealArray:
    """What the loop carries under that name, before the round. Raises ``TraceError`` where that is not plain."""
    pattern = re.compile(rf"%{re.escape(claimed.name)}(_\d+)?")
    values = [environment[n] for n in reader.carried.names if pattern.fullmatch(n)]
    if len(values) != 1:
        raise TraceError(f"the loop does not carry {claimed.name}, or names like it as well", claimed.site)
    if not isinstance(values[0], RealArray):
        raise TraceError(f"{claimed.name} is no block of real numbers", claimed.site)
    return values[0]


def _claim(
    claimed: Claimed, places: list[Affine], value: RealArray, reader: Reader
) -> tuple[Node, tuple[DimRange, ...]]:
    """The spec over the lanes of the block, and the ranges of the lanes and of all that stands around them."""
    if len(claimed.tile) != len(value.shape):
        raise TraceError(f"{claimed.name} has {len(value.shape)} axes, not one for each dim of its tile", claimed.site)
    extents = {name: dim.extent for name, dim in reader.dims.items()}
    extents.update({name: Affine((), _LARGEST) for name in claimed.symbols})
    try:
        tree = parse(claimed.spec)
        slices = _slices(tree, claimed.symbols, extents)
        node = lower(parse(_without(claimed.spec, tree, slices)) if slices else tree, extents).value.node
    except SpecError as error:
        raise TraceError(f"the invariant of {claimed.name}: {error.message}", claimed.site, code=error.code) from error
    if slices:
        node = _Sliced({n: (low, high) for _, n, low, high in slices})(node)
    mapping = {
        d.name: p + Affine.variable(axis_variable(a))
        for a, (d, p) in enumerate(zip(claimed.tile, places, strict=False))
    }
    mapping.update(zip(claimed.symbols, places[len(claimed.tile) :], strict=True))
    if left := sorted(v for v in node.axes if v not in mapping):
        raise TraceError(
            f"the invariant of {claimed.name} has dims {' '.join(left)}, which the tile {claimed.name} lacks",
            claimed.site,
            code="dim-mismatch",
        )
    around = {**outer_ranges(), **ranges_of(value.shape)}
    dims = tuple(DimRange(v, low, high, high) for v, (low, high) in around.items())
    return reindex_node(node, mapping, around), dims


# -- slices that the kernel's own integers bound ----------------------------------------------


def _slices(
    tree: Spec, symbols: tuple[str, ...], extents: Mapping[str, Affine]
) -> list[tuple[DimRef, str, Affine, Affine]]:
    """The slices that name integers of the kernel, as in ``K[0:k]``. Raises ``SpecError`` for two of one dim."""
    found: list[tuple[DimRef, str, Affine, Affine]] = []
    whole: set[str] = set()
    waiting: list[Syntax] = [tree]
    indices = Indices(extents)
    while waiting:
        node = waiting.pop()
        waiting += children(node)
        if not isinstance(node, DimRef):
            continue
        name = node.name.text
        if node.low is None or node.high is None:
            whole.add(name)
            continue
        low, high = indices.affine(node.low), indices.affine(node.high)
        if (low.variables | high.variables) & set(symbols):
            found.append((node, name, low, high))
    for node, name, low, high in found:
        if name in whole or any((low, high) != (a, b) for _, n, a, b in found if n == name):
            raise SpecError(
                f"{name} stands here with another slice as well: a claim slices a dim in one way", node.start, node.end
            )
    return found


def _without(text: str, tree: Spec, slices: list[tuple[DimRef, str, Affine, Affine]]) -> str:
    """The spec with these dims whole."""
    for node, name, *_ in sorted(slices, key=lambda s: -s[0].start):
        text = f"{text[: node.start]}{name}{text[node.end :]}"
    return text


class _Sliced(Instantiation):
    """An expression in which the dims are reduced over these ranges only."""

    def __init__(self, ranges: Mapping[str, tuple[Affine, Affine]]) -> None:
        super().__init__({})
        self._slices = ranges

    def _concerns(self, _axes: written.Axes) -> bool:
        return True

    def _build(self, node: Node) -> Node:
        if isinstance(node, written.Reduce) and (own := self._slices.keys() & node.bound.keys()):
            inside = [in_range(Affine.variable(v), *self._slices[v]) for v in sorted(own)]
            names = set().union(*(low.variables | high.variables for low, high in self._slices.values()))
            outside = {v: bounds(0, _LARGEST) for v in names if not v.startswith("#")}
            return written.Reduce(
                node.reduction,
                node.bound,
                conjunction(node.predicate, *inside),
                self(node.body),
                {**node.ranges, **outside},
            )
        return super()._build(node)
