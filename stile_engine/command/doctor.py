"""``stile doctor``: what a bug report needs, without importing any framework."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys

from stile_engine.worker import probe
from stile_engine.worker.bubblewrap import bubblewrap
from stile_engine.worker.client import KIND_VARIABLE, WorkerKind, worker_kind

_NO_BUBBLEWRAP = "not installed, or not allowed to make namespaces; it would be a second wall"

_REQUIRED = ("islpy", "lark", "mpmath", "rich", "pygls", "lsprotocol", "watchdog")
_FRAMEWORKS = ("numpy", "jax", "torch", "triton")


_KINDS = {
    WorkerKind.FORKED: "runs are forked from one process that has the frameworks loaded",
    WorkerKind.SPAWNED: f"each run is a fresh process, made ahead ({KIND_VARIABLE}=spawned)",
    WorkerKind.ELSEWHERE: "each run is a fresh process, made ahead; macOS and others were not tried",
}


def report() -> list[str]:
    kind = worker_kind()
    rows = [
        f"stile        {_version('stile-lsp') or 'run from sources'}",
        f"python       {platform.python_version()} ({sys.executable})",
        f"platform     {platform.platform()}, {os.cpu_count()} processors",
        f"isolation    {probe.elsewhere() if kind is WorkerKind.ELSEWHERE else probe.probe()}",
        f"worker       {_KINDS[kind]}",
        f"bubblewrap   {'works, and stands around the worker' if bubblewrap() else _NO_BUBBLEWRAP}",
    ]
    rows += [f"{name:<12} {_version(name) or 'missing: ' + _install(name)}" for name in _REQUIRED]
    rows += [f"{name:<12} {_version(name) or 'not installed'}" for name in _FRAMEWORKS]
    rows += [f"device       {device}" for device in _devices()]
    return rows


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _install(package: str) -> str:
    return f"{sys.executable} -m pip install {package}"


def _devices() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ["cpu only (no nvidia-smi found)"]
    try:
        found = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"nvidia-smi failed: {error}"]
    return [line.strip() for line in found.stdout.splitlines() if line.strip()] or ["cpu only"]
