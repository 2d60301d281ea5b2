"""Makes fresh processes for runs ahead of them: the way of systems without a zygote, and of Linux when asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stile_engine.trace.codec import encode
from stile_engine.worker.launch import (
    Printed,
    PrivateFolder,
    StartError,
    bundled_packages,
    command,
    process_of,
    readiness,
    remove,
)
from stile_engine.worker.messages import FrameReader, Limits, Order, ProtocolError, Ready, StartProblem, start_message

_MOST_FAILURES = 3
"""Processes in a row that end before they are ready, after which no more are made."""


@dataclass(eq=False)
class _Process:
    """``rope``: it tells on it that it is ready, takes its run from it, and closes its end when the verdicts are out,
    or when it ends. Ours stays open until then: where processes are not told of their maker's death, that closes it."""

    process: subprocess.Popen[bytes]
    rope: socket.socket
    reader: FrameReader
    printed: Printed
    private: str
    is_ready: bool = False
    is_through: bool = False
    run: int | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A run for which no process is ready yet, with its descriptors."""

    order: bytes
    descriptors: list[int]


class SpawnLauncher:
    """Keeps one process ready. A run that finds none waits for the next one, which no edit takes from it.

    ``elsewhere``: as on a system that has none of the means of Linux.
    """

    def __init__(
        self,
        interpreter: str,
        frameworks: Sequence[str],
        log: Callable[[str], None],
        packages: Mapping[str, str] | None = None,
        elsewhere: bool = False,
    ) -> None:
        self._interpreter = interpreter
        self._frameworks = list(frameworks)
        self._log = log
        self._elsewhere = elsewhere
        self._packages = dict(packages or bundled_packages())
        self._processes: set[_Process] = set()
        self._waiting: dict[int, _Waiting] = {}
        self._ended: dict[int, asyncio.Future[int | None]] = {}
        self._started: asyncio.Future[Ready | StartProblem] | None = None
        self._private: PrivateFolder | None = None
        self._made = 0
        self._failures = 0
        self.ready: Ready | None = None
        self.cannot_fork = False

    @property
    def is_alive(self) -> bool:
        return self.ready is not None and self._private is not None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._private = PrivateFolder()
        self._started = loop.create_future()
        try:
            self._make()
            self.ready = await readiness(self._started, self._interpreter)
        except BaseException:
            self.close()
            raise

    def launch(self, run: int, limits: Limits, result: int, output: int, fault: int) -> asyncio.Future[int | None]:
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        if not self.is_alive:
            ended.set_result(None)
            return ended
        self._ended[run] = ended
        order = json.dumps(encode(Order(limits, time.monotonic()))).encode()
        self._waiting[run] = _Waiting(order, [os.dup(number) for number in (result, output, fault)])
        self._give()
        return ended

    def kill(self, run: int) -> None:
        if run in self._waiting:
            # The process that it waits for is as good for the next one.
            self._forget(run, signal.SIGKILL)
            return
        for process in self._processes:
            if process.run == run:
                _kill(process)

    def close(self) -> None:
        for run in list(self._waiting):
            self._forget(run, None)
        for process in self._processes:
            _kill(process)
            self._let_go(process)
            process.printed.close()
        self.ready = None
        if self._started is not None and not self._started.done():
            self._started.cancel()
        if self._private is not None:
            self._private.close()
            self._private = None

    def _make(self) -> None:
        assert self._private is not None
        self._made += 1
        private = os.path.join(self._private.path, str(self._made))
        try:
            os.mkdir(private, 0o700)
        except OSError as problem:
            message = f"no temporary folder can be made, which the verifier needs: {problem.strerror or problem}"
            raise StartError(StartProblem("broken", message)) from None
        ours, theirs = socket.socketpair()
        printed = Printed(self._log)
        config = {
            "mode": "spawned",
            "private": private,
            "channel": theirs.fileno(),
            "parent": os.getpid(),
            "packages": self._packages,
            "frameworks": self._frameworks,
            "elsewhere": self._elsewhere,
            # What is tried holds for all of them.
            "probed": self.ready is None,
        }
        process = process_of(command(self._interpreter, config), self._interpreter, ours, theirs, printed)
        ours.setblocking(False)
        made = _Process(process, ours, FrameReader(), printed, private)
        self._processes.add(made)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, self._hear, made)
        self._watch(made)

    def _make_enough(self) -> None:
        """One that is ready or will be, and one more while runs wait."""
        idle = sum(process.run is None and not process.is_through for process in self._processes)
        while self.is_alive and idle < (2 if self._waiting else 1):
            try:
                self._make()
            except StartError as error:
                self._fail(error.problem)
                return
            idle += 1

    def _give(self) -> None:
        """Runs that wait get the processes that are ready."""
        for process in self._processes:
            if not self._waiting:
                break
            if not process.is_ready or process.is_through or process.run is not None:
                continue
            run, waiting = next(iter(self._waiting.items()))
            try:
                socket.send_fds(process.rope, [waiting.order], waiting.descriptors)
            except OSError:
                _kill(process)
                continue
            process.run = run
            del self._waiting[run]
            for descriptor in waiting.descriptors:
                os.close(descriptor)
        if self._waiting:
            self._make_enough()

    def _hear(self, process: _Process) -> None:
        try:
            data = process.rope.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # It has ended, or its verdicts are out: what it still does leaves time to make the next one.
            process.is_through = True
            asyncio.get_running_loop().remove_reader(process.rope)
            self._make_enough()
            return
        try:
            for payload in process.reader.feed(data):
                self._told(process, start_message(payload))
        except ProtocolError as problem:
            self._fail(StartProblem("broken", str(problem)))

    def _told(self, process: _Process, message: Ready | StartProblem) -> None:
        if isinstance(message, StartProblem):
            self._fail(message)
            return
        process.is_ready = True
        self._failures = 0
        if self._started is not None and not self._started.done():
            self._started.set_result(message)
        self._give()

    def _fail(self, problem: StartProblem) -> None:
        """No process can be made."""
        if self._started is not None and not self._started.done():
            self._started.set_result(problem)
            return
        self._log(f"worker: {problem.message}")
        self.close()

    def _watch(self, process: _Process) -> None:
        """Nothing tells the loop when a process has ended, so it is looked at, often while it has a run."""
        loop = asyncio.get_running_loop()
        code = process.process.poll()
        if code is None:
            if not loop.is_closed():
                loop.call_later(0.01 if process.run is not None else 0.1, self._watch, process)
            return
        # What the run left behind ends with it.
        _kill(process)
        self._processes.discard(process)
        self._let_go(process)
        process.printed.close()
        remove(process.private, loop)
        if process.run is not None and (ended := self._ended.pop(process.run, None)) is not None and not ended.done():
            ended.set_result(-code if code < 0 else code << 8)
        if process.run is None and self._private is not None:
            self._failures += 1
            if not process.is_ready and (self.ready is None or self._failures >= _MOST_FAILURES):
                tail = process.printed.tail
                self._fail(StartProblem("broken", f"{self._interpreter} ended while the verifier was starting: {tail}"))
            else:
                self._make_enough()

    def _let_go(self, process: _Process) -> None:
        if process.rope.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(process.rope)
            process.rope.close()

    def _forget(self, run: int, number: int | None) -> None:
        """A run that waits will not be; ``number``: the signal that is said to have ended it."""
        for descriptor in self._waiting.pop(run).descriptors:
            os.close(descriptor)
        if not (ended := self._ended.pop(run)).done():
            ended.set_result(number)


def _kill(process: _Process) -> None:
    # It leads its own group; SIGKILL at once, since user code may ignore every other signal.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.process.pid, signal.SIGKILL)
