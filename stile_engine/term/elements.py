"""Elements of integer inputs as data variables: ``I[2*k]`` in an index or a predicate.

What was declared of an input holds at each of its elements. Outside the input's shape an element has
no value; there its token may stand for any integer, so facts about one element by itself are stated
without asking where it is read, and all others only inside the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b

from stile_engine.index import data
from stile_engine.index.affine import Affine
from stile_engine.index.names import combined
from stile_engine.index.predicate import (
    ALWAYS,
    Predicate,
    compare,
    conjunction,
    disjunction,
    in_range,
    negate,
)
from stile_engine.index.predicate import substitute as substitute_predicate
from stile_engine.term.expression import Tensor
from stile_engine.term.facts import (
    OTHER,
    VALUE,
    Blocks,
    Bound,
    Link,
    Offsets,
    Permutation,
    Sorted,
    Unique,
    groups_of,
    offsets_of,
)


class Element(data.Datum):
    """``tensor[arguments]``, or the index at which a permutation holds its only argument (``inverse``)."""

    __slots__ = ("arguments", "inverse", "tensor")

    tensor: Tensor
    arguments: tuple[Affine, ...]
    inverse: bool

    @property
    def height(self) -> int:
        return max((data.height_of(a.variables) for a in self.arguments), default=0)

    @property
    def digest(self) -> str:
        way = "place" if self.inverse else "element"
        return combined(f"{way} {self.tensor.name}{_identity(self.tensor)}", [a.digest for a in self.arguments])

    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        return _token(self.tensor, tuple(a.substitute(mapping) for a in self.arguments), self.inverse)

    def render(self, name: Callable[[str], str]) -> str:
        shown = ", ".join(a.render(lambda v: data.render(v, name)) for a in self.arguments)
        label = f"#{self.tensor.name}" if self.tensor.name.isdigit() else self.tensor.name
        return f"{label}^-1[{shown}]" if self.inverse else f"{label}[{shown}]"

    @property
    def value(self) -> Affine:
        return Affine.variable(self.token)

    @property
    def inside(self) -> Predicate:
        """The arguments lie in the input's shape."""
        if self.inverse:
            return in_range(self.arguments[0], 0, self.tensor.shape[0])
        return conjunction(*(in_range(a, 0, s) for a, s in zip(self.arguments, self.tensor.shape, strict=True)))

    def bounds(self) -> Predicate | None:
        parts: list[Predicate] = []
        for fact in self.tensor.facts:
            match fact:
                case Bound(predicate, convex=True) if not self.inverse:
                    parts.append(substitute_predicate(predicate, {VALUE: self.value}))
                case Permutation(extent):
                    parts.append(in_range(self.value, 0, extent))
                case Blocks(_, extent, _):
                    parts.append(in_range(self.value, 0, extent))
                case Offsets(_, _, length, _):
                    parts.append(in_range(self.value, 0, length + 1))
        return conjunction(*parts) if parts else None

    def reads(self) -> list[tuple[object, Affine]]:
        return [((self.tensor, self.inverse, axis), a) for axis, a in enumerate(self.arguments)]

    def preimage(self, value: Affine) -> data.Preimage | None:
        extent = permuted(self.tensor)
        if extent is None:
            return None
        # a permutation takes each value in range at exactly one place
        place = _token(self.tensor, (value,), not self.inverse)
        return data.Preimage(self.arguments[0], place, in_range(value, 0, extent), self.inside)

    def segment(self) -> data.Segment | None:
        fact = next((f for f in self.tensor.facts if isinstance(f, Offsets)), None)
        groups = groups_of(self.tensor)
        if fact is None or groups is None or self.inverse or self.tensor.shape[0] != fact.extent + 1:
            return None
        (argument,) = self.arguments
        return data.Segment(
            argument,
            in_range(argument, 0, fact.extent),
            self.value,
            _token(self.tensor, (argument + 1,), inverse=False),
            lambda member: _token(groups, (member,), inverse=False),
            lambda member: in_range(member, 0, fact.length),
        )

    def group(self, number: Affine) -> data.Group | None:
        fact = next((f for f in self.tensor.facts if isinstance(f, Blocks)), None)
        marks = offsets_of(self.tensor)
        if fact is None or marks is None or self.inverse or marks.shape[0] != fact.extent + 1:
            return None
        low, high = (_token(marks, (number + k,), inverse=False) for k in range(2))
        (member,) = self.arguments
        return data.Group(
            member, self.inside, conjunction(in_range(number, 0, fact.extent), in_range(member, low, high))
        )

    def relations(self, others: Sequence[data.Datum]) -> list[Predicate]:
        found = [p for fact in self.tensor.facts for p in self._of(fact, others)]
        return [p for p in found if p != ALWAYS]

    def _of(self, fact: object, others: Sequence[data.Datum]) -> Iterator[Predicate]:
        elements = [o for o in others if isinstance(o, Element)]
        match fact:
            case Bound(predicate, convex=False) if not self.inverse:
                named = {**dict(zip(self.tensor.dims, self.arguments, strict=True)), VALUE: self.value}
                yield _implies(self.inside, substitute_predicate(predicate, named))
            case Link(predicate, tensor) if not self.inverse:
                for other in elements:
                    mapping = self._linked(other, tensor)
                    if mapping is not None:
                        holds = substitute_predicate(predicate, mapping)
                        yield _implies(conjunction(self.inside, other.inside), holds)
            case Unique() | Permutation():
                # a permutation repeats nothing, and neither does its inverse
                for other in elements:
                    if other is not self and other.tensor == self.tensor and other.inverse == self.inverse:
                        same = _same_arguments(self, other)
                        inside = conjunction(self.inside, other.inside, compare(self.value, "==", other.value))
                        yield _implies(inside, same)
            case Sorted():
                yield from self._in_order(elements)
            case Blocks(offsets, _, _):
                yield from self._in_order(elements)
                for other in elements:
                    if other.tensor.name == offsets and self._is_marked_by(other):
                        # the elements smaller than g stand before offsets[g], all others from there on
                        inside = conjunction(self.inside, other.inside)
                        (place,), (group,) = self.arguments, other.arguments
                        before = compare(place, "<", other.value)
                        smaller = compare(self.value, "<", group)
                        yield _implies(conjunction(inside, before), smaller)
                        yield _implies(conjunction(inside, smaller), before)
            case Offsets(_, extent, length, _):
                yield from self._in_order(elements)
                (group,) = self.arguments
                yield _implies(compare(group, "==", 0), compare(self.value, "==", 0))
                yield _implies(compare(group, "==", extent), compare(self.value, "==", length))

    def _is_marked_by(self, other: Element) -> bool:
        return any(isinstance(f, Offsets) and f.blocks == self.tensor.name for f in other.tensor.facts)

    def _in_order(self, elements: list[Element]) -> Iterator[Predicate]:
        for other in elements:
            if other is not self and other.tensor == self.tensor and not other.inverse and not self.inverse:
                inside = conjunction(self.inside, other.inside)
                earlier = compare(self.arguments[0], "<=", other.arguments[0])
                yield _implies(conjunction(inside, earlier), compare(self.value, "<=", other.value))

    def _linked(self, other: Element, tensor: Tensor) -> dict[str, Affine] | None:
        """What the dims of a link stand for, if the two elements are read at the same dims."""
        if other.inverse or (other.tensor.name, other.tensor.dims) != (tensor.name, tensor.dims):
            return None
        mapping = dict(zip(self.tensor.dims, self.arguments, strict=True))
        for dim, argument in zip(tensor.dims, other.arguments, strict=True):
            if mapping.setdefault(dim, argument) != argument:
                return None
        return {**mapping, VALUE: self.value, OTHER: other.value}


def _implies(condition: Predicate, conclusion: Predicate) -> Predicate:
    return disjunction(negate(condition), conclusion)


def _same_arguments(one: Element, other: Element) -> Predicate:
    return conjunction(*(compare(a, "==", b) for a, b in zip(one.arguments, other.arguments, strict=True)))


def element(tensor: Tensor, arguments: tuple[Affine, ...]) -> Affine:
    """The element of an integer input at these indices, as an index expression."""
    if len(arguments) != len(tensor.shape):
        raise ValueError(f"{tensor.name} has {len(tensor.shape)} dims and is read at {len(arguments)} indices")
    return _token(tensor, arguments, inverse=False)


def place_of(tensor: Tensor, value: Affine) -> Affine:
    """The index at which a permutation holds the value."""
    return _token(tensor, (value,), inverse=True)


def permuted(tensor: Tensor) -> Affine | None:
    """The length of an input that is declared a permutation."""
    return next((f.extent for f in tensor.facts if isinstance(f, Permutation)), None)


def element_of(token: str) -> Element | None:
    found = data.known(token)
    return found if isinstance(found, Element) else None


def _token(tensor: Tensor, arguments: tuple[Affine, ...], inverse: bool) -> Affine:
    if len(arguments) == 1 and permuted(tensor) is not None:
        inner = _only_token(arguments[0])
        if inner is not None and inner.tensor == tensor and inner.inverse != inverse:
            # I[I^-1[s]] = s and I^-1[I[t]] = t, wherever the inner one has a value
            return inner.arguments[0]
    made = Element()
    made.tensor, made.arguments, made.inverse = tensor, arguments, inverse
    shown = ", ".join(str(a) for a in arguments)
    made.token = f"{data.MARK}{tensor.name}{'^-1' if inverse else ''}{_identity(tensor)}[{shown}]"
    while (other := element_of(made.token)) is not None and (other.tensor, other.arguments) != (tensor, arguments):
        made.token += "'"  # two inputs with one mark
    made.variables = frozenset().union(*(a.variables for a in arguments)) if arguments else frozenset()
    made.variables |= frozenset().union(*(s.variables for s in tensor.shape)) if tensor.shape else frozenset()
    data.register(made)
    return Affine.variable(made.token)


def _only_token(argument: Affine) -> Element | None:
    if argument.constant or len(argument.terms) != 1:
        return None
    atom, coefficient = argument.terms[0]
    return element_of(atom) if coefficient == 1 and isinstance(atom, str) and data.is_token(atom) else None


def _identity(tensor: Tensor) -> str:
    """Tells inputs of one name apart that differ in dims, sizes, facts or span."""
    sizes = ", ".join(str(s) for s in tensor.shape)
    parts = f"{' '.join(tensor.dims)}|{sizes}|{tensor.facts!r}|{tensor.span}"
    return f"~{blake2b(parts.encode(), digest_size=6).hexdigest()}"


def elements_of(names: frozenset[str]) -> list[Element]:
    """The elements among the variables, in order of their text."""
    return [d for t in data.tokens_of(names) if isinstance(d := data.datum(t), Element)]


def defined(index: Affine) -> Predicate:
    """Where the expression has a value: every element that it names lies inside its input."""
    parts = [e.inside for e in elements_of(index.variables)]
    return conjunction(*dict.fromkeys(parts)) if parts else ALWAYS
