"""The programs of a launch: their ids as variables, each with its range.

A kernel that takes one id apart by a size (``pid // columns``, ``pid % columns``) works on a grid of more axes than
it was launched with. ``id = divisor * quotient + remainder`` is a bijection, so the parts become the variables.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stile_engine.array.arrays import Unreadable
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare
from stile_engine.term.expression import Axes, bounds
from stile_engine.triton.polynomials import Polynomial, without

AXES = "xyz"

TILE = "tile."
"""How numbers of tiles begin."""

UNIT = Polynomial.of(1)


@dataclass(frozen=True, slots=True)
class Split:
    """``id = divisor * quotient + remainder`` with ``0 <= remainder < divisor``."""

    divisor: Polynomial
    quotient: str
    remainder: str


@dataclass(frozen=True, slots=True)
class Group:
    """A remainder that is taken apart again, by a divisor that is not the same in the last group of programs:
    ``remainder = length * row + place`` with ``0 <= place < length``."""

    row: str
    place: str
    lengths: tuple[Affine, ...]
    """The divisor is the least of these."""


class NeedsSplit(Exception):
    """The kernel divides a program id by a size: read it again with the parts as variables."""

    def __init__(self, name: str, divisor: Polynomial) -> None:
        super().__init__(f"{name} // {divisor}")
        self.name, self.divisor = name, divisor


class NeedsGroup(Exception):
    """The kernel divides a remainder by the length of the group of programs: the same."""

    def __init__(self, name: str, length: int) -> None:
        super().__init__(name)
        self.name, self.length = name, length


class NeedsTiles(Exception):
    """A loop whose rounds are dealt out to the programs: read it again with the number of the tile as a variable."""

    def __init__(self, name: str, program: str, count: Polynomial) -> None:
        super().__init__(name)
        self.name, self.program, self.count = name, program, count


@dataclass
class Grid:
    """``extents`` gives the number of values of each variable, from 0; where they are not all taken, ``facts``
    says which are."""

    extents: dict[str, Polynomial]
    splits: dict[str, Split] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    facts: list[Predicate] = field(default_factory=list)
    deals: bool = True
    """Whether loops whose rounds are dealt out to the programs are read as loops over tiles."""
    dealt: dict[str, str] = field(default_factory=dict)
    """Numbers of tiles that the programs of a launch take in turn, and the id that they begin with: the tiles
    ``id, id + programs, id + 2 * programs …`` of all programs are each number below the end once."""
    turns: dict[str, Polynomial] = field(default_factory=dict)
    """What the kernel adds to a remainder before it takes the remainder by the length of the group of programs: the
    place in the group then stands for that."""
    _of_remainder: dict[str, str] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    """Remainders in a last group of programs that may be smaller than the others, by how much is no affine fact."""

    @staticmethod
    def of(sizes: tuple[Polynomial, ...]) -> Grid:
        return Grid({f"program.{name}": size for name, size in zip(AXES, sizes, strict=False)})

    def count(self, axis: int) -> Polynomial:
        return self.extents.get(f"program.{AXES[axis]}", UNIT)

    def id(self, axis: int) -> Polynomial:
        return self.value(f"program.{AXES[axis]}")

    def value(self, name: str) -> Polynomial:
        if self.extents.get(name, UNIT) == UNIT:
            return Polynomial()
        split = self.splits.get(name)
        if split is None:
            return Polynomial.of(Affine.variable(name))
        return split.divisor * self.value(split.quotient) + self.value(split.remainder)

    def split(self, name: str, divisor: Polynomial) -> None:
        """Raises ``Unreadable`` where the parts have no range that is known."""
        extent = self.extents[name]
        made = Split(divisor, f"{name}.q", f"{name}.r")
        count = quotient_of_sizes(extent, divisor)
        if count is None:
            count = self._rounded_up(extent, divisor)
            self._of_remainder[made.remainder] = name
            # The last group is not full.
            if (whole := extent.affine) is not None and divisor.constant is not None:
                parts = Affine.variable(made.quotient) * divisor.constant + Affine.variable(made.remainder)
                self.facts.append(compare(parts, "<", whole))
            else:
                self._open.add(made.remainder)
        self.splits[name] = made
        self.extents[made.quotient], self.extents[made.remainder] = count, divisor

    def _rounded_up(self, extent: Polynomial, divisor: Polynomial) -> Polynomial:
        """How many groups of ``divisor`` there are in ``extent``, the last one perhaps smaller."""
        rows, length = self._rows_and_length(extent, divisor)
        return Polynomial.of((rows + (length - 1)) // length)

    def _rows_and_length(self, extent: Polynomial, divisor: Polynomial) -> tuple[Affine, int]:
        """``extent / c`` and ``divisor / c`` for a common factor c that makes the one affine and the other a number."""
        if len(divisor.terms) == 1:
            monomial, coefficient = divisor.terms[0]
            rows = quotient_of_sizes(extent, Polynomial(((monomial, Affine((), 1)),)))
            if rows is not None and rows.affine is not None and coefficient.is_constant:
                return rows.affine, coefficient.constant
        raise Unreadable(f"a program id below {extent} that is divided by {divisor}, of which that is no multiple")

    def group(self, name: str, length: int) -> None:
        """The remainder ``name`` of groups of ``length`` rows. Raises ``Unreadable`` where the rows are not known."""
        parent = self._of_remainder.get(name)
        if parent is None:
            raise Unreadable("a remainder that is divided by a number that depends on the program")
        split, extent = self.splits[parent], self.extents[parent]
        columns = quotient_of_sizes(split.divisor, Polynomial.of(length))
        rows = None if columns is None else quotient_of_sizes(extent, columns)
        if columns is None or columns.affine is None or rows is None or rows.affine is None:
            raise Unreadable(f"a remainder by {split.divisor} that is divided by {length}")
        left = rows.affine - Affine.variable(split.quotient) * length
        # remainder < columns * min(length, left) is row < columns and place < min(length, left)
        made = Group(f"{name}.row", f"{name}.place", (Affine((), length), left))
        self.groups[name] = made
        self.extents[made.row], self.extents[made.place] = columns, Polynomial.of(length)
        self.facts.append(compare(Affine.variable(made.place), "<", left))

    def remainders(self) -> list[str]:
        """Those of which the last group may be smaller than the others."""
        return list(self._of_remainder)

    def deal(self, name: str, program: str, count: Polynomial) -> None:
        """Raises ``Unreadable`` where a loop is met twice with different ends."""
        if self.extents.get(name, count) != count:
            raise Unreadable("a loop over tiles that has another end each time")
        self.extents[name] = count
        self.dealt[name] = program

    def parts(self, root: str) -> Axes:
        """The variables that a program id, or the number of a tile, consists of."""
        return {name: own for name, own in self.ranges().items() if name == root or name.startswith(f"{root}.")}

    def launched(self) -> Axes:
        """The variables of a program, outside of loops over tiles."""
        tiles = {name for root in self.dealt for name in self.parts(root)}
        return {name: own for name, own in self.ranges().items() if name not in tiles}

    def numbers(self) -> frozenset[Polynomial]:
        """What ids, and their parts, are: a launch has no more programs than fit into 32 bits."""
        return frozenset([*(self.id(axis) for axis in range(3)), *(self.value(name) for name in self.extents)])

    def opaque(self) -> frozenset[str]:
        """Variables that were taken apart and may stand in no index."""
        return frozenset(self.groups)

    def variables(self) -> Axes:
        """The variables that are left, with their ranges. Raises ``Unreadable`` where one is not affine."""
        found: Axes = {}
        if left := sorted(self._open - self.groups.keys()):
            raise Unreadable(f"a last group of programs that is not full ({left[0]} is not taken apart)")
        for name, extent in self.ids().items():
            if extent.affine is None:
                raise Unreadable(f"a grid of {extent} programs along one axis whose id is not taken apart")
            found[name] = bounds(0, extent.affine)
        return found

    def ids(self) -> dict[str, Polynomial]:
        """The program ids, or parts of them, that are not taken apart (any further), and how many values they have."""
        return {
            name: extent
            for name, extent in self.extents.items()
            if name not in self.splits and name not in self.groups and extent != UNIT
        }

    def products(self) -> dict[str, Polynomial]:
        """Of variables whose number of values is a product of sizes that number, which no range can tell."""
        return {name: extent for name, extent in self.ids().items() if extent.affine is None}

    def ranges(self) -> Axes:
        """Ranges of all variables that may stand in an expression, as narrow as they can be told."""
        return {
            name: bounds(0, extent.affine if extent.affine is not None else 2**31)
            for name, extent in self.ids().items()
        }


def quotient_of_sizes(value: Polynomial, divisor: Polynomial) -> Polynomial | None:
    """``value / divisor`` of two expressions of sizes, where it comes out even for all sizes."""
    left, found = value, Polynomial()
    if not divisor.terms:
        return None
    monomial, coefficient = divisor.terms[0]
    for _ in range(8):
        if not left.terms:
            return found
        for own, factor in left.terms:
            rest = without(own, monomial)
            if rest is None or not factor.is_constant or factor.constant % coefficient.constant:
                continue
            part = Polynomial(((rest, Affine((), factor.constant // coefficient.constant)),))
            found, left = found + part, left - part * divisor
            break
        else:
            return None
    return None
