"""What is known of the integers of a kernel: ranges of sizes, program ids and rounds, and which path is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from stile_engine.array.arrays import Shape, Unreadable, outer_ranges
from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import ALWAYS, Predicate, conjunction, in_range, negate, variables
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.elements import elements_of
from stile_engine.term.expression import Axes, Tensor, bounds
from stile_engine.trace.frontend import TraceError, axis_variable


@dataclass
class Context:
    """``sizes``: the range of each symbolic size and stride. Ranges of program ids, of rounds and of the like are
    those of the arrays' own surroundings; ``facts`` are what holds of them beside their ranges."""

    sizes: Axes
    facts: list[Predicate] = field(default_factory=list)
    untold: Axes = field(default_factory=dict)
    """Integers of which only the range is known. They are part of no value."""
    bits: dict[Tensor, int] = field(default_factory=dict)
    """The width of the signed integers that an input holds, for inputs that were read."""
    path: Predicate = ALWAYS
    """When the operation under way is reached."""
    strides: frozenset[str] = frozenset()
    """Strides without a number. They stand in addresses alone: how they compare with sizes is not known."""
    replaced: frozenset[str] = frozenset()
    """Program ids that have no value in the loop under way, whose variable is the number of a tile."""

    @contextmanager
    def on(self, condition: Predicate) -> Iterator[None]:
        """Operations inside are reached only where the condition holds."""
        saved = self.path
        self.path = conjunction(saved, condition)
        try:
            yield
        finally:
            self.path = saved

    @contextmanager
    def without(self, names: frozenset[str]) -> Iterator[None]:
        """These variables have no value inside."""
        saved = self.replaced
        self.replaced = saved | names
        try:
            yield
        finally:
            self.replaced = saved

    def ranges(self, shape: Shape = ()) -> Axes:
        lanes = {axis_variable(a): bounds(0, size) for a, size in enumerate(shape)}
        return {**self.sizes, **outer_ranges(), **self.untold, **lanes}

    def indices(self, shape: Shape, *about: Predicate) -> IndexSet:
        """All lanes of all programs, with every variable that has to do with those of the predicates."""
        ranges = self.ranges(shape)
        names = set().union(*(variables(p) for p in about), (axis_variable(a) for a in range(len(shape))))
        kept: Axes = {}
        facts: list[Predicate] = []
        read: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in kept or name in read:
                continue
            if data.is_token(name):
                # What is declared of an element holds inside of its tensor: where it is read must be known, and
                # what the facts speak of.
                datum = data.datum(name)
                read.add(name)
                waiting += datum.variables
                for declared in (datum.bounds(), *datum.relations([datum])):
                    waiting += [v for v in variables(declared) if v in ranges] if declared is not None else []
                continue
            if name in self.replaced:
                raise TraceError("a program id beside the number of the tile that the program has taken")
            if name not in ranges:
                # Without its range it would be any number, and what is found of it none of the kernel's.
                raise Unreadable("a part of a program id that is taken apart in another way elsewhere")
            kept[name] = ranges[name]
            waiting += [*ranges[name][0].variables, *ranges[name][1].variables]
            for fact in self.facts:
                # What is said of the tiles of a loop says nothing outside of it.
                if fact not in facts and name in (own := variables(fact)) and own <= ranges.keys():
                    facts.append(fact)
                    waiting += own
        found = IndexSet.box(kept) if kept else UNIVERSE
        return found & IndexSet.where(conjunction(*facts)) if facts else found

    def where(self, predicate: Predicate, shape: Shape, *also: Predicate) -> IndexSet:
        """The lanes and programs, on the present path, at which it holds."""
        own = conjunction(self.path, predicate, *also)
        return self.indices(shape, own) & IndexSet.where(own)

    def never(self, predicate: Predicate, shape: Shape, *also: Predicate) -> bool:
        """Whether it holds in no lane of any program on the present path."""
        own = conjunction(self.path, predicate, *also)
        around, there = self.indices(shape, own), IndexSet.where(own)
        if around.tokens or there.tokens:
            return (around & there).is_empty
        return around.is_disjoint(there)

    def widths(self, value: Affine) -> Predicate:
        """What the element types of integer inputs say of the elements that it names."""
        found: list[Predicate] = []
        for element in elements_of(value.variables):
            if (bits := self.bits.get(element.tensor)) is not None:
                found.append(in_range(Affine.variable(element.token), -(2 ** (bits - 1)), 2 ** (bits - 1)))
        return conjunction(*found)

    def decide(self, predicate: Predicate, shape: Shape, *given: Predicate) -> bool | None:
        """Whether it holds in all lanes of all programs on the present path (True), in none (False), or in some."""
        if predicate == ALWAYS:
            return True
        if self.never(negate(predicate), shape, *given):
            return True
        return False if self.never(predicate, shape, *given) else None

    def simplify(self, predicate: Predicate, shape: Shape) -> Predicate:
        decided = self.decide(predicate, shape)
        if decided is None:
            self.require_no_stride(variables(predicate), "compared with something else")
            return predicate
        return ALWAYS if decided else negate(ALWAYS)

    def require_no_stride(self, names: frozenset[str], what: str) -> None:
        """Raises ``Unreadable`` for what depends on a stride otherwise than an address does."""
        if found := sorted(names & self.strides):
            name = found[0].removeprefix("#")
            raise Unreadable(f"the stride {name} has no number and is {what}: give it one (strides=), or use a size")


def numeric(ranges: Mapping[str, tuple[Affine, Affine]]) -> Axes:
    """The ranges with numbers as ends, as wide as they can be; variables without such ends are left out."""
    found: Axes = {}
    waiting = dict(ranges)
    while waiting:
        known = len(found)
        for name, (low, high) in list(waiting.items()):
            least, greatest = low.extremes(found), (high - 1).extremes(found)
            if least is not None and greatest is not None:
                found[name] = bounds(least[0], max(greatest[1], least[0]) + 1)
                del waiting[name]
        if len(found) == known:
            break
    return found
