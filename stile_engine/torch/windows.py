"""Convolutions and pooling: sums and maxima over windows whose places are affine in the indices."""

from __future__ import annotations

from collections.abc import Sequence

from stile_engine.array.arrays import Array, RealArray, Shape, Unreadable, axis, ranges_of
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, in_range
from stile_engine.term.expression import Axes, Node, bounds, divide, multiply, number, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.torch import algebra
from stile_engine.torch.call import Call, Results, models
from stile_engine.trace.frontend import axis_variable


def _read(array: Array, indices: Sequence[Affine], ranges: Axes) -> Node:
    mapping = {axis_variable(a): index for a, index in enumerate(indices)}
    return reindex_node(algebra.real(array).node, mapping, ranges)


def _spread(value: object, count: int) -> list[int]:
    """One number for each axis of space."""
    given = [int(value)] if isinstance(value, int) else [int(v) for v in value]  # type: ignore[attr-defined]
    return given * count if len(given) == 1 else given


@models("convolution")
def convolution(call: Call) -> Results:
    operand, weight, bias = call.array("input"), call.array("weight"), call.optional("bias")
    space = len(weight.shape) - 2
    stride, padding, dilation = (_spread(call.given[n], space) for n in ("stride", "padding", "dilation"))
    groups = int(call.given.get("groups", 1))
    lead = len(operand.shape) - space - 1  # no batch axis is allowed
    if call.given.get("transposed"):
        found = _transposed(operand, weight, stride, padding, dilation, groups, lead, call.shape)
    else:
        found = _direct(operand, weight, stride, padding, dilation, groups, lead, call.shape)
    return found if bias is None else algebra.add(found, algebra.along_axis(bias, lead, len(call.shape)))


def _direct(
    operand: Array,
    weight: Array,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
    lead: int,
    shape: Shape,
) -> RealArray:
    """``sum over c, k of x[n, g*C + c, p*stride - padding + k*dilation] * w[o, c, k]``, g the group of o."""
    each = weight.shape[1]
    per_group = weight.shape[0] // groups
    channel = algebra.bound_variable()
    bound: Axes = {channel: bounds(0, each)}
    places: list[Affine] = []
    taps: list[Affine] = []
    conditions: list[Predicate] = []
    for a, size in enumerate(weight.shape[2:]):
        name = algebra.bound_variable()
        bound[name] = bounds(0, size)
        tap = Affine.variable(name)
        place = axis(lead + 1 + a) * stride[a] + tap * dilation[a] - padding[a]
        taps.append(tap)
        places.append(place)
        # without padding every window lies inside: PyTorch cuts the output to that
        if padding[a]:
            conditions.append(in_range(place, 0, operand.shape[lead + 1 + a]))
    ranges = {**ranges_of(shape), **bound}
    c, o = Affine.variable(channel), axis(lead)
    source = c if groups == 1 else (o // per_group) * each + c
    first = _read(operand, [*(axis(a) for a in range(lead)), source, *places], ranges)
    second = _read(weight, [o, c, *taps], ranges)
    node = reduce("sum", bound, multiply(first, second), conjunction(*conditions), ranges)
    return RealArray(shape, node)


def _transposed(
    operand: Array,
    weight: Array,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
    lead: int,
    shape: Shape,
) -> RealArray:
    """``sum over c, i, k with p = i*stride - padding + k*dilation of x[n, g*C + c, i] * w[g*C + c, o % O, k]``."""
    per_group = weight.shape[1]
    each = weight.shape[0] // groups
    channel = algebra.bound_variable()
    bound: Axes = {channel: bounds(0, each)}
    sources: list[Affine] = []
    taps: list[Affine] = []
    conditions: list[Predicate] = []
    for a, size in enumerate(weight.shape[2:]):
        tap_name, source_name = algebra.bound_variable(), algebra.bound_variable()
        bound[tap_name] = bounds(0, size)
        bound[source_name] = bounds(0, operand.shape[lead + 1 + a])
        tap, source = Affine.variable(tap_name), Affine.variable(source_name)
        taps.append(tap)
        sources.append(source)
        conditions.append(compare(source * stride[a] + tap * dilation[a] - padding[a], "==", axis(lead + 1 + a)))
    ranges = {**ranges_of(shape), **bound}
    c, o = Affine.variable(channel), axis(lead)
    row = c if groups == 1 else (o // per_group) * each + c
    column = o if groups == 1 else o % per_group
    first = _read(operand, [*(axis(a) for a in range(lead)), row, *sources], ranges)
    second = _read(weight, [row, column, *taps], ranges)
    node = reduce("sum", bound, multiply(first, second), conjunction(*conditions), ranges)
    return RealArray(shape, node)


# -- pooling -------------------------------------------------------------------------------


def _pooled(
    operand: Array,
    kind: str,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    shape: Shape,
) -> RealArray:
    """The reduction over each window, of the elements that lie inside."""
    space = len(kernel)
    lead = len(shape) - space
    bound: Axes = {}
    places: list[Affine] = []
    conditions: list[Predicate] = []
    for a, size in enumerate(kernel):
        name = algebra.bound_variable()
        bound[name] = bounds(0, size)
        place = axis(lead + a) * stride[a] + Affine.variable(name) * dilation[a] - padding[a]
        places.append(place)
        last = (shape[lead + a] - 1) * stride[a] + (size - 1) * dilation[a] - padding[a]
        if padding[a] or last >= operand.shape[lead + a]:
            conditions.append(in_range(place, 0, operand.shape[lead + a]))
    ranges = {**ranges_of(shape), **bound}
    body = _read(operand, [*(axis(a) for a in range(lead)), *places], ranges)
    node = reduce(kind, bound, body, conjunction(*conditions), ranges)
    return RealArray(shape, node)


def _pooling(call: Call, space: int) -> tuple[list[int], list[int], list[int], list[int]]:
    kernel = _spread(call.given["kernel_size"], space)
    stride = _spread(call.given.get("stride") or kernel, space)
    padding = _spread(call.given.get("padding", 0), space)
    dilation = _spread(call.given.get("dilation", 1), space)
    return kernel, stride, padding, dilation


@models("max_pool2d_with_indices", "max_pool3d_with_indices")
def max_pool(call: Call) -> Results:
    space = int(call.name.removeprefix("max_pool")[0])
    found = _pooled(call.array("self"), "max", *_pooling(call, space), call.shape)
    return [found, None][: len(call.shapes)]


@models("avg_pool2d", "avg_pool3d")
def average_pool(call: Call) -> Results:
    space = int(call.name.removeprefix("avg_pool")[0])
    operand = call.array("self")
    kernel, stride, padding, dilation = _pooling(call, space)
    total = _pooled(operand, "sum", kernel, stride, padding, dilation, call.shape)
    divisor = call.given.get("divisor_override")
    lead = len(call.shape) - space
    overhang = any(
        (call.shape[lead + a] - 1) * stride[a] + kernel[a] - padding[a] > operand.shape[lead + a] + padding[a]
        for a in range(space)
    )
    if divisor is None and (call.given.get("count_include_pad", True) or not any(padding)):
        if overhang:
            raise Unreadable("an average over windows that leave the padded input")
        divisor = algebra.element_count(tuple(kernel), range(space))
    if divisor is not None:
        return algebra.over(total, algebra.of_number(int(divisor)))
    ones = RealArray(operand.shape, number(1))
    return algebra.over(total, _pooled(ones, "sum", kernel, stride, padding, dilation, call.shape))


@models("_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
def adaptive_average_pool(call: Call) -> Results:
    return _adaptive(call, "sum")


@models("adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(call: Call) -> Results:
    return [_adaptive(call, "max"), None][: len(call.shapes)]


def _adaptive(call: Call, kind: str) -> RealArray:
    """Window ``i`` of ``n`` runs from ``floor(i*L/n)`` to ``ceil((i+1)*L/n)``."""
    operand, shape = call.array("self"), call.shape
    space = len(_spread(call.given["output_size"], len(shape) - 2))
    lead = len(shape) - space
    bound: Axes = {}
    places: list[Affine] = []
    conditions: list[Predicate] = []
    lengths: list[Affine] = []
    for a in range(lead, len(shape)):
        size, count = operand.shape[a], shape[a]
        name = algebra.bound_variable()
        start, stop = (axis(a) * size) // count, ((axis(a) + 1) * size + count - 1) // count
        if size % count == 0:
            bound[name] = bounds(0, size // count)
            places.append(axis(a) * (size // count) + Affine.variable(name))
            lengths.append(Affine((), size // count))
        else:
            bound[name] = bounds(0, size)
            places.append(Affine.variable(name))
            conditions.append(in_range(places[-1], start, stop))
            lengths.append(stop - start)
    ranges = {**ranges_of(shape), **bound}
    body = _read(operand, [*(axis(a) for a in range(lead)), *places], ranges)
    node = reduce(kind, bound, body, conjunction(*conditions), ranges)
    if kind == "sum":
        for length in lengths:
            node = divide(node, algebra.index_node(length, ranges_of(shape)))
    return RealArray(shape, node)
