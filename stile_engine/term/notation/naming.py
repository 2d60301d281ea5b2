"""Names of bound variables: the dim that a variable runs along, as long as nothing else has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import compare, in_range
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.atoms import Poly


class CannotSay(Exception):
    """The spec language has no words for a term; the message says for what."""


Scope = Mapping[str, Affine]
"""What is written for each variable of a term; free ones stand for themselves."""


class Dims(tuple[str, ...]):
    """Names of dims, each once, in order of first appearance."""

    __slots__ = ()

    def __new__(cls, names: Iterable[str] = ()) -> Dims:
        return super().__new__(cls, dict.fromkeys(names))

    def __or__(self, other: Iterable[str]) -> Dims:
        return Dims((*self, *other))

    def __sub__(self, other: Iterable[str]) -> Dims:
        gone = set(other)
        return Dims(n for n in self if n not in gone)


SIZE = "§"
"""Begins the name that stands for a whole size in index expressions to be written."""


def multiple_of(symbol: str, extents: Mapping[str, Affine]) -> int:
    """A size is this multiple of its unknown."""
    extent = extents.get(symbol[1:])
    multiple = 0 if extent is None else extent.coefficient(symbol)
    if extent != Affine.variable(symbol) * multiple or not multiple:
        raise CannotSay(f"the unknown of {symbol[1:]}")
    return multiple


def in_sizes(index: Affine, extents: Mapping[str, Affine]) -> Affine:
    """Whole multiples of an unknown as multiples of the size itself."""
    total = Affine((), index.constant)
    for atom, coefficient in index.terms:
        if isinstance(atom, FloorDiv):
            part = Affine(((FloorDiv(in_sizes(atom.numerator, extents), atom.divisor), coefficient),))
        elif atom.startswith("#") and coefficient % (multiple := multiple_of(atom, extents)) == 0:
            part = Affine.variable(SIZE + atom[1:]) * (coefficient // multiple)
        else:
            part = Affine.variable(atom) * coefficient
        total = total + part
    return total


def sizes_are_positive(extents: Mapping[str, Affine]) -> IndexSet:
    """Every unknown of a size is at least 1."""
    found = UNIVERSE
    for symbol in sorted({v for extent in extents.values() for v in extent.variables}):
        found = found & IndexSet.where(compare(Affine.variable(symbol), ">=", 1))
    return found


def joined(parts: Iterable[Dims]) -> Dims:
    return Dims(n for part in parts for n in part)


@dataclass
class Names:
    """Dims that a text may name: declared ones, and further ones that repeat them where all are taken."""

    dims: dict[str, Affine]
    reserved: frozenset[str] = frozenset()
    added: dict[str, Affine] = field(default_factory=dict)

    def extent(self, name: str) -> Affine:
        found = self.dims.get(name) or self.added.get(name)
        if found is None:
            raise CannotSay(f"{name} is no dim")
        return found

    def bind(
        self, bound: tuple[str, ...], bodies: Iterable[Poly], domain: IndexSet, context: IndexSet, scope: Scope
    ) -> Scope:
        """The scope inside: each bound variable written as a dim, or as a dim and a constant."""
        bodies = list(bodies)
        inner = dict(scope)
        free = {v for b in bodies for v in b.variables} | domain.variables
        used = set(self.reserved)
        for v in free - set(bound):
            used |= inner.get(v, Affine.variable(v)).variables
        inside = domain & context
        for variable in bound:
            others = [v for v in inside.variables if v != variable and not v.startswith("#")]
            span = inside.project_out(others)
            inner[variable] = self._choose(variable, span, _dims_read(variable, bodies), used)
            used |= inner[variable].variables
        return inner

    def temporary(self, like: str, used: Iterable[str]) -> str:
        """A dim other than the ``used`` ones that is at least as long as ``like``."""
        extent = self.extent(like)
        taken = set(used) | self.reserved | {like}
        for name, size in {**self.dims, **self.added}.items():
            if name not in taken and size == extent:
                return name
        return self._add(like, extent, taken)

    def _choose(self, variable: str, span: IndexSet, ranked: list[str], used: set[str]) -> Affine:
        own = Affine.variable(variable)
        alike = {str(self.dims[d]) for d in ranked if d in self.dims}
        # dims that it reads, then dims of the same size, then any that is long enough
        rest = sorted(self.dims, key=lambda d: (str(self.dims[d]) not in alike, d))
        for name in dict.fromkeys([*ranked, *self.added, *rest]):
            if name in used or not (name in self.dims or name in self.added):
                continue
            if span.issubset(IndexSet.where(in_range(own, 0, self.extent(name)))):
                return Affine.variable(name)
        base = ranked[0] if ranked else "i"
        for like in ranked:
            if like in self.dims and span.issubset(IndexSet.where(in_range(own, 0, self.dims[like]))):
                return Affine.variable(self._add(base, self.dims[like], used))
        if span.variables <= {variable}:
            least, most = span.limits(variable)
            if least is not None and most is not None:
                start = min(least, 0)
                return Affine.variable(self._add(base, Affine.of(most - start + 1), used)) + start
        raise CannotSay("an index without limits")

    def _add(self, base: str, extent: Affine, used: set[str]) -> str:
        number = 2
        while True:
            name = f"{base}_{number}"
            if name not in used and name not in self.dims and self.added.get(name, extent) == extent:
                self.added[name] = extent
                return name
            number += 1


def _dims_read(variable: str, bodies: list[Poly]) -> list[str]:
    """Dims of tensors that are read at the variable, those that are read at nothing else first."""
    ranks: dict[str, int] = {}
    own = Affine.variable(variable)
    for body in bodies:
        for read in body.reads:
            for index, dim in zip(read.index, read.tensor.dims, strict=True):
                if variable in index.variables:
                    ranks[dim] = min(ranks.get(dim, 2), 0 if index == own else 1)
    return sorted(ranks, key=lambda dim: (ranks[dim], dim))
