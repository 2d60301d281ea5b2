"""Values from plain data that is not trusted; see ``transfer.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stile_engine.index import predicate as predicates
from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate
from stile_engine.term import expression as nodes
from stile_engine.term.comparison import difference
from stile_engine.term.elements import element, place_of
from stile_engine.term.expression import Axes, Bounds, Node, Recurrence, Tensor
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.transfer import (
    FACTS,
    NODES,
    PREDICATES,
    Plain,
    TransferError,
    count,
    fields_of,
    integer,
    list_in,
    mapping_in,
    name_in,
    truth,
)

MAX_ITEMS: Final = 2_000_000
"""Parts of all values of one run."""


class Receiver:
    """Builds what a ``Sender`` describes.

    Raises:
        TransferError: from ``take`` and ``value``, where the data describe no value.
    """

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._affines: list[Affine] = []
        self._predicates: list[Predicate] = []
        self._tensors: list[Tensor] = []
        self._data: list[Affine] = []
        self._recurrences: list[Recurrence] = []
        self._items = 0

    def take(self, items: Plain) -> None:
        try:
            self._items += len(items)
            if self._items > MAX_ITEMS:
                raise TransferError(f"values of more than {MAX_ITEMS} parts")
            for kind, *parts in items:
                self._read(kind, parts)
        except TransferError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as problem:
            raise TransferError(f"no value: {type(problem).__name__}: {problem}") from None

    def value(self, plain: Plain) -> Value:
        try:
            dims, number = plain
            found = tuple(DimRange(name_in(n), *(self.affine(a) for a in bounds)) for n, *bounds in dims)
            if len({d.name for d in found}) != len(found):
                raise TransferError("a value has two dims of one name")
            return Value(found, self.node(number))
        except TransferError:
            raise
        except (LookupError, TypeError, ValueError) as problem:
            raise TransferError(f"no value: {type(problem).__name__}: {problem}") from None

    def _read(self, kind: Plain, parts: list[Plain]) -> None:
        if kind in NODES:
            self._nodes.append(self._built(NODES[kind], parts))
        elif kind == "affine":
            self._read_affine(*parts)
        elif kind in PREDICATES:
            self._predicates.append(self._built(PREDICATES[kind], parts))
        elif kind == "Tensor":
            self._tensors.append(self._built(Tensor, parts))
        elif kind == "element":
            self._read_element(*parts)
        elif kind == "sign":
            self._read_sign(*parts)
        elif kind == "Recurrence":
            self._recurrences.append(self._built(Recurrence, parts))
        elif kind == "step":
            self._read_step(*parts)
        else:
            raise TransferError(f"there is no {kind!r:.40}")

    def _built(self, kind: type, parts: list[Plain]) -> Any:
        wanted = fields_of(kind)
        if len(parts) != len(wanted):
            raise TransferError(f"{kind.__name__} has {len(wanted)} parts")
        found = [field.read(self, part) for (_, field), part in zip(wanted, parts, strict=True)]
        return _MAKERS.get(kind, kind)(*found)

    def _read_affine(self, constant: Plain, terms: Plain) -> None:
        total = Affine((), integer(constant))
        for atom, coefficient in list_in(terms):
            total = total + self._atom(atom) * integer(coefficient)
        self._affines.append(total)

    def _atom(self, plain: Plain) -> Affine:
        if type(plain) is str:
            return Affine.variable(name_in(plain))
        if type(plain) is int:
            return self._data[count(plain)]
        numerator, divisor = plain
        return self.affine(numerator) // integer(divisor)

    def _read_element(self, tensor: Plain, arguments: Plain, inverse: Plain) -> None:
        found, indices = self.tensor(tensor), tuple(self.affine(n) for n in list_in(arguments))
        if not truth(inverse):
            self._data.append(element(found, indices))
        else:
            (value,) = indices
            self._data.append(place_of(found, value))

    def _read_sign(self, left: Plain, right: Plain, moved: Plain) -> None:
        mapping = {name_in(n): self.affine(a) for n, a in mapping_in(moved).items()}
        self._data.append(difference(self.node(left), self.node(right), mapping))

    def _read_step(self, loop: Plain, step: Plain, invariant: Plain) -> None:
        found = self.recurrence(loop)
        after = tuple(self.node(n) for n in list_in(step))
        claimed = tuple(None if n is None else self.node(n) for n in list_in(invariant))
        if found.step or len(after) != len(found.initial) or len(claimed) not in (0, len(after)):
            raise TransferError("a loop has one step, with a value for everything that it carries")
        found.step, found.invariant = after, claimed

    def node(self, number: Plain) -> Node:
        return self._nodes[count(number)]

    def affine(self, number: Plain) -> Affine:
        return self._affines[count(number)]

    def bounds(self, plain: Plain) -> Bounds:
        low, high = list_in(plain)
        return self.affine(low), self.affine(high)

    def predicate(self, number: Plain) -> Predicate:
        return self._predicates[count(number)]

    def tensor(self, number: Plain) -> Tensor:
        return self._tensors[count(number)]

    def recurrence(self, number: Plain) -> Recurrence:
        return self._recurrences[count(number)]

    def fact(self, plain: Plain) -> Any:
        kind, *parts = plain
        return self._built(FACTS[kind], parts)


def _tensor(name: str, dims: tuple[str, ...], shape: tuple[Affine, ...], *more: Any) -> Tensor:
    if len(dims) != len(shape):
        raise TransferError("an input needs one size for each dim")
    return Tensor(name, dims, shape, *more)


def _element_read(tensor: Tensor, index: tuple[Affine, ...], ranges: Axes) -> Node:
    if len(index) != len(tensor.shape):
        raise TransferError(f"{tensor.name} has {len(tensor.shape)} dims and is read at {len(index)} indices")
    return nodes.Read(tensor, index, ranges)


def _constant(name: str) -> Node:
    if name not in ("pi", "e"):
        raise TransferError(f"there is no constant {name!r:.40}")
    return nodes.Constant(name)


def _infinity(sign: int) -> Node:
    if sign not in (-1, 1):
        raise TransferError("an infinity has a sign")
    return nodes.Infinity(sign)


def _reduce(kind: str, bound: Axes, predicate: Predicate, body: Node, ranges: Axes) -> Node:
    return nodes.reduce(kind, bound, body, predicate, ranges)


def _loop(variable: str, rounds: Affine, axes: tuple[Axes, ...], initial: tuple[Node, ...], *more: Any) -> Recurrence:
    if len(axes) != len(initial):
        raise TransferError("a loop needs an initial value for everything that it carries")
    return Recurrence(variable, rounds, axes, initial, *more)


def _carried(loop: Recurrence, number: int, index: tuple[Affine, ...], *more: Any) -> Node:
    if not 0 <= number < len(loop.axes) or len(index) != len(loop.axes[number]):
        raise TransferError("a loop carries no such element")
    return nodes.Carried(loop, number, index, *more)


_MAKERS: Mapping[type, Callable[..., Any]] = {
    Tensor: _tensor,
    Recurrence: _loop,
    nodes.Apply: lambda function, operands: nodes.apply(function, *operands),
    nodes.Carried: _carried,
    nodes.Constant: _constant,
    nodes.Infinity: _infinity,
    nodes.Read: _element_read,
    nodes.Reduce: _reduce,
    predicates.Always: lambda: predicates.ALWAYS,
    predicates.Never: lambda: predicates.NEVER,
}
"""Where more is asked of what was read than that the fields have their types."""
