"""``--format text``: a table of verdicts, then each diagnostic with the lines that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stile_engine.proof.prove import Proof
from stile_engine.proof.verdict import Range, Status, Witness

if TYPE_CHECKING:
    from stile_engine.trace.report import Diagnostic, Report
    from stile_engine.trace.source_map import SourceMap

_COLOURS = {
    Status.PROVED: "green",
    Status.ASSUMED: "yellow",
    Status.UNKNOWN: "yellow",
    Status.UNSUPPORTED: "yellow",
    Status.REFUTED: "red",
    Status.TIMEOUT: "red",
    Status.CRASHED: "red",
    Status.ERROR: "red",
}
_SEVERITY_COLOURS = {"error": "red", "warning": "yellow", "information": "blue", "hint": "blue"}
_EXCERPT_LINES = 3
_FILE_WIDTH = 200
"""Columns where the output is no terminal: rows stay on one line."""


def print_check(reports: Sequence[Report], sources: Mapping[str, str], counts: Mapping[str, int]) -> None:
    """To standard output; coloured where that is a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from stile_engine.trace.lens import lens_text
    from stile_engine.trace.source_map import SourceMap

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=_FILE_WIDTH)
    if any(report.kernels for report in reports):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("file", "kernel", "verdict"):
            table.add_column(heading, overflow="fold")
        table.add_column("time", justify="right", no_wrap=True)
        for report in reports:
            for kernel in report.kernels:
                verdict = Text(lens_text(kernel.status, kernel), style=_COLOURS.get(kernel.status, ""))
                time = f"{kernel.trace_milliseconds + kernel.prove_milliseconds:.0f} ms"
                table.add_row(report.path, kernel.name, verdict, time)
        console.print(table, soft_wrap=False)
    for report in reports:
        text = SourceMap(sources.get(report.path, ""))
        for diagnostic in report.diagnostics:
            _print_diagnostic(console.print, Text, diagnostic, report.path, text)
        for note in report.notes:
            console.print(Text(f"{report.path}: {note}"))
    shown = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    console.print(Text(shown or "no kernels"))


def _print_diagnostic(
    write: Callable[..., None], text_type: Any, found: Diagnostic, path: str, text: SourceMap
) -> None:
    start = found.range.start
    line = text_type(f"{path}:{start.line + 1}:{start.character + 1}: ")
    line.append(f"{found.severity}[{found.code}]", style=_SEVERITY_COLOURS.get(found.severity, ""))
    line.append(f" {found.message}")
    write(line)
    for row in excerpt(found.range, text):
        write(text_type(row))
    for related in found.related:
        place = related.location.range.start
        write(
            text_type(f"    {related.location.path or path}:{place.line + 1}:{place.character + 1}: {related.message}")
        )
    write("")


def excerpt(place: Range, text: SourceMap) -> list[str]:
    """The lines of a range with the characters of it underlined; of a long range the first lines only."""
    rows: list[str] = []
    last = min(place.end.line, place.start.line + _EXCERPT_LINES - 1)
    width = len(str(last + 1))
    for number in range(place.start.line, last + 1):
        line = text.line(number + 1)
        begin = _characters(line, place.start.character) if number == place.start.line else _indent(line)
        end = _characters(line, place.end.character) if number == place.end.line else len(line.rstrip())
        rows.append(f"  {number + 1:>{width}} | {line.rstrip()}".replace("\t", " "))
        rows.append(f"  {'':>{width}} | {' ' * begin}{'^' * max(end - begin, 1)}")
    if last < place.end.line:
        rows.append(f"  {'':>{width}} | …")
    return rows


def _characters(line: str, units: int) -> int:
    """A column in UTF-16 code units as one in characters."""
    return len(line.encode("utf-16-le", errors="surrogatepass")[: 2 * units].decode("utf-16-le", errors="ignore"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def proof_lines(proof: Proof, repro: bool, latex: bool = False) -> list[str]:
    """A proof of two expressions."""
    marks = {Status.PROVED: "✓", Status.ASSUMED: "⚠", Status.REFUTED: "✗", Status.UNKNOWN: "?"}
    mark = marks.get(proof.status, "⊘" if proof.status is Status.UNSUPPORTED else "!")
    rows = [f"{mark} {proof.status} in {proof.milliseconds:.1f} ms"]
    rows += [f"  {o.kind}: {o.detail}" for o in proof.obligations if o.detail]
    rows += [f"  assumed: {a.text}" for a in proof.assumptions]
    if proof.witness is not None:
        rows.append("  " + witness_text(proof.witness))
    if proof.status is not Status.PROVED:
        forms = (("first", proof.normal_form), ("second", proof.spec_normal_form), ("difference", proof.difference))
        rows += [f"  {name}: {form}" for name, form in forms if form]
    if latex and proof.forms is not None:
        rows += [f"  {name} in LaTeX: {text}" for name, text in proof.forms.latex().items()]
    if repro and proof.witness is not None and proof.witness.repro:
        rows += ["", *proof.witness.repro.splitlines()]
    return rows


def witness_text(witness: Witness) -> str:
    places = ", ".join(f"{n}={v}" for n, v in witness.places.items())
    numbers = f": {witness.kernel} against {witness.spec}" if witness.spec is not None else ""
    return f"counterexample{f' at {places}' if places else ''}{numbers}"
