"""Operations on each element by itself."""

from __future__ import annotations

from collections.abc import Callable

from stile_engine.array import integers
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
from stile_engine.array.arrays import integers as integer_array
from stile_engine.array.elementwise import is_float, is_integer
from stile_engine.array.facts import is_number_or_infinity, rational_value
from stile_engine.array.meeting import meet
from stile_engine.array.values import parts_of
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, disjunction
from stile_engine.index.predicate import negate as negated
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    ONE,
    POSITIVE_INFINITY,
    ZERO,
    Infinity,
    Node,
    NoValue,
    add,
    apply,
    divide,
    multiply,
    negate,
    number,
    select,
    subtract,
)
from stile_engine.term.rounding import rounded, signum, truncated
from stile_engine.torch import adapter, algebra
from stile_engine.torch.call import Call, Results, models
from stile_engine.torch.infinities import minus_infinity

Rule = Callable[[Node], Node]


def _below(x: Node) -> Node:
    return apply("minimum", x, ZERO)


def _relu6(x: Node) -> Node:
    return apply("minimum", apply("maximum", x, ZERO), number(6))


UNARY: dict[str, Rule] = {
    "neg": negate,
    "exp": lambda x: apply("exp", x),
    "exp2": lambda x: apply("exp2", x),
    "expm1": lambda x: subtract(apply("exp", x), ONE),
    "log": lambda x: apply("log", x),
    "log2": lambda x: apply("log2", x),
    "log10": lambda x: divide(apply("log", x), apply("log", number(10))),
    "log1p": lambda x: apply("log", add(ONE, x)),
    "sqrt": lambda x: apply("sqrt", x),
    "rsqrt": lambda x: apply("rsqrt", x),
    "reciprocal": lambda x: divide(ONE, x),
    "sin": lambda x: apply("sin", x),
    "cos": lambda x: apply("cos", x),
    "tan": lambda x: divide(apply("sin", x), apply("cos", x)),
    "tanh": lambda x: apply("tanh", x),
    "sinh": lambda x: divide(subtract(apply("exp", x), apply("exp", negate(x))), number(2)),
    "cosh": lambda x: divide(add(apply("exp", x), apply("exp", negate(x))), number(2)),
    "sigmoid": lambda x: apply("sigmoid", x),
    "erf": lambda x: apply("erf", x),
    "erfc": lambda x: subtract(ONE, apply("erf", x)),
    "abs": lambda x: apply("abs", x),
    "floor": lambda x: apply("floor", x),
    "ceil": lambda x: negate(apply("floor", negate(x))),
    "trunc": truncated,
    "frac": lambda x: subtract(x, truncated(x)),
    "round": rounded,
    "sign": signum,
    "sgn": signum,
    "relu": lambda x: apply("relu", x),
    "silu": lambda x: apply("silu", x),
    # log(1 / (1 + exp(-x))); the two-branch form that is computed is the same number
    "log_sigmoid_forward": lambda x: negate(apply("softplus", negate(x))),
    "mish": lambda x: multiply(x, apply("tanh", apply("softplus", x))),
    "hardswish": lambda x: divide(multiply(x, _relu6(add(x, number(3)))), number(6)),
    "hardsigmoid": lambda x: divide(_relu6(add(x, number(3))), number(6)),
}


@models(*UNARY)
def unary(call: Call) -> Results:
    operand = call.array("self")
    rule = UNARY[call.name]
    if call.name == "round" and call.given.get("decimals", 0) != 0:
        raise Unreadable("rounding to a number of decimals")
    if isinstance(operand, IntegerArray) and is_integer(call.dtype):
        match call.name:
            case "neg" | "abs":
                return algebra.primitive(call.name, call.shape, call.dtype, operand)
            case "relu":
                zero = integer_array((), Affine())
                return algebra.primitive("max", call.shape, call.dtype, operand, zero)
            case "sign" | "sgn":
                return algebra.primitive("sign", call.shape, call.dtype, operand)
            case "floor" | "ceil" | "round" | "trunc":
                return operand
        raise Unreadable(f"{call.name} of integers")
    found = algebra.each(rule, operand)
    return [found, None] if call.name == "log_sigmoid_forward" else found


@models("clone")
def identity(call: Call) -> Results:
    return call.array("self")


@models("_to_copy")
def conversion(call: Call) -> Results:
    call.machine.cast(adapter.dtype_name(call.given["self"].dtype), call.dtype)
    _note_cast(call, "self")
    return algebra.converted(call.array("self"), call.dtype)


def _note_cast(call: Call, name: str) -> None:
    """Between floating types a cast is the identity on real numbers, and listed."""
    source = adapter.dtype_name(call.given[name].dtype)
    if source != call.dtype and is_float(source) and is_float(call.dtype):
        call.machine.note(f"cast from {source} to {call.dtype}", "the same number")


@models("copy")
def copy(call: Call) -> Results:
    call.machine.cast(adapter.dtype_name(call.given["src"].dtype), call.dtype)
    _note_cast(call, "src")
    found = algebra.broadcast(algebra.converted(call.array("src"), call.dtype), call.shape)
    meet([parts_of(call.array("self")), parts_of(found)], ranges_of(call.shape), beside=True)
    return found


def in_type(array: Array, dtype: str) -> Array:
    """An operand as the type that the operation computes in."""
    if isinstance(array, RealArray) and not is_float(dtype):
        return array  # whole numbers that depend on data, or a sum of truth values
    return algebra.converted(array, dtype)


def _arithmetic(name: str, call: Call, left: Array, right: Array) -> Array:
    """``add``, ``sub``, ``mul``, ``max`` or ``min`` in the type of the result."""
    rules = {"max": "maximum", "min": "minimum"}
    if is_float(call.dtype):
        return algebra.applied(rules.get(name, name), left, right)
    if call.dtype == "bool":
        logical = {"add": "or", "mul": "and", "max": "or", "min": "and"}.get(name)
        if logical is None:
            raise Unreadable(f"{name} of truth values")
        return algebra.primitive(logical, call.shape, "bool", left, right)
    if not is_integer(call.dtype):
        raise Unreadable(f"numbers of type {call.dtype}")
    first, second = in_type(left, call.dtype), in_type(right, call.dtype)
    if isinstance(first, RealArray) or isinstance(second, RealArray):
        return algebra.applied(rules.get(name, name), first, second)
    return algebra.primitive(name, call.shape, call.dtype, first, second)


@models("add", "sub", "rsub")
def sum_or_difference(call: Call) -> Results:
    left, right = call.array("self"), call.array("other")
    factor = call.given.get("alpha", 1)
    if call.name == "rsub":
        left, right = right, left
        if factor != 1:
            right = _scaled(call, right, factor)
        return _arithmetic("sub", call, left, right)
    if factor != 1:
        right = _scaled(call, right, factor)
    return _arithmetic("add" if call.name == "add" else "sub", call, left, right)


def _scaled(call: Call, array: Array, factor: object) -> Array:
    return _product(call, array, call.machine.array(factor), array.shape)


def _product(call: Call, left: Array, right: Array, shape: Shape) -> Array:
    if is_float(call.dtype) or isinstance(left, RealArray):
        return algebra.times(left, right)
    return algebra.primitive("mul", shape, call.dtype, in_type(left, call.dtype), in_type(right, call.dtype))


@models("mul")
def product(call: Call) -> Results:
    return _arithmetic("mul", call, call.array("self"), call.array("other"))


@models("maximum", "minimum", "fmax", "fmin")
def extremum(call: Call) -> Results:
    name = "max" if call.name in ("maximum", "fmax") else "min"
    return _arithmetic(name, call, call.array("self"), call.array("other"))


@models("div", "floor_divide")
def quotient(call: Call) -> Results:
    left, right = call.array("self"), call.array("other")
    rounding = "floor" if call.name == "floor_divide" else call.given.get("rounding_mode")
    if rounding is None:
        return algebra.over(left, right)
    if is_float(call.dtype):
        if rounding == "floor":
            return algebra.applied("floor", algebra.over(left, right))
        return algebra.each(truncated, algebra.over(left, right))
    first, second = in_type(left, call.dtype), in_type(right, call.dtype)
    if rounding == "trunc":
        return algebra.primitive("div", call.shape, call.dtype, first, second)
    return _by_constant(call, first, second, lambda value, divisor: value // divisor)


@models("remainder")
def remainder(call: Call) -> Results:
    left, right = call.array("self"), call.array("other")
    if is_float(call.dtype):
        # x - y * floor(x / y): the sign of the divisor, as Python has it
        whole = algebra.applied("floor", algebra.over(left, right))
        return algebra.minus(left, algebra.times(right, whole))
    first, second = in_type(left, call.dtype), in_type(right, call.dtype)
    return _by_constant(call, first, second, lambda value, divisor: value % divisor)


@models("fmod")
def truncated_remainder(call: Call) -> Results:
    if is_float(call.dtype):
        left, right = call.array("self"), call.array("other")
        return algebra.minus(left, algebra.times(right, algebra.each(truncated, algebra.over(left, right))))
    first, second = (in_type(call.array(n), call.dtype) for n in ("self", "other"))
    return algebra.primitive("rem", call.shape, call.dtype, first, second)


def _by_constant(call: Call, left: Array, right: Array, rule: Callable[[Affine, int], Affine]) -> Array:
    divisor = right.constant if isinstance(right, IntegerArray) else None
    if not isinstance(left, IntegerArray) or divisor is None or divisor <= 0:
        raise Unreadable("a whole division by something other than a positive constant")
    wide = algebra.broadcast(left, call.shape)
    assert isinstance(wide, IntegerArray)
    return integers.map_pieces(wide, call.shape, lambda v: integers.always(rule(v, divisor)))


@models("pow")
def power(call: Call) -> Results:
    base = call.array("self")
    exponent = integer_array((), Affine((), 2)) if call.name == "square" else call.array("exponent")
    if not is_float(call.dtype):
        fixed = exponent.constant if isinstance(exponent, IntegerArray) else None
        if isinstance(base, IntegerArray) and fixed is not None and fixed >= 0:
            if base.constant is not None:
                return algebra.broadcast(integer_array((), Affine((), base.constant**fixed)), call.shape)
            if fixed == 1:
                return base
        raise Unreadable("a power of index arrays")
    if rational_value(as_node(algebra.real(exponent))) is None and isinstance(exponent, IntegerArray):
        exponent = algebra.real(exponent)
    return algebra.primitive("pow", call.shape, call.dtype, algebra.real(base), algebra.real(exponent))


@models("clamp", "clamp_min", "clamp_max", "hardtanh")
def clamp(call: Call) -> Results:
    found = call.array("self")
    names = ("min_val", "max_val") if call.name == "hardtanh" else ("min", "max")
    low, high = (call.optional(n) for n in names)
    # Where the bounds cross PyTorch gives the upper one, which is what this order does.
    if low is not None:
        found = _arithmetic("max", call, found, low)
    if high is not None:
        found = _arithmetic("min", call, found, high)
    return found


@models("leaky_relu")
def leaky_relu(call: Call) -> Results:
    slope = call.array("negative_slope")
    return algebra.each(lambda x, s: add(apply("relu", x), multiply(s, _below(x))), call.array("self"), slope)


@models("rrelu_with_noise")
def randomised_relu(call: Call) -> Results:
    if call.given.get("training"):
        raise Unreadable("a slope that is drawn at random")
    slope = algebra.over(algebra.add(call.array("lower"), call.array("upper")), algebra.of_number(2))
    return algebra.each(lambda x, s: add(apply("relu", x), multiply(s, _below(x))), call.array("self"), slope)


@models("_prelu_kernel")
def prelu(call: Call) -> Results:
    rule = lambda x, s: add(apply("relu", x), multiply(s, _below(x)))
    return algebra.each(rule, call.array("self"), call.array("weight"))


@models("elu", "celu")
def elu(call: Call) -> Results:
    x = call.array("self")
    alpha, scale, inner = (call.optional(n) for n in ("alpha", "scale", "input_scale"))
    below = algebra.each(_below, x)
    if call.name == "celu" and alpha is not None:
        below = algebra.over(below, alpha)
    if inner is not None:
        below = algebra.times(below, inner)
    bent = algebra.each(lambda v: subtract(apply("exp", v), ONE), below)
    if alpha is not None:
        bent = algebra.times(alpha, bent)
    found = algebra.add(algebra.applied("relu", x), bent)
    return algebra.times(scale, found) if scale is not None else found


@models("gelu")
def gelu(call: Call) -> Results:
    kind = call.given.get("approximate", "none")
    return algebra.applied("gelu_tanh" if kind == "tanh" else "gelu", call.array("self"))


@models("softplus")
def softplus(call: Call) -> Results:
    beta, threshold = call.given.get("beta", 1), call.given.get("threshold", 20)
    if beta <= 0 or threshold < 15:
        raise Unreadable("softplus with this threshold, which is no rounding")
    scale = call.array("beta")
    # Above the threshold PyTorch returns x itself, which is rounding: log(1 + exp(20)) is 20 in its last digits.
    call.machine.note(f"softplus above the threshold {threshold}", "log(1 + exp(x))")
    return algebra.over(algebra.applied("softplus", algebra.times(call.array("self"), scale)), scale)


@models("softshrink")
def softshrink(call: Call) -> Results:
    # what lies between -lambda and lambda leaves: x - clamp(x, -lambda, lambda)
    x, bend = call.array("self"), call.array("lambd")
    inner = algebra.applied("minimum", algebra.applied("maximum", x, algebra.negative(bend)), bend)
    return algebra.minus(x, inner)


@models("xlogy")
def product_with_logarithm(call: Call) -> Results:
    """``x log y``, and 0 where x is zero, whatever number y is: of none there is no value."""

    def rule(x: Node, y: Node) -> Node:
        is_zero = compare_values(x, "==", ZERO)
        defined = select(is_zero, ZERO, multiply(x, apply("log", y)), {**x.axes, **y.axes})
        below = select(is_zero, ZERO, NoValue("the logarithm of a negative number"), x.axes)
        return select(compare_values(y, ">=", ZERO), defined, below, {**x.axes, **y.axes})

    return algebra.each(rule, call.array("self"), call.array("other"))


@models("hypot")
def hypot(call: Call) -> Results:
    squares = algebra.add(algebra.square(call.array("self")), algebra.square(call.array("other")))
    return algebra.applied("sqrt", squares)


@models("glu")
def glu(call: Call) -> Results:
    x = call.array("self")
    along = call.given.get("dim", -1) % len(x.shape)
    half = x.shape[along] // 2
    first, second = (_part(x, along, start, half) for start in (0, half))
    return algebra.times(first, algebra.applied("sigmoid", second))


def _part(array: Array, along: int, start: int, size: int) -> Array:
    shape = tuple(size if a == along else n for a, n in enumerate(array.shape))
    indices = [axis(a) + (start if a == along else 0) for a in range(len(shape))]
    return reindex(array, indices, shape)


@models("addcmul", "addcdiv")
def fused(call: Call) -> Results:
    first, second = call.array("tensor1"), call.array("tensor2")
    inner = algebra.times(first, second) if call.name == "addcmul" else algebra.over(first, second)
    return algebra.add(call.array("self"), algebra.times(call.array("value"), inner))


@models("lerp")
def lerp(call: Call) -> Results:
    start, end, weight = (call.array(n) for n in ("self", "end", "weight"))
    return algebra.add(start, algebra.times(weight, algebra.minus(end, start)))


# -- truth values --------------------------------------------------------------------------

COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


@models(*COMPARISONS)
def comparison(call: Call) -> Results:
    left, right = call.array("self"), call.array("other")
    for operand in (left, right):
        if isinstance(operand, UnknownArray):
            raise algebra.UnknownOperand(operand)
    if type(left) is not type(right):
        if isinstance(left, RealArray) or isinstance(right, RealArray):
            left, right = algebra.real(left), algebra.real(right)
        else:
            left, right = algebra.converted(left, "int64"), algebra.converted(right, "int64")
    elif isinstance(left, TruthArray) and call.name not in ("eq", "ne"):
        left, right = algebra.converted(left, "int64"), algebra.converted(right, "int64")
    beyond = _against_infinity(call.name, left, right)
    if beyond is not None:
        return algebra.broadcast(beyond, call.shape)
    return algebra.primitive(call.name, call.shape, "bool", left, right)


def _against_infinity(name: str, left: Array, right: Array) -> Array | None:
    """A comparison with an infinity, where it is known from the indices which elements are infinite."""
    match right:
        case RealArray(node=Infinity(sign)):
            where = minus_infinity(left.node) if isinstance(left, RealArray) else None
        case _:
            return None
    if where is None:
        return None
    if sign > 0:
        found: Predicate = ALWAYS if name in ("ne", "lt", "le") else NEVER
    else:
        found = {"eq": where, "le": where, "ge": ALWAYS, "lt": NEVER}.get(name, negated(where))
    return TruthArray(left.shape, integers.simplify(found, left.shape))


@models("logical_and", "logical_or", "logical_xor", "logical_not")
def logical(call: Call) -> Results:
    operands = [call.array(n) for n in ("self", "other") if n in call.given]
    truths = [algebra.converted(o, "bool") for o in operands]
    return algebra.primitive(call.name.removeprefix("logical_"), call.shape, "bool", *truths)


@models("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")
def bitwise(call: Call) -> Results:
    name = call.name.removeprefix("bitwise_").strip("_")
    operands = [in_type(call.array(n), call.dtype) for n in ("self", "other") if n in call.given]
    if call.dtype != "bool" and name != "and":
        raise Unreadable("bits of integers")
    return algebra.primitive(name, call.shape, call.dtype, *operands)


@models("bitwise_left_shift", "bitwise_right_shift", "__lshift__", "__rshift__")
def shift(call: Call) -> Results:
    name = "shift_left" if "left" in call.name or call.name == "__lshift__" else "shift_right_arithmetic"
    operands = [in_type(call.array(n), call.dtype) for n in ("self", "other")]
    return algebra.primitive(name, call.shape, call.dtype, *operands)


@models("isnan", "isinf", "isneginf", "isposinf")
def finiteness(call: Call) -> Results:
    operand = algebra.real(call.array("self"))
    where = minus_infinity(operand.node)
    if where is None:
        return TruthArray(operand.shape, _compared_with_infinity(call.name, operand.node))
    infinite = call.name in ("isinf", "isneginf")
    found: Predicate = where if infinite else negated(where) if call.name == "isfinite" else NEVER
    return TruthArray(operand.shape, integers.simplify(found, operand.shape))


def _compared_with_infinity(name: str, node: Node) -> Predicate:
    if not is_number_or_infinity(node):
        raise Unreadable(f"{name} of data that may have no value")
    negative, positive = (compare_values(node, "==", i) for i in (NEGATIVE_INFINITY, POSITIVE_INFINITY))
    match name:
        case "isneginf":
            return negative
        case "isposinf":
            return positive
        case "isinf":
            return disjunction(negative, positive)
        case _:
            return NEVER  # NaN is no value


@models("where")
def where(call: Call) -> Results:
    if "self" not in call.given or "other" not in call.given:
        raise Unreadable("the places where a condition on data holds")
    yes, no = (in_type(call.array(n), call.dtype) for n in ("self", "other"))
    if isinstance(yes, RealArray) or isinstance(no, RealArray):
        yes, no = algebra.real(yes), algebra.real(no)
    return algebra.chosen(_condition(call, "condition"), yes, no)


@models("masked_fill")
def masked_fill(call: Call) -> Results:
    own, value = (in_type(call.array(n), call.dtype) for n in ("self", "value"))
    if isinstance(own, RealArray) or isinstance(value, RealArray):
        own, value = algebra.real(own), algebra.real(value)
    return algebra.broadcast(algebra.chosen(_condition(call, "mask"), value, own), call.shape)


def _condition(call: Call, name: str) -> Array:
    return truth_of(call.array(name))


def truth_of(found: Array) -> Array:
    return found if isinstance(found, (TruthArray, UnknownArray)) else algebra.converted(found, "bool")


@models("zero")
def zero(call: Call) -> Results:
    return algebra.broadcast(algebra.converted(integer_array((), Affine()), call.dtype), call.shape)


@models("fill")
def fill(call: Call) -> Results:
    return algebra.broadcast(algebra.converted(call.array("value"), call.dtype), call.shape)
