"""What can be said of a file without running it: Python's syntax and the syntax of the specs.

This is all that a folder gets which the user does not trust.
"""

from __future__ import annotations

from stile_engine.spec.syntax import SpecError, parse
from stile_engine.trace.report import Diagnostic, KernelReport, Position, Range, Report, Status
from stile_lsp.documents import LineIndex
from stile_lsp.outline import Outline, OutlinedKernel, SyntaxProblem
from stile_lsp.statement import SpecText

NOT_TRUSTED = "not run: this folder is not trusted"


def static_report(outline: Outline | SyntaxProblem, path: str) -> Report:
    if isinstance(outline, SyntaxProblem):
        return Report(path, diagnostics=(Diagnostic("python-syntax", "error", outline.range, outline.message),))
    kernels: list[KernelReport] = []
    diagnostics: list[Diagnostic] = []
    for kernel in outline.kernels:
        problems = [problem for spec in kernel.specs if (problem := _problem(spec, kernel)) is not None]
        diagnostics.extend(problems)
        status, message = (Status.ERROR, problems[0].message) if problems else (Status.UNKNOWN, NOT_TRUSTED)
        spec = kernel.specs[0].text if len(kernel.specs) == 1 else None
        kernels.append(
            KernelReport(kernel.name, None, status, kernel.range, kernel.name_range, message=message, spec=spec)
        )
    return Report(path, tuple(kernels), tuple(diagnostics))


def _problem(spec: SpecText, kernel: OutlinedKernel) -> Diagnostic | None:
    try:
        parse(spec.text)
    except SpecError as problem:
        place = Range(_place(spec, problem.start), _place(spec, problem.end)) if spec.exact else spec.range
        return Diagnostic(problem.code, "error", place, str(problem), kernel.name)
    return None


def _place(spec: SpecText, offset: int) -> Position:
    inside = LineIndex(spec.text).position(offset)
    if inside.line == 0:
        return Position(spec.start.line, spec.start.character + inside.character)
    return Position(spec.start.line + inside.line, inside.character)
