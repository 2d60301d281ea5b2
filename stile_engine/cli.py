"""The command ``stile``: arguments in, exit status out. The work is in ``stile_engine.command``.

Exit status of ``check`` and ``prove``: 0 all proved, 1 something is not, 2 wrong usage, 3 internal error. What a
command does not need it does not import: users wait for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from stile_engine.proof.verdict import Status
    from stile_engine.trace.report import Report

NOT_PROVED, WRONG_USAGE, INTERNAL_ERROR = 1, 2, 3

_format = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="How results are printed."
)
_allow = click.option("--allow", multiple=True, type=click.Choice(["assumed"]), help="Count these verdicts as good.")


@click.group(context_settings={"show_default": True})
def app() -> None:
    """Proofs for numerical kernels."""


def _is_long_enough(context: click.Context, option: click.Parameter, seconds: float) -> float:
    if not seconds >= 0.1:  # and no nan, which a range would let through
        raise click.BadParameter(f"expected at least 0.1, not {seconds}")
    return seconds


@app.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@click.option("--select", metavar="NAME", multiple=True, help="Only these kernels.")
@_format
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Files checked at a time.")
@click.option(
    "--timeout", metavar="SECONDS", type=float, default=10.0, callback=_is_long_enough, help="Limit for one file."
)
@click.option("--no-cache", is_flag=True, help="Verify anew, and keep nothing for later.")
@click.option("--no-sandbox", is_flag=True, help="Run the kernels in this very process.")
@_allow
def check(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    output: str,
    jobs: int,
    timeout: float,
    no_cache: bool,
    no_sandbox: bool,
    allow: tuple[str, ...],
) -> None:
    """Verify every kernel in files or folders."""
    from stile_engine.command.check import CheckOptions, run_checks
    from stile_engine.command.files import NoSuchPath, python_files

    try:
        files = python_files([Path(p) for p in paths])
    except NoSuchPath as error:
        _usage(str(error))
    reports, sources = run_checks(files, CheckOptions(select, jobs, timeout, not no_sandbox, not no_cache))
    names = {kernel.name for report in reports for kernel in report.kernels}
    if missing := [name for name in select if name not in names]:
        _usage(f"there is no kernel {missing[0]!r} in {', '.join(paths)}")
    _print_check(reports, sources, output)
    sys.exit(_check_status(reports, allow))


def _print_check(reports: list[Report], sources: dict[str, str], output: str) -> None:
    from stile_engine.command import json_format

    if output == "json":
        import json

        print(json.dumps(json_format.check_document(reports), indent=2, ensure_ascii=False))
    else:
        from stile_engine.command.text_format import print_check

        print_check(reports, sources, json_format.summary(reports))


def _check_status(reports: list[Report], allow: Sequence[str]) -> int:
    diagnostics = [d for report in reports for d in report.diagnostics]
    if any(d.code == "internal-error" for d in diagnostics):
        return INTERNAL_ERROR
    kernels = [kernel.status for report in reports for kernel in report.kernels]
    # An error outside of every kernel, such as an import that fails, is no success either.
    if any(d.severity == "error" for d in diagnostics) or not all(_is_good(s, allow) for s in kernels):
        return NOT_PROVED
    return 0


def _is_good(status: Status, allow: Sequence[str]) -> bool:
    return status == "proved" or status in allow


@app.command()
@click.argument("actual", required=False)
@click.argument("spec", required=False)
@click.option(
    "--dim",
    metavar="NAME=SIZE",
    multiple=True,
    help="The size of a dim; NAME for every size, NAME=64*k for every multiple.",
)
@click.option("--batch", metavar="FILE.jsonl", help="Pairs, one to a line; - is stdin.")
@_format
@click.option("--repro", is_flag=True, help="Also print the counterexample as a program.")
@click.option("--latex", is_flag=True, help="Also print the normal forms as LaTeX.")
@_allow
def prove(
    actual: str | None,
    spec: str | None,
    dim: tuple[str, ...],
    batch: str | None,
    output: str,
    repro: bool,
    latex: bool,
    allow: tuple[str, ...],
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
        proof = prove_pair(actual, spec, dims=dict(_size(text) for text in dim))
    except PairError as error:
        marks = " " * error.start + "^" * max(error.end - error.start, 1)
        _usage(f"{error.message}\n  {error.text}\n  {marks}" if "\n" not in error.text else error.message)
    except StileError as error:
        _usage(error.message)
    if output == "json":
        import json

        from stile_engine.command.json_format import proof_document

        print(json.dumps(proof_document(proof, latex), indent=2, ensure_ascii=False))
    else:
        from stile_engine.command.text_format import proof_lines

        print("\n".join(proof_lines(proof, repro, latex)))
    sys.exit(0 if _is_good(proof.status, allow) else NOT_PROVED)


def _size(text: str) -> tuple[str, Any]:
    """``N=8``; ``N=k`` for every size, ``N=64*k`` for every multiple of 64."""
    name, separator, size = (part.strip() for part in text.partition("="))
    if not separator or not name:
        _usage(
            f"--dim {text}: expected NAME=SIZE, for example --dim {name or 'Q'}=8, or {name or 'Q'}=k for every size"
        )
    try:
        return name, int(size)
    except ValueError:
        from stile_engine.command.batch import symbolic_dim

        symbolic = symbolic_dim(name, size)
        if symbolic is not None:
            return name, symbolic
        _usage(f"--dim {text}: the size must be a whole number, or k or 64*k for every multiple, not {size!r}")


def _prove_batch(batch: str) -> None:
    from stile_engine.command.batch import prove_lines

    if batch == "-":
        for answer in prove_lines(sys.stdin):
            print(answer, flush=True)
        return
    try:
        file = Path(batch).open(encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        _usage(f"{batch}: {error.strerror}")
    with file:
        for answer in prove_lines(file):
            print(answer, flush=True)


@app.command()
def doctor() -> None:
    """Versions, frameworks and isolation, for a bug report."""
    from stile_engine.command.doctor import report

    print("\n".join(report()))


@app.command()
@click.option("--tcp", metavar="PORT", type=int, help="Wait on this port, for debugging.")
def lsp(tcp: int | None) -> NoReturn:
    """The language server, over standard input and output."""
    # In place of this process: the server owns its standard streams from the start.
    arguments = [] if tcp is None else ["--tcp", str(tcp)]
    os.execv(sys.executable, [sys.executable, "-m", "stile_lsp", *arguments])


def _usage(message: str) -> NoReturn:
    print(f"stile: {message}", file=sys.stderr)
    sys.exit(WRONG_USAGE)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of ``stile`` and ``python -m stile_engine``. ``arguments``: other ones than those of the process."""
    try:
        app.main(arguments, prog_name="stile")
    except (SystemExit, KeyboardInterrupt):
        raise
    except Exception:
        import traceback

        traceback.print_exc()
        print("stile: internal error; please report it with the lines above", file=sys.stderr)
        sys.exit(INTERNAL_ERROR)
