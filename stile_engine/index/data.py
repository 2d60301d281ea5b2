"""Data variables: integers that inputs hold, standing in index expressions like any other variable.

``I[2*k]`` as an index is one opaque integer: a *token*, a name that begins with ``@``. Sets and index
expressions treat it as a variable of its own; what it stands for is its *datum*. Two things follow
from the datum and from nothing else: a token varies with the variables that its arguments name, so
replacing those replaces the token; and what was declared of the data holds at every token
(``Datum.bounds`` and ``Datum.relations``).

The index layer does not know what an array is: data are registered from above.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stile_engine.index.names import combined

if TYPE_CHECKING:
    from stile_engine.index.affine import Affine
    from stile_engine.index.predicate import Predicate
    from stile_engine.index.sets import IndexSet

MARK = "@"


@dataclass(frozen=True, slots=True)
class Preimage:
    """Where data that are one to one take a value: ``argument == place`` if ``possible``, and nowhere else,
    for arguments that lie ``inside``."""

    argument: Affine
    place: Affine
    possible: Predicate
    inside: Predicate


@dataclass(frozen=True, slots=True)
class Segment:
    """Data that say where groups begin: the members of group ``argument`` are those from ``low`` up to ``high``, for
    an argument that lies ``inside``. Every member has one ``group``."""

    argument: Affine
    inside: Predicate
    low: Affine
    high: Affine
    group: Callable[[Affine], Affine]
    is_member: Callable[[Affine], Predicate]


@dataclass(frozen=True, slots=True)
class Group:
    """Data that say which group a ``member`` belongs to: for one that lies ``inside`` it is the group of a number
    exactly where the predicate ``among`` holds."""

    member: Affine
    inside: Predicate
    among: Predicate


class Datum(ABC):
    """What a token stands for. One datum for each token, made once."""

    __slots__ = ("token", "variables")

    token: str
    variables: frozenset[str]
    """All variables that its value varies with, tokens among its arguments included."""

    @property
    def height(self) -> int:
        """Greatest number of a binder inside, in its arguments as well: a binder outside needs a greater one."""
        return 0

    @property
    def digest(self) -> str:
        """Orders data by structure, with the names of bound variables last."""
        return combined(self.token, ())

    @abstractmethod
    def substitute(self, mapping: Mapping[str, Affine]) -> Affine:
        """The value once the variables are replaced, all at once: most often another token."""

    @abstractmethod
    def render(self, name: Callable[[str], str]) -> str:
        """The text for messages, with plain variables renamed."""

    def bounds(self) -> Predicate | None:
        """A conjunction of comparisons that holds for this token alone, whatever its arguments are."""
        return None

    def relations(self, others: Sequence[Datum]) -> Sequence[Predicate]:
        """What holds of this token and any of the others (itself among them), fact by fact."""
        return ()

    def reads(self) -> list[tuple[object, Affine]]:
        """The indices that it is read at, each with what is read there: equal for the same axis of one input."""
        return []

    def excluded(self, others: Sequence[Datum]) -> list[tuple[IndexSet, Predicate]]:
        """Sets at whose members the predicate over its own token cannot hold."""
        return []

    def reaches_zero(self, bound: tuple[str, ...], box: IndexSet) -> bool:
        """Whether it is known to be 0 for some values of ``bound`` in the box, whatever the other variables are."""
        return False

    def preimage(self, value: Affine) -> Preimage | None:
        """Where the datum takes the value, if it is known to do so at one place at most."""
        return None

    def segment(self) -> Segment | None:
        """The group that begins at the datum, if it says where one begins."""
        return None

    def group(self, number: Affine) -> Group | None:
        """What it means that the datum is that number, if it is the number of a group."""
        return None


_data: dict[str, Datum] = {}


def register(made: Datum) -> Datum:
    """The datum of this token: the first one registered."""
    return _data.setdefault(made.token, made)


def known(token: str) -> Datum | None:
    return _data.get(token)


def datum(token: str) -> Datum:
    return _data[token]


def any_known() -> bool:
    """Whether there are any data variables at all; most kernels have none."""
    return bool(_data)


def is_token(name: str) -> bool:
    return name.startswith(MARK)


def tokens_of(names: Iterable[str]) -> tuple[str, ...]:
    """The tokens among the names, in order of their text."""
    if not _data:
        return ()
    return tuple(sorted(n for n in names if n.startswith(MARK)))


def height_of(names: Iterable[str]) -> int:
    """Greatest number of a binder inside of the tokens among the names."""
    return max((_data[t].height for t in tokens_of(names)), default=0)


def closure(names: frozenset[str]) -> frozenset[str]:
    """The names, and all that the tokens among them vary with."""
    tokens = tokens_of(names)
    return names.union(*(_data[t].variables for t in tokens)) if tokens else names


def without(names: Iterable[str], bound: Iterable[str]) -> frozenset[str]:
    """The free ones of ``names`` where ``bound`` are bound: a token that varies with a bound variable
    has no value outside either."""
    gone = frozenset(bound)
    kept = frozenset(names) - gone
    if not _data:
        return kept
    tokens = tokens_of(kept)
    if not tokens:
        return kept
    return kept - {t for t in tokens if not gone.isdisjoint(_data[t].variables)}


def extended(mapping: Mapping[str, Affine], names: Iterable[str]) -> Mapping[str, Affine]:
    """The mapping with an entry for every token among ``names`` that varies with what it replaces."""
    tokens = [t for t in tokens_of(names) if t not in mapping and not _data[t].variables.isdisjoint(mapping)]
    if not tokens:
        return mapping
    return {**mapping, **{t: _data[t].substitute(mapping) for t in tokens}}


def render(name: str, plain: Callable[[str], str] = str) -> str:
    """A variable's text; a token's is that of its datum."""
    found = _data.get(name)
    return plain(name) if found is None else found.render(plain)
