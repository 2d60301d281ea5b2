"""What was found of one kernel with each choice of constants that its decorators may make, as one kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stile_engine.checking.findings import Findings
from stile_engine.index.dims import Dim
from stile_engine.index.predicate import Always, evaluate, variables
from stile_engine.proof.instances import MOST_ELEMENTS
from stile_engine.proof.verdict import Obligation, Status, Witness, kernel_status
from stile_engine.trace.frontend import Choice

_MOST_NAMED = 3

_FOUND = (Status.PROVED, Status.ASSUMED)


@dataclass(slots=True)
class Merged:
    """Adds the findings of one choice after the other to those of the kernel."""

    findings: Findings
    total: int
    names: list[str] = field(default_factory=list)

    def add(self, found: Findings, choice: Choice, dims: Mapping[str, Dim] | None) -> Status:
        """``dims``: the sizes that the choice is made at are not all that was looked at: a counterexample must lie
        among them."""
        self.names.append(choice.name)
        own = self.findings
        obligations = [self._told(o, choice, dims) for o in found.obligations]
        for obligation in obligations:
            if obligation.status is Status.PROVED and self._again(obligation):
                continue
            if obligation not in own.obligations:
                own.obligations.append(obligation)
        own.prove_milliseconds += found.prove_milliseconds
        own.assumptions += [a for a in found.assumptions if a not in own.assumptions]
        own.literals += [r for r in found.literals if r not in own.literals]
        doubted = any(o.status is not d.status for o, d in zip(found.obligations, obligations, strict=True))
        for diagnostic in found.diagnostics:
            if not any(d.code == diagnostic.code and d.range == diagnostic.range for d in own.diagnostics):
                message = f"with {choice.name}: {diagnostic.message}"
                if doubted and diagnostic.severity == "error":
                    message = f"not proved: with {choice.name}, if it is chosen there: {diagnostic.message}"
                    diagnostic = replace(diagnostic, severity="warning", code="not-proved")
                own.diagnostics.append(replace(diagnostic, message=message))
        return kernel_status(obligations, found.assumptions)

    def _again(self, obligation: Obligation) -> bool:
        """Whether the same was proved with another choice; then only its time counts."""
        for k, known in enumerate(self.findings.obligations):
            same = (known.kind, known.range, known.spec) == (obligation.kind, obligation.range, obligation.spec)
            if same and known.status is Status.PROVED:
                both = (known.milliseconds or 0.0) + (obligation.milliseconds or 0.0)
                self.findings.obligations[k] = replace(known, milliseconds=both)
                return True
        return False

    def _told(self, obligation: Obligation, choice: Choice, dims: Mapping[str, Dim] | None) -> Obligation:
        if obligation.status in _FOUND:
            # The others are for the other sizes.
            conditional = obligation.kind == "value" and not isinstance(choice.when, Always)
            return (
                replace(obligation, detail=f"for all sizes, {MOST_ELEMENTS}")
                if conditional and obligation.detail
                else obligation
            )
        told = replace(obligation, detail=f"with {choice.name}: {obligation.detail or 'differs from its spec'}")
        if obligation.status is Status.REFUTED and dims is not None and not _made(choice, obligation.witness, dims):
            detail = f"{told.detail}; whether the kernel is launched with it at these sizes is not known"
            return replace(told, status=Status.UNKNOWN, detail=detail, witness=None)
        return told

    def settle(self) -> None:
        """Say of what was proved that it was with every choice."""
        if kernel_status(self.findings.obligations, self.findings.assumptions) not in _FOUND:
            return
        for k, o in enumerate(self.findings.obligations):
            if o.kind == "value":
                detail = f"with each of {self.total} configurations"
                if self.total <= _MOST_NAMED:
                    detail = f"with {'; with '.join(self.names)}"
                self.findings.obligations[k] = replace(o, detail=f"{o.detail}; {detail}" if o.detail else detail)


def _made(choice: Choice, witness: Witness | None, dims: Mapping[str, Dim]) -> bool:
    """Whether the sizes of a counterexample are some at which the choice is made."""
    if witness is None:
        return False
    unknowns = {d.symbol: witness.sizes[n] // d.multiple_of for n, d in dims.items() if n in witness.sizes}
    return variables(choice.when) <= unknowns.keys() and evaluate(choice.when, unknowns)
