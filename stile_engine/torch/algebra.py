"""Whole-array algebra on arrays without numbers: what the models of aten operations are written in.

Operands broadcast as PyTorch's do, aligned at the last axis. Results are real numbers unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    Shape,
    TruthArray,
    UnknownArray,
    Unreadable,
    as_node,
    axis,
    ranges_of,
    reindex,
)
from stile_engine.array.choice import choose
from stile_engine.array.meeting import meet
from stile_engine.array.operation import HANDLERS, Operation
from stile_engine.array.values import parts_of
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate
from stile_engine.index.sizes import Size
from stile_engine.term.expression import (
    Axes,
    IndexNumber,
    Node,
    Power,
    apply,
    bounds,
    divide,
    multiply,
    number,
    reduce,
    subtract,
)
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable

_fresh = count()


class UnknownOperand(Unreadable):
    """An operation needs an operand that has no model; its reason and place are kept."""

    def __init__(self, operand: UnknownArray) -> None:
        super().__init__(operand.reason)
        self.operand = operand


def bound_variable() -> str:
    """A name that no dim, no axis and no other reduction has."""
    return f"$t{next(_fresh)}"


def constant(value: Node) -> RealArray:
    return RealArray((), value)


def of_number(value: int) -> RealArray:
    return constant(number(value))


def real(array: Array) -> RealArray:
    if isinstance(array, RealArray):
        return array
    if isinstance(array, UnknownArray):
        raise UnknownOperand(array)
    return RealArray(array.shape, as_node(array))


def common_shape(shapes: Iterable[Shape]) -> Shape:
    """The shape that operands broadcast to; PyTorch has already made sure that they do."""
    found: list[Size] = []
    for shape in shapes:
        padded = [1] * (len(shape) - len(found)) + found
        lead = len(padded) - len(shape)
        found = padded[:lead] + [b if a == 1 else a for a, b in zip(padded[lead:], shape, strict=True)]
    return tuple(found)


def broadcast(array: Array, shape: Shape) -> Array:
    if array.shape == shape:
        return array
    lead = len(shape) - len(array.shape)
    kept = [own == size for own, size in zip(array.shape, shape[lead:], strict=True)]
    indices = [axis(lead + a) if same else Affine() for a, same in enumerate(kept)]
    return reindex(array, indices, shape)


def each(function: Callable[..., Node], *arrays: Array) -> RealArray:
    """The function on elements that stand at one index."""
    shape = common_shape(a.shape for a in arrays)
    nodes = [as_node(broadcast(real(a), shape)) for a in arrays]
    meet([(node,) for node, a in zip(nodes, arrays, strict=True) if a.shape], ranges_of(shape))
    return RealArray(shape, function(*nodes))


def applied(name: str, *arrays: Array) -> RealArray:
    return each(lambda *nodes: apply(name, *nodes), *arrays)


def add(left: Array, right: Array) -> RealArray:
    return applied("add", left, right)


def minus(left: Array, right: Array) -> RealArray:
    return each(subtract, left, right)


def times(left: Array, right: Array) -> RealArray:
    return each(multiply, left, right)


def over(left: Array, right: Array) -> RealArray:
    return each(divide, left, right)


def negative(array: Array) -> RealArray:
    return applied("neg", array)


def exp(array: Array) -> RealArray:
    return applied("exp", array)


def log(array: Array) -> RealArray:
    return applied("log", array)


def square(array: Array) -> RealArray:
    return each(lambda x: Power(x, 2), array)


def primitive(name: str, shape: Shape, dtype: str, *inputs: Array, **params: object) -> Array:
    """One of the shared primitives; its operands are broadcast first."""
    unknown = next((i for i in inputs if isinstance(i, UnknownArray)), None)
    if unknown is not None:
        raise UnknownOperand(unknown)
    wide = [broadcast(i, shape) for i in inputs]
    machine: object = None
    (found,) = HANDLERS[name](Operation(name, params, wide, [shape], [dtype], None), machine)  # type: ignore[arg-type]
    return found


def converted(array: Array, dtype: str) -> Array:
    """The array in another element type. Between floating types nothing happens to real numbers."""
    return primitive("convert_element_type", array.shape, dtype, array)


def chosen(predicate: Array, yes: Array, no: Array) -> Array:
    """Where a truth array holds the one, else the other."""
    shape = common_shape((predicate.shape, yes.shape, no.shape))
    condition = broadcast(predicate, shape)
    if isinstance(condition, UnknownArray):
        raise UnknownOperand(condition)
    if not isinstance(condition, TruthArray):
        raise Unreadable("a choice by something other than a truth value")
    cases: list[tuple[Predicate, Array]] = [
        (condition.predicate, broadcast(yes, shape)),
        (ALWAYS, broadcast(no, shape)),
    ]
    together = [(condition, predicate), (cases[0][1], yes), (cases[1][1], no)]
    meet([parts_of(wide) for wide, own in together if own.shape], ranges_of(shape))
    return choose(cases, shape)


# -- reductions and contractions -----------------------------------------------------------


def normalized(dims: Sequence[int] | int | None, rank: int) -> tuple[int, ...]:
    """Axes counted from 0; all of them where none are named."""
    if dims is None:
        return tuple(range(rank))
    given = [dims] if isinstance(dims, int) else list(dims)
    if not given:
        return tuple(range(rank))
    return tuple(sorted(d % rank if rank else 0 for d in given if rank))


def reduced(array: Array, reduction: str, dims: Sequence[int], keep: bool = False) -> RealArray:
    """``sum``, ``max``, ``min`` or ``prod`` over the axes ``dims``; with ``keep`` they stay with size 1."""
    operand = real(array)
    rank = len(operand.shape)
    kept = [a for a in range(rank) if a not in dims]
    shape = tuple(1 if a in dims else operand.shape[a] for a in range(rank) if keep or a not in dims)
    place = {a: a if keep else i for i, a in enumerate(kept)}
    names = {a: bound_variable() for a in dims}
    bound: Axes = {name: bounds(0, operand.shape[a]) for a, name in names.items()}
    mapping = {axis_variable(a): Affine.variable(name) for a, name in names.items()}
    mapping |= {axis_variable(a): axis(place[a]) for a in kept}
    body = reindex_node(operand.node, mapping, {**ranges_of(shape), **bound})
    return RealArray(shape, reduce(reduction, bound, body) if bound else body)


def mean(array: Array, dims: Sequence[int], keep: bool = False) -> RealArray:
    """Of no elements there is no value: the sum is divided by 0."""
    return over(reduced(array, "sum", dims, keep), of_number(element_count(array.shape, dims)))


def element_count(shape: Shape, dims: Sequence[int]) -> int:
    total = 1
    for d in dims:
        total *= shape[d]
    return total


def variance(array: Array, dims: Sequence[int], correction: Array, keep: bool = False) -> RealArray:
    """``sum((x - mean)**2) / (count - correction)``, as PyTorch computes it in two passes."""
    deviation = minus(array, mean(array, dims, keep=True))
    divisor = minus(of_number(element_count(array.shape, dims)), correction)
    return over(reduced(square(deviation), "sum", dims, keep), divisor)


def contracted(left: Array, right: Array, batch: int, shape: Shape) -> RealArray:
    """``sum over k of left[batch…, i…, k] * right[batch…, k, j…]`` with ``batch`` leading axes in common."""
    first, second = real(left), real(right)
    name = bound_variable()
    bound: Axes = {name: bounds(0, first.shape[-1])}
    ranges = {**ranges_of(shape), **bound}
    free = len(first.shape) - 1
    mapping = {axis_variable(a): axis(a) for a in range(free)} | {axis_variable(free): Affine.variable(name)}
    own = reindex_node(first.node, mapping, ranges)
    mapping = {axis_variable(a): axis(a) for a in range(batch)} | {axis_variable(batch): Affine.variable(name)}
    mapping |= {axis_variable(a): axis(free + a - batch - 1) for a in range(batch + 1, len(second.shape))}
    other = reindex_node(second.node, mapping, ranges)
    meet([(own,), (other,)], ranges, [name])
    return RealArray(shape, reduce("sum", bound, multiply(own, other)))


# -- moving elements -----------------------------------------------------------------------


def permuted(array: Array, order: Sequence[int]) -> Array:
    indices = [Affine()] * len(order)
    for target, source in enumerate(order):
        indices[source] = axis(target)
    shape = tuple(array.shape[s] for s in order)
    return reindex(array, indices, shape)


def with_axis(array: Array, position: int) -> Array:
    """A new axis of size 1."""
    shape = (*array.shape[:position], 1, *array.shape[position:])
    indices = [axis(a if a < position else a + 1) for a in range(len(array.shape))]
    return reindex(array, indices, shape)


def without_axis(array: Array, position: int) -> Array:
    """Without an axis of size 1."""
    shape = (*array.shape[:position], *array.shape[position + 1 :])
    indices = [axis(a) for a in range(len(shape))]
    indices.insert(position, Affine())
    return reindex(array, indices, shape)


def listed(value: object) -> list[Any]:
    """Operands that are given one by one, or as one list."""
    given = list(value) if isinstance(value, (list, tuple)) else [value]
    return list(given[0]) if len(given) == 1 and isinstance(given[0], (list, tuple)) else given


def along_axis(array: Array, position: int, rank: int) -> Array:
    """A vector laid along one axis of an array of that rank."""
    shape = tuple(array.shape[0] if a == position else 1 for a in range(rank))
    return reindex(array, [axis(position)], shape)


def at_integer(array: Array, along: int, index: IntegerArray, shape: Shape, rest: Sequence[Affine]) -> Array:
    """``array`` read at ``index`` on the axis ``along`` and at ``rest`` on the others, piece by piece.

    The indices must be in range wherever their piece is looked at.
    """
    cases: list[tuple[Predicate, Array]] = []
    for predicate, value in index.pieces:
        indices = [*rest[:along], value, *rest[along:]]
        cases.append((predicate, reindex(array, indices, shape)))
    return choose(cases, shape)


def index_node(value: Affine, ranges: Axes) -> Node:
    return number(value.constant) if value.is_constant else IndexNumber(value, ranges)
