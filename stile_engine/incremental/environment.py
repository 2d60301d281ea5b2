"""A digest of what runs a check: interpreter, installed packages, and this engine itself.

It is found without starting the interpreter for more than its search path, so that a result can be looked up
before any framework is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

_FRESH_SECONDS = 2.0
_PROBE = (
    "import json, platform, sys; "
    "print(json.dumps([platform.python_version(), platform.python_implementation(), platform.machine(), "
    "[p for p in sys.path if p]]))"
)

_digests: dict[str, tuple[float, str | None]] = {}


def environment_digest(interpreter: str) -> str | None:
    """None where the interpreter does not say what it is. May start it, so it is not for an event loop."""
    known = _digests.get(interpreter)
    if known is not None and time.monotonic() - known[0] < _FRESH_SECONDS:
        return known[1]
    found = _digest(interpreter)
    _digests[interpreter] = (time.monotonic(), found)
    return found


def _digest(interpreter: str) -> str | None:
    resolved = os.path.realpath(interpreter)
    try:
        stamp = os.stat(resolved)
    except OSError:
        return None
    about = _about(interpreter, stamp.st_mtime_ns, stamp.st_size)
    if about is None:
        return None
    version, search = about
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([resolved, engine_digest(), version, sys.version_info[:2]]).encode())
    for folder in search:
        digest.update(f"\0{folder}\0".encode("utf-8", "replace"))
        for name in _installed(folder):
            digest.update(f"{name}\0".encode("utf-8", "replace"))
    return digest.hexdigest()


def _installed(folder: str) -> list[str]:
    """Names and versions of what is installed in a folder, from the names of its files alone."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = []
    for name in names:
        if name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth")):
            try:
                found.append(f"{name} {os.stat(os.path.join(folder, name)).st_mtime_ns}")
            except OSError:
                continue
    return sorted(found)


@cache
def _about(interpreter: str, changed: int, size: int) -> tuple[str, tuple[str, ...]] | None:
    """Version with implementation and machine, and the folders of installed packages, of an interpreter."""
    if os.path.realpath(interpreter) == os.path.realpath(sys.executable) and interpreter == sys.executable:
        paths = [p for p in sys.path if "site-packages" in p or "dist-packages" in p]
        version, implementation, machine = (
            platform.python_version(),
            platform.python_implementation(),
            platform.machine(),
        )
        return f"{implementation} {version} {machine}", tuple(sorted(paths))
    try:
        # Like the worker: without the user's PYTHON* variables.
        done = subprocess.run(
            [interpreter, "-E", "-c", _PROBE], capture_output=True, timeout=10, stdin=subprocess.DEVNULL, check=True
        )
        version, implementation, machine, search = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    paths = [p for p in map(str, search) if "site-packages" in p or "dist-packages" in p]
    return f"{implementation} {version} {machine}", tuple(sorted(paths))


@cache
def engine_digest() -> str:
    """Of the engine's own files: a new version, and a change of a checkout, ends all entries."""
    digest = hashlib.blake2b(digest_size=16)
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".lark"):
            digest.update(str(path.relative_to(root)).encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()
