"""Operations that make tensors from nothing but their shape."""

from __future__ import annotations

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    TruthArray,
    UnknownArray,
    Unreadable,
    axis,
    integers,
    ranges_of,
)
from stile_engine.array.elementwise import is_float
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import compare
from stile_engine.term.expression import NoValue, add, divide, multiply, number, subtract
from stile_engine.torch import algebra
from stile_engine.torch.call import Call, Results, models


def filled(call: Call, value: Array) -> Array:
    return algebra.broadcast(algebra.converted(value, call.dtype), call.shape)


@models("empty", "empty_like", "new_empty")
def empty(call: Call) -> Results:
    """Memory that nothing was written to: its elements have no value."""
    if is_float(call.dtype):
        return RealArray(call.shape, NoValue("never written"))
    return UnknownArray(call.shape, "elements that were never written", None)


@models(
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "uniform", "normal",
    "native_dropout", "exponential", "multinomial",
)  # fmt: skip
def random_numbers(call: Call) -> Results:
    raise Unreadable("random numbers: a kernel that uses them is no function of its inputs (dropout? call .eval())")


@models("zeros", "zeros_like", "new_zeros")
def zeros(call: Call) -> Results:
    return filled(call, integers((), Affine()))


@models("ones", "ones_like", "new_ones")
def ones(call: Call) -> Results:
    return filled(call, integers((), Affine((), 1)))


@models("full", "full_like", "new_full")
def full(call: Call) -> Results:
    return filled(call, call.array("fill_value"))


@models("scalar_tensor")
def scalar_tensor(call: Call) -> Results:
    return filled(call, call.array("s"))


@models("arange")
def arange(call: Call) -> Results:
    start = call.machine.array(call.given.get("start", 0))
    step = call.machine.array(call.given.get("step", 1))
    first, by = (a.constant if isinstance(a, IntegerArray) else None for a in (start, step))
    if first is not None and by is not None:
        counted = integers(call.shape, axis(0) * by + first)
        return algebra.converted(counted, call.dtype)
    here = algebra.index_node(axis(0), ranges_of(call.shape))
    node = add(algebra.real(start).node, multiply(here, algebra.real(step).node))
    return algebra.converted(RealArray(call.shape, node), call.dtype)


@models("linspace")
def linspace(call: Call) -> Results:
    start, end = (algebra.real(call.array(n)).node for n in ("start", "end"))
    steps = call.shape[0]
    here = algebra.index_node(axis(0), ranges_of(call.shape))
    step = divide(subtract(end, start), number(max(steps - 1, 1)))
    node = add(start, multiply(here, step)) if steps > 1 else start
    return algebra.converted(RealArray(call.shape, node), call.dtype)


@models("eye")
def eye(call: Call) -> Results:
    diagonal = TruthArray(call.shape, compare(axis(0), "==", axis(1)))
    return algebra.converted(diagonal, call.dtype)


@models("tril", "triu")
def triangle(call: Call) -> Results:
    operand, shift = call.array("self"), int(call.given.get("diagonal", 0))
    rank = len(operand.shape)
    symbol = "<=" if call.name == "tril" else ">="
    inside = TruthArray(
        operand.shape,
        compare(axis(rank - 1) - axis(rank - 2), symbol, shift),
    )
    if isinstance(operand, TruthArray):
        return algebra.primitive("and", call.shape, "bool", operand, inside)
    nothing = algebra.converted(integers((), Affine()), call.dtype)
    return algebra.chosen(inside, operand, algebra.real(nothing) if isinstance(operand, RealArray) else nothing)
