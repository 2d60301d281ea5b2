"""What is known of each open file: immutable snapshots, and pure functions from one to the next.

The rules, each with a test of its own:

* a result is shown as it is only while the text that it speaks of, and all that this text depends on, is
  unchanged; otherwise the kernel is *stale*, and its old results stay visible as such;
* a kernel whose text is broken is never green; the others keep their results;
* a message of a run that is not the current one changes nothing;
* the version never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

from stile_engine.incremental.positions import NoPlace
from stile_engine.incremental.project import Project
from stile_engine.trace.report import (
    Diagnostic,
    KernelReport,
    Range,
    Report,
    Status,
    ValueInfo,
)
from stile_lsp.documents import Edit, chained, changes_inside, shift, survivor, touches
from stile_lsp.moving import Move, with_ranges
from stile_lsp.outline import Outline, OutlinedKernel, SyntaxProblem

_MANY_EDITS = 500

_SOME_EDITS = 16
"""After so many the places of a result that holds are brought up to date, once for all who ask for them."""

NO_KERNEL = "<none>"
"""Selects no kernel: the module is run for what it says of itself."""

T = TypeVar("T", "Entry", OutlinedKernel, KernelReport)


class Phase(StrEnum):
    """Where a kernel is on its way to its next result."""

    SETTLED = "settled"
    QUEUED = "queued"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Entry:
    """One kernel. Ranges of ``result``, ``diagnostics`` and ``values`` are those of the text that was checked;
    ``edits`` leads from there to the present text, in which ``range`` and ``name_range`` are."""

    name: str
    range: Range
    name_range: Range
    phase: Phase = Phase.SETTLED
    stale: bool = True
    result: KernelReport | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    values: tuple[ValueInfo, ...] = ()
    fingerprint: str | None = None
    edits: tuple[Edit, ...] = ()
    torn: bool = False
    """Whether an edit since then went through the kernel, so that shifting does not tell where its places are."""

    text: Outline | None = field(default=None, compare=False, repr=False)
    """The text that was checked, as far as it could be parsed."""

    edited: int = 0
    """The last version whose edit touched the kernel; 0 for none."""

    against: KernelReport | None = None
    """The answer for a spec that the user asked about; says nothing about the kernel's own."""

    def moved(self, found: Range) -> Range:
        """A place of the checked text in the present one: verdicts name lines."""
        return shift(found, self.edits)

    @property
    def shown(self) -> KernelReport | None:
        """The result with all of its places in the present text."""
        if self.result is None or not self.edits:
            return self.result
        return replace(self.result, obligations=with_ranges(self.result.obligations, self.moved))

    @property
    def status(self) -> Status:
        if self.result is not None and not self.stale:
            return self.result.status
        return {Phase.QUEUED: Status.QUEUED, Phase.RUNNING: Status.RUNNING}.get(self.phase, Status.STALE)


@dataclass(frozen=True, slots=True)
class RunState:
    """The one run whose messages count. ``select`` empty means all kernels."""

    number: int
    version: int
    select: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileState:
    uri: str
    version: int
    outline: Outline | SyntaxProblem
    known: Outline | None
    """The last outline of a text that could be parsed, and below where its statements have gone since."""
    chunk_ranges: tuple[Range, ...] = ()
    dirty: frozenset[int] = frozenset()
    entries: tuple[Entry, ...] = ()
    file_diagnostics: tuple[Diagnostic, ...] = ()
    file_edits: tuple[Edit, ...] = ()
    run: RunState | None = None
    checked: str | None = None
    """The digest of the whole text that the last run saw to its end."""

    cancelling: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        return self.run is None


Step: TypeAlias = Callable[[FileState], FileState]


def opened(uri: str, version: int, outline: Outline | SyntaxProblem) -> FileState:
    known = outline if isinstance(outline, Outline) else None
    entries = tuple(_new_entry(kernel) for kernel in known.kernels) if known else ()
    return FileState(uri, version, outline, known, _ranges(known), entries=entries)


def edited(state: FileState, version: int, outline: Outline | SyntaxProblem, edits: Sequence[Edit]) -> FileState:
    """The text changed. A run that is under way speaks of a text that is gone, so it no longer counts."""
    entries = tuple(_shifted(entry, edits, version) for entry in state.entries)
    chunk_ranges, dirty = state.chunk_ranges, state.dirty
    for edit in edits:
        dirty |= {number for number, place in enumerate(chunk_ranges) if touches(place, edit)}
        chunk_ranges = tuple(shift(place, (edit,)) for place in chunk_ranges)
    state = replace(
        state,
        version=version,
        outline=outline,
        chunk_ranges=chunk_ranges,
        dirty=dirty,
        file_edits=chained(state.file_edits, edits),
        run=None,
        cancelling=False,
    )
    if isinstance(outline, Outline):
        return _reparsed(state, outline, entries)
    return replace(state, entries=tuple(_broken(entry, state, edits) for entry in entries))


def _reparsed(state: FileState, outline: Outline, entries: tuple[Entry, ...]) -> FileState:
    """The text parses: fingerprints tell exactly whose results still hold."""
    before = {(k.name, n) for k, n in _numbered(state.known.kernels)} if state.known else set()
    now = {(k.name, n): k for k, n in _numbered(outline.kernels)}
    kept: list[Entry] = []
    for entry, number in _numbered(entries):
        place = now.pop((entry.name, number), None)
        if place is not None:
            entry = replace(entry, range=place.range, name_range=place.name_range)
        elif (entry.name, number) in before:
            continue  # its definition is gone
        if entry.fingerprint is not None and entry.fingerprint == outline.fingerprint(entry.name, entry.range):
            kept.append(_in_place(replace(entry, stale=False), outline))
        else:
            kept.append(replace(entry, stale=True, against=None))
    kept.extend(_new_entry(kernel) for kernel in now.values())
    return replace(
        state,
        known=outline,
        chunk_ranges=_ranges(outline),
        dirty=frozenset(),
        entries=tuple(sorted(kept, key=lambda entry: entry.range)),
    )


def _in_place(entry: Entry, outline: Outline) -> Entry:
    """A result that holds for another text, with its places there; stale where they cannot be found."""
    edits, old = entry.edits, entry.text
    told = entry.result, entry.diagnostics
    if entry.torn or not _survives(entry.diagnostics, edits):
        if old is None or entry.result is None:
            return replace(entry, stale=True, against=None, fingerprint=None)
        move = Move(entry.name, old, entry.result.range, outline, entry.range).range
        try:
            told, values = with_ranges(told, move), with_ranges(entry.values, move)
        except NoPlace:
            return replace(entry, stale=True, against=None, fingerprint=None)
    elif len(edits) >= _SOME_EDITS:
        told, values = with_ranges(told, lambda found: shift(found, edits)), _surviving(entry)
    else:
        return entry
    result, diagnostics = told
    return replace(entry, result=result, diagnostics=diagnostics, values=values, edits=(), torn=False, text=outline)


def _survives(diagnostics: tuple[Diagnostic, ...], edits: tuple[Edit, ...]) -> bool:
    """Whether shifting tells where they are now, also those that lie outside of the kernel."""
    return all(survivor(found.range, edits) is not None for found in diagnostics)


def reprojected(state: FileState, project: Project) -> FileState:
    """The text is the same, and the imported files are known or have changed: what rests on others is stale."""
    if state.known is None:
        return state
    known = state.known.among(project)
    outline = known if isinstance(state.outline, Outline) else state.outline
    state = replace(state, outline=outline, known=known)
    entries = []
    for entry in state.entries:
        same = entry.fingerprint is not None and entry.fingerprint == known.fingerprint(
            entry.name, _in_known(entry, state)
        )
        entries.append(entry if same else replace(entry, stale=True, against=None))
    return replace(state, entries=tuple(entries))


def outdated(state: FileState) -> FileState:
    """What is not in any text has changed, as the interpreter or the folders to import from: no result holds."""
    entries = tuple(replace(entry, stale=True, against=None, fingerprint=None) for entry in state.entries)
    return replace(state, entries=entries, checked=None)


def stale_names(state: FileState) -> tuple[str, ...]:
    """The kernels without a result that holds."""
    return tuple(dict.fromkeys(entry.name for entry in state.entries if entry.stale))


def in_order(state: FileState, visible: Range | None) -> tuple[str, ...]:
    """The kernels that go first: the one under edit, what is visible, what was edited lately."""

    def rank(entry: Entry) -> tuple[bool, bool, int]:
        under_edit = entry.edited == state.version
        seen = visible is not None and entry.range.start <= visible.end and visible.start <= entry.range.end
        return under_edit, seen, entry.edited

    wanted = [entry for entry in state.entries if any(rank(entry))]
    return tuple(dict.fromkeys(entry.name for entry in sorted(wanted, key=rank, reverse=True)))


def is_checked(state: FileState) -> bool:
    """Whether the last run saw just this text, but for comments and layout, and all results hold."""
    return (
        isinstance(state.outline, Outline)
        and state.checked == state.outline.whole
        and not any(entry.stale for entry in state.entries)
    )


def _broken(entry: Entry, state: FileState, edits: Sequence[Edit]) -> Entry:
    """The text does not parse: whatever was touched since it last did makes the kernels that need it stale."""
    number = state.known.statement_at(_in_known(entry, state)) if state.known else None
    if number is None or state.known is None:
        stale = entry.stale or bool(edits)
    else:
        stale = entry.stale or bool(state.known.needs(number) & state.dirty)
    return replace(entry, stale=stale, against=None if stale else entry.against)


def _needs_any(entry: Entry, broken: Sequence[Range], state: FileState) -> bool:
    """Whether the kernel needs a statement that is broken now: its verdict would be about a text without it."""
    if state.known is None or isinstance(state.outline, Outline):
        return False
    number = state.known.statement_at(_in_known(entry, state))
    if number is None:
        return False
    needed = [state.chunk_ranges[n] for n in state.known.needs(number)]
    return any(n.start.line <= place.start.line <= n.end.line for n in needed for place in broken)


def _in_known(entry: Entry, state: FileState) -> Range:
    """The kernel's place in the last text that parsed: the statement that has come to hold its name."""
    assert state.known is not None
    for place, known in zip(state.chunk_ranges, state.known.ranges, strict=True):
        if place.start <= entry.name_range.start <= place.end:
            return known
    return entry.range


def queued(state: FileState, number: int, select: tuple[str, ...] = (), *, afresh: bool = False) -> FileState:
    """A run is planned. ``afresh``: the user asked for it, so the old verdicts are not shown meanwhile."""
    entries = tuple(
        replace(entry, phase=Phase.QUEUED, stale=entry.stale or afresh) if _is_selected(entry, select) else entry
        for entry in state.entries
    )
    return replace(state, entries=entries, run=RunState(number, state.version, select), cancelling=False)


def started(state: FileState, number: int) -> FileState:
    if state.run is None or state.run.number != number:
        return state
    entries = tuple(
        replace(entry, phase=Phase.RUNNING) if entry.phase is Phase.QUEUED else entry for entry in state.entries
    )
    return replace(state, entries=entries)


def discovered(state: FileState, number: int, kernels: Sequence[KernelReport]) -> FileState:
    """The worker told which kernels there are."""
    if state.run is None or state.run.number != number or not kernels:
        return state
    return replace(state, entries=_matched(state, kernels, state.run.select))


def kernel_done(
    state: FileState,
    number: int,
    kernel: KernelReport,
    diagnostics: tuple[Diagnostic, ...],
    values: tuple[ValueInfo, ...] | None,
) -> FileState:
    """One kernel of the current run has its verdict. Without ``values`` those that the edits have left
    alone stay until the new ones come."""
    if state.run is None or state.run.number != number:
        return state
    entries = list(state.entries)
    for position, entry in enumerate(entries):
        if entry.name == kernel.name and (entry.range == kernel.range or entry.name_range == kernel.name_range):
            known = _surviving(entry) if values is None else values
            entries[position] = _with_result(entry, kernel, diagnostics, known, state.outline)
            break
    else:
        entries.append(_with_result(_entry_of(kernel), kernel, diagnostics, values or (), state.outline))
        entries.sort(key=lambda entry: entry.range)
    return replace(state, entries=tuple(entries))


def finished(state: FileState, number: int, report: Report) -> FileState:
    """The run's whole report. One of another run, or of another version, changes nothing."""
    if state.run is None or state.run.number != number or state.run.version != state.version:
        return state
    select = state.run.select
    checked = state.outline.whole if isinstance(state.outline, Outline) else None
    state = replace(state, run=None, cancelling=False, notes=report.notes, checked=checked)
    if any(d.code == "python-syntax" for d in report.diagnostics) and not report.kernels:
        # The file as it stands means nothing: earlier results of untouched kernels stay.
        entries = tuple(replace(entry, phase=Phase.SETTLED) for entry in state.entries)
        return replace(state, entries=entries, file_diagnostics=report.diagnostics, file_edits=())
    by_entry: dict[int, list[Diagnostic]] = {}
    values_by_entry: dict[int, list[ValueInfo]] = {}
    of_file: list[Diagnostic] = []
    for diagnostic in report.diagnostics:
        owner = _owner(report.kernels, diagnostic.kernel, diagnostic.range)
        if owner is None:
            of_file.append(diagnostic)
        else:
            by_entry.setdefault(owner, []).append(diagnostic)
    for value in report.values:
        owner = _owner(report.kernels, value.kernel, value.range)
        if owner is not None:
            values_by_entry.setdefault(owner, []).append(value)
    old = {(e.name, e.range): e for e in state.entries}
    broken = [d.range for d in report.diagnostics if d.code == "python-syntax"]
    reasons = report.evidence.reasons if report.evidence is not None else ()
    entries_new: list[Entry] = []
    for position, kernel in enumerate(report.kernels):
        base = old.get((kernel.name, kernel.range)) or _entry_of(kernel)
        found, values = by_entry.get(position, ()), values_by_entry.get(position, ())
        entry = _with_result(base, kernel, tuple(found), tuple(values), state.outline)
        entries_new.append(replace(entry, stale=_needs_any(entry, broken, state)))
    if select:
        answered = {(e.name, e.range) for e in entries_new}
        rest = [replace(e, phase=Phase.SETTLED) for e in state.entries if (e.name, e.range) not in answered]
        entries_new.extend(rest)
        of_file += _idle_ignores(state, [entry.range for entry in rest])
    state = replace(
        state,
        entries=tuple(sorted(entries_new, key=lambda entry: entry.range)),
        file_diagnostics=tuple(dict.fromkeys(of_file)),
        file_edits=(),
    )
    return not_kept(state, f"the program {reasons[0]}") if reasons else state


def _idle_ignores(state: FileState, places: Sequence[Range]) -> list[Diagnostic]:
    """Ignores without use in kernels that a run has left out: it says nothing of them."""
    found = []
    for diagnostic in state.file_diagnostics:
        if diagnostic.code == "unused-ignore":
            moved = shift(diagnostic.range, state.file_edits)
            if any(place.start <= moved.start <= place.end for place in places):
                found.append(replace(diagnostic, range=moved))
    return found


def not_kept(state: FileState, reason: str) -> FileState:
    """What the results rest on is more than the texts: they are shown, and every edit verifies again."""
    note = f"results are not kept: {reason}"
    if not state.is_settled:
        return state  # the run under way will say it again
    entries = tuple(replace(entry, fingerprint=None) for entry in state.entries)
    return replace(state, entries=entries, notes=tuple(dict.fromkeys((*state.notes, note))))


def without_kernels(state: FileState, number: int, status: Status, report: Report, message: str) -> FileState:
    """The run could not even say which kernels there are: all that are known get its status."""
    if state.run is None or state.run.number != number or state.run.version != state.version:
        return state
    # The reason lies outside of the text, so the next edit looks again.
    entries = tuple(
        replace(_with_result(entry, _failed(entry, status, message), (), (), state.outline), fingerprint=None)
        if _is_selected(entry, state.run.select)
        else replace(entry, phase=Phase.SETTLED)
        for entry in state.entries
    )
    return replace(state, entries=entries, file_diagnostics=report.diagnostics, file_edits=(), run=None)


def cancelling(state: FileState) -> FileState:
    """The user wants the run to stop; shown at once, before the process is gone."""
    return replace(state, cancelling=state.run is not None)


def cancelled(state: FileState, number: int) -> FileState:
    """A run that was stopped leaves its kernels stale; those whose verdicts still hold keep them."""
    if state.run is None or state.run.number != number:
        return state
    entries = tuple(
        replace(entry, phase=Phase.SETTLED) if entry.phase is not Phase.SETTLED else entry for entry in state.entries
    )
    return replace(state, entries=entries, run=None, cancelling=False)


def unplanned(state: FileState) -> FileState:
    """No run counts any longer; what is settled stays as it is."""
    entries = tuple(replace(entry, phase=Phase.SETTLED) for entry in state.entries)
    return replace(state, entries=entries, run=None, cancelling=False)


def answered_against(state: FileState, version: int, kernel: KernelReport) -> FileState:
    """The verdict for a spec that the user asked about; the kernel's own status stays."""
    if version != state.version:
        return state
    entries = tuple(
        replace(entry, against=kernel) if entry.name == kernel.name and entry.range == kernel.range else entry
        for entry in state.entries
    )
    return replace(state, entries=entries)


def with_spec(kernel: KernelReport, spec: str) -> KernelReport:
    """The kernel with the spec that it was compared with."""
    return replace(kernel, spec=spec)


def _failed(entry: Entry, status: Status, message: str) -> KernelReport:
    return KernelReport(entry.name, None, status, entry.range, entry.name_range, message)


def _is_selected(entry: Entry, select: tuple[str, ...]) -> bool:
    return not select or entry.name in select


def _ranges(outline: Outline | None) -> tuple[Range, ...]:
    return outline.ranges if outline else ()


def _new_entry(kernel: OutlinedKernel) -> Entry:
    return Entry(kernel.name, kernel.range, kernel.name_range)


def _entry_of(kernel: KernelReport) -> Entry:
    return Entry(kernel.name, kernel.range, kernel.name_range, phase=Phase.RUNNING)


def _numbered(items: Iterable[T]) -> Iterable[tuple[T, int]]:
    """Each item with its number among those of its name: how two kernels of one name are told apart."""
    counts: dict[str, int] = {}
    for item in items:
        number = counts.get(item.name, 0)
        counts[item.name] = number + 1
        yield item, number


def _shifted(entry: Entry, edits: Sequence[Edit], version: int) -> Entry:
    touched = any(changes_inside(entry.range, edit) for edit in edits)
    many = len(entry.edits) > _MANY_EDITS
    return replace(
        entry,
        range=shift(entry.range, edits),
        name_range=shift(entry.name_range, edits),
        edits=chained(entry.edits, edits),
        phase=Phase.SETTLED,
        stale=entry.stale or touched,
        torn=entry.torn or touched,
        edited=version if touched else entry.edited,
        values=() if many else entry.values,
    )


def _matched(state: FileState, kernels: Sequence[KernelReport], select: tuple[str, ...]) -> tuple[Entry, ...]:
    """The entries for exactly these kernels; what is known of a kernel of the same name and number stays."""
    old = {(e.name, n): e for e, n in _numbered(state.entries)}
    found = []
    for kernel, number in _numbered(kernels):
        entry = old.get((kernel.name, number), _entry_of(kernel))
        phase = Phase.RUNNING if not select or kernel.name in select else entry.phase
        found.append(replace(entry, range=kernel.range, name_range=kernel.name_range, phase=phase))
    return tuple(found)


def _surviving(entry: Entry) -> tuple[ValueInfo, ...]:
    """What was known of values that no edit has touched, where they lie now."""
    kept: list[ValueInfo] = []
    for value in entry.values:
        place = survivor(value.range, entry.edits)
        name = None if value.name_range is None else survivor(value.name_range, entry.edits)
        if place is not None and (name is None) == (value.name_range is None):
            kept.append(replace(value, range=place, name_range=name))
    return tuple(kept)


def _with_result(
    entry: Entry,
    kernel: KernelReport,
    diagnostics: tuple[Diagnostic, ...],
    values: tuple[ValueInfo, ...],
    outline: Outline | SyntaxProblem,
) -> Entry:
    if kernel.status in (Status.TIMEOUT, Status.CRASHED):
        fingerprint: str | None = None  # the next time it may go otherwise
    elif isinstance(outline, Outline):
        fingerprint = outline.fingerprint(kernel.name, kernel.range)
    else:
        # The rest of the file does not parse; the text of a kernel that is not stale is the one it had before.
        fingerprint = None if entry.stale else entry.fingerprint
    return replace(
        entry,
        range=kernel.range,
        name_range=kernel.name_range,
        phase=Phase.SETTLED,
        stale=False,
        result=kernel,
        diagnostics=diagnostics,
        values=values,
        fingerprint=fingerprint,
        edits=(),
        torn=False,
        text=outline if isinstance(outline, Outline) else None,
    )


def _owner(kernels: Sequence[KernelReport], name: str | None, place: Range) -> int | None:
    """The kernel of that name that holds the place, else the first of that name."""
    named = [n for n, kernel in enumerate(kernels) if kernel.name == name]
    for number in named:
        whole = kernels[number].range
        if whole.start <= place.start and place.end <= whole.end:
            return number
    return named[0] if named else None
