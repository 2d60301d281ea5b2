"""The command ``stile``: arguments in, exit status out. The work is in ``stile_engine.command``.

Exit status of ``check`` and ``prove``: 0 all proved, 1 something is not, 2 wrong usage, 3 internal error. What a
command does not need it does not import: users wait for it.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from stile_engine.command.arguments import WRONG_USAGE, Argument, Command, read_arguments

if TYPE_CHECKING:
    from stile_engine.proof.verdict import Status
    from stile_engine.trace.report import Report

NOT_PROVED, INTERNAL_ERROR = 1, 3

_FORMAT = Argument("--format", "How results are printed.", choices=("text", "json"), default="text")
_ALLOW = Argument("--allow", "Count these verdicts as good.", choices=("assumed",), several=True)


def check(options: Namespace) -> int:
    """Verify every kernel in files or folders."""
    from stile_engine.command.check import CheckOptions, run_checks
    from stile_engine.command.files import NoSuchPath, python_files

    try:
        files = python_files([Path(p) for p in options.paths])
    except NoSuchPath as error:
        _usage(str(error))
    limits = CheckOptions(
        tuple(options.select), options.jobs, options.timeout, not options.no_sandbox, not options.no_cache
    )
    reports, sources = run_checks(files, limits)
    names = {kernel.name for report in reports for kernel in report.kernels}
    if missing := [name for name in options.select if name not in names]:
        _usage(f"there is no kernel {missing[0]!r} in {', '.join(options.paths)}")
    _print_check(reports, sources, options.format)
    return _check_status(reports, options.allow)


def _print_check(reports: list[Report], sources: dict[str, str], output: str) -> None:
    from stile_engine.command import json_format

    if output == "json":
        import json

        print(json.dumps(json_format.check_document(reports), indent=2, ensure_ascii=False))
    else:
        from stile_engine.command.text_format import print_check

        print_check(reports, sources, json_format.summary(reports))


def _check_status(reports: list[Report], allow: list[str]) -> int:
    diagnostics = [d for report in reports for d in report.diagnostics]
    if any(d.code == "internal-error" for d in diagnostics):
        return INTERNAL_ERROR
    kernels = [kernel.status for report in reports for kernel in report.kernels]
    # An error outside of every kernel, such as an import that fails, is no success either.
    if any(d.severity == "error" for d in diagnostics) or not all(_is_good(s, allow) for s in kernels):
        return NOT_PROVED
    return 0


def _is_good(status: Status, allow: list[str]) -> bool:
    return status == "proved" or status in allow


def prove(options: Namespace) -> int:
    """Prove two expressions equal."""
    if options.batch is not None:
        if options.actual is not None or options.dim:
            _usage("--batch takes its expressions and dims from the file")
        _prove_batch(options.batch)
        return 0
    if options.actual is None or options.spec is None:
        _usage("two expressions are needed: stile prove 'X:Q + X:Q' '2 * X:Q' --dim Q=8")
    from stile_engine.errors import StileError
    from stile_engine.pairs import PairError
    from stile_engine.pairs import prove as prove_pair

    try:
        proof = prove_pair(options.actual, options.spec, dims=dict(_size(text) for text in options.dim))
    except PairError as error:
        marks = " " * error.start + "^" * max(error.end - error.start, 1)
        _usage(f"{error.message}\n  {error.text}\n  {marks}" if "\n" not in error.text else error.message)
    except StileError as error:
        _usage(error.message)
    if options.format == "json":
        import json

        from stile_engine.command.json_format import proof_document

        print(json.dumps(proof_document(proof, options.latex), indent=2, ensure_ascii=False))
    else:
        from stile_engine.command.text_format import proof_lines

        print("\n".join(proof_lines(proof, options.repro, options.latex)))
    return 0 if _is_good(proof.status, options.allow) else NOT_PROVED


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


def doctor(_: Namespace) -> int:
    """Versions, frameworks, isolation and devices, to paste into a bug report."""
    from stile_engine.command.doctor import report

    print("\n".join(report()))
    return 0


def lsp(options: Namespace) -> NoReturn:
    """The language server, over standard input and output."""
    # In place of this process: the server owns its standard streams from the start.
    arguments = [] if options.tcp is None else ["--tcp", str(options.tcp)]
    os.execv(sys.executable, [sys.executable, "-m", "stile_lsp", *arguments])


COMMANDS = (
    Command(
        "check",
        check,
        (
            Argument("paths", "Files, or folders to search.", metavar="PATH", several=True),
            Argument("--select", "Only these kernels.", metavar="NAME", several=True),
            _FORMAT,
            Argument("--jobs", "Files checked at a time.", kind=int, default=1, least=1),
            Argument("--timeout", "Limit for one file.", metavar="SECONDS", kind=float, default=10.0, least=0.1),
            Argument("--no-cache", "Verify anew, and keep nothing for later.", kind=bool),
            Argument("--no-sandbox", "Run the kernels in this very process.", kind=bool),
            _ALLOW,
        ),
    ),
    Command(
        "prove",
        prove,
        (
            Argument("actual", "An expression of the spec language.", optional=True),
            Argument("spec", "The expression that it should equal.", optional=True),
            Argument(
                "--dim",
                "The size of a dim; NAME for every size, NAME=64*k for every multiple.",
                metavar="NAME=SIZE",
                several=True,
            ),
            Argument("--batch", "Pairs, one to a line; - is stdin.", metavar="FILE.jsonl"),
            _FORMAT,
            Argument("--repro", "Also print the counterexample as a program.", kind=bool),
            Argument("--latex", "Also print the normal forms as LaTeX.", kind=bool),
            _ALLOW,
        ),
    ),
    Command("doctor", doctor),
    Command("lsp", lsp, (Argument("--tcp", "Wait on this port, for debugging.", metavar="PORT", kind=int),)),
)


def _usage(message: str) -> NoReturn:
    print(f"stile: {message}", file=sys.stderr)
    sys.exit(WRONG_USAGE)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of ``stile`` and ``python -m stile_engine``. ``arguments``: other ones than those of the process."""
    try:
        command, options = read_arguments("stile", "Proofs for numerical kernels.", COMMANDS, arguments)
        sys.exit(command.run(options))
    except (SystemExit, KeyboardInterrupt):
        raise
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        sys.exit(NOT_PROVED)
    except Exception:
        import traceback

        traceback.print_exc()
        print("stile: internal error; please report it with the lines above", file=sys.stderr)
        sys.exit(INTERNAL_ERROR)
