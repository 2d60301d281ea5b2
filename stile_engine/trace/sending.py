"""Values as plain data for another process; see ``transfer.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import Predicate
from stile_engine.term import expression as nodes
from stile_engine.term.comparison import Difference
from stile_engine.term.elements import Element
from stile_engine.term.expression import Bounds, Node, Recurrence, Tensor
from stile_engine.term.value import Value
from stile_engine.trace.transfer import FACTS, NODES, PREDICATES, Plain, TransferError, fields_of, named, names_in


class Sender:
    """Remembers what the other side already has."""

    def __init__(self) -> None:
        self._nodes: dict[int, int] = {}
        self._kept: list[object] = []
        self._affines: dict[Affine, int] = {}
        self._predicates: dict[Predicate, int] = {}
        self._tensors: dict[Tensor, int] = {}
        self._data: dict[str, int] = {}
        self._recurrences: dict[int, int] = {}
        self._waiting: list[Recurrence] = []
        self._items: list[Plain] = []

    def take(self) -> list[Plain]:
        """What must be sent before the values that were asked for since the last call."""
        items, self._items = self._items, []
        return items

    def value(self, value: Value) -> Plain:
        number = self._root(value.node)
        while self._waiting:
            recurrence = self._waiting.pop()
            step = [self._root(node) for node in recurrence.step]
            invariant = [None if node is None else self._root(node) for node in recurrence.invariant]
            self._items.append(["step", self._recurrences[id(recurrence)], step, invariant])
        dims = [[d.name, self.affine(d.low), self.affine(d.high), self.affine(d.extent)] for d in value.dims]
        return [dims, number]

    def _root(self, root: Node) -> int:
        # No recursion: a loop that was unrolled is as deep as it was long.
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in self._nodes:
                continue
            if ready:
                number = len(self._nodes)
                self._items.append(self._described(node, NODES))
                self._nodes[id(node)] = number
                self._kept.append(node)
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in _parts(node) if id(part) not in self._nodes)
        return self._nodes[id(root)]

    def _described(self, thing: object, known: Mapping[str, type]) -> Plain:
        kind: Any = type(thing)
        called: str = kind.__name__
        if known.get(called) is not kind:
            raise TransferError(f"{called} cannot be handed to the prover")
        return [called, *(field.write(self, getattr(thing, name)) for name, field in fields_of(kind))]

    def node(self, node: Node) -> int:
        return self._nodes[id(node)]

    def recurrence(self, recurrence: Recurrence) -> int:
        found = self._recurrences.get(id(recurrence))
        if found is None:
            self._items.append(self._described(recurrence, named(Recurrence)))
            found = self._recurrences[id(recurrence)] = len(self._recurrences)
            self._kept.append(recurrence)
            self._waiting.append(recurrence)
        return found

    def affine(self, found: Affine) -> int:
        number = self._affines.get(found)
        if number is None:
            terms = [[self._atom(atom), coefficient] for atom, coefficient in found.terms]
            self._items.append(["affine", found.constant, terms])
            number = self._affines[found] = len(self._affines)
        return number

    def bounds(self, found: Bounds) -> Plain:
        return [self.affine(end) for end in found]

    def _atom(self, atom: str | FloorDiv) -> Plain:
        if isinstance(atom, FloorDiv):
            return [self.affine(atom.numerator), atom.divisor]
        return self._datum(atom) if data.is_token(atom) else atom

    def _datum(self, token: str) -> int:
        number = self._data.get(token)
        if number is None:
            match data.known(token):
                case Element() as found:
                    arguments = [self.affine(a) for a in found.arguments]
                    item = ["element", self.tensor(found.tensor), arguments, found.inverse]
                case Difference() as found:
                    moved = {variable: self.affine(index) for variable, index in found.mapping.items()}
                    item = ["sign", self.node(found.left), self.node(found.right), moved]
                case other:
                    raise TransferError(f"{type(other).__name__} cannot be handed to the prover")
            self._items.append(item)
            number = self._data[token] = len(self._data)
        return number

    def predicate(self, predicate: Predicate) -> int:
        number = self._predicates.get(predicate)
        if number is None:
            self._items.append(self._described(predicate, PREDICATES))
            number = self._predicates[predicate] = len(self._predicates)
        return number

    def tensor(self, tensor: Tensor) -> int:
        number = self._tensors.get(tensor)
        if number is None:
            self._items.append(self._described(tensor, named(Tensor)))
            number = self._tensors[tensor] = len(self._tensors)
        return number

    def fact(self, fact: object) -> Plain:
        return self._described(fact, FACTS)


def _parts(node: Node) -> Iterator[Node]:
    """The nodes that are sent before this one: those inside, and those that its indices compare."""
    if isinstance(node, nodes.Carried):
        yield from node.recurrence.initial
    else:
        yield from nodes.children(node)
    if data.any_known():
        for name in sorted(set(names_in(node))):
            found = data.known(name)
            if isinstance(found, Difference):
                yield from (found.left, found.right)
