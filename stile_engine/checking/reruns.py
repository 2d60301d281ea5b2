"""Counterexamples on the kernel itself: a framework that can run it on a witness is a second, independent witness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan
from typing import TypeAlias

from stile_engine.proof.verdict import Obligation, Status, Witness, kernel_status
from stile_engine.trace.report import KernelReport

Rerun: TypeAlias = Callable[[Witness], "float | None"]
"""What a run of the kernel gives at the index of a witness; None where it is not run on it."""

_CLOSE = 1e-3
"""Single precision, and sums in another order: what is nearer is the same number."""


def with_runs(report: KernelReport, rerun: Rerun, program: str) -> KernelReport:
    """The report with what runs of its counterexamples came to. A run that gives what the spec says takes the
    refutation away; one that fails, or gives neither number, says nothing.

    A kernel that may leave its tensors, or whose programs race, is not run.
    """
    if any(o.kind in ("bounds", "race", "overflow") and o.status is not Status.PROVED for o in report.obligations):
        return report
    obligations = tuple(_with_run(o, rerun, program) for o in report.obligations)
    if obligations == report.obligations:
        return report
    status = kernel_status(obligations, report.assumptions)
    message = report.message
    if status is not report.status:
        message = next((o.detail for o in obligations if o.status is status and o.detail), "")
    return replace(report, obligations=obligations, status=status, message=message)


def _with_run(obligation: Obligation, rerun: Rerun, program: str) -> Obligation:
    witness = obligation.witness
    unwritten = obligation.kind == "coverage"
    if obligation.status is not Status.REFUTED or witness is None or not (unwritten or _is_told(obligation, witness)):
        return obligation
    try:
        found = rerun(witness)
    except Exception:
        return obligation  # the interpreter does not have all that the compiler has
    if found is None:
        return obligation
    found += 0.0  # no negative zero
    if unwritten:
        if isnan(found):
            return _agreed(obligation, witness, f"a run by {program} writes nothing there")
        return _contradicted(obligation, witness, f"a run by {program} writes {found:.6g}")
    kernel, spec = witness.kernel, witness.spec
    assert isinstance(kernel, float) and isinstance(spec, float)
    if not _apart(found, kernel):
        return _agreed(obligation, witness, f"a run by {program} gives {found:.6g} there as well")
    if not _apart(found, spec):
        told = f"a run by {program} gives {found:.6g}, as the spec says, and the reading of the kernel {kernel:.6g}"
        return _contradicted(obligation, witness, told)
    return obligation


def _is_told(obligation: Obligation, witness: Witness) -> bool:
    """Whether the witness has inputs and two numbers that single precision tells apart."""
    kernel, spec = witness.kernel, witness.spec
    numbers = isinstance(kernel, float) and isinstance(spec, float) and _apart(kernel, spec)
    return obligation.kind == "value" and witness.drawn is not None and numbers


def _agreed(obligation: Obligation, witness: Witness, told: str) -> Obligation:
    repro = None if witness.repro is None else f"# {told}\n{witness.repro}"
    return replace(obligation, witness=replace(witness, run=told, repro=repro))


def _contradicted(obligation: Obligation, witness: Witness, told: str) -> Obligation:
    detail = f"the counterexample does not hold for the kernel itself: {told}; please report this"
    return replace(obligation, status=Status.UNKNOWN, detail=detail, witness=replace(witness, run=told))


def _apart(left: float, right: float) -> bool:
    return not abs(left - right) <= _CLOSE * max(abs(left), abs(right), 1.0)
