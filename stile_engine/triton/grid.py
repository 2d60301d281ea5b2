"""The programs of a launch: their ids as variables, each with its range.

A kernel that takes one id apart by a size (``pid // columns``, ``pid % columns``) works on a grid of more axes than
it was launched with. ``id = divisor * quotient + remainder`` is a bijection, so the parts become the variables.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stile_engine.array.arrays import Unreadable
from stile_engine.index.affine import Affine
from stile_engine.term.expression import Axes, bounds
from stile_engine.triton.polynomials import Polynomial

AXES = "xyz"


@dataclass(frozen=True, slots=True)
class Split:
    """``id = divisor * quotient + remainder`` with ``0 <= remainder < divisor``."""

    divisor: Polynomial
    quotient: str
    remainder: str


class NeedsSplit(Exception):
    """The kernel divides a program id by a size: read it again with the parts as variables."""

    def __init__(self, name: str, divisor: Polynomial) -> None:
        super().__init__(f"{name} // {divisor}")
        self.name, self.divisor = name, divisor


@dataclass
class Grid:
    """``extents`` gives the number of values of each variable, from 0."""

    extents: dict[str, Polynomial]
    splits: dict[str, Split] = field(default_factory=dict)

    @staticmethod
    def of(sizes: tuple[Polynomial, ...]) -> Grid:
        return Grid({f"program.{name}": size for name, size in zip(AXES, sizes, strict=False)})

    def count(self, axis: int) -> Polynomial:
        return self.extents.get(f"program.{AXES[axis]}", Polynomial.of(1))

    def id(self, axis: int) -> Polynomial:
        return self.value(f"program.{AXES[axis]}")

    def value(self, name: str) -> Polynomial:
        if self.extents.get(name, Polynomial.of(1)) == Polynomial.of(1):
            return Polynomial()
        split = self.splits.get(name)
        if split is None:
            return Polynomial.of(Affine.variable(name))
        return split.divisor * self.value(split.quotient) + self.value(split.remainder)

    def split(self, name: str, divisor: Polynomial) -> None:
        """Raises ``Unreadable`` where the number of values is no multiple of the divisor."""
        count = quotient_of_sizes(self.extents[name], divisor)
        if count is None:
            raise Unreadable(
                f"a program id below {self.extents[name]} that is divided by {divisor}, of which that is no multiple"
            )
        made = Split(divisor, f"{name}.q", f"{name}.r")
        self.splits[name] = made
        self.extents[made.quotient], self.extents[made.remainder] = count, divisor

    def variables(self) -> Axes:
        """The variables that are left, with their ranges. Raises ``Unreadable`` where one is not affine."""
        found: Axes = {}
        for name, extent in self.extents.items():
            if name in self.splits or extent == Polynomial.of(1):
                continue
            if extent.affine is None:
                raise Unreadable(f"a grid of {extent} programs along one axis whose id is not taken apart")
            found[name] = bounds(0, extent.affine)
        return found


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
            rest = list(own)
            try:
                for atom in monomial:
                    rest.remove(atom)
            except ValueError:
                continue
            if not factor.is_constant or factor.constant % coefficient.constant:
                continue
            part = Polynomial(((tuple(rest), Affine((), factor.constant // coefficient.constant)),))
            found, left = found + part, left - part * divisor
            break
        else:
            return None
    return None
