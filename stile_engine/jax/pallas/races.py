"""What the programs of a grid owe one another: no element of an output belongs to two of them that are not
ordered, and every block has something of its array."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from stile_engine.array.arrays import regions
from stile_engine.array.sizes import unknowns
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, compare, conjunction, disjunction, in_range, negate, substitute
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import Size, SymbolicInteger, is_fixed
from stile_engine.jax.pallas.adapter import PallasCall
from stile_engine.jax.pallas.blocks import Ids, Placed
from stile_engine.term.expression import bounds
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Violation


@dataclass(frozen=True, slots=True)
class Grid:
    """The programs of a call, with a variable for the id along each axis."""

    call: PallasCall
    variables: tuple[str, ...]

    def program(self, mark: str) -> Ids:
        return {v: Affine.variable(f"{v}.{mark}") for v in self.variables}

    def box(self, *marks: str) -> IndexSet:
        sizes = zip(self.variables, self.call.grid, strict=True)
        ranges = {f"{v}.{mark}": bounds(0, n) for v, n in sizes for mark in marks}
        named = {u for _, high in ranges.values() for u in high.variables}
        return IndexSet.box({**ranges, **{u: limits for u, limits in unknowns().items() if u in named}})

    def ids(self, point: Mapping[str, int], mark: str) -> tuple[int, ...]:
        return tuple(point.get(f"{v}.{mark}", 0) for v in self.variables)

    def knows(self, placed: Placed) -> bool:
        """Whether the index map depends on program ids alone."""
        used = placed.variables.union(*(predicate_variables(p) for pieces in placed.indices for p, _ in pieces))
        return used <= set(self.variables)


def same_block(placed: Placed, first: Ids, second: Ids) -> Predicate:
    """Whether two programs have the same block."""
    return conjunction(*(_pairs(pieces, first, second, _equal) for pieces in placed.indices))


def _equal(first: Affine, second: Affine) -> Predicate:
    return compare(first, "==", second)


def _pairs(
    pieces: Sequence[tuple[Predicate, Affine]], first: Ids, second: Ids, relation: Callable[[Affine, Affine], Predicate]
) -> Predicate:
    found = regions(tuple(pieces))
    return disjunction(
        *(
            conjunction(
                substitute(p, first), substitute(q, second), relation(a.substitute(first), b.substitute(second))
            )
            for p, a in found
            for q, b in found
        )
    )


def violations(
    grid: Grid, inputs: Sequence[Placed], outputs: Sequence[Placed], site: Site | None
) -> Iterator[Violation]:
    """Rules that the programs break for certain; what is not known breaks none."""
    for placed in (*outputs, *inputs):
        if grid.knows(placed) and not _inside(grid, placed):
            yield from _outside(grid, placed, placed in outputs, site)
    for placed in outputs:
        if not grid.knows(placed):
            continue
        if any(e.stride < e.size for e in placed.block.extents):
            yield from _overlapping(grid, placed, site)
        if grid.call.parallel and not _told_apart(grid, placed):
            yield from _unordered(grid, placed, site)


def _starts(placed: Placed) -> Iterator[tuple[Size, int, list[tuple[Predicate, Affine]]]]:
    """For each axis of the array its size, that of the block, and where the block starts."""
    shape = placed.block.array_shape
    for size, extent, pieces in zip(shape, placed.block.extents, placed.indices, strict=True):
        yield size, extent.size, [(p, v * extent.stride) for p, v in regions(pieces)]


def _inside(grid: Grid, placed: Placed) -> bool:
    """Whether the form of the index map shows that every block has elements of the array."""
    ranges = {v: bounds(0, n) for v, n in zip(grid.variables, grid.call.grid, strict=True)}
    for size, length, starts in _starts(placed):
        for _, start in starts:
            found = start.extremes(ranges)
            if found is None or isinstance(size, SymbolicInteger) or found[1] >= size or found[0] + length <= 0:
                return False
    return True


def _outside(grid: Grid, placed: Placed, is_output: bool, site: Site | None) -> Iterator[Violation]:
    one = grid.program("p")
    beyond = disjunction(
        *(
            conjunction(
                substitute(p, one),
                disjunction(compare(start.substitute(one), ">=", size), compare(start.substitute(one), "<=", -length)),
            )
            for size, length, starts in _starts(placed)
            for p, start in starts
        )
    )
    point = (grid.box("p") & IndexSet.where(beyond)).sample()
    if point is None:
        return
    ids = grid.ids(point, "p")
    what = "output" if is_output else "input"
    yield Violation(
        "out-of-bounds",
        f"program {_text(ids)} has block {_text(_block(placed, grid, ids))} of an {what} of shape "
        f"{_text(placed.block.array_shape)}, which lies outside of it",
        site,
        point=_named(ids),
    )


def _told_apart(grid: Grid, placed: Placed) -> bool:
    """Whether the block has the id along every parallel axis as one of its indices."""
    single = {pieces[0][1] for pieces in placed.indices if len(pieces) == 1}
    return all(
        is_fixed(grid.call.grid[a], 1) or Affine.variable(v) in single
        for a, v in enumerate(grid.variables)
        if a in grid.call.parallel
    )


def _shared(placed: Placed, first: Ids, second: Ids) -> Predicate:
    """Whether the element ``e.0``, ``e.1`` … of the array is in the blocks of both programs."""
    found: list[Predicate] = []
    for axis, (size, length, starts) in enumerate(_starts(placed)):
        element = Affine.variable(f"e.{axis}")
        found.append(in_range(element, 0, size))
        for ids in (first, second):
            found.append(
                disjunction(
                    *(
                        conjunction(substitute(p, ids), in_range(element - start.substitute(ids), 0, length))
                        for p, start in starts
                    )
                )
            )
    return conjunction(*found)


def _overlapping(grid: Grid, placed: Placed, site: Site | None) -> Iterator[Violation]:
    first, second = grid.program("p"), grid.program("q")
    condition = conjunction(_shared(placed, first, second), negate(same_block(placed, first, second)))
    point = (grid.box("p", "q") & IndexSet.where(condition)).sample()
    if point is not None:
        yield _race(grid, placed, point, site, "whose blocks are written back in no order")


def _unordered(grid: Grid, placed: Placed, site: Site | None) -> Iterator[Violation]:
    first, second = grid.program("p"), grid.program("q")
    apart = disjunction(
        *(
            compare(first[v], "<", second[v])
            for a, v in enumerate(grid.variables)
            if a in grid.call.parallel and not is_fixed(grid.call.grid[a], 1)
        )
    )
    condition = conjunction(_shared(placed, first, second), apart)
    point = (grid.box("p", "q") & IndexSet.where(condition)).sample()
    if point is not None:
        yield _race(grid, placed, point, site, "which an axis that is declared parallel leaves without an order")


def _race(grid: Grid, placed: Placed, point: Mapping[str, int], site: Site | None, why: str) -> Violation:
    one, other = grid.ids(point, "p"), grid.ids(point, "q")
    element = tuple(point.get(f"e.{a}", 0) for a in range(len(placed.block.array_shape)))
    message = f"element {_text(element)} of an output is written by programs {_text(one)} and {_text(other)}, {why}"
    return Violation("race", message, site, point=_named(one))


def _block(placed: Placed, grid: Grid, ids: tuple[int, ...]) -> tuple[int, ...]:
    values = dict(zip(grid.variables, ids, strict=True))
    found: list[int] = []
    for pieces in placed.indices:
        for predicate, value in pieces:
            here = substitute(predicate, {v: Affine.of(i) for v, i in values.items()})
            if not IndexSet.where(here).is_empty:
                found.append(value.evaluate(values))
                break
    return tuple(found)


def _named(ids: tuple[int, ...]) -> dict[str, int]:
    return {f"program {axis}": number for axis, number in enumerate(ids)}


def _text(numbers: Sequence[object]) -> str:
    return f"({', '.join(map(str, numbers))})"


# -- the order along the grid ----------------------------------------------------------------


def continues(grid: Grid, placed: Placed, ids: Ids) -> Predicate:
    """Whether the program just before this one had the same block."""
    cases: list[Predicate] = []
    for a, (v, size) in enumerate(zip(grid.variables, grid.call.grid, strict=True)):
        if is_fixed(size, 1):
            continue
        behind = zip(grid.variables[a + 1 :], grid.call.grid[a + 1 :], strict=True)
        later = [(w, n) for w, n in behind if not is_fixed(n, 1)]
        before = {**ids, v: ids[v] - 1, **{w: Affine.of(n) - 1 for w, n in later}}
        first = conjunction(*(compare(ids[w], "==", 0) for w, _ in later))
        cases.append(conjunction(compare(ids[v], ">", 0), first, same_block(placed, before, ids)))
    return disjunction(*cases)


def _before(grid: Grid, first: Ids, second: Ids) -> Predicate:
    """Whether a program is run before another."""
    cases = []
    for a, v in enumerate(grid.variables):
        same = [compare(first[w], "==", second[w]) for w in grid.variables[:a]]
        cases.append(conjunction(*same, compare(first[v], "<", second[v])))
    return disjunction(*cases)


def comes_back(grid: Grid, placed: Placed) -> bool:
    """Whether a block is come to again after others, or may be."""
    if not grid.knows(placed):
        return True
    if any(isinstance(size, SymbolicInteger) for size in grid.call.grid):
        first, middle, last = (grid.program(mark) for mark in "pqr")
        where = conjunction(
            _before(grid, first, middle),
            _before(grid, middle, last),
            same_block(placed, first, last),
            negate(same_block(placed, first, middle)),
        )
        return not (grid.box("p", "q", "r") & IndexSet.where(where)).is_empty
    count = prod(operator.index(size) for size in grid.call.grid)

    def ids(mark: str) -> Ids:
        """The ids of the program with this number, counted in the order of the grid."""
        number, found, step = Affine.variable(f"t.{mark}"), {}, count
        for v, size in zip(grid.variables, grid.call.grid, strict=True):
            step //= operator.index(size)
            found[v] = (number // step) % operator.index(size)
        return found

    first, middle, last = (ids(mark) for mark in "pqr")
    box = IndexSet.box({f"t.{mark}": bounds(0, count) for mark in "pqr"})
    ordered = conjunction(
        compare(Affine.variable("t.p"), "<", Affine.variable("t.q")),
        compare(Affine.variable("t.q"), "<", Affine.variable("t.r")),
    )
    condition = conjunction(ordered, same_block(placed, first, last), negate(same_block(placed, first, middle)))
    return not (box & IndexSet.where(condition)).is_empty
