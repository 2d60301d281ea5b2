"""A worker that remembers: results of earlier runs are given again while nothing that they rest on has changed.

Only this side, which runs no user code, reads and writes what is kept. Two kinds of entries: a whole report,
for exactly the same texts; and single kernels, for texts that differ in comments, layout or things that
the kernel does not reach. A result is kept only if the run ended well, met nothing but texts, loaded only files
that were known before it, and a second trace in another process computed the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from stile_engine.checking.discovery import MODULE, FoundKernel, find_kernels
from stile_engine.checking.parsing import parse_text
from stile_engine.incremental.environment import environment_digest
from stile_engine.incremental.module import NOT_PYTHON, ModuleText, read_module
from stile_engine.incremental.positions import NoPlace, Places, names_a_line, with_positions
from stile_engine.incremental.project import Project, read_project
from stile_engine.incremental.reach import Reach, Reaches
from stile_engine.incremental.store import Store
from stile_engine.trace.codec import CodecError, decode, encode
from stile_engine.trace.report import CheckRequest, Diagnostic, Evidence, KernelReport, Report, Status, ValueInfo
from stile_engine.worker.client import Listener, WorkerClient, WorkerState
from stile_engine.worker.messages import Discovered, KernelDone, Limits, Ready, RunMessage
from stile_engine.worker.outcome import Outcome, OutcomeKind, RunResult

T = TypeVar("T")

KEPT_STATUSES = frozenset({Status.PROVED, Status.ASSUMED, Status.REFUTED, Status.UNKNOWN, Status.UNSUPPORTED})
"""What follows from the texts alone. An error may come from a missing module, a timeout from a busy machine."""

_TICK = 1_000_000_000
"""Nanoseconds: no file system's clock is coarser."""

_QUIET_SECONDS = 0.5
"""Where nobody waits: after so long without another check of the file its results are kept, which takes a second
run. While somebody types, that would take the time and the prepared process of the next check."""

NO_KERNEL = "<none>"
"""Selects no kernel: the module is run for what it says of itself."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """All that was read before a run, and what follows from it."""

    request: CheckRequest
    environment: str
    module: ModuleText
    project: Project
    reaches: Reaches
    kernels: tuple[FoundKernel, ...]

    def reach(self, kernel: FoundKernel) -> Reach:
        return self.reaches.of(self._statement(kernel))

    def _statement(self, kernel: FoundKernel) -> int | None:
        if kernel.name == MODULE and kernel.function is None:
            return None
        line = kernel.range.start.line
        return next((n for n, c in enumerate(self.module.chunks) if c.first <= line <= c.last), None)

    def places(self, reach: Reach) -> Places:
        return Places(self.module, [statement for file, statement in reach.places if file == 0])

    def name_of(self, kernel: FoundKernel) -> str:
        """The name of the kernel's entry."""
        statement = self._statement(kernel)
        same = [k for k in self.kernels if k.name == kernel.name and self._statement(k) == statement]
        return self._name("kernel", self.reach(kernel).digest, kernel.name, same.index(kernel))

    def name_of_rest(self) -> str:
        """The name of the entry for what belongs to no kernel."""
        return self._name("rest", self.reaches.of(None).digest)

    def _name(self, *parts: object) -> str:
        request = self.request
        return _hash(self.environment, request.path, request.workspace, request.details, *parts)

    def detailed(self) -> _Texts:
        return replace(self, request=replace(self.request, details=True))


@dataclass(frozen=True, slots=True)
class _Part:
    """A kernel with what belongs to it, as it is kept."""

    kernel: KernelReport
    diagnostics: tuple[Diagnostic, ...]
    values: tuple[ValueInfo, ...]


class KeptResults:
    """Looks up and keeps. All methods read files, so none is for an event loop."""

    def __init__(self, store: Store, interpreter: str) -> None:
        self._store = store
        self._interpreter = interpreter

    # -- whole reports ---------------------------------------------------------------------

    def whole(self, request: CheckRequest) -> Report | None:
        """The report of an earlier run on the same texts."""
        entry = self._entry(self._whole_name(request))
        if entry is None and not request.details:
            entry = self._entry(self._whole_name(replace(request, details=True)))
        if not isinstance(entry, dict):
            return None
        try:
            if not _is_as_read(entry["files"], entry["absent"]):
                return None
            report = decode(Report, entry["report"])
            return report if request.details else _without_details(report)
        except (CodecError, KeyError, TypeError, ValueError):
            return None

    def _entry(self, name: str | None) -> Any:
        return None if name is None else self._store.get(name)

    def _whole_name(self, request: CheckRequest) -> str | None:
        environment = environment_digest(self._interpreter)
        return None if environment is None else _hash(environment, "whole", encode(replace(request, first=())))

    # -- single kernels --------------------------------------------------------------------

    def read(self, request: CheckRequest) -> _Texts | None:
        """What the texts say; None where that does not do to keep anything."""
        environment = environment_digest(self._interpreter)
        try:
            module = read_module(request.source)
        except NOT_PYTHON:
            return None
        if environment is None:
            return None
        imports = [i for chunk in module.chunks for i in chunk.facts.imports]
        project = read_project(request.path, imports, request.workspace)
        kernels = find_kernels(parse_text(request.source), request.path)
        return _Texts(request, environment, module, project, Reaches(request.path, module.chunks, project), kernels)

    def kernel(self, texts: _Texts, kernel: FoundKernel) -> _Part | None:
        reach = texts.reach(kernel)
        if reach.refusal is not None:
            return None
        entry = self._store.get(texts.name_of(kernel))
        if entry is None and not texts.request.details:
            entry = self._store.get(texts.detailed().name_of(kernel))
        part = None if entry is None else _restored(_Part, entry, texts, reach)
        if part is None or texts.request.details:
            return part
        return replace(part, kernel=_plain(part.kernel), values=())

    def rest(self, texts: _Texts) -> Report | None:
        """What an earlier run said of the file that belongs to no kernel."""
        reach = texts.reaches.of(None)
        entry = None if reach.refusal is not None else self._store.get(texts.name_of_rest())
        if entry is None and not texts.request.details and reach.refusal is None:
            entry = self._store.get(texts.detailed().name_of_rest())
        return None if entry is None else _restored(Report, entry, texts, reach)

    # -- keeping ---------------------------------------------------------------------------

    def is_settled(self, texts: _Texts, began: int) -> bool:
        """Whether no imported file has changed since shortly before ``began``, in nanoseconds of the system's clock:
        what was read and what was run are the same then."""
        return all(max(stamp[:2]) <= began - _TICK for stamp in texts.project.stamps.values())

    def refusal(self, texts: _Texts, evidence: Evidence) -> str | None:
        """Why nothing of a run may be kept, neither on disk nor elsewhere."""
        if evidence.reasons:
            return f"the program {evidence.reasons[0]}"
        if (refused := next((r for k in texts.kernels if (r := texts.reach(k).refusal)), None)) is not None:
            return refused
        known = {file.path for file in texts.project.files}
        for source in evidence.sources:
            if os.path.abspath(source) not in known:
                return f"it loads {source}, which its text does not name"
        return None

    def keep(self, texts: _Texts, report: Report, done: Sequence[KernelDone], unsteady: Iterable[str]) -> None:
        """Keeps what the run has found, if the files on disk still are what was read before it."""
        if not texts.project.is_unchanged():
            return
        changed = set(unsteady)
        parts = _parts(report, done)
        kept = 0
        for kernel in texts.kernels:
            found = parts.get((kernel.name, kernel.range.start.line))
            if found is None or found.kernel.status not in KEPT_STATUSES or _trace_name(found.kernel) in changed:
                continue
            reach = texts.reach(kernel)
            if reach.refusal is None:
                kept += 1
                self._store.put(texts.name_of(kernel), _kept(found, texts, reach))
        whole = texts.reaches.of(None)
        if kept < len(parts) or whole.refusal is not None:
            return
        owned = {d for part in parts.values() for d in part.diagnostics}
        rest = tuple(d for d in report.diagnostics if d not in owned)
        if any(d.code in _PASSING for d in rest):
            return
        request = texts.request
        if not request.select:
            left = replace(report, kernels=(), values=(), diagnostics=rest, evidence=None)
            self._store.put(texts.name_of_rest(), _kept(left, texts, whole))
        name = self._whole_name(request)
        if name is not None:
            files = {file.path: file.digest for file in texts.project.files}
            entry = {"report": encode(report), "files": files, "absent": sorted(texts.project.absent)}
            self._store.put(name, entry)


_PASSING = frozenset({"import-error", "exception", "timeout", "crashed", "internal-error"})
"""Codes of what the next run may see otherwise although no text has changed."""


def _is_as_read(files: dict[str, str], absent: list[str]) -> bool:
    for path, digest in files.items():
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return False
        if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
            return False
    return not any(os.path.exists(path) for path in absent)


def _parts(report: Report, done: Sequence[KernelDone]) -> dict[tuple[str, int], _Part]:
    """The kernels of a run by name and line; of one kernel the last message says most."""
    found: dict[tuple[str, int], _Part] = {}
    for message in done:
        kernel = message.kernel
        first, last = kernel.range.start.line, kernel.range.end.line
        inside = [d for d in report.diagnostics if d.code == "unused-ignore" and first <= d.range.start.line <= last]
        diagnostics = tuple(dict.fromkeys([*message.diagnostics, *inside]))
        found[kernel.name, first] = _Part(kernel, diagnostics, message.values or ())
    return found


def _trace_name(kernel: KernelReport) -> str:
    return f"{kernel.name}:{kernel.range.start.line}"


def _kept(value: Any, texts: _Texts, reach: Reach) -> dict[str, Any]:
    """With places in tokens, or for exactly this layout where a place lies in none or words name a line."""
    data = encode(value)
    places = texts.places(reach)

    def anchor(position: dict[str, int]) -> dict[str, list[int]]:
        return {"at": places.anchored(position["line"], position["character"])}

    if not names_a_line(data):
        try:
            return {"value": with_positions(data, anchor)}
        except NoPlace:
            pass
    return {"value": data, "text": _hash(texts.request.source), "files": _raw_files(texts)}


def _raw_files(texts: _Texts) -> dict[str, str]:
    return {file.path: file.digest for file in texts.project.files}


def _restored(kind: type[T], entry: Any, texts: _Texts, reach: Reach) -> T | None:
    places = texts.places(reach)

    def position(anchor: dict[str, list[int]]) -> dict[str, int]:
        line, character = places.found(anchor["at"])
        return {"line": line, "character": character}

    try:
        data = entry["value"]
        if "text" in entry:
            if entry["text"] != _hash(texts.request.source) or entry["files"] != _raw_files(texts):
                return None
        else:
            data = with_positions(data, position)
        return decode(kind, data)
    except (CodecError, KeyError, TypeError, ValueError, IndexError):
        return None


def _hash(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


class KeepingWorker:
    """A ``WorkerClient`` around another one.

    ``told`` is called with a file and why its results are not kept. ``wait``: the answer comes when they are,
    with a note where they are not; otherwise that is done afterwards, and a check of the file ends it.
    """

    def __init__(
        self,
        worker: WorkerClient,
        store: Store,
        told: Callable[[str, str], None] = lambda path, reason: None,
        *,
        enabled: Callable[[], bool] = lambda: True,
        wait: bool = False,
    ) -> None:
        self._worker = worker
        self._results = KeptResults(store, worker.interpreter)
        self._told = told
        self._enabled = enabled
        self._wait = wait
        self._keeping: dict[str, asyncio.Task[RunResult]] = {}

    @property
    def state(self) -> WorkerState:
        return self._worker.state

    @property
    def interpreter(self) -> str:
        return self._worker.interpreter

    @property
    def ready(self) -> Ready | None:
        return self._worker.ready

    async def check(self, request: CheckRequest, limits: Limits, listener: Listener | None = None) -> RunResult:
        """See ``WorkerClient``; what is kept is told like what is found."""
        self._stop_keeping(request.path)
        without = request.static_only or request.trace_only or request.against_line is not None
        if without or not self._enabled():
            return await self._worker.check(request, limits, listener)
        told = listener or (lambda message: None)
        report = await asyncio.to_thread(self._results.whole, request)
        if report is not None:
            _tell(report, told)
            return RunResult(Outcome(OutcomeKind.FINISHED), report)
        if request.select:
            # An edit: what still holds of the others is known to whoever asks, and this text is a new one.
            return await self._run(request, limits, told)
        texts = await asyncio.to_thread(self._results.read, request)
        if texts is None:
            return await self._worker.check(request, limits, listener)
        return await self._check_rest(texts, limits, told)

    async def _check_rest(self, texts: _Texts, limits: Limits, told: Listener) -> RunResult:
        """Runs only the kernels of which nothing is kept."""
        request = texts.request
        found = await asyncio.to_thread(lambda: [(k, self._results.kernel(texts, k)) for k in texts.kernels])
        known = [part for _, part in found if part is not None]
        missing = tuple(dict.fromkeys(kernel.name for kernel, part in found if part is None))
        # Kernels of one name are checked together.
        known = [part for part in known if part.kernel.name not in missing]
        if not known:
            return await self._run(request, limits, told, texts)
        told(Discovered(tuple(kernel.queued() for kernel in texts.kernels)))
        for part in known:
            told(KernelDone(part.kernel, part.diagnostics, part.values))
        rest = None if missing else await asyncio.to_thread(self._results.rest, texts)
        if rest is not None:
            return RunResult(Outcome(OutcomeKind.FINISHED), _joined(rest, known))
        end = await self._run(replace(request, select=missing or (NO_KERNEL,)), limits, told)
        return RunResult(end.outcome, _joined(end.report, known))

    async def _run(
        self, request: CheckRequest, limits: Limits, told: Listener, texts: _Texts | None = None
    ) -> RunResult:
        done: list[KernelDone] = []
        began = time.time_ns()

        def listen(message: RunMessage) -> None:
            if isinstance(message, KernelDone):
                done.append(message)
            told(message)

        end = await self._worker.check(request, limits, listen)
        if end.outcome.kind is not OutcomeKind.FINISHED:
            return end
        if self._wait:
            return await self._keep(request, limits, end, done, texts, began)

        async def keep_when_quiet() -> RunResult:
            await asyncio.sleep(_QUIET_SECONDS)
            return await self._keep(request, limits, end, done, texts, began)

        task = self._keeping[request.path] = asyncio.get_running_loop().create_task(keep_when_quiet())
        task.add_done_callback(lambda ended: self._kept(request.path, ended))
        return end

    async def _keep(
        self,
        request: CheckRequest,
        limits: Limits,
        end: RunResult,
        done: Sequence[KernelDone],
        texts: _Texts | None,
        began: int,
    ) -> RunResult:
        """Keeps what may be kept; the result with a note where nothing may."""
        texts = texts or await asyncio.to_thread(self._results.read, request)
        evidence = end.report.evidence
        if texts is None or evidence is None:
            return end
        reason = self._results.refusal(texts, evidence)
        if reason is None and not self._results.is_settled(texts, began):
            return end  # the next run will keep it
        if reason is None:
            again = await self._worker.check(replace(request, trace_only=True, details=False), limits)
            second = again.report.evidence
            if again.outcome.kind is not OutcomeKind.FINISHED or second is None:
                return end
            others = {name for name, trace in evidence.traces.items() if not trace or second.traces.get(name) != trace}
            if others:
                names = ", ".join(sorted({name.rpartition(":")[0] for name in others}))
                reason = f"two traces of {names} differ"
            await asyncio.to_thread(self._results.keep, texts, end.report, done, others)
        if reason is None:
            return end
        self._told(request.path, reason)
        return replace(end, report=replace(end.report, notes=(*end.report.notes, not_kept(reason))))

    def _kept(self, path: str, ended: asyncio.Task[RunResult]) -> None:
        if self._keeping.get(path) is ended:
            del self._keeping[path]
        if not ended.cancelled() and (problem := ended.exception()) is not None:
            self._told(path, f"{type(problem).__name__}: {problem}")

    def _stop_keeping(self, path: str) -> None:
        """A run under way for an older text ends at once."""
        if (task := self._keeping.pop(path, None)) is not None:
            task.cancel()

    async def restart(self) -> None:
        for path in list(self._keeping):
            self._stop_keeping(path)
        await self._worker.restart()

    async def close(self) -> None:
        for path in list(self._keeping):
            self._stop_keeping(path)
        await self._worker.close()


def _without_details(report: Report) -> Report:
    return replace(report, kernels=tuple(map(_plain, report.kernels)), values=())


def _plain(kernel: KernelReport) -> KernelReport:
    """As a check without details tells it."""
    return replace(
        kernel,
        expr_type=None,
        normal_form=None,
        spec_normal_form=None,
        difference=None,
        added_dims={},
        formulas={},
    )


def not_kept(reason: str) -> str:
    return f"results are not kept: {reason}"


def _tell(report: Report, told: Listener) -> None:
    told(Discovered(tuple(replace(kernel, status=Status.QUEUED) for kernel in report.kernels)))


def _joined(report: Report, known: Sequence[_Part]) -> Report:
    """A report with kernels from elsewhere; what of the two is the same stands there once."""
    kernels = {(k.name, k.range): k for k in (*(part.kernel for part in known), *report.kernels)}
    diagnostics = dict.fromkeys([*report.diagnostics, *(d for part in known for d in part.diagnostics)])
    return replace(
        report,
        kernels=tuple(sorted(kernels.values(), key=lambda k: (k.range.start, k.name_range.start))),
        diagnostics=tuple(sorted(diagnostics, key=lambda d: (d.range.start, d.range.end, d.code))),
        values=(*report.values, *(value for part in known for value in part.values)),
        evidence=None,
    )
