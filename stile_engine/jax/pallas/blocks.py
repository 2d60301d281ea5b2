"""Which elements of an array the block of a program is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stile_engine.array.arrays import (
    Array,
    IntegerArray,
    Pieces,
    Unreadable,
    axis,
    decide,
    reindex,
)
from stile_engine.array.choice import choose
from stile_engine.array.inverse import invert
from stile_engine.array.sizes import same_shape
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, compare, conjunction, substitute
from stile_engine.index.sizes import Size
from stile_engine.jax.pallas.adapter import Block
from stile_engine.jax.references import View, read, written
from stile_engine.trace.frontend import axis_variable

PADDING = "read out of bounds of the array, from the padding of a block"

Ids = Mapping[str, Affine]
"""The program id that stands for each variable of the grid."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A block with the indices that its index map gives, over the variables of the grid."""

    block: Block
    indices: tuple[Pieces, ...]

    @property
    def variables(self) -> frozenset[str]:
        return frozenset().union(*(value.variables for pieces in self.indices for _, value in pieces))

    @property
    def affine(self) -> tuple[Affine, ...]:
        """The indices, where each is one expression. Raises ``Unreadable`` elsewhere."""
        if any(len(pieces) != 1 for pieces in self.indices):
            raise Unreadable("an output whose index map is not affine")
        return tuple(pieces[0][1] for pieces in self.indices)

    def view(self, ids: Ids) -> View:
        """The elements of the array that the program's block holds."""
        cases: list[tuple[Predicate, tuple[Affine, ...]]] = [(ALWAYS, ())]
        number = 0
        for extent, pieces in zip(self.block.extents, self.indices, strict=True):
            own = Affine()
            if not extent.squeezed:
                own = axis(number)
                number += 1
            cases = [
                (conjunction(before, substitute(p, ids)), (*starts, value.substitute(ids) * extent.stride + own))
                for before, starts in cases
                for p, value in pieces
            ]
        return View(self.block.shape, tuple(cases))

    def cut(self, array: Array, ids: Ids) -> Array:
        """The block; what lies outside of the array has no value."""
        return read(array, self.view(ids), self.block.dtype, PADDING)

    def pasted(self, array: Array, ids: Ids, block: Array) -> Array:
        """The array with the block written into it; what lies outside is dropped."""
        return written(array, self.view(ids), block)

    def assembled(self, initial: Array, block: Array, sizes: Mapping[str, Size]) -> Array:
        """The whole array from the block of the program with these ids (``sizes``: variables of the grid with
        the number of programs along each); elements of no block are those of ``initial``.

        Raises ``Unreadable`` where two programs may have one element, which no inverse can tell apart.
        """
        unknowns: dict[str, Size] = dict(sizes)
        equations: list[tuple[Affine, Affine]] = []
        within: list[str] = []
        for d, (extent, index) in enumerate(zip(self.block.extents, self.affine, strict=True)):
            element = index * extent.stride
            if not extent.squeezed:
                name = f"within.{d}"
                unknowns[name] = extent.size
                within.append(name)
                element = element + Affine.variable(name)
            equations.append((element, axis(d)))
        inverse = invert(equations, unknowns)
        shape = initial.shape
        outside = {name: inverse.solution[name] for name in sizes}
        moved = reindex(block, [inverse.solution[name] for name in within], shape, outside)
        return choose([(inverse.condition, moved), (ALWAYS, initial)], shape)


def same_blocks(left: Placed, right: Placed) -> bool:
    """Whether two arrays are cut in the same way."""
    if left.block.extents != right.block.extents or not same_shape(left.block.array_shape, right.block.array_shape):
        return False
    try:
        pairs = zip(left.affine, right.affine, strict=True)
        return all(a == b or decide(compare(a, "==", b), ()) is True for a, b in pairs)
    except Unreadable:
        return False


def placed(block: Block, found: Sequence[Array]) -> Placed:
    """``found``: the results of the index map."""
    indices: list[Pieces] = []
    for array in found:
        if not isinstance(array, IntegerArray):
            raise Unreadable("an index map that depends on data")
        indices.append(array.pieces)
    if len(indices) != len(block.extents):
        raise Unreadable("an index map with another number of results than axes")
    return Placed(block, tuple(indices))


__all__ = ["Ids", "Placed", "axis_variable", "placed", "same_blocks"]
