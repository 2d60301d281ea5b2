"""Diagnostics for dims that meet in plain code although the spec does not let them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stile_engine.checking.alignment import (
    Misalignment,
    Pairs,
    Side,
    dims_read_apart,
    misalignments,
    of_result,
)
from stile_engine.checking.findings import Findings
from stile_engine.index.affine import Affine
from stile_engine.index.sizes import render_sizes
from stile_engine.proof.verdict import Location, Status
from stile_engine.trace.frontend import IN_THE_CALLED, Parameter
from stile_engine.trace.location import Site
from stile_engine.trace.recording import Claim, Recorder
from stile_engine.trace.report import Diagnostic, RelatedLocation
from stile_engine.trace.source_map import site_of

_LONGEST_OPERAND = 40
_ACCUMULATING = frozenset({"add", "maximum", "minimum", "logaddexp"})


@dataclass(frozen=True, slots=True)
class Alignments:
    """What is needed to say which operations of one kernel take different dims together."""

    recorder: Recorder
    claims: tuple[Claim, ...]
    parameters: tuple[Parameter, ...]
    extents: Mapping[str, Affine]
    tree: ast.Module
    findings: Findings
    dims_at: Callable[[], Mapping[Site, str]]
    """The dims of the expressions and names whose values are known."""

    def explain(self, status: Status) -> None:
        """Where the proof has failed: the meetings that the spec does not make, as its nearest causes."""
        if status not in (Status.REFUTED, Status.UNKNOWN, Status.UNSUPPORTED):
            return
        found = self._found()
        of_dims = any(m.kind == "dims" for m in found)
        causes: list[Diagnostic] = []
        for one in found:
            severity = self._severity(one, status, of_dims)
            made = self._diagnostic(one, severity, "" if severity == "error" else "not settled")
            self._add(made)
            if severity == "error":
                causes.append(made)
        if status is Status.REFUTED:
            causes = causes or self._of_results()
            self._link(causes)

    def hints(self) -> tuple[Diagnostic, ...]:
        """Where the proof has succeeded: what a reader may take for a mistake."""
        counts: dict[Site, int] = {}
        for meeting in self.recorder.meetings:
            counts[meeting.site] = counts.get(meeting.site, 0) + 1
        nodes = _Nodes(self.tree, self.findings.path)
        # Partial sums over tiles are how loops are written.
        shown = [
            m
            for m in self._found()
            if m.kind == "dims" or counts[m.meeting.site] == 1 or not accumulates(nodes.at(m.meeting.site))
        ]
        return tuple(self._diagnostic(m, "hint", "proved") for m in shown)

    def _found(self) -> list[Misalignment]:
        provenance = self.recorder.provenance
        meant: Pairs = frozenset().union(*(provenance.aligned_dims(c.spec.node) for c in self.claims))
        return misalignments(self.recorder.meetings, provenance, meant, self.extents)

    def _severity(self, one: Misalignment, status: Status, of_dims: bool) -> str:
        if one.kind == "dims":
            return "error" if status is Status.REFUTED else "warning"
        if status is not Status.REFUTED or of_dims:
            return "hint"
        return "error" if one.summed or self._reaches_the_result(one) else "hint"

    def _reaches_the_result(self, one: Misalignment) -> bool:
        """Sums of tiles that are summed up later may be taken in any order; all else shows in the result."""
        node = _Nodes(self.tree, self.findings.path).at(one.meeting.site)
        if not accumulates(node):
            return True
        apart = frozenset().union(*(dims_read_apart(c.actual, self.recorder.provenance) for c in self.claims))
        return not apart.isdisjoint(one.left.dims)

    # -- diagnostics -----------------------------------------------------------------------

    def _add(self, made: Diagnostic) -> None:
        if made not in self.findings.diagnostics:
            self.findings.diagnostics.append(made)

    def _diagnostic(self, one: Misalignment, severity: str, outcome: str) -> Diagnostic:
        meeting = one.meeting
        operands = self._operands(one)
        names = [_segment(self.findings.text.source, operands, side.number) for side in (one.left, one.right)]
        related: list[RelatedLocation] = []
        for side in (one.left, one.right):
            related += self._origin(side, operands)
        if meeting.within is not None:
            place = self.findings.location(meeting.within)
            related.append(RelatedLocation(place, f"the operation, {IN_THE_CALLED}"))
        message = _message(one, names)
        if outcome == "proved":
            message += "; the kernel is proved as it is"
        kernel = self.findings.kernel
        return Diagnostic("dim-mismatch", severity, self.findings.range(meeting.site), message, kernel, tuple(related))

    def _operands(self, one: Misalignment) -> list[ast.expr] | None:
        """The operands in the order of the text. A function may take its arguments in another order than it is
        given them; then their own dims must tell."""
        nodes = _Nodes(self.tree, self.findings.path)
        found = nodes.operands(one.meeting.site, one.operands)
        if found is None or not isinstance(nodes.at(one.meeting.site), ast.Call):
            return found
        known = self.dims_at()
        texts = [known.get(site_of(operand, self.findings.path), "") for operand in found]
        left, right = one.left, one.right
        if left.text in texts[left.number] and right.text in texts[right.number]:
            return found
        if left.text in texts[right.number] and right.text in texts[left.number]:
            found[left.number], found[right.number] = found[right.number], found[left.number]
            return found
        return None

    def _origin(self, side: Side, operands: Sequence[ast.expr] | None) -> list[RelatedLocation]:
        """Where the operand stands; without one, where the input stands that its dim comes from."""
        source = f", from {_listed(_label(t) for t in side.tensors)}" if side.tensors else ""
        text = f"this runs along {side.text}{source}"
        if operands is not None:
            site = site_of(operands[side.number], self.findings.path)
            return [RelatedLocation(self.findings.location(site), text)]
        sites = (p.site for p in self.parameters if p.tensor is not None and p.tensor.name in side.tensors)
        return [RelatedLocation(self.findings.location(site), text) for site in sites if site is not None]

    def _of_results(self) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        for claim in self.claims:
            meant = self.recorder.provenance.aligned_dims(claim.spec.node)
            wrong = list(of_result(claim.actual, claim.spec, self.recorder.provenance, meant, self.extents))
            if not wrong:
                continue
            axes = _listed(f"{own} where the spec has {expected}" for own, expected in wrong)
            message = f"the result runs along {axes}: these are different dims"
            place = self.findings.range(claim.site)
            found.append(Diagnostic("dim-mismatch", "error", place, message, self.findings.kernel))
            self._add(found[-1])
        return found

    def _link(self, causes: Sequence[Diagnostic]) -> None:
        """The refutation names its nearest cause, and the cause what it has led to."""
        if not causes:
            return
        diagnostics = self.findings.diagnostics
        first = next((k for k, d in enumerate(diagnostics) if d.code == "not-equal"), None)
        if first is None:
            return
        here = Location(causes[0].range)
        near = RelatedLocation(here, f"the nearest cause: {causes[0].message}")
        diagnostics[first] = replace(diagnostics[first], related=(*diagnostics[first].related, near))
        there = RelatedLocation(Location(diagnostics[first].range), "the result that is wrong")
        for cause in causes:
            if cause.range != diagnostics[first].range:
                diagnostics[diagnostics.index(cause)] = replace(cause, related=(*cause.related, there))


def _message(one: Misalignment, names: Sequence[str]) -> str:
    left, right = one.left.text, one.right.text
    if names[0] == names[1] == "one operand":
        names = ("one operand", "another")
    first, second = (f"{name} runs along {text}" for name, text in zip(names, (left, right), strict=True))
    doing = f"{first} and {second}, which are summed together" if one.summed else f"{first} where {second}"
    if one.kind == "dims":
        return f"{doing}: both have {render_sizes(one.size)} elements, but these are different dims"
    dim = " ".join(dict.fromkeys(one.left.dims))
    return f"{doing}: these are different parts of {dim}"


def _label(tensor: str) -> str:
    return f"input {tensor}" if tensor.isdigit() else tensor


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _segment(source: str, operands: Sequence[ast.expr] | None, number: int) -> str:
    if operands is None:
        return "one operand"
    text = ast.get_source_segment(source, operands[number]) or ""
    if text and len(text) <= _LONGEST_OPERAND and "\n" not in text:
        return text
    return ("the first operand", "the second operand", "the third operand")[number] if number < 3 else "one operand"


def accumulates(node: ast.AST | None) -> bool:
    """Whether the operation adds something up, or takes the largest."""
    match node:
        case ast.BinOp(op=ast.Add()) | ast.AugAssign(op=ast.Add()):
            return True
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in _ACCUMULATING
    return False


class _Nodes:
    """The expressions of a text by their places."""

    def __init__(self, tree: ast.Module, path: str) -> None:
        self._tree, self._path = tree, path

    def at(self, site: Site) -> ast.AST | None:
        if site.path != self._path:
            return None
        for node in ast.walk(self._tree):
            if isinstance(node, (ast.expr, ast.AugAssign)) and site_of(node, self._path) == site:
                return node
        return None

    def operands(self, site: Site, count: int) -> list[ast.expr] | None:
        """The ``count`` operands of the operation there, where it is certain which they are."""
        match self.at(site):
            case ast.BinOp(left=left, right=right):
                found = [left, right]
            case ast.AugAssign(target=target, value=value):
                found = [target, value]
            case ast.Compare(left=left, comparators=[right]):
                found = [left, right]
            case ast.Call(func=function, args=arguments, keywords=[]):
                name = getattr(function, "attr", getattr(function, "id", ""))
                found = [a for a in arguments if not isinstance(a, (ast.Constant, ast.Starred))]
                if name in ("where", "select") or any(isinstance(a, ast.Starred) for a in arguments):
                    return None
                if isinstance(function, ast.Attribute) and len(found) == count - 1:
                    found = [function.value, *found]
            case _:
                return None
        return found if len(found) == count else None
