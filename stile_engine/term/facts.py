"""What was declared of an input. Facts are part of an input's identity: two inputs of one name with
different facts are different inputs, and nothing that was found under a fact can meet a term without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate, variables

if TYPE_CHECKING:
    from stile_engine.term.expression import Tensor

VALUE = "?value"
"""Stands for the element itself in the predicate of a ``Bound`` or a ``Link``."""
OTHER = "?other"
"""Stands for the element of the other input in a ``Link``."""


@dataclass(frozen=True, slots=True)
class Bound:
    """``predicate`` holds at every index: over ``VALUE`` and the input's own dims.

    ``convex``: it is a conjunction of comparisons of ``VALUE`` alone.
    """

    predicate: Predicate
    convex: bool


@dataclass(frozen=True, slots=True)
class Link:
    """``predicate`` over ``VALUE``, the element ``OTHER`` of another input, and the dims of both, wherever
    the two are read at the same indices. ``other`` is that input without its own links."""

    predicate: Predicate
    other: Tensor


@dataclass(frozen=True, slots=True)
class Unique:
    """No two elements are equal."""


@dataclass(frozen=True, slots=True)
class Permutation:
    """One dim, as long as ``extent``; each of ``0 … extent - 1`` is an element exactly once."""

    extent: Affine


@dataclass(frozen=True, slots=True)
class Sorted:
    """One dim; no element is smaller than the one before it."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """One dim, sorted, and the elements equal to g stand at ``offsets[g] … offsets[g + 1] - 1``.

    ``marks`` are the offsets as an input, without this one in their own fact (``paired``).
    """

    offsets: str
    extent: Affine
    marks: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Offsets:
    """``offsets[g]`` is the number of elements of ``blocks`` (``length`` in all) that are smaller than g.

    One element for each of the ``extent`` groups, and possibly one more, ``length``, at the end.
    ``groups`` are the blocks as an input, without these offsets in their own fact.
    """

    blocks: str
    extent: Affine
    length: Affine
    groups: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Signs:
    """Each element has one of these signs, as a mask of ``term/signs.py``."""

    mask: int


Fact: TypeAlias = Bound | Link | Unique | Permutation | Sorted | Blocks | Offsets | Signs


def sizes_named(fact: Fact) -> frozenset[str]:
    """The unknowns of symbolic sizes that a fact speaks of."""
    match fact:
        case Bound(predicate) | Link(predicate):
            names = variables(predicate)
        case Permutation(extent) | Blocks(_, extent):
            names = extent.variables
        case Offsets(_, extent, length):
            names = extent.variables | length.variables
        case _:
            return frozenset()
    return frozenset(name for name in names if name.startswith("#"))


def paired(blocks: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the other one in their facts: from an element of either, elements of the other can be made."""
    return _with_marks(blocks, _alone(offsets)), _with_groups(offsets, _alone(blocks))


def offsets_of(blocks: Tensor) -> Tensor | None:
    """The offsets of groups, where ``blocks`` says of each element in which group it is."""
    marks = next((f.marks for f in blocks.facts if isinstance(f, Blocks)), None)
    return None if marks is None else _with_groups(marks, _alone(blocks))


def groups_of(offsets: Tensor) -> Tensor | None:
    """The group of each element, where ``offsets`` says where groups begin."""
    groups = next((f.groups for f in offsets.facts if isinstance(f, Offsets)), None)
    return None if groups is None else _with_marks(groups, _alone(offsets))


def _alone(tensor: Tensor) -> Tensor:
    return _with_groups(_with_marks(tensor, None), None)


def _with_marks(blocks: Tensor, marks: Tensor | None) -> Tensor:
    return replace(blocks, facts=tuple(replace(f, marks=marks) if isinstance(f, Blocks) else f for f in blocks.facts))


def _with_groups(offsets: Tensor, groups: Tensor | None) -> Tensor:
    facts = tuple(replace(f, groups=groups) if isinstance(f, Offsets) else f for f in offsets.facts)
    return replace(offsets, facts=facts)
