"""The warmed parent of all runs under one interpreter with one set of frameworks (Linux only).

It imports the engine and the frameworks once, runs every tracer once on a text of its own, and then only
forks: one child for each run. It never runs a text of the user's, and a child never runs a second one.
Forking is safe only while the process has a single thread and no framework has started its backend,
so this is asserted before every fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

import stile_engine.check
import stile_engine.proof.prove
from stile_engine.trace.report import CheckRequest
from stile_engine.worker import child, probe, sandbox
from stile_engine.worker.folders import removal
from stile_engine.worker.messages import Limits, Ready, frame, to_frame

WARM_TEXTS = {
    "numpy": """
from stile_engine import dim, kernel
import numpy as np
import stile_engine.numpy as tnp

L, M, N = dim("L", 4096), dim("M", 4), dim("N", 2)


@kernel("softmax[M](X:M N)")
def warm(X):
    weights = np.exp(X - np.max(X, axis=0, keepdims=True))
    return weights / np.sum(weights, axis=0, keepdims=True)


@kernel("sum[M](softmax[M](X:M N) * Y:M N)", typed=True)
def warm_typed(X, Y):
    result = tnp.TypedResult("sum[M](softmax[M](X:M N) * Y:M N)")
    maximum, total, output = -np.inf, 0, 0
    for row in range(0, M, 2):
        tile = X.slice(M, row, row + 2)
        new_maximum = tnp.maximum(maximum, tile.max(M))
        weights = tnp.exp(tile - new_maximum.repeat(M[row : row + 2]).rearrange(M[row : row + 2], N))
        rescale = tnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(M)
        output = output * rescale + (weights * Y.slice(M, row, row + 2)).sum(M)
        maximum = new_maximum
    result.assign(output / total)
    result.done()
    return result


@kernel("2 * X:M N")
def warm_wrong(X):
    return X * 3


@kernel("sum[L](X:L N)")
def warm_wrong_large(X):
    return 2 * np.sum(X, axis=0)


P, Q, R = dim("P", 16), dim("Q", 32), dim("R", 8)
PRODUCT = "(softmax[Q]((A:P R, B:Q R -> P Q) / sqrt(size(R))), C:Q R -> P R)"


@kernel(PRODUCT, typed=True)
def warm_large(A, B, C):
    result = tnp.TypedResult(PRODUCT)
    maximum, total, output = -np.inf, 0, 0
    for start in range(0, Q, 16):
        scores = tnp.einsum(B.slice(Q, start, start + 16), A, "Q R, P R -> Q P") / np.sqrt(R)
        new_maximum = tnp.maximum(maximum, scores.max(Q))
        weights = tnp.exp(scores - new_maximum.repeat(Q[start : start + 16]))
        rescale = tnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(Q)
        output = output * rescale.repeat(R) + tnp.einsum(
            weights, C.slice(Q, start, start + 16), "Q P, Q R -> R P"
        )
        maximum = new_maximum
    result.assign((output / total.repeat(R)).rearrange(P, R))
    result.done()
    return result
""",
    "jax": """
from stile_engine import dim, kernel
import jax.numpy as jnp

M, N = dim("M", 4), dim("N", 2)


@kernel("softmax[M](X:M N)")
def warm(X):
    weights = jnp.exp(X - jnp.max(X, axis=0, keepdims=True))
    return weights / jnp.sum(weights, axis=0, keepdims=True)
""",
    "torch": """
from stile_engine import dim, kernel
import torch
import torch.nn.functional as F

M, N = dim("M", 4), dim("N", 2)


@kernel("softmax[M](X:M N)")
def warm(X):
    out = torch.empty_like(X)
    weights = torch.exp(X - X.amax(dim=0, keepdim=True))
    out[:] = weights / weights.sum(dim=0, keepdim=True)
    return out


@kernel("(X:M N, Y:M N -> M)")
def warm_product(X, Y):
    return torch.where(torch.arange(N) < 5, F.softmax(X, -1) * 0 + X, 0.0) @ Y[:1].T[:, 0] * 0 + (X * Y).sum(-1)
""",
    "triton": """
from stile_engine import cdiv, dim, kernel
import triton
import triton.language as tl

M, N = dim("M"), dim("N")


@kernel(
    {"out_ptr": "(X:M N, X:M N -> M)"},
    inputs={"x_ptr": "X:M N"},
    scalars={"m": M, "n": N},
    grid=(cdiv(M, 8),),
)
@triton.jit
def warm(x_ptr, out_ptr, m, n):
    rows = tl.program_id(0) * 8 + tl.arange(0, 8)
    total = tl.zeros((8,), tl.float32)
    for start in range(0, n, 16):
        columns = start + tl.arange(0, 16)
        mask = (rows[:, None] < m) & (columns[None, :] < n)
        x = tl.load(x_ptr + rows[:, None] * n + columns[None, :], mask=mask, other=0.0)
        total += tl.sum(x * x, axis=1)
    tl.store(out_ptr + rows, total, mask=rows < m)
""",
}
"""One small check for each framework: most of the time of a first trace goes into lazy imports."""

_PACKAGES = ("stile_engine.proof", "stile_engine.checking", "stile_engine.trace", "stile_engine.array")

FRONT_ENDS = {
    "numpy": ("numpy", "stile_engine.numpy"),
    "jax": ("jax", "jax.numpy", "stile_engine.jax"),
    "torch": ("torch", "stile_engine.torch"),
    "triton": ("triton", "stile_engine.triton"),
}


def main(config: dict[str, Any]) -> int:
    """Serves the control socket ``channel`` until it closes. Called by ``bootstrap``."""
    # Inside of a namespace the parent has another number; it is bubblewrap's, which ends with ours.
    sandbox.die_with_parent(os.getppid() if config.get("around") else config["parent"])
    sandbox.adopt_orphans()
    # Inside of bubblewrap this is the only folder that can be written.
    tempfile.tempdir = config.get("private")
    channel = socket.socket(fileno=config["channel"])
    missing, notes = prepare(config["frameworks"])
    versions = {name: version for name in ("islpy", *FRONT_ENDS) if (version := _version(name))}
    found = probe.probe(config["packages"], around=config.get("around"), within=config.get("private"))
    channel.send(
        to_frame(
            Ready(
                platform.python_version(),
                sys.executable,
                str(found),
                versions,
                tuple(missing),
                tuple(notes),
                str(found.level),
                found.open,
            )
        )
    )
    texts = [WARM_TEXTS[name] for name in config["frameworks"] if name in WARM_TEXTS and name not in missing]
    Zygote(channel, child.Cell.of(config["packages"]), config.get("private"), texts).serve()
    # Frameworks print leak notes from a regular exit.
    os._exit(0)


def prepare(frameworks: list[str]) -> tuple[list[str], list[str]]:
    """Imports and warms for verdicts; what is shown beside them is warmed when there is time.

    What is not installed is only noted, for a kernel that needs it says so itself.
    """
    missing: list[str] = []
    notes: list[str] = []
    for framework in frameworks:
        try:
            for module in FRONT_ENDS.get(framework, (framework,)):
                importlib.import_module(module)
        except ImportError as problem:
            missing.append(framework)
            notes.append(f"{framework}: {problem}")
            continue
        if text := WARM_TEXTS.get(framework):
            notes.extend(f"warm-up of {framework}: {line}" for line in warm(text))
    for package in _PACKAGES:
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
            # What a warm-up does not come to load is loaded as well: every child would have to do it again.
            importlib.import_module(f"{package}.{found.name}")
    # Long-lived objects leave the collector's lists: a collection in a child would copy every page of them.
    gc.collect()
    gc.freeze()
    stile_engine.proof.prove.objects_are_frozen = True
    return missing, notes


def warm(text: str, details: bool = False) -> list[str]:
    """Checks a text; returns what went otherwise than it should, for the log."""
    try:
        report = stile_engine.check.check(CheckRequest(path="<warm-up>", source=text, details=details))
    except Exception:
        # The checks to come will meet the same error and report it where the user sees it.
        return [traceback.format_exc()]
    expected = {"warm_wrong": "refuted", "warm_wrong_large": "refuted"}
    return [
        f"{kernel.name} is {kernel.status}: {kernel.message}"
        for kernel in report.kernels
        if kernel.status != expected.get(kernel.name, "proved")
    ]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def thread_count() -> int:
    return len(os.listdir("/proc/self/task"))


class Zygote:
    """The loop: commands come as packets on the control socket, with descriptors attached to ``run``."""

    def __init__(
        self, channel: socket.socket, cell: child.Cell, private: str | None, later: Sequence[str] = ()
    ) -> None:
        self._later = list(later)
        """Texts that are still to be checked with everything that an editor shows, between two commands."""

        self._channel = channel
        self._cell = cell
        self._private = private
        self._cleaners: set[int] = set()
        self._children: dict[int, int] = {}
        """Process id to number of the run."""
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, lambda number, stack: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        while True:
            channel = self._channel.fileno()
            readable, _, _ = select.select([channel, self._wake_read], [], [], 0 if self._later else None)
            if not readable:
                warm(self._later.pop(0), details=True)
                gc.freeze()
            if self._wake_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()
            if channel in readable and not self._receive():
                return

    def _receive(self) -> bool:
        """Takes one command; False when the client is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._channel, 4096, 3)
        if not data:
            self._kill_all()
            return False
        command = json.loads(data)
        match command["command"]:
            case "run":
                self._fork(command["run"], Limits(**command["limits"]), descriptors)
            case "kill":
                for process, run in self._children.items():
                    if run == command["run"]:
                        _kill(process)
        return True

    def _fork(self, run: int, limits: Limits, descriptors: list[int]) -> None:
        if thread_count() != 1:
            # A forked copy of a process with threads can hang on a lock that no thread will ever release.
            self._send({"event": "unfit", "run": run, "reason": f"{thread_count()} threads before a fork"})
            os._exit(1)
        parent = os.getpid()
        private = self._private_folder(run)
        process = os.fork()
        if process == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                result, output, fault = descriptors
                child.run_alone(self._cell, limits, parent, result, output, fault, private)
            finally:
                os._exit(70)
        for descriptor in descriptors:
            os.close(descriptor)
        self._children[process] = run

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            process = ended.si_pid
            run = self._children.pop(process, None)
            self._cleaners.discard(process)
            # Still a zombie, so the number cannot have gone to another group: what the run left behind ends here.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            if run is not None:
                self._send({"event": "ended", "run": run, "status": status})
                self._remove_private_folder(run)
            self._kill_strays()

    def _private_folder(self, run: int) -> str | None:
        if self._private is None:
            return None
        folder = os.path.join(self._private, str(run))
        os.mkdir(folder, 0o700)
        return folder

    def _remove_private_folder(self, run: int) -> None:
        if self._private is None:
            return
        folder = os.path.join(self._private, str(run))
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(folder)
            except OSError:
                # Whatever the run left there may take long to delete, so nobody waits for it.
                command = removal(folder)
                self._cleaners.add(os.posix_spawn(command[0], command, {"PATH": "/usr/bin:/bin"}, setpgroup=0))

    def _kill_strays(self) -> None:
        """Ends descendants that left their run's process group; they are children of this process by now."""
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                known = [int(word) for word in file.read().split()]
        except OSError:
            return
        for process in known:
            if process not in self._children and process not in self._cleaners:
                _kill(process)

    def _kill_all(self) -> None:
        for process in self._children:
            _kill(process)

    def _send(self, event: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._channel.send(frame(event))


def _kill(process: int) -> None:
    # SIGKILL at once: user code may ignore every other signal. The group may not exist yet, so the process too.
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(process, signal.SIGKILL)
