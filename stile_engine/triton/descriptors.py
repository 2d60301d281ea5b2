"""Models of tensor descriptors: blocks of a tensor whose sizes and strides are told once.

A lane outside of the sizes reads 0 (or NaN, if the descriptor says so) and writes nothing. What hardware asks of
alignment is not looked at.
"""

from __future__ import annotations

from stile_engine.array.arrays import Shape, Unreadable, axis
from stile_engine.index.predicate import Predicate, conjunction
from stile_engine.term.expression import ZERO, Node, NoValue
from stile_engine.triton import integers
from stile_engine.triton.interpreter import Reader, handles
from stile_engine.triton.operations import as_whole, looked_at, require_known
from stile_engine.triton.transfers import loaded, written
from stile_engine.triton.ttir.tree import Attribute, Operation
from stile_engine.triton.values import Descriptor, Pointer, Value, Whole, moved, real, whole

_WRITES = {"tt.descriptor_store": "store"}

_PADDING: dict[Attribute, Node] = {1: ZERO, 2: NoValue("outside of a tensor descriptor that is padded with NaN")}
"""What a lane outside of the sizes reads, by Triton's number for it."""


@handles("tt.make_tensor_descriptor")
def make_descriptor(operation: Operation, inputs: list[Value], _reader: Reader) -> list[Value]:
    base, *numbers = inputs
    require_known(*inputs)
    if not isinstance(base, Pointer):
        raise Unreadable("a tensor descriptor of something that is no pointer")
    padding = operation.attributes.get("padding", 1)
    if padding not in _PADDING:
        raise Unreadable(f"a tensor descriptor with padding {padding}")
    rank = len(numbers) // 2
    sizes, strides = (tuple(as_whole(n) for n in part) for part in (numbers[:rank], numbers[rank:]))
    return [Descriptor(base, sizes, strides, _PADDING[padding])]


@handles("tt.descriptor_load")
def load(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    shape = operation.result_types[0].shape
    pointer, mask = _block(operation, inputs[0], inputs[1:], shape, reader)
    assert isinstance(inputs[0], Descriptor)
    integer = pointer.memory.tensor is not None and pointer.memory.tensor.integer
    other = whole(shape, 0) if integer else real(shape, inputs[0].outside)
    return [loaded(pointer, mask, other, reader)]


@handles(*_WRITES)
def store(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    descriptor, *first, value = inputs
    pointer, mask = _block(operation, descriptor, first, value.shape, reader)
    written(_WRITES[operation.name], pointer, value, mask, reader)
    return []


def _block(
    operation: Operation, descriptor: Value, first: list[Value], shape: Shape, reader: Reader
) -> tuple[Pointer, Predicate]:
    """The addresses of a block, and which of its lanes lie inside of the sizes."""
    require_known(descriptor, *first)
    if not isinstance(descriptor, Descriptor):
        raise Unreadable("an access through something that is no tensor descriptor")
    if not len(shape) == len(first) == len(descriptor.sizes):
        raise Unreadable("a block of another rank than its tensor descriptor")
    looked_at(operation, first, reader)
    context = reader.context
    pointer = moved(descriptor.base, [], shape)
    assert isinstance(pointer, Pointer)
    offset, inside, steps = pointer.offset, [], list(pointer.steps)
    for a, (start, size, stride) in enumerate(zip(first, descriptor.sizes, descriptor.strides, strict=True)):
        lane = whole(shape, axis(a), 64)
        index = integers.combine(context, _spread(as_whole(start), shape), lane, integers.add)
        for operator, limit in ((">=", whole(shape, 0)), ("<", _spread(size, shape))):
            inside.append(integers.comparison(context, index, operator, limit).predicate)
        step = integers.combine(context, index, _spread(stride, shape), integers.multiply)
        offset = integers.combine(context, offset, step, integers.add)
        steps.append(step)
    mask = conjunction(*inside)
    return Pointer(shape, pointer.memory, offset, tuple(steps)), mask


def _spread(value: Whole, shape: Shape) -> Whole:
    return Whole(shape, value.pieces, 64)
