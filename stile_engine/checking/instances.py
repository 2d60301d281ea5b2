"""A kernel with symbolic sizes that cannot be read for all of them at once, checked at the smallest ones.

A counterexample at an allowed size refutes the kernel. Agreement at a few sizes proves nothing of the others:
then the kernel stays *unknown*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import gcd, lcm
from typing import Any

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.dims import Dim, unknowns_of
from stile_engine.index.predicate import EqualsZero, Predicate, compare, conjunction, in_range, variables
from stile_engine.index.sets import IndexSet
from stile_engine.index.sizes import SymbolicInteger, render_sizes, size_of
from stile_engine.proof.instances import Sizes
from stile_engine.proof.verdict import Obligation, Witness
from stile_engine.term.expression import Tensor
from stile_engine.term.value import Value

MOST_INSTANCES = 3
"""Of the smallest sizes that a kernel is checked at where it could not be read for all sizes."""

_BEYOND = (5, 9, 17)

PAST_TILES = (*_BEYOND, 33, 67, 150)
"""For kernels whose loops are not written out: one, two and several of the usual tiles, the last one not full."""

MOST_READ = 64
"""The largest size beyond the smallest ones: Python loops are written out."""


def symbolic_dims(dims: Mapping[str, Dim], values: Sequence[Value], tensors: Sequence[Tensor]) -> list[Dim]:
    """The dims without a size that the statement speaks of, and those that have the size of one of them."""
    names = {d.name for v in values for d in v.dims} | {name for t in tensors for name in t.dims}
    unknowns = {d.symbol for name, d in dims.items() if d.concrete is None and name in names}
    return [d for _, d in sorted(dims.items()) if d.concrete is None and d.symbol in unknowns]


@dataclass(frozen=True, slots=True)
class Instance:
    """Sizes for the symbolic dims, and the values of their unknowns that give them: numbers, or multiples of the
    unknowns of dims that are still symbolic (``narrowed``)."""

    dims: Mapping[str, Dim]
    unknowns: Mapping[str, int | Affine]

    def of(self, value: SymbolicInteger) -> Any:
        """What stands for a symbolic integer at these sizes. Other dims stay as they are."""
        found = value.affine.substitute({v: Affine.of(x) for v, x in self.unknowns.items()})
        if not isinstance(value, Dim):
            return size_of(found)
        if value.name in self.dims or not found.is_constant:
            return self.dims.get(value.name, value)
        return Dim(value.name, found.constant)

    def within(self, outer: Instance | None) -> Instance:
        """These sizes, and those that were fixed already."""
        if outer is None:
            return self
        return Instance({**outer.dims, **self.dims}, {**outer.unknowns, **self.unknowns})

    @property
    def sizes(self) -> dict[str, int]:
        return {name: d.concrete for name, d in self.dims.items() if d.concrete is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name} = {size}" for name, size in self.sizes.items())

    def told(self, obligation: Obligation) -> Obligation:
        """An obligation of the kernel at these sizes, as one of the kernel itself."""
        witness = obligation.witness or Witness()
        return replace(obligation, witness=replace(witness, sizes={**self.sizes, **witness.sizes}))


def narrowed(conditions: Sequence[Predicate], dims: Mapping[str, Dim]) -> tuple[Instance, bool]:
    """The dims with the sizes at which the conditions hold, as far as dims can say it (multiples, a greatest size, one
    size), and whether they say all of it."""
    roots = {d.symbol: d for d in dims.values() if d.concrete is None and d.symbol in d.unknowns}
    factors: dict[str, int] = {}
    limits = {symbol: d.symbol_range[1] for symbol, d in roots.items()}
    single: dict[str, int] = {}
    complete = True
    for condition in conditions:
        (symbol, *others) = sorted(variables(condition)) or [""]
        taken = not others and symbol in roots
        match condition:
            case EqualsZero(expression) if taken and (found := _fixed(expression, symbol)) is not None:
                single[symbol] = found
            case EqualsZero(expression) if taken and (factor := _divided(expression, symbol)) is not None:
                factors[symbol] = lcm(factors.get(symbol, 1), factor)
            case _ if taken and (most := _at_most(condition, symbol, roots[symbol].symbol_range)) is not None:
                limits[symbol] = min(limits[symbol], most)
            case _:
                complete = False
    changed = {s for s, d in roots.items() if s in single or s in factors or limits[s] != d.symbol_range[1]}
    if any(d.symbol not in d.unknowns and d.unknowns.keys() & changed for d in dims.values()):
        return Instance({}, {}), not conditions  # dims that are made of others keep what these are
    unknowns: dict[str, int | Affine] = {**single}
    for symbol, factor in factors.items():
        if symbol not in single:
            unknowns[symbol] = Affine.variable(symbol) * factor
    found_dims: dict[str, Dim] = {}
    for symbol, root in roots.items():
        if symbol in single:
            found_dims[root.name] = Dim(root.name, root.multiple_of * single[symbol])
        elif symbol in changed:
            multiple = root.multiple_of * factors.get(symbol, 1)
            found_dims[root.name] = Dim(root.name, multiple_of=multiple, max=limits[symbol] * root.multiple_of)
    for name, own in dims.items():
        if own.concrete is not None or name in found_dims:
            continue
        if own.symbol in roots and roots[own.symbol].name in found_dims:
            of = found_dims[roots[own.symbol].name]
            found_dims[name] = Dim(name, of.size)
    return Instance(found_dims, unknowns), complete


def _fixed(expression: Affine, symbol: str) -> int | None:
    """The one value of the unknown at which the expression is 0."""
    factor = expression.coefficient(symbol)
    if len(expression.terms) != 1 or not factor or expression.constant % factor:
        return None
    return -expression.constant // factor


def _divided(expression: Affine, symbol: str) -> int | None:
    """c where the expression is 0 exactly at the multiples of c: ``k n - d (k n // d)``."""
    factor = expression.coefficient(symbol)
    floors = [(a, c) for a, c in expression.terms if isinstance(a, FloorDiv)]
    if len(expression.terms) != 2 or len(floors) != 1 or expression.constant or not factor:
        return None
    ((atom, coefficient),) = floors
    numerator = atom.numerator
    own = numerator.coefficient(symbol)
    if numerator != Affine.variable(symbol) * own or coefficient * own != -atom.divisor * factor:
        return None
    return atom.divisor // gcd(atom.divisor, own)


def _at_most(condition: Predicate, symbol: str, limits: tuple[int, int]) -> int | None:
    """The greatest value of the unknown at which the condition holds, if it holds at all that are smaller."""
    low, high = limits
    where = IndexSet.where(conjunction(in_range(Affine.variable(symbol), low, high + 1), condition))
    cases = where.intervals(symbol) or ()
    if len(cases) != 1:
        return None
    ((_, first, last),) = cases
    whole = first.is_constant and last.is_constant and first.constant == low and last.constant < high
    return last.constant if whole else None


MOST_EQUAL = 32
"""Sizes at which one pair of sizes is equal that are looked at one by one."""


def where_equal(pairs: Sequence[tuple[Affine, Affine]], symbolic: Sequence[Dim]) -> Iterator[Instance | str]:
    """The instances at which two sizes of a pair are equal, one dim fixed at a time; a text for a pair that is
    equal at too many."""
    unknowns = unknowns_of(symbolic)
    seen: set[tuple[str, int]] = set()
    for mine, theirs in pairs:
        equal = compare(mine, "==", theirs)
        named = sorted(variables(equal) & unknowns.keys())
        ranges = {v: (Affine((), low), Affine((), high + 1)) for v in named for low, high in [unknowns[v]]}
        where = IndexSet.where(equal) & IndexSet.box(ranges)
        if where.is_empty:
            continue
        for symbol in named:
            alone = where.project_out([v for v in named if v != symbol])
            points = alone.points(MOST_EQUAL)
            if points is not None:
                break
        else:
            yield f"{render_sizes(mine)} = {render_sizes(theirs)}"
            continue
        for point in points:
            if (symbol, point[symbol]) not in seen:
                seen.add((symbol, point[symbol]))
                at = {symbol: point[symbol]}
                fixed = [d for d in symbolic if d.unknowns.keys() == at.keys()]
                yield Instance({d.name: Dim(d.name, d.extent.evaluate(at)) for d in fixed}, at)


def smallest(
    symbolic: Sequence[Dim],
    tensors: Sequence[Tensor],
    asked: Sequence[tuple[Affine, Affine]] = (),
    beyond: Sequence[int] = _BEYOND,
    most: int = MOST_READ,
) -> Iterator[Instance]:
    """The smallest sizes that the dims can have together, then those from ``beyond`` on, up to ``most``, and smallest
    ones at which the ``asked`` pairs are equal."""
    ranges = unknowns_of(symbolic)
    sizes = Sizes(
        ranges,
        {d.name: d.extent for d in symbolic},
        frozenset(t.shape for t in tensors),
    )
    found = list(islice(sizes.increasing(), MOST_INSTANCES))
    # Behind them sizes that come just after those of usual tiles, every dim another one.
    for start in beyond:
        unknowns = {symbol: start + k for k, symbol in enumerate(ranges)}
        largest = max(d.extent.evaluate(unknowns) for d in symbolic)
        if largest <= most and sizes.allowed(unknowns) and unknowns not in found:
            found.append(unknowns)
    for instance in where_equal(asked, symbolic):
        if isinstance(instance, Instance):
            numbers = {s: n for s, n in instance.unknowns.items() if isinstance(n, int)}
            unknowns = {symbol: numbers.get(symbol, 1) for symbol in ranges}
            largest = max(d.extent.evaluate(unknowns) for d in symbolic)
            if largest <= MOST_READ and sizes.allowed(unknowns) and unknowns not in found:
                found.append(unknowns)
    for unknowns in found:
        yield Instance({d.name: Dim(d.name, d.extent.evaluate(unknowns)) for d in symbolic}, unknowns)
