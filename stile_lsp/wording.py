"""The texts of verdicts that users see on lenses, in lists and in hovers."""

from __future__ import annotations

from collections.abc import Sequence

from stile_engine.trace.report import KernelReport, Obligation, Status


def milliseconds(kernel: KernelReport) -> str:
    total = kernel.prove_milliseconds
    return f"{total / 1000:.1f} s" if total >= 1000 else f"{max(total, 1):.0f} ms"


def verdict(status: Status, kernel: KernelReport | None) -> str:
    """The text of the lens over a kernel."""
    if kernel is None or status in (Status.STALE, Status.QUEUED, Status.RUNNING):
        return {Status.QUEUED: "… queued", Status.RUNNING: "… running"}.get(status, "… stale")
    match status:
        case Status.PROVED:
            given = sum(assumption.origin == "user" for assumption in kernel.assumptions)
            facts = f" given {given} fact{'s' if given != 1 else ''}" if given else ""
            return f"✓ proved{facts} in {milliseconds(kernel)}"
        case Status.ASSUMED:
            count = sum(assumption.origin != "user" for assumption in kernel.assumptions)
            return f"⚠ proved under {count} assumption{'s' if count != 1 else ''}"
        case Status.REFUTED:
            return "✗ refuted" + _counterexample(kernel.obligations)
        case Status.UNKNOWN:
            return "? unknown" + _where(kernel)
        case Status.UNSUPPORTED:
            return "⊘ unsupported" + _where(kernel)
        case Status.TIMEOUT:
            seconds = (kernel.trace_milliseconds + kernel.prove_milliseconds) / 1000
            return f"⏱ timeout after {seconds:.2g} s" if seconds < 10 else f"⏱ timeout after {seconds:.0f} s"
        case Status.CRASHED:
            return "✗ crashed"
        case _:
            return "! error"


def explanation(status: Status, kernel: KernelReport | None) -> str:
    """The verdict with its reason, in one line."""
    text = verdict(status, kernel)
    if kernel is None or status is not kernel.status or not kernel.message:
        return text
    return f"{text}: {kernel.message}"


def _counterexample(obligations: Sequence[Obligation]) -> str:
    for obligation in obligations:
        witness = obligation.witness
        if obligation.status is Status.REFUTED and witness is not None and (witness.index or witness.sizes):
            places = witness.places
            return " at " + ", ".join(f"{name}={value}" for name, value in places.items())
    return ""


def repro(kernel: KernelReport) -> str | None:
    """The program that shows the first counterexample."""
    return next((o.witness.repro for o in kernel.obligations if o.witness is not None and o.witness.repro), None)


def _where(kernel: KernelReport) -> str:
    """The line, counted from one, of the obligation that stopped the proof."""
    for obligation in kernel.obligations:
        if obligation.status is kernel.status and obligation.range is not None:
            return f": line {obligation.range.start.line + 1}"
    return f": {kernel.message.splitlines()[0]}" if kernel.message else ""
