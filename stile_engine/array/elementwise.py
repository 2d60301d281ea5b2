"""Primitives that work on each element by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from stile_engine.array import integers
from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    RealArray,
    TruthArray,
    UnknownArray,
    Unreadable,
    as_node,
    index_number,
    regions,
)
from stile_engine.array.choice import choose
from stile_engine.array.facts import (
    affine_cases,
    affine_value,
    fits,
    is_number_or_infinity,
    is_positive,
    is_surely_finite,
    is_whole,
    range_of,
    rational_value,
)
from stile_engine.array.operation import Machine, Operation, handles, handles_pointwise, meet_pointwise, spread
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, compare, conjunction, disjunction, negate
from stile_engine.term.comparison import compare_values
from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    ONE,
    POSITIVE_INFINITY,
    ZERO,
    Apply,
    Const,
    IndexNumber,
    Node,
    Power,
    Reduce,
    Reindex,
    add,
    apply,
    divide,
    multiply,
    number,
    subtract,
)
from stile_engine.term.rounding import as_integer, ceiling, integer_range, rounded, signum, truncated, without_overflow

_UNARY: dict[str, Callable[[Node], Node]] = {
    "neg": lambda x: apply("neg", x),
    "exp": lambda x: apply("exp", x),
    "exp2": lambda x: apply("exp2", x),
    "expm1": lambda x: subtract(apply("exp", x), ONE),
    "log": lambda x: apply("log", x),
    "log1p": lambda x: apply("log", add(ONE, x)),
    "sqrt": lambda x: apply("sqrt", x),
    "rsqrt": lambda x: apply("rsqrt", x),
    "sin": lambda x: apply("sin", x),
    "cos": lambda x: apply("cos", x),
    "tan": lambda x: divide(apply("sin", x), apply("cos", x)),
    "tanh": lambda x: apply("tanh", x),
    "sinh": lambda x: divide(subtract(apply("exp", x), apply("exp", apply("neg", x))), number(2)),
    "cosh": lambda x: divide(add(apply("exp", x), apply("exp", apply("neg", x))), number(2)),
    "logistic": lambda x: apply("sigmoid", x),
    "erf": lambda x: apply("erf", x),
    "erfc": lambda x: subtract(ONE, apply("erf", x)),
    "abs": lambda x: apply("abs", x),
    "square": lambda x: Power(x, 2),
    "floor": lambda x: apply("floor", x),
    "ceil": ceiling,
}

_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "max": "maximum", "min": "minimum"}

_INTEGER_BINARY = {
    "add": integers.add,
    "sub": integers.subtract,
    "mul": integers.multiply,
    "max": integers.maximum,
    "min": integers.minimum,
    "div": integers.truncated_quotient,
    "rem": integers.truncated_remainder,
    "shift_left": integers.shift_left,
    "shift_right_arithmetic": integers.shift_right,
}

_COMPARISONS = {"lt_to": "<", "le_to": "<=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def _real(operation: Operation, node: Node) -> list[Array]:
    return [RealArray(operation.shape, node)]


def _is_real(operation: Operation) -> bool:
    return all(isinstance(i, RealArray) for i in operation.inputs)


def _integer_operands(operation: Operation) -> list[IntegerArray]:
    found: list[IntegerArray] = []
    for operand in operation.inputs:
        if not isinstance(operand, IntegerArray):
            raise Unreadable(f"{operation.name} of these operand types")
        found.append(operand)
    return found


@handles(*_UNARY)
def unary(operation: Operation, _machine: Machine) -> list[Array]:
    operand = operation.inputs[0]
    if isinstance(operand, IntegerArray) and operation.name in ("neg", "abs", "square"):
        if operation.name == "square":
            return [integers.combine(operand, operand, operation.shape, integers.multiply)]
        rule = integers.magnitude if operation.name == "abs" else lambda v: integers.always(-v)
        return [integers.map_pieces(operand, operation.shape, rule)]
    if (
        is_integer(operation.dtypes[0])
        and isinstance(operand, RealArray)
        and operation.name in ("neg", "abs", "square")
    ):
        node = _UNARY[operation.name](operand.node)
        must_fit(node, operation.dtypes[0])
        return _real(operation, node)
    if not isinstance(operand, RealArray):
        raise Unreadable(f"{operation.name} of integers")
    if operation.name in ("floor", "ceil") and (found := affine_value(operand.node)) is not None:
        value, scale = found
        index = value // scale if operation.name == "floor" else -((-value) // scale)
        return _real(operation, index_number(index, operation.shape))
    return _real(operation, _UNARY[operation.name](operand.node))


@handles("sign")
def sign(operation: Operation, _machine: Machine) -> list[Array]:
    operand = operation.inputs[0]
    if isinstance(operand, RealArray):
        return _real(operation, signum(operand.node))
    if not isinstance(operand, IntegerArray):
        raise Unreadable("sign of truth values")
    return [integers.map_pieces(operand, operation.shape, integers.sign)]


@handles("round")
def round_(operation: Operation, _machine: Machine) -> list[Array]:
    operand = real(operation.inputs[0])
    if int(operation.params.get("rounding_method", _TO_EVEN)) == _TO_EVEN:
        return _real(operation, rounded(operand.node))
    # halves away from zero: trunc(2 x) has the half as its last bit
    return _real(operation, truncated(add(operand.node, divide(signum(operand.node), number(2)))))


_TO_EVEN = 1


def real(array: Array) -> RealArray:
    if not isinstance(array, RealArray):
        raise Unreadable("an operation on real numbers of integers or truth values")
    return array


def must_fit(node: Node, dtype: str) -> None:
    """Raise where whole numbers that depend on data may leave the range of their type."""
    if not is_integer(dtype):
        return
    if not fits(node, *integer_range(dtype)):
        raise Unreadable(f"an integer that may not fit into {dtype}")


def within_type(node: Node, dtype: str) -> Node:
    """Whole numbers, without a value where they leave the range of their type: there the machine wraps around."""
    return node if fits(node, *integer_range(dtype)) else without_overflow(node, dtype)


def _whole(operation: Operation) -> list[Array]:
    """Integers that depend on data."""
    name = operation.name
    left, right = (as_node(i) for i in operation.inputs)
    match name:
        case "div":
            node = truncated(divide(left, right))
        case "rem":
            node = subtract(left, multiply(right, truncated(divide(left, right))))
        case _ if name in _BINARY:
            node = apply(_BINARY[name], left, right)
        case _:
            raise Unreadable(f"{name} of integers that depend on data")
    must_fit(node, operation.dtypes[0])
    return _real(operation, node)


@handles_pointwise("add", "add_any", "sub", "mul", "div", "max", "min", "rem", "shift_left", "shift_right_arithmetic")
def binary(operation: Operation, _machine: Machine) -> list[Array]:
    name = "add" if operation.name == "add_any" else operation.name
    if all(isinstance(i, TruthArray) for i in operation.inputs) and name in ("max", "min", "mul"):
        return logical(operation, _machine)
    kinds = {type(i) for i in operation.inputs}
    if is_integer(operation.dtypes[0]) and RealArray in kinds and kinds <= {RealArray, IntegerArray}:
        return _whole(replace(operation, name=name))
    if _is_real(operation):
        if name == "rem":
            left_node, right_node = (as_node(i) for i in operation.inputs)
            whole = truncated(divide(left_node, right_node))
            return _real(operation, subtract(left_node, multiply(right_node, whole)))
        if name not in _BINARY:
            raise Unreadable(f"{name} of real numbers")
        return _real(operation, apply(_BINARY[name], *(as_node(i) for i in operation.inputs)))
    left, right = _integer_operands(operation)
    if name in ("div", "rem") and not all(value.is_constant for _, value in right.pieces):
        return [integers.by_sizes(left, right, operation.shape, name == "rem")]
    return [integers.combine(left, right, operation.shape, _INTEGER_BINARY[name])]


@handles("integer_pow")
def integer_power(operation: Operation, _machine: Machine) -> list[Array]:
    exponent = int(operation.params["y"])
    operand = operation.inputs[0]
    if isinstance(operand, IntegerArray) and operand.constant is not None and exponent >= 0:
        return [integers.make(integers.always(Affine((), operand.constant**exponent)), operation.shape)]
    if not isinstance(operand, RealArray):
        raise Unreadable("a power of index arrays")
    return _real(operation, Power(operand.node, exponent))


@handles_pointwise("pow")
def power(operation: Operation, _machine: Machine) -> list[Array]:
    base, exponent = operation.inputs
    if not isinstance(base, RealArray) or not isinstance(exponent, (RealArray, IntegerArray)):
        raise Unreadable("a power of index arrays")
    value = rational_value(as_node(exponent))
    if value is not None and value.denominator == 1:
        return _real(operation, Power(base.node, int(value)))
    if value == Fraction(1, 2):
        return _real(operation, apply("sqrt", base.node))
    if value == Fraction(-1, 2):
        return _real(operation, apply("rsqrt", base.node))
    fixed = rational_value(base.node)
    if fixed is not None and fixed > 0:
        # b ** x = exp(x * log(b)) for b > 0
        if fixed == 2:
            return _real(operation, apply("exp2", as_node(exponent)))
        return _real(operation, apply("exp", multiply(as_node(exponent), apply("log", base.node))))
    if value is not None and value > 0:
        # b ** e = exp(e * log(b)) for e > 0: at 0 both are 0, and below it neither has a value
        return _real(operation, apply("exp", multiply(number(value), apply("log", base.node))))
    if is_positive(base.node):
        return _real(operation, apply("exp", multiply(as_node(exponent), apply("log", base.node))))
    raise Unreadable("a power whose exponent is data, or negative and neither a whole number nor -1/2")


@handles("clamp")
def clamp(operation: Operation, _machine: Machine) -> list[Array]:
    low, operand, high = operation.inputs
    if isinstance(operand, RealArray) and not any(isinstance(i, TruthArray | UnknownArray) for i in (low, high)):
        if is_integer(operation.dtypes[0]) and _within(operand.node, as_node(low), as_node(high)):
            return [operand]
        node = apply("minimum", apply("maximum", operand.node, as_node(low)), as_node(high))
        return _real(operation, node)
    low_i, operand_i, high_i = _integer_operands(operation)
    raised = integers.combine(operand_i, low_i, operation.shape, integers.maximum)
    return [integers.combine(raised, high_i, operation.shape, integers.minimum)]


def _within(node: Node, low: Node, high: Node) -> bool:
    """Whether the form of the expressions shows that the one lies between the two others."""
    least, greatest = range_of(node)
    return range_of(low)[1] <= least and greatest <= range_of(high)[0]


def logarithm_of_sum(operation: Operation) -> Array:
    """``log(exp(a) + exp(b))`` of the two operands."""
    inputs = [spread(operand, operation.shape) for operand in operation.inputs]
    meet_pointwise(inputs, operation.shape)
    powers = [apply("exp", as_node(operand)) for operand in inputs]
    return _real(operation, apply("log", apply("add", *powers)))[0]


def floored_remainder(operation: Operation) -> Array:
    """``x - y * floor(x / y)`` of the two operands, which has the sign of the divisor."""
    inputs = [spread(operand, operation.shape) for operand in operation.inputs]
    meet_pointwise(inputs, operation.shape)
    left, right = (as_node(operand) for operand in inputs)
    whole = apply("floor", divide(left, right))
    return _real(operation, subtract(left, multiply(right, whole)))[0]


@handles_pointwise(*_COMPARISONS)
def comparison(operation: Operation, _machine: Machine) -> list[Array]:
    left, right = operation.inputs
    symbol = _COMPARISONS[operation.name]
    if isinstance(left, IntegerArray) and isinstance(right, IntegerArray):
        return [integers.comparison(left, symbol, right, operation.shape)]
    if isinstance(left, TruthArray) and isinstance(right, TruthArray) and symbol in ("==", "!="):
        same = _same(left.predicate, right.predicate)
        predicate = same if symbol == "==" else negate(same)
        return [TruthArray(operation.shape, integers.simplify(predicate, operation.shape))]
    if isinstance(left, RealArray) and isinstance(right, RealArray):
        found = _compared(left.node, symbol, right.node)
        if found is not None:
            return [TruthArray(operation.shape, integers.simplify(found, operation.shape))]
        if left is right and operation.name in ("ne", "eq") and is_surely_finite(left.node):
            # x != x is the test for NaN.
            return [TruthArray(operation.shape, NEVER if operation.name == "ne" else ALWAYS)]
    reals = [as_node(i) for i in (left, right) if isinstance(i, RealArray | IntegerArray)]
    if len(reals) == 2 and (decided := _decided(reals[0], symbol, reals[1])) is not None:
        return [TruthArray(operation.shape, ALWAYS if decided else NEVER)]
    if len(reals) == 2 and left is not right:
        # finite numbers and infinities: NaN is no case of its own
        return [TruthArray(operation.shape, compare_values(reals[0], symbol, reals[1]))]
    raise Unreadable("a comparison of data")


def _compared(left: Node, symbol: str, right: Node) -> Predicate | None:
    """Where the comparison holds, of numbers that depend on the indices alone."""
    first, second = affine_cases(left), affine_cases(right)
    if first is None or second is None:
        return None
    # Compared as whole numbers: both sides times both denominators, which are positive.
    return disjunction(
        *(
            conjunction(p, q, compare(value * other_scale, symbol, other * scale))
            for p, (value, scale) in first
            for q, (other, other_scale) in second
        )
    )


def _decided(left: Node, symbol: str, right: Node) -> bool | None:
    """The comparison of whole numbers, where their ranges leave no choice."""
    if not (is_index(left) and is_index(right)):
        return None
    (low, high), (other_low, other_high) = range_of(left), range_of(right)
    if high < other_low:
        return symbol in ("<", "<=", "!=")
    if low > other_high:
        return symbol in (">", ">=", "!=")
    if symbol == ">=" and low >= other_high:
        return True
    if symbol == "<" and low >= other_high:
        return False
    if symbol == "<=" and high <= other_low:
        return True
    return False if symbol == ">" and high <= other_low else None


def is_index(node: Node) -> bool:
    """Whether the form of the expression shows that it is a whole number, and always has a value."""
    match node:
        case Apply("minimum", (Reduce("min", body=IndexNumber()), last)):
            return is_index(last)  # the place of an extremum
        case Reindex(body, _, _):
            return is_index(body)
        case Apply("add" | "sub" | "mul" | "neg", operands):
            return all(is_index(operand) for operand in operands)
        case Const() | IndexNumber():
            return is_whole(node)
        case _:
            return False


def _same(left: Predicate, right: Predicate) -> Predicate:
    return disjunction(conjunction(left, right), conjunction(negate(left), negate(right)))


@handles("is_finite")
def is_finite(operation: Operation, _machine: Machine) -> list[Array]:
    operand = real(operation.inputs[0])
    if is_surely_finite(operand.node):
        return [TruthArray(operation.shape, ALWAYS)]
    if not is_number_or_infinity(operand.node):
        raise Unreadable("a test for finite numbers on data that may have no value")
    infinite = disjunction(
        compare_values(operand.node, "==", NEGATIVE_INFINITY), compare_values(operand.node, "==", POSITIVE_INFINITY)
    )
    return [TruthArray(operation.shape, negate(infinite))]


@handles_pointwise("and", "or", "xor", "not")
def logical(operation: Operation, _machine: Machine) -> list[Array]:
    predicates: list[Predicate] = []
    for operand in operation.inputs:
        if not isinstance(operand, TruthArray):
            return [_low_bits(operation)]
        predicates.append(operand.predicate)
    match operation.name:
        case "not":
            found = negate(predicates[0])
        case "and" | "min" | "mul":
            found = conjunction(*predicates)
        case "or" | "max":
            found = disjunction(*predicates)
        case _:
            found = negate(_same(*predicates))
    return [TruthArray(operation.shape, integers.simplify(found, operation.shape))]


def _low_bits(operation: Operation) -> IntegerArray:
    if operation.name == "and" and len(operands := _integer_operands(operation)) == 2:
        left, right = operands
        if left.constant is not None:
            left, right = right, left
        mask = right.constant
        if mask is not None and mask >= 0 and (mask & (mask + 1)) == 0:
            # The low bits in two's complement are the remainder modulo a power of two, of either sign.
            return integers.map_pieces(left, operation.shape, lambda v: integers.always(v % (mask + 1)))
    raise Unreadable("bits of integers")


@handles("select_n")
def select(operation: Operation, _machine: Machine) -> list[Array]:
    which, *cases = operation.inputs
    meet_pointwise((which, *reversed(cases)), operation.shape)
    if isinstance(which, TruthArray):
        chosen: list[tuple[Predicate, Array]] = [(which.predicate, cases[1]), (ALWAYS, cases[0])]
    elif isinstance(which, IntegerArray):
        chosen = [
            (disjunction(*(conjunction(p, compare(v, "==", k)) for p, v in regions(which.pieces))), case)
            for k, case in enumerate(cases)
        ]
        chosen[-1] = (ALWAYS, chosen[-1][1])
    elif isinstance(which, RealArray):
        chosen = [(compare_values(which.node, "==", number(k)), case) for k, case in enumerate(cases)]
        chosen[-1] = (ALWAYS, chosen[-1][1])
    elif isinstance(which, UnknownArray):
        raise Unreadable(which.reason)
    else:
        raise Unreadable("a choice that depends on data")
    return [choose(chosen, operation.shape)]


@handles("convert_element_type")
def convert(operation: Operation, _machine: Machine) -> list[Array]:
    operand, target = operation.inputs[0], operation.dtypes[0]
    if is_float(target):
        return _real(operation, as_node(operand))
    if is_integer(target):
        if isinstance(operand, IntegerArray):
            return [operand]
        if isinstance(operand, TruthArray):
            pieces = ((operand.predicate, Affine((), 1)), (ALWAYS, Affine()))
            return [integers.make(pieces, operation.shape)]
        if isinstance(operand, RealArray):
            return [_integer_of(operation, operand, target)]
        raise Unreadable(f"a conversion to {target}")
    if target == "bool":
        if isinstance(operand, TruthArray):
            return [operand]
        if isinstance(operand, IntegerArray):
            zero = integers.make(integers.always(Affine()), operation.shape)
            return [integers.comparison(operand, "!=", zero, operation.shape)]
        if isinstance(operand, RealArray) and (differs := _compared(operand.node, "!=", ZERO)) is not None:
            return [TruthArray(operation.shape, integers.simplify(differs, operation.shape))]
        if isinstance(operand, RealArray):
            return [TruthArray(operation.shape, compare_values(operand.node, "!=", ZERO))]
    raise Unreadable(f"a conversion to {target}")


def _integer_of(operation: Operation, operand: RealArray, target: str) -> Array:
    """Real numbers as integers: cut off towards zero."""
    cases = affine_cases(operand.node)
    if cases is not None:
        pieces = tuple(
            (conjunction(condition, inner), whole)
            for condition, (value, scale) in cases
            for inner, whole in integers.truncated_quotient(value, Affine((), scale))
        )
        return integers.make((*pieces[:-1], (ALWAYS, pieces[-1][1])), operation.shape)
    return RealArray(operation.shape, converted_to_integer(operand.node, target))


def converted_to_integer(node: Node, dtype: str) -> Node:
    """A number cut off towards zero, which leaves a whole one in the range of the type as it is."""
    return node if is_whole(node) and fits(node, *integer_range(dtype)) else as_integer(node, dtype)


def is_float(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat"))


def is_integer(dtype: str) -> bool:
    return dtype.startswith(("int", "uint"))


@handles(
    "stop_gradient",
    "copy",
    "copy_p",
    "optimization_barrier",
    "reduce_precision",
    "device_put",
    "pvary",
    "sharding_constraint",
)
def identity(operation: Operation, _machine: Machine) -> list[Array]:
    """Nothing happens to the numbers themselves; rounding is outside of what is proved."""
    return list(operation.inputs)
