"""Predicates and index expressions as isl takes them. All variables are isl *parameters*."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import islpy as isl

from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.isl_limits import PARAM, whole_answer
from stile_engine.index.predicate import Always, And, AtLeastZero, EqualsZero, Never, Not, Or, Predicate
from stile_engine.index.runs import Run


@lru_cache(maxsize=65536)
def _encode(name: str) -> str:
    """An isl identifier for any variable name; injective."""
    return "v" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in name)


_decoded: dict[str, str] = {}


def isl_name(name: str) -> str:
    encoded = _encode(name)
    _decoded[encoded] = name
    return encoded


def decoded_name(encoded: str) -> str:
    """The variable that an isl identifier stands for."""
    return _decoded[encoded]


def affine_text(expression: Affine) -> str:
    parts = [str(expression.constant)]
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv):
            parts.append(f"{coefficient}*floor(({affine_text(atom.numerator)})/{atom.divisor})")
        else:
            parts.append(f"{coefficient}*{isl_name(atom)}")
    return " + ".join(parts)


def predicate_text(predicate: Predicate) -> str:
    match predicate:
        case Always():
            return "0 = 0"
        case Never():
            return "0 = 1"
        case AtLeastZero(expression):
            return f"{affine_text(expression)} >= 0"
        case EqualsZero(expression):
            return f"{affine_text(expression)} = 0"
        case Not(operand):
            return f"not ({predicate_text(operand)})"
        case And(operands):
            return " and ".join(f"({predicate_text(o)})" for o in operands)
        case Or(operands):
            return " or ".join(f"({predicate_text(o)})" for o in operands)


@lru_cache(maxsize=65536)
def of_text(text: str, names: tuple[str, ...]) -> isl.Set:
    sizes = "".join(f" and {isl_name(n)} >= 1" for n in names if n.startswith("#"))
    parameters = ", ".join(isl_name(n) for n in names)
    return whole_answer(isl.Set(f"[{parameters}] -> {{ : ({text}){sizes} }}"))


@lru_cache(maxsize=4096)
def _space(names: tuple[str, ...]) -> tuple[isl.LocalSpace, isl.BasicSet, dict[str, int]]:
    space = isl.Space.create_from_names(isl.DEFAULT_CONTEXT, set=[], params=[isl_name(n) for n in names])
    places = {n: k for k, n in enumerate(names)}
    return whole_answer((isl.LocalSpace.from_space(space), isl.BasicSet.universe(space), places))


def polyhedron(inequalities: Iterable[Affine], equations: Iterable[Affine], names: tuple[str, ...]) -> isl.Set:
    """All tuples at which the inequalities are at least 0 and the equations are 0; no floor divisions."""
    local, found, positions = _space(names)
    sizes = [Affine(((n, 1),), -1) for n in names if n.startswith("#")]
    for expressions, empty in (
        ((*inequalities, *sizes), isl.Constraint.inequality_alloc),
        (equations, isl.Constraint.equality_alloc),
    ):
        for expression in expressions:
            constraint = empty(local).set_constant_val(_val(expression.constant))
            for atom, coefficient in expression.terms:
                constraint = constraint.set_coefficient_val(PARAM, positions[str(atom)], _val(coefficient))
            found = found.add_constraint(constraint)
    return isl.Set.from_basic_set(found).params()


def symbolic_box(ranges: Mapping[str, tuple[Affine, Affine]], names: tuple[str, ...]) -> isl.Set:
    parts: list[Predicate] = []
    for name, (low, high) in ranges.items():
        own = Affine.variable(name)
        parts += [AtLeastZero(own - low), AtLeastZero(high - 1 - own)]
    return raw_of(And(tuple(parts)), names)


def constant_box(ranges: Mapping[str, tuple[Affine, Affine]], names: tuple[str, ...]) -> isl.Set | None:
    """Where all bounds are numbers: the same set, made with a third of the calls."""
    if any(low.terms or high.terms for low, high in ranges.values()):
        return None  # a bound may name another variable of the box, as that of an inner loop does
    if any(n.startswith("#") for n in names):
        return None  # sizes are at least 1, whatever their range
    positions = _space(names)[2]
    found = _whole_space(names)
    for name, (low, high) in ranges.items():
        place = positions[name]
        found = found.lower_bound_val(PARAM, place, _val(low.constant))
        found = found.upper_bound_val(PARAM, place, _val(high.constant - 1))
    return found


def run_text(run: Run) -> str:
    """What isl writes for a run of at least two numbers: sets are told apart by their texts."""
    name = isl_name(run.name)
    low = "0 <" if run.low == 1 else f"{run.low} <="
    high = "< 0" if run.high == 0 else f"<= {run.high - 1}"
    return f"[{name}] -> {{  : {low} {name} {high} }}"


def of_run(run: Run) -> isl.Set:
    return isl.Set(run_text(run))


@lru_cache(maxsize=4096)
def _whole_space(names: tuple[str, ...]) -> isl.Set:
    return whole_answer(isl.Set.from_basic_set(_space(names)[1]).params())


def _val(number: int) -> int | isl.Val:
    """Numbers beyond 64 bits, such as the ends of a type's range, are read from their text."""
    return number if abs(number) < 1 << 62 else isl.Val.read_from_str(isl.DEFAULT_CONTEXT, str(number))


def raw_of(predicate: Predicate, names: tuple[str, ...]) -> isl.Set:
    """All tuples at which it holds. From constraints where that can be: isl reads a text ten times as slowly."""
    match predicate:
        case And(operands):
            pass
        case Or(operands):
            found = raw_of(operands[0], names)
            for operand in operands[1:]:
                found = found.union(raw_of(operand, names))
            return found
        case Not(operand):
            return polyhedron((), (), names).subtract(raw_of(operand, names))
        case _:
            operands = (predicate,)
    least: list[Affine] = []
    zero: list[Affine] = []
    others: list[isl.Set] = []
    for operand in operands:
        match operand:
            case Always():
                continue
            case AtLeastZero(expression) if (own := without_floors(expression)) is not None:
                least.append(own)
            case EqualsZero(expression) if (limits := _equation(expression)) is not None:
                (zero if len(limits) == 1 else least).extend(limits)
            case AtLeastZero() | EqualsZero() | Never():
                others.append(of_text(predicate_text(operand), names))
            case _:
                others.append(raw_of(operand, names))
    found = polyhedron(least, zero, names)
    for other in others:
        found = found.intersect(other)
    return found


def without_floors(expression: Affine) -> Affine | None:
    """An expression without floor divisions that is at least 0 wherever this one is, and nowhere else.

    ``e // d + r >= 0`` is ``e + d r >= 0``, and ``r - e // d >= 0`` is ``d r + d - 1 - e >= 0``, for whole r. None
    where there are several floor divisions, or multiples of one.
    """
    while True:
        floors = [(a, c) for a, c in expression.terms if isinstance(a, FloorDiv)]
        if not floors:
            return expression
        if len(floors) > 1 or floors[0][1] not in (1, -1):
            return None
        (floor, sign) = floors[0]
        rest = Affine(tuple(t for t in expression.terms if t[0] is not floor), expression.constant)
        expression = rest * floor.divisor + floor.numerator * sign + (floor.divisor - 1 if sign < 0 else 0)


def _equation(expression: Affine) -> tuple[Affine, ...] | None:
    """What is 0, or the two that are at least 0, where the expression is 0, and nowhere else."""
    if all(isinstance(a, str) for a, _ in expression.terms):
        return (expression,)
    low, high = without_floors(expression), without_floors(-expression)
    return None if low is None or high is None else (low, high)


@lru_cache(maxsize=65536)
def link(target: str, expression: Affine) -> isl.Set:
    names = sorted(expression.variables)
    parameters = ", ".join([target, *(isl_name(n) for n in names)])
    return whole_answer(isl.Set(f"[{parameters}] -> {{ : {target} = {affine_text(expression)} }}"))
