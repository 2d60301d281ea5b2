"""Tensors in memory as a kernel sees them: which element lies at an offset, and what was read and written where."""

from __future__ import annotations

from dataclasses import dataclass, field

from stile_engine.array.arrays import Shape, Unreadable
from stile_engine.index.affine import Affine, FloorDiv, quotient_and_remainder
from stile_engine.index.predicate import ALWAYS, Predicate, compare, conjunction, in_range
from stile_engine.term.expression import Axes, Node, Tensor
from stile_engine.trace.location import Site
from stile_engine.trace.recording import NOT_MODELLED
from stile_engine.triton.context import Context, numeric
from stile_engine.triton.polynomials import Monomial, Polynomial


@dataclass(frozen=True, eq=False)
class Memory:
    """A tensor behind a pointer: element ``index`` lies ``sum(index * stride)`` elements after the first one.

    ``tensor`` is what it holds before the launch, None where that is not known. ``elements`` names its elements for
    people, also where they have no value yet.
    """

    name: str
    tensor: Tensor | None
    shape: tuple[Affine, ...]
    strides: tuple[Polynomial, ...]
    dtype: str
    written: bool
    elements: Tensor
    site: Site | None = None

    def address(self, index: tuple[Affine, ...]) -> Polynomial:
        total = Polynomial()
        for own, stride in zip(index, self.strides, strict=True):
            total = total + Polynomial.of(own) * stride
        return total

    def inside(self, index: tuple[Affine, ...]) -> Predicate:
        return conjunction(*(in_range(i, 0, n) for i, n in zip(index, self.shape, strict=True)))

    def index_of(
        self, offset: Polynomial, context: Context, shape: Shape, where: Predicate = ALWAYS
    ) -> tuple[Affine, ...]:
        """The index that the offset is the address of, as the strides tell: the coefficient of each stride.

        The address of the result is the offset, always; whether it lies inside the tensor is another question, which
        is asked of the lanes in which ``where`` holds: of two indices of one address the one that does is taken.
        Raises ``Unreadable`` where the strides do not divide the offset.
        """
        found: list[Affine] = [Affine()] * len(self.shape)
        left = offset
        ranges = numeric(context.ranges(shape))
        # Of axes with one stride those of size 1 come last: they get what is left, which is nothing.
        unit = Affine((), 1)
        axes = sorted(range(len(self.shape)), key=lambda a: (order_of(self.strides[a]), self.shape[a] == unit))
        for position, a in enumerate(axes):
            later = axes[position + 1 :]
            monomial, step = _single(self.strides[a])
            coefficient = left.by_monomial.get(monomial, Affine()) + left.sizes_times(monomial)
            if step == 1 and not any(_single(self.strides[b])[0] == monomial for b in later):
                index = coefficient
            else:
                index, _ = quotient_and_remainder(coefficient, step, ranges)
                if any(isinstance(atom, FloorDiv) for atom, _ in index.terms):
                    index = _whole_steps(coefficient, step, context, shape, where) or index
            found[a] = index
            left = left - Polynomial.of(index) * self.strides[a]
        if left.terms:
            raise Unreadable(
                f"an address in {self.name} that its strides ({', '.join(map(str, self.strides))}) do not divide: "
                f"{left} is left of the offset {offset}"
            )
        return tuple(found)

    def rows(self) -> list[tuple[int, int]]:
        """Pairs of axes ``(outer, inner)`` of which the inner one's end is the beginning of the outer one's next."""
        return [
            (b, a)
            for a, n in enumerate(self.shape)
            for b in range(len(self.shape))
            if b != a and self.strides[b] == self.strides[a] * Polynomial.of(n)
        ]

    def carried(
        self, index: tuple[Affine, ...], context: Context, shape: Shape, where: Predicate
    ) -> tuple[Affine, ...]:
        """The same address with an index that is inside of its axis, where one more or less in the next axis makes
        it so for all lanes: the last place of a row is the one before the first place of the next row."""
        found = list(index)
        for outer, inner in self.rows():
            own, size = found[inner], self.shape[inner]
            if context.decide(in_range(own, 0, size), shape, where) is not False:
                continue
            for beyond, step in ((compare(own, "<", 0), 1), (compare(own, ">=", size), -1)):
                if context.decide(beyond, shape, where) is True and not context.where(beyond, shape, where).is_empty:
                    found[inner], found[outer] = own + size * step, found[outer] - step
                    break
        return tuple(found)


def _whole_steps(coefficient: Affine, step: int, context: Context, shape: Shape, where: Predicate) -> Affine | None:
    """What of the coefficient is whole steps as it is written, where the rest stays below a step."""
    whole = Affine(tuple((a, c // step) for a, c in coefficient.terms if c % step == 0), coefficient.constant // step)
    rest = coefficient - whole * step
    return whole if context.decide(in_range(rest, 0, step), shape, where) is True else None


def _single(stride: Polynomial) -> tuple[Monomial, int]:
    """A stride is a number times a product of sizes."""
    if len(stride.terms) != 1 or not stride.terms[0][1].is_constant or stride.terms[0][1].constant <= 0:
        raise Unreadable(f"a stride that is no product of sizes: {stride}")
    monomial, factor = stride.terms[0]
    return monomial, factor.constant


def order_of(stride: Polynomial) -> tuple[int, int, str]:
    """Long strides first."""
    monomial, factor = _single(stride)
    return -len(monomial), -factor, str(monomial)


def row_major(shape: tuple[Affine, ...]) -> tuple[Polynomial, ...]:
    """The strides of a contiguous tensor."""
    found: list[Polynomial] = []
    step = Polynomial.of(1)
    for size in reversed(shape):
        found.append(step)
        step = step * Polynomial.of(size)
    return tuple(reversed(found))


@dataclass(frozen=True, eq=False)
class Access:
    """One load or store, for all programs and lanes, in all rounds of the loops around it.

    ``index`` holds where ``where`` does: the mask, the path that leads here, and the case of the offset.
    ``variables`` are the ranges of everything that these name, ``facts`` what else is known of them.
    """

    kind: str
    memory: Memory
    index: tuple[Affine, ...]
    where: Predicate
    shape: Shape
    variables: Axes
    facts: tuple[Predicate, ...]
    order: tuple[int, ...]
    """Where it stands in the program: the numbers of the operations that lead to it, loops included."""
    rounds: tuple[str, ...]
    """The variables of the loops around it, outermost first."""
    site: Site | None
    value: Node | None = None
    after: tuple[Access, ...] = ()
    """Of a load the stores of the same program that are part of what it finds, where they wrote its elements."""


@dataclass
class Traffic:
    """What a program reads and writes, in order."""

    accesses: list[Access] = field(default_factory=list)
    barriers: list[tuple[tuple[int, ...], Predicate]] = field(default_factory=list)
    """Where all lanes of a program wait for one another: the place in the program, and when it is reached."""

    def stores(self, memory: Memory) -> list[Access]:
        return [a for a in self.accesses if a.memory is memory and a.kind == "store"]

    def sums(self, memory: Memory) -> list[Access]:
        return [a for a in self.accesses if a.memory is memory and a.kind == "add"]

    def loads(self, memory: Memory) -> list[Access]:
        return [a for a in self.accesses if a.memory is memory and a.kind == "load"]


GARBAGE = "a masked-off lane of a load without other="

UNTOLD_ELEMENT = NOT_MODELLED + "an element at an index of which only a range is known (a remainder by a size)"

PAST_THE_ROW = "an access that runs past the end of its row"
