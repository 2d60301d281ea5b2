"""Two formulas with only their difference: what is equal is folded, what differs is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass

from stile_engine.term.guarded import Element
from stile_engine.term.notation.formula import (
    ELLIPSIS,
    MOST_TERMS,
    Call,
    Cases,
    Formula,
    Marked,
    Power,
    Product,
    Reduction,
    Total,
    Unequal,
    formula_of_element,
)

_SMALL = 4
"""An equal part of no more parts than this says what it is with fewer words than an ellipsis explains."""

_FEW = 2
"""So many equal short terms are shown; more of them are counted."""

_MOST = 100_000


def contrast(left: Element, right: Element) -> Unequal:
    """The two as formulas, the parts that differ marked and long equal ones folded."""
    return Unequal(*_pair(*(formula_of_element(e, _MOST, _MOST) for e in (left, right))))


def _pair(left: Formula, right: Formula) -> tuple[Formula, Formula]:
    if left == right:
        return _folded(left), _folded(right)
    match left, right:
        case Total(), Total():
            return _totals(left.terms, right.terms)
        case Total(), _:
            return _totals(left.terms, ((False, right),))
        case _, Total():
            return _totals(((False, left),), right.terms)
        case Product(), Product():
            over = _members(left.over, right.over)
            under = _members(left.under, right.under)
            if over is not None and under is not None:
                return Product(over[0], under[0]), Product(over[1], under[1])
        case Power(a, e), Power(b, f) if e == f:
            one, other = _pair(a, b)
            return Power(one, e), Power(other, f)
        case Call(name, mine), Call(other_name, theirs) if name == other_name and len(mine) == len(theirs):
            found = _members(mine, theirs)
            if found is not None:
                return Call(name, found[0]), Call(name, found[1])
        case Reduction(), Reduction() if (left.operation, left.bound) == (right.operation, right.bound):
            if left.predicate == right.predicate:
                one, other = _pair(left.body, right.body)
                return (
                    Reduction(left.operation, left.bound, left.predicate, one),
                    Reduction(right.operation, right.bound, right.predicate, other),
                )
            if left.body == right.body:
                body = _folded(left.body)
                return (
                    Marked(Reduction(left.operation, left.bound, left.predicate, body)),
                    Marked(Reduction(right.operation, right.bound, right.predicate, body)),
                )
        case Cases(mine), Cases(theirs) if [p for _, p in mine] == [p for _, p in theirs]:
            values = [_pair(a, b) for (a, _), (b, _) in zip(mine, theirs, strict=True)]
            return (
                Cases(tuple((v, p) for (v, _), (_, p) in zip(values, mine, strict=True))),
                Cases(tuple((v, p) for (_, v), (_, p) in zip(values, theirs, strict=True))),
            )
    return Marked(_shortened(left)), Marked(_shortened(right))


def _totals(mine: Sequence[tuple[bool, Formula]], theirs: Sequence[tuple[bool, Formula]]) -> tuple[Formula, Formula]:
    """Sums in which the terms that both have are counted, if they are not short."""
    rest = list(theirs)
    own: list[tuple[bool, Formula]] = []
    equal: list[tuple[bool, Formula]] = []
    for term in mine:
        (equal if term in rest else own).append(term)
        if term in rest:
            rest.remove(term)
    if len(own) == 1 and len(rest) == 1 and own[0][0] == rest[0][0]:
        one, other = _pair(own[0][1], rest[0][1])
        return _total([(own[0][0], one)], equal), _total([(rest[0][0], other)], equal)
    return _marked_total(own, equal), _marked_total(rest, equal)


def _total(terms: list[tuple[bool, Formula]], equal: list[tuple[bool, Formula]], folded: int = 0) -> Formula:
    short = len(equal) <= _FEW and all(_parts(term, _SMALL) <= _SMALL for _, term in equal)
    shown = [*terms, *equal] if short else terms
    folded += 0 if short else len(equal)
    if not folded and len(shown) == 1 and not shown[0][0]:
        return shown[0][1]
    return Total(tuple(shown), folded)


def _marked_total(terms: list[tuple[bool, Formula]], equal: list[tuple[bool, Formula]]) -> Formula:
    shown: list[tuple[bool, Formula]] = [(minus, Marked(_shortened(term))) for minus, term in terms[:MOST_TERMS]]
    return _total(shown, equal, len(terms) - len(shown))


def _members(
    mine: Sequence[Formula], theirs: Sequence[Formula]
) -> tuple[tuple[Formula, ...], tuple[Formula, ...]] | None:
    """Factors or arguments, equal ones folded; None where more than one on a side differs."""
    rest = list(theirs)
    own = []
    for part in mine:
        if part in rest:
            rest.remove(part)
        else:
            own.append(part)
    if len(own) > 1 or len(rest) > 1:
        return None
    changed: dict[str, Formula] = {}
    if own and rest:
        changed["mine"], changed["theirs"] = _pair(own[0], rest[0])
    elif own:
        changed["mine"] = Marked(_shortened(own[0]))
    elif rest:
        changed["theirs"] = Marked(_shortened(rest[0]))
    return (
        tuple(changed["mine"] if p in own else _folded(p) for p in mine),
        tuple(changed["theirs"] if p in rest else _folded(p) for p in theirs),
    )


def _folded(part: Formula) -> Formula:
    return part if _parts(part, _SMALL) <= _SMALL else ELLIPSIS


def _shortened(part: Formula) -> Formula:
    if isinstance(part, Total) and len(part.terms) > MOST_TERMS + 1:
        return Total(part.terms[:MOST_TERMS], part.folded + len(part.terms) - MOST_TERMS)
    return part


def _parts(part: object, limit: int) -> int:
    """Formulas inside, counted up to the limit."""
    total = 0
    waiting = [part]
    while waiting and total <= limit:
        current = waiting.pop()
        if isinstance(current, tuple):
            waiting.extend(current)
        elif is_dataclass(current) and type(current).__module__.endswith("formula"):
            total += 1
            waiting.extend(getattr(current, f.name) for f in fields(current))
    return total
