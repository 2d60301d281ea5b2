"""Predicates over index variables, as written: what the exact sets are built from.

They stay symbolic so that the independent evaluator, the repro generator and the messages can
use them without the set library. ``sets.py`` turns them into exact sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from stile_engine.index.affine import Affine, AffineLike

Predicate: TypeAlias = "Always | Never | AtLeastZero | EqualsZero | Not | And | Or"


@dataclass(frozen=True, slots=True)
class Always:
    """True at every index."""


@dataclass(frozen=True, slots=True)
class Never:
    """False at every index."""


@dataclass(frozen=True, slots=True)
class AtLeastZero:
    """``expression >= 0``."""

    expression: Affine


@dataclass(frozen=True, slots=True)
class EqualsZero:
    """``expression == 0``."""

    expression: Affine


@dataclass(frozen=True, slots=True)
class Not:
    operand: Predicate


@dataclass(frozen=True)
class And:
    operands: tuple[Predicate, ...]

    @cached_property
    def _hash(self) -> int:
        return hash(("and", self.operands))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Or:
    operands: tuple[Predicate, ...]

    @cached_property
    def _hash(self) -> int:
        return hash(("or", self.operands))

    def __hash__(self) -> int:
        return self._hash


ALWAYS = Always()
NEVER = Never()


def compare(left: AffineLike, operator: str, right: AffineLike) -> Predicate:
    """``left operator right`` with one of ``< <= > >= == !=``."""
    left, right = Affine.of(left), Affine.of(right)
    match operator:
        case "<=":
            found: AtLeastZero | EqualsZero = AtLeastZero(right - left)
        case "<":
            found = AtLeastZero(right - left - 1)
        case ">=":
            found = AtLeastZero(left - right)
        case ">":
            found = AtLeastZero(left - right - 1)
        case "==":
            found = EqualsZero(left - right)
        case "!=":
            return negate(compare(left, "==", right))
        case _:
            raise ValueError(f"unknown comparison {operator!r}")
    expression = found.expression
    if expression.is_constant:
        holds = expression.constant >= 0 if isinstance(found, AtLeastZero) else expression.constant == 0
        return ALWAYS if holds else NEVER
    return found


def conjunction(*operands: Predicate) -> Predicate:
    kept: list[Predicate] = []
    for operand in operands:
        match operand:
            case Always():
                continue
            case Never():
                return NEVER
            case And(inner):
                kept.extend(inner)
            case _:
                kept.append(operand)
    if not kept:
        return ALWAYS
    return kept[0] if len(kept) == 1 else And(tuple(kept))


def disjunction(*operands: Predicate) -> Predicate:
    kept: list[Predicate] = []
    for operand in operands:
        match operand:
            case Never():
                continue
            case Always():
                return ALWAYS
            case Or(inner):
                kept.extend(inner)
            case _:
                kept.append(operand)
    if not kept:
        return NEVER
    return kept[0] if len(kept) == 1 else Or(tuple(kept))


def negate(operand: Predicate) -> Predicate:
    match operand:
        case Always():
            return NEVER
        case Never():
            return ALWAYS
        case Not(inner):
            return inner
        case AtLeastZero(expression):
            return AtLeastZero(-expression - 1)
        case _:
            return Not(operand)


def in_range(index: AffineLike, low: AffineLike, high: AffineLike) -> Predicate:
    """``low <= index < high``."""
    return conjunction(compare(low, "<=", index), compare(index, "<", high))


def variables(predicate: Predicate) -> frozenset[str]:
    match predicate:
        case Always() | Never():
            return frozenset()
        case AtLeastZero(expression) | EqualsZero(expression):
            return expression.variables
        case Not(operand):
            return variables(operand)
        case And(operands) | Or(operands):
            return frozenset().union(*(variables(o) for o in operands))


def substitute(predicate: Predicate, mapping: Mapping[str, Affine]) -> Predicate:
    match predicate:
        case Always() | Never():
            return predicate
        case AtLeastZero(expression):
            return compare(expression.substitute(mapping), ">=", 0)
        case EqualsZero(expression):
            return compare(expression.substitute(mapping), "==", 0)
        case Not(operand):
            return negate(substitute(operand, mapping))
        case And(operands):
            return conjunction(*(substitute(o, mapping) for o in operands))
        case Or(operands):
            return disjunction(*(substitute(o, mapping) for o in operands))


def rewritten(predicate: Predicate, change: Callable[[Affine], Affine]) -> Predicate:
    """The same comparisons of other expressions."""
    match predicate:
        case Always() | Never():
            return predicate
        case AtLeastZero(expression):
            return AtLeastZero(change(expression))
        case EqualsZero(expression):
            return EqualsZero(change(expression))
        case Not(operand):
            return Not(rewritten(operand, change))
        case And(operands):
            return And(tuple(rewritten(o, change) for o in operands))
        case Or(operands):
            return Or(tuple(rewritten(o, change) for o in operands))


def evaluate(predicate: Predicate, environment: Mapping[str, int]) -> bool:
    match predicate:
        case Always():
            return True
        case Never():
            return False
        case AtLeastZero(expression):
            return expression.evaluate(environment) >= 0
        case EqualsZero(expression):
            return expression.evaluate(environment) == 0
        case Not(operand):
            return not evaluate(operand, environment)
        case And(operands):
            return all(evaluate(o, environment) for o in operands)
        case Or(operands):
            return any(evaluate(o, environment) for o in operands)


def render(predicate: Predicate, name: Callable[[str], str] = str, python: bool = False) -> str:
    """The text in spec syntax (``&& || !``), or as a Python condition."""
    match predicate:
        case Always():
            return "True" if python else "0 == 0"
        case Never():
            return "False" if python else "0 == 1"
        case AtLeastZero(expression):
            return _render_comparison(expression, ">=", name)
        case EqualsZero(expression):
            return _render_comparison(expression, "==", name)
        case Not(EqualsZero(expression)):
            return _render_comparison(expression, "!=", name)
        case Not(operand):
            return f"{'not ' if python else '!'}({render(operand, name, python)})"
        case And(operands):
            word = " and " if python else " && "
            return word.join(
                f"({render(o, name, python)})" if isinstance(o, Or) else render(o, name, python) for o in operands
            )
        case Or(operands):
            word = " or " if python else " || "
            return word.join(
                f"({render(o, name, python)})" if isinstance(o, And) else render(o, name, python) for o in operands
            )


def _render_comparison(expression: Affine, operator: str, name: Callable[[str], str]) -> str:
    # Positive terms on the left, negative ones on the right: ``q - k >= 0`` reads ``k <= q``.
    positive = Affine(tuple((a, c) for a, c in expression.terms if c > 0), max(expression.constant, 0))
    negative = Affine(tuple((a, -c) for a, c in expression.terms if c < 0), max(-expression.constant, 0))
    if operator == ">=":
        return f"{negative.render(name)} <= {positive.render(name)}"
    return f"{positive.render(name)} {operator} {negative.render(name)}"
