"""The one-line verdict of a kernel, the same in a terminal and over the kernel in an editor."""

from __future__ import annotations

from collections.abc import Callable

from stile_engine.trace.report import KernelReport, Range, Status


def lens_text(status: Status, kernel: KernelReport, moved: Callable[[Range], Range] = lambda place: place) -> str:
    """``✓ proved in 9 ms``, ``✗ refuted at q=0, d=3``, ``? unknown: line 21`` …

    ``moved`` tells where a place of the report is now.
    """
    match status:
        case Status.PROVED:
            given = sum(a.origin == "user" for a in kernel.assumptions)
            facts = f" given {given} fact{'' if given == 1 else 's'}" if given else ""
            return f"✓ proved{facts} in {_duration(kernel.prove_milliseconds)}"
        case Status.ASSUMED:
            count = sum(a.origin != "user" for a in kernel.assumptions)
            return f"⚠ proved under {count} assumption{'' if count == 1 else 's'}"
        case Status.REFUTED:
            return f"✗ refuted{_counterexample(kernel)}"
        case Status.UNKNOWN:
            return f"? unknown{_where(kernel, moved)}"
        case Status.UNSUPPORTED:
            return f"⊘ unsupported{_where(kernel, moved)}"
        case Status.TIMEOUT:
            seconds = (kernel.trace_milliseconds + kernel.prove_milliseconds) / 1000
            return f"⏱ timeout after {seconds:.2g} s" if seconds < 10 else f"⏱ timeout after {seconds:.0f} s"
        case Status.CRASHED:
            return "✗ crashed"
        case Status.ERROR:
            return "! error"
        case _:
            return f"… {status}"


def _duration(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{max(milliseconds, 1):.0f} ms"


def _counterexample(kernel: KernelReport) -> str:
    for obligation in kernel.obligations:
        witness = obligation.witness
        if obligation.status is Status.REFUTED and witness is not None and (witness.sizes or witness.index):
            return " at " + ", ".join(f"{name}={value}" for name, value in witness.places.items())
    return ""


def _where(kernel: KernelReport, moved: Callable[[Range], Range]) -> str:
    """The line, counted from one, of the obligation that stopped the proof."""
    for obligation in kernel.obligations:
        if obligation.status is kernel.status and obligation.range is not None:
            return f": line {moved(obligation.range).start.line + 1}"
    return f": {kernel.message.splitlines()[0]}" if kernel.message else ""
