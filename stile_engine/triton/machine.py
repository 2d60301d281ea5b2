"""Integers as the machine has them: arithmetic, comparisons, bits, signs that are read or not, and their widths.

A block of integers is a ``Whole``: polynomials in sizes and indices, read as signed numbers. Where an operation reads
the same bits without a sign (``unsigned``) they are the number modulo ``2**bits``. What data decide (how many lanes a
mask lets through, a real number that is cut off) is a block of real numbers that are whole, and goes through the models
of all front ends, which ask that it fits its type.
"""

from __future__ import annotations

from stile_engine.array.arrays import RealArray, TruthArray, Unreadable
from stile_engine.array.elementwise import must_fit
from stile_engine.array.facts import fits, is_whole
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, conjunction, disjunction, in_range, negate
from stile_engine.term.rounding import as_integer, integer_range, truncated
from stile_engine.triton import integers
from stile_engine.triton.divisions import quotient_and_remainder
from stile_engine.triton.interpreter import Reader, handles
from stile_engine.triton.operations import as_number, as_whole, looked_at, primitive, require_known
from stile_engine.triton.ttir.tree import Operation
from stile_engine.triton.values import Value, Whole, dtype_of, real, truth, whole

_INTEGER = {"arith.addi": integers.add, "arith.subi": integers.subtract, "arith.muli": integers.multiply}
_OF_NUMBERS = {
    "arith.addi": "add",
    "arith.subi": "sub",
    "arith.muli": "mul",
    "arith.minsi": "min",
    "arith.maxsi": "max",
    "arith.divsi": "div",
    "arith.remsi": "rem",
}


def _by_data(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value] | None:
    """The result where data decide one of the integers; None where none is such a one."""
    if not any(isinstance(v, RealArray) for v in inputs):
        return None
    name = _OF_NUMBERS.get(operation.name)
    if name is None:
        raise Unreadable(f"{operation.name} of integers that depend on data")
    looked_at(operation, inputs, reader)
    numbers = [as_number(v, reader) for v in inputs]
    return primitive(name, numbers, inputs[0].shape, operation.result_types[0], reader)


@handles(*_INTEGER)
def integer_arithmetic(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    if operation.result_types[0].element == "i1":
        return _of_one_bit(operation, inputs, reader)
    if (found := _by_data(operation, inputs, reader)) is not None:
        return found
    left, right = (as_whole(v) for v in inputs)
    return [integers.combine(reader.context, left, right, _INTEGER[operation.name])]


def _of_one_bit(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    """Truth values are numbers of one bit: their sum, and their difference, is whether they differ."""
    require_known(*inputs)
    left, right = inputs
    if not isinstance(left, TruthArray) or not isinstance(right, TruthArray):
        raise Unreadable(f"{operation.name} of numbers of one bit")
    p, q = left.predicate, right.predicate
    found = {
        "arith.addi": negate(_same(p, q)),
        "arith.subi": negate(_same(p, q)),
        "arith.muli": conjunction(p, q),
        "arith.minui": conjunction(p, q),
        "arith.maxui": disjunction(p, q),
    }.get(operation.name)
    if found is None:
        raise Unreadable(f"{operation.name} of truth values")
    return [truth(left.shape, reader.context.simplify(found, left.shape))]


@handles("arith.minsi", "arith.maxsi", "arith.minui", "arith.maxui")
def integer_extremum(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    if operation.result_types[0].element == "i1":
        return _of_one_bit(operation, inputs, reader)
    if (found := _by_data(operation, inputs, reader)) is not None:
        return found
    left, right = _operands(operation, inputs, reader)
    least = operation.name.startswith("arith.min")
    if not operation.name.endswith("ui"):
        return [integers.combine(reader.context, left, right, integers.minimum if least else integers.maximum)]
    first = integers.comparison(reader.context, left, "<=" if least else ">=", right)
    return [integers.choose(reader.context, first.predicate, *(as_whole(v) for v in inputs))]


def _operands(operation: Operation, inputs: list[Value], reader: Reader) -> list[Whole]:
    """The numbers that the operation sees, with a sign or without one."""
    found = [as_whole(v) for v in inputs]
    if operation.name.endswith("ui") or (operation.words and operation.words[0] in _UNSIGNED):
        return [_unsigned(value, reader) for value in found]
    looked_at(operation, inputs, reader)
    return found


def _unsigned(value: Whole, reader: Reader) -> Whole:
    found = integers.unsigned(reader.context, value)
    if not reader.silent:
        for pair in zip(value.pieces, found.pieces, strict=True):
            if pair[0] == pair[1] and pair[0][1].affine is None:
                # a product of sizes, of which it was not shown that it fits
                reader.watch.fits(value, "an index", reader.site)
                break
    return found


@handles("arith.divsi", "arith.remsi", "arith.divui", "arith.remui", "arith.floordivsi", "arith.ceildivsi")
def integer_division(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    if operation.result_types[0].element == "i1":
        raise Unreadable(f"{operation.name} of truth values")
    if operation.name in ("arith.floordivsi", "arith.ceildivsi"):
        raise Unreadable(f"the operation {operation.name} has no model")
    if (by_data := _by_data(operation, inputs, reader)) is not None:
        return by_data
    left, right = _operands(operation, inputs, reader)
    is_division = operation.name.startswith("arith.div")
    quotient, remainder = quotient_and_remainder(reader, left, right, "quotient" if is_division else "remainder")
    found = quotient if is_division else remainder
    if found is None:
        raise Unreadable("a division by a size, of an index that the size does not divide")
    return [integers.signed(reader.context, found) if operation.name.endswith("ui") else found]


_COMPARISONS = {"slt": "<", "sle": "<=", "sgt": ">", "sge": ">=", "eq": "==", "ne": "!="}
_UNSIGNED = {"ult": "<", "ule": "<=", "ugt": ">", "uge": ">="}
_NAMES = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


@handles("arith.cmpi")
def compare_integers(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    word = operation.words[0]
    left, right = inputs
    require_known(left, right)
    if isinstance(left, TruthArray) and isinstance(right, TruthArray) and word in ("eq", "ne"):
        same = _same(left.predicate, right.predicate)
        return [truth(left.shape, same if word == "eq" else negate(same))]
    if operation.operand_types[0].element == "i1" and word not in ("eq", "ne", *_UNSIGNED):
        raise Unreadable("a signed comparison of truth values")
    symbol = _COMPARISONS.get(word) or _UNSIGNED[word]
    if isinstance(left, RealArray) or isinstance(right, RealArray):
        looked_at(operation, inputs, reader)
        numbers = [as_number(v, reader) for v in inputs]
        for number in numbers if word in _UNSIGNED else ():
            must_fit(number.node, f"u{dtype_of(operation.operand_types[0])}")
        return primitive(_NAMES[symbol], numbers, left.shape, operation.result_types[0], reader)
    first, second = _operands(operation, inputs, reader)
    return [integers.comparison(reader.context, first, symbol, second)]


@handles("arith.extsi", "arith.extui", "arith.trunci", "arith.index_cast")
def integer_cast(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    source, target = operation.operand_types[0], operation.result_types[0]
    value = inputs[0]
    require_known(value)
    if target.element == "i1":
        if isinstance(value, TruthArray):
            return [value]
        if isinstance(value, Whole):
            return [_lowest_bit(value, reader)]
        raise Unreadable("the lowest bit of an integer that depends on data")
    if isinstance(value, TruthArray) and operation.name == "arith.extsi":
        raise Unreadable("a truth value widened with its sign")
    if isinstance(value, RealArray):
        # A number that is not negative has the same bits with a sign and without one.
        must_fit(value.node, f"u{dtype_of(source)}" if operation.name == "arith.extui" else dtype_of(target))
        return [value]
    found = as_whole(value)
    if operation.name == "arith.extui":
        return [Whole(found.shape, _unsigned(found, reader).pieces, target.width)]
    looked_at(operation, inputs, reader)
    result = Whole(found.shape, found.pieces, target.width)
    if operation.name == "arith.trunci":
        limit = Affine((), 1 << target.width)
        own = [v.affine for _, v in found.pieces]
        if all(v is not None and reader.context.decide(in_range(v, 0, limit), value.shape) is True for v in own):
            return [integers.signed(reader.context, result)]
        if not reader.silent:
            reader.watch.fits(result, "an index", reader.site)
    return [result]


def _lowest_bit(value: Whole, reader: Reader) -> TruthArray:
    odd = Whole(value.shape, tuple((p, integers.with_mask(v, 1)) for p, v in value.pieces), value.bits)
    return integers.comparison(reader.context, odd, "==", whole(value.shape, 1, value.bits))


@handles("arith.andi", "arith.ori", "arith.xori")
def bits(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    require_known(*inputs)
    left, right = inputs
    name = operation.name.removeprefix("arith.").removesuffix("i")
    if isinstance(left, TruthArray) and isinstance(right, TruthArray):
        p, q = left.predicate, right.predicate
        found = {"and": conjunction(p, q), "or": disjunction(p, q)}.get(name)
        if found is None:
            found = negate(_same(p, q))
        return [truth(left.shape, reader.context.simplify(found, left.shape))]
    return [integers.bitwise(reader.context, name, as_whole(left), as_whole(right))]


def _same(left: Predicate, right: Predicate) -> Predicate:
    return disjunction(conjunction(left, right), conjunction(negate(left), negate(right)))


@handles("arith.shli", "arith.shrsi", "arith.shrui")
def shift(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    if operation.result_types[0].element == "i1":
        raise Unreadable(f"{operation.name} of truth values")
    left, right = (as_whole(v) for v in inputs)
    places = right.constant
    if places is None or not 0 <= places < min(31, left.bits):
        raise Unreadable("a shift by something other than a constant")
    if operation.name == "arith.shli":
        return [integers.combine(reader.context, left, whole(left.shape, 1 << places, left.bits), integers.multiply)]
    if operation.name == "arith.shrui":
        left = _unsigned(left, reader)
    else:
        looked_at(operation, inputs, reader)
    pieces = tuple((p, integers.floor_quotient(v, 1 << places)) for p, v in left.pieces)
    found = Whole(left.shape, pieces, left.bits)
    return [integers.signed(reader.context, found) if operation.name == "arith.shrui" else found]


@handles("arith.sitofp", "arith.uitofp")
def integer_to_real(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    value = inputs[0]
    require_known(value)
    if isinstance(value, Whole):
        if operation.name == "arith.uitofp":
            value = _unsigned(value, reader)
        else:
            looked_at(operation, inputs, reader)
    elif isinstance(value, RealArray) and operation.name == "arith.uitofp":
        must_fit(value.node, f"u{dtype_of(operation.operand_types[0])}")
    elif isinstance(value, TruthArray) and operation.name == "arith.sitofp":
        raise Unreadable("a truth value read as a signed number")
    return [as_number(value, reader)]


@handles("arith.fptosi", "arith.fptoui")
def real_to_integer(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    """Cut off towards zero; without a value where the type is too narrow. It is no index, which would be one of a
    real number that was rounded before."""
    (value,) = inputs
    kind = dtype_of(operation.result_types[0])
    if not isinstance(value, RealArray) or operation.result_types[0].element == "i1":
        raise Unreadable("the conversion of a real number to a truth value")
    if operation.name == "arith.fptoui":
        # A number whose highest bit is not set is the same with a sign and without one.
        must_fit(value.node, kind)
        kind = f"u{kind}"
    if fits(value.node, *integer_range(kind)):
        return [real(value.shape, value.node if is_whole(value.node) else truncated(value.node))]
    return [real(value.shape, as_integer(value.node, kind))]
