"""Models of the operations on elements and of those that move elements."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence

from stile_engine.array import elementwise, reductions, structure
from stile_engine.array.arrays import RealArray, Shape, TruthArray, UnknownArray, Unreadable, axis
from stile_engine.array.choice import choose
from stile_engine.array.operation import HANDLERS as PRIMITIVES
from stile_engine.array.operation import Operation as Primitive
from stile_engine.array.structure import reshaped_indices
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, NEVER, Predicate, conjunction, disjunction, negate, variables
from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    ONE,
    POSITIVE_INFINITY,
    Node,
    NoValue,
)
from stile_engine.triton import integers
from stile_engine.triton.interpreter import Reader, handles
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.ttir.tree import Operation, Type
from stile_engine.triton.values import (
    Descriptor,
    Pointer,
    Value,
    Whole,
    dtype_of,
    lanes,
    moved,
    real,
    real_node,
    renamed,
    truth,
    whole,
)

# Importing these modules fills the table of primitives.
SHARED = (elementwise, reductions, structure)

_BITS = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}


def primitive(
    name: str, inputs: Sequence[Value], shape: Shape, kind: Type, reader: Reader, **params: object
) -> list[Value]:
    """One of the shared models, on blocks."""
    arrays = [plain(value) for value in inputs]
    unknown = next((v for v in arrays if isinstance(v, UnknownArray)), None)
    if unknown is not None:
        raise Unreadable(unknown.reason)
    operation = Primitive(name, params, arrays, [shape], [dtype_of(kind)], reader.site)
    return list(PRIMITIVES[name](operation, None))  # type: ignore[arg-type]


def plain(value: Value) -> RealArray | TruthArray | UnknownArray:
    if isinstance(value, RealArray | TruthArray | UnknownArray):
        return value
    if isinstance(value, Pointer | Descriptor):
        raise Unreadable("a pointer used as a number")
    raise Unreadable("an integer in the place of a real number")


def require_known(*values: Value) -> None:
    for value in values:
        if isinstance(value, UnknownArray):
            raise Unreadable(value.reason)


def as_whole(value: Value, bits: int = 32) -> Whole:
    require_known(value)
    if isinstance(value, Whole):
        return value
    if isinstance(value, TruthArray):
        pieces = ((value.predicate, Polynomial.of(1)), (ALWAYS, Polynomial()))
        if value.predicate in (ALWAYS, NEVER):
            return whole(value.shape, 1 if value.predicate == ALWAYS else 0, bits)
        return Whole(value.shape, pieces, bits)
    raise Unreadable("a real number in the place of an integer")


def as_number(value: Value, reader: Reader) -> RealArray:
    """Integers as real numbers: what data decide has no other form."""
    require_known(value)
    if isinstance(value, RealArray):
        return value
    if isinstance(value, TruthArray):
        return real(value.shape, real_node(value))
    found = as_whole(value)
    for predicate, polynomial in found.pieces:
        reader.context.require_no_stride(polynomial.variables() | variables(predicate), "used as a real number")
    return real(found.shape, real_node(found))


# -- constants and ids -----------------------------------------------------------------------


@handles("arith.constant")
def constant(operation: Operation, _inputs: list[Value], reader: Reader) -> list[Value]:
    kind = operation.result_types[0] if operation.result_types else Type((), "i1")
    text = str(operation.attributes.get("value", operation.words[0] if operation.words else ""))
    dense = re.fullmatch(r"dense<(.*)>", text, re.DOTALL)
    if dense is not None:
        text = dense.group(1).strip()
    if text.startswith(("[", '"')):
        raise Unreadable("a constant block of different numbers")
    if text in ("true", "false"):
        return [truth(kind.shape, ALWAYS if text == "true" else NEVER)]
    if kind.is_float:
        return [real(kind.shape, _float(text, kind, reader))]
    value = int(text, 0)
    if kind.element == "i1":
        return [truth(kind.shape, ALWAYS if value else NEVER)]
    return [whole(kind.shape, value, kind.width)]


def _float(text: str, kind: Type, reader: Reader) -> Node:
    value = _from_bits(int(text, 16), kind.element) if text.startswith("0x") else float(text)
    if math.isnan(value):
        return NoValue("the constant NaN")
    if math.isinf(value):
        return POSITIVE_INFINITY if value > 0 else NEGATIVE_INFINITY
    bits = _BITS.get(kind.element)
    if bits is None:
        raise Unreadable(f"a constant of type {kind.element}")
    if kind.element == "bf16":
        value, bits = _shortest_bfloat(value), 64
    elif kind.element in _FORMATS:
        # The text has as many digits as tell the number from its neighbours, no more.
        value = float(struct.unpack(_FORMATS[kind.element], struct.pack(_FORMATS[kind.element], value))[0])
    return reader.recorder.literal(value, bits, reader.site).node


_FORMATS = {"f16": "<e", "f32": "<f", "f64": "<d"}


def _from_bits(pattern: int, element: str) -> float:
    formats = {"f16": ("<H", "<e"), "f32": ("<I", "<f"), "f64": ("<Q", "<d")}
    if element == "bf16":
        return float(struct.unpack("<f", struct.pack("<I", pattern << 16))[0])
    if element not in formats:
        raise Unreadable(f"a constant of type {element}")
    packed, unpacked = formats[element]
    return float(struct.unpack(unpacked, struct.pack(packed, pattern))[0])


def _shortest_bfloat(value: float) -> float:
    """The decimal with the fewest digits that rounds to the same bfloat16."""

    def rounded(x: float) -> int:
        pattern: int = struct.unpack("<I", struct.pack("<f", x))[0]
        return (pattern + 0x7FFF + ((pattern >> 16) & 1)) >> 16

    for digits in range(1, 10):
        candidate = float(f"{value:.{digits}g}")
        if rounded(candidate) == rounded(value):
            return candidate
    return value


@handles("tt.get_program_id")
def program_id(operation: Operation, _inputs: list[Value], reader: Reader) -> list[Value]:
    return [whole((), reader.grid.id(_axis(operation)))]


@handles("tt.get_num_programs")
def number_of_programs(operation: Operation, _inputs: list[Value], reader: Reader) -> list[Value]:
    return [whole((), reader.grid.count(_axis(operation)))]


def _axis(operation: Operation) -> int:
    return "xyz".index(operation.words[0])


@handles("tt.make_range")
def make_range(operation: Operation, _inputs: list[Value], _reader: Reader) -> list[Value]:
    shape = operation.result_types[0].shape
    start = operation.attributes["start"]
    assert isinstance(start, int)
    return [whole(shape, axis(0) + start)]


# -- structure -------------------------------------------------------------------------------


def placed(reader: Reader, value: Value, indices: Sequence[Affine], shape: Shape) -> Value:
    """The block of ``shape`` whose element is ``value[indices]``. What is known by its range alone is another number
    in every lane: a lane that reads from elsewhere does not have the one that stood at its own place."""
    return moved(renamed(value, reader.another_number), indices, shape)


@handles("tt.splat")
def splat(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    shape = operation.result_types[0].shape
    return [placed(reader, inputs[0], [Affine()] * len(inputs[0].shape), shape)]


@handles("tt.broadcast")
def broadcast(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    shape = operation.result_types[0].shape
    own = inputs[0].shape
    indices = [axis(a) if n == shape[a] else Affine() for a, n in enumerate(own)]
    return [placed(reader, inputs[0], indices, shape)]


@handles("tt.expand_dims")
def expand_dims(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    shape = operation.result_types[0].shape
    new = operation.attributes["axis"]
    return [placed(reader, inputs[0], [axis(a) for a in range(len(shape)) if a != new], shape)]


@handles("tt.trans")
def transpose(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    order = operation.attributes["order"]
    assert isinstance(order, tuple)
    indices = [Affine()] * len(order)
    for target, source in enumerate(order):
        assert isinstance(source, int)
        indices[source] = axis(target)
    return [placed(reader, inputs[0], indices, operation.result_types[0].shape)]


@handles("tt.reshape")
def reshape(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    reorders = operation.attributes.get("allow_reorder") or "allow_reorder" in operation.words
    if reorders and not reader.only_reduced(operation.results[0]):
        raise Unreadable("a reshape that may reorder elements (tl.view)")
    shape = operation.result_types[0].shape
    value = inputs[0]
    indices = reshaped_indices(RealArray(value.shape, ONE), shape)
    return [placed(reader, value, indices, shape)]


@handles("tt.join")
def join(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    shape = operation.result_types[0].shape
    last = len(shape) - 1
    parts = [placed(reader, v, lanes(shape)[:last], shape) for v in inputs]
    first = integers.holds(Polynomial.of(axis(last)), "<", Polynomial.of(1))
    return [chosen(reader, first, parts[0], parts[1])]


@handles("tt.split")
def split(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    shape = inputs[0].shape[:-1]
    return [placed(reader, inputs[0], [*lanes(shape), Affine((), k)], shape) for k in range(2)]


@handles("tt.unsplat")
def unsplat(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    return [placed(reader, inputs[0], [Affine()] * len(inputs[0].shape), ())]


def chosen(reader: Reader, predicate: Predicate, first: Value, second: Value) -> Value:
    """The first value where the predicate holds, else the second; the one that is not taken does not matter."""
    shape = first.shape
    predicate = reader.context.simplify(predicate, shape)
    if predicate == ALWAYS:
        return first
    if predicate == NEVER:
        return second
    if isinstance(first, Pointer) and isinstance(second, Pointer):
        if first.memory is not second.memory:
            raise Unreadable("a choice between pointers to different tensors")
        offset = integers.choose(reader.context, predicate, first.offset, second.offset)
        return Pointer(shape, first.memory, offset, (*first.steps, *second.steps))
    if isinstance(first, Whole) and isinstance(second, Whole):
        return integers.choose(reader.context, predicate, first, second)
    if isinstance(first, Whole) and isinstance(second, RealArray):
        first = _fitting_number(first, predicate, reader)
    elif isinstance(first, RealArray) and isinstance(second, Whole):
        second = _fitting_number(second, negate(predicate), reader)
    return choose([(predicate, plain(first)), (ALWAYS, plain(second))], shape)


def _fitting_number(value: Whole, where: Predicate, reader: Reader) -> RealArray:
    """Integers as real numbers, which do not wrap around: so they fit their type wherever they are taken."""
    if not reader.silent:
        reader.watch.fits(value, "an index", reader.site, where)
    return as_number(value, reader)


@handles("arith.select")
def select(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    condition, first, second = inputs
    require_known(condition)
    if not isinstance(condition, TruthArray):
        raise Unreadable("a choice by something that is no truth value")
    shape = first.shape
    predicate = condition.predicate
    if isinstance(first, TruthArray) and isinstance(second, TruthArray):
        found = disjunction(conjunction(predicate, first.predicate), conjunction(negate(predicate), second.predicate))
        return [truth(shape, reader.context.simplify(found, shape))]
    return [chosen(reader, predicate, first, second)]


def looked_at(operation: Operation, inputs: list[Value], reader: Reader) -> None:
    """From here on it matters whether the integers fit their type."""
    if reader.silent:
        return
    for value in inputs:
        if isinstance(value, Whole):
            reader.watch.fits(value, "an index", reader.site)


# -- the rest ---------------------------------------------------------------------------------


@handles("tt.bitcast", "arith.bitcast")
def bitcast(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    if operation.operand_types[0].is_pointer and isinstance(inputs[0], Pointer):
        source, target = operation.operand_types[0].pointee, operation.result_types[0].pointee
        # Triton keeps truth values in bytes.
        if {source, target} == {"i1", "i8"}:
            return [inputs[0]]
    raise Unreadable("the bits of a number read as those of another type")


@handles("ub.poison")
def poison(_operation: Operation, _inputs: list[Value], _reader: Reader) -> list[Value]:
    raise Unreadable("a variable that has no value on some path")


@handles("tt.cat", "arith.mulsi_extended", "arith.mului_extended", "tt.mulhiui", "arith.remf", "math.powf")
def without_a_model(operation: Operation, _inputs: list[Value], _reader: Reader) -> list[Value]:
    """Known to touch no memory: a kernel that does not need their values can be proved."""
    raise Unreadable(f"the operation {operation.name} has no model")


# -- nothing happens to the values -------------------------------------------------------------


@handles("gpu.barrier", "ttg.barrier", "ttg.local_barrier")
def barrier(_operation: Operation, _inputs: list[Value], reader: Reader) -> list[Value]:
    reader.barrier()
    return []


@handles("tt.assert", "tt.print", "llvm.intr.assume")
def nothing(operation: Operation, _inputs: list[Value], _reader: Reader) -> list[Value]:
    return []
