"""Models of the operations on real numbers."""

from __future__ import annotations

from stile_engine.array.arrays import Unreadable
from stile_engine.term.expression import ONE, add, apply, multiply, subtract
from stile_engine.triton.interpreter import Reader, handles
from stile_engine.triton.operations import plain, primitive
from stile_engine.triton.ttir.tree import Operation, Type
from stile_engine.triton.values import Value, dtype_of, real, real_node

_BINARY = {
    "arith.addf": "add",
    "arith.subf": "sub",
    "arith.mulf": "mul",
    "arith.divf": "div",
    "tt.precise_divf": "div",
    "arith.maxnumf": "max",
    "arith.maximumf": "max",
    "arith.minnumf": "min",
    "arith.minimumf": "min",
}


@handles(*_BINARY)
def real_arithmetic(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    return primitive(_BINARY[operation.name], inputs, inputs[0].shape, operation.result_types[0], reader)


_UNARY = {
    "arith.negf": "neg",
    "math.exp": "exp",
    "math.log": "log",
    "math.sqrt": "sqrt",
    "tt.precise_sqrt": "sqrt",
    "math.rsqrt": "rsqrt",
    "math.sin": "sin",
    "math.cos": "cos",
    "math.tanh": "tanh",
    "math.erf": "erf",
    "math.absf": "abs",
    "math.floor": "floor",
    "math.ceil": "ceil",
    "math.exp2": "exp2",
}


@handles(*_UNARY)
def real_function(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    return primitive(_UNARY[operation.name], inputs, inputs[0].shape, operation.result_types[0], reader)


@handles("math.log2")
def binary_logarithm(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    return [real(inputs[0].shape, apply("log2", real_node(plain(inputs[0]))))]


@handles("math.fma")
def fused_multiply_add(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    a, b, c = (real_node(plain(v)) for v in inputs)
    return [real(inputs[0].shape, add(multiply(a, b), c))]


@handles("tt.clampf")
def clamp(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    value, low, high = (real_node(plain(v)) for v in inputs)
    return [real(inputs[0].shape, apply("minimum", apply("maximum", value, low), high))]


_EXTERN = {
    "tanh": lambda x: apply("tanh", x),
    "erf": lambda x: apply("erf", x),
    "exp": lambda x: apply("exp", x),
    "exp2": lambda x: apply("exp2", x),
    "log": lambda x: apply("log", x),
    "log2": lambda x: apply("log2", x),
    "log1p": lambda x: apply("log", add(ONE, x)),
    "expm1": lambda x: subtract(apply("exp", x), ONE),
    "sqrt": lambda x: apply("sqrt", x),
    "rsqrt": lambda x: apply("rsqrt", x),
    "sin": lambda x: apply("sin", x),
    "cos": lambda x: apply("cos", x),
    "fabs": lambda x: apply("abs", x),
    "floor": lambda x: apply("floor", x),
}


@handles("tt.extern_elementwise")
def extern(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    """Functions of the device library, by their names with the suffix of the type taken off."""
    symbol = str(operation.attributes.get("symbol", ""))
    name = symbol.removeprefix("__nv_").removeprefix("__ocml_").removesuffix("_f32").removesuffix("_f64")
    name = name if name in _EXTERN else name.removesuffix("f")
    if name not in _EXTERN or len(inputs) != 1:
        raise Unreadable(f"the library function {symbol} has no model")
    return [real(inputs[0].shape, _EXTERN[name](real_node(plain(inputs[0]))))]


_FLOAT_COMPARISONS = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne"}


@handles("arith.cmpf")
def compare_reals(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    word = operation.words[0]
    name = _FLOAT_COMPARISONS.get(word[1:]) if word[0] in "ou" else None
    if name is None:
        raise Unreadable(f"the comparison {word} of real numbers")
    return primitive(name, inputs, inputs[0].shape, Type((), "i1"), reader)


@handles("arith.truncf", "arith.extf", "tt.fp_to_fp")
def float_cast(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    if not reader.silent:
        source, target = dtype_of(operation.operand_types[0]), dtype_of(operation.result_types[0])
        reader.recorder.cast(source, target, reader.site)
    return [plain(inputs[0])]


@handles("tt.dot")
def dot(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    left, right, accumulator = (plain(v) for v in inputs)
    shape = accumulator.shape
    rank = len(shape)
    batch = tuple(range(rank - 2))
    numbers = (((rank - 1,), (rank - 2,)), (batch, batch))
    kind = operation.result_types[0]
    precision = operation.attributes.get("inputPrecision", "ieee")
    if not reader.silent and operation.operand_types[0].element == "f32" and precision != "ieee":
        reader.recorder.cast("float32", str(precision), reader.site)
    (products,) = primitive("dot_general", [left, right], shape, kind, reader, dimension_numbers=numbers)
    return [real(shape, add(real_node(accumulator), real_node(products)))]
