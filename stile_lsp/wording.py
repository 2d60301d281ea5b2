"""The texts of verdicts that users see on lenses, in lists and in hovers."""

from __future__ import annotations

from stile_engine.trace.lens import lens_text
from stile_engine.trace.report import KernelReport, Status


def verdict(status: Status, kernel: KernelReport | None) -> str:
    """The text of the lens over a kernel."""
    if kernel is None or status in (Status.STALE, Status.QUEUED, Status.RUNNING):
        return {Status.QUEUED: "… queued", Status.RUNNING: "… running"}.get(status, "… stale")
    return lens_text(status, kernel)


def explanation(status: Status, kernel: KernelReport | None) -> str:
    """The verdict with its reason, in one line."""
    text = verdict(status, kernel)
    if kernel is None or status is not kernel.status or not kernel.message:
        return text
    return f"{text}: {kernel.message}"


def repro(kernel: KernelReport) -> str | None:
    """The program that shows the first counterexample."""
    return next((o.witness.repro for o in kernel.obligations if o.witness is not None and o.witness.repro), None)
