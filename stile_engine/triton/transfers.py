"""Models of pointers, loads and stores."""

from __future__ import annotations

from stile_engine.array.arrays import RealArray, Shape, TruthArray, UnknownArray, Unreadable, ranges_of, select_node
from stile_engine.array.elementwise import is_float
from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    ALWAYS,
    NEVER,
    Predicate,
    conjunction,
    disjunction,
    negate,
    substitute,
    variables,
)
from stile_engine.term.elements import element
from stile_engine.term.expression import Node, NoValue, Read, Unmodelled
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable
from stile_engine.triton import integers
from stile_engine.triton.grid import NeedsSplit, quotient_of_sizes
from stile_engine.triton.interpreter import Reader, handles
from stile_engine.triton.memory import GARBAGE, PAST_THE_ROW, UNTOLD_ELEMENT, Memory
from stile_engine.triton.operations import as_whole
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.ttir.tree import Operation
from stile_engine.triton.values import UNTOLD, Pieces, Pointer, Value, Whole, real, real_node, whole
from stile_engine.triton.writers import Written, shared_rounds, written_by

Cases = list[tuple[Predicate, tuple[Affine, ...]]]


def names_untold(*indices: Affine) -> bool:
    """Whether an index depends on an integer of which only a range is known."""
    return any(name.startswith(UNTOLD) for index in indices for name in index.variables)


@handles("tt.addptr")
def add_to_pointer(_operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    pointer, step = inputs
    if isinstance(step, UnknownArray):
        raise Unreadable(step.reason)
    if not isinstance(pointer, Pointer):
        raise Unreadable("an offset from something that is no pointer")
    offset = as_whole(step)
    total = integers.combine(reader.context, pointer.offset, Whole(offset.shape, offset.pieces, 64), integers.add)
    return [Pointer(pointer.shape, pointer.memory, total, (*pointer.steps, offset))]


def _place(pointer: Value) -> Pointer:
    if isinstance(pointer, UnknownArray):
        raise Unreadable(pointer.reason)
    if not isinstance(pointer, Pointer):
        raise Unreadable("an access through something that is no pointer")
    return pointer


def _cases(pointer: Pointer, mask: Predicate, reader: Reader, kind: str) -> tuple[Cases, Predicate]:
    """The indices by cases of the offset, and where they are known to lie inside the tensor."""
    found: Cases = []
    inside: list[Predicate] = []
    kept_inside = True
    for region, offset in pointer.offset.regions():
        where = conjunction(mask, region)
        if where != ALWAYS and reader.context.decide(where, pointer.shape) is False:
            continue
        index = pointer.memory.index_of(offset, reader.context, pointer.shape, where)
        _take_apart(pointer.memory, index, reader)
        index = pointer.memory.carried(index, reader.context, pointer.shape, where)
        found.append((region, index))
        safe = True
        if not reader.silent:
            safe = reader.watch.bounds(kind, pointer.memory, index, where, pointer.shape, reader.site)
        else:
            outside = negate(pointer.memory.inside(index))
            safe = reader.context.never(outside, pointer.shape, where)
        kept_inside = kept_inside and safe
        if not safe:
            inside.append(conjunction(region, pointer.memory.inside(index)))
        else:
            inside.append(region)
    if not reader.silent and found and kept_inside:
        for step in pointer.steps:
            reader.watch.offset_fits(pointer.memory, step, mask, pointer.shape, reader.site)
    return found, disjunction(*inside)


def _take_apart(memory: Memory, index: tuple[Affine, ...], reader: Reader) -> None:
    """A program id that walks two axes as if they were one is the index of neither.

    Raises ``NeedsSplit`` where the number of programs is the length of both together, or a multiple of it.
    """
    for _, inner in memory.rows():
        for name, extent in reader.grid.ids().items():
            if index[inner] != Affine.variable(name):
                continue
            size = Polynomial.of(memory.shape[inner])
            if extent != size and quotient_of_sizes(extent, size) is not None:
                raise NeedsSplit(name, size)


@handles("tt.load")
def load(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    mask = reader.mask(inputs[1] if len(inputs) > 1 else None)
    return [loaded(_place(inputs[0]), mask, inputs[2] if len(inputs) > 2 else None, reader)]


def loaded(pointer: Pointer, mask: Predicate, other: Value | None, reader: Reader) -> Value:
    """What lies there, ``other`` where the mask does not let a lane through."""
    mask = reader.context.simplify(mask, pointer.shape)
    shape, memory = pointer.shape, pointer.memory
    cases, inside = _cases(pointer, mask, reader, "load")
    earlier = _earlier(memory, reader)
    for region, index in cases:
        reader.access("load", memory, index, conjunction(mask, region), shape, after=tuple(w.access for w in earlier))
    if memory.tensor is not None and memory.tensor.integer:
        return _integers(memory, cases, mask, other, pointer, reader)
    if not is_float(memory.dtype):
        raise Unreadable(f"{memory.name} holds {memory.dtype} data")
    node = _contents(memory, cases, pointer, earlier, mask, reader)
    # where data lead an access out of its tensor it has no value: that is owed as bounds
    if inside != ALWAYS and cases and not data.tokens_of(variables(inside) | variables(mask)):
        safe = reader.context.simplify(inside, shape)
        node = node if safe == ALWAYS else select_node(safe, node, Unmodelled(PAST_THE_ROW, reader.site), shape)
    if mask != ALWAYS:
        otherwise: Node = NoValue(GARBAGE) if other is None else real_node(other)
        node = select_node(mask, node, otherwise, shape) if cases else otherwise
    return real(shape, node)


def _earlier(memory: Memory, reader: Reader) -> list[Written]:
    """What the same program has stored before, in the order in which it did. What is not seen is not among them: a
    load of it is refused in the end."""
    found: list[Written] = []
    for access in reader.traffic.stores(memory):
        try:
            found.append(written_by(access, {}, shared_rounds(access, reader.rounds)))
        except Unreadable:
            continue
    return found


def _contents(
    memory: Memory, cases: Cases, pointer: Pointer, earlier: list[Written], mask: Predicate, reader: Reader
) -> Node:
    shape = pointer.shape
    if not cases:
        return NoValue(GARBAGE)
    ranges = ranges_of(shape)
    nodes: list[tuple[Predicate, Node]] = []
    for region, index in cases:
        node: Node = NoValue(f"{memory.name} read before it is written")
        if names_untold(*index):
            node = NoValue(UNTOLD_ELEMENT)
        elif memory.tensor is not None:
            node = Read(memory.tensor, index, ranges)
        element_of = {axis_variable(a): i for a, i in enumerate(index)}
        for written_before in earlier:
            here = substitute(written_before.where, element_of)
            found = reader.context.decide(here, shape, conjunction(mask, region))
            if found is not False:
                value = reindex_node(written_before.node, element_of, ranges)
                node = value if found else select_node(here, value, node, shape)
        nodes.append((region, node))
    node = nodes[-1][1]
    for region, own in reversed(nodes[:-1]):
        node = select_node(region, own, node, shape)
    return node


def _integers(
    memory: Memory,
    cases: Cases,
    mask: Predicate,
    other: Value | None,
    pointer: Pointer,
    reader: Reader,
) -> Value:
    """Elements of integer data, which may be indices again. Outside of the tensor they may be any integers: that is
    owed as bounds."""
    shape = pointer.shape
    assert memory.tensor is not None
    pieces: list[tuple[Predicate, Polynomial]] = [
        (conjunction(mask, region), Polynomial.of(element(memory.tensor, index))) for region, index in cases
    ]
    bits = int(memory.dtype.removeprefix("uint").removeprefix("int"))
    if memory.dtype.startswith("int"):
        reader.context.bits[memory.tensor] = bits
    if mask != ALWAYS:
        if other is None:
            raise Unreadable("integers loaded under a mask without other=: the lanes that are masked off have no value")
        pieces += as_whole(other).pieces
    return _made(shape, tuple(pieces), bits)


def _made(shape: Shape, pieces: Pieces, bits: int) -> Whole:
    if len(pieces) == 1:
        return whole(shape, pieces[0][1], bits)
    return Whole(shape, (*pieces[:-1], (ALWAYS, pieces[-1][1])), bits)


@handles("tt.store")
def store(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    _write("store", inputs, reader)
    return []


@handles("tt.atomic_rmw")
def atomic(operation: Operation, inputs: list[Value], reader: Reader) -> list[Value]:
    """What all programs add up, in any order. What the operation gives back depends on the order."""
    if operation.words[0] not in ("fadd", "add"):
        raise Unreadable(f"an atomic operation that is no sum ({operation.words[0]})")
    _write("add", inputs, reader)
    shape = inputs[0].shape
    return [real(shape, Unmodelled("what an atomic operation finds in memory", reader.site))]


def _write(kind: str, inputs: list[Value], reader: Reader) -> None:
    mask = reader.mask(inputs[2] if len(inputs) > 2 else None)
    written(kind, _place(inputs[0]), inputs[1], mask, reader)


def written(kind: str, pointer: Pointer, value: Value, mask: Predicate, reader: Reader) -> None:
    """A store, or a sum, in the lanes that the mask lets through."""
    mask = reader.context.simplify(mask, pointer.shape)
    if mask == NEVER:
        return
    memory = pointer.memory
    if not memory.written:
        raise Unreadable(f"a store to {memory.name}, which the decorator does not name as an output")
    if not is_float(memory.dtype):
        raise Unreadable(f"a store of {memory.dtype} data to {memory.name}")
    if isinstance(value, UnknownArray):
        raise Unreadable(value.reason)
    if isinstance(value, Whole | TruthArray | RealArray):
        node = real_node(value)
    else:
        raise Unreadable("a store of pointers")
    cases, _ = _cases(pointer, mask, reader, "store")
    for region, index in cases:
        reader.access(kind, memory, index, conjunction(mask, region), pointer.shape, node)
