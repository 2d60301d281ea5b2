"""Pointwise functions of NumPy, and writing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from stile_engine.array.elementwise import converted_to_integer
from stile_engine.array.sizes import same_shape
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    ALWAYS,
    Predicate,
    compare,
    conjunction,
    disjunction,
    negate,
)
from stile_engine.index.sizes import is_fixed
from stile_engine.numpy.plain import context
from stile_engine.numpy.plain.array import (
    OPERATIONS,
    SymbolicArray,
    as_array,
    broadcast_to,
    common_shape,
    fresh,
    holds_index_array,
    meet,
    noted,
    settled,
    view_at,
)
from stile_engine.numpy.plain.elements import Elements, Integer, Real, Shape, Truth, as_node, ranges_of
from stile_engine.numpy.plain.layout import settle_layout
from stile_engine.numpy.plain.storage import Buffer, View, is_row_major, root
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    ONE,
    ZERO,
    Const,
    Node,
    NoValue,
    Power,
    add,
    apply,
    divide,
    multiply,
    number,
    select,
    subtract,
)
from stile_engine.term.rounding import truncated

Operation = TypeVar("Operation", bound=Callable[..., Any])


def operation(*names: str) -> Callable[[Operation], Operation]:
    """Make a function the model of the NumPy functions of these names."""

    def register(function: Operation) -> Operation:
        @wraps(function)
        def modelled(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            settle_layout(names[0], result, arguments, options)
            return result

        for name in names:
            OPERATIONS[name] = modelled
        return cast(Operation, modelled)

    return register


def operands_of(values: tuple[Any, ...]) -> list[SymbolicArray]:
    """Arrays and Python scalars as arrays; scalars take their type from the arrays."""
    arrays = [v for v in values if isinstance(v, (SymbolicArray, np.ndarray))]
    like = np.result_type(*(a.dtype for a in arrays)) if arrays else None
    return [as_array(v, like) for v in values]


def pointwise(
    values: tuple[Any, ...],
    compute: Callable[[list[Elements], Shape, np.dtype], tuple[Elements, Any]],
    out: SymbolicArray | None,
    where: Any = True,
) -> SymbolicArray:
    """Broadcast the operands, compute the elements and their type, and write or return them. Where the condition
    ``where`` does not hold ``out`` keeps what it has, and a new array has memory that is never written."""
    operands = operands_of(values)
    shape = common_shape(operands)
    spread = [broadcast_to(o, shape) for o in operands]
    dtype = np.result_type(*(o.dtype for o in operands))
    together = [s.elements for s in spread]
    if shape:
        meet([e for e, o in zip(together, operands, strict=True) if o.ndim], ranges_of(shape))
    elements, dtype = compute(together, shape, dtype)
    if out is not None:
        condition = ALWAYS if where is True else truth(broadcast_to(mask(where), _shape_of(out)))
        return write_out(out, fresh(elements, shape, dtype), condition)
    if where is not True:
        if not isinstance(elements, Real):
            context.unsupported("the option where= without out= is modelled for real numbers only")
        condition = truth(broadcast_to(mask(where), shape))
        elements = Real(select(condition, elements.node, NoValue("never written"), ranges_of(shape)))
    return settled(fresh(elements, shape, dtype))


def real_type(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


# Writing


def write(
    target: SymbolicArray, value: SymbolicArray, casting: str = "unsafe", where: Predicate = ALWAYS
) -> SymbolicArray:
    """Replace the elements of ``target``, as an assignment or ``out=`` does."""
    if not isinstance(target, SymbolicArray):
        context.unsupported("an array made outside of what is traced is written to")
    if target.scalar:
        raise TypeError("a number is no array and cannot be written to")
    if casting == "same_kind" and not np.can_cast(value.dtype, target.dtype, "same_kind"):
        raise TypeError(f"cannot cast the output from {value.dtype} to {target.dtype} with casting rule 'same_kind'")
    if target.dtype.kind in "iu" and value.dtype.kind in "iuf" and value.dtype != target.dtype:
        value = OPERATIONS["astype"](value, target.dtype)
    if target.dtype.kind == "b" and value.dtype.kind != "b":
        context.unsupported("numbers are written to an array of truth values")
    if any(not is_fixed(n, 1) for n in value.shape[: max(value.ndim - target.ndim, 0)]):
        raise ValueError(f"could not broadcast input array from shape {value.shape} into shape {target.shape}")
    if value.ndim > target.ndim:
        value = view_at(value, (0,) * (value.ndim - target.ndim))
    elements = broadcast_to(value, target.shape).elements
    if target.dtype.kind == "f":
        elements = Real(as_node(elements, target.shape))
    target.store.write(elements, where)
    memory = root(target.store)
    assert isinstance(memory, Buffer)
    memory.written = context.current().places()[0]
    return target


def write_out(out: SymbolicArray, value: SymbolicArray, where: Predicate = ALWAYS) -> SymbolicArray:
    """What ``out=`` does with the result of a function of each element, which may be repeated along axes of ``out``,
    but which loses none."""
    if value.ndim > len(_shape_of(out)):
        raise ValueError(f"out has the shape {out.shape}, and the result {value.shape}")
    return write(out, value, "same_kind", where)


def write_result(out: SymbolicArray, value: SymbolicArray) -> SymbolicArray:
    """What ``out=`` does with the result of other functions, which has its shape."""
    if not same_shape(_shape_of(out), value.shape):
        raise ValueError(f"out has the shape {out.shape}, and the result {value.shape}")
    return write(out, value, "same_kind")


def _shape_of(out: Any) -> Shape:
    if not isinstance(out, SymbolicArray):
        context.unsupported("an array made outside of what is traced is written to")
    return out.shape


def mask(where: Any) -> SymbolicArray:
    """The condition of ``where=``."""
    found = as_array(where)
    if found.dtype.kind != "b":
        context.unsupported(f"where= takes truth values, and is of the type {found.dtype} here")
    return found


@operation("setitem")
def setitem(target: SymbolicArray, key: Any, value: Any) -> None:
    if OPERATIONS["holds_mask"](key):
        OPERATIONS["write_masked"](target, key, value)
        return
    source = as_array(value, target.dtype)
    if holds_index_array(key):
        OPERATIONS["write_at"](target, key, source)
        return
    place = view_at(target, key)
    if isinstance(value, SymbolicArray) and (
        value.store is place.store or (isinstance(place.store, View) and place.store.is_same_place(value.store))
    ):
        return  # x[i] += y has written through its view already
    if source.ndim:
        found = broadcast_to(source, place.shape) if source.ndim <= place.ndim else source
        meet([place.elements, found.elements], ranges_of(place.shape), beside=True)
    write(place, source)


@operation("copyto")
def copyto(target: SymbolicArray, value: Any, casting: str = "same_kind", where: Any = True) -> None:
    condition = ALWAYS if where is True else truth(broadcast_to(mask(where), target.shape))
    write(target, as_array(value, target.dtype), casting, condition)


@operation("fill")
def fill(target: SymbolicArray, value: Any) -> None:
    write(target, as_array(value, target.dtype))


# Arithmetic


def _arithmetic(name: str, real: Callable[[Node, Node], Node], exact: Callable[[Affine, Affine], Affine]) -> None:
    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        match elements:
            case Integer(left), Integer(right) if dtype.kind in "iu":
                try:
                    return Integer(exact(left, right)), dtype
                except ValueError:
                    pass  # the product of two indices is no index any more, but still a number
        if dtype.kind == "b":
            context.unsupported(f"numpy.{name} of truth values is not modelled")
        return Real(real(as_node(elements[0], shape), as_node(elements[1], shape))), dtype

    @operation(name)
    def function(x: Any, y: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        return pointwise((x, y), compute, out, where)


def reject(name: str, options: dict[str, Any]) -> None:
    for option, value in options.items():
        if value is not None:
            context.unsupported(f"the option {option}= of numpy.{name} is not modelled")


_arithmetic("add", add, lambda a, b: a + b)
_arithmetic("subtract", subtract, lambda a, b: a - b)
_arithmetic("multiply", multiply, lambda a, b: a * b)


def _real_function(name: str, build: Callable[..., Node], arity: int = 1, keeps_integers: bool = False) -> None:
    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        if name in ("reciprocal", "fmod") and dtype.kind != "f":
            context.unsupported(f"numpy.{name} of integers is not modelled")
        if keeps_integers and dtype.kind == "b":
            context.unsupported(f"numpy.{name} of truth values is not modelled")
        found = Real(build(*(as_node(e, shape) for e in elements)))
        return found, dtype if keeps_integers and dtype.kind in "iu" else real_type(dtype)

    @operation(name)
    def function(*values: Any, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        if len(values) == arity + 1 and out is None:
            *rest, out = values
            values = tuple(rest)
        if len(values) != arity:
            raise TypeError(f"numpy.{name} takes {arity} arrays")
        return pointwise(values, compute, out, where)


def _unary(function: str) -> Callable[[Node], Node]:
    return lambda x: apply(function, x)


for _name in "exp exp2 log log2 sqrt sin cos tanh".split():
    _real_function(_name, _unary(_name))
for _name in "absolute abs fabs".split():
    _real_function(_name, _unary("abs"), keeps_integers=_name != "fabs")
_real_function("floor", _unary("floor"), keeps_integers=True)
_real_function("ceil", lambda x: apply("neg", apply("floor", apply("neg", x))), keeps_integers=True)
_real_function("log1p", lambda x: apply("log", add(ONE, x)))
_real_function("expm1", lambda x: subtract(apply("exp", x), ONE))
_real_function("log10", lambda x: divide(apply("log", x), apply("log", number(10))))
_real_function("square", lambda x: Power(x, 2), keeps_integers=True)
_real_function("reciprocal", lambda x: divide(ONE, x))
_real_function("true_divide", divide, 2)
_real_function("divide", divide, 2)
_real_function("maximum", lambda x, y: apply("maximum", x, y), 2, keeps_integers=True)
_real_function("minimum", lambda x, y: apply("minimum", x, y), 2, keeps_integers=True)
_real_function("fmax", lambda x, y: apply("maximum", x, y), 2, keeps_integers=True)
_real_function("fmin", lambda x, y: apply("minimum", x, y), 2, keeps_integers=True)
_real_function("logaddexp", lambda x, y: apply("log", add(apply("exp", x), apply("exp", y))), 2)


@operation("negative")
def negative(x: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
    reject("negative", options)

    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        match elements[0]:
            case Integer(value):
                return Integer(-value), dtype
            case Truth():
                context.unsupported("numpy.negative of truth values is not modelled")
        return Real(apply("neg", as_node(elements[0], shape))), dtype

    return pointwise((x,), compute, out, where)


@operation("positive")
def positive(x: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
    reject("positive", options)
    return pointwise((x,), lambda elements, _shape, dtype: (elements[0], dtype), out, where)


def _integer_division(name: str, exact: Callable[[Affine, int], Affine]) -> None:
    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        match elements:
            case Integer(left), Integer(right) if right.is_constant and right.constant > 0:
                return Integer(exact(left, right.constant)), dtype
            case _ if dtype.kind == "f":
                left_node, right_node = (as_node(e, shape) for e in elements)
                whole = apply("floor", divide(left_node, right_node))
                # x % y = x - y * floor(x / y): the sign of the divisor, as Python has it
                return Real(
                    whole if name == "floor_divide" else subtract(left_node, multiply(right_node, whole))
                ), dtype
        context.unsupported(f"numpy.{name} is modelled only for index arrays and a positive constant")

    @operation(name)
    def function(x: Any, y: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        return pointwise((x, y), compute, out, where)


_integer_division("floor_divide", lambda a, b: a // b)
_integer_division("remainder", lambda a, b: a % b)
OPERATIONS["mod"] = OPERATIONS["remainder"]
_real_function("fmod", lambda x, y: subtract(x, multiply(y, truncated(divide(x, y)))), 2)


@operation("float_power")
def float_power(x: Any, y: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
    return power(OPERATIONS["astype"](as_array(x), np.dtype(float)), y, out, where, **options)


@operation("power")
def power(x: Any, y: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
    reject("power", options)
    exponent = _rational(y)
    base = x
    among_reals = isinstance(y, (float, np.floating)) or (isinstance(y, SymbolicArray) and y.dtype.kind == "f")

    def compute(elements: list[Elements], shape: Shape, dtype: np.dtype) -> tuple[Elements, Any]:
        node = as_node(elements[0], shape)
        if exponent is None:
            root = _rational(base)
            if root == 2:
                return Real(apply("exp2", node)), real_type(dtype)
            context.unsupported("a power is modelled with a constant exponent, or with the base 2")
        dtype = real_type(dtype) if among_reals else dtype
        if exponent.denominator == 1:
            if exponent < 0 and dtype.kind in "iu":
                raise ValueError("Integers to negative integer powers are not allowed.")
            return Real(Power(node, int(exponent))), dtype
        if exponent.denominator == 2:
            # x ** (n/2) = sqrt(x) ** n: both need x >= 0, and x > 0 where n < 0
            root_node = apply("sqrt", node)
            return Real(root_node if exponent.numerator == 1 else Power(root_node, exponent.numerator)), real_type(
                dtype
            )
        context.unsupported(f"a power with the exponent {exponent} is not modelled")

    return pointwise((y,) if exponent is None else (x,), compute, out, where)


def _rational(value: Any) -> Any:
    """The number, where the operand is a rational scalar."""
    if isinstance(value, SymbolicArray):
        return value.node.value if not value.shape and isinstance(value.node, Const) else None
    if isinstance(value, (int, float, np.integer, np.floating)):
        node = context.read_number(value, 64)
        return node.value if isinstance(node, Const) else None
    return None


@operation("clip")
def clip(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> SymbolicArray:
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    reject("clip", options)
    result = x
    if low is not None:
        result = OPERATIONS["maximum"](result, low)
    if high is not None:
        result = OPERATIONS["minimum"](result, high)
    return write_out(out, as_array(result)) if out is not None else as_array(result)


# Truth values of the indices


def truth(array: SymbolicArray) -> Predicate:
    match array.elements:
        case Truth(predicate):
            return predicate
        case Integer(value):
            return compare(value, "!=", 0)
        case Real(node):
            return compare_values(node, "!=", ZERO)


def _comparison(name: str, operator: str) -> None:
    def compute(elements: list[Elements], shape: Shape, _dtype: np.dtype) -> tuple[Elements, Any]:
        match elements:
            case Integer(left), Integer(right):
                return Truth(compare(left, operator, right)), bool
        # numbers: finite, so that NaN is no case of its own
        left_node, right_node = (as_node(e, shape) for e in elements)
        return Truth(compare_values(left_node, operator, right_node)), bool

    @operation(name)
    def function(x: Any, y: Any, /, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        integers = [isinstance(v, SymbolicArray) and v.dtype.kind in "iu" for v in (x, y)]
        return pointwise(_whole_numbers(x, y) if any(integers) else (x, y), compute, out, where)


def _whole_numbers(*values: Any) -> tuple[Any, ...]:
    """A float that is a whole number compares with indices like that number."""
    return tuple(int(v) if isinstance(v, float) and v.is_integer() else v for v in values)


for _name, _operator in {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}.items():
    _comparison(_name, _operator)


def _logical(name: str, combine: Callable[..., Predicate], bitwise: str) -> None:
    @operation(name, bitwise)
    def function(*values: Any, out: Any = None, where: Any = True, **options: Any) -> SymbolicArray:
        reject(name, options)
        operands = [as_array(v) for v in values]
        shape = common_shape(operands)
        if any(o.dtype.kind != "b" for o in operands):
            context.unsupported(f"numpy.{name} is modelled for conditions on indices only")
        found = Truth(combine(*(truth(broadcast_to(o, shape)) for o in operands)))
        result = fresh(found, shape, bool)
        return write_out(out, result) if out is not None else result


_logical("logical_and", conjunction, "bitwise_and")
_logical("logical_or", disjunction, "bitwise_or")
_logical("logical_not", negate, "invert")
_logical(
    "logical_xor",
    lambda a, b: disjunction(conjunction(a, negate(b)), conjunction(negate(a), b)),
    "bitwise_xor",
)


@operation("where")
def where(condition: Any, *branches: Any) -> SymbolicArray:
    if not branches:
        return OPERATIONS["nonzero"](condition)  # type: ignore[no-any-return]
    mask = as_array(condition)
    predicate_of = truth(mask)
    chosen, other = operands_of(branches)
    shape = common_shape([mask, chosen, other])
    narrow = (mask, chosen, other)
    mask, chosen, other = (broadcast_to(a, shape) for a in narrow)
    predicate_of = truth(mask)
    wide: list[Elements] = [Truth(predicate_of), chosen.elements, other.elements]
    meet([e for e, own in zip(wide, narrow, strict=True) if own.ndim], ranges_of(shape))
    dtype = np.result_type(chosen.dtype, other.dtype)
    match chosen.elements, other.elements:
        case Truth(first), Truth(second):
            elements: Elements = Truth(
                disjunction(conjunction(predicate_of, first), conjunction(negate(predicate_of), second))
            )
        case Integer(first_value), Integer(second_value) if first_value == second_value:
            elements = Integer(first_value)
        case first_elements, second_elements:
            elements = Real(
                select(predicate_of, as_node(first_elements, shape), as_node(second_elements, shape), ranges_of(shape))
            )
    return noted(fresh(elements, shape, dtype))


@operation("astype")
def astype(x: SymbolicArray, dtype: Any, order: str = "K", *, copy: bool = True, **options: Any) -> SymbolicArray:
    reject("astype", {k: v for k, v in options.items() if k not in ("casting", "subok")})
    wanted = np.dtype(dtype)
    elements = x.elements
    if wanted == x.dtype and not copy:
        if order == "F" or (order == "C" and not is_row_major(x.store)):
            context.unsupported("astype with copy=False into another memory layout is not modelled")
        return x
    if wanted.kind == "f":
        if x.dtype.kind == "f":
            trace = context.current()
            trace.recorder.cast(str(x.dtype), str(wanted), trace.places()[0])
        elements = Real(as_node(elements, x.shape))
    elif wanted.kind in "iu" and x.dtype.kind == "f":
        elements = Real(converted_to_integer(as_node(elements, x.shape), str(wanted)))
    elif wanted.kind == "b" and not isinstance(elements, Truth):
        elements = Truth(truth(x))
    elif wanted.kind not in "iub":
        context.unsupported(f"a cast to {wanted} is not modelled")
    elif wanted.kind in "iu" and isinstance(elements, Truth):
        elements = Real(as_node(elements, x.shape))
    result = fresh(elements, x.shape, wanted, fits=np.can_cast(x.dtype, wanted, "safe"))
    result.scalar = x.scalar
    return noted(result)
