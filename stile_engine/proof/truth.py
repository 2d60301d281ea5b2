"""Predicates over data, and indices that data give: where they hold and where they have a value.

An index that data give may leave its range for some inputs. That is a condition on the inputs, like
a divisor that may be zero: it stands beside the value (kind ``inside``), and is compared between
kernel and spec. Where no data are involved the indices at fault are known, and have no value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stile_engine.index import data
from stile_engine.index.affine import Affine, surely_in_range
from stile_engine.index.predicate import And, Predicate, compare, conjunction, in_range, negate
from stile_engine.index.predicate import substitute as substitute_predicate
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet
from stile_engine.proof import induction
from stile_engine.proof.pointwise import by_emptiness
from stile_engine.term.atoms import Poly
from stile_engine.term.comparison import Difference, differences
from stile_engine.term.elements import defined, elements_of
from stile_engine.term.expression import Axes, Node
from stile_engine.term.guarded import (
    Condition,
    Element,
    Guarded,
    Infinite,
    Missing,
    Unmodelled,
    everywhere,
    gather,
    merge_conditions,
)
from stile_engine.term.order import sign_of
from stile_engine.term.ring import of_affine, subtract
from stile_engine.term.signs import NEGATIVE, POSITIVE, ZERO_SIGN, as_affine, sign

_DECIDED = {NEGATIVE: -1, ZERO_SIGN: 0, POSITIVE: 1}

Needs = Sequence[tuple[Affine, Predicate]]
"""Index expressions, each with what must hold for it to have a value and lie in its range."""


@dataclass(frozen=True, slots=True)
class Truth:
    """``holds`` where the predicate holds; ``failures`` are where it has no value."""

    holds: IndexSet
    failures: tuple[tuple[IndexSet, Element], ...] = ()
    conditions: tuple[Condition, ...] = ()


EVERYWHERE = Truth(UNIVERSE)


def where_valid(value: Element, needs: Needs, box: IndexSet, reason: str) -> Guarded:
    """The value at all indices of the box at which the needs hold."""
    inside, conditions = valid(needs, box)
    box = _at_real_sizes(box, inside)
    if box.issubset(inside):
        return Guarded(everywhere(value).pieces, conditions)
    return Guarded(gather([(inside, value), (box - inside, Missing(reason))], box), conditions)


def _at_real_sizes(box: IndexSet, inside: IndexSet) -> IndexSet:
    """The box at sizes that there are: a box whose ends are numbers does not name the unknowns of a tensor's."""
    unknowns = sorted(v for v in inside.variables - box.variables if v.startswith("#"))
    if not unknowns:
        return box
    return box & IndexSet.where(conjunction(*(compare(Affine.variable(v), ">=", 1) for v in unknowns)))


def valid(needs: Needs, box: IndexSet) -> tuple[IndexSet, tuple[Condition, ...]]:
    """Where the needs without data hold, and those with data as conditions."""
    inside = UNIVERSE
    conditions: list[Condition] = []
    waiting: list[tuple[Affine, Predicate]] = []
    for index, need in needs:
        for part in need.operands if isinstance(need, And) else (need,):
            if data.tokens_of(predicate_variables(part)):
                waiting.append((index, part))
            else:
                inside = inside & IndexSet.where(part)
    for index, part in waiting:
        bad = (box & inside) - IndexSet.where(part)
        if bad is not EMPTY:
            conditions.append(Condition("inside", (), bad, of_affine(index)))
    return inside, merge_conditions(conditions) if conditions else ()


def truth_of(predicate: Predicate, box: IndexSet, value_of: Callable[[Node], Guarded]) -> Truth:
    """The predicate at the indices of the box; ``value_of`` gives the normal form of what it compares."""
    names = predicate_variables(predicate)
    if not data.tokens_of(names):
        return Truth(IndexSet.where(predicate))
    conditions: list[Condition] = []
    failures: list[tuple[IndexSet, Element]] = []
    cases: list[tuple[IndexSet, Predicate]] = [(box, predicate)]
    for difference in differences(names):
        signs, own = _signs(difference, box, value_of)
        conditions += own
        following: list[tuple[IndexSet, Predicate]] = []
        covered = EMPTY
        for guard, _ in signs:
            covered = covered | guard
        if not box.issubset(covered):
            signs = [*signs, (box - covered, Unmodelled("a comparison whose sides are not known", supported=True))]
        for region, case in cases:
            for guard, found in signs:
                part = region & guard
                if part is EMPTY:
                    continue
                if isinstance(found, Affine):
                    following.append((part, substitute_predicate(case, {difference.token: found})))
                    continue
                # without this comparison: where the predicate holds, or fails, whatever it is
                undecided, certain = _whatever(case, part, [difference.token])
                if undecided is not EMPTY:
                    failures.append((undecided, found))
                following.append((part - undecided, certain))
        cases = following
    holds = EMPTY
    for region, case in cases:
        holds = holds | (region & IndexSet.where(case))
    for element in elements_of(names):
        outside, own = valid([(element.value, conjunction(element.inside, *map(defined, element.arguments)))], box)
        conditions += own
        bad = box - outside
        if bad is not EMPTY:
            undecided, _ = _whatever(predicate, bad, [element.token])
            if undecided is not EMPTY:
                failures.append((undecided, Missing(f"{element.tensor.name} is read out of bounds")))
    disjoint: list[tuple[IndexSet, Element]] = []
    taken = EMPTY
    for region, value in failures:
        rest = region - taken
        if rest is not EMPTY:
            disjoint.append((rest, value))
            taken = taken | region
    return Truth(holds - taken if taken is not EMPTY else holds, tuple(disjoint), tuple(conditions))


def _whatever(case: Predicate, region: IndexSet, tokens: list[str]) -> tuple[IndexSet, Predicate]:
    """Where the case is not decided without these data, and a predicate that decides it elsewhere."""
    yes, no = IndexSet.where(case), IndexSet.where(negate(case))
    undecided = region & yes.project_out(tokens) & no.project_out(tokens)
    return undecided, substitute_predicate(case, {t: Affine() for t in tokens})


def _signs(
    difference: Difference, box: IndexSet, value_of: Callable[[Node], Guarded]
) -> tuple[list[tuple[IndexSet, Affine | Missing | Unmodelled]], tuple[Condition, ...]]:
    """The sign of ``left - right``, piece by piece."""
    sides = []
    conditions: list[Condition] = []
    for node in (difference.left, difference.right):
        value = value_of(node)
        mapping = {v: e for v, e in difference.mapping.items() if v in node.axes}
        moved = restricted(induction.moved(value, mapping), mapping, node.axes, {}, box=box) if mapping else value
        sides.append(moved)
        conditions += [c.within(box) for c in moved.conditions]
    found: list[tuple[IndexSet, Affine | Missing | Unmodelled]] = []
    for p in sides[0].pieces:
        for q in sides[1].pieces:
            guard = p.guard & q.guard & box
            if guard is not EMPTY:
                found += _sign_cases(p.value, q.value, guard)
    return found, tuple(conditions)


def _sign_cases(left: Element, right: Element, guard: IndexSet) -> list[tuple[IndexSet, Affine | Missing | Unmodelled]]:
    for value in (left, right):
        if isinstance(value, Missing | Unmodelled):
            return [(guard, value)]
    if isinstance(left, Infinite) or isinstance(right, Infinite):
        sides = [v.sign if isinstance(v, Infinite) else 0 for v in (left, right)]
        return [(guard, Affine((), (sides[0] > sides[1]) - (sides[0] < sides[1])))]
    assert isinstance(left, Poly) and isinstance(right, Poly)
    gap = subtract(left, right)
    index = as_affine(gap)
    if index is None:
        return _by_its_sums(gap, guard)
    # a comparison of index numbers is decided by the indices
    return [
        (guard & IndexSet.where(compare(index, operator, 0)), Affine((), number))
        for operator, number in (("<", -1), ("==", 0), (">", 1))
    ]


def _by_its_sums(gap: Poly, guard: IndexSet) -> list[tuple[IndexSet, Affine | Missing | Unmodelled]]:
    """The sign of a term, which is known where its sums run over nothing, or over something: a sum of exponentials
    is zero in the one case, and positive in the other."""
    found: list[tuple[IndexSet, Affine | Missing | Unmodelled]] = []
    for part, term in by_emptiness(gap, guard, UNIVERSE):
        mask = sign(term, None, part)
        if mask in _DECIDED:
            found.append((part, Affine((), _DECIDED[mask])))
            guard = guard - part
    if guard is not EMPTY:
        found.append((guard, sign_of(gap)))
    return found


def restricted(
    value: Guarded,
    mapping: Mapping[str, Affine],
    ranges: Axes,
    axes: Axes,
    inside: IndexSet = UNIVERSE,
    box: IndexSet | None = None,
) -> Guarded:
    """A value that was read at other indices: it has none where one of them leaves its range. ``axes``
    are those of the result, ``box`` all its indices where these are not those of the axes."""
    needs = [
        (e, conjunction(in_range(e, *ranges[name]), defined(e)))
        for name, e in mapping.items()
        if not surely_in_range(e, *ranges[name], axes)
    ]
    if not needs and inside is UNIVERSE and len(value.pieces) == 1 and not value.conditions:
        return value
    box = IndexSet.box(axes) if box is None else box
    reached, conditions = valid(needs, box)
    inside = inside & reached
    box = _at_real_sizes(box, inside)
    if box.issubset(inside):
        pieces: list[tuple[IndexSet, Element]] = [(p.guard, p.value) for p in value.pieces]
        if len(pieces) == 1 and not value.conditions and not conditions:
            return value
        own = [c.within(box) for c in value.conditions]
        return Guarded(gather(pieces, box), merge_conditions([*own, *conditions]))
    there = box & inside
    pieces = [(p.guard & there, p.value) for p in value.pieces]
    pieces.append((box - inside, Missing("read out of bounds")))
    own = [c.within(there) for c in value.conditions]
    return Guarded(gather(pieces, box), merge_conditions([*own, *conditions]))
