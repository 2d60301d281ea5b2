"""Expressions as written: the value of one array element as a function of its index variables.

Front ends and the spec lowering build these nodes and nothing else. No law is applied here, so a
node is what the user wrote. Three readers exist, independent of one another:

* ``proof/normalize.py`` turns a node into guarded canonical terms (the proof),
* ``proof/evaluate.py`` evaluates a node at one point with intervals (the witness),
* ``proof/repro.py`` prints a node as a runnable Python program (the repro).

A node knows its own free index variables and their ranges (``axes``), so it can be read without
any context. Nodes are cheap to make: nothing here touches the set library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeAlias

from stile_engine.index.affine import Affine, AffineLike
from stile_engine.index.data import any_known as any_data_known
from stile_engine.index.predicate import ALWAYS, Predicate
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.term.facts import Fact, Signs

Bounds: TypeAlias = tuple[Affine, Affine]
"""Half-open range ``[low, high)`` of an index variable, in the coordinates of the whole dim."""

Axes: TypeAlias = dict[str, Bounds]

UNARY_FUNCTIONS = frozenset(
    "neg exp exp2 log log2 sqrt rsqrt sin cos tanh erf abs relu sigmoid silu gelu gelu_tanh softplus floor".split()
)
BINARY_FUNCTIONS = frozenset("add sub mul div maximum minimum".split())
REDUCTIONS = frozenset("sum max min prod".split())


@dataclass(frozen=True)
class Tensor:
    """An input array: finite real numbers unless ``may_be_infinite``.

    Two tensors are the same input if and only if they are equal. ``name`` is the spec's label, or
    the number of an unlabelled operand as text; ``dims`` are the names of its dims in axis order
    (empty for a scalar parameter), ``shape`` their sizes. An ``integer`` input holds whole numbers and
    may be read in index expressions (``term/elements.py``); ``facts`` are what was declared of it.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[Affine, ...]
    may_be_infinite: bool = False
    integer: bool = False
    facts: tuple[Fact, ...] = ()
    span: Affine | None = None
    """About how many different integers it holds, for inputs made up in a search; no proof asks for it. It is part of
    the identity all the same: two kernels of a file may read inputs of one name and shape that hold other integers."""

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.dims, self.shape))

    @cached_property
    def signs(self) -> int | None:
        """The signs that elements may have, as a mask, where that was declared."""
        masks = [f.mask for f in self.facts if isinstance(f, Signs)]
        if not masks:
            return None
        found = masks[0]
        for mask in masks[1:]:
            found &= mask
        return found

    def __hash__(self) -> int:
        return self._hash  # tensors are looked up for every element that is read


@dataclass(eq=False, slots=True)
class Node:
    """Base of all expressions; compared and hashed by identity."""

    axes: Axes = field(init=False, repr=False)
    """Free index variables with their ranges."""


@dataclass(eq=False, slots=True)
class Const(Node):
    value: Fraction

    def __post_init__(self) -> None:
        self.axes = {}


@dataclass(eq=False, slots=True)
class Constant(Node):
    """A named real number: ``pi``, or ``e``."""

    name: str

    def __post_init__(self) -> None:
        self.axes = {}


@dataclass(eq=False, slots=True)
class Infinity(Node):
    sign: int

    def __post_init__(self) -> None:
        self.axes = {}


@dataclass(eq=False, slots=True)
class NoValue(Node):
    """An element that has no value, with the reason: ``never written``, ``out of bounds`` …"""

    reason: str

    def __post_init__(self) -> None:
        self.axes = {}


@dataclass(eq=False, slots=True)
class Unmodelled(Node):
    """A value that the engine does not understand. A proof that needs it ends *unsupported*."""

    reason: str
    location: object = None

    def __post_init__(self) -> None:
        self.axes = {}


@dataclass(eq=False, slots=True)
class Read(Node):
    """``tensor[index]``. Outside the tensor's shape the element has no value."""

    tensor: Tensor
    index: tuple[Affine, ...]
    ranges: Axes
    """Ranges of the variables that the index names."""

    def __post_init__(self) -> None:
        used = frozenset().union(*(i.variables for i in self.index)) if self.index else frozenset()
        self.axes = {v: b for v, b in self.ranges.items() if v in used}
        if missing := _indices(used) - self.axes.keys():
            raise ValueError(f"no range given for index variables {sorted(missing)}")


@dataclass(eq=False, slots=True)
class IndexNumber(Node):
    """An index expression used as a real number."""

    index: Affine
    ranges: Axes

    def __post_init__(self) -> None:
        self.axes = {v: b for v, b in self.ranges.items() if v in self.index.variables}


@dataclass(eq=False, slots=True)
class Apply(Node):
    """A pointwise function: one of ``UNARY_FUNCTIONS`` or ``BINARY_FUNCTIONS``.

    Operands that lack a variable are constant along it.
    """

    function: str
    operands: tuple[Node, ...]

    def __post_init__(self) -> None:
        self.axes = join_axes(o.axes for o in self.operands)


@dataclass(eq=False, slots=True)
class Power(Node):
    """``base ** exponent`` with an integer exponent; ``x ** 0`` is 1."""

    base: Node
    exponent: int

    def __post_init__(self) -> None:
        self.axes = dict(self.base.axes)


@dataclass(eq=False, slots=True)
class Select(Node):
    """``chosen`` where the predicate holds, else ``other``; the branch not taken is not evaluated.

    ``ranges`` gives the ranges of the variables that only the predicate names.
    """

    predicate: Predicate
    chosen: Node
    other: Node
    ranges: Axes

    def __post_init__(self) -> None:
        named = predicate_variables(self.predicate)
        own = {v: b for v, b in self.ranges.items() if v in named}
        self.axes = join_axes([own, self.chosen.axes, self.other.axes])
        if missing := _indices(named) - self.axes.keys():
            raise ValueError(f"no range given for predicate variables {sorted(missing)}")


@dataclass(eq=False, slots=True)
class Reduce(Node):
    """``reduction`` of the body over the bound variables where the predicate holds.

    The body is not evaluated where the predicate fails. Of nothing: sum 0, prod 1, max -inf, min inf.
    ``ranges`` gives ranges for variables that only the predicate names.
    """

    reduction: str
    bound: Axes
    predicate: Predicate
    body: Node
    ranges: Axes = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = predicate_variables(self.predicate)
        own = {v: b for v, b in self.ranges.items() if v in named}
        # a bound variable's own range counts, also where the body was built with a wider one
        outer = join_axes([own, {v: b for v, b in self.body.axes.items() if v not in self.bound}])
        self.axes = {v: b for v, b in outer.items() if v not in self.bound}
        if missing := _indices(named) - self.axes.keys() - self.bound.keys():
            raise ValueError(f"no range given for predicate variables {sorted(missing)}")


@dataclass(eq=False, slots=True)
class Reindex(Node):
    """``body`` read at other indices: each of the body's variables in ``mapping`` becomes that
    expression. Where an expression leaves the variable's range the element has no value.
    """

    body: Node
    mapping: dict[str, Affine]
    ranges: Axes

    def __post_init__(self) -> None:
        self.mapping = {v: e for v, e in self.mapping.items() if v in self.body.axes}
        named = frozenset().union(*(e.variables for e in self.mapping.values())) if self.mapping else frozenset()
        own = {v: b for v, b in self.ranges.items() if v in named}
        kept = {v: b for v, b in self.body.axes.items() if v not in self.mapping}
        self.axes = join_axes([own, kept])
        if missing := _indices(named) - self.axes.keys():
            raise ValueError(f"no range given for index variables {sorted(missing)}")


@dataclass(eq=False, slots=True)
class Restrict(Node):
    """``body`` on narrower ranges of some of its variables (a slice keeps global coordinates)."""

    body: Node
    ranges: Axes

    def __post_init__(self) -> None:
        self.axes = {v: self.ranges.get(v, b) for v, b in self.body.axes.items()}


@dataclass(eq=False)
class Recurrence:
    """The arrays that a loop carries from round to round.

    Carry ``k`` has the axes ``axes[k]``; before round 0 its elements are ``initial[k]``, and round
    ``variable`` makes ``step[k]`` of them, an expression over the carry's axes, the round, and
    ``Carried`` nodes of this recurrence. ``invariant[k]``, where given, claims what the elements are
    before round ``variable``; it is checked like any other guess.
    """

    variable: str
    """The number of the round, from 0; a name that nothing else has."""
    rounds: Affine
    """How many rounds there are; not negative."""
    axes: tuple[Axes, ...]
    initial: tuple[Node, ...]
    outer: Axes
    """Ranges of the variables outside that anything in the loop may name, those of ``rounds`` included."""
    location: object = None
    step: tuple[Node, ...] = ()
    """Set once, when the body has been read."""
    invariant: tuple[Node | None, ...] = ()


@dataclass(eq=False, slots=True)
class Carried(Node):
    """Element ``index`` of what ``recurrence`` carries as number ``number`` after ``round`` rounds."""

    recurrence: Recurrence
    number: int
    index: tuple[Affine, ...]
    round: Affine
    ranges: Axes
    """Ranges of the variables that the index and the round name."""

    def __post_init__(self) -> None:
        used = frozenset().union(self.round.variables, *(i.variables for i in self.index))
        own = {v: b for v, b in self.ranges.items() if v in used}
        self.axes = join_axes([own, self.recurrence.outer])
        if missing := _indices(used) - self.axes.keys():
            raise ValueError(f"no range given for index variables {sorted(missing)}")


@dataclass(eq=False, slots=True)
class Scatter(Node):
    """``body`` at the one tuple of ``bound`` at which the predicate holds, ``base`` where it holds at none.

    Where it holds at several there is no value. ``ranges`` is for variables that only the predicate names.
    """

    bound: Axes
    predicate: Predicate
    body: Node
    base: Node
    ranges: Axes = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = predicate_variables(self.predicate)
        own = {v: b for v, b in self.ranges.items() if v in named and v not in self.bound}
        inner = {v: b for v, b in self.body.axes.items() if v not in self.bound}
        if clash := self.bound.keys() & self.base.axes.keys():
            raise ValueError(f"the base of a scatter names the bound variables {sorted(clash)}")
        self.axes = join_axes([own, inner, self.base.axes])
        if missing := _indices(named) - self.axes.keys() - self.bound.keys():
            raise ValueError(f"no range given for predicate variables {sorted(missing)}")


class AxesConflict(ValueError):
    """Two operands name one variable with different ranges."""


def join_axes(parts: Iterable[Mapping[str, Bounds]]) -> Axes:
    total: Axes = {}
    for part in parts:
        for name, bounds in part.items():
            known = total.setdefault(name, bounds)
            if known is not bounds and known != bounds:
                raise AxesConflict(f"{name} ranges over [{known[0]}, {known[1]}) and [{bounds[0]}, {bounds[1]})")
    return total


def _indices(variables: Iterable[str]) -> frozenset[str]:
    """Without the unknowns of symbolic sizes (``#N``), which have one value for the whole launch, and without
    data (``@I[k]``), whose value is that of the inputs: neither has a range."""
    return frozenset(v for v in variables if v[0] not in "#@")


def bounds(low: AffineLike, high: AffineLike) -> Bounds:
    return (Affine.of(low), Affine.of(high))


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside, those that a predicate compares included. Below a loop the graph has cycles."""
    of_kind = _CHILDREN.get(type(node))
    return of_kind(node) if of_kind is not None else ()


def _compared(predicate: Predicate) -> tuple[Node, ...]:
    """The values that a predicate compares."""
    if predicate is ALWAYS or not any_data_known():
        return ()
    from stile_engine.term.comparison import compared

    return compared(predicate)


_CHILDREN: dict[type[Node], Callable[[Any], tuple[Node, ...]]] = {
    Apply: attrgetter("operands"),
    Power: lambda node: (node.base,),
    Select: lambda node: (node.chosen, node.other, *_compared(node.predicate)),
    Reduce: lambda node: (node.body, *_compared(node.predicate)),
    Scatter: lambda node: (node.body, node.base, *_compared(node.predicate)),
    Reindex: lambda node: (node.body,),
    Restrict: lambda node: (node.body,),
    # a step leads back to where it is carried
    Carried: lambda node: (*node.recurrence.initial, *node.recurrence.step),
}


def every_node(*roots: Node, below: Callable[[Node], Sequence[Node]] = children) -> Iterator[Node]:
    """The expressions and all that they are made of, each node once, from left to right. ``below`` gives the
    nodes to go on with."""
    seen: set[Node] = set()
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        inner = below(node)
        if inner:
            waiting.extend(inner[::-1])


ZERO = Const(Fraction(0))
ONE = Const(Fraction(1))
NEGATIVE_INFINITY = Infinity(-1)
POSITIVE_INFINITY = Infinity(1)


def number(value: int | Fraction) -> Node:
    return Const(Fraction(value))


def add(left: Node, right: Node) -> Node:
    return Apply("add", (left, right))


def subtract(left: Node, right: Node) -> Node:
    return Apply("sub", (left, right))


def multiply(left: Node, right: Node) -> Node:
    return Apply("mul", (left, right))


def divide(left: Node, right: Node) -> Node:
    return Apply("div", (left, right))


def negate(operand: Node) -> Node:
    return Apply("neg", (operand,))


def apply(function: str, *operands: Node) -> Node:
    known = UNARY_FUNCTIONS if len(operands) == 1 else BINARY_FUNCTIONS
    if function not in known:
        raise ValueError(f"unknown function {function!r} of {len(operands)} operands")
    return Apply(function, operands)


def select(predicate: Predicate, chosen: Node, other: Node, ranges: Axes) -> Node:
    return Select(predicate, chosen, other, ranges)


def reduce(reduction: str, bound: Axes, body: Node, predicate: Predicate = ALWAYS, ranges: Axes | None = None) -> Node:
    if reduction not in REDUCTIONS:
        raise ValueError(f"unknown reduction {reduction!r}")
    return Reduce(reduction, bound, predicate, body, ranges or {})
