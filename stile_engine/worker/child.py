"""One run: reads a request, checks it, sends what was found, ends the process.

A run is two processes. The first reads the request, forks the second, and from then on proves and answers to
the client (``judging.py``). The second runs the text: everything after ``serve`` starts may be user code.
Nothing here outlives the run.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
import sys
import traceback
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import stile_engine.check
from stile_engine.trace.codec import decode_request
from stile_engine.trace.report import CheckRequest, Diagnostic, KernelReport, ValueInfo
from stile_engine.worker import judging, policy, sandbox
from stile_engine.worker.messages import (
    Failed,
    Finished,
    FrameReader,
    KernelDone,
    Limits,
    RunMessage,
    to_frame,
)
from stile_engine.worker.questions import Asker

FAULT_MARGIN = 0.15
"""Seconds before the wall limit at which the stack is written down, for the line of an endless loop."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is the same for all runs of a worker: the sandbox's mechanisms, and what may be read whatever is
    checked."""

    offered: sandbox.Mechanisms = field(default_factory=sandbox.mechanisms)
    readable: tuple[str, ...] = ()

    @classmethod
    def of(cls, packages: dict[str, str]) -> Cell:
        # Before anything is forked: what this computes is the same for every run.
        sandbox.prepare()
        return cls(readable=(*policy.SYSTEM, *policy.interpreter_paths(packages)))


def main(config: dict[str, Any]) -> NoReturn:
    """``single`` mode: this fresh process is the run. Called by ``bootstrap``."""
    limits, cell = Limits(**config["limits"]), Cell.of(config["packages"])
    run_alone(
        cell, limits, config["parent"], config["channel"], config["output"], config["fault"], config.get("private")
    )


def run_alone(
    cell: Cell, limits: Limits, parent: int, result: int, output: int, fault: int, private: str | None
) -> NoReturn:
    """Confines this process, serves one request, and ends the process; never returns."""
    code = 70
    try:
        sandbox.begin(limits, parent, result, output, fault)
        channel = socket.socket(fileno=sandbox.RESULT_DESCRIPTOR)
        channel.setblocking(True)
        request = _receive(channel)
        ours, theirs = socket.socketpair()
        judge_process = os.getpid()
        tracer = os.fork()
        if tracer == 0:
            ours.close()
            os.dup2(theirs.fileno(), sandbox.RESULT_DESCRIPTOR, inheritable=False)
            theirs.close()
            trace(cell, limits, judge_process, request, channel, private)
        theirs.close()
        sandbox.confine(cell.readable, None, cell.offered)
        code = judging.judge(channel, ours, tracer, request)
    except BaseException:
        with contextlib.suppress(BaseException):
            channel.sendall(to_frame(Failed("the prover failed", _traceback())))
    finally:
        os._exit(code)


def trace(
    cell: Cell, limits: Limits, parent: int, request: CheckRequest, channel: socket.socket, private: str | None
) -> NoReturn:
    """The process that runs the text; never returns."""
    code = 70
    try:
        sandbox.die_with_parent(parent)
        faulthandler.enable(sandbox.FAULT_DESCRIPTOR, all_threads=False)
        # A signal stops this thread while its stack is read. The watchdog of dump_traceback_later reads the stack
        # of a thread that goes on running, which ends many an endless loop with SIGSEGV instead of its line.
        faulthandler.register(signal.SIGALRM, sandbox.FAULT_DESCRIPTOR, all_threads=False)
        signal.setitimer(signal.ITIMER_REAL, max(limits.wall - FAULT_MARGIN, limits.wall / 2))
        enter_directory(request)
        enter_cell(cell, request, private)
        serve(channel, request)
        code = 0
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
    finally:
        _flush()
        # Not sys.exit: atexit functions and threads of user code get no say.
        os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()


def enter_cell(cell: Cell, request: CheckRequest, private: str | None) -> None:
    """From here on this process reads the interpreter and the request's workspace, and writes ``private`` only."""
    readable, modules = policy.workspace_paths(request.path, request.workspace)
    if private is not None:
        sandbox.use_private_folder(private, policy.private_environment(private))
    if modules:
        finder: Any = policy.ListedModules(modules)
        sys.meta_path.append(finder)
    sandbox.confine((*cell.readable, *readable), private, cell.offered)


def serve(channel: socket.socket, request: CheckRequest) -> None:
    """Answers the request on the channel. Frames go out as soon as there is something to tell."""

    asker = Asker(channel)

    def send(message: RunMessage) -> None:
        channel.sendall(to_frame(message))

    def finished(
        kernel: KernelReport, diagnostics: tuple[Diagnostic, ...], values: tuple[ValueInfo, ...] | None
    ) -> None:
        asker.tell(to_frame(KernelDone(kernel, tuple(diagnostics), values)))

    try:
        report = stile_engine.check.check(request, finished, asker)
        # The other half ends with the final message, and this one with it.
        _flush()
        # Its kernels and values have been sent already.
        send(Finished(replace(report, kernels=(), values=())))
    except SystemExit as problem:
        code = problem.code if isinstance(problem.code, int) else 0 if problem.code is None else 1
        send(Failed("the program ended itself", exit_code=code))
    except BaseException as problem:
        send(Failed(describe(problem), _traceback()))


def _receive(channel: socket.socket) -> CheckRequest:
    reader = FrameReader()
    while data := channel.recv(1 << 16):
        for payload in reader.feed(data):
            return decode_request(payload["request"])
    raise EOFError("the client closed the channel before it had sent a request")


def enter_directory(request: CheckRequest) -> None:
    """Relative paths in the program mean what they mean when the user runs it."""
    for directory in (request.workspace, os.path.dirname(request.path)):
        if directory and os.path.isdir(directory):
            os.chdir(directory)
            return


def describe(problem: BaseException) -> str:
    """The exception as text; its own ``__str__`` is user code and may do anything."""
    try:
        text = str(problem)
    except BaseException:
        text = "(its text could not be made)"
    return f"{type(problem).__name__}: {text}"[:2000]


def _traceback() -> str:
    try:
        return traceback.format_exc()[-8000:]
    except BaseException:
        return ""
