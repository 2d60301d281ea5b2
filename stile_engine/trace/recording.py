"""What a front end leaves behind when it has traced a kernel.

A front end takes a ``KernelTask`` and a ``Recording``, runs the kernel on symbolic arrays, notes what
it meets in the recording, and returns the kernel's results. It decides nothing about verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from stile_engine.errors import StileError
from stile_engine.index.affine import Affine
from stile_engine.index.dims import Dim
from stile_engine.proof.verdict import Obligation
from stile_engine.term.expression import Node, Tensor
from stile_engine.term.value import Value
from stile_engine.trace.locations import SourceSpan


def axis_variable(axis: int) -> str:
    """The index variable of an axis of a plain array, which has no dim names: ``$0``, ``$1`` …"""
    return f"${axis}"


@dataclass(frozen=True, slots=True)
class PlainArray:
    """A result of a plain kernel: ``node`` over the axis variables ``$0 … $(rank-1)``, each from 0 to its size."""

    shape: tuple[Affine, ...]
    node: Node


KernelResult: TypeAlias = "PlainArray | Value"


@dataclass(frozen=True, slots=True)
class Claim:
    """An equality that must be proved.

    ``spec`` is None where the kernel's own spec is meant. ``output`` names the result in the witness.
    """

    actual: KernelResult
    span: SourceSpan | None = None
    spec: Value | None = None
    spec_text: str | None = None
    output: str = "out"


@dataclass(frozen=True, slots=True)
class Related:
    span: SourceSpan
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem at a place: becomes a diagnostic."""

    code: str
    message: str
    span: SourceSpan | None
    severity: str = "error"
    related: tuple[Related, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """An obligation that the front end settled itself (shape, coverage …), with its place."""

    obligation: Obligation
    span: SourceSpan | None
    finding: Finding | None = None


@dataclass(slots=True)
class ValueRecord:
    """The last value seen at one place, and how often the place was passed.

    ``dims`` is the short text of an inlay hint. ``value`` gives the value itself when a hover asks for
    its expression or normal form: most are never asked for, so it is built then.
    """

    span: SourceSpan
    dims: str
    shape_type: str
    value: Callable[[], Value | None]
    expr_type: Callable[[], str] | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Literal:
    """A float literal that only reached us as a float, and how it was read."""

    written: str
    read: str
    span: SourceSpan | None = None


@dataclass(slots=True)
class Recording:
    """Filled while one kernel is traced."""

    path: str
    values: dict[SourceSpan, ValueRecord] = field(default_factory=dict)
    decided: list[Decided] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    literals: dict[tuple[str, str], Literal] = field(default_factory=dict)

    def record(
        self,
        span: SourceSpan | None,
        dims: str,
        shape_type: str,
        value: Callable[[], Value | None],
        expr_type: Callable[[], str] | None = None,
    ) -> None:
        """Note a value; of several at one place the last is kept and the count goes up."""
        if span is None or span.path != self.path:
            return
        known = self.values.get(span)
        count = 1 if known is None else known.count + 1
        self.values[span] = ValueRecord(span, dims, shape_type, value, expr_type, count)

    def literal(self, written: str, read: str, span: SourceSpan | None) -> None:
        self.literals.setdefault((written, read), Literal(written, read, span))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a kernel as the spec knows it.

    ``tensor`` names the spec's input; ``dims`` are its dims in axis order (empty for a scalar);
    ``dtype`` is the declared element type.
    """

    name: str
    tensor: Tensor
    dims: tuple[Dim, ...]
    dtype: str = "float32"
    written: bool = False
    """True where the kernel writes an output in place; its contents before the launch are ``tensor``."""


@dataclass(frozen=True, slots=True)
class KernelTask:
    """What a front end gets. ``function`` is the undecorated object; ``constants`` are its other arguments."""

    name: str
    function: Any
    parameters: tuple[Parameter, ...]
    dims: dict[str, Dim]
    path: str
    constants: dict[str, Any] = field(default_factory=dict)
    spec_text: str | None = None
    spec: Value | None = None


class FrontEnd(Protocol):
    """``trace`` returns the claims of one kernel; a plain kernel has one for each result, in order."""

    name: str

    def trace(self, task: KernelTask, recording: Recording) -> tuple[Claim, ...]: ...


class TraceError(StileError):
    """The trace had to stop: an operation without a model, or a rule that the kernel breaks.

    ``code`` tells which; ``span`` is the place in the user's text, None where it is the file's frame
    innermost at the time.
    """

    code = "unsupported"

    def __init__(
        self,
        message: str,
        span: SourceSpan | None = None,
        *,
        code: str | None = None,
        related: tuple[Related, ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.span = span
        self.related = related
