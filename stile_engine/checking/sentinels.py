"""Finite stand-ins for −∞: ``where(mask, score, -1e9)`` read as a mask, which is an assumption."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from stile_engine.term.expression import (
    NEGATIVE_INFINITY,
    Apply,
    Carried,
    Const,
    Node,
    Power,
    Recurrence,
    Reduce,
    Reindex,
    Restrict,
    Select,
)

LARGEST = Fraction(-10_000)
"""A selected constant at or below this may be meant as −∞."""


def without_sentinels(root: Node) -> tuple[Node, tuple[Fraction, ...]]:
    """The expression with −∞ in place of stand-ins that a mask selects, and the numbers that were replaced."""
    rewriting = _Rewriting()
    found = rewriting.of(root)
    rewriting.finish()
    # what a loop carries is one node before and after: it counts as changed only where something was replaced
    return (found if rewriting.replaced else root), tuple(rewriting.replaced)


class _Rewriting:
    """Rebuilt expressions, each once; the steps of loops last, since they lead back to themselves."""

    def __init__(self) -> None:
        self.replaced: dict[Fraction, None] = {}
        self._done: dict[int, Node] = {}
        self._loops: dict[int, tuple[Recurrence, Recurrence]] = {}

    def of(self, root: Node) -> Node:
        stack = [root]
        while stack:
            node = stack[-1]
            waiting = [p for p in _parts(node) if id(p) not in self._done]
            if waiting:
                stack.extend(waiting)
                continue
            if isinstance(node, Carried):
                loop = self._loop(node.recurrence)
                self._done[id(node)] = Carried(loop, node.number, node.index, node.round, node.ranges)
            else:
                self._done[id(node)] = _rebuilt(node, self._done, self.replaced)
            stack.pop()
        return self._done[id(root)]

    def _loop(self, recurrence: Recurrence) -> Recurrence:
        known = self._loops.get(id(recurrence))
        if known is None:
            known = self._loops[id(recurrence)] = (recurrence, replace(recurrence, step=()))
        return known[1]

    def finish(self) -> None:
        finished = 0
        while finished < len(self._loops):
            written, rebuilt = list(self._loops.values())[finished]
            rebuilt.initial = tuple(self.of(n) for n in written.initial)
            rebuilt.step = tuple(self.of(n) for n in written.step)
            finished += 1


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Apply(_, operands):
            return operands
        case Power(base, _):
            return (base,)
        case Select(_, chosen, other, _):
            return (chosen, other)
        case Reduce(_, _, _, body, _) | Reindex(body, _, _) | Restrict(body, _):
            return (body,)
        case _:
            return ()


def _rebuilt(node: Node, done: dict[int, Node], replaced: dict[Fraction, None]) -> Node:
    parts = _parts(node)
    new = tuple(done[id(p)] for p in parts)
    if isinstance(node, Select):
        new = (_read(new[0], new[1], replaced), _read(new[1], new[0], replaced))
    if all(a is b for a, b in zip(parts, new, strict=True)):
        return node
    match node:
        case Apply(function, _):
            return Apply(function, new)
        case Power(_, exponent):
            return Power(new[0], exponent)
        case Select(predicate, _, _, ranges):
            return Select(predicate, new[0], new[1], ranges)
        case Reduce(reduction, bound, predicate, _, ranges):
            return Reduce(reduction, bound, predicate, new[0], ranges)
        case Reindex(_, mapping, ranges):
            return Reindex(new[0], mapping, ranges)
        case Restrict(_, ranges):
            return Restrict(new[0], ranges)
    return node


def _read(branch: Node, against: Node, replaced: dict[Fraction, None]) -> Node:
    """−∞ for a stand-in; the other branch is a score, or the 0 of a mask that is added to one."""
    if not isinstance(branch, Const) or branch.value > LARGEST:
        return branch
    if isinstance(against, Const) and against.value != 0:
        return branch
    replaced[branch.value] = None
    return NEGATIVE_INFINITY
