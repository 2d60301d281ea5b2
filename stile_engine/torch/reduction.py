"""Reductions over axes, softmax, norms of vectors, and running sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stile_engine.array.arrays import (
    Array,
    RealArray,
    TruthArray,
    UnknownArray,
    Unreadable,
    axis,
    ranges_of,
    reindex,
)
from stile_engine.array.elementwise import is_float
from stile_engine.array.facts import rational_value
from stile_engine.array.ordering import Order
from stile_engine.array.reductions import place_of
from stile_engine.array.structure import reshaped_indices
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, compare
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import ZERO, Power, bounds, reduce
from stile_engine.term.reindexing import reindex_node
from stile_engine.torch import algebra, pointwise
from stile_engine.torch.algebra import exp, log, minus, normalized, over, reduced
from stile_engine.torch.call import Call, Results, models
from stile_engine.trace.frontend import axis_variable


def _dims(call: Call, operand: Array, name: str = "dim") -> tuple[int, ...]:
    return normalized(call.given.get(name), len(operand.shape))


def _kept(call: Call) -> bool:
    return bool(call.given.get("keepdim", False))


def _operand(call: Call) -> Array:
    """What is reduced: numbers that are asked for as integers are truncated before, not after."""
    operand = call.array("self")
    truncates = call.given["self"].dtype.is_floating_point and not is_float(call.dtype)
    return algebra.converted(operand, call.dtype) if truncates and call.given.get("dtype") is not None else operand


@models("sum", "prod", "amax", "amin")
def reduction(call: Call) -> Results:
    kind = {"sum": "sum", "prod": "prod", "amax": "max", "amin": "min"}[call.name]
    operand = _operand(call)
    return reduced(operand, kind, _dims(call, operand), _kept(call))


@models("max", "min")
def extremum(call: Call) -> Results:
    if "other" in call.given:
        return pointwise.extremum(replace(call, name="maximum" if call.name == "max" else "minimum"))
    operand = call.array("self")
    found = reduced(operand, call.name, _dims(call, operand), _kept(call))
    if len(call.shapes) == 1 or not operand.shape:
        return [found, None][: len(call.shapes)]
    return [found, _place(operand, int(call.given["dim"]), call.name == "max", _kept(call))]


def _place(operand: Array, dim: int, greatest: bool, keep: bool) -> Array:
    """The first index of the greatest or least element. PyTorch leaves open which of several it gives."""
    along = dim % len(operand.shape)
    found = place_of(algebra.real(operand), along, greatest)
    return algebra.with_axis(found, along) if keep else found


@models("argmax", "argmin")
def place(call: Call) -> Results:
    operand, dim = call.array("self"), call.given.get("dim")
    if not operand.shape or (dim is None and call.given.get("keepdim")):
        raise Unreadable(f"{call.name} of a single number, or with all axes kept")
    if dim is None:
        count = algebra.element_count(operand.shape, range(len(operand.shape)))
        operand, dim = reindex(operand, reshaped_indices(operand, (count,)), (count,)), 0
    return _place(operand, int(dim), call.name == "argmax", _kept(call))


@models("topk")
def greatest_few(call: Call) -> Results:
    """In order: where that is not asked for PyTorch leaves it open, as it does which of equal elements come first."""
    order = _order(call, bool(call.given.get("largest", True)))
    count = int(call.given["k"])
    return [order.values(count), order.places(count)]


def _order(call: Call, descending: bool) -> Order:
    operand = algebra.real(call.array("self"))
    if not operand.shape:
        raise Unreadable(f"{call.name} of a single number")
    return Order(operand, int(call.given.get("dim", -1)) % len(operand.shape), descending)


@models("sort")
def sort(call: Call) -> Results:
    order = _order(call, bool(call.given.get("descending", False)))
    return [order.values(), order.places()]


@models("kthvalue", "median")
def one_in_order(call: Call) -> Results:
    """Of an even number of elements PyTorch's median is the smaller of the two in the middle."""
    if call.given.get("dim", -1 if call.name == "kthvalue" else None) is None:
        flat = algebra.real(call.array("self"))
        count = algebra.element_count(flat.shape, range(len(flat.shape)))
        ordered = Order(algebra.real(reindex(flat, reshaped_indices(flat, (count,)), (count,))), 0).values()
        return reindex(ordered, [Affine((), (count - 1) // 2)], ())
    order = _order(call, False)
    along, keep = order.along, bool(call.given.get("keepdim", False))
    size = int(order.keys.shape[along])
    place = int(call.given["k"]) - 1 if call.name == "kthvalue" else (size - 1) // 2
    shape = tuple(1 if a == along else n for a, n in enumerate(order.keys.shape))
    there = [Affine((), place) if a == along else axis(a) for a in range(len(shape))]
    found = [reindex(part, there, shape) for part in (order.values(), order.places())]
    return found if keep else [algebra.without_axis(part, along) for part in found]


@models("mean")
def mean(call: Call) -> Results:
    operand = call.array("self")
    return algebra.mean(operand, _dims(call, operand), _kept(call))


@models("var", "std", "var_mean", "std_mean")
def variance(call: Call) -> Results:
    operand = call.array("self")
    dims = _dims(call, operand)
    if "unbiased" in call.given:
        given: object = 1 if call.given["unbiased"] else 0
    else:
        given = call.given.get("correction")
    correction = call.machine.array(1 if given is None else given)
    value = rational_value(algebra.real(correction).node)
    if value is None or algebra.element_count(operand.shape, dims) <= value:
        raise Unreadable("a variance that divides by nothing")
    found = algebra.variance(operand, dims, correction, _kept(call))
    if call.name.startswith("std"):
        found = algebra.applied("sqrt", found)
    return [found, algebra.mean(operand, dims, _kept(call))][: len(call.shapes)]


@models("logsumexp")
def logsumexp(call: Call) -> Results:
    # The maximum that PyTorch subtracts first, and skips where it is infinite, leaves the number as it is.
    operand = call.array("self")
    return log(reduced(exp(operand), "sum", _dims(call, operand), _kept(call)))


@models("linalg_vector_norm", "norm")
def vector_norm(call: Call) -> Results:
    operand = call.array("self")
    order = call.given.get("ord", call.given.get("p", 2))
    order = 2 if order is None else order
    dims, keep = _dims(call, operand), _kept(call)
    size = algebra.applied("abs", operand)
    if order == 2:
        return algebra.applied("sqrt", reduced(algebra.square(operand), "sum", dims, keep))
    if order == 1:
        return reduced(size, "sum", dims, keep)
    if order in (float("inf"), float("-inf")):
        return reduced(size, "max" if order > 0 else "min", dims, keep)
    if isinstance(order, int) or float(order).is_integer():
        whole = int(order)
        if whole > 0 and whole % 2 == 0:
            total = reduced(algebra.each(lambda x: Power(x, whole), operand), "sum", dims, keep)
            if whole == 4:
                return algebra.applied("sqrt", algebra.applied("sqrt", total))
    raise Unreadable(f"a vector norm of order {order}")


# -- softmax -------------------------------------------------------------------------------


def softmax(operand: Array, along: Sequence[int]) -> RealArray:
    """``exp(x - max) / sum(exp(x - max))``; of a row of minus infinities there is no value."""
    weights = exp(minus(operand, reduced(operand, "max", along, keep=True)))
    return over(weights, reduced(weights, "sum", along, keep=True))


@models("_softmax")
def softmax_model(call: Call) -> Results:
    operand = call.array("self")
    return softmax(operand, normalized(call.given["dim"], len(operand.shape)))


@models("_log_softmax")
def log_softmax(call: Call) -> Results:
    operand = call.array("self")
    along = normalized(call.given["dim"], len(operand.shape))
    shifted = minus(operand, reduced(operand, "max", along, keep=True))
    return minus(shifted, log(reduced(exp(shifted), "sum", along, keep=True)))


# -- running sums --------------------------------------------------------------------------

_CUMULATIVE = {"cumsum": "sum", "cumprod": "prod", "cummax": "max", "cummin": "min"}


@models(*_CUMULATIVE)
def cumulative(call: Call) -> Results:
    operand = algebra.real(_operand(call))
    found = _running(operand, int(call.given["dim"]), _CUMULATIVE[call.name])
    return [found, None][: len(call.shapes)]


@models("logcumsumexp")
def logcumsumexp(call: Call) -> Results:
    return log(_running(exp(call.array("self")), int(call.given["dim"]), "sum"))


def _running(operand: RealArray, dim: int, kind: str) -> RealArray:
    rank = len(operand.shape)
    if not rank:
        return operand
    along = dim % rank
    name = algebra.bound_variable()
    bound = {name: bounds(0, operand.shape[along])}
    mapping = {axis_variable(along): Affine.variable(name)}
    ranges = {**ranges_of(operand.shape), **bound}
    body = reindex_node(operand.node, mapping, ranges)
    upto = compare(Affine.variable(name), "<=", axis(along))
    return RealArray(operand.shape, reduce(kind, bound, body, upto, ranges))


@models("dist")
def distance(call: Call) -> Results:
    if call.given.get("p", 2) != 2:
        raise Unreadable("a distance of another order than 2")
    difference = minus(call.array("self"), call.array("other"))
    total = reduced(algebra.square(difference), "sum", range(len(difference.shape)))
    return algebra.applied("sqrt", total)


@models("_cdist_forward", "_euclidean_dist")
def distances(call: Call) -> Results:
    """The distance of each row of the one to each row of the other."""
    first, second = call.array("x1"), call.array("x2")
    order = call.given.get("p", 2)
    rows, columns = algebra.with_axis(first, len(first.shape) - 1), algebra.with_axis(second, len(second.shape) - 2)
    difference = minus(rows, columns)
    along = [len(difference.shape) - 1]
    if order == 2:
        return algebra.applied("sqrt", reduced(algebra.square(difference), "sum", along))
    if order in (1, float("inf")):
        return reduced(algebra.applied("abs", difference), "sum" if order == 1 else "max", along)
    raise Unreadable(f"a distance of order {order}")


@models("any", "all")
def quantifier(call: Call) -> Results:
    """Some element is true if the greatest of their ones and zeros is 1, and all are if the least is."""
    operand = call.array("self")
    if isinstance(operand, UnknownArray):
        raise algebra.UnknownOperand(operand)
    truth = algebra.converted(operand, "bool")
    if isinstance(truth, TruthArray) and truth.predicate in (ALWAYS, NEVER) and all(truth.shape):
        return TruthArray(call.shape, truth.predicate)
    found = reduced(truth, "max" if call.name == "any" else "min", _dims(call, operand), _kept(call))
    return TruthArray(found.shape, compare_values(found.node, ">", ZERO))
