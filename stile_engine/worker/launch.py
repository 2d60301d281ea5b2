"""Starts the processes that run user code: through a zygote on Linux, as fresh processes elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from stile_engine.trace.codec import encode
from stile_engine.worker.bubblewrap import bubblewrap
from stile_engine.worker.folders import abandoned_folders, make_folder, removal
from stile_engine.worker.messages import (
    FrameReader,
    Limits,
    Order,
    ProtocolError,
    Ready,
    StartProblem,
    frame,
    start_message,
)

START_SECONDS = 60.0
"""A cold start imports frameworks from a slow disk."""

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

ON_LINUX = sys.platform.startswith("linux")

_BUNDLED = ("stile_engine", "lark", "mpmath")

_KEPT_ENVIRONMENT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")

_FIXED_ENVIRONMENT = {
    # One thread, or the process cannot be forked safely; no accelerator, since tracing needs none.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONDONTWRITEBYTECODE": "1",
}


_CONFINED = ("in processes of their own that confine themselves as far as this kernel lets them", "partly isolated")
_UNCONFINED = (
    "not isolated: with your rights, under a deadline and resource limits only (no sandbox was tried on this system)",
    "not isolated",
)
"""Where every run is a fresh process: in words, and the level. Nothing was tried, so nothing more is said."""


class StartError(Exception):
    """No run is possible under this interpreter."""

    def __init__(self, problem: StartProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Launcher(Protocol):
    """Makes one process for each run."""

    @property
    def is_alive(self) -> bool: ...

    @property
    def ready(self) -> Ready | None: ...

    @property
    def cannot_fork(self) -> bool:
        """Whether it ended because its process must not be forked, and another kind is needed."""

    async def start(self) -> None:
        """Raises ``StartError`` where no run is possible."""

    def launch(self, run: int, limits: Limits, result: int, output: int, fault: int) -> asyncio.Future[int | None]:
        """Starts a run on the given descriptors (still the caller's to close).

        The future gives the wait status, or None when the process was lost with its parent.
        """

    def kill(self, run: int) -> None: ...

    def close(self) -> None: ...


def bundled_packages() -> dict[str, str]:
    """Where the engine and its pure Python dependencies lie: the user's interpreter need not have them."""
    found = {}
    for name in _BUNDLED:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            found[name] = str(Path(spec.origin).parent.parent)
    return found


def scrubbed_environment() -> dict[str, str]:
    """No secrets of the user's shell: what is in the environment at exec stays in memory for good."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, **_FIXED_ENVIRONMENT}


def _command(interpreter: str, config: dict[str, Any]) -> list[str]:
    # -E: no PYTHON* variable; the user's own site-packages stay, since frameworks may be installed there.
    return [interpreter, "-E", "-X", "utf8", str(BOOTSTRAP), json.dumps(config)]


def _no_interpreter(interpreter: str, problem: OSError) -> StartError:
    message = f"the interpreter {interpreter} cannot be started: {problem.strerror or problem}"
    return StartError(StartProblem("no-interpreter", message))


class ZygoteLauncher:
    """Talks to one zygote over a packet socket; see ``zygote.py``."""

    def __init__(
        self,
        interpreter: str,
        frameworks: Sequence[str],
        log: Callable[[str], None],
        packages: Mapping[str, str] | None = None,
        bubblewrapped: bool = True,
    ) -> None:
        self._interpreter = interpreter
        self._frameworks = list(frameworks)
        self._log = log
        self._around = bubblewrap() if bubblewrapped else None
        self._private: str | None = None
        self._packages = dict(packages or bundled_packages())
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._started: asyncio.Future[Ready | StartProblem] | None = None
        self._ended: dict[int, asyncio.Future[int | None]] = {}
        self._output: int | None = None
        self._last_output = b""
        self.ready: Ready | None = None
        self.cannot_fork = False

    @property
    def is_alive(self) -> bool:
        return self._channel is not None and self.ready is not None

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output_read, output_write = os.pipe()
        for folder in abandoned_folders():
            _remove(folder, loop)
        self._private = make_folder()
        config = {
            "mode": "zygote",
            "private": self._private,
            "around": self._around.words if self._around is not None else None,
            "channel": theirs.fileno(),
            "parent": os.getpid(),
            "packages": self._packages,
            "frameworks": self._frameworks,
        }
        try:
            self._process = subprocess.Popen(
                [
                    *(self._around.command(self._private) if self._around is not None else ()),
                    *_command(self._interpreter, config),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                env=scrubbed_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as problem:
            ours.close()
            os.close(output_read)
            raise _no_interpreter(self._interpreter, problem) from None
        finally:
            theirs.close()
            os.close(output_write)
        ours.setblocking(False)
        os.set_blocking(output_read, False)
        self._channel = ours
        self._output = output_read
        self._started = loop.create_future()
        loop.add_reader(ours, self._receive)
        loop.add_reader(output_read, self._drain)
        try:
            async with asyncio.timeout(START_SECONDS):
                answer = await self._started
        except TimeoutError:
            answer = StartProblem("broken", f"{self._interpreter} did not get ready within {START_SECONDS:.0f} s")
        except asyncio.CancelledError:
            self.close()
            raise
        if isinstance(answer, StartProblem):
            self.close()
            raise StartError(answer)
        self.ready = answer

    def launch(self, run: int, limits: Limits, result: int, output: int, fault: int) -> asyncio.Future[int | None]:
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        order = encode(Order(limits, time.monotonic()))
        command = frame({"command": "run", "run": run, "order": order})[4:]
        try:
            if self._channel is None:
                raise ConnectionError
            socket.send_fds(self._channel, [command], [result, output, fault])
        except OSError:
            # A full or broken control socket means that the zygote no longer does its work.
            self.close()
            ended.set_result(None)
            return ended
        self._ended[run] = ended
        return ended

    def kill(self, run: int) -> None:
        if self._channel is not None and run in self._ended:
            try:
                self._channel.send(frame({"command": "kill", "run": run})[4:])
            except OSError:
                self.close()

    def close(self) -> None:
        """Ends the zygote, and with it every run of its."""
        loop = asyncio.get_running_loop()
        if self._channel is not None:
            loop.remove_reader(self._channel)
            self._channel.close()
            self._channel = None
        if self._output is not None:
            self._drain()
        if self._output is not None:
            loop.remove_reader(self._output)
            os.close(self._output)
            self._output = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            reap(self._process, loop)
        if self._private is not None:
            _remove(self._private, loop)
            self._private = None
        if self._started is not None and not self._started.done():
            tail = self._last_output.decode(errors="replace").strip()
            self._started.set_result(
                StartProblem("broken", f"{self._interpreter} ended while the verifier was starting: {tail[-2000:]}")
            )
        for ended in self._ended.values():
            if not ended.done():
                ended.set_result(None)
        self._ended.clear()

    def _receive(self) -> None:
        if self._channel is None:
            return
        try:
            packet = self._channel.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        try:
            if not packet:
                raise ProtocolError("the channel was closed")
            for payload in FrameReader().feed(packet):
                self._dispatch(payload)
        except ProtocolError as problem:
            self._log(f"worker: {problem}")
            self.close()

    def _dispatch(self, payload: dict[str, object]) -> None:
        match payload:
            case {"event": "ended", "run": int(run), "status": int(status)}:
                ended = self._ended.pop(run, None)
                if ended is not None and not ended.done():
                    ended.set_result(status)
            case {"event": "unfit", "reason": str(reason)}:
                self._log(f"worker: {reason}")
                self.cannot_fork = True
            case _:
                message = start_message(payload)
                if self._started is not None and not self._started.done():
                    self._started.set_result(message)

    def _drain(self) -> None:
        while self._output is not None:
            try:
                data = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._output)
                os.close(self._output)
                self._output = None
                return
            self._last_output = (self._last_output + data)[-(1 << 16) :]
            self._log(data.decode(errors="replace").rstrip())


class SpawnLauncher:
    """A fresh process for every run: slower, and where fork is not safe the only way."""

    def __init__(
        self,
        interpreter: str,
        frameworks: Sequence[str],
        log: Callable[[str], None],
        packages: Mapping[str, str] | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._packages = dict(packages or bundled_packages())
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._private: str | None = None
        self.ready: Ready | None = None
        self.cannot_fork = False

    @property
    def is_alive(self) -> bool:
        return self.ready is not None

    async def start(self) -> None:
        # Whether the interpreter will do shows only in a run, which then answers with a start problem.
        words, level = _CONFINED if ON_LINUX else _UNCONFINED
        self.ready = Ready("", self._interpreter, words, {}, level=level)

    def launch(self, run: int, limits: Limits, result: int, output: int, fault: int) -> asyncio.Future[int | None]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int | None] = loop.create_future()
        self._private = self._private or make_folder()
        private = os.path.join(self._private, str(run))
        os.mkdir(private, 0o700)
        config = {
            "mode": "single",
            "private": private,
            "channel": result,
            "output": output,
            "fault": fault,
            "parent": os.getpid(),
            "packages": self._packages,
            "order": encode(Order(limits, time.monotonic())),
        }
        try:
            process = subprocess.Popen(
                _command(self._interpreter, config),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=scrubbed_environment(),
                pass_fds=[result, output, fault],
                start_new_session=True,
            )
        except OSError as problem:
            raise _no_interpreter(self._interpreter, problem) from None
        self._processes[run] = process

        def watch() -> None:
            code = process.poll()
            if code is None:
                loop.call_later(0.01, watch)
                return
            self._processes.pop(run, None)
            _remove(private, loop)
            if not ended.done():
                ended.set_result(-code if code < 0 else code << 8)

        watch()
        return ended

    def kill(self, run: int) -> None:
        if (process := self._processes.get(run)) is not None:
            # The process leads its own group, and is not reaped before it has left the table.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, 9)

    def close(self) -> None:
        for run in list(self._processes):
            self.kill(run)
        self.ready = None
        if self._private is not None:
            _remove(self._private, asyncio.get_running_loop())
            self._private = None


def _remove(folder: str, loop: asyncio.AbstractEventLoop) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        reap(subprocess.Popen(removal(folder), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL), loop)


def reap(process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
    """Collects an ended process without waiting for it."""
    if process.poll() is None and not loop.is_closed():
        loop.call_later(0.05, reap, process, loop)
