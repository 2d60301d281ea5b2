"""How a run ended, and the report that is left when it did not end well.

Kernels that were finished keep their results whatever happened to the process afterwards; the others get
the status that says what happened, never a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from stile_engine.trace.report import (
    CheckRequest,
    Diagnostic,
    KernelReport,
    Position,
    Range,
    Report,
    Status,
    ValueInfo,
)
from stile_engine.worker.messages import KernelDone


class OutcomeKind(StrEnum):
    """How one run ended."""

    FINISHED = "finished"
    """The final report came."""

    TIMEOUT = "timeout"
    """The wall or processor limit was reached."""

    CRASHED = "crashed"
    """A signal ended the process, or something outside did."""

    EXITED = "exited"
    """The program ended the process itself, before there was a report."""

    OUTPUT_LIMIT = "output-limit"
    """The program printed more than is taken."""

    PROTOCOL_ERROR = "protocol-error"
    """The results were no messages: the program wrote on their channel."""

    FAILED = "failed"
    """The engine raised."""

    IMPORT_ERROR = "import-error"
    """No check can run under this interpreter."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``line`` is zero-based, in the checked file, where it is known. ``command`` is a shell command
    that helps, ``module`` the one that the interpreter lacks."""

    kind: OutcomeKind
    message: str = ""
    line: int | None = None
    signal: str | None = None
    exit_code: int | None = None
    command: str | None = None
    module: str | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    outcome: Outcome
    report: Report


_STATUS = {
    OutcomeKind.TIMEOUT: (Status.TIMEOUT, "timeout"),
    OutcomeKind.CRASHED: (Status.CRASHED, "crashed"),
    OutcomeKind.EXITED: (Status.CRASHED, "crashed"),
    OutcomeKind.OUTPUT_LIMIT: (Status.CRASHED, "crashed"),
    OutcomeKind.PROTOCOL_ERROR: (Status.CRASHED, "crashed"),
    OutcomeKind.FAILED: (Status.ERROR, "internal-error"),
    OutcomeKind.IMPORT_ERROR: (Status.ERROR, "import-error"),
}

KernelKey = tuple[str, Range]


def key(kernel: KernelReport) -> KernelKey:
    """Two kernels of one name in a file are told apart by their place."""
    return kernel.name, kernel.range


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run that ended without a final report: what it had told until then, and for how long it ran."""

    outcome: Outcome
    unfinished: tuple[KernelReport, ...]
    seconds: float


def culprit(stopped: Stopped) -> KernelReport | None:
    """The kernel that stopped the run: the one at the line, else the first that has no result.

    None where the line lies outside of all kernels: then the module itself did it, and would again.
    """
    line = stopped.outcome.line
    if line is None:
        return stopped.unfinished[0] if stopped.unfinished else None
    return next((k for k in stopped.unfinished if k.range.start.line <= line <= k.range.end.line), None)


def assemble(
    request: CheckRequest,
    discovered: Sequence[KernelReport],
    done: Sequence[KernelDone],
    stops: Sequence[Stopped],
    milliseconds: float,
) -> Report:
    """One report from the results that came and the ways in which runs stopped."""
    results = {key(d.kernel): d for d in done}  # of one kernel the last message says most
    kernels: list[KernelReport] = []
    diagnostics: list[Diagnostic] = [item for d in results.values() for item in d.diagnostics]
    values: list[ValueInfo] = [item for d in results.values() for item in d.values or ()]
    seen = {key(k) for k in discovered}
    for kernel in (*discovered, *(d.kernel for d in done if key(d.kernel) not in seen)):
        if (result := results.get(key(kernel))) is not None:
            kernels.append(result.kernel)
        else:
            kernels.append(_without_result(kernel, stops))
    for stop in stops:
        unresolved = {key(k) for k in kernels if key(k) not in results}
        diagnostics.extend(_stop_diagnostics(stop, unresolved, bool(kernels) and not unresolved, request))
    return Report(request.path, tuple(kernels), tuple(dict.fromkeys(diagnostics)), tuple(values), milliseconds)


def _without_result(kernel: KernelReport, stops: Sequence[Stopped]) -> KernelReport:
    stop = next((s for s in stops if culprit(s) is not None and key(culprit(s) or kernel) == key(kernel)), stops[-1])
    status, _ = _STATUS[stop.outcome.kind]
    return replace(kernel, status=status, message=stop.outcome.message, trace_milliseconds=stop.seconds * 1000)


def _stop_diagnostics(
    stop: Stopped, unresolved: set[KernelKey], all_judged: bool, request: CheckRequest
) -> list[Diagnostic]:
    """One at the line or the kernel that did it; where neither is known, one for the whole file."""
    _, code = _STATUS[stop.outcome.kind]
    cause = culprit(stop)
    name = None if cause is None else cause.name
    if stop.outcome.line is not None:
        return [Diagnostic(code, "error", _line(request.source, stop.outcome.line), stop.outcome.message, name)]
    if cause is not None and key(cause) in unresolved:
        return [Diagnostic(code, "error", cause.name_range, stop.outcome.message, name)]
    start = Range(Position(0, 0), Position(0, 0))
    if stop.outcome.kind is OutcomeKind.TIMEOUT and all_judged:
        # No error of the text: only what hovers and hints would show is missing.
        missing = "every kernel has its verdict; what their expressions are was not written down in time"
        return [Diagnostic(code, "information", start, f"{missing}: {stop.outcome.message}")]
    return [Diagnostic(code, "error", start, stop.outcome.message)]


def _line(source: str, number: int) -> Range:
    """The text of a line without its indentation."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = lines[number] if number < len(lines) else ""
    start = len(text) - len(text.lstrip())
    return Range(Position(number, _utf16(text[:start])), Position(number, _utf16(text.rstrip())))


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
