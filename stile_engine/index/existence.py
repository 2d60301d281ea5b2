"""Whether some value of a variable lies in a set, where that depends on data.

``exists k: I[k] == s`` is no set of integers: what ``I`` holds decides. It becomes one opaque truth
value, a data variable that is 1 where some ``k`` lies in the set and 0 elsewhere. Nothing is
approximated: two such values are the same if the sets are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, product

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.data_questions import place_by_data
from stile_engine.index.names import combined
from stile_engine.index.predicate import Predicate, compare, in_range
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet, describe

_PREFIX = "^"
_MOST_MEMBERS = 16


class Existence(data.Datum):
    """1 where the set has a member for some values of ``bound``, else 0."""

    __slots__ = ("bound", "domain", "number")

    bound: tuple[str, ...]
    domain: IndexSet
    number: int
    """Of its own names."""

    @property
    def height(self) -> int:
        return self.number

    @property
    def digest(self) -> str:
        return combined(f"some {len(self.bound)}", [self.domain.digest])

    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        moved = self.domain.substitute({v: e for v, e in mapping.items() if v not in self.bound})
        return _truth(moved, self.bound)

    def bounds(self) -> Predicate | None:
        return in_range(Affine.variable(self.token), 0, 2)

    def excluded(self, others: Sequence[data.Datum]) -> list[tuple[IndexSet, Predicate]]:
        """It is not 0 where the set has a member: those that the other data are read at are looked at."""
        candidates: dict[str, dict[Affine, None]] = {b: {} for b in self.bound}
        dependent = [data.datum(t) for t in self.domain.tokens]
        known = [(key, index) for o in others if o is not self for key, index in o.reads()]
        for key, pattern in (r for d in dependent for r in d.reads()):
            for bound, found in candidates.items():
                coefficient = pattern.coefficient(bound)
                rest = pattern - Affine.variable(bound) * coefficient
                if coefficient not in (1, -1) or not rest.variables.isdisjoint(self.bound):
                    continue
                for other, index in known:
                    if other == key:
                        found[(index - rest) * coefficient] = None
        choices = islice(product(*candidates.values()), _MOST_MEMBERS)
        absent = compare(Affine.variable(self.token), "==", 0)
        return [(self.domain.substitute(dict(zip(self.bound, c, strict=True))), absent) for c in choices]

    def render(self, name: Callable[[str], str]) -> str:
        shown = {v: v.replace(_PREFIX, "i") for v in self.bound}
        free = {v: name(v) for v in self.domain.variables if v not in shown}
        return f"[some {', '.join(shown.values())}: {describe(self.domain, {**free, **shown})}]"


def some(domain: IndexSet, names: Iterable[str]) -> IndexSet:
    """All tuples of the other variables for which some value of ``names`` lies in the set."""
    gone = frozenset(names)
    plain = [n for n in gone if not any(n in data.datum(t).variables for t in domain.tokens)]
    # what no data vary with goes first, exactly
    domain = domain.project_out(plain)
    for name in sorted(gone):
        found = place_by_data(domain, name, gone) if name in domain.variables else None
        if found is not None and name not in found.value.variables:
            # the only value that the variable can have, where there is one
            return found.narrowed(domain).project_out([n for n in gone if n != name])
    bound = tuple(sorted(n for n in gone if n in domain.variables))
    if domain is EMPTY or not bound:
        return domain
    # What does not depend on the bound variables stays a set: exists k: P and Q(k) is P and exists k: Q(k).
    dependent = [t for t in domain.tokens if not gone.isdisjoint(data.datum(t).variables)]
    shadow = domain.project_out([*dependent, *bound])
    truth = IndexSet.where(compare(_truth(domain.given(shadow), bound), "==", 1))
    return truth & shadow


def _is_reached(domain: IndexSet, bound: tuple[str, ...]) -> bool:
    """Whether the set has a member because the one sign that it asks to be 0 is so somewhere."""
    if len(domain.tokens) != 1:
        return False
    (token,) = domain.tokens
    box = domain.project_out([token])
    zero = IndexSet.where(compare(Affine.variable(token), "==", 0))
    return (box & zero).issubset(domain) and data.datum(token).reaches_zero(bound, box)


def _truth(domain: IndexSet, bound: tuple[str, ...]) -> Affine:
    bound = tuple(b for b in bound if b in domain.variables)
    if domain is EMPTY:
        return Affine()
    if domain is UNIVERSE:
        return Affine((), 1)
    if not bound or not any(not data.datum(t).variables.isdisjoint(bound) for t in domain.tokens):
        # nothing is left that data decide: 1 where the set has a member
        rows = domain.project_out(bound)
        if rows is UNIVERSE or rows is EMPTY:
            return Affine((), int(rows is UNIVERSE))
    if _is_reached(domain, bound):
        return Affine((), 1)
    height = 1 + data.height_of(domain.tokens)
    names = tuple(f"{_PREFIX}{height}_{i}" for i in range(len(bound)))
    if names != bound:
        domain = domain.substitute({v: Affine.variable(n) for v, n in zip(bound, names, strict=True)})
    made = Existence()
    made.token = f"{data.MARK}some({','.join(names)}:{domain.text})"
    made.bound, made.domain, made.number = names, domain, height
    made.variables = data.without(domain.variables, names)
    data.register(made)
    return Affine.variable(made.token)
