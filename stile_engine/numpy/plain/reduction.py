"""Reductions over axes, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, substitute
from stile_engine.index.sizes import Size, is_fixed
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import OPERATIONS, SymbolicArray, as_array, broadcast_to, fresh, settled
from stile_engine.numpy.plain.elements import (
    Integer,
    Real,
    Shape,
    Truth,
    axis_index,
    axis_name,
    ranges_of,
)
from stile_engine.numpy.plain.elementwise import mask, operation, real_type, reject, truth, write_result
from stile_engine.numpy.plain.sizes import size_number
from stile_engine.numpy.plain.structure import normalized_axes
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import ONE, ZERO, Node, Power, apply, bounds, divide, select, subtract
from stile_engine.term.expression import reduce as reduce_node
from stile_engine.term.reindexing import reindex_node


def reduced(
    x: SymbolicArray, reduction: str, axes: tuple[int, ...], keepdims: bool, predicate: Predicate = ALWAYS
) -> tuple[Node, Shape]:
    """The reduction of some axes, and the shape that remains."""
    kept = [a for a in range(x.ndim) if a not in axes]
    if keepdims:
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        place = {a: a for a in kept}
    else:
        shape = tuple(x.shape[a] for a in kept)
        place = {a: i for i, a in enumerate(kept)}
    # A bound variable has a name of its own, so that moving the other axes never captures it.
    bound = {a: context.bound_variable() for a in axes}
    mapping = {axis_name(a, x.ndim): Affine.variable(name) for a, name in bound.items()}
    mapping |= {axis_name(a, x.ndim): axis_index(place[a], len(shape)) for a in kept}
    inner = {name: bounds(0, x.shape[a]) for a, name in bound.items()}
    ranges = {**ranges_of(shape), **inner}
    body = reindex_node(x.node, mapping, ranges)
    return reduce_node(reduction, inner, body, substitute(predicate, mapping), ranges), shape


def _axes(x: SymbolicArray, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else normalized_axes(axis, x.ndim)


def _result_type(dtype: Any, x: SymbolicArray, own: np.dtype) -> np.dtype:
    """The type that a reduction computes in and gives; ``own`` where none is asked for. Truth values are counted."""
    found = own if dtype is None else np.dtype(dtype)
    if found.kind not in "fiub":
        context.unsupported(f"a reduction in {found} is not modelled")
    if found.kind != "f" and (x.dtype.kind == "f" or (own.kind == "f" and dtype is not None)):
        context.unsupported("a reduction of real numbers to integers truncates them, which is not modelled")
    if found.kind == "b" and dtype is not None:
        context.unsupported("a reduction in truth values is not modelled")
    return np.dtype(np.int64) if found.kind == "b" else found


def _adding_type(dtype: np.dtype) -> np.dtype:
    """Integers are added and multiplied in 64 bits, whatever they are stored in."""
    return np.dtype({"i": np.int64, "u": np.uint64}.get(dtype.kind, dtype))


def _finish(node: Node, shape: Shape, dtype: Any, out: Any) -> SymbolicArray:
    result = fresh(Real(node), shape, dtype)
    return write_result(out, result) if out is not None else settled(result)


def _reduction(name: str, reduction: str, combine: str, *aliases: str) -> None:
    @operation(name, *aliases)
    def function(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> SymbolicArray:
        x = as_array(a)
        if isinstance(dtype, SymbolicArray):
            context.unsupported(f"the positional out of numpy.{name} is not modelled; use out=")
        axes = _axes(x, axis)
        predicate = ALWAYS if where is None or where is True else truth(broadcast_to(mask(where), x.shape))
        empty = any(is_fixed(x.shape[i], 0) for i in axes)
        if empty and initial is None and reduction in ("max", "min"):
            raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
        if predicate != ALWAYS and initial is None and reduction in ("max", "min"):
            raise ValueError(f"reduction operation {name} does not have an identity, so where= needs initial=")
        node, shape = reduced(x, reduction, axes, keepdims, predicate)
        result_type = _result_type(dtype, x, x.dtype if reduction in ("max", "min") else _adding_type(x.dtype))
        if initial is not None:
            node = apply(combine, node, as_array(initial, x.dtype).node)
        if x.dtype.kind == "b" and reduction in ("max", "min"):
            if initial is not None:
                context.unsupported(f"the option initial= of numpy.{name} of truth values is not modelled")
            result = fresh(Truth(compare_values(node, ">", ZERO)), shape, bool)
            return write_result(out, result) if out is not None else settled(result)
        return _finish(node, shape, result_type, out)


_reduction("sum", "sum", "add")
_reduction("prod", "prod", "mul")


def _extremum(name: str, reduction: str, *aliases: str) -> None:
    combine = {"max": "maximum", "min": "minimum"}[reduction]
    _reduction(name, reduction, combine)
    general = OPERATIONS[name]

    @operation(name, *aliases)
    def function(
        a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None
    ) -> Any:
        return general(a, axis, None, out, keepdims, initial, where)


@operation("logaddexp.reduce")
def log_of_a_sum(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> SymbolicArray:
    """The logarithm of the sum of the exponentials, which is -inf of nothing."""
    x = as_array(a)
    if dtype is not None or x.dtype.kind != "f":
        context.unsupported("numpy.logaddexp.reduce is modelled for real numbers in their own type")
    exponentials = fresh(Real(apply("exp", x.node)), x.shape, x.dtype)
    node, shape = reduced(exponentials, "sum", _axes(x, axis), keepdims)
    return _finish(apply("log", node), shape, x.dtype, out)


_extremum("max", "max", "amax")
_extremum("min", "min", "amin")


def _count(x: SymbolicArray, axes: tuple[int, ...]) -> Size:
    total: Size = 1
    for axis in axes:
        total = total * x.shape[axis]
    return total


@operation("mean")
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any
) -> SymbolicArray:
    reject("mean", options)
    x = as_array(a)
    axes = _axes(x, axis)
    node, shape = reduced(x, "sum", axes, keepdims)
    result_type = _result_type(dtype, x, real_type(x.dtype))
    return _finish(divide(node, size_number(_count(x, axes))), shape, result_type, out)


def _variance(name: str, finish: Callable[[Node], Node]) -> None:
    @operation(name)
    def function(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: int = 0,
        keepdims: bool = False,
        **options: Any,
    ) -> SymbolicArray:
        # mean((x - mean(x)) ** 2), with the divisor n - ddof
        x = as_array(a)
        correction = options.pop("correction", None)
        reject(name, options)
        axes = _axes(x, axis)
        middle, shape = reduced(x, "sum", axes, True)
        centre = fresh(Real(divide(middle, size_number(_count(x, axes)))), shape, x.dtype)
        spread = broadcast_to(centre, x.shape)
        squares = fresh(Real(Power(subtract(x.node, spread.node), 2)), x.shape, real_type(x.dtype))
        total, shape = reduced(squares, "sum", axes, keepdims)
        divisor = _count(x, axes) - (ddof if correction is None else correction)
        result_type = _result_type(dtype, x, real_type(x.dtype))
        return _finish(finish(divide(total, size_number(divisor))), shape, result_type, out)


_variance("var", lambda node: node)
_variance("std", lambda node: apply("sqrt", node))


def _running(name: str, reduction: str, *aliases: str) -> None:
    @operation(name, *aliases)
    def function(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> SymbolicArray:
        """Element i of the result reduces the elements 0 … i."""
        x = as_array(a)
        if axis is None:
            x = OPERATIONS["ravel"](x)
            axis = 0
        (along,) = normalized_axes(axis, x.ndim)
        name_of_axis, bound = axis_name(along, x.ndim), context.bound_variable()
        here = Affine.variable(bound)
        inner = {bound: bounds(0, x.shape[along])}
        ranges = {**ranges_of(x.shape), **inner}
        body = reindex_node(x.node, {name_of_axis: here}, ranges)
        node = reduce_node(reduction, inner, body, compare(here, "<=", Affine.variable(name_of_axis)), ranges)
        if x.dtype.kind == "b" and reduction in ("max", "min"):
            context.unsupported("running extremes of truth values are not modelled")
        if dtype is not None and reduction in ("max", "min"):
            context.unsupported("running extremes in another type are not modelled")
        own = x.dtype if reduction in ("max", "min") else _adding_type(x.dtype)
        return _finish(node, x.shape, _result_type(dtype, x, own), out)


_running("cumsum", "sum")
_running("cumprod", "prod")
_running("running max", "max")
_running("running min", "min")


def _ufunc_method(name: str, model: str) -> None:
    """The methods of ufuncs work along the first axis unless told otherwise."""

    @operation(name)
    def function(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        if dtype is not None:
            options["dtype"] = dtype
        return OPERATIONS[model](a, axis=axis, out=out, **options)


for _ufunc, _reduce, _accumulate in (
    ("add", "sum", "cumsum"),
    ("multiply", "prod", "cumprod"),
    ("maximum", "max", "running max"),
    ("minimum", "min", "running min"),
):
    _ufunc_method(f"{_ufunc}.reduce", _reduce)
    _ufunc_method(f"{_ufunc}.accumulate", _accumulate)


def _quantifier(name: str) -> None:
    @operation(name)
    def function(
        a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any
    ) -> SymbolicArray | bool:
        reject(name, options)
        x = as_array(a)
        holds = truth(x)
        if axis is None and not keepdims and out is None and x.size and holds in (ALWAYS, NEVER):
            return holds == ALWAYS
        # Some element is true if the greatest of their ones and zeros is 1, and all are if the least is.
        marks = fresh(Real(select(holds, ONE, ZERO, ranges_of(x.shape))), x.shape, np.float64)
        reduction = "max" if name == "any" else "min"
        node, shape = reduced(marks, reduction, _axes(x, axis), keepdims)
        result = fresh(Truth(compare_values(node, ">", ZERO)), shape, bool)
        return write_result(out, result) if out is not None else settled(result)


_quantifier("all")
_quantifier("any")
_ufunc_method("logical_and.reduce", "all")
_ufunc_method("logical_or.reduce", "any")


def _place(name: str, extreme: str) -> None:
    @operation(name)
    def function(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> SymbolicArray:
        """The first place of the greatest or least element: the least ``k`` with ``x[k] = max x``."""
        x = as_array(a)
        if axis is None:
            x, axis = OPERATIONS["ravel"](x), 0
            if keepdims:
                context.unsupported(f"numpy.{name} of all axes with keepdims is not modelled")
        (along,) = normalized_axes(axis, x.ndim)
        if not x.shape[along]:
            raise ValueError(f"attempt to get {name} of an empty sequence")
        found, _ = reduced(x, extreme, (along,), True)
        spread = broadcast_to(
            fresh(Real(found), tuple(1 if i == along else n for i, n in enumerate(x.shape)), x.dtype), x.shape
        )
        here = compare_values(x.node, "==", spread.node)
        places = fresh(Integer(axis_index(along, x.ndim)), x.shape, np.int64)
        node, shape = reduced(places, "min", (along,), keepdims, here)
        # There is such a place: the bound changes nothing, and shows that it is an index.
        return _finish(apply("minimum", node, size_number(x.shape[along] - 1)), shape, np.int64, out)


_place("argmax", "max")
_place("argmin", "min")
