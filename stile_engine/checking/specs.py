"""What a kernel should compute: the specs of its declaration, from text to meaning."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from stile_engine.checking.discovery import FoundKernel
from stile_engine.checking.findings import Findings, Stop
from stile_engine.checking.parameters import DeclarationError, declared_inputs, dtypes_by_label
from stile_engine.checking.spec_text import range_in_literal
from stile_engine.errors import UnsupportedError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.proof.verdict import Assumption, Range, Status
from stile_engine.spec.lower import Declared, LoweredSpec, SpecError, declared, lower
from stile_engine.spec.syntax import parse
from stile_engine.term.expression import Const, every_node
from stile_engine.trace.report import CheckRequest


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output of a kernel: its name where it is written in place, its text and its meaning."""

    output: str | None
    text: str
    lowered: LoweredSpec


class SpecReader:
    """Reads the specs of one kernel. What is wrong with them is told to the findings, to the character."""

    def __init__(self, request: CheckRequest, found: FoundKernel, findings: Findings) -> None:
        self._request, self._found, self._findings = request, found, findings
        self.known: Declared | None = None
        """What specs, types and facts say of the inputs, once the specs have been read."""

    def parse_literals(self) -> None:
        """The syntax of the specs that stand in the decorator; raises ``Stop``."""
        for text, _ in spec_literals(self._found):
            try:
                parse(text)
            except SpecError as error:
                self._spec_error(error, text)

    def lower(self, spec: Any, options: Mapping[str, Any], dims: Mapping[str, Dim]) -> list[OutputSpec]:
        """Every output's spec. Raises ``Stop``, and ``StileError`` for what is wrong with the declaration."""
        if self._request.against_spec is not None:
            spec = self._request.against_spec
        texts: list[tuple[str | None, Any]]
        if isinstance(spec, Mapping):
            texts = [(str(name), text) for name, text in spec.items()]
        elif isinstance(spec, tuple):
            texts = [(None, text) for text in spec]
        else:
            texts = [(None, spec)]
        for _, text in texts:
            if not isinstance(text, str):
                kind = "a reference function" if callable(text) else f"a {type(text).__name__}"
                raise UnsupportedError(f"a spec that is {kind}: only texts of the spec language are modelled yet")
        extents = {name: dim.extent for name, dim in dims.items()}
        inputs = {i.label: i.dims for i in declared_inputs(options).values()}
        outputs = options.get("outputs", {})
        found: list[OutputSpec] = []
        known = self._inputs([text for _, text in texts], extents, options)
        for name, text in texts:
            order = outputs if isinstance(outputs, str) else outputs.get(name) if name is not None else None
            try:
                lowered = lower(text, extents, inputs, None if order is None else tuple(order.split()), known)
            except SpecError as error:
                self._spec_error(error, text)
            else:
                found.append(OutputSpec(name, text, lowered))
        self._hints(found)
        return found

    def _inputs(self, texts: Sequence[str], extents: Mapping[str, Affine], options: Mapping[str, Any]) -> Declared:
        """What all specs, the declared types and the declared facts say of the inputs."""
        trees = []
        for text in texts:
            try:
                trees.append(parse(text))
            except SpecError as error:
                self._spec_error(error, text)
        facts = options.get("assume", ())
        facts = [facts] if isinstance(facts, str) else list(facts)
        if bad := [f for f in facts if not isinstance(f, str)]:
            raise DeclarationError(f"assume= needs texts such as 'I in N', not {bad[0]!r}")
        try:
            inputs = {i.label: i.dims for i in declared_inputs(options).values()}
            known = declared(trees, extents, facts, dtypes_by_label(options), inputs)
        except SpecError as error:
            status = Status.UNSUPPORTED if error.code == "unsupported" else Status.ERROR
            self._findings.stop(status, error.code, "error", self._found.name_range, error.message)
        self.known = known
        self._findings.assumptions += [Assumption(fact, "user", self._found.name_range) for fact in facts]
        return known

    def _spec_error(self, error: SpecError, text: str) -> None:
        """The exact characters inside the literal where the spec is one; raises ``Stop``."""
        place = self._found.name_range
        related: list[tuple[Range, str]] = []
        if self._request.against_spec is None:
            node = next((n for t, n in spec_literals(self._found) if t == text), self._found.spec_node)
            if node is not None:
                place = range_in_literal(node, error.start, error.end, self._findings.text)
                related = [
                    (range_in_literal(node, a, b, self._findings.text), remark) for a, b, remark in error.related
                ]
        unsupported = error.code == "unsupported"
        status = Status.UNSUPPORTED if unsupported else Status.ERROR
        self._findings.settle(status, error.code, "warning" if unsupported else "error", place, error.message, related)
        raise Stop

    def _hints(self, specs: Sequence[OutputSpec]) -> None:
        for spec in specs:
            node = next((n for t, n in spec_literals(self._found) if t == spec.text), None)
            for hint in spec.lowered.hints:
                place = self._found.name_range
                if node is not None and self._request.against_spec is None:
                    place = range_in_literal(node, hint.start, hint.end, self._findings.text)
                self._findings.diagnose("spec-shape", "information", place, hint.message)


def numbers_of(specs: Sequence[OutputSpec]) -> frozenset[Fraction]:
    """The numbers that the specs name, without their signs."""
    nodes = every_node(*(spec.lowered.value.node for spec in specs))
    return frozenset(abs(node.value) for node in nodes if isinstance(node, Const) and node.value)


def spec_literals(found: FoundKernel) -> list[tuple[str, Any]]:
    """The specs that are written as string literals in the decorator, with their nodes."""
    node = found.spec_node
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            nodes: Sequence[ast.expr] = parts
        case ast.Dict(values=parts):
            nodes = parts
        case None:
            nodes = []
        case _:
            nodes = [node]
    return [(n.value, n) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
