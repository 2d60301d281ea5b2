"""``--format json``: one document for a run, with ranges as LSP has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stile_engine.trace.codec import encode, finite
from stile_engine.trace.report import Diagnostic, KernelReport, Location, Obligation, Report, Status, Witness

if TYPE_CHECKING:
    from stile_engine.proof.prove import Proof

VERSION = 1

SUMMARY = (
    Status.PROVED,
    Status.ASSUMED,
    Status.REFUTED,
    Status.UNKNOWN,
    Status.UNSUPPORTED,
    Status.TIMEOUT,
    Status.CRASHED,
    Status.ERROR,
)


def check_document(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "files": [_file(report) for report in reports],
        "summary": summary(reports),
    }


def summary(reports: Sequence[Report]) -> dict[str, int]:
    """Kernels by status."""
    statuses = [kernel.status for report in reports for kernel in report.kernels]
    return {str(status): statuses.count(status) for status in SUMMARY}


def proof_document(proof: Proof, latex: bool = False) -> dict[str, Any]:
    forms = proof.forms
    return {
        "version": VERSION,
        "status": str(proof.status),
        "obligations": [_obligation(o) for o in proof.obligations],
        "assumptions": [encode(a) for a in proof.assumptions],
        "literals": [encode(r) for r in proof.literals],
        "witness": _witness(proof.witness),
        "normal_form": proof.normal_form,
        "spec_normal_form": proof.spec_normal_form,
        "difference": proof.difference,
        "added_dims": {**forms.actual.added_dims, **forms.spec.added_dims} if forms is not None else {},
        **({"latex": forms.latex()} if latex and forms is not None else {}),
        "milliseconds": proof.milliseconds,
    }


def _file(report: Report) -> dict[str, Any]:
    return {
        "path": report.path,
        "kernels": [_kernel(kernel) for kernel in report.kernels],
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in report.diagnostics],
        "notes": list(report.notes),
    }


def _kernel(kernel: KernelReport) -> dict[str, Any]:
    return {
        "name": kernel.name,
        "backend": kernel.backend,
        "status": str(kernel.status),
        "message": kernel.message,
        "range": encode(kernel.range),
        "sizes": encode(kernel.sizes),
        "assumptions": [encode(a) for a in kernel.assumptions],
        "literals": [encode(r) for r in kernel.literals],
        "trace_milliseconds": kernel.trace_milliseconds,
        "prove_milliseconds": kernel.prove_milliseconds,
        "obligations": [_obligation(o) for o in kernel.obligations],
    }


def _obligation(obligation: Obligation) -> dict[str, Any]:
    return {
        "kind": obligation.kind,
        "status": str(obligation.status),
        "range": None if obligation.range is None else encode(obligation.range),
        "spec": obligation.spec,
        "milliseconds": obligation.milliseconds,
        "detail": obligation.detail,
        "witness": _witness(obligation.witness),
    }


def _witness(witness: Witness | None) -> dict[str, Any] | None:
    """Only the fields that apply."""
    if witness is None:
        return None
    fields = {
        "sizes": witness.sizes,
        "output": witness.output,
        "index": witness.index,
        "kernel": _number(witness.kernel),
        "spec": _number(witness.spec),
        "seed": witness.seed,
        "set": witness.set,
        "repro": witness.repro,
        "run": witness.run,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _number(value: float | str | None) -> Any:
    return finite(value) if isinstance(value, float) else value


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "range": encode(diagnostic.range),
        "message": diagnostic.message,
        "kernel": diagnostic.kernel,
        "related": [{"range": _place(r.location), "message": r.message} for r in diagnostic.related],
    }


def _place(location: Location) -> Any:
    found = encode(location.range)
    return found if location.path is None else {"path": location.path, "range": found}
