"""The texts of verdicts that users see on lenses, in lists and in hovers."""

from __future__ import annotations

from collections.abc import Callable

from stile_engine.trace.lens import lens_text
from stile_engine.trace.report import KernelReport, Range, Status

Moved = Callable[[Range], Range]
"""Where a place of the text that was checked lies in the present one."""


def verdict(status: Status, kernel: KernelReport | None, moved: Moved = lambda place: place) -> str:
    """The text of the lens over a kernel."""
    if kernel is None or status in (Status.STALE, Status.QUEUED, Status.RUNNING):
        return {Status.QUEUED: "… queued", Status.RUNNING: "… running"}.get(status, "… stale")
    return lens_text(status, kernel, moved)


def explanation(status: Status, kernel: KernelReport | None, moved: Moved = lambda place: place) -> str:
    """The verdict with its reason, in one line."""
    text = verdict(status, kernel, moved)
    if kernel is None or status is not kernel.status or not kernel.message:
        return text
    return f"{text}: {kernel.message}"


def repro(kernel: KernelReport) -> str | None:
    """The program that shows the first counterexample."""
    return next((o.witness.repro for o in kernel.obligations if o.witness is not None and o.witness.repro), None)
