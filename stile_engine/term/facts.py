"""What was declared of an input. Facts are part of an input's identity: two inputs of one name with
different facts are different inputs, and nothing that was found under a fact can meet a term without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from stile_engine.index.affine import Affine
from stile_engine.index.predicate import Predicate

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
    """One dim, sorted, and the elements equal to g stand at ``offsets[g] … offsets[g + 1] - 1``."""

    offsets: str
    extent: Affine


@dataclass(frozen=True, slots=True)
class Offsets:
    """``offsets[g]`` is the number of elements of ``blocks`` (``length`` in all) that are smaller than g.

    One element for each of the ``extent`` groups, and possibly one more, ``length``, at the end.
    """

    blocks: str
    extent: Affine
    length: Affine


@dataclass(frozen=True, slots=True)
class Signs:
    """Each element has one of these signs, as a mask of ``term/signs.py``."""

    mask: int


Fact: TypeAlias = Bound | Link | Unique | Permutation | Sorted | Blocks | Offsets | Signs
