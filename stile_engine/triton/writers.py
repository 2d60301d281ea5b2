"""Stores turned round: which program, round and lane writes an element, and what it leaves there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from stile_engine.array.arrays import Unreadable, outer_ranges
from stile_engine.array.inverse import invert, solved
from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import (
    ALWAYS,
    And,
    EqualsZero,
    Predicate,
    compare,
    conjunction,
    in_range,
    substitute,
    variables,
)
from stile_engine.index.sets import UNIVERSE, IndexSet
from stile_engine.term.expression import Axes, Node, Restrict, Scatter, bounds
from stile_engine.term.reindexing import reindex_node
from stile_engine.trace.frontend import axis_variable
from stile_engine.triton.context import numeric
from stile_engine.triton.memory import Access

MOST_ROUNDS = 2**31
"""Of any loop: its counter is an integer of 32 bits."""


@dataclass(frozen=True, slots=True)
class Written:
    """One store, seen from the elements: ``where`` it writes them, and what it leaves there."""

    access: Access
    where: Predicate
    node: Node


def unknowns(access: Access, programs: Axes, known: Collection[str] = ()) -> Axes:
    """What tells one write of the store from another: the program (or the tile), the rounds, the lane; without the
    rounds that are ``known``."""
    found = {name: own for name, own in programs.items() if name in access.variables}
    found.update({name: access.variables[name] for name in access.rounds if name not in known})
    found.update({axis_variable(a): bounds(0, n) for a, n in enumerate(access.shape)})
    return found


def conditions(access: Access, programs: Axes, known: Collection[str] = ()) -> Predicate:
    """When a program, round and lane write at all."""
    names = unknowns(access, programs, known)
    ranges = [in_range(Affine.variable(v), low, high) for v, (low, high) in names.items()]
    facts = (f for f in access.facts if variables(f) <= access.variables.keys())
    return conjunction(*ranges, *facts, access.where)


def written_by(access: Access, programs: Axes, known_rounds: Collection[str] = ()) -> Written:
    """Raises ``Unreadable`` where it is not seen that each element is written at most once: by all programs, in all
    rounds but the ``known_rounds``, which stay variables of what is found."""
    names = unknowns(access, programs, known_rounds)
    # In the coordinates of the output, apart from those of the lanes.
    renamed = {axis_variable(a): Affine.variable(f"lane.{a}") for a in range(len(access.shape))}
    own = {renamed[v].render() if v in renamed else v: r for v, r in names.items()}
    widest = numeric({**access.variables, **own})
    counts = {v: max(1, r[1].constant) for v, r in ((v, widest.get(v, bounds(0, 2**40))) for v in own)}
    equations = [(index.substitute(renamed), Affine.variable(axis_variable(a))) for a, index in enumerate(access.index)]
    # What the condition of the store says of its writer: `if pid == 0` leaves one program.
    equations += [
        (said.substitute(renamed), Affine()) for said in _equalities(access.where) if not data.tokens_of(said.variables)
    ]
    try:
        solved = invert(equations, counts)
    except Unreadable:
        least = _counts(access, conditions(access, programs, known_rounds))
        narrower = {v: least.get(v, n) for v, n in counts.items()}
        if narrower == counts:
            raise
        solved = invert(equations, narrower)
    mapping = {v: solved.solution[renamed[v].render() if v in renamed else v] for v in names}
    outside = {axis_variable(a): bounds(0, n) for a, n in enumerate(access.memory.shape)}
    checks = [
        compare(index.substitute(mapping), "==", Affine.variable(axis_variable(a)))
        for a, index in enumerate(access.index)
    ]
    where = conjunction(*checks, substitute(conditions(access, programs, known_rounds), mapping))
    box = IndexSet.box({**outside, **{k: v for k, v in access.variables.items() if k.startswith("#")}})
    simple = IndexSet.where(where).given(box)
    if simple is UNIVERSE:
        where = ALWAYS
    assert access.value is not None
    return Written(access, where, reindex_node(freed(access.value, access), mapping, {**outer_ranges(), **outside}))


def _equalities(where: Predicate) -> Iterator[Affine]:
    """What is zero wherever the condition holds, as it is written."""
    for part in where.operands if isinstance(where, And) else (where,):
        if isinstance(part, EqualsZero):
            yield part.expression


def _counts(access: Access, where: Predicate) -> dict[str, int]:
    """How many values the rounds have wherever the store writes, counted from 0: of a loop that ends with the rows,
    or after four of them, there are four rounds at most."""
    writing = IndexSet.where(where) & IndexSet.box({k: v for k, v in access.variables.items() if k.startswith("#")})
    if writing.tokens:
        return {}
    greatest = {name: writing.limits(name)[1] for name in access.rounds}
    return {name: most + 1 for name, most in greatest.items() if most is not None and most >= 0}


def is_chosen_by_data(access: Access) -> bool:
    """Whether the place of an access depends on what integer inputs hold."""
    return bool(data.tokens_of(frozenset().union(*(i.variables for i in access.index))))


def chosen_by_data(access: Access, programs: Axes, before: Node) -> Node:
    """What a store leaves in each element of which one program, round and lane at most is the writer, and ``before``
    in the others. What the index of an element tells of its writer is solved for, all else is bound."""
    names = unknowns(access, programs)
    # Apart from the element's own indices, which have the names of lanes.
    own = {v: Affine.variable(f"by.{v.replace('$', 'lane.')}") for v in names}
    ranges = {own[v].render(): r for v, r in names.items()}
    known = numeric({**access.variables, **ranges})
    indices = [index.substitute(own) for index in access.index]
    read = data.tokens_of(frozenset().union(*(i.variables for i in indices)))
    # What data are read at is not told by what they hold: those are solved for by nobody.
    arguments = frozenset().union(*(data.datum(t).variables for t in read))
    counts = {v: max(1, known.get(v, bounds(0, 2**40))[1].constant) for v in ranges if v not in arguments}
    outside = {axis_variable(a): bounds(0, n) for a, n in enumerate(access.memory.shape)}
    found = solved([(i, Affine.variable(v)) for i, v in zip(indices, outside, strict=True)], counts)
    mapping = {v: found.get(e.render(), e) for v, e in own.items()}
    left = {v: tuple(e.substitute(mapping) for e in ranges[v]) for v in ranges if v not in found}
    # A bound variable's range may not name another variable: what a range says of them stands in the predicate.
    bound = {
        v: (low, high) if all(n.startswith("#") for n in low.variables | high.variables) else bounds(0, MOST_ROUNDS)
        for v, (low, high) in left.items()
    }
    here = [
        compare(index.substitute(mapping), "==", Affine.variable(v))
        for index, v in zip(access.index, outside, strict=True)
    ]
    where = conjunction(*here, substitute(conditions(access, programs), mapping))
    assert access.value is not None
    node = reindex_node(freed(access.value, access), mapping, {**outer_ranges(), **outside, **bound})
    return Scatter(bound, where, node, before, outside)


def freed(node: Node, access: Access) -> Node:
    """The value with rounds in ranges that do not depend on the program: which there are is in the condition of
    the write, and a replaced index is held against its range by itself."""
    wide = {
        name: bounds(0, MOST_ROUNDS)
        for name in access.rounds
        if name in node.axes and any(not v.startswith("#") for end in node.axes[name] for v in end.variables)
    }
    return Restrict(node, wide) if wide else node


def shared_rounds(first: Access, rounds: tuple[str, ...]) -> tuple[str, ...]:
    """The loops around both the access and another one with these rounds, outermost first."""
    found: list[str] = []
    for a, b in zip(first.rounds, rounds, strict=False):
        if a != b:
            break
        found.append(a)
    return tuple(found)
