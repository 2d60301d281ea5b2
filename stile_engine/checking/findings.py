"""From what a trace left behind to obligations and diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from stile_engine.checking.proving import Description, Prover, Question, Role, prove_here
from stile_engine.checking.sentinels import without_sentinels
from stile_engine.index.dims import named_sizes, registered_dims
from stile_engine.proof.instances import Sizes
from stile_engine.proof.invariants import owed
from stile_engine.proof.prove import Proof
from stile_engine.proof.verdict import (
    Assumption,
    LiteralReading,
    Location,
    Obligation,
    Range,
    Status,
    Witness,
    kernel_status,
)
from stile_engine.term.expression import Node, NoValue, Unmodelled, every_node
from stile_engine.term.value import Value
from stile_engine.trace.frontend import IN_THE_CALLED
from stile_engine.trace.location import Site
from stile_engine.trace.recording import NOT_MODELLED, Check, Claim, Coverage, Reading, Violation
from stile_engine.trace.report import Diagnostic, KernelReport, RelatedLocation
from stile_engine.trace.source_map import SourceMap

_KIND_OF_CODE = {
    "coverage-gap": "coverage",
    "coverage-overlap": "coverage",
    "out-of-bounds": "bounds",
    "undefined-value": "defined",
    "race": "race",
    "index-overflow": "overflow",
    "invariant-base": "invariant",
    "invariant-step": "invariant",
    "not-equal": "value",
}
_CODE_OF_KIND = {
    "coverage": "coverage-gap",
    "bounds": "out-of-bounds",
    "defined": "undefined-value",
    "shape": "dim-mismatch",
    "race": "race",
    "overflow": "index-overflow",
    "value": "not-equal",
}


class Stop(Exception):
    """The check of this kernel cannot go on; the obligation says why."""


@dataclass(slots=True)
class Findings:
    """What is known of one kernel so far. Places without a range of their own are the kernel's name."""

    text: SourceMap
    path: str
    kernel: str
    place: Range
    details: bool
    sizes: Mapping[str, tuple[int, int]]
    obligations: list[Obligation] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)
    literals: list[LiteralReading] = field(default_factory=list)
    prove_milliseconds: float = 0.0
    within: Mapping[Site, Site] = field(default_factory=dict)
    """For calls of functions in other files of the user: where in there the operation stands."""
    prover: Prover = prove_here
    _proofs: list[tuple[Claim, Proof]] = field(default_factory=list)
    _owed: set[tuple[str, int, int]] = field(default_factory=set)
    """Which statements about invariants were looked at."""

    def described(self, report: KernelReport) -> KernelReport:
        """The report with the normal forms of what was proved, as texts and formulas. To write them can take
        as long as the proof: the verdict does not wait for it."""
        description = Description()
        if self.details:
            for claim, proof in self._proofs:
                description.add(claim.actual, proof)
        return description.of(report)

    def range(self, site: Site | None) -> Range:
        return self.text.range(site) if site is not None and site.path == self.path else self.place

    def location(self, site: Site) -> Location:
        if site.path == self.path:
            return Location(self.text.range(site))
        try:
            with open(site.path, encoding="utf-8") as file:
                return Location(SourceMap(file.read()).range(site), site.path)
        except (OSError, UnicodeDecodeError):
            return Location(SourceMap("").start, site.path)

    def diagnose(
        self,
        code: str,
        severity: str,
        place: Range,
        message: str,
        related: Iterable[tuple[Site, str]] = (),
    ) -> None:
        known = tuple(RelatedLocation(self.location(site), text) for site, text in related)
        found = Diagnostic(code, severity, place, message, self.kernel, known)
        if found not in self.diagnostics:
            self.diagnostics.append(found)

    def settle(
        self,
        status: Status,
        code: str,
        severity: str,
        place: Range,
        message: str,
        related: Sequence[tuple[Range, str]] = (),
    ) -> None:
        """The value is open, for a reason that no proof will change."""
        self.obligations.append(Obligation("value", status, place, detail=message))
        known = tuple(RelatedLocation(Location(where), remark) for where, remark in related)
        self.diagnostics.append(Diagnostic(code, severity, place, message, self.kernel, known))

    def stop(self, status: Status, code: str, severity: str, place: Range, message: str) -> NoReturn:
        self.settle(status, code, severity, place, message)
        raise Stop

    def add_violations(self, violations: Sequence[Violation]) -> None:
        """A broken rule of typed arrays refutes the kernel; what the engine does not model does not."""
        for violation in violations:
            place = self.range(violation.site)
            unsupported = violation.code == "unsupported"
            status = Status.UNSUPPORTED if unsupported else Status.REFUTED
            kind = "value" if unsupported else _KIND_OF_CODE.get(violation.code, "shape")
            witness = None if violation.point is None else Witness(index=dict(violation.point))
            self.obligations.append(Obligation(kind, status, place, detail=violation.message, witness=witness))
            severity = "warning" if unsupported else "error"
            self.diagnose(violation.code, severity, place, violation.message, violation.related)

    def add_checks(self, checks: Sequence[Check]) -> None:
        """What was found out beside the values: bounds, races, overflow."""
        for check in checks:
            place = self.range(check.site)
            found = Obligation(check.kind, check.status, place, detail=check.detail, witness=check.witness)
            self.obligations.append(found)
            if check.status is Status.REFUTED:
                code = _CODE_OF_KIND[check.kind]
                self.diagnose(code, "error", place, check.detail or code)
            else:
                self._diagnose_obligation(found)

    def add_coverage(self, coverage: Sequence[Coverage]) -> None:
        for found in coverage:
            place = self.range(found.site)
            if found.complete:
                self.obligations.append(Obligation("coverage", Status.PROVED, place))
            if found.gap is not None:
                gap = _of_sizes(found.gap)
                self._uncovered("coverage-gap", place, f"never written: {gap}", gap, found.gap_point)
            if found.overlap is not None:
                related = [(site, "written here") for site in found.overlap_sites]
                overlap = _of_sizes(found.overlap)
                message = f"written more than once: {overlap}"
                self._uncovered("coverage-overlap", place, message, overlap, found.overlap_point, related)

    def _uncovered(
        self,
        code: str,
        place: Range,
        message: str,
        where: str,
        point: Mapping[str, int] | None,
        related: Sequence[tuple[Site, str]] = (),
    ) -> None:
        point = point or {}
        index = {name: value for name, value in point.items() if not name.startswith("#")}
        witness = Witness(sizes=named_sizes(point), index=index, set=where)
        self.obligations.append(Obligation("coverage", Status.REFUTED, place, detail=message, witness=witness))
        self.diagnose(code, "error", place, message, related)

    def add_claim(self, claim: Claim, output: str = "out") -> Status:
        """Prove one equality, and its tiles one by one where the whole is not proved."""
        self._add_invariants(claim)
        claim, proof = self._settled(claim, output)
        self._proofs.append((claim, proof))
        place = self.range(claim.site)
        if proof.status not in (Status.PROVED, Status.ASSUMED):
            faulty = self._faulty_part(claim, proof, output)
            place = self.range(faulty.site) if faulty is not None else place
        stopped = unmodelled_site(claim.actual.node)
        for obligation in proof.obligations:
            here = place
            related: tuple[tuple[Site, str], ...] = ()
            if obligation.status is Status.UNSUPPORTED and stopped is not None:
                here = self.range(stopped)
                inner = self.within.get(stopped)
                if inner is not None:
                    related = ((inner, IN_THE_CALLED),)
                    obligation = replace(obligation, detail=f"{obligation.detail} (in {inner})")
            elif obligation.status is Status.UNKNOWN and isinstance(proof.stopped, Site):
                here = self.range(proof.stopped)
            settled = replace(obligation, range=here, spec=claim.spec_text)
            if obligation.kind == "value":
                settled = replace(settled, milliseconds=proof.milliseconds)
            self.obligations.append(settled)
            self._diagnose_obligation(settled, related)
        for assumption in proof.assumptions:
            known = replace(assumption, range=assumption.range or self.range(claim.site))
            if known not in self.assumptions:
                self.assumptions.append(known)
        if proof.status is Status.ASSUMED:
            texts = "; ".join(a.text for a in proof.assumptions) or "see the assumptions of the kernel"
            self.diagnose("assumption", "information", place, f"proved under assumptions that nobody declared: {texts}")
        self.literals.extend(proof.literals)
        return proof.status

    def _add_invariants(self, claim: Claim) -> None:
        """What is claimed of the loops, one obligation for its base and one for its step."""
        for statement in owed(claim.actual.node):
            # Several outputs may come from one loop.
            key = (statement.code, statement.carry, id(statement.loop))
            if key in self._owed:
                continue
            self._owed.add(key)
            proof = self._ask(statement.actual, statement.claimed, "out", Role.CLAIM, details=False)
            site = statement.loop.location if isinstance(statement.loop.location, Site) else claim.site
            place = self.range(site)
            base = statement.code == "invariant-base"
            when = "before the first round" if base else "after a round that starts with it"
            worst = next((o for o in proof.obligations if o.status is proof.status), None)
            reason = f": {worst.detail}" if worst is not None and worst.detail else ""
            holds = proof.status in (Status.PROVED, Status.ASSUMED)
            detail = None if holds else f"the invariant does not say what the loop computes {when}{reason}"
            if proof.status is Status.UNKNOWN:
                detail = f"it could not be shown that the invariant says what the loop computes {when}{reason}"
            self.assumptions += [a for a in proof.assumptions if a not in self.assumptions]
            found = Obligation("invariant", proof.status, place, claim.spec_text, detail=detail, witness=proof.witness)
            self.obligations.append(found)
            if not holds:
                severity = "error" if proof.status is Status.REFUTED else "warning"
                self.diagnose(statement.code, severity, place, refutation_message(found))

    def _settled(self, claim: Claim, output: str) -> tuple[Claim, Proof]:
        """The proof of a claim as it is; where that fails, with finite stand-ins read as −∞ (an assumption)."""
        proof = self._prove(claim, output)
        if proof.status in (Status.PROVED, Status.ASSUMED):
            return claim, proof
        if proof.status is Status.REFUTED and (reason := _untold(claim.actual.node)) is not None:
            owed = tuple(o for o in proof.obligations if o.status is not Status.REFUTED)
            unread = Obligation("value", Status.UNSUPPORTED, detail=reason)
            return claim, replace(proof, status=Status.UNSUPPORTED, obligations=(*owed, unread), witness=None)
        node, numbers = without_sentinels(claim.actual.node)
        if not numbers:
            return claim, proof
        masked = replace(claim, actual=replace(claim.actual, node=node), parts=())
        second = self._prove(masked, output, Role.READING)
        if second.status is Status.REFUTED:
            # A reading refutes nothing by itself: the numbers may be meant as they are written.
            if proof.status is not Status.REFUTED or _untold(node) is not None:
                return claim, proof
        elif second.status not in (Status.PROVED, Status.ASSUMED):
            return claim, proof
        place = self.range(claim.site)
        texts = [f"{float(n):g}, which a mask selects, stands for -inf" for n in numbers]
        read = tuple(Assumption(text, "literal", place) for text in texts)
        obligations = tuple(
            replace(o, status=Status.ASSUMED, detail=o.detail or "; ".join(texts))
            if o.kind == "value" and o.status is Status.PROVED
            else o
            for o in second.obligations
        )
        assumptions = (*second.assumptions, *read)
        status = kernel_status(obligations, assumptions)
        return masked, replace(second, status=status, obligations=obligations, assumptions=assumptions)

    def _prove(self, claim: Claim, output: str, role: Role = Role.CLAIM) -> Proof:
        return self._ask(claim.actual, claim.spec, output, role, self.details and role is not Role.PART)

    def _ask(self, actual: Value, spec: Value, output: str, role: Role, details: bool) -> Proof:
        question = Question(actual, spec, output, self.sizes, details, self.kernel, self.place, role)
        proof = self.prover(question)
        self.prove_milliseconds += proof.milliseconds
        return proof

    def _faulty_part(self, claim: Claim, whole: Proof, output: str) -> Claim | None:
        """The tile in which the witness lies; without one, the first that is wrong or not proved."""
        if len(claim.parts) == 1:
            return claim.parts[0]
        if whole.witness is not None:
            for part in claim.parts:
                if _holds(part, whole.witness.index):
                    return part
        doubtful: Claim | None = None
        for part in claim.parts:
            proof = self._prove(part, output, Role.PART)
            if proof.status is Status.REFUTED:
                return part
            if proof.status is not Status.PROVED and doubtful is None:
                doubtful = part
        return doubtful

    def forget(self, obligations: Sequence[Obligation]) -> None:
        """Take back what was found of a kernel before more was known."""
        places = {(o.range or self.place) for o in obligations if o.status is Status.UNSUPPORTED}
        self.obligations[:] = [o for o in self.obligations if not any(o is old for old in obligations)]
        self.diagnostics[:] = [d for d in self.diagnostics if d.code != "unsupported" or d.range not in places]

    def add_refuted(self, obligation: Obligation) -> None:
        """An obligation that was refuted elsewhere, at its place in this text."""
        self.obligations.append(obligation)
        self._diagnose_obligation(obligation)

    def _diagnose_obligation(self, obligation: Obligation, related: Sequence[tuple[Site, str]] = ()) -> None:
        place = obligation.range or self.place
        match obligation.status:
            case Status.REFUTED:
                code = _CODE_OF_KIND.get(obligation.kind, "not-equal")
                self.diagnose(code, "error", place, refutation_message(obligation))
            case Status.UNKNOWN:
                reason = obligation.detail or "no reason is known"
                self.diagnose("not-proved", "warning", place, f"not proved: {reason}")
            case Status.UNSUPPORTED:
                message = f"not modelled: {obligation.detail or 'no reason known'}"
                self.diagnose("unsupported", "warning", place, message, related)
            case Status.ERROR:
                self.diagnose("internal-error", "error", place, obligation.detail or "the prover failed")

    def add_readings(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            place = self.text.range(reading.site) if reading.site and reading.site.path == self.path else None
            found = LiteralReading(reading.written, reading.read, place)
            if found not in self.literals:
                self.literals.append(found)


def _untold(root: Node) -> str | None:
    """Why a value that the expression may rest on is not told: a counterexample may have looked at it."""
    reasons = (node.reason for node in every_node(root) if isinstance(node, NoValue))
    return next((r.removeprefix(NOT_MODELLED) for r in reasons if r.startswith(NOT_MODELLED)), None)


def _of_sizes(where: str) -> str:
    """The text of a set with sizes instead of their unknowns."""
    extents = {name: d.extent for name, d in registered_dims().items() if d.concrete is None}
    return Sizes({}, extents, frozenset()).text(where)


def _holds(part: Claim, index: Mapping[str, int]) -> bool:
    """Whether the index lies in the tile's ranges."""
    return all(
        d.low.is_constant and d.high.is_constant and d.low.constant <= index[d.name] < d.high.constant
        for d in part.actual.dims
        if d.name in index
    )


def refutation_message(obligation: Obligation) -> str:
    """What is wrong, where, and by how much, in one line."""
    what = obligation.detail or "differs from its spec"
    witness = obligation.witness
    if witness is None:
        return what
    places = witness.places
    at = " at " + ", ".join(f"{name}={value}" for name, value in places.items()) if places else ""
    numbers = ""
    if witness.kernel is not None and witness.spec is not None:
        numbers = f" (kernel {_number(witness.kernel)}, spec {_number(witness.spec)})"
    subject = "differs from its spec" if obligation.kind == "value" else ""
    parts = [p for p in (f"{subject}{at}{numbers}".strip(), what) if p]
    return ": ".join(dict.fromkeys(parts))


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def unmodelled_site(root: Node) -> Site | None:
    """The place of the first operation without a model that the expression rests on."""
    unmodelled = (node.location for node in every_node(root) if isinstance(node, Unmodelled))
    return next((location for location in unmodelled if isinstance(location, Site)), None)
