"""The command ``stile``: arguments in, exit status out. The work is in ``stile_engine.command``.

Exit status of ``check`` and ``prove``: 0 all proved, 1 something is not, 2 wrong usage, 3 internal error.
"""

from __future__ import annotations

import os
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from stile_engine.proof.verdict import Status
    from stile_engine.trace.report import Report

NOT_PROVED, WRONG_USAGE, INTERNAL_ERROR = 1, 2, 3

app = typer.Typer(
    name="stile",
    help="Proofs for numerical kernels.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


class Allowed(StrEnum):
    ASSUMED = "assumed"


FormatOption = Annotated[Format, typer.Option("--format", help="How results are printed.")]
AllowOption = Annotated[list[Allowed] | None, typer.Option("--allow", help="Count these verdicts as good.")]


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders to search.")],
    select: Annotated[list[str] | None, typer.Option("--select", metavar="NAME", help="Only these kernels.")] = None,
    output: FormatOption = Format.TEXT,
    jobs: Annotated[int, typer.Option(min=1, help="Files checked at a time.")] = 1,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Limit for one file.")] = 10.0,
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Run the kernels in this very process.")] = False,
    allow: AllowOption = None,
) -> None:
    """Verify every kernel in files or folders."""
    from stile_engine.command.check import CheckOptions, run_checks
    from stile_engine.command.files import NoSuchPath, python_files

    try:
        files = python_files(paths)
    except NoSuchPath as error:
        _usage(str(error))
    reports, sources = run_checks(files, CheckOptions(tuple(select or ()), jobs, timeout, not no_sandbox))
    names = {kernel.name for report in reports for kernel in report.kernels}
    if missing := [name for name in select or () if name not in names]:
        _usage(f"there is no kernel {missing[0]!r} in {', '.join(map(str, paths))}")
    _print_check(reports, sources, output)
    raise typer.Exit(_check_status(reports, allow or []))


def _print_check(reports: list[Report], sources: dict[str, str], output: Format) -> None:
    from stile_engine.command import json_format

    if output is Format.JSON:
        import json

        print(json.dumps(json_format.check_document(reports), indent=2, ensure_ascii=False))
    else:
        from stile_engine.command.text_format import print_check

        print_check(reports, sources, json_format.summary(reports))


def _check_status(reports: list[Report], allow: list[Allowed]) -> int:
    diagnostics = [d for report in reports for d in report.diagnostics]
    if any(d.code == "internal-error" for d in diagnostics):
        return INTERNAL_ERROR
    kernels = [kernel.status for report in reports for kernel in report.kernels]
    # An error outside of every kernel, such as an import that fails, is no success either.
    if any(d.severity == "error" for d in diagnostics) or not all(_is_good(s, allow) for s in kernels):
        return NOT_PROVED
    return 0


def _is_good(status: Status, allow: list[Allowed]) -> bool:
    return status == "proved" or status in {str(a) for a in allow}


@app.command()
def prove(
    actual: Annotated[str | None, typer.Argument(help="An expression of the spec language.")] = None,
    spec: Annotated[str | None, typer.Argument(help="The expression that it should equal.")] = None,
    dim: Annotated[
        list[str] | None,
        typer.Option(
            "--dim", metavar="NAME=SIZE", help="The size of a dim; NAME for every size, NAME=64*k for every multiple."
        ),
    ] = None,
    batch: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="Pairs, one to a line; - is stdin.")] = None,
    output: FormatOption = Format.TEXT,
    repro: Annotated[bool, typer.Option("--repro", help="Also print the counterexample as a program.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Also print the normal forms as LaTeX.")] = False,
    allow: AllowOption = None,
) -> None:
    """Prove two expressions equal."""
    if batch is not None:
        if actual is not None or dim:
            _usage("--batch takes its expressions and dims from the file")
        _prove_batch(batch)
        return
    if actual is None or spec is None:
        _usage("two expressions are needed: stile prove 'X:Q + X:Q' '2 * X:Q' --dim Q=8")
    from stile_engine.errors import StileError
    from stile_engine.pairs import PairError
    from stile_engine.pairs import prove as prove_pair

    try:
        proof = prove_pair(actual, spec, dims=dict(_size(text) for text in dim or ()))
    except PairError as error:
        marks = " " * error.start + "^" * max(error.end - error.start, 1)
        _usage(f"{error.message}\n  {error.text}\n  {marks}" if "\n" not in error.text else error.message)
    except StileError as error:
        _usage(error.message)
    if output is Format.JSON:
        import json

        from stile_engine.command.json_format import proof_document

        print(json.dumps(proof_document(proof, latex), indent=2, ensure_ascii=False))
    else:
        from stile_engine.command.text_format import proof_lines

        print("\n".join(proof_lines(proof, repro, latex)))
    raise typer.Exit(0 if _is_good(proof.status, allow or []) else NOT_PROVED)


def _size(text: str) -> tuple[str, Any]:
    """``N=8``; ``N=k`` for every size, ``N=64*k`` for every multiple of 64."""
    from stile_engine.command.batch import symbolic_dim

    name, separator, size = (part.strip() for part in text.partition("="))
    if not separator or not name:
        _usage(
            f"--dim {text}: expected NAME=SIZE, for example --dim {name or 'Q'}=8, or {name or 'Q'}=k for every size"
        )
    symbolic = symbolic_dim(name, size)
    if symbolic is not None:
        return name, symbolic
    try:
        return name, int(size)
    except ValueError:
        _usage(f"--dim {text}: the size must be a whole number, or k or 64*k for every multiple, not {size!r}")


def _prove_batch(batch: Path) -> None:
    from stile_engine.command.batch import prove_lines

    if str(batch) == "-":
        for answer in prove_lines(sys.stdin):
            print(answer, flush=True)
        return
    try:
        file = batch.open(encoding="utf-8")
    except OSError as error:
        _usage(f"{batch}: {error.strerror}")
    with file:
        for answer in prove_lines(file):
            print(answer, flush=True)


@app.command()
def doctor() -> None:
    """Versions, frameworks, isolation and devices, to paste into a bug report."""
    from stile_engine.command.doctor import report

    print("\n".join(report()))


@app.command()
def lsp(
    tcp: Annotated[int | None, typer.Option(metavar="PORT", help="Wait on this port, for debugging.")] = None,
) -> None:
    """The language server, over standard input and output."""
    # In place of this process: the server owns its standard streams from the start.
    arguments = [] if tcp is None else ["--tcp", str(tcp)]
    os.execv(sys.executable, [sys.executable, "-m", "stile_lsp", *arguments])


def _usage(message: str) -> NoReturn:
    print(f"stile: {message}", file=sys.stderr)
    raise typer.Exit(WRONG_USAGE)


def main() -> None:
    """Entry of ``stile`` and ``python -m stile_engine``."""
    try:
        app(prog_name="stile")
    except (SystemExit, KeyboardInterrupt):
        raise
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        sys.exit(NOT_PROVED)
    except Exception:
        traceback.print_exc()
        print("stile: internal error; please report it with the lines above", file=sys.stderr)
        sys.exit(INTERNAL_ERROR)
