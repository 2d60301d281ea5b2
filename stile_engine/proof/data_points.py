"""Members of sets that name data: sizes, indices and contents of integer inputs that satisfy what is declared of them.

A set over data says where something happens if the inputs hold such numbers. Whether any inputs do, contents show that
are drawn at random under the declared facts; that none were found says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.data_questions import without_data
from stile_engine.index.sets import IndexSet
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.contents import NoContents, integer
from stile_engine.proof.instances import Sizes
from stile_engine.term.elements import Element, elements_of

_MOST_INSTANCES = 60
"""Sizes that are looked through, the smallest first, for those that the set is reached at."""
_MOST_REACHED = 8
_MOST_LISTED = 20_000
_MOST_POINTS = 24
_SEEDS = 4
_MOST_OPERATIONS = 60_000


@dataclass(frozen=True, slots=True)
class DataPoint:
    """A member: the unknowns of sizes, the indices, and the data that the set names."""

    sizes: Mapping[str, int]
    indices: Mapping[str, int]
    values: Mapping[Element, int]

    def __str__(self) -> str:
        """The data as messages show them: ``slot[1] = 0``."""
        at = {**self.sizes, **self.indices}
        shown: dict[str, int] = {}
        for element, value in self.values.items():
            named = {e.token: n for e, n in self.values.items()}
            places = [str(a.evaluate({v: {**at, **named}.get(v, 0) for v in a.variables})) for a in element.arguments]
            shown[f"{element.tensor.name}[{', '.join(places)}]"] = value
        return " and ".join(f"{name} = {value}" for name, value in sorted(shown.items()))


def member_with_data(
    where: IndexSet, sizes: Sizes, narrow: Callable[[IndexSet, Mapping[str, int]], IndexSet] | None = None
) -> DataPoint | None:
    """A member of the set at small sizes; None where none was found. ``narrow``: of the part of the set, at certain
    sizes, that is wanted."""
    elements = elements_of(where.variables)
    if any(e.inverse for e in elements) or len(elements) < len(data.tokens_of(where.variables)):
        return None
    try:
        with budget(_MOST_OPERATIONS):
            return _search(where, sizes, narrow)
    except BudgetExceeded:
        return None


def _search(
    where: IndexSet, sizes: Sizes, narrow: Callable[[IndexSet, Mapping[str, int]], IndexSet] | None
) -> DataPoint | None:
    for instance in _instances(where, sizes):
        here = where.substitute({name: Affine((), n) for name, n in instance.items()})
        here = here if narrow is None else narrow(here, instance)
        own = elements_of(here.variables)
        plain = without_data(here).substitute({name: Affine((), n) for name, n in instance.items()})
        for point in _points(plain):
            for seed in range(1, _SEEDS + 1):
                values = _values(own, point, seed, instance)
                if values is None:
                    continue
                given = {**point, **{e.token: n for e, n in values.items()}}
                # an index that data of which nothing is declared bound alone is in no point of the set without them
                left = here.substitute({v: Affine((), given[v]) for v in here.parameters if v in given})
                rest = left.sample()
                if rest is not None:
                    return DataPoint(instance, {**point, **rest}, values)
    return None


def _instances(where: IndexSet, sizes: Sizes) -> Iterator[Mapping[str, int]]:
    if not sizes:
        yield {}
        return
    yield from islice(
        (i for i in islice(sizes.increasing(), _MOST_INSTANCES) if sizes.reached(where, i)), _MOST_REACHED
    )


def _points(where: IndexSet) -> list[dict[str, int]]:
    """A few members: of all of them where they can be listed, evenly."""
    found = where.points(_MOST_LISTED)
    if found is None:
        point = where.sample()
        return [] if point is None else [point]
    return found[:: max(1, len(found) // _MOST_POINTS)]


def _values(
    elements: list[Element], at: Mapping[str, int], seed: int, sizes: Mapping[str, int]
) -> dict[Element, int] | None:
    """What the elements hold; None where one is read outside of its input, or no contents satisfy the facts."""
    found: dict[Element, int] = {}
    known = {**sizes, **at}
    waiting = list(elements)
    while waiting:
        ready = [e for e in waiting if all(v in known for a in e.arguments for v in a.variables)]
        if not ready:
            return None
        for element in ready:
            place = tuple(a.evaluate(known) for a in element.arguments)
            shape = [s.evaluate(known) for s in element.tensor.shape]
            if any(not 0 <= i < n for i, n in zip(place, shape, strict=True)):
                return None
            try:
                known[element.token] = found[element] = integer(element.tensor, place, seed, sizes)
            except NoContents:
                return None
        waiting = [e for e in waiting if e not in found]
    return found
