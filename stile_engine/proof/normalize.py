"""Expressions as written, turned into guarded canonical terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from stile_engine.index import data
from stile_engine.index.affine import Affine, settled, surely_in_range
from stile_engine.index.predicate import Always, Predicate, compare, conjunction, disjunction, in_range
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.index.work import spend
from stile_engine.proof import induction, pointwise
from stile_engine.proof.pointwise import Scope
from stile_engine.proof.truth import EVERYWHERE, Truth, restricted, truth_of, where_valid
from stile_engine.term import binding
from stile_engine.term import expression as written
from stile_engine.term.atoms import ONE, ZERO, Poly, constant, constant_atom, of_atom, ratio, read_atom
from stile_engine.term.divisions import settle
from stile_engine.term.elements import defined
from stile_engine.term.expression import Node, Recurrence, children
from stile_engine.term.extrema import Family, greatest, least
from stile_engine.term.functions import exponential
from stile_engine.term.guarded import (
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    Condition,
    Element,
    Guarded,
    Infinite,
    Missing,
    Piece,
    Unmodelled,
    everywhere,
    gather,
    merge_conditions,
)
from stile_engine.term.ring import add, indicator_of, multiply, of_affine, substitute, subtract, total_of
from stile_engine.term.sums import product_over, sum_over

_solutions: WeakKeyDictionary[Recurrence, induction.State] = WeakKeyDictionary()

_MOST_PIECES_OF_DATA = 3
"""Beyond so many pieces whose guards depend on data, the finite ones are added up."""


class Normalizer:
    """Normal forms of nodes, each computed once. Works off a stack: chains may be very long."""

    def __init__(self, zeros: frozenset[Poly] = frozenset(), unrolled: bool = False) -> None:
        """``zeros``: terms that are zero where a logarithm is taken of them. ``unrolled``: loops are
        written out round by round and not solved."""
        self._zeros = zeros
        self._unrolled = unrolled
        self._outside: Normalizer | None = None
        """Where expressions that do not name ``_round`` are normalised; None: here as well."""
        self._round = ""
        self._states: dict[int, induction.State] = {}
        self._recurrences: list[Recurrence] = []
        self._done: dict[Node, Guarded] = {}
        self._stateless: dict[Node, Guarded] = {}
        """Normal forms that rest on no state of a loop; bodies of one loop share them, whatever its state."""
        self._bodies: WeakKeyDictionary[Recurrence, dict[Node, Guarded]] = WeakKeyDictionary()

    def _inside(
        self, recurrence: Recurrence, state: induction.State, apart: bool, known: Mapping[Node, Guarded]
    ) -> Normalizer:
        """Normal forms in the body of a loop whose state is given, and the ``known`` values of some expressions."""
        inner = Normalizer(self._zeros, self._unrolled)
        inner._done.update(known)
        inner._states = {**self._states, id(recurrence): state}
        inner._recurrences = [*self._recurrences, recurrence]
        if apart:
            inner._outside, inner._round = self, recurrence.variable
            inner._stateless = self._bodies.setdefault(recurrence, {})
        return inner

    @property
    def has_loops(self) -> bool:
        """Whether anything that was normalised came out of a loop."""
        return bool(self._recurrences)

    def __call__(self, node: Node) -> Guarded:
        stack: list[tuple[Node, bool]] = [(node, False)]
        while stack:
            current, ready = stack.pop()
            if current in self._done:
                continue
            if (found := self._stateless.get(current)) is not None:
                self._done[current] = found
                continue
            if not ready and self._outside is not None and self._round not in current.axes:
                self._done[current] = self._stateless[current] = self._outside(current)
                continue
            if not ready:
                stack.append((current, True))
                if not isinstance(current, written.Carried):
                    stack.extend([(child, False) for child in children(current) if child not in self._done])
                continue
            spend()
            self._done[current] = self._build(current)
            if not isinstance(current, written.Carried) and all(c in self._stateless for c in children(current)):
                self._stateless[current] = self._done[current]
        return self._done[node]

    def _build(self, node: Node) -> Guarded:
        build = _BUILD.get(type(node))
        if build is None:
            raise TypeError(f"unknown expression {type(node).__name__}")
        return build(self, node)

    def _const(self, node: written.Const) -> Guarded:
        return everywhere(constant(ratio(node.value)))

    def _constant(self, node: written.Constant) -> Guarded:
        return everywhere(exponential(ONE) if node.name == "e" else of_atom(constant_atom(node.name)))

    def _infinity(self, node: written.Infinity) -> Guarded:
        return everywhere(POSITIVE_INFINITY if node.sign > 0 else NEGATIVE_INFINITY)

    def _no_value(self, node: written.NoValue) -> Guarded:
        return everywhere(Missing(node.reason))

    def _unmodelled(self, node: written.Unmodelled) -> Guarded:
        return everywhere(Unmodelled(node.reason, node.location))

    def _apply(self, node: written.Apply) -> Guarded:
        operands = node.operands
        if len(operands) == 1:
            return self._unary(node, node.function, self._done[operands[0]])
        return self._binary(node, node.function, *(self._done[o] for o in operands))

    def _power(self, node: written.Power) -> Guarded:
        inner = self._done[node.base]
        scope = Scope(node.axes)
        pieces = [case for p in inner.pieces for case in pointwise.whole_power(p.value, node.exponent, p.guard, scope)]
        return _finish(pieces, scope, inner.conditions)

    def _read(self, node: written.Read) -> Guarded:
        if node.tensor.may_be_infinite:
            return everywhere(Unmodelled(f"{node.tensor.name} may hold infinities", supported=True))
        value = of_atom(read_atom(node.tensor, tuple(settled(i, node.axes) for i in node.index)))
        needs = [
            (index, conjunction(in_range(index, 0, size), defined(index)))
            for index, size in zip(node.index, node.tensor.shape, strict=True)
            if not surely_in_range(index, Affine(), size, node.axes)
        ]
        if not needs:
            return everywhere(value)
        box = IndexSet.box(node.axes)
        return where_valid(value, needs, box, f"{node.tensor.name} is read out of bounds")

    def _index_number(self, node: written.IndexNumber) -> Guarded:
        value = of_affine(node.index)
        need = defined(node.index)
        if isinstance(need, Always):
            return everywhere(value)
        return where_valid(value, [(node.index, need)], IndexSet.box(node.axes), "an index is read out of bounds")

    def _unary(self, node: Node, function: str, inner: Guarded) -> Guarded:
        scope = Scope(node.axes, zeros=self._zeros)
        pieces = [c for p in inner.pieces for c in pointwise.unary(function, p.value, p.guard, scope)]
        return _finish(pieces, scope, inner.conditions)

    def _binary(self, node: Node, function: str, left: Guarded, right: Guarded) -> Guarded:
        scope = Scope(node.axes)
        pieces: list[tuple[IndexSet, Element]] = []
        single = len(left.pieces) == 1 or len(right.pieces) == 1
        for p in left.pieces:
            for q in right.pieces:
                guard = p.guard & q.guard
                if guard is EMPTY or (not single and (guard & scope.box) is EMPTY):
                    continue
                pieces.extend(pointwise.binary(function, p.value, q.value, guard, scope))
        return _finish(pieces, scope, left.conditions + right.conditions)

    def _select(self, node: written.Select) -> Guarded:
        chosen, other = self._done[node.chosen], self._done[node.other]
        box = IndexSet.box(node.axes)
        truth = self._truth(node.predicate, box)
        inside = truth.holds
        if not truth.failures and not truth.conditions:
            if box.issubset(inside):
                return chosen
            if box.is_disjoint(inside):
                return other
        inside_box = box & inside
        outside = box - inside
        for failed, _ in truth.failures:
            inside_box, outside = inside_box - failed, outside - failed
        pieces = [(p.guard & inside_box, p.value) for p in chosen.pieces]
        pieces += [(p.guard & outside, p.value) for p in other.pieces]
        pieces += truth.failures
        if inside.tokens and len(pieces) > _MOST_PIECES_OF_DATA:
            pieces = _added_up(pieces, box)
        conditions = [c.within(inside_box) for c in chosen.conditions]
        conditions += [c.within(outside) for c in other.conditions]
        return Guarded(gather(pieces, box), merge_conditions([*conditions, *truth.conditions]))

    def _truth(self, predicate: Predicate, box: IndexSet) -> Truth:
        """Where the predicate holds, with the comparisons of values in it read as signs of terms."""
        return truth_of(predicate, box, lambda node: self._done[node])

    def _reduce(self, node: written.Reduce) -> Guarded:
        body = self._done[node.body]
        names = tuple(node.bound)
        domain = IndexSet.box(node.bound)
        truth = EVERYWHERE
        if not isinstance(node.predicate, Always):
            truth = self._truth(node.predicate, IndexSet.box(node.axes) & domain)
            domain = domain & truth.holds
        if domain.variables <= node.bound.keys() and len(body.pieces) == 1:
            # the same domain in every row: what the rows are does not matter
            box, whole = UNIVERSE, domain
        else:
            box = IndexSet.box(node.axes)
            whole = domain & box
        for failed, _ in truth.failures:
            whole = whole - failed
        families = [(whole & p.guard, p.value) for p in body.pieces]
        families += truth.failures
        families = [(d, v) for d, v in families if d is not EMPTY]
        rows: list[tuple[IndexSet, Element]] = []
        taken = EMPTY
        for wanted in (Unmodelled, Missing):
            for d, v in families:
                if isinstance(v, wanted):
                    at = d.project_out(names) & box
                    rows.append((at - taken, v))
                    taken = taken | at
        finite = [(d.given(box), v) for d, v in families if isinstance(v, Poly)]
        up = [d.project_out(names) for d, v in families if isinstance(v, Infinite) and v.sign > 0]
        down = [d.project_out(names) for d, v in families if isinstance(v, Infinite) and v.sign < 0]
        with_up = _union(up)
        with_down = _union(down)
        remaining = box - taken if taken is not EMPTY else box
        match node.reduction:
            case "sum":
                rows += self._sum_rows(names, finite, with_up, with_down, remaining)
            case "max" | "min":
                rows += self._extreme_rows(node.reduction, names, finite, with_up, with_down, remaining, box)
            case "prod":
                if up or down:
                    infinite = (with_up | with_down) & remaining
                    rows.append((infinite, Unmodelled("a product over infinities", supported=True)))
                    remaining = remaining - infinite
                product: Poly = ONE
                for d, v in finite:
                    product = multiply(product, product_over(names, d, v, 1))
                rows.append((remaining, product))
        conditions = [_bind(c, names, whole) for c in body.conditions]
        conditions += [_bind(c, names, UNIVERSE) for c in truth.conditions]
        return Guarded(gather(rows, box), merge_conditions(conditions))

    def _scatter(self, node: written.Scatter) -> Guarded:
        body, base = self._done[node.body], self._done[node.base]
        names = tuple(node.bound)
        box = IndexSet.box(node.axes)
        truth = self._truth(node.predicate, box & IndexSet.box(node.bound))
        hit = box & IndexSet.box(node.bound) & truth.holds
        for failed, _ in truth.failures:
            hit = hit - failed
        rows = hit.project_out(names)
        pieces: list[tuple[IndexSet, Element]] = []
        repeated = _repeats(hit, names)
        conditions = [_bind(c, names, hit) for c in body.conditions]
        conditions += [c.within(box - rows) for c in base.conditions]
        conditions += [_bind(c, names, UNIVERSE) for c in truth.conditions]
        taken = EMPTY
        if isinstance(repeated, Condition):
            conditions.append(repeated)
        elif repeated is not EMPTY:
            pieces.append((repeated, Missing("several values are written to one place")))
            taken = repeated
        for failed, value in truth.failures:
            at = failed.project_out(names) & box
            pieces.append((at - taken, value))
            taken = taken | at
        # what hits is added up: it is one value at most
        total = ZERO
        for p in body.pieces:
            if isinstance(p.value, Poly):
                total = add(total, sum_over(names, (hit & p.guard).given(box), p.value))
                continue
            at = (hit & p.guard).project_out(names) - taken
            pieces.append((at, p.value))
            taken = taken | at
        missed = subtract(ONE, sum_over(names, hit.given(box), ONE))
        for q in base.pieces:
            guard = (box & q.guard) - taken
            if isinstance(q.value, Poly):
                pieces.append((guard, add(total, multiply(missed, q.value))))
            else:
                pieces += [(guard & rows, total), (guard - rows, q.value)]
        return Guarded(gather(pieces, box), merge_conditions(conditions))

    def _sum_rows(
        self,
        names: tuple[str, ...],
        finite: list[tuple[IndexSet, Poly]],
        with_up: IndexSet,
        with_down: IndexSet,
        remaining: IndexSet,
    ) -> list[tuple[IndexSet, Element]]:
        rows: list[tuple[IndexSet, Element]] = []
        if with_up is not EMPTY or with_down is not EMPTY:
            both = with_up & with_down
            rows.append((both & remaining, Missing("∞ - ∞")))
            rows.append(((with_up - both) & remaining, POSITIVE_INFINITY))
            rows.append(((with_down - both) & remaining, NEGATIVE_INFINITY))
            remaining = remaining - (with_up | with_down)
        groups = _by_rows(names, finite) if len(finite) > 1 else []
        if len(groups) < 2:
            rows.append((remaining, total_of([sum_over(names, d, v) for d, v in finite])))
            return rows
        for at, members in groups:
            here = remaining & at
            rows.append((here, total_of([sum_over(names, d.given(here), v) for d, v in members])))
            remaining = remaining - at
        rows.append((remaining, ZERO))
        return rows

    def _extreme_rows(
        self,
        reduction: str,
        names: tuple[str, ...],
        finite: list[tuple[IndexSet, Poly]],
        with_up: IndexSet,
        with_down: IndexSet,
        remaining: IndexSet,
        box: IndexSet,
    ) -> list[tuple[IndexSet, Element]]:
        """The greatest of nothing is -inf, and -inf never wins against a number (min: dually)."""
        rows: list[tuple[IndexSet, Element]] = []
        winning, losing = (with_up, NEGATIVE_INFINITY) if reduction == "max" else (with_down, POSITIVE_INFINITY)
        if winning is not EMPTY:
            rows.append((winning & remaining, Infinite(-losing.sign)))
            remaining = remaining - winning
        if finite:
            some = _union([(d & box).project_out(names) for d, _ in finite])
            inside = remaining & some
            if inside is not EMPTY:
                families = [Family(names, d, v) for d, v in finite]
                value = greatest(families) if reduction == "max" else least(families)
                rows.append((inside, value))
            remaining = remaining - some
        rows.append((remaining, losing))
        return rows

    def _carried(self, node: written.Carried) -> Guarded:
        recurrence = node.recurrence
        state = self._states.get(id(recurrence))
        if state is None:
            state = self._solved(recurrence)
            self._states[id(recurrence)] = state
            self._recurrences.append(recurrence)
        axes = recurrence.axes[node.number]
        mapping = dict(zip(axes, node.index, strict=True))
        value = state(node.number, node.round, mapping)
        inside = IndexSet.where(in_range(node.round, 0, recurrence.rounds + 1))
        return restricted(value, mapping, axes, node.axes, inside)

    def _solved(self, recurrence: Recurrence) -> induction.State:
        if self._zeros or self._states or self._unrolled:
            return induction.solve(recurrence, self, self._inside, self._unrolled)
        # by itself a loop has one state, whoever asks for it
        state = _solutions.get(recurrence)
        if state is None:
            state = _solutions[recurrence] = induction.solve(recurrence, self, self._inside)
        return state

    def _reindex(self, node: written.Reindex) -> Guarded:
        value = induction.moved(self._done[node.body], node.mapping)
        found = restricted(value, node.mapping, node.body.axes, node.axes)
        pieces = [(p.guard, settle(p.value, node.axes) if isinstance(p.value, Poly) else p.value) for p in found.pieces]
        if all(new is old.value for (_, new), old in zip(pieces, found.pieces, strict=True)):
            return found
        return Guarded(tuple(Piece(guard, value) for guard, value in pieces), found.conditions)

    def _restrict(self, node: written.Restrict) -> Guarded:
        body = self._done[node.body]
        if len(body.pieces) == 1 and not body.conditions:
            return body
        box = IndexSet.box(node.axes)
        pieces = [(p.guard & box if len(body.pieces) > 1 else p.guard, p.value) for p in body.pieces]
        return Guarded(gather(pieces, box), merge_conditions(c.within(box) for c in body.conditions))


def _finish(pieces: list[tuple[IndexSet, Element]], scope: Scope, conditions: tuple[Condition, ...]) -> Guarded:
    found = (Piece(UNIVERSE, pieces[0][1]),) if len(pieces) == 1 else gather(pieces, scope.box)
    own = (*conditions, *scope.conditions)
    return Guarded(found, merge_conditions(own) if len(own) > 1 else own)


def _bind(condition: Condition, names: tuple[str, ...], domain: IndexSet) -> Condition:
    """The condition for all values of the reduced variables, under names of their own."""
    renaming = binding.rename_apart(names)
    new = tuple(e.render() for e in renaming.values())
    return replace(
        condition,
        bound=condition.bound + new,
        domain=(condition.domain & domain).substitute(renaming),
        body=substitute(condition.body, renaming),
    )


def _by_rows(
    names: tuple[str, ...], families: list[tuple[IndexSet, Poly]]
) -> list[tuple[IndexSet, list[tuple[IndexSet, Poly]]]]:
    """The families by the rows that they occur in, where these are disjoint: a row then has a shorter sum."""
    groups: list[tuple[IndexSet, list[tuple[IndexSet, Poly]]]] = []
    for domain, value in families:
        if value.is_zero:
            continue
        at, members = domain.project_out(names), [(domain, value)]
        apart: list[tuple[IndexSet, list[tuple[IndexSet, Poly]]]] = []
        for other, theirs in groups:
            if at.is_disjoint(other):
                apart.append((other, theirs))
            else:
                at, members = at | other, theirs + members
        groups = [*apart, (at, members)]
    return groups


def _added_up(pieces: list[tuple[IndexSet, Element]], box: IndexSet) -> list[tuple[IndexSet, Element]]:
    """The finite pieces as one: sum of [P] f over all of them. A loop that writes where data say would
    otherwise double the number of pieces each time."""
    finite = [(guard, value) for guard, value in pieces if isinstance(value, Poly) and guard is not EMPTY]
    rest = [(guard, value) for guard, value in pieces if not isinstance(value, Poly)]
    if len(finite) < 2:
        return pieces
    # f elsewhere: the sum is f + sum of [P] (g - f), without the guard that takes the most cases to say
    _, elsewhere = max(finite, key=lambda piece: piece[0].case_count)
    total = total_of([elsewhere, *(multiply(indicator_of(g.given(box)), subtract(v, elsewhere)) for g, v in finite)])
    return [(_union([guard for guard, _ in finite]), total), *rest]


def _repeats(hit: IndexSet, names: tuple[str, ...]) -> IndexSet | Condition:
    """Where two values go to one place: a set, or a condition on the data that says that they do not."""
    renaming = binding.rename_apart(names)
    other = hit.substitute(renaming)
    new = tuple(e.render() for e in renaming.values())
    # one of the two comes first in some order
    earlier: list[Predicate] = []
    for i, name in enumerate(names):
        same = [compare(Affine.variable(n), "==", renaming[n]) for n in names[:i]]
        earlier.append(conjunction(*same, compare(Affine.variable(name), "<", renaming[name])))
    twice = hit & other & IndexSet.where(disjunction(*earlier))
    if twice is EMPTY:
        return EMPTY
    own = [t for t in twice.tokens if not data.datum(t).variables.isdisjoint({*names, *new})]
    if not own:
        return twice.project_out([*names, *new])
    again = binding.rename_apart(names)
    mapping = {**again}
    bound = (*(e.render() for e in again.values()), *new)
    label = sum((Affine.variable(t) for t in own), Affine())
    return Condition("unique", bound, twice.substitute(mapping), of_affine(label.substitute(mapping)))


def _union(sets: list[IndexSet]) -> IndexSet:
    total = EMPTY
    for one in sets:
        total = total | one
    return total


_BUILD: dict[type[Node], Callable[[Normalizer, Any], Guarded]] = {
    written.Apply: Normalizer._apply,
    written.Const: Normalizer._const,
    written.Read: Normalizer._read,
    written.Reduce: Normalizer._reduce,
    written.Restrict: Normalizer._restrict,
    written.Reindex: Normalizer._reindex,
    written.Select: Normalizer._select,
    written.Power: Normalizer._power,
    written.Scatter: Normalizer._scatter,
    written.Carried: Normalizer._carried,
    written.Constant: Normalizer._constant,
    written.Infinity: Normalizer._infinity,
    written.IndexNumber: Normalizer._index_number,
    written.NoValue: Normalizer._no_value,
    written.Unmodelled: Normalizer._unmodelled,
}
