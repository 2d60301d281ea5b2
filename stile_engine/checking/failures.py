"""Exceptions of the user's code as diagnostics: a code, and a message that says what to do."""

from __future__ import annotations

import errno
import os
import sys

from stile_engine.errors import StileError

SANDBOXED = "STILE_SANDBOXED"
"""Set in the environment of a process that is confined: what the system refuses is then most likely our doing."""

LONGEST = 10_000
"""Characters of a message; exceptions that show whole arrays, or mean harm, say more than anyone reads."""

_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV)

_SANDBOX = (
    "the sandbox in which kernels run reads the interpreter and the workspace, writes a temporary folder, "
    "and has no network and no other programs"
)


def failure_message(error: BaseException, framework: str | None = None) -> tuple[str, str]:
    """Code and message of an exception. ``framework``: it came up while this front end was loaded."""
    code, message = _told(error, framework)
    return code, message if len(message) <= LONGEST else f"{message[:LONGEST]}… ({len(message)} characters)"


def _told(error: BaseException, framework: str | None) -> tuple[str, str]:
    if isinstance(error, ImportError):
        missing = error.name.split(".")[0] if error.name else framework
        advice = "" if missing is None else f"; to install it: {sys.executable} -m pip install {missing}"
        return "import-error", f"{error.msg or error} (interpreter {sys.executable}){advice}"
    if isinstance(error, StileError):
        return error.code, error.message
    if isinstance(error, SystemExit):
        return "exception", f"the program ends itself here (exit status {error.code})"
    if isinstance(error, OSError) and error.errno in _REFUSALS and os.environ.get(SANDBOXED):
        return "sandbox", f"{type(error).__name__}: {error}: {_SANDBOX}"
    text = str(error).strip()
    return "exception", f"{type(error).__name__}: {text}" if text else type(error).__name__
