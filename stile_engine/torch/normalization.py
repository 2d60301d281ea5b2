"""Normalisations as PyTorch's fused operations have them, and losses."""

from __future__ import annotations

from stile_engine.array.arrays import Array, Shape, Unreadable, reindex
from stile_engine.array.structure import reshaped_indices
from stile_engine.torch import algebra
from stile_engine.torch.algebra import add, applied, mean, minus, over, times, variance
from stile_engine.torch.call import Call, Results, models


def _reshaped(operand: Array, shape: Shape) -> Array:
    return reindex(operand, reshaped_indices(operand, shape), shape)


def _standardized(operand: Array, dims: tuple[int, ...], eps: Array) -> tuple[Array, Array, Array]:
    """``(x - mean) / sqrt(var + eps)`` with the variance of the whole group, its mean, and the reciprocal root."""
    center: Array = mean(operand, dims, keep=True)
    scale = applied("rsqrt", add(variance(operand, dims, algebra.of_number(0), keep=True), eps))
    return times(minus(operand, center), scale), center, scale


def _affine(found: Array, weight: Array | None, bias: Array | None) -> Array:
    if weight is not None:
        found = times(found, weight)
    return found if bias is None else add(found, bias)


@models("native_layer_norm")
def layer_norm(call: Call) -> Results:
    operand = call.array("input")
    rank, axes = len(operand.shape), len(call.given["normalized_shape"])
    found, center, scale = _standardized(operand, tuple(range(rank - axes, rank)), call.array("eps"))
    return [_affine(found, call.optional("weight"), call.optional("bias")), center, scale][: len(call.shapes)]


@models("rms_norm")
def rms_norm(call: Call) -> Results:
    if call.given.get("eps") is None:
        raise Unreadable("rms_norm without eps, which depends on the type of the numbers")
    operand = call.array("input")
    rank, axes = len(operand.shape), len(call.given["normalized_shape"])
    dims = tuple(range(rank - axes, rank))
    scale = applied("rsqrt", add(mean(algebra.square(operand), dims, keep=True), call.array("eps")))
    found = _affine(times(operand, scale), call.optional("weight"), None)
    return [found, scale][: len(call.shapes)]


@models("native_group_norm")
def group_norm(call: Call) -> Results:
    operand = call.array("input")
    groups = int(call.given["group"])
    shape = operand.shape
    apart = (shape[0], groups, shape[1] // groups, *shape[2:])
    found, center, scale = _standardized(_reshaped(operand, apart), tuple(range(2, len(apart))), call.array("eps"))
    whole = _reshaped(found, shape)
    weight, bias = (_channels(call.optional(n), len(shape)) for n in ("weight", "bias"))
    rest = [_reshaped(a, (shape[0], groups)) for a in (center, scale)]
    return [_affine(whole, weight, bias), *rest][: len(call.shapes)]


def _channels(array: Array | None, rank: int) -> Array | None:
    return None if array is None else algebra.along_axis(array, 1, rank)


@models("native_batch_norm")
def batch_norm(call: Call) -> Results:
    operand = call.array("input")
    rank = len(operand.shape)
    weight, bias = (_channels(call.optional(n), rank) for n in ("weight", "bias"))
    training = call.given["training"]
    running_mean, running_var = (call.optional(n) for n in ("running_mean", "running_var"))
    if not training:
        if running_mean is None or running_var is None:
            raise Unreadable("a batch norm without running statistics")
        center, spread = (algebra.along_axis(a, 1, rank) for a in (running_mean, running_var))
        scale = applied("rsqrt", add(spread, call.array("eps")))
        found: Array = times(minus(operand, center), scale)
        return [_affine(found, weight, bias), None, None][: len(call.shapes)]
    dims = tuple(a for a in range(rank) if a != 1)
    found = _standardized(operand, dims, call.array("eps"))[0]
    if running_mean is not None and running_var is not None:
        # Training updates the statistics, whether or not the schema says so.
        part = call.array("momentum")
        left = minus(algebra.of_number(1), part)
        now = variance(operand, dims, algebra.of_number(1))
        call.machine.write(call.given["running_mean"], add(times(left, running_mean), times(part, mean(operand, dims))))
        call.machine.write(call.given["running_var"], add(times(left, running_var), times(part, now)))
    return [_affine(found, weight, bias), None, None][: len(call.shapes)]


# -- losses --------------------------------------------------------------------------------


def _collected(call: Call, loss: Array) -> Results:
    """``reduction``: 0 leaves the elements, 1 is the mean, 2 the sum."""
    kind = int(call.given.get("reduction", 1))
    dims = range(len(loss.shape))
    if kind == 0:
        return loss
    return mean(loss, dims) if kind == 1 else algebra.reduced(loss, "sum", dims)


@models("mse_loss")
def mse_loss(call: Call) -> Results:
    return _collected(call, algebra.square(minus(call.array("self"), call.array("target"))))


@models("smooth_l1_loss", "huber_loss")
def huber_loss(call: Call) -> Results:
    # |d| up to b is squared, and what is beyond counts once: with m = min(|d|, b) it is m**2 / 2 + b (|d| - m)
    bend = call.array("beta" if call.name == "smooth_l1_loss" else "delta")
    distance = applied("abs", minus(call.array("self"), call.array("target")))
    inner = applied("minimum", distance, bend)
    half = over(algebra.square(inner), algebra.of_number(2))
    loss = add(half, times(bend, minus(distance, inner)))
    if call.name == "smooth_l1_loss":
        if not call.given["beta"]:
            return _collected(call, distance)
        loss = over(loss, bend)
    return _collected(call, loss)


@models("binary_cross_entropy_with_logits")
def binary_cross_entropy(call: Call) -> Results:
    # (1 - t) x - log_sigmoid(x), with log_sigmoid(x) = -softplus(-x)
    x, target = call.array("self"), call.array("target")
    if call.optional("weight") is not None or call.optional("pos_weight") is not None:
        raise Unreadable("a weighted binary cross entropy")
    first = times(minus(algebra.of_number(1), target), x)
    return _collected(call, add(first, applied("softplus", algebra.negative(x))))
