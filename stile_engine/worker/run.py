"""One run seen from outside: its pipes, its deadline, and what its end means."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from stile_engine.trace.codec import encode_request
from stile_engine.trace.report import CheckRequest, Report
from stile_engine.worker.launch import Launcher, StartError
from stile_engine.worker.messages import (
    OUTPUT_KEPT,
    OUTPUT_LIMIT,
    Failed,
    Finished,
    FrameReader,
    Limits,
    ProtocolError,
    RunMessage,
    Spoiled,
    StartProblem,
    frame,
    run_message,
    start_message,
)
from stile_engine.worker.outcome import Outcome, OutcomeKind

END_SECONDS = 1.0
"""How long an ended or killed process may take to be reaped before nobody waits for it any longer."""

_FAULT_KEPT = 64 << 10

_FRAME_LINE = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)


class WorkerLost(Exception):
    """The parent of the run's process was gone before the run began: no fault of this text."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    outcome: Outcome
    report: Report | None
    seconds: float


class Run:
    """Starts when made; ``result`` waits for its end; ``clean_up`` must be awaited afterwards in any case."""

    def __init__(
        self,
        launcher: Launcher,
        number: int,
        request: CheckRequest,
        limits: Limits,
        listen: Callable[[RunMessage], None],
        log: Callable[[str], None],
    ) -> None:
        self._launcher = launcher
        self._number = number
        self._request = request
        self._limits = limits
        self._listen = listen
        self._log = log
        self._began = time.monotonic()
        self._stopped_for: Outcome | None = None
        self._told = False
        self._printed = b""
        self._printed_length = 0
        self._fault = b""
        self._failed: Failed | None = None
        ours, theirs = socket.socketpair()
        output_read, output_write = os.pipe()
        fault_read, fault_write = os.pipe()
        try:
            self._ended = launcher.launch(number, limits, theirs.fileno(), output_write, fault_write)
        except StartError:
            ours.close()
            os.close(output_read)
            os.close(fault_read)
            raise
        finally:
            theirs.close()
            os.close(output_write)
            os.close(fault_write)
        ours.setblocking(False)
        self._channel = ours
        self._open = {output_read, fault_read}
        self._fault_read = fault_read
        loop = asyncio.get_running_loop()
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
            loop.add_reader(descriptor, self._drain, descriptor)

    async def result(self) -> RunEnd:
        """The end of the run. Cancelling this ends the process.

        Raises:
            WorkerLost: there was no run.
        """
        try:
            async with asyncio.timeout(self._limits.wall):
                report = await self._read()
        except TimeoutError:
            self._launcher.kill(self._number)
            self._stopped_for = Outcome(OutcomeKind.TIMEOUT)
            report = None
        except ProtocolError as problem:
            self._launcher.kill(self._number)
            self._stopped_for = self._stopped_for or Outcome(OutcomeKind.PROTOCOL_ERROR, str(problem))
            report = None
        except asyncio.CancelledError:
            self._launcher.kill(self._number)
            raise
        seconds = time.monotonic() - self._began
        if report is not None:
            return RunEnd(Outcome(OutcomeKind.FINISHED), report, seconds)
        if self._failed is not None:
            return RunEnd(_failure(self._failed), None, seconds)
        status = await self._status()
        self._drain_all()
        if self._stopped_for is None and not self._told and (status is None or _was_killed(status)):
            # The first thing that a process does is to tell of the kernels: no text was run yet.
            raise WorkerLost
        return RunEnd(self._outcome(status), None, seconds)

    async def clean_up(self) -> None:
        """Makes sure that the process is gone, takes what it had printed, and closes the pipes."""
        loop = asyncio.get_running_loop()
        try:
            await self._status()
        finally:
            self._drain_all()
            for descriptor in list(self._open):
                loop.remove_reader(descriptor)
                os.close(descriptor)
            self._open.clear()
            self._channel.close()
            if self._printed:
                self._log(self._printed.decode(errors="replace").rstrip())

    async def _read(self) -> Report | None:
        """The final report, or None at the end of the stream."""
        loop = asyncio.get_running_loop()
        reader = FrameReader()
        try:
            await loop.sock_sendall(self._channel, frame({"request": encode_request(self._request)}))
            while data := await loop.sock_recv(self._channel, 1 << 18):
                for payload in reader.feed(data):
                    self._told = True
                    if payload.get("kind") == "start-problem":
                        self._stopped_for = start_outcome(start_message(payload))
                        return None
                    message = run_message(payload)
                    if isinstance(message, Finished):
                        return message.report
                    if isinstance(message, Failed):
                        self._failed = message
                        return None
                    if isinstance(message, Spoiled):
                        raise ProtocolError(message.message)
                    self._listen(message)
        except ConnectionError:
            return None
        if not reader.is_between_frames:
            raise ProtocolError("the results end in the middle of a message")
        return None

    async def _status(self) -> int | None:
        """The wait status; a process that does not end by itself is killed."""
        for last in (False, True):
            try:
                return await asyncio.wait_for(asyncio.shield(self._ended), END_SECONDS / 4 if not last else END_SECONDS)
            except TimeoutError:
                if self._stopped_for is None:
                    self._stopped_for = Outcome(OutcomeKind.EXITED, "the program closed its channel to the verifier")
                self._launcher.kill(self._number)
        return None

    def _drain(self, descriptor: int) -> None:
        while descriptor in self._open:
            try:
                data = os.read(descriptor, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(descriptor)
                os.close(descriptor)
                self._open.discard(descriptor)
                return
            if descriptor == self._fault_read:
                self._fault = (self._fault + data)[:_FAULT_KEPT]
            else:
                self._printed_length += len(data)
                self._printed = (self._printed + data)[:OUTPUT_KEPT]
                if self._printed_length > OUTPUT_LIMIT:
                    if self._stopped_for is None:
                        message = f"the program printed more than {OUTPUT_LIMIT >> 20} MiB"
                        self._stopped_for = Outcome(OutcomeKind.OUTPUT_LIMIT, message)
                        self._launcher.kill(self._number)
                    return

    def _drain_all(self) -> None:
        for descriptor in list(self._open):
            self._drain(descriptor)

    def _outcome(self, status: int | None) -> Outcome:
        """What the end means; why we stopped it comes before what the system says."""
        line = self._fault_line()
        at = f" at line {line + 1}" if line is not None else ""
        wall = f"{self._limits.wall:g} s"
        stopped = self._stopped_for
        if stopped is not None and stopped.kind is OutcomeKind.TIMEOUT:
            return Outcome(OutcomeKind.TIMEOUT, f"stopped after {wall}{at}", line)
        if stopped is not None:
            return stopped
        if status is None:
            return Outcome(OutcomeKind.CRASHED, "the verifier's process was lost")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGXCPU:
                return Outcome(OutcomeKind.TIMEOUT, f"stopped after {self._limits.cpu} s of processor time{at}", line)
            name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
            if number == signal.SIGKILL:
                return Outcome(OutcomeKind.CRASHED, "the program was killed, perhaps for its use of memory", line, name)
            return Outcome(OutcomeKind.CRASHED, f"the program crashed ({name}){at}", line, name)
        code = os.waitstatus_to_exitcode(status)
        return Outcome(OutcomeKind.EXITED, f"the program ended the process with code {code}", exit_code=code)

    def _fault_line(self) -> int | None:
        """The innermost line of the checked file in the fault handler's last stack."""
        text = self._fault.decode(errors="replace")
        wanted = self._request.path.encode("ascii", "backslashreplace").decode()
        for path, line in _FRAME_LINE.findall(text):
            if path == wanted:
                return int(line) - 1
        return None


def _was_killed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _failure(failed: Failed) -> Outcome:
    if failed.exit_code is not None:
        message = f"{failed.message} with code {failed.exit_code}"
        return Outcome(OutcomeKind.EXITED, message, exit_code=failed.exit_code)
    return Outcome(OutcomeKind.FAILED, f"internal error: {failed.message}\n{failed.traceback}".rstrip())


def start_outcome(problem: object) -> Outcome:
    """What a start problem means for the run that it prevented."""
    if not isinstance(problem, StartProblem):
        raise ProtocolError("a start problem was announced and something else came")
    hint = f"\nRun: {problem.command}" if problem.command else ""
    return Outcome(
        OutcomeKind.IMPORT_ERROR, problem.message + hint, command=problem.command, module=_module(problem.module)
    )


def _module(name: str | None) -> str | None:
    """The module's name if it is one: what is installed on a click is not taken from just any text."""
    return name if name is not None and name.isidentifier() else None
