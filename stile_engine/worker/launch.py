"""Starts the processes that run user code: through a zygote on Linux, as fresh processes elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from stile_engine.trace.codec import encode
from stile_engine.worker.bubblewrap import bubblewrap
from stile_engine.worker.folders import abandoned_folders, guard, make_folder, removal
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


_COMPILE = """
import compileall, os, sys, threading
os.nice(10)
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()  # not without its maker
for folder in sys.argv[1:]:
    compileall.compile_dir(folder, quiet=2)
"""


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


def command(interpreter: str, config: dict[str, Any]) -> list[str]:
    # -E: no PYTHON* variable; the user's own site-packages stay, since frameworks may be installed there.
    return [interpreter, "-E", "-X", "utf8", str(BOOTSTRAP), json.dumps(config)]


def no_interpreter(interpreter: str, problem: OSError) -> StartError:
    message = f"the interpreter {interpreter} cannot be started: {problem.strerror or problem}"
    return StartError(StartProblem("no-interpreter", message))


class PrivateFolder:
    """A new folder for the runs of a worker, deleted in the end whatever becomes of this process."""

    def __init__(self) -> None:
        """Raises ``StartError`` where none can be made."""
        self._loop = asyncio.get_running_loop()
        try:
            for folder in abandoned_folders():
                remove(folder, self._loop)
            self.path = make_folder()
            self._guard = guard(self.path)
        except OSError as problem:
            message = f"no temporary folder can be made, which the verifier needs: {problem.strerror or problem}"
            raise StartError(StartProblem("broken", message)) from None

    def close(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        reap(self._guard, self._loop)


class Printed:
    """What a process prints before it has a run: it goes to the log, and its end into messages."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._last = b""
        self._read_end: int | None
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        asyncio.get_running_loop().add_reader(self._read_end, self._drain)

    @property
    def tail(self) -> str:
        return self._last.decode(errors="replace").strip()[-2000:]

    def close_write_end(self) -> None:
        """The process has its own by now."""
        os.close(self.write_end)

    def close(self) -> None:
        self._drain()
        if self._read_end is not None:
            asyncio.get_running_loop().remove_reader(self._read_end)
            os.close(self._read_end)
            self._read_end = None

    def _drain(self) -> None:
        while self._read_end is not None:
            try:
                data = os.read(self._read_end, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._read_end)
                os.close(self._read_end)
                self._read_end = None
                return
            self._last = (self._last + data)[-(1 << 16) :]
            self._log(data.decode(errors="replace").rstrip())


def process_of(
    words: Sequence[str], interpreter: str, ours: socket.socket, theirs: socket.socket, printed: Printed
) -> subprocess.Popen[bytes]:
    """A process that talks on ``theirs``, of which only ``ours`` stays open here, and prints to ``printed``.

    Raises:
        StartError: it cannot be started.
    """
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=printed.write_end,
            stderr=printed.write_end,
            env=scrubbed_environment(),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except OSError as problem:
        ours.close()
        printed.close()
        raise no_interpreter(interpreter, problem) from None
    finally:
        theirs.close()
        printed.close_write_end()


async def readiness(started: asyncio.Future[Ready | StartProblem], interpreter: str) -> Ready:
    """What the worker says when it is ready.

    Raises:
        StartError: it is not, and never will be.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            answer = await started
    except TimeoutError:
        answer = StartProblem("broken", f"{interpreter} did not get ready within {START_SECONDS:.0f} s")
    if isinstance(answer, StartProblem):
        raise StartError(answer)
    return answer


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
        self._bubblewrapped = bubblewrapped
        self._private: PrivateFolder | None = None
        self._compiler: subprocess.Popen[bytes] | None = None
        self._packages = dict(packages or bundled_packages())
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._started: asyncio.Future[Ready | StartProblem] | None = None
        self._ended: dict[int, asyncio.Future[int | None]] = {}
        self._printed: Printed | None = None
        self.ready: Ready | None = None
        self.cannot_fork = False

    @property
    def is_alive(self) -> bool:
        return self._channel is not None and self.ready is not None

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and its process has not ended since."""
        return self._channel is not None

    def load(self, frameworks: Sequence[str]) -> None:
        """Before the start: these are wanted, whatever it was begun with."""
        self._frameworks = list(frameworks)

    async def begin(self) -> None:
        """The part of the start that nobody has to wait for.

        Raises:
            StartError: no run is possible.
        """
        loop = asyncio.get_running_loop()
        if shutil.which(self._interpreter) is None:
            # Bubblewrap would only say that it ended.
            raise no_interpreter(self._interpreter, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        self._private = PrivateFolder()
        try:
            around = await asyncio.to_thread(bubblewrap) if self._bubblewrapped else None
        except BaseException:
            self.close()
            raise
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._printed = Printed(self._log)
        config = {
            "mode": "zygote",
            "private": self._private.path,
            "around": around.words if around is not None else None,
            "channel": theirs.fileno(),
            "parent": os.getpid(),
            "packages": self._packages,
            "frameworks": self._frameworks,
        }
        words = command(self._interpreter, config)
        if around is not None:
            words = [*around.command(self._private.path), *words]
        try:
            self._process = process_of(words, self._interpreter, ours, theirs, self._printed)
        except StartError:
            self.close()
            raise
        ours.setblocking(False)
        self._channel = ours
        self._started = loop.create_future()
        loop.add_reader(ours, self._receive)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._started is None:
            await self.begin()
        assert self._started is not None
        if self._channel is not None:
            with contextlib.suppress(OSError):  # its end is told by ``_started``
                self._channel.send(json.dumps({"command": "load", "frameworks": self._frameworks}).encode())
        try:
            self.ready = await readiness(self._started, self._interpreter)
        except BaseException:
            self.close()
            raise
        if not self.ready.is_compiled and not sys.dont_write_bytecode:
            self._compile(loop)

    def _compile(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bytecode for the next start, beside the sources where that can be written: an installer makes it, a bundle
        has none, and in its read-only view of the files the zygote could keep none."""
        folders = [os.path.join(directory, name) for name, directory in self._packages.items()]
        command = [self._interpreter, "-I", "-X", "utf8", "-c", _COMPILE, *folders]
        nothing = subprocess.DEVNULL
        with contextlib.suppress(OSError):
            self._compiler = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, env=scrubbed_environment()
            )
            reap(self._compiler, loop)

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
        if self._printed is not None:
            self._printed.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            reap(self._process, loop)
        if self._compiler is not None:
            self._compiler.kill()
            reap(self._compiler, loop)
            self._compiler = None
        if self._private is not None:
            self._private.close()
            self._private = None
        if self._started is not None and not self._started.done():
            tail = "" if self._printed is None else self._printed.tail
            self._started.set_result(
                StartProblem("broken", f"{self._interpreter} ended while the verifier was starting: {tail}")
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


def remove(folder: str, loop: asyncio.AbstractEventLoop) -> None:
    """Deletes a run's folder without waiting for it."""
    try:
        os.rmdir(folder)
    except OSError:
        reap(subprocess.Popen(removal(folder), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL), loop)


def reap(process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
    """Collects an ended process without waiting for it."""
    if process.poll() is None and not loop.is_closed():
        loop.call_later(0.05, reap, process, loop)
