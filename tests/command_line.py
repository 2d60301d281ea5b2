"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from stile_engine.cli import main


def run(*arguments: str | Path, stdin: str = "") -> tuple[int, str, str]:
    """Its exit status, standard output and standard error."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), _stdin(stdin):
        try:
            main([str(a) for a in arguments])
        except SystemExit as ended:
            assert isinstance(ended.code, int)
            return ended.code, output.getvalue(), errors.getvalue()


@contextlib.contextmanager
def _stdin(text: str):  # type: ignore[no-untyped-def]
    import sys

    before = sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before
