"""Which index an affine map takes to a given element: the inverse that a write needs.

The unknowns are solved from equations ``map(unknowns) = value`` by elimination, each step of which is an
implication: what is found is the only tuple that can satisfy them. Whether it does, and lies in range,
stands in the condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from stile_engine.array.arrays import Unreadable
from stile_engine.array.sizes import unknowns
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.affine import Atom as Term
from stile_engine.index.predicate import Predicate, compare, conjunction, in_range
from stile_engine.index.sizes import Size, is_fixed

Equation = tuple[Affine, Affine]
"""``(map, value)``: an expression over the unknowns, and what it is equal to."""


@dataclass(frozen=True, slots=True)
class Inverse:
    solution: Mapping[str, Affine]
    condition: Predicate
    """Holds exactly where the solution is in range and satisfies all equations."""


def invert(equations: Sequence[Equation], sizes: Mapping[str, Size]) -> Inverse:
    """The unknowns, each in ``[0, size)``, from the equations.

    Raises ``Unreadable`` where elimination does not show that at most one tuple satisfies them.
    """
    known = solved(equations, sizes)
    if any(name not in known for name in sizes):
        raise Unreadable("a write at indices that may repeat or overlap")
    checks = [compare(f.substitute(known), "==", value) for f, value in equations]
    ranges = [in_range(known[name], 0, size) for name, size in sizes.items() if not is_fixed(size, 1)]
    return Inverse(known, conjunction(*ranges, *checks))


def solved(equations: Sequence[Equation], sizes: Mapping[str, Size]) -> Mapping[str, Affine]:
    """Those of the unknowns, each in ``[0, size)``, that elimination finds; all tuples that satisfy the equations
    have these values. Variables without a size are no unknowns: the values may name them."""
    solver = _Solver(sizes)
    waiting = list(equations)
    while waiting:
        left = [e for e in waiting if not solver.use(e)]
        if len(left) == len(waiting) and not any(solver.learns(e) for e in solver.without_a_quotient(waiting)):
            break
        waiting = left
    return solver.known


class _Solver:
    def __init__(self, sizes: Mapping[str, Size]) -> None:
        self._sizes = sizes
        # An unknown of size 1 is 0.
        self.known: dict[str, Affine] = {name: Affine() for name, size in sizes.items() if is_fixed(size, 1)}
        self._quotients: dict[FloorDiv, Affine] = {}

    def use(self, equation: Equation) -> bool:
        """Solve the equation for all that is not known in it; False where that cannot be done yet."""
        left, value = self._reduced(equation[0]), equation[1]
        unknown = [(atom, c) for atom, c in left.terms if self._is_unknown(atom)]
        rest = value - Affine(tuple(t for t in left.terms if t not in unknown), left.constant)
        ranges = [self._range(atom) for atom, _ in unknown]
        # The digits of a number: |c| is larger than all that the smaller ones together can vary by.
        order = sorted(range(len(unknown)), key=lambda k: -abs(unknown[k][1]))
        found: list[tuple[Term, Affine]] = []
        for position, k in enumerate(order):
            atom, c = unknown[k]
            smaller = [(unknown[j][1], ranges[j]) for j in order[position + 1 :]]
            spread = sum(abs(d) * (high - low) for d, (low, high) in smaller)
            if spread >= abs(c):
                return False
            least = sum(d * (low if d > 0 else high) for d, (low, high) in smaller)
            # rest = c a + s with least <= s < least + |c|: (rest - least) // c is a for c > 0, and for
            # c < 0 it is -((rest - least) // |c|)
            quotient = (rest - least) // abs(c)
            solved = quotient if c > 0 else -quotient
            found.append((atom, solved))
            rest = rest - solved * c
        for atom, solved in found:
            if isinstance(atom, str):
                self.known[atom] = solved
            else:
                self._quotients[atom] = solved
        return True

    def learns(self, equation: Equation) -> bool:
        """Whether the equation tells something that was not known."""
        before = len(self.known) + len(self._quotients)
        return self.use(equation) and len(self.known) + len(self._quotients) > before

    def without_a_quotient(self, equations: Sequence[Equation]) -> Iterator[Equation]:
        """What two equations say together that name one quotient: ``i = e // 33`` and ``j = e - 33 (e // 33)`` say
        ``33 i + j = e``, also where parts of the quotient were taken out."""
        for (first, one), (second, other) in combinations(equations, 2):
            mine, theirs = self._reduced(first), dict(self._reduced(second).terms)
            for atom, c in mine.terms:
                if isinstance(atom, FloorDiv) and self._is_unknown(atom) and (d := theirs.get(atom)):
                    yield first * d - second * c, one * d - other * c

    def _reduced(self, expression: Affine) -> Affine:
        total = Affine((), expression.constant)
        for atom, c in expression.terms:
            if isinstance(atom, FloorDiv) and atom in self._quotients:
                total = total + self._quotients[atom] * c
                continue
            own = Affine(((atom, 1),)).substitute(self.known)
            total = total + own.constant * c
            for inner, d in own.terms:
                found = self._quotients.get(inner) if isinstance(inner, FloorDiv) else None
                total = total + (Affine(((inner, 1),)) if found is None else found) * (c * d)
        return total

    def _is_unknown(self, atom: Term) -> bool:
        # What data are read at counts as well.
        names = Affine(((atom, 1),)).variables
        return any(name in self._sizes and name not in self.known for name in names)

    def _range(self, atom: Term) -> tuple[int, int]:
        ranges = {name: (Affine(), Affine.of(size)) for name, size in self._sizes.items()} | unknowns()
        found = Affine(((atom, 1),)).extremes(ranges)
        if found is None:
            raise Unreadable("a write at indices whose range is not known")
        return found
