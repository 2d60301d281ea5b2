"""Concrete instances of symbolic sizes, the smallest first."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import variables
from stile_engine.index.sets import IndexSet, describe
from stile_engine.term import expression as written
from stile_engine.term.elements import elements_of
from stile_engine.term.facts import sizes_named
from stile_engine.term.value import Value

_ELEMENTS = 2**30

MOST_ELEMENTS = "with at most 2**30 elements in each tensor"
"""What every statement for all sizes says of them."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The symbolic sizes of a statement: the range of each unknown (both ends included) and the dims that are
    made of them."""

    ranges: Mapping[str, tuple[int, int]]
    extents: Mapping[str, Affine]
    shapes: frozenset[tuple[Affine, ...]]

    @staticmethod
    def of(ranges: Mapping[str, tuple[int, int]], values: Iterable[Value]) -> Sizes:
        extents: dict[str, Affine] = {}
        shapes: set[tuple[Affine, ...]] = set()
        if not ranges:
            return Sizes({}, {}, frozenset())
        named: set[str] = set()
        for value in values:
            for d in value.dims:
                extents.setdefault(d.name, d.extent)
            for node in written.every_node(value.node):
                named |= _named(node)
                match node:
                    case written.Read(tensor):
                        shapes.add(tensor.shape)
                        extents.update(dict(zip(tensor.dims, tensor.shape, strict=True)))
        named |= {v for extent in extents.values() for v in extent.variables}
        # Contents of integer inputs are made up for the sizes that their facts speak of.
        named |= {s for e in elements_of(frozenset(named)) for fact in e.tensor.facts for s in sizes_named(fact)}
        kept = {d: e for d, e in extents.items() if e.variables & ranges.keys()}
        return Sizes({s: r for s, r in ranges.items() if s in named}, kept, frozenset(shapes))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def statement(self) -> str | None:
        """For which sizes something holds; None where all are concrete."""
        if not self.ranges:
            return None
        parts: list[str] = []
        for dim, extent in sorted(self.extents.items()):
            (_, factor), *more = extent.terms
            if more or extent.constant:
                continue  # made of other dims, which it is true of
            parts.append(f"every {dim}" + (f" that is a multiple of {factor}" if factor > 1 else ""))
        return f"for {' and '.join(parts) or 'every size'}, {MOST_ELEMENTS}"

    def shown(self, instance: Mapping[str, int]) -> dict[str, int]:
        """The sizes of the dims, as a user names them."""
        found = {d: e.evaluate(instance) for d, e in sorted(self.extents.items())}
        named = {v for e in self.extents.values() for v in e.variables}
        return found | {s.removeprefix("#"): x for s, x in sorted(instance.items()) if s not in named}

    def allowed(self, instance: Mapping[str, int]) -> bool:
        """Whether the instance lies in the ranges and no tensor has too many elements."""
        if any(not low <= instance[s] <= high for s, (low, high) in self.ranges.items()):
            return False
        for shape in self.shapes:
            elements = 1
            for extent in shape:
                elements *= extent.evaluate(instance)
            if elements > max(_ELEMENTS, *(high for _, high in self.ranges.values())):
                return False
        return True

    def increasing(self) -> Iterator[dict[str, int]]:
        """All instances, by the sum of the sizes."""
        names = sorted(self.ranges)
        start = tuple(self.ranges[s][0] for s in names)
        heap = [(self._weight(dict(zip(names, start, strict=True))), start)]
        seen = {start}
        while heap:
            _, point = heapq.heappop(heap)
            instance = dict(zip(names, point, strict=True))
            if self.allowed(instance):
                yield instance
            for axis, name in enumerate(names):
                following = (*point[:axis], point[axis] + 1, *point[axis + 1 :])
                if following not in seen and following[axis] <= self.ranges[name][1]:
                    seen.add(following)
                    heapq.heappush(heap, (self._weight(dict(zip(names, following, strict=True))), following))

    def _weight(self, instance: Mapping[str, int]) -> int:
        return sum(e.evaluate(instance) for e in self.extents.values()) or sum(instance.values())

    def order(self, instances: Iterable[Mapping[str, int]]) -> list[dict[str, int]]:
        """Without repetition, the smallest first."""
        unique = {tuple(sorted(i.items())): dict(i) for i in instances if self.allowed(i)}
        return sorted(unique.values(), key=lambda i: (self._weight(i), sorted(i.items())))

    def least(self, where: IndexSet) -> dict[str, int] | None:
        """The least sizes at which the set has members, first by the unknown that comes first."""
        if not self.ranges:
            return {}
        reached = where.project_out([v for v in where.variables if v not in self.ranges])
        point = reached.sample()
        if point is None:
            return None
        found = {s: point.get(s, low) for s, (low, _) in self.ranges.items()}
        return found if self.allowed(found) else None

    def over(self, symbol: str, limit: int) -> int:
        """The least value of an unknown that makes each size of it larger than a limit."""
        low, high = self.ranges[symbol]
        factors = [e.coefficient(symbol) for e in self.extents.values() if e.coefficient(symbol) > 0]
        return min(max(low, limit // min(factors, default=1) + 1), high)

    def reached(self, where: IndexSet, instance: Mapping[str, int]) -> bool:
        """Whether the set has members at these sizes."""
        return not where.substitute({s: Affine((), x) for s, x in instance.items()}).is_empty

    def text(self, text: str) -> str:
        """A text about sets with the unknowns written as sizes: ``64*#N`` is size(N)."""
        named: dict[str, tuple[int, str]] = {}
        for dim, extent in self.extents.items():
            symbol, factor = extent.terms[0]
            if len(extent.terms) != 1 or extent.constant or not isinstance(symbol, str):
                continue
            if factor != 1:
                text = re.sub(rf"(?<![0-9A-Za-z_]){factor}\*{re.escape(symbol)}(?![0-9A-Za-z_])", f"size({dim})", text)
            one = f"size({dim})" if factor == 1 else f"size({dim})/{factor}"
            named[symbol] = min(named.get(symbol, (factor, one)), (factor, one))
        for symbol, (_, one) in named.items():
            text = re.sub(rf"{re.escape(symbol)}(?![0-9A-Za-z_])", one, text)
        return text


def _named(node: written.Node) -> frozenset[str]:
    """What the node itself names: index variables, and unknowns of sizes."""
    found = {v for low, high in node.axes.values() for v in low.variables | high.variables}
    match node:
        case written.Read(index=index):
            found.update(*(i.variables for i in index))
        case written.IndexNumber(index, _):
            found |= index.variables
        case written.Select(predicate, _, _, _):
            found |= variables(predicate)
        case written.Reduce(bound=bound, predicate=predicate) | written.Scatter(bound=bound, predicate=predicate):
            found |= variables(predicate)
            found.update(*(low.variables | high.variables for low, high in bound.values()))
        case written.Reindex(mapping=mapping):
            found.update(*(index.variables for index in mapping.values()))
        case written.Restrict(ranges=ranges):
            found.update(*(low.variables | high.variables for low, high in ranges.values()))
        case written.Carried(recurrence, _, index, round_, _):
            found |= recurrence.rounds.variables | round_.variables
            found.update(*(i.variables for i in index))
            found.update(*(a.variables | b.variables for axes in recurrence.axes for a, b in axes.values()))
    return frozenset(found)


def divisors_of(roots: Iterable[written.Node]) -> set[int]:
    """The numbers above 1 by which indices in the expressions are divided: the lengths of tiles."""
    found: set[int] = set()

    def look(expression: Affine) -> None:
        for atom, _ in expression.terms:
            if isinstance(atom, FloorDiv):
                found.add(atom.divisor)
                look(atom.numerator)

    for node in written.every_node(*roots):
        for expression in indices_of(node):
            look(expression)
    return found


def indices_of(node: written.Node) -> Iterator[Affine]:
    """The index expressions that stand in a node itself, those of predicates left out."""
    match node:
        case written.Read(_, index):
            yield from index
        case written.IndexNumber(index):
            yield index
        case written.Reindex(_, mapping):
            yield from mapping.values()
        case written.Carried(recurrence, _, index, round_):
            yield from (*index, round_, recurrence.rounds)


def describe_with(where: IndexSet, sizes: Sizes) -> str:
    return sizes.text(describe(where))
