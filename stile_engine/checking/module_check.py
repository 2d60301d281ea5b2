"""Typed code at module level, outside every kernel."""

from __future__ import annotations

from stile_engine.checking.discovery import FoundKernel
from stile_engine.checking.execution import ModuleRun
from stile_engine.checking.failures import failure_message
from stile_engine.checking.findings import Findings
from stile_engine.checking.kernel_check import CheckedKernel
from stile_engine.checking.parsing import ParsedText
from stile_engine.checking.proving import Prover
from stile_engine.checking.statement import normal_form_of, sizes_of
from stile_engine.checking.values import describe_values
from stile_engine.index.dims import unknowns_of
from stile_engine.proof.verdict import Obligation, Status, kernel_status
from stile_engine.trace.recording import Recorder
from stile_engine.trace.report import CheckRequest, KernelReport
from stile_engine.trace.sameness import digest_of


def check_module_code(
    request: CheckRequest, parsed: ParsedText, run: ModuleRun, found: FoundKernel, recorder: Recorder, prover: Prover
) -> CheckedKernel:
    """What typed results and assertions outside every kernel came to while the module ran."""
    details = request.details
    findings = Findings(
        parsed.map, request.path, found.name, found.name_range, details, unknowns_of(run.dims.values()), prover=prover
    )
    findings.add_violations(recorder.violations)
    findings.add_coverage(recorder.coverage)
    for claim in recorder.claims if not request.trace_only else ():
        findings.add_claim(claim)
    findings.add_readings(recorder.readings.values())
    for failure in run.failures:
        place = findings.range(failure.site)
        findings.obligations.append(Obligation("value", Status.ERROR, place, detail=failure_message(failure.error)[1]))
    if recorder.claims and not recorder.violations:
        findings.obligations.append(Obligation("shape", Status.PROVED, found.name_range))
    values = describe_values(
        recorder.values,
        recorder.loops,
        (),
        None,
        parsed.tree,
        parsed.map,
        request.path,
        found.name,
        normal_form_of(details, run.dims),
    )
    status = kernel_status(findings.obligations, findings.assumptions)
    report = KernelReport(
        found.name,
        "numpy",
        status,
        found.range,
        found.name_range,
        message=next((o.detail or "" for o in findings.obligations if o.status is status and o.detail), ""),
        spec="; ".join(dict.fromkeys(c.spec_text for c in recorder.claims)) or None,
        sizes=sizes_of(run.dims, [c.spec for c in recorder.claims]),
        assumptions=tuple(findings.assumptions),
        literals=tuple(findings.literals),
        prove_milliseconds=findings.prove_milliseconds,
        obligations=tuple(findings.obligations),
        shape_type=recorder.claims[-1].spec.shape_type if recorder.claims else None,
    )
    return CheckedKernel(
        report,
        tuple(findings.diagnostics),
        lambda: (findings.described(report), values, ()),
        lambda: digest_of(recorder.claims),
    )
