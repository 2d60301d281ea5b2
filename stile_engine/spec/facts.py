"""``assume=``: facts about inputs, in the words of the spec language.

``I in D`` · ``I unique`` · ``I permutation of D`` · ``I sorted`` · ``I sorted by D with offsets OFF`` ·
a comparison such as ``len:b <= 128`` or ``len:b % 16 == 0`` · ``X finite``, ``positive``,
``nonnegative``, ``nonzero``, ``may be -inf``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, in_range
from stile_engine.index.predicate import variables as predicate_variables
from stile_engine.spec.indices import Indices
from stile_engine.spec.survey import Label
from stile_engine.spec.syntax import tree
from stile_engine.spec.syntax.errors import SpecError, SpecShapeError, SpecSyntaxError, SpecUnsupported
from stile_engine.spec.syntax.parser import parse
from stile_engine.term.expression import Tensor
from stile_engine.term.facts import (
    OTHER,
    VALUE,
    Blocks,
    Bound,
    Fact,
    Link,
    Offsets,
    Permutation,
    Signs,
    Sorted,
    Unique,
    paired,
)
from stile_engine.term.signs import NEGATIVE, NONNEGATIVE, NONPOSITIVE, POSITIVE, ZERO_SIGN

_NAME = r"([A-Za-z_][A-Za-z_0-9]*)"
_OF_SIGN = {
    "positive": POSITIVE,
    "nonnegative": NONNEGATIVE,
    "nonzero": POSITIVE | NEGATIVE,
    "finite": POSITIVE | NEGATIVE | ZERO_SIGN,
}
_COMPARED = {">": POSITIVE, ">=": NONNEGATIVE, "<": NEGATIVE, "<=": NONPOSITIVE, "!=": POSITIVE | NEGATIVE}
_FORMS = (
    "expected 'I in D', 'I unique', 'I permutation of D', 'I sorted', 'I sorted by D with offsets OFF', "
    "a comparison such as 'len:b <= 128', or 'X finite', 'positive', 'nonnegative', 'nonzero', 'may be -inf'"
)


class FactError(SpecError):
    """A fact that says nothing, or nothing that fits the inputs. ``fact`` is its text."""

    def __init__(self, fact: str, message: str, code: str = "spec-shape") -> None:
        super().__init__(f"assume={fact!r}: {message}", 0, len(fact))
        self.fact = fact
        self.code = code


@dataclass(slots=True)
class Declared:
    """What is known of each label: whether it is integer, its facts, and whether it may be infinite."""

    labels: dict[str, Label]
    extents: Mapping[str, Affine]
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    infinite: set[str] = field(default_factory=set)

    def tensor(self, name: str, dims: tuple[str, ...], shape: tuple[Affine, ...], integer: bool = False) -> Tensor:
        """The input of this label, or of this number."""
        label = self.labels.get(name)
        return Tensor(
            name,
            dims,
            shape,
            name in self.infinite,
            integer or (label is not None and label.integer),
            tuple(self.facts.get(name, ())),
            None if label is None else label.span,
        )


def declare(labels: dict[str, Label], extents: Mapping[str, Affine], facts: Sequence[str]) -> Declared:
    """The labels with what is declared of them. Raises ``FactError``."""
    declared = Declared(labels, extents)
    links: list[tuple[str, Fact]] = []
    for text in facts:
        for label, fact in _read(text.strip(), declared):
            if isinstance(fact, Link):
                links.append((label, fact))
            else:
                _add(declared, label, fact)
    for label, fact in links:
        assert isinstance(fact, Link)
        # what is said of the other input by itself is part of it, what links the two is not
        other = declared.tensor(fact.other.name, fact.other.dims, fact.other.shape)
        _add(declared, label, Link(fact.predicate, _without_links(other)))
    _pair(declared)
    return declared


def _pair(declared: Declared) -> None:
    """Groups and their offsets are told of each other once all else is known of both."""
    blocks = [(name, f.offsets) for name, facts in declared.facts.items() for f in facts if isinstance(f, Blocks)]
    for names in blocks:
        own = [declared.labels[name] for name in names]
        shapes = [tuple(declared.extents[d] for d in label.dims) for label in own]
        tensors = [declared.tensor(n, o.dims, s) for n, o, s in zip(names, own, shapes, strict=True)]
        for name, tensor in zip(names, paired(*tensors), strict=True):
            declared.facts[name] = list(tensor.facts)


def _without_links(tensor: Tensor) -> Tensor:
    from dataclasses import replace

    return replace(tensor, facts=tuple(f for f in tensor.facts if not isinstance(f, Link)))


def _add(declared: Declared, label: str, fact: Fact) -> None:
    own = declared.facts.setdefault(label, [])
    if fact not in own:
        own.append(fact)
        own.sort(key=repr)  # in whatever order they were written


def labels_of(text: str) -> tuple[str, ...]:
    """The labels that a fact speaks of as integers, as far as its form shows."""
    match = re.fullmatch(rf"\s*{_NAME}\s+(?:in\b.*|unique|sorted|permutation\b.*)\s*", text)
    if match is not None:
        return (match[1],)
    match = re.fullmatch(rf"\s*{_NAME}\s+sorted\s+by\s+{_NAME}\s+with\s+offsets\s+{_NAME}\s*", text)
    return () if match is None else (match[1], match[3])


def _read(text: str, declared: Declared) -> list[tuple[str, Fact]]:
    def form(pattern: str) -> re.Match[str] | None:
        return re.fullmatch(pattern.replace(" ", r"\s+").replace("NAME", _NAME), text)

    if match := form("NAME unique"):
        _integer(text, declared, match[1])
        return [(match[1], Unique())]
    if match := form("NAME sorted"):
        _one_dim(text, declared, match[1])
        return [(match[1], Sorted())]
    if match := form("NAME in NAME"):
        _integer(text, declared, match[1])
        extent = _extent(text, declared, match[2])
        return [(match[1], Bound(in_range(Affine.variable(VALUE), 0, extent), convex=True))]
    if match := form("NAME permutation of NAME"):
        (length,), extent = _one_dim(text, declared, match[1]), _extent(text, declared, match[2])
        if length != extent:
            raise FactError(text, f"{match[1]} has {length} elements, and {match[2]} has size {extent}")
        return [(match[1], Permutation(extent))]
    if match := form("NAME sorted by NAME with offsets NAME"):
        return _blocks(text, declared, match[1], match[2], match[3])
    if match := form("NAME may be -inf"):
        _label(text, declared, match[1])
        declared.infinite.add(match[1])
        return []
    if (match := form(r"NAME (\w+)")) and match[2] in _OF_SIGN:
        if _label(text, declared, match[1]).integer:
            raise FactError(text, f"{match[1]} is integer data: expected a comparison such as '{match[1]}:… > 0'")
        return [] if match[2] == "finite" else [(match[1], Signs(_OF_SIGN[match[2]]))]
    return _comparison(text, declared)


def _blocks(text: str, declared: Declared, name: str, dim: str, offsets: str) -> list[tuple[str, Fact]]:
    (length,), extent = _one_dim(text, declared, name), _extent(text, declared, dim)
    (count,) = _one_dim(text, declared, offsets)
    if count not in (extent, extent + 1):
        raise FactError(text, f"{offsets} has {count} elements: expected one for each of {dim}, or one more")
    return [(name, Blocks(offsets, extent)), (offsets, Offsets(name, extent, length))]


def _label(text: str, declared: Declared, name: str) -> Label:
    found = declared.labels.get(name)
    if found is None:
        known = ", ".join(declared.labels) or "none"
        raise FactError(text, f"{name} is no label of the spec; the labels are {known}")
    return found


def _integer(text: str, declared: Declared, name: str) -> Label:
    found = _label(text, declared, name)
    if not found.integer:
        raise FactError(text, f"{name} is not integer data: it stands in no index")
    return found


def _one_dim(text: str, declared: Declared, name: str) -> tuple[Affine, ...]:
    found = _integer(text, declared, name)
    if len(found.dims) != 1:
        raise FactError(text, f"{name} has dims {' '.join(found.dims) or '(none)'}: expected one dim")
    return (_extent(text, declared, found.dims[0]),)


def _extent(text: str, declared: Declared, dim: str) -> Affine:
    if dim not in declared.extents:
        raise FactError(text, f"{dim} is not a dim: the dims are {', '.join(sorted(declared.extents))}")
    return declared.extents[dim]


def _comparison(text: str, declared: Declared) -> list[tuple[str, Fact]]:
    try:
        body = parse(f"0 where {text}").body
    except SpecSyntaxError as error:
        raise FactError(text, _FORMS, "spec-syntax") from error
    assert isinstance(body, tree.Masked)
    condition = body.predicate
    parts = [p for p, _ in tree.walk(condition) if isinstance(p, tree.Data)]
    if any(isinstance(p, tree.IndexAt) for p, _ in tree.walk(condition)):
        raise FactError(text, "a fact speaks of elements at one index: expected no 'at'")
    names = tuple(dict.fromkeys(p.label.text for p in parts))
    if not names or len(names) > 2:
        raise FactError(text, "expected a comparison about one input or two, such as 'len:b <= 128'")
    for part in parts:
        own = _label(text, declared, part.label.text)
        if tuple(d.name.text for d in part.dims) != own.dims or any(d.low is not None for d in part.dims):
            raise FactError(text, f"{part.label.text} has dims {' '.join(own.dims)}: expected {_shown(part, own)}")
    if not all(_label(text, declared, n).integer for n in names):
        return [(names[0], Signs(_sign(text, condition, names)))]
    shapes = {n: tuple(_extent(text, declared, d) for d in declared.labels[n].dims) for n in names}
    if len(names) == 1:
        predicate = _predicate(text, condition, declared, {names[0]: VALUE})
        alone = predicate_variables(predicate) <= {VALUE} and _is_convex(predicate)
        return [(names[0], Bound(predicate, convex=alone))]
    found: list[tuple[str, Fact]] = []
    for own_name, other in (names, names[::-1]):
        predicate = _predicate(text, condition, declared, {own_name: VALUE, other: OTHER})
        found.append((own_name, Link(predicate, Tensor(other, declared.labels[other].dims, shapes[other]))))
    return found


def _shown(part: tree.Data, own: Label) -> str:
    return f"{part.label.text}:{' '.join(own.dims)}"


def _is_convex(predicate: Predicate) -> bool:
    from stile_engine.index.predicate import And, AtLeastZero, EqualsZero

    match predicate:
        case And(operands):
            return all(_is_convex(o) for o in operands)
        case AtLeastZero(expression) | EqualsZero(expression):
            return all(isinstance(atom, str) for atom, _ in expression.terms)
    return False


def _sign(text: str, condition: tree.Condition, names: Sequence[str]) -> int:
    """``X:N > 0`` says what ``X positive`` says."""
    match condition:
        case tree.Comparison(operators=(operator,), operands=(tree.Data(), tree.Integer(value=0))):
            found = _COMPARED.get(operator)
            if found is not None:
                return found
    raise FactError(text, f"{names[0]} is no integer data: expected a comparison with 0, such as '{names[0]}:… > 0'")


def _predicate(text: str, condition: tree.Condition, declared: Declared, named: Mapping[str, str]) -> Predicate:
    indices = Indices(declared.extents, lambda part: Affine.variable(named[part.label.text]))
    try:
        return indices.predicate(condition)
    except (SpecShapeError, SpecUnsupported) as error:
        raise FactError(text, error.message, error.code) from error
