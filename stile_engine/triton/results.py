"""From the stores of all programs to the contents of each output: which program, lane and round writes an element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stile_engine.array.arrays import Unreadable
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    ALWAYS,
    Predicate,
    compare,
    conjunction,
    disjunction,
    substitute,
    variables,
)
from stile_engine.index.sets import IndexSet
from stile_engine.proof.data_points import member_with_data
from stile_engine.proof.instances import Sizes
from stile_engine.proof.verdict import Status, Witness
from stile_engine.term.elements import elements_of
from stile_engine.term.expression import Axes, Node, NoValue, Read, Unmodelled, add, bounds, reduce, select
from stile_engine.term.facts import Offsets, Permutation, Unique
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import PlainArray, TraceError, axis_variable
from stile_engine.trace.recording import Check
from stile_engine.triton.context import numeric
from stile_engine.triton.grid import TILE
from stile_engine.triton.memory import Access, Memory, Traffic
from stile_engine.triton.values import UNTOLD
from stile_engine.triton.watch import readable, sizes_text
from stile_engine.triton.writers import (
    MOST_ROUNDS,
    chosen_by_data,
    conditions,
    freed,
    is_chosen_by_data,
    shared_rounds,
    unknowns,
    written_by,
)

NEVER_WRITTEN = "never written"

_NO_BARRIER = "without a barrier between them (tl.debug_barrier())"


def outputs(
    memories: Sequence[Memory], traffic: Traffic, programs: Axes, sizes: Sizes
) -> tuple[list[PlainArray], list[Check]]:
    """The contents of the outputs after the launch, and what is owed between programs."""
    results: list[PlainArray] = []
    checks: list[Check] = []
    for memory in memories:
        if not memory.written:
            continue
        races = Races(memory, traffic, programs, sizes).checks()
        checks += races
        if any(c.status is not Status.PROVED for c in races):
            unordered = Unmodelled(f"what programs without an order leave in {memory.name}", races[0].site)
            results.append(PlainArray(memory.shape, unordered, races[0].site, memory.name))
            continue
        results.append(_contents(memory, traffic, programs))
    return results, checks


def refuse_untold(traffic: Traffic, taken_apart: frozenset[str]) -> None:
    """Raise for an access whose place, or whose mask, rests on what is known by its range alone."""
    for access in traffic.accesses:
        names = set(variables(access.where)).union(*(i.variables for i in access.index))
        store = access.kind == "store" or access.memory.written
        for name in names:
            if name in taken_apart or (store and name.startswith(UNTOLD)):
                raise TraceError(f"an access of {access.memory.name} at a remainder that is not known", access.site)


def _contents(memory: Memory, traffic: Traffic, programs: Axes) -> PlainArray:
    stores = traffic.stores(memory)
    shape = memory.shape
    ranges = {axis_variable(a): bounds(0, n) for a, n in enumerate(shape)}
    initial: Node = NoValue(NEVER_WRITTEN)
    if memory.tensor is not None:
        initial = Read(memory.tensor, tuple(Affine.variable(v) for v in ranges), ranges)
    node = initial
    for access in traffic.sums(memory):
        node = add(node, _added(access, programs))
    for access in stores:
        try:
            written = written_by(access, programs)
        except Unreadable:
            if not is_chosen_by_data(access):
                raise
            # Data choose who writes. Each element has one writer at most, as was found of the races.
            node = chosen_by_data(access, programs, node)
            continue
        node = select(written.where, written.node, node, ranges) if written.where != ALWAYS else written.node
    last = [*stores, *traffic.sums(memory)]
    site = last[-1].site if last else memory.site
    return PlainArray(shape, node, site, memory.name)


def _added(access: Access, programs: Axes) -> Node:
    """What a sum in memory adds to each element: over all programs, rounds and lanes that come to it."""
    names = unknowns(access, programs)
    fresh = {v: Affine.variable(f"added.{v.replace('$', 'lane.')}") for v in names}
    bound = {fresh[v].render(): (low.substitute(fresh), high.substitute(fresh)) for v, (low, high) in names.items()}
    # A bound variable's range may not name another one: what a range says of them stands in the predicate.
    known = numeric({**access.variables, **bound})
    wide = {
        v: r if not (r[0].variables | r[1].variables) & bound.keys() else known.get(v, bounds(0, MOST_ROUNDS))
        for v, r in bound.items()
    }
    outside = {axis_variable(a): bounds(0, n) for a, n in enumerate(access.memory.shape)}
    here = [
        compare(index.substitute(fresh), "==", Affine.variable(axis_variable(a)))
        for a, index in enumerate(access.index)
    ]
    predicate = conjunction(*here, substitute(conditions(access, programs), fresh))
    assert access.value is not None
    body = reindex_node(freed(access.value, access), fresh, wide)
    return reduce("sum", wide, body, predicate, outside)


# -- races -----------------------------------------------------------------------------------


@dataclass
class Races:
    """Whether an element that one program writes is written, or read, by another."""

    memory: Memory
    traffic: Traffic
    programs: Axes
    sizes: Sizes

    def checks(self) -> list[Check]:
        stores, loads = self.traffic.stores(self.memory), self.traffic.loads(self.memory)
        sums = self.traffic.sums(self.memory)
        found: list[Check] = []
        if sums and (stores or loads):
            # A sum has no order with other accesses, nor do the programs.
            site = (stores or loads)[0].site
            raise TraceError(f"an atomic sum in {self.memory.name} beside other accesses of it", site)
        if sums:
            return [Check("race", Status.PROVED, sums[-1].site)]
        for number, one in enumerate(stores):
            for other in [*stores[number:], *loads]:
                check = self._between(one, other)
                if check is not None:
                    found.append(check)
        if found:
            return found[:1]
        if stores:
            return [Check("race", Status.PROVED, stores[-1].site)]
        return []

    def _between(self, one: Access, other: Access) -> Check | None:
        """Two accesses of one element, of which the first writes."""
        if one is other and self._writes_once(one):
            return None
        left, right = self._side(one, "a"), self._side(other, "b")
        same = conjunction(
            *(compare(p, "==", q) for p, q in zip(left.index, right.index, strict=True)), left.where, right.where
        )
        sizes = IndexSet.box({s: bounds(low, high + 1) for s, (low, high) in self.sizes.ranges.items()})
        together = IndexSet.where(same) & sizes
        programs = [v for v in self.programs if v in left.names]
        if programs != [v for v in self.programs if v in right.names]:
            if together.is_empty:
                return None
            raise TraceError(f"{self.memory.name} inside and outside of a loop over tiles", one.site)
        apart = disjunction(*(compare(left.names[v], "!=", right.names[v]) for v in programs))
        racing = together & IndexSet.where(apart)
        if not racing.is_empty:
            if any(v.startswith(TILE) for v in programs):
                # One program may have both tiles, one after the other.
                raise TraceError(f"two tiles that touch one element of {self.memory.name}", one.site)
            return self._race(one, other, racing, left.names, right.names)
        if one is other:
            return self._several(one, together, left, right)
        if other.kind == "load":
            return self._read_back(one, other, together, left, right)
        return self._overwritten(one, other, together, left, right)

    def _writes_once(self, access: Access) -> bool:
        try:
            written_by(access, self.programs)
        except Unreadable:
            return False
        return True

    def _side(self, access: Access, mark: str) -> _Side:
        names = {v: Affine.variable(f"{mark}.{v}") for v in unknowns(access, self.programs)}
        where = substitute(conditions(access, self.programs), names)
        return _Side(names, tuple(i.substitute(names) for i in access.index), where)

    def _race(
        self, one: Access, other: Access, where: IndexSet, left: Mapping[str, Affine], right: Mapping[str, Affine]
    ) -> Check:
        verb = "write" if other.kind == "store" else "read and write"
        if where.tokens:
            return self._race_by_data(one, verb, where, left, right)
        point = self._smallest(where)
        if point is None:
            detail = f"two programs may {verb} the same element of {self.memory.name}"
            return Check("race", Status.UNKNOWN, one.site, detail)
        first = {v: point.get(left[v].render(), 0) for v in self.programs if v in left}
        second = {v: point.get(right[v].render(), 0) for v in self.programs if v in right}
        who = " and ".join(
            "(" + ", ".join(f"{readable(v)}={n}" for v, n in side.items()) + ")" for side in (first, second)
        )
        values = {left[v].render(): point.get(left[v].render(), 0) for v in left}
        index = {
            d: i.evaluate({**{v: point.get(v, 0) for v in i.variables}, **values})
            for d, i in zip(
                (f"axis {a}" for a in range(len(one.index))), (i.substitute(left) for i in one.index), strict=True
            )
        }
        place = ", ".join(str(n) for n in index.values())
        smallest = {s: point.get(s, low) for s, (low, _) in self.sizes.ranges.items()}
        shown = self.sizes.shown(smallest) if self.sizes else {}
        detail = f"the programs {who} {verb} the same element {self.memory.name}[{place}]{sizes_text(shown)}"
        witness = Witness(sizes=shown, output=self.memory.name, index=index)
        return Check("race", Status.REFUTED, one.site, detail, witness)

    def _race_by_data(
        self, one: Access, verb: str, where: IndexSet, left: Mapping[str, Affine], right: Mapping[str, Affine]
    ) -> Check:
        """Two programs that data send to one element, if data may be such."""
        read = dict.fromkeys(e.tensor for i in one.index for e in elements_of(i.variables))
        repeating = [t.name for t in read if not any(isinstance(f, Unique | Permutation | Offsets) for f in t.facts)]
        hint = "" if not repeating else f": declare it with assume='{repeating[0]} unique' where nothing repeats"
        found = member_with_data(where, self.sizes)
        if found is None:
            detail = f"two programs may {verb} the same element of {self.memory.name}{hint}"
            return Check("race", Status.UNKNOWN, one.site, detail)
        sides = [
            {v: found.indices.get(side[v].render(), 0) for v in self.programs if v in side} for side in (left, right)
        ]
        who = " and ".join("(" + ", ".join(f"{readable(v)}={n}" for v, n in side.items()) + ")" for side in sides)
        shown = self.sizes.shown(found.sizes) if self.sizes else {}
        element = f"{verb} the same element of {self.memory.name}{sizes_text(shown)}, where {found}"
        witness = Witness(sizes=shown, output=self.memory.name)
        return Check("race", Status.REFUTED, one.site, f"the programs {who} {element}{hint}", witness)

    def _smallest(self, where: IndexSet) -> dict[str, int] | None:
        if self.sizes:
            for number, instance in enumerate(self.sizes.increasing()):
                if number > 200:
                    break
                at = {s: Affine((), n) for s, n in instance.items()}
                here = where.substitute(at)
                if not here.is_empty:
                    point = here.sample()
                    return None if point is None else {**instance, **point}
        return where.sample()

    def _several(self, one: Access, together: IndexSet, left: _Side, right: _Side) -> Check | None:
        """The same program writes an element more than once with one store."""
        apart = disjunction(*(compare(left.names[v], "!=", right.names[v]) for v in left.names))
        if (together & IndexSet.where(apart)).is_empty:
            if is_chosen_by_data(one):
                return None
            raise TraceError(f"which program writes an element of {self.memory.name} is not seen", one.site)
        raise TraceError(f"a store that writes elements of {self.memory.name} in several rounds or lanes", one.site)

    def _read_back(self, one: Access, other: Access, together: IndexSet, left: _Side, right: _Side) -> Check | None:
        """A program reads what it writes itself: the contents before the launch, if it reads first, and what was
        told when the load was read, if it wrote first, in the same rounds of the loops around both."""
        if one in other.after:
            if not self._apart_in_time(one, other, together, left, right):
                raise TraceError(
                    f"a load of what other lanes of the program have stored to {self.memory.name}, {_NO_BARRIER}",
                    other.site,
                )
            common = shared_rounds(one, other.rounds)
            apart = disjunction(*(compare(left.names[v], "!=", right.names[v]) for v in common))
            together = together & IndexSet.where(apart)
        if together.is_empty:
            return None
        if not self._before(other, one, together, right, left):
            what = f"a load that may read what the program has itself stored to {self.memory.name}"
            raise TraceError(what, other.site)
        if not self._apart_in_time(other, one, together, right, left):
            raise TraceError(
                f"a store over what other lanes of the program have loaded from {self.memory.name}, {_NO_BARRIER}",
                one.site,
            )
        return None

    def _overwritten(self, one: Access, other: Access, together: IndexSet, left: _Side, right: _Side) -> Check | None:
        """Two stores of one program to one element: the later one counts, where it is later always."""
        if together.is_empty:
            return None
        if not self._before(one, other, together, left, right):
            raise TraceError(f"two stores to the same elements of {self.memory.name} in a loop", other.site)
        if not self._apart_in_time(one, other, together, left, right):
            raise TraceError(
                f"a store over what other lanes of the program have stored to {self.memory.name}, {_NO_BARRIER}",
                other.site,
            )
        return None

    def _apart_in_time(self, first: Access, second: Access, together: IndexSet, left: _Side, right: _Side) -> bool:
        """Whether each lane comes to what it has come to before itself, or all of them have waited for one another
        between: the lanes of a program run at the same time as well."""
        lanes = [axis_variable(a) for a in range(len(first.shape))]
        if first.shape == second.shape:
            same = conjunction(*(compare(left.names[v], "==", right.names[v]) for v in lanes))
            if together.issubset(IndexSet.where(same)):
                return True
        return any(
            first.order < order < second.order
            and any(together.issubset(IndexSet.where(substitute(path, side.names))) for side in (left, right))
            for order, path in self.traffic.barriers
        )

    def _before(self, first: Access, second: Access, together: IndexSet, left: _Side, right: _Side) -> bool:
        """Whether of every pair on one element the first is executed first."""
        common = shared_rounds(first, second.rounds)
        earlier: list[Predicate] = []
        same: list[Predicate] = []
        for name in common:
            earlier.append(conjunction(*same, compare(left.names[name], "<", right.names[name])))
            same.append(compare(left.names[name], "==", right.names[name]))
        if first.order < second.order:
            earlier.append(conjunction(*same))
        return together.issubset(IndexSet.where(disjunction(*earlier)))


@dataclass(frozen=True, slots=True)
class _Side:
    names: Mapping[str, Affine]
    index: tuple[Affine, ...]
    where: Predicate
