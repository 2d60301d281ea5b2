"""The report of one check: plain data that crosses process borders as JSON.

The server and the command line see nothing else of the engine. Nothing here imports the prover.
Ranges are zero-based lines with UTF-16 columns, lines as LSP splits them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stile_engine.proof.verdict import (
    Assumption,
    LiteralReading,
    Location,
    Obligation,
    Position,
    Range,
    Status,
    Witness,
    kernel_status,
)

__all__ = [
    "Assumption",
    "CheckRequest",
    "Diagnostic",
    "Evidence",
    "KernelReport",
    "LiteralReading",
    "Location",
    "Mathematics",
    "Obligation",
    "Position",
    "Range",
    "RelatedLocation",
    "Report",
    "Status",
    "ValueInfo",
    "Witness",
    "kernel_status",
]


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What to check: the text itself (an editor's buffer), not the file on disk.

    ``select``: only kernels of these names. ``against``: prove the kernel whose definition covers
    this zero-based line against another spec than its own (``against_spec``). ``details``: also
    fill ``values``, normal forms and repros. ``static_only``: syntax and spec checks, nothing is run.
    """

    path: str
    source: str
    select: tuple[str, ...] = ()
    against_line: int | None = None
    against_spec: str | None = None
    details: bool = True
    static_only: bool = False
    workspace: str | None = None
    first: tuple[str, ...] = ()
    """Kernels that are checked before the others, most wanted first; the report is the same."""

    constants: dict[str, int | float | bool | str] = field(default_factory=dict)
    """Values of constants in the place of those that the kernels declare, as a launch may give them."""

    trace_only: bool = False
    """Trace the kernels and prove nothing: only ``Report.evidence`` is of use then."""


@dataclass(frozen=True, slots=True)
class RelatedLocation:
    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """``code`` is one of INTERFACES' codes; ``severity``: error warning information hint."""

    code: str
    severity: str
    range: Range
    message: str
    kernel: str | None = None
    related: tuple[RelatedLocation, ...] = ()


@dataclass(frozen=True, slots=True)
class Mathematics:
    """A formula for reading: on one line of Unicode, and as LaTeX where that could be made."""

    unicode: str
    latex: str | None = None


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """What is known of one value: for hovers (``range``) and inlay hints (``name_range``).

    ``range`` is the whole expression; ``name_range`` is the assigned name on the left, with
    ``name``, when the statement is an assignment. ``dims`` is the short text for the hint, for
    example ``q[0:16] d``.
    """

    range: Range
    kernel: str
    dims: str
    shape_type: str
    expr_type: str
    normal_form: str | None = None
    name: str | None = None
    name_range: Range | None = None
    count: int = 1
    formulas: dict[str, Mathematics] = field(default_factory=dict)
    """By name: ``exprType``, ``normalForm``."""
    dtype: str = ""
    """The element type, as ``float32``; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class KernelReport:
    """One kernel. ``range`` is its whole definition, ``name_range`` the name after ``def``."""

    name: str
    backend: str | None
    status: Status
    range: Range
    name_range: Range
    message: str = ""
    spec: str | None = None
    sizes: dict[str, int | str] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    literals: tuple[LiteralReading, ...] = ()
    trace_milliseconds: float = 0.0
    prove_milliseconds: float = 0.0
    obligations: tuple[Obligation, ...] = ()
    shape_type: str | None = None
    expr_type: str | None = None
    normal_form: str | None = None
    spec_normal_form: str | None = None
    difference: str | None = None
    added_dims: dict[str, int | str] = field(default_factory=dict)
    """Dims that only the normal forms name, for a second index along a dim, with their sizes."""
    formulas: dict[str, Mathematics] = field(default_factory=dict)
    """By name: ``exprType``, ``normalForm``, ``specNormalForm``, ``difference``."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a check met beyond its text, for whoever wants to keep its results.

    ``reasons`` say why none may be kept, as in *reads the file scale.txt*. ``sources`` are the user's other files
    that were loaded. ``traces`` are digests of what each kernel computed, by name and first line.
    """

    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    traces: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one check found, kernels in the order of the text."""

    path: str
    kernels: tuple[KernelReport, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    values: tuple[ValueInfo, ...] = ()
    milliseconds: float = 0.0
    notes: tuple[str, ...] = ()
    evidence: Evidence | None = None
    """None where nothing was run."""
