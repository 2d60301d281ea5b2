"""What an editor shows of the values of a kernel: blocks over the dims that their elements are read along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stile_engine.array.arrays import (
    RealArray,
    TruthArray,
    UnknownArray,
    Unreadable,
    around,
    index_number,
    ranges_of,
)
from stile_engine.array.values import show as show_array
from stile_engine.array.values import show_element
from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.term.expression import Axes, Node, Read, add, apply
from stile_engine.term.provenance import Provenance
from stile_engine.trace.frontend import axis_variable
from stile_engine.trace.recording import Shown
from stile_engine.triton.context import Context
from stile_engine.triton.polynomials import Polynomial
from stile_engine.triton.ttir.tree import Type
from stile_engine.triton.values import UNTOLD, Descriptor, Pointer, Value, Whole, by_pieces, dtype_of


def show(
    value: Value, kind: Type, dims: Mapping[str, Dim], provenance: Provenance, context: Context, outer: Axes
) -> Shown:
    """``outer`` are the variables around the operation: the program, and the rounds of loops.

    Raises ``UnsupportedError`` for an integer of which only the range is known, for an address that is that of no
    element, and for a tensor descriptor.
    """
    variables = [axis_variable(a) for a in range(len(value.shape))]
    try:
        with around(outer):
            match value:
                case RealArray() | UnknownArray():
                    return show_array(value, dtype_of(kind.pointed), dims, provenance, {})
                case TruthArray():
                    return show_array(value, "bool", dims, provenance, {})
                case Whole():
                    node = by_pieces(value, lambda v: _number(v, value))
                    own = dtype_of(kind.pointed)
                    return show_element(node, (node,), variables, value.shape, own, dims, provenance)
                case Pointer(memory=memory, offset=offset):
                    node = by_pieces(
                        offset,
                        lambda v: Read(
                            memory.elements, memory.index_of(v, context, value.shape), ranges_of(value.shape)
                        ),
                    )
                    own = f"pointer to {memory.dtype}"
                    found = show_element(node, (node,), variables, value.shape, own, dims, provenance)
                    # The value is the number of the element; what it holds is that of a load.
                    number = by_pieces(offset, lambda v: _number(v, offset))
                    place = show_element(number, (node,), variables, value.shape, own, dims, provenance)
                    return replace(place, text=lambda: f"address of {found.text()}")
                case Descriptor():
                    raise UnsupportedError("a tensor descriptor has no elements of its own")
    except (Unreadable, ValueError) as reason:
        raise UnsupportedError(str(reason)) from reason
    raise TypeError(type(value).__name__)


def _number(value: Polynomial, block: Whole) -> Node:
    """A sum of products of sizes and indices."""
    if any(name.startswith(UNTOLD) for name in value.variables()):
        raise ValueError("a number of which only a range is known")
    if value.affine is not None:
        return index_number(value.affine, block.shape)
    total: Node | None = None
    for monomial, coefficient in value.terms:
        node = index_number(coefficient, block.shape)
        for atom in monomial:
            factor = index_number(Affine(((atom, 1),)), block.shape)
            node = factor if coefficient == Affine((), 1) and atom == monomial[0] else apply("mul", node, factor)
        total = node if total is None else add(total, node)
    assert total is not None
    return total
