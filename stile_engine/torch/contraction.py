"""Matrix products and attention."""

from __future__ import annotations

from math import sqrt
from typing import Any

from stile_engine.array.arrays import (
    Array,
    RealArray,
    TruthArray,
    Unreadable,
    axis,
    ranges_of,
    reindex,
)
from stile_engine.array.meeting import meet
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare
from stile_engine.index.sizes import Size
from stile_engine.term.expression import NEGATIVE_INFINITY, Axes, Node, bounds, multiply, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.torch import algebra
from stile_engine.torch.call import Call, Machine, Results, models
from stile_engine.torch.infinities import has_finite_member
from stile_engine.torch.reduction import softmax
from stile_engine.trace.frontend import axis_variable


@models("matmul")
def general_product(call: Call) -> Results:
    """The last two axes are matrices, those before broadcast; a vector is a matrix of one row or one column."""
    left, right = call.array("self"), call.array("other")
    row, column = len(left.shape) == 1, len(right.shape) == 1
    left = algebra.with_axis(left, 0) if row else left
    right = algebra.with_axis(right, 1) if column else right
    lead = algebra.common_shape((left.shape[:-2], right.shape[:-2]))
    left, right = (algebra.broadcast(a, (*lead, *a.shape[-2:])) for a in (left, right))
    found: Array = algebra.contracted(left, right, len(lead), (*lead, left.shape[-2], right.shape[-1]))
    if column:
        found = algebra.without_axis(found, len(found.shape) - 1)
    return algebra.without_axis(found, len(lead)) if row else found


@models("einsum")
def einsum(call: Call) -> Results:
    operands = [call.machine.array(o) for o in algebra.listed(call.given["operands"])]
    equation = str(call.given["equation"]).replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    letters = [list(part) for part in _expanded(inputs.split(","), operands)]
    rest = "".join(sorted(c for c in set("".join(inputs)) if c.isalpha() and inputs.count(c) == 1))
    dots = sorted({c for part in letters for c in part if not c.isalpha()}, reverse=True)
    result = [c for c in (output if arrow else ("..." if dots else "") + rest).replace("...", "".join(dots))]
    sizes: dict[str, Size] = {}
    for part, operand in zip(letters, operands, strict=True):
        for letter, size in zip(part, operand.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    names = {c: axis(a) for a, c in enumerate(result)}
    bound: Axes = {}
    for letter in sizes:
        if letter not in names:
            name = algebra.bound_variable()
            names[letter] = Affine.variable(name)
            bound[name] = bounds(0, sizes[letter])
    ranges = {**ranges_of(call.shape), **bound}
    node: Node | None = None
    factors: list[Node] = []
    for part, operand in zip(letters, operands, strict=True):
        own = algebra.real(operand)
        mapping = {
            axis_variable(a): names[c] if size == sizes[c] else Affine()
            for a, (c, size) in enumerate(zip(part, own.shape, strict=True))
        }
        read = reindex_node(own.node, mapping, ranges)
        factors.append(read)
        node = read if node is None else multiply(node, read)
    assert node is not None
    meet([(factor,) for factor in factors], ranges, list(bound))
    return RealArray(call.shape, reduce("sum", bound, node) if bound else node)


def _expanded(parts: list[str], operands: list[Array]) -> list[str]:
    """Ellipses as digits that count axes from the right, so that they align as broadcasting does."""
    found: list[str] = []
    for part, operand in zip(parts, operands, strict=True):
        missing = len(operand.shape) - len(part.replace("...", ""))
        found.append(part.replace("...", "".join(str(a) for a in reversed(range(missing)))))
    return found


@models("mm", "mv", "dot", "vdot")
def product(call: Call) -> Results:
    left = call.array("self")
    right = call.array(next(n for n in ("mat2", "other", "vec", "tensor") if n in call.given))
    return _float_product(left, right, 0, call)


@models("bmm")
def batched_product(call: Call) -> Results:
    return _float_product(call.array("self"), call.array("mat2"), 1, call)


def _float_product(left: Array, right: Array, batch: int, call: Call) -> Array:
    return algebra.contracted(left, right, batch, call.shape)


def _added(call: Call, found: Array) -> Array:
    alpha, beta = call.given.get("alpha", 1), call.given.get("beta", 1)
    if alpha != 1:
        found = algebra.times(call.machine.array(alpha), found)
    if beta == 0:
        return found  # the other operand is not read then
    own = call.array("self")
    if beta != 1:
        own = algebra.times(call.machine.array(beta), own)
    return algebra.add(own, found)


@models("addmm", "addmv")
def added_product(call: Call) -> Results:
    matrix = call.array("mat1" if "mat1" in call.given else "mat")
    other = call.array("mat2" if "mat2" in call.given else "vec")
    return _added(call, algebra.contracted(matrix, other, 0, call.shape))


@models("baddbmm")
def added_batched_product(call: Call) -> Results:
    return _added(call, algebra.contracted(call.array("batch1"), call.array("batch2"), 1, call.shape))


@models("addbmm")
def added_sum_of_products(call: Call) -> Results:
    first, second = call.array("batch1"), call.array("batch2")
    shape = (first.shape[0], first.shape[1], second.shape[2])
    found = algebra.reduced(algebra.contracted(first, second, 1, shape), "sum", (0,))
    return _added(call, found)


@models("linear")
def linear(call: Call) -> Results:
    weight, operand = call.array("weight"), call.array("input")
    found = algebra.contracted(operand, algebra.permuted(weight, (1, 0)), 0, call.shape)
    bias = call.optional("bias")
    return found if bias is None else algebra.add(found, bias)


@models("addr")
def outer(call: Call) -> Results:
    first = call.array("vec1" if call.name == "addr" else "self")
    second = call.array("vec2")
    found = algebra.times(algebra.with_axis(first, 1), algebra.with_axis(second, 0))
    return _added(call, found) if call.name == "addr" else found


# -- attention -----------------------------------------------------------------------------


def attention(machine: Machine, given: dict[str, Any]) -> Array:
    """``softmax(Q K^T * scale + mask) V``; ``given`` has the arguments of ``scaled_dot_product_attention``."""
    query, key, value = (machine.array(given[n]) for n in ("query", "key", "value"))
    if given.get("dropout_p", 0.0):
        raise Unreadable("attention with dropout")
    rank = len(query.shape)
    if given.get("enable_gqa") and key.shape[-3] != query.shape[-3]:
        key, value = (_repeated(a, query.shape[-3]) for a in (key, value))
    lead = algebra.common_shape((query.shape[:-2], key.shape[:-2], value.shape[:-2]))
    query, key, value = (algebra.broadcast(a, (*lead, *a.shape[-2:])) for a in (query, key, value))
    rank = len(query.shape)
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    shape = (*lead, query.shape[-2], key.shape[-2])
    scores = algebra.contracted(query, algebra.permuted(key, swapped), rank - 2, shape)
    scale = given.get("scale")
    scores = algebra.times(scores, machine.array(1 / sqrt(query.shape[-1]) if scale is None else scale))
    if given.get("is_causal"):
        below = TruthArray(shape, compare(axis(rank - 1), "<=", axis(rank - 2)))
        scores = algebra.real(algebra.chosen(below, scores, algebra.constant(NEGATIVE_INFINITY)))
    mask = None if given.get("attn_mask") is None else machine.array(given["attn_mask"])
    if isinstance(mask, TruthArray):
        scores = algebra.real(algebra.chosen(mask, scores, algebra.constant(NEGATIVE_INFINITY)))
    elif mask is not None:
        scores = algebra.add(scores, mask)
    if not has_finite_member(scores, (rank - 1,)):
        raise Unreadable("attention in which a row may be masked completely")
    weights = softmax(scores, (rank - 1,))
    return algebra.contracted(weights, value, rank - 2, (*shape[:-1], value.shape[-1]))


def _repeated(array: Array, heads: Size) -> Array:
    """Each head as often as it is shared: head ``h`` reads head ``h // times``."""
    rank = len(array.shape)
    times = heads // array.shape[-3]
    shape = (*array.shape[:-3], heads, *array.shape[-2:])
    indices: list[Affine] = [axis(a) for a in range(rank)]
    indices[rank - 3] = axis(rank - 3) // times
    return reindex(array, indices, shape)


@models("scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu")
def fused_attention(call: Call) -> Results:
    given = dict(call.given)
    given["attn_mask"] = given.get("attn_mask", given.get("attn_bias"))
    found: list[Array | None] = [attention(call.machine, given)]
    return found + [None] * (len(call.shapes) - 1)


@models("_trilinear")
def trilinear(call: Call) -> Results:
    """The product of three operands, to each of which axes of size 1 are added, summed over some axes."""
    found: Array | None = None
    for number in (1, 2, 3):
        operand = call.array(f"i{number}")
        for position in call.given[f"expand{number}"]:
            operand = algebra.with_axis(operand, int(position))
        found = operand if found is None else algebra.times(found, operand)
    assert found is not None
    return algebra.reduced(found, "sum", [int(a) for a in call.given["sumdim"]])
