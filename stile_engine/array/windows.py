"""Convolutions and reductions over windows, whose places are affine in the indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stile_engine.array.arrays import (
    Array,
    RealArray,
    Unreadable,
    axis,
    ranges_of,
)
from stile_engine.array.operation import Machine, Operation, handles
from stile_engine.array.reductions import bound_variable, real_operand
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, in_range
from stile_engine.index.sizes import Size, SymbolicInteger
from stile_engine.term.expression import Axes, Node, bounds, multiply, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable


@dataclass(frozen=True, slots=True)
class Along:
    """A window along one axis of the operand: at ``p`` of the result its element ``k`` is at ``p * stride +
    k * dilation - before`` of the operand, whose elements lie ``spacing`` apart with nothing between them."""

    size: int
    operand: Size
    result: Size
    stride: int
    dilation: int
    before: int
    spacing: int


@dataclass(slots=True)
class _Windows:
    """The places of several such windows, and the variables that run over them."""

    bound: Axes
    conditions: list[Predicate]

    def places(self, window: Along, position: Affine) -> tuple[Affine, Affine]:
        """``(index in the operand, index in the window)`` at this position of the result."""
        tap_name = bound_variable()
        self.bound[tap_name] = bounds(0, window.size)
        tap = Affine.variable(tap_name)
        place = position * window.stride + tap * window.dilation - window.before
        if window.spacing > 1:
            source_name = bound_variable()
            self.bound[source_name] = bounds(0, window.operand)
            source = Affine.variable(source_name)
            self.conditions.append(compare(place, "==", source * window.spacing))
            return source, tap
        last = (Affine.of(window.result) - 1) * window.stride + (window.size - 1) * window.dilation - window.before
        room = Affine.of(window.operand) - 1 - last
        if window.before > 0 or not room.is_constant or room.constant < 0:
            self.conditions.append(in_range(place, 0, window.operand))
        return place, tap


def fixed_size(size: Size, what: str) -> int:
    if isinstance(size, SymbolicInteger):
        raise Unreadable(f"{what} with windows of a symbolic size")
    return size


def _read(array: RealArray, indices: Sequence[Affine], ranges: Axes) -> Node:
    return reindex_node(array.node, {axis_variable(a): index for a, index in enumerate(indices)}, ranges)


@handles("conv_general_dilated")
def convolution(operation: Operation, _machine: Machine) -> list[Array]:
    """``sum over c, k of x[n, g*C + c, place(p, k)] * w[o, c, k]``, g the group of the output channel o."""
    operand, weight = (real_operand(i, "a convolution") for i in operation.inputs)
    params, shape = operation.params, operation.shape
    if int(params.get("batch_group_count", 1)) != 1:
        raise Unreadable("a convolution in groups of the batch")
    numbers = params["dimension_numbers"]
    (batch, feature, *space), (out, inner, *taps) = numbers.lhs_spec, numbers.rhs_spec
    out_batch, out_feature, *out_space = numbers.out_spec
    groups = int(params["feature_group_count"])
    per_group, each = weight.shape[out] // groups, weight.shape[inner]
    channel = bound_variable()
    windows = _Windows({channel: bounds(0, each)}, [])
    c, o = Affine.variable(channel), axis(out_feature)
    source = [Affine()] * len(operand.shape)
    kernel = [Affine()] * len(weight.shape)
    source[batch], kernel[out], kernel[inner] = axis(out_batch), o, c
    source[feature] = c if groups == 1 else (o // per_group) * each + c
    for number, (place, tap, result) in enumerate(zip(space, taps, out_space, strict=True)):
        source[place], kernel[tap] = windows.places(
            Along(
                fixed_size(weight.shape[tap], "a convolution"),
                operand.shape[place],
                shape[result],
                int(params["window_strides"][number]),
                int(params["rhs_dilation"][number]),
                int(params["padding"][number][0]),
                int(params["lhs_dilation"][number]),
            ),
            axis(result),
        )
    ranges = {**ranges_of(shape), **windows.bound}
    body = multiply(_read(operand, source, ranges), _read(weight, kernel, ranges))
    node = reduce("sum", windows.bound, body, conjunction(*windows.conditions), ranges)
    return [RealArray(shape, node)]


_REDUCTIONS = {"reduce_window_sum": "sum", "reduce_window_max": "max", "reduce_window_min": "min"}


@handles(*_REDUCTIONS)
def reduce_window(operation: Operation, _machine: Machine) -> list[Array]:
    """The reduction of what lies in each window; beyond the operand there is nothing."""
    operand, params, shape = real_operand(operation.inputs[0], operation.name), operation.params, operation.shape
    rank = len(operand.shape)
    windows = _Windows({}, [])
    places: list[Affine] = []
    for a in range(rank):
        window = Along(
            int(params["window_dimensions"][a]),
            operand.shape[a],
            shape[a],
            int(params["window_strides"][a]),
            int(params["window_dilation"][a]),
            int(params["padding"][a][0]),
            int(params["base_dilation"][a]),
        )
        if (window.size, window.stride, window.before, window.spacing) == (1, 1, 0, 1):
            places.append(axis(a))
        else:
            places.append(windows.places(window, axis(a))[0])
    ranges = {**ranges_of(shape), **windows.bound}
    body = _read(operand, places, ranges)
    if windows.bound:
        body = reduce(_REDUCTIONS[operation.name], windows.bound, body, conjunction(*windows.conditions), ranges)
    return [RealArray(shape, body)]
