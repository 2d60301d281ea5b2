"""What a proof says: plain data, importable without the set library.

One function, ``kernel_status``, decides the status of a kernel for the command line, the server
and the tests alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """The one list of statuses (INTERFACES): life-cycle first, then outcomes."""

    STALE = "stale"
    QUEUED = "queued"
    RUNNING = "running"
    PROVED = "proved"
    ASSUMED = "assumed"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    ERROR = "error"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Zero-based line, and column in UTF-16 code units."""

    line: int
    character: int


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Half-open, in the file under check unless a ``Location`` says otherwise."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Location:
    """A range in another file (``path``), or in the checked one (``path`` is None)."""

    range: Range
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something the prover needed (``origin`` literal, divisor, sentinel, platform) or was given (user)."""

    text: str
    origin: str
    range: Range | None = None


@dataclass(frozen=True, slots=True)
class LiteralReading:
    """A float literal that was read as an exact number."""

    written: str
    read: str
    range: Range | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A confirmed counterexample. Numbers that JSON lacks are the strings nan, inf, -inf."""

    sizes: dict[str, int] = field(default_factory=dict)
    output: str | None = None
    index: dict[str, int] = field(default_factory=dict)
    kernel: float | str | None = None
    spec: float | str | None = None
    seed: int | None = None
    set: str | None = None
    repro: str | None = None
    drawn: str | None = None
    """How the inputs were drawn from the seed (``proof/inputs.py``)."""
    spikes: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """The elements of inputs that stand out, by label."""
    run: str | None = None
    """What a run of the kernel itself on these inputs came to, where there was one."""

    @property
    def places(self) -> dict[str, int]:
        """The index, and the sizes of dims that have none of their own: a dim and its index share a name."""
        return {**self.index, **{f"size({name})": size for name, size in self.sizes.items()}}


@dataclass(frozen=True, slots=True)
class Obligation:
    """One thing that must hold. ``kind``: value shape coverage bounds defined race overflow invariant."""

    kind: str
    status: Status
    range: Range | None = None
    spec: str | None = None
    milliseconds: float = 0.0
    detail: str | None = None
    witness: Witness | None = None


# Worst first: what a kernel with several obligations ends as.
_SEVERITY = (
    Status.ERROR,
    Status.CRASHED,
    Status.TIMEOUT,
    Status.REFUTED,
    Status.UNSUPPORTED,
    Status.UNKNOWN,
    Status.ASSUMED,
)


def kernel_status(obligations: Sequence[Obligation], assumptions: Sequence[Assumption] = ()) -> Status:
    """The status of a kernel from all of its obligations; *proved* only if every one is.

    No obligation at all is *unknown*, never *proved*. Premises declared by the user do not
    lower the status; anything else that was assumed makes it *assumed* at best.
    """
    found = {o.status for o in obligations}
    for status in _SEVERITY:
        if status in found:
            return status
    if not obligations or found != {Status.PROVED}:
        return Status.UNKNOWN
    return Status.ASSUMED if any(a.origin != "user" for a in assumptions) else Status.PROVED
