"""What a run of one kernel leaves behind, as the front ends see it: values, violations, results, readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from stile_engine.proof.verdict import Status, Witness
from stile_engine.term.expression import Axes
from stile_engine.term.provenance import Part, Provenance
from stile_engine.term.value import Value
from stile_engine.trace.literals import Literal, ratio_text, read_as_one_of, read_literal, shortest_decimal
from stile_engine.trace.location import Site

if TYPE_CHECKING:
    from stile_engine.trace.questions import Questions


NOT_MODELLED = "not modelled: "
"""How the reasons of values begin that exist and are not told: a proof may not need them, and a refutation that
meets one is none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an editor shows of a value. ``dims`` has a text for each axis, ``dtype`` is its element type; where
    they are None the value says all that there is. ``text`` is called only when something shows it."""

    value: Value
    text: Callable[[], str]
    dims: tuple[str, ...] | None = None
    dtype: str | None = None


@dataclass(slots=True)
class RecordedValue:
    """The latest value of one expression of the source, and how often it was computed.

    ``made`` says what it is; it is called only when something shows it.
    """

    site: Site
    made: Callable[[], Shown]
    count: int = 1
    _shown: Shown | None = None

    @property
    def shown(self) -> Shown:
        if self._shown is None:
            self._shown = self.made()
        return self._shown

    @property
    def value(self) -> Value:
        return self.shown.value

    def expr_type(self) -> str:
        return self.shown.text()

    def computed(self, made: Callable[[], Shown]) -> None:
        self.made, self._shown, self.count = made, None, self.count + 1


@dataclass(slots=True)
class RecordedLoop:
    """A loop that was read once for all rounds: what names hold before a generic round, and after the last one."""

    before: dict[str, RecordedValue] = field(default_factory=dict)
    after: dict[str, RecordedValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meeting:
    """An operation at ``site`` that takes elements of its operands at one index.

    ``operands`` are written over common variables with the ranges ``variables``: those of the result, and those
    that a contraction sums over (``summed``). ``within``: where in another file of the user the operation stands.
    ``beside``: the operands come to stand side by side or in place of one another, as parts of one array do; parts of
    one dim may.
    """

    site: Site
    operands: tuple[tuple[Part, ...], ...]
    variables: Axes
    summed: frozenset[str] = frozenset()
    within: Site | None = None
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule broken at ``site``; ``related`` says where each side came from, ``point`` what the witness is."""

    code: str
    message: str
    site: Site | None
    related: tuple[tuple[Site, str], ...] = ()
    point: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """``actual`` must equal ``spec``; ``site`` is the statement that says so, ``parts`` its tiles, each to be
    compared on its own if the whole is not proved."""

    actual: Value
    spec: Value
    site: Site | None
    spec_text: str
    parts: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether each element of an output was written exactly once; ``gap`` and ``overlap`` are index sets as text."""

    site: Site | None
    gap: str | None = None
    gap_point: dict[str, int] | None = None
    overlap: str | None = None
    overlap_point: dict[str, int] | None = None
    overlap_sites: tuple[Site, ...] = ()

    @property
    def complete(self) -> bool:
        return self.gap is None and self.overlap is None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing beside its values that a kernel owes, and what came of it: ``kind`` is that of an obligation."""

    kind: str
    status: Status
    site: Site | None
    detail: str | None = None
    witness: Witness | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A float literal that was read as an exact number."""

    written: str
    read: str
    site: Site | None


@dataclass(slots=True)
class Recorder:
    """Collects what one kernel does while it is traced. Nothing here is shared between kernels."""

    values: dict[Site, RecordedValue] = field(default_factory=dict)
    loops: dict[Site, RecordedLoop] = field(default_factory=dict)
    """By the whole statement."""
    violations: list[Violation] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    readings: dict[tuple[str, Site | None], Reading] = field(default_factory=dict)
    meetings: list[Meeting] = field(default_factory=list)
    within: dict[Site, Site] = field(default_factory=dict)
    """For places at which an operation has no model: where it stands in another file of the user."""
    provenance: Provenance = field(default_factory=Provenance)
    numbers: frozenset[Fraction] = frozenset()
    """Positive numbers that the specs name: a float that one of them is rounded to stands for it."""
    _literal_bits: dict[float, int] = field(default_factory=dict)
    questions: Questions | None = None
    """What a library asked of symbolic sizes, where it answered itself."""
    results: list[Any] = field(default_factory=list)
    """Typed results that were opened; those that the kernel never closed are closed at its end."""

    def record(self, site: Site | None, made: Callable[[], Shown]) -> None:
        if site is None:
            return
        known = self.values.get(site)
        if known is None:
            self.values[site] = RecordedValue(site, made)
        else:
            known.computed(made)

    def meet(self, meeting: Meeting) -> None:
        self.meetings.append(meeting)

    def violation(self, violation: Violation) -> None:
        # A loop meets the same mistake in every round; it is one mistake.
        if all((v.site, v.code) != (violation.site, violation.code) for v in self.violations):
            self.violations.append(violation)

    def claim(self, claim: Claim) -> None:
        self.claims.append(claim)

    def cover(self, coverage: Coverage) -> None:
        self.coverage.append(coverage)

    def reading(self, written: str, read: str, site: Site | None) -> None:
        self.readings.setdefault((written, site), Reading(written, read, site))

    def literal(self, value: float, bits: int, site: Site | None) -> Literal:
        """A float as the exact number that was meant: equal ones have one reading in a kernel, that of the first.

        A reading that is another number than the float is listed: ``0.1`` is one tenth.
        """
        bits = self._literal_bits.setdefault(abs(value), bits)
        found = read_as_one_of(value, bits, self.numbers) or read_literal(value, bits)
        if not found.exact or (found.number is not None and found.number != Fraction(value)):
            shown = found.text if found.number is None or not found.exact else ratio_text(found.number)
            self.reading(shortest_decimal(value, bits), shown, site)
        return found

    def cast(self, source: str | None, target: str, site: Site | None) -> None:
        """A cast between floating types: the identity on real numbers, and listed."""
        if source != target:
            self.reading(f"cast from {source} to {target}" if source else f"cast to {target}", "the same number", site)
