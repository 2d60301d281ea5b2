"""Values as plain data, so that another process can prove what was claimed of them; and back from data that
is not trusted.

A sender writes each expression, index expression, predicate and input once, in an order in which everything
stands after its parts, and names it by its number from then on. The receiver builds them with the same constructors
that front ends use, so that whatever the data say, the expressions keep their invariants. Data variables
(``index/data.py``) are sent as what they stand for and registered again on the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from typing import Any, Final

from stile_engine.index import data
from stile_engine.index.affine import Affine, FloorDiv
from stile_engine.index.predicate import (
    ALWAYS,
    NEVER,
    Always,
    And,
    AtLeastZero,
    EqualsZero,
    Never,
    Not,
    Or,
    Predicate,
)
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term import expression as nodes
from stile_engine.term import facts as declared
from stile_engine.term.comparison import Difference, difference
from stile_engine.term.elements import Element, element, place_of
from stile_engine.term.expression import Axes, Node, Recurrence, Tensor
from stile_engine.term.value import DimRange, Value
from stile_engine.trace.location import Site

Plain = Any
"""JSON."""

MAX_ITEMS: Final = 2_000_000
"""Parts of all values of one run."""

MAX_NAME: Final = 10_000
MAX_INTEGER: Final = 1 << 8192
"""Denominators of floats are below this, and so is what is computed from them while a kernel is read."""

_FACTS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        declared.Bound,
        declared.Link,
        declared.Unique,
        declared.Permutation,
        declared.Sorted,
        declared.Blocks,
        declared.Offsets,
        declared.Signs,
    )
}


class TransferError(ValueError):
    """A value that cannot be sent, or data that describe none."""


# -- sending ---------------------------------------------------------------------------


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
        number = self._node(value.node)
        while self._waiting:
            # What a loop computes may lead back to what it carries, so it is told last.
            recurrence = self._waiting.pop()
            step = [self._node(node) for node in recurrence.step]
            invariant = [None if node is None else self._node(node) for node in recurrence.invariant]
            self._items.append(["step", self._recurrences[id(recurrence)], step, invariant])
        dims = [[d.name, self._affine(d.low), self._affine(d.high), self._affine(d.extent)] for d in value.dims]
        return [dims, number]

    def _node(self, root: Node) -> int:
        # No recursion: a loop that was unrolled is as deep as it was long.
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in self._nodes:
                continue
            if ready:
                number = len(self._nodes)
                self._items.append(self._described(node))
                self._nodes[id(node)] = number
                self._kept.append(node)
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in _parts(node) if id(part) not in self._nodes)
        return self._nodes[id(root)]

    def _described(self, node: Node) -> Plain:
        known = self._nodes
        match node:
            case nodes.Apply(function, operands):
                return ["apply", function, [known[id(o)] for o in operands]]
            case nodes.Read(tensor, index, ranges):
                return ["read", self._tensor(tensor), self._affine_list(index), self._axes(ranges)]
            case nodes.Const(value):
                return ["const", value.numerator, value.denominator]
            case nodes.Reduce(reduction, bound, predicate, body, ranges):
                return [
                    "reduce",
                    reduction,
                    self._axes(bound),
                    self._predicate(predicate),
                    known[id(body)],
                    self._axes(ranges),
                ]
            case nodes.Select(predicate, chosen, other, ranges):
                return ["select", self._predicate(predicate), known[id(chosen)], known[id(other)], self._axes(ranges)]
            case nodes.Reindex(body, mapping, ranges):
                moved = {variable: self._affine(index) for variable, index in mapping.items()}
                return ["reindex", known[id(body)], moved, self._axes(ranges)]
            case nodes.Restrict(body, ranges):
                return ["restrict", known[id(body)], self._axes(ranges)]
            case nodes.Power(base, exponent):
                return ["power", known[id(base)], exponent]
            case nodes.IndexNumber(index, ranges):
                return ["index", self._affine(index), self._axes(ranges)]
            case nodes.Constant(name):
                return ["constant", name]
            case nodes.Infinity(sign):
                return ["infinity", sign]
            case nodes.NoValue(reason):
                return ["none", reason]
            case nodes.Unmodelled(reason, location):
                return ["unmodelled", reason, _site(location)]
            case nodes.Scatter(bound, predicate, body, base, ranges):
                return [
                    "scatter",
                    self._axes(bound),
                    self._predicate(predicate),
                    known[id(body)],
                    known[id(base)],
                    self._axes(ranges),
                ]
            case nodes.Carried(recurrence, number, index, round_, ranges):
                return [
                    "carried",
                    self._recurrence(recurrence),
                    number,
                    self._affine_list(index),
                    self._affine(round_),
                    self._axes(ranges),
                ]
        raise TransferError(f"{type(node).__name__} cannot be handed to the prover")

    def _recurrence(self, recurrence: Recurrence) -> int:
        found = self._recurrences.get(id(recurrence))
        if found is None:
            self._items.append(
                [
                    "loop",
                    recurrence.variable,
                    self._affine(recurrence.rounds),
                    [self._axes(axes) for axes in recurrence.axes],
                    [self._nodes[id(node)] for node in recurrence.initial],
                    self._axes(recurrence.outer),
                    _site(recurrence.location),
                ]
            )
            found = self._recurrences[id(recurrence)] = len(self._recurrences)
            self._kept.append(recurrence)
            self._waiting.append(recurrence)
        return found

    def _axes(self, axes: Axes) -> Plain:
        return {name: [self._affine(low), self._affine(high)] for name, (low, high) in axes.items()}

    def _affine_list(self, found: Sequence[Affine]) -> list[int]:
        return [self._affine(a) for a in found]

    def _affine(self, found: Affine) -> int:
        number = self._affines.get(found)
        if number is None:
            terms = [[self._atom(atom), coefficient] for atom, coefficient in found.terms]
            self._items.append(["affine", found.constant, terms])
            number = self._affines[found] = len(self._affines)
        return number

    def _atom(self, atom: str | FloorDiv) -> Plain:
        if isinstance(atom, FloorDiv):
            return [self._affine(atom.numerator), atom.divisor]
        return self._datum(atom) if data.is_token(atom) else atom

    def _datum(self, token: str) -> int:
        number = self._data.get(token)
        if number is None:
            match data.known(token):
                case Element() as found:
                    item = ["element", self._tensor(found.tensor), self._affine_list(found.arguments), found.inverse]
                case Difference() as found:
                    moved = {variable: self._affine(index) for variable, index in found.mapping.items()}
                    item = ["sign", self._nodes[id(found.left)], self._nodes[id(found.right)], moved]
                case other:
                    raise TransferError(f"{type(other).__name__} cannot be handed to the prover")
            self._items.append(item)
            number = self._data[token] = len(self._data)
        return number

    def _predicate(self, predicate: Predicate) -> int:
        number = self._predicates.get(predicate)
        if number is None:
            match predicate:
                case Always():
                    item: Plain = ["always"]
                case Never():
                    item = ["never"]
                case AtLeastZero(expression):
                    item = ["least", self._affine(expression)]
                case EqualsZero(expression):
                    item = ["zero", self._affine(expression)]
                case Not(operand):
                    item = ["not", self._predicate(operand)]
                case And(operands):
                    item = ["and", [self._predicate(o) for o in operands]]
                case Or(operands):
                    item = ["or", [self._predicate(o) for o in operands]]
            self._items.append(item)
            number = self._predicates[predicate] = len(self._predicates)
        return number

    def _tensor(self, tensor: Tensor) -> int:
        number = self._tensors.get(tensor)
        if number is None:
            item = [
                "tensor",
                tensor.name,
                list(tensor.dims),
                self._affine_list(tensor.shape),
                tensor.may_be_infinite,
                tensor.integer,
                [self._fact(fact) for fact in tensor.facts],
                None if tensor.span is None else self._affine(tensor.span),
            ]
            self._items.append(item)
            number = self._tensors[tensor] = len(self._tensors)
        return number

    def _fact(self, fact: object) -> Plain:
        if type(fact).__name__ not in _FACTS:
            raise TransferError(f"the fact {type(fact).__name__} cannot be handed to the prover")
        return [type(fact).__name__, *(self._field(getattr(fact, f.name)) for f in fields(fact))]  # type: ignore[arg-type]

    def _field(self, found: object) -> Plain:
        match found:
            case bool() | int() | str():
                return found
            case Affine():
                return self._affine(found)
            case Tensor():
                return self._tensor(found)
            case Always() | Never() | AtLeastZero() | EqualsZero() | Not() | And() | Or():
                return self._predicate(found)
        raise TransferError(f"a {type(found).__name__} of a fact cannot be handed to the prover")


def _parts(node: Node) -> Iterator[Node]:
    """The nodes that are sent before this one: those inside, and those that its indices compare."""
    if isinstance(node, nodes.Carried):
        yield from node.recurrence.initial
    else:
        yield from nodes.children(node)
    if data.any_known():
        for name in _names(node):
            found = data.known(name)
            if isinstance(found, Difference):
                yield from (found.left, found.right)


def _names(node: Node) -> Iterator[str]:
    """All variables of the index expressions that stand in the node itself."""
    own: list[Affine] = []
    axes: list[Axes] = []
    match node:
        case nodes.Read(_, own_index, ranges) | nodes.Carried(index=own_index, ranges=ranges):
            own += own_index
            axes.append(ranges)
        case nodes.IndexNumber(index, ranges):
            own.append(index)
            axes.append(ranges)
        case nodes.Select(predicate, _, _, ranges):
            yield from predicate_variables(predicate)
            axes.append(ranges)
        case nodes.Reduce(_, bound, predicate, _, ranges) | nodes.Scatter(bound, predicate, _, _, ranges):
            yield from predicate_variables(predicate)
            axes += [bound, ranges]
        case nodes.Reindex(_, mapping, ranges):
            own += mapping.values()
            axes.append(ranges)
        case nodes.Restrict(_, ranges):
            axes.append(ranges)
    if isinstance(node, nodes.Carried):
        own.append(node.round)
        axes += [node.recurrence.outer, *node.recurrence.axes]
        own.append(node.recurrence.rounds)
    for found in axes:
        own += [bound for pair in found.values() for bound in pair]
    for index in own:
        yield from index.variables


def _site(location: object) -> Plain:
    if not isinstance(location, Site):
        return None
    return [location.path, location.lineno, location.end_lineno, location.col, location.end_col]


# -- receiving -------------------------------------------------------------------------


class Receiver:
    """Builds what a ``Sender`` describes.

    Raises:
        TransferError: from every method, where the data describe no value.
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
            for kind, *rest in items:
                self._readers[kind](self, *rest)
        except TransferError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as problem:
            raise TransferError(f"no value: {type(problem).__name__}: {problem}") from None

    def value(self, plain: Plain) -> Value:
        try:
            dims, number = plain
            found = tuple(DimRange(_name(n), *(self._affine(a) for a in bounds)) for n, *bounds in dims)
            if len({d.name for d in found}) != len(found):
                raise TransferError("a value has two dims of one name")
            return Value(found, self._node(number))
        except TransferError:
            raise
        except (LookupError, TypeError, ValueError) as problem:
            raise TransferError(f"no value: {type(problem).__name__}: {problem}") from None

    def _node(self, number: Plain) -> Node:
        return self._nodes[_count(number)]

    def _affine(self, number: Plain) -> Affine:
        return self._affines[_count(number)]

    def _affine_tuple(self, numbers: Plain) -> tuple[Affine, ...]:
        return tuple(self._affine(n) for n in _list(numbers))

    def _axes(self, plain: Plain) -> Axes:
        return {_name(n): (self._affine(low), self._affine(high)) for n, (low, high) in _mapping(plain).items()}

    def _read_affine(self, constant: Plain, terms: Plain) -> None:
        total = Affine((), _integer(constant))
        for atom, coefficient in _list(terms):
            total = total + self._atom(atom) * _integer(coefficient)
        self._affines.append(total)

    def _atom(self, plain: Plain) -> Affine:
        if type(plain) is str:
            return Affine.variable(_name(plain))
        if type(plain) is int:
            return self._data[_count(plain)]
        numerator, divisor = plain
        return self._affine(numerator) // _integer(divisor)

    def _read_element(self, tensor: Plain, arguments: Plain, inverse: Plain) -> None:
        found, indices = self._tensors[_count(tensor)], self._affine_tuple(arguments)
        if not _truth(inverse):
            self._data.append(element(found, indices))
        else:
            (value,) = indices
            self._data.append(place_of(found, value))

    def _read_sign(self, left: Plain, right: Plain, moved: Plain) -> None:
        mapping = {_name(n): self._affine(a) for n, a in _mapping(moved).items()}
        self._data.append(difference(self._node(left), self._node(right), mapping))

    def _read_tensor(
        self, name: Plain, dims: Plain, shape: Plain, infinite: Plain, integer: Plain, facts: Plain, span: Plain
    ) -> None:
        names, sizes = tuple(_name(d) for d in _list(dims)), self._affine_tuple(shape)
        if len(names) != len(sizes):
            raise TransferError("an input needs one size for each dim")
        known = tuple(self._fact(f) for f in _list(facts))
        about = None if span is None else self._affine(span)
        made = Tensor(_name(name), names, sizes, _truth(infinite), _truth(integer), known, about)
        self._tensors.append(made)

    def _fact(self, plain: Plain) -> Any:
        name, *parts = plain
        kind: Any = _FACTS[name]
        wanted = fields(kind)
        if len(parts) != len(wanted):
            raise TransferError(f"a fact {name} has {len(wanted)} parts")
        return kind(*(self._field(str(f.type), part) for f, part in zip(wanted, parts, strict=True)))

    def _field(self, kind: str, plain: Plain) -> Any:
        readers: dict[str, Callable[[Plain], Any]] = {
            "Predicate": lambda p: self._predicates[_count(p)],
            "Affine": self._affine,
            "Tensor": lambda p: self._tensors[_count(p)],
            "bool": _truth,
            "int": _integer,
            "str": _name,
        }
        return readers[kind](plain)

    def _read_and(self, operands: Plain) -> None:
        self._predicates.append(And(self._predicate_tuple(operands)))

    def _read_or(self, operands: Plain) -> None:
        self._predicates.append(Or(self._predicate_tuple(operands)))

    def _predicate_tuple(self, numbers: Plain) -> tuple[Predicate, ...]:
        return tuple(self._predicate(n) for n in _list(numbers))

    def _predicate(self, number: Plain) -> Predicate:
        return self._predicates[_count(number)]

    def _read_apply(self, function: Plain, operands: Plain) -> None:
        self._nodes.append(nodes.apply(_name(function), *(self._node(o) for o in _list(operands))))

    def _read_reduce(self, kind: Plain, bound: Plain, predicate: Plain, body: Plain, ranges: Plain) -> None:
        condition, own = self._predicate(predicate), self._axes(ranges)
        self._nodes.append(nodes.reduce(_name(kind), self._axes(bound), self._node(body), condition, own))

    def _read_constant(self, name: Plain) -> None:
        if name not in ("pi", "e"):
            raise TransferError(f"there is no constant {name!r:.40}")
        self._nodes.append(nodes.Constant(name))

    def _read_infinity(self, sign: Plain) -> None:
        if _integer(sign) not in (-1, 1):
            raise TransferError("an infinity has a sign")
        self._nodes.append(nodes.Infinity(sign))

    def _read_reindex(self, body: Plain, moved: Plain, ranges: Plain) -> None:
        mapping = {_name(n): self._affine(a) for n, a in _mapping(moved).items()}
        self._nodes.append(nodes.Reindex(self._node(body), mapping, self._axes(ranges)))

    def _read_scatter(self, bound: Plain, predicate: Plain, body: Plain, base: Plain, ranges: Plain) -> None:
        condition = self._predicate(predicate)
        where = self._axes(bound), condition, self._node(body), self._node(base), self._axes(ranges)
        self._nodes.append(nodes.Scatter(*where))

    def _read_loop(
        self, variable: Plain, rounds: Plain, axes: Plain, initial: Plain, outer: Plain, location: Plain
    ) -> None:
        carried = tuple(self._axes(a) for a in _list(axes))
        before = tuple(self._node(n) for n in _list(initial))
        if len(carried) != len(before):
            raise TransferError("a loop needs an initial value for everything that it carries")
        around = self._axes(outer)
        made = Recurrence(_name(variable), self._affine(rounds), carried, before, around, _location(location))
        self._recurrences.append(made)

    def _read_step(self, loop: Plain, step: Plain, invariant: Plain) -> None:
        found = self._recurrences[_count(loop)]
        after = tuple(self._node(n) for n in _list(step))
        claimed = tuple(None if n is None else self._node(n) for n in _list(invariant))
        if found.step or len(after) != len(found.initial) or len(claimed) not in (0, len(after)):
            raise TransferError("a loop has one step, with a value for everything that it carries")
        found.step, found.invariant = after, claimed

    def _read_carried(self, loop: Plain, number: Plain, index: Plain, round_: Plain, ranges: Plain) -> None:
        found = self._recurrences[_count(loop)]
        place = _count(number)
        if place >= len(found.axes) or len(_list(index)) != len(found.axes[place]):
            raise TransferError("a loop carries no such element")
        made = nodes.Carried(found, place, self._affine_tuple(index), self._affine(round_), self._axes(ranges))
        self._nodes.append(made)

    def _append(self, node: Node) -> None:
        self._nodes.append(node)

    _readers: Final[dict[str, Callable[..., None]]] = {
        "affine": _read_affine,
        "element": _read_element,
        "sign": _read_sign,
        "tensor": _read_tensor,
        "always": lambda self: self._predicates.append(ALWAYS),
        "never": lambda self: self._predicates.append(NEVER),
        "least": lambda self, a: self._predicates.append(AtLeastZero(self._affine(a))),
        "zero": lambda self, a: self._predicates.append(EqualsZero(self._affine(a))),
        "not": lambda self, p: self._predicates.append(Not(self._predicate(p))),
        "and": _read_and,
        "or": _read_or,
        "apply": _read_apply,
        "read": lambda self, t, index, ranges: self._append(self._element_read(t, index, ranges)),
        "const": lambda self, p, q: self._append(nodes.Const(Fraction(_integer(p), _integer(q)))),
        "reduce": _read_reduce,
        "select": lambda self, p, one, other, ranges: self._append(
            nodes.Select(self._predicate(p), self._node(one), self._node(other), self._axes(ranges))
        ),
        "reindex": _read_reindex,
        "restrict": lambda self, body, ranges: self._append(nodes.Restrict(self._node(body), self._axes(ranges))),
        "power": lambda self, base, exponent: self._append(nodes.Power(self._node(base), _integer(exponent))),
        "index": lambda self, a, ranges: self._append(nodes.IndexNumber(self._affine(a), self._axes(ranges))),
        "constant": _read_constant,
        "infinity": _read_infinity,
        "none": lambda self, reason: self._append(nodes.NoValue(_name(reason))),
        "unmodelled": lambda self, reason, site: self._append(nodes.Unmodelled(_name(reason), _location(site))),
        "scatter": _read_scatter,
        "loop": _read_loop,
        "step": _read_step,
        "carried": _read_carried,
    }

    def _element_read(self, tensor: Plain, index: Plain, ranges: Plain) -> Node:
        found, place = self._tensors[_count(tensor)], self._affine_tuple(index)
        if len(place) != len(found.shape):
            raise TransferError(f"{found.name} has {len(found.shape)} dims and is read at {len(place)} indices")
        return nodes.Read(found, place, self._axes(ranges))


def _integer(plain: Plain) -> int:
    if type(plain) is not int or abs(plain) > MAX_INTEGER:
        raise TransferError(f"expected an integer, got {type(plain).__name__}")
    return plain


def _count(plain: Plain) -> int:
    if type(plain) is not int or plain < 0:
        raise TransferError("expected the number of something that was sent before")
    return plain


def _truth(plain: Plain) -> bool:
    if type(plain) is not bool:
        raise TransferError(f"expected true or false, got {type(plain).__name__}")
    return plain


def _name(plain: Plain) -> str:
    # A data variable is never sent by its name: what it stands for must be known here too.
    if type(plain) is not str or len(plain) > MAX_NAME or data.is_token(plain):
        raise TransferError(f"expected a name, got {plain!r:.60}")
    return plain


def _list(plain: Plain) -> list[Plain]:
    if type(plain) is not list:
        raise TransferError(f"expected a list, got {type(plain).__name__}")
    return plain


def _mapping(plain: Plain) -> dict[str, Plain]:
    if type(plain) is not dict:
        raise TransferError(f"expected an object, got {type(plain).__name__}")
    return plain


def _location(plain: Plain) -> Site | None:
    if plain is None:
        return None
    path, *numbers = _list(plain)
    if type(path) is not str or len(numbers) != 4:
        raise TransferError("expected a place in a source")
    return Site(path, *(_integer(n) for n in numbers))
