"""Operations of plain code that take elements of different dims, or of different places of a dim, together.

Nothing here decides a verdict. Whether such a meeting is a mistake, only the proof can say: where it
succeeds, every alignment was meant; where it fails, one that the spec does not make is its nearest cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from stile_engine.index.affine import Affine
from stile_engine.term.expression import Axes
from stile_engine.term.provenance import Label, Provenance, axis_text, label, mismatch, strands_of
from stile_engine.term.value import Value
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Meeting

Pairs = frozenset[frozenset[str]]
"""Dims that may meet, pair by pair; a dim alone: at different places of it."""


@dataclass(frozen=True, slots=True)
class Side:
    """One operand: its number among those with axes, what its axis runs along, and the inputs that this comes from."""

    number: int
    text: str
    dims: tuple[str, ...]
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misalignment:
    """``left`` and ``right`` meet along an axis of ``size`` elements; ``kind`` as ``provenance.mismatch`` has it.
    ``operands``: how many operands with axes the operation has."""

    meeting: Meeting
    kind: str
    left: Side
    right: Side
    size: Affine
    summed: bool

    @property
    def operands(self) -> int:
        return len(self.meeting.operands)


def misalignments(
    meetings: Sequence[Meeting], provenance: Provenance, meant: Pairs, extents: Mapping[str, Affine]
) -> list[Misalignment]:
    """Those that the spec does not make itself, in the order of the run, each place of the text once for a kind."""
    found: dict[tuple[Site, str], Misalignment] = {}
    for meeting in meetings:
        for one in _of_meeting(meeting, provenance, meant, extents):
            found.setdefault((meeting.site, one.kind), one)
    return list(found.values())


def _of_meeting(
    meeting: Meeting, provenance: Provenance, meant: Pairs, extents: Mapping[str, Affine]
) -> Iterator[Misalignment]:
    touches = [provenance.of_parts(parts) for parts in meeting.operands]
    for variable, (low, high) in meeting.variables.items():
        size = high - low
        if size == Affine((), 1):
            continue
        labels = [label(strands_of(t, variable, meeting.variables)) for t in touches]
        named = [(k, name) for k, name in enumerate(labels) if name is not None]
        # Of many parts that stand side by side each is held against the first.
        pairs = ((named[0], other) for other in named[1:]) if meeting.beside else combinations(named, 2)
        for (i, left), (j, right) in pairs:
            kind = mismatch(left, right)
            if kind is None or (meeting.beside and kind != "dims") or is_meant(left, right, meant):
                continue
            one, other = _side(i, left, size, extents), _side(j, right, size, extents)
            yield Misalignment(meeting, kind, one, other, size, variable in meeting.summed)


def _side(number: int, name: Label, size: Affine, extents: Mapping[str, Affine]) -> Side:
    text = axis_text(name, size, extents) or " ".join(s.dim for s in name)
    return Side(number, text, tuple(s.dim for s in name), tuple(dict.fromkeys(s.tensor for s in name if s.tensor)))


def is_meant(left: Label, right: Label, meant: Pairs) -> bool:
    """Whether the spec lets each of the differing dims meet."""
    return all(frozenset({a.dim, b.dim}) in meant for a, b in zip(left, right, strict=True) if a != b)


def dims_read_apart(value: Value, provenance: Provenance) -> frozenset[str]:
    """The dims that one element of the value reads at several places, as one of its own indices tells them."""
    touches = provenance.touches(value.node)
    found: set[str] = set()
    for dim in value.dims:
        strands = strands_of(touches, dim.name, value.axes)
        found |= {a.dim for a, b in combinations(strands, 2) if a.dim == b.dim and (a.is_run or b.is_run)}
    return frozenset(found)


def of_result(
    actual: Value, spec: Value, provenance: Provenance, meant: Pairs, extents: Mapping[str, Affine]
) -> Iterator[tuple[str, str]]:
    """For each axis of a result that runs along another dim than that of its spec: ``(dim, its dim in the spec)``."""
    own: Axes = spec.axes
    touches, wanted = provenance.touches(actual.node), provenance.touches(spec.node)
    for dim in spec.dims:
        found = label(strands_of(touches, dim.name, own))
        expected = label(strands_of(wanted, dim.name, own))
        if found is None or expected is None or mismatch(found, expected) != "dims" or is_meant(found, expected, meant):
            continue
        size = dim.high - dim.low
        yield _place(found, size, extents), _place(expected, size, extents)


def _place(name: Label, size: Affine, extents: Mapping[str, Affine]) -> str:
    """As in a hover; where sizes are symbolic, an axis that starts where its dim does is said to be the dim."""
    first = name[0]
    extent = extents.get(first.dim)
    from_the_start = len(name) == 1 and first.is_run and first.step == 1 and first.offset == Affine()
    if from_the_start and extent is not None and not (extent - size).is_constant:
        return first.dim
    return axis_text(name, size, extents) or " ".join(s.dim for s in name)
