"""Proves what another process claims, and lets none of its verdicts pass that was not proved here.

The process that reads kernels runs them, and they can change anything in it. So it only asks; this one answers, has
never run a line of the text, and seals each report: *proved* and *assumed* stand only over claims of that
kernel that were proved here, all of them. What a report says otherwise is taken as it is: it is no praise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stile_engine.checking.proving import Description, Question, Role, prove_here
from stile_engine.proof.prove import Proof
from stile_engine.proof.verdict import Obligation, Range, Status, kernel_status
from stile_engine.trace.report import Diagnostic, KernelReport

UNCONFIRMED = "the verdict was not confirmed by the prover's own process"

_GOOD = (Status.PROVED, Status.ASSUMED)


@dataclass(slots=True)
class _Settled:
    """A claim and what was found of it."""

    question: Question
    proof: Proof
    status: Status


@dataclass(slots=True)
class Judge:
    """Of one run."""

    _settled: dict[tuple[str, Range], list[_Settled]] = field(default_factory=dict)

    def prove(self, question: Question) -> Proof:
        proof = prove_here(question)
        claims = self._settled.setdefault((question.kernel, question.place), [])
        match question.role:
            case Role.CLAIM:
                claims.append(_Settled(question, proof, proof.status))
            case Role.READING if claims and proof.status in _GOOD:
                # Another reading than the kernel's own words is an assumption.
                claims[-1] = _Settled(question, proof, Status.ASSUMED)
            case Role.READING if claims and proof.status is claims[-1].status is Status.REFUTED:
                claims[-1] = _Settled(question, proof, Status.REFUTED)
        return proof

    def sealed(
        self, report: KernelReport, diagnostics: Sequence[Diagnostic]
    ) -> tuple[KernelReport, tuple[Diagnostic, ...]]:
        """The report with the status that its obligations and the proofs made here allow."""
        if report.status not in _GOOD:
            return report, tuple(diagnostics)
        found = [claim.status for claim in self._settled.get((report.name, report.name_range), [])]
        told = kernel_status(report.obligations, report.assumptions)
        if found and told in _GOOD and all(status in _GOOD for status in found):
            assumed = Status.ASSUMED in (*found, told, report.status)
            return replace(report, status=Status.ASSUMED if assumed else Status.PROVED), tuple(diagnostics)
        refused = Obligation("value", Status.UNKNOWN, report.name_range, detail=UNCONFIRMED)
        note = Diagnostic("not-proved", "warning", report.name_range, f"not proved: {UNCONFIRMED}", report.name)
        unproved = replace(
            report, status=Status.UNKNOWN, message=UNCONFIRMED, obligations=(*report.obligations, refused)
        )
        return unproved, (*diagnostics, note)

    def described(self, report: KernelReport) -> KernelReport:
        """The report with normal forms, written by this process."""
        description = Description()
        for claim in self._settled.get((report.name, report.name_range), []):
            if claim.question.details:
                description.add(claim.question.actual, claim.proof)
        return description.of(report)
