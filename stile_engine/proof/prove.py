"""Two values are compared; the answer is a proof, a confirmed counterexample, or neither."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from stile_engine.index.affine import Affine
from stile_engine.index.sets import EMPTY, UNIVERSE, IndexSet, describe
from stile_engine.index.work import BudgetExceeded, budget
from stile_engine.proof.conditions import Requirement, guarantees, requirements, unmet
from stile_engine.proof.consistency import contradiction_of, tensors_of
from stile_engine.proof.contents import without_contents
from stile_engine.proof.counterexamples import Counterexamples, Unsearched
from stile_engine.proof.equality import are_equal
from stile_engine.proof.instances import Sizes, describe_with
from stile_engine.proof.logarithms import open_at_zero
from stile_engine.proof.normalize import Normalizer
from stile_engine.proof.verdict import Assumption, LiteralReading, Obligation, Status, Witness, kernel_status
from stile_engine.term.atoms import Poly
from stile_engine.term.context import specialise
from stile_engine.term.guarded import Element, Guarded, Missing, Piece, Unmodelled
from stile_engine.term.order import signs_within
from stile_engine.term.ring import subtract
from stile_engine.term.signs import ANY, NEGATIVE, NONNEGATIVE, POSITIVE
from stile_engine.term.value import Value

if TYPE_CHECKING:
    from stile_engine.proof.forms import Forms

_OPERATIONS = 500_000
_SIGNS = {"nonzero": NEGATIVE | POSITIVE, "nonnegative": NONNEGATIVE, "positive": POSITIVE, "logarithm": POSITIVE}


@dataclass(frozen=True)
class Proof:
    """What was found out about one output."""

    status: Status
    obligations: tuple[Obligation, ...]
    assumptions: tuple[Assumption, ...] = ()
    literals: tuple[LiteralReading, ...] = ()
    witness: Witness | None = None
    write: Callable[[], Forms] | None = field(default=None, compare=False, repr=False)
    """Makes ``forms``; None where nobody asked for details."""
    milliseconds: float = 0.0
    stopped: object = None
    """Where the construct stands that the prover could not get past, as the front end named it."""

    @cached_property
    def forms(self) -> Forms | None:
        """The normal forms of both sides; None where nobody asked for details."""
        return self.write() if self.write is not None else None

    @property
    def normal_form(self) -> str | None:
        """The first side in spec syntax."""
        return self.forms.actual.text if self.forms is not None else None

    @property
    def spec_normal_form(self) -> str | None:
        return self.forms.spec.text if self.forms is not None else None

    @property
    def difference(self) -> str | None:
        """Where the sides differ, both with only their difference, on one line."""
        return self.forms.difference if self.forms is not None else None


@dataclass
class _Findings:
    """Cells of the common box, by what the comparison said of them."""

    unequal: list[tuple[IndexSet, Element, Element]] = field(default_factory=list)
    absent: list[tuple[IndexSet, str]] = field(default_factory=list)
    surplus: list[tuple[IndexSet, str]] = field(default_factory=list)
    unmodelled: list[tuple[IndexSet, Unmodelled]] = field(default_factory=list)


def prove_values(
    actual: Value,
    spec: Value,
    *,
    output: str = "out",
    sizes: Mapping[str, tuple[int, int]] | None = None,
    details: bool = True,
    symmetric: bool = False,
    known: Mapping[str, Affine] | None = None,
    numbers: bool = True,
    confirmed: bool = True,
) -> Proof:
    """Whether ``actual`` equals ``spec`` wherever the spec has a value; dims are matched by name.

    ``sizes`` gives the range of each symbolic size. ``symmetric``: both sides are expressions of
    equal rank, so that ``actual`` may not have a value either where ``spec`` has none. ``known`` are the
    sizes of dims that normal forms may name beside those of the values and their inputs. Without ``numbers``
    nothing is evaluated, neither to refute nor after a proof; without ``confirmed`` nothing after a proof, for
    those who only want to know whether it is refuted.
    """
    start = time.perf_counter()
    searches = Counterexamples if numbers else Unsearched
    search = searches(actual, spec, output, dict(sizes or {}))
    shape = _compare_shapes(actual, spec)
    if shape is not None:
        return _finished(start, [shape], (), None, shape.witness)
    try:
        with budget(_OPERATIONS), _collector_paused():
            return _prove(
                actual, spec, search, dict(sizes or {}), details, symmetric, dict(known or {}), start, confirmed
            )
    except BudgetExceeded as error:
        failed = _without_proof(search, f"the proof took {error}")
    except RecursionError:
        failed = _without_proof(search, "the expression is nested too deeply for the prover")
    except (ArithmeticError, ValueError) as error:
        failed = Obligation("value", Status.ERROR, detail=f"internal-error in the prover: {error}; please report this")
    return _finished(start, [failed], (), None, failed.witness)


def _without_proof(search: Counterexamples, reason: str) -> Obligation:
    """What can be said where the proof had to be given up: refuted if numbers say so, else unknown."""
    search.partial = True
    try:
        with budget(_OPERATIONS):
            outcome = search.run([UNIVERSE])
    except (BudgetExceeded, RecursionError):
        return Obligation("value", Status.UNKNOWN, detail=reason)
    if outcome.witness is not None:
        return Obligation("value", Status.REFUTED, detail="the values differ", witness=outcome.witness)
    return Obligation("value", Status.UNKNOWN, detail=f"{reason}; {outcome.agreed} random points agreed")


objects_are_frozen = False
"""Whether this process has taken its objects out of the collector's lists and wants them to stay there. To ask
the collector itself would take a walk over all of them."""


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Terms are interned and stay alive: looking for garbage among them again and again is what
    would make long proofs grow faster than their length."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            # What was made counts as old from here on, without being looked through.
            gc.freeze()
            if not objects_are_frozen:
                gc.unfreeze()
            gc.enable()


def _prove(
    actual: Value,
    spec: Value,
    search: Counterexamples,
    sizes: dict[str, tuple[int, int]],
    details: bool,
    symmetric: bool,
    known: dict[str, Affine],
    start: float,
    confirmed: bool,
) -> Proof:
    normalize = Normalizer()
    mine, theirs = normalize(actual.node), normalize(spec.node)
    box = IndexSet.box(spec.axes)
    if ranges := search.sizes.ranges:  # the sizes of dims that neither side names have no part in the statement
        box = box & IndexSet.box({v: (Affine.of(low), Affine.of(high + 1)) for v, (low, high) in ranges.items()})
    if box is EMPTY:
        error = Obligation("value", Status.ERROR, detail="the context is empty: no index satisfies the assumptions")
        return _finished(start, [error], (), None, None)
    inputs = tensors_of((actual.node, spec.node))
    clash = contradiction_of(inputs, sizes)
    if clash is not None:
        error = Obligation("value", Status.ERROR, detail=f"the declared facts contradict each other: {clash}")
        return _finished(start, [error], (), None, None)
    suspects = _different_forms(mine, theirs, box)
    early = search.run([c for c, _, _ in suspects], quick=True).witness if suspects else None
    missing: list[Requirement] = []
    about_data: list[Requirement] = []
    if early is not None:
        # A witness decides: what it would take to compare the forms is not spent.
        findings = _compare(mine, theirs, box, None)
        findings.unequal = suspects
        owed = given = []
    else:
        findings = _compare(mine, theirs, box, thorough=False)
        owed, given = requirements(mine.conditions, box), guarantees(theirs.conditions, box)
        missing = unmet(owed, given)
        if symmetric:
            missing += [r for r in _unmet_by_first(mine, theirs, box) if r.is_about_data]
        about_data = [r for r in missing if r.is_about_data]
        missing = [r for r in missing if not r.is_about_data]
    search.partial = bool(missing)
    obligations: list[Obligation] = []
    assumptions: list[Assumption] = []
    witness: Witness | None = None
    stopped: object = None

    if findings.absent or (symmetric and findings.surplus):
        for where, reason in findings.absent:
            found = search.at(where)
            witness = found or witness
            obligations.append(_absent(where, reason, box, found, search.sizes))
        if symmetric:
            for where, reason in findings.surplus:
                detail = f"only the first has a value where {describe(where)} (the second: {reason})"
                status = Status.UNKNOWN if where.tokens else Status.REFUTED
                obligations.append(Obligation("defined", status, detail=detail, witness=_index_witness(where)))
    if findings.unequal:
        value = _settle_unequal(findings, mine, theirs, box, search, early)
        if value.status is Status.UNKNOWN and normalize.has_loops and _agree_unrolled(actual, theirs, box):
            value = Obligation("value", Status.PROVED)
        obligations.append(value)
        witness = witness or value.witness
    elif findings.unmodelled:
        where, unmodelled = findings.unmodelled[0]
        status = Status.UNKNOWN if unmodelled.supported else Status.UNSUPPORTED
        differs = search.run([where], quick=True).witness
        if differs is not None:
            obligations.append(Obligation("value", Status.REFUTED, detail="the values differ", witness=differs))
            witness = witness or differs
        else:
            obligations.append(Obligation("value", status, detail=unmodelled.reason))
        stopped = unmodelled.location
    elif not any(o.kind == "value" for o in obligations):
        obligations.append(
            Obligation("value", Status.PROVED, detail=_nothing_owed(findings, symmetric) or search.sizes.statement())
        )

    if about_data and not any(o.status is Status.REFUTED for o in obligations):
        unmet_data = _unmet_data(about_data, search)
        obligations += unmet_data
        witness = witness or unmet_data[0].witness
    if symmetric and early is None:
        missing += [r for r in _unmet_by_first(mine, theirs, box) if not r.is_about_data]
    if not findings.unmodelled and kernel_status(obligations) is Status.PROVED:
        missing += open_at_zero(
            owed, given, (actual.node, spec.node), lambda zeros: _agree_at_zero(actual, spec, zeros, box, symmetric)
        )
    texts = list(dict.fromkeys(r.text() for r in missing))
    assumptions += [Assumption(text, "divisor") for text in texts]
    if not any(o.kind in ("defined", "coverage", "bounds") for o in obligations) and not findings.unmodelled:
        status = Status.ASSUMED if texts else Status.PROVED
        obligations.append(Obligation("defined", status, detail="; ".join(texts) or None))

    status = kernel_status(obligations, assumptions)
    if status in (Status.PROVED, Status.ASSUMED):
        impossible = without_contents(sorted(inputs, key=lambda t: t.name))
        if impossible is not None:
            obligations.append(Obligation("value", Status.UNKNOWN, detail=impossible))

        def believed(actual: Value, spec: Value) -> bool:
            proof = prove_values(actual, spec, sizes=sizes, details=False, symmetric=symmetric, numbers=False)
            return proof.status in (Status.PROVED, Status.ASSUMED)

        loops = believed if normalize.has_loops else None
        contradiction = search.contradiction(status is Status.ASSUMED, loops) if confirmed else None
        if contradiction is not None:
            detail = "a proof was found, but evaluation at a random point contradicts it; please report this"
            obligations.append(Obligation("value", Status.ERROR, detail=detail, witness=contradiction))
    write: Callable[[], Forms] | None = None
    if details:
        unequal = findings.unequal if value_differs(obligations) else []

        def write() -> Forms:
            from stile_engine.proof.forms import forms_of  # most proofs are not read

            return forms_of(actual, mine, spec, theirs, known, unequal[0] if unequal else None)

    proof = _finished(start, obligations, tuple(assumptions), write, witness)
    return replace(proof, stopped=stopped)


def value_differs(obligations: list[Obligation]) -> bool:
    """Whether it remained open, or was refuted, that the values are equal."""
    return any(o.kind == "value" and o.status is not Status.PROVED for o in obligations)


def _unmet_by_first(mine: Guarded, theirs: Guarded, box: IndexSet) -> list[Requirement]:
    """What the second needs in order to have a value, and the first does not."""
    return unmet(requirements(theirs.conditions, box), guarantees(mine.conditions, box))


def _agree_at_zero(actual: Value, spec: Value, zeros: frozenset[Poly], box: IndexSet, symmetric: bool) -> bool:
    """Whether the two have the same values where exactly these arguments of logarithms are zero."""
    normalize = Normalizer(zeros)
    mine, theirs = normalize(actual.node), normalize(spec.node)
    owed, given = requirements(mine.conditions, box), guarantees(theirs.conditions, box)
    if any(r.kind == "logarithm" and r.body in zeros for r in owed + given):
        return False  # one of them came in another form
    findings = _compare(mine, theirs, box, thorough=False)
    if findings.unequal or findings.absent or findings.unmodelled or (symmetric and findings.surplus):
        return False
    if unmet(owed, given):
        return False
    return not symmetric or not unmet(requirements(theirs.conditions, box), guarantees(mine.conditions, box))


def _different_forms(mine: Guarded, theirs: Guarded, box: IndexSet) -> list[tuple[IndexSet, Element, Element]]:
    """Where the two have values whose difference does not vanish at once: most are not equal, and a counterexample
    is found sooner than it can be known that no law makes them equal."""
    found: list[tuple[IndexSet, Element, Element]] = []
    for p in mine.pieces:
        for q in theirs.pieces:
            if p.value is q.value or isinstance(p.value, Missing | Unmodelled) or isinstance(q.value, Missing):
                continue
            if isinstance(q.value, Unmodelled) or (cell := p.guard & q.guard & box) is EMPTY:
                continue
            if isinstance(p.value, Poly) and isinstance(q.value, Poly):
                if specialise(subtract(p.value, q.value), cell).terms:
                    found.append((cell, p.value, q.value))
            elif p.value != q.value:
                found.append((cell, p.value, q.value))
    return found


def _compare(mine: Guarded, theirs: Guarded, box: IndexSet, thorough: bool | None) -> _Findings:
    """``thorough`` None: values are not compared, only where there are any."""
    findings = _Findings()
    given = guarantees(theirs.conditions, box) if thorough is not None else []
    for r in given:
        if r.is_about_data and not r.bound:
            box = box - r.domain  # for data that reach these indices the spec has no value
    for p in mine.pieces:
        for q in theirs.pieces:
            cell = p.guard & q.guard & box
            if cell is EMPTY:
                continue
            _compare_cell(p, q, cell, thorough, given, findings)
    return findings


def _compare_cell(
    p: Piece, q: Piece, cell: IndexSet, thorough: bool | None, given: list[Requirement], findings: _Findings
) -> None:
    if isinstance(q.value, Missing):
        if not isinstance(p.value, Missing):
            findings.surplus.append((cell, q.value.reason))
    elif isinstance(q.value, Unmodelled):
        findings.unmodelled.append((cell, q.value))
    elif isinstance(p.value, Unmodelled):
        findings.unmodelled.append((cell, p.value))
    elif isinstance(p.value, Missing):
        findings.absent.append((cell, p.value.reason))
    elif thorough is None:
        return
    elif isinstance(p.value, Poly) and isinstance(q.value, Poly):
        # where the spec has no value nothing is owed: its conditions may be used
        facts = signs_within(cell)
        for r in given:
            if not r.bound and not r.is_about_data and cell.issubset(r.domain):
                facts[r.body] = facts.get(r.body, ANY) & _SIGNS[r.kind]
        if not are_equal(p.value, q.value, cell, thorough, facts):
            findings.unequal.append((cell, p.value, q.value))
    elif p.value != q.value:
        findings.unequal.append((cell, p.value, q.value))


def _settle_unequal(
    findings: _Findings, mine: Guarded, theirs: Guarded, box: IndexSet, search: Counterexamples, early: Witness | None
) -> Obligation:
    """Refuted with a confirmed witness, proved by a longer look, or unknown."""
    cell, left, right = _at_witness(findings.unequal, early, search)
    from stile_engine.proof.causes import nearest_cause  # a proof has none

    cause = nearest_cause(left, right, cell, search.sizes.text)
    witness, agreed = early, 0
    if witness is None:
        outcome = search.run([c for c, _, _ in findings.unequal], cause.spikes, cause.sets)
        witness, agreed = outcome.witness, outcome.agreed
    if witness is not None:
        detail = cause.text or "the values differ"
        return Obligation("value", Status.REFUTED, detail=detail, witness=replace(witness, set=cause.set))
    still = _compare(mine, theirs, box, thorough=True)
    if not still.unequal:
        return Obligation("value", Status.PROVED)
    detail = f"the normal forms differ, and {agreed} random points agreed"
    return Obligation("value", Status.UNKNOWN, detail=detail)


def _at_witness(
    unequal: list[tuple[IndexSet, Element, Element]], witness: Witness | None, search: Counterexamples
) -> tuple[IndexSet, Element, Element]:
    """The cell in which the witness lies: the reason is to be found there."""
    if witness is not None and not search.sizes:
        for cell, left, right in unequal:
            if all(v in witness.index for v in cell.variables) and cell.contains(witness.index):
                return cell, left, right
    return unequal[0]


def _agree_unrolled(actual: Value, theirs: Guarded, box: IndexSet) -> bool:
    """Whether the loops written out round by round come to what their closed forms do not show."""
    findings = _compare(Normalizer(unrolled=True)(actual.node), theirs, box, thorough=True)
    return not (findings.unequal or findings.absent or findings.unmodelled or findings.surplus)


def _absent(where: IndexSet, reason: str, box: IndexSet, witness: Witness | None, sizes: Sizes) -> Obligation:
    kind = "coverage" if reason.startswith("never written") else "bounds" if "out of bounds" in reason else "defined"
    text = describe_with(where.given(box) if where is not box else UNIVERSE, sizes)
    detail = f"{reason}: {text}"
    if where.tokens and witness is None:
        # whether inputs can hold such data is not known
        return Obligation(kind, Status.UNKNOWN, detail=detail)
    return Obligation(kind, Status.REFUTED, detail=detail, witness=witness or _index_witness(where))


def _unmet_data(missing: list[Requirement], search: Counterexamples) -> list[Obligation]:
    """What the kernel needs of integer data, and the spec does not: refuted by data that lack it, else unknown."""
    witness = search.run([UNIVERSE]).witness
    obligations: list[Obligation] = []
    for kind, requirement in dict.fromkeys(("bounds" if r.kind == "inside" else "defined", r) for r in missing):
        hint = "declare it with assume=, or make the spec need it too"
        detail = f"nothing says that {requirement.text()}; {hint}"
        status = Status.UNKNOWN if witness is None else Status.REFUTED
        obligations.append(Obligation(kind, status, detail=detail, witness=witness))
    return obligations


def _index_witness(where: IndexSet) -> Witness:
    return Witness(index=where.sample() or {}, kernel="nan", set=describe(where))


def _nothing_owed(findings: _Findings, symmetric: bool) -> str | None:
    if symmetric or not findings.surplus:
        return None
    where, reason = findings.surplus[0]
    return f"nothing is owed where {describe(where)}: the spec has no value ({reason})"


def _compare_shapes(actual: Value, spec: Value) -> Obligation | None:
    mine = {d.name: d for d in actual.dims}
    theirs = {d.name: d for d in spec.dims}
    if mine.keys() != theirs.keys():
        detail = f"dims differ: kernel has {actual.shape_type or 'none'}, spec has {spec.shape_type or 'none'}"
        return Obligation("shape", Status.REFUTED, detail=detail)
    for name, d in mine.items():
        other = theirs[name]
        if (d.low, d.high) != (other.low, other.high):
            return Obligation("shape", Status.REFUTED, detail=f"slices differ: kernel has {d}, spec has {other}")
    return None


def _finished(
    start: float,
    obligations: list[Obligation],
    assumptions: tuple[Assumption, ...],
    write: Callable[[], Forms] | None,
    witness: Witness | None,
) -> Proof:
    return Proof(
        kernel_status(obligations, assumptions),
        tuple(obligations),
        assumptions,
        (),
        witness,
        write,
        (time.perf_counter() - start) * 1e3,
    )
