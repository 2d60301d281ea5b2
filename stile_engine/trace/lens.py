"""The one-line verdict of a kernel."""

from __future__ import annotations

from stile_engine.trace.report import KernelReport, Status


def lens_text(kernel: KernelReport) -> str:
    """``✓ proved in 9 ms``, ``✗ refuted at q=0, d=3``, ``? unknown: line 21`` …"""
    match kernel.status:
        case Status.PROVED:
            given = sum(a.origin == "user" for a in kernel.assumptions)
            facts = f" given {given} fact{'' if given == 1 else 's'}" if given else ""
            return f"✓ proved{facts} in {_milliseconds(kernel.trace_milliseconds + kernel.prove_milliseconds)}"
        case Status.ASSUMED:
            count = sum(a.origin != "user" for a in kernel.assumptions)
            return f"⚠ proved under {count} assumption{'' if count == 1 else 's'}"
        case Status.REFUTED:
            return f"✗ refuted{_counterexample(kernel)}"
        case Status.UNKNOWN:
            return f"? unknown{_line(kernel)}"
        case Status.UNSUPPORTED:
            return f"⊘ unsupported{_line(kernel)}"
        case Status.TIMEOUT:
            return f"⏱ timeout after {(kernel.trace_milliseconds + kernel.prove_milliseconds) / 1000:.3g} s"
        case Status.CRASHED:
            return "✗ crashed"
        case Status.ERROR:
            return "! error"
        case _:
            return f"… {kernel.status}"


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value >= 1 else "1 ms"


def _counterexample(kernel: KernelReport) -> str:
    for obligation in kernel.obligations:
        witness = obligation.witness
        if obligation.status is Status.REFUTED and witness is not None and (witness.sizes or witness.index):
            places = witness.places
            return " at " + ", ".join(f"{name}={value}" for name, value in places.items())
    return ""


def _line(kernel: KernelReport) -> str:
    for obligation in kernel.obligations:
        if obligation.status is kernel.status and obligation.range is not None:
            return f": line {obligation.range.start.line + 1}"
    return ""
